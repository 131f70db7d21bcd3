"""Views in a DuckDB file: one writer at a time, comments, no rights; all in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kpilayer.publish.engines.engine import Engine, mentions, not_locked
from kpilayer.publish.world import Standing, literal, rows
from kpilayer.warehouse.connection import Connection

_SERVER: Final = """
SELECT version() AS version, EXISTS (
    SELECT 1 FROM duckdb_schemas()
    WHERE database_name = current_database() AND schema_name = {schema}
) AS has_schema"""
_RELATIONS: Final = """
SELECT view_name AS name, 'view' AS kind, sql AS rendering FROM duckdb_views()
WHERE database_name = current_database() AND schema_name = {schema} AND NOT internal
UNION ALL
SELECT table_name, 'table', '' FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = {schema} AND NOT internal"""
_COLUMNS: Final = """
SELECT table_name AS name, column_name, data_type AS type FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = {schema} AND NOT internal
ORDER BY table_name, column_index"""
_TEXTS: Final = """
SELECT schema_name, view_name, sql FROM duckdb_views()
WHERE database_name = current_database() AND NOT internal"""


def _look(connection: Connection, schema: str) -> tuple[str, bool, Mapping[str, Standing]]:
    def asked(sql: str) -> list[dict[str, Any]]:
        return rows(connection, sql.format(schema=literal(schema, "duckdb")))

    server = asked(_SERVER)[0]
    if not server["has_schema"]:
        return server["version"], False, {}
    columns: dict[str, list[tuple[str, str]]] = {}
    for row in asked(_COLUMNS):
        columns.setdefault(row["name"], []).append((row["column_name"], row["type"]))
    there = asked(_RELATIONS)
    texts = [(r["schema_name"], r["view_name"], r["sql"]) for r in asked(_TEXTS)]
    standing_on = mentions(texts, schema, [row["name"] for row in there])
    found = {
        row["name"]: Standing(
            row["name"],
            row["kind"],
            row["rendering"],
            tuple(columns.get(row["name"], ())),
            dependents=standing_on[row["name"]],
        )
        for row in there
    }
    return server["version"], True, found


DUCKDB: Final = Engine(
    dialect="duckdb",
    look=_look,
    lock=not_locked,  # a file has one process that writes
    unlock=not_locked,
    busy="[Cc]onflict",
    replaces="any",
    keeps_dependents=False,
    keeps_types=True,
    current="SELECT current_schema() AS name",
    has_schemas=True,
    has_comments=True,
    has_grants=False,
    has_roles=False,
    user="",
    text="VARCHAR",
    long_text="VARCHAR",
    time="TIMESTAMP",
    now="CAST(date_trunc('second', now() AT TIME ZONE 'UTC') AS TIMESTAMP)",
)
