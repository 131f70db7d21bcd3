"""Connections to real engines: exact values, plain errors, and queries that can be stopped."""

from __future__ import annotations

import datetime as dt
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb as engine
import pyarrow as pa
import pytest

from kpilayer.errors import WarehouseError
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.connection import Column, Connection
from kpilayer.warehouse.profiles import Target, default_target
from kpilayer.warehouse.result import Result
from kpilayer.warehouse.run import run_with_progress

HUGE = 170141183460469231731687303715884105727  # 2**127 - 1
LONG_DUCKDB = (
    "SELECT count(*) FROM range(10000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"
)


def target(kind: str, /, **settings: object) -> Target:
    schema = settings.get("schema")
    name = schema if isinstance(schema, str) else None
    return Target("shop", "dev", kind, kind, name, settings, Path("profiles.yml"))


def rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    return Result.from_table(connection.run(sql), sql=sql).rows()


def types(connection: Connection, sql: str) -> list[pa.DataType]:
    return list(connection.run(sql).schema.types)


def refusal(connection: Connection, sql: str) -> str:
    with pytest.raises(WarehouseError) as raised:
        connection.run(sql)
    return str(raised.value)


def stopped_after(action: Callable[[], object], connection: Connection) -> tuple[float, str]:
    """Seconds that ``action`` took, cancelled after half a second, and what it raised."""
    timer = threading.Timer(0.5, connection.cancel)
    timer.start()
    start = time.monotonic()
    with pytest.raises(WarehouseError) as raised:
        action()
    timer.join()
    return time.monotonic() - start, str(raised.value)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Connection]:
    connection = connect(target("duckdb", path=":memory:"), project_dir=tmp_path)
    yield connection
    connection.close()


@pytest.fixture
def postgres(postgres_schema: Any, tmp_path: Path) -> Iterator[Connection]:
    connection = connect(target("postgres", **postgres_schema.settings), project_dir=tmp_path)
    yield connection
    connection.close()


# ---------------------------------------------------------------- DuckDB: values


def test_duckdb_sums_of_integers_are_exact(memory: Connection) -> None:
    sql = "SELECT sum(x) AS s FROM (VALUES (9223372036854775807), (9223372036854775807)) t(x)"
    assert types(memory, sql) == [pa.decimal128(38, 0)]
    assert rows(memory, sql) == [(18446744073709551614,)]


def test_duckdb_hugeint_of_39_digits_is_exact(memory: Connection) -> None:
    assert rows(memory, f"SELECT {HUGE}::HUGEINT, (-{HUGE})::HUGEINT") == [(HUGE, -HUGE)]


def test_duckdb_types_arrive_as_they_are(memory: Connection) -> None:
    sql = """
    SELECT sum(0.10::DECIMAL(14,2)) AS s, avg(x), count(*), count(DISTINCT x), sum(x::DOUBLE),
        DATE '2026-02-28', TIMESTAMP '2026-02-28 23:59:59.999999',
        TIMESTAMPTZ '2026-02-28 23:59:59+02', true, NULL::VARCHAR, 'ä→😀''";\\'
    FROM range(3) t(x)"""
    assert types(memory, sql) == [
        pa.decimal128(38, 2), pa.float64(), pa.int64(), pa.int64(), pa.float64(), pa.date32(),
        pa.timestamp("us"), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.string(), pa.string(),
    ]  # fmt: skip
    assert rows(memory, sql) == [(
        Decimal("0.30"), 1.0, 3, 3, 3.0, dt.date(2026, 2, 28),
        dt.datetime(2026, 2, 28, 23, 59, 59, 999999),
        dt.datetime(2026, 2, 28, 21, 59, 59, tzinfo=dt.UTC), True, None, "ä→😀'\";\\",
    )]  # fmt: skip


def test_duckdb_nan_and_infinity_stay(memory: Connection) -> None:
    [(nan, infinity)] = rows(memory, "SELECT 'nan'::DOUBLE, 'inf'::DOUBLE")
    assert math.isnan(nan)
    assert infinity == math.inf


def test_duckdb_empty_result_keeps_types(memory: Connection) -> None:
    table = memory.run("SELECT 1.50::DECIMAL(14,2) AS d, sum(1) AS n WHERE false GROUP BY 1")
    assert table.num_rows == 0
    assert table.schema.types == [pa.decimal128(14, 2), pa.decimal128(38, 0)]


def test_duckdb_sessions_are_in_utc(memory: Connection) -> None:
    sql = "SELECT date_trunc('day', TIMESTAMPTZ '2026-01-01 00:30:00+02')"
    assert rows(memory, sql) == [(dt.datetime(2025, 12, 31, tzinfo=dt.UTC),)]


def test_duckdb_order_of_rows_is_kept(memory: Connection) -> None:
    sql = "SELECT x FROM range(100000) t(x) ORDER BY x DESC LIMIT 3"
    assert rows(memory, sql) == [(99999,), (99998,), (99997,)]


def test_duckdb_does_not_read_python_variables(memory: Connection) -> None:
    assert "Table with name relation does not exist" in refusal(memory, "SELECT * FROM relation")


@pytest.mark.parametrize(
    "value",
    ["DATE 'infinity'", "DATE '-infinity'", "DATE '20000-01-01'", "DATE '0044-03-15 (BC)'",
     "TIMESTAMP 'infinity'", "TIMESTAMP '-infinity'", "TIMESTAMP '20000-01-01'",
     "TIMESTAMP '0044-03-15 (BC)'", "TIMESTAMPTZ 'infinity'", "TIMESTAMPTZ '20000-01-01'",
     "TIMESTAMPTZ '0044-03-15 (BC)'", "TIMESTAMP_S '20000-01-01'", "TIMESTAMP_MS '20000-01-01'",
     "[DATE 'infinity']", "{'day': DATE 'infinity'}"],
)  # fmt: skip
def test_duckdb_date_that_python_has_not_is_an_error(memory: Connection, value: str) -> None:
    sql = f"SELECT 1 AS n, {value} AS valid_to"
    result = Result.from_table(memory.run(sql), sql=sql)
    assert result.to_arrow().num_rows == 1
    for read in (result.rows, lambda: next(iter(result))):
        with pytest.raises(WarehouseError) as raised:
            read()
        assert raised.value.issues[0].code == "query-failed"
        assert "the column `valid_to` holds a date or time outside years 1 to 9999" in str(
            raised.value
        )


def test_duckdb_first_and_last_day_of_python_arrive(memory: Connection) -> None:
    sql = "SELECT DATE '0001-01-01', TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"
    last = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, dt.UTC)
    assert rows(memory, sql) == [(dt.date(1, 1, 1), last)]


# ---------------------------------------------------------------- DuckDB: files


def test_files_are_read_by_absolute_path(memory: Connection, tmp_path: Path) -> None:
    data = tmp_path / "a, b" / "data"
    data.mkdir(parents=True)
    memory.execute(f"COPY (SELECT 1 AS id, 2.50::DECIMAL(9,2) AS v) TO '{data}/o.parquet'")
    (data / "o.csv").write_text("id,name\n1,ä\n2,\n", encoding="utf-8")
    assert rows(memory, f"SELECT * FROM '{data}/o.parquet'") == [(1, Decimal("2.50"))]
    assert rows(memory, f"SELECT * FROM read_csv('{data}/o.csv') ORDER BY id") == [
        (1, "ä"), (2, None),
    ]  # fmt: skip
    assert memory.describe(f"SELECT * FROM '{data}/*.parquet'") == (
        Column("id", "INTEGER", True), Column("v", "DECIMAL(9,2)", True),
    )  # fmt: skip


def test_no_folder_is_searched_for_files(memory: Connection, tmp_path: Path) -> None:
    (tmp_path / "only_here.csv").write_text("id\n1\n", encoding="utf-8")
    assert rows(memory, "SELECT current_setting('file_search_path')") == [("",)]
    assert "only_here.csv" in refusal(memory, "SELECT * FROM read_csv('only_here.csv')")


def test_default_file_may_be_missing(tmp_path: Path) -> None:
    connection = connect(default_target(tmp_path, "shop"), project_dir=tmp_path)
    assert rows(connection, "SELECT 1") == [(1,)]
    connection.close()
    assert not (tmp_path / ".kpilayer").exists()


def test_file_is_made_for_writing_and_then_read_only(tmp_path: Path) -> None:
    place = default_target(tmp_path, "shop")
    writing = connect(place, project_dir=tmp_path, read_only=False)
    writing.execute("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7)")
    writing.close()
    reading = connect(place, project_dir=tmp_path)
    assert rows(reading, "SELECT a FROM t") == [(7,)]
    with pytest.raises(WarehouseError, match="read-only"):
        reading.execute("INSERT INTO t VALUES (8)")
    reading.close()


def test_missing_file_of_a_profile_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError) as raised:
        connect(target("duckdb", path="no/such.duckdb"), project_dir=tmp_path)
    assert str(raised.value).startswith(
        f"error[connection-failed]: the DuckDB file `{tmp_path / 'no/such.duckdb'}` does not exist"
    )
    assert "kpilayer demo" in str(raised.value)


def test_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("no database at all, but a text of some length" * 500)
    with pytest.raises(WarehouseError, match=r"x\.duckdb` is not a DuckDB database file"):
        connect(target("duckdb", path="x.duckdb"), project_dir=tmp_path)


@pytest.mark.parametrize("name", ["x.duckdb", "conflicting lock.duckdb"])
@pytest.mark.parametrize("harm", ["changed", "cut"])
def test_damaged_file_is_not_called_locked(tmp_path: Path, name: str, harm: str) -> None:
    file = tmp_path / name
    with engine.connect(str(file)) as own:
        own.execute("CREATE TABLE t AS SELECT range AS a FROM range(10000)")
    data = bytearray(file.read_bytes())
    if harm == "changed":
        data[100:164] = b"Z" * 64  # DuckDB says: checksum .. does not match .. in block
    else:
        del data[100:]
    file.write_bytes(data)
    with pytest.raises(WarehouseError) as raised:
        connect(target("duckdb", path=name), project_dir=tmp_path)
    assert f"the DuckDB file `{file}` is damaged: " in str(raised.value)
    assert "is locked" not in str(raised.value)


def test_locked_file_names_the_process(tmp_path: Path) -> None:
    code = f"import duckdb; c = duckdb.connect({str(tmp_path / 'x.duckdb')!r}); print(1); input()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(WarehouseError) as raised:
            connect(target("duckdb", path="x.duckdb"), project_dir=tmp_path)
        other.communicate(b"\n")
    assert "is locked by " in str(raised.value)
    assert f"(PID {other.pid})" in str(raised.value)


def test_file_open_for_writing_here_is_said_to_be(tmp_path: Path) -> None:
    with (
        engine.connect(str(tmp_path / "x.duckdb")),
        pytest.raises(WarehouseError, match="open for writing in this very process"),
    ):
        connect(target("duckdb", path="x.duckdb"), project_dir=tmp_path)


def test_settings_attached_files_and_schema_are_applied(tmp_path: Path) -> None:
    with engine.connect(str(tmp_path / "other.duckdb")) as other:
        other.execute("CREATE TABLE t AS SELECT 5 AS a")
    with engine.connect(str(tmp_path / "x.duckdb")) as main:
        main.execute("CREATE SCHEMA marts; CREATE TABLE marts.m AS SELECT 6 AS b")
    place = target(
        "duckdb", path="x.duckdb", schema="marts", settings={"threads": 2},
        attach=[{"path": str(tmp_path / "other.duckdb"), "alias": "other"}],
    )  # fmt: skip
    connection = connect(place, project_dir=tmp_path)
    assert rows(connection, "SELECT a, b, current_setting('threads') FROM other.t, m") == [
        (5, 6, 2)
    ]
    connection.close()


def test_unknown_setting_is_a_connection_error(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="refused a setting") as raised:
        connect(target("duckdb", settings={"nope": 1, "pass": "hunter22"}), project_dir=tmp_path)
    assert raised.value.issues[0].code == "connection-failed"
    assert "hunter22" not in str(raised.value)


# ---------------------------------------------------------------- DuckDB: errors, descriptions


def test_duckdb_wrong_column_is_shown_with_a_caret(memory: Connection) -> None:
    assert refusal(memory, "SELECT 'ä→😀',\n\trevnue AS r\nFROM (SELECT 1 AS revenue)") == (
        '<sql>:2:2: error[query-failed]: Binder Error: Referenced column "revnue" not found in '
        "FROM clause!\n"
        "2 |  revnue AS r\n"
        "  |  ^^^^^^\n"
        '  = help: Candidate bindings: "revenue"'
    )


def test_duckdb_wrong_syntax_is_shown_with_a_caret(memory: Connection) -> None:
    said = refusal(memory, "SELECT 1\nFORM t GROUP")
    assert said.startswith("<sql>:2:6: error[query-failed]: Parser Error: syntax error")
    assert "2 | FORM t GROUP\n  |      ^" in said


def test_duckdb_error_in_a_long_line_is_found(memory: Connection) -> None:
    many = ", ".join(f"{n} AS column_{n}" for n in range(100))
    said = refusal(memory, f"SELECT {many}, nothing, {many} FROM range(3)")
    assert said.startswith(f"<sql>:1:{len(f'SELECT {many}, ') + 1}: ")


def test_duckdb_error_of_a_value_names_the_value(memory: Connection) -> None:
    sql = "SELECT CAST(x AS INT) FROM (SELECT CASE WHEN r > 5 THEN 'x' ELSE '1' END AS x " \
          "FROM range(10) t(r))"  # fmt: skip
    assert "Could not convert string 'x' to INT32" in refusal(memory, sql)


def test_duckdb_statement_is_not_run_again_to_find_an_error(memory: Connection) -> None:
    memory.execute("CREATE TABLE t (a INTEGER)")
    with pytest.raises(WarehouseError):
        memory.execute("INSERT INTO t VALUES (1); SELECT nothing; INSERT INTO t VALUES (2)")
    assert rows(memory, "SELECT a FROM t") == [(1,)]


def test_duckdb_describes_a_query_without_running_it(memory: Connection) -> None:
    sql = f"-- all\nWITH q AS ({LONG_DUCKDB}) SELECT *, 1.5::DECIMAL(14,2) AS d FROM q; "
    start = time.monotonic()
    assert memory.describe(sql) == (
        Column("count_star()", "BIGINT", True), Column("d", "DECIMAL(14,2)", True),
    )  # fmt: skip
    assert time.monotonic() - start < 5
    with pytest.raises(WarehouseError, match='"nothing"'):
        memory.describe("SELECT nothing")


def test_duckdb_outer_join_keeps_no_promise_about_null(memory: Connection) -> None:
    memory.execute("CREATE TABLE a (k INTEGER NOT NULL); CREATE TABLE b (k INTEGER NOT NULL)")
    described = memory.describe("SELECT b.k FROM a LEFT JOIN b ON a.k = b.k")
    assert described == (Column("k", "INTEGER", True),)


def test_duckdb_relation_has_its_keys(memory: Connection) -> None:
    memory.execute("""
    CREATE SCHEMA s;
    CREATE TABLE s."Order Lines" (
        order_id INTEGER, line INTEGER, sku VARCHAR NOT NULL UNIQUE, d DECIMAL(14,2), code INTEGER,
        PRIMARY KEY (order_id, line), UNIQUE (d, code));
    CREATE VIEW s.v AS SELECT sku FROM s."Order Lines";
    """)
    found = memory.describe_relation(("s", "order lines"))
    assert found is not None
    assert found.columns == (
        Column("order_id", "INTEGER", False), Column("line", "INTEGER", False),
        Column("sku", "VARCHAR", False), Column("d", "DECIMAL(14,2)", True),
        Column("code", "INTEGER", True),
    )  # fmt: skip
    assert found.primary_key == ("order_id", "line")
    assert sorted(found.unique_keys) == [("d", "code"), ("sku",)]
    assert found.keys[0] == ("order_id", "line")
    assert found == memory.describe_relation(("memory", "s", "Order Lines"))
    view = memory.describe_relation(("s", "v"))
    assert view is not None
    assert (view.columns, view.keys) == ((Column("sku", "VARCHAR", True),), ())
    assert memory.describe_relation(("Order Lines",)) is None
    assert memory.describe_relation(("s", "nothing")) is None


# ---------------------------------------------------------------- stopping


def test_duckdb_query_is_cancelled_from_another_thread(memory: Connection) -> None:
    seconds, said = stopped_after(lambda: memory.run(LONG_DUCKDB), memory)
    assert seconds < 5
    assert said == "error[query-failed]: the query was cancelled"
    assert rows(memory, "SELECT 1") == [(1,)]


def test_interrupt_while_waiting_cancels_the_query(memory: Connection) -> None:
    told: list[tuple[float | None, float]] = []

    def report(done: float | None, seconds: float) -> None:
        told.append((done, seconds))
        if seconds > 0.5:
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_with_progress(memory, LONG_DUCKDB, report)
    assert time.monotonic() - start < 5
    assert len(told) >= 3
    assert all(done is None or 0 <= done <= 1 for done, _ in told)
    assert all(thread.name != "kpilayer-query" for thread in threading.enumerate())


def test_waiting_gives_the_table_or_the_error(memory: Connection) -> None:
    assert run_with_progress(memory, "SELECT 42 AS a").to_pydict() == {"a": [42]}
    with pytest.raises(WarehouseError, match="query-failed"):
        run_with_progress(memory, "SELECT nothing")


def test_progress_is_silent_when_nothing_runs(memory: Connection) -> None:
    assert memory.progress() is None
    memory.cancel()
    assert rows(memory, "SELECT 1") == [(1,)]


def test_postgres_query_is_cancelled_from_another_thread(postgres: Connection) -> None:
    seconds, said = stopped_after(lambda: postgres.run("SELECT pg_sleep(30)"), postgres)
    assert seconds < 5
    assert said == "error[query-failed]: canceling statement due to user request"
    assert rows(postgres, "SELECT 1") == [(1,)]


def test_interrupt_while_waiting_cancels_on_the_server(
    postgres: Connection, postgres_schema: Any
) -> None:
    def report(done: float | None, seconds: float) -> None:
        if seconds > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_with_progress(postgres, f"SELECT pg_sleep(30) AS {postgres_schema.schema}", report)
    running = postgres_schema.connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s",
        [f"SELECT pg_sleep(30) AS {postgres_schema.schema}"],
    ).fetchone()
    assert running == (0,)


# ---------------------------------------------------------------- PostgreSQL: values


def test_postgres_aggregates_have_exact_types(postgres: Connection) -> None:
    sql = """
    SELECT sum(x::int), sum(x::bigint), sum(x::numeric(14,2) / 10), avg(x), count(*),
        count(DISTINCT x), sum(x::float8), min(x::smallint), max(x::real)
    FROM generate_series(1, 4) AS t(x)"""
    assert types(postgres, sql) == [
        pa.int64(), pa.decimal128(38, 0), pa.decimal128(38, 20), pa.decimal128(38, 16), pa.int64(),
        pa.int64(), pa.float64(), pa.int16(), pa.float32(),
    ]  # fmt: skip
    assert rows(postgres, sql) == [(10, 10, Decimal(1), Decimal("2.5"), 4, 4, 10.0, 1, 4.0)]


def test_postgres_sums_beyond_64_bits_are_exact(postgres: Connection) -> None:
    sql = "SELECT sum(x) FROM (VALUES (9223372036854775807), (9223372036854775807)) AS t(x)"
    [(value,)] = rows(postgres, sql)
    assert value == 18446744073709551614
    assert type(value) is int


def test_postgres_numerics_keep_every_digit(postgres: Connection) -> None:
    sql = """SELECT * FROM (VALUES
        (1.10::numeric(14,2), 1.5::numeric, 12345678901234567890123456789012345678.9::numeric),
        (NULL, 0.12345, 0.01), (-0.01, 2, NULL)) AS t(a, b, c)"""
    assert types(postgres, sql) == [
        pa.decimal128(38, 2), pa.decimal128(38, 5), pa.decimal256(76, 2),
    ]  # fmt: skip
    found = rows(postgres, sql)
    assert found == [
        (Decimal("1.10"), Decimal("1.5"), Decimal("12345678901234567890123456789012345678.9")),
        (None, Decimal("0.12345"), Decimal("0.01")),
        (Decimal("-0.01"), Decimal(2), None),
    ]
    assert str(found[0][0]) == "1.10"


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_postgres_numeric_without_digits_is_an_error(postgres: Connection, word: str) -> None:
    said = refusal(postgres, f"SELECT '{word}'::numeric AS margin")
    assert f"the column `margin` holds {word}, which no decimal number is" in said
    assert "double precision" in said


def test_postgres_numeric_beyond_76_digits_is_an_error(postgres: Connection) -> None:
    assert "the column `n` needs 101 digits" in refusal(postgres, "SELECT 1e100::numeric AS n")


def test_postgres_types_arrive_as_they_are(postgres: Connection) -> None:
    sql = r"""
    SELECT DATE '2026-02-28', TIMESTAMP '2026-02-28 23:59:59.999999',
        TIMESTAMPTZ '2026-02-28 23:59:59+02', TIME '10:30', true, NULL::text, 'x'::varchar(20),
        'ä→😀''";\%s', '{"a": 1}'::json, '6f2c2c4e-0f7b-4f9e-9c39-0d6f6c6c1a11'::uuid,
        INTERVAL '1 month 2 days', ARRAY[1, NULL], '\x00ff'::bytea, 'nan'::float8,
        DATE '0001-01-01', DATE '9999-12-31'"""
    text = pa.string()
    assert types(postgres, sql) == [
        pa.date32(), pa.timestamp("us"), pa.timestamp("us", tz="UTC"), pa.time64("us"), pa.bool_(),
        text, text, text, text, text, text, text, pa.binary(), pa.float64(), pa.date32(),
        pa.date32(),
    ]  # fmt: skip
    [row] = rows(postgres, sql)
    assert math.isnan(row[13])
    assert row[:13] + row[14:] == (
        dt.date(2026, 2, 28), dt.datetime(2026, 2, 28, 23, 59, 59, 999999),
        dt.datetime(2026, 2, 28, 21, 59, 59, tzinfo=dt.UTC), dt.time(10, 30), True, None, "x",
        "ä→😀'\";\\%s", '{"a": 1}', "6f2c2c4e-0f7b-4f9e-9c39-0d6f6c6c1a11", "1 mon 2 days",
        "{1,NULL}", b"\x00\xff", dt.date(1, 1, 1), dt.date(9999, 12, 31),
    )  # fmt: skip


def test_postgres_infinite_date_is_an_error(postgres: Connection) -> None:
    assert "date too large" in refusal(postgres, "SELECT 'infinity'::date")


def test_postgres_empty_result_keeps_types(postgres: Connection) -> None:
    sql = "SELECT 1.5::numeric(14,2) AS a, now() AS b, 'x' AS c, sum(1) AS d WHERE false GROUP BY 2"
    table = postgres.run(sql)
    assert table.num_rows == 0
    assert table.schema.types == [
        pa.decimal128(38, 2), pa.timestamp("us", tz="UTC"), pa.string(), pa.int64(),
    ]  # fmt: skip


def test_postgres_batches_are_one_result(postgres: Connection) -> None:
    sql = "SELECT x, x / 8.0 FROM generate_series(1, 45000) AS t(x) ORDER BY x"
    table = postgres.run(sql)
    assert table.num_rows == 45000
    assert table.column(0).num_chunks == 3
    assert rows(postgres, sql)[-1] == (45000, Decimal(5625))


def test_postgres_sessions_are_in_utc(postgres: Connection) -> None:
    sql = "SELECT date_trunc('day', TIMESTAMPTZ '2026-01-01 00:30:00+02')"
    assert rows(postgres, sql) == [(dt.datetime(2025, 12, 31, tzinfo=dt.UTC),)]


# ---------------------------------------------------------------- PostgreSQL: errors, descriptions


def test_postgres_session_reads_only_its_schema(postgres: Connection, postgres_schema: Any) -> None:
    postgres_schema.connection.execute("CREATE TABLE t AS SELECT 7 AS a")
    assert rows(postgres, "SELECT a FROM t") == [(7,)]
    with pytest.raises(WarehouseError, match="read-only transaction"):
        postgres.execute("INSERT INTO t VALUES (8)")
    assert rows(postgres, "SELECT current_setting('application_name')") == [("kpilayer",)]


def test_postgres_writes_when_asked_to(postgres_schema: Any, tmp_path: Path) -> None:
    place = target("postgres", **postgres_schema.settings)
    connection = connect(place, project_dir=tmp_path, read_only=False)
    connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (8)")
    assert rows(connection, "SELECT a FROM t") == [(8,)]
    connection.close()


def test_postgres_wrong_column_is_shown_with_a_caret(postgres: Connection) -> None:
    sql = "SELECT 'ä→😀',\n\trevnue AS r\nFROM (SELECT 1 AS revenue) AS t"
    assert refusal(postgres, sql) == (
        '<sql>:2:2: error[query-failed]: column "revnue" does not exist\n'
        "2 |  revnue AS r\n"
        "  |  ^^^^^^\n"
        '  = help: Perhaps you meant to reference the column "t.revenue".'
    )


def test_postgres_error_of_a_value_has_no_place(postgres: Connection) -> None:
    assert refusal(postgres, "SELECT 1 / 0") == "error[query-failed]: division by zero"


def test_postgres_describes_a_query_without_running_it(postgres: Connection) -> None:
    sql = """SELECT pg_sleep(30) IS NULL AS s, 1::numeric(14,2) AS a, 'x'::varchar(20) AS b,
        now() AS c, sum(1::bigint) AS d -- done"""
    assert postgres.describe(sql) == (
        Column("s", "boolean", True), Column("a", "numeric(14,2)", True),
        Column("b", "character varying(20)", True), Column("c", "timestamp with time zone", True),
        Column("d", "numeric", True),
    )  # fmt: skip
    with pytest.raises(WarehouseError) as raised:
        postgres.describe("SELECT\n nothing")
    assert str(raised.value).startswith("<sql>:2:2: error[query-failed]: column ")


def test_postgres_relation_has_its_keys(postgres: Connection, postgres_schema: Any) -> None:
    postgres_schema.connection.execute("""
    CREATE TABLE "Order Lines" (
        gone int, order_id int, line int, sku varchar(20) NOT NULL UNIQUE, d numeric(14,2), e int,
        PRIMARY KEY (line, order_id), UNIQUE (e, d));
    ALTER TABLE "Order Lines" DROP COLUMN gone;
    CREATE VIEW v AS SELECT sku FROM "Order Lines";
    """)
    found = postgres.describe_relation(("Order Lines",))
    assert found is not None
    assert found.columns == (
        Column("order_id", "integer", False), Column("line", "integer", False),
        Column("sku", "character varying(20)", False), Column("d", "numeric(14,2)", True),
        Column("e", "integer", True),
    )  # fmt: skip
    assert found.primary_key == ("line", "order_id")
    assert sorted(found.unique_keys) == [("e", "d"), ("sku",)]
    assert found == postgres.describe_relation((postgres_schema.schema, "Order Lines"))
    view = postgres.describe_relation(("v",))
    assert view is not None
    assert (view.columns, view.keys) == ((Column("sku", "character varying(20)", True),), ())
    assert postgres.describe_relation(("order lines",)) is None
    assert postgres.describe_relation(("no_such_database", "public", "t")) is None


# ---------------------------------------------------------------- connecting


def test_postgres_that_does_not_answer_is_named_without_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="pip install 'kpilayer[postgres]'")
    place = target(
        "postgres", host="127.0.0.1", port=1, user="ann", password="hunter22", dbname="shop"
    )
    with pytest.raises(WarehouseError) as raised:
        connect(place, project_dir=tmp_path)
    said = str(raised.value)
    assert said.startswith(
        "error[connection-failed]: PostgreSQL at 127.0.0.1:1, database `shop`, user `ann`: "
    )
    assert "Connection refused" in said
    assert "hunter22" not in said + repr(raised.value.issues)


@pytest.mark.parametrize("key", ["dbname", "database", "host", "user"])
@pytest.mark.parametrize(
    "text",
    ["postgresql://u:S3cret@127.0.0.1:1/db", "postgresql://u:S3cret S3cret@127.0.0.1:1/db",
     "host=127.0.0.1 port=1 password=S3cret dbname=db", "password='x S3cret' port=1",
     "password=x;S3cret&S3cret,S3cret port=1"],
)  # fmt: skip
def test_connection_string_in_a_setting_hides_its_password(
    key: str, text: str, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg", reason="pip install 'kpilayer[postgres]'")
    place = target("postgres", **{"host": "127.0.0.1", "port": 1, key: text})
    with pytest.raises(WarehouseError) as raised:
        connect(place, project_dir=tmp_path)
    assert raised.value.issues[0].code == "connection-failed"
    assert "***" in str(raised.value)
    assert "S3cret" not in str(raised.value) + repr(raised.value.issues) + repr(place)


def test_connection_string_that_the_server_cuts_hides_its_password(
    postgres_schema: Any, tmp_path: Path
) -> None:
    text = f"postgresql://u:{'S3cret' * 20}@127.0.0.1:1/db"
    settings = {k: v for k, v in postgres_schema.settings.items() if k != "database"}
    with pytest.raises(WarehouseError) as raised:
        connect(target("postgres", **{**settings, "dbname": text}), project_dir=tmp_path)
    assert "does not exist" in str(raised.value)
    assert "S3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "path", ["md:db?motherduck_token=S3cret", "x?token=S3cret&password=S3cret"]
)
def test_token_in_a_duckdb_path_is_hidden(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, **_: object) -> None:
        raise engine.IOException(f"IO Error: cannot open {name}, token S3cret")

    monkeypatch.setattr(engine, "connect", refuse)
    with pytest.raises(WarehouseError) as raised:
        connect(target("duckdb", path=path), project_dir=tmp_path)
    assert "token=***" in str(raised.value)
    assert "S3cret" not in str(raised.value) + repr(raised.value.issues)


def test_attached_string_that_a_query_quotes_is_hidden(memory: Connection) -> None:
    said = refusal(memory, "SELECT error('cannot reach postgresql://u:S3cret@db, token=S3cret')")
    assert "cannot reach postgresql://u:***@db, token=***" in said


def test_setting_that_postgres_refuses_hides_the_password(
    postgres_schema: Any, tmp_path: Path
) -> None:
    settings = {**postgres_schema.settings, "sslmode": "hunter22", "pass": "hunter22"}
    with pytest.raises(WarehouseError) as raised:
        connect(target("postgres", **settings), project_dir=tmp_path)
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize(
    ("driver", "kind", "install"),
    [
        ("psycopg", "postgres", "kpilayer[postgres]"),
        ("pyspark.sql", "spark", "kpilayer[spark]"),
        ("duckdb", "duckdb", "duckdb"),
    ],
)
def test_missing_driver_names_what_to_install(
    driver: str, kind: str, install: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(WarehouseError) as raised:
        connect(target(kind), project_dir=tmp_path)
    assert raised.value.issues[0].code == "missing-driver"
    assert f"pip install '{install}'" in str(raised.value)


def test_warehouse_that_cannot_be_run_on_yet_says_so(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="compiles SQL for `snowflake`, but cannot run it"):
        connect(target("snowflake", account="x"), project_dir=tmp_path)


# ---------------------------------------------------------------- connections of others


def test_wrapped_duckdb_connection_is_used_and_left_open() -> None:
    with engine.connect() as own:
        own.execute("SET TimeZone = 'Asia/Tokyo'")
        own.execute("CREATE TEMP TABLE t AS SELECT TIMESTAMPTZ '2026-01-01 00:30:00+02' AS m")
        own.register("frame", pa.table({"x": [1, 2]}))
        connection = wrap(own)
        day = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)
        assert rows(connection, "SELECT date_trunc('day', m), x FROM t, frame ORDER BY x") == [
            (day, 1), (day, 2),
        ]  # fmt: skip
        assert connection.describe_relation(("t",)) is not None
        assert "nothing" in refusal(connection, "SELECT nothing FROM t")
        connection.close()
        assert own.execute("SELECT current_setting('TimeZone')").fetchall() == [("Asia/Tokyo",)]


def test_wrapped_psycopg_connection_is_used_and_left_as_it_was(postgres_schema: Any) -> None:
    import psycopg
    from psycopg.rows import dict_row

    own = psycopg.connect(
        **{k: v for k, v in postgres_schema.settings.items() if k != "schema"}, row_factory=dict_row
    )
    own.execute("SET TimeZone = 'Asia/Tokyo'")
    own.execute("CREATE TEMP TABLE t AS SELECT 1.10::numeric AS a, '{}'::json AS j")
    connection = wrap(own)
    assert rows(connection, "SELECT a, j, current_setting('TimeZone') FROM t") == [
        (Decimal("1.10"), "{}", "UTC")
    ]
    assert "nothing" in refusal(connection, "SELECT nothing FROM t")
    assert connection.describe("SELECT a FROM t") == (Column("a", "numeric", True),)
    connection.close()
    left = own.execute("SELECT a, j, current_setting('TimeZone') AS zone FROM t").fetchone()
    assert left == {"a": Decimal("1.10"), "j": {}, "zone": "Asia/Tokyo"}
    own.close()


def test_other_connections_are_refused() -> None:
    with pytest.raises(WarehouseError, match=r"type `builtins\.object` is not one"):
        wrap(object())
