"""The pace of a key result: how far it is, and where it will be at its due date.

A target has a date and shows a pace; it never changes a KPI's health (governance.md section 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from statistics import fmean
from typing import Final, Literal

from kpilayer.kpi.health import Clock
from kpilayer.kpi.ranges import is_at_least
from kpilayer.kpi.robust import TO_SIGMA, mad, theil_sen

PaceStatus = Literal[
    "on_track", "at_risk", "off_track", "not_started", "achieved", "missed", "no_data"
]

#: Progress that is aimed at: 70% of a stretch goal is success.
NEEDS: Final = {"committed": 1.0, "stretch": 0.7}
#: Below this share of what is needed, a result is off track.
_AT_RISK: Final = 0.7
#: Like periods that tell how a sum grows.
_LIKE: Final = 4


@dataclass(frozen=True, slots=True)
class Point:
    """A value on a day: an amount of that day where amounts add up, else the level on it."""

    day: date
    value: float


@dataclass(frozen=True, slots=True)
class LikePeriod:
    """An earlier period with its amounts: the same quarter's length, for how sums grow."""

    starts: date
    ends: date
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class KeyResult:
    """From a baseline to a target, between two days, both included.

    Raises:
        ValueError: Target and baseline are equal, or the days in the wrong order.
    """

    baseline: float
    target: float
    starts: date
    ends: date
    adds_up: bool = False
    """Whether the value is the sum of amounts since ``starts``, not a level or ratio."""
    ambition: Literal["committed", "stretch"] = "committed"
    expected: float | None = None
    """The progress that is needed, 0.7 is 70%; by default that of the ambition."""

    def __post_init__(self) -> None:
        if self.baseline == self.target:
            raise ValueError(f"target and baseline are both {self.target}: there is no way to go")
        if self.ends < self.starts:
            raise ValueError(f"the key result ends on {self.ends}, before it starts")

    @property
    def need(self) -> float:
        """The progress that is needed."""
        return NEEDS[self.ambition] if self.expected is None else self.expected

    def progress(self, value: float) -> float:
        """The share of the way from baseline to target; below 0 and above 1 beyond them."""
        return (value - self.baseline) / (self.target - self.baseline)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a key result comes along."""

    status: PaceStatus
    need: float
    value: float | None = None
    """The sum so far, or the last level."""
    progress: float | None = None
    """Share of the way, as it is."""
    score: float | None = None
    """Progress within 0 and 1; that which is projected, of a sum that is to stay low."""
    expected_share: float | None = None
    """Of sums: the share of the total that like periods had by now."""
    is_linear: bool = False
    """That share is of days, as no like period is known."""
    projected: float | None = None
    """The value at the due date."""
    low: float | None = None
    """Of levels: 1.4826 MAD of what is left of the line below ``projected``."""
    high: float | None = None
    """As much above it."""
    projected_progress: float | None = None
    """Share of the way at the due date."""


def okr_pace(
    result: KeyResult,
    points: Iterable[Point],
    clock: Clock,
    like: Sequence[LikePeriod] = (),
) -> Pace:
    """Where a key result is, and where it leads.

    Sums are projected by the mean share that the last 4 like periods had by now; levels by the
    Theil-Sen line through the baseline and what was observed since. On track: the projected
    progress is what is needed; at risk: 70% of that or more. When the time is over, or a sum has
    grown to the target, it is achieved or missed (governance.md section 5).

    Points outside of the time of the key result do not count; its last day ends with the midnight
    after it. `like` are earlier periods of a sum, in any order; without any, the share of days is
    taken (`is_linear`).
    """
    if clock.now < _midnight(result.starts):
        return Pace("not_started", result.need)
    until = min(clock.now.date(), result.ends)
    seen = sorted((p for p in points if result.starts <= p.day <= until), key=lambda p: p.day)
    if not seen:
        return Pace("no_data", result.need)
    pace = _sum(result, seen, clock, like) if result.adds_up else _level(result, seen)
    return replace(pace, status=_status(result, pace, clock))


def _sum(
    result: KeyResult, seen: Sequence[Point], clock: Clock, like: Sequence[LikePeriod]
) -> Pace:
    elapsed = _elapsed(result, clock)
    shares = [
        share
        for period in sorted(like, key=lambda period: period.starts)[-_LIKE:]
        if (share := _share(period, elapsed)) is not None
    ]
    share = fmean(shares) if shares else elapsed
    value = sum(point.value for point in seen)
    projected = value / share if share else None
    stays_low = result.target < result.baseline  # at first it is below any target
    scored = projected if stays_low else value
    return Pace(
        "no_data",
        result.need,
        value,
        result.progress(value),
        None if scored is None else _clipped(result.progress(scored)),
        expected_share=share,
        is_linear=not shares,
        projected=projected,
        projected_progress=None if projected is None else result.progress(projected),
    )


def _level(result: KeyResult, seen: Sequence[Point]) -> Pace:
    value = seen[-1].value
    places = [(0.0, result.baseline)]
    places += [(float((point.day - result.starts).days), point.value) for point in seen]
    slope, intercept = theil_sen(places) or (0.0, value)
    projected = intercept + slope * (result.ends - result.starts).days
    spread = TO_SIGMA * mad([y - intercept - slope * x for x, y in places])
    return Pace(
        "no_data",
        result.need,
        value,
        result.progress(value),
        _clipped(result.progress(value)),
        projected=projected,
        low=projected - spread,
        high=projected + spread,
        projected_progress=result.progress(projected),
    )


def _status(result: KeyResult, pace: Pace, clock: Clock) -> PaceStatus:
    assert pace.progress is not None, "what has points has progress"
    if clock.now >= _midnight(result.ends + timedelta(days=1)):
        return "achieved" if is_at_least(pace.progress, result.need) else "missed"
    grows_to_target = result.adds_up and result.target > result.baseline
    if grows_to_target and is_at_least(pace.progress, 1.0):
        return "achieved"
    if pace.projected_progress is None:
        return "no_data"
    if is_at_least(pace.projected_progress, result.need):
        return "on_track"
    is_near = is_at_least(pace.projected_progress, _AT_RISK * result.need)
    return "at_risk" if is_near else "off_track"


def _elapsed(result: KeyResult, clock: Clock) -> float:
    """The share of the time that is over."""
    starts, ends = _midnight(result.starts), _midnight(result.ends + timedelta(days=1))
    return min(1.0, (clock.now - starts) / (ends - starts))


def _share(period: LikePeriod, elapsed: float) -> float | None:
    """The share of a period's total that it had after a share of its time; None without a total."""
    starts, ends = _midnight(period.starts), _midnight(period.ends + timedelta(days=1))
    now = starts + (ends - starts) * elapsed
    inside = [p for p in period.points if period.starts <= p.day <= period.ends]
    total = sum(point.value for point in inside)
    so_far = sum(point.value for point in inside if _midnight(point.day) < now)
    return so_far / total if total else None


def _clipped(progress: float) -> float:
    return min(1.0, max(0.0, progress))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
