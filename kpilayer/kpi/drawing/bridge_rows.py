"""A bridge as rows of cells, for text and Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from kpilayer.kpi.bridge import UNEXPLAINED, Bridge
from kpilayer.kpi.by_segment import BySegment, SegmentRow
from kpilayer.kpi.drawing.table import branches, plain
from kpilayer.kpi.influence import InfluenceRow
from kpilayer.kpi.moved import DriverRow
from kpilayer.kpi.shown import Scale, scale_of, share_in_words, value_in_words

Cells: TypeAlias = tuple[str, ...]
#: Segments that are shown one by one; what others did is one row.
MOST_SEGMENTS: Final = 12
NO_SEGMENT: Final = "(no value)"
DOES_NOT_ADD_UP: Final = "does not add up"


def tree_rows(bridge: Bridge) -> list[Cells]:
    """The header, the tree, and what is not explained; contributions only where there are any."""
    told = bridge.has_drivers and bridge.status == "ok"
    header: Cells = ("", bridge.against.name, bridge.period.name)
    rows = [(*header, "contribution", "share", "") if told else (*header, "")]
    shown = bridge.footed()
    for row, branch in zip(bridge.rows, branches([r.depth for r in bridge.rows]), strict=True):
        cells: Cells = (branch + plain(row.name), *_ends(row, bridge))
        if told:
            amount = shown_amount(row, shown)
            numbers = (bridge.scale.difference(amount), share_in_words(row.share))
            cells = (*cells, *(("", "") if row.repeated else numbers))
        rows.append((*cells, _remark(row)))
    if told:
        left = bridge.scale.difference(shown.get(UNEXPLAINED, bridge.residual))
        part = None if not bridge.change else (bridge.residual or 0.0) / bridge.change
        rows.append((UNEXPLAINED, "", "", left, share_in_words(part), ""))
    return rows


def shown_amount(row: DriverRow, shown: Mapping[str, Decimal]) -> float | Decimal | None:
    """The contribution of a row as it is shown: of the KPI itself, what its parts add up to."""
    if row.depth == 0 and shown:
        return sum(shown.values(), Decimal(0))
    return shown.get(row.name, row.contribution) if row.is_leaf else row.contribution


def _ends(row: DriverRow, bridge: Bridge) -> Cells:
    if row.repeated:
        return "", ""
    if row.depth == 0:
        return bridge.scale.value(row.before), bridge.scale.value(row.after)
    form = bridge.formats.get(row.metric, "")
    before = "" if row.is_flow else value_in_words(row.before, form)
    return before, value_in_words(row.after, form)


def _remark(row: DriverRow) -> str:
    if row.repeated:
        return "as above"
    said = ("flow" if row.is_flow else "", "carried" if row.carried else "",
            "" if row.adds_up else DOES_NOT_ADD_UP)  # fmt: skip
    return ", ".join(filter(None, said))


def segment_rows(table: BySegment, bridge: Bridge) -> list[Cells]:
    """The header and the segments, the largest first; those beyond twelve together."""
    is_mix = table.kind == "rate_and_mix"
    middle = ("rate", "mix") if is_mix else ()
    rows: list[Cells] = [
        ("", bridge.against.name, bridge.period.name, *middle, "contribution", "share", "")
    ]
    rest = [row for row in table.rows if row.status in ("overlap", UNEXPLAINED)]
    segments = [row for row in table.rows if row.status not in ("overlap", UNEXPLAINED)]
    shown, others = segments[:MOST_SEGMENTS], segments[MOST_SEGMENTS:]
    numbers = [n for r in table.rows for n in (r.before, r.after, r.contribution)]
    scale = scale_of(bridge.form, numbers)
    rows += [_segment_cells(row, scale, is_mix) for row in shown]
    if others:
        rows.append(_together(others, scale, is_mix))
    return rows + [_segment_cells(row, scale, is_mix) for row in rest]


def _segment_cells(row: SegmentRow, scale: Scale, is_mix: bool) -> Cells:
    name = NO_SEGMENT if row.segment is None else plain(row.segment)
    tag = row.status if row.status in ("new", "lost") else ""
    is_rest = row.status in ("overlap", UNEXPLAINED)
    ends = ("", "") if is_rest else (scale.value(row.before), scale.value(row.after))
    parts = (row.rate, row.mix) if is_mix else ()
    middle = tuple("" if is_rest else scale.difference(part) for part in parts)
    contribution = scale.difference(row.contribution)
    name = row.status if is_rest else name
    return (name, *ends, *middle, contribution, share_in_words(row.share), tag)


def _together(rows: Sequence[SegmentRow], scale: Scale, is_mix: bool) -> Cells:
    def added(values: Sequence[float | None]) -> float:
        return sum(value or 0.0 for value in values)

    parts = ([r.rate for r in rows], [r.mix for r in rows]) if is_mix else ()
    middle = tuple(scale.difference(added(part)) for part in parts)
    shares = None if any(row.share is None for row in rows) else added([r.share for r in rows])
    contribution = scale.difference(added([r.contribution for r in rows]))
    name = f"{len(rows)} others"
    return (name, "", "", *middle, contribution, share_in_words(shares), "")


def title_of(bridge: Bridge) -> str:
    """What is told, in a line: the KPI, both periods, the method."""
    method = f", by {bridge.method}" if bridge.has_drivers and bridge.status == "ok" else ""
    return f"{bridge.kpi}: {bridge.period.name} against {bridge.against.name}{method}"


def remarks(bridge: Bridge) -> list[str]:
    """What is to be said besides the numbers, the worst first."""
    found = []
    if bridge.status == "undefined":
        found.append(f"no contributions: {bridge.detail}")
    missed = [row.name for row in bridge.rows if not row.adds_up and not row.repeated]
    if missed:
        found.append(f"{DOES_NOT_ADD_UP}: {', '.join(missed)}, beyond the tolerance")
    if bridge.warning:
        found.append(bridge.warning)
    if bridge.is_normal:
        found.append("within normal variation: less than one MAD of the changes before")
    return [*found, *bridge.notes]


def influence_line(row: InfluenceRow) -> str:
    """An influence in words."""
    if row.problem is not None:
        return f"{row.name}: not asked: {row.problem}"
    lag = f", {row.lag} period{'s' if row.lag > 1 else ''} before" if row.lag else ""
    if row.correlation is None:
        return f"{row.name}{lag}: too little to rank (n = {row.n})"
    told = f"rank correlation of changes {row.correlation:+.2f} (n = {row.n})"
    return f"{row.name}{lag}: {told}, said to be {row.expected}"


def found_lines(bridge: Bridge) -> list[str]:
    """What the segment finder says, a line for each element."""
    if bridge.found is None:
        return []
    moved, scale = bridge.found.moved, bridge.scale
    lines = []
    if moved.status == "undefined":
        lines.append(f"no segment stands out: {moved.detail}")
    elif not moved.dimensions:
        lines.append("no segment stands out: the change is everywhere")
    for dimension in moved.dimensions:
        told = ", ".join(
            f"{NO_SEGMENT if e.element is None else plain(str(e.element))} "
            f"{scale.difference(e.change)} ({share_in_words(e.explained)})"
            for e in dimension.elements
        )
        lines.append(f"{dimension.dimension}: {told}")
    left_out = bridge.found.left_out.items()
    return [*lines, *(f"{name}: left out: {why}" for name, why in left_out)]
