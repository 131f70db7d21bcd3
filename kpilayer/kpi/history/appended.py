"""What a run adds to the history: what differs from what was written last, and nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from kpilayer.kpi.episodes import Episode, episodes
from kpilayer.kpi.gate import number
from kpilayer.kpi.health import Health, Observation
from kpilayer.kpi.history.known import Known, Said, ranges_of
from kpilayer.kpi.history.tables import Value
from kpilayer.kpi.periods import Periods
from kpilayer.kpi.ranges import SAME
from kpilayer.kpi.verdict import Verdict

Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation: its name, the local time that it judges at, and its own time, in UTC."""

    id: str
    now: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged: a KPI, or a segment of it (`region=EMEA`), and by what."""

    kpi: str
    slice: str
    grain: str
    fingerprint: str
    """Of what is measured: another definition begins a series of its own."""
    config: str = ""
    """A hash of the rule."""

    @property
    def whose(self) -> tuple[str, str, str]:
        """The columns that begin each row of it."""
        return (self.kpi, self.slice, self.grain)


@dataclass(frozen=True, slots=True)
class Actions:
    """What is due at each level: the action, its owner, and how long it may take."""

    owner: str
    by_level: Mapping[str, tuple[str, timedelta | None]] = field(default_factory=dict)


def config_hash(rule: Health) -> str:
    """A hash of all that verdicts are made by."""
    return hashlib.sha256(repr(rule).encode()).hexdigest()[:16]


def numbered(
    observations: Iterable[Observation], known: Known, fingerprint: str
) -> tuple[Observation, ...]:
    """The same observations with their revisions: a value that changed is one more.

    Values that differ by less than 1e-9 of themselves are one (governance.md section 5).
    """
    return tuple(_numbered(one, known, fingerprint) for one in observations)


def _numbered(one: Observation, known: Known, fingerprint: str) -> Observation:
    one = replace(
        one,
        value=number(one.value),
        numerator=number(one.numerator),
        denominator=number(one.denominator),
    )
    before = known.seen.get((fingerprint, one.period_start))
    if before is None:
        return replace(one, revision=1)
    pairs = (
        (one.value, before.value),
        (one.numerator, before.numerator),
        (one.denominator, before.denominator),
    )
    is_same = all(_is_same(a, b) for a, b in pairs)
    return replace(one, revision=before.revision + (not is_same))


def _is_same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME * max(abs(one), abs(other))


def recorded(known: Known, fingerprint: str, seen: Iterable[Observation]) -> dict[date, Verdict]:
    """The verdicts that were given, as `evaluate_health` takes them.

    One that was given to another definition stands, whatever this one's revisions are.
    """
    revisions = {one.period_start: one.revision for one in seen}
    return {
        start: (
            said.verdict
            if said.fingerprint == fingerprint
            else replace(said.verdict, revision=revisions.get(start, said.verdict.revision))
        )
        for start, said in known.said.items()
    }


def observation_rows(
    subject: Subject,
    observations: Iterable[Observation],
    known: Known,
    since: date,
    periods: Periods,
    run: Run,
) -> Iterator[Row]:
    """A row for each period that has ended, and for each revision of its value."""
    for one in observations:
        end = periods.end(one.period_start)
        if one.period_start < since or end > run.now.date():
            continue
        before = known.seen.get((subject.fingerprint, one.period_start))
        if before is not None and before.revision == one.revision:
            continue
        closes = datetime.combine(end, datetime.min.time())
        complete = None if one.watermark is None else one.watermark >= closes
        yield (
            *subject.whose, one.period_start, subject.fingerprint, one.revision,
            one.value, one.numerator, one.denominator, one.watermark, complete, run.id, run.at,
        )  # fmt: skip


def status_rows(
    subject: Subject, verdicts: Iterable[Verdict], known: Known, since: date, run: Run
) -> Iterator[Row]:
    """A row for each verdict that says something new; what is pending is no verdict."""
    for one in verdicts:
        if one.period_start < since or one.status == "pending":
            continue
        before = known.said.get(one.period_start)
        if before is not None and _says_the_same(before, one, subject.fingerprint):
            continue
        yield (
            *subject.whose, one.period_start, 1 if before is None else before.seq + 1,
            subject.fingerprint, one.revision, one.value, one.raw, one.status,
            " ".join(one.reasons), one.expected, one.distance, ranges_of(one), one.note,
            one.restated_from, subject.config, run.id, run.at,
        )  # fmt: skip


def _says_the_same(said: Said, now: Verdict, fingerprint: str) -> bool:
    """Revisions tell values apart under one definition, under two the values do."""
    before = said.verdict
    if not now.is_judged:
        return before.status == now.status
    if "early" in before.reasons and "early" not in now.reasons:
        return False  # the value of the whole period is there now
    is_one = said.fingerprint == fingerprint
    one, other = (
        (v.status, v.raw, v.range, v.relative, v.revision if is_one else v.value)
        for v in (before, now)
    )
    return one == other


def episodes_of(subject: Subject, verdicts: Iterable[Verdict], since: date) -> dict[str, Episode]:
    """Episodes of periods since a day by their ids, the earliest first."""
    return {
        "/".join((*subject.whose, str(one.opened), one.level)): one
        for one in episodes(v for v in verdicts if v.period_start >= since)
    }


def episode_rows(
    subject: Subject,
    told: Mapping[str, Episode],
    known: Known,
    periods: Periods,
    actions: Actions,
    run: Run,
) -> Iterator[Row]:
    """A row where an episode opens, goes on or ends.

    One that is there and that revised verdicts no longer tell has ended, as `restated`.
    """
    gone = {
        id_: Episode(before.level, before.opened, None, before.began, "restated", before.periods)
        for id_, before in known.episodes.items()
        if id_ not in told
    }
    for id_, one in {**told, **gone}.items():
        before = known.episodes.get(id_)
        if before is None or before.state != (one.closed, one.ended, one.periods):
            seq = 1 if before is None else before.seq + 1
            action, within = actions.by_level.get(one.level, ("", None))
            due = None if within is None else periods.end(one.opened) + within
            yield (
                id_, seq, *subject.whose, one.level, one.opened, one.closed, one.began,
                one.ended, one.periods, action, due, actions.owner, run.id, run.at,
            )  # fmt: skip
