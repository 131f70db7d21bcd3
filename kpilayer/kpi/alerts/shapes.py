"""A change of a KPI in the words and shapes of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kpilayer.kpi.alerts.events import Event, What, noted
from kpilayer.kpi.shown import value_in_words
from kpilayer.model.alert import Alert

_MARKS: Final[Mapping[str, str]] = {"healthy": "●", "warning": "▲", "breach": "■"}
_HEADS: Final[Mapping[What, str]] = {
    "open": "{kpi} is in {level}",
    "escalation": "{kpi} got worse: it is in {level}",
    "overdue": "{kpi}: the action is overdue",
    "recovery": "{kpi} is healthy again",
}


def lines(event: Event, channel: Alert, drivers: Sequence[str] = ()) -> list[str]:
    """What is said: what, how far, since when, why, what is due, where to read on."""
    found, kpi = event.standing, event.standing.kpi
    head = _HEADS[event.what].format(kpi=kpi.label or kpi.name, level=event.episode.level)
    segment = f" ({event.slice})" if event.slice else ""
    current = found.current
    told = [f"{_MARKS.get(found.status, '○')} {head}{segment}"]
    if current is not None and kpi.access.mask is None and current.value is not None:
        value = value_in_words(current.value, "")
        place = f"in the period from {current.period_start}"
        told.append(f"{value} {place}; healthy is {found.healthy_in_words}")
    if event.what != "recovery":
        many = event.episode.periods
        since = f"in {event.episode.level} since {event.episode.opened}"
        told.append(f"{since}, {many} period{'' if many == 1 else 's'}")
    told += drivers
    if event.what != "recovery" and found.due is not None:
        by = f" by {event.due}" if event.due is not None else ""
        told.append(f"action: {found.due.action}{by}, {found.due.owner}")
    if (note := noted(kpi, event.episode.opened)) is not None:
        told.append(f"note: {note}")
    if channel.link is not None:
        told.append(channel.link.replace("{kpi}", kpi.name))
    return told


def shaped(said: Sequence[str], channel: Alert, values: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a message. Names and texts of definitions are text, whatever stands in them."""
    match channel.shape:
        case "slack":
            return _slack(said)
        case "teams":
            return _teams(said)
        case "json":
            return {**values, "text": "\n".join(said)}


def values_of(event: Event) -> dict[str, Any]:
    """An event as JSON values."""
    found, current = event.standing, event.standing.current
    masked = found.kpi.access.mask is not None
    return {
        "id": event.id,
        "event": event.what,
        "kpi": found.kpi.name,
        "segment": event.slice or None,
        "status": found.status,
        "value": None if current is None or masked else current.value,
        "healthy": None if masked else found.healthy_in_words,
        "period_start": None if current is None else current.period_start.isoformat(),
        "since": event.episode.opened.isoformat(),
        "periods": event.episode.periods,
        "action": None if found.due is None else found.due.action,
        "due": None if event.due is None else event.due.isoformat(),
        "owner": found.kpi.owner.person or found.kpi.owner.group,
    }


def _slack(said: Sequence[str]) -> dict[str, Any]:
    """Slack: "Creating rich messages using Block Kit"; `plain_text` is not read as markup."""
    text = "\n".join(said)
    block = {"type": "section", "text": {"type": "plain_text", "text": text[:3000], "emoji": False}}
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": escaped, "blocks": [block]}


def _teams(said: Sequence[str]) -> dict[str, Any]:
    """Adaptive Cards 1.4 as Teams' workflows take them; runs of text are not read as markup."""
    body = [
        {
            "type": "RichTextBlock",
            "inlines": [
                {"type": "TextRun", "text": line, **({"weight": "bolder"} if not at else {})}
            ],
        }
        for at, line in enumerate(said)
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
