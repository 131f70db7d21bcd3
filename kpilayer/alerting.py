"""Changes of KPIs to the channels of a project: claimed in the history, sent, written down."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from kpilayer.kpi.alerts.events import Event, Outcome, Told, events, is_done, pending
from kpilayer.kpi.alerts.sending import Send, Sent, addresses, sender
from kpilayer.kpi.alerts.shapes import lines, shaped, values_of
from kpilayer.kpi.history.appended import Row, Run
from kpilayer.kpi.history.recording import Judged
from kpilayer.kpi.history.store import Store, Writing
from kpilayer.kpi.standing import MISSING
from kpilayer.model.alert import Alert

_TOLD: Final = (*("id", "channel", "attempt", "kpi", "slice", "event", "outcome", "evaluated_at"),)


@dataclass(frozen=True, slots=True)
class Message:
    """A message for a channel that this run has claimed."""

    id: str
    channel: Alert
    attempt: int
    about: Event | None
    """What changed; None for a heartbeat."""
    values: Mapping[str, Any]

    @property
    def whose(self) -> tuple[str, str, str]:
        """The KPI, its slice, and what is told of it."""
        if self.about is None:
            return ("", "", "heartbeat")
        return (self.about.standing.kpi.name, self.about.slice, self.about.what)

    def said(self, moved: Mapping[str, str]) -> list[str]:
        """The lines of it, with what moved a KPI."""
        if self.about is None:
            judged, missing, day = (self.values[key] for key in ("judged", "missing", "day"))
            return [f"{judged} judged, {missing} not, on {day}"]
        found = self.about.standing
        is_open = found.kpi.access.mask is None and not found.segment
        drivers = [moved[found.kpi.name]] if is_open and found.kpi.name in moved else []
        return lines(self.about, self.channel, drivers)


@dataclass(frozen=True)
class Alerting:
    """Tells channels what is new; ``muted`` are KPIs of which nobody is told."""

    channels: tuple[Alert, ...]
    addresses: Mapping[str, str]
    muted: Collection[str]
    send: Send

    def claimed(
        self, writing: Writing, judged: Sequence[Judged], today: date, run: Run
    ) -> tuple[Message, ...]:
        """What this run sends, and no other one that runs beside it."""
        told = [Told(*(row[name] for name in _TOLD)) for row in writing.rows("kpi_alert")]
        found = [event for one in judged for event in events(one, today)]
        messages = [
            message
            for channel in self.channels
            for message in self._messages(channel, found, judged, told, today, run)
        ]
        rows: list[Row] = []
        for one in messages:
            outcome: Outcome = "muted" if one.whose[0] in self.muted else "claimed"
            rows.append(_row(one, outcome, run.id, run.at))
        writing.append("kpi_alert", rows)
        return tuple(one for one in messages if one.whose[0] not in self.muted)

    def _messages(
        self,
        channel: Alert,
        found: Sequence[Event],
        judged: Sequence[Judged],
        told: Sequence[Told],
        today: date,
        run: Run,
    ) -> Iterable[Message]:
        for event, attempt in pending(found, told, channel, run.at):
            yield Message(event.id, channel, attempt, event, values_of(event))
        beat = f"heartbeat/{today}"
        tried = [one for one in told if (one.id, one.channel) == (beat, channel.name)]
        if channel.heartbeat and not is_done(tried, run.at):
            missing = sum(one.standing.status in MISSING for one in judged)
            counts = {"judged": len(judged) - missing, "missing": missing}
            values = {"id": beat, "event": "heartbeat", **counts, "day": today.isoformat()}
            yield Message(beat, channel, len(tried) + 1, None, values)

    def sent(
        self, messages: Sequence[Message], moved: Mapping[str, str], history: Store, run: Run
    ) -> Sent:
        """Sends what was claimed; what fails is tried again by later runs."""
        rows: list[Row] = []
        failed: dict[str, None] = {}
        count = 0
        for one in messages:
            said = one.said(moved)
            body = shaped(said, one.channel, one.values)
            problem = self.send(self.addresses[one.channel.name], body)
            outcome: Outcome = "sent" if problem is None else "failed"
            count += problem is None
            if problem is not None:
                failed[f"{one.channel.name}: {problem}"] = None
            at = datetime.now(UTC).replace(tzinfo=None)
            rows.append(_row(one, outcome, run.id, at, said))
        if rows:
            with history.writing() as writing:
                writing.append("kpi_alert", rows)
        return Sent(count, tuple(failed))


def alerting(
    channels: tuple[Alert, ...], environment: Mapping[str, str], muted: Collection[str]
) -> Alerting:
    """What tells the channels of a project.

    Raises:
        ConfigError: `missing-env-var`, `missing-driver`.
    """
    return Alerting(channels, addresses(channels, environment), muted, sender())


def _row(
    one: Message, outcome: Outcome, run: str, at: datetime, said: Sequence[str] | None = None
) -> Row:
    """A claim, or with what was ``said``, its outcome."""
    attempt = one.attempt + (said is not None)
    text = "\n".join(said or ())
    return (one.id, one.channel.name, attempt, *one.whose, text, outcome, run, at)
