"""Rows as text: csv, json, jsonl, markdown and tables.

Numbers keep every digit. In JSON a decimal is a number with its digits written verbatim
(``12.50``), never a binary float of it; a reader that keeps decimals gets the exact value back. NaN
and infinities have no JSON form and become null, as NULL does. In CSV, NULL is empty. Dates and
times are ISO 8601.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

Row = Sequence[Any]

FAR_TOO_WIDE: Final = 100_000
"""Columns of a pretended terminal that cuts no piped table."""


# --------------------------------------------------------------------------------------------- text


def plain(value: object) -> str:
    """A value as one text, exact and ISO; NULL is the empty text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")  # never an exponent
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict() | list() | tuple():
            return dumps(value)
        case _:
            return str(value)


def dumps(value: object) -> str:
    """A value as JSON on one line, decimals digit by digit.

    >>> dumps({"rate": Decimal("0.10"), "share": float("nan")})
    '{"rate": 0.10, "share": null}'
    """
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int():
            return int.__repr__(value)
        case float():
            return float.__repr__(value) if math.isfinite(value) else "null"
        case Decimal():
            return format(value, "f") if value.is_finite() else "null"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Mapping():
            pairs = (f"{dumps(str(key))}: {dumps(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list() | tuple() | set() | frozenset():
            return "[" + ", ".join(dumps(item) for item in value) + "]"
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            # Not asdict(): it would copy deeply, and slots and nesting work without it.
            named = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return dumps(named)
        case _:
            return dumps(plain(value))


# ------------------------------------------------------------------------------------- file formats


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Lines of RFC 4180 CSV with a header, except that lines end as the platform's texts do."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([plain(value) for value in row])
        if buffer.tell() > 65_536:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def as_jsonl(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """One JSON object a line."""
    for row in rows:
        yield dumps(dict(zip(columns, row, strict=True))) + "\n"


def as_envelope(
    command: str, results: Iterable[object], summary: Mapping[str, Any], *, ok: bool = True
) -> Iterator[str]:
    """The JSON envelope of a command, one result a line."""
    yield f'{{"schema": {dumps(f"kpilayer/{command}@1")}, "ok": {dumps(ok)}, "results": ['
    between = "\n  "
    for result in results:
        yield between + dumps(result)
        between = ",\n  "
    yield ("\n" if between[0] == "," else "") + f'], "summary": {dumps(summary)}}}\n'


def as_markdown(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """A GitHub table; numbers to the right, pipes and tags escaped."""
    kept = [list(row) for row in rows]
    yield "| " + " | ".join(_markdown_cell(name) for name in columns) + " |\n"
    yield "|" + "|".join("---:" if right else "---" for right in _numeric(columns, kept)) + "|\n"
    for row in kept:
        yield "| " + " | ".join(_markdown_cell(plain(value)) for value in row) + " |\n"


def _markdown_cell(text: str) -> str:
    for special in "\\|<":
        text = text.replace(special, "\\" + special)
    return "<br>".join(text.splitlines())


# ------------------------------------------------------------------------------------------- tables


def as_table(columns: Sequence[str], rows: Iterable[Row], *, width: int, colour: bool) -> str:
    """A table for people; NULL is shown as such, numbers stand to the right.

    Floating-point numbers, and no others, are rounded to four decimals; other formats are exact.
    ``width`` is what the terminal has; :data:`FAR_TOO_WIDE` never wraps or cuts.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    kept = [list(row) for row in rows]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for name, right in zip(columns, _numeric(columns, kept), strict=True):
        table.add_column(Text(visible(name)), justify="right" if right else "left", overflow="fold")
    for row in kept:
        table.add_row(
            *(
                Text("NULL", style="dim") if value is None else Text(visible(_for_people(value)))
                for value in row
            )
        )
    return rendered(table, width=width, colour=colour)


def rendered(thing: Any, *, width: int, colour: bool) -> str:
    """What rich makes of a thing, without spaces at the ends of lines."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        console.print(thing)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def visible(text: str) -> str:
    r"""Text with control characters spelled out, so that data cannot steer a terminal.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def _for_people(value: object) -> str:
    match value:
        case datetime():
            return value.isoformat(sep=" ")
        case float() if math.isfinite(value):
            usual = value == 0 or 1e-3 <= abs(value) < 1e15
            return f"{value:.4f}" if usual else f"{value:.4g}"
        case _:
            return plain(value)


def _numeric(columns: Sequence[str], rows: Sequence[Row]) -> list[bool]:
    """For each column, whether it holds numbers and nothing else."""

    def numbers(position: int) -> bool:
        values = [row[position] for row in rows if row[position] is not None]
        return bool(values) and all(
            isinstance(value, int | float | Decimal) and not isinstance(value, bool)
            for value in values
        )

    return [numbers(position) for position in range(len(columns))]
