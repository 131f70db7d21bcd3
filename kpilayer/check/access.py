"""Row access that cannot decide which rows a role sees."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer import access
from kpilayer.address import filter_metric
from kpilayer.check.context import Context
from kpilayer.check.names import may_be_broken
from kpilayer.columns import resolve_name, resolver
from kpilayer.conditions import literal_problems
from kpilayer.errors import Issue
from kpilayer.join_graph import Unreached
from kpilayer.model.semantic_model import ROLE, Model

_STEPS = ("row_access", "filter")


def row_access_resolves(context: Context) -> Iterator[Issue]:
    """Filters of row access that name what a row does not have, or quote a role.

    Checks:
        `row_access: {filter}` of each model: dimensions of the model, or reached many-to-one.
    Why:
        A filter that cannot be decided for each row would show too much or nothing.
    Instead:
        Name such dimensions, and write `{{ role.x }}` without quotes.
    """
    for model in context.catalog.models.values():
        if model.row_access is None:
            continue
        snippet = context.catalog.snippet(model.row_access.filter)
        for name in access.quoted(snippet.tree):
            message = f"`role.{name}` stands in quotes: it is written as text or number by itself"
            place = context.catalog.definitions.at("model", model.name, *_STEPS)
            yield Issue("bad-value", message, place, f"write `{{{{ role.{name} }}}}`")
        found = list(_names(context, model))
        yield from found
        if not found:
            tree = access.without_role(snippet.tree)
            for problem in literal_problems(tree, resolver(context.graph, model.name, None)):
                place = context.catalog.definitions.at("model", model.name, *_STEPS)
                yield Issue(problem.code, problem.message, place, problem.hint, problem.severity)


def _names(context: Context, model: Model) -> Iterator[Issue]:
    assert model.row_access is not None, "the caller looked"
    for name in context.catalog.snippet(model.row_access.filter).names:
        if name.name.startswith(ROLE):
            continue
        args = (_STEPS, name.offset, name.length, name.name)
        place = context.catalog.definitions.within("model", model.name, *args)
        if filter_metric(name.name) is not None:
            message = f"row access of `{model.name}` is decided row by row, not by a metric"
            yield Issue("bad-value", message, place)
            continue
        found = resolve_name(context.graph, model.name, None, name.name)
        if isinstance(found, Unreached):
            if not may_be_broken(context, found):
                yield Issue(found.code, found.message, place, found.hint)
            continue
        path = found.reached.path
        if context.graph.versioned(path) or any(step.kind != "up" for step in path):
            message = f"`{name.name}` has no single value for a row of `{model.name}`: row access "
            message += "names dimensions that are reached many-to-one, at no particular time"
            yield Issue("bad-value", message, place)
