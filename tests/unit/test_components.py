"""Answers with the columns that their metrics are rolled up from. Numbers are worked by hand."""

from __future__ import annotations

import pytest

from kpilayer import Project, QueryError
from tests.conftest import Define

MODELS = """
models:
  - name: sales
    semantic_model: true
    primary_entity: sale
    agg_time_dimension: on_day
    columns:
      - {name: kind, dimension: categorical}
      - {name: on_day, granularity: day, dimension: time}
metrics:
  - {name: revenue, model: sales, agg: sum, expr: amount}
  - {name: sales, model: sales, agg: count, expr: 1}
  - {name: buyers, model: sales, agg: count_distinct, expr: buyer}
  - {name: mean, model: sales, agg: average, expr: amount}
  - {name: each, type: ratio, numerator: revenue, denominator: sales}
  - {name: filled, type: derived, expr: each + one, input_metrics: [each, {name: mean, alias: one}]}
  - {name: per_buyer, type: ratio, numerator: revenue, denominator: buyers}
  - {name: least, model: sales, agg: min, expr: amount, fill_nulls_with: 7}
"""
ROWS = """SELECT * FROM (VALUES ('a', DATE '2026-01-01', 3, 1), ('a', DATE '2026-01-02', 5, 1),
  ('b', DATE '2026-01-02', 2, 2)) AS t(kind, on_day, amount, buyer)"""


@pytest.fixture
def shop(define: Define) -> Project:
    return define(MODELS, tables={"sales": ROWS})


def test_components_stand_behind_their_metric(shop: Project) -> None:
    answer = shop.query(["each", "sales", "mean"], "sale__kind", components=True)
    assert answer.columns == (
        *("sale__kind", "each", "each__numerator", "each__denominator", "sales"),
        *("mean", "mean__sum", "mean__count"),
    )
    assert answer.rows() == [("a", 4.0, 8, 2, 2, 4.0, 8, 2), ("b", 2.0, 2, 1, 1, 2.0, 2, 1)]
    assert sorted(answer.fingerprints) == ["each", "mean", "sale__kind", "sales"]


def test_a_formula_of_formulas_has_the_columns_of_all_of_them(shop: Project) -> None:
    answer = shop.query("filled", components=True)
    assert answer.columns == (
        *("filled", "filled__each__numerator", "filled__each__denominator"),
        *("filled__one__sum", "filled__one__count"),
    )
    assert answer.rows() == [(10 / 3 + 10 / 3, 10, 3, 10, 3)]


@pytest.mark.parametrize(
    ("metric", "kind", "value"),
    [
        ("revenue", "additive", 'SUM("revenue")'),
        ("least", "derived", 'COALESCE(MIN("least__found"), 7)'),
        ("buyers", "distinct", None),
        ("per_buyer", "not_additive", None),
    ],
)
def test_a_card_says_how_a_metric_is_rolled_up(
    shop: Project, metric: str, kind: str, value: str | None
) -> None:
    card = shop.describe(metric)
    assert (card["additivity"], card["roll up"]) == (kind, value)


def test_a_value_that_is_filled_is_rolled_up_from_what_was_found(shop: Project) -> None:
    rows = shop.query("least", "sale__kind", where="sale__kind <> 'b'", components=True).rows()
    assert rows == [("a", 3, 3)]
    assert shop.query("least", where="sale__kind = 'c'", components=True).rows() == [(7, None)]


def test_what_cannot_be_rolled_up_has_no_components(shop: Project) -> None:
    assert shop.query(["buyers", "per_buyer"], components=True).columns == ("buyers", "per_buyer")


def test_rows_that_are_filled_have_no_components(shop: Project) -> None:
    with pytest.raises(QueryError) as error:
        shop.query("each", "metric_time__day", fill=0, components=True)
    assert [i.code for i in error.value.issues] == ["unsound-question"]


def test_a_metric_on_a_spine_is_rolled_up_within_a_period(define: Define) -> None:
    """A spine leaves out rows without a date, which the whole has."""
    text = MODELS.replace("expr: amount}", "expr: amount, join_to_timespine: true}", 1)
    card = define(text, tables={"sales": ROWS}).describe("revenue")
    assert (card["roll up"], card["roll up over"]) == ('SUM("revenue")', "groups of one period")


def test_earlier_values_have_no_components(shop: Project) -> None:
    with pytest.raises(QueryError) as error:
        shop.query("each", "metric_time__month", compare="prior_period", components=True)
    assert [i.code for i in error.value.issues] == ["bad-compare"]
