"""Every statement that is printed for SQL Server is read by Microsoft's parser, and bound to tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.vendor import reading
from tests.vendor.statements import names, statements, words

#: Of SQL Server 2022, as the dialect asks for; the libraries know 2019.
NEWER_WORDS = {r"IS NOT DISTINCT FROM": "=", r"IS DISTINCT FROM": "<>"}
NEWER_FUNCTIONS = {("generate_series", 3)} | {
    (name, count) for name in ("greatest", "least") for count in (2, 3)
}
#: Words before a parenthesis that are no functions.
GRAMMAR = {("apply", 1), ("cast", 1)}
SERIES = """
CREATE FUNCTION main.GENERATE_SERIES (@first BIGINT, @last BIGINT, @step BIGINT)
RETURNS TABLE AS RETURN SELECT @first AS value
"""
TYPES = {
    "BOOLEAN": "BIT",
    "DOUBLE": "FLOAT",
    "INTEGER": "INT",
    "TIMESTAMP": "DATETIME2",
    "VARCHAR": "NVARCHAR(400)",
}


def tables() -> list[str]:
    """The tables of the example company, as its lock has them."""
    lock = yaml.safe_load((reading.ROOT / "kpilayer.lock").read_text(encoding="utf-8"))
    made = ["CREATE SCHEMA main", SERIES]
    for name, relation in lock["relations"].items():
        if " " in name:  # a model in SQL
            continue
        columns = ", ".join(
            f"[{column}] {TYPES.get(of['type'], of['type'])}"
            for column, of in relation["columns"].items()
        )
        made.append(f"CREATE TABLE main.[{name}] ({columns})")
    made.append(
        "CREATE TABLE main.rows_read (number INT, word NVARCHAR(400), day DATE,"
        " moment DATETIME2, later DATETIME2, a NVARCHAR(400), b NVARCHAR(400))"
    )
    return made


def ask(given: list[str], tables: list[str]) -> dict[str, Any]:
    folder = reading.fetched("tsql/.fetched").parent
    program = Path(__file__).parent / "tsql.py"
    question = {"tables": tables, "statements": given}
    said: dict[str, Any] = reading.answer([sys.executable, program, folder], question)
    return said


def _of_2019(sql: str) -> str:
    """A statement with the words that came later replaced by ones that read the same columns."""
    for word, other in NEWER_WORDS.items():
        sql = re.sub(word, other, sql)
    return sql


def test_every_statement_is_of_the_grammar_and_calls_and_reads_what_is_there() -> None:
    reading.fetched("tsql/.fetched")
    given = [*statements("tsql"), *words("tsql")]
    said = ask([_of_2019(sql) for _, sql in given], tables())
    wrong = [
        f"{name}: {one['errors'] or one['unresolved']}\n{sql}"
        for (name, sql), one in zip(given, said["statements"], strict=True)
        if one["errors"] or one["unresolved"]
    ]
    assert wrong == []
    functions = {name: [tuple(pair)] for name, pair in said["functions"].items()}
    calls = [call for one in said["statements"] for call in one["calls"]]
    assert len(calls) > 1000
    assert reading.unknown(calls, functions) - NEWER_FUNCTIONS - GRAMMAR == set()


def test_every_word_is_a_name() -> None:
    given = list(names("tsql"))
    said = ask([sql for _, sql in given], [])["statements"]
    wrong = [word for (word, _), one in zip(given, said, strict=True) if one["errors"]]
    assert wrong == []


def test_what_is_wrong_is_told() -> None:
    given = [
        "SELECT number AS plan FROM main.rows_read",
        "SELECT number IS NULL AS x FROM main.rows_read",
        "SELECT numbre FROM main.rows_read",
        "SELECT x.word FROM (SELECT number FROM main.rows_read) AS x",
        "SELECT number FROM main.rows_raed",
    ]
    said = ask(given, tables())["statements"]
    assert [bool(one["errors"]) for one in said] == [True, True, False, False, False]
    assert [bool(one["unresolved"]) for one in said] == [False, False, True, True, True]
