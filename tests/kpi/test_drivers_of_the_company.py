"""Drivers of the example company's KPIs: the numbers of independent SQL, here and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import duckdb
import psycopg
import pytest

from kpilayer import Project
from kpilayer.demo.data import build
from tests.conftest import ROOT, PostgresSchema
from tests.kpi.moving import fill, kpi, level, rows_of, summed, written
from tests.kpi.test_drivers import FLOWS, STOCK

TABLES = (
    "plans", "accounts", "regions", "subscriptions", "subscription_snapshots", "mrr_movements",
    "consultants", "employees", "capacity", "timesheets", "projects", "marketing_spend",
)  # fmt: skip


@pytest.fixture(scope="module")
def company() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        build(connection, 0.05)
        yield connection


@pytest.fixture(scope="module")
def shop(company: duckdb.DuckDBPyConnection) -> Project:
    return Project.load(ROOT, connection=company)


def test_flows_of_mrr_are_the_movements_of_the_month(
    company: duckdb.DuckDBPyConnection, shop: Project
) -> None:
    (new, expansion, lost, both), = company.sql("""
        SELECT sum(delta) FILTER (WHERE type = 'new'), sum(delta) FILTER (WHERE type = 'expansion'),
               sum(delta) FILTER (WHERE type IN ('churn', 'contraction')), sum(delta)
        FROM mrr_movements WHERE moved_on >= DATE '2026-05-01' AND moved_on < DATE '2026-06-01'
    """).fetchall()  # fmt: skip
    levels = company.sql("""
        SELECT sum(s.mrr) FROM subscription_snapshots AS s JOIN plans AS p USING (plan_id)
        WHERE p.fee_type = 'recurring' AND s.snapshot_on IN (DATE '2026-04-30', DATE '2026-05-31')
        GROUP BY s.snapshot_on ORDER BY s.snapshot_on
    """).fetchall()
    found = shop.drivers("mrr", "2026-05")
    assert [(r.name, r.contribution) for r in found.leaves] == [
        ("new_mrr", float(new or 0)), ("expansion_mrr", float(expansion or 0)),
        ("churned_mrr", float(lost or 0)),
    ]  # fmt: skip
    assert [found.root.before, found.root.after] == [float(value) for (value,) in levels]
    assert found.change == float(levels[1][0] - levels[0][0])
    assert found.residual == pytest.approx(float(levels[1][0] - levels[0][0] - both))


def test_utilization_is_told_apart_as_by_hand(
    company: duckdb.DuckDBPyConnection, shop: Project
) -> None:
    """n / d: the mean of 1/d times the change of n, and the rest, each from SQL."""
    of = (
        "BETWEEN DATE '2026-05-04' AND DATE '2026-05-10'",
        "BETWEEN DATE '2026-05-11' AND DATE '2026-05-17'",
    )
    sides = []
    for week in of:
        (n,), = company.sql(
            f"SELECT sum(hours) FROM timesheets WHERE is_billable AND worked_on {week}"
        ).fetchall()  # fmt: skip
        (d,), = company.sql(
            f"SELECT sum(hours) FROM capacity WHERE on_day {week}"
        ).fetchall()  # fmt: skip
        sides.append((Fraction(str(n)), Fraction(str(d))))
    (n0, d0), (n1, d1) = sides
    found = shop.drivers("utilization", "2026-W20")
    assert {r.name: r.contribution for r in found.leaves} == {
        "billable_hours": pytest.approx(float((n1 - n0) * (1 / d0 + 1 / d1) / 2)),
        "available_hours": pytest.approx(float(-(n0 + n1) / 2 * (d1 - d0) / (d0 * d1))),
    }
    (table,) = found.segments
    assert table.dimension == "consultant__team"
    assert sum(r.contribution for r in table.rows) == pytest.approx(float(n1 / d1 - n0 / d0))


@pytest.mark.parametrize("name", ["mrr", "gross_margin", "ltv_cac", "dau_mau", "utilization"])
def test_drivers_of_the_company_add_up(shop: Project, name: str) -> None:
    period = "2026-W20" if name in ("dau_mau", "utilization") else "2026-04"
    found = shop.drivers(name, period)
    assert found.status == "ok" and found.adds_up
    parts = sum(row.contribution or 0 for row in found.leaves) + (found.residual or 0)
    assert found.change == pytest.approx(parts, rel=1e-9)
    assert abs(found.residual or 0) <= 1e-9 * abs(found.root.after or 0) + 1e-9


def test_postgresql_tells_the_same(tmp_path: Path, postgres_schema: PostgresSchema) -> None:
    folder = written(
        tmp_path, level("mrr") + summed("new", "expanded", "churned"), kpi("mrr", STOCK)
    )
    here, there = duckdb.connect(":memory:"), postgres_schema.connection
    assert isinstance(there, psycopg.Connection)
    for connection in (here, there):
        fill(connection.execute, rows_of(FLOWS))
    told = [
        Project.load(folder, connection=one).drivers("mrr", "2026-05", by="fact__segment").as_json()
        for one in (here, there)
    ]
    assert told[0] == told[1]
    assert [row["contribution"] for row in told[1]["drivers"]] == [60.0, 30.0, 40.0, -10.0]
