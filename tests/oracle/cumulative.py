"""Metrics over all time so far, a window, or since a period began (A.9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from kpilayer.model.metric import CumulativeMetric
from tests.oracle import many
from tests.oracle.aggregate import aggregate
from tests.oracle.atoms import Answer, Counted, Group, Rows
from tests.oracle.joins import Row, Unanswerable
from tests.oracle.names import Condition, Item
from tests.oracle.scope import Scope
from tests.oracle.spine import dates_of, with_spine
from tests.oracle.time import add, as_moment, is_finer, length, shown, truncate

Value = Any


def cumulative(source: Rows, metric: CumulativeMetric, inner: tuple[Condition, ...]) -> Answer:
    """The metric over all time so far, a window, or since a period began (A.9).

    What fills gaps of its input fills the input's values: in groups that only other metrics have,
    it is NULL, as a formula of a filled input is, and as it is in MetricFlow.
    """
    scope = source.scope
    if source.atom.balance is not None or source.atom.as_of is not None or source.own is None:
        raise Unanswerable("a cumulative metric of what is no plain event")
    many.refuse(source)
    if scope.bounds.exact and is_finer("day", source.own):
        raise Unanswerable("a cumulative metric in a range that cuts its dates")
    rows = [
        (row, source.own_time(row))
        for row in source.passing()
        if all(source.holds(c, row, source.own_time(row)) for c in inner)
    ]
    if any(many.is_many(source, c) for c in (*source.atom.conditions, *inner, *scope.shown)):
        raise Unanswerable("a cumulative metric of the many side")
    if not scope.times:
        return _all_time(source, metric, rows)
    if any(k.part for k in scope.times):
        raise Unanswerable("a cumulative metric by a date part")
    base = source.dated_by(scope, [c for c in scope.shown if source.is_only_time(c)])
    stage: dict[tuple[datetime, datetime, Group], list[Row]] = {}
    with_data: set[tuple[datetime, datetime, Group]] = set()
    others = [k for k in scope.keys if not k.is_time]
    for date in _output_dates(source, base):
        for row, moment in rows:
            if moment is None or not _reaches(metric, truncate(moment, base), date):
                continue
            for where in source.shown_at(date):
                if source.kept(row, date, where):
                    assert where is not None
                    rest = tuple(source.read(row, where, k) for k in others)
                    key = (date, where, rest)
                    stage.setdefault(key, []).append(row)
                    if truncate(moment, base) == date:
                        with_data.add(key)
    if metric.rows == "data":
        stage = {key: found for key, found in stage.items() if key in with_data}
    values = {key: source.value(found) for key, found in stage.items()}
    return _by_period(source, metric, values, base, inner)


def _all_time(
    source: Rows, metric: CumulativeMetric, rows: list[tuple[Row, datetime | None]]
) -> Answer:
    if metric.window or metric.grain_to_date:
        raise Unanswerable("a window without `metric_time`")
    _, high = source.scope.bounds.within(source.own or "day")
    scope = source.scope
    kept = [
        Counted(row, moment, moment)
        for row, moment in rows
        if (high is None or (moment is not None and moment < high))
        and all(source.holds(c, row, moment) for c in scope.shown)
        and not source.is_left_out(row, moment)
    ]
    groups = source.grouped(kept)
    is_grouped = bool(scope.keys)
    values = {g: source.value([c.row for c in found], is_grouped) for g, found in groups.items()}
    return Answer(source.layered(values, scope).rows)


def _output_dates(source: Rows, base: str) -> list[datetime]:
    if not source.scope.shifts:
        return dates_of(source, base)
    if source.atom.spine is not None:
        raise Unanswerable("an offset of a cumulative metric on a spine")
    found: dict[datetime, None] = {}
    declared = source.world.declared_dates(base)
    if declared is not None:
        declared = {truncate(day, base) for day in declared}
    for _, low, high in source.moves:
        here = truncate(low, base)
        while here < high:
            if here >= low and (declared is None or here in declared):
                found[here] = None
            here = add(here, 1, base)
    return list(found)


def _by_period(
    source: Rows,
    metric: CumulativeMetric,
    values: dict[tuple[datetime, datetime, Group], Value],
    base: str,
    inner: tuple[Condition, ...],
) -> Answer:
    """From dates to the periods asked: the first or last of the dates, or their average."""
    scope = source.scope

    def full(where: datetime, rest: Group) -> Group:
        others = iter(rest)
        return tuple(source.read({}, where, k) if k.is_time else next(others) for k in scope.keys)

    if source.atom.spine is not None:
        values = _spined(source, values, base, inner)
    if source.atom.fill is not None:
        values = {k: source.atom.fill if v is None else v for k, v in values.items()}
    periods: dict[Group, dict[datetime, Value]] = {}
    for (date, where, rest), value in values.items():
        periods.setdefault(full(where, rest), {})[date] = value
    return Answer({g: _pick(metric, found, base, scope) for g, found in periods.items()})


def _spined(
    source: Rows,
    values: dict[tuple[datetime, datetime, Group], Value],
    base: str,
    inner: tuple[Condition, ...],
) -> dict[tuple[datetime, datetime, Group], Value]:
    """`join_to_timespine` of what is accumulated acts on its dates, with all filters on it."""
    time = Item((), "metric_time", base)
    others = tuple(k for k in source.scope.keys if not k.is_time)
    scope = replace(source.scope, keys=(time, *others), shown=(*source.scope.shown, *inner))
    flat = {(shown(d, base), *rest): v for (d, _, rest), v in values.items()}
    spined = with_spine(source, flat, scope)
    return {(as_moment(g[0]), as_moment(g[0]), g[1:]): v for g, v in spined.items()}


def _reaches(metric: CumulativeMetric, moment: datetime, date: datetime) -> bool:
    """Whether what happened at a moment counts for a date."""
    if moment > date:
        return False
    if metric.window is not None:
        count, grain = length(metric.window)
        return moment > add(date, -count, grain)
    if metric.grain_to_date is not None:
        return moment >= truncate(date, metric.grain_to_date)
    return True


def _pick(metric: CumulativeMetric, found: dict[datetime, Value], base: str, scope: Scope) -> Value:
    dates = sorted(found)
    if len(dates) == 1 and all(k.grain == base for k in scope.times):
        return found[dates[0]]
    if metric.period_agg == "average":
        return aggregate("average", [found[d] for d in dates])
    return found[dates[-1 if metric.period_agg == "last" else 0]]
