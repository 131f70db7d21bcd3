"""What was found, for people: text, Markdown; and as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from kpilayer.drift.search import Finding
from kpilayer.errors import Issue, Location
from kpilayer.proof.verdict import Example

_ORDER: Final = ("conflicting", "possible", "equivalent", "exact")
_MOST_ROWS: Final = 5


def text(findings: Sequence[Finding], issues: Sequence[Issue], *, verbose: bool) -> str:
    """A line for each finding, with what is different and rows that show it.

    What is known or ignored is only counted, unless ``verbose``.
    """
    shown = [f for f in findings if verbose or f.state == "new"]
    lines: list[str] = []
    for finding in sorted(shown, key=lambda f: _ORDER.index(f.verdict)):
        lines += _lines(finding, verbose)
    lines += [str(issue) for issue in issues if verbose or _is_for_all(issue)]
    lines.append(("" if not lines else "\n") + headline(findings, issues))
    return "\n".join(lines) + "\n"


def _is_for_all(issue: Issue) -> bool:
    return issue.severity != "notice" or issue.code == "stale-baseline"


def headline(findings: Iterable[Finding], issues: Iterable[Issue] = ()) -> str:
    """How many findings of each verdict there are, and duplicates in the layer."""
    found = list(findings)
    counts = {v: sum(f.verdict == v and f.state == "new" for f in found) for v in _ORDER}
    told = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    told += [f"{n} {s}" for s in ("known", "ignored") if (n := sum(f.state == s for f in found))]
    doubles = sum(i.code == "drift-duplicate" and i.severity == "warning" for i in issues)
    told += [f"{doubles} {'duplicate' if doubles == 1 else 'duplicates'}"] if doubles else []
    return ", ".join(told) or "no drift"


def _lines(finding: Finding, verbose: bool) -> Iterator[str]:
    state = "" if finding.state == "new" else f" ({finding.state})"
    told = f"{finding.column} -> {finding.metric}{state}"
    yield f"{finding.verdict.upper():12} {finding.location}  {told}"
    pad = " " * 13
    for why in finding.why:
        yield f"{pad}{why}"
    if finding.note:
        yield f"{pad}{finding.note}"
    if finding.example is not None:
        yield from (f"{pad}{line}" for line in example_lines(finding))
    if finding.runs > 1:
        yield f"{pad}{finding.runs} runs" + (
            f" by {', '.join(finding.users[:3])}" if finding.users else ""
        )
    if finding.hint and (verbose or finding.verdict == "conflicting"):
        yield f"{pad}{finding.hint}"
    if verbose:
        yield f"{pad}{finding.method}, id {finding.id}"


def example_lines(finding: Finding) -> Iterator[str]:
    """Rows for which the column and the metric differ, in words."""
    example = finding.example
    if example is None:
        return
    for table, (columns, rows) in example.tables.items():
        if not rows:
            yield f"example {table} is empty"
        for row in rows[:_MOST_ROWS]:
            cells = ", ".join(f"{c}={_cell(v)}" for c, v in zip(columns, row, strict=True))
            yield f"example {table}({cells})"
        if len(rows) > _MOST_ROWS:
            yield f"        and {len(rows) - _MOST_ROWS} more rows of {table}"
    yield f"        here {_answer(example.before)}, {finding.metric} {_answer(example.after)}"


def _cell(value: object) -> str:
    return "NULL" if value is None else str(value)


def _answer(rows: object) -> str:
    if isinstance(rows, str):
        return rows
    values = [_cell(row[0]) for row in rows] if isinstance(rows, tuple) else []
    return ", ".join(values) or "nothing"


def markdown(findings: Sequence[Finding], issues: Sequence[Issue]) -> str:
    """A comment for a pull request: the headline, a table, and rows that show differences."""
    found = [f for f in findings if f.state == "new"]
    lines = [f"### KPIs calculated elsewhere: {headline(findings, issues)}", ""]
    if found:
        lines += ["| | where | column | metric | what is different |", "|---|---|---|---|---|"]
    for finding in sorted(found, key=lambda f: _ORDER.index(f.verdict)):
        cells = (
            finding.verdict, f"`{finding.location.path}:{finding.location.line}`",
            f"`{finding.column}`", f"`{finding.metric}`", "; ".join(finding.why) or finding.note,
        )  # fmt: skip
        lines.append("| " + " | ".join(_escaped(cell) for cell in cells) + " |")
    examples = [f for f in found if f.example is not None]
    for finding in examples[:20]:
        lines += [
            "",
            f"<details><summary>{_escaped(finding.column)} beside {finding.metric}</summary>",
        ]
        lines += ["", "```text", *example_lines(finding), "```", "", "</details>"]
    told = [issue for issue in issues if issue.severity != "notice"]
    lines += ["", *(f"- {_escaped(issue.message)}" for issue in told)] if told else []
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


# --------------------------------------------------------------------------------------------- JSON


def values(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as JSON values."""
    return [
        {
            "id": f.id,
            "verdict": f.verdict,
            "state": f.state,
            "location": _place(f.location),
            "column": f.column,
            "metric": f.metric,
            "why": list(f.why),
            "note": f.note,
            "hint": f.hint,
            "method": f.method,
            "example": None if f.example is None else _example(f.example),
            "of": f.of,
            "runs": f.runs,
            "users": list(f.users),
            "reason": f.reason,
        }
        for f in findings
    ]


def issue_values(issues: Iterable[Issue]) -> list[dict[str, Any]]:
    """Issues as JSON values."""
    return [
        {
            "code": i.code,
            "severity": i.severity,
            "message": i.message,
            "location": None if i.location is None else _place(i.location),
        }
        for i in issues
    ]


def _place(location: Location) -> dict[str, Any]:
    return {
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "length": location.length,
    }


def _example(example: Example) -> Mapping[str, Any]:
    return {
        "tables": {
            name: [dict(zip(columns, map(_json, row), strict=True)) for row in rows]
            for name, (columns, rows) in example.tables.items()
        },
        "here": _answer(example.before),
        "metric": _answer(example.after),
    }


def _json(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | str) else str(value)
