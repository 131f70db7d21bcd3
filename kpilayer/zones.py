"""Time zones: which zone a time is stored in, and which one it is shown in (language.md T1).

A time dimension with a `timezone` is an instant. It is stored without a zone, as the time of day
in that zone, or as an instant of the warehouse's own type; kpilayer.lock or a CAST tells which.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlglot import exp

from kpilayer.catalog import Catalog
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
    if any(word in name for word in ("WITH TIME ZONE", "TIMESTAMPTZ", "_TZ", "_LTZ")):
        return "instant"
    if name.startswith("DATE") and not name.startswith("DATETIME"):
        return "date"
    return "instant" if dialect == "bigquery" and name.startswith("TIMESTAMP") else "local"
