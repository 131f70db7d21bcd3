"""Definitions that have another name: said so, or the only ones of their meaning on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Final

from kpilayer.model.metric import Metric
from kpilayer.selection.versions import Side

#: How alike two definitions are that may be one under another name, with other changes.
ALIKE: Final = 0.8


def renames(base: Side, head: Side) -> dict[str, str]:
    """Metrics of the base that have another name in the head: old name to new name.

    A metric says so (`renamed_from`), or it is the only one that went and the only one that came
    with its meaning, or with all of its other words.
    """
    old, new = base.catalog.metrics, head.catalog.metrics
    gone, came = [n for n in old if n not in new], [n for n in new if n not in old]
    found = {
        metric.renamed_from: name
        for name, metric in new.items()
        if name in came and metric.renamed_from in gone
    }
    left = [n for n in gone if n not in found]
    right = [n for n in came if n not in found.values()]
    for alike in (_meaning, _text):  # the same meaning; the same words, over inputs that changed
        before, after = _by(alike, base, left), _by(alike, head, right)
        for key, names in before.items():
            others = after.get(key, [])
            if len(names) == len(others) == 1:
                found[names[0]] = others[0]
        left = [n for n in left if n not in found]
        right = [n for n in right if n not in found.values()]
    return {str(was): name for was, name in found.items()}


def _by(key: Callable[[Side, str], str], side: Side, names: list[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key(side, name), []).append(name)
    return found


def _meaning(side: Side, name: str) -> str:
    return side.identity.metric(name)


def _text(side: Side, name: str) -> str:
    return side.catalog.metrics[name].model_dump_json(exclude={"name"}, exclude_defaults=True)


def possible_renames(base: Side, head: Side, sure: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs that may be one metric, renamed and changed: alike in label, or in most of its text."""
    old, new = base.catalog.metrics, head.catalog.metrics
    gone = [n for n in old if n not in new and n not in sure]
    came = [n for n in new if n not in old and n not in sure.values()]
    for was in gone:
        scored = sorted(((_likeness(old[was], new[name]), name) for name in came), reverse=True)
        if scored and scored[0][0] >= ALIKE:
            yield was, scored[0][1]


def _likeness(before: Metric, after: Metric) -> float:
    if before.label and before.label == after.label:
        return 1.0
    left, right = (
        m.model_dump_json(exclude={"name"}, exclude_defaults=True) for m in (before, after)
    )
    return SequenceMatcher(None, left, right).ratio()
