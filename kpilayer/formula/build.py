"""A metric to its formula: its own filters and a question's pushed down to what is aggregated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from kpilayer.address import metric_column
from kpilayer.aggregates import Part, decompose
from kpilayer.columns import TimedColumn, resolve_name
from kpilayer.formula.stitched import stitched_formula
from kpilayer.formula.times import of_time, with_grains
from kpilayer.formula.tree import Atom, Compute, Formula, Home, Shaped, inner_rule
from kpilayer.grain import GRAINS
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
from kpilayer.versions import stitched

#: What a simple metric can have around its aggregation, from the inside out.
_LAYERS: Final = ("active", "semi_additive", "spined", "filled")


def formula(
    graph: JoinGraph,
    name: str,
    conditions: tuple[str, ...] = (),
    label: str | None = None,
    time: str | None = None,
) -> Formula:
    """A metric's formula, its own filter and ``conditions`` pushed down to every atom.

    ``time`` is the time dimension that a variant gives to all of its rows. A version (`revenue@1`)
    has a formula of its own; that of a metric whose former numbers stand is made of versions'.

    Raises:
        KeyError: the catalog has no usable metric of this name.
    """
    metric = graph.catalog.metric(name)
    label = label or metric_column(name)
    if stands := stitched(metric):
        column = label

        def version(name: str, held: tuple[str, ...]) -> Formula:
            known_as = f"{column}_{name.partition('@')[2]}"
            return formula(graph, name, (*conditions, *held), known_as, time)

        return stitched_formula(graph, metric, stands, time, version)
    own = with_grains(graph, name, metric.filter, time)
    held = tuple(dict.fromkeys((*own, *conditions)))

    def read(used: InputMetric, outer: tuple[str, ...] = held, alias: bool = True) -> Formula:
        return _input(graph, used, outer, used.alias if alias else label, time)

    match metric:
        case SimpleMetric():
            if metric.input_metric is not None:
                time = time or metric.agg_time_dimension
                inner = _input(graph, metric.input_metric, held, label, time)
            else:
                shown: tuple[str, ...] = ()
                if metric.as_of is not None:  # its time is that of the spine
                    shown, held = of_time(graph, name, held, time)
                inner = _atom(graph, metric, held, label, time)
                if metric.as_of is not None:
                    inner = Shaped("active", (("as_of", metric.as_of),), (), (("", inner),), shown)
            return _layered(inner, dict(_own_layers(metric)), conditions)
        case SqlMetric():
            return _aggregates(graph, metric, held, label, time)
        case RatioMetric():
            sides = ("numerator", metric.numerator), ("denominator", metric.denominator)
            return Compute("numerator / denominator", tuple((role, read(i)) for role, i in sides))
        case DerivedMetric():
            return Compute(metric.expr, tuple((i.known_as, read(i)) for i in metric.input_metrics))
        case CumulativeMetric():
            settings = _lengths(graph, _settings(metric, ("window", "grain_to_date", "rows")))
            settings += (("period_agg", metric.period_agg or "first"),)
            shown, rest = of_time(graph, metric.input_metric.name, held, time)
            inner = read(metric.input_metric, rest)
            return Shaped("cumulative", settings, (), (("input", inner),), shown)
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
            steps = (read(first), *(read(step, ()) for step in later))
            numbered = tuple((str(number), step) for number, step in enumerate(steps, 1))
            return Shaped("funnel", settings, (("entity", "", metric.entity),), numbered)


def _atom(
    graph: JoinGraph, metric: SimpleMetric, held: tuple[str, ...], label: str, time: str | None
) -> Atom:
    assert metric.model is not None and metric.agg is not None, "checked when decoded"
    approximate = (metric.percentile_type or "").startswith("approx_")
    return Atom(
        metric.model,
        "approx_percentile" if approximate else metric.agg,
        metric.value,
        metric.percentile or (0.5 if approximate else None),
        (metric.percentile_type or "").endswith("discrete"),
        time or graph.catalog.time_dimension(metric),
        held,
        metric.name,
        label,
    )


def _aggregates(
    graph: JoinGraph, metric: SqlMetric, held: tuple[str, ...], label: str, time: str | None
) -> Formula:
    """An aggregate expression: its aggregates as atoms, and what is computed from them."""
    time = time or graph.catalog.time_dimension(metric)
    whole = decompose(metric.sql, graph.catalog.dialect)

    def atom(part: Part, name: str) -> Atom:
        named = [n.name for n in graph.catalog.snippet(part.value).names]
        joined = (n for n in named if _is_joined(graph, (metric.model, time), n))
        return Atom(
            metric.model,
            part.agg,
            part.value,
            part.percentile,
            part.discrete,
            time,
            held,
            metric.name,
            name,
            tuple(dict.fromkeys(joined)),
        )

    inputs = tuple((part.name, atom(part, f"{label}_{part.name}")) for part in whole.parts)
    names = graph.catalog.snippet(whole.text).names
    if len(inputs) == 1 and whole.text.strip('"') == inputs[0][0] == names[0].name:
        return atom(whole.parts[0], label)  # a single aggregate is a simple metric
    return Compute(whole.text, inputs)


def _is_joined(graph: JoinGraph, home: Home, name: str) -> bool:
    """Whether a name in an aggregate is a dimension of another model: `customer__segment`."""
    if "__" not in name:
        return False
    found = resolve_name(graph, *home, name)
    return isinstance(found, TimedColumn) and bool(found.reached.path)


def _input(
    graph: JoinGraph,
    used: InputMetric,
    outer: tuple[str, ...],
    label: str | None,
    time: str | None,
) -> Formula:
    """An input as it is used: filtered, earlier in time, or by fewer of the query's group-bys.

    Conditions on the time of an earlier value hold for the time at which it is shown.
    """
    held = tuple(dict.fromkeys((*with_grains(graph, used.name, used.filter, time), *outer)))
    offset = _lengths(graph, _settings(used, ("offset_window", "offset_to_grain")))
    shown: tuple[str, ...] = ()
    if offset:
        shown, held = of_time(graph, used.name, held, time)
    inner = formula(graph, used.name, held, label, time)
    if offset:
        inner = _around(Shaped("offset", offset, (), (), shown), inner)
    if used.group_by is not None:
        groups = " ".join(g.lower() for g in used.group_by)
        inner = _regrouped(groups, inner)
    return inner


def _regrouped(groups: str, inner: Formula) -> Formula:
    """An input by fewer group-bys; what stands for no value does so where it repeats, too (X2)."""
    if isinstance(inner, Shaped) and inner.rule == "filled":
        return replace(inner, inputs=tuple((n, _regrouped(groups, i)) for n, i in inner.inputs))
    return Shaped("regrouped", (("group_by", groups),), (), (("", inner),))


def earlier(graph: JoinGraph, name: str, conditions: tuple[str, ...], window: str) -> Formula:
    """A metric's formula so much earlier; conditions on time hold for the time that is shown."""
    shown, held = of_time(graph, name, conditions, None)
    shape = Shaped("offset", (("offset_window", window),), (), (), shown)
    return _around(shape, formula(graph, name, held))


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
    base, conversion = read(metric.base_metric), read(metric.conversion_metric, ())
    return Shaped("conversion", settings, names, (("base", base), ("conversion", conversion)))


def _settings(metric: object, keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    values = ((key, getattr(metric, key)) for key in keys)
    return tuple((key, str(value)) for key, value in values if value is not None)


def _lengths(
    graph: JoinGraph, settings: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """Settings with the units that a project's names stand for.

    A week is seven days in a length, whenever it begins.
    """
    calendar = graph.catalog.calendar

    def unit(key: str, text: str) -> str:
        count, _, name = text.rpartition(" ")
        if key in ("grain_to_date", "offset_to_grain"):
            return calendar.unit(name) or name
        if key in ("window", "offset_window") and name not in GRAINS:
            return f"{count} {calendar.unit(name) or name}"
        return text

    return tuple((key, unit(key, text)) for key, text in settings)


def _around(shape: Shaped, inner: Formula) -> Formula:
    """A rule that moves values in time, around the aggregations of a formula.

    A value through arithmetic or group-bys is the same whether its inputs are moved or it is, and
    what fills gaps fills those of the moved values; conditions on the time at which these are shown
    hold for the gaps, too.
    """
    passing = ("spined", "filled", "regrouped")
    if isinstance(inner, Compute) or inner_rule(inner) in passing:
        assert not isinstance(inner, Atom), "an atom has no inputs"
        if isinstance(inner, Shaped) and inner.rule == "spined":
            below = inner.inputs[0][1]
            before = below.conditions if isinstance(below, Shaped) else ()
            kept = (c for c in inner.conditions if c not in before)
            inner = replace(inner, conditions=(*kept, *shape.conditions))
        return replace(inner, inputs=tuple((n, _around(shape, i)) for n, i in inner.inputs))
    return replace(shape, inputs=(("input", inner),))


def _own_layers(metric: SimpleMetric) -> Iterator[tuple[str, Shaped]]:
    """What a simple metric has around its aggregation; without inputs."""
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


def _layered(inner: Formula, layers: dict[str, Shaped], conditions: tuple[str, ...]) -> Formula:
    """The layers around a formula; one that it already has is replaced.

    ``conditions`` from outside hold for the rows of a spine, too.
    """
    known: dict[str, Shaped] = {}
    while isinstance(inner, Shaped) and inner.rule in _LAYERS:
        known[inner.rule] = inner
        inner = inner.inputs[0][1]
    known |= layers
    for rule in _LAYERS:
        if rule in known:
            held = conditions if rule == "spined" else known[rule].conditions
            inner = replace(known[rule], inputs=(("", inner),), conditions=held)
    return inner
