"""What only ClickHouse does: its sums that wrap, its types that do not mix, its own drivers.

Numbers are worked by hand.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from kpilayer import Project, QueryError, WarehouseError
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.profiles import Target
from tests.conftest import Define
from tests.engines.on_clickhouse import opened

MODEL = """
models:
  - name: things
    semantic_model: true
    primary_entity: thing
    columns: [{name: kind, dimension: categorical}]
metrics:
"""


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[Any]:
    with opened(tmp_path) as connection:
        connection.query(
            "CREATE TABLE things (kind String, n Int64, u UInt64, m Decimal(14, 2), w Decimal(38, 6),"
            " f Float64, d Date, word Nullable(String)) ENGINE = Memory"
        )
        connection.query(
            "INSERT INTO things VALUES"
            " ('a', 9223372036854775807, 18446744073709551615, 7.55, 1.5, 2.5, '1970-01-01', NULL),"
            " ('a', 9223372036854775807, 18446744073709551615, 0.45, 2.25, -2.5, '2024-02-29', '12')"
        )
        yield connection


def total(define: Define, raw: Any, definition: str) -> Any:
    lines = f"  - {{name: total, model: things, {definition}}}\n"
    [(value,)] = define(MODEL + lines, connection=raw).query("total").rows()
    return value


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("agg: sum, expr: n", 18446744073709551614),
        ("agg: sum, expr: u", 36893488147419103230),
        ("agg: average, expr: n", 9223372036854775807.0),
        ("agg: sum, expr: m * 1.1", D("8.800")),
        ("agg: sum, expr: m % 2", D("2.00")),  # 1.55 and 0.45
        ("agg: sum, expr: CASE WHEN m > 1 THEN m * 0.9 ELSE m END", D("7.245")),
        ("agg: sum, expr: 'COALESCE(m, w)'", D("8.000000")),
        ("agg: sum, expr: 'GREATEST(m, w)'", D("9.800000")),
        ("agg: sum, expr: CASE WHEN m > 1 THEN m / 2 ELSE m END", 4.225),
        ("agg: sum, expr: 'COALESCE(f, 0.5)'", 0.0),
        ("agg: sum, expr: 'CAST(f AS INTEGER)'", 0),  # 2 and -2
        ("agg: sum, expr: 'CAST(m AS INTEGER)'", 8),
        ("agg: sum, expr: 'CAST(word AS INTEGER)'", 12),
        ("agg: sum, expr: 'CAST(m AS DECIMAL(9, 1))'", D("8.1")),  # 7.6 and 0.5
        ("agg: max, expr: 'ROUND(f)'", 3.0),
        ("agg: min, expr: 'd - INTERVAL 1 DAY'", dt.datetime(1969, 12, 31)),
        ("agg: sum_boolean, expr: 'kind NOT IN (''b'', NULL)'", 0),
        ("agg: stddev, expr: 'CASE WHEN m > 1 THEN n END'", None),
    ],
)
def test_numbers_that_clickhouse_alone_would_give_otherwise(
    define: Define, raw: Any, definition: str, expected: Any
) -> None:
    found = total(define, raw, definition)
    assert (type(found), found) == (type(expected), expected)


def test_no_session_changes_a_number(define: Define, raw: Any) -> None:
    lines = "  - {name: total, model: things, agg: sum, expr: n, filter: \"{{ Dimension('thing__kind') }} = 'b'\"}\n"
    sql = define(MODEL + lines, connection=raw).compile("total")
    for setting in ("aggregate_functions_null_for_empty = 0", "session_timezone = 'Asia/Tokyo'"):
        raw.query(f"SET {setting}")
    assert wrap(raw).run(sql).to_pylist() == [{"total": None}]
    raw.query(f"CREATE VIEW shown AS {sql}")
    assert wrap(raw).run("SELECT * FROM shown").to_pylist() == [{"total": None}]


def test_not_in_a_query_is_refused(define: Define, raw: Any) -> None:
    model = (
        "SELECT * FROM {{ ref('things') }} WHERE kind NOT IN (SELECT word FROM {{ ref('things') }})"
    )
    definitions = """
    models:
      - {name: some, semantic_model: true, primary_entity: one}
    metrics:
      - {name: total, model: some, agg: count}
    """
    project = define(definitions, files={"models/some.sql": model}, connection=raw)
    with pytest.raises(QueryError, match=r"unsupported-in-dialect.*NOT IN \(SELECT"):
        project.query("total")


TYPES = """SELECT true AS b, toUInt8(7) AS u8, toUInt64(7) AS u64, toInt128(-7) AS i128,
    toInt256(7) AS i256, toDecimal64('1.50', 2) AS m, toDate32('1925-01-01') AS d,
    toDateTime('2024-01-01 10:00:00') AS s, toDateTime64('1925-01-01 10:00:00.5', 3) AS t,
    toDateTime64('2024-07-01 12:00:00', 6, 'Europe/Berlin') AS z, 'ä' AS w,
    CAST(NULL AS Nullable(Date32)) AS n, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS g"""


def test_every_type_arrives_as_what_it_is(raw: Any) -> None:
    table = wrap(raw).run(TYPES)
    assert {f.name: str(f.type) for f in table.schema} == {
        "b": "bool",
        "u8": "int16",
        "u64": "int64",
        "i128": "decimal128(38, 0)",
        "i256": "decimal128(38, 0)",
        "m": "decimal128(18, 2)",
        "d": "date32[day]",
        "s": "timestamp[us]",
        "t": "timestamp[us]",
        "z": "timestamp[us, tz=UTC]",
        "w": "string",
        "n": "date32[day]",
        "g": "string",
    }
    [row] = table.to_pylist()
    assert (row["i128"], row["s"], row["t"]) == (
        D(-7),
        dt.datetime(2024, 1, 1, 10),
        dt.datetime(1925, 1, 1, 10, 0, 0, 500000),
    )
    assert row["z"] == dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)
    assert row["g"] == "61f0c404-5cb3-11e7-907b-a6006ad3dba0"


def test_columns_are_described(raw: Any) -> None:
    connection = wrap(raw)
    found = connection.describe_relation(("things",))
    assert found is not None
    assert found.keys == ()
    assert [(c.name, c.type, c.nullable) for c in found.columns][-2:] == [
        ("d", "Date", False),
        ("word", "String", True),
    ]
    assert connection.describe_relation(("nothing",)) is None
    assert [(c.name, c.type) for c in connection.describe("SELECT 1 + 1 AS a;")] == [
        ("a", "UInt16")
    ]


def test_an_error_says_where(raw: Any) -> None:
    with pytest.raises(WarehouseError) as error:
        wrap(raw).run("SELECT 'ä',\n  1 1")
    [issue] = error.value.issues
    assert issue.code == "query-failed"
    assert str(issue.location) == "<sql>:2:5"
    assert issue.message.startswith("Syntax error")


def test_a_running_query_can_be_cancelled(raw: Any) -> None:
    connection = wrap(raw)
    slow = (
        "SELECT sum(sleepEachRow(0.01)) FROM numbers(100000) "
        "SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 10"
    )
    failed: list[str] = []

    def run() -> None:
        try:
            connection.run(slow)
        except WarehouseError as error:
            failed.append(error.issues[0].message)

    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(100):
        time.sleep(0.1)
        connection.cancel()
        if not thread.is_alive():
            break
    thread.join(30)
    assert failed
    assert "cancelled" in failed[0]


def test_rows_of_a_failed_query_are_not_in_the_next_answer(raw: Any) -> None:
    late = "SELECT throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_threads = 1"
    with pytest.raises(Exception, match="throwIf"):
        raw.query(late, "ArrowStream")
    connection = wrap(raw)
    for _ in range(2):
        assert connection.run("SELECT 7 AS a").to_pylist() == [{"a": 7}]
        with pytest.raises(WarehouseError, match="throwIf"):
            connection.run(late)


def target(kind: str, **settings: object) -> Target:
    return Target("shop", "dev", kind, "clickhouse", None, settings, Path("profiles.yml"))


def test_a_session_of_a_profile_only_reads(tmp_path: Path) -> None:
    pytest.importorskip("chdb")
    for read_only in (True, False):
        session = connect(target("chdb"), project_dir=tmp_path, read_only=read_only)
        try:
            assert session.run("SELECT 1 AS one").to_pylist() == [{"one": 1}]
            if read_only:
                with pytest.raises(WarehouseError, match="readonly"):
                    session.execute("CREATE TABLE made (x Int32) ENGINE = Memory")
            else:
                session.execute("CREATE TABLE made (x Int32) ENGINE = Memory")
                session.execute("DROP TABLE made SYNC")
        finally:
            session.close()


def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path: Path) -> None:
    pytest.importorskip("clickhouse_connect")
    place = {"host": "127.0.0.1", "port": 1, "user": "reader", "password": "hunter22"}
    with pytest.raises(WarehouseError) as error:
        connect(target("clickhouse", **place), project_dir=tmp_path)
    text = str(error.value)
    assert "connection-failed" in text
    assert "127.0.0.1:1" in text
    assert "reader" in text
    assert "hunter22" not in text


def test_a_client_of_clickhouse_connect_gives_the_same_answers(define: Define, raw: Any) -> None:
    """Its client for chDB speaks to the same engine as the connection that made the table."""
    driver = pytest.importorskip("clickhouse_connect")
    [[database]] = wrap(raw).run("SELECT currentDatabase() AS d").to_pydict().values()
    client = driver.get_client(interface="chdb", database=database)
    try:
        lines = "  - {name: total, model: things, agg: sum, expr: n}\n"
        project: Project = define(MODEL + lines, connection=client)
        assert project.query("total", "thing__kind").rows() == [("a", 18446744073709551614)]
        with pytest.raises(WarehouseError, match="Unknown"):
            wrap(client).run("SELECT nothing")
        asked = "-- kpilayer: total f1:0123456789abcdef\nSELECT getSetting('log_comment') AS c"
        assert wrap(client).run(asked).to_pylist() == [{"c": "kpilayer: total f1:0123456789abcdef"}]
    finally:
        client.close()
