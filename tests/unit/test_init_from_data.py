"""`kpilayer init --from DATA`: what is proposed is true of the data, and works at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner, Result

from kpilayer import Project
from kpilayer.cli.from_data import classified
from kpilayer.cli.main import cli
from kpilayer.errors import ConfigError
from kpilayer.propose.measure import kind_of
from kpilayer.propose.text import scalar

ORDERS = """
    SELECT i AS order_id, CASE WHEN i % 10 = 0 THEN NULL ELSE 1 + i % 4 END AS customer_id,
        TIMESTAMP '2026-01-01 08:00:00' + INTERVAL (i * 7) HOUR AS ordered_at,
        CASE WHEN i % 3 = 0 THEN 'open' ELSE 'paid' END AS status,
        CAST(i * 1.5 AS DECIMAL(12, 2)) AS amount, i * 0.1 AS tax_rate,
        2020 + i % 5 AS fiscal_year, CAST('note ' || i AS VARCHAR) AS note
    FROM range(1, 101) AS r(i)"""
CUSTOMERS = """
    SELECT i AS customer_id, 'Customer ' || i AS name, DATE '2025-01-01' + CAST(i AS INTEGER) AS since
    FROM range(1, 5) AS r(i)"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, sql in (("orders", ORDERS), ("customers", CUSTOMERS)):
        duckdb.sql(f"COPY ({sql}) TO '{folder / name}.parquet'")
    return folder


def run(*args: object, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(a) for a in args])
    assert result.exit_code == exit_code, result.output
    return result


def drafts(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for file in (folder / "models").glob("*.yml"):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        found[content["models"][0]["name"]] = content
    return found


def columns(folder: Path, model: str) -> dict[str, dict[str, object]]:
    models = drafts(folder)[model]["models"]
    assert isinstance(models, list)
    return {c["name"]: c for c in models[0].get("columns", [])}


def errors(folder: Path) -> list[str]:
    return [str(i) for i in Project.load(folder).check() if i.severity != "notice"]


# ---------------------------------------------------------------------------------- end to end


def test_a_draft_passes_check_and_answers_as_sql_does(tmp_path: Path, data: Path) -> None:
    shop = tmp_path / "shop"
    run("init", shop, "--from", data / "orders.parquet", data / "customers.parquet")
    assert errors(shop) == []
    got = list(Project.load(shop).query(["amount", "orders_count"], "customer__name").rows())
    expected = duckdb.sql(
        f"SELECT name, SUM(amount), COUNT(*) FROM ({ORDERS}) LEFT JOIN ({CUSTOMERS}) "
        "USING (customer_id) GROUP BY 1 ORDER BY 1 NULLS LAST"
    ).fetchall()
    assert [tuple(row) for row in got] == expected
    assert len(expected) == 5  # four customers, and the orders of none


def test_the_command_that_is_printed_next_works(tmp_path: Path, data: Path) -> None:
    shop = tmp_path / "shop"
    said = run("init", shop, "--from", data / "orders.parquet").stderr
    lines = [line.split() for line in said.splitlines() if line.startswith("  kpilayer ")]
    assert [line[3] for line in lines] == ["check", "query"]
    for line in lines:
        run(*line[1:])


def test_a_quoted_glob_is_one_table_and_several_files_are_several(
    tmp_path: Path, data: Path
) -> None:
    for half, rule in (("a", "i <= 50"), ("b", "i > 50")):
        sql = ORDERS.replace(
            "FROM range(1, 101) AS r(i)", f"FROM range(1, 101) AS r(i) WHERE {rule}"
        )
        duckdb.sql(f"COPY ({sql}) TO '{data}/sales_{half}.parquet'")
    run("init", tmp_path / "one", "--from", f"{data}/sales_*.parquet")
    assert list(drafts(tmp_path / "one")) == ["sales"]
    assert list(Project.load(tmp_path / "one").query("sales_count").rows()) == [(100,)]
    run("init", tmp_path / "two", "--from", data / "sales_a.parquet", data / "sales_b.parquet")
    assert set(drafts(tmp_path / "two")) == {"sales_a", "sales_b"}
    assert errors(tmp_path / "two") == []


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_csv_and_json_are_read_in_place(tmp_path: Path, data: Path, ending: str) -> None:
    duckdb.sql(f"COPY ({ORDERS}) TO '{data}/orders.{ending}'")
    run("init", tmp_path / "shop", "--from", data / f"orders.{ending}")
    assert errors(tmp_path / "shop") == []
    assert list(Project.load(tmp_path / "shop").query("orders_count").rows()) == [(100,)]


def test_tables_of_a_duckdb_file_with_a_profile_of_their_own(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as connection:
        connection.execute(f"CREATE TABLE orders AS {ORDERS}")
        connection.execute("CREATE SCHEMA raw")
        connection.execute(f'CREATE TABLE raw."Big Customers" AS {CUSTOMERS}')
    for part, expected in {
        "": {"orders", "big_customers"},
        ":raw": {"big_customers"},
        ":orders": {"orders"},
        ":main.orders": {"orders"},
    }.items():
        folder = tmp_path / f"shop{part.replace(':', '_')}"
        run("init", folder, "--from", f"{tmp_path}/crm.duckdb{part}")
        assert set(drafts(folder)) == expected
        assert errors(folder) == []
    rows = Project.load(tmp_path / "shop").query("orders_count", "customer__name").rows()
    assert sum(row[1] for row in rows) == 100


def test_tables_of_a_profiles_connection(tmp_path: Path) -> None:
    database = tmp_path / "shop.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE SCHEMA analytics")
        connection.execute(f"CREATE TABLE analytics.orders AS {ORDERS}")
        connection.execute(f"CREATE TABLE other AS {ORDERS}")
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    outputs = {"dev": {"type": "duckdb", "path": str(database)}}
    (profiles / "profiles.yml").write_text(yaml.safe_dump({"shop": {"outputs": outputs}}))
    flags = ("--profile", "shop", "--profiles-dir", profiles)
    run("init", tmp_path / "one", *flags, "--from", "analytics.*")
    assert list(drafts(tmp_path / "one")) == ["orders"]
    run("-C", tmp_path / "one", "query", "-m", "orders_count", "--profiles-dir", profiles)
    said = run("init", tmp_path / "no", *flags, "--from", "analytics.ordrs", exit_code=2).stderr
    assert "did you mean `analytics.orders`?" in said


def test_tables_of_postgres_with_its_own_types(tmp_path: Path, postgres_schema: Any) -> None:
    schema = postgres_schema.schema
    postgres_schema.connection.execute(
        f"""CREATE TABLE {schema}."Orders" AS SELECT i AS order_id, now() AS seen_at,
        timestamp '2026-01-01' + i * interval '1 minute' AS ordered_at, '{{}}'::json AS extra,
        CAST(i AS numeric(12, 2)) AS amount, 'paid'::varchar(10) AS status, ARRAY[i] AS many,
        gen_random_uuid() AS token, true AS is_new, date '2026-01-01' + i AS day
        FROM generate_series(1, 30) AS s(i)"""
    )
    outputs = {"dev": {"type": "postgres", **postgres_schema.settings}}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump({"shop": {"outputs": outputs}}))
    flags = ("--profile", "shop", "--profiles-dir", tmp_path)
    run("init", tmp_path / "p", *flags, "--from", f"{schema}.*")
    project = Project.load(tmp_path / "p", profiles_dir=tmp_path)
    assert [str(i) for i in project.check() if i.severity != "notice"] == []
    orders = columns(tmp_path / "p", "orders")
    assert orders["order_id"]["entity"] == {"type": "primary", "name": "order"}
    assert orders["ordered_at"]["granularity"] == "minute"
    assert {"extra", "many", "token"}.isdisjoint(orders)
    assert [float(row[0]) for row in project.query("amount").rows()] == [465.0]


# ------------------------------------------------------------------------- what is true of the data


def test_roles_are_measured(tmp_path: Path, data: Path) -> None:
    shop = tmp_path / "shop"
    run("init", shop, "--from", data / "orders.parquet", data / "customers.parquet")
    orders, customers = columns(shop, "orders"), columns(shop, "customers")
    assert orders["order_id"]["entity"] == {"type": "primary", "name": "order"}
    assert orders["customer_id"]["entity"] == {"type": "foreign", "name": "customer"}
    assert orders["ordered_at"]["granularity"] == "hour"
    assert orders["fiscal_year"]["dimension"] == {"type": "categorical"}
    assert customers["since"]["granularity"] == "day"
    assert "note" not in orders  # a hundred texts in a hundred rows
    metrics = drafts(shop)["orders"]["metrics"]
    assert isinstance(metrics, list)
    assert [(m["name"], m["agg"]) for m in metrics] == [
        ("orders_count", "count"),
        ("amount", "sum"),
    ]
    assert {m["status"] for m in metrics} == {"draft"}
    assert "100% of the rows with a value find it in customers.customer_id" in (
        shop / "models/orders.yml"
    ).read_text(encoding="utf-8")


def test_a_key_with_a_repeated_or_missing_value_is_not_claimed(tmp_path: Path) -> None:
    for name, last in (("twice", "1"), ("gap", "NULL")):
        duckdb.sql(
            f"COPY (SELECT i AS id, i * 2.5 AS amount FROM range(1, 50) AS r(i) "
            f"UNION ALL SELECT {last}, 1) TO '{tmp_path}/{name}.parquet'"
        )
        run("init", tmp_path / f"p_{name}", "--from", tmp_path / f"{name}.parquet")
        text = (tmp_path / f"p_{name}/models/{name}.yml").read_text(encoding="utf-8")
        assert "type: primary" not in text
        assert f"primary_entity: {name}" in text
        assert errors(tmp_path / f"p_{name}") == []


def test_a_number_that_happens_to_be_unique_is_no_key(tmp_path: Path) -> None:
    duckdb.sql(
        f"COPY (SELECT 'a' AS kind, i AS visits FROM range(10) AS r(i)) TO '{tmp_path}/v.parquet'"
    )
    run("init", tmp_path / "p", "--from", tmp_path / "v.parquet")
    assert "type: primary" not in next((tmp_path / "p/models").iterdir()).read_text()


def test_a_join_that_few_rows_find_is_told_and_not_made(tmp_path: Path, data: Path) -> None:
    duckdb.sql(
        f"COPY (SELECT i AS visit_id, i AS customer_id FROM range(1, 11) AS r(i)) "
        f"TO '{data}/visits.parquet'"
    )
    run("init", tmp_path / "p", "--from", data / "visits.parquet", data / "customers.parquet")
    text = (tmp_path / "p/models/visits.yml").read_text(encoding="utf-8")
    assert "customer_id: no join: only 40.0% of the rows with a value" in text
    assert "foreign" not in text


@pytest.mark.parametrize(
    ("step", "grain"),
    [("1 DAY", "day"), ("1 HOUR", "hour"), ("90 SECOND", "second"), ("30 MINUTE", "minute"),
     ("5 MILLISECOND", "millisecond"), ("7 MICROSECOND", "microsecond")],
)  # fmt: skip
def test_granularity_is_the_finest_that_occurs(tmp_path: Path, step: str, grain: str) -> None:
    number, unit = step.split()
    duckdb.sql(
        f"COPY (SELECT i AS event_id, TIMESTAMP '2026-01-01' + INTERVAL (i * {number}) {unit} AS at_ "
        f"FROM range(5) AS r(i)) TO '{tmp_path}/events.parquet'"
    )
    run("init", tmp_path / "p", "--from", tmp_path / "events.parquet")
    assert columns(tmp_path / "p", "events")["at_"]["granularity"] == grain
    assert errors(tmp_path / "p") == []


def test_two_tables_with_a_column_of_one_name_have_metrics_of_two(
    tmp_path: Path, data: Path
) -> None:
    for name in ("sales", "refunds"):
        duckdb.sql(f"COPY (SELECT 1 AS id, 2.5 AS amount) TO '{data}/{name}.parquet'")
    run("init", tmp_path / "p", "--from", data / "sales.parquet", data / "refunds.parquet")
    names = {m.name for m in Project.load(tmp_path / "p").metrics}
    assert names == {"sales_count", "refunds_count", "sales_amount", "refunds_amount"}


def test_an_empty_table_and_odd_types_are_drafted_too(tmp_path: Path) -> None:
    duckdb.sql(
        f"COPY (SELECT 1 AS id, [1, 2] AS many, {{'a': 1}} AS deep, NULL::INTEGER AS nothing, "
        f"'x'::BLOB AS bytes WHERE FALSE) TO '{tmp_path}/empty.parquet'"
    )
    run("init", tmp_path / "p", "--from", tmp_path / "empty.parquet")
    assert errors(tmp_path / "p") == []
    assert list(Project.load(tmp_path / "p").query("empty_count").rows()) in ([(0,)], [(None,)], [])


# --------------------------------------------------------------------------------------- names


HOSTILE = [
    "InvoiceNo", "Unit Price", "order", "month", "7", "ü", "a__b", "x", "yes", "null", "~", "a'b",
    'q"q', "{{ 7 * 7 }}", "{% for x in y %}", "{{{{", "# no comment", "a\nb: c", "tab\there",
    "- x", "&a", "*a", "!!python/object:x", "a: b", "\u2028", "back\\slash", "; DROP TABLE t --",
]  # fmt: skip


def test_hostile_column_names_stay_names(tmp_path: Path) -> None:
    selected = ", ".join(
        f'i % 3 + 0.5 AS "{name.replace(chr(34), chr(34) * 2)}"' for name in HOSTILE
    )
    duckdb.sql(f"COPY (SELECT i AS id, {selected} FROM range(9) AS r(i)) TO '{tmp_path}/t.parquet'")
    run("init", tmp_path / "p", "--from", tmp_path / "t.parquet")
    project = Project.load(tmp_path / "p")
    assert errors(tmp_path / "p") == []
    sums = [
        m.name for m in project.metrics if m.name != "t_count" and not m.name.endswith("_count")
    ]
    assert len(sums) >= len(HOSTILE) - 5  # `InvoiceNo`, `month` and the like are not added up
    for name in sums:
        assert [float(row[0]) for row in project.query(name).rows()] == [13.5]


def test_hostile_values_in_dimensions_are_addressed_by_legal_names(tmp_path: Path) -> None:
    selected = ", ".join(
        f"CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END AS \"{name.replace(chr(34), chr(34) * 2)}\""
        for name in HOSTILE
    )
    duckdb.sql(f"COPY (SELECT i AS id, {selected} FROM range(9) AS r(i)) TO '{tmp_path}/t.parquet'")
    run("init", tmp_path / "p", "--from", tmp_path / "t.parquet")
    project = Project.load(tmp_path / "p")
    assert errors(tmp_path / "p") == []
    count = next(m.name for m in project.metrics if m.name.endswith("_count"))
    dimensions = [d.name for d in project.dimensions([count]) if d.type == "categorical"]
    assert len(dimensions) == len(HOSTILE)
    for name in dimensions:
        assert [tuple(r) for r in project.query(count, name).rows()] == [("a", 5), ("b", 4)]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_scalar_is_read_as_it_was(name: str) -> None:
    from kpilayer.load.reader import read_yaml
    from kpilayer.load.template import TargetInfo, Templates

    document, issues = read_yaml("x.yml", f"name: {scalar(name)}")
    assert document is not None and not issues
    assert isinstance(document.data, dict)
    templates = Templates(macros={}, variables={}, target=TargetInfo("", "", ""))
    text, problems = templates.render(document.data["name"], document.at)  # type: ignore[arg-type]
    assert (text, problems) == (name, ())


# -------------------------------------------------------------------------------------- refusals


def test_nothing_is_written_over(tmp_path: Path, data: Path) -> None:
    (tmp_path / "models").mkdir()
    run("init", tmp_path, "--from", data / "orders.parquet", exit_code=2)
    assert not (tmp_path / "kpilayer.yml").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["missing.csv"], "there is no file `missing.csv`"),
        (["missing.duckdb"], "there is no file `missing.duckdb`"),
        (["a b.txt"], "is no data that can be read"),
        (["analytics.orders"], "--profile NAME"),
    ],
)
def test_what_is_no_data_is_refused_with_the_way_out(
    tmp_path: Path, given: list[str], said: str
) -> None:
    assert said in run("init", tmp_path / "p", "--from", *given, exit_code=2).stderr
    assert not (tmp_path / "p").exists()


def test_two_databases_are_one_too_many(tmp_path: Path) -> None:
    for name in ("a", "b"):
        duckdb.connect(str(tmp_path / f"{name}.duckdb")).close()
    with pytest.raises(ConfigError, match="one database"):
        classified([f"{tmp_path}/a.duckdb", f"{tmp_path}/b.duckdb"])


def test_from_without_data_is_a_usage_error() -> None:
    assert "requires an argument" in run("init", "--from", exit_code=2).stderr


@pytest.mark.parametrize(
    ("type_", "kind"),
    [("DECIMAL(38,0)", "integer"), ("numeric(10,2)", "decimal"), ("numeric", "decimal"),
     ("character varying(20)", "text"), ("uuid", "text"), ("ENUM('a', 'b')", "text"),
     ("TIMESTAMP WITH TIME ZONE", "timestamp"), ("TIMESTAMP_S", "timestamp"), ("TIME", "other"),
     ("STRUCT(a INTEGER)", "other"), ("UHUGEINT", "integer"), ("int8", "integer"),
     ("double precision", "decimal"), ("JSON", "other"), ("INTERVAL", "other")],
)  # fmt: skip
def test_types_of_both_engines_are_known(type_: str, kind: str) -> None:
    assert kind_of(type_) == kind


def test_the_envelope_of_help_names_all_forms() -> None:
    text = run("init", "--help").stdout
    assert json.dumps("--from-dbt")[1:-1] in text
    assert "--from DATA..." in text
