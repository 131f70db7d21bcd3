"""Metrics of the layer that are the same number under two names, or nearly."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.drift.layer import Governed, Layer
from kpilayer.drift.names import likeness
from kpilayer.drift.reasons import shown
from kpilayer.errors import Issue, Severity
from kpilayer.formula.build import formula
from kpilayer.formula.tree import rules
from kpilayer.model.metric import SimpleMetric


def duplicates(layer: Layer) -> Iterator[Issue]:
    """Pairs of metrics of equal meaning, and pairs of like names that differ in a condition."""
    beside: dict[frozenset[str], list[Governed]] = {}
    for one in layer.metrics:
        if one.measure is None or one.measure.is_empty:
            continue
        others = beside.setdefault(one.bases, [])
        for other in others:
            told = _told(one, other)
            if told is not None and not _is_deliberate(one, other, layer):
                yield _issue(one, other, layer, *told)
        others.append(one)


def _told(one: Governed, other: Governed) -> tuple[str, Severity] | None:
    """What somebody has to know of two metrics, and how urgently."""
    assert one.measure is not None and other.measure is not None, "measured"
    if one.measure.equals(other.measure):
        return f"`{one.name}` is `{other.name}` under another name", "warning"
    near = _nearly(one, other)
    if near is None:
        return None
    return f"`{one.name}` and `{other.name}` have like names and differ: {near}", "notice"


def _issue(one: Governed, other: Governed, layer: Layer, told: str, severity: Severity) -> Issue:
    at, place = (
        layer.catalog.definitions.at("metric", metric.name, "name") for metric in (one, other)
    )
    see = (("the other one", place),) if place is not None else ()
    return Issue("drift-duplicate", told, at, severity=severity, see=see)


def _is_deliberate(one: Governed, other: Governed, layer: Layer) -> bool:
    """Whether one is a variant of the other, both serve others, or they differ in time or rules."""
    graph = layer.side.identity.graph
    if one.is_hidden or other.is_hidden or one.times != other.times:
        return True
    if rules(formula(graph, one.name)) != rules(formula(graph, other.name)):
        return True
    for a, b in ((one, other), (other, one)):
        definition = a.definition
        if isinstance(definition, SimpleMetric) and definition.input_metric is not None:
            base = layer.catalog.metrics.get(definition.input_metric.name)
            sister = b.definition
            same_base = (
                isinstance(sister, SimpleMetric)
                and sister.input_metric is not None
                and sister.input_metric.name == definition.input_metric.name
            )
            if base is b.definition or same_base:
                return True
        if a.definition.replaced_by == b.name:
            return True
    return False


def _nearly(one: Governed, other: Governed) -> str | None:
    """The difference of two like metrics in their conditions, where it is small."""
    assert one.measure is not None and other.measure is not None, "measured"
    if one.measure.is_composite or other.measure.is_composite or not one.measure.totals:
        return None
    mine, theirs = (next(iter(m.totals.values())) for m in (one.measure, other.measure))
    same = (mine.function, mine.value, mine.base) == (theirs.function, theirs.value, theirs.base)
    if not same or max(likeness(w, other.words) for w in one.words) < 0.6:
        return None
    found = [
        f"only `{one.name}` where {shown(c)}"
        for k, c in mine.where.items()
        if k not in theirs.where
    ]
    found += [
        f"only `{other.name}` where {shown(c)}"
        for k, c in theirs.where.items()
        if k not in mine.where
    ]
    return "; ".join(found) if len(found) == 1 else None
