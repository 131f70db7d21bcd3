"""PostgreSQL through psycopg 3: a server of a profile, or an open connection of a user.

A session of our own is read-only unless told otherwise, in UTC, named ``kpilayer`` in
``pg_stat_activity``, with ``schema`` first in its search path. Each query on a user's connection
runs inside a transaction or savepoint that is rolled back, which puts the time zone back too.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from kpilayer.errors import WarehouseError
from kpilayer.warehouse.connection import (
    Column,
    Relation,
    connection_failed,
    missing_driver,
    named,
    query_failed,
    timed_out,
)
from kpilayer.warehouse.limits import limits_of
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.redact import HIDDEN, hidden, scrub

if TYPE_CHECKING:
    import pyarrow as pa

# libpq's name: the names it may have in a profile
_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    "host": ("host",),
    "port": ("port",),
    "user": ("user", "username"),
    "password": ("password", "pass"),
    "dbname": ("dbname", "database"),
    "sslmode": ("sslmode",),
    "sslcert": ("sslcert",),
    "sslkey": ("sslkey",),
    "sslrootcert": ("sslrootcert",),
    "connect_timeout": ("connect_timeout",),
    "keepalives_idle": ("keepalives_idle",),
}
_TIMEOUT: Final = 10  # seconds, as dbt-postgres
_CANCEL_TIMEOUT: Final = 5.0  # seconds
_CANCELLED: Final = "57014"  # by a statement timeout, too
_NAME: Final = 63  # bytes of a name

#: States of what may work when it is tried again: a lost connection, a transaction that gave way to
#: another one, a server that starts, stops or is full.
_PASSING: Final = re.compile(r"08...|40001|40P01|57P0[123]|53300")
#: The same where no connection was made, and so no state told.
_NOT_REACHED: Final = re.compile(
    r"connection refused|connection reset|timeout expired|timed out|closed the connection|"
    r"is starting up|is shutting down|too many (?:clients|connections)|temporary failure",
    re.I,
)

_TYPES: Final = """
SELECT format_type(t.oid, t.modifier)
FROM unnest(%s::oid[], %s::int[]) WITH ORDINALITY AS t(oid, modifier, n) ORDER BY n"""
_EXISTS: Final = "SELECT to_regclass(%s)::oid"
_DATABASE: Final = "SELECT current_database()"
_COLUMNS: Final = """
SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull
FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
ORDER BY attnum"""
# A deferrable key can be broken inside a transaction, but not in what others see of it.
_KEYS: Final = """
SELECT c.contype::text, (
    SELECT array_agg(a.attname::text ORDER BY k.n)
    FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n)
    JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
)
FROM pg_constraint AS c
WHERE c.conrelid = %s AND c.contype IN ('p', 'u')
ORDER BY c.contype, c.conname"""


def connect(target: Target, *, read_only: bool) -> Postgres:
    """A session on the target's server.

    Raises:
        WarehouseError: ``missing-driver``, or ``connection-failed`` naming all but the password.
    """
    try:
        import psycopg
    except ImportError:
        raise missing_driver("psycopg", "kpilayer[postgres]") from None
    settings = target.settings
    parameters: dict[str, Any] = {"connect_timeout": _TIMEOUT}
    for name, spellings in _PARAMETERS.items():
        value = named(settings, *spellings)
        if value is not None:
            parameters[name] = str(value)
    raw = None
    try:
        raw = psycopg.connect(
            **parameters, autocommit=True, prepare_threshold=None, application_name="kpilayer"
        )
        timeout = limits_of(target).timeout_seconds
        _prepare(raw, target, read_only=read_only, timeout=timeout)
    except psycopg.Error as error:
        if raw is not None:
            raw.close()
        lines = [line.strip() for line in str(error).splitlines()]
        why = _without_strings("; ".join(filter(None, lines)), parameters)
        why = scrub(why, settings).removeprefix("connection failed: ")
        raise connection_failed(
            f"PostgreSQL at {_place(parameters)}: {why}",
            transient=bool(_NOT_REACHED.search(str(error))),
        ) from None
    return Postgres(raw, owned=True, timeout=timeout)


def wrap(connection: Any) -> Postgres:
    """A user's open connection, which stays open."""
    return Postgres(connection, owned=False)


class Postgres:
    """A :class:`~kpilayer.warehouse.connection.Connection` over one psycopg connection.

    ``timeout`` is the seconds after which the server was told to stop a statement.
    """

    dialect: Final = "postgres"

    def __init__(self, raw: Any, *, owned: bool, timeout: float | None = None) -> None:
        self._raw = raw
        self._owned = owned
        self._timeout = timeout
        self._is_cancelled = False
        self._lock = threading.Lock()

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query; types as :mod:`kpilayer.warehouse.postgres_arrow` has."""
        from kpilayer.warehouse import postgres_arrow

        with self._session(sql) as cursor:
            postgres_arrow.choose_loaders(cursor)
            cursor.execute(sql)
            if cursor.description is None:
                raise query_failed("the statement gives no rows", sql)
            return postgres_arrow.fetch(cursor, sql)

    def batches(self, sql: str, size: int) -> Iterator[pa.RecordBatch]:
        """The rows as the server sends them, ``size`` at a time; at least one batch."""
        from itertools import islice

        from kpilayer.warehouse import postgres_arrow

        with self._session(sql) as cursor:
            postgres_arrow.choose_loaders(cursor)
            rows = cursor.stream(sql, size=_chunk(size))
            try:
                first = list(islice(rows, size))
                if cursor.description is None:  # of an answer without rows, it is not told
                    cursor.execute(f"SELECT * FROM (\n{sql.strip().rstrip(';')}\n) AS a LIMIT 0")
                build = postgres_arrow.builder(cursor.description, sql)
                yield build(first)
                while some := list(islice(rows, size)):
                    yield build(some)
            finally:
                rows.close()  # and cancels what still runs

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns of a query, which PostgreSQL plans but does not run. All may be NULL."""
        inner = select_sql.strip().rstrip(";")
        before = "SELECT * FROM (\n"
        sql = f"{before}{inner}\n) AS described LIMIT 0"
        with self._session(inner, skip=len(before)) as cursor:
            result = cursor.execute(sql).pgresult
            ids = [result.ftype(i) for i in range(result.nfields)]
            modifiers = [result.fmod(i) for i in range(result.nfields)]
            names = [column.name for column in cursor.description]
            types = cursor.execute(_TYPES, [ids, modifiers]).fetchall()
        return tuple(Column(n, t, True) for n, (t,) in zip(names, types, strict=True))

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Columns and keys of a table or view, found along the search path if it has no schema."""
        with self._session("") as cursor:
            if len(parts) == 3:
                (database,) = cursor.execute(_DATABASE).fetchone()
                if parts[0] != database:
                    return None
                parts = parts[1:]
            quoted = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
            (oid,) = cursor.execute(_EXISTS, [quoted]).fetchone()
            if oid is None:
                return None
            columns = cursor.execute(_COLUMNS, [oid]).fetchall()
            keys = cursor.execute(_KEYS, [oid]).fetchall()
        primary = next((tuple(names) for kind, names in keys if kind == "p"), ())
        unique = tuple(tuple(names) for kind, names in keys if kind == "u")
        return Relation(tuple(Column(*row) for row in columns), primary, unique)

    def execute(self, sql: str) -> None:
        """Run statements for their effect, in the transaction that is open, if one is."""
        import psycopg

        with self._lock:
            self._is_cancelled = False
            try:
                self._raw.execute(sql)
            except psycopg.Error as error:
                raise self._refusal(error, sql, 0) from None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, or a savepoint of the one that is open."""
        import psycopg

        try:
            with self._raw.transaction():
                yield
        except psycopg.Error as error:  # of BEGIN or COMMIT: statements tell theirs themselves
            raise self._refusal(error, "", 0) from None

    def progress(self) -> float | None:
        """None: PostgreSQL does not tell."""
        return None

    def cancel(self) -> None:
        """Ask the server to cancel what this session runs."""
        import psycopg

        self._is_cancelled = True
        with contextlib.suppress(psycopg.Error):  # the session is gone, and with it the query
            self._raw.cancel_safe(timeout=_CANCEL_TIMEOUT)

    def close(self) -> None:
        """End the session, unless the connection was handed in."""
        if self._owned:
            self._raw.close()

    @contextlib.contextmanager
    def _session(self, sql: str, *, skip: int = 0) -> Iterator[Any]:
        """A plain cursor, one thread at a time; errors told in terms of ``sql``.

        ``skip`` is how many characters the statement has before ``sql``.
        """
        import psycopg
        from psycopg.rows import tuple_row

        with self._lock:
            self._is_cancelled = False
            try:
                # A user's connection may make cursors and rows of other kinds.
                with psycopg.Cursor(self._raw, row_factory=tuple_row) as cursor:
                    if self._owned:
                        yield cursor
                    else:
                        with self._raw.transaction(force_rollback=True):
                            cursor.execute("SET LOCAL TimeZone = 'UTC'")
                            yield cursor
            except psycopg.Error as error:
                raise self._refusal(error, sql, skip) from None

    def _refusal(self, error: Any, sql: str, skip: int) -> WarehouseError:
        if self._timeout is not None and error.sqlstate == _CANCELLED and not self._is_cancelled:
            return timed_out(self._timeout)
        return _refusal(error, sql, skip, is_lost=self._raw.broken)


def _prepare(raw: Any, target: Target, *, read_only: bool, timeout: float | None) -> None:
    from psycopg import sql

    if role := target.settings.get("role"):
        raw.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(str(role))))
    raw.execute("SET TimeZone = 'UTC'")
    path = target.settings.get("search_path")
    if path:
        raw.execute("SELECT set_config('search_path', %s, false)", [str(path)])
    elif target.schema:
        raw.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(target.schema)))
    if timeout is not None:
        milliseconds = str(max(1, round(timeout * 1000)))
        raw.execute("SELECT set_config('statement_timeout', %s, false)", [milliseconds])
    if read_only:
        raw.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")


def _refusal(error: Any, sql: str, skip: int, *, is_lost: bool) -> WarehouseError:
    """The server's words, or the driver's where a value has no Python form."""
    diagnosis = error.diag
    message = diagnosis.message_primary or str(error)
    if diagnosis.message_detail:
        message = f"{message} ({diagnosis.message_detail})"
    at = diagnosis.statement_position
    position = int(at) - 1 - skip if at and sql else None
    if position is not None and not 0 <= position <= len(sql):
        position = None
    length = _word(sql, position) if position is not None else 1
    return query_failed(
        message,
        sql,
        position=position,
        length=length,
        hint=diagnosis.message_hint,
        transient=is_lost or bool(_PASSING.fullmatch(error.sqlstate or "")),
    )


def _chunk(size: int) -> int:
    """How many rows the driver asks for at once: older versions of libpq know one row only."""
    from psycopg import capabilities

    return size if capabilities.has_stream_chunked() else 1


def _word(sql: str, start: int) -> int:
    """The length of the name at a position: PostgreSQL tells only where it starts."""
    end = start
    while end < len(sql) and (sql[end].isalnum() or sql[end] in '_."'):
        end += 1
    return max(1, end - start)


def _without_strings(message: str, parameters: Mapping[str, object]) -> str:
    """A message without connection strings that stand where a name should, also if cut short.

    The server cuts a name at 63 bytes, which may be inside of the password, and the driver cuts a
    host at commas.
    """
    for value in parameters.values():
        shown = hidden(value)
        if isinstance(value, str) and shown != value:
            message = message.replace(value, str(shown))
            cut = value.encode()[:_NAME].decode(errors="ignore")
            for piece in (cut, *(value.split(",") if "," in value else ())):
                message = message.replace(piece, HIDDEN) if len(piece) > 1 else message
    return message


def _place(parameters: Mapping[str, str]) -> str:
    """Where a connection was to go: all of it but the password, also inside a string."""
    host = hidden(parameters.get("host", "the default host"))
    database, user = hidden(parameters.get("dbname")), hidden(parameters.get("user"))
    return (
        f"{host}:{parameters.get('port', '5432')}"
        + (f", database `{database}`" if database else "")
        + (f", user `{user}`" if user else "")
    )
