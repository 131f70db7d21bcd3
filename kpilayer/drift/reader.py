"""A query to its columns over aggregates: CTEs and derived tables opened as far as that is sound.

A derived table without groups is the rows that it reads. One with groups gives its aggregates on:
to be computed with, or to be aggregated once more, where sums of sums are sums. What is not
understood raises ``NotRead`` for a column, never for its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from kpilayer.drift.names import is_period
from kpilayer.drift.rows import (
    Aggregate,
    NotRead,
    Output,
    Relation,
    Source,
    is_unread,
    numbers_in,
    stand_in,
)
from kpilayer.drift.select import Select, renamed

#: Tables by name, with their columns.
Columns = Mapping[str, tuple[str, ...]]
_MOST_NESTED: Final = 60


@dataclass
class Reader:
    """Reads one statement; ``tables`` are known columns, ``named`` the SQL of views by name."""

    tables: Columns
    named: Mapping[str, exp.Query]
    keys: Mapping[str, tuple[tuple[str, ...], ...]]
    aggregates: list[Aggregate] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    depth: int = 0

    def outputs(self, query: exp.Query) -> Iterator[Output]:
        """The columns of an answer that are made of aggregates."""
        for arm in arms(query):
            found, positions = self.relation(arm, {}), _positions(arm)
            shown = _names(query)
            periods = tuple(
                value for name, value in found.outputs.items()
                if not numbers_in(value) and is_period(name)
            )  # fmt: skip
            for index, (name, value) in enumerate(found.outputs.items()):
                if not numbers_in(value) and not is_unread(value):
                    continue
                line, column = positions.get(index, (0, 0))
                named = shown[index] if index < len(shown) else name
                yield Output(
                    named or name,
                    value,
                    tuple(self.aggregates),
                    found.keys or (),
                    line,
                    column,
                    periods,
                )

    # ------------------------------------------------------------------------------- relations

    def relation(self, query: exp.Expr, ctes: Mapping[str, Relation]) -> Relation:
        """What a query gives; ``ctes`` are those that it may read."""
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise NotRead("queries stand too deep in each other")
        try:
            known = dict(ctes)
            with_ = query.args.get("with_")
            if with_ is not None and with_.args.get("recursive"):
                for cte in with_.expressions:
                    if isinstance(cte.this, exp.SetOperation):
                        known[cte.alias.lower()] = Relation(is_generated=True)
            for cte in with_.expressions if with_ is not None else ():
                if cte.alias.lower() in known and known[cte.alias.lower()].is_generated:
                    continue
                known[cte.alias.lower()] = renamed(self.relation(cte.this, known), cte)
            match query:
                case exp.Select():
                    return Select(self, query, known).read()
                case exp.Subquery():
                    return self.relation(query.this, known)
            raise NotRead(f"{query.key} is not looked into")
        finally:
            self.depth -= 1

    def source(self, table: str) -> Source:
        """A table, by a name that no other of the statement has."""
        number = self.taken[table] = self.taken.get(table, 0) + 1
        return Source(table if number == 1 else f"{table}#{number}", table)

    def add(self, made: Aggregate) -> exp.Expr:
        """The stand-in of an aggregate."""
        self.aggregates.append(made)
        return stand_in(len(self.aggregates) - 1)


def arms(query: exp.Expr) -> Iterator[exp.Expr]:
    """The queries whose rows stand below each other."""
    match query:
        case exp.SetOperation():
            with_ = query.args.get("with_")
            for side in (query.this, query.expression):
                for arm in arms(side):
                    if with_ is not None and not arm.args.get("with_"):
                        arm = arm.copy()
                        arm.set("with_", with_.copy())
                    yield arm
        case exp.Subquery():
            yield from arms(query.this)
        case _:
            yield query


def _names(query: exp.Expr) -> list[str]:
    """Names of columns as they are written, where none of them is a star."""
    selects = query.selects if isinstance(query, exp.Query) else []
    return [] if any(s.is_star for s in selects) else [s.alias_or_name for s in selects]


def _positions(query: exp.Expr) -> dict[int, tuple[int, int]]:
    """Line and column of each projection: of its name, where that stands on its first line."""
    found: dict[int, tuple[int, int]] = {}
    for index, projection in enumerate(query.selects if isinstance(query, exp.Query) else ()):
        places = [place for node in projection.walk() if (place := _place(node))]
        name = projection.args.get("alias")
        if places:
            first = min(places)
            named = _place(name) if isinstance(name, exp.Expr) else None
            found[index] = named if named and named[0] == first[0] else first
    return found


def _place(node: exp.Expr) -> tuple[int, int] | None:
    """Where a token begins; sqlglot tells the column of its end."""
    at = node.meta
    if not at.keys() >= {"line", "col", "start", "end"}:
        return None
    return at["line"], at["col"] - at["end"] + at["start"]
