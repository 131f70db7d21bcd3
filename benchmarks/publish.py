"""500 metrics published to PostgreSQL, beside the bare statements that make the same views.

    python benchmarks/publish.py                     address: KPILAYER_TEST_POSTGRES
    python benchmarks/publish.py --metrics 50

Each metric has a view of its own. The bare statements are those of the plan, sent by psycopg in one
transaction: what anybody would need who had written all of them by hand.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg

sys.path.insert(0, str(Path(__file__).parent))
import generate

from kpilayer import Project

DEFAULT = "host=127.0.0.1 port=5432 user=postgres dbname=postgres"
TABLES, VIEWS = "kpilayer_bench", "kpilayer_bench_kpi"


def main() -> None:
    """Prints how long each step takes, and how often that is the bare statements."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--metrics", type=int, default=500, choices=sorted(generate.FACTS))
    size = parser.parse_args().metrics
    dsn = os.environ.get("KPILAYER_TEST_POSTGRES", DEFAULT)
    with psycopg.connect(dsn, autocommit=True) as connection, tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        try:
            _tables(connection, size)
            project = _project(connection, size, folder)
            for name, seconds, views in _steps(connection, project):
                print(f"{name:<44} {seconds:6.2f} s   {views} views")
        finally:
            for schema in (TABLES, VIEWS):
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _steps(connection: psycopg.Connection, project: Project) -> list[tuple[str, float, int]]:
    plan = project.plan(schema=VIEWS)
    views = len(plan.actions)
    found = [("publish", _timed(lambda: project.publish(schema=VIEWS)), views)]
    found.append(
        ("publish again: nothing to do", _timed(lambda: project.publish(schema=VIEWS)), views)
    )
    connection.execute(f"DROP SCHEMA {VIEWS} CASCADE")
    project.publish(schema=VIEWS)
    made = [action for action in plan.actions if action.kind != "catalog"]
    connection.execute(f"DROP SCHEMA {VIEWS} CASCADE")

    def bare() -> None:
        with connection.transaction():
            connection.execute(f"CREATE SCHEMA {VIEWS}")
            for action in made:
                for statement in action.statements:
                    connection.execute(statement)

    def views_alone() -> None:
        with connection.transaction():
            connection.execute(f"CREATE SCHEMA {VIEWS}")
            for action in made:
                connection.execute(action.statements[0])

    found.append(("the same CREATE VIEW and COMMENT by psycopg", _timed(bare), len(made)))
    connection.execute(f"DROP SCHEMA {VIEWS} CASCADE")
    found.append(("the same CREATE VIEW alone", _timed(views_alone), len(made)))
    return found


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _project(connection: psycopg.Connection, size: int, folder: Path) -> Project:
    generate.kpilayer(generate.world(size), folder / "project", folder / "world.duckdb")
    return Project.load(folder / "project", connection=connection)


def _tables(connection: psycopg.Connection, size: int) -> None:
    """The tables of the world, empty: DDL is measured, and no answer."""
    connection.execute(f"CREATE SCHEMA {TABLES}")
    connection.execute(f"SET search_path = {TABLES}")
    kinds = {"DOUBLE": "double precision", "VARCHAR": "text", "HUGEINT": "numeric"}
    with duckdb.connect(":memory:") as world:
        for statement in generate.statements(generate.world(size)):
            world.execute(statement)
        for (name,) in world.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            rows = world.sql(f'SELECT * FROM "{name}"')
            types = [kinds.get(str(kind), str(kind)) for kind in rows.types]
            columns = ", ".join(f'"{c}" {k}' for c, k in zip(rows.columns, types, strict=True))
            connection.execute(f'CREATE TABLE "{name}" ({columns})')


if __name__ == "__main__":
    main()
