"""Whether two answers to one question are the same, whatever types their engines chose.

Rows are compared as sets, cell by cell under the names of columns: numbers as numbers (relative
difference 1e-9), a midnight as its date, NULL equal to NULL.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

Row = tuple[Any, ...]

_TOLERANCE: Final = 1e-9
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns by name, and rows in any order."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, columns: Iterable[str], rows: Iterable[Row]) -> Answer:
        """An answer with plain values."""
        names = tuple(name.lower() for name in columns)
        return cls(names, tuple(tuple(plain(value) for value in row) for row in rows))


def difference(ours: Answer, theirs: Answer, keys: Sequence[str]) -> str | None:
    """How two answers differ, in a line or more; None where they do not.

    ``keys`` are the columns that tell rows apart: the group-bys.
    """
    if sorted(ours.columns) != sorted(theirs.columns):
        return f"columns {', '.join(ours.columns)} and {', '.join(theirs.columns)}"
    named = [c for c in ours.columns if c in keys]
    order = named + [c for c in ours.columns if c not in keys]
    left, right = _arranged(ours, order), _arranged(theirs, order)
    width = len(named)
    # Group-bys make a row's place; what stands beside them is compared with tolerance.
    ours_by, theirs_by = _by_key(left, width), _by_key(right, width)
    found = []
    for key in sorted(ours_by.keys() | theirs_by.keys(), key=repr):
        mine, other = ours_by.get(key, []), theirs_by.get(key, [])
        if len(mine) != len(other) or not all(map(_same_row, mine, other)):
            found.append(f"{_shown(order, key)}: {_listed(mine)} and {_listed(other)}")
    if not found:
        return None
    rest = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    total = max(len(ours_by), len(theirs_by))
    return "\n".join([f"{len(found)} of {total} rows", *found[:_SHOWN], *rest])


def plain(value: Any) -> Any:
    """A value without what an engine's type adds to it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        naive = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        return naive.date() if naive.time() == dt.time() else naive
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _arranged(answer: Answer, order: Sequence[str]) -> list[Row]:
    places = [answer.columns.index(name) for name in order]
    return [tuple(row[i] for i in places) for row in answer.rows]


def _by_key(rows: Iterable[Row], width: int) -> dict[Row, list[Row]]:
    found: dict[Row, list[Row]] = {}
    for row in rows:
        found.setdefault(row[:width], []).append(row[width:])
    return {key: sorted(values, key=repr) for key, values in found.items()}


def _same_row(left: Row, right: Row) -> bool:
    return all(map(_same, left, right))


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return math.isclose(left, right, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return bool(left == right)


def _shown(names: Sequence[str], key: Row) -> str:
    return ", ".join(f"{n} {_text(v)}" for n, v in zip(names, key, strict=False)) or "in total"


def _listed(rows: Sequence[Row]) -> str:
    return "; ".join(", ".join(map(_text, row)) for row in rows) or "no row"


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
