"""All that is to stand in the schema: relations, each of which reads earlier ones alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlglot import exp

from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError
from kpilayer.identity import Identity
from kpilayer.model.view import View
from kpilayer.publish import catalogue, stacked
from kpilayer.publish.build import Builder
from kpilayer.publish.contracts import contracts
from kpilayer.publish.engines import Engine
from kpilayer.publish.relations import Relation
from kpilayer.publish.shapes import Shape, Shapes, shapes
from kpilayer.publish.stored import SUFFIX
from kpilayer.publish.world import OWN_TABLES, literal
from kpilayer.sql.dialects import capabilities
from kpilayer.sql.names import check_length

OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Desired:
    """Relations, what the catalogue says of them, and what is worth knowing."""

    relations: tuple[Relation, ...]
    rows: catalogue.Rows
    notices: tuple[Issue, ...]


def desired(
    identity: Identity,
    builder: Builder,
    engine: Engine,
    schema: str,
    read_from: str,
    on_step: OnStep,
) -> Desired:
    """What the definitions ask for. Models without a relation are read from ``read_from``.

    Raises:
        QueryError: what is wrong with views.
        WarehouseError: the warehouse refuses a query.
    """
    found = shapes(identity, engine.dialect, read_from)
    relations, notices = built(found, builder, on_step)
    for view in identity.catalog.definitions.views:
        if view.rollup:
            levels = levels_of(view, relations)
            relations.append(stacked.rollup(view.name, levels, builder.named, engine.dialect))
    counted = countable(identity.catalog, relations)
    values = stacked.values(counted, builder.named, engine.dialect)
    relations += [values] if values is not None else []
    sources = sources_of(identity, relations)
    newest = newest_times(identity, builder, read_from, sources)
    names = {name: engine.named(schema, name) for name in (*OWN_TABLES, *catalogue.NAMES)}
    relations += contracts(identity, engine.dialect)
    every = (*relations, *catalogue.views(names, newest, engine.time))
    check_lengths(every, engine.dialect, lambda name: engine.place("", name)[-1])
    granted = _granted(every, identity.catalog)
    if not engine.has_grants and any(one.grants for one in granted):
        notices.append(no_grants(engine.dialect))
    read = [one for one in granted if one.kind != "stored"]
    rows = catalogue.rows(identity, read, sources)
    return Desired(granted, rows, tuple(dict.fromkeys(notices)))


def _granted(relations: Sequence[Relation], catalog: Catalog) -> tuple[Relation, ...]:
    """Relations with their roles; tables have those of the view that reads them, if at all."""
    publishing = catalog.definitions.config.publish
    grants, is_invoker = publishing.grants, publishing.security == "invoker"
    shown = {one.name: one.grants for one in relations}
    granted = []
    for one in relations:
        if one.is_table and is_invoker:  # readers of the view need rights on what it reads
            one = replace(one, grants=shown[one.name.removesuffix(SUFFIX)])
        is_everywhere = not one.is_table or is_invoker
        granted.append(with_roles(one, catalog, grants if is_everywhere else ()))
    return tuple(granted)


def check_lengths(
    relations: Iterable[Relation], dialect: str, called: Callable[[str], str] = str
) -> None:
    """Nothing, where every name is short enough: PostgreSQL would cut a longer one in silence.

    ``called`` gives the name of a relation as the database has it.

    Raises:
        QueryError: `identifier-too-long`, each name once.
    """
    spoken, issues = capabilities(dialect), list[Issue]()
    for relation in relations:
        for word in (called(relation.name), *(column.name for column in relation.columns)):
            try:
                check_length(word, spoken)
            except QueryError as error:
                issues += error.issues
    if issues:
        raise QueryError(list(dict.fromkeys(issues)))


def built(found: Shapes, builder: Builder, on_step: OnStep) -> tuple[list[Relation], list[Issue]]:
    """The relations of shapes, and what is worth knowing of them.

    Raises:
        QueryError: what is wrong with declared views.
        WarehouseError: the warehouse refuses a query.
    """
    notices = list(found.left_out)
    relations: list[Relation] = []
    issues: list[Issue] = []
    for number, shape in enumerate(found.shapes):
        on_step(shape.name, number, len(found.shapes))
        try:
            relations += builder.relations(shape)
        except QueryError as error:
            told = [_of_shape(shape, issue) for issue in error.issues]
            (issues if shape.is_declared else notices).extend(told)
            continue
        notices += [i for i in shape.compiled.notices if i.severity == "warning"]
    if issues:
        raise QueryError(list(dict.fromkeys(issues)))
    return relations, notices


def levels_of(view: View, relations: Iterable[Relation]) -> list[Relation]:
    """The levels of a view, of which its roll-up is made."""
    return [one for one in relations if one.view == view.name and one.kind == "level"]


def countable(catalog: Catalog, relations: Iterable[Relation]) -> list[Relation]:
    """The relations whose numbers are those of their metrics, over all rows."""
    narrowed = {view.name for view in catalog.definitions.views if view.where}
    plain = (one for one in relations if one.kind in ("fixed", "level"))
    return [one for one in plain if one.view not in narrowed]


def sources_of(identity: Identity, relations: Iterable[Relation]) -> dict[str, set[str]]:
    """The times that the metrics of relations are dated by."""
    metrics = {c.metric for one in relations for c in one.columns if c.role == "metric"}
    return catalogue.time_sources(identity, sorted(metrics))


def newest_times(
    identity: Identity,
    builder: Builder,
    read_from: str,
    sources: Mapping[str, set[str]],
    *,
    unverified: bool = False,
) -> list[tuple[str, str]]:
    """Each time as a text of SQL, and the SQL of its newest value."""
    newest = []
    for source in sorted({one for found in sources.values() for one in found}):
        compiled = catalogue.newest_of(
            identity, source, builder.dialect, read_from, unverified=unverified
        )
        if compiled is None:
            continue
        with suppress(QueryError):  # of a time that depends on the reader, none is told
            sql = builder.written(compiled, [(catalogue.NEWEST, "newest")], lambda _: None)
            newest.append((literal(source, builder.dialect), sql))
    return newest


def no_grants(dialect: str) -> Issue:
    """The notice that rights are declared where there are none."""
    message = f"`grants` say nothing on {dialect}, which has no rights on views"
    return Issue("no-grants", message, severity="notice")


def _of_shape(shape: Shape, issue: Issue) -> Issue:
    """An issue of a declared view, or why a metric has no view of its own."""
    if shape.is_declared:
        return replace(issue, message=f"view `{shape.view.name}`: {issue.message}")
    message = f"`{shape.view.name}` has no view: {issue.message}"
    return replace(issue, message=message, severity="warning")


def tables(engine: Engine, schema: str) -> stacked.Named:
    """What gives the name of a relation of a schema, as a tree."""

    def named(relation: str) -> exp.Table:
        parts = engine.place(schema, relation)
        return exp.Table(
            this=exp.to_identifier(parts[-1]),
            db=exp.to_identifier(parts[0]) if len(parts) > 1 else None,
        )

    return named


def with_roles(relation: Relation, catalog: Catalog, everywhere: Sequence[str]) -> Relation:
    """The relation with the roles of the database that may read it; groups stand for theirs."""
    groups = {group.name.lower(): group.roles for group in catalog.definitions.groups}

    def roles(words: Iterable[str]) -> Iterator[str]:
        for word in words:
            yield from groups.get(word.lower(), ()) or (word,)

    return replace(relation, grants=tuple(dict.fromkeys(roles((*everywhere, *relation.grants)))))
