"""Views in MySQL and MariaDB: each statement stands for itself; rights stay with the name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kpilayer.publish.engines.engine import Engine, mentions
from kpilayer.publish.world import Standing, literal, name, rows
from kpilayer.warehouse.connection import Connection

_SERVER: Final = """
SELECT VERSION() AS version, EXISTS (
    SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {schema}
) AS has_schema"""
_RELATIONS: Final = """
SELECT t.TABLE_NAME AS name,
    CASE WHEN t.TABLE_TYPE = 'VIEW' THEN 'view' ELSE 'table' END AS kind,
    COALESCE(v.VIEW_DEFINITION, '') AS rendering
FROM information_schema.TABLES AS t
LEFT JOIN information_schema.VIEWS AS v
    ON v.TABLE_SCHEMA = t.TABLE_SCHEMA AND v.TABLE_NAME = t.TABLE_NAME
WHERE t.TABLE_SCHEMA = {schema}"""
_COLUMNS: Final = """
SELECT TABLE_NAME AS name, COLUMN_NAME AS column_name, COLUMN_TYPE AS type
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema}
ORDER BY TABLE_NAME, ORDINAL_POSITION"""
_TEXTS: Final = """
SELECT TABLE_SCHEMA AS of, TABLE_NAME AS name, VIEW_DEFINITION AS definition
FROM information_schema.VIEWS
WHERE TABLE_SCHEMA NOT IN ('sys', 'information_schema', 'performance_schema', 'mysql')"""


_GRANTS: Final = """
SELECT TABLE_NAME AS name, GRANTEE AS grantee FROM information_schema.TABLE_PRIVILEGES
WHERE TABLE_SCHEMA = {schema} AND PRIVILEGE_TYPE = 'SELECT' ORDER BY TABLE_NAME, GRANTEE"""


def _look(connection: Connection, schema: str) -> tuple[str, bool, Mapping[str, Standing]]:
    def asked(sql: str) -> list[dict[str, Any]]:
        return rows(connection, sql.format(schema=literal(schema, "mysql")))

    server = asked(_SERVER)[0]
    if not server["has_schema"]:
        return server["version"], False, {}
    columns: dict[str, list[tuple[str, str]]] = {}
    for row in asked(_COLUMNS):
        columns.setdefault(row["name"], []).append((row["column_name"], row["type"]))
    there = asked(_RELATIONS)
    texts = [(r["of"], r["name"], r["definition"]) for r in asked(_TEXTS)]
    grants: dict[str, list[tuple[str, str]]] = {}
    for row in asked(_GRANTS):
        who = row["grantee"].removesuffix("@''").removesuffix("@'%'")
        place = name(schema, row["name"], dialect="mysql")
        grants.setdefault(row["name"], []).append((f"GRANT SELECT ON {place} TO {who}", ""))
    standing_on = mentions(texts, schema, [row["name"] for row in there])
    found = {
        row["name"]: Standing(
            row["name"],
            row["kind"],
            row["rendering"],
            tuple(columns.get(row["name"], ())),
            tuple(grants.get(row["name"], ())),
            dependents=standing_on[row["name"]],
        )
        for row in there
    }
    return server["version"], True, found


def _key(schema: str) -> str:
    return literal(f"kpilayer {schema}"[:64], "mysql")


def _lock(connection: Connection, schema: str) -> str | None:
    (row,) = rows(connection, f"SELECT GET_LOCK({_key(schema)}, 0) AS got")
    if row["got"] == 1:
        return None
    (row,) = rows(connection, f"SELECT IS_USED_LOCK({_key(schema)}) AS by_whom")
    return f"connection {row['by_whom']}"


def _unlock(connection: Connection, schema: str) -> None:
    rows(connection, f"SELECT RELEASE_LOCK({_key(schema)}) AS done")


MYSQL: Final = Engine(
    dialect="mysql",
    look=_look,
    lock=_lock,
    unlock=_unlock,
    busy="[Ll]ock wait timeout",
    replaces="any",
    keeps_dependents=False,
    keeps_types=False,
    current="SELECT DATABASE() AS name",
    has_schemas=True,
    has_comments=False,
    has_grants=True,
    has_roles=False,
    user="SUBSTRING_INDEX(USER(), '@', 1)",
    text="varchar(255)",
    long_text="longtext",
    time="datetime",
    now="UTC_TIMESTAMP()",
)
