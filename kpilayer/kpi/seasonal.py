"""What a season leads to expect: medians of like periods, moved by how the last ones differed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Final

from kpilayer.kpi.robust import TO_SIGMA, mad
from kpilayer.kpi.series import Series

#: Residuals that tell the scale (governance.md section 5).
_POOLED: Final = 56
#: Residuals that tell the level. The source says "recent": with four weeks of days, a drop of five
#: days does not become what is expected.
_RECENT: Final = 28
#: Like periods below which nothing is expected.
_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class Band:
    """The expected value, and one robust standard deviation, both in the KPI's unit."""

    expected: float
    scale: float


def seasonal_band(series: Series, start: date, points: int = 8) -> Band | None:
    """What the period that begins on a day was to be, from earlier periods alone.

    expected = median of the last 8 values of the season x (1 + median of recent residuals);
    scale = 1.4826 x MAD of the last 56 residuals of all seasons, as a share of the median. A
    residual is what a value differs from the median of its own season before it, as a share of
    that (governance.md section 5). None with fewer values of the season than ``points``.
    """
    same = series.last_like(start, points)
    if len(same) < max(points, _LEAST):
        return None
    base = median(same)
    residuals = _residuals(series, start, points)
    if not residuals:
        return Band(base, 0.0)
    drift = median(residuals[-_RECENT:])
    return Band(base + abs(base) * drift, abs(base) * TO_SIGMA * mad(residuals))


def _residuals(series: Series, before: date, points: int) -> list[float]:
    """The last residuals of periods before one, oldest first."""
    found: list[float] = []
    for start in series.last_starts(before, _POOLED):
        same = series.last_like(start, points)
        base = median(same) if len(same) >= _LEAST else 0.0
        value = series.at(start)
        if base and value is not None:
            found.append((value - base) / abs(base))
    return found
