"""Ranges and targets of KPIs beside published views, the same in every database."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpilayer import Project
from tests.engines.conftest import ENGINES, Engine
from tests.engines.test_dbt_models import whole
from tests.engines.test_publishing import DEFINITIONS, PUBLISHED_ON, Published, _plain_row
from tests.engines.test_publishing import shop as shop  # a fixture

KPIS = """
kpis:
  - name: refunds
    label: Refund rate
    metric: refund_rate
    kind: supporting
    function: sales
    owner: {group: sales, person: lead@example.com}
    direction: lower
    cadence: monthly
    status: certified
    health:
      healthy: {max: 0.3}
      critical: {max: 0.5}
      relative: {to: year_ago, measure: abs, healthy: {max: 0.1}}
      overrides: [{months: [1, 12], healthy: {max: 0.4}, reason: presents come back}]
      by: {dimension: customer__region, overrides: {US: {critical: {max: 0.9}}}}
    targets:
      - {name: plan, value: 0.2, by: 2026-12-31, baseline: {value: 0.35, date: 2025-12-31}}
      - {name: hope, value: 0.1, by: 2027-12-31, kind: stretch}
    consequence:
      warning: {action: Read what customers say}
      breach: {action: "Stop selling the 'bad' one"}
  - name: sales
    metric: revenue
    kind: supporting
    function: sales
    owner: {group: sales}
    direction: higher
    cadence: monthly
    status: proposed
    health: {healthy: {min: 100}}
    targets: [{name: plan, value: 120, by: 2026-12-31}]
    access: {viewers: [all], mask: {roles: [all]}}
  - name: orders
    metric: order_count
    kind: supporting
    function: sales
    owner: {group: sales}
    direction: higher
    cadence: monthly
    health: {healthy: {min: 1}}
"""
RANGES = (
    "kpi, position, compared_with, measure, segment, months, reason,"
    " healthy_min, healthy_max, critical_min, critical_max"
)
#: January and December first, what is not said there from the KPI; the draft is none.
OF_RANGES = [
    ("refunds", 1, None, None, None, "1, 12", "presents come back", None, 0.4, None, 0.5),
    ("refunds", 2, None, None, "US", None, None, None, 0.3, None, 0.9),
    ("refunds", 3, None, None, None, None, None, None, 0.3, None, 0.5),
    ("refunds", 4, "year_ago", "abs", None, None, None, None, 0.1, None, None),
    ("sales", 1, None, None, None, None, None, None, None, None, None),
]
TARGETS = "kpi, metric, name, kind, value, by_date, baseline_value, baseline_date, visible_to"
OF_TARGETS = [
    ("refunds", "refund_rate", "hope", "stretch", 0.1, "2027-12-31", None, None, None),
    ("refunds", "refund_rate", "plan", "plan", 0.2, "2026-12-31", 0.35, "2025-12-31", None),
    ("sales", "revenue", "plan", "plan", None, "2026-12-31", None, None, ""),
]
on_all = pytest.mark.parametrize(
    "engine", [name for name in ENGINES if name in PUBLISHED_ON], indirect=True
)
on_duckdb = pytest.mark.parametrize("engine", ["duckdb"], indirect=True)


def with_kpis(shop: Published, kpis: str = KPIS) -> Project:
    return shop.define("views: []", DEFINITIONS + kpis)


@on_all
def test_ranges_are_rows_and_the_narrower_ones_come_first(shop: Published) -> None:
    with_kpis(shop).publish(schema=shop.schema)
    assert shop.rows("kpi_ranges", RANGES) == OF_RANGES
    told = "label, owner, person, direction, cadence, on_warning, on_breach"
    assert shop.rows("kpi_ranges", told, "WHERE kpi = 'refunds' AND position = 3") == [
        ("Refund rate", "sales", "lead@example.com", "lower", "monthly",
         "Read what customers say", "Stop selling the 'bad' one"),
    ]  # fmt: skip


@on_all
def test_targets_are_rows_and_numbers_that_are_masked_are_not_there(shop: Published) -> None:
    with_kpis(shop).publish(schema=shop.schema)
    assert shop.rows("kpi_targets", TARGETS) == OF_TARGETS


@on_all
def test_values_are_judged_in_sql_by_the_range_of_their_kpi(shop: Published) -> None:
    """Refund rates of January to March are 0.5, 0.333 and 0."""
    with_kpis(shop).publish(schema=shop.schema)
    values, ranges = shop.name("kpi_values"), shop.name("kpi_ranges")
    sql = (
        f"SELECT v.value FROM {values} v JOIN {ranges} r ON r.metric = v.metric"
        " WHERE r.kpi = 'refunds' AND r.position = 3 AND v.grain = 'month'"
        " AND v.dimension = 'total' AND v.value > r.healthy_max"
    )
    assert sorted(map(_plain_row, shop.engine.answer(sql))) == [(0.333333,), (0.5,)]


@on_all
def test_an_edit_of_a_range_replaces_that_view_alone(shop: Published) -> None:
    with_kpis(shop).publish(schema=shop.schema)
    assert not with_kpis(shop).plan(schema=shop.schema).is_pending
    project = with_kpis(shop, KPIS.replace("healthy: {max: 0.3}", "healthy: {max: 0.25}"))
    plan = project.plan(schema=shop.schema)
    assert [(a.name, a.verb) for a in plan.actions if a.is_pending] == [("kpi_ranges", "replace")]
    project.publish(schema=shop.schema)
    healthy = shop.rows("kpi_ranges", "healthy_max", "WHERE position = 3")
    assert healthy == [(0.25,)]


@on_all
def test_without_a_kpi_that_is_evaluated_there_is_no_such_view(shop: Published) -> None:
    with_kpis(shop).publish(schema=shop.schema)
    drafts = KPIS.replace("certified", "draft").replace("proposed", "draft")
    project = with_kpis(shop, drafts)
    plan = project.plan(schema=shop.schema)
    dropped = {a.name for a in plan.actions if a.verb == "drop"}
    assert dropped == {"kpi_targets", "kpi_ranges"}
    project.publish(schema=shop.schema)
    assert shop.rows("kpi_catalog", "COUNT(*)", "WHERE metric = 'revenue'") == [(1,)]


@on_all
def test_without_targets_the_view_of_targets_has_no_rows(shop: Published) -> None:
    kpis = KPIS[: KPIS.index("  - name: sales")]
    start, end = kpis.index("    targets:"), kpis.index("    consequence:")
    with_kpis(shop, kpis[:start] + kpis[end:]).publish(schema=shop.schema)
    assert shop.rows("kpi_targets", TARGETS) == []
    assert len(shop.rows("kpi_ranges", RANGES)) == 4


@on_duckdb
@pytest.mark.parametrize(
    ("access", "visible_to"),
    [
        ("{viewers: [finance, board]}", "finance, board"),
        ("{viewers: [finance, board], mask: {roles: [board]}}", "finance"),
        ("{viewers: [finance], mask: {roles: [all], show: band}}", ""),
    ],
)
def test_what_only_some_see_has_no_numbers_and_says_who(
    shop: Published, access: str, visible_to: str
) -> None:
    kpis = KPIS.replace("{viewers: [all], mask: {roles: [all]}}", access)
    with_kpis(shop, kpis).publish(schema=shop.schema)
    told = shop.rows("kpi_ranges", "healthy_min, visible_to", "WHERE kpi = 'sales'")
    assert told == [(None, visible_to)]
    assert shop.rows("kpi_targets", "value", "WHERE kpi = 'sales'") == [(None,)]


@on_duckdb
def test_a_kpi_of_a_masked_metric_has_no_numbers(shop: Published) -> None:
    masked = DEFINITIONS.replace(
        "expr: amount, unit: USD}", "expr: amount, mask: {unless: [board]}}"
    )
    kpis = KPIS.replace("    access: {viewers: [all], mask: {roles: [all]}}\n", "")
    project = shop.define("views: []", masked + kpis)
    from kpilayer.publish.contracts import contracts

    targets, ranges = contracts(project._identity, "duckdb")
    assert "120" not in targets.sql and "100.0" not in ranges.sql
    assert "'board' AS visible_to" in targets.sql


@pytest.mark.parametrize(
    "engine", [name for name in ENGINES if name not in PUBLISHED_ON], indirect=True
)
def test_models_of_dbt_have_the_same_rows_elsewhere(engine: Engine, tmp_path: Path) -> None:
    project = with_kpis(Published(engine, ""))
    project.lock()
    project = Project.load(project.root, connection=project.connection)
    folder = project.export_dbt(tmp_path / "dbt").folder / "models/kpilayer"
    for name, columns, rows in (("kpi_ranges", RANGES, OF_RANGES), ("kpi_targets", TARGETS, OF_TARGETS)):  # fmt: skip
        asked = engine.answer(f"SELECT {columns} FROM ({whole(folder, name)}) AS t")
        assert sorted(map(_plain_row, asked), key=repr) == rows
