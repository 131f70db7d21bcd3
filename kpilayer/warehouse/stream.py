"""An answer that is read in parts, so that it need not fit into memory.

DuckDB and PostgreSQL give rows as they are read; of other engines the whole answer is taken first,
and given in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from kpilayer.errors import Issue
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.run import run_with_progress

if TYPE_CHECKING:
    import pyarrow as pa


class Stream:
    """Rows in the order asked for, as record batches of Arrow, each read when it is asked for.

    It is read once and holds its connection until its end, or until it is closed, as by a ``with``
    block. It speaks Arrow's PyCapsule protocol, so that ``pyarrow.RecordBatchReader.from_stream``
    and DuckDB read it. ``fingerprints``, ``notices`` and ``overlapping`` are those of a result.
    """

    def __init__(
        self,
        batches: Iterator[pa.RecordBatch],
        opened: ExitStack,
        *,
        sql: str,
        fingerprints: Mapping[str, str],
        notices: tuple[Issue, ...],
        overlapping: bool,
    ) -> None:
        self._batches = batches
        self._opened = opened
        with _closing_after_failure(opened):
            self._first: pa.RecordBatch | None = next(batches)
        self.schema: pa.Schema = self._first.schema
        self.sql = sql
        self.fingerprints = MappingProxyType(dict(fingerprints))
        self.notices = notices
        self.overlapping = overlapping

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the output columns, in order."""
        return tuple(self.schema.names)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        if self._first is not None:
            batch, self._first = self._first, None
            return batch
        with _closing_after_failure(self._opened):
            return next(self._batches)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self.schema, self)
        return reader.__arrow_c_stream__(requested_schema)

    def close(self) -> None:
        """Stop what still runs, and let go of the connection."""
        self._opened.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _closing_after_failure:
    """Closes when the block raises, and so at the end of the rows."""

    def __init__(self, opened: ExitStack) -> None:
        self._opened = opened

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self._opened.close()


def batches(
    connection: Connection,
    sql: str,
    size: int,
    typed: Callable[[pa.Table], pa.Table] | None = None,
) -> Generator[pa.RecordBatch, None, None]:
    """The rows of a query, at most ``size`` at a time; at least one batch, if only for its schema.

    ``typed`` gives a whole answer the types that an engine does not know.

    Raises:
        WarehouseError: ``query-failed``, as ``connection.run``.
    """
    streamed: Callable[[str, int], Iterator[pa.RecordBatch]] | None
    streamed = getattr(connection, "batches", None)
    if streamed is not None and typed is None:
        yield from streamed(sql, size)
        return
    table = run_with_progress(connection, sql)
    table = typed(table) if typed is not None else table
    yield from whole(table, size)


def whole(table: Any, size: int) -> Iterator[pa.RecordBatch]:
    """A table in parts; one of them where it has no rows."""
    import pyarrow as pa

    found = table.to_batches(max_chunksize=size)
    yield from found or [pa.RecordBatch.from_pylist([], schema=table.schema)]
