"""What a question asks that has no answer, or none yet: each with the nearest that has.

A rule of a metric may need something of the question: a cumulative metric over a window, a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kpilayer import grain
from kpilayer.address import METRIC_TIME, FilterMetric, filter_metric
from kpilayer.columns import TimedColumn, resolve_name, resolve_property, time_column
from kpilayer.errors import Issue
from kpilayer.formula import Atom, Formula, Home, Shaped, atoms, formula, is_of_time, rules
from kpilayer.formula import names as formula_names
from kpilayer.join_graph import JoinGraph, Reached, Unreached
from kpilayer.model.semantic_model import Dimension, Entity
from kpilayer.plan.keys import Key, asked_place, group_by, is_of_home_time, keeps, keyed
from kpilayer.plan.ranges import Range
from kpilayer.plan.stitched import mixed
from kpilayer.plan.window import moves_rows

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
            *_not_yet(graph, name, tree, keys),
            *_reasons(graph, name, tree, keys),
            *_of_metrics(graph, tree, keys),
            *_unknown_types(graph, tree, keys, spans),
        ]
        found += mixed(graph, name, tree, keys)
        for code, message, hint in dict.fromkeys(found):
            yield Issue(code, message, asked_place("metrics", name), hint)


def _not_yet(graph: JoinGraph, name: str, tree: Formula, keys: Sequence[Key]) -> Iterator[Reason]:
    """What the question needs that this version cannot compute."""
    reasons: list[str] = []
    for atom in atoms(tree):
        home = (atom.model, atom.time)
        named = [n.name for text in atom.conditions for n in graph.catalog.snippet(text).names]
        found = [resolve_name(graph, *home, n) for n in named]
        used = [c.reached for c in found if isinstance(c, TimedColumn)]
        used += [k.column(home).reached for k in keys if home in dict(k.at)]
        time = time_column(graph, *home)
        used += [time] if isinstance(time, Reached) else []
        reasons += _zoned_joins(graph, atom, used)
    reasons += _custom_periods(graph, tree, keys)
    for reason in dict.fromkeys(reasons):
        message = f"`{name}` needs {reason}, which this version cannot compute"
        yield "not-supported-yet", message, None


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
        yield from _not_yet(graph, metric.name, below, by)
        yield from _reasons(graph, metric.name, below, by)
        yield from mixed(graph, metric.name, below, by)
        yield from _of_metrics(graph, below, by)


def _zoned_joins(graph: JoinGraph, atom: Atom, used: Sequence[Reached]) -> Iterator[str]:
    """Instants that decide which rows belong together, where their zones may differ."""
    time = time_column(graph, atom.model, atom.time)
    own = [time.element] if isinstance(time, Reached) else []
    if graph.catalog.models[atom.model].active is not None and _are_zoned(own):
        yield "time zones of rows that hold over an interval (`active`)"
    paths = {r.path[:length] for r in used for length in range(1, len(r.path) + 1)}
    for path in paths:
        ends = graph.catalog.models[path[-1].right].validity
        if ends is not None and _are_zoned([*own, *ends]):
            yield "time zones of dimensions that change over time (`validity_params`)"
        if _are_zoned([d for pair in graph.partitions(path) for d in (pair.left, pair.right)]):
            yield "time zones of partitions (`is_partition`)"


def _are_zoned(elements: Sequence[Dimension | Entity]) -> bool:
    return any(isinstance(e, Dimension) and e.timezone is not None for e in elements)


def _custom_periods(graph: JoinGraph, tree: Formula, keys: Sequence[Key]) -> Iterator[str]:
    """Custom granularities where a rule about time would have to count their periods."""
    if isinstance(tree, Atom):
        return
    if isinstance(tree, Shaped):
        length = dict(tree.settings).get("offset_window", "").split(" ")[-1]
        if graph.catalog.calendar.custom(length):
            yield f"custom granularities in `offset_window` (`{length}`)"
    if isinstance(tree, Shaped) and tree.rule in ("cumulative", "offset", "spined", "active"):
        texts = [*tree.conditions, *(c for a in atoms(tree) for c in a.conditions)]
        named = [n.name for text in texts for n in graph.catalog.snippet(text).names]
        homes = [(a.model, a.time) for a in atoms(tree)]
        found = [resolve_name(graph, *home, n) for home in homes for n in named]
        used = [c for c in found if isinstance(c, TimedColumn)]
        used += [c for k in keys for _, c in k.at]
        yield from (f"custom granularities (`{c.grain}`) of what is computed over time"
                    for c in used if c.custom is not None)  # fmt: skip
    for _, inner in tree.inputs:
        yield from _custom_periods(graph, inner, keys)


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
            of, model = column.reached.element.name, column.reached.model
            message = f"`{of}` of `{model}` has a `timezone`, and its type is not known: it may be "
            message += "a date, a time without zone, or an instant"
            hint = f"run `kpilayer lock`, or write its `expr` as `CAST({of} AS TIMESTAMP)`"
            yield "unknown-type", message, hint


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
    grains = [k.at[0][1].unit or "day" for k in times]
    window = dict(tree.settings).get("offset_window")
    if window is None or any(k.at[0][1].unit is None for k in times):
        return
    unit, finest = window.split(" ")[1], grain.finest(grains)
    if graph.catalog.calendar.custom(unit):
        return
    base, asked = grain.split(unit)[0], grain.split(finest)[0]
    if asked == "week" and base in ("month", "quarter", "year"):
        message = f"`{name}` is asked by week, and moved by {window}: no week is a {base} earlier"
        yield "uneven-offset", message, "ask by day or by month, or define an offset in weeks"
    elif (
        base in ("quarter", "year")
        and moves_rows(unit, grains)
        and not all(grain.nests(unit, g) for g in grains)
    ):
        message = f"`{name}` is moved by {window}, and no {asked} that is asked is made up of them"
        yield "uneven-offset", message, "ask by month, or define an offset in months"
    elif moves_rows(unit, grains):
        inner = {rule for _, i in tree.inputs for rule in rules(i)}
        if inner - {"filled", "offset"}:
            what = _LISTED.get(sorted(inner - {"offset"})[0], "such a metric")
            message = (
                f"`{name}` moves {what} by {window}: by {finest}, its value has no rows to move"
            )
            yield "no-rows-to-move", message, f"ask by {unit} or finer"


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
