"""How a KPI stands: its last closed period, how often it was healthy, and what is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from kpilayer.errors import Issue
from kpilayer.kpi.attainment import AttainmentResult, attainment_of
from kpilayer.kpi.health import Clock, Observation
from kpilayer.kpi.observing import Observed
from kpilayer.kpi.periods import Periods
from kpilayer.kpi.rule import rule_of
from kpilayer.kpi.verdict import Status, Verdict, evaluate_health
from kpilayer.model.kpi import Action, Kpi
from kpilayer.model.kpi_parts import span_of

#: Statuses from what needs somebody now to what needs nobody.
ORDER: Final[tuple[Status, ...]] = (
    "breach", "warning", "stale", "no_data", "pending", "warming_up", "excluded", "healthy",
)  # fmt: skip
#: Statuses of data that are not there.
MISSING: Final = frozenset({"stale", "no_data"})


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody does about a status, and by when."""

    action: str
    by: date | None
    owner: str
    escalate_to: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A KPI with its verdicts, the earliest first; none where it could not be asked (``issue``)."""

    kpi: Kpi
    verdicts: tuple[Verdict, ...] = ()
    attainment: AttainmentResult | None = None
    due: Due | None = None
    guardrails: tuple[str, ...] = ()
    """Guardrails that are not healthy, by name."""
    issue: Issue | None = None
    segment: str = ""
    """The value of the dimension by which it is judged, too; "" for all of it."""
    revised: tuple[int, int] = (0, 0)
    """Recorded periods whose values were revised, of how many."""

    @property
    def name(self) -> str:
        """The KPI, with its segment."""
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in self.segment)
        return f"{self.kpi.name} [{shown}]" if self.segment else self.kpi.name

    @property
    def current(self) -> Verdict | None:
        """The verdict of the last period that has ended, or of one that is judged early."""
        ended = [v for v in self.verdicts if "running" not in v.reasons]
        return ended[-1] if ended else None

    @property
    def healthy_in_words(self) -> str:
        """The range that held for the current verdict, which is another one after an edit."""
        current = self.current
        if current is None or current.range is None:
            return self.kpi.health.in_words
        return current.range.healthy.in_words

    @property
    def status(self) -> Status:
        """The status now; without any verdict, no data."""
        current = self.current
        return "no_data" if current is None else current.status


def standing(
    kpi: Kpi,
    seen: Observed,
    now: datetime,
    periods: Periods,
    segment: str = "",
    recorded: Mapping[date, Verdict] | None = None,
) -> Standing:
    """How a KPI, or a segment of it, stands at a time; what was ``recorded`` of periods stands."""
    if seen.issue is not None:
        return Standing(kpi, issue=seen.issue)
    try:
        rule = rule_of(kpi, segment or None)
    except ValueError as reason:
        return Standing(kpi, issue=Issue("bad-range", str(reason)))
    observations = _with_age(kpi, seen, now, periods)
    clock = Clock(now, seen.watermark)
    verdicts = evaluate_health(rule, observations, clock, periods, recorded=recorded)
    reached = None if rule.attainment is None else attainment_of(verdicts, rule.attainment)
    found = Standing(kpi, verdicts, reached, segment=segment)
    current = found.current
    return (
        found
        if current is None
        else replace(found, due=_due(kpi, current, _began(verdicts, current), periods))
    )


def _with_age(kpi: Kpi, seen: Observed, now: datetime, periods: Periods) -> tuple[Observation, ...]:
    """The observations, the last closed one marked where its sources are older than they may be."""
    limit = kpi.freshness.error_after if kpi.freshness is not None else None
    if limit is None or seen.watermark is None:
        return seen.observations
    if now - seen.watermark <= timedelta(**{f"{limit.period}s": limit.count}):
        return seen.observations
    closed = [
        o.period_start for o in seen.observations if periods.end(o.period_start) <= now.date()
    ]
    last = max(closed, default=None)
    return tuple(
        replace(o, source_error=True) if o.period_start == last else o for o in seen.observations
    )


def guarded(standings: Sequence[Standing]) -> tuple[Standing, ...]:
    """The same, each with those of its guardrails that are not healthy."""
    status: Mapping[str, Status] = {s.kpi.name: s.status for s in standings if not s.segment}

    def broken(kpi: Kpi) -> tuple[str, ...]:
        names = (rail.kpi for rail in kpi.guardrails if rail.kpi is not None)
        return tuple(name for name in names if status.get(name) in ("warning", "breach"))

    return tuple(replace(s, guardrails=() if s.segment else broken(s.kpi)) for s in standings)


def _began(verdicts: Sequence[Verdict], current: Verdict) -> date:
    """The period in which it came to its level."""
    judged = (v.period_start for v in verdicts if v.is_judged)
    return current.last_change or next(judged, current.period_start)


def _due(kpi: Kpi, current: Verdict, began: date, periods: Periods) -> Due | None:
    """The action of a status, due within its time of the end of the period that began it."""
    actions: Mapping[Status, Action | None] = {
        "warning": kpi.consequence.warning,
        "breach": kpi.consequence.breach,
    }
    action = actions.get(current.status)
    if action is None:
        return None
    end = periods.end(began)
    by = None if action.within is None else end + span_of(action.within)
    owner = kpi.owner.person or kpi.owner.group or ""
    return Due(action.action, by, owner, action.escalate_to)
