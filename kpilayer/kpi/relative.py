"""What a value is compared with: the period before, a year ago, a trail, a season, a plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Literal

from kpilayer.kpi.ranges import Relative
from kpilayer.kpi.robust import TO_SIGMA, mad
from kpilayer.kpi.seasonal import seasonal_band
from kpilayer.kpi.series import Series

#: Too short a history; or enough of it, but not what this period is compared with.
Missing = Literal["warming_up", "no_baseline"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was expected, and what one unit of the difference is in the KPI's own unit.

    ``unit`` is 0 where differences cannot be measured: a share of nothing, no spread at all.
    """

    expected: float
    unit: float

    def difference(self, value: float) -> float | None:
        """How far a value is from what was expected; None where that cannot be measured."""
        if value == self.expected:
            return 0.0
        return (value - self.expected) / self.unit if self.unit else None


def compare(relative: Relative, series: Series, start: date) -> Comparison | Missing:
    """What the value of a period is compared with, from earlier periods alone.

    Measured by `mad`, what usually happens is expected: the median of the last differences is added
    to what the value is compared with, and they tell the scale.
    """
    match relative.to:
        case "seasonal":
            band = seasonal_band(series, start, relative.history)
            if band is None:
                return "warming_up"
            return _measured(relative, band.expected, band.scale)
        case "trailing":
            trail = series.last(start, relative.history)
            if len(trail) < relative.history:
                return "warming_up"
            return _measured(relative, median(trail), TO_SIGMA * mad(trail))
    reference = _reference(relative, series, start)
    if reference is None:
        return "no_baseline" if _has_history(relative, series, start) else "warming_up"
    if relative.measure != "mad":
        return _measured(relative, reference, 0.0)
    usual = _last_differences(relative, series, start)
    if len(usual) < relative.history:
        return "warming_up"
    return Comparison(reference + median(usual), TO_SIGMA * mad(usual))


def _measured(relative: Relative, expected: float, scale: float) -> Comparison:
    units = {"pct": abs(expected), "abs": 1.0, "mad": scale}
    return Comparison(expected, units[relative.measure])


def _reference(relative: Relative, series: Series, start: date) -> float | None:
    """The one number that a period is compared with, where it is one."""
    match relative.to:
        case "previous":
            return series.at(series.periods.before(start))
        case "year_ago":
            return series.at(series.periods.year_before(start))
    assert relative.path is not None, "a target path has a path"
    return relative.path.at(series.periods.end(start) - timedelta(days=1))


def _has_history(relative: Relative, series: Series, start: date) -> bool:
    """Whether the past reaches back to what a period is compared with."""
    match relative.to:
        case "previous":
            return series.count(start) > 0
        case "year_ago":
            earlier = series.periods.year_before(start)
            return earlier is not None and series.count(earlier) > 0
    return False


def _last_differences(relative: Relative, series: Series, before: date) -> list[float]:
    """The last differences of earlier periods from what they are compared with, latest first."""
    found: list[float] = []
    for at in range(series.count(before) - 1, -1, -1):
        reference = _reference(relative, series, series.starts[at])
        if reference is not None:
            found.append(series.values[at] - reference)
            if len(found) == relative.history:
                break
    return found
