"""The words that generated SQL quotes are those that the engines reserve."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import duckdb
import pytest

from kpilayer.sql.reserved import RESERVED


def duckdb_words() -> set[str]:
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    with duckdb.connect(":memory:") as connection:
        return {word for (word,) in connection.execute(query).fetchall()}


def postgres_words(schema: Any) -> set[str]:
    query = "SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'"
    return {word for (word,) in schema.connection.execute(query).fetchall()}


def test_words_of_duckdb_are_quoted() -> None:
    assert duckdb_words() - RESERVED == set()


@pytest.mark.postgres
def test_words_of_postgres_are_quoted(postgres_schema: Any) -> None:
    assert postgres_words(postgres_schema) - RESERVED == set()


def test_words_that_are_not_quoted_are_names_on_sqlite() -> None:
    every = "SELECT keyword_name FROM duckdb_keywords()"
    with duckdb.connect(":memory:") as local:
        words = {word for (word,) in local.execute(every).fetchall()}
    with closing(sqlite3.connect(":memory:")) as connection:
        for word in sorted((words | RESERVED) - {"true", "false"}):  # values there, also in quotes
            name = f'"{word}"' if word in RESERVED else word
            sql = f"WITH {name} AS (SELECT 1 AS {name}) SELECT {name}.{name} FROM {name}"
            assert connection.execute(f"{sql} ORDER BY {name}").fetchall() == [(1,)], word


def test_quoted_words_are_lower_case_and_plain() -> None:
    assert {word for word in RESERVED if word != word.lower() or not word.isidentifier()} == set()


@pytest.mark.postgres
def test_every_keyword_is_a_name_where_it_is_quoted(
    postgres_schema: Any,
) -> None:
    words = {*RESERVED, *duckdb_words(), *postgres_words(postgres_schema)}
    with duckdb.connect(":memory:") as local:
        for connection in (local, postgres_schema.connection):
            for word in sorted(words):
                quoted = f'"{word}"'
                sql = (
                    f"SELECT {quoted}.{quoted} AS {quoted} FROM (SELECT 1 AS {quoted}) AS {quoted}"
                )
                assert connection.execute(sql).fetchall() == [(1,)]


@pytest.mark.postgres
def test_every_unreserved_keyword_works_bare(postgres_schema: Any) -> None:
    """What is not quoted must be safe as a column and as an alias, in every place we use."""
    queries = (
        ("duckdb", "SELECT keyword_name FROM duckdb_keywords()"),
        ("postgres", "SELECT word FROM pg_get_keywords()"),
    )
    refused: list[str] = []
    with duckdb.connect(":memory:") as local:
        engines = {"duckdb": local, "postgres": postgres_schema.connection}
        words = {w for name, sql in queries for (w,) in engines[name].execute(sql).fetchall()}
        for name, connection in engines.items():
            error = duckdb.Error if name == "duckdb" else _postgres_error()
            for word in sorted(words - RESERVED):
                sql = (
                    f"WITH by_day AS (SELECT 1 AS {word}) SELECT {word}.{word} AS {word}, "
                    f"SUM({word}.{word}) AS total FROM by_day AS {word} "
                    f"LEFT JOIN by_day AS other ON other.{word} = {word}.{word} "
                    f"GROUP BY {word}.{word} ORDER BY {word} ASC"
                )
                try:
                    connection.execute(sql).fetchall()
                except error:
                    refused.append(f"{word} on {name}")
    assert refused == []


def _postgres_error() -> type[Exception]:
    import psycopg

    return psycopg.Error
