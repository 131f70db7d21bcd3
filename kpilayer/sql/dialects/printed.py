"""What dialects that are printed and parsed, but never executed, have in common.

Their words differ in the same places from DuckDB's; each dialect's file says how.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp, parse_one

from kpilayer.grain import split
from kpilayer.sql import types
from kpilayer.sql.dialects.capabilities import Periods, SpellOne, SpellPeriods
from kpilayer.sql.dialects.spellings import TYPE, call, is_to, operand, refused

_NUMBER: Final = exp.Literal.number
#: The unit that periods are counted in, and how many one has.
_STEPS: Final = {"week": ("day", 7), "quarter": ("month", 3), "year": ("month", 12)}


def as_date(value: exp.Expr) -> exp.Expr:
    """A value as a DATE."""
    return value if is_to(value, TYPE.DATE) else exp.cast(value, TYPE.DATE, copy=False)


def dateadd(value: exp.Expr, count: exp.Expr | int, unit: str) -> exp.Expr:
    """DATEADD(unit, count, value), as Redshift, Snowflake and SQL Server have it."""
    number = _signed(count) if isinstance(count, int) else count
    return call("DATEADD", exp.var(unit.upper()), number, value)


def _signed(count: int) -> exp.Expr:
    return _NUMBER(count) if count >= 0 else exp.Neg(this=_NUMBER(-count))


def datediff(unit: str, start: exp.Expr, end: exp.Expr) -> exp.Expr:
    """DATEDIFF(unit, start, end): how often a unit begins between them."""
    return call("DATEDIFF", exp.var(unit.upper()), start, end)


def counted(template: str, dialect: str) -> SpellPeriods:
    """Periods as the first one moved by 0, 1, 2, ..: the SQL of ``:count``, ``:period`` rows.

    ``template`` reads a number of each row, `n`, and `bounds`, a table of `first` and `last`.
    """

    def periods(spine: Periods) -> exp.Select:
        base, _ = split(spine.unit)
        unit, size = _STEPS.get(base, (base, 1))
        select = parse_one(template, read=dialect)
        assert isinstance(select, exp.Select)
        first, last = (exp.column(name, table="bounds") for name in ("first", "last"))
        count: exp.Expr = datediff(unit, first, last)
        number: exp.Expr = exp.Placeholder(this="n")
        if size > 1:
            count = exp.IntDiv(this=count, expression=_NUMBER(size))
            number = exp.Mul(this=number, expression=_NUMBER(size))
        given = {"count": count, "period": dateadd(first.copy(), number, unit)}
        for name in ("period", "count", "n"):
            for hole in list(select.find_all(exp.Placeholder)):
                if hole.name == name == "n":
                    hole.replace(exp.column("n", table="numbers"))
                elif hole.name == name:
                    hole.replace(given[name])
        value = select.expressions[0]
        kind = TYPE.DATE if unit in ("day", "month") else TYPE.TIMESTAMP
        value.set("this", exp.cast(value.this, kind, copy=False))
        value.set("alias", exp.to_identifier(spine.column))
        ends = [
            exp.alias_(exp.cast(end, kind, copy=False), name, copy=False)
            for end, name in ((spine.first, "first"), (spine.last, "last"))
        ]
        bounds = exp.Select(expressions=ends)
        if spine.bounds is not None:
            bounds.set("from_", exp.From(this=spine.bounds))
        named = exp.TableAlias(this=exp.to_identifier("bounds"))
        for table in list(select.find_all(exp.Table)):
            if table.name == "bounds":
                table.replace(exp.Subquery(this=bounds, alias=named))
        return select

    return periods


def concatenated(tree: exp.Expr) -> exp.Expr:
    """CONCAT leaves out what is NULL, and takes any type: texts with `||`."""
    texts = [as_text(part) for part in tree.expressions]
    none = exp.Literal.string("")
    filled = [t if t.is_string else exp.Coalesce(this=t, expressions=[none.copy()]) for t in texts]
    result = filled[0]
    for text in filled[1:]:
        result = exp.DPipe(this=result, expression=text, safe=True)
    return exp.Paren(this=result) if len(filled) > 1 else result


def as_text(value: exp.Expr) -> exp.Expr:
    """A value as a text."""
    if value.is_string or types.kind_of(value) == types.TEXT or is_to(value, TYPE.TEXT):
        return value
    return exp.cast(value, TYPE.TEXT, copy=False)


def days_between(tree: exp.Expr, days: Callable[[exp.Expr, exp.Expr], exp.Expr]) -> exp.Expr:
    """Days between two dates, where the tree tells that they are dates."""
    right = tree.expression
    if types.kind_of(right) == types.DATE or is_to(right, TYPE.DATE):
        return days(as_date(right), as_date(tree.this))
    return tree


def without_nulls(tree: exp.Expr) -> exp.Expr:
    """The greatest or least of what is not NULL, where the dialect's is NULL if one is."""
    values = [tree.this, *tree.expressions]

    def held(place: int) -> exp.Expr:
        others = values[place + 1 :] + values[:place]
        return exp.Coalesce(this=values[place].copy(), expressions=[o.copy() for o in others])

    return call(type(tree).__name__.upper(), *(held(n) for n in range(len(values))))


def no_weeks(dialect: str, days: SpellOne) -> SpellOne:
    """DATE_DIFF in a unit whose count is the same everywhere."""

    def difference(tree: exp.Expr) -> exp.Expr:
        if str(tree.args.get("unit") or "day").lower() == "week":
            hint = "use DATE_DIFF('day', a, b) / 7"
            return refused("DATE_DIFF", f"in weeks is counted otherwise on {dialect}", hint)(tree)
        return days(tree)

    return difference


def same_or_both_null(tree: exp.Expr) -> exp.Expr:
    """IS NOT DISTINCT FROM, where there is no such word."""
    left, right = operand(tree.this), operand(tree.expression)
    nulls = [exp.Is(this=side.copy(), expression=exp.null()) for side in (left, right)]
    both = exp.Paren(this=exp.And(this=nulls[0], expression=nulls[1]))
    return exp.Paren(this=exp.Or(this=exp.EQ(this=left, expression=right), expression=both))


def refusing(dialect: str) -> dict[type[exp.Expr], SpellOne]:
    """Words that no dialect of these has with the same meaning."""
    why = f"has not the same meaning on {dialect}"
    return {
        exp.SimilarTo: refused("SIMILAR TO", why, "use LIKE"),
        exp.TryCast: refused("TRY_CAST", why, "use CAST"),
    }
