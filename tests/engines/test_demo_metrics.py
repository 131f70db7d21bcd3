"""Every metric of the example company is the same number on PostgreSQL as on DuckDB."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import Project
from kpilayer.demo.data import TABLES, build
from tests.unit.test_demo_over_time import OF_A_TIME

ROOT = Path(__file__).parents[2]


@pytest.fixture
def local() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        build(connection, 0.05)
        yield connection


@pytest.fixture
def server(local: duckdb.DuckDBPyConnection, postgres_schema: Any, tmp_path: Path) -> Any:
    """The same rows on PostgreSQL, in columns of the same types."""
    connection = postgres_schema.connection
    connection.execute("SET TimeZone = 'UTC'")
    for table in TABLES:
        columns = local.execute(f"DESCRIBE {table}").fetchall()
        definition = ", ".join(f'"{name}" {kind}' for name, kind, *_ in columns)
        connection.execute(f"CREATE TABLE {table} ({definition})")
        path = tmp_path / f"{table}.csv"
        local.execute(f"COPY {table} TO '{path}' (HEADER false)")
        copying = f"COPY {table} FROM STDIN (FORMAT csv)"
        with connection.cursor() as cursor, cursor.copy(copying) as copy:
            copy.write(path.read_bytes())
    return connection


@pytest.mark.postgres
def test_every_metric_is_the_same_on_postgres(
    local: duckdb.DuckDBPyConnection, server: Any
) -> None:
    here, there = Project.load(ROOT, connection=local), Project.load(ROOT, connection=server)
    every = [metric.name for metric in here.metrics]
    in_total = [name for name in every if name not in OF_A_TIME]
    for names, group_by in ((in_total, []), (every, ["metric_time__month"])):
        for start in range(0, len(names), 12):
            some = names[start : start + 12]
            found = there.query(some, group_by=group_by).rows()
            expected = here.query(some, group_by=group_by).rows()
            assert len(found) == len(expected) > 0
            for row, other in zip(found, expected, strict=True):
                for name, value, wanted in zip([*group_by, *some], row, other, strict=True):
                    assert same(value, wanted), f"{name}: {value!r} is not {wanted!r}"


def same(value: Any, wanted: Any) -> bool:
    """Doubles to nine digits, all else exactly."""
    if isinstance(value, float) and isinstance(wanted, float):
        return math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9)
    return bool(value == wanted)


def test_the_company_passes_its_own_tests_and_keeps_its_contracts(
    local: duckdb.DuckDBPyConnection,
) -> None:
    outcomes = Project.load(ROOT, connection=local).test()
    assert [(o.metric, o.name, o.message) for o in outcomes if not o.ok] == []
    kinds = [(o.kind, o.status) for o in outcomes]
    assert kinds.count(("metric_test", "passed")) >= 8
    assert kinds.count(("contract", "passed")) >= 10


@pytest.mark.postgres
def test_its_contracts_hold_on_postgres_too(server: Any) -> None:
    outcomes = Project.load(ROOT, connection=server).test(kinds=["contract"])
    assert {o.status for o in outcomes} == {"passed"}


def test_a_contract_that_the_data_break_is_found(local: duckdb.DuckDBPyConnection) -> None:
    """A void invoice that is counted after all: its revenue was never recognised."""
    local.execute(
        "UPDATE invoices SET status = 'paid' WHERE invoice_id = "
        "(SELECT MIN(invoice_id) FROM invoices WHERE status = 'void' AND amount > tax)"
    )
    broken = [o for o in Project.load(ROOT, connection=local).test("revenue") if not o.ok]
    assert [o.name for o in broken] == ["reconciles_with"]
    assert "`revenue` differs from `invoiced_revenue`: in total, " in broken[0].message
    assert "in 1 of " in broken[0].message


@pytest.mark.postgres
def test_live_data_of_the_company_are_what_its_models_say(
    local: duckdb.DuckDBPyConnection, server: Any
) -> None:
    """A few keys lead nowhere, on purpose; both engines count the same ones."""
    found, there = (Project.load(ROOT, connection=c).check_live() for c in (local, server))
    assert {(i.severity, i.code) for i in found} == {("notice", "unmatched-keys")}
    lost, known = local.execute(
        "SELECT count(*) FILTER (WHERE u.user_id IS NULL), count(*) FROM product_events e "
        "LEFT JOIN users u USING (user_id) WHERE e.user_id IS NOT NULL"
    ).fetchall()[0]
    begins = f"`user_id` of `product_events` joins `users`: {lost:,} of {known:,} keys find no row"
    assert any(issue.message.startswith(begins) for issue in found)
    assert [i.message for i in there] == [i.message for i in found]
