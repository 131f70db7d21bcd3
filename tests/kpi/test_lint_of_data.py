"""Advice that asks the warehouse: whether what a KPI is made of adds up to it."""

from __future__ import annotations

from datetime import date

import pytest

from kpilayer.governing import Lint
from tests.conftest import Define

TODAY = date(2026, 6, 10)
SHOP = """
    models:
      - name: orders
        semantic_model: true
        agg_time_dimension: ordered_on
        columns:
          - {name: order_id, entity: {type: primary, name: order}}
          - {name: ordered_on, granularity: day, dimension: time}
    metrics:
      - {name: revenue, model: orders, agg: sum, expr: amount}
      - {name: web_revenue, model: orders, agg: sum, expr: "CASE WHEN channel = 'web' THEN amount END"}
      - {name: shop_revenue, model: orders, agg: sum, expr: "CASE WHEN channel = 'shop' THEN amount END"}
    kpis:
      - name: sales
        metric: revenue
        kind: north_star
        function: sales
        owner: {group: sales}
        direction: higher
        cadence: monthly
        status: proposed
        health: {healthy: {min: 1}}
        drivers: DRIVERS
"""
#: 100 of web and 60 of shops each month; 40 by telephone, which nobody counts, in April alone.
ROWS = """
    SELECT row_number() OVER () AS order_id, m + CAST(d AS INT) AS ordered_on, channel, amount
    FROM (VALUES (DATE '2026-01-01'), (DATE '2026-02-01'), (DATE '2026-03-01'),
                 (DATE '2026-04-01'), (DATE '2026-05-01'), (DATE '2026-06-01')) months(m),
         (VALUES (0, 'web', 100), (5, 'shop', 60), (27, 'web', 0)) sold(d, channel, amount)
    UNION ALL SELECT 99, DATE '2026-04-03', 'telephone', 40
"""
BOTH = "{op: sum, terms: {web_revenue: 1, shop_revenue: 1}}"


def lint(define: Define, drivers: str, rows: str = ROWS) -> Lint:
    project = define(SHOP.replace("DRIVERS", drivers), tables={"orders": rows})
    return project.lint(["kpi-identity"], today=TODAY, data=True)


def test_drivers_that_miss_a_part_are_told_with_the_largest_miss(define: Define) -> None:
    (finding,) = lint(define, BOTH).new  # of 200 in April
    assert finding.advice.message == "its drivers miss 20.0% of its value"


def test_drivers_that_add_up_are_not(define: Define) -> None:
    found = lint(define, BOTH, ROWS.rpartition("UNION ALL")[0])
    assert (found.new, found.unchecked) == ((), ())


@pytest.mark.parametrize(("tolerance", "told"), [("0.1", True), ("0.25", False)])
def test_the_tolerance_of_the_contract_counts(define: Define, tolerance: str, told: bool) -> None:
    drivers = BOTH.replace("}}", f"}}, tolerance: {tolerance}}}")
    assert bool(lint(define, drivers).new) is told


def test_without_asking_it_is_told_as_not_checked(define: Define) -> None:
    project = define(SHOP.replace("DRIVERS", BOTH), tables={"orders": ROWS})
    found = project.lint(["kpi-identity"], today=TODAY)
    assert found.unchecked_line == "driver trees of 1 KPI not checked: `--data` asks the warehouse"
