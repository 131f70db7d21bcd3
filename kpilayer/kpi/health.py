"""What health is judged by: the rule, what was observed, and the time at which is judged.

Times are naive, in the project's time zone, as those of ``kpilayer.grain``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from kpilayer.kpi.confirmation import Confirm
from kpilayer.kpi.periods import Cadence
from kpilayer.kpi.ranges import Override, Range, Relative

NoData = Literal["bad", "ignore", "ok"]


@dataclass(frozen=True, slots=True)
class Clock:
    """The time at which is judged."""

    now: datetime
    watermark: datetime | None = None
    """Up to when all sources have events, for periods whose observation does not say, or that have
    none.
    """

    def __post_init__(self) -> None:
        _in_local_time("the clock", self.now)
        if self.watermark is not None:
            _in_local_time("the watermark", self.watermark)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a query said of one period."""

    period_start: date
    """Its first day."""
    value: float | None
    """In the KPI's unit; None, NaN and infinity are no value."""
    numerator: float | None = None
    denominator: float | None = None
    """What ``min_denominator`` is compared with."""
    watermark: datetime | None = None
    """Up to when all sources have events; None where nobody knows."""
    revision: int = 1
    """From 1; a restated value is a higher one, and the highest is judged."""
    source_error: bool = False
    """Whether a source was older than its `error_after`."""

    def __post_init__(self) -> None:
        if self.revision < 1:
            raise ValueError(f"revisions count from 1, not {self.revision}")
        if self.watermark is not None:
            _in_local_time("the watermark", self.watermark)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Days that are not judged, the last included: every period that has one of them."""

    start: date
    end: date
    reason: str = ""

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"the exclusion ends on {self.end}, before it starts")


@dataclass(frozen=True, slots=True)
class Attainment:
    """How many periods are to be healthy: a share (0.9 is 90%) of the last ``window`` periods."""

    objective: float
    window: int

    def __post_init__(self) -> None:
        if not 0 <= self.objective <= 1:
            raise ValueError(f"the objective is a share from 0 to 1, not {self.objective}")
        if self.window < 1:
            raise ValueError(f"a window has 1 period or more, not {self.window}")


@dataclass(frozen=True, slots=True)
class Health:
    """When a KPI is healthy, and when that can be told."""

    cadence: Cadence
    range: Range | None = None
    """Bounds of the value."""
    relative: Relative | None = None
    """Bounds of what it differs from an expected one. The worse of both counts."""
    overrides: tuple[Override, ...] = ()
    """Other ranges for some periods; the first that holds counts."""
    exclusions: tuple[Exclusion, ...] = ()
    """Periods that are not judged."""
    confirm: Confirm = field(default_factory=Confirm)
    """How often a value must be outside."""
    attainment: Attainment | None = None
    """The share of healthy periods that is aimed at."""
    min_denominator: float | None = None
    """Below it, a value says nothing (`low_volume`)."""
    no_data: NoData = "ignore"
    """How a period without data counts for attainment: as not healthy (`bad`), as not covered
    (`ignore`), or as none that was to be judged (`ok`).
    """
    early: bool = False
    """The value can only grow within a period, so it is judged as soon as it is above a bound, and
    before the period ends.
    """
    grace: timedelta = timedelta()
    """How long data may take after a period's end."""

    def __post_init__(self) -> None:
        if self.range is None and self.relative is None:
            raise ValueError(
                "health needs a range or a relative range: nothing says what is healthy"
            )
        if self.grace < timedelta():
            raise ValueError("`grace` is a length of time from 0 up")


def _in_local_time(what: str, moment: datetime) -> None:
    if moment.tzinfo is not None:
        message = f"{what} has a time zone: give local time of the project, without one"
        raise ValueError(message)
