"""The hierarchy of KPIs as text, Mermaid and SVG, with how each one stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kpilayer.kpi.drawing.mermaid import flowchart
from kpilayer.kpi.drawing.svg import CHARACTER, ROW, cut, line, picture, words
from kpilayer.kpi.drawing.table import branches, in_columns, plain
from kpilayer.kpi.hierarchy import Branch, Hierarchy

MARKS: Final = {"healthy": "●", "warning": "▲", "breach": "■"}
OTHER: Final = "○"
_STYLES: Final = {"healthy": "up", "warning": "warn", "breach": "down"}
_MOST: Final = 40


@dataclass(frozen=True, slots=True)
class State:
    """How a KPI stands: its status in a word, its value as people read it, "" where not known."""

    status: str
    value: str = ""

    @property
    def mark(self) -> str:
        """The status as a sign."""
        return MARKS.get(self.status, OTHER)


def as_text(tree: Hierarchy, states: Mapping[str, State], notes: Sequence[str] = ()) -> str:
    """A line for each place: status, name, value, kind, guardrails."""
    rows = []
    for branch, prefix in zip(
        tree.branches, branches([b.depth for b in tree.branches]), strict=True
    ):
        state = states.get(branch.name)
        mark = f"{state.mark} " if state is not None and not branch.repeated else ""
        rows.append((f"{prefix}{mark}{plain(branch.name)}", *_cells(branch, states)))
    lines = in_columns(rows, (0, 2, 3, 4))
    return "\n".join([*lines, *_below(problems(tree), notes)]) + "\n"


def _below(found: Sequence[str], notes: Sequence[str]) -> list[str]:
    said = [*map(plain, found), *map(plain, notes)]
    return ["", *said] if said else []


def _cells(branch: Branch, states: Mapping[str, State]) -> tuple[str, str, str, str]:
    if branch.repeated:
        return "", "as above", "", ""
    if branch.kpi is None:
        return "", "", "metric", ""
    state = states.get(branch.name)
    value, status = (state.value, state.status.replace("_", " ")) if state else ("", "")
    return value, status, branch.kpi.kind.replace("_", " "), guardrails(branch, states)


def guardrails(branch: Branch, states: Mapping[str, State]) -> str:
    """What guards a KPI, each with the sign of how it stands."""
    if branch.kpi is None or not branch.kpi.guardrails:
        return ""
    names = [rail.kpi or rail.metric or "" for rail in branch.kpi.guardrails]
    told = (f"{states[n].mark} {plain(n)}" if n in states else plain(n) for n in names)
    return f"guarded by {', '.join(told)}"


def problems(tree: Hierarchy) -> list[str]:
    """What is wrong with the hierarchy, in sentences."""
    found = [f"{name} leads to no north star" for name in tree.orphans]
    return found + [f"a circle: {' > '.join(cycle)}" for cycle in tree.cycles]


def as_mermaid(tree: Hierarchy, states: Mapping[str, State]) -> str:
    """Each KPI once, with an edge for each place that it has; guardrails by dotted lines."""
    full = [branch for branch in tree.branches if not branch.repeated]
    places = {branch.name: at for at, branch in enumerate(full)}
    nodes = []
    for branch in full:
        state = states.get(branch.name)
        style = "" if state is None else state.status if state.status in MARKS else "unknown"
        name = branch.name if branch.kpi is None else branch.kpi.label or branch.name
        lines = [name] if state is None else [name, f"{state.mark} {state.value}".rstrip()]
        nodes.append((lines, style))
    edges = [
        (places[branch.parent], places[branch.name], branch.edge, False)
        for branch in tree.branches
        if branch.parent is not None
    ]
    for branch in full:
        rails = branch.kpi.guardrails if branch.kpi is not None else ()
        edges += [
            (places[branch.name], places[rail.kpi], "guarded by", True)
            for rail in rails
            if rail.kpi in places and rail.kpi is not None
        ]
    return flowchart(nodes, edges)


def as_svg(tree: Hierarchy, states: Mapping[str, State]) -> str:
    """The tree as a picture: a line for each place, joined to what it is below."""
    names = [cut(branch.name, _MOST) for branch in tree.branches]
    width = 40 + max(
        (b.depth * 24 + len(n) * CHARACTER for b, n in zip(tree.branches, names, strict=True)),
        default=0,
    )
    told = [_right(branch, states) for branch in tree.branches]
    right = max((len(text) for text in told), default=0) * CHARACTER + 24
    parts, rows = [], {}
    for at, (branch, name, text) in enumerate(zip(tree.branches, names, told, strict=True)):
        x, y = 24 + branch.depth * 24, 24 + at * ROW
        if not branch.repeated:
            rows[branch.name] = (x, y)
        above = rows.get(branch.parent or "")
        if above is not None:
            parts.append(line((above[0] - 6, above[1] + 6), (above[0] - 6, y - 4), (x - 14, y - 4)))
        state = None if branch.repeated else states.get(branch.name)
        if state is not None:
            parts.append(words(x - 12, y, state.mark, _STYLES.get(state.status, "quiet")))
        parts.append(words(x + 4, y, name, "quiet" if branch.repeated else "",
                           title=branch.name if name != branch.name else ""))  # fmt: skip
        if text:
            parts.append(words(width, y, text, "quiet"))
    height = 24 + len(tree.branches) * ROW
    said = ", ".join(
        f"{b.name} {states[b.name].status}" if b.name in states else b.name
        for b in tree.branches
        if not b.repeated
    )
    return picture(f"Hierarchy of KPIs: {said}", width + right, height, parts)


def _right(branch: Branch, states: Mapping[str, State]) -> str:
    value, status, kind, _ = _cells(branch, states)
    return " · ".join(filter(None, (value, status, kind)))
