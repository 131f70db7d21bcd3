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
    names = [metric.name for metric in here.metrics]
    for start in range(0, len(names), 12):
        some = names[start : start + 12]
        for group_by in ([], ["metric_time__month"]):
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
