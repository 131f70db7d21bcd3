"""Traps in which other metric layers were seen to give a wrong number without an error.

One named test each; the numbers are worked by hand from the few rows below.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kpilayer import DefinitionError, Project

Define = Callable[..., Project]

MODELS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
      - {name: revenue, dimension: categorical}
    derived_semantics:
      dimensions:
        - {name: paid_at, type: time, granularity: second, timezone: UTC,
           expr: CAST(paid_at AS TIMESTAMP)}
  - name: refunds
    semantic_model: true
    agg_time_dimension: refunded_on
    columns:
      - {name: id, entity: {type: primary, name: refund}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: refunded_on, granularity: day, dimension: time}
  - name: customers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: region, dimension: categorical}
      - {name: segment, dimension: categorical}
"""
METRICS = """
metrics:
  - {name: amount, model: orders, agg: sum, expr: amount}
  - {name: order_count, model: orders, agg: count}
  - {name: buyers, model: orders, agg: count_distinct, expr: customer_id}
  - {name: middle, model: orders, agg: median, expr: amount}
  - {name: refunded, model: refunds, agg: sum, expr: amount}
"""
#: Customer 3 has no order, order 4 has no customer, and that of order 5 is unknown.
TABLES = {
    "customers": """SELECT * FROM (VALUES (1, 'north', 'a'), (2, NULL, 'b'), (3, 'south', 'a'))
        t(id, region, segment)""",
    "orders": """SELECT id, customer_id, ordered_on, ordered_on + INTERVAL 23 HOUR AS paid_at,
        status, amount, 7 AS revenue FROM (VALUES
        (1, 1, DATE '2024-01-10', 'done', 10), (2, 1, DATE '2024-01-31', 'open', 20),
        (3, 2, DATE '2024-02-29', 'done', 40), (4, NULL, DATE '2024-04-01', 'done', 80),
        (5, 9, DATE '2024-04-30', 'open', 160))
        t(id, customer_id, ordered_on, status, amount)""",
    "refunds": """SELECT * FROM (VALUES (1, 1, DATE '2024-01-15', 1), (2, 1, DATE '2024-01-20', 2),
        (3, 3, DATE '2024-03-01', 4)) t(id, customer_id, refunded_on, amount)""",
}
MONTHS = [date(2024, month, 1) for month in range(1, 13)]


@pytest.fixture
def shop(define: Define) -> Callable[..., Any]:
    """The answer to a question, on the definitions above and more metrics."""

    def ask(metrics: Any, group_by: Any = None, where: Any = None, *, also: str = "", **rest: Any):
        project = define(MODELS + METRICS + also, tables=TABLES)
        return project.query(metrics, group_by, where, **rest).rows()

    return ask


# ------------------------------------------------------------------------------ joins and filters


def test_facts_without_a_lookup_row_stay_and_lookups_without_facts_make_no_group(shop) -> None:
    assert shop("amount", "customer__region") == [("north", 30), (None, 280)]


def test_two_facts_that_share_two_dimensions_do_not_multiply_each_other(shop) -> None:
    by = ["metric_time__month", "customer__region"]
    # Two orders and two refunds of one customer in January: 30 and 3, not 60 and 6.
    assert shop(["amount", "refunded"], by) == [
        (MONTHS[0], "north", 30, 3),
        (MONTHS[1], None, 40, None),
        (MONTHS[2], "south", None, 4),
        (MONTHS[3], None, 240, None),
    ]


def test_a_filter_on_a_joined_table_is_no_inner_join(shop) -> None:
    assert shop("amount", None, "customer__region IS NULL") == [(280,)]
    either = "customer__region = 'north' OR order__status = 'open'"
    assert shop("amount", None, either) == [(10 + 20 + 160,)]


def test_a_metric_without_a_key_counts_nobody_as_nobody(shop) -> None:
    also = "  - {name: per_buyer, type: nested, agg: average, input_metric: amount, "
    also += "per: [customer]}\n"
    # Customers 1, 2 and 9: 30, 40 and 160; the order of nobody is no customer's.
    ((value,),) = shop("per_buyer", also=also)
    assert value == pytest.approx((30 + 40 + 160) / 3)


def test_a_column_with_the_name_of_a_metric_is_not_taken_for_it(shop) -> None:
    also = """
  - {name: revenue, model: orders, agg: sum, expr: amount + revenue}
  - {name: share, type: derived, expr: revenue / order_count, input_metrics: [revenue, order_count]}
"""
    # The column `revenue` is 7 in every row: 310 + 5 * 7, over 5 orders.
    assert shop(["revenue", "share"], also=also) == [(345, 69.0)]


# ---------------------------------------------------------------------------------- aggregations


def test_a_median_of_a_longer_period_is_not_made_of_those_of_shorter_ones(shop) -> None:
    # January to March: 10, 20, 40; the monthly medians are 15 and 40.
    assert shop("middle", "metric_time__quarter") == [(MONTHS[0], 20.0), (MONTHS[3], 120.0)]
    assert shop("middle") == [(40.0,)]


def test_a_trailing_distinct_count_is_no_sum_of_daily_ones(shop) -> None:
    also = "  - {name: active, type: cumulative, input_metric: buyers, window: 30 days}\n"
    rows = dict(shop("active", "metric_time__day", also=also))
    assert rows[date(2024, 1, 31)] == 1  # customer 1 on the 10th and the 31st
    assert rows[date(2024, 2, 29)] == 2  # customer 1 on 31 January, 2 on the day
    assert date(2024, 4, 15) not in rows or rows[date(2024, 4, 15)] == 0  # nobody, on 1 April


def test_division_of_whole_numbers_is_true_division_in_every_dialect(define: Define) -> None:
    also = "  - {name: aov, type: derived, expr: amount / order_count, "
    also += "input_metrics: [amount, order_count]}\n"
    project = define(MODELS + METRICS + also, tables=TABLES)
    assert project.query("aov").rows() == [(62.0,)]
    assert project.query("aov", where="order__status = 'x'").rows() == [(None,)]
    for dialect in ("postgres", "snowflake", "bigquery"):
        sql = project.compile("aov", dialect=dialect, unverified=True).upper()
        assert re.search(r"CAST\(.*DOUBLE|FLOAT64", sql), sql
        assert "NULLIF" in sql


def test_several_facts_need_no_full_join(define: Define) -> None:
    project = define(MODELS + METRICS, tables=TABLES)
    sql = project.compile(["amount", "refunded"], "customer__region", dialect="postgres")
    assert "FULL" not in sql.upper()
    assert project.query(["amount", "refunded"], "customer__region").rows() == [
        ("north", 30, 3),
        ("south", None, 4),
        (None, 280, None),
    ]


def test_functions_are_spoken_in_the_dialect_of_the_target(define: Define) -> None:
    also = (
        "  - {name: early, model: orders, agg: sum, expr: 'IF(MONTH(ordered_on) = 1, amount, 0)'}\n"
    )
    project = define(MODELS + METRICS + also, tables=TABLES)
    assert project.query("early").rows() == [(30,)]
    sql = project.compile("early", dialect="postgres")
    assert "EXTRACT(MONTH FROM" in sql
    assert "CASE WHEN" in sql
    assert "IF(" not in sql


# ------------------------------------------------------------------------------------------- time


def test_a_range_does_not_cut_the_history_of_a_running_total(shop) -> None:
    also = """
  - {name: so_far, type: cumulative, input_metric: amount}
  - {name: in_quarter, type: cumulative, input_metric: amount, grain_to_date: quarter}
"""
    day = date(2024, 2, 29)
    asked = {"start": day, "end": day, "also": also}
    assert shop(["so_far", "in_quarter"], "metric_time__day", **asked) == [(day, 70, 70)]


def test_a_range_does_not_cut_the_prior_period(shop) -> None:
    also = "  - {name: before, type: derived, expr: prior, input_metrics: "
    also += "[{name: amount, alias: prior, offset_window: 1 month}]}\n"
    asked = {"start": "2024-02-01", "end": "2024-02-29", "also": also}
    assert shop("before", "metric_time__month", **asked) == [(MONTHS[1], 30)]


def test_the_prior_period_is_that_of_the_calendar_and_not_the_row_before(shop) -> None:
    also = "  - {name: growth, type: derived, expr: amount - prior, input_metrics: "
    also += "[amount, {name: amount, alias: prior, offset_window: 1 month}]}\n"
    # March has no row: April is not compared with February.
    assert shop("growth", "metric_time__month", also=also) == [
        (MONTHS[0], None),
        (MONTHS[1], 10),
        (MONTHS[2], None),
        (MONTHS[3], None),
    ]


def test_a_month_s_offset_by_quarters_counts_nothing_twice_and_loses_nothing(shop) -> None:
    also = "  - {name: before, type: derived, expr: prior, input_metrics: "
    also += "[{name: amount, alias: prior, offset_window: 1 month}]}\n"
    # The first quarter shows December to February: 70; the second March to May, 240, which is cut
    # by the last period that has data.
    assert shop("before", "metric_time__quarter", also=also) == [(MONTHS[0], 70), (MONTHS[3], 240)]


def test_nested_offsets_at_a_coarse_grain_have_rows(shop) -> None:
    also = """
  - {name: day_before, type: derived, expr: aa, input_metrics:
     [{name: amount, alias: aa, offset_window: 1 day}]}
  - {name: two_before, type: derived, expr: bb, input_metrics:
     [{name: day_before, alias: bb, offset_window: 1 day}]}
"""
    # Two days later, 31 January is in February and 29 February in March; 30 April in May, which
    # is past the last month of the data.
    assert shop("two_before", "metric_time__month", also=also) == [
        (MONTHS[0], 10),
        (MONTHS[1], 20),
        (MONTHS[2], 40),
        (MONTHS[3], 80),
    ]


def test_a_zone_moves_buckets_bounds_and_filters_alike(shop) -> None:
    also = "  - {name: paid, model: orders, agg: count, agg_time_dimension: paid_at}\n"
    # Paid at 23:00 UTC, so on the next day in Berlin: 31 January is in February.
    berlin = {"timezone": "Europe/Berlin", "also": also}
    assert shop("paid", "metric_time__month", **berlin) == [
        (MONTHS[0], 1),
        (MONTHS[1], 1),
        (MONTHS[2], 1),
        (MONTHS[3], 1),
        (MONTHS[4], 1),
    ]
    assert shop("paid", None, "metric_time__day = '2024-02-01'", **berlin) == [(1,)]
    assert shop("paid", start="2024-02-01", end="2024-02-29", **berlin) == [(1,)]
    assert shop("paid", start="2024-02-01", end="2024-02-29", timezone="UTC", also=also) == [(1,)]


def test_no_date_is_a_hidden_bound(define: Define) -> None:
    old = {"orders": TABLES["orders"].replace("2024-01-10", "1912-06-23")}
    also = "  - {name: so_far, type: cumulative, input_metric: amount, period_agg: last}\n"
    project = define(MODELS + METRICS + also, tables=TABLES | old)
    rows = project.query("so_far", "metric_time__year", start="1900-01-01", end="2024-12-31").rows()
    assert rows[0] == (date(1912, 1, 1), 10)
    assert rows[-1] == (date(2024, 1, 1), 310)
    # Without bounds, the running total ends with the data and not in the future.
    assert project.query("so_far", "metric_time__year").rows()[-1] == (date(2024, 1, 1), 310)


# ------------------------------------------------------------------- what MetricFlow 0.213 drops


def test_a_filter_on_the_input_of_a_running_total_applies(shop) -> None:
    also = "  - {name: so_far, type: cumulative, period_agg: last, input_metric: "
    also += "{name: amount, filter: \"{{ Dimension('order__status') }} = 'done'\"}}\n"
    assert shop("so_far", "metric_time__year", also=also) == [(MONTHS[0], 10 + 40 + 80)]


def test_one_metric_with_two_filters_in_a_ratio_needs_no_alias(shop) -> None:
    also = """
  - name: done_share
    type: ratio
    numerator: {name: amount, filter: "{{ Dimension('order__status') }} = 'done'"}
    denominator: amount
"""
    assert shop("done_share", also=also) == [(pytest.approx(130 / 310),)]


def test_filters_on_both_sides_of_a_conversion_apply(shop) -> None:
    also = """
  - name: refunds_of_done
    type: conversion
    entity: customer
    calculation: conversions
    window: 30 days
    base_metric: {name: order_count, filter: "{{ Dimension('order__status') }} = 'done'"}
    conversion_metric: {name: large_refunds, filter: "{{ Dimension('refund__refunded_on__day') }} > '2024-01-15'"}
  - {name: large_refunds, model: refunds, agg: count}
"""
    # Customer 1 ordered on 10 January (done): of the refunds on the 15th and the 20th, one counts.
    assert shop("refunds_of_done", also=also) == [(1,)]


def test_nulls_of_inputs_of_every_form_are_filled(shop) -> None:
    also = """
  - {name: filled, model: refunds, agg: sum, expr: amount, fill_nulls_with: 0}
  - {name: net, type: derived, expr: amount - filled, input_metrics: [amount, filled]}
"""
    assert shop("net", "metric_time__month", also=also)[1] == (MONTHS[1], 40)


def test_a_continuous_percentile_is_exact(shop) -> None:
    also = "  - {name: p90, model: orders, agg: percentile, percentile: 0.9, "
    also += "percentile_type: continuous, expr: amount}\n"
    # Between the fourth and the fifth of 10, 20, 40, 80, 160, six tenths of the way.
    assert shop("p90", also=also) == [(pytest.approx(80 + 0.6 * 80),)]


def test_a_grain_in_a_name_is_the_grain_that_a_filter_means(shop) -> None:
    also = "  - {name: january, input_metric: amount, filter: "
    also += "\"{{ Dimension('order__ordered_on__month') }} = '2024-01-01'\"}\n"
    assert shop("january", also=also) == [(30,)]


def test_a_metric_in_a_filter_can_be_asked_for_the_range_of_the_query(shop) -> None:
    always = "{{ Metric('order_count', ['customer']) }} = 2"
    within = "{{ Metric('order_count', ['customer'], within_query_time=true) }} = 2"
    asked = {"start": "2024-01-20", "end": "2024-12-31"}
    # Customer 1 has two orders, one of them in the range.
    assert shop("amount", None, always, **asked) == [(20,)]
    assert shop("amount", None, within, **asked) == [(None,)]


def test_a_grid_has_each_group_at_each_date_and_no_group_of_nothing(shop) -> None:
    also = "  - {name: each, input_metric: amount, join_to_timespine: grid, fill_nulls_with: 0}\n"
    by = ["metric_time__quarter", "order__status"]
    assert shop("each", by, also=also) == [
        (MONTHS[0], "done", 50),
        (MONTHS[0], "open", 20),
        (MONTHS[3], "done", 80),
        (MONTHS[3], "open", 160),
    ]
    monthly = shop("each", ["metric_time__month", "order__status"], also=also)
    assert len(monthly) == 4 * 2
    assert (MONTHS[2], "open", 0) in monthly
    assert all(status is not None for _, status, _ in monthly)


def test_a_filter_can_run_no_code(define: Define) -> None:
    code = "{{ ''.__class__.__mro__[1].__subclasses__() }} IS NULL"
    also = f'  - {{name: bad, input_metric: amount, filter: "{code}"}}\n'
    with pytest.raises(DefinitionError):
        define(MODELS + METRICS + also, tables=TABLES).query("bad")


def test_sums_of_decimals_are_decimals_beside_other_facts(shop) -> None:
    also = (
        "  - {name: cents, model: refunds, agg: sum, expr: 'CAST(amount AS DECIMAL(8, 2)) / 4'}\n"
    )
    ((amount, cents),) = shop(["amount", "cents"], also=also)
    assert (amount, cents) == (Decimal(310), 1.75)


def test_every_dependency_that_decides_numbers_has_an_upper_bound() -> None:
    text = Path(__file__).parents[2].joinpath("pyproject.toml").read_text(encoding="utf-8")
    dates = {"pyarrow", "tzdata"}  # of these a newer one is wanted: many majors, one table; zones
    for requirement in tomllib.loads(text)["project"]["dependencies"]:
        name = re.match(r"[\w-]+", requirement)
        assert name is not None
        assert "<" in requirement or name[0] in dates, requirement
