"""Names inside generated SQL: they mean something, never count, and do not clash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kpilayer.catalog import Catalog
from kpilayer.formula import Atom, Compute, Formula
from kpilayer.join_graph import JoinGraph, Step
from kpilayer.plan.bind import BoundQuery, Home

#: Longer names would be cut by PostgreSQL (63 bytes); some room is left for a suffix.
_LONGEST: Final = 50


def scan_alias(graph: JoinGraph, model: str, path: tuple[Step, ...]) -> str:
    """A scan is known by its model at the root, and by the entities that lead to it elsewhere."""
    if not path:
        return model
    alias = "__".join(step.via for step in path)
    # Where an entity has several homes, or bears the root's name, the model tells them apart.
    if alias == model or any(len(graph.homes(step.entity.target)) > 1 for step in path):
        alias = f"{alias}___{path[-1].right}"  # no name has two underscores, no path has three
    return alias


def branch_names(homes: list[Home], query: BoundQuery, catalog: Catalog) -> list[str]:
    """`invoices_by_month`, `invoices_total`: a name for each branch, apart from all tables'."""
    keys = [_short(key.name) for key in query.keys]
    ending = f"by_{'_'.join(keys)}" if keys else "total"
    tables = catalog.table_names.union(
        name for query in catalog.queries for name in (query, subquery_name(catalog, query))
    )
    taken = {"combined"}
    found: list[str] = []
    several = {model for model, _ in homes if sum(m == model for m, _ in homes) > 1}
    for model, time in homes:
        name = f"{model}_{ending}"
        if len(name) > _LONGEST:
            name = f"{model}_by_group"
        if model in several and time is not None:
            name = f"{name}_on_{time.replace('__', '_')}"
        while name in taken or name in tables:
            name = f"{name}_"
        taken.add(name)
        found.append(name)
    return found


def _short(key: str) -> str:
    return key.split("__")[-1].removeprefix("extract_")


def subquery_name(catalog: Catalog, query: str) -> str:
    """The name of a SQL model in a statement: `shop_model`, where no table is called so."""
    name = f"{query}_model"
    while name in catalog.table_names:
        name = f"{name}_"
    return name


def measure_names(query: BoundQuery) -> dict[Atom, str]:
    """A column's name for each atom: its metric's where that is free, else what sets it apart."""
    taken = {key.name for key in query.keys}
    found: dict[Atom, str] = {}
    asked = {name for name, _ in query.metrics}
    # A metric that is an atom itself gives its column the name of the result.
    for name, tree in query.metrics:
        if isinstance(tree, Atom) and tree not in found:
            found[tree] = name
            taken.add(name)
    for name, tree in query.metrics:
        for atom, names in _suggestions(tree, name):
            if atom in found:
                continue
            free = (n for n in names if n not in taken and n not in asked)
            chosen = next(free, None) or _free(f"{names[-1]}_{atom.agg}", {*taken, *asked})
            found[atom] = chosen
            taken.add(chosen)
    return found


def _suggestions(tree: Formula, path: str) -> Iterator[tuple[Atom, list[str]]]:
    """Names for each atom of a formula, the plainest first."""
    if isinstance(tree, Atom):
        yield tree, list(dict.fromkeys((tree.label, f"{path}_{tree.metric}")))
        return
    assert isinstance(tree, Compute), "a formula is an atom or a computation"
    for name, inner in tree.inputs:
        for atom, names in _suggestions(inner, path):
            yield atom, _unique((*names, f"{path}_{name}"))


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}_"
    return name
