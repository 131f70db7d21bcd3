"""Numbers as people read them: a KPI's own format, differences with a sign, parts that add up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

NONE: Final = "·"
_DIGITS: Final = 6
_MOST_DIGITS: Final = 12
_OF_HUNDREDS: Final = 2
#: Digits after the point of a percentage.
_OF_PERCENT: Final = 2


def value_in_words(value: float | None, form: str) -> str:
    """A value in the format of its metric.

    >>> value_in_words(0.7125, "percent"), value_in_words(66795.5, ""), value_in_words(None, "")
    ('71.25%', '66,795.5', '·')
    """
    if value is None:
        return NONE
    if form == "percent":
        return f"{value:.{_OF_PERCENT}%}"
    return f"{value:,.{_DIGITS}g}" if abs(value) < 10**_DIGITS else f"{value:,.0f}"


def share_in_words(share: float | None) -> str:
    """A share of the change as a percentage.

    >>> share_in_words(-0.425), share_in_words(None)
    ('-42%', '·')
    """
    text = NONE if share is None else f"{share:.0%}"
    return "0%" if text == "-0%" else text


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one bridge are shown: all with as many digits after the point."""

    form: str
    digits: int

    def value(self, value: float | None) -> str:
        """A value of what changed."""
        if value is None:
            return NONE
        text = f"{value:.{self.digits}%}" if self.form == "percent" else f"{value:,.{self.digits}f}"
        return text if text.strip("-0.,%") else text.removeprefix("-")

    def difference(self, value: float | Decimal | None) -> str:
        """A part of the change, with its sign; of percentages in points.

        >>> Scale("percent", 2).difference(-0.0475), Scale("", 1).difference(8120)
        ('-4.75 pp', '+8,120.0')
        """
        if value is None:
            return NONE
        text = f"{value * self._times:+,.{self.digits}f}"
        if not text.strip("+-0.,"):
            text = text[1:]
        return text + (" pp" if self.form == "percent" else "")

    @property
    def _times(self) -> int:
        return 100 if self.form == "percent" else 1

    def footed(self, parts: Sequence[float], ends: tuple[float, float]) -> tuple[Decimal, ...]:
        """The parts, rounded so that as shown they add up to the difference of both ends as shown.

        Each is one of its two neighbours; those with the largest remainders go up (Hamilton's
        method). What is exactly 0 stays 0.

        >>> Scale("", 0).footed((1.4, 1.4, 0.2), (0, 3))
        (Decimal('2'), Decimal('1'), Decimal('0'))
        """
        unit = Decimal(1).scaleb(-self.digits) / self._times
        exact = [Decimal(repr(part)) / unit for part in parts]
        first, second = ((Decimal(repr(float(e))) / unit).to_integral_value() for e in ends)
        found = [one.to_integral_value(ROUND_FLOOR) for one in exact]
        missing = int(second - first - sum(found))
        by_remainder = sorted(
            (at for at, one in enumerate(exact) if one),
            key=lambda at: (found[at] - exact[at], at),
        )
        if 0 <= missing <= len(by_remainder):
            for at in by_remainder[:missing]:
                found[at] += 1
        else:  # ends and parts do not belong together: then nothing is bent
            found = [one.to_integral_value(ROUND_HALF_EVEN) for one in exact]
        return tuple(one * unit for one in found)


def scale_of(form: str, numbers: Sequence[float | None]) -> Scale:
    """The scale of numbers that stand in one column: six digits of the largest, none if whole.

    Of numbers from a hundred on, two after the point are enough.
    """
    known = [number for number in numbers if number is not None]
    if form == "percent":
        return Scale(form, _OF_PERCENT)
    if all(number == int(number) for number in known):
        return Scale(form, 0)
    largest = max((abs(number) for number in known), default=0.0)
    before = math.floor(math.log10(largest)) + 1
    most = _OF_HUNDREDS if largest >= 100 else _MOST_DIGITS
    return Scale(form, min(max(0, _DIGITS - before), most))
