"""A metric as a formula over atoms: what is aggregated, and what is computed from the results.

Both the plan and the fingerprint start here, so a number and its identity cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from kpilayer import address, expr
from kpilayer.address import METRIC_TIME, metric_column
from kpilayer.aggregates import Part, decompose
from kpilayer.catalog import Catalog
from kpilayer.columns import TimedColumn, own_grain, resolve_name, time_column
from kpilayer.grain import GRAINS, truncate
from kpilayer.join_graph import JoinGraph, Reached
from kpilayer.model.metric import (
    ConversionMetric,
    CumulativeMetric,
    DerivedMetric,
    FunnelMetric,
    Metric,
    NestedMetric,
    RatioMetric,
    ShareMetric,
    SimpleMetric,
    SqlMetric,
)
from kpilayer.model.metric_parts import InputMetric
from kpilayer.versions import name_of, stitched

#: What decides how names resolve: an atom's model and its time dimension.
Home = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Atom:
    """An aggregation over the rows of one model that pass all ``conditions``.

    ``reaches`` are the names in ``value`` that mean dimensions of other models. Atoms with equal
    meaning are equal: ``metric``, the simple metric that the atom stands for, and ``label``, a name
    for its column, take no part.
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
    reaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compute:
    """An expression over inputs, each known by a name in ``text``."""

    text: str
    inputs: tuple[tuple[str, Formula], ...]
    until: date | None = None
    """The last day of the first input, a version whose number stands; the second is of later."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """Inputs under a rule about time, groups or missing rows, such as ``cumulative``.

    ``settings`` are the rule's own, as text; ``names`` are those of dimensions and entities, each
    of the input with the role that stands before it (``""``: of all of them). ``conditions`` hold
    for the time at which a value is shown, not for the rows that it is made of.
    """

    rule: str
    settings: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str, str], ...]  # what for, role, name
    inputs: tuple[tuple[str, Formula], ...]
    conditions: tuple[str, ...] = ()


Formula = Atom | Compute | Shaped
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
        return _stitched(graph, metric, stands, conditions, label, time)
    own = _grained(graph, name, metric.filter, time)
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
                    shown, held = _of_time(graph, name, held, time)
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
            shown, rest = _of_time(graph, metric.input_metric.name, held, time)
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


#: How the numbers of two spans of time become one: what adds up or is the least or greatest of
#: both does so for any span. Of anything else there is one number at a time.
_ADDED: Final = "COALESCE(former + newer, former, newer)"
_LEAST: Final = "CASE WHEN former IS NULL OR newer < former THEN newer ELSE former END"
_GREATEST: Final = "CASE WHEN former IS NULL OR newer > former THEN newer ELSE former END"
_EITHER: Final = "COALESCE(newer, former)"


def _stitched(
    graph: JoinGraph,
    metric: Metric,
    stands: tuple[tuple[date, str], ...],
    conditions: tuple[str, ...],
    label: str,
    time: str | None,
) -> Formula:
    """Versions of a metric, each over the rows of its days; rows without a date are of the newest.

    What fills gaps in the result stays outside of both.
    """
    own = [own_grain(graph, *home) for home in homes(graph.catalog, metric.name, time)]
    calendar = graph.catalog.calendar
    period = calendar.coarsest(["day", *(g for g in own if g is not None)])
    at, unit = f"{METRIC_TIME}__{period}", calendar.unit(period) or period
    quote = expr.quote_of(graph.catalog.dialect)

    def version(name: str, after: date | None, until: date | None) -> Formula:
        held = [f"({quote}{at}{quote} > {_day(after, unit)}"] if after else []
        if held:
            held[0] += f" OR {quote}{at}{quote} IS NULL)" if until is None else ")"
        held += [f"{quote}{at}{quote} <= {_day(until, unit)}"] if until else []
        known_as = f"{label}_{name.partition('@')[2]}"
        return formula(graph, name, (*conditions, *held), known_as, time)

    oldest_first = stands[::-1]
    (until, name), *later = oldest_first
    whole = version(name, None, until)
    ends = [*(day for day, _ in later), None]
    names = [*(name for _, name in later), name_of(metric.name, metric.version)]
    for end, name in zip(ends, names, strict=True):
        whole = _one_after_another(whole, version(name, until, end), until)
        until = end or until
    return whole


def _day(day: date | None, unit: str) -> str:
    assert day is not None, "a version that stands has a last day"
    first = truncate(datetime(day.year, day.month, day.day), unit)
    return f"CAST('{first.date().isoformat()}' AS DATE)"


def _one_after_another(former: Formula, newer: Formula, until: date) -> Formula:
    if isinstance(newer, Shaped) and newer.rule in ("spined", "filled"):
        assert isinstance(former, Shaped), "versions have the same layers"
        inner = _one_after_another(former.inputs[0][1], newer.inputs[0][1], until)
        shown = tuple(c for c in newer.conditions if c in former.conditions)  # not the versions'
        return replace(newer, inputs=(("", inner),), conditions=shown)
    inputs = (("former", former), ("newer", newer))
    return Compute(_joined(former, newer), inputs, until)


def _joined(former: Formula, newer: Formula) -> str:
    """How the numbers of two versions become one."""
    if isinstance(former, Compute) and former.until is not None:
        known = former.text if isinstance(newer, Atom) else _EITHER
        return known if known == _joined(newer, newer) else _EITHER
    aggs = {a.agg if isinstance(a, Atom) else "" for a in (former, newer)}
    if aggs <= {"sum", "count", "sum_boolean"}:
        return _ADDED
    return {"min": _LEAST, "max": _GREATEST}.get(aggs.pop(), _EITHER) if len(aggs) == 1 else _EITHER


def is_of_one_version(tree: Compute) -> bool:
    """Whether a number of several versions means something only where all rows are of one."""
    return tree.until is not None and tree.text == _EITHER


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
    held = tuple(dict.fromkeys((*_grained(graph, used.name, used.filter, time), *outer)))
    offset = _lengths(graph, _settings(used, ("offset_window", "offset_to_grain")))
    shown: tuple[str, ...] = ()
    if offset:
        shown, held = _of_time(graph, used.name, held, time)
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
    shown, held = _of_time(graph, name, conditions, None)
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


def _of_time(
    graph: JoinGraph, name: str, conditions: tuple[str, ...], time: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Conditions that name the time of a metric, and the others."""
    of = tuple(homes(graph.catalog, name, time))
    shown = tuple(c for c in conditions if is_of_time(graph, c, of) is not False)
    return shown, tuple(c for c in conditions if c not in shown)


def _grained(
    graph: JoinGraph, name: str, conditions: tuple[str, ...], time: str | None = None
) -> tuple[str, ...]:
    """Conditions on a metric in which a bare `metric_time` says its grain."""
    if not any(METRIC_TIME in text.lower() for text in conditions):
        return conditions
    unit = default_grain(graph, name, time)
    return tuple(grained(graph, text, unit) for text in conditions)


def grained(graph: JoinGraph, text: str, unit: str | None) -> str:
    """A condition in which a bare `metric_time` says its grain: `metric_time__month`."""
    quote = expr.quote_of(graph.catalog.dialect)
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


def inner_rule(tree: Formula) -> str | None:
    """The rule of a formula, if it stands under one."""
    return tree.rule if isinstance(tree, Shaped) else None


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


def names(tree: Formula) -> Iterator[tuple[Home, str, str]]:
    """What a formula's rules name: for a model and its time, for which purpose, the name."""
    if isinstance(tree, Atom):
        return
    for purpose, role, name in tree.names if isinstance(tree, Shaped) else ():
        below = (a for r, inner in tree.inputs if role in ("", r) for a in atoms(inner))
        for home in dict.fromkeys((a.model, a.time) for a in below):
            yield home, purpose, name
    for _, inner in tree.inputs:
        yield from names(inner)
