"""What kpilayer.lock tells: columns that do not exist, and types that do not fit together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from sqlglot import exp

from kpilayer.check.context import Context
from kpilayer.errors import Issue, Location, did_you_mean
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.model.definitions import Kind, Steps
from kpilayer.model.lock import LockedRelation
from kpilayer.model.metric import SimpleMetric, SqlMetric
from kpilayer.model.semantic_model import Dimension, Entity, Model
from kpilayer.snippets import shown

Family = Literal["number", "text", "boolean", "time", "other"]

_FAMILIES: Final[tuple[tuple[tuple[str, ...], Family], ...]] = (
    (("TIMESTAMP", "DATETIME", "DATE"), "time"),
    (("BOOL",), "boolean"),
    (("VARCHAR", "CHAR", "TEXT", "STRING", "UUID", "ENUM", "BPCHAR"), "text"),
    (("LONGTEXT", "MEDIUMTEXT", "TINYTEXT"), "text"),
    (("TINYINT", "SMALLINT", "INT", "BIGINT", "HUGEINT", "U", "DECIMAL", "NUMERIC"), "number"),
    (("REAL", "FLOAT", "DOUBLE", "NUMBER", "MEDIUMINT", "YEAR"), "number"),
)
_NEEDS: Final[dict[str, Family]] = {
    **dict.fromkeys(("sum", "average", "median", "percentile", "stddev", "variance"), "number"),
    "sum_boolean": "boolean",
}


def family(type_name: str) -> Family:
    """What kind of value a warehouse's type holds.

    >>> family("DECIMAL(14,2)"), family("timestamp without time zone"), family("STRUCT(a INT)")
    ('number', 'time', 'other')
    """
    name = type_name.upper()
    if name.endswith("[]"):
        return "other"
    return next((kind for starts, kind in _FAMILIES if name.startswith(starts)), "other")


def relations_are_locked(context: Context) -> Iterator[Issue]:
    """Relations whose columns could not be checked.

    Checks:
        Every model's relation stands in kpilayer.lock.
    Why:
        Without it, an unknown column is found only by the warehouse, when somebody queries.
    Instead:
        Run `kpilayer lock` and commit the file.
    """
    if context.lock is None:
        message = "there is no kpilayer.lock: columns and types were not checked"
        yield Issue("unlocked-relation", message, None, "run `kpilayer lock`", "notice")
        return
    for model in context.catalog.models.values():
        key = context.catalog.relation(model.name).key
        if key not in context.lock.relations:
            message = f"`{key}` is not in kpilayer.lock: its columns and types were not checked"
            place = context.catalog.definitions.at("model", model.name, "name")
            yield Issue("unlocked-relation", message, place, "run `kpilayer lock`", "warning")


def columns_exist(context: Context) -> Iterator[Issue]:
    """Columns that a relation does not have.

    Checks:
        Declared columns, and every name in expressions of entities, dimensions and metrics.
    Why:
        The warehouse would refuse the SQL, but only when somebody queries it.
    Instead:
        Correct the name, or refresh kpilayer.lock if the table has changed.
    """
    for model, relation in _locked(context):
        for index, column in enumerate(model.columns):
            semantic = column.entity is not None or column.dimension is not None
            if semantic and relation.column(column.name) is None:
                steps: Steps = ("columns", index, "name")
                place = context.catalog.definitions.at("model", model.name, *steps)
                yield _unknown(column.name, model, relation, place)
        for at, text in _derived(model):
            yield from _names(context, "model", model.name, at, text, model, relation)
    for metric, model, relation in _metrics(context):
        steps = ("expr",) if metric.expr is not None else ("name",)
        yield from _names(context, "metric", metric.name, steps, metric.value, model, relation)
    yield from _names_of_aggregates(context)


def _names_of_aggregates(context: Context) -> Iterator[Issue]:
    """Columns of the model, and dimensions of others, in aggregate expressions."""
    for metric in context.catalog.definable:
        relation = _relation(context, metric.model) if isinstance(metric, SqlMetric) else None
        if not isinstance(metric, SqlMetric) or relation is None:
            continue
        model = context.catalog.models[metric.model]
        for atom in atoms(formula(context.graph, metric.name)):
            for name in context.catalog.snippet(atom.value).names:
                if name.name in atom.reaches or relation.column(name.name) is not None:
                    continue
                args = (("sql",), max(metric.sql.find(name.name), 0), len(name.name), name.name)
                place = context.catalog.definitions.within("metric", metric.name, *args)
                yield _unknown(name.name, model, relation, place)


def _derived(model: Model) -> Iterator[tuple[Steps, str]]:
    """The SQL of derived entities and dimensions and of validity, each with its place."""
    if model.active is not None:
        yield ("active", "from"), model.active.from_
        yield ("active", "to"), model.active.to
    for index, entity in enumerate(model.derived_semantics.entities):
        steps: Steps = ("derived_semantics", "entities", index)
        for number, part in enumerate(entity.columns):
            if model.dimension(part.strip().lower()) is None:
                yield (*steps, "columns", number), part
        if not entity.columns:
            yield (*steps, "expr" if entity.expr else "name"), entity.sql
    for index, dimension in enumerate(model.derived_semantics.dimensions):
        key = "expr" if dimension.expr else "name"
        yield ("derived_semantics", "dimensions", index, key), dimension.sql


def types_fit(context: Context) -> Iterator[Issue]:
    """Aggregations, time dimensions and joins over columns of the wrong type.

    Checks:
        Plain columns: sums and averages are of numbers, `sum_boolean` of booleans, time dimensions
        are dates or timestamps, both sides of a join are of one kind.
    Why:
        The warehouse refuses it, or compares values that are equal only by accident.
    Instead:
        Correct the column or the aggregation, or cast in `expr`.
    """
    definitions = context.catalog.definitions
    for metric, _, relation in _metrics(context):
        assert metric.agg is not None, "metrics with a model have an aggregation"
        needed, found = _NEEDS.get(metric.agg), _family_of(context, metric.value, relation)
        if needed is not None and found is not None and found != needed:
            message = f"`{metric.agg}` needs a {needed}; `{shown(metric.value)}` is a {found}"
            place = definitions.at("metric", metric.name, "agg")
            yield Issue("type-mismatch", message, place)
    for model, relation in _locked(context):
        for dimension in model.dimensions:
            found = _family_of(context, dimension.sql, relation)
            if dimension.type == "time" and found is not None and found != "time":
                message = f"time dimension `{dimension.name}` is a {found}, not a date or timestamp"
                place = _dimension_place(context, model, dimension)
                yield Issue("type-mismatch", message, place, "cast it in `expr`")
        yield from _join_types(context, model, relation)


def _join_types(context: Context, model: Model, relation: LockedRelation) -> Iterator[Issue]:
    for step in context.graph.steps(model.name):
        other = _relation(context, step.right)
        for ours, theirs in step.on:
            left = _family_of(context, ours, relation)
            right = _family_of(context, theirs, other) if other else None
            if left is not None and right is not None and left != right:
                message = f"`{model.name}.{shown(ours)}` is a {left}, and "
                message += f"`{step.right}.{shown(theirs)}` is a {right}: they cannot be joined"
                yield Issue("type-mismatch", message, _entity_place(context, model, step.entity))


def _entity_place(context: Context, model: Model, entity: Entity) -> Location | None:
    definitions = context.catalog.definitions
    for index, column in enumerate(model.columns):
        if column.entity is not None and (column.entity.name or column.name) == entity.name:
            return definitions.at("model", model.name, "columns", index, "entity")
    for index, derived in enumerate(model.derived_semantics.entities):
        if derived.name == entity.name:
            return definitions.at("model", model.name, "derived_semantics", "entities", index)
    return definitions.at("model", model.name, "name")


def _dimension_place(context: Context, model: Model, dimension: Dimension) -> Location | None:
    definitions = context.catalog.definitions
    for index, column in enumerate(model.columns):
        if column.dimension is not None:
            if (column.dimension.name or column.name.lower()) == dimension.name:
                return definitions.at("model", model.name, "columns", index, "dimension")
    for index, derived in enumerate(model.derived_semantics.dimensions):
        if derived.name == dimension.name:
            steps: Steps = ("derived_semantics", "dimensions", index, "name")
            return definitions.at("model", model.name, *steps)
    return definitions.at("model", model.name, "name")


def _locked(context: Context) -> Iterator[tuple[Model, LockedRelation]]:
    for model in context.catalog.models.values():
        relation = _relation(context, model.name)
        if relation is not None:
            yield model, relation


def _relation(context: Context, model: str) -> LockedRelation | None:
    if context.lock is None:
        return None
    return context.lock.relations.get(context.catalog.relation(model).key)


def _metrics(context: Context) -> Iterator[tuple[SimpleMetric, Model, LockedRelation]]:
    for metric in context.catalog.definable:
        if isinstance(metric, SimpleMetric) and metric.model is not None:
            relation = _relation(context, metric.model)
            if relation is not None:
                yield metric, context.catalog.models[metric.model], relation


def _names(
    context: Context,
    kind: Kind,
    owner: str,
    steps: Steps,
    text: str,
    model: Model,
    relation: LockedRelation,
) -> Iterator[Issue]:
    for name in context.catalog.snippet(text).names:
        if relation.column(name.name) is None:
            args = (steps, name.offset, name.length, name.name)
            place = context.catalog.definitions.within(kind, owner, *args)
            yield _unknown(name.name, model, relation, place)


def _unknown(name: str, model: Model, relation: LockedRelation, place: Location | None) -> Issue:
    known = [c.name for c in relation.columns]
    message = f"model `{model.name}` has no column `{name}`"
    return Issue("unknown-column", message, place, did_you_mean(name, known))


def family_at(context: Context, model: str, text: str) -> Family | None:
    """The kind of value of a plain column of a model, where the lock knows it."""
    relation = _relation(context, model)
    return None if relation is None else _family_of(context, text, relation)


def _family_of(context: Context, text: str, relation: LockedRelation) -> Family | None:
    """The kind of value of a plain column; None for expressions and unknown columns."""
    tree = context.catalog.snippet(text).tree
    column = relation.column(tree.name) if isinstance(tree, exp.Column) else None
    found = family(column.type) if column else None
    return None if found == "other" else found
