"""One test body for every engine: `engine` makes tables by SQL and a project that runs on them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import Project


@dataclass(frozen=True)
class Engine:
    """An empty database; SQL that tests write must mean the same on each."""

    name: str
    connection: Any
    folder: Path

    def run(self, sql: str) -> None:
        self.connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of hand-written SQL; whole numbers as int, as a result has them."""
        found = self.connection.execute(sql).fetchall()
        return [tuple(_plain(value) for value in row) for row in found]

    def tables(self, tables: Mapping[str, str]) -> None:
        for name, select in tables.items():
            self.run(f"CREATE TABLE {name} AS {select}")

    def project(
        self,
        definitions: str = "",
        *,
        tables: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> Project:
        self.tables(tables or {})
        texts = {"kpilayer.yml": "name: shop\n", "models/definitions.yml": definitions}
        for name, text in (texts | dict(files or {})).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return Project.load(self.folder, connection=self.connection)


def _plain(value: Any) -> Any:
    from decimal import Decimal

    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return int(value)
    return value


@pytest.fixture(params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "postgres":
        schema = request.getfixturevalue("postgres_schema")
        schema.connection.execute("SET TimeZone = 'UTC'")
        yield Engine("postgres", schema.connection, tmp_path)
        return
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield Engine("duckdb", connection, tmp_path)
