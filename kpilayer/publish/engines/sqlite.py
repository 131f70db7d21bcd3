"""Views in a SQLite file: no schemas, comments or rights; all in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kpilayer.publish.engines.engine import OWN, Engine, mentions, not_locked
from kpilayer.publish.world import COLUMNS, Standing, rows
from kpilayer.warehouse.connection import Connection

_SERVER: Final = "SELECT sqlite_version() AS version"
_RELATIONS: Final = """
SELECT name, type AS kind, CASE WHEN type = 'view' THEN sql ELSE '' END AS rendering
FROM sqlite_master WHERE type IN ('view', 'table') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"""
# SQLite tells the columns of no view while any is broken, so what was written down counts.
_COLUMNS: Final = f"""
SELECT view_name AS name, column_name, type FROM {COLUMNS} ORDER BY view_name, position"""
_OF_TABLES: Final = """
SELECT m.name AS name, c.name AS column_name, c.type AS type
FROM sqlite_master AS m, pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND m.name LIKE 'kpi\\_%' ESCAPE '\\' ORDER BY m.name, c.cid"""
PREFIX: Final = "kpi__"


def _look(connection: Connection, schema: str) -> tuple[str, bool, Mapping[str, Standing]]:
    (server,) = rows(connection, _SERVER)
    columns: dict[str, list[tuple[str, str]]] = {}
    there = rows(connection, _RELATIONS)
    known = rows(connection, _COLUMNS) if any(row["name"] == COLUMNS for row in there) else []
    for row in [*known, *rows(connection, _OF_TABLES)]:
        columns.setdefault(row["name"].removeprefix(PREFIX), []).append(
            (row["column_name"], row["type"])
        )
    texts = [("", row["name"], row["rendering"]) for row in there if row["kind"] == "view"]
    ours = [n for row in there if (n := row["name"]).startswith(PREFIX) or n in OWN]
    standing_on = mentions(texts, "", ours)
    found = {}
    for row in there:
        place = row["name"]
        if place in standing_on:
            name = place.removeprefix(PREFIX)
            found[name] = Standing(
                name,
                row["kind"],
                row["rendering"],
                tuple(columns.get(name, ())),
                dependents=standing_on[place],
            )
    return server["version"], True, found


SQLITE: Final = Engine(
    dialect="sqlite",
    look=_look,
    lock=not_locked,  # BEGIN IMMEDIATE waits for a writer, and then says so
    unlock=not_locked,
    busy="database is locked",
    replaces="none",
    keeps_dependents=False,
    keeps_types=False,
    current="SELECT 'main' AS name",
    has_schemas=False,
    has_comments=False,
    has_grants=False,
    has_roles=False,
    user="",
    text="TEXT",
    long_text="TEXT",
    time="TEXT",
    now="datetime('now')",
)
