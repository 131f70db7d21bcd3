"""Values of groups, put together as their roll-up says, are the values of all groups together.

The coarser answer comes from the rows of the data; what is put together, from the finer answer
alone, by DuckDB.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from kpilayer import KpilayerError, Project
from kpilayer.demo.data import build
from kpilayer.warehouse.result import Result
from tests.oracle.bench import Bench
from tests.oracle.databases import database

ROOT = Path(__file__).parents[2]
Rows = dict[Any, Any]


def put_together(answer: Result, value: str, by: str | None) -> Rows:
    """The rows of an answer in coarser groups, by SQL over its columns."""
    table = answer.to_arrow()
    wide = pa.decimal128(38, 9)  # COALESCE of numbers with and without digits would round
    fields = [f.with_type(wide) if pa.types.is_decimal(f.type) else f for f in table.schema]
    found = table.cast(pa.schema(fields))  # noqa: F841 - DuckDB reads it by its name
    kept = f'"{by}"' if by else "NULL"
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT {kept}, {value} FROM found GROUP BY 1").fetchall()
    return dict(rows)


def differences(project: Project, metric: str, groups: list[str], by: str | None) -> list[str]:
    """Where what is put together is another number than the coarser answer has."""
    value = project.describe(metric)["roll up"]
    fine = project.query(metric, groups, components=True)
    if fine.overlapping:
        return []
    coarse = {row[0] if by else None: row[-1] for row in project.query(metric, by).rows()}
    made = put_together(fine, value, by)
    assert made.keys() <= coarse.keys(), metric
    # Where there is no row there is no group, but perhaps a date with a 0.
    made |= {key: number for key, number in coarse.items() if key not in made and not number}
    return [
        f"{metric} by {groups}: {key}: {number}, and put together {made.get(key)}"
        for key, number in coarse.items()
        if not alike(number, made.get(key))
    ]


def alike(one: Any, other: Any) -> bool:
    if one is None or other is None or isinstance(one, str) or not hasattr(one, "__float__"):
        return bool(one == other)
    return math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-9)


@pytest.fixture(scope="module")
def company() -> Iterator[Project]:
    with duckdb.connect() as connection:
        build(connection, 0.1)
        yield Project.load(ROOT, connection=connection)


def test_metrics_of_the_company_are_put_together_again(company: Project) -> None:
    wrong, over_time, over_groups = [], 0, 0
    for metric in company.metrics:
        card = company.describe(metric.name)
        if card["roll up"] is None:
            continue
        names = [d.name for d in company.dimensions([metric.name]) if d.type != "time"]
        for groups in [[n] for n in names if n.count("__") == 1][:1]:
            try:
                if card["roll up over"] == "all group-bys":
                    wrong += differences(
                        company, metric.name, ["metric_time__month", *groups], None
                    )
                    over_time += 1
                wrong += differences(
                    company, metric.name, ["metric_time__month", *groups], "metric_time__month"
                )
                over_groups += 1
            except KpilayerError as error:
                assert {"needs-time", "unsound-question"} & {i.code for i in error.issues}, error
    assert wrong == []
    assert over_time > 80 and over_groups > over_time


@pytest.mark.parametrize("seed", range(3))
def test_random_metrics_are_put_together_again(seed: int, tmp_path: Path) -> None:
    bench = Bench(tmp_path, random.Random(seed))
    project, compared, wrong = bench.project, 0, []
    for _ in range(2):
        bench.fill(database(bench.random))
        for metric in project.metrics:
            card = project.describe(metric.name)
            if card["roll up"] is None:
                continue
            whole = card["roll up over"] == "all group-bys"
            names = bench.library.names([metric.name])
            names = {n: grain for n, grain in names.items() if whole or grain is None}
            if not names:
                continue
            group = bench.random.choice(sorted(names))
            for by in ("metric_time__month", None) if whole else ("metric_time__month",):
                try:
                    wrong += differences(project, metric.name, [*([by] if by else []), group], by)
                    compared += 1
                except KpilayerError:
                    continue
    assert wrong == []
    assert compared > 20


def test_what_is_not_put_together_says_so(company: Project) -> None:
    said = {m.name: company.describe(m.name)["additivity"] for m in company.metrics}
    assert said["active_users"] == "distinct"
    assert all(
        (company.describe(name)["roll up"] is None)
        == (kind in ("distinct", "percentile", "not_additive"))
        for name, kind in said.items()
    )
