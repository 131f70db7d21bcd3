"""Views of a live database beside the layer, on every engine that has views."""

from __future__ import annotations

import pytest

from kpilayer import ConfigError
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


def test_joins_of_views_are_read_and_a_schema_that_is_not_there_is_an_error(
    engine: Engine,
) -> None:
    if engine.name not in ("duckdb", "postgres", "mariadb"):
        pytest.skip(f"{engine.name} writes the text as it was given")
    project = engine.project(MODEL, tables={"orders": ORDERS, "people": "SELECT 1 AS order_id"})
    connection = wrap(engine.connection)
    connection.execute(
        "CREATE VIEW beside AS SELECT o.region, SUM(o.amount) AS revenue "
        "FROM orders o LEFT JOIN people p ON p.order_id = o.id WHERE o.status = 'paid' "
        "GROUP BY o.region"
    )
    schema = connection.run(SCHEMA[engine.name])[0][0].as_py()
    (found,) = project.drift(views=schema).findings
    assert found.why == ("a row of `orders` counts once for each row of `people`",)
    with pytest.raises(ConfigError, match="there is no schema `nowhere`"):
        project.drift(views="nowhere")


def test_views_that_were_published_are_no_drift(engine: Engine) -> None:
    if engine.name not in ("duckdb", "postgres", "mariadb", "sqlite"):
        pytest.skip(f"nothing is published on {engine.name}")
    project = engine.project(MODEL, tables={"orders": ORDERS})
    schema = wrap(engine.connection).run(SCHEMA[engine.name])[0][0].as_py()
    project.publish(schema=schema)
    assert project.drift(views=schema).findings == ()
