"""Queries beside each other: sources and columns in one order, and what decides their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import permutations
from types import MappingProxyType
from typing import Final

from kpilayer.proof.normal import determines, partition_of
from kpilayer.proof.query import Limited, Query, Select, Source, Union, windows
from kpilayer.proof.term import Term, rewrite, sources, subterms, terms_of

#: Windows whose value does not hang on the order of rows that their ORDER BY leaves open.
_PEERS: Final = ("rank", "denserank")


def orders(a: tuple[Source, ...], b: tuple[Source, ...]) -> Iterator[tuple[Source, ...]]:
    """Orders of ``b`` in which tables of one name stand where they do in ``a``."""
    if len(a) != len(b) or sorted(s.table for s in a) != sorted(s.table for s in b):
        return
    groups = {name: [s for s in b if s.table == name] for name in {s.table for s in b}}

    def fill(names: list[str]) -> Iterator[dict[str, tuple[Source, ...]]]:
        if not names:
            yield {}
            return
        for order in permutations(groups[names[0]]):
            for rest in fill(names[1:]):
                yield {names[0]: order, **rest}

    for number, chosen in enumerate(fill(list(groups))):
        if number > 720:
            return
        stacks = {name: iter(order) for name, order in chosen.items()}
        yield tuple(next(stacks[s.table]) for s in a)


def in_sources_of(
    query: Select,
    pairs: dict[int, Source],
    like: Select,
    columns: Mapping[int, Mapping[str, str]] = MappingProxyType({}),
) -> Select:
    """The query with its sources' numbers and columns replaced, and its sources by another's."""

    def change(term: Term) -> Term | None:
        if term.op == "col" and term.data[0] in pairs:
            source, name = term.data[:2]
            return pairs[source].column(columns.get(source, {}).get(name, name)) or term
        if term.op == "matched" and term.data[0] in pairs:
            return Term("matched", (), (pairs[term.data[0]].number,), "bool")
        return None

    changed: Select = rewrite(replace(query, inner=(), left=()), change)
    left = tuple(
        replace(join, source=pairs[join.source.number], on=rewrite(join.on, change))
        for join in query.left
    )
    return replace(changed, inner=like.inner, left=left)


def in_order_of(query: Query, names: list[str]) -> Query | None:
    """The query with its columns in another order."""
    shown = [name for name, _ in query.outputs]
    if shown == names:
        return query
    if sorted(shown) != sorted(names):
        return None
    order = [shown.index(name) for name in names]
    match query:
        case Select():
            return replace(query, outputs=tuple(query.outputs[i] for i in order))
        case Union():
            arms = []
            for arm in query.arms:
                if not isinstance(arm, Select):
                    return None
                arms.append(replace(arm, outputs=tuple(arm.outputs[i] for i in order)))
            return Union(tuple(arms))
    return None


def depends_on_group(query: Select) -> bool:
    """Whether outputs and HAVING are made of keys and aggregates alone."""
    keys = set(query.keys or ())
    pending = [*terms_of(query.outputs), *terms_of(query.having)]
    while pending:
        term = pending.pop()
        if term in keys or term.op == "agg":
            continue
        if term.op in ("col", "matched", "window") or (
            term.op in ("exists", "scalar", "in") and sources(term)
        ):
            return False
        pending += term.args
    return True


def selects(query: Query) -> Iterator[Select]:
    """All SELECTs of a query."""
    match query:
        case Select():
            yield query
            for source in query.sources:
                if source.query is not None:
                    yield from selects(source.query)
        case Union():
            for arm in query.arms:
                yield from selects(arm)
        case Limited():
            yield from selects(query.query)


def is_determined(query: Select) -> bool:
    """Whether a query has the same rows whenever its tables do: no tie decides."""
    if not windows(query):
        return True
    for term in (*terms_of(query.outputs), *terms_of(query.qualify)):
        for window in subterms(term):
            if window.op != "window":
                continue
            name, arguments, parts, _, frame = window.data
            peers = name in _PEERS or (name.startswith("agg:") and not frame.startswith("ROWS"))
            if peers:
                continue
            order = window.args[arguments + parts :]
            if not determines(query, (*partition_of(window), *order)):
                return False
    return True
