"""The rows of a model that a role sees, as a source of the plan.

The filter is decided on all rows of the models that it reads, also where those have a filter of
their own: what a row is does not depend on who looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from kpilayer import access
from kpilayer.access import Role
from kpilayer.columns import resolver
from kpilayer.conditions import literal_problems
from kpilayer.errors import Issue, QueryError
from kpilayer.expr import columns
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.nodes import Filter, Join, Scan, Source, Visible
from kpilayer.plan.rows import Reader, bound_to, filtered, joined
from kpilayer.plan.scope import Builder


def visible(builder: Builder, name: str, role: Role) -> Visible:
    """What a role sees of a model.

    Raises:
        QueryError: `bad-role`, where a value does not fit what it is compared with.
    """
    graph = _in_own_zone(builder.graph)
    model = graph.catalog.models[name]
    assert model.row_access is not None, "every row of another model is seen"
    text = graph.catalog.snippet(model.row_access.filter).tree
    home = (name, None)
    tree = access.bound(text, model, role)
    _check(graph, tree, home)
    reader = Reader(name, graph, None)
    condition = bound_to(tree, home, reader)
    source = filtered(_whole(joined(reader)), [condition])
    return Visible(
        builder.name(f"{name}_visible"),
        name,
        source,
        reader.alias(()),
        access.attributes(text),
        access.missing(text, role),
    )


def _in_own_zone(graph: JoinGraph) -> JoinGraph:
    """Definitions whose days begin where the project says: a question's zone moves no row."""
    if graph.catalog.timezone is None:
        return graph
    return JoinGraph(replace(graph.catalog, timezone=None))


def _check(graph: JoinGraph, tree: exp.Expr, home: tuple[str, None]) -> None:
    resolve = resolver(graph, *home)
    for column in [resolve(c.name) for c in columns(tree)]:
        if column.zones is not None and not column.zones.is_sure:
            message = (
                f"`{column.reached.element.name}`, which row access of `{home[0]}` reads, has "
            )
            message += "a `timezone`, and its type is not known"
            raise QueryError(Issue("unknown-type", message, hint="run `kpilayer lock`"))
    for problem in literal_problems(tree, resolve):
        if problem.severity == "error":
            message = f"a value of the role does not fit the row access of `{home[0]}`: "
            raise QueryError(Issue("bad-role", message + "a date is needed", hint=problem.hint))


def _whole(source: Source) -> Source:
    """A source that reads all rows of its models."""
    match source:
        case Scan():
            return replace(source, rows_of=None)
        case Join():
            right = replace(source.right, rows_of=None)
            return replace(source, left=_whole(source.left), right=right)
        case Filter():
            return replace(source, input=_whole(source.input))
    raise AssertionError("a filter of rows reads lookups only")


def notices(shown: Sequence[Visible]) -> list[Issue]:
    """Why an answer holds no rows of a model, where a role does not say which."""
    return [
        Issue("no-role", f"`{v.model}` shows no rows: {_needed(v)}", None, _HINT, "notice")
        for v in shown
        if v.missing
    ]


_HINT = "say who asks: `--role NAME=VALUE`, or `role=` in Python"


def lines(shown: Sequence[Visible]) -> list[str]:
    """What the heading of a statement says of row access: attributes, and never their values."""
    found = []
    for v in shown:
        by = ", ".join(f"role.{name}" for name in v.attributes) or "its own filter"
        shows = f"no rows, {_needed(v)}" if v.missing else by
        found.append(f"-- row access of {v.model}: {shows}")
    return found


def _needed(shown: Visible) -> str:
    names = ", ".join(f"`role.{name}`" for name in shown.missing)
    return f"its row access needs {names}"
