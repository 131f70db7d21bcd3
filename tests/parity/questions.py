"""Random questions that both systems should be able to answer, the same for a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

from kpilayer.interop.question import Question
from tests.parity.definitions import CUSTOM_GRAINS, METRICS, facts

_GRAINS: Final = ("day", "week", "month", "quarter", "year")
_PARTS: Final = ("year", "quarter", "month", "day", "dow", "doy")

_CUSTOMER: Final = (
    "customer",
    "customer__segment",
    "customer__is_vip",
    "customer__region",
    "customer__region__country",
    "customer__region__continent",
    "customer__tier",
)
#: By home, what a metric can be grouped by; `@` in front: a time dimension with its grain.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "orders": (
        *_CUSTOMER,
        "order__status",
        "order__promo",
        "order__is_large",
        "store",
        "store__city",
        "store__weather",
        "@day order__ordered_on",
        "@day order__shipped_on",
        "@day customer__signed_up_on",
        "@month customer__region__opened_on",
    ),
    "visits": (
        *_CUSTOMER,
        "visit__channel",
        "visit__campaign",
        "@hour visit__visited_at",
        "@day customer__signed_up_on",
        "@month customer__region__opened_on",
    ),
    "customers": (
        "customer",
        "customer__segment",
        "customer__is_vip",
        "region",
        "region__country",
        "region__continent__title",
        "@day customer__signed_up_on",
        "@month region__opened_on",
    ),
    "balances": (
        *_CUSTOMER,
        "account",
        "branch",
        "snapshot__currency",
        "@day snapshot__snapshot_on",
        "@day customer__signed_up_on",
    ),
}

#: By group-by, conditions on it.
WHERE: Final[dict[str, tuple[str, ...]]] = {
    "customer": (
        "{{ Entity('customer') }} IN (1, 2, 3, 5)",
        "{{ Entity('customer') }} IS NULL",
        "{{ Metric('order_count', group_by=['customer']) }} > 15",
        "COALESCE({{ Metric('seconds', group_by=['customer']) }}, 0) < 2000",
    ),
    "customer__segment": (
        "{{ Dimension('customer__segment') }} = 'smb'",
        "{{ Dimension('customer__segment') }} IS NULL OR {{ Dimension('customer__segment') }} = 'large'",
    ),
    "customer__is_vip": ("NOT {{ Dimension('customer__is_vip') }}",),
    "customer__region__country": (
        "{{ Dimension('region__country', entity_path=['customer']) }} IN ('DE', 'US')",
    ),
    "customer__tier": ("{{ Dimension('customer__tier') }} = 'gold'",),
    "order__status": (
        "{{ Dimension('order__status') }} <> 'cancelled'",
        "{{ Dimension('order__status') }} = 'completed'",
        "NOT ({{ Dimension('order__status') }} = 'open' AND {{ Dimension('order__is_large') }})",
    ),
    "order__is_large": ("{{ Dimension('order__is_large') }}",),
    "order__ordered_on": (
        "{{ TimeDimension('order__ordered_on', 'day') }} > '2024-01-29'",
        "{{ TimeDimension('order__ordered_on', 'month') }} = '2024-02-01'",
    ),
    "order__shipped_on": ("{{ Dimension('order__shipped_on') }} IS NOT NULL",),
    "store__city": ("{{ Dimension('store__city') }} LIKE 'P%'",),
    "store__weather": ("{{ Dimension('store__weather') }} = 'rain'",),
    "visit__channel": ("{{ Dimension('visit__channel') }} IN ('mail', 'direct')",),
    "visit__visited_at": (
        "{{ TimeDimension('visit__visited_at', 'hour') }} >= '2024-02-29 12:00:00'",
    ),
    "region__country": ("{{ Dimension('region__country') }} <> 'FR'",),
    "snapshot__currency": ("{{ Dimension('snapshot__currency') }} = 'EUR'",),
    "account": ("{{ Entity('account') }} <> 4",),
}
_TIME_WHERE: Final = (
    "{{ TimeDimension('metric_time', 'day') }} >= '2024-02-10'",
    "{{ TimeDimension('metric_time', 'week') }} <= '2024-03-11'",
    "{{ TimeDimension('metric_time', 'month') }} IN ('2024-01-01', '2024-03-01')",
    "{{ TimeDimension('metric_time', 'day') }} BETWEEN '2024-01-31' AND '2024-03-30'",
)
_DATES: Final = (
    "2024-01-01",
    "2024-01-17",
    "2024-01-31",
    "2024-02-29",
    "2024-03-10",
    "2024-03-31",
    "2024-04-20",
)

#: Kinds of metrics that custom periods are counted of.
_OVER_TIME: Final = frozenset({"cumulative", "offset", "spined"})
#: Asked on purpose only.
NOT_RANDOM: Final = frozenset({"archived", "archived_all_time"})


def kinds(question: Question) -> frozenset[str]:
    """Everything in a question that a system may or may not know how to compute."""
    found: set[str] = set().union(*(facts(name).kinds for name in question.metrics))
    asked = " ".join((*question.group_by, *question.where))
    found |= {"validity"} if "tier" in asked else set()
    found |= {"partitions"} if "weather" in asked else set()
    if any(g in asked for g in CUSTOM_GRAINS):
        found |= {"custom_periods" if found & _OVER_TIME else "custom_grains"}
    found |= {"metric_filters"} if "Metric(" in asked else set()
    found |= {"date_parts"} if "__extract_" in asked else set()
    return frozenset(found)


def random_questions(
    seed: int, only: Sequence[str] = (), without: Sequence[str] = ()
) -> Iterator[Question]:
    """Endless questions; those with one of the kinds ``only``, if any, and none of ``without``."""
    dice = random.Random(seed)
    pool = [m for m in METRICS if m not in NOT_RANDOM and not facts(m).kinds & set(without)]
    metrics = {*only, *(_OVER_TIME if "custom_periods" in only else ())}
    wanted = [m for m in pool if not only or facts(m).kinds & metrics] or pool
    while True:
        found = _question(dice, pool, wanted)
        asked = kinds(found)
        if not asked & set(without) and (not only or asked & set(only)):
            yield found


def _question(dice: random.Random, pool: Sequence[str], wanted: Sequence[str]) -> Question:
    metrics = [dice.choice(wanted)]
    while dice.random() < 0.35:
        metrics.append(dice.choice(pool))
    metrics = list(dict.fromkeys(metrics))
    common = _common_groups(metrics)
    groups = [_of_time(dice, metrics)] if _needs_time(metrics) or dice.random() < 0.5 else []
    for name in dice.sample(common, min(len(common), dice.choice((0, 0, 1, 1, 2, 3)))):
        groups.append(_grained(dice, name, metrics))
    if groups and groups[0].startswith("metric_time") and dice.random() < 0.15:
        groups.append(_of_time(dice, metrics))
    groups = list(dict.fromkeys(groups))
    start, end = sorted(dice.sample(_DATES, 2))
    has_time = any(g.startswith("metric_time") for g in groups)
    limited = dice.random() < 0.2 and bool(groups)
    return Question(
        tuple(metrics),
        tuple(groups),
        tuple(_conditions(dice, common, has_time)),
        start if dice.random() < 0.35 else None,
        end if dice.random() < 0.35 else None,
        # All group-bys, so that a limit cuts at one place.
        tuple(dice.choice(("", "-")) + g for g in groups) if limited and _sortable(groups) else (),
        dice.choice((1, 5, 20)) if limited and _sortable(groups) else None,
    )


def _sortable(groups: Sequence[str]) -> bool:
    return not any("__extract_" in g for g in groups)


def _common_groups(metrics: Sequence[str]) -> list[str]:
    homes = sorted(set().union(*(facts(m).homes for m in metrics)))
    return [g for g in GROUPS[homes[0]] if all(g in GROUPS[home] for home in homes)]


def _needs_time(metrics: Sequence[str]) -> bool:
    return any(facts(m).needs_time for m in metrics)


def _of_time(dice: random.Random, metrics: Sequence[str]) -> str:
    homes = set().union(*(facts(m).homes for m in metrics))
    grains = (*_GRAINS, *CUSTOM_GRAINS) + (("hour",) if homes == {"visits"} else ())
    cumulative = any("cumulative" in facts(m).kinds for m in metrics)
    if not cumulative and not _needs_time(metrics) and dice.random() < 0.15:
        return f"metric_time__extract_{dice.choice(_PARTS)}"
    return f"metric_time__{dice.choice(grains)}"


def _grained(dice: random.Random, name: str, metrics: Sequence[str]) -> str:
    if not name.startswith("@"):
        return name
    smallest, path = name[1:].split()
    if smallest == "hour" and dice.random() < 0.3:
        return f"{path}__hour"
    grains = _GRAINS[2:] if smallest == "month" else _GRAINS
    cumulative = any("cumulative" in facts(m).kinds for m in metrics)
    if not cumulative and not _needs_time(metrics) and dice.random() < 0.15:
        return f"{path}__extract_{dice.choice(_PARTS[:3])}"
    if smallest == "day" and dice.random() < 0.1:
        return f"{path}__{dice.choice(CUSTOM_GRAINS)}"
    return f"{path}__{dice.choice(grains)}"


def _conditions(dice: random.Random, common: Sequence[str], has_time: bool) -> Iterator[str]:
    names = [n.split()[-1] for n in common if n.split()[-1] in WHERE]
    for name in dice.sample(names, min(len(names), dice.choice((0, 0, 0, 1, 1, 2)))):
        yield dice.choice(WHERE[name])
    if dice.random() < (0.15 if has_time else 0.05):
        yield dice.choice(_TIME_WHERE)
