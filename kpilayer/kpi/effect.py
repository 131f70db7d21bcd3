"""What the methods of attribution give: the effect of each driver, or why it is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from kpilayer.kpi.exact import Reason, Value


@dataclass(frozen=True, slots=True)
class Effect:
    """What a driver added to the change of a formula's value.

    ``amount`` is in units of that value. ``multiplier`` is the amount for each unit that the driver
    moved; it exists where the driver has not moved, so that effects of what is below it in a tree
    can be carried on.
    """

    amount: Fraction
    multiplier: Value


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no number: a word for programs, a sentence for people."""

    reason: Reason
    detail: str


TOO_LARGE: Final = Unknown("not_finite", "a value is too large for a floating-point number")
