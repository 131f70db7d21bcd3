"""A bridge as a Mermaid chart: the tree, each number with its values and what it did."""

from __future__ import annotations

from kpilayer.kpi.bridge import UNEXPLAINED, Bridge
from kpilayer.kpi.drawing.bridge_rows import DOES_NOT_ADD_UP, shown_amount
from kpilayer.kpi.drawing.mermaid import flowchart
from kpilayer.kpi.moved import DriverRow
from kpilayer.kpi.shown import value_in_words


def as_mermaid(bridge: Bridge) -> str:
    """The tree; influences and what is not explained lead to the KPI by dotted lines."""
    shown = bridge.footed()
    places = {row.name: at for at, row in enumerate(r for r in bridge.rows if not r.repeated)}
    nodes = [(_lines(row, bridge), _style(row)) for row in bridge.rows if not row.repeated]
    edges = []
    for row in bridge.rows:
        if row.parent is not None:
            amount = shown_amount(row, shown)
            told = "" if row.repeated or amount is None else bridge.scale.difference(amount)
            edges.append((places[row.parent], places[row.name], told, False))
    if shown.get(UNEXPLAINED):
        left = bridge.scale.difference(shown[UNEXPLAINED])
        edges.append((0, len(nodes), left, True))
        nodes.append(([UNEXPLAINED], "unknown"))
    for influence in bridge.influences:
        edges.append((0, len(nodes), f"may move it ({influence.expected})", True))
        nodes.append(([influence.name], "unknown"))
    return flowchart(nodes, edges)


def _lines(row: DriverRow, bridge: Bridge) -> list[str]:
    form = bridge.formats.get(row.metric, "")
    after = value_in_words(row.after, form)
    ends = after if row.is_flow else f"{value_in_words(row.before, form)} → {after}"
    name = bridge.label if row.depth == 0 else row.name
    return [name, ends, *(() if row.adds_up else (DOES_NOT_ADD_UP,))]


def _style(row: DriverRow) -> str:
    return "" if row.adds_up else "breach"
