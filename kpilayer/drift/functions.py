"""Aggregate functions of all dialects by what they compute: a function, a value, conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Split:
    """An aggregation: of which value (None: rows) of the rows that meet all conditions."""

    function: str
    value: exp.Expr | None = None
    where: tuple[exp.Expr, ...] = ()


_SIMPLE: Final[dict[type[exp.Expr], str]] = {
    exp.Sum: "sum", exp.Avg: "avg", exp.Min: "min", exp.Max: "max", exp.Median: "percentile 0.5",
    exp.ApproxDistinct: "approx_count_distinct", exp.Hll: "approx_count_distinct",
    exp.LogicalOr: "or", exp.LogicalAnd: "and",
}  # fmt: skip


def is_aggregate(node: exp.Expr) -> bool:
    """Whether an expression aggregates rows itself."""
    if isinstance(node, exp.Filter | exp.WithinGroup):
        return True
    if isinstance(node, exp.Bracket):
        return isinstance(node.this, exp.ApproxQuantiles)
    return isinstance(node, exp.AggFunc)


def split(node: exp.Expr) -> Split | None:
    """What an aggregate computes, or None for one that nothing is known of."""
    match node:
        case exp.Filter():
            inner = split(node.this)
            condition = node.expression.this
            return inner and Split(inner.function, inner.value, (*inner.where, condition))
        case exp.WithinGroup():
            return _ordered(node)
        case exp.Count():
            return _count(node)
        case exp.CountIf():
            return Split("count", None, (node.this,))
        case exp.Bracket():
            return _quantiles(node)
        case exp.ApproxQuantile():
            return Split(f"approx_percentile {_number(node.args['quantile'])}", node.this)
        case exp.PercentileCont() | exp.PercentileDisc() | exp.Quantile():
            at = node.args.get("expression") or node.args.get("quantile")
            at = at.this if isinstance(at, exp.Order) else at
            kind = _percentile(node)
            return None if at is None else Split(f"{kind} {_number(at)}", node.this)
    name = _SIMPLE.get(type(node))
    if name is not None:
        value = node.this
        if isinstance(value, exp.Distinct):
            return Split(f"{name}_distinct", value.expressions[0])
        return Split(name, value)
    return Split(node.key, node.this if isinstance(node.this, exp.Expr) else None)


def _count(node: exp.Count) -> Split | None:
    value = node.this
    if isinstance(value, exp.Distinct):
        if len(value.expressions) > 1:
            return Split("count_distinct", exp.Tuple(expressions=value.expressions))
        return Split("count_distinct", value.expressions[0])
    if value is None or isinstance(value, exp.Star | exp.Literal | exp.Boolean):
        return Split("count")
    return Split("count", value)


def _ordered(node: exp.WithinGroup) -> Split | None:
    order = node.expression
    if not isinstance(order, exp.Order) or len(order.expressions) != 1:
        return None
    ordered = order.expressions[0]
    at = _number(node.this.this) if isinstance(node.this.this, exp.Expr) else ""
    if isinstance(ordered, exp.Ordered) and ordered.args.get("desc"):
        at = f"{1 - float(at):g}" if at else at
    kind = _percentile(node.this)
    return Split(f"{kind} {at}", ordered.this if isinstance(ordered, exp.Ordered) else ordered)


def _percentile(node: exp.Expr) -> str:
    return "percentile_disc" if isinstance(node, exp.PercentileDisc) else "percentile"


def _quantiles(node: exp.Bracket) -> Split | None:
    parts = node.this.expression
    at = node.expressions[0]
    if not (isinstance(parts, exp.Literal) and isinstance(at, exp.Literal)):
        return None
    return Split(f"approx_percentile {int(at.name) / int(parts.name):g}", node.this.this)


def _number(node: exp.Expr) -> str:
    return f"{float(node.name):g}" if isinstance(node, exp.Literal) else node.sql()
