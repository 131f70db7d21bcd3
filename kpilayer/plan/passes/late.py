"""Joins that wait for the groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from kpilayer.expr import columns
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Derived,
    Filter,
    Group,
    Join,
    Plan,
    Read,
    Scan,
    SemiJoin,
    Source,
    keys_of,
    values_of,
    walk,
)
from kpilayer.plan.passes.walk import on_groups


def join_after_grouping(plan: Plan) -> Plan:
    """Joins a table to groups and not to rows, where its key is one of the group-bys.

    ``SELECT c.tier, o.customer_id, SUM(..) FROM o LEFT JOIN c .. GROUP BY ..`` → the groups of
    ``o.customer_id``, with the tier of each
    """
    taken = {n.name for n in walk(plan.root) if isinstance(n, (Aggregate, Combine, Derived))}

    def later(aggregate: Aggregate) -> Group:
        found = _waiting(aggregate)
        if found is None:
            return aggregate
        join, rows = found
        alias = join.right.alias
        waiting = {k.name for k in aggregate.keys if _reads(k.value, alias)}
        name = f"{aggregate.name}_grouped"
        while name in taken:
            name = f"{name}_"
        taken.add(name)
        kept = tuple(k for k in aggregate.keys if k.name not in waiting)
        inner = replace(aggregate, name=name, input=rows, keys=kept)
        by_value = {k.value: k.name for k in kept}
        on = tuple((exp.column(by_value[left], name), right) for left, right in join.on)
        source = Join(Read(inner), join.right, on, right_key_is_unique=True)
        made = [
            k if k.name in waiting else Column(k.name, exp.column(k.name, name))
            for k in aggregate.keys
        ]
        made += [Column(n, exp.column(n, name)) for n in values_of(aggregate)]
        return Derived(aggregate.name, source, tuple(made), keys_of(aggregate))

    return on_groups(plan, later)


def _waiting(aggregate: Aggregate) -> tuple[Join, Source] | None:
    """A join that only group-bys use, on others of them, and the rows without it."""
    used = [m.value for m in aggregate.measures]
    used += [m.condition for m in aggregate.measures if m.condition is not None]
    values = {k.value for k in aggregate.keys}
    for join in _joins(aggregate.input):
        alias = join.right.alias
        own = [k.value for k in aggregate.keys if _reads(k.value, alias)]
        others = {c.table for value in own for c in columns(value)} - {alias}
        can_wait = join.valid is None and join.right_key_is_unique and not join.repeats
        if not own or others or not can_wait or not all(left in values for left, _ in join.on):
            continue
        rows = _without(aggregate.input, join, used)
        if rows is not None:
            return join, rows
    return None


def _joins(source: Source) -> list[Join]:
    match source:
        case Filter() | SemiJoin():
            return _joins(source.input)
        case Join():
            return [source, *_joins(source.left)]
        case _:
            return []


def _without(source: Source, join: Join, used: Sequence[exp.Expr]) -> Source | None:
    """The rows without a join; None where something else needs it."""
    alias = join.right.alias
    if any(_reads(tree, alias) for tree in used):
        return None
    if source is join:
        return source.left if isinstance(source.left, (Scan, Join, Read)) else None
    match source:
        case Filter():
            below = _without(source.input, join, [source.condition])
            return None if below is None else replace(source, input=below)
        case Join():
            trees = [left for left, _ in source.on]
            trees += [source.valid] if source.valid is not None else []
            below = _without(source.left, join, trees)
            return None if below is None else replace(source, left=below)
        case _:
            return None


def _reads(tree: exp.Expr, alias: str) -> bool:
    return any(column.table == alias for column in columns(tree))
