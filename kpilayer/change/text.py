"""A review as people read it on a terminal: a block for each change, the most severe first."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.change import words
from kpilayer.change.diff import Change, as_names
from kpilayer.change.review import Review
from kpilayer.change.rules import RULES

_WIDTH = 10


def text(review: Review, *, verbose: bool = False) -> str:
    """A review as plain text; wording and spelling are counted only, unless ``verbose``."""
    return "\n".join(_lines(review, verbose)) + "\n"


def _lines(review: Review, verbose: bool) -> Iterator[str]:
    changes = review.changes
    compared = words.counted(changes.compared, "metric")
    sides = f"{changes.base.shown} → {changes.head.shown}"
    yield f"{sides}   {compared} compared, {review.seconds:.1f} s"
    if review.values is not None:
        yield review.values.cost_words
    if not changes.changes:
        yield ""
        yield "No definition has changed."
        return
    hidden = 0
    for change in changes.changes:
        if change.level == "cosmetic" and not verbose:
            hidden += 1
        elif not change.is_inherited:
            yield ""
            yield from _block(review, change)
    yield from _inherited(review)
    if hidden:
        yield ""
        yield f"{'COSMETIC':{_WIDTH}} {words.counted(hidden, 'definition')} (-v shows them)"
    for was, name in changes.possible_renames:
        yield ""
        yield f"{was} may be {name} now: say so with `renamed_from: {was}`"
    yield ""
    for answer in (words.numbers_answer, words.reach_answer, words.merge_answer):
        yield plain(answer(review))


def _block(review: Review, change: Change) -> Iterator[str]:
    where = change.at or change.at_before
    pad = " " * (_WIDTH + 1)
    name = as_names([change.subject])[0]
    effect = words.effect_of(review, change)
    yield f"{change.level.upper():{_WIDTH}} {name}  {effect}".rstrip()
    told = ", ".join(f"{rule}: {RULES[rule].title.rstrip('.').lower()}" for rule in change.rules)
    yield f"{pad}{told}" + (f"   {where.path}:{where.line}" if where else "")
    for edit in change.edits:
        if edit.field and edit.rule != "renamed":
            field = edit.field.removeprefix("config.")
            if edit.note:
                yield f"{pad}{field} {edit.note}"
            for sign, value in (("-", edit.before), ("+", edit.after)):
                if value not in (None, "", []):
                    yield f"{pad}{sign} {field}: {words.one_line(value, 200)}"
        elif edit.rule == "renamed":
            yield f"{pad}was {change.was}"
    if change.evidence is not None:
        yield f"{pad}{words.evidence_words(change.evidence)}"
        yield from (f"{pad}  {line}" for line in words.example_words(change.evidence))
        if change.evidence.assumptions:
            yield f"{pad}assumed: {', '.join(change.evidence.assumptions)}"
    if review.values is not None and change.kind == "metric":
        yield from (f"{pad}{line}" for line in review.values.as_text(change.name))
    if change.reach:
        yield f"{pad}reaches {plain(words.reach_words(change.reach))}"
    told = f"owner {change.owner}   " if change.owner else ""
    yield f"{pad}{told}change {change.id}"


def _inherited(review: Review) -> Iterator[str]:
    """What only reads something that has changed: a line for each class and cause."""
    found: dict[tuple[str, tuple[str, ...]], list[Change]] = {}
    for change in review.changes.changes:
        if change.is_inherited:
            causes = tuple(as_names(change.causes))
            found.setdefault((change.level, causes), []).append(change)
    if found:
        yield ""
    for (level, causes), each in found.items():
        stops = "means the same in spite of" if level == "equivalent" else "through"
        told = plain(words.listed_with_effects(review, each, 12))
        yield f"{level.upper():{_WIDTH}} {told}   {stops} {', '.join(causes) or 'the project'}"


def plain(text: str) -> str:
    """Words without the marks of Markdown.

    >>> plain("**Breaks:** `mrr`.")
    'Breaks: mrr.'
    """
    return text.replace("**", "").replace("`", "")
