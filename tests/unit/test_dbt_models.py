"""Views as models of dbt: the text of each file, what is left out, and which files are ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import jsonschema
import pytest
import yaml
from click.testing import CliRunner

import kpilayer.cli
from kpilayer import ConfigError, Project, QueryError
from kpilayer.cli.main import cli
from kpilayer.publish.dbt import Calls, escaped, ref
from tests.conftest import Define

ENVELOPES = json.loads(
    Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text(encoding="utf-8")
)
ORDERS = """
SELECT 1 AS order_id, 1 AS customer_id, DATE '2026-01-05' AS ordered_on, 10 AS amount, 'web' AS channel
"""
DEFINITIONS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: order_id, entity: {type: primary, name: purchase}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, dimension: {type: time}, granularity: day}
      - {name: channel, dimension: {type: categorical}}
    metrics:
      - {name: revenue, agg: sum, expr: amount, unit: EUR}
      - {name: buyers, agg: count_distinct, expr: customer_id}
views:
  - name: sales
    label: Sales
    metrics: [revenue, buyers]
    dimensions: [purchase__channel]
    rollup: true
    all_time: true
    grants: [bi]
"""
LOCK = """
dialect: duckdb
relations:
  orders:
    columns:
      order_id: {type: INTEGER}
      customer_id: {type: INTEGER}
      ordered_on: {type: DATE}
      amount: {type: INTEGER}
      channel: {type: VARCHAR}
"""
NOWHERE = {
    "profiles.yml": """
    shop:
      target: dev
      outputs: {dev: {type: postgres, host: 127.0.0.1, port: 1, user: x, dbname: x, schema: app}}
    """,
    "kpilayer.yml": "name: shop\nprofile: shop\n",
}


@pytest.fixture
def away(define: Define, tmp_path: Path) -> Any:
    """A project whose database cannot be reached; `away(definitions, **files)`."""

    def make(definitions: str = DEFINITIONS, files: dict[str, str] | None = None) -> Project:
        define(definitions, files={**NOWHERE, **(files or {})})
        return Project.load(tmp_path)

    return make


def model(project: Project, name: str, **how: Any) -> str:
    """The text of a model."""
    return (project.export_dbt(**how).folder / f"models/kpilayer/{name}.sql").read_text(
        encoding="utf-8"
    )


def properties(project: Project) -> dict[str, dict[str, Any]]:
    """The properties of models, by name."""
    text = (project.export_dbt().folder / "models/kpilayer/schema.yml").read_text(encoding="utf-8")
    return {found["name"]: found for found in yaml.safe_load(text)["models"]}


# -------------------------------------------------------------------------------------------- Jinja


@pytest.mark.parametrize("text", ["{{ x }}", "{% if %}", "{# x", "{{{% x", "{{ '{{' }}", "a { b }"])
def test_an_escaped_text_is_rendered_as_it_was(text: str) -> None:
    assert jinja2.Template(escaped(text)).render() == text


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("orders", "ref('orders')"),
        ("finance.orders", "ref('finance', 'orders')"),
        ("orders.v2", "ref('orders', v=2)"),
        ("finance.orders.vbeta", "ref('finance', 'orders', v='beta')"),
        ("the 'orders'", "ref(\"the 'orders'\")"),
    ],
)
def test_names_of_the_manifest_are_calls_of_ref(name: str, call: str) -> None:
    assert ref(name) == call


def test_a_text_of_data_never_becomes_a_call(define: Define) -> None:
    """A name stands for a call only where a table was; and nobody types a hash by accident."""
    calls = Calls(define(DEFINITIONS).catalog)
    name = calls.name("ref('orders')")
    assert calls.text(f"FROM {name} WHERE x = 'kpilayer_0123456789abcdef_'") == (
        "FROM {{ ref('orders') }} WHERE x = 'kpilayer_0123456789abcdef_'"
    )


# ------------------------------------------------------------------------------------- where rows are


def test_a_table_that_definitions_name_by_ref_is_a_ref(away: Any) -> None:
    named = DEFINITIONS.replace("  - name: orders\n", "  - name: orders\n    ref: fct_orders\n")
    assert "FROM {{ ref('fct_orders') }} AS orders" in model(away(named), "sales")


def test_a_table_that_is_nobodys_model_stands_as_it_is(away: Any) -> None:
    named = DEFINITIONS.replace(
        "  - name: orders\n", "  - name: orders\n    relation: lake.raw_orders\n"
    )
    assert "FROM lake.raw_orders AS orders" in model(away(named), "sales")
    assert "FROM app.orders\n" in model(away(), "sales")


def test_a_source_is_a_source_whoever_reads_it(away: Any) -> None:
    sources = "sources: [{name: raw, schema: lake, tables: [{name: orders}]}]\n"
    named = DEFINITIONS.replace(
        "  - name: orders\n", "  - name: orders\n    relation: \"{{ source('raw', 'orders') }}\"\n"
    )
    assert "FROM {{ source('raw', 'orders') }} AS orders" in model(away(sources + named), "sales")
    sql = "SELECT orders.* FROM {{ source('raw', 'orders') }} WHERE lake.orders.amount > 0"
    text = model(away(sources + DEFINITIONS, {"models/orders.sql": sql}), "sales")
    assert "FROM {{ source('raw', 'orders') }} AS orders" in text
    assert "WHERE orders.amount > 0" in " ".join(text.split())


def test_a_sql_model_is_written_out_and_what_it_reads_is_a_ref(away: Any) -> None:
    sql = "SELECT o.* FROM {{ ref('stg_orders') }} AS o JOIN {{ ref('days') }} ON TRUE"
    text = " ".join(model(away(DEFINITIONS, {"models/orders.sql": sql}), "sales").split())
    assert "FROM {{ ref('stg_orders') }} AS o" in text
    assert "JOIN {{ ref('days') }} AS days" in text


def test_models_of_dbt_are_refs_also_where_dbt_has_not_been_parsed(
    define: Define, tmp_path: Path
) -> None:
    semantic = """
    semantic_models:
      - name: orders
        model: ref('orders')
        defaults: {agg_time_dimension: ordered_on}
        entities: [{name: purchase, type: primary, expr: order_id}]
        dimensions: [{name: ordered_on, type: time, type_params: {time_granularity: day}}]
        measures: [{name: order_count, agg: count, expr: order_id, create_metric: true}]
    """
    dbt = {"dbt_project.yml": "name: shop\nprofile: shop\n", "models/orders.sql": "SELECT 1"}
    define(semantic, files={**NOWHERE, **dbt})
    (tmp_path / "kpilayer.yml").unlink()
    assert "FROM {{ ref('orders') }} AS orders" in model(Project.load(tmp_path), "order_count")


def test_files_are_found_from_where_dbt_runs(define: Define, tmp_path: Path) -> None:
    named = DEFINITIONS.replace(
        "  - name: orders\n", "  - name: orders\n    path: data/orders.parquet\n"
    )
    dbt = {"kpilayer.yml": "name: shop\ndbt_project: warehouse\nmodel-paths: [models]\n"}
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "warehouse/dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    project = define(named, files=dbt)
    assert "READ_PARQUET('../data/orders.parquet')" in model(project, "sales")


# ----------------------------------------------------------------------------------------- properties


def test_a_model_is_kept_as_its_view_is_declared(away: Any) -> None:
    assert '{{ config(materialized="view", tags=["kpilayer"]' in model(away(), "sales")
    kept = "    materialized: incremental\n    config: {tags: [board]}\n"
    project = away(DEFINITIONS + kept, {"kpilayer.lock": LOCK.replace("  orders:", "  orders:")})
    assert 'config(materialized="table", tags=["kpilayer", "board"]' in model(project, "sales")
    assert 'config(materialized="view", tags=["kpilayer", "board"]' in model(
        project, "sales__rollup"
    )


def test_rights_are_those_of_dbt_where_a_database_has_any(away: Any, define: Define) -> None:
    assert 'grants={"select": ["bi"]}' in model(away(), "sales")
    project = define(DEFINITIONS, tables={"orders": ORDERS})
    assert "grants" not in model(project, "sales")
    assert "no-grants" in [notice.code for notice in project.export_dbt().notices]


def test_properties_say_what_a_column_is_and_no_test_asks_more_than_is_true(away: Any) -> None:
    found = properties(away(files={"kpilayer.lock": LOCK}))
    fixed = found["sales"]
    assert fixed["description"].startswith("Sales. One row for each month, channel. | kpilayer=f1:")
    columns = {column["name"]: column for column in fixed["columns"]}
    meta = columns["revenue"]["config"]["meta"]["kpilayer"]
    assert meta == {
        "role": "metric",
        "metric": "revenue",
        "additivity": "additive",
        "roll_up": 'SUM("revenue")',
        "unit": "EUR",
        "fingerprint": meta["fingerprint"],
    }
    assert fixed["data_tests"] == [
        {"kpilayer_one_row_for_each": {"arguments": {"columns": ["metric_time", "channel"]}}}
    ]
    assert [name for name, column in columns.items() if "data_tests" in column] == []
    level = {column["name"]: column for column in found["sales__by_channel"]["columns"]}
    assert level["channel"]["data_tests"] == ["kpilayer_no_reserved_word"]
    assert level["buyers"]["config"]["meta"]["kpilayer"]["roll_up"] is None
    assert found["sales__total__all_time"]["data_tests"] == [
        {"kpilayer_one_row_for_each": {"arguments": {"columns": []}}}
    ]
    marks = {column["name"]: column for column in found["sales__rollup"]["columns"]}
    assert marks["_grain"]["data_tests"] == [
        "not_null",
        {"accepted_values": {"arguments": {"values": ["month", "all"]}}},
    ]
    assert marks["_level"]["data_tests"][1] == {
        "accepted_values": {"arguments": {"values": ["channel", "total"]}}
    }


KPI = """
kpis:
  - name: sales
    metric: revenue
    kind: north_star
    function: sales
    owner: {group: sales}
    direction: higher
    cadence: monthly
    status: proposed
    health: {healthy: {min: 100}}
    targets: [{name: plan, value: 120, by: 2026-12-31}]
"""


def test_the_column_of_a_metric_has_its_contracts(away: Any) -> None:
    entry = {"status": "proposed", "owner": {"group": "sales"}, "direction": "higher", "cadence": "monthly"}  # fmt: skip
    numbers = {
        "health": {"healthy": {"min": 100.0}},
        "targets": [{"name": "plan", "value": 120.0, "by": "2026-12-31"}],
    }

    def shown(kpis: str) -> dict[str, Any]:
        found = properties(away(DEFINITIONS + kpis, {"kpilayer.lock": LOCK}))["sales"]
        return {column["name"]: column for column in found["columns"]}

    for more, told in (
        ("", entry | numbers),
        ("    access: {viewers: [board]}", entry | {"visible_to": "board"}),
    ):
        columns = shown(KPI + more)
        assert columns["revenue"]["config"]["meta"]["kpi"] == {"sales": told}
        assert "kpi" not in columns["metric_time"]["config"]["meta"]
    assert "kpi" not in shown(KPI.replace("proposed", "draft"))["revenue"]["config"]["meta"]


def test_the_long_view_is_not_tested_where_two_group_bys_have_one_name(away: Any) -> None:
    other = "  - {name: seen, metrics: [revenue], dimensions: [{name: customer, as: channel}]}\n"
    found = properties(away(DEFINITIONS + other, {"kpilayer.lock": LOCK}))
    assert found["kpi_values"]["data_tests"] == []


# ------------------------------------------------------------------------------------------- left out


def test_what_needs_a_type_is_left_out_where_nothing_tells_it(away: Any) -> None:
    latest = "      - {name: latest, agg: max, expr: amount}\nviews:"
    export = away(DEFINITIONS.replace("views:", latest)).export_dbt()
    assert not {"models/kpilayer/sales__rollup.sql", "models/kpilayer/kpi_values.sql"} & set(
        export.files
    )
    assert "models/kpilayer/sales__by_channel.sql" in export.files
    assert [notice.message for notice in export.notices] == [
        "`sales__rollup` is left out: the type of `channel` is not known, and a text has `(all)` "
        "there, and any other type NULL",
        "`kpi_values` is left out: the type of `latest` is not known, and it holds numbers alone",
        "nothing says of which types the columns of `orders` are: times with a zone would be cut "
        "into days by the session that reads a view",
    ]


def test_sums_are_numbers_whoever_says_so(away: Any) -> None:
    alone = DEFINITIONS[: DEFINITIONS.index("views:")]
    export = away(alone).export_dbt()
    text = (export.folder / "models/kpilayer/kpi_values.sql").read_text(encoding="utf-8")
    assert "CAST(revenue AS DOUBLE PRECISION) AS value" in text


def test_groups_that_may_be_dates_are_told_in_words_of_their_own_on_postgres(away: Any) -> None:
    project = away()
    assert "models/kpilayer/kpi_values.sql" not in project.export_dbt().files
    assert "models/kpilayer/kpi_values.sql" in project.export_dbt(dialect="mysql").files
    dated = LOCK.replace("channel: {type: VARCHAR}", "channel: {type: DATE}")
    text = model(away(files={"kpilayer.lock": dated}), "kpi_values")
    assert "TO_CHAR(channel, 'YYYY-MM-DD') AS dimension_value" in text


def test_the_lock_tells_types_without_a_connection(away: Any) -> None:
    export = away(files={"kpilayer.lock": LOCK}).export_dbt()
    assert {"models/kpilayer/sales__rollup.sql", "models/kpilayer/kpi_values.sql"} <= set(
        export.files
    )
    assert export.notices == ()


def test_the_warehouse_tells_types_where_there_is_no_lock(define: Define) -> None:
    """Also of what is computed in words of which nobody but the database knows the type."""
    typed = DEFINITIONS.replace("expr: amount,", "expr: amount * pi(),")
    project = define(typed, tables={"orders": ORDERS})
    export = project.export_dbt()
    assert {"models/kpilayer/sales__rollup.sql", "models/kpilayer/kpi_values.sql"} <= set(
        export.files
    )
    assert [notice.code for notice in export.notices] == ["no-grants"]


def test_a_lock_and_a_warehouse_give_the_same_bytes(define: Define) -> None:
    project = define(DEFINITIONS, tables={"orders": ORDERS})
    asked = texts(project.export_dbt().folder)
    project.lock()
    locked = Project.load(project.root, connection=project.connection)
    assert texts(locked.export_dbt().folder) == asked


def texts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_depends_on_the_reader_is_no_model(away: Any) -> None:
    access = DEFINITIONS.replace(
        "    columns:",
        "    row_access: {filter: \"{{ Dimension('purchase__channel') }} = {{ role.channel }}\"}\n"
        "    columns:",
        1,
    )
    with pytest.raises(QueryError, match="has row access, and dbt does not know who reads"):
        away(access).export_dbt()
    masked = DEFINITIONS.replace("unit: EUR}", "unit: EUR, mask: {unless: [finance]}}")
    with pytest.raises(QueryError, match="masked metric is in it, and dbt does not know"):
        away(masked).export_dbt()


def test_a_name_that_dbt_has_already_is_no_model(away: Any) -> None:
    named = DEFINITIONS.replace("  - name: orders\n", "  - name: orders\n    ref: sales\n")
    with pytest.raises(QueryError, match="`sales` reads a dbt model of the same name"):
        away(named).export_dbt()
    default = DEFINITIONS[: DEFINITIONS.index("views:")].replace(
        "  - name: orders\n", "  - name: orders\n    ref: revenue\n"
    )
    export = away(default).export_dbt()
    assert (
        "models/kpilayer/revenue.sql" not in export.files
        and "models/kpilayer/buyers.sql" in export.files
    )
    assert "duplicate-name" in [notice.code for notice in export.notices]


def test_dialects_that_nobody_executes_are_asked_for(away: Any) -> None:
    project = away(files={"kpilayer.lock": LOCK})
    with pytest.raises(QueryError, match="has not been executed"):
        project.export_dbt(dialect="snowflake")
    text = model(project, "sales", dialect="snowflake", unverified=True)
    assert "DATE_TRUNC('MONTH', CAST(orders.ordered_on AS DATE))" in text
    with pytest.raises(ConfigError, match="is not a dialect"):
        project.export_dbt(dialect="snowflak")


def test_what_a_warehouse_would_cut_or_misread_is_no_model(away: Any) -> None:
    long = DEFINITIONS.replace("  - name: sales\n", f"  - name: {'sales_' * 9}monthly\n")
    with pytest.raises(QueryError, match="is longer than 63 bytes on postgres"):
        away(long).export_dbt()
    unproven = DEFINITIONS.replace("expr: amount,", "expr: \"jaro_similarity(channel, 'web')\",")
    with pytest.raises(QueryError, match="jaro_similarity"):
        away(unproven).export_dbt()


# ---------------------------------------------------------------------------------------------- files


def test_models_that_are_gone_are_removed_and_files_of_others_stay(
    away: Any, tmp_path: Path
) -> None:
    folder = away().export_dbt(tmp_path / "kpis").folder
    mine = folder / "models" / "kpilayer" / "mine.sql"
    mine.write_text("SELECT 1")
    fewer = DEFINITIONS.replace("    all_time: true\n", "")
    export = away(fewer).export_dbt(folder)
    assert export.removed == (
        "models/kpilayer/sales__by_channel__all_time.sql",
        "models/kpilayer/sales__total__all_time.sql",
    )
    assert mine.read_text() == "SELECT 1"
    kept = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert kept == {*export.files, "models/kpilayer/mine.sql"}


def test_a_file_of_somebody_else_is_not_written_over(away: Any, tmp_path: Path) -> None:
    theirs = tmp_path / "kpis" / "models" / "kpilayer" / "sales.sql"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("SELECT 1")
    with pytest.raises(ConfigError, match=r"models/kpilayer/sales\.sql` would be written over"):
        away().export_dbt(tmp_path / "kpis")
    assert [path.name for path in theirs.parent.iterdir()] == ["sales.sql"]


def test_a_link_out_of_the_folder_is_not_followed(away: Any, tmp_path: Path) -> None:
    (tmp_path / "kpis").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "kpis" / "models").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="leads out"):
        away().export_dbt(tmp_path / "kpis")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("folder", ["models", "models/kpis", "metrics/dbt"])
def test_a_folder_of_definitions_is_no_place_for_models(
    away: Any, tmp_path: Path, folder: str
) -> None:
    with pytest.raises(ConfigError, match="read as definitions"):
        away().export_dbt(tmp_path / folder)


def test_the_command_says_what_it_wrote_and_what_is_left_out(away: Any, tmp_path: Path) -> None:
    away(files={"kpilayer.lock": LOCK.replace("channel: {type: VARCHAR}", "other: {type: DATE}")})
    done = CliRunner().invoke(cli, ["-C", str(tmp_path), "export", "dbt", "-f", "json"])
    assert done.exit_code == 2, done.output  # a column that the lock does not have
    (tmp_path / "kpilayer.lock").write_text(LOCK)
    done = CliRunner().invoke(cli, ["-C", str(tmp_path), "export", "dbt", "-f", "json"])
    envelope = json.loads(done.stdout)
    jsonschema.validate(envelope, ENVELOPES)
    assert envelope["schema"] == "kpilayer/export-dbt@1"
    assert {"path": "models/kpilayer/sales.sql"} in envelope["results"]
    assert envelope["summary"]["folder"] == str(tmp_path / "target" / "kpilayer_dbt")
    again = CliRunner().invoke(cli, ["-C", str(tmp_path), "export", "dbt"])
    assert again.exit_code == 0 and again.stdout == ""
    assert "12 files in" in again.stderr
