"""A question bound to definitions: every name at its column, for every metric it is asked of.

What a caller passes is never SQL text that runs: conditions are parsed, checked against a list of
safe functions, bound to dimensions and printed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.formula import Formula, Home, default_grain, formula
from kpilayer.join_graph import JoinGraph
from kpilayer.plan import overlap
from kpilayer.plan.answerable import metrics_named, unanswerable
from kpilayer.plan.keys import Key, asked_place, conditioned, find_key, keyed
from kpilayer.plan.query import Query
from kpilayer.plan.ranges import Range, ranges
from kpilayer.plan.wheres import conditions


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A question whose every name is known to resolve; its conditions are in the formulas."""

    metrics: tuple[tuple[str, Formula], ...]
    keys: tuple[Key, ...]
    ranges: tuple[tuple[Home, Range], ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None

    @property
    def overlapping(self) -> bool:
        """Whether a row can stand in several groups, which then do not add up."""
        paths = (column.reached.path for key in self.keys for _, column in key.at)
        return bool(overlap.many_parts(paths))


def bind(query: Query, graph: JoinGraph) -> tuple[BoundQuery | None, list[Issue]]:
    """The question with every name resolved, or None; notices come with an answer too."""
    issues: list[Issue] = []
    metrics = list(_metrics(query, graph, issues))
    unit = _default_grain(graph, metrics)
    found = [_key(text, graph, metrics, unit, issues) for text in query.group_by]
    keys = [key for key in found if key is not None]
    filtered = _homes(metrics, conditioned)
    where = tuple(conditions(query, graph, filtered, unit, issues))
    spans = tuple(ranges(query, graph, filtered, keys, issues))
    if where:
        metrics = [(name, formula(graph, name, where)) for name, _ in metrics]
    ranged = _ranged(graph, metrics, keys)
    spans += tuple(ranges(query, graph, {h: n for h, n in ranged if h not in filtered}, keys, []))
    if not any(i.severity == "error" for i in issues):
        issues += unanswerable(graph, metrics, keys, spans)
        issues += (i for name, tree in metrics for i in overlap.issues(graph, name, tree, keys))
    names = [k.name for k in keys] + [name for name, _ in metrics]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        issues.append(Issue("duplicate-column", f"`{name}` is asked for twice"))
    order = tuple(_order(query, keys, names, issues))
    if query.limit is not None and query.limit < 0:
        issues.append(Issue("bad-limit", f"`limit` is {query.limit}: it counts rows, from 0 up"))
    if any(i.severity == "error" for i in issues):
        return None, issues
    bound = BoundQuery(tuple(metrics), tuple(keys), spans, order, query.limit)
    return bound, list(dict.fromkeys(issues))


def _ranged(
    graph: JoinGraph, metrics: list[tuple[str, Formula]], keys: list[Key]
) -> Iterator[tuple[Home, str]]:
    """The homes of metrics in filters that respect the question's range, each with its metric."""
    for _, tree in metrics:
        for metric in metrics_named(graph, tree, keys):
            if metric.within_query_time:
                yield from ((h, metric.name) for h in conditioned(formula(graph, metric.name)))


def _key(
    text: str,
    graph: JoinGraph,
    metrics: list[tuple[str, Formula]],
    unit: str | None,
    issues: list[Issue],
) -> Key | None:
    own_grains = graph.catalog.calendar.own_grains
    homes = _homes(metrics, lambda tree: keyed(tree, text, own_grains))
    if not homes and metrics:
        message = f"no metric of the question is grouped by `{text}`: each keeps other group-bys"
        hint = "ask for a metric beside it that is grouped by it"
        issues.append(Issue("no-grouped-metric", message, asked_place("group_by", text), hint))
    return find_key(text, graph, homes, unit, issues)


def _homes(
    metrics: list[tuple[str, Formula]], of: Callable[[Formula], Iterator[Home]]
) -> dict[Home, str]:
    """Each home with a metric that has it, for messages."""
    found: dict[Home, str] = {}
    for name, tree in metrics:
        for home in of(tree):
            found.setdefault(home, name)
    return found


def _default_grain(graph: JoinGraph, metrics: list[tuple[str, Formula]]) -> str | None:
    """The grain of `metric_time` where a query names none: the largest of the metrics' own."""
    grains = [unit for name, _ in metrics if (unit := default_grain(graph, name)) is not None]
    return graph.catalog.calendar.coarsest(grains) if grains else None


# ------------------------------------------------------------------------------------------ metrics


def _metrics(query: Query, graph: JoinGraph, issues: list[Issue]) -> Iterator[tuple[str, Formula]]:
    catalog = graph.catalog
    if not query.metrics:
        issues.append(Issue("no-metrics", "a query needs at least one metric"))
    for text in query.metrics:
        name = text.strip().lower()
        if name in catalog.metrics:
            yield name, formula(graph, name)
            continue
        hint = did_you_mean(name, catalog.metrics) or _by_synonym(name, catalog)
        if hint is None and catalog.metrics:
            hint = f"metrics: {listing(list(catalog.metrics))}"
        message = f"there is no metric `{text}`"
        issues.append(Issue("unknown-metric", message, asked_place("metrics", text), hint))


def _by_synonym(name: str, catalog: Catalog) -> str | None:
    for metric in catalog.metrics.values():
        known = [s.lower() for s in (*metric.synonyms, metric.label or "")]
        if name in known or name.replace("_", " ") in known:
            return f"`{name}` is another name of `{metric.name}`"
    return None


# -------------------------------------------------------------------------------------------- order


def _order(
    query: Query, keys: list[Key], names: list[str], issues: list[Issue]
) -> Iterator[tuple[str, bool]]:
    """What was asked, then the remaining group-bys, so that a limit cuts at the same place."""
    asked_as = {key.asked: key.name for key in keys}
    seen: set[str] = set()
    for text in query.order_by:
        word = text.strip().lower()
        descending = word.startswith("-")
        word = word.removeprefix("-")
        name = word if word in names else asked_as.get(word)
        if name is None:
            hint = did_you_mean(word, names) or f"columns: {listing(names)}"
            message = f"`{word}` is not in the result"
            issues.append(Issue("bad-order-by", message, asked_place("order_by", text), hint))
        elif name not in seen:
            seen.add(name)
            yield name, descending
    for key in keys:
        if key.name not in seen:
            seen.add(key.name)
            yield key.name, False
