"""KPIs: contracts on metrics. Who owns a number, where it is healthy, and what happens if not.

A metric says how to compute a number; a KPI says who acts on it. Its range has no date; a target
and a key result have one, and never change the status.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from kpilayer.model.kpi_parts import Fraction, Span, Times
from kpilayer.model.metric_parts import fail
from kpilayer.model.names import Conditions, Config, Definition, Name, Reference

Direction = Literal["higher", "lower", "range"]
Cadence = Literal["daily", "weekly", "monthly", "quarterly", "yearly"]
KpiStatus = Literal["draft", "proposed", "certified", "deprecated", "retired"]
Perspective = Literal["financial", "customer", "internal_process", "learning_growth"]
Months = Annotated[int, Field(ge=1, le=12)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
#: Statuses of KPIs that are evaluated.
LIVE: Final = ("proposed", "certified")


def _one_as_list(value: Any) -> Any:
    return (value,) if isinstance(value, (str, int)) else value


_Words = Annotated[tuple[str, ...], BeforeValidator(_one_as_list)]


class Bounds(Definition):
    """The ends of a range, both inside it; one may be left open."""

    min: float | None = None
    """The smallest value inside."""
    max: float | None = None
    """The largest value inside."""

    @property
    def in_words(self) -> str:
        """The range as people write it.

        >>> Bounds(min=0.75, max=0.85).in_words, Bounds(max=5).in_words
        ('0.75 to 0.85', '<= 5')
        """
        if self.min is not None and self.max is not None:
            return f"{self.min:g} to {self.max:g}"
        return f">= {self.min:g}" if self.min is not None else f"<= {self.max:g}"


class Relative(Definition):
    """A range of the change against something else, in place of fixed bounds or beside them."""

    to: Literal["previous", "year_ago", "trailing", "seasonal", "target_path"] | None = None
    """What a value is compared with: the period before, the one a year ago, the median of those \
before, the same seasons before, or the way to the target."""
    measure: Literal["pct", "abs", "mad"] | None = None
    """The change as a fraction, as a difference, or in median absolute deviations."""
    history: Annotated[int, Field(ge=2)] | None = None
    """How many periods before are looked at, for `trailing` and `seasonal`."""
    healthy: Bounds | None = None
    """The changes that are healthy."""
    critical: Bounds | None = None
    """The changes beyond which it is a breach."""
    enforce: Literal["status", "warning_only"] = "status"
    """Whether it may say breach, or warn at most."""


class RangeOverride(Definition):
    """Another range for some months, days or dates, with the reason."""

    months: Annotated[tuple[Months, ...], BeforeValidator(_one_as_list)] = ()
    """Months of the year, 1 to 12."""
    weekdays: tuple[Weekday, ...] = ()
    """Days of the week."""
    from_: Annotated[date | None, Field(alias="from")] = None
    """The first day."""
    to: date | None = None
    """The last day."""
    healthy: Bounds | None = None
    """The healthy range."""
    critical: Bounds | None = None
    """The range outside of which it is a breach."""
    relative: Relative | None = None
    """The ranges of the change."""
    reason: str = Field(min_length=1)
    """Why it is another one."""


class SegmentBounds(Definition):
    """The range of one value of a dimension."""

    healthy: Bounds | None = None
    """The healthy range."""
    critical: Bounds | None = None
    """The range outside of which it is a breach."""


class Segments(Definition):
    """Health by the values of a dimension."""

    dimension: Reference
    """The group-by, such as `customer__region`."""
    overrides: dict[str, SegmentBounds] = Field(default_factory=dict)
    """Other ranges, by value."""


class Confirm(Definition):
    """How often a status has to be seen before it counts; recovery is immediate."""

    warning: Times = (2, 3)
    """A warning; by default `2 of 3` periods."""
    breach: Times = (1, 1)
    """A breach; by default `1`."""


class AttainmentRule(Definition):
    """The share of periods that has to be healthy."""

    objective: Annotated[float, Field(gt=0, le=1)]
    """The share, a fraction."""
    window: Annotated[int, Field(ge=2)]
    """Of so many last periods."""


class Exclusion(Definition):
    """Periods that are not judged."""

    from_: Annotated[date, Field(alias="from")]
    """The first day."""
    to: date
    """The last day."""
    reason: str = Field(min_length=1)
    """Why not."""


class Health(Definition):
    """Where a number is healthy. Inside `healthy` it is; outside `critical` it is in breach."""

    healthy: Bounds | None = None
    """The healthy range."""
    critical: Bounds | None = None
    """The range outside of which it is a breach; between both is a warning."""
    relative: Relative | None = None
    """The range of the change against another period."""
    overrides: tuple[RangeOverride, ...] = ()
    """Other ranges for some months, weekdays or dates."""
    by: Segments | None = None
    """Health by the values of a dimension, too."""
    confirm: Confirm = Confirm()
    """How often a status has to be seen."""
    attainment: AttainmentRule | None = None
    """How often it has to be healthy."""
    min_denominator: Annotated[float, Field(gt=0)] | None = None
    """The smallest denominator of a ratio that says something."""
    no_data: Literal["ignore", "bad", "ok"] = "ignore"
    """What a period without a value counts as, for attainment."""
    exclusions: tuple[Exclusion, ...] = ()
    """Periods that are not judged."""
    early: bool = False
    """Whether a period that runs is in breach as soon as `max` is passed: for what only grows."""

    @property
    def in_words(self) -> str:
        """The healthy range in a few words."""
        if self.healthy is not None:
            return self.healthy.in_words
        if self.relative is not None and self.relative.healthy is not None:
            against = (self.relative.to or "previous").replace("_", " ")
            return f"{self.relative.healthy.in_words} against {against}"
        return ""


class Baseline(Definition):
    """Where a target starts."""

    value: float
    """The value then."""
    date: date
    """When."""


class KpiTarget(Definition):
    """A value to be reached at a date; shown beside the status, and no part of it."""

    name: Name
    """Its name."""
    value: float
    """The value."""
    by: date
    """When it is to be reached."""
    baseline: Baseline | None = None
    """Where it starts."""
    kind: Literal["plan", "forecast", "stretch"] = "plan"
    """What kind of target it is."""


class Action(Definition):
    """What somebody does, and within which time."""

    action: str = Field(min_length=1)
    """What is done."""
    within: Span | None = None
    """Within which time of the verdict: `5d`."""
    escalate_to: str | None = None
    """Who hears of it, too."""
    playbook: str | None = None
    """Where it is written how."""
    opens_okr: bool = False
    """Whether an objective is opened for it."""


class Consequence(Definition):
    """What happens where the number is not healthy."""

    warning: Action | None = None
    """At a warning."""
    breach: Action | None = None
    """At a breach."""


class Drivers(Definition):
    """What the number is made of: an identity that has to hold."""

    op: Literal["sum", "difference", "product", "ratio", "formula", "rollforward"] = "formula"
    """How the drivers make the number."""
    terms: dict[Reference, float] = Field(default_factory=dict)
    """Metrics with their signs or factors, for `sum`, `difference` and `rollforward`."""
    factors: Annotated[tuple[Reference, ...], BeforeValidator(_one_as_list)] = ()
    """Metrics that are multiplied, for `product`."""
    numerator: Reference | None = None
    """The metric above, for `ratio`."""
    denominator: Reference | None = None
    """The metric below, for `ratio`."""
    expr: str | None = None
    """Arithmetic over metrics, for `formula`."""
    mix_by: Reference | None = None
    """The dimension whose mix of values makes a part of the change."""
    tolerance: Fraction = 0.005
    """How far the identity may be off: `0.5%`."""

    @model_validator(mode="after")
    def _whole(self) -> Drivers:
        wanted = {
            "sum": ("terms",), "difference": ("terms",), "rollforward": ("terms",),
            "product": ("factors",), "ratio": ("numerator", "denominator"), "formula": ("expr",),
        }[self.op]  # fmt: skip
        for key in wanted:
            if not getattr(self, key):
                fail("missing-field", f"drivers of `op: {self.op}` need `{{key}}`", key)
        return self


class Influence(Definition):
    """What moves the number without being a part of it; evidence, and no arithmetic."""

    kpi: Reference | None = None
    """A KPI."""
    metric: Reference | None = None
    """Or a metric."""
    lag: Span | None = None
    """How much later it shows."""
    sign: Literal["+", "-"] = "+"
    """Whether more of it means more or less of the number."""


class Guardrail(Definition):
    """What must not break while the number is improved."""

    kpi: Reference | None = None
    """A KPI, which has a range of its own."""
    metric: Reference | None = None
    """Or a metric, with `healthy`."""
    healthy: Bounds | None = None
    """The range of the metric."""


class Age(Definition):
    """How old data may be, as dbt writes it."""

    count: Annotated[int, Field(ge=1)]
    """How many."""
    period: Literal["minute", "hour", "day"]
    """Of what."""


class Freshness(Definition):
    """How old the newest row may be."""

    warn_after: Age | None = None
    """From when on it is told."""
    error_after: Age | None = None
    """From when on nothing is judged."""


class Review(Definition):
    """When the contract is looked at again."""

    every: Literal["month", "quarter", "half_year", "year"] | None = None
    """How often."""
    by: date | None = None
    """The next time."""


class KpiMask(Definition):
    """What readers in some groups see in place of the number."""

    roles: _Words
    """Groups."""
    show: Literal["status_only", "band", "none"] = "status_only"
    """The status, the range that it lies in, or nothing."""


class KpiAccess(Definition):
    """Who sees a KPI and who changes it, by groups."""

    viewers: _Words = ()
    """Groups that see it; `all` for everybody."""
    editors: _Words = ()
    """Groups that change it."""
    mask: KpiMask | None = None
    """Who sees less."""


class Benchmark(Definition):
    """What others reach; information, and never evaluated."""

    healthy: Bounds | None = None
    """Their range."""
    note: str | None = None
    """What is to be said of it."""
    source: str | None = None
    """Where it is from."""
    as_of: date | None = None
    """From when it is."""


class LintIgnore(Definition):
    """A rule that does not apply, with the reason."""

    rule: str
    """The code of the rule."""
    reason: str = Field(min_length=1)
    """Why it does not apply."""
    until: date | None = None
    """The last day on which it does not."""


class KpiNote(Definition):
    """What somebody says of a KPI; it shows that they know how it stands."""

    date: date
    """The day."""
    by: str = Field(min_length=1)
    """Who says it: a role or a mail address."""
    text: str = Field(min_length=1)
    """What is done, or why nothing is."""


class KpiOwner(Definition):
    """Who answers for a KPI."""

    group: str | None = None
    """The team; a group of the project."""
    person: str | None = None
    """Who is accountable now: a role or a mail address."""
    steward: str | None = None
    """Who answers for the data."""


class Kpi(Definition):
    """A contract on a metric: owner, healthy range, cadence and consequence."""

    name: Name
    """Its name."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What is included and what is not."""
    metric: Reference
    """The metric that it is a contract on."""
    where: Conditions = ()
    """Conditions that leave a part of the metric."""
    kind: Literal["north_star", "supporting", "operational"]
    """What it is in the hierarchy."""
    scope: str | None = None
    """The product or business whose north star it is, where there are several."""
    function: str = Field(min_length=1)
    """The function of the company: `finance`, `product`."""
    perspective: Perspective | None = None
    """The perspective of a balanced scorecard."""
    owner: KpiOwner
    """Who answers for it."""
    rationale: str | None = None
    """Which decision it serves."""
    status: KpiStatus = "draft"
    """Where it is in its life; proposed and certified ones are evaluated."""
    sunset: date | None = None
    """The last day of a deprecated one."""
    replaced_by: Reference | None = None
    """The KPI to use instead."""
    direction: Direction
    """Whether more is better, less, or staying within a range."""
    cadence: Cadence
    """How often it is judged."""
    grace: Span | None = None
    """How long after its end a period may still be without all of its data: `3d`."""
    health: Health
    """Where it is healthy."""
    targets: tuple[KpiTarget, ...] = ()
    """Values to be reached, with dates."""
    consequence: Consequence = Consequence()
    """What happens where it is not healthy."""
    supports: Reference | None = None
    """The KPI above it in the hierarchy."""
    drivers: Drivers | None = None
    """What it is made of."""
    nodes: dict[Reference, Drivers] = Field(default_factory=dict)
    """What its drivers are made of, where those are metrics and no KPIs."""
    influences: tuple[Influence, ...] = ()
    """What moves it without being a part of it."""
    guardrails: tuple[Guardrail, ...] = ()
    """What must not break while it is improved."""
    guardrail_exempt: str | None = None
    """Why it needs no guardrail."""
    benchmark: Benchmark | None = None
    """What others reach."""
    freshness: Freshness | None = None
    """How old its data may be."""
    review: Review = Review()
    """When the contract is looked at again."""
    access: KpiAccess = KpiAccess()
    """Who sees and changes it."""
    notes: tuple[KpiNote, ...] = ()
    """Remarks with their days, the latest last."""
    synonyms: _Words = ()
    """Other names that people use."""
    tags: _Words = ()
    """Words to select by."""
    lint_ignore: tuple[LintIgnore, ...] = ()
    """Rules that do not apply."""
    config: Config = Config()
    """Grouping and metadata."""

    @property
    def is_live(self) -> bool:
        """Whether it is evaluated."""
        return self.status in LIVE


class KeyResult(Definition):
    """A value to be reached within the time of an objective."""

    kpi: Reference | None = None
    """A KPI."""
    metric: Reference | None = None
    """Or a metric."""
    baseline: float
    """The value at the start."""
    target: float
    """The value at the end."""
    direction: Literal["higher", "lower"] | None = None
    """Which way is better; that of the target by default."""
    ambition: Literal["committed", "stretch"] = "committed"
    """Whether all of it is expected, or 0.7."""
    expected: Annotated[float, Field(gt=0, le=1)] | None = None
    """The share that is expected."""
    measure: Literal["total", "period"] | None = None
    """The `total` since the objective starts, or the value of the last `period`. By default a sum \
or count is a total, and anything else is of a period."""
    cadence: Cadence | None = None
    """The length of that period: by default the cadence of the KPI, and a month for a metric."""


class Trigger(Definition):
    """What an objective was opened for."""

    kpi: Reference
    """The KPI."""
    status: Literal["warning", "breach"] = "breach"
    """Its status."""
    date: date
    """When."""


class Okr(Definition):
    """An objective with key results; beside health, and no part of it."""

    name: Name
    """Its name."""
    objective: str = Field(min_length=1)
    """What is to be reached, in a sentence."""
    owner: KpiOwner
    """Who answers for it."""
    starts: date
    """The first day."""
    ends: date
    """The last day."""
    triggered_by: Trigger | None = None
    """The verdict that it answers."""
    key_results: tuple[KeyResult, ...]
    """What shows that it is reached."""
    config: Config = Config()
    """Grouping and metadata."""


class KpiDefaults(Definition):
    """Values for KPIs that do not say them, from the widest to the narrowest."""

    every: dict[str, Any] = Field(default_factory=dict)
    """Of every KPI."""
    kinds: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Of KPIs by `kind`."""
    functions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Of KPIs by `function`."""
