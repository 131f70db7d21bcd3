"""Rules about what is to be reached: targets of KPIs, and key results of objectives."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from kpilayer.kpi.lint.ground import Advice, Ground
from kpilayer.model.kpi import Bounds, Kpi, KpiTarget, Okr

_MOST_OBJECTIVES: Final = 5
_FEW, _MANY = 3, 5
_PERSON: Final = re.compile(r"(^|_)(employee|rep|agent|person|salesperson|engineer|user)(_|$)")


def kpi_target_past(ground: Ground) -> Iterator[Advice]:
    """Targets whose date is past.

    Checks:
        `by` of each target of a current KPI.
    Why:
        It was reached or missed; what is aimed at now, nobody knows.
    Instead:
        Take it out, or set the next one.
    """
    for kpi in ground.current:
        for index, target in enumerate(kpi.targets):
            if target.by < ground.today:
                told = f"target `{target.name}` was due on {target.by}"
                yield ground.of(kpi, told, "warning", "targets", index, "by")


def kpi_target_outside(ground: Ground) -> Iterator[Advice]:
    """Targets outside the range in which the KPI is healthy.

    Checks:
        The value of each target lies in `health.healthy`; outside `health.critical` is an error.
    Why:
        Who reaches the plan is in breach.
    Instead:
        Move the range or the target: one of them is wrong.
    """
    for kpi in ground.current:
        for index, target in enumerate(kpi.targets):
            for name, severity in (("critical", "error"), ("healthy", "warning")):
                bounds: Bounds | None = getattr(kpi.health, name)
                if bounds is not None and not _holds(bounds, target.value):
                    told = f"target `{target.name}` is outside the {name} range"
                    yield ground.of(kpi, told, severity, "targets", index, "value")  # type: ignore[arg-type]
                    break


def _holds(bounds: Bounds, value: float) -> bool:
    return (bounds.min is None or value >= bounds.min) and (
        bounds.max is None or value <= bounds.max
    )


def kpi_target_backwards(ground: Ground) -> Iterator[Advice]:
    """Targets that are no better than where they start.

    Checks:
        The target against its baseline, by the direction of the KPI; ranges are left out.
    Why:
        It is reached by doing nothing.
    Instead:
        Check the direction, or aim higher.
    """
    for kpi in ground.current:
        for index, target in enumerate(kpi.targets):
            if target.baseline is not None and _is_no_better(kpi, target, target.baseline.value):
                told = f"target `{target.name}` is no better than its baseline"
                yield ground.of(kpi, told, "error", "targets", index, "value")


def _is_no_better(kpi: Kpi, target: KpiTarget, baseline: float) -> bool:
    if kpi.direction == "higher":
        return target.value <= baseline
    return kpi.direction == "lower" and target.value >= baseline


def kpi_individual_target(ground: Ground) -> Iterator[Advice]:
    """Targets for single people.

    Checks:
        Health by a dimension of persons, of a KPI that has a target.
    Why:
        Who is paid by a number moves the number, and not what it stands for.
    Instead:
        Set it for a team.
    """
    for kpi in ground.current:
        by = kpi.health.by
        if by is not None and kpi.targets and _PERSON.search(by.dimension):
            told = f"a target for each `{by.dimension}` invites to game it"
            yield ground.of(kpi, told, "warning", "health", "by")


def okr_counts(ground: Ground) -> Iterator[Advice]:
    """More objectives or key results than focus allows.

    Checks:
        At most five objectives that run for one owner, with three to five key results each.
    Why:
        Focus beats breadth.
    Instead:
        Keep what matters most.
    """
    held: dict[str, list[Okr]] = defaultdict(list)
    for okr in ground.okrs:
        held[okr.owner.group or okr.owner.person or ""].append(okr)
        count = len(okr.key_results)
        if count > _MANY:
            told = f"{count} key results: focus beats breadth"
            yield ground.of_okr(okr, told, "warning", "key_results")
        elif count < _FEW:
            told = f"{count} key result{'s' if count != 1 else ''}: is it measured from all sides?"
            yield ground.of_okr(okr, told, "notice", "key_results")
    for owner, each in held.items():
        if len(each) > _MOST_OBJECTIVES:
            told = f"{len(each)} objectives of `{owner}` at once"
            yield ground.of_okr(each[_MOST_OBJECTIVES], told, "warning")


def okr_no_result(ground: Ground) -> Iterator[Advice]:
    """Key results that measure nothing, or aim at where they start.

    Checks:
        A KPI or metric is named, and the target is not the baseline.
    Why:
        "Launch the app" is a task; what it changes is the result.
    Instead:
        Name the number that moves, and how far.
    """
    for okr in ground.okrs:
        for index, result in enumerate(okr.key_results):
            if result.kpi is None and result.metric is None:
                told = "a key result measures nothing: a task is no result"
                yield ground.of_okr(okr, told, "error", "key_results", index)
            if result.target == result.baseline:
                told = "the target of a key result is its baseline"
                yield ground.of_okr(okr, told, "error", "key_results", index, "target")
