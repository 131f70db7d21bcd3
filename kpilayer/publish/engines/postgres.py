"""Views in PostgreSQL: comments, rights, dependents; all of it in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kpilayer.errors import WarehouseError
from kpilayer.publish.engines.engine import Engine, not_locked
from kpilayer.publish.world import Standing, literal, name, rows
from kpilayer.warehouse.connection import Connection

_SERVER: Final = """
SELECT current_setting('server_version_num')::int / 10000 AS major,
    EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = {schema}) AS has_schema"""
# Names in texts of views depend on the search path: with none but the catalog's, all are whole.
_RELATIONS: Final = """
WITH pinned AS MATERIALIZED (SELECT set_config('search_path', 'pg_catalog', true) AS path)
SELECT c.relname::text AS name,
    CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind,
    CASE WHEN c.relkind = 'v'
        THEN coalesce(array_to_string(c.reloptions, ','), '') || pg_get_viewdef(c.oid) ELSE ''
    END AS rendering
FROM pinned, pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relkind IN ('v', 'm', 'r', 'p', 'f')"""
_PATH: Final = "SELECT current_setting('search_path') AS path"
_BACK: Final = "SELECT set_config('search_path', {path}, true) AS path"
_COLUMNS: Final = """
SELECT c.relname::text AS name, a.attname::text AS column_name,
    CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod)
        ELSE format_type(a.atttypid, a.atttypmod) END AS type
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relkind IN ('v', 'm', 'r', 'p', 'f')
    AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum"""
# The owner's own rights come with each new relation.
_GRANTS: Final = """
SELECT c.relname::text AS name, '' AS column_name, g.privilege_type::text AS privilege,
    g.is_grantable AS may_pass,
    CASE WHEN g.grantee = 0 THEN '' ELSE pg_get_userbyid(g.grantee)::text END AS grantee
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS g
WHERE n.nspname = {schema} AND c.relkind IN ('v', 'r') AND g.grantee <> c.relowner
UNION ALL
SELECT c.relname::text, a.attname::text, g.privilege_type::text, g.is_grantable,
    CASE WHEN g.grantee = 0 THEN '' ELSE pg_get_userbyid(g.grantee)::text END
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace, aclexplode(a.attacl) AS g
WHERE n.nspname = {schema} AND c.relkind IN ('v', 'r') AND g.grantee <> c.relowner
ORDER BY 1, 2, 5, 3"""
_DEPENDENTS: Final = """
SELECT DISTINCT r.relname::text AS name, v.relname::text AS dependent, n.nspname::text AS of
FROM pg_depend AS d
JOIN pg_class AS r ON r.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
JOIN pg_rewrite AS w ON w.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class AS v ON v.oid = w.ev_class JOIN pg_namespace AS n ON n.oid = v.relnamespace
WHERE r.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema}) AND v.oid <> r.oid
UNION
SELECT r.relname::text, pg_describe_object(d.classid, d.objid, 0), ''
FROM pg_depend AS d JOIN pg_class AS r ON r.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
WHERE r.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})
    AND d.classid = 'pg_proc'::regclass
ORDER BY 1, 3, 2"""


_BUSY: Final = "another publication is under way"
_PATIENCE: Final = 30  # seconds for readers of a view to end, before it is given up


def _look(connection: Connection, schema: str) -> tuple[str, bool, Mapping[str, Standing]]:
    def asked(sql: str) -> list[dict[str, Any]]:
        return rows(connection, sql.format(schema=literal(schema, "postgres")))

    server = asked(_SERVER)[0]
    if not server["has_schema"]:
        return str(server["major"]), False, {}
    columns = _grouped((r["name"], (r["column_name"], r["type"])) for r in asked(_COLUMNS))
    grants = _grouped((r["name"], (_grant(schema, r), r["column_name"])) for r in asked(_GRANTS))
    dependents = _grouped(
        (r["name"], f"{r['of']}.{r['dependent']}" if r["of"] else r["dependent"])
        for r in asked(_DEPENDENTS)
    )
    path = rows(connection, _PATH)[0]["path"]
    there = asked(_RELATIONS)
    rows(connection, _BACK.format(path=literal(path, "postgres")))
    found = {
        r["name"]: Standing(
            r["name"],
            r["kind"],
            r["rendering"],
            columns.get(r["name"], ()),
            grants.get(r["name"], ()),
            dependents.get(r["name"], ()),
        )
        for r in there
    }
    return str(server["major"]), True, found


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in found.items()}


def _grant(schema: str, row: Mapping[str, Any]) -> str:
    to = name(row["grantee"], dialect="postgres") if row["grantee"] else "PUBLIC"
    of = f" ({name(row['column_name'], dialect='postgres')})" if row["column_name"] else ""
    passed = " WITH GRANT OPTION" if row["may_pass"] else ""
    on = name(schema, row["name"], dialect="postgres")
    return f"GRANT {row['privilege']}{of} ON {on} TO {to}{passed}"


def _lock(connection: Connection, schema: str) -> str | None:
    key = f"hashtextextended({literal(f'kpilayer publishes {schema}', 'postgres')}, 0)"
    try:  # a query of a user's connection is rolled back, and a lock with it: a statement is not
        connection.execute(
            f"DO $kpilayer$ BEGIN IF NOT pg_try_advisory_xact_lock({key}) THEN\n"
            f"RAISE EXCEPTION '{_BUSY}'; END IF; END $kpilayer$"
        )
    except WarehouseError as error:
        if _BUSY not in str(error):
            raise
        return _BUSY
    connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}s'")
    return None


POSTGRES: Final = Engine(
    dialect="postgres",
    look=_look,
    lock=_lock,
    unlock=not_locked,  # the end of the transaction does
    busy="lock timeout",
    replaces="appended",
    keeps_dependents=True,
    keeps_types=True,
    current="SELECT current_schema() AS name",
    has_schemas=True,
    has_comments=True,
    has_grants=True,
    has_roles=True,
    user="CURRENT_USER",
    text="text",
    long_text="text",
    time="timestamp",
    now="CAST(now() AT TIME ZONE 'UTC' AS timestamp(0))",
)
