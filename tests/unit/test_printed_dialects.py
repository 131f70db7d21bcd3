"""Dialects that are printed and not executed: every statement is read by an independent parser.

sqlglot wrote the text, so that its own parser proves little; sqloxide (sqlparser-rs) shares nothing
with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp, parse_one

from kpilayer import Project, QueryError
from kpilayer.sql.dialects import VERIFIED
from kpilayer.sql.printing import to_sql
from kpilayer.sql.select import in_words
from tests.engines.conftest import NIGHTLY

ROOT = Path(__file__).parent.parent.parent
DIALECTS = ("redshift", "snowflake", "trino", "tsql")
#: sqlparser-rs has no Trino of its own.
GRAMMARS = {"redshift": "redshift", "snowflake": "snowflake", "trino": "generic", "tsql": "mssql"}
ZONES = "tsql has zones by other names"


@cache
def company() -> Project:
    return Project.load(ROOT)


def metrics() -> list[str]:
    return sorted(company()._identity.catalog.metrics)


def questions(metric: str) -> Iterator[list[str]]:
    """In total, by three grains, and by two dimensions each with a month, in the nights; else some of it."""
    yield []
    for grain in ("day", "week", "quarter") if NIGHTLY else ("week",):
        yield [f"metric_time__{grain}"]
    words = [d for d in _dimensions(metric) if not d.startswith("metric_time")]
    for word in words[: 2 if NIGHTLY else 1]:
        yield ["metric_time__month", word]


def _dimensions(metric: str) -> list[str]:
    return [d.name for d in company().dimensions([metric])]


def statements(dialect: str) -> Iterator[tuple[str, str]]:
    for metric in metrics():
        for group_by in questions(metric):
            try:
                sql = company().compile([metric], group_by, dialect=dialect, unverified=True)
            except QueryError as error:
                codes = {issue.code for issue in error.issues}
                assert "unsupported-in-dialect" not in codes or ZONES in str(error), str(error)
                continue
            yield f"{metric} by {group_by}", sql


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_metric_of_the_example_company_is_parsed(dialect: str) -> None:
    sqloxide: Any = pytest.importorskip("sqloxide")
    count = 0
    for name, sql in statements(dialect):
        plain = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
        try:
            sqloxide.parse_sql(sql=plain, dialect=GRAMMARS[dialect])
        except ValueError as error:
            pytest.fail(f"{name}: {error}\n{sql}")
        count += 1
    assert count > (2 if NIGHTLY else 1) * len(metrics())


def test_they_are_not_called_executed() -> None:
    assert not set(DIALECTS) & set(VERIFIED)


@pytest.mark.parametrize(
    ("dialect", "written", "expected"),
    [
        ("snowflake", "KPI_TRUNC('week', a)", "CAST(DATEADD(DAY, 1 - DAYOFWEEKISO(a), CAST(a AS DATE)) AS DATE)"),
        ("snowflake", "KPI_PART('week', a)", "WEEKISO(a)"),
        ("snowflake", "GREATEST(a, b)", "GREATEST_IGNORE_NULLS(a, b)"),
        ("snowflake", "DATE_DIFF('day', a, b)", "DATEDIFF(DAY, a, b)"),
        ("redshift", "a IS NOT DISTINCT FROM b", "(a = b OR (a IS NULL AND b IS NULL))"),
        ("redshift", "KPI_PART('dow', a)", "CAST(((DATE_PART('dow', a) + 6) % 7 + 1) AS INTEGER)"),
        ("trino", "CAST(a AS TIMESTAMP)", "CAST(a AS TIMESTAMP(6))"),
        ("trino", "KPI_PART('dow', a)", "DAY_OF_WEEK(a)"),
        ("trino", "a + INTERVAL 1 QUARTER", "a + INTERVAL '3' MONTH"),
        ("trino", "a + INTERVAL 1500 MILLISECOND", "a + INTERVAL '1.500' SECOND"),
        ("tsql", "LENGTH('a ')", "(LEN('a ' + '.') - 1)"),
        ("tsql", "a LIKE '[x]%'", "a LIKE '[[]x]%'"),
        ("tsql", "a + INTERVAL 3 DAY", "DATEADD(DAY, 3, CAST(a AS DATETIME2))"),
        ("tsql", "ROUND(a)", "ROUND(a, 0)"),
    ],
)  # fmt: skip
def test_words_that_mean_the_same(dialect: str, written: str, expected: str) -> None:
    tree = in_words(parse_one(written, read="duckdb"), dialect)
    assert tree.sql(dialect) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "written", ["a SIMILAR TO 'b'", "TRY_CAST(a AS INT)", "DATE_DIFF('week', a, b)"]
)
def test_what_would_mean_something_else_is_refused(dialect: str, written: str) -> None:
    with pytest.raises(QueryError, match="unsupported-in-dialect"):
        in_words(parse_one(written, read="duckdb"), dialect)


def test_sql_server_is_asked_for_no_time_zone() -> None:
    with pytest.raises(QueryError, match="zones by other names"):
        in_words(parse_one("KPI_LOCAL('UTC', 'Europe/Berlin', a)", read="duckdb"), "tsql")


@pytest.mark.parametrize(
    "written", ["a + INTERVAL 1 MICROSECOND", "DATE_DIFF('microsecond', a, b)"]
)
def test_trino_counts_no_microseconds(written: str) -> None:
    with pytest.raises(QueryError, match="is not counted on trino"):
        in_words(parse_one(written, read="duckdb"), "trino")


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("redshift", 'SELECT "encrypt", "order", plan FROM "time"'),
        ("snowflake", 'SELECT encrypt, "ORDER", plan FROM "TIME"'),
        ("trino", 'SELECT encrypt, "order", plan FROM "time"'),
        ("tsql", "SELECT encrypt, [order], [plan] FROM [time]"),
    ],
)
def test_reserved_words_are_quoted_as_each_dialect_means_them(dialect: str, expected: str) -> None:
    tree = parse_one('SELECT encrypt, "order", plan FROM "time"', read="duckdb")
    assert isinstance(tree, exp.Select)
    assert " ".join(to_sql(tree, dialect).split()) == expected
