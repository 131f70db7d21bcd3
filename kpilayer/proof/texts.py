"""Problems in texts that a caller hands over, as issues with a place in them."""

from __future__ import annotations

from kpilayer.errors import Issue, Location, Problem, did_you_mean
from kpilayer.snippets import DIALECTS


def issue_of(problem: Problem, text: str, argument: str) -> Issue:
    r"""The issue, at its line of the argument.

    >>> print(issue_of(Problem("bad-sql", "unexpected `FORM`", 9, 4), "SELECT a\nFORM b", "a"))
    a:2:1: error[bad-sql]: unexpected `FORM`
    2 | FORM b
      | ^^^^
    """
    offset = max(0, min(problem.offset, len(text)))
    start = text.rfind("\n", 0, offset) + 1
    line = text.count("\n", 0, offset) + 1
    shown = text[start:].partition("\n")[0].rstrip("\r")
    place = Location(argument, line, offset - start + 1, max(1, problem.length), shown)
    return Issue(problem.code, problem.message, place, problem.hint, problem.severity)


def unknown_dialect(dialect: object) -> Issue | None:
    """What is wrong with the name of a dialect, if anything."""
    if isinstance(dialect, str) and dialect in DIALECTS:
        return None
    hint = did_you_mean(str(dialect), DIALECTS)
    return Issue("bad-value", f"`{dialect}` is not a dialect of SQL that is known", hint=hint)
