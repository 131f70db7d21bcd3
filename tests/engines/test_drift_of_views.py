"""Views of a live database beside the layer, on every engine that has views."""

from __future__ import annotations

import pytest

from kpilayer.warehouse.connect import wrap
from tests.engines.conftest import Engine

MODEL = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
      - {name: region, dimension: categorical}
metrics:
  - name: revenue
    model: orders
    agg: sum
    expr: amount
    filter: "{{ Dimension('order__status') }} = 'paid'"
"""
ORDERS = """
SELECT 1 AS id, DATE '2026-01-05' AS ordered_at, 'paid' AS status, 'north' AS region,
       CAST(10 AS DECIMAL(12, 2)) AS amount
"""
SCHEMA = {
    "duckdb": "SELECT current_schema()",
    "postgres": "SELECT current_schema()",
    "mariadb": "SELECT database()",
    "mysql": "SELECT database()",
    "clickhouse": "SELECT currentDatabase()",
    "spark": "SELECT current_schema()",
    "sqlite": "SELECT 'main'",
}


def test_views_of_a_live_database_are_read_as_they_stand_there(engine: Engine) -> None:
    if engine.name not in SCHEMA:
        pytest.skip(f"{engine.name} is an executor without views")
    project = engine.project(MODEL, tables={"orders": ORDERS})
    connection = wrap(engine.connection)
    if engine.name == "spark":  # a view that lasts reads nothing that does not
        connection.execute("DROP VIEW orders")
        connection.execute(f"CREATE VIEW orders AS {ORDERS}")
    paid = "SELECT region, SUM(amount) AS revenue FROM orders WHERE status = 'paid' GROUP BY region"
    connection.execute(f"CREATE VIEW by_region AS {paid}")
    more = paid.replace("= 'paid'", "IN ('paid', 'sent')")
    connection.execute(f"CREATE VIEW sales AS {more}")
    schema = connection.run(SCHEMA[engine.name])[0][0].as_py()
    found = project.drift(views=schema)
    for view in ("sales", "by_region", "orders") if engine.name == "spark" else ():
        connection.execute(f"DROP VIEW {view}")
    assert found.issues == ()
    assert [(f.location.path, f.verdict, f.metric) for f in found.findings] == [
        (f"{schema}.by_region", "exact", "revenue"),
        (f"{schema}.sales", "conflicting", "revenue"),
    ]


def test_views_that_were_published_are_no_drift(engine: Engine) -> None:
    if engine.name not in ("duckdb", "postgres", "mariadb", "sqlite"):
        pytest.skip(f"nothing is published on {engine.name}")
    project = engine.project(MODEL, tables={"orders": ORDERS})
    schema = wrap(engine.connection).run(SCHEMA[engine.name])[0][0].as_py()
    project.publish(schema=schema)
    assert project.drift(views=schema).findings == ()
