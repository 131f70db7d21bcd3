"""Conversions: base events of an entity that were followed by a conversion event in time (A.11).

A conversion belongs to one base event, the latest before it (or the first), and is counted in that
one's groups. Filters and group-bys are on base events; each side's own filters always apply (X2). A
range says which base events are shown, and not to which of all a conversion belongs (X5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.conditions import all_of
from kpilayer.formula.tree import Atom, Formula, Shaped
from kpilayer.plan.kinds.events import (
    MOMENT,
    NUMBER,
    SHOWN,
    TIME,
    VALUE,
    Events,
    Spans,
    atom_of,
    common_grain,
    events,
    follows,
    in_several_groups,
    within_window,
)
from kpilayer.plan.naming import branch_name
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Derived,
    Filter,
    Group,
    Match,
    Measure,
    Read,
    keys_of,
)
from kpilayer.plan.ranges import Range
from kpilayer.plan.scope import Builder, Scope, filled, named
from kpilayer.plan.window import length, moved


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Group:
    """One row per group of base events, with the conversions of each leaf."""
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    groups = [_one(builder, leaf, columns[leaf], scope) for leaf in shaped]
    if len(groups) == 1:
        return groups[0]
    stacked = builder.name("stacked") if scope.keys else ""
    return Combine(builder.name("combined"), tuple(groups), stacked)


def _one(builder: Builder, leaf: Shaped, column: str, scope: Scope) -> Group:
    settings = dict(leaf.settings)
    base_tree, done_tree = (inner for _, inner in leaf.inputs)
    base, done = atom_of(base_tree), atom_of(done_tree)
    unit = common_grain(builder.graph, (base, done))
    if settings.get("unit") == "calendar_day":
        unit = grain.coarsest([unit, "day"])
    entity = next(name for what, _, name in leaf.names if what == "entity")
    before = [name for what, role, name in leaf.names if (what, role) == ("constant", "base")]
    after = [name for what, role, name in leaf.names if (what, role) == ("constant", "conversion")]
    among = None if settings["base_event"] == "any" else _among(scope, base, settings, unit)
    first = events(builder, base, scope, unit, entity, before, among)
    until = Scope((), _following(scope, base, done, settings, unit))
    then = events(builder, done, until, unit, entity, after)
    found = scope.apart(f"{column}_conversions")
    if settings["base_event"] == "any":
        counted = _any(builder, first, then, settings, len(before), base, found)
    else:
        met_by = _pairs(first, then, settings, len(before))
        several = in_several_groups((base.model, base.time), scope)
        place = _place(first, then, settings["base_event"] == "latest", several)
        counted = _matched(builder, first, then, met_by, place, done, found)
    of = scope.apart(f"{column}_base")
    framed = builder.frame(builder, [(of, base_tree)], scope)
    whole = named(builder, framed.group, scope, [(of, base_tree)], framed.values)
    stacked = builder.name("stacked") if scope.keys else ""
    met = Combine(builder.name("combined"), (whole, counted), stacked)
    number = filled(_with_filling(done_tree), exp.column(found, table=met.name))
    if settings["calculation"] == "conversion_rate":
        number = expr.ratio(number, exp.column(of, table=met.name))
    keys = keys_of(met)
    made = (*(Column(k, exp.column(k, table=met.name)) for k in keys), Column(column, number))
    return Derived(builder.name(branch_name(column, keys)), Read(met), made, keys)


def _among(scope: Scope, base: Atom, settings: Mapping[str, str], unit: str) -> Spans:
    """When the base events lie that a conversion of one that is shown could belong to instead.

    That is later ones than the latest shown, or earlier ones than the first, within the window; by
    two months or years more, since these are not all alike and times are compared by ``unit``.
    """
    home = (base.model, base.time)
    if scope.moved or home not in dict(scope.spans):
        return ()
    span, window = scope.span(home), settings.get("window")
    around = grain.coarsest([unit, "month"])
    low = high = None
    if settings["base_event"] == "latest":
        low = grain.truncate(span.lower, unit) if span.lower is not None else None
        if window is not None and span.upper is not None:
            high = _long_after(span.upper, window, around)
        return ((home, Range(low, high)),)
    if window is not None and span.lower is not None:
        count, of = length(window)
        low = moved(grain.truncate(moved(span.lower, -count, of), around), -1, around)
    high = grain.next_period(span.upper, unit) if span.upper is not None else None
    return ((home, Range(low, high)),)


def _following(
    scope: Scope, base: Atom, done: Atom, settings: Mapping[str, str], unit: str
) -> Spans:
    """When conversions of base events that are shown lie: a saving, as wide as above."""
    home, window = (base.model, base.time), settings.get("window")
    if scope.moved or home not in dict(scope.spans):
        return ()
    span, around = scope.span(home), grain.coarsest([unit, "month"])
    low = high = None
    if span.lower is not None:
        low = moved(grain.truncate(span.lower, around), -1, around)
    if window is not None and span.upper is not None:
        high = _long_after(span.upper, window, around)
    return (((done.model, done.time), Range(low, high)),)


def _long_after(at: datetime, window: str, around: str) -> datetime:
    high = grain.next_period(moved(at, *length(window)), around)
    return grain.next_period(high, around)


def _with_filling(tree: Formula) -> Formula:
    """The part of a conversion metric that says what stands for no conversions, or its atom."""
    while isinstance(tree, Shaped) and tree.rule != "filled":
        tree = tree.inputs[0][1]
    return tree


def _pairs(first: Events, then: Events, settings: Mapping[str, str], same: int) -> exp.Expr:
    """The conditions under which a conversion may belong to a base event."""
    begun, done = first.column(TIME), then.column(TIME)
    held = follows(first, then, same)
    latest = done
    if "after" in settings:
        count, unit = length(settings["after"])
        latest = expr.move(done.copy(), -count, unit)
        held.append(exp.LTE(this=begun.copy(), expression=done.copy()))
    held.append(exp.LTE(this=begun, expression=latest))
    inclusive = settings["window_end"] == "inclusive"
    window = settings.get("window")
    held += within_window(begun.copy(), done.copy(), window, inclusive=inclusive)
    condition = all_of(held)
    assert condition is not None, "there is at least the entity"
    return condition


def _matched(
    builder: Builder,
    first: Events,
    then: Events,
    met_by: exp.Expr,
    place: exp.Expr,
    done: Atom,
    name: str,
) -> Aggregate:
    """Each conversion once, in the groups of its base event."""
    apart = first.scope.apart
    told = [Column(apart(VALUE), then.column(VALUE)), Column(apart("place_of_base"), place)]
    ones = [apart("place_of_base")]
    if first.tells_shown:
        told.append(Column(apart(SHOWN), first.column(SHOWN)))
        ones.append(apart(SHOWN))
    pairs = Derived(
        builder.name(f"{first.group.name}_converted"),
        Match(Read(then.group), Read(first.group), met_by),
        (*first.keys, *told),
    )
    columns = (exp.column(name, table=pairs.name) for name in ones)
    is_one = all_of([exp.EQ(this=c, expression=exp.Literal.number(1)) for c in columns])
    assert is_one is not None, "there is the place"
    return _counted(builder, pairs, Filter(Read(pairs), is_one), done, name, first.scope)


def _place(first: Events, then: Events, latest: bool, several: bool) -> exp.Expr:
    """Which of the base events of a conversion a pair is of, by time; the first one has it.

    In ``several`` groups, all pairs of one base event are at the same place.
    """
    order = [exp.Ordered(this=first.column(TIME), desc=latest, nulls_first=False)]
    if first.tells_moment:
        order.append(exp.Ordered(this=first.column(MOMENT), desc=latest, nulls_first=False))
    ties = [first.column(NUMBER)] if several else [key.value for key in first.keys]
    order += [exp.Ordered(this=tie, desc=False, nulls_first=False) for tie in ties]
    return exp.Window(
        this=exp.Rank() if several else exp.RowNumber(),
        partition_by=[then.column(NUMBER)],
        order=exp.Order(expressions=order),
    )


def _any(
    builder: Builder,
    first: Events,
    then: Events,
    settings: Mapping[str, str],
    same: int,
    base: Atom,
    name: str,
) -> Aggregate:
    """Each base event that has a conversion, once."""
    known = (Column(first.scope.apart(n), first.column(n)) for n in (VALUE, NUMBER))
    hit = Aggregate(
        builder.name(f"{first.group.name}_converted"),
        Match(Read(first.group), Read(then.group), _pairs(first, then, settings, same)),
        (*first.keys, *known),
        (),
    )
    return _counted(builder, hit, Read(hit), base, name, first.scope)


def _counted(
    builder: Builder, group: Group, source: Read | Filter, atom: Atom, name: str, scope: Scope
) -> Aggregate:
    value = exp.column(scope.apart(VALUE), table=group.name)
    keys = tuple(Column(k.name, exp.column(k.name, table=group.name)) for k in scope.keys)
    measure = Measure(name, atom.agg, value, needs_rows=not keys and atom.agg == "count")
    return Aggregate(builder.name(f"{group.name}_counted"), source, keys, (measure,))
