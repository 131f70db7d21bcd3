"""What ``kpilayer show`` prints: nested values as a card for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kpilayer.cli.formats import FAR_TOO_WIDE, as_table, plain, rendered, visible

_READING_WIDTH: Final = 100


def card(values: Mapping[str, Any], *, width: int, colour: bool) -> str:
    """The values one above the other: short ones as lines, long ones as blocks below.

    ``kind``, ``name``, ``label`` and ``description`` make the heading; what is empty is left out.
    """
    from rich.text import Text

    rest = {key: value for key, value in values.items() if not _is_empty(value)}
    heading = Text()
    heading.append(visible(str(rest.pop("name", ""))), style="bold")
    kind = [str(rest.pop("kind", "")), str(rest.pop("label", ""))]
    heading.append("  " + ", ".join(visible(word) for word in kind if word), style="dim")
    pieces = [rendered(heading, width=FAR_TOO_WIDE, colour=colour)]
    if "description" in rest:
        text = Text(visible(str(rest.pop("description")).strip()))
        pieces.append(rendered(text, width=min(width, _READING_WIDTH), colour=colour))
    short = {key: _short(value) for key, value in rest.items()}
    lines = {key: text for key, text in short.items() if text is not None}
    if lines:
        pieces.append(_lines(lines, width, colour))
    pieces += [
        _block(key, value, width, colour) for key, value in rest.items() if short[key] is None
    ]
    return "\n".join(pieces)


def _is_empty(value: object) -> bool:
    return (
        value is None
        or value is False
        or (isinstance(value, str | Sequence | Mapping) and not value)
    )


def _short(value: object) -> str | None:
    """The value as one line, or None where it needs a block."""
    if isinstance(value, Mapping):
        if set(value) >= {"path", "line"}:  # a place in a file, as editors open it
            return ":".join(str(value[key]) for key in ("path", "line", "column") if key in value)
        return None
    if isinstance(value, list | tuple):
        if any(isinstance(item, Mapping | list | tuple) for item in value):
            return None
        return visible(", ".join(plain(item) for item in value))
    text = plain(value)
    return None if "\n" in text.strip() else visible(text.strip())


def _lines(lines: Mapping[str, str], width: int, colour: bool) -> str:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for key, text in lines.items():
        grid.add_row(_spoken(key), Text(text))
    return rendered(grid, width=width, colour=colour)


def _block(key: str, value: object, width: int, colour: bool) -> str:
    from rich.text import Text

    title = rendered(Text(_spoken(key), style="bold"), width=width, colour=colour)
    if isinstance(value, Mapping):
        body = _lines({k: _line(v) for k, v in value.items() if not _is_empty(v)}, width, colour)
    elif isinstance(value, list | tuple) and all(isinstance(item, Mapping) for item in value):
        columns = list(dict.fromkeys(name for item in value for name in item))
        columns = [name for name in columns if not all(_is_empty(i.get(name)) for i in value)]
        rows = [[_line(item.get(name)) for name in columns] for item in value]
        body = as_table(columns, rows, width=width, colour=colour)
    else:
        text = _line(value) if isinstance(value, list | tuple) else plain(value).strip()
        body = "".join(f"  {visible(line)}\n" for line in text.splitlines())
    return title + body


def _line(value: object) -> str:
    if _is_empty(value):
        return ""
    return _short(value) or plain(value)


def _spoken(key: str) -> str:
    return visible(key).replace("_", " ")
