"""What is said of a change, in the same words in every output."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from kpilayer.change.diff import Change, as_names, is_felt
from kpilayer.change.edits import Edit
from kpilayer.change.evidence import Evidence
from kpilayer.change.policy import Wanted
from kpilayer.change.reach import Reach
from kpilayer.change.review import Review
from kpilayer.change.rules import RULES

_METHODS: Final = {
    "same": "the SQL is the same",
    "laws": "proved by laws",
    "solver": "proved by laws and the solver",
}


def one_line(value: Any, most: int = 120) -> str:
    """A value on one line, cut in the middle where it is longer.

    >>> one_line({"name": "orders", "offset_window": None})
    '{name: orders}'
    """
    if isinstance(value, str):
        text = " ".join(value.replace("`", "'").split())
    elif isinstance(value, dict):
        kept = {k: v for k, v in value.items() if v not in (None, [], {}, ())}
        text = "{" + ", ".join(f"{k}: {one_line(v, most)}" for k, v in kept.items()) + "}"
    elif isinstance(value, list):
        text = ", ".join(one_line(item, most) for item in value)
    else:
        text = "nothing" if value is None else json.dumps(value, default=str)
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]} … {text[-half:]}"


def edit_words(edit: Edit) -> str:
    """An edit as a phrase; values stand in backticks."""
    before, after = edit.before, edit.after
    if edit.rule == "new":
        return "new"
    if edit.rule == "removed":
        return "removed"
    if edit.rule == "renamed":
        return f"renamed from `{before}`"
    if edit.field == "text":
        return "its text"
    field = edit.field.removeprefix("config.").rstrip("_") + (f" {edit.note}" if edit.note else "")
    if isinstance(before, list) and isinstance(after, list):
        return f"{field}: {_list_words(before, after)}"
    if before in (None, "", []):
        return f"{field}: `{one_line(after)}` added"
    if after in (None, "", []):
        return f"{field}: `{one_line(before)}` removed"
    return f"{field}: `{one_line(before)}` → `{one_line(after)}`"


def _list_words(before: list[Any], after: list[Any]) -> str:
    """What a list lost and gained: of one condition in the place of another, both."""
    gone = [one_line(item) for item in before if item not in after]
    came = [one_line(item) for item in after if item not in before]
    if len(gone) == len(came) == 1:
        return f"`{gone[0]}` → `{came[0]}`"
    told = [f"`{item}` removed" for item in gone] + [f"`{item}` added" for item in came]
    return "; ".join(told) or "in another order"


def what_changed(change: Change, most: int = 3) -> str:
    """What happened to a definition, as phrases."""
    if change.is_inherited:
        return "through " + listed(as_names(change.causes), most)
    phrases = [edit_words(edit) for edit in change.edits]
    more = len(phrases) - most
    return "; ".join(phrases[:most]) + (f"; and {more} more" if more > 0 else "")


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in backticks, cut after some.

    >>> listed(["a", "b", "c"], 2)
    '`a`, `b` and 1 more'
    """
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def evidence_words(evidence: Evidence | None) -> str:
    """Why a change has its class."""
    if evidence is None:
        return ""
    if len(set(evidence.dialects.values())) > 1:
        return ", ".join(f"{answer} on {name}" for name, answer in evidence.dialects.items())
    match evidence.answer:
        case "equivalent":
            tried = f", and no difference in {evidence.trials:,} trials" if evidence.trials else ""
            return f"{_METHODS[evidence.method]}{tried}"
        case "different" if evidence.example is not None:
            return f"rows tell them apart, {evidence.question}"
    return evidence.why


def example_words(evidence: Evidence) -> Iterator[str]:
    """The rows that tell two definitions apart: a line for each table, and one for the answers."""
    example = evidence.example
    if example is None:
        return
    for table, (columns, rows) in example.tables.items():
        for row in rows:
            told = (f"{c}={_literal(v)}" for c, v in zip(columns, row, strict=True))
            yield f"{table}({', '.join(told)})"
        if not rows:
            yield f"{table} is empty"
    yield f"before: {_answer(example.columns, example.before)}"
    yield f"after:  {_answer(example.columns, example.after)}"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int | float | Decimal) else f"'{value}'"


def _answer(columns: Sequence[str], rows: Any) -> str:
    if isinstance(rows, str):
        return f"an error: {rows}"
    if not rows:
        return "no row"
    shown = (
        ", ".join(f"{c}={_literal(v)}" for c, v in zip(columns, row, strict=True))
        for row in rows[:3]
    )
    more = f" | and {len(rows) - 3} more rows" if len(rows) > 3 else ""
    return " | ".join(shown) + more


def counted(number: int, one: str) -> str:
    """A number with its noun.

    >>> counted(2, "saved query")
    '2 saved queries'
    """
    many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
    return f"{number:,} {one if number == 1 else many}"


def reach_words(reach: Reach, most: int = 3) -> str:
    """Whom something reaches, as phrases."""
    pairs = (
        ("KPI", reach.kpis),
        ("view", reach.views),
        ("saved query", reach.saved_queries),
        ("exposure", reach.exposures),
    )
    told = [f"{counted(len(names), one)} ({listed(names, most)})" for one, names in pairs if names]
    return ", ".join(told)


# ------------------------------------------------------------------------------ the three answers


def numbers_answer(review: Review) -> str:
    """Does it change numbers?"""
    changed, doubtful = review.numbers, review.doubtful
    told = []
    if changed:
        told.append(f"**Numbers change:** {_named(review, changed)}.")
    if doubtful:
        told.append(
            f"**Numbers may change:** {_named(review, doubtful)}: not proved to mean the same, and "
            "no rows found that tell."
        )
    if review.others and not changed:
        names = listed(as_names([c.subject for c in review.others]))
        told.append(f"**Group-bys, joins or rows change, or may:** {names}.")
    if not told:
        changes = review.changes.changes
        same = sum(c.level == "equivalent" and not is_felt(c) for c in changes)
        proved = f": {counted(same, 'definition')} proved to mean the same" if same else ""
        told.append(f"**No number changes**{proved}.")
    if review.broken:
        told.append(f"**Breaks:** {listed([c.was or c.name for c in review.broken])}.")
    return " ".join(told)


def _named(review: Review, changes: Sequence[Change]) -> str:
    own = [c for c in changes if not c.is_inherited]
    inherited = [c for c in changes if c.is_inherited]
    told = listed_with_effects(review, own, 8)
    if inherited:
        more = listed_with_effects(review, inherited, 5)
        reads = "it reads" if len(inherited) == 1 else "they read"
        through = f"{counted(len(inherited), 'metric')} through what {reads} ({more})"
        told += f" and {through}" if own else through
    return told


def listed_with_effects(review: Review, changes: Sequence[Change], most: int) -> str:
    """Names with how much their numbers change, as far as anybody looked."""
    shown = ", ".join(f"`{c.name}` {effect_of(review, c)}".strip() for c in changes[:most])
    return shown + (f" and {len(changes) - most} more" if len(changes) > most else "")


def effect_of(review: Review, change: Change) -> str:
    """How much the numbers of a metric change: `+14.3 %`; empty where nobody looked.

    Of rows and macros that are equivalent, that they are so to what reads them: nothing else asks.
    """
    if change.level == "equivalent" and is_felt(change):
        return "the same to all that reads it"
    if review.values is None or change.kind != "metric":
        return ""
    return review.values.effect(change.name)


def reach_answer(review: Review) -> str:
    """For whom?"""
    reach = reach_words(review.reach)
    owners = f"owned by {listed(review.owners)}" if review.owners else ""
    people = f"ask {listed(review.reach.people)}" if review.reach.people else ""
    told = ", ".join(filter(None, (reach, owners, people)))
    return f"**For whom:** {told or 'nobody that this project knows of'}."


def merge_answer(review: Review) -> str:
    """May it merge?"""
    judgement = review.judgement
    match judgement.answer:
        case "may merge":
            return "**May it merge?** Yes."
        case "needs approval":
            return f"**May it merge?** Not before {_approvers(judgement.missing)}."
    errors = [i.message for i in judgement.findings if i.severity == "error"]
    if judgement.fails:
        fails = counted(len(judgement.fails), "change")
        errors.append(f"`--fail-on` does not let {fails} pass that nobody has approved")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"**May it merge?** No: {errors[0]}{more}."


def _approvers(missing: Iterable[Wanted]) -> str:
    told = []
    for one in missing:
        people = f" ({listed(one.approvers)})" if one.approvers else ""
        told.append(f"`{one.group}`{people} approves {counted(len(one.changes), 'change')}")
    return ", and ".join(told)


def title(change: Change) -> str:
    """A change on one line, for lists of problems."""
    head = f"{change.level}: {as_names([change.subject])[0]}"
    rule = RULES[change.rules[0]].title.rstrip(".")
    return f"{head}: {what_changed(change)} ({rule[0].lower()}{rule[1:]})"
