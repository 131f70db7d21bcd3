"""Views of a live database, as it has their text; those that kpilayer published are no drift."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.drift.texts import Text
from kpilayer.errors import ConfigError, Issue
from kpilayer.publish.engines import ENGINES
from kpilayer.publish.world import OBJECTS
from kpilayer.warehouse.connection import Connection

_STANDARD: Final = (
    "SELECT table_name AS name, view_definition AS body FROM information_schema.views "
    "WHERE table_schema = {schema}"
)
_ASKED: Final = {
    "postgres": (  # where the standard has no text for those who do not own the view
        "SELECT viewname AS name, definition AS body FROM pg_views WHERE schemaname = {schema} "
        "UNION ALL "
        "SELECT matviewname, definition FROM pg_matviews WHERE schemaname = {schema}"
    ),
    "sqlite": "SELECT name, sql AS body FROM sqlite_master WHERE type = 'view'",
    "clickhouse": (
        "SELECT name, as_select AS body FROM system.tables "
        "WHERE database = {schema} AND engine IN ('View', 'MaterializedView')"
    ),
}


def views(connection: Connection, schema: str) -> list[Text]:
    """The views of a schema by name, without those that kpilayer published there.

    Raises:
        ConfigError: there is no such schema.
        WarehouseError: the database does not tell.
    """
    ours = _published(connection, schema)
    asked = _shown if connection.dialect == "spark" else _asked
    found = asked(connection, schema)
    return [
        Text(f"{schema}.{name}", body, shown="", dialect=connection.dialect)
        for name, body in sorted(found.items())
        if body and name not in ours
    ]


def _asked(connection: Connection, schema: str) -> dict[str, str]:
    literal = exp.Literal.string(schema).sql(connection.dialect)
    sql = _ASKED.get(connection.dialect, _STANDARD).format(schema=literal)
    names, bodies = (column.to_pylist() for column in connection.run(sql).columns[:2])
    if not names and connection.dialect != "sqlite":
        known = f"SELECT 1 FROM information_schema.schemata WHERE schema_name = {literal}"
        if not len(connection.run(known)):
            raise ConfigError(Issue("bad-value", f"there is no schema `{schema}`"))
    return dict(zip(names, bodies, strict=True))


def _shown(connection: Connection, schema: str) -> dict[str, str]:
    """Spark tells the text of a view only one by one."""
    place = _named(connection, schema)
    listed = connection.run(f"SHOW VIEWS IN {place}").to_pylist()
    names = [row["viewName"] for row in listed if not row["isTemporary"]]
    return {name: _text_in_spark(connection, _named(connection, schema, name)) for name in names}


def _text_in_spark(connection: Connection, view: str) -> str:
    told = connection.run(f"DESCRIBE TABLE EXTENDED {view}").to_pylist()
    return next((row["data_type"] for row in told if row["col_name"] == "View Text"), "")


def _published(connection: Connection, schema: str) -> frozenset[str]:
    """Names of relations that kpilayer wrote down in the schema."""
    engine = ENGINES.get(connection.dialect)
    if engine is None or connection.describe_relation(engine.place(schema, OBJECTS)) is None:
        return frozenset()
    told = connection.run(f"SELECT name FROM {engine.named(schema, OBJECTS)}")
    return frozenset(engine.place(schema, str(name))[-1] for name in told[0].to_pylist())


def _named(connection: Connection, *parts: str) -> str:
    return ".".join(exp.to_identifier(p, quoted=True).sql(connection.dialect) for p in parts)
