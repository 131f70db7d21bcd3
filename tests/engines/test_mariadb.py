"""What is MariaDB's and MySQL's own: their session, types, keys, warnings, zones, profiles and errors."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kpilayer import WarehouseError
from kpilayer.sql.booleans import boolean_columns
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.connection import Column, Connection
from kpilayer.warehouse.profiles import Target
from tests.engines.conftest import COPIES
from tests.engines.on_mariadb import LONG, MARIADB, Server
from tests.engines.on_mysql import MYSQL

SERVERS = [MARIADB, MYSQL] if "mysql" in COPIES else [MARIADB]


@pytest.fixture(params=SERVERS, ids=lambda place: place.name)
def place(request: pytest.FixtureRequest) -> Server:
    found: Server = request.param
    return found


@pytest.fixture
def server(place: Server) -> Iterator[Any]:
    with place.opened() as raw:
        yield raw


@pytest.fixture
def session(server: Any, tmp_path: Path) -> Iterator[Connection]:
    connection = connect(target(server), project_dir=tmp_path)
    yield connection
    connection.close()


def target(server: Any, **changes: Any) -> Target:
    shown = _database(server)
    settings = {
        "host": server.host,
        "port": server.port,
        "username": server.user.decode(),
        "password": server.password.decode(),
        "schema": shown,
    } | changes
    return Target("shop", "prod", "mariadb", "mysql", shown, settings, None)


def _database(server: Any) -> str:
    with server.cursor() as cursor:
        cursor.execute("SELECT DATABASE()")
        return str(cursor.fetchone()[0])


def test_types_arrive_as_they_are(session: Connection) -> None:
    table = session.run(
        "SELECT 1 AS i, 18446744073709551615 AS big, 1.50 AS d, CAST(0.1 AS DOUBLE) AS x, "
        "CAST('2024-02-29' AS DATE) AS on_day, CAST('2024-02-29 01:02:03.000004' AS DATETIME(6)) "
        "AS at, 'ä→😀' AS word, NULL AS nothing, 1 = 1 AS ok, SUM(3) AS total"
    )
    assert table.to_pylist() == [
        {
            "i": 1,
            "big": 18446744073709551615,
            "d": Decimal("1.50"),
            "x": 0.1,
            "on_day": dt.date(2024, 2, 29),
            "at": dt.datetime(2024, 2, 29, 1, 2, 3, 4),
            "word": "ä→😀",
            "nothing": None,
            "ok": True,
            "total": Decimal("3"),
        }
    ]
    assert table.schema.field("d").type == pa.decimal128(38, 2)
    assert table.schema.field("at").type == pa.timestamp("us")
    assert table.schema.field("big").type == pa.uint64()


def test_an_empty_result_keeps_its_types(session: Connection) -> None:
    schema = session.run("SELECT 1 AS i, 1.5 AS d, 1 > 2 AS ok FROM (SELECT 1) AS t LIMIT 0").schema
    assert schema.types == [pa.int64(), pa.decimal128(38, 1), pa.bool_()]


def test_decimals_of_more_than_38_digits_are_exact(session: Connection) -> None:
    number = "1234567890123456789012345678901234567890.12345"
    assert session.run(f"SELECT {number} AS d").to_pylist() == [{"d": Decimal(number)}]


def test_sessions_are_in_utc_and_read_only(session: Connection, server: Any) -> None:
    zone = session.run(
        "SELECT @@session.time_zone AS zone, TIMEDIFF(NOW(), UTC_TIMESTAMP()) AS off"
    )
    assert zone.to_pylist() == [{"zone": "+00:00", "off": "00:00:00"}]
    with pytest.raises(WarehouseError, match="READ ONLY"):
        session.execute(f"CREATE TABLE {_database(server)}.t (a INT)")


def test_a_session_writes_when_asked_to(server: Any, tmp_path: Path) -> None:
    writing = connect(target(server), project_dir=tmp_path, read_only=False)
    writing.execute("CREATE TABLE t (a INT);\nINSERT INTO t VALUES (5)")
    assert writing.run("SELECT a FROM t").to_pylist() == [{"a": 5}]
    writing.close()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT CAST('abc' AS SIGNED) AS n", "Truncated incorrect INTEGER value: 'abc'"),
        ("SELECT CAST('2024-02-30' AS DATE) AS d", "ncorrect (datetime|date) value: '2024-02-30'"),
        ("SELECT CAST(1e300 AS DECIMAL(65, 30)) AS d", "overflow|Truncated incorrect DECIMAL"),
    ],
)
def test_another_value_with_a_warning_is_an_error(session: Connection, sql: str, said: str) -> None:
    with pytest.raises(WarehouseError, match=said):
        session.run(sql)


def test_a_division_by_zero_is_null_and_no_error(session: Connection) -> None:
    assert session.run("SELECT 1 / 0 AS x").to_pylist() == [{"x": None}]


def test_the_date_of_zeros_is_an_error_that_names_the_column(server: Any) -> None:
    with server.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("CREATE TABLE t (d DATE)")
        cursor.execute("INSERT INTO t VALUES ('0000-00-00')")
    with pytest.raises(WarehouseError, match="`d` holds `0000-00-00`"):
        wrap(server).run("SELECT d FROM t")


def test_a_zone_that_the_server_does_not_know_is_an_error(session: Connection) -> None:
    sql = "SELECT CONVERT_TZ('2024-01-01', '+00:00', 'Asia/Tokyo') AS t"
    assert session.run(sql).to_pylist() == [{"t": dt.datetime(2024, 1, 1, 9)}]
    session._zones.clear()
    with pytest.raises(WarehouseError, match="does not know the time zone `Asia/Tokyo`"):
        session._check_zones(_NoZones(), sql)


class _NoZones:
    """A cursor of a server without tables of time zones."""

    def execute(self, *_: Any) -> None:
        pass

    def fetchone(self) -> tuple[str]:
        return ("1",)


def test_a_relation_has_its_columns_and_keys(server: Any) -> None:
    with server.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, code VARCHAR(9) UNIQUE, ok BOOLEAN, "
            "a INT NOT NULL, b DECIMAL(9, 2), UNIQUE (a, b), KEY (b))"
        )
    found = wrap(server).describe_relation(("t",))
    assert found is not None
    assert found.columns == (
        Column("id", "int unsigned", False),
        Column("code", "varchar(9)", True),
        Column("ok", "boolean", True),
        Column("a", "int", False),
        Column("b", "decimal(9,2)", True),
    )
    assert found.primary_key == ("id",)
    assert set(found.unique_keys) == {("code",), ("a", "b")}
    assert wrap(server).describe_relation((_database(server), "t")) == found
    assert wrap(server).describe_relation(("nowhere", "t")) is None


def test_a_query_is_described_without_running_it(server: Any) -> None:
    with server.cursor() as cursor:
        cursor.execute("CREATE TABLE t (ok BOOLEAN, n INT, m DECIMAL(9, 2), d DATE)")
        cursor.execute("INSERT INTO t VALUES (TRUE, 1, 1.5, '2024-01-01')")
    select = "WITH c AS (SELECT ok, MAX(n) AS n, SUM(m) AS m, MIN(d) AS d FROM t GROUP BY ok) SELECT * FROM c"
    assert [(c.name, c.type) for c in wrap(server).describe(select)] == [
        ("ok", "boolean"),
        ("n", "int"),
        ("m", "decimal(31,2)"),
        ("d", "date"),
    ]
    start = time.monotonic()
    wrap(server).describe("SELECT SLEEP(30) AS s FROM t UNION ALL SELECT n FROM t")
    assert time.monotonic() - start < 10


def test_a_wrong_column_is_shown_with_a_caret(session: Connection) -> None:
    with pytest.raises(WarehouseError) as error:
        session.run("SELECT\n  t.nothing\nFROM (SELECT 1 AS a) AS t")
    (issue,) = error.value.issues
    assert (str(issue.location), issue.location.text) == ("<sql>:2:3", "  t.nothing")


def test_wrong_syntax_is_shown_with_a_caret(session: Connection) -> None:
    with pytest.raises(WarehouseError) as error:
        session.run("SELECT 1\nFROM FROM t")
    assert str(error.value.issues[0].location) == "<sql>:2:6"


def test_a_query_is_cancelled_from_another_thread(session: Connection) -> None:
    threading.Timer(0.3, session.cancel).start()
    start = time.monotonic()
    try:
        session.run(LONG)
    except WarehouseError as error:
        assert "interrupted" in str(error)
    assert time.monotonic() - start < 10


def test_a_users_connection_is_left_as_it_was(server: Any) -> None:
    asked = (
        "SELECT @@session.time_zone, @@session.sql_mode, @@session.group_concat_max_len, "
        "@@session.collation_connection"
    )
    with server.cursor() as cursor:
        cursor.execute("SET time_zone = '-08:00', sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
        cursor.execute(asked)
        before = cursor.fetchone()
    connection = wrap(server)
    found = connection.run(
        "SELECT \"a\\\\b\" AS text, @@session.time_zone AS zone, 'a' = 'A' AS same"
    )
    assert found.to_pylist() == [{"text": "a\\b", "zone": "+00:00", "same": False}]
    with pytest.raises(WarehouseError):
        connection.run("SELECT nothing")
    connection.close()
    with server.cursor() as cursor:
        cursor.execute(asked)
        assert cursor.fetchone() == before


def test_an_instant_is_in_utc_whatever_the_session_of_its_user(server: Any) -> None:
    with server.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("CREATE TABLE t (at TIMESTAMP(6) NULL)")
        cursor.execute("INSERT INTO t VALUES ('2024-07-01 12:00:00')")
        cursor.execute("SET time_zone = '-08:00'")
    assert wrap(server).run("SELECT at FROM t").to_pylist() == [{"at": dt.datetime(2024, 7, 1, 12)}]


def test_a_server_that_does_not_answer_is_named_without_password(
    server: Any, tmp_path: Path
) -> None:
    wrong = target(server, host="127.0.0.1", port=1, password="s3cret-word")
    with pytest.raises(WarehouseError) as error:
        connect(wrong, project_dir=tmp_path)
    text = str(error.value)
    assert "mariadb at 127.0.0.1:1, database `" in text and f"user `{server.user.decode()}`" in text
    assert "s3cret-word" not in text and "s3cret-word" not in repr(wrong)


def test_a_missing_driver_names_what_to_install(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymysql", None)
    nowhere = Target("shop", "prod", "mysql", "mysql", "shop", {"server": "db"}, None)
    with pytest.raises(WarehouseError, match=r"pip install 'kpilayer\[mysql\]'"):
        connect(nowhere, project_dir=tmp_path)


# ---------------------------------------------------------------------------------- which are booleans


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a, ok, a = 1, NOT ok, a IN (1), a IS NULL FROM t", (0, 1, 1, 1, 1, 1)),
        ("SELECT CASE WHEN a THEN 1 ELSE 0 END, CASE WHEN a THEN ok END FROM t", (0, 1)),
        ("SELECT COALESCE(ok, TRUE), COALESCE(ok, 0), MAX(ok), SUM(ok) FROM t", (1, 0, 1, 0)),
        ("WITH c AS (SELECT a > 1 AS b, a FROM t) SELECT c.b, c.a FROM c", (1, 0)),
        ("WITH c AS (SELECT ok AS b FROM t UNION ALL SELECT NULL) SELECT * FROM c", (1,)),
        ("WITH c AS (SELECT ok AS b FROM t UNION ALL SELECT 1) SELECT b FROM c", (0,)),
        ("SELECT x.*, y.a FROM (SELECT ok FROM t) AS x JOIN t AS y ON TRUE", (1, 0)),
        ("SELECT (SELECT MAX(ok) FROM t), LEAD(ok) OVER (ORDER BY a) FROM t", (1, 1)),
        ("WITH t AS (SELECT 1 AS ok) SELECT ok FROM t", (0,)),
        ("WITH t AS (SELECT ok FROM t) SELECT ok FROM t", (1,)),
    ],
)
def test_a_query_tells_which_of_its_columns_are_booleans(sql: str, expected: Any) -> None:
    tables = {("t",): {"a": False, "ok": True}}
    found = boolean_columns(sql, "mysql", lambda parts: tables.get(parts, {}))
    assert found == tuple(map(bool, expected))


# ------------------------------------------------------------------------------- what is printed for both

ORDERS = """
models:
  - name: orders
    semantic_model: true
    columns:
      - name: id
        entity: {name: order, type: primary}
metrics:
  - {name: middle, model: orders, agg: median, expr: amount}
"""


def test_numbers_of_rows_are_signed(define: Any) -> None:
    """Those of MySQL are not, and 1 - 2 of them is an error."""
    tables = {"orders": "SELECT 1 AS id, 2.5 AS amount"}
    sql = define(ORDERS, tables=tables).compile("middle", dialect="mysql")
    flat = " ".join(sql.split()).replace("( ", "(").replace(" )", ")")
    assert "CAST(ROW_NUMBER() OVER (ORDER BY" in flat
    assert "AS SIGNED) AS middle_place" in flat
