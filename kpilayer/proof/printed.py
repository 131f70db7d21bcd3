"""A verdict as people read it: a line, or small tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kpilayer.proof.verdict import Example, Rows, Verdict

_MOST_IN_LINE: Final = 4
_MOST_IN_TABLE: Final = 10


def line(verdict: Verdict) -> str:
    """The answer and what it rests on, in a line."""
    match verdict.answer:
        case "equivalent":
            how = "the same query" if verdict.method == "same" else f"proved by {verdict.method}"
            return f"equivalent: {how}, {_tried(verdict)}"
        case "different" if verdict.example is not None:
            where = f"seed {verdict.seed}, trial {verdict.trials}"
            return f"different: {_in_line(verdict.example)} ({where})"
    return f"{verdict.answer}: {verdict.why}"


def page(verdict: Verdict) -> str:
    """The answer with its reasons, and tables of the rows that tell the queries apart."""
    parts = [line(verdict) if verdict.example is None or verdict.contradiction else _head(verdict)]
    if verdict.laws:
        parts.append(f"laws: {', '.join(verdict.laws)}")
    if verdict.assumptions:
        parts.append(f"given that: {'; '.join(verdict.assumptions)}")
    if verdict.example is not None:
        parts += _tables(verdict.example)
    if verdict.why and verdict.answer != "unproven":
        parts.append(verdict.why)
    return "\n".join(parts)


def _head(verdict: Verdict) -> str:
    return f"{verdict.answer} (seed {verdict.seed}, trial {verdict.trials})"


def _tried(verdict: Verdict) -> str:
    if not verdict.trials:
        return "not tried on rows"
    return f"and {verdict.trials} trials agree"


# --------------------------------------------------------------------------------------------- line


def _in_line(example: Example) -> str:
    given = [_given(name, *table) for name, table in example.tables.items()]
    head = f"{', '.join(given)} -> " if given else ""
    return f"{head}before {_answer(example.before)}, after {_answer(example.after)}"


def _given(name: str, columns: Sequence[str], rows: Rows) -> str:
    if not rows:
        return f"{name} empty"
    if len(rows) > _MOST_IN_LINE:
        return f"{name} ({len(rows)} rows)"
    shown = (", ".join(f"{c}={value(v)}" for c, v in zip(columns, r, strict=True)) for r in rows)
    return ", ".join(f"{name}({cells})" for cells in shown)


def _answer(answer: Rows | str) -> str:
    if isinstance(answer, str):
        return answer
    if not answer:
        return "no rows"
    if len(answer) > _MOST_IN_LINE:
        return f"{len(answer)} rows"
    if len(answer[0]) == 1:
        return ", ".join(value(row[0]) for row in answer)
    return ", ".join(f"({', '.join(map(value, row))})" for row in answer)


def value(found: Any) -> str:
    """A value as SQL would write it, without the name of its type.

    >>> value(None), value("it's"), value(True), value(date(2024, 1, 31))
    ('NULL', "'it''s'", 'true', '2024-01-31')
    """
    match found:
        case None:
            return "NULL"
        case bool():
            return str(found).lower()
        case str():
            return "'" + found.replace("'", "''") + "'"
        case date() | time():
            return str(found).removesuffix("+00:00")
    return str(found)


# ------------------------------------------------------------------------------------------- tables


def _tables(example: Example) -> list[str]:
    parts = [_table(name, columns, rows) for name, (columns, rows) in example.tables.items()]
    for name, answer in (("before", example.before), ("after", example.after)):
        if isinstance(answer, str):
            parts.append(f"{name}: {answer}")
        else:
            parts.append(_table(name, example.columns, answer))
    return parts


def _table(title: str, columns: Sequence[str], rows: Rows) -> str:
    if not rows:
        return f"{title}: no rows"
    shown = [tuple(columns), *(tuple(map(value, row)) for row in rows[:_MOST_IN_TABLE])]
    widths = [max(len(row[i]) for row in shown) for i in range(len(columns))]
    lines = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
    if len(rows) > _MOST_IN_TABLE:
        lines.append(f"  .. and {len(rows) - _MOST_IN_TABLE} more rows")
    return "\n".join([f"{title}:", *lines])
