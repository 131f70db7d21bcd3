"""MySQL and MariaDB through PyMySQL: a server of a profile, or an open connection of a user.

A session is in UTC, takes SQL as both servers read it by default (a backslash escapes, a double
quote begins a text), compares what is computed by the letter, and is read-only unless told
otherwise. On a user's connection these settings hold for each query and are put back after it.

These servers warn where others refuse: of a text that is no number they make 0, of a date that is
none NULL. A warning is an error here.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from kpilayer.sql.booleans import boolean_columns
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
from kpilayer.warehouse.mysql_arrow import fetch, may_be_boolean, type_name
from kpilayer.warehouse.mysql_errors import is_late, may_pass, refusal, words_of
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.redact import hidden, scrub

if TYPE_CHECKING:
    import pyarrow as pa

# PyMySQL's name: the names it may have in a profile
_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    "host": ("server", "host"),
    "user": ("username", "user"),
    "password": ("password", "pass"),
    "database": ("schema", "database"),
    "unix_socket": ("unix_socket",),
    "ssl_ca": ("ssl_ca",),
    "ssl_cert": ("ssl_cert",),
    "ssl_key": ("ssl_key",),
    "ssl_disabled": ("ssl_disabled",),
    "ssl_verify_cert": ("ssl_verify_cert",),
    "ssl_verify_identity": ("ssl_verify_identity",),
}
_TIMEOUT: Final = 10  # seconds
_PORT: Final = 3306

_SETTINGS: Final = {
    "time_zone": "+00:00",
    "sql_mode": "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
    "group_concat_max_len": 1 << 30,
}
#: What is computed is compared by the letter; a column by its own collation.
_COLLATIONS: Final = {"mariadb": "utf8mb4_nopad_bin", "mysql": "utf8mb4_0900_bin"}
#: Warnings that change no value: a division by zero is NULL everywhere; some are about other views
#: and tables that information_schema looks into; the others are advice.
_HARMLESS: Final = frozenset({1287, 1356, 1365, 1681, 1684, 3719, 3778})

_COLUMNS: Final = """
SELECT column_name AS name, column_type AS type, is_nullable AS nullable
FROM information_schema.columns
WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s ORDER BY ordinal_position"""
_KEYS: Final = """
SELECT index_name AS key_name, column_name AS name
FROM information_schema.statistics
WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s AND non_unique = 0
ORDER BY index_name, seq_in_index"""
_ZONE: Final = re.compile(r"'([A-Za-z]\w*(?:/[\w+-]+)*)'\s*(?=[,)])")
_IN_ZONE: Final = "SELECT CONVERT_TZ('2024-01-01', '+00:00', %s) IS NULL"


def connect(target: Target, *, read_only: bool) -> MySQL:
    """A session on the target's server.

    Raises:
        WarehouseError: ``missing-driver``, or ``connection-failed`` naming all but the password.
    """
    try:
        import pymysql
    except ImportError:
        raise missing_driver("pymysql", "kpilayer[mysql]") from None
    settings = target.settings
    parameters: dict[str, Any] = {"connect_timeout": _TIMEOUT, "port": _PORT}
    for name, spellings in _PARAMETERS.items():
        value = named(settings, *spellings)
        if value is not None:
            parameters[name] = value if isinstance(value, bool) else str(value)
    raw = None
    try:
        parameters["port"] = int(str(settings.get("port") or _PORT))
        raw = pymysql.connect(**parameters, autocommit=True, charset="utf8mb4")
        with raw.cursor() as cursor:
            _apply(cursor, _settings(raw))
            timeout = limits_of(target).timeout_seconds
            if timeout is not None:
                _apply(cursor, _time_limit(raw, timeout))
            if read_only:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
    except (pymysql.Error, ValueError, OSError) as error:
        if raw is not None:
            raw.close()
        why = scrub(words_of(error), settings)
        raise connection_failed(
            f"{target.type} at {_place(parameters)}: {why}", transient=may_pass(error)
        ) from None
    return MySQL(raw, owned=True, timeout=timeout)


def wrap(connection: Any) -> MySQL:
    """A user's open connection, which stays open."""
    return MySQL(connection, owned=False)


class MySQL:
    """A :class:`~kpilayer.warehouse.connection.Connection` over one PyMySQL connection."""

    dialect: Final = "mysql"

    def __init__(self, raw: Any, *, owned: bool, timeout: float | None = None) -> None:
        self._raw = raw
        self._owned = owned
        self._timeout = timeout
        self._lock = threading.Lock()
        self._zones: set[str] = set()

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query; types as :mod:`kpilayer.warehouse.mysql_arrow` has."""
        with self._session(sql) as cursor:
            self._check_zones(cursor, sql)
            cursor.execute(sql)
            if cursor.description is None:
                raise query_failed("the statement gives no rows", sql)
            fields, rows = cursor._result.fields, cursor.fetchall()
            _check_warnings(cursor, sql)
            return self._with_booleans(cursor, fetch(fields, rows, sql), sql)

    def _with_booleans(self, cursor: Any, table: pa.Table, sql: str) -> pa.Table:
        """The table with booleans where the query says that 0 and 1 are some."""
        import pyarrow as pa

        places = [n for n, column in enumerate(table.columns) if may_be_boolean(column)]
        told = self._booleans(cursor, sql) if places else ()
        for place in places:
            if place < len(told) and told[place]:
                name = table.column_names[place]
                table = table.set_column(place, name, table.column(place).cast(pa.bool_()))
        return table

    def _booleans(self, cursor: Any, sql: str) -> tuple[bool, ...]:
        def describe(parts: tuple[str, ...]) -> Mapping[str, bool]:
            columns, _ = _described(cursor, parts)
            return {column.name: column.type == "boolean" for column in columns}

        return boolean_columns(sql, self.dialect, describe)

    def _check_zones(self, cursor: Any, sql: str) -> None:
        """Nothing, where the server knows the zones of CONVERT_TZ, which gives NULL if it does not.

        Raises:
            WarehouseError: ``query-failed``, naming the zone.
        """
        if "CONVERT_TZ(" not in sql:
            return
        for zone in dict.fromkeys(_ZONE.findall(sql)):
            if zone in self._zones or not _is_zone(zone):
                continue
            cursor.execute(_IN_ZONE, [zone])
            if cursor.fetchone()[0] != "0":
                hint = "load its time zones: mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql"
                message = f"the server does not know the time zone `{zone}`"
                raise query_failed(message, sql, hint=hint)
            self._zones.add(zone)

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns of a query, which is not run. All may be NULL."""
        inner = select_sql.strip().rstrip(";")
        before = "SELECT * FROM (\n"
        with self._session(inner, skip=1) as cursor:
            cursor.execute(f"{before}{inner}\n) AS described LIMIT 0")
            fields = cursor._result.fields
            told = self._booleans(cursor, inner)
        types = [
            "boolean" if place < len(told) and told[place] else type_name(field)
            for place, field in enumerate(fields)
        ]
        return tuple(Column(f.name, t, True) for f, t in zip(fields, types, strict=True))

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Columns and keys of a table or view, in the session's database if no other is named."""
        with self._session("") as cursor:
            columns, keys = _described(cursor, parts)
        if not columns:
            return None
        primary = keys.pop("PRIMARY", ())
        return Relation(tuple(columns), primary, tuple(keys.values()))

    def execute(self, sql: str) -> None:
        """Run statements for their effect."""
        with self._session(sql) as cursor:
            self._check_zones(cursor, sql)
            for statement in _statements(sql):
                cursor.execute(statement)

    def progress(self) -> float | None:
        """None: the server does not tell."""
        return None

    def cancel(self) -> None:
        """Have the server stop what this session runs, by a second connection."""
        from ssl import SSLSocket

        import pymysql

        raw = self._raw
        with contextlib.suppress(pymysql.Error, OSError):  # the session is gone, with its query
            second = type(raw)(
                host=raw.host,
                port=raw.port,
                user=raw.user,
                password=raw.password,
                unix_socket=raw.unix_socket,
                ssl=raw.ctx if isinstance(raw._sock, SSLSocket) else None,
                connect_timeout=5,
            )
            with second, second.cursor() as cursor:
                cursor.execute(f"KILL QUERY {raw.thread_id()}")

    def close(self) -> None:
        """End the session, unless the connection was handed in."""
        if self._owned:
            self._raw.close()

    @contextlib.contextmanager
    def _session(self, sql: str, *, skip: int = 0) -> Iterator[Any]:
        """A plain cursor whose values are text, one thread at a time; errors in terms of ``sql``.

        ``skip`` is how many lines the statement has before ``sql``.
        """
        import pymysql
        from pymysql.cursors import Cursor

        with self._lock:
            decoders, self._raw.decoders = self._raw.decoders, {}
            try:
                with Cursor(self._raw) as cursor:
                    if self._owned:
                        yield cursor
                    else:
                        with _borrowed(self._raw, cursor):
                            yield cursor
            except pymysql.Error as error:
                if self._timeout is not None and is_late(error):
                    raise timed_out(self._timeout) from None
                raise refusal(error, sql, skip) from None
            finally:
                self._raw.decoders = decoders


# ---------------------------------------------------------------------------------------- sessions


def _settings(raw: Any) -> dict[str, object]:
    kind = "mariadb" if "mariadb" in raw.get_server_info().lower() else "mysql"
    return {**_SETTINGS, "collation_connection": _COLLATIONS[kind]}


def _time_limit(raw: Any, seconds: float) -> dict[str, object]:
    """The setting that stops statements: of SELECT alone on MySQL, in milliseconds."""
    if "mariadb" in raw.get_server_info().lower():
        return {"max_statement_time": seconds}
    return {"max_execution_time": max(1, round(seconds * 1000))}


def _apply(cursor: Any, settings: Mapping[str, object]) -> None:
    names = ", ".join(f"SESSION {name} = %s" for name in settings)
    cursor.execute(f"SET {names}", list(settings.values()))


@contextlib.contextmanager
def _borrowed(raw: Any, cursor: Any) -> Iterator[None]:
    """A user's session with our settings, put back at the end."""
    settings = _settings(raw)
    cursor.execute("SELECT " + ", ".join(f"@@SESSION.{name}" for name in settings))
    before = dict(zip(settings, cursor.fetchone(), strict=True))
    before["group_concat_max_len"] = int(before["group_concat_max_len"])
    _apply(cursor, settings)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # the first error counts
            _apply(cursor, before)


def _check_warnings(cursor: Any, sql: str) -> None:
    """Nothing, where the server had nothing to say that changes a value."""
    if not cursor.warning_count:
        return
    cursor.execute("SHOW WARNINGS")
    for level, code, message in cursor.fetchall():
        if level != "Note" and int(code) not in _HARMLESS:
            raise query_failed(str(message), sql, hint="the server would go on with another value")


def _statements(sql: str) -> list[str]:
    """Statements that stand in lines of their own, as `sql/creation.py` writes them."""
    return [text for text in re.split(r";\n", sql.strip().rstrip(";")) if text.strip()]


def _is_zone(word: str) -> bool:
    from zoneinfo import available_timezones

    return word in available_timezones()


# ------------------------------------------------------------------------------------- descriptions


def _described(
    cursor: Any, parts: tuple[str, ...]
) -> tuple[list[Column], dict[str, tuple[str, ...]]]:
    """Columns of a relation, and its keys by name; none where there is no such relation."""
    if len(parts) > 2 and parts[0] != "def":
        return [], {}
    schema = parts[-2] if len(parts) > 1 else None
    cursor.execute(_COLUMNS, [schema, parts[-1]])
    columns = [Column(n, _spelled(t), nullable == "YES") for n, t, nullable in cursor.fetchall()]
    cursor.execute(_KEYS, [schema, parts[-1]])
    keys: dict[str, tuple[str, ...]] = {}
    for key, name in cursor.fetchall():
        keys[key] = (*keys.get(key, ()), name)
    whole = {key: names for key, names in keys.items() if all(names)}  # no index of expressions
    return columns, whole


def _spelled(kind: str) -> str:
    """A type without the width that it is shown in; BOOLEAN is the servers' word for TINYINT(1).

    >>> _spelled("tinyint(1)"), _spelled("int(11) unsigned"), _spelled("decimal(9,2)")
    ('boolean', 'int unsigned', 'decimal(9,2)')
    """
    if kind == "tinyint(1)":
        return "boolean"
    return re.sub(r"^(\w*int|year)\(\d+\)", r"\1", kind)


def _place(parameters: Mapping[str, Any]) -> str:
    """Where a connection was to go: all of it but the password."""
    host = hidden(parameters.get("unix_socket") or parameters.get("host", "localhost"))
    database, user = hidden(parameters.get("database")), hidden(parameters.get("user"))
    return (
        f"{host}:{parameters.get('port', _PORT)}"
        + (f", database `{database}`" if database else "")
        + (f", user `{user}`" if user else "")
    )
