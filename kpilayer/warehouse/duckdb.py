"""DuckDB: a file, a database in memory, or an open connection of a user. Versions 1.5 to 2.0.

What arrives as Arrow: COUNT is int64; SUM over integers is HUGEINT, which DuckDB hands over as
``decimal128(38, 0)`` (a value of 39 digits still arrives exact); SUM over DECIMAL(p,s) is
``decimal128(38, s)``; AVG and `/` are double; TIMESTAMPTZ is ``timestamp[us, tz=UTC]``. NaN and
infinity stay as they are.

Each query has a cursor of its own, so that threads do not meet in one result. A wrapped connection
is used itself instead: its temporary tables and registered data frames are seen by no cursor.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kpilayer.warehouse.connection import (
    Column,
    Relation,
    connection_failed,
    missing_driver,
    query_failed,
    timed_out,
)
from kpilayer.warehouse.duckdb_errors import not_opened, refusal, sentence
from kpilayer.warehouse.limits import limits_of, stopped_after
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.redact import scrub

if TYPE_CHECKING:
    import pyarrow as pa

_MEMORY: Final = ":memory:"

_COLUMNS: Final = """
SELECT database_name, schema_name, column_name, data_type, is_nullable
FROM duckdb_columns() WHERE lower(table_name) = lower(?) ORDER BY column_index"""
_KEYS: Final = """
SELECT constraint_type, constraint_column_names
FROM duckdb_constraints()
WHERE database_name = ? AND schema_name = ? AND lower(table_name) = lower(?)
  AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')
ORDER BY constraint_index"""


def connect(target: Target, *, project_dir: Path, read_only: bool) -> DuckDB:
    """A session on the target's database file, or in memory.

    A missing file is created if ``read_only`` is false. Otherwise only the default target's may be
    missing: models over files need no database, and run in memory.

    Raises:
        WarehouseError: ``missing-driver`` or ``connection-failed``.
    """
    try:
        import duckdb
    except ImportError:
        raise missing_driver("duckdb", "duckdb") from None
    path = str(target.settings.get("path") or _MEMORY)
    local = path != _MEMORY and not path.startswith(("md:", "motherduck:"))
    if local:
        file = project_dir / Path(path).expanduser()
        path = str(file)
        if not file.exists():
            if not read_only:
                file.parent.mkdir(parents=True, exist_ok=True)
            elif target.is_default:
                path, local = _MEMORY, False
            else:
                raise connection_failed(
                    f"the DuckDB file `{path}` does not exist",
                    hint="check `path` of the target; `kpilayer demo` makes one with example data",
                )
    try:
        raw = duckdb.connect(path, read_only=read_only and path != _MEMORY)
    except duckdb.Error as error:
        raise not_opened(path, str(error), target.settings) from None
    try:
        setup = _prepare(raw, target, read_only=read_only)
    except duckdb.Error as error:
        raw.close()
        message = scrub(sentence(str(error)), target.settings)
        raise connection_failed(f"DuckDB refused a setting of the target: {message}") from None
    return DuckDB(raw, setup=setup, owned=True, timeout=limits_of(target).timeout_seconds)


def wrap(connection: Any) -> DuckDB:
    """A user's open connection, which stays open."""
    return DuckDB(connection, setup=(), owned=False)


class DuckDB:
    """A :class:`~kpilayer.warehouse.connection.Connection`; ``setup`` runs on each new cursor.

    A statement is interrupted after ``timeout`` seconds.
    """

    dialect: Final = "duckdb"

    def __init__(
        self, raw: Any, *, setup: tuple[str, ...], owned: bool, timeout: float | None = None
    ) -> None:
        self._raw = raw
        self._setup = setup
        self._owned = owned
        self._timeout = timeout
        self._lock = threading.Lock()
        self._running: list[Any] = []
        self._open: Any = None  # the cursor of a transaction

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query; see the module for the types."""
        with self._session(sql) as session:
            # Positions of errors are lost here, but it is the one way to Arrow that every version
            # has without a copy of the rows.
            relation = session.sql(sql)
            if relation is None:
                raise query_failed("the statement gives no rows", sql)
            return relation.to_arrow_table()

    def batches(self, sql: str, size: int) -> Iterator[pa.RecordBatch]:
        """The rows as they are read, ``size`` at a time; at least one batch."""
        import pyarrow as pa

        with self._session(sql) as session:
            relation = session.sql(sql)
            if relation is None:
                raise query_failed("the statement gives no rows", sql)
            new = getattr(relation, "to_arrow_reader", None)  # from 2.0
            reader = (new or relation.fetch_arrow_reader)(size)
            is_empty = True
            try:
                for batch in reader:
                    is_empty = False
                    yield batch
                if is_empty:
                    yield pa.RecordBatch.from_pylist([], schema=reader.schema)
            finally:
                reader.close()

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns of a query. All may be NULL: DESCRIBE calls an outer join's NOT NULL."""
        sql = select_sql.strip().rstrip(";")
        with self._session(sql) as session:
            rows = session.execute(f"DESCRIBE {sql}").fetchall()
        return tuple(Column(row[0], row[1], True) for row in rows)

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Columns and keys of a table or view; two parts are a schema's or else a catalog's."""
        with self._session("") as session:
            found = session.execute(_COLUMNS, [parts[-1]]).fetchall()
            database, schema = session.execute(
                "SELECT current_database(), current_schema()"
            ).fetchone()
            places = {(row[0], row[1]) for row in found}
            place = next((p for p in _places(parts, database, schema, places)), None)
            if place is None:
                return None
            keys = session.execute(_KEYS, [*place, parts[-1]]).fetchall()
        columns = tuple(Column(r[2], r[3], bool(r[4])) for r in found if (r[0], r[1]) == place)
        primary = next((tuple(names) for kind, names in keys if kind == "PRIMARY KEY"), ())
        unique = tuple(tuple(names) for kind, names in keys if kind == "UNIQUE")
        return Relation(columns, primary, unique)

    def execute(self, sql: str) -> None:
        """Run statements for their effect. Temporary tables do not outlive the call."""
        with self._session(sql) as session:
            session.execute(sql)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction on a cursor of its own, or the one that is open on a user's connection."""
        import duckdb

        with self._cursor() if self._owned else contextlib.nullcontext(self._raw) as cursor:
            try:
                cursor.execute("BEGIN TRANSACTION")
                is_ours = True
            except duckdb.TransactionException:
                is_ours = False  # the caller began one, and ends it
            self._open = cursor if self._owned else None
            try:
                yield
            except BaseException:
                with contextlib.suppress(duckdb.Error):  # the first error counts
                    if is_ours:
                        cursor.execute("ROLLBACK")
                raise
            else:
                if is_ours:
                    self._commit(cursor)
            finally:
                self._open = None

    def _commit(self, cursor: Any) -> None:
        import duckdb

        try:
            cursor.execute("COMMIT")
        except duckdb.Error as error:
            with contextlib.suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            raise refusal(error, "", self._raw) from None

    def progress(self) -> float | None:
        """DuckDB's estimate for the query started last; None before it has one."""
        for session in reversed(self._running):
            with contextlib.suppress(Exception):  # closed in this moment: no news
                percent = session.query_progress()
                return min(1.0, percent / 100) if percent >= 0 else None
        return None

    def cancel(self) -> None:
        """Interrupt every running query of this connection."""
        for session in tuple(self._running):
            with contextlib.suppress(Exception):  # closed in this moment: done
                session.interrupt()

    def close(self) -> None:
        """Close the database, unless the connection was handed in."""
        if self._owned:
            self._raw.close()

    @contextlib.contextmanager
    def _session(self, sql: str) -> Iterator[Any]:
        """A cursor made ready, or the wrapped connection; its errors told in terms of ``sql``."""
        import duckdb

        try:
            with self._cursor() if self._owned else self._borrowed() as session:
                self._running.append(session)
                try:
                    with stopped_after(self._timeout, session.interrupt) as is_late:
                        yield session
                finally:
                    self._running.remove(session)
        except duckdb.InterruptException as error:
            if self._timeout is not None and is_late():
                raise timed_out(self._timeout) from None
            raise refusal(error, sql, self._raw) from None
        except duckdb.Error as error:
            raise refusal(error, sql, self._raw) from None

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        if self._open is not None:
            yield self._open
            return
        cursor = self._raw.cursor()
        try:
            for statement in self._setup:
                cursor.execute(statement)
            yield cursor
        finally:
            cursor.close()

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[Any]:
        with self._lock:
            zone = self._raw.execute("SELECT current_setting('TimeZone')").fetchone()[0]
            self._raw.execute("SET TimeZone = 'UTC'")
            try:
                yield self._raw
            finally:
                with contextlib.suppress(Exception):  # the first error counts
                    self._raw.execute(f"SET TimeZone = {_text(zone)}")


# ------------------------------------------------------------------------------------------ opening


def _prepare(raw: Any, target: Target, *, read_only: bool) -> tuple[str, ...]:
    """Set up the database, and give the statements that set up each cursor.

    There is no ``file_search_path``: DuckDB would still look in the working directory first, and
    split it at commas. SQL to be run names files by absolute paths.

    dbt's own ``threads`` counts models built at a time and is not DuckDB's; that one is
    ``settings: {threads: ..}``.
    """
    settings = target.settings
    setup = [
        "SET TimeZone = 'UTC'",
        "SET python_enable_replacements = false",  # a Python variable is no table
        "SET enable_progress_bar = true",
        "SET enable_progress_bar_print = false",
    ]
    for name in _list(settings.get("extensions")):
        word = name.get("name") if isinstance(name, Mapping) else name
        raw.execute(f"LOAD {_text(str(word))}")
    for each in _list(settings.get("attach")):
        raw.execute(_attach(each if isinstance(each, Mapping) else {"path": each}, read_only))
    own = settings.get("settings")
    for key, value in own.items() if isinstance(own, Mapping) else ():
        if re.fullmatch(r"\w+", str(key)) and str(key).lower() != "timezone":
            setup.append(f"SET {key} = {_text(value)}")
    schema = target.schema
    if schema and schema != "main":
        query = "SELECT 1 FROM duckdb_schemas() WHERE schema_name = ? AND NOT internal"
        if raw.execute(query, [schema]).fetchone():
            setup.append(f"SET schema = {_text(schema)}")
    cursor = raw.cursor()
    for statement in setup:
        cursor.execute(statement)
    cursor.close()
    return tuple(setup)


def _attach(entry: Mapping[str, object], read_only: bool) -> str:
    """The statement that attaches a database, which follows the main one, if that is a file."""
    alias, path = entry.get("alias"), str(entry.get("path"))
    is_elsewhere = path == _MEMORY or path.startswith(("md:", "motherduck:"))
    read_only = bool(entry.get("read_only")) or (read_only and not is_elsewhere)
    options = [f"TYPE {entry['type']}"] if re.fullmatch(r"\w+", str(entry.get("type", "-"))) else []
    options += ["READ_ONLY"] if read_only else []
    return (
        f"ATTACH IF NOT EXISTS {_text(path)}"
        + (f' AS "{_doubled(str(alias), chr(34))}"' if alias else "")
        + (f" ({', '.join(options)})" if options else "")
    )


def _list(value: object) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _text(value: object) -> str:
    """A value as a SQL literal; numbers and booleans as text, which every setting accepts."""
    word = str(value).lower() if isinstance(value, bool) else str(value)
    return "'" + _doubled(word, "'") + "'"


def _doubled(text: str, quote: str) -> str:
    return text.replace(quote, quote * 2)


def _places(
    parts: tuple[str, ...], database: str, schema: str, known: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """The (database, schema) pairs that hold the relation, as DuckDB would look for them."""
    match parts:
        case (_,):
            wanted = [("temp", "main"), (database, schema), (database, "main")]
        case (first, _):
            wanted = [(database, first), (first, "main"), ("temp", first)]
        case (first, second, _):
            wanted = [(first, second)]
        case _:
            wanted = []
    for one, two in wanted:
        for place in known:
            if (place[0].lower(), place[1].lower()) == (one.lower(), two.lower()):
                yield place
