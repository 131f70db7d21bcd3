"""What only Spark does: sessions whose settings decide numbers, and both of its ways in.

Numbers are worked by hand.
"""

from __future__ import annotations

import datetime as dt
import re
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kpilayer import Project, WarehouseError
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.connection import Column
from kpilayer.warehouse.profiles import Target
from tests.conftest import Define
from tests.engines import on_spark

MODEL = """
models:
  - name: things
    semantic_model: true
    primary_entity: thing
    columns: [{name: kind, dimension: categorical}]
metrics:
"""
ROWS = {
    "kind": ["a", "a", "${env:HOME}"],
    "n": [9223372036854775807, 1, 2],
    "m": [D("7.55"), D("0.45"), None],
    "f": [2.5, -2.5, None],
    "d": [dt.date(1970, 1, 1), dt.date(2024, 2, 29), None],
    "word": [None, "12", "x"],
}


@pytest.fixture
def session() -> Iterator[Any]:
    with on_spark.opened() as session:
        on_spark.load(session, "things", pa.table(ROWS))
        yield session


def target(**settings: object) -> Target:
    return Target("shop", "dev", "spark", "spark", None, settings, Path("profiles.yml"))


def total(define: Define, session: Any, definition: str, **question: Any) -> Any:
    lines = f"  - {{name: total, model: things, {definition}}}\n"
    [(value,)] = define(MODEL + lines, connection=session).query("total", **question).rows()
    return value


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("agg: sum, expr: m * 1.1", D("8.800")),
        ("agg: average, expr: m", 4.0),
        ("agg: sum, expr: CAST(f AS INTEGER)", 0),  # 2 and -2
        ("agg: sum, expr: CAST(m AS INTEGER)", 8),
        ("agg: max, expr: CEIL(f)", 3.0),
        ("agg: min, expr: d - INTERVAL 1 DAY", dt.date(1969, 12, 31)),
        ("agg: percentile, percentile: 0.5, percentile_type: discrete, expr: m", D("0.45")),
        ("agg: count, expr: CASE WHEN kind LIKE '$%' THEN 1 END", 1),
    ],
)
def test_numbers_that_spark_alone_would_give_otherwise(
    define: Define, session: Any, definition: str, expected: Any
) -> None:
    found = total(define, session, definition)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("agg: sum, expr: n", "overflow"),
        ("agg: sum, expr: n + 1", "overflow"),
        ("agg: sum, expr: CAST(word AS INTEGER)", "The value 'x' of the type"),
        (
            "agg: sum, expr: 'CAST(m AS DECIMAL(38, 20)) * CAST(m AS DECIMAL(38, 20))'",
            "cannot be represented",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_in_any_session(
    define: Define, session: Any, definition: str, message: str
) -> None:
    for setting in ("true", "false"):
        session.conf.set("spark.sql.ansi.enabled", setting)
        try:
            with pytest.raises(WarehouseError) as raised:
                total(define, session, definition)
        finally:
            session.conf.unset("spark.sql.ansi.enabled")
        assert message in str(raised.value)
        assert "SQLSTATE" not in str(raised.value) and "\tat " not in str(raised.value)


def test_the_settings_of_a_session_take_no_part_and_come_back(define: Define, session: Any) -> None:
    own = {
        "spark.sql.session.timeZone": "Asia/Tokyo",
        "spark.sql.parser.escapedStringLiterals": "true",
        "spark.sql.variable.substitute": "true",
        "spark.sql.ansi.doubleQuotedIdentifiers": "true",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
    }
    before = {name: session.conf.get(name) for name in own}
    for name, value in own.items():
        session.conf.set(name, value)
    try:
        where = "{{ Dimension('thing__kind') }} = '${env:HOME}'"
        assert total(define, session, "agg: sum, expr: n", where=where) == 2
        moment = "SELECT TIMESTAMP '2026-01-01 00:30:00+02:00' AS t, 'a\\\\b' AS s"
        assert wrap(session).run(moment).to_pylist() == [
            {"t": dt.datetime(2025, 12, 31, 22, 30, tzinfo=dt.UTC), "s": "a\\b"}
        ]
        with pytest.raises(WarehouseError):
            wrap(session).run("SELECT nothing")
        assert {name: session.conf.get(name) for name in own} == own
    finally:
        for name, value in before.items():
            session.conf.set(name, value)


def test_every_type_arrives_as_what_it_is(session: Any) -> None:
    table = wrap(session).run(
        "SELECT true AS b, 7Y AS i8, 7L AS i64, 1.50BD AS m, CAST(1.5 AS DECIMAL(38, 10)) AS w,"
        " 0.5D AS f, DATE '1925-01-01' AS d, TIMESTAMP_NTZ '1925-01-01 10:00:00.5' AS n,"
        " TIMESTAMP '2024-07-01 12:00:00 Europe/Berlin' AS t, 'ä😀' AS s, CAST(NULL AS DATE) AS e"
    )
    assert {f.name: str(f.type) for f in table.schema} == {
        "b": "bool",
        "i8": "int8",
        "i64": "int64",
        "m": "decimal128(3, 2)",
        "w": "decimal128(38, 10)",
        "f": "double",
        "d": "date32[day]",
        "n": "timestamp[us]",
        "t": "timestamp[us, tz=UTC]",
        "s": "string",
        "e": "date32[day]",
    }
    [row] = table.to_pylist()
    assert (row["m"], row["w"], row["s"], row["e"]) == (D("1.50"), D("1.5"), "ä😀", None)
    assert row["n"] == dt.datetime(1925, 1, 1, 10, 0, 0, 500000)
    assert row["t"] == dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)


def test_an_answer_without_rows_keeps_its_types(session: Any) -> None:
    table = wrap(session).run("SELECT m, n FROM things WHERE false")
    assert (table.num_rows, [str(t) for t in table.schema.types]) == (
        0,
        ["decimal128(3, 2)", "int64"],
    )


def test_columns_are_described(session: Any) -> None:
    connection = wrap(session)
    found = connection.describe_relation(("things",))
    assert found is not None and found.keys == ()
    assert found.columns[1:3] == (Column("n", "bigint", True), Column("m", "decimal(3,2)", True))
    assert connection.describe_relation(("nothing",)) is None
    assert connection.describe_relation(("no", "nothing")) is None
    assert connection.describe("SELECT CAST(NULL AS DATE) AS d, n / 0 AS x FROM things;") == (
        Column("d", "date", True),
        Column("x", "double", True),
    )


@pytest.mark.parametrize(
    ("sql", "place", "message"),
    [
        ("SELECT\n  nothing\nFROM things", "2:3", "name `nothing` cannot be resolved"),
        ("SELECT '😀', nothing FROM things", "1:13", "name `nothing` cannot be resolved"),
        ("SELECT 1 +* 2 FROM", "1:13", "Syntax error at or near '2'"),
        ("SELECT * FROM nothing", "1:15", "The table or view `nothing` cannot be found."),
    ],
)
def test_an_error_names_its_place_in_one_line(
    session: Any, capfd: Any, sql: str, place: str, message: str
) -> None:
    with pytest.raises(WarehouseError) as raised:
        wrap(session).run(sql)
    text = str(raised.value)
    assert text.startswith(f"<sql>:{place}: error[query-failed]: ") and message in text
    assert len(text.splitlines()) <= 3 and "SQLSTATE" not in text
    assert capfd.readouterr() == ("", "")


def test_a_statement_without_rows_is_no_query(session: Any) -> None:
    with pytest.raises(WarehouseError, match="the statement gives no rows"):
        wrap(session).run("DROP VIEW IF EXISTS nothing")


def test_a_query_is_cancelled_from_another_thread(session: Any) -> None:
    connection, ended = wrap(session), threading.Event()

    def stop() -> None:  # until it ends: a cancel before it has begun is lost
        while not ended.wait(0.5):
            connection.cancel()

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        with pytest.raises(WarehouseError, match="cancelled"):
            connection.run(
                "SELECT SUM(a.id * b.id) AS n FROM range(100000) a, range(1000000) b "
                "WHERE a.id % 7 > b.id % 5"
            )
    finally:
        ended.set()
        thread.join()
    connection.cancel()
    assert connection.run("SELECT 1 AS one").to_pylist() == [{"one": 1}]


# ------------------------------------------------------------------------------------------ targets


def test_a_target_of_spark_connect_is_a_session_of_its_own(session: Any, tmp_path: Path) -> None:
    session.sql(
        "CREATE GLOBAL TEMPORARY VIEW shared AS SELECT 1.10BD AS m, CAST(n AS INT) AS n FROM range(3) AS t(n)"
    )
    settings = {"host": f"sc://127.0.0.1:{on_spark.connect_port()}", "schema": "default"}
    (tmp_path / "kpilayer.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(
        f"shop: {{outputs: {{dev: {{type: spark, {', '.join(f'{k}: {v!r}' for k, v in settings.items())}}}}}}}\n"
    )
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "shop.yml").write_text(
        "models: [{name: shared, semantic_model: true, relation: global_temp.shared, primary_entity: row}]\n"
        "metrics: [{name: total, model: shared, agg: sum, expr: m}]\n"
    )
    try:
        assert Project.load(tmp_path).query("total").rows() == [(D("3.30"),)]
        connection = connect(target(**settings), project_dir=tmp_path)
        assert connection.describe_relation(("things",)) is None  # a view of another session
        with pytest.raises(WarehouseError) as raised:
            connection.run("SELECT\n nothing FROM global_temp.shared")
        assert str(raised.value).startswith("<sql>:2:2: error[query-failed]: A column")
        moment = "SELECT TIMESTAMP '2026-01-01 00:00:00' AS t"
        assert str(connection.run(moment).schema.types[0]) == "timestamp[us, tz=UTC]"
        connection.close()
    finally:
        session.sql("DROP VIEW IF EXISTS global_temp.shared")


def test_a_server_that_does_not_answer_is_named_without_the_token(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pytest.importorskip("pyspark")
    settings = {"host": "127.0.0.1", "method": "connect", "port": port, "token": "hunter22"}
    with pytest.raises(WarehouseError) as raised:
        connect(target(**settings), project_dir=tmp_path)
    assert raised.value.issues[0].code == "connection-failed"
    assert f"Spark Connect at 127.0.0.1:{port}" in str(raised.value)
    assert "hunter22" not in str(raised.value)


def test_a_session_in_this_process_is_that_which_runs(session: Any, tmp_path: Path) -> None:
    connection = connect(target(method="session", host="NA"), project_dir=tmp_path)
    assert connection.run("SELECT COUNT(*) AS n FROM things").to_pylist() == [{"n": 3}]
    connection.close()
    assert session.sql("SELECT 1 AS one").collect()[0].one == 1


def test_a_schema_that_is_not_there_is_told_when_connecting(session: Any, tmp_path: Path) -> None:
    asked = Target("shop", "dev", "spark", "spark", "nothing", {"method": "session"}, None)
    with pytest.raises(WarehouseError, match=r"connection-failed.*`nothing`"):
        connect(asked, project_dir=tmp_path)


@pytest.mark.parametrize("method", ["thrift", "http", "odbc"])
def test_ways_in_that_are_not_known_say_which_are(method: str, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=rf"`method: {method}` is not.*\n.*sc://HOST"):
        connect(target(method=method, host="spark.example.com"), project_dir=tmp_path)


def test_names_of_tests_that_are_chosen_or_known_to_fail_are_names_of_tests() -> None:
    files = [*Path(__file__).parent.glob("test_*.py")]
    known = {n for f in files for n in re.findall(r"^def (test_\w+)", f.read_text(), re.M)}
    chosen = {name.partition("[")[0] for name in (*on_spark.SUBSET, *on_spark.GAPS)}
    assert chosen <= known
