"""Versions of a metric: `revenue@1` is what it was, and `revenue` is what it is.

`revenue@N` is version N for all dates, also where N is the version of today. Where a former version
says `restate: false`, `revenue` itself is stitched (decision 3): the former version's number for
rows up to its `until`, that day included, and the newer one's for rows after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from kpilayer.model.metric import Metric, SimpleMetric
from kpilayer.model.metric_parts import Former
from kpilayer.snippets import column_text

#: What a former version of each kind can have had; every kind has a filter.
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "simple": ("model", "agg", "expr", "filter"),
    "sql": ("model", "sql", "filter"),
    "derived": ("expr", "filter"),
}
#: What only the metric itself has: it is tested, certified and found under its own name.
_OWN: Final[dict[str, Any]] = {
    "previous": (),
    "contracts": None,
    "metric_tests": (),
    "synonyms": (),
    "certified": None,
}


def name_of(metric: str, version: int) -> str:
    """The name of a version.

    >>> name_of("revenue", 1)
    'revenue@1'
    """
    return f"{metric}@{version}"


def base(name: str) -> str:
    """The metric that a version is of; a metric's own name is its base.

    >>> base("revenue@1"), base("revenue")
    ('revenue', 'revenue')
    """
    return name.partition("@")[0]


def keys(metric: Metric) -> tuple[str, ...]:
    """The keys that a former version of a metric can have."""
    if isinstance(metric, SimpleMetric) and metric.input_metric is not None:
        return ("filter",)
    return _KEYS.get(metric.type, ("filter",))


def versions(metric: Metric) -> Iterator[tuple[str, Metric]]:
    """Every version of a metric that has former ones, by name, each with no versions of its own."""
    if metric.previous:
        for former in metric.previous:
            name = name_of(metric.name, former.version)
            yield name, _former(metric, former, name)
        name = name_of(metric.name, metric.version)
        expression = _own_expression(metric, metric)
        yield name, metric.model_copy(update={**_OWN, **expression, "name": name})


def stitched(metric: Metric) -> tuple[tuple[date, str], ...]:
    """The former versions whose numbers still stand, newest first, each with its last day.

    A version that was restated covers the dates of all before it.
    """
    found: list[tuple[date, str]] = []
    for former in metric.previous:
        if former.restate or former.until is None:
            break
        found.append((former.until, name_of(metric.name, former.version)))
    return tuple(found)


def spans(metric: Metric) -> str:
    """Which versions a metric is stitched of: `version 1 up to 2026-03-31, version 2 after it`."""
    stands = [(until, name.partition("@")[2]) for until, name in reversed(stitched(metric))]
    parts = [f"version {number} up to {until}" for until, number in stands]
    return ", ".join([*parts, f"version {metric.version} after it"]) if parts else ""


def _former(metric: Metric, former: Former, name: str) -> Metric:
    """The metric with what its former version had instead."""
    had = {key: getattr(former, key) for key in keys(metric)}
    changes: dict[str, Any] = {key: value for key, value in had.items() if value is not None}
    if isinstance(metric, SimpleMetric):
        agg = changes.get("agg", metric.agg)
        if agg not in ("percentile", "median"):
            changes |= {"percentile": None, "percentile_type": None}
        changes = {**_own_expression(metric, former), **changes}
    update = {**_OWN, **changes, "name": name, "version": former.version}
    return metric.model_copy(update=update)


def _own_expression(metric: Metric, version: Metric | Former) -> dict[str, Any]:
    """A value that is the column called as the metric stays that column under another name."""
    if not isinstance(metric, SimpleMetric) or metric.expr is not None:
        return {}
    agg = getattr(version, "agg", None) or metric.agg
    is_column = metric.input_metric is None and agg != "count"
    return {"expr": column_text(metric.name)} if is_column else {}
