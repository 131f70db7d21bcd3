"""Every statement that is printed for Trino is read by Trino's grammar, and its functions are known."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.vendor import reading
from tests.vendor.statements import names, statements, words

#: Functions of Trino that Velox has not, or has elsewhere than in its lists.
NOT_IN_VELOX = {
    ("coalesce", 2): "Velox has it as a form of its own",
    ("coalesce", 3): "Velox has it as a form of its own",
    ("coalesce", 4): "Velox has it as a form of its own",
    ("nullif", 2): "Velox rewrites it",
    ("if", 3): "Velox has it as a form of its own",
    ("lag", 1): "a window function",
    ("lag", 3): "a window function",
    ("lead", 1): "a window function",
    ("lead", 3): "a window function",
    ("rank", 0): "a window function",
    ("row_number", 0): "a window function",
    ("with_timezone", 2): "in Trino since 321, not in Velox",
}


def read(given: list[str]) -> list[dict[str, Any]]:
    """What is said of each statement: `errors`, and `calls` of functions."""
    parser = reading.fetched("trino/trino.cjs")
    if shutil.which("node") is None:
        pytest.skip("no node")
    said: list[dict[str, Any]] = reading.answer(["node", parser], given)
    return said


def test_every_statement_is_of_the_grammar_and_calls_what_is_known() -> None:
    functions = json.loads(reading.fetched("velox/functions.json").read_text(encoding="utf-8"))
    reading.fetched("trino/trino.cjs")
    given = [*statements("trino"), *words("trino")]
    said = read([sql for _, sql in given])
    wrong = [
        f"{name}: {one['errors']}\n{sql}"
        for (name, sql), one in zip(given, said, strict=True)
        if one["errors"]
    ]
    assert wrong == []
    calls = [call for one in said for call in one["calls"]]
    assert len(calls) > 1000
    assert reading.unknown(calls, functions) - NOT_IN_VELOX.keys() == set()


def test_every_word_is_a_name() -> None:
    given = list(names("trino"))
    said = read([sql for _, sql in given])
    wrong = [word for (word, _), one in zip(given, said, strict=True) if one["errors"]]
    assert wrong == []


def test_what_is_not_trino_is_refused() -> None:
    given = ["SELECT a AS plan FROM", "SELECT a FROM t QUALIFY b = 1", "SELECT a AS table FROM t"]
    said = read(given)
    assert all(one["errors"] for one in said)
    functions = {"abs": [(1, 1)]}
    assert reading.unknown([("abs", 1), ("abs", 2), ("aps", 1)], functions) == {
        ("abs", 2),
        ("aps", 1),
    }
