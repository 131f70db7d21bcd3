"""Names inside generated SQL: they mean something, never count, and do not clash."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from kpilayer.address import metric_column
from kpilayer.catalog import Catalog
from kpilayer.formula.tree import Atom, Compute, Formula, Shaped, atoms
from kpilayer.join_graph import JoinGraph, Step

#: Longer names would be cut by PostgreSQL (63 bytes); some room is left for a suffix.
_LONGEST: Final = 50


def scan_alias(graph: JoinGraph, model: str, path: tuple[Step, ...]) -> str:
    """A scan is known by its model at the root, and by the entities that lead to it elsewhere."""
    if not path:
        return model
    alias = "__".join(_word(graph, step) for step in path)
    # Where an entity has several homes, or bears the root's name, the model tells them apart.
    if alias == model or any(len(graph.homes(step.entity.target)) > 1 for step in path):
        alias = f"{alias}___{path[-1].right}"  # no name has two underscores, no path has three
    return alias


def _word(graph: JoinGraph, step: Step) -> str:
    """A step's name; down and across, with the key where another step has the same name."""
    if step.kind == "up":
        return step.via
    entities = {e.name for e in graph.catalog.models[step.left].entities}
    keys = [e for e in graph.catalog.models[step.right].entities if e.target == step.key.target]
    homes = [m for m in graph.catalog.models.values() if step.via in m.own_names]
    word = (
        step.via if len(keys) == 1 and step.by == step.key.target else f"{step.onto}___{step.via}"
    )
    if step.by != step.key.target:
        word = f"{step.by}___{word}"
    return word if len(homes) < 2 and step.via not in entities else f"{word}___{step.right}"


def taken_names(catalog: Catalog) -> set[str]:
    """Names that no group of a statement can have: those of tables and SQL models."""
    return set(catalog.table_names).union(
        name for query in catalog.queries for name in (query, subquery_name(catalog, query))
    )


def branch_name(stem: str, keys: Sequence[str]) -> str:
    """`invoices_by_month`, `invoices_total`: what a group is called."""
    short = [_short(key) for key in keys]
    name = f"{stem}_by_{'_'.join(short)}" if short else f"{stem}_total"
    return name if len(name) <= _LONGEST else f"{stem}_by_group"


def _short(key: str) -> str:
    return key.split("__")[-1].removeprefix("extract_")


def subquery_name(catalog: Catalog, query: str) -> str:
    """The name of a SQL model in a statement: `shop_model`, where no table is called so."""
    name = f"{query}_model"
    while name in catalog.table_names:
        name = f"{name}_"
    return name


def apart(name: str, taken: Collection[str]) -> str:
    """A name that no other column has."""
    while name in taken:
        name = f"{name}_"
    return name


def column_names(keys: Sequence[str], trees: Sequence[tuple[str, Formula]]) -> dict[Formula, str]:
    """A column's name for each leaf of formulas, each formula called as it is.

    A formula that is a leaf gives its column its own name; another leaf has its metric's where that
    is free, else what sets it apart.
    """
    taken = set(keys)
    found: dict[Formula, str] = {}
    asked = {name for name, _ in trees}
    for name, tree in trees:
        if is_leaf(tree) and tree not in found:
            found[tree] = name
            taken.add(name)
    for name, tree in trees:
        for leaf, names in _suggestions(tree, name):
            if leaf in found:
                continue
            free = (n for n in names if n not in taken and n not in asked)
            chosen = next(free, None) or apart(f"{names[-1]}_{_kind(leaf)}", {*taken, *asked})
            found[leaf] = chosen
            taken.add(chosen)
    return found


def is_leaf(tree: Formula) -> bool:
    """Whether a branch of a plan computes a formula, and not arithmetic over branches."""
    return not isinstance(tree, Compute) and not (
        isinstance(tree, Shaped) and tree.rule == "filled"
    )


def _kind(leaf: Formula) -> str:
    return leaf.agg if isinstance(leaf, Atom) else leaf.rule if isinstance(leaf, Shaped) else ""


def _suggestions(tree: Formula, path: str) -> Iterator[tuple[Formula, list[str]]]:
    """Names for each leaf of a formula, the plainest first."""
    if is_leaf(tree):
        first = atoms(tree)[0]
        yield tree, list(dict.fromkeys((first.label, f"{path}_{metric_column(first.metric)}")))
        return
    assert not isinstance(tree, Atom), "an atom is a leaf"
    for name, inner in tree.inputs:
        for leaf, names in _suggestions(inner, path):
            yield leaf, _unique((*names, f"{path}_{name}" if name else names[-1]))


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
