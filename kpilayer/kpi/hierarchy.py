"""The hierarchy of KPIs: from the north star over what supports it to what it is made of.

A KPI is below another one that it `supports`, or that names it among its drivers. Metrics that are
no KPIs stand in the tree of one KPI only, where they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kpilayer.errors import QueryError
from kpilayer.kpi.driver_tree import names_of
from kpilayer.model.kpi import Drivers, Kpi


@dataclass(frozen=True, slots=True)
class Branch:
    """A place in the hierarchy: a KPI, or with ``kpi`` None a metric that one is made of.

    ``edge`` is how it is below ``parent``: it `supports` it, is a `driver` of it, or both. One that
    stands in full elsewhere is ``repeated`` and has nothing below it.
    """

    name: str
    kpi: Kpi | None
    depth: int
    parent: str | None
    edge: str = ""
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """All places from the roots down, each before what is below it.

    ``orphans`` are KPIs that lead to no north star, without deprecated ones; ``cycles`` paths that
    lead back to where they began, each once.
    """

    branches: tuple[Branch, ...]
    orphans: tuple[str, ...]
    cycles: tuple[tuple[str, ...], ...]


#: Below a name: other names, and how they are below it.
_Edges = Mapping[str, Mapping[str, str]]


def hierarchy(kpis: Sequence[Kpi], root: str | None = None) -> Hierarchy:
    """The hierarchy of all KPIs that are not retired, or of one of them with its metrics.

    North stars come first, then what leads to none of them.
    """
    known = {kpi.name: kpi for kpi in kpis if kpi.status != "retired" or kpi.name == root}
    edges = {name: _below(kpi, known, root is not None) for name, kpi in known.items()}
    if root is not None:
        edges |= _inner(known, edges)
    stars = [name for name, kpi in known.items() if kpi.kind == "north_star"]
    reached = set(_reached(stars, edges))
    lost = tuple(name for name in known if name not in reached)
    roots = [root] if root is not None else [*stars, *_tops(lost, edges)]
    seen: set[str] = set()
    branches = [branch for top in roots for branch in _walk(top, known, edges, seen)]
    cycles = tuple(_cycles(edges))
    orphans = tuple(name for name in lost if known[name].status != "deprecated")
    if root is not None:
        below = set(_reached([root], edges))
        orphans = tuple(name for name in orphans if name in below)
        cycles = tuple(cycle for cycle in cycles if below & set(cycle))
    return Hierarchy(tuple(branches), orphans, cycles)


def _below(kpi: Kpi, known: Mapping[str, Kpi], with_metrics: bool) -> dict[str, str]:
    """What is below a KPI: its drivers, and who supports it."""
    found = {
        name: "driver"
        for name in _named(kpi.drivers)
        if name != kpi.name and (with_metrics or name in known)
    }
    if not with_metrics:  # what inner nodes are made of is below the KPI, too
        inner = (name for drivers in kpi.nodes.values() for name in _named(drivers))
        found |= {name: "driver" for name in inner if name in known and name != kpi.name}
    for other in known.values():
        if other.supports == kpi.name and other.name != kpi.name:
            both = found.get(other.name) == "driver"
            found[other.name] = "driver, supports" if both else "supports"
    return found


def _named(drivers: Drivers | None) -> tuple[str, ...]:
    try:
        return () if drivers is None else names_of(drivers)
    except QueryError:
        return ()  # `kpilayer drivers` says what is wrong with it


def _inner(known: Mapping[str, Kpi], edges: _Edges) -> dict[str, dict[str, str]]:
    """What metrics are made of that are nodes of a KPI."""
    found: dict[str, dict[str, str]] = {}
    for kpi in known.values():
        for name, drivers in kpi.nodes.items():
            if name not in edges:
                found.setdefault(name, dict.fromkeys(_named(drivers), "driver"))
    return found


def _reached(roots: Sequence[str], edges: _Edges) -> Iterator[str]:
    pending, seen = list(roots), set(roots)
    while pending:
        name = pending.pop()
        yield name
        new = [below for below in edges.get(name, ()) if below not in seen]
        seen.update(new)
        pending += new


def _tops(orphans: Sequence[str], edges: _Edges) -> list[str]:
    """Those of the orphans that are below none of them; of a circle the first."""
    below = {name for orphan in orphans for name in edges.get(orphan, ())}
    tops = [name for name in orphans if name not in below]
    reached = set(_reached(tops, edges))
    for name in orphans:
        if name not in reached:
            tops.append(name)
            reached |= set(_reached([name], edges))
    return tops


def _walk(top: str, known: Mapping[str, Kpi], edges: _Edges, seen: set[str]) -> Iterator[Branch]:
    pending: list[tuple[str, str | None, int]] = [(top, None, 0)]
    while pending:
        name, parent, depth = pending.pop()
        edge = edges[parent][name] if parent is not None else ""
        repeated = name in seen
        yield Branch(name, known.get(name), depth, parent, edge, repeated)
        if not repeated:
            seen.add(name)
            below = list(edges.get(name, ()))
            pending += [(one, name, depth + 1) for one in reversed(below)]


def _cycles(edges: _Edges) -> Iterator[tuple[str, ...]]:
    """Each circle once, by the path that leads back to its first name."""
    told: set[frozenset[str]] = set()
    finished: set[str] = set()
    for start in edges:
        trail: dict[str, None] = {}
        pending = [(start, False)]
        while pending:
            name, is_left = pending.pop()
            if is_left:
                trail.pop(name, None)
                finished.add(name)
            elif name in trail:
                path = [*trail]
                circle = path[path.index(name) :]
                if frozenset(circle) not in told:
                    told.add(frozenset(circle))
                    yield (*circle, name)
            elif name not in finished:
                trail[name] = None
                pending.append((name, True))
                pending += [(below, False) for below in edges.get(name, ())]
