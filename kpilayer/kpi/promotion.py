"""The gate from a metric to a KPI: who would act, doing what, within which window.

Without an answer it stays a metric of a dashboard: free to query, without a status or an alert.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

from kpilayer.library.text import flow, scalar
from kpilayer.model.kpi import Bounds, Cadence, Direction

#: The question, as it is asked.
QUESTION: Final = "If `{name}` drifted, who would act, doing what, within which window?"
#: What is said where nobody answers.
STAYS: Final = "`{name}` stays a metric of a dashboard: free to query, no status, no alert"
#: How many closed periods are looked at, and how many there have to be.
LOOKED_AT: Final = 24
LEAST: Final = 12
#: How a range is come to, for people.
HOW: Final = (
    "10th to 90th percentile of the last {count} closed periods with a value, {first} to {last}"
)
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Contract:
    """The answers: everything that a KPI of nine lines says."""

    name: str
    metric: str
    kind: str
    function: str
    group: str
    person: str
    direction: Direction
    cadence: Cadence
    healthy: Bounds
    action: str
    within: str

    @property
    def values(self) -> dict[str, str]:
        """The nine keys, each as YAML writes it on a line."""
        healthy = self.healthy.model_dump(exclude_none=True)
        breach = {"action": self.action, "within": self.within}
        return {
            "name": scalar(self.name),
            "metric": scalar(self.metric),
            "kind": self.kind,
            "function": scalar(self.function),
            "owner": flow({"group": self.group, "person": self.person}),
            "direction": self.direction,
            "cadence": self.cadence,
            "health": flow({"healthy": healthy}),
            "consequence": flow({"breach": breach}),
        }


def nine_lines(contract: Contract) -> str:
    """A KPI as YAML, with what it takes to be one and nothing else."""
    first, *rest = (f"{key}: {text}" for key, text in contract.values.items())
    return "\n".join(["kpis:", f"  - {first}", *(f"    {line}" for line in rest)]) + "\n"


def usual_range(values: Sequence[float], direction: Direction) -> Bounds | None:
    """Where a number usually was: from its 10th to its 90th percentile, as far as it matters.

    None with fewer than twelve values: a range that nobody has seen is not invented. Percentiles
    are interpolated between values, as `PERCENTILE_CONT` of SQL does, and have four digits.

    >>> usual_range([float(n) for n in range(1, 12)], "higher")
    >>> usual_range([float(n) for n in range(1, 22)], "range")
    Bounds(min=3.0, max=19.0)
    """
    if len(values) < LEAST:
        return None
    tenths = quantiles(values, n=10, method="inclusive")
    low, high = (_rounded(one) for one in (tenths[0], tenths[-1]))
    return Bounds(
        min=low if direction != "lower" else None, max=high if direction != "higher" else None
    )


def _rounded(value: float) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, _DIGITS - 1 - math.floor(math.log10(abs(value))))


def filled(text: str, lines: Mapping[str, int], contract: Contract) -> str | None:
    """The text of a draft with the answers in it; None where it has no line for each of them.

    ``lines`` are the 1-based lines of `owner`, `health`, and `consequence` where there is one.
    Everything else stays as it is.
    """
    written = text.split("\n")
    values = contract.values
    for key in ("owner", "health", "consequence"):
        at = lines.get(key)
        if at is None:
            continue
        found = re.fullmatch(rf"(\s+){key}:(?:\s*\{{.*\}})?\s*(?:#.*)?", written[at - 1])
        if found is None or _goes_on(written, at, len(found[1])):
            return None
        written[at - 1] = f"{found[1]}{key}: {values[key]}"
        if key == "health" and "consequence" not in lines:
            written[at - 1] += f"\n{found[1]}consequence: {values['consequence']}"
    return "\n".join(written)


def _goes_on(written: Sequence[str], at: int, indent: int) -> bool:
    """Whether the value of a key goes on in the line below it."""
    below = written[at] if at < len(written) else ""
    return bool(below.strip()) and len(below) - len(below.lstrip()) > indent
