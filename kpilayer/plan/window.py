"""Lengths of time in plans, and the windows of cumulative metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.calendar import Calendar
from kpilayer.columns import TimedColumn

_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


def length(text: str) -> tuple[int, str]:
    """A length of time as its number and unit: `28 day`."""
    number, unit = text.split(" ")
    return int(number), unit


@dataclass(frozen=True, slots=True)
class Move:
    """Rows that count as if they were so many units later, or custom periods of this name.

    ``whole``: a unit moves as one, so that all of its days are the first day of the later one.
    """

    count: int
    unit: str
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows count at a period: those of the last ``length``, or since ``to_date`` began.

    Neither: all rows so far. ``per_rows``: only periods and groups that have rows themselves.
    """

    base: str
    length: tuple[int, str] | None = None
    to_date: str | None = None
    per_rows: bool = False

    @property
    def is_all_time(self) -> bool:
        """Whether every row so far counts, at every period of the spine."""
        return self.length is None and self.to_date is None and not self.per_rows

    @property
    def is_constant(self) -> bool:
        """Whether a row counts for the same number of periods whenever it comes.

        Months are not all alike, and days are no number of months.
        """
        if self.length is None or self.per_rows:
            return False
        unit = self.length[1]
        return grain.split(unit)[0] in expr.FIXED_UNITS and grain.nests(self.base, unit)

    def holds(self, time: exp.Expr, at: exp.Expr) -> list[exp.Expr]:
        """The conditions under which a row of ``time`` counts at the period ``at``."""
        found: list[exp.Expr] = [exp.LTE(this=time, expression=at)]
        if self.length is not None:
            number, unit = self.length
            start = expr.move(at.copy(), -number, unit)
            found.append(exp.GT(this=time.copy(), expression=start))
        if self.to_date is not None:
            found.append(exp.GTE(this=time.copy(), expression=expr.trunc(self.to_date, at.copy())))
        return found

    def earliest(self, at: datetime) -> datetime | None:
        """No row before this time counts at ``at``; None without a limit."""
        if self.length is not None:
            last_out = moved(at, -self.length[0], self.length[1])
            return last_out if last_out == datetime.min else grain.next_period(last_out, self.base)
        return grain.truncate(at, self.to_date) if self.to_date is not None else None


def moved(at: datetime, count: int, unit: str) -> datetime:
    """A time so many units later, at the ends of the calendar where it would leave it.

    >>> moved(datetime(2026, 3, 31), -1, "month")
    datetime.datetime(2026, 2, 28, 0, 0)
    """
    try:
        base, _ = grain.split(unit)
        if base in _MONTHS:
            total = at.year * 12 + at.month - 1 + count * _MONTHS[base]
            first = at.replace(year=total // 12, month=total % 12 + 1, day=1)
            last = (grain.next_period(first, "month") - timedelta(days=1)).day
            return first.replace(day=min(at.day, last))
        return at + timedelta(**{f"{base}s": count})
    except (OverflowError, ValueError):
        return datetime.min if count < 0 else datetime.max


def moves_rows(calendar: Calendar, length: str, columns: Sequence[TimedColumn]) -> bool:
    """Whether rows are moved, and not the result, which tells not enough of the time for it.

    The question is coarser than the offset, or by weeks and by what a week may lie in two of, or
    has custom periods without the dates that are in them.
    """
    units = [c.unit for c in columns if c.unit is not None]
    based = _based(calendar, length, columns)
    if based and not (units and all(grain.nests(grain.finest(units), unit) for unit in based)):
        return True
    return calendar.custom(length) is None and cuts(length, units)


def _based(calendar: Calendar, length: str, columns: Sequence[TimedColumn]) -> list[str]:
    """The units of the dates that custom periods are of, those asked and the one counted."""
    found = [calendar.custom(length), *(c.custom for c in columns)]
    return [calendar.based(c) for c in found if c is not None]


def cuts(unit: str, grains: Sequence[str]) -> bool:
    """Whether an offset is finer than the periods asked, or lies across some of them.

    >>> cuts("week", ["week"]), cuts("week", ["month"])
    (False, True)
    >>> cuts("week", ["week", "month"])
    True
    """
    finest = grain.finest(grains)
    return grain.is_finer(unit, finest) or not all(grain.nests(finest, g) for g in grains)
