"""A review as Markdown for one comment on a pull request: answers first, worst first, in budget."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kpilayer.change import words
from kpilayer.change.diff import Change, as_names
from kpilayer.change.edits import Edit
from kpilayer.change.review import Review
from kpilayer.change.rules import LEVELS, Level, at_least

#: Code hosts refuse comments of more than 65,536 characters.
BUDGET: Final = 60_000
_SIGNS: Final[dict[Level, str]] = {
    "interface": "🟥",
    "value": "🟧",
    "unproven": "🟨",
    "added": "🟦",
    "governance": "🟪",
    "equivalent": "🟩",
    "cosmetic": "⬜",
}

_WARNS: Final = {"error": "⛔", "warning": "⚠️", "notice": "💬"}


@dataclass(frozen=True, slots=True)
class _Size:
    """How much is shown: rows of changes of their own, inherited ones, and blocks of details."""

    rows: int
    inherited: int
    details: int


_SIZES: Final = (
    _Size(500, 500, 100),
    _Size(500, 100, 40),
    _Size(300, 30, 15),
    _Size(200, 10, 5),
    _Size(100, 0, 2),
    _Size(20, 0, 0),
    _Size(5, 0, 0),
)


def markdown(review: Review, budget: int = BUDGET) -> str:
    """A review as Markdown of at most so many characters; what is left out is said."""
    text = ""
    for size in _SIZES:
        text = "\n".join(_lines(review, size)) + "\n"
        if len(text) <= budget:
            return text
    return text[: budget - 80].rsplit("\n", 1)[0] + "\n\n**Cut: the report is too long.**\n"


def _lines(review: Review, size: _Size) -> Iterator[str]:
    changes = review.changes
    yield f"<!-- kpilayer:diff project={review.project} plan={changes.id} -->"
    yield f"### KPI changes: {_headline(review)}"
    yield ""
    yield safe(words.numbers_answer(review)) + "<br>"
    yield safe(words.reach_answer(review)) + "<br>"
    yield safe(words.merge_answer(review))
    yield ""
    shown = f"{code(changes.base.shown)} → {code(changes.head.shown)}"
    compared = words.counted(changes.compared, "metric")
    cost = f" · {review.values.cost_words}" if review.values is not None else ""
    yield f"{shown} · {compared} compared in {review.seconds:.1f} s{cost}"
    if not changes.changes:
        return
    yield ""
    own, inherited = _parted(changes.changes)
    yield from _table(review, own, inherited, size)
    left = max(0, len(own) - size.rows)
    if left:
        yield ""
        yield f"**{words.counted(left, 'change')} not shown here**: see the whole report."
    yield from _findings(review)
    told = [c for c in own if _has_details(c)]
    for change in told[: size.details]:
        yield from _details(review, change)
    if len(told) > size.details:
        yield ""
        yield f"**Details of {words.counted(len(told) - size.details, 'change')} left out here.**"
    yield from _approvals(review)


def _headline(review: Review) -> str:
    counts = [f"{number} {level}" for level, number in review.changes.counts.items()]
    return f"{' · '.join(counts) or 'none'} — **{review.judgement.answer}**"


def _parted(changes: Iterable[Change]) -> tuple[list[Change], list[Change]]:
    """Changes of their own, and inherited ones; what is only spelled otherwise is counted."""
    told = [c for c in changes if c.level not in ("cosmetic", "none")]
    return [c for c in told if not c.is_inherited], [c for c in told if c.is_inherited]


# -------------------------------------------------------------------------------------------- table


def _table(
    review: Review, own: Sequence[Change], inherited: Sequence[Change], size: _Size
) -> Iterator[str]:
    yield "| | what | changed | evidence | reaches | owner |"
    yield "|---|---|---|---|---|---|"
    below = _by_cause(own, inherited)
    for change in own[: size.rows]:
        yield _row(review, change)
        yield from _rows_below(review, below.get(change.subject, []), size.inherited)
    rest = [c for cause, each in below.items() for c in each if cause == ("", "")]
    yield from _rows_below(review, rest, size.inherited)
    cosmetic = review.changes.counts.get("cosmetic", 0)
    if cosmetic:
        told = words.counted(cosmetic, "definition")
        yield f"| {_SIGNS['cosmetic']} cosmetic | {told} | wording or spelling | | | |"


def _by_cause(
    own: Sequence[Change], inherited: Sequence[Change]
) -> dict[tuple[str, str], list[Change]]:
    """Inherited changes below the most severe of their causes that is shown."""
    known = {change.subject: n for n, change in enumerate(own)}
    found: dict[tuple[str, str], list[Change]] = {}
    for change in inherited:
        causes = sorted((c for c in change.causes if c in known), key=known.__getitem__)
        found.setdefault(causes[0] if causes else ("", ""), []).append(change)
    return found


def _row(review: Review, change: Change) -> str:
    name = as_names([change.subject])[0]
    effect = words.effect_of(review, change)
    cells = (
        f"{_SIGNS[change.level]} {change.level}",
        code(name),
        safe(words.what_changed(change)),
        safe(" · ".join(filter(None, (words.evidence_words(change.evidence), effect)))),
        safe(words.reach_words(change.reach, 2)),
        code(change.owner) if change.owner else "",
    )
    return "| " + " | ".join(cells) + " |"


def _rows_below(review: Review, changes: Sequence[Change], most: int) -> Iterator[str]:
    """Metrics that read what has changed: by class, a row each."""
    for level in reversed(LEVELS):
        each = [c for c in changes if c.level == level]
        if not each:
            continue
        sign = "stops at" if level == "equivalent" else "inherited by"
        shown = words.listed_with_effects(review, each, max(most, 3))
        reach = each[0].reach
        for change in each[1:]:
            reach = reach.merged(change.reach)
        owners = words.listed(sorted({c.owner for c in each if c.owner}), 3)
        why = "proved to mean the same" if level == "equivalent" else ""
        yield (
            f"| ↳ {_SIGNS[level]} {level} | {sign} {words.counted(len(each), 'metric')} | "
            f"{safe(shown)} | {why} | {safe(words.reach_words(reach, 2))} | {safe(owners)} |"
        )


# ------------------------------------------------------------------------------------------ details


def _has_details(change: Change) -> bool:
    return at_least(change.level, "unproven") and any(edit.field for edit in change.edits)


def _details(review: Review, change: Change) -> Iterator[str]:
    name = as_names([change.subject])[0]
    yield ""
    heading = f"{_SIGNS[change.level]} {html(name)}: {html(', '.join(change.rules))}"
    yield f"<details><summary>{heading}</summary>"
    yield ""
    lines = [line for edit in change.edits if edit.field for line in _diff(edit)]
    yield from fenced("diff", lines)
    evidence = change.evidence
    if evidence is not None and evidence.example is not None:
        yield ""
        yield f"Rows that tell them apart, {evidence.question} (made up, seed {evidence.seed}):"
        yield ""
        yield from fenced("", list(words.example_words(evidence)))
    if evidence is not None and evidence.assumptions:
        yield ""
        yield f"Assumed: {safe(words.listed(evidence.assumptions, 8))}."
    if review.values is not None and change.kind == "metric":
        yield from review.values.as_markdown(change.name)
    yield ""
    yield f"Change id `{change.id}`"
    yield "</details>"


def _diff(edit: Edit) -> Iterator[str]:
    where = edit.at or edit.at_before
    field = edit.field.removeprefix("config.")
    yield f" {where.path}:{where.line} {field}" if where else f" {field}"
    for sign, value in (("-", edit.before), ("+", edit.after)):
        if value not in (None, "", []):
            yield from (f"{sign} {line}" for line in _text(value))


def _text(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.splitlines()[:40]
    if isinstance(value, list):
        return [words.one_line(item, 300) for item in value]
    return [words.one_line(value, 300)]


def _findings(review: Review) -> Iterator[str]:
    findings = review.judgement.findings
    if not findings and not review.changes.possible_renames:
        return
    yield ""
    for issue in findings[:20]:
        sign = _WARNS[issue.severity]
        hint = f" — {safe(issue.hint)}" if issue.hint else ""
        yield f"- {sign} {safe(issue.message)}{hint} ({code(issue.code)})"
    for was, name in review.changes.possible_renames[:20]:
        hint = f"say so with `renamed_from: {was}`"
        yield f"- {_WARNS['notice']} {code(was)} may be {code(name)} now: {hint}"


def _approvals(review: Review) -> Iterator[str]:
    if not review.judgement.wanted:
        return
    yield ""
    told = []
    for one in review.judgement.wanted:
        sign = f"✅ by {code(one.given_by)}" if one.given_by else "⏳"
        told.append(f"{sign} {code(one.group)} ({words.counted(len(one.changes), 'change')})")
    yield f"Approvals: {' · '.join(told)}"


# ----------------------------------------------------------------------------------------- escaping


def code(text: str) -> str:
    """Text in a code span that nothing inside can leave, and in which nobody is mentioned."""
    inside = re.sub(r"\s+", " ", text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", inside)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if inside.startswith("`") or inside.endswith("`") else ""
    return f"{ticks}{pad}{inside or ' '}{pad}{ticks}"


def html(text: str) -> str:
    """Text inside of HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def safe(text: str) -> str:
    """Text in which only code spans and bold are Markdown: no mention, no cell of its own."""
    parts = re.split(r"(`[^`]*`)", re.sub(r"\s+", " ", text))
    return "".join(
        code(part[1:-1]) if part.startswith("`") and len(part) > 1 else _escaped(part)
        for part in parts
    )


def _escaped(text: str) -> str:
    text = html(text).replace("|", "\\|").replace("@", "@\u200b")
    return re.sub(r"([\[\]`])", r"\\\1", text)


def fenced(kind: str, lines: Sequence[str]) -> Iterator[str]:
    """Lines in a block that nothing inside can close."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence + kind
    yield from lines
    yield fence
