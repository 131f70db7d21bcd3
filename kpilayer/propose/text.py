"""Drafts to YAML with comments. Names come from data: none of them may become YAML or Jinja."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kpilayer.propose.guess import Draft, Guess, metrics_of
from kpilayer.propose.measure import quoted

_PLAIN: Final = re.compile(r"(?:(?:\.\.?)?/)*[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS: Final = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_TAG: Final = re.compile(r"\{[{%#]")
_COMMENT_WIDTH: Final = 100


def model_file(draft: Draft, drafts: Sequence[Draft]) -> str:
    """The YAML of one table: its semantic model, and draft metrics over it."""
    metrics = [(g, name) for d, g, name in metrics_of(drafts) if d is draft]
    return "\n".join([*_head(draft), *_columns(draft), "", *_metrics(draft, metrics), ""])


def _head(draft: Draft) -> Iterator[str]:
    facts = draft.facts
    count = f"{facts.rows:,} row{'' if facts.rows == 1 else 's'}"
    yield f"# A draft, from {comment(facts.table.title)}: {count} were counted when it was made."
    yield "# Check each line, above all what one row is; then write descriptions and drop comments."
    yield "models:"
    yield f"  - name: {scalar(draft.name)}"
    yield "    semantic_model: true"
    key, value = draft.facts.table.place
    yield f"    {key}: {scalar(value)}"
    if draft.time is not None:
        yield f"    agg_time_dimension: {scalar(draft.time)} # `metric_time` of its metrics"
    for note in draft.notes:
        yield f"    # {comment(note)}"
    if not any(g.role in ("primary", "unique") for g in draft.guesses):
        yield f"    primary_entity: {scalar(draft.name)} # a name for its rows, in paths"


def _columns(draft: Draft) -> Iterator[str]:
    kept = [g for g in draft.guesses if g.role not in ("left", "sum")]
    if kept:
        yield "    columns:"
    for guess in kept:
        yield f"      - name: {scalar(guess.column.name)} # {comment(guess.why)}"
        renamed = f", name: {scalar(guess.name)}" if guess.name != guess.column.name else ""
        if guess.role in ("primary", "unique", "foreign"):
            yield f"        entity: {{type: {guess.role}, name: {scalar(guess.name)}}}"
        else:
            yield f"        dimension: {{type: {guess.role}{renamed}}}"
        if guess.column.granularity and guess.role == "time":
            yield f"        granularity: {guess.column.granularity}"
    left = [g for g in draft.guesses if g.role == "left"]
    if left:
        yield "    # Left out:"
    for guess in left:
        yield f"    #   {comment(guess.column.name)}: {comment(guess.why)}"


def _metrics(draft: Draft, metrics: Sequence[tuple[Guess | None, str]]) -> Iterator[str]:
    yield "metrics:"
    for guess, name in metrics:
        yield f"  - name: {scalar(name)}"
        if guess is None:
            yield f"    description: Rows of {draft.name}."
        yield "    status: draft"
        yield f"    model: {scalar(draft.name)}"
        if guess is None:
            yield "    agg: count"
        else:
            yield f"    agg: sum # {comment(guess.why)}"
        if guess is not None and name != guess.column.name:
            yield f"    expr: {scalar(quoted(guess.column.name))}"


def scalar(text: str) -> str:
    r"""A text as a YAML value that is this text again, after Jinja too.

    >>> scalar("orders"), scalar("no"), scalar('a: "b"\n')
    ('orders', '"no"', '"a: \\"b\\"\\u000A"')
    >>> print(scalar('"Unit Price"'))
    '"Unit Price"'
    >>> print(scalar("{{ x }}"))
    '{{ "{" }}{{ "{" }} x }}'
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    inert = text.replace("{", '{{ "{" }}') if _TAG.search(text) else text
    if '"' in inert and inert.isprintable() and "'" not in inert and "\ufeff" not in inert:
        return f"'{inert}'"
    return f'"{"".join(map(_escaped, inert))}"'


def _escaped(character: str) -> str:
    if character in ('"', "\\"):
        return f"\\{character}"
    if character.isprintable() and character != "\ufeff":
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def comment(text: str) -> str:
    """A text that stays on the line of a comment."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _COMMENT_WIDTH else f"{line[: _COMMENT_WIDTH - 3]}..."
