"""A bridge for a terminal, and as Markdown for a comment."""

from __future__ import annotations

from collections.abc import Sequence

from kpilayer.kpi.bridge import Bridge
from kpilayer.kpi.by_segment import BySegment
from kpilayer.kpi.drawing.bridge_rows import (
    found_lines,
    influence_line,
    remarks,
    segment_rows,
    title_of,
    tree_rows,
)
from kpilayer.kpi.drawing.table import in_columns, plain

_INFLUENCES = "may move it, and is no part of it"
_FOUND = "where it moved more than elsewhere"


def as_text(bridge: Bridge) -> str:
    """The tree with values, contributions and shares; below it segments and influences."""
    rows = tree_rows(bridge)
    lines = [title_of(bridge), "", *in_columns(rows, (0, len(rows[0]) - 1))]
    lines += ["", *map(plain, remarks(bridge))] if remarks(bridge) else []
    for table in bridge.segments:
        lines += ["", _segments_title(table, bridge)]
        if table.status == "ok":
            cells = segment_rows(table, bridge)
            lines += in_columns(cells, (0, len(cells[0]) - 1))
    if bridge.found is not None:
        lines += ["", f"{_FOUND}:", *(f"  {line}" for line in found_lines(bridge))]
    if bridge.influences:
        lines += ["", f"{_INFLUENCES}:"]
        lines += [f"  {plain(influence_line(row))}" for row in bridge.influences]
    return "\n".join(lines) + "\n"


def as_markdown(bridge: Bridge) -> str:
    """The same as tables for a comment."""
    blocks = [f"**{_escaped(title_of(bridge))}**", _table(tree_rows(bridge))]
    blocks += [_list(remarks(bridge))] if remarks(bridge) else []
    for table in bridge.segments:
        blocks.append(_escaped(_segments_title(table, bridge)))
        if table.status == "ok":
            blocks.append(_table(segment_rows(table, bridge)))
    if bridge.found is not None:
        blocks += [f"{_FOUND}:", _list(found_lines(bridge))]
    if bridge.influences:
        blocks += [f"{_INFLUENCES}:", _list([influence_line(row) for row in bridge.influences])]
    return "\n\n".join(blocks) + "\n"


def _segments_title(table: BySegment, bridge: Bridge) -> str:
    if table.status == "undefined":
        return f"by {table.dimension}: not told: {table.detail}"
    if table.kind == "sum":
        return f"by {table.dimension}"
    rate, mix = (bridge.scale.difference(part) for part in (table.rate, table.mix))
    return f"by {table.dimension}: rate {rate}, mix {mix}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    header, *others = rows
    right = ["---", *("---:" for _ in header[1:-1]), "---"]
    lines = [f"| {' | '.join(map(_escaped, row))} |" for row in (header, right, *others)]
    return "\n".join(lines)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_escaped(line)}" for line in lines)


def _escaped(text: str) -> str:
    for special in "\\|<*[]":
        text = text.replace(special, "\\" + special)
    return plain(text)
