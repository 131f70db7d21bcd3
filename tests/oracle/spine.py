"""Time spines: which dates there are, and what `join_to_timespine` adds (T4, A.8)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.oracle import snippets
from tests.oracle.joins import Unanswerable
from tests.oracle.names import Condition, Item, moved
from tests.oracle.scope import Scope
from tests.oracle.time import as_moment, finest, periods, truncate

if TYPE_CHECKING:
    from tests.oracle.atoms import Group, Rows

Value = Any
MOST = 5_000


def dates_of(rows: Rows, base: str) -> list[datetime]:
    """The dates of a metric's spine that a query shows, in order, at a grain.

    A declared spine is used as it is. A generated one goes from the first to the last period of the
    metric's own time over all rows of its model, or from `start` and to `end` (T4); over rows that
    hold for an interval, from the first start to the last start or end (T5). The dates of longer
    periods are days, so that a period that an exact range cuts is one of them.
    """
    assert rows.own is not None
    low, high = rows.scope.bounds.within(rows.own)
    declared = rows.world.declared_dates(base)
    if declared is not None:
        dates = sorted(declared)
    else:
        first, last = _span(rows)
        first = first if low is None else low
        last = last if high is None else high - timedelta(microseconds=1)
        if first is None or last is None or first > last:
            return []
        step = finest(base, "day")
        seconds = {"second": 1, "minute": 60, "hour": 3600}.get(step, 86_400)
        if (last - first).total_seconds() / seconds > MOST:
            raise Unanswerable("too fine a spine")
        dates = list(periods(first, last, step))
    shown = (d for d in dates if (low is None or low <= d) and (high is None or d < high))
    return list(dict.fromkeys(truncate(d, base) for d in shown))


def _span(rows: Rows) -> tuple[datetime | None, datetime | None]:
    table = rows.world.joins.tables[rows.atom.model]
    interval = rows.world.joins.models[rows.atom.model].active
    if interval is None:
        times = [t for row in table if (t := rows.own_time(row)) is not None]
        return min(times, default=None), max(times, default=None)
    cell = rows.world.joins.cell
    starts = [as_moment(v) for row in table if (v := cell(row, interval.from_)) is not None]
    ends = [as_moment(v) for row in table if (v := cell(row, interval.to)) is not None]
    return min(starts, default=None), max([*starts, *ends], default=None)


def with_spine(rows: Rows, values: dict[Group, Value], scope: Scope) -> dict[Group, Value]:
    """Every period of the spine, with NULL groups where it has no row, or as a grid.

    Conditions of the query on time restrict the spine; those on other names that are grouped by act
    once more on the rows that were added.
    """
    assert rows.own is not None
    timed = [c for c in scope.shown if rows.is_only_time(c)]
    base = rows.dated_by(scope, timed)
    dates = [d for d in dates_of(rows, base) if all(rows.holds(c, {}, d) for c in timed)]
    at = [i for i, k in enumerate(scope.keys) if k.is_time]
    rest = [i for i, k in enumerate(scope.keys) if not k.is_time]
    spine = dict.fromkeys(tuple(rows.read({}, d, scope.keys[i]) for i in at) for d in dates)
    by_period: dict[Group, dict[Group, Value]] = {}
    for group, value in values.items():
        period, others = tuple(group[i] for i in at), tuple(group[i] for i in rest)
        by_period.setdefault(period, {})[others] = value
    nothing = tuple(None for _ in rest)
    seen = list(dict.fromkeys(others for found in by_period.values() for others in found))
    made: dict[Group, Value] = {}
    for period in spine:
        found = by_period.get(period, {})
        if rows.atom.spine == "grid" and rest:
            found = {others: found.get(others) for others in seen}
        elif not found:
            found = {nothing: None}
        for others, value in found.items():
            group = [None] * len(scope.keys)
            for i, v in [*zip(at, period, strict=True), *zip(rest, others, strict=True)]:
                group[i] = v
            if all(_holds(rows, c, scope.keys, tuple(group)) for c in scope.shown):
                made[tuple(group)] = value
    return made


def _holds(rows: Rows, condition: Condition, keys: tuple[Item, ...], group: Group) -> bool:
    """Whether a condition is true for a group, as far as it speaks of what is grouped by."""
    items = [rows.as_time(i) if isinstance(i, Item) else i for i in condition.items()]
    if rows.is_only_time(condition) or not all(i in keys for i in items):
        return True
    by_item = dict(zip(keys, group, strict=True))

    def read(name: str) -> Value:
        return by_item[rows.as_time(rows.world.name(name, condition.bare))]

    def move(name: str, literal: Value) -> Value:
        return moved(literal, rows.unit(rows.world.name(name, condition.bare)))

    return snippets.evaluate(condition.node, read, move) is True


__all__ = ["dates_of", "truncate", "with_spine"]
