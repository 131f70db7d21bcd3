"""Which periods are looked at: the last closed ones; the open one never counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from kpilayer.calendar import Calendar
from kpilayer.errors import Issue, QueryError
from kpilayer.grain import is_date, next_period, truncate


@dataclass(frozen=True, slots=True)
class Window:
    """Whole periods, by their first and their last day. ``note`` says what is unusual of them."""

    start: str
    end: str
    note: str = ""


def unit_of(calendar: Calendar, grain: str) -> str:
    """The unit of periods by which values are compared.

    Raises:
        QueryError: by this grain, they are not.
    """
    unit = calendar.unit(grain) if grain in calendar.grains else None
    if unit is None or not is_date(unit):
        message = f"values are not compared by `{grain}`"
        hint = "periods to compare are days, weeks, months, quarters and years"
        raise QueryError(Issue("bad-value", message, hint=hint))
    return unit


def closed(today: date, count: int, unit: str) -> Window:
    """The last periods that ended before a day.

    >>> closed(date(2026, 6, 15), 2, "month")
    Window(start='2026-04-01', end='2026-05-31', note='')
    """
    first = opened = truncate(datetime.combine(today, time()), unit)
    for _ in range(count):
        first = truncate(first - timedelta(microseconds=1), unit)
    return Window(_day(first), _day(opened - timedelta(days=1)))


def ending_with(starts: Iterable[date], count: int, unit: str) -> Window | None:
    """The last periods of those that have rows, by their first days; None where there are none."""
    days = sorted({d.date() if isinstance(d, datetime) else d for d in starts})[-count:]
    if not days:
        return None
    after = next_period(datetime.combine(days[-1], time()), unit)
    note = f"nothing in the last {count} closed periods: these are the last that the data have"
    return Window(days[0].isoformat(), _day(after - timedelta(days=1)), note)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
