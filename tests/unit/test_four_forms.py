"""The same metrics in dbt's latest spec, its legacy spec, MetricFlow's documents and dbt's artefact
are the same metrics: one fingerprint each, and the same SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kpilayer import Project

Define = Callable[..., Project]

LATEST = """
models:
  - name: calendar
    time_spine: {standard_granularity_column: day_on}
    columns: [{name: day_on, granularity: day}]
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
    derived_semantics:
      dimensions: [{name: is_large, type: categorical, expr: amount > 100}]
    metrics:
      - {name: revenue, agg: sum, expr: amount, filter: "{{ Dimension('order__status') }} = 'paid'"}
      - {name: orders, agg: count, expr: 1}
      - {name: noted_orders, agg: count, expr: note}
      - {name: large_orders, agg: sum_boolean, expr: amount > 100}
      - {name: buyers, agg: count_distinct, expr: customer_id}
      - {name: middle_amount, agg: median, expr: amount}
      - {name: high_amount, agg: percentile, expr: amount, percentile: 0.9,
         percentile_type: discrete}
      - {name: daily_revenue, agg: sum, expr: amount, fill_nulls_with: 0, join_to_timespine: true}
      - {name: stock, agg: sum, expr: amount,
         non_additive_dimension: {name: ordered_at, window_agg: max, group_by: [customer]}}
  - name: customers
    semantic_model: true
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: country, dimension: categorical}
  - name: visits
    semantic_model: true
    primary_entity: visit
    agg_time_dimension: visited_at
    columns:
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: visited_at, granularity: day, dimension: time}
    metrics:
      - {name: visits, agg: count, expr: 1}
metrics:
  - {name: revenue_per_order, type: ratio, denominator: orders,
     numerator: {name: revenue, filter: "{{ Dimension('customer__country') }} = 'DE'"}}
  - {name: revenue_trend, type: derived, expr: revenue - before,
     input_metrics: [revenue, {name: revenue, alias: before, offset_window: 1 month}]}
  - {name: revenue_28, type: cumulative, input_metric: revenue, window: 28 days}
  - {name: orders_mtd, type: cumulative, input_metric: orders, grain_to_date: month,
     period_agg: last}
  - {name: bought, type: conversion, entity: customer, calculation: conversion_rate,
     base_metric: visits, conversion_metric: orders, window: 7 days}
saved_queries:
  - name: board
    query_params:
      metrics: [revenue]
      group_by: ["TimeDimension('metric_time', 'month')"]
"""

_SEMANTIC_MODELS = """
  - name: orders
    {where[orders]}
    defaults: {{agg_time_dimension: ordered_at}}
    entities:
      - {{name: order, type: primary, expr: order_id}}
      - {{name: customer, type: foreign, expr: customer_id}}
    dimensions:
      - {{name: ordered_at, type: time, type_params: {{time_granularity: day}}}}
      - {{name: status, type: categorical}}
      - {{name: is_large, type: categorical, expr: amount > 100}}
    measures:
      - {{name: amount, agg: sum}}
      - {{name: orders, agg: count, expr: "1", create_metric: true}}
      - {{name: noted_orders, agg: count, expr: note, create_metric: true}}
      - {{name: large_orders, agg: sum_boolean, expr: amount > 100, create_metric: true}}
      - {{name: buyers, agg: count_distinct, expr: customer_id, create_metric: true}}
      - {{name: middle_amount, agg: median, expr: amount, create_metric: true}}
      - {{name: high_amount, agg: percentile, expr: amount, create_metric: true,
         agg_params: {{percentile: 0.9, use_discrete_percentile: true}}}}
      - {{name: stock, agg: sum, expr: amount, create_metric: true, non_additive_dimension:
         {{name: ordered_at, window_choice: max, window_groupings: [customer]}}}}
  - name: customers
    {where[customers]}
    entities: [{{name: customer, type: primary, expr: customer_id}}]
    dimensions: [{{name: country, type: categorical}}]
  - name: visits
    {where[visits]}
    defaults: {{agg_time_dimension: visited_at}}
    primary_entity: visit
    entities: [{{name: customer, type: foreign, expr: customer_id}}]
    dimensions:
      - {{name: visited_at, type: time, type_params: {{time_granularity: day}}}}
    measures:
      - {{name: visits, agg: COUNT, expr: "1", create_metric: true}}
"""
_METRICS = """
  - name: revenue
    type: simple
    type_params: {measure: {name: amount, filter: "{{ Dimension('order__status') }} = 'paid'"}}
  - name: daily_revenue
    type: simple
    type_params: {measure: {name: amount, fill_nulls_with: 0, join_to_timespine: true}}
  - name: revenue_per_order
    type: ratio
    type_params:
      numerator: {name: revenue, filter: "{{ Dimension('customer__country') }} = 'DE'"}
      denominator: {name: orders}
  - name: revenue_trend
    type: derived
    type_params:
      expr: revenue - before
      metrics: [{name: revenue}, {name: revenue, alias: before, offset_window: 1 month}]
  - name: revenue_28
    type: cumulative
    type_params:
      measure: {name: amount, filter: "{{ Dimension('order__status') }} = 'paid'"}
      cumulative_type_params: {window: 28 days}
  - name: orders_mtd
    type: cumulative
    type_params:
      measure: {name: orders}
      cumulative_type_params: {grain_to_date: month, period_agg: last}
  - name: bought
    type: conversion
    type_params:
      conversion_type_params:
        {entity: customer, calculation: conversion_rate, base_measure: {name: visits},
         conversion_measure: {name: orders}, window: 7 days}
"""
_BOARD = """
  - name: board
    query_params:
      metrics: [revenue]
      group_by: ["TimeDimension('metric_time', 'month')"]
"""


def _legacy() -> str:
    models = _SEMANTIC_MODELS.format(
        where={name: f"model: ref('{name}')" for name in ("orders", "customers", "visits")}
    )
    spine = LATEST[: LATEST.index("  - name: orders")]
    return f"{spine}\nsemantic_models:{models}\nmetrics:{_METRICS}\nsaved_queries:{_BOARD}"


def _documents() -> str:
    """MetricFlow's stand-alone form: a document for each definition."""
    models = _SEMANTIC_MODELS.format(
        where={
            name: f"node_relation: {{schema_name: main, alias: {name}}}"
            for name in ("orders", "customers", "visits")
        }
    )
    spine = """
project_configuration:
  time_spines:
    - node_relation: {schema_name: main, alias: calendar}
      primary_column: {name: day_on, time_granularity: day}
"""
    found = [spine]
    for key, text in (("semantic_model", models), ("metric", _METRICS), ("saved_query", _BOARD)):
        for entry in text.strip("\n").split("\n  - ")[0:]:
            body = entry.removeprefix("  - ").replace("\n    ", "\n  ")
            found.append(f"{key}:\n  {body}\n")
    return "---\n".join(found)


def _simple(name: str, agg: str, expr: str, model: str, time: str, **more: Any) -> dict[str, Any]:
    own = {
        "semantic_model": model,
        "agg": agg,
        "agg_params": more.pop("agg_params", None),
        "agg_time_dimension": time,
        "non_additive_dimension": more.pop("non_additive_dimension", None),
    }
    where = more.pop("filter", None)
    params = {"metric_aggregation_params": own, "expr": expr, "measure": None, "metrics": []} | more
    held = {"where_filters": [{"where_sql_template": where}]} if where else None
    return {"name": name, "type": "simple", "type_params": params, "filter": held}


def _artefact() -> str:
    """As dbt 1.12 writes target/semantic_manifest.json: counts are sums of CASE there."""
    paid = "{{ Dimension('order__status') }} = 'paid'"

    def model(name: str, **more: Any) -> dict[str, Any]:
        relation = {
            "alias": name,
            "schema_name": "dev_analytics",
            "database": "warehouse",
            "relation_name": f'"warehouse"."dev_analytics"."{name}"',
        }
        return {"name": name, "node_relation": relation, "primary_entity": None} | more

    def time(name: str) -> dict[str, Any]:
        params = {"time_granularity": "day", "validity_params": None}
        return {"name": name, "type": "time", "expr": None, "type_params": params}

    def case(held: str) -> str:
        return f"CASE WHEN {held} THEN 1 ELSE 0 END"

    orders = ("orders", "ordered_at")
    middle = {"percentile": 0.5, "use_discrete_percentile": False}
    high = {"percentile": 0.9, "use_discrete_percentile": True}
    balance = {"name": "ordered_at", "window_choice": "max", "window_groupings": ["customer"]}
    month = {"count": 1, "granularity": "month"}
    input_28 = {"name": "revenue", "filter": None, "alias": None}
    german = "{{ Dimension('customer__country') }} = 'DE'"
    metrics = [
        _simple("revenue", "sum", "amount", *orders, filter=paid),
        _simple("orders", "sum", "1", *orders),
        _simple("noted_orders", "sum", case("note IS NOT NULL"), *orders),
        _simple("large_orders", "sum", case("amount > 100"), *orders),
        _simple("buyers", "count_distinct", "customer_id", *orders),
        _simple("middle_amount", "percentile", "amount", *orders, agg_params=middle),
        _simple("high_amount", "percentile", "amount", *orders, agg_params=high),
        _simple(
            "daily_revenue", "sum", "amount", *orders, fill_nulls_with=0, join_to_timespine=True
        ),
        _simple("stock", "sum", "amount", *orders, non_additive_dimension=balance),
        _simple("visits", "sum", "1", "visits", "visited_at"),
        {
            "name": "revenue_per_order",
            "type": "ratio",
            "type_params": {
                "numerator": {
                    "name": "revenue",
                    "filter": {"where_filters": [{"where_sql_template": german}]},
                },
                "denominator": {"name": "orders", "filter": None},
                "metrics": [],
            },
        },
        {
            "name": "revenue_trend",
            "type": "derived",
            "type_params": {
                "expr": "revenue - before",
                "metrics": [
                    {"name": "revenue", "alias": None, "offset_window": None},
                    {"name": "revenue", "alias": "before", "offset_window": month},
                ],
            },
        },
        {
            "name": "revenue_28",
            "type": "cumulative",
            "type_params": {
                "cumulative_type_params": {
                    "metric": input_28,
                    "window": {"count": 28, "granularity": "day"},
                    "grain_to_date": None,
                    "period_agg": "first",
                }
            },
        },
        {
            "name": "orders_mtd",
            "type": "cumulative",
            "type_params": {
                "cumulative_type_params": {
                    "metric": {"name": "orders"},
                    "window": None,
                    "grain_to_date": "month",
                    "period_agg": "last",
                }
            },
        },
        {
            "name": "bought",
            "type": "conversion",
            "type_params": {
                "conversion_type_params": {
                    "entity": "customer",
                    "calculation": "conversion_rate",
                    "base_metric": {"name": "visits"},
                    "conversion_metric": {"name": "orders"},
                    "window": {"count": 7, "granularity": "day"},
                    "constant_properties": None,
                }
            },
        },
    ]
    customer = {"name": "customer", "expr": "customer_id", "role": None}
    models = [
        model(
            "orders",
            defaults={"agg_time_dimension": "ordered_at"},
            entities=[
                {"name": "order", "type": "primary", "expr": "order_id"},
                {**customer, "type": "foreign"},
            ],
            dimensions=[
                time("ordered_at"),
                {"name": "status", "type": "categorical", "expr": None, "type_params": None},
                {"name": "is_large", "type": "categorical", "expr": "amount > 100"},
            ],
            measures=[],
        ),
        model(
            "customers",
            entities=[{**customer, "type": "primary"}],
            dimensions=[{"name": "country", "type": "categorical"}],
            measures=[],
        ),
        model(
            "visits",
            defaults={"agg_time_dimension": "visited_at"},
            primary_entity="visit",
            entities=[{**customer, "type": "foreign"}],
            dimensions=[time("visited_at")],
            measures=[],
        ),
    ]
    return json.dumps(
        {
            "semantic_models": models,
            "metrics": metrics,
            "project_configuration": {"time_spines": [], "dsi_package_version": {}},
            "saved_queries": [
                {
                    "name": "board",
                    "query_params": {
                        "metrics": ["revenue"],
                        "group_by": ["TimeDimension('metric_time', 'month')"],
                        "where": None,
                    },
                    "exports": [],
                }
            ],
        }
    )


def _project(define: Define, form: str) -> Project:
    if form == "artefact":
        files = {
            "kpilayer.yml": "name: shop\nmodel-paths: [target/semantic_manifest.json]\n",
            "target/semantic_manifest.json": _artefact(),
        }
        return define(files=files)
    return define({"latest": LATEST, "legacy": _legacy(), "documents": _documents()}[form])


FORMS = ("latest", "legacy", "documents", "artefact")


@pytest.mark.parametrize("form", FORMS)
def test_each_form_loads_without_a_problem(define: Define, form: str) -> None:
    found = [i for i in _project(define, form).check() if i.code != "unlocked-relation"]
    assert found == []


@pytest.mark.parametrize("form", FORMS[1:])
def test_the_same_metrics_have_the_same_fingerprints(
    define: Define, tmp_path: Any, form: str
) -> None:
    latest = {m.name: m.fingerprint for m in _project(define, "latest").metrics}
    other = {m.name: m.fingerprint for m in _project(define, form).metrics if not m.hidden}
    assert len(latest) == 15
    assert other == latest


@pytest.mark.parametrize("form", FORMS[1:3])
def test_the_same_metrics_are_the_same_sql(define: Define, form: str) -> None:
    def texts(project: Project) -> dict[str, str]:
        found = {}
        for metric in ("revenue", "orders", "buyers", "revenue_per_order", "middle_amount"):
            found[metric] = project.compile(metric, "metric_time__month")
        return found

    in_place = {
        name: sql.replace("main.", "") for name, sql in texts(_project(define, form)).items()
    }
    assert in_place == texts(_project(define, "latest"))


def test_counts_from_an_artefact_are_computed_like_counts(define: Define) -> None:
    """dbt rewrites counts into sums; over the same rows they are the same numbers."""
    rows = "SELECT * FROM (VALUES (1, 1, DATE '2024-01-01', 'paid', 150, 'x'), "
    rows += "(2, 1, DATE '2024-01-02', 'open', 50, NULL)) "
    rows += "AS t(order_id, customer_id, ordered_at, status, amount, note)"
    found = []
    for form in ("latest", "artefact"):
        project = _project(define, form)
        import duckdb

        connection = duckdb.connect(":memory:")
        connection.execute("ATTACH ':memory:' AS warehouse; CREATE SCHEMA warehouse.dev_analytics")
        connection.execute(f"CREATE TABLE orders AS {rows}")
        connection.execute(f"CREATE TABLE warehouse.dev_analytics.orders AS {rows}")
        project = Project.load(project.root, connection=connection)
        found.append(project.query(["orders", "noted_orders", "large_orders"]).rows())
    assert found[0] == found[1] == [(2, 1, 1)]


@pytest.mark.parametrize("form", FORMS)
def test_a_trailing_metric_is_computed_in_every_form(define: Define, form: str) -> None:
    sql = _project(define, form).compile("revenue_28", "metric_time__month")
    assert "- INTERVAL '28' DAY" in sql
