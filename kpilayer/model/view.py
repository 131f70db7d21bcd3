"""Views for tools that read a database: which metrics stand together, by what, and for whom."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from kpilayer.model.metric_parts import fail
from kpilayer.model.names import Conditions, Config, Definition, GrainName, Name, Reference
from kpilayer.model.periods import StandardLength

#: The grain of a view that has no column of time.
ALL_TIME: Final = "all"


def _one_as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _named(value: Any) -> Any:
    """A group-by by its name alone."""
    return {"name": value} if isinstance(value, str) else value


_Names = Annotated[tuple[Reference, ...], BeforeValidator(_one_as_list)]
_Words = Annotated[tuple[str, ...], BeforeValidator(_one_as_list)]


class ViewDimension(Definition):
    """A group-by that is a column of a view."""

    name: Reference
    """The group-by: `customer__region`."""
    as_name: Annotated[Name | None, Field(alias="as")] = None
    """The column; the last part of the group-by by default, where no other column has it."""


class Renamed(Definition):
    """A column that keeps its earlier name beside the new one for a while."""

    column: Reference
    """The column as it is called now."""
    was: Name
    """Its earlier name."""
    until: date
    """The last day on which the earlier name is there."""


class View(Definition):
    """Metrics by group-bys as a view, with what they are rolled up from."""

    name: Name
    """The name of the view."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What it shows."""
    metrics: _Names
    """The metrics."""
    grain: GrainName = "month"
    """The grain of `metric_time`; `all` for a view without time."""
    dimensions: tuple[Annotated[ViewDimension, BeforeValidator(_named)], ...] = ()
    """The group-bys, by name or as `{name: customer__region, as: region}`."""
    where: Conditions = ()
    """Conditions on rows, all of which must hold."""
    levels: tuple[_Names, ...] | None = None
    """Sets of group-bys with a view each; for metrics that cannot be rolled up, by default all \
group-bys, each alone and none."""
    rollup: bool = False
    """Whether a view holds all levels, one below the other."""
    all_time: bool = False
    """Whether each level is there without time as well."""
    expose_components: bool = True
    """Whether the columns that metrics are rolled up from are shown."""
    materialized: Literal["view", "table", "incremental"] = "view"
    """A view, or a table that `publish` fills: each time, or from the last periods on."""
    late: StandardLength | None = None
    """How late rows can come, for `materialized: incremental`: `3 days`."""
    grants: _Words = ()
    """Roles of the database, or groups, that may read it."""
    renamed: tuple[Renamed, ...] = ()
    """Columns that keep an earlier name for a while."""
    config: Config = Config()
    """Grouping and metadata."""

    @model_validator(mode="after")
    def _whole(self) -> View:
        if not self.metrics:
            fail("missing-field", "a view shows at least one metric: `{key}` is empty", "metrics")
        if self.late is not None and self.materialized != "incremental":
            fail("bad-value", "`{key}` belongs to `materialized: incremental`", "late")
        if self.materialized == "incremental" and self.grain == ALL_TIME:
            fail("bad-value", "a view without time cannot be built by period", "materialized")
        if self.all_time and self.grain == ALL_TIME:
            fail("bad-value", "every row of the view is of all time: leave out `{key}`", "all_time")
        return self


class RoleTable(Definition):
    """A table that says what each user of the database may see, for row access in views."""

    relation: str = Field(min_length=1)
    """The table: `security.user_regions`; one row for each user and value."""
    user: str = Field(min_length=1)
    """Its column with the name that the database knows the user by."""
    attributes: dict[Name, str] = Field(default_factory=dict)
    """Its column for each attribute that `row_access` names as `role.NAME`."""
    group: str | None = None
    """Its column with a group that the user is in, for masks; else PostgreSQL's roles tell."""


class Publishing(Definition):
    """How views are published."""

    schemas: dict[str, str] = Field(default_factory=dict)
    """The schema by target; `<schema of the target>_kpi` by default."""
    default_views: bool = True
    """Whether a metric that no view shows has a view of its own, by month."""
    grants: _Words = ()
    """Roles of the database, or groups, that may read everything that is published."""
    security: Literal["definer", "invoker"] = "definer"
    """Whose rights on tables count when a view is read, on PostgreSQL: who published it, or \
who reads it."""
    roles: RoleTable | None = None
    """The table that tells the role of who reads a view."""
