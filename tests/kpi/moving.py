"""A project whose numbers are written down: any driver tree over rows of (day, name, segment, place)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from kpilayer import Project

MODELS = """
models:
  - name: facts
    semantic_model: true
    agg_time_dimension: happened_on
    columns:
      - {name: fact_id, entity: {type: primary, name: fact}}
      - {name: happened_on, granularity: day, dimension: time}
      - {name: name, dimension: categorical}
      - {name: segment, dimension: categorical}
      - {name: place, dimension: categorical}
metrics:
  - {name: amount, model: facts, agg: sum, expr: amount}
  - {name: people, model: facts, agg: count_distinct, expr: person, filter: "{{ Dimension('fact__name') }} = 'visit'"}
"""
KPI = """  - name: {name}
    metric: {metric}
    kind: {kind}
    function: sales
    owner: {{group: sales, person: lead@example.com}}
    direction: higher
    cadence: {cadence}
    status: proposed
    health: {{healthy: {{min: 0}}}}
{rest}
"""


def summed(*names: str) -> str:
    """Metrics that are sums of the rows of their name."""
    return "".join(
        f"""  - name: {name}
    input_metric: amount
    filter: "{{{{ Dimension('fact__name') }}}} = '{name}'"
"""
        for name in names
    )


def level(name: str) -> str:
    """A metric that is a level: what the last day of a period says."""
    return f"""  - name: {name}
    model: facts
    agg: sum
    expr: amount
    filter: "{{{{ Dimension('fact__name') }}}} = '{name}'"
    non_additive_dimension: {{name: happened_on, window_agg: max}}
"""


def derived(name: str, expr: str, *inputs: str) -> str:
    """A metric that is computed from others."""
    return f"  - {{name: {name}, type: derived, expr: '{expr}', input_metrics: [{', '.join(inputs)}]}}\n"


def kpi(
    name: str, rest: str = "", metric: str = "", kind: str = "north_star", cadence: str = "monthly"
) -> str:
    """A contract; ``rest`` is further keys of it, as they stand."""
    lines = "\n".join(f"    {line}" for line in rest.strip().splitlines())
    return KPI.format(name=name, metric=metric or name, kind=kind, cadence=cadence, rest=lines)


Rows = Iterable[tuple[Any, ...]]


def rows_of(values: Mapping[str, Mapping[str, float]]) -> Rows:
    """A row on the last day of a month for each value: `{"2026-05": {"customers": 1100}}`."""
    number = 0
    for month, named in values.items():
        for name, amount in named.items():
            number += 1
            yield number, f"{month}-28", name, "all", "all", amount, None


def fill(execute: Callable[[str], Any], rows: Rows) -> None:
    """The table of facts."""
    execute(
        "CREATE TABLE facts (fact_id INT, happened_on DATE, name VARCHAR(40), segment VARCHAR(40), "
        "place VARCHAR(40), amount DECIMAL(18, 4), person INT)"
    )
    for row in rows:
        cells = ", ".join("NULL" if v is None else repr(v) for v in row)
        execute(f"INSERT INTO facts VALUES ({cells})")


def written(folder: Path, metrics: str, kpis: str) -> Path:
    """The files of the project."""
    files = {
        "kpilayer.yml": "name: moving\n",
        "models/facts.yml": MODELS + metrics,
        "metrics/kpis.yml": "kpis:\n" + kpis,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def project(folder: Path, metrics: str, kpis: str, rows: Rows) -> Project:
    """A project over these rows, in memory."""
    connection = duckdb.connect(":memory:")
    fill(connection.execute, rows)
    return Project.load(written(folder, metrics, kpis), connection=connection)
