"""The time of a metric: its grain where none is asked, and the conditions that are about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kpilayer import address, snippets
from kpilayer.address import METRIC_TIME
from kpilayer.catalog import Catalog
from kpilayer.columns import TimedColumn, own_grain, resolve_name, time_column
from kpilayer.formula.tree import Home
from kpilayer.join_graph import JoinGraph, Reached
from kpilayer.model.metric import SimpleMetric, SqlMetric
from kpilayer.versions import stitched


def default_grain(graph: JoinGraph, name: str, time: str | None = None) -> str | None:
    """The grain of a bare `metric_time` for a metric, None where it has no time.

    Its own `time_granularity`, else the largest of its rows' times, a day at least (reference B);
    under a ``time`` that a variant gives to its rows, at least that one's.
    """
    stated = graph.catalog.metric(name).time_granularity
    if stated is not None and time is None:
        return stated
    found = [own_grain(graph, *home) for home in homes(graph.catalog, name, time)]
    grains = [own for own in found if own is not None]
    if not grains:
        return stated
    return graph.catalog.calendar.coarsest(["day", *grains, *([stated] if stated else [])])


def homes(catalog: Catalog, name: str, time: str | None = None) -> Iterator[Home]:
    """The models below a metric, each with its time."""
    metric = catalog.metric(name)
    for _, version in stitched(metric):
        yield from homes(catalog, version, time)
    if isinstance(metric, SimpleMetric | SqlMetric) and metric.model is not None:
        yield metric.model, time or catalog.time_dimension(metric)
        return
    time = time or (metric.agg_time_dimension if isinstance(metric, SimpleMetric) else None)
    for used in metric.inputs:
        yield from homes(catalog, used.name, time)


def is_of_time(graph: JoinGraph, text: str, of: Iterable[Home]) -> bool | None:
    """Whether a condition is about the time of a metric's rows alone; None where also about it."""
    named = [n.name for n in graph.catalog.snippet(text).names]
    told = {_is_time(graph, home, name) for home in of for name in named}
    return None if len(told) > 1 else told == {True}


def _is_time(graph: JoinGraph, home: Home, name: str) -> bool:
    if address.parse(name).is_metric_time:
        return True
    if graph.catalog.models[home[0]].active is not None:
        return False  # `metric_time` is a date at which rows hold, their own dates are others (T5)
    found, own = resolve_name(graph, *home, name), time_column(graph, *home)
    if not isinstance(found, TimedColumn) or not isinstance(own, Reached):
        return False
    return (found.reached.path, found.reached.element) == (own.path, own.element)


def of_time(
    graph: JoinGraph, name: str, conditions: tuple[str, ...], time: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Conditions that name the time of a metric, and the others."""
    of = tuple(homes(graph.catalog, name, time))
    shown = tuple(c for c in conditions if is_of_time(graph, c, of) is not False)
    return shown, tuple(c for c in conditions if c not in shown)


def with_grains(
    graph: JoinGraph, name: str, conditions: tuple[str, ...], time: str | None = None
) -> tuple[str, ...]:
    """Conditions on a metric in which a bare `metric_time` says its grain."""
    if not any(METRIC_TIME in text.lower() for text in conditions):
        return conditions
    unit = default_grain(graph, name, time)
    return tuple(grained(graph, text, unit) for text in conditions)


def grained(graph: JoinGraph, text: str, unit: str | None) -> str:
    """A condition in which a bare `metric_time` says its grain: `metric_time__month`."""
    quote = snippets.quote_of(graph.catalog.dialect)
    for found in sorted(graph.catalog.snippet(text).names, key=lambda n: -n.offset):
        name = with_grain(graph, found.name)
        if unit is not None and found.name.lower() == METRIC_TIME:
            name = f"{METRIC_TIME}__{unit}"
        if name != found.name:
            end = found.offset + found.length
            text = f"{text[: found.offset]}{quote}{name}{quote}{text[end:]}"
    return text


def with_grain(graph: JoinGraph, name: str) -> str:
    """A metric in a filter, whose bare `metric_time` says the grain that the metric has it at."""
    metric = address.filter_metric(name)
    if metric is None or METRIC_TIME not in metric.per or metric.name not in graph.catalog.metrics:
        return name
    unit = default_grain(graph, metric.name)
    per = (f"{METRIC_TIME}__{unit}" if unit and p == METRIC_TIME else p for p in metric.per)
    return address.filter_metric_text(metric.name, tuple(per), metric.within_query_time)
