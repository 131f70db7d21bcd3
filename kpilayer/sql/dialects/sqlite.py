"""SQLite, 3.40 and newer: five types of values, and times that are text.

Decimals are doubles (or whole numbers) there, LOWER, UPPER and ILIKE know the letters A to Z only,
and there are no time zones.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.sql import types
from kpilayer.sql.dialects import sqlite_compared as compared
from kpilayer.sql.dialects import sqlite_text as texts
from kpilayer.sql.dialects import sqlite_times as times
from kpilayer.sql.dialects.capabilities import Capabilities, SpellOne
from kpilayer.sql.dialects.spellings import TYPE, call, distinct_count, double, operand, refused
from kpilayer.sql.dialects.sqlite_text import as_text, is_truth, refuse
from kpilayer.sql.types import is_outermost, kind_of, noted

_number = exp.Literal.number
_text = exp.Literal.string
_WHOLE: Final = (TYPE.TINYINT, TYPE.SMALLINT, TYPE.INT, TYPE.BIGINT, TYPE.INT128)
_TEXTS: Final = (TYPE.CHAR, TYPE.VARCHAR, TYPE.TEXT)
_TIMES: Final = (TYPE.TIMESTAMP, TYPE.TIMESTAMPNTZ, TYPE.DATETIME)
#: What gives whole numbers already, whose last digits rounding would lose.
_COUNTS: Final = (exp.Sum, exp.Count, exp.Window, exp.Length)


# ------------------------------------------------------------------------------------------- casts


def _cast(tree: exp.Expr) -> exp.Expr:
    """SQLite's casts look at the beginning of a text: `CAST('2026-01-01' AS DATE)` is 2026."""
    value, kind = tree.this, tree.args["to"]
    if kind.this in (TYPE.DATE, *_TIMES):
        return _as_time(value, is_day=kind.this == TYPE.DATE)
    if kind.this in _WHOLE:
        return tree if isinstance(value.unnest(), _COUNTS) else _rounded_to_whole(value)
    if kind.this == TYPE.DECIMAL:
        digits = int(kind.expressions[1].name) if len(kind.expressions) > 1 else 0
        return _at_digits(value, digits if kind.expressions else 3)
    if kind.this == TYPE.BOOLEAN:
        return _truth(value)
    if kind.this in _TEXTS:
        return as_text(value)
    if kind.this == TYPE.TIME:
        return call("TIME", value)
    if kind.this not in (TYPE.FLOAT, TYPE.DOUBLE):
        refuse(f"a cast to {kind.sql('duckdb')}", "cast to a number, a text, a date or a time")
    return tree


def _as_time(value: exp.Expr, *, is_day: bool) -> exp.Expr:
    inner = value.unnest() if isinstance(value, exp.Paren) else value
    if isinstance(inner, exp.Literal) and inner.is_string:
        return times.written(str(inner.name), is_date=is_day)
    if not is_day and kind_of(inner) in (types.DATE, types.TIMESTAMP):
        return compared.as_timestamp(inner)
    return times.trunc("day", inner) if is_day else times.timestamp(inner)


def _rounded_to_whole(value: exp.Expr) -> exp.Expr:
    """Halves away from zero; the whole part apart, as a double has not all of its digits."""
    inner = value.unnest() if isinstance(value, exp.Paren) else value
    if isinstance(inner, exp.Cast) and inner.to.this in _WHOLE:
        return inner
    if kind_of(inner) in (types.INTEGER, types.BOOLEAN) or _is_plain_whole(inner):
        return exp.cast(inner, TYPE.BIGINT, copy=False)
    if kind_of(inner) == types.DOUBLE:
        return _halves_to_even(inner)
    whole = exp.cast(inner, TYPE.BIGINT, copy=False)
    rest = call("ROUND", exp.Sub(this=operand(inner.copy()), expression=whole.copy()))
    rest = exp.cast(rest, TYPE.BIGINT, copy=False)
    return exp.paren(exp.Add(this=whole, expression=rest), copy=False)


def _halves_to_even(value: exp.Expr) -> exp.Expr:
    """DuckDB casts doubles so: 2.5 is 2, and 3.5 is 4."""
    whole = exp.cast(value, TYPE.BIGINT, copy=True)
    rest = exp.Abs(this=exp.Sub(this=operand(value.copy()), expression=whole))
    half = exp.EQ(this=rest, expression=_number("0.5"))
    halved = exp.Div(this=operand(value.copy()), expression=_number(2), typed=True, safe=True)
    even = exp.Mul(this=call("ROUND", halved), expression=_number(2))
    chosen = exp.Case(ifs=[exp.If(this=half, true=even)], default=call("ROUND", value.copy()))
    return exp.cast(chosen, TYPE.BIGINT, copy=False)


def _is_plain_whole(value: exp.Expr) -> bool:
    return isinstance(value, exp.Literal) and not value.is_string and value.is_int


def _truth(value: exp.Expr) -> exp.Expr:
    if is_truth(value):
        return value
    known = exp.EQ(this=call("TYPEOF", value.copy()), expression=_text("text"))
    words = [_text(word) for word in ("true", "t", "yes", "y", "1")]
    spoken = exp.In(this=exp.Lower(this=value.copy()), expressions=words)
    other = exp.NEQ(this=operand(value), expression=_number(0))
    return exp.Case(ifs=[exp.If(this=known, true=spoken)], default=other)


# ----------------------------------------------------------------------------------------- numbers


def _round(tree: exp.Expr) -> exp.Expr:
    digits = tree.args.get("decimals")
    if digits is None:
        return tree
    if isinstance(digits, exp.Neg) and isinstance(digits.this, exp.Literal):
        return _at_digits(tree.this, -int(digits.this.name))
    if not isinstance(digits, exp.Literal) or not digits.is_int:
        refuse("ROUND to a number of digits that is computed", "write the number")
    return _at_digits(tree.this, int(digits.name))


def _at_digits(value: exp.Expr, digits: int) -> exp.Expr:
    """A number at so many digits, halves away from zero as they are written: 2.675 is 2.68."""
    if digits == 0:
        return call("ROUND", value)
    power = _number(f"{10 ** abs(digits)}.0")
    there, back = (exp.Mul, exp.Div) if digits > 0 else (exp.Div, exp.Mul)
    scaled = call("ROUND", there(this=operand(value), expression=power, **_as_it_is(there)))
    return exp.paren(back(this=scaled, expression=power.copy(), **_as_it_is(back)), copy=False)


def _as_it_is(kind: type[exp.Expr]) -> dict[str, bool]:
    return {"typed": True, "safe": True} if kind is exp.Div else {}


def _floor(tree: exp.Expr) -> exp.Expr:
    return _to_whole(tree, exp.LT, exp.Sub)


def _ceil(tree: exp.Expr) -> exp.Expr:
    return _to_whole(tree, exp.GT, exp.Add)


def _to_whole(tree: exp.Expr, beyond: type[exp.Expr], step: type[exp.Expr]) -> exp.Expr:
    """FLOOR and CEIL are in some builds only; a comparison is 0 or 1."""
    if tree.args.get("decimals") is not None:
        refuse("FLOOR or CEIL to digits", "multiply before and divide after it")
    value = tree.this
    whole = exp.cast(value, TYPE.BIGINT, copy=True)
    past = exp.paren(beyond(this=operand(value), expression=whole.copy()), copy=False)
    return exp.paren(step(this=whole, expression=past), copy=False)


def _remainder(tree: exp.Expr) -> exp.Expr:
    """`%` cuts both sides to whole numbers first."""
    a, b = operand(tree.this), operand(tree.expression)
    if all(_is_plain_whole(side.unnest()) for side in (a, b)):
        return tree
    divided = exp.Div(this=a.copy(), expression=b.copy(), typed=True, safe=True)
    times_b = exp.Mul(this=exp.cast(divided, TYPE.BIGINT, copy=False), expression=b)
    return exp.paren(_exactly(exp.Sub(this=a, expression=times_b), tree), copy=False)


def _whole_division(tree: exp.Expr) -> exp.Expr:
    divided = exp.Div(
        this=operand(tree.this), expression=operand(tree.expression), typed=True, safe=True
    )
    return exp.cast(divided, TYPE.BIGINT, copy=False)


def _added(tree: exp.Expr) -> exp.Expr:
    """A time moved by an INTERVAL."""
    for span, value in ((tree.expression, tree.this), (tree.this, tree.expression)):
        if isinstance(span, exp.Interval):
            unit, count = _span(span)
            inner = value.unnest() if isinstance(value, exp.Paren) else value
            return times.moved(unit, -count if isinstance(tree, exp.Sub) else count, inner)
    left, right = (kind_of(side) for side in (tree.this, tree.expression))
    if left == types.DATE == right:
        return times.days_between(tree.this, tree.expression)
    if types.TIMESTAMP in (left, right):
        refuse("the time between two timestamps", "use `DATE_DIFF('day', a, b)`")
    if types.DATE in (left, right):
        return _days_later(tree)
    return _exactly(tree, tree)


def _exactly(tree: exp.Expr, node: exp.Expr) -> exp.Expr:
    """Decimals are doubles: what is computed of them is rounded to their digits, once.

    0.1 + 0.2 is then 0.3, in comparisons and as a group.
    """
    kind = kind_of(node)
    if kind is None or kind.name != "decimal" or not is_outermost(node):
        return tree
    return call("ROUND", tree, _number(kind.scale))


def _multiplied(tree: exp.Expr) -> exp.Expr:
    return _exactly(tree, tree)


def _sum(value: exp.Expr) -> exp.Expr:
    kind, total = kind_of(value), exp.Sum(this=value)
    if kind is None or kind.name != "decimal":
        return total
    return call("ROUND", total, _number(kind.scale))


def _days_later(tree: exp.Expr) -> exp.Expr:
    """A date and a number of days."""
    day, number = tree.this, tree.expression
    if kind_of(day) != types.DATE:
        day, number = number, day
    if kind_of(number) not in (None, types.INTEGER):
        refuse("a date beside what is no number of days", "add a whole number of days")
    if isinstance(tree, exp.Sub):
        number = exp.Neg(this=operand(number))
    days = exp.DPipe(this=operand(number), expression=_text(" days"))
    return noted(call("DATE", day, days), types.DATE)


def _span(span: exp.Expr) -> tuple[str, int]:
    value, unit = span.this, span.args.get("unit")
    text = str(value.name) if isinstance(value, exp.Literal) else ""
    number, _, word = text.strip().partition(" ")
    name = str(unit.name) if unit is not None else word
    if not number.lstrip("+-").isdigit() or not name.isalpha():
        refuse("an INTERVAL that is computed or of several units", "write `INTERVAL 3 DAY`")
    return name.lower().removesuffix("s"), int(number)


def _days_between(tree: exp.Expr) -> exp.Expr:
    """Midnights between two times; months and years by their numbers."""
    end, start = tree.this, tree.expression
    unit = str(tree.args["unit"].name).lower().removesuffix("s") if tree.args.get("unit") else "day"
    if unit == "day":
        return times.days_between(end, start)
    seconds = {"hour": 3600, "minute": 60, "second": 1}.get(unit)
    if seconds:
        counted = [
            exp.Div(this=times.cut_out_seconds(v), expression=_number(seconds), typed=True)
            for v in (end, start)
        ]
        return exp.paren(exp.Sub(this=counted[0], expression=counted[1]), copy=False)
    of_year = {"month": 12, "quarter": 4, "year": 1}.get(unit)
    if of_year is None:
        refuse(f"a difference in {unit}s", "count days, months, quarters or years")
    numbers: list[exp.Expr] = []
    for value in (end, start):
        number = times.part("year", value)
        if of_year > 1:
            scaled = exp.Mul(this=number, expression=_number(of_year))
            number = exp.Add(this=scaled, expression=times.part(unit, value.copy()))
        numbers.append(exp.paren(number, copy=False))
    return exp.paren(exp.Sub(this=numbers[0], expression=numbers[1]), copy=False)


# ------------------------------------------------------------------------------------------- texts


def _extreme(name: str) -> SpellOne:
    """GREATEST and LEAST pass NULLs over; MIN and MAX of several values do not."""

    def spell(tree: exp.Expr) -> exp.Expr:
        tree = compared.alike(tree)
        values = [tree.this, *tree.expressions]
        if len(values) == 1:
            only: exp.Expr = tree.this
            return only
        chains = []
        for place, value in enumerate(values):
            others = [v.copy() for v in (*values[:place], *values[place + 1 :])]
            chains.append(exp.Coalesce(this=value.copy(), expressions=others))
        return call(name, *chains)

    return spell


def _coalesce(tree: exp.Expr) -> exp.Expr:
    return compared.alike(tree) if tree.expressions else tree.this


# ------------------------------------------------------------------------------------------- times


def _extract(tree: exp.Expr) -> exp.Expr:
    name = str(tree.this.name).lower()
    found = times.cut_out(name, tree.expression)
    if found is None:
        refuse(f"EXTRACT of {name}", "extract a year, quarter, month, week, day or hour")
    return found


def _truncated(tree: exp.Expr) -> exp.Expr:
    unit = str(tree.args["unit"].name).lower()
    if unit not in ("year", "quarter", "month", "week", "day", "hour", "minute", "second"):
        refuse(f"DATE_TRUNC to {unit}", "truncate to a second, a day or a longer period")
    return times.trunc(unit, tree.this)


def _no_zones(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    message = "SQLite knows no time zones by name"
    hint = "store local times in a column of their own, or ask without `timezone`"
    raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))


def _variance(value: exp.Expr) -> exp.Expr:
    """Of deviations from the mean of the group (`sql/lower.py`), less what is left of it."""
    squares = exp.Sum(this=exp.Mul(this=operand(value), expression=operand(value.copy())))
    total = exp.Sum(this=value.copy())
    count = exp.Count(this=value.copy())
    left = exp.Div(
        this=exp.Mul(this=total, expression=total.copy()), expression=count, typed=True, safe=True
    )
    less = exp.Sub(this=count.copy(), expression=_number(1))
    return exp.Div(
        this=exp.paren(exp.Sub(this=squares, expression=left), copy=False),
        expression=exp.paren(less, copy=False),
        typed=True,
        safe=True,
    )


SQLITE: Final = Capabilities(
    "sqlite",
    True,
    trunc=times.trunc,
    part=times.part,
    moved=times.moved,
    periods=times.periods,
    local=_no_zones,
    aggregates=MappingProxyType(
        {
            "sum": _sum,
            "approx_count_distinct": distinct_count,
            "stddev": lambda value: call("SQRT", _variance(double(value))),
            "variance": lambda value: _variance(double(value)),
        }
    ),
    words=MappingProxyType(
        {
            exp.Cast: _cast,
            exp.Round: _round,
            exp.Floor: _floor,
            exp.Ceil: _ceil,
            exp.Mod: _remainder,
            exp.Mul: _multiplied,
            exp.IntDiv: _whole_division,
            exp.Add: _added,
            exp.Sub: _added,
            exp.DateDiff: _days_between,
            exp.Greatest: _extreme("MAX"),
            exp.Least: _extreme("MIN"),
            exp.Case: compared.alike,
            exp.Coalesce: _coalesce,
            exp.Concat: texts.concatenated,
            exp.DPipe: texts.joined,
            exp.Like: texts.like,
            exp.Escape: texts.escaped,
            exp.ILike: texts.like_in_any_case,
            exp.Extract: _extract,
            exp.TimestampTrunc: _truncated,
            exp.DateTrunc: _truncated,
            exp.GT: compared.compared,
            exp.GTE: compared.compared,
            exp.LT: compared.compared,
            exp.LTE: compared.compared,
            exp.EQ: compared.compared,
            exp.NEQ: compared.compared,
            exp.NullSafeEQ: compared.compared,
            exp.NullSafeNEQ: compared.compared,
            exp.In: compared.among,
            exp.Between: compared.between,
            exp.AtTimeZone: refused(
                "AT TIME ZONE", "has no equal on sqlite", "store local times in a column"
            ),
            exp.SimilarTo: refused("SIMILAR TO", "has no equal on sqlite", "use LIKE"),
            exp.RegexpLike: refused("a regular expression", "has no equal on sqlite", "use LIKE"),
            exp.TryCast: refused("TRY_CAST", "has no equal on sqlite", "use CAST"),
        }
    ),
    centres_deviations=True,
    has_types=False,
    asks_types=True,
    orders_by_columns=False,
)
