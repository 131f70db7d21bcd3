"""A contract as the rule that verdicts are made by: what people write, as plain values."""

from __future__ import annotations

from datetime import timedelta

from kpilayer.kpi.confirmation import Confirm, Times
from kpilayer.kpi.health import Attainment, Exclusion, Health
from kpilayer.kpi.ranges import Bounds, Override, Range, Relative, TargetPath
from kpilayer.model import kpi as model
from kpilayer.model.kpi import Kpi
from kpilayer.model.kpi_parts import span_of


def rule_of(kpi: Kpi, segment: str | None = None) -> Health:
    """When a KPI is healthy, or one value of the dimension that it is judged by.

    Raises:
        ValueError: it has no range, or one that no number is in; ``check`` and ``lint`` tell these.
    """
    health = kpi.health
    own = health.by.overrides.get(segment) if health.by is not None and segment else None
    healthy = own.healthy if own is not None and own.healthy is not None else health.healthy
    critical = own.critical if own is not None and own.critical is not None else health.critical
    return Health(
        cadence=kpi.cadence,
        range=_range(healthy, critical),
        relative=_relative(health.relative, kpi),
        overrides=tuple(_override(one, kpi) for one in health.overrides),
        exclusions=tuple(Exclusion(e.from_, e.to, e.reason) for e in health.exclusions),
        confirm=Confirm(Times(*health.confirm.warning), Times(*health.confirm.breach)),
        attainment=(
            None
            if health.attainment is None
            else Attainment(health.attainment.objective, health.attainment.window)
        ),
        min_denominator=health.min_denominator,
        no_data=health.no_data,
        early=health.early,
        grace=timedelta() if kpi.grace is None else span_of(kpi.grace),
    )


def _bounds(given: model.Bounds | None) -> Bounds:
    return Bounds() if given is None else Bounds(given.min, given.max)


def _range(healthy: model.Bounds | None, critical: model.Bounds | None) -> Range | None:
    return None if healthy is None else Range(_bounds(healthy), _bounds(critical))


def _relative(given: model.Relative | None, kpi: Kpi) -> Relative | None:
    if given is None or given.healthy is None:
        return None
    to = given.to or "previous"
    found = Relative(
        to,
        given.measure or "pct",
        Range(_bounds(given.healthy), _bounds(given.critical)),
        enforce=given.enforce,
        path=_path(kpi) if to == "target_path" else None,
    )
    return found if given.history is None else _with_history(found, given.history)


def _with_history(found: Relative, history: int) -> Relative:
    return Relative(found.to, found.measure, found.range, history, found.enforce, found.path)


def _path(kpi: Kpi) -> TargetPath:
    target = next((t for t in kpi.targets if t.baseline is not None), None)
    if target is None or target.baseline is None:
        raise ValueError("`target_path` needs a target with a baseline")
    return TargetPath(target.baseline.value, target.baseline.date, target.value, target.by)


def _override(given: model.RangeOverride, kpi: Kpi) -> Override:
    """Another range; what it does not say of a range is that of the KPI."""
    health = kpi.health
    static = None
    if given.healthy is not None or given.critical is not None:
        static = _range(given.healthy or health.healthy, given.critical or health.critical)
    relative = given.relative
    if relative is not None and health.relative is not None:
        said = {key: value for key, value in relative if value is not None}
        relative = health.relative.model_copy(update=said)
    return Override(
        static,
        _relative(relative, kpi),
        months=given.months,
        start=given.from_,
        end=given.to,
        weekdays=given.weekdays,
        reason=given.reason,
    )
