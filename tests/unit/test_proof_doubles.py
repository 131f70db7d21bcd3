"""Floating-point numbers: what rounds must not be proved where a digit decides which rows there are."""

from __future__ import annotations

import duckdb
import pytest

from kpilayer import compare_sql

SCHEMA = "CREATE TABLE t (f DOUBLE, g DOUBLE, d DECIMAL(12, 2))"
#: Conditions, and a row for which they differ in DuckDB.
PAIRS = [
    ("f * 1.1e0 = g", "f = g / 1.1e0", "1.9, 2.09, 1"),
    ("f - g > 0.1e0", "f > g + 0.1e0", "0.4, 0.3, 1"),
    ("f - f = 0", "f IS NOT NULL", "'inf', 1, 1"),
    ("f <> f + 1", "f IS NOT NULL", "1e17, 1, 1"),
    ("f / 3e0 * 3e0 = f", "f IS NOT NULL", "5e-324, 1, 1"),
]


@pytest.mark.parametrize(("one", "other", "row"), PAIRS)
def test_computed_doubles_that_are_compared_are_not_taken_for_exact(
    one: str, other: str, row: str
) -> None:
    before, after = (f"SELECT COUNT(*) AS n FROM t WHERE {text}" for text in (one, other))
    with duckdb.connect(":memory:") as connection:
        connection.execute(SCHEMA)
        connection.execute(f"INSERT INTO t VALUES ({row})")
        answers = [connection.execute(sql).fetchall() for sql in (before, after)]
    assert answers[0] != answers[1]
    assert compare_sql(before, after, schema=SCHEMA, trials=40).answer != "equivalent"


def test_a_name_in_between_hides_nothing() -> None:
    before = "SELECT COUNT(*) AS n FROM (SELECT f - g AS x FROM t) AS s WHERE x > 0.1"
    after = "SELECT COUNT(*) AS n FROM t WHERE f > g + 0.1"
    assert compare_sql(before, after, schema=SCHEMA, trials=40).answer != "equivalent"


def test_decimals_are_exact_and_stored_doubles_are_compared_as_they_are() -> None:
    pairs = (("d - 1 > 0", "d > 1"), ("f > 1 AND g = 2", "NOT (f <= 1 OR g <> 2)"))
    for one, other in pairs:
        before, after = (f"SELECT SUM(f * 2) AS n FROM t WHERE {text}" for text in (one, other))
        assert compare_sql(before, after, schema=SCHEMA, trials=40).answer == "equivalent"
