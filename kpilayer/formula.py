"""A metric as a formula over atoms: what is aggregated, and what is computed from the results.

Both the plan and the fingerprint start here, so a number and its identity cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kpilayer.catalog import Catalog
from kpilayer.model.metric import DerivedMetric, RatioMetric, SimpleMetric


@dataclass(frozen=True, slots=True)
class Atom:
    """An aggregation over the rows of one model that pass all ``conditions``.

    Atoms with equal meaning are equal: ``metric``, the simple metric that the atom stands for, and
    ``label``, a name for its column, take no part.
    """

    model: str
    agg: str
    value: str
    percentile: float | None
    discrete: bool
    time: str | None
    conditions: tuple[str, ...]
    metric: str = field(compare=False)
    label: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Compute:
    """An expression over inputs, each known by a name in ``text``."""

    text: str
    inputs: tuple[tuple[str, Formula], ...]


Formula = Atom | Compute


def formula(
    catalog: Catalog, name: str, conditions: tuple[str, ...] = (), label: str | None = None
) -> Formula:
    """A metric's formula, its own filter and ``conditions`` pushed down to every atom.

    Raises:
        KeyError: the catalog has no usable metric of this name.
    """
    metric = catalog.metrics[name]
    held = tuple(dict.fromkeys((*metric.filter, *conditions)))
    label = label or name
    match metric:
        case SimpleMetric(input_metric=used) if used is not None:
            inner = formula(catalog, used.name, tuple(dict.fromkeys((*used.filter, *held))), label)
            return _retimed(inner, metric.agg_time_dimension)
        case SimpleMetric():
            assert metric.model is not None and metric.agg is not None, "checked when decoded"
            return Atom(
                metric.model,
                metric.agg,
                metric.value,
                metric.percentile,
                metric.percentile_type == "discrete",
                catalog.time_dimension(metric),
                held,
                name,
                label,
            )
        case RatioMetric():
            inputs = tuple(
                (role, formula(catalog, i.name, (*i.filter, *held), i.alias or None))
                for role, i in (
                    ("numerator", metric.numerator),
                    ("denominator", metric.denominator),
                )
            )
            return Compute("numerator / denominator", inputs)
        case DerivedMetric():
            used_inputs = tuple(
                (i.known_as, formula(catalog, i.name, (*i.filter, *held), i.alias or None))
                for i in metric.input_metrics
            )
            return Compute(metric.expr, used_inputs)


def _retimed(inner: Formula, time: str | None) -> Formula:
    """The formula on another time dimension, where a variant names one."""
    if time is None:
        return inner
    if isinstance(inner, Atom):
        return Atom(
            inner.model,
            inner.agg,
            inner.value,
            inner.percentile,
            inner.discrete,
            time,
            inner.conditions,
            inner.metric,
            inner.label,
        )
    return Compute(inner.text, tuple((n, _retimed(f, time)) for n, f in inner.inputs))


def atoms(tree: Formula) -> tuple[Atom, ...]:
    """The atoms of a formula, each once, in order of first use."""
    if isinstance(tree, Atom):
        return (tree,)
    return tuple(dict.fromkeys(a for _, inner in tree.inputs for a in atoms(inner)))
