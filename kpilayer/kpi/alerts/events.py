"""What there is to tell, from episodes and from what was told already (governance.md section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from kpilayer.kpi.episodes import Episode
from kpilayer.kpi.history.recording import Judged
from kpilayer.kpi.ranges import LEVELS
from kpilayer.kpi.standing import Standing
from kpilayer.model.alert import Alert
from kpilayer.model.kpi import Kpi

What = Literal["open", "escalation", "overdue", "recovery"]
Outcome = Literal["claimed", "sent", "failed", "muted"]

#: What a run that was killed had claimed is sent by a later one.
_CLAIMED_FOR: Final = timedelta(minutes=15)
#: How often it is tried in all, by as many runs.
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a KPI or of a segment of it; ``id`` is the same in every run."""

    id: str
    what: What
    slice: str
    standing: Standing
    episode: Episode
    due: date | None


@dataclass(frozen=True, slots=True)
class Told:
    """A row of what was told, or tried."""

    id: str
    channel: str
    attempt: int
    kpi: str
    slice: str
    event: What
    outcome: Outcome
    at: datetime


def events(judged: Judged, today: date) -> Iterator[Event]:
    """What may be told of one: its open episode, or the end of its last one."""
    mask = judged.standing.kpi.access.mask
    found = judged.standing
    current = found.current
    if current is None or (mask is not None and mask.show == "none"):
        return
    if found.status == "healthy":
        id_ = "/".join((found.kpi.name, judged.slice, str(current.period_start), "recovery"))
        whole = Episode("warning", current.period_start, current.period_start, "open", "recovery")
        yield Event(id_, "recovery", judged.slice, found, whole, None)
        return
    if not judged.episodes:
        return
    id_, last = list(judged.episodes.items())[-1]
    due = found.due.by if found.due is not None else None
    if last.closed is not None:
        return
    if last.began in ("open", "escalation"):
        yield Event(f"{id_}:{last.began}", last.began, judged.slice, found, last, due)
    if due is not None and due < today and noted(found.kpi, last.opened) is None:
        yield Event(f"{id_}:overdue", "overdue", judged.slice, found, last, due)


def noted(kpi: Kpi, since: date) -> str | None:
    """What somebody wrote of a KPI since a day; whoever did knows of it."""
    return next((note.text for note in reversed(kpi.notes) if note.date >= since), None)


def pending(
    found: Iterable[Event], told: Sequence[Told], channel: Alert, now: datetime
) -> Iterator[tuple[Event, int]]:
    """What a channel is to be told now, with the number of the attempt."""
    of_channel = [one for one in told if one.channel == channel.name]
    rows: dict[str, list[Told]] = {}
    for one in of_channel:
        rows.setdefault(one.id, []).append(one)
    last = {
        (one.kpi, one.slice): one
        for one in sorted(of_channel, key=lambda one: one.at)
        if one.outcome == "sent"
    }
    for event in found:
        if not _is_for(event, channel, last):
            continue
        tried = rows.get(event.id, [])
        if not is_done(tried, now):
            yield event, len(tried) + 1


def _is_for(event: Event, channel: Alert, last: Mapping[tuple[str, str], Told]) -> bool:
    kpi = event.standing.kpi
    if channel.groups and kpi.owner.group not in channel.groups:
        return False
    if channel.kpis and kpi.name not in channel.kpis:
        return False
    before = last.get((kpi.name, event.slice))
    is_open = before is not None and before.event != "recovery"
    if event.what == "recovery":  # only of what was told before
        return is_open
    if event.what != "overdue" and before is not None and is_open:
        told_of = before.id.rpartition(":")[0].rpartition("/")[2]
        if told_of == event.episode.level:  # its beginning may be told otherwise by now
            return False
    return LEVELS.index(event.episode.level) >= LEVELS.index(channel.at_least)


def is_done(tried: Sequence[Told], now: datetime) -> bool:
    """Whether nothing is to be sent any more, or another run may be sending it."""
    if not tried:
        return False
    newest = max(tried, key=lambda one: one.attempt)
    if newest.outcome in ("sent", "muted"):
        return True
    if newest.outcome == "claimed" and now - newest.at < _CLAIMED_FOR:
        return True
    return sum(one.outcome == "failed" for one in tried) >= _TRIES
