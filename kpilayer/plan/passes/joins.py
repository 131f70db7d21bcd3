"""Joins that nothing uses."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from kpilayer.expr import columns
from kpilayer.plan.nodes import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    Match,
    Plan,
    Read,
    Scan,
    SemiJoin,
    Source,
)
from kpilayer.plan.passes.walk import on_aggregates, reading


def drop_unused_joins(plan: Plan) -> Plan:
    """Drops a join none of whose columns is used: each row passes it exactly once.

    ``Aggregate(sum(o.amount), Join(o, c))`` → ``Aggregate(sum(o.amount), o)``
    """

    def pruned(aggregate: Aggregate) -> Aggregate:
        trees = [k.value for k in aggregate.keys]
        for measure in aggregate.measures:
            trees += [measure.value, *([measure.condition] if measure.condition else [])]
        used = {c.table for tree in trees for c in columns(tree)}
        return reading(aggregate, _without(aggregate.input, used))

    return on_aggregates(plan, pruned)


def _without(source: Source, used: set[str]) -> Source:
    match source:
        case Scan() | Read() | Match():
            return source
        case Filter():
            inner = {c.table for c in columns(source.condition)}
            below = _without(source.input, used | inner)
            return source if below is source.input else replace(source, input=below)
        case SemiJoin():
            trees = [source.on, source.condition, *_conditions(source.match)]
            inner = {c.table for tree in trees for c in columns(tree)}
            below = _without(source.input, used | inner)
            return source if below is source.input else replace(source, input=below)
        case Distinct():
            inner = {c.table for column in source.columns for c in columns(column.value)}
            below = _without(source.input, inner)
            return source if below is source.input else replace(source, input=below)
        case Join():
            if source.right.alias not in used:
                return _without(source.left, used)
            keys = {c.table for tree in _of_join(source) for c in columns(tree)}
            left = _without(source.left, used | keys)
            return source if left is source.left else replace(source, left=left)


def _of_join(join: Join) -> list[exp.Expr]:
    return [left for left, _ in join.on] + ([join.valid] if join.valid else [])


def _conditions(source: Source) -> list[exp.Expr]:
    return [*_of_join(source), *_conditions(source.left)] if isinstance(source, Join) else []
