"""The verdict about a KPI: what was observed of its periods, judged by its health.

A pure function: the same observations, rule and time give the same verdicts. Each is made from its
own period and those before it, so that what comes later changes none (governance.md section 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal

from kpilayer.kpi.confirmation import confirmed
from kpilayer.kpi.gate import Gate, Unjudged, gate, is_excluded, is_low_volume, number
from kpilayer.kpi.health import Clock, Health, Observation
from kpilayer.kpi.periods import Periods, periods_of
from kpilayer.kpi.ranges import LEVELS, Applied, Level, Range, Relative, applied, place, room, worst
from kpilayer.kpi.relative import Comparison, compare
from kpilayer.kpi.series import Series, series_of, usual_change

Status = Literal[
    "healthy", "warning", "breach", "pending", "stale", "no_data", "warming_up", "excluded"
]

#: Reasons by which a period without data counts for attainment (``Health.no_data``).
COUNTS_AS_BAD: Final = "counts_as_bad"
ACCEPTED: Final = "accepted"
#: Reasons of verdicts that were given before data came.
_WAITING: Final = frozenset({"sources_behind", "source_error", "no_observation"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one period."""

    period_start: date
    """Its first day."""
    value: float | None
    """As observed last; None where there is none."""
    raw: Level | None
    """Where the value lies, before confirmation; None where it is not judged."""
    status: Status
    """What is told: a confirmed level, or why there is none."""
    reasons: tuple[str, ...] = ()
    """Words: bounds that the value is beyond (`below_healthy` to `relative_above_critical`),
    `unconfirmed`, `early`, `restated`, `relative_history` (the comparison still lacks history),
    and what keeps it from being judged (`running`, `grace`, `sources_behind`, `source_error`,
    `no_observation`, `no_value`, `low_volume`, `no_denominator`, `history`, `no_baseline`,
    `excluded`).
    """
    streak: int = 1
    """Consecutive periods with this status; gaps do not end that of a level."""
    outside_since: date | None = None
    """The first period of those, without a healthy one between, whose values are outside of the
    healthy range; a gap does not end it.
    """
    outside_periods: int = 0
    """How many judged periods that are."""
    last_change: date | None = None
    """The last period whose level was another than that before; None without one."""
    distance: float | None = None
    """From the nearest bound of the healthy range in MADs of period changes, negative outside; None
    where nothing is judged, or the changes tell no scale.
    """
    range: Range | None = None
    """The bounds of the value that held."""
    relative: Relative | None = None
    """The bounds of the difference that held."""
    expected: float | None = None
    """What the value was compared with, in its unit."""
    restated_from: Status | None = None
    """The status that the revision before this one would have."""
    note: str = ""
    """Declared reasons of overrides and of the exclusion."""
    revision: int = 0
    """Of the observation; 0 where there is none."""

    @property
    def is_judged(self) -> bool:
        """Whether the status is a level: healthy, warning or breach."""
        return self.status in LEVELS


def evaluate_health(
    health: Health,
    observations: Iterable[Observation],
    clock: Clock,
    periods: Periods | None = None,
    *,
    recorded: Mapping[date, Verdict] | None = None,
) -> tuple[Verdict, ...]:
    """One verdict for each period, from the first observed one up to the one that runs.

    Periods without an observation have a verdict, too, as missing data are never healthy;
    observations of periods that have not begun are left out. Observations are of one KPI and
    slice, in any order; the highest revision of a period counts. A segment is judged by a call of
    its own, with its own ranges. `periods` are those of the cadence in the project's calendar; by
    default, weeks are from Monday, and years from January.

    `recorded` are verdicts that were given already, by first day. They stand, whatever the range is
    now; where the value was restated since, or came late, it is judged by the range that held then.

    Raises:
        ValueError: An observation does not begin a period, or two differ that are one revision.

    >>> from datetime import date, datetime
    >>> from kpilayer.kpi.health import Clock, Health, Observation
    >>> from kpilayer.kpi.ranges import Bounds, Range
    >>> health = Health("monthly", Range(healthy=Bounds(min=0.72), critical=Bounds(min=0.68)))
    >>> seen = [Observation(date(2026, 4, 1), 0.74), Observation(date(2026, 5, 1), 0.66)]
    >>> for verdict in evaluate_health(health, seen, Clock(datetime(2026, 6, 5))):
    ...     print(verdict.period_start, verdict.status, *verdict.reasons)
    2026-04-01 healthy
    2026-05-01 breach below_critical
    2026-06-01 pending running
    """
    periods = periods or periods_of(health.cadence)
    revisions = _revisions(observations, periods)
    if not revisions and not recorded:
        return ()
    judging = _Judging(health, clock, periods, _usable(health, revisions, clock, periods))
    told: list[Verdict] = []
    levels: list[Level] = []
    judged: Verdict | None = None
    given = {day: one for day, one in (recorded or {}).items() if "early" not in one.reasons}
    first = min(revisions, default=None)
    for start in periods.until(min((*revisions, *given)), clock.now):
        seen = revisions.get(start, ())
        if start in given:
            is_asked = first is not None and start >= first
            draft = _standing(judging, given[start], seen, levels, is_asked)
        else:
            draft = _verdict(judging, seen[-1] if seen else None, start, levels)
            if len(seen) > 1:
                draft = _restated(draft, _verdict(judging, seen[-2], start, levels))
        verdict = _continued(draft, told[-1] if told else None, judged)
        told.append(verdict)
        if verdict.raw is not None:
            levels.append(verdict.raw)
            judged = verdict
    return tuple(told)


@dataclass(frozen=True, slots=True)
class _Judging:
    """What all periods are judged with."""

    health: Health
    clock: Clock
    periods: Periods
    series: Series


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a value lies; or why that cannot be told (``level`` is None)."""

    level: Level | None
    reasons: tuple[str, ...] = ()
    unjudged: Unjudged = "warming_up"
    compared: Comparison | None = None


def _revisions(
    observations: Iterable[Observation], periods: Periods
) -> dict[date, tuple[Observation, ...]]:
    """The observations of each period, the revision that counts last."""
    found: dict[date, dict[int, Observation]] = {}
    for seen in observations:
        start = seen.period_start
        if isinstance(start, datetime):
            start = start.date()
        if periods.holding(start) != start:
            raise ValueError(f"no period begins on {start}: periods are of unit `{periods.unit}`")
        same = found.setdefault(start, {})
        if same.setdefault(seen.revision, seen) != seen:
            message = f"revision {seen.revision} of {start} is there twice, with other contents"
            raise ValueError(message)
    return {
        start: tuple(seen for _, seen in sorted(of_period.items()))
        for start, of_period in found.items()
    }


def _usable(
    health: Health,
    revisions: Mapping[date, Sequence[Observation]],
    clock: Clock,
    periods: Periods,
) -> Series:
    """Values that others may be compared with: of closed, complete, not excluded periods."""
    values = []
    for start, seen in revisions.items():
        value = number(seen[-1].value)
        kept_back = gate(health, seen[-1], start, periods.end(start), clock)
        if value is not None and kept_back is None:
            values.append((start, value))
    return series_of(periods, values)


def _verdict(
    judging: _Judging, seen: Observation | None, start: date, levels: Sequence[Level]
) -> Verdict:
    """The verdict of one period by itself, after the levels of judged periods before it."""
    health, end = judging.health, judging.periods.end(start)
    kept_back = gate(health, seen, start, end, judging.clock)
    value = number(seen.value) if seen is not None else None
    holds = applied(health.range, health.relative, health.overrides, start)
    verdict = Verdict(
        start,
        value,
        raw=None,
        status="healthy",
        range=holds.range,
        relative=holds.relative,
        note=holds.note,
        revision=seen.revision if seen is not None else 0,
    )
    if kept_back is not None:
        placed = _early(health, seen, holds.range, start, end)
        if placed is None:
            return _unjudged(verdict, health, kept_back)
        verdict = replace(verdict, relative=None)
    else:
        assert value is not None, "a period without a value is kept back"
        placed = _placed(value, holds, judging.series, start)
    if placed.compared is not None:
        verdict = replace(verdict, expected=placed.compared.expected)
    if placed.level is None:
        return _unjudged(verdict, health, Gate(placed.unjudged, placed.reasons[0]))
    status = confirmed(health.confirm, levels, placed.level)
    return replace(
        verdict,
        raw=placed.level,
        status=status,
        reasons=(*placed.reasons, *(("unconfirmed",) if status != placed.level else ())),
        distance=_distance(verdict, placed.compared, judging.series),
    )


def _unjudged(verdict: Verdict, health: Health, why: Gate) -> Verdict:
    reasons = [why.reason]
    if why.status in ("stale", "no_data") and health.no_data != "ignore":
        reasons.append(COUNTS_AS_BAD if health.no_data == "bad" else ACCEPTED)
    note = why.note or verdict.note
    return replace(verdict, status=why.status, reasons=tuple(reasons), note=note)


def _early(
    health: Health, seen: Observation | None, range: Range | None, start: date, end: date
) -> _Placed | None:
    """Where a value is that can only grow, if it is above a bound already.

    More data cannot take it back, so neither the period's end nor its sources are waited for.
    """
    value = number(seen.value) if seen is not None else None
    if not health.early or seen is None or value is None or range is None:
        return None
    if is_excluded(health, start, end) or is_low_volume(health, seen):
        return None
    level, beyond = place(value, range)
    if beyond is None or not beyond.startswith("above"):
        return None
    return _Placed(level, (beyond, "early"))


def _placed(value: float, holds: Applied, series: Series, start: date) -> _Placed:
    """The worse of both ranges.

    A static range needs no history: where it alone finds a value outside, nothing is waited for,
    nor for a comparison that only warns.
    """
    level, beyond = (None, None) if holds.range is None else place(value, holds.range)
    own = () if beyond is None else (beyond,)
    if holds.relative is None:
        return _Placed(level, own)
    compared = compare(holds.relative, series, start)
    difference = None if isinstance(compared, str) else compared.difference(value)
    known = None if isinstance(compared, str) else compared
    if difference is None:
        is_young = compared == "warming_up"
        only_warns = holds.relative.enforce == "warning_only"
        if level is not None and (level != "healthy" or only_warns):
            return _Placed(
                level, (*own, "relative_history" if is_young else "no_baseline"), compared=known
            )
        if is_young:
            return _Placed(None, ("history",), "warming_up")
        return _Placed(None, ("no_baseline",), "no_data", known)
    relative_level, side = place(difference, holds.relative.range)
    if relative_level == "breach" and holds.relative.enforce == "warning_only":
        relative_level = "warning"
    both = worst(found for found in (level, relative_level) if found is not None)
    reasons = own if side is None else (*own, f"relative_{side}")
    return _Placed(both, reasons, compared=known)


def _distance(verdict: Verdict, compared: Comparison | None, series: Series) -> float | None:
    """How far the value is from the nearest bound of what is healthy, in MADs of changes."""
    if verdict.value is None:
        return None
    rooms = []
    if verdict.range is not None:
        rooms.append(room(verdict.value, verdict.range.healthy))
    if verdict.relative is not None and compared is not None:
        difference = compared.difference(verdict.value)
        if difference is not None:
            left = room(difference, verdict.relative.range.healthy)
            rooms.append(None if left is None else left * compared.unit)
    nearest = min((found for found in rooms if found is not None), default=None)
    usual = usual_change(series, verdict.period_start)
    return None if nearest is None or usual is None else nearest / usual


def _standing(
    judging: _Judging,
    given: Verdict,
    seen: Sequence[Observation],
    levels: Sequence[Level],
    is_asked: bool,
) -> Verdict:
    """A verdict that was given: as it is, or by its own ranges where there are other data now.

    Data that are gone are other data, where ``is_asked``: what is asked for begins no later.
    """
    is_new = bool(seen) and seen[-1].revision > given.revision
    is_gone = is_asked and not seen and given.value is not None
    if not (is_new or is_gone or _WAITING.intersection(given.reasons)):
        return given
    ranges = replace(judging.health, range=given.range, relative=given.relative, overrides=())
    last = seen[-1] if seen else None
    now = _verdict(replace(judging, health=ranges), last, given.period_start, levels)
    return _restated(replace(now, note=given.note), given)


def _restated(now: Verdict, before: Verdict) -> Verdict:
    """The verdict, with the word that it was another before a revision."""
    if not before.is_judged or before.status == now.status:
        return now
    return replace(now, reasons=(*now.reasons, "restated"), restated_from=before.status)


def _continued(verdict: Verdict, last: Verdict | None, judged: Verdict | None) -> Verdict:
    """The verdict with what it continues: ``last`` and ``judged``, the last one with a level."""
    like = judged if verdict.is_judged else last
    streak = like.streak + 1 if like is not None and like.status == verdict.status else 1
    since, count = (last.outside_since, last.outside_periods) if last is not None else (None, 0)
    changed = last.last_change if last is not None else None
    if verdict.raw == "healthy":
        since, count = None, 0
    elif verdict.raw is not None:
        since, count = since or verdict.period_start, count + 1
    if verdict.is_judged and judged is not None and judged.status != verdict.status:
        changed = verdict.period_start
    return replace(
        verdict, streak=streak, outside_since=since, outside_periods=count, last_change=changed
    )
