"""Conversions: base events of an entity that were followed by a conversion event in time (A.11).

A conversion belongs to one base event, the latest before it (or the first), and is counted in that
one's groups. Filters and group-bys are on base events; each side's own filters always apply (X2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.conditions import all_of
from kpilayer.formula import Atom, Formula, Shaped
from kpilayer.plan.kinds.events import (
    NUMBER,
    TIME,
    VALUE,
    atom_of,
    common_grain,
    events,
    follows,
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
from kpilayer.plan.scope import Builder, Scope, named
from kpilayer.plan.window import length


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
    first = events(builder, base, scope, unit, entity, before)
    then = events(builder, done, None, unit, entity, after)
    found = f"{column}_conversions"
    if settings["base_event"] == "any":
        counted = _any(builder, first, then, settings, len(before), base, found, scope)
    else:
        counted = _matched(builder, first, then, settings, len(before), done, found, scope)
    of = f"{column}_base"
    framed = builder.frame(builder, [(of, base_tree)], scope)
    whole = named(builder, framed.group, scope, [(of, base_tree)], framed.values)
    stacked = builder.name("stacked") if scope.keys else ""
    met = Combine(builder.name("combined"), (whole, counted), stacked)
    number = _filled(done_tree, exp.column(found, table=met.name))
    if settings["calculation"] == "conversion_rate":
        number = expr.ratio(number, exp.column(of, table=met.name))
    keys = keys_of(met)
    made = (*(Column(k, exp.column(k, table=met.name)) for k in keys), Column(column, number))
    return Derived(builder.name(branch_name(column, keys)), Read(met), made, keys)


def _filled(tree: Formula, value: exp.Expr) -> exp.Expr:
    """What stands for no conversions: NULL, or what the conversion metric says."""
    while isinstance(tree, Shaped):
        if tree.rule == "filled":
            number = dict(tree.settings)["value"]
            return exp.Coalesce(this=value, expressions=[exp.Literal.number(number)])
        tree = tree.inputs[0][1]
    return value


def _of(group: Group) -> Callable[[str], exp.Expr]:
    return lambda name: exp.column(name, table=group.name)


def _pairs(first: Derived, then: Derived, settings: Mapping[str, str], same: int) -> exp.Expr:
    """The conditions under which a conversion may belong to a base event."""
    base, later = _of(first), _of(then)
    held = follows(base, later, same)
    latest = later(TIME)
    if "after" in settings:
        count, unit = length(settings["after"])
        latest = expr.move(latest, -count, unit)
        held.append(exp.LTE(this=base(TIME), expression=later(TIME)))
    held.append(exp.LTE(this=base(TIME), expression=latest))
    inclusive = settings["window_end"] == "inclusive"
    held += within_window(base(TIME), later(TIME), settings.get("window"), inclusive=inclusive)
    condition = all_of(held)
    assert condition is not None, "there is at least the entity"
    return condition


def _matched(
    builder: Builder,
    first: Derived,
    then: Derived,
    settings: Mapping[str, str],
    same: int,
    done: Atom,
    name: str,
    scope: Scope,
) -> Aggregate:
    """Each conversion once, in the groups of its base event."""
    base, later = _of(first), _of(then)
    latest = settings["base_event"] == "latest"
    order = [exp.Ordered(this=base(TIME), desc=latest, nulls_first=False)]
    order += [exp.Ordered(this=base(k.name), desc=False, nulls_first=False) for k in scope.keys]
    place = exp.Window(
        this=exp.RowNumber(),
        partition_by=[later(NUMBER)],
        order=exp.Order(expressions=order),
    )
    pairs = Derived(
        builder.name(f"{first.name}_converted"),
        Match(Read(then), Read(first), _pairs(first, then, settings, same)),
        (
            *(Column(k.name, base(k.name)) for k in scope.keys),
            Column(VALUE, later(VALUE)),
            Column("place_of_base", place),
        ),
    )
    one = exp.EQ(
        this=exp.column("place_of_base", table=pairs.name), expression=exp.Literal.number(1)
    )
    return _counted(builder, pairs, Filter(Read(pairs), one), done, name, scope)


def _any(
    builder: Builder,
    first: Derived,
    then: Derived,
    settings: Mapping[str, str],
    same: int,
    base_atom: Atom,
    name: str,
    scope: Scope,
) -> Aggregate:
    """Each base event that has a conversion, once."""
    base = _of(first)
    wanted = (*(k.name for k in scope.keys), VALUE, NUMBER)
    hit = Aggregate(
        builder.name(f"{first.name}_converted"),
        Match(Read(first), Read(then), _pairs(first, then, settings, same)),
        tuple(Column(column, base(column)) for column in wanted),
        (),
    )
    return _counted(builder, hit, Read(hit), base_atom, name, scope)


def _counted(
    builder: Builder, group: Group, source: Read | Filter, atom: Atom, name: str, scope: Scope
) -> Aggregate:
    value = exp.column(VALUE, table=group.name)
    keys = tuple(Column(k.name, exp.column(k.name, table=group.name)) for k in scope.keys)
    measure = Measure(name, atom.agg, value, needs_rows=not keys and atom.agg == "count")
    return Aggregate(builder.name(f"{group.name}_counted"), source, keys, (measure,))
