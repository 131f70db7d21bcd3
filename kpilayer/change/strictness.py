"""Whether a changed filter lets more rows pass, or fewer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sqlglot import exp

from kpilayer.change.edits import Edit
from kpilayer.columns import TimedColumn, resolve_name
from kpilayer.formula.times import homes
from kpilayer.proof.facts import Column
from kpilayer.proof.rows import implies
from kpilayer.selection.versions import Side
from kpilayer.sql.given import type_in_duckdb

Strictness = Literal["", "loosened", "tightened"]


def strictness(edit: Edit, base: Side, head: Side, metric: str) -> Strictness:
    """What became of a metric's conditions: every row that passed still does, or the other way.

    Empty where neither is known.
    """
    before, after = _condition(edit.before, base), _condition(edit.after, head)
    if after is None or before is None:
        return ("loosened" if after is None else "tightened") if before is not after else ""
    columns = dict(_columns((before, after), head, metric))
    wider = implies(before, after, columns, head.catalog.dialect)
    narrower = implies(after, before, columns, head.catalog.dialect)
    if wider and narrower is not True:
        return "loosened"
    return "tightened" if narrower and wider is not True else ""


def _condition(value: object, side: Side) -> exp.Expr | None:
    """Conditions as one expression; None where there is none."""
    texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
    trees = [side.catalog.snippet(text).tree.copy() for text in texts]
    return exp.and_(*trees, copy=False) if trees else None


def _columns(
    conditions: tuple[exp.Expr, ...], side: Side, metric: str
) -> Iterator[tuple[str, Column]]:
    """The names in conditions as columns, of the types that kpilayer.lock has for them."""
    home = next(homes(side.catalog, metric))
    lock = side.catalog.lock
    for name in {c.name for tree in conditions for c in tree.find_all(exp.Column)}:
        found = resolve_name(side.identity.graph, *home, name)
        if lock is None or not isinstance(found, TimedColumn):
            continue
        tree = side.catalog.snippet(found.reached.element.sql).tree
        relation = lock.relations.get(side.catalog.relation(found.reached.model).key)
        column = relation.column(tree.name) if relation and isinstance(tree, exp.Column) else None
        kind = type_in_duckdb(column.type, lock.dialect) if column is not None else None
        if kind is not None:
            yield name, Column(name, exp.DataType.build(kind, dialect="duckdb"))
