"""Writes docs/reference/engines.md: every metric of the example company, engine by engine.

    python -m tests.engines.table            rewrite the page
    python -m tests.engines.table --check    say whether it is stale, and change nothing

What it says is what test_demo_metrics.py and test_demo_on_engines.py prove: a metric is `ok` where its
numbers are asked for and equal DuckDB's, and `unsupported` where `UNSUPPORTED` of the engine's file
`on_NAME.py` says so, and the test finds it refused.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from kpilayer import Project
from tests.engines.conftest import ALL_COPIES
from tests.engines.test_demo_metrics import ROOT

PAGE: Final = ROOT / "docs/reference/engines.md"
#: Engines of the tests, as people call them.
NAMES: Final = {
    "bigquery": "GoogleSQL",
    "clickhouse": "ClickHouse",
    "mariadb": "MariaDB",
    "mysql": "MySQL",
    "spark": "Spark",
    "sqlite": "SQLite",
}
#: Dialects that are printed, and have no engine here.
PRINTED: Final = ("Databricks", "Redshift", "Snowflake", "Trino", "SQL Server")
INTRODUCTION: Final = """# Engines

<!-- written by: python -m tests.engines.table -->

Every metric of the example company, asked in total, by month, quarter and year, and by month with
each of two of its dimensions. **ok**: the numbers are those of DuckDB, whole numbers and sums of decimals
to the last digit, floats to 1e-9 (on SQLite, whose decimals are doubles, to 15 digits). **unsupported**: refused
with [unsupported-in-dialect](errors.md#unsupported-in-dialect). **not run**: SQL is
[printed](dialects.md#what-is-executed), and no test executes it. Spark, and the
reference executor of GoogleSQL, which stands for BigQuery, run in full each night and in part with every
change; MySQL runs each night; all others run with every change.
"""


def unsupported(engine: str) -> Mapping[str, str]:
    """Metrics that an engine cannot compute, each with the reason."""
    found = importlib.import_module(f"tests.engines.on_{engine}")
    told: Mapping[str, str] = getattr(found, "UNSUPPORTED", {})
    return told


def page() -> str:
    """The whole page."""
    metrics = sorted(metric.name for metric in Project.load(ROOT).metrics)
    engines = ["DuckDB", "PostgreSQL", *(NAMES[name] for name in ALL_COPIES)]
    return "\n".join((INTRODUCTION, *_reasons(), *_rows(metrics, [*engines, *PRINTED]), ""))


def _reasons() -> Iterator[str]:
    told = {(NAMES[e], m): why for e in ALL_COPIES for m, why in unsupported(e).items()}
    yield from (f"- {engine}, `{metric}`: {why}." for (engine, metric), why in told.items())
    if told:
        yield ""


def _rows(metrics: list[str], columns: list[str]) -> Iterator[str]:
    yield f"| metric | {' | '.join(columns)} |"
    yield f"|---{'|---' * len(columns)}|"
    for metric in metrics:
        known = ["unsupported" if metric in unsupported(name) else "ok" for name in ALL_COPIES]
        cells = ["ok", "ok", *known, *["not run"] * len(PRINTED)]
        yield f"| `{metric}` | {' | '.join(cells)} |"


def main() -> int:
    """Rewrites or checks the page."""
    new = page()
    is_stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new
    if is_stale and "--check" not in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
    return int(is_stale and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
