"""Words of authors that mean something else on MySQL and MariaDB, by what means the same there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.grain import is_date
from kpilayer.sql import types
from kpilayer.sql.dialects.capabilities import SpellOne
from kpilayer.sql.dialects.intervals import plus
from kpilayer.sql.dialects.mysql_times import datetime, iso_weekday, trunc
from kpilayer.sql.dialects.spellings import TYPE, call, distinct_count, double, operand, refused

_NUMBERS: Final = {
    **dict.fromkeys((TYPE.TINYINT, TYPE.SMALLINT, TYPE.INT, TYPE.BIGINT), "BIGINT"),
    TYPE.INT128: "DECIMAL(39, 0)",
}
_TIMES: Final = (TYPE.TIMESTAMP, TYPE.TIMESTAMPNTZ, TYPE.DATETIME)
_TEXTS: Final = (TYPE.CHAR, TYPE.VARCHAR, TYPE.TEXT, TYPE.UUID)
_NO_TYPE: Final = {TYPE.TIMESTAMPTZ: "no time with a zone", TYPE.INTERVAL: "no values of intervals"}
#: Parts of time that have a function of their own.
_PARTS: Final = {
    **dict.fromkeys(("doy", "dayofyear"), "DAYOFYEAR"),
    **{name: name.upper() for name in ("year", "quarter", "month", "hour", "minute", "second")},
    "day": "DAYOFMONTH",
}
_NUMBER: Final = exp.Literal.number


def _cast(tree: exp.Expr) -> exp.Expr:
    kind = tree.args["to"].this
    if kind == TYPE.BOOLEAN:
        return exp.Paren(this=exp.NEQ(this=operand(tree.this), expression=_NUMBER(0)))
    if kind == TYPE.DATE and tree.this.is_string and tree.this.name == "infinity":
        return datetime(exp.Literal.string("9999-12-31 23:59:59.999999"))  # after the last date
    if kind in _NO_TYPE:
        message = f"there is {_NO_TYPE[kind]} on mysql"
        return refused(f"CAST .. AS {kind.value}", message, "use TIMESTAMP")(tree)
    if kind in _NUMBERS:
        tree.set("to", exp.DataType.build(_NUMBERS[kind]))
    elif kind in _TEXTS:  # a length would cut the text, as DuckDB does not
        tree.set("to", exp.DataType(this=TYPE.CHAR))
    elif kind == TYPE.FLOAT:
        tree.set("to", exp.DataType(this=TYPE.DOUBLE))
    elif kind in _TIMES and not tree.args["to"].expressions:
        return datetime(tree.this)
    return tree


def _added(tree: exp.Expr) -> exp.Expr:
    """A date and a number of days, where the tree tells that it is one."""
    for date, days in ((tree.this, tree.expression), (tree.expression, tree.this)):
        if _is_date(date) and not isinstance(days, exp.Interval):
            tree.set("this", date)
            tree.set("expression", exp.Interval(this=exp.paren(days), unit=exp.var("DAY")))
            return tree
    return tree


def _subtracted(tree: exp.Expr) -> exp.Expr:
    """Days between two dates, or a date so many days before; MySQL subtracts 20240131."""
    left, right = tree.this, tree.expression
    if isinstance(right, exp.Interval):
        return tree
    if _is_date(right):
        return call("DATEDIFF", left, right)
    if _is_date(left):
        whole = isinstance(right, exp.Literal) and not right.is_string
        if not whole and types.kind_of(right) != types.INTEGER:
            why = "is days or a date, and mysql cannot tell which"
            return refused("-", why, "use DATE_DIFF('day', a, b)")(tree)
        days = right if whole else exp.paren(right)
        tree.set("expression", exp.Interval(this=days, unit=exp.var("DAY")))
    return tree


def _is_date(tree: exp.Expr) -> bool:
    if types.kind_of(tree) == types.DATE:
        return True
    tree = tree.unnest()
    return isinstance(tree, (exp.Cast, exp.CurrentDate)) and (
        isinstance(tree, exp.CurrentDate) or tree.args["to"].this == TYPE.DATE
    )


def _rounded(tree: exp.Expr) -> exp.Expr:
    """Halves away from zero: of doubles, MySQL leaves that to the C library."""
    digits = [exp.DataTypeParam(this=_NUMBER(n)) for n in (65, 30)]
    kind = exp.DataType(this=TYPE.DECIMAL, expressions=digits)
    tree.set("this", exp.Cast(this=tree.this, to=kind))
    return tree


def _substring(tree: exp.Expr) -> exp.Expr:
    """A negative start counts from the end, also one that lies before the beginning."""
    start, length = tree.args.get("start"), tree.args.get("length")
    if start is None or (isinstance(start, exp.Literal) and int(start.name) > 0):
        return tree
    after = exp.Add(this=exp.Length(this=tree.this.copy()), expression=_NUMBER(1))
    if isinstance(start, exp.Neg) and isinstance(start.this, exp.Literal):
        first: exp.Expr = exp.Sub(this=after, expression=start.this)
    elif isinstance(start, exp.Literal):
        first = start
    else:
        is_negative = exp.LT(this=exp.paren(start.copy()), expression=_NUMBER(0))
        counted = exp.Add(this=after, expression=exp.paren(start.copy()))
        first = exp.Case(ifs=[exp.If(this=is_negative, true=counted)], default=start)
    tree.set("start", call("GREATEST", first, _NUMBER(1)))
    if length is not None:
        before = exp.Sub(this=call("LEAST", first.copy(), _NUMBER(1)), expression=_NUMBER(1))
        tree.set("length", exp.Add(this=exp.paren(length), expression=exp.paren(before)))
    return tree


def _pattern(tree: exp.Expr) -> exp.Expr:
    r"""A backslash in a pattern is a letter like others: MySQL takes `\_` for an underscore."""
    pattern, backslash = tree.expression, "\\"
    if pattern.is_string:
        doubled = pattern.name.replace(backslash, backslash * 2)
        tree.set("expression", exp.Literal.string(doubled))
        return tree
    letters = (exp.Literal.string(backslash), exp.Literal.string(backslash * 2))
    tree.set("expression", call("REPLACE", pattern, *letters))
    return tree


def _matched(tree: exp.Expr) -> exp.Expr:
    """REGEXP_LIKE is not known to MariaDB."""
    place = call("REGEXP_INSTR", tree.this, tree.expression)
    return exp.Paren(this=exp.GT(this=place, expression=_NUMBER(0)))


def _trimmed(tree: exp.Expr) -> exp.Expr:
    """Every letter of a set, where MySQL takes away a whole word."""
    letters = tree.expression
    if letters is None or (letters.is_string and len(letters.name) == 1):
        return tree
    if not letters.is_string:
        return refused("TRIM", "takes a word there, not letters", "write them out")(tree)
    some = "[" + "".join(re.escape(letter) for letter in letters.name) + "]+"
    side = str(tree.args.get("position") or "BOTH").upper()
    ends = {"LEADING": [f"^{some}"], "TRAILING": [f"{some}$"]}.get(side, [f"^{some}", f"{some}$"])
    pattern = exp.Literal.string("(?-i)" + "|".join(ends))
    return call("REGEXP_REPLACE", tree.this, pattern, exp.Literal.string(""))


def _extreme(tree: exp.Expr) -> exp.Expr:
    """The greatest or least of what is not NULL; MySQL gives NULL where one of them is."""
    values = [tree.this, *tree.expressions]
    sure = [value for value in values if isinstance(value, exp.Literal)]

    def held(place: int) -> exp.Expr:
        value: exp.Expr = values[place]
        if value in sure:
            return value.copy()
        others = sure[:1] or values[place + 1 :] + values[:place]
        return exp.Coalesce(this=value.copy(), expressions=[o.copy() for o in others])

    return call(type(tree).__name__.upper(), *(held(n) for n in range(len(values))))


def _truncated(tree: exp.Expr) -> exp.Expr:
    """DATE_TRUNC, which gives a time also of a date."""
    unit = tree.args["unit"].name.lower()
    cut = trunc(unit, tree.this)
    return exp.cast(cut, TYPE.DATETIME, copy=False) if is_date(unit) else cut


def _date_part(tree: exp.Expr) -> exp.Expr:
    """Date parts as DuckDB has them: weeks of ISO 8601, Sunday is 0, an epoch with its fraction."""
    part, value = tree.name.lower(), tree.expression
    if part in _PARTS:
        return call(_PARTS[part], value)
    match part:
        case "week" | "weekofyear":
            return call("WEEK", value, _NUMBER(3))
        case "isodow" | "dayofweekiso":
            return iso_weekday(value)
        case "dow" | "weekday" | "dayofweek":
            return call("WEEKDAY", plus(value, 1, "DAY"))
        case "isoyear":
            week = call("YEARWEEK", value, _NUMBER(3))
            return exp.Floor(this=exp.Div(this=week, expression=_NUMBER(100), typed=False))
        case "epoch":
            start = exp.Literal.string("1970-01-01")
            micros = exp.TimestampDiff(this=value, expression=start, unit=exp.var("MICROSECOND"))
            of_all = exp.Div(this=double(micros), expression=_NUMBER(1000000), typed=False)
            return exp.Paren(this=of_all)
        case "microsecond" | "millisecond":
            size = 1 if part == "microsecond" else 1000
            seconds = exp.Mul(
                this=call("SECOND", value.copy()), expression=_NUMBER(1000000 // size)
            )
            rest = call("MICROSECOND", value)
            if size > 1:
                rest = exp.IntDiv(this=rest, expression=_NUMBER(size))
            return exp.Paren(this=exp.Add(this=seconds, expression=rest))
    return refused("EXTRACT", f"has no `{part}` there", "use a part of the guide's list")(tree)


def _difference(tree: exp.Expr) -> exp.Expr:
    """How often a unit of time begins between two times."""
    unit = str(tree.args.get("unit") or "day").lower()
    later, earlier = tree.this, tree.expression
    if unit == "day":
        return call("DATEDIFF", later, earlier)
    if unit == "week" or unit.startswith(("dow", "iso", "epoch")):
        hint = "use DATE_DIFF('day', a, b) / 7"
        return refused("DATE_DIFF", f"in units of `{unit}` is not proven there", hint)(tree)
    ends = (trunc(unit, later), trunc(unit, earlier))
    return exp.TimestampDiff(this=ends[0], expression=ends[1], unit=exp.var(unit.upper()))


def _filtered(tree: exp.Expr) -> exp.Expr:
    """An aggregate over rows that meet a condition: CASE inside it."""
    aggregate: exp.Expr = tree.this
    condition = tree.expression.this
    value = aggregate.this
    target = value if isinstance(value, exp.Distinct) else aggregate
    inner = value.expressions[0] if isinstance(value, exp.Distinct) else value
    inner = _NUMBER(1) if isinstance(inner, exp.Star) else inner
    chosen = exp.Case(ifs=[exp.If(this=condition, true=inner)])
    if target is value:
        target.set("expressions", [chosen])
    else:
        target.set("this", chosen)
    return aggregate


def _order(tree: exp.Expr) -> exp.Expr:
    """NULLs last, or first where they are asked for, by a key of their own before the key."""
    keys: list[exp.Expr] = []
    for key in tree.expressions:
        descending, first = bool(key.args.get("desc")), bool(key.args.get("nulls_first"))
        if key.args.get("nulls_first") is not None and first is descending:
            is_null = exp.Is(this=operand(key.this.copy()), expression=exp.null())
            keys.append(exp.Ordered(this=is_null, desc=first, nulls_first=not first))
        keys.append(exp.Ordered(this=key.this, desc=descending, nulls_first=not descending))
    tree.set("expressions", keys)
    return tree


def _windowed(tree: exp.Expr) -> exp.Expr:
    """LEAD and LAG with a value where there is no row, which MariaDB has not.

    Numbers of rows are unsigned on MySQL, where 1 - 2 of such numbers is an error.
    """
    if isinstance(tree.this, (exp.RowNumber, exp.Rank)):
        return exp.cast(tree, TYPE.BIGINT, copy=False)
    default = tree.this.args.get("default") if isinstance(tree.this, (exp.Lag, exp.Lead)) else None
    if default is None:
        return tree
    tree.this.set("default", None)
    return exp.Coalesce(this=tree, expressions=[default])


def _unknown(name: str) -> SpellOne:
    return refused(name, "is not known to mysql and mariadb", "compute it in a metric instead")


WORDS: Final[Mapping[type[exp.Expr], SpellOne]] = MappingProxyType(
    {
        exp.Add: _added,
        exp.ApproxDistinct: lambda tree: distinct_count(tree.this),
        exp.Cast: _cast,
        exp.DateDiff: _difference,
        exp.DateTrunc: _truncated,
        exp.Extract: _date_part,
        exp.Filter: _filtered,
        exp.Greatest: _extreme,
        exp.ILike: _pattern,
        exp.Least: _extreme,
        exp.Like: _pattern,
        exp.Median: _unknown("MEDIAN"),
        exp.Order: _order,
        exp.PercentileCont: _unknown("PERCENTILE_CONT"),
        exp.PercentileDisc: _unknown("PERCENTILE_DISC"),
        exp.RegexpLike: _matched,
        exp.Round: _rounded,
        exp.SimilarTo: refused("SIMILAR TO", "is not known there", "use LIKE"),
        exp.Sub: _subtracted,
        exp.Substring: _substring,
        exp.TimestampTrunc: _truncated,
        exp.Trim: _trimmed,
        exp.Window: _windowed,
        exp.TryCast: refused("TRY_CAST", "gives 0 there where there is no number", "use CAST"),
    }
)
