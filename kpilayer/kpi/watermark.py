"""Up to when the sources of a metric have data, in the local time of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from kpilayer.catalog import Catalog
from kpilayer.formula.times import homes
from kpilayer.grain import next_period, truncate
from kpilayer.model.semantic_model import Dimension
from kpilayer.zones import reporting_zone

#: The newest value of a time, `model.dimension`; None where nobody is told. Text where the database
#: has no type for times.
Newest = Callable[[str], datetime | date | str | None]
_MIDNIGHT: Final = time()


def watermark(
    metric: str, catalog: Catalog, newest: Newest, known: dict[str, datetime | None]
) -> datetime | None:
    """Up to when all sources of a metric have data; None where one of them is not told.

    ``known`` keeps what sources said, so that each is asked once.
    """
    found: list[datetime | None] = []
    for source, dimension in dict(_sources(metric, catalog)).items():
        if source not in known:
            known[source] = reached(newest(source), dimension, catalog)
        found.append(known[source])
    marks = [mark for mark in found if mark is not None]
    return min(marks) if marks and len(marks) == len(found) else None


def _sources(metric: str, catalog: Catalog) -> Iterator[tuple[str, Dimension | None]]:
    for model, name in homes(catalog, metric):
        if name is not None:
            yield f"{model}.{name}", catalog.models[model].dimension(name)


def reached(
    value: datetime | date | str | None, dimension: Dimension | None, catalog: Catalog
) -> datetime | None:
    """The moment up to which data reach whose newest time is ``value``.

    A value that begins a period of its granularity stands for all of it: data of a day reach to its
    end. One with a time of day stands for itself.
    """
    if isinstance(value, str):
        value = _read(value)
    if value is None:
        return None
    grain = (dimension.granularity if dimension is not None else None) or "day"
    if not isinstance(value, datetime):
        return next_period(truncate(datetime.combine(value, _MIDNIGHT), grain), grain)
    local = _local(value, dimension, catalog)
    return next_period(local, grain) if truncate(local, grain) == local else local


def is_ahead(value: datetime | date | str | None, today: date) -> bool:
    """Whether a newest time is later than tomorrow: planned, mistyped, or a word for "no end"."""
    if isinstance(value, str):
        value = _read(value)
    if value is None:
        return False
    day = value.date() if isinstance(value, datetime) else value
    return day > today + timedelta(days=1)


def _read(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _local(value: datetime, dimension: Dimension | None, catalog: Catalog) -> datetime:
    """A moment in the zone in which its dimension is shown, without a zone."""
    if dimension is None or dimension.timezone is None:
        project = catalog.definitions.config.timezone
        if value.tzinfo is None:
            return value
        return value.astimezone(ZoneInfo(project) if project else UTC).replace(tzinfo=None)
    shown = reporting_zone(catalog, dimension)
    assert shown is not None, "an instant is shown in a zone"
    stored = value if value.tzinfo else value.replace(tzinfo=ZoneInfo(dimension.timezone))
    return stored.astimezone(ZoneInfo(shown)).replace(tzinfo=None)
