"""How often a KPI was healthy: the share of judged periods, and what is left of the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kpilayer.kpi.health import Attainment
from kpilayer.kpi.verdict import ACCEPTED, COUNTS_AS_BAD, Verdict

#: Coverage from which a share says something (governance.md section 5).
_RELIABLE: Final = 0.8


@dataclass(frozen=True, slots=True)
class AttainmentResult:
    """How many of the last periods were healthy."""

    healthy: int
    """Periods whose status is healthy, and no others."""
    judged: int
    """Periods with a level, and those without data that count as bad."""
    share: float | None
    """Healthy of judged, 0.9 is 90%; None where none is judged."""
    objective: float
    """The share that was aimed at."""
    budget_left: float
    """Periods that may still not be healthy; negative where there were too many."""
    coverage: float | None
    """Judged of those that were to be: the window without excluded and accepted periods; None where
    that is none.
    """
    reliable: bool
    """Whether that is 80% or more. A KPI younger than its window is not covered."""


def attainment_of(verdicts: Sequence[Verdict], rule: Attainment) -> AttainmentResult:
    """The share of healthy periods in a window of the last ones, pending ones left aside.

    budget left = (1 - objective) x window - periods that were not healthy.

    Verdicts are of one KPI and slice, the earliest first, as ``evaluate_health`` gives them.
    """
    window = [verdict for verdict in verdicts if verdict.status != "pending"][-rule.window :]
    healthy = sum(verdict.status == "healthy" for verdict in window)
    judged = sum(verdict.is_judged or COUNTS_AS_BAD in verdict.reasons for verdict in window)
    left_out = sum(v.status == "excluded" or ACCEPTED in v.reasons for v in window)
    expected = rule.window - left_out
    coverage = judged / expected if expected else None
    return AttainmentResult(
        healthy=healthy,
        judged=judged,
        share=healthy / judged if judged else None,
        objective=rule.objective,
        budget_left=(1 - rule.objective) * rule.window - (judged - healthy),
        coverage=coverage,
        reliable=coverage is not None and coverage >= _RELIABLE,
    )
