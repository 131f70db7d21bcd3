"""Former versions of metrics that contradict each other, or whose numbers cannot stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from kpilayer import grain, versions
from kpilayer.address import metric_column
from kpilayer.check.context import Context
from kpilayer.columns import own_grain
from kpilayer.errors import Issue, listing
from kpilayer.formula.build import formula
from kpilayer.formula.times import homes
from kpilayer.formula.tree import rules
from kpilayer.model.metric import Metric
from kpilayer.model.metric_parts import Former

_MAY_DIFFER = ("model", "agg", "expr", "sql", "filter")


def versions_are_in_order(context: Context) -> Iterator[Issue]:
    """Former versions out of order, and keys that a metric of their kind does not have.

    Checks:
        `previous` of each metric: newest first, each version lower than the one before it, each
        `until` earlier, and given where `restate` is false.
    Why:
        `revenue@1` must mean one thing, and each day belong to one version.
    Instead:
        Number versions from 1 up, and give the last day of each.
    """
    names = {metric.name for metric in context.catalog.definitions.metrics}
    for metric in context.catalog.definitions.metrics:
        for name, _ in versions.versions(metric):
            if metric_column(name) in names:
                message = f"`{name}` has the column `{metric_column(name)}`, and so has the metric "
                place = context.catalog.definitions.at("metric", metric.name, "previous")
                yield Issue("duplicate-name", f"{message}of that name", place)
        newer, until = metric.version, None
        for index, former in enumerate(metric.previous):
            for key, message in _wrong(metric, former, newer):
                place = context.catalog.definitions.at(
                    "metric", metric.name, "previous", index, key
                )
                yield Issue("bad-value", message, place)
            place = context.catalog.definitions.at("metric", metric.name, "previous", index)
            if not former.restate and former.until is None:
                message = f"version {former.version} of `{metric.name}` stands (`restate: false`), "
                message += "and nothing says until when"
                yield Issue("missing-field", message, place, "give its last day, `until`")
            if former.until is not None and until is not None and former.until >= until:
                message = f"version {former.version} of `{metric.name}` ends on {former.until}, "
                message += f"and the newer version {newer} on {until}"
                yield Issue("bad-value", message, place, "write the newest version first")
            newer, until = former.version, former.until or until


def _wrong(metric: Metric, former: Former, newer: int) -> Iterator[tuple[str, str]]:
    if former.version >= newer:
        message = f"version {former.version} of `{metric.name}` comes after version {newer}: "
        yield "version", message + "former versions are lower, the newest first"
    known = versions.keys(metric)
    for key in _MAY_DIFFER:
        if getattr(former, key) is not None and key not in known:
            kind = "variant" if metric.type == "simple" and known == ("filter",) else metric.type
            message = f"a former version of a {kind} metric has no `{key}`: it has {listing(known)}"
            yield key, message
    if former.agg == "percentile" and getattr(metric, "percentile", None) is None:
        yield "agg", "`agg: percentile` needs a `percentile`, which former versions do not keep"


def numbers_can_stand(context: Context) -> Iterator[Issue]:
    """Metrics that cannot be stitched of versions.

    Checks:
        Metrics with `restate: false`: each version has a time dimension, ends with a whole period
        of it, and is computed from rows alone.
    Why:
        A row is of the version of its day: without a day, or where a number is not made of rows,
        nothing says which version holds.
    Instead:
        Stitch the inputs instead, or leave `restate` out and ask for `metric@1` beside the metric.
    """
    at = context.catalog.definitions.at
    for metric in context.catalog.metrics.values():
        stands = versions.stitched(metric)
        if not stands:
            continue
        place = at("metric", metric.name, "previous", 0)
        found = list(homes(context.catalog, metric.name))
        timeless = next((model for model, time in found if time is None), None)
        if timeless is not None:
            message = f"`{metric.name}` is stitched of versions (`restate: false`), and rows of "
            message += f"`{timeless}` have no time"
            yield Issue("no-time-dimension", message, place)
            continue
        units = [unit for home in found if (unit := own_grain(context.graph, *home)) is not None]
        calendar = context.catalog.calendar
        period = calendar.coarsest(["day", *units])
        unit = calendar.unit(period) or period
        for until, name in stands:
            next_day = datetime(until.year, until.month, until.day) + timedelta(days=1)
            if grain.truncate(next_day, unit) != next_day:
                message = f"`{name}` ends on {until}, within a {period}: `{metric.name}` has one "
                hint = f"let it end with the {period}"
                yield Issue("bad-value", f"{message}value per {period}", place, hint)
        names = [*(name for _, name in stands), versions.name_of(metric.name, metric.version)]
        shapes = {r for name in names for r in rules(formula(context.graph, name))}
        if shapes - {"filled", "spined"}:
            message = f"`{metric.name}` is not computed from rows alone: it cannot be stitched of "
            hint = "stitch its inputs, or leave `restate` out"
            yield Issue("bad-value", f"{message}versions (`restate: false`)", place, hint)
