"""What is known of a KPI's past: values of judged periods, in order, and their changes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from kpilayer.kpi.periods import Periods
from kpilayer.kpi.robust import mad

#: How many earlier periods tell how much a KPI usually changes.
RECENT: Final = 56


@dataclass(frozen=True, slots=True)
class Series:
    """Values by the first day of their period, the earliest first; gaps are left out.

    ``seasons`` has the places of each season's values, in order.
    """

    periods: Periods
    starts: tuple[date, ...]
    values: tuple[float, ...]
    seasons: Mapping[int, tuple[int, ...]]

    def count(self, before: date) -> int:
        """How many values are of earlier periods."""
        return bisect_left(self.starts, before)

    def at(self, start: date | None) -> float | None:
        """The value of a period; None in a gap, and for no period."""
        if start is None:
            return None
        here = bisect_left(self.starts, start)
        found = here < len(self.starts) and self.starts[here] == start
        return self.values[here] if found else None

    def last(self, before: date, count: int) -> tuple[float, ...]:
        """The last values of earlier periods, oldest first; fewer where there are no more."""
        end = self.count(before)
        return self.values[max(0, end - count) : end]

    def last_starts(self, before: date, count: int) -> tuple[date, ...]:
        """The periods that :meth:`last` has the values of."""
        end = self.count(before)
        return self.starts[max(0, end - count) : end]

    def last_like(self, start: date, count: int) -> tuple[float, ...]:
        """The last values of earlier periods of the season that a period is in, oldest first."""
        like = self.seasons.get(self.periods.season(start), ())
        end = bisect_left(like, self.count(start))
        return tuple(self.values[at] for at in like[max(0, end - count) : end])


def series_of(periods: Periods, values: Iterable[tuple[date, float]]) -> Series:
    """The values of periods, in any order."""
    ordered = sorted(values)
    seasons: dict[int, list[int]] = {}
    for at, (start, _) in enumerate(ordered):
        seasons.setdefault(periods.season(start), []).append(at)
    return Series(
        periods,
        tuple(start for start, _ in ordered),
        tuple(value for _, value in ordered),
        {season: tuple(places) for season, places in seasons.items()},
    )


def usual_change(series: Series, before: date) -> float | None:
    """The MAD of changes from period to period, over the last 56 periods before one.

    In the KPI's unit. None where it is not known, or zero: with fewer than two changes between
    neighbours, and where most changes are equal.
    """
    changes = []
    for start in series.last_starts(before, RECENT):
        now, earlier = series.at(start), series.at(series.periods.before(start))
        if now is not None and earlier is not None:
            changes.append(now - earlier)
    return (mad(changes) or None) if len(changes) > 1 else None
