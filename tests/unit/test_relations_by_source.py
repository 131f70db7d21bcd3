"""A semantic model may stand on a dbt source or ref by its `relation`."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kpilayer import Project
from tests.conftest import Define


def definitions(relation: str, sources: str = "") -> str:
    return textwrap.dedent(f"""
        models:
          - name: purchases
            relation: "{relation}"
            semantic_model: true
            agg_time_dimension: ordered_on
            columns:
              - {{name: order_id, entity: {{type: primary, name: purchase}}}}
              - {{name: ordered_on, dimension: {{type: time}}, granularity: day}}
            metrics:
              - {{name: revenue, agg: sum, expr: amount}}
        """) + textwrap.dedent(sources)


LAKE = """
sources:
  - {name: raw, schema: lake, tables: [{name: orders}]}
"""


def test_a_source_leads_to_its_table(define: Define) -> None:
    project = define(definitions("{{ source('raw', 'orders') }}", LAKE))
    assert project.compile("revenue").endswith("FROM lake.orders AS purchases")


def test_a_source_that_nothing_describes_is_the_table_of_its_names(define: Define) -> None:
    project = define(definitions("{{ source('lake', 'orders') }}"))
    assert project.compile("revenue").endswith("FROM lake.orders AS purchases")


def test_a_source_of_files_is_read_from_them(define: Define, tmp_path: Path) -> None:
    sources = """
    sources:
      - name: raw
        meta: {external_location: "data/{name}.csv"}
        tables: [{name: orders}]
    """
    file = tmp_path / "data" / "orders.csv"
    file.parent.mkdir()
    file.write_text("order_id,ordered_on,amount\n1,2026-01-05,10\n2,2026-01-06,20\n")
    project = define(definitions("{{ source('raw', 'orders') }}", sources))
    assert project.query("revenue").rows() == [(30,)]


def test_a_ref_leads_to_the_sql_model(define: Define) -> None:
    sql = {"models/paid.sql": "SELECT 1 AS order_id, CURRENT_DATE AS ordered_on, 7 AS amount"}
    project = define(definitions("{{ ref('paid') }}"), files=sql)
    assert project.query("revenue").rows() == [(7,)]


@pytest.mark.parametrize("schema", ["lake", "lake_of_somebody"])
def test_the_meaning_of_a_metric_names_the_source_and_not_its_schema(
    define: Define, schema: str
) -> None:
    def fingerprint(project: Project) -> str:
        (metric,) = project.metrics
        return metric.fingerprint

    relation = "{{ source('raw', 'orders') }}"
    here = fingerprint(define(definitions(relation, LAKE)))
    there = fingerprint(define(definitions(relation, LAKE.replace("lake", schema))))
    assert here == there
    assert here != fingerprint(define(definitions("lake.orders", LAKE)))
