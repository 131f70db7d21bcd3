"""Arithmetic over totals: a tree of it as one quotient, guards against nothing seen through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Final

from sqlglot import exp

from kpilayer.drift.guards import is_empty, is_zero, tests_nothing, tests_of, tests_something
from kpilayer.drift.measure import ONE, Measure, Total
from kpilayer.drift.rows import aggregate_number
from kpilayer.drift.spelling import (
    NOT_MEANT,
    added,
    keeps_number,
    key,
    multiplied,
    scaled,
    text_of,
    unnumbered,
)

_PERCENT: Final = 100


def quotient(node: exp.Expr, symbol: Callable[[exp.Expr], Measure | None]) -> Measure:
    """Arithmetic over measures as one measure; what is no arithmetic is a name of its own."""
    found = symbol(node)
    if found is not None:
        return found

    def of(inner: exp.Expr) -> Measure:
        return quotient(inner, symbol)

    match node:
        case exp.Column():
            return Measure({(unnumbered(key(node)),): Fraction(1)})
        case exp.Paren():
            return of(node.this)
        case exp.Round() | exp.Cast() if _keeps_value(node, of(node.this)):
            return of(node.this)
        case exp.Literal() if not node.is_string:
            return Measure({(): Fraction(node.name)} if Fraction(node.name) else {})
        case exp.Nullif() | exp.Coalesce() if is_zero(second(node)):
            return of(node.this)
        case exp.Neg():
            inner = of(node.this)
            return replace(inner, above=scaled(inner.above, Fraction(-1)))
        case exp.Add() | exp.Sub():
            sign = Fraction(-1 if isinstance(node, exp.Sub) else 1)
            return plus(of(node.this), of(node.expression), sign)
        case exp.Mul():
            return times(of(node.this), of(node.expression))
        case exp.Div() if not (node.args.get("typed") and _is_whole(node, symbol)):
            return over(of(node.this), of(node.expression))
        case exp.SafeDivide():
            return over(of(node.this), of(node.expression))
        case exp.Case() | exp.If():
            branch = _guarded(node, of)
            if branch is not None:
                return of(branch)
    return _opaque(node, of)


def second(node: exp.Expr) -> exp.Expr | None:
    """The second argument."""
    if isinstance(node, exp.Nullif):
        return node.args.get("expression")
    return node.expressions[0] if node.expressions else None


def plus(a: Measure, b: Measure, sign: Fraction) -> Measure:
    """The sum of two, or their difference."""
    totals = {**a.totals, **b.totals}
    if a.below == b.below:
        return Measure(added(a.above, scaled(b.above, sign)), a.below, totals)
    above = added(multiplied(a.above, b.below), scaled(multiplied(b.above, a.below), sign))
    return Measure(above, multiplied(a.below, b.below), totals)


def times(a: Measure, b: Measure) -> Measure:
    """The product of two."""
    totals = {**a.totals, **b.totals}
    return Measure(multiplied(a.above, b.above), multiplied(a.below, b.below), totals)


def over(a: Measure, b: Measure) -> Measure:
    """One over the other."""
    return times(a, Measure(b.below, b.above, b.totals))


def _is_whole(node: exp.Expr, symbol: Callable[[exp.Expr], Measure | None]) -> bool:
    """Whether a division is one of whole numbers, where the dialect cuts those."""
    for part in (node.this, node.expression):
        for leaf in part.walk(prune=lambda n: symbol(n) is not None):
            if isinstance(leaf, exp.Cast) and not leaf.find(exp.Div):
                if leaf.to.this not in exp.DataType.INTEGER_TYPES:
                    return False
            elif isinstance(leaf, exp.Literal) and ("." in leaf.name or "e" in leaf.name.lower()):
                if aggregate_number(leaf.parent) is None if leaf.parent is not None else True:
                    return False
            elif (found := symbol(leaf)) is not None:
                if not all(t.function.startswith("count") for t in found.totals.values()):
                    return False
                if found.below != ONE:
                    return False
    return True


def _keeps_value(node: exp.Round | exp.Cast, value: Measure) -> bool:
    """Whether a number is the same but for decimals that nobody looks at.

    A share of counts has nothing but decimals, as long as it is no percentage.
    """
    counts = all(t.function.startswith("count") for t in value.totals.values())
    if isinstance(node, exp.Cast):
        is_whole = counts and value.below == ONE
        is_integer = node.to.this in exp.DataType.INTEGER_TYPES
        return keeps_number(node) or (is_integer and is_whole)
    decimals = node.args.get("decimals")
    is_cut = decimals is None or not (isinstance(decimals, exp.Literal) and decimals.name != "0")
    is_share = counts and value.below != ONE
    return not (is_cut and is_share and all(abs(n) < _PERCENT for n in value.above.values()))


def _guarded(node: exp.Expr, of: Callable[[exp.Expr], Measure]) -> exp.Expr | None:
    """What a CASE gives beside the guard against no rows, or a division by zero."""
    ifs = node.args["ifs"] if isinstance(node, exp.Case) else [node]
    if len(ifs) != 1 or (node.args.get("this") is not None and isinstance(node, exp.Case)):
        return None
    condition, then = ifs[0].this, ifs[0].args["true"]
    other = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
    branch = then if tests_something(condition) else other if tests_nothing(condition) else None
    if branch is None or not is_empty(other if branch is then else then):
        return None
    return branch if all(_guards(test, branch, of) for test in tests_of(condition)) else None


def _guards(test: exp.Expr, branch: exp.Expr, of: Callable[[exp.Expr], Measure]) -> bool:
    """Whether a test against zero or NULL changes no value of a branch but a division by zero.

    A value that may be below zero is cut off by `> 0`, unless it is what the branch divides by.
    """
    tested, given = of(test.this), of(branch)
    if isinstance(test, exp.Is):
        return tested.totals.keys() <= given.totals.keys()
    if any(_is_part(tested, of(d.expression)) for d in branch.find_all(exp.Div, exp.SafeDivide)):
        return True
    if tested.totals and all(_counts_rows_of(t, given) for t in tested.totals.values()):
        return True
    factors = [set(f) for f in tested.above] if tested.below == ONE else []
    is_zero_with = len(factors) == 1 and all(factors[0] <= set(f) for f in given.above)
    return isinstance(test, exp.EQ | exp.NEQ) and is_zero_with


def _counts_rows_of(total: Total, given: Measure) -> bool:
    """Whether a total counts rows, all of some other one among them: that is of none without."""
    others = (t for t in given.totals.values() if t.base == total.base)
    is_all = any(total.where.keys() <= other.where.keys() for other in others)
    return total.function.startswith("count") and is_all


def _is_part(one: Measure, other: Measure) -> bool:
    """Whether one is so many times the other, whatever the totals are."""
    mine, theirs = multiplied(one.above, other.below), multiplied(other.above, one.below)
    factors = {mine[k] / theirs[k] for k in mine if k in theirs}
    return mine.keys() == theirs.keys() and len(factors) == 1 and min(factors) > 0


def _opaque(node: exp.Expr, of: Callable[[exp.Expr], Measure]) -> Measure:
    totals: dict[str, Total] = {}
    texts = []
    for name in sorted(node.args):
        value = node.args[name] if name not in NOT_MEANT else None
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, exp.Expr) and not isinstance(part, exp.DataType | exp.Var):
                inner = of(part)
                totals |= inner.totals
                texts.append(f"{text_of(inner.above)}/{text_of(inner.below)}")
            elif part not in (None, False):
                texts.append(str(part).lower())
    return Measure({(f"{node.key}({', '.join(texts)})",): Fraction(1)}, totals=totals)
