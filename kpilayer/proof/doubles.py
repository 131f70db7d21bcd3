"""Floating-point numbers where a digit decides: compared, grouped or counted after arithmetic.

Laws treat numbers as exact. That a sum is rounded in another order is no difference of definitions;
that `f - g > 0.1` and `f > g + 0.1` keep other rows is one. So comparisons of *computed*
floating-point numbers have to be written alike on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from kpilayer.canonical import canonical
from kpilayer.proof.facts import Facts

_FLOATS: Final = (*exp.DataType.FLOAT_TYPES, exp.DataType.Type.DOUBLE)
#: What a proof about floating-point numbers rests on, besides facts.
ASSUMED: Final = "floating-point numbers are exact, and neither infinite nor NaN"
_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Pow, exp.Round)
_DECIDES: Final = (
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.Distinct, exp.Group, exp.Nullif, exp.Floor, exp.Ceil,
)  # fmt: skip


def decided_alike(before: exp.Query, after: exp.Query, facts: Facts, dialect: str) -> bool:
    """Whether both queries compare computed floating-point numbers in the same words, or none."""
    return _decisions(before, facts, dialect) == _decisions(after, facts, dialect)


def are_read(query: exp.Query, facts: Facts) -> bool:
    """Whether a query holds floating-point numbers: columns or casts."""
    names = {column.name.lower() for column in query.find_all(exp.Column)}
    return not names.isdisjoint(_floats(facts)) or any(
        cast.to.this in _FLOATS for cast in query.find_all(exp.Cast)
    )


def _floats(facts: Facts) -> set[str]:
    return {
        column.name.lower()
        for table in facts.tables.values()
        for column in table.columns
        if column.type.this in _FLOATS
    }


def _decisions(query: exp.Query, facts: Facts, dialect: str) -> set[str]:
    floats = _floats(facts)
    computed: set[str] = set()
    while True:  # names of computed ones, and of what is computed from these
        more = {
            alias.alias.lower()
            for alias in query.find_all(exp.Alias)
            if _is_computed(alias.this, floats, computed)
        }
        if more <= computed:
            break
        computed |= more
    return {
        canonical(part, dialect)
        for node in query.find_all(*_DECIDES)
        for part in _asked(node)
        if _is_computed(part, floats, computed)
    }


def _asked(node: exp.Expr) -> Iterator[exp.Expr]:
    """The whole comparison; of a GROUP BY or DISTINCT, each key."""
    match node:
        case exp.Group() | exp.Distinct():
            yield from node.expressions
        case exp.Nullif():
            yield node.this
        case _:
            yield node


def _is_computed(node: exp.Expr, floats: set[str], computed: set[str]) -> bool:
    """Whether floating-point numbers are computed in an expression."""
    if any(column.name.lower() in computed for column in node.find_all(exp.Column)):
        return True
    if node.find(exp.Div) is not None:
        return True
    if node.find(*_ARITHMETIC) is None:
        return False
    return (
        any(column.name.lower() in floats for column in node.find_all(exp.Column))
        or any(cast.to.this in _FLOATS for cast in node.find_all(exp.Cast))
        or any("e" in str(n.this).lower() for n in node.find_all(exp.Literal) if not n.is_string)
    )
