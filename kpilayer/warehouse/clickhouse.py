"""ClickHouse: a server through clickhouse-connect, or chDB, which is ClickHouse in this process.

A session of our own is in UTC and read-only unless told otherwise; it stays free to read settings,
which statements bring along (``readonly = 2``). A process has one chDB database: a second path is
refused by chDB itself.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from kpilayer.errors import WarehouseError
from kpilayer.warehouse import clickhouse_arrow
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
from kpilayer.warehouse.redact import hidden, scrub

if TYPE_CHECKING:
    import pyarrow as pa

_MEMORY: Final = ":memory:"
_TIMEOUT: Final = 10  # seconds to connect, as dbt-clickhouse
_SILENCE: Final = 300  # seconds without a byte of an answer, as the driver
_LATE: Final = 159
_TAG: Final = re.compile(r"-- (kpilayer: .*)")
#: Codes of what may work when it is tried again: the network, and a server with too much to do.
_PASSING: Final = frozenset({202, 209, 210, 279, 425, 999})
_AT: Final = re.compile(r"failed at position (\d+)")
_WORDS: Final = re.compile(
    r"^(?:Error: )?Code: \d+\. DB::Exception: |\s*\(version [^()]*(?:\([^()]*\))?\)$"
)


class Session(Protocol):
    """What both drivers can do."""

    def arrow(self, sql: str, query_id: str) -> pa.Table:
        """The rows of a query, as ClickHouse writes them to Arrow."""

    def command(self, sql: str) -> None:
        """Runs a statement."""

    def beside(self, sql: str) -> None:
        """Runs a statement while another one runs."""

    def close(self) -> None:
        """Ends the session."""


def connect(target: Target, *, project_dir: Path, read_only: bool) -> ClickHouse:
    """A session on the target's server, or on its chDB folder.

    Raises:
        WarehouseError: ``missing-driver``, or ``connection-failed`` naming all but the password.
    """
    session = _local(target, project_dir) if target.type == "chdb" else _remote(target)
    timeout = limits_of(target).timeout_seconds
    settings = {"session_timezone": "'UTC'"}
    settings |= {} if timeout is None else {"max_execution_time": f"{timeout:g}"}
    settings |= {"readonly": "2"} if read_only else {}  # the last one: nothing is set after it
    try:
        for name, value in settings.items():
            session.command(f"SET {name} = {value}")
    except _failures() as error:
        session.close()
        why = scrub(_said(error), target.settings)
        raise connection_failed(f"ClickHouse: {why}", transient=_may_pass(error)) from None
    return ClickHouse(session, owned=True, timeout=timeout)


def wrap(connection: Any) -> ClickHouse:
    """A user's open chDB connection or clickhouse-connect client, which stays open."""
    is_client = hasattr(connection, "raw_query")
    return ClickHouse(Server(connection) if is_client else Local(connection), owned=False)


class ClickHouse:
    """A :class:`~kpilayer.warehouse.connection.Connection` over one session of either driver."""

    dialect: Final = "clickhouse"

    def __init__(self, session: Session, *, owned: bool, timeout: float | None = None) -> None:
        self._session = session
        self._owned = owned
        self._timeout = timeout
        self._lock = threading.Lock()
        self._running: str | None = None

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query; types as ``clickhouse_arrow`` has."""
        with self._told(sql):
            table = self._asked(sql)
            if not table.num_columns:
                raise query_failed("the statement gives no rows", sql)
            if not clickhouse_arrow.needs_types(table):
                return clickhouse_arrow.plain(table, {})
            return clickhouse_arrow.plain(table, dict(self._types(sql)))

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns of a query, which ClickHouse plans but does not run. All may be NULL."""
        with self._told(select_sql):
            return tuple(
                Column(n, clickhouse_arrow.bare(t), True) for n, t in self._types(select_sql)
            )

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Columns of a table or view. ClickHouse enforces no keys: its primary keys only sort."""
        if len(parts) > 2:
            return None
        database = _text(parts[0]) if len(parts) == 2 else "currentDatabase()"
        sql = (
            f"SELECT name, type FROM system.columns WHERE database = {database} "
            f"AND table = {_text(parts[-1])} ORDER BY position"
        )
        with self._told(""):
            found = self._asked(sql).to_pylist()
        columns = (
            Column(c["name"], clickhouse_arrow.bare(c["type"]), "Nullable(" in c["type"])
            for c in found
        )
        return Relation(tuple(columns)) if found else None

    def execute(self, sql: str) -> None:
        """Run a statement for its effect."""
        with self._told(sql):
            self._session.command(sql)

    def progress(self) -> float | None:
        """None: it is told to other sessions only."""
        return None

    def cancel(self) -> None:
        """Kill the running query, from a session beside this one."""
        running = self._running
        if running is not None:
            with contextlib.suppress(*_failures()):  # it has ended in this moment
                self._session.beside(f"KILL QUERY WHERE query_id = {_text(running)} ASYNC")

    def close(self) -> None:
        """End the session, unless the connection was handed in."""
        if self._owned:
            self._session.close()

    def _asked(self, sql: str) -> pa.Table:
        self._running = str(uuid.uuid4())
        try:
            return self._session.arrow(sql, self._running)
        finally:
            self._running = None

    def _types(self, sql: str) -> list[tuple[str, str]]:
        inner = sql.strip().rstrip(";")
        rows = self._asked(f"DESCRIBE TABLE (\n{inner}\n)").to_pylist()
        return [(row["name"], row["type"]) for row in rows]

    @contextlib.contextmanager
    def _told(self, sql: str) -> Iterator[None]:
        """One thread at a time; errors told in terms of ``sql``."""
        with self._lock:
            try:
                yield
            except _failures() as error:
                if self._timeout is not None and _code(error) == _LATE:
                    raise timed_out(self._timeout) from None
                raise _refusal(error, sql) from None


# ------------------------------------------------------------------------------------------ drivers


class Local:
    """chDB, by a connection or session of it.

    Of a query that fails on its way, chDB keeps the rows so far, and puts them before the answer to
    the next one. So a failed query is followed by one whose answer is thrown away.
    """

    def __init__(self, raw: Any, path: str = _MEMORY) -> None:
        self._raw = raw
        self._path = path
        self._forget()  # what its owner asked may have failed

    def arrow(self, sql: str, query_id: str) -> pa.Table:
        """The rows, from memory; chDB knows queries by their text alone."""
        import pyarrow as pa

        data = self._query(f"{sql}\n-- {query_id}", "ArrowStream").bytes()
        return pa.ipc.open_stream(data).read_all() if data else pa.table({})

    def command(self, sql: str) -> None:
        """Runs a statement."""
        self._query(sql, "Null")

    def _query(self, sql: str, form: str) -> Any:
        try:
            return self._raw.query(sql, form)
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        with contextlib.suppress(*_failures()):  # the first error counts
            self._raw.query("SELECT 1", "Null")

    def beside(self, sql: str) -> None:
        """By a connection of its own, which finds the query by the mark at its end."""
        import chdb

        mark = sql.partition("'")[2].partition("'")[0]
        found = f"query LIKE '%-- {mark}' AND query_id <> queryID()"
        other: Any = chdb.connect(self._path)  # type: ignore[no-untyped-call]
        try:
            other.query(f"KILL QUERY WHERE {found} ASYNC", "Null")
        finally:
            other.close()

    def close(self) -> None:
        """Closes it."""
        self._raw.close()


class Server:
    """A server, by a client of clickhouse-connect."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def arrow(self, sql: str, query_id: str) -> pa.Table:
        """The rows, as they come over the wire."""
        import pyarrow as pa

        settings = {"query_id": query_id, "output_format_arrow_string_as_string": 1}
        tag = _TAG.match(sql)
        if tag is not None:
            settings["log_comment"] = tag[1]  # which the server's query log keeps
        data = self._client.raw_query(sql, settings=settings, fmt="ArrowStream")
        return pa.ipc.open_stream(data).read_all() if data else pa.table({})

    def command(self, sql: str) -> None:
        """Runs a statement; what it sets holds for the session."""
        name, _, value = sql.removeprefix("SET ").partition(" = ")
        if sql.startswith("SET ") and name.isidentifier():
            self._client.set_client_setting(name, value.strip("'"))
        else:
            self._client.command(sql)

    def beside(self, sql: str) -> None:
        """Over another connection of the client."""
        self._client.command(sql, settings={"readonly": 0})

    def close(self) -> None:
        """Closes the client."""
        self._client.close()


def _local(target: Target, project_dir: Path) -> Session:
    try:
        import chdb
    except ImportError:
        raise missing_driver("chdb", "kpilayer[chdb]") from None
    path = str(target.settings.get("path") or _MEMORY)
    if path != _MEMORY:
        path = str((project_dir / Path(path).expanduser()).resolve())
    try:
        raw: Any = chdb.connect(path)  # type: ignore[no-untyped-call]
        if target.schema:
            raw.query(f"USE {_quoted(target.schema)}", "Null")
    except (RuntimeError, chdb.ChdbError) as error:
        why = scrub(_said(error), target.settings)
        raise connection_failed(f"chDB at `{path}`: {why}") from None
    return Local(raw, path)


def _remote(target: Target) -> Session:
    try:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError
    except ImportError:
        raise missing_driver("clickhouse-connect", "kpilayer[clickhouse]") from None
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())  # it is told once
    settings = target.settings
    secure = bool(settings.get("secure"))
    timeout = limits_of(target).timeout_seconds
    place: dict[str, Any] = {
        "host": str(settings.get("host") or "localhost"),
        "port": int(str(settings.get("port") or (8443 if secure else 8123))),
        "username": str(named(settings, "user", "username") or "default"),
        "database": str(target.schema or "default"),
    }
    try:
        return Server(
            clickhouse_connect.get_client(
                **place,
                password=str(named(settings, "password", "pass") or ""),
                secure=secure,
                verify=bool(settings.get("verify", True)),
                connect_timeout=int(str(settings.get("connect_timeout") or _TIMEOUT)),
                send_receive_timeout=max(_SILENCE, int(timeout or 0) + _TIMEOUT),
                client_name="kpilayer",
                autogenerate_session_id=False,
            )
        )
    except ClickHouseError as error:
        shown = f"{hidden(place['host'])}:{place['port']}, database `{hidden(place['database'])}`"
        why = scrub(_said(error), settings)
        said = f"ClickHouse at {shown}, user `{hidden(place['username'])}`: {why}"
        hint = None
        if settings.get("driver") == "native" or place["port"] in (9000, 9440):
            hint = "kpilayer speaks HTTP: use port 8123, or 8443 with `secure: true`"
        raise connection_failed(said, hint=hint, transient=_may_pass(error)) from None


# ------------------------------------------------------------------------------------------- errors


def _failures() -> tuple[type[Exception], ...]:
    """What the drivers that are loaded raise."""
    import sys

    found: list[type[Exception]] = []
    if (chdb := sys.modules.get("chdb")) is not None:
        found += [chdb.ChdbError, RuntimeError]
    if (driver := sys.modules.get("clickhouse_connect.driver.exceptions")) is not None:
        found.append(driver.ClickHouseError)
    return tuple(found)


def _code(error: Exception) -> int | None:
    """The number of ClickHouse's error; None where the driver itself failed."""
    found = re.search(r"\bCode: (\d+)\.", str(error))
    return int(found[1]) if found else None


def _may_pass(error: Exception) -> bool:
    """Whether the server could not be reached, or says that it has no time now."""
    code = _code(error)
    return code in _PASSING if code is not None else type(error).__name__ == "OperationalError"


def _said(error: Exception) -> str:
    """The engine's words without its code and version."""
    return _WORDS.sub("", str(error).strip()).strip()


def _refusal(error: Exception, sql: str) -> WarehouseError:
    message = _said(error)
    found = _AT.search(message)
    hint = None
    if "readonly" in message.lower() and "setting" in message.lower():
        hint = (
            "numbers depend on settings that the query brings along: use a user with readonly = 2"
        )
    position = None
    if found and sql:
        position = len(sql.encode()[: int(found.group(1)) - 1].decode(errors="ignore"))
    return query_failed(message, sql, position=position, hint=hint, transient=_may_pass(error))


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
