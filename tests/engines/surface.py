"""A small shop whose numbers can be added by hand; what the tests of questions share.

Sales by month and region (NULL: no region):

            EU                       US                     none
    Jan     10 (ann) + 20 (bob)      5 (cat)                -
    Feb     40 (ann)                 -                      7 (dan)
    Mar     -                        80 (cat)               -
    Apr     100 (bob)                1 (eve)                -
"""

from __future__ import annotations

DEFINITIONS = """
models:
  - name: sales
    semantic_model: true
    agg_time_dimension: sold_on
    columns:
      - {name: sale_id, entity: {type: primary, name: sale}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: sold_on, granularity: day, dimension: time}
      - {name: channel, dimension: categorical}
  - name: customers
    semantic_model: true
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: name, dimension: categorical}
      - {name: region, dimension: categorical}
      - {name: tier, dimension: categorical}
metrics:
  - {name: revenue, model: sales, agg: sum, expr: amount}
  - {name: sold, model: sales, agg: count}
  - {name: buyers, model: sales, agg: count_distinct, expr: customer_id}
  - {name: web_revenue, input_metric: revenue, filter: "{{ Dimension('sale__channel') }} = 'web'"}
  - {name: per_sale, type: ratio, numerator: revenue, denominator: sold}
  - {name: share, type: share, input_metric: revenue, within: [metric_time]}
  - {name: so_far, type: cumulative, input_metric: revenue}
  - {name: last_40, type: cumulative, input_metric: revenue, window: 40 days}
saved_queries:
  - name: by_region
    query_params:
      metrics: [revenue]
      group_by: ["Dimension('customer__region')"]
      where: ["{{ Dimension('sale__channel') }} = 'web'"]
      order_by: ["-revenue"]
      limit: 2
"""

TABLES = {
    "customers": """
        SELECT CAST(id AS INTEGER) AS customer_id, CAST(name AS VARCHAR) AS name,
            CAST(region AS VARCHAR) AS region, CAST(tier AS INTEGER) AS tier
        FROM (VALUES (1, 'ann', 'EU', 1), (2, 'bob', 'EU', 2), (3, 'cat', 'US', 1),
            (4, 'dan', NULL, 2), (5, 'eve', 'US', NULL), (6, 'fay', 'APAC', 3))
            AS t(id, name, region, tier)
    """,
    "sales": """
        SELECT CAST(id AS INTEGER) AS sale_id, CAST(customer AS INTEGER) AS customer_id,
            CAST(day AS DATE) AS sold_on, CAST(channel AS VARCHAR) AS channel,
            CAST(amount AS DECIMAL(12, 2)) AS amount
        FROM (VALUES (1, 1, '2026-01-10', 'web', 10), (2, 2, '2026-01-20', 'shop', 20),
            (3, 3, '2026-01-31', 'web', 5), (4, 1, '2026-02-03', 'web', 40),
            (5, 4, '2026-02-28', 'shop', 7), (6, 3, '2026-03-01', 'web', 80),
            (7, 2, '2026-04-15', 'web', 100), (8, 5, '2026-04-30', 'shop', 1))
            AS t(id, customer, day, channel, amount)
    """,
}
