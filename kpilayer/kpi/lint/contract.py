"""Rules about the contract: who answers for a KPI, who acts, and when it is looked at again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.kpi.lint.ground import Advice, Ground
from kpilayer.model.kpi import Action, Age
from kpilayer.model.metric import Metric
from kpilayer.model.semantic_model import Model
from kpilayer.publish.readers import masks_of

_NOTHING: Final = re.compile(
    r"\s*(monitor|investigate|review|look (in)?to|check|discuss|watch|analy[sz]e|follow up)"
    r"(\s+(it|this|them|closely|further|the (issue|metric|kpi|number|situation|data)))*\s*\.?\s*",
    re.I,
)
_LENGTHS: Final = {
    "daily": timedelta(days=1), "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=31), "quarterly": timedelta(days=92), "yearly": timedelta(days=366),
}  # fmt: skip
_PERIODS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_RESTRICTED: Final = frozenset({"restricted", "confidential"})
_LONG_OVERDUE: Final = timedelta(days=90)
_MOST_OLD: Final = 1.5


def is_no_action(text: str) -> bool:
    """Whether an action is what happens anyway.

    >>> is_no_action("Monitor it closely"), is_no_action("Stop new starts")
    (True, False)
    """
    return _NOTHING.fullmatch(text) is not None


def kpi_no_owner(ground: Ground) -> Iterator[Advice]:
    """KPIs that nobody owns.

    Checks:
        `owner.group` is there and is a group of the project; `owner.person` is there.
    Why:
        A number that everybody owns is one that nobody acts on.
    Instead:
        Name the group, which survives people, and who is accountable now.
    """
    groups = {group.name for group in ground.catalog.definitions.groups}
    for kpi in ground.current:
        group = kpi.owner.group
        if group is None:
            yield ground.of(kpi, "no group owns it", "error", "owner")
        elif group not in groups:
            yield ground.of(kpi, f"there is no group `{group}`", "error", "owner", "group")
        if not kpi.owner.person:
            yield ground.of(kpi, "nobody is accountable for it now", "warning", "owner")


def kpi_no_consequence(ground: Ground) -> Iterator[Advice]:
    """KPIs whose breach has no consequence.

    Checks:
        `consequence.breach` has an action; an error for certified KPIs.
    Why:
        Where nobody would act, it is a metric on a dashboard, and no KPI.
    Instead:
        Say who does what within which time.
    """
    for kpi in ground.current:
        if kpi.consequence.breach is None:
            is_certified = kpi.status == "certified"
            yield ground.of(
                kpi,
                "nobody would act on a breach: a metric of a dashboard, and no KPI",
                "error" if is_certified else "warning",
                "consequence",
            )


def kpi_empty_action(ground: Ground) -> Iterator[Advice]:
    """Actions that are none.

    Checks:
        An action that is only "monitor", "investigate", "review" or the like; no `within`.
    Why:
        "Monitor closely" is what happens anyway.
    Instead:
        Name what is done that would not be done otherwise, and by when.
    """
    for kpi in ground.current:
        for key, action in (
            ("warning", kpi.consequence.warning),
            ("breach", kpi.consequence.breach),
        ):
            if action is not None:
                yield from _of_action(ground, kpi.name, key, action)


def _of_action(ground: Ground, name: str, key: str, action: Action) -> Iterator[Advice]:
    kpi = ground.kpis[name]
    if is_no_action(action.action):
        yield ground.of(
            kpi, f"`{action.action}` is no action", "warning", "consequence", key, "action"
        )
    if action.within is None:
        yield ground.of(
            kpi, f"the action at a {key} has no time: `within`", "warning", "consequence", key
        )


def kpi_no_range(ground: Ground) -> Iterator[Advice]:
    """KPIs that are healthy at any value.

    Checks:
        A healthy range, of the value or of its change.
    Why:
        Without one there is no status.
    Instead:
        Give `health.healthy`, or `health.relative.healthy`.
    """
    for kpi in ground.current:
        relative = kpi.health.relative
        has_relative = relative is not None and relative.healthy is not None
        if kpi.health.healthy is None and not has_relative:
            yield ground.of(kpi, "it has no healthy range", "error", "health")


def kpi_review_overdue(ground: Ground) -> Iterator[Advice]:
    """Contracts that were to be looked at again, and were not.

    Checks:
        `review.by` is past; an error after 90 days.
    Why:
        A range that was right for a company of 20 is wrong for one of 200.
    Instead:
        Review it, and write down the next date.
    """
    for kpi in ground.current:
        by = kpi.review.by
        if by is not None and by < ground.today:
            days = (ground.today - by).days
            is_long = ground.today - by > _LONG_OVERDUE
            yield ground.of(
                kpi,
                f"its review is overdue by {days} day{'s' if days > 1 else ''}",
                "error" if is_long else "warning",
                "review",
                "by",
            )


def kpi_stale_source(ground: Ground) -> Iterator[Advice]:
    """KPIs whose data may be older than the period that they are judged for.

    Checks:
        `freshness.error_after` is at most one and a half periods of the cadence.
    Why:
        A week is judged by data of the week before, and nobody is told.
    Instead:
        Let the data be fresher, or judge less often.
    """
    for kpi in ground.current:
        age = kpi.freshness.error_after if kpi.freshness is not None else None
        if age is not None and _length(age) > _MOST_OLD * _LENGTHS[kpi.cadence]:
            yield ground.of(
                kpi,
                f"data may be {age.count} {age.period}s old, and it is judged {kpi.cadence}",
                "error",
                "freshness",
                "error_after",
            )


def _length(age: Age) -> timedelta:
    return age.count * _PERIODS[age.period]


def kpi_open_editors(ground: Ground) -> Iterator[Advice]:
    """Contracts that everybody may change.

    Checks:
        `access.editors` names groups, and not `all`.
    Why:
        Whoever is judged by a range should not be the only one to move it.
    Instead:
        Name the groups that decide.
    """
    for kpi in ground.live:
        if not kpi.access.editors:
            yield ground.of(kpi, "nobody says who may change it", "warning", "access")
        elif "all" in kpi.access.editors:
            yield ground.of(kpi, "everybody may change it", "error", "access", "editors")


def kpi_unmasked(ground: Ground) -> Iterator[Advice]:
    """KPIs of restricted data that everybody sees.

    Checks:
        Viewers `all` without a `mask`, of a metric over a model that has `row_access`, or the tag
        `restricted` or `confidential` as the metric may have it; a mask of the metric counts, too.
    Why:
        A total tells what its rows may not: one customer of a region, one salary of a team.
    Instead:
        Name the groups that may see it, or `mask` it for the others.
    """
    for kpi in ground.current:
        metric = ground.catalog.metrics.get(kpi.metric)
        if metric is None or "all" not in kpi.access.viewers or kpi.access.mask is not None:
            continue
        graph = ground.identity.graph
        read = [atom.model for atom in atoms(formula(graph, kpi.metric))]
        models = [ground.catalog.models[name] for name in dict.fromkeys(read)]
        why = [f"`{m.name}` has `row_access`" for m in models if m.row_access is not None]
        why += [f"`{one.name}` is tagged {tag}" for one in (metric, *models) if (tag := _tag(one))]
        if why and not masks_of(ground.identity, kpi.metric):
            told = f"everybody sees it unmasked, and {why[0]}"
            yield ground.of(kpi, told, "error", "access", "viewers")


def _tag(one: Metric | Model) -> str:
    """A tag that says that data are not for everybody."""
    return next((f"`{tag}`" for tag in one.config.tags if tag.lower() in _RESTRICTED), "")
