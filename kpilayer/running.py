"""Where a project's SQL runs: on its target, or on a connection that the caller opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kpilayer.errors import ConfigError
from kpilayer.sql.compiled import Compiled
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.result import Result, Row
from kpilayer.warehouse.run import OnProgress, run_with_progress


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A target, or ``given``, the caller's own connection to it, which stays open.

    ``folder`` is where paths of the profile start; paths of files in SQL start at ``root``.
    """

    target: Target
    root: Path
    folder: Path
    given: object | None = None

    @property
    def schema(self) -> str:
        """Where tables without a schema of their own are."""
        return self.target.schema or ""

    @contextmanager
    def connected(self, *, read_only: bool = True) -> Iterator[Connection]:
        """A connection, closed at the end unless it is the caller's.

        Raises:
            ConfigError: the target's settings are not whole.
            WarehouseError: the warehouse cannot be reached.
        """
        if self.given is not None:
            connection = wrap(self.given)
        elif self.target.missing:
            raise ConfigError(self.target.missing)
        else:
            connection = connect(self.target, project_dir=self.folder, read_only=read_only)
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, compiled: Compiled, connection: Connection) -> list[Row]:
        """The rows of a compiled question, on a connection that is open already."""
        sql = compiled.running_in(self.root.as_posix())
        return Result.from_table(run_with_progress(connection, sql), sql=compiled.sql).rows()

    def answer(self, compiled: Compiled, on_progress: OnProgress | None = None) -> Result:
        """The answer to a compiled question.

        Raises:
            WarehouseError: the warehouse cannot be reached, or refuses the SQL.
        """
        with self.connected() as connection:
            sql = compiled.running_in(self.root.as_posix())
            table = run_with_progress(connection, sql, on_progress)
        return Result.from_table(
            table,
            sql=compiled.sql,
            fingerprints=compiled.fingerprints,
            notices=compiled.notices,
            overlapping=compiled.overlapping,
        )
