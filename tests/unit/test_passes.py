"""Each rewrite as a plan before and after; what they keep is executed in tests/golden."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from kpilayer.plan.nodes import Aggregate, Column, Filter, Join, Measure, Plan, Project, Scan, Sort
from kpilayer.plan.passes import PASSES, drop_unused_joins, merge_bounds, rewrite
from kpilayer.relation import Relation

ORDERS = Scan(Relation("table", ("orders",)), "o")
CUSTOMERS = Scan(Relation("table", ("customers",)), "c")
REGIONS = Scan(Relation("table", ("regions",)), "r")
BY_CUSTOMER = Join(ORDERS, CUSTOMERS, ((exp.column("cid", "o"), exp.column("id", "c")),), True)
BY_REGION = Join(BY_CUSTOMER, REGIONS, ((exp.column("rid", "c"), exp.column("id", "r")),), True)


def condition(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, read="duckdb")


def plan(source: Scan | Join | Filter, key: exp.Expr | None = None) -> Plan:
    keys = (Column("k", key),) if key is not None else ()
    total = Aggregate("total", source, keys, (Measure("v", "sum", exp.column("v", "o")),))
    return Plan(Sort(Project(total, (Column("v", exp.column("v", "total")),)), ()))


def source_of(done: Plan) -> object:
    top = done.root.input.input
    assert isinstance(top, Aggregate)
    return top.input


def test_a_bound_that_another_implies_is_dropped() -> None:
    wide = "o.t >= CAST('2026-01-01' AS DATE) AND o.t < CAST('2026-04-01' AS DATE)"
    both = f"{wide} AND o.t >= CAST('2026-02-01' AS DATE)"
    kept = "o.t < CAST('2026-04-01' AS DATE) AND o.t >= CAST('2026-02-01' AS DATE)"
    assert merge_bounds(plan(Filter(ORDERS, condition(both)))) == plan(
        Filter(ORDERS, condition(kept))
    )


def test_bounds_on_other_columns_and_other_conditions_stay() -> None:
    text = "o.t >= CAST('2026-01-01' AS DATE) AND o.u >= CAST('2026-02-01' AS DATE) AND o.a > 1"
    before = plan(Filter(ORDERS, condition(text)))
    assert merge_bounds(before) == before


def test_a_bound_inside_an_or_stays() -> None:
    text = "(o.t >= CAST('2026-02-01' AS DATE) OR o.a = 1) AND o.t >= CAST('2026-01-01' AS DATE)"
    before = plan(Filter(ORDERS, condition(text)))
    assert merge_bounds(before) == before


def test_a_join_that_nothing_uses_is_dropped() -> None:
    assert drop_unused_joins(plan(BY_REGION)) == plan(ORDERS)


def test_a_join_that_leads_to_a_used_one_stays() -> None:
    before = plan(BY_REGION, exp.column("name", "r"))
    assert drop_unused_joins(before) == before


def test_a_join_that_only_a_filter_uses_stays() -> None:
    before = plan(Filter(BY_REGION, condition("c.tier = 'gold'")))
    assert source_of(drop_unused_joins(before)) == Filter(BY_CUSTOMER, condition("c.tier = 'gold'"))


def test_every_pass_is_idempotent() -> None:
    text = "o.t >= CAST('2026-01-01' AS DATE) AND o.t >= CAST('2026-02-01' AS DATE)"
    once = rewrite(plan(Filter(BY_REGION, condition(text))))
    assert rewrite(once) == once
    assert all(change(once) == once for change in PASSES)
