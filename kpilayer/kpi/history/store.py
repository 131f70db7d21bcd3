"""Where the history is kept: a DuckDB file beside the project, or a schema of the warehouse.

A run writes in one transaction, so what is killed has written nothing, and one at a time, so that
two runs at once write each verdict once.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kpilayer.errors import Issue, PolicyError, WarehouseError
from kpilayer.kpi.history.appended import Row
from kpilayer.kpi.history.known import NOTHING, Known, known_of
from kpilayer.kpi.history.tables import VERSION, inserted, literal, made, named, views
from kpilayer.warehouse.connect import connect
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.run import execute
from kpilayer.warehouse.transaction import transaction

FILE: Final = ".kpilayer/history.duckdb"
#: Engines that a history can be kept in.
ENGINES: Final = ("duckdb", "postgres")
_BUSY: Final = re.compile(r"\bis locked\b|very process")
_ONE_THREAD: Final = threading.Lock()  # DuckDB keeps other processes from a file, not other threads
_PATIENCE: Final = 60.0  # seconds that another run gets
_STEP: Final = 0.1  # seconds between two tries

Whose = tuple[str, str, str]
#: Opens a connection that may write, or, if it is true, one that only reads.
Open = Callable[[bool], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Store:
    """A place for the history of one project; ``schema`` is empty in a file of its own."""

    opened: Open
    schema: str
    project: str
    exists: Callable[[], bool]
    """Whether there may be something to read."""

    def read(self) -> Mapping[Whose, Known]:
        """What is known, by KPI, slice and grain; nothing where no run wrote.

        Raises:
            PolicyError: `history-busy`, `not-ours`.
            WarehouseError: the place cannot be reached.
        """
        if not self.exists():
            return {}
        with _patient(lambda: self.opened(True)) as connection:
            return self._known(connection) if self._is_there(connection) else {}

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """A transaction that nobody else writes beside; it is kept if its end is reached.

        Raises:
            PolicyError: `history-busy`, where another run writes for a minute; `not-ours`, where
                another project keeps its history there.
            WarehouseError: the place cannot be reached, or refuses to be written to.
        """
        with _patient(lambda: self.opened(False)) as connection, transaction(connection):
            self._lock(connection)
            if not self._is_there(connection):
                for statement in (*made(self.schema), *views(self.schema)):
                    execute(connection, statement)
                first = [(VERSION, self.project)]
                for statement in inserted(self.schema, "kpi_history", first, connection.dialect):
                    execute(connection, statement)
            yield Writing(connection, self.schema, self._known(connection))

    def _lock(self, connection: Connection) -> None:
        """Waits for other runs. A file of DuckDB lets one process in at a time by itself."""
        if connection.dialect == "postgres":
            key = literal(f"kpilayer history {self.schema}")
            connection.run(f"SELECT CAST(pg_advisory_xact_lock(hashtext({key})) AS VARCHAR) AS one")

    def _is_there(self, connection: Connection) -> bool:
        parts = (self.schema, "kpi_history") if self.schema else ("kpi_history",)
        if connection.describe_relation(parts) is None:
            return False
        place = named(self.schema, "kpi_history")
        (found,) = connection.run(f"SELECT version, project FROM {place}").to_pylist()
        if found["project"] != self.project:
            message = f"the history there is that of the project `{found['project']}`"
            hint = "give each project a schema of its own: `history: {schema: ..}`"
            raise PolicyError(Issue("not-ours", message, hint=hint))
        if found["version"] > VERSION:
            message = "the history was written by a newer kpilayer"
            raise PolicyError(Issue("not-ours", message, hint="pip install --upgrade kpilayer"))
        return True

    def _known(self, connection: Connection) -> dict[Whose, Known]:
        """All that was written last."""
        rows = [
            _by_subject(connection, named(self.schema, table), order)
            for table, order in (
                ("kpi_observation", "period_start, revision"),
                ("kpi_status", "period_start, seq"),
                ("kpi_episode", "opened, seq"),
            )
        ]
        every = dict.fromkeys(subject for each in rows for subject in each)
        return {subject: known_of(*(each[subject] for each in rows)) for subject in every}


@dataclass(frozen=True, slots=True)
class Writing:
    """An open transaction on the history."""

    connection: Connection
    schema: str
    known: Mapping[Whose, Known]

    def of(self, whose: Whose) -> Known:
        """What is known of a KPI, slice and grain."""
        return self.known.get(whose, NOTHING)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table."""
        found: list[dict[str, Any]] = self.connection.run(
            f"SELECT * FROM {named(self.schema, table)}"
        ).to_pylist()
        return found

    def append(self, table: str, rows: Iterable[Row]) -> None:
        """Appends rows to a table."""
        for statement in inserted(self.schema, table, rows, self.connection.dialect):
            execute(self.connection, statement)


def file_store(root: Path, project: str) -> Store:
    """The history beside a project, in `.kpilayer/history.duckdb`."""

    @contextmanager
    def opened(read_only: bool) -> Iterator[Connection]:
        target = Target("", "history", "duckdb", "duckdb", None, {"path": FILE}, None)
        with _ONE_THREAD:
            connection = connect(target, project_dir=root, read_only=read_only)
            try:
                yield connection
            finally:
                connection.close()

    return Store(opened, "", project, (root / FILE).exists)


def schema_store(opened: Open, schema: str, project: str) -> Store:
    """The history in a schema of the warehouse, where BI tools read it."""
    return Store(opened, schema, project, lambda: True)


def _by_subject(
    connection: Connection, table: str, order: str
) -> dict[Whose, list[dict[str, Any]]]:
    found: dict[Whose, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.run(f"SELECT * FROM {table} ORDER BY {order}").to_pylist():
        found[row["kpi"], row["slice"], row["grain"]].append(row)
    return found


@contextmanager
def _patient(opened: Callable[[], AbstractContextManager[Connection]]) -> Iterator[Connection]:
    """A connection, as soon as no other process holds the file.

    Raises:
        PolicyError: `history-busy`.
    """
    with ExitStack() as stack:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                connection = stack.enter_context(opened())
                break
            except WarehouseError as error:
                said = error.issues[0].message
                if not _BUSY.search(said):
                    raise
                if time.monotonic() > until:
                    message = "another run writes the history, for more than a minute"
                    hint = "nothing was written; try again when that is done"
                    raise PolicyError(Issue("history-busy", message, hint=hint)) from None
                time.sleep(_STEP)
        yield connection
