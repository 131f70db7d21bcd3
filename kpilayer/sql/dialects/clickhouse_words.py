"""What authors write, in ClickHouse's words, where its word of that name gives another value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects import clickhouse_types
from kpilayer.sql.dialects.capabilities import SpellOne
from kpilayer.sql.dialects.clickhouse_types import (
    ENDLESS,
    as_date,
    as_time,
    is_call,
    is_constant,
    is_text,
    number,
    whole,
)
from kpilayer.sql.dialects.spellings import call, double, operand, refused

# -------------------------------------------------------------------------------------------- text


def _named(name: str) -> SpellOne:
    """A function of letters, where the one without UTF8 is one of bytes."""
    return lambda tree: call(name, tree.this)


def _substring(tree: exp.Expr) -> exp.Expr:
    """Letters, not bytes. What is before the first letter counts, which ClickHouse refuses."""
    value, start, length = tree.this, tree.args.get("start") or number(1), tree.args.get("length")
    rest = [length] if length is not None else []
    found = call("substringUTF8", value, start, *rest)
    if start.is_int and start.name != "0":
        return found
    fewer = [exp.Sub(this=operand(r.copy()), expression=number(1)) for r in rest]
    from_before = call("substringUTF8", value.copy(), number(1), *fewer)
    if start.is_int:
        return from_before
    is_before = exp.EQ(this=operand(start.copy()), expression=number(0))
    return exp.Case(ifs=[exp.If(this=is_before, true=from_before)], default=found)


def _concatenated(tree: exp.Expr) -> exp.Expr:
    """NULL is no text, rather than no result."""
    parts = [p if p.is_string else _text_or_nothing(p) for p in tree.expressions]
    return call("concat", *parts)


def _text_or_nothing(part: exp.Expr) -> exp.Expr:
    text = part if is_text(part) else call("toString", part)
    return call("ifNull", text, exp.Literal.string(""))


def _pattern(tree: exp.Expr) -> exp.Expr:
    """A backslash in a pattern is a letter like others, unless ESCAPE says so."""
    pattern = tree.expression
    if pattern.is_string:
        tree.set("expression", exp.Literal.string(pattern.name.replace("\\", "\\\\")))
    else:
        letters = map(exp.Literal.string, ("\\", "\\\\"))
        tree.set("expression", call("replaceAll", pattern, *letters))
    return tree


# ------------------------------------------------------------------------------------------- times

_UNITS: Final = {
    "microsecond": "microsecond",
    "millisecond": "millisecond",
    "second": "second",
    "minute": "minute",
    "hour": "hour",
}
_PARTS: Final = {
    "year": "toYear",
    "quarter": "toQuarter",
    "month": "toMonth",
    "day": "toDayOfMonth",
    "week": "toISOWeek",
    "weekofyear": "toISOWeek",
    "isoyear": "toISOYear",
    "isodow": "toDayOfWeek",
    "dayofweekiso": "toDayOfWeek",
    "doy": "toDayOfYear",
    "dayofyear": "toDayOfYear",
    "hour": "toHour",
    "minute": "toMinute",
    "second": "toSecond",
}


def _date_part(tree: exp.Expr) -> exp.Expr:
    part, value = tree.name.lower(), tree.expression
    if part in ("dow", "dayofweek", "weekday"):  # Sunday is 0
        day = call("toDayOfWeek", as_time(value))
        return whole(exp.Mod(this=day, expression=number(7)))
    if part == "epoch":
        micros = double(call("toUnixTimestamp64Micro", as_time(value)))
        return exp.Paren(this=exp.Div(this=micros, expression=number(1_000_000)))
    if part in ("millisecond", "microsecond"):
        digits = 1_000 if part == "millisecond" else 1_000_000
        within = call(f"to{part.capitalize()}", as_time(value))
        seconds = exp.Mul(this=call("toSecond", as_time(value.copy())), expression=number(digits))
        return whole(exp.Add(this=seconds, expression=within))
    if part not in _PARTS:
        what = f"EXTRACT({part} ..)"
        return refused(what, "is not known to clickhouse", "use parts of the guide")(tree)
    return whole(call(_PARTS[part], as_time(value)))


_STARTS: Final = {
    "second": "toStartOfSecond",
    "minute": "toStartOfMinute",
    "hour": "toStartOfHour",
    "millisecond": "toStartOfMillisecond",
    "week": "toMonday",
    "month": "toStartOfMonth",
    "quarter": "toStartOfQuarter",
    "year": "toStartOfYear",
    "isoyear": "toStartOfISOYear",
}


def _truncated(tree: exp.Expr) -> exp.Expr:
    """A timestamp, as DATE_TRUNC gives in DuckDB."""
    unit = str(tree.args["unit"].name).lower()
    if unit == "day":
        return as_time(as_date(tree.this))
    if unit == "microsecond":
        return as_time(tree.this)
    if unit not in _STARTS:
        what = f"DATE_TRUNC('{unit}', ..)"
        return refused(what, "is not known to clickhouse", "use units of the guide")(tree)
    if unit in _UNITS:
        return call(_STARTS[unit], as_time(tree.this))
    return as_time(call(_STARTS[unit], as_date(tree.this)))


def _apart(tree: exp.Expr) -> exp.Expr:
    """Midnights between two times, where they are days."""
    unit = str(tree.args.get("unit") or "day").lower()
    return call("dateDiff", exp.Literal.string(unit), tree.expression, tree.this)


def _plus(tree: exp.Expr) -> exp.Expr:
    """A time and a span are a timestamp; ClickHouse's own DATE would begin anew before 1970."""
    for side, other in (("this", "expression"), ("expression", "this")):
        if isinstance(tree.args[other], exp.Interval):
            tree.set(side, as_time(tree.args[side]))
    return tree


def _minus(tree: exp.Expr) -> exp.Expr:
    """Dates are subtracted in days, where one is known to be one."""
    left, right = tree.this, tree.expression
    is_number = is_constant(right) or isinstance(right, exp.Interval)
    if is_call(right, "toDate32") or (is_call(left, "toDate32") and not is_number):
        return call("dateDiff", exp.Literal.string("day"), as_date(right), as_date(left))
    return _plus(tree)


def _nullable(tree: exp.Expr) -> exp.Expr:
    """Rows before and after that are not there are NULL or the default, in the column's type."""
    default = tree.args.get("default")
    is_endless = default is not None and default == as_time(exp.Literal.string(ENDLESS))
    value = call("toNullable", as_time(tree.this) if is_endless else tree.this)
    tree.set("this", value)
    if default is not None and not is_endless:
        tree.set("default", call("CAST", default, call("toTypeName", value.copy())))
    return tree


WORDS: Final[Mapping[type[exp.Expr], SpellOne]] = MappingProxyType(
    {
        exp.Add: _plus,
        exp.Avg: clickhouse_types.aggregated,
        exp.Case: clickhouse_types.case,
        exp.Cast: clickhouse_types.cast,
        exp.Coalesce: clickhouse_types.coalesce,
        exp.Concat: _concatenated,
        exp.DateDiff: _apart,
        exp.DateTrunc: _truncated,
        exp.Extract: _date_part,
        exp.Greatest: clickhouse_types.greatest_or_least,
        exp.ILike: _pattern,
        exp.If: clickhouse_types.if_as_case,
        exp.In: clickhouse_types.among,
        exp.IntDiv: clickhouse_types.whole_division,
        exp.Lag: _nullable,
        exp.Lead: _nullable,
        exp.Least: clickhouse_types.greatest_or_least,
        exp.Length: _named("lengthUTF8"),
        exp.Like: _pattern,
        exp.Literal: clickhouse_types.literal,
        exp.Lower: _named("lowerUTF8"),
        exp.Mod: clickhouse_types.mod,
        exp.Not: clickhouse_types.negated,
        exp.Round: clickhouse_types.rounded,
        exp.SimilarTo: refused("SIMILAR TO", "is not known to clickhouse", "use LIKE"),
        exp.Sub: _minus,
        exp.Sum: clickhouse_types.aggregated,
        exp.Substring: _substring,
        exp.TimestampTrunc: _truncated,
        exp.TryCast: refused("TRY_CAST", "is not known to clickhouse", "use CAST"),
        exp.Upper: _named("upperUTF8"),
    }
)
