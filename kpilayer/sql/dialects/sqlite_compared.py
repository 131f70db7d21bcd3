"""Comparisons of times on SQLite, where both sides are texts: a date, and a date with its time."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.sql import types
from kpilayer.sql.dialects.spellings import operand
from kpilayer.sql.dialects.sqlite_times import TIME, timestamp, written, written_as
from kpilayer.sql.types import compares_times, kind_of, noted

_text = exp.Literal.string
#: The last second at midnight: what is not later than a day's beginning is not after this.
_MIDNIGHT: Final = " 00:00:00"
_NO_FRACTION: Final = ".000000"
_TIMES: Final = (types.DATE, types.TIMESTAMP)


def compared(tree: exp.Expr) -> exp.Expr:
    """A comparison of texts that are times: as dates, as timestamps, or true for either.

    What is not known to be a date or a time is made one where the other side is, and a day that is
    written out is compared such that it is also the midnight of a timestamp.
    """
    sides = [tree.this, tree.expression]
    for place, (value, other) in enumerate((sides, sides[::-1])):
        if written_as(value) is not None and kind_of(other) in _TIMES and not value.meta.get(TIME):
            sides[place] = written(str(value.name), is_date=kind_of(other) == types.DATE)
    for place, literal in enumerate(sides):
        other = sides[1 - place]
        if literal.meta.get(TIME) and not other.meta.get(TIME):
            return _with_literal(tree, other, literal, is_right=place == 1)
    left, right = sides
    kinds = {kind_of(side) for side in sides}
    are_alike = len(kinds) == 1 and (kinds <= {*_TIMES} or not compares_times(tree))
    nobody_knows = not kinds & {*_TIMES} and not compares_times(tree)
    if are_alike or nobody_knows or any(isinstance(side, exp.Null) for side in sides):
        tree.set("this", left)
        tree.set("expression", right)
        return tree
    tree.set("this", as_timestamp(left))
    tree.set("expression", as_timestamp(right))
    return tree


def as_timestamp(value: exp.Expr) -> exp.Expr:
    """A date as its midnight; what is not known to be a time as one."""
    kind = kind_of(value)
    if kind == types.TIMESTAMP or isinstance(value, exp.Null):
        return value
    if kind == types.DATE:
        midnight = exp.DPipe(this=operand(value), expression=_text(_MIDNIGHT))
        return noted(exp.paren(midnight, copy=False), types.TIMESTAMP)
    return noted(timestamp(value.unnest()), types.TIMESTAMP)


def _with_literal(
    tree: exp.Expr, value: exp.Expr, literal: exp.Expr, *, is_right: bool
) -> exp.Expr:
    day, kind = _midnight(literal), kind_of(value)
    if day is not None and kind in _TIMES:
        literal.set("this", day if kind == types.DATE else day + _MIDNIGHT)
    elif day is not None and isinstance(tree, (exp.EQ, exp.NEQ)):
        found = exp.In(this=operand(value), expressions=_instants(day))
        return found if isinstance(tree, exp.EQ) else exp.Not(this=found)
    elif day is not None:
        later = (exp.GT, exp.LTE) if is_right else (exp.LT, exp.GTE)
        literal.set("this", day + _MIDNIGHT + _NO_FRACTION if isinstance(tree, later) else day)
    tree.set("this", value if is_right else literal)
    tree.set("expression", literal if is_right else value)
    return tree


def among(tree: exp.Expr) -> exp.Expr:
    """IN with days that are written out, each as what it is compared with."""
    kind = kind_of(tree.this)
    found: list[exp.Expr] = []
    for literal in tree.expressions:
        if kind in _TIMES and written_as(literal) is not None and not literal.meta.get(TIME):
            literal = written(str(literal.name), is_date=kind == types.DATE)
        day = _midnight(literal)
        instants = [literal] if day is None else _instants(day)
        found += (
            instants
            if kind not in _TIMES
            else [instants[kind == types.TIMESTAMP]]
            if day
            else [literal]
        )
    tree.set("expressions", found)
    return tree


def between(tree: exp.Expr) -> exp.Expr:
    """BETWEEN as two comparisons."""
    value = tree.this
    low = compared(noted(exp.GTE(this=value, expression=tree.args["low"]), types.BOOLEAN))
    high = compared(noted(exp.LTE(this=value.copy(), expression=tree.args["high"]), types.BOOLEAN))
    if low.this == value and high.this == value:
        tree.set("low", low.expression)
        tree.set("high", high.expression)
        return tree
    return exp.paren(exp.And(this=low, expression=high), copy=False)


def alike(tree: exp.Expr) -> exp.Expr:
    """Dates beside timestamps, of which one is chosen, are timestamps."""
    if kind_of(tree) != types.TIMESTAMP:
        return tree
    for node in [*tree.args.get("ifs", []), tree]:
        for name in ("this", "true", "default"):
            value = node.args.get(name)
            if isinstance(value, exp.Expr) and kind_of(value) == types.DATE:
                node.set(name, as_timestamp(value))
    values = [as_timestamp(v) if kind_of(v) == types.DATE else v for v in tree.expressions]
    if values:
        tree.set("expressions", values)
    return tree


def _instants(day: str) -> list[exp.Expr]:
    return [_text(day), _text(day + _MIDNIGHT)]


def _midnight(tree: exp.Expr) -> str | None:
    """The day of a literal that is known to be a time, where it is its first instant."""
    if not isinstance(tree, exp.Literal) or not tree.meta.get(TIME):
        return None
    text = str(tree.name)
    return text[:10] if len(text) <= 10 or text[10:] == _MIDNIGHT else None
