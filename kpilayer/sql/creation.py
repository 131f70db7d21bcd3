"""Statements that make a table or view of a query, in place of an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlglot import exp

from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError
from kpilayer.relation import Relation
from kpilayer.sql.dialects import capabilities
from kpilayer.sql.names import check_length, exactly

Made = Literal["table", "view"]


def relation_text(parts: Sequence[str], dialect: str) -> str:
    """The name of a relation as SQL: `analytics.revenue_by_month`.

    Raises:
        QueryError: `identifier-too-long`.
    """
    for part in parts:
        check_length(part, capabilities(dialect))
    return ".".join(exp.Identifier.sql(exactly(part), dialect=dialect) for part in parts)


def replaced(parts: Sequence[str], catalog: Catalog, schema: str) -> Relation | None:
    """The table that definitions read and that making this relation would replace, if any."""
    return next((read for read in _read(catalog) if _is_same(read, parts, schema)), None)


def _read(catalog: Catalog) -> list[Relation]:
    """Every table that a definition reads."""
    spines = catalog.definitions.time_spines
    found = [*map(catalog.relation, catalog.models), *map(catalog.spine_relation, spines)]
    return [*found, *(r for query in catalog.queries for r in catalog.query_reads(query).values())]


def _is_same(relation: Relation, parts: Sequence[str], schema: str) -> bool:
    """Whether a table is called so, as far as both say where they are."""
    if relation.kind != "table":
        return False
    own = relation.parts if len(relation.parts) > 1 or not schema else (schema, *relation.parts)
    pairs = zip(reversed(own), reversed(parts), strict=False)
    return all(one.lower() == other.lower() for one, other in pairs)


def creation(
    kind: Made,
    parts: Sequence[str],
    query: str,
    dialect: str,
    *,
    keeps_columns: bool,
    has_schema: bool,
) -> tuple[str, ...]:
    """What makes the relation, each text in a transaction of its own.

    ``has_schema``: the schema is there. ``keeps_columns``: an earlier view has the first columns of
    the new one, so that PostgreSQL can replace it while other views stand on it. PostgreSQL has no
    `CREATE OR REPLACE TABLE`: the old table goes and the new one comes in one transaction. MySQL
    has no transactions for it: the new table is whole before the old one goes. A ClickHouse table
    has no order of its own.

    Raises:
        QueryError: `unsupported-in-dialect`, where no test has made one.
    """
    if dialect not in ("clickhouse", "duckdb", "mysql", "postgres"):
        message = f"making a {kind} of a query has not been tried on {dialect}"
        hint = "`kpilayer compile` prints the query, for a statement of your own"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))
    name, body = relation_text(parts, dialect), query.rstrip("\n")
    word = "DATABASE" if dialect == "clickhouse" else "SCHEMA"
    schema = f"CREATE {word} IF NOT EXISTS {relation_text(parts[:-1], dialect)}"
    first = () if has_schema else (schema,)
    if dialect == "mysql" and kind == "table":
        new = relation_text((*parts[:-1], f"{parts[-1]}__new"), dialect)
        making = f"DROP TABLE IF EXISTS {new};\nCREATE TABLE {new} AS\n{body}"
        return (*first, making, f"DROP TABLE IF EXISTS {name};\nRENAME TABLE {new} TO {name}")
    if dialect == "clickhouse" and kind == "table":
        name += " ENGINE = MergeTree ORDER BY tuple()"
    if dialect != "postgres" or (kind == "view" and keeps_columns):
        return (*first, f"CREATE OR REPLACE {kind.upper()} {name} AS\n{body}")
    new = f"CREATE {kind.upper()} {name} AS\n{body}"
    return (*first, f"DROP {kind.upper()} IF EXISTS {name};\n{new}")
