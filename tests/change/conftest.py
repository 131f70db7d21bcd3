"""A shop as it was and as it is: the two sides of a change."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kpilayer import Project
from kpilayer.change.evidence import Effort
from kpilayer.reviewing import Diff

MODELS = """
models:
  - name: orders
    semantic_model: true
    relation: orders
    agg_time_dimension: ordered_at
    config: {group: sales}
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: paid_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
      - {name: channel, dimension: categorical}
    derived_semantics:
      dimensions:
        - {name: is_large, type: categorical, expr: amount >= 100}
  - name: customers
    semantic_model: true
    relation: customers
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: region, dimension: categorical}
groups:
  - {name: finance, owner: {name: Finance}, approvers: [lead]}
  - {name: sales, owner: {name: Sales}}
"""
METRICS = """
metrics:
  - name: revenue
    label: Revenue
    description: What was paid.
    model: orders
    agg: sum
    expr: amount
    filter: "{{ Dimension('order__status') }} = 'paid'"
    unit: EUR
    config: {group: finance}
  - {name: order_count, model: orders, agg: count, expr: order_id}
  - {name: aov, type: ratio, numerator: revenue, denominator: order_count}
  - {name: share_of_itself, type: ratio, numerator: revenue, denominator: revenue}
  - {name: large_orders, input_metric: order_count, filter: "{{ Dimension('order__is_large') }}"}
  - {name: revenue_of_28_days, type: cumulative, input_metric: revenue, window: 28 days}
"""
USES = """
saved_queries:
  - name: board
    query_params: {metrics: [aov], group_by: [metric_time__month, customer__region]}
exposures:
  - name: weekly
    type: dashboard
    owner: {name: Sales}
    depends_on: [metric('aov')]
views:
  - {name: monthly, metrics: [revenue], dimensions: [order__status]}
"""
LOCK = """
dialect: duckdb
relations:
  customers:
    columns:
      customer_id: {type: BIGINT, nullable: false}
      region: {type: VARCHAR}
  orders:
    columns:
      order_id: {type: BIGINT, nullable: false}
      customer_id: {type: BIGINT}
      ordered_at: {type: DATE}
      paid_at: {type: DATE}
      status: {type: VARCHAR}
      channel: {type: VARCHAR}
      amount: {type: 'DECIMAL(12,2)'}
    keys: [[order_id]]
"""


@dataclass
class Shop:
    """Two folders, ``before`` and ``after``, with the same project until one is changed."""

    root: Path

    def write(self, side: str, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")

    def edit(self, old: str, new: str, file: str = "metrics/shop.yml", side: str = "after") -> None:
        """Replaces a text that is there exactly once."""
        path = self.root / side / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"`{old}` stands there {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def diff(self, **rest: Any) -> Diff:
        rest.setdefault("effort", Effort(trials=120))
        rest.setdefault("today", date(2026, 6, 1))
        return Project.load(self.root / "after").diff(str(self.root / "before"), **rest)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    files = {
        "kpilayer.yml": "name: shop\n",
        "models/shop.yml": MODELS,
        "metrics/shop.yml": METRICS,
        "models/uses.yml": USES,
        "kpilayer.lock": LOCK,
    }
    for side in ("before", "after"):
        made.write(side, files)
    return made


Edit = Callable[[Shop], None]
