"""A connection that is opened again where it was lost, as long as nothing is written.

An answer is taken whole, so that a read that failed has given nothing to anybody and can be asked
again. What writes may have been done although its answer was lost, and is never tried again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kpilayer.errors import KpilayerError
from kpilayer.warehouse.connection import Column, Connection, Relation
from kpilayer.warehouse.limits import tried_again

if TYPE_CHECKING:
    import pyarrow as pa

_T = TypeVar("_T")


class Session:
    """A :class:`~kpilayer.warehouse.connection.Connection` to what ``opened`` opens."""

    def __init__(self, opened: Callable[[], Connection], retries: int) -> None:
        self._opened = opened
        self._retries = retries
        self._connection = opened()
        self._given_up = threading.Event()
        self._in_transaction = False

    @property
    def dialect(self) -> str:
        """The sqlglot dialect of the SQL that it takes."""
        return self._connection.dialect

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query, which only reads."""
        return self._read(lambda: self._connection.run(sql))

    @property
    def batches(self) -> Callable[[str, int], Iterator[pa.RecordBatch]] | None:
        """What gives the rows of a query in parts, where the engine does; see ``stream``."""
        return self._batches if hasattr(self._connection, "batches") else None

    def _batches(self, sql: str, size: int) -> Iterator[pa.RecordBatch]:
        def begun() -> tuple[pa.RecordBatch, Generator[pa.RecordBatch, None, None]]:
            rest = cast("Any", self._connection).batches(sql, size)
            return next(rest), rest

        first, rest = self._read(begun)  # what was given already cannot be taken back
        with contextlib.closing(rest):
            yield first
            yield from rest

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns that a query would give."""
        return self._read(lambda: self._connection.describe(select_sql))

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Columns and keys of a relation."""
        return self._read(lambda: self._connection.describe_relation(parts))

    def execute(self, sql: str) -> None:
        """Run statements for their effect, once."""
        self._connection.execute(sql)

    @property
    def transaction(self) -> Callable[[], AbstractContextManager[None]] | None:
        """What begins a transaction, where the engine has them."""
        return self._transaction if hasattr(self._connection, "transaction") else None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._in_transaction = True  # what was done is lost with the connection: no second try
        try:
            with cast("Any", self._connection).transaction():
                yield
        finally:
            self._in_transaction = False

    def progress(self) -> float | None:
        """How much of the running query is done."""
        return self._connection.progress()

    def cancel(self) -> None:
        """Stop what is running; a read that fails now is not tried again."""
        self._given_up.set()
        self._connection.cancel()

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def _read(self, action: Callable[[], _T]) -> _T:
        self._given_up.clear()
        if self._in_transaction:
            return action()
        return tried_again(action, self._retries, self._reopened_after)

    def _reopened_after(self, seconds: float) -> bool:
        """Whether to give up: where nobody waits any more, or there is nothing to connect to."""
        if self._given_up.wait(seconds):
            return True
        with contextlib.suppress(KpilayerError):
            self._connection.close()
        try:
            self._connection = self._opened()
        except KpilayerError:
            return True  # what was lost says more than that it cannot be found again
        return False
