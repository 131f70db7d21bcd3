"""A bound question to a plan: atoms that read the same rows share one scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from kpilayer import expr
from kpilayer.catalog import Catalog
from kpilayer.conditions import all_of, any_of, timed
from kpilayer.formula import Atom, Compute, Formula
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.bind import BoundQuery, Home
from kpilayer.plan.naming import branch_names, measure_names, subquery_name
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Measure,
    Plan,
    Project,
    Sort,
    Subquery,
    scans,
)
from kpilayer.plan.rows import Reader, bound_to, filtered, groupable, in_range, joined
from kpilayer.relation import Relation


def build(query: BoundQuery, graph: JoinGraph) -> Plan:
    """The plan of a question: what is bound can be planned."""
    groups: dict[Home, list[Atom]] = {}
    for atom in query.atoms:
        # Without time in the question, metrics over different dates of a row can share its scan.
        home = (atom.model, atom.time if query.uses_metric_time else None)
        groups.setdefault(home, []).append(atom)
    names = branch_names(list(groups), query, graph.catalog)
    columns = measure_names(query)
    parts = tuple(
        _branch(name, home, together, columns, query, graph)
        for name, (home, together) in zip(names, groups.items(), strict=True)
    )
    top = parts[0] if len(parts) == 1 else Combine("combined", parts)
    project = Project(top, tuple(_columns(query, columns, top, graph.catalog)))
    root = Sort(project, query.order, query.limit)
    read = [scan.relation for part in parts for scan in scans(part.input)]
    return Plan(root, subqueries(read, graph.catalog))


# ----------------------------------------------------------------------------- one scan, one branch


def _branch(
    name: str,
    home: Home,
    together: list[Atom],
    columns: dict[Atom, str],
    query: BoundQuery,
    graph: JoinGraph,
) -> Aggregate:
    model = home[0]
    reader = Reader(model, graph)
    first = (together[0].model, together[0].time)
    keys = tuple(
        Column(key.name, groupable(timed(key.column(first), lambda c: reader.value(c.reached))))
        for key in query.keys
    )
    common = [bound_to(tree, first, reader) for tree in query.where]
    if first in (spans := dict(query.ranges)):
        common += in_range(spans[first], first, reader)
    own = [tuple(_own_conditions(atom, reader)) for atom in together]
    shared = [c for c in own[0] if all(c in conditions for conditions in own[1:])]
    rests = [all_of([c for c in conditions if c not in shared]) for conditions in own]
    values = [reader.sql(atom.value, ()) for atom in together]
    held = [*common, *shared]
    if len(together) > 1 and all(rest is not None for rest in rests):
        either = any_of(list(dict.fromkeys(r for r in rests if r is not None)))
        held += [either] if either is not None else []
    measures = tuple(
        Measure(
            columns[atom],
            atom.agg,
            value,
            rest,
            atom.percentile,
            atom.discrete,
            needs_rows=_needs_rows(atom, rest is not None, bool(keys)),
        )
        for atom, value, rest in zip(together, values, rests, strict=True)
    )
    return Aggregate(name, filtered(joined(reader), held), keys, measures)


def _needs_rows(atom: Atom, is_filtered: bool, is_grouped: bool) -> bool:
    """Whether zero rows must give NULL and not 0, as a metric without rows in a group does.

    A count is NULL over no rows everywhere; a distinct count is 0 over no rows at all, and NULL in
    a group that exists only for another metric (reference A.7, section C).
    """
    if atom.agg in ("count", "sum_boolean"):
        return is_filtered or not is_grouped
    return atom.agg in ("count_distinct", "approx_count_distinct") and is_filtered and is_grouped


def _own_conditions(atom: Atom, reader: Reader) -> Iterator[exp.Expr]:
    for text in atom.conditions:
        tree = reader.graph.catalog.snippet(text).tree
        yield from expr.conjuncts(bound_to(tree, (atom.model, atom.time), reader))


# ---------------------------------------------------------------------------------- results, inputs


def _columns(
    query: BoundQuery, columns: dict[Atom, str], top: Aggregate | Combine, catalog: Catalog
) -> Iterator[Column]:
    def value(tree: Formula) -> exp.Expr:
        """A formula over the columns of the node that holds its atoms."""
        if isinstance(tree, Atom):
            return exp.column(columns[tree], table=top.name)
        assert isinstance(tree, Compute), "a question with other rules is refused when bound"
        inputs = {name: value(inner) for name, inner in tree.inputs}
        snippet = catalog.snippet(tree.text)
        return expr.replace_names(snippet.tree, lambda name: inputs[name.lower()].copy())

    for key in query.keys:
        yield Column(key.name, exp.column(key.name, table=top.name))
    for name, tree in query.metrics:
        yield Column(name, value(tree))


def subqueries(relations: Iterable[Relation], catalog: Catalog) -> tuple[Subquery, ...]:
    """The SQL models among relations, with those that they read, which come first."""
    found: dict[str, Subquery] = {}

    def visit(relation: Relation) -> None:
        if relation.kind != "query" or relation.query in found:
            return
        reads = catalog.query_reads(relation.query)
        for read in reads.values():
            visit(read)
        tree = catalog.queries[relation.query]
        name = subquery_name(catalog, relation.query)
        found[relation.query] = Subquery(name, relation.query, tree, tuple(reads.items()))

    for relation in relations:
        visit(relation)
    return tuple(found.values())
