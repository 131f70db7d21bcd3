"""What the parity project's YAML says of a metric, read without kpilayer: kinds, homes, needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT: Final = Path(__file__).parent / "project"
CUSTOM_GRAINS: Final = ("sprint", "retail_month")


def _documents() -> Iterator[dict[str, Any]]:
    for path in sorted((PROJECT / "models").glob("*.yml")):
        yield yaml.safe_load(path.read_text(encoding="utf-8"))


DOCUMENTS: Final = tuple(_documents())
MODELS: Final = {m["name"]: m for d in DOCUMENTS for m in d.get("semantic_models", ())}
MEASURES: Final = {
    measure["name"]: (model, measure)
    for model in MODELS.values()
    for measure in model.get("measures", ())
}
METRICS: Final[dict[str, dict[str, Any]]] = {
    name: {"name": name, "type": "simple", "type_params": {"measure": name}}
    for name, (_, measure) in MEASURES.items()
    if measure.get("create_metric")
} | {m["name"]: m for d in DOCUMENTS for m in d.get("metrics", ())}


@dataclass(frozen=True)
class Facts:
    """Of a metric with all its inputs: kinds, models, and whether it needs a time group-by."""

    kinds: frozenset[str]
    homes: frozenset[str]
    times: frozenset[str]
    measures: frozenset[str]
    needs_time: bool
    offsets: tuple[tuple[str, int], ...] = ()
    """Units of offset windows, and how deep they stand in other offsets."""


@cache
def facts(name: str) -> Facts:
    """What a metric is made of."""
    metric = METRICS[name]
    params = metric["type_params"]
    kinds = {metric["type"]} | _of_filters(metric.get("filter"))
    parts: list[Facts] = []
    offsets: list[tuple[str, int]] = []
    match metric["type"]:
        case "simple":
            parts.append(of_measure(params["measure"]))
        case "ratio":
            parts += [_of_input(params[k]) for k in ("numerator", "denominator")]
        case "derived":
            for given in params["metrics"]:
                inner = _of_input(given)
                parts.append(inner)
                for key in given.keys() & {"offset_window", "offset_to_grain"}:
                    unit = str(given[key]).split()[-1].removesuffix("s")
                    kinds |= {"offset", *({"custom_periods"} if unit in CUSTOM_GRAINS else ())}
                    if key == "offset_window":
                        offsets.append((unit, 0))
                shifted = "offset_window" in given
                offsets += [(unit, depth + shifted) for unit, depth in inner.offsets]
        case "cumulative":
            parts.append(of_measure(params["measure"]))
        case "conversion":
            sides = params["conversion_type_params"]
            base = of_measure(sides["base_measure"])
            other = of_measure(sides["conversion_measure"])
            # Rows are grouped and filtered on the base side.
            parts.append(base)
            kinds |= other.kinds
    return Facts(
        frozenset(kinds).union(*(p.kinds for p in parts)),
        frozenset().union(*(p.homes for p in parts)),
        frozenset().union(*(p.times for p in parts)),
        frozenset().union(*(p.measures for p in parts)),
        "offset" in kinds or _is_windowed(metric) or any(p.needs_time for p in parts),
        tuple(offsets),
    )


def _is_windowed(metric: dict[str, Any]) -> bool:
    window = metric["type_params"].get("cumulative_type_params", {})
    return metric["type"] == "cumulative" and bool(window.keys() & {"window", "grain_to_date"})


def of_measure(given: Any) -> Facts:
    """What a measure, or a measure with a filter and the rest, is made of."""
    said = {"name": given} if isinstance(given, str) else given
    model, measure = MEASURES[said["name"]]
    kinds = {str(measure["agg"])} | _of_filters(said.get("filter"))
    kinds |= {"semi_additive"} if "non_additive_dimension" in measure else set()
    kinds |= {"spined"} if said.get("join_to_timespine") else set()
    kinds |= {"filled"} if "fill_nulls_with" in said else set()
    time = measure.get("agg_time_dimension") or model["defaults"]["agg_time_dimension"]
    name = frozenset({str(said["name"])})
    return Facts(frozenset(kinds), frozenset({model["name"]}), frozenset({time}), name, False)


def _of_input(given: dict[str, Any]) -> Facts:
    inner = facts(given["name"])
    more = _of_filters(given.get("filter"))
    return replace(inner, kinds=inner.kinds | more)


def _of_filters(given: Any) -> set[str]:
    return {"metric_filters"} if re.search(r"\bMetric\(", str(given or "")) else set()


def reads(name: str) -> set[str]:
    """A metric and every metric in it."""
    params = METRICS[name]["type_params"]
    given = [params.get("numerator"), params.get("denominator"), *params.get("metrics", ())]
    return {name}.union(*(reads(g["name"]) for g in given if g))
