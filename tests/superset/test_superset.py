"""Datasets that were pushed to a real Superset show the numbers of hand-written SQL, and keep others'."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from kpilayer import Project
from kpilayer.errors import WarehouseError
from kpilayer.interop.superset.dataset import Column, Dataset, Metric
from kpilayer.interop.superset.push import push
from tests.conftest import PostgresSchema
from tests.superset.conftest import Running

#: 2,000 orders of four months, in two regions and none; every seventh came back.
ORDERS = """
CREATE TABLE orders AS SELECT
  n AS order_id,
  TIMESTAMP '2026-01-03 08:00' + n * INTERVAL '90 minutes' AS ordered_at,
  CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN 'US' ELSE 'EU' END AS region,
  n * n % 11 AS customer_id,
  CAST(n * 13 % 101 + 0.25 * (n % 3) AS NUMERIC(12, 2)) AS amount,
  n % 7 = 0 AS refunded
FROM generate_series(1, 2000) AS t(n)
"""
VIEW = """
CREATE VIEW {} AS SELECT
  date_trunc('day', ordered_at) AS metric_time,
  region,
  SUM(amount) AS revenue,
  COUNT(*) FILTER (WHERE refunded) / CAST(COUNT(*) AS DOUBLE PRECISION) AS refund_rate,
  COUNT(*) FILTER (WHERE refunded) AS refund_rate__numerator,
  COUNT(*) AS refund_rate__denominator,
  COUNT(DISTINCT customer_id) AS active_customers,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(amount AS DOUBLE PRECISION)) AS median_order
FROM orders GROUP BY 1, 2
"""
#: The numbers of each kind, from the orders themselves.
TRUTH = """
SELECT CAST(EXTRACT(EPOCH FROM date_trunc('{}', ordered_at)) * 1000 AS BIGINT), region,
  CAST(SUM(amount) AS DOUBLE PRECISION),
  CAST(SUM(CASE WHEN refunded THEN 1.0 ELSE 0.0 END) / COUNT(*) AS DOUBLE PRECISION),
  COUNT(DISTINCT customer_id), percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(amount AS DOUBLE PRECISION))
FROM orders GROUP BY 1, 2
"""
METRICS = (
    Metric(
        "revenue",
        'SUM("revenue")',
        label="Revenue",
        description="What customers paid.",
        d3format=",.2f",
        certified_by="Finance",
        certification_details="revenue@2",
    ),
    Metric(
        "refund_rate",
        'CAST(SUM("refund_rate__numerator") AS DOUBLE PRECISION)'
        ' / NULLIF(SUM("refund_rate__denominator"), 0)',
        d3format=".1%",
    ),
    Metric(
        "active_customers",
        'CASE WHEN COUNT(*) = 1 THEN MAX("active_customers") END',
        warning="Has a value only in the rows of the view.",
    ),
    Metric("median_order", 'CASE WHEN COUNT(*) = 1 THEN MAX("median_order") END'),
)
NAMES = [metric.name for metric in METRICS]
COLUMNS = (
    Column("metric_time", "Day", is_time=True),
    Column("region", "Region", "Where the customer lives."),
    Column("revenue"),
    Column("refund_rate"),
    Column("refund_rate__numerator"),
    Column("refund_rate__denominator"),
    Column("active_customers"),
    Column("median_order"),
)
_COUNTER = itertools.count(1)


@dataclass(frozen=True)
class Warehouse:
    """Where the orders are: the name of its connection in Superset, a schema, and its SQL."""

    database: str
    schema: str
    run: Callable[[str], list[tuple[Any, ...]]]

    def daily(self) -> Dataset:
        """A dataset to push, of a view of its own; Superset on SQLite knows no name twice."""
        name = f"orders_daily_{next(_COUNTER)}"
        self.run(VIEW.format(f"{self.schema}.{name}"))
        return Dataset(
            self.schema, name, COLUMNS, METRICS, "Orders by day and region.", "metric_time"
        )


@pytest.fixture(scope="module")
def on_postgres(superset: Running, shared_postgres_schema: PostgresSchema) -> Warehouse:
    schema = shared_postgres_schema

    def run(sql: str) -> list[tuple[Any, ...]]:
        done = schema.connection.execute(sql)
        return done.fetchall() if done.description else []

    said = {key: quote(str(value), safe="") for key, value in schema.settings.items()}
    who = said["user"] + (f":{said['password']}" if "password" in said else "")
    where = f"{said['dbname']}?host={said.get('host', '127.0.0.1')}&port={said.get('port', '5432')}"
    superset.connect("shop", f"postgresql+psycopg2://{who}@/{where}")
    run(ORDERS)
    return Warehouse("shop", schema.schema, run)


@pytest.fixture(scope="module")
def on_duckdb(superset: Running, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    file = tmp_path_factory.mktemp("duckdb") / "shop.duckdb"

    def run(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(file) as connection:  # closed again: Superset opens it as well
            return connection.execute(sql).fetchall()

    run(ORDERS)
    superset.connect("shop_file", f"duckdb:///{file}?access_mode=read_only")
    return Warehouse("shop_file", "main", run)


@pytest.fixture(params=["postgres", "duckdb"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    found: Warehouse = request.getfixturevalue(f"on_{request.param}")
    return found


@pytest.fixture
def daily(on_postgres: Warehouse) -> Dataset:
    return on_postgres.daily()


@pytest.fixture
def shop(on_postgres: Warehouse) -> str:
    """The name that Superset has for the PostgreSQL server."""
    return on_postgres.database


def _shown(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The numbers of a chart by time, in milliseconds, and region."""
    return {(r["metric_time"], r["region"]): tuple(r[name] for name in NAMES) for r in rows}


# ------------------------------------------------------------------------------------- the numbers


def test_every_kind_of_metric_has_its_number_in_the_rows_of_the_view(
    superset: Running, warehouse: Warehouse
) -> None:
    daily = warehouse.daily()
    (made,) = push([daily], superset.server(warehouse.database))
    assert (made.action, made.issues) == ("created", ())
    found = superset.chart(daily.table, ["metric_time", "region"], NAMES)
    right = {row[:2]: row[2:] for row in warehouse.run(TRUTH.format("day"))}
    assert len(right) == len(found) > 300
    assert {key: pytest.approx(row) for key, row in right.items()} == _shown(found)


def test_over_months_sums_and_ratios_are_right_and_the_others_are_null(
    superset: Running, warehouse: Warehouse
) -> None:
    daily = warehouse.daily()
    push([daily], superset.server(warehouse.database))
    found = superset.chart(daily.table, ["metric_time", "region"], NAMES, by="P1M")
    right = {row[:2]: row[2:4] for row in warehouse.run(TRUTH.format("month"))}
    assert len(right) == len(found) > 12
    assert {k: pytest.approx((*row, None, None)) for k, row in right.items()} == _shown(found)


def test_in_total_sums_and_ratios_are_right_and_the_others_are_null(
    superset: Running, warehouse: Warehouse
) -> None:
    daily = warehouse.daily()
    push([daily], superset.server(warehouse.database))
    (total,) = superset.chart(daily.table, [], NAMES)
    # 285 of the numbers from 1 to 2,000 are divisible by 7.
    revenue = sum(n * 13 % 101 + 0.25 * (n % 3) for n in range(1, 2001))
    assert total["revenue"] == revenue
    assert total["refund_rate"] == pytest.approx(285 / 2000)
    assert (total["active_customers"], total["median_order"]) == (None, None)


# ------------------------------------------------------------------------------- what is described


def test_labels_formats_badges_and_warnings_are_shown(
    superset: Running, shop: str, daily: Dataset
) -> None:
    push([daily], superset.server(shop))
    found = superset.dataset(daily.table)
    assert found["description"] == "Orders by day and region."
    assert found["main_dttm_col"] == "metric_time"
    region = next(c for c in found["columns"] if c["column_name"] == "region")
    assert (region["verbose_name"], region["description"]) == (
        "Region",
        "Where the customer lives.",
    )
    assert found["verbose_map"]["revenue"] == "Revenue"
    assert found["column_formats"] == {"revenue": ",.2f", "refund_rate": ".1%"}
    # What a chart is given beside the data: badges and warnings as Superset reads them from `extra`.
    shown = superset.call("GET", f"explore/?datasource_type=table&datasource_id={found['id']}")
    metrics = {m["metric_name"]: m for m in shown["result"]["dataset"]["metrics"]}
    revenue, buyers = metrics["revenue"], metrics["active_customers"]
    assert (revenue["is_certified"], revenue["certified_by"]) == (True, "Finance")
    assert (revenue["certification_details"], revenue["description"]) == (
        "revenue@2",
        "What customers paid.",
    )
    assert (buyers["is_certified"], buyers["warning_markdown"]) == (False, METRICS[2].warning)


# ---------------------------------------------------------------------------- pushed again, changed


def test_a_second_push_leaves_all_as_it_was(superset: Running, shop: str, daily: Dataset) -> None:
    push([daily], superset.server(shop))
    before = superset.dataset(daily.table)
    (again,) = push([daily], superset.server(shop))
    assert (again.action, again.changes) == ("unchanged", ())
    (would,) = push([daily], superset.server(shop), dry_run=True)
    assert would.action == "unchanged"
    after = superset.dataset(daily.table)
    moving = {"changed_on_humanized", "created_on_humanized"}
    assert {k: v for k, v in after.items() if k not in moving} == {
        k: v for k, v in before.items() if k not in moving
    }


def test_a_dry_run_makes_no_dataset(superset: Running, shop: str, daily: Dataset) -> None:
    (would,) = push([daily], superset.server(shop), dry_run=True)
    assert (would.action, len(would.changes)) == ("created", 4)
    (made,) = push([daily], superset.server(shop))
    assert made.action == "created"


def test_what_people_made_survives(superset: Running, shop: str, daily: Dataset) -> None:
    push([daily], superset.server(shop))
    found = superset.dataset(daily.table)
    kept = [{k: m[k] for k in ("id", "metric_name", "expression")} for m in found["metrics"]]
    theirs = {"metric_name": "by_hand", "expression": 'MAX("revenue")', "description": "Ours."}
    columns = [{k: c[k] for k in ("id", "column_name")} for c in found["columns"]]
    land = {"column_name": "land", "expression": "COALESCE(region, '?')", "description": "Ours."}
    body = {
        "metrics": [*kept, theirs],
        "columns": [*columns, land],
        "always_filter_main_dttm": True,
    }
    superset.call("PUT", f"dataset/{found['id']}", json=body)
    chart = {"slice_name": "Best day", "viz_type": "table", "datasource_type": "table"}
    chart |= {"datasource_id": found["id"], "params": json.dumps({"metrics": ["by_hand"]})}
    number = superset.call("POST", "chart/", json=chart)["id"]

    changed = replace(daily, metrics=(replace(METRICS[0], label="Turnover"), *METRICS[1:3]))
    changed = replace(changed, columns=(replace(COLUMNS[0], label="Date"), *COLUMNS[1:]))
    (again,) = push([changed], superset.server(shop))
    assert again.changes == (
        "column `metric_time` changed: label",
        "metric `revenue` changed: label",
        "metric `median_order` is gone",
    )
    found = superset.dataset(daily.table)
    names = {m["metric_name"]: m for m in found["metrics"]}
    assert set(names) == {"count", "by_hand", "revenue", "refund_rate", "active_customers"}
    assert (names["by_hand"]["expression"], names["by_hand"]["description"]) == (
        'MAX("revenue")',
        "Ours.",
    )
    assert names["revenue"]["id"] in {m["id"] for m in kept}
    column = next(c for c in found["columns"] if c["column_name"] == "land")
    assert (column["expression"], column["description"]) == (land["expression"], "Ours.")
    assert found["always_filter_main_dttm"] is True
    assert superset.call("GET", f"chart/{number}")["result"]["slice_name"] == "Best day"
    (total,) = superset.chart(daily.table, [], ["by_hand"])
    assert total["by_hand"] == max(
        r["revenue"] for r in superset.chart(daily.table, ["metric_time", "region"], ["revenue"])
    )


def test_after_a_save_in_the_editor_nothing_is_to_be_done(
    superset: Running, shop: str, daily: Dataset
) -> None:
    push([daily], superset.server(shop))
    found = superset.dataset(daily.table)
    fields = ("id", "metric_name", "expression", "verbose_name", "description", "d3format", "uuid")
    metrics = []
    for metric in found["metrics"]:  # as `DatasourceModal` sends them
        extra = json.loads(metric["extra"] or "{}")
        warning, badge = extra.get("warning_markdown", ""), extra.get("certification")
        kept = {"certification": badge} if badge else {}
        extra = json.dumps({**kept, "warning_markdown": warning})
        metrics.append({k: metric[k] for k in fields} | {"extra": extra, "warning_text": warning})
    superset.call(
        "PUT", f"dataset/{found['id']}", json={"metrics": metrics, "extra": found["extra"]}
    )
    assert push([daily], superset.server(shop))[0].action == "unchanged"
    (again,) = push([replace(daily, metrics=METRICS[1:])], superset.server(shop))
    assert again.changes == ("metric `revenue` is gone",)


def test_a_column_that_the_view_gets_is_read(
    superset: Running, shop: str, daily: Dataset, on_postgres: Warehouse
) -> None:
    push([daily], superset.server(shop))
    changed = VIEW.replace("CREATE", "CREATE OR REPLACE").replace(
        "FROM orders", ", MIN(order_id) AS first_order FROM orders"
    )
    on_postgres.run(changed.format(daily.table))
    wider = replace(daily, columns=(*COLUMNS, Column("first_order", "First order")))
    (again,) = push([wider], superset.server(shop))
    assert again.changes == ("column `first_order` is new", "column `first_order` changed: label")
    assert push([wider], superset.server(shop))[0].action == "unchanged"
    (failed,) = push([replace(wider, columns=(*COLUMNS, Column("margin")))], superset.server(shop))
    assert "has no column `margin`" in failed.issues[0].message


# --------------------------------------------------------------------------------- what goes wrong


def test_only_who_may_change_a_dataset_does(superset: Running, shop: str, daily: Dataset) -> None:
    push([daily], superset.server(shop))
    changed = replace(daily, description="Changed.")
    (failed,) = push([changed], superset.server(shop, "author"))
    assert failed.issues[0].message.endswith("(403): Forbidden")
    with pytest.raises(WarehouseError, match="shows no database `shop`"):
        push([changed], superset.server(shop, "reader"))
    assert superset.dataset(daily.table)["description"] == "Orders by day and region."


def test_an_author_owns_what_they_pushed(superset: Running, shop: str, daily: Dataset) -> None:
    author = superset.server(shop, "author")
    assert [push([daily], author)[0].action for _ in range(2)] == ["created", "unchanged"]
    (again,) = push([replace(daily, description="Changed.")], author)
    assert again.action == "updated"


def test_views_databases_and_people_that_are_not_there_are_named(
    superset: Running, shop: str, daily: Dataset
) -> None:
    missing, made = push([replace(daily, table="gone"), daily], superset.server(shop))
    assert f"{daily.schema}.gone] could not be found" in missing.issues[0].message
    assert made.action == "created"
    with pytest.raises(WarehouseError, match="did you mean `shop`"):
        push([daily], superset.server("shp"))
    wrong = replace(superset.server(shop), password="s3cret-of-nobody")
    with pytest.raises(WarehouseError, match="does not let `admin` in: Not authorized") as raised:
        push([daily], wrong)
    assert "s3cret" not in str(raised.value)


def test_an_access_token_stands_for_a_password(
    superset: Running, shop: str, daily: Dataset
) -> None:
    token = superset.browser.headers["Authorization"].removeprefix("Bearer ")
    server = replace(superset.server(shop), username=None, password=None, token=token)
    assert push([daily], server)[0].action == "created"
    for bad, reason in {
        "nonsense": "Not enough segments",
        f"{token[:-4]}AAAA": "Signature",
    }.items():
        with pytest.raises(WarehouseError, match=reason) as raised:
            push([daily], replace(server, token=bad))
        assert bad not in str(raised.value)


# ------------------------------------------------------------------------------------ published views

SHOP = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: purchase}}
      - {name: ordered_at, granularity: second, dimension: {type: time}}
      - {name: region, dimension: {type: categorical}}
    metrics:
      - {name: revenue, label: Revenue, status: certified, agg: sum, expr: amount, config: {group: finance}}
      - {name: refunds, agg: sum_boolean, expr: refunded}
      - {name: placed, agg: count, expr: order_id}
      - {name: refund_rate, type: ratio, format: percent, numerator: refunds, denominator: placed}
      - {name: active_customers, agg: count_distinct, expr: customer_id}
      - {name: median_order, agg: median, expr: amount}
groups: [{name: finance}]
views:
  - name: PUSHED
    metrics: [revenue, refund_rate, active_customers, median_order]
    dimensions: [purchase__region]
    grain: day
"""


def test_published_views_show_what_kpilayer_answers(
    superset: Running,
    on_postgres: Warehouse,
    shared_postgres_schema: PostgresSchema,
    tmp_path: Path,
) -> None:
    name = f"pushed_{next(_COUNTER)}"
    (tmp_path / "models").mkdir()
    (tmp_path / "kpilayer.yml").write_text("name: shop\n")
    (tmp_path / "models" / "shop.yml").write_text(SHOP.replace("PUSHED", name))
    project = Project.load(tmp_path, connection=shared_postgres_schema.connection)
    schema = f"{on_postgres.schema}_kpi"
    try:
        project.publish(schema=schema)
        done = project.push_to_superset(superset.server("shop"), schema=schema)
        assert {one.action for one in done} == {"created"}, [one.issues for one in done]
        again = project.push_to_superset(superset.server("shop"), schema=schema)
        assert {one.action for one in again} == {"unchanged"}
        level = f"{name}__by_region"
        metrics = ["revenue", "refund_rate", "active_customers", "median_order"]
        shown = superset.chart(level, ["metric_time", "region"], metrics)
        asked = project.query(metrics, ["metric_time__day", "purchase__region"]).rows()
        assert _by_group(shown, metrics) == {
            (_milliseconds(day), region): tuple(round(float(v), 6) for v in values)
            for day, region, *values in asked
        }
        by_month = superset.chart(level, ["metric_time"], metrics, by="P1M")
        guarded = ("active_customers", "median_order")
        assert all(row[metric] is None for row in by_month for metric in guarded)
        rolled = superset.chart(name, ["metric_time"], ["revenue", "refund_rate"], by="P1M")
        asked = project.query(["revenue", "refund_rate"], ["metric_time__month"]).rows()
        assert _by_group(rolled, ["revenue", "refund_rate"]) == {
            (_milliseconds(month), None): tuple(round(float(v), 6) for v in values)
            for month, *values in asked
        }
        certified = {
            m["metric_name"]: json.loads(m["extra"] or "{}")
            for m in superset.dataset(name)["metrics"]
        }
        assert certified["revenue"]["certification"]["certified_by"] == "finance"
    finally:
        shared_postgres_schema.connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _by_group(rows: list[dict[str, Any]], metrics: list[str]) -> dict[Any, tuple[float, ...]]:
    return {
        (row["metric_time"], row.get("region")): tuple(round(float(row[m]), 6) for m in metrics)
        for row in rows
    }
