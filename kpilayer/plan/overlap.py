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
from kpilayer.formula.tree import Atom, Formula, Shaped, atoms, own_names
from kpilayer.join_graph import JoinGraph, Step, Unreached
from kpilayer.plan.keys import Key, group_by, keeps, keyed

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


def overlapping(tree: Formula, keys: Iterable[Key]) -> tuple[Key, ...]:
    """The group-bys whose groups a row of a formula can stand in several of."""
    homes = {(atom.model, atom.time) for atom in atoms(tree)}
    return tuple(
        key
        for key in keys
        if many_parts(column.reached.path for home, column in key.at if home in homes)
    )


def issues(
    graph: JoinGraph,
    name: str,
    tree: Formula,
    keys: Sequence[Key],
) -> Iterator[Issue]:
    """What stands against an answer over the many side for a metric, and notices about it."""
    yield from dict.fromkeys(_issues(graph, name, tree, tuple(keys)))


def _issues(graph: JoinGraph, name: str, tree: Formula, keys: tuple[Key, ...]) -> Iterator[Issue]:
    """The same for a part of the metric, which is grouped by ``keys``."""
    if isinstance(tree, Atom):
        yield from _of_rows(graph, name, tree, keys)
        return
    rule = tree.rule if isinstance(tree, Shaped) else ""
    if isinstance(tree, Shaped):
        yield from _of_rule(graph, name, tree, keys)
        keys = _within(graph, tree, keys)
    for number, (_, inner) in enumerate(tree.inputs):
        led = rule in ("conversion", "funnel") and number > 0
        yield from _issues(graph, name, inner, () if led else keys)


def _within(graph: JoinGraph, rule: Shaped, keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """What the inputs of a rule are grouped by."""
    if rule.rule == "regrouped":
        own_grains = graph.catalog.calendar.own_grains
        return tuple(key for key in keys if keeps(rule, key.asked, own_grains))
    return (*keys, *_per(graph, rule)) if rule.rule == "nested" else keys


def _per(graph: JoinGraph, rule: Shaped) -> tuple[Key, ...]:
    """The group-bys of a nested metric that are its own."""
    homes = tuple(dict.fromkeys(keyed(rule.inputs[0][1])))
    found = (resolve_name(graph, *home, named) for _, _, named in rule.names for home in homes)
    if any(isinstance(column, Unreached) for column in found):
        return ()  # said where the rule's own needs are checked
    return tuple(group_by(graph, named, homes) for _, _, named in rule.names)


def _of_rule(graph: JoinGraph, name: str, rule: Shaped, keys: tuple[Key, ...]) -> Iterator[Issue]:
    """What a rule cannot do with rows of the many side, or only if it is understood."""
    is_open = graph.catalog.metric(name).overlapping
    if rule.rule == "regrouped" and not is_open:
        kept = _within(graph, rule, keys)
        beyond = overlapping(rule, (key for key in keys if key not in kept))
        if beyond:
            yield _of_a_whole(name, beyond[0])
    if rule.rule == "nested":
        many = overlapping(rule, _per(graph, rule))
        if many and dict(rule.settings)["agg"] == "sum" and not is_open:
            yield _of_a_sum(name, many[0])
        return
    for (model, time), purpose, named in own_names(rule):
        column = resolve_property(graph, model, time, purpose, named)
        if isinstance(column, TimedColumn) and many_parts([column.reached.path]):
            yield _has_many(name, named, model, column.reached.model)
    if rule.rule == "active":
        yield from _of_dates(graph, name, rule)


def _has_many(name: str, named: str, model: str, of: str) -> Issue:
    message = f"`{name}` needs one `{named}` of each row of `{model}`, which has many"
    return Issue("fan-out-join", message, hint=f"define it on `{of}`, where a row has one")


def _of_dates(graph: JoinGraph, name: str, rule: Shaped) -> Iterator[Issue]:
    """Conditions on the date at which rows hold, and on what a row has many of."""
    for atom in atoms(rule):
        for text in rule.conditions:
            tree = graph.catalog.snippet(text).tree
            if roots(graph, atom, tree, frozenset()):
                message = f"`{name}` is shown at dates, and a condition cannot be about these and "
                message += f"what a row of `{atom.model}` has many of: `{text}`"
                hint = "write two conditions, each about one of them"
                yield Issue("mixed-condition", message, hint=hint)


def _of_rows(graph: JoinGraph, name: str, atom: Atom, keys: tuple[Key, ...]) -> Iterator[Issue]:
    home = (atom.model, atom.time)
    paths = {k.asked: k.column(home).reached.path for k in keys if home in dict(k.at)}
    grouped = [key for key, path in paths.items() if many_parts([path])]
    joined = many_parts(paths.values())
    trees = (graph.catalog.snippet(text).tree for text in atom.conditions)
    parts = [part for condition in trees for part in expr.conjuncts(condition)]
    tested = {part: found for part in parts if (found := roots(graph, atom, part, joined))}
    for named in atom.reaches:
        column = resolve_name(graph, *home, named)
        if isinstance(column, TimedColumn) and many_parts([column.reached.path]):
            yield _has_many(name, named, atom.model, column.reached.model)
    if grouped:
        yield from _groups(graph, name, atom, grouped[0])
    yield from _misplaced(parts, tested)
    yield from _tests(name, atom, tested)


def _of_a_whole(name: str, key: Key) -> Issue:
    message = f"`{name}` compares groups with a whole that they do not add up to: a row counts in "
    message += f"several groups of `{key.asked}`"
    hint = f"group by what a row has one of, or say `overlapping: true` at `{name}`, if it is "
    return Issue("unsound-question", message, hint=f"{hint}understood that parts exceed the whole")


def _of_a_sum(name: str, key: Key) -> Issue:
    message = f"`{name}` adds up what a row counts in several times: the groups of `{key.asked}` "
    hint = f"take their average, median or extremes, or say `overlapping: true` at `{name}`, if it "
    return Issue("unsound-question", f"{message}overlap", hint=f"{hint}is understood")


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
