"""A bound question to a plan: what is bound can be planned."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from kpilayer.catalog import Catalog
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.bind import BoundQuery
from kpilayer.plan.frame import frame
from kpilayer.plan.naming import subquery_name, taken_names
from kpilayer.plan.nodes import Column, Plan, Project, Scan, Sort, Subquery, walk
from kpilayer.plan.scope import Builder, Scope
from kpilayer.relation import Relation


def build(query: BoundQuery, graph: JoinGraph) -> Plan:
    """The plan of a question."""
    builder = Builder(graph, frame, taken_names(graph.catalog), query.ranges)
    framed = frame(builder, query.metrics, Scope(query.keys, query.ranges))
    top = framed.group
    columns = [Column(key.name, exp.column(key.name, table=top.name)) for key in query.keys]
    columns += [Column(name, framed.values[tree]) for name, tree in query.metrics]
    root = Sort(Project(top, tuple(columns)), query.order, query.limit)
    read = [node.relation for node in walk(root) if isinstance(node, Scan)]
    return Plan(root, subqueries(read, graph.catalog))


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
