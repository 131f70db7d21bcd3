"""The numbers of a driver tree by period: one question for each set of conditions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from kpilayer.address import metric_column
from kpilayer.calendar import Calendar
from kpilayer.kpi.driver_tree import Node
from kpilayer.kpi.exact import Number
from kpilayer.kpi.observing import Ask, day_of, grain_of
from kpilayer.kpi.periods import Periods
from kpilayer.model.kpi import Cadence

#: Values of a node by the first day of their period; a period without a row is not there.
Values: TypeAlias = Mapping[date, Number | None]


def measured(
    nodes: Iterable[Node], cadence: Cadence, calendar: Calendar, first: date, last: date, ask: Ask
) -> dict[str, Values]:
    """The values of each node from the period ``first`` to the period that ends with ``last``.

    Raises:
        QueryError: a metric of the tree cannot be asked by the cadence.
    """
    together: dict[tuple[str, ...], list[Node]] = defaultdict(list)
    for node in nodes:
        together[node.where].append(node)
    column = f"metric_time__{grain_of(cadence, calendar)}"
    found: dict[str, Values] = {}
    for where, each in together.items():
        names = tuple(dict.fromkeys(node.metric for node in each))
        rows = [r for r in ask(names, (column,), where, first, last) if r[column] is not None]
        for node in each:
            answer = metric_column(node.metric)
            found[node.name] = {day_of(row[column]): number_in(row[answer]) for row in rows}
    return found


def number_in(value: Any) -> Number | None:
    """A value of an answer as a number with all of its digits."""
    return value if value is None or isinstance(value, int | Decimal) else float(value)


def steps_back(periods: Periods, start: date, count: int) -> date:
    """The period so many before another one, or the first that is known."""
    for _ in range(count):
        earlier = periods.before(start)
        if earlier is None:
            break
        start = earlier
    return start


def between(periods: Periods, first: date, last: date) -> tuple[date, ...]:
    """All periods from one to another, both included."""
    found = [first]
    while found[-1] < last:
        found.append(periods.end(found[-1]))
    return tuple(found)


def last_day(periods: Periods, start: date) -> date:
    """The last day of a period."""
    return periods.end(start) - timedelta(days=1)
