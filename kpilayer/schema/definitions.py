"""The schema of a file of definitions: what the types say, and what decoding adds to them.

Decoding reads more than the types hold: dbt's properties that say nothing about metrics, the switch
`semantic_model:`, metrics inside models, and dbt's older forms (``legacy``).
"""

from __future__ import annotations

from typing import Final

from kpilayer.load.known import IGNORED
from kpilayer.model.kpi import Kpi, Okr
from kpilayer.model.metric import KINDS
from kpilayer.model.names import Config, Definition
from kpilayer.model.semantic_model import ConformedDimension, Model
from kpilayer.model.source import Source
from kpilayer.model.time_spine import SpineColumns, TimeSpine
from kpilayer.model.usage import Exposure, Group, SavedQuery
from kpilayer.model.view import View
from kpilayer.schema.legacy import Legacy
from kpilayer.schema.types import Schema, Shapes, any_case, either, given, not_both, nullable

_JINJA_OR: Final = r"\{[{%]|"


def definitions() -> Schema:
    """The schema of files under `model-paths` and `metric-paths`."""
    shapes = Shapes(_RULES)
    entries = {
        "models": _model(shapes),
        "metrics": _top_metric(shapes),
        "saved_queries": _saved_query(shapes),
        "views": shapes.ref(View),
        "exposures": shapes.ref(Exposure),
        "groups": shapes.ref(Group),
        "sources": shapes.ref(Source),
        "conformed_dimensions": shapes.ref(ConformedDimension),
        "kpis": shapes.ref(Kpi),
        "okrs": shapes.ref(Okr),
    }
    for name, place in _PLACES.items():
        shapes.defs[name] |= _passed_over(place)
    legacy = Legacy(shapes).file(entries)
    return {
        "title": "definitions",
        "description": "Models, metrics and what uses them.",
        "type": ["object", "null"],
        "properties": {
            **{key: {"description": _LISTS[key], **_list(entry)} for key, entry in entries.items()},
            **legacy,
        },
        **_passed_over("file"),
        "additionalProperties": False,
        "$defs": dict(sorted(shapes.defs.items())),
    }


_LISTS: Final = {
    "models": "Semantic models: tables described for analysis.",
    "metrics": "Metrics: named business numbers.",
    "saved_queries": "Questions with a name.",
    "views": "Metrics as views of the database.",
    "exposures": "Dashboards, notebooks and applications that show metrics.",
    "groups": "Teams that own definitions.",
    "sources": "Tables that something else loads.",
    "conformed_dimensions": "One name for a dimension that several models have.",
    "kpis": "Contracts on metrics: owner, healthy range, cadence and consequence.",
    "okrs": "Objectives with key results.",
}

#: Types in whose place dbt has keys that are passed over.
_PLACES: Final = {
    "Model": "model",
    "Column": "column",
    "ColumnDimension": "dimension",
    "Dimension": "dimension",
}


def _list(entry: Schema) -> Schema:
    return {"type": ["array", "null"], "items": entry}


def _passed_over(place: str) -> Schema:
    """Keys that are let through without being suggested."""
    return {"patternProperties": {f"^(?:{'|'.join(sorted(IGNORED[place]))})$": True}}


# ------------------------------------------------------------------------------------------- models


def _model(shapes: Shapes) -> Schema:
    """An entry of `models:`; strict where it is a semantic model, open where it is dbt's."""
    config = shapes.mapping(Config)
    shapes.defs["ModelConfig"] = {
        **{key: value for key, value in config.items() if key != "additionalProperties"},
        "title": "config of a model",
    }
    model = shapes.mapping(Model)
    model["properties"] |= {
        "semantic_model": _switch(shapes),
        "config": {"description": "Grouping and metadata.", **_config_ref()},
        "metrics": {
            "description": "Metrics over this model's rows.",
            **_list(_metric(shapes)),
        },
        "time_spine": _spine(shapes),
    }
    model["required"] = ["name", "semantic_model"]
    shapes.defs["Model"] = model
    shapes.defs["DbtModel"] = {
        "title": "dbt model",
        "description": "A model that takes no part in metrics; its other properties are dbt's.",
        "type": "object",
        "properties": {
            key: model["properties"][key]
            for key in ("description", "semantic_model", "config", "time_spine")
        }
        | {"name": {"type": "string", "description": "The model's name."}},
        "if": given("time_spine"),
        "then": _spine_model(shapes),
    }
    shapes.defs["ModelEntry"] = {
        "title": "model",
        "type": "object",
        "if": _is_semantic(),
        "then": {"$ref": "#/$defs/Model"},
        "else": {"$ref": "#/$defs/DbtModel"},
    }
    return {"$ref": "#/$defs/ModelEntry"}


def _config_ref() -> Schema:
    return nullable({"$ref": "#/$defs/ModelConfig"})


def _switch(shapes: Shapes) -> Schema:
    config = {"type": ["object", "null"]}
    properties: Schema = {
        "enabled": {"description": "Whether the model takes part in metrics.", "type": "boolean"},
        "name": {
            "description": "The semantic model's name, where it differs from the table's.",
            **shapes.mapping(Model)["properties"]["name"],
        },
        "group": {"description": "The group that owns it.", "type": ["string", "null"]},
        "config": {"description": "Grouping and metadata.", **config},
    }
    mapping = {"type": "object", "properties": properties, "additionalProperties": False}
    return {
        "description": "Whether the model takes part in metrics.",
        **either({"type": ["boolean", "null"]}, mapping),
    }


def _spine(shapes: Shapes) -> Schema:
    about = "That the table has one row per period, without gaps."
    return {"description": about, **nullable(shapes.ref(SpineColumns))}


def _spine_model(shapes: Shapes) -> Schema:
    """A time spine that is no semantic model: its other keys are dbt's."""
    fields = shapes.mapping(TimeSpine)["properties"]
    kept = {key: fields[key] for key in ("name", "relation", "path", "ref")}
    grain = {"description": "How fine the spine is.", **nullable(fields["granularity"])}
    column = {"type": "object", "properties": {"granularity": grain}}
    return {"properties": {**kept, "columns": {"items": column}}, "required": ["name", "columns"]}


def _is_semantic() -> Schema:
    """Whether an entry of `models:` is a semantic model, or has what only those have."""
    off = {"type": "object", "properties": {"enabled": {"const": False}}, "required": ["enabled"]}
    on = {"not": {"anyOf": [{"enum": [False, None]}, off]}}
    role = {"type": "object", "anyOf": [given("entity"), given("dimension")]}
    filled: Schema = {"type": ["array", "object"], "minItems": 1, "minProperties": 1}
    looks = [
        {"properties": {"columns": {"type": "array", "contains": role}}, "required": ["columns"]},
        {"properties": {"metrics": filled}, "required": ["metrics"]},
        {"properties": {"derived_semantics": filled}, "required": ["derived_semantics"]},
    ]
    unsaid = {"properties": {"semantic_model": {"type": "null"}}, "anyOf": looks}
    return {
        "anyOf": [{"properties": {"semantic_model": on}, "required": ["semantic_model"]}, unsaid]
    }


# ------------------------------------------------------------------------------------------ metrics


def _metric(shapes: Shapes) -> Schema:
    """A metric of any kind, native or legacy; `type` tells which keys it has."""
    if "Metric" not in shapes.defs:
        shapes.defs["Metric"] = {
            "title": "metric",
            "type": "object",
            "if": {"required": ["type_params"]},
            "then": {"$ref": "#/$defs/LegacyMetric"},
            "else": {"$ref": "#/$defs/NativeMetric"},
        }
        shapes.defs["NativeMetric"] = {
            "title": "metric",
            "type": "object",
            "properties": {
                "type": {
                    "description": "What kind of metric it is.",
                    "default": "simple",
                    "enum": list(KINDS),
                    "enumDescriptions": [_about(kind) for kind in KINDS.values()],
                }
            },
            "allOf": [
                {"if": _is_of(word), "then": _kind(word, kind, shapes)}
                for word, kind in KINDS.items()
            ],
        }
    return {"$ref": "#/$defs/Metric"}


def _about(kind: type[Definition]) -> str:
    return (kind.__doc__ or "").strip()


def _is_of(word: str) -> Schema:
    simple = {"properties": {"type": {"const": "simple"}}}
    if word == "simple":
        return {**simple, "not": {"required": ["sql"]}}
    said = {"properties": {"type": {"const": word}}, "required": ["type"]}
    if word == "sql":
        return {"anyOf": [said, {**simple, "required": ["sql"]}]}
    return said


def _kind(word: str, kind: type[Definition], shapes: Shapes) -> Schema:
    schema = shapes.mapping(kind)
    fields, config = schema["properties"], shapes.mapping(Config)["properties"]
    words = ["sql", "simple"] if word == "sql" else [word]
    fields["type"] = {"description": _about(kind), "enum": words}
    if "agg" in fields:
        about, choices = fields["agg"]["description"], fields["agg"]["anyOf"][0]["enum"]
        agg = shapes.choice(choices, in_any_case=True)
        fields["agg"] = {"description": about, **agg}
    fields |= {key: config[key] for key in ("group", "meta", "tags")}
    # A metric inside a model is over that model.
    required = [key for key in schema["required"] if key not in ("type", "model")]
    shapes.defs[kind.__name__] = {**schema, "required": required}
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _top_metric(shapes: Shapes) -> Schema:
    """A metric that stands in no model, and so has to name one."""
    over_rows: Schema = {
        "properties": {"type": {"enum": ["simple", "sql"]}},
        "not": {"anyOf": [given("input_metric"), {"required": ["type_params"]}]},
    }
    needs_model = {"if": over_rows, "then": given("model")}
    shapes.defs["TopMetric"] = {"title": "metric", "allOf": [_metric(shapes), needs_model]}
    return {"$ref": "#/$defs/TopMetric"}


def _saved_query(shapes: Shapes) -> Schema:
    """A saved query; dbt's `config:` of one also says what its exports default to."""
    query = shapes.mapping(SavedQuery)
    config = shapes.mapping(Config)
    dbts = {"patternProperties": {"^(?:cache|export_as|schema)$": True}}
    shapes.defs["SavedQueryConfig"] = {**config, **dbts}
    about = query["properties"]["config"]["description"]
    query["properties"]["config"] = {"description": about, "$ref": "#/$defs/SavedQueryConfig"}
    shapes.defs["SavedQuery"] = query
    return {"$ref": "#/$defs/SavedQuery"}


# -------------------------------------------------------------------------------------------- rules


def _when(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def _is(key: str, words: tuple[str, ...], *, in_any_case: bool = False) -> Schema:
    """A mapping whose key is one of the words."""
    value: Schema = {"enum": list(words)}
    if in_any_case:
        value = {"type": "string", "pattern": f"^(?:{any_case(words)})$"}
    return {"properties": {key: value}, "required": [key]}


def _restated() -> Schema:
    keys = ("model", "agg", "expr", "percentile", "percentile_type", "as_of")
    return {
        "properties": {
            key: {
                "type": "null",
                "errorMessage": f"a variant (`input_metric`) cannot restate `{key}`",
            }
            for key in keys
        }
    }


def _percentile_belongs(*aggregations: str) -> Schema:
    pattern = f"{_JINJA_OR}^(?:{any_case(aggregations)})$"
    allowed = {
        "type": "string",
        "pattern": pattern,
        "patternErrorMessage": "`percentile` belongs to `agg: percentile`",
    }
    return {"properties": {"agg": allowed}}


_IS_TIME: Final[Schema] = either(
    {"const": "time"},
    {"type": "object", "properties": {"type": {"const": "time"}}, "required": ["type"]},
)
_NEEDS_PERCENTILE: Final = _when(_is("agg", ("percentile",), in_any_case=True), given("percentile"))

#: What the types say in code, where it can be said here.
_RULES: Final[dict[str, tuple[Schema, ...]]] = {
    "Model": (
        not_both("relation", "path"),
        *(
            _when({"properties": {key: {"type": "boolean"}}, "required": [key]}, given("path"))
            for key in ("hive_partitioning", "union_by_name")
        ),
    ),
    "Entity": (not_both("expr", "columns"),),
    "Dimension": (
        _when(_is("type", ("time",)), given("granularity")),
        _when(_is("type", ("categorical",)), {"properties": {"granularity": {"type": "null"}}}),
    ),
    "Column": (
        _when(
            {"properties": {"dimension": _IS_TIME}, "required": ["dimension"]},
            given("granularity"),
        ),
    ),
    "InputMetric": (not_both("offset_window", "offset_to_grain"),),
    "SimpleMetric": (
        {"if": given("input_metric"), "then": _restated(), "else": given("agg")},
        _NEEDS_PERCENTILE,
        _when(given("percentile"), _percentile_belongs("percentile", "median")),
    ),
    "CumulativeMetric": (not_both("window", "grain_to_date"),),
    "NestedMetric": (
        _NEEDS_PERCENTILE,
        _when(given("percentile"), _percentile_belongs("percentile")),
    ),
}
