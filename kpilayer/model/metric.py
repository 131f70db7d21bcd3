"""A metric: a named business number."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from kpilayer.expr import column_text
from kpilayer.grain import Grain
from kpilayer.model.names import Conditions, Config, Definition, Name, Reference, Sql

Aggregation = Literal[
    "sum",
    "min",
    "max",
    "average",
    "count",
    "count_distinct",
    "sum_boolean",
    "median",
    "percentile",
    "approx_count_distinct",
    "stddev",
    "variance",
    "any_value",
]
Status = Literal["draft", "proposed", "certified", "deprecated", "retired"]


def _name_as_input(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class InputMetric(Definition):
    """A metric that another one is computed from."""

    name: Reference
    """The metric."""
    alias: Name | None = None
    """Its name in the expression; needed when the same metric stands there twice."""
    filter: Conditions = ()
    """Conditions on its rows, in addition to its own."""

    @property
    def known_as(self) -> str:
        """Its name in the expression."""
        return self.alias or self.name


Input = Annotated[InputMetric, BeforeValidator(_name_as_input)]


class _Metric(Definition):
    """What all kinds have."""

    name: Name
    """The name that queries and other metrics use; a column's name in results."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What the number means, for a business reader."""
    filter: Conditions = ()
    """Conditions on rows: SQL over `{{ Dimension('entity__name') }}`."""
    unit: str | None = None
    """What one stands for: USD, hours, accounts."""
    format: str | None = None
    """How to show it: currency, percent, integer, ..."""
    version: Annotated[int, Field(ge=1)] = 1
    """Raised when the meaning changes."""
    status: Status = "draft"
    """Where it stands between draft and retired."""
    synonyms: tuple[str, ...] = ()
    """Other names that people search for."""
    hidden: bool = False
    """Whether lists leave it out."""
    time_granularity: Grain | None = None
    """The grain of `metric_time` when a query names none."""
    config: Config = Config()
    """Grouping and metadata."""


class SimpleMetric(_Metric):
    """An aggregation over rows of one semantic model, or a variant of such a metric."""

    type: Literal["simple"] = "simple"
    model: Reference | None = None
    """The semantic model that it aggregates."""
    agg: Aggregation | None = None
    """How rows become one number."""
    expr: Sql | None = None
    """The value of a row; the metric's name by default, `1` for a count."""
    percentile: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Between 0 and 1, for `agg: percentile`."""
    percentile_type: Literal["continuous", "discrete"] | None = None
    """continuous interpolates, discrete picks a value; continuous by default."""
    agg_time_dimension: Reference | None = None
    """The time dimension that is its `metric_time`; the model's by default."""
    input_metric: Input | None = None
    """Instead of model, agg and expr: the metric that this one narrows by `filter`."""

    @model_validator(mode="before")
    @classmethod
    def _lower_case_agg(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("agg"), str):
            return {**data, "agg": data["agg"].lower()}
        return data

    @model_validator(mode="after")
    def _whole(self) -> SimpleMetric:
        if self.input_metric is not None:
            restated = [
                key
                for key in ("model", "agg", "expr", "percentile", "percentile_type")
                if getattr(self, key) is not None
            ]
            if restated:
                _fail("bad-value", "a variant (`input_metric`) cannot restate `{key}`", restated[0])
            return self
        for key in ("model", "agg"):
            if getattr(self, key) is None:
                _fail("missing-field", "a simple metric needs `{key}`", key)
        if (self.agg == "percentile") != (self.percentile is not None):
            if self.agg == "percentile":
                _fail("missing-field", "`agg: percentile` needs `{key}`", "percentile")
            _fail("bad-value", "`{key}` belongs to `agg: percentile`", "percentile")
        if self.percentile_type is not None and self.agg != "percentile":
            _fail("bad-value", "`{key}` belongs to `agg: percentile`", "percentile_type")
        return self

    @property
    def value(self) -> str:
        """The value of a row as SQL."""
        return self.expr or ("1" if self.agg == "count" else column_text(self.name))

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """The metric that a variant narrows, if it is one."""
        return () if self.input_metric is None else (self.input_metric,)


class RatioMetric(_Metric):
    """One metric divided by another; NULL where the denominator is 0."""

    type: Literal["ratio"]
    numerator: Input
    """What is divided."""
    denominator: Input
    """What it is divided by."""

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """Numerator and denominator."""
        return (self.numerator, self.denominator)


class DerivedMetric(_Metric):
    """An expression over other metrics."""

    type: Literal["derived"]
    expr: Sql
    """SQL over the inputs' names or aliases; `/` is true division and x / 0 is NULL."""
    input_metrics: tuple[Input, ...] = Field(min_length=1)
    """The metrics that it is computed from."""

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """The metrics that it is computed from."""
        return self.input_metrics


Metric = SimpleMetric | RatioMetric | DerivedMetric


def _fail(code: str, message: str, key: str) -> None:
    raise PydanticCustomError(code, message, {"key": key})
