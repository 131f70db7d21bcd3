"""Metric views as text: what is in them, what they are called, and what is left out and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

import kpilayer.cli
from kpilayer import Project, QueryError
from kpilayer.cli.main import cli
from kpilayer.interop.metric_view import MetricViews
from kpilayer.plan.frame import KINDS
from kpilayer.plan.model_view import _RULES
from tests.conftest import Define

SCHEMA = json.loads(Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text())

SHOP = """
models:
  - name: orders
    relation: shop.orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, granularity: day, dimension: {type: time}}
      - {name: paid_on, granularity: month, dimension: {type: time}}
      - {name: status, dimension: categorical}
      - {name: name, dimension: categorical}
  - name: customers
    relation: shop.customers
    semantic_model: true
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: country_id, entity: {type: foreign, name: country}}
      - {name: name, dimension: categorical}
      - {name: since, granularity: day, dimension: {type: time}}
  - name: countries
    relation: shop.countries
    semantic_model: true
    columns:
      - {name: country_id, entity: {type: primary, name: country}}
      - {name: continent, dimension: categorical}
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount, filter: "order__status <> 'void'"}
  - {name: sales, model: orders, agg: count}
"""
MORE = {
    "lines": """
  - name: lines
    relation: shop.lines
    semantic_model: true
    agg_time_dimension: packed_on
    columns:
      - {name: line_id, entity: {type: primary, name: line}}
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: packed_on, granularity: day, dimension: {type: time}}
      - {name: colour, dimension: categorical}
""",
    "levels": """
  - name: levels
    relation: shop.levels
    semantic_model: true
    columns:
      - {name: customer_id, entity: {type: natural, name: customer_level}}
      - {name: level, dimension: categorical}
      - {name: since, granularity: day, dimension: {type: time, validity_params: {is_start: true}}}
      - {name: until, granularity: day, dimension: {type: time, validity_params: {is_end: true}}}
""",
}

LOCK = """
dialect: duckdb
relations:
  shop.orders:
    columns:
      order_id: {type: BIGINT}
      customer_id: {type: BIGINT}
      ordered_on: {type: DATE}
      paid_on: {type: TIMESTAMP}
      amount: {type: 'DECIMAL(9,2)'}
      status: {type: VARCHAR}
      name: {type: VARCHAR}
"""


def shop(define: Define, metrics: str = "", models: str = "", **options: Any) -> Project:
    """The shop with more metrics, a line each, and more models."""
    text = SHOP.replace("metrics:\n", f"{models}metrics:\n")
    lines = "".join(f"  - {line}\n" for line in metrics.splitlines() if line)
    return define(text + lines, **options)


def definition(views: MetricViews) -> dict[str, Any]:
    """The YAML of the only view."""
    (view,) = views.views
    whole: dict[str, Any] = yaml.safe_load(view.statements[-1].split("$$")[1])
    return whole


def reasons(views: MetricViews) -> dict[str, str]:
    return {one.name: one.reason for one in views.left_out}


# --------------------------------------------------------------------------------------------- text


def test_a_script_drops_the_metric_view_and_makes_it_over_a_view_of_rows(define: Define) -> None:
    (view,) = shop(define).export_spark("revenue", joins=0).views
    assert view.text == (
        "-- kpilayer: metrics of `orders` as a metric view, for Spark 4.2 and later\n"
        "-- revenue f1:a6df292627d2c564, over time by ordered_on\n"
        "-- left out: dimensions more than 0 joins away: 4\n"
        "SET spark.sql.ansi.enabled = true;\n"
        "SET spark.sql.session.timeZone = UTC;\n"
        "SET spark.sql.timestampType = TIMESTAMP_LTZ;\n"
        "SET spark.sql.variable.substitute = false;\n"
        "SET spark.sql.parser.escapedStringLiterals = false;\n"
        "SET spark.sql.ansi.doubleQuotedIdentifiers = false;\n"
        "SET spark.sql.decimalOperations.allowPrecisionLoss = false;\n"
        "DROP VIEW IF EXISTS orders_metrics;\n"
        "CREATE OR REPLACE VIEW orders_rows AS\n"
        "SELECT\n"
        "  orders.customer_id AS customer,\n"
        "  orders.order_id AS `order`,\n"
        "  orders.name,\n"
        "  CAST(orders.ordered_on AS DATE) AS ordered_on,\n"
        "  CAST(DATE_TRUNC('week', orders.ordered_on) AS DATE) AS ordered_on__week,\n"
        "  CAST(DATE_TRUNC('month', orders.ordered_on) AS DATE) AS ordered_on__month,\n"
        "  CAST(DATE_TRUNC('quarter', orders.ordered_on) AS DATE) AS ordered_on__quarter,\n"
        "  CAST(DATE_TRUNC('year', orders.ordered_on) AS DATE) AS ordered_on__year,\n"
        "  CAST(DATE_TRUNC('month', orders.paid_on) AS DATE) AS paid_on,\n"
        "  CAST(DATE_TRUNC('quarter', orders.paid_on) AS DATE) AS paid_on__quarter,\n"
        "  CAST(DATE_TRUNC('year', orders.paid_on) AS DATE) AS paid_on__year,\n"
        "  orders.status,\n"
        "  orders.status <> 'void' AS revenue__counts,\n"
        "  orders.amount\n"
        "FROM shop.orders;\n"
        "CREATE VIEW orders_metrics WITH METRICS LANGUAGE YAML AS\n"
        "$$\n"
        "version: '0.1'\n"
        "source: orders_rows\n"
        "dimensions:\n"
        "- name: customer\n  expr: customer\n"
        "- name: order\n  expr: '`order`'\n"
        "- name: name\n  expr: name\n"
        "- name: ordered_on\n  expr: ordered_on\n"
        "- name: ordered_on__week\n  expr: ordered_on__week\n"
        "- name: ordered_on__month\n  expr: ordered_on__month\n"
        "- name: ordered_on__quarter\n  expr: ordered_on__quarter\n"
        "- name: ordered_on__year\n  expr: ordered_on__year\n"
        "- name: paid_on\n  expr: paid_on\n"
        "- name: paid_on__quarter\n  expr: paid_on__quarter\n"
        "- name: paid_on__year\n  expr: paid_on__year\n"
        "- name: status\n  expr: status\n"
        "measures:\n"
        "- name: revenue\n  expr: SUM(CASE WHEN revenue__counts THEN amount END)\n"
        "$$;\n"
    )


def test_dimensions_have_the_last_part_of_their_name_where_nothing_else_has_it(
    define: Define,
) -> None:
    (view,) = shop(define, "{name: status, model: orders, agg: count}").export_spark().views
    names = {asked: name for name, asked in view.dimensions}
    assert names["customer__since"] == "since"
    assert names["customer__country__continent"] == "continent"
    assert (names["order__name"], names["customer__name"]) == ("order__name", "customer__name")
    assert names["order__status"] == "order__status"  # a metric is called so


def test_weeks_begin_when_the_project_says(define: Define) -> None:
    files = {"kpilayer.yml": "name: shop\nweek_start: sunday\n"}
    (view,) = shop(define, files=files).export_spark("sales").views
    week = next(line for line in view.statements[1].splitlines() if "ordered_on__week" in line)
    assert "INTERVAL" in week or "DATE_ADD" in week, week


def test_measures_are_arithmetic_over_aggregates_of_columns(define: Define) -> None:
    metrics = """
{name: basket, type: ratio, numerator: revenue, denominator: sales}
{name: lost, type: derived, expr: "sales - COALESCE(paid, 0)", input_metrics: [sales, paid]}
{name: paid, model: orders, agg: count, filter: "order__status = 'paid'", fill_nulls_with: 0}
{name: people, model: orders, agg: count_distinct, expr: customer_id}
"""
    found = definition(shop(define, metrics).export_spark())
    paid = "NULLIF(COUNT(CASE WHEN paid_rows__counts THEN 1 END), 0)"
    either = f"NOT NULLIF(COUNT(*), 0) IS NULL OR NOT {paid} IS NULL"
    revenue = "SUM(CASE WHEN revenue__counts THEN amount END)"
    assert {one["name"]: one["expr"] for one in found["measures"]} == {
        "basket": f"CAST({revenue} AS DOUBLE) / NULLIF(NULLIF(COUNT(*), 0), 0)",
        "lost": f"CASE WHEN {either} "
        f"THEN NULLIF(COUNT(*), 0) - COALESCE(COALESCE({paid}, 0), 0) END",
        "paid": f"COALESCE({paid}, 0)",
        "people": "COUNT(DISTINCT customer)",
        "revenue": revenue,
        "sales": "NULLIF(COUNT(*), 0)",
    }


def test_a_value_that_makes_something_of_nothing_asks_whether_a_row_counts(define: Define) -> None:
    metrics = """
{name: paid, model: orders, agg: count, filter: "order__status = 'paid'"}
{name: doubled, type: derived, expr: "COALESCE(paid, 0) * 2", input_metrics: [paid]}
"""
    found = definition(shop(define, metrics).export_spark("doubled"))
    paid = "NULLIF(COUNT(CASE WHEN paid_rows__counts THEN 1 END), 0)"
    assert found["measures"] == [
        {
            "name": "doubled",
            "expr": f"CASE WHEN NOT {paid} IS NULL THEN COALESCE({paid}, 0) * 2 END",
        }
    ]


def test_two_dollars_do_not_end_the_definition(define: Define) -> None:
    metrics = """
{name: a_name, model: orders, agg: any_value, expr: name}
{name: is_odd, type: derived, expr: "CASE WHEN a_name = '$$' THEN 1 END", input_metrics: [a_name]}
"""
    views = shop(define, metrics, files={"kpilayer.lock": LOCK}).export_spark("is_odd")
    assert views.views[0].text.count("$$") == 2
    assert definition(views)["measures"][0]["expr"] == (
        "CASE WHEN NOT NULLIF(COUNT(*), 0) IS NULL THEN CASE WHEN MIN(order__name) = '$$' THEN 1 END END"
    )


def test_each_model_has_a_view_of_its_own(define: Define) -> None:
    metrics = "{name: people, model: customers, agg: count}"
    views = shop(define, metrics).export_spark().views
    assert [(v.model, v.name, v.rows) for v in views] == [
        ("customers", "customers_metrics", "customers_rows"),
        ("orders", "orders_metrics", "orders_rows"),
    ]


def test_a_metric_over_a_joined_time_is_shown_by_it(define: Define) -> None:
    metrics = "{name: joined, model: orders, agg: count, agg_time_dimension: customer__since}"
    (view,) = shop(define, metrics).export_spark().views
    assert {one.name: one.times for one in view.measures}["joined"] == ("since",)
    assert "since__month" in dict(view.dimensions)


# ----------------------------------------------------------------------------------- what is chosen


def test_hidden_metrics_have_to_be_named(define: Define) -> None:
    project = shop(define, "{name: secret, model: orders, agg: count, hidden: true}")
    assert [m.name for m in project.export_spark().views[0].measures] == ["revenue", "sales"]
    assert [m.name for m in project.export_spark("secret").views[0].measures] == ["secret"]


def test_dimensions_further_away_are_left_out_unless_asked_for(define: Define) -> None:
    project = shop(define)
    columns = {
        joins: {name for name, _ in project.export_spark(joins=joins).views[0].dimensions}
        for joins in (0, 1, 2)
    }
    assert columns[2] - columns[1] == {"continent"}
    assert "since" in columns[1] - columns[0]
    heading = project.export_spark(joins=1).views[0].heading
    assert "-- left out: dimensions more than 1 joins away: 1\n" in heading


def test_a_number_of_joins_is_a_whole_number(define: Define) -> None:
    with pytest.raises(QueryError, match="`joins` takes a whole number, and not `'all'`"):
        shop(define).export_spark(joins="all")  # type: ignore[arg-type]


# -------------------------------------------------------------------------------- what is left out


def test_every_rule_has_a_reason() -> None:
    assert set(_RULES) == {*KINDS, "regrouped"} - {"rows", "rolling"}


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("type: cumulative, input_metric: sales", "a running total counts rows of other dates"),
        (
            "type: derived, expr: sales, input_metrics: [{name: sales, offset_window: 1 month}]",
            "an earlier value counts rows of other dates",
        ),
        (
            "type: conversion, entity: customer, base_metric: sales, conversion_metric: payments",
            "conversions are found by matching rows of two events",
        ),
        ("type: funnel, entity: customer, steps: [sales, payments]", "the steps of a funnel are"),
        ("type: nested, agg: average, input_metric: sales, per: customer", "aggregated twice"),
        ("type: share, input_metric: sales", "an input has fewer group-bys than the metric"),
        (
            "model: orders, agg: sum, expr: amount, non_additive_dimension: {name: ordered_on, "
            "window_agg: max}",
            "a balance counts the rows of one date alone",
        ),
        ("model: orders, agg: count, join_to_timespine: true", "values to dates without rows"),
        ("type: ratio, numerator: sales, denominator: packed", "it counts rows of several models"),
        (
            "model: orders, agg: count, filter: \"{{ Dimension('line__colour') }} = 'red'\"",
            "its filter is about what a row has many of",
        ),
        (
            "model: orders, agg: percentile, percentile: 0.5, percentile_type: discrete, "
            "expr: amount",
            "spark finds a value of the data at a percentile by ranking rows",
        ),
        (
            "model: orders, agg: sum, expr: amount, version: 2, previous: [{version: 1, "
            "until: 2025-12-31, restate: false, reason: new, expr: amount + tax}]",
            "numbers of its former versions stand for their days",
        ),
        ("model: orders, agg: count, filter: \"order__name SIMILAR TO 'a%'\"", "is not known to"),
    ],
)
def test_what_is_no_aggregate_over_rows_of_one_model_is_left_out(
    define: Define, metric: str, reason: str
) -> None:
    lines = "{name: packed, model: lines, agg: count}\n"
    lines += "{name: payments, model: orders, agg: count, filter: \"order__status = 'paid'\"}\n"
    lines += f"{{name: other, {metric}}}"
    views = shop(define, lines, MORE["lines"]).export_spark()
    assert list(reasons(views)) == ["other"]
    assert reason in reasons(views)["other"]
    assert "-- left out: metric other: " in views.views[-1].heading
    made = {measure.name for view in views.views for measure in view.measures}
    assert made == {"packed", "payments", "revenue", "sales"}


def test_rows_that_hold_over_an_interval_are_left_out(define: Define) -> None:
    models = """
  - name: contracts
    semantic_model: true
    primary_entity: contract
    active: {from: since, to: until}
    columns: [{name: since, granularity: day, dimension: {type: time}}]
"""
    metric = "{name: running, model: contracts, agg: count, as_of: period_end}"
    views = shop(define, metric, models).export_spark()
    assert reasons(views) == {
        "running": "rows that hold over an interval count at every date of it"
    }


def test_models_with_row_access_are_left_out(define: Define) -> None:
    models = """
  - name: tickets
    semantic_model: true
    primary_entity: ticket
    row_access: {filter: "ticket__region = {{ role.region }}"}
    columns:
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: region, dimension: categorical}
"""
    metric = "{name: opened, model: tickets, agg: count}"
    views = shop(define, metric, models).export_spark()
    assert reasons(views) == {
        "opened": "`tickets` has row access, and a view does not know who asks"
    }


def test_masked_metrics_and_what_is_computed_from_them_are_left_out(define: Define) -> None:
    metrics = "{name: secret, model: orders, agg: sum, expr: amount, mask: {unless: [finance]}}\n"
    metrics += "{name: twice, type: derived, expr: secret * 2, input_metrics: [secret]}\n"
    metrics += "{name: open_to_all, model: orders, agg: count}"
    why = "it is masked, and who reads a metric view sees all values"
    assert reasons(shop(define, metrics).export_spark()) == {"secret": why, "twice": why}


def test_dimensions_of_models_with_row_access_are_left_out(define: Define) -> None:
    text = SHOP.replace("  - name: countries\n", "  - name: countries\n    row_access: "
                        "{filter: \"country__continent = {{ role.continent }}\"}\n")  # fmt: skip
    views = define(text).export_spark()
    assert reasons(views) == {
        "customer__country__continent": "`countries` has row access, and a view does not know who "
        "asks"
    }
    assert "continent" not in dict(views.views[0].dimensions)


@pytest.mark.parametrize(
    ("formula", "is_exported"),
    [
        ("last_order - first_order", True),
        ("CASE WHEN last_order > '2026-01-01' THEN 1 END", True),  # a date is one everywhere
        ("last_payment - last_order", True),
        ("CASE WHEN last_payment > '2026-01-01' THEN 1 END", False),
        ("CAST(last_payment AS DATE)", False),
        ("EXTRACT(year FROM last_payment)", False),
        ("largest * 2", True),
    ],
)
def test_arithmetic_that_reads_a_time_in_the_zone_of_a_session_is_left_out(
    define: Define, formula: str, is_exported: bool
) -> None:
    inputs = {
        "first_order": "min, expr: ordered_on",
        "last_order": "max, expr: ordered_on",
        "last_payment": "max, expr: paid_on",
        "largest": "max, expr: amount",
    }
    used = ", ".join(name for name in inputs if name in formula)
    metrics = "".join(f"{{name: {n}, model: orders, agg: {agg}}}\n" for n, agg in inputs.items())
    metrics += f'{{name: asked, type: derived, expr: "{formula}", input_metrics: [{used}]}}'
    views = shop(define, metrics, files={"kpilayer.lock": LOCK}).export_spark()
    why = "it computes with a time, of which each session has its own zone"
    assert reasons(views) == ({} if is_exported else {"asked": why})


def test_versions_are_those_of_one_time(define: Define) -> None:
    text = SHOP.replace(
        "      - {name: status,",
        "      - {name: level_id, entity: {type: foreign, name: customer_level}}\n"
        "      - {name: status,",
    ).replace("metrics:\n", MORE["levels"] + "metrics:\n")
    golden = (
        "  - {name: golden, model: orders, agg: count, filter: \"customer_level__level = 'g'\"}\n"
    )
    views = define(text + golden).export_spark()
    assert reasons(views) == {}
    assert "level" in dict(views.views[0].dimensions)
    paid = "  - {name: paid, model: orders, agg: count, agg_time_dimension: paid_on}\n"
    views = define(text + golden + paid).export_spark()
    assert reasons(views)["golden"] == (
        "it needs the versions that held at its time, and metrics of `orders` have several"
    )
    assert reasons(views)["customer_level__level"] == (
        "metrics have several times, at which other versions of `levels` hold"
    )
    assert [m.name for m in views.views[0].measures] == ["paid", "revenue", "sales"]
    share = "  - {name: share, type: ratio, numerator: golden, denominator: paid}\n"
    views = define(text + golden + paid + share).export_spark(["share", "sales"])
    assert reasons(views) == {"share": "it needs the versions of rows that held at several times"}
    late = golden.replace("golden", "late").replace("count,", "count, agg_time_dimension: paid_on,")
    with pytest.raises(QueryError) as error:
        define(text + golden + late).export_spark(["golden", "late"])
    assert len(error.value.issues) == 2


def test_a_dimension_whose_entity_is_called_as_a_metric_is_left_out(define: Define) -> None:
    views = shop(define, "{name: customer, model: orders, agg: count}").export_spark()
    assert reasons(views) == {"customer": "a metric is called so"}


def test_a_view_never_takes_the_place_of_a_table_that_is_read(define: Define) -> None:
    text = SHOP.replace("relation: shop.customers", "relation: orders_rows")
    with pytest.raises(QueryError) as error:
        define(text).export_spark()
    assert [issue.message for issue in error.value.issues] == [
        f"`{name}` is no measure of Spark: its view would take the place of `orders_rows`, which "
        "the project reads"
        for name in ("revenue", "sales")
    ]


def test_nothing_that_can_be_a_measure_is_an_error(define: Define) -> None:
    project = shop(define, "{name: so_far, type: cumulative, input_metric: sales}")
    with pytest.raises(QueryError) as error:
        project.export_spark("so_far")
    assert [(i.code, i.message) for i in error.value.issues] == [
        (
            "unsupported-in-dialect",
            "`so_far` is no measure of Spark: a running total counts rows of other dates",
        )
    ]


# ------------------------------------------------------------------------------------- command line


def run(project: Project, *args: str) -> Result:
    return CliRunner().invoke(cli, ["-C", str(project.root), "export", "spark", *args])


def test_scripts_are_printed_and_what_is_left_out_is_told(define: Define) -> None:
    project = shop(define, "{name: so_far, type: cumulative, input_metric: sales}")
    result = run(project)
    assert result.exit_code == 0
    assert result.stdout == Project.load(project.root).export_spark().views[0].text
    assert result.stderr.splitlines() == [
        "2 metrics in 1 metric view",
        "Left out 1 metric, since a running total counts rows of other dates: so_far",
    ]


def test_a_folder_gets_a_file_for_each_model(define: Define, tmp_path: Path) -> None:
    project = shop(define, "{name: people, model: customers, agg: count}")
    result = run(project, "-o", str(tmp_path / "views"))
    assert result.exit_code == 0
    made = {path.name: path.read_text() for path in (tmp_path / "views").iterdir()}
    views = Project.load(project.root).export_spark().views
    assert made == {f"{view.model}.sql": view.text for view in views}


def test_the_envelope_has_views_and_what_is_left_out(define: Define) -> None:
    project = shop(define, "{name: so_far, type: cumulative, input_metric: sales}")
    result = run(project, "-f", "json")
    envelope = json.loads(result.stdout)
    jsonschema.validate(envelope, SCHEMA)
    assert envelope["schema"] == "kpilayer/export-spark@1"
    assert envelope["results"][0]["measures"][1]["expr"] == "NULLIF(COUNT(*), 0)"
    assert [one["name"] for one in envelope["summary"]["left_out"]] == ["so_far"]


def test_only_selected_metrics_are_exported(define: Define) -> None:
    project = shop(define)
    assert "revenue" not in run(project, "-s", "sales").stdout
    refused = run(project, "-s", "sails")
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_an_unknown_tool_is_answered_with_the_known_ones() -> None:
    result = CliRunner().invoke(cli, ["export", "sparc"])
    assert result.exit_code == 2
    assert "there is no command `kpilayer export sparc`; did you mean `spark`?" in result.stderr
