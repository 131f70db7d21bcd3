"""A bound question to a plan: atoms that read the same rows share one scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from kpilayer import expr
from kpilayer.catalog import Catalog
from kpilayer.columns import resolver, time_column
from kpilayer.conditions import all_of, any_of, between, bind_condition, moment, timed
from kpilayer.formula import Atom, Compute, Formula
from kpilayer.join_graph import JoinGraph, Reached, Step
from kpilayer.plan.bind import BoundQuery, Home, Range
from kpilayer.plan.naming import branch_names, measure_names, scan_alias, subquery_name
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Filter,
    Join,
    Measure,
    Plan,
    Project,
    Scan,
    Sort,
    Source,
    Subquery,
    scans,
)
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


@dataclass(slots=True)
class _Reader:
    """Collects the joins that the columns of one scan need."""

    model: str
    graph: JoinGraph
    paths: dict[tuple[Step, ...], None] = field(default_factory=dict)

    def value(self, reached: Reached) -> exp.Expr:
        """The SQL of a column, qualified by the alias of its scan."""
        for length in range(1, len(reached.path) + 1):
            self.paths.setdefault(reached.path[:length])
        return self.at(reached.element.sql, reached.path)

    def at(self, text: str, path: tuple[Step, ...]) -> exp.Expr:
        """A snippet over the model at the end of a path; NULL where the path leads to no row.

        A constant or `COALESCE(country, '?')` belongs to a row: it is no value of a missing one.
        """
        value = self.sql(text, path)
        if not path or expr.is_null_of_nulls(value):
            return value
        step = path[-1]
        key = self.sql(step.key.sql, path)
        found: exp.Expr = exp.Not(this=exp.Is(this=key, expression=exp.Null()))
        if not expr.is_null_of_nulls(key):
            found = exp.EQ(this=self.at(step.entity.sql, path[:-1]), expression=key)
        return exp.Case(ifs=[exp.If(this=found, true=value)])

    def sql(self, text: str, path: tuple[Step, ...]) -> exp.Expr:
        """A snippet over the model at the end of a path."""
        return qualified(self.graph.catalog.snippet(text).tree, self.alias(path))

    def alias(self, path: tuple[Step, ...]) -> str:
        """The name of the scan at the end of a path."""
        return scan_alias(self.graph, self.model, path)


def _branch(
    name: str,
    home: Home,
    together: list[Atom],
    columns: dict[Atom, str],
    query: BoundQuery,
    graph: JoinGraph,
) -> Aggregate:
    model = home[0]
    reader = _Reader(model, graph)
    first = (together[0].model, together[0].time)
    keys = tuple(
        Column(key.name, _groupable(timed(key.column(first), lambda c: reader.value(c.reached))))
        for key in query.keys
    )
    common = [_bound(tree, first, reader) for tree in query.where]
    if first in (spans := dict(query.ranges)):
        common += _in_range(spans[first], first, reader)
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
    return Aggregate(name, _filtered(_joined(reader), held), keys, measures)


def _needs_rows(atom: Atom, is_filtered: bool, is_grouped: bool) -> bool:
    """Whether zero rows must give NULL and not 0, as a metric without rows in a group does.

    A count is NULL over no rows everywhere; a distinct count is 0 over no rows at all, and NULL in
    a group that exists only for another metric (reference A.7, section C).
    """
    if atom.agg in ("count", "sum_boolean"):
        return is_filtered or not is_grouped
    return atom.agg in ("count_distinct", "approx_count_distinct") and is_filtered and is_grouped


def _groupable(tree: exp.Expr) -> exp.Expr:
    """A constant as a key must not read as the position of a column."""
    if tree.find(exp.Column) is not None:
        return tree
    return exp.Case(ifs=[exp.If(this=exp.true(), true=tree)])


def _bound(tree: exp.Expr, home: Home, reader: _Reader) -> exp.Expr:
    resolve = resolver(reader.graph, *home)
    return bind_condition(tree, resolve, lambda column: reader.value(column.reached))


def _own_conditions(atom: Atom, reader: _Reader) -> Iterator[exp.Expr]:
    for text in atom.conditions:
        tree = reader.graph.catalog.snippet(text).tree
        yield from expr.conjuncts(_bound(tree, (atom.model, atom.time), reader))


def _in_range(span: Range, home: Home, reader: _Reader) -> list[exp.Expr]:
    reached = time_column(reader.graph, *home)
    assert isinstance(reached, Reached), "checked when the query was bound"
    value = reader.value(reached)
    lower = moment(span.lower, True) if span.lower else None
    upper = moment(span.upper, True) if span.upper else None
    if span.upper_is_inclusive and upper is not None:
        parts = [between(value, lower, None), exp.LTE(this=value.copy(), expression=upper)]
        return [p for p in parts if p is not None]
    condition = between(value, lower, upper)
    return list(expr.conjuncts(condition)) if condition is not None else []


def _joined(reader: _Reader) -> Source:
    catalog = reader.graph.catalog
    source: Source = Scan(catalog.relation(reader.model), reader.alias(()))
    for path in sorted(reader.paths, key=lambda p: (len(p), reader.alias(p))):
        step = path[-1]
        source = Join(
            source,
            Scan(catalog.relation(step.right), reader.alias(path)),
            left_key=reader.at(step.entity.sql, path[:-1]),
            right_key=reader.sql(step.key.sql, path),
            right_key_is_unique=step.key.is_unique,
        )
    return source


def _filtered(source: Source, conditions: list[exp.Expr]) -> Source:
    unique = list(dict.fromkeys(c for whole in conditions for c in expr.conjuncts(whole)))
    condition = all_of(unique)
    return Filter(source, condition) if condition is not None else source


def qualified(tree: exp.Expr, table: str) -> exp.Expr:
    """A copy of a snippet whose columns carry the alias of their scan."""
    copy = tree.unnest().copy()
    for column in expr.columns(copy):
        column.set("table", exp.to_identifier(table, quoted=False))
    return copy


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
