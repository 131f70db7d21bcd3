"""Aggregate expressions, `sql:`, are taken apart into aggregations and arithmetic over them."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

from kpilayer import Project
from kpilayer.aggregates import decompose

Define = Callable[..., Project]

MODELS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: buyer_id, entity: {type: foreign, name: buyer}}
      - {name: ordered_at, granularity: day, dimension: time}
  - name: buyers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: buyer}}
      - {name: region, dimension: categorical}
"""
ROWS = """
CREATE TABLE orders AS SELECT * FROM (VALUES
  (1, 1, DATE '2026-01-05', 10.0, true), (2, 1, DATE '2026-01-20', 30.0, false),
  (3, 2, DATE '2026-02-01', 5.0, true), (4, NULL, DATE '2026-02-02', NULL, NULL)
) t(id, buyer_id, ordered_at, amount, paid);
CREATE TABLE buyers AS SELECT * FROM (VALUES (1, 'north'), (2, 'south')) t(id, region);
"""


def answers(define: Define, sql: str, **asked: object) -> list[tuple[object, ...]]:
    metrics = f'metrics:\n  - {{name: measured, sql: "{sql}", model: orders}}\n'
    connection = duckdb.connect(":memory:")
    connection.execute(ROWS)
    project = define(MODELS + metrics, connection=connection)
    return list(project.query("measured", **asked).rows())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SUM(amount) / COUNT(DISTINCT buyer_id)", 45.0 / 2),
        ("SUM(amount) FILTER (WHERE paid) / SUM(amount)", 15.0 / 45.0),
        ("SUM(CASE WHEN paid THEN amount END) - 1", 14.0),
        ("COUNT(*) - COUNT(amount)", 1),
        ("COUNT(*) FILTER (WHERE amount > 1000)", 0),
        ("AVG(amount) + MEDIAN(amount)", 15.0 + 10.0),
        ("PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY amount)", 10.0),
        ("COALESCE(MIN(amount), 0) + GREATEST(MAX(amount), 100)", 105.0),
        ("CASE WHEN COUNT(*) > 3 THEN 'many' ELSE 'few' END", "many"),
        ("SUM(amount) / NULLIF(COUNT(*) - 4, 0)", None),
        ("SUM(amount) FILTER (WHERE buyer__region = 'north')", 40.0),
    ],
)
def test_an_aggregate_expression_means_what_it_says(
    define: Define, sql: str, expected: object
) -> None:
    ((found,),) = answers(define, sql)
    assert found == expected or float(found) == pytest.approx(expected)  # type: ignore[arg-type]


def test_it_is_computed_in_each_group(define: Define) -> None:
    rows = answers(define, "SUM(amount) / COUNT(*)", group_by="buyer__region")
    assert rows == [("north", 20.0), ("south", 5.0), (None, None)]


def test_one_aggregate_is_the_same_definition_as_a_simple_metric(define: Define) -> None:
    metrics = """
metrics:
  - {name: plain, model: orders, agg: count}
  - {name: written, model: orders, sql: COUNT(*)}
  - {name: total, model: orders, agg: sum, expr: amount}
  - {name: summed, model: orders, sql: sum( amount )}
"""
    found = {m.name: m.fingerprint for m in define(MODELS + metrics).metrics}
    assert found["plain"] == found["written"]
    assert found["total"] == found["summed"]
    assert found["plain"] != found["total"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("amount / 2", "has no aggregate"),
        ("SUM(amount) / price", "`price` stands outside an aggregate"),
        ("SUM(SUM(amount))", "aggregates an aggregate"),
        ("SUM(amount) OVER ()", "a window function"),
        ("STRING_AGG(status)", "no aggregation that a metric can have"),
        ("COUNT(DISTINCT a, b)", "no aggregation that a metric can have"),
        ("SUM(DISTINCT amount)", "no aggregation that a metric can have"),
        ("SUM(amount); DROP TABLE x", "a second statement"),
        ("(SELECT SUM(amount) FROM t)", "a query"),
    ],
)
def test_what_is_no_aggregate_expression_is_refused(sql: str, said: str) -> None:
    problems = decompose(sql, "duckdb").problems
    assert said in " ".join(p.message for p in problems)
