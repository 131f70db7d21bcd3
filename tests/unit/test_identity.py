"""Fingerprints of the example company, so that nothing changes them unnoticed.

Certificates name fingerprints: where this test fails after an upgrade of a dependency, its new way
of reading SQL would void them. Where an example's meaning was changed on purpose, pin the new one.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kpilayer import Project
from tests.conftest import ROOT

PINNED = {
    "invoiced_revenue": "f1:ad03cb9eaec37f2a",  # a sum with a filter
    "enterprise_share": "f1:a357ea318a50276c",  # a ratio, filtered by a joined dimension
    "payback_months": "f1:2c66e67c6542de44",  # a derived metric over derived ones
    "time_to_value": "f1:ccece0922cd1adb2",  # over a SQL model, with macros and a variable
    "days_to_pay": "f1:5cc3d0497aab7239",  # days between two dates
}


@pytest.mark.parametrize("metric", PINNED)
def test_fingerprints_of_the_example_stay(metric: str) -> None:
    found = {m.name: m.fingerprint for m in Project.load(ROOT).metrics}
    assert found[metric] == PINNED[metric]


SHOP = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: day_on
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: day_on, granularity: day, dimension: {type: time, is_partition: true}}
    metrics:
      - {name: revenue, agg: sum, expr: amount, filter: "{{ Dimension('customer__tier') }} = 'a'"}
  - name: customers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: day_on, granularity: day, dimension: {type: time}}
      - {name: tier, dimension: categorical}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dimension: {type: time}}", "dimension: {type: time, is_partition: true}}"),
        ("is_partition: true}}\n    metrics", "timezone: CET}}\n    metrics"),
        ("    agg_time", "    active: {from: a, to: b}\n    agg_time"),
        (
            "    agg_time",
            "    row_access: {filter: \"{{ Dimension('order__day_on') }} = {{ role.on }}\"}\n    agg_time",
        ),
    ],
    ids=["partitions", "zone", "interval", "row access"],
)
def test_whatever_will_change_a_number_changes_the_fingerprint(
    define: Callable[..., Project], old: str, new: str
) -> None:
    assert SHOP.count(old) == 1
    before, after = (define(text).metrics[0].fingerprint for text in (SHOP, SHOP.replace(old, new)))
    assert before != after


def test_one_alias_in_two_schemas_is_two_tables(define: Callable[..., Project]) -> None:
    def document(name: str, schema: str) -> str:
        return f"""
semantic_model:
  name: {name}
  node_relation: {{schema_name: {schema}, alias: orders}}
  primary_entity: {name}_row
  measures: [{{name: {name}_amount, agg: sum, expr: amount, create_metric: true}}]
"""

    both = define(f"{document('web', 'web')}---{document('shop', 'shop')}")
    first, second = both.metrics
    assert first.fingerprint != second.fingerprint
