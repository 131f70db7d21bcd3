"""Plans that would give a wrong number cannot be built."""

from __future__ import annotations

import pytest
from sqlglot import exp

from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Filter,
    Join,
    Measure,
    Project,
    Scan,
    Sort,
)
from kpilayer.relation import Relation

ORDERS = Scan(Relation("table", ("orders",)), "orders")
CUSTOMER = Scan(Relation("table", ("customers",)), "customer")


def column(name: str, table: str) -> exp.Column:
    return exp.column(name, table=table)


def join(left: Scan | Join, right: Scan, *, unique: bool = True) -> Join:
    on = ((column("customer_id", "orders"), column("id", right.alias)),)
    return Join(left, right, on, unique)


def total(name: str, measure: str) -> Aggregate:
    key = Column("customer", column("customer_id", "orders"))
    return Aggregate(name, ORDERS, (key,), (Measure(measure, "sum", column("amount", "orders")),))


def test_a_join_whose_right_key_is_not_unique_is_refused() -> None:
    with pytest.raises(AssertionError, match="could repeat rows"):
        join(ORDERS, CUSTOMER, unique=False)


def test_a_scan_cannot_be_joined_twice_under_one_alias() -> None:
    with pytest.raises(AssertionError, match="joined twice"):
        join(join(ORDERS, CUSTOMER), CUSTOMER)


def test_a_filter_cannot_name_a_table_that_is_not_below_it() -> None:
    with pytest.raises(AssertionError, match="comes from no scan below"):
        Filter(ORDERS, column("is_gold", "customer"))


def test_a_measure_cannot_name_a_table_that_is_not_below_it() -> None:
    with pytest.raises(AssertionError, match="comes from no scan below"):
        Aggregate("orders_total", ORDERS, (), (Measure("x", "sum", column("x", "other")),))


def test_branches_with_different_keys_cannot_be_combined() -> None:
    other = Aggregate("orders_total", ORDERS, (), ())
    with pytest.raises(AssertionError, match="different keys"):
        Combine("combined", (total("one", "revenue"), other))


def test_branches_that_share_a_column_cannot_be_combined() -> None:
    with pytest.raises(AssertionError, match="share a column"):
        Combine("combined", (total("one", "revenue"), total("two", "revenue")))


def test_a_result_cannot_be_sorted_by_what_it_does_not_have() -> None:
    result = Project(total("one", "revenue"), (Column("revenue", column("revenue", "one")),))
    with pytest.raises(AssertionError, match="not projected"):
        Sort(result, (("cost", False),))


def test_equal_plans_are_equal() -> None:
    assert total("one", "revenue") == total("one", "revenue")
    assert total("one", "revenue") != total("one", "cost")
