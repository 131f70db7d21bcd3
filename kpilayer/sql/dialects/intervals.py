"""Spellings of dialects with DATE_TRUNC, INTERVAL, AT TIME ZONE and GENERATE_SERIES."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.grain import is_date, split
from kpilayer.sql.dialects.capabilities import Periods
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    from_its_beginning,
    in_calendar_years,
    operand,
)


def date_trunc(unit: str, value: exp.Expr) -> exp.Expr:
    """The first instant of a period by DATE_TRUNC; a date from days on."""
    return from_its_beginning(unit, value, plus, _plain_trunc)


def _plain_trunc(grain: str, value: exp.Expr) -> exp.Expr:
    return call("DATE_TRUNC", exp.Literal.string(grain), value)


def extract(part: str, value: exp.Expr) -> exp.Expr:
    """A date part by EXTRACT, as an integer; Monday is 1."""
    base, moved = in_calendar_years(part, value, plus)
    unit = {"dow": "ISODOW"}.get(base, base.upper())
    extracted = exp.Extract(this=exp.var(unit), expression=moved)
    return exp.cast(extracted, TYPE.INT, copy=False)


def plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
    """A time moved by days or months; the day stays within its month."""
    kind = exp.Add if count > 0 else exp.Sub
    span = exp.Interval(this=exp.Literal.string(str(abs(count))), unit=exp.var(of))
    return kind(this=operand(value), expression=span)


def at_time_zones(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    """The local time of an instant, and the instant of a local time: AT TIME ZONE does both."""
    for zone in (z for z in (stored, shown) if z):
        at = value if isinstance(value, exp.AtTimeZone) else operand(value)
        value = exp.AtTimeZone(this=at, zone=exp.Literal.string(zone))
    return value


def moved(unit: str, count: int, value: exp.Expr) -> exp.Expr:
    """A time so many units later, or earlier where the count is negative."""
    return plus(value, count, unit.upper())


STEPS: Final = {"week": ("7", "DAY"), "quarter": ("3", "MONTH")}


def series(periods: Periods) -> exp.Expr:
    """GENERATE_SERIES from the first period to the last."""
    base, _ = split(periods.unit)
    count, word = STEPS.get(base, ("1", base.upper()))
    step = exp.Interval(this=exp.Literal.string(count), unit=exp.var(word))
    ends = (exp.cast(e, TYPE.TIMESTAMP, copy=False) for e in (periods.first, periods.last))
    return call("GENERATE_SERIES", *ends, step)


def periods_of(periods: Periods, times: exp.Expr) -> exp.Select:
    """The SELECT of what gives the rows of all periods."""
    value = exp.cast(times, TYPE.DATE, copy=False) if is_date(periods.unit) else times
    select = exp.Select(expressions=[exp.alias_(value, periods.column, copy=False)])
    if periods.bounds is not None:
        select.set("from_", exp.From(this=periods.bounds))
    return select


def periods_of_series(periods: Periods) -> exp.Select:
    """Periods where GENERATE_SERIES gives rows in a SELECT list."""
    return periods_of(periods, series(periods))
