"""What metrics of each kind name beside their inputs: entities, properties, balances' dates."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.check.context import Context
from kpilayer.check.names import may_be_broken
from kpilayer.columns import TimedColumn, resolve_property
from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.join_graph import Unreached
from kpilayer.model.definitions import Steps
from kpilayer.model.metric import ConversionMetric, FunnelMetric, Metric, NestedMetric, SimpleMetric
from kpilayer.model.semantic_model import Entity


def inputs_can_convert(context: Context) -> Iterator[Issue]:
    """Inputs of conversions and funnels that are no counts of events.

    Checks:
        Each input is a simple metric with `agg: count`, `count_distinct`, or `sum` of `1`.
    Why:
        A conversion is found row by row; a sum of amounts or a ratio has no rows to match.
    Instead:
        Count the events, and use the count as the input.
    """
    for metric in context.catalog.metrics.values():
        if not isinstance(metric, ConversionMetric | FunnelMetric):
            continue
        keys: list[Steps] = [("base_metric",), ("conversion_metric",)]
        if isinstance(metric, FunnelMetric):
            keys = [("steps", index) for index in range(len(metric.steps))]
        for steps, used in zip(keys, metric.inputs, strict=True):
            below = context.catalog.metric(used.name)
            counts = atoms(formula(context.graph, used.name))
            is_count = isinstance(below, SimpleMetric) and all(
                a.agg in ("count", "count_distinct") or (a.agg == "sum" and a.value.strip() == "1")
                for a in counts
            )
            if not is_count:
                place = context.catalog.definitions.at("metric", metric.name, *steps)
                message = f"`{used.name}` does not count events: an input of a {metric.type} does"
                hint = "use a simple metric with `agg: count` or `count_distinct`"
                yield Issue("bad-value", message, place, hint)


def names_of_kinds_resolve(context: Context) -> Iterator[Issue]:
    """Entities and dimensions that a metric's kind names, and its inputs do not have.

    Checks:
        `entity` of conversions and funnels, `constant_properties`, `per` of nested metrics.
    Why:
        Rows can only be matched or grouped by what every side has.
    Instead:
        Name an entity or dimension that each input's semantic model has or reaches.
    """
    for metric in context.catalog.metrics.values():
        for steps, name, inputs in _named(metric):
            for used in inputs:
                yield from _resolves(context, metric, steps, name, used)


def _named(metric: Metric) -> Iterator[tuple[Steps, str, tuple[str, ...]]]:
    """What a metric names, where, and for which of its inputs."""
    everyone = tuple(i.name for i in metric.inputs)
    match metric:
        case ConversionMetric():
            yield ("entity",), metric.entity, everyone
            for index, same in enumerate(metric.constant_properties):
                place = ("constant_properties", index)
                yield (*place, "base_property"), same.base_property, everyone[:1]
                yield (*place, "conversion_property"), same.conversion_property, everyone[1:]
        case FunnelMetric():
            yield ("entity",), metric.entity, everyone
        case NestedMetric():
            for index, name in enumerate(metric.per):
                yield ("per", index), name, everyone


def _resolves(
    context: Context, metric: Metric, steps: Steps, name: str, used: str
) -> Iterator[Issue]:
    for atom in atoms(formula(context.graph, used)):
        purpose = "constant" if steps[0] == "constant_properties" else ""
        found = resolve_property(context.graph, atom.model, atom.time, purpose, name)
        place = context.catalog.definitions.at("metric", metric.name, *steps)
        if isinstance(found, Unreached):
            if not may_be_broken(context, found):
                message = f"{found.message} (for its input `{used}`)"
                yield Issue(found.code, message, place, found.hint)
        elif steps == ("entity",) and not _is_entity(found):
            yield Issue("bad-value", f"`{name}` is a dimension; an entity is needed", place)


def _is_entity(found: TimedColumn) -> bool:
    return isinstance(found.reached.element, Entity)


def balances_have_dates(context: Context) -> Iterator[Issue]:
    """Semi-additive metrics whose time or entities their model does not have.

    Checks:
        `non_additive_dimension: {name, group_by}` of simple metrics.
    Why:
        The first or last date is found among the rows of the metric's own model.
    Instead:
        Name a time dimension and entities of that model.
    """
    for metric in context.catalog.definable:
        balance = metric.non_additive_dimension if isinstance(metric, SimpleMetric) else None
        if balance is None:
            continue
        for name in dict.fromkeys(a.model for a in atoms(formula(context.graph, metric.name))):
            model = context.catalog.models[name]
            times = [d.name for d in model.dimensions if d.type == "time"]
            at = context.catalog.definitions.at
            if balance.name not in times:
                place = at("metric", metric.name, "non_additive_dimension", "name")
                message = f"model `{name}` has no time dimension `{balance.name}`"
                hint = did_you_mean(balance.name, times) or f"time dimensions: {listing(times)}"
                yield Issue("unknown-dimension", message, place, hint)
            for index, entity in enumerate(balance.group_by):
                if model.entity(entity) is None:
                    steps = ("non_additive_dimension", "group_by", index)
                    known = [e.name for e in model.entities]
                    message = f"model `{name}` has no entity `{entity}`"
                    near = did_you_mean(entity, known)
                    place = at("metric", metric.name, *steps)
                    yield Issue("unknown-dimension", message, place, near)
