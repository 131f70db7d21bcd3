"""Answers as bags of rows: whether two are the same, and an order to print them in."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

Row = tuple[Any, ...]
#: How far two numbers may be apart, where one is a double, as a share of the largest number around.
TOLERANCE: Final = 1e-9


def same(one: Sequence[Row], other: Sequence[Row]) -> bool:
    """Whether two answers hold the same rows, each as often; the order is nobody's.

    Decimals and whole numbers are compared exactly, unless one side is a double. NULL is NULL and
    NaN is NaN; a day is its midnight; true is not 1.

    >>> same([(1, None), (0.3, "a")], [(0.1 + 0.2, "a"), (1, None)])
    True
    """
    if len(one) != len(other):
        return False
    left, right = Counter(map(_exact, one)), Counter(map(_exact, other))
    if left == right:
        return True
    rest, others = list((left - right).elements()), list((right - left).elements())
    if not any(_has_double(row) for row in (*rest, *others)):
        return False
    allowed = TOLERANCE * max(1.0, _largest(one), _largest(other))
    return _paired(rest, others, allowed)


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows in an order of their values, NULLs last."""
    return tuple(sorted(rows, key=lambda row: [(v is None, str(type(v)), str(v)) for v in row]))


def _exact(row: Row) -> Row:
    return tuple(map(_plain, row))


def _plain(value: Any) -> Any:
    """The value as one that equals its like, and can be hashed."""
    match value:
        case bool():
            return ("boolean", value)
        case float() if math.isnan(value):
            return ("nan",)
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        case date():
            return datetime(value.year, value.month, value.day)
        case list():
            return ("list", *map(_plain, value))
        case dict():
            return ("struct", *((key, _plain(inner)) for key, inner in value.items()))
    return value


def _has_double(row: Row) -> bool:
    return any(isinstance(value, float) for value in row)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal)


def _largest(rows: Iterable[Row]) -> float:
    sizes = (abs(float(value)) for row in rows for value in row if _is_number(value))
    return max((size for size in sizes if math.isfinite(size)), default=0.0)


def _paired(rest: list[Row], others: list[Row], allowed: float) -> bool:
    """Whether each row has a partner, numbers being as near as is allowed."""
    by_shape: dict[Row, list[Row]] = defaultdict(list)
    for row in others:
        by_shape[_shape(row)].append(row)
    for row in rest:
        partners = by_shape[_shape(row)]
        found = next((p for p in partners if _near(row, p, allowed)), None)
        if found is None:
            return False
        partners.remove(found)
    return True


def _shape(row: Row) -> Row:
    """The row without its numbers."""
    return tuple(("number",) if _is_number(value) else value for value in row)


def _near(one: Row, other: Row, allowed: float) -> bool:
    for left, right in zip(one, other, strict=True):
        if left == right or not _is_number(left):
            continue
        if not (isinstance(left, float) or isinstance(right, float)):
            return False
        if not math.isclose(float(left), float(right), rel_tol=TOLERANCE, abs_tol=allowed):
            return False
    return True
