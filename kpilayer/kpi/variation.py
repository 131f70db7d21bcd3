"""Whether a change is one of those that happen all the time, and needs no story."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median

from kpilayer.kpi.exact import Number, exact


def within_normal_variation(history: Sequence[Number | None], change: Number) -> bool:
    """Whether a change is less than what a period's change is usually away from their median.

    ``history`` are the values of earlier periods in order, None where there is none; changes are
    taken between neighbours. The measure is one MAD: the median distance of these changes from
    their median, unscaled. Without changes nothing is known to be normal.

    >>> within_normal_variation([100, 104, 101, 103, 98], 1), within_normal_variation([100, 104], 1)
    (True, False)
    """
    values = [exact(value) for value in history]
    changes = [
        later - earlier
        for earlier, later in pairwise(values)
        if isinstance(earlier, Fraction) and isinstance(later, Fraction)
    ]
    asked = exact(change)
    if not changes or not isinstance(asked, Fraction):
        return False
    centre = median(changes)
    return abs(asked) < median(abs(one - centre) for one in changes)
