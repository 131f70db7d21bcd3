"""One test body for every engine: `engine` makes tables by SQL and a project that runs on them.

What a test writes as SQL runs on DuckDB and on PostgreSQL. Any other engine has a copy: its tables
are those of a DuckDB beside it, which answers hand-written SQL, and its own file here, `on_NAME.py`,
says how it is opened, how a table gets there, and what it is known not to do.
"""

from __future__ import annotations

import importlib
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from kpilayer import Project
from kpilayer.warehouse.connect import wrap
from kpilayer.warehouse.result import Result

#: Engines with a copy of the tables, each in `on_NAME.py`.
ALL_COPIES: tuple[str, ...] = ("bigquery", "clickhouse", "mariadb", "mysql", "spark", "sqlite")
#: Those that are there: MySQL in the nights, or wherever a server is named.
COPIES = tuple(n for n in ALL_COPIES if n != "mysql" or os.environ.get("KPILAYER_TEST_MYSQL"))
ENGINES = ("duckdb", "postgres", *COPIES)
#: Whether there is time for everything on slow engines.
NIGHTLY = os.environ.get("KPILAYER_NIGHTLY") == "1"


@dataclass(frozen=True)
class Engine:
    """An empty database; SQL that tests write must mean the same on DuckDB and PostgreSQL."""

    name: str
    connection: Any
    folder: Path
    beside: Any = None
    """The DuckDB whose tables an engine with a copy has."""
    load: Callable[[Any, str, pa.Table], None] | None = None
    """Makes a table of this name and these rows on the engine, in the place of what was there."""
    differs: Mapping[str, str] = field(default_factory=dict)
    """Words of authors that are known to give another value on this engine, and why."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Values stand in SQL as question marks."""
        if self.load is None:
            marks = sql.replace("?", "%s") if self.name == "postgres" and values else sql
            self.connection.execute(marks, *([values] if values else []))
            return
        self.beside.execute(sql, *([values] if values else []))
        self._copy()

    def _copy(self) -> None:
        """Gives the engine the tables of the DuckDB beside it."""
        asked = "SELECT table_name FROM information_schema.tables ORDER BY ALL"
        for (name,) in self.beside.execute(asked).fetchall():
            rows = self.beside.sql(f'SELECT * FROM "{name}"').to_arrow_table()
            self.load(self.connection, name, rows)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of hand-written SQL; whole numbers as int, as a result has them."""
        found = (self.beside or self.connection).execute(sql).fetchall()
        return [tuple(_plain(value) for value in row) for row in found]

    def answer(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of SQL that kpilayer printed for the engine, in its session as it is."""
        if self.beside is None:
            return self.rows(sql)
        return Result.from_table(wrap(self.connection).run(sql), sql=sql).rows()

    def tables(self, tables: Mapping[str, str]) -> None:
        for name, select in tables.items():
            (self.beside or self.connection).execute(f"CREATE TABLE {name} AS {select}")
        if self.beside is not None:
            self._copy()

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


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "postgres":
        schema = request.getfixturevalue("postgres_schema")
        schema.connection.execute("SET TimeZone = 'UTC'")
        yield Engine("postgres", schema.connection, tmp_path)
        return
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if request.param == "duckdb":
            yield Engine("duckdb", connection, tmp_path)
            return
        there = importlib.import_module(f"tests.engines.on_{request.param}")
        with there.opened(tmp_path) as opened:
            differs = getattr(there, "DIFFERS", {})
            yield Engine(request.param, opened, tmp_path, connection, there.load, differs)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What an engine is known not to do must fail, and for the reason that is written down.

    Of a slow engine, only the tests of its `SUBSET` run, unless KPILAYER_NIGHTLY is 1.
    """
    engines = {name: importlib.import_module(f"tests.engines.on_{name}") for name in COPIES}
    left_out = []
    for item in items:
        asked = getattr(item, "callspec", None)
        name = asked.params.get("engine") if asked is not None else None
        if name not in engines:
            continue
        plain = item.name.replace(f"[{name}]", "").replace(f"{name}-", "")
        names = {getattr(item, "originalname", plain), plain}
        for test in names & engines[name].GAPS.keys():
            item.add_marker(pytest.mark.xfail(reason=engines[name].GAPS[test], strict=True))
        subset = getattr(engines[name], "SUBSET", names)
        if not NIGHTLY and names.isdisjoint(subset):
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
