"""A number before and after a change: whether it differs, by how much, and how that is said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from kpilayer.verify.compare import same_number

#: How far estimates may be apart: one definition, asked twice, gives two of them.
OF_ESTIMATES: Final = 0.03
_MINUS: Final = "\u2212"
_SCALES: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Pair:
    """A value of both sides; None is no value. ``estimated``: a few percent are no difference."""

    before: Any
    after: Any
    estimated: bool = False

    @property
    def same(self) -> bool:
        """Whether both are one value: exactly, or within 1e-9 where one is floating-point."""
        left, right = self.before, self.after
        if left is None or right is None:
            return left is right
        if not (_is_number(left) and _is_number(right)):
            return bool(left == right)
        if same_number(left, right):
            return True
        return self.estimated and math.isclose(float(left), float(right), rel_tol=OF_ESTIMATES)

    @property
    def is_fill(self) -> bool:
        """Whether one side has no value where the other has 0: shown otherwise, no other amount."""
        return (self.before is None and _is_zero(self.after)) or (
            self.after is None and _is_zero(self.before)
        )

    @property
    def delta(self) -> int | float | Decimal | None:
        """What was added, no value counting as 0; None where these are no numbers.

        A fill adds nothing.
        """
        left, right = (0 if v is None else v for v in (self.before, self.after))
        if (self.before is None and self.after is None) or not (
            _is_number(left) and _is_number(right)
        ):
            return None
        if isinstance(left, float) or isinstance(right, float):
            return float(right) - float(left)
        return right - left

    @property
    def share(self) -> float | None:
        """The difference as a share of what was there; None where nothing was."""
        delta = self.delta
        if delta is None or self.before is None or _is_zero(self.before):
            return None
        found = float(delta) / abs(float(self.before))
        return found if math.isfinite(found) else None

    @property
    def shown(self) -> str:
        """The difference in words: `+14.3 %`, or the two values where there is no such share."""
        if self.same:
            return "no difference"
        if self.is_fill:
            return f"{amount(self.before)} → {amount(self.after)} (fill only)"
        share = self.share
        return percent(share) if share is not None else self.values

    @property
    def values(self) -> str:
        """Both values: `94.1 M → 107.5 M`."""
        return f"{amount(self.before)} → {amount(self.after)}"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a value must stay within, by a promise that somebody made: `between 0 and 1`."""

    name: str
    low: float | None = None
    high: float | None = None

    def holds(self, value: Any) -> bool:
        """Whether a value is within; no value breaks nothing."""
        if not _is_number(value):
            return True
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class Crossed:
    """How many values have left a bound, and how many have come back."""

    bound: Bound
    left: int
    returned: int

    @property
    def shown(self) -> str:
        """In words: `3 periods leave between 0 and 1`."""
        told = []
        for number, one, many in ((self.left, "leaves", "leave"), (self.returned, "is", "are")):
            if number:
                periods = "period" if number == 1 else "periods"
                verb = one if number == 1 else many
                back = "" if many == "leave" else " within again:"
                told.append(f"{number} {periods} {verb}{back} {self.bound.name}")
        return "; ".join(told)


def crossed(bounds: Iterable[Bound], pairs: Sequence[Pair]) -> tuple[Crossed, ...]:
    """The bounds that values cross between before and after."""
    found = []
    for bound in bounds:
        held = [(bound.holds(p.before), bound.holds(p.after)) for p in pairs]
        left, returned = held.count((True, False)), held.count((False, True))
        if left or returned:
            found.append(Crossed(bound, left, returned))
    return tuple(found)


def percent(share: float) -> str:
    """A share with its sign: at least two digits of what differs are seen.

    >>> percent(0.143), percent(0.00002), percent(12.5)
    ('+14.3 %', '+0.002 %', '+1,250.0 %')
    """
    value = share * 100
    text = f"{abs(value):,.1f}" if abs(value) >= 0.05 else f"{abs(value):.2g}"
    return f"{_sign(value)}{text} %"


def amount(value: Any) -> str:
    """A value for people: four digits or so.

    >>> amount(107_482_000), amount(Decimal("0.25")), amount(None), amount(9_999)
    ('107.5 M', '0.25', 'NULL', '9,999')
    """
    if value is None:
        return "NULL"
    if not _is_number(value):
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        return str(number)
    sign = _MINUS if number < 0 else ""
    number = abs(number)
    if number >= 10_000:
        scale, letter = next(pair for pair in _SCALES if number >= pair[0])
        return f"{sign}{number / scale:,.1f} {letter}"
    if number == int(number):
        return f"{sign}{int(number):,}"
    return f"{sign}{number:,.4g}" if number < 1_000 else f"{sign}{number:,.1f}"


def signed(value: Any) -> str:
    """A difference with its sign: `+13.4 M`."""
    text = amount(value)
    return text if text.startswith(_MINUS) else f"+{text}"


def plain_value(value: Any) -> Any:
    """A value as JSON has it: exact decimals as text, so that nothing is lost."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _sign(value: float) -> str:
    return _MINUS if value < 0 else "+"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_zero(value: Any) -> bool:
    return _is_number(value) and value == 0
