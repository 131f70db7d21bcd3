"""What `Project.promote` does: a metric becomes a KPI, once somebody says who acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from kpilayer.adopting import Home, checked, write
from kpilayer.errors import (
    ConfigError,
    DefinitionError,
    Issue,
    Location,
    QueryError,
    did_you_mean,
)
from kpilayer.identity import Identity
from kpilayer.kpi.observing import Asking, observed
from kpilayer.kpi.periods import periods_of
from kpilayer.kpi.promotion import HOW, LOOKED_AT, Contract, filled, nine_lines, usual_range
from kpilayer.load.files import read_text, write_inside
from kpilayer.model.kpi import Bounds, Cadence, Direction, Health, Kpi, KpiOwner


@dataclass(frozen=True, slots=True)
class Usual:
    """Where a metric was in its last closed periods; ``healthy`` only where there are enough."""

    healthy: Bounds | None
    values: Mapping[date, float]

    @property
    def how(self) -> str:
        """How the range was come to, or why there is none."""
        if self.healthy is None:
            return f"{len(self.values)} closed periods have a value, too few to suggest a range"
        first, last = min(self.values), max(self.values)
        return HOW.format(count=len(self.values), first=first, last=last)


def usual(
    identity: Identity,
    metric: str,
    cadence: Cadence,
    direction: Direction,
    asking: Asking,
) -> Usual:
    """Where a metric was: its closed periods up to a day, and what range they suggest.

    A period is closed when it has ended, and all of its data are there as far as they tell.

    Raises:
        QueryError: the metric cannot be asked by these periods.
        WarehouseError: the warehouse cannot be reached, or refuses the SQL.
    """
    kpi = Kpi(name=metric, metric=metric, kind="operational", function="any", owner=KpiOwner(),
              direction=direction, cadence=cadence, health=Health())  # fmt: skip
    seen = observed([kpi], asking)[metric]
    if seen.issue is not None:
        raise QueryError(seen.issue)
    periods = periods_of(cadence, identity.catalog.calendar)
    until = asking.today + timedelta(days=1)
    if seen.watermark is not None:
        until = min(until, seen.watermark.date())
    closed = {
        one.period_start: one.value
        for one in sorted(seen.observations, key=lambda one: one.period_start)
        if one.value is not None and periods.end(one.period_start) <= until
    }
    last = dict(list(closed.items())[-LOOKED_AT:])
    return Usual(usual_range(list(last.values()), direction), last)


def draft_of(identity: Identity, name: str) -> Kpi | None:
    """The draft that waits for answers under this name; None where there is none yet.

    Raises:
        QueryError: there is a KPI of this name that is more than a draft.
    """
    definitions = identity.catalog.definitions
    found = next((kpi for kpi in definitions.kpis if kpi.name == name), None)
    if found is not None and found.status != "draft":
        place = definitions.at("kpi", name)
        hint = f"it is {found.status}: change it where it stands"
        raise QueryError(Issue("duplicate-name", f"there is a KPI `{name}`", place, hint))
    return found


def metric_for(identity: Identity, name: str) -> str:
    """The metric of this name.

    Raises:
        QueryError: there is none.
    """
    known = identity.catalog.metrics
    if name not in known:
        hint = did_you_mean(name, known) or "`--metric` names the metric that it is a contract on"
        raise QueryError(Issue("unknown-metric", f"there is no metric `{name}`", hint=hint))
    return name


def promote(
    contract: Contract, identity: Identity, home: Home, *, keep: bool = True
) -> tuple[str, str]:
    """Writes a KPI, and gives the path and the text: a new file, or its draft filled in.

    Without ``keep`` nothing is written.

    Raises:
        ConfigError: the file is there already, or the draft is laid out in a way of its own.
        DefinitionError: the project would not pass `check` with it.
    """
    draft = draft_of(identity, contract.name)
    if draft is None:
        path = f"{home.folders.metrics}/kpis/{contract.name}.yml"
        text = nine_lines(contract)
    else:
        path, text = _filled(draft, contract, identity, home)
    errors = [issue for issue in checked(home, {path: text}) if issue.severity == "error"]
    if errors:
        raise DefinitionError(errors)
    if keep and draft is None:
        write(home.root, {path: text})
    elif keep:
        write_inside(home.root, path, text)
    return path, text


def _filled(draft: Kpi, contract: Contract, identity: Identity, home: Home) -> tuple[str, str]:
    definitions = identity.catalog.definitions
    keys: list[str] = [k for k in ("owner", "health", "consequence") if k in draft.model_fields_set]
    places = {key: definitions.at("kpi", draft.name, key) for key in keys}
    start = definitions.at("kpi", draft.name)
    assert start is not None, "a KPI of the files has a place"
    if start.path.endswith(".jinja"):
        raise _laid_out(draft, start)
    text, issue = read_text(home.root / start.path, start.path)
    lines = {key: at.line for key, at in places.items() if at is not None and at.line > start.line}
    new = (
        None if text is None or {"owner", "health"} - set(lines) else filled(text, lines, contract)
    )
    if new is None:
        raise ConfigError(issue) if issue is not None else _laid_out(draft, start)
    return start.path, new


def _laid_out(draft: Kpi, place: Location) -> ConfigError:
    hint = "fill in `owner`, `health` and `consequence` there"
    message = f"the draft of `{draft.name}` is laid out in a way of its own"
    return ConfigError(Issue("folder-not-empty", message, place, hint))
