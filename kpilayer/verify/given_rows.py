"""Rows as a test writes them: their columns, types and values, for a database to hold.

Types are those of kpilayer.lock. Without one a time dimension has the type of its grain, and other
columns that of their values: text that looks like dates is dates. A column that definitions read
and no row names is NULL, of no type at all, which fits any expression.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from kpilayer import expr, snippets
from kpilayer.catalog import Catalog
from kpilayer.errors import did_you_mean
from kpilayer.grain import is_date, parse_moment
from kpilayer.model.lock import Lock
from kpilayer.model.metric import SimpleMetric, SqlMetric
from kpilayer.model.semantic_model import Dimension, Entity
from kpilayer.sql.given import type_in_duckdb

Given = Mapping[str, object]
_LARGEST: Final = 2**63


def columns_of(
    catalog: Catalog,
    models: Iterable[str],
    rows: Sequence[Given],
    lock: Lock | None,
    also: Iterable[str],
) -> dict[str, str | None]:
    """The columns of a relation by name, each with its type in DuckDB, or None.

    ``models`` are the semantic models that read it; ``also`` names further columns that are read.
    Where kpilayer.lock describes the relation, it has just those columns.
    """
    relations = [catalog.relation(model).key for model in models]
    locked = [lock.relations[key] for key in relations if lock and key in lock.relations]
    if lock is not None and locked:
        kinds = {c.name: type_in_duckdb(c.type, lock.dialect) for c in locked[0].columns}
        return {name: kind or _of_values(_values(rows, name)) for name, kind in kinds.items()}
    read = [name for model in models for name in columns_read(catalog, model)]
    spelled = {n.lower(): n for n in reversed([*(k for row in rows for k in row), *read, *also])}
    times = {n.lower(): kind for model in models for n, kind in _times(catalog, model)}
    found = {}
    for lowered, name in reversed(spelled.items()):
        values = _values(rows, name)
        found[name] = _of_time(times[lowered], values) if lowered in times else _of_values(values)
    return found


def unknown_columns(
    rows: Sequence[Given], columns: Mapping[str, str | None]
) -> Iterator[tuple[str, str | None]]:
    """Names in rows that the relation has no column for, each with the nearest known ones."""
    known = {name.lower() for name in columns}
    for name in dict.fromkeys(name for row in rows for name in row):
        if name.lower() not in known:
            yield name, did_you_mean(name, columns)


def as_texts(
    rows: Sequence[Given], columns: Mapping[str, str | None]
) -> list[dict[str, str | None]]:
    """Rows with each value as the text that the database casts to its column's type."""
    spelled = {name.lower(): name for name in columns}
    return [{spelled[name.lower()]: _text(v) for name, v in row.items()} for row in rows]


def _text(value: object) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case dict() | list() | tuple():
            return json.dumps(value)
    return repr(value)


def columns_read(catalog: Catalog, model: str) -> Iterator[str]:
    """The columns of its relation that a semantic model and its metrics read."""
    definition = catalog.models[model]
    yield from (column.name for column in definition.columns)
    elements: tuple[Entity | Dimension, ...] = (*definition.entities, *definition.dimensions)
    texts = [e.sql for e in elements if not (isinstance(e, Entity) and e.columns)]
    texts += [part for e in definition.entities for part in e.columns]
    if definition.active is not None:
        texts += [definition.active.from_, definition.active.to]
    for metric in catalog.metrics.values():
        if isinstance(metric, SimpleMetric) and metric.model == model:
            texts.append(metric.value)
        elif isinstance(metric, SqlMetric) and metric.model == model:
            tree = snippets.parse_aggregates(metric.sql, catalog.dialect)
            yield from (column.name for column in expr.columns(tree) if "__" not in column.name)
    yield from (name.name for text in texts for name in catalog.snippet(text).names)


def _times(catalog: Catalog, model: str) -> Iterator[tuple[str, str]]:
    """Columns that are time dimensions as they are, with their grain."""
    for dimension in catalog.models[model].dimensions:
        name = snippets.shown(dimension.sql)
        names = catalog.snippet(dimension.sql).names
        if dimension.granularity and len(names) == 1 and names[0].name == name:
            yield name, dimension.granularity


def _of_time(grain: str, values: Sequence[object]) -> str | None:
    """A column of days may still hold times."""
    parsed = [parse_moment(value) for value in values if isinstance(value, str)]
    if len(parsed) < len(values) or None in parsed:
        return _of_values(values)
    days = all(moment[1] for moment in parsed if moment is not None)
    return "DATE" if days and is_date(grain) else "TIMESTAMP"


def _of_values(values: Sequence[object]) -> str | None:
    """The type that holds all values; None where there is none."""
    kinds = {type(value) for value in values}
    if not kinds:
        return None
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        fits = all(isinstance(v, int) and -_LARGEST <= v < _LARGEST for v in values)
        return "BIGINT" if fits else "HUGEINT"
    if kinds <= {int, float}:
        return "DOUBLE"
    if kinds == {str}:
        parsed = [parse_moment(str(value)) for value in values]
        if None not in parsed and all("-" in str(value) for value in values):
            return "DATE" if all(moment[1] for moment in parsed if moment) else "TIMESTAMP"
    return "VARCHAR"


def _values(rows: Sequence[Given], name: str) -> list[object]:
    lowered = name.lower()
    return [v for row in rows for key, v in row.items() if key.lower() == lowered and v is not None]
