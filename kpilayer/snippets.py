"""SQL snippets in definitions: parsed once, validated, and positioned.

A snippet is one scalar expression over columns (or over inputs, in a derived metric), written in
the project's authoring dialect. What it may contain is in ``vocabulary.py``. SQL models and
aggregate expressions are read here, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, TypeVar

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, Dialects
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from kpilayer.errors import Problem
from kpilayer.expr import columns, is_none, nodes, span, true_division
from kpilayer.vocabulary import aim, refusals

MAX_CHARACTERS: Final = 200_000  # of one snippet
MAX_QUERY_CHARACTERS: Final = 1_000_000  # of one SQL model
MAX_DEPTH: Final = 100  # of its tree; a chain of one associative operator counts once
MAX_OPEN_JOINS: Final = 8
#: Every dialect that sqlglot reads and writes.
DIALECTS: Final = tuple(d.value for d in Dialects if d.value)


@dataclass(frozen=True, slots=True)
class Name:
    """A column-like name in a snippet, where it stands."""

    name: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Snippet:
    """A parsed expression. ``tree`` is shared: copy before embedding."""

    text: str
    tree: exp.Expr
    names: tuple[Name, ...]
    problems: tuple[Problem, ...] = ()


#: Cannot stand in a YAML text, so no snippet that somebody wrote begins with it.
_HALF_A_CHARACTER: Final = re.compile("[\ud800-\udfff]")
_COLUMN_MARK: Final = "\0"


def column_text(name: str) -> str:
    """A snippet that is the column of this name, whatever the name means in a dialect (`order`)."""
    return _COLUMN_MARK + name


def shown(text: str) -> str:
    """A snippet as people read it."""
    return text.removeprefix(_COLUMN_MARK)


def parse(text: str, dialect: str) -> Snippet:
    """One scalar expression. The tree of a snippet with problems is NULL and must not be used.

    Divisions are true divisions and yield NULL by zero in every dialect (language.md X6).
    """
    return _parse(text, dialect)


@lru_cache(maxsize=50_000)
def _parse(text: str, dialect: str) -> Snippet:
    if text.startswith(_COLUMN_MARK):
        name = shown(text)
        column = exp.Column(this=exp.to_identifier(name, quoted=True))
        return Snippet(name, column, (Name(name, 0, len(name)),))
    if len(text) > MAX_CHARACTERS:
        what = f"the expression has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
        return Snippet(text, exp.Null(), (), (Problem("bad-sql", what),))
    tree, problems = _parse_one(text, dialect)
    if tree is None:
        return Snippet(text, exp.Null(), (), problems)
    try:
        if _is_too_deep(tree):
            return Snippet(text, exp.Null(), (), (_too_deep(text),))
        problems += _quoted_conditions(tree, text, dialect)
        problems += tuple(refusals(tree, text))
        if any(p.severity == "error" for p in problems):
            return Snippet(text, exp.Null(), (), problems)
        names = tuple(Name(c.name, *span(c.this)) for c in columns(tree))
        return Snippet(text, true_division(_without_notes(tree)), names, problems)
    except RecursionError:
        return Snippet(text, exp.Null(), (), (_too_deep(text),))


def _quoted_conditions(tree: exp.Expr, text: str, dialect: str) -> tuple[Problem, ...]:
    """Reads the condition of each `none('..')`, in place; what is wrong with one that cannot be."""
    if "none" not in text.lower():
        return ()
    for node in [n for n in nodes(tree) if is_none(n)]:
        quoted = node.expressions[0]
        if not (isinstance(quoted, exp.Literal) and quoted.is_string):
            continue
        inner, problems = _parse_one(quoted.name, dialect)
        start = max(text.find(quoted.name), 0)
        if inner is None or _is_too_deep(inner):
            return problems or (_too_deep(text),)
        for name in inner.find_all(exp.Identifier):
            offset, length = span(name)
            name.update_positions(start=start + offset, end=start + offset + length - 1)
        quoted.replace(inner)
    return ()


#: Whose operands stand beside each other in a canonical form, however many there are.
_CHAINS: Final = (exp.And, exp.Or, exp.Add, exp.Mul)


def _is_too_deep(tree: exp.Expr) -> bool:
    """Whether functions that recurse over the tree could run out of stack, wherever they start."""
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            return True
        for inner in node.iter_expressions():
            in_chain = isinstance(node, _CHAINS) and type(inner) is type(node)
            pending.append((inner, depth if in_chain else depth + 1))
    return False


def _too_deep(text: str) -> Problem:
    return Problem("bad-sql", "the expression is nested too deeply", 0, len(text))


def syntax_problems(text: str, dialect: str) -> tuple[Problem, ...]:
    """What is wrong with a text as SQL at all: it is one expression or query, whatever is in it."""
    return _parse_one(text, dialect)[1]


def parse_aggregates(text: str, dialect: str) -> exp.Expr:
    """An aggregate expression that ``syntax_problems`` found sound; the tree is the caller's."""
    tree, _ = _parse_one(text, dialect)
    assert tree is not None, "an expression without problems has a tree"
    return _without_notes(tree)


def _parse_one(text: str, dialect: str) -> tuple[exp.Expr | None, tuple[Problem, ...]]:
    trees, problems = _parse_all(text, dialect)
    found = [tree for tree in trees if tree is not None]
    if problems:
        return None, problems
    if not found:
        return None, (Problem("bad-sql", "the expression is empty", 0, max(len(text), 1)),)
    if len(found) > 1 or len(trees) > 1:
        offset = max(text.find(";"), 0)
        message = "one expression belongs here, and there is a second statement"
        return None, (Problem("several-statements", message, offset),)
    return found[0], ()


def parse_statements(text: str, dialect: str) -> tuple[tuple[exp.Expr, ...], tuple[Problem, ...]]:
    """The statements of a text, such as CREATE TABLEs; none where there is a problem."""
    if len(text) > MAX_QUERY_CHARACTERS:
        what = f"the text has {len(text):,} characters; at most {MAX_QUERY_CHARACTERS:,} are read"
        return (), (Problem("bad-sql", what),)
    trees, problems = _parse_all(text, dialect)
    return tuple(tree for tree in trees if tree is not None), problems


def _parse_all(text: str, dialect: str) -> tuple[Sequence[exp.Expr | None], tuple[Problem, ...]]:
    half = _HALF_A_CHARACTER.search(text)
    if half is not None:
        message = "half of a character stands here, which no database can read"
        return (), (Problem("bad-sql", message, half.start(), 1),)
    spoken = Dialect.get_or_raise(dialect)
    try:
        tokens = spoken.tokenize(text)
        if _open_joins(tokens) > MAX_OPEN_JOINS:
            message = f"more than {MAX_OPEN_JOINS} joins have no ON or USING"
            return (), (Problem("bad-sql", message, 0, len(text)),)
        trees = spoken.parser().parse(tokens, text)
    except TokenError:
        quote = next((q for q in "'\"`" if text.count(q) % 2), None)
        message = f"a quote (`{quote}`) is not closed" if quote else "the SQL cannot be read"
        return (), (Problem("bad-sql", message, text.find(quote) if quote else 0),)
    except ParseError as error:
        return (), (_syntax_problem(text, error),)
    except RecursionError:
        return (), (_too_deep(text),)
    except SqlglotError:
        return (), (Problem("bad-sql", "the SQL cannot be read", 0, len(text)),)
    return trees, ()


def _open_joins(tokens: Sequence[Token]) -> int:
    """Joins without their ON or USING. The parser tries each in two ways, and so on after it."""
    closed, levels, before = 0, [0], None
    for kind in (token.token_type for token in tokens):
        if kind is TokenType.L_PAREN:
            levels.append(0)
        elif kind is TokenType.R_PAREN and len(levels) > 1:
            closed += levels.pop()
        elif kind in (TokenType.JOIN, TokenType.STRAIGHT_JOIN):
            levels[-1] += before not in (TokenType.CROSS, TokenType.NATURAL)
        elif kind in (TokenType.ON, TokenType.USING):
            levels[-1] = max(0, levels[-1] - 1)
        before = kind
    return closed + sum(levels)


def parse_query(
    text: str, dialect: str, what: str = "a SQL model"
) -> tuple[exp.Query | None, Problem | None]:
    """A SQL model: exactly one query that only reads. ``what`` is what people call it."""
    if len(text) > MAX_QUERY_CHARACTERS:
        long = f"the query has {len(text):,} characters; at most {MAX_QUERY_CHARACTERS:,} are read"
        return None, Problem("bad-sql", long)
    tree, problems = _parse_one(text, dialect)
    if tree is None:
        first = problems[0]
        if first.code == "several-statements":
            first = replace(first, message=f"{what} is one query, and a second statement follows")
        return None, first
    if not isinstance(tree, exp.Query):
        message = f"{what} is one query (SELECT); this is `{tree.key}`"
        return None, Problem("not-an-expression", message, 0, 1)
    for node in tree.walk():
        if isinstance(node, (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)) and not isinstance(
            node, exp.Query
        ):
            message = f"{what} only reads; `{node.key}` does not"
            return None, Problem("not-an-expression", message, *span(node))
        if isinstance(node, (exp.Placeholder, exp.Parameter)):
            message = f"{what} has no parameters; use `var()`"
            return None, Problem("not-an-expression", message, *aim(node, tree, text))
    return _without_notes(tree), None


def _syntax_problem(text: str, error: ParseError) -> Problem:
    detail = error.errors[0]
    highlight = detail.get("highlight") or ""
    offset = _offset(text, detail.get("line") or 1, (detail.get("col") or 1)) - len(highlight)
    description = str(detail.get("description", ""))
    if "Required keyword" in description or "missing" in description:
        message = f"something is missing after `{highlight}`"
    elif "Expecting )" in description:
        message = "a parenthesis is not closed"
    else:
        message = f"unexpected `{highlight}`"
    offset = max(0, min(offset, len(text) - 1))  # sqlglot counts a lone CR as a line, too
    return Problem("bad-sql", message, offset, max(len(highlight), 1))


def _offset(text: str, line: int, column: int) -> int:
    return sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column


_Tree = TypeVar("_Tree", bound=exp.Expr)


def _without_notes(tree: _Tree) -> _Tree:
    """The tree without comments and positions: both would double the cost of each copy."""
    for node in nodes(tree):
        node.comments = None
        for note in ("line", "col", "start", "end"):
            if node.meta_get(note) is not None:
                del node.meta[note]
    return tree


def quote_of(dialect: str) -> str:
    """The character on both sides of a quoted identifier in a dialect.

    >>> quote_of("duckdb"), quote_of("bigquery"), quote_of("tsql")
    ('"', '`', '"')
    """
    spoken = Dialect.get_or_raise(dialect)
    sides = {str(spoken.IDENTIFIER_START), str(spoken.IDENTIFIER_END)}
    return sides.pop() if len(sides) == 1 else '"'  # T-SQL's `[a]` may be written `"a"`
