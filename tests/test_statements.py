"""Every statement of meaning in docs/semantics.md has a test that names it, and no test names another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent


def listed() -> set[str]:
    """The statements of the page: bold ids at the beginning of a row."""
    text = (ROOT / "docs/semantics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| \*\*([QPTX]\d+)\*\* \|", text, re.M))


def named() -> Iterator[str]:
    """What tests say that they hold: `@pytest.mark.statement("X6")`."""
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "statement":
                    (argument,) = node.args
                    assert isinstance(argument, ast.Constant), path
                    yield str(argument.value)


def test_the_page_lists_all_of_them() -> None:
    counts = {letter: sum(s.startswith(letter) for s in listed()) for letter in "QPTX"}
    assert counts == {"Q": 12, "P": 6, "T": 6, "X": 10}


def test_each_statement_has_a_test_and_each_test_a_statement() -> None:
    assert {name for name in named() if re.fullmatch(r"[QPTX]\d+", name)} == listed()
