"""The grammar of group-by names, shared by group-bys, filters and `agg_time_dimension`.

``[entity__]*name[__grain]``, ``metric_time[__grain]``, a bare entity, and date parts as
``..__extract_<part>``. Names are case-insensitive; a result column is named as asked, in lower
case, with the grain added.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from kpilayer.grain import FISCAL, GRAINS, PARTS

METRIC_TIME: Final = "metric_time"
_EXTRACT: Final = "extract_"
_PARTS: Final = frozenset({*PARTS, *FISCAL})


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed group-by name: entities to go through, the last name, and a grain or a date part."""

    entities: tuple[str, ...]
    name: str
    grain: str | None = None
    part: str | None = None

    @property
    def is_metric_time(self) -> bool:
        """Whether it is the time axis that all metrics share."""
        return self.name == METRIC_TIME and not self.entities

    @property
    def base(self) -> str:
        """The name without grain and part."""
        return "__".join((*self.entities, self.name))

    def column(self, grain: str | None) -> str:
        """The result column's name, once the grain is known.

        >>> parse("Order__Ordered_At").column("day")
        'order__ordered_at__day'
        """
        if self.part is not None:
            return f"{self.base}__{_EXTRACT}{self.part}"
        return f"{self.base}__{grain}" if grain else self.base


def metric_column(name: str) -> str:
    """The result column of a metric: a version's has a name that needs no quotes anywhere.

    >>> metric_column("revenue"), metric_column("revenue@1")
    ('revenue', 'revenue_v1')
    """
    return name.replace("@", "_v")


_FILTER_METRIC: Final = re.compile(
    r"metric\((?P<name>\w+) by (?P<per>[\w, ]+?)(?P<range> in range)?\)"
)


@dataclass(frozen=True, slots=True)
class FilterMetric:
    """A metric in a filter, `{{ Metric('orders', ['customer']) }}`: its value per entity."""

    name: str
    per: tuple[str, ...]
    within_query_time: bool = False


def filter_metric_text(name: str, per: tuple[str, ...], within_query_time: bool = False) -> str:
    """A metric in a filter as one name, which no dimension can have.

    >>> filter_metric_text("orders", ("customer",))
    'metric(orders by customer)'
    """
    return f"metric({name} by {', '.join(per)}{' in range' if within_query_time else ''})"


def filter_metric(text: str) -> FilterMetric | None:
    """The metric that a name in a filter stands for, if it does."""
    found = _FILTER_METRIC.fullmatch(text)
    if found is None:
        return None
    return FilterMetric(found["name"], tuple(found["per"].split(", ")), bool(found["range"]))


def parse(text: str, own_grains: Collection[str] = ()) -> Address:
    """The address that a name stands for. Any text has one; whether it exists is another question.

    What follows `metric_time` is always meant as a grain. Further words that may be one, in a
    project with such ``own_grains``, stand behind an entity and a name.

    >>> parse("customer__region__name")
    Address(entities=('customer', 'region'), name='name', grain=None, part=None)
    >>> parse("metric_time__extract_dow").part, parse("metric_time__sunday_week").grain
    ('dow', 'sunday_week')
    """
    words = text.strip().lower().split("__")
    grain = part = None
    if len(words) > 1 and words[-1].startswith(_EXTRACT) and _part(words[-1]) in _PARTS:
        part = _part(words.pop())
    elif len(words) > 1 and _is_grain(words, own_grains):
        grain = words.pop()
    return Address(tuple(words[:-1]), words[-1], grain, part)


def _is_grain(words: list[str], own_grains: Collection[str]) -> bool:
    *before, last = words
    return last in GRAINS or before == [METRIC_TIME] or (len(before) > 1 and last in own_grains)


def _part(word: str) -> str:
    return word.removeprefix(_EXTRACT)
