"""Lines of text in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_GAP: Final = "  "


def in_columns(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> list[str]:
    """A line for each row, its cells below each other: columns of ``left`` to the left.

    >>> in_columns([("a", "1"), ("long", "20")])
    ['a      1', 'long  20']
    """
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    return [
        _GAP.join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def branches(depths: Sequence[int]) -> list[str]:
    """What stands before each line of a tree, of which the depths are given from the root down.

    >>> branches([0, 1, 2, 1])
    ['', '├─ ', '│  └─ ', '└─ ']
    """
    found = []
    for at, depth in enumerate(depths):
        text = ""
        for level in range(1, depth + 1):
            later = next((d for d in depths[at + 1 :] if d <= level), 0)
            goes_on = later == level
            if level == depth:
                text += "├─ " if goes_on else "└─ "
            else:
                text += "│  " if goes_on else "   "
        found.append(text)
    return found


def plain(text: str) -> str:
    """A text on one line, without characters that could steer a terminal."""
    spelled = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return "".join(spelled)
