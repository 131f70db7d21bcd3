"""Time spines of a plan: the periods that gaps are filled from and windows end at (T4).

A declared spine is used as it is. Else one is made for each metric, from the first to the last
period of its own time dimension, over all of its model's rows: no filter and no other metric
changes which periods there are. Where `start` or `end` is given, it begins or ends there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlglot import exp

from kpilayer import expr, grain, snippets
from kpilayer.columns import resolver
from kpilayer.conditions import moment
from kpilayer.formula.tree import Home
from kpilayer.join_graph import JoinGraph
from kpilayer.model.time_spine import TimeSpine
from kpilayer.plan.customs import Dated, units_of
from kpilayer.plan.nodes import Aggregate, Column, Group, Measure, Read, Scan, Spine, keys_of
from kpilayer.plan.ranges import Range
from kpilayer.plan.rows import filtered, joined, qualified, time_of, within
from kpilayer.plan.scope import Builder

_TICK: Final = timedelta(microseconds=1)


def spine(builder: Builder, home: Home, unit: str, span: Range, shown: Sequence[str] = ()) -> Group:
    """Every period of ``unit`` that a metric's values can be shown at, in the range asked.

    Its one column is called after the grain. ``shown`` are conditions on the time.
    """
    wanted = (home, unit, span, tuple(shown))
    if wanted not in builder.spines:
        builder.spines[wanted] = (
            _kept(builder, home, unit, span, shown) if shown else _whole(builder, home, unit, span)
        )
    return builder.spines[wanted]


def _whole(builder: Builder, home: Home, unit: str, span: Range) -> Group:
    wanted = (home, unit, span, ())
    if wanted not in builder.spines:
        declared = declared_spine(builder, unit)
        if declared is not None:
            builder.spines[wanted] = _declared(builder, declared, unit, span)
        else:
            builder.spines[wanted] = _generated(builder, home, unit, span)
    return builder.spines[wanted]


def declared_spine(builder: Builder, unit: str) -> TimeSpine | None:
    """The coarsest declared spine that is fine enough (reference A.4)."""
    fitting = [
        s
        for s in builder.graph.catalog.definitions.time_spines
        if grain.tells(_unit_of(builder, s), unit)
    ]
    return max(fitting, key=lambda s: grain.GRAINS.index(s.granularity)) if fitting else None


def _unit_of(builder: Builder, spine: TimeSpine) -> str:
    return builder.graph.catalog.calendar.unit(spine.granularity) or spine.granularity


def _declared(builder: Builder, spine: TimeSpine, unit: str, span: Range) -> Aggregate:
    scan = Scan(builder.graph.catalog.spine_relation(spine), spine.name)
    column = snippets.column_text(spine.time_spine.standard_granularity_column)
    time = qualified(builder.graph.catalog.snippet(column).tree, spine.name)
    key = Column(unit, expr.trunc(unit, time))
    return Aggregate(builder.name(f"{unit}s"), filtered(scan, within(span, time)), (key,), ())


def _generated(builder: Builder, home: Home, unit: str, span: Range) -> Spine:
    name = builder.name(f"{home[0]}_{unit}s")
    low = _first(span.lower, unit) if span.lower is not None else None
    high = _last(span.upper, span) if span.upper is not None else None
    if low is not None and high is not None:
        high = high if low <= high else grain.truncate(low, unit) - _TICK  # no day begins in it
        ends = moment(low, True), moment(high, True)
        return Spine(name, unit, unit, expr.trunc(unit, ends[0]), expr.trunc(unit, ends[1]))
    bounds = _bounds(builder, home)
    first: exp.Expr = exp.column("first", table=bounds.name)
    last = _latest(bounds)
    if low is not None:
        start = moment(low, True)
        if grain.truncate(low, unit) != low:
            last = _if(exp.GTE(this=last.copy(), expression=start.copy()), last)
        first = start
    if high is not None:
        end = moment(high, True)
        if span.upper is not None and grain.truncate(span.upper, unit) != high + _TICK:
            day = expr.trunc("day", first.copy()) if not grain.is_finer(unit, "day") else first
            first = _if(exp.LTE(this=day.copy(), expression=end.copy()), first)
        last = end
    return Spine(name, unit, unit, expr.trunc(unit, first), expr.trunc(unit, last), bounds)


def _if(condition: exp.Expr, value: exp.Expr) -> exp.Case:
    """A date, or nothing: no period is shown of which the range has no day."""
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def _latest(bounds: Aggregate) -> exp.Expr:
    """The last date known; of rows that hold over an interval, the last start or end."""
    last = exp.column("last", table=bounds.name)
    if len(bounds.measures) == 2:
        return last
    end = exp.column("last_end", table=bounds.name)
    later = exp.If(this=exp.GT(this=end, expression=last), true=end.copy())
    return exp.Case(ifs=[later], default=last.copy())


def _first(lower: datetime, unit: str) -> datetime:
    """The first day that begins in a range, or the first period that is shorter than a day.

    A longer period that the range cuts is shown: what happened in the rest of it counts.
    """
    step = unit if grain.is_finer(unit, "day") else "day"
    start = grain.truncate(lower, step)
    return start if start == lower else grain.next_period(lower, step)


def _last(upper: datetime, span: Range) -> datetime:
    """An instant in the last period of a range."""
    return upper if span.upper_is_inclusive else upper - _TICK


def _bounds(builder: Builder, home: Home) -> Aggregate:
    """The first and last time of a time dimension, over all rows; of intervals, of both ends."""
    wanted = ("bounds", home)
    known = builder.spines.get(wanted)
    if not isinstance(known, Aggregate):
        reader = builder.reader(home)
        active = builder.graph.catalog.models[home[0]].active
        if active is None:
            time = time_of(reader, home)
            ends = [Measure("first", "min", time), Measure("last", "max", time.copy())]
        else:
            start, end = reader.held()
            ends = [Measure("first", "min", start), Measure("last", "max", start.copy())]
            ends.append(Measure("last_end", "max", end))
        known = Aggregate(builder.name(f"{home[0]}_dates"), joined(reader), (), tuple(ends))
        builder.spines[wanted] = known
    return known


def _kept(builder: Builder, home: Home, unit: str, span: Range, shown: Sequence[str]) -> Aggregate:
    """The periods in which a date meets conditions on the time, as fine as these look at it."""
    units = [unit, *conditions_grains(builder.graph, shown, home)]
    finest = grain.finest(units)
    if not all(grain.nests(finest, other) for other in units):
        finest = "day"  # a week may be in two months
    whole = _whole(builder, home, finest, span)
    (column,) = keys_of(whole)
    at = exp.column(column, table=whole.name)
    dated = Dated(builder.graph, at, finest)
    held = [dated.meets(home, text) for text in shown]
    key = Column(unit, at.copy() if column == unit else expr.trunc(unit, at.copy()))
    source = filtered(dated.joined(Read(whole)), held)
    return Aggregate(builder.name(f"{whole.name}_shown"), source, (key,), ())


def conditions_grains(graph: JoinGraph, conditions: Sequence[str], home: Home) -> list[str]:
    """The grains at which conditions on the time compare it."""
    resolve = resolver(graph, *home)
    found = [resolve(n.name) for text in conditions for n in graph.catalog.snippet(text).names]
    calendar = graph.catalog.calendar
    parts = [calendar.unit_of_part(c.asked.part) for c in found if c.asked.part is not None]
    return [*units_of(calendar, found), *parts]
