"""What the warehouse says of KPIs: their values by period, one question for each cadence.

KPIs of one cadence and one set of conditions are asked together, so that each fact is read once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from kpilayer.address import metric_column
from kpilayer.calendar import Calendar
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError
from kpilayer.formula.times import homes
from kpilayer.kpi.health import Observation
from kpilayer.model.kpi import Cadence, Kpi
from kpilayer.model.metric import RatioMetric

#: Answers of a question: metrics, group-bys, conditions, first and last day, to rows by column.
Ask = Callable[
    [Sequence[str], Sequence[str], Sequence[str], date, date], Sequence[Mapping[str, Any]]
]
#: The newest value of a time, `model.dimension`; None where nobody is told.
Newest = Callable[[str], datetime | date | None]
_GRAINS: Final[dict[Cadence, tuple[str, str]]] = {
    "daily": ("day", "day"), "weekly": ("week", "week"), "monthly": ("month", "fiscal_month"),
    "quarterly": ("quarter", "fiscal_quarter"), "yearly": ("year", "fiscal_year"),
}  # fmt: skip
#: How far back is asked, so that ranges against earlier periods and attainment have what they need.
_BACK: Final[dict[Cadence, timedelta]] = {
    "daily": timedelta(days=800), "weekly": timedelta(weeks=160), "monthly": timedelta(days=1900),
    "quarterly": timedelta(days=2900), "yearly": timedelta(days=3700),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Observed:
    """The observations of a KPI, or why there are none."""

    observations: tuple[Observation, ...] = ()
    watermark: datetime | None = None
    issue: Issue | None = None


def observed(
    kpis: Iterable[Kpi], catalog: Catalog, today: date, ask: Ask, newest: Newest
) -> dict[str, Observed]:
    """What is seen of each KPI up to a day, by name.

    A question that cannot be answered for all of them is asked for each alone, so that one KPI
    keeps none from being judged.
    """
    together: dict[tuple[Cadence, tuple[str, ...]], list[Kpi]] = defaultdict(list)
    for kpi in kpis:
        together[kpi.cadence, kpi.where].append(kpi)
    marks: dict[str, datetime | None] = {}
    found: dict[str, Observed] = {}
    for (cadence, where), each in together.items():
        try:
            found |= _asked(each, cadence, where, catalog, today, ask, newest, marks)
        except QueryError:
            for kpi in each:
                try:
                    found |= _asked([kpi], cadence, where, catalog, today, ask, newest, marks)
                except QueryError as error:
                    found[kpi.name] = Observed(issue=error.issues[0])
    return found


def observed_by(
    kpi: Kpi, catalog: Catalog, today: date, ask: Ask, newest: Newest
) -> dict[str, Observed]:
    """What is seen of each value of the dimension that a KPI is judged by; rows without one aside.

    Raises:
        QueryError: it cannot be asked by that dimension.
    """
    assert kpi.health.by is not None, "only KPIs with segments are asked by them"
    column = f"metric_time__{grain_of(kpi.cadence, catalog.calendar)}"
    by, parts = kpi.health.by.dimension, _parts(kpi, catalog)
    names = tuple(dict.fromkeys((kpi.metric, *parts)))
    rows = ask(names, (column, by), kpi.where, today - _BACK[kpi.cadence], today)
    mark = _watermark(kpi, catalog, newest, {})
    found: dict[str, list[Observation]] = defaultdict(list)
    for row in rows:
        if row[column] is not None and row[by] is not None:
            found[str(row[by])].append(_seen(kpi, row, column, parts, mark))
    return {value: Observed(tuple(each), mark) for value, each in sorted(found.items())}


def grain_of(cadence: Cadence, calendar: Calendar) -> str:
    """The grain of a cadence: fiscal periods only where they are others than the calendar's."""
    plain, fiscal = _GRAINS[cadence]
    return plain if calendar.unit(fiscal) == calendar.unit(plain) else fiscal


def _asked(
    kpis: Sequence[Kpi],
    cadence: Cadence,
    where: tuple[str, ...],
    catalog: Catalog,
    today: date,
    ask: Ask,
    newest: Newest,
    marks: dict[str, datetime | None],
) -> dict[str, Observed]:
    grain = grain_of(cadence, catalog.calendar)
    names = dict.fromkeys(name for kpi in kpis for name in (kpi.metric, *_parts(kpi, catalog)))
    column = f"metric_time__{grain}"
    rows = ask(tuple(names), (column,), where, today - _BACK[cadence], today)
    found = {}
    for kpi in kpis:
        mark, parts = _watermark(kpi, catalog, newest, marks), _parts(kpi, catalog)
        found[kpi.name] = Observed(
            tuple(_seen(kpi, row, column, parts, mark) for row in rows if row[column] is not None),
            mark,
        )
    return found


def _seen(
    kpi: Kpi,
    row: Mapping[str, Any],
    column: str,
    parts: tuple[str, ...],
    mark: datetime | None,
) -> Observation:
    numerator, denominator = (
        (_number(row[metric_column(part)]) for part in parts) if parts else (None, None)
    )
    value = _number(row[metric_column(kpi.metric)])
    return Observation(_day(row[column]), value, numerator, denominator, mark)


def _parts(kpi: Kpi, catalog: Catalog) -> tuple[str, ...]:
    """Numerator and denominator of a ratio of which a least denominator is asked."""
    metric = catalog.metrics.get(kpi.metric)
    if kpi.health.min_denominator is None or not isinstance(metric, RatioMetric):
        return ()
    return (metric.numerator.name, metric.denominator.name)


def _watermark(
    kpi: Kpi, catalog: Catalog, newest: Newest, marks: dict[str, datetime | None]
) -> datetime | None:
    """Up to when all sources of a KPI have data; None where one of them is not told."""
    found: list[datetime | None] = []
    for source in dict.fromkeys(_sources(kpi, catalog)):
        if source not in marks:
            marks[source] = _moment(newest(source))
        found.append(marks[source])
    known = [mark for mark in found if mark is not None]
    return min(known) if known and len(known) == len(found) else None


def _sources(kpi: Kpi, catalog: Catalog) -> Iterator[str]:
    for model, time in homes(catalog, kpi.metric):
        if time is not None:
            yield f"{model}.{time}"


def _moment(value: datetime | date | None) -> datetime | None:
    """Data of a day reach to its end."""
    if value is None or isinstance(value, datetime):
        return None if value is None else value.replace(tzinfo=None)
    return datetime.combine(value + timedelta(days=1), datetime.min.time())


def _day(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
