"""What rules look at: the KPIs of a project, as of a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from kpilayer.catalog import Catalog
from kpilayer.errors import Location, Severity
from kpilayer.identity import Identity
from kpilayer.kpi.lint.evidence import Evidence, Past, levels
from kpilayer.kpi.periods import periods_of
from kpilayer.kpi.ranges import Level
from kpilayer.model.kpi import Kpi, Okr


@dataclass(frozen=True, slots=True)
class Advice:
    """What a rule has to say of a KPI or an objective, at a place of its definition."""

    subject: str
    message: str
    severity: Severity
    location: Location | None
    hint: str | None = None


@dataclass(frozen=True)
class Ground:
    """The contracts of a project, and the day by which dates are judged."""

    identity: Identity
    today: date
    evidence: Evidence = field(default_factory=dict)

    @property
    def catalog(self) -> Catalog:
        """The resolved definitions."""
        return self.identity.catalog

    @cached_property
    def kpis(self) -> Mapping[str, Kpi]:
        """Every KPI that is not retired, by name."""
        return {kpi.name: kpi for kpi in self.catalog.definitions.kpis if kpi.status != "retired"}

    @property
    def live(self) -> Iterator[Kpi]:
        """Those that are evaluated."""
        return (kpi for kpi in self.kpis.values() if kpi.is_live)

    @property
    def current(self) -> Iterator[Kpi]:
        """Those that somebody works on or with: drafts, too, and none that is deprecated."""
        return (kpi for kpi in self.kpis.values() if kpi.status != "deprecated")

    def with_past(self, least: int) -> Iterator[tuple[Kpi, Past]]:
        """Live KPIs of which so many periods with values are known."""
        for kpi in self.live:
            past = self.evidence.get(kpi.name)
            if past is not None and len(past.known) >= least:
                yield kpi, past

    def levels(self, kpi: Kpi) -> tuple[tuple[date, Level], ...]:
        """Where the values of a KPI lay, by its ranges of today."""
        if kpi.name not in self._levels:
            past = self.evidence.get(kpi.name)
            periods = periods_of(kpi.cadence, self.catalog.calendar)
            self._levels[kpi.name] = () if past is None else levels(kpi, past, self.today, periods)
        return self._levels[kpi.name]

    @cached_property
    def _levels(self) -> dict[str, tuple[tuple[date, Level], ...]]:
        return {}

    @property
    def okrs(self) -> Iterator[Okr]:
        """Objectives that have not ended."""
        return (okr for okr in self.catalog.definitions.okrs if okr.ends >= self.today)

    def of(
        self, kpi: Kpi, message: str, severity: Severity, *steps: str | int, hint: str | None = None
    ) -> Advice:
        """Advice at a key of a KPI, or at its name where the key is not written.

        What would be an error is a warning for a draft.
        """
        place = self.catalog.definitions.at("kpi", kpi.name, *(steps or ("name",)))
        told: Severity = "warning" if severity == "error" and kpi.status == "draft" else severity
        return Advice(kpi.name, message, told, place, hint)

    def of_okr(
        self, okr: Okr, message: str, severity: Severity, *steps: str | int, hint: str | None = None
    ) -> Advice:
        """Advice at a key of an objective."""
        place = self.catalog.definitions.at("okr", okr.name, *(steps or ("name",)))
        return Advice(okr.name, message, severity, place, hint)

    def description(self, kpi: Kpi) -> str:
        """What a KPI says of itself, or its metric in its place."""
        metric = self.catalog.metrics.get(kpi.metric)
        return kpi.description or (metric.description if metric is not None else None) or ""

    def metric_type(self, kpi: Kpi) -> str:
        """The kind of its metric: `simple`, `ratio`, `cumulative`."""
        metric = self.catalog.metrics.get(kpi.metric)
        return "" if metric is None else str(metric.type)
