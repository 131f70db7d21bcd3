"""All that is to stand in the schema: relations, each of which reads earlier ones alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError
from kpilayer.identity import Identity
from kpilayer.publish import catalogue, stacked
from kpilayer.publish.build import Builder
from kpilayer.publish.engines import Engine
from kpilayer.publish.relations import Relation
from kpilayer.publish.shapes import Shape, shapes
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
    named = builder.named
    declared = {view.name: view for view in identity.catalog.definitions.views}
    for view in declared.values():
        if view.rollup:
            levels = [r for r in relations if r.view == view.name and r.kind == "level"]
            relations.append(stacked.rollup(view.name, levels, named, engine.dialect))
    plain = [r for r in relations if r.kind in ("fixed", "level")]
    plain = [r for r in plain if not _narrowed(declared, r)]
    values = stacked.values(plain, named, engine.dialect)
    relations += [values] if values is not None else []
    publishing = identity.catalog.definitions.config.publish
    grants, is_invoker = publishing.grants, publishing.security == "invoker"
    every = (*relations, *_of_catalogue(identity, builder, engine, schema, read_from, relations))
    _check_lengths(engine, every)
    shown = {one.name: one.grants for one in every}
    granted = []
    for one in every:
        if one.is_table and is_invoker:  # readers of the view need rights on what it reads
            one = replace(one, grants=shown[one.name.removesuffix(SUFFIX)])
        is_everywhere = not one.is_table or is_invoker
        granted.append(_granted(one, identity.catalog, grants if is_everywhere else ()))
    if not engine.has_grants and any(one.grants for one in granted):
        message = f"`grants` say nothing on {engine.dialect}, which has no rights on views"
        notices.append(Issue("no-grants", message, severity="notice"))
    metrics = {c.metric for one in relations for c in one.columns if c.role == "metric"}
    sources = catalogue.time_sources(identity, sorted(metrics))
    read = [one for one in granted if one.kind != "stored"]
    rows = catalogue.rows(identity, read, sources)
    return Desired(tuple(granted), rows, tuple(dict.fromkeys(notices)))


def _check_lengths(engine: Engine, relations: Sequence[Relation]) -> None:
    """Nothing, where every name is short enough: PostgreSQL would cut a longer one in silence.

    Raises:
        QueryError: `identifier-too-long`, each name once.
    """
    spoken, issues = capabilities(engine.dialect), list[Issue]()
    for relation in relations:
        place = engine.place("", relation.name)[-1]
        for word in (place, *(column.name for column in relation.columns)):
            try:
                check_length(word, spoken)
            except QueryError as error:
                issues += error.issues
    if issues:
        raise QueryError(list(dict.fromkeys(issues)))


def _of_shape(shape: Shape, issue: Issue) -> Issue:
    """An issue of a declared view, or why a metric has no view of its own."""
    if shape.is_declared:
        return replace(issue, message=f"view `{shape.view.name}`: {issue.message}")
    message = f"`{shape.view.name}` has no view: {issue.message}"
    return replace(issue, message=message, severity="warning")


def _narrowed(declared: Mapping[str, object], relation: Relation) -> bool:
    """Whether a view shows a part of the rows: its numbers are not those of the metric."""
    view = declared.get(relation.view)
    return bool(getattr(view, "where", ()))


def _as_it_is(tree: exp.Select) -> None:
    """Leaves a tree alone."""


def tables(engine: Engine, schema: str) -> stacked.Named:
    """What gives the name of a relation of a schema, as a tree."""

    def named(relation: str) -> exp.Table:
        parts = engine.place(schema, relation)
        return exp.Table(
            this=exp.to_identifier(parts[-1]),
            db=exp.to_identifier(parts[0]) if len(parts) > 1 else None,
        )

    return named


def _of_catalogue(
    identity: Identity,
    builder: Builder,
    engine: Engine,
    schema: str,
    read_from: str,
    relations: Sequence[Relation],
) -> Iterable[Relation]:
    metrics = {c.metric for one in relations for c in one.columns if c.role == "metric"}
    sources = catalogue.time_sources(identity, sorted(metrics))
    newest = []
    for source in sorted({one for found in sources.values() for one in found}):
        compiled = catalogue.newest_of(identity, source, engine.dialect, read_from)
        if compiled is not None:
            sql = builder.written(compiled, [(catalogue.NEWEST, "newest")], _as_it_is)
            newest.append((literal(source, engine.dialect), sql))
    names = {name: engine.named(schema, name) for name in (*OWN_TABLES, *catalogue.NAMES)}
    return catalogue.views(names, newest, engine.time)


def _granted(relation: Relation, catalog: Catalog, everywhere: Sequence[str]) -> Relation:
    """The relation with the roles of the database that may read it; groups stand for theirs."""
    groups = {group.name.lower(): group.roles for group in catalog.definitions.groups}

    def roles(words: Iterable[str]) -> Iterator[str]:
        for word in words:
            yield from groups.get(word.lower(), ()) or (word,)

    return replace(relation, grants=tuple(dict.fromkeys(roles((*everywhere, *relation.grants)))))
