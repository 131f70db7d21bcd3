"""Names, conditions, ranges, order, types and rows of a question (Q1-Q3, Q5, Q10-Q12), and metrics
of several models in everything that is done with an answer; every number by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from kpilayer import Project, QueryError
from tests.engines.surface import DEFINITIONS, TABLES

JAN, FEB, MAR, APR = (dt.date(2026, month, 1) for month in (1, 2, 3, 4))
#: Costs by month and region: Jan EU 4, Feb US 2, May none 3.
COSTS = """
  - name: costs
    semantic_model: true
    agg_time_dimension: paid_on
    columns:
      - {name: cost_id, entity: {type: primary, name: cost}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: paid_on, granularity: day, dimension: time}
metrics:
  - {name: cost, model: costs, agg: sum, expr: amount}
  - {name: margin, type: derived, expr: revenue - cost, input_metrics: [revenue, cost]}
  - {name: cost_share, type: ratio, numerator: cost, denominator: revenue}
"""
PAID = """
    SELECT CAST(id AS INTEGER) AS cost_id, CAST(customer AS INTEGER) AS customer_id,
        CAST(day AS DATE) AS paid_on, CAST(amount AS DECIMAL(12, 2)) AS amount
    FROM (VALUES (1, 1, '2026-01-05', 4), (2, 3, '2026-02-05', 2), (3, 4, '2026-05-05', 3))
        AS t(id, customer, day, amount)
"""


def money(amount: float) -> Decimal:
    return Decimal(f"{amount}.00")


@pytest.fixture
def shop(engine: Any) -> Project:
    definitions = DEFINITIONS.replace("metrics:", COSTS.lstrip("\n"), 1)
    project: Project = engine.project(definitions, tables=TABLES | {"costs": PAID})
    return project


def ask(project: Project, *metrics: str, **question: Any) -> list[tuple[Any, ...]]:
    return project.query(metrics, **question).rows()


def refused(project: Project, **question: Any) -> list[str]:
    with pytest.raises(QueryError) as error:
        project.prepare(**question)
    return [issue.code for issue in error.value.issues]


@pytest.mark.statement("Q1")
@pytest.mark.statement("Q2")
def test_group_bys_are_named_as_asked_in_lower_case_with_their_grain(shop: Project) -> None:
    groups = [
        "Metric_Time__Extract_Month",
        "TimeDimension('sale__sold_on', 'month')",
        "CUSTOMER__REGION",
    ]
    alone = shop.prepare("revenue", groups).columns
    assert alone == (
        "metric_time__extract_month",
        "sale__sold_on__month",
        "customer__region",
        "revenue",
    )
    assert shop.prepare(["revenue", "sold"], groups).columns == (*alone, "sold")
    assert refused(shop, metrics="revenue", group_by="region") == ["unknown-dimension"]


@pytest.mark.statement("Q3")
def test_conditions_are_anded_with_three_valued_logic(shop: Project) -> None:
    where = ["customer__region <> 'EU'", "sale__channel = 'shop' OR sale__channel = 'web'"]
    assert ask(shop, "revenue", where=where) == [(money(86),)]  # not dan, who has no region
    compiled = shop.prepare("revenue", where="metric_time__month >= '2026-02-20'")
    assert [i.code for i in compiled.notices] == ["truncated-literal"]
    assert ask(shop, "revenue", where="metric_time__month >= '2026-02-20'") == [(money(228),)]


@pytest.mark.statement("Q5")
def test_a_range_is_widened_to_whole_periods_unless_it_is_exact(shop: Project) -> None:
    asked = {"group_by": "metric_time__month", "start": "2026-01-15", "end": "2026-02-10"}
    assert ask(shop, "revenue", **asked) == [(JAN, money(35)), (FEB, money(47))]
    assert ask(shop, "revenue", exact=True, **asked) == [(JAN, money(25)), (FEB, money(40))]
    rows = ask(shop, "so_far", group_by="metric_time__day", start="2026-02-03", end="2026-02-03")
    assert rows == [(dt.date(2026, 2, 3), money(75))]  # with January


@pytest.mark.statement("Q10")
@pytest.mark.statement("Q11")
@pytest.mark.statement("Q12")
def test_rows_order_and_types_of_metrics_of_two_models(shop: Project) -> None:
    rows = ask(shop, "revenue", "cost", "sold", group_by="metric_time__month", order_by="-cost")
    assert rows == [
        (JAN, money(35), money(4), 3),
        (dt.date(2026, 5, 1), None, money(3), None),
        (FEB, money(47), money(2), 2),
        (MAR, money(80), None, 1),
        (APR, money(101), None, 2),
    ]


@pytest.mark.statement("Q6")
@pytest.mark.statement("Q9")
def test_metrics_of_two_models_are_filled_and_compared(shop: Project) -> None:
    rows = ask(
        shop, "cost", "margin", group_by="metric_time__month", compare="prior_period", fill=0,
        start="2026-02-01", end="2026-05-31",
    )  # fmt: skip
    # margin is NULL where one of both is: shown as 0
    assert [(r[0], r[1], r[2], r[5], r[6]) for r in rows] == [
        (FEB, money(2), money(4), money(45), money(31)),
        (MAR, money(0), money(2), money(0), money(45)),
        (APR, money(0), money(0), money(0), money(0)),
        (dt.date(2026, 5, 1), money(3), money(0), money(0), money(0)),
    ]


@pytest.mark.statement("Q7")
@pytest.mark.statement("Q8")
def test_metrics_of_two_models_in_totals_and_left_over(shop: Project) -> None:
    rows = ask(
        shop, "revenue", "cost", "cost_share", group_by="customer__region", totals=[[]],
        top={"n": 1, "by": "-cost", "other": "other"},
    )  # fmt: skip
    assert rows == [
        ("EU", "customer__region", money(170), money(4), pytest.approx(4 / 170)),
        ("other", "customer__region", money(93), money(5), pytest.approx(5 / 93)),
        (None, "", money(263), money(9), pytest.approx(9 / 263)),
    ]


@pytest.mark.statement("Q4")
def test_a_metric_of_another_model_that_is_not_shown_makes_no_rows(shop: Project) -> None:
    asked = {"group_by": "metric_time__month"}
    rows = ask(
        shop, "revenue", having="{{ Metric('cost') }} IS NULL OR {{ Metric('cost') }} > 0", **asked
    )
    assert [row[0] for row in rows] == [JAN, FEB, MAR, APR]  # no May
    assert ask(shop, "revenue", having="{{ Metric('cost') }} > 3", **asked) == [(JAN, money(35))]
    assert ask(shop, "revenue", having="{{ Metric('cost') }} > 8") == [(money(263),)]


@pytest.mark.statement("Q6")
def test_a_range_before_is_that_of_each_metric(shop: Project) -> None:
    rows = ask(
        shop, "revenue", "cost", compare="prior_period", start="2026-02-01", end="2026-02-28"
    )
    # 4 to 31 January
    assert [(r[0], r[1], r[4], r[5]) for r in rows] == [(money(47), money(35), money(2), money(4))]
    rows = ask(
        shop, "cost", compare=["prior_year", "31 days"], start="2026-02-01", end="2026-02-28"
    )
    assert [(r[0], r[1], r[4]) for r in rows] == [(money(2), None, money(4))]


@pytest.mark.statement("Q8")
def test_what_is_left_over_of_an_event_metric_is_refused(engine: Any) -> None:
    metric = """metrics:
  - {name: visits, model: sales, agg: count}
  - {name: again, type: conversion, entity: customer, base_metric: sold, conversion_metric: visits, window: 90 days}
"""
    shop = engine.project(DEFINITIONS.replace("metrics:\n", metric, 1), tables=TABLES)
    asked = {"metrics": "again", "group_by": "sale__channel"}
    assert refused(shop, **asked, top={"n": 1, "other": "other"}) == ["not-supported-yet"]
    assert len(shop.query("again", "sale__channel", top=1).rows()) == 1
