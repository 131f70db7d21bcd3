"""A question bound to definitions: every name at its column, for every metric it is asked of.

What a caller passes is never SQL text that runs: conditions are parsed, checked against a list of
safe functions, bound to dimensions and printed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from kpilayer.address import metric_column
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.formula.build import formula
from kpilayer.formula.times import default_grain, with_grain
from kpilayer.formula.tree import Formula, Home
from kpilayer.join_graph import JoinGraph
from kpilayer.plan import compare, overlap, top
from kpilayer.plan.answerable import metrics_named, unanswerable
from kpilayer.plan.bound import BoundQuery
from kpilayer.plan.fill import fill_issues
from kpilayer.plan.having import havings, metrics_in, unshown
from kpilayer.plan.keys import Key, asked_place, conditioned, find_key, keyed
from kpilayer.plan.levels import LEVEL, levels
from kpilayer.plan.query import Query
from kpilayer.plan.ranges import ranges
from kpilayer.plan.sound import unsound
from kpilayer.plan.stitched import mixed, notices, settled
from kpilayer.plan.told import first_days
from kpilayer.plan.values import bind_values
from kpilayer.plan.wheres import conditions
from kpilayer.rollup import roll_up
from kpilayer.versions import base, name_of, versions


def bind(query: Query, graph: JoinGraph) -> tuple[BoundQuery | None, list[Issue]]:
    """The question with every name resolved, or None; notices come with an answer too."""
    if not query.metrics:
        return _bind_values(query, graph)
    issues: list[Issue] = list(_of_values(query))
    metrics = list(_metrics(query, graph, issues))
    unit = _default_grain(graph, metrics)
    asked = [name for name, _ in metrics]
    named = metrics_in(query.having, graph.catalog)
    beside = dict.fromkeys((*named, top.metric_of(query.top, asked)))
    named_too = [n for n in beside if n is not None and graph.catalog.has_metric(n)]
    known = [n for n in named_too if n not in asked]
    every = [*metrics, *((name, formula(graph, name)) for name in known)]
    found = [_key(text, graph, every, unit, issues) for text in query.group_by]
    keys = [key for key in found if key is not None]
    filtered = _homes(every, conditioned)
    where = tuple(conditions(query, graph, filtered, unit, issues))
    spans = tuple(ranges(query, graph, filtered, keys, issues))
    every = [(name, formula(graph, name, where)) for name, _ in every]
    ranged = _ranged(graph, every, keys)
    spans += tuple(ranges(query, graph, {h: n for h, n in ranged if h not in filtered}, keys, []))
    if not query.compare:  # other days are asked for, too
        every = [(name, settled(tree, spans)) for name, tree in every]
    issues += (i for name, _ in every for i in notices(graph.catalog.metric(name)))
    bound = BoundQuery(
        tuple(every[: len(metrics)]),
        tuple(keys),
        spans,
        (),
        query.limit,
        tuple((name, tree) for name, tree in every[len(metrics) :] if name in named),
        where=where,
    )
    if not any(i.severity == "error" for i in issues):
        bound = _with_all(query, graph, bound, tuple(every), issues)
    if query.components:
        bound = _with_components(graph, bound, issues)
        every += [named for named in bound.metrics if named[0] in bound.components]
    held = havings(query.having, graph.catalog, _words(bound), bound.keys, issues)
    bound = replace(bound, having=held)
    if not any(i.severity == "error" for i in issues):
        earlier = [named for one in bound.compared for named in one.metrics if one.spans is None]
        issues += unanswerable(graph, [*every, *earlier], keys, spans)
        issues += unsound(graph, bound)
        if query.totals or query.top or query.compare:
            issues += _over_everything(graph, every)
    if not any(i.severity == "error" for i in issues):
        for name, tree in every:
            issues += overlap.issues(graph, bound.components.get(name, name), tree, keys)
        known = [name for name, _ in every if name in graph.catalog.metrics]
        issues += first_days(graph, known, keys)
    bound = replace(bound, order=tuple(_order(query, keys, list(bound.columns), issues)))
    issues += _of_names(bound, query)
    if any(i.severity == "error" for i in issues):
        return None, issues
    return bound, list(dict.fromkeys(issues))


def _ranged(
    graph: JoinGraph, metrics: list[tuple[str, Formula]], keys: list[Key]
) -> Iterator[tuple[Home, str]]:
    """The homes of metrics in filters that respect the question's range, each with its metric."""
    for _, tree in metrics:
        for metric in metrics_named(graph, tree, keys):
            if metric.within_query_time:
                yield from ((h, metric.name) for h in conditioned(formula(graph, metric.name)))


def _of_values(query: Query) -> Iterator[Issue]:
    for argument, is_asked in (("min_max", query.min_max), ("distinct", not query.distinct)):
        if is_asked:
            message = f"`{argument}` is about the values of group-bys, and the question has metrics"
            yield Issue("unsound-question", message, hint="leave it out, or name no metric")


def _bind_values(query: Query, graph: JoinGraph) -> tuple[BoundQuery | None, list[Issue]]:
    """A question without metrics: which values its group-bys have."""
    keys, found, issues = bind_values(query, graph)
    bound = BoundQuery((), keys, (), (), query.limit, values=found)
    if not any(i.severity == "error" for i in issues):
        issues += _of_names(bound, query)
        order = () if query.min_max else _order(query, list(keys), list(bound.columns), issues)
        bound = replace(bound, order=tuple(order))
    wrong = any(i.severity == "error" for i in issues)
    return (None if wrong else bound), list(dict.fromkeys(issues))


def _of_names(bound: BoundQuery, query: Query) -> Iterator[Issue]:
    """What is asked for twice, and a limit that is none."""
    names = bound.columns
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        yield Issue("duplicate-column", f"`{name}` is asked for twice")
    if query.limit is not None and query.limit < 0:
        yield Issue("bad-limit", f"`limit` is {query.limit}: it counts rows, from 0 up")


def _with_all(
    query: Query,
    graph: JoinGraph,
    bound: BoundQuery,
    every: tuple[tuple[str, Formula], ...],
    issues: list[Issue],
) -> BoundQuery:
    """The question with what is done with its answer: compared, filled, totalled, ranked."""
    keys, spans = bound.keys, bound.ranges
    found = compare.comparisons(query, graph, bound.metrics, bound.where, keys, spans, issues)
    bound = replace(bound, compared=tuple(found), prior_rows=query.compare_rows == "all")
    partial = [i.message for i in issues if i.code == "partial-period"]
    if partial and any(one.spans is None for one in bound.compared):
        message = f"{partial[0]}: it would be compared with a whole one"
        issues.append(Issue("bad-compare", message, hint="leave out `exact`, or ask by day"))
    if query.fill is not None:
        issues += fill_issues(query, graph, bound.metrics, keys, bound.where)
    ranked = None
    if query.top is not None:
        moved = tuple(named for one in bound.compared if not one.spans for named in one.metrics)
        ranked = top.bind_top(query.top, graph, keys, bound.metrics, every, moved, issues)
    totals = tuple(levels(query, keys, issues))
    return replace(bound, totals=totals, top=ranked, fill=query.fill is not None)


def _with_components(graph: JoinGraph, bound: BoundQuery, issues: list[Issue]) -> BoundQuery:
    """The question with the columns that its metrics are rolled up from, behind each metric."""
    if bound.compared:
        message = "`components` are those of the current values: `compare` has none"
        issues.append(Issue("bad-compare", message, hint="leave one of the two out"))
        return bound
    if bound.fill:
        message = "`components` are of rows of the data, and `fill` adds others"
        issues.append(Issue("unsound-question", message, hint="leave one of the two out"))
        return bound
    metrics: list[tuple[str, Formula]] = []
    owners: dict[str, str] = {}
    for name, tree in bound.metrics:
        components = roll_up(graph.catalog, name, tree).components
        metrics += [(name, tree), *components]
        owners |= {column: name for column, _ in components}
    return replace(bound, metrics=tuple(metrics), components=owners)


def _words(bound: BoundQuery) -> dict[str, str]:
    """What a condition on the answer can name, each with its column."""
    known = {key.asked: key.name for key in bound.keys}
    known |= {name: name for name in bound.columns}
    return known | {name: unshown(name) for name, _ in bound.unshown if name not in known}


def _key(
    text: str,
    graph: JoinGraph,
    metrics: list[tuple[str, Formula]],
    unit: str | None,
    issues: list[Issue],
) -> Key | None:
    text, own_grains = with_grain(graph, text), graph.catalog.calendar.own_grains
    homes = _homes(metrics, lambda tree: keyed(tree, text, own_grains))
    if not homes and metrics:
        message = f"no metric of the question is grouped by `{text}`: each keeps other group-bys"
        hint = "ask for a metric beside it that is grouped by it"
        issues.append(Issue("no-grouped-metric", message, asked_place("group_by", text), hint))
    return find_key(text, graph, homes, unit, issues)


def _homes(
    metrics: list[tuple[str, Formula]], of: Callable[[Formula], Iterator[Home]]
) -> dict[Home, str]:
    """Each home with a metric that has it, for messages."""
    found: dict[Home, str] = {}
    for name, tree in metrics:
        for home in of(tree):
            found.setdefault(home, name)
    return found


def _default_grain(graph: JoinGraph, metrics: list[tuple[str, Formula]]) -> str | None:
    """The grain of `metric_time` where a query names none: the largest of the metrics' own."""
    grains = [unit for name, _ in metrics if (unit := default_grain(graph, name)) is not None]
    return graph.catalog.calendar.coarsest(grains) if grains else None


# ------------------------------------------------------------------------------------------ metrics


def _metrics(query: Query, graph: JoinGraph, issues: list[Issue]) -> Iterator[tuple[str, Formula]]:
    catalog = graph.catalog
    for text in query.metrics:
        name = text.strip().lower()
        found = _known(name, catalog)
        if found is not None:
            yield metric_column(found), formula(graph, found)
            continue
        hint = _versions_of(name, catalog) or did_you_mean(
            name, [*catalog.metrics, *catalog.versions]
        )
        hint = hint or _by_synonym(name, catalog)
        if hint is None and catalog.metrics:
            hint = f"metrics: {listing(list(catalog.metrics))}"
        message = f"there is no metric `{text}`"
        issues.append(Issue("unknown-metric", message, asked_place("metrics", text), hint))


def _over_everything(graph: JoinGraph, metrics: list[tuple[str, Formula]]) -> Iterator[Issue]:
    """Metrics that mean nothing over rows of two versions, where values of other rows are asked."""
    for name, tree in metrics:
        for code, message, hint in mixed(graph, name, tree, ()):
            yield Issue(code, message, asked_place("metrics", name), hint)


def _known(name: str, catalog: Catalog) -> str | None:
    """The metric or version of this name; a metric without former versions is its own only one."""
    if catalog.has_metric(name):
        return name
    metric = catalog.metrics.get(base(name))
    is_only_one = metric is not None and name == name_of(metric.name, metric.version)
    return metric.name if metric is not None and is_only_one else None


def _versions_of(name: str, catalog: Catalog) -> str | None:
    metric = catalog.metrics.get(base(name))
    if metric is None:
        return None
    known = [n for n, _ in versions(metric)] or [name_of(metric.name, metric.version)]
    return f"versions: {listing(known, most=20)}"


def _by_synonym(name: str, catalog: Catalog) -> str | None:
    for metric in catalog.metrics.values():
        known = [s.lower() for s in (*metric.synonyms, metric.label or "")]
        if name in known or name.replace("_", " ") in known:
            return f"`{name}` is another name of `{metric.name}`"
    return None


# -------------------------------------------------------------------------------------------- order


def _order(
    query: Query, keys: list[Key], names: list[str], issues: list[Issue]
) -> Iterator[tuple[str, bool]]:
    """What was asked, then the remaining group-bys, so that a limit cuts at the same place."""
    asked_as = {key.asked: key.name for key in keys}
    seen: set[str] = set()
    for text in query.order_by:
        word = text.strip().lower()
        descending = word.startswith("-")
        word = word.removeprefix("-")
        word = metric_column(word)
        name = word if word in names else asked_as.get(word)
        if name is None:
            hint = did_you_mean(word, names) or f"columns: {listing(names)}"
            message = f"`{word}` is not in the result"
            issues.append(Issue("bad-order-by", message, asked_place("order_by", text), hint))
        elif name not in seen:
            seen.add(name)
            yield name, descending
    for key in keys:
        if key.name not in seen:
            seen.add(key.name)
            yield key.name, False
    if LEVEL in names and LEVEL not in seen:
        yield LEVEL, True  # a group without a name comes before the total
    if query.top is not None and query.top.other is not None:
        yield from ((name, False) for name in names if name != LEVEL and name not in seen)
