"""What kpilayer asks of a warehouse, whatever the engine.

A connection gives whole results as Arrow, with the engine's exact values: no number passes through
a double that was not one. All sessions run in UTC. Drivers are imported when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from kpilayer.errors import Issue, Location, WarehouseError
from kpilayer.warehouse.redact import hide_in_text

if TYPE_CHECKING:
    import pyarrow as pa

SQL: Final = "<sql>"  # the path in locations of SQL text
_LONGEST_MESSAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a query or relation; ``type`` as the warehouse spells it: ``DECIMAL(14,2)``."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view: columns in order, and the keys that the warehouse enforces."""

    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Every set of columns that no two rows share, the primary key first."""
        return ((self.primary_key,) if self.primary_key else ()) + self.unique_keys


class Connection(Protocol):
    """An open session. All methods raise :class:`WarehouseError` where the engine refuses."""

    @property
    def dialect(self) -> str:
        """The sqlglot dialect of the SQL that it takes."""

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query.

        Raises:
            WarehouseError: ``query-failed`` with the engine's message, and the place in ``sql``
                where the engine tells it.
        """

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns that a query would give, without running it."""

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Columns and keys of ``([catalog,] [schema,] name)``; None when there is no such relation.

        Parts are names, not SQL: they are not quoted, and case counts as it does in the engine.
        """

    def execute(self, sql: str) -> None:
        """Run statements for their effect."""

    def progress(self) -> float | None:
        """How much of the running query is done, 0 to 1; None where the engine does not say."""

    def cancel(self) -> None:
        """Stop what is running, from any thread; nothing happens when nothing runs."""

    def close(self) -> None:
        """End the session, unless it was handed in open."""


# ------------------------------------------------------------------------------- what drivers raise


class TransientError(WarehouseError):
    """What may work when it is tried again: a server that restarts, a connection that was reset."""


def connection_failed(
    message: str, *, hint: str | None = None, transient: bool = False
) -> WarehouseError:
    """The error for a warehouse that cannot be reached; no connection string keeps its password."""
    kind = TransientError if transient else WarehouseError
    return kind(Issue("connection-failed", hide_in_text(message), hint=hint))


def missing_driver(driver: str, install: str) -> WarehouseError:
    """The error for a Python package that is not installed; ``install`` is what pip is given."""
    message = f"the Python package `{driver}` is not installed"
    hint = f"pip install '{install}'"
    return WarehouseError(Issue("missing-driver", message, hint=hint))


def query_failed(
    message: str,
    sql: str,
    *,
    position: int | None = None,
    length: int = 1,
    hint: str | None = None,
    transient: bool = False,
) -> WarehouseError:
    """The error for SQL that the engine refused; ``position`` counts characters from 0.

    What the engine says loses the passwords of connection strings, which it may quote when it
    reaches an attached database only now.
    """
    place = None if position is None else locate(sql, position, length)
    said = trimmed(hide_in_text(message))
    hint = hide_in_text(hint) if hint else hint
    kind = TransientError if transient else WarehouseError
    return kind(Issue("query-failed", said, place, hint=hint))


def no_such_file(pattern: str) -> WarehouseError:
    """The error for a `path` that no file matches."""
    way_out = "`path` of a model starts at the folder of kpilayer.yml"
    message = f"no file matches `{hide_in_text(pattern)}`"
    return WarehouseError(Issue("no-such-file", message, hint=way_out))


def timed_out(seconds: float) -> WarehouseError:
    """The error for a statement that ran longer than the target allows."""
    message = f"the statement ran for more than {seconds:g} seconds and was stopped"
    hint = "ask for less (`--start`, `--where`), or raise `timeout_seconds` of the target"
    return WarehouseError(Issue("query-timeout", message, hint=hint))


def locate(sql: str, position: int, length: int = 1) -> Location:
    r"""The line and column of a character of ``sql``, with the line's text for the caret.

    >>> str(locate("SELECT\n  foo", 9, 3))
    '<sql>:2:3'
    """
    position = max(0, min(position, len(sql)))
    start = sql.rfind("\n", 0, position) + 1
    end = sql.find("\n", position)
    text = sql[start : end if end >= 0 else len(sql)].rstrip("\r")
    line = sql.count("\n", 0, position) + 1
    return Location(SQL, line, position - start + 1, max(1, length), text)


def trimmed(message: str) -> str:
    """An engine's message without blank lines around it, and cut where it becomes a listing."""
    message = message.strip()
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[:_LONGEST_MESSAGE].rstrip()} [..]"


def named(settings: Mapping[str, object], *names: str) -> object | None:
    """The first of several spellings of a setting that has a value."""
    for name in names:
        if settings.get(name) is not None:
            return settings[name]
    return None
