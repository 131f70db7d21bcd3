"""A time spine: the table of dates that fills gaps and knows custom periods."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from kpilayer.grain import Grain
from kpilayer.model.names import Definition, Name, Reference
from kpilayer.snippets import column_text


class CustomGranularity(Definition):
    """A column of the spine whose values are periods, such as fiscal quarters."""

    name: Name
    """The grain's name, as `metric_time__fiscal_quarter`."""
    column_name: str | None = None
    """The column; the name by default."""
    description: str | None = None
    """What one period is."""

    @property
    def column(self) -> str:
        """The column as SQL."""
        return column_text(self.column_name or self.name)


class SpineColumns(Definition):
    """Which columns of a spine say what."""

    standard_granularity_column: str
    """The column with one row per period of the standard grain."""
    custom_granularities: tuple[CustomGranularity, ...] = ()
    """Columns with custom periods."""


class TimeSpine(Definition):
    """A table with one row per period, without gaps."""

    name: Name
    """The name that `ref` uses."""
    description: str | None = None
    """What it covers."""
    relation: str | None = None
    """The table or view; else <target schema>.<name>."""
    path: str | None = None
    """A file, on engines that read files."""
    ref: Reference | None = None
    """The model whose rows these are, where it has another name."""
    granularity: Grain
    """The standard grain: one row per day, say."""
    time_spine: SpineColumns
    """Which columns say what."""
    columns: tuple[dict[str, Any], ...] = Field(default=(), exclude=True)
    """Columns as the model lists them; the standard one carries the grain."""

    @model_validator(mode="before")
    @classmethod
    def _grain_of_its_column(cls, data: Any) -> Any:
        """Dbt writes the grain beside the column, in `columns:`."""
        if not isinstance(data, dict) or "granularity" in data:
            return data
        spine, columns = data.get("time_spine"), data.get("columns")
        wanted = spine.get("standard_granularity_column") if isinstance(spine, dict) else None
        listed = [c for c in columns if isinstance(c, dict)] if isinstance(columns, list) else []
        for column in listed:
            if column.get("name") == wanted and column.get("granularity"):
                return {**data, "granularity": column["granularity"]}
        raise PydanticCustomError(
            "missing-field",
            "time spine `{name}` does not say how fine it is",
            {
                "name": str(data.get("name")),
                "key": "time_spine",
                "hint": f"give column `{wanted}` a `granularity`, for example `day`",
            },
        )
