"""Both sides of a change over the same named tables: what proofs and trials compare.

Every relation is led to a plain table of one name on both sides, so that a file, a quoted name or a
schema of the environment makes no difference, and an example shows tables by names people know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

import sqlglot
from sqlglot import exp

from kpilayer.access import EVERYTHING
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.times import default_grain, homes
from kpilayer.formula.tree import rules
from kpilayer.identity import Identity
from kpilayer.model.lock import Lock, LockedRelation
from kpilayer.model.metric import SimpleMetric
from kpilayer.plan.query import Query
from kpilayer.proof.facts import Column, Facts, Table
from kpilayer.relation import Relation
from kpilayer.selection.versions import Side
from kpilayer.sql.compiled import compile_query
from kpilayer.sql.given import SCHEMA, Replaced, Source, replaced, source_of, type_in_duckdb

DIALECT: Final = "duckdb"
#: A count of all rows of a metric's model: beside it, gaps and groups without a value show.
ROWS: Final = "kpilayer_rows"


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a metric, in words: "by month"."""

    shown: str
    group_by: tuple[str, ...] = ()
    beside_rows: bool = False


@dataclass(frozen=True)
class Bench:
    """Two projects whose metrics can be asked side by side."""

    base: Side
    head: Side

    def sql(self, side: Side, metric: str, question: Question, dialect: str = DIALECT) -> exp.Query:
        """The SQL of a question about a metric of one side, over the tables that both share.

        Raises:
            QueryError: it cannot be asked.
        """
        _, identity = self._sides[side is self.head]
        beside = (ROWS,) if question.beside_rows else ()
        if beside:
            identity = _with_rows(identity, *next(homes(identity.catalog, metric)))
        return self._tree(side, Query((metric, *beside), question.group_by), identity, dialect)

    def values(self, side: Side, model: str, names: Sequence[str]) -> exp.Query:
        """The SQL of how many rows have each combination of values of dimensions and entities.

        Raises:
            QueryError: it cannot be asked.
        """
        _, identity = self._sides[side is self.head]
        definition = identity.catalog.models.get(model)
        if definition is None or not definition.own_names:
            raise QueryError(Issue("unknown-model", f"nothing can be asked of `{model}`"))
        identity = _with_rows(identity, model, definition.agg_time_dimension)
        own = definition.own_names[0]
        asked = tuple(n if definition.dimension(n) is None else f"{own}__{n}" for n in names)
        return self._tree(side, Query((ROWS,), asked), identity, DIALECT)

    def _tree(self, side: Side, query: Query, identity: Identity, dialect: str) -> exp.Query:
        found, _ = self._sides[side is self.head]
        compiled = compile_query(query, identity, dialect, "", role=EVERYTHING, unverified=True)
        tree = sqlglot.parse_one(compiled.sql, read=dialect, dialect=dialect)
        assert isinstance(tree, exp.Query), "a question compiles to a query"
        names = {view: self.tables[source] for source, view in found.views.items()}
        for table in tree.find_all(exp.Table):
            if table.db == SCHEMA and table.name in names:
                if not table.alias:
                    table.set("alias", exp.TableAlias(this=table.this.copy()))
                table.set("db", None)
                table.set("this", exp.to_identifier(names[table.name]))
        for node in tree.walk():
            node.comments = None
        return tree

    @cached_property
    def _sides(self) -> tuple[tuple[Replaced, Identity], tuple[Replaced, Identity]]:
        return _over_tables(self.base), _over_tables(self.head)

    @cached_property
    def tables(self) -> Mapping[Source, str]:
        """The name of each relation that either side reads."""
        found: dict[Source, str] = {}
        for replaced_, _ in self._sides:
            for source in replaced_.views:
                if source not in found:
                    found[source] = _free(_last_name(source), set(found.values()))
        return found

    @cached_property
    def facts(self) -> Facts:
        """What is known of the tables: from kpilayer.lock, and keys that entities declare."""
        base, head = (self._told(side) for side in (self.base, self.head))
        both = {name: _weaker(base[name], head[name]) for name in base.keys() & head.keys()}
        known = {**base, **head, **both}
        told = {name: table for name, table in known.items() if table.columns}
        return Facts(told, {name: t.keys for name, t in known.items() if name not in told})

    def _told(self, side: Side) -> dict[str, Table]:
        """What one side says of tables, all its models together."""
        told: dict[str, Table] = {}
        for source, relation, keys in _described(side.catalog):
            name = self.tables.get(source)
            if name is not None:
                before = told[name].keys if name in told else ()
                told[name] = _table(name, side.catalog.lock, relation, (*before, *keys))
        return told


def questions(side: Side, metric: str) -> tuple[Question, ...]:
    """What is asked of both sides of a metric: in total, by time, by a dimension, beside others."""
    graph = side.identity.graph
    tree = formula(graph, metric)
    grain = default_grain(graph, metric)
    found = [Question("in total")]
    if grain is not None:
        found.append(Question(f"by {grain}", ("metric_time",)))
        found.append(Question(f"by {grain}, beside others", ("metric_time",), beside_rows=True))
        if grain == "day":
            found.append(Question("by month", ("metric_time__month",)))
    dimension = _a_dimension(side.catalog, metric)
    if dimension is not None:
        found.append(Question(f"by {dimension}", (dimension,)))
        found.append(Question(f"by {dimension}, beside others", (dimension,), beside_rows=True))
        if grain is not None and rules(tree):
            found.append(Question(f"by {grain} and {dimension}", ("metric_time", dimension)))
    return tuple(found)


def _a_dimension(catalog: Catalog, metric: str) -> str | None:
    """A categorical dimension that all models of a metric have themselves."""
    models = {model for model, _ in homes(catalog, metric)}
    if len(models) != 1:
        return None
    model = catalog.models[models.pop()]
    names = [d.name for d in model.dimensions if d.type == "categorical"]
    return f"{model.own_names[0]}__{names[0]}" if names and model.own_names else None


def _over_tables(side: Side) -> tuple[Replaced, Identity]:
    found = replaced(side.catalog, frozenset(), "")
    return found, Identity(replace(side.identity.graph, catalog=found.catalog))


def _with_rows(identity: Identity, model: str, time: str | None) -> Identity:
    """The same project with a count of the rows of a model."""
    catalog = identity.catalog
    rows = SimpleMetric(name=ROWS, model=model, agg="count", expr="1", agg_time_dimension=time)
    metrics = {**catalog.metrics, ROWS: rows}
    graph = replace(identity.graph, catalog=replace(catalog, metrics=metrics))
    return Identity(graph)


def _last_name(source: Source) -> str:
    last = PurePosixPath(source[-1]).name.split(".")[0] if source[0] == "file" else source[-1]
    return "".join(c if c.isalnum() else "_" for c in last.lower()) or "rows"


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


# -------------------------------------------------------------------------------------------- facts


def _weaker(one: Table, other: Table) -> Table:
    """What both sides say of a table: a change cannot bring along what its own proof rests on."""
    columns = []
    for column in other.columns:
        known = one.column(column.name)
        nullable = column.nullable or (known is not None and known.nullable)
        columns.append(replace(column, nullable=nullable))
    return Table(other.name, tuple(columns), tuple(key for key in other.keys if key in one.keys))


def _described(
    catalog: Catalog,
) -> Iterator[tuple[Source, Relation, tuple[tuple[str, ...], ...]]]:
    """Every relation of a semantic model, and the keys that its entities are."""
    for name, model in catalog.models.items():
        relation = catalog.relation(name)
        keys = []
        for entity in model.entities:
            columns = tuple(_column_name(catalog, sql) for sql in model.key(entity))
            if entity.is_unique and all(columns):
                keys.append(tuple(c for c in columns if c))
        yield source_of(relation, ""), relation, tuple(keys)
    for tree in catalog.queries.values():
        for table in tree.find_all(exp.Table):
            relation = Relation("table", tuple(part.name for part in table.parts))
            yield source_of(relation, ""), relation, ()


def _column_name(catalog: Catalog, sql: str) -> str | None:
    """The column that an expression is, where it is nothing more."""
    tree = catalog.snippet(sql).tree
    return tree.name if isinstance(tree, exp.Column) else None


def _table(
    name: str, lock: Lock | None, relation: Relation, keys: tuple[tuple[str, ...], ...]
) -> Table:
    """What is known of a table: without columns where nobody has told them."""
    locked = lock.relations.get(relation.key) if lock is not None else None
    if lock is None or locked is None:
        return Table(name, (), tuple(dict.fromkeys(keys)))
    columns = tuple(_columns(locked, lock.dialect))
    return Table(name, columns, tuple(dict.fromkeys((*keys, *locked.keys))))


def _columns(locked: LockedRelation, dialect: str) -> Iterator[Column]:
    for column in locked.columns:
        kind = type_in_duckdb(column.type, dialect)
        if kind is not None:
            yield Column(column.name, exp.DataType.build(kind, dialect=DIALECT), column.nullable)
