"""kpilayer: write each KPI once, get the same number everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kpilayer.errors import (
    ConfigError,
    DefinitionError,
    Issue,
    KpilayerError,
    Location,
    PolicyError,
    QueryError,
    WarehouseError,
)

if TYPE_CHECKING:
    from kpilayer.arranging import KpiTree
    from kpilayer.explaining import DriverReport
    from kpilayer.kpi.attribution import Attribution, attribute
    from kpilayer.kpi.mix import PriceVolumeMix, RateAndMix, price_volume_mix, rate_and_mix
    from kpilayer.kpi.roll_forward import RollForward, roll_forward
    from kpilayer.kpi.segments import MovedSegments, segments_that_moved
    from kpilayer.kpi.tree import chained
    from kpilayer.kpi.variation import within_normal_variation
    from kpilayer.kpi.verdict import evaluate_health
    from kpilayer.project import Project
    from kpilayer.proof.compare import compare_sql
    from kpilayer.proof.verdict import Verdict
    from kpilayer.publish.plan import Plan
    from kpilayer.publish.states import Published
    from kpilayer.sql.compiled import Compiled
    from kpilayer.verify.outcome import Outcome
    from kpilayer.warehouse.result import Result
    from kpilayer.warehouse.stream import Stream

__all__ = [
    "Attribution",
    "Compiled",
    "ConfigError",
    "DefinitionError",
    "DriverReport",
    "Issue",
    "KpiTree",
    "KpilayerError",
    "Location",
    "MovedSegments",
    "Outcome",
    "Plan",
    "PolicyError",
    "PriceVolumeMix",
    "Project",
    "Published",
    "QueryError",
    "RateAndMix",
    "Result",
    "RollForward",
    "Stream",
    "Verdict",
    "WarehouseError",
    "__version__",
    "attribute",
    "chained",
    "compare_sql",
    "evaluate_health",
    "price_volume_mix",
    "rate_and_mix",
    "roll_forward",
    "segments_that_moved",
    "within_normal_variation",
]

__version__ = "0.1.0"

_HOMES = {
    "Attribution": "kpilayer.kpi.attribution",
    "Compiled": "kpilayer.sql.compiled",
    "DriverReport": "kpilayer.explaining",
    "KpiTree": "kpilayer.arranging",
    "MovedSegments": "kpilayer.kpi.segments",
    "Outcome": "kpilayer.verify.outcome",
    "Plan": "kpilayer.publish.plan",
    "PriceVolumeMix": "kpilayer.kpi.mix",
    "Project": "kpilayer.project",
    "Published": "kpilayer.publish.states",
    "RateAndMix": "kpilayer.kpi.mix",
    "Result": "kpilayer.warehouse.result",
    "RollForward": "kpilayer.kpi.roll_forward",
    "Stream": "kpilayer.warehouse.stream",
    "Verdict": "kpilayer.proof.verdict",
    "attribute": "kpilayer.kpi.attribution",
    "chained": "kpilayer.kpi.tree",
    "compare_sql": "kpilayer.proof.compare",
    "evaluate_health": "kpilayer.kpi.verdict",
    "price_volume_mix": "kpilayer.kpi.mix",
    "rate_and_mix": "kpilayer.kpi.mix",
    "roll_forward": "kpilayer.kpi.roll_forward",
    "segments_that_moved": "kpilayer.kpi.segments",
    "within_normal_variation": "kpilayer.kpi.variation",
}


def __getattr__(name: str) -> Any:
    """The heavy names are imported when first used, so that `kpilayer --help` stays fast."""
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'kpilayer' has no attribute '{name}'")
