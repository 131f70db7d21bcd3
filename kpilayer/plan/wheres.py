"""Conditions that a caller asks for: parsed, checked against a closed list, and resolved."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from kpilayer import snippets, vocabulary
from kpilayer.catalog import Catalog
from kpilayer.columns import TimedColumn, resolve_name, resolver
from kpilayer.conditions import Resolve, literal_problems
from kpilayer.errors import Issue, Location, Problem
from kpilayer.formula.times import grained
from kpilayer.formula.tree import Home
from kpilayer.join_graph import JoinGraph, Unreached
from kpilayer.plan.keys import disagreement, unreached
from kpilayer.plan.query import Condition, Query


def conditions(
    query: Query,
    graph: JoinGraph,
    homes: dict[Home, str],
    unit: str | None,
    issues: list[Issue],
) -> Iterator[str]:
    """The conditions of a question that can be used; what is wrong with others goes to issues."""
    for condition in query.where:
        snippet = allowed(condition, graph.catalog, issues)
        sound = snippet is not None
        for name in snippet.names if snippet is not None else ():
            found: list[tuple[Home, TimedColumn]] = []
            place = within(condition, name.name, name.offset)
            for home, metric in homes.items():
                column = resolve_name(graph, *home, name.name, unit)
                if isinstance(column, Unreached):
                    sound = False
                    column = _bare(column, name.name, graph, home)
                    issues.append(unreached(column, place, metric, len(homes)))
                else:
                    found.append((home, column))
            if (issue := disagreement(name.name, found, homes, place)) is not None:
                sound = False
                issues.append(issue)
        if sound:
            text = grained(graph, condition.sql, unit)
            issues += _literals(graph.catalog.snippet(text).tree, condition, graph, homes)
            yield text


def allowed(condition: Condition, catalog: Catalog, issues: list[Issue]) -> snippets.Snippet | None:
    """A condition that holds only what a caller may say; else None, and why in issues."""
    snippet = snippets.parse(condition.sql, catalog.dialect)
    found = [_caller_problem(problem, condition) for problem in snippet.problems]
    if not found:
        words = vocabulary.not_for_callers(snippet.tree)
        problems = [Problem("unproven-function", "", word=word) for word in words]
        found = [_caller_problem(problem, condition) for problem in problems]
    issues += found
    return None if found else snippet


def _literals(
    tree: exp.Expr, condition: Condition, graph: JoinGraph, homes: dict[Home, str]
) -> Iterator[Issue]:
    """Dates in a condition that are none, and notices on those that are moved."""
    for home in homes:
        yield from literal_issues(tree, condition, resolver(graph, *home))


def literal_issues(tree: exp.Expr, condition: Condition, resolve: Resolve) -> Iterator[Issue]:
    """Literals of a condition that are no dates, and notices, for what its names are."""
    for problem in literal_problems(tree, resolve):
        yield literal_issue(problem, condition)


def literal_issue(problem: Problem, condition: Condition) -> Issue:
    """What is to be said of a literal, at its place in a condition."""
    place = within(condition, problem.word or "")
    return Issue(problem.code, problem.message, place, problem.hint, problem.severity)


def _caller_problem(problem: Problem, condition: Condition) -> Issue:
    """A caller's functions are a closed list: what is a warning in a definition is refused here."""
    code, message, hint = problem.code, problem.message, problem.hint
    if code == "unproven-function":
        code, message = "function-not-allowed", f"`{problem.word}` cannot be used in a filter here"
        hint = "filter by a dimension; one can have the function in its `expr`"
    word = condition.sql[problem.offset : problem.offset + problem.length]
    return Issue(code, message, within(condition, word, problem.offset), hint)


def _bare(why: Unreached, name: str, graph: JoinGraph, home: Home) -> Unreached:
    """A name without an entity that some dimension has: a column, as SQL would have it."""
    if "__" in name or why.code != "unknown-dimension":
        return why
    places = graph.names(home[0]).get(name.lower(), ())
    if not places:
        return why
    message = f"`{name}` is a bare column; a filter names dimensions"
    return Unreached("bare-column", message, f"write `{places[0].address}`")


def within(condition: Condition, word: str, offset: int | None = None) -> Location:
    """A word of a condition, in the text that was asked; the whole text where it is not there."""
    text = condition.asked
    if offset is not None and condition.sql == text:
        return Location(condition.argument, 1, offset + 1, max(1, len(word)), text)
    while word and word not in text and "__" in word:  # a grain may be an argument of its own
        word = word.rpartition("__")[0]
    start = text.find(word) if word else -1
    length = len(word) if start >= 0 else max(1, len(text))
    return Location(condition.argument, 1, max(start, 0) + 1, length, text)
