"""What a question asks of the many side: groups that overlap, and rows that are tested (P3, P6).

A path is known here by its joins; its *many part* ends with its last join that can repeat rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlglot import exp

from kpilayer import expr
from kpilayer.address import filter_metric
from kpilayer.columns import TimedColumn, resolve_name, resolve_property
from kpilayer.errors import Issue
from kpilayer.formula import Atom, Formula, atoms, names, rules
from kpilayer.join_graph import JoinGraph, Step
from kpilayer.plan.keys import Key

Path = tuple[Step, ...]
Joined = frozenset[Path]


def many_parts(paths: Iterable[Path]) -> Joined:
    """Every beginning of the paths that ends with a join to the many side."""
    return frozenset(
        path[:length]
        for path in paths
        for length, step in enumerate(path, start=1)
        if step.kind != "up"
    )


def roots(graph: JoinGraph, atom: Atom, tree: exp.Expr, joined: Joined) -> Joined:
    """Where a condition leaves the rows that are joined; what lies beyond is tested by EXISTS.

    `none(..)` is about all rows of the many side, whatever is joined.
    """
    found = set[Path]()
    for name in tree.find_all(exp.Column):
        column = resolve_name(graph, atom.model, atom.time, name.name)
        if isinstance(column, TimedColumn):
            known = frozenset[Path]() if expr.is_none(tree) else joined
            beyond = sorted(many_parts([column.reached.path]) - known, key=len)
            found.update(beyond[:1])
    return frozenset(found)


def conditions_on_many(graph: JoinGraph, atom: Atom) -> tuple[exp.Expr, ...]:
    """The conditions of an atom that name the many side: atoms that differ here share no scan."""
    trees = (graph.catalog.snippet(text).tree for text in atom.conditions)
    parts = (part for tree in trees for part in expr.conjuncts(tree))
    none = frozenset[Path]()
    return tuple(dict.fromkeys(part for part in parts if roots(graph, atom, part, none)))


def issues(
    graph: JoinGraph,
    name: str,
    tree: Formula,
    keys: Sequence[Key],
) -> Iterator[Issue]:
    """What stands against an answer over the many side for a metric, and notices about it."""
    for home, purpose, named in names(tree):
        column = resolve_property(graph, *home, purpose, named)
        if isinstance(column, TimedColumn) and many_parts([column.reached.path]):
            yield _too_much(name)
    for atom in atoms(tree):
        home = (atom.model, atom.time)
        paths = {k.asked: k.column(home).reached.path for k in keys if home in dict(k.at)}
        grouped = [key for key, path in paths.items() if many_parts([path])]
        joined = many_parts(paths.values())
        trees = (graph.catalog.snippet(text).tree for text in atom.conditions)
        parts = [part for condition in trees for part in expr.conjuncts(condition)]
        tested = {part: found for part in parts if (found := roots(graph, atom, part, joined))}
        asks = grouped or tested or conditions_on_many(graph, atom)
        if _is_valued_by_many(graph, atom) or (asks and set(rules(tree)) - {"filled"}):
            yield _too_much(name)
        if grouped:
            yield from _groups(graph, name, atom, grouped[0])
        yield from _misplaced(parts, tested)
        yield from _tests(name, atom, tested)


def _is_valued_by_many(graph: JoinGraph, atom: Atom) -> bool:
    reached = (resolve_name(graph, atom.model, atom.time, name) for name in atom.reaches)
    return bool(many_parts(c.reached.path for c in reached if isinstance(c, TimedColumn)))


def _too_much(name: str) -> Issue:
    message = (
        f"`{name}` is not a plain aggregation, and cannot be grouped, filtered or computed by "
    )
    return Issue("not-supported-yet", f"{message}its many side by this version")


def _groups(graph: JoinGraph, name: str, atom: Atom, key: str) -> Iterator[Issue]:
    model = graph.catalog.models[atom.model]
    if not any(entity.type == "primary" for entity in model.entities):
        message = f"`{name}` by `{key}` counts a row of `{atom.model}` once for each group, and "
        message += f"`{atom.model}` has no primary key to tell its rows apart"
        hint = f"declare the primary entity of `{atom.model}` with its column"
        yield Issue("no-primary-key", message, hint=hint)
        return
    message = f"a row of `{atom.model}` counts once in each group of `{key}` that it belongs to: "
    message += f"the groups of `{name}` overlap, and do not add up to its total"
    yield Issue("overlapping-groups", message, severity="notice")


def _misplaced(parts: list[exp.Expr], tested: Mapping[exp.Expr, Joined]) -> Iterator[Issue]:
    for part in parts:
        calls = [node for node in expr.nodes(part) if expr.is_none(node)]
        if calls and (len(calls) > 1 or not expr.is_none(part)):
            message = "`none(..)` is a condition by itself: it cannot stand inside another"
            hint = "give it as a further condition; for its opposite, leave out the `none`"
            yield Issue("bad-value", message, hint=hint)
        elif calls and part not in tested:
            message = "`none(..)` asks for rows of the many side, and its condition names none"
            yield Issue("bad-value", message, hint="negate the condition with NOT")


def _tests(name: str, atom: Atom, tested: Mapping[exp.Expr, Joined]) -> Iterator[Issue]:
    for part, found in tested.items():
        models = sorted({path[-1].right for path in found})
        if any(filter_metric(column.name) for column in expr.columns(part)):
            message = f"a condition on rows of `{models[0]}` and on the value of a metric together "
            message += "cannot be computed by this version"
            hint = "give them as two conditions, which both hold"
            yield Issue("not-supported-yet", message, hint=hint)
            return
        if len(found) > 1:
            both = " and ".join(f"`{model}`" for model in models)
            message = f"a condition tests rows of {both} together, which have nothing to do with "
            message += f"each other but `{atom.model}`: `{part.sql()}`"
            yield Issue("fan-out-join", message, hint="write a condition for each of them")
            return
        some = "no row" if expr.is_none(part) else "some row"
        message = f"`{name}` counts the rows of `{atom.model}`, each once, that have {some} of "
        message += f"`{models[0]}` for which the filter is true"
        yield Issue("matched-rows", message, severity="notice")
