"""The project file, `kpilayer.yml`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from kpilayer.grain import FISCAL, Month, Weekday
from kpilayer.model.alert import Alert
from kpilayer.model.kpi import KpiDefaults
from kpilayer.model.names import Definition, Name, Zone
from kpilayer.model.view import Publishing


class HistoryPlace(Definition):
    """Where verdicts on KPIs are kept."""

    schema_: Name | None = Field(None, alias="schema")
    """A schema of the target's database, DuckDB or PostgreSQL; by default, a file of its own, \
.kpilayer/history.duckdb."""


class ProjectConfig(Definition):
    """What kpilayer.yml says."""

    name: Name
    """The project's name; also that of its database under .kpilayer/ without a profile."""
    dialect: str = "duckdb"
    """The SQL dialect in which expressions are written; never the target's."""
    model_paths: tuple[str, ...] = Field(("models",), alias="model-paths")
    """Folders with semantic models and SQL models."""
    metric_paths: tuple[str, ...] = Field(("metrics",), alias="metric-paths")
    """Folders with metrics."""
    macro_paths: tuple[str, ...] = Field(("macros",), alias="macro-paths")
    """Folders with Jinja macros."""
    profile: str | None = None
    """A profile of profiles.yml; none: DuckDB at .kpilayer/<name>.duckdb."""
    timezone: Zone | None = None
    """The reporting time zone, in which instants are shown; by default, that of each dimension."""
    week_start: Weekday = "monday"
    """The first day of a `week`."""
    week_starts: dict[Name, Weekday] = Field(default_factory=dict)
    """Further weeks by name: `{sunday_week: sunday}`."""
    fiscal_year_start: Month = "january"
    """The month with which the fiscal year begins."""
    fiscal_year_named_by: Literal["end", "start"] = "end"
    """Whether a fiscal year has the number of the calendar year in which it ends, or starts."""
    fanout: Literal["answer", "refuse"] = "answer"
    """Whether a metric may be grouped and filtered by what is on its many side."""
    dbt_project: str | None = None
    """The folder of a dbt project whose files these are too; by default, of one at this place."""
    dbt_manifest: str | None = None
    """dbt's manifest.json, which says where `ref` and `source` lead; relative to the project."""
    kpi_defaults: KpiDefaults = KpiDefaults()
    """What KPIs do not say: of every one, by kind and by function."""
    history: HistoryPlace = HistoryPlace()
    """Where verdicts on KPIs are kept."""
    alerts: tuple[Alert, ...] = ()
    """Who is told where a KPI changes."""
    publish: Publishing = Publishing()
    """How views are published."""
    vars: dict[str, Any] = Field(default_factory=dict)
    """Values for `var()` in templates."""

    @model_validator(mode="after")
    def _weeks_have_names_of_their_own(self) -> ProjectConfig:
        for name in self.week_starts:
            if name in FISCAL:
                raise PydanticCustomError(
                    "bad-name",
                    "`{name}` is a grain of the fiscal calendar",
                    {"name": name, "key": "week_starts"},
                )
        return self
