"""A metric: a named business number. One class per kind; ``type`` tells them apart."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from kpilayer.model.metric_parts import (
    Aggregation,
    GroupBys,
    Input,
    InputMetric,
    MetricBase,
    NonAdditiveDimension,
    PercentileType,
    fail,
)
from kpilayer.model.names import Definition, GrainName, Reference, Sql
from kpilayer.model.periods import StandardLength
from kpilayer.snippets import column_text


def _lower_case_agg(data: Any) -> Any:
    if isinstance(data, dict) and isinstance(data.get("agg"), str):
        return {**data, "agg": data["agg"].lower()}
    return data


class SimpleMetric(MetricBase):
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
    percentile_type: PercentileType | None = None
    """continuous interpolates, discrete picks a value; continuous by default."""
    agg_time_dimension: Reference | None = None
    """The time dimension that is its `metric_time`; the model's by default."""
    non_additive_dimension: NonAdditiveDimension | None = None
    """The time over which it does not add up."""
    fill_nulls_with: int | None = None
    """What stands for no value, where another metric of the question has a row."""
    join_to_timespine: bool | Literal["dates", "grid"] = False
    """Whether every period has a row: true or dates, or grid for each dimension value as well."""
    as_of: Literal["period_end", "period_start", "every_day"] | None = None
    """Over a model with `active`: the rows that hold when."""
    input_metric: Input | None = None
    """Instead of model, agg and expr: the metric that this one narrows by `filter`."""

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, data: Any) -> Any:
        return _lower_case_agg(data)

    @model_validator(mode="after")
    def _whole(self) -> SimpleMetric:
        if self.input_metric is not None:
            restated = [
                key
                for key in ("model", "agg", "expr", "percentile", "percentile_type", "as_of")
                if getattr(self, key) is not None
            ]
            if restated:
                fail("bad-value", "a variant (`input_metric`) cannot restate `{key}`", restated[0])
            return self
        for key in ("model", "agg"):
            if getattr(self, key) is None:
                fail("missing-field", "a simple metric needs `{key}`", key)
        if (self.agg == "percentile") != (self.percentile is not None):
            if self.agg == "percentile":
                fail("missing-field", "`agg: percentile` needs `{key}`", "percentile")
            if self.agg != "median" or self.percentile != 0.5:
                fail("bad-value", "`{key}` belongs to `agg: percentile`", "percentile")
        if self.percentile_type is not None and self.agg not in ("percentile", "median"):
            fail("bad-value", "`{key}` belongs to `agg: percentile`", "percentile_type")
        if self.agg == "median" and self.percentile_type == "discrete":
            fail("bad-value", "a median is continuous: `{key}` cannot change it", "percentile_type")
        return self

    @property
    def value(self) -> str:
        """The value of a row as SQL."""
        return self.expr or ("1" if self.agg == "count" else column_text(self.name))

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """The metric that a variant narrows, if it is one."""
        return () if self.input_metric is None else (self.input_metric,)


class SqlMetric(MetricBase):
    """An aggregate expression over the rows of one semantic model, as `SUM(a) / COUNT(b)`."""

    type: Literal["sql"] = "sql"
    sql: Sql
    """Arithmetic, CASE and scalar functions over aggregates."""
    model: Reference
    """The semantic model whose rows are aggregated."""
    agg_time_dimension: Reference | None = None
    """The time dimension that is its `metric_time`; the model's by default."""

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """It reads rows, not metrics."""
        return ()


class RatioMetric(MetricBase):
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


class DerivedMetric(MetricBase):
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


class CumulativeMetric(MetricBase):
    """A metric over all time so far, over a window that ends now, or since a period began."""

    type: Literal["cumulative"]
    input_metric: Input
    """What is accumulated."""
    window: StandardLength | None = None
    """How far back: `28 days`. Without it and `grain_to_date`, all time."""
    grain_to_date: GrainName | None = None
    """The period whose start it begins at: `month` for month to date."""
    period_agg: Literal["first", "last", "average"] | None = None
    """Which day of a coarser period is shown; first by default."""
    rows: Literal["spine", "data"] = "spine"
    """spine: a row for every date; data: only for dates and groups with rows."""

    @model_validator(mode="after")
    def _one_window(self) -> CumulativeMetric:
        if self.window and self.grain_to_date:
            fail(
                "bad-value",
                "a cumulative metric has a `window` or `{key}`, not both",
                "grain_to_date",
            )
        return self

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """What is accumulated."""
        return (self.input_metric,)


class ConstantProperty(Definition):
    """A dimension that must be the same on both sides of a conversion."""

    base_property: str
    """The dimension or entity on the base side."""
    conversion_property: str
    """The one on the conversion side."""


class ConversionMetric(MetricBase):
    """How many base events of an entity were followed by a conversion event."""

    type: Literal["conversion"]
    entity: Reference
    """Who converts."""
    base_metric: Input
    """The events that may convert."""
    conversion_metric: Input
    """The events that are conversions."""
    calculation: Literal["conversion_rate", "conversions"] = "conversion_rate"
    """A share of the base events, or a count."""
    window: StandardLength | None = None
    """How long after the base event a conversion counts; any time by default."""
    constant_properties: tuple[ConstantProperty, ...] = ()
    """Dimensions that must be equal on both sides."""
    after: StandardLength | None = None
    """The least time between the two events."""
    base_event: Literal["latest", "first", "any"] = "latest"
    """Which base event a conversion belongs to."""
    window_end: Literal["exclusive", "inclusive"] = "exclusive"
    """Whether an event exactly at the end of the window counts."""

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """Base and conversion."""
        return (self.base_metric, self.conversion_metric)


class NestedMetric(MetricBase):
    """An aggregation over the values that another metric has per entity or period."""

    type: Literal["nested"]
    agg: Aggregation
    """How the inner values become one number."""
    input_metric: Input
    """The inner metric."""
    per: GroupBys = Field(min_length=1)
    """What an inner value is for: entities, dimensions, time grains."""
    percentile: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Between 0 and 1, for `agg: percentile`."""
    percentile_type: PercentileType | None = None
    """continuous interpolates, discrete picks a value; continuous by default."""

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, data: Any) -> Any:
        return _lower_case_agg(data)

    @model_validator(mode="after")
    def _whole(self) -> NestedMetric:
        if self.agg == "percentile" and self.percentile is None:
            fail("missing-field", "`agg: percentile` needs `{key}`", "percentile")
        if self.agg != "percentile" and (self.percentile is not None or self.percentile_type):
            fail("bad-value", "`{key}` belongs to `agg: percentile`", "percentile")
        return self

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """The inner metric."""
        return (self.input_metric,)


class ShareMetric(MetricBase):
    """A metric divided by itself over a larger group."""

    type: Literal["share"]
    input_metric: Input
    """What is divided."""
    within: GroupBys = ()
    """The group-bys that the divisor keeps; none by default: a share of the whole."""

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """What is divided."""
        return (self.input_metric,)


class FunnelMetric(MetricBase):
    """How many entities went through all steps in order; one number, for the last step."""

    type: Literal["funnel"]
    entity: Reference
    """Who goes through."""
    steps: Annotated[tuple[Input, ...], Field(min_length=2)]
    """Metrics whose rows are the events of each step, in order."""
    window: StandardLength | None = None
    """The longest time from the first step; any by default."""
    calculation: Literal["conversions", "rate_from_first", "rate_from_previous"] = "conversions"
    """A count, a share of the first step, or of the step before."""

    @property
    def inputs(self) -> tuple[InputMetric, ...]:
        """The metric of each step."""
        return self.steps


Metric = (
    SimpleMetric
    | SqlMetric
    | RatioMetric
    | DerivedMetric
    | CumulativeMetric
    | ConversionMetric
    | NestedMetric
    | ShareMetric
    | FunnelMetric
)

#: The class of each kind.
KINDS: dict[str, type[MetricBase]] = {
    "simple": SimpleMetric,
    "sql": SqlMetric,
    "ratio": RatioMetric,
    "derived": DerivedMetric,
    "cumulative": CumulativeMetric,
    "conversion": ConversionMetric,
    "nested": NestedMetric,
    "share": ShareMetric,
    "funnel": FunnelMetric,
}

__all__ = [
    "KINDS",
    "ConversionMetric",
    "CumulativeMetric",
    "DerivedMetric",
    "FunnelMetric",
    "InputMetric",
    "Metric",
    "NestedMetric",
    "RatioMetric",
    "ShareMetric",
    "SimpleMetric",
    "SqlMetric",
]
