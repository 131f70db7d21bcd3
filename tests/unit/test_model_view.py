"""Views of models on DuckDB: aggregated by hand, they are the answers of questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pytest

from kpilayer import Project
from kpilayer.demo.data import build
from kpilayer.interop.metric_view import MetricView
from kpilayer.plan.query import Query
from kpilayer.sql.model_view import compile_view
from kpilayer.warehouse.result import Result
from tests.engines.test_demo_metrics import ROOT, same


@pytest.fixture(scope="module")
def company() -> Iterator[Project]:
    with duckdb.connect(":memory:") as connection:
        build(connection, 0.01)
        yield Project.load(ROOT, connection=connection)


@pytest.fixture(scope="module")
def views(company: Project) -> Mapping[str, MetricView]:
    return {view.model: view for view in company.export_spark(joins=5).views}


def aggregated(
    company: Project, metrics: Sequence[str], named: Mapping[str, str], by: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Each metric as its expression over the rows, grouped by columns."""
    query = Query(tuple(metrics), tuple(named))
    view = compile_view(query, company._identity, "duckdb", "", "", named)
    keys, texts = [f'"{column}"' for column in by], [text for _, text in view.measures]
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    sql = f"SELECT {', '.join([*keys, *texts])} FROM ({view.rows}){group}"
    connection: Any = company.connection
    return Result.from_table(connection.sql(sql).to_arrow_table(), sql=sql).rows()


def equal(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]], keys: int) -> None:
    """The rows are the same, in any order, but for groups without any value."""

    def kept(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        some = [row for row in rows if not keys or {*row[keys:]} != {None}]
        return sorted(some, key=lambda row: [(v is None, str(v)) for v in row[:keys]])

    assert len(kept(found)) == len(kept(expected))
    for row, wanted in zip(kept(found), kept(expected), strict=True):
        assert all(map(same, row, wanted)), f"{row} is not {wanted}"


def test_every_metric_of_the_company_in_total_and_by_month(
    company: Project, views: Mapping[str, MetricView]
) -> None:
    assert len(views) > 40
    for view in views.values():
        metrics = [measure.name for measure in view.measures]
        named = {asked: column for column, asked in view.dimensions}
        time = view.measures[0].times[0]
        month = next(c for c in (f"{time}__month", time) if c in named.values())
        asked = dict(view.dimensions)[month]
        equal(aggregated(company, metrics, named, []), company.query(metrics).rows(), 0)
        expected = company.query(metrics, asked).rows()
        equal(aggregated(company, metrics, named, [month]), expected, 1)


@pytest.mark.parametrize("model", ["invoices", "opportunities", "product_events", "tickets"])
def test_every_dimension_is_its_group_by(
    company: Project, views: Mapping[str, MetricView], model: str
) -> None:
    metrics = [measure.name for measure in views[model].measures][:3]
    named = {asked: column for column, asked in views[model].dimensions}
    for asked, column in named.items():
        expected = company.query(metrics, asked).rows()
        equal(aggregated(company, metrics, named, [column]), expected, 1)
