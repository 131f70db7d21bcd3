"""Spark's own words where sqlglot's would give other values; the engine tests execute them."""

from __future__ import annotations

import pytest
from sqlglot import exp, parse_one

from kpilayer.sql.dialects import VERIFIED, capabilities
from kpilayer.sql.dialects.capabilities import Periods
from kpilayer.sql.select import in_words

SPARK = capabilities("spark")


def written(text: str) -> str:
    return str(in_words(parse_one(text, read="duckdb"), "spark").sql("spark"))


def test_spark_is_executed_and_databricks_is_not() -> None:
    assert "spark" in VERIFIED and SPARK.is_verified
    assert "databricks" not in VERIFIED
    assert capabilities("databricks").words == SPARK.words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DATE_DIFF('day', a, b)", "DATEDIFF(CAST(b AS DATE), CAST(a AS DATE))"),
        ("EXTRACT(dow FROM d)", "(DAYOFWEEK(d) - 1)"),
        ("EXTRACT(isodow FROM d)", "(WEEKDAY(d) + 1)"),
        ("d - DATE '2024-01-01'", "DATEDIFF(d, CAST('2024-01-01' AS DATE))"),
        ("t + INTERVAL 2 QUARTER", "t + INTERVAL '6' MONTH"),
        (r"s LIKE 'a\_b'", r"s LIKE 'a\\\\_b'"),  # once for the text, once for LIKE
        ("CAST(7 AS INTEGER)", "CAST(7 AS INT)"),
        ("CAST('infinity' AS DATE)", "CAST('+99999-12-31' AS DATE)"),
        ("EXTRACT(doy FROM d)", "EXTRACT(DOY FROM d)"),
    ],
)
def test_words_that_mean_something_else_there_are_replaced(text: str, expected: str) -> None:
    assert written(text) == expected


def test_percentiles_are_exact() -> None:
    assert SPARK.percentile is not None
    tree = SPARK.percentile(exp.column("x"), 0.9, False)
    assert tree.sql("spark") == "PERCENTILE(CAST(x AS DOUBLE), 0.9)"


def test_a_spine_that_ends_before_it_begins_has_no_period() -> None:
    ends = (parse_one(f"CAST('2026-0{month}-01' AS DATE)") for month in (2, 1))
    text = SPARK.periods(Periods(*ends, "month", "month")).sql("spark")
    assert "EXPLODE(CASE WHEN" in text and "<=" in text and "SEQUENCE(" in text
