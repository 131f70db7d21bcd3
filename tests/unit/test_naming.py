"""Group-bys that are called as columns inside generated SQL: these step aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import pytest

from kpilayer import Project

Define = Callable[..., Project]

VISITS = """
models:
  - name: visits
    semantic_model: true
    agg_time_dimension: seen_on
    columns:
      - {name: id, entity: {type: primary, name: visit}}
      - {name: person, entity: {type: foreign, name: user}}
      - {name: kind, entity: {type: foreign, name: KIND}}
      - {name: seen_on, granularity: day, dimension: time}
  - name: buys
    semantic_model: true
    agg_time_dimension: bought_on
    columns:
      - {name: id, entity: {type: primary, name: buy}}
      - {name: person, entity: {type: foreign, name: user}}
      - {name: kind, entity: {type: foreign, name: KIND}}
      - {name: bought_on, granularity: day, dimension: time}
  - name: stays
    semantic_model: true
    agg_time_dimension: since
    active: {from: since, to: until}
    columns:
      - {name: id, entity: {type: primary, name: stay}}
      - {name: kind, entity: {type: foreign, name: KIND}}
      - {name: since, granularity: day, dimension: time}
      - {name: until, granularity: day, dimension: time}
metrics:
  - {name: visits, model: visits, agg: count}
  - {name: buys, model: buys, agg: count}
  - {name: stays, model: stays, agg: count, as_of: period_end}
  - {name: visitors, model: visits, agg: count_distinct, expr: person}
  - {name: amount, model: visits, agg: sum}
  - {name: mean, model: visits, agg: average, expr: amount}
  - {name: visitors_so_far, type: cumulative, input_metric: visitors, period_agg: last}
  - {name: visitors_7, type: cumulative, input_metric: visitors, window: 7 days, period_agg: last}
  - {name: mean_7, type: cumulative, input_metric: mean, window: 7 days, period_agg: last}
  - {name: balance, model: visits, agg: sum, expr: amount,
     non_additive_dimension: {name: seen_on, window_agg: max, group_by: [user]}}
  - {name: rate, type: conversion, entity: user, calculation: conversion_rate,
     base_metric: visits, conversion_metric: buys, window: 7 days,
     constant_properties: [{base_property: KIND, conversion_property: KIND}]}
  - {name: any_rate, type: conversion, entity: user, calculation: conversion_rate,
     base_metric: visits, conversion_metric: buys, window: 7 days, base_event: any}
  - {name: bought, type: funnel, entity: user, steps: [visits, buys]}
  - {name: per_user, type: nested, input_metric: amount, per: [user], agg: average}
  - {name: events, type: derived, expr: "COALESCE(visits, 0) + COALESCE(buys, 0)",
     input_metrics: [visits, buys]}
  - {name: user, model: visits, agg: sum, expr: amount}
  - {name: of_spenders, input_metric: visits,
     filter: "{{ Metric('user', group_by=['user']) }} > 7"}
"""
ROWS = {
    "visits": """(VALUES (1, 1, 'a', DATE '2024-01-01', 10), (2, 1, 'a', DATE '2024-01-02', 20),
        (3, 2, 'b', DATE '2024-01-01', 5)) t(id, person, kind, seen_on, amount)""",
    "buys": "(VALUES (1, 1, 'a', DATE '2024-01-03')) t(id, person, kind, bought_on)",
    "stays": "(VALUES (1, 'a', DATE '2024-01-01', NULL::DATE)) t(id, kind, since, until)",
}


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name, rows in ROWS.items():
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {rows}")
    return connection


@pytest.mark.parametrize(
    ("metric", "names", "expected"),
    [
        ("visitors_so_far", "place_in_period value", {"a": 1, "b": 1}),
        ("visitors_7", "starting_rows starting_values", {"a": 1, "b": 1}),
        ("visitors_7", "ending_rows ending_values rows_within again until", {"a": 1, "b": 1}),
        ("mean_7", "mean_7_rows mean_rows", {"a": 15, "b": 5}),
        ("balance", "date_of_row date_of_balance", {"a": 20, "b": 5}),
        ("balance", "balance_value balance_of_1", {"a": 20, "b": 5}),
        ("rate", "event_entity event_time event_number event_value", {"a": 0.5, "b": None}),
        ("rate", "event_property_1 place_of_base", {"a": 0.5, "b": None}),
        ("rate", "rate_conversions rate_base", {"a": 0.5, "b": None}),
        ("any_rate", "event_entity event_time event_number event_value", {"a": 1, "b": None}),
        ("bought", "event_entity event_time entered_at", {"a": 1, "b": 0}),
        ("bought", "reached_step_2 step_2", {"a": 1, "b": 0}),
        ("per_user", "per_user_value", {"a": 30, "b": 5}),
        ("stays", "date_held held_from held_to", {"a": 1}),
        ("events", "visits_rows buys_rows visits buys", {"a": 3, "b": 1}),
    ],
)
def test_a_group_by_may_be_called_as_a_column_inside_the_sql(
    define: Define,
    connection: duckdb.DuckDBPyConnection,
    metric: str,
    names: str,
    expected: Mapping[str, Any],
) -> None:
    for name in names.split():
        project = define(VISITS.replace("KIND", name), connection=connection)
        rows = project.query(metric, [name, "metric_time__year"]).rows()
        assert {kind: value for kind, _, value in rows} == expected, name


def test_counts_of_rows_step_aside_for_a_group_by_beside_other_metrics(
    define: Define, connection: duckdb.DuckDBPyConnection
) -> None:
    for name in ("visits_rows", "buys_rows"):
        project = define(VISITS.replace("KIND", name), connection=connection)
        rows = project.query(["events", "stays"], [name, "metric_time__year"]).rows()
        assert [(kind, *values) for kind, _, *values in rows] == [("a", 3, 1), ("b", 1, None)]


def test_the_best_members_may_be_of_a_group_by_called_as_their_place(
    define: Define, connection: duckdb.DuckDBPyConnection
) -> None:
    for name in ("place", "members_left"):
        project = define(VISITS.replace("KIND", name), connection=connection)
        asked = project.query("amount", name, top={"n": 1, "other": "rest"}, totals=[[]])
        assert [(kind, value) for kind, _, value in asked.rows()] == [
            ("a", 30), ("rest", 5), (None, 35)
        ]  # fmt: skip


def test_a_metric_may_be_called_as_the_entity_that_it_is_taken_by(
    define: Define, connection: duckdb.DuckDBPyConnection
) -> None:
    project = define(VISITS.replace("KIND", "amount"), connection=connection)
    assert project.query("of_spenders").rows() == [(2,)]
    best = project.query("visits", "amount", top={"n": 1, "by": "-amount"})
    assert best.rows() == [("a", 2)]


def test_a_dimension_may_be_called_as_a_metric_that_is_not_shown(define: Define) -> None:
    project = define(
        """
        models:
          - name: sales
            semantic_model: true
            columns:
              - {name: id, entity: {type: primary, name: amount}}
              - {name: unshown, dimension: categorical}
        metrics:
          - {name: sales, model: sales, agg: count}
          - {name: amount, model: sales, agg: sum}
        """,
        tables={"sales": "SELECT * FROM (VALUES (1, 'x', 3), (2, 'y', 4)) t(id, unshown, amount)"},
    )
    rows = project.query("sales", "amount__unshown", having="amount > 3").rows()
    assert rows == [("y", 1)]
