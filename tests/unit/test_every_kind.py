"""Every kind and key of the language loads, is checked and has a fingerprint; what cannot be
computed yet is refused by name when it is asked for, and by nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from kpilayer import Project, QueryError
from kpilayer.cli.main import cli
from kpilayer.plan import answerable

Define = Callable[..., Project]

COMPANY = """
models:
  - name: calendar
    time_spine:
      standard_granularity_column: day_on
      custom_granularities: [{name: fiscal_quarter, column_name: fq}]
    columns:
      - {name: day_on, granularity: day}
      - {name: fq}
  - name: visits
    semantic_model: true
    agg_time_dimension: visited_at
    primary_entity: visit
    columns:
      - {name: user_id, entity: {type: foreign, name: user}}
      - {name: visited_at, granularity: second, dimension: time}
      - {name: campaign, dimension: categorical}
  - name: orders
    semantic_model: {enabled: true, name: sales, group: finance, config: {meta: {tier: 1}}}
    config: {materialized: table, cluster_by: [id], tags: [core]}
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: sale}, data_tests: [unique, not_null]}
      - {name: buyer_id, entity: {type: foreign, name: buyer, to: user}}
      - {name: user_id, entity: {type: foreign, name: user}}
      - {name: ordered_at, granularity: second, dimension: time}
      - {name: shown_at, granularity: second, dimension: {type: time, timezone: UTC}}
      - {name: loaded_on, granularity: day, dimension: {type: time, is_partition: true}}
      - {name: campaign, dimension: categorical}
    derived_semantics:
      entities: [{name: part, type: unique, columns: [id, loaded_on]}]
    metrics:
      - {name: revenue, agg: sum, expr: amount}
      - {name: sales_count, agg: count}
      - {name: paid_revenue, input_metric: revenue, filter: "{{ Dimension('sale__campaign') }} = 'x'"}
  - name: users
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: user}}
      - {name: country, dimension: categorical}
      - {name: loaded_on, granularity: day, dimension: {type: time, is_partition: true}}
  - name: user_states
    semantic_model: true
    columns:
      - {name: user_id, entity: {type: natural, name: user_state}}
      - name: valid_from
        granularity: day
        dimension: {type: time, validity_params: {is_start: true}}
      - name: valid_to
        granularity: day
        dimension: {type: time, validity_params: {is_end: true}}
      - {name: state, dimension: categorical}
  - name: contracts
    semantic_model: true
    agg_time_dimension: starts_on
    active: {from: starts_on, to: ends_on, to_inclusive: true}
    row_access: {filter: "{{ Dimension('contract__region') }} = {{ role.region }}"}
    columns:
      - {name: id, entity: {type: primary, name: contract}}
      - {name: starts_on, granularity: day, dimension: time}
      - {name: region, dimension: categorical}
metrics:
  - {name: visit_count, model: visits, agg: count}
  - {name: to_date, type: cumulative, input_metric: revenue}
  - {name: trailing, type: cumulative, input_metric: {name: revenue}, window: 28 Days,
     period_agg: last, rows: data}
  - {name: month_to_date, type: cumulative, input_metric: revenue, grain_to_date: month}
  - name: visit_to_sale
    type: conversion
    entity: user
    base_metric: visit_count
    conversion_metric: {name: sales_count, filter: "{{ Dimension('sale__campaign') }} = 'x'"}
    window: 7 days
    constant_properties: [{base_property: visit__campaign, conversion_property: sale__campaign}]
    after: 1 hour
    base_event: first
    window_end: inclusive
    unit: calendar_day
  - {name: arpu, sql: SUM(amount) / COUNT(DISTINCT user_id), model: sales}
  - {name: median_spend, type: nested, agg: median, input_metric: revenue, per: [user]}
  - {name: share_of_all, type: share, input_metric: revenue}
  - {name: journey, type: funnel, entity: user, steps: [visit_count, sales_count],
     window: 30 days, calculation: rate_from_first}
  - name: growth
    type: derived
    expr: revenue - before
    input_metrics: [revenue, {name: revenue, alias: before, offset_window: 1 month}]
  - name: from_start
    type: derived
    expr: revenue - first_day
    input_metrics: [revenue, {name: revenue, alias: first_day, offset_to_grain: month}]
  - name: share_long
    type: derived
    expr: revenue / total
    input_metrics: [revenue, {name: revenue, alias: total, group_by: [metric_time]}]
  - {name: every_day, input_metric: revenue, fill_nulls_with: 0, join_to_timespine: grid}
  - {name: balance, model: sales, agg: sum, expr: amount,
     non_additive_dimension: {name: ordered_at, window_agg: max, group_by: [user]}}
  - {name: around_p90, model: sales, agg: percentile, expr: amount, percentile: 0.9,
     percentile_type: approx_continuous}
  - {name: of_big_users, input_metric: revenue, filter: "{{ Metric('revenue', ['user']) }} > 10"}
  - {name: open_contracts, model: contracts, agg: count, as_of: period_end}
  - name: governed
    model: sales
    agg: sum
    expr: amount
    unit: EUR
    version: 2
    previous: [{version: 1, until: 2026-03-31, expr: amount - discount, reason: discounts moved}]
    certified: {by: finance lead, date: 2026-04-01, fingerprint: "f1:0123456789abcdef"}
    contracts: {never_negative: true, monotone: increasing, between: [0, 1000],
                sums_to: {dimension: user__country},
                reconciles_with: {metric: revenue, tolerance: 0.01}}
    metric_tests:
      - {name: one sale, given: {sales: [{id: 1, amount: 2}]}, query: {group_by: []},
         expect: [{governed: 2}]}
saved_queries:
  - name: board
    label: Board
    query_params:
      metrics: [revenue, visit_count]
      group_by: ["TimeDimension('metric_time', 'month')", "Dimension('user__country')"]
      where: "{{ Dimension('user__country') }} <> 'XX'"
      order_by: ["TimeDimension('metric_time', 'month').descending(True)", "Metric('revenue')"]
      limit: 10
    exports: [{name: board_table, config: {export_as: table, schema: board}}]
exposures:
  - name: weekly
    type: dashboard
    owner: {name: finance team, email: finance@example.com, channel: "#finance"}
    depends_on: [metric('revenue'), ref('orders')]
groups:
  - {name: finance, owner: {email: finance@example.com}}
"""


@pytest.fixture
def company(define: Define) -> Project:
    return define(COMPANY)


def test_every_key_of_the_language_is_read_without_a_problem(company: Project) -> None:
    assert [
        str(i) for i in company.check() if i.code not in ("unlocked-relation", "custom-grain")
    ] == []


def test_every_metric_has_a_fingerprint_of_its_own(company: Project) -> None:
    prints = [m.fingerprint for m in company.metrics if m.name != "governed"]
    assert len(set(prints)) == len(prints) == 20


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"group_by": "sale__shown_at__day"}, "type is not known"),
    ],
)
def test_a_question_that_needs_more_than_its_metric_is_refused(
    company: Project, asked: dict[str, str], reason: str
) -> None:
    with pytest.raises(QueryError) as caught:
        company.compile("revenue", **asked)
    assert reason in "\n".join(i.message for i in caught.value.issues)


def test_what_can_be_computed_still_is(company: Project) -> None:
    for metric in ("revenue", "sales_count", "paid_revenue", "governed", "visit_count"):
        assert company.compile(metric).startswith(("SELECT", "--"))


def test_another_name_of_a_semantic_model_leaves_its_rows_where_they_are(
    company: Project,
) -> None:
    assert "FROM orders" in company.compile("revenue")


def test_a_filter_on_a_metric_takes_part_in_its_fingerprint(define: Define) -> None:
    def of(metric: str) -> str:
        project = define(COMPANY.replace("Metric('revenue', ['user'])", metric))
        return next(m.fingerprint for m in project.metrics if m.name == "of_big_users")

    assert of("Metric('revenue', ['user'])") != of("Metric('sales_count', ['user'])")


def test_a_metric_that_filters_by_itself_is_a_cycle(define: Define) -> None:
    project = define(
        COMPANY.replace("- {name: governed", "- {name: x").replace(
            "name: revenue, agg: sum, expr: amount}",
            "name: revenue, agg: sum, expr: amount, "
            "filter: \"{{ Metric('of_big_users', ['user']) }} > 1\"}",
        )
    )
    assert "cycle" in {i.code for i in project.check()}


@pytest.mark.parametrize(
    ("old", "new", "code", "word"),
    [
        ("window: 28 Days", "window: 28d", "bad-value", "`28d` is not a length of time"),
        ("window: 28 Days", "window: 0 days", "bad-value", "`0 days`"),
        ("window: 7 days", "window: 7 fortnights", "bad-value", "`fortnight"),
        ("per: [user]", "per: [usr]", "unknown-dimension", "`usr`"),
        ("entity: user\n    base", "entity: usr\n    base", "unknown-dimension", "`usr`"),
        ("base_metric: visit_count", "base_metric: revenue", "bad-value", "does not count"),
        (
            "{name: ordered_at, window_agg",
            "{name: ordred_at, window_agg",
            "unknown-dimension",
            "ed_at",
        ),
        ("grain_to_date: month", "grain_to_date: moth", "unknown-grain", "`moth`"),
        ("metrics: [revenue, visit_count]", "metrics: [revenu]", "unknown-metric", "`revenu`"),
        (
            "Dimension('user__country')\"]",
            "Dimension('user__contry')\"]",
            "unknown-dimension",
            "contry",
        ),
        ("metric('revenue'), ref", "metric('revenu'), ref", "unknown-metric", "`revenu`"),
        ("['user']) }} > 10", "['usr']) }} > 10", "unknown-dimension", "`usr`"),
        ("Metric('revenue', [", "Metric('revenu', [", "unknown-metric", "`revenu`"),
        ("calculation: rate_from_first", "calculation: rate", "bad-value", "`rate`"),
        ("period_agg: last", "period_agg: lst", "bad-value", "`lst`"),
        ("window_end: inclusive", "window_ende: inclusive", "unknown-field", "`window_ende`"),
        ("export_as: table", "export_as: tabel", "bad-value", "`tabel`"),
        ("type: dashboard", "type: dashbord", "bad-value", "`dashbord`"),
        ("config: {materialized", "config: {tagz: [x], materialized", "unknown-field", "`tagz`"),
        ("SUM(amount) / COUNT", "SUM(amount / COUNT", "bad-sql", ""),
    ],
)
def test_a_fault_in_any_key_is_named_at_its_line(
    define: Define, old: str, new: str, code: str, word: str
) -> None:
    assert COMPANY.count(old) == 1, old
    text = COMPANY.replace(old, new)
    found = [i for i in define(text).check() if i.code == code and word in i.message]
    line = text[: text.index(new)].count("\n") + 1
    assert {i.location.line for i in found if i.location} == {line}, found


def test_a_slowly_changing_dimension_has_one_start_and_one_end(define: Define) -> None:
    found = define(COMPANY.replace("{is_end: true}", "{is_start: true}")).check()
    said = "model `user_states` has 2 starts and 0 ends of validity; it needs one of each"
    assert said in [i.message for i in found]


def without_tides(graph: object, name: str, tree: object, keys: object) -> list[object]:
    """A kind that this version cannot compute, whichever these are."""
    message = f"`{name}` needs tides, which this version cannot compute"
    return [("not-supported-yet", message, None)] if name == "open_contracts" else []


def test_compiling_everything_leaves_out_what_cannot_be_computed_and_says_so(
    define: Define, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answerable, "_reasons", without_tides)
    company = define(COMPANY)
    result = CliRunner().invoke(cli, ["-C", str(company.root), "compile"])
    assert result.exit_code == 0
    assert "Left out 1 metric that cannot be computed on duckdb" in result.stderr
    assert result.stderr.rstrip().endswith("manifest: open_contracts")
    manifest = json.loads((company.root / "target/kpilayer/manifest.json").read_text())
    assert manifest["metrics"]["open_contracts"]["sql"] == {}
    (reason,) = manifest["metrics"]["open_contracts"]["left_out"]["duckdb"]
    assert reason.startswith("`open_contracts` needs tides")
    assert (company.root / "target/kpilayer/duckdb/revenue.sql").is_file()
    assert not (company.root / "target/kpilayer/duckdb/open_contracts.sql").exists()


def test_compiling_everything_leaves_out_what_a_dialect_cannot_express(define: Define) -> None:
    written = "models:\n  - name: sales\n    semantic_model: true\n    columns:\n"
    written += "      - {name: sale, entity: primary}\n    metrics:\n"
    written += "      - {name: sold, agg: count, expr: '1'}\n"
    written += "      - {name: matched, agg: count, expr: \"REGEXP_MATCHES(word, '[aeiou]')\"}\n"
    shop = define(written)
    run = ["-C", str(shop.root), "compile"]
    result = CliRunner().invoke(cli, [*run, "--dialect", "sqlite"])
    assert result.exit_code == 0, result.output
    assert "Left out 1 metric that cannot be computed on sqlite" in result.stderr
    manifest = json.loads((shop.root / "target/kpilayer/manifest.json").read_text())
    assert list(manifest["metrics"]["matched"]["left_out"]) == ["sqlite"]
    assert list(manifest["metrics"]["sold"]["sql"]) == ["sqlite"]
    assert "left_out" not in manifest["metrics"]["sold"]
    each = CliRunner().invoke(cli, [*run, "sold", "matched", "--dialect", "sqlite"])
    assert each.exit_code == 0, each.output
    assert "warning[unsupported-in-dialect]" in each.stderr
    assert "-- sold" in each.stdout
    assert "-- matched" not in each.stdout
