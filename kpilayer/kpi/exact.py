"""Numbers as fractions, so that contributions add up exactly and zero is zero.

What people and warehouses hold comes in as int, float or Decimal; what is told goes out as float,
rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, TypeAlias

#: A value of a metric; None is no value.
Number: TypeAlias = int | float | Decimal | Fraction
#: Why there is no number, as a word that programs can ask for.
Reason: TypeAlias = Literal[
    "no_value",  # a value that is needed is missing
    "zero_denominator",  # something is divided by 0
    "not_finite",  # NaN, infinite, or too large for a floating-point number
    "method_not_applicable",  # the method asked for says nothing of such numbers or formulas
    "no_change",  # nothing has moved, so nothing moved it
]
#: A number, or why there is none.
Value: TypeAlias = Fraction | Reason

_MOST_DIGITS: Final = 300  # before or after the point, as of floating-point numbers


def exact(value: Number | None) -> Value:
    """The number that people read, as a fraction; a word where it is none.

    A floating-point number is the shortest decimal that prints it: 0.1 is a tenth, and not the
    binary number beside it, so that a formula gives what it gives by hand.

    >>> exact(0.1), exact(None), exact(float("nan"))
    (Fraction(1, 10), 'no_value', 'not_finite')
    """
    if value is None:
        return "no_value"
    if isinstance(value, Decimal):
        if not value.is_finite() or (value and abs(value.adjusted()) > _MOST_DIGITS):
            return "not_finite"
    elif isinstance(value, float):
        return Fraction(float.__repr__(value)) if math.isfinite(value) else "not_finite"
    return Fraction(value)


def rounded(value: Fraction) -> float:
    """The nearest floating-point number, which of a very large one is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def share(part: Fraction, whole: Fraction) -> float | None:
    """The part as a fraction of the whole; None where that is 0, or too small for a number."""
    found = rounded(part / whole) if whole else math.inf
    return found if math.isfinite(found) else None


def told(value: Value) -> float | None:
    """The number as it is shown; None where there is none."""
    return rounded(value) if isinstance(value, Fraction) else None


def is_close(left: Fraction, right: Fraction, tolerance: float) -> bool:
    """Whether two numbers are at most this share of the larger one apart (0.005 is 0.5 %)."""
    return abs(left - right) <= Fraction(tolerance) * max(abs(left), abs(right))


def total(values: Iterable[Fraction]) -> Fraction:
    """The sum; 0 of none."""
    return sum(values, Fraction(0))
