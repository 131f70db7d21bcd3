"""Values of an earlier time: at each period the value that there was so much before.

Where the question is as fine as the offset or finer, the result is moved: the value at T is that of
T minus the offset. Where it is coarser, or by weeks and months at once, rows are moved by whole
periods of the offset and then aggregated: nothing is counted twice or lost (X1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.conditions import all_of
from kpilayer.formula.tree import Formula, Home, Shaped, atoms
from kpilayer.plan.customs import Dated, earlier_dates
from kpilayer.plan.keys import Key, is_of_home_time
from kpilayer.plan.kinds.cumulative import base_grain, time_key
from kpilayer.plan.kinds.gaps import periods, same_periods
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Derived,
    Group,
    Match,
    Read,
    Source,
    keys_of,
    values_of,
)
from kpilayer.plan.ranges import Range
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.spines import spine
from kpilayer.plan.window import Move, length, moved, moves_rows


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Group:
    """One row per period of the spine and group that has an earlier value."""
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    trees = [(columns[leaf], leaf.inputs[0][1]) for leaf in shaped]
    home = next((a.model, a.time) for a in atoms(shaped[0]))
    homes = tuple(dict.fromkeys((a.model, a.time) for leaf in shaped for a in atoms(leaf)))
    times = [k for k in scope.keys if is_of_home_time(builder.graph, k, home)]
    settings = dict(shaped[0].settings)
    shown = (*scope.shown, *shaped[0].conditions)
    start = settings.get("offset_to_grain")
    calendar, asked = builder.graph.catalog.calendar, [k.column(home) for k in times]
    if start is None:
        count, unit = length(settings["offset_window"])
        in_turn = any(calendar.custom(m.unit) for m in scope.moved)  # each day by itself
        if in_turn or moves_rows(calendar, unit, asked):
            is_whole = not in_turn and all(c.custom is None for c in asked)
            by = Move(count, unit, is_whole)
            return _of_moved_rows(builder, trees, scope, by, shown, times, home)
    units = [c.unit for c in asked if c.unit is not None]
    finest = grain.finest(units)
    whole = start is None or (grain.nests(finest, start) and not finest.startswith("week"))
    if whole:
        dates = spine(builder, home, finest, scope.span(home), shown)
    else:
        dates = _starts(builder, home, times, scope.span(home), shown)
    (shown_at,) = keys_of(dates)
    at = exp.column(shown_at, table=dates.name)
    rest = tuple(k for k in scope.keys if k not in times)
    source: Source = Read(dates)
    if start is not None:
        unit = finest if whole else base_grain(builder.graph, home, [finest])
        earlier = expr.trunc(start, at.copy())
        spans = _spans(scope, lambda t: grain.truncate(t, start), lambda t: t, unit)
    else:
        custom = calendar.custom(unit)
        if custom is not None:
            pairs = earlier_dates(builder, custom, count)
            (day,), (before_it,) = keys_of(pairs), values_of(pairs)
            same_day = exp.EQ(this=exp.column(day, table=pairs.name), expression=at.copy())
            source = Match(source, Read(pairs), same_day)
            earlier, spans = exp.column(before_it, table=pairs.name), ()
        else:
            earlier = expr.move(at.copy(), -count, unit)
            before = partial(moved, count=-count, unit=unit)
            spans = _spans(scope, before, before, finest)
        unit = finest
    key = time_key(builder.graph, unit, homes)
    inner = Scope((key, *rest), spans, moved=scope.moved, without=scope.without, saves_reading=True)
    framed = builder.frame(builder, trees, inner)
    same = exp.EQ(this=exp.column(key.name, table=framed.group.name), expression=earlier)
    dated = Dated(builder.graph, at, shown_at)
    keys = {k.name: dated.period(k.column(home)) for k in times}
    source = dated.joined(Match(source, Read(framed.group), same))
    return _beside(builder, framed.group, source, keys, scope, trees, framed.values)


def _starts(
    builder: Builder, home: Home, times: Sequence[Key], span: Range, shown: Sequence[str]
) -> Group:
    """The instants at which an asked period begins and the conditions hold (reference A.10)."""
    units = [k.column(home).unit or "day" for k in times]
    finest = grain.finest(units)
    nests = all(grain.nests(finest, unit) for unit in units)
    whole = spine(builder, home, finest if nests else "day", span)
    (column,) = keys_of(whole)
    at = exp.column(column, table=whole.name)
    dated = Dated(builder.graph, at, column)
    held = [dated.meets(home, text) for text in shown]
    if not nests:
        begins = [exp.EQ(this=expr.trunc(u, at.copy()), expression=at.copy()) for u in units]
        held.append(exp.or_(*begins))
    if not held:
        return whole
    name = builder.name(f"{whole.name}_shown")
    source = filtered(dated.joined(Read(whole)), held)
    return Aggregate(name, source, (Column(column, at.copy()),), ())


def _of_moved_rows(
    builder: Builder,
    trees: list[tuple[str, Formula]],
    scope: Scope,
    by: Move,
    shown: tuple[str, ...],
    times: Sequence[Key],
    home: Home,
) -> Group:
    inner = replace(scope, moved=(*scope.moved, by), shown=shown)
    framed = builder.frame(builder, trees, inner)
    asked = [k.column(home) for k in times]
    if any(c.custom is not None for c in asked):
        dates = periods(builder, home, times, scope, shown)
        same = all_of([*same_periods(times, home, framed.group, dates)])
    else:
        finest = min(times, key=lambda k: grain.rank(k.column(home).unit or "day"))
        unit = finest.column(home).unit or "day"
        dates = spine(builder, home, unit, scope.span(home), shown)
        same = exp.EQ(
            this=exp.column(finest.name, table=framed.group.name),
            expression=exp.column(unit, table=dates.name),
        )
    source = Match(Read(dates), Read(framed.group), same)
    return _beside(builder, framed.group, source, {}, scope, trees, framed.values)


def _beside(
    builder: Builder,
    group: Group,
    source: Source,
    times: Mapping[str, exp.Expr],
    scope: Scope,
    trees: Sequence[tuple[str, Formula]],
    values: Mapping[Formula, exp.Expr],
) -> Derived:
    """The values beside the dates of the spine at which they are shown, as the group-bys say."""
    columns = [
        Column(k.name, times.get(k.name) or exp.column(k.name, table=group.name))
        for k in scope.keys
    ]
    columns += [Column(name, values[tree]) for name, tree in trees]
    name = builder.name(f"{group.name}_earlier")
    return Derived(name, source, tuple(columns), tuple(k.name for k in scope.keys))


def _spans(
    scope: Scope,
    first: Callable[[datetime], datetime],
    last: Callable[[datetime], datetime],
    unit: str,
) -> tuple[tuple[Home, Range], ...]:
    """The ranges in which earlier values lie, in whole periods: the join to the spine is exact."""
    found = []
    for home, span in scope.spans:
        lower = grain.truncate(first(span.lower), unit) if span.lower is not None else None
        upper = grain.next_period(last(span.upper), unit) if span.upper is not None else None
        found.append((home, Range(lower, upper)))
    return tuple(found)
