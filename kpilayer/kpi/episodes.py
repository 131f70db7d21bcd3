"""Episodes: what an alert is about, from when a KPI gets worse until it changes again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from kpilayer.kpi.ranges import LEVELS, Level
from kpilayer.kpi.verdict import Verdict

Change = Literal["open", "escalation", "easing", "recovery"]
#: How one ends: `restated` where revised values say that it never was.
End = Change | Literal["restated"]


@dataclass(frozen=True, slots=True)
class Episode:
    """A time for which a KPI is at one level, warning or breach."""

    level: Level
    """The level."""
    opened: date
    """The period that began it."""
    closed: date | None
    """The period that ended it: the first at another level; None while it lasts."""
    began: Change
    """`open` after healthy periods, `escalation` from a warning, `easing` from a breach."""
    ended: End | None = None
    """None while it lasts."""
    periods: int = 1
    """Judged periods at this level."""


def episodes(verdicts: Iterable[Verdict]) -> tuple[Episode, ...]:
    """One episode for each change to warning or breach, the earliest first.

    Only levels count: a period without data neither opens an episode nor ends one. Verdicts are
    of one KPI and slice, the earliest first.
    """
    closed: list[Episode] = []
    current: Episode | None = None
    for verdict in verdicts:
        if not verdict.is_judged:
            continue
        level = next(known for known in LEVELS if known == verdict.status)
        if current is not None and current.level == level:
            current = replace(current, periods=current.periods + 1)
            continue
        change = _change(current.level if current is not None else "healthy", level)
        if current is not None:
            closed.append(replace(current, closed=verdict.period_start, ended=change))
        current = None
        if level != "healthy":
            current = Episode(level, verdict.period_start, None, change)
    return tuple(closed) if current is None else (*closed, current)


def _change(before: Level, now: Level) -> Change:
    if now == "healthy":
        return "recovery"
    if before == "healthy":
        return "open"
    return "escalation" if LEVELS.index(now) > LEVELS.index(before) else "easing"
