"""Relations as models of dbt: where tables stand, its functions stand.

A call such as `{{ ref('orders') }}` is a plain name while a statement is a tree. When the statement
is a text, all that Jinja would read in it is escaped, and names become calls again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal

from sqlglot import exp

from kpilayer.catalog import RELATION_META, SOURCE_META, Catalog
from kpilayer.errors import Issue, QueryError, listing
from kpilayer.identity import Identity
from kpilayer.model.view import View
from kpilayer.publish import catalogue, stacked
from kpilayer.publish.build import Builder, Finish
from kpilayer.publish.contracts import contracts
from kpilayer.publish.desired import (
    OnStep,
    built,
    check_lengths,
    countable,
    levels_of,
    newest_times,
    no_grants,
    sources_of,
    with_roles,
)
from kpilayer.publish.engines import ENGINES
from kpilayer.publish.relations import Relation
from kpilayer.publish.shapes import shapes
from kpilayer.publish.world import COLUMNS, METRICS, SOURCES
from kpilayer.relation import Relation as Table
from kpilayer.sql.names import quoted
from kpilayer.sql.printing import to_sql

TAG: Final = "kpilayer"
_NO_RIGHTS: Final = frozenset({"duckdb", "sqlite"})
_VERSION: Final = re.compile(r"\.v([^.]+)$")
_TAG: Final = re.compile(r"\{[{%#]")
_CALL: Final = re.compile(r"kpilayer_[0-9a-f]{16}_|\{[{%#]")


@dataclass(frozen=True, slots=True)
class DbtModel:
    """A model of dbt: a relation whose SQL is Jinja, and how dbt keeps it."""

    relation: Relation
    materialized: Literal["view", "table"] = "view"
    tags: tuple[str, ...] = (TAG,)


# ---------------------------------------------------------------------------------------- Jinja


def escaped(text: str) -> str:
    """A text that Jinja renders to this one.

    >>> escaped("a {{ b }} {c")
    "a {{ '{{' }} b }} {c"
    """
    return _TAG.sub(lambda found: f"{{{{ '{found[0]}' }}}}", text)


def ref(name: str) -> str:
    """The call of dbt's `ref` for a name as the manifest has it.

    >>> ref("orders"), ref("finance.orders.v2")
    ("ref('orders')", "ref('finance', 'orders', v=2)")
    """
    version = _VERSION.search(name)
    words = [_word(part) for part in _VERSION.sub("", name).split(".", 1)]
    if version:
        words.append(f"v={version[1] if version[1].isdigit() else _word(version[1])}")
    return f"ref({', '.join(words)})"


def _word(text: str) -> str:
    """A text in the quotes of Jinja."""
    return f"'{text}'" if re.fullmatch(r"[\w $.-]*", text) else json.dumps(text)


@dataclass
class Calls:
    """Calls of dbt's functions, and the names that stand for them in statements."""

    catalog: Catalog
    _calls: dict[str, str] = field(default_factory=dict)

    def name(self, call: str) -> str:
        """The name that stands for a call."""
        name = f"kpilayer_{hashlib.sha256(call.encode()).hexdigest()[:16]}_"
        self._calls[name] = call
        return name

    def named(self, relation: str) -> exp.Table:
        """A relation of these, read by another one."""
        return exp.Table(this=exp.to_identifier(self.name(ref(relation))))

    def text(self, sql: str) -> str:
        """A statement as Jinja."""

        def rendered(found: re.Match[str]) -> str:
            if found[0] in self._calls:
                return f"{{{{ {self._calls[found[0]]} }}}}"
            return escaped(found[0])

        return _CALL.sub(rendered, sql)

    def after(self, finish: Finish) -> Finish:
        """What finishes a tree, and then puts names of calls into it."""

        def finished(tree: exp.Select) -> None:
            finish(tree)
            self._place(tree)

        return finished

    def _place(self, tree: exp.Select) -> None:
        """Puts names of calls where tables stand that dbt knows as models or sources."""
        moved = set()
        for table in list(tree.find_all(exp.Table)):
            call = self._call(table)
            if call is None:
                continue
            if not table.alias:
                table.set("alias", exp.TableAlias(this=table.this.copy()))
                moved.add(table.alias)
            table.set("this", exp.to_identifier(self.name(call)))
            table.set("db", None)
            table.set("catalog", None)
        for column in tree.find_all(exp.Column):
            if column.table in moved:  # `raw.orders.id`, of what is known as `orders` alone
                column.set("db", None)
                column.set("catalog", None)

    def _call(self, table: exp.Table) -> str | None:
        relation = table.meta.get(RELATION_META)
        if isinstance(relation, Table):
            if relation.source:
                return self._source(relation.source)
            name = self._name(relation)
            return ref(name) if name else None
        return self._source(str(table.meta[SOURCE_META])) if SOURCE_META in table.meta else None

    def _source(self, text: str) -> str:
        known = (*self.catalog.definitions.sources, *self.catalog.definitions.files)
        name, _, table = text.partition(".")
        key = next((key for key in known if ".".join(key) == text), (name, table))
        return f"source({', '.join(map(_word, key))})"

    def _name(self, table: Table) -> str:
        """The name by which `ref` finds a table; empty for one that is none of dbt's."""
        if table.ref:
            return table.ref
        is_named = table.kind == "table" and table.parts[-1:] == table.parts
        return table.parts[0] if is_named and table.parts[0] in self._refs else ""

    @cached_property
    def _refs(self) -> frozenset[str]:
        """Names that definitions read by `ref`, also where no manifest says where they are."""
        definitions = self.catalog.definitions
        said = [m.ref for m in definitions.models] + [s.ref for s in definitions.time_spines]
        read = (name for query in self.catalog.queries for name in self.catalog.query_reads(query))
        return frozenset([*(name for name in said if name), *read])

    @cached_property
    def models(self) -> frozenset[str]:
        """The project's own models of dbt that definitions read."""
        catalog = self.catalog
        tables = [*map(catalog.relation, catalog.models)]
        tables += map(catalog.spine_relation, catalog.definitions.time_spines)
        tables += (t for q in catalog.queries for t in catalog.query_reads(q).values())
        names = {_VERSION.sub("", self._name(table)) for table in tables}
        return frozenset(name for name in names if "." not in name)


def column_text(name: str, dialect: str) -> str:
    """A column as statements name it: in quotes where a dialect needs them.

    >>> column_text("region", "duckdb"), column_text("order", "duckdb")
    ('region', '"order"')
    """
    select = exp.Select(expressions=[exp.column(name)])
    return to_sql(quoted(select), dialect).split()[1]


# -------------------------------------------------------------------------------------- models


def dbt_models(
    identity: Identity,
    builder: Builder,
    calls: Calls,
    read_from: str,
    on_step: OnStep,
    *,
    unverified: bool = False,
) -> tuple[tuple[DbtModel, ...], tuple[Issue, ...]]:
    """Every relation of a project's views as a model, and what is worth knowing.

    ``builder`` writes names of ``calls`` for tables. What cannot be made without the type of a
    column is left out, with a warning.

    Raises:
        QueryError: what is wrong with views; `duplicate-name`, `identifier-too-long`.
        WarehouseError: the warehouse refuses a query.
    """
    catalog, dialect = identity.catalog, builder.dialect
    found = shapes(identity, dialect, read_from, unverified=unverified)
    bare = tuple(replace(one, view=_not_kept(one.view)) for one in found.shapes)
    relations, notices = built(replace(found, shapes=bare), builder, on_step)
    relations, issues = _apart(relations, catalog, calls)
    notices += issues
    for view in catalog.definitions.views:
        if view.rollup:
            levels = levels_of(view, relations)
            untyped = _untyped(levels, "dimension")
            if untyped:
                notices.append(_left_out(f"{view.name}__rollup", untyped, _ALL))
            else:
                relations.append(stacked.rollup(view.name, levels, calls.named, dialect))
    counted = [_numbers_told(one) for one in countable(catalog, relations)]
    untyped = _untyped(counted, "metric")
    # PostgreSQL writes dates as its session is set, unless it is told how.
    groups = _untyped(counted, "dimension") if dialect == "postgres" else []
    if untyped or groups:
        why = _NUMBERS if untyped else _DATES
        notices.append(_left_out(stacked.VALUES, untyped or groups, why))
    else:
        values = stacked.values(counted, calls.named, dialect)
        relations += [values] if values is not None else []
    sources = sources_of(identity, relations)
    newest = newest_times(identity, builder, read_from, sources, unverified=unverified)
    relations += contracts(identity, dialect)
    every = [*relations, *_catalogue(identity, relations, sources, newest, calls, dialect)]
    check_lengths(every, dialect)
    grants = catalog.definitions.config.publish.grants
    granted = [with_roles(one, catalog, grants) for one in every]
    if dialect in _NO_RIGHTS and any(one.grants for one in granted):
        notices.append(no_grants(dialect))
        granted = [replace(one, grants=()) for one in granted]
    made = tuple(_model(one, catalog, calls) for one in granted)
    return made, tuple(dict.fromkeys(notices))


def _not_kept(view: View) -> View:
    """A view whose rows kpilayer does not keep: that is dbt's."""
    return view.model_copy(update={"materialized": "view"})


def _model(relation: Relation, catalog: Catalog, calls: Calls) -> DbtModel:
    """The model of a relation: as its view is declared, and a view where it stands on others."""
    relation = replace(relation, sql=calls.text(relation.sql))
    view = next((v for v in catalog.definitions.views if v.name == relation.view), None)
    if view is None:
        return DbtModel(relation)
    is_table = view.materialized != "view" and not relation.stands_on
    tags = tuple(dict.fromkeys((TAG, *view.config.tags)))
    return DbtModel(relation, "table" if is_table else "view", tags)


def _apart(
    relations: Sequence[Relation], catalog: Catalog, calls: Calls
) -> tuple[list[Relation], list[Issue]]:
    """The relations that are not called as a model of dbt that they read; dbt knows a name once.

    Raises:
        QueryError: `duplicate-name`, for declared views.
    """
    declared = {view.name for view in catalog.definitions.views}
    taken = calls.models
    kept, wrong, notices = [], [], []
    for relation in relations:
        if relation.name not in taken:
            kept.append(relation)
        elif relation.view in declared:
            message = f"the view `{relation.name}` reads a dbt model of the same name"
            hint = "give the view another name"
            wrong.append(Issue("duplicate-name", message, hint=hint))
        else:
            message = f"`{relation.name}` has no model: dbt has one of this name already"
            hint = "name a view that shows the metric"
            notices.append(Issue("duplicate-name", message, hint=hint, severity="warning"))
    if wrong:
        raise QueryError(wrong)
    return kept, notices


# ---------------------------------------------------------------------------------------- types

_ALL: Final = "a text has `(all)` there, and any other type NULL"
_NUMBERS: Final = "it holds numbers alone"
_DATES: Final = "dates are told in words of their own"
#: What is a number whatever was added up.
_SUMMED: Final = frozenset(("additive", "semi_additive", "average", "ratio"))


def _numbers_told(relation: Relation) -> Relation:
    """A relation whose sums and ratios are told to be numbers, where nothing tells their type."""
    columns = tuple(
        replace(column, type="numeric")
        if column.role == "metric" and not column.type and column.additivity in _SUMMED
        else column
        for column in relation.columns
    )
    return replace(relation, columns=columns)


def _untyped(relations: Iterable[Relation], role: str) -> list[str]:
    """Columns of a role of which nothing tells the type."""
    columns = (column for relation in relations for column in relation.columns)
    return list(dict.fromkeys(c.name for c in columns if c.role == role and not c.type))


def _left_out(name: str, columns: Sequence[str], why: str) -> Issue:
    message = f"`{name}` is left out: the type of {listing(columns)} is not known, and {why}"
    hint = "run `kpilayer lock`, which writes down the types of columns"
    return Issue("unknown-type", message, severity="warning", hint=hint)


# ------------------------------------------------------------------------------------ catalogue


def _catalogue(
    identity: Identity,
    relations: Sequence[Relation],
    sources: dict[str, set[str]],
    newest: Sequence[tuple[str, str]],
    calls: Calls,
    dialect: str,
) -> tuple[Relation, ...]:
    """The catalogue, whose rows stand in its own text: dbt makes them with the views."""
    time = exp.DataType.build("TIMESTAMP").sql(dialect=dialect)
    time = ENGINES[dialect].time if dialect in ENGINES else time
    names = {name: calls.name(ref(name)) for name in catalogue.NAMES}
    tables = (METRICS, COLUMNS, SOURCES)
    own = catalogue.views({**names, **dict.fromkeys(tables, "")}, newest, time)
    rows = catalogue.rows(identity, (*relations, *own), sources)
    known = (rows.metrics, rows.columns, rows.sources)
    columns = (catalogue.METRIC_COLUMNS, catalogue.COLUMN_COLUMNS, ("metric", "source"))
    for table, keys, values in zip(tables, columns, known, strict=True):
        names[table] = f"(\n{stacked.rows(tuple(keys), values, dialect)}\n)"
    return catalogue.views(names, newest, time)
