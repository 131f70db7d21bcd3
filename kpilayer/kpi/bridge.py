"""The change of a KPI between two periods, and all that is known of what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from kpilayer.kpi.attribution import Method, Status
from kpilayer.kpi.by_segment import BySegment
from kpilayer.kpi.exact import Reason
from kpilayer.kpi.finding import Found
from kpilayer.kpi.influence import InfluenceRow
from kpilayer.kpi.moved import DriverRow
from kpilayer.kpi.shown import Scale, scale_of

#: The row of what the tree does not explain.
UNEXPLAINED: Final = "not explained"


@dataclass(frozen=True, slots=True)
class Period:
    """A period of a cadence: its name (`2026-05`, `2026-W21`), first and last day."""

    name: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Bridge:
    """A KPI in two periods, and what each driver did; see ``DriverReport``, which tells it."""

    kpi: str
    label: str
    metric: str
    period: Period
    against: Period
    method: Method
    rows: tuple[DriverRow, ...]
    status: Status = "ok"
    change: float | None = None
    residual: float | None = None
    adds_up: bool | None = None
    offset: float | None = None
    warning: str | None = None
    reason: Reason | None = None
    detail: str = ""
    is_normal: bool | None = None
    segments: tuple[BySegment, ...] = ()
    found: Found | None = None
    influences: tuple[InfluenceRow, ...] = ()
    notes: tuple[str, ...] = ()
    formats: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> DriverRow:
        """The KPI's own row."""
        return self.rows[0]

    @property
    def has_drivers(self) -> bool:
        """Whether anybody says what it is made of."""
        return len(self.rows) > 1

    @property
    def leaves(self) -> tuple[DriverRow, ...]:
        """The rows whose contributions add up: each leaf once, what is carried last."""
        found = (row for row in self.rows if row.is_leaf and not row.repeated and row.depth)
        return tuple(sorted(found, key=lambda row: row.carried))

    @property
    def fails(self) -> bool:
        """Whether there is no answer, or one that does not add up."""
        untold = self.segments and all(t.status == "undefined" for t in self.segments)
        nothing = bool(untold) and not self.has_drivers
        return self.status == "undefined" or self.adds_up is False or nothing

    @property
    def form(self) -> str:
        """The format of the KPI's numbers."""
        return self.formats.get(self.metric, "")

    @property
    def scale(self) -> Scale:
        """How the numbers of the KPI are shown."""
        told = [self.root.before, self.root.after, *(row.contribution for row in self.leaves)]
        return scale_of(self.form, told)

    @property
    def parts(self) -> tuple[tuple[str, float], ...]:
        """What the change is made of, leaf by leaf, and last what is not explained."""
        if self.status == "undefined" or not self.has_drivers:
            return ()
        leaves = ((row.name, row.contribution or 0.0) for row in self.leaves)
        return (*leaves, (UNEXPLAINED, self.residual or 0.0))

    def footed(self) -> Mapping[str, Decimal]:
        """The same parts, rounded so that they add up as they are shown."""
        parts = self.parts
        if not parts or self.root.before is None or self.root.after is None:
            return {}
        ends = (self.root.before, self.root.after)
        shown = self.scale.footed([amount for _, amount in parts], ends)
        return {name: amount for (name, _), amount in zip(parts, shown, strict=True)}
