"""Funnels: entities that went through all steps in order.

An entity of a group enters at its earliest event of the first step there. Each later step is its
earliest event at or after the step before, less than the window after the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from kpilayer import expr
from kpilayer.conditions import all_of
from kpilayer.formula import Formula, Shaped
from kpilayer.plan.kinds.events import (
    ENTITY,
    TIME,
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

START = "entered_at"


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
    at: Group = _entered(builder, first, scope)
    for atom in steps[1:]:
        then = events(builder, atom, None, unit, entity)
        at = _next(builder, at, then, settings.get("window"), scope)
    number = len(steps)
    keys = tuple(Column(k.name, exp.column(k.name, table=at.name)) for k in scope.keys)
    wanted = {"conversions": [number], "rate_from_first": [number, 1],
              "rate_from_previous": [number, number - 1]}[settings["calculation"]]  # fmt: skip
    measures = tuple(
        Measure(f"step_{n}", "count", exp.column(_reached(n), table=at.name)) for n in wanted
    )
    counted = Aggregate(builder.name(f"{at.name}_counted"), Read(at), keys, measures)
    values = [exp.column(m.name, table=counted.name) for m in measures]
    value = values[0] if len(values) == 1 else expr.ratio(*values)
    own = tuple(Column(k.name, exp.column(k.name, table=counted.name)) for k in scope.keys)
    name = builder.name(branch_name(column, keys_of(counted)))
    return Derived(name, Read(counted), (*own, Column(column, value)), keys_of(counted))


def _reached(step: int) -> str:
    return START if step == 1 else f"reached_step_{step}"


def _entered(builder: Builder, first: Derived, scope: Scope) -> Aggregate:
    """The first event of each entity in each group."""

    def column(name: str) -> exp.Expr:
        return exp.column(name, table=first.name)

    keys = tuple(Column(k.name, column(k.name)) for k in scope.keys)
    known = [
        exp.Not(this=exp.Is(this=column(name), expression=exp.Null())) for name in (ENTITY, TIME)
    ]
    return Aggregate(
        builder.name(f"{first.name}_entered"),
        filtered(Read(first), [*known]),
        (*keys, Column(ENTITY, column(ENTITY))),
        (Measure(START, "min", column(TIME)),),
    )


def _next(
    builder: Builder, at: Group, then: Derived, window: str | None, scope: Scope
) -> Aggregate:
    """When each entity reached the next step, NULL where it did not."""

    def here(name: str) -> exp.Expr:
        return exp.column(name, table=at.name)

    def there(name: str) -> exp.Expr:
        return exp.column(name, table=then.name)

    steps = _steps(at)
    held: list[exp.Expr] = [
        exp.EQ(this=there(ENTITY), expression=here(ENTITY)),
        exp.GTE(this=there(TIME), expression=here(_reached(steps))),
        *within_window(here(START), there(TIME), window),
    ]
    keys = (*(k.name for k in scope.keys), ENTITY)
    measures = [Measure(_reached(n), "min", here(_reached(n))) for n in range(1, steps + 1)]
    measures.append(Measure(_reached(steps + 1), "min", there(TIME)))
    return Aggregate(
        builder.name(f"{then.name}_reached"),
        Match(Read(at), Read(then), all_of(held), keeps_left=True),
        tuple(Column(k, here(k)) for k in keys),
        tuple(measures),
    )


def _steps(at: Group) -> int:
    assert isinstance(at, Aggregate), "each step is an aggregation"
    return len(at.measures)
