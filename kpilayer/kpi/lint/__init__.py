"""Advice on KPIs. A rule is one function; this table is the list of them, by code.

The labels K101 to K199 are those under which the rules are known in the design of the language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

from kpilayer.errors import Issue
from kpilayer.kpi.lint import contract, drivers, hierarchy, past, ranges, targets, words
from kpilayer.kpi.lint.ground import Advice, Ground
from kpilayer.model.kpi import LintIgnore

Rule = Callable[[Ground], Iterator[Advice]]
State = Literal["new", "ignored"]

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "kpi-unspecific": words.kpi_unspecific,  # K101
        "kpi-vague-label": words.kpi_vague_label,  # K102
        "kpi-no-lever": hierarchy.kpi_no_lever,  # K104
        "kpi-stale-source": contract.kpi_stale_source,  # K106
        "kpi-orphan": hierarchy.kpi_orphan,  # K107
        "kpi-vanity": words.kpi_vanity,  # K111
        "kpi-sprawl": hierarchy.kpi_sprawl,  # K120
        "kpi-blind": hierarchy.kpi_blind,  # K121
        "kpi-north-stars": hierarchy.kpi_north_stars,  # K122
        "okr-counts": targets.okr_counts,  # K124
        "kpi-duplicate": words.kpi_duplicate,  # K130
        "kpi-label-clash": words.kpi_label_clash,  # K134
        "kpi-review-overdue": contract.kpi_review_overdue,  # K140
        "kpi-deprecated-in-use": hierarchy.kpi_deprecated_in_use,  # K143
        "kpi-no-guardrail": hierarchy.kpi_no_guardrail,  # K150
        "kpi-weak-guardrail": hierarchy.kpi_weak_guardrail,  # K151
        "kpi-individual-target": targets.kpi_individual_target,  # K153
        "kpi-no-owner": contract.kpi_no_owner,  # K160, K161
        "kpi-no-consequence": contract.kpi_no_consequence,  # K162
        "kpi-no-range": contract.kpi_no_range,  # K163
        "kpi-empty-action": contract.kpi_empty_action,  # K164
        "kpi-open-editors": contract.kpi_open_editors,  # K165
        "kpi-unmasked": contract.kpi_unmasked,  # K166
        "okr-no-result": targets.okr_no_result,  # K171, K172
        "kpi-target-outside": targets.kpi_target_outside,  # K181
        "kpi-target-backwards": targets.kpi_target_backwards,  # K182
        "kpi-target-past": targets.kpi_target_past,  # K184
        "kpi-overlapping-overrides": ranges.kpi_overlapping_overrides,  # K186
        "kpi-mixed-units": drivers.kpi_mixed_units,  # K194
        "kpi-distinct-added": drivers.kpi_distinct_added,  # K195
        "kpi-no-tree": drivers.kpi_no_tree,  # K196
        "kpi-below-its-own": hierarchy.kpi_below_its_own,  # K197, K199
        "kpi-flows-to-stock": drivers.kpi_flows_to_stock,  # K198
        "kpi-unmeasured": past.kpi_unmeasured,  # K103
        "kpi-only-grows": past.kpi_only_grows,  # K110
        "kpi-twin": past.kpi_twin,  # K132
        "kpi-source-late": past.kpi_source_late,  # K141
        "kpi-never-near": past.kpi_never_near,  # K144
        "kpi-ignored": past.kpi_ignored,  # K145
        "kpi-stretch-goal": past.kpi_stretch_goal,  # K170
        "kpi-unreachable": past.kpi_unreachable,  # K183
        "kpi-noisy-range": past.kpi_noisy_range,  # K185
        "kpi-percent": past.kpi_percent,  # K187
        "kpi-identity": past.kpi_identity,  # K193
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Advice of a rule, and whether somebody has said why it does not apply."""

    code: str
    advice: Advice
    state: State = "new"
    reason: str = ""

    @property
    def issue(self) -> Issue:
        """As an issue; what is ignored is a notice."""
        severity = self.advice.severity if self.state == "new" else "notice"
        message = f"{self.advice.subject}: {self.advice.message}"
        return Issue(self.code, message, self.advice.location, self.advice.hint, severity)


def linted(ground: Ground, codes: Iterable[str] = ()) -> Iterator[Finding]:
    """What rules have to say, those of ``codes`` or all of them, in order of places.

    A KPI ignores a rule by `lint_ignore`, with a reason; where that has ended, or ignores nothing,
    it is told.
    """
    chosen = tuple(codes) or tuple(RULES)
    found = [Finding(code, advice) for code in chosen for advice in RULES[code](ground)]
    ignored = {(kpi.name, one.rule): one for kpi in ground.kpis.values() for one in kpi.lint_ignore}
    told = [_judged(f, ignored.get((f.advice.subject, f.code)), ground.today) for f in found]
    told += _void(ground, ignored, {(f.advice.subject, f.code) for f in found}, chosen)
    yield from sorted(told, key=_place)


#: The rule that needs the warehouse, and no history.
ASKS_DATA: Final = "kpi-identity"


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A rule that could not look at a KPI, whose history is too short for it, or not there."""

    code: str
    kpi: str
    needs: int
    """Periods with values."""
    has: int


def unchecked(ground: Ground, codes: Iterable[str] = ()) -> Iterator[Unchecked]:
    """Rules of ``codes``, or all, that lack their evidence of a live KPI: they passed nothing."""
    for code in tuple(codes) or tuple(RULES):
        needs = past.NEEDS.get(code, 0)
        for kpi in ground.live:
            seen = ground.evidence.get(kpi.name)
            has = 0 if seen is None else len(seen.known)
            if code == "kpi-unmeasured" and seen is not None:
                has = len(seen.values)  # also those without one
            if has < needs:
                yield Unchecked(code, kpi.name, needs, has)
            elif code == ASKS_DATA and kpi.drivers is not None:
                if seen is None or seen.miss is None:
                    yield Unchecked(code, kpi.name, 1, 0)


def _judged(finding: Finding, ignore: LintIgnore | None, today: date) -> Finding:
    if ignore is None or (ignore.until is not None and ignore.until < today):
        return finding
    return replace(finding, state="ignored", reason=ignore.reason)


def _void(
    ground: Ground,
    ignored: Mapping[tuple[str, str], LintIgnore],
    found: set[tuple[str, str]],
    chosen: tuple[str, ...],
) -> Iterator[Finding]:
    """Ignores that have ended, or ignore nothing."""
    for (name, rule), one in ignored.items():
        kpi = ground.kpis[name]
        index = kpi.lint_ignore.index(one)
        if rule not in RULES:
            told = f"there is no rule `{rule}` to ignore"
        elif one.until is not None and one.until < ground.today:
            told = f"`{rule}` is ignored until {one.until}, which is past"
        elif rule in chosen and (name, rule) not in found:
            told = f"`{rule}` is ignored, and has nothing to say"
        else:
            continue
        yield Finding("lint-ignore", ground.of(kpi, told, "warning", "lint_ignore", index, "rule"))


def _place(finding: Finding) -> tuple[str, int, int]:
    at = finding.advice.location
    return ("", 0, 0) if at is None else (at.path, at.line, at.column)
