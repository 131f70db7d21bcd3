"""Which definition reads which: metrics their inputs and semantic models, models each other by SQL.

A metric reads the model that it aggregates, and those on the way to its filters and its time
dimension. Also over definitions with errors, as far as their names resolve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from kpilayer.catalog import Catalog
from kpilayer.columns import TimedColumn, resolve_name, time_column
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.join_graph import JoinGraph, Reached
from kpilayer.model.definitions import Key
from kpilayer.model.metric import Metric
from kpilayer.selection.grammar import ALL
from kpilayer.versions import base

Edges = Mapping[Key, tuple[Key, ...]]


@dataclass(frozen=True)
class Dependencies:
    """Direct dependencies of a project's definitions, both ways.

    A key of kind ``model`` is a semantic model, a SQL model, or both where they share a name.
    """

    graph: JoinGraph

    @property
    def catalog(self) -> Catalog:
        """The catalog whose definitions depend on each other."""
        return self.graph.catalog

    @cached_property
    def upstream(self) -> Edges:
        """What each definition reads."""
        catalog = self.catalog
        found: dict[Key, tuple[Key, ...]] = dict.fromkeys(catalog.definitions.broken, ())
        for name in (*catalog.models, *catalog.queries):
            found["model", name] = tuple(dict.fromkeys(_model_reads(catalog, name)))
        metrics = {m.name: m for m in catalog.definitions.metrics} | dict(catalog.metrics)
        known = {*found, *(("metric", name) for name in metrics)}
        reads = {name: dict.fromkeys(_metric_reads(self.graph, m)) for name, m in metrics.items()}
        for name, users in catalog.dependents.items():
            for user in users:
                reads[user]["metric", name] = None
        for name, keys in reads.items():
            found["metric", name] = tuple(key for key in keys if key in known)
        return found

    @cached_property
    def downstream(self) -> Edges:
        """What reads each definition."""
        found: dict[Key, list[Key]] = {key: [] for key in self.upstream}
        for key, reads in self.upstream.items():
            for read in reads:
                found[read].append(key)
        return {key: tuple(users) for key, users in found.items()}


def reachable(edges: Edges, start: Iterable[Key], depth: int = ALL) -> set[Key]:
    """What stands at most ``depth`` steps from ``start``, itself included."""
    found = set(start)
    border = found
    while border and depth > 0:
        border = {key for near in border for key in edges.get(near, ())} - found
        found |= border
        depth -= 1
    return found


def _model_reads(catalog: Catalog, name: str) -> Iterator[Key]:
    """The models that `ref` names in its SQL; a SQL model of another name."""
    if name in catalog.models:
        relation = catalog.relation(name)
        if relation.kind != "query":
            return
        if relation.query != name:
            yield ("model", relation.query)
            return
    for read in catalog.query_reads(name):
        if read != name and (read in catalog.models or read in catalog.queries):
            yield ("model", read)


def _metric_reads(graph: JoinGraph, metric: Metric) -> Iterator[Key]:
    """Its inputs and its model, and the models on the way to its time and its own filters."""
    home = getattr(metric, "model", None)
    if home is not None:
        yield ("model", home)
    for used in metric.inputs:
        yield ("metric", base(used.name))
    catalog = graph.catalog
    if metric.name not in catalog.metrics:
        return
    if home is not None or getattr(metric, "agg_time_dimension", None) is not None:
        for atom in atoms(formula(graph, metric.name)):
            time = time_column(graph, atom.model, atom.time)
            if isinstance(time, Reached):
                yield from _passed(time)
    if home is not None:
        yield from _filter_reads(graph, metric.name, metric.filter)
    for used in metric.inputs:
        yield from _filter_reads(graph, used.name, (*used.filter, *metric.filter))


def _filter_reads(graph: JoinGraph, metric: str, texts: tuple[str, ...]) -> Iterator[Key]:
    """The models that conditions read where they hold for the rows of ``metric``."""
    if not texts:
        return
    for atom in atoms(formula(graph, metric)):
        for text in texts:
            for name in graph.catalog.snippet(text).names:
                found = resolve_name(graph, atom.model, atom.time, name.name)
                if isinstance(found, TimedColumn):
                    yield ("model", found.reached.model)
                    yield from _passed(found.reached)


def _passed(reached: Reached) -> Iterator[Key]:
    """The models that the joins to a column lead through, its own included."""
    for step in reached.path:
        yield ("model", step.right)
