"""Units of time: the periods that they cut time into, whatever a project calls them.

A unit is a standard grain, or one that begins elsewhere: `week_sunday` is a week from a Sunday,
`year_april` and `quarter_february` are a year and a quarter counted from a month. Plans and
dialects know units; which names a project has for them is ``calendar``'s. All functions work on
naive dates and datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Final, Literal, get_args

Grain = Literal[
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Month = Literal[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
#: Finest first. A day and coarser is a DATE, finer is a TIMESTAMP (language.md Q11).
GRAINS: Final[tuple[str, ...]] = get_args(Grain)
#: Monday first, as ISO 8601 counts.
WEEKDAYS: Final[tuple[str, ...]] = get_args(Weekday)
MONTHS: Final[tuple[str, ...]] = get_args(Month)
#: Date parts, as `extract_<part>`: ISO weeks, and ISO days of the week (Monday is 1).
PARTS: Final[tuple[str, ...]] = ("year", "quarter", "month", "week", "day", "dow", "doy")
#: Grains and date parts of the fiscal calendar (language.md T3).
FISCAL: Final[tuple[str, ...]] = ("fiscal_month", "fiscal_quarter", "fiscal_year")

#: Months in a period.
_MONTHS_OF: Final[dict[str, int]] = {"month": 1, "quarter": 3, "year": 12}


@cache
def split(unit: str) -> tuple[str, int]:
    """A unit's standard grain, and where it begins: a day of the week or a month, counted from 0.

    >>> split("week_sunday"), split("year_april"), split("day")
    (('week', 6), ('year', 3), ('day', 0))
    """
    base, _, first = unit.partition("_")
    if not first:
        return base, 0
    return base, (WEEKDAYS if base == "week" else MONTHS).index(first)


def is_date(unit: str) -> bool:
    """Whether periods of this unit are DATEs rather than TIMESTAMPs."""
    return rank(unit) >= GRAINS.index("day")


def rank(unit: str) -> int:
    """Where a unit stands among the standard grains, the finest first."""
    return GRAINS.index(split(unit)[0])


def is_finer(unit: str, other: str) -> bool:
    """Whether a unit cuts time finer than another one.

    A week is finer than a month here, although weeks do not nest in months: both can be computed
    from days, and a week cannot be computed from months.

    >>> is_finer("day", "month"), is_finer("quarter_february", "quarter")
    (True, False)
    """
    return rank(unit) < rank(other)


def coarsest(units: Iterable[str]) -> str:
    """The coarsest of the units."""
    return max(units, key=rank)


def finest(units: Iterable[str]) -> str:
    """The finest of the units."""
    return min(units, key=rank)


def nests(unit: str, other: str) -> bool:
    """Whether periods of a unit make up those of another one without a rest.

    >>> nests("day", "week"), nests("week", "month"), nests("quarter", "year_february")
    (True, False, False)
    """
    (base, first), (coarse, from_) = split(unit), split(other)
    if base == "week" or coarse == "week":
        return unit == other or (is_finer(unit, other) and base != "week")
    if base in ("quarter", "year"):
        return not is_finer(other, unit) and (from_ - first) % _MONTHS_OF[base] == 0
    return not is_finer(other, unit)


def tells(unit: str, other: str) -> bool:
    """Whether data with one value per unit tell periods of another one.

    A week tells months, as in dbt, although it may reach into two of them.
    """
    is_week = split(unit)[0] == "week" and split(other)[0] != "week"
    return nests(unit, other) or (is_week and is_finer(unit, other))


def truncate(moment: datetime, unit: str) -> datetime:
    """First instant of the period that holds ``moment``.

    The calendar begins with the year 1: a period that begins earlier begins with the first instant.

    >>> truncate(datetime(2026, 5, 17, 13, 5), "quarter")
    datetime.datetime(2026, 4, 1, 0, 0)
    >>> truncate(datetime(2026, 2, 17), "year_april").date()
    datetime.date(2025, 4, 1)
    """
    match unit:
        case "microsecond":
            return moment
        case "millisecond":
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        case "second":
            return moment.replace(microsecond=0)
        case "minute":
            return moment.replace(second=0, microsecond=0)
        case "hour":
            return moment.replace(minute=0, second=0, microsecond=0)
    midnight = datetime.combine(moment.date(), time())
    base, first = split(unit)
    if base == "day":
        return midnight
    if base == "week":
        try:
            return midnight - timedelta(days=(midnight.weekday() - first) % 7)
        except OverflowError:
            return datetime.min
    months = _counted(midnight)
    return _month(months - (months - first) % _MONTHS_OF[base])


def next_period(moment: datetime, unit: str) -> datetime:
    """First instant after the period that holds ``moment``: its exclusive end.

    The calendar ends with the year 9999: a period that ends later ends with the last instant.

    >>> next_period(datetime(2026, 12, 31, 23), "month")
    datetime.datetime(2027, 1, 1, 0, 0)
    """
    base, first = split(unit)
    if base in _MONTHS_OF:
        months, length = _counted(moment), _MONTHS_OF[base]
        return _month(months - (months - first) % length + length)
    try:
        if base == "week":
            midnight = datetime.combine(moment.date(), time())
            return midnight + timedelta(days=7 - (midnight.weekday() - first) % 7)
        return truncate(moment, unit) + timedelta(**{f"{base}s": 1})
    except OverflowError:
        return datetime.max


def _counted(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _month(count: int) -> datetime:
    """The first instant of a month; the first or last of the calendar beyond its ends."""
    year, month = divmod(count, 12)
    if year < 1:
        return datetime.min
    return datetime(year, month + 1, 1) if year <= 9999 else datetime.max


def parse_moment(text: str) -> tuple[datetime, bool] | None:
    """An ISO 8601 date or time without zone, and whether it is a whole day; None if neither.

    >>> parse_moment("2026-01-31")
    (datetime.datetime(2026, 1, 31, 0, 0), True)
    """
    if "W" in text.upper():  # ISO weeks: a week is seven days, not its Monday
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time()), True
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment, False) if moment.tzinfo is None else None
