"""A DuckDB in memory for made-up rows: tables, and queries that are prepared once and run often.

It can open no file, load no extension and reach no network. One thread runs a query, so that rows
in the same order give the same answer; times without a zone are read as UTC. A database takes
longer to open than many trials take, so each thread keeps one, which is emptied before each use.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from kpilayer.warehouse.connection import missing_driver
from kpilayer.warehouse.limits import stopped_after

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": "false",
    "memory_limit": "1GB",
    "threads": "1",
}
#: From so many rows on, Arrow is faster than the text of an INSERT.
_MANY: Final = 100
_LOCAL: Final = threading.local()


class Refused(Exception):
    """DuckDB refused a statement, or had to be stopped; the text is its first line."""


class Stopped(Refused):
    """A statement was not done in time."""


def scratch() -> Scratch:
    """This thread's database, empty.

    Raises:
        WarehouseError: ``missing-driver``.
    """
    found: Scratch | None = getattr(_LOCAL, "scratch", None)
    if found is not None:
        try:
            found.clear()
            return found
        except Refused:  # an error within DuckDB may leave a database that cannot be used
            pass
    found = _LOCAL.scratch = Scratch()
    return found


class Scratch:
    """Tables of made-up rows, and what queries over them answer."""

    def __init__(self) -> None:
        try:
            import duckdb
        except ImportError:
            raise missing_driver("duckdb", "duckdb") from None
        self._errors = duckdb.Error
        self._interrupted = duckdb.InterruptException
        self._raw = duckdb.connect(":memory:", config=_SETTINGS)
        self._raw.execute("SET TimeZone = 'UTC'")
        self._tables: dict[str, tuple[str, ...]] = {}
        self._prepared: set[str] = set()

    def clear(self) -> None:
        """Forgets tables and queries."""
        names = [f"DEALLOCATE {_quoted(name)}" for name in self._prepared]
        names += [f"DROP TABLE {_quoted(name)}" for name in self._tables]
        if names:
            self._run("; ".join(names))
        self._tables, self._prepared = {}, set()

    def make(self, table: str, columns: Mapping[str, str]) -> None:
        """An empty table, with columns of DuckDB's types."""
        inside = ", ".join(f"{_quoted(name)} {kind}" for name, kind in columns.items())
        self._run(f"CREATE TABLE {_quoted(table)} ({inside})")
        self._tables[table] = tuple(columns)

    def prepare(self, name: str, sql: str) -> None:
        """Keeps a query under a name; a query that does not fit the tables is refused here."""
        self._run(f"PREPARE {_quoted(name)} AS {sql}")
        self._prepared.add(name)

    def fill(self, rows: Mapping[str, Sequence[Sequence[object]]]) -> None:
        """Puts rows in the place of those that tables have; a table without any is emptied."""
        small = []
        for table in self._tables:
            given = rows.get(table, ())
            small.append(f"TRUNCATE {_quoted(table)}")
            if given and len(given) < _MANY:
                values = ", ".join(f"({', '.join(map(_literal, row))})" for row in given)
                small.append(f"INSERT INTO {_quoted(table)} VALUES {values}")
        if small:
            self._run("; ".join(small))
        for table, given in rows.items():
            if len(given) >= _MANY:
                self._send(table, given)

    def _send(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        import pyarrow as pa

        columns = zip(*rows, strict=True)
        arrays = [pa.array([_text(value) for value in column], pa.string()) for column in columns]
        sent = pa.table(arrays, names=[str(n) for n in range(len(arrays))])
        self._raw.register("rows sent", sent)
        try:
            self._run(f'INSERT INTO {_quoted(table)} SELECT * FROM "rows sent"')
        finally:
            self._raw.unregister("rows sent")

    def answer(
        self, name: str, seconds: float | None
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Names of columns and rows of a prepared query; stopped after so many seconds, if any."""
        with stopped_after(seconds, self._raw.interrupt):
            return self._fetched(f"EXECUTE {_quoted(name)}")

    def values(self, expressions: Iterable[str]) -> list[Any]:
        """What constant expressions stand for."""
        return list(self._fetched(f"SELECT {', '.join(expressions)}")[1][0])

    def _fetched(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        cursor = self._run(sql)
        names = tuple(column[0] for column in cursor.description)
        try:
            if any("TIME ZONE" in str(column[1]) for column in cursor.description):
                # As Python values they would need `pytz`; that Arrow copies them does no harm.
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    table = cursor.to_arrow_table()
                return names, list(zip(*(c.to_pylist() for c in table.columns), strict=True))
            return names, cursor.fetchall()
        except self._errors as error:
            raise self._refused(error) from None

    def _run(self, sql: str) -> Any:
        try:
            return self._raw.execute(sql)
        except self._errors as error:
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> Refused:
        if isinstance(error, self._interrupted):
            return Stopped("the query did not end in time")
        return Refused(str(error).strip().partition("\n")[0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: object) -> str:
    """A value as DuckDB reads it for a column of its type, whatever that is."""
    text = _text(value)
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
    return str(value)
