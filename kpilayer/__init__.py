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
    "Compiled",
    "ConfigError",
    "DefinitionError",
    "Issue",
    "KpilayerError",
    "Location",
    "Outcome",
    "Plan",
    "PolicyError",
    "Project",
    "Published",
    "QueryError",
    "Result",
    "Stream",
    "Verdict",
    "WarehouseError",
    "__version__",
    "compare_sql",
    "evaluate_health",
]

__version__ = "0.1.0"

_HOMES = {
    "Compiled": "kpilayer.sql.compiled",
    "Outcome": "kpilayer.verify.outcome",
    "Plan": "kpilayer.publish.plan",
    "Project": "kpilayer.project",
    "Published": "kpilayer.publish.states",
    "Result": "kpilayer.warehouse.result",
    "Stream": "kpilayer.warehouse.stream",
    "Verdict": "kpilayer.proof.verdict",
    "compare_sql": "kpilayer.proof.compare",
    "evaluate_health": "kpilayer.kpi.verdict",
}


def __getattr__(name: str) -> Any:
    """The heavy names are imported when first used, so that `kpilayer --help` stays fast."""
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'kpilayer' has no attribute '{name}'")
