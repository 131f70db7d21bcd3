"""What stands in group-bys and filters: a name with a grain or date part, or a metric by entity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.oracle import snippets
from tests.oracle.snippets import Node
from tests.oracle.time import GRAINS, PARTS, as_moment, shown, truncate
from tests.oracle.time import parse as parse_time

METRIC_TIME = "metric_time"
_METRIC = re.compile(r"metric\((\w+) by ([\w, ]+?)( in range)?\)")


@dataclass(frozen=True)
class Item:
    """`buyer__region__zone`, `metric_time__month`, `metric_time__extract_dow`."""

    entities: tuple[str, ...]
    name: str
    grain: str | None = None
    part: str | None = None

    @property
    def is_time(self) -> bool:
        return self.name == METRIC_TIME and not self.entities

    @property
    def base(self) -> str:
        return "__".join((*self.entities, self.name))


@dataclass(frozen=True)
class MetricItem:
    """`Metric('orders', ['customer'])` in a filter: the metric's value for the row's entity."""

    metric: str
    per: tuple[str, ...]
    in_range: bool


@dataclass(frozen=True)
class Condition:
    """A filter, and the grain of a bare `metric_time` in it."""

    node: Node
    bare: str | None = None

    def items(self) -> Iterator[Item | MetricItem]:
        for name in self.node.names():
            yield item(name, self.bare)

    @property
    def is_timed(self) -> bool:
        return any(isinstance(i, Item) and i.is_time for i in self.items())

    @property
    def is_only_time(self) -> bool:
        found = list(self.items())
        return bool(found) and all(isinstance(i, Item) and i.is_time for i in found)


def item(text: str, bare: str | None = None) -> Item | MetricItem:
    """What a name stands for; ``bare`` is the grain of a `metric_time` without one."""
    found = _METRIC.fullmatch(text)
    if found is not None:
        return MetricItem(found[1], tuple(found[2].split(", ")), bool(found[3]))
    words = text.strip().lower().split("__")
    grain = part = None
    if len(words) > 1 and words[-1] in GRAINS:
        grain = words.pop()
    elif len(words) > 1 and words[-1].removeprefix("extract_") in PARTS:
        part = words.pop().removeprefix("extract_")
    made = Item(tuple(words[:-1]), words[-1], grain, part)
    if made.is_time and grain is None and part is None:
        return Item((), METRIC_TIME, bare)
    return made


def group_by(text: str, bare: str | None = None) -> Item:
    """A group-by: no metric."""
    found = item(text, bare)
    assert isinstance(found, Item), text
    return found


def condition(text: str, bare: str | None = None) -> Condition:
    return Condition(snippets.parse(text), bare)


def moved(literal: Any, grain: str | None) -> Any:
    """A literal beside a time at a grain is the start of its period (Q3)."""
    moment = parse_time(literal) if isinstance(literal, str) else None
    if grain is None or moment is None:
        return literal
    return shown(truncate(as_moment(moment), grain), grain)


def keeps(kept: str, key: Item) -> bool:
    """Whether a name of `group_by` or `within` means a group-by of the query."""
    item = group_by(kept)
    if item.base != key.base:
        return False
    return (item.grain, item.part) in ((None, None), (key.grain, key.part))
