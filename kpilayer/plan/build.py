"""A bound question to a plan: what is bound can be planned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlglot import exp

from kpilayer.access import EVERYTHING, Role
from kpilayer.catalog import Catalog
from kpilayer.formula.tree import rules
from kpilayer.join_graph import JoinGraph
from kpilayer.plan import distinct, having, top
from kpilayer.plan.access import visible
from kpilayer.plan.answer import answer
from kpilayer.plan.bound import BoundQuery
from kpilayer.plan.frame import frame
from kpilayer.plan.levels import LEVEL, Level, stacked
from kpilayer.plan.naming import subquery_name, taken_names
from kpilayer.plan.nodes import Column, Group, Plan, Project, Scan, Sort, Subquery, walk
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.top import BoundTop
from kpilayer.relation import Relation


def build(query: BoundQuery, graph: JoinGraph, role: Role = EVERYTHING) -> Plan:
    """The plan of a question that a role asks.

    Raises:
        QueryError: `bad-role`, where a value of the role does not fit a model's row access.
    """
    builder = Builder(graph, frame, taken_names(graph.catalog), query.ranges)
    if query.values is not None:
        group: Group = distinct.values(builder, query.keys, query.values)
        columns = [Column(name, exp.column(name, table=group.name)) for name in query.columns]
        return _plan(Sort(Project(group, tuple(columns)), query.order, query.limit), builder, role)
    scope = Scope(query.keys, query.ranges)
    keys = [k.name for k in query.keys]
    if query.is_plain:
        framed = frame(builder, query.metrics, scope)
        group, values = framed.group, [framed.values[tree] for _, tree in query.metrics]
    else:
        group = _answered(builder, query, scope)
        values = [exp.column(name, table=group.name) for name in query.shown]
    named = [*keys, *([LEVEL] if query.totals else [])]
    columns = [Column(name, exp.column(name, table=group.name)) for name in named]
    columns += [Column(name, v) for name, v in zip(query.shown, values, strict=True)]
    return _plan(Sort(Project(group, tuple(columns)), query.order, query.limit), builder, role)


def _plan(root: Sort, builder: Builder, role: Role) -> Plan:
    """The plan with the SQL models that it reads, and what a role sees of each model."""
    catalog = builder.graph.catalog
    scans = [node for node in walk(root) if isinstance(node, Scan)]
    if role.sees_all:
        return Plan(root, subqueries((s.relation for s in scans), catalog))
    models = dict.fromkeys(s.rows_of for s in scans if s.rows_of is not None)
    shown = tuple(visible(builder, model, role) for model in models)
    scans += [node for v in shown for node in walk(v.source) if isinstance(node, Scan)]
    return Plan(root, subqueries((s.relation for s in scans), catalog), shown)


def _answered(builder: Builder, query: BoundQuery, scope: Scope) -> Group:
    """The rows of the answer, after every step that the question asks for."""
    keys = [k.name for k in query.keys]
    found: list[Level] = []
    for kept in (query.keys, *query.totals):
        group = answer(builder, query, replace(scope, keys=kept))
        if query.having:
            group = having.kept(builder, group, query.having, Level(group).name(keys))
        found.append(Level(group))
    if query.top is not None:
        found = _best(builder, query, query.top, scope, found)
    if len(found) == 1:
        return found[0].group
    text = {query.top.of.name} if query.top is not None and query.top.other is not None else set()
    named = bool(query.totals)
    return stacked(builder, found, keys, query.shown, named=named, as_text=frozenset(text))


def _best(
    builder: Builder, query: BoundQuery, best: BoundTop, scope: Scope, found: list[Level]
) -> list[Level]:
    """The rows of the best members of each level, and what is left over beside them."""
    members = top.members(builder, best, found[0].group, scope)
    result = []
    for kept, level in zip((query.keys, *query.totals), found, strict=True):
        if best.of not in kept:
            result.append(level)
            continue
        result.append(Level(top.kept(builder, level.group, best.of, members)))
        if best.other is None:
            continue
        rest = tuple(key for key in kept if key != best.of)
        group = answer(builder, query, replace(scope, keys=rest, without=(best.of, members.chosen)))
        if query.fill or not rest or _makes_rows(query):
            group = top.if_any_left(builder, group, members, best.n)
        result.append(Level(group, ((best.of.name, best.other),)))
    return result


def _makes_rows(query: BoundQuery) -> bool:
    """Whether metrics have rows for dates at which nothing is."""
    earlier = (tree for one in query.compared for _, tree in one.metrics)
    trees = (*(tree for _, tree in query.metrics), *(earlier if query.prior_rows else ()))
    return any("spined" in rules(tree) for tree in trees)


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
