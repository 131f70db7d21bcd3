"""Totals, the best members and filled gaps (Q7, Q8, Q9); every number by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from kpilayer import Project, QueryError
from tests.engines.surface import DEFINITIONS, TABLES

JAN, FEB, MAR, APR = (dt.date(2026, month, 1) for month in (1, 2, 3, 4))


def money(amount: float) -> Decimal:
    return Decimal(f"{amount}.00")


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


# ---------------------------------------------------------------------------------------- totals


@pytest.mark.statement("Q7")
def test_a_total_is_computed_from_the_rows_of_its_level(shop: Project) -> None:
    result = shop.query(
        ["revenue", "buyers", "per_sale"],
        ["metric_time__month", "customer__region"],
        totals=[["metric_time__month"], []],
        start="2026-01-01",
        end="2026-02-28",
    )
    assert list(result.columns) == [
        *("metric_time__month", "customer__region", "_level"),
        *("revenue", "buyers", "per_sale"),
    ]
    both = "metric_time__month,customer__region"
    assert result.rows() == [
        (JAN, "EU", both, money(30), 2, 15.0),
        (JAN, "US", both, money(5), 1, 5.0),
        (JAN, None, "metric_time__month", money(35), 3, pytest.approx(35 / 3)),
        (FEB, "EU", both, money(40), 1, 40.0),
        (FEB, None, both, money(7), 1, 7.0),
        (FEB, None, "metric_time__month", money(47), 2, 23.5),
        (None, None, "", money(82), 4, 16.4),  # ann bought in both months
    ]


@pytest.mark.statement("Q7")
@pytest.mark.statement("Q10")
def test_a_null_group_and_the_total_are_told_apart(shop: Project) -> None:
    rows = ask(
        shop, "revenue", group_by="customer__region", totals=[[]], order_by="-customer__region"
    )
    assert rows == [
        ("US", "customer__region", money(86)),
        ("EU", "customer__region", money(170)),
        (None, "customer__region", money(7)),
        (None, "", money(263)),
    ]
    rows = ask(
        shop, "revenue", group_by="customer__region", totals=[[]], order_by="-revenue", limit=2
    )
    assert rows == [(None, "", money(263)), ("EU", "customer__region", money(170))]


@pytest.mark.statement("Q7")
def test_totals_of_shares_and_running_totals_are_their_own(shop: Project) -> None:
    rows = ask(
        shop, "share", "so_far", group_by=["metric_time__month", "customer__region"],
        totals=[["metric_time__month"]], start="2026-02-01", end="2026-02-28",
    )  # fmt: skip
    assert [(r[1], r[2], r[3]) for r in rows] == [
        ("EU", "metric_time__month,customer__region", pytest.approx(40 / 47)),
        ("US", "metric_time__month,customer__region", None),
        (None, "metric_time__month,customer__region", pytest.approx(7 / 47)),
        (None, "metric_time__month", 1.0),
    ]
    # So far, on the first day of February that has a value: the 1st.
    assert [r[4] for r in rows] == [money(30), money(5), money(7), money(35)]


@pytest.mark.statement("Q4")
@pytest.mark.statement("Q7")
def test_totals_are_computed_before_having(shop: Project) -> None:
    asked = {"group_by": "customer__region", "totals": [[]]}
    rows = ask(shop, "revenue", having="revenue > 100", **asked)
    assert rows == [("EU", "customer__region", money(170)), (None, "", money(263))]
    rows = ask(shop, "revenue", having="revenue < 100 OR _level = ''", **asked)
    assert rows == [
        ("US", "customer__region", money(86)),
        (None, "customer__region", money(7)),
        (None, "", money(263)),
    ]


@pytest.mark.statement("Q6")
@pytest.mark.statement("Q7")
def test_totals_are_compared_where_they_keep_the_period(shop: Project) -> None:
    asked = {"group_by": ["metric_time__month", "customer__region"], "compare": "prior_period"}
    rows = ask(shop, "revenue", totals=[["metric_time__month"]], start="2026-04-01", **asked)
    assert [row[:5] for row in rows] == [
        (APR, "EU", "metric_time__month,customer__region", money(100), None),
        (APR, "US", "metric_time__month,customer__region", money(1), money(80)),
        (APR, None, "metric_time__month", money(101), money(80)),
    ]
    assert refused(shop, metrics="revenue", totals=[[]], **asked) == ["unsound-question"]
    years = {"group_by": ["metric_time__month", "metric_time__year"], "compare": "prior_period"}
    found = refused(shop, metrics="revenue", totals=[["metric_time__year"]], **years)
    assert found == ["unsound-question"]  # the period before a year's total is no month
    rows = ask(
        shop, "revenue", group_by="customer__region", totals=[[]], compare="prior_period",
        start="2026-02-01", end="2026-02-28",
    )  # fmt: skip
    assert [row[:4] for row in rows] == [
        ("EU", "customer__region", money(40), money(30)),
        (None, "customer__region", money(7), None),
        (None, "", money(47), money(35)),
    ]


@pytest.mark.statement("Q7")
def test_levels_that_are_none_are_refused(shop: Project) -> None:
    asked = {"metrics": "revenue", "group_by": "customer__region"}
    assert refused(shop, **asked, totals=[["customer__tier"]]) == ["bad-totals"]
    assert refused(shop, **asked, totals=[["customer__region"]]) == ["bad-totals"]
    assert refused(shop, metrics="revenue", totals=[[]]) == ["bad-totals"]
    weekly = {"metrics": "last_40", "group_by": "metric_time__week"}
    assert refused(shop, **weekly, totals=[[]]) == ["needs-time"]


# ------------------------------------------------------------------------------------------- top


@pytest.mark.statement("Q8")
def test_the_best_members_are_ranked_over_the_whole_range(shop: Project) -> None:
    # bob 120, cat 85, ann 50, dan 7, eve 1
    rows = ask(
        shop, "revenue", group_by=["metric_time__month", "customer__name"],
        top={"n": 2, "by": "-revenue", "of": "customer__name"},
    )  # fmt: skip
    assert rows == [
        (JAN, "bob", money(20)),
        (JAN, "cat", money(5)),
        (MAR, "cat", money(80)),
        (APR, "bob", money(100)),
    ]


@pytest.mark.statement("Q8")
def test_what_is_left_over_is_computed_from_its_rows(shop: Project) -> None:
    asked = {"top": {"n": 1, "by": "-revenue", "of": "customer__region", "other": "other"}}
    rows = ask(shop, "revenue", "buyers", "per_sale", group_by="customer__region", **asked)
    assert rows == [
        ("EU", money(170), 2, 42.5),
        ("other", money(93), 3, 23.25),
    ]
    groups = ["metric_time__month", "customer__region"]
    assert ask(shop, "revenue", group_by=groups, **asked) == [
        (JAN, "EU", money(30)),
        (JAN, "other", money(5)),
        (FEB, "EU", money(40)),
        (FEB, "other", money(7)),
        (MAR, "other", money(80)),
        (APR, "EU", money(100)),
        (APR, "other", money(1)),
    ]


@pytest.mark.statement("Q8")
def test_a_null_group_is_a_member(shop: Project) -> None:
    rows = ask(
        shop, "revenue", group_by="customer__region",
        top={"n": 1, "by": "revenue", "of": "customer__region", "other": "the rest"},
    )  # fmt: skip
    assert rows == [("the rest", money(256)), (None, money(7))]


@pytest.mark.statement("Q8")
def test_where_nothing_is_left_over_there_is_no_other(shop: Project) -> None:
    asked = {"group_by": "customer__region", "top": {"n": 3, "other": "other"}}
    assert len(ask(shop, "revenue", **asked)) == 3
    assert ask(shop, "revenue", where="customer__region = 'EU'", **asked) == [("EU", money(170))]


@pytest.mark.statement("Q8")
def test_a_member_called_other_stays_apart_from_the_rest(shop: Project) -> None:
    rows = ask(shop, "revenue", group_by="customer__name", top={"n": 1, "other": "bob"})
    assert rows == [("bob", money(120)), ("bob", money(143))]


@pytest.mark.statement("Q8")
@pytest.mark.statement("Q10")
def test_equal_members_are_ranked_by_name_and_null_last(shop: Project) -> None:
    # sold: EU 4, US 3, none 1; by tier: 1 has 4 (ann, cat), 2 has 3, NULL has 1
    rows = ask(shop, "sold", group_by="customer__name", top={"n": 3, "by": "-sold"})
    assert rows == [("ann", 2), ("bob", 2), ("cat", 2)]
    rows = ask(shop, "sold", group_by="customer__name", top={"n": 1, "by": "sold"})
    assert rows == [("dan", 1)]  # as few as eve
    rows = ask(shop, "sold", group_by="customer__tier", top={"n": 2, "by": "-sold", "other": "-"})
    assert rows == [("-", 1), ("1", 4), ("2", 3)]


@pytest.mark.statement("Q8")
def test_members_can_be_ranked_by_a_metric_that_is_not_shown(shop: Project) -> None:
    rows = ask(shop, "sold", group_by="customer__name", top={"n": 2, "by": "-revenue"})
    assert rows == [("bob", 2), ("cat", 2)]


@pytest.mark.statement("Q8")
def test_shares_and_running_totals_of_what_is_left_over(shop: Project) -> None:
    rows = ask(
        shop, "share", group_by=["metric_time__month", "customer__region"], start="2026-01-01", end="2026-02-28",
        top={"n": 1, "by": "-revenue", "of": "customer__region", "other": "other"},
    )  # fmt: skip
    assert rows == [
        (JAN, "EU", pytest.approx(30 / 35)),
        (JAN, "other", pytest.approx(5 / 35)),
        (FEB, "EU", pytest.approx(40 / 47)),
        (FEB, "other", pytest.approx(7 / 47)),
    ]
    rows = ask(
        shop, "so_far", group_by=["metric_time__day", "customer__region"], start="2026-03-01", end="2026-03-01",
        top={"n": 1, "by": "-revenue", "of": "customer__region", "other": "other"},
    )  # fmt: skip
    # In March only cat has bought, in the US: 85 so far there.
    day = MAR
    assert rows == [(day, "US", money(85)), (day, "other", money(77))]


@pytest.mark.statement("Q6")
@pytest.mark.statement("Q8")
def test_what_is_left_over_is_compared_with_its_own_earlier_rows(shop: Project) -> None:
    rows = ask(
        shop, "revenue", group_by=["metric_time__month", "customer__region"], compare="prior_period",
        top={"n": 1, "of": "customer__region", "other": "other"},
    )  # fmt: skip
    assert [row[:4] for row in rows] == [
        (JAN, "EU", money(30), None),
        (JAN, "other", money(5), None),
        (FEB, "EU", money(40), money(30)),
        (FEB, "other", money(7), money(5)),
        (MAR, "other", money(80), money(7)),
        (APR, "EU", money(100), None),
        (APR, "other", money(1), money(80)),
    ]


@pytest.mark.statement("Q7")
@pytest.mark.statement("Q8")
def test_totals_are_those_of_all_members(shop: Project) -> None:
    rows = ask(
        shop, "revenue", group_by="customer__region", totals=[[]], top={"n": 1, "other": "other"}
    )
    assert rows == [
        ("EU", "customer__region", money(170)),
        ("other", "customer__region", money(93)),
        (None, "", money(263)),
    ]


@pytest.mark.statement("Q4")
@pytest.mark.statement("Q8")
def test_having_is_before_top(shop: Project) -> None:
    rows = ask(shop, "revenue", group_by="customer__name", having="revenue < 100", top=1)
    assert rows == [("cat", money(85))]
    asked = {"group_by": "customer__name", "top": {"n": 1, "other": "other"}}
    found = refused(shop, metrics="revenue", having="revenue < 100", **asked)
    assert found == ["unsound-question"]


@pytest.mark.statement("Q8")
def test_ranks_that_mean_nothing_are_refused(shop: Project) -> None:
    asked = {"metrics": "revenue", "group_by": ["customer__name", "customer__region"]}
    assert refused(shop, **asked, top=3) == ["bad-top"]  # of which?
    assert refused(shop, **asked, top={"n": 0, "of": "customer__name"}) == ["bad-top"]
    assert refused(shop, **asked, top={"n": 1, "of": "customer__tier"}) == ["bad-top"]
    assert refused(shop, **asked, top={"n": 1, "of": "customer__name", "by": "-turnover"}) == [
        "bad-top"
    ]
    daily = {"metrics": "last_40", "group_by": ["metric_time__day", "customer__name"]}
    assert refused(shop, **daily, top=1) == ["needs-time"]  # no window has a total


# ------------------------------------------------------------------------------------------ fill


@pytest.mark.statement("Q9")
def test_every_period_has_a_row_for_each_group_seen(shop: Project) -> None:
    rows = ask(
        shop, "revenue", "per_sale", group_by=["metric_time__month", "customer__region"], fill=0,
        start="2026-01-01", end="2026-05-31",
    )  # fmt: skip
    seen = {(JAN, "EU"): (30, 15.0), (JAN, "US"): (5, 5.0), (FEB, "EU"): (40, 40.0), (FEB, None): (7, 7.0),
            (MAR, "US"): (80, 80.0), (APR, "EU"): (100, 100.0), (APR, "US"): (1, 1.0)}  # fmt: skip
    months = [JAN, FEB, MAR, APR, dt.date(2026, 5, 1)]
    expected = []
    for month in months:
        for region in ("EU", "US", None):
            amount, each = seen.get((month, region), (0, 0.0))
            expected.append((month, region, money(amount), each))
    assert rows == expected


@pytest.mark.statement("Q9")
@pytest.mark.statement("Q11")
def test_without_a_range_the_periods_are_those_of_the_spine(shop: Project) -> None:
    rows = ask(shop, "sold", group_by="metric_time__month", where="sale__channel = 'shop'", fill=0)
    assert rows == [(JAN, 1), (FEB, 1), (MAR, 0), (APR, 1)]
    assert all(type(row[1]) is int for row in rows)


@pytest.mark.statement("Q9")
def test_conditions_on_time_say_which_periods_are_filled(shop: Project) -> None:
    where = ["customer__region = 'EU'", "metric_time__month >= '2026-02-01'"]
    rows = ask(shop, "revenue", group_by="metric_time__month", where=where, fill=0)
    assert rows == [(FEB, money(40)), (MAR, money(0)), (APR, money(100))]


@pytest.mark.statement("Q6")
@pytest.mark.statement("Q9")
def test_gaps_are_filled_before_anything_is_compared(shop: Project) -> None:
    rows = ask(
        shop, "revenue", group_by="metric_time__month", where="customer__region = 'EU'", fill=0,
        compare="prior_period",
    )  # fmt: skip
    assert rows == [
        (JAN, money(30), money(0), money(30), None),
        (FEB, money(40), money(30), money(10), pytest.approx(1 / 3)),
        (MAR, money(0), money(40), money(-40), -1.0),
        (APR, money(100), money(0), money(100), None),
    ]


@pytest.mark.statement("Q9")
def test_rows_outside_the_spine_stay(engine: Any) -> None:
    tables = TABLES | {
        "sales": f"{TABLES['sales']} UNION ALL SELECT 9, 1, CAST(NULL AS DATE), 'web', 3.00",
        "days": "SELECT CAST('2026-01-01' AS DATE) AS day UNION ALL SELECT CAST('2026-05-01' AS DATE)",
    }
    spine = """
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
"""
    definitions = DEFINITIONS.replace("\nmetrics:", spine + "metrics:")
    shop = engine.project(definitions, tables=tables)
    assert ask(shop, "sold", group_by="metric_time__month", fill=0) == [
        (JAN, 3), (FEB, 2), (MAR, 1), (APR, 2), (dt.date(2026, 5, 1), 0), (None, 1),
    ]  # fmt: skip


@pytest.mark.statement("Q9")
def test_gaps_are_filled_with_nothing_but_0(shop: Project) -> None:
    assert refused(shop, metrics="revenue", group_by="metric_time__month", fill=1) == ["bad-fill"]
    mixed = "customer__region = 'EU' OR metric_time__month > '2026-01-01'"
    found = refused(shop, metrics="revenue", group_by="metric_time__month", where=mixed, fill=0)
    assert found == ["mixed-condition"]


@pytest.mark.statement("Q7")
@pytest.mark.statement("Q8")
@pytest.mark.statement("Q9")
def test_all_of_it_together(shop: Project) -> None:
    rows = ask(
        shop, "revenue", group_by=["metric_time__month", "customer__region"], fill=0,
        compare="prior_period", totals=[["metric_time__month"]],
        top={"n": 1, "of": "customer__region", "other": "other"}, start="2026-03-01", end="2026-03-31",
    )  # fmt: skip
    # In March there is only the US.
    both = "metric_time__month,customer__region"
    assert [row[:5] for row in rows] == [
        (MAR, "US", both, money(80), money(0)),
        (MAR, None, "metric_time__month", money(80), money(47)),
    ]


@pytest.mark.statement("Q8")
def test_members_are_ranked_beside_a_metric_that_needs_time(engine: Any) -> None:
    earlier = """
  - name: month_before
    type: derived
    expr: moved
    input_metrics: [{name: revenue, alias: moved, offset_window: 1 month}]
saved_queries:"""
    project = engine.project(DEFINITIONS.replace("\nsaved_queries:", earlier), tables=TABLES)
    result = project.query(
        ["month_before"],
        ["metric_time__month", "customer__region"],
        top={"n": 1, "by": "-revenue", "of": "customer__region", "other": "other"},
    )
    # revenue in total: EU 170, US 86, NULL 7
    assert result.rows() == [
        (FEB, "EU", money(30)),
        (FEB, "other", money(5)),
        (MAR, "EU", money(40)),
        (MAR, "other", money(7)),
        (APR, "other", money(80)),
    ]


@pytest.mark.statement("Q8")
def test_members_that_only_the_earlier_time_has_are_ranked_last(engine: Any) -> None:
    project = engine.project(DEFINITIONS, tables=TABLES)
    result = project.query(
        "revenue",
        ["customer__region"],
        start="2026-03-01",
        end="2026-03-31",
        compare="1 month",
        compare_rows="all",
        top=3,
    )
    assert [row[:3] for row in result.rows()] == [
        ("EU", None, money(40)),
        ("US", money(80), None),
        (None, None, money(7)),
    ]
