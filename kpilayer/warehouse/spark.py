"""Spark: a server through Spark Connect, or a session in this process.

What a session is set to decides numbers in Spark (ANSI mode, the time zone, what a `$` in a text
is), and a statement cannot say it. The settings are made for each query and put back after it: a
user's session may have others.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import socket
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from kpilayer.errors import WarehouseError
from kpilayer.warehouse.connection import (
    Column,
    Relation,
    connection_failed,
    missing_driver,
    named,
    no_such_file,
    query_failed,
)
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.redact import hidden, scrub

if TYPE_CHECKING:
    import pyarrow as pa

_EXTRA: Final = "kpilayer[spark]"
_PORT: Final = 15002
_TIMEOUT: Final = 10  # seconds to connect
#: What decides numbers, or what a text means.
SETTINGS: Final[Mapping[str, str]] = {
    "spark.sql.ansi.enabled": "true",  # overflows and texts that are no number are errors
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.variable.substitute": "false",  # else `${..}` in a text is replaced
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",  # else digits are cut off
}
#: Of a session in this process, unless the profile says otherwise.
_LOCAL: Final[Mapping[str, str]] = {
    "spark.app.name": "kpilayer",
    "spark.sql.catalogImplementation": "hive",  # where dbt-spark's session has its tables
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",  # what goes wrong is told once, as an error
}
_NO_RELATION: Final = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND")
_NO_FILES: Final = re.compile(r"\[PATH_NOT_FOUND\] Path does not exist: (?:file:/*(?=/))?(.+?)\. ")
_CODE: Final = re.compile(r"^\[[A-Z0-9_.]+\]\s*")
_IN_JAVA: Final = re.compile(r"(?<=: )\[[A-Z0-9_.]+\] .*$", re.M)
_STATE: Final = re.compile(r"\s*SQLSTATE: \w{5}.*$", re.S)
_PLACE: Final = re.compile(r"line (\d+),? pos (\d+)")


def connect(target: Target) -> Spark:
    """A session of the target's Spark Connect server, or one in this process.

    dbt-spark's keys say which: `method: session` is a session in this process, on `master` if that
    is given. `method: connect`, or a `host` that is `sc://host:port`, is Spark Connect.

    Raises:
        WarehouseError: ``missing-driver``, or ``connection-failed`` naming all but the token.
    """
    settings = target.settings
    host = str(settings.get("host") or "")
    method = str(settings.get("method") or ("connect" if host.startswith("sc://") else "session"))
    if host.startswith("sc://"):
        method = "connect"
    if method not in ("connect", "session"):
        raise connection_failed(
            f"the target's `method: {method}` is not one that kpilayer uses on Spark",
            hint="use `method: session`, or Spark Connect: `host: sc://HOST:15002`",
        )
    try:
        session, stops = _remote(settings) if method == "connect" else _local(settings)
    except ImportError:
        raise missing_driver("pyspark", _EXTRA) from None
    spark = Spark(session, owned=stops)
    try:
        for name in (named(settings, "catalog"), target.schema):
            if name:
                spark.execute(f"USE {_quoted(str(name))}")
    except WarehouseError as error:
        spark.close()
        why = scrub(error.issues[0].message, settings)
        raise connection_failed(f"Spark: {why}", hint="check `catalog` and `schema`") from None
    return spark


def wrap(session: Any) -> Spark:
    """A user's SparkSession, which stays open."""
    return Spark(session, owned=False)


class Spark:
    """A :class:`~kpilayer.warehouse.connection.Connection` over one SparkSession of either kind."""

    dialect: Final = "spark"

    def __init__(self, session: Any, *, owned: bool) -> None:
        self._session = session
        self._owned = owned
        self._lock = threading.Lock()
        self._running: str | None = None
        self._is_remote = ".connect." in type(session).__module__

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query; times with a zone are in UTC."""
        with self._told(sql):
            frame = self._session.sql(_one(sql))
            if not frame.columns:
                raise query_failed("the statement gives no rows", sql)
            with self._tagged():
                return frame.toArrow()

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns of a query, which Spark analyses but does not run."""
        with self._told(select_sql):
            return _columns(self._session.sql(_one(select_sql)).schema)

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Columns of a table or view. Spark enforces no keys."""
        from pyspark.errors import PySparkException

        with self._told(""):
            try:
                schema = self._session.table(".".join(map(_quoted, parts))).schema
            except PySparkException as error:
                if any(word in str(error) for word in _NO_RELATION):
                    return None
                raise
        return Relation(_columns(schema))

    def execute(self, sql: str) -> None:
        """Run a statement for its effect."""
        with self._told(sql):
            self._session.sql(_one(sql)).collect()

    def progress(self) -> float | None:
        """None: the number of stages that are to come is not known."""
        return None

    def cancel(self) -> None:
        """Interrupt what runs under the tag of this session."""
        running = self._running
        if running is not None:
            with contextlib.suppress(*_failures()):  # it has ended in this moment
                if self._is_remote:
                    self._session.interruptTag(running)
                else:
                    self._session.sparkContext.cancelJobsWithTag(running)

    def close(self) -> None:
        """End the session, unless it was handed in."""
        if self._owned:
            self._session.stop()

    @contextlib.contextmanager
    def _tagged(self) -> Iterator[None]:
        tag = f"kpilayer-{uuid.uuid4()}"
        context = None if self._is_remote else self._session.sparkContext
        # Tags of a session in this process are known to the thread alone that set them.
        add, remove = (
            (self._session.addTag, self._session.removeTag)
            if context is None
            else (context.addJobTag, context.removeJobTag)
        )
        add(tag)
        self._running = tag
        try:
            yield
        finally:
            self._running = None
            remove(tag)

    @contextlib.contextmanager
    def _told(self, sql: str) -> Iterator[None]:
        """One thread at a time, under our settings; errors told in terms of ``sql``."""
        with self._lock:
            try:
                with _unlogged(), _set(self._session.conf):
                    yield
            except _failures() as error:
                raise _refusal(error, sql) from None


@contextlib.contextmanager
def _set(conf: Any) -> Iterator[None]:
    """The settings that decide numbers, and afterwards those that were there."""
    before = {name: conf.get(name) for name in SETTINGS}
    changed = [name for name, value in SETTINGS.items() if before[name] != value]
    try:
        for name in changed:
            conf.set(name, SETTINGS[name])
        yield
    finally:
        for name in changed:
            conf.set(name, before[name])


# ------------------------------------------------------------------------------------------ opening


def _remote(settings: Mapping[str, object]) -> tuple[Any, bool]:
    """A session of its own on a Spark Connect server."""
    from pyspark.sql.connect.session import SparkSession

    url, host, port = _address(settings)
    shown = f"Spark Connect at {hidden(host)}:{port}"
    failures: tuple[type[Exception], ...] = (OSError, *_failures())
    try:  # the driver itself tries for minutes
        socket.create_connection((host, port), timeout=_TIMEOUT).close()
        session = SparkSession.builder.remote(url).create()
        session.conf.get("spark.sql.session.timeZone")  # tells whether it is Spark that answers
    except failures as error:
        raise connection_failed(f"{shown}: {scrub(_said(error), settings)}") from None
    return session, True


def _address(settings: Mapping[str, object]) -> tuple[str, str, int]:
    """Spark Connect's URL with its host and port, from a URL or from dbt's keys."""
    host = str(settings.get("host") or "localhost")
    url = host if host.startswith("sc://") else f"sc://{host}:{settings.get('port') or _PORT}"
    try:
        parts = urlsplit(url)
        place = (parts.hostname or "localhost", parts.port or _PORT)
    except ValueError:
        raise connection_failed("`host` is no address of Spark Connect: sc://HOST:PORT") from None
    given = {
        "token": settings.get("token"),
        "user_id": named(settings, "user", "username"),
        "use_ssl": "true" if settings.get("use_ssl") else None,
    }
    words = [f"{name}={quote(str(value), safe='')}" for name, value in given.items() if value]
    if words and ";" not in url:
        url = f"{url.rstrip('/')}/;{';'.join(words)}"
    elif words:
        url = ";".join((url.rstrip(";"), *words))
    return url, *place


def _local(settings: Mapping[str, object]) -> tuple[Any, bool]:
    """A session in this process; Spark is started where none runs, and then ends with it."""
    from pyspark.sql import SparkSession

    given = settings.get("server_side_parameters")
    options = {**_LOCAL, **{str(k): str(v) for k, v in dict(_mapping(given)).items()}}
    if settings.get("master"):
        options["spark.master"] = str(settings["master"])
    running = SparkSession.getActiveSession()
    if running is not None:
        return running, False
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise connection_failed(
            "Spark needs Java, and there is none", hint="install Java 17 or newer, or set JAVA_HOME"
        )
    builder = SparkSession.builder
    for name, value in options.items():
        builder = builder.config(name, value)
    with tempfile.TemporaryFile() as log:
        try:
            with _aside(log):
                session = builder.getOrCreate()
        except _failures() as error:
            log.seek(0)
            lines = [_said(error), *log.read().decode(errors="replace").splitlines()[-1:]]
            why = scrub(": ".join(lines), settings)
            place = options.get("spark.master", "this machine")
            raise connection_failed(f"Spark on {place}: {why}") from None
    return session, True


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


@contextlib.contextmanager
def _aside(log: IO[bytes]) -> Iterator[None]:
    """What Spark's Java says while it starts, and later, stays out of our own errors."""
    kept = os.dup(2)
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


# --------------------------------------------------------------------------------- words and errors


def _columns(schema: Any) -> tuple[Column, ...]:
    return tuple(Column(f.name, f.dataType.simpleString(), f.nullable) for f in schema.fields)


def _one(sql: str) -> str:
    return sql.rstrip().rstrip(";")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _failures() -> tuple[type[Exception], ...]:
    """What the drivers that are loaded raise."""
    import sys

    found: list[type[Exception]] = []
    for module, name in (
        ("pyspark.errors", "PySparkException"),
        ("py4j.protocol", "Py4JError"),
        ("grpc", "RpcError"),
    ):
        if (loaded := sys.modules.get(module)) is not None:
            found.append(getattr(loaded, name))
    return tuple(found)


def _said(error: Exception) -> str:
    """The first line of Spark's words, without its code; from among those of Java, if need be."""
    text = str(error).strip() or type(error).__name__
    if found := _IN_JAVA.search(text):
        text = found[0]
    return _CODE.sub("", _STATE.sub("", text).splitlines()[0].strip())


def _refusal(error: Exception, sql: str) -> WarehouseError:
    missing = _NO_FILES.search(str(error))
    if missing is not None:
        return no_such_file(re.sub(r"\\(.)", r"\1", missing[1]))
    position, length = _place(error, sql)
    return query_failed(_said(error), sql, position=position, length=length)


def _place(error: Exception, sql: str) -> tuple[int | None, int]:
    """Where Spark says that it is, in letters from 0, and how many."""
    contexts: list[Any] = getattr(error, "getQueryContext", list)()
    for context in contexts if sql else ():
        if context.contextType().name == "SQL" and context.startIndex() >= 0:
            first, last = context.startIndex(), context.stopIndex()
            line = sql[first:].partition("\n")[0]
            return first, min(last + 1 - first, len(line))
    found = _PLACE.search(str(error))
    if not found or not sql:
        return None, 1
    lines = sql.splitlines(keepends=True)[: int(found[1]) - 1]
    return sum(map(len, lines)) + int(found[2]), 1


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """An error is told once: pyspark would write it to the log as well."""
    logger = logging.getLogger("SQLQueryContextLogger")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
