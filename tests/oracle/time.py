"""Periods, parts and lengths of time, counted on Python's own calendar.

All moments are naive datetimes inside the evaluator; ``shown`` gives the date or datetime that an
answer has. Weeks start on the day that the project says (T2), and date parts are those of ISO 8601.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

#: Finest first.
GRAINS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
PARTS = ("year", "quarter", "month", "week", "day", "dow", "doy")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_week_start = 0


def start_weeks(day: str) -> None:
    """From here on, weeks start on this day."""
    global _week_start
    if _week_start != DAYS.index(day):
        _week_start = DAYS.index(day)
        truncate.cache_clear()


def as_moment(value: date | datetime) -> datetime:
    """A date as its first instant; a datetime as it is."""
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def shown(moment: datetime, grain: str) -> date | datetime:
    """How a period is shown: a DATE from a day on, a TIMESTAMP below (Q11)."""
    return moment if is_finer(grain, "day") else moment.date()


def is_finer(grain: str, other: str) -> bool:
    return GRAINS.index(grain) < GRAINS.index(other)


def finest(*grains: str) -> str:
    return min(grains, key=GRAINS.index)


def coarsest(*grains: str) -> str:
    return max(grains, key=GRAINS.index)


@lru_cache(maxsize=65536)
def truncate(moment: datetime, grain: str) -> datetime:
    """The first instant of the period that holds a moment."""
    match grain:
        case "second":
            return moment.replace(microsecond=0)
        case "minute":
            return moment.replace(second=0, microsecond=0)
        case "hour":
            return moment.replace(minute=0, second=0, microsecond=0)
    day = datetime(moment.year, moment.month, moment.day)
    match grain:
        case "day":
            return day
        case "week":
            return day - timedelta(days=(day.weekday() - _week_start) % 7)
        case "month":
            return day.replace(day=1)
        case "quarter":
            return datetime(day.year, (1, 4, 7, 10)[(day.month - 1) // 3], 1)
        case "year":
            return datetime(day.year, 1, 1)
    raise AssertionError(grain)


@lru_cache(maxsize=65536)
def add(moment: datetime, count: int, grain: str) -> datetime:
    """A moment so much later; months keep the day, or take the last day where there is none."""
    if grain in _SECONDS:
        return moment + timedelta(seconds=count * _SECONDS[grain])
    index = moment.year * 12 + moment.month - 1 + count * _MONTHS[grain]
    year, month = index // 12, index % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return moment.replace(year=year, month=month, day=min(moment.day, last))


def after(moment: datetime, grain: str) -> datetime:
    """The first instant of the next period."""
    return add(truncate(moment, grain), 1, grain)


def periods(first: datetime, last: datetime, grain: str) -> Iterator[datetime]:
    """Every period from the one that holds ``first`` to the one that holds ``last``."""
    here = truncate(first, grain)
    while here <= last:
        yield here
        here = add(here, 1, grain)


def part(moment: datetime, name: str) -> int:
    """A date part; weeks and days of the week as in ISO 8601."""
    match name:
        case "year" | "month" | "day":
            return int(getattr(moment, name))
        case "quarter":
            return (moment.month + 2) // 3
        case "week":
            return moment.isocalendar().week
        case "dow":
            return moment.isoweekday()
        case "doy":
            return moment.timetuple().tm_yday
    raise AssertionError(name)


def length(text: str) -> tuple[int, str]:
    """`28 days` as a number and a grain."""
    count, grain = text.split()
    return int(count), grain.lower().removesuffix("s")


def parse(text: str) -> datetime | None:
    """An ISO date or time; None where it is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
