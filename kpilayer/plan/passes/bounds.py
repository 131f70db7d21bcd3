"""Bounds of time in conditions: one that another implies says nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from sqlglot import exp

from kpilayer.conditions import all_of
from kpilayer.expr import conjuncts
from kpilayer.plan.nodes import Distinct, Filter, Plan, SemiJoin, Source
from kpilayer.plan.passes.walk import on_sources

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
        return replace(source, condition=condition)

    return on_sources(plan, merged)


def _implies(tighter: exp.Expr, looser: exp.Expr) -> bool:
    """Whether one bound by a literal date makes another on the same side and value true."""
    if type(tighter) is not type(looser) or not isinstance(tighter, (exp.GTE, exp.LT)):
        return False
    one, other = literal_date(tighter.expression), literal_date(looser.expression)
    if tighter.this != looser.this or one is None or other is None:
        return False
    return one > other if isinstance(tighter, exp.GTE) else one < other


def literal_date(tree: exp.Expr) -> str | None:
    """An ISO date, whose text sorts as its time does; `2026-2-1` and `infinity` do not."""
    is_date = isinstance(tree, exp.Cast) and tree.to.is_type(exp.DataType.Type.DATE)
    text = str(tree.this.name) if is_date and isinstance(tree.this, exp.Literal) else ""
    return text if _ISO_DATE.match(text) else None
