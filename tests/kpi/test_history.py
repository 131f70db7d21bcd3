"""The history of verdicts: appended, never rewritten, each once, whatever is killed or runs twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import ConfigError, PolicyError, Project, QueryError
from tests.conftest import PostgresSchema

MODELS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_on, granularity: day, dimension: time}
      - {name: channel, dimension: categorical}
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
kpis:
  - name: sales
    metric: revenue
    kind: north_star
    function: sales
    owner: {group: sales, person: lead@example.com}
    direction: higher
    cadence: monthly
    status: proposed
    health: {healthy: {min: 100}, critical: {min: 50}, confirm: {warning: 1}}
    consequence: {breach: {action: Stop hiring, within: 5d}}
"""
MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05")
AMOUNTS = (200, 99, 49, 120, 130)
VERDICTS = ["healthy", "warning", "breach", "healthy", "healthy"]


def write(folder: Path, *edits: tuple[str, str], config: str = "") -> None:
    text = MODELS
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "models/orders.yml").write_text(text, encoding="utf-8")
    (folder / "kpilayer.yml").write_text(f"name: shop\n{config}", encoding="utf-8")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An order on each month's first day, and one of nothing on its last."""
    write(tmp_path)
    with duckdb.connect(":memory:") as opened:
        opened.execute(
            "CREATE TABLE orders (order_id INT, ordered_on DATE, channel VARCHAR, amount INT)"
        )
        for number, (month, amount) in enumerate(zip(MONTHS, AMOUNTS, strict=True)):
            opened.execute(
                f"INSERT INTO orders VALUES ({number}, DATE '{month}-01', 'web', {amount}), "
                f"({number + 100}, last_day(DATE '{month}-01'), 'shop', 0)"
            )
        yield opened


def run(folder: Path, warehouse: Any, as_of: str = "2026-06-10", **how: Any) -> Any:
    """A recording run at the end of a day."""
    how = {"record": True} | how
    return Project.load(folder, connection=warehouse).health(as_of=date.fromisoformat(as_of), **how)


def kept(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / ".kpilayer/history.duckdb"), read_only=True) as history:
        return history.execute(sql).fetchall()


STATUS = (
    "SELECT CAST(period_start AS VARCHAR)[:7], status FROM kpi_status ORDER BY period_start, seq"
)


# ------------------------------------------------------------------------------------ what is kept


def test_the_first_run_records_the_last_period_that_ended(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    found = run(tmp_path, warehouse)
    assert kept(tmp_path, STATUS) == [("2026-05", "healthy")]
    assert found.to_text().endswith("1 healthy; 1 new verdict recorded\n")


def test_later_runs_record_every_period_since_whoever_slept(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, "2026-03-10")
    run(tmp_path, warehouse, "2026-06-10")
    assert kept(tmp_path, STATUS) == list(zip(MONTHS[1:], VERDICTS[1:], strict=True))


def test_a_backfill_records_all_periods_and_a_second_one_none(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    assert run(tmp_path, warehouse, backfill=True).written.verdicts == 5
    assert kept(tmp_path, STATUS) == list(zip(MONTHS, VERDICTS, strict=True))
    assert run(tmp_path, warehouse, backfill=True).written.verdicts == 0
    assert kept(tmp_path, "SELECT count(*) FROM kpi_observation") == [(5,)]
    assert kept(tmp_path, "SELECT judged, missing FROM kpi_run") == [(1, 0), (1, 0)]


def test_a_backfill_begins_where_it_is_told_to(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, backfill=date(2026, 3, 1))
    assert kept(tmp_path, STATUS) == list(zip(MONTHS[2:], VERDICTS[2:], strict=True))


def test_without_recording_nothing_is_written(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, record=False)
    assert not (tmp_path / ".kpilayer").exists()


def test_a_period_that_runs_or_waits_is_not_recorded(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, "2026-05-20", backfill=True)
    assert kept(tmp_path, STATUS) == list(zip(MONTHS[:4], VERDICTS[:4], strict=True))
    assert kept(tmp_path, "SELECT max(period_start) FROM kpi_observation") == [(date(2026, 4, 1),)]


def test_a_period_without_data_is_judged_when_they_come(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, "2026-07-10")
    assert kept(tmp_path, STATUS) == [("2026-06", "stale")]
    warehouse.execute("INSERT INTO orders VALUES (7, DATE '2026-06-30', 'web', 10)")
    run(tmp_path, warehouse, "2026-07-11")
    run(tmp_path, warehouse, "2026-07-12")
    assert kept(tmp_path, STATUS) == [("2026-06", "stale"), ("2026-06", "breach")]
    assert kept(tmp_path, "SELECT status FROM kpi_health") == [("breach",)]


# -------------------------------------------------------------------------- nothing is rewritten


def test_another_range_leaves_what_was_said(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, backfill=True)
    write(tmp_path, ("healthy: {min: 100}", "healthy: {min: 500}"))
    found = run(tmp_path, warehouse, backfill=True)
    assert found.written.verdicts == 0
    assert found.standings[0].status == "healthy"
    assert [v.status for v in found.standings[0].verdicts[:5]] == VERDICTS
    assert kept(tmp_path, STATUS) == list(zip(MONTHS, VERDICTS, strict=True))


def test_another_range_holds_for_the_periods_that_come(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, "2026-05-10", backfill=True)
    write(tmp_path, ("healthy: {min: 100}", "healthy: {min: 500}"))
    assert run(tmp_path, warehouse).standings[0].status == "warning"
    assert kept(tmp_path, STATUS)[-2:] == [("2026-04", "healthy"), ("2026-05", "warning")]


def test_a_rejudging_adds_verdicts_and_keeps_the_old_ones_below(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, "2026-06-10", backfill=True)
    write(tmp_path, ("healthy: {min: 100}", "healthy: {min: 125}"))
    run(tmp_path, warehouse, rejudge=True)
    may_and_april = (
        "SELECT seq, status FROM kpi_status WHERE period_start = DATE '2026-04-01' ORDER BY seq"
    )
    assert kept(tmp_path, may_and_april) == [(1, "healthy"), (2, "warning")]
    current = "SELECT status FROM kpi_status_current ORDER BY period_start"
    assert kept(tmp_path, current) == [("healthy",), ("warning",), ("breach",), ("warning",), ("healthy",)]  # fmt: skip


def test_a_value_that_changes_is_a_revision_judged_by_the_range_that_held(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, backfill=True)
    write(tmp_path, ("healthy: {min: 100}, critical: {min: 50}", "healthy: {min: 10}"))
    warehouse.execute("UPDATE orders SET amount = 60 WHERE order_id = 3")
    found = run(tmp_path, warehouse)
    assert (found.written.verdicts, found.written.restated) == (1, 1)
    assert "130   healthy >= 100   healthy" in found.to_text()  # as it held in May
    april = (
        "SELECT revision, value, status, reasons, restated_from FROM kpi_status "
        "WHERE period_start = DATE '2026-04-01' ORDER BY seq"
    )
    assert kept(tmp_path, april) == [
        (1, 120.0, "healthy", "", None),
        (2, 60.0, "warning", "below_healthy restated", "healthy"),
    ]
    seen = "SELECT revision, value FROM kpi_observation WHERE period_start = DATE '2026-04-01' ORDER BY 1"
    assert kept(tmp_path, seen) == [(1, 120.0), (2, 60.0)]
    assert run(tmp_path, warehouse).written.verdicts == 0


def test_who_revises_often_is_told_that_a_longer_grace_would_wait(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    warehouse.execute("INSERT INTO orders VALUES (50, DATE '2025-12-31', 'web', 150)")
    run(tmp_path, warehouse, backfill=True)
    warehouse.execute("UPDATE orders SET amount = amount + 1 WHERE order_id = 3")
    run(tmp_path, warehouse)
    said = "1 of 6 recorded periods were revised: a longer `grace` would wait for their data"
    assert said in run(tmp_path, warehouse).to_text()


def test_noise_below_a_billionth_is_no_revision(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    warehouse.execute("ALTER TABLE orders ALTER amount TYPE DOUBLE")
    run(tmp_path, warehouse, backfill=True)
    warehouse.execute("UPDATE orders SET amount = amount * (1 + 1e-12)")
    run(tmp_path, warehouse)
    assert kept(tmp_path, "SELECT max(revision), count(*) FROM kpi_observation") == [(1, 5)]


def test_a_value_that_is_no_number_is_none(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    warehouse.execute("ALTER TABLE orders ALTER amount TYPE DOUBLE")
    warehouse.execute("UPDATE orders SET amount = 'nan' WHERE order_id = 4")
    run(tmp_path, warehouse)
    run(tmp_path, warehouse)
    assert kept(tmp_path, STATUS) == [("2026-05", "no_data")]
    assert kept(tmp_path, "SELECT value, revision FROM kpi_observation") == [(None, 1)]


def test_another_definition_begins_a_series_and_leaves_the_verdicts(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, backfill=True)
    write(tmp_path, ("expr: amount}", "expr: amount / 100.0}"))
    run(tmp_path, warehouse)
    assert kept(tmp_path, STATUS) == list(zip(MONTHS, VERDICTS, strict=True))
    assert kept(
        tmp_path,
        "SELECT count(DISTINCT fingerprint), count(*), max(revision) FROM kpi_observation",
    ) == [(2, 10, 1)]


@pytest.mark.parametrize(
    "health",
    [
        "{relative: {to: previous, measure: pct, healthy: {min: -0.3}, critical: {min: -0.6}}}",
        "{healthy: {min: 100}, relative: {to: target_path, measure: abs, healthy: {min: -100}}}",
    ],
)
def test_ranges_of_every_kind_are_read_back_as_they_held(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, health: str
) -> None:
    target = (
        "targets: [{name: plan, value: 300, by: 2026-12-31, baseline: {value: 100, date: 2025-12-31}}]\n"
        "    consequence"
    )
    old = "{healthy: {min: 100}, critical: {min: 50}, confirm: {warning: 1}}"
    write(tmp_path, (old, health), ("consequence", target))
    first = run(tmp_path, warehouse, backfill=True)
    write(tmp_path, (old, "{healthy: {min: 0}}"))
    second = run(tmp_path, warehouse)
    told = [
        [(v.status, v.range, v.relative) for v in found.standings[0].verdicts if v.is_judged]
        for found in (first, second)
    ]
    assert told[0] == told[1] and len(told[0]) >= 4


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        ("2026-04-10", "it was in breach in the period from 2026-03-01"),
        ("2026-05-10", "it was in breach in the period from 2026-03-01"),
        ("2026-06-10", None),
    ],
)
def test_a_review_tells_a_range_that_is_loosened_while_the_kpi_is_outside_of_it(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, as_of: str, said: str | None
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    write(before)
    write(after)
    run(after, warehouse, as_of, backfill=True)
    write(after, ("critical: {min: 50}", "critical: {min: 40}"))
    found = Project.load(after, connection=warehouse).diff(str(before)).findings
    told = [issue.message for issue in found if issue.code == "moved-goalposts"]
    assert told == ([] if said is None else [f"the range of `sales` lets more pass, and {said}"])


def test_data_that_are_gone_are_no_healthy_ones(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, backfill=True)
    warehouse.execute("DELETE FROM orders WHERE ordered_on >= DATE '2026-05-01'")
    (one,) = run(tmp_path, warehouse).standings
    assert (one.status, one.current and one.current.restated_from) == ("stale", "healthy")


def test_a_verdict_given_early_becomes_worse_with_what_comes(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    early = "{healthy: {max: 150}, critical: {max: 200}, early: true, confirm: {warning: 1}}"
    old = "{healthy: {min: 100}, critical: {min: 50}, confirm: {warning: 1}}"
    write(tmp_path, (old, early), ("direction: higher", "direction: lower"))
    june = "INSERT INTO orders VALUES (70, DATE '2026-06-0{day}', 'web', {amount})"
    warehouse.execute(june.format(day=1, amount=160))
    run(tmp_path, warehouse, "2026-06-03")
    warehouse.execute(june.format(day=4, amount=100))
    run(tmp_path, warehouse, "2026-06-05")
    warehouse.execute("INSERT INTO orders VALUES (71, DATE '2026-06-30', 'web', 1)")
    run(tmp_path, warehouse, "2026-07-05")
    said = (
        "SELECT status, value FROM kpi_status WHERE period_start = DATE '2026-06-01' ORDER BY seq"
    )
    found = kept(tmp_path, said)
    assert found[0] == ("warning", 160.0)
    assert found[-1] == ("breach", 261.0)


def test_data_that_change_after_a_definition_leave_the_verdicts_on_the_former_one(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, backfill=True)
    write(tmp_path, ("agg: sum", "agg: max"))
    run(tmp_path, warehouse)
    for amount in (131, 132):
        warehouse.execute(
            f"INSERT INTO orders VALUES ({amount}, DATE '2026-05-02', 'web', {amount})"
        )
        run(tmp_path, warehouse)
    assert kept(tmp_path, "SELECT max(seq), count(*) FROM kpi_status") == [(1, 5)]


def test_another_cadence_is_what_the_view_shows(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    write(tmp_path, ("cadence: monthly", "cadence: weekly"))
    run(tmp_path, warehouse, "2026-06-01")
    write(tmp_path)
    run(tmp_path, warehouse, "2026-06-02")
    assert kept(tmp_path, "SELECT grain, period_start FROM kpi_health") == [
        ("month", date(2026, 5, 1))
    ]


def test_a_segment_without_a_name_is_not_the_whole(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    warehouse.execute("UPDATE orders SET channel = '' WHERE channel = 'shop'")
    write(
        tmp_path,
        ("confirm: {warning: 1}", "confirm: {warning: 1}, by: {dimension: order__channel}"),
    )
    run(tmp_path, warehouse)
    slices = [slice for (slice,) in kept(tmp_path, "SELECT slice FROM kpi_status ORDER BY 1")]
    assert slices == ["", "order__channel=(empty)", "order__channel=web"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_days_that_no_calendar_reaches_are_refused(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, day: str
) -> None:
    with pytest.raises(QueryError, match="nothing to judge"):
        run(tmp_path, warehouse, day)


def test_a_backfill_judges_a_period_as_a_plain_run_does_however_far_it_compares(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    warehouse.execute("DELETE FROM orders")
    warehouse.execute(
        "INSERT INTO orders SELECT row_number() OVER (), CAST(day AS DATE), 'web', 10 + dayofyear(day) % 7 "
        "FROM range(DATE '2010-01-01', DATE '2026-06-10', INTERVAL 1 DAY) days(day)"
    )
    seasonal = "{relative: {to: seasonal, measure: pct, healthy: {min: -0.5}}}"
    write(tmp_path, ("{healthy: {min: 100}, critical: {min: 50}, confirm: {warning: 1}}", seasonal))
    (plain,) = run(tmp_path, warehouse, record=False).standings
    (whole,) = run(tmp_path, warehouse, backfill=date(2020, 1, 1)).standings
    assert (plain.status, whole.status) == ("healthy", "healthy")
    early = "SELECT status FROM kpi_status WHERE period_start = DATE '2020-01-01'"
    assert kept(tmp_path, early) == [("healthy",)]


# ------------------------------------------------------------------------------------- episodes


def test_episodes_open_and_end_and_tell_what_is_due(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, "2026-04-10", backfill=True)
    opened = (
        "SELECT level, CAST(opened AS VARCHAR)[:7], CAST(closed AS VARCHAR)[:7], began, ended, "
        "action, CAST(action_due AS VARCHAR) FROM kpi_episode_current ORDER BY opened"
    )
    assert kept(tmp_path, opened) == [
        ("warning", "2026-02", "2026-03", "open", "escalation", "", None),
        ("breach", "2026-03", None, "escalation", None, "Stop hiring", "2026-04-06"),
    ]
    run(tmp_path, warehouse)
    assert kept(tmp_path, opened)[1][2:5] == ("2026-04", "escalation", "recovery")


def test_an_episode_that_a_revision_takes_back_has_ended_as_restated(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    run(tmp_path, warehouse, "2026-04-10", backfill=True)
    warehouse.execute("UPDATE orders SET amount = 300 WHERE order_id = 2")
    run(tmp_path, warehouse, "2026-04-11")
    ended = "SELECT level, ended FROM kpi_episode_current ORDER BY opened"
    assert kept(tmp_path, ended) == [("warning", "recovery"), ("breach", "restated")]


def test_segments_have_histories_of_their_own(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    by = "confirm: {warning: 1}, by: {dimension: order__channel, overrides: {shop: {healthy: {min: 0}, critical: {min: 0}}}}"
    write(tmp_path, ("confirm: {warning: 1}", by))
    run(tmp_path, warehouse)
    slices = "SELECT slice, status FROM kpi_status ORDER BY slice"
    assert kept(tmp_path, slices) == [
        ("", "healthy"), ("order__channel=shop", "healthy"), ("order__channel=web", "healthy"),
    ]  # fmt: skip


# ------------------------------------------------------------------------------- killed, and at once

SCRIPT = """
import sys
from datetime import date, timedelta
import duckdb
from kpilayer import Project

connection = duckdb.connect()
connection.execute(
    "CREATE TABLE orders AS SELECT i AS order_id, DATE '2020-01-01' + CAST(i AS INT) AS ordered_on, "
    "'web' AS channel, (i * 7919) % 400 AS amount FROM range(2300) t(i)"
)
print("ready", flush=True)
Project.load(sys.argv[1], connection=connection).health(as_of=date(2026, 3, 10), backfill=True)
"""
DAILY = ("cadence: monthly", "cadence: daily")


@contextmanager
def backfilling(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A backfill of all days in a process of its own, which has begun."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as one:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
        yield one


ONCE = """
SELECT count(*), count(DISTINCT period_start), max(seq),
    (SELECT count(*) FROM kpi_observation), (SELECT max(revision) FROM kpi_observation),
    (SELECT count(*) - count(DISTINCT id) FROM kpi_episode)
FROM kpi_status
"""


ROWS = "SELECT * EXCLUDE (run_id, evaluated_at) FROM kpi_status ORDER BY ALL"


def test_what_is_killed_has_written_all_or_nothing_and_the_next_run_each_verdict_once(
    tmp_path: Path,
) -> None:
    write(tmp_path, DAILY)
    began = time.monotonic()
    with backfilling(tmp_path) as whole:
        assert whole.wait() == 0
    length = time.monotonic() - began
    expected, rows = kept(tmp_path, ONCE), kept(tmp_path, ROWS)
    assert expected[0][0] > 700
    for number in range(6):
        folder = tmp_path / str(number)
        write(folder, DAILY)
        with backfilling(folder) as one:
            time.sleep(length * number / 8)
            one.send_signal(signal.SIGKILL)
        if (folder / ".kpilayer/history.duckdb").exists():
            tables = kept(folder, "SELECT count(*) FROM duckdb_tables()")
            assert tables == [(0,)] or kept(folder, ONCE) == expected
        with backfilling(folder) as again:
            assert again.wait() == 0
        assert kept(folder, ONCE) == expected
        assert kept(folder, ROWS) == rows


def test_runs_at_once_write_each_verdict_once(tmp_path: Path) -> None:
    write(tmp_path, DAILY)
    with backfilling(tmp_path) as one, backfilling(tmp_path) as two, backfilling(tmp_path) as three:
        assert [process.wait() for process in (one, two, three)] == [0, 0, 0]
    ((count, periods, most, seen, revisions, doubled),) = kept(tmp_path, ONCE)
    assert (count, most, revisions, doubled) == (periods, 1, 1, 0)
    assert count == seen


# ------------------------------------------------------------------------------------ in PostgreSQL


@contextmanager
def history_schema(postgres_schema: PostgresSchema) -> Iterator[str]:
    name = f"{postgres_schema.schema}_history"
    try:
        yield name
    finally:
        postgres_schema.connection.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


def test_a_schema_of_postgres_keeps_the_history(
    tmp_path: Path, postgres_schema: PostgresSchema
) -> None:
    raw = postgres_schema.connection
    raw.execute("CREATE TABLE orders (order_id INT, ordered_on DATE, channel TEXT, amount INT)")
    for number, (month, amount) in enumerate(zip(MONTHS, AMOUNTS, strict=True)):
        end = (date.fromisoformat(f"{month}-01") + timedelta(days=32)).replace(day=1)
        raw.execute(
            f"INSERT INTO orders VALUES ({number}, DATE '{month}-01', 'web', {amount}), "
            f"({number + 100}, DATE '{end}' - 1, 'it''s', 0)"
        )
    with history_schema(postgres_schema) as schema:
        by = "confirm: {warning: 1}, by: {dimension: order__channel, overrides: {web: {healthy: {min: 100}, critical: {min: 50}}}}"
        write(tmp_path, ("confirm: {warning: 1}", by), config=f"history: {{schema: {schema}}}\n")
        assert run(tmp_path, raw, backfill=True).written.verdicts == 15
        assert run(tmp_path, raw, backfill=True).written.verdicts == 0
        raw.execute("UPDATE orders SET amount = 10 WHERE order_id = 4")
        assert run(tmp_path, raw).written.restated == 2
        current = raw.execute(
            f'SELECT slice, value, status, reasons FROM "{schema}".kpi_health ORDER BY slice'
        ).fetchall()
        assert current == [
            ("", 10.0, "breach", "below_critical restated"),
            ("order__channel=it's", 0.0, "breach", "below_critical"),
            ("order__channel=web", 10.0, "breach", "below_critical restated"),
        ]
    assert not (tmp_path / ".kpilayer").exists()


def test_another_project_does_not_write_into_a_history(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    write(tmp_path, config="history: {schema: kpi_history}\n")
    run(tmp_path, warehouse)
    (tmp_path / "kpilayer.yml").write_text("name: other\nhistory: {schema: kpi_history}\n")
    with pytest.raises(PolicyError, match="that of the project `shop`"):
        run(tmp_path, warehouse)
    assert warehouse.execute("SELECT count(*) FROM kpi_history.kpi_status").fetchone() == (1,)


def test_a_warehouse_that_cannot_keep_it_says_so(tmp_path: Path) -> None:
    import sqlite3

    write(tmp_path, config="history: {schema: kpi_history}\n")
    with sqlite3.connect(":memory:") as opened, pytest.raises(ConfigError, match="cannot be kept"):
        opened.execute("CREATE TABLE orders (order_id, ordered_on, channel, amount)")
        run(tmp_path, opened)
