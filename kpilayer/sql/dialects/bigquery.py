"""BigQuery, in GoogleSQL: its periods, time zones and aggregates; words are in ``bigquery_words``.

A time without a zone is a DATETIME; an instant is a TIMESTAMP, and shown in UTC.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.grain import is_date, split
from kpilayer.sql.dialects.bigquery_finish import finished
from kpilayer.sql.dialects.bigquery_words import WORDS, as_date, as_time, part_of
from kpilayer.sql.dialects.capabilities import Capabilities, Periods
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    double,
    from_its_beginning,
    in_calendar_years,
    is_to,
)


def _span(count: int, of: str) -> exp.Expr:
    return exp.Interval(this=exp.Literal.number(count), unit=exp.var(of.upper()))


def _trunc(unit: str, value: exp.Expr) -> exp.Expr:
    """DATE_TRUNC of a date, DATETIME_TRUNC of a time; weeks begin on Monday."""

    def plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
        return call("DATE_ADD", as_date(value), _span(count, of))

    def started(grain: str, value: exp.Expr) -> exp.Expr:
        if is_date(grain):
            word = "ISOWEEK" if grain == "week" else grain.upper()
            return call("DATE_TRUNC", as_date(value), exp.var(word))
        if grain == "microsecond":  # all that a time has
            return as_time(value)
        return call("DATETIME_TRUNC", as_time(value), exp.var(grain.upper()))

    tree = from_its_beginning(unit, value, plus, started)
    inner = tree.this if isinstance(tree, exp.Cast) else tree
    return as_date(inner) if unit == "day" else inner


def _part(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = in_calendar_years(part, value, _later)
    return part_of("isodow" if base == "dow" else base, moved)


def _later(value: exp.Expr, count: int, of: str) -> exp.Expr:
    return call("DATETIME_ADD", as_time(value), _span(count, of))


def _moved(unit: str, count: int, value: exp.Expr) -> exp.Expr:
    return _later(value, count, unit)


def _periods(periods: Periods) -> exp.Select:
    """An array of all periods, a row of each; none where a bound is NULL."""
    base, _ = split(periods.unit)
    ends: tuple[exp.Expr, ...] = (periods.first, periods.last)
    if is_date(periods.unit):
        array = call("GENERATE_DATE_ARRAY", *map(as_date, ends), _span(1, base))
    else:
        instants = (call("TIMESTAMP", as_time(end)) for end in ends)
        array = call("GENERATE_TIMESTAMP_ARRAY", *instants, _span(1, base))
    name = exp.to_identifier(periods.column)
    rows = exp.Unnest(expressions=[array], alias=exp.TableAlias(columns=[name]))
    value: exp.Expr = exp.Column(this=name.copy())
    if not is_date(periods.unit):
        value = exp.alias_(exp.cast(value, TYPE.DATETIME, copy=False), periods.column, copy=False)
    select = exp.Select(expressions=[value])
    if periods.bounds is None:
        select.set("from_", exp.From(this=rows))
    else:
        select.set("from_", exp.From(this=periods.bounds))
        select.append("joins", exp.Join(this=rows, kind="CROSS"))
    return select


def _local(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    """The local time of an instant, or of another zone's local time; the instant of a local one."""
    if stored:
        value = _instant(as_time(value), stored)
    return call("DATETIME", value, exp.Literal.string(shown)) if shown else value


def _instant(local: exp.Expr, zone: str) -> exp.Expr:
    """The instant of a local time: the later one of two, where clocks are set back."""
    name = exp.Literal.string(zone)
    instant = call("TIMESTAMP", local, name)
    if zone == "UTC" or (is_to(local, TYPE.DATETIME, TYPE.TIMESTAMP) and local.this.is_string):
        return instant
    hour = exp.Interval(this=exp.Literal.number(1), unit=exp.var("HOUR"))
    later = call("TIMESTAMP_ADD", instant, hour)
    is_same = exp.EQ(this=call("DATETIME", later, name.copy()), expression=local.copy())
    return exp.If(this=is_same, true=later.copy(), false=instant.copy())


BIGQUERY: Final = Capabilities(
    "bigquery",
    True,
    trunc=_trunc,
    part=_part,
    moved=_moved,
    periods=_periods,
    local=_local,
    aggregates=MappingProxyType(
        {
            # The average of a NUMERIC has nine digits; every engine gives a double (Q11).
            "average": lambda value: exp.Avg(this=double(value)),
            "stddev": lambda value: call("STDDEV_SAMP", double(value)),
            "variance": lambda value: call("VAR_SAMP", double(value)),
        }
    ),
    words=WORDS,
    asks_types=True,
    max_identifier=300,
    correlates_joins=False,
    finished=finished,
)
