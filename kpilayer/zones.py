"""Time zones: which zone a time is stored in, and which one it is shown in (language.md T1).

A time dimension with a `timezone` is an instant. It is stored without a zone, as the time of day
in that zone, or as an instant of the warehouse's own type; kpilayer.lock or a CAST tells which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlglot import exp

from kpilayer import expr
from kpilayer.canonical import canonical
from kpilayer.catalog import Catalog
from kpilayer.grain import is_finer
from kpilayer.model.semantic_model import Dimension

#: How a time is stored: a day, a time of day somewhere, or an instant.
Storage = Literal["date", "local", "instant"]
_TYPE: Final = exp.DataType.Type
_STORAGE: Final[dict[object, Storage]] = {
    _TYPE.DATE: "date",
    _TYPE.DATETIME: "local",
    _TYPE.TIMESTAMP: "local",
    _TYPE.TIMESTAMPNTZ: "local",
    _TYPE.TIMESTAMPLTZ: "instant",
    _TYPE.TIMESTAMPTZ: "instant",
}
_AROUND: Final = tuple(timedelta(days=days) for days in range(-3, 4))


@dataclass(frozen=True, slots=True)
class Zones:
    """From which zone to which a time is moved; ``stored`` is None for an instant."""

    stored: str | None
    shown: str
    is_sure: bool = True
    """Whether the column's type is known; where it is not, nothing can be computed."""

    @property
    def moves(self) -> bool:
        """Whether the stored value is another than the one shown."""
        return self.stored != self.shown

    def is_steady(self, moment: datetime) -> bool:
        """Whether no clock is changed in either zone within days of a local time.

        Then, and only then, the order of stored times around it is that of local times: a bound
        can be moved into the stored zone.
        """
        from zoneinfo import ZoneInfo

        for zone in (z for z in (self.shown, self.stored) if z is not None):
            try:
                offsets = {(moment + d).replace(tzinfo=ZoneInfo(zone)).utcoffset() for d in _AROUND}
            except OverflowError:
                return False
            if len(offsets) > 1:
                return False
        return True


def zones(catalog: Catalog, model: str, dimension: Dimension) -> Zones | None:
    """How the values of a time dimension are moved; None for what is no instant, or a DATE."""
    if dimension.timezone is None:
        return None
    storage = storage_of(catalog, model, dimension)
    if storage == "date":
        return None
    stored = None if storage == "instant" else dimension.timezone
    shown = reporting_zone(catalog, dimension)
    assert shown is not None, "what has a zone is shown in one"
    return Zones(stored, shown, storage is not None)


#: How times that decide which rows belong together are compared.
Frame = Literal["stored", "instants", "shown"]


def frame_of(
    catalog: Catalog, times: Sequence[tuple[str, Dimension]], *, as_shown: bool = False
) -> Frame | None:
    """How dimensions of models are compared with each other; None where that has no meaning.

    Instants that are finer than a day are compared as such. With days, and ``as_shown``, they are
    times of the reporting zone, which must be the same for all. Times of day without a zone, beside
    others that have one, could be anywhere.
    """
    known = [(zones(catalog, model, time), model, time) for model, time in times]
    zoned = [found for found, _, _ in known if found is not None]
    if not zoned:
        return "stored"
    others = [(model, time) for found, model, time in known if found is None]
    if not all(_is_day(catalog, model, time) for model, time in others):
        return None
    finer = all(d.granularity and is_finer(d.granularity, "day") for _, d in times)
    if finer and not others and not as_shown:
        return "instants"
    return "shown" if len({found.shown for found in zoned}) == 1 else None


def _is_day(catalog: Catalog, model: str, dimension: Dimension) -> bool:
    unit = dimension.granularity
    stored = storage_of(catalog, model, dimension)
    return stored == "date" or (unit is not None and not is_finer(unit, "day"))


def framed(
    catalog: Catalog, frame: Frame, time: tuple[str, Dimension], raw: exp.Expr, unit: str | None
) -> exp.Expr:
    """A time of a model as it is compared in a frame, truncated to ``unit``."""
    found = zones(catalog, *time)
    if found is None or frame == "stored":
        return raw if unit is None else expr.trunc(unit, raw)
    zone = "UTC" if frame == "instants" else found.shown
    before = frame == "instants" and found.stored is not None  # a local hour begins at half past
    value = expr.trunc(unit, raw) if before and unit is not None else raw
    if found.stored != zone:
        value = expr.local(found.stored, zone, value)
    return value if before or unit is None else expr.trunc(unit, value)


def interval(catalog: Catalog, model: str) -> tuple[Dimension | None, Dimension | None]:
    """The dimensions that are the ends of a model's `active`, where they are declared."""
    active = catalog.models[model].active
    assert active is not None, "asked of rows that hold over an interval"

    def meaning(text: str) -> str:
        return canonical(catalog.snippet(text).tree, catalog.dialect)

    def dimension(text: str) -> Dimension | None:
        own = (d for d in catalog.models[model].dimensions if d.type == "time")
        return next((d for d in own if meaning(d.sql) == meaning(text)), None)

    return dimension(active.from_), dimension(active.to)


def reporting_zone(catalog: Catalog, dimension: Dimension) -> str | None:
    """The zone in which a dimension is shown; None where it is no instant."""
    if dimension.timezone is None:
        return None
    of_project = catalog.definitions.config.timezone
    return catalog.timezone or dimension.report_timezone or of_project or dimension.timezone


def storage_of(catalog: Catalog, model: str, dimension: Dimension) -> Storage | None:
    """How a dimension's values are stored: as a CAST says, else as kpilayer.lock knows the column.

    None where neither tells.
    """
    tree = catalog.snippet(dimension.sql).tree.unnest()
    if isinstance(tree, exp.Cast):
        return _STORAGE.get(tree.to.this)
    lock = catalog.lock
    if lock is None or not isinstance(tree, exp.Column):
        return None
    relation = lock.relations.get(catalog.relation(model).key)
    column = relation.column(tree.name) if relation else None
    return _named(column.type, lock.dialect) if column else None


def _named(type_name: str, dialect: str) -> Storage | None:
    """What a warehouse's name of a type means.

    >>> _named("timestamp(6) with time zone", "postgres"), _named("TIMESTAMP_NS", "duckdb")
    ('instant', 'local')
    """
    name = type_name.upper()
    if not name.startswith(("TIMESTAMP", "DATE")) or name.endswith("[]"):
        return None
    if dialect == "clickhouse" and "'" in name:  # DateTime64(6, 'UTC')
        return "instant"
    if any(word in name for word in ("WITH TIME ZONE", "TIMESTAMPTZ", "_TZ", "_LTZ")):
        return "instant"
    if name.startswith("DATE") and not name.startswith("DATETIME"):
        return "date"
    if name == "TIMESTAMP_NTZ":
        return "local"
    named = dialect in ("bigquery", "databricks", "mysql", "spark")
    is_instant = named and name.startswith("TIMESTAMP")
    return "instant" if is_instant else "local"
