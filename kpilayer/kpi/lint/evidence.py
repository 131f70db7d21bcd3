"""What rules know of the past of KPIs: values of periods that have ended, from the history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final

from kpilayer.identity import Identity
from kpilayer.kpi.health import Clock, Observation
from kpilayer.kpi.history.known import NOTHING, Known
from kpilayer.kpi.history.recording import subject_of
from kpilayer.kpi.periods import Periods
from kpilayer.kpi.ranges import Level
from kpilayer.kpi.rule import rule_of
from kpilayer.kpi.verdict import evaluate_health
from kpilayer.model.kpi import Kpi


@dataclass(frozen=True, slots=True)
class Past:
    """Periods that have ended, the earliest first, with their values; None where there is none."""

    starts: tuple[date, ...]
    values: tuple[float | None, ...]
    is_stale: bool = False
    """Whether sources were late when the last one was judged."""
    miss: float | None = None
    """By which part of its value the drivers missed it at most; None where nobody asked."""

    @property
    def known(self) -> tuple[float, ...]:
        """The values that there are."""
        return tuple(value for value in self.values if value is not None)

    @property
    def by_start(self) -> Mapping[date, float]:
        """The values that there are, by period."""
        pairs = zip(self.starts, self.values, strict=True)
        return {start: value for start, value in pairs if value is not None}


#: The past of KPIs by name; those without one are not in it.
Evidence = Mapping[str, Past]


def levels(kpi: Kpi, past: Past, today: date, periods: Periods) -> tuple[tuple[date, Level], ...]:
    """Where the values lay by the ranges of today, period by period; without those not judged."""
    try:
        rule = rule_of(kpi)
    except ValueError:
        return ()
    seen = [Observation(*pair) for pair in zip(past.starts, past.values, strict=True)]
    moment = datetime.combine(today, time.max)
    verdicts = evaluate_health(rule, seen, Clock(moment, moment), periods)
    return tuple((v.period_start, v.raw) for v in verdicts if v.raw is not None)


def evidence_of(
    kpis: Iterable[Kpi], identity: Identity, history: Mapping[tuple[str, str, str], Known]
) -> Evidence:
    """What the history has of the definitions of today."""
    found: dict[str, Past] = {}
    for kpi in kpis:
        try:
            subject = subject_of(kpi, "", identity)
        except ValueError:
            continue  # it has no range, and nothing was recorded of it
        known = history.get(subject.whose, NOTHING)
        of = subject.fingerprint
        seen = {start: one for (by, start), one in sorted(known.seen.items()) if by == of}
        if seen:
            values = tuple(one.value for one in seen.values())
            last = known.said[max(known.said)].verdict if known.said else None
            late = last is not None and last.status == "stale"
            found[kpi.name] = Past(tuple(seen), values, late)
    return found


def with_misses(evidence: Evidence, misses: Mapping[str, float]) -> Evidence:
    """The same, with what the drivers of KPIs miss."""
    told = {name: replace(evidence.get(name, _NOBODY), miss=miss) for name, miss in misses.items()}
    return {**evidence, **told}


_NOBODY: Final = Past((), ())
