"""The shape of a driver tree: its formulas, its root and leaves, and an order from the root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kpilayer.errors import Issue, QueryError, did_you_mean, listing
from kpilayer.kpi.formulas import Formula, read_formula


@dataclass(frozen=True, slots=True)
class Shape:
    """A tree whose formulas are read.

    ``names`` are all that the root reaches, it first, and each before its children; ``leaves`` are
    those without a formula, as the formulas name them from left to right.
    """

    root: str
    formulas: Mapping[str, Formula]
    names: tuple[str, ...]
    leaves: tuple[str, ...]


def shape_of(tree: Mapping[str, str], root: str | None = None) -> Shape:
    """The shape of a tree of formulas; what the root does not reach is left out.

    >>> shape_of({"profit": "revenue - cost", "revenue": "price * volume"}).leaves
    ('price', 'volume', 'cost')

    Raises:
        QueryError: a formula cannot be read; there is no root, or more than one; nodes are computed
            from each other.
    """
    formulas: dict[str, Formula] = {}
    issues: list[Issue] = []
    for name, text in tree.items():
        try:
            formulas[name] = read_formula(text, argument=name)
        except QueryError as error:
            issues += error.issues
    if issues:
        raise QueryError(issues)
    top = _root(formulas, root)
    names = _parents_first(top, formulas)
    kept = {name: formulas[name] for name in names if name in formulas}
    return Shape(top, kept, names, _leaves(top, formulas))


def _root(formulas: Mapping[str, Formula], root: str | None) -> str:
    if root is not None:
        if root in formulas:
            return root
        message, hint = f"`{root}` is not a node with a formula", did_you_mean(root, formulas)
        raise QueryError(Issue("bad-drivers", message, hint=hint))
    children = {name for formula in formulas.values() for name in formula.drivers}
    found = [name for name in formulas if name not in children]
    if len(found) == 1:
        return found[0]
    if found:
        message = f"the tree has more than one root: {listing(found)}"
        raise QueryError(Issue("bad-drivers", message, hint="name one of them: `root`"))
    if formulas:
        _parents_first(next(iter(formulas)), formulas)  # finds the circle
    raise QueryError(Issue("bad-drivers", "the tree has no formula"))


def _parents_first(root: str, formulas: Mapping[str, Formula]) -> tuple[str, ...]:
    """All names below the root, each before its children: a depth-first walk, backwards."""
    finished: dict[str, None] = {}
    trail: dict[str, None] = {}
    pending = [(root, False)]
    while pending:
        name, is_done = pending.pop()
        if is_done:
            finished[name] = None
            del trail[name]
            continue
        if name in trail:
            circle = [*trail, name]
            path = " → ".join(f"`{n}`" for n in circle[circle.index(name) :])
            raise QueryError(Issue("cycle", f"nodes are computed from each other: {path}"))
        if name in finished:
            continue
        trail[name] = None
        pending.append((name, True))
        if name in formulas:
            pending += [(child, False) for child in formulas[name].drivers]
    return tuple(reversed(finished))


def _leaves(root: str, formulas: Mapping[str, Formula]) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    pending = [root]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen[name] = None
            if name in formulas:
                pending += reversed(formulas[name].drivers)
    return tuple(name for name in seen if name not in formulas)
