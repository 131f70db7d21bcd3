"""What keeps a period from being judged: it is not over, or its data are not there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal

from kpilayer.kpi.health import Clock, Exclusion, Health, Observation

Unjudged = Literal["pending", "stale", "no_data", "warming_up", "excluded"]


@dataclass(frozen=True, slots=True)
class Gate:
    """Why a period is not judged."""

    status: Unjudged
    reason: str
    note: str = ""


def gate(
    health: Health, seen: Observation | None, start: date, end: date, clock: Clock
) -> Gate | None:
    """What keeps a period, ``end`` not included, from being judged; None where nothing does.

    The first that matches (governance.md section 5): the period runs; it is excluded; sources end
    before it does; a source is too old; there is no value; too few cases. Without a watermark
    nothing proves that all data are there, so the period waits for the end of its grace.
    """
    closes = datetime.combine(end, time())
    in_grace = clock.now < closes + health.grace
    if clock.now < closes:
        return Gate("pending", "running")
    for exclusion in health.exclusions:
        if _excludes(exclusion, start, end):
            return Gate("excluded", "excluded", exclusion.reason)
    told = seen.watermark if seen is not None else None
    watermark = clock.watermark if told is None else told
    if watermark is not None and watermark < closes:
        return Gate("pending" if in_grace else "stale", "sources_behind")
    if seen is not None and seen.source_error:
        return Gate("stale", "source_error")
    if seen is None or number(seen.value) is None:
        reason = "no_observation" if seen is None else "no_value"
        return Gate("pending", "grace") if in_grace else Gate("no_data", reason)
    if in_grace and watermark is None:
        return Gate("pending", "grace")
    if is_low_volume(health, seen):
        known = number(seen.denominator) is not None
        return Gate("no_data", "low_volume" if known else "no_denominator")
    return None


def is_low_volume(health: Health, seen: Observation) -> bool:
    """Whether a value stands on too few cases, or on nobody knows how many."""
    if health.min_denominator is None:
        return False
    cases = number(seen.denominator)
    return cases is None or cases < health.min_denominator


def is_excluded(health: Health, start: date, end: date) -> bool:
    """Whether some day of a period is excluded."""
    return any(_excludes(exclusion, start, end) for exclusion in health.exclusions)


def number(value: float | None) -> float | None:
    """A value to judge: decimals as floats, and None where it is not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def _excludes(exclusion: Exclusion, start: date, end: date) -> bool:
    return exclusion.start < end and start <= exclusion.end
