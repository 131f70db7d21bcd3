"""Plans changed node by node, what is shared staying shared."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace

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


def on_aggregates(plan: Plan, change: Callable[[Aggregate], Aggregate]) -> Plan:
    """The plan with every aggregate changed, from the inside out; what is shared stays shared."""
    return on_groups(plan, change)


def on_groups(plan: Plan, change: Callable[[Aggregate], Group]) -> Plan:
    """The plan with every aggregate made a group of the same name, keys and values."""
    known: dict[int, Group] = {}  # by identity: comparing whole trees would take long

    def group(node: Group) -> Group:
        if id(node) not in known:
            known[id(node)] = rebuilt(node)
        return known[id(node)]

    def rebuilt(node: Group) -> Group:
        match node:
            case Aggregate():
                return change(reading(node, source(node.input)))
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
                assert isinstance(bounds, Aggregate), "bounds have no keys, and stay what they are"
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


def on_sources(plan: Plan, change: Callable[[Source], Source]) -> Plan:
    """The plan with the rows of every aggregate changed."""
    return on_aggregates(plan, lambda a: reading(a, change(a.input)))


def reading(aggregate: Aggregate, source: Source) -> Aggregate:
    """The aggregate over a source; itself where that is its own, which was checked when made."""
    return aggregate if source is aggregate.input else replace(aggregate, input=source)
