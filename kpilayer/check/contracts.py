"""Names in contracts and metric tests."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.check.context import Context
from kpilayer.check.names import may_be_broken
from kpilayer.columns import resolve_name
from kpilayer.errors import Issue, did_you_mean
from kpilayer.formula.build import formula
from kpilayer.formula.times import default_grain
from kpilayer.formula.tree import atoms
from kpilayer.join_graph import Unreached
from kpilayer.model.definitions import Steps


def contracts_resolve(context: Context) -> Iterator[Issue]:
    """Contracts and metric tests that name what does not exist.

    Checks:
        The dimension of `sums_to`, the metric of `reconciles_with`, the time that `monotone` needs,
        and the further metrics of a metric test.
    Why:
        `kpilayer test` would find it only when it runs.
    Instead:
        Use the suggested name.
    """
    definitions = context.catalog.definitions
    for metric in context.catalog.metrics.values():
        for steps, name in _metrics_named(context, metric.name):
            if not context.catalog.has_metric(name) and not definitions.may_exist("metric", name):
                place = definitions.at("metric", metric.name, *steps)
                hint = did_you_mean(name, context.catalog.metrics)
                yield Issue("unknown-metric", f"there is no metric `{name}`", place, hint)
        agreed = metric.contracts
        if agreed is None:
            continue
        if agreed.monotone and default_grain(context.graph, metric.name) is None:
            message = f"`{metric.name}` has no time along which it could rise or fall"
            place = definitions.at("metric", metric.name, "contracts", "monotone")
            yield Issue("no-time-dimension", message, place)
        if agreed.sums_to is not None:
            yield from _dimension_exists(context, metric.name, agreed.sums_to["dimension"])


def _metrics_named(context: Context, name: str) -> Iterator[tuple[Steps, str]]:
    metric = context.catalog.metrics[name]
    if metric.contracts is not None and metric.contracts.reconciles_with is not None:
        yield ("contracts", "reconciles_with", "metric"), metric.contracts.reconciles_with.metric
    for index, test in enumerate(metric.metric_tests):
        for other in test.query.metrics:
            yield ("metric_tests", index, "query", "metrics"), other


def _dimension_exists(context: Context, metric: str, dimension: str) -> Iterator[Issue]:
    parts = atoms(formula(context.graph, metric))
    for home in dict.fromkeys((atom.model, atom.time) for atom in parts):
        found = resolve_name(context.graph, *home, dimension)
        if isinstance(found, Unreached) and not may_be_broken(context, found):
            steps = ("contracts", "sums_to", "dimension")
            place = context.catalog.definitions.at("metric", metric, *steps)
            yield Issue(found.code, found.message, place, found.hint)
            return
