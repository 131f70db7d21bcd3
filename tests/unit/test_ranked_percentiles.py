"""Percentiles by rank, for engines without an aggregate of their own, against DuckDB's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest

from kpilayer.sql import select
from kpilayer.sql.dialects import capabilities
from tests.conftest import Define

FRACTIONS = (0.001, 0.07, 0.25, 0.5, 0.9, 0.999)


def names() -> Iterator[tuple[str, float, bool]]:
    for fraction in FRACTIONS:
        for discrete in (False, True):
            yield f"p{str(fraction).replace('.', '_')}{'_d' * discrete}", fraction, discrete


def definitions() -> str:
    lines = [
        "models:",
        "  - name: readings",
        "    semantic_model: true",
        "    columns:",
        "      - {name: id, entity: {type: primary, name: reading}}",
        "      - {name: place, dimension: categorical}",
        "metrics:",
        "  - {name: total, model: readings, agg: sum, expr: x}",
        "  - {name: readings_of_b, model: readings, agg: count, filter: \"{{ Dimension('reading__place') }} = 'b'\"}",
        "  - {name: high, model: readings, agg: sum_boolean, expr: x > 10}",
        "  - {name: middle, model: readings, agg: median, expr: x}",
        "  - {name: middle_of_small, input_metric: middle, filter: \"{{ Dimension('reading__place') }} <> 'c'\"}",
    ]
    for name, fraction, discrete in names():
        kind = "discrete" if discrete else "continuous"
        lines.append(
            f"  - {{name: {name}, model: readings, agg: percentile, expr: x, "
            f"percentile: {fraction}, percentile_type: {kind}}}"
        )
    return "\n".join(lines)


@pytest.fixture
def without_percentiles(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(capabilities("duckdb"), percentile=None, approx_percentile=None)
    monkeypatch.setattr(select, "capabilities", lambda _: lacking)


@pytest.mark.usefixtures("without_percentiles")
@pytest.mark.parametrize("grouped", [True, False])
def test_percentiles_by_rank_are_those_of_the_engine(define: Define, grouped: bool) -> None:
    drawn = random.Random(7)
    rows = []
    for place, count in (("a", 1), ("b", 2), ("c", 100), ("d", 101), (None, 7)):
        values = [drawn.choice([drawn.randint(-20, 40), drawn.random() * 9]) for _ in range(count)]
        rows += [(place, value) for value in (*values, None, values[0])]
    connection = duckdb.connect(":memory:")
    connection.execute("CREATE TABLE readings (id INTEGER, place VARCHAR, x DOUBLE)")
    connection.executemany(
        "INSERT INTO readings VALUES (?, ?, ?)", [(i, *row) for i, row in enumerate(rows)]
    )
    project = define(definitions(), connection=connection)
    metrics = [name for name, _, _ in names()]
    asked = [*metrics, "total", "readings_of_b", "high", "middle", "middle_of_small"]
    found = project.query(asked, group_by=["reading__place"] if grouped else [])
    assert "QUANTILE" not in found.sql and "PERCENTILE" not in found.sql
    own = [
        f"quantile_{'disc' if discrete else 'cont'}(x, {fraction})"
        for _, fraction, discrete in names()
    ]
    own += ["sum(x)", "nullif(count(*) FILTER (place = 'b'), 0)", "count(*) FILTER (x > 10)"]
    own += ["median(x)", "median(x) FILTER (place <> 'c')"]
    keys = "place, " if grouped else ""
    by = "GROUP BY place" if grouped else ""
    expected = connection.execute(f"SELECT {keys}{', '.join(own)} FROM readings {by}").fetchall()

    def in_order(all_of_them: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
        return sorted(all_of_them, key=lambda row: (row[0] is None, row[0]))

    for row, wanted in zip(in_order(found.rows()), in_order(expected), strict=True):
        assert row[:grouped] == wanted[:grouped]
        for value, of_engine in zip(row[grouped:], wanted[grouped:], strict=True):
            assert value == (of_engine if of_engine is None else pytest.approx(of_engine, rel=1e-9))


@pytest.mark.usefixtures("without_percentiles")
def test_a_percentile_of_no_rows_is_nothing(define: Define) -> None:
    tables = {"readings": "SELECT 1 AS id, 'a' AS place, 1.0 AS x WHERE 1 = 0"}
    project = define(definitions(), tables=tables)
    assert project.query(["middle", "p0_9", "p0_9_d"]).rows() == [(None, None, None)]


@pytest.mark.usefixtures("without_percentiles")
def test_an_infinite_neighbour_without_weight_does_not_count(define: Define) -> None:
    tables = {
        "readings": "SELECT 1 AS id, 'a' AS place, x FROM (VALUES (1.0::DOUBLE), (2.0), ('infinity')) AS t(x)"
    }
    assert define(definitions(), tables=tables).query(["middle"]).rows() == [(2.0,)]
