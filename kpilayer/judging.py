"""How KPIs stand: the warehouse asked, the history read and written, channels told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from kpilayer.alerting import Alerting, Message
from kpilayer.errors import ConfigError, Issue, KpilayerError, QueryError, did_you_mean
from kpilayer.identity import Identity
from kpilayer.kpi.history.appended import Run
from kpilayer.kpi.history.known import NOTHING, Known
from kpilayer.kpi.history.recording import Judged, Recording, Written, all_rows, judged, subject_of
from kpilayer.kpi.history.store import ENGINES, Store, Whose, file_store, schema_store
from kpilayer.kpi.observing import Asking, Observed, observed, observed_by
from kpilayer.kpi.periods import periods_of
from kpilayer.kpi.report import FailOn, Health
from kpilayer.kpi.standing import MISSING, ORDER, Standing, guarded
from kpilayer.kpi.top_drivers import top_drivers
from kpilayer.model.config import HistoryPlace
from kpilayer.model.kpi import Kpi
from kpilayer.running import Warehouse
from kpilayer.warehouse.connection import Connection

#: Days that can be asked for: years before and after them are looked at, too.
_FIRST, _LAST = date(1900, 1, 1), date(9000, 1, 1)


def run_at(as_of: date | None, zone: str | None) -> Run:
    """A run at the end of a day; without one, now, in the zone of the project.

    Raises:
        QueryError: a day so far away that no calendar of periods reaches it.
    """
    at = datetime.now(UTC)
    if as_of is not None and not _FIRST <= as_of <= _LAST:
        message = f"there is nothing to judge at the end of {as_of}"
        hint = f"ask for a day from {_FIRST} to {_LAST}"
        raise QueryError(Issue("bad-value", message, hint=hint))
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
    is_masked = any(kpi.access.mask is not None for kpi in identity.catalog.definitions.kpis)
    drivers = {} if is_masked else moved  # which may be numbers of a masked KPI
    sent = alerts.sent(claimed, drivers, history, run) if is_told and alerts else None
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


def refuse_unknown(identity: Identity, names: Sequence[str]) -> None:
    """Nothing, where there is a KPI of each name.

    Raises:
        QueryError: `unknown-kpi`.
    """
    known = [kpi.name for kpi in identity.catalog.definitions.kpis]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise QueryError(
            *(
                Issue("unknown-kpi", f"there is no KPI `{n}`", hint=did_you_mean(n, known))
                for n in unknown
            )
        )


def _wanted(identity: Identity, names: Sequence[str]) -> list[Kpi]:
    refuse_unknown(identity, names)
    known = {kpi.name: kpi for kpi in identity.catalog.definitions.kpis}
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
