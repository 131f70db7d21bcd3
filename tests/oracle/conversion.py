"""Conversions and funnels: events of an entity that follow other events of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from kpilayer.model.metric import ConversionMetric, FunnelMetric
from kpilayer.model.metric_parts import InputMetric
from tests.oracle import names
from tests.oracle.aggregate import Undetermined
from tests.oracle.atoms import Answer, Counted, Group, Rows
from tests.oracle.joins import Row, Unanswerable
from tests.oracle.scope import Scope
from tests.oracle.time import add, coarsest, length, truncate

if TYPE_CHECKING:
    from tests.oracle.kinds import World

Value = Any


def _events(world: World, used: InputMetric, scope: Scope) -> tuple[Rows, list[Counted]]:
    """The rows of an input that counts events."""
    if used.offset_window or used.offset_to_grain or used.group_by is not None:
        raise Unanswerable("an event of another time or group")
    rows = Rows(world, world.atom(used.name), scope)
    if rows.own is None:
        raise Unanswerable("events without time")
    conditions = world.conditions(used.name, used.filter)
    if any(condition.node.kind == "none" for condition in conditions):
        raise Unanswerable("an event that has no row of its many side")
    return rows, list(rows.counted(conditions))


def _property(rows: Rows, row: Row, name: str) -> Value:
    """A dimension or entity, without or with its entity in front; a time at its own grain."""
    if rows.world.joins.models[rows.atom.model].dimension(name) is not None:
        own = rows.world.joins.models[rows.atom.model].own_names
        return rows.read(row, None, names.Item(own[:1], name))
    return rows.read(row, rows.own_time(row), names.group_by(name))


def _moments(rows: Rows, counted: list[Counted], grain: str) -> list[tuple[Row, datetime]]:
    moments = ((c.row, rows.own_time(c.row)) for c in counted)
    return [(row, truncate(t, grain)) for row, t in moments if t is not None]


def converted(world: World, metric: ConversionMetric, scope: Scope) -> Answer:
    """How many base events were followed by a conversion, at the base events' groups (A.11)."""
    inside = scope.narrowed(world.conditions(metric.name, metric.filter))
    base, bases = _events(world, metric.base_metric, inside)
    done, dones = _events(world, metric.conversion_metric, Scope())
    assert base.own is not None and done.own is not None
    grain = coarsest(base.own, done.own)
    if metric.unit == "calendar_day":
        grain = coarsest(grain, "day")

    def who(rows: Rows, row: Row, properties: list[str]) -> tuple[Value, ...]:
        entity = rows.read(row, None, names.group_by(metric.entity))
        return (entity, *(_property(rows, row, p) for p in properties))

    constants = metric.constant_properties
    before = [c.base_property for c in constants]
    later = [c.conversion_property for c in constants]
    candidates: dict[tuple[Value, ...], list[tuple[datetime, datetime, Counted]]] = {}
    beyond = _beyond(world, metric, inside, bases)
    for counted in (*bases, *beyond):
        moment = base.own_time(counted.row)
        key = who(base, counted.row, before)
        if moment is not None and None not in key:
            candidates.setdefault(key, []).append((truncate(moment, grain), moment, counted))
    groups = base.grouped(bases)
    found: dict[Group, list[Row]] = {group: [] for group in groups}
    hit: dict[int, Counted] = {}
    for row, moment in _moments(done, dones, grain):
        key = who(done, row, later)
        near = [n for n in candidates.get(key, []) if _in_window(metric, n[0], moment)]
        if metric.base_event == "any":
            hit.update({id(c): c for _, _, c in near if c not in beyond})
        elif near:
            pick = min if metric.base_event == "first" else max
            edge = pick(own for _, own, _ in near)
            at_once = (c for _, own, c in near if own == edge)
            chosen = {None if c in beyond else base.group(c) for c in at_once}
            if len(chosen) > 1:
                raise Undetermined("two base events at once, in different groups")
            group = chosen.pop()
            if group is not None:
                found[group].append(row)
    counter, is_grouped = done, bool(scope.keys)
    if metric.base_event == "any":
        counter = base
        for c in hit.values():
            found[base.group(c)].append(c.row)
    made: dict[Group, Value] = {}
    for group, rows in groups.items():
        number = counter.value(found[group], is_grouped)
        number = done.atom.fill if number is None else number
        if metric.calculation == "conversions":
            made[group] = number
            continue
        of = base.value([c.row for c in rows], is_grouped)
        of = base.atom.fill if of is None else of
        made[group] = None if number is None or not of else number / of
    return Answer(made)


def _beyond(
    world: World, metric: ConversionMetric, inside: Scope, bases: list[Counted]
) -> list[Counted]:
    """Base events that are not shown: of another time than is asked for, or at no date of a spine.

    A conversion belongs to the same base event, whatever time is asked for (X5).
    """
    shown = tuple(c for c in inside.shown if not (inside.shifts and c.is_timed))
    every = _events(world, metric.base_metric, Scope(shown=(*shown, *inside.moved)))[1]
    return [c for c in every if not any(c.row is b.row for b in bases)]


def _in_window(metric: ConversionMetric, base: datetime, done: datetime) -> bool:
    if base > done:
        return False
    if metric.after is not None:
        count, grain = length(metric.after)
        if base > add(done, -count, grain):
            return False
    if metric.window is None:
        return True
    count, grain = length(metric.window)
    edge = add(done, -count, grain)
    return base > edge or (metric.window_end == "inclusive" and base == edge)


def funnel(world: World, metric: FunnelMetric, scope: Scope) -> Answer:
    """How many entities of a group's first step went through all steps in order.

    Each step is the earliest event at or after the step before, and within the window of the first.
    """
    inside = scope.narrowed(world.conditions(metric.name, metric.filter))
    first, *later = metric.steps
    rows, events = _events(world, first, inside)
    others = [_events(world, step, Scope()) for step in later]
    grain = coarsest(str(rows.own), *(str(o.own) for o, _ in others))
    entity = names.group_by(metric.entity)
    tracks: list[dict[Value, list[datetime]]] = []
    for other, counted in others:
        track: dict[Value, list[datetime]] = {}
        for row, moment in _moments(other, counted, grain):
            track.setdefault(other.read(row, None, entity), []).append(moment)
        tracks.append(track)
    groups: dict[Group, dict[Value, datetime]] = {} if scope.keys else {(): {}}
    for counted in events:
        who, moment = rows.read(counted.row, None, entity), rows.own_time(counted.row)
        if who is not None and moment is not None:
            start, starts = truncate(moment, grain), groups.setdefault(rows.group(counted), {})
            starts[who] = min(start, starts.get(who, start))
    made: dict[Group, Value] = {}
    for group, starts in groups.items():
        counts = [len(starts), *(0 for _ in tracks)]
        for who, start in starts.items():
            here = start
            for number, track in enumerate(tracks, 1):
                fits = [t for t in track.get(who, []) if t >= here and _soon(metric, start, t)]
                if not fits:
                    break
                here = min(fits)
                counts[number] += 1
        if metric.calculation == "conversions":
            made[group] = counts[-1]
        else:
            of = counts[0] if metric.calculation == "rate_from_first" else counts[-2]
            made[group] = counts[-1] / of if of else None
    return Answer(made)


def _soon(metric: FunnelMetric, start: datetime, moment: datetime) -> bool:
    if metric.window is None:
        return True
    count, grain = length(metric.window)
    return start > add(moment, -count, grain)
