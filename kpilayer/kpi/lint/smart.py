"""SMART and maturity of KPIs: the same rules, read by letter and by level.

A letter stands only if each of its rules was evaluated: a rule that does not exist yet, or that
found nothing to judge by, is `not checked`, and never passes in silence (governance.md section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from kpilayer.kpi.lint import RULES, linted
from kpilayer.kpi.lint.ground import Ground
from kpilayer.model.kpi import Kpi

State = Literal["pass", "fail", "not_checked"]
Level = Literal["none", "bronze", "silver", "gold"]


def _always(kpi: Kpi) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Criterion:
    """A rule by its label in the design: its code, and whether a KPI gives it something to judge.

    Without a ``code``, the rule holds of every KPI that could be read (a cadence, a date).
    """

    label: str
    words: str
    code: str = ""
    has_evidence: Callable[[Kpi], bool] = _always


def _has_age(kpi: Kpi) -> bool:
    return kpi.freshness is not None and kpi.freshness.error_after is not None


def _has_drivers(kpi: Kpi) -> bool:
    return kpi.drivers is not None


def _has_review(kpi: Kpi) -> bool:
    return kpi.review.by is not None


#: Rules by label. A code that is not in `RULES` is of a rule that is not there yet.
CRITERIA: Final[Mapping[str, Criterion]] = {
    one.label: one
    for one in (
        Criterion("K101", "definition", "kpi-unspecific"),
        Criterion("K102", "a label that measures", "kpi-vague-label"),
        Criterion("K103", "a value", "kpi-unmeasured"),
        Criterion("K104", "a lever", "kpi-no-lever"),
        Criterion("K105", "cadence and dates"),
        Criterion("K106", "fresh sources", "kpi-stale-source", _has_age),
        Criterion("K107", "a path to a north star", "kpi-orphan"),
        Criterion("K110", "it can fall", "kpi-only-grows"),
        Criterion("K111", "no volume for its own sake", "kpi-vanity"),
        Criterion("K134", "a label of its own", "kpi-label-clash"),
        Criterion("K140", "review on time", "kpi-review-overdue", _has_review),
        Criterion("K150", "a guardrail", "kpi-no-guardrail"),
        Criterion("K151", "a guardrail that can fire", "kpi-weak-guardrail"),
        Criterion("K160", "owner", "kpi-no-owner"),
        Criterion("K162", "consequence", "kpi-no-consequence"),
        Criterion("K163", "range", "kpi-no-range"),
        Criterion("K164", "an action with a time", "kpi-empty-action"),
        Criterion("K170", "a range, no goal", "kpi-stretch-goal"),
        Criterion("K187", "no percent taken for a fraction", "kpi-percent"),
        Criterion("K193", "drivers that add up", "kpi-identity", _has_drivers),
    )
}
LETTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "S": ("K101", "K102", "K134"),
    "M": ("K103", "K187", "K193"),
    "A": ("K104", "K162", "K164"),
    "R": ("K107", "K110", "K111", "K170"),
    "T": ("K105", "K106", "K140"),
}
#: What each level asks beside the one before it.
LEVELS: Final[Mapping[Level, tuple[str, ...]]] = {
    "bronze": ("K160", "K101"),
    "silver": ("K163", "K162", "K164", "K106"),
    "gold": ("K150", "K151", "K193", "K140"),
}


@dataclass(frozen=True, slots=True)
class Grade:
    """A KPI by letters and level, and what it needs for the next one."""

    kpi: str
    letters: Mapping[str, State]
    level: Level
    next: Level | None
    missing: tuple[tuple[Criterion, State], ...]
    """Of the next level: what fails, and what was not checked."""
    reasons: Mapping[str, tuple[tuple[Criterion, State], ...]]
    """Of each letter that does not stand: why."""


def graded(ground: Ground, unchecked: Collection[tuple[str, str]] = ()) -> tuple[Grade, ...]:
    """Each KPI that is no deprecated one, in order of name.

    ``unchecked`` are rules, by code, with names of KPIs of which they had too little to judge by. A
    rule that a KPI ignores with a reason has nothing against it.
    """
    found = {(f.code, f.advice.subject) for f in linted(ground) if f.state == "new"}
    kpis = sorted(ground.current, key=lambda one: one.name)
    return tuple(
        _grade(kpi, {x: _state(one, kpi, found, unchecked) for x, one in CRITERIA.items()})
        for kpi in kpis
    )


def _state(
    one: Criterion,
    kpi: Kpi,
    found: Collection[tuple[str, str]],
    unchecked: Collection[tuple[str, str]],
) -> State:
    if (one.code, kpi.name) in found:
        return "fail"
    is_rule = not one.code or one.code in RULES
    is_checked = is_rule and one.has_evidence(kpi) and (one.code, kpi.name) not in unchecked
    return "pass" if is_checked else "not_checked"


def _grade(kpi: Kpi, states: Mapping[str, State]) -> Grade:
    def not_passed(labels: tuple[str, ...]) -> tuple[tuple[Criterion, State], ...]:
        return tuple((CRITERIA[x], states[x]) for x in labels if states[x] != "pass")

    letters = {letter: _worst([states[x] for x in labels]) for letter, labels in LETTERS.items()}
    reasons = {letter: not_passed(labels) for letter, labels in LETTERS.items()}
    level: Level = "none"
    for name, labels in LEVELS.items():
        missing = not_passed(labels)
        if missing:
            return Grade(kpi.name, letters, level, name, missing, reasons)
        level = name
    return Grade(kpi.name, letters, level, None, (), reasons)


def _worst(states: Collection[State]) -> State:
    return "fail" if "fail" in states else "not_checked" if "not_checked" in states else "pass"
