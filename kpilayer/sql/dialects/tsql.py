"""SQL Server 2022 and later, and Azure SQL: printed, and parsed by independent grammars.

No test executes it. Weeks do not depend on DATEFIRST. Time zones have other names there, so a
question that needs one is refused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects.capabilities import Capabilities, SpellOne
from kpilayer.sql.dialects.printed import (
    as_date,
    as_text,
    counted,
    dateadd,
    datediff,
    days_between,
    no_weeks,
    refusing,
)
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    double,
    from_its_beginning,
    in_calendar_years,
    refused,
)
from kpilayer.sql.dialects.tsql_finish import finished
from kpilayer.sql.reserved import BEYOND

_NUMBER: Final = exp.Literal.number
_WHOLE: Final = (TYPE.TINYINT, TYPE.SMALLINT, TYPE.INT, TYPE.BIGINT)
_PERIODS: Final = """
SELECT :period AS period
FROM bounds
CROSS APPLY (
  SELECT counted.value AS n FROM GENERATE_SERIES(0, :count, 1) AS counted
) AS numbers
"""


def _as_time(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, TYPE.TIMESTAMP, copy=False)


def _weekday(value: exp.Expr) -> exp.Expr:
    """Days since a Monday, 0 to 6, also before 1900."""
    monday = exp.cast(exp.Literal.string("1753-01-01"), TYPE.DATE)
    return exp.Paren(
        this=exp.Mod(this=datediff("day", monday, as_date(value)), expression=_NUMBER(7))
    )


def _plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
    return dateadd(value, count, of)


def _started(grain: str, value: exp.Expr) -> exp.Expr:
    day = as_date(value)
    match grain:
        case "week":
            return dateadd(day, exp.Neg(this=_weekday(day.copy())), "day")
        case "month" | "quarter" | "year":
            year = call("YEAR", day)
            month: exp.Expr = _NUMBER(1)
            if grain == "month":
                month = call("MONTH", day.copy())
            if grain == "quarter":
                number = call("DATEPART", exp.var("QUARTER"), day.copy())
                month = exp.Sub(
                    this=exp.Mul(this=_NUMBER(3), expression=number), expression=_NUMBER(2)
                )
            return call("DATEFROMPARTS", year, month, _NUMBER(1))
        case "day":
            return day
        case "microsecond":
            return _as_time(value)
    midnight = _as_time(day)  # counted from the day on, since counts have 32 bits
    apart = datediff(grain, midnight, _as_time(value.copy()))
    return dateadd(midnight.copy(), apart, grain)


def _trunc(unit: str, value: exp.Expr) -> exp.Expr:
    return from_its_beginning(unit, value, _plus, _started)


_PARTS: Final = {
    **dict.fromkeys(("doy", "dayofyear"), "DAYOFYEAR"),
    **dict.fromkeys(("week", "weekofyear"), "ISO_WEEK"),
}


def _part(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = in_calendar_years(part, value, _plus)
    return _part_of("isodow" if base == "dow" else base, moved)


def _part_of(part: str, value: exp.Expr) -> exp.Expr:
    match part:
        case "isodow" | "dayofweekiso":  # Monday is 1
            return exp.Paren(this=exp.Add(this=_weekday(value), expression=_NUMBER(1)))
        case "dow" | "dayofweek" | "weekday":  # Sunday is 0
            after = exp.Add(this=_weekday(value), expression=_NUMBER(1))
            return exp.Paren(this=exp.Mod(this=exp.Paren(this=after), expression=_NUMBER(7)))
        case "epoch":
            start = _as_time(exp.Literal.string("1970-01-01"))
            micros = call("DATEDIFF_BIG", exp.var("MICROSECOND"), start, _as_time(value))
            of_all = exp.Div(this=double(micros), expression=_NUMBER(1_000_000), typed=False)
            return exp.Paren(this=of_all)
        case "isoyear" | "millisecond" | "microsecond":
            what = f"EXTRACT({part} ..)"
            return refused(what, "is not proven on tsql", "use parts of the guide")(value)
    return call("DATEPART", exp.var(_PARTS.get(part, part.upper())), value)


def _moved(unit: str, count: int, value: exp.Expr) -> exp.Expr:
    return dateadd(_as_time(value), count, unit)


def _local(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    why = f"to be moved between zones (`{stored or shown}`): tsql has zones by other names"
    return refused("a time", why, "query on another warehouse, or store local times")(value)


def _cast(tree: exp.Expr) -> exp.Expr:
    """Whole numbers are rounded to; T-SQL would cut."""
    kind = tree.args["to"].this
    if kind in _WHOLE and isinstance(tree.this, (exp.Div, exp.Mul, exp.Column, exp.Paren)):
        tree.set("this", call("ROUND", tree.this, _NUMBER(0)))
    if kind == TYPE.DATE and tree.this.is_string and tree.this.name == "infinity":
        return _as_time(exp.Literal.string("9999-12-31T23:59:59.999999"))
    return tree


def _with_span(sign: int) -> SpellOne:
    def moved(tree: exp.Expr) -> exp.Expr:
        """A time and an interval, which T-SQL has no type for."""
        for time, span in ((tree.this, tree.expression), (tree.expression, tree.this)):
            if not isinstance(span, exp.Interval):
                continue
            unit, count = span.args.get("unit"), span.this
            if unit is None or not isinstance(count, exp.Literal) or not count.name.isdigit():
                return refused("INTERVAL", "has to be a number and a unit on tsql", "write both")(
                    tree
                )
            return dateadd(_as_time(time), sign * int(count.name), unit.name.removesuffix("S"))
        return days_between(tree, _days) if sign < 0 else tree

    return moved


def _days(start: exp.Expr, end: exp.Expr) -> exp.Expr:
    return datediff("day", start, end)


def _length(tree: exp.Expr) -> exp.Expr:
    """LEN does not count spaces at the end."""
    stop = exp.Add(this=as_text(tree.this), expression=exp.Literal.string("."))
    return exp.Paren(this=exp.Sub(this=call("LEN", stop), expression=_NUMBER(1)))


def _joined(tree: exp.Expr) -> exp.Expr:
    """Texts: `+` would add numbers."""
    sides = (as_text(tree.this), as_text(tree.expression))
    return exp.Add(this=sides[0], expression=sides[1])


def _substring(tree: exp.Expr) -> exp.Expr:
    start, length = tree.args.get("start"), tree.args.get("length")
    if not isinstance(start, exp.Literal) or int(start.name) < 1:
        hint = "count from the first letter on"
        return refused("SUBSTRING", "has no start from the end on tsql", hint)(tree)
    return call("SUBSTRING", tree.this, start, length or _NUMBER(2_147_483_647))


def _pattern(tree: exp.Expr) -> exp.Expr:
    """A bracket is a letter like others."""
    pattern = tree.expression
    if not pattern.is_string:
        return refused("LIKE", "needs a text as its pattern on tsql", "write it out")(tree)
    text: exp.Expr = exp.Literal.string(pattern.name.replace("[", "[[]"))
    value = tree.this
    if isinstance(tree, exp.ILike):
        value, text = exp.Lower(this=value), exp.Lower(this=text)
    return exp.Like(**{**tree.args, "this": value, "expression": text})


def _rounded(tree: exp.Expr) -> exp.Expr:
    return call("ROUND", tree.this, tree.args.get("decimals") or _NUMBER(0))


def _truncated(tree: exp.Expr) -> exp.Expr:
    return _as_time(_started(str(tree.args["unit"].name).lower(), tree.this))


def _extreme(tree: exp.Expr) -> exp.Expr:
    return call(type(tree).__name__.upper(), tree.this, *tree.expressions)


TSQL: Final = Capabilities(
    "tsql",
    False,
    trunc=_trunc,
    part=_part,
    moved=_moved,
    periods=counted(_PERIODS, "tsql"),
    local=_local,
    aggregates=MappingProxyType(
        {
            "average": lambda value: exp.Avg(this=double(value)),
            "count": lambda value: call("COUNT_BIG", value),
            "sum_boolean": lambda value: call("COUNT_BIG", value),
            "stddev": lambda value: call("STDEV", double(value)),
            "variance": lambda value: call("VAR", double(value)),
        }
    ),
    words=MappingProxyType(
        {
            exp.Add: _with_span(1),
            exp.Cast: _cast,
            exp.DateDiff: no_weeks(
                "tsql", lambda t: datediff(str(t.args.get("unit") or "day"), t.expression, t.this)
            ),
            exp.DateTrunc: _truncated,
            exp.DPipe: _joined,
            exp.Extract: lambda tree: _part_of(tree.name.lower(), tree.expression),
            exp.Greatest: _extreme,
            exp.ILike: _pattern,
            exp.Least: _extreme,
            exp.Length: _length,
            exp.Like: _pattern,
            exp.Round: _rounded,
            exp.Sub: _with_span(-1),
            exp.Substring: _substring,
            exp.TimestampTrunc: _truncated,
            **refusing("tsql"),
        }
    ),
    asks_types=True,
    correlates_joins=False,
    orders_by_tables=True,
    finished=finished,
    max_identifier=128,
    reserved=BEYOND["tsql"],
)
