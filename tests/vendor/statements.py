"""What is read by the vendors' parsers: whole statements, and single words of the language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from sqlglot import exp, parse_one

from kpilayer import QueryError
from kpilayer.sql.printing import to_sql
from kpilayer.sql.reserved import BEYOND, RESERVED
from kpilayer.sql.select import in_words
from tests.golden.test_golden import FILES, block
from tests.unit import test_printed_dialects as printed

#: Questions with what a metric and its group-bys alone do not lead to.
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"totals": [[], ["invoice__status"]], "group_by": ["invoice__status", "metric_time__month"]},
    {"top": {"n": 3, "by": "-revenue", "of": "invoice__status", "other": "other"}},
    {"compare": ["prior_period", "prior_year"], "start": "2025-01-01", "end": "2025-06-30"},
    {"compare": "prior_year", "compare_rows": "all", "start": "2025-01-01", "end": "2025-06-30"},
    {"having": "revenue > 10 AND revenue IS NOT NULL", "order_by": ["-revenue"], "limit": 3},
    {"fill": 0, "group_by": ["metric_time__week", "invoice__status"]},
    {"where": "{{ Dimension('invoice__status') }} IN ('paid', 'it''s') OR NOT TRUE"},
    {"where": "{{ TimeDimension('metric_time', 'day') }} >= '2025-02-03'", "limit": 5},
)
_UNITS = ("microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month")
_GRAINS = (*_UNITS, "quarter", "year")
_PARTS = ("year", "quarter", "month", "week", "day", "dow", "doy", "isodow", "hour", "epoch")
#: Expressions of DuckDB over a number, a text, a date and a time.
WORDS: tuple[str, ...] = (
    *(f"KPI_TRUNC('{unit}', moment)" for unit in _GRAINS),
    *(f"KPI_PART('{part}', moment)" for part in _PARTS[:7]),
    *(f"EXTRACT({part} FROM moment)" for part in _PARTS),
    *(f"DATE_TRUNC('{unit}', moment)" for unit in _GRAINS),
    *(f"moment + INTERVAL 2 {unit.upper()}" for unit in _GRAINS),
    *(f"DATE_DIFF('{unit}', moment, later)" for unit in _GRAINS if unit != "week"),
    *(f"CAST(number AS {kind})" for kind in ("INTEGER", "BIGINT", "DOUBLE", "DECIMAL(18, 4)")),
    *(f"CAST(word AS {kind})" for kind in ("DATE", "TIMESTAMP", "VARCHAR", "SMALLINT", "REAL")),
    "ABS(number)",
    "CASE WHEN number > 1 THEN word ELSE 'other' END",
    "CEIL(number)",
    "COALESCE(word, 'none')",
    "CONCAT(word, number, day)",
    "FLOOR(number)",
    "GREATEST(number, 2, 3)",
    "LEAST(number, 2)",
    "IF(number > 1, 1, 2)",
    "LENGTH(word)",
    "LOWER(word)",
    "UPPER(word)",
    "NULLIF(number, 0)",
    "number / 3",
    "number % 3",
    "ROUND(number)",
    "ROUND(number, 2)",
    "SUBSTRING(word, 2, 3)",
    "SUBSTRING(word, 2)",
    "TRIM(word)",
    "word || 'x' || number",
    "day + 3",
    "-number",
    "number > 1",
    "number BETWEEN 1 AND 3",
    "number IN (1, 2)",
    "word LIKE 'a%'",
    "word ILIKE 'a%'",
    "word NOT LIKE '%[_]%'",
    "word IS NOT NULL",
    "TRUE",
    "number IS NOT DISTINCT FROM 3",
)


def statements(dialect: str) -> Iterator[tuple[str, str]]:
    """Every metric of the example company, the questions of the golden cases, and more."""
    yield from printed.statements(dialect)
    asked = [yaml.safe_load(block(path.read_text(encoding="utf-8"), "query")) for path in FILES]
    more = [{"metrics": ["revenue"], "group_by": ["metric_time__month"]} | q for q in QUESTIONS]
    more[1]["group_by"] = ["invoice__status"]
    for question in (*asked, *more):
        try:
            sql = printed.company().compile(**question, dialect=dialect, unverified=True)
        except QueryError as error:
            codes = {issue.code for issue in error.issues}
            assert codes == {"unsupported-in-dialect"}, str(error)
            continue
        yield str(question), sql


def words(dialect: str) -> Iterator[tuple[str, str]]:
    """Single words, each in a statement of its own; what is refused is left out."""
    tested = printed.test_words_that_mean_the_same.pytestmark[0].args[1]  # type: ignore[attr-defined]
    for written in (*WORDS, *(text for of, text, _ in tested if of == dialect)):
        tree = parse_one(
            f"SELECT {written} AS answer FROM rows_read WHERE number > 1", read="duckdb"
        )
        try:
            yield written, to_sql(in_words(tree, dialect), dialect)
        except QueryError:
            continue


def names(dialect: str) -> Iterator[tuple[str, str]]:
    """A statement for each word that any list reserves, as column, table and alias."""
    for word in sorted(RESERVED.union(*BEYOND.values())):
        tree = parse_one(
            'WITH "x" AS (SELECT 1 AS "x") SELECT "x"."x" AS "x", SUM("x"."x") AS total FROM "x" AS "x"'
            ' LEFT JOIN "x" AS other ON other."x" = "x"."x" GROUP BY "x"."x" ORDER BY "x" ASC'
        )
        for name in tree.find_all(exp.Identifier):
            if name.this == "x":
                name.replace(exp.to_identifier(word, quoted=word in RESERVED))
        assert isinstance(tree, exp.Select)
        yield word, to_sql(tree, dialect)
