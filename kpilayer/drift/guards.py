"""Guards against NULL and zero as the functions that they stand for, whatever a dialect writes.

sqlglot opens functions such as ZEROIFNULL and DIV0 of Snowflake into conditions; people write the
same conditions by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

_DIVIDES: Final = frozenset({"ieee_divide", "safe_divide", "div0", "div0null", "try_divide"})


def unguarded(tree: exp.Expr) -> exp.Expr:
    """The tree with COALESCE, NULLIF and safe divisions in the place of conditions that say so."""
    return tree.transform(_step)


def tests_nothing(condition: exp.Expr) -> bool:
    """Whether a condition holds where there is nothing: no value, or zero."""
    bare = condition.unnest()
    match bare:
        case exp.EQ() | exp.LTE():
            return is_zero(bare.expression)
        case exp.Is():
            return isinstance(bare.expression, exp.Null)
        case exp.Or():
            return tests_nothing(bare.this) and tests_nothing(bare.expression)
        case exp.And():
            return tests_nothing(bare.this) or tests_nothing(bare.expression)
    return False


def tests_something(condition: exp.Expr) -> bool:
    """Whether a condition holds where there is something: a value, or one above zero."""
    bare = condition.unnest()
    match bare:
        case exp.GT() | exp.NEQ():
            return is_zero(bare.expression)
        case exp.Not():
            return isinstance(bare.this.unnest(), exp.Is) and tests_nothing(bare.this)
        case exp.And():
            return tests_something(bare.this) and tests_something(bare.expression)
    return False


def tests_of(condition: exp.Expr) -> Iterator[exp.Expr]:
    """The single tests against NULL or zero in a condition."""
    bare = condition.unnest()
    if isinstance(bare, exp.And | exp.Or):
        yield from tests_of(bare.this)
        yield from tests_of(bare.expression)
    elif isinstance(bare, exp.Not):
        yield from tests_of(bare.this)
    else:
        yield bare


def is_zero(node: exp.Expr | None) -> bool:
    """Whether it is the number 0."""
    return isinstance(node, exp.Literal) and not node.is_string and float(node.name) == 0


def is_empty(node: exp.Expr | None) -> bool:
    """Whether it stands for no value: NULL, 0, or nothing at all."""
    return node is None or isinstance(node, exp.Null) or is_zero(node)


def _step(node: exp.Expr) -> exp.Expr:
    match node:
        case exp.Anonymous() if node.name.lower() in _DIVIDES and len(node.expressions) == 2:
            return exp.SafeDivide(this=node.expressions[0], expression=node.expressions[1])
        case exp.EqualNull() if isinstance(node.expression, exp.Literal):
            return exp.EQ(this=node.this, expression=node.expression)
        case exp.Nvl2():
            something = exp.Not(this=exp.Is(this=node.this, expression=exp.Null()))
            branch = exp.If(this=something, true=node.args["true"])
            return exp.Case(ifs=[branch], default=node.args.get("false"))
        case exp.If() if not isinstance(node.parent, exp.Case):
            return _of_if(node)
    return node


def _of_if(node: exp.If) -> exp.Expr:
    tested, then, other = node.this.unnest(), node.args["true"], node.args.get("false")
    if other is None or not tests_nothing(tested):
        return node
    if isinstance(other, exp.Div) and is_empty(then) and _is_about(tested, other):
        return exp.SafeDivide(this=other.this, expression=other.expression)
    if isinstance(tested, exp.Is) and tested.this == other:
        return exp.Coalesce(this=other, expressions=[then])
    if isinstance(tested, exp.EQ) and tested.this == other and isinstance(then, exp.Null):
        return exp.Nullif(this=other, expression=tested.expression)
    return node


def _is_about(condition: exp.Expr, divided: exp.Div) -> bool:
    """Whether a condition tests a divisor for zero, and nothing beside what is divided."""
    parts = [part.unnest() for part in (divided.expression, divided.this)]
    tested = [(type(test), test.this.unnest()) for test in tests_of(condition)]
    return (exp.EQ, parts[0]) in tested and all(value in parts for _, value in tested)
