"""Rewrites of a plan: each a total function that keeps every row and value, in a visible tuple."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlglot import exp

from kpilayer.conditions import all_of
from kpilayer.expr import columns, conjuncts
from kpilayer.plan.nodes import (
    Aggregate,
    Combine,
    Derived,
    Distinct,
    Filter,
    Group,
    Join,
    Levels,
    Match,
    Plan,
    Read,
    Scan,
    SemiJoin,
    Source,
    Spine,
)

Pass = Callable[[Plan], Plan]

_ISO_DATE: Final = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


def merge_bounds(plan: Plan) -> Plan:
    """Drops a time bound that another bound on the same column implies.

    ``t >= DATE '2026-02-01' AND t >= DATE '2026-01-01'`` → ``t >= DATE '2026-02-01'``
    """

    def merged(source: Source) -> Source:
        if isinstance(source, (SemiJoin, Distinct)):
            below = merged(source.input)
            return source if below is source.input else replace(source, input=below)
        if not isinstance(source, Filter):
            return source
        parts = list(conjuncts(source.condition))
        kept = [p for p in parts if not any(_implies(o, p) for o in parts if o != p)]
        if len(kept) == len(parts):
            return source
        condition = all_of(kept)
        assert condition is not None, "of several bounds, one is not implied by the others"
        return Filter(source.input, condition)

    return _on_sources(plan, merged)


def drop_unused_joins(plan: Plan) -> Plan:
    """Drops a join none of whose columns is used: each row passes it exactly once.

    ``Aggregate(sum(o.amount), Join(o, c))`` → ``Aggregate(sum(o.amount), o)``
    """

    def pruned(aggregate: Aggregate) -> Aggregate:
        trees = [k.value for k in aggregate.keys]
        for measure in aggregate.measures:
            trees += [measure.value, *([measure.condition] if measure.condition else [])]
        used = {c.table for tree in trees for c in columns(tree)}
        return _reading(aggregate, _without(aggregate.input, used))

    return _on_aggregates(plan, pruned)


#: In the order in which they run.
PASSES: Final[tuple[Pass, ...]] = (merge_bounds, drop_unused_joins)


def rewrite(plan: Plan) -> Plan:
    """The plan after every pass."""
    for one in PASSES:
        plan = one(plan)
    return plan


def _on_aggregates(plan: Plan, change: Callable[[Aggregate], Aggregate]) -> Plan:
    """The plan with every aggregate changed, from the inside out; what is shared stays shared."""
    known: dict[int, Group] = {}  # by identity: comparing whole trees would take long

    def group(node: Group) -> Group:
        if id(node) not in known:
            known[id(node)] = rebuilt(node)
        return known[id(node)]

    def rebuilt(node: Group) -> Group:
        match node:
            case Aggregate():
                return change(_reading(node, source(node.input)))
            case Combine():
                branches = tuple(group(b) for b in node.branches)
                is_same = all(map(operator.is_, branches, node.branches))
                return node if is_same else replace(node, branches=branches)
            case Derived():
                below = source(node.input)
                return node if below is node.input else replace(node, input=below)
            case Levels():
                return replace(
                    node, arms=tuple(replace(arm, input=source(arm.input)) for arm in node.arms)
                )
            case Spine():
                if node.bounds is None:
                    return node
                bounds = group(node.bounds)
                assert isinstance(bounds, Aggregate), "an aggregate stays one"
                return node if bounds is node.bounds else replace(node, bounds=bounds)

    def source(node: Source) -> Source:
        match node:
            case Scan():
                return node
            case Read():
                below = group(node.group)
                return node if below is node.group else replace(node, group=below)
            case Filter() | SemiJoin() | Distinct():
                inner = source(node.input)
                return node if inner is node.input else replace(node, input=inner)
            case Join():
                left = source(node.left)
                return node if left is node.left else replace(node, left=left)
            case Match():
                left, right = source(node.left), source(node.right)
                assert isinstance(right, Read), "a read stays one"
                is_same = left is node.left and right is node.right
                return node if is_same else replace(node, left=left, right=right)

    project = plan.root.input
    top = group(project.input)
    if top is project.input:
        return plan
    return replace(plan, root=replace(plan.root, input=replace(project, input=top)))


def _on_sources(plan: Plan, change: Callable[[Source], Source]) -> Plan:
    return _on_aggregates(plan, lambda a: _reading(a, change(a.input)))


def _reading(aggregate: Aggregate, source: Source) -> Aggregate:
    """The aggregate over a source; itself where that is its own, which was checked when made."""
    return aggregate if source is aggregate.input else replace(aggregate, input=source)


def _without(source: Source, used: set[str]) -> Source:
    match source:
        case Scan() | Read() | Match():
            return source
        case Filter():
            inner = {c.table for c in columns(source.condition)}
            below = _without(source.input, used | inner)
            return source if below is source.input else Filter(below, source.condition)
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


def _implies(tighter: exp.Expr, looser: exp.Expr) -> bool:
    """Whether one bound by a literal date makes another on the same side and value true."""
    if type(tighter) is not type(looser) or not isinstance(tighter, (exp.GTE, exp.LT)):
        return False
    one, other = _date(tighter.expression), _date(looser.expression)
    if tighter.this != looser.this or one is None or other is None:
        return False
    return one > other if isinstance(tighter, exp.GTE) else one < other


def _date(tree: exp.Expr) -> str | None:
    """An ISO date, whose text sorts as its time does; `2026-2-1` and `infinity` do not."""
    is_date = isinstance(tree, exp.Cast) and tree.to.is_type(exp.DataType.Type.DATE)
    text = str(tree.this.name) if is_date and isinstance(tree.this, exp.Literal) else ""
    return text if _ISO_DATE.match(text) else None
