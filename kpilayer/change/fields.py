"""Which rule an edited field falls under, by kind of definition: the visible table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_COMMON: Final[dict[str, str]] = {
    "label": "wording",
    "description": "wording",
    "config.enabled": "unknown-key",
    "config.group": "ownership",
    "config.tags": "tagging",
    "config.meta": "tagging",
}

_METRIC: Final[dict[str, str]] = {
    **_COMMON,
    "type": "kind",
    "format": "wording",
    "synonyms": "wording",
    "hidden": "usage",
    "metric_tests": "metric-test",
    "contracts": "promise",
    "status": "status",
    "sunset": "status",
    "replaced_by": "status",
    "certified": "certificate",
    "version": "version",
    "previous": "version",
    "unit": "unit",
    "time_granularity": "default-grain",
    "overlapping": "narrower",
    "mask": "masked",
    "agg": "aggregation",
    "percentile": "aggregation",
    "percentile_type": "aggregation",
    "expr": "formula",
    "sql": "formula",
    "filter": "condition",
    "model": "source",
    "agg_time_dimension": "time",
    "as_of": "time",
    "non_additive_dimension": "balance",
    "fill_nulls_with": "gaps",
    "join_to_timespine": "gaps",
    "input_metric": "inputs",
    "input_metrics": "inputs",
    "numerator": "inputs",
    "denominator": "inputs",
    "base_metric": "inputs",
    "conversion_metric": "inputs",
    "steps": "inputs",
    "entity": "inputs",
    "constant_properties": "inputs",
    "calculation": "kind",
    "window": "window",
    "grain_to_date": "window",
    "period_agg": "window",
    "rows": "gaps",
    "after": "window",
    "base_event": "window",
    "window_end": "window",
    "per": "inputs",
    "within": "inputs",
}

_MODEL: Final[dict[str, str]] = {
    **_COMMON,
    "relation": "source",
    "path": "source",
    "hive_partitioning": "source",
    "union_by_name": "source",
    "ref": "source",
    "sql": "source",
    "semantic_model": "narrower",
    "agg_time_dimension": "time",
    "primary_entity": "join",
    "active": "time",
    "bridge": "join",
    "row_access": "row-access",
    "materialized": "making",
}

_DIMENSION: Final[dict[str, str]] = {
    **_COMMON,
    "type": "dimension",
    "granularity": "dimension",
    "expr": "dimension",
    "is_partition": "join",
    "validity_params": "join",
    "timezone": "dimension",
    "report_timezone": "dimension",
    "from": "dimension",
    "from_": "dimension",
}

_ENTITY: Final[dict[str, str]] = {
    **_COMMON,
    "type": "join",
    "expr": "join",
    "columns": "join",
    "to": "join",
}

_VIEW: Final[dict[str, str]] = {
    **_COMMON,
    "metrics": "column",
    "grain": "column",
    "dimensions": "column",
    "where": "condition",
    "levels": "column",
    "rollup": "column",
    "all_time": "column",
    "expose_components": "column",
    "materialized": "making",
    "late": "making",
    "grants": "rights",
    "renamed": "column",
}

_USED: Final[dict[str, str]] = {
    **_COMMON,
    "query_params": "usage",
    "exports": "usage",
    "tags": "tagging",
    "type": "usage",
    "url": "wording",
    "maturity": "tagging",
    "owner": "ownership",
    "depends_on": "usage",
    "meta": "tagging",
    "handle": "ownership",
    "approvers": "ownership",
    "roles": "rights",
}

_KPI: Final[dict[str, str]] = {
    **_COMMON,
    "metric": "measured",
    "where": "measured",
    "direction": "range",
    "health": "range",
    "targets": "target",
    "consequence": "consequence",
    "supports": "tree",
    "kind": "tree",
    "scope": "tree",
    "drivers": "tree",
    "nodes": "tree",
    "influences": "tree",
    "guardrails": "tree",
    "guardrail_exempt": "tree",
    "cadence": "contract",
    "grace": "contract",
    "freshness": "contract",
    "review": "contract",
    "function": "ownership",
    "owner": "ownership",
    "access": "rights",
    "status": "status",
    "sunset": "status",
    "replaced_by": "status",
    "rationale": "wording",
    "notes": "wording",
    "perspective": "tagging",
    "benchmark": "wording",
    "synonyms": "wording",
    "tags": "tagging",
    "lint_ignore": "contract",
}

_OKR: Final[dict[str, str]] = {
    **_COMMON,
    "owner": "ownership",
    "objective": "target",
    "key_results": "target",
    "starts": "target",
    "ends": "target",
    "triggered_by": "target",
}

_SPINE: Final[dict[str, str]] = {**_COMMON}

_CONFIG: Final[dict[str, str]] = {
    "name": "wording",
    "dialect": "dialect",
    "model_paths": "making",
    "metric_paths": "making",
    "macro_paths": "making",
    "profile": "making",
    "timezone": "calendar",
    "week_start": "calendar",
    "week_starts": "calendar",
    "fiscal_year_start": "calendar",
    "fiscal_year_named_by": "calendar",
    "fanout": "narrower",
    "dbt_project": "making",
    "dbt_manifest": "making",
    "publish": "rights",
    "history": "making",
    "alerts": "usage",
    "kpi_defaults": "contract",  # what they change is seen in the KPIs
    "vars": "making",  # what they change is seen in what uses them
}

FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "metric": _METRIC,
    "model": _MODEL,
    "query": _MODEL,
    "dimension": _DIMENSION,
    "entity": _ENTITY,
    "conformed_dimension": _DIMENSION,
    "view": _VIEW,
    "saved_query": _USED,
    "exposure": _USED,
    "group": _USED,
    "kpi": _KPI,
    "okr": _OKR,
    "time_spine": _SPINE,
    "config": _CONFIG,
}

#: Grains from fine to coarse decide whether more or less can be asked.
_UNKNOWN: Final = {"time_spine": "calendar"}


def rule_of(kind: str, field: str, before: Any, after: Any, *, certified: bool = False) -> str:
    """The rule of an edit; ``field`` is a path with dots, values are plain.

    >>> rule_of("metric", "filter", ["a = 1"], [])
    'condition'
    >>> rule_of("metric", "overlapping", False, True)
    'wider'
    """
    table = FIELDS[kind]
    rule = table.get(field) or table.get(field.split(".")[0])
    if rule is None:
        return _UNKNOWN.get(kind, "unknown-key")
    if rule == "wording" and field == "description" and certified:
        return "certified-wording"
    if rule == "range" and field == "health" and _loosens(before, after):
        return "range-loosened"
    if rule == "narrower" and _widens(field, before, after):
        return "wider"
    if rule == "column" and _only_adds(before, after):
        return "wider"
    return rule


def _loosens(before: Any, after: Any) -> bool:
    """Whether a range of a KPI lets a value pass that it did not: a bound moved, or is gone."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    for key in ("healthy", "critical"):
        was, now = before.get(key) or {}, after.get(key) or {}
        low, least = was.get("min"), now.get("min")
        high, most = was.get("max"), now.get("max")
        if low is not None and (least is None or least < low):
            return True
        if high is not None and (most is None or most > high):
            return True
    was, now = before.get("relative"), after.get("relative")
    return isinstance(was, dict) and (now is None or _loosens(was, now))


def _widens(field: str, before: Any, after: Any) -> bool:
    match field:
        case "overlapping" | "semantic_model":
            return not before and bool(after)
        case "fanout":
            return bool(after == "answer")
    return False


def _only_adds(before: Any, after: Any) -> bool:
    """Whether a list has all that it had, in its order, and more behind it; or a switch is on."""
    if isinstance(before, list) and isinstance(after, list):
        return after[: len(before)] == before
    return before is False and after is True
