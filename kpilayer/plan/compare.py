"""Earlier values beside current ones (Q6): of the period before, the year before, or days ago.

At the question's time grain a comparison is the metric moved along the spine, as an input with
`offset_window` is. Without a time grain it is the metric over an earlier span of equal length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.address import FilterMetric, filter_metric
from kpilayer.columns import TimedColumn, own_grain, resolve_name
from kpilayer.errors import Issue, did_you_mean
from kpilayer.formula.build import earlier
from kpilayer.formula.times import homes, is_of_time
from kpilayer.formula.tree import Formula, Home, atoms
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.keys import Key, asked_place, is_of_home_time
from kpilayer.plan.query import Query
from kpilayer.plan.ranges import Range
from kpilayer.plan.window import moved

Named = tuple[tuple[str, Formula], ...]
Spans = tuple[tuple[Home, Range], ...]

PRIOR_PERIOD: Final = "prior_period"
PRIOR_YEAR: Final = "prior_year"
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,4}) +([a-z]+?)s?")
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every metric at an earlier time, as a formula called `revenue__prior_year`.

    ``spans``: where no time is grouped by, the earlier range of each metric's time.
    """

    label: str
    metrics: Named
    spans: Spans | None = None


def compared_unit(graph: JoinGraph, keys: Sequence[Key]) -> str | None:
    """The periods that are compared: the finest of the metrics' time that are grouped by."""
    times = [k for k in keys if any(is_of_home_time(graph, k, home) for home, _ in k.at)]
    units = [c.unit for k in times for _, c in k.at if c.unit is not None]
    return grain.finest(units) if units else None


def columns(metric: str, comparisons: Sequence[Comparison]) -> Iterator[str]:
    """The columns that comparisons add to a metric, in order."""
    for one in comparisons:
        name = f"{metric}__{one.label}"
        yield from (name, f"{name}_change", f"{name}_growth")


def change(current: exp.Expr, prior: exp.Expr) -> exp.Expr:
    """How much more there is now."""
    return exp.Sub(this=current, expression=prior)


def growth(current: exp.Expr, prior: exp.Expr) -> exp.Expr:
    """How much more there is now, as a fraction: 0.12 is 12%; NULL where there was 0 or nothing."""
    return exp.Sub(this=expr.ratio(current, prior), expression=exp.Literal.number(1))


def comparisons(
    query: Query,
    graph: JoinGraph,
    metrics: Named,
    where: tuple[str, ...],
    keys: Sequence[Key],
    spans: Spans,
    issues: list[Issue],
) -> Iterator[Comparison]:
    """What `compare` asks for; what has no meaning goes to issues."""
    if query.compare_rows not in ("current", "all"):
        message = f"`compare_rows` is `{query.compare_rows}`: it is `current` or `all`"
        issues.append(
            Issue("bad-compare", message, asked_place("compare_rows", query.compare_rows))
        )
        return
    if query.compare_rows == "all" and not query.compare:
        message = "`compare_rows` says which rows are compared, and nothing is"
        issues.append(Issue("bad-compare", message, hint="say with what: `compare='prior_period'`"))
    seen: dict[str, None] = {}
    for text in query.compare:
        parsed = _parsed(text)
        if parsed is None:
            words = (PRIOR_PERIOD, PRIOR_YEAR)
            hint = did_you_mean(text, words) or "write `prior_period`, `prior_year` or `7 days`"
            message = f"`{text}` is no comparison"
            issues.append(Issue("bad-compare", message, asked_place("compare", text), hint))
        elif parsed[0] not in seen:
            seen[parsed[0]] = None
            found = _comparison(graph, metrics, where, keys, spans, parsed, text)
            if isinstance(found, Issue):
                issues.append(found)
            else:
                yield found


def _parsed(text: str) -> tuple[str, tuple[int, str] | None] | None:
    """The label of a comparison, and how long ago it is, where that is said."""
    word = text.strip().lower()
    if word in (PRIOR_PERIOD, PRIOR_YEAR):
        return word, None
    found = _LENGTH.fullmatch(word)
    if found is None or found[2] not in grain.GRAINS:
        return None
    number, unit = int(found[1]), found[2]
    return f"prior_{number}_{unit}{'s' if number > 1 else ''}", (number, unit)


def _comparison(
    graph: JoinGraph,
    metrics: Named,
    where: tuple[str, ...],
    keys: Sequence[Key],
    spans: Spans,
    parsed: tuple[str, tuple[int, str] | None],
    text: str,
) -> Comparison | Issue:
    label, length = parsed
    times = [k for k in keys if any(is_of_home_time(graph, k, home) for home, _ in k.at)]
    grains = [unit for k in times for _, c in k.at if (unit := c.unit) is not None]
    place = asked_place("compare", text)
    if grains:
        finest = grain.finest(grains)
        cut = _cutting(graph, metrics, where, finest)
        if cut is not None:
            message = (
                f"`{cut}` cuts periods: a part of a {finest} would be compared with a whole one"
            )
            return Issue("mixed-condition", message, place, "use `start` and `end`, or ask by day")
        count, unit = length or _ago(label, finest)
        moved_to = f"{count} {unit}"
        named = ((f"{n}__{label}", earlier(graph, n, where, moved_to)) for n, _ in metrics)
        return Comparison(label, tuple(named))
    custom = next((k for k in times if k.at[0][1].custom is not None), None)
    if custom is not None:
        message = f"periods of `{custom.name}` cannot be compared by this version"
        return Issue("not-supported-yet", message, place, "ask by day, or compare two ranges")
    other = next((k for k in keys if k.at[0][1].grain is not None), None)
    if other is not None:
        message = f"`{other.name}` is not the time that the metrics are compared by"
        return Issue("needs-time", message, place, "group by `metric_time` at a grain")
    if not spans or any(s.lower is None or s.upper is None for _, s in spans):
        message = f"`{text}` of what: no period is grouped by, and no range is asked for"
        hint = "group by `metric_time` at a grain, or give `start` and `end`"
        return Issue("needs-time", message, place, hint)
    for name, _ in metrics:
        of = tuple(homes(graph.catalog, name))
        for condition in where:
            if is_of_time(graph, condition, of) is not False:
                message = f"`{condition}` is about the time of `{name}`, which is compared"
                hint = "say the time with `start` and `end`"
                return Issue("mixed-condition", message, place, hint)
    ranged = [m.name for _, tree in metrics for m in _values_named(graph, tree)]
    if ranged:
        message = f"the value of `{ranged[0]}` in a filter is one within the range, which has no"
        message += " earlier value"
        hint = "group by `metric_time` at a grain, or take its value of all time"
        return Issue("unsound-question", message, place, hint)
    named = ((f"{n}__{label}", tree) for n, tree in metrics)
    before = tuple((home, _before(graph, home, span, label, length)) for home, span in spans)
    return Comparison(label, tuple(named), before)


def _values_named(graph: JoinGraph, tree: Formula) -> Iterator[FilterMetric]:
    """The metrics in filters whose value is one within the question's range."""
    for atom in atoms(tree):
        for text in atom.conditions:
            for name in graph.catalog.snippet(text).names:
                metric = filter_metric(name.name)
                if metric is not None and metric.within_query_time:
                    yield metric


def _cutting(graph: JoinGraph, metrics: Named, where: tuple[str, ...], finest: str) -> str | None:
    """A condition on the time that is finer than the periods that are compared."""
    for name, _ in metrics:
        of = tuple(homes(graph.catalog, name))
        for condition in where:
            if is_of_time(graph, condition, of) is not True:
                continue
            for named in graph.catalog.snippet(condition).names:
                column = resolve_name(graph, *of[0], named.name)
                if isinstance(column, TimedColumn) and not _tells(graph, column, finest):
                    return condition
    return None


def _tells(graph: JoinGraph, column: TimedColumn, unit: str) -> bool:
    """Whether whole periods of a unit tell what a column of time is."""
    if column.asked.part is not None:
        return graph.catalog.calendar.tells_part(grain.split(unit)[0], column.asked.part)
    return column.unit is not None and grain.nests(unit, column.unit)


def _ago(label: str, unit: str) -> tuple[int, str]:
    """How long ago a comparison is at a grain; a year has no whole number of weeks, so 52."""
    unit, _ = grain.split(unit)
    if label == PRIOR_PERIOD:
        return 1, unit
    return (52, "week") if unit == "week" else (1, "year")


def _before(
    graph: JoinGraph, home: Home, span: Range, label: str, length: tuple[int, str] | None
) -> Range:
    lower, upper = span.lower, span.upper
    assert lower is not None and upper is not None, "checked where it is asked"
    if label != PRIOR_PERIOD:
        count, unit = length or (1, "year")
        first, last = moved(lower, -count, unit), moved(upper, -count, unit)
        is_whole = _is_whole(lower, "month") and _is_whole(upper, "month")
        if not span.upper_is_inclusive and not is_whole:
            # 28 February ends where 29 February begins, which a year before is no day.
            last = moved(upper - datetime.resolution, -count, unit) + datetime.resolution
        return Range(first, last, span.upper_is_inclusive)
    own = graph.catalog.calendar.unit(own_grain(graph, *home) or "day") or "day"
    if grain.split(own)[0] in _MONTHS and _is_whole(lower, own) and _is_whole(upper, own):
        months = (upper.year - lower.year) * 12 + upper.month - lower.month
        return Range(moved(lower, -months, "month"), lower)
    return Range(_earlier(lower, upper - lower), lower)


def _is_whole(at: datetime, unit: str) -> bool:
    return grain.truncate(at, unit) == at


def _earlier(at: datetime, by: timedelta) -> datetime:
    """A time so much earlier, or the first one that there is."""
    return at - by if at - datetime.min > by else datetime.min
