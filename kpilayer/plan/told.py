"""What is told with an answer that is right, and may still surprise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kpilayer.catalog import Catalog
from kpilayer.errors import Issue
from kpilayer.formula.times import homes
from kpilayer.join_graph import JoinGraph
from kpilayer.model.metric import CumulativeMetric
from kpilayer.plan.customs import units_of
from kpilayer.plan.keys import Key, is_of_home_time
from kpilayer.plan.kinds.cumulative import base_grain
from kpilayer.plan.window import length


def first_days(graph: JoinGraph, names: Sequence[str], keys: Sequence[Key]) -> Iterator[Issue]:
    """Cumulative metrics shown by longer periods that do not say which day of them counts.

    As in dbt, it is the first one, which few expect of a running total.
    """
    for name in _read(graph.catalog, names):
        metric = graph.catalog.metrics[name]
        if not isinstance(metric, CumulativeMetric) or metric.period_agg is not None:
            continue
        home = next(homes(graph.catalog, name))
        times = [k for k in keys if home in dict(k.at) and is_of_home_time(graph, k, home)]
        units = [k.column(home).unit for k in times]
        wanted = units_of(graph.catalog.calendar, [k.column(home) for k in times])
        wanted += [length(metric.window)[1]] if metric.window else []
        if wanted and times and (base := base_grain(graph, home, wanted)) not in units:
            message = f"`{name}` shows the first {base} of each period that has a value: it does "
            message += "not say which one counts"
            hint = "add `period_agg: last`, `first` or `average` to the metric"
            yield Issue("unstated-period-agg", message, hint=hint, severity="notice")


def _read(catalog: Catalog, names: Sequence[str]) -> tuple[str, ...]:
    """Metrics with all that they are computed from, each once."""
    found = dict.fromkeys(names)
    pending = list(found)
    while pending:
        inputs = [i.name for i in catalog.metrics[pending.pop()].inputs]
        pending += [name for name in inputs if name in catalog.metrics and name not in found]
        found |= dict.fromkeys(inputs)
    return tuple(name for name in found if name in catalog.metrics)
