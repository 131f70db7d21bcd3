"""Published views as datasets: each metric with the expression that a chart may aggregate it by.

What cannot be rolled up gets a guard: it has the value of a group where a chart shows the rows of
the view, and NULL, not a wrong number, where several of them would be put together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kpilayer.catalog import Catalog
from kpilayer.interop.superset.dataset import Column, Dataset, Metric
from kpilayer.model.metric import Metric as Definition
from kpilayer.publish.relations import Column as Shown
from kpilayer.publish.relations import Relation
from kpilayer.publish.world import name

#: Formats of metrics, as d3 writes them.
_D3: Final = {"currency": ",.2f", "percent": ".1%", "integer": ",d", "number": ",.2f"}
_GUARDED: Final = (
    "It cannot be added up: a chart that is coarser than the view shows nothing. Use the dataset "
    "of a coarser level."
)


def dataset(relation: Relation, catalog: Catalog, schema: str, dialect: str) -> Dataset:
    """The dataset of a published view, with a metric for each metric that it shows."""
    time = next((c.name for c in relation.columns if c.role == "time"), None)
    columns = tuple(
        Column(c.name, description=c.description, is_time=c.role == "time")
        for c in relation.columns
    )
    metrics = tuple(_metrics(relation, catalog, dialect))
    about, _, _ = relation.comment.partition(" | kpilayer=")
    return Dataset(schema, relation.name, columns, metrics, about, time)


def _metrics(relation: Relation, catalog: Catalog, dialect: str) -> Iterable[Metric]:
    for column in relation.columns:
        if column.role != "metric":
            continue
        metric = catalog.metric(column.metric)
        who = _certified_by(metric, column)
        yield Metric(
            column.name,
            expression(column, dialect),
            label=metric.label or "",
            description=column.description,
            d3format=_D3.get(metric.format or "", ""),
            certified_by=who,
            certification_details=f"{metric.name} {column.fingerprint}" if who else "",
            warning="" if column.roll_up else _GUARDED,
        )


def expression(column: Shown, dialect: str) -> str:
    """What a chart computes: the roll-up, or the value of the only row there is."""
    if column.roll_up is not None:
        return column.roll_up
    return f"CASE WHEN COUNT(*) = 1 THEN MAX({name(column.name, dialect=dialect)}) END"


def _certified_by(metric: Definition, column: Shown) -> str:
    """Who vouches for a metric as it is now: by its certificate, else the group that owns it."""
    if metric.certified is not None:
        return metric.certified.by if metric.certified.fingerprint == column.fingerprint else ""
    return (metric.config.group or "") if metric.status == "certified" else ""
