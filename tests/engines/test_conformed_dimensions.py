"""One name for a dimension that several models have, for each metric the one that it reaches."""

from __future__ import annotations

from typing import Any

import pytest

from kpilayer import DefinitionError, Project, QueryError

SALES = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, granularity: day, dimension: time}
  - name: customers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: region, dimension: categorical}
      - {name: since, granularity: day, dimension: time}
    metrics:
      - {name: customers, agg: count}
  - name: targets
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: target_line}}
      - {name: area, dimension: {type: categorical, name: region}}
      - {name: agreed_on, granularity: day, dimension: time}
  - name: stores
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: store}}
    metrics:
      - {name: stores, agg: count}
metrics:
  - {name: orders, model: orders, agg: count}
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: target, model: targets, agg: sum, expr: amount}
  - {name: attainment, type: ratio, numerator: revenue, denominator: target}
  - name: european
    type: ratio
    numerator: revenue
    denominator: target
    filter: "{{ Dimension('region') }} = 'EU'"
conformed_dimensions:
  - {name: region, from: [customer__region, target_line__region]}
  - {name: began, from: [customer__since, target_line__agreed_on], label: Beginning}
"""
ROWS = {
    "orders": """SELECT * FROM (VALUES (1, 1, DATE '2024-01-01', 10), (2, 2, DATE '2024-01-02', 20),
        (3, NULL, DATE '2024-02-01', 5)) AS t(id, customer_id, ordered_on, amount)""",
    "customers": """SELECT * FROM (VALUES (1, 'EU', DATE '2023-05-05'), (2, 'US', DATE '2023-06-06')
        ) AS t(id, region, since)""",
    "targets": """SELECT * FROM (VALUES (1, 'EU', DATE '2023-05-01', 40), (2, 'EU', DATE '2023-07-01', 10),
        (3, 'ASIA', NULL, 7)) AS t(id, area, agreed_on, amount)""",
    "stores": "SELECT 1 AS id",
}


@pytest.fixture
def sales(engine: Any) -> Project:
    found: Project = engine.project(SALES, tables=ROWS)
    assert [str(i) for i in found.check() if i.severity == "error"] == []
    return found


def test_metrics_of_different_tables_meet_by_a_conformed_name(sales: Project, engine: Any) -> None:
    truth = engine.rows(
        """SELECT region, SUM(a), SUM(b) FROM (
             SELECT c.region, SUM(o.amount) AS a, NULL AS b FROM orders o
             LEFT JOIN customers c ON c.id = o.customer_id GROUP BY 1
             UNION ALL SELECT area, NULL, SUM(amount) FROM targets GROUP BY 1) t
           GROUP BY 1 ORDER BY 1 NULLS LAST"""
    )
    assert truth == [("ASIA", None, 7), ("EU", 10, 50), ("US", 20, None), (None, 5, None)]
    assert sales.query(["revenue", "target"], "region").rows() == truth
    ratios = sales.query("attainment", "region").rows()
    assert ratios == [("ASIA", None), ("EU", 0.2), ("US", None), (None, None)]


def test_a_conformed_time_has_grains(sales: Project) -> None:
    found = sales.query(["customers", "target"], "began__quarter").rows()
    assert [tuple(map(str, row)) for row in found] == [
        ("2023-04-01", "2", "40"),
        ("2023-07-01", "None", "10"),
        ("None", "None", "7"),
    ]


def test_filters_use_the_name(sales: Project) -> None:
    assert sales.query("european").rows() == [(0.2,)]
    assert sales.query(["revenue", "target"], where="region = 'EU'").rows() == [(10, 50)]
    asked = {"where": "{{ Dimension('region') }} IS NULL"}
    assert sales.query("orders", "region", **asked).rows() == [(None, 1)]


def test_the_fingerprint_is_that_of_the_columns(sales: Project) -> None:
    both = sales.prepare(["revenue", "target"], "region").fingerprints["region"]
    one = sales.prepare("revenue", "region").fingerprints["region"]
    assert one == sales.prepare("revenue", "customer__region").fingerprints["customer__region"]
    assert both != one


def test_a_metric_that_reaches_none_of_the_addresses_says_so(sales: Project) -> None:
    with pytest.raises(QueryError, match="no-join-path") as refused:
        sales.query("stores", "region")
    [issue] = refused.value.issues
    assert "`customer__region` or `target_line__region`" in issue.message


def test_a_metric_that_reaches_several_says_so(define: Any) -> None:
    column = "      - {name: customer_id, entity: {type: foreign, name: customer}}"
    also = "      - {name: target_id, entity: {type: foreign, name: target_line}}"
    project = define(SALES.replace(column, f"{column}\n{also}"))
    assert "ambiguous-join" in {i.code for i in project.check()}  # the filter of `european`
    with pytest.raises(DefinitionError, match="`customer__region` or `target_line__region`"):
        project.compile("revenue", "region")


def test_the_many_side_is_no_conformed_dimension(define: Any) -> None:
    """Customers have many orders: what an order has is not one value of a customer."""
    text = SALES.replace("target_line__agreed_on]", "order__ordered_on]").replace(
        "[customer__since, ", "["
    )
    with pytest.raises(QueryError, match="no-join-path"):
        define(text).compile("customers", "began")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("target_line__region]", "target_line__regoin]"), "unknown-dimension"),
        (("{name: region, from", "{name: store, from"), "duplicate-name"),
        (("customer__since, ", "customer__region, "), "type-mismatch"),
    ],
)
def test_what_is_wrong_with_one_is_found(define: Any, change: tuple[str, str], code: str) -> None:
    issues = define(SALES.replace(*change)).check()
    found = [i for i in issues if i.code == code]
    assert found, issues
    assert found[0].location is not None


def test_types_of_the_warehouse_must_agree(engine: Any) -> None:
    rows = ROWS | {
        "targets": "SELECT 1 AS id, 5 AS area, DATE '2024-01-01' AS agreed_on, 1 AS amount"
    }
    project = engine.project(SALES, tables=rows)
    project.lock()
    issues = Project.load(engine.folder).check()
    assert [i.code for i in issues if i.severity == "error"] == ["type-mismatch"]
