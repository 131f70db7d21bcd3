"""dbt's legacy metrics (`type_params`) to native metrics; measures become simple metrics.

What the forms mean: reference_semantics A.3 and A.5.

Issues: those of ``measures`` and ``translation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.load.dbt.measure import aggregation
from kpilayer.load.dbt.measures import INPUT_MEASURE, Measures, input_of, measure_used
from kpilayer.load.dbt.reading import (
    Fields,
    Parts,
    Reading,
    conditions,
    config,
    joined,
    lowered,
    window,
)
from kpilayer.load.dbt.switches import truth
from kpilayer.load.known import IGNORED, NOT_YET
from kpilayer.load.moved import Built, Part
from kpilayer.load.typed import keys_of
from kpilayer.model.metric import KINDS

METRIC: Final = frozenset(
    {"name", "label", "description", "type", "type_params", "filter", "time_granularity"}
    | {"config", "meta", "tags", "group", "metadata", "datatype"}
)
TYPE_PARAMS: Final = frozenset(
    {"measure", "numerator", "denominator", "expr", "window", "grain_to_date", "metrics"}
    | {"conversion_type_params", "cumulative_type_params", "metric_aggregation_params"}
    | {"join_to_timespine", "fill_nulls_with", "is_private", "input_measures"}
)
AGGREGATION: Final = frozenset(
    {"semantic_model", "agg", "agg_params", "agg_time_dimension", "non_additive_dimension", "expr"}
)
INPUT_METRIC: Final = frozenset({"name", "filter", "alias", "offset_window", "offset_to_grain"})
#: What says the same in both forms; decoding judges the values.
_PLAIN_INPUT: Final = frozenset({"name", "filter", "alias", "offset_window"})
CUMULATIVE: Final = frozenset({"window", "grain_to_date", "period_agg", "metric"})
CONVERSION: Final = frozenset(
    {"base_measure", "conversion_measure", "base_metric", "conversion_metric", "entity"}
    | {"calculation", "window", "constant_properties"}
)
#: What each type uses of `type_params`.
USED: Final[dict[str, frozenset[str]]] = {
    "simple": frozenset(
        {"measure", "metric_aggregation_params", "expr", "join_to_timespine", "fill_nulls_with"}
    ),
    "ratio": frozenset({"numerator", "denominator"}),
    "derived": frozenset({"expr", "metrics"}),
    "cumulative": frozenset({"measure", "cumulative_type_params", "window", "grain_to_date"}),
    "conversion": frozenset({"conversion_type_params"}),
}
_ALWAYS: Final = frozenset({"is_private", "input_measures"})
#: What would change the numbers of a simple metric, and of no other.
_OF_SIMPLE: Final = frozenset({"fill_nulls_with", "join_to_timespine"})
#: Keys that say with `type_params` what they would say without it.
_STRUCTURE: Final = frozenset(
    {"agg", "agg_time_dimension", "base_metric", "calculation", "constant_properties"}
    | {"conversion_metric", "denominator", "entity", "expr", "fill_nulls_with", "grain_to_date"}
    | {"input_metric", "input_metrics", "join_to_timespine", "model", "non_additive_dimension"}
    | {"numerator", "percentile", "percentile_type", "period_agg", "sql", "window"}
)
_NATIVE: Final = frozenset(key for kind in KINDS.values() for key in keys_of(kind))
METRIC_TOO: Final = (
    _NATIVE | IGNORED.get("metric", frozenset()) | NOT_YET.get("metric", frozenset())
) - _STRUCTURE


def kind_of(entry: dict[str, Any]) -> str:
    """The type of a metric in lower case; simple where none is written."""
    kind = entry.get("type", "simple")
    return kind.lower() if isinstance(kind, str) else ""


def metric(part: Part, measures: Measures, reading: Reading) -> Built:
    """The native metric of an entry with `type_params`."""
    before = reading.errors
    found = reading.fields(part, METRIC, "a metric with `type_params`", METRIC_TOO)
    if found is None:
        return Built(part, {}, broken=True)
    name = reading.name(found.get("name"))
    kind = found.get("type")
    word = kind.value.lower() if kind is not None and isinstance(kind.value, str) else None
    parts: Parts = {k: v for k, v in found.items() if k not in METRIC}
    parts |= {k: found[k] for k in ("name", "label", "description") if k in found}
    if kind is None:
        reading.report("missing-field", f"metric `{name}` needs `type`", part)
    elif word not in USED:
        hint = did_you_mean(str(kind.value), USED) or f"types: {listing(tuple(USED))}"
        reading.report("bad-value", f"`{kind.value}` is not a type of metric", kind, hint)
    else:
        parts["type"] = lowered(kind)
    own_filter = joined(part, found.get("filter"))
    if own_filter is not None:
        parts["filter"] = own_filter
    if "time_granularity" in found:
        parts["time_granularity"] = lowered(found["time_granularity"])
    settings = config(part, found)
    if settings is not None:
        parts["config"] = settings
    params = None
    if word in USED:
        given = found.get("type_params", part.made({}, "type_params"))
        params = reading.fields(given, TYPE_PARAMS, "`type_params`")
    if params is not None and word is not None:
        _unused(params, word, reading)
        label = f"metric `{name}`" if name else "a metric"
        parts |= _OF_TYPE[word](_Entry(part, found, params, label), measures, reading)
        if "is_private" in params and reading.flag(params["is_private"]):
            parts["hidden"] = params["is_private"].made(True)
    return Built(part, parts, reading.errors > before)


@dataclass(slots=True)
class _Entry:
    """A metric that is being translated: its keys, its `type_params`, and what to call it."""

    part: Part
    found: Fields
    params: Fields
    label: str


def _unused(params: Fields, kind: str, reading: Reading) -> None:
    for key in params.keys() - USED[kind] - _ALWAYS:
        value = params[key]
        if key in _OF_SIMPLE and (key == "fill_nulls_with" or reading.flag(value)):
            hint = "set it on the simple metrics that go in"
            reading.report("bad-value", f"`{key}` belongs to simple metrics", value, hint)
        elif truth(value.value) is not False and value.value not in ([], {}, ""):
            message = f"a {kind} metric does not use `{key}`"
            place = value.at_key()
            reading.issues.append(Issue("unknown-field", message, place, severity="warning"))


def _simple(entry: _Entry, measures: Measures, reading: Reading) -> Parts:
    params = entry.params
    if "metric_aggregation_params" in params:
        return _aggregated(entry, reading)
    if "measure" not in params:
        reading.needs(params, ("measure",), entry.label, _params_part(entry))
        return {}
    given = measure_used(params["measure"], measures, reading)
    if given is None:
        return {}
    own = params.get("expr")
    of_metric = given.measure.of_metric
    expr = of_metric["expr"]
    said = (expr.value if isinstance(expr, Part) else None, given.measure.name)
    if own is not None and own.value not in said and not reading.artefact:
        message = "`expr` beside `measure` has no effect: the measure's own is used"
        reading.issues.append(Issue("bad-value", message, own.at(), severity="warning"))
    for key in ("fill_nulls_with", "join_to_timespine"):
        if key in params and key == "fill_nulls_with":
            given.fill = given.fill or params[key]
        elif key in params:
            given.join = reading.flag(params[key]) or given.join
    parts = of_metric | given.flags
    found = entry.found
    both = joined(entry.part, given.filter, found.get("filter"))
    if both is not None:
        parts["filter"] = both
    name = found["name"].value if "name" in found else None
    if both is None and "time_granularity" not in found and _is_sure(found.get("config")):
        if isinstance(name, str):
            measures.same.setdefault(given.key, name.lower())
    return parts


def _is_sure(config: Part | None) -> bool:
    """Whether a metric is there, whatever its Jinja may say; those that are not never come here."""
    given = config.value if config is not None else None
    return not isinstance(given, dict) or truth(given.get("enabled", True)) is True


def _aggregated(entry: _Entry, reading: Reading) -> Parts:
    """A simple metric that says itself what a measure would say; one beside adds to its use."""
    params = entry.params
    part = params["metric_aggregation_params"]
    what = "`metric_aggregation_params`"
    found = reading.fields(part, AGGREGATION, what)
    if found is None or not reading.needs(found, ("semantic_model", "agg"), what, part):
        return {}
    if "expr" in params:
        found["expr"] = params["expr"]
    parts = {"model": found["semantic_model"], **aggregation(found, reading, part, entry.label)}
    given = params.get("measure")
    use: Fields = {}
    if given is not None and not isinstance(given.value, str):
        use = reading.fields(given, INPUT_MEASURE, "`measure`") or {}
    for said in (params, use):
        if "fill_nulls_with" in said:
            parts["fill_nulls_with"] = said["fill_nulls_with"]
        if reading.flag(said.get("join_to_timespine")):
            parts["join_to_timespine"] = said["join_to_timespine"].made(True)
    own = conditions(entry.found.get("filter"))
    # MetricFlow writes the filter of the measure in both places.
    more = [c for c in conditions(use.get("filter")) if c.value not in [o.value for o in own]]
    if more:
        parts["filter"] = Built(use["filter"], [*more, *own])
    return parts


def _ratio(entry: _Entry, measures: Measures, reading: Reading) -> Parts:
    reading.needs(entry.params, ("numerator", "denominator"), entry.label, _params_part(entry))
    return {
        key: _input_metric(entry.params[key], reading)
        for key in ("numerator", "denominator")
        if key in entry.params
    }


def _derived(entry: _Entry, measures: Measures, reading: Reading) -> Parts:
    params = entry.params
    reading.needs(params, ("expr", "metrics"), entry.label, _params_part(entry))
    parts: Parts = {"expr": params["expr"]} if "expr" in params else {}
    if "metrics" in params:
        given = reading.entries(params["metrics"], "metrics")
        parts["input_metrics"] = Built(
            params["metrics"], [_input_metric(p, reading) for p in given]
        )
    return parts


def _cumulative(entry: _Entry, measures: Measures, reading: Reading) -> Parts:
    params = entry.params
    own = params.get("cumulative_type_params")
    inner = reading.fields(own, CUMULATIVE, "`cumulative_type_params`") if own else {}
    inner = inner or {}
    parts: Parts = {}
    for key in ("window", "grain_to_date"):
        place = inner.get(key) or params.get(key)  # the second is where older files have it
        if place is not None:
            parts[key] = window(place) if key == "window" else lowered(place)
    if "period_agg" in inner and not (reading.artefact and inner["period_agg"].value == "first"):
        parts["period_agg"] = lowered(inner["period_agg"])  # artefacts fill in the default
    if "metric" in inner:
        parts["input_metric"] = _input_metric(inner["metric"], reading)
        if "measure" in params and not reading.artefact:
            message = "a cumulative metric has a `measure` or a `metric`, not both"
            reading.report("bad-value", message, params["measure"])
    elif "measure" in params:
        parts |= input_of(params["measure"], "input_metric", measures, reading)
    else:
        reading.needs(params, ("measure",), entry.label, _params_part(entry))
    return parts


def _conversion(entry: _Entry, measures: Measures, reading: Reading) -> Parts:
    own = entry.params.get("conversion_type_params")
    if own is None:
        reading.needs({}, ("conversion_type_params",), entry.label, _params_part(entry))
        return {}
    found = reading.fields(own, CONVERSION, "`conversion_type_params`")
    if found is None:
        return {}
    reading.needs(found, ("entity",), entry.label, own)
    parts: Parts = {k: found[k] for k in ("entity", "constant_properties") if k in found}
    if "calculation" in found:
        parts["calculation"] = lowered(found["calculation"])
    if "window" in found:
        parts["window"] = window(found["window"])
    for side in ("base", "conversion"):
        as_metric, as_measure = found.get(f"{side}_metric"), found.get(f"{side}_measure")
        if as_metric is not None and as_measure is not None and not reading.artefact:
            message = f"a conversion metric has a `{side}_measure` or a `{side}_metric`, not both"
            reading.report("bad-value", message, as_measure)
        if as_metric is not None:
            parts[f"{side}_metric"] = _input_metric(as_metric, reading)
        elif as_measure is not None:
            parts |= input_of(as_measure, f"{side}_metric", measures, reading)
        else:
            reading.needs(found, (f"{side}_measure",), entry.label, own)
    return parts


_OF_TYPE: Final[dict[str, Any]] = {
    "simple": _simple,
    "ratio": _ratio,
    "derived": _derived,
    "cumulative": _cumulative,
    "conversion": _conversion,
}


def _params_part(entry: _Entry) -> Part:
    return entry.found.get("type_params", entry.part)


def _input_metric(part: Part, reading: Reading) -> Part | Built:
    """An input as it stands, or with the shapes of artefacts made text."""
    value = part.value
    if not isinstance(value, dict) or (value.keys() <= _PLAIN_INPUT and not reading.artefact):
        return part
    found = reading.fields(part, INPUT_METRIC, "an input", frozenset({"group_by"}))
    if not found or not reading.needs(found, ("name",), "an input", part):
        return part
    parts: Parts = dict(found)
    if "filter" in found:
        conditions = joined(found["filter"], found["filter"])
        parts.pop("filter")
        if conditions is not None:
            parts["filter"] = conditions
    if "offset_window" in found:
        parts["offset_window"] = window(found["offset_window"])
    if "offset_to_grain" in found:
        parts["offset_to_grain"] = lowered(found["offset_to_grain"])
    if parts.keys() == {"name"}:
        return found["name"]
    same = parts.keys() == value.keys() and all(
        isinstance(p, Part) and p.value is value[k] for k, p in parts.items()
    )
    return part if same else Built(part, parts)
