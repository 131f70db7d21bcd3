"""What is known of tables comes from CREATE TABLE statements or from definitions of columns."""

from __future__ import annotations

from typing import Any

import pytest

from kpilayer import QueryError
from kpilayer.proof.facts import Facts, Reference
from kpilayer.proof.facts_of import facts_of

DDL = """
CREATE TABLE shop.stores (id BIGINT PRIMARY KEY, city VARCHAR(20) NOT NULL, code TEXT UNIQUE);
CREATE TABLE shop.orders (
    id BIGINT, line INTEGER, store_id BIGINT REFERENCES stores (id), amount DECIMAL(12, 2) NOT NULL,
    city TEXT, region TEXT NULL, CHECK (amount > 0),
    PRIMARY KEY (id, line),
    CONSTRAINT one_amount UNIQUE (city, amount),
    CONSTRAINT from_store FOREIGN KEY (store_id) REFERENCES shop.stores,
    FOREIGN KEY (region) REFERENCES elsewhere (id)
);
"""


def test_statements_say_types_nulls_keys_and_references() -> None:
    facts = facts_of(DDL, "duckdb")
    stores, orders = facts.tables["shop.stores"], facts.tables["shop.orders"]
    assert [(c.name, c.type.sql("duckdb"), c.nullable) for c in stores.columns] == [
        ("id", "BIGINT", False),
        ("city", "TEXT", False),
        ("code", "TEXT", True),
    ]
    assert stores.keys == (("id",), ("code",))
    assert orders.keys == (("id", "line"), ("city", "amount"))
    assert {c.name for c in orders.columns if not c.nullable} == {"id", "line", "amount"}
    assert set(orders.references) == {Reference(("store_id",), "shop.stores", ("id",))}


def test_a_mapping_says_the_same() -> None:
    ddl = (
        "CREATE TABLE a (id BIGINT PRIMARY KEY); CREATE TABLE b (x INT NOT NULL REFERENCES a (id))"
    )
    mapping = {"a": {"id": "BIGINT PRIMARY KEY"}, "b": {"x": "INT NOT NULL REFERENCES a (id)"}}
    assert facts_of(ddl, "duckdb") == facts_of(mapping, "duckdb")


def test_nothing_is_known_without_a_schema() -> None:
    assert facts_of(None, "duckdb") == Facts()


def test_facts_are_taken_as_they_are() -> None:
    facts = facts_of(DDL, "duckdb")
    assert facts_of(facts, "postgres") is facts


def test_keys_of_clickhouse_are_not_unique_and_columns_say_whether_they_are_nullable() -> None:
    ddl = "CREATE TABLE t (a Int32, b Nullable(Int32), PRIMARY KEY (a)) ENGINE = MergeTree"
    table = facts_of(ddl, "clickhouse").tables["t"]
    assert table.keys == ()
    assert [c.nullable for c in table.columns] == [False, True]


def test_a_key_of_sqlite_may_be_null_unless_it_is_the_number_of_the_row() -> None:
    facts = facts_of(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id TEXT PRIMARY KEY)", "sqlite"
    )
    assert [facts.tables[name].columns[0].nullable for name in ("a", "b")] == [False, True]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (7, ["a schema is CREATE TABLE statements or a mapping, and this is a `int`"]),
        ("", ["there is no CREATE TABLE statement"]),
        ("SELECT 1", ["this is `select`"]),
        (
            "CREATE TABLE a (id INT, ID INT, PRIMARY KEY (x)); CREATE TABLE A (z WIBBLE)",
            [
                "`A.z` needs a type of duckdb, and has `WIBBLE`",
                "`a` has two definitions",
                "two columns `id`",
                "`a` has no column `x`",
            ],
        ),
        (
            {"a": {"id": "INT NOT NUL", "b": ""}, "c": []},
            ["`a.b` needs", "`c` needs", "schema.a.id:1:5"],
        ),
        (
            {"a": {"id": "INT PRIMARY KEY"}, "b": {"x": "INT REFERENCES a (idd)"}},
            ["`a` has no column `idd`", "did you mean `id`"],
        ),
        (
            "CREATE TABLE a (x INT, y INT, PRIMARY KEY (x, y)); CREATE TABLE b (x INT REFERENCES a)",
            ["has 1 columns here and 2 there"],
        ),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(schema: Any, said: list[str]) -> None:
    with pytest.raises(QueryError) as caught:
        facts_of(schema, "duckdb")
    for text in said:
        assert text in str(caught.value)
