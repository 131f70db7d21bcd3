"""Expressions of a row: their terms, and whether two have one value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlglot import exp

from kpilayer.proof.expressions import read
from kpilayer.proof.query import Query, Unreadable
from kpilayer.proof.solver import MICROSECONDS, SECONDS, Solver, load
from kpilayer.proof.term import TRUE, Term, column, subterms
from kpilayer.proof.verdict import Proof


@dataclass(frozen=True, slots=True)
class Row:
    """The scope of a row: type and whether NULL may stand there, by the column's name.

    Names are those that a query writes, with the table's before a dot or without; ``whole`` where
    all are of one table, whatever they are said to be of.
    """

    columns: Mapping[str, tuple[str, bool]]
    dialect: str
    whole: bool = False

    def column(self, node: exp.Column) -> Term:
        """The column of a name."""
        bare, table = node.name.lower(), node.table.lower()
        name = f"{table}.{bare}" if table else bare
        if self.whole and bare in self.columns:
            name = bare
        type_, nullable = self.columns.get(name, ("any", True))
        return column(1, name, type_, nullable)

    def read(self, node: exp.Expr) -> Term:
        """The term of an expression."""
        return read(node, self)

    def is_stored(self, column: Term) -> bool:
        """Rows of one table are stored; of others it is not known."""
        return self.whole

    def subquery(self, node: exp.Expr) -> Query:
        """Rows have no subqueries."""
        raise Unreadable("subquery")


def same_value_in(
    row: Row,
    before: exp.Expr,
    after: exp.Expr,
    seconds: float,
    condition: exp.Expr | None = None,
    types: Collection[str] | None = None,
) -> Proof | None:
    """Why two expressions have one value, or are both NULL, in each row that meets a condition.

    With ``types``, both must have the same one of these.
    """
    a, b = read(before, row), read(after, row)
    if types is not None and (a.type != b.type or a.type not in types):
        return None
    if a == b:
        return Proof("laws")
    if any(t.op in ("agg", "window") for side in (a, b) for t in subterms(side)):
        return None
    solver = solver_for(row.dialect, set(), seconds)
    if solver is None:
        return None
    given = TRUE if condition is None else read(condition, row)
    if not solver.valid(solver.same(a, b), [solver.holds(given)]):
        return None
    return Proof("solver", (), tuple(sorted(f"{n} is not NULL" for _, n in solver.assumed)))


def solver_for(dialect: str, optional: set[int], seconds: float = SECONDS) -> Solver | None:
    """A solver for queries of a dialect, where z3 is installed."""
    z3 = load()
    ticks = 1 if dialect in MICROSECONDS else 10**6
    return None if z3 is None else Solver(z3, seconds, ticks, optional)
