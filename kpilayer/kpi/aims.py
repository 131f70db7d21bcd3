"""What is to be reached: key results of objectives and targets of KPIs, as one kind of thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from kpilayer.formula.build import formula
from kpilayer.formula.tree import Formula, Shaped
from kpilayer.identity import Identity
from kpilayer.kpi.pace import NEEDS, KeyResult
from kpilayer.model.kpi import Cadence, Kpi, KpiTarget, Okr
from kpilayer.model.kpi_parts import span_of
from kpilayer.rollup import roll_up

_NO_TOTAL: Final = "its values do not add up to a `total`: say `measure: period`"


@dataclass(frozen=True, slots=True)
class Aim:
    """A number that is to be somewhere else at a date.

    ``starts`` and ``ends`` are both included. Where a number ``adds_up``, the sum since ``starts``
    is compared; else the value of the last whole period of ``cadence``.
    """

    name: str
    metric: str
    where: tuple[str, ...]
    cadence: Cadence
    adds_up: bool
    grace: timedelta
    starts: date
    ends: date
    baseline: float | None
    target: float
    ambition: Literal["committed", "stretch"] = "committed"
    expected: float | None = None
    kpi: str | None = None
    refused: str = ""
    """Why it cannot be measured as it asks to be."""

    @property
    def problem(self) -> str:
        """Why no way leads there; empty where one does."""
        if self.refused:
            return self.refused
        if not self.metric:
            return "it measures nothing: a task is no result"
        if self.baseline is None:
            return "it has no baseline: nobody knows where it starts"
        if self.baseline == self.target:
            return "its target is its baseline"
        return "it ends before it starts" if self.ends < self.starts else ""

    @property
    def need(self) -> float:
        """The progress that is needed."""
        return NEEDS[self.ambition] if self.expected is None else self.expected

    @property
    def result(self) -> KeyResult:
        """As the pace takes it; only where there is no :attr:`problem`."""
        assert self.baseline is not None, "what has no baseline has a problem"
        return KeyResult(
            self.baseline, self.target, self.starts, self.ends,
            self.adds_up, self.ambition, self.expected,
        )  # fmt: skip


def aims_of(okr: Okr, identity: Identity, kpis: Mapping[str, Kpi]) -> Iterator[Aim]:
    """The key results of an objective."""
    for result in okr.key_results:
        kpi = kpis.get(result.kpi) if result.kpi is not None else None
        metric = kpi.metric if kpi is not None else result.metric or ""
        is_sum = bool(metric) and adds_up(identity, metric)
        is_refused = result.measure == "total" and not is_sum and bool(metric)
        yield Aim(
            result.kpi or metric,
            metric,
            kpi.where if kpi is not None else (),
            result.cadence or (kpi.cadence if kpi is not None else "monthly"),
            is_sum and result.measure != "period",
            _grace(kpi),
            okr.starts,
            okr.ends,
            result.baseline,
            result.target,
            result.ambition,
            result.expected,
            result.kpi,
            _NO_TOTAL if is_refused else "",
        )


def target_aim(kpi: Kpi, target: KpiTarget) -> Aim:
    """A target of a KPI: in the KPI's own unit, a value of one period, as its range is."""
    baseline = target.baseline
    return Aim(
        target.name,
        kpi.metric,
        kpi.where,
        kpi.cadence,
        False,
        _grace(kpi),
        baseline.date if baseline is not None else target.by,
        target.by,
        baseline.value if baseline is not None else None,
        target.value,
        "stretch" if target.kind == "stretch" else "committed",
        kpi=kpi.name,
    )


def _grace(kpi: Kpi | None) -> timedelta:
    return timedelta() if kpi is None or kpi.grace is None else span_of(kpi.grace)


def adds_up(identity: Identity, metric: str) -> bool:
    """Whether the values of days add up to that of a longer time: sums and counts.

    Arithmetic over sums does not: on a day without a row of one of them it has no value.
    """
    tree = _inside(formula(identity.graph, metric))
    found = None if tree is None else roll_up(identity.catalog, metric, tree)
    return found is not None and found.kind == "additive" and found.over_time


def _inside(tree: Formula) -> Formula | None:
    """A formula without zeros that fill it; None where it is filled with another number."""
    while isinstance(tree, Shaped) and tree.rule in ("filled", "spined"):
        if tree.rule == "filled" and float(dict(tree.settings)["value"]) != 0:
            return None
        tree = tree.inputs[0][1]
    return tree
