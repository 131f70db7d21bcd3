"""Expressions and filters over the rows of one table, compared without a query around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from kpilayer.proof.expressions import read, type_name
from kpilayer.proof.facts import Column
from kpilayer.proof.prove import FAILURES, unrepeatable
from kpilayer.proof.row import Row, same_value_in, solver_for
from kpilayer.proof.solver import SECONDS
from kpilayer.proof.term import NUMBERS, Term, subterms
from kpilayer.proof.verdict import Proof

_EXACT: Final = frozenset({
    "col", "lit", "and", "or", "not", "eq", "lt", "le", "same", "null", "truth", "case", "add",
    "cast", "shift", "trunc", "mul",
})  # fmt: skip


def _row(columns: Mapping[str, Column], dialect: str) -> Row:
    known = {n.lower(): (type_name(c.type, dialect), c.nullable) for n, c in columns.items()}
    return Row(known, dialect, whole=True)


def prove_expression(
    before: exp.Expr,
    after: exp.Expr,
    columns: Mapping[str, Column],
    dialect: str,
    condition: exp.Expr | None = None,
) -> Proof | None:
    """Why two expressions have one value, or are both NULL, in each row that meets a condition.

    >>> import sqlglot
    >>> one = sqlglot.parse_one("COALESCE(a, 0)")
    >>> two = sqlglot.parse_one("CASE WHEN a IS NULL THEN 0 ELSE a END")
    >>> column_a = Column("a", exp.DataType.build("INT"))
    >>> prove_expression(one, two, {"a": column_a}, "duckdb") is not None
    True
    """
    if any(unrepeatable(tree) for tree in (before, after, condition) if tree is not None):
        return None
    try:
        return same_value_in(_row(columns, dialect), before, after, SECONDS, condition)
    except FAILURES:
        return None


def implies(a: exp.Expr, b: exp.Expr, columns: Mapping[str, Column], dialect: str) -> bool | None:
    """Whether every row that passes filter ``a`` passes filter ``b``; None where that is not known.

    >>> import sqlglot
    >>> status = {"s": Column("s", exp.DataType.build("TEXT"))}
    >>> narrow, wide = (sqlglot.parse_one(t) for t in ("s = 'x'", "s IN ('x', 'y')"))
    >>> implies(narrow, wide, status, "duckdb"), implies(wide, narrow, status, "duckdb")
    (True, False)
    """
    if unrepeatable(a) or unrepeatable(b):
        return None
    row = _row(columns, dialect)
    try:
        one, two = read(a, row), read(b, row)
        solver = solver_for(dialect, set())
        if one == two:
            return True
        if solver is None or any(
            t.op in ("agg", "window") for s in (one, two) for t in subterms(s)
        ):
            return None
        goal, given = solver.holds(two), [solver.holds(one)]
        if solver.valid(goal, given):
            return True
        exact = all(_is_exact(t) for side in (one, two) for t in subterms(side))
        return False if exact and solver.possible(solver.z3.Not(goal), given) else None
    except FAILURES:
        return None


def _is_exact(term: Term) -> bool:
    """Whether the solver knows all of a term's meaning, so that its examples are rows."""
    if term.op == "trunc" and term.data != "day":
        return False
    if term.op in ("lt", "le", "eq", "same"):
        one, two = (a.type for a in term.args)
        if "any" in (one, two) or (one == "text" and term.op in ("lt", "le")):
            return False
        if (one == "text") != (two == "text") or (one in NUMBERS) != (two in NUMBERS):
            return False
    if term.op == "mul" and sum(a.op != "lit" for a in term.args) > 1:
        return False
    return term.op in _EXACT
