"""Definitions of the base beside those of the head, so that one question asks for both.

A metric of the base is taken over under another name, with all that it is computed from. That it
still means what it meant is not assumed: its fingerprint in the head must be the one that it had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlglot import exp

from kpilayer import address, expr
from kpilayer.catalog import Catalog
from kpilayer.errors import QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.times import homes
from kpilayer.formula.tree import Atom, Formula
from kpilayer.identity import Identity
from kpilayer.model.metric import InputMetric, Metric, SimpleMetric, SqlMetric
from kpilayer.model.names import Config
from kpilayer.references import metrics_read
from kpilayer.snippets import column_text
from kpilayer.versions import stitched

#: How a metric of the base is called in the head, with a number.
BEFORE: Final = "kpilayer_before_"
_ROWS: Final = "kpilayer_rows"
_MOST_COUNTS: Final = 4
#: What only a metric under its own name has.
_OWN: Final[Mapping[str, Any]] = {
    "previous": (),
    "contracts": None,
    "metric_tests": (),
    "certified": None,
    "renamed_from": None,
}
#: What a count of the rows of a metric does not have.
_COUNTED: Final[Mapping[str, Any]] = {
    **_OWN,
    "name": _ROWS,
    "label": None,
    "description": None,
    "synonyms": (),
    "mask": None,
    "config": Config(),
    "agg": "count",
    "expr": "1",
    "unit": None,
    "percentile": None,
    "percentile_type": None,
    "non_additive_dimension": None,
    "fill_nulls_with": None,
    "join_to_timespine": False,
}


def extended(identity: Identity, metrics: Mapping[str, Metric]) -> Identity:
    """The same project with more metrics."""
    catalog = replace(identity.catalog, metrics={**identity.catalog.metrics, **metrics})
    return Identity(replace(identity.graph, catalog=catalog))


# --------------------------------------------------------------------------------- metrics together


def taken_over(base: Identity, name: str, head: Identity) -> tuple[Identity, str] | None:
    """The head with a metric of the base in it, and what that is called there.

    None where it would mean something else there: what it reads is not the same on both sides.
    """
    if not _same_ground(base.catalog, head.catalog):
        return None
    closure = _closure(base.catalog, name)
    if closure is None:
        return None
    taken = sum(known.startswith(BEFORE) for known in head.catalog.metrics)
    names = {old: f"{BEFORE}{taken + n}" for n, old in enumerate(closure, 1)}
    copies = {names[old]: _renamed(metric, names) for old, metric in closure.items()}
    both = extended(head, copies)
    try:
        is_same = both.metric(names[name]) == base.metric(name)
    except (KeyError, AssertionError, QueryError):  # what it names is not there
        return None
    return (both, names[name]) if is_same else None


def _same_ground(base: Catalog, head: Catalog) -> bool:
    """Whether expressions, periods and zones mean the same on both sides."""
    return (base.dialect, base.calendar, base.timezone) == (
        head.dialect,
        head.calendar,
        head.timezone,
    )


def _closure(catalog: Catalog, name: str) -> dict[str, Metric] | None:
    """A metric with all that it is computed from; None where names stand in more than inputs."""
    found: dict[str, Metric] = {}
    pending = [name]
    while pending:
        one = pending.pop()
        if one in found:
            continue
        metric = catalog.metric(one)
        inputs = {used.name for used in metric.inputs}
        if stitched(metric) or not inputs.issuperset(metrics_read(catalog.definitions, metric)):
            return None
        found[one] = metric
        pending += inputs
    return found


def _renamed(metric: Metric, names: Mapping[str, str]) -> Metric:
    """A metric under another name, and so its inputs; formulas still read."""
    update: dict[str, Any] = {**_OWN, "name": names[metric.name]}
    for field in type(metric).model_fields:
        match getattr(metric, field):
            case InputMetric() as used:
                update[field] = _input(used, names)
            case (InputMetric(), *_) as several:
                update[field] = tuple(_input(used, names) for used in several)
    if isinstance(metric, SimpleMetric) and metric.expr is None and metric.input_metric is None:
        update["expr"] = "1" if metric.agg == "count" else column_text(metric.name)
    return metric.model_copy(update=update)


def _input(used: InputMetric, names: Mapping[str, str]) -> InputMetric:
    return used.model_copy(update={"name": names[used.name], "alias": used.known_as})


# ------------------------------------------------------------------------------------- counted rows


def counts(identity: Identity, name: str) -> tuple[SimpleMetric, ...]:
    """Counts of the rows that a metric is made of: one for each aggregation below it.

    Of a metric that is made of many, one for all rows of each model.
    """
    found: list[SimpleMetric] = []
    for count in _counts(identity.catalog, name):
        if count not in found:
            found.append(count)
    if 0 < len(found) <= _MOST_COUNTS:
        return tuple(found)
    models = dict.fromkeys(homes(identity.catalog, name))
    return tuple(
        SimpleMetric(name=_ROWS, model=model, agg="count", expr="1", agg_time_dimension=time)
        for model, time in models
    )


def _counts(
    catalog: Catalog, name: str, conditions: tuple[str, ...] = (), time: str | None = None
) -> Iterator[SimpleMetric]:
    metric = catalog.metric(name)
    conditions = tuple(dict.fromkeys((*conditions, *metric.filter)))
    own = getattr(metric, "agg_time_dimension", None)
    match metric:
        case SimpleMetric(input_metric=None):
            update = {**_COUNTED, "filter": conditions, "agg_time_dimension": time or own}
            yield metric.model_copy(update=update)
        case SqlMetric():
            yield SimpleMetric(
                name=_ROWS,
                model=metric.model,
                agg="count",
                expr="1",
                agg_time_dimension=time or own,
                filter=conditions,
            )
        case _:
            for used in metric.inputs:
                yield from _counts(catalog, used.name, (*conditions, *used.filter), time or own)


# ------------------------------------------------------------------------------------------- slices


def slices(base: Identity, was: str, head: Identity, name: str) -> tuple[str, ...]:
    """The group-bys by which a change is told apart: those of the conditions that changed.

    Where none did, the first categorical dimension that the rows of both sides have.
    """
    trees = formula(base.graph, was), formula(head.graph, name)
    before, after = _conjuncts(base, trees[0]), _conjuncts(head, trees[1])
    changed = ((before - after) | (after - before)).keys()
    named = dict.fromkeys(
        found.lower()
        for one in changed
        for found in (column.name for column in one.find_all(exp.Column))
    )
    told = tuple(
        n for n in named if _is_categorical(base, was, n) and _is_categorical(head, name, n)
    )
    if told:
        return told[:2]
    dimension = _first_dimension(head.catalog, name)
    same = dimension is not None and dimension == _first_dimension(base.catalog, was)
    return (dimension,) if same and dimension is not None else ()


def _conjuncts(identity: Identity, tree: Formula) -> Counter[Any]:
    """The conditions of all aggregations of a formula, each by itself."""
    found: Counter[Any] = Counter()
    for atom in _all_atoms(tree):
        for text in atom.conditions:
            found.update(expr.conjuncts(identity.catalog.snippet(text).tree))
    return found


def _all_atoms(tree: Formula) -> Iterator[Atom]:
    if isinstance(tree, Atom):
        yield tree
        return
    for _, inner in tree.inputs:
        yield from _all_atoms(inner)


def _is_categorical(identity: Identity, metric: str, name: str) -> bool:
    """Whether a name is a dimension with values to group by, wherever it is joined from."""
    if address.filter_metric(name) is not None or "__" not in name:
        return False
    found = address.parse(name)
    if found.is_metric_time or found.grain is not None or found.part is not None:
        return False
    dimensions = (model.dimension(found.name) for model in identity.catalog.models.values())
    kinds = {d.type for d in dimensions if d is not None}
    return kinds == {"categorical"}


def _first_dimension(catalog: Catalog, metric: str) -> str | None:
    models = {model for model, _ in homes(catalog, metric)}
    if len(models) != 1:
        return None
    model = catalog.models[models.pop()]
    names = [d.name for d in model.dimensions if d.type == "categorical"]
    return f"{model.own_names[0]}__{names[0]}" if names and model.own_names else None


def weakest(kinds: Iterable[str]) -> str:
    """Of ways to roll up, the one that all can go."""
    order = ("none", "slices", "all")
    return min(kinds, key=order.index)
