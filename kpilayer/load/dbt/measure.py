"""dbt's measures, as the parts of the simple metrics that they become.

Issues: those of ``reading``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from kpilayer.errors import did_you_mean
from kpilayer.load.dbt.reading import Fields, Parts, Reading, config, lowered
from kpilayer.load.moved import Built, Part
from kpilayer.model.metric_parts import Aggregation

MEASURE: Final = frozenset(
    {"name", "label", "description", "config", "metadata", "agg", "expr", "agg_params"}
    | {"agg_time_dimension", "non_additive_dimension", "create_metric"}
    | {"create_metric_display_name"}
)
AGG_PARAMS: Final = frozenset(
    {"percentile", "use_discrete_percentile", "use_approximate_percentile"}
)
NON_ADDITIVE: Final = frozenset({"name", "window_choice", "window_groupings"})
_AGGREGATIONS: Final = get_args(Aggregation)


@dataclass(slots=True)
class Measure:
    """A measure as the parts of a simple metric. ``broken``: its problems are reported."""

    name: str
    part: Part
    parts: Parts
    fields: Fields
    config: Part | Built | None
    creates_metric: bool
    broken: bool

    @property
    def of_metric(self) -> Parts:
        """Model, aggregation and value; the value of a row is the column of the measure's name."""
        expr: Parts = {"expr": self.part.made(self.name, "name")}
        return expr | self.parts if "expr" not in self.parts else self.parts


def model_measures(part: Part, reading: Reading) -> list[Measure]:
    """The measures of a native model entry."""
    switch = part.value.get("semantic_model")
    home = part.part("semantic_model") if isinstance(switch, dict) and "name" in switch else part
    name_part = home.part("name") if "name" in home.value else part
    name = name_part.value.lower() if isinstance(name_part.value, str) else ""
    given = part.value.get("config")
    meta = given.get("meta") if isinstance(given, dict) else None
    return measures_of(part.part("measures"), name_part, name, reading, meta)


def aggregation(found: Fields, reading: Reading, part: Part, what: str) -> Parts:
    """`agg` and what belongs to it, of a measure or of `metric_aggregation_params`."""
    parts: Parts = {}
    agg = found.get("agg")
    word = agg.value.lower() if agg is not None and isinstance(agg.value, str) else None
    if agg is not None:
        if word not in _AGGREGATIONS:
            hint = did_you_mean(str(agg.value), _AGGREGATIONS)
            reading.report("bad-value", f"`agg` cannot be `{agg.value}`", agg, hint)
        parts["agg"] = lowered(agg)
    if word == "count" and "expr" not in found:
        hint = "`expr: 1` counts rows, a column those where it is not NULL"
        reading.report("missing-field", f"{what} with `agg: count` needs `expr`", part, hint)
    if "expr" in found:
        parts["expr"] = found["expr"]
    parts |= _percentile(found, reading, part, word)
    if "agg_time_dimension" in found:
        parts["agg_time_dimension"] = found["agg_time_dimension"]
    if "non_additive_dimension" in found:
        parts["non_additive_dimension"] = _non_additive(found["non_additive_dimension"], reading)
    return parts


def _percentile(found: Fields, reading: Reading, part: Part, agg: str | None) -> Parts:
    params: Fields = {}
    if "agg_params" in found:
        params = reading.fields(found["agg_params"], AGG_PARAMS, "`agg_params`") or {}
    discrete = reading.flag(params.get("use_discrete_percentile"))
    approximate = reading.flag(params.get("use_approximate_percentile"))
    share = params.get("percentile")
    if agg == "median" and (discrete or (share is not None and share.value != 0.5)):
        message = "a median is the continuous percentile 0.5; `agg_params` says something else"
        reading.report("bad-value", message, found["agg_params"], "write `agg: percentile`")
    if agg == "median" and not approximate:
        return {}
    if agg == "percentile" and share is None:
        message = "`agg: percentile` needs `agg_params: {percentile: ..}`"
        reading.report("missing-field", message, part)
    parts: Parts = {}
    if agg == "median":  # an approximate one: only percentiles have kinds
        parts["agg"] = found["agg"].made("percentile")
        share = share or found["agg"].made(0.5, "percentile")
    if share is not None:
        parts["percentile"] = share
    if discrete or approximate:
        kind = ("approx_" if approximate else "") + ("discrete" if discrete else "continuous")
        parts["percentile_type"] = found["agg_params"].made(kind, "percentile_type")
    return parts


def _non_additive(part: Part, reading: Reading) -> Built:
    found = reading.fields(part, NON_ADDITIVE, "`non_additive_dimension`")
    if found is None or not reading.needs(found, ("name",), "`non_additive_dimension`", part):
        return Built(part, {}, broken=True)
    parts: Parts = {"name": found["name"]}
    choice = found.get("window_choice")
    parts["window_agg"] = lowered(choice) if choice else part.made("min", "window_choice")
    if "window_groupings" in found and found["window_groupings"].value != []:
        parts["group_by"] = found["window_groupings"]
    return Built(part, parts)


def measures_of(
    part: Part | None, owner: Part, model: str, reading: Reading, meta: object
) -> list[Measure]:
    """The measures of a list; ``owner`` is the name of the semantic ``model``."""
    measures = []
    for entry in reading.entries(part, "measures"):
        before = reading.errors
        found = reading.fields(entry, MEASURE, "a measure")
        if found is None or not reading.needs(found, ("name", "agg"), "a measure", entry):
            found, whole = found or {}, False
        else:
            whole = True
        name = reading.name(found.get("name"))
        if name is None:
            continue
        parts = aggregation(found, reading, entry, f"measure `{name}`") if whole else {}
        creates = reading.flag(found.get("create_metric"))
        broken = reading.errors > before
        parts = {"model": owner.made(model), **parts}
        settings = config(entry, found, meta)
        measures.append(Measure(name, entry, parts, found, settings, creates, broken))
    return measures
