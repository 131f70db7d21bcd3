"""`start` and `end` of a question: the range of each metric's own time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kpilayer import grain
from kpilayer.calendar import Calendar
from kpilayer.columns import own_grain, time_column
from kpilayer.errors import Issue
from kpilayer.formula.tree import Home
from kpilayer.join_graph import JoinGraph, Unreached
from kpilayer.plan.keys import Key, asked_place, unreached
from kpilayer.plan.query import Query


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open span of time; ``upper_is_inclusive`` where an exact instant ends it."""

    lower: datetime | None
    upper: datetime | None
    upper_is_inclusive: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no instant is in it."""
        if self.lower is None or self.upper is None:
            return False
        return self.upper < self.lower or (self.upper == self.lower and not self.upper_is_inclusive)


def ranges(
    query: Query,
    graph: JoinGraph,
    homes: dict[Home, str],
    keys: list[Key],
    issues: list[Issue],
) -> Iterator[tuple[Home, Range]]:
    """For each home, `start` to `end` in whole periods of the asked grain, else of its own.

    Another metric in the question, of finer data, changes nothing for the first.
    """
    if query.start is None and query.end is None:
        return
    lower, upper = _moment("start", query.start, issues), _moment("end", query.end, issues)
    calendar = graph.catalog.calendar
    times = [c for k in keys for _, c in k.at if c.asked.is_metric_time and c.grain]
    # Whole periods of a spine are known to it only: beside others, those count, as in dbt.
    standard = [c.grain for c in times if c.custom is None and c.grain]
    asked = standard or [c.custom.grain for c in times if c.custom is not None]
    smallest = calendar.finest(asked) if asked else None
    for name in dict.fromkeys(c.grain for c in times if c.custom is not None):
        message = f"the first and last `{name}` may be partial: only a time spine knows its periods"
        issues.append(Issue("partial-period", message, severity="notice"))
    is_empty = False
    for home, metric in homes.items():
        reached = time_column(graph, *home)
        if isinstance(reached, Unreached):
            argument = "start" if query.start is not None else "end"
            asked_for = str(query.start if query.start is not None else query.end)
            issues.append(unreached(reached, asked_place(argument, asked_for), metric, len(homes)))
            continue
        unit = calendar.unit(smallest or own_grain(graph, *home) or "day")
        assert unit is not None, "only custom granularities have no unit"
        span = _exact(lower, upper) if query.exact else _widened(lower, upper, unit)
        is_empty = is_empty or span.is_empty
        yield home, span
    if is_empty:
        message = f"the range is empty: `{query.start}` is after `{query.end}`"
        issues.append(Issue("bad-time-range", message, asked_place("start", str(query.start))))
    elif query.exact and smallest is not None:
        issues += _partial_periods(_exact(lower, upper), smallest, calendar)


def whole_periods(query: Query, unit: str, issues: list[Issue]) -> Range:
    """`start` to `end` in whole periods of a grain, or as they are where that is asked."""
    lower, upper = _moment("start", query.start, issues), _moment("end", query.end, issues)
    return _exact(lower, upper) if query.exact else _widened(lower, upper, unit)


def _moment(argument: str, text: str | None, issues: list[Issue]) -> tuple[datetime, bool] | None:
    if text is None:
        return None
    parsed = grain.parse_moment(text)
    if parsed is None:
        message = f"`{text}` is not a date or time without zone"
        hint = "write 2026-01-31 or 2026-01-31T18:00:00"
        issues.append(Issue("bad-time-range", message, asked_place(argument, text), hint))
    return parsed


def _exact(lower: tuple[datetime, bool] | None, upper: tuple[datetime, bool] | None) -> Range:
    if upper is None or not upper[1]:
        return Range(lower and lower[0], upper and upper[0], upper is not None)
    return Range(lower and lower[0], grain.next_period(upper[0], "day"))


def _widened(
    lower: tuple[datetime, bool] | None, upper: tuple[datetime, bool] | None, unit: str
) -> Range:
    """Whole periods; a date as `end` is at least the whole day."""
    last = grain.coarsest(["day", unit]) if upper and upper[1] else unit
    return Range(
        grain.truncate(lower[0], unit) if lower else None,
        grain.next_period(upper[0], last) if upper else None,
    )


def _partial_periods(span: Range, name: str, calendar: Calendar) -> Iterator[Issue]:
    """The first and last period hold only a part of their rows: say which."""
    unit = calendar.unit(name)
    assert unit is not None, "only custom granularities have no unit"
    for end, inside in (("start", span.lower), ("end", span.upper)):
        if inside is not None and grain.truncate(inside, unit) != inside:
            first = grain.truncate(inside, unit).date()
            message = f"the {name} of {first} is partial: `{end}` cuts it (exact range)"
            yield Issue("partial-period", message, severity="notice")
