"""Servers that tests run against; without one, its tests are skipped and say how to get it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

DEFAULT = "host=127.0.0.1 port=5432 user=postgres dbname=postgres"


@dataclass(frozen=True)
class PostgresSchema:
    """A schema of its own on a PostgreSQL server, dropped after the test."""

    schema: str
    settings: dict[str, object]  # for a Target of type postgres
    connection: Any  # psycopg, autocommit, with the schema first in its search path


@pytest.fixture
def postgres_schema() -> Iterator[PostgresSchema]:
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
