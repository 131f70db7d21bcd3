"""Weeks, fiscal periods and the periods of time spines, on every engine; expected dates by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from kpilayer import Project, QueryError

D = dt.date
Rows = list[tuple[Any, ...]]

#: 2024-02-29 is a Thursday; each value is a bit, so that a sum names its rows.
SALES = """
SELECT CAST(day AS DATE) AS sold_on, CAST(moment AS TIMESTAMP) AS sold_at, CAST(amount AS BIGINT) AS amount
FROM (VALUES
    ('2023-12-31', '2023-12-31 23:59:59.999999', 1),
    ('2024-01-01', '2024-01-01 00:00:00', 2),
    ('2024-02-29', '2024-02-29 12:34:56', 4),
    ('2024-03-02', '2024-03-02 08:00:00', 8),
    ('2024-03-03', '2024-03-03 08:00:00', 16),
    ('2024-03-31', '2024-03-31 23:59:59', 32),
    ('2024-04-01', '2024-04-01 00:00:00', 64),
    ('2025-01-31', '2025-01-31 18:00:00', 128),
    (NULL, NULL, 256)
) AS t(day, moment, amount)
"""
MODEL = """
models:
  - name: sales
    semantic_model: true
    primary_entity: sale
    agg_time_dimension: sold_at
    columns:
      - {name: sold_on, granularity: day, dimension: time}
      - {name: sold_at, granularity: second, dimension: time}
metrics:
  - {name: total, model: sales, agg: sum, expr: amount}
"""
Make = Callable[..., Project]


@pytest.fixture
def sales(engine: Any) -> Make:
    """The sales under settings of kpilayer.yml."""

    def make(settings: str = "", definitions: str = "", **tables: str) -> Project:
        files = {"kpilayer.yml": f"name: shop\n{settings}\n"}
        if definitions:
            files["models/more.yml"] = definitions
        return engine.project(MODEL, tables={"sales": SALES, **tables}, files=files)

    return make


def ask(project: Project, group_by: str | list[str], **question: Any) -> Rows:
    return project.query("total", group_by, **question).rows()


# ----------------------------------------------------------------------------------------- T2: weeks

FROM_SUNDAY = [
    (D(2023, 12, 31), 1 + 2),
    (D(2024, 2, 25), 4 + 8),
    (D(2024, 3, 3), 16),
    (D(2024, 3, 31), 32 + 64),
    (D(2025, 1, 26), 128),
    (None, 256),
]
FROM_MONDAY = [
    (D(2023, 12, 25), 1),
    (D(2024, 1, 1), 2),
    (D(2024, 2, 26), 4 + 8 + 16),
    (D(2024, 3, 25), 32),
    (D(2024, 4, 1), 64),
    (D(2025, 1, 27), 128),
    (None, 256),
]
FROM_SATURDAY = [
    (D(2023, 12, 30), 1 + 2),
    (D(2024, 2, 24), 4),
    (D(2024, 3, 2), 8 + 16),
    (D(2024, 3, 30), 32 + 64),
    (D(2025, 1, 25), 128),
    (None, 256),
]


@pytest.mark.statement("T2")
def test_weeks_begin_on_monday_where_nothing_is_said(sales: Make) -> None:
    project = sales()
    assert ask(project, "metric_time__week") == FROM_MONDAY
    assert ask(project, "sale__sold_on__week") == FROM_MONDAY


@pytest.mark.statement("T2")
def test_week_start_moves_the_week(sales: Make) -> None:
    project = sales("week_start: sunday")
    assert ask(project, "metric_time__week") == FROM_SUNDAY
    assert ask(project, "sale__sold_on__week") == FROM_SUNDAY


@pytest.mark.statement("T2")
def test_further_weeks_have_names(sales: Make) -> None:
    project = sales("week_starts: {sunday_week: sunday, shift_week: saturday}")
    assert ask(project, "metric_time__sunday_week") == FROM_SUNDAY
    assert ask(project, "sale__sold_on__shift_week") == FROM_SATURDAY
    assert ask(project, "sale__sold_at__week") == FROM_MONDAY
    both = ask(project, ["sale__sold_on__week", "sale__sold_on__sunday_week"])
    assert both[:2] == [(D(2023, 12, 25), D(2023, 12, 31), 1), (D(2024, 1, 1), D(2023, 12, 31), 2)]


@pytest.mark.statement("T2")
def test_iso_date_parts_stay_iso(sales: Make) -> None:
    project = sales("week_start: sunday")
    weeks = {1: 2, 5: 128, 9: 4 + 8 + 16, 13: 32, 14: 64, 52: 1, None: 256}
    assert dict(ask(project, "metric_time__extract_week")) == weeks
    days = {1: 2 + 64, 4: 4, 5: 128, 6: 8, 7: 1 + 16 + 32, None: 256}
    assert dict(ask(project, "metric_time__extract_dow")) == days


@pytest.mark.statement("T2")
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{week} = '2024-03-02'", 4 + 8),
        ("{week} = DATE '2024-03-03'", 16),
        ("{week} < '2024-03-02'", 1 + 2),
        ("{week} <= '2024-03-02'", 1 + 2 + 4 + 8),
        ("{week} > '2024-03-02'", 16 + 32 + 64 + 128),
        ("{week} >= '2024-03-02'", 4 + 8 + 16 + 32 + 64 + 128),
        ("{week} <> '2024-03-02'", 1 + 2 + 16 + 32 + 64 + 128),
        ("{week} IN ('2024-03-02', '2025-01-31')", 4 + 8 + 128),
        ("{week} BETWEEN '2024-03-02' AND '2024-03-03'", 4 + 8 + 16),
    ],
)
def test_literals_are_moved_to_the_start_of_the_week_that_is_meant(
    sales: Make, condition: str, expected: int
) -> None:
    project = sales("week_start: sunday")
    for name in ("metric_time__week", "sale__sold_on__week"):
        assert ask(project, [], where=condition.format(week=name)) == [(expected,)]


@pytest.mark.statement("T2")
def test_start_and_end_are_widened_to_weeks_from_sunday(sales: Make) -> None:
    project = sales("week_start: sunday")
    found = ask(project, "metric_time__week", start="2024-03-02", end="2024-03-03")
    assert found == [(D(2024, 2, 25), 12), (D(2024, 3, 3), 16)]
    assert ask(project, [], start="2024-03-02", end="2024-03-02") == [(8,)]  # seconds, so a day


@pytest.mark.statement("T2")
def test_a_week_can_be_the_default_grain(sales: Make) -> None:
    more = """
    metrics:
      - {name: weekly, model: sales, agg: sum, expr: amount, time_granularity: sunday_week}
    """
    project = sales("week_starts: {sunday_week: sunday}", more)
    result = project.query("weekly", "metric_time")
    assert list(result.columns) == ["metric_time__sunday_week", "weekly"]
    assert result.rows() == FROM_SUNDAY


def test_the_name_of_a_week_is_no_grain_elsewhere(sales: Make) -> None:
    with pytest.raises(QueryError, match="`sunday_week` is not a time grain"):
        sales().query("total", "metric_time__sunday_week")


# --------------------------------------------------------------------------------- T3: fiscal grains


@pytest.mark.statement("T3")
def test_fiscal_grains_are_first_dates(sales: Make) -> None:
    project = sales("fiscal_year_start: april")
    years = [(D(2023, 4, 1), 63), (D(2024, 4, 1), 64 + 128), (None, 256)]
    assert ask(project, "metric_time__fiscal_year") == years
    assert ask(project, "sale__sold_on__fiscal_year") == years
    quarters = [
        (D(2023, 10, 1), 1),
        (D(2024, 1, 1), 2 + 4 + 8 + 16 + 32),
        (D(2024, 4, 1), 64),
        (D(2025, 1, 1), 128),
        (None, 256),
    ]
    assert ask(project, "metric_time__fiscal_quarter") == quarters
    assert ask(project, "metric_time__fiscal_month") == ask(project, "metric_time__month")


@pytest.mark.statement("T3")
def test_fiscal_quarters_are_counted_from_the_first_month(sales: Make) -> None:
    project = sales("fiscal_year_start: february")
    quarters = [
        (D(2023, 11, 1), 1 + 2),
        (D(2024, 2, 1), 4 + 8 + 16 + 32 + 64),
        (D(2024, 11, 1), 128),
        (None, 256),
    ]
    for name in ("metric_time__fiscal_quarter", "sale__sold_on__fiscal_quarter"):
        assert ask(project, name) == quarters
    years = [(D(2023, 2, 1), 3), (D(2024, 2, 1), 4 + 8 + 16 + 32 + 64 + 128), (None, 256)]
    assert ask(project, "metric_time__fiscal_year") == years


@pytest.mark.statement("T3")
def test_a_fiscal_year_from_january_is_the_calendar_year(sales: Make) -> None:
    project = sales()
    assert ask(project, "metric_time__fiscal_year") == ask(project, "metric_time__year")
    years = ask(project, "metric_time__extract_fiscal_year")
    assert years == [(2023, 1), (2024, 126), (2025, 128), (None, 256)]


@pytest.mark.statement("T3")
@pytest.mark.parametrize(("named_by", "first"), [("end", 2024), ("start", 2023)])
def test_a_fiscal_year_is_named_by_its_end_or_start(sales: Make, named_by: str, first: int) -> None:
    project = sales(f"fiscal_year_start: april\nfiscal_year_named_by: {named_by}")
    expected = [(first, 63), (first + 1, 64 + 128), (None, 256)]
    for name in ("metric_time", "sale__sold_on"):
        assert ask(project, f"{name}__extract_fiscal_year") == expected


@pytest.mark.statement("T3")
def test_fiscal_parts_count_from_the_first_month(sales: Make) -> None:
    project = sales("fiscal_year_start: february")
    quarters = [(1, 4 + 8 + 16 + 32 + 64), (4, 1 + 2 + 128), (None, 256)]
    assert ask(project, "metric_time__extract_fiscal_quarter") == quarters
    months = [(1, 4), (2, 8 + 16 + 32), (3, 64), (11, 1), (12, 2 + 128), (None, 256)]
    assert ask(project, "sale__sold_on__extract_fiscal_month") == months
    assert ask(project, [], where="metric_time__extract_fiscal_year = 2024") == [(3,)]


@pytest.mark.statement("T3")
def test_fiscal_literals_and_ranges_are_those_of_the_fiscal_year(sales: Make) -> None:
    project = sales("fiscal_year_start: april")
    result = project.query("total", where="metric_time__fiscal_year = '2024-03-31'")
    assert result.rows() == [(63,)]
    assert [n.message for n in result.notices] == [
        "`2024-03-31` was moved to the start of its fiscal_year, 2023-04-01"
    ]
    found = ask(project, "metric_time__fiscal_year", start="2024-03-31", end="2024-03-31")
    assert found == [(D(2023, 4, 1), 63)]
    exact = {"start": "2024-03-02", "end": "2024-05-01", "exact": True}
    result = project.query("total", "metric_time__fiscal_year", **exact)
    assert result.rows() == [(D(2023, 4, 1), 8 + 16 + 32), (D(2024, 4, 1), 64)]
    assert [n.message for n in result.notices] == [
        "the fiscal_year of 2023-04-01 is partial: `start` cuts it (exact range)",
        "the fiscal_year of 2024-04-01 is partial: `end` cuts it (exact range)",
    ]


@pytest.mark.statement("T3")
def test_data_too_coarse_for_a_fiscal_grain_are_refused(engine: Any) -> None:
    definitions = MODEL.replace("granularity: second", "granularity: quarter")
    files = {"kpilayer.yml": "name: shop\nfiscal_year_start: february\n"}
    project = engine.project(definitions, tables={"sales": SALES}, files=files)
    for name in ("metric_time__fiscal_quarter", "metric_time__extract_fiscal_quarter"):
        with pytest.raises(QueryError) as caught:
            project.compile("total", name)
        assert [i.code for i in caught.value.issues] == ["grain-too-fine"]
    with pytest.raises(QueryError, match="which fiscal_year cuts"):
        project.compile("total", "metric_time__fiscal_year")
    assert ask(project, "metric_time__year")[0] == (D(2023, 1, 1), 1)


def test_a_dimension_may_have_the_name_of_a_fiscal_grain(engine: Any) -> None:
    definitions = """
    models:
      - name: sales
        semantic_model: true
        agg_time_dimension: sold_on
        columns:
          - {name: sale_id, entity: {type: primary, name: sale}}
          - {name: sold_on, granularity: day, dimension: time}
          - {name: fiscal_year, dimension: categorical}
    metrics:
      - {name: total, model: sales, agg: count}
    """
    rows = "SELECT 1 AS sale_id, DATE '2024-01-31' AS sold_on, 'FY24' AS fiscal_year"
    project = engine.project(definitions, tables={"sales": rows})
    names = ["sale__fiscal_year", "sale__sold_on__fiscal_year"]
    assert ask(project, names) == [("FY24", D(2024, 1, 1), 1)]


# ----------------------------------------------------------- A.13: custom granularities of time spines

#: Retail months: February's begins on January 29. 2024-03-31 is not in the table.
DAYS = """
SELECT CAST(day AS DATE) AS day, CAST(month AS VARCHAR) AS retail_month, CAST(number AS BIGINT) AS n
FROM (VALUES
    ('2023-12-31', 'R12', 12), ('2024-01-01', 'R01', 1), ('2024-02-29', 'R02', 2),
    ('2024-03-02', 'R02', 2), ('2024-03-03', 'R03', 3), ('2024-04-01', 'R04', 4),
    ('2025-01-31', NULL, NULL)
) AS t(day, month, number)
"""
SPINE = """
models:
  - name: days
    time_spine:
      standard_granularity_column: day
      custom_granularities:
        - {name: retail_month}
        - {name: fiscal_quarter, column_name: n}
    columns:
      - {name: day, granularity: day}
"""
RETAIL = [("R01", 2), ("R02", 12), ("R03", 16), ("R04", 64), ("R12", 1), (None, 32 + 128 + 256)]


@pytest.mark.statement("A.13")
def test_a_custom_granularity_is_the_column_of_the_spine(sales: Make) -> None:
    project = sales("", SPINE, days=DAYS)
    for name in ("metric_time", "sale__sold_at", "sale__sold_on"):
        assert ask(project, f"{name}__retail_month") == RETAIL
    result = project.query("total", "metric_time__retail_month")
    assert list(result.columns) == ["metric_time__retail_month", "total"]


@pytest.mark.statement("A.13")
def test_dates_outside_the_spine_are_in_the_period_null(sales: Make) -> None:
    project = sales("", SPINE, days=DAYS)
    found = ask(project, [], where="metric_time__retail_month IS NULL")
    assert found == [(32 + 128 + 256,)]


@pytest.mark.statement("A.13")
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{{ TimeDimension('metric_time', 'retail_month') }} = 'R02'", 12),
        ("{{ TimeDimension('sale__sold_on', 'retail_month') }} IN ('R02', 'R03')", 28),
        ("metric_time__retail_month > 'R02'", 16 + 64 + 1),
        ("metric_time__fiscal_quarter BETWEEN 2 AND 3", 28),
    ],
)
def test_a_custom_granularity_is_compared_as_an_ordinary_value(
    sales: Make, condition: str, expected: int
) -> None:
    project = sales("", SPINE, days=DAYS)
    assert ask(project, [], where=condition) == [(expected,)]


@pytest.mark.statement("A.13")
def test_a_filter_and_a_group_share_the_spine_and_two_dates_have_one_each(sales: Make) -> None:
    project = sales("", SPINE, days=DAYS)
    question = {"where": "metric_time__retail_month = 'R02'"}
    sql = project.compile("total", "metric_time__retail_month", **question)
    assert sql.count("JOIN") == 1
    groups = ["sale__sold_at__retail_month", "sale__sold_on__retail_month"]
    assert ask(project, groups, **question) == [("R02", "R02", 12)]
    assert project.compile("total", groups).count("JOIN") == 2


@pytest.mark.statement("A.13")
def test_data_coarser_than_the_spine_have_no_custom_periods(engine: Any) -> None:
    definitions = MODEL.replace("granularity: second", "granularity: month")
    tables, files = {"sales": SALES, "days": DAYS}, {"models/days.yml": SPINE}
    project = engine.project(definitions, tables=tables, files=files)
    with pytest.raises(QueryError, match="`days` of retail_month has one row per day") as caught:
        project.compile("total", "metric_time__retail_month")
    assert [i.code for i in caught.value.issues] == ["grain-too-fine"]


@pytest.mark.statement("A.13")
def test_a_range_beside_custom_periods_is_whole_days_and_says_so(sales: Make) -> None:
    project = sales("", SPINE, days=DAYS)
    question = {"start": "2024-03-02", "end": "2024-03-03"}
    result = project.query("total", "metric_time__retail_month", **question)
    assert result.rows() == [("R02", 8), ("R03", 16)]
    assert [n.code for n in result.notices] == ["partial-period"]


@pytest.mark.statement("T3")
def test_a_custom_granularity_wins_over_a_fiscal_grain_with_a_notice(sales: Make) -> None:
    project = sales("fiscal_year_start: april", SPINE, days=DAYS)
    found = [(1, 2), (2, 12), (3, 16), (4, 64), (12, 1), (None, 32 + 128 + 256)]
    assert ask(project, "metric_time__fiscal_quarter") == found
    assert [i.severity for i in project.check() if i.code == "custom-grain"] == ["notice"]
    assert ask(project, "metric_time__fiscal_year")[0] == (D(2023, 4, 1), 63)


@pytest.mark.statement("T3")
def test_a_spine_may_be_a_sql_model_that_is_read_by_ref(engine: Any) -> None:
    files = {
        "models/days.yml": SPINE,
        "models/days.sql": "SELECT day, retail_month, n FROM {{ ref('calendar') }} WHERE n <> 3",
    }
    tables = {"sales": SALES, "calendar": DAYS}
    project = engine.project(MODEL, tables=tables, files=files)
    expected = [("R01", 2), ("R02", 12), ("R04", 64), ("R12", 1), (None, 16 + 32 + 128 + 256)]
    assert ask(project, "metric_time__retail_month") == expected


@pytest.mark.statement("A.13")
def test_a_custom_granularity_of_a_joined_date_is_null_without_a_row(engine: Any) -> None:
    definitions = """
    models:
      - name: orders
        semantic_model: true
        columns:
          - {name: order_id, entity: {type: primary, name: order}}
          - {name: customer_id, entity: {type: foreign, name: customer}}
      - name: customers
        semantic_model: true
        columns:
          - {name: customer_id, entity: {type: primary, name: customer}}
          - {name: joined_on, granularity: day, dimension: time}
    metrics:
      - {name: total, model: orders, agg: count}
    """
    tables = {
        "days": DAYS,
        "orders": "SELECT * FROM (VALUES (1, 1), (2, 1), (3, 2), (4, 9)) AS t(order_id, customer_id)",
        "customers": "SELECT 1 AS customer_id, DATE '2024-02-29' AS joined_on "
        "UNION ALL SELECT 2, DATE '2024-03-03'",
    }
    project = engine.project(definitions, tables=tables, files={"models/days.yml": SPINE})
    found = ask(project, "customer__joined_on__retail_month")
    assert found == [("R02", 2), ("R03", 1), (None, 1)]


# ------------------------------------------------------------------------- rules about time over them

OVER_TIME = """
metrics:
  - {name: so_far, type: cumulative, input_metric: total, grain_to_date: fiscal_year,
     period_agg: last}
  - {name: this_week, type: cumulative, input_metric: total, grain_to_date: week, rows: data}
  - {name: before, type: derived, expr: earlier,
     input_metrics: [{name: total, alias: earlier, offset_window: 1 fiscal_quarter}]}
  - {name: at_start, type: derived, expr: earlier,
     input_metrics: [{name: total, alias: earlier, offset_to_grain: fiscal_year}]}
  - {name: last_year, type: derived, expr: earlier,
     input_metrics: [{name: total, alias: earlier, offset_window: 1 quarter}]}
  - {name: every_week, model: sales, agg: sum, expr: amount, join_to_timespine: true}
"""


@pytest.mark.statement("T3")
def test_a_running_total_may_begin_with_the_fiscal_year(sales: Make) -> None:
    project = sales("fiscal_year_start: april", OVER_TIME)
    by_year = project.query("so_far", "metric_time__fiscal_year").rows()
    assert by_year == [(D(2023, 4, 1), 63), (D(2024, 4, 1), 192)]
    shown = {
        "where": "metric_time__day IN ('2024-01-01', '2024-03-30', '2024-03-31', '2024-04-01')"
    }
    assert project.query("so_far", "metric_time__day", **shown).rows() == [
        (D(2024, 1, 1), 3),
        (D(2024, 3, 30), 31),
        (D(2024, 3, 31), 63),
        (D(2024, 4, 1), 64),
    ]


@pytest.mark.statement("T2")
def test_a_running_total_may_begin_with_the_week_from_sunday(sales: Make) -> None:
    by_day = {
        D(2023, 12, 31): 1,
        D(2024, 1, 1): 3,
        D(2024, 2, 29): 4,
        D(2024, 3, 2): 12,
        D(2024, 3, 3): 16,
        D(2024, 3, 31): 32,
        D(2024, 4, 1): 96,
        D(2025, 1, 31): 128,
    }
    project = sales("week_start: sunday", OVER_TIME)
    assert dict(project.query("this_week", "metric_time__day").rows()) == by_day


@pytest.mark.statement("T3")
def test_values_of_the_fiscal_quarter_before(sales: Make) -> None:
    project = sales("fiscal_year_start: february", OVER_TIME)
    by_quarter = project.query("before", "metric_time__fiscal_quarter").rows()
    assert by_quarter == [(D(2024, 2, 1), 3), (D(2024, 5, 1), 124)]
    by_year = project.query("before", "metric_time__fiscal_year").rows()
    assert by_year == [(D(2024, 2, 1), 3 + 124)]
    with pytest.raises(QueryError) as caught:  # a calendar quarter lies in two fiscal years
        project.compile("last_year", "metric_time__fiscal_year")
    assert [i.code for i in caught.value.issues] == ["uneven-offset"]


@pytest.mark.statement("T3")
def test_values_at_the_start_of_the_fiscal_year(sales: Make) -> None:
    project = sales("fiscal_year_start: april", OVER_TIME)
    months = [D(2024, m, 1) for m in range(4, 13)] + [D(2025, 1, 1)]
    assert project.query("at_start", "metric_time__month").rows() == [(m, 64) for m in months]


@pytest.mark.statement("T2")
def test_gaps_are_filled_by_weeks_from_sunday(sales: Make) -> None:
    project = sales("week_start: sunday", OVER_TIME)
    span = {"start": "2024-02-26", "end": "2024-03-12"}
    found = project.query("every_week", "metric_time__week", **span).rows()
    assert found == [(D(2024, 2, 25), 12), (D(2024, 3, 3), 16), (D(2024, 3, 10), None)]
    both = project.query("every_week", ["metric_time__week", "metric_time__month"], **span).rows()
    assert both == [
        (D(2024, 2, 25), D(2024, 2, 1), 4),
        (D(2024, 2, 25), D(2024, 3, 1), 8),
        (D(2024, 3, 3), D(2024, 3, 1), 16),
        (D(2024, 3, 10), D(2024, 3, 1), None),
    ]
