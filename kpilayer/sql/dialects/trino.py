"""Trino: printed, and parsed by independent grammars; no test executes it.

A time without a zone is a TIMESTAMP(6); TIMESTAMP alone would keep milliseconds.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.grain import is_date, split
from kpilayer.sql.dialects.capabilities import Capabilities, Periods
from kpilayer.sql.dialects.intervals import STEPS
from kpilayer.sql.dialects.printed import (
    as_date,
    as_text,
    concatenated,
    days_between,
    no_weeks,
    refusing,
    without_nulls,
)
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    counted_substring,
    double,
    from_its_beginning,
    in_calendar_years,
    refused,
)
from kpilayer.sql.reserved import BEYOND

_NUMBER: Final = exp.Literal.number
_TIMES: Final = (TYPE.TIMESTAMP, TYPE.TIMESTAMPNTZ, TYPE.DATETIME)


def _as_time(value: exp.Expr) -> exp.Expr:
    return exp.Cast(this=value, to=_to_microseconds(exp.DataType(this=TYPE.TIMESTAMP)))


def _to_microseconds(kind: exp.Expr) -> exp.Expr:
    kind.set("expressions", [exp.DataTypeParam(this=_NUMBER(6))])
    return kind


#: Steps and differences are of milliseconds, and intervals hold no more.
_without_microseconds: Final = refused(
    "time in microseconds", "is not counted on trino", "use milliseconds"
)


def _plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
    if of.lower() == "microsecond":
        return _without_microseconds(value)
    number = _NUMBER(count) if count >= 0 else exp.Neg(this=_NUMBER(-count))
    return call("DATE_ADD", exp.Literal.string(of.lower()), number, value)


def _started(grain: str, value: exp.Expr) -> exp.Expr:
    if grain == "microsecond":  # all that a time has
        return _as_time(value)
    value = as_date(value) if is_date(grain) else _as_time(value)
    return call("DATE_TRUNC", exp.Literal.string(grain), value)


def _trunc(unit: str, value: exp.Expr) -> exp.Expr:
    return from_its_beginning(unit, value, _plus, _started)


_PARTS: Final = {
    **dict.fromkeys(("isodow", "dayofweekiso"), "DAY_OF_WEEK"),
    **dict.fromkeys(("doy", "dayofyear"), "DAY_OF_YEAR"),
    **dict.fromkeys(("week", "weekofyear"), "WEEK"),
    **dict.fromkeys(("isoyear", "yearofweekiso"), "YEAR_OF_WEEK"),
}


def _part(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = in_calendar_years(part, value, _plus)
    return call(_PARTS.get("isodow" if base == "dow" else base, base.upper()), moved)


def _authors_part(tree: exp.Expr) -> exp.Expr:
    part, value = tree.name.lower(), tree.expression
    match part:
        case "dow" | "dayofweek" | "weekday":  # Sunday is 0
            return exp.Paren(this=exp.Mod(this=call("DAY_OF_WEEK", value), expression=_NUMBER(7)))
        case "epoch":
            return call("TO_UNIXTIME", _as_time(value))
        case "millisecond" | "microsecond":
            return refused(f"EXTRACT({part} ..)", "is not proven on trino", "use SECOND")(tree)
    return call(_PARTS.get(part, part.upper()), value)


def _moved(unit: str, count: int, value: exp.Expr) -> exp.Expr:
    return _plus(_as_time(value), count, unit)


def _periods(periods: Periods) -> exp.Select:
    """SEQUENCE refuses an end before the start, and more than 10,000 periods."""
    base, _ = split(periods.unit)
    count, word = STEPS.get(base, ("1", base.upper()))
    step: exp.Expr = exp.Interval(this=exp.Literal.string(count), unit=exp.var(word))
    if base in ("millisecond", "microsecond"):
        return refused("a spine", "of such small periods is not known to trino", "use seconds")(
            periods.first
        )  # type: ignore[return-value]
    kind = as_date if is_date(periods.unit) else _as_time
    first, last = kind(periods.first), kind(periods.last)
    every = call("SEQUENCE", first.copy(), last.copy(), step)
    some = exp.Case(ifs=[exp.If(this=exp.LTE(this=first, expression=last), true=every)])
    names = exp.TableAlias(
        this=exp.to_identifier("every_period"), columns=[exp.to_identifier(periods.column)]
    )
    rows = exp.Unnest(expressions=[some], alias=names)
    column = exp.column(periods.column, table="every_period")
    select = exp.Select(expressions=[column])
    if periods.bounds is None:
        select.set("from_", exp.From(this=rows))
    else:
        select.set("from_", exp.From(this=periods.bounds))
        select.append("joins", exp.Join(this=rows, kind="CROSS"))
    return select


def _local(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    if stored:
        value = call("WITH_TIMEZONE", _as_time(value), exp.Literal.string(stored))
    if not shown:
        return value
    return _as_time(exp.AtTimeZone(this=value, zone=exp.Literal.string(shown)))


def _cast(tree: exp.Expr) -> exp.Expr:
    if tree.args["to"].this in _TIMES:
        _to_microseconds(tree.args["to"])
    return tree


def _joined(tree: exp.Expr) -> exp.Expr:
    tree.set("this", as_text(tree.this))
    tree.set("expression", as_text(tree.expression))
    return tree


def _interval(tree: exp.Expr) -> exp.Expr:
    """Trino has no quarters, weeks and parts of seconds in intervals."""
    unit = tree.args.get("unit")
    name = unit.name.upper().removesuffix("S") if unit is not None else ""
    if name == "MICROSECOND":
        return _without_microseconds(tree)
    if name == "MILLISECOND":
        if not tree.this.name.isdigit():
            return refused("INTERVAL", "has to be a number on trino", "write it out")(tree)
        seconds = f"{int(tree.this.name) // 1000}.{int(tree.this.name) % 1000:03}"
        return exp.Interval(this=exp.Literal.string(seconds), unit=exp.var("SECOND"))
    times, word = {"QUARTER": (3, "MONTH"), "WEEK": (7, "DAY")}.get(name, (1, ""))
    if times == 1 or not isinstance(tree.this, exp.Literal):
        return tree
    count = exp.Literal.string(str(int(tree.this.name) * times))
    return exp.Interval(this=count, unit=exp.var(word))


def _difference(tree: exp.Expr) -> exp.Expr:
    """Trino counts units that are complete: beginnings of units are compared."""
    unit = str(tree.args.get("unit") or "day").lower()
    if unit == "microsecond":
        return _without_microseconds(tree)
    ends = (_started(unit, end) for end in (tree.expression, tree.this))
    return call("DATE_DIFF", exp.Literal.string(unit), *ends)


def _days(start: exp.Expr, end: exp.Expr) -> exp.Expr:
    return call("DATE_DIFF", exp.Literal.string("day"), start, end)


def _truncated(tree: exp.Expr) -> exp.Expr:
    return _as_time(_started(str(tree.args["unit"].name).lower(), tree.this))


TRINO: Final = Capabilities(
    "trino",
    False,
    trunc=_trunc,
    part=_part,
    moved=_moved,
    periods=_periods,
    local=_local,
    aggregates=MappingProxyType(
        {
            "average": lambda value: exp.Avg(this=double(value)),
            "stddev": lambda value: call("STDDEV_SAMP", double(value)),
            "variance": lambda value: call("VAR_SAMP", double(value)),
        }
    ),
    words=MappingProxyType(
        {
            exp.Cast: _cast,
            exp.Concat: concatenated,
            exp.DateDiff: no_weeks("trino", _difference),
            exp.DateTrunc: _truncated,
            exp.DPipe: _joined,
            exp.Extract: _authors_part,
            exp.Greatest: without_nulls,
            exp.Interval: _interval,
            exp.Least: without_nulls,
            exp.Sub: lambda tree: days_between(tree, _days),
            exp.Substring: counted_substring,
            exp.TimestampTrunc: _truncated,
            **refusing("trino"),
        }
    ),
    asks_types=True,
    correlates_joins=False,
    reserved=BEYOND["trino"],
)
