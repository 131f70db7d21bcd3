"""A metric as a formula over atoms: what is aggregated, and what is computed from the results.

Both the plan and the fingerprint start here, so a number and its identity cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from kpilayer import expr, grain
from kpilayer.address import METRIC_TIME
from kpilayer.catalog import Catalog
from kpilayer.columns import own_grain
from kpilayer.join_graph import JoinGraph
from kpilayer.model.metric import (
    ConversionMetric,
    CumulativeMetric,
    DerivedMetric,
    FunnelMetric,
    NestedMetric,
    RatioMetric,
    ShareMetric,
    SimpleMetric,
    SqlMetric,
)
from kpilayer.model.metric_parts import InputMetric


@dataclass(frozen=True, slots=True)
class Atom:
    """An aggregation over the rows of one model that pass all ``conditions``.

    Atoms with equal meaning are equal: ``metric``, the simple metric that the atom stands for, and
    ``label``, a name for its column, take no part.
    """

    model: str
    agg: str
    value: str
    percentile: float | None
    discrete: bool
    time: str | None
    conditions: tuple[str, ...]
    metric: str = field(compare=False)
    label: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Compute:
    """An expression over inputs, each known by a name in ``text``."""

    text: str
    inputs: tuple[tuple[str, Formula], ...]


@dataclass(frozen=True, slots=True)
class Shaped:
    """Inputs under a rule about time, groups or missing rows, such as ``cumulative``.

    ``settings`` are the rule's own, as text; ``names`` are those of dimensions and entities, each
    of the input with the role that stands before it (``""``: of all of them).
    """

    rule: str
    settings: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str, str], ...]  # what for, role, name
    inputs: tuple[tuple[str, Formula], ...]


Formula = Atom | Compute | Shaped
#: What a simple metric can have around its aggregation, from the inside out.
_LAYERS: Final = ("active", "semi_additive", "spined", "filled")


def formula(
    graph: JoinGraph, name: str, conditions: tuple[str, ...] = (), label: str | None = None
) -> Formula:
    """A metric's formula, its own filter and ``conditions`` pushed down to every atom.

    Raises:
        KeyError: the catalog has no usable metric of this name.
    """
    catalog = graph.catalog
    metric = catalog.metrics[name]
    held = tuple(dict.fromkeys((*_grained(graph, name, metric.filter), *conditions)))
    label = label or name

    def read(used: InputMetric, *, outer: tuple[str, ...] = held, alias: bool = True) -> Formula:
        own = tuple(dict.fromkeys((*_grained(graph, used.name, used.filter), *outer)))
        inner = formula(graph, used.name, own, used.alias if alias else label)
        return _moved(used, inner)

    match metric:
        case SimpleMetric(input_metric=used) if used is not None:
            inner = _retimed(read(used, alias=False), metric.agg_time_dimension)
            return _layered(inner, dict(_own_layers(metric)))
        case SimpleMetric():
            assert metric.model is not None and metric.agg is not None, "checked when decoded"
            approximate = (metric.percentile_type or "").startswith("approx_")
            atom = Atom(
                metric.model,
                "approx_percentile" if approximate else metric.agg,
                metric.value,
                metric.percentile or (0.5 if approximate else None),
                (metric.percentile_type or "").endswith("discrete"),
                catalog.time_dimension(metric),
                held,
                name,
                label,
            )
            return _layered(atom, dict(_own_layers(metric)))
        case SqlMetric():
            time = catalog.time_dimension(metric)
            rows = Atom(metric.model, "count", "1", None, False, time, held, name, label)
            return Shaped("sql", (("sql", metric.sql),), (), (("rows", rows),))
        case RatioMetric():
            sides = ("numerator", metric.numerator), ("denominator", metric.denominator)
            inputs = tuple((role, read(i)) for role, i in sides)
            return Compute("numerator / denominator", inputs)
        case DerivedMetric():
            return Compute(metric.expr, tuple((i.known_as, read(i)) for i in metric.input_metrics))
        case CumulativeMetric():
            settings = _settings(metric, ("window", "grain_to_date", "rows"))
            settings += (("period_agg", metric.period_agg or "first"),)
            return Shaped("cumulative", settings, (), (("input", read(metric.input_metric)),))
        case ConversionMetric():
            return _conversion(metric, read)
        case NestedMetric():
            settings = _settings(metric, ("agg", "percentile", "percentile_type"))
            names = tuple(("per", "", n) for n in metric.per)
            return Shaped("nested", settings, names, (("input", read(metric.input_metric)),))
        case ShareMetric():
            part = read(metric.input_metric)
            whole = Shaped("regrouped", (("group_by", " ".join(metric.within)),), (), (("", part),))
            return Compute("part / whole", (("part", part), ("whole", whole)))
        case FunnelMetric():
            settings = _settings(metric, ("window", "calculation"))
            first, *later = metric.steps
            steps = (read(first), *(read(step, outer=()) for step in later))
            numbered = tuple((str(number), step) for number, step in enumerate(steps, 1))
            return Shaped("funnel", settings, (("entity", "", metric.entity),), numbered)


def _conversion(metric: ConversionMetric, read: Callable[..., Formula]) -> Shaped:
    """Filters of the metric and of a query are on the base events, as in dbt (reference A.11)."""
    settings = _settings(metric, ("calculation", "window", "after", "base_event", "window_end"))
    if metric.unit == "calendar_day":
        settings += (("unit", "calendar_day"),)
    same = metric.constant_properties
    names = (
        ("entity", "", metric.entity),
        *(("constant", "base", c.base_property) for c in same),
        *(("constant", "conversion", c.conversion_property) for c in same),
    )
    base, conversion = read(metric.base_metric), read(metric.conversion_metric, outer=())
    return Shaped("conversion", settings, names, (("base", base), ("conversion", conversion)))


def default_grain(graph: JoinGraph, name: str) -> str | None:
    """The grain of a bare `metric_time` for a metric, None where it has no time.

    Its own `time_granularity`, else the largest of its rows' times, a day at least (reference B).
    """
    stated = graph.catalog.metrics[name].time_granularity
    if stated is not None:
        return stated
    found = [own_grain(graph, *home) for home in _homes(graph.catalog, name)]
    grains = [grain.coarsest(["day", own]) for own in found if own is not None]
    return grain.coarsest(grains) if grains else None


def _homes(
    catalog: Catalog, name: str, time: str | None = None
) -> Iterator[tuple[str, str | None]]:
    """The models below a metric, each with its time."""
    metric = catalog.metrics[name]
    if isinstance(metric, SimpleMetric | SqlMetric) and metric.model is not None:
        yield metric.model, time or catalog.time_dimension(metric)
        return
    time = time or (metric.agg_time_dimension if isinstance(metric, SimpleMetric) else None)
    for used in metric.inputs:
        yield from _homes(catalog, used.name, time)


def _grained(graph: JoinGraph, name: str, conditions: tuple[str, ...]) -> tuple[str, ...]:
    """Conditions on a metric in which a bare `metric_time` says its grain."""
    if not any(METRIC_TIME in text.lower() for text in conditions):
        return conditions
    unit = default_grain(graph, name)
    return tuple(grained(graph.catalog, text, unit) for text in conditions)


def grained(catalog: Catalog, text: str, unit: str | None) -> str:
    """A condition in which a bare `metric_time` says its grain: `metric_time__month`."""
    quote = expr.quote_of(catalog.dialect)
    for found in sorted(catalog.snippet(text).names, key=lambda n: -n.offset):
        if unit is not None and found.name.lower() == METRIC_TIME:
            end = found.offset + found.length
            text = f"{text[: found.offset]}{quote}{METRIC_TIME}__{unit}{quote}{text[end:]}"
    return text


def _settings(metric: object, keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    values = ((key, getattr(metric, key)) for key in keys)
    return tuple((key, str(value)) for key, value in values if value is not None)


def _moved(used: InputMetric, inner: Formula) -> Formula:
    """An input as it is used: earlier in time, or by fewer of the query's group-bys."""
    if used.offset_window is not None:
        inner = Shaped("offset", (("window", used.offset_window),), (), (("", inner),))
    if used.offset_to_grain is not None:
        inner = Shaped("offset", (("to_grain", used.offset_to_grain),), (), (("", inner),))
    if used.group_by is not None:
        groups = " ".join(g.lower() for g in used.group_by)
        inner = Shaped("regrouped", (("group_by", groups),), (), (("", inner),))
    return inner


def _own_layers(metric: SimpleMetric) -> Iterator[tuple[str, Shaped]]:
    """What a simple metric has around its aggregation; without inputs."""
    if metric.as_of is not None:
        yield "active", Shaped("active", (("as_of", metric.as_of),), (), ())
    balance = metric.non_additive_dimension
    if balance is not None:
        names = (("over", "", balance.name), *(("per", "", n) for n in balance.group_by))
        settings = (("window_agg", balance.window_agg),)
        yield "semi_additive", Shaped("semi_additive", settings, names, ())
    if metric.join_to_timespine:
        mode = "grid" if metric.join_to_timespine == "grid" else "dates"
        yield "spined", Shaped("spined", (("mode", mode),), (), ())
    if metric.fill_nulls_with is not None:
        yield "filled", Shaped("filled", (("value", str(metric.fill_nulls_with)),), (), ())


def _layered(inner: Formula, layers: dict[str, Shaped]) -> Formula:
    """The layers around a formula; one that it already has is replaced."""
    known: dict[str, Shaped] = {}
    while isinstance(inner, Shaped) and inner.rule in _LAYERS:
        known[inner.rule] = inner
        inner = inner.inputs[0][1]
    known |= layers
    for rule in _LAYERS:
        if rule in known:
            inner = replace(known[rule], inputs=(("", inner),))
    return inner


def _retimed(inner: Formula, time: str | None) -> Formula:
    """The formula on another time dimension, where a variant names one."""
    if time is None:
        return inner
    if isinstance(inner, Atom):
        return replace(inner, time=time)
    return replace(inner, inputs=tuple((n, _retimed(f, time)) for n, f in inner.inputs))


def atoms(tree: Formula) -> tuple[Atom, ...]:
    """The atoms of a formula, each once, in order of first use."""
    if isinstance(tree, Atom):
        return (tree,)
    return tuple(dict.fromkeys(a for _, inner in tree.inputs for a in atoms(inner)))


def rules(tree: Formula) -> tuple[str, ...]:
    """The rules of a formula, each once."""
    if isinstance(tree, Atom):
        return ()
    own = (tree.rule,) if isinstance(tree, Shaped) else ()
    return tuple(dict.fromkeys((*own, *(r for _, inner in tree.inputs for r in rules(inner)))))


def names(tree: Formula) -> Iterator[tuple[tuple[str, str | None], str, str]]:
    """What a formula's rules name: for a model and its time, for which purpose, the name."""
    if isinstance(tree, Atom):
        return
    for purpose, role, name in tree.names if isinstance(tree, Shaped) else ():
        below = (a for r, inner in tree.inputs if role in ("", r) for a in atoms(inner))
        for home in dict.fromkeys((a.model, a.time) for a in below):
            yield home, purpose, name
    for _, inner in tree.inputs:
        yield from names(inner)
