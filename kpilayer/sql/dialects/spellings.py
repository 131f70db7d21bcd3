"""Spellings that several dialects share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.grain import is_date, split
from kpilayer.sql.dialects.capabilities import Spell, SpellLocal, SpellOne

#: Types as members: sqlglot would parse a name each time.
TYPE: Final = exp.DataType.Type

#: A time, a number of days or months, and which.
Plus = Callable[[exp.Expr, int, str], exp.Expr]


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A function call, spelled as given."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def double(tree: exp.Expr) -> exp.Expr:
    """A value as a double."""
    return exp.cast(tree, TYPE.DOUBLE, copy=False)


def is_to(tree: exp.Expr, *kinds: object) -> bool:
    """Whether a value is cast to one of these types, so that its type is known."""
    inner = tree.unnest()
    return isinstance(inner, exp.Cast) and inner.args["to"].this in kinds


def distinct_count(value: exp.Expr) -> exp.Expr:
    """COUNT(DISTINCT value)."""
    return exp.Count(this=exp.Distinct(expressions=[value]))


#: How rows become a number, where a dialect says nothing else. `count` and `sum_boolean` count what
#: is not NULL: the value given to them is made so before.
AGGREGATES: Final[Mapping[str, SpellOne]] = MappingProxyType(
    {
        "sum": lambda value: exp.Sum(this=value),
        "min": lambda value: exp.Min(this=value),
        "max": lambda value: exp.Max(this=value),
        # Of counts: their sum, still a whole number and not a wider type.
        "total_count": lambda value: exp.cast(exp.Sum(this=value), TYPE.BIGINT, copy=False),
        "average": lambda value: exp.Avg(this=value),
        "count": lambda value: exp.Count(this=value),
        "sum_boolean": lambda value: exp.Count(this=value),
        "count_distinct": distinct_count,
        "approx_count_distinct": lambda value: exp.ApproxDistinct(this=value),
        "stddev": lambda value: call("STDDEV_SAMP", value),
        "variance": lambda value: call("VAR_SAMP", value),
        # The smallest value: any would do, and this one is the same on every engine.
        "any_value": lambda value: exp.Min(this=value),
    }
)


def percentile(value: exp.Expr, fraction: float, discrete: bool) -> exp.Expr:
    """An exact percentile: a value of the data, or interpolated between two as a double."""
    return percentile_at(value, exp.Literal.number(repr(fraction)), discrete)


def percentile_at(value: exp.Expr, fraction: exp.Expr, discrete: bool) -> exp.Expr:
    """PERCENTILE_CONT or PERCENTILE_DISC within the group, at a fraction that is computed."""
    kind = exp.PercentileDisc if discrete else exp.PercentileCont
    inner = value if discrete else double(value)
    order = exp.Order(expressions=[exp.Ordered(this=inner, nulls_first=False)])
    return exp.WithinGroup(this=kind(this=fraction), expression=order)


def from_its_beginning(unit: str, value: exp.Expr, plus: Plus, trunc: Spell) -> exp.Expr:
    """A week from Sunday is that of the Monday after it, moved back; quarters, years likewise."""
    base, first = split(unit)
    count, of = (7 - first, "DAY") if base == "week" else (-first, "MONTH")
    if first:
        value = plus(trunc(base, plus(value, count, of)), -count, of)
    else:
        value = value if unit == "day" else trunc(base, value)
    return exp.cast(value, TYPE.DATE, copy=False) if is_date(unit) else value


def in_calendar_years(part: str, value: exp.Expr, plus: Plus) -> tuple[str, exp.Expr]:
    """The part of a fiscal year is that of a calendar year, of a time moved by months.

    `year_april_end` is the year in which a year from April ends, `year_april` that of its start.
    """
    start = part.removesuffix("_end")
    base, first = split(start)
    count = 12 - first if start != part else -first
    return base, plus(value, count, "MONTH") if first else value


def operand(value: exp.Expr) -> exp.Expr:
    """A value that may stand beside an operator."""
    weak = isinstance(value, (exp.Binary, exp.Unary, exp.AtTimeZone))
    return exp.Paren(this=value) if weak and not isinstance(value, exp.Paren) else value


def no_zones(dialect: str) -> SpellLocal:
    """Refuses to move times between zones, where no test has executed it."""

    def refuse(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
        message = f"moving a time between zones has not been executed on {dialect}"
        hint = "time dimensions with a `timezone` are computed on clickhouse, duckdb and postgres"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))

    return refuse


def refused(word: str, why: str, instead: str) -> SpellOne:
    """Refuses a word that would give another value, and says what to write instead."""

    def refuse(tree: exp.Expr) -> exp.Expr:
        message = f"`{word}` {why}: `{tree.sql()}`"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=instead))

    return refuse


def counted_substring(tree: exp.Expr, greatest: str = "GREATEST", least: str = "LEAST") -> exp.Expr:
    """A substring from its first letter on: a negative start counts from the end.

    What lies before the beginning counts, as in DuckDB, and no length is negative.
    """
    one, zero = exp.Literal.number(1), exp.Literal.number(0)
    start, length = tree.args.get("start"), tree.args.get("length")
    if start is None or (isinstance(start, exp.Literal) and int(start.name) > 0):
        return tree
    after = exp.Add(this=exp.Length(this=tree.this.copy()), expression=one)
    if isinstance(start, exp.Neg) and isinstance(start.this, exp.Literal):
        first: exp.Expr = exp.Sub(this=after, expression=start.this)
    elif isinstance(start, exp.Literal):
        first = start
    else:
        is_negative = exp.LT(this=exp.paren(start.copy()), expression=zero)
        counted = exp.Add(this=after, expression=exp.paren(start.copy()))
        first = exp.Case(ifs=[exp.If(this=is_negative, true=counted)], default=start)
    tree.set("start", call(greatest, first, one.copy()))
    if length is not None:
        before = exp.Sub(this=call(least, first.copy(), one.copy()), expression=one.copy())
        fewer = exp.Add(this=exp.paren(length), expression=exp.paren(before))
        tree.set("length", call(greatest, fewer, zero.copy()))
    return tree
