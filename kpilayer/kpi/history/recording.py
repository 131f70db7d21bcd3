"""A KPI judged beside its history: how it stands, and what is to be written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from kpilayer.identity import Identity, fingerprint
from kpilayer.kpi.episodes import Episode
from kpilayer.kpi.history.appended import (
    Actions,
    Row,
    Run,
    Subject,
    config_hash,
    episode_rows,
    episodes_of,
    numbered,
    observation_rows,
    recorded,
    status_rows,
)
from kpilayer.kpi.history.known import Known
from kpilayer.kpi.observing import Observed, grain_of
from kpilayer.kpi.periods import Periods
from kpilayer.kpi.rule import rule_of
from kpilayer.kpi.standing import Standing, standing
from kpilayer.model.kpi import Kpi
from kpilayer.model.kpi_parts import span_of

#: Rows by table.
Rows = Mapping[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Recording:
    """What of it is written."""

    backfill: bool = False
    """Periods from ``since`` on, by default all that are observed; else those that came since the
    first that was written, and the last one where there is none.
    """
    since: date | None = None
    rejudge: bool = False
    """Verdicts are given anew, by the ranges of today; the old ones stay below them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How a KPI stands, with what is new."""

    standing: Standing
    rows: Rows = field(default_factory=dict)
    restated: int = 0
    """Verdicts that are others since their values were revised."""
    slice: str = ""
    episodes: Mapping[str, Episode] = field(default_factory=dict)
    """By id, the earliest first."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a run added to the history."""

    verdicts: int
    restated: int


def subject_of(kpi: Kpi, segment: str, identity: Identity) -> Subject:
    """Whose history it is; conditions and the segment belong to what is measured."""
    by = kpi.health.by.dimension if kpi.health.by is not None and segment else None
    measured = identity.metric(kpi.metric)
    if kpi.where or by:
        measured = fingerprint({"metric": measured, "where": list(kpi.where), "by": by})
    grain = grain_of(kpi.cadence, identity.catalog.calendar)
    rule = rule_of(kpi, segment or None)
    return Subject(kpi.name, f"{by}={segment}" if by else "", grain, measured, config_hash(rule))


def judged(
    kpi: Kpi,
    seen: Observed,
    segment: str,
    subject: Subject,
    known: Known,
    run: Run,
    periods: Periods,
    recording: Recording | None,
) -> Judged:
    """How a KPI, or a segment of it, stands, and the rows that a recording appends."""
    observed = replace(seen, observations=numbered(seen.observations, known, subject.fingerprint))
    rejudge = recording is not None and recording.rejudge
    given = {} if rejudge else recorded(known, subject.fingerprint, observed.observations)
    found = standing(kpi, observed, run.now, periods, segment, given)
    series = [one for (of, _), one in known.seen.items() if of == subject.fingerprint]
    found = replace(found, revised=(sum(one.revision > 1 for one in series), len(series)))
    since = None if recording is None else _since(recording, known, found, observed)
    if since is None:
        return Judged(found)
    verdicts = found.verdicts
    rows: dict[str, list[Row]] = defaultdict(list)
    whole = (subject, observed.observations, known, since, periods, run)
    rows["kpi_observation"] += observation_rows(*whole)
    rows["kpi_status"] += status_rows(subject, verdicts, known, since, run)
    told = episodes_of(subject, verdicts, min(since, known.since or since))
    rows["kpi_episode"] += episode_rows(subject, told, known, periods, _actions(kpi), run)
    starts = {row[3] for row in rows["kpi_status"]}
    restated = sum("restated" in v.reasons and v.period_start in starts for v in verdicts)
    return Judged(found, rows, restated, subject.slice, told)


def all_rows(each: Iterable[Judged]) -> Rows:
    """The rows of all of them, by table."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for one in each:
        for table, new in one.rows.items():
            rows[table] += new
    return rows


def _since(recording: Recording, known: Known, found: Standing, seen: Observed) -> date | None:
    """The first period that is written; None where nothing can be said of any.

    What is no longer asked for is not judged anew as if it were missing.
    """
    first = min((one.period_start for one in seen.observations), default=None)
    if not recording.backfill:
        if known.since is not None:
            return known.since if first is None else max(known.since, first)
        return None if found.current is None else found.current.period_start
    wanted = [day for day in (recording.since or first, known.since) if day is not None]
    return min(wanted, default=None)


def _actions(kpi: Kpi) -> Actions:
    levels = {"warning": kpi.consequence.warning, "breach": kpi.consequence.breach}
    return Actions(
        kpi.owner.person or kpi.owner.group or "",
        {
            level: (a.action, None if a.within is None else span_of(a.within))
            for level, a in levels.items()
            if a is not None
        },
    )
