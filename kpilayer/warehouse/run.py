"""A query on its way: progress is told while it runs, and Ctrl-C stops it on the server too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

    from kpilayer.warehouse.connection import Connection

# (done: 0 to 1, or None where the engine does not say; seconds since the start)
OnProgress = Callable[[float | None, float], None]

_EVERY: Final = 0.1  # seconds between two reports
_PATIENCE: Final = 5.0  # seconds that an engine gets to stop


def run_with_progress(
    connection: Connection, sql: str, on_progress: OnProgress | None = None
) -> pa.Table:
    """The whole result of one query, as ``connection.run`` gives it.

    The query runs in a thread of its own; ``on_progress`` is called in this one, ten times a
    second. Whatever interrupts the waiting (Ctrl-C, an exception of ``on_progress``) cancels the
    query, waits for its end, at most five seconds, and goes on up. A connection that no other
    thread may use runs it in this one.

    Raises:
        WarehouseError: ``query-failed``, as ``connection.run``.
    """
    if getattr(connection, "stays_in_thread", False):
        return connection.run(sql)
    work = _Work(connection, sql)
    thread = threading.Thread(target=work.do, name="kpilayer-query", daemon=True)
    start = time.monotonic()
    thread.start()
    try:
        while not work.done.wait(_EVERY):
            if on_progress is not None:
                on_progress(connection.progress(), time.monotonic() - start)
    except BaseException:
        _stop(connection, work.done)
        raise
    if work.error is not None:
        raise work.error
    return work.table


def _stop(connection: Connection, done: threading.Event) -> None:
    """Cancel until it ends: a cancel that comes before the query has begun is lost."""
    deadline = time.monotonic() + _PATIENCE
    while not done.is_set() and time.monotonic() < deadline:
        connection.cancel()
        done.wait(_EVERY)


@dataclass(eq=False)
class _Work:
    """A query and, once ``done``, its table or what it raised."""

    connection: Connection
    sql: str

    def __post_init__(self) -> None:
        self.done = threading.Event()
        self.table: pa.Table | None = None
        self.error: BaseException | None = None

    def do(self) -> None:
        try:
            self.table = self.connection.run(self.sql)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self.error = error
        finally:
            self.done.set()
