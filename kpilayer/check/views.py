"""Names in views."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.check.context import Context
from kpilayer.check.names import may_be_broken
from kpilayer.columns import resolve_name
from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Home, atoms
from kpilayer.join_graph import Unreached
from kpilayer.model.view import ALL_TIME, View


def views_resolve(context: Context) -> Iterator[Issue]:
    """Views whose metrics, group-bys, levels or grain do not exist.

    Checks:
        Each name of a view, for every metric of it.
    Why:
        `publish` makes all views or none; one wrong name would stop all.
    Instead:
        Use the suggested name, or drop the item.
    """
    for view in context.catalog.definitions.views:
        yield from _metrics(context, view)
        yield from _dimensions(context, view)
        yield from _levels(context, view)
        yield from _columns(context, view)


def _metrics(context: Context, view: View) -> Iterator[Issue]:
    catalog = context.catalog
    for index, name in enumerate(view.metrics):
        place = catalog.definitions.at("view", view.name, "metrics", index)
        if not catalog.has_metric(name) and not catalog.definitions.may_exist("metric", name):
            hint = did_you_mean(name, catalog.metrics)
            yield Issue("unknown-metric", f"there is no metric `{name}`", place, hint)
        if name in view.metrics[:index]:
            yield Issue("duplicate-column", f"`{name}` is named twice", place)
    known = {*catalog.calendar.grains, ALL_TIME}
    if view.grain not in known:
        place = catalog.definitions.at("view", view.name, "grain")
        hint = did_you_mean(view.grain, known)
        yield Issue("unknown-grain", f"`{view.grain}` is not a grain", place, hint)


def _homes(context: Context, view: View) -> dict[Home, str]:
    return {
        (atom.model, atom.time): name
        for name in view.metrics
        if context.catalog.has_metric(name)
        for atom in atoms(formula(context.graph, name))
    }


def _dimensions(context: Context, view: View) -> Iterator[Issue]:
    homes = _homes(context, view)
    names = [one.name for one in view.dimensions]
    for index, name in enumerate(names):
        place = context.catalog.definitions.at("view", view.name, "dimensions", index)
        if name.startswith("metric_time"):
            message = "the time of a view is its `grain`, and no dimension"
            yield Issue("bad-view", message, place, "write `grain: month`")
            continue
        if name in names[:index]:
            yield Issue("duplicate-column", f"`{name}` is named twice", place)
        for home, metric in homes.items():
            found = resolve_name(context.graph, *home, name)
            if isinstance(found, Unreached) and not may_be_broken(context, found):
                message = f"{found.message} (for metric `{metric}`)"
                yield Issue(found.code, message, place, found.hint)
                break


def _levels(context: Context, view: View) -> Iterator[Issue]:
    known = [one.name for one in view.dimensions]
    for number, level in enumerate(view.levels or ()):
        for index, name in enumerate(level):
            if name not in known:
                place = context.catalog.definitions.at("view", view.name, "levels", number, index)
                hint = did_you_mean(name, known) or f"dimensions: {listing(known)}"
                message = f"`{name}` is not one of the view's dimensions"
                yield Issue("unknown-dimension", message, place, hint)
    if (view.levels is not None or view.rollup) and not known:
        place = context.catalog.definitions.at("view", view.name, "name")
        message = "a view without dimensions has one level"
        yield Issue("bad-view", message, place, "name `dimensions`, or leave out levels")


def _columns(context: Context, view: View) -> Iterator[Issue]:
    given = [one.as_name for one in view.dimensions if one.as_name]
    taken = {*view.metrics, "metric_time"}
    for index, one in enumerate(view.dimensions):
        if one.as_name and (one.as_name in taken or given.count(one.as_name) > 1):
            place = context.catalog.definitions.at("view", view.name, "dimensions", index)
            message = f"two columns would be called `{one.as_name}`"
            yield Issue("duplicate-column", message, place, "give it another name with `as`")
