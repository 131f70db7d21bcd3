"""Both definitions of changed metrics on the data, beside one side's own query by the same groups.

    python benchmarks/values.py                      20 million rows in a DuckDB file
    python benchmarks/values.py --rows 2000000

What is compared is time on the warehouse: `diff --values` asks for periods and slices of both
sides, and for the rows behind them; a side's own query asks for its metric by month and slice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from kpilayer import Project
from kpilayer.change.values import ValuesAsked

MODEL = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
      - {name: channel, dimension: categorical}
"""
FILTER = "filter: \"{{ Dimension('order__status') }} = 'completed'\""
LOOSER = FILTER.replace("= 'completed'", "IN ('completed', 'shipped')")
METRICS = {
    "a sum": "revenue: {agg: sum, expr: amount}",
    "five sums": " ".join(
        f"m{n}: {{agg: sum, expr: {e}}}"
        for n, e in enumerate(("amount", "tax", "amount - tax", "quantity", "amount * quantity"))
    ),
    "a distinct count": "buyers: {agg: count_distinct, expr: customer_id}",
}
TABLE = """
CREATE TABLE orders AS
SELECT i AS id, CAST(hash(i) % 500000 AS INTEGER) AS customer_id,
       DATE '2025-01-01' + CAST(hash(i + 1) % 420 AS INTEGER) AS ordered_at,
       ['completed', 'completed', 'completed', 'shipped', 'cancelled', NULL][
           CAST(1 + hash(i + 2) % 6 AS INTEGER)] AS status,
       ['web', 'app', 'store', NULL][CAST(1 + hash(i + 3) % 4 AS INTEGER)] AS channel,
       CAST(hash(i + 4) % 10000 AS DECIMAL(12, 2)) / 100 AS amount,
       CAST(hash(i + 5) % 1000 AS DECIMAL(12, 2)) / 100 AS tax,
       CAST(1 + hash(i + 6) % 9 AS INTEGER) AS quantity
FROM range({rows}) AS t(i)
"""
ASKED = ValuesAsked(as_of=date(2026, 2, 15))
GROUPS = ["metric_time__month", "order__status"]
WINDOW = {"start": "2025-01-01", "end": "2026-01-31"}


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of metric, with its definitions before and after."""

    name: str
    metrics: tuple[str, ...]
    before: str
    after: str


def main() -> None:
    """Prints for each kind of metric what both sides cost, and how often that is one side's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        connection = duckdb.connect(str(folder / "orders.duckdb"))
        connection.execute(TABLE.replace("{rows}", str(given.rows)))
        print(f"{given.rows:,} rows, best of {given.runs}; seconds")
        print(f"{'':18} {'one side':>9} {'both':>7} {'ratio':>6}  queries")
        for case in _cases():
            _print(case, _measured(case, folder, connection, given.runs))
        connection.close()


def _print(case: Case, found: tuple[float, float, int]) -> None:
    alone, both, queries = found
    print(f"{case.name:18} {alone:9.3f} {both:7.3f} {both / alone:6.2f}  {queries}")
    sys.stdout.flush()


def _cases() -> list[Case]:
    cases = []
    for name, text in METRICS.items():
        metrics = [part.strip(" }") for part in text.split("}") if part.strip()]
        names = tuple(part.partition(":")[0] for part in metrics)
        sides = []
        for condition in (FILTER, LOOSER):
            lines = []
            for part in metrics:
                metric, _, rest = part.partition(": {")
                lines.append(f"  - {{name: {metric}, model: orders, {rest}, {condition}}}")
            sides.append("metrics:\n" + "\n".join(lines) + "\n")
        cases.append(Case(name, names, *sides))
    return cases


def _measured(case: Case, folder: Path, connection: Any, runs: int) -> tuple[float, float, int]:
    for side, metrics in (("base", case.before), ("head", case.after)):
        models = folder / side / "models"
        models.mkdir(parents=True, exist_ok=True)
        (folder / side / "kpilayer.yml").write_text("name: bench\n", encoding="utf-8")
        (models / "orders.yml").write_text(MODEL + metrics, encoding="utf-8")
    project = Project.load(folder / "head", connection=connection)
    alone = _best(
        lambda: project.query(list(case.metrics), group_by=GROUPS, **WINDOW),
        runs,  # type: ignore[arg-type]
    )
    seconds, queries = [], 0
    for _ in range(runs):
        found = project.diff(str(folder / "base"), values=ASKED).review.values
        assert found is not None
        assert not found.cost["failed"], found
        seconds.append(found.cost["query_seconds"])
        queries = found.cost["queries"]
    return alone, min(seconds), queries


def _best(action: Callable[[], object], runs: int) -> float:
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
