"""Spark SQL, in its ANSI mode and in UTC.

A time without a zone is a TIMESTAMP_NTZ; Spark's TIMESTAMP is an instant.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.grain import is_date, split
from kpilayer.sql import types
from kpilayer.sql.dialects.capabilities import Capabilities, Periods
from kpilayer.sql.dialects.intervals import STEPS, date_trunc, moved, plus
from kpilayer.sql.dialects.spark_files import KINDS, read
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    double,
    in_calendar_years,
    is_to,
    refused,
)

_LAST_DAY: Final = "+99999-12-31"  # after every date that is written with four digits
_INTEGERS: Final = (TYPE.TINYINT, TYPE.SMALLINT, TYPE.INT, TYPE.BIGINT)


def _trunc(unit: str, value: exp.Expr) -> exp.Expr:
    """DATE_TRUNC gives an instant: without a zone again."""
    result = date_trunc(unit, value)
    return result if is_date(unit) else _naive(result)


def _naive(tree: exp.Expr) -> exp.Expr:
    return exp.cast(tree, TYPE.TIMESTAMPNTZ, copy=False)


def _part(part: str, value: exp.Expr) -> exp.Expr:
    base, value = in_calendar_years(part, value, plus)
    return _whole_part(base, value)


def _whole_part(part: str, value: exp.Expr) -> exp.Expr:
    if part in ("dow", "isodow"):  # Monday is 1
        day = exp.Add(this=call("WEEKDAY", value), expression=exp.Literal.number(1))
        return exp.paren(day, copy=False)
    return exp.Extract(this=exp.var(part.upper()), expression=value)


def _periods(periods: Periods) -> exp.Select:
    """SEQUENCE refuses an end before the start, where there is no period."""
    kind = TYPE.DATE if is_date(periods.unit) else TYPE.TIMESTAMPNTZ
    first, last = (exp.cast(e, kind, copy=False) for e in (periods.first, periods.last))
    base, _ = split(periods.unit)
    count, word = STEPS.get(base, ("1", base.upper()))
    step = exp.Interval(this=exp.Literal.string(count), unit=exp.var(word))
    every = call("SEQUENCE", first.copy(), last.copy(), step)
    some = exp.Case(ifs=[exp.If(this=exp.LTE(this=first, expression=last), true=every)])
    select = exp.Select(expressions=[exp.alias_(call("EXPLODE", some), periods.column, copy=False)])
    if periods.bounds is not None:
        select.set("from_", exp.From(this=periods.bounds))
    return select


def _local(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    """The local time of an instant, or of another zone's local time; the instant of a local one."""
    if stored and shown:
        zones = (exp.Literal.string(zone) for zone in (stored, shown))
        return call("CONVERT_TIMEZONE", *zones, _naive(value))
    if shown:
        return _naive(call("FROM_UTC_TIMESTAMP", value, exp.Literal.string(shown)))
    return call("TO_UTC_TIMESTAMP", value, exp.Literal.string(stored))


def _percentile(value: exp.Expr, fraction: float, discrete: bool) -> exp.Expr:
    """Those between two values; PERCENTILE_DISC makes a double of every value."""
    return call("PERCENTILE", double(value), exp.Literal.number(repr(fraction)))


# ---------------------------------------------------------------------------------- authors' words


def _cast(tree: exp.Expr) -> exp.Expr:
    """Whole numbers are rounded to, halves of doubles to even; Spark would cut."""
    value, kind = tree.this, tree.args["to"].this
    if kind == TYPE.DATE and value.is_string and value.name == "infinity":
        tree.set("this", exp.Literal.string(_LAST_DAY))
        return tree
    if kind in (TYPE.TIME, TYPE.INTERVAL):
        return refused("CAST", "gives no value of this type on spark", "cast to text")(tree)
    if kind == TYPE.INT128:
        tree.set("to", exp.DataType.build("DECIMAL(38, 0)"))
        return tree
    if kind not in _INTEGERS or is_to(value, *_INTEGERS) or _is_plain(value):
        return tree
    is_double = exp.In(
        this=call("TYPEOF", value.copy()),
        expressions=[exp.Literal.string(name) for name in ("double", "float")],
    )
    even = call("BROUND", double(value.copy()))
    away = exp.Round(this=exp.cast(value.copy(), exp.DataType.build("DECIMAL(38, 9)")))
    both = (exp.cast(rounded, TYPE.BIGINT, copy=False) for rounded in (even, away))
    tree.set("this", exp.If(this=is_double, true=next(both), false=next(both)))
    return tree


def _is_plain(value: exp.Expr) -> bool:
    """Whether a value is a whole number or a condition as it stands."""
    inner = value.unnest()
    is_whole = isinstance(inner, exp.Literal) and not inner.is_string and "." not in inner.name
    return is_whole or isinstance(inner, (exp.Predicate, exp.Connector, exp.Not, exp.Extract))


_PARTS: Final = {"weekday": "dow", "dayofweek": "dow", "dayofyear": "doy", "weekofyear": "week"}


def _date_part(tree: exp.Expr) -> exp.Expr:
    part, value = tree.name.lower(), tree.expression
    part = _PARTS.get(part, part)
    match part:
        case "dow":  # Sunday is 0
            after = exp.Sub(this=call("DAYOFWEEK", value), expression=exp.Literal.number(1))
            return exp.paren(after, copy=False)
        case "isodow" | "dayofweekiso":
            return _whole_part("isodow", value)
        case "epoch":
            micros = call("UNIX_MICROS", exp.cast(value, TYPE.TIMESTAMPTZ, copy=False))
            million = exp.Literal.number("1000000")
            return exp.paren(exp.Div(this=double(micros), expression=million), copy=False)
        case "isoyear":
            return exp.Extract(this=exp.var("YEAROFWEEK"), expression=value)
        case "second" | "millisecond" | "microsecond":
            seconds: exp.Expr = exp.Extract(this=exp.var("SECOND"), expression=value)
            if part != "second":
                times = exp.Literal.number("1000" if part == "millisecond" else "1000000")
                seconds = exp.Mul(this=seconds, expression=times)
            return exp.cast(exp.Floor(this=seconds), TYPE.BIGINT, copy=False)
        case "doy":
            tree.set("this", exp.var("DOY"))
    return tree


def _midnights(tree: exp.Expr) -> exp.Expr:
    """Days between are midnights between; DATEDIFF of times would count whole days."""
    ends = (exp.cast(end, TYPE.DATE, copy=False) for end in (tree.this, tree.expression))
    return call("DATEDIFF", *ends)


def _difference(tree: exp.Expr) -> exp.Expr:
    """Days between two dates; Spark's difference is an interval."""
    both = (tree.this, tree.expression)
    if not is_to(tree.expression, TYPE.DATE) and any(types.kind_of(e) != types.DATE for e in both):
        return tree
    return call("DATEDIFF", tree.this, tree.expression)


def _whole(tree: exp.Expr) -> exp.Expr:
    """CEIL and FLOOR of a double are doubles; Spark's are whole numbers."""
    return double(tree) if types.kind_of(tree.this) == types.DOUBLE else tree


def _concatenated(tree: exp.Expr) -> exp.Expr:
    """CONCAT leaves out what is NULL, and takes any type."""
    texts = [p if p.is_string else exp.cast(p, TYPE.TEXT, copy=False) for p in tree.expressions]
    nothing = exp.Literal.string("")
    filled = [t if t.is_string else exp.Coalesce(this=t, expressions=[nothing]) for t in texts]
    return call("CONCAT", *filled)


def _substring(tree: exp.Expr) -> exp.Expr:
    """A start of 0 is one before the first letter."""
    start, length = tree.args.get("start"), tree.args.get("length")
    if start is None or length is None:
        return tree
    number = start.this if isinstance(start, exp.Neg) else start
    zero = exp.Literal.number(0)
    shorter = exp.Sub(this=exp.paren(length.copy()), expression=exp.Literal.number(1))
    if isinstance(number, exp.Literal):
        if number.name == "0":
            tree.set("length", shorter)
        return tree
    is_zero = exp.EQ(this=exp.paren(start.copy()), expression=zero)
    tree.set("length", exp.If(this=is_zero, true=shorter, false=length))
    return tree


def _pattern(tree: exp.Expr) -> exp.Expr:
    """A backslash in a pattern is a letter like others, unless ESCAPE says so."""
    pattern, slash = tree.expression, "\\"
    if pattern.is_string:
        if slash in pattern.name:
            doubled = pattern.name.replace(slash, slash * 2)
            tree.set("expression", exp.Literal.string(doubled))
        return tree
    once, twice = (exp.Literal.string(slash * count) for count in (1, 2))
    tree.set("expression", call("REPLACE", pattern, once, twice))
    return tree


def _without_zone(tree: exp.Expr) -> exp.Expr:
    return _naive(tree)


def _interval(tree: exp.Expr) -> exp.Expr:
    """Spark has no quarters and weeks in intervals of text."""
    unit = tree.args.get("unit")
    times, word = {"QUARTER": (3, "MONTH"), "WEEK": (7, "DAY")}.get(
        unit.name.upper().removesuffix("S") if unit is not None else "", (1, "")
    )
    if times == 1 or not isinstance(tree.this, exp.Literal):
        return tree
    count = exp.Literal.string(str(int(tree.this.name) * times))
    return exp.Interval(this=count, unit=exp.var(word))


def _ordered_window(tree: exp.Expr) -> exp.Expr:
    """Numbers in no order need one all the same."""
    if isinstance(tree.this, exp.RowNumber) and not tree.args.get("order"):
        tree.set("order", exp.Order(expressions=[exp.Ordered(this=exp.null())]))
    return tree


def _finished(tree: exp.Expr) -> exp.Expr:
    """Keeps a WITH inside of a CTE where it is.

    Of a tree that nothing is around, sqlglot moves them all to the top, as Spark 2 needs it: a name
    that hides a table in there would hide it everywhere.
    """
    exp.Paren(this=tree)
    return tree


SPARK: Final = Capabilities(
    "spark",
    True,
    trunc=_trunc,
    part=_part,
    moved=moved,
    periods=_periods,
    local=_local,
    aggregates=MappingProxyType(
        {
            # The average of decimals has few digits; every engine gives a double (Q11).
            "average": lambda value: exp.Avg(this=double(value)),
        }
    ),
    words=MappingProxyType(
        {
            exp.Cast: _cast,
            exp.Ceil: _whole,
            exp.Concat: _concatenated,
            exp.DateDiff: _midnights,
            exp.DateTrunc: _without_zone,
            exp.Extract: _date_part,
            exp.Floor: _whole,
            exp.ILike: _pattern,
            exp.Interval: _interval,
            exp.Like: _pattern,
            exp.SimilarTo: refused("SIMILAR TO", "is not known to spark", "use LIKE"),
            exp.Sub: _difference,
            exp.Substring: _substring,
            exp.TimestampTrunc: _without_zone,
            exp.TryCast: refused("TRY_CAST", "reads other texts as numbers there", "use CAST"),
            exp.Window: _ordered_window,
        }
    ),
    percentile=_percentile,
    picks_percentiles=False,
    files=read,
    file_kinds=KINDS,
    asks_types=True,
    finished=_finished,
)
