"""Time spines of MetricFlow's project configuration to native models with `time_spine:`."""

from __future__ import annotations

from typing import Final

from kpilayer.load.dbt.reading import Parts, Reading, lowered
from kpilayer.load.dbt.relation import node_relation, relation_parts
from kpilayer.load.moved import Built, Part

CONFIGURATION: Final = frozenset(
    {"time_spines", "time_spine_table_configurations", "dsi_package_version", "metadata"}
)
SPINE: Final = frozenset({"node_relation", "primary_column", "custom_granularities"})
PRIMARY: Final = frozenset({"name", "time_granularity"})
OLD: Final = frozenset({"location", "column_name", "grain"})


def time_spines(part: Part, reading: Reading) -> list[Built]:
    """The native models of a `project_configuration`.

    The old spelling, `time_spine_table_configurations`, is read for grains that have no spine.
    """
    found = reading.fields(part, CONFIGURATION, "`project_configuration`") or {}
    spines = [time_spine(p, reading) for p in reading.entries(found.get("time_spines"), "spines")]
    grains = {_grain(s) for s in spines}
    for old in reading.entries(found.get("time_spine_table_configurations"), "spines"):
        spine = _old_spine(old, reading)
        if _grain(spine) not in grains:
            spines.append(spine)
    return [s for s in spines if s.parts]


def time_spine(part: Part, reading: Reading) -> Built:
    """A native model of a table, its column of standard periods, and those of custom ones."""
    before = reading.errors
    found = reading.fields(part, SPINE, "a time spine")
    if found is None or not reading.needs(
        found, ("node_relation", "primary_column"), "a time spine", part
    ):
        return Built(part, {}, broken=True)
    parts = node_relation(found["node_relation"], reading)
    primary = reading.fields(found["primary_column"], PRIMARY, "`primary_column`")
    if primary is None or not reading.needs(
        primary, ("name", "time_granularity"), "`primary_column`", found["primary_column"]
    ):
        return Built(part, {}, broken=True)
    column: Parts = {"name": primary["name"], "granularity": lowered(primary["time_granularity"])}
    inner: Parts = {"standard_granularity_column": primary["name"]}
    if "custom_granularities" in found:
        inner["custom_granularities"] = found["custom_granularities"]
    return _model(part, parts, inner, Built(found["primary_column"], column), before, reading)


def _old_spine(part: Part, reading: Reading) -> Built:
    before = reading.errors
    found = reading.fields(part, OLD, "a time spine")
    if found is None or not reading.needs(found, tuple(sorted(OLD)), "a time spine", part):
        return Built(part, {}, broken=True)
    parts = relation_parts(found["location"], reading)
    column: Parts = {"name": found["column_name"], "granularity": lowered(found["grain"])}
    inner: Parts = {"standard_granularity_column": found["column_name"]}
    return _model(part, parts, inner, Built(part, column), before, reading)


def _model(
    part: Part, source: Parts, inner: Parts, column: Built, before: int, reading: Reading
) -> Built:
    if reading.errors > before:
        return Built(part, {}, broken=True)
    parts: Parts = {
        "name": source["ref"],
        **source,
        "time_spine": Built(part, inner),
        "columns": Built(part, [column]),
    }
    return Built(part, parts)


def _grain(spine: Built) -> object:
    """The grain of a native model; None for one that is broken."""
    match spine.parts:
        case {"columns": Built(parts=[Built(parts={"granularity": Part(value=grain)})])}:
            return str(grain)
    return None
