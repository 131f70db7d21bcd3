"""A model's rows, and its metrics as aggregates over them: what a warehouse's own metrics are.

A metric view aggregates by whatever columns somebody asks for. So all that is computed for a row
(group-bys, values, conditions) is a column of the rows, and a metric is one expression over
aggregations of columns: what a question computes for it in a group, beside all others and a metric
that every row counts for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.canonical import canonical
from kpilayer.columns import resolver
from kpilayer.formula.tree import Atom, Compute, Formula, Shaped, atoms
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.answerable import metrics_named
from kpilayer.plan.bound import BoundQuery
from kpilayer.plan.build import subqueries
from kpilayer.plan.frame import frame
from kpilayer.plan.naming import apart, taken_names
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Derived,
    Filter,
    Join,
    Measure,
    Plan,
    Project,
    Read,
    Scan,
    Sort,
    walk,
)
from kpilayer.plan.overlap import conditions_on_many
from kpilayer.plan.passes import rewrite
from kpilayer.plan.ranges import Range
from kpilayer.plan.rows import depends_on_time
from kpilayer.plan.scope import Builder, Scope

#: Why a rule makes a metric more than one aggregate over rows.
_RULES: Final[Mapping[str, str]] = {
    "active": "rows that hold over an interval count at every date of it",
    "conversion": "conversions are found by matching rows of two events",
    "cumulative": "a running total counts rows of other dates",
    "funnel": "the steps of a funnel are found by matching rows",
    "nested": "its values are aggregated twice",
    "offset": "an earlier value counts rows of other dates",
    "regrouped": "an input has fewer group-bys than the metric",
    "semi_additive": "a balance counts the rows of one date alone",
    "spined": "`join_to_timespine` gives values to dates without rows",
}


@dataclass(frozen=True, slots=True)
class ModelView:
    """One row for each row of a model, and metrics as aggregates over these rows.

    ``rows`` has group-bys first, under the names that were asked for, then what is aggregated.
    ``aggregate`` has the aggregations, and ``values`` are the metrics over its columns, in order.
    """

    rows: Plan
    aggregate: Aggregate
    values: tuple[tuple[str, exp.Expr], ...]

    @property
    def scans(self) -> tuple[Scan, ...]:
        """Every scan that the rows are made of."""
        return tuple(node for node in walk(self.rows.root) if isinstance(node, Scan))

    @property
    def by_version(self) -> bool:
        """Whether rows are joined to the version of another row that held at their own time."""
        joins = (node for node in walk(self.rows.root) if isinstance(node, Join))
        return any(join.valid is not None for join in joins)


def no_aggregate(graph: JoinGraph, tree: Formula) -> str | None:
    """Why a formula is no aggregate over the rows of one model; None where it is one."""
    return next(_reasons(graph, tree), None)


def _reasons(graph: JoinGraph, tree: Formula) -> Iterator[str]:
    yield from (_RULES[rule] for rule in _rules(tree))
    if _is_stitched(tree):
        yield "numbers of its former versions stand for their days"
    read = atoms(tree)
    if len({atom.model for atom in read}) > 1:
        yield "it counts rows of several models"
    if len({atom.time for atom in read}) > 1 and any(_needs_version(graph, atom) for atom in read):
        yield "it needs the versions of rows that held at several times"
    if any(conditions_on_many(graph, atom) for atom in read):
        yield "its filter is about what a row has many of"
    if any(metric.within_query_time for metric in metrics_named(graph, tree, ())):
        yield "its filter is about a metric in the range of each question"


def _needs_version(graph: JoinGraph, atom: Atom) -> bool:
    resolve = resolver(graph, atom.model, atom.time)
    return depends_on_time(graph, atom, (resolve(name).reached.path for name in atom.reaches))


def _rules(tree: Formula) -> Iterator[str]:
    """The rules of a formula that are no arithmetic over aggregates of a group."""
    if isinstance(tree, Atom):
        return
    if isinstance(tree, Shaped) and tree.rule != "filled":
        yield tree.rule
    for _, inner in tree.inputs:
        yield from _rules(inner)


def _is_stitched(tree: Formula) -> bool:
    """Whether a number is made of those of several versions."""
    if isinstance(tree, Atom):
        return False
    own = isinstance(tree, Compute) and tree.until is not None
    return own or any(_is_stitched(inner) for _, inner in tree.inputs)


def model_view(query: BoundQuery, graph: JoinGraph, names: Mapping[str, str]) -> ModelView:
    """The view of a model with the metrics and group-bys of a question.

    All metrics are aggregates over rows of one model (``no_aggregate``). ``names`` are those of the
    columns for group-bys as they were asked.
    """
    builder = Builder(graph, frame, taken_names(graph.catalog))
    homes = dict.fromkeys((a.model, a.time) for _, tree in query.metrics for a in atoms(tree))
    (model, time), *others = homes
    label = apart("every_row", [*query.columns])
    every = Atom(model, "count", "1", None, False, time, (), label, label)
    # A range without bounds is about one time: all of its metrics share their rows' versions.
    spans = () if others or time is None else (((model, time), Range(None, None)),)
    framed = frame(builder, (*query.metrics, (label, every)), Scope(query.keys, spans))
    whole = framed.group
    assert isinstance(whole, Aggregate), "the metrics are over rows of one model, of one version"
    assert not isinstance(whole.input, Filter), "every row counts for one of them"
    table = _Table(builder.name(f"{model}_rows"), graph.catalog.dialect)
    for key, column in zip(query.keys, whole.keys, strict=True):
        table.add(names.get(key.asked, key.name), column.value)
    measures = tuple(table.measure(measure) for measure in whole.measures)
    rows = Derived(
        table.name, whole.input, tuple(Column(name, tree) for name, tree in table.columns.items())
    )
    shown = tuple(Column(name, exp.column(name, table=table.name)) for name in table.columns)
    plan = Plan(Sort(Project(rows, shown), ()))
    scans = (node.relation for node in walk(plan.root) if isinstance(node, Scan))
    plan = rewrite(replace(plan, subqueries=subqueries(scans, graph.catalog)))
    values = tuple((name, framed.values[tree]) for name, tree in query.metrics)
    return ModelView(plan, Aggregate(whole.name, Read(rows), (), measures), values)


@dataclass(slots=True)
class _Table:
    """The columns of the rows, each with what it is computed from."""

    name: str
    dialect: str
    columns: dict[str, exp.Expr] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    """The first column of each meaning."""

    def add(self, name: str, tree: exp.Expr) -> None:
        """Takes in a column."""
        self.columns[name] = tree
        self.meanings.setdefault(canonical(tree, self.dialect), name)

    def measure(self, measure: Measure) -> Measure:
        """An aggregation of columns. A count is NULL over no rows, whatever it is grouped by."""
        value = measure.value
        own = value.name if isinstance(value, exp.Column) else f"{measure.name}__value"
        condition = measure.condition
        if condition is not None:
            condition = self._column(condition, f"{measure.name}__counts")
        return replace(
            measure,
            value=self._column(value, own),
            condition=condition,
            needs_rows=measure.needs_rows or measure.agg in ("count", "sum_boolean"),
        )

    def _column(self, tree: exp.Expr, wanted: str) -> exp.Expr:
        """The column that holds a value of the row; a constant is none."""
        if not expr.columns(tree):
            return tree
        meaning = canonical(tree, self.dialect)
        if meaning not in self.meanings:
            taken = {known.lower() for known in self.columns}
            while wanted.lower() in taken:
                wanted = f"{wanted}_"
            self.add(wanted, tree)
        return exp.column(self.meanings[meaning], table=self.name)
