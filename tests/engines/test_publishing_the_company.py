"""The whole example company as views of real databases: every number is that of a question."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from kpilayer import Project
from kpilayer.demo.data import TABLES, build
from kpilayer.warehouse.connect import wrap
from kpilayer.warehouse.result import Result
from tests.conftest import PostgresSchema
from tests.engines.test_demo_metrics import ROOT, same


@dataclass(frozen=True)
class Company:
    """The company on an engine, published."""

    project: Project
    schema: str
    named: Callable[[str], str]
    connection: Any

    def rows(self, view: str, columns: list[str], rest: str = "") -> list[tuple[Any, ...]]:
        sql = f"SELECT {', '.join(columns)} FROM {self.named(view)} {rest}"
        return Result.from_table(wrap(self.connection).run(sql), sql=sql).rows()


def _types(kind: object) -> str:
    return {"DOUBLE": "double precision", "VARCHAR": "text"}.get(str(kind), str(kind))


def _to_postgres(company: duckdb.DuckDBPyConnection, schema: PostgresSchema) -> None:
    for table in TABLES:
        rows = company.sql(f"SELECT * FROM {table}")
        columns = ", ".join(
            f'"{n}" {_types(k)}' for n, k in zip(rows.columns, rows.types, strict=True)
        )
        schema.connection.execute(f'CREATE TABLE "{table}" ({columns})')
        with schema.connection.cursor().copy(f'COPY "{table}" FROM STDIN') as copy:
            for row in rows.fetchall():
                copy.write_row(row)


@pytest.fixture(scope="module", params=["duckdb", "postgres", "mariadb", "sqlite"])
def company(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    schema = f"kpi_{uuid.uuid4().hex[:10]}"
    with ExitStack() as opened:
        made = opened.enter_context(duckdb.connect(":memory:"))
        build(made, 0.01)
        if request.param == "duckdb":
            connection: Any = made
        elif request.param == "postgres":
            there = request.getfixturevalue("shared_postgres_schema")
            connection = there.connection
            _to_postgres(made, there)
            opened.callback(connection.execute, f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        else:
            engine = importlib.import_module(f"tests.engines.on_{request.param}")
            connection = opened.enter_context(engine.opened(tmp_path_factory.mktemp("company")))
            for table in TABLES:
                rows = made.sql(f"SELECT * FROM {table}").to_arrow_table()
                engine.load(connection, table, rows)
            if request.param == "mariadb":
                opened.callback(connection.cursor().execute, f"DROP DATABASE IF EXISTS {schema}")
        project = Project.load(ROOT, connection=connection)
        project.publish(schema=schema)
        is_file = request.param == "sqlite"
        yield Company(
            project,
            schema,
            lambda view: f"kpi__{view}" if is_file else f"{schema}.{view}",
            connection,
        )


def test_a_second_publication_changes_nothing(company: Company) -> None:
    plan = company.project.plan(schema=company.schema)
    assert [action.name for action in plan.actions if action.is_pending] == []
    states = {one.state for one in company.project.views(schema=company.schema)}
    assert states == {"published"}


def test_every_metric_has_the_numbers_of_a_question(company: Company) -> None:
    catalogue = company.named("kpi_catalog").replace("kpi__kpi_", "kpi_")
    listed = _listed(company, catalogue)
    assert len(listed) > 190
    for metric, grain, view in listed:
        time = [] if grain == "all" else [f"metric_time__{grain}"]
        if view in ("billing_monthly", "growth_quarterly") or "__by_" in view:
            continue  # by levels, below
        keys = ["metric_time"] if time else []
        found = company.rows(view, [*keys, metric], f"ORDER BY {keys[0]}" if keys else "")
        asked = company.project.query(metric, time).rows()
        if view == "support_weekly":  # weeks of one of its metrics are rows for all
            found = [row for row in found if row[-1] is not None]
            asked = [row for row in asked if row[-1] is not None]
        assert len(found) == len(asked), metric
        for row, wanted in zip(found, asked, strict=True):
            assert all(map(_same, row, wanted)), f"{metric}: {row} is not {wanted}"


def _listed(company: Company, catalogue: str) -> list[tuple[str, str, str]]:
    sql = f"SELECT metric, grain, view_name FROM {catalogue} ORDER BY metric"
    rows = Result.from_table(wrap(company.connection).run(sql), sql=sql).rows()
    return [(str(metric), str(grain), str(view)) for metric, grain, view in rows]


def _same(value: Any, wanted: Any) -> bool:
    """The same value; a file without types has times as texts, and decimals as doubles."""
    if isinstance(value, float) and isinstance(wanted, Decimal):
        wanted = float(wanted)
    if isinstance(value, str) and not isinstance(wanted, str):
        return value[:10] == str(wanted)[:10]
    return same(value, wanted)


LEVELS: dict[str, tuple[list[str], list[str]]] = {
    "billing_monthly__by_segment_region": (
        ["metric_time__month", "account__segment", "account__region__name"],
        ["metric_time", "segment", "region"],
    ),
    "billing_monthly__by_segment": (["metric_time__month", "account__segment"], ["metric_time", "segment"]),
    "billing_monthly__by_region": (["metric_time__month", "account__region__name"], ["metric_time", "region"]),
    "billing_monthly__total": (["metric_time__month"], ["metric_time"]),
    "billing_monthly__by_segment__all_time": (["account__segment"], ["segment"]),
    "billing_monthly__total__all_time": ([], []),
}  # fmt: skip


@pytest.mark.parametrize("view", LEVELS)
def test_every_level_has_the_numbers_of_a_question(company: Company, view: str) -> None:
    metrics = ["invoiced_revenue", "average_invoice_value", "days_to_pay"]
    group_by, columns = LEVELS[view]
    found = sorted(company.rows(view, [*columns, *metrics]), key=lambda row: _key(row, columns))
    asked = company.project.query(metrics, group_by).rows()
    asked = sorted(asked, key=lambda row: _key(row, columns))
    assert len(found) == len(asked) > 0
    for row, wanted in zip(found, asked, strict=True):
        assert all(map(_same, row, wanted)), f"{row} is not {wanted}"


def _key(row: tuple[Any, ...], columns: list[str]) -> list[str]:
    return [str(value)[:10] for value in row[: len(columns)]]


def test_the_view_of_all_levels_has_each_of_them(company: Company) -> None:
    metrics = ["invoiced_revenue", "days_to_pay"]
    for level, (_, columns) in LEVELS.items():
        grain = "all" if level.endswith("__all_time") else "month"
        keys = [c for c in columns if c != "metric_time"]
        where = f"WHERE _level = '{','.join(keys) or 'total'}' AND _grain = '{grain}'"
        rolled = company.rows("billing_monthly__rollup", [*columns, *metrics], where)
        own = company.rows(level, [*columns, *metrics])
        own = [tuple("(null)" if n < len(columns) and c != "metric_time" and v is None else v
                     for n, (c, v) in enumerate(zip([*columns, *metrics], row, strict=True)))
               for row in own]  # fmt: skip
        assert sorted(map(repr, rolled)) == sorted(map(repr, own)), level


def test_rolling_up_as_the_catalogue_says_is_the_coarser_question(company: Company) -> None:
    columns = company.named("kpi_columns").replace("kpi__kpi_", "kpi_")
    sql = (
        f"SELECT view_name, column_name, rollup_expression FROM {columns}"
        " WHERE rollup_expression IS NOT NULL AND view_name IN ('billing_monthly', 'growth_quarterly')"
    )
    told = Result.from_table(wrap(company.connection).run(sql), sql=sql).rows()
    assert len(told) >= 5
    for view, metric, roll_up in told:
        found = company.rows(
            view, ["segment", f"{roll_up} AS rolled"], "GROUP BY segment ORDER BY 1"
        )
        asked = company.project.query(metric, ["account__segment"]).rows()
        pairs = dict(asked)
        assert {key for key, _ in found} >= set(pairs)
        for key, value in found:
            assert _same(value, pairs.get(key)) or (value is None and key not in pairs), (
                metric,
                key,
            )
