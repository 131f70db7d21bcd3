"""Answers that are read in parts: the same rows, in memory that their number does not raise."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kpilayer import QueryError, WarehouseError
from tests.conftest import Define
from tests.engines.conftest import Engine

MODEL = """
models:
  - name: items
    semantic_model: true
    primary_entity: item
    columns: [{name: n, dimension: {type: categorical, name: number}}]
metrics:
  - {name: worth, model: items, agg: sum, expr: v}
  - {name: mean, model: items, agg: average, expr: v}
  - {name: ratio, model: items, agg: sum, expr: "CASE WHEN n = 70 THEN 1 / (n - n) ELSE 1 END"}
"""
ROWS = {"items": "SELECT CAST(x % 100 AS INT) AS n, CAST(0.25 AS DECIMAL(9, 2)) AS v "
        "FROM (SELECT row_number() OVER () AS x FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)) a(i), "
        "(VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)) b(j), (VALUES (1), (2), (3)) c(k)) t"}  # fmt: skip


def plain(batches: list[pa.RecordBatch]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def test_a_stream_has_the_rows_of_the_answer_in_its_order(engine: Engine) -> None:
    shop = engine.project(MODEL, tables=ROWS)
    with shop.stream(["worth", "mean"], "item__number", batch_rows=30) as stream:
        batches = list(stream)
    assert plain(batches) == [(n, D("0.75"), 0.25) for n in range(100)]
    assert {batch.schema for batch in batches} == {stream.schema}
    whole = shop.query(["worth", "mean"], "item__number")
    assert stream.columns == whole.columns
    assert dict(stream.fingerprints) == dict(whole.fingerprints)
    assert shop.query("worth").rows() == [(D("75.00"),)]  # the connection is free again


def test_a_stream_without_rows_has_its_columns(engine: Engine) -> None:
    shop = engine.project(MODEL, tables=ROWS)
    stream = shop.stream("worth", "item__number", "item__number > 1000")
    table = pa.RecordBatchReader.from_stream(stream).read_all()
    assert (table.column_names, table.num_rows) == (["item__number", "worth"], 0)


def test_a_stream_that_is_left_early_lets_go_of_its_connection(engine: Engine) -> None:
    shop = engine.project(MODEL, tables=ROWS)
    with shop.stream("worth", "item__number", batch_rows=10) as stream:
        next(stream)
    assert shop.query("worth").rows() == [(D("75.00"),)]
    assert list(stream) == []


def test_what_is_wrong_is_told_before_the_first_row(engine: Engine) -> None:
    shop = engine.project(MODEL)
    with pytest.raises(QueryError, match="unknown-metric"):
        shop.stream("worht")
    with pytest.raises(WarehouseError, match="query-failed"):
        shop.stream("worth")
    engine.tables(ROWS)
    assert plain(list(shop.stream("worth"))) == [(D("75.00"),)]


def test_a_stream_is_read_by_duckdb(define: Define) -> None:
    import duckdb

    shop = define(MODEL, tables=ROWS)
    stream = shop.stream("worth", "item__number")
    with duckdb.connect() as other:
        other.register("answer", pa.RecordBatchReader.from_stream(stream))
        assert other.sql("SELECT count(*), sum(worth) FROM answer").fetchall() == [
            (100, D("75.00"))
        ]


PEAK = """
import re, sys
from pathlib import Path
from kpilayer import Project

def peak():  # in megabytes, of this process alone
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

shop = Project.load(".")
asked = dict(metrics=["worth"], group_by=["item__number"])
shop.query("worth")
before = peak()
if sys.argv[1] == "stream":
    with shop.stream(**asked) as stream:
        rows = sum(batch.num_rows for batch in stream)
else:
    rows = len(shop.query(**asked))
print(rows, round(peak() - before))
"""
MANY = 2_000_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
@pytest.mark.parametrize(("kind", "rows_as_a_whole"), [("duckdb", MANY), ("postgres", MANY // 4)])
def test_the_memory_of_a_stream_is_bounded(
    kind: str, rows_as_a_whole: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Two million groups, each a row, in parts; and beside them fewer or as many as a whole."""
    if kind == "postgres":
        settings = dict(request.getfixturevalue("postgres_schema").settings)
        source = "GENERATE_SERIES(1, {rows}) AS t(x)"
    else:  # what it sorts may lie on disk
        settings = {"path": "':memory:'", "settings": "{memory_limit: 60MB, threads: 1}"}
        source = "RANGE({rows}) AS t(x)"
    lines = "\n".join(f"      {key}: {value}" for key, value in settings.items())
    files = {
        "kpilayer.yml": "name: shop\nprofile: shop\n",
        "profiles.yml": f"shop:\n  outputs:\n    dev:\n      type: {kind}\n{lines}\n",
        "models/items.yml": MODEL,
    }
    used = {}
    for how, rows in (("stream", MANY), ("query", rows_as_a_whole)):
        read = source.format(rows=rows)
        files["models/items.sql"] = f"SELECT x AS n, CAST(x AS DECIMAL(12, 2)) AS v FROM {read}"
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        command = [sys.executable, "-W", "ignore", "-c", PEAK, how]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found, used[how] = map(int, done.stdout.split())
        assert found == rows
    assert used["stream"] < 90, used  # megabytes
    assert used["stream"] + 20 < used["query"], used
