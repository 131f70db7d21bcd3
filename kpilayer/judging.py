"""What `Project.health` gives: how KPIs stand, in the formats of reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

from kpilayer.alerting import Alerting, Message, Sent
from kpilayer.change.machines import Case, cases_junit
from kpilayer.errors import ConfigError, Issue, KpilayerError, QueryError, did_you_mean
from kpilayer.identity import Identity
from kpilayer.kpi.history.appended import Run
from kpilayer.kpi.history.known import NOTHING, Known
from kpilayer.kpi.history.recording import Judged, Recording, all_rows, judged, subject_of
from kpilayer.kpi.history.store import ENGINES, Store, Whose, file_store, schema_store
from kpilayer.kpi.observing import Asking, Observed, observed, observed_by
from kpilayer.kpi.periods import periods_of
from kpilayer.kpi.standing import MISSING, ORDER, Standing, guarded
from kpilayer.kpi.top_drivers import top_drivers
from kpilayer.kpi.verdict import Status, Verdict
from kpilayer.model.config import HistoryPlace
from kpilayer.model.kpi import Kpi
from kpilayer.running import Warehouse
from kpilayer.warehouse.connection import Connection

FailOn = Literal["warning", "breach", "never"]
_MARKS: Final[Mapping[Status, str]] = {
    "healthy": "●", "warning": "▲", "breach": "■",
}  # fmt: skip
_OTHER: Final = "○"
_BAD: Final[Mapping[FailOn, frozenset[Status]]] = {
    "warning": frozenset({"warning", "breach"}), "breach": frozenset({"breach"}),
    "never": frozenset(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """What a run added to the history."""

    verdicts: int
    restated: int


@dataclass(frozen=True, slots=True)
class Health:
    """How the KPIs of a project stand, those that need somebody first."""

    standings: tuple[Standing, ...]
    as_of: date
    formats: Mapping[str, str]
    fail_on: FailOn
    fail_on_missing: bool
    written: Written | None = None
    """None where nothing was to be recorded."""
    sent: Sent | None = None
    """None where nobody was to be told."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """What moved a KPI that is not healthy, by its name."""

    @property
    def fails(self) -> bool:
        """Whether one is as bad as ``fail_on``, or has no data where that fails, too."""
        bad = _BAD[self.fail_on]
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
        line = f"as of {self.as_of}: {', '.join(told) or 'no KPI is live'}"
        if self.written is None:
            return line
        many = self.written.verdicts
        line += f"; {many} new verdict{'' if many == 1 else 's'} recorded"
        line += f", {self.written.restated} restated" if self.written.restated else ""
        if self.sent is None:
            return line
        line += f"; {self.sent.sent} alert{'' if self.sent.sent == 1 else 's'} sent"
        return line + "".join(f"\nnot sent to {problem}" for problem in self.sent.failed)

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
        if one.name in self.moved:
            lines.append(f"{pad}{self.moved[one.name]}")
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

    def to_junit(self) -> str:
        """As JUnit XML: a test case for each KPI, of its function.

        One that is as bad as ``fail_on`` has failed, one that is not judged is skipped.
        """
        bad = _BAD[self.fail_on]
        return cases_junit("kpilayer health", [_case(one, bad) for one in self.standings], 0.0)

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `kpis`, and a `summary`."""
        counts: dict[str, int] = {
            status: sum(one.status == status for one in self.standings) for status in ORDER
        }
        summary: dict[str, Any] = {"as_of": self.as_of.isoformat(), **counts}
        if self.written is not None:
            summary |= {"recorded": self.written.verdicts, "restated": self.written.restated}
        if self.sent is not None:
            summary |= {"alerts": self.sent.sent, "not_sent": list(self.sent.failed)}
        return {"kpis": [_values(one) for one in self.standings], "summary": summary}


def _case(one: Standing, bad: frozenset[Status]) -> Case:
    """A KPI as a test: in a level that fails, or skipped where it has none."""
    current = one.current
    if one.issue is not None:
        return Case(one.kpi.function, one.name, skipped=one.issue.message)
    if current is None or not current.is_judged:
        return Case(
            one.kpi.function, one.name, skipped="no data" if current is None else _since(current)
        )
    if one.status not in bad:
        return Case(one.kpi.function, one.name)
    due = "" if one.due is None else f"action: {one.due.action}"
    healthy = f"healthy is {one.kpi.health.in_words}"
    return Case(one.kpi.function, one.name, failed=f"{_since(current)}; {healthy}", text=due)


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


def run_at(as_of: date | None, zone: str | None) -> Run:
    """A run at the end of a day; without one, now, in the zone of the project."""
    at = datetime.now(UTC)
    if as_of is not None:
        now = datetime.combine(as_of + timedelta(days=1), time())
    else:
        now = (at.astimezone(ZoneInfo(zone)) if zone else datetime.now()).replace(tzinfo=None)
    return Run(uuid4().hex, now, at.replace(tzinfo=None))


def store(project: str, root: Path, place: HistoryPlace, warehouse: Warehouse) -> Store:
    """Where the history is kept: in a file beside the project, or where the project says.

    Raises:
        ConfigError: `unsupported-in-dialect`, where the warehouse cannot keep it.
    """
    if place.schema_ is None:
        return file_store(root, project)
    dialect = warehouse.target.dialect
    if dialect not in ENGINES:
        message = f"a history cannot be kept in `{dialect}`"
        hint = "leave out `history:`: it is then kept in a file beside the project"
        raise ConfigError(Issue("unsupported-in-dialect", message, hint=hint))

    def opened(read_only: bool) -> AbstractContextManager[Connection]:
        return warehouse.connected(read_only=read_only)

    return schema_store(opened, place.schema_, project)


def health(
    identity: Identity,
    names: Sequence[str],
    asking: Asking,
    run: Run,
    history: Store,
    recording: Recording | None = None,
    alerts: Alerting | None = None,
    *,
    fail_on: FailOn = "breach",
    fail_on_missing: bool = False,
) -> Health:
    """How live KPIs stand at the time of a run, or those of ``names``; what was recorded stands.

    Alerts are sent where there is a recording, of what it wrote.

    Raises:
        QueryError: there is no KPI of a name.
        PolicyError: `history-busy`, `not-ours`.
    """
    wanted = _wanted(identity, names)
    periods = {kpi.name: periods_of(kpi.cadence, identity.catalog.calendar) for kpi in wanted}
    seen = list(_seen(wanted, asking))

    def judge(known: Callable[[Whose], Known]) -> Iterator[Judged]:
        for kpi, segment, each in seen:
            if each.issue is not None:
                yield Judged(Standing(kpi, issue=each.issue, segment=segment))
                continue
            try:
                subject = subject_of(kpi, segment, identity)
            except ValueError as reason:
                yield Judged(Standing(kpi, issue=Issue("bad-range", str(reason)), segment=segment))
                continue
            of = known(subject.whose)
            yield judged(kpi, each, segment, subject, of, run, periods[kpi.name], recording)

    claimed: tuple[Message, ...] = ()
    if recording is None:
        kept = history.read()
        found = list(judge(lambda whose: kept.get(whose, NOTHING)))
        written = None
    else:
        with history.writing() as writing:
            found = list(judge(writing.of))
            rows = all_rows(found)
            for table, each in rows.items():
                writing.append(table, each)
            missing = sum(one.standing.status in MISSING for one in found)
            writing.append("kpi_run", [(run.id, len(found) - missing, missing, run.at)])
            claimed = alerts.claimed(writing, found, asking.today, run) if alerts else ()
            written = Written(len(rows["kpi_status"]), sum(one.restated for one in found))
    standings = sorted(
        guarded([one.standing for one in found]), key=lambda s: (ORDER.index(s.status), s.name)
    )
    moved = top_drivers(standings, identity, asking.ask)
    is_told = alerts is not None and recording is not None
    sent = alerts.sent(claimed, moved, history, run) if is_told and alerts else None
    metrics = identity.catalog.metrics
    formats = {k.metric: str(metrics[k.metric].format or "") for k in wanted if k.metric in metrics}
    return Health(
        tuple(standings), asking.today, formats, fail_on, fail_on_missing, written, sent, moved
    )


def outside(history: Store, names: Sequence[str]) -> dict[str, str | None]:
    """KPIs that were not healthy in one of their last two recorded periods, by ranges that held.

    What is None was never judged, or its history cannot be read now.
    """
    try:
        known = history.read()
    except KpilayerError:
        return dict.fromkeys(names)
    found: dict[str, str | None] = {}
    for name in names:
        said = [
            one.verdict
            for whose, each in known.items()
            if whose[0] == name and not whose[1]
            for one in each.said.values()
            if one.verdict.is_judged
        ]
        last = sorted(said, key=lambda verdict: verdict.period_start)[-2:]
        if not last:
            found[name] = None
        for verdict in last:
            if verdict.raw != "healthy":
                found[name] = f"in {verdict.raw} in the period from {verdict.period_start}"
    return found


def _wanted(identity: Identity, names: Sequence[str]) -> list[Kpi]:
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
    if names:
        return [known[name] for name in dict.fromkeys(names)]
    return [kpi for kpi in known.values() if kpi.is_live]


def _seen(wanted: Sequence[Kpi], asking: Asking) -> Iterator[tuple[Kpi, str, Observed]]:
    """What is observed of each KPI and of each of its segments."""
    whole = observed(wanted, asking)
    for kpi in wanted:
        yield kpi, "", whole[kpi.name]
        if kpi.health.by is None:
            continue
        try:
            by = observed_by(kpi, asking)
        except QueryError as error:
            yield kpi, kpi.health.by.dimension, Observed(issue=error.issues[0])
        else:
            yield from ((kpi, value, one) for value, one in by.items())
