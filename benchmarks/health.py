"""How long 200 KPIs take over 36 months: one question for each cadence, beside the naive ways.

    python benchmarks/health.py --quick                  the example company at scale 0.1: a minute
    python benchmarks/health.py --scale 10 --json h.json

The naive ways are a question for each KPI, and one for each KPI and period. Of the latter a sample
is asked, and its time multiplied. All go the same way to the same database; only ratios are
reported.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import duckdb

from kpilayer import Project
from kpilayer.demo.data import build
from kpilayer.errors import KpilayerError

ROOT: Final = Path(__file__).parent.parent
KPIS: Final = 200
FIRST, LAST = date(2023, 7, 1), date(2026, 6, 30)
MONTHS: Final = 36
_SAMPLE: Final = 60
_FOLDERS: Final = ("models", "metrics", "macros")
_CONTRACT: Final = """\
  - name: {name}
    metric: {metric}
    kind: supporting
    function: all
    owner: {{group: finance}}
    direction: range
    cadence: monthly
    status: proposed
    health: {{healthy: {{min: 0, max: {most}}}, critical: {{min: -1}}}}
    consequence: {{breach: {{action: Somebody acts, within: 5d}}}}
"""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each way, and what the first one read."""

    once: float
    each_kpi: float
    each_period: float
    scans: dict[str, int]
    verdicts: int
    unanswered: int


def project_of(folder: Path, scale: float) -> tuple[Project, duckdb.DuckDBPyConnection]:
    """The example company with 200 KPIs on its metrics, by month."""
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "kpilayer.yml", folder)
    shutil.copy(ROOT / "kpilayer.lock", folder)
    kpis = folder / "metrics/kpis.yml"
    groups = kpis.read_text(encoding="utf-8").partition("\nkpis:\n")[0]
    kpis.write_text(groups, encoding="utf-8")
    connection = duckdb.connect(str(folder / "company.duckdb"))
    build(connection, scale=scale)
    metrics = _monthly(Project.load(folder, connection=connection))
    contracts = [
        _CONTRACT.format(name=f"k{at}_{metric}", metric=metric, most=10 ** (3 + at % 9))
        for at, metric in enumerate((metrics * KPIS)[:KPIS])
    ]
    kpis.write_text(f"{groups}\nkpis:\n{''.join(contracts)}", encoding="utf-8")
    return Project.load(folder, connection=connection), connection


def _monthly(project: Project) -> list[str]:
    """The metrics that can be asked by month."""
    found = []
    for metric in project.catalog.metrics:
        try:
            project.compile([metric], group_by=["metric_time__month"])
        except KpilayerError:
            continue
        found.append(metric)
    return found


def measured(scale: float) -> Times:
    """All three ways, on one machine, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        project, connection = project_of(Path(folder), scale)
        began = time.perf_counter()
        found = project.health(as_of=LAST, backfill=FIRST)
        once = time.perf_counter() - began
        assert found.written is not None, "a backfill records"
        unanswered = sum(one.issue is not None for one in found.standings)
        names = list(dict.fromkeys(one.kpi.metric for one in found.standings if one.issue is None))
        per_kpi = [one.kpi.metric for one in found.standings if one.issue is None]
        began = time.perf_counter()
        for metric in per_kpi:
            project.query([metric], group_by=["metric_time__month"], start=FIRST, end=LAST).rows()
        each = time.perf_counter() - began
        chance = random.Random(7)
        pairs = [(m, at) for m in per_kpi for at in range(MONTHS)]
        sample = chance.sample(pairs, _SAMPLE)
        began = time.perf_counter()
        for metric, at in sample:
            year, month = divmod(FIRST.month - 1 + at, 12)
            day = date(FIRST.year + year, month + 1, 1)
            project.query([metric], group_by=["metric_time__month"], start=day, end=day).rows()
        period = (time.perf_counter() - began) * len(pairs) / len(sample)
        sql = project.compile(names, group_by=["metric_time__month"], start=FIRST, end=LAST)
        scans = _scans(connection, str(sql))
        return Times(once, each, period, scans, found.written.verdicts, unanswered)


def _scans(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, int]:
    """How often each table is read by a question."""
    ((_, text),) = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchall()
    found: Counter[str] = Counter()

    def walk(node: dict[str, Any]) -> None:
        table = node.get("extra_info", {}).get("Table")
        if table is not None:
            found[str(table).rpartition(".")[2]] += 1
        for child in node.get("children", ()):
            walk(child)

    for root in json.loads(text):
        walk(root)
    return dict(found.most_common())


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=10)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    times = measured(0.1 if options.quick else options.scale)
    told = {
        "kpis": KPIS,
        "months": MONTHS,
        "verdicts": times.verdicts,
        "unanswered": times.unanswered,
        "question for each KPI, to one": round(times.each_kpi / times.once, 2),
        "question for each KPI and period, to one": round(times.each_period / times.once, 2),
        "tables read": times.scans,
    }
    print(json.dumps(told, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
