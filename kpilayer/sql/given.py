"""A catalog whose relations are rows that somebody gives: for tests of metrics.

Every table, file and SQL model that definitions read is led to a view of the schema ``given``,
whatever it is in the warehouse. A SQL model is computed from the given rows of what it reads,
unless its own rows are given. Names of views are plain words, so they need no quotes in any
dialect, and two tables that differ in schema or case alone stay apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp
from sqlglot.errors import SqlglotError

from kpilayer.catalog import REF, SOURCE_META, Catalog
from kpilayer.model.lock import Lock
from kpilayer.relation import Relation
from kpilayer.sql.names import cte_read

SCHEMA: Final = "given"

#: What a relation is, wherever it is named: its kind, and its name in full.
Source = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A catalog that reads views, the view of each relation, and what may be given by which name.

    ``columns`` are those that SQL models read of a relation, as far as their text tells.
    """

    catalog: Catalog
    views: Mapping[Source, str]
    columns: Mapping[Source, tuple[str, ...]]


def source_of(relation: Relation, schema: str) -> Source:
    """What a relation is: equal for definitions that read the same rows."""
    match relation.kind:
        case "table":
            parts = relation.parts
            return ("table", *((schema, *parts) if len(parts) == 1 and schema else parts))
        case "file":
            return ("file", relation.path)
    return ("query", relation.query)


def givable(catalog: Catalog, schema: str) -> dict[str, Source]:
    """What rows can be given for, by name: semantic models, time spines, refs, and sources."""
    found: dict[str, Source] = {}
    for query in catalog.queries:
        for table in catalog.queries[query].find_all(exp.Table):
            if table.db == REF:
                read = catalog.query_reads(query)[table.name.lower()]
                name = str(table.meta.get(SOURCE_META) or table.name)
                found.setdefault(name.lower(), source_of(read, schema))
            elif _is_physical(table):
                name = str(table.meta.get(SOURCE_META) or ".".join(p.name for p in table.parts))
                found.setdefault(name.lower(), _physical(table, schema))
        found.setdefault(query, ("query", query))
    for spine in catalog.definitions.time_spines:
        found[spine.name] = source_of(catalog.spine_relation(spine), schema)
    models = {m: source_of(catalog.relation(m), schema) for m in catalog.models}
    refs = {m.ref: models[m.name] for m in catalog.models.values() if m.ref}
    return refs | found | models


def replaced(catalog: Catalog, own: AbstractSet[Source], schema: str) -> Replaced:
    """The catalog that reads views.

    ``own`` says of which SQL models and time spines the rows are given, and not made: other SQL
    models are computed, and in the place of other spines one is generated.
    """
    views: dict[Source, str] = {}
    columns: dict[Source, tuple[str, ...]] = {}
    for name, source in sorted(givable(catalog, schema).items()):
        if source not in views and (source[0] != "query" or source in own):
            views[source] = _view_name(name, views)
    queries = {}
    for name, tree in catalog.queries.items():
        copy = tree.copy()
        reads = catalog.query_reads(name)
        for table in list(copy.find_all(exp.Table)):
            read: Source | None = None
            if table.db == REF:
                read = source_of(reads[table.name.lower()], schema)
            elif _is_physical(table):
                read = _physical(table, schema)
            if read is not None and read in views:
                used = (*columns.get(read, ()), *_columns_read(table))
                columns[read] = tuple(dict.fromkeys(used))
                _lead_to(table, views[read])
        if ("query", name) not in own:
            queries[name] = copy
    models = {}
    for name, model in catalog.models.items():
        view = views.get(source_of(catalog.relation(name), schema))
        there = {"relation": f"{SCHEMA}.{view}", "path": None}
        models[name] = model.model_copy(update=there) if view else model
    definitions = replace(catalog.definitions, models=tuple(models.values()), time_spines=())
    spines = []
    for spine in catalog.definitions.time_spines:
        source = source_of(catalog.spine_relation(spine), schema)
        if source in own:
            there = {"relation": f"{SCHEMA}.{views[source]}", "path": None, "ref": None}
            spines.append(spine.model_copy(update=there))
    definitions = replace(definitions, time_spines=tuple(spines))
    changed = replace(catalog, definitions=definitions, models=models, queries=queries)
    return Replaced(replace(changed, lock=_same_types(catalog, changed)), views, columns)


def _same_types(catalog: Catalog, changed: Catalog) -> Lock | None:
    """What kpilayer.lock knows of relations, said of the views that stand for them."""
    lock = catalog.lock
    if lock is None:
        return None
    pairs = ((changed.relation(m).key, catalog.relation(m).key) for m in catalog.models)
    views = {view: lock.relations[key] for view, key in pairs if key in lock.relations}
    return Lock(lock.dialect, {**lock.relations, **views})


def _view_name(name: str, taken: Mapping[Source, str]) -> str:
    word = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "rows"
    found = f"{word}_rows"
    while found in taken.values():
        found += "_"
    return found


def _is_physical(table: exp.Table) -> bool:
    """Whether it is a table of the warehouse: no CTE, no function, nothing that `ref` leads to."""
    named = all(isinstance(part, exp.Identifier) for part in table.parts)
    return named and table.db != REF and cte_read(table) is None


def _physical(table: exp.Table, schema: str) -> Source:
    parts = tuple(p.name if p.args.get("quoted") else p.name.lower() for p in table.parts)
    return source_of(Relation("table", parts), schema)


def _lead_to(table: exp.Table, view: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=table.this.copy()))
    table.set("catalog", None)
    table.set("db", exp.to_identifier(SCHEMA))
    table.set("this", exp.to_identifier(view))


def _columns_read(table: exp.Table) -> Iterator[str]:
    """The columns that the SELECT around a table reads of it, as far as its text tells."""
    select = table.find_ancestor(exp.Select)
    if select is None:
        return
    name = table.alias_or_name.lower()
    is_only = not select.args.get("joins")
    for column in select.find_all(exp.Column):
        is_of_it = column.table.lower() == name if column.table else is_only
        if is_of_it and not isinstance(column.this, exp.Star):
            yield column.name


# --------------------------------------------------------------------------------------- statements


def view_sql(
    view: str, columns: Mapping[str, str | None], rows: Sequence[Mapping[str, str | None]]
) -> str:
    """The statement that makes a view of rows, in DuckDB's dialect.

    ``columns`` are types by name; one without a type holds NULLs, which fit any expression. Rows
    hold values as texts, which are cast to the column's type.
    """
    typed = {name: kind for name, kind in columns.items() if kind is not None}
    values: list[exp.Expr] = [
        exp.Tuple(
            expressions=[_cast(row.get(name), kind) for name, kind in typed.items()] or [exp.null()]
        )
        for row in rows or [{}]
    ]
    names = list(typed) or ["_"]
    alias = exp.TableAlias(
        this=exp.to_identifier("given_rows"), columns=[_exactly(name) for name in names]
    )
    select = exp.Select(
        expressions=[
            exp.Column(this=_exactly(name))
            if name in typed
            else exp.alias_(exp.null(), _exactly(name), copy=False)
            for name in columns
        ]
        or [exp.alias_(exp.null(), "_")],
        from_=exp.From(this=exp.Values(expressions=values, alias=alias)),
    )
    if not rows:
        select.set("where", exp.Where(this=exp.false()))
    table = exp.Table(this=exp.to_identifier(view), db=exp.to_identifier(SCHEMA))
    return exp.Create(this=table, kind="VIEW", expression=select).sql("duckdb")


def _exactly(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _cast(text: str | None, kind: str) -> exp.Expr:
    value = exp.null() if text is None else exp.Literal.string(text)
    return exp.Cast(this=value, to=exp.DataType.build(kind, dialect="duckdb", udt=True))


_TYPE: Final = exp.DataType.Type
#: Types that DuckDB has no word for, and what holds their values there.
_KNOWN: Final = {
    _TYPE.DATE32: _TYPE.DATE,
    _TYPE.MEDIUMINT: _TYPE.INT,
    _TYPE.UDECIMAL: _TYPE.DECIMAL,
    _TYPE.UINT128: _TYPE.INT128,
    _TYPE.UMEDIUMINT: _TYPE.UINT,
    _TYPE.YEAR: _TYPE.SMALLINT,
}


def type_in_duckdb(kind: str, dialect: str) -> str | None:
    """A warehouse's type in DuckDB's words; None for one that it does not have.

    >>> type_in_duckdb("timestamp without time zone", "postgres")
    'TIMESTAMP'
    >>> type_in_duckdb("DateTime64(6, 'UTC')", "clickhouse")
    'TIMESTAMPTZ'
    """
    try:
        built = exp.DataType.build(kind, dialect=dialect)
    except SqlglotError:
        return None
    if built.this == exp.DataType.Type.USERDEFINED:
        return None
    if built.this in (_TYPE.DATETIME, _TYPE.DATETIME64, _TYPE.TIMESTAMP):
        has_zone = any(p.this.is_string for p in built.expressions)
        built = exp.DataType(this=_TYPE.TIMESTAMPTZ if has_zone else _TYPE.TIMESTAMP)
    built.set("this", _KNOWN.get(built.this, built.this))
    return str(built.sql("duckdb"))
