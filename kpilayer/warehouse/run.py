"""A query on its way: progress is told while it runs, and Ctrl-C stops it on the server too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    import pyarrow as pa

    from kpilayer.warehouse.connection import Connection

# (done: 0 to 1, or None where the engine does not say; seconds since the start)
OnProgress = Callable[[float | None, float], None]

_T = TypeVar("_T")

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
    return _waited(connection, lambda: connection.run(sql), on_progress)


def execute(connection: Connection, sql: str) -> None:
    """Runs statements for their effect; what interrupts the waiting cancels them.

    Raises:
        WarehouseError: ``query-failed``, as ``connection.execute``.
    """
    _waited(connection, lambda: connection.execute(sql))


def _waited(
    connection: Connection, action: Callable[[], _T], on_progress: OnProgress | None = None
) -> _T:
    if getattr(connection, "stays_in_thread", False):
        return action()
    work: _Work[_T] = _Work(action)
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
    [value] = work.values
    return value


def _stop(connection: Connection, done: threading.Event) -> None:
    """Cancel until it ends: a cancel that comes before the query has begun is lost."""
    deadline = time.monotonic() + _PATIENCE
    while not done.is_set() and time.monotonic() < deadline:
        connection.cancel()
        done.wait(_EVERY)


class _Work(Generic[_T]):
    """Work for another thread and, once ``done``, its one value or what it raised."""

    def __init__(self, action: Callable[[], _T]) -> None:
        self.action = action
        self.done = threading.Event()
        self.values: list[_T] = []
        self.error: BaseException | None = None

    def do(self) -> None:
        try:
            self.values = [self.action()]
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self.error = error
        finally:
            self.done.set()
