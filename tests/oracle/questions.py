"""Random questions about random metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from random import Random

from tests.oracle.databases import EDGES, NEAR
from tests.oracle.query import Query, Top
from tests.oracle.strategies import Library

#: How often something is done with an answer, of each sort.
EXTRAS = 0.12


def query(library: Library, metrics: Sequence[str], exact: Mapping[str, bool]) -> Query:
    """A question; ``exact``: the metrics whose values are the same to the last digit."""
    random = library.random
    groups: list[str] = []
    for _ in range(random.choice((0, 1, 1, 2, 2, 3))):
        found = library.asked(metrics, parts=random.random() < 0.5)
        if found is not None and found not in groups:
            groups.append(found)
    grain = library.own_grain(metrics)
    needs_time = any(library.needs_time(m) for m in metrics)
    if grain is not None and needs_time and random.random() < 0.9:
        by_time = library.time("metric_time", grain, parts=False)
        groups = [by_time, *(g for g in groups if g != by_time)]
    where = [library.condition(metrics) for _ in range(random.choice((0, 0, 0, 1, 1, 2)))]
    start, end = (_bound(random) for _ in range(2))
    if grain is None:
        start = end = None
    if start is not None and end is not None and str(start)[:10] > str(end)[:10]:
        start, end = end, start
    if isinstance(start, datetime) or isinstance(end, datetime):
        end = None  # an empty range is an error; a mixed one is tested by hand
    is_exact = random.random() < 0.3 and (start is not None or end is not None)
    shown = [*groups, *(m for m in metrics if exact.get(m))]
    order = random.sample(shown, min(len(shown), random.choice((0, 0, 1, 2))))
    signed = tuple(f"{random.choice(('', '-'))}{name}" for name in order)
    limit = random.choice((None, None, None, None, 0, 1, 2))
    asked = Query(tuple(metrics), tuple(groups), tuple(where), start, end, is_exact, signed, limit)
    numbers = [m for m in metrics if library.is_number(m) and exact.get(m)]
    if numbers and random.random() < 0.1:
        mark, bound = random.choice(("<", ">", ">=", "=", "<>")), random.choice((0, 1, 2))
        asked = replace(asked, having=(f"{random.choice(numbers)} {mark} {bound}",))
    if groups and random.random() < 0.1:
        levels = {tuple(g for g in groups if random.random() < 0.5) for _ in range(2)}
        less = tuple(sorted(level for level in levels if len(level) < len(groups)))
        asked = replace(asked, totals=less)
    if random.random() < EXTRAS and all(library.is_number(m) for m in metrics):
        asked = _with_earlier(library, asked)
        if random.random() < 0.4:
            asked = replace(asked, fill=0)
    if groups and numbers and random.random() < EXTRAS:
        asked = _with_top(library, asked, numbers)
    return asked


def _with_earlier(library: Library, asked: Query) -> Query:
    random = library.random
    compared = ("prior_period", "prior_year", "1 day", "7 days", "2 weeks", "1 month", "1 quarter")
    found = tuple(random.sample(compared, random.choice((0, 1, 1, 2))))
    if not found:
        return asked
    grain = library.own_grain(asked.metrics)
    if not any(g.startswith("metric_time__") for g in asked.group_by) and grain is not None:
        start, end = sorted(random.sample(NEAR[::3], 2))
        asked = replace(asked, start=start.date(), end=end.date())
    rows = "all" if random.random() < 0.3 else "current"
    exact = asked.exact and random.random() < 0.2
    return replace(asked, compare=found, compare_rows=rows, exact=exact)


def _with_top(library: Library, asked: Query, numbers: Sequence[str]) -> Query:
    random = library.random
    by = f"{random.choice(('', '-', '-'))}{random.choice(numbers)}"
    other = random.choice((None, "other", "a"))
    top = Top(random.choice((1, 1, 2)), by, random.choice(asked.group_by), other)
    return replace(asked, top=top, having=() if other else asked.having)


def _bound(random: Random) -> date | datetime | None:
    if random.random() < 0.65:
        return None
    moment = random.choice((*EDGES, *NEAR[::3]))
    return moment if random.random() < 0.3 else moment.date()
