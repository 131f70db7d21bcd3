"""What the warehouse says of KPIs: their values by period, one question for each cadence.

KPIs of one cadence and one set of conditions are asked together, so that each fact is read once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import dropwhile
from typing import Any, Final

from kpilayer.address import metric_column
from kpilayer.calendar import Calendar
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError
from kpilayer.kpi.health import Observation
from kpilayer.kpi.watermark import Newest, watermark
from kpilayer.model.kpi import Cadence, Kpi
from kpilayer.model.metric import RatioMetric

#: Answers of a question: metrics, group-bys, conditions, first and last day, to rows by column.
Ask = Callable[
    [Sequence[str], Sequence[str], Sequence[str], date, date], Sequence[Mapping[str, Any]]
]
_GRAINS: Final[dict[Cadence, tuple[str, str]]] = {
    "daily": ("day", "day"), "weekly": ("week", "week"), "monthly": ("month", "fiscal_month"),
    "quarterly": ("quarter", "fiscal_quarter"), "yearly": ("year", "fiscal_year"),
}  # fmt: skip
#: How far back is asked, so that ranges against earlier periods and attainment have what they need.
_BACK: Final[dict[Cadence, timedelta]] = {
    "daily": timedelta(days=800), "weekly": timedelta(weeks=160), "monthly": timedelta(days=1900),
    "quarterly": timedelta(days=2900), "yearly": timedelta(days=3700),
}  # fmt: skip
#: The name of a segment whose value is the empty text.
_EMPTY: Final = "(empty)"
#: How long a period is, at most.
_DAYS: Final[dict[Cadence, int]] = {
    "daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366,
}  # fmt: skip
_HISTORY: Final = 8  # as `Relative.history`
#: How far back ranges compare, at least: two years.
_COMPARED: Final = timedelta(days=800)


@dataclass(frozen=True, slots=True)
class Observed:
    """The observations of a KPI, or why there are none."""

    observations: tuple[Observation, ...] = ()
    watermark: datetime | None = None
    issue: Issue | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """How the warehouse is asked: up to which day, and, where that is early, since when."""

    catalog: Catalog
    today: date
    ask: Ask
    newest: Newest
    since: date | None = None
    marks: dict[str, datetime | None] = field(default_factory=dict)
    """What sources said of their newest times."""

    def first(self, kpis: Iterable[Kpi]) -> date:
        """The first day that is asked for, early enough for all that ranges compare with."""
        every = list(kpis)
        compared = max((_compared(kpi) for kpi in every), default=_COMPARED)
        back = max((_BACK[kpi.cadence] for kpi in every), default=_COMPARED)
        since = self.today if self.since is None else self.since
        return min(self.today - max(back, compared), since - compared)

    def mark(self, kpi: Kpi) -> datetime | None:
        """Up to when all sources of a KPI have data."""
        return watermark(kpi.metric, self.catalog, self.newest, self.marks)


def observed(kpis: Iterable[Kpi], asking: Asking) -> dict[str, Observed]:
    """What is seen of each KPI up to a day, by name.

    A question that cannot be answered for all of them is asked for each alone, so that one KPI
    keeps none from being judged.
    """
    together: dict[tuple[Cadence, tuple[str, ...]], list[Kpi]] = defaultdict(list)
    for kpi in kpis:
        together[kpi.cadence, kpi.where].append(kpi)
    found: dict[str, Observed] = {}
    for (cadence, where), each in together.items():
        try:
            found |= _asked(each, cadence, where, asking)
        except QueryError:
            for kpi in each:
                try:
                    found |= _asked([kpi], cadence, where, asking)
                except QueryError as error:
                    found[kpi.name] = Observed(issue=error.issues[0])
    return found


def observed_by(kpi: Kpi, asking: Asking) -> dict[str, Observed]:
    """What is seen of each value of the dimension that a KPI is judged by; rows without one aside.

    Raises:
        QueryError: it cannot be asked by that dimension.
    """
    assert kpi.health.by is not None, "only KPIs with segments are asked by them"
    column = f"metric_time__{grain_of(kpi.cadence, asking.catalog.calendar)}"
    by, parts = kpi.health.by.dimension, _parts(kpi, asking.catalog)
    names = tuple(dict.fromkeys((kpi.metric, *parts)))
    rows = asking.ask(names, (column, by), kpi.where, asking.first([kpi]), asking.today)
    mark = asking.mark(kpi)
    found: dict[str, list[Observation]] = defaultdict(list)
    for row in rows:
        if row[column] is not None and row[by] is not None:
            found[str(row[by]) or _EMPTY].append(_seen(kpi, row, column, parts, mark))
    return {value: Observed(tuple(each), mark) for value, each in sorted(found.items())}


def _compared(kpi: Kpi) -> timedelta:
    """How far back the ranges of a KPI compare: so many periods, or years of like seasons."""
    rules = [kpi.health.relative, *(one.relative for one in kpi.health.overrides)]
    found = [_COMPARED]
    for rule in rules:
        if rule is not None:
            count = (rule.history or _HISTORY) + 2
            days = 366 if rule.to == "seasonal" else _DAYS[kpi.cadence]
            found.append(timedelta(days=count * days))
    return max(found)


def grain_of(cadence: Cadence, calendar: Calendar) -> str:
    """The grain of a cadence: fiscal periods only where they are others than the calendar's."""
    plain, fiscal = _GRAINS[cadence]
    return plain if calendar.unit(fiscal) == calendar.unit(plain) else fiscal


def _asked(
    kpis: Sequence[Kpi], cadence: Cadence, where: tuple[str, ...], asking: Asking
) -> dict[str, Observed]:
    catalog = asking.catalog
    names = dict.fromkeys(name for kpi in kpis for name in (kpi.metric, *_parts(kpi, catalog)))
    column = f"metric_time__{grain_of(cadence, catalog.calendar)}"
    rows = asking.ask(tuple(names), (column,), where, asking.first(kpis), asking.today)
    found = {}
    for kpi in kpis:
        mark, parts = asking.mark(kpi), _parts(kpi, catalog)
        every = (_seen(kpi, row, column, parts, mark) for row in rows if row[column] is not None)
        found[kpi.name] = Observed(_since_there_is_one(every), mark)
    return found


def _since_there_is_one(every: Iterable[Observation]) -> tuple[Observation, ...]:
    """Observations from the first value on: those before are rows of what is asked beside."""
    in_order = sorted(every, key=lambda one: one.period_start)
    return tuple(dropwhile(lambda one: one.value is None and one.denominator is None, in_order))


def _seen(
    kpi: Kpi,
    row: Mapping[str, Any],
    column: str,
    parts: tuple[str, ...],
    mark: datetime | None,
) -> Observation:
    numerator, denominator = (
        (number_of(row[metric_column(part)]) for part in parts) if parts else (None, None)
    )
    value = number_of(row[metric_column(kpi.metric)])
    return Observation(day_of(row[column]), value, numerator, denominator, mark)


def _parts(kpi: Kpi, catalog: Catalog) -> tuple[str, ...]:
    """Numerator and denominator of a ratio of which a least denominator is asked."""
    metric = catalog.metrics.get(kpi.metric)
    if kpi.health.min_denominator is None or not isinstance(metric, RatioMetric):
        return ()
    return (metric.numerator.name, metric.denominator.name)


def day_of(value: Any) -> date:
    """The first day of a period; SQLite has no type for it."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.date() if isinstance(value, datetime) else value


def number_of(value: Any) -> float | None:
    """A number of a warehouse as a float."""
    return None if value is None else float(value)
