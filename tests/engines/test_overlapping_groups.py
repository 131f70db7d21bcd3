"""Metrics of every kind by the many side: a row counts once per group (language.md P3, P6).

Amounts are powers of two times ten, so each sum tells which orders are in it.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest

from kpilayer import Project, QueryError

SHOP = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer, entity: {type: foreign, name: customer}}
      - {name: ordered_on, granularity: day, dimension: time}
  - name: order_lines
    semantic_model: true
    primary_entity: order_line
    columns:
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: colour, dimension: categorical}
      - {name: size, dimension: categorical}
  - name: payments
    semantic_model: true
    primary_entity: payment
    columns:
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: method, dimension: categorical}
  - name: complaints
    semantic_model: true
    primary_entity: complaint
    agg_time_dimension: complained_on
    columns:
      - {name: customer, entity: {type: foreign, name: customer}}
      - {name: complained_on, granularity: day, dimension: time}
  - name: contracts
    semantic_model: true
    agg_time_dimension: begins_on
    active: {from: begins_on, to: ends_on}
    columns:
      - {name: id, entity: {type: primary, name: contract}}
      - {name: begins_on, granularity: day, dimension: time}
      - {name: ends_on, granularity: day, dimension: time}
  - name: tags
    semantic_model: true
    primary_entity: tag
    columns:
      - {name: contract_id, entity: {type: foreign, name: contract}}
      - {name: word, dimension: categorical}
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: known_revenue, model: orders, agg: sum, expr: amount, overlapping: true}
  - {name: part, type: share, input_metric: revenue}
  - {name: known_part, type: share, input_metric: revenue, overlapping: true}
  - {name: part_of_colour, type: share, input_metric: revenue, within: [order_line__colour]}
  - {name: so_far, type: cumulative, input_metric: revenue, period_agg: last}
  - {name: known_so_far, type: cumulative, input_metric: revenue, period_agg: last, overlapping: true}
  - {name: buyers, model: orders, agg: count_distinct, expr: customer}
  - {name: buyers_so_far, type: cumulative, input_metric: buyers, period_agg: last}
  - {name: middle, model: orders, agg: median, expr: amount}
  - {name: mean, model: orders, agg: average, expr: amount}
  - {name: of_2_days, type: cumulative, input_metric: revenue, window: 2 days}
  - {name: buyers_of_2_days, type: cumulative, input_metric: buyers, window: 2 days}
  - {name: middle_of_2_days, type: cumulative, input_metric: middle, window: 2 days}
  - {name: mean_of_2_days, type: cumulative, input_metric: mean, window: 2 days}
  - {name: day_before, type: derived, expr: before,
     input_metrics: [{name: revenue, alias: before, offset_window: 1 day}]}
  - {name: last_revenue, model: orders, agg: sum, expr: amount,
     non_additive_dimension: {name: ordered_on, window_agg: max, group_by: [customer]}}
  - {name: daily, model: orders, agg: sum, expr: amount, join_to_timespine: grid, fill_nulls_with: 0}
  - {name: middle_customer, type: nested, agg: median, input_metric: revenue, per: [customer]}
  - {name: mean_colour, type: nested, agg: average, input_metric: revenue, per: [order_line__colour]}
  - {name: all_colours, type: nested, agg: sum, input_metric: revenue, per: [order_line__colour]}
  - {name: known_colours, type: nested, agg: sum, input_metric: revenue, per: [order_line__colour],
     overlapping: true}
  - {name: orders, model: orders, agg: count}
  - {name: complaints, model: complaints, agg: count}
  - {name: complained, type: conversion, entity: customer, base_metric: orders,
     conversion_metric: complaints, calculation: conversions}
  - {name: complained_first, type: conversion, entity: customer, base_metric: orders,
     conversion_metric: complaints, calculation: conversions, base_event: first}
  - {name: complained_any, type: conversion, entity: customer, base_metric: orders,
     conversion_metric: complaints, calculation: conversions, base_event: any}
  - {name: complaint_rate, type: conversion, entity: customer, base_metric: orders,
     conversion_metric: complaints}
  - {name: colour_rate, type: conversion, entity: customer, base_metric: orders,
     conversion_metric: orders, constant_properties: [
       {base_property: order_line__colour, conversion_property: order_line__colour}]}
  - {name: complainers, type: funnel, entity: customer, steps: [orders, complaints],
     calculation: conversions}
  - {name: held, model: contracts, agg: count, as_of: period_end}
"""
ROWS = {
    "orders": """SELECT * FROM (VALUES
        (1, 'ann', DATE '2024-01-01', 10), (2, 'ann', DATE '2024-01-02', 20),
        (3, 'bob', DATE '2024-01-02', 40), (4, 'bob', DATE '2024-01-04', 80),
        (5, 'cat', DATE '2024-02-01', 160)) AS t(id, customer, ordered_on, amount)""",
    "order_lines": """SELECT * FROM (VALUES
        (1, 'red', 'L'), (1, 'red', 'S'), (1, 'blue', 'S'), (2, 'red', 'L'), (3, 'blue', 'L'),
        (5, 'blue', 'L'), (5, 'red', 'S')) AS t(order_id, colour, size)""",
    "payments": """SELECT * FROM (VALUES (1, 'red'), (3, 'red'), (5, 'blue'))
        AS t(order_id, method)""",
    "complaints": """SELECT * FROM (VALUES ('ann', DATE '2024-01-03'), ('bob', DATE '2024-01-05'),
        ('cat', DATE '2024-02-02')) AS t(customer, complained_on)""",
    "contracts": """SELECT * FROM (VALUES (1, DATE '2024-01-01', DATE '2024-02-10'),
        (2, DATE '2024-01-15', NULL)) AS t(id, begins_on, ends_on)""",
    "tags": """SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (1, 'b'), (2, 'b'))
        AS t(contract_id, word)""",
}
COLOUR = "order_line__colour"


@pytest.fixture
def shop(engine: Any) -> Project:
    found: Project = engine.project(SHOP, tables=ROWS)
    assert [str(i) for i in found.check() if i.severity == "error"] == []
    return found


def ask(project: Project, metrics: Any, group_by: Any = None, **asked: Any) -> Any:
    return [tuple(map(_plain, r)) for r in project.query(metrics, group_by, **asked).rows()]


def _plain(value: Any) -> Any:
    return int(value) if type(value).__name__ == "Decimal" and value == int(value) else value


def refusal(project: Project, metrics: Any, group_by: Any, **asked: Any) -> str:
    with pytest.raises(QueryError) as refused:
        project.compile(metrics, group_by, **asked)
    return str(refused.value)


# ------------------------------------------------------------------ totals, the best, and shares


@pytest.mark.statement("P3")
@pytest.mark.statement("Q7")
def test_each_total_of_overlapping_groups_counts_its_rows_once(shop: Project) -> None:
    rows = [("blue", COLOUR, 210), ("red", COLOUR, 190), (None, COLOUR, 80), (None, "", 310)]
    assert ask(shop, "known_revenue", COLOUR, totals=[[]]) == rows
    assert "overlapping: true` at `revenue`" in refusal(shop, "revenue", COLOUR, totals=[[]])
    both = ["known_revenue", "revenue"]
    assert "at `revenue`" in refusal(shop, both, COLOUR, totals=[[]])


@pytest.mark.statement("P3")
def test_a_total_over_what_a_row_has_one_of_is_no_total_of_overlapping_groups(
    shop: Project,
) -> None:
    """Within a colour, an order is one customer's."""
    found = ask(shop, "revenue", [COLOUR, "order__customer"], totals=[[COLOUR]])
    level = f"{COLOUR},order__customer"
    assert [(colour, value) for colour, _, _level, value in found if _level != level] == [
        ("blue", 210),
        ("red", 190),
        (None, 80),
    ]
    refused = refusal(shop, "revenue", [COLOUR, "order__customer"], totals=[["order__customer"]])
    assert "unsound-question" in refused and f"`{COLOUR}`" in refused


@pytest.mark.statement("P3")
@pytest.mark.statement("P6")
def test_a_total_tests_the_rows_that_its_groups_restrict(shop: Project) -> None:
    """Large: lines of 1 (red), 2 (red), 3 (blue) and 5 (blue)."""
    found = ask(shop, "known_revenue", COLOUR, where="order_line__size = 'L'", totals=[[]])
    assert found == [("blue", COLOUR, 200), ("red", COLOUR, 30), (None, "", 230)]


@pytest.mark.statement("P3")
@pytest.mark.statement("Q8")
def test_what_is_left_over_beside_the_best_counts_each_row_once(shop: Project) -> None:
    """Other: orders with a line that is not blue, and the one without a line."""
    top = {"n": 1, "other": "other"}
    assert ask(shop, "known_revenue", COLOUR, top=top) == [("blue", 210), ("other", 270)]
    assert ask(shop, "known_revenue", COLOUR, top=1) == [("blue", 210)]
    assert "unsound-question" in refusal(shop, "revenue", COLOUR, top=1)
    by = {"n": 1, "by": "revenue"}
    assert "at `revenue`" in refusal(shop, "known_revenue", COLOUR, top=by)


@pytest.mark.statement("P6")
@pytest.mark.statement("Q8")
def test_what_is_left_over_has_a_row_that_is_not_of_the_best_and_meets_the_condition(
    shop: Project,
) -> None:
    """Of the large lines, those of 1 and 2 are not blue; the red line of 5 is small."""
    asked = {"where": "order_line__size = 'L'", "top": {"n": 1, "other": "other"}}
    assert ask(shop, "known_revenue", COLOUR, **asked) == [("blue", 200), ("other", 30)]


@pytest.mark.statement("P3")
def test_a_total_that_would_test_two_many_sides_together_is_refused(shop: Project) -> None:
    by = [COLOUR, "payment__method"]
    same = "order_line__colour = payment__method"
    assert ask(shop, "known_revenue", by, where=same) == [("blue", "blue", 160), ("red", "red", 10)]
    refused = refusal(shop, "known_revenue", by, where=same, totals=[[]])
    assert "fan-out-join" in refused and "in the part by nothing" in refused


@pytest.mark.statement("P3")
def test_shares_of_overlapping_groups_exceed_the_whole_together(shop: Project) -> None:
    found = ask(shop, "known_part", COLOUR)
    assert found == [("blue", 210 / 310), ("red", 190 / 310), (None, 80 / 310)]
    refused = refusal(shop, "part", COLOUR)
    assert "unsound-question" in refused and "overlapping: true` at `part`" in refused
    assert ask(shop, "part", "order__customer") == [
        ("ann", 30 / 310),
        ("bob", 120 / 310),
        ("cat", 160 / 310),
    ]


@pytest.mark.statement("P3")
def test_shares_within_a_group_of_the_many_side_add_up(shop: Project) -> None:
    found = ask(shop, "part_of_colour", [COLOUR, "order__customer"])
    assert found == [
        ("blue", "ann", 10 / 210),
        ("blue", "bob", 40 / 210),
        ("blue", "cat", 160 / 210),
        ("red", "ann", 30 / 190),
        ("red", "cat", 160 / 190),
        (None, "bob", 1.0),
    ]


# ------------------------------------------------------------------------------------ over time

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)


def day(number: int) -> date:
    return date(2024, 1, number)


@pytest.mark.statement("P3")
def test_running_totals_count_a_row_once_in_each_group(shop: Project) -> None:
    found = ask(shop, ["so_far", "buyers_so_far"], [COLOUR, "metric_time__month"])
    assert found == [
        ("blue", JANUARY, 50, 2),
        ("blue", FEBRUARY, 210, 3),
        ("red", JANUARY, 30, 1),
        ("red", FEBRUARY, 190, 2),
        (None, JANUARY, 80, 1),
        (None, FEBRUARY, 80, 1),
    ]
    assert ask(shop, "so_far", COLOUR) == [("blue", 210), ("red", 190), (None, 80)]


@pytest.mark.statement("P3")
@pytest.mark.parametrize(
    ("metric", "of"),
    [
        ("of_2_days", {"blue": (10, 50, 40, 160), "red": (10, 30, 20, 160)}),
        ("buyers_of_2_days", {"blue": (1, 2, 1, 1), "red": (1, 1, 1, 1)}),
        ("middle_of_2_days", {"blue": (10, 25, 40, 160), "red": (10, 15, 20, 160)}),
        ("mean_of_2_days", {"blue": (10, 25, 40, 160), "red": (10, 15, 20, 160)}),
    ],
)
def test_windows_count_a_row_once_in_each_group(
    shop: Project, metric: str, of: dict[str, tuple[int, ...]]
) -> None:
    days = (day(1), day(2), day(3), FEBRUARY)
    rows = ask(shop, metric, [COLOUR, "metric_time__day"], where=f"{COLOUR} IS NOT NULL")
    assert rows == [(c, d, v) for c in ("blue", "red") for d, v in zip(days, of[c], strict=True)]


@pytest.mark.statement("P6")
def test_running_totals_of_rows_that_some_row_of_the_many_side_matches(shop: Project) -> None:
    """Blue: 1, 3 and 5, each once; not blue anywhere: 2 and 4."""
    months = "metric_time__month"
    blue = [(JANUARY, 50), (FEBRUARY, 210)]
    assert ask(shop, "so_far", months, where="order_line__colour = 'blue'") == blue
    none = ask(shop, "so_far", months, where="none(order_line__colour = 'blue')")
    assert none == [(JANUARY, 100), (FEBRUARY, 100)]


@pytest.mark.statement("P3")
def test_earlier_values_count_a_row_once_in_each_group(shop: Project) -> None:
    by_day = ask(shop, "day_before", [COLOUR, "metric_time__day"])
    assert by_day == [
        ("blue", day(2), 10),
        ("blue", day(3), 40),
        ("red", day(2), 10),
        ("red", day(3), 20),
        (None, day(5), 80),
    ]
    by_month = ask(shop, "day_before", [COLOUR, "metric_time__month"])
    assert by_month == [
        ("blue", JANUARY, 50),
        ("blue", FEBRUARY, 160),
        ("red", JANUARY, 30),
        ("red", FEBRUARY, 160),
        (None, JANUARY, 80),
    ]


@pytest.mark.statement("P3")
@pytest.mark.statement("Q6")
def test_groups_that_overlap_are_compared_with_those_of_the_month_before(shop: Project) -> None:
    found = ask(
        shop, "revenue", [COLOUR, "metric_time__month"], compare="prior_period", start="2024-02-01"
    )
    assert [row[:4] for row in found] == [
        ("blue", FEBRUARY, 160, 50),
        ("red", FEBRUARY, 160, 30),
    ]


@pytest.mark.statement("P3")
def test_every_group_of_the_many_side_has_every_period_of_a_grid(shop: Project) -> None:
    found = ask(shop, "daily", [COLOUR, "metric_time__day"], start="2024-01-01", end="2024-01-04")
    values = {"blue": (10, 40, 0, 0), "red": (10, 20, 0, 0), None: (0, 0, 0, 80)}
    assert found == [
        (colour, day(number), value)
        for colour, own in values.items()
        for number, value in enumerate(own, start=1)
    ]


@pytest.mark.statement("P6")
def test_days_without_a_row_are_there_whatever_rows_are_tested(shop: Project) -> None:
    """No line of 2 and 4 is blue; that of 4 on the fourth."""
    asked = {
        "where": "none(order_line__colour = 'blue')",
        "start": "2024-01-01",
        "end": "2024-01-04",
    }
    found = ask(shop, "daily", "metric_time__day", **asked)
    assert found == [(day(1), 0), (day(2), 20), (day(3), 0), (day(4), 80)]
    both = ask(shop, "daily", [COLOUR, "metric_time__day"], **asked)
    assert ("red", day(1), 0) in both and ("red", day(2), 20) in both


@pytest.mark.statement("P3")
@pytest.mark.statement("T6")
def test_balances_count_a_row_once_in_each_group(shop: Project) -> None:
    """The last of ann is 2 (red), of bob 4 (no line), of cat 5 (both)."""
    assert ask(shop, "last_revenue", COLOUR) == [("blue", 160), ("red", 180), (None, 80)]
    # The last that has a blue line: 1, 3 and 5.
    blue = "order_line__colour = 'blue'"
    assert ask(shop, "last_revenue", where=blue) == [(210,)]
    assert ask(shop, "last_revenue", COLOUR, where=blue) == [("blue", 210)]
    by_month = ask(shop, "last_revenue", [COLOUR, "metric_time__month"])
    assert by_month == [
        ("blue", FEBRUARY, 160),
        ("red", JANUARY, 20),
        ("red", FEBRUARY, 160),
        (None, JANUARY, 80),
    ]


@pytest.mark.statement("P3")
@pytest.mark.statement("T5")
def test_rows_that_hold_count_once_in_each_group(shop: Project) -> None:
    """On the last day of January both hold; on February 10, the last day, the second."""
    found = ask(shop, "held", ["tag__word", "metric_time__month"])
    assert found == [("a", JANUARY, 1), ("b", JANUARY, 2), ("b", FEBRUARY, 1)]
    assert ask(shop, "held", "metric_time__month", where="tag__word = 'a'") == [(JANUARY, 1)]


# ----------------------------------------------------------------------- per entity, and events


@pytest.mark.statement("P3")
def test_nested_values_count_a_row_once_in_each_group(shop: Project) -> None:
    """Red: ann 30, cat 160. Blue: ann 10, bob 40, cat 160. None: bob 80."""
    assert ask(shop, "middle_customer", COLOUR) == [("blue", 40), ("red", 95), (None, 80)]


@pytest.mark.statement("P3")
def test_values_per_group_of_the_many_side_are_averaged_and_not_added_up(shop: Project) -> None:
    """Blue 210, red 190, none 80; ann: blue 10, red 30."""
    assert ask(shop, "mean_colour") == [(160,)]
    by_customer = ask(shop, "mean_colour", "order__customer")
    assert by_customer == [("ann", 20), ("bob", 60), ("cat", 160)]
    refused = refusal(shop, "all_colours", None)
    assert "unsound-question" in refused and "overlapping: true` at `all_colours`" in refused
    assert ask(shop, "known_colours") == [(480,)]


@pytest.mark.statement("P3")
def test_a_conversion_counts_once_in_each_group_of_its_base_event(shop: Project) -> None:
    """Latest before a complaint: 2 (red), 4 (no line), 5 (both). First: 1 (both), 3 (blue), 5."""
    assert ask(shop, "complained", COLOUR) == [("blue", 1), ("red", 2), (None, 1)]
    assert ask(shop, "complained_first", COLOUR) == [("blue", 3), ("red", 2), (None, None)]
    assert ask(shop, "complained_any", COLOUR) == [("blue", 3), ("red", 3), (None, 1)]
    assert ask(shop, "complaint_rate", COLOUR) == [("blue", 1 / 3), ("red", 2 / 3), (None, 1.0)]
    assert ask(shop, "complaint_rate") == [(3 / 5,)]


@pytest.mark.statement("P6")
def test_base_events_that_some_row_of_the_many_side_matches(shop: Project) -> None:
    """With a blue line: 1, 3 and 5, and each is followed by a complaint."""
    blue = "order_line__colour = 'blue'"
    assert ask(shop, ["complained", "complaint_rate", "complainers"], where=blue) == [(3, 1.0, 3)]


@pytest.mark.statement("P3")
def test_a_conversion_belongs_to_one_of_two_base_events_of_the_same_time(engine: Any) -> None:
    """Orders 1 (both colours) and 2 (red) are of one day: the complaint of ann is one of them."""
    orders = ROWS["orders"].replace("DATE '2024-01-02', 20", "DATE '2024-01-01', 20")
    project = engine.project(SHOP, tables=ROWS | {"orders": orders})
    assert ask(project, "complained", COLOUR) == [("blue", 2), ("red", 2), (None, 1)]


@pytest.mark.statement("P3")
def test_an_entity_enters_a_funnel_in_each_group(shop: Project) -> None:
    assert ask(shop, "complainers", COLOUR) == [("blue", 3), ("red", 2), (None, 1)]


@pytest.mark.statement("P3")
@pytest.mark.statement("Q7")
def test_totals_of_running_totals_count_each_row_once(shop: Project) -> None:
    asked = {"totals": [["metric_time__month"]], "start": "2024-02-01"}
    found = ask(shop, "known_so_far", [COLOUR, "metric_time__month"], **asked)
    assert [(row[0], row[-1]) for row in found] == [
        ("blue", 210),
        ("red", 190),
        (None, 80),
        (None, 310),
    ]


@pytest.mark.statement("P3")
def test_what_events_keep_is_no_thing_that_a_row_has_many_of(shop: Project) -> None:
    refused = refusal(shop, "colour_rate", "metric_time__month")
    assert "fan-out-join" in refused and "define it on `order_lines`" in refused


@pytest.mark.statement("P3")
def test_a_value_of_the_many_side_is_no_value_of_a_row(engine: Any) -> None:
    text = SHOP + "  - {name: of_lines, model: orders, sql: COUNT(order_line__colour)}\n"
    project = engine.project(text, tables=ROWS)
    refused = refusal(project, "of_lines", None)
    assert "needs one `order_line__colour` of each row of `orders`, which has many" in refused


@pytest.mark.statement("T5")
def test_a_condition_on_dates_and_on_the_many_side_at_once_is_refused(shop: Project) -> None:
    where = "tag__word = 'a' OR metric_time__day = '2024-01-01'"
    assert "mixed-condition" in refusal(shop, "held", "metric_time__month", where=where)


# ------------------------------------------------------------------------------------- any rows


def some_rows(seed: int) -> dict[str, str]:
    """Orders with none to four lines, some alike, over ten days."""
    rng = random.Random(seed)
    orders, lines, complaints = [], [], []
    for number in range(1, 41):
        on = date(2024, 1, 1) + timedelta(days=rng.randrange(40))
        orders.append(f"({number}, '{rng.choice('abcdef')}', DATE '{on}', {rng.randrange(1, 99)})")
        lines += [f"({number}, '{rng.choice(['blue', 'red'])}', '{rng.choice('LS')}')"
                  for _ in range(rng.randrange(5))]  # fmt: skip
        complaints.append(f"('{rng.choice('abcdef')}', DATE '{on + timedelta(days=3)}')")

    def table(rows: list[str], names: str) -> str:
        return f"SELECT * FROM (VALUES {', '.join(rows)}) AS t({names})"

    return ROWS | {
        "orders": table(orders, "id, customer, ordered_on, amount"),
        "order_lines": table(lines, "order_id, colour, size"),
        "complaints": table(complaints[:20], "customer, complained_on"),
    }


@pytest.mark.statement("P3")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "by", [(), ("metric_time__day",), ("metric_time__month", "order__customer")]
)
def test_a_group_has_the_value_of_the_rows_that_match_it(
    engine: Any, seed: int, by: tuple[str, ...]
) -> None:
    """What a group of the many side counts is what a filter for it leaves, in every kind."""
    project = engine.project(SHOP, tables=some_rows(seed))
    timed = ["of_2_days", "middle_of_2_days", "buyers_of_2_days", "mean_of_2_days", "day_before"]
    metrics = ["revenue", "so_far", "buyers_so_far", "middle_customer", "complained_any"]
    metrics += ["complainers", *(timed if by else [])]
    if "order__customer" in by:
        metrics.remove("middle_customer")
    for metric in metrics:
        for colour in ("blue", "red"):
            is_it = f"{COLOUR} = '{colour}'"
            grouped = ask(project, metric, [*by, COLOUR], having=is_it)
            filtered = ask(project, metric, [*by], where=is_it)
            values = {row[:-2]: row[-1] for row in grouped}
            assert values and values == {row[:-1]: row[-1] for row in filtered}, metric
