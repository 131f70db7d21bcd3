"""Views in a real database give the numbers of independent SQL, at every level."""

from __future__ import annotations

import textwrap
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kpilayer import PolicyError, Project, QueryError
from tests.engines.conftest import ENGINES, Engine

PUBLISHED_ON = ("duckdb", "postgres", "mariadb", "sqlite", "mysql")
pytestmark = pytest.mark.parametrize(
    "engine", [name for name in ENGINES if name in PUBLISHED_ON], indirect=True
)

TABLES = {
    "customers": """
        SELECT * FROM (VALUES (1, 'EU', 'web'), (2, 'EU', 'shop'), (3, 'US', 'web'), (4, NULL, 'shop'))
        AS t(customer_id, region, channel)""",
    "orders": """
        SELECT order_id, customer_id, CAST(ordered_on AS DATE) AS ordered_on, amount, refunded
        FROM (VALUES
            (1, 1, '2026-01-05', 10, true), (2, 1, '2026-01-20', 20, false),
            (3, 2, '2026-01-31', 30, false), (4, 3, '2026-01-02', 40, true),
            (5, 1, '2026-02-01', 50, false), (6, 3, '2026-02-28', 60, false),
            (7, 4, '2026-02-14', 70, true), (8, 2, '2026-03-03', 80, false)
        ) AS t(order_id, customer_id, ordered_on, amount, refunded)""",
}
DEFINITIONS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: order_id, entity: {type: primary, name: purchase}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, dimension: {type: time}, granularity: day}
    metrics:
      - {name: revenue, label: Revenue, description: What customers paid., agg: sum, expr: amount, unit: USD}
      - {name: order_count, agg: count, expr: "1"}
      - {name: refunds, agg: sum, expr: "CASE WHEN refunded THEN 1 ELSE 0 END"}
      - {name: active_customers, agg: count_distinct, expr: customer_id}
      - {name: typical_order, agg: median, expr: amount}
      - {name: refund_rate, type: ratio, numerator: refunds, denominator: order_count}
  - name: customers
    semantic_model: true
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: region, dimension: {type: categorical}}
      - {name: channel, dimension: {type: categorical}}
"""
VIEWS = """
views:
  - name: orders_monthly
    label: Orders by month
    metrics: [revenue, refund_rate, active_customers, typical_order]
    dimensions: [customer__region, customer__channel]
    rollup: true
    all_time: true
"""


class Published:
    """A shop on an engine, and the views of it."""

    def __init__(self, engine: Engine, schema: str) -> None:
        self.engine = engine
        self.schema = schema
        engine.tables(TABLES)

    def define(
        self, views: str = VIEWS, definitions: str = DEFINITIONS, config: str = ""
    ) -> Project:
        text = {"kpilayer.yml": f"name: shop\n{textwrap.dedent(config)}"}
        text["models/definitions.yml"] = definitions
        text["models/views.yml"] = textwrap.dedent(views)
        return self.engine.project(definitions, files=text)

    def name(self, view: str) -> str:
        if self.engine.name == "sqlite":
            return view if view.startswith("kpi_") else f"kpi__{view}"
        return f"{self.schema}.{view}"

    def rows(self, view: str, columns: str = "*", rest: str = "") -> list[tuple[Any, ...]]:
        """Rows as the engine itself gives them, in no session of ours."""
        sql = f"SELECT {columns} FROM {self.name(view)} {rest}"
        return sorted(map(_plain_row, self.engine.answer(sql)), key=repr)

    def execute(self, sql: str) -> None:
        """A statement of somebody else."""
        cursor = self.engine.connection.cursor()
        cursor.execute(sql)


def _plain_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    from datetime import date, datetime
    from decimal import Decimal

    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | float | int) and not isinstance(value, bool):
        return round(float(value), 6)
    return value


@pytest.fixture
def shop(engine: Engine) -> Iterator[Published]:
    schema = f"kpi_{uuid.uuid4().hex[:10]}"
    yield Published(engine, schema)
    cursor = engine.connection.cursor()
    if engine.name == "postgres":
        cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    elif engine.name in ("mariadb", "mysql"):
        cursor.execute(f"DROP DATABASE IF EXISTS {schema}")


# ------------------------------------------------------------------------------------------ numbers


def test_a_fixed_view_holds_what_can_be_rolled_up_and_its_parts(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    columns = "metric_time, region, channel, revenue, refund_rate, refund_rate__numerator, refund_rate__denominator"
    assert shop.rows("orders_monthly", columns) == [
        ("2026-01-01", "EU", "shop", 30, 0, 0, 1),
        ("2026-01-01", "EU", "web", 30, 0.5, 1, 2),
        ("2026-01-01", "US", "web", 40, 1, 1, 1),
        ("2026-02-01", "EU", "web", 50, 0, 0, 1),
        ("2026-02-01", "US", "web", 60, 0, 0, 1),
        ("2026-02-01", None, "shop", 70, 1, 1, 1),
        ("2026-03-01", "EU", "shop", 80, 0, 0, 1),
    ]


def test_what_cannot_be_rolled_up_is_in_no_view_that_invites_it(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    shown = shop.rows("kpi_columns", "column_name", "WHERE view_name = 'orders_monthly'")
    assert ("active_customers",) not in shown and ("typical_order",) not in shown


def test_each_level_is_a_view_of_its_own(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    by_region = "metric_time, region, active_customers, typical_order"
    assert shop.rows("orders_monthly__by_region", by_region) == [
        ("2026-01-01", "EU", 2, 20),
        ("2026-01-01", "US", 1, 40),
        ("2026-02-01", "EU", 1, 50),
        ("2026-02-01", "US", 1, 60),
        ("2026-02-01", None, 1, 70),
        ("2026-03-01", "EU", 1, 80),
    ]
    total = "metric_time, active_customers, typical_order, refund_rate"
    assert shop.rows("orders_monthly__total", total) == [
        ("2026-01-01", 3, 25, 0.5),
        ("2026-02-01", 3, 60, 0.333333),
        ("2026-03-01", 1, 80, 0),
    ]
    assert shop.rows("orders_monthly__total__all_time", "active_customers, typical_order") == [
        (4, 45)
    ]


def test_all_levels_stand_in_one_view_and_words_say_which(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    columns = "metric_time, region, channel, active_customers"
    where = "WHERE _level = 'region' AND _grain = 'month' AND metric_time = '2026-02-01'"
    assert shop.rows("orders_monthly__rollup", columns, where) == [
        ("2026-02-01", "(null)", "(all)", 1),
        ("2026-02-01", "EU", "(all)", 1),
        ("2026-02-01", "US", "(all)", 1),
    ]
    where = "WHERE _level = 'total' AND _grain = 'all'"
    assert shop.rows("orders_monthly__rollup", columns, where) == [(None, "(all)", "(all)", 4)]


def test_the_long_view_has_each_number_once(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    columns = "metric_time, grain, dimension, dimension_value, value, numerator, denominator"
    keys = "'total', 'customer__channel'"
    where = f"WHERE metric = 'refund_rate' AND dimension IN ({keys}) AND grain = 'month'"
    assert shop.rows("kpi_values", columns, where) == [
        ("2026-01-01", "month", "customer__channel", "shop", 0, 0, 1),
        ("2026-01-01", "month", "customer__channel", "web", 0.666667, 2, 3),
        ("2026-01-01", "month", "total", None, 0.5, 2, 4),
        ("2026-02-01", "month", "customer__channel", "shop", 1, 1, 1),
        ("2026-02-01", "month", "customer__channel", "web", 0, 0, 2),
        ("2026-02-01", "month", "total", None, 0.333333, 1, 3),
        ("2026-03-01", "month", "customer__channel", "shop", 0, 0, 1),
        ("2026-03-01", "month", "total", None, 0, 0, 1),
    ]
    keys = "metric, metric_time, grain, dimension, dimension_value, COUNT(*)"
    twice = shop.rows("kpi_values", keys, "GROUP BY 1, 2, 3, 4, 5 HAVING COUNT(*) > 1")
    assert twice == []


def test_the_roll_up_of_the_catalogue_gives_the_right_number(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    [(view, roll_up)] = shop.rows(
        "kpi_catalog", "view_name, rollup_expression", "WHERE metric = 'refund_rate'"
    )
    assert view == "orders_monthly"
    assert shop.rows(view, roll_up) == [(0.375,)]
    assert shop.rows("kpi_catalog", "rollup_expression", "WHERE metric = 'active_customers'") == [
        (None,)
    ]


def test_the_catalogue_tells_what_a_metric_is_and_how_new_it_is(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    columns = "label, description, unit, additivity, grain, data_as_of"
    assert shop.rows("kpi_catalog", columns, "WHERE metric = 'revenue'") in (
        [("Revenue", "What customers paid.", "USD", "additive", "month", "2026-03-03")],
        [("Revenue", "What customers paid.", "USD", "additive", "month", "2026-03-03 00:00:00")],
    )
    [(known,)] = shop.rows("kpi_catalog", "definition_hash", "WHERE metric = 'revenue'")
    assert known == shop.define().describe("revenue")["fingerprint"]


def test_a_metric_that_no_view_shows_has_one_of_its_own(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    assert shop.rows("order_count", "metric_time, order_count") == [
        ("2026-01-01", 4),
        ("2026-02-01", 3),
        ("2026-03-01", 1),
    ]


def test_conditions_of_a_view_narrow_its_rows_alone(shop: Published) -> None:
    views = """
        views:
          - name: web_monthly
            metrics: [revenue]
            where: "{{ Dimension('customer__channel') }} = 'web'"
        """
    shop.define(views).publish(schema=shop.schema)
    assert shop.rows("web_monthly", "SUM(revenue)") == [(180,)]
    assert shop.rows("kpi_values", "COUNT(*)", "WHERE metric = 'revenue'") == [(0,)]


# ------------------------------------------------------------------------------------ plan and apply


def verbs(project: Project, shop: Published, **rest: Any) -> dict[str, str]:
    plan = project.plan(schema=shop.schema, **rest)
    return {a.name: a.blocked or a.verb for a in plan.actions if a.is_pending}


def test_publishing_twice_changes_nothing_the_second_time(shop: Published) -> None:
    project = shop.define()
    project.publish(schema=shop.schema)
    assert not project.plan(schema=shop.schema).is_pending
    assert {one.state for one in project.views(schema=shop.schema)} == {"published"}


def test_a_column_that_is_added_comes_last_and_the_view_is_replaced(shop: Published) -> None:
    views = "views:\n  - {name: monthly, metrics: [revenue, refunds]}"
    shop.define(views).publish(schema=shop.schema)
    project = shop.define("views:\n  - {name: monthly, metrics: [order_count, revenue, refunds]}")
    assert verbs(project, shop)["monthly"] == "replace"
    project.publish(schema=shop.schema)
    named = shop.rows("kpi_columns", "position, column_name", "WHERE view_name = 'monthly'")
    assert [name for _, name in named] == ["metric_time", "revenue", "refunds", "order_count"]
    assert shop.rows("monthly")[0] == ("2026-01-01", 100, 2, 4)


def test_a_column_that_is_gone_makes_the_view_and_what_stands_on_it_anew(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    project = shop.define(VIEWS.replace("active_customers, ", ""))
    project.publish(schema=shop.schema)
    assert not project.plan(schema=shop.schema).is_pending
    there = shop.rows("kpi_columns", "column_name", "WHERE view_name = 'orders_monthly__rollup'")
    assert ("active_customers",) not in there and ("typical_order",) in there
    assert shop.rows("orders_monthly__rollup", "COUNT(*)", "WHERE _level = 'total'") == [(4,)]


def test_a_view_without_definition_is_dropped(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    project = shop.define("views: []")
    assert verbs(project, shop)["orders_monthly__rollup"] == "drop"
    project.publish(schema=shop.schema)
    assert not project.plan(schema=shop.schema).is_pending
    assert shop.rows("revenue", "SUM(revenue)") == [(360,)]


def test_an_edit_by_hand_is_told_and_not_overwritten(shop: Published) -> None:
    project = shop.define()
    project.publish(schema=shop.schema)
    name = shop.name("order_count")
    shop.execute(f"DROP VIEW {name}" + (" CASCADE" if shop.engine.name == "postgres" else ""))
    shop.execute(f"CREATE VIEW {name} AS SELECT 1 AS metric_time, 2 AS order_count")
    states = {one.name: one.state for one in project.views(schema=shop.schema)}
    assert states["order_count"] == "edited"
    with pytest.raises(PolicyError) as refused:
        project.publish(schema=shop.schema)
    assert [issue.code for issue in refused.value.issues] == ["edited-by-hand"]
    assert shop.rows("order_count") == [(1, 2)]
    with pytest.raises(QueryError):
        project.publish(schema=shop.schema, overwrite="order_counts")
    project.publish(schema=shop.schema, overwrite="order_count")
    assert shop.rows("order_count", "SUM(order_count)") == [(8,)]
    assert not project.plan(schema=shop.schema).is_pending


def test_what_is_missing_is_made_again(shop: Published) -> None:
    project = shop.define()
    project.publish(schema=shop.schema)
    cascade = " CASCADE" if shop.engine.name == "postgres" else ""
    shop.execute(f"DROP VIEW {shop.name('order_count')}{cascade}")
    states = {one.name: one.state for one in project.views(schema=shop.schema)}
    assert states["order_count"] == "missing"
    project.publish(schema=shop.schema)
    assert shop.rows("order_count", "SUM(order_count)") == [(8,)]


def test_what_others_made_is_not_taken(shop: Published) -> None:
    project = shop.define("views:\n  - {name: monthly, metrics: [revenue]}")
    if shop.engine.name in ("mariadb", "mysql"):
        shop.execute(f"CREATE DATABASE {shop.schema}")
    elif shop.engine.name != "sqlite":
        shop.execute(f"CREATE SCHEMA {shop.schema}")
    shop.execute(f"CREATE TABLE {shop.name('monthly')} (precious INTEGER)")
    with pytest.raises(PolicyError) as refused:
        project.publish(schema=shop.schema)
    assert [issue.code for issue in refused.value.issues] == ["not-ours"]
    assert shop.rows("monthly", "COUNT(*)") == [(0,)]


def test_a_saved_plan_is_done_as_it_says_or_refused(shop: Published) -> None:
    project = shop.define()
    saved = project.plan(schema=shop.schema).as_json()
    changed = shop.define(VIEWS.replace("typical_order", "order_count"))
    with pytest.raises(PolicyError) as refused:
        changed.publish(saved, schema=shop.schema)
    assert [issue.code for issue in refused.value.issues] == ["stale-plan"]
    project = shop.define()
    project.publish(saved, schema=shop.schema)
    with pytest.raises(PolicyError):
        project.publish(saved, schema=shop.schema)


def test_an_earlier_name_of_a_column_stays_for_a_while(shop: Published) -> None:
    renamed = """
        views:
          - name: monthly
            metrics: [revenue]
            dimensions: [{name: customer__region, as: area}]
            renamed:
              - {column: area, was: region, until: 2999-12-31}
              - {column: area, was: zone, until: 2020-12-31}
        """
    shop.define(renamed).publish(schema=shop.schema)
    assert shop.rows("monthly", "DISTINCT area, region") == [
        ("EU", "EU"),
        ("US", "US"),
        (None, None),
    ]
    there = shop.rows("kpi_columns", "column_name", "WHERE view_name = 'monthly'")
    assert ("zone",) not in there


def test_a_group_that_is_called_as_a_total_is_refused(shop: Published) -> None:
    shop.engine.run("UPDATE customers SET region = '(all)' WHERE customer_id = 3")
    with pytest.raises(QueryError) as refused:
        shop.define().publish(schema=shop.schema)
    assert {issue.code for issue in refused.value.issues} == {"reserved-value"}
    if shop.engine.name not in ("mariadb", "mysql"):
        assert shop.define().views(schema=shop.schema)[0].state == "new"


# --------------------------------------------------------------------------------------- rows in tables

KEPT = """
views:
  - name: monthly
    metrics: [revenue, active_customers, refund_rate]
    dimensions: [customer__region]
    materialized: {kind}
    {late}
"""


def kept(kind: str, late: str = "") -> str:
    return KEPT.format(kind=kind, late=late)


def as_asked(project: Project, columns: list[str], group_by: list[str]) -> list[tuple[Any, ...]]:
    return sorted((_plain_row(row) for row in project.query(columns, group_by).rows()), key=repr)


LEVELS = {
    "monthly__by_region": (["metric_time__month", "customer__region"], "metric_time, region"),
    "monthly__total": (["metric_time__month"], "metric_time"),
}


@pytest.mark.parametrize("kind", ["table", "incremental"])
def test_rows_in_tables_are_those_of_the_question(shop: Published, kind: str) -> None:
    project = shop.define(kept(kind))
    project.publish(schema=shop.schema)
    for view, (group_by, columns) in LEVELS.items():
        metrics = ["revenue", "active_customers", "refund_rate"]
        shown = f"{columns}, {', '.join(metrics)}"
        assert shop.rows(view, shown) == as_asked(project, metrics, group_by)
        assert shop.rows(f"{view}__stored", shown) == as_asked(project, metrics, group_by)
    assert not project.plan(schema=shop.schema).is_pending
    assert {one.state for one in project.views(schema=shop.schema)} == {"published"}


def test_a_table_is_as_new_as_the_last_publication(shop: Published) -> None:
    project = shop.define(kept("table"))
    project.publish(schema=shop.schema)
    shop.engine.run("INSERT INTO orders VALUES (9, 1, DATE '2026-01-15', 1000, false)")
    assert shop.rows("monthly__total", "SUM(revenue)") == [(360,)]
    project.publish(schema=shop.schema)
    assert shop.rows("monthly__total", "SUM(revenue)") == [(1360,)]


def test_the_last_periods_are_computed_again_and_no_earlier_one(shop: Published) -> None:
    project = shop.define(kept("incremental", "late: 20 days"))
    project.publish(schema=shop.schema)
    # The newest month is March; twenty days before it began lies February.
    shop.engine.run("INSERT INTO orders VALUES (9, 1, DATE '2026-01-15', 1000, false)")
    shop.engine.run("INSERT INTO orders VALUES (10, 3, DATE '2026-02-15', 5, false)")
    shop.engine.run("INSERT INTO orders VALUES (11, 3, DATE '2026-04-01', 7, false)")
    project.publish(schema=shop.schema)
    for _ in range(2):
        assert shop.rows("monthly__total", "metric_time, revenue, active_customers") == [
            ("2026-01-01", 100, 3),
            ("2026-02-01", 185, 3),
            ("2026-03-01", 80, 1),
            ("2026-04-01", 7, 1),
        ]
        project.publish(schema=shop.schema)
    project.publish(schema=shop.schema, full_refresh=True)
    columns = ["revenue", "active_customers"]
    asked = as_asked(project, columns, ["metric_time__month"])
    assert shop.rows("monthly__total", "metric_time, revenue, active_customers") == asked


def test_another_definition_computes_all_rows_again(shop: Published) -> None:
    shop.define(kept("incremental")).publish(schema=shop.schema)
    project = shop.define(
        kept("incremental"), DEFINITIONS.replace("expr: amount, unit", "expr: amount * 2, unit")
    )
    project.publish(schema=shop.schema)
    assert shop.rows("monthly__total", "SUM(revenue)") == [(720,)]
    shop.define(kept("view")).publish(schema=shop.schema)
    assert shop.rows("monthly__total", "SUM(revenue)") == [(360,)]
    assert all(
        not one.name.endswith("__stored")
        for one in project.views(schema=shop.schema)
        if one.state != "new"
    )


CONVERSION = """
      - {name: refunded_orders, agg: count, expr: "CASE WHEN refunded THEN 1 END"}
      - name: buys_again
        type: conversion
        entity: customer
        base_metric: order_count
        conversion_metric: refunded_orders
        window: 30 days
"""


def test_what_may_still_change_old_periods_needs_a_longer_window(shop: Published) -> None:
    definitions = DEFINITIONS.replace(
        "  - name: customers\n    semantic", CONVERSION + "  - name: customers\n    semantic"
    )
    views = "views:\n  - {name: monthly, metrics: [buys_again], materialized: incremental, late: LATE}\n"
    with pytest.raises(QueryError) as refused:
        shop.define(views.replace("LATE", "7 days"), definitions).publish(schema=shop.schema)
    assert [issue.code for issue in refused.value.issues] == ["bad-view"]
    shop.define(views.replace("LATE", "30 days"), definitions).publish(schema=shop.schema)
    assert shop.rows("monthly", "COUNT(*)") == [(3,)]


# ----------------------------------------------------------------------------------------------- names


def test_names_that_are_too_long_are_refused_where_the_engine_has_a_limit(shop: Published) -> None:
    name = "v" * 50
    project = shop.define(VIEWS.replace("orders_monthly", name))
    if shop.engine.name in ("duckdb", "sqlite"):
        project.publish(schema=shop.schema)
        return
    with pytest.raises(QueryError) as refused:
        project.publish(schema=shop.schema)
    assert {issue.code for issue in refused.value.issues} == {"identifier-too-long"}


@pytest.mark.parametrize("name", ["kpi_values", "kpi_published", "kpi_catalog"])
def test_names_of_the_catalogue_are_taken(shop: Published, name: str) -> None:
    with pytest.raises(QueryError) as refused:
        shop.define(f"views:\n  - {{name: {name}, metrics: [revenue]}}").publish(schema=shop.schema)
    assert {issue.code for issue in refused.value.issues} == {"bad-view"}


HOSTILE = 'It\'s \\"x\\" \\\\ ; DROP TABLE orders;\\r\\n-- %s `$$ /* */ :name ? {0} 日本'


def test_whatever_a_description_says_is_said_and_nothing_else(shop: Published) -> None:
    views = f'views:\n  - name: monthly\n    label: "{HOSTILE}"\n    description: "{HOSTILE}"\n    metrics: [revenue]\n'
    definitions = DEFINITIONS.replace(
        "description: What customers paid.", f'description: "{HOSTILE}"'
    )
    project = shop.define(views, definitions)
    project.publish(schema=shop.schema)
    assert not project.plan(schema=shop.schema).is_pending
    said = 'It\'s "x" \\ ; DROP TABLE orders;\r\n-- %s `$$ /* */ :name ? {0} 日本'
    assert shop.rows("kpi_catalog", "description", "WHERE metric = 'revenue'") == [(said,)]
    assert shop.rows("monthly", "SUM(revenue)") == [(360,)]


def test_what_was_interrupted_goes_on_with_the_next_call(shop: Published) -> None:
    """Where statements stand for themselves; elsewhere an error undoes all of them."""
    project = shop.define()

    class Killed(BaseException):
        pass

    def killed_before(fatal: int) -> Callable[[str, int, int], None]:
        begun, done = [0], [0]

        def on_step(name: str, number: int, of: int) -> None:
            begun[0] += number == 0
            done[0] += begun[0] > 1  # before that, views are planned
            if done[0] == fatal:
                raise Killed

        return on_step

    for fatal in (1, 8, 11, 12, 13, 14, 15, 19):
        with pytest.raises(Killed):
            project.publish(schema=shop.schema, on_step=killed_before(fatal))
    project.publish(schema=shop.schema)
    assert not project.plan(schema=shop.schema).is_pending
    assert shop.rows("orders_monthly", "SUM(revenue)") == [(360,)]


def test_dates_to_come_and_rows_without_a_date_arrive_in_incremental_tables(
    shop: Published,
) -> None:
    project = shop.define(kept("incremental", "late: 3 days"))
    shop.engine.run("INSERT INTO orders VALUES (20, 1, DATE '2999-12-01', 1, false)")
    project.publish(schema=shop.schema)
    first = project.query("revenue", ["metric_time__month"]).rows()
    assert len(first) == 4
    shop.engine.run("INSERT INTO orders VALUES (21, 1, DATE '2998-01-01', 2, false)")
    shop.engine.run("INSERT INTO orders VALUES (22, 1, NULL, 4, false)")
    project.publish(schema=shop.schema)
    asked = as_asked(project, ["revenue", "active_customers"], ["metric_time__month"])
    assert shop.rows("monthly__total", "metric_time, revenue, active_customers") == asked
    shop.engine.run("UPDATE orders SET amount = 8 WHERE order_id = 22")
    project.publish(schema=shop.schema)
    assert shop.rows("monthly__total", "revenue", "WHERE metric_time IS NULL") == [(8,)]


def test_what_others_built_on_a_column_that_goes_blocks_on_every_engine(shop: Published) -> None:
    shop.define("views:\n  - {name: monthly, metrics: [revenue, order_count]}").publish(
        schema=shop.schema
    )
    place = "mine" if shop.engine.name == "sqlite" else f"{shop.schema}.mine"
    shop.execute(f"CREATE VIEW {place} AS SELECT order_count FROM {shop.name('monthly')}")
    project = shop.define("views:\n  - {name: monthly, metrics: [revenue]}")
    with pytest.raises(PolicyError) as refused:
        project.publish(schema=shop.schema)
    assert {issue.code for issue in refused.value.issues} == {"has-dependents"}
    assert shop.rows("monthly", "SUM(order_count)") == [(8,)]


def test_two_projects_do_not_drop_each_others_views(shop: Published) -> None:
    shop.define().publish(schema=shop.schema)
    other = shop.engine.project(
        DEFINITIONS, files={"kpilayer.yml": "name: another\n", "models/views.yml": "views: []"}
    )
    with pytest.raises(PolicyError) as refused:
        other.publish(schema=shop.schema)
    assert {issue.code for issue in refused.value.issues} == {"not-ours"}
    assert shop.rows("orders_monthly", "SUM(revenue)") == [(360,)]


def test_a_table_of_others_is_never_overwritten(shop: Published) -> None:
    project = shop.define("views:\n  - {name: monthly, metrics: [revenue]}")
    project.publish(schema=shop.schema)
    cascade = " CASCADE" if shop.engine.name == "postgres" else ""
    shop.define("views: []").publish(schema=shop.schema)
    shop.execute(f"CREATE TABLE {shop.name('monthly')} (precious INTEGER)")
    project = shop.define("views:\n  - {name: monthly, metrics: [revenue]}")
    with pytest.raises(PolicyError):
        project.publish(schema=shop.schema, overwrite="monthly")
    shop.execute(f"DROP TABLE {shop.name('monthly')}{cascade}")


def test_a_state_that_is_none_of_ours_is_told(shop: Published) -> None:
    if shop.engine.name in ("mariadb", "mysql"):
        shop.execute(f"CREATE DATABASE {shop.schema}")
    elif shop.engine.name != "sqlite":
        shop.execute(f"CREATE SCHEMA {shop.schema}")
    shop.execute(f"CREATE TABLE {shop.name('kpi_published')} (a INTEGER)")
    with pytest.raises(PolicyError) as refused:
        shop.define().publish(schema=shop.schema)
    assert [issue.code for issue in refused.value.issues] == ["not-ours"]


def test_the_long_view_follows_when_times_become_finer(shop: Published) -> None:
    shop.define("views: []").publish(schema=shop.schema)
    finer = DEFINITIONS.replace("granularity: day}", "granularity: hour}")
    project = shop.define("views:\n  - {name: by_hour, metrics: [revenue], grain: hour}", finer)
    project.publish(schema=shop.schema)
    assert not project.plan(schema=shop.schema).is_pending
    shop.define("views: []").publish(schema=shop.schema)
    assert shop.rows("kpi_values", "SUM(value)", "WHERE metric = 'revenue'") == [(360,)]


#: What a month of them is depends on rows of other months.
OF_OTHER_PERIODS = {
    "a share of all periods": "{name: asked, type: share, input_metric: revenue}",
    "an input without time": "{name: asked, type: ratio, numerator: revenue, denominator: {name: revenue, group_by: []}}",
    "a filter by another metric": "{name: asked, input_metric: revenue, filter: \"{{ Metric('order_count', ['customer']) }} > 1\"}",
}


@pytest.mark.parametrize("what", OF_OTHER_PERIODS)
def test_what_depends_on_other_periods_is_not_built_by_period(shop: Published, what: str) -> None:
    definitions = f"{DEFINITIONS}metrics:\n  - {OF_OTHER_PERIODS[what]}\n"
    views = "views:\n  - {name: monthly, metrics: [asked], materialized: KIND}\n"
    with pytest.raises(QueryError) as refused:
        shop.define(views.replace("KIND", "incremental"), definitions).publish(schema=shop.schema)
    assert "depends on rows of other periods" in str(refused.value)
    project = shop.define(views.replace("KIND", "table"), definitions)
    project.publish(schema=shop.schema)
    shop.engine.run("INSERT INTO orders VALUES (30, 3, DATE '2026-04-01', 500, false)")
    project.publish(schema=shop.schema)
    assert shop.rows("monthly", "metric_time, asked") == as_asked(
        project, ["asked"], ["metric_time__month"]
    )


def test_two_group_bys_of_one_column_name_are_told_apart_in_the_long_view(shop: Published) -> None:
    refunded = "      - {name: refunded, dimension: {type: categorical}}\n"
    day = "      - {name: ordered_on,"
    definitions = DEFINITIONS.replace(day, refunded + day)
    views = """
        views:
          - {name: one, metrics: [revenue], dimensions: [{name: customer__region, as: part}]}
          - {name: two, metrics: [revenue], dimensions: [{name: purchase__refunded, as: part}]}
        """
    shop.define(views, definitions).publish(schema=shop.schema)
    where = "WHERE metric = 'revenue' AND dimension <> 'total' GROUP BY dimension"
    assert shop.rows("kpi_values", "dimension, SUM(value)", where) == [
        ("customer__region", 360),
        ("purchase__refunded", 360),
    ]
    whole = "WHERE metric = 'revenue' AND dimension = 'total'"
    assert shop.rows("kpi_values", "SUM(value)", whole) == [(360,)]
