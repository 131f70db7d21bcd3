"""Contracts on metrics as views: where KPIs are healthy, and what is planned.

The rows are literals in the text of a view, so that every database can hold them, and `plan` shows
an edit of a range as it shows one of a metric. Numbers that are not for everybody are left out: a
view has one text for all who may read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from kpilayer.identity import Identity, fingerprint
from kpilayer.model.kpi import Bounds, Kpi, RangeOverride, Relative
from kpilayer.publish.readers import masks_of
from kpilayer.publish.relations import Column, Relation
from kpilayer.publish.stacked import rows

TARGETS: Final = "kpi_targets"
RANGES: Final = "kpi_ranges"
_EVERYBODY: Final = "all"

#: Columns: type of the values, and what they say.
_Columns = Mapping[str, tuple[str, str]]
_TEXT, _NUMBER, _DATE = "VARCHAR", "DOUBLE", "DATE"
TARGET_COLUMNS: Final[_Columns] = {
    "kpi": (_TEXT, "The KPI."),
    "metric": (_TEXT, "The metric that it is a contract on."),
    "name": (_TEXT, "The target's name."),
    "kind": (_TEXT, "What it is: plan, forecast or stretch."),
    "value": (_NUMBER, "The value to be reached, of one period; NULL: not for everybody."),
    "by_date": (_DATE, "The day by which it is to be reached."),
    "baseline_value": (_NUMBER, "Where it starts; NULL: not said, or not for everybody."),
    "baseline_date": (_DATE, "When it starts."),
    "visible_to": (_TEXT, "The groups that see the numbers; NULL: everybody."),
}
RANGE_COLUMNS: Final[_Columns] = {
    "kpi": (_TEXT, "The KPI."),
    "metric": (_TEXT, "The metric that it is a contract on."),
    "position": ("INTEGER", "Its place: of those that compare alike, the first that holds counts."),
    "label": (_TEXT, "The KPI's name for people."),
    "kpi_function": (_TEXT, "The function of the company."),
    "owner": (_TEXT, "The group that answers for it."),
    "person": (_TEXT, "Who is accountable now."),
    "status": (_TEXT, "Where it stands in its life: proposed or certified."),
    "direction": (_TEXT, "What is better: higher, lower, or staying in the range."),
    "cadence": (_TEXT, "How often it is judged."),
    "conditions": (_TEXT, "Conditions that leave a part of the metric; NULL: all of it."),
    "compared_with": (_TEXT, "What the bounds are the change against; NULL: bounds of the value."),
    "measure": (_TEXT, "The change as a part (pct), a difference (abs), or in deviations (mad)."),
    "segment_by": (_TEXT, "The group-by of a value with a range of its own; NULL: all of it."),
    "segment": (_TEXT, "That value."),
    "months": (_TEXT, "The months in which the range holds, 1 to 12; NULL: every month."),
    "weekdays": (_TEXT, "The weekdays on which it holds; NULL: every day."),
    "from_date": (_DATE, "The first day on which it holds; NULL: always."),
    "to_date": (_DATE, "The last day on which it holds; NULL: always."),
    "reason": (_TEXT, "Why it is another range than usual."),
    "healthy_min": (_NUMBER, "The smallest healthy value; NULL: open, or not for everybody."),
    "healthy_max": (_NUMBER, "The largest healthy value."),
    "critical_min": (_NUMBER, "A value below it is a breach; NULL: open, or not for everybody."),
    "critical_max": (_NUMBER, "A value above it is a breach."),
    "on_warning": (_TEXT, "What somebody does about a warning."),
    "on_breach": (_TEXT, "What somebody does about a breach."),
    "visible_to": (_TEXT, "The groups that see the numbers; NULL: everybody."),
}
_ABOUT: Final = {
    TARGETS: "What is planned of KPIs, with dates; no part of whether they are healthy.",
    RANGES: "Where KPIs are healthy: a row for each range, the narrower ones first.",
}


def contracts(identity: Identity, dialect: str) -> tuple[Relation, ...]:
    """The two views; none where no KPI is live."""
    kpis = sorted(
        (kpi for kpi in identity.catalog.definitions.kpis if kpi.is_live), key=lambda k: k.name
    )
    if not kpis:
        return ()
    seen = {kpi.name: _seen_by(kpi, identity) for kpi in kpis}
    planned = [row for kpi in kpis for row in _targets(kpi, seen[kpi.name])]
    ranges = [row for kpi in kpis for row in _ranges(kpi, seen[kpi.name])]
    return (
        _view(TARGETS, TARGET_COLUMNS, planned, dialect),
        _view(RANGES, RANGE_COLUMNS, ranges, dialect),
    )


def _view(
    name: str, columns: _Columns, values: Sequence[tuple[object, ...]], dialect: str
) -> Relation:
    sql = rows(tuple(columns), values, dialect, [kind for kind, _ in columns.values()])
    shown = tuple(Column(n, k.lower(), "text", description=w) for n, (k, w) in columns.items())
    printed = fingerprint([name, list(columns), sql])
    return Relation(name, "catalog", sql, shown, f"{_ABOUT[name]} | kpilayer={printed}", printed)


# ------------------------------------------------------------------------------------ who sees them


def _seen_by(kpi: Kpi, identity: Identity) -> str | None:
    """The groups that see the numbers of a KPI; None where everybody does, "" where nobody does."""
    viewers = kpi.access.viewers
    hidden = {word.lower() for word in kpi.access.mask.roles} if kpi.access.mask else set()
    masks = masks_of(identity, kpi.metric)
    if masks:
        return ", ".join(dict.fromkeys(word for mask in masks for word in mask.unless))
    if not hidden and (not viewers or _EVERYBODY in viewers):
        return None
    seeing = [] if _EVERYBODY in hidden else [w for w in viewers if w.lower() not in hidden]
    return ", ".join(word for word in seeing if word != _EVERYBODY)


# -------------------------------------------------------------------------------------------- meta


def meta(identity: Identity) -> dict[str, dict[str, Any]]:
    """The contracts on each metric by the name of the KPI, as plain values for `meta` elsewhere.

    The words are those of the definitions; a range and targets that are not for everybody are left
    out, with the groups that see them as `visible_to`.
    """
    found: dict[str, dict[str, Any]] = {}
    for kpi in sorted(identity.catalog.definitions.kpis, key=lambda one: one.name):
        if kpi.is_live:
            found.setdefault(kpi.metric, {})[kpi.name] = _meta(kpi, _seen_by(kpi, identity))
    return found


def _meta(kpi: Kpi, seen_by: str | None) -> dict[str, Any]:
    keys = {"label", "where", "owner", "status", "direction", "cadence", "consequence"}
    numbers = {"health", "targets"} if seen_by is None else set()
    told = kpi.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=keys | numbers)
    told = {"status": kpi.status, **told}
    return told if seen_by is None else told | {"visible_to": seen_by}


# ------------------------------------------------------------------------------------------ targets


def _targets(kpi: Kpi, seen_by: str | None) -> Iterator[tuple[object, ...]]:
    for one in kpi.targets:
        base = one.baseline
        yield (
            kpi.name,
            kpi.metric,
            one.name,
            one.kind,
            _told(one.value, seen_by),
            one.by,
            None if base is None else _told(base.value, seen_by),
            None if base is None else base.date,
            seen_by,
        )


def _told(value: float | None, seen_by: str | None) -> float | None:
    return value if seen_by is None else None


# ------------------------------------------------------------------------------------------- ranges

#: Months, weekdays, first and last day, reason.
_When = tuple[str | None, str | None, object, object, str | None]
_ALWAYS: Final[_When] = (None, None, None, None, None)
#: What a change is against, and how it is measured.
_Against = tuple[str | None, str | None]
_Range = tuple[_Against, tuple[str | None, str | None], _When, Bounds | None, Bounds | None]


def _ranges(kpi: Kpi, seen_by: str | None) -> Iterator[tuple[object, ...]]:
    consequence = kpi.consequence
    about = (
        kpi.label, kpi.function, kpi.owner.group, kpi.owner.person, kpi.status, kpi.direction,
        kpi.cadence, " AND ".join(kpi.where) or None,
    )  # fmt: skip
    actions = (
        None if consequence.warning is None else consequence.warning.action,
        None if consequence.breach is None else consequence.breach.action,
    )
    for position, (against, segment, when, healthy, critical) in enumerate(_each(kpi), start=1):
        ends = (
            *((None, None) if healthy is None else (healthy.min, healthy.max)),
            *((None, None) if critical is None else (critical.min, critical.max)),
        )
        numbers = tuple(_told(end, seen_by) for end in ends)
        yield (kpi.name, kpi.metric, position, *about, *against, *segment, *when, *numbers,
               *actions, seen_by)  # fmt: skip


def _each(kpi: Kpi) -> Iterator[_Range]:
    """The ranges of a KPI, the narrower ones first; what one does not say is the KPI's."""
    health = kpi.health
    of_value: _Against = (None, None)
    for override in health.overrides:
        if override.healthy is not None or override.critical is not None:
            healthy = override.healthy or health.healthy
            yield (
                of_value,
                (None, None),
                _when(override),
                healthy,
                override.critical or health.critical,
            )
        if override.relative is not None:
            said = {key: value for key, value in override.relative if value is not None}
            base = health.relative or Relative()
            yield from _of_change(base.model_copy(update=said), _when(override))
    if health.by is not None:
        for value, own in health.by.overrides.items():
            segment = (health.by.dimension, value)
            yield (
                of_value,
                segment,
                _ALWAYS,
                own.healthy or health.healthy,
                own.critical or health.critical,
            )
    if health.healthy is not None:
        yield of_value, (None, None), _ALWAYS, health.healthy, health.critical
    if health.relative is not None:
        yield from _of_change(health.relative, _ALWAYS)


def _of_change(relative: Relative, when: _When) -> Iterator[_Range]:
    if relative.healthy is not None:
        against = (relative.to or "previous", relative.measure or "pct")
        yield against, (None, None), when, relative.healthy, relative.critical


def _when(override: RangeOverride) -> _When:
    return (
        ", ".join(map(str, override.months)) or None,
        ", ".join(override.weekdays) or None,
        override.from_,
        override.to,
        override.reason,
    )
