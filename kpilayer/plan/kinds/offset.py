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
from kpilayer.formula import Formula, Home, Shaped, atoms
from kpilayer.plan.keys import Key, is_of_home_time
from kpilayer.plan.kinds.cumulative import base_grain, time_key
from kpilayer.plan.nodes import Aggregate, Column, Derived, Group, Match, Read, keys_of
from kpilayer.plan.ranges import Range
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.spines import condition_at, spine
from kpilayer.plan.window import length, moved, moves_rows


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Group:
    """One row per period of the spine and group that has an earlier value."""
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    trees = [(columns[leaf], leaf.inputs[0][1]) for leaf in shaped]
    home = next((a.model, a.time) for a in atoms(shaped[0]))
    homes = tuple(dict.fromkeys((a.model, a.time) for leaf in shaped for a in atoms(leaf)))
    times = [k for k in scope.keys if is_of_home_time(builder.graph, k, home)]
    units = [k.column(home).unit or "day" for k in times]
    finest = grain.finest(units)
    settings = dict(shaped[0].settings)
    shown = (*scope.shown, *shaped[0].conditions)
    start = settings.get("offset_to_grain")
    whole = start is None or (grain.nests(finest, start) and not finest.startswith("week"))
    if whole:
        dates = spine(builder, home, finest, scope.span(home), shown)
    else:
        dates = _starts(builder, home, times, scope.span(home), shown)
    (shown_at,) = keys_of(dates)
    at = exp.column(shown_at, table=dates.name)
    rest = tuple(k for k in scope.keys if k not in times)
    if start is not None:
        unit = finest if whole else base_grain(builder.graph, home, [finest])
        earlier = expr.trunc(start, at.copy())
        spans = _spans(scope, lambda t: grain.truncate(t, start), lambda t: t, unit)
    else:
        count, unit = length(settings["offset_window"])
        if moves_rows(unit, units):
            return _of_moved_rows(builder, trees, scope, (count, unit), shown, dates, times, home)
        earlier = expr.move(at.copy(), -count, unit)
        before = partial(moved, count=-count, unit=unit)
        spans = _spans(scope, before, before, finest)
        unit = finest
    key = time_key(builder.graph, unit, homes)
    inner = Scope((key, *rest), spans, moved=scope.moved, without=scope.without, saves_reading=True)
    framed = builder.frame(builder, trees, inner)
    same = exp.EQ(this=exp.column(key.name, table=framed.group.name), expression=earlier)
    return _beside(builder, framed.group, dates, same, scope, times, trees, framed.values, home)


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
    held = [condition_at(builder, home, text, at) for text in shown]
    if not nests:
        begins = [exp.EQ(this=expr.trunc(u, at.copy()), expression=at.copy()) for u in units]
        held.append(exp.or_(*begins))
    if not held:
        return whole
    name = builder.name(f"{whole.name}_shown")
    return Aggregate(name, filtered(Read(whole), held), (Column(column, at.copy()),), ())


def _of_moved_rows(
    builder: Builder,
    trees: list[tuple[str, Formula]],
    scope: Scope,
    by: tuple[int, str],
    shown: tuple[str, ...],
    dates: Group,
    times: Sequence[Key],
    home: Home,
) -> Group:
    inner = replace(scope, moved=(*scope.moved, by), shown=shown)
    framed = builder.frame(builder, trees, inner)
    finest = min(times, key=lambda k: grain.rank(k.column(home).unit or "day"))
    same = exp.EQ(
        this=exp.column(finest.name, table=framed.group.name),
        expression=exp.column(finest.column(home).unit or "day", table=dates.name),
    )
    return _beside(builder, framed.group, dates, same, scope, (), trees, framed.values, home)


def _beside(
    builder: Builder,
    group: Group,
    dates: Group,
    same: exp.Expr,
    scope: Scope,
    times: Sequence[Key],
    trees: Sequence[tuple[str, Formula]],
    values: Mapping[Formula, exp.Expr],
    home: Home,
) -> Derived:
    """The values beside the dates of the spine at which they are shown."""
    (spine_unit,) = keys_of(dates)

    def key(k: Key) -> exp.Expr:
        if k not in times:
            return exp.column(k.name, table=group.name)
        unit, at = k.column(home).unit, exp.column(spine_unit, table=dates.name)
        return expr.trunc(unit, at) if unit is not None and unit != spine_unit else at

    columns = [Column(k.name, key(k)) for k in scope.keys]
    columns += [Column(name, values[tree]) for name, tree in trees]
    source = Match(Read(dates), Read(group), same)
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
