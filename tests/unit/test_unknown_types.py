"""What engines compute with times in other words than with numbers, where nobody tells which it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from kpilayer import Project

Define = Callable[..., Project]

ORDERS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_on, granularity: day, dimension: time}
    metrics:
      - {name: days, agg: sum, expr: 2 * (shipped_on - ordered_on)}
      - {name: later, agg: max, expr: ordered_on + INTERVAL 7 DAY}
      - {name: told, agg: sum, expr: CAST(shipped_on AS DATE) - CAST(ordered_on AS DATE)}
"""


@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_sql_without_types_says_what_was_taken_for_numbers(define: Define, dialect: str) -> None:
    compiled = define(ORDERS).prepare(["days"], dialect=dialect)
    (notice,) = compiled.notices
    assert (notice.code, notice.severity) == ("unknown-type", "warning")
    assert "`2 * (orders.shipped_on - orders.ordered_on)`" in notice.message


@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
@pytest.mark.parametrize("metric", ["later", "told"])
def test_intervals_and_casts_leave_no_doubt(define: Define, dialect: str, metric: str) -> None:
    assert define(ORDERS).prepare([metric], dialect=dialect).notices == ()


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "clickhouse"])
def test_engines_that_tell_dates_from_numbers_need_no_types(define: Define, dialect: str) -> None:
    assert define(ORDERS).prepare(["days"], dialect=dialect).notices == ()


def test_a_question_to_a_database_asks_for_the_types(define: Define) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE orders (order_id INTEGER, ordered_on DATE, shipped_on DATE)")
    connection.execute("INSERT INTO orders VALUES (1, '2024-02-28', '2024-03-01')")
    result = define(ORDERS, connection=connection).query(["days"])
    assert result.rows() == [(4,)]
    assert result.notices == ()
