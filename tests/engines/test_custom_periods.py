"""What is computed over time, by the periods of a time spine, on every engine; numbers by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kpilayer import Project, QueryError

D = dt.date
Rows = list[tuple[Any, ...]]

#: Seasons of three, two, four and three days, whose names are not in the order of time.
SEASONS = {
    "delta": (1, 2, 3),
    "bravo": (4, 5),
    "charlie": (6, 7, 8, 9),
    "alpha": (10, 11, 12),
    None: (13,),
}
#: By day of January 2024, a bit each: a sum names its days. The spine has no 14th.
SALES = {1: 1, 2: 2, 3: 4, 4: 8, 6: 16, 7: 32, 9: 64, 10: 128, 13: 256, 14: 512}
#: The shops in turn.
SHOPS = ("one", "two")


def _select(names: str, rows: list[str]) -> str:
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS t({names})"


def _day(day: int) -> str:
    return f"CAST('2024-01-{day:02}' AS DATE)"


TABLES = {
    "days": _select(
        "day, season",
        [
            f"({_day(day)}, {repr(name) if name else 'CAST(NULL AS VARCHAR(10))'})"
            for name, days in SEASONS.items()
            for day in days
        ],
    ),
    "sales": _select(
        "sold_on, shop, amount",
        [f"({_day(d)}, '{SHOPS[n % 2]}', {bit})" for n, (d, bit) in enumerate(SALES.items())],
    ),
    "contracts": _select(
        "begins_on, ends_on, worth",
        [
            f"({_day(1)}, {_day(5)}, 1)",
            f"({_day(2)}, CAST(NULL AS DATE), 2)",
            f"({_day(7)}, {_day(11)}, 4)",
        ],
    ),
}
MODELS = """
models:
  - name: days
    time_spine:
      standard_granularity_column: day
      custom_granularities: [{name: season}]
    columns:
      - {name: day, granularity: day}
  - name: sales
    semantic_model: true
    primary_entity: sale
    agg_time_dimension: sold_on
    columns:
      - {name: sold_on, granularity: day, dimension: time}
      - {name: shop, dimension: categorical}
  - name: contracts
    semantic_model: true
    primary_entity: contract
    agg_time_dimension: begins_on
    active: {from: begins_on, to: ends_on}
    columns:
      - {name: begins_on, granularity: day, dimension: time}
      - {name: ends_on, granularity: day, dimension: time}
metrics:
  - {name: total, model: sales, agg: sum, expr: amount}
  - {name: so_far, type: cumulative, input_metric: total, period_agg: last}
  - {name: at_first, type: cumulative, input_metric: total, period_agg: first}
  - {name: on_average, type: cumulative, input_metric: total, period_agg: average}
  - {name: two_days, type: cumulative, input_metric: total, window: 2 days, period_agg: last}
  - {name: this_week, type: cumulative, input_metric: total, grain_to_date: week, period_agg: last}
  - {name: before, type: derived, expr: earlier,
     input_metrics: [{name: total, alias: earlier, offset_window: 1 season}]}
  - {name: two_before, type: derived, expr: earlier,
     input_metrics: [{name: total, alias: earlier, offset_window: 2 season}]}
  - {name: twice_before, type: derived, expr: earlier,
     input_metrics: [{name: before, alias: earlier, offset_window: 1 season}]}
  - {name: growth, type: derived, expr: total - earlier,
     input_metrics: [total, {name: total, alias: earlier, offset_window: 1 season}]}
  - {name: week_ago, type: derived, expr: earlier,
     input_metrics: [{name: total, alias: earlier, offset_window: 1 week}]}
  - {name: at_start, type: derived, expr: earlier,
     input_metrics: [{name: total, alias: earlier, offset_to_grain: week}]}
  - {name: so_far_before, type: derived, expr: earlier,
     input_metrics: [{name: so_far, alias: earlier, offset_window: 1 season}]}
  - {name: every_season, model: sales, agg: sum, expr: amount, join_to_timespine: true,
     filter: "{{ Dimension('sale__shop') }} = 'one'"}
  - {name: every_season_or_zero, model: sales, agg: sum, expr: amount, join_to_timespine: true,
     fill_nulls_with: 0, filter: "{{ Dimension('sale__shop') }} = 'one'"}
  - {name: at_the_end, model: contracts, agg: sum, expr: worth, as_of: period_end}
  - {name: as_it_began, model: contracts, agg: sum, expr: worth, as_of: period_start}
  - {name: day_by_day, model: contracts, agg: sum, expr: worth, as_of: every_day}
"""
SEASON = "metric_time__season"
FROM_CHARLIE = f"{SEASON} IN ('charlie', 'alpha')"
WEEKS = D(2024, 1, 1), D(2024, 1, 8)


@pytest.fixture
def shop(engine: Any) -> Project:
    found: Project = engine.project(MODELS, tables=TABLES)
    return found


def ask(project: Project, metric: str, *by: str, **question: Any) -> Rows:
    names = [f"metric_time__{name}" if "__" not in name else name for name in by or ("season",)]
    return project.query(metric, names, **question).rows()


def on(*days: int) -> list[D]:
    return [D(2024, 1, day) for day in days]


@pytest.mark.statement("A.13")
@pytest.mark.parametrize(
    ("metric", "alpha", "bravo", "charlie", "delta", "none"),
    [
        ("so_far", 255, 15, 127, 7, 511),
        ("at_first", 255, 15, 31, 1, 511),
        ("on_average", 255, 15, 71, pytest.approx(11 / 3), 511),  # 31, 63, 63, 127 of charlie
        ("two_days", 128, 8, 64, 6, 256),  # on the 12th there is none: the 11th is the last
        ("this_week", 64 + 128, 15, 64, 7, 64 + 128 + 256),
    ],
)
def test_a_running_total_has_one_day_of_each_custom_period(
    shop: Project, metric: str, alpha: Any, bravo: Any, charlie: Any, delta: Any, none: Any
) -> None:
    expected = [("alpha", alpha), ("bravo", bravo), ("charlie", charlie), ("delta", delta)]
    assert [(k, float(v)) for k, v in ask(shop, metric)] == [*expected, (None, none)]


@pytest.mark.statement("A.13")
def test_a_running_total_by_custom_periods_and_weeks_and_shops(shop: Project) -> None:
    first, second = WEEKS
    assert ask(shop, "so_far", "season", "week") == [
        ("alpha", second, 255),
        ("bravo", first, 15),
        ("charlie", first, 63),
        ("charlie", second, 127),
        ("delta", first, 7),
        (None, second, 511),
    ]
    by_shop = ask(shop, "so_far", "sale__shop", "season", where=FROM_CHARLIE)
    one, two = 1 + 4 + 16 + 64, 2 + 8 + 32
    assert by_shop == [
        ("one", "alpha", one),
        ("one", "charlie", one),
        ("two", "alpha", two + 128),
        ("two", "charlie", two),
    ]


@pytest.mark.statement("A.13")
def test_a_condition_on_custom_periods_says_which_days_of_a_running_total_are_shown(
    shop: Project,
) -> None:
    found = ask(shop, "so_far", "day", where=f"{SEASON} = 'charlie'")
    assert found == list(zip(on(6, 7, 8, 9), [31, 63, 63, 127], strict=True))
    assert ask(shop, "so_far", where=FROM_CHARLIE) == [("alpha", 255), ("charlie", 127)]
    assert ask(shop, "so_far", where=FROM_CHARLIE, end="2024-01-07") == [("charlie", 63)]


@pytest.mark.statement("A.10")
def test_the_custom_period_before_is_the_one_before_in_time(shop: Project) -> None:
    assert ask(shop, "before") == [("alpha", 112), ("bravo", 7), ("charlie", 8)]
    assert ask(shop, "two_before") == [("alpha", 8), ("charlie", 7)]
    assert ask(shop, "twice_before") == [("alpha", 8), ("charlie", 7)]
    assert ask(shop, "growth") == [
        ("alpha", 128 - 112),
        ("bravo", 8 - 7),
        ("charlie", 112 - 8),
        ("delta", None),
        (None, None),
    ]


@pytest.mark.statement("A.10")
def test_a_day_is_compared_with_the_same_place_in_the_period_before(shop: Project) -> None:
    found = ask(shop, "before", "day")
    assert found == list(zip(on(4, 5, 6, 10, 11), [1, 2, 8, 16, 32], strict=True))
    seasons = [(name, *row) for name, row in zip("bbcaa", found, strict=True)]
    both = ask(shop, "before", "season", "day")
    assert sorted((name[0], day, value) for name, day, value in both) == sorted(seasons)


@pytest.mark.statement("X1")
def test_no_day_of_a_longer_custom_period_is_lost_by_another_grain(shop: Project) -> None:
    # The 3rd of delta is the last of bravo, and the 9th of charlie the last of alpha.
    first, second = WEEKS
    assert ask(shop, "before", "week") == [(first, 1 + 2 + 4 + 8), (second, 16 + 32 + 64)]
    assert ask(shop, "before", "season", "week") == [
        ("alpha", second, 112),
        ("bravo", first, 7),
        ("charlie", first, 8),
    ]


@pytest.mark.statement("Q5")
def test_a_range_is_of_the_days_at_which_values_of_a_custom_period_before_are_shown(
    shop: Project,
) -> None:
    assert ask(shop, "before", start="2024-01-10") == [("alpha", 112)]
    assert ask(shop, "before", end="2024-01-04") == [("bravo", 1)]
    assert ask(shop, "before", "day", where=f"{SEASON} = 'charlie'") == [(D(2024, 1, 6), 8)]
    assert ask(shop, "before", "week", where=f"{SEASON} = 'charlie'") == [(WEEKS[0], 8)]


@pytest.mark.statement("A.10")
def test_values_of_a_week_ago_are_shown_by_custom_periods(shop: Project) -> None:
    assert ask(shop, "week_ago") == [("alpha", 4 + 8), ("charlie", 1 + 2), (None, 16)]
    assert ask(shop, "week_ago", "season", "day") == [
        ("alpha", D(2024, 1, 10), 4),
        ("alpha", D(2024, 1, 11), 8),
        ("charlie", D(2024, 1, 8), 1),
        ("charlie", D(2024, 1, 9), 2),
        (None, D(2024, 1, 13), 16),
    ]
    assert ask(shop, "week_ago", where=FROM_CHARLIE) == [("alpha", 12), ("charlie", 3)]


@pytest.mark.statement("X1")
def test_months_are_moved_into_custom_periods_without_losing_a_day(engine: Any) -> None:
    """Periods of two months: 31 January is shown on 29 February, and 31 March on 30 April."""
    dates = [D(2024, 1, 1) + dt.timedelta(n) for n in range(182)]
    names = ("one", "two", "three")
    days = [f"(CAST('{d}' AS DATE), '{names[(d.month - 1) // 2]}')" for d in dates]
    sold = ("2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30")
    sales = [f"(CAST('{d}' AS DATE), 'x', {2**n})" for n, d in enumerate(sold)]
    tables = {
        **TABLES,
        "days": _select("day, season", days),
        "sales": _select("sold_on, shop, amount", sales),
    }
    project = engine.project(MODELS.replace("1 week}", "1 month}"), tables=tables)
    assert ask(project, "week_ago") == [("one", 1), ("three", 8), ("two", 2 + 4)]
    assert ask(project, "week_ago", "season", "month") == [
        ("one", D(2024, 2, 1), 1),
        ("three", D(2024, 5, 1), 8),
        ("two", D(2024, 3, 1), 2),
        ("two", D(2024, 4, 1), 4),
    ]


@pytest.mark.statement("A.10")
def test_a_name_that_comes_again_is_another_period(engine: Any) -> None:
    days = [f"({_day(d)}, '{'high' if d % 4 in (1, 2) else 'low'}')" for d in range(1, 14)]
    tables = {**TABLES, "days": _select("day, season", days)}
    project = engine.project(MODELS, tables=tables)
    # High: 1, 2, 5, 6, 9, 10, 13. Low: 3, 4, 7, 8, 11, 12.
    assert ask(project, "before") == [("high", 4 + 8 + 32), ("low", 1 + 2 + 16 + 64 + 128)]


@pytest.mark.statement("A.13")
def test_a_spine_has_a_row_for_each_custom_period(shop: Project) -> None:
    assert ask(shop, "every_season") == [
        ("alpha", None),
        ("bravo", None),
        ("charlie", 16 + 64),
        ("delta", 1 + 4),
        (None, 256),
    ]
    first, second = WEEKS
    assert ask(shop, "every_season_or_zero", "season", "week") == [
        ("alpha", second, 0),
        ("bravo", first, 0),
        ("charlie", first, 16),
        ("charlie", second, 64),
        ("delta", first, 5),
        (None, second, 256),
    ]
    shown = {"where": f"{SEASON} IN ('bravo', 'delta')"}
    assert ask(shop, "every_season_or_zero", **shown) == [("bravo", 0), ("delta", 5)]
    assert ask(shop, "every_season_or_zero", start="2024-01-04", end="2024-01-09") == [
        ("bravo", 0),
        ("charlie", 80),
    ]


@pytest.mark.statement("T5")
@pytest.mark.parametrize(
    ("metric", "alpha", "bravo", "charlie", "delta", "none"),
    [
        ("at_the_end", 2, 2, 6, 3, 2),
        ("as_it_began", 6, 3, 2, 1, 2),
        ("day_by_day", 6 + 2 + 2, 3 + 2, 2 + 6 + 6 + 6, 1 + 3 + 3, 2),
    ],
)
def test_rows_hold_at_days_of_custom_periods(
    shop: Project, metric: str, alpha: int, bravo: int, charlie: int, delta: int, none: int
) -> None:
    expected = [("alpha", alpha), ("bravo", bravo), ("charlie", charlie), ("delta", delta)]
    assert ask(shop, metric) == [*expected, (None, none)]


@pytest.mark.statement("T5")
def test_rows_that_hold_are_shown_on_days_of_a_custom_period(shop: Project) -> None:
    found = ask(shop, "at_the_end", "day", where=f"{SEASON} = 'charlie'")
    assert found == list(zip(on(6, 7, 8, 9), [2, 6, 6, 6], strict=True))


@pytest.mark.parametrize(
    ("metric", "by", "code", "hint"),
    [
        ("at_start", ["season"], "uneven-offset", "add `metric_time__day`"),
        ("so_far_before", ["season"], "no-rows-to-move", "ask by day"),
    ],
)
def test_what_custom_periods_do_not_tell_is_refused_with_what_can_be_asked(
    shop: Project, metric: str, by: list[str], code: str, hint: str
) -> None:
    with pytest.raises(QueryError) as caught:
        ask(shop, metric, *by)
    assert [i.code for i in caught.value.issues if i.severity == "error"] == [code]
    assert hint in str(caught.value)
    assert ask(shop, metric, *by, "day")


@pytest.mark.parametrize("own", ["hour", "month"])
def test_an_offset_in_custom_periods_needs_times_that_the_spine_tells(
    engine: Any, own: str
) -> None:
    named = "sold_on, granularity: "
    project = engine.project(MODELS.replace(f"{named}day", f"{named}{own}"), tables=TABLES)
    with pytest.raises(QueryError, match="`days` has one row per day") as caught:
        project.compile("before", f"metric_time__{own}")
    assert [i.code for i in caught.value.issues] == ["grain-too-fine"]


@pytest.mark.statement("X1")
def test_an_offset_in_another_moves_rows_by_the_inner_one_first(engine: Any) -> None:
    """26 February is 4 March a week later, and in April a month later."""
    definitions = f"""{MODELS}
  - {{name: both, type: derived, expr: earlier,
     input_metrics: [{{name: week_ago, alias: earlier, offset_window: 1 month}}]}}
"""
    days = [D(2024, 1, 1) + dt.timedelta(n) for n in range(182)]
    sold = ("(CAST('2024-02-26' AS DATE), 'x', 1)", "(CAST('2024-01-10' AS DATE), 'x', 2)")
    tables = {
        **TABLES,
        "days": _select("day, season", [f"(CAST('{d}' AS DATE), 'x')" for d in days]),
        "sales": _select("sold_on, shop, amount", list(sold)),
    }
    project = engine.project(definitions, tables=tables)
    assert ask(project, "both", "quarter") == [(D(2024, 1, 1), 2), (D(2024, 4, 1), 1)]
