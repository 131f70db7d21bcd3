"""Whether two answers are the same: floats nearly, all else to the digit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tests.oracle.query import Line

#: What holds for values that two machines added up in another order.
RELATIVE, ABSOLUTE = 1e-9, 1e-6


def same_rows(found: list[Line], expected: list[Line], loose: Sequence[bool]) -> bool:
    """Whether the answers are equal, row by row; ``loose``: the type of a whole number is free."""
    if len(found) != len(expected):
        return False
    return all(
        len(one) == len(other)
        and all(is_same(a, b, free) for a, b, free in zip(one, other, loose, strict=True))
        for one, other in zip(found, expected, strict=True)
    )


def is_same(found: Any, expected: Any, loose: bool = False) -> bool:
    """Equal values: floats nearly, decimals and whole numbers to the digit, dates by type."""
    if isinstance(expected, float) or (loose and isinstance(found, float)):
        if not isinstance(found, float) and not (loose and isinstance(found, (int, Decimal))):
            return False
        if expected is None:
            return False
        return math.isclose(float(found), float(expected), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    if isinstance(expected, (int, Decimal)) and not isinstance(expected, bool):
        return (
            isinstance(found, (int, Decimal)) and not isinstance(found, bool) and found == expected
        )
    if isinstance(expected, date):
        return type(found) is type(expected) and bool(found == expected)
    return type(found) is type(expected) and bool(found == expected)
