"""What a question asks, read from it and from the definitions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kpilayer.interop.question import Question
from tests.parity.definitions import CUSTOM_GRAINS, METRICS, facts, reads

_PREFIX: Final = {
    "orders": "order",
    "visits": "visit",
    "customers": "customer",
    "balances": "snapshot",
    "archive": "event",
}
#: Standard grains, from the finest.
ORDER: Final = ("hour", "day", "week", "month", "quarter", "year")


def homes(question: Question) -> set[str]:
    """The models under a question's metrics."""
    return set().union(*(facts(name).homes for name in question.metrics))


def measures(question: Question) -> set[str]:
    """The measures under a question's metrics."""
    return set().union(*(facts(name).measures for name in question.metrics))


def everything(question: Question) -> set[str]:
    """Its metrics, and every metric in them."""
    return set().union(*(reads(name) for name in question.metrics))


def params_of(question: Question) -> Iterator[dict[str, Any]]:
    """The `type_params` of each of these."""
    for name in sorted(everything(question)):
        yield METRICS[name]["type_params"]


def grains_asked(question: Question) -> list[str]:
    """The standard grains of `metric_time` in the group-bys."""
    asked = [g.split("__")[1] for g in question.group_by if g.startswith("metric_time__")]
    return [g for g in asked if g in ORDER]


def own_times(question: Question, of: Iterable[str] | None = None) -> list[str]:
    """The grains and parts of some metrics' own time in the group-bys: `month`, `extract_dow`."""
    times = _times(question, of)
    return [t for t in times if t in ORDER or t.startswith("extract_")]


def custom_times(question: Question, of: Iterable[str] | None = None) -> list[str]:
    """The custom granularities of some metrics' own time in the group-bys."""
    return [t for t in _times(question, of) if t in CUSTOM_GRAINS]


def _times(question: Question, of: Iterable[str] | None) -> list[str]:
    own = {
        f"{_PREFIX[home]}__{time}"
        for name in (question.metrics if of is None else of)
        for home in facts(name).homes
        for time in facts(name).times
    }
    cut = (g.rpartition("__") for g in question.group_by)
    times = [grain for name, _, grain in cut if name in {"metric_time", *own}]
    return list(dict.fromkeys(times))


def of_a_start(question: Question) -> list[str]:
    """Metrics with an `offset_to_grain` that is asked by weeks, or by more than its grain."""
    finest = min(map(ORDER.index, grains_asked(question)), default=len(ORDER))
    found = []
    for name in sorted(everything(question)):
        given = METRICS[name]["type_params"].get("metrics", ())
        starts = [i["offset_to_grain"] for i in given if "offset_to_grain" in i]
        if any(finest == ORDER.index("week") or finest > ORDER.index(g) for g in starts):
            found.append(name)
    return found


def makes_up(grain: str, other: str) -> bool:
    """Whether periods of a grain lie in one of another grain, or have one date part, each."""
    part = other.removeprefix("extract_")
    if part != other and part not in ("month", "quarter", "year"):
        return grain == "day"
    if "week" in (grain, part):
        return grain == part or grain in ("hour", "day")
    return ORDER.index(grain) <= ORDER.index(part)


def names(where: str) -> Iterator[str]:
    """The group-bys that a condition is about."""
    for kind, name, rest in re.findall(r"(\w+)\('(\w+)'(.*?)\)", where):
        quoted = re.findall(r"'(\w+)'", rest)
        yield "__".join((name, *quoted) if kind == "TimeDimension" else (*quoted, name))


def is_by_time(question: Question) -> bool:
    """Whether a condition is about the time of the metrics, by whichever name."""
    times = "metric_time|order__ordered_on|visit__visited_at|customer__signed_up_on|snapshot__snapshot_on"
    return any(re.search(rf"TimeDimension\('({times})'", where) for where in question.where)
