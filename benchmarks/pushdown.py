"""The example company as Parquet files, on DuckDB and on Spark: equal numbers, and both times.

    python benchmarks/pushdown.py --scale 1                        a minute
    python benchmarks/pushdown.py --scale 100 --data bench         on a quiet machine with 8 GB free

The files are made by DuckDB, once. Both engines read the same ones, through views, with as many
threads. The first answer of each is not timed: it reads the files into the system's cache, and
Spark compiles its own code.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

sys.path.insert(0, str(Path(__file__).parent))
from query import COMPANY_TABLES
from questions import QUESTIONS, Question

from kpilayer import Project
from kpilayer.demo import data
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.profiles import Target

PROJECT: Final = Path(__file__).parent.parent
#: What a report asks: the questions of `query.py`, and one or two metrics at a time.
ASKED: Final = (
    *QUESTIONS["company"],
    Question("visits", ("web_visits",)),
    Question("visits by day", ("web_visits",), ("metric_time__day",)),
    Question("visitors by month", ("visitors",), ("metric_time__month",)),
    Question("bounces", ("bounce_rate",), ("channel__medium",)),
    Question("invoices by segment", ("invoiced_revenue",), ("account__segment",)),
    Question("regions", ("invoiced_revenue",), ("metric_time__quarter", "account__region__name")),
    Question("leads and their cost", ("leads", "cost_per_lead"), ("metric_time__quarter",)),
    Question("deals", ("win_rate", "avg_deal_size"), ("metric_time__quarter",)),
)


@dataclass(frozen=True)
class Run:
    """One question on both engines; seconds are of the best of several runs."""

    name: str
    rows: int
    duckdb: float
    spark: float


def files(folder: Path, scale: float, memory: str) -> dict[str, Path]:
    """A Parquet file for each table, made where it is not there yet."""
    place = folder / f"company-{scale:g}"
    found = {table: place / f"{table}.parquet" for table in COMPANY_TABLES}
    if all(path.exists() for path in found.values()):
        return found
    place.mkdir(parents=True, exist_ok=True)
    made = place / "making.duckdb"
    made.unlink(missing_ok=True)
    with duckdb.connect(str(made), config={"memory_limit": memory, "threads": 2}) as connection:
        data.build(connection, scale, tables=COMPANY_TABLES)
        for table, path in found.items():
            connection.execute(f"COPY {table} TO '{path}' (FORMAT parquet)")
    made.unlink()
    return found


def on_duckdb(tables: dict[str, Path], threads: int, memory: str) -> Any:
    """An empty DuckDB with views of the files."""
    connection = duckdb.connect(":memory:", config={"threads": threads, "memory_limit": memory})
    for table, path in tables.items():
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM '{path}'")
    return connection


def on_spark(tables: dict[str, Path], threads: int, memory: str) -> Any:
    """A Spark session in this process with views of the files."""
    from pyspark.sql import SparkSession

    settings = {
        "method": "session",
        "master": f"local[{threads}]",
        "server_side_parameters": {
            "spark.driver.memory": memory,
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.shuffle.partitions": str(4 * threads),
        },
    }
    target = Target("pushdown", "spark", "spark", "spark", None, settings, None)
    connect(target, project_dir=PROJECT)
    session = SparkSession.getActiveSession()
    assert session is not None
    for table, path in tables.items():
        session.read.parquet(str(path)).createOrReplaceTempView(table)
    return session


def asked(project: Project, question: Question) -> list[tuple[Any, ...]]:
    """The rows of an answer."""
    return project.query(
        question.metrics,
        question.group_by,
        question.where,
        start=question.start,
        end=question.end,
        order_by=question.order_by,
        limit=question.limit,
    ).rows()


def timed(project: Project, question: Question, runs: int) -> tuple[list[tuple[Any, ...]], float]:
    """The answer and the seconds of the fastest run after the first."""
    rows, best = asked(project, question), math.inf
    for _ in range(runs):
        started = time.perf_counter()
        asked(project, question)
        best = min(best, time.perf_counter() - started)
    return rows, best


def same(one: Any, other: Any) -> bool:
    """Doubles to nine digits, all else exactly."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def compared(here: Project, there: Project, runs: int) -> Iterator[Run]:
    """Each question on both engines.

    Raises:
        SystemExit: a number differs.
    """
    for question in ASKED:
        expected, fast = timed(here, question, runs)
        found, slow = timed(there, question, runs)
        pairs = zip(expected, found, strict=False)
        equal = len(found) == len(expected) and all(
            same(a, b) for row, other in pairs for a, b in zip(row, other, strict=True)
        )
        if not equal:
            raise SystemExit(f"{question.name}: Spark's numbers are not DuckDB's")
        yield Run(question.name, len(expected), fast, slow)


def main() -> None:
    """Makes the files, asks both engines, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--data", type=Path, help="where the files are kept; else they go again")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4g", help="of each engine")
    parser.add_argument("--runs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables = files(given.data or Path(folder), given.scale, given.memory)
        with on_duckdb(tables, given.threads, given.memory) as local:
            count = sum(local.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0] for t in tables)
            size = sum(path.stat().st_size for path in tables.values()) / 1e6
            print(f"{len(tables)} tables, {count:,} rows, {size:,.0f} MB of Parquet")
            session = on_spark(tables, given.threads, given.memory)
            wrap(session).run("SELECT 1 AS one")
            here = Project.load(PROJECT, connection=local)
            there = Project.load(PROJECT, connection=session)
            runs = []
            print(f"{'question':32}{'rows':>8}{'DuckDB s':>10}{'Spark s':>10}")
            for run in compared(here, there, given.runs):
                runs.append(run)
                print(
                    f"{run.name:32}{run.rows:>8,}{run.duckdb:>10.2f}{run.spark:>10.2f}", flush=True
                )
            print(
                f"{'all':40}{sum(r.duckdb for r in runs):>10.2f}{sum(r.spark for r in runs):>10.2f}"
            )
            session.stop()


if __name__ == "__main__":
    main()
