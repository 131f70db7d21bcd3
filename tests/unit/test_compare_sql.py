"""compare_sql: the ladder from proof to trial, and what people read of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from sqlglot import exp

import kpilayer
from kpilayer import QueryError, Verdict, compare_sql
from kpilayer.proof import compare as ladder
from kpilayer.proof.facts import Facts
from kpilayer.proof.verdict import Example, Proof

ORDERS = {
    "orders": {
        "id": "BIGINT PRIMARY KEY",
        "status": "VARCHAR",
        "amount": "DECIMAL(12, 2)",
        "qty": "INTEGER",
    }
}
PAID = "SELECT SUM(amount) AS paid FROM orders WHERE status <> 'void'"
ALL_PAID = f"{PAID} OR status IS NULL"


def proving(proof: Proof | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a proof in the place of the prover's."""

    def prove(before: exp.Query, after: exp.Query, facts: Facts, dialect: str) -> Proof | None:
        return proof

    monkeypatch.setattr(ladder, "prove", prove)


def test_rows_decide_that_queries_differ() -> None:
    verdict = compare_sql(PAID, ALL_PAID, schema=ORDERS)
    assert (verdict.answer, verdict.method) == ("different", "rows")
    assert verdict.example is not None
    assert "`orders.status` is NULL" in verdict.why


def test_the_same_query_is_equivalent_and_tried() -> None:
    verdict = compare_sql(PAID, f"-- paid\n{PAID.lower().replace('void', 'void')};", schema=ORDERS)
    assert (verdict.answer, verdict.method, verdict.trials) == ("equivalent", "same", 60)


def test_what_is_neither_proved_nor_refuted_is_unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    proving(None, monkeypatch)
    verdict = compare_sql(PAID, PAID, schema=ORDERS, trials=15)
    assert (verdict.answer, verdict.method, verdict.trials) == ("unproven", "none", 15)
    assert "no difference in 15 trials" in verdict.why


def test_a_proof_that_rows_contradict_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    proving(Proof("laws", ("wrong-law",), ("orders.status is not NULL",)), monkeypatch)
    verdict = compare_sql(PAID, ALL_PAID, schema=ORDERS)
    assert verdict.answer == "unproven"
    assert verdict.contradiction
    assert verdict.example is not None
    assert "error of kpilayer" in verdict.why and "wrong-law" in verdict.why


def test_a_proof_is_tried_and_keeps_its_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    proving(Proof("solver", ("sum-of-case",), ("orders.id is a key",)), monkeypatch)
    verdict = compare_sql(PAID, PAID, schema=ORDERS, trials=7)
    assert (verdict.answer, verdict.method, verdict.trials) == ("equivalent", "solver", 60)
    assert (verdict.laws, verdict.assumptions) == (("sum-of-case",), ("orders.id is a key",))


def test_a_proof_that_cannot_be_tried_is_none_unless_the_queries_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_chance = "SELECT id, random() AS x FROM orders"
    proving(Proof("laws"), monkeypatch)
    verdict = compare_sql(by_chance, by_chance, schema=ORDERS)
    assert verdict.answer == "unproven"
    assert "`rand` gives something else on each call" in verdict.why
    proving(Proof("same"), monkeypatch)
    assert compare_sql(by_chance, by_chance, schema=ORDERS).answer == "equivalent"


def test_other_dialects_say_that_they_are_emulated() -> None:
    verdict = compare_sql(
        "SELECT SUM(qty) / COUNT(qty) AS x FROM orders",
        "SELECT SUM(qty)::numeric / COUNT(qty) AS x FROM orders",
        schema="CREATE TABLE orders (qty integer)",
        dialect="postgres",
    )
    assert verdict.answer == "different"
    assert "semantics of postgres emulated in DuckDB" in verdict.why
    assert verdict.example is not None
    assert isinstance(verdict.example.before, tuple) and isinstance(verdict.example.after, tuple)
    assert verdict.example.before[0][0] == int(verdict.example.after[0][0])  # it truncates


@pytest.mark.parametrize(
    ("dialect", "a", "b"),
    [
        ("postgres", "SELECT qty / 2 AS x FROM orders", "SELECT TRUNC(qty::numeric / 2) AS x FROM orders"),
        ("snowflake", "SELECT IFF(qty > 2, 1, 0) AS x FROM orders", "SELECT CASE WHEN qty > 2 THEN 1 ELSE 0 END AS x FROM orders"),
        ("bigquery", "SELECT COUNTIF(qty > 2) AS x FROM orders", "SELECT COUNT(IF(qty > 2, 1, NULL)) AS x FROM orders"),
        ("mysql", "SELECT COUNT(*) AS n FROM orders WHERE status = 'paid'", "SELECT COUNT(*) AS n FROM orders WHERE LOWER(status) = 'paid'"),
        ("mysql", "SELECT qty / 0 AS n FROM orders", "SELECT CASE WHEN qty > 0 THEN NULL END AS n FROM orders"),
        ("spark", "SELECT nvl(qty, 0) AS x FROM orders", "SELECT coalesce(qty, 0) AS x FROM orders"),
        ("trino", "SELECT count_if(qty > 2) AS x FROM orders", "SELECT count(*) FILTER (WHERE qty > 2) AS x FROM orders"),
        ("postgres", "SELECT DISTINCT ON (status) status, id FROM orders ORDER BY status, id", "SELECT status, MIN(id) AS id FROM orders GROUP BY 1"),
    ],
)  # fmt: skip
def test_equivalents_of_other_dialects_are_not_told_apart(dialect: str, a: str, b: str) -> None:
    schema = "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20), qty INT)"
    if dialect in ("bigquery", "spark"):
        schema = "CREATE TABLE orders (id INT64, status STRING, qty INT64)"
        schema = schema if dialect == "bigquery" else schema.replace("INT64", "INT")
    verdict = compare_sql(a, b, schema=schema, dialect=dialect, trials=60)
    assert verdict.example is None
    assert verdict.trials == 60


def test_what_clickhouse_makes_of_no_rows_is_not_taken_for_null() -> None:
    pair = ("SELECT sum(qty) AS x FROM orders", "SELECT coalesce(sum(qty), 0) AS x FROM orders")
    plain = compare_sql(*pair, schema="CREATE TABLE orders (qty Int32)", dialect="clickhouse")
    assert plain.answer == "unproven"
    assert "ClickHouse makes 0 of no rows" in plain.why
    schema = "CREATE TABLE orders (qty Nullable(Int32))"
    assert compare_sql(*pair, schema=schema, dialect="clickhouse").answer == "different"


def test_decimals_of_sqlite_are_floating_point_numbers() -> None:
    pair = ("SELECT SUM(a) AS x FROM o", "SELECT SUM(a + 1) AS x FROM o")
    schema = "CREATE TABLE o (a DECIMAL(12, 2))"
    assert compare_sql(*pair, schema=schema, dialect="sqlite").answer == "different"


@pytest.mark.parametrize(
    ("dialect", "before", "after"),
    [
        ("tsql", "AVG(q)", "AVG(q * 1.0)"),  # 1 and 1.5 of 1 and 2: of integers, an integer
        ("redshift", "AVG(q)", "AVG(q * 1.0)"),
        ("trino", "SUM(q) / 3.0", "SUM(q) / 3.00"),  # 3.3 and 3.33 of 10
        ("trino", "SUM(a) * 1.0 / COUNT(*)", "SUM(a) / COUNT(*)"),
        ("mysql", "AVG(q)", "AVG(q * 1.0)"),
        ("spark", "SUM(q) / COUNT(*)", "SUM(q) * 1.0 / COUNT(*)"),
        ("postgres", "FLOOR(SUM(q) / 3.0)", "FLOOR(SUM(q / 3.0))"),  # 1 and 0 of 1, 1 and 1
    ],
)
def test_digits_that_a_dialect_cuts_off_are_no_equal_numbers(
    dialect: str, before: str, after: str
) -> None:
    pair = (f"SELECT {before} AS x FROM o", f"SELECT {after} AS x FROM o")
    schema = {"o": {"q": "INTEGER", "a": "DECIMAL(12, 2)"}}
    assert compare_sql(*pair, schema=schema, dialect=dialect, trials=20).answer != "equivalent"


def test_what_a_proof_takes_floating_point_numbers_for_is_listed() -> None:
    verdict = compare_sql(
        "SELECT SUM(d) - SUM(d) AS x FROM o",
        "SELECT CASE WHEN SUM(d) IS NOT NULL THEN 0.0 END AS x FROM o",
        schema={"o": {"d": "DOUBLE"}},
    )
    assert verdict.answer == "equivalent"
    assert "floating-point numbers are exact, and neither infinite nor NaN" in verdict.assumptions


def test_members_of_a_list_are_tried_as_values() -> None:
    verdict = compare_sql(
        "SELECT a FROM t WHERE b <> ALL (ARRAY[7, 8])",
        "SELECT a FROM t WHERE b <> 7",
        schema="CREATE TABLE t (a INT, b INT)",
        dialect="postgres",
    )
    assert verdict.answer == "different"


def test_texts_that_are_no_query_are_all_reported_with_their_place() -> None:
    with pytest.raises(QueryError) as caught:
        compare_sql("SELECT a\nFORM b, c", "DELETE FROM b", schema="CREATE TABLE b (a INT")
    places = [(issue.code, str(issue.location)) for issue in caught.value.issues]
    assert places == [
        ("bad-sql", "a:2:6"),
        ("not-an-expression", "b:1:1"),
        ("bad-sql", "schema:1:19"),
    ]
    with pytest.raises(QueryError, match="a second statement follows"):
        compare_sql("SELECT 1", "SELECT 1; SELECT 2")
    with pytest.raises(QueryError, match="half of a character"):
        compare_sql("SELECT '\ud800'", "SELECT 1")
    with pytest.raises(QueryError, match=r"did you mean `postgres`"):
        compare_sql("SELECT 1", "SELECT 1", dialect="postgrs")
    with pytest.raises(QueryError, match="`trials` is a number from 1"):
        compare_sql("SELECT 1", "SELECT 1", trials=0)


def test_a_line_names_the_rows_and_both_answers() -> None:
    tables = {"orders": (("id", "status", "amount"), ((1, "shipped", Decimal("0.15")),))}
    example = Example(tables, ("paid",), ((None,),), ((Decimal("0.15"),),))
    verdict = Verdict("different", "rows", example=example, trials=3, seed=0)
    assert str(verdict) == (
        "different: orders(id=1, status='shipped', amount=0.15) "
        "-> before NULL, after 0.15 (seed 0, trial 3)"
    )


def test_a_page_shows_small_tables() -> None:
    rows = ((1, None, datetime(2024, 1, 31, 23, 59)), (2, "it's", None))
    tables = {"orders": (("id", "status", "at"), rows), "stores": (("id",), ())}
    example = Example(tables, ("n", "ok"), ((2, True),), "Conversion Error: no")
    verdict = Verdict("different", "rows", example=example, trials=3, why="because")
    assert verdict.explain().splitlines() == [
        "different (seed 0, trial 3)",
        "orders:",
        "  id  status   at",
        "  1   NULL     2024-01-31 23:59:00",
        "  2   'it''s'  NULL",
        "stores: no rows",
        "before:",
        "  n  ok",
        "  2  true",
        "after: Conversion Error: no",
        "because",
    ]


def test_long_tables_are_counted_and_cut() -> None:
    rows = tuple((n,) for n in range(500))
    example = Example({"orders": (("id",), rows)}, ("id",), rows, ())
    verdict = Verdict("different", "rows", example=example, trials=26)
    assert (
        str(verdict)
        == "different: orders (500 rows) -> before 500 rows, after no rows (seed 0, trial 26)"
    )
    assert ".. and 490 more rows" in verdict.explain()


def test_laws_and_assumptions_are_named() -> None:
    verdict = Verdict(
        "equivalent", "laws", ("left-join-of-a-key",), ("stores.id is a key",), trials=60
    )
    assert str(verdict) == "equivalent: proved by laws, and 60 trials agree"
    assert verdict.explain().splitlines()[1:] == [
        "laws: left-join-of-a-key",
        "given that: stores.id is a key",
    ]


def test_the_names_are_public() -> None:
    assert kpilayer.compare_sql is compare_sql
    assert kpilayer.Verdict is Verdict
