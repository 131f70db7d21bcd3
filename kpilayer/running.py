"""Where a project's SQL runs: on its target, or on a connection that the caller opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kpilayer.errors import ConfigError, Issue
from kpilayer.relation import Relation
from kpilayer.sql.compiled import OF_TYPES, Compiled, without_heading
from kpilayer.sql.dialects import capabilities
from kpilayer.sql.printing import to_sql
from kpilayer.sql.select import read_all
from kpilayer.sql.types import Declared, Types
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.connection import Column, Connection
from kpilayer.warehouse.limits import limits_of
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.result import Result, Row
from kpilayer.warehouse.run import OnProgress, run_with_progress
from kpilayer.warehouse.session import Session
from kpilayer.warehouse.stream import Stream, batches
from kpilayer.warehouse.typed import typed

if TYPE_CHECKING:
    import pyarrow as pa


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
        connection: Connection
        if self.given is not None:
            connection = wrap(self.given)
        elif self.target.missing:
            raise ConfigError(self.target.missing)
        else:
            connection = Session(
                lambda: connect(self.target, project_dir=self.folder, read_only=read_only),
                limits_of(self.target).retries,
            )
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, compiled: Compiled, connection: Connection) -> list[Row]:
        """The rows of a compiled question, on a connection that is open already."""
        table, sql = self._table(compiled, connection)
        return Result.from_table(table, sql=sql).rows()

    def table(self, compiled: Compiled, connection: Connection) -> pa.Table:
        """The rows of a compiled question as Arrow, on a connection that is open already."""
        return self._table(compiled, connection)[0]

    def answer(self, compiled: Compiled, on_progress: OnProgress | None = None) -> Result:
        """The answer to a compiled question.

        Raises:
            WarehouseError: the warehouse cannot be reached, or refuses the SQL.
        """
        with self.connected() as connection:
            table, sql = self._table(compiled, connection, on_progress)
        return Result.from_table(
            table,
            sql=sql,
            fingerprints=compiled.fingerprints,
            notices=_told(compiled),
            overlapping=compiled.overlapping,
        )

    def stream(self, compiled: Compiled, size: int) -> Stream:
        """The answer to a compiled question in batches of at most ``size`` rows.

        Raises:
            WarehouseError: the warehouse cannot be reached, or refuses the SQL.
        """
        with ExitStack() as opened:
            connection = opened.enter_context(self.connected())
            declared = self.declared(compiled, connection)
            sql, shown = self._sqls(compiled, declared)
            typing = self._typing(compiled, connection, declared)
            rows = opened.enter_context(closing(batches(connection, sql, size, typing)))
            return Stream(
                rows,
                opened.pop_all(),
                sql=shown,
                fingerprints=compiled.fingerprints,
                notices=_told(compiled),
                overlapping=compiled.overlapping,
            )

    def sql(self, compiled: Compiled, connection: Connection) -> str:
        """What is run: paths start at the project, and types are known where words need them."""
        return compiled.running_in(self.root.as_posix(), self.declared(compiled, connection))

    def _table(
        self, compiled: Compiled, connection: Connection, on_progress: OnProgress | None = None
    ) -> tuple[pa.Table, str]:
        """The answer, and the SQL to show for it."""
        declared = self.declared(compiled, connection)
        sql, shown = self._sqls(compiled, declared)
        table = run_with_progress(connection, sql, on_progress)
        typing = self._typing(compiled, connection, declared)
        return (table if typing is None else typing(table)), shown

    def _sqls(self, compiled: Compiled, declared: Declared | None) -> tuple[str, str]:
        """What is sent, and what is shown for it."""
        sql = compiled.running_in(self.root.as_posix(), declared)
        sent = sql if limits_of(self.target).query_tag else without_heading(sql)
        return sent, compiled.sql if declared is None else compiled.running_in("", declared)

    def _typing(
        self, compiled: Compiled, connection: Connection, declared: Declared | None
    ) -> Callable[[pa.Table], pa.Table] | None:
        """What gives the answer its types, where the engine's have none."""
        if declared is None or capabilities(connection.dialect).has_types:
            return None
        kinds = Types(declared).answer(compiled.planned)
        return lambda table: typed(table, kinds)

    def declared(self, compiled: Compiled, connection: Connection) -> Declared | None:
        """The types of columns as kpilayer.lock has them, else as the warehouse describes them.

        None where no word of the engine depends on them.
        """
        if not capabilities(connection.dialect).asks_types:
            return None
        described = self.described(compiled, connection, {})

        def declared(relation: Relation, column: str) -> str | None:
            return compiled.declared(relation, column) or described(relation, column)

        return declared

    def described(
        self, compiled: Compiled, connection: Connection, known: dict[str, Mapping[str, str]]
    ) -> Declared:
        """The types of columns as the warehouse describes them, each relation once.

        ``known`` keeps what relations were found to be.
        """

        def described(relation: Relation) -> Mapping[str, str]:
            if relation.kind != "table":
                plan, dialect, folder = compiled.planned, connection.dialect, self.root.as_posix()
                every = read_all(relation, plan.subqueries, dialect, compiled.schema, folder)
                return _types(connection.describe(to_sql(every, dialect)))
            parts = relation.parts
            if len(parts) == 1 and compiled.schema:
                parts = (compiled.schema, *parts)
            found = connection.describe_relation(parts)
            return _types(found.columns if found else ())

        def known_or_described(relation: Relation, column: str) -> str | None:
            if relation.key not in known:
                known[relation.key] = described(relation)
            return known[relation.key].get(column.lower())

        return known_or_described


def _told(compiled: Compiled) -> tuple[Issue, ...]:
    """The notices of a question, without what the connection answered."""
    return tuple(notice for notice in compiled.notices if notice.code not in OF_TYPES)


def _types(columns: Iterable[Column]) -> dict[str, str]:
    return {column.name.lower(): column.type for column in columns}
