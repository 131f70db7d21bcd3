"""What a project holds, as plain values for lists, cards and the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kpilayer import snippets
from kpilayer.address import METRIC_TIME, metric_column
from kpilayer.columns import TimedColumn, resolve_name
from kpilayer.errors import Issue, Location, QueryError, did_you_mean, listing
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.identity import Identity
from kpilayer.lineage import lineage
from kpilayer.model.definitions import Definitions
from kpilayer.model.metric import (
    ConversionMetric,
    CumulativeMetric,
    DerivedMetric,
    FunnelMetric,
    Metric,
    NestedMetric,
    RatioMetric,
    ShareMetric,
    SimpleMetric,
    SqlMetric,
)
from kpilayer.model.semantic_model import Dimension, Entity, Model
from kpilayer.references import metrics_read
from kpilayer.rollup import roll_up
from kpilayer.versions import base, name_of, spans, versions


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric in a list."""

    name: str
    label: str
    type: str
    description: str | None
    unit: str | None
    format: str | None
    status: str
    group: str | None
    tags: tuple[str, ...]
    hidden: bool
    fingerprint: str
    location: Location | None
    inputs: tuple[str, ...]
    versions: tuple[str, ...] = ()
    """What each version is asked for as, where there are former ones: `revenue@1`."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A semantic model in a list."""

    name: str
    description: str | None
    relation: str
    entities: tuple[str, ...]
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    location: Location | None


@dataclass(frozen=True, slots=True)
class DimensionInfo:
    """A group-by in a list, by the name that a query uses."""

    name: str
    type: str
    grain: str | None
    description: str | None
    label: str | None
    fingerprint: str | None
    model: str


@dataclass(frozen=True, slots=True)
class EntityInfo:
    """An entity in a list."""

    name: str
    type: str
    description: str | None
    model: str


@dataclass(frozen=True, slots=True)
class SavedQueryInfo:
    """A saved query in a list."""

    name: str
    label: str
    description: str | None
    metrics: tuple[str, ...]
    group_by: tuple[str, ...]
    exports: tuple[str, ...]
    location: Location | None


@dataclass(frozen=True, slots=True)
class ExposureInfo:
    """A dashboard, notebook or application in a list."""

    name: str
    type: str
    label: str
    owner: str | None
    depends_on: tuple[str, ...]
    url: str | None
    location: Location | None


@dataclass(frozen=True, slots=True)
class KpiInfo:
    """A contract on a metric in a list."""

    name: str
    label: str
    metric: str
    kind: str
    function: str
    owner: str | None
    direction: str
    cadence: str
    healthy: str
    status: str
    supports: str | None
    location: Location | None


def kpis(definitions: Definitions) -> tuple[KpiInfo, ...]:
    """Every KPI, in order of name."""
    return tuple(
        KpiInfo(
            one.name,
            one.label or one.name,
            one.metric,
            one.kind,
            one.function,
            one.owner.group or one.owner.person,
            one.direction,
            one.cadence,
            one.health.in_words,
            one.status,
            one.supports,
            definitions.at("kpi", one.name, "name"),
        )
        for one in sorted(definitions.kpis, key=lambda one: one.name)
    )


def saved_queries(definitions: Definitions) -> tuple[SavedQueryInfo, ...]:
    """Every saved query, in order of name."""
    return tuple(
        SavedQueryInfo(
            one.name,
            one.label or one.name,
            one.description,
            one.query_params.metrics,
            one.query_params.group_by,
            tuple(export.name for export in one.exports),
            definitions.at("saved_query", one.name, "name"),
        )
        for one in sorted(definitions.saved_queries, key=lambda one: one.name)
    )


def exposures(definitions: Definitions) -> tuple[ExposureInfo, ...]:
    """Every exposure, in order of name."""
    return tuple(
        ExposureInfo(
            one.name,
            one.type,
            one.label or one.name,
            one.owner.name or next(iter(one.owner.email), None),
            one.depends_on,
            one.url,
            definitions.at("exposure", one.name.lower(), "name"),
        )
        for one in sorted(definitions.exposures, key=lambda one: one.name)
    )


def metrics(identity: Identity) -> tuple[MetricInfo, ...]:
    """Every metric, in order of name."""
    known = identity.catalog.metrics
    return tuple(metric_info(identity, known[name]) for name in sorted(known))


def models(identity: Identity) -> tuple[ModelInfo, ...]:
    """Every semantic model, in order of name."""
    known = identity.catalog.models
    return tuple(model_info(identity, known[name]) for name in sorted(known))


def metric_info(identity: Identity, metric: Metric) -> MetricInfo:
    """A metric with its fingerprint and place."""
    place = identity.catalog.definitions.at("metric", metric.name, "name")
    return MetricInfo(
        metric.name,
        metric.label or metric.name,
        metric.type,
        metric.description,
        metric.unit,
        metric.format,
        metric.status,
        metric.config.group,
        metric.config.tags,
        metric.hidden,
        identity.metric(metric.name),
        place,
        tuple(dict.fromkeys(map(base, metrics_read(identity.catalog.definitions, metric)))),
        tuple(name for name, _ in versions(metric)),
    )


def model_info(identity: Identity, model: Model) -> ModelInfo:
    """A semantic model with the metrics over its rows."""
    catalog = identity.catalog
    over = [
        m.name
        for m in catalog.metrics.values()
        if isinstance(m, SimpleMetric | SqlMetric) and m.model == model.name
    ]
    return ModelInfo(
        model.name,
        model.description,
        catalog.relation(model.name).key,
        tuple(e.name for e in model.entities),
        tuple(d.name for d in model.dimensions),
        tuple(over),
        catalog.definitions.at("model", model.name, "name"),
    )


def dimensions(identity: Identity, metrics: Sequence[str] = ()) -> tuple[DimensionInfo, ...]:
    """What all of the metrics can be grouped by; without metrics, every dimension there is."""
    if not metrics:
        return tuple(_all_dimensions(identity))
    homes = _homes(identity, metrics)
    found: dict[str, DimensionInfo] = {}
    times = [resolve_name(identity.graph, *home, METRIC_TIME) for home in homes]
    if all(isinstance(t, TimedColumn) for t in times):
        grains = [t.grain for t in times if isinstance(t, TimedColumn) and t.grain]
        about = "the time axis that metrics share: each metric's own time dimension"
        unit = identity.catalog.calendar.coarsest(["day", *grains])
        found[METRIC_TIME] = DimensionInfo(METRIC_TIME, "time", unit, about, None, None, "")
    for reached in identity.graph.groupable(homes[0][0]):
        name = reached.address
        columns = [resolve_name(identity.graph, *home, name) for home in homes]
        sound = [c for c in columns if isinstance(c, TimedColumn)]
        if len(sound) == len(columns) and len({c.meaning for c in sound}) == 1:
            found.setdefault(
                name, _dimension(identity, name, reached.element, reached.model, sound[0])
            )
    return tuple(found.values())


def entities(identity: Identity, metrics: Sequence[str] = ()) -> tuple[EntityInfo, ...]:
    """The entities of the metrics' models, or of all models."""
    catalog = identity.catalog
    models = dict.fromkeys(m for m, _ in _homes(identity, metrics)) if metrics else catalog.models
    return tuple(
        EntityInfo(e.name, e.type, e.description, name)
        for name in models
        for e in catalog.models[name].entities
    )


def _homes(identity: Identity, metrics: Sequence[str]) -> list[tuple[str, str | None]]:
    catalog = identity.catalog
    known = f"metrics: {listing(list(catalog.metrics))}" if catalog.metrics else None
    unknown = [
        Issue(
            "unknown-metric",
            f"there is no metric `{m}`",
            hint=did_you_mean(m, catalog.metrics) or known,
        )
        for m in metrics
        if not catalog.has_metric(m)
    ]
    if unknown:
        raise QueryError(unknown)
    found = [(a.model, a.time) for m in metrics for a in atoms(formula(identity.graph, m))]
    return list(dict.fromkeys(found))


def _all_dimensions(identity: Identity) -> Iterator[DimensionInfo]:
    for model in identity.catalog.models.values():
        for dimension in model.dimensions:
            name = f"{model.own_names[0]}__{dimension.name}"
            column = resolve_name(identity.graph, model.name, None, name)
            if isinstance(column, TimedColumn):
                yield _dimension(identity, name, dimension, model.name, column)


def _dimension(
    identity: Identity,
    name: str,
    element: Dimension | Entity,
    model: str,
    column: TimedColumn,
) -> DimensionInfo:
    kind = element.type if isinstance(element, Dimension) else "entity"
    text = identity.column(column.reached)
    about = element.description
    return DimensionInfo(name, kind, column.grain, about, element.label, text, model)


# -------------------------------------------------------------------------------------------- cards


def describe(identity: Identity, name: str) -> dict[str, Any]:
    """Everything known about the metric, model or dimension of a name.

    Raises:
        QueryError: `unknown-metric`, when nothing has this name.
    """
    catalog = identity.catalog
    if catalog.has_metric(name):
        return _metric_card(identity, catalog.metric(name))
    if name in catalog.models:
        return _model_card(identity, catalog.models[name])
    for found in _all_dimensions(identity):
        if found.name == name:
            return {
                "kind": "dimension",
                "name": name,
                "label": found.label,
                "description": found.description,
                "type": found.type,
                "grain": found.grain,
                "model": found.model,
                "fingerprint": found.fingerprint,
            }
    known = [*catalog.metrics, *catalog.versions, *catalog.models]
    known += [d.name for d in _all_dimensions(identity)]
    message = f"there is no metric, model or dimension `{name}`"
    raise QueryError(Issue("unknown-metric", message, None, did_you_mean(name, known)))


def _metric_card(identity: Identity, metric: Metric) -> dict[str, Any]:
    info = metric_info(identity, metric)
    card: dict[str, Any] = {
        "kind": "metric",
        "name": metric.name,
        "label": metric.label,
        "description": metric.description,
        "type": metric.type,
        "formula": _formula_text(metric),
        "filter": list(metric.filter),
        "unit": metric.unit,
        "format": metric.format,
        "status": metric.status,
        "version": metric.version,
        "stitched": spans(metric),
        "versions": _versions(identity, metric),
        "group": metric.config.group,
        "tags": list(metric.config.tags),
        "synonyms": list(metric.synonyms),
        "fingerprint": info.fingerprint,
        "location": place(info.location),
        "inputs": list(info.inputs),
        **_rolled_up(identity, metric),
        "used by": list(identity.catalog.dependents.get(metric.name, ())),
        "group by": [d.name for d in dimensions(identity, [metric.name])],
        "lineage": lineage_rows(identity, metric.name),
    }
    return card


def _rolled_up(identity: Identity, metric: Metric) -> dict[str, Any]:
    """How values of groups become that of all of them, in the dialect of the definitions."""
    catalog, name = identity.catalog, metric_column(metric.name)
    found = roll_up(catalog, name, formula(identity.graph, metric.name))
    text = None if found.value is None else found.value.sql(dialect=catalog.dialect)
    over = None if text is None else "all group-bys" if found.over_time else "groups of one period"
    return {"additivity": found.kind, "roll up": text, "roll up over": over}


def _versions(identity: Identity, metric: Metric) -> list[dict[str, Any]]:
    """The former versions of a metric with what they were, newest first."""
    found = []
    for former in metric.previous:
        name = name_of(metric.name, former.version)
        was = identity.catalog.metric(name)
        found.append(
            {
                "name": name,
                "until": former.until.isoformat() if former.until else None,
                "reason": former.reason,
                "restated": former.restate,
                "formula": _formula_text(was),
                "filter": list(was.filter),
                "fingerprint": identity.metric(name),
            }
        )
    return found


def _formula_text(metric: Metric) -> str:
    """The formula in a line, for people."""
    match metric:
        case SimpleMetric(input_metric=used) if used is not None:
            return f"{used.name}, filtered"
        case SimpleMetric():
            return f"{metric.agg}({snippets.shown(metric.value)}) of {metric.model}"
        case SqlMetric():
            return f"{metric.sql} of {metric.model}"
        case DerivedMetric():
            return metric.expr
        case RatioMetric():
            return f"{metric.numerator.known_as} / {metric.denominator.known_as}"
        case CumulativeMetric():
            since = f" over {metric.window}" if metric.window else ""
            since = f" since the {metric.grain_to_date} began" if metric.grain_to_date else since
            return f"{metric.input_metric.name}{since or ' over all time'}"
        case ConversionMetric():
            within = f" within {metric.window}" if metric.window else ""
            events = f"{metric.base_metric.name} to {metric.conversion_metric.name}"
            return f"{metric.calculation} of {events} by {metric.entity}{within}"
        case NestedMetric():
            return f"{metric.agg}({metric.input_metric.name}) per {', '.join(metric.per)}"
        case ShareMetric():
            whole = f"its total per {', '.join(metric.within)}" if metric.within else "its total"
            return f"{metric.input_metric.name} / {whole}"
        case FunnelMetric():
            return " → ".join(step.name for step in metric.steps)


def _model_card(identity: Identity, model: Model) -> dict[str, Any]:
    info = model_info(identity, model)
    return {
        "kind": "model",
        "name": model.name,
        "label": model.label,
        "description": model.description,
        "relation": info.relation,
        "time dimension": model.agg_time_dimension,
        "location": place(info.location),
        "metrics": list(info.metrics),
        "entities": [
            {"name": e.name, "type": e.type, "key": snippets.shown(e.sql), "joins to": e.target}
            for e in model.entities
        ],
        "dimensions": [
            {
                "name": d.name,
                "type": d.type,
                "grain": d.granularity,
                "value": snippets.shown(d.sql),
                "description": d.description,
            }
            for d in model.dimensions
        ],
    }


def place(location: Location | None) -> dict[str, Any] | None:
    """A location as editors open it."""
    if location is None:
        return None
    return {"path": location.path, "line": location.line, "column": location.column}


def lineage_rows(identity: Identity, metric: str) -> list[dict[str, str]]:
    """The columns that a metric reads, as mappings."""
    return [
        {"relation": u.relation, "column": u.column, "role": u.role}
        for u in lineage(identity.graph, metric)
    ]
