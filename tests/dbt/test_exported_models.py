"""Views as models of dbt: dbt makes and tests them, and they hold the numbers of independent SQL."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import textwrap
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from kpilayer import Project
from tests.dbt.conftest import Dbt, environment

FILES: Final = {
    "dbt_project.yml": """
        name: acme
        version: "1.0"
        profile: acme
        model-paths: [models, target/kpilayer_dbt/models]
        test-paths: [tests, target/kpilayer_dbt/tests]
        models:
          acme:
            kpilayer: {+schema: kpi}
        seeds:
          acme:
            payments: {+schema: lake, +column_types: {paid_at: timestamptz}}
        """,
    "profiles.yml": """
        acme:
          target: dev
          outputs: {dev: {type: duckdb, path: acme.duckdb, schema: main, threads: 2}}
        """,
    "seeds/raw_orders.csv": """
        order_id,customer_id,ordered_on,amount,refunded
        1,1,2026-01-05,10,true
        2,1,2026-01-20,20,false
        3,2,2026-01-31,30,false
        4,3,2026-01-02,40,true
        5,1,2026-02-01,50,false
        6,3,2026-02-28,60,false
        7,4,2026-02-14,70,true
        8,2,2026-03-03,80,false
        """,
    "seeds/raw_customers.csv": """
        customer_id,region,channel
        1,EU,web
        2,EU,shop
        3,US,web
        4,,shop
        """,
    "seeds/payments.csv": """
        payment_id,order_id,paid_at,paid
        1,1,2026-01-31 23:30:00-05:00,10
        2,2,2026-01-31 23:30:00+05:00,20
        3,8,2026-03-04 00:00:00+00:00,80
        """,
    "models/orders.sql": "SELECT * FROM {{ ref('raw_orders') }}",
    "models/customers.sql": """
        {{ config(alias='dim_customers', materialized='table') }}
        SELECT * FROM {{ ref('raw_customers') }}
        """,
    "models/sources.yml": """
        version: 2
        sources:
          - {name: lake, schema: main_lake, tables: [{name: payments}]}
        """,
    "models/semantic.yml": """
        semantic_models:
          - name: orders
            model: ref('orders')
            defaults: {agg_time_dimension: ordered_on}
            entities:
              - {name: purchase, type: primary, expr: order_id}
              - {name: customer, type: foreign, expr: customer_id}
            dimensions:
              - {name: ordered_on, type: time, type_params: {time_granularity: day}}
            measures:
              - {name: revenue, agg: sum, expr: amount, create_metric: true}
              - {name: order_count, agg: count, expr: order_id, create_metric: true}
              - {name: refunds, agg: sum_boolean, expr: refunded, create_metric: true}
              - {name: active_customers, agg: count_distinct, expr: customer_id, create_metric: true}
              - {name: typical_order, agg: median, expr: amount, create_metric: true}
          - name: clients
            model: ref('customers')
            entities:
              - {name: customer, type: primary, expr: customer_id}
            dimensions:
              - {name: region, type: categorical}
              - {name: channel, type: categorical}
        metrics:
          - name: refund_rate
            label: Refund rate
            type: ratio
            type_params: {numerator: refunds, denominator: order_count}
        """,
    "models/metricflow_time_spine.sql": """
        SELECT CAST(day AS DATE) AS date_day
        FROM generate_series(DATE '2026-01-01', DATE '2026-12-31', INTERVAL 1 DAY) AS days(day)
        """,
    "models/time_spine.yml": """
        models:
          - name: metricflow_time_spine
            time_spine: {standard_granularity_column: date_day}
            columns: [{name: date_day, granularity: day}]
        """,
    # What dbt does not read: a semantic model over a source, one of kpilayer's SQL, and views.
    "kpilayer.yml": """
        name: acme
        metric-paths: [metrics]
        """,
    "metrics/payments.yml": """
        models:
          - name: payments
            relation: "{{ source('lake', 'payments') }}"
            semantic_model: true
            agg_time_dimension: paid_at
            columns:
              - {name: payment_id, entity: {type: primary, name: payment}}
              - {name: order_id, entity: {type: foreign, name: purchase}}
              - {name: paid_at, dimension: {type: time}, granularity: second}
            derived_semantics:
              dimensions:
                - name: mark
                  type: categorical
                  expr: "CASE WHEN paid > 10 THEN '{{ '{{ big }} {% if %} {# x #}' }}' ELSE 'small' END"
            metrics:
              - name: paid
                description: "What {{ '{{ was }}' }} paid, in {{ '{% euro %}' }}."
                agg: sum
                expr: paid
        """,
    "metrics/views.yml": """
        views:
          - name: orders_monthly
            label: Orders by month
            metrics: [revenue, refund_rate, active_customers, typical_order]
            dimensions: [customer__region, customer__channel]
            rollup: true
            all_time: true
            materialized: table
            config: {tags: [board]}
          - name: payments_daily
            description: "Payments, {{ '{{ as }}' }} they come."
            metrics: [paid]
            dimensions: [payment__mark, {name: purchase__customer, as: order}]
            grain: day
        """,
    "metrics/kpis.yml": """
        kpis:
          - name: refunds
            metric: refund_rate
            kind: supporting
            function: sales
            owner: {group: sales}
            direction: lower
            cadence: monthly
            status: proposed
            health: {healthy: {max: 0.3}}
            targets: [{name: plan, value: 0.2, by: 2026-12-31}]
            consequence: {breach: {action: "Ask {{ '{{ who }}' }} sent it back", within: 5d}}
        """,
}

ONLY: Final = ("--select", "tag:kpilayer")


@dataclass(frozen=True)
class Built:
    """A dbt project with the models of an export, as dbt has made them."""

    folder: Path
    said: str

    @property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """What dbt knows of models, by their full names."""
        text = (self.folder / "target/manifest.json").read_text(encoding="utf-8")
        found: dict[str, dict[str, Any]] = json.loads(text)["nodes"]
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows as DuckDB itself gives them, in a session of another zone."""
        with duckdb.connect(self.folder / "acme.duckdb", read_only=True) as connection:
            connection.execute("SET TimeZone = 'America/New_York'")
            connection.execute("SET search_path = 'main_kpi,main'")
            return sorted(map(_plain_row, connection.execute(sql).fetchall()), key=repr)


def _plain_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal | float | int) and not isinstance(value, bool):
        return round(float(value), 6)
    return value


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


def run(dbt: Dbt, folder: Path, *words: str, fails: bool = False) -> str:
    """What dbt says; whether it fails is one with what is expected."""
    done = subprocess.run(
        [dbt.executable, "--no-use-colors", *words, "--no-version-check"],
        cwd=folder,
        env=environment(DBT_PROFILES_DIR=str(folder), DBT_SEND_ANONYMOUS_USAGE_STATS="false"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """dbt builds the project, its views are exported, and dbt builds them too."""
    folder = tmp_path_factory.mktemp("exported") / "acme"
    write(folder, FILES)
    run(dbt, folder, "build")
    project = Project.load(folder)
    assert [i for i in project.check() if i.severity == "error"] == []
    project.lock()
    export = Project.load(folder).export_dbt()
    assert [str(notice) for notice in export.notices] == []
    return Built(folder, run(dbt, folder, "build", *ONLY, "--show-all-deprecations"))


def test_dbt_makes_every_model_and_every_test_passes(built: Built) -> None:
    assert "WARN=0 ERROR=0 SKIP=0" in built.said
    assert "eprecat" not in built.said
    models = {
        path.stem for path in (built.folder / "target/kpilayer_dbt/models/kpilayer").glob("*.sql")
    }
    assert len(models) == 19
    assert {name for name, *_ in built.rows("SELECT view_name FROM kpi_columns")} == models
    kinds = (
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_name LIKE 'o%'"
    )
    made = dict(built.rows(kinds))
    assert made["orders_monthly__by_region"] == made["orders_monthly"] == "BASE TABLE"
    assert made["orders_monthly__rollup"] == made["order_count"] == "VIEW"


def test_dbt_knows_the_contract_of_a_metric_and_holds_its_range(built: Built) -> None:
    column = built.nodes["model.acme.orders_monthly"]["columns"]["refund_rate"]
    assert column["config"]["meta"]["kpi"]["refunds"] == {
        "status": "proposed",
        "direction": "lower",
        "cadence": "monthly",
        "owner": {"group": "sales"},
        "health": {"healthy": {"max": 0.3}},
        "targets": [{"name": "plan", "value": 0.2, "by": "2026-12-31"}],
        "consequence": {"breach": {"action": "Ask {{ who }} sent it back", "within": "5d"}},
    }
    held = "SELECT kpi, metric, healthy_max, on_breach FROM kpi_ranges"
    assert built.rows(held) == [("refunds", "refund_rate", 0.3, "Ask {{ who }} sent it back")]
    assert built.rows("SELECT name, value, by_date FROM kpi_targets") == [
        ("plan", 0.2, "2026-12-31")
    ]


def test_dbt_knows_which_tables_a_model_reads(built: Built) -> None:
    def reads(name: str) -> list[str]:
        found: list[str] = built.nodes[f"model.acme.{name}"]["depends_on"]["nodes"]
        return sorted(found)

    assert reads("payments_daily") == ["model.acme.orders", "source.acme.lake.payments"]
    assert reads("orders_monthly") == ["model.acme.customers", "model.acme.orders"]
    assert reads("kpi_catalog") == ["model.acme.kpi_freshness"]
    levels = {name for name in built.nodes if "orders_monthly__" in name and "rollup" not in name}
    assert {n for n in reads("orders_monthly__rollup") if n.startswith("model")} == {
        name for name in levels if name.startswith("model")
    }


def test_what_looks_like_jinja_is_text(built: Built) -> None:
    model = built.nodes["model.acme.payments_daily"]
    assert "Payments, {{ as }} they come." in model["description"]
    assert "What {{ was }} paid, in {% euro %}." in model["columns"]["paid"]["description"]
    marks = "SELECT DISTINCT mark FROM payments_daily"
    assert built.rows(marks) == [("small",), ("{{ big }} {% if %} {# x #}",)]


def test_properties_say_how_values_are_rolled_up(built: Built) -> None:
    columns = built.nodes["model.acme.orders_monthly"]["columns"]
    told = {name: column["meta"]["kpilayer"] for name, column in columns.items()}
    ratio = told["refund_rate"]
    assert (ratio["metric"], ratio["additivity"]) == ("refund_rate", "ratio")
    assert told["region"]["group_by"] == "customer__region"
    by_region = f"SELECT region, {ratio['roll_up']} FROM orders_monthly GROUP BY region"
    by_rows = """
        SELECT c.region, AVG(CAST(o.refunded AS INTEGER))
        FROM orders AS o JOIN dim_customers AS c USING (customer_id) GROUP BY c.region"""
    assert built.rows(by_region) == built.rows(by_rows)
    level = built.nodes["model.acme.orders_monthly__by_region"]["columns"]["active_customers"]
    assert level["meta"]["kpilayer"]["roll_up"] is None
    catalogue = "SELECT rollup_expression FROM kpi_catalog WHERE metric = 'refund_rate'"
    assert built.rows(catalogue) == [(ratio["roll_up"],)]


# ------------------------------------------------------------------------------------------ numbers


def test_a_level_has_the_numbers_of_independent_sql(built: Built) -> None:
    columns = "metric_time, region, revenue, active_customers, typical_order, refund_rate"
    assert built.rows(f"SELECT {columns} FROM orders_monthly__by_region") == [
        ("2026-01-01", "EU", 60, 2, 20, 0.333333),
        ("2026-01-01", "US", 40, 1, 40, 1),
        ("2026-02-01", "EU", 50, 1, 50, 0),
        ("2026-02-01", "US", 60, 1, 60, 0),
        ("2026-02-01", None, 70, 1, 70, 1),
        ("2026-03-01", "EU", 80, 1, 80, 0),
    ]
    assert built.rows("SELECT revenue, active_customers FROM orders_monthly__total__all_time") == [
        (360, 4)
    ]


def test_all_levels_stand_in_one_view_and_words_say_which(built: Built) -> None:
    where = "_level = 'region' AND _grain = 'month' AND metric_time = DATE '2026-02-01'"
    columns = "metric_time, region, channel, active_customers"
    assert built.rows(f"SELECT {columns} FROM orders_monthly__rollup WHERE {where}") == [
        ("2026-02-01", "(null)", "(all)", 1),
        ("2026-02-01", "EU", "(all)", 1),
        ("2026-02-01", "US", "(all)", 1),
    ]


def test_the_long_view_has_each_number_once(built: Built) -> None:
    where = "metric = 'refund_rate' AND dimension = 'total' AND grain = 'month'"
    columns = "metric_time, value, numerator, denominator"
    assert built.rows(f"SELECT {columns} FROM kpi_values WHERE {where}") == [
        ("2026-01-01", 0.5, 2, 4),
        ("2026-02-01", 0.333333, 1, 3),
        ("2026-03-01", 0, 0, 1),
    ]


def test_days_are_those_of_utc_in_every_session(built: Built) -> None:
    columns = 'metric_time, mark, "order", paid'
    big = "{{ big }} {% if %} {# x #}"
    assert built.rows(f"SELECT {columns} FROM payments_daily") == [
        ("2026-01-31", big, 1, 20),
        ("2026-02-01", "small", 1, 10),
        ("2026-03-04", big, 2, 80),
    ]
    newest = "SELECT newest FROM kpi_freshness WHERE source = 'payments.paid_at'"
    assert built.rows(newest) == [("2026-03-04T00:00:00",)]


def test_every_view_has_the_rows_of_the_question_that_it_is(built: Built) -> None:
    """Its properties say which metrics by which group-bys; nothing else is known of it here."""
    project = Project.load(built.folder)
    compared = 0
    for node in built.nodes.values():
        told = node["meta"].get("kpilayer", {})
        if node["resource_type"] != "model" or told.get("kind") not in ("fixed", "level"):
            continue
        columns = {name: c["meta"]["kpilayer"] for name, c in node["columns"].items()}
        metrics = {n: c["metric"] for n, c in columns.items() if c["role"] == "metric"}
        keys = {n: c["group_by"] for n, c in columns.items() if c["role"] in ("time", "dimension")}
        grain = f"metric_time__{told['grain']}"
        by = [grain if name == "metric_time" else name for name in keys.values()]
        answer = project.query(list(metrics.values()), by)
        expected = sorted(map(_plain_row, answer.rows()), key=repr)
        shown = ", ".join(f'"{name}"' for name in (*keys, *metrics))
        assert built.rows(f"SELECT {shown} FROM {node['name']}") == expected, node["name"]
        compared += 1
    assert compared == 12


# --------------------------------------------------------------------------------- what tests find


def test_the_tests_find_groups_with_two_rows_and_words_with_a_meaning(
    dbt: Dbt, built: Built, tmp_path: Path
) -> None:
    copy = shutil.copytree(built.folder, tmp_path / "acme")
    region, channel = "orders_monthly__by_region", "orders_monthly__by_channel"
    total = "orders_monthly__total__all_time"
    with duckdb.connect(copy / "acme.duckdb") as connection:
        connection.execute("SET search_path = 'main_kpi'")
        connection.execute(f"INSERT INTO {region} SELECT * FROM {region} WHERE region IS NULL")
        connection.execute(f"INSERT INTO {total} SELECT * FROM {total}")
        connection.execute(f"UPDATE {channel} SET channel = '(all)' WHERE channel = 'web'")
    said = run(dbt, copy, "test", fails=True)
    every = "metric__metric_time__grain__dimension__dimension_value"
    assert set(re.findall(r"\d FAIL \d+ (\w+)", said)) == {
        f"kpilayer_one_row_for_each_{region}_metric_time__region",
        f"kpilayer_one_row_for_each_{total}_",
        "kpilayer_one_row_for_each_orders_monthly__rollup_"
        "_grain___level__metric_time__region__channel",
        f"kpilayer_one_row_for_each_kpi_values_{every}",
        f"kpilayer_no_reserved_word_{channel}_channel",
    }


def test_a_second_export_writes_the_same_bytes(built: Built) -> None:
    folder = built.folder / "target/kpilayer_dbt"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    Project.load(built.folder).export_dbt()
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_models_among_the_projects_own_do_not_disturb_it(built: Built, tmp_path: Path) -> None:
    copy = shutil.copytree(built.folder, tmp_path / "acme")
    config = (copy / "dbt_project.yml").read_text()
    (copy / "dbt_project.yml").write_text(config.replace("target/kpilayer_dbt", "kpis"))
    first = Project.load(copy).export_dbt(copy / "kpis")
    again = Project.load(copy)
    assert again.check() == ()
    assert again.export_dbt(copy / "kpis").files == first.files
