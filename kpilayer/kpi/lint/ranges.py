"""Rules about ranges that are other ones at times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from kpilayer.kpi.lint.ground import Advice, Ground
from kpilayer.model.kpi import RangeOverride


def kpi_overlapping_overrides(ground: Ground) -> Iterator[Advice]:
    """Two overrides of a range for the same days.

    Checks:
        Months, weekdays and dates of each two overrides of a KPI.
    Why:
        Which of the two holds is decided by the order of lines.
    Instead:
        Say each time once.
    """
    for kpi in ground.current:
        for (_, one), (index, other) in combinations(enumerate(kpi.health.overrides), 2):
            if _meet(one, other):
                told = f"two overrides hold at the same time: {one.reason}; {other.reason}"
                yield ground.of(kpi, told, "error", "health", "overrides", index)


def _meet(one: RangeOverride, other: RangeOverride) -> bool:
    """Whether some day may be in both: what one does not say is every day."""
    for key in ("months", "weekdays"):
        mine, theirs = set(getattr(one, key)), set(getattr(other, key))
        if mine and theirs and not mine & theirs:
            return False
    starts = [o.from_ for o in (one, other) if o.from_ is not None]
    ends = [o.to for o in (one, other) if o.to is not None]
    return not (starts and ends and max(starts) > min(ends))
