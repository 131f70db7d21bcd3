"""Tables that something else loads, as dbt's `sources:` describe them.

Most of what dbt says of a source (freshness, loaders, tests) takes no part in metrics and has no
end; unlike in definitions of our own, keys that are not named here are passed over.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from kpilayer.model.names import Definition


def _nothing_as_empty(value: Any) -> Any:
    return {} if value is None else value


class SourceConfig(Definition):
    """The settings of a source or table that say whether it exists."""

    model_config = ConfigDict(extra="ignore")

    enabled: bool = True
    """Whether it exists at all."""


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

    def parts(self, table: SourceTable) -> tuple[str, ...]:
        """Database (where given), schema and name of a table in the warehouse."""
        schema, name = self.schema_name or self.name, table.identifier or table.name
        return (self.database, schema, name) if self.database else (schema, name)
