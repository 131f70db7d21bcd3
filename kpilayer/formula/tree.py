"""A metric as a formula over atoms: what is aggregated, and what is computed from the results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

#: What decides how names resolve: an atom's model and its time dimension.
Home = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Atom:
    """An aggregation over the rows of one model that pass all ``conditions``.

    ``reaches`` are the names in ``value`` that mean dimensions of other models. Atoms with equal
    meaning are equal: ``metric``, the simple metric that the atom stands for, and ``label``, a name
    for its column, take no part.
    """

    model: str
    agg: str
    value: str
    percentile: float | None
    discrete: bool
    time: str | None
    conditions: tuple[str, ...]
    metric: str = field(compare=False)
    label: str = field(compare=False)
    reaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compute:
    """An expression over inputs, each known by a name in ``text``."""

    text: str
    inputs: tuple[tuple[str, Formula], ...]
    until: date | None = None
    """The last day of the first input, a version whose number stands; the second is of later."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """Inputs under a rule about time, groups or missing rows, such as ``cumulative``.

    ``settings`` are the rule's own, as text; ``names`` are those of dimensions and entities, each
    of the input with the role that stands before it (``""``: of all of them). ``conditions`` hold
    for the time at which a value is shown, not for the rows that it is made of.
    """

    rule: str
    settings: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str, str], ...]  # what for, role, name
    inputs: tuple[tuple[str, Formula], ...]
    conditions: tuple[str, ...] = ()


Formula = Atom | Compute | Shaped


def inner_rule(tree: Formula) -> str | None:
    """The rule of a formula, if it stands under one."""
    return tree.rule if isinstance(tree, Shaped) else None


def atoms(tree: Formula) -> tuple[Atom, ...]:
    """The atoms of a formula, each once, in order of first use."""
    if isinstance(tree, Atom):
        return (tree,)
    return tuple(dict.fromkeys(a for _, inner in tree.inputs for a in atoms(inner)))


def rules(tree: Formula) -> tuple[str, ...]:
    """The rules of a formula, each once."""
    if isinstance(tree, Atom):
        return ()
    own = (tree.rule,) if isinstance(tree, Shaped) else ()
    return tuple(dict.fromkeys((*own, *(r for _, inner in tree.inputs for r in rules(inner)))))


def names(tree: Formula) -> Iterator[tuple[Home, str, str]]:
    """What a formula's rules name: for a model and its time, for which purpose, the name."""
    if isinstance(tree, Atom):
        return
    if isinstance(tree, Shaped):
        yield from own_names(tree)
    for _, inner in tree.inputs:
        yield from names(inner)


def own_names(rule: Shaped) -> Iterator[tuple[Home, str, str]]:
    """What a rule itself names: for a model and its time, for which purpose, the name."""
    for purpose, role, name in rule.names:
        below = (a for r, inner in rule.inputs if role in ("", r) for a in atoms(inner))
        for home in dict.fromkeys((a.model, a.time) for a in below):
            yield home, purpose, name
