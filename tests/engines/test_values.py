"""Questions without metrics: the values that group-bys have; truth from plain SQL or by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kpilayer import Project, QueryError
from tests.engines.surface import DEFINITIONS, TABLES

DAYS = """
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
"""


@pytest.fixture
def shop(engine: Any) -> Project:
    project: Project = engine.project(DEFINITIONS, tables=TABLES)
    return project


def ask(project: Project, *names: str, **question: Any) -> list[tuple[Any, ...]]:
    return project.query(group_by=names, **question).rows()


def refused(project: Project, **question: Any) -> list[str]:
    with pytest.raises(QueryError) as error:
        project.prepare(**question)
    return [issue.code for issue in error.value.issues]


@pytest.mark.statement("Q1")
@pytest.mark.statement("Q10")
def test_values_are_those_of_the_home_model(shop: Project) -> None:
    # fay, from APAC, never bought anything
    assert ask(shop, "customer__region") == [("APAC",), ("EU",), ("US",), (None,)]
    assert ask(shop, "customer__region", order_by="-customer__region", limit=2) == [
        ("US",),
        ("EU",),
    ]
    assert ask(shop, "customer") == [(n,) for n in range(1, 7)]


def test_values_of_one_model_are_those_that_occur_together(shop: Project, engine: Any) -> None:
    expected = engine.rows(
        "SELECT DISTINCT region, tier FROM customers ORDER BY region NULLS LAST, tier NULLS LAST"
    )
    assert ask(shop, "customer__region", "customer__tier") == expected


def test_values_of_several_models_are_joined_in_full(shop: Project, engine: Any) -> None:
    expected = engine.rows(
        "SELECT DISTINCT s.channel, c.region FROM sales s FULL OUTER JOIN customers c"
        " ON s.customer_id = c.customer_id ORDER BY s.channel NULLS LAST, c.region NULLS LAST"
    )
    assert (None, "APAC") in expected
    assert ask(shop, "sale__channel", "customer__region") == expected


def test_conditions_hold_for_the_joined_rows(shop: Project, engine: Any) -> None:
    web = ask(shop, "customer__region", where="sale__channel = 'web'")
    assert web == [("EU",), ("US",)]
    none = ask(shop, "customer__name", where="sale__channel IS NULL")
    assert none == [("fay",)]
    assert ask(shop, "customer__name", where="customer__region = 'US'") == [("cat",), ("eve",)]


def test_rows_can_be_kept_as_they_are(shop: Project) -> None:
    rows = ask(shop, "customer__region", distinct=False)
    assert rows == [("APAC",), ("EU",), ("EU",), ("US",), ("US",), (None,)]


@pytest.mark.statement("Q2")
def test_the_first_and_last_value(shop: Project) -> None:
    result = shop.query(group_by="sale__sold_on__month", min_max=True)
    assert list(result.columns) == ["sale__sold_on__month__min", "sale__sold_on__month__max"]
    assert result.rows() == [(dt.date(2026, 1, 1), dt.date(2026, 4, 1))]
    assert ask(shop, "customer__tier", min_max=True, where="customer__region = 'EU'") == [(1, 2)]


def test_time_is_that_of_the_spine(engine: Any) -> None:
    days = "SELECT CAST(d AS DATE) AS day FROM (VALUES ('2026-01-31'), ('2026-02-01'), ('2026-02-02')) AS t(d)"
    definitions = DEFINITIONS.replace("\nmetrics:", DAYS + "metrics:")
    shop = engine.project(definitions, tables=TABLES | {"days": days})
    jan, feb = dt.date(2026, 1, 1), dt.date(2026, 2, 1)
    assert ask(shop, "metric_time__month") == [(jan,), (feb,)]
    assert ask(shop, "metric_time", min_max=True) == [(dt.date(2026, 1, 31), dt.date(2026, 2, 2))]
    assert ask(shop, "metric_time__day", start="2026-02-01", end="2026-02-01") == [(feb,)]
    assert ask(
        shop, "metric_time__month", "sale__channel", where="metric_time__day > '2026-01-31'"
    ) == [
        (feb, "shop"),
        (feb, "web"),
    ]


def test_a_saved_query_may_ask_for_values(engine: Any) -> None:
    saved = "  - {name: regions, query_params: {group_by: [customer__region]}}\n"
    shop = engine.project(DEFINITIONS + saved, tables=TABLES)
    assert len(shop.query(saved_query="regions", where="customer__region IS NOT NULL").rows()) == 3


def test_fingerprints_are_those_of_the_dimensions(shop: Project) -> None:
    found = shop.prepare(group_by=["customer__region", "customer__tier"]).fingerprints
    assert list(found) == ["customer__region", "customer__tier"]
    assert len({*found.values()}) == 2


def test_what_has_no_values_is_refused(shop: Project) -> None:
    assert refused(shop) == ["no-metrics"]
    assert refused(shop, group_by="customer__regoin") == ["unknown-dimension"]
    assert refused(shop, group_by="metric_time") == ["no-time-dimension"]  # no spine is declared
    region = {"group_by": "customer__region"}
    assert refused(shop, **region, start="2026-01-01") == ["no-time-dimension"]
    for rest in (
        {"having": "a > 1"},
        {"compare": "prior_year"},
        {"top": 3},
        {"fill": 0},
        {"totals": [[]]},
    ):
        assert refused(shop, **region, **rest) == ["no-metrics"]
    assert refused(shop, **region, min_max=True, limit=1) == ["unsound-question"]
    assert refused(shop, metrics="revenue", **region, min_max=True) == ["unsound-question"]
    assert refused(shop, metrics="revenue", **region, distinct=False) == ["unsound-question"]
