"""What metrics are made of: inputs, and what every kind of metric has."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from kpilayer.model.names import Conditions, Config, Definition, GrainName, Name, Reference, Sql
from kpilayer.model.periods import Length

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
PercentileType = Literal["continuous", "discrete", "approx_continuous", "approx_discrete"]
Status = Literal["draft", "proposed", "certified", "deprecated", "retired"]


def fail(code: str, message: str, key: str) -> None:
    """Refuses a value at one of its keys.

    Raises:
        PydanticCustomError: always.
    """
    raise PydanticCustomError(code, message, {"key": key})


def _name_as_input(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _one_as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


#: What a group-by takes, one or a list.
GroupBys = Annotated[tuple[str, ...], BeforeValidator(_one_as_list)]


class InputMetric(Definition):
    """A metric that another one is computed from."""

    name: Reference
    """The metric."""
    alias: Name | None = None
    """Its name in the expression; needed when the same metric stands there twice."""
    filter: Conditions = ()
    """Conditions on its rows, in addition to its own."""
    offset_window: Length | None = None
    """Its value so much earlier: `1 month`."""
    offset_to_grain: GrainName | None = None
    """Its value at the start of the period that holds the time."""
    group_by: GroupBys | None = None
    """Which of the query's group-bys it keeps; it repeats on the others. All by default."""

    @property
    def known_as(self) -> str:
        """Its name in the expression."""
        return self.alias or self.name

    @model_validator(mode="after")
    def _one_offset(self) -> InputMetric:
        if self.offset_window and self.offset_to_grain:
            fail(
                "bad-value", "an input has `offset_window` or `{key}`, not both", "offset_to_grain"
            )
        return self


Input = Annotated[InputMetric, BeforeValidator(_name_as_input)]


class NonAdditiveDimension(Definition):
    """The time over which a metric does not add up, such as a balance."""

    name: Reference
    """The time dimension."""
    window_agg: Literal["min", "max"] = "min"
    """Which date of a period counts: the first (min) or the last (max)."""
    group_by: Annotated[tuple[Reference, ...], BeforeValidator(_one_as_list)] = ()
    """Entities that have a first or last date each."""


class Former(Definition):
    """An older version of a metric, compilable as `name@version`."""

    version: Annotated[int, Field(ge=1)]
    """Its number."""
    until: date | None = None
    """The last day for which it was the definition."""
    reason: str | None = None
    """Why it was replaced."""
    restate: bool = True
    """Whether the newer version holds for all dates; false stitches the two at `until`."""
    model: Reference | None = None
    """What it had, where that was different: its semantic model."""
    agg: Aggregation | None = None
    """Its aggregation."""
    expr: Sql | None = None
    """Its value or formula."""
    sql: Sql | None = None
    """Its aggregate expression."""
    filter: Conditions | None = None
    """Its conditions."""


class Certificate(Definition):
    """Who vouches for a definition, by its fingerprint; void once that changes."""

    by: str
    """The role or team."""
    date: date
    """The day."""
    fingerprint: str
    """What was certified: `f1:` and 16 hex digits."""


class Reconciliation(Definition):
    """Another metric that must give the same number."""

    metric: Reference
    """The other metric."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """The largest difference, as a share of the other metric."""


class Contracts(Definition):
    """What must hold for the numbers of a metric, checked against data."""

    never_negative: bool = False
    """No value below 0."""
    monotone: Literal["increasing", "decreasing"] | bool = False
    """Never falls (true, increasing) or never rises along the time axis."""
    between: Annotated[tuple[float, float] | None, Field()] = None
    """The lowest and highest value."""
    sums_to: dict[Literal["dimension"], str] | None = None
    """A dimension whose parts add up to the total."""
    reconciles_with: Reconciliation | None = None
    """Another metric that gives the same."""

    @model_validator(mode="after")
    def _can_hold(self) -> Contracts:
        if self.between is not None and not self.between[0] <= self.between[1]:
            fail(
                "bad-value", "`{key}` is the lowest and the highest value, in this order", "between"
            )
        if self.sums_to is not None and not self.sums_to:
            fail("missing-field", "`{key}` names a `dimension`", "sums_to")
        return self


class Mask(Definition):
    """Who sees the values of a metric in views."""

    unless: Annotated[tuple[str, ...], BeforeValidator(_one_as_list)]
    """Groups, or roles of the database, that see them; `public`: everybody."""
    round_to: Annotated[int, Field(ge=1)] | None = None
    """Others see values rounded to a multiple of this; nothing by default."""


class TestedQuery(Definition):
    """What a metric test asks of the metric that holds it."""

    metrics: Annotated[tuple[Reference, ...], BeforeValidator(_one_as_list)] = ()
    """Further metrics."""
    group_by: GroupBys = ()
    """Dimensions, entities and time to group by."""
    where: Conditions = ()
    """Conditions on rows."""
    start: str | None = None
    """The first day, widened to its whole period."""
    end: str | None = None
    """The last day, included, widened likewise."""
    exact: bool = False
    """Whether `start` and `end` stay as they are."""
    order_by: Annotated[tuple[str, ...], BeforeValidator(_one_as_list)] = ()
    """Columns to sort by, `-` in front for descending; rows are then compared in order."""
    limit: Annotated[int, Field(ge=0)] | None = None
    """At most this many rows."""


class MetricTest(Definition):
    """Given rows, a question, and the rows that must come out."""

    name: str
    """What is tested, as a sentence."""
    description: str | None = None
    """Why it matters."""
    given: dict[str, tuple[dict[str, Any], ...]] = Field(default_factory=dict)
    """Rows by semantic model, SQL model or source (`raw.orders`); a model not given is empty."""
    query: TestedQuery = TestedQuery()
    """Group-bys, filters and dates; the metric is the one that holds the test."""
    expect: tuple[dict[str, Any], ...]
    """The rows of the answer, in any order; only columns that are named here are compared."""


class MetricBase(Definition):
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
    previous: tuple[Former, ...] = ()
    """Older versions, newest first."""
    status: Status = "draft"
    """Where it stands between draft and retired."""
    certified: Certificate | None = None
    """Who vouches for it."""
    renamed_from: Reference | None = None
    """The name that it had before; reviews then see one metric."""
    sunset: date | None = None
    """Of a deprecated metric: the last day on which it is there."""
    replaced_by: Reference | None = None
    """Of a deprecated metric: the one to use instead."""
    synonyms: tuple[str, ...] = ()
    """Other names that people search for."""
    hidden: bool = False
    """Whether lists leave it out."""
    time_granularity: GrainName | None = None
    """The grain of `metric_time` when a query names none."""
    overlapping: bool = False
    """Whether totals, `top` and shares may be asked for where its groups overlap."""
    mask: Mask | None = None
    """Who sees its values in views; those of metrics that are computed from it likewise."""
    contracts: Contracts | None = None
    """What must hold for its numbers."""
    metric_tests: tuple[MetricTest, ...] = ()
    """Examples with rows given and expected."""
    config: Config = Config()
    """Grouping and metadata."""
