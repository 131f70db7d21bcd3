"""Which columns of which relations a metric reads, and what for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kpilayer.address import filter_metric
from kpilayer.columns import TimedColumn, resolve_name, resolve_property, time_column
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Atom, atoms, names
from kpilayer.join_graph import JoinGraph, Reached, Unreached

Role = Literal["value", "filter", "time", "join", "group"]


@dataclass(frozen=True, slots=True, order=True)
class Used:
    """A column that a metric reads. ``relation`` as in kpilayer.lock."""

    relation: str
    column: str
    role: Role


def lineage(graph: JoinGraph, metric: str) -> tuple[Used, ...]:
    """Every column below a metric, sorted; the same column once per role."""
    tree = formula(graph, metric)
    found = {u for atom in atoms(tree) for u in _of_atom(graph, atom)}
    found |= {
        u
        for home, purpose, name in names(tree)
        for u in _found(graph, resolve_property(graph, *home, purpose, name), "group")
    }
    return tuple(sorted(found))


def elements(graph: JoinGraph, metric: str) -> frozenset[tuple[str, str]]:
    """The dimensions and entities that a metric's meaning rests on, as model and name."""
    tree = formula(graph, metric)
    found: set[tuple[str, str]] = set()
    for home, purpose, name in names(tree):
        found |= set(_elements_of(graph, home, name, purpose))
    for atom in atoms(tree):
        home = (atom.model, atom.time)
        named = (n.name for text in atom.conditions for n in graph.catalog.snippet(text).names)
        for name in (*atom.reaches, *named):
            found |= set(_elements_of(graph, home, name))
        time = None if atom.time is None else time_column(graph, atom.model, atom.time)
        if isinstance(time, Reached):
            found |= set(_steps_to(time))
    return frozenset(found)


def _elements_of(
    graph: JoinGraph, home: tuple[str, str | None], name: str, purpose: str = ""
) -> Iterator[tuple[str, str]]:
    metric = filter_metric(name)
    if metric is not None:
        yield from elements(graph, metric.name)
        for entity in metric.per:
            yield from _elements_of(graph, home, entity)
        return
    found = resolve_property(graph, *home, purpose, name)
    if isinstance(found, TimedColumn):
        yield from _steps_to(found.reached)


def _steps_to(reached: Reached) -> Iterator[tuple[str, str]]:
    yield reached.model, reached.element.name
    for step in reached.path:
        yield step.left, step.entity.name
        yield step.right, step.key.name


def _of_atom(graph: JoinGraph, atom: Atom) -> Iterator[Used]:
    yield from _columns(graph, atom.model, atom.value, "value", beside=atom.reaches)
    for reached in atom.reaches:
        yield from _named(graph, (atom.model, atom.time), reached, "value")
    if atom.time is not None:
        time = time_column(graph, atom.model, atom.time)
        if isinstance(time, Reached):
            yield from _reached(graph, time, "time")
    for text in atom.conditions:
        for name in graph.catalog.snippet(text).names:
            yield from _named(graph, (atom.model, atom.time), name.name, "filter")


def _named(graph: JoinGraph, home: tuple[str, str | None], name: str, role: Role) -> Iterator[Used]:
    metric = filter_metric(name)
    if metric is not None:
        yield from lineage(graph, metric.name)
        for entity in metric.per:
            yield from _named(graph, home, entity, role)
        return
    yield from _found(graph, resolve_name(graph, *home, name), role)


def _found(graph: JoinGraph, found: TimedColumn | Unreached, role: Role) -> Iterator[Used]:
    if isinstance(found, TimedColumn):
        yield from _reached(graph, found.reached, role)


def _reached(graph: JoinGraph, reached: Reached, role: Role) -> Iterator[Used]:
    for length, step in enumerate(reached.path, start=1):
        for left, right in step.on:
            yield from _columns(graph, step.left, left, "join")
            yield from _columns(graph, step.right, right, "join")
        for pair in graph.partitions(reached.path[:length]):
            yield from _columns(graph, reached.path[pair.at].left, pair.left.sql, "join")
            yield from _columns(graph, step.right, pair.right.sql, "join")
        for end in graph.catalog.models[step.right].validity or ():
            yield from _columns(graph, step.right, end.sql, "join")
    element = reached.element
    text = element.sql
    yield from _columns(graph, reached.model, text, role)


def _columns(
    graph: JoinGraph, model: str, text: str, role: Role, beside: tuple[str, ...] = ()
) -> Iterator[Used]:
    relation = graph.catalog.relation(model).key
    for name in graph.catalog.snippet(text).names:
        if name.name not in beside:
            yield Used(relation, name.name, role)
