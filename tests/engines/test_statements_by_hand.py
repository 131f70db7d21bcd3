"""Statements of meaning, each on a few rows of which the answer is worked out by hand, on each engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from kpilayer import DefinitionError, Project, QueryError

Make = Callable[..., Project]

MODELS = """
models:
  - name: sales
    semantic_model: true
    agg_time_dimension: sold_at
    columns:
      - {name: sale_id, entity: {type: primary, name: sale}}
      - {name: person_id, entity: {type: foreign, name: person}}
      - {name: sold_at, granularity: second, dimension: time}
      - {name: status, dimension: categorical}
  - name: people
    semantic_model: true
    columns:
      - {name: person_id, entity: {type: primary, name: person}}
      - {name: city_id, entity: {type: foreign, name: city}}
      - {name: role, dimension: categorical}
  - name: cities
    semantic_model: true
    columns:
      - {name: city_id, entity: {type: primary, name: city}}
      - {name: country_id, entity: {type: foreign, name: country}}
  - name: countries
    semantic_model: true
    columns:
      - {name: country_id, entity: {type: primary, name: country}}
      - {name: continent, dimension: categorical}
  - name: balances
    semantic_model: true
    agg_time_dimension: on_day
    primary_entity: balance
    columns:
      - {name: account, entity: {type: foreign, name: account}}
      - {name: on_day, granularity: day, dimension: time}
      - {name: branch, dimension: categorical}
  - name: contracts
    semantic_model: true
    agg_time_dimension: starts_on
    active: {from: starts_on, to: ends_on}
    columns:
      - {name: contract_id, entity: {type: primary, name: contract}}
      - {name: starts_on, granularity: day, dimension: time}
metrics:
  - {name: revenue, model: sales, agg: sum, expr: amount}
  - {name: sale_count, model: sales, agg: count}
  - {name: buyers, model: sales, agg: count_distinct, expr: person_id}
  - {name: mean, model: sales, agg: average, expr: amount}
  - {name: exact, model: sales, agg: sum, expr: price}
  - {name: quartile, model: sales, agg: percentile, expr: amount, percentile: 0.25,
     percentile_type: continuous}
  - {name: halves, model: sales, agg: sum, expr: amount / 2}
  - {name: per_zero, sql: SUM(amount) / SUM(amount - amount), model: sales}
  - {name: filled, input_metric: revenue, fill_nulls_with: 0}
  - {name: to_date, type: cumulative, input_metric: revenue, period_agg: last}
  - name: paid_to_date
    type: cumulative
    input_metric: {name: revenue, filter: "{{ Dimension('sale__status') }} = 'paid'"}
    period_agg: last
  - name: paid_to_open
    type: ratio
    numerator: {name: revenue, filter: "{{ Dimension('sale__status') }} = 'paid'"}
    denominator: {name: revenue, filter: "{{ Dimension('sale__status') }} = 'open'"}
  - name: came_back
    type: conversion
    entity: person
    base_metric: {name: sale_count, filter: "{{ Dimension('sale__status') }} = 'open'"}
    conversion_metric: {name: sale_count, filter: "{{ Dimension('sale__status') }} = 'paid'"}
    calculation: conversions
  - {name: filled_plus, type: derived, expr: filled + sale_count, input_metrics: [filled, sale_count]}
  - {name: of_march, input_metric: revenue,
     filter: "{{ Dimension('sale__sold_at__month') }} = '2024-03-01'"}
  - name: month_before
    type: derived
    expr: earlier
    input_metrics: [{name: revenue, alias: earlier, offset_window: 1 month}]
  - {name: held, model: balances, agg: sum, expr: amount,
     non_additive_dimension: {name: on_day, window_agg: max}}
  - {name: held_each, model: balances, agg: sum, expr: amount,
     non_additive_dimension: {name: on_day, window_agg: max, group_by: [account]}}
  - {name: at_end, model: contracts, agg: count, as_of: period_end}
  - {name: at_start, model: contracts, agg: count, as_of: period_start}
  - {name: contract_days, model: contracts, agg: count, as_of: every_day}
"""

#: When, who, how much, at which status: 31 days of January and March meet the 29 of February.
SALES = """
  SELECT sale_id, person_id, CAST(sold_at AS TIMESTAMP) AS sold_at, amount,
    CAST(price AS DECIMAL(10, 2)) AS price, status
  FROM (VALUES
    (1, 1, '2024-01-31 10:00:00', 1, '0.10', 'open'),
    (2, 1, '2024-02-29 10:00:00', 2, '0.20', 'paid'),
    (3, 2, '2024-03-30 10:00:00', 4, '0.30', 'open'),
    (4, NULL, '2024-03-31 10:00:00', 8, '0.40', 'paid'),
    (5, 2, '2024-04-30 23:59:59', 16, '0.50', 'paid')
  ) AS v(sale_id, person_id, sold_at, amount, price, status)"""
TABLES = {
    "sales": SALES,
    "people": "SELECT * FROM (VALUES (1, 7, 'x'), (2, 8, 'y')) AS v(person_id, city_id, role)",
    "cities": "SELECT * FROM (VALUES (7, 70), (8, 80)) AS v(city_id, country_id)",
    "countries": "SELECT * FROM (VALUES (70, 'Asia'), (80, 'Europe')) AS v(country_id, continent)",
    "balances": """
      SELECT account, CAST(on_day AS DATE) AS on_day, branch, amount FROM (VALUES
        ('a', '2024-01-10', 'n', 1), ('a', '2024-01-31', 'n', 2), ('b', '2024-01-20', 's', 4),
        (NULL, '2024-01-15', 's', 8), ('a', '2024-02-05', 'n', 16)
      ) AS v(account, on_day, branch, amount)""",
    "contracts": """
      SELECT contract_id, CAST(starts_on AS DATE) AS starts_on, CAST(ends_on AS DATE) AS ends_on
      FROM (VALUES (1, '2024-01-30', '2024-02-02'), (2, '2024-02-01', NULL), (3, '2024-02-10', '2024-02-29')
      ) AS v(contract_id, starts_on, ends_on)""",
}  # fmt: skip
JANUARY, FEBRUARY, MARCH, APRIL = (date(2024, month, 1) for month in (1, 2, 3, 4))


@pytest.fixture
def shop(engine: Any) -> Project:
    made: Project = engine.project(MODELS, tables=TABLES)
    return made


# ------------------------------------------------------------------------------------- questions


@pytest.mark.statement("Q1")
@pytest.mark.parametrize("group_by", ["sale__status", "Dimension('sale__status')", "SALE__STATUS"])
def test_a_dimension_is_named_in_dunder_or_object_form(shop: Project, group_by: str) -> None:
    assert shop.query("revenue", group_by).rows() == [("open", 5), ("paid", 26)]


@pytest.mark.statement("Q1")
def test_a_date_part_is_asked_as_it_is_printed(shop: Project) -> None:
    result = shop.query("revenue", "metric_time__extract_month")
    assert result.columns == ("metric_time__extract_month", "revenue")
    assert result.rows() == [(1, 1), (2, 2), (3, 12), (4, 16)]


@pytest.mark.statement("Q2")
def test_a_column_keeps_its_name_when_a_metric_is_added(shop: Project) -> None:
    asked = ["person__role", "metric_time__month"]
    assert shop.query("revenue", asked).columns == (*asked, "revenue")
    assert shop.query(["revenue", "buyers"], asked).columns == (*asked, "revenue", "buyers")


@pytest.mark.statement("Q3")
def test_conditions_are_joined_by_and_and_unknown_is_not_true(shop: Project) -> None:
    where = ["sale__status = 'paid'", "NOT (person__role = 'x')"]
    assert shop.query("revenue", where=where).rows() == [(16,)]  # not that of nobody, which is 8


@pytest.mark.statement("Q3")
def test_a_literal_beside_a_grain_is_moved_to_its_period(shop: Project) -> None:
    result = shop.query("revenue", where="metric_time__month = '2024-03-15'")
    assert result.rows() == [(12,)]
    assert "truncated-literal" in {notice.code for notice in result.notices}


@pytest.mark.statement("Q5")
def test_a_range_is_inclusive_and_limits_what_is_shown_not_the_history(shop: Project) -> None:
    found = shop.query(
        ["revenue", "to_date"], "metric_time__month", start="2024-03-15", end="2024-04-30"
    )
    assert found.rows() == [(MARCH, 12, 15), (APRIL, 16, 31)]


@pytest.mark.statement("Q10")
@pytest.mark.statement("X10")
@pytest.mark.parametrize(("order", "last"), [("person__role", 8), ("-person__role", 8)])
def test_nulls_are_last_both_ways(shop: Project, order: str, last: int) -> None:
    rows = shop.query("revenue", "person__role", order_by=order).rows()
    assert rows[-1] == (None, last) and len(rows) == 3


@pytest.mark.statement("Q11")
def test_counts_are_integers_sums_keep_their_decimals_and_days_are_dates(shop: Project) -> None:
    asked = ["sale_count", "exact", "mean"]
    assert shop.query(asked, "metric_time__month").rows()[2] == (MARCH, 2, Decimal("0.70"), 6.0)
    (hour, *_) = shop.query("revenue", "metric_time__hour").rows()[0]
    assert hour == datetime(2024, 1, 31, 10)


@pytest.mark.statement("Q12")
def test_a_row_exists_if_any_metric_has_one_there(shop: Project) -> None:
    rows = shop.query(["paid_to_open", "of_march"], "metric_time__month").rows()
    assert [month for month, *_ in rows] == [JANUARY, FEBRUARY, MARCH, APRIL]


# ------------------------------------------------------------------------------------------- time


@pytest.mark.statement("T4")
def test_a_generated_spine_spans_the_metrics_own_time(shop: Project) -> None:
    rows = shop.query(["to_date", "held"], "metric_time__day").rows()
    running = [(day, value) for day, value, _ in rows if value is not None]
    assert running[0] == (date(2024, 1, 31), 1) and running[-1] == (date(2024, 4, 30), 31)
    assert len(running) == 91  # each day from the first to the last sale, and none of the balances


@pytest.mark.statement("T4")
def test_a_declared_spine_is_used_as_it_is(engine: Any) -> None:
    spine = """
  - name: calendar
    time_spine: {standard_granularity_column: day_on}
    columns: [{name: day_on, granularity: day}]
"""
    days = "SELECT CAST(d AS DATE) AS day_on FROM (VALUES ('2024-02-01'), ('2024-02-29')) AS v(d)"
    declared = engine.project(
        MODELS.replace("models:", f"models:{spine}", 1), tables={**TABLES, "calendar": days}
    )
    assert declared.query("to_date", "metric_time__day").rows() == [
        (date(2024, 2, 1), 1),
        (date(2024, 2, 29), 3),
    ]


@pytest.mark.statement("T5")
def test_rows_count_while_they_hold(shop: Project) -> None:
    """The day of the end is not in it; the spine runs to the last start or end, February 29th."""
    asked = ["at_start", "at_end", "contract_days"]
    assert shop.query(asked, "metric_time__month").rows() == [
        (JANUARY, 1, 1, 2),  # the first day of the spine is January 30th
        (FEBRUARY, 2, 1, 1 + 29 + 19),
    ]


@pytest.mark.statement("T6")
def test_a_balance_is_that_of_the_last_date_of_each_period(shop: Project) -> None:
    assert shop.query("held", "metric_time__month").rows() == [(JANUARY, 2), (FEBRUARY, 16)]
    assert shop.query("held", end="2024-01-31").rows() == [(2,)]
    assert shop.query("held").rows() == [(16,)]


@pytest.mark.statement("T6")
def test_other_group_bys_take_no_part_in_the_choice_of_the_date(shop: Project) -> None:
    assert shop.query("held", ["metric_time__month", "balance__branch"]).rows() == [
        (JANUARY, "n", 2),
        (FEBRUARY, "n", 16),
    ]


# ---------------------------------------------------------------------------- differences from dbt


@pytest.mark.statement("X1")
def test_a_month_earlier_by_quarter_is_three_whole_months(shop: Project) -> None:
    """January 31st and the 31 days of March are counted once each."""
    rows = shop.query("month_before", "metric_time__quarter").rows()
    assert rows == [(date(2024, 1, 1), 1 + 2), (date(2024, 4, 1), 12 + 16)]


@pytest.mark.statement("X1")
def test_a_month_earlier_by_week_is_refused(shop: Project) -> None:
    with pytest.raises(QueryError) as error:
        shop.query("month_before", "metric_time__week")
    assert [issue.code for issue in error.value.issues] == ["uneven-offset"]


@pytest.mark.statement("X2")
def test_one_metric_twice_with_two_filters_needs_no_alias(shop: Project) -> None:
    assert shop.query("paid_to_open").rows() == [(26 / 5,)]


@pytest.mark.statement("X2")
def test_a_filter_on_what_is_accumulated_applies(shop: Project) -> None:
    rows = shop.query("paid_to_date", "metric_time__month").rows()
    assert rows == [(FEBRUARY, 2), (MARCH, 10), (APRIL, 26)]


@pytest.mark.statement("X2")
def test_filters_on_both_sides_of_a_conversion_apply(shop: Project) -> None:
    """Person 1 opens in January and pays in February, person 2 in March and April."""
    rows = shop.query("came_back", "metric_time__month").rows()
    assert [row for row in rows if row[1] is not None] == [(JANUARY, 1), (MARCH, 1)]


@pytest.mark.statement("X2")
def test_a_filling_holds_inside_a_formula(shop: Project) -> None:
    rows = shop.query(["filled_plus", "held"], "metric_time__month").rows()
    assert rows[0] == (JANUARY, 1 + 1, 2)


@pytest.mark.statement("X3")
def test_a_continuous_percentile_is_exact(shop: Project) -> None:
    assert shop.query("quartile").rows() == [(2.0,)]
    assert shop.query("quartile", where="sale__status = 'open'").rows() == [(1.75,)]


@pytest.mark.statement("X4")
def test_a_dimension_with_a_grain_in_a_filter_means_the_grain(shop: Project) -> None:
    assert shop.query("of_march").rows() == [(12,)]


@pytest.mark.statement("X5")
def test_no_date_is_a_hidden_bound(engine: Any) -> None:
    far = TABLES["sales"].replace("2024-01-31", "1871-01-31").replace("2024-04-30", "2105-04-30")
    shop = engine.project(MODELS, tables={**TABLES, "sales": far})
    rows = shop.query("to_date", "metric_time__year").rows()
    assert rows[0] == (date(1871, 1, 1), 1) and rows[-1] == (date(2105, 1, 1), 31)
    assert len(rows) == 2105 - 1871 + 1


VISITS = """
models:
  - name: visits
    semantic_model: true
    agg_time_dimension: on_day
    columns:
      - {name: id, entity: {name: visit, type: primary}}
      - {name: person, entity: foreign}
      - {name: on_day, granularity: day, dimension: time}
  - name: sales
    semantic_model: true
    agg_time_dimension: on_day
    columns:
      - {name: id, entity: {name: sale, type: primary}}
      - {name: person, entity: foreign}
      - {name: on_day, granularity: day, dimension: time}
metrics:
  - {name: visits, model: visits, agg: count, expr: 1}
  - {name: sales, model: sales, agg: count, expr: 1}
  - &latest
    name: after_latest
    type: conversion
    entity: person
    calculation: conversions
    base_metric: visits
    conversion_metric: sales
  - {<<: *latest, name: within_60_days, window: 60 days}
  - {<<: *latest, name: after_first, base_event: first}
  - {<<: *latest, name: first_within_60_days, base_event: first, window: 60 days}
"""


@pytest.mark.statement("X5")
@pytest.mark.parametrize(
    ("metric", "by_month"),
    [
        ("after_latest", {JANUARY: None, FEBRUARY: 1, MARCH: 2}),
        ("within_60_days", {JANUARY: None, FEBRUARY: 1, MARCH: 2}),
        ("after_first", {JANUARY: 3, FEBRUARY: None, MARCH: None}),
        ("first_within_60_days", {JANUARY: 1, FEBRUARY: 1, MARCH: 1}),
    ],
)
def test_a_conversion_belongs_to_the_same_event_whatever_range_is_asked_for(
    engine: Any, metric: str, by_month: dict[date, int | None]
) -> None:
    """60 days before the three sales are December 30th, February 20th and March 2nd."""
    days = ["2024-01-31", "2024-02-27", "2024-03-03"]
    sold = ["2024-02-28", "2024-04-20", "2024-05-01"]
    row = "SELECT {} AS id, 7 AS person, CAST('{}' AS DATE) AS on_day"
    tables = {
        "visits": " UNION ALL ".join(row.format(i, day) for i, day in enumerate(days)),
        "sales": " UNION ALL ".join(row.format(i, day) for i, day in enumerate(sold)),
    }
    shop = engine.project(VISITS, tables=tables)
    assert dict(shop.query(metric, "metric_time__month").rows()) == by_month
    for month, number in by_month.items():
        asked = {"start": month, "end": month}
        assert shop.query(metric, "metric_time__month", **asked).rows() == [(month, number)]
        end = {JANUARY: "2024-01-31", FEBRUARY: "2024-02-29", MARCH: "2024-03-31"}[month]
        assert shop.query(metric, start=month, end=end).rows() == [(number,)]


@pytest.mark.statement("X5")
def test_of_visits_on_the_day_of_a_sale_the_latest_has_it(engine: Any) -> None:
    """Visits at 9 and at 15 o'clock; the sale has a date and no hour."""
    at = "SELECT {} AS id, 7 AS person, CAST('2024-02-28 {}:00:00' AS TIMESTAMP) AS on_day"
    tables = {
        "visits": " UNION ALL ".join(at.format(hour, f"{hour:02}") for hour in (9, 15)),
        "sales": "SELECT 1 AS id, 7 AS person, CAST('2024-02-28' AS DATE) AS on_day",
    }
    text = VISITS.replace(
        "granularity: day, dimension: time", "granularity: second, dimension: time", 1
    )
    shop = engine.project(text, tables=tables)
    for metric, hour in (("after_latest", 15), ("after_first", 9)):
        found = dict(shop.query(metric, "metric_time__hour").rows())
        assert {at.hour: number for at, number in found.items()} == {hour: 1, 24 - hour: None}
        for start, end in ((8, 12), (12, 18)):
            asked = {"start": f"2024-02-28 {start:02}:00:00", "end": f"2024-02-28 {end}:00:00"}
            [(number,)] = shop.query(metric, exact=True, **asked).rows()
            assert number == (1 if start < hour < end else None)


@pytest.mark.statement("X6")
def test_division_is_true_and_by_zero_null(shop: Project) -> None:
    assert shop.query(["halves", "per_zero"]).rows() == [(15.5, None)]


@pytest.mark.statement("X7")
def test_joins_may_take_more_than_two_steps(shop: Project) -> None:
    asked = "person__city__country__continent"
    result = shop.query("revenue", asked)
    assert result.columns == (asked, "revenue")
    assert result.rows() == [("Asia", 3), ("Europe", 20), (None, 8)]


@pytest.mark.statement("X8")
def test_a_balance_without_an_account_is_kept(shop: Project) -> None:
    """Account a on January 31st, b on the 20th, and the one without a name on the 15th."""
    assert shop.query("held_each", end="2024-01-31").rows() == [(2 + 4 + 8,)]


@pytest.mark.statement("X9")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("amount; DROP TABLE sales", "several-statements"),
        ("SELECT 1 FROM sales", "not-an-expression"),
        ("amount,", "bad-sql"),
    ],
)
def test_an_expression_is_one_expression(engine: Any, text: str, code: str) -> None:
    broken = engine.project(MODELS.replace("expr: amount / 2", f'expr: "{text}"'), tables=TABLES)
    assert [issue.code for issue in broken.check() if issue.severity == "error"] == [code]
    with pytest.raises(DefinitionError):
        broken.query("halves")
