"""A computed metric has its value where an input has a row, whatever is asked beside it (A.8)."""

from __future__ import annotations

import pytest

from tests.engines.conftest import Engine

VISITS = {
    "visits": """
        SELECT id, user_id, CAST(happened AS DATE) AS happened, kind FROM (VALUES
            (1, 1, '2026-01-01', 'visit'), (2, 1, '2026-01-03', 'order'),
            (3, 2, '2026-02-01', 'visit'),
            (4, 3, '2026-03-01', 'order'),
            (5, 4, '2026-05-01', 'visit'), (6, 5, '2026-05-02', 'visit'), (7, 5, '2026-05-03', 'visit')
        ) AS t(id, user_id, happened, kind)"""
}
DEFINITIONS = """
models:
  - name: visits
    semantic_model: true
    agg_time_dimension: happened
    columns:
      - {name: id, entity: {type: primary, name: visit}}
      - {name: user_id, entity: {type: foreign, name: user}}
      - {name: happened, granularity: day, dimension: {type: time}}
      - {name: kind, dimension: {type: categorical}}
    metrics:
      - {name: events_seen, agg: count, expr: id}
      - {name: made, agg: count, expr: id, filter: "{{ Dimension('visit__kind') }} = 'visit'"}
      - {name: ordered, agg: count, expr: id, filter: "{{ Dimension('visit__kind') }} = 'order'"}
metrics:
  - {name: latest, type: conversion, entity: user, base_metric: made, conversion_metric: ordered, window: 7 days}
  - {name: number, type: conversion, entity: user, base_metric: made, conversion_metric: ordered, window: 7 days, calculation: conversions}
  - {name: any_of, type: conversion, entity: user, base_metric: made, conversion_metric: ordered, window: 7 days, base_event: any}
  - {name: path, type: funnel, entity: user, steps: [made, ordered, ordered], calculation: rate_from_previous}
  - {name: spread_of, type: nested, agg: stddev, input_metric: made, per: [user]}
"""
#: By month, with -1 where a metric has no value and its model has rows.
EXPECTED = {
    "latest": [1, -1, None, -1],
    "number": [1, -1, None, -1],
    "any_of": [1, -1, None, -1],
    "path": [1, -1, None, -1],
    "spread_of": [-1, -1, None, 0.707107],
}


@pytest.mark.parametrize("metric", EXPECTED)
def test_a_row_without_a_value_is_a_row(engine: Engine, metric: str) -> None:
    derived = f"  - {{name: shown, type: derived, expr: 'coalesce({metric}, -1)', input_metrics: [{metric}]}}\n"
    project = engine.project(DEFINITIONS + derived, tables=VISITS)
    beside = project.query(["shown", "events_seen"], ["metric_time__month"]).rows()
    found = [None if value is None else round(float(value), 6) for _, value, _ in beside]
    assert found == EXPECTED[metric]
    alone = project.query("shown", ["metric_time__month"]).rows()
    assert [round(float(value), 6) for _, value in alone] == [v for v in found if v is not None]
