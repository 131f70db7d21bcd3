"""Exports of saved queries: tables and views in the target's database, as dbt declares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kpilayer.arguments import Words
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError, did_you_mean, listing
from kpilayer.model.usage import Export, SavedQuery
from kpilayer.plan.keys import asked_place
from kpilayer.running import Warehouse
from kpilayer.selection.choose import Selection
from kpilayer.sql.compiled import Compiled
from kpilayer.sql.creation import Made, creation, relation_text, replaced
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.run import execute


@dataclass(frozen=True, slots=True)
class Exported:
    """An export: its name, the relation that holds it, and the statements that make it."""

    name: str
    kind: Made
    relation: str
    statements: tuple[str, ...]


def chosen(saved: SavedQuery, names: Sequence[str]) -> tuple[Export, ...]:
    """The exports of a saved query by name, all of them where none is named.

    Raises:
        QueryError: `bad-export`.
    """
    known = {one.name: one for one in saved.exports}
    issues = []
    if not known:
        message = f"the saved query `{saved.name}` declares no exports"
        issues.append(Issue("bad-export", message, hint="add `exports:` to it"))
    for name in [n for n in names if n not in known] if known else ():
        message = f"`{saved.name}` has no export `{name}`"
        hint = did_you_mean(name, known) or f"exports: {listing(list(known))}"
        issues.append(Issue("bad-export", message, asked_place("export", name), hint))
    for one in saved.exports:
        if one.config.export_as == "cache" and (not names or one.name in names):
            message = f"export `{one.name}` is a cache of dbt's platform, and no table or view"
            issues.append(Issue("bad-export", message, hint="write `export_as: table`"))
    if issues:
        raise QueryError(issues)
    return tuple(one for one in saved.exports if not names or one.name in names)


def measures(catalog: Catalog, selected: Selection, asked: Words) -> tuple[str, ...]:
    """The selected metrics that go to other tools: hidden ones where metrics were asked for."""
    known = [catalog.metrics[name] for name in selected.metrics if name in catalog.metrics]
    return tuple(metric.name for metric in known if asked is not None or not metric.hidden)


def place(export: Export, schema: str) -> tuple[str, ...]:
    """Where an export goes: its own schema, else the target's."""
    config = export.config
    parts = (config.database, config.schema_name or schema or None, config.alias or export.name)
    return tuple(part for part in parts if part)


def export(
    wanted: Sequence[Export],
    compiled: Compiled,
    catalog: Catalog,
    warehouse: Warehouse,
    *,
    dry_run: bool,
) -> tuple[Exported, ...]:
    """Makes exports of a question, all of them or, where one is wrong, none.

    Raises:
        QueryError: `bad-export`, where a table would be replaced that definitions read.
        WarehouseError: the warehouse cannot be reached, or refuses a statement.
    """
    where = catalog, warehouse.schema, compiled.dialect
    if dry_run:
        sql = compiled.running_in(warehouse.root.as_posix())
        return tuple(_exported(one, sql, *where, None) for one in wanted)
    with warehouse.connected(read_only=False) as connection:
        sql = warehouse.sql(compiled, connection)
        made = tuple(_exported(one, sql, *where, connection) for one in wanted)
        for one in made:
            for statement in one.statements:
                execute(connection, statement)
    return made


def _exported(
    export: Export,
    query: str,
    catalog: Catalog,
    schema: str,
    dialect: str,
    connection: Connection | None,
) -> Exported:
    """An export with its statements; ``connection`` tells what is there already.

    Raises:
        QueryError: `bad-export`, where it would replace a table that definitions read.
    """
    parts = place(export, schema)
    read = replaced(parts, catalog, schema)
    if read is not None:
        message = f"export `{export.name}` would replace `{read.key}`, which the project reads"
        raise QueryError(Issue("bad-export", message, hint="give the export another `alias`"))
    kind: Made = "table" if export.config.export_as == "table" else "view"
    statements = creation(
        kind,
        parts,
        query,
        dialect,
        keeps_columns=connection is not None and _keeps_columns(connection, parts, query),
        has_schema=connection is None or _has_schema(connection, parts),
    )
    return Exported(export.name, kind, relation_text(parts, dialect), statements)


def _keeps_columns(connection: Connection, parts: tuple[str, ...], query: str) -> bool:
    """Whether what is there has the first columns of what comes, or nothing is there."""
    known = connection.describe_relation(parts)
    if known is None:
        return True
    new = [(c.name, c.type) for c in connection.describe(query)]
    old = [(c.name, c.type) for c in known.columns]
    return new[: len(old)] == old


def _has_schema(connection: Connection, parts: tuple[str, ...]) -> bool:
    if len(parts) < 2:
        return True
    name = parts[-2].replace("'", "''")
    found = connection.run(
        f"SELECT schema_name FROM information_schema.schemata WHERE schema_name = '{name}'"
    )
    return bool(found.num_rows)
