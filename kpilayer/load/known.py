"""Which keys exist at each place of a file: ours, dbt's that are ignored, and those still to come.

A key that is known but cannot be computed yet is refused by name: ignoring it would give another
number than the definition says. dbt's ordinary properties describe tables, not meaning, and are
passed over (decisions 6); the list is closed, so that a typing error is still found.
"""

from __future__ import annotations

from typing import Final

#: dbt's properties of models and columns, and top-level keys, that say nothing about metrics.
IGNORED: Final[dict[str, frozenset[str]]] = {
    "file": frozenset(
        {"version", "sources", "seeds", "snapshots", "macros", "analyses", "data_tests"}
        | {"unit_tests", "tests"}
    ),
    "model": frozenset(
        {"access", "alias", "constraints", "contract", "data_tests", "database", "deprecation_date"}
        | {"docs", "group", "latest_version", "meta", "schema", "tags", "tests"}
    ),
    "column": frozenset(
        {"constraints", "data_tests", "data_type", "docs", "label", "meta", "policy_tags", "quote"}
        | {"tags", "tests"}
    ),
    "metric": frozenset(),
}

#: Keys of the language that this version cannot compute.
NOT_YET: Final[dict[str, frozenset[str]]] = {
    "file": frozenset(
        {"conformed_dimensions", "exposures", "groups", "kpis", "metric", "metric_tests", "okrs"}
        | {"project_configuration", "saved_queries", "saved_query", "scorecards", "semantic_model"}
        | {"semantic_models", "views"}
    ),
    "project": frozenset(
        {"dbt_manifest", "fanout", "fiscal_year_named_by", "fiscal_year_start", "kpi_defaults"}
        | {"metric_tests", "week_starts"}
    ),
    "model": frozenset(
        {"active", "bridge", "materialized", "measures", "row_access", "time_spine", "versions"}
    ),
    "column": frozenset(),
    "entity": frozenset({"columns"}),
    "dimension": frozenset({"is_partition", "report_timezone", "timezone", "validity_params"}),
    "metric": frozenset(
        {"certified", "contracts", "fill_nulls_with", "join_to_timespine", "metric_tests"}
        | {"non_additive_dimension", "overlapping", "previous", "rows", "sql", "type_params"}
    ),
    "input": frozenset({"group_by", "offset_to_grain", "offset_window"}),
}

#: The way out, for keys that have one.
INSTEAD: Final[dict[str, str]] = {
    "semantic_models": "describe the table under `models:`, with `semantic_model: true`",
    "semantic_model": "describe the table under `models:`, with `semantic_model: true`",
    "metric": "write a list under `metrics:`",
    "measures": "write each one as a metric with `agg` and `expr`",
    "type_params": "write `model`, `agg` and `expr`, or the inputs, beside `name`",
    "rows": "write a condition in `filter`",
}

#: Kinds of metrics that this version cannot compute.
METRIC_TYPES_NOT_YET: Final = frozenset({"conversion", "cumulative", "funnel", "nested", "share"})

#: Which place a key of a definition opens, for the tables above.
PLACES: Final[dict[str, str]] = {
    "columns": "column",
    "entity": "entity",
    "entities": "entity",
    "dimension": "dimension",
    "dimensions": "dimension",
    "numerator": "input",
    "denominator": "input",
    "input_metric": "input",
    "input_metrics": "input",
}
