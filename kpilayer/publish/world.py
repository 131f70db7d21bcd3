"""What a database holds in the schema of views, and what kpilayer wrote down about it there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlglot import exp

from kpilayer.warehouse.connection import Connection

#: Tables that say what was published; views of the catalogue are over them.
OBJECTS: Final = "kpi_published"
METRICS: Final = "kpi_published_metrics"
COLUMNS: Final = "kpi_published_columns"
SOURCES: Final = "kpi_published_sources"
OWN_TABLES: Final = (OBJECTS, METRICS, COLUMNS, SOURCES)


@dataclass(frozen=True, slots=True)
class Standing:
    """A relation that is there. ``rendering`` is the database's own text of a view.

    ``grants`` are statements that give its rights again, each with the column that it is about, if
    it is about one; ``dependents`` are relations that stand on
    it, by their full names.
    """

    name: str
    kind: str
    rendering: str
    columns: tuple[tuple[str, str], ...]
    grants: tuple[tuple[str, str], ...] = ()
    dependents: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The text of a view, or the columns of a table, hashed."""
        return digest([self.kind, self.rendering if self.kind == "view" else self.columns])


@dataclass(frozen=True, slots=True)
class Record:
    """What was published under a name: the digest of its statements, and of what came of them."""

    name: str
    kind: str
    view: str
    fingerprint: str
    statements: str
    standing: str
    server: str
    grants: tuple[str, ...]
    published_at: str
    project: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """A schema: relations by name, and records by name. ``server`` is the engine's version."""

    server: str
    has_schema: bool
    relations: Mapping[str, Standing] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)
    catalogue: str = ""
    """The digest of the rows about metrics and columns that were written last."""


def digest(value: object) -> str:
    """A short hash of plain values."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def literal(value: object, dialect: str) -> str:
    """A text, number or nothing as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    text = exp.Literal.string(str(value)).sql(dialect=dialect)
    # A statement is one to the driver, whatever stands in its texts.
    return text.replace("\n", "\\n") if dialect == "mysql" else text


def name(*parts: str, dialect: str) -> str:
    """A name as SQL, always in quotes, so that no word is reserved."""
    return ".".join(exp.to_identifier(p, quoted=True).sql(dialect=dialect) for p in parts if p)


def rows(connection: Connection, sql: str) -> list[dict[str, Any]]:
    """The rows of a query about the database."""
    found: list[dict[str, Any]] = connection.run(sql).to_pylist()
    return found


def records(connection: Connection, table: str, project: str) -> tuple[dict[str, Record], str]:
    """What a project published, by name, and the digest of the catalogue's rows."""
    found = {}
    catalogue = ""
    for row in rows(connection, f"SELECT * FROM {table}"):
        if row["project"] != project:
            continue  # another project's, which is none of ours
        if row["kind"] == "catalogue":
            catalogue = row["statements"]
            continue
        found[row["name"]] = Record(
            row["name"],
            row["kind"],
            row["view_name"],
            row["fingerprint"],
            row["statements"],
            row["standing"],
            row["server"],
            tuple(json.loads(row["grants"] or "[]")),
            str(row["published_at"]),
            row["project"],
        )
    return found, catalogue
