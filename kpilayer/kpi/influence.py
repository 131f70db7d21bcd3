"""What may move a KPI without being a part of it: evidence, and never a contribution.

The measure is Spearman's rank correlation between the changes of the influence and those of the
KPI a lag later. Changes and not levels: any two numbers that grow rank alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import Final, Literal

from kpilayer.kpi.exact import exact
from kpilayer.kpi.measuring import Values, between
from kpilayer.kpi.periods import Periods
from kpilayer.model.kpi import Cadence, Influence
from kpilayer.model.kpi_parts import span_of

#: Fewer pairs than these say nothing.
LEAST_PAIRS: Final = 8
_DAYS: Final[dict[Cadence, float]] = {
    "daily": 1, "weekly": 7, "monthly": 365.2425 / 12, "quarterly": 365.2425 / 4,
    "yearly": 365.2425,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class InfluenceRow:
    """An influence, and how its changes ranked beside those of the KPI ``lag`` periods later.

    ``correlation`` is from -1 to 1, None where there are fewer than 8 pairs (``n``) or nothing
    varies; ``expected`` is the sign that the contract says. ``problem`` says why it was not asked.
    """

    name: str
    lag: int
    expected: Literal["+", "-"]
    correlation: float | None = None
    n: int = 0
    problem: str | None = None


def lag_of(influence: Influence, cadence: Cadence) -> int:
    """The lag in whole periods of a cadence, the nearest."""
    if influence.lag is None:
        return 0
    return round(span_of(influence.lag).total_seconds() / 86_400 / _DAYS[cadence])


def lagged(
    influence: Values, kpi: Values, lag: int, last: date, periods: Periods
) -> tuple[float | None, int]:
    """The rank correlation of changes up to a period, and of how many pairs."""
    starts = [start for start in (*influence, *kpi) if start <= last]
    if not starts:
        return None, 0
    all_periods = between(periods, min(starts), last)
    causes, effects = _changes(influence, all_periods), _changes(kpi, all_periods)
    pairs = [
        (cause, effect)
        for cause, effect in zip(causes, effects[lag:], strict=False)
        if cause is not None and effect is not None
    ]
    if len(pairs) < LEAST_PAIRS:
        return None, len(pairs)
    return rank_correlation(pairs), len(pairs)


def rank_correlation(pairs: Sequence[tuple[Fraction, Fraction]]) -> float | None:
    """Spearman's rho, equal values sharing the mean of their ranks; None where one side is flat.

    >>> first, second, third = Fraction(1), Fraction(2), Fraction(3)
    >>> rank_correlation([(first, first), (second, third), (third, second)])
    0.5
    """
    left, right = (_ranks([pair[side] for pair in pairs]) for side in (0, 1))
    middle = Fraction(len(pairs) + 1, 2)
    a, b = [x - middle for x in left], [y - middle for y in right]
    spread = sum(x * x for x in a) * sum(y * y for y in b)
    if not spread:
        return None
    return float(sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))) / sqrt(spread)


def _ranks(values: Sequence[Fraction]) -> list[Fraction]:
    ordered = sorted(values)
    places: dict[Fraction, list[int]] = {}
    for place, value in enumerate(ordered, 1):
        places.setdefault(value, []).append(place)
    return [Fraction(sum(places[value]), len(places[value])) for value in values]


def _changes(values: Values, starts: Sequence[date]) -> list[Fraction | None]:
    found: list[Fraction | None] = []
    for earlier, later in pairwise(starts):
        first, second = exact(values.get(earlier)), exact(values.get(later))
        both = isinstance(first, Fraction) and isinstance(second, Fraction)
        found.append(second - first if both else None)  # type: ignore[operator]
    return found
