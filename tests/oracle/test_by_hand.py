"""The evaluator itself, on tables small enough to work out by hand."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from kpilayer import Project
from tests.oracle.joins import Unanswerable
from tests.oracle.kinds import World
from tests.oracle.query import Query, answer

MODELS = """
models:
  - name: sales
    semantic_model: true
    agg_time_dimension: sold_on
    columns:
      - {name: id, entity: {type: primary, name: sale}}
      - {name: buyer_id, entity: {type: foreign, name: buyer, to: person}}
      - {name: sold_on, granularity: day, dimension: time}
      - {name: kind, dimension: categorical}
  - name: people
    semantic_model: true
    agg_time_dimension: joined
    columns:
      - {name: id, entity: {type: primary, name: person}}
      - {name: town, dimension: categorical}
      - {name: joined, granularity: month, dimension: time}
  - name: visits
    semantic_model: true
    agg_time_dimension: seen_at
    primary_entity: visit
    columns:
      - {name: person_id, entity: {type: foreign, name: person}}
      - {name: seen_at, granularity: second, dimension: time}
      - {name: page, dimension: categorical}
  - name: signups
    semantic_model: true
    agg_time_dimension: done_at
    primary_entity: signup
    columns:
      - {name: person_id, entity: {type: foreign, name: person}}
      - {name: done_at, granularity: second, dimension: time}
      - {name: page, dimension: categorical}
  - name: balances
    semantic_model: true
    agg_time_dimension: as_of
    primary_entity: balance
    columns:
      - {name: account_id, entity: {type: foreign, name: account}}
      - {name: as_of, granularity: day, dimension: time}
  - name: contracts
    semantic_model: true
    agg_time_dimension: starts_on
    active: {from: starts_on, to: ends_on}
    columns:
      - {name: id, entity: {type: primary, name: contract}}
      - {name: starts_on, granularity: day, dimension: time}
metrics:
  - {name: revenue, model: sales, agg: sum, expr: amount}
  - {name: sale_count, model: sales, agg: count}
  - {name: buyers, model: sales, agg: count_distinct, expr: buyer_id}
  - {name: filled, input_metric: revenue, fill_nulls_with: 0}
  - {name: dated, input_metric: revenue, join_to_timespine: true}
  - {name: gridded, input_metric: revenue, join_to_timespine: grid, fill_nulls_with: 0}
  - {name: visit_count, model: visits, agg: count}
  - {name: signup_count, model: signups, agg: count}
  - {name: people_count, model: people, agg: count}
"""


@pytest.fixture
def ask(tmp_path: Path):
    """Rows of a question on tables, with more metrics than the ones above."""

    def asked(metrics: str, tables: dict[str, list[dict[str, Any]]], *names: str, **query: Any):
        (tmp_path / "kpilayer.yml").write_text("name: hand\n")
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / "all.yml").write_text(MODELS + metrics)
        project = Project.load(tmp_path)
        assert [i for i in project.check() if i.severity == "error"] == []
        empty = {m.name: [] for m in project.catalog.definitions.models}
        world = World.of(project.catalog.definitions, {**empty, **tables})
        return answer(world, Query(names, **query))

    return asked


def sale(day: str, amount: int | None, kind: str | None = "a", buyer: int | None = 1) -> dict:
    return {
        "id": None,
        "buyer_id": buyer,
        "sold_on": date.fromisoformat(day) if day else None,
        "kind": kind,
        "amount": amount,
    }


def day(text: str) -> date:
    return date.fromisoformat(text)


MONTH = ("metric_time__month",)
DAY = ("metric_time__day",)


def test_sums_skip_nulls_and_a_group_of_nulls_is_null(ask) -> None:
    rows = [sale("2024-01-05", 5), sale("2024-01-09", None), sale("2024-02-01", None)]
    # January 5 + NULL = 5; February only NULL; two rows, then one.
    assert ask("", {"sales": rows}, "revenue", "sale_count", group_by=MONTH) == [
        (day("2024-01-01"), 5, 2),
        (day("2024-02-01"), None, 1),
    ]


def test_over_no_rows_a_count_is_null_and_a_distinct_count_0(ask) -> None:
    assert ask("", {}, "revenue", "sale_count", "buyers") == [(None, None, 0)]
    assert ask("", {}, "revenue", "sale_count", "buyers", group_by=MONTH) == []


def test_a_null_group_comes_last_and_missing_people_are_one(ask) -> None:
    people = [{"id": 1, "town": "Ulm", "joined": None}]
    rows = [
        sale("2024-01-05", 5),
        sale("2024-01-05", 7, buyer=9),
        sale("2024-01-05", 1, buyer=None),
    ]
    # Buyer 1 lives in Ulm: 5. Buyer 9 is not there and one has no buyer: 7 + 1.
    assert ask("", {"sales": rows, "people": people}, "revenue", group_by=("buyer__town",)) == [
        ("Ulm", 5),
        (None, 8),
    ]


def test_several_metrics_have_a_row_where_any_has_one(ask) -> None:
    tables = {
        "sales": [sale("2024-01-05", 5)],
        "people": [{"id": 1, "town": None, "joined": day("2024-03-01")}],
    }
    assert ask("", tables, "revenue", "people_count", group_by=MONTH) == [
        (day("2024-01-01"), 5, None),
        (day("2024-03-01"), None, 1),
    ]


def test_a_filled_metric_has_its_filling_where_another_has_a_row(ask) -> None:
    tables = {
        "sales": [sale("2024-01-05", None)],
        "people": [{"id": 1, "town": None, "joined": day("2024-03-01")}],
    }
    assert ask("", tables, "filled", "people_count", group_by=MONTH) == [
        (day("2024-01-01"), 0, None),
        (day("2024-03-01"), 0, 1),
    ]


def test_a_formula_of_a_filled_metric_is_null_where_it_has_no_row(ask) -> None:
    metrics = "  - {name: twice, type: derived, expr: filled * 2 + 1, input_metrics: [filled]}\n"
    tables = {
        "sales": [sale("2024-01-05", None)],
        "people": [{"id": 1, "town": None, "joined": day("2024-03-01")}],
    }
    # January has a row of the input: 0 * 2 + 1. March only has people.
    assert ask(metrics, tables, "twice", "people_count", group_by=MONTH) == [
        (day("2024-01-01"), 1, None),
        (day("2024-03-01"), None, 1),
    ]


def test_start_and_end_are_widened_to_the_periods_asked_unless_exact(ask) -> None:
    rows = [
        sale("2024-01-01", 1),
        sale("2024-01-31", 10),
        sale("2024-02-29", 100),
        sale("2024-03-01", 1000),
    ]
    query = {"group_by": MONTH, "start": day("2024-01-15"), "end": day("2024-02-10")}
    assert ask("", {"sales": rows}, "revenue", **query) == [
        (day("2024-01-01"), 11),
        (day("2024-02-01"), 100),
    ]
    # From 15 January to 10 February there is only the 31st.
    assert ask("", {"sales": rows}, "revenue", **query, exact=True) == [(day("2024-01-01"), 10)]


def test_all_time_cumulative_has_a_row_for_every_date_of_the_generated_spine(ask) -> None:
    metrics = "  - {name: so_far, type: cumulative, input_metric: revenue}\n"
    rows = [sale("2024-01-30", 1), sale("2024-02-01", 10)]
    assert ask(metrics, {"sales": rows}, "so_far", group_by=DAY) == [
        (day("2024-01-30"), 1),
        (day("2024-01-31"), 1),
        (day("2024-02-01"), 11),
    ]
    # At month grain the first day counts: 30 January, then 1 February.
    assert ask(metrics, {"sales": rows}, "so_far", group_by=MONTH) == [
        (day("2024-01-01"), 1),
        (day("2024-02-01"), 11),
    ]
    assert ask(metrics, {"sales": rows}, "so_far") == [(11,)]


def test_a_range_limits_what_is_shown_of_a_cumulative_metric_not_its_history(ask) -> None:
    metrics = "  - {name: so_far, type: cumulative, input_metric: revenue}\n"
    rows = [sale("2024-01-30", 1), sale("2024-02-01", 10)]
    query = {"start": day("2024-02-01"), "end": day("2024-02-02")}
    assert ask(metrics, {"sales": rows}, "so_far", group_by=DAY, **query) == [
        (day("2024-02-01"), 11),
        (day("2024-02-02"), 11),
    ]


def test_a_window_ends_with_the_date_and_leaves_out_dates_without_rows(ask) -> None:
    metrics = "  - {name: trailing, type: cumulative, input_metric: revenue, window: 2 days}\n"
    rows = [sale("2024-01-01", 1), sale("2024-01-02", 2), sale("2024-01-05", 4)]
    # 1: 1; 2: 1 + 2; 3: 2; 4: nothing in (2, 4]; 5: 4.
    assert ask(metrics, {"sales": rows}, "trailing", group_by=DAY) == [
        (day("2024-01-01"), 1),
        (day("2024-01-02"), 3),
        (day("2024-01-03"), 2),
        (day("2024-01-05"), 4),
    ]
    data = metrics.replace("window: 2 days", "window: 2 days, rows: data")
    assert ask(data, {"sales": rows}, "trailing", group_by=DAY) == [
        (day("2024-01-01"), 1),
        (day("2024-01-02"), 3),
        (day("2024-01-05"), 4),
    ]


def test_a_window_of_a_month_keeps_the_end_of_the_month(ask) -> None:
    metrics = "  - {name: trailing, type: cumulative, input_metric: revenue, window: 1 month}\n"
    rows = [sale("2024-02-29", 1), sale("2024-03-01", 10), sale("2024-03-31", 100)]
    # 31 March less a month is 29 February, which is outside: 10 + 100.
    assert ask(metrics, {"sales": rows}, "trailing", group_by=DAY)[-1] == (day("2024-03-31"), 110)


def test_month_to_date_starts_again_and_its_average_is_over_the_days(ask) -> None:
    metrics = (
        "  - {name: mtd, type: cumulative, input_metric: revenue, grain_to_date: month, period_agg: last}\n"
        "  - {name: mtd_average, type: cumulative, input_metric: revenue, grain_to_date: month, period_agg: average}\n"
    )
    rows = [
        sale("2024-01-30", 1),
        sale("2024-01-31", 2),
        sale("2024-02-02", 10),
        sale("2024-02-03", 5),
    ]
    # January: 1, 3. February: the 1st has no row; the 2nd 10, the 3rd 15.
    assert ask(metrics, {"sales": rows}, "mtd", "mtd_average", group_by=MONTH) == [
        (day("2024-01-01"), 3, 2.0),
        (day("2024-02-01"), 15, 12.5),
    ]


def test_where_on_time_limits_the_dates_and_a_filter_of_the_input_the_rows(ask) -> None:
    metrics = (
        "  - {name: so_far, type: cumulative, input_metric: revenue}\n"
        "  - {name: late, type: cumulative, input_metric: {name: revenue,\n"
        "     filter: \"{{ TimeDimension('metric_time', 'day') }} > '2024-01-01'\"}}\n"
    )
    rows = [sale("2024-01-01", 1), sale("2024-01-02", 10), sale("2024-01-03", 100, "b")]
    where = ("metric_time__day >= '2024-01-02'",)
    assert ask(metrics, {"sales": rows}, "so_far", "late", group_by=DAY, where=where) == [
        (day("2024-01-02"), 11, 10),
        (day("2024-01-03"), 111, 110),
    ]
    assert ask(metrics, {"sales": rows}, "so_far", group_by=DAY, where=("sale__kind = 'b'",)) == [
        (day("2024-01-03"), 100)
    ]


PREVIOUS = """
  - name: before
    type: derived
    expr: earlier
    input_metrics: [{name: revenue, alias: earlier, offset_window: 1 month}]
  - name: growth
    type: derived
    expr: revenue - earlier
    input_metrics: [revenue, {name: revenue, alias: earlier, offset_window: 1 month}]
"""


def test_an_offset_of_a_month_at_month_grain_is_the_month_before(ask) -> None:
    rows = [sale("2024-01-31", 1), sale("2024-02-05", 10), sale("2024-03-31", 100)]
    # The generated spine ends with March, so February's 10 is the last to be shown.
    assert ask(PREVIOUS, {"sales": rows}, "before", "growth", group_by=MONTH) == [
        (day("2024-01-01"), None, None),
        (day("2024-02-01"), 1, 9),
        (day("2024-03-01"), 10, 90),
    ]


def test_at_day_grain_the_ends_of_longer_months_show_the_last_day_of_shorter_ones(ask) -> None:
    rows = [sale("2024-02-28", 1), sale("2024-02-29", 10), sale("2024-04-01", 100)]
    # 29, 30 and 31 March less a month are 29 February; 1 April shows 1 March, which has no row.
    assert ask(PREVIOUS, {"sales": rows}, "before", group_by=DAY) == [
        (day("2024-03-28"), 1),
        (day("2024-03-29"), 10),
        (day("2024-03-30"), 10),
        (day("2024-03-31"), 10),
    ]


def test_at_quarter_grain_an_offset_of_a_month_moves_the_whole_quarter(ask) -> None:
    rows = [
        sale("2023-11-30", 1),
        sale("2023-12-31", 2),
        sale("2024-01-31", 4),
        sale("2024-02-29", 8),
        sale("2024-03-31", 16),
    ]
    # First quarter: December, January and February, 2 + 4 + 8. Fourth: September to November.
    assert ask(PREVIOUS, {"sales": rows}, "before", group_by=("metric_time__quarter",)) == [
        (day("2023-10-01"), 1),
        (day("2024-01-01"), 14),
    ]


def test_an_offset_by_weeks_in_months_is_refused(ask) -> None:
    with pytest.raises(Unanswerable):
        ask(PREVIOUS, {"sales": [sale("2024-01-31", 1)]}, "before", group_by=("metric_time__week",))


def test_an_offset_to_a_grain_is_the_first_day_or_the_whole_period(ask) -> None:
    metrics = (
        (
            "  - name: opening\n    type: derived\n    expr: first\n"
            "    input_metrics: [{name: revenue, alias: first, offset_to_grain: month}]\n"
        )
        .replace("expr: first", "expr: opened")
        .replace("alias: first", "alias: opened")
    )
    rows = [sale("2024-01-31", 1), sale("2024-02-01", 2), sale("2024-02-02", 4)]
    # By day, that of the month's first: January has none. By month, the month itself.
    assert ask(metrics, {"sales": rows}, "opening", group_by=DAY) == [
        (day("2024-02-01"), 2),
        (day("2024-02-02"), 2),
    ]
    assert ask(metrics, {"sales": rows}, "opening", group_by=MONTH) == [
        (day("2024-01-01"), 1),
        (day("2024-02-01"), 6),
    ]
    # By quarter, the first day of the quarter's first month: 1 January has no row.
    assert ask(metrics, {"sales": rows}, "opening", group_by=("metric_time__quarter",)) == []


def test_join_to_timespine_adds_dates_or_a_grid(ask) -> None:
    rows = [sale("2024-01-01", 1, "a"), sale("2024-01-03", 2, "b")]
    both = (*DAY, "sale__kind")
    assert ask("", {"sales": rows}, "dated", group_by=both) == [
        (day("2024-01-01"), "a", 1),
        (day("2024-01-02"), None, None),
        (day("2024-01-03"), "b", 2),
    ]
    grid = [(day(f"2024-01-0{n}"), kind, 0) for n in (1, 2, 3) for kind in "ab"]
    grid[0], grid[5] = (day("2024-01-01"), "a", 1), (day("2024-01-03"), "b", 2)
    assert ask("", {"sales": rows}, "gridded", group_by=both) == grid
    # What is asked of a dimension acts again on the rows that were added.
    assert ask("", {"sales": rows}, "dated", group_by=both, where=("sale__kind = 'a'",)) == [
        (day("2024-01-01"), "a", 1)
    ]


def test_a_balance_is_that_of_the_last_date_of_each_account_and_period(ask) -> None:
    metrics = (
        "  - {name: total, model: balances, agg: sum, expr: amount,\n"
        "     non_additive_dimension: {name: as_of, window_agg: max}}\n"
        "  - {name: each, model: balances, agg: sum, expr: amount,\n"
        "     non_additive_dimension: {name: as_of, window_agg: max, group_by: [account]}}\n"
    )
    rows = [
        {"account_id": a, "as_of": day(d), "amount": v}
        for a, d, v in [
            (1, "2024-01-10", 1),
            (2, "2024-01-20", 10),
            (None, "2024-01-05", 100),
            (1, "2024-02-01", 5),
        ]
    ]
    # All: 20 January, then 1 February. Each: 1 + 10 + 100 (no account is an account), then 5.
    assert ask(metrics, {"balances": rows}, "total", "each", group_by=MONTH) == [
        (day("2024-01-01"), 10, 111),
        (day("2024-02-01"), 5, 5),
    ]
    # Without time: 1 February; the last of 1, of 2 and of none: 5 + 10 + 100.
    assert ask(metrics, {"balances": rows}, "total", "each") == [(5, 115)]


def test_contracts_count_while_they_hold(ask) -> None:
    metrics = (
        "  - {name: at_end, model: contracts, agg: count, as_of: period_end}\n"
        "  - {name: at_start, model: contracts, agg: count, as_of: period_start}\n"
    )
    rows = [
        {"id": 1, "starts_on": day("2024-01-01"), "ends_on": day("2024-02-29")},
        {"id": 2, "starts_on": day("2024-01-15"), "ends_on": None},
    ]
    # The spine ends on 29 February, the last end, when the first contract holds no more.
    assert ask(metrics, {"contracts": rows}, "at_start", "at_end", group_by=MONTH) == [
        (day("2024-01-01"), 1, 2),
        (day("2024-02-01"), 2, 1),
    ]


def event(person: int | None, moment: str, page: str = "x", name: str = "seen_at") -> dict:
    return {"person_id": person, name: datetime.fromisoformat(moment), "page": page}


CONVERSION = """
  - {name: rate, type: conversion, entity: person, base_metric: visit_count,
     conversion_metric: signup_count, window: 7 days}
  - {name: conversions, type: conversion, entity: person, base_metric: visit_count,
     conversion_metric: signup_count, window: 7 days, calculation: conversions, base_event: first}
  - {name: visits_that_converted, type: conversion, entity: person, base_metric: visit_count,
     conversion_metric: signup_count, window: 7 days, calculation: conversions, base_event: any,
     window_end: inclusive}
"""


def test_a_conversion_counts_at_the_latest_visit_before_it(ask) -> None:
    visits = [
        event(1, "2024-01-31 10:00"),
        event(1, "2024-02-02 10:00"),
        event(2, "2024-02-03 10:00"),
        event(None, "2024-02-03"),
    ]
    signups = [
        event(1, "2024-02-07 10:00", name="done_at"),
        event(None, "2024-02-04", name="done_at"),
    ]
    tables = {"visits": visits, "signups": signups}
    # The latest visit is that of 2 February: of three visits in February, one. The first and the
    # visit of 31 January, exactly 7 days before, are in the window only where it is inclusive.
    assert ask(
        CONVERSION, tables, "rate", "conversions", "visits_that_converted", group_by=MONTH
    ) == [
        (day("2024-01-01"), None, None, 1),
        (day("2024-02-01"), 1 / 3, 1, 1),
    ]


def test_a_funnel_takes_each_step_after_the_one_before(ask) -> None:
    metrics = (
        "  - {name: through, type: funnel, entity: person, steps: [visit_count, signup_count, buys]}\n"
        "  - {name: of_first, type: funnel, entity: person, steps: [visit_count, signup_count, buys],\n"
        "     calculation: rate_from_first}\n"
        "  - {name: of_previous, type: funnel, entity: person, steps: [visit_count, signup_count],\n"
        "     window: 1 day, calculation: rate_from_previous}\n"
        "  - {name: buys, input_metric: visit_count, filter: \"{{ Dimension('visit__page') }} = 'buy'\"}\n"
    )
    visits = [
        event(1, "2024-01-01"),
        event(1, "2024-01-03", "buy"),
        event(2, "2024-01-01"),
        event(2, "2024-01-02", "buy"),
        event(3, "2024-01-05"),
    ]
    signups = [
        event(1, "2024-01-02", name="done_at"),
        event(2, "2024-01-03", name="done_at"),
        event(3, "2024-01-05", name="done_at"),
    ]
    # Person 1 goes through; 2 buys before the signup; 3 signs up and does not buy. Within less than
    # a day only 3 signs up.
    tables = {"visits": visits, "signups": signups}
    assert ask(metrics, tables, "through", "of_first", "of_previous") == [(1, 1 / 3, 1 / 3)]


def test_nested_values_are_per_entity_and_a_null_entity_drops_out(ask) -> None:
    metrics = (
        "  - {name: middle, type: nested, agg: median, input_metric: revenue, per: [buyer]}\n"
        "  - {name: best_month, type: nested, agg: max, input_metric: revenue, per: [metric_time__month]}\n"
    )
    rows = [
        sale("2024-01-01", 1),
        sale("2024-02-01", 2),
        sale("2024-02-01", 10, buyer=2),
        sale("2024-02-01", 99, buyer=None),
    ]
    # Buyer 1: 1 + 2 = 3; buyer 2: 10; the middle of 3 and 10 is 6.5. Months: 1 and 111.
    assert ask(metrics, {"sales": rows}, "middle", "best_month") == [(6.5, 111)]


def test_a_share_is_of_the_whole_or_within_its_period(ask) -> None:
    metrics = (
        "  - {name: share_of_all, type: share, input_metric: revenue}\n"
        "  - {name: share_of_month, type: share, input_metric: revenue, within: [metric_time]}\n"
    )
    rows = [sale("2024-01-01", 1, "a"), sale("2024-01-02", 3, "b"), sale("2024-02-01", 4, "a")]
    # Of 8: 1, 3 and 4. Of January's 4: 1 and 3; February's 4 are all its own.
    assert ask(
        metrics, {"sales": rows}, "share_of_all", "share_of_month", group_by=(*MONTH, "sale__kind")
    ) == [
        (day("2024-01-01"), "a", 0.125, 0.25),
        (day("2024-01-01"), "b", 0.375, 0.75),
        (day("2024-02-01"), "a", 0.5, 1.0),
    ]


def test_an_aggregate_expression_divides_truly(ask) -> None:
    metrics = (
        "  - {name: per_buyer, model: sales, sql: SUM(amount) / COUNT(DISTINCT buyer_id)}\n"
        "  - {name: share_of_a, model: sales, sql: \"COUNT(*) FILTER (WHERE kind = 'a') / COUNT(*)\"}\n"
    )
    rows = [sale("2024-01-01", 1), sale("2024-01-01", 2, "b", 2), sale("2024-02-01", 5, None, None)]
    # January: 3 / 2 buyers, 1 of 2. February: no buyer, so nothing by 0; none of 1.
    assert ask(metrics, {"sales": rows}, "per_buyer", "share_of_a", group_by=MONTH) == [
        (day("2024-01-01"), 1.5, 0.5),
        (day("2024-02-01"), None, 0.0),
    ]


def test_a_metric_in_a_filter_is_that_of_the_entity_over_all_time(ask) -> None:
    metrics = (
        "  - {name: of_regulars, input_metric: revenue,\n"
        "     filter: \"{{ Metric('sale_count', ['buyer']) }} >= 2\"}\n"
    )
    rows = [
        sale("2024-01-01", 1),
        sale("2024-02-01", 2),
        sale("2024-02-01", 10, buyer=2),
        sale("2024-02-01", 99, buyer=None),
    ]
    assert ask(
        metrics, {"sales": rows}, "of_regulars", group_by=MONTH, start=day("2024-02-01")
    ) == [(day("2024-02-01"), 2)]


def test_each_row_counts_once_for_each_group_of_the_many_side(ask) -> None:
    people = [{"id": n, "town": t, "joined": None} for n, t in ((1, "Ulm"), (2, "Ulm"), (3, None))]
    rows = [
        sale("2024-01-01", 1, "a"),
        sale("2024-01-02", 2, "a"),
        sale("2024-01-03", 3, "b"),
        sale("2024-01-04", 4, "b", 2),
    ]
    tables = {"people": people, "sales": rows}
    # Person 1 bought a (twice) and b, person 2 b, person 3 nothing.
    assert ask("", tables, "people_count", group_by=("sale__kind",)) == [
        ("a", 1),
        ("b", 2),
        (None, 1),
    ]


def test_conditions_on_the_many_side_are_tested_on_one_row(ask) -> None:
    people = [{"id": n, "town": None, "joined": None} for n in (1, 2, 3)]
    rows = [sale("2024-01-01", 1, "a"), sale("2024-02-02", 2, "b"), sale("2024-02-04", 4, "a", 2)]
    tables = {"people": people, "sales": rows}
    where = ("sale__kind = 'a'", "sale__sold_on__month = '2024-02-01'")
    # Only person 2 has a sale of a in February; person 1 has one of each.
    assert ask("", tables, "people_count", where=where) == [(1,)]
    # A sale that is no b: 1 and 2. Person 3 has none, of which nothing is known.
    assert ask("", tables, "people_count", where=("NOT sale__kind = 'b'",)) == [(2,)]
    # Where it is grouped by, they choose among the joined rows.
    assert ask(
        "", tables, "people_count", group_by=("sale__kind",), where=("sale__kind = 'a'",)
    ) == [("a", 2)]
