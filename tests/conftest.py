"""Projects and warehouses for tests: definitions as a user writes them, rows as SQL.

Without a server its tests are skipped and say how to get it; where KPILAYER_REQUIRE_ENGINES is 1,
they fail.
"""

from __future__ import annotations

import os
import textwrap
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pytest
from hypothesis import HealthCheck, settings

from kpilayer import Project

ROOT = Path(__file__).parent.parent

Define = Callable[..., Project]

# How long property tests search: always the same examples, or with KPILAYER_HYPOTHESIS=nightly many
# others. What the nights find is mended, and does not turn somebody else's change red.
_SEARCH: dict[str, Any] = {
    "deadline": None,  # the first query of a session is slow
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    "print_blob": True,
}
settings.register_profile("default", settings(max_examples=300, derandomize=True, **_SEARCH))
settings.register_profile("nightly", settings(max_examples=20_000, **_SEARCH))
settings.load_profile(os.environ.get("KPILAYER_HYPOTHESIS", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the results in literate tests")


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """A loaded project from YAML text: `define(models=.., metrics=.., tables={name: select})`.

    ``files`` adds or replaces files by path; ``tables`` are made in an in-memory DuckDB, which the
    project runs on.
    """

    def make(
        definitions: str = "",
        *,
        tables: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        connection: object | None = None,
        **options: Any,
    ) -> Project:
        texts = {"kpilayer.yml": "name: shop\n", "models/definitions.yml": definitions}
        texts |= dict(files or {})
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        if connection is None:
            connection = duckdb.connect(":memory:")
            for name, select in (tables or {}).items():
                connection.execute(f"CREATE TABLE {name} AS {select}")
        return Project.load(tmp_path, connection=connection, **options)

    return make


DEFAULT = "host=127.0.0.1 port=5432 user=postgres dbname=postgres"


@dataclass(frozen=True)
class PostgresSchema:
    """A schema of its own on a PostgreSQL server, dropped after the test."""

    schema: str
    settings: dict[str, object]  # for a Target of type postgres
    connection: Any  # psycopg, autocommit, with the schema first in its search path


@pytest.fixture
def postgres_schema() -> Iterator[PostgresSchema]:
    with _own_schema() as schema:
        yield schema


@pytest.fixture(scope="session")
def shared_postgres_schema() -> Iterator[PostgresSchema]:
    """A schema that all tests of a session read: whoever fills it names its tables."""
    with _own_schema() as schema:
        yield schema


@contextmanager
def _own_schema() -> Iterator[PostgresSchema]:
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        _missing("psycopg is not installed: pip install 'kpilayer[postgres]'")
    dsn = os.environ.get("KPILAYER_TEST_POSTGRES", DEFAULT)
    try:
        connection = psycopg.connect(dsn, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        _missing(f"no PostgreSQL server; set KPILAYER_TEST_POSTGRES to a DSN ({error})")
    schema = f"kpilayer_test_{uuid.uuid4().hex[:12]}"
    connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute(f"SET search_path = {schema}, public")
    settings: dict[str, object] = {"schema": schema, **conninfo_to_dict(dsn)}
    try:
        yield PostgresSchema(schema, settings, connection)
    finally:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.close()


def _missing(reason: str) -> NoReturn:
    if os.environ.get("KPILAYER_REQUIRE_ENGINES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
