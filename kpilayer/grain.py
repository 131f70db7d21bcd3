"""Time grains: parse, compare, and the periods they cut time into.

Weeks start on Monday (ISO 8601). All functions work on naive dates and datetimes.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
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
#: Finest first. A day and coarser is a DATE, finer is a TIMESTAMP (language.md Q11).
GRAINS: Final[tuple[str, ...]] = get_args(Grain)
#: Date parts, as `extract_<part>`: ISO weeks, and ISO days of the week (Monday is 1).
PARTS: Final[tuple[str, ...]] = ("year", "quarter", "month", "week", "day", "dow", "doy")

#: How fine data must be for a part to be known.
_PART_NEEDS: Final[dict[str, str]] = {
    "year": "year",
    "quarter": "quarter",
    "month": "month",
    "week": "week",
    "day": "day",
    "dow": "day",
    "doy": "day",
}


def is_date(grain: str) -> bool:
    """Whether periods of this grain are DATEs rather than TIMESTAMPs."""
    return GRAINS.index(grain) >= GRAINS.index("day")


def is_finer(grain: str, other: str) -> bool:
    """Whether ``grain`` cuts time finer than ``other``.

    A week is finer than a month here, although weeks do not nest in months: both can be computed
    from days, and a week cannot be computed from months.

    >>> is_finer("day", "month"), is_finer("month", "month")
    (True, False)
    """
    return GRAINS.index(grain) < GRAINS.index(other)


def part_needs(part: str) -> str:
    """The coarsest grain at which data still tell this date part."""
    return _PART_NEEDS[part]


def coarsest(grains: list[str]) -> str:
    """The coarsest of the grains."""
    return max(grains, key=GRAINS.index)


def finest(grains: list[str]) -> str:
    """The finest of the grains."""
    return min(grains, key=GRAINS.index)


def truncate(moment: datetime, grain: str) -> datetime:
    """First instant of the period that holds ``moment``.

    >>> truncate(datetime(2026, 5, 17, 13, 5), "quarter")
    datetime.datetime(2026, 4, 1, 0, 0)
    """
    match grain:
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
    match grain:
        case "day":
            return midnight
        case "week":
            return midnight - timedelta(days=midnight.weekday())
        case "month":
            return midnight.replace(day=1)
        case "quarter":
            return midnight.replace(month=(midnight.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return midnight.replace(month=1, day=1)
    raise AssertionError(f"`{grain}` is not a grain")


def next_period(moment: datetime, grain: str) -> datetime:
    """First instant after the period that holds ``moment``: its exclusive end.

    The calendar ends with the year 9999: a period that ends later ends with the last instant.

    >>> next_period(datetime(2026, 12, 31, 23), "month")
    datetime.datetime(2027, 1, 1, 0, 0)
    """
    start = truncate(moment, grain)
    try:
        match grain:
            case "week":
                return start + timedelta(days=7)
            case "month" | "quarter" | "year":
                months = {"month": 1, "quarter": 3, "year": 12}[grain]
                total = start.year * 12 + start.month - 1 + months
                return start.replace(year=total // 12, month=total % 12 + 1)
        return start + timedelta(**{f"{grain}s": 1})
    except (OverflowError, ValueError):
        return datetime.max


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
