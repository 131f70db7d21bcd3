"""What `Project.health` gives: how KPIs stand, in the formats of reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal

from kpilayer.calendar import Calendar
from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.identity import Identity
from kpilayer.kpi.observing import Ask, Newest, observed, observed_by
from kpilayer.kpi.periods import periods_of
from kpilayer.kpi.standing import MISSING, ORDER, Standing, guarded, standing
from kpilayer.kpi.verdict import Status, Verdict

FailOn = Literal["warning", "breach", "never"]
_MARKS: Final[Mapping[Status, str]] = {
    "healthy": "●", "warning": "▲", "breach": "■",
}  # fmt: skip
_OTHER: Final = "○"


@dataclass(frozen=True, slots=True)
class Health:
    """How the KPIs of a project stand, those that need somebody first."""

    standings: tuple[Standing, ...]
    as_of: date
    formats: Mapping[str, str]
    fail_on: FailOn
    fail_on_missing: bool

    @property
    def fails(self) -> bool:
        """Whether one is as bad as ``fail_on``, or has no data where that fails, too."""
        bad = {"warning": {"warning", "breach"}, "breach": {"breach"}, "never": set()}[self.fail_on]
        found = {one.status for one in self.standings}
        return bool(found & bad) or (self.fail_on_missing and bool(found & MISSING))

    def to_text(self) -> str:
        """For a terminal: a line for each KPI, and what is due below it."""
        width = max((len(one.name) for one in self.standings), default=0)
        lines = [line for one in self.standings for line in self._lines(one, width)]
        return "\n".join([*lines, "", self.summary_line]) + "\n"

    @property
    def summary_line(self) -> str:
        """How many stand how."""
        counts = {s: sum(one.status == s for one in self.standings) for s in reversed(ORDER)}
        told = [f"{n} {status.replace('_', ' ')}" for status, n in counts.items() if n]
        return f"as of {self.as_of}: {', '.join(told) or 'no KPI is live'}"

    def _lines(self, one: Standing, width: int) -> list[str]:
        mark, name = _MARKS.get(one.status, _OTHER), one.name.ljust(width)
        if one.issue is not None:
            return [f"{mark} {name}  not asked: {one.issue.message}"]
        current = one.current
        if current is None:
            return [f"{mark} {name}  no data"]
        told = [self._value(one, current.value), f"healthy {one.kpi.health.in_words}".rstrip()]
        told.append(_since(current))
        if one.attainment is not None and one.attainment.share is not None:
            reached = one.attainment
            unsure = "" if reached.reliable else ", not reliable"
            told.append(
                f"attainment {reached.healthy}/{reached.judged} = {one.attainment.share:.0%} "
                f"(objective {reached.objective:.0%}{unsure})"
            )
        lines = [f"{mark} {name}  {'   '.join(filter(None, told))}"]
        pad = " " * (width + 4)
        if one.due is not None:
            by = f" by {one.due.by}" if one.due.by is not None else ""
            lines.append(f"{pad}action: {one.due.action}{by}, {one.due.owner}")
        if one.guardrails:
            lines.append(f"{pad}guardrails that are not healthy: {', '.join(one.guardrails)}")
        return lines

    def _value(self, one: Standing, value: float | None) -> str:
        if value is None:
            return "no value"
        shown = self.formats.get(one.kpi.metric)
        return f"{value:.1%}" if shown == "percent" else f"{value:,.6g}"

    def to_markdown(self) -> str:
        """As a table for a comment."""
        rows = ["| | KPI | value | healthy | status | owner |", "|---|---|---|---|---|---|"]
        for one in self.standings:
            value = self._value(one, one.current.value) if one.current is not None else ""
            owner = one.kpi.owner.person or one.kpi.owner.group or ""
            cells = (
                _MARKS.get(one.status, _OTHER), f"`{one.name}`", value,
                one.kpi.health.in_words, one.status.replace("_", " "), owner,
            )  # fmt: skip
            rows.append(f"| {' | '.join(cells)} |")
        return "\n".join([*rows, "", self.summary_line]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `kpis`, and a `summary`."""
        counts: dict[str, int] = {
            status: sum(one.status == status for one in self.standings) for status in ORDER
        }
        summary = {"as_of": self.as_of.isoformat(), **counts}
        return {"kpis": [_values(one) for one in self.standings], "summary": summary}


def _since(current: Verdict) -> str:
    status = current.status.replace("_", " ")
    if current.status in ("healthy", "warning", "breach"):
        many = f"{current.streak} period{'s' if current.streak > 1 else ''}"
        return f"{status} for {many}, the last from {current.period_start}"
    reasons = ", ".join(current.reasons).replace("_", " ")
    return f"{status} ({reasons}), from {current.period_start}"


def _values(one: Standing) -> dict[str, Any]:
    current = one.current
    return {
        "kpi": one.kpi.name,
        "segment": one.segment or None,
        "metric": one.kpi.metric,
        "status": one.status,
        "raw": None if current is None else current.raw,
        "reasons": [] if current is None else list(current.reasons),
        "period_start": None if current is None else current.period_start.isoformat(),
        "value": None if current is None else current.value,
        "healthy": one.kpi.health.in_words,
        "streak": None if current is None else current.streak,
        "attainment": None if one.attainment is None else one.attainment.share,
        "action": None if one.due is None else one.due.action,
        "due": None if one.due is None or one.due.by is None else one.due.by.isoformat(),
        "owner": one.kpi.owner.person or one.kpi.owner.group,
        "guardrails": list(one.guardrails),
        "problem": None if one.issue is None else one.issue.message,
    }


def health(
    identity: Identity,
    names: Sequence[str],
    today: date,
    ask: Ask,
    newest: Newest,
    *,
    fail_on: FailOn = "breach",
    fail_on_missing: bool = False,
) -> Health:
    """How live KPIs stand at the end of a day, or those of ``names``.

    Raises:
        QueryError: there is no KPI of a name.
    """
    definitions = identity.catalog.definitions
    known = {kpi.name: kpi for kpi in definitions.kpis}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise QueryError(
            *(
                Issue("unknown-kpi", f"there is no KPI `{n}`", hint=did_you_mean(n, known))
                for n in unknown
            )
        )
    wanted = [known[n] for n in names] if names else [k for k in known.values() if k.is_live]
    seen = observed(wanted, identity.catalog, today, ask, newest)
    now = datetime.combine(today + timedelta(days=1), time())
    calendar: Calendar = identity.catalog.calendar
    found: list[Standing] = []
    for kpi in wanted:
        periods = periods_of(kpi.cadence, calendar)
        found.append(standing(kpi, seen[kpi.name], now, periods))
        if kpi.health.by is not None:
            try:
                by = observed_by(kpi, identity.catalog, today, ask, newest)
            except QueryError as error:
                found.append(Standing(kpi, issue=error.issues[0], segment=kpi.health.by.dimension))
                continue
            found += [standing(kpi, one, now, periods, value) for value, one in by.items()]
    ordered = sorted(guarded(found), key=lambda one: (ORDER.index(one.status), one.name))
    metrics = identity.catalog.metrics
    formats = {k.metric: str(metrics[k.metric].format or "") for k in wanted if k.metric in metrics}
    return Health(tuple(ordered), today, formats, fail_on, fail_on_missing)
