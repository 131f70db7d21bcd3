"""The project file, `kpilayer.yml`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from kpilayer.model.names import Definition, Name


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
    timezone: Literal["UTC"] = "UTC"
    """The reporting time zone."""
    week_start: Literal["monday"] = "monday"
    """The first day of a week."""
    fanout: Literal["answer", "refuse"] = "answer"
    """Whether a metric may be grouped and filtered by what is on its many side."""
    dbt_project: str | None = None
    """The folder of a dbt project whose files these are too; by default, of one at this place."""
    dbt_manifest: str | None = None
    """dbt's manifest.json, which says where `ref` and `source` lead; relative to the project."""
    vars: dict[str, Any] = Field(default_factory=dict)
    """Values for `var()` in templates."""
