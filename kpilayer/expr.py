"""Expressions: how trees of SQL are taken apart, and what the compiler makes of them.

Semantic functions are what the compiler says in every dialect in its own words: anonymous functions
``KPI_TRUNC('month', x)``, ``KPI_PART('dow', x)`` and ``KPI_LOCAL('UTC', 'Europe/Berlin', x)``,
spelled by ``sql/dialects/``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from kpilayer.grain import split

TRUNC: Final = "KPI_TRUNC"
PART: Final = "KPI_PART"
MOVE: Final = "KPI_MOVE"
LOCAL: Final = "KPI_LOCAL"

#: Units whose length is always the same.
FIXED_UNITS: Final = frozenset(
    {"microsecond", "millisecond", "second", "minute", "hour", "day", "week"}
)
#: Units that every dialect can add, and how many of them a length has.
_MOVES: Final = {"week": ("day", 7), "quarter": ("month", 3), "year": ("month", 12)}


def trunc(unit: str, tree: exp.Expr) -> exp.Expr:
    """The semantic function that gives the first instant of a period (units: ``grain.py``)."""
    return exp.Anonymous(this=TRUNC, expressions=[exp.Literal.string(unit), tree])


def part(name: str, tree: exp.Expr) -> exp.Expr:
    """The semantic function that gives a date part as an integer."""
    return exp.Anonymous(this=PART, expressions=[exp.Literal.string(name), tree])


def move(tree: exp.Expr, count: int, unit: str) -> exp.Expr:
    """The semantic function that gives a time so many units later, or earlier where negative.

    A day that the month does not have becomes its last one.
    """
    base, _ = split(unit)
    unit, times = _MOVES.get(base, (base, 1))
    number: exp.Expr = exp.Literal.number(abs(count) * times)
    number = exp.Neg(this=number) if count < 0 else number
    return exp.Anonymous(this=MOVE, expressions=[exp.Literal.string(unit), number, tree])


def local(stored: str | None, shown: str | None, tree: exp.Expr) -> exp.Expr:
    """The semantic function that moves a time from one zone to another; None is an instant."""
    zones = [exp.Literal.string(zone or "") for zone in (stored, shown)]
    return exp.Anonymous(this=LOCAL, expressions=[*zones, tree])


def true_division(tree: exp.Expr) -> exp.Expr:
    """Divisions as doubles, NULL by zero.

    >>> import sqlglot
    >>> true_division(sqlglot.parse_one("a / b", read="duckdb")).sql("postgres")
    'CAST(a AS DOUBLE PRECISION) / NULLIF(b, 0)'
    """
    for division in reversed(list(tree.find_all(exp.Div))):  # innermost first
        divided = ratio(division.this, division.expression)
        if division is tree:
            return divided
        division.replace(divided)
    return tree


def ratio(numerator: exp.Expr, denominator: exp.Expr) -> exp.Expr:
    """``numerator / denominator`` as a double; NULL where the denominator is 0 or NULL."""
    literal = denominator.unnest()
    if not (isinstance(literal, exp.Literal) and not literal.is_string and float(literal.name)):
        denominator = exp.Nullif(this=_bare(denominator), expression=exp.Literal.number(0))
    double = exp.Cast(this=_bare(numerator), to=exp.DataType(this=exp.DataType.Type.DOUBLE))
    return exp.Div(this=double, expression=denominator, typed=False, safe=False)


def _bare(tree: exp.Expr) -> exp.Expr:
    return tree.unnest() if isinstance(tree, exp.Paren) else tree


def operand(tree: exp.Expr) -> exp.Expr:
    """A tree as one side of a comparison: in parentheses where it would bind less strongly."""
    weak = isinstance(tree, exp.Predicate | exp.Connector | exp.Not)
    return exp.Paren(this=tree) if weak else tree


def replace_names(tree: exp.Expr, replacement: Callable[[str], exp.Expr]) -> exp.Expr:
    """A copy of the tree with every column replaced; parenthesised where binding needs it."""

    def swap(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        new = replacement(node.name)
        simple = isinstance(new, (exp.Column, exp.Func, exp.Literal, exp.Paren))
        simple = simple and not isinstance(new, (exp.Connector, exp.Binary))
        return new if simple or node.parent is None else exp.Paren(this=new)

    return tree.copy().transform(swap, copy=False)


def nodes(tree: exp.Expr) -> list[exp.Expr]:
    """A tree's nodes, each before what is inside it; `walk` of sqlglot takes three times as long.

    >>> import sqlglot
    >>> [node.key for node in nodes(sqlglot.parse_one("a + 1"))]
    ['add', 'column', 'literal', 'identifier']
    """
    found = [tree]
    for node in found:  # grows on the way
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                found.append(value)
            elif type(value) is list:
                found += [inner for inner in value if isinstance(inner, exp.Expr)]
    return found


def columns(tree: exp.Expr) -> list[exp.Column]:
    """The columns of a tree."""
    return [node for node in nodes(tree) if isinstance(node, exp.Column)]


def conjuncts(tree: exp.Expr) -> tuple[exp.Expr, ...]:
    """The conditions that a condition is the AND of."""
    tree = _bare(tree)
    found: list[exp.Expr] = []
    pending = [tree]
    while pending:
        part = _bare(pending.pop())
        if isinstance(part, exp.And):
            pending += [part.expression, part.this]
        else:
            found.append(part)
    return tuple(found)


def is_none(node: exp.Expr) -> bool:
    """Whether a condition is `none(..)`: that no row of the many side meets another (P6)."""
    is_call = isinstance(node, exp.Anonymous) and len(node.expressions) == 1
    return is_call and str(node.name).lower() == "none"


def function_name(node: exp.Expr) -> str:
    """A function's name in lower case, as a person would write it."""
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else node.key


def span(node: exp.Expr) -> tuple[int, int]:
    """Offset and length of a node in its text, from the first positioned token inside it."""
    for inner in node.walk(bfs=False):
        start, end = inner.meta_get("start"), inner.meta_get("end")
        if start is not None and end is not None:
            return int(start), int(end) - int(start) + 1
    return 0, 1


#: NULL where their first argument is.
_STRICT_FIRST: Final = (
    *(exp.Paren, exp.Neg, exp.Not, exp.Cast, exp.In, exp.Between, exp.Nullif, exp.Abs, exp.Round),
    *(exp.Floor, exp.Ceil, exp.Upper, exp.Lower, exp.Length, exp.Trim, exp.Substring),
    *(exp.TimestampTrunc, exp.DateTrunc),
)
#: NULL where one of their two sides is.
_STRICT: Final = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe, exp.Like, exp.ILike),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE),
)


def is_null_of_nulls(tree: exp.Expr) -> bool:
    """Whether an expression is surely NULL where all of its columns are.

    >>> import sqlglot
    >>> known = ("a + 1", "COALESCE(a, b)", "COALESCE(a, 0)", "1")
    >>> [is_null_of_nulls(sqlglot.parse_one(t)) for t in known]
    [True, True, False, False]
    """
    if isinstance(tree, exp.Column):
        return True
    if isinstance(tree, _STRICT_FIRST):
        return is_null_of_nulls(tree.this)
    if isinstance(tree, exp.Extract):
        return is_null_of_nulls(tree.expression)
    if isinstance(tree, exp.Coalesce):
        return all(is_null_of_nulls(part) for part in (tree.this, *tree.expressions))
    for kind, decides in ((_STRICT, True), ((exp.And, exp.Or), False)):
        if isinstance(tree, kind):
            while isinstance(tree, kind):  # a long chain leans to the left
                if is_null_of_nulls(tree.expression) is decides:
                    return decides
                tree = tree.this
            return is_null_of_nulls(tree)
    return False
