"""How KPIs stand, in the formats of reports: text, Markdown, JSON, JUnit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

from kpilayer.change.machines import Case, cases_junit
from kpilayer.kpi.alerts.sending import Sent
from kpilayer.kpi.history.recording import Written
from kpilayer.kpi.shown import value_in_words
from kpilayer.kpi.standing import MISSING, ORDER, Standing
from kpilayer.kpi.verdict import Status, Verdict

FailOn = Literal["warning", "breach", "never"]
_MARKS: Final[Mapping[Status, str]] = {
    "healthy": "●", "warning": "▲", "breach": "■",
}  # fmt: skip
_OTHER: Final = "○"
#: From which part on, of how many periods at least, revisions are too many (governance.md 5).
_OFTEN, _ENOUGH = 0.1, 6
_BAD: Final[Mapping[FailOn, frozenset[Status]]] = {
    "warning": frozenset({"warning", "breach"}), "breach": frozenset({"breach"}),
    "never": frozenset(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Health:
    """How the KPIs of a project stand, those that need somebody first."""

    standings: tuple[Standing, ...]
    as_of: date
    formats: Mapping[str, str]
    fail_on: FailOn
    fail_on_missing: bool
    written: Written | None = None
    """None where nothing was to be recorded."""
    sent: Sent | None = None
    """None where nobody was to be told."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """What moved a KPI that is not healthy, by its name."""

    @property
    def fails(self) -> bool:
        """Whether one is as bad as ``fail_on``, or has no data where that fails, too."""
        bad = _BAD[self.fail_on]
        found = {one.status for one in self.standings}
        return bool(found & bad) or (self.fail_on_missing and bool(found & MISSING))

    def to_text(self) -> str:
        """For a terminal: a line for each KPI, and what is due below it."""
        width = max((len(one.name) for one in self.standings), default=0)
        lines = [line for one in self.standings for line in self._lines(one, width)]
        return "\n".join([*lines, "", self.summary_line]) + "\n"

    @property
    def summary_line(self) -> str:
        """How many stand how."""
        counts = {s: sum(one.status == s for one in self.standings) for s in reversed(ORDER)}
        told = [f"{n} {status.replace('_', ' ')}" for status, n in counts.items() if n]
        line = f"as of {self.as_of}: {', '.join(told) or 'no KPI is live'}"
        if self.written is None:
            return line
        many = self.written.verdicts
        line += f"; {many} new verdict{'' if many == 1 else 's'} recorded"
        line += f", {self.written.restated} restated" if self.written.restated else ""
        if self.sent is None:
            return line
        line += f"; {self.sent.sent} alert{'' if self.sent.sent == 1 else 's'} sent"
        return line + "".join(f"\nnot sent to {problem}" for problem in self.sent.failed)

    def _lines(self, one: Standing, width: int) -> list[str]:
        mark, name = _MARKS.get(one.status, _OTHER), one.name.ljust(width)
        if one.issue is not None:
            return [f"{mark} {name}  not asked: {one.issue.message}"]
        current = one.current
        if current is None:
            return [f"{mark} {name}  no data"]
        told = [self._value(one, current.value), f"healthy {one.healthy_in_words}".rstrip()]
        told.append(_since(current))
        if one.attainment is not None and one.attainment.share is not None:
            reached = one.attainment
            unsure = "" if reached.reliable else ", not reliable"
            told.append(
                f"attainment {reached.healthy}/{reached.judged} = {one.attainment.share:.0%} "
                f"(objective {reached.objective:.0%}{unsure})"
            )
        lines = [f"{mark} {name}  {'   '.join(filter(None, told))}"]
        pad = " " * (width + 4)
        if one.name in self.moved:
            lines.append(f"{pad}{self.moved[one.name]}")
        if one.due is not None:
            by = f" by {one.due.by}" if one.due.by is not None else ""
            lines.append(f"{pad}action: {one.due.action}{by}, {one.due.owner}")
        revised, of = one.revised
        if of >= _ENOUGH and revised > _OFTEN * of:
            told_of = f"{revised} of {of} recorded periods were revised"
            lines.append(f"{pad}{told_of}: a longer `grace` would wait for their data")
        if one.guardrails:
            lines.append(f"{pad}guardrails that are not healthy: {', '.join(one.guardrails)}")
        return lines

    def _value(self, one: Standing, value: float | None) -> str:
        if value is None:
            return "no value"
        return value_in_words(value, self.formats.get(one.kpi.metric, ""))

    def to_markdown(self) -> str:
        """As a table for a comment."""
        rows = ["| | KPI | value | healthy | status | owner |", "|---|---|---|---|---|---|"]
        for one in self.standings:
            value = self._value(one, one.current.value) if one.current is not None else ""
            owner = one.kpi.owner.person or one.kpi.owner.group or ""
            cells = (
                _MARKS.get(one.status, _OTHER), f"`{one.name}`", value,
                one.healthy_in_words, one.status.replace("_", " "), owner,
            )  # fmt: skip
            rows.append(f"| {' | '.join(cells)} |")
        return "\n".join([*rows, "", self.summary_line]) + "\n"

    def to_junit(self) -> str:
        """As JUnit XML: a test case for each KPI, of its function.

        One that is as bad as ``fail_on`` has failed, one that is not judged is skipped.
        """
        bad = _BAD[self.fail_on]
        return cases_junit("kpilayer health", [_case(one, bad) for one in self.standings], 0.0)

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `kpis`, and a `summary`."""
        counts: dict[str, int] = {
            status: sum(one.status == status for one in self.standings) for status in ORDER
        }
        summary: dict[str, Any] = {"as_of": self.as_of.isoformat(), **counts}
        if self.written is not None:
            summary |= {"recorded": self.written.verdicts, "restated": self.written.restated}
        if self.sent is not None:
            summary |= {"alerts": self.sent.sent, "not_sent": list(self.sent.failed)}
        return {"kpis": [_values(one) for one in self.standings], "summary": summary}


def _case(one: Standing, bad: frozenset[Status]) -> Case:
    """A KPI as a test: in a level that fails, or skipped where it has none."""
    current = one.current
    if one.issue is not None:
        return Case(one.kpi.function, one.name, skipped=one.issue.message)
    if current is None or not current.is_judged:
        return Case(
            one.kpi.function, one.name, skipped="no data" if current is None else _since(current)
        )
    if one.status not in bad:
        return Case(one.kpi.function, one.name)
    due = "" if one.due is None else f"action: {one.due.action}"
    healthy = f"healthy is {one.healthy_in_words}"
    return Case(one.kpi.function, one.name, failed=f"{_since(current)}; {healthy}", text=due)


def _since(current: Verdict) -> str:
    status = current.status.replace("_", " ")
    if current.status in ("healthy", "warning", "breach"):
        if "unconfirmed" in current.reasons:
            status = f"{status} ({current.raw} not confirmed yet)"
        many = f"{current.streak} period{'s' if current.streak > 1 else ''}"
        return f"{status} for {many}, the last from {current.period_start}"
    reasons = ", ".join(current.reasons).replace("_", " ")
    return f"{status} ({reasons}), from {current.period_start}"


def _values(one: Standing) -> dict[str, Any]:
    current = one.current
    return {
        "kpi": one.kpi.name,
        "segment": one.segment or None,
        "metric": one.kpi.metric,
        "status": one.status,
        "raw": None if current is None else current.raw,
        "reasons": [] if current is None else list(current.reasons),
        "period_start": None if current is None else current.period_start.isoformat(),
        "value": None if current is None else current.value,
        "healthy": one.healthy_in_words,
        "streak": None if current is None else current.streak,
        "attainment": None if one.attainment is None else one.attainment.share,
        "action": None if one.due is None else one.due.action,
        "due": None if one.due is None or one.due.by is None else one.due.by.isoformat(),
        "owner": one.kpi.owner.person or one.kpi.owner.group,
        "guardrails": list(one.guardrails),
        "problem": None if one.issue is None else one.issue.message,
    }
