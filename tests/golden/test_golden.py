"""The SQL of the example project, to the letter, and its rows against hand-written SQL.

Each file is a case: a sentence why, the question, the SQL for DuckDB, what differs in each other
dialect, and a reference query written by hand, which DuckDB and PostgreSQL read. `pytest --update`
rewrites the SQL and the differences, never the reference.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from kpilayer import Project, QueryError
from kpilayer.demo.data import TABLES, build

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FILES = sorted(HERE.glob("*.md"))
#: Dialects beside DuckDB's, by what differs.
DIALECTS = ("postgres", "mysql", "sqlite", "clickhouse", "spark", "bigquery")
REFERENCE = "```sql reference\n"


def block(text: str, info: str) -> str:
    found = re.findall(rf"^```{info}\n(.*?)^```$", text, re.M | re.S)
    assert len(found) == 1, f"a case has one block ```{info}"
    return str(found[0])


def with_block(text: str, info: str, body: str) -> str:
    """The text with this block; a new one stands before the reference."""
    if f"```{info}\n" not in text:
        return text.replace(REFERENCE, f"```{info}\n{body}```\n\n{REFERENCE}")
    pattern = re.compile(rf"(^```{info}\n).*?(^```$)", re.M | re.S)
    return pattern.sub(lambda m: m[1] + body + m[2], text)


@pytest.fixture(scope="module")
def local() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        build(connection, 0.2)
        yield connection


@pytest.fixture(scope="module")
def server(
    local: duckdb.DuckDBPyConnection, shared_postgres_schema: Any, tmp_path_factory: Any
) -> Any:
    """The same rows on PostgreSQL, in columns of the same types."""
    connection = shared_postgres_schema.connection
    folder = tmp_path_factory.mktemp("copy")
    for table in TABLES:
        columns = local.execute(f"DESCRIBE {table}").fetchall()
        definition = ", ".join(f'"{name}" {kind}' for name, kind, *_ in columns)
        connection.execute(f"CREATE TABLE {table} ({definition})")
        path = folder / f"{table}.csv"
        local.execute(f"COPY {table} TO '{path}' (HEADER false)")
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy,
        ):
            copy.write(path.read_bytes())
        connection.execute(f"ANALYZE {table}")
    return connection


@pytest.fixture(scope="module")
def project(local: duckdb.DuckDBPyConnection) -> Project:
    return Project.load(ROOT, connection=local)


def test_there_are_cases() -> None:
    assert len(FILES) >= 24


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql_is_as_written(path: Path, project: Project, request: pytest.FixtureRequest) -> None:
    text = path.read_text(encoding="utf-8")
    question = yaml.safe_load(block(text, "query"))
    sql = project.compile(**question) + "\n"
    blocks = {"sql": sql}
    for dialect in DIALECTS:
        blocks[f"diff {dialect}"] = difference(sql, written(project, question, dialect))
    if request.config.getoption("--update"):
        for info, body in blocks.items():
            text = with_block(text, info, body)
        path.write_text(text, encoding="utf-8")
        return
    assert blocks == {info: block(text, info) for info in blocks}


def written(project: Project, question: dict[str, Any], dialect: str) -> str:
    """The SQL in a dialect, or why there is none."""
    try:
        return project.compile(**question, dialect=dialect) + "\n"
    except QueryError as error:
        return f"{error}\n"


def difference(sql: str, other: str) -> str:
    lines = [part.splitlines(keepends=True) for part in (sql, other)]
    return "".join(list(difflib.unified_diff(*lines, n=0))[2:])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rows_are_those_of_the_reference_on_duckdb(
    path: Path, project: Project, local: Any
) -> None:
    compare(path, project, local)


@pytest.mark.postgres
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rows_are_those_of_the_reference_on_postgres(path: Path, server: Any) -> None:
    compare(path, Project.load(ROOT, connection=server), server)


def compare(path: Path, project: Project, connection: Any) -> None:
    text = path.read_text(encoding="utf-8")
    found = project.query(**yaml.safe_load(block(text, "query"))).rows()
    expected = connection.execute(block(text, "sql reference")).fetchall()
    assert expected, "a case has rows"
    assert any(value is not None for row in expected for value in row)
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert len(row) == len(other)
        for value, wanted in zip(row, other, strict=True):
            assert same(value, wanted), f"{value!r} is not {wanted!r} in {row}"


def same(value: Any, wanted: Any) -> bool:
    """Doubles to nine digits, all else exactly."""
    if isinstance(value, float) and isinstance(wanted, float):
        return math.isclose(value, wanted, rel_tol=1e-9)
    return bool(value == wanted) and isinstance(value, float) == isinstance(wanted, float)
