"""Names in saved queries and exposures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from kpilayer.check.context import Context
from kpilayer.check.names import may_be_broken
from kpilayer.columns import resolve_name
from kpilayer.errors import Issue, Location, did_you_mean
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.join_graph import Unreached
from kpilayer.model.usage import SavedQuery

_METRIC: Final = re.compile(r"""\s*metric\(\s*['"](\w+)['"]\s*\)\s*""")


def saved_queries_resolve(context: Context) -> Iterator[Issue]:
    """Saved queries whose metrics, group-bys or sort items do not exist.

    Checks:
        Each name of `query_params`, for every metric of the query.
    Why:
        A saved query is what exports and dashboards run; it would fail only then.
    Instead:
        Use the suggested name, or drop the item.
    """
    catalog = context.catalog
    for query in catalog.definitions.saved_queries:
        yield from _metrics_exist(context, query)
        homes = {
            (a.model, a.time): name
            for name in query.query_params.metrics
            if catalog.has_metric(name)
            for a in atoms(formula(context.graph, name))
        }
        for index, item in enumerate(query.query_params.group_by):
            for home, metric in homes.items():
                found = resolve_name(context.graph, *home, item)
                if isinstance(found, Unreached) and not may_be_broken(context, found):
                    place = _at(context, query, "group_by", index)
                    message = f"{found.message} (for metric `{metric}`)"
                    yield Issue(found.code, message, place, found.hint)
                    break
        yield from _sorts_what_it_shows(context, query)


def _metrics_exist(context: Context, query: SavedQuery) -> Iterator[Issue]:
    definitions = context.catalog.definitions
    for index, name in enumerate(query.query_params.metrics):
        if not context.catalog.has_metric(name) and not definitions.may_exist("metric", name):
            hint = did_you_mean(name, context.catalog.metrics)
            place = _at(context, query, "metrics", index)
            yield Issue("unknown-metric", f"there is no metric `{name}`", place, hint)


def _sorts_what_it_shows(context: Context, query: SavedQuery) -> Iterator[Issue]:
    shown = [*query.query_params.group_by, *query.query_params.metrics]
    for index, item in enumerate(query.query_params.order_by):
        if item.removeprefix("-").lower() not in (s.lower() for s in shown):
            message = f"`{item.removeprefix('-')}` is not in the result of `{query.name}`"
            place = _at(context, query, "order_by", index)
            yield Issue("bad-order-by", message, place, did_you_mean(item, shown))


def _at(context: Context, query: SavedQuery, key: str, index: int) -> Location | None:
    return context.catalog.definitions.at("saved_query", query.name, "query_params", key, index)


def exposures_resolve(context: Context) -> Iterator[Issue]:
    """Exposures that show metrics which do not exist.

    Checks:
        `metric('..')` in `depends_on`.
    Why:
        Who is reached by a change is read from here.
    Instead:
        Name the metric that the dashboard shows now, or remove the entry.
    """
    definitions = context.catalog.definitions
    for exposure in definitions.exposures:
        for index, item in enumerate(exposure.depends_on):
            found = _METRIC.fullmatch(item)
            name = found[1].lower() if found else ""
            if name and not context.catalog.has_metric(name):
                if not definitions.may_exist("metric", name):
                    place = definitions.at("exposure", exposure.name, "depends_on", index)
                    hint = did_you_mean(name, context.catalog.metrics)
                    yield Issue("unknown-metric", f"there is no metric `{name}`", place, hint)
