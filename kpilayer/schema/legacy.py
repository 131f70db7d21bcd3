"""The schema of dbt's older forms: legacy lists, MetricFlow's documents, measures.

Which keys there are is said by the modules that translate them; here stands what each takes. A key
without a type of its own takes what the native key of that name takes. Where dbt writes words in
any case, so does the schema, and every key may be left empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from kpilayer.grain import Grain
from kpilayer.load.dbt import measure as of_measure
from kpilayer.load.dbt import measures as of_measures
from kpilayer.load.dbt import metric as of_metric
from kpilayer.load.dbt import model as of_model
from kpilayer.load.dbt import relation as of_relation
from kpilayer.load.dbt import time_spines as of_spine
from kpilayer.load.known import NOT_YET
from kpilayer.model.metric import KINDS, CumulativeMetric, DerivedMetric
from kpilayer.model.metric_parts import Aggregation, InputMetric, MetricBase
from kpilayer.model.names import Definition
from kpilayer.model.semantic_model import Dimension, Entity, EntityType, ValidityParams
from kpilayer.model.time_spine import CustomGranularity
from kpilayer.schema.types import Schema, Shapes, any_case, either, given, nullable

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
#: Keys that do nothing: let through, and not suggested.
_SILENT: Final = frozenset(
    {"metadata", "role", "entity", "datatype", "input_measures", "dsi_package_version"}
)
#: What `type_params` needs, by type of metric.
_NEEDED: Final[dict[str, Schema]] = {
    "simple": {"anyOf": [given("measure"), given("metric_aggregation_params")]},
    "ratio": {"allOf": [given("numerator"), given("denominator")]},
    "derived": {"allOf": [given("expr"), given("metrics")]},
    "conversion": given("conversion_type_params"),
}


@dataclass(frozen=True, slots=True)
class Legacy:
    """Schemas of the older forms, kept among those of the native one."""

    shapes: Shapes

    def file(self, entries: Mapping[str, Schema]) -> Schema:
        """The keys that stand at the top of a file."""
        model, spines = self._semantic_model(), self._configuration()
        self._metric()
        return {
            "semantic_models": {
                "description": "Semantic models in dbt's legacy form.",
                "type": ["array", "null"],
                "items": model,
            },
            "semantic_model": {"description": "A semantic model of MetricFlow.", **nullable(model)},
            "metric": {"description": "A metric of MetricFlow.", **nullable(entries["metrics"])},
            "saved_query": {
                "description": "A saved query of MetricFlow.",
                **nullable(entries["saved_queries"]),
            },
            "project_configuration": {
                "description": "Time spines of a MetricFlow project.",
                **nullable(spines),
            },
            "mf_config_schema": {"description": "Passed over."},
        }

    # ------------------------------------------------------------------------------ semantic models

    def _semantic_model(self) -> Schema:
        native = self.shapes.defs["Model"]
        self.shapes.defs["Model"]["properties"]["measures"] = {
            "description": "Measures in dbt's legacy form; each becomes a simple metric.",
            "type": ["array", "null"],
            "items": self._measure(),
        }
        keys = of_model.MODEL | of_model.MODEL_TOO - NOT_YET.get("model", frozenset())
        takes = {
            "model": {"description": "`ref('name')` of the table.", **_TEXT},
            "node_relation": self._node(),
            "defaults": self._mapping(
                "defaults",
                of_model.DEFAULTS,
                {"agg_time_dimension": {"description": "Its metrics' `metric_time`.", **_TEXT}},
            ),
            "entities": self._list(self._entity()),
            "dimensions": self._list(self._dimension()),
            "measures": self._list(self._measure()),
        }
        schema = self._mapping(
            "semantic model", keys, takes, like=native["properties"], required=("name",)
        )
        ignored = native.get("patternProperties", {})
        schema["patternProperties"] = {**schema.get("patternProperties", {}), **ignored}
        return self._kept("LegacySemanticModel", schema)

    def _entity(self) -> Schema:
        shapes = self.shapes
        schema = self._mapping(
            "entity",
            of_model.ENTITY | of_model.ENTITY_TOO,
            {"type": shapes.choice(get_args(EntityType), in_any_case=True)},
            like=self._fields(Entity),
            required=("name", "type"),
        )
        return self._kept("LegacyEntity", schema)

    def _dimension(self) -> Schema:
        shapes = self.shapes
        params = self._mapping(
            "type_params",
            of_model.DIMENSION_PARAMS,
            {
                "time_granularity": self._grain("How fine the dimension is."),
                "validity_params": shapes.ref(ValidityParams),
            },
        )
        schema = self._mapping(
            "dimension",
            of_model.DIMENSION | of_model.DIMENSION_TOO,
            {
                "type": shapes.choice(("categorical", "time"), in_any_case=True),
                "type_params": params,
                "granularity": self._grain("How fine a time dimension is."),
            },
            like=self._fields(Dimension),
            required=("name", "type"),
        )
        is_time = {"type": "string", "pattern": "^[Tt][Ii][Mm][Ee]$"}
        schema["if"] = {"properties": {"type": is_time}, "required": ["type"]}
        schema["then"] = {"anyOf": [given("type_params"), given("granularity")]}
        return self._kept("LegacyDimension", schema)

    def _measure(self) -> Schema:
        schema = self._mapping(
            "measure",
            of_measure.MEASURE,
            {
                **self._aggregation(),
                "create_metric": {"description": "Whether it is a metric as well.", **_FLAG},
                "create_metric_display_name": {"description": "That metric's label.", **_TEXT},
            },
            like=self._fields(MetricBase),
            required=("name", "agg"),
        )
        return self._kept("LegacyMeasure", schema)

    def _aggregation(self) -> dict[str, Schema]:
        """What says how rows become a number, in measures and in metrics without one."""
        shapes = self.shapes
        params = self._mapping(
            "agg_params",
            of_measure.AGG_PARAMS,
            {"percentile": {"description": "Between 0 and 1.", "type": "number"}},
            otherwise=_FLAG,
        )
        non_additive = self._mapping(
            "non_additive_dimension",
            of_measure.NON_ADDITIVE,
            {
                "name": {"description": "The time dimension.", **_TEXT},
                "window_choice": {
                    "description": "Which date counts: the first (min) or the last (max).",
                    **shapes.choice(("min", "max"), in_any_case=True),
                },
                "window_groupings": {
                    "description": "Entities that have a first or last date each.",
                    **either(_TEXT, _TEXTS),
                },
            },
            required=("name",),
        )
        return {
            "agg": {
                "description": "How rows become one number.",
                **shapes.choice(get_args(Aggregation), in_any_case=True),
            },
            "expr": self._fields(DerivedMetric)["expr"]
            | {"description": "The value of a row; the name by default."},
            "agg_params": params,
            "agg_time_dimension": {"description": "Its `metric_time`.", **_TEXT},
            "non_additive_dimension": non_additive,
            "semantic_model": {"description": "The semantic model.", **_TEXT},
        }

    def _node(self) -> Schema:
        return self._mapping("node_relation", of_relation.NODE, {}, otherwise=_TEXT)

    # -------------------------------------------------------------------------------------- metrics

    def _metric(self) -> Schema:
        kinds = tuple(of_metric.USED)
        keys = of_metric.METRIC | of_metric.METRIC_TOO
        like = {
            key: value
            for kind in KINDS.values()
            for key, value in self.shapes.defs[kind.__name__]["properties"].items()
        }
        schema = self._mapping(
            "metric",
            keys,
            {
                "type": self._choice(kinds, "What kind of metric it is."),
                "type_params": self._type_params(),
                "time_granularity": self._grain("The grain of `metric_time` by default."),
            },
            like=like,
            required=("name", "type", "type_params"),
        )
        schema["allOf"] = [
            {
                "if": {"properties": {"type": {"pattern": f"^(?:{any_case([kind])})$"}}},
                "then": {"properties": {"type_params": needed}},
            }
            for kind, needed in _NEEDED.items()
        ]
        return self._kept("LegacyMetric", schema)

    def _type_params(self) -> Schema:
        takes = self._aggregation()
        measure, metric = self._input_measure(), self._input_metric()
        window, grain = self._window(), self._grain("The period whose start it begins at.")
        inner = self._mapping(
            "metric_aggregation_params",
            of_metric.AGGREGATION,
            takes,
            required=("semantic_model", "agg"),
        )
        cumulative = self._mapping(
            "cumulative_type_params",
            of_metric.CUMULATIVE,
            {
                "window": window,
                "grain_to_date": grain,
                "period_agg": self._choice(
                    ("first", "last", "average"), "Which day of a coarser period is shown."
                ),
                "metric": metric,
            },
        )
        schema = self._mapping(
            "type_params",
            of_metric.TYPE_PARAMS,
            {
                "measure": {"description": "The measure that it is.", **measure},
                "numerator": {"description": "What is divided.", **metric},
                "denominator": {"description": "What it is divided by.", **metric},
                "expr": self._fields(DerivedMetric)["expr"],
                "window": window,
                "grain_to_date": grain,
                "metrics": {
                    "description": "The metrics that it is computed from.",
                    **self._list(metric),
                },
                "conversion_type_params": self._conversion(measure, metric, window),
                "cumulative_type_params": cumulative,
                "metric_aggregation_params": inner,
                "join_to_timespine": {"description": "Whether every period has a row.", **_FLAG},
                "fill_nulls_with": self._fill(),
                "is_private": {"description": "Whether lists leave it out.", **_FLAG},
            },
        )
        return self._kept("LegacyTypeParams", schema)

    def _conversion(self, measure: Schema, metric: Schema, window: Schema) -> Schema:
        like = self.shapes.defs["ConversionMetric"]["properties"]
        return self._mapping(
            "conversion_type_params",
            of_metric.CONVERSION,
            {
                "base_measure": {"description": "The events that may convert.", **measure},
                "conversion_measure": {"description": "The conversions.", **measure},
                "base_metric": {"description": "The events that may convert.", **metric},
                "conversion_metric": {"description": "The conversions.", **metric},
                "calculation": self._choice(
                    ("conversion_rate", "conversions"), like["calculation"]["description"]
                ),
                "window": window,
            },
            like=like,
            required=("entity",),
        )

    def _input_measure(self) -> Schema:
        schema = self._mapping(
            "input measure",
            of_measures.INPUT_MEASURE,
            {
                "name": {"description": "The measure.", **_TEXT},
                "join_to_timespine": {"description": "Whether every period has a row.", **_FLAG},
                "fill_nulls_with": self._fill(),
            },
            like=self._fields(InputMetric),
            required=("name",),
        )
        return either(_TEXT, self._kept("LegacyInputMeasure", schema))

    def _input_metric(self) -> Schema:
        schema = self._mapping(
            "input metric",
            of_metric.INPUT_METRIC | {"group_by"},
            {"offset_to_grain": self._grain("Its value at the start of the period.")},
            like=self._fields(InputMetric),
            required=("name",),
        )
        return either(_TEXT, self._kept("LegacyInputMetric", schema))

    def _window(self) -> Schema:
        return self._fields(CumulativeMetric)["window"]

    def _fill(self) -> Schema:
        return {"description": "What stands for no value.", "type": "integer"}

    # ---------------------------------------------------------------------------------- time spines

    def _configuration(self) -> Schema:
        grain = self._grain("How fine it is.")
        column = {"description": "The column with one row per period.", **_TEXT}
        primary = self._mapping(
            "primary_column",
            of_spine.PRIMARY,
            {"name": column, "time_granularity": grain},
            required=tuple(sorted(of_spine.PRIMARY)),
        )
        spine = self._mapping(
            "time spine",
            of_spine.SPINE,
            {
                "node_relation": self._node(),
                "primary_column": primary,
                "custom_granularities": self._list(self.shapes.ref(CustomGranularity)),
            },
            required=("node_relation", "primary_column"),
        )
        old = self._mapping(
            "time spine",
            of_spine.OLD,
            {
                "location": {"description": "The table.", **_TEXT},
                "column_name": column,
                "grain": grain,
            },
            required=tuple(sorted(of_spine.OLD)),
        )
        return self._mapping(
            "project configuration",
            of_spine.CONFIGURATION,
            {
                "time_spines": self._list(spine),
                "time_spine_table_configurations": self._list(old),
            },
        )

    # --------------------------------------------------------------------------------------- pieces

    def _mapping(
        self,
        title: str,
        keys: Iterable[str],
        takes: Mapping[str, Schema],
        *,
        like: Mapping[str, Schema] | None = None,
        otherwise: Schema | None = None,
        required: tuple[str, ...] = (),
    ) -> Schema:
        """A mapping with these keys; what none of the tables names may be anything."""
        known = {**(like or {}), **takes}
        silent = sorted(_SILENT & (set(keys) - set(takes)))
        schema: Schema = {
            "title": title,
            "type": "object",
            "properties": {
                key: _or_nothing(known.get(key, otherwise or {}))
                for key in sorted(set(keys) - set(silent))
            },
            "additionalProperties": False,
        }
        if silent:
            schema["patternProperties"] = {f"^(?:{'|'.join(silent)})$": True}
        if required:
            schema["required"] = list(required)
        return schema

    def _fields(self, kind: type[Definition]) -> dict[str, Schema]:
        fields: dict[str, Schema] = self.shapes.mapping(kind)["properties"]
        return fields

    def _list(self, entry: Schema) -> Schema:
        return {"type": "array", "items": entry}

    def _choice(self, words: Iterable[str], about: str) -> Schema:
        return {"description": about, **self.shapes.choice(words, in_any_case=True)}

    def _grain(self, about: str) -> Schema:
        return self._choice(get_args(Grain), about)

    def _kept(self, name: str, schema: Schema) -> Schema:
        self.shapes.defs[name] = schema
        return {"$ref": f"#/$defs/{name}"}


def _or_nothing(schema: Schema) -> Schema:
    about: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    return {**about, **nullable({k: v for k, v in schema.items() if k not in about})}
