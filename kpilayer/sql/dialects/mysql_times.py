"""Times on MySQL and MariaDB, which have no DATE_TRUNC, AT TIME ZONE or GENERATE_SERIES."""

from __future__ import annotations

from functools import cache
from typing import Final

from sqlglot import exp, parse_one

from kpilayer.grain import is_date, split
from kpilayer.sql.dialects.capabilities import Periods
from kpilayer.sql.dialects.intervals import plus
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    from_its_beginning,
    in_calendar_years,
    operand,
)

_UTC: Final = "+00:00"
#: What is left of a time that is cut to a period shorter than a day.
_FORMATS: Final = {
    "hour": "%Y-%m-%d %H:00:00",
    "minute": "%Y-%m-%d %H:%i:00",
    "second": "%Y-%m-%d %H:%i:%s",
    "millisecond": "%Y-%m-%d %H:%i:%s.%f",
}
#: Of what is long to say twice.
_FIRSTS: Final = {"month": "%Y-%m-01", "year": "%Y-01-01"}
#: Since when a period is, in days.
_DAYS_SINCE: Final = {"week": "WEEKDAY", "month": "DAYOFMONTH", "year": "DAYOFYEAR"}
#: The days between which CONVERT_TZ moves a time, on every version.
_CLOCKS: Final = ("1970-01-02", "2038-01-18")
_PARTS: Final = {"day": "DAYOFMONTH", "doy": "DAYOFYEAR"}


def datetime(value: exp.Expr) -> exp.Expr:
    """A value as a time with all of its microseconds, which a bare DATETIME has not."""
    six = exp.DataTypeParam(this=exp.Literal.number(6))
    return exp.Cast(this=value, to=exp.DataType(this=TYPE.DATETIME, expressions=[six]))


def trunc(unit: str, value: exp.Expr) -> exp.Expr:
    """The first instant of a period; a date from days on."""
    return from_its_beginning(unit, value, plus, _plain_trunc)


def _plain_trunc(grain: str, value: exp.Expr) -> exp.Expr:
    if grain == "microsecond":
        return datetime(value)
    if grain in _FORMATS:
        text = call("DATE_FORMAT", value, exp.Literal.string(_FORMATS[grain]))
        if grain == "millisecond":  # three of the six digits of %f
            return datetime(call("LEFT", text, exp.Literal.number(23)))
        return exp.cast(text, TYPE.DATETIME, copy=False)
    if grain in _FIRSTS and not isinstance(value, exp.Column):
        return call("DATE_FORMAT", value, exp.Literal.string(_FIRSTS[grain]))
    if grain == "quarter":
        number = exp.Sub(this=call("QUARTER", value.copy()), expression=exp.Literal.number(1))
        return exp.Add(this=_plain_trunc("year", value), expression=_span(number, "QUARTER"))
    since = call(_DAYS_SINCE[grain], value.copy())
    if grain != "week":
        since = exp.Sub(this=since, expression=exp.Literal.number(1))
    return exp.Sub(this=operand(value), expression=_span(since, "DAY"))


def _span(count: exp.Expr, unit: str) -> exp.Expr:
    return exp.Interval(this=count, unit=exp.var(unit))


def part(name: str, value: exp.Expr) -> exp.Expr:
    """A date part as an integer; Monday is 1."""
    base, at = in_calendar_years(name, value, plus)
    if base == "dow":
        return iso_weekday(at)
    if base == "week":
        return call("WEEK", at, exp.Literal.number(3))  # ISO 8601
    return call(_PARTS.get(base, base.upper()), at)


def iso_weekday(value: exp.Expr) -> exp.Expr:
    """Monday is 1: DAYOFWEEK counts from Sunday, so it is that of the day before."""
    return call("DAYOFWEEK", plus(value, -1, "DAY"))


def local(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    """A time in another zone; an instant is in UTC, as the session is.

    CONVERT_TZ leaves a time as it is that its clocks do not know. Such a time is made one that is
    none: a warning of the server that the connection makes an error of.
    """
    zones = (exp.Literal.string(z if z and z != "UTC" else _UTC) for z in (stored, shown))
    shifted = call("CONVERT_TZ", value, *zones)
    first, last = (exp.Literal.string(day) for day in _CLOCKS)
    if isinstance(value, exp.Cast) and value.this.is_string:
        if first.name <= value.this.name < last.name:
            return shifted
    told = call("CONCAT", exp.Literal.string("without a known clock: "), value.copy())
    known = exp.Between(this=operand(value.copy()), low=first, high=last)
    return exp.Case(ifs=[exp.If(this=known, true=shifted)], default=datetime(told))


_STEPS: Final = {"week": ("DAY", 7), "quarter": ("MONTH", 3), "year": ("MONTH", 12)}
#: Ranges of periods, as numbers from the first one on, halved until each is a single one.
_HALVES: Final = """
WITH RECURSIVE halves AS (
  SELECT :first AS first, CAST(0 AS SIGNED) AS low, :count AS high
  UNION ALL
  SELECT
    halves.first,
    CASE WHEN half.is_upper THEN (halves.low + halves.high) DIV 2 + 1 ELSE halves.low END,
    CASE WHEN half.is_upper THEN halves.high ELSE (halves.low + halves.high) DIV 2 END
  FROM halves CROSS JOIN (SELECT 0 AS is_upper UNION ALL SELECT 1) AS half
  WHERE halves.low < halves.high
)
SELECT :period AS period FROM halves WHERE halves.low = halves.high
"""


@cache
def _halves() -> exp.Select:
    tree = parse_one(_HALVES, dialect="mysql")
    assert isinstance(tree, exp.Select)
    return tree


def periods(spine: Periods) -> exp.Select:
    """Every period by halving the range of all.

    A recursion that counts would end at 1,000 rows, and MariaDB says nothing when it does. This one
    is only as deep as the number of periods has binary digits.
    """
    base, _ = split(spine.unit)
    unit, size = _STEPS.get(base, (base.upper(), 1))
    ends = (spine.last.copy(), spine.first.copy())
    count: exp.Expr = exp.TimestampDiff(this=ends[0], expression=ends[1], unit=exp.var(unit))
    number: exp.Expr = exp.column("low", table="halves")
    if size > 1:
        count = exp.IntDiv(this=count, expression=exp.Literal.number(size))
        number = exp.Mul(this=number, expression=exp.Literal.number(size))
    period: exp.Expr = exp.Add(
        this=exp.column("first", table="halves"), expression=_span(number, unit)
    )
    if is_date(spine.unit):
        period = exp.cast(period, TYPE.DATE, copy=False)
    given = {"first": spine.first, "count": count, "period": period}
    select = _halves().copy()
    for hole in list(select.find_all(exp.Placeholder)):
        hole.replace(given[hole.name])
    select.expressions[0].set("alias", exp.to_identifier(spine.column))
    if spine.bounds is not None:
        first = select.find(exp.Union)
        assert first is not None, "halves are one UNION"
        first.this.set("from_", exp.From(this=spine.bounds))
    return select
