"""Questions that gave, or could give, a wrong number without an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import DefinitionError, Project, QueryError

Define = Callable[..., Project]

SHOP = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, granularity: day, dimension: time}
      - {name: stored_at, granularity: second, dimension: time}
      - {name: shipped_on, dimension: categorical}
      - {name: status, dimension: categorical}
    derived_semantics:
      dimensions:
        - {name: is_large, type: categorical, expr: amount > 7}
        - {name: one, type: categorical, expr: 1}
  - name: customers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: country, dimension: categorical}
    derived_semantics:
      entities: [{name: region, type: foreign, expr: "COALESCE(region_id, 1)"}]
      dimensions:
        - {name: land, type: categorical, expr: "COALESCE(country, 'unknown')"}
        - {name: source, type: categorical, expr: "'crm'"}
        - {name: is_local, type: categorical, expr: country IS NOT NULL}
  - name: regions
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: region}}
      - {name: title, dimension: categorical}
metrics:
  - {name: order_count, model: orders, agg: count}
  - {name: amount, model: orders, agg: sum}
  - {name: large_amount, model: orders, agg: sum, expr: amount,
     filter: "{{ Dimension('order__is_large') }}"}
  - {name: stored, model: orders, agg: count, agg_time_dimension: stored_at}
"""
TABLES = {
    "orders": """SELECT * FROM (VALUES
        (1, 1, DATE '2024-02-29', TIMESTAMP '2024-02-29 23:59:59.75', DATE '2024-10-05', 'A', 10),
        (2, 9, DATE '2024-12-30', TIMESTAMP '2024-12-31 00:00:00', DATE '2024-12-05', 'a', 5),
        (3, NULL, DATE '2025-01-01', TIMESTAMP '2025-01-01 00:00:00', DATE '2024-02-05', NULL, 7),
        (4, 2, NULL, NULL, NULL, 'b', NULL)
        ) t(id, customer_id, ordered_on, stored_at, shipped_on, status, amount)""",
    "customers": "SELECT * FROM (VALUES (1, 'DE', 2), (2, NULL, NULL)) t(id, country, region_id)",
    "regions": "SELECT * FROM (VALUES (1, 'one'), (2, 'two')) t(id, title)",
}


def ask(
    project: Project, metrics: Any, group_by: Any = None, where: Any = None, **rest: Any
) -> Any:
    return project.query(metrics, group_by, where, **rest).rows()


@pytest.fixture
def shop(define: Define) -> Project:
    return define(SHOP, tables=TABLES)


# ------------------------------------------------------------------------------------------ lookups


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("customer__land", [("DE", 1), ("unknown", 1), (None, 2)]),
        ("customer__source", [("crm", 2), (None, 2)]),
        ("customer__is_local", [(False, 1), (True, 1), (None, 2)]),
        ("region__title", [("one", 1), ("two", 1), (None, 2)]),
    ],
)
def test_a_missing_lookup_row_has_no_values(shop: Project, name: str, expected: Any) -> None:
    assert ask(shop, "order_count", name) == expected


def test_a_missing_lookup_row_has_no_values_in_filters(shop: Project) -> None:
    assert ask(shop, "order_count", where="customer__land = 'unknown'") == [(1,)]
    assert ask(shop, "order_count", where="customer__source IS NULL") == [(2,)]


def test_a_lookup_table_without_rows_has_no_values_in_filters(define: Define) -> None:
    project = define(
        SHOP,
        tables=TABLES | {"customers": "SELECT 1 AS id, 'DE' AS country, 2 AS region_id LIMIT 0"},
    )
    where = "customer__land >= 'A' OR order__status = 'b'"
    assert ask(project, "order_count", where=where) == [(1,)]  # order 4


PAIR = """
models:
  - name: crm
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: account}}
      - {name: segment, dimension: categorical}
  - name: billing
    semantic_model: true
    agg_time_dimension: billed_on
    columns:
      - {name: id, entity: {type: primary, name: account}}
      - {name: billed_on, granularity: month, dimension: time}
      - {name: segment, dimension: categorical}
  - name: events
    semantic_model: true
    agg_time_dimension: happened_on
    columns:
      - {name: id, entity: {type: primary, name: event}}
      - {name: account_id, entity: {type: foreign, name: account}}
      - {name: happened_on, granularity: day, dimension: time}
metrics:
  - {name: accounts, model: crm, agg: count}
  - {name: billed, model: billing, agg: sum, expr: amount}
  - {name: event_count, model: events, agg: count}
"""
PAIR_TABLES = {
    "crm": "SELECT * FROM (VALUES (1, 'A'), (2, 'B')) t(id, segment)",
    "billing": """SELECT * FROM (VALUES (1, DATE '2026-01-01', 'B', 10),
        (2, DATE '2026-02-01', 'A', 20)) t(id, billed_on, segment, amount)""",
    "events": """SELECT * FROM (VALUES (1, 1, DATE '2026-01-20'), (2, 2, DATE '2026-01-02'))
        t(id, account_id, happened_on)""",
}


def test_one_to_one_models_do_not_lend_each_other_a_name(define: Define) -> None:
    project = define(PAIR, tables=PAIR_TABLES)
    for where, group_by in (("account__segment = 'A'", None), (None, "account__segment")):
        with pytest.raises(QueryError, match=r"crm\.segment.*billing\.segment"):
            ask(project, ["accounts", "billed"], group_by, where)
    with pytest.raises(QueryError, match="can mean"):
        ask(project, "event_count", "account__segment")


def test_a_filter_on_inputs_means_one_column(define: Define) -> None:
    derived = """
  - name: sum_of_both
    type: derived
    expr: accounts + billed
    input_metrics: [accounts, billed]
    filter: "{{ Dimension('account__segment') }} = 'A'"
"""
    project = define(PAIR + derived.lstrip("\n"), tables=PAIR_TABLES)
    with pytest.raises(DefinitionError, match=r"crm\.segment.*billing\.segment"):
        ask(project, "sum_of_both")


def test_a_metric_of_finer_data_moves_no_bound_of_another(define: Define) -> None:
    project = define(PAIR, tables=PAIR_TABLES)
    assert ask(project, "billed", start="2026-01-15") == [(30,)]
    assert ask(project, ["billed", "event_count"], start="2026-01-15") == [(30, 1)]


def test_entity_and_dimension_of_one_name_are_told_apart(define: Define) -> None:
    text = """
models:
  - name: sales
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: sale}}
      - {name: region_id, entity: {type: foreign, name: region}}
      - {name: region_name, dimension: {type: categorical, name: region}}
      - {name: channel, entity: {type: foreign, name: channel}, dimension: categorical}
metrics:
  - {name: sales_count, model: sales, agg: count}
"""
    sales = "SELECT 1 AS id, 7 AS region_id, 'seven' AS region_name, 'web' AS channel"
    project = define(text, tables={"sales": sales})
    with pytest.raises(QueryError, match="can mean"):
        ask(project, "sales_count", "sale__region")
    assert ask(project, "sales_count", "region") == [(7, 1)]
    assert ask(project, "sales_count", "sale__channel") == [("web", 1)]


def test_employees_and_managers(define: Define) -> None:
    text = """
models:
  - name: employees
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: employee}}
      - {name: boss, entity: {type: foreign, name: manager, to: employee}}
      - {name: label, dimension: categorical}
  - name: trips
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: trip}}
      - {name: a, entity: {type: foreign, name: driver, to: employee}}
      - {name: b, entity: {type: foreign, name: rider, to: employee}}
metrics:
  - {name: heads, model: employees, agg: count}
  - {name: rides, model: trips, agg: count}
"""
    people = (
        "SELECT * FROM (VALUES (1, NULL, 'ann'), (2, 1, 'bob'), (3, 99, 'cid')) t(id,boss,label)"
    )
    trips = "SELECT 1 AS id, 2 AS a, 1 AS b"
    project = define(text, tables={"employees": people, "trips": trips})
    assert ask(project, "heads", "manager__label") == [("ann", 1), (None, 2)]
    assert ask(project, "rides", ["driver__label", "driver__manager__label", "rider__label"]) == [
        ("bob", "ann", "ann", 1)
    ]
    for name in ("employee__label", "manager__label"):
        with pytest.raises(QueryError, match="can mean"):
            ask(project, "rides", name)


# -------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "word", ["case", "desc", "comment", "from", "order", "group", "end", "show"]
)
def test_columns_named_by_a_word_of_sql(define: Define, word: str) -> None:
    text = f"""
models:
  - name: things
    semantic_model: true
    columns:
      - {{name: id, entity: {{type: primary, name: thing}}}}
      - {{name: {word}, dimension: categorical}}
metrics:
  - {{name: {word}, model: things, agg: max}}
"""
    project = define(text, tables={"things": f"SELECT 1 AS id, 'x' AS \"{word}\""})
    assert ask(project, word, f"thing__{word}", f"thing__{word} = 'x'") == [("x", "x")]


def test_a_column_named_like_a_function_without_parentheses(define: Define) -> None:
    text = """
models:
  - name: things
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: thing}}
      - {name: current_date, dimension: categorical}
metrics:
  - {name: thing_count, model: things, agg: count}
"""
    project = define(text, tables={"things": "SELECT 1 AS id, 'x' AS current_date"})
    assert '"current_date"' in project.compile(
        "thing_count", "thing__current_date", dialect="postgres"
    )


def test_odd_columns_in_a_dialect_that_quotes_with_backticks(define: Define) -> None:
    text = """
models:
  - name: things
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: thing}}
      - {name: Order Kind, dimension: {type: categorical, name: kind}}
metrics:
  - {name: thing_count, model: things, agg: count}
"""
    project = define(
        text,
        files={"kpilayer.yml": "name: shop\ndialect: bigquery\n"},
        tables={"things": "SELECT 1 AS id, 'x' AS \"Order Kind\""},
    )
    assert ask(project, "thing_count", "thing__kind") == [("x", 1)]


def test_tables_named_like_parts_of_the_statement(define: Define) -> None:
    text = """
models:
  - name: orders
    semantic_model: true
    relation: stacked
    columns: [{name: id, entity: {type: primary, name: order}}]
  - name: bills
    semantic_model: true
    relation: combined
    columns: [{name: id, entity: {type: primary, name: bill}}]
  - name: days
    semantic_model: true
    relation: orders_total
    columns: [{name: id, entity: {type: primary, name: day_row}}]
metrics:
  - {name: order_count, model: orders, agg: count}
  - {name: bill_count, model: bills, agg: count}
  - {name: day_count, model: days, agg: count}
  - {name: all_of_it, type: derived, expr: order_count + bill_count + day_count,
     input_metrics: [order_count, bill_count, day_count]}
"""
    tables = {"stacked": "FROM range(2) t(id)", "combined": "FROM range(3) t(id)"}
    project = define(text, tables={**tables, "orders_total": "FROM range(5) t(id)"})
    assert ask(project, ["order_count", "all_of_it"]) == [(2, 10)]


def test_ctes_of_a_sql_model_hide_no_table(define: Define) -> None:
    text = """
models:
  - name: chosen
    semantic_model: true
    columns: [{name: id, entity: {type: primary, name: order}}]
metrics:
  - {name: chosen_count, model: chosen, agg: count}
"""
    sql = """
        WITH customers AS (SELECT * FROM {{ ref('orders') }}),
        known AS (SELECT id FROM {{ ref('customers') }})
        SELECT customers.* FROM customers JOIN known ON known.id = customers.id
    """
    tables = {"orders": "SELECT unnest([1, 2]) AS id", "customers": "SELECT unnest([1, 5]) AS id"}
    project = define(text, tables=tables, files={"models/chosen.sql": sql})
    assert ask(project, "chosen_count") == [(1,)]


def test_a_table_named_like_a_sql_model_inside_the_statement(define: Define) -> None:
    text = """
models:
  - name: chosen
    semantic_model: true
    columns: [{name: id, entity: {type: primary, name: order}}]
metrics:
  - {name: chosen_count, model: chosen, agg: count}
"""
    files = {
        "models/chosen.sql": "SELECT a.* FROM stage_model AS a JOIN {{ ref('stage') }} USING (id)",
        "models/stage.sql": "SELECT 1 AS id UNION ALL SELECT 7",
    }
    project = define(text, tables={"stage_model": "SELECT unnest([1, 2]) AS id"}, files=files)
    assert ask(project, "chosen_count") == [(1,)]


def test_a_metric_named_like_its_column_with_a_filter_on_it(shop: Project) -> None:
    assert ask(shop, ["amount", "large_amount"], where="order__is_large") == [(10, 10)]
    assert ask(shop, ["amount", "large_amount"], "order__is_large", order_by="-amount") == [
        (False, 12, None),
        (True, 10, 10),
        (None, None, None),
    ]


def test_an_alias_named_like_another_metric(define: Define) -> None:
    extra = """
  - name: mixed
    type: derived
    expr: amount - stored
    input_metrics: [{name: order_count, alias: amount}, {name: amount, alias: stored}]
"""
    project = define(SHOP + extra.lstrip("\n"), tables=TABLES)
    assert ask(project, ["mixed", "amount", "stored"]) == [(4 - 22, 22, 4)]


def test_entity_and_joined_table_of_one_name(shop: Project) -> None:
    found = ask(shop, "order_count", ["customer", "customer__country"], order_by="-customer")
    assert found == [(9, None, 1), (2, None, 1), (1, "DE", 1), (None, None, 1)]


def test_names_of_any_case(shop: Project) -> None:
    assert ask(shop, "AMOUNT", "Order__STATUS", "ORDER__Status = 'A'") == [("A", 10)]


def test_a_constant_is_no_position_of_a_column(shop: Project) -> None:
    assert ask(shop, "amount", "order__one") == [(1, 22)]
    assert ask(shop, "amount", ["order__status", "order__one"], limit=1) == [("A", 1, 10)]


# --------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    "where",
    [
        "metric_time__month = '2024-02-10'",
        "metric_time__month = ('2024-02-10')",
        "('2024-02-10') = (metric_time__month)",
        "metric_time__month IN ('2024-02-10', NULL)",
        "NOT metric_time__month NOT IN (DATE '2024-02-10')",
        "metric_time__month BETWEEN '2024-02-10' AND '2024-02-11'",
        "metric_time__month BETWEEN SYMMETRIC '2024-02-28' AND '2024-01-31'"
        " AND metric_time__year >= '2024-12-31'",
        "metric_time__month IS NOT DISTINCT FROM '2024-02-10'",
        "'2024-02-10' >= metric_time__month",
        "NOT metric_time__month != TIMESTAMP '2024-02-10 12:00:00'",
        "metric_time__quarter < '2024-05-05'",
        "metric_time__extract_day = 29",
    ],
)
def test_a_literal_beside_a_grain_is_its_period(shop: Project, where: str) -> None:
    assert ask(shop, "order_count", where=where) == [(1,)]


def test_bounds_are_compared_as_dates_and_not_as_texts(shop: Project) -> None:
    both = "order__shipped_on >= DATE '2024-2-01' AND order__shipped_on >= DATE '2024-12-01'"
    assert ask(shop, "order_count", where=both) == [(1,)]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"end": "2024-02-29"}, 1),
        ({"end": "2024-02-29 23:59:59"}, 1),
        ({"end": "2024-02-29 23:59:58"}, None),
        ({"end": "2024-02-29 23:59:59", "exact": True}, None),
        ({"start": "2024-12-31"}, 2),
        ({"start": "2024-12-31", "end": "2024-12-31"}, 1),
        ({"start": "2024-12-31", "end": "2024-12-31", "exact": True}, 1),
        ({"start": date(2024, 12, 31), "end": datetime(2025, 1, 1)}, 2),
        ({"start": "2024-12-31 00:00:01", "exact": True}, 1),
        ({"end": "9999-12-31"}, 3),
    ],
)
def test_bounds_on_instants(shop: Project, bounds: dict[str, Any], expected: int | None) -> None:
    assert ask(shop, "stored", **bounds) == [(expected,)]


def test_weeks_over_the_end_of_a_year(shop: Project) -> None:
    assert ask(shop, "amount", "metric_time__week", start="2025-01-05") == [
        (date(2024, 12, 30), 12)
    ]
    parts = ["metric_time__extract_week", "metric_time__extract_year"]
    assert ask(shop, "amount", parts, end="2025-12-31") == [
        (1, 2024, 5),
        (1, 2025, 7),
        (9, 2024, 10),
    ]


def test_a_week_is_no_day(shop: Project) -> None:
    with pytest.raises(QueryError, match="not a date"):
        ask(shop, "amount", end="2024-W09")


def test_a_literal_that_is_no_date_is_no_answer(shop: Project) -> None:
    with pytest.raises(QueryError, match="is not a date"):
        ask(shop, "amount", where="metric_time__month >= '2024-2-20'")


def test_metric_time_of_two_dates_of_one_row(shop: Project) -> None:
    assert ask(shop, ["order_count", "stored"], "metric_time__day", end="2024-12-31") == [
        (date(2024, 2, 29), 1, 1),
        (date(2024, 12, 30), 1, None),
        (date(2024, 12, 31), None, 1),
    ]
    assert ask(shop, ["order_count", "stored"], where="metric_time = '2024-12-30'") == [(1, None)]


# ------------------------------------------------------------------------------------------ numbers


def test_whole_numbers_divide_truly_and_by_zero_give_null(define: Define) -> None:
    extra = """
  - {name: half, type: derived, expr: order_count / 8, input_metrics: [order_count]}
  - name: none
    type: derived
    expr: amount / (order_count - 4)
    input_metrics: [amount, order_count]
  - {name: nested, type: derived, expr: 1 - half / half * 2, input_metrics: [half]}
  - {name: of_rows, model: orders, agg: sum, expr: amount / 4 / (id - 1)}
"""
    project = define(SHOP + extra.lstrip("\n"), tables=TABLES)
    assert ask(project, ["half", "none", "nested", "of_rows"]) == [(0.5, None, -1.0, 1.25 + 0.875)]


def test_decimals_stay_exact_beside_doubles(define: Define) -> None:
    text = """
models:
  - name: bills
    semantic_model: true
    columns: [{name: id, entity: {type: primary, name: bill}}]
metrics:
  - {name: exact, model: bills, agg: sum, expr: amount}
  - {name: tax, model: bills, agg: sum, expr: amount * 0.19}
  - {name: rough, model: bills, agg: sum, expr: CAST(amount AS DOUBLE)}
  - {name: gross, type: derived, expr: exact + tax, input_metrics: [exact, tax]}
"""
    rows = "SELECT id, 0.10::DECIMAL(10,2) AS amount FROM range(3) t(id)"
    found = ask(define(text, tables={"bills": rows}), ["exact", "tax", "gross", "rough"])
    assert found[0][:3] == (Decimal("0.30"), Decimal("0.0570"), Decimal("0.3570"))
    assert found[0][3] == pytest.approx(0.3)


# ------------------------------------------------------------------------------------- fingerprints


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{{ Dimension('order__status') }} = E'A'", "{{ Dimension('order__status') }} = E'a'"),
        ("{{ Dimension('order__status') }} = $$A$$", "{{ Dimension('order__status') }} = $$a$$"),
        (
            "order__shipped_on + INTERVAL 1 MONTH + INTERVAL 1 DAY > '2024-03-01'",
            "order__shipped_on + INTERVAL 1 DAY + INTERVAL 1 MONTH > '2024-03-01'",
        ),
    ],
)
def test_filters_of_two_meanings_have_two_fingerprints(
    define: Define, one: str, other: str
) -> None:
    extra = f"""
  - {{name: left_count, model: orders, agg: count, filter: "{one}"}}
  - {{name: right_count, model: orders, agg: count, filter: "{other}"}}
"""
    project = define(SHOP + extra.lstrip("\n"), tables=TABLES)
    found = {m.name: m.fingerprint for m in project.metrics}
    assert found["left_count"] != found["right_count"]


def test_relations_with_dots_in_their_names_are_told_apart(define: Define) -> None:
    text = """
models:
  - {name: aa, semantic_model: true, relation: '"x.y".z', primary_entity: row_a}
  - {name: bb, semantic_model: true, relation: 'x."y.z"', primary_entity: row_b}
metrics:
  - {name: count_a, model: aa, agg: count}
  - {name: count_b, model: bb, agg: count}
"""
    one, other = define(text).metrics
    assert one.fingerprint != other.fingerprint


def test_a_model_an_entity_and_a_path_of_one_name(define: Define) -> None:
    text = """
models:
  - name: customer
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: visit}}
      - {name: cid, entity: {type: foreign, name: customer}}
  - name: customers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: gid, entity: {type: foreign, name: customers}}
      - {name: label, dimension: categorical}
  - name: circles
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customers}}
      - {name: title, dimension: categorical}
metrics:
  - {name: visits, model: customer, agg: count}
"""
    tables = {
        "customer": "SELECT 1 AS id, 1 AS cid",
        "customers": "SELECT 1 AS id, 5 AS gid, 'x' AS label",
        "circles": "SELECT 5 AS id, 'y' AS title",
    }
    found = ask(define(text, tables=tables), "visits", ["customer__label", "customers__title"])
    assert found == [("x", "y", 1)]


def test_the_order_of_nulls_is_not_the_sessions(define: Define) -> None:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE orders AS SELECT * FROM (VALUES (1, NULL), (2, 'a')) t(id, kind)"
    )
    connection.execute("SET default_null_order = 'nulls_first'")
    text = """
models:
  - name: orders
    semantic_model: true
    primary_entity: order
    columns: [{name: kind, dimension: {type: categorical, name: kind}}]
metrics:
  - {name: last_id, model: orders, agg: max, expr: id}
"""
    project = define(text, connection=connection)
    for order in ("order__kind", "-order__kind"):
        found = project.query("last_id", "order__kind", order_by=order, limit=1)
        assert list(found) == [("a", 2)]


@pytest.mark.parametrize(
    ("metrics", "group_by", "asked", "expected"),
    [
        ("id", "order__kind", {"limit": 1}, [("a", 3)]),
        ("id", "order__kind", {"order_by": "-order__kind", "limit": 1}, [("c", None)]),
        ("id", "order__kind", {"top": {"n": 1, "by": "-id"}}, [("b", 5)]),
        ("late", None, {}, [(2,)]),
        ("between", None, {}, [(2.0,)]),
        ("so_far", "metric_time", {}, [(date(2024, 1, 1), 3), (date(2024, 1, 2), 8)]),
        ("so_far", "metric_time__year", {}, [(date(2024, 1, 1), 3)]),
        ("newest", None, {}, [(4,)]),
    ],
)
@pytest.mark.parametrize(
    "setting", ["default_order = 'desc'", "default_null_order = 'nulls_first'"]
)
def test_what_a_session_orders_by_changes_nothing(
    define: Define, setting: str, metrics: str, group_by: str | None, asked: Any, expected: Any
) -> None:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE orders AS SELECT * FROM (VALUES (1, 'a', DATE '2024-01-01'),"
        " (2, 'a', DATE '2024-01-01'), (4, 'b', DATE '2024-01-02'), (1, 'b', NULL),"
        " (1, NULL, DATE '2024-01-02'), (NULL, 'c', DATE '2024-01-02')) t(id, kind, placed_on)"
    )
    connection.execute(f"SET {setting}")
    text = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: placed_on
    primary_entity: order
    columns:
      - {name: kind, dimension: categorical}
      - {name: placed_on, granularity: day, dimension: time}
  - name: ranked_orders
    semantic_model: true
    primary_entity: ranked_order
    columns: [{name: place, dimension: categorical}]
metrics:
  - {name: id, model: orders, agg: sum}
  - {name: late, model: orders, agg: percentile, expr: id, percentile: 0.8,
     percentile_type: discrete}
  - {name: between, model: orders, agg: percentile, expr: id, percentile: 0.75}
  - {name: so_far, type: cumulative, input_metric: id, period_agg: first}
  - {name: newest, model: ranked_orders, agg: sum, expr: id,
     filter: "{{ Dimension('ranked_order__place') }} = 1"}
"""
    ranked = """
        SELECT *, ROW_NUMBER() OVER (ORDER BY placed_on DESC, kind) AS place
        FROM {{ ref('orders') }}"""
    files = {"models/ranked_orders.sql": ranked}
    assert (
        ask(define(text, files=files, connection=connection), metrics, group_by, **asked)
        == expected
    )


@pytest.mark.parametrize(
    "where",
    [
        "EXTRACT('YEAR FROM NOW()) AS BIGINT) = 1 OR CAST(EXTRACT(YEAR' FROM metric_time) = 1",
        'EXTRACT("YEAR FROM NOW()) = 1 OR (SELECT 1) = 1 OR EXTRACT(YEAR" FROM metric_time) = 1',
        "DATE_TRUNC('day'', NOW()) = 1 OR (SELECT 1) = 1 --', metric_time) = '2026-01-01'",
        "DATE_TRUNC('century', metric_time) = '2001-01-01'",
        "CAST('a' AS pg_catalog.\"text) = (SELECT 1) OR CAST('a' AS text\") = 'b'",
        "CAST('a' AS \"x) = 1 OR (SELECT 1) = 1 OR CAST('a' AS text\") = 'b'",
        "CAST('pg_authid' AS regclass) = 'x'",
        "order__status::json = 'x'",
        '"f(1) = 1 OR (SELECT 1) = 1 OR f"(order__status) = 1',
        "order__status -> 'x' = 'y'",
        "order__status COLLATE \"de; DROP\" = 'x'",
        "CURRENT_USER = 'x'",
        "e'\\' OR 1=1' = order__status",
    ],
)
def test_what_a_caller_passes_is_never_sql_text(define: Define, where: str) -> None:
    text = """
models:
  - name: orders
    semantic_model: true
    primary_entity: order
    agg_time_dimension: ordered_on
    columns:
      - {name: ordered_on, granularity: day, dimension: {type: time}}
      - {name: status, dimension: categorical}
metrics:
  - {name: order_count, model: orders, agg: count}
"""
    for dialect in ("duckdb", "postgres"):
        with pytest.raises(QueryError):
            define(text).compile("order_count", where=where, dialect=dialect)


def test_files_are_those_of_the_project_wherever_a_query_is_run(
    define: Define, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
models:
  - {name: orders, path: data/orders.csv, semantic_model: true, primary_entity: order}
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
"""
    project = define(text, files={"data/orders.csv": "amount\n1\n2\n"})
    elsewhere = tmp_path / "a, 'b'"
    (elsewhere / "data").mkdir(parents=True)
    (elsewhere / "data" / "orders.csv").write_text("amount\n1000000\n")
    monkeypatch.chdir(elsewhere)
    assert list(project.query("revenue")) == [(3,)]
    assert "'data/orders.csv'" in project.compile("revenue")


def test_a_query_does_not_run_another_dialects_sql(define: Define) -> None:
    with pytest.raises(QueryError, match="the target speaks duckdb"):
        define(SHOP_OF_ONE).query("order_count", dialect="postgres")


def test_a_role_can_be_followed_twice(define: Define) -> None:
    text = """
models:
  - name: staff
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: employee}}
      - {name: boss_id, entity: {type: foreign, name: boss, to: employee}}
      - {name: name, dimension: categorical}
metrics:
  - {name: heads, model: staff, agg: count}
"""
    rows = "SELECT * FROM (VALUES (1, NULL, 'a'), (2, 1, 'b'), (3, 2, 'c')) t(id, boss_id, name)"
    found = define(text, tables={"staff": rows}).query("heads", "boss__boss__name")
    assert list(found) == [("a", 1), (None, 2)]


def test_long_conditions_are_answered_or_refused(define: Define) -> None:
    project = define(SHOP_OF_ONE, tables={"orders": "SELECT 1 AS id, 'a' AS status"})
    many = " AND ".join(f"order__status <> 'x{i}'" for i in range(1000))
    deep = "(" * 400 + "order__status = 'a'" + ")" * 400
    for where in (many, deep, "1" + "/1" * 1000 + " = 1"):
        try:
            assert list(project.query("order_count", where=where)) == [(1,)]
        except QueryError as error:
            assert error.issues[0].code == "bad-sql"


SHOP_OF_ONE = """
models:
  - name: orders
    semantic_model: true
    primary_entity: order
    columns: [{name: status, dimension: categorical}]
metrics:
  - {name: order_count, model: orders, agg: count}
"""


MONTHS = """
models:
  - name: sales
    semantic_model: true
    agg_time_dimension: sold_at
    columns:
      - {name: id, entity: {type: primary, name: sale}}
      - {name: sold_at, granularity: second, dimension: time}
    metrics:
      - {name: sold, agg: sum, expr: amount}
      - {name: sold_by_month, agg: sum, expr: amount, time_granularity: month}
      - {name: later, agg: sum, expr: amount, time_granularity: month,
         filter: "{{ TimeDimension('metric_time') }} > '2026-02-01'"}
      - {name: later_days, agg: sum, expr: amount,
         filter: "{{ TimeDimension('metric_time') }} > '2026-02-01'"}
metrics:
  - {name: doubled, type: derived, expr: sold * 2, input_metrics: [sold], time_granularity: month,
     filter: "{{ Dimension('metric_time') }} > '2026-02-01'"}
"""
SALES = """SELECT * FROM (VALUES (1, TIMESTAMP '2026-02-01 09:00:00', 1),
    (2, TIMESTAMP '2026-02-02 09:00:00', 10), (3, TIMESTAMP '2026-03-01 00:00:00', 100))
    AS t(id, sold_at, amount)"""


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"metrics": "later"}, 100),  # months after February
        ({"metrics": "later_days"}, 110),  # days after the first: a day at least, as in a group-by
        ({"metrics": "doubled"}, 200),
        ({"metrics": "sold", "where": "{{ TimeDimension('metric_time') }} > '2026-02-01'"}, 110),
        (
            {
                "metrics": "sold_by_month",
                "where": "{{ TimeDimension('metric_time') }} > '2026-02-01'",
            },
            100,
        ),
    ],
)
def test_a_bare_metric_time_in_a_filter_has_the_grain_that_it_has_in_a_group_by(
    define: Define, asked: dict[str, str], number: int
) -> None:
    project = define(MONTHS, tables={"sales": SALES})
    assert project.query(**asked).rows() == [(number,)]


def test_of_several_metrics_the_largest_default_grain_holds_for_a_condition(
    define: Define,
) -> None:
    project = define(MONTHS, tables={"sales": SALES})
    where = "{{ TimeDimension('metric_time') }} > '2026-02-01'"
    assert project.query(["sold", "sold_by_month"], where=where).rows() == [(100, 100)]


def test_the_default_grain_takes_part_in_the_meaning_of_a_filter_that_uses_it(
    define: Define,
) -> None:
    prints = {m.name: m.fingerprint for m in define(MONTHS).metrics}
    assert prints["later"] != prints["later_days"]
    assert prints["sold"] == prints["sold_by_month"]


def test_a_default_grain_cannot_be_finer_than_the_time(define: Define) -> None:
    text = MONTHS.replace("granularity: second", "granularity: year")
    found = define(text).check()
    assert {i.code for i in found if i.severity == "error"} == {"grain-too-fine"}


def test_ref_in_a_sql_model_is_never_a_semantic_model(define: Define) -> None:
    definitions = """
        models:
          - {name: orders, ref: fct, semantic_model: true, primary_entity: order}
          - {name: big, semantic_model: true, primary_entity: big}
        metrics:
          - {name: amount, model: big, agg: sum}
          - {name: clean, model: orders, agg: sum, expr: amount}
    """
    project = define(
        definitions,
        files={
            "models/big.sql": "SELECT * FROM {{ ref('orders') }} WHERE amount > 1",
            "models/fct.sql": "SELECT * FROM {{ ref('orders') }} WHERE amount < 100",
        },
        tables={"orders": "SELECT * FROM (VALUES (1), (10), (100)) AS t(amount)"},
    )
    assert project.query(["amount", "clean"]).rows() == [(110, 11)]


def test_a_zone_to_show_a_time_in_is_refused_not_ignored(define: Define) -> None:
    text = MONTHS.replace("dimension: time}", "dimension: {type: time, report_timezone: CET}}")
    with pytest.raises(DefinitionError, match="`report_timezone` needs `timezone`"):
        define(text).compile("sold", "metric_time__day")


@pytest.mark.parametrize(
    ("quarter", "exact"), [("metric_time__quarter", True), ("order__ordered_on__quarter", False)]
)
def test_a_period_that_the_range_cuts_keeps_its_rows_on_a_generated_spine(
    define: Define, quarter: str, exact: bool
) -> None:
    each = "  - {name: each, model: orders, agg: sum, expr: amount, join_to_timespine: true}\n"
    rows = ask(
        define(SHOP + each, tables=TABLES),
        "each",
        quarter,
        start="2024-02-15",
        end="2024-12-31",
        exact=exact,
    )
    # 10 on 29 February, after the start within the first quarter; 5 on 30 December.
    firsts = [date(2024, month, 1) for month in (1, 4, 7, 10)]
    assert rows == list(zip(firsts, (10, None, None, 5), strict=True))


def test_a_condition_on_time_holds_for_gaps_of_earlier_values(define: Define) -> None:
    metrics = """
  - {name: each, model: orders, agg: sum, expr: amount, join_to_timespine: true}
  - {name: before, type: derived, expr: prior,
     input_metrics: [{name: each, alias: prior, offset_window: 1 month}]}
"""
    shop = define(SHOP + metrics, tables=TABLES)
    rows = ask(shop, "before", "metric_time__quarter", "metric_time__year >= '2024-12-31'")
    # Of the four quarters of 2024 and the first one of 2025, moved by a month: 5 of 30 December
    # is shown in 2025, as is 7 of 1 January; 10 of 29 February in the first quarter of 2024.
    years = [(date(2024, 1, 1), 10), (date(2024, 4, 1), None), (date(2024, 7, 1), None)]
    assert rows == [*years, (date(2024, 10, 1), None), (date(2025, 1, 1), 12)]
    later = ask(shop, "before", "metric_time__quarter", "metric_time__year >= '2025-01-01'")
    assert later == [(date(2025, 1, 1), 12)]


def test_a_time_is_moved_from_where_its_declared_grain_begins(define: Define) -> None:
    metrics = """
  - {name: before, type: derived, expr: prior,
     input_metrics: [{name: billed, alias: prior, offset_window: 1 week}]}
"""
    billing = """SELECT * FROM (VALUES (1, DATE '2026-01-30', 'B', 10),
        (2, DATE '2026-02-20', 'A', 20)) t(id, billed_on, segment, amount)"""
    project = define(PAIR + metrics, tables=PAIR_TABLES | {"billing": billing})
    # One value a month: a week after 1 January, not after the 30th, is in January.
    assert ask(project, "before", "metric_time__month") == [
        (date(2026, 1, 1), 10),
        (date(2026, 2, 1), 20),
    ]


def test_a_condition_on_weeks_keeps_the_month_that_a_day_is_in(define: Define) -> None:
    each = "  - {name: each, model: orders, agg: sum, expr: amount, join_to_timespine: true}\n"
    shop = define(SHOP + each, tables=TABLES)
    where = "metric_time__week = '2024-12-30'"  # Monday; 1 January 2025 is in that week
    assert ask(shop, "each", "metric_time__month", where) == [
        (date(2024, 12, 1), 5),
        (date(2025, 1, 1), 7),
    ]


def test_a_formula_of_a_formula_has_a_value_where_its_own_input_has_a_row(define: Define) -> None:
    metrics = """
  - {name: twice, type: derived, expr: "COALESCE(amount, 0) * 2",
     filter: "{{ Dimension('order__status') }} = 'A'", input_metrics: [amount]}
  - {name: at_least, type: derived, expr: "COALESCE(amount, twice, -1)",
     input_metrics: [amount, twice]}
"""
    rows = ask(define(SHOP + metrics, tables=TABLES), "at_least", "order__status")
    assert rows == [("A", 10), ("a", 5), ("b", -1), (None, 7)]  # `b` has a row without amount


def test_a_condition_on_the_many_side_and_on_a_metric_at_once_is_refused(define: Define) -> None:
    people = "  - {name: people, model: customers, agg: count}\n"
    shop = define(SHOP + people, tables=TABLES)
    where = "order__status = 'A' OR {{ Metric('order_count', ['customer']) }} = 1"
    with pytest.raises(QueryError, match="on the value of a metric together"):
        ask(shop, "people", where=where)


WEEKS = """
models:
  - name: days
    time_spine: {standard_granularity_column: ds, custom_granularities: [{name: sprint}]}
    columns:
      - {name: ds, granularity: day}
      - {name: sprint}
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    primary_entity: order
    columns: [{name: ordered_on, granularity: day, dimension: time}]
metrics:
  - {name: order_count, model: orders, agg: count, expr: "1"}
  - {name: every_day, input_metric: order_count, join_to_timespine: true, fill_nulls_with: 0}
  - name: week_before
    type: derived
    expr: before
    input_metrics: [{name: every_day, alias: before, offset_window: 1 week}]
  - name: first_day
    type: derived
    expr: before
    input_metrics: [{name: order_count, alias: before, offset_to_grain: month}]
"""
ORDERED = """
    SELECT UNNEST([DATE '2024-01-25', DATE '2024-01-29', DATE '2024-01-31', DATE '2024-02-01',
                   DATE '2024-02-01', DATE '2024-02-08']) AS ordered_on"""


def weeks(define: Define, since: str = "2024-01-22") -> Project:
    """A project whose spine ends on Sunday, 2024-02-18; sprints begin on January 16th and 30th."""
    days = f"""
        SELECT ds, CASE WHEN ds < '2024-01-30' THEN 1 ELSE 2 END AS sprint
        FROM (SELECT UNNEST(RANGE(DATE '{since}', DATE '2024-02-19', INTERVAL 1 DAY))::DATE AS ds)"""
    return define(WEEKS, tables={"days": days, "orders": ORDERED})


JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)


def test_a_week_in_two_months_is_two_parts_of_a_week_also_before(define: Define) -> None:
    found = weeks(define).query("week_before", ["metric_time__week", "metric_time__month"])
    assert found.rows() == [
        (date(2024, 1, 22), JANUARY, 0),
        (date(2024, 1, 29), JANUARY, 0),
        (date(2024, 1, 29), FEBRUARY, 1),  # February 1st to 4th: January 25th to 28th
        (date(2024, 2, 5), FEBRUARY, 4),
        (date(2024, 2, 12), FEBRUARY, 1),
    ]


def test_what_fills_gaps_of_an_earlier_value_keeps_to_a_filter_on_time(define: Define) -> None:
    where = "{{ TimeDimension('metric_time', 'day') }} >= '2024-02-05'"
    found = weeks(define).query("week_before", "metric_time__month", where=where)
    assert found.rows() == [(FEBRUARY, 5)]


def test_a_week_that_began_before_the_spine_brings_no_month_with_it(define: Define) -> None:
    where = "{{ TimeDimension('metric_time', 'week') }} <= '2024-02-05'"
    found = weeks(define, since="2024-02-01").query("every_day", "metric_time__month", where=where)
    assert found.rows() == [(FEBRUARY, 3)]


def test_the_first_day_of_each_month_that_a_week_lies_in(define: Define) -> None:
    found = weeks(define).query("first_day", ["metric_time__week", "metric_time__month"])
    assert found.rows() == [
        (date(2024, 1, 29), FEBRUARY, 2),
        (date(2024, 2, 5), FEBRUARY, 2),
        (date(2024, 2, 12), FEBRUARY, 2),
    ]


def test_the_first_day_of_a_month_is_shown_where_a_week_begins_in_a_filter(define: Define) -> None:
    where = "{{ TimeDimension('metric_time', 'day') }} >= '2024-02-06'"
    found = weeks(define).query("first_day", "metric_time__week", where=where)
    assert found.rows() == [(date(2024, 2, 12), 2)]


def test_a_range_covers_whole_months_beside_periods_of_a_spine(define: Define) -> None:
    asked = ["metric_time__sprint", "metric_time__month"]
    found = weeks(define).query("order_count", asked, start="2024-01-31")
    assert found.rows() == [(1, JANUARY, 2), (2, JANUARY, 1), (2, FEBRUARY, 3)]


def test_a_repeated_input_alone_makes_no_value_of_a_formula(define: Define) -> None:
    metrics = """
  - {name: rest, type: derived, expr: "COALESCE(large_amount, 0) - whole", input_metrics:
     [large_amount, {name: amount, alias: whole, group_by: []}]}
"""
    rows = ask(define(SHOP + metrics, tables=TABLES), ["rest", "order_count"], "order__status")
    # Of the orders that are large there is only one, of status A: 10 of all 22.
    assert rows == [("A", -12, 1), ("a", None, 1), ("b", None, 1), (None, None, 1)]


def test_the_best_members_do_not_depend_on_the_order_of_nulls_of_a_session(define: Define) -> None:
    shop = define(SHOP, tables=TABLES)
    shop.connection.execute("SET default_null_order = 'nulls_first'")  # type: ignore[attr-defined]
    top = {"n": 1, "by": "-amount", "of": "order__status"}
    found = shop.query("amount", "order__status", top=top).rows()
    assert found == [("A", 10)]  # `b` has no amount


CONTRACTS = """
models:
  - name: contracts
    semantic_model: true
    agg_time_dimension: starts_on
    active: {from: starts_on, to: ends_on}
    columns:
      - {name: id, entity: {type: primary, name: contract}}
      - {name: starts_on, granularity: day, dimension: time}
    metrics:
      - {name: open_contracts, agg: count, as_of: period_end}
"""
CONTRACT_ROWS = """
SELECT * FROM (VALUES (1, DATE '2024-01-01', NULL), (2, DATE '2024-01-20', DATE '2024-02-10'),
  (3, DATE '2024-02-05', NULL)) AS t(id, starts_on, ends_on)
"""


@pytest.mark.statement("T5")
def test_the_dates_of_a_row_are_not_the_date_at_which_it_holds(define: Define) -> None:
    project = define(CONTRACTS, tables={"contracts": CONTRACT_ROWS})
    asked = ["metric_time__month", "contract__starts_on__month"]
    assert project.query("open_contracts", asked).rows() == [
        (date(2024, 1, 1), date(2024, 1, 1), 2),
        (date(2024, 2, 1), date(2024, 1, 1), 1),  # contract 2 has ended
        (date(2024, 2, 1), date(2024, 2, 1), 1),
    ]
    where = "contract__starts_on__day >= '2024-01-15'"
    assert project.query("open_contracts", "metric_time__month", where).rows() == [
        (date(2024, 1, 1), 1),
        (date(2024, 2, 1), 1),
    ]


VISITS = """
models:
  - name: visits
    semantic_model: true
    agg_time_dimension: seen_at
    columns:
      - {name: id, entity: {type: primary, name: visit}}
      - {name: seen_at, granularity: second, dimension: time}
    metrics:
      - {name: visits_seen, agg: count}
"""
VISIT_ROWS = """
SELECT * FROM (VALUES (1, TIMESTAMP '2026-01-01 09:00:00'), (2, TIMESTAMP '2026-01-01 17:30:00'),
  (3, TIMESTAMP '2026-01-02 09:00:00')) AS t(id, seen_at)
"""


def test_the_time_of_a_metric_in_a_filter_has_its_default_grain_of_a_day(define: Define) -> None:
    project = define(VISITS, tables={"visits": VISIT_ROWS})
    where = "{{ Metric('visits_seen', ['metric_time']) }} > 1"
    assert ask(project, "visits_seen", where=where) == [(2,)]
    by = "Metric('visits_seen', ['metric_time'])"
    assert ask(project, "visits_seen", by) == [(1, 1), (2, 2)]


def test_what_stands_for_no_value_does_so_where_an_input_repeats(define: Define) -> None:
    metrics = """
  - {name: of_a, input_metric: amount, filter: "{{ Dimension('order__status') }} = 'A'",
     fill_nulls_with: 7}
  - {name: beside, type: derived, expr: "COALESCE(of_a_only, 0) - total",
     input_metrics: [{name: of_a, alias: of_a_only, group_by: [metric_time]}, {name: amount, alias: total}]}
"""
    shop = define(SHOP + metrics, tables=TABLES)
    rows = ask(shop, "beside", ["metric_time__year", "order__status"])
    assert rows == [
        (date(2024, 1, 1), "A", 0),  # 10 - 10
        (date(2024, 1, 1), "a", 5),  # 10 - 5
        (date(2025, 1, 1), None, 0),  # no A in 2025: 7 - 7
        (None, "b", None),  # `b` has no amount
    ]


def test_an_earlier_value_of_some_days_does_not_read_the_rows_of_all(define: Define) -> None:
    metrics = """
  - {name: of_one_day, input_metric: amount,
     filter: "{{ TimeDimension('metric_time', 'day') }} = '2024-02-29'"}
  - {name: change, type: derived, expr: amount - before,
     input_metrics: [amount, {name: of_one_day, alias: before, offset_window: 1 year}]}
"""
    shop = define(SHOP + metrics, tables=TABLES)
    rows = ask(shop, "change", "metric_time__year", start="2024-02-01", end="2025-12-31")
    assert rows == [(date(2024, 1, 1), None), (date(2025, 1, 1), -3)]  # 7 - 10, and not 7 - 15


OF_A = """
  - {name: of_a, input_metric: amount, filter: "{{ Dimension('order__status') }} = 'A'",
     fill_nulls_with: 1}
  - {name: every_day, input_metric: amount, join_to_timespine: true}
"""


def test_what_fills_gaps_of_a_metric_fills_its_earlier_values(define: Define) -> None:
    shop = define(SHOP + OF_A, tables=TABLES)
    both = ask(shop, ["of_a", "amount"], "metric_time__year", compare="prior_year")
    assert [row[:5] for row in both] == [
        (date(2024, 1, 1), 10, 1, 9, 9.0),
        (date(2025, 1, 1), 1, 10, -9, -0.9),
        (None, 1, 1, 0, 0.0),
    ]
    alone = ask(shop, "of_a", "metric_time__year", compare="prior_year")
    assert alone == [(date(2024, 1, 1), 10, 1, 9, 9.0)]  # as beside another metric


def test_what_fills_gaps_of_a_metric_is_its_value_in_conditions_on_the_answer(
    define: Define,
) -> None:
    shop = define(SHOP + OF_A, tables=TABLES)
    rows = ask(shop, "amount", "order__status", having="of_a = 1")
    assert rows == [("a", 5), ("b", None), (None, 7)]


def test_what_fills_gaps_of_a_metric_is_its_value_where_members_are_ranked(define: Define) -> None:
    shop = define(SHOP + OF_A, tables=TABLES)
    top = {"n": 1, "by": "of_a", "of": "order__status"}  # A has 10, all others 1
    assert ask(shop, "amount", "order__status", top=top) == [("a", 5)]


def test_nothing_is_left_over_on_any_date_where_all_members_are_among_the_best(
    define: Define,
) -> None:
    shop = define(SHOP + OF_A, tables=TABLES)
    top = {"n": 4, "of": "order__status", "other": "other"}
    assert ask(shop, "every_day", ["order__status", "metric_time__year"], top=top) == [
        ("A", date(2024, 1, 1), 10),
        ("a", date(2024, 1, 1), 5),
        (None, date(2025, 1, 1), 7),
    ]


def test_an_exact_range_shows_no_period_of_which_the_spine_has_no_day_in_it(define: Define) -> None:
    metrics = """
  - {name: each, model: orders, agg: sum, expr: amount, join_to_timespine: true}
  - {name: before, type: derived, expr: prior,
     input_metrics: [{name: amount, alias: prior, offset_window: 1 month}]}
"""
    shop = define(SHOP + metrics, tables=TABLES)

    def asked(start: str | None, end: str | None) -> Any:
        whole = ["each", "before"], "metric_time__month"
        found = ask(shop, *whole, start=start, end=end, exact=True)
        conditions = [
            f"metric_time__day {mark} '{at}'" for mark, at in ((">=", start), ("<=", end)) if at
        ]
        assert found == ask(shop, *whole, conditions)  # days of a range are days of a condition
        return found

    # The spine has the days from 2024-02-29 to 2025-01-01.
    assert asked("2025-01-01", None) == [(date(2025, 1, 1), 7, 5)]
    assert asked("2025-01-02", None) == []
    assert asked(None, "2024-02-29") == [(date(2024, 2, 1), 10, None)]
    assert asked(None, "2024-02-28") == []


def test_what_is_left_over_beside_the_best_months_is_not_moved_in_time(define: Define) -> None:
    shop = define(SHOP, tables=TABLES)
    top = {"n": 1, "of": "metric_time__year", "other": "other"}
    keys = ["metric_time__year", "metric_time__day"]
    assert ask(shop, "amount", keys, top=top) == [
        ("2024-01-01", date(2024, 2, 29), 10),
        ("2024-01-01", date(2024, 12, 30), 5),
        ("other", date(2025, 1, 1), 7),
        ("other", None, None),
    ]
    with pytest.raises(QueryError, match="left over"):
        ask(shop, "amount", keys, top=top, compare="prior_year")


BOTH = """
models:
  - name: parcels
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: parcel}}
      - {name: colour, dimension: categorical}
    derived_semantics:
      dimensions:
        - {name: is_red_gift, type: categorical, expr: "is_gift AND colour = 'red'"}
    metrics:
      - {name: parcel_count, agg: count}
      - {name: weight, agg: sum}
      - {name: in_many, input_metric: parcel_count,
         filter: "{{ Metric('parcel_count', ['parcel__is_red_gift']) }} > 1"}
"""
PARCELS = """
SELECT * FROM (VALUES (1, true, 'red', 9), (2, true, 'blue', 3), (3, false, 'red', 2),
  (4, NULL, 'red', 1)) AS t(id, is_gift, colour, weight)
"""


def test_a_dimension_of_two_conditions_is_compared_as_a_whole(define: Define) -> None:
    project = define(BOTH, tables={"parcels": PARCELS})
    key = "parcel__is_red_gift"
    assert ask(project, "weight", key) == [(False, 5), (True, 9), (None, 1)]
    top = {"n": 1, "of": key, "other": "other"}
    assert ask(project, "weight", key, top=top) == [("other", 6), ("true", 9)]
    beside = ask(project, "weight", [key, "parcel__colour"], top=top)
    assert beside == [("other", "blue", 3), ("other", "red", 3), ("true", "red", 9)]
    assert ask(project, "in_many") == [(2,)]  # of the two that are no red gifts


def test_totals_of_a_metric_on_every_date_are_compared_with_earlier_ones(define: Define) -> None:
    shop = define(SHOP + OF_A, tables=TABLES)
    keys = ["metric_time__year", "order__status"]
    totals = [["metric_time__year"]]
    rows = ask(shop, "every_day", keys, totals=totals, compare="prior_year")
    assert [row[:5] for row in rows if row[2] == "metric_time__year"] == [
        (date(2024, 1, 1), None, "metric_time__year", 15, None),
        (date(2025, 1, 1), None, "metric_time__year", 7, 15),
    ]


def test_a_condition_on_days_of_the_week_shows_the_months_that_have_one(define: Define) -> None:
    metrics = """
  - {name: orders_of_months, input_metric: order_count, join_to_timespine: true, fill_nulls_with: 0}
  - {name: orders_before, type: derived, expr: earlier,
     input_metrics: [{name: order_count, alias: earlier, offset_window: 1 month}]}
"""
    days = ("2026-01-05", "2026-01-06", "2026-01-12", "2026-02-02", "2026-02-04", "2026-04-06")
    dated = ", ".join(f"({n}, DATE '{day}', 1)" for n, day in enumerate(days))
    tables = TABLES | {"orders": f"SELECT * FROM (VALUES {dated}) AS t(id, ordered_on, amount)"}
    shop = define(SHOP + metrics, tables=tables)
    mondays = "{{ Dimension('metric_time__extract_dow') }} = 1"
    assert ask(shop, "orders_of_months", "metric_time__month", where=mondays) == [
        (date(2026, 1, 1), 2), (date(2026, 2, 1), 1), (date(2026, 3, 1), 0), (date(2026, 4, 1), 1)
    ]  # fmt: skip
    assert ask(shop, "orders_before", "metric_time__month", where=mondays) == [
        (date(2026, 2, 1), 3), (date(2026, 3, 1), 2)
    ]  # fmt: skip


OF_TWO_DATES = """
models:
  - name: parcels
    semantic_model: true
    agg_time_dimension: sent_on
    columns:
      - {name: parcel_id, entity: {type: primary, name: parcel}}
      - {name: sent_on, granularity: day, dimension: time}
      - {name: got_on, granularity: day, dimension: time}
    metrics:
      - {name: sent, agg: count_distinct, expr: buyer}
      - {name: got, agg: count_distinct, expr: buyer, agg_time_dimension: got_on}
      - {name: sent_value, agg: sum, expr: amount}
metrics:
  - name: value_of_all
    type: derived
    expr: part
    input_metrics: [{name: sent_value, alias: part, group_by: [metric_time]}]
"""
SENT = {
    "parcels": """SELECT * FROM (VALUES
        (1, DATE '2026-01-05', DATE '2026-02-01', 'ann', 10),
        (2, DATE '2026-01-20', DATE '2026-03-02', 'bob', 20),
        (3, DATE '2026-03-03', DATE '2026-03-04', 'ann', 40))
        AS t(parcel_id, sent_on, got_on, buyer, amount)"""
}


def test_what_is_left_over_of_months_counts_each_metric_by_its_own_time(define: Define) -> None:
    """January is the best month: parcel 3 was sent in another one, and all three arrived in another."""
    shop = define(OF_TWO_DATES, tables=SENT)
    top = {"n": 1, "by": "-sent", "of": "metric_time__month", "other": "later"}
    found = shop.query(["sent", "got"], ["metric_time__month"], top=top)
    assert found.rows() == [("2026-01-01", 2, None), ("later", 1, 2)]


def test_gaps_are_filled_of_an_input_that_keeps_every_group_by(define: Define) -> None:
    shop = define(OF_TWO_DATES, tables=SENT)
    found = shop.query(["value_of_all"], ["metric_time__month"], fill=0)
    january, february, march = (date(2026, month, 1) for month in (1, 2, 3))
    assert found.rows() == [(january, 30), (february, 0), (march, 40)]
