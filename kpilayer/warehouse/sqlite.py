"""SQLite through Python's own driver: a file, with others attached, or a user's open connection.

SQLite has no types of results: whole numbers, doubles and texts arrive as they are stored, and
dates, booleans and decimals are made of them where the compiled question tells which they are
(`warehouse/typed.py`). Times are texts in UTC. A user's connection is used in the thread that
asks, since the driver refuses others.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kpilayer.errors import WarehouseError
from kpilayer.warehouse.connection import (
    Column,
    Relation,
    connection_failed,
    query_failed,
    timed_out,
)
from kpilayer.warehouse.limits import limits_of, stopped_after
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.redact import scrub

if TYPE_CHECKING:
    import pyarrow as pa

_MEMORY: Final = ":memory:"
_DESCRIBED: Final = "kpilayer_described"
#: How a transaction begins, ends and is undone; inside of another one, and by itself.
_NESTED: Final = (
    "SAVEPOINT kpilayer_outer",
    "RELEASE kpilayer_outer",
    ("ROLLBACK TO kpilayer_outer", "RELEASE kpilayer_outer"),
)
_WHOLE: Final = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
_OLDEST: Final = (3, 39, 0)  # what nests tables and compares with IS NOT DISTINCT FROM


def connect(target: Target, *, project_dir: Path, read_only: bool) -> Sqlite:
    """A session on the target's files.

    dbt-sqlite's keys say where they are: `schemas_and_paths` names a file for each schema, and
    every file of `schema_directory` is a schema of its name; `path` alone is the file of `main`.

    Raises:
        WarehouseError: ``connection-failed``, naming the file.
    """
    files = _files(target.settings, project_dir)
    main = files.pop("main", _MEMORY)
    if sqlite3.sqlite_version_info < _OLDEST:
        raise connection_failed(f"SQLite {sqlite3.sqlite_version} is too old: 3.39 is the first")
    raw = None
    try:
        raw = sqlite3.connect(
            _address(main, read_only), uri=True, isolation_level=None, check_same_thread=False
        )
        raw.execute("SELECT 1 FROM sqlite_master LIMIT 1")
        for schema, path in files.items():
            raw.execute(f"ATTACH ? AS {_quoted(schema)}", [_address(path, read_only)])
    except sqlite3.Error as error:
        if raw is not None:
            raw.close()
        missing = [path for path in (main, *files.values()) if not _is_there(path)]
        why = f"there is no file `{missing[0]}`" if missing else str(error)
        message = scrub(f"SQLite at `{main}`: {why}", target.settings)
        hint = "check `path` or `schemas_and_paths` of the target"
        raise connection_failed(message, hint=hint) from None
    return Sqlite(raw, owned=True, timeout=limits_of(target).timeout_seconds)


def wrap(connection: Any) -> Sqlite:
    """A user's open connection, which stays open."""
    return Sqlite(connection, owned=False)


class Sqlite:
    """A :class:`~kpilayer.warehouse.connection.Connection` over one `sqlite3` connection.

    A statement is interrupted after ``timeout`` seconds.
    """

    dialect: Final = "sqlite"

    def __init__(
        self, raw: sqlite3.Connection, *, owned: bool, timeout: float | None = None
    ) -> None:
        self._raw = raw
        self._owned = owned
        self._timeout = timeout
        self._lock = threading.Lock()

    @property
    def stays_in_thread(self) -> bool:
        """Whether only the caller's thread may use it."""
        return not self._owned

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query, with values of the types that are stored."""
        with self._session(sql) as cursor:
            cursor.execute(sql)
            if cursor.description is None:
                raise query_failed("the statement gives no rows", sql)
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
        return _table(names, rows)

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns of a query: types of columns as declared, none of what is computed."""
        sql = select_sql.strip().rstrip(";")
        view = f"temp.{_DESCRIBED}"
        with self._session(sql) as cursor, _undone(cursor):
            cursor.execute(f"CREATE TEMP VIEW {_DESCRIBED} AS\n{sql}")
            found = _columns(cursor, "temp", _DESCRIBED)
            cursor.execute(f"DROP VIEW {view}")
        return tuple(Column(name, kind, True) for name, kind, _, _ in found)

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Columns and keys of a table or view, in the first schema that has it."""
        name = parts[-1]
        with self._session("") as cursor:
            known = [row[1] for row in cursor.execute("PRAGMA database_list").fetchall()]
            places = parts[-2:-1] or ("temp", *(k for k in known if k != "temp"))
            for place in places:
                if place.lower() not in (*(k.lower() for k in known), "temp"):
                    continue
                found = _columns(cursor, place, name)
                if found:
                    return _relation(cursor, place, name, found)
        return None

    def execute(self, sql: str) -> None:
        """Run statements for their effect: all of them, or none."""
        with self._session(sql) as cursor:
            cursor.execute("SAVEPOINT kpilayer")
            try:
                for statement in _statements(sql):
                    cursor.execute(statement)
            except sqlite3.Error:
                cursor.execute("ROLLBACK TO kpilayer")
                cursor.execute("RELEASE kpilayer")
                raise
            cursor.execute("RELEASE kpilayer")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that nobody else writes beside, or a savepoint of the one that is open."""
        is_open = self._raw.in_transaction
        begin, end, undo = _NESTED if is_open else _WHOLE
        with self._session("") as cursor:
            cursor.execute(begin)
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error), contextlib.closing(self._raw.cursor()) as one:
                for statement in undo:
                    one.execute(statement)
            raise
        with self._session("") as cursor:
            cursor.execute(end)

    def progress(self) -> float | None:
        """None: SQLite does not tell."""
        return None

    def cancel(self) -> None:
        """Interrupt what runs."""
        with contextlib.suppress(sqlite3.Error):  # closed in this moment: done
            self._raw.interrupt()

    def close(self) -> None:
        """Close the files, unless the connection was handed in."""
        if self._owned:
            self._raw.close()

    @contextlib.contextmanager
    def _session(self, sql: str) -> Iterator[sqlite3.Cursor]:
        """A plain cursor, one thread at a time; a user's connection may make rows otherwise."""
        with self._lock:
            texts = self._raw.text_factory
            self._raw.text_factory = str
            try:
                cursor = self._raw.cursor()
                cursor.row_factory = None
                with (
                    contextlib.closing(cursor),
                    stopped_after(self._timeout, self._raw.interrupt) as is_late,
                ):
                    yield cursor
            except sqlite3.OperationalError as error:
                if self._timeout is not None and str(error) == "interrupted" and is_late():
                    raise timed_out(self._timeout) from None
                raise _refusal(error, sql) from None
            except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
                raise _refusal(error, sql) from None
            finally:
                self._raw.text_factory = texts


# ------------------------------------------------------------------------------------------ opening


def _files(settings: Mapping[str, object], folder: Path) -> dict[str, str]:
    """The file of each schema, `main` first."""
    found: dict[str, str] = {}
    directory = settings.get("schema_directory")
    if directory:
        there = folder / Path(str(directory)).expanduser()
        found = {file.stem: str(file) for file in sorted(there.glob("*.db"))}
    named = settings.get("schemas_and_paths")
    for schema, path in named.items() if isinstance(named, Mapping) else ():
        found[str(schema)] = _placed(str(path), folder)
    if settings.get("path"):
        found["main"] = _placed(str(settings["path"]), folder)
    return found


def _placed(path: str, folder: Path) -> str:
    return path if path == _MEMORY else str(folder / Path(path).expanduser())


def _is_there(path: str) -> bool:
    return path == _MEMORY or Path(path).exists()


def _address(path: str, read_only: bool) -> str:
    if path == _MEMORY:
        return path
    return f"{Path(path).absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# -------------------------------------------------------------------------------------- describing


def _columns(cursor: sqlite3.Cursor, schema: str, name: str) -> list[tuple[str, str, bool, int]]:
    """Of each column: its name, its declared type, whether it may be NULL, its place in the key."""
    pragma = f"PRAGMA {_quoted(schema)}.table_xinfo({_quoted(name)})"
    rows = cursor.execute(pragma).fetchall()
    return [(row[1], str(row[2]), not row[3], row[5]) for row in rows if row[6] != 1]


def _relation(
    cursor: sqlite3.Cursor, schema: str, name: str, found: Sequence[tuple[str, str, bool, int]]
) -> Relation:
    parts = sorted((place, column) for column, _, _, place in found if place)
    primary = tuple(column for _, column in parts)
    unique: list[tuple[str, ...]] = []
    place, table = _quoted(schema), _quoted(name)
    for _, index, is_unique, origin, is_partial in cursor.execute(
        f"PRAGMA {place}.index_list({table})"
    ).fetchall():
        if not is_unique or is_partial or origin == "pk":
            continue
        columns = cursor.execute(f"PRAGMA {place}.index_info({_quoted(index)})").fetchall()
        if all(column[2] is not None for column in columns):  # an expression has no name
            unique.append(tuple(column[2] for column in columns))
    columns_of = tuple(Column(column, kind, nullable) for column, kind, nullable, _ in found)
    return Relation(columns_of, primary, tuple(sorted(unique)))


@contextlib.contextmanager
def _undone(cursor: sqlite3.Cursor) -> Iterator[None]:
    """What is made inside is gone afterwards, in or out of a transaction of the user."""
    cursor.execute("SAVEPOINT kpilayer")
    try:
        yield
    finally:
        cursor.execute("ROLLBACK TO kpilayer")
        cursor.execute("RELEASE kpilayer")


def _statements(sql: str) -> Iterator[str]:
    """The statements of a text, each with its semicolon."""
    text = ""
    for piece in re.split(r"(?<=;)", sql):
        text += piece
        if sqlite3.complete_statement(text):
            yield text
            text = ""
    if text.strip():
        yield text


# ------------------------------------------------------------------------------------------ results


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Rows as Arrow: whole numbers beside doubles are doubles, and beside texts all are texts."""
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.Table.from_arrays([_array(values) for values in columns], names=list(names))


def _array(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {int}:
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if len(kinds) == 1:
        return pa.array(values)
    return pa.array([None if v is None else str(v) for v in values], pa.string())


# ------------------------------------------------------------------------------------------- errors


def _refusal(error: Exception, sql: str) -> WarehouseError:
    """SQLite's words, and the word that it names where that stands in the text once."""
    message = str(error)
    found = re.search(r'near "([^"]+)"|no such (?:column|table|function): (\S+)', message)
    word = next((part for part in found.groups() if part), "") if found else ""
    short = word.rpartition(".")[2]
    spelled = [w for w in (word, short) if w and sql.count(w) == 1]
    if message == "integer overflow":
        hint = "SQLite adds up whole numbers of 64 bits; cast to DOUBLE in `expr`"
        return query_failed(message, sql, hint=hint)
    if not spelled:
        return query_failed(message, sql)
    return query_failed(message, sql, position=sql.index(spelled[0]), length=len(spelled[0]))
