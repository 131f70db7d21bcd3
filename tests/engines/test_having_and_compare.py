"""Conditions on answers, earlier values and saved queries (Q4, Q6); every number by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from typing import Any

import pytest

from kpilayer import Project, QueryError
from tests.engines.surface import DEFINITIONS, TABLES

JAN, FEB, MAR, APR = (dt.date(2026, month, 1) for month in (1, 2, 3, 4))


@pytest.fixture
def shop(engine: Any) -> Project:
    project: Project = engine.project(DEFINITIONS, tables=TABLES)
    return project


def ask(project: Project, *metrics: str, **question: Any) -> list[tuple[Any, ...]]:
    return project.query(metrics, **question).rows()


def refused(project: Project, **question: Any) -> list[str]:
    with pytest.raises(QueryError) as error:
        project.prepare(**question)
    return [issue.code for issue in error.value.issues]


# ---------------------------------------------------------------------------------------- having


@pytest.mark.statement("Q4")
def test_a_condition_on_the_answer_is_after_aggregation(shop: Project) -> None:
    rows = ask(shop, "revenue", group_by="customer__region", having="revenue > 50")
    assert rows == [("EU", D("170.00")), ("US", D("86.00"))]


@pytest.mark.statement("Q4")
def test_a_metric_that_is_not_shown_keeps_rows_and_makes_none(shop: Project) -> None:
    having = "{{ Metric('sold') }} >= 2"
    rows = ask(shop, "web_revenue", group_by="customer__region", having=having)
    assert rows == [("EU", D("150.00")), ("US", D("85.00"))]
    rows = ask(shop, "web_revenue", group_by="customer__region", having="{{ Metric('sold') }} > 0")
    assert rows == [("EU", D("150.00")), ("US", D("85.00"))]  # no web sale without a region


@pytest.mark.statement("Q4")
def test_a_null_group_finds_its_metric_that_is_not_shown(shop: Project) -> None:
    having = "{{ Metric('sold') }} = 1"
    rows = ask(shop, "revenue", group_by="customer__region", having=having)
    assert rows == [(None, D("7.00"))]


@pytest.mark.statement("Q4")
def test_having_is_after_compare_and_before_the_limit(shop: Project) -> None:
    rows = ask(
        shop,
        "revenue",
        group_by="metric_time__month",
        compare="prior_period",
        having=["revenue__prior_period_change > 0"],
        order_by="metric_time__month",
        limit=2,
    )
    assert [row[0] for row in rows] == [FEB, MAR]  # 35, 47, 80, 101


@pytest.mark.statement("Q4")
def test_having_knows_only_what_the_answer_has(shop: Project) -> None:
    assert refused(shop, metrics="revenue", having="customer__region = 'EU'") == ["bad-having"]
    assert refused(shop, metrics="revenue", having="revenu > 1") == ["bad-having"]


@pytest.mark.statement("Q4")
@pytest.mark.parametrize(
    ("having", "months"),
    [
        ("metric_time__month >= '2026-02-15'", [FEB, MAR, APR]),
        ("'2026-02-15' < metric_time__month", [MAR, APR]),
        ("metric_time__month = DATE '2026-02-15'", [FEB]),
        ("metric_time__month BETWEEN '2026-01-31' AND '2026-02-01'", [JAN, FEB]),
        ("metric_time__month IN ('2026-02-15', '2026-04-30')", [FEB, APR]),
        ("{{ TimeDimension('metric_time', 'month') }} <> '2026-02-15'", [JAN, MAR, APR]),
    ],
)
def test_a_date_in_having_is_moved_to_its_period_as_in_where(
    shop: Project, having: str, months: list[dt.date]
) -> None:
    found = shop.query("revenue", "metric_time__month", having=having)
    assert [row[0] for row in found.rows()] == months
    assert {n.code for n in found.notices} == {"truncated-literal"}
    same = shop.query("revenue", "metric_time__month", where=having)
    assert same.rows() == found.rows()


@pytest.mark.statement("Q4")
def test_what_is_no_date_is_refused_in_having(shop: Project) -> None:
    asked = {"metrics": "revenue", "group_by": "metric_time__month"}
    assert refused(shop, **asked, having="metric_time__month = 'February'") == ["bad-value"]
    assert refused(shop, **asked, having="metric_time__month = '2026-02'") == ["bad-value"]


@pytest.mark.statement("Q4")
def test_having_takes_the_functions_that_where_takes(shop: Project) -> None:
    found = refused(shop, metrics="revenue", having="pg_sleep(revenue) > 1")
    assert found == ["function-not-allowed"]
    assert refused(shop, metrics="revenue", having="revenue > (SELECT 1)") != []


# --------------------------------------------------------------------------------------- compare


@pytest.mark.statement("Q6")
def test_the_period_before_is_that_of_the_calendar(shop: Project) -> None:
    result = shop.query("revenue", "metric_time__month", compare="prior_period")
    assert list(result.columns) == [
        "metric_time__month",
        "revenue",
        "revenue__prior_period",
        "revenue__prior_period_change",
        "revenue__prior_period_growth",
    ]
    assert result.rows() == [
        (JAN, D("35.00"), None, None, None),
        (FEB, D("47.00"), D("35.00"), D("12.00"), pytest.approx(47 / 35 - 1)),
        (MAR, D("80.00"), D("47.00"), D("33.00"), pytest.approx(80 / 47 - 1)),
        (APR, D("101.00"), D("80.00"), D("21.00"), pytest.approx(101 / 80 - 1)),
    ]


@pytest.mark.statement("Q6")
@pytest.mark.statement("Q12")
def test_rows_are_the_current_ones_and_null_groups_are_compared(shop: Project) -> None:
    groups = ["metric_time__month", "customer__region"]
    rows = ask(shop, "revenue", group_by=groups, compare="prior_period")
    assert [row[:4] for row in rows] == [
        (JAN, "EU", D("30.00"), None),
        (JAN, "US", D("5.00"), None),
        (FEB, "EU", D("40.00"), D("30.00")),
        (FEB, None, D("7.00"), None),
        (MAR, "US", D("80.00"), None),  # nothing in February
        (APR, "EU", D("100.00"), None),
        (APR, "US", D("1.00"), D("80.00")),
    ]


@pytest.mark.statement("Q6")
def test_all_rows_are_those_of_the_earlier_time_too(shop: Project) -> None:
    groups = ["metric_time__month", "customer__region"]
    rows = ask(
        shop,
        "revenue",
        group_by=groups,
        compare="prior_period",
        compare_rows="all",
        start="2026-03-01",
    )
    assert [row[:4] for row in rows] == [
        (MAR, "EU", None, D("40.00")),
        (MAR, "US", D("80.00"), None),
        (MAR, None, None, D("7.00")),
        (APR, "EU", D("100.00"), None),
        (APR, "US", D("1.00"), D("80.00")),
    ]


@pytest.mark.statement("Q5")
@pytest.mark.statement("Q6")
def test_a_range_limits_what_is_shown_and_not_what_is_compared(shop: Project) -> None:
    asked = {"group_by": "metric_time__month", "compare": "prior_period"}
    expected = [(FEB, D("47.00"), D("35.00")), (MAR, D("80.00"), D("47.00"))]
    rows = ask(shop, "revenue", start="2026-02-01", end="2026-03-31", **asked)
    assert [row[:3] for row in rows] == expected
    where = ["metric_time__month >= '2026-02-01'", "metric_time__month < '2026-04-01'"]
    assert [row[:3] for row in ask(shop, "revenue", where=where, **asked)] == expected


@pytest.mark.statement("Q6")
def test_other_conditions_hold_for_the_earlier_rows(shop: Project) -> None:
    rows = ask(
        shop,
        "revenue",
        group_by="metric_time__month",
        compare="prior_period",
        where="sale__channel = 'web'",
    )
    assert [row[:3] for row in rows] == [
        (JAN, D("15.00"), None),
        (FEB, D("40.00"), D("15.00")),
        (MAR, D("80.00"), D("40.00")),
        (APR, D("100.00"), D("80.00")),
    ]


@pytest.mark.statement("Q6")
@pytest.mark.statement("Q11")
def test_ratios_counts_and_distinct_counts_are_compared_as_they_are(shop: Project) -> None:
    rows = ask(
        shop,
        "per_sale",
        "sold",
        "buyers",
        group_by="metric_time__month",
        compare="prior_period",
        start="2026-02-01",
        end="2026-02-28",
    )
    assert rows == [
        (
            FEB,
            *(
                23.5,
                pytest.approx(35 / 3),
                pytest.approx(23.5 - 35 / 3),
                pytest.approx(70.5 / 35 - 1),
            ),
            *(2, 3, -1, pytest.approx(-1 / 3)),
            *(2, 3, -1, pytest.approx(-1 / 3)),
        )
    ]
    assert all(type(value) is int for value in (*rows[0][5:8], *rows[0][9:12]))


@pytest.mark.statement("Q6")
def test_a_running_total_is_compared_with_itself(shop: Project) -> None:
    rows = ask(
        shop,
        "so_far",
        group_by="metric_time__day",
        compare="7 days",
        start="2026-02-03",
        end="2026-02-07",
    )
    assert [row[:3] for row in rows] == [
        (dt.date(2026, 2, day), D("75.00"), D(f"{before}.00"))
        for day, before in ((3, 30), (4, 30), (5, 30), (6, 30), (7, 35))
    ]


@pytest.mark.statement("Q6")
def test_several_comparisons_stand_beside_each_other(shop: Project) -> None:
    result = shop.query(
        "sold",
        "metric_time__week",
        compare=["prior_period", "prior_year", "7 days"],
        end="2026-01-31",
    )
    names = list(result.columns)
    assert names[2::3] == ["sold__prior_period", "sold__prior_year", "sold__prior_7_days"]
    assert [(row[1], row[2], row[5], row[8]) for row in result.rows()] == [
        (1, None, None, None),  # 5 January
        (1, None, None, None),  # 19 January: nothing in the week before
        (1, 1, None, 1),  # 26 January
    ]


@pytest.mark.statement("Q6")
def test_a_year_before_a_week_is_52_weeks(engine: Any) -> None:
    tables = {
        "sales": """SELECT CAST(day AS DATE) AS sold_on, amount, 1 AS customer_id, 1 AS sale_id,
            'web' AS channel FROM (VALUES ('2025-01-07', 3), ('2026-01-06', 5)) AS t(day, amount)""",
        "customers": TABLES["customers"],
    }
    shop = engine.project(DEFINITIONS, tables=tables)
    rows = ask(
        shop, "revenue", group_by="metric_time__week", compare="prior_year", start="2026-01-01"
    )
    assert [row[:3] for row in rows] == [(dt.date(2026, 1, 5), 5, 3)]


@pytest.mark.statement("Q6")
def test_without_a_period_the_range_of_equal_length_before_is_taken(shop: Project) -> None:
    # 1 to 28 February, and the 28 days from 4 January on
    rows = ask(
        shop,
        "revenue",
        group_by="customer__region",
        compare="prior_period",
        start="2026-02-01",
        end="2026-02-28",
    )
    assert [row[:4] for row in rows] == [
        ("EU", D("40.00"), D("30.00"), D("10.00")),
        (None, D("7.00"), None, None),
    ]
    rows = ask(shop, "revenue", compare=["7 days"], start="2026-02-01", end="2026-02-10")
    # 25 January to 3 February: 5 + 40
    assert [row[:2] for row in rows] == [(D("40.00"), D("45.00"))]


@pytest.mark.statement("Q6")
@pytest.mark.parametrize(
    ("start", "end", "compare", "expected"),
    [
        ("2024-02-01", "2024-02-28", "prior_year", 3),  # 1 to 28 February 2023
        ("2024-02-01", "2024-02-29", "prior_year", 3),  # the same: 2023 has no 29th
        ("2024-03-01", "2024-03-30", "1 month", 12),  # 1 to 29 February 2024
        ("2024-03-30", "2024-03-30", "1 month", 8),  # 29 February 2024, as by day
        ("2024-02-01", "2024-02-29", "1 month", 16),  # the whole of January
        ("2024-02-28", "2024-02-29", "1 month", None),  # 28 and 29 January
    ],
)
def test_an_earlier_range_keeps_the_last_day_of_a_shorter_month(
    engine: Any, start: str, end: str, compare: str, expected: int | None
) -> None:
    days = "(1, '2023-02-27'), (2, '2023-02-28'), (4, '2024-02-28'), (8, '2024-02-29'), "
    days += "(16, '2024-01-31'), (32, '2023-03-01'), (64, '2024-03-01'), (128, '2024-12-31')"
    project = engine.project(
        DEFINITIONS,
        tables=TABLES
        | {
            "sales": "SELECT n AS sale_id, 1 AS customer_id, CAST(day AS DATE) AS sold_on, "
            f"'web' AS channel, n AS amount FROM (VALUES {days}) AS t(n, day)"
        },
    )
    ((_, prior, *_),) = ask(project, "revenue", compare=compare, start=start, end=end)
    assert prior == expected


@pytest.mark.statement("Q6")
def test_what_cannot_be_compared_is_refused_with_a_reason(shop: Project) -> None:
    assert refused(shop, metrics="revenue", compare="prior_period") == ["needs-time"]
    month = {"metrics": "revenue", "group_by": "metric_time__month"}
    assert refused(shop, **month, compare="last year") == ["bad-compare"]
    assert refused(shop, **month, compare_rows="all") == ["bad-compare"]
    where = "metric_time__day >= '2026-02-10'"
    assert refused(shop, **month, compare="prior_period", where=where) == ["mixed-condition"]
    found = refused(shop, **month, compare="prior_period", start="2026-02-10", exact=True)
    assert "bad-compare" in found
    weekly = {"metrics": "revenue", "group_by": "metric_time__week"}
    assert refused(shop, **weekly, compare="1 month") == ["uneven-offset"]


# --------------------------------------------------------------------------------- saved queries


@pytest.mark.statement("Q3")
def test_a_saved_query_runs_and_can_be_narrowed(shop: Project) -> None:
    assert shop.query(saved_query="by_region").rows() == [("EU", D("150.00")), ("US", D("85.00"))]
    rows = shop.query(saved_query="by_region", where="customer__region = 'US'").rows()
    assert rows == [("US", D("85.00"))]
    rows = shop.query(saved_query="by_region", order_by="revenue", limit=1).rows()
    assert rows == [("US", D("85.00"))]


def test_a_saved_query_says_its_metrics_itself(shop: Project) -> None:
    assert refused(shop, saved_query="by_regoin") == ["unknown-saved-query"]
    assert refused(shop, metrics="sold", saved_query="by_region") == ["bad-saved-query"]
