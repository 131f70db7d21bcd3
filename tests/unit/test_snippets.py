"""Snippets: what may stand in one, where a problem is, and which spellings mean the same."""

from __future__ import annotations

import pytest

from kpilayer import snippets
from kpilayer.canonical import canonical


def problems(text: str) -> list[tuple[str, str]]:
    """Codes, each with the text that its caret marks."""
    found = snippets.parse(text, "duckdb").problems
    return [(p.code, text[p.offset : p.offset + p.length]) for p in found]


@pytest.mark.parametrize(
    ("text", "code", "marked"),
    [
        ("amount >", "bad-sql", ">"),
        ("a b c", "bad-sql", "c"),
        ("(a + b", "bad-sql", "b"),
        ("a + b)", "bad-sql", ")"),
        ("'it''s", "bad-sql", "'"),
        ("a; b", "several-statements", ";"),
        ("a; DROP TABLE x", "several-statements", ";"),
        ("sum(amount)", "aggregate-in-expression", "sum"),
        ("(SELECT 1)", "not-an-expression", "SELECT"),
        ("EXISTS (SELECT x FROM t)", "not-an-expression", "EXISTS"),
        ("x IN (SELECT y FROM t)", "not-an-expression", "SELECT"),
        ("DROP TABLE x", "not-an-expression", "DROP"),
        ("DELETE FROM x", "not-an-expression", "DELETE"),
        ("ROW_NUMBER() OVER ()", "not-an-expression", "ROW_NUMBER"),
        ("unnest(a)", "not-an-expression", "unnest"),
        ("orders.amount", "not-an-expression", "orders"),
        ("amount AS x", "not-an-expression", "amount"),
        ("amount > ?", "not-an-expression", "?"),
        ("amount > $1", "not-an-expression", "$1"),
        ("*", "not-an-expression", "*"),
    ],
)
def test_what_is_no_scalar_expression_is_refused_at_its_place(
    text: str, code: str, marked: str
) -> None:
    found = problems(text)
    assert [c for c, _ in found] == [code]
    if marked:
        assert found[0][1] == marked


@pytest.mark.parametrize("text", ["", "   ", "-- only a comment", "/* x */"])
def test_an_empty_expression_says_so(text: str) -> None:
    assert snippets.parse(text, "duckdb").problems[0].message == "the expression is empty"


@pytest.mark.parametrize(
    "text",
    [
        "pg_sleep(10)",
        "read_text('/etc/passwd')",
        "pg_read_file('x')",
        "getenv('HOME')",
        "nextval('s')",
        "query('select 1')",
    ],
)
def test_functions_off_the_list_are_named(text: str) -> None:
    assert problems(text)[0][0] == "unproven-function"


def test_division_is_true_division_and_null_by_zero_also_when_nested() -> None:
    tree = snippets.parse("a / (b / c) / 2", "duckdb").tree
    assert tree.sql("postgres") == (
        "CAST(CAST(a AS DOUBLE PRECISION) / NULLIF(CAST(b AS DOUBLE PRECISION) / NULLIF(c, 0), 0)"
        " AS DOUBLE PRECISION) / 2"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a + b", "B+A"),
        ("a > b", "b < a"),
        ("a >= 1 AND b = 2", "2 = b and (1 <= a)"),
        ("(a OR b) AND c", "c AND (b OR a)"),
        ("a AND (b AND c)", "(c AND a) AND b"),
        ("a != 1", "1 <> a"),
        ("lower( a )", "LOWER(a)"),
        ("a IS NOT NULL", "NOT (a IS NULL)"),
        ("a::int", "CAST(a AS INTEGER)"),
        ("a AND a", "a"),
        ("a -- comment\n + b", "a + b"),
    ],
)
def test_spellings_of_one_meaning_have_one_form(one: str, other: str) -> None:
    assert form(one) == form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a - b", "b - a"),
        ("a - (b - c)", "a - b - c"),
        ("(a OR b) AND c", "a OR b AND c"),
        ("NOT (a AND b)", "NOT a AND b"),
        ("-(a + b)", "-a + b"),
        ("a || b", "b || a"),
        ("a / b", "b / a"),
        ("a / (b / c)", "a / b / c"),
        ("(a + b) % c", "a + b % c"),
        ("a + b::int", "(a + b)::int"),
        ("a + a", "a"),
        ("a > b", "a >= b"),
        ("'A'", "'a'"),
        ("1", "'1'"),
        ("a", "'a'"),
        ("a LIKE 'x%'", "a ILIKE 'x%'"),
        ("a BETWEEN 1 AND 2", "a BETWEEN 2 AND 1"),
        ("a IN (1, 2)", "a NOT IN (1, 2)"),
        ("coalesce(a, b)", "coalesce(b, a)"),
        ("CASE WHEN a THEN b END", "CASE WHEN b THEN a END"),
        ("CASE WHEN a THEN b ELSE c END", "CASE WHEN a THEN b END"),
        ("CAST(a AS INT)", "CAST(a AS BIGINT)"),
        ("CAST(a AS DECIMAL(10,2))", "CAST(a AS DECIMAL(10,3))"),
        ("extract(year FROM a)", "extract(month FROM a)"),
        ("date_trunc('month', a)", "date_trunc('year', a)"),
        ("INTERVAL 1 DAY", "INTERVAL 1 MONTH"),
        ("substring(a, 1, 2)", "substring(a, 2, 1)"),
        ("round(a, 1)", "round(a, 2)"),
        ("trim(a)", "trim(a, 'x')"),
        ('"a b"', "a_b"),
        ("foo(a)", "bar(a)"),
        ("foo(a, b)", "foo(b, a)"),
        ("a IS NULL", "a IS TRUE"),
        ("a = b", "a IS NOT DISTINCT FROM b"),
    ],
)
def test_different_meanings_have_different_forms(one: str, other: str) -> None:
    assert form(one) != form(other)


def form(text: str) -> str:
    snippet = snippets.parse(text, "duckdb")
    assert not [p for p in snippet.problems if p.severity == "error"], text
    return canonical(snippet.tree, "duckdb")


def test_quoted_names_keep_their_case_where_the_dialect_does() -> None:
    quoted, plain = (snippets.parse(text, "postgres").tree for text in ('"Total"', "total"))
    assert canonical(quoted, "postgres") != canonical(plain, "postgres")
    assert form('"Total"') == form("total")


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM t",
        "CREATE TABLE x AS SELECT 1",
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "SELECT 1 INTO x",
        "SELECT 1; SELECT 2",
        "COPY t TO 'x'",
        "SELECT * FROM t WHERE a = ?",
        "SELECT * FROM t FOR UPDATE",
        "",
        "amount + 1",
    ],
)
def test_a_sql_model_is_one_query_that_only_reads(text: str) -> None:
    for dialect in ("duckdb", "postgres"):
        tree, problem = snippets.parse_query(text, dialect)
        assert tree is None
        assert problem is not None
