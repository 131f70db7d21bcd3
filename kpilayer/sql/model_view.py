"""A model's rows and metrics as the texts that a warehouse's own metrics are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.errors import Issue, QueryError
from kpilayer.formula.build import formula
from kpilayer.identity import Identity
from kpilayer.plan.bind import bind
from kpilayer.plan.model_view import ModelView, model_view, no_aggregate
from kpilayer.plan.nodes import Aggregate, Read
from kpilayer.plan.query import Query
from kpilayer.sql.compiled import locked, untyped
from kpilayer.sql.dialects import capabilities
from kpilayer.sql.lower import needs_ranks
from kpilayer.sql.names import quoted
from kpilayer.sql.printing import expression_text, to_sql
from kpilayer.sql.select import generate
from kpilayer.sql.spelling import Spelling
from kpilayer.sql.types import TIMESTAMP, Types


@dataclass(frozen=True, slots=True)
class CompiledView:
    """The SELECT of a model's rows, and each metric as an expression over its columns.

    ``by_version``: rows are joined to the version of another row that held at their own time, so
    that metrics over other times need another view.
    """

    rows: str
    measures: tuple[tuple[str, str], ...]
    notices: tuple[Issue, ...]
    by_version: bool


def compile_view(
    query: Query,
    identity: Identity,
    dialect: str,
    schema: str,
    folder: str = "",
    names: Mapping[str, str] | None = None,
) -> CompiledView:
    """The metrics of a question over the rows of their model, with its group-bys as columns.

    ``names`` are those of columns for group-bys, as they are asked. Paths of files are taken from
    ``folder``, where that is given.

    Raises:
        QueryError: ``unsupported-in-dialect``, where a metric is more than an aggregate over rows
            of one model, or depends on who asks; what else is wrong with the question.
    """
    graph, spoken = identity.graph, capabilities(dialect)
    refused = list(_refused(query, identity))
    if refused:
        raise QueryError(refused)
    bound, issues = bind(query, graph)
    if bound is None:
        raise QueryError([i for i in issues if i.severity == "error"])
    view = model_view(bound, graph, names or {})
    refused = list(_unseen(view))
    if any(needs_ranks(measure, spoken) for measure in view.aggregate.measures):
        refused.append(_no(f"{dialect} finds a value of the data at a percentile by ranking rows"))
    types = Types(locked(identity.catalog.lock))
    if any(_converts_times(value, view.aggregate, types) for _, value in view.values):
        refused.append(_no("it computes with a time, of which each session has its own zone"))
    if refused:
        raise QueryError(refused)
    rows = to_sql(generate(view.rows, dialect, schema, folder, types), dialect)
    measures = tuple(_measures(view, Spelling(spoken, types if spoken.asks_types else None)))
    return CompiledView(rows, measures, tuple(untyped(types, dialect)), view.by_version)


def _refused(query: Query, identity: Identity) -> Iterator[Issue]:
    for name in query.metrics:
        reason = no_aggregate(identity.graph, formula(identity.graph, name))
        if reason is not None:
            yield _no(reason)


def _unseen(view: ModelView) -> Iterator[Issue]:
    for model in dict.fromkeys(scan.rows_of for scan in view.scans if scan.rows_of is not None):
        yield _no(f"`{model}` has row access, and a view does not know who asks")


#: What can make another value of a time in another zone.
_OF_ZONES: Final = (
    *(exp.Anonymous, exp.DateDiff, exp.DateTrunc, exp.Extract, exp.Interval),
    exp.TimestampTrunc,
)


def _converts_times(value: exp.Expr, aggregate: Aggregate, types: Types) -> bool:
    """Whether arithmetic over aggregates may read a time in the zone of a session.

    A text beside it would become a time; differences and the like are those of instants.
    """
    of_rows = {m.name for m in aggregate.measures if m.agg in ("min", "max", "any_value")}
    read = {c.name for c in expr.columns(value)} & of_rows
    kinds = {types.column(aggregate, name) for name in read}
    return bool(kinds & {None, TIMESTAMP}) and any(map(_is_of_zones, expr.nodes(value)))


def _is_of_zones(node: exp.Expr) -> bool:
    if isinstance(node, exp.Cast):
        return node.to.is_type(*exp.DataType.TEMPORAL_TYPES)
    return isinstance(node, _OF_ZONES) or (isinstance(node, exp.Literal) and node.is_string)


def _no(reason: str) -> Issue:
    return Issue("unsupported-in-dialect", reason)


def _measures(view: ModelView, spelling: Spelling) -> Iterator[tuple[str, str]]:
    """Each metric as one expression over the columns of the rows."""
    dialect, aggregate = spelling.dialect.name, view.aggregate
    spelled = {m.name: spelling.measure(m, aggregate.input) for m in aggregate.measures}
    for name, value in view.values:
        whole = spelling.of(value, Read(aggregate))
        tree = expr.replace_names(whole, lambda column: spelled[column].copy())
        for column in tree.find_all(exp.Column):
            column.set("table", None)
        yield name, expression_text(quoted(tree), dialect)
