"""Rewrites of a plan: each a total function that keeps every row and value, in a visible tuple."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kpilayer.plan.nodes import Plan
from kpilayer.plan.passes.bounds import merge_bounds
from kpilayer.plan.passes.fuse import fuse
from kpilayer.plan.passes.implied import drop_implied_conditions
from kpilayer.plan.passes.joins import drop_unused_joins
from kpilayer.plan.passes.late import join_after_grouping

Pass = Callable[[Plan], Plan]

#: In the order in which they run.
PASSES: Final[tuple[Pass, ...]] = (
    merge_bounds,
    drop_implied_conditions,
    drop_unused_joins,
    fuse,
    join_after_grouping,
)


def rewrite(plan: Plan) -> Plan:
    """The plan after every pass."""
    for one in PASSES:
        plan = one(plan)
    return plan
