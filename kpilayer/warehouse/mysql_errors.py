"""What MySQL and MariaDB say when they refuse, as issues with a place in the SQL."""

from __future__ import annotations

import re
from typing import Any, Final

from kpilayer.errors import WarehouseError
from kpilayer.warehouse.connection import query_failed

#: Errors of what may work when it is tried again: a server that is full, away or restarted, and a
#: transaction that waited for another one.
_PASSING: Final = frozenset({1040, 1053, 1205, 1213, 2002, 2003, 2006, 2013})
_LATE: Final = frozenset({1969, 3024})  # MariaDB's and MySQL's limit of time


def refusal(error: Any, sql: str, skip: int) -> WarehouseError:
    """The server's words, with the place where they name a line or a column."""
    message = words_of(error)
    passing = may_pass(error)
    if not sql or passing:
        return query_failed(message, sql, transient=passing)
    near = re.search(r"near '(.*)' at line (\d+)$", message, re.S)
    if near is not None:
        line = max(0, int(near[2]) - 1 - skip)
        starts = [0, *(match.end() for match in re.finditer("\n", sql))]
        start = starts[min(line, len(starts) - 1)]
        found = sql.find(near[1].rstrip(), start) if near[1] else -1
        position = found if found >= 0 else start
        word = re.match(r"\S+", near[1]) if found >= 0 else None
        return query_failed(
            message, sql, position=position, length=len(word[0]) if word is not None else 1
        )
    unknown = re.match(r"Unknown column '([^']+)'", message)
    if unknown is not None:
        words = r"`?\.`?".join(re.escape(part) for part in unknown[1].split("."))
        place = re.search(rf"(?<![\w`]){words}\b|`{words}`", sql)
        if place is not None:
            length = place.end() - place.start()
            return query_failed(message, sql, position=place.start(), length=length)
    return query_failed(message, sql)


def may_pass(error: BaseException) -> bool:
    """Whether the same may work when it is tried again."""
    return _number(error) in _PASSING


def is_late(error: BaseException) -> bool:
    """Whether a statement came to its limit of time."""
    return _number(error) in _LATE


def _number(error: BaseException) -> object:
    return error.args[0] if error.args else None


def words_of(error: BaseException) -> str:
    """What an error says: PyMySQL's have a number and a text."""
    return str(error.args[-1]) if error.args else str(error)
