"""Tables that nothing is known of: their columns, and types that fit how queries use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp

from kpilayer.grain import parse_moment
from kpilayer.proof.facts import Column, Facts, Table
from kpilayer.proof.reads import Place, Reads

_ARITHMETIC: Final = (
    *(exp.Sum, exp.Avg, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Round, exp.Abs),
    *(exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Floor),
    *(exp.Ceil, exp.Sqrt, exp.Ln, exp.Exp, exp.Median, exp.PercentileCont),
)
_TEXTUAL: Final = (
    *(exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Like, exp.ILike, exp.DPipe, exp.Concat),
    *(exp.Left, exp.Right, exp.Length, exp.StartsWith, exp.RegexpLike, exp.Replace, exp.Initcap),
    *(exp.SplitPart, exp.ConcatWs, exp.RegexpExtract, exp.RegexpReplace, exp.StrToDate),
)
_TEMPORAL: Final = (
    *(exp.DateTrunc, exp.TimestampTrunc, exp.Extract, exp.DateAdd, exp.DateSub, exp.DateDiff),
    *(exp.Year, exp.Month, exp.Day, exp.Week, exp.Quarter, exp.DayOfWeek, exp.TimestampDiff),
    *(exp.LastDay, exp.DatetimeTrunc, exp.TimeToStr, exp.AtTimeZone, exp.DayOfMonth, exp.Hour),
    *(exp.TsOrDsToDate, exp.TsOrDsToTimestamp, exp.TsOrDsAdd, exp.TsOrDsDiff),
)
_LOGICAL: Final = (exp.And, exp.Or, exp.Not, exp.Where, exp.Having, exp.Filter)
_SIMPLE: Final = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In)

_NUMBER: Final = "DECIMAL(12, 2)"
_WHOLE: Final = "BIGINT"
_TEXT: Final = "VARCHAR"
_MOMENT: Final = "TIMESTAMP"
_LOGIC: Final = "BOOLEAN"
_NESTED: Final = "ARRAY"


def completed(
    facts: Facts, tables: Sequence[str], reads: Reads, has_star: bool
) -> tuple[Facts, tuple[str, ...], str]:
    """Facts with the tables that were not in them; what was inferred; or why it cannot be.

    ``has_star`` says that the queries read columns which they do not name.
    """
    unknown = [key for key in tables if key not in facts.tables]
    if not unknown:
        return facts, (), ""
    shown = ", ".join(f"`{key}`" for key in unknown)
    if has_star:
        return facts, (), f"the columns of {shown} are not known"
    if reads.lost:
        return facts, (), f"nothing says of which table `{reads.lost[0]}` is: {shown} not known"
    evidence = _evidence(reads)
    added: dict[str, Table] = {}
    for key in unknown:
        columns = []
        for place in dict.fromkeys(p for use in reads.uses for p in use.places if p[0] == key):
            kinds = evidence.get(place, set())
            if _NESTED in kinds:
                return facts, (), f"`{key}.{place[1]}` has values inside of values"
            if len(kinds) > 1:
                return (
                    facts,
                    (),
                    f"queries use `{key}.{place[1]}` as {' and as '.join(sorted(kinds))}",
                )
            kind = next(iter(kinds), _WHOLE if _is_joined(place, reads) else _TEXT)
            columns.append(Column(place[1], exp.DataType.build(kind)))
        columns = columns or [Column("any_column", exp.DataType.build(_WHOLE))]
        known = {column.name.lower() for column in columns}
        keys = tuple(k for k in facts.keys.get(key, ()) if known.issuperset(map(str.lower, k)))
        added[key] = Table(key, tuple(columns), keys)
    notes = tuple(
        f"inferred: {table.name}({', '.join(f'{c.name} {c.type.sql()}' for c in table.columns)})"
        for table in added.values()
    )
    return Facts({**facts.tables, **added}, facts.keys), notes, ""


def _is_joined(place: Place, reads: Reads) -> bool:
    return any(place in group for group in reads.compared)


def _evidence(reads: Reads) -> dict[Place, set[str]]:
    """Types that uses speak for, shared by columns that are compared with each other."""
    found: dict[Place, set[str]] = {}
    for use in reads.uses:
        if use.is_plain:
            for place in use.places:
                found.setdefault(place, set()).update(_said_by(use.column))
    for group in reads.compared:
        shared = {kind for place in group for kind in found.get(place, ())}
        if len(shared) == 1:
            for place in group:
                if not found.get(place):
                    found[place] = set(shared)
    return {place: _strongest(kinds) for place, kinds in found.items()}


def _strongest(kinds: set[str]) -> set[str]:
    """Whole numbers may be decimals, and days may be written as texts."""
    if kinds == {_NUMBER, _WHOLE}:
        return {_NUMBER}
    return kinds


def _said_by(column: exp.Expr) -> Iterator[str]:
    """What the expression around a column, or around what has its value, says of its type."""
    parent = column.parent
    if parent is not None and _passes_on(parent, column):
        yield from _said_by(parent)
    match parent:
        case exp.Bracket() | exp.Dot() | exp.Unnest() | exp.Explode():
            yield _NESTED
        case exp.Add() | exp.Sub():
            other = parent.expression if parent.this is column else parent.this
            if isinstance(other, exp.Interval):
                yield _MOMENT
            elif isinstance(other, exp.Literal) or isinstance(parent.parent, _ARITHMETIC):
                yield _NUMBER
        case exp.Cast():
            yield from _cast_from(parent.to)
        case exp.If() | exp.Case() if parent.this is column:
            yield _LOGIC if isinstance(parent, exp.If) else _TEXT
        case exp.Coalesce():
            yield from _of_constants(parent.expressions)
        case _ if isinstance(parent, _SIMPLE):
            others = [
                parent.this,
                parent.args.get("expression"),
                *parent.args.get("expressions", ()),
            ]
            others += [parent.args.get("low"), parent.args.get("high")]
            yield from _of_constants([o for o in others if isinstance(o, exp.Expr)])
        case _ if isinstance(parent, _LOGICAL):
            yield _LOGIC
        case _ if isinstance(parent, _ARITHMETIC):
            yield _NUMBER
        case _ if isinstance(parent, _TEXTUAL):
            yield _TEXT
        case _ if isinstance(parent, _TEMPORAL):
            yield _MOMENT


def _passes_on(parent: exp.Expr, inner: exp.Expr) -> bool:
    """Whether an expression has the value of one inside of it: a branch, what stands first."""
    match parent:
        case exp.Paren():
            return True
        case exp.If():
            return inner is not parent.this
        case exp.Case():
            return inner is not parent.this
        case exp.Coalesce() | exp.Nullif():
            return inner is parent.this
    return False


def _cast_from(to: exp.DataType) -> Iterator[str]:
    if to.this in exp.DataType.TEMPORAL_TYPES:
        yield _MOMENT
    elif to.this in exp.DataType.NUMERIC_TYPES:
        yield _NUMBER


def _of_constants(others: Sequence[exp.Expr]) -> Iterator[str]:
    for other in others:
        bare = other.unnest()
        bare = bare.this if isinstance(bare, exp.Neg) else bare
        if isinstance(bare, exp.Literal):
            if not bare.is_string:
                yield _WHOLE if bare.is_int else _NUMBER
            else:
                yield _MOMENT if parse_moment(bare.name) else _TEXT
        elif isinstance(bare, exp.Boolean):
            yield _LOGIC
        elif isinstance(bare, exp.Cast):
            yield from _cast_from(bare.to)
        elif bare.find(exp.Interval) or isinstance(bare, _TEMPORAL) or _has_time(bare):
            yield _MOMENT


def _has_time(tree: exp.Expr) -> bool:
    return any(cast.to.this in exp.DataType.TEMPORAL_TYPES for cast in tree.find_all(exp.Cast))
