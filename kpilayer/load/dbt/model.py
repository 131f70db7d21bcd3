"""dbt's legacy semantic models to native models, and their measures to what metrics are made of.

The forms: entries of `semantic_models:`, MetricFlow's `semantic_model:` documents, artefacts of
dbt, and `measures:` of a native model. What the forms mean: reference_semantics A.2 and A.4.

Issues: those of ``reading``.
"""

from __future__ import annotations

from typing import Any, Final

from kpilayer.load.dbt.measure import Measure, measures_of
from kpilayer.load.dbt.reading import Fields, Parts, Reading, config, lowered
from kpilayer.load.dbt.relation import source_parts
from kpilayer.load.known import IGNORED, NOT_YET
from kpilayer.load.moved import Built, Part
from kpilayer.load.typed import keys_of
from kpilayer.model.semantic_model import Dimension, Entity, Model

_COMMON: Final = frozenset({"name", "label", "description", "config", "metadata"})
MODEL: Final = _COMMON | {
    *("model", "node_relation", "defaults", "primary_entity", "entities", "dimensions"),
    "measures",
}
#: `role` and `entity` of an entity and `datatype` of a dimension do nothing in dbt either.
ENTITY: Final = _COMMON | {"type", "expr", "role", "entity"}
DIMENSION: Final = _COMMON | {"type", "expr", "is_partition", "type_params", "datatype"}
_SILENT: Final = ("metadata", "role", "entity", "datatype")
DEFAULTS: Final = frozenset({"agg_time_dimension"})
DIMENSION_PARAMS: Final = frozenset({"time_granularity", "validity_params"})


def _native(kind: Any, place: str) -> frozenset[str]:
    return (
        frozenset(keys_of(kind)) | IGNORED.get(place, frozenset()) | NOT_YET.get(place, frozenset())
    )


#: Keys of the native form that may stand in the legacy one too; decoding judges their values.
MODEL_TOO: Final = _native(Model, "model") - {"semantic_model"} | {"metrics"}
ENTITY_TOO: Final = _native(Entity, "entity")
DIMENSION_TOO: Final = _native(Dimension, "dimension")


def semantic_model(part: Part, reading: Reading) -> tuple[Built, list[Measure]]:
    """A native model, and the measures of the legacy one."""
    before = reading.errors
    found = reading.fields(part, MODEL, "a semantic model", MODEL_TOO)
    if found is None:
        return Built(part, {}, broken=True), []
    reading.needs(found, ("name",), "a semantic model", part)
    name = reading.name(found.get("name"))
    meta = _meta(found)
    parts: Parts = {k: found[k] for k in ("name", "label", "description") if k in found}
    parts["semantic_model"] = part.made(True, "semantic_model")
    parts |= source_parts(found, reading, part, name)
    if "primary_entity" in found:
        parts["primary_entity"] = found["primary_entity"]
    if "defaults" in found:
        parts |= reading.fields(found["defaults"], DEFAULTS, "`defaults`") or {}
    entities = [
        _entity(p, reading, meta) for p in reading.entries(found.get("entities"), "entities")
    ]
    given = reading.entries(found.get("dimensions"), "dimensions")
    dimensions = [_dimension(p, reading, meta) for p in given]
    semantics: Parts = {}
    if entities:
        semantics["entities"] = Built(found["entities"], entities)
    if dimensions:
        semantics["dimensions"] = Built(found["dimensions"], dimensions)
    if semantics:
        parts["derived_semantics"] = Built(part, semantics)
    settings = config(part, {k: v for k, v in found.items() if k in ("config", "group")})
    if settings is not None:
        parts["config"] = settings
    for key, value in found.items():
        if key in parts and key not in MODEL and parts[key] is not value and key != "group":
            reading.report(
                "unknown-field", f"`{key}` says again what the semantic model says", value
            )
        elif key not in MODEL and key != "group":
            parts.setdefault(key, value)
    broken = reading.errors > before
    measures = measures_of(
        found.get("measures"), found.get("name", part), name or "", reading, meta
    )
    return Built(part, parts, broken), measures


def _entity(part: Part, reading: Reading, meta: object) -> Part | Built:
    found = reading.fields(part, ENTITY, "an entity", ENTITY_TOO)
    if found is None:
        return Built(part, {}, broken=True)
    return _element(part, found, meta)


def _dimension(part: Part, reading: Reading, meta: object) -> Part | Built:
    found = reading.fields(part, DIMENSION, "a dimension", DIMENSION_TOO)
    if found is None:
        return Built(part, {}, broken=True)
    params = found.pop("type_params", None)
    if params is not None:
        inner = reading.fields(params, DIMENSION_PARAMS, "`type_params`") or {}
        if "time_granularity" in inner:
            found["granularity"] = lowered(inner["time_granularity"])
        if "validity_params" in inner:
            found["validity_params"] = inner["validity_params"]
    kind = found.get("type")
    is_time = kind is not None and isinstance(kind.value, str) and kind.value.lower() == "time"
    if is_time and "granularity" not in found:
        name = found["name"].value if "name" in found else ""
        message = f"time dimension `{name}` does not say how fine it is"
        hint = "add `type_params: {time_granularity: day}`, for example"
        reading.report("missing-field", message, part, hint)
    return _element(part, found, meta)


def _element(part: Part, found: Fields, meta: object) -> Part | Built:
    """An entity or dimension; as it stands where nothing changes."""
    parts: Parts = {k: v for k, v in found.items() if k not in _SILENT}
    if "type" in found:
        parts["type"] = lowered(found["type"])
    if meta:
        settings = config(part, found, meta)
        if settings is not None:
            parts["config"] = settings
    same = parts.keys() == part.value.keys() and all(
        isinstance(p, Part) and p.value is part.value[k] for k, p in parts.items()
    )
    return part if same else Built(part, parts)


def _meta(found: Fields) -> object:
    given = found.get("config")
    return given.value.get("meta") if given is not None and isinstance(given.value, dict) else None
