"""Healthy ranges: bounds, what they are relative to, and when others hold.

Inside of `healthy` a value is healthy, outside of `critical` it is a breach, between them a
warning. Bounds are inclusive (governance.md section 2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from kpilayer.grain import WEEKDAYS

Level = Literal["healthy", "warning", "breach"]
To = Literal["previous", "year_ago", "trailing", "seasonal", "target_path"]
Measure = Literal["pct", "abs", "mad"]
Enforce = Literal["status", "warning_only"]

#: Best first.
LEVELS: Final[tuple[Level, ...]] = ("healthy", "warning", "breach")
#: Two numbers that differ by less are one (governance.md section 5, late data). The second is for
#: what should be zero and is the last bit of a subtraction.
SAME: Final = 1e-9
_SAME_AS_ZERO: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Bounds:
    """From ``min`` to ``max``, both included; None is no bound.

    Raises:
        ValueError: ``min`` is above ``max``, or a bound is no number.
    """

    min: float | None = None
    max: float | None = None

    @property
    def in_words(self) -> str:
        """The range as people write it; empty without bounds.

        >>> Bounds(0.75, 0.85).in_words, Bounds(max=5).in_words
        ('0.75 to 0.85', '<= 5')
        """
        if self.min is not None and self.max is not None:
            return f"{self.min:g} to {self.max:g}"
        if self.min is not None:
            return f">= {self.min:g}"
        return "" if self.max is None else f"<= {self.max:g}"

    def __post_init__(self) -> None:
        for bound in (self.min, self.max):
            if bound is not None and math.isnan(bound):
                raise ValueError("a bound must be a number; leave it out where there is none")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: no value is within")


@dataclass(frozen=True, slots=True)
class Range:
    """What is healthy, and outside of which it is a breach.

    Raises:
        ValueError: ``critical`` cuts off a part of ``healthy``.
    """

    healthy: Bounds
    critical: Bounds = Bounds()

    def __post_init__(self) -> None:
        for side, inner, outer in (
            ("min", _low(self.healthy), _low(self.critical)),
            ("max", -_high(self.healthy), -_high(self.critical)),
        ):
            if outer > inner:
                message = f"critical {side} lies inside of the healthy range"
                raise ValueError(f"{message}: healthy values would be a breach")


@dataclass(frozen=True, slots=True)
class TargetPath:
    """The straight line from a baseline to a target, by date."""

    baseline: float
    baseline_on: date
    target: float
    by: date

    def __post_init__(self) -> None:
        if self.baseline_on >= self.by:
            raise ValueError(f"the target's date {self.by} is not after {self.baseline_on}")

    def at(self, day: date) -> float | None:
        """The value planned for the end of a day; the target from then on, None before the path."""
        if day < self.baseline_on:
            return None
        share = min(1.0, (day - self.baseline_on) / (self.by - self.baseline_on))
        return self.baseline + (self.target - self.baseline) * share


@dataclass(frozen=True, slots=True)
class Relative:
    """A range of differences from what was to be expected."""

    to: To
    """What a value is compared with."""
    measure: Measure
    """Difference as a fraction of the expected value (`pct`, 0.12 is 12%), as it is (`abs`), or in
    robust standard deviations, 1.4826 x MAD (`mad`).
    """
    range: Range
    """Bounds of the difference."""
    history: int = 8
    """How many earlier values are looked at: by `trailing`, by any `mad`, and by `seasonal` of the
    same season.
    """
    enforce: Enforce = "status"
    """`warning_only` never breaches."""
    path: TargetPath | None = None
    """Of `target_path` alone."""

    def __post_init__(self) -> None:
        if self.history < 2:
            raise ValueError(f"`history` must be 2 or more, not {self.history}")
        if (self.to == "target_path") != (self.path is not None):
            raise ValueError("`path` belongs to `target_path`, which needs it")


@dataclass(frozen=True, slots=True)
class Override:
    """Another range for the periods that begin in given months, days or days of the week.

    Where several conditions are given, all must hold.
    """

    range: Range | None = None
    relative: Relative | None = None
    months: tuple[int, ...] = ()
    """1 to 12."""
    start: date | None = None
    """First day in which such a period may begin."""
    end: date | None = None
    """Last day in which one may."""
    weekdays: tuple[str, ...] = ()
    """`monday` to `sunday`, for daily KPIs."""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.range is None and self.relative is None:
            raise ValueError("an override needs a range or a relative range")
        if not (self.months or self.weekdays or self.start or self.end):
            raise ValueError("an override needs months, days or weekdays in which it holds")
        if wrong := [m for m in self.months if not 1 <= m <= 12]:
            raise ValueError(f"months are 1 to 12, not {wrong[0]}")
        if unknown := [d for d in self.weekdays if d not in WEEKDAYS]:
            raise ValueError(f"`{unknown[0]}` is no day of the week: {', '.join(WEEKDAYS)}")

    def holds(self, start: date) -> bool:
        """Whether it is about the period that begins on a day."""
        return (
            (not self.months or start.month in self.months)
            and (self.start is None or self.start <= start)
            and (self.end is None or start <= self.end)
            and (not self.weekdays or WEEKDAYS[start.weekday()] in self.weekdays)
        )


@dataclass(frozen=True, slots=True)
class Applied:
    """The ranges that hold in one period, and the declared reasons where they are others."""

    range: Range | None
    relative: Relative | None
    note: str = ""


def applied(
    range: Range | None, relative: Relative | None, overrides: Iterable[Override], start: date
) -> Applied:
    """The ranges of the period that begins on a day: of the first override that has one."""
    holding = [override for override in overrides if override.holds(start)]
    own = next((o for o in holding if o.range is not None), None)
    compared = next((o for o in holding if o.relative is not None), None)
    used = [o.reason for o in holding if (o is own or o is compared) and o.reason]
    return Applied(
        own.range if own is not None else range,
        compared.relative if compared is not None else relative,
        "; ".join(used),
    )


def place(value: float, range: Range) -> tuple[Level, str | None]:
    """Where a value lies, and the bound that it is beyond, `below_healthy` to `above_critical`.

    >>> place(0.72, Range(Bounds(min=0.72), Bounds(min=0.68)))
    ('healthy', None)
    >>> place(0.71, Range(Bounds(min=0.72), Bounds(min=0.68)))
    ('warning', 'below_healthy')
    """
    if side := _outside(value, range.critical):
        return "breach", f"{side}_critical"
    if side := _outside(value, range.healthy):
        return "warning", f"{side}_healthy"
    return "healthy", None


def worst(levels: Iterable[Level]) -> Level:
    """The worst of the levels; healthy where there are none."""
    return max(levels, key=LEVELS.index, default="healthy")


def is_at_least(value: float, bound: float) -> bool:
    """Whether a number reaches a bound; one that differs by rounding alone does."""
    return value >= bound or math.isclose(value, bound, rel_tol=SAME, abs_tol=_SAME_AS_ZERO)


def room(value: float, bounds: Bounds) -> float | None:
    """How far a value is from the nearest bound: negative beyond it, None without bounds."""
    sides = (
        None if bounds.min is None else value - bounds.min,
        None if bounds.max is None else bounds.max - value,
    )
    return min((side for side in sides if side is not None), default=None)


def _outside(value: float, bounds: Bounds) -> str | None:
    if bounds.min is not None and not is_at_least(value, bounds.min):
        return "below"
    if bounds.max is not None and not is_at_least(-value, -bounds.max):
        return "above"
    return None


def _low(bounds: Bounds) -> float:
    return -math.inf if bounds.min is None else bounds.min


def _high(bounds: Bounds) -> float:
    return math.inf if bounds.max is None else bounds.max
