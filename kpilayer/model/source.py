"""Tables that something else loads, as dbt's `sources:` describe them.

Most of what dbt says of a source (freshness, loaders, tests) takes no part in metrics and has no
end; unlike in definitions of our own, keys that are not named here are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from kpilayer.model.names import Definition


def _nothing_as_empty(value: Any) -> Any:
    return {} if value is None else value


class External(Definition):
    """What dbt-duckdb reads of a source's metadata."""

    model_config = ConfigDict(extra="ignore")

    external_location: str | None = None
    """Files in the place of a table: a path, or a function that reads one."""


_External = Annotated[External, BeforeValidator(_nothing_as_empty)]


class SourceConfig(Definition):
    """The settings of a source or table that say whether it exists."""

    model_config = ConfigDict(extra="ignore")

    enabled: bool = True
    """Whether it exists at all."""
    meta: _External = External()
    """Where dbt-duckdb's files are."""


_Config = Annotated[SourceConfig, BeforeValidator(_nothing_as_empty)]


class SourceTable(Definition):
    """A table of a source."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(min_length=1)
    """The word that `source('..', name)` uses."""
    identifier: str | None = None
    """The table's name in the warehouse; the name by default."""
    config: _Config = SourceConfig()
    """Whether it exists."""
    meta: _External = External()
    """Where dbt-duckdb's files are."""


class Source(Definition):
    """A schema of tables that something else loads."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(min_length=1)
    """The word that `source(name, '..')` uses."""
    database: str | None = None
    """The database; the target's by default."""
    schema_name: Annotated[str | None, Field(alias="schema")] = None
    """The schema; the name by default."""
    tables: tuple[SourceTable, ...] = ()
    """Its tables."""
    config: _Config = SourceConfig()
    """Whether it exists."""
    meta: _External = External()
    """Where dbt-duckdb's files are, for all tables."""

    def files(self, table: SourceTable) -> str | None:
        """The files of a table that dbt-duckdb reads from files, with the table's names put in."""
        told = (table.config.meta, table.meta, self.config.meta, self.meta)
        location = next((m.external_location for m in told if m.external_location), None)
        if location is None:
            return None
        return with_names(
            location,
            {
                "name": table.name,
                "identifier": table.identifier or table.name,
                "schema": self.schema_name or self.name,
                "database": self.database or "",
                "source_name": self.name,
            },
        )

    def parts(self, table: SourceTable) -> tuple[str, ...]:
        """Database (where given), schema and name of a table in the warehouse."""
        schema, name = self.schema_name or self.name, table.identifier or table.name
        return (self.database, schema, name) if self.database else (schema, name)


def with_names(location: str, names: Mapping[str, str]) -> str:
    """A location with `{name}` and the like replaced; other braces stay.

    >>> with_names("raw/{name}/*.parquet", {"name": "orders"})
    'raw/orders/*.parquet'
    """
    return re.sub(r"\{(\w+)\}", lambda word: names.get(word[1], word[0]), location)
