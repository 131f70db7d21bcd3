"""Up to when data reach: instants in the project's zone, days to their ends, text where it is text."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import Project
from kpilayer.kpi.watermark import reached

MODELS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: at
    columns:
      - {{name: order_id, entity: {{type: primary, name: order}}}}
      - {{name: at, granularity: {grain}, dimension: {dimension}}}
metrics:
  - {{name: revenue, model: orders, agg: sum, expr: amount}}
kpis:
  - name: sales
    metric: revenue
    kind: north_star
    function: sales
    owner: {{group: sales}}
    direction: higher
    cadence: daily
    status: proposed
    health: {{healthy: {{min: 100}}, confirm: {{warning: 1}}}}
    consequence: {{breach: {{action: Stop hiring, within: 5d}}}}
"""


def project(
    folder: Path,
    connection: object = None,
    grain: str = "day",
    dimension: str = "time",
    zone: str = "",
) -> Project:
    (folder / "models").mkdir(exist_ok=True)
    text = MODELS.format(grain=grain, dimension=dimension)
    (folder / "models/orders.yml").write_text(text, encoding="utf-8")
    (folder / "kpilayer.yml").write_text(f"name: shop\n{zone}", encoding="utf-8")
    return Project.load(folder, connection=connection)


@pytest.mark.parametrize(
    ("grain", "newest", "until"),
    [
        ("day", date(2026, 5, 31), datetime(2026, 6, 1)),
        ("day", datetime(2026, 5, 31), datetime(2026, 6, 1)),
        ("day", datetime(2026, 5, 31, 8, 30), datetime(2026, 5, 31, 8, 30)),
        ("month", date(2026, 5, 1), datetime(2026, 6, 1)),
        ("second", datetime(2026, 5, 31, 8, 30, 15, 1), datetime(2026, 5, 31, 8, 30, 15, 1)),
        ("day", "2026-05-31", datetime(2026, 6, 1)),
        ("day", "2026-05-31 08:30:00", datetime(2026, 5, 31, 8, 30)),
        ("day", "lately", None),
        ("day", None, None),
    ],
)
def test_a_value_that_begins_a_period_of_its_grain_stands_for_all_of_it(
    tmp_path: Path, grain: str, newest: Any, until: datetime | None
) -> None:
    catalog = project(tmp_path, grain=grain).catalog
    assert reached(newest, catalog.models["orders"].dimension("at"), catalog) == until


@pytest.mark.parametrize(
    ("dimension", "newest", "until"),
    [
        # 23:30 in UTC is half past one of the next day in Berlin, in summer
        ("{type: time, timezone: UTC}", datetime(2026, 5, 31, 23, 30), datetime(2026, 6, 1, 1, 30)),
        ("{type: time, timezone: UTC}", datetime(2026, 5, 31, 23, 30, tzinfo=UTC), datetime(2026, 6, 1, 1, 30)),
        ("{type: time, timezone: America/New_York}", datetime(2026, 5, 31, 20), datetime(2026, 6, 1, 2)),
        ("time", datetime(2026, 5, 31, 23, 30, tzinfo=UTC), datetime(2026, 6, 1, 1, 30)),
        ("time", datetime(2026, 5, 31, 23, 30), datetime(2026, 5, 31, 23, 30)),
    ],
)  # fmt: skip
def test_instants_are_told_in_the_projects_zone(
    tmp_path: Path, dimension: str, newest: datetime, until: datetime
) -> None:
    catalog = project(
        tmp_path, grain="second", dimension=dimension, zone="timezone: Europe/Berlin\n"
    ).catalog
    found = reached(newest, catalog.models["orders"].dimension("at"), catalog)
    assert found is not None and found.replace(second=0) == until


def test_today_runs_still_and_is_not_judged_without_a_day(tmp_path: Path) -> None:
    today = date.today()
    with duckdb.connect(":memory:") as connection:
        connection.execute('CREATE TABLE orders (order_id INT, "at" DATE, amount INT)')
        for back, amount in ((2, 500), (1, 400), (0, 1)):
            connection.execute(
                f"INSERT INTO orders VALUES ({back}, DATE '{today - timedelta(days=back)}', {amount})"
            )
        (one,) = project(tmp_path, connection).health().standings
        assert one.current is not None
        assert (one.status, one.current.value) == ("healthy", 400.0)
        (at_its_end,) = project(tmp_path, connection).health(as_of=today).standings
        assert (at_its_end.status, at_its_end.verdicts[-2].value) == ("warning", 1.0)


def test_sqlite_tells_times_as_text(tmp_path: Path) -> None:
    with sqlite3.connect(":memory:") as connection:
        connection.execute('CREATE TABLE orders (order_id INT, "at" DATE, amount INT)')
        connection.execute(
            "INSERT INTO orders VALUES (1, '2026-05-30', 500), (2, '2026-05-31', 400)"
        )
        (one,) = project(tmp_path, connection).health(as_of=date(2026, 5, 31)).standings
        assert one.current is not None
        assert (one.status, one.current.period_start, one.current.value) == (
            "healthy", date(2026, 5, 31), 400.0,
        )  # fmt: skip
        (late,) = project(tmp_path, connection).health(as_of=date(2026, 6, 1)).standings
        assert (late.status, late.current and late.current.reasons) == (
            "stale",
            ("sources_behind",),
        )


def test_rows_that_are_dated_ahead_do_not_make_old_data_fresh(tmp_path: Path) -> None:
    today = date.today()
    with duckdb.connect(":memory:") as connection:
        connection.execute('CREATE TABLE orders (order_id INT, "at" DATE, amount INT)')
        for number, day in enumerate((today - timedelta(days=9), today - timedelta(days=8))):
            connection.execute(f"INSERT INTO orders VALUES ({number}, DATE '{day}', 500)")
        (late,) = project(tmp_path, connection).health().standings
        assert late.status == "stale"
        connection.execute("INSERT INTO orders VALUES (9, DATE '2099-12-31', 1)")
        (still,) = project(tmp_path, connection).health().standings
        assert still.status == "stale"
