"""How far aims are, from the warehouse: one question for each grain and set of conditions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from kpilayer.address import metric_column
from kpilayer.catalog import Catalog
from kpilayer.errors import QueryError
from kpilayer.kpi.aims import Aim
from kpilayer.kpi.health import Clock
from kpilayer.kpi.observing import Ask, day_of, grain_of, number_of
from kpilayer.kpi.pace import LikePeriod, Pace, Point, okr_pace
from kpilayer.kpi.periods import Periods, periods_of
from kpilayer.kpi.watermark import Newest, watermark

#: Earlier periods that say how a sum grows.
_LIKE: Final = 4
#: Days before the first of them in which a row proves that data were there already.
_BEFORE: Final = timedelta(days=31)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reached:
    """Where an aim is: its pace, of which period the value is, and up to when there are data."""

    aim: Aim
    pace: Pace
    since: date | None = None
    """The first day that the value is of."""
    until: date | None = None
    """The last day that it is of."""
    problem: str = ""
    """Why it cannot be told, or not all of it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The values of an aim's metric by the first day of their period, in order."""

    values: tuple[tuple[date, float], ...] = ()
    mark: datetime | None = None
    problem: str = ""


def reached(
    aims: Sequence[Aim], catalog: Catalog, today: date, ask: Ask, newest: Newest
) -> list[Reached]:
    """Where each aim is at the end of a day, in their order."""
    now = datetime.combine(today + _DAY, time())
    asked = _asked(aims, catalog, today, ask, newest)
    return [
        _not_measured(aim, now, aim.problem)
        if aim.problem
        else _reached(aim, found, now, periods_of(aim.cadence, catalog.calendar))
        for aim, found in zip(aims, asked, strict=True)
    ]


def _not_measured(aim: Aim, now: datetime, problem: str) -> Reached:
    need = (
        {"committed": 1.0, "stretch": 0.7}[aim.ambition] if aim.expected is None else aim.expected
    )
    begun = now > _midnight(aim.starts)
    return Reached(aim, Pace("no_data" if begun else "not_started", need), problem=problem)


# ----------------------------------------------------------------------------------------- pace


def _reached(aim: Aim, found: _Asked, now: datetime, periods: Periods) -> Reached:
    if found.problem or now <= _midnight(aim.starts):
        return _not_measured(aim, now, found.problem)
    return _total(aim, found, now) if aim.adds_up else _level(aim, found, now, periods)


def _total(aim: Aim, found: _Asked, now: datetime) -> Reached:
    """The sum of whole days; within the grace of data that are late, time stands where they end."""
    counted = now - aim.grace if aim.grace else now
    if aim.grace and found.mark is not None:
        counted = min(now, max(counted, found.mark))
    clock = Clock(_midnight(counted.date()))
    if clock.now <= _midnight(aim.starts):
        return _not_measured(aim, now, "its data are not all there yet")
    days = [Point(day, value) for day, value in found.values if _midnight(day) < clock.now]
    pace = okr_pace(aim.result, days, clock, _like(aim, found.values))
    last = min(clock.now.date() - _DAY, aim.ends)
    told = ""
    if found.mark is not None and found.mark < _midnight(last):
        told = _ends(found.mark)
    return Reached(aim, pace, aim.starts, last, told)


def _level(aim: Aim, found: _Asked, now: datetime, periods: Periods) -> Reached:
    """The value of the last whole period that is over and whose data are there."""
    whole = tuple(_whole(aim, periods))
    if not whole:
        told = f"no whole period of `{aim.cadence}` lies in its time: say `cadence`"
        return _not_measured(aim, now, told)
    complete = now - aim.grace if found.mark is None else min(now, found.mark)
    values = dict(found.values)
    known = [(start, end) for start, end in whole if _midnight(end) <= complete and start in values]
    if not known:
        (_, first), *_ = whole
        is_behind = found.mark is not None and found.mark < min(now, _midnight(first))
        return _not_measured(aim, now, _ends(found.mark) if is_behind else "")
    points = [Point(end - _DAY, values[start]) for start, end in known]
    (start, end), (_, last) = known[-1], whole[-1]
    pace = okr_pace(aim.result, points, Clock(now))
    if pace.status not in ("achieved", "missed") or end == last:
        return Reached(aim, pace, start, end - _DAY)
    told = f"its last period ends on {last - _DAY}, and "
    is_behind = found.mark is not None and found.mark < _midnight(last)
    told += _ends(found.mark) if is_behind else "it has no value"
    return Reached(aim, replace(pace, status="no_data"), start, end - _DAY, told)


def _ends(mark: datetime | None) -> str:
    """Where data end."""
    assert mark is not None, "only what has data can have an end of them"
    if mark.time() == time():
        return f"data end on {mark.date() - _DAY}"
    return f"data end at {mark:%Y-%m-%d %H:%M}"


def _whole(aim: Aim, periods: Periods) -> Iterator[tuple[date, date]]:
    """The periods that lie in the time of an aim as a whole: first day, and first day after."""
    start = periods.holding(aim.starts)
    while start is not None and start <= aim.ends:
        end = periods.end(start)
        if aim.starts <= start and end <= aim.ends + _DAY:
            yield start, end
        start = end


# -------------------------------------------------------------------------------- like periods


def earlier(starts: date, ends: date) -> Iterator[tuple[date, date]]:
    """The times before one that are as long, the latest first: whole months, or as many days.

    >>> next(earlier(date(2026, 4, 1), date(2026, 6, 30)))
    (datetime.date(2026, 1, 1), datetime.date(2026, 3, 31))
    """
    after = ends + _DAY
    months = (after.year - starts.year) * 12 + after.month - starts.month
    are_months = starts.day == 1 == after.day
    while True:
        before = _months_back(starts, months) if are_months else starts - (after - starts)
        yield before, starts - _DAY
        starts, after = before, starts


def _months_back(day: date, months: int) -> date:
    at = day.year * 12 + day.month - 1 - months
    return date(at // 12, at % 12 + 1, 1)


def _four_earlier(aim: Aim) -> list[tuple[date, date]]:
    times = earlier(aim.starts, aim.ends)
    return [next(times) for _ in range(_LIKE)]


def _like(aim: Aim, values: Sequence[tuple[date, float]]) -> list[LikePeriod]:
    """The earlier times in all of which there were data."""
    first = min((day for day, _ in values), default=date.max)
    return [
        LikePeriod(starts, ends, tuple(Point(d, v) for d, v in values if starts <= d <= ends))
        for starts, ends in _four_earlier(aim)
        if first <= starts
    ]


# -------------------------------------------------------------------------------------- asking


def _asked(
    aims: Sequence[Aim], catalog: Catalog, today: date, ask: Ask, newest: Newest
) -> list[_Asked]:
    """What is known of each aim; those of one grain and condition are asked together.

    A question that cannot be answered for all is asked for each metric alone, so that one aim
    keeps none from being measured.
    """
    together: dict[tuple[str, tuple[str, ...]], list[Aim]] = defaultdict(list)
    for aim in aims:
        if not aim.problem and aim.starts <= today:
            together[_column(aim, catalog), aim.where].append(aim)
    rows: dict[tuple[str, tuple[str, ...], str], Sequence[Mapping[str, Any]] | str] = {}
    for (column, where), each in together.items():
        metrics = tuple(dict.fromkeys(aim.metric for aim in each))
        since = min(_since(aim) for aim in each)
        try:
            answer = ask(metrics, (column,), where, since, today)
            rows |= {(column, where, metric): answer for metric in metrics}
        except QueryError:
            for metric in metrics:
                try:
                    rows[column, where, metric] = ask((metric,), (column,), where, since, today)
                except QueryError as error:
                    rows[column, where, metric] = error.issues[0].message
    marks: dict[str, datetime | None] = {}
    found = []
    for aim in aims:
        column = _column(aim, catalog) if aim.metric else ""
        known = rows.get((column, aim.where, aim.metric), ())
        if isinstance(known, str):
            found.append(_Asked(problem=known))
            continue
        is_asked = not aim.problem and aim.starts <= today
        mark = watermark(aim.metric, catalog, newest, marks) if is_asked else None
        found.append(_Asked(tuple(_values(known, column, aim.metric)), mark))
    return found


def _column(aim: Aim, catalog: Catalog) -> str:
    grain = "day" if aim.adds_up else grain_of(aim.cadence, catalog.calendar)
    return f"metric_time__{grain}"


def _since(aim: Aim) -> date:
    return _four_earlier(aim)[-1][0] - _BEFORE if aim.adds_up else aim.starts


def _values(
    rows: Sequence[Mapping[str, Any]], column: str, metric: str
) -> Iterator[tuple[date, float]]:
    for row in rows:
        value = number_of(row[metric_column(metric)])
        if row[column] is not None and value is not None:
            yield day_of(row[column]), value


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
