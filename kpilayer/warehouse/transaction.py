"""Statements that are done all together or not at all, where the engine can."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from kpilayer.warehouse.connection import Connection


def transaction(connection: Connection) -> AbstractContextManager[object]:
    """What is executed inside is kept at its end, and undone where it is left by an error.

    PostgreSQL, DuckDB and SQLite undo CREATE and DROP too. Elsewhere each statement stands for
    itself: `is_transactional` tells. Inside, nothing is tried again on another connection.
    """
    begin = getattr(connection, "transaction", None)
    return nullcontext() if begin is None else begin()


def is_transactional(connection: Connection) -> bool:
    """Whether definitions of tables and views can be undone."""
    return getattr(connection, "transaction", None) is not None
