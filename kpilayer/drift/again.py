"""A CTE that is read once more: its tables under names of their own, and its aggregates anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from kpilayer.drift.rows import Aggregate, Relation, Source, aggregate_number, numbers_in

if TYPE_CHECKING:
    from kpilayer.drift.reader import Reader


def again(found: Relation, reader: Reader) -> Relation:
    """The rows or groups of a CTE for one more use, apart from those of others."""
    numbers = dict.fromkeys(n for v in found.outputs.values() for n in numbers_in(v))
    sources = {s.name: s for n in numbers for s in _sources(reader.aggregates[n])}
    sources |= {s.name: s for s in found.sources}
    fresh = {name: reader.source(s.table).name for name, s in sources.items()}
    added: dict[int, int] = {}
    for number in numbers:
        reader.add(_moved_aggregate(reader.aggregates[number], fresh))
        added[number] = len(reader.aggregates) - 1

    def moved(tree: exp.Expr) -> exp.Expr:
        return _renumbered(_moved(tree, fresh), added)

    return replace(
        found,
        outputs={name: moved(value) for name, value in found.outputs.items()},
        sources=[_moved_source(s, fresh) for s in found.sources],
        where=[moved(w) for w in found.where],
        keys=None if found.keys is None else tuple(map(moved, found.keys)),
        having=[*found.having],
        same=[(moved(one), moved(other)) for one, other in found.same],
    )


def _sources(made: Aggregate) -> list[Source]:
    return [*made.sources, *(s for inner in made.inner for s in _sources(inner))]


def _moved(tree: exp.Expr, fresh: Mapping[str, str]) -> exp.Expr:
    def step(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.table in fresh:
            node.set("table", exp.Identifier(this=fresh[node.table], quoted=True))
        return node

    return tree.copy().transform(step)


def _renumbered(tree: exp.Expr, added: Mapping[int, int]) -> exp.Expr:
    for node in list(tree.find_all(exp.Anonymous)):
        old = aggregate_number(node)
        if old is not None and old in added:
            node.set("expressions", [exp.Literal.number(added[old])])
    return tree


def _moved_source(source: Source, fresh: Mapping[str, str]) -> Source:
    on = tuple(_moved(c, fresh) for c in source.on)
    return replace(source, name=fresh[source.name], on=on)


def _moved_aggregate(made: Aggregate, fresh: Mapping[str, str]) -> Aggregate:
    def all_of(trees: tuple[exp.Expr, ...]) -> tuple[exp.Expr, ...]:
        return tuple(_moved(t, fresh) for t in trees)

    return replace(
        made,
        value=None if made.value is None else _moved(made.value, fresh),
        where=all_of(made.where),
        sources=tuple(_moved_source(s, fresh) for s in made.sources),
        per=all_of(made.per),
        inner=tuple(_moved_aggregate(inner, fresh) for inner in made.inner),
        rows_of=fresh.get(made.rows_of, made.rows_of),
        own=all_of(made.own),
        by=all_of(made.by),
        found=all_of(made.found),
    )
