"""Periods of a cadence: where one ends, which was before it, and which ones are like it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from kpilayer.calendar import Calendar
from kpilayer.grain import is_date, next_period, split, truncate

Cadence = Literal["daily", "weekly", "monthly", "quarterly", "yearly"]

#: The grain of a project's calendar whose periods a cadence has.
_GRAINS: Final[dict[Cadence, str]] = {
    "daily": "day",
    "weekly": "week",
    "monthly": "fiscal_month",
    "quarterly": "fiscal_quarter",
    "yearly": "fiscal_year",
}
#: Periods in a year. Days and weeks go back 52 weeks, so that a Monday meets a Monday.
_A_YEAR: Final[dict[str, int]] = {"day": 364, "week": 52, "month": 12, "quarter": 4, "year": 1}


@dataclass(frozen=True, slots=True)
class Periods:
    """Consecutive periods of a unit, each known by its first day.

    Raises:
        ValueError: The unit is finer than a day, or ``starts`` are out of order.
    """

    unit: str
    """Of ``kpilayer.grain``, a day at least: `week_sunday`, `quarter_february`."""
    starts: tuple[date, ...] = ()
    """First days in order, where only a time spine knows them (4-4-5); the last one ends the period
    before it and begins none. ``unit`` then says what the periods stand for.
    """

    def __post_init__(self) -> None:
        if not is_date(self.unit):
            raise ValueError(f"periods of a KPI are days or longer, not `{self.unit}`")
        if any(a >= b for a, b in zip(self.starts, self.starts[1:], strict=False)):
            raise ValueError("`starts` must be in order, each day once")

    def holding(self, day: date) -> date | None:
        """The first day of the period that holds a day; None where a spine does not reach it."""
        if not self.starts:
            return truncate(_midnight(day), self.unit).date()
        at = bisect_right(self.starts, day)
        return self.starts[at - 1] if 0 < at < len(self.starts) else None

    def end(self, start: date) -> date:
        """The first day after a period."""
        if not self.starts:
            return next_period(_midnight(start), self.unit).date()
        return self.starts[bisect_right(self.starts, start)]

    def before(self, start: date) -> date | None:
        """The period before one; None before the first that is known.

        >>> Periods("month").before(date(2026, 1, 1))
        datetime.date(2025, 12, 1)
        """
        if not self.starts:
            return None if start == date.min else self.holding(start - timedelta(days=1))
        return self._back(start, 1)

    def year_before(self, start: date) -> date | None:
        """The like period a year ago; None before the first that is known.

        Months, quarters and years by their names; days and weeks 52 weeks ago; periods of a spine
        by their number.

        >>> Periods("day").year_before(date(2026, 3, 2))  # both are Mondays
        datetime.date(2025, 3, 3)
        """
        base = split(self.unit)[0]
        if self.starts:
            return self._back(start, _A_YEAR[base])
        if start.year == date.min.year:
            return None
        if base in ("day", "week"):
            return start - timedelta(weeks=52)
        return start.replace(year=start.year - 1)

    def season(self, start: date) -> int:
        """What periods of one season share: day of the week, week of the year, month, quarter.

        Week 53 is one with week 52. Years have no seasons.

        >>> Periods("day").season(date(2026, 3, 2)), Periods("month").season(date(2026, 3, 1))
        (0, 3)
        """
        match split(self.unit)[0]:
            case "day":
                return start.weekday()
            case "week":
                return min((start + timedelta(days=3)).isocalendar().week, 52)
            case "month" | "quarter":
                return (start + timedelta(days=14)).month
        return 0

    def until(self, first: date, now: datetime) -> Iterator[date]:
        """Each period from one up to the one that runs."""
        start = first
        while start <= now.date() and (not self.starts or start < self.starts[-1]):
            yield start
            start = self.end(start)

    def _back(self, start: date, count: int) -> date | None:
        at = bisect_left(self.starts, start) - count
        return self.starts[at] if at >= 0 else None


def periods_of(cadence: Cadence, calendar: Calendar | None = None) -> Periods:
    """The periods of a cadence in a project's calendar: its weeks, its fiscal quarters and years.

    >>> periods_of("quarterly", Calendar(fiscal_year_start="february")).unit
    'quarter_february'
    """
    unit = (calendar or Calendar()).unit(_GRAINS[cadence])
    assert unit is not None, "the grains of cadences are units, never custom ones"
    return Periods(unit)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
