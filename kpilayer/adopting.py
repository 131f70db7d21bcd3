"""What `Project.adopt` gives: drafts from the KPI library, checked before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kpilayer.catalog import Catalog, resolve
from kpilayer.check import RULES, Context
from kpilayer.errors import (
    ConfigError,
    DefinitionError,
    Issue,
    KpilayerError,
    Location,
    PolicyError,
    QueryError,
    WarehouseError,
)
from kpilayer.join_graph import JoinGraph
from kpilayer.library.drafts import Chosen, Folders, choose, files, held_by_function, metrics_of
from kpilayer.library.entries import LibraryKpi, library
from kpilayer.library.mapping import CODE, Ask, Columns, Placed, mapped
from kpilayer.load.files import inside, write_inside
from kpilayer.load.layout import read_layout
from kpilayer.load.project import load_definitions
from kpilayer.load.template import TargetInfo
from kpilayer.model.config import ProjectConfig
from kpilayer.relation import split_relation
from kpilayer.running import Warehouse
from kpilayer.warehouse.connection import Connection

_KINDS = ("north_star", "supporting", "operational")


@dataclass(frozen=True, slots=True)
class Home:
    """A project as files: its folder, and what its templates are rendered with."""

    root: Path
    config: ProjectConfig
    target: TargetInfo
    variables: Mapping[str, object]

    @property
    def folders(self) -> Folders:
        """Where new files go.

        Raises:
            ConfigError: nothing of kpilayer's is kept in this project.
        """
        metrics = self.config.metric_paths
        if not metrics:
            hint = "`kpilayer init --from-dbt .` makes kpilayer.yml beside it"
            message = "a project of dbt alone has no folder for metrics and KPIs"
            raise ConfigError(Issue("no-project", message, hint=hint))
        return Folders((self.config.model_paths or metrics)[0], metrics[0])


@dataclass(frozen=True, slots=True)
class Adopted:
    """Drafts for a project: files by path, and how they were come to.

    ``kept`` are metrics of the project that they stand on; ``placed`` are the facts that they read.
    """

    files: Mapping[str, str]
    kpis: tuple[str, ...]
    metrics: tuple[str, ...]
    kept: tuple[str, ...]
    placed: tuple[Placed, ...]


def adopt(
    names: Sequence[str],
    said: Mapping[str, str],
    catalog: Catalog,
    home: Home,
    warehouse: Warehouse,
    ask: Ask,
) -> Adopted:
    """Drafts of KPIs and metrics of the library; nothing is written.

    Raises:
        PolicyError: one of them is vanity, a duplicate, or too many for its function.
        QueryError: the library has no such name.
        ConfigError: a fact has no place in the project, or a file is there already.
        DefinitionError: the project would not pass `check` with them.
    """
    shipped = library()
    chosen, refused = choose(shipped, names, catalog)
    if refused:
        unknown = [issue for issue in refused if issue.code == "unknown-kpi"]
        raise QueryError(unknown) if unknown else PolicyError(refused)
    new, kept = metrics_of(shipped, chosen, catalog)
    tables = columns_in(warehouse, catalog.dialect)
    places, missing = mapped(shipped, shipped.columns_of(new), said, catalog, tables, ask)
    if missing:
        raise ConfigError(missing)
    made = files(shipped, chosen, places, catalog, home.folders)
    if places.problems:
        raise ConfigError(dict.fromkeys(places.problems))
    _refuse_existing(home.root, made)
    _refuse_wrong(home, made)
    _refuse_unreadable(places.placed.values(), catalog, warehouse)
    return Adopted(made, chosen.kpis, new, kept, tuple(places.placed.values()))


def write(root: Path, texts: Mapping[str, str]) -> None:
    """Writes new files into a project: all of them, or none.

    Raises:
        ConfigError: a file is there already, or a link leads out of the project.
    """
    _refuse_existing(root, texts)
    for path in texts:
        inside(root, path)
    done: list[str] = []
    try:
        for path, text in texts.items():
            write_inside(root, path, text)
            done.append(path)
    except OSError:
        for path in done:
            (root / path).unlink(missing_ok=True)
        raise


def picked(
    function: str, many: int, catalog: Catalog, said: Mapping[str, str], warehouse: Warehouse
) -> tuple[str, ...]:
    """The first KPIs of a function that the project has not: served ones first, the widest first.

    Raises:
        PolicyError: the function has fewer to give.
    """
    shipped = library()
    there = {kpi.name for kpi in catalog.definitions.kpis}
    of_it = [k for k in shipped.kpis.values() if k.function == function and k.name not in there]
    tables = columns_in(warehouse, catalog.dialect)
    served = {k.name: not lacking(k.name, catalog, tables, said) for k in of_it}
    ordered = sorted(of_it, key=lambda k: (not served[k.name], _KINDS.index(k.kind)))
    names: list[str] = []
    for kpi in ordered:
        if len(names) < many and not choose(shipped, [*names, kpi.name], catalog)[1]:
            names.append(kpi.name)
    if len(names) < many:
        _, why = choose(shipped, [k.name for k in ordered][:many], catalog)
        held = held_by_function(catalog).get(function, 0)
        message = f"`{function}` has {len(names)} more to take, and not {many}"
        told = Issue("kpi-sprawl", message, hint=f"the project has {held}")
        raise PolicyError([one for one in why if one.code == "kpi-sprawl"] or [told])
    return tuple(names)


def lacking(name: str, catalog: Catalog, tables: Columns, said: Mapping[str, str]) -> list[str]:
    """The facts that a project does not serve for a KPI or metric, of those that it needs."""
    shipped = library()
    new, _ = metrics_of(shipped, Chosen((name,), ()), catalog)
    absent: list[str] = []
    for fact, columns in shipped.columns_of(new).items():
        _, issues = mapped(shipped, {fact: columns}, said, catalog, tables, nobody)
        absent += [fact] if issues else []
    return absent


def nobody(*_: object) -> None:
    """Who says nothing, where there is nobody to ask."""


def columns_in(warehouse: Warehouse, dialect: str) -> Columns:
    """What tells the columns of tables of a warehouse; nothing of any where it is not reached."""
    unreached = False

    @cache
    def columns(name: str) -> tuple[str, ...] | None:
        nonlocal unreached
        if unreached:
            return ()
        parts = split_relation(name, dialect)
        if len(parts) == 1 and warehouse.schema:
            parts = [warehouse.schema, *parts]
        try:
            with warehouse.connected() as connection:
                found = connection.describe_relation(tuple(parts)) if parts else None
        except KpilayerError:
            unreached = True
            return ()
        return None if found is None else tuple(c.name for c in found.columns)

    return columns


def _refuse_existing(root: Path, texts: Iterable[str]) -> None:
    there = [path for path in texts if os.path.lexists(root / path)]
    if there:
        raise ConfigError(
            Issue(
                "folder-not-empty",
                f"`{path}` is there already, and is not written over",
                Location(path),
                "move what it holds elsewhere, or take it away",
            )
            for path in there
        )


def _refuse_wrong(home: Home, texts: Mapping[str, str]) -> None:
    """What `check` would say of the project with these files in it, where that is an error."""
    errors = [issue for issue in checked(home, texts) if issue.severity == "error"]
    if errors:
        raise DefinitionError(errors)


def checked(home: Home, texts: Mapping[str, str]) -> list[Issue]:
    """Everything that is wrong with a project as if these files were in it.

    Raises:
        ConfigError: there are SQL models among them, and dbt builds those of the project.
    """
    layout = read_layout(home.root, os.environ)
    sql = [path for path in texts if path.endswith(".sql")]
    if layout.dbt is not None and sql:
        hint = "make a model of that shape in dbt, and map the fact to it"
        message = f"`{sql[0]}` would be a SQL model, and dbt builds those of this project"
        raise ConfigError(Issue(CODE, message, hint=hint))
    variables = {**layout.variables, **home.variables}
    definitions, issues = load_definitions(layout, home.target, variables, os.environ, texts)
    catalog, unresolved = resolve(definitions, None)
    context = Context(JoinGraph(catalog), None)
    return [*issues, *unresolved, *(issue for rule in RULES for issue in rule(context))]


def _refuse_unreadable(places: Iterable[Placed], catalog: Catalog, warehouse: Warehouse) -> None:
    """SQL for columns that the warehouse does not take, where it is reached and speaks the same."""
    selects = {
        place.fact.name: _select(place, catalog, warehouse.schema)
        for place in places
        if place.table is not None and place.is_renamed and place.table not in catalog.queries
    }
    if not selects:
        return
    issues: list[Issue] = []
    try:
        with warehouse.connected() as connection:
            if connection.dialect == catalog.dialect:
                issues = [
                    i for fact, sql in selects.items() for i in _unread(connection, fact, sql)
                ]
    except KpilayerError:
        return  # nobody to ask: `check --live` will, and every query
    if issues:
        raise ConfigError(issues)


def _unread(connection: Connection, fact: str, sql: str) -> Iterator[Issue]:
    try:
        connection.describe(sql)
    except WarehouseError as error:
        said = error.issues[0].message.splitlines()[0]
        hint = "in the SQL of a column, the table is called `source`"
        yield Issue(CODE, f"`{fact}` cannot be read so: {said}", hint=hint)


def _select(place: Placed, catalog: Catalog, schema: str) -> str:
    listed = ", ".join(f"{sql} AS {name}" for name, sql in place.columns.items())
    parts = split_relation(str(place.table), catalog.dialect)
    whole = [schema, *parts] if len(parts) == 1 and schema else parts
    table = ".".join('"' + part.replace('"', '""') + '"' for part in whole)
    return f"SELECT {listed} FROM {table} AS source"


# --------------------------------------------------------------------------------- what is there


@dataclass(frozen=True, slots=True)
class Offer:
    """A KPI or metric of the library beside a project.

    ``here`` is the status of the project's KPI of this name, `metric` where it has only that, and
    None where it has neither. ``missing`` are the facts that its models do not serve.
    """

    name: str
    label: str
    function: str
    here: str | None
    facts: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...]
    kpi: LibraryKpi | None


def offers(catalog: Catalog | None, function: str | None = None) -> tuple[Offer, ...]:
    """What the library has, for a function or for all, and what of it a project has already."""
    shipped = library()
    status = {} if catalog is None else {k.name: k.status for k in catalog.definitions.kpis}
    found: list[Offer] = []
    for name in shipped.names:
        metric, kpi = shipped.metrics[name], shipped.kpis.get(name)
        if function not in (None, metric.function):
            continue
        here: str | None = status.get(name)
        if here is None and catalog is not None and name in catalog.metrics:
            here = "metric"
        facts = shipped.columns_of(shipped.below(name))
        absent = tuple(facts) if catalog is None else lacking(name, catalog, lambda _: None, {})
        label = kpi.label if kpi is not None else str(metric.data["label"])
        found.append(Offer(name, label, metric.function, here, facts, tuple(absent), kpi))
    return tuple(found)
