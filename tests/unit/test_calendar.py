"""What settings of the calendar are refused, and what of it is part of a fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kpilayer import ConfigError, DefinitionError, Project, QueryError

Define = Callable[..., Project]

SALES = """
models:
  - name: sales
    semantic_model: true
    primary_entity: sale
    agg_time_dimension: sold_at
    columns:
      - {name: sold_at, granularity: second, dimension: {type: time, timezone: UTC}}
      - {name: sold_on, granularity: day, dimension: time}
metrics:
  - {name: total, model: sales, agg: count}
  - {name: total_by_day, model: sales, agg: count, agg_time_dimension: sold_on}
  - {name: since, model: sales, agg: count, agg_time_dimension: sold_on,
     filter: "{{ Dimension('sale__sold_on__week') }} >= '2024-01-01'"}
  - {name: this_fiscal_year, type: cumulative, input_metric: total_by_day,
     grain_to_date: fiscal_year}
  - {name: this_year, type: cumulative, input_metric: total_by_day, grain_to_date: year}
  - {name: weekday, model: sales, agg: count, agg_time_dimension: sold_on,
     filter: "{{ TimeDimension('sale__sold_on', date_part_name='fiscal_year') }} = 2024"}
"""
SPINE = """
models:
  - name: days
    time_spine:
      standard_granularity_column: day
      custom_granularities: [{name: retail_month}]
    columns: [{name: day, granularity: day}]
"""


def prints(define: Define, settings: str = "", definitions: str = SALES) -> dict[str, str]:
    project = define(definitions, files={"kpilayer.yml": f"name: shop\n{settings}\n"})
    return {m.name: m.fingerprint for m in project.metrics}


def changed(define: Define, settings: str, base: str = "") -> set[str]:
    before, after = prints(define, base), prints(define, settings)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("week_start: someday", "bad-value"),
        ("week_starts: {sunday_week: sun}", "bad-value"),
        ("week_starts: {month: sunday}", "bad-name"),
        ("week_starts: {fiscal_year: sunday}", "bad-name"),
        ("fiscal_year_start: 4", "bad-value"),
        ("fiscal_year_named_by: middle", "bad-value"),
        ("timezone: Europe/Berln", "bad-value"),
        ("timezone: localtime", "bad-value"),
        ("timezone: ../etc/passwd", "bad-value"),
    ],
)
def test_settings_that_mean_nothing_are_refused(define: Define, settings: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        define(files={"kpilayer.yml": f"name: shop\n{settings}\n"})
    assert [i.code for i in caught.value.issues] == [code]


def test_a_misspelt_zone_is_told_with_the_nearest_one(define: Define) -> None:
    with pytest.raises(ConfigError, match="did you mean `Europe/Berlin`"):
        define(files={"kpilayer.yml": "name: shop\ntimezone: europe/berlin\n"})


def test_one_name_for_two_grains_is_refused(define: Define) -> None:
    files = {
        "kpilayer.yml": "name: shop\nweek_starts: {retail_month: sunday}\n",
        "models/days.yml": SPINE,
    }
    with pytest.raises(DefinitionError, match="also one of `week_starts`"):
        define(SALES, files=files).compile("total")


@pytest.mark.parametrize("key", ["time_granularity", "grain_to_date"])
def test_a_custom_granularity_is_no_grain_of_the_calendar(define: Define, key: str) -> None:
    kind = (
        "type: cumulative, input_metric: total"
        if key == "grain_to_date"
        else "model: sales, agg: count"
    )
    text = f"{SALES}  - {{name: odd, {kind}, {key}: retail_month}}\n"
    found = define(text, files={"models/days.yml": SPINE}).check()
    assert [(i.code, i.location.line) for i in found if i.severity == "error" and i.location] == [
        ("unknown-grain", text.count("\n"))
    ]


def test_a_zone_to_show_needs_the_zone_that_is_stored(define: Define) -> None:
    text = SALES.replace("timezone: UTC", "report_timezone: UTC")
    assert [i.code for i in define(text).check() if i.severity == "error"] == ["missing-field"]
    text = SALES.replace(
        "granularity: day, dimension: time", "dimension: {type: categorical, timezone: UTC}"
    )
    assert "bad-value" in [i.code for i in define(text).check()]


def test_an_unknown_zone_of_a_question_is_refused(define: Define) -> None:
    with pytest.raises(QueryError, match="did you mean `Asia/Tokyo`"):
        define(SALES).compile("total_by_day", timezone="Asia/Tokio")


@pytest.mark.statement("T1")
def test_the_zone_of_instants_is_part_of_the_metrics_that_count_by_them(define: Define) -> None:
    assert changed(define, "timezone: Europe/Berlin") == {"total"}
    assert changed(define, "timezone: UTC") == set()  # in which the dimension is stored


@pytest.mark.statement("T1")
def test_a_zone_said_once_or_twice_is_one_meaning(define: Define) -> None:
    twice = SALES.replace("timezone: UTC", "timezone: UTC, report_timezone: Asia/Tokyo")
    assert prints(define, "timezone: Asia/Tokyo") == prints(define, "timezone: Asia/Tokyo", twice)
    assert prints(define, "timezone: Asia/Tokyo") == prints(define, "", twice)


@pytest.mark.statement("T2")
def test_the_first_day_of_a_week_is_part_of_metrics_that_filter_by_weeks(define: Define) -> None:
    assert changed(define, "week_start: sunday") == {"since"}
    assert changed(define, "week_starts: {sunday_week: sunday}") == set()


@pytest.mark.statement("T3")
def test_the_fiscal_year_is_part_of_metrics_that_read_it(define: Define) -> None:
    assert changed(define, "fiscal_year_start: april") == {"this_fiscal_year", "weekday"}
    by_start = "fiscal_year_start: april\nfiscal_year_named_by: start"
    assert changed(define, by_start, "fiscal_year_start: april") == {"weekday"}
    found = prints(define)
    assert found["this_fiscal_year"] == found["this_year"]


def test_an_input_keeps_a_group_by_whatever_its_grain(define: Define) -> None:
    more = """
    metrics:
      - {name: share, type: share, input_metric: total_by_day, within: [sale__sold_on]}
    """
    rows = "SELECT DATE '2024-03-02' AS sold_on UNION ALL SELECT DATE '2024-03-03'"
    files = {
        "kpilayer.yml": "name: shop\nweek_starts: {sunday_week: sunday}\n",
        "models/more.yml": more,
    }
    tables = {"sales": f"SELECT sold_on, CAST(sold_on AS TIMESTAMP) AS sold_at FROM ({rows})"}
    project = define(SALES, files=files, tables=tables)
    for grain in ("month", "sunday_week", "fiscal_year"):
        found = project.query("share", f"sale__sold_on__{grain}").rows()
        assert {share for _, share in found} == {1.0}


def test_a_group_by_is_named_with_what_the_calendar_says_of_it(define: Define) -> None:
    def of(key: str, settings: str = "", **question: Any) -> str | None:
        files = {"kpilayer.yml": f"name: shop\n{settings}\n", "models/days.yml": SPINE}
        return (
            define(SALES, files=files)
            .prepare("total_by_day", key, **question)
            .fingerprints.get(key)
        )

    week = of("sale__sold_on__week")
    assert week == of("sale__sold_on__month") == of("sale__sold_on__fiscal_month")
    assert week != of("sale__sold_on__week", "week_start: sunday")
    assert of("metric_time__week") is None
    assert of("metric_time__week", "week_start: sunday") is not None
    assert of("metric_time__retail_month") not in (None, of("sale__sold_on__retail_month"))
