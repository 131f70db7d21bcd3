"""Saved queries as tables and views in the warehouse."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest

from kpilayer import Project, QueryError, WarehouseError
from kpilayer.warehouse.connect import wrap
from kpilayer.warehouse.result import Result
from tests.engines.surface import DEFINITIONS, TABLES

SAVED = """
  - name: board
    config: {export_as: table}
    query_params:
      metrics: [revenue]
      group_by: [customer__region]
      order_by: [customer__region]
    exports:
      - {name: revenue_by_region, config: {alias: board_revenue}}
      - {name: live_revenue, config: {export_as: view, schema: kpi}}
"""
ROWS = [("EU", D("170.00")), ("US", D("86.00")), (None, D("7.00"))]


@pytest.fixture
def schema(engine: Any) -> Iterator[str]:
    """A schema that is not there, of a name that no other test has; it goes with what is in it."""
    name = f"kpi_{uuid.uuid4().hex[:12]}"
    yield name
    whole = " CASCADE" if engine.name in ("duckdb", "postgres") else ""
    if engine.name != "sqlite":
        wrap(engine.connection).execute(f"DROP {word(engine)} IF EXISTS {name}{whole}")


def word(engine: Any) -> str:
    return "DATABASE" if engine.name == "clickhouse" else "SCHEMA"


@pytest.fixture
def shop(engine: Any, schema: str) -> Any:
    return engine.project(
        DEFINITIONS + SAVED.replace("schema: kpi", f"schema: {schema}"), tables=TABLES
    )


def there(engine: Any, sql: str) -> list[tuple[Any, ...]]:
    """The rows that the engine itself has."""
    return Result.from_table(wrap(engine.connection).run(sql), sql=sql).rows()


def by_region(engine: Any, relation: str) -> list[tuple[Any, ...]]:
    found = there(engine, f"SELECT customer__region, revenue FROM {relation}")
    return sorted(found, key=lambda row: (row[0] is None, row[0]))


def test_each_export_is_the_table_or_view_that_it_declares(
    shop: Project, engine: Any, schema: str
) -> None:
    made = shop.export("board")
    assert [(one.name, one.kind, one.relation) for one in made] == [
        ("revenue_by_region", "table", "board_revenue"),
        ("live_revenue", "view", f"{schema}.live_revenue"),
    ]
    assert by_region(engine, "board_revenue") == ROWS
    engine.run("DELETE FROM sales WHERE sale_id = 5")
    assert by_region(engine, "board_revenue") == ROWS  # today's answer
    assert by_region(engine, f"{schema}.live_revenue") == ROWS[:2]


def test_an_export_replaces_the_one_before(shop: Project, engine: Any) -> None:
    shop.export("board")
    engine.run("UPDATE sales SET amount = 0 WHERE sale_id = 5")
    shop.export("board")
    assert by_region(engine, "board_revenue") == [*ROWS[:2], (None, D("0.00"))]


def test_a_view_with_other_columns_is_made_anew(shop: Project, engine: Any, schema: str) -> None:
    wrap(engine.connection).execute(f"CREATE {word(engine)} {schema}")
    view = f"{schema}.live_revenue"
    wrap(engine.connection).execute(f"CREATE VIEW {view} AS SELECT 1 AS something_else")
    shop.export("board", "live_revenue")
    assert by_region(engine, f"{schema}.live_revenue") == ROWS


def test_only_the_exports_that_are_named_are_made(shop: Project, engine: Any) -> None:
    assert [one.name for one in shop.export("board", ["live_revenue"])] == ["live_revenue"]
    with pytest.raises(QueryError) as error:
        shop.export("board", "live_revenu")
    assert [i.code for i in error.value.issues] == ["bad-export"]


def test_nothing_is_made_in_a_dry_run(shop: Project, engine: Any) -> None:
    made = shop.export("board", dry_run=True)
    assert "board_revenue" in made[0].statements[-1]
    assert wrap(engine.connection).describe_relation(("board_revenue",)) is None


def test_a_table_that_the_project_reads_is_not_replaced(engine: Any) -> None:
    saved = SAVED.replace("board_revenue", "Sales")
    shop = engine.project(DEFINITIONS + saved, tables=TABLES)
    with pytest.raises(QueryError) as error:
        shop.export("board")
    assert [i.code for i in error.value.issues] == ["bad-export"]
    assert there(engine, "SELECT COUNT(*) FROM sales") == [(8,)]


def test_a_failed_table_leaves_the_old_one(shop: Project, engine: Any) -> None:
    shop.export("board", "revenue_by_region")
    engine.run("ALTER TABLE sales RENAME COLUMN amount TO total")
    with pytest.raises(WarehouseError):
        shop.export("board", "revenue_by_region")
    assert by_region(engine, "board_revenue") == ROWS
