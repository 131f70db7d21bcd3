"""Functions of which more is known than a name: how they are said with others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from kpilayer.proof.aggregates import EXACT, Scope, only
from kpilayer.proof.term import (
    NULL,
    NUMBERS,
    TIMES,
    Term,
    add,
    as_real,
    case,
    conjunction,
    disjunction,
    function,
    is_literal,
    multiply,
    negation,
    number,
    text,
)
from kpilayer.proof.times import compare, shifted, truncated

_PREFIX: Final = re.compile(r"\^([A-Za-z0-9 :/#-]+)")
#: Functions that change nothing when they are applied again.
IDEMPOTENT: Final = ("lower", "upper", "trim", "floor", "ceil", "abs")


def starts_with(value: Term, prefix: str) -> Term:
    """Whether a text begins with another."""
    return function("startswith", value, text(prefix), type_="bool")


def by_letters(node: exp.Expr, scope: Scope) -> Term | None:
    """``LEFT(x, 2) = 'AB'`` as a question for a prefix, which has as many letters."""
    for here, there in ((node.this, node.expression), (node.expression, node.this)):
        if not isinstance(here, exp.Left) or not isinstance(there, exp.Literal):
            continue
        count, word = here.expression, str(there.this)
        exact = isinstance(count, exp.Literal) and str(count.this) == str(len(word))
        value = scope.read(here.this)
        if exact and there.is_string and word.isascii() and value.type == "text":
            return starts_with(value, word)
    return None


def among(node: exp.Expr, scope: Scope) -> Term | None:
    """``x = ANY (ARRAY[..])`` and ``x <> ALL (ARRAY[..])`` as comparisons with each."""
    side = node.expression
    name = side.name.upper() if isinstance(side, exp.Anonymous) else side.key.upper()
    wanted = "ALL" if isinstance(node, exp.NEQ) else "ANY"
    inside = side.expressions if isinstance(side, exp.Anonymous) else [side.this]
    if name != wanted or len(inside) != 1 or not isinstance(inside[0], exp.Array):
        return None
    value = scope.read(node.this)
    parts = [compare("eq", value, scope.read(e)) for e in inside[0].expressions]
    if wanted == "ANY":
        return disjunction(*parts)
    return conjunction(*(negation(p) for p in parts))


def _by_pattern(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression")
    value, pattern = scope.read(node.this), scope.read(node.expression)
    if scope.dialect == "postgres" and value.type == "text" and is_literal(pattern):
        found = _PREFIX.fullmatch(str(pattern.data))
        if found is not None:
            return starts_with(value, found[1])
    return function("regexplike", value, pattern, type_="bool")


def _safe_divide(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression")
    a, b = scope.read(node.this), scope.read(node.expression)
    if a.type not in NUMBERS or b.type not in NUMBERS or scope.dialect not in EXACT:
        return function("safedivide", a, b)
    return case(
        compare("eq", b, number(0)), NULL, Term("div", (as_real(a), as_real(b)), False, "real")
    )


def _date_add(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression", "unit")
    value, count = scope.read(node.this), scope.read(node.expression)
    unit = str(node.args["unit"].name).lower()
    if value.type in TIMES and is_literal(count) and count.type == "int":
        return shifted(value, int(count.data), unit)
    return function(f"dateadd:{unit}", value, count)


def days_between(later: Term, earlier: Term) -> Term:
    """How many days lie between two dates."""
    whole = [Term("cast", (t,), type="int") for t in (later, earlier)]
    return add(whole[0], multiply(number(-1), whole[1]))


def _date_diff(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression", "unit", "date_part_boundary")
    later, earlier = scope.read(node.this), scope.read(node.expression)
    unit = str(node.args["unit"].name).lower() if node.args.get("unit") else "day"
    known = later.type in TIMES and earlier.type in TIMES and scope.dialect == "duckdb"
    if known and unit == "day":
        return days_between(truncated("day", later), truncated("day", earlier))
    return function(f"datediff:{unit}", later, earlier, type_="int")


def week_of(unit: exp.Expr) -> str:
    """The name of a unit; weeks are named by the day on which they start."""
    name = str(unit.name).lower()
    if isinstance(unit, exp.WeekStart):
        return f"week_{name}"
    return "week_monday" if name == "isoweek" else name


READ: Final[dict[type, Callable[[Any, Scope], Term]]] = {
    exp.RegexpLike: _by_pattern,
    exp.SafeDivide: _safe_divide,
    exp.DateAdd: _date_add,
    exp.DateDiff: _date_diff,
}


def again(name: str, args: list[Term]) -> Term | None:
    """What is applied to its own result, which stays as it is."""
    first = args[0] if args else None
    if first is None or first.op != "fn" or first.data != name:
        return None
    same = name.removesuffix(":this") in IDEMPOTENT and len(args) == 1
    rounded = name.startswith("round:") and tuple(args[1:]) == first.args[1:]
    return first if same or rounded else None


__all__ = [
    "READ", "again", "among", "by_letters", "days_between", "starts_with", "week_of",
]  # fmt: skip
