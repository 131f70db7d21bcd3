"""What a target allows: how long a statement runs, what is tried again, and who may write."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer.errors import ConfigError, WarehouseError
from kpilayer.warehouse.connect import connect
from kpilayer.warehouse.connection import TransientError, query_failed
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.run import run_with_progress
from kpilayer.warehouse.session import Session
from tests.engines.conftest import COPIES
from tests.engines.on_mariadb import LONG as LONG_ON_MARIADB
from tests.engines.on_mariadb import MARIADB
from tests.engines.on_mysql import MYSQL

SERVERS = {"mariadb": MARIADB, "mysql": MYSQL} if "mysql" in COPIES else {"mariadb": MARIADB}
ENGINES = ("chdb", "duckdb", *SERVERS, "postgres", "sqlite")
LONG = {
    "chdb": "SELECT count() AS n FROM numbers(1000000000000) WHERE number % 7 = 3",
    "duckdb": "SELECT count(*) AS n FROM range(10000000) a, range(1000000) b "
    "WHERE (a.range * b.range) % 7 = 3",
    **dict.fromkeys(SERVERS, LONG_ON_MARIADB),
    "postgres": "SELECT count(*) AS n FROM generate_series(1, 10000000000) AS t(x)",
    "sqlite": "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) "
    "SELECT count(*) AS n FROM t",
}


@contextmanager
def settings_of(
    kind: str, request: pytest.FixtureRequest, folder: Path
) -> Iterator[dict[str, Any]]:
    """A profile's settings for an empty database of this kind."""
    match kind:
        case "chdb":
            pytest.importorskip("chdb")
            yield {}
        case "duckdb":
            duckdb.connect(str(folder / "shop.duckdb")).close()
            yield {"path": "shop.duckdb"}
        case "mariadb" | "mysql":
            with SERVERS[kind].opened() as raw, raw.cursor() as cursor:
                cursor.execute("SELECT DATABASE()")
                yield {**SERVERS[kind].parameters(), "schema": cursor.fetchone()[0]}
        case "postgres":
            yield dict(request.getfixturevalue("postgres_schema").settings)
        case "sqlite":
            sqlite3.connect(folder / "shop.db").close()
            yield {"path": "shop.db"}


def target(kind: str, **settings: Any) -> Target:
    return Target("shop", "dev", kind, kind, settings.get("schema"), settings, None)


# ------------------------------------------------------------------------------------------- timeout


@pytest.mark.parametrize("kind", ENGINES)
def test_a_statement_is_stopped_after_timeout_seconds(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with settings_of(kind, request, tmp_path) as settings:
        place = target(kind, **settings, timeout_seconds=0.5)
        connection = connect(place, project_dir=tmp_path)
        try:
            start = time.monotonic()
            with pytest.raises(WarehouseError) as raised:
                connection.run(LONG[kind])
            assert 0.4 < time.monotonic() - start < 10
            assert str(raised.value) == (
                "error[query-timeout]: the statement ran for more than 0.5 seconds and was stopped\n"
                "  = help: ask for less (`--start`, `--where`), or raise `timeout_seconds` of the "
                "target"
            )
            assert connection.run("SELECT 7 AS a").to_pylist() == [{"a": 7}]
        finally:
            connection.close()


@pytest.mark.parametrize("kind", ENGINES)
def test_who_cancels_is_not_told_of_a_timeout(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with settings_of(kind, request, tmp_path) as settings:
        connection = connect(target(kind, **settings, timeout_seconds=60), project_dir=tmp_path)
        over = threading.Event()

        def cancel() -> None:
            while not over.wait(0.3):
                connection.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            with pytest.raises(WarehouseError) as raised:
                connection.run(LONG[kind])
        finally:
            over.set()
            thread.join()
            connection.close()
        assert raised.value.issues[0].code == "query-failed"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("timeout_seconds", "soon", "`timeout_seconds` of the target `dev` is a number of seconds"),
        ("timeout_seconds", 0, "`timeout_seconds` of the target `dev` is a number of seconds"),
        ("timeout_seconds", True, "`timeout_seconds` of the target `dev` is a number of seconds"),
        ("retries", -1, "`retries` of the target `dev` is a whole number from 0 to 100"),
        ("retries", 1.5, "`retries` of the target `dev` is a whole number from 0 to 100"),
        ("query_tag", "maybe", "`query_tag` of the target `dev` is true or false"),
    ],
)
def test_a_limit_that_is_none_is_refused(
    key: str, value: object, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        connect(target("duckdb", **{key: value}), project_dir=tmp_path)
    assert raised.value.issues[0].code == "bad-profile"


def test_limits_may_be_texts_as_templates_make_them(tmp_path: Path) -> None:
    place = target("duckdb", timeout_seconds="30", retries="0", query_tag="false")
    connection = connect(place, project_dir=tmp_path)
    assert connection.run("SELECT 7 AS a").to_pylist() == [{"a": 7}]
    connection.close()


# ------------------------------------------------------------------------------------------- retries


class Flaky:
    """A connection that fails `failures` times with what `error` makes, and then answers."""

    dialect = "duckdb"

    def __init__(self, failures: int, error: Callable[[], WarehouseError]) -> None:
        self.failures, self.error = failures, error
        self.asked, self.closed = 0, 0

    def run(self, sql: str) -> str:
        self.asked += 1
        if self.asked <= self.failures:
            raise self.error()
        return f"answer to {sql}"

    execute = run

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


def reset() -> WarehouseError:
    return query_failed("server closed the connection", "", transient=True)


def test_a_read_that_was_cut_off_is_asked_again_on_a_new_connection() -> None:
    flaky, opened = Flaky(2, reset), []
    session = Session(lambda: opened.append(1) or flaky, 2)  # type: ignore[arg-type, func-returns-value]
    assert session.run("SELECT 1") == "answer to SELECT 1"  # type: ignore[comparison-overlap]
    assert (flaky.asked, flaky.closed, len(opened)) == (3, 2, 3)


def test_after_so_many_retries_a_read_fails() -> None:
    flaky = Flaky(3, reset)
    with pytest.raises(TransientError, match="server closed"):
        Session(lambda: flaky, 1).run("SELECT 1")  # type: ignore[arg-type]
    assert flaky.asked == 2


def test_what_the_engine_refuses_is_not_asked_again() -> None:
    flaky = Flaky(1, lambda: query_failed("no such column", ""))
    with pytest.raises(WarehouseError, match="no such column"):
        Session(lambda: flaky, 5).run("SELECT 1")  # type: ignore[arg-type]
    assert flaky.asked == 1


def test_a_stream_is_begun_again_and_not_gone_on_with() -> None:
    class Streaming(Flaky):
        def batches(self, sql: str, size: int) -> Iterator[str]:
            yield self.run(sql)
            raise reset()

    flaky = Streaming(2, reset)
    session = Session(lambda: flaky, 2)  # type: ignore[arg-type, return-value]
    assert session.batches is not None
    parts: Iterator[Any] = session.batches("SELECT 1", 10)
    assert next(parts) == "answer to SELECT 1"
    with pytest.raises(WarehouseError, match="server closed"):
        next(parts)
    assert flaky.asked == 3


def test_what_writes_is_never_tried_again() -> None:
    flaky = Flaky(1, reset)
    with pytest.raises(WarehouseError, match="server closed"):
        Session(lambda: flaky, 5).execute("CREATE TABLE t AS SELECT 1")  # type: ignore[arg-type]
    assert flaky.asked == 1


def test_an_interrupt_ends_the_retries() -> None:
    def report(done: object, seconds: float) -> None:
        raise KeyboardInterrupt

    flaky = Flaky(100, reset)
    flaky.progress = lambda: None  # type: ignore[attr-defined]
    session = Session(lambda: flaky, 100)  # type: ignore[arg-type]
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_with_progress(session, "SELECT 1", report)  # type: ignore[arg-type]
    assert time.monotonic() - start < 3
    assert flaky.asked < 5


def test_a_session_that_the_server_ended_is_opened_again(
    postgres_schema: Any, tmp_path: Path
) -> None:
    place = target("postgres", **postgres_schema.settings)
    session = Session(lambda: connect(place, project_dir=tmp_path), 2)
    asked = "SELECT pg_backend_pid() AS pid"
    [before] = session.run(asked).to_pylist()
    postgres_schema.connection.execute("SELECT pg_terminate_backend(%s)", [before["pid"]])
    [after] = session.run(asked).to_pylist()
    assert after["pid"] != before["pid"]
    postgres_schema.connection.execute("SELECT pg_terminate_backend(%s)", [after["pid"]])
    with pytest.raises(WarehouseError, match="query-failed"):
        session.execute("SELECT 1")
    session.close()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_session_that_mariadb_ended_is_opened_again(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with settings_of(kind, request, tmp_path) as settings, SERVERS[kind].opened() as other:
        place = target(kind, **settings)
        session = Session(lambda: connect(place, project_dir=tmp_path), 2)
        [before] = session.run("SELECT CONNECTION_ID() AS id").to_pylist()
        with other.cursor() as cursor:
            cursor.execute(f"KILL CONNECTION {before['id']}")
        [after] = session.run("SELECT CONNECTION_ID() AS id").to_pylist()
        assert after["id"] != before["id"]
        session.close()


@pytest.mark.parametrize(
    ("kind", "driver"),
    [("postgres", "psycopg"), ("mariadb", "pymysql"), ("clickhouse", "clickhouse_connect")],
)
def test_a_port_that_refuses_is_tried_again(kind: str, driver: str, tmp_path: Path) -> None:
    pytest.importorskip(driver)
    with socket.socket() as held:  # bound, and nobody listens
        held.bind(("127.0.0.1", 0))
        place = {"host": "127.0.0.1", "port": held.getsockname()[1], "user": "ann"}
        seconds = []
        for retries in (0, 2):
            start = time.monotonic()
            with pytest.raises(WarehouseError, match="connection-failed"):
                connect(target(kind, **place, retries=retries), project_dir=tmp_path)
            seconds.append(time.monotonic() - start)
    assert 0.7 < seconds[1] - seconds[0] < 5  # pauses of a quarter and of half a second


def test_a_wrong_password_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    psycopg = pytest.importorskip("psycopg")
    calls: list[object] = []

    def refuse(**_: object) -> None:
        calls.append(1)
        raise psycopg.OperationalError('FATAL:  password authentication failed for user "ann"')

    monkeypatch.setattr(psycopg, "connect", refuse)
    with pytest.raises(WarehouseError, match="password authentication failed"):
        connect(target("postgres", host="db", user="ann"), project_dir=Path())
    assert len(calls) == 1


# ------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("kind", ENGINES)
def test_who_asks_cannot_write(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    made = "CREATE TABLE made (a INT)" + (" ENGINE = Memory" if kind == "chdb" else "")
    with settings_of(kind, request, tmp_path) as settings:
        reading = connect(target(kind, **settings), project_dir=tmp_path)
        with pytest.raises(WarehouseError, match=r"(?i)read.?only"):
            reading.execute(made)
        reading.close()
        writing = connect(target(kind, **settings), project_dir=tmp_path, read_only=False)
        writing.execute(made)
        assert writing.run("SELECT count(*) AS n FROM made").to_pylist() == [{"n": 0}]
        writing.execute("DROP TABLE made")
        writing.close()


def test_a_database_beside_one_in_memory_is_not_written(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as other:
        other.execute("CREATE TABLE t AS SELECT 5 AS a")
    beside = {"path": str(tmp_path / "other.duckdb"), "alias": "other"}
    attached = [beside, {"path": ":memory:", "alias": "scratch"}]
    connection = connect(target("duckdb", attach=attached), project_dir=tmp_path)
    assert connection.run("SELECT a FROM other.t").to_pylist() == [{"a": 5}]
    with pytest.raises(WarehouseError, match="read-only"):
        connection.execute("INSERT INTO other.t VALUES (6)")
    connection.close()


# ----------------------------------------------------------------------------------------- interrupts

PROJECT = {
    "kpilayer.yml": "name: shop\nprofile: shop\n",
    "models/long.yml": """
models:
  - name: long
    semantic_model: true
    primary_entity: thing
metrics:
  - {name: things, model: long, agg: count, expr: "1"}
""",
}


def test_the_server_shows_which_metric_runs(postgres_schema: Any, tmp_path: Path) -> None:
    asked = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s"

    def shown() -> list[str]:
        mark = f"%'{postgres_schema.schema}'%"
        found = postgres_schema.connection.execute(asked, [mark]).fetchall()
        return [text for (text,) in found]

    sql = f"SELECT '{postgres_schema.schema}' AS mark FROM GENERATE_SERIES(1, 10000000000) AS t(x)"
    fingerprint = r"f1:[0-9a-f]{16}"
    for tagged, start in (("true", f"-- kpilayer: things {fingerprint}\n"), ("false", "WITH long")):
        lines = [f"      {key}: {value}\n" for key, value in postgres_schema.settings.items()]
        lines += ["      type: postgres\n", f"      query_tag: {tagged}\n"]
        with running(tmp_path, sql, "".join(lines)) as process:
            deadline = time.monotonic() + 20
            while not shown() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            assert shown(), process.communicate()
            assert re.match(start, shown()[0]), shown()
            interrupted(process)


@pytest.mark.parametrize("kind", SERVERS)
def test_mariadb_shows_which_metric_runs(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with settings_of(kind, request, tmp_path) as settings, SERVERS[kind].opened() as other:
        connection = connect(target(kind, **settings), project_dir=tmp_path)
        sql = f"-- kpilayer: things f1:0123456789abcdef\n{LONG[kind]}"
        failed: list[str] = []

        def run() -> None:
            try:
                connection.run(sql)
            except WarehouseError as error:
                failed.append(error.issues[0].code)

        thread = threading.Thread(target=run)
        thread.start()
        shown: list[str] = []
        with other.cursor() as cursor:
            for _ in range(100):
                cursor.execute("SHOW FULL PROCESSLIST")
                shown = [str(row[7]) for row in cursor.fetchall() if LONG[kind] in str(row[7])]
                if shown:
                    break
                time.sleep(0.1)
        while thread.is_alive():
            connection.cancel()
            thread.join(0.3)
        connection.close()
        assert shown == [sql]
        assert failed == ["query-failed"]


@contextmanager
def running(folder: Path, sql: str, profile: str) -> Iterator[subprocess.Popen[str]]:
    """`kpilayer query` on a model whose rows take long, in a process of its own."""
    files = PROJECT | {
        "models/long.sql": sql,
        "profiles.yml": f"shop:\n  outputs:\n    dev:\n{profile}",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "kpilayer", "query", "-m", "things"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def interrupted(process: subprocess.Popen[str]) -> None:
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - start < 10
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted")


def test_ctrl_c_ends_a_query_on_duckdb(tmp_path: Path) -> None:
    sql = "SELECT a.range * b.range AS x FROM range(10000000) AS a CROSS JOIN range(1000000) AS b"
    sql = f"SELECT x % 7 AS seven, COUNT(*) AS n FROM ({sql}) AS t GROUP BY 1"
    with running(tmp_path, sql, "      type: duckdb\n") as process:
        time.sleep(1)
        deadline = time.monotonic() + 20  # until it computes
        while _processor_seconds(process.pid) < 1.5 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert process.poll() is None, process.communicate()
        interrupted(process)


def _processor_seconds(pid: int) -> float:
    if not Path("/proc/self/stat").exists():
        return 10.0
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_ctrl_c_ends_a_query_on_the_server_of_postgres(
    postgres_schema: Any, tmp_path: Path
) -> None:
    schema = postgres_schema.schema
    sql = f"SELECT '{schema}' AS mark FROM GENERATE_SERIES(1, 10000000000) AS t(x)"
    lines = [f"      {key}: {value}\n" for key, value in postgres_schema.settings.items()]
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
        "AND application_name = 'kpilayer' AND query LIKE %s"
    )

    def active() -> int:
        found = postgres_schema.connection.execute(asked, [f"%'{schema}'%"]).fetchone()
        return int(found[0])

    with running(tmp_path, sql, "      type: postgres\n" + "".join(lines)) as process:
        deadline = time.monotonic() + 20
        while not active() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert active() == 1, process.communicate()
        interrupted(process)
    assert active() == 0
