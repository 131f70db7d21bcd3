"""Expected rows beside those of an answer: which are missing, which differ, and where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from kpilayer.grain import parse_moment
from kpilayer.verify.outcome import Difference

Row = tuple[object, ...]
#: How far floating-point numbers may be apart, as a share of the larger one.
TOLERANCE: Final = 1e-9


def same(expected: object, actual: object) -> bool:
    """Whether a value of an answer is the one that was written down.

    Whole numbers and decimals are compared exactly, except with a floating-point number: these may
    differ by 1e-9 of the larger one. Dates are written as ISO text. NULL is NULL and nothing else,
    and true is not 1.

    >>> same(0.3, 0.1 + 0.2), same("2026-01-01", date(2026, 1, 1)), same(1, True)
    (True, True, False)
    """
    match expected, actual:
        case (None, _) | (_, None):
            return expected is actual
        case (bool(), _) | (_, bool()):
            return expected is actual
        case (int() | float() | Decimal(), int() | float() | Decimal()):
            return same_number(expected, actual)
        case (str(), date()):
            return _same_time(expected, actual)
        case (str(), str()):
            return expected == actual
        case (str(), _):
            return expected == _text(actual)
    return expected == actual


def same_number(one: float | Decimal, other: float | Decimal) -> bool:
    """Whether two numbers are equal, exactly where neither is floating-point."""
    if not isinstance(one, float) and not isinstance(other, float):
        return one == other
    left, right = float(one), float(other)
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=0.0)


def _same_time(text: str, moment: date) -> bool:
    parsed = parse_moment(text)
    if parsed is None:
        return text == _text(moment)
    if isinstance(moment, datetime):
        return parsed[0] == moment.replace(tzinfo=None)
    return parsed[0] == datetime.combine(moment, time())


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)


def differences(
    expected: Sequence[Row], actual: Sequence[Row], *, in_order: bool
) -> tuple[Difference, ...]:
    """The rows that are not as expected; none where the two are the same.

    Unless ``in_order``, rows may come in any order; those left over are set beside the one that
    shares most of their cells, the first columns before the others.
    """
    if in_order:
        pairs = [(i, i) for i in range(min(len(expected), len(actual)))]
    else:
        pairs = _paired(expected, actual)
    found = []
    for wanted, got in pairs:
        cells = _differing(expected[wanted], actual[got])
        if cells:
            found.append(Difference(wanted + 1, expected[wanted], actual[got], cells))
    missing = sorted(set(range(len(expected))) - {wanted for wanted, _ in pairs})
    found += [Difference(i + 1, expected[i], None) for i in missing]
    found.sort(key=lambda d: d.row)
    more = sorted(set(range(len(actual))) - {got for _, got in pairs})
    return (*found, *(Difference(i + 1, None, actual[i]) for i in more))


def _paired(expected: Sequence[Row], actual: Sequence[Row]) -> list[tuple[int, int]]:
    """Which row of the answer stands for which expected one: equal ones first, then the nearest."""
    free = dict.fromkeys(range(len(actual)))
    pairs, left = [], []
    for index, row in enumerate(expected):
        equal = next((i for i in free if not _differing(row, actual[i])), None)
        if equal is None:
            left.append(index)
        else:
            pairs.append((index, equal))
            del free[equal]
    near = sorted(
        (
            (_unlikeness(expected[index], actual[i]), index, i)
            for index in left
            for i in free
            if len(_differing(expected[index], actual[i])) < len(actual[i])
        ),
    )
    taken: set[int] = set()
    for _, index, i in near:
        if i in free and index not in taken:
            pairs.append((index, i))
            taken.add(index)
            del free[i]
    alone = [index for index in left if index not in taken]
    if len(alone) == 1 == len(free):  # one for one: what else should stand beside it
        pairs.append((alone[0], next(iter(free))))
    return pairs


def _differing(expected: Row, actual: Row) -> tuple[int, ...]:
    both = enumerate(zip(expected, actual, strict=True))
    return tuple(i for i, (one, other) in both if not same(one, other))


def _unlikeness(expected: Row, actual: Row) -> tuple[int, tuple[int, ...]]:
    cells = _differing(expected, actual)
    return len(cells), tuple(-i for i in reversed(cells))
