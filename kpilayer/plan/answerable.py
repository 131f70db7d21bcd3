"""What a question asks that has no answer, or none yet: each with the nearest that has.

A rule of a metric may need something of the question: a cumulative metric over a window, a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kpilayer import grain
from kpilayer.address import METRIC_TIME, FilterMetric, filter_metric
from kpilayer.calendar import Calendar, Custom
from kpilayer.columns import (
    TimedColumn,
    own_grain,
    resolve_name,
    resolve_property,
    time_column,
)
from kpilayer.errors import Issue
from kpilayer.formula.build import formula
from kpilayer.formula.times import is_of_time
from kpilayer.formula.tree import Atom, Formula, Home, Shaped, atoms, rules
from kpilayer.formula.tree import names as formula_names
from kpilayer.join_graph import JoinGraph, Reached, Unreached
from kpilayer.model.semantic_model import Dimension, Entity
from kpilayer.plan.keys import Key, asked_place, group_by, is_of_home_time, keeps, keyed
from kpilayer.plan.overlap import issues
from kpilayer.plan.ranges import Range
from kpilayer.plan.stitched import mixed
from kpilayer.plan.window import cuts, moves_rows
from kpilayer.zones import frame_of, interval, zones

Reason = tuple[str, str, str | None]  # code, message, hint


def unanswerable(
    graph: JoinGraph,
    metrics: Sequence[tuple[str, Formula]],
    keys: Sequence[Key],
    spans: Sequence[tuple[Home, Range]],
) -> Iterator[Issue]:
    """Every reason for which the metrics of a question cannot be computed as asked."""
    for name, tree in metrics:
        found = [
            *_incomparable(graph, tree, keys),
            *_reasons(graph, name, tree, keys),
            *_of_metrics(graph, tree, keys),
            *_unknown_types(graph, tree, keys, spans),
        ]
        found += mixed(graph, name, tree, keys)
        for code, message, hint in dict.fromkeys(found):
            yield Issue(code, message, asked_place("metrics", name), hint)


def _incomparable(graph: JoinGraph, tree: Formula, keys: Sequence[Key]) -> Iterator[Reason]:
    """Times that decide which rows belong together, in zones that do not tell how."""
    for atom in atoms(tree):
        home = (atom.model, atom.time)
        named = [n.name for text in atom.conditions for n in graph.catalog.snippet(text).names]
        found = [resolve_name(graph, *home, n) for n in named]
        used = [c.reached for c in found if isinstance(c, TimedColumn)]
        used += [k.column(home).reached for k in keys if home in dict(k.at)]
        time = time_column(graph, *home)
        used += [time] if isinstance(time, Reached) else []
        yield from _zoned_joins(graph, atom, used)


def metrics_named(graph: JoinGraph, tree: Formula, keys: Sequence[Key]) -> tuple[FilterMetric, ...]:
    """The metrics whose values conditions and group-bys name, each once."""
    snippet = graph.catalog.snippet
    named = [n.name for a in atoms(tree) for text in a.conditions for n in snippet(text).names]
    named += [c.reached.element.name for key in keys for _, c in key.at]
    return tuple(dict.fromkeys(m for n in named if (m := filter_metric(n)) is not None))


def _of_metrics(graph: JoinGraph, tree: Formula, keys: Sequence[Key]) -> Iterator[Reason]:
    """What the metrics need whose values conditions and group-bys name: a value per entity."""
    for metric in metrics_named(graph, tree, keys):
        below = formula(graph, metric.name)
        for per in metric.per:
            for home in keyed(below, per):
                found = resolve_name(graph, *home, per)
                if isinstance(found, Unreached):
                    yield found.code, f"{found.message} (for `{metric.name}` by it)", found.hint
                    return
        by = [group_by(graph, per, keyed(below, per)) for per in metric.per]
        yield from _incomparable(graph, below, by)
        yield from _reasons(graph, metric.name, below, by)
        yield from mixed(graph, metric.name, below, by)
        found_many = issues(graph, metric.name, below, by)
        yield from ((i.code, i.message, i.hint) for i in found_many if i.severity == "error")
        yield from _of_metrics(graph, below, by)


def _zoned_joins(graph: JoinGraph, atom: Atom, used: Sequence[Reached]) -> Iterator[Reason]:
    """Times that decide which rows belong together, and cannot be compared with each other."""
    time = time_column(graph, atom.model, atom.time)
    when = [(time.model, time.element)] if isinstance(time, Reached) else []
    if graph.catalog.models[atom.model].active is not None:
        ends = [(atom.model, d) for d in interval(graph.catalog, atom.model) if d is not None]
        if len(ends) == 2:
            yield from _compared(graph, ends, as_shown=True)
        else:  # an end that is no dimension has no zone
            yield from _compared(graph, [*when, *ends], is_whole=False)
    paths = {r.path[:length] for r in used for length in range(1, len(r.path) + 1)}
    for path in sorted(paths, key=len):
        right = path[-1].right
        for end in graph.catalog.models[right].validity or ():
            yield from _compared(graph, [*when, (right, end)])
        for pair in graph.partitions(path):
            both = [(path[pair.at].left, pair.left), (right, pair.right)]
            yield from _compared(graph, both, is_whole=pair.grain is not None)


def _compared(
    graph: JoinGraph,
    times: Sequence[tuple[str, Dimension | Entity]],
    *,
    as_shown: bool = False,
    is_whole: bool = True,
) -> Iterator[Reason]:
    """Why times of which some are instants cannot be compared; ``is_whole``: all are known."""
    catalog = graph.catalog
    own = [(model, time) for model, time in times if isinstance(time, Dimension)]
    found = [(model, d, zones(catalog, model, d)) for model, d in own]
    for model, dimension, moved in found:
        if moved is not None and not moved.is_sure:
            yield unknown_zone(model, dimension.name)
            return
    zoned = any(moved is not None for _, _, moved in found)
    if zoned and not (is_whole and frame_of(catalog, own, as_shown=as_shown)):
        names = " with ".join(f"`{d.name}` of `{model}`" for model, d in own)
        message = f"rows are found by comparing {names}, and these cannot be compared: one has no "
        message += "time zone, or they are shown in several"
        hint = "give each a `timezone`, or to one without it `granularity: day`; and one "
        yield "unknown-zone", message, f"{hint}`report_timezone` to all"


def _unknown_types(
    graph: JoinGraph,
    tree: Formula,
    keys: Sequence[Key],
    spans: Sequence[tuple[Home, Range]],
) -> Iterator[Reason]:
    """Instants that cannot be moved to another zone, since nothing tells how they are stored."""
    used = [c for k in keys for _, c in k.at]
    names = [
        (a, n.name)
        for a in atoms(tree)
        for text in a.conditions
        for n in graph.catalog.snippet(text).names
    ]
    if rules(tree) or spans:
        names += [(a, METRIC_TIME) for a in atoms(tree) if a.time is not None]
    found = [resolve_name(graph, a.model, a.time, n) for a, n in names]
    found += [resolve_property(graph, *home, what, n) for home, what, n in formula_names(tree)]
    yield from unknown_zones((*used, *(c for c in found if isinstance(c, TimedColumn))))


def unknown_zones(columns: Iterable[TimedColumn]) -> Iterator[Reason]:
    """Which of the columns are instants of which nothing tells how they are stored."""
    for column in columns:
        if column.zones is not None and not column.zones.is_sure:
            yield unknown_zone(column.reached.model, column.reached.element.name)


def unknown_zone(model: str, of: str) -> Reason:
    """An instant of which nothing tells how it is stored."""
    message = f"`{of}` of `{model}` has a `timezone`, and its type is not known: it may be "
    message += "a date, a time without zone, or an instant"
    hint = f"run `kpilayer lock`, or write its `expr` as `CAST({of} AS TIMESTAMP)`"
    return "unknown-type", message, hint


def _reasons(graph: JoinGraph, name: str, tree: Formula, keys: Sequence[Key]) -> Iterator[Reason]:
    """What the rules of a formula need of the group-bys."""
    if isinstance(tree, Atom):
        return
    if isinstance(tree, Shaped):
        check = _CHECKS.get(tree.rule)
        if check is not None:
            yield from check(graph, name, tree, keys)
    kept = keys
    if isinstance(tree, Shaped) and tree.rule == "regrouped":
        own_grains = graph.catalog.calendar.own_grains
        kept = [k for k in keys if keeps(tree, k.asked, own_grains)]
    for _, inner in tree.inputs:
        yield from _reasons(graph, name, inner, kept)


def _times(graph: JoinGraph, tree: Formula, keys: Sequence[Key]) -> list[Key]:
    """The group-bys that are the time of a formula's rows."""
    home = next(keyed(tree), None)
    return [k for k in keys if home in dict(k.at) and is_of_home_time(graph, k, home)]


def _cumulative(graph: JoinGraph, name: str, tree: Shaped, keys: Sequence[Key]) -> Iterator[Reason]:
    settings = dict(tree.settings)
    times = _times(graph, tree, keys)
    if not times and ("window" in settings or "grain_to_date" in settings):
        message = f"`{name}` accumulates over a window: it needs the time that the window ends at"
        yield "needs-time", message, "group by `metric_time`, or ask for its input metric"
    yield from _parts_of_time(name, "accumulates over time", times)
    yield from _mixed(graph, name, tree)
    inner = {rule for _, i in tree.inputs for rule in rules(i)}
    if inner - {"filled", "spined"}:
        what = _LISTED.get(sorted(inner)[0], sorted(inner)[0])
        message = f"`{name}` accumulates {what}, which has no rows to accumulate"
        yield "no-rows-to-move", message, "accumulate a metric over rows, or a ratio of such"


def _offset(graph: JoinGraph, name: str, tree: Shaped, keys: Sequence[Key]) -> Iterator[Reason]:
    times = _times(graph, tree, keys)
    if not times:
        message = f"`{name}` compares with an earlier time: it needs the time that is compared"
        yield "needs-time", message, "group by `metric_time`"
        return
    yield from _parts_of_time(name, "compares with an earlier time", times)
    yield from _mixed(graph, name, tree)
    calendar, asked = graph.catalog.calendar, [k.at[0][1] for k in times]
    units = [c.unit for c in asked if c.unit is not None]
    settings = dict(tree.settings)
    if "offset_to_grain" in settings:
        yield from _of_a_start(calendar, name, settings["offset_to_grain"], asked)
        return
    if any(c.part is not None for c in asked):
        return
    window, unit = settings["offset_window"], settings["offset_window"].split(" ")[1]
    by_rows = moves_rows(calendar, unit, asked)
    custom = calendar.custom(unit)
    if custom is not None:
        yield from _by_custom(graph, name, tree, window, custom, units)
    elif units:
        yield from _uneven(name, window, unit, units)
    inner = {rule for _, i in tree.inputs for rule in rules(i)} - {"filled", "offset"}
    if by_rows and inner:
        customs = [c.custom for c in asked if c.custom is not None] + ([custom] if custom else [])
        coarser = not customs and grain.is_finer(unit, grain.finest(units))
        at = " and ".join(dict.fromkeys(c.grain or "" for c in asked))
        if customs:
            hint = f"ask by {calendar.finest(c.grain for c in customs)}"
        else:
            finest = grain.finest(units)
            hint = f"ask by {unit} or finer" if coarser else f"ask by {finest} alone, or by day"
        at = grain.finest(units) if coarser else at
        message = f"`{name}` moves {_LISTED.get(sorted(inner)[0], 'such a metric')} by {window}: "
        message += f"by {at}, its value has no rows to move"
        yield "no-rows-to-move", message, hint


def _by_custom(
    graph: JoinGraph, name: str, tree: Shaped, window: str, custom: Custom, units: Sequence[str]
) -> Iterator[Reason]:
    """Periods of a spine, which has one date for each of its grain, and no shorter times."""
    calendar, based = graph.catalog.calendar, graph.catalog.calendar.based(custom)
    finer = [unit for unit in units if unit != based and grain.nests(unit, based)]
    for home in dict.fromkeys((a.model, a.time) for a in atoms(tree)):
        own = own_grain(graph, *home)
        if own is not None and not calendar.tells(own, custom.name):
            message = f"`{name}` is moved by {window}: `{custom.spine}` has one row per "
            message += f"{custom.grain}, and the time of `{home[0]}` has the grain {own}"
            yield "grain-too-fine", message, f"define an offset by {own} or coarser"
    if finer:
        message = f"`{name}` is asked by {finer[0]}, and moved by {window}: `{custom.spine}` has "
        message += f"one row per {custom.grain}"
        yield "grain-too-fine", message, f"ask by {custom.grain} or coarser"


def _of_a_start(
    calendar: Calendar, name: str, start: str, asked: Sequence[TimedColumn]
) -> Iterator[Reason]:
    """The value as a grain began: of periods that a spine tells, only each date has one."""
    units = [c.unit for c in asked if c.unit is not None]
    finest = grain.finest(units) if units else None
    for column in asked:
        if column.custom is None:
            continue
        based = calendar.based(column.custom)
        if finest is None or not grain.nests(finest, based):
            message = f"`{name}` is the value as its {start} began: a {column.grain} can lie in two"
            hint = f"add `metric_time__{column.custom.grain}` to the group-bys, or ask by {start}"
            yield "uneven-offset", message, hint


def _uneven(name: str, window: str, unit: str, units: Sequence[str]) -> Iterator[Reason]:
    """Lengths of the calendar of which the asked periods are not made up."""
    finest = grain.finest(units)
    base, asked = grain.split(unit)[0], grain.split(finest)[0]
    if asked == "week" and base in ("month", "quarter", "year"):
        message = f"`{name}` is asked by week, and moved by {window}: no week is a {base} earlier"
        yield "uneven-offset", message, "ask by day or by month, or define an offset in weeks"
    elif (
        base in ("quarter", "year")
        and cuts(unit, units)
        and not all(grain.nests(unit, g) for g in units)
    ):
        message = f"`{name}` is moved by {window}, and no {asked} that is asked is made up of them"
        yield "uneven-offset", message, "ask by month, or define an offset in months"


_LISTED = {
    "cumulative": "a cumulative metric",
    "offset": "an earlier value",
    "semi_additive": "a balance",
    "nested": "a nested metric",
    "regrouped": "a total",
    "spined": "a metric with `join_to_timespine`",
    "conversion": "a conversion",
    "funnel": "a funnel",
    "active": "a metric with `as_of`",
}


def _parts_of_time(name: str, does: str, times: Sequence[Key]) -> Iterator[Reason]:
    for key in times:
        part = key.at[0][1].part
        if part is not None:
            message = f"`{name}` {does}: `{key.name}` is a part of many times"
            yield "needs-time", message, "group by `metric_time` at a grain"


def _mixed(graph: JoinGraph, name: str, tree: Shaped) -> Iterator[Reason]:
    """A condition on the time shown cannot depend on rows of another time."""
    homes = tuple(dict.fromkeys((a.model, a.time) for a in atoms(tree)))
    for text in tree.conditions:
        if is_of_time(graph, text, homes) is None:
            message = (
                f"`{name}` is shown at another time than that of its rows: a condition cannot "
            )
            message += f"be about both: `{text}`"
            yield "mixed-condition", message, "write two conditions, each about one of them"


def _nested(graph: JoinGraph, name: str, tree: Shaped, keys: Sequence[Key]) -> Iterator[Reason]:
    homes = tuple(dict.fromkeys(keyed(tree.inputs[0][1])))
    for _, _, text in tree.names:
        for home in homes:
            found = resolve_name(graph, *home, text)
            if isinstance(found, Unreached):
                yield found.code, f"{found.message} (`per` of `{name}`)", found.hint


_CHECKS = {
    "cumulative": _cumulative,
    "offset": _offset,
    "nested": _nested,
}
