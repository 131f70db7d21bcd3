"""Cumulative metrics: a window that ends at each period of a base grain, then one value a period.

The base grain is the metric's default one, or finer where the question or the window is: per second
of data that comes by the second, nobody asks. A coarser period shows its first or last day that
has a value, or the average of its days (`period_agg`; reference A.9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from kpilayer import grain
from kpilayer.address import METRIC_TIME, Address
from kpilayer.columns import resolver
from kpilayer.formula.tree import Formula, Home, Shaped, atoms
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.customs import Dated, units_of
from kpilayer.plan.keys import Key, is_of_home_time
from kpilayer.plan.naming import apart
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Derived,
    Filter,
    Group,
    Measure,
    Read,
    Source,
    keys_of,
)
from kpilayer.plan.ranges import Range
from kpilayer.plan.scope import Builder, Scope, named
from kpilayer.plan.spines import conditions_grains
from kpilayer.plan.window import Window, length


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Group:
    """One row per asked period and group in which a day has a value."""
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    trees = [(columns[leaf], leaf.inputs[0][1]) for leaf in shaped]
    home = next((a.model, a.time) for a in atoms(shaped[0]))
    times = [k for k in scope.keys if is_of_home_time(builder.graph, k, home)]
    if not times:
        return _in_total(builder, shaped[0], trees, scope)
    rest = tuple(k for k in scope.keys if k not in times)
    base = _base(builder.graph, shaped[0], times, home)
    homes = dict.fromkeys((a.model, a.time) for leaf in shaped for a in atoms(leaf))
    key = time_key(builder.graph, base, tuple(homes))
    window = _window(shaped[0], base)
    inner = Scope(
        (key, *rest), scope.spans, window, shown=shaped[0].conditions, without=scope.without
    )
    framed = builder.frame(builder, trees, inner)
    group = framed.group
    day = exp.column(key.name, table=group.name)
    dated = Dated(builder.graph, day, base)
    keys = tuple(
        Column(k.name, dated.period(k.column(home)))
        if k in times
        else Column(k.name, exp.column(k.name, table=group.name))
        for k in scope.keys
    )
    values = tuple(Column(name, framed.values[tree]) for name, tree in trees)
    rows = dated.joined(Read(group))
    if all(k.column(home).unit == base for k in times):
        if tuple(k.name for k in scope.keys) == keys_of(group):
            return named(builder, group, scope, trees, framed.values)
        names = tuple(k.name for k in keys)
        return Derived(builder.name(f"{group.name}_shown"), rows, (*keys, *values), names)
    how = dict(shaped[0].settings)["period_agg"]
    return _per_period(builder, group.name, rows, keys, values, day, how)


def _window(leaf: Shaped, base: str) -> Window:
    settings = dict(leaf.settings)
    span = length(settings["window"]) if "window" in settings else None
    return Window(base, span, settings.get("grain_to_date"), settings.get("rows") == "data")


def time_key(graph: JoinGraph, unit: str, homes: tuple[Home, ...]) -> Key:
    """The metric time by a unit, as a group-by."""
    asked = Address((), METRIC_TIME, unit)
    found = []
    for home in homes:
        time = resolver(graph, *home)(METRIC_TIME)
        found.append((home, replace(time, asked=asked, grain=unit, unit=unit)))
    return Key(asked.column(unit), asked.column(unit), tuple(found))


def base_grain(graph: JoinGraph, home: Home, wanted: Sequence[str]) -> str:
    """The grain at which rows are looked at: a day at least, or as fine as what is wanted."""
    own = resolver(graph, *home)(METRIC_TIME).unit or "day"
    return grain.coarsest([own, grain.finest([*wanted, grain.coarsest(["day", own])])])


def _base(graph: JoinGraph, leaf: Shaped, times: Sequence[Key], home: Home) -> str:
    wanted = units_of(graph.catalog.calendar, [k.column(home) for k in times])
    settings = dict(leaf.settings)
    if "window" in settings:
        wanted.append(length(settings["window"])[1])
    wanted += conditions_grains(graph, leaf.conditions, home)
    return base_grain(graph, home, wanted)


def _in_total(
    builder: Builder, leaf: Shaped, trees: list[tuple[str, Formula]], scope: Scope
) -> Group:
    """Without time in the question: everything up to the end of the range."""
    spans = tuple((h, Range(None, s.upper, s.upper_is_inclusive)) for h, s in scope.spans)
    shown = (*scope.shown, *leaf.conditions)
    framed = builder.frame(builder, trees, replace(scope, spans=spans, shown=shown))
    return named(builder, framed.group, scope, trees, framed.values)


def _per_period(
    builder: Builder,
    stem: str,
    rows: Source,
    keys: tuple[Column, ...],
    values: tuple[Column, ...],
    day: exp.Expr,
    how: str,
) -> Group:
    """One value for each period: of its first or last day that has one, or their average."""
    names = tuple(k.name for k in keys)
    if how == "average":
        measures = tuple(Measure(c.name, "average", c.value) for c in values)
        return Aggregate(builder.name(f"{stem}_on_average"), rows, keys, measures)
    order = exp.Ordered(this=day.copy(), desc=how == "last", nulls_first=False)
    number = exp.Window(
        this=exp.RowNumber(),
        partition_by=[k.value.copy() for k in keys],
        order=exp.Order(expressions=[order]),
    )
    place = Column(apart("place_in_period", [c.name for c in (*keys, *values)]), number)
    ranked = Derived(builder.name(f"{stem}_ranked"), rows, (*keys, *values, place))
    first = exp.EQ(this=exp.column(place.name, table=ranked.name), expression=exp.Literal.number(1))
    kept = tuple(Column(c.name, exp.column(c.name, table=ranked.name)) for c in (*keys, *values))
    source = Filter(Read(ranked), first)
    return Derived(builder.name(f"{stem}_{how}"), source, kept, names)
