"""Expressions and filters over rows: equal in every row, narrower or wider."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from kpilayer.proof.facts import Column
from kpilayer.proof.rows import implies, prove_expression

pytest.importorskip("z3")

COLUMNS = {
    name: Column(name, exp.DataType.build(type_), nullable)
    for name, type_, nullable in (
        ("a", "INT", True),
        ("b", "INT", False),
        ("price", "DOUBLE", True),
        ("status", "TEXT", True),
        ("day", "DATE", False),
    )
}


def tree(sql: str, dialect: str = "duckdb") -> exp.Expr:
    return sqlglot.parse_one(sql, read=dialect)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a + b * 2", "b + b + a"),
        ("(a + b) * price", "price * a + b * price"),
        ("IF(a > 1, 'x', 'y')", "CASE WHEN NOT a > 1 OR a IS NULL THEN 'y' ELSE 'x' END"),
        (
            "day >= '2024-02-01' AND day < '2024-03-01'",
            "EXTRACT(YEAR FROM day) = 2024 AND MONTH(day) = 2",
        ),
        ("price / NULLIF(b, 0) * 100", "100.0 * price / NULLIF(b, 0)"),
        ("UPPER(status) = 'X'", "'X' = UPPER(status)"),
        ("b IS NULL", "FALSE"),
        ("LEAST(b, 3)", "CASE WHEN b < 3 THEN b ELSE 3 END"),
    ],
)
def test_equal_values_in_every_row_are_proved(one: str, two: str) -> None:
    assert prove_expression(tree(one), tree(two), COLUMNS, "duckdb") is not None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a - a", "0"),
        ("a = a", "TRUE"),
        ("NOT status = 'x'", "status <> 'x' OR status IS NULL"),
        ("LEAST(a, 3)", "CASE WHEN a >= 3 THEN 3 ELSE a END"),
        ("price / b - price / b", "price - price"),
        ("UPPER(status) = 'X'", "status = 'x'"),
        ("ROUND(price)", "price"),
        ("CAST(price AS INT)", "price"),
        ("b % 2", "b"),
        ("RANDOM()", "RANDOM()"),
        ("day + INTERVAL 1 MONTH", "day + INTERVAL 30 DAY"),
        ("SUM(a)", "SUM(a + 0)"),
    ],
)
def test_values_that_differ_in_some_row_are_not(one: str, two: str) -> None:
    assert prove_expression(tree(one), tree(two), COLUMNS, "duckdb") is None


def test_a_condition_leaves_fewer_rows_to_prove() -> None:
    pair = (tree("COALESCE(a, 0)"), tree("a"))
    assert prove_expression(*pair, COLUMNS, "duckdb") is None
    assert prove_expression(*pair, COLUMNS, "duckdb", tree("a > 1")) is not None


def test_a_proof_names_the_columns_that_it_takes_to_be_never_null() -> None:
    found = prove_expression(tree("COALESCE(b, 0)"), tree("b + 0"), COLUMNS, "duckdb")
    assert found is not None
    assert found.assumptions == ("b is not NULL",)


def test_integers_are_divided_as_the_dialect_does() -> None:
    for dialect, proved in (("duckdb", True), ("postgres", False)):
        pair = (tree("a / b", dialect), tree("a * 1.0 / b", dialect))
        assert (prove_expression(*pair, COLUMNS, dialect) is not None) is proved


@pytest.mark.parametrize(
    ("narrow", "wide", "answer"),
    [
        ("status = 'x'", "status IN ('x', 'y')", True),
        ("status IN ('x', 'y')", "status = 'x'", False),
        ("b > 5", "b >= 6", True),
        ("price > 5", "price >= 6", False),
        ("day BETWEEN '2024-01-01' AND '2024-01-31'", "YEAR(day) = 2024", True),
        ("status <> 'x'", "status IS NOT NULL", True),
        ("status IS NOT NULL", "status <> 'x'", False),
        ("a > 1 AND status = 'x'", "a > 1", True),
        ("a > 1", "LENGTH(status) > 1", None),
        ("status LIKE 'a%'", "status LIKE '%a%'", None),
    ],
)
def test_a_filter_is_narrower_wider_or_unknown(narrow: str, wide: str, answer: bool | None) -> None:
    assert implies(tree(narrow), tree(wide), COLUMNS, "duckdb") is answer
