"""Aggregates and windows as terms: an argument is NULL where a row does not count."""

from __future__ import annotations

from typing import Final, Protocol

from sqlglot import exp

from kpilayer.proof.query import Query, Unreadable
from kpilayer.proof.term import (
    NULL,
    NUMBERS,
    TRUE,
    Term,
    case,
    conjunction,
    equal,
    is_literal,
    is_null,
    negation,
    number,
)

#: Dialects that do not round quotients to a few digits, and whose mean is the sum by the count.
EXACT: Final = frozenset({"duckdb", "postgres", "bigquery"})


#: Dialects whose MEDIAN is the continuous percentile.
_MEDIANS: Final = frozenset({"duckdb", "snowflake", "redshift", "databricks"})


class Scope(Protocol):
    """What an expression needs of the query around it."""

    @property
    def dialect(self) -> str:
        """The dialect that is read."""
        ...

    def column(self, node: exp.Column) -> Term:
        """The term of a column."""
        ...

    def read(self, node: exp.Expr) -> Term:
        """The term of an expression."""
        ...

    def is_stored(self, column: Term) -> bool:
        """Whether a column is one of a table, and of the type that it has there."""
        ...

    def subquery(self, node: exp.Expr) -> Query:
        """The normal form of a query inside the expression."""
        ...


def only(node: exp.Expr, *known: str) -> None:
    """Raises Unreadable where a node has an argument besides those known."""
    for key, value in node.args.items():
        if key not in known and value not in (None, False, [], ""):
            raise Unreadable(f"{node.key}.{key}")


_PLAIN: Final[dict[type[exp.Expr], str]] = {
    exp.Sum: "sum", exp.Avg: "avg", exp.Min: "min", exp.Max: "max", exp.Count: "count",
    exp.Median: "median", exp.Stddev: "stddev", exp.StddevSamp: "stddev",
    exp.StddevPop: "stddev_pop", exp.Variance: "variance", exp.VariancePop: "variance_pop",
    exp.LogicalAnd: "bool_and", exp.LogicalOr: "bool_or", exp.ApproxDistinct: "approx_distinct",
}  # fmt: skip


def plain_aggregate(node: exp.Expr, scope: Scope, condition: Term = TRUE) -> Term:
    """An aggregate function, over the rows that meet a condition."""
    kind = _PLAIN.get(type(node))
    if kind is None:
        raise Unreadable(f"aggregate {node.key}")
    only(node, "this", "big_int", *(("expressions",) if kind == "count" else ()))
    inner = node.this
    if node.args.get("expressions"):
        raise Unreadable("count of several")
    if inner is None or isinstance(inner, exp.Star):
        return aggregate(kind, number(1), condition, scope.dialect)
    if isinstance(inner, exp.Distinct):
        only(inner, "expressions")
        if len(inner.expressions) != 1 or kind not in ("count", "sum", "avg", "min", "max"):
            raise Unreadable("distinct of several")
        kind = kind if kind in ("min", "max") else f"{kind}_distinct"
        inner = inner.expressions[0]
    return aggregate(kind, scope.read(inner), condition, scope.dialect)


def aggregate(kind: str, value: Term, condition: Term, dialect: str) -> Term:
    """An aggregate over the rows for which a condition is true."""
    if kind in ("bool_or", "bool_and") and value.type == "bool":
        flag = case(value, number(1), negation(value), number(0), NULL)
        extreme = aggregate("max" if kind == "bool_or" else "min", flag, condition, dialect)
        return equal(extreme, number(1))
    if kind == "median" and dialect in _MEDIANS:
        kind = "percentilecont:0.5:False"
    type_ = "int" if kind.startswith("count") else "any"
    if kind in ("min", "max"):
        type_ = value.type
    elif kind.startswith(("sum", "avg", "median", "stddev", "var", "percentilecont")):
        type_ = "real" if value.type == "real" else "number"
    if kind == "avg" and dialect in EXACT and value.type in NUMBERS:
        kind, type_ = "mean", "real"
    if kind == "count" and is_literal(value):
        value = NULL if value == NULL else number(1)
    elif kind == "count":
        condition, value = conjunction(condition, negation(is_null(value))), number(1)
    return Term("agg", (case(condition, value, NULL),), kind, type_)


def percentile(node: exp.Expr, scope: Scope, condition: Term = TRUE) -> Term:
    """A percentile of a value, whose fraction and direction are part of what it is."""
    down = False
    if isinstance(node, exp.WithinGroup):
        only(node, "this", "expression")
        kind, order = node.this, node.expression
        if not isinstance(kind, exp.PercentileCont | exp.PercentileDisc) or kind.expression:
            raise Unreadable("within group")
        (key,) = order.expressions
        only(key, "this", "desc", "nulls_first")
        value, fraction, down = key.this, kind.this, bool(key.args.get("desc"))
    else:
        only(node, "this", "expression")
        kind, value, fraction = node, node.this, node.expression or node.args.get("quantile")
    if not isinstance(fraction, exp.Literal) or isinstance(value, exp.Distinct):
        raise Unreadable("percentile")
    name = f"{kind.key}:{fraction.this}:{down}"
    return aggregate(name, scope.read(value), condition, scope.dialect)


def filtered(node: exp.Expr, scope: Scope) -> Term:
    """FILTER: an aggregate over the rows that meet a condition."""
    only(node, "this", "expression")
    if isinstance(node.this, exp.WithinGroup | exp.PercentileCont | exp.PercentileDisc):
        return percentile(node.this, scope, scope.read(node.expression.this))
    if not isinstance(node.this, exp.AggFunc) or not isinstance(node.expression, exp.Where):
        raise Unreadable("filter")
    return plain_aggregate(node.this, scope, scope.read(node.expression.this))


def count_if(node: exp.Expr, scope: Scope) -> Term:
    """How many rows meet a condition."""
    only(node, "this", "zero_on_all_null")
    if isinstance(node.this, exp.Distinct):
        raise Unreadable("distinct conditions")
    return aggregate("count", number(1), scope.read(node.this), scope.dialect)


_RANKS: Final = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead)


def window(node: exp.Expr, scope: Scope) -> Term:
    """A function over the rows beside this one; its frame is part of its name."""
    only(node, "this", "partition_by", "order", "spec", "over")
    if isinstance(node.this, _RANKS):
        inner = node.this
        args = tuple(scope.read(v) for v in inner.args.values() if isinstance(v, exp.Expr))
        if any(v for k, v in inner.args.items() if k not in ("this", "offset", "default")):
            raise Unreadable("window")
        name = inner.key
    else:
        term = scope.read(node.this)
        if term.op != "agg":
            raise Unreadable("window")
        name, args = f"agg:{term.data}", term.args
    type_ = "int" if name in ("rownumber", "rank", "denserank", "agg:count") else "any"
    parts = sorted({scope.read(p) for p in node.args.get("partition_by") or []}, key=str)
    order = node.args.get("order")
    keys = [] if order is None else order.expressions
    ways = tuple((bool(k.args.get("desc")), bool(k.args.get("nulls_first"))) for k in keys)
    spec = node.args.get("spec")
    if spec is not None and spec.find(exp.Column, exp.Subquery):
        raise Unreadable("window frame")
    frame = "" if spec is None else spec.sql("duckdb").upper()
    terms = (*args, *parts, *(scope.read(k.this) for k in keys))
    return Term("window", terms, (name, len(args), len(parts), ways, frame), type_)
