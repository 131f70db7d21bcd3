"""Rules that look at what a KPI did: they need a history, and say nothing without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise, takewhile
from math import ceil
from statistics import median
from typing import Final

from kpilayer.kpi.lint.evidence import Past
from kpilayer.kpi.lint.ground import Advice, Ground
from kpilayer.kpi.periods import periods_of
from kpilayer.kpi.robust import mad
from kpilayer.model.kpi import Kpi, KpiTarget
from kpilayer.model.metric import CumulativeMetric

_YEAR: Final = 12  # periods that rules look back
_RARE, _OFTEN, _MOSTLY = 0.001, 0.3, 0.8
_NEAR: Final = 0.2  # of a bound
_ALIKE: Final = 0.98  # correlation of changes
_CLOSE: Final = 0.1  # of the value
_TOO_FAST: Final = 3
_PERCENT: Final = 20
#: Words of names that say nothing of what is measured.
_GENERIC: Final = frozenset({"rate", "ratio", "count", "total", "avg", "average", "new", "share"})


def kpi_unmeasured(ground: Ground) -> Iterator[Advice]:
    """No value for three periods.

    Checks:
        The values of the last three periods that have ended.
    Why:
        Nobody can say how it stands.
    Instead:
        Mend the source, or retire the KPI.
    """
    for kpi in ground.live:
        past = ground.evidence.get(kpi.name)
        if past is not None and len(past.values) > 2 and set(past.values[-3:]) == {None}:
            yield ground.of(kpi, "the last three periods have no value", "error", "metric")


def kpi_only_grows(ground: Ground) -> Iterator[Advice]:
    """A running total that never falls.

    Checks:
        The metric is cumulative without a window, and did not fall in twelve periods or more.
    Why:
        What only grows cannot drift, so it never tells anything.
    Instead:
        Take what a period adds, or give the running total a window.
    """
    for kpi, past in ground.with_past(_YEAR):
        metric = ground.catalog.metrics.get(kpi.metric)
        is_total = isinstance(metric, CumulativeMetric) and metric.window is None
        if is_total and not getattr(metric, "grain_to_date", None):
            if all(now >= before for before, now in pairwise(past.known)):
                told = f"it did not fall once in {len(past.known)} periods: it can only grow"
                yield ground.of(kpi, told, "warning", "metric")


def kpi_twin(ground: Ground) -> Iterator[Advice]:
    """Two KPIs whose numbers are nearly the same.

    Checks:
        Values of each two KPIs of one cadence and unit in twelve periods or more: equal to a
        thousandth in 95 of 100, or changes that correlate above 0.98 at a distance below a tenth,
        where the names share a word.
    Why:
        They may be two definitions of one thing, and will differ some day.
    Instead:
        Keep one, or say in the descriptions what differs.
    """
    for (one, mine), (other, theirs) in combinations(ground.with_past(_YEAR), 2):
        if one.cadence != other.cadence or _unit(ground, one) != _unit(ground, other):
            continue
        if (one.metric == other.metric and one.where != other.where) or other.name in one.synonyms:
            continue
        shared = [
            (mine.by_start[s], theirs.by_start[s]) for s in mine.by_start if s in theirs.by_start
        ]
        if len(shared) >= _YEAR and (_are_equal(shared) or _go_together(one, other, shared)):
            told = f"its values are nearly those of `{other.name}`: two definitions of one thing?"
            yield ground.of(one, told, "warning", "metric")


def _are_equal(pairs: list[tuple[float, float]]) -> bool:
    same = sum(abs(a - b) <= _RARE * max(abs(a), abs(b)) for a, b in pairs)
    return same >= 0.95 * len(pairs) and len({a for a, _ in pairs}) > 1


def _go_together(one: Kpi, other: Kpi, pairs: list[tuple[float, float]]) -> bool:
    if not (_tokens(one.name) & _tokens(other.name)):
        return False
    apart = median(abs(a - b) / max(abs(a), abs(b), 1e-12) for a, b in pairs)
    return (
        apart < _CLOSE
        and _correlation(
            [b[0] - a[0] for a, b in pairwise(pairs)], [b[1] - a[1] for a, b in pairwise(pairs)]
        )
        > _ALIKE
    )


def _tokens(name: str) -> set[str]:
    return set(name.split("_")) - _GENERIC


def _correlation(one: list[float], other: list[float]) -> float:
    from statistics import StatisticsError, correlation

    try:
        return correlation(one, other)
    except StatisticsError:  # one of them is constant
        return 0.0


def _unit(ground: Ground, kpi: Kpi) -> str | None:
    metric = ground.catalog.metrics.get(kpi.metric)
    return None if metric is None else metric.unit


def kpi_source_late(ground: Ground) -> Iterator[Advice]:
    """A source that does not keep up.

    Checks:
        Whether data were late or older than `freshness.error_after` when it was judged last.
    Why:
        The number on the wall is that of another time.
    Instead:
        Mend the pipeline, or say with `grace` and `freshness` how long data take.
    """
    for kpi, past in ground.with_past(1):
        if past.is_stale:
            told = "its data were late when it was judged last"
            yield ground.of(kpi, told, "warning", "freshness")


def kpi_never_near(ground: Ground) -> Iterator[Advice]:
    """A range that nothing ever comes near to.

    Checks:
        Values of twelve periods or more: each is a fifth of the bound away from it, at least.
    Why:
        If it never fires, nobody would notice that it cannot.
    Instead:
        Draw the range where somebody would act, or ignore the rule for what is promised to others.
    """
    for kpi, past in ground.with_past(_YEAR):
        bounds = kpi.health.healthy
        ends = [b for b in (bounds.min, bounds.max) if b] if bounds is not None else []
        far = all(abs(v - end) > _NEAR * abs(end) for v in past.known for end in ends)
        if ends and far and all(level == "healthy" for _, level in ground.levels(kpi)):
            told = f"in {len(past.known)} periods it never came near to a bound"
            yield ground.of(kpi, told, "notice", "health", "healthy")


def kpi_ignored(ground: Ground) -> Iterator[Advice]:
    """A breach that nobody says anything of.

    Checks:
        The last three periods or more are in breach, and no note is from that time.
    Why:
        A consequence that nobody draws is none.
    Instead:
        Do what the contract says and note it (`notes:`), or change the contract.
    """
    for kpi, _ in ground.with_past(3):
        run = list(takewhile(lambda one: one[1] == "breach", reversed(ground.levels(kpi))))
        if len(run) >= 3 and not any(note.date >= run[-1][0] for note in kpi.notes):
            told = f"in breach for {len(run)} periods, and nobody has noted anything"
            yield ground.of(kpi, told, "warning", "consequence")


def kpi_stretch_goal(ground: Ground) -> Iterator[Advice]:
    """A range that is a goal.

    Checks:
        Eight of ten of the last twelve periods are outside of what is healthy; or the target of a
        stretch key result is the bound.
    Why:
        Red for a year is no signal: a range says what is normal.
    Instead:
        Make the number a key result, and draw the range where things are well.
    """
    for kpi, _ in ground.with_past(_YEAR):
        if _share_outside(ground, kpi) >= _MOSTLY:
            told = "it is outside of its range nearly always: that is a goal, make it a key result"
            yield ground.of(kpi, told, "warning", "health", "healthy")
    for okr in ground.okrs:
        for result in okr.key_results:
            aimed = ground.kpis.get(result.kpi or "")
            bounds = aimed.health.healthy if aimed is not None else None
            if aimed is None or bounds is None or result.ambition != "stretch":
                continue
            if result.target in (bounds.min, bounds.max):
                told = f"its bound is the stretch target of `{okr.name}`"
                yield ground.of(aimed, told, "warning", "health", "healthy")


def _share_outside(ground: Ground, kpi: Kpi) -> float:
    """The part of the last twelve judged periods that is not healthy; 0 for fewer."""
    last = ground.levels(kpi)[-_YEAR:]
    return sum(level != "healthy" for _, level in last) / _YEAR if len(last) == _YEAR else 0.0


def kpi_unreachable(ground: Ground) -> Iterator[Advice]:
    """A target that is further away than it ever moved.

    Checks:
        What is left to the target, against the best change over as many periods in a history of
        thirteen or more: three times that is too much. Not where the target is told already to be
        outside of the range, or no better than its baseline.
    Why:
        A plan that nobody believes steers nothing.
    Instead:
        Move the date or the value, or say what will be done otherwise.
    """
    for kpi, past in ground.with_past(_YEAR + 1):
        for index, target in enumerate(kpi.targets):
            pace = _pace_needed(ground, kpi, past, target)
            if pace is not None and pace > _TOO_FAST and not _is_told(kpi, target):
                told = f"target `{target.name}` needs {pace:.3g} times the best pace ever"
                yield ground.of(kpi, told, "warning", "targets", index, "value")


def _pace_needed(ground: Ground, kpi: Kpi, past: Past, target: KpiTarget) -> float | None:
    """How many times the best change so far is needed; None where nothing, or no time, is left."""
    sign = {"higher": 1, "lower": -1}.get(kpi.direction)
    values = past.known
    if sign is None or target.by <= past.starts[-1]:
        return None
    needed = sign * (target.value - values[-1])
    length = periods_of(kpi.cadence, ground.catalog.calendar).end(past.starts[-1]) - past.starts[-1]
    ahead = ceil((target.by - past.starts[-1]) / length)
    span = min(ahead, len(values) - 1)
    best = max(sign * (b - a) for a, b in zip(values, values[span:], strict=False)) * ahead / span
    if needed <= 0:
        return None
    return needed / best if best > 0 else float("inf")


def _is_told(kpi: Kpi, target: KpiTarget) -> bool:
    """Whether other rules say that the target is wrong."""
    bounds = kpi.health.healthy
    low, high = (bounds.min, bounds.max) if bounds is not None else (None, None)
    outside = (low is not None and target.value < low) or (high is not None and target.value > high)
    if target.baseline is None:
        return outside
    better = target.value > target.baseline.value
    return outside or better != (kpi.direction == "higher")


def kpi_noisy_range(ground: Ground) -> Iterator[Advice]:
    """A range that would flap.

    Checks:
        Three of ten of the last twelve periods are outside of what is healthy, or the way from
        healthy to critical is less than half of what the value usually moves.
    Why:
        Whoever is called too often does not come.
    Instead:
        Widen the range, or let `confirm` wait for a second period.
    """
    for kpi, past in ground.with_past(_YEAR):
        share = _share_outside(ground, kpi)
        if _OFTEN <= share < _MOSTLY:
            told = f"{round(share * _YEAR)} of the last {_YEAR} periods are outside of its range"
            yield ground.of(kpi, told, "warning", "health", "healthy")
        elif share < _MOSTLY and _is_narrow(kpi, past):
            told = "from healthy to critical is less than half of what it usually moves"
            yield ground.of(kpi, told, "warning", "health", "critical")


def _is_narrow(kpi: Kpi, past: Past) -> bool:
    healthy, critical = kpi.health.healthy, kpi.health.critical
    if healthy is None or critical is None:
        return False
    pairs = ((healthy.min, critical.min), (healthy.max, critical.max))
    bands = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    usual = mad([now - before for before, now in pairwise(past.known)])
    return any(band < usual / 2 for band in bands)


def kpi_percent(ground: Ground) -> Iterator[Advice]:
    """Bounds in percent of values that are fractions.

    Checks:
        A ratio whose values are all 20 or less, and a bound that is 20 times the largest, at least.
    Why:
        By such a range nothing is ever healthy, or everything is.
    Instead:
        Write bounds as fractions: 0.72 for 72 %.
    """
    for kpi, past in ground.with_past(1):
        largest = max((abs(value) for value in past.known), default=0.0)
        metric = ground.catalog.metrics.get(kpi.metric)
        is_ratio = metric is not None and (metric.type == "ratio" or metric.format == "percent")
        if not is_ratio or not 0 < largest <= _PERCENT:
            continue
        for name in ("healthy", "critical"):
            bounds = getattr(kpi.health, name)
            ends = [] if bounds is None else [b for b in (bounds.min, bounds.max) if b is not None]
            if any(abs(end) >= _PERCENT * largest for end in ends):
                told = f"values are at most {largest:.3g}, and the {name} range looks like percent"
                yield ground.of(kpi, told, "error", "health", name)
                break


def kpi_identity(ground: Ground) -> Iterator[Advice]:
    """A driver tree that does not add up.

    Checks:
        What the formulas of `drivers` and `nodes` give of the data of the last six closed periods,
        against the measured values and their `tolerance`; asked with `kpilayer lint --data`.
    Why:
        What moved the number is told by a formula that is not the number.
    Instead:
        Add the driver that is missing, or correct the formula.
    """
    for kpi in ground.live:
        past = ground.evidence.get(kpi.name)
        if past is not None and past.miss:
            told = f"its drivers miss {past.miss:.1%} of its value"
            yield ground.of(kpi, told, "warning", "drivers")


#: How many periods with values each rule needs.
NEEDS: Final[Mapping[str, int]] = {
    "kpi-unmeasured": 3, "kpi-only-grows": _YEAR, "kpi-twin": _YEAR, "kpi-source-late": 1,
    "kpi-never-near": _YEAR, "kpi-ignored": 3, "kpi-stretch-goal": _YEAR,
    "kpi-unreachable": _YEAR + 1, "kpi-noisy-range": _YEAR, "kpi-percent": 1,
}  # fmt: skip
