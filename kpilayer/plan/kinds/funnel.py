"""Funnels: entities that went through all steps in order.

An entity of a group enters at its earliest event of the first step there. Each later step is its
earliest event at or after the step before, less than the window after the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from kpilayer import expr
from kpilayer.conditions import all_of
from kpilayer.formula.tree import Formula, Shaped
from kpilayer.plan.kinds.events import (
    ENTITY,
    TIME,
    Events,
    atom_of,
    common_grain,
    events,
    within_window,
)
from kpilayer.plan.naming import branch_name
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Derived,
    Group,
    Match,
    Measure,
    Read,
    keys_of,
)
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder, Scope


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Group:
    """One row per group that an entity entered in."""
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    groups = tuple(_one(builder, leaf, columns[leaf], scope) for leaf in shaped)
    if len(groups) == 1:
        return groups[0]
    stacked = builder.name("stacked") if scope.keys else ""
    return Combine(builder.name("combined"), groups, stacked)


def _one(builder: Builder, leaf: Shaped, column: str, scope: Scope) -> Derived:
    settings = dict(leaf.settings)
    steps = [atom_of(inner) for _, inner in leaf.inputs]
    unit = common_grain(builder.graph, steps)
    entity = leaf.names[0][2]
    first = events(builder, steps[0], scope, unit, entity)
    at: Group = _entered(builder, first)
    for atom in steps[1:]:
        then = events(builder, atom, Scope(()), unit, entity)
        at = _next(builder, at, then, settings.get("window"), scope)
    number = len(steps)
    keys = tuple(Column(k.name, exp.column(k.name, table=at.name)) for k in scope.keys)
    wanted = {"conversions": [number], "rate_from_first": [number, 1],
              "rate_from_previous": [number, number - 1]}[settings["calculation"]]  # fmt: skip
    measures = tuple(
        Measure(scope.apart(f"step_{n}"), "count", exp.column(_reached(n, scope), table=at.name))
        for n in wanted
    )
    counted = Aggregate(builder.name(f"{at.name}_counted"), Read(at), keys, measures)
    values = [exp.column(m.name, table=counted.name) for m in measures]
    value = values[0] if len(values) == 1 else expr.ratio(*values)
    own = tuple(Column(k.name, exp.column(k.name, table=counted.name)) for k in scope.keys)
    name = builder.name(branch_name(column, keys_of(counted)))
    return Derived(name, Read(counted), (*own, Column(column, value)), keys_of(counted))


def _reached(step: int, scope: Scope) -> str:
    return scope.apart("entered_at" if step == 1 else f"reached_step_{step}")


def _entered(builder: Builder, first: Events) -> Aggregate:
    """The first event of each entity in each group."""
    entity, at = first.column(ENTITY), first.column(TIME)
    known = [
        exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null())) for value in (entity, at)
    ]
    return Aggregate(
        builder.name(f"{first.group.name}_entered"),
        filtered(Read(first.group), [*known]),
        (*first.keys, Column(first.scope.apart(ENTITY), entity)),
        (Measure(_reached(1, first.scope), "min", at),),
    )


def _next(builder: Builder, at: Group, then: Events, window: str | None, scope: Scope) -> Aggregate:
    """When each entity reached the next step, NULL where it did not."""

    def here(name: str) -> exp.Expr:
        return exp.column(name, table=at.name)

    entity, time = scope.apart(ENTITY), then.column(TIME)
    reached = [_reached(n, scope) for n in range(1, _steps(at) + 1)]
    held: list[exp.Expr] = [
        exp.EQ(this=then.column(ENTITY), expression=here(entity)),
        exp.GTE(this=time, expression=here(reached[-1])),
        *within_window(here(reached[0]), time.copy(), window),
    ]
    keys = (*(k.name for k in scope.keys), entity)
    measures = [Measure(name, "min", here(name)) for name in reached]
    measures.append(Measure(_reached(len(reached) + 1, scope), "min", time.copy()))
    return Aggregate(
        builder.name(f"{then.group.name}_reached"),
        Match(Read(at), Read(then.group), all_of(held), keeps_left=True),
        tuple(Column(k, here(k)) for k in keys),
        tuple(measures),
    )


def _steps(at: Group) -> int:
    assert isinstance(at, Aggregate), "each step is an aggregation"
    return len(at.measures)
