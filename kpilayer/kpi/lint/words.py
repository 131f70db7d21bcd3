"""Rules about what a KPI is called, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from kpilayer.kpi.lint.ground import Advice, Ground

_LEAST_WORDS: Final = 8
_WISH: Final = re.compile(
    r"\s*((improve|increase|better|more|drive|boost)\s+)?((customer|employee|user|team|product)\s+)?"
    r"(satisfaction|engagement|growth|productivity|quality|performance|success|efficiency|loyalty)\s*",
    re.I,
)
_VOLUME: Final = re.compile(
    r"\b(total|registered|all[- ]time)\b.*\b(users?|accounts?|members?|customers?)\b"
    r"|\bpage[- ]?views?\b|\bfollowers?\b|\bimpressions?\b|\bdownloads?\b|\blikes\b",
    re.I,
)


def kpi_unspecific(ground: Ground) -> Iterator[Advice]:
    """KPIs of which too little is said to know what counts.

    Checks:
        The description, or that of the metric, has eight words or more.
    Why:
        Five departments read "revenue" in five ways; a sentence settles it.
    Instead:
        Say what is included and what is not.
    """
    for kpi in ground.current:
        words = len(ground.description(kpi).split())
        if words < _LEAST_WORDS:
            told = f"its description has {words} words" if words else "it has no description"
            yield ground.of(
                kpi, f"{told}: what is included, and what is not?", "error", "description"
            )


def kpi_vague_label(ground: Ground) -> Iterator[Advice]:
    """KPIs whose name is a wish.

    Checks:
        The whole label is one of a few words such as "satisfaction" or "improve growth".
    Why:
        A wish cannot be measured; two people measure it in three ways.
    Instead:
        Name what is counted: "CSAT share of 4 and 5".
    """
    for kpi in ground.current:
        label = kpi.label or kpi.name.replace("_", " ")
        if _WISH.fullmatch(label):
            yield ground.of(kpi, f"`{label}` names a wish, not a measure", "notice", "label")


def kpi_vanity(ground: Ground) -> Iterator[Advice]:
    """KPIs that count what only grows, or what nobody pays for.

    Checks:
        Totals of registered users, page views, followers and impressions; ratios pass.
    Why:
        They look well and decide nothing.
    Instead:
        Take a rate or an outcome: sign-ups that are active, visits that convert.
    """
    for kpi in ground.current:
        label = kpi.label or kpi.name.replace("_", " ")
        if ground.metric_type(kpi) in ("simple", "cumulative") and _VOLUME.search(label):
            yield ground.of(
                kpi, f"`{label}` is a volume: pair it with a rate or an outcome", "warning"
            )


def kpi_label_clash(ground: Ground) -> Iterator[Advice]:
    """Two KPIs that people call the same.

    Checks:
        Names, labels and synonyms, in any case.
    Why:
        Who says the word means one of the two, and nobody knows which.
    Instead:
        Say in the label what is different.
    """
    taken: dict[str, str] = {}
    for kpi in ground.current:
        for word in dict.fromkeys((kpi.label or kpi.name, *kpi.synonyms)):
            other = taken.setdefault(word.casefold(), kpi.name)
            if other != kpi.name:
                yield ground.of(kpi, f"`{other}` is called `{word}`, too", "error", "label")


def kpi_duplicate(ground: Ground) -> Iterator[Advice]:
    """Two KPIs on one number.

    Checks:
        Equal fingerprints of the metrics, and equal conditions in `where`.
    Why:
        One of them will be changed, and the other one not.
    Instead:
        Keep one; show it in both places.
    """
    seen: dict[tuple[str, tuple[str, ...]], str] = {}
    for kpi in ground.current:
        if kpi.metric not in ground.catalog.metrics:
            continue
        meaning = (ground.identity.metric(kpi.metric), tuple(sorted(kpi.where)))
        other = seen.setdefault(meaning, kpi.name)
        if other != kpi.name:
            yield ground.of(kpi, f"it is the same number as `{other}`", "error", "metric")
