"""Drift that is accepted: a baseline of what is known, and comments that ignore with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from kpilayer.drift.search import Finding
from kpilayer.drift.texts import Text
from kpilayer.errors import Issue, Location

#: `-- kpilayer: ignore drift-conflict reason=".." until=2026-12-31`
_IGNORE: Final = re.compile(r"kpilayer:\s*ignore\s+([a-z-]+)(.*?)(?:\*/)?\s*$")
_SETTING: Final = re.compile(r"(\w+)=(?:\"([^\"]*)\"|'([^']*)'|(\S+))")
_COMMENT: Final = re.compile(r"^\s*(--|/\*|#|\{#)")


@dataclass(frozen=True, slots=True)
class Known:
    """An entry of a baseline: a finding by its id, with where and what it was."""

    id: str
    path: str
    column: str
    metric: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """A comment that ignores what stands on its line, or on the next one with SQL."""

    code: str
    path: str
    lines: range
    at: Location
    reason: str
    until: str

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is one of those it is about."""
        place = finding.location
        return place.path == self.path and place.line in self.lines and finding.code == self.code


def ignores(texts: Iterable[Text]) -> Iterator[Ignore]:
    """The ignoring comments of SQL files; one above all SQL of a file is about the whole of it."""
    for text in texts:
        if not text.is_file or "kpilayer:" not in text.sql:
            continue
        lines = text.sql.splitlines()
        first = next((n for n, line in enumerate(lines, 1) if _is_sql(line)), len(lines))
        for number, line in enumerate(lines, 1):
            found = _IGNORE.search(line)
            if found is None:
                continue
            settings = {m[1]: m[2] or m[3] or m[4] or "" for m in _SETTING.finditer(found[2])}
            below = next(
                (n for n in range(number, len(lines) + 1) if _is_sql(lines[n - 1])), number
            )
            covered = range(1, len(lines) + 1) if number < first else range(below, below + 1)
            at = Location(text.path, number, found.start() + 1, len(found[0]), line)
            reason, until = settings.get("reason", ""), settings.get("until", "")
            yield Ignore(found[1], text.path, covered, at, reason, until)


def _is_sql(line: str) -> bool:
    return bool(line.strip()) and not _COMMENT.match(line)


def accept(
    findings: Sequence[Finding],
    known: Sequence[Known],
    ignored: Sequence[Ignore],
    today: date,
    baseline: str,
) -> tuple[tuple[Finding, ...], tuple[Issue, ...]]:
    """The findings with what is known of them, and what is wrong with the acceptances."""
    issues: list[Issue] = []
    valid: list[Ignore] = []
    for one in ignored:
        problem = _problem(one, today)
        if problem:
            issues.append(Issue("bad-ignore", problem, one.at))
        else:
            valid.append(one)
    by_id = {entry.id for entry in known}
    used: set[Ignore] = set()
    found: list[Finding] = []
    for finding in findings:
        comment = next((i for i in valid if i.covers(finding)), None)
        if comment is not None:
            used.add(comment)
            finding = replace(finding, state="ignored", reason=comment.reason)
        elif finding.id in by_id:
            finding = replace(finding, state="known")
        found.append(finding)
    for one in valid:
        if one not in used:
            issues.append(Issue("bad-ignore", f"nothing here is `{one.code}`", one.at))
    seen = {finding.id for finding in findings}
    for entry in known:
        if entry.id not in seen:
            told = f"`{entry.column}` of {entry.path} (`{entry.metric}`) no longer occurs"
            issues.append(Issue("stale-baseline", told, Location(baseline), severity="notice"))
    return tuple(found), tuple(issues)


def _problem(one: Ignore, today: date) -> str:
    if not one.code.startswith("drift-"):
        return f"`{one.code}` is no finding of drift"
    if not one.reason:
        return "it ignores drift without a reason"
    if one.until:
        try:
            end = date.fromisoformat(one.until)
        except ValueError:
            return f"`until={one.until}` is no date such as 2026-12-31"
        if end < today:
            return f"it ended on {one.until}"
    return ""
