"""Questions without metrics: the values that dimensions, entities and time have (reference B).

Values of one model are those of its rows: of the model where an entity is the primary key, not of
some table that refers to it. Over several models, rows of the lowest one are joined upwards, and
rows above that nothing refers to are there too. `metric_time` is that of the declared spine, and
stands beside every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kpilayer import grain
from kpilayer.address import filter_metric, parse
from kpilayer.columns import TimedColumn, resolve_name
from kpilayer.errors import Issue, Location, did_you_mean, listing
from kpilayer.formula.times import grained
from kpilayer.formula.tree import Home
from kpilayer.join_graph import JoinGraph, Reached, Step, Unreached
from kpilayer.model.semantic_model import Dimension, Entity
from kpilayer.plan.answerable import unknown_zones
from kpilayer.plan.keys import Key, asked_place
from kpilayer.plan.query import Condition, Query
from kpilayer.plan.ranges import Range, whole_periods
from kpilayer.plan.wheres import allowed, literal_issues, within

Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """What a question without metrics is answered from.

    ``model`` has the rows, None where only time is asked for; ``unmatched`` are the joins whose
    right side may have rows that no row refers to. ``rows`` and ``times`` are conditions.
    """

    model: str | None
    unmatched: tuple[Path, ...]
    rows: tuple[str, ...]
    times: tuple[str, ...]
    span: Range
    distinct: bool
    ends: bool


def is_time(name: str) -> bool:
    """Whether a name is the time of the spine."""
    return parse(name).is_metric_time


def bind_values(query: Query, graph: JoinGraph) -> tuple[tuple[Key, ...], Values, list[Issue]]:
    """The group-bys of a question without metrics, what they are read from, and what is wrong."""
    issues = list(_needing_metrics(query))
    conditions = list(_conditions(query, graph, issues))
    names = {n: asked_place("group_by", n) for n in query.group_by if not is_time(n)}
    for condition, text in conditions:
        for word in graph.catalog.snippet(text).names:
            if not is_time(word.name):
                names.setdefault(word.name, within(condition, word.name, word.offset))
    model = _model(graph, names, issues) if names else None
    homes = _spine_home(graph, query, issues)
    keys: list[Key] = []
    for text in query.group_by:
        home = homes if is_time(text) else (model, None) if model is not None else None
        column = _column(graph, home, text, issues) if home is not None else None
        if home is not None and column is not None:
            keys.append(Key(column.asked.column(column.grain), text.strip().lower(),
                            (((home[0] or "", home[1]), column),)))  # fmt: skip
    if model is not None:
        issues += _not_yet(graph, model, names)
    has_time = any(map(is_time, query.group_by))
    rows, times = _divided(graph, conditions, has_time, issues)
    for condition, text in conditions:
        tree = graph.catalog.snippet(text).tree
        if not any(i.severity == "error" for i in issues):
            issues += literal_issues(tree, condition, lambda n: column_of(graph, model, n))
    unmatched: dict[Path, None] = {}
    for name in (
        names if model is not None and not any(i.severity == "error" for i in issues) else ()
    ):
        path = column_of(graph, model, name).reached.path
        unmatched |= {path[:length]: None for length in range(1, len(path) + 1)}
    span = _span(query, keys, issues)
    found = Values(model, tuple(unmatched), rows, times, span, query.distinct, query.min_max)
    return tuple(keys), found, issues


def column_of(graph: JoinGraph, model: str | None, name: str) -> TimedColumn:
    """What a name means that is known to resolve: of the model, or of the spine."""
    if is_time(name):
        column = _time_column(graph, name)
    else:
        assert model is not None, "only time needs no model"
        found = resolve_name(graph, model, None, name)
        assert isinstance(found, TimedColumn), f"`{name}` was checked to resolve"
        column = found
    return column


def _time_column(graph: JoinGraph, name: str) -> TimedColumn:
    asked, calendar = parse(name), graph.catalog.calendar
    reached = Reached((), "", Dimension(name="period", type="time", granularity="day"), ())
    if asked.part is not None:
        return TimedColumn(asked, reached, None, calendar.part(asked.part))
    called = asked.grain or "day"
    return TimedColumn(asked, reached, called, None, calendar.unit(called))


def spine_grain(conditions: Sequence[str], names: Sequence[str], graph: JoinGraph) -> str:
    """The unit of the periods that conditions and names of the time need."""
    named = (n.name for text in conditions for n in graph.catalog.snippet(text).names)
    columns = [_time_column(graph, name) for name in (*names, *named)]
    units = ["day" if c.part else c.unit or "day" for c in columns]
    finest = grain.finest(units)
    return finest if all(grain.nests(finest, unit) for unit in units) else "day"


# ------------------------------------------------------------------------------------------- models


def _needing_metrics(query: Query) -> Iterator[Issue]:
    if not query.group_by:
        hint = "name a metric, or group-bys for the values that they have"
        yield Issue("no-metrics", "a question needs a metric or a group-by", hint=hint)
        return
    asked: dict[str, object] = {
        "having": query.having,
        "compare": query.compare,
        "totals": query.totals,
    }
    asked |= {"top": query.top, "fill": query.fill}
    for argument, value in asked.items():
        if value not in (None, ()):
            message = f"`{argument}` is about metrics, and the question names none"
            yield Issue("no-metrics", message, hint="name one, or ask for the values alone")
    if query.min_max and (len(query.group_by) != 1 or query.order_by or query.limit is not None):
        message = "`min_max` gives one row, the ends of one group-by: it has no order and no limit"
        yield Issue("unsound-question", message, hint="ask for one group-by at a time")
    if query.min_max and not query.distinct:
        message = "the ends of all rows are those of the distinct ones"
        yield Issue("unsound-question", message, hint="leave out `distinct`")


def _model(graph: JoinGraph, names: dict[str, Location], issues: list[Issue]) -> str | None:
    """The model whose rows have all names: where they are nearest, entities as its own key."""
    wrong = len(issues)
    for name, place in names.items():
        if filter_metric(name) is not None:
            message = "values by a metric need a metric that is counted"
            issues.append(Issue("not-supported-yet", message, place))
        elif not any(_reached(graph, model, name) for model in graph.catalog.models):
            issues.append(_unknown(graph, name, place))
    if len(issues) > wrong:
        return None
    costs: dict[str, tuple[int, int]] = {}
    for model in graph.catalog.models:
        found = [_reached(graph, model, name) for name in names]
        if all(found):
            columns = [column for column in found if column is not None]
            costs[model] = (sum(len(c.reached.path) for c in columns), sum(map(_refers, columns)))
    first, place = next(iter(names.items()))
    if not costs:
        listed = listing(list(names), most=6)
        message = f"no model has all of {listed}, or refers to them many-to-one"
        issues.append(
            Issue("no-join-path", message, place, "name a metric that is counted by them")
        )
        return None
    nearest = [model for model, cost in costs.items() if cost == min(costs.values())]
    if len(nearest) > 1:
        message = f"`{first}` has values in {listing(nearest)}: none of them is its home"
        hint = "declare the entity as `primary` where it is at home, or name a metric"
        issues.append(Issue("ambiguous-join", message, place, hint))
        return None
    return nearest[0]


def _reached(graph: JoinGraph, model: str, name: str) -> TimedColumn | None:
    """The column that a name is for a model's rows, each of them once and without a time."""
    column = resolve_name(graph, model, None, name)
    if not isinstance(column, TimedColumn):
        return None
    path = column.reached.path
    if any(step.kind != "up" for step in path) or graph.versioned(path):
        return None
    return column


def _refers(column: TimedColumn) -> bool:
    """Whether an entity is only referred to."""
    element = column.reached.element
    return isinstance(element, Entity) and not element.is_unique


def _unknown(graph: JoinGraph, name: str, place: Location) -> Issue:
    for model in graph.catalog.models:
        found = resolve_name(graph, model, None, name)
        if isinstance(found, Unreached) and found.code not in ("unknown-dimension", "no-join-path"):
            return Issue(found.code, found.message, place, found.hint)
    known = {n for model in graph.catalog.models for n in graph.names(model)}
    known |= {
        r.address for model in graph.catalog.models for n in graph.names(model).values() for r in n
    }
    return Issue("unknown-dimension", f"no model has `{name}`", place, did_you_mean(name, known))


def _not_yet(graph: JoinGraph, model: str, names: dict[str, Location]) -> Iterator[Issue]:
    timed = [column_of(graph, model, name) for name in names]
    for code, message, hint in unknown_zones(timed):
        yield Issue(code, message, hint=hint)
    columns = [column.reached for column in timed]
    if any(graph.partitions(c.path) for c in columns if c.path):
        message = (
            "the question needs values over models with partitions, which this version cannot "
        )
        yield Issue("not-supported-yet", message + "compute")


# --------------------------------------------------------------------------------------------- time


def _spine_home(graph: JoinGraph, query: Query, issues: list[Issue]) -> Home | None:
    """Stands for the spine, where time is asked for and there is one that is fine enough."""
    asked = [text for text in query.group_by if is_time(text)]
    calendar, spines = graph.catalog.calendar, graph.catalog.definitions.time_spines
    for text in asked:
        place, called = asked_place("group_by", text), parse(text).grain or "day"
        if called not in calendar.grains:
            hint = did_you_mean(called, calendar.grains)
            issues.append(Issue("unknown-grain", f"`{called}` is not a time grain", place, hint))
        elif calendar.unit(called) is None:
            message = f"values of `{called}` without a metric cannot be listed by this version"
            issues.append(Issue("not-supported-yet", message, place))
        elif not any(grain.tells(s.granularity, spine_grain([], [text], graph)) for s in spines):
            message = f"`{text}` without a metric is that of a time spine, and none is "
            message += "fine enough" if spines else "declared"
            hint = "name a metric, or group by a time dimension of a model"
            issues.append(Issue("no-time-dimension", message, place, hint))
        else:
            continue
        return None
    return ("", None) if asked else None


def _column(
    graph: JoinGraph, home: tuple[str | None, str | None], text: str, issues: list[Issue]
) -> TimedColumn | None:
    if is_time(text):
        return _time_column(graph, text)
    found = resolve_name(graph, home[0] or "", None, text)
    assert isinstance(found, TimedColumn), f"`{text}` was checked to resolve"
    return found


def _conditions(
    query: Query, graph: JoinGraph, issues: list[Issue]
) -> Iterator[tuple[Condition, str]]:
    for condition in query.where:
        if allowed(condition, graph.catalog, issues) is not None:
            yield condition, grained(graph, condition.sql, "day")


def _divided(
    graph: JoinGraph,
    conditions: Sequence[tuple[Condition, str]],
    has_time: bool,
    issues: list[Issue],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Conditions on rows, and those on the time."""
    rows: list[str] = []
    times: list[str] = []
    for condition, text in conditions:
        told = {is_time(n.name) for n in graph.catalog.snippet(text).names}
        if len(told) > 1:
            message = "a condition is about `metric_time` or about rows, and not about both"
            issues.append(Issue("mixed-condition", message, within(condition, ""),
                                "write two conditions"))  # fmt: skip
        (times if told == {True} else rows).append(text)
    if times and not has_time:
        message = "a condition is about `metric_time`, which the question does not name"
        hint = "group by `metric_time`, or filter a time dimension"
        issues.append(Issue("no-time-dimension", message, hint=hint))
    return tuple(rows), tuple(times)


def _span(query: Query, keys: Sequence[Key], issues: list[Issue]) -> Range:
    if query.start is None and query.end is None:
        return Range(None, None)
    times = [c.unit for k in keys if k.is_metric_time for _, c in k.at if c.unit is not None]
    if not any(k.is_metric_time for k in keys):
        message = "`start` and `end` are about `metric_time`, which the question does not name"
        hint = "group by `metric_time`, or filter a time dimension with `where`"
        issues.append(Issue("no-time-dimension", message, hint=hint))
    return whole_periods(query, grain.finest(times) if times else "day", issues)
