"""Statistics that a few wild values do not move: MAD and Theil-Sen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Final

#: Makes the MAD of normally distributed values their standard deviation: 1 / 0.6745.
TO_SIGMA: Final = 1.4826


def mad(values: Sequence[float]) -> float:
    """The median distance from the median.

    Hampel, "The influence curve and its role in robust estimation" (1974).

    Raises:
        statistics.StatisticsError: There are no values.

    >>> mad([1, 1, 2, 2, 4, 6, 9])
    1
    """
    middle = median(values)
    return median(abs(value - middle) for value in values)


def theil_sen(points: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Slope and intercept of the line through points: medians of all pairs, and of what is left.

    Sen, "Estimates of the regression coefficient based on Kendall's tau" (1968). None where the
    points are all at one place.

    >>> theil_sen([(0, 1), (1, 3), (2, 5), (3, 7), (4, 100)])
    (2.0, 1.0)
    """
    slopes = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in combinations(points, 2) if x0 != x1]
    if not slopes:
        return None
    slope = median(slopes)
    return slope, median(y - slope * x for x, y in points)
