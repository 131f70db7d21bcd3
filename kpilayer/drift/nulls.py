"""Where an expression is NULL: the columns that make it so, and conditions that ask for it."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.drift.spelling import inner_of, is_literal, key, negated, plain

#: Functions that are NULL where an argument is, and only there.
_NULL_WITH: Final = (
    exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Cast, exp.Round, exp.Lower, exp.Upper, exp.Abs,
    exp.Extract, exp.DateDiff, exp.TimestampDiff, exp.DatetimeDiff, exp.TsOrDsDiff,
    exp.UnixSeconds, exp.TimeToUnix, exp.Date, exp.TsOrDsToDate, exp.TimestampTrunc, exp.DateTrunc,
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE,
)  # fmt: skip


def strict_parts(node: exp.Expr) -> list[exp.Expr]:
    """The parts that are NULL where an expression is: its columns, where it is made of them."""
    node = node.unnest()
    divides = isinstance(node, exp.Div) and is_literal(node.expression)
    if isinstance(node, exp.Literal | exp.Boolean | exp.Var | exp.DataType):
        return []
    if isinstance(node, exp.Case) and (truth := _truth_of(node)) is not None:
        return strict_parts(truth)
    if isinstance(node, _NULL_WITH) or divides:
        found = [p for child in node.iter_expressions() for p in strict_parts(child)]
        return list({key(p): p for p in found}.values())
    return [node]


def _truth_of(node: exp.Case) -> exp.Expr | None:
    """The condition of a CASE that gives a number where it holds, and one where it does not."""
    ifs = node.args["ifs"]
    is_both = len(ifs) == 2 and node.args.get("default") is None and node.this is None
    if not is_both or not all(is_literal(i.args["true"].unnest()) for i in ifs):
        return None
    condition: exp.Expr = ifs[0].this
    return condition if key(plain(negated(condition.copy()))) == key(plain(ifs[1].this)) else None


def not_null(node: exp.Expr) -> exp.Expr | None:
    """What a condition says to be not NULL, if that is all it says."""
    inner = node.this.unnest() if isinstance(node, exp.Not) else None
    if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
        return inner_of(inner)
    return None
