"""Who uses metrics: saved queries, exposures, and the groups that own definitions; as in dbt."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from kpilayer.model.metric_parts import GroupBys
from kpilayer.model.names import Conditions, Config, Definition, Handle, Name, Reference


def _one_as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_Words = Annotated[tuple[str, ...], BeforeValidator(_one_as_list)]
_References = Annotated[tuple[Reference, ...], BeforeValidator(_one_as_list)]


class QueryParams(Definition):
    """The question of a saved query."""

    metrics: _References = ()
    """The metrics."""
    group_by: GroupBys = ()
    """Group-by names, or object strings such as `TimeDimension('metric_time', 'month')`."""
    where: Conditions = ()
    """Conditions, all of which must hold."""
    order_by: GroupBys = ()
    """Selected items; `-name` or `.descending(True)` for the largest first."""
    limit: Annotated[int, Field(ge=0)] | None = None
    """The largest number of rows."""


class ExportConfig(Definition):
    """Where an export goes."""

    export_as: Literal["table", "view", "cache"] = "view"
    """A table or a view."""
    schema_name: Annotated[str | None, Field(alias="schema")] = None
    """The schema; the target's by default."""
    database: str | None = None
    """The database; the target's by default."""
    alias: str | None = None
    """The name of the table; the export's by default."""


class Export(Definition):
    """A saved query as a table or view."""

    name: str = Field(min_length=1)
    """Its name."""
    config: ExportConfig = ExportConfig()
    """Where it goes."""


class SavedQuery(Definition):
    """A question with a name."""

    name: Name
    """Its name."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What it answers."""
    query_params: QueryParams
    """The question."""
    exports: tuple[Export, ...] = ()
    """Tables and views that are made of it."""
    tags: _Words = ()
    """Words to select by."""
    config: Config = Config()
    """Grouping and metadata."""


class Owner(Definition):
    """Who answers for something; any further contact is kept as it is."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    """A role or team."""
    email: _Words = ()
    """Where to write to."""


class Exposure(Definition):
    """A dashboard, notebook or application that shows metrics."""

    name: str = Field(min_length=1)
    """Its name."""
    type: Literal["dashboard", "notebook", "analysis", "ml", "application"]
    """What it is."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What it is for."""
    url: str | None = None
    """Where it is."""
    maturity: Literal["high", "medium", "low"] | None = None
    """How much depends on it."""
    owner: Owner = Owner()
    """Who answers for it."""
    depends_on: _Words = ()
    """What it shows: `metric('revenue')`, `ref('orders')`, `source('raw', 'orders')`."""
    tags: _Words = ()
    """Words to select by."""
    meta: dict[str, Any] = Field(default_factory=dict)
    """Anything else, by key."""
    config: Config = Config()
    """Grouping and metadata."""


class Group(Definition):
    """A team that owns definitions."""

    name: str = Field(min_length=1)
    """The word that `config: {group: ..}` uses."""
    description: str | None = None
    """What it is responsible for."""
    owner: Owner = Owner()
    """Whom to ask."""
    handle: Handle | None = None
    """The team on the code host, for CODEOWNERS: `@example/finance`."""
    approvers: _Words = ()
    """Names on the code host of those whose review approves a change of what the group owns."""
    roles: _Words = ()
    """Roles of the database that its people have, for `grants` of views."""
    config: Config = Config()
    """Grouping and metadata."""
