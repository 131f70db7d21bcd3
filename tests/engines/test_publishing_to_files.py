"""A publication into a file that is killed leaves the old views or the new ones."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from kpilayer import KpilayerError, Project
from tests.engines.conftest import NIGHTLY
from tests.engines.test_publishing import DEFINITIONS, TABLES, VIEWS

#: Publishes; before a statement, nobody is left to end anything.
KILLED = """
import os, signal, sys
from kpilayer import Project
fatal, begun, done = int(sys.argv[2]), 0, 0
def on_step(name, number, of):
    global begun, done
    begun += number == 0
    if begun < 2:
        return
    if done == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    done += 1
Project.load(sys.argv[1]).publish(on_step=on_step)
print(done)
"""


def make(folder: Path, kind: str) -> Callable[[], list[tuple[str, str]]]:
    """A shop over a file; what gives the views that are there, by their texts."""
    file = folder / f"shop.{kind}"
    (folder / "models").mkdir()
    (folder / "kpilayer.yml").write_text("name: shop\nprofile: shop\n")
    (folder / "profiles.yml").write_text(
        f"shop:\n  target: dev\n  outputs:\n    dev: {{type: {kind}, path: {file}}}\n"
    )
    (folder / "models" / "shop.yml").write_text(DEFINITIONS)
    (folder / "models" / "views.yml").write_text(VIEWS)
    if kind == "duckdb":
        with duckdb.connect(file) as connection:
            for name, select in TABLES.items():
                connection.execute(f"CREATE TABLE {name} AS {select}")
    else:
        with duckdb.connect(":memory:") as here, sqlite3.connect(file) as there:
            for name, select in TABLES.items():
                rows = here.sql(select)
                columns = ", ".join(
                    f"{n} {k}" for n, k in zip(rows.columns, rows.types, strict=True)
                )
                there.execute(f"CREATE TABLE {name} ({columns})")
                for row in rows.fetchall():
                    values = [v if isinstance(v, int) else v and str(v) for v in row]
                    there.execute(
                        f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", values
                    )

    def found() -> list[tuple[str, str]]:
        sql = "SELECT name, sql FROM sqlite_master WHERE name LIKE 'kpi%' ORDER BY 1"
        if kind == "sqlite":
            with sqlite3.connect(file) as connection:
                return connection.execute(sql).fetchall()
        with duckdb.connect(file, read_only=True) as connection:
            views = "SELECT view_name, sql FROM duckdb_views() WHERE schema_name = 'main_kpi'"
            return sorted(connection.execute(views).fetchall())

    return found


def published(folder: Path, fatal: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, str(folder), str(fatal)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_a_process_that_is_killed_leaves_the_old_views(kind: str, tmp_path: Path) -> None:
    there = make(tmp_path, kind)
    Project.load(tmp_path).publish()
    old = there()
    (tmp_path / "models" / "views.yml").write_text(VIEWS.replace("active_customers", "order_count"))
    steps = 40
    for step in range(steps) if NIGHTLY else (0, 5, 17, 25):
        done = published(tmp_path, step)
        if done.returncode == 0:
            assert step > 20, "there are some twenty statements at least"
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert there() == old, f"killed at statement {step}"
    assert published(tmp_path, 10_000).returncode == 0
    new = there()
    assert new != old
    assert not Project.load(tmp_path).plan().is_pending


def test_who_holds_a_file_is_named(tmp_path: Path) -> None:
    make(tmp_path, "duckdb")
    hold = textwrap.dedent("""
        import duckdb, sys, time
        connection = duckdb.connect(sys.argv[1], read_only=True)
        print("held", flush=True)
        time.sleep(60)
    """)
    command = [sys.executable, "-c", hold, str(tmp_path / "shop.duckdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == "held\n"
            with pytest.raises(KpilayerError) as refused:
                Project.load(tmp_path).publish()
            assert str(other.pid) in str(refused.value)
        finally:
            other.kill()
    Project.load(tmp_path).publish()


def test_views_of_a_file_are_read_from_anywhere_under_any_name(tmp_path: Path) -> None:
    make(tmp_path, "duckdb")
    Project.load(tmp_path).publish()
    with duckdb.connect(":memory:") as other:
        other.execute(f"ATTACH '{tmp_path / 'shop.duckdb'}' AS elsewhere (READ_ONLY)")
        sql = "SELECT SUM(revenue) FROM elsewhere.main_kpi.orders_monthly"
        assert other.execute(sql).fetchone() == (360,)
        long = "SELECT COUNT(*) > 0 FROM elsewhere.main_kpi.kpi_values"
        assert other.execute(long).fetchone() == (True,)
