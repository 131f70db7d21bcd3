"""Questions answered the slow way: rows as dicts, loops, no SQL.

It follows what is written of the language and shares no code with kpilayer. Every metric is counted
over rows of its own table; lookups never remove or repeat a row; conditions are true, false or
unknown (None); a NULL group is a group; a group exists if any asked metric has a row in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
Value = Any

#: Finest first.
GRAINS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class Hop:
    """A lookup: the row of ``table`` whose ``column`` equals ``key`` of the row before."""

    key: str
    table: str
    column: str


@dataclass(frozen=True)
class Place:
    """Where a name leads from a table, and what is read there; ``grain`` for times."""

    hops: tuple[Hop, ...]
    value: Callable[[Row], Value]
    grain: str | None = None


@dataclass(frozen=True)
class Item:
    """Something to group or filter by."""

    name: str
    grain: str | None = None
    part: str | None = None


@dataclass(frozen=True)
class Compare:
    """An item against literals: ``=`` ``!=`` ``<`` ``<=`` ``>`` ``>=`` ``in`` ``between``."""

    item: Item
    operator: str
    literals: tuple[Value, ...]


@dataclass(frozen=True)
class IsNull:
    """Whether an item is NULL."""

    item: Item


@dataclass(frozen=True)
class IsTrue:
    """A boolean item by itself."""

    item: Item


@dataclass(frozen=True)
class Not:
    """The opposite; unknown stays unknown."""

    inner: Condition


@dataclass(frozen=True)
class Both:
    """AND."""

    left: Condition
    right: Condition


@dataclass(frozen=True)
class Either:
    """OR."""

    left: Condition
    right: Condition


Condition = Compare | IsNull | IsTrue | Not | Both | Either


@dataclass(frozen=True)
class Total:
    """An aggregation over the rows of one table; ``time`` is the name that is `metric_time`."""

    table: str
    agg: str
    value: Callable[[Row], Value] = field(compare=False, default=lambda row: 1)
    keep: tuple[Condition, ...] = ()
    time: str | None = None


@dataclass(frozen=True)
class Formula:
    """A number computed from others."""

    inputs: tuple[Metric, ...]
    compute: Callable[..., Value]


Metric = Total | Formula


@dataclass(frozen=True)
class Question:
    """What is asked. ``order_by`` names output columns with a sign; bounds are inclusive."""

    metrics: tuple[str, ...]
    group_by: tuple[Item, ...] = ()
    where: tuple[Condition, ...] = ()
    start: date | datetime | None = None
    end: date | datetime | None = None
    exact: bool = False
    order_by: tuple[tuple[int, bool], ...] = ()  # position in the output, descending
    limit: int | None = None


@dataclass(frozen=True)
class World:
    """Names by table, and metrics by name."""

    places: Mapping[str, Mapping[str, Place]]
    metrics: Mapping[str, Metric]

    def answer(self, tables: Tables, question: Question) -> list[tuple[Value, ...]]:
        """The rows of the answer, in order."""
        groups: dict[tuple[Value, ...], None] = {}
        found: dict[str, dict[tuple[Value, ...], Value]] = {}
        for name in question.metrics:
            rows = {total: self._groups(tables, question, total) for total in self._totals(name)}
            for by_group in rows.values():
                groups.update(dict.fromkeys(by_group))
            found[name] = rows
        if not question.group_by:
            groups = {(): None}
        lines = [
            (
                *group,
                *(
                    _evaluate(self.metrics[name], found[name], group, bool(question.group_by))
                    for name in question.metrics
                ),
            )
            for group in groups
        ]
        by = [*question.order_by, *((i, False) for i in range(len(question.group_by)))]
        for position, descending in reversed(by):
            known = [line for line in lines if line[position] is not None]
            known.sort(key=lambda line: line[position], reverse=descending)
            lines = known + [line for line in lines if line[position] is None]
        return lines if question.limit is None else lines[: question.limit]

    def _totals(self, name: str) -> Iterator[Total]:
        stack: list[Metric] = [self.metrics[name]]
        while stack:
            metric = stack.pop()
            if isinstance(metric, Total):
                yield metric
            else:
                stack.extend(metric.inputs)

    def _groups(
        self, tables: Tables, question: Question, total: Total
    ) -> dict[tuple[Value, ...], list[Row]]:
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for row in tables[total.table]:

            def read(item: Item, row: Row = row) -> Value:
                return self._read(tables, total, row, item)

            if not all(holds(c, read) is True for c in (*total.keep, *question.where)):
                continue
            if not self._in_range(tables, question, total, row):
                continue
            groups.setdefault(tuple(read(item) for item in question.group_by), []).append(row)
        return groups

    def place(self, total: Total, name: str) -> Place:
        """Where a name leads for a metric; `metric_time` is its own time."""
        return self.places[total.table][total.time or "" if name == "metric_time" else name]

    def _read(self, tables: Tables, total: Total, row: Row, item: Item) -> Value:
        place = self.place(total, item.name)
        value = _follow(tables, place, row)
        if value is None or place.grain is None:
            return value
        if item.part is not None:
            return part(value, item.part)
        return truncate(value, item.grain or place.grain)

    def _in_range(self, tables: Tables, question: Question, total: Total, row: Row) -> bool:
        if question.start is None and question.end is None:
            return True
        place = self.place(total, "metric_time")
        value = _follow(tables, place, row)
        if value is None:
            return False
        asked = [i.grain for i in question.group_by if i.name == "metric_time" and i.grain]
        unit = min(asked, key=GRAINS.index) if asked else place.grain
        assert unit is not None
        moment = _as_datetime(value)
        if question.start is not None:
            first = _as_datetime(question.start)
            first = first if question.exact else _as_datetime(truncate(first, unit))
            if moment < first:
                return False
        if question.end is None:
            return True
        if question.exact:
            if isinstance(question.end, datetime):
                return moment <= question.end
            return moment.date() <= question.end
        if not isinstance(question.end, datetime):  # a date is the whole day at least
            unit = max(unit, "day", key=GRAINS.index)
        return bool(truncate(moment, unit) <= truncate(_as_datetime(question.end), unit))


def _follow(tables: Tables, place: Place, row: Row) -> Value:
    here: Row = row
    for hop in place.hops:
        key = here[hop.key]
        matches = [r for r in tables[hop.table] if key is not None and r[hop.column] == key]
        if not matches:
            return None
        (here,) = matches
    return place.value(here)


def holds(condition: Condition, read: Callable[[Item], Value]) -> bool | None:
    """Whether a condition is true, false or unknown."""
    match condition:
        case IsNull(item):
            return read(item) is None
        case IsTrue(item):
            return None if (value := read(item)) is None else bool(value)
        case Not(inner):
            return None if (value := holds(inner, read)) is None else not value
        case Both(left, right):
            sides = (holds(left, read), holds(right, read))
            return False if False in sides else None if None in sides else True
        case Either(left, right):
            sides = (holds(left, read), holds(right, read))
            return True if True in sides else None if None in sides else False
        case Compare(item, operator, literals):
            value = read(item)
            if value is None:
                return None
            if isinstance(value, date) and item.part is None:
                unit = item.grain
                assert unit is not None, "a condition on a time says its grain"
                literals = tuple(truncate(_as_datetime(x), unit) for x in literals)
            return _compare(value, operator, literals)


def _compare(value: Value, operator: str, literals: tuple[Value, ...]) -> bool:
    first, last = literals[0], literals[-1]
    return bool(
        {
            "=": lambda: value == first,
            "!=": lambda: value != first,
            "<": lambda: value < first,
            "<=": lambda: value <= first,
            ">": lambda: value > first,
            ">=": lambda: value >= first,
            "in": lambda: value in literals,
            "between": lambda: first <= value <= last,
        }[operator]()
    )


def _evaluate(
    metric: Metric,
    rows: Mapping[Total, Mapping[tuple[Value, ...], Sequence[Row]]],
    group: tuple[Value, ...],
    is_grouped: bool,
) -> Value:
    if isinstance(metric, Formula):
        inputs = [_evaluate(m, rows, group, is_grouped) for m in metric.inputs]
        return None if None in inputs else metric.compute(*inputs)
    mine = rows[metric].get(group)
    if not mine:
        return 0 if metric.agg == "count_distinct" and not is_grouped else None
    values = [v for row in mine if (v := metric.value(row)) is not None]
    return _aggregate(metric.agg, values)


def _aggregate(agg: str, values: list[Value]) -> Value:
    match agg:
        case "count":
            return len(values)
        case "sum_boolean":
            return sum(1 for v in values if v)
        case "count_distinct":
            return len(set(values))
    if not values:
        return None
    match agg:
        case "sum":
            return sum(values[1:], values[0])
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "average":
            return float(math.fsum(float(v) for v in values)) / len(values)
        case "median":
            ordered = sorted(float(v) for v in values)
            middle = len(ordered) // 2
            if len(ordered) % 2:
                return ordered[middle]
            return (ordered[middle - 1] + ordered[middle]) / 2
    raise AssertionError(agg)


def divided(numerator: Value, denominator: Value) -> float | None:
    """A true division as a double; NULL by zero."""
    return None if denominator == 0 else float(Decimal(numerator)) / float(Decimal(denominator))


# --------------------------------------------------------------------------------------------- time


def _as_datetime(value: date | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def truncate(value: date | datetime, grain: str) -> date | datetime:
    """The first instant of a period: a date from a day on, a datetime below."""
    moment = _as_datetime(value)
    match grain:
        case "second":
            return moment.replace(microsecond=0)
        case "minute":
            return moment.replace(second=0, microsecond=0)
        case "hour":
            return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.date()
    match grain:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.isoweekday() - 1)
        case "month":
            return day.replace(day=1)
        case "quarter":
            return date(day.year, {1: 1, 2: 4, 3: 7, 4: 10}[math.ceil(day.month / 3)], 1)
        case "year":
            return date(day.year, 1, 1)
    raise AssertionError(grain)


def part(value: date | datetime, name: str) -> int:
    """A date part; weeks and days of the week as in ISO 8601."""
    return {
        "year": value.year,
        "quarter": math.ceil(value.month / 3),
        "month": value.month,
        "week": value.isocalendar().week,
        "day": value.day,
        "dow": value.isoweekday(),
        "doy": value.timetuple().tm_yday,
    }[name]
