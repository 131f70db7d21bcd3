"""Whatever is given as a value is a value, and whatever is given as a name is refused by name.

The table `orders` holds one row for each payload, with the payload as its status and an amount of
its own: a query by that value has to find exactly this amount. The canary has to be as it was.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from kpilayer import Project
from kpilayer.errors import KpilayerError, QueryError, WarehouseError
from tests.conftest import PostgresSchema
from tests.fuzz.corpus_sql import PAYLOADS
from tests.fuzz.share import some

#: Every payload is tried as a literal on DuckDB by half with each commit, elsewhere every ninth.
SOME = some(PAYLOADS, 9)
AMOUNTS = {payload: 3 + 2 * number for number, payload in enumerate(PAYLOADS)}
CANARY = [(42,), (43,)]
#: How a text is written between quotes where people write definitions.
BACKSLASHED = ("bigquery", "mysql", "snowflake", "clickhouse")
AUTHORING = ("duckdb", "postgres", *BACKSLASHED)

MODEL = """\
models:
  - name: orders
    semantic_model: true
    relation: orders
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: day, dimension: {type: time}}
      - {name: status, dimension: categorical}
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    made = duckdb.connect(":memory:")
    made.execute("CREATE TABLE canary AS SELECT * FROM (VALUES (42), (43)) AS t(n)")
    made.execute("CREATE TABLE orders (id INT, ordered_at DATE, status VARCHAR, amount INT)")
    for number, (status, amount) in enumerate(AMOUNTS.items()):
        made.execute("INSERT INTO orders VALUES (?, '2026-01-01', ?, ?)", [number, status, amount])
    yield made
    made.close()


Load = Callable[..., Project]


@pytest.fixture
def load(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> Load:
    def make(definitions: str = MODEL, *, config: str = "name: shop\n", **options: Any) -> Project:
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "kpilayer.yml").write_text(config, encoding="utf-8")
        (tmp_path / "models" / "shop.yml").write_text(definitions, encoding="utf-8")
        options = {"connection": connection, **options}
        return Project.load(tmp_path, **options)

    return make


def intact(connection: Any) -> None:
    """Nothing was written: no table more or less, and the canary sings."""
    rows = connection.execute("SELECT n FROM canary ORDER BY n").fetchall()
    assert rows == CANARY
    if isinstance(connection, duckdb.DuckDBPyConnection):
        names = {
            row[0]
            for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        }
        assert names <= {"canary", "orders", "odd"}
        assert connection.execute("SELECT count(*), sum(amount) FROM orders").fetchone() == (
            len(AMOUNTS),
            sum(AMOUNTS.values()),
        )
    assert not list(Path("/tmp").glob("kpilayer-pwned*"))


def one_select(sql: str, dialect: str, tables: set[str]) -> None:
    """One statement, which is a SELECT of the given tables (and of what it defines itself)."""
    statements = sqlglot.parse(sql, read=dialect)
    assert len(statements) == 1
    tree = statements[0]
    assert isinstance(tree, exp.Select)
    known = tables | {cte.alias for cte in tree.find_all(exp.CTE)}
    assert {table.name for table in tree.find_all(exp.Table)} <= known


def quoted(text: str, dialect: str) -> str:
    """A string literal by the rules of a dialect's manual."""
    if dialect in BACKSLASHED:
        text = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{text}'"
    return "'" + text.replace("'", "''") + "'"


# ------------------------------------------------------------------------------------- values


@pytest.mark.parametrize("dialect", AUTHORING)
def test_a_callers_literal_finds_the_row_with_this_value(
    load: Load, connection: duckdb.DuckDBPyConnection, dialect: str
) -> None:
    project = load(config=f"name: shop\ndialect: {dialect}\n")
    for payload in some(PAYLOADS, 2) if dialect == "duckdb" else SOME:
        if "{{" in payload or "{%" in payload or "{#" in payload:
            continue  # templates have a test of their own
        where = f"order__status = {quoted(payload, dialect)}"
        result = project.query("revenue", where=where)
        bound = connection.execute("SELECT sum(amount) FROM orders WHERE status = ?", [payload])
        assert list(result) == bound.fetchall() == [(AMOUNTS[payload],)], payload
        one_select(result.sql, "duckdb", {"orders"})
    intact(connection)


def test_postgres_finds_the_row_with_this_value(
    load: Load, postgres_schema: PostgresSchema
) -> None:
    server = postgres_schema.connection
    server.execute("CREATE TABLE canary AS SELECT * FROM (VALUES (42), (43)) AS t(n)")
    server.execute("CREATE TABLE orders (id INT, ordered_at DATE, status TEXT, amount INT)")
    rows = [(n, s, a) for n, (s, a) in enumerate(AMOUNTS.items()) if "\0" not in s]
    with server.cursor() as cursor:
        cursor.executemany("INSERT INTO orders VALUES (%s, '2026-01-01', %s, %s)", rows)
    project = load(connection=server)
    for payload in SOME:
        if "{{" in payload or "{%" in payload or "{#" in payload:
            continue
        where = f"order__status = {quoted(payload, 'duckdb')}"
        if "\0" in payload:
            with pytest.raises(KpilayerError):
                project.query("revenue", where=where)
            continue
        result = project.query("revenue", where=where)
        bound = server.execute("SELECT sum(amount) FROM orders WHERE status = %s", [payload])
        assert list(result) == bound.fetchall() == [(AMOUNTS[payload],)], payload
        one_select(result.sql, "postgres", {"orders"})
    intact(server)


def test_literals_in_definitions_are_values(
    load: Load, connection: duckdb.DuckDBPyConnection
) -> None:
    plain = [p for p in SOME if not {"{{", "{%", "{#"} & {p[i : i + 2] for i in range(len(p))}]
    plain = [p for p in plain if "\0" not in p and "\r" not in p]  # Jinja makes \r\n to \n
    metrics = [
        {
            "name": f"paid_{number}",
            "type": "simple",
            "input_metric": "revenue",
            "filter": f"{{{{ Dimension('order__status') }}}} = {quoted(payload, 'duckdb')}",
        }
        for number, payload in enumerate(plain)
    ]
    head, _, revenue = MODEL.partition("metrics:\n  - ")
    shown = "".join(f"  - {json.dumps(m)}\n" for m in metrics)
    project = load(f"{head}metrics:\n  - {revenue}{shown}")
    for number, payload in enumerate(plain):
        result = project.query(f"paid_{number}")
        assert list(result) == [(AMOUNTS[payload],)], payload
        one_select(result.sql, "duckdb", {"orders"})
    intact(connection)


def test_a_template_that_a_caller_sends_is_refused_or_a_value(
    load: Load, connection: duckdb.DuckDBPyConnection
) -> None:
    project = load()
    for payload in SOME:
        try:
            sql = project.compile("revenue", where=f"order__status = {quoted(payload, 'duckdb')}")
        except QueryError:
            continue
        one_select(sql, "duckdb", {"orders"})
        connection.execute(sql)
    intact(connection)


# --------------------------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    "frame", ["{}", "order__status = '{}'", "order__status = {}", "({})", "1 = {}"]
)
@pytest.mark.parametrize("spoken", ["duckdb", "postgres"])
def test_a_condition_stays_a_condition_over_declared_names(
    load: Load, connection: duckdb.DuckDBPyConnection, frame: str, spoken: str
) -> None:
    """As an application would paste it without quoting: refused, or one SELECT of one table."""
    project = load()
    for payload in SOME:
        try:
            sql = project.compile("revenue", where=frame.replace("{}", payload), dialect=spoken)
        except QueryError as error:
            assert all(issue.code != "query-failed" for issue in error.issues)
            continue
        one_select(sql, spoken, {"orders"})
        called = {type(f).__name__ for f in sqlglot.parse_one(sql, read=spoken).find_all(exp.Func)}
        assert called <= {"Sum", "And", "Or", "Cast", "Concat", "DPipe", "Case", "If", "Nullif"}, (
            payload
        )
        if spoken == "duckdb":
            with contextlib.suppress(WarehouseError):  # a text compared with a number
                list(project.query("revenue", where=frame.replace("{}", payload)))
    intact(connection)


# -------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("argument", ["metrics", "group_by", "order_by", "start", "end", "dialect"])
def test_a_name_that_is_none_is_refused(
    load: Load, connection: duckdb.DuckDBPyConnection, argument: str
) -> None:
    project = load()
    for payload in SOME:
        asked: dict[str, Any] = {"metrics": ["revenue"], argument: payload}
        if argument in ("metrics", "group_by", "order_by"):
            asked[argument] = [payload]
        if argument == "dialect" and not payload:
            continue  # none was given
        if argument == "group_by" and payload == "{{ Dimension('order__status') }}":
            continue  # a name
        with pytest.raises(QueryError):
            project.compile(**asked)
    intact(connection)


def test_names_in_definitions_are_refused_or_quoted(
    load: Load, connection: duckdb.DuckDBPyConnection
) -> None:
    """Metrics, dimensions, entities: by the rule for names. Columns and relations: quoted."""
    for payload in SOME:
        if payload.isalpha():
            continue  # `NaN` is a name like any other
        word = json.dumps(payload)
        for definitions in (
            MODEL.replace("name: revenue", f"name: {word}"),
            MODEL.replace("{name: status,", f"{{name: {word},"),
            MODEL.replace("name: order}", f"name: {word}}}"),
            MODEL.replace("- name: orders", f"- name: {word}"),
            MODEL.replace("agg_time_dimension: ordered_at", f"agg_time_dimension: {word}"),
            MODEL.replace("agg: sum", f"agg: {word}"),
            MODEL.replace("granularity: day", f"granularity: {word}"),
        ):
            try:
                project = load(definitions)
            except KpilayerError:
                continue
            errors = [i for i in project.check() if i.severity == "error"]
            assert errors, (payload, definitions)
    intact(connection)


def test_a_column_of_any_name_is_that_column(
    load: Load, connection: duckdb.DuckDBPyConnection
) -> None:
    for payload in SOME:
        if not payload.strip() or "\0" in payload or "{" in payload:
            continue  # the reader's, the template's
        name = '"' + payload.replace('"', '""') + '"'
        connection.execute(f"CREATE OR REPLACE TABLE odd (id INT, {name} VARCHAR, amount INT)")
        connection.execute("INSERT INTO odd VALUES (1, 'a', 7), (2, 'b', 8)")
        column = {"name": payload, "dimension": {"type": "categorical", "name": "kind"}}
        definitions = (
            "models:\n  - name: odd\n    semantic_model: true\n    primary_entity: thing\n"
            f"    columns: [{json.dumps(column)}]\n"
            "metrics:\n  - {name: total, model: odd, agg: sum, expr: amount}\n"
        )
        project = load(definitions)
        try:
            found = list(project.query("total", "thing__kind", order_by="thing__kind"))
        except KpilayerError as error:
            assert {i.code for i in error.issues} & {"bad-name", "bad-value"}, payload
            continue
        assert found == [("a", 7), ("b", 8)], payload
    intact(connection)


def test_a_relation_or_path_is_a_name_or_refused(
    load: Load, connection: duckdb.DuckDBPyConnection
) -> None:
    for payload in SOME:
        for key, value in (
            ("relation", payload),
            ("relation", '"' + payload.replace('"', '""') + '"'),
            ("path", payload),
            ("path", f"{payload}.csv"),
        ):
            text = MODEL.replace("relation: orders", f"{key}: {json.dumps(value)}")
            try:
                project = load(text)
                sql = project.compile("revenue")
            except KpilayerError:
                continue
            statements = sqlglot.parse(sql, read="duckdb")
            assert len(statements) == 1 and isinstance(statements[0], exp.Select)
            try:
                list(project.query("revenue"))
            except KpilayerError:
                continue
            assert value in ("canary", "orders"), value
    intact(connection)


# --------------------------------------------------------------------------------------- vars


def test_a_variable_is_text_of_the_definition_and_no_statement(
    load: Load, connection: duckdb.DuckDBPyConnection
) -> None:
    """Whoever gives a variable writes the definition with it; a second statement is refused."""
    text = MODEL + (
        "  - name: chosen\n    type: simple\n    input_metric: revenue\n"
        "    filter: \"{{ Dimension('order__status') }} = '{{ var('status') }}'\"\n"
    )
    for payload in (p.replace("30", "0") for p in SOME):  # DuckDB would wait as it was told
        try:
            project = load(text, vars={"status": payload})
            result = project.query("chosen")
        except KpilayerError:
            continue
        one_select(result.sql, "duckdb", {"orders"})
    intact(connection)
