"""A bridge as a waterfall: from the value before, over each contribution, to the value after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kpilayer.kpi.bridge import UNEXPLAINED, Bridge
from kpilayer.kpi.drawing.bridge_rows import DOES_NOT_ADD_UP, NO_SEGMENT, title_of
from kpilayer.kpi.drawing.svg import CHARACTER, ROW, bar, cut, line, picture, words

_WIDTH: Final = 760
_MOST: Final = 34  # characters of a name
_TOP: Final = 40
#: A change smaller than this share of the values is drawn on an axis that does not begin at 0.
_SMALL: Final = 0.2


@dataclass(frozen=True, slots=True)
class _Bar:
    name: str
    start: float
    end: float
    shown: str
    style: str


def as_waterfall(bridge: Bridge) -> str:
    """The picture; without contributions it says why there are none."""
    title = f"{bridge.label}: {bridge.period.name} against {bridge.against.name}"
    bars = _bars(bridge)
    if not bars:
        why = bridge.detail or "nothing says what it is made of"
        parts = [words(12, 24, title), words(12, 48, f"no contributions: {why}", "quiet")]
        return picture(f"{title}, no contributions: {why}", _WIDTH, 64, parts)
    told = ", ".join(f"{one.name} {one.shown}" for one in bars)
    names = min(_MOST, max(len(one.name) for one in bars)) * CHARACTER + 24
    numbers = max(len(one.shown) for one in bars) * CHARACTER + 16
    low, high = _range(bars)
    scale = (_WIDTH - names - numbers - 12) / ((high - low) or 1)

    def at(value: float) -> float:
        return names + (value - low) * scale

    parts = [words(12, 22, title_of(bridge) if bridge.has_drivers else title)]
    for index, one in enumerate(bars):
        y = _TOP + index * ROW
        left, right = sorted((at(one.start), at(one.end)))
        is_cut = one.name if len(one.name) > _MOST else ""
        parts.append(words(12, y + 17, cut(one.name, _MOST), title=is_cut))
        parts.append(bar(left, y + 5, right - left, ROW - 10, one.style, f"{one.name} {one.shown}"))
        if index + 1 < len(bars):
            parts.append(line((at(one.end), y + ROW - 5), (at(one.end), y + ROW + 5)))
        parts.append(words(_WIDTH - 12, y + 17, one.shown, anchor="end"))
    height = _TOP + len(bars) * ROW + 12
    if low != 0:
        note = f"bars begin at {bridge.scale.value(low)}"
        parts.append(words(12, height + 6, note, "quiet"))
        height += 18
    if bridge.adds_up is False:
        parts.append(words(_WIDTH - 12, 22, DOES_NOT_ADD_UP, "down", "end"))
    return picture(f"{title_of(bridge)}: {told}", _WIDTH, height, parts)


def _range(bars: Sequence[_Bar]) -> tuple[float, float]:
    """The values at both ends of the axis; 0 is one of them unless the change would vanish."""
    levels = [level for one in bars[1:-1] for level in (one.start, one.end)]
    low, high = min([*levels, bars[0].end, bars[-1].end]), max([*levels, bars[0].end, bars[-1].end])
    largest = max(abs(low), abs(high))
    if low <= 0 <= high or high - low >= _SMALL * largest:
        return min(low, 0.0), max(high, 0.0)
    margin = (high - low) / 4
    return (low - margin, high) if low > 0 else (low, high + margin)


def _bars(bridge: Bridge) -> list[_Bar]:
    root, scale = bridge.root, bridge.scale
    if root.before is None or root.after is None:
        return []
    parts = _parts(bridge)
    if not parts:
        return []
    low_end = 0.0
    found = []
    level = root.before
    for name, amount, shown in parts:
        style = "warn" if name == UNEXPLAINED else "up" if amount >= 0 else "down"
        found.append(_Bar(name, level, level + amount, shown, style))
        level += amount
    first = _Bar(bridge.against.name, low_end, root.before, scale.value(root.before), "whole")
    last = _Bar(bridge.period.name, low_end, root.after, scale.value(root.after), "whole")
    bars = [first, *found, last]
    base, top = _range(bars)
    floor = base if base > 0 else top if top < 0 else 0.0
    return [_on(first, floor), *found, _on(last, floor)]


def _on(one: _Bar, floor: float) -> _Bar:
    return _Bar(one.name, floor, one.end, one.shown, one.style)


def _parts(bridge: Bridge) -> list[tuple[str, float, str]]:
    """The leaves of the tree, or of a KPI without one the first table of segments."""
    shown = bridge.footed()
    if bridge.parts:
        return [
            (name, amount, bridge.scale.difference(shown.get(name, amount)))
            for name, amount in bridge.parts
        ]
    tables = [table for table in bridge.segments if table.status == "ok"]
    if bridge.has_drivers or not tables:
        return []
    rows = tables[0].rows
    return [
        (
            row.status if row.status in ("overlap", UNEXPLAINED) else row.segment or NO_SEGMENT,
            row.contribution,
            bridge.scale.difference(row.contribution),
        )
        for row in rows
    ]
