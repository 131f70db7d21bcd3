"""What `Project.lint` gives: advice on KPIs, in the formats of reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from kpilayer import __version__
from kpilayer.change.machines import issue_commands, issues_junit, issues_sarif
from kpilayer.errors import Issue, QueryError, Severity, did_you_mean
from kpilayer.identity import Identity
from kpilayer.kpi.lint import ASKS_DATA, RULES, Finding, Unchecked, linted, unchecked
from kpilayer.kpi.lint.evidence import Evidence
from kpilayer.kpi.lint.ground import Ground
from kpilayer.kpi.lint.past import NEEDS
from kpilayer.kpi.lint.smart import LETTERS, Criterion, Grade, State, graded
from kpilayer.model.kpi import Kpi

_RANK: dict[Severity, int] = {"notice": 0, "warning": 1, "error": 2}


@dataclass(frozen=True, slots=True)
class Lint:
    """Advice on the KPIs of a project; it fails where advice is as severe as ``fail_on``."""

    findings: tuple[Finding, ...]
    kpis: int
    rules: int
    fail_on: Severity
    seconds: float
    unchecked: tuple[Unchecked, ...] = ()
    """Rules that lack the history of a KPI: they say nothing of it, and pass nothing."""

    @property
    def new(self) -> tuple[Finding, ...]:
        """What nobody ignores."""
        return tuple(f for f in self.findings if f.state == "new")

    @property
    def fails(self) -> bool:
        """Whether some of it is as severe as ``fail_on``."""
        return any(_RANK[f.advice.severity] >= _RANK[self.fail_on] for f in self.new)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What nobody ignores, as issues."""
        return tuple(f.issue for f in self.new)

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `findings`, and a `summary`."""
        findings = [
            {
                "code": f.code,
                "subject": f.advice.subject,
                "severity": f.advice.severity,
                "message": f.advice.message,
                "path": at.path if (at := f.advice.location) is not None else None,
                "line": at.line if at is not None else None,
                "column": at.column if at is not None else None,
                "hint": f.advice.hint,
                "state": f.state,
                "reason": f.reason,
            }
            for f in self.findings
        ]
        counts: dict[str, int] = {
            severity: sum(f.advice.severity == severity for f in self.new) for severity in _RANK
        }
        ignored = len(self.findings) - len(self.new)
        summary = {"kpis": self.kpis, "rules": self.rules, **counts, "ignored": ignored}
        return {
            "findings": findings,
            "summary": {**summary, "unchecked": [asdict(one) for one in self.unchecked]},
        }

    @property
    def unchecked_line(self) -> str:
        """How many rules lack their evidence, and how it comes; empty where none does."""
        trees = {one.kpi for one in self.unchecked if one.code == ASKS_DATA}
        left = [one for one in self.unchecked if one.code != ASKS_DATA]
        rules, kpis = {one.code for one in left}, {one.kpi for one in left}
        told = []
        if left:
            many = f"{len(rules)} rule{'' if len(rules) == 1 else 's'} not checked"
            of = f"of {len(kpis)} KPI{'' if len(kpis) == 1 else 's'}"
            how = "`kpilayer health --backfill` records it"
            told.append(f"{many}: the history {of} is too short; {how}")
        if trees:
            of = f"{len(trees)} KPI{'' if len(trees) == 1 else 's'}"
            told.append(f"driver trees of {of} not checked: `--data` asks the warehouse")
        return "; ".join(told)

    def to_markdown(self) -> str:
        """As a table for a comment."""
        left = f"\n{self.unchecked_line}.\n" if self.unchecked else ""
        if not self.new:
            return f"{self.kpis} KPIs: nothing to say.\n{left}"
        lines = ["| | KPI | advice | rule |", "|---|---|---|---|"]
        for found in self.new:
            cells = (found.advice.severity, found.advice.subject, found.advice.message, found.code)
            lines.append(f"| {' | '.join(map(_cell, cells))} |")
        return "\n".join(lines) + "\n" + left

    def to_annotations(self) -> str:
        """As workflow commands of GitHub, which it shows beside the lines."""
        return issue_commands(self.issues)

    def to_sarif(self) -> str:
        """As SARIF 2.1.0."""
        return issues_sarif([(issue, "") for issue in self.issues], __version__)

    def to_junit(self) -> str:
        """As JUnit XML."""
        return issues_junit("kpilayer lint", self.issues, self.seconds)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def lint(
    identity: Identity,
    today: date,
    codes: Sequence[str] = (),
    fail_on: Severity = "error",
    evidence: Callable[[Iterable[Kpi]], Evidence] = lambda kpis: {},
) -> Lint:
    """What rules have to say of the KPIs, and of their past as ``evidence`` has it.

    Raises:
        QueryError: there is no rule of a code.
    """
    began = time.perf_counter()
    unknown = [code for code in codes if code not in RULES]
    if unknown:
        raise QueryError(
            *(
                Issue("unknown-rule", f"there is no rule `{code}`", hint=did_you_mean(code, RULES))
                for code in unknown
            )
        )
    ground = _ground(identity, today, evidence)
    findings = tuple(linted(ground, codes))
    seconds = time.perf_counter() - began
    return Lint(
        findings,
        len(ground.kpis),
        len(codes) or len(RULES),
        fail_on,
        seconds,
        tuple(unchecked(ground, codes)),
    )


# ------------------------------------------------------------------------------------------- smart

_MARKS: dict[State, str] = {"pass": "●", "fail": "■", "not_checked": "○"}


@dataclass(frozen=True, slots=True)
class Grades:
    """KPIs by the letters of SMART, and how mature their contracts are."""

    found: tuple[Grade, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The heads of a table."""
        return ("kpi", *LETTERS, "level", "next level needs")

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """A row for each KPI: ● stands, ■ does not, ○ not all of it was checked."""
        return [
            (one.kpi, *(_MARKS[one.letters[x]] for x in LETTERS), one.level, _needs(one))
            for one in self.found
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """As JSON values, one for each KPI."""
        return [
            {
                "kpi": one.kpi,
                "letters": {
                    letter: {"state": one.letters[letter], "reasons": _told(one.reasons[letter])}
                    for letter in LETTERS
                },
                "level": one.level,
                "next": one.next,
                "missing": _told(one.missing),
            }
            for one in self.found
        ]


def _needs(one: Grade) -> str:
    if one.next is None:
        return ""
    needs = (
        criterion.words + (" (not checked)" if state == "not_checked" else "")
        for criterion, state in one.missing
    )
    return f"{one.next}: {', '.join(needs)}"


def _told(missing: Sequence[tuple[Criterion, State]]) -> list[dict[str, str | None]]:
    return [
        {"rule": one.code or None, "label": one.label, "words": one.words, "state": state}
        for one, state in missing
    ]


def grades(
    identity: Identity,
    today: date,
    evidence: Callable[[Iterable[Kpi]], Evidence] = lambda kpis: {},
) -> Grades:
    """How SMART the KPIs are, and their levels; what lacks its evidence was not checked."""
    ground = _ground(identity, today, evidence)
    left = {(one.code, one.kpi) for one in unchecked(ground)}
    asleep = (kpi.name for kpi in ground.current if not kpi.is_live)
    left |= {(code, name) for name in asleep for code in (*NEEDS, ASKS_DATA)}
    return Grades(graded(ground, left))


def _ground(
    identity: Identity, today: date, evidence: Callable[[Iterable[Kpi]], Evidence]
) -> Ground:
    live = [kpi for kpi in identity.catalog.definitions.kpis if kpi.is_live]
    return Ground(identity, today, evidence(live))
