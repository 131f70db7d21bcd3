"""The files that ``kpilayer init`` writes: a small shop whose CSV files DuckDB reads in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PROJECT: Final = """\
# What kpilayer needs to know about this project. Every key except `name` has a default.
name: {name}

# The SQL dialect in which expressions are written; they are translated to the warehouse's.
dialect: duckdb

# Without a profile, queries run on DuckDB at .kpilayer/{name}.duckdb. To run them on another
# warehouse, name a profile of profiles.yml, which has the format of dbt's:
# profile: {name}
"""

_MODELS: Final = """\
# A semantic model says what the rows and columns of a table are for: entities join tables,
# dimensions group and filter, and metrics (see metrics/) count or add up what is left.
models:
  - name: orders
    description: One row per order.
    semantic_model: true
    path: data/orders.csv # in a warehouse this is `relation: schema.orders`
    agg_time_dimension: ordered_at
    columns:
      - name: order_id
        entity: {type: primary, name: order}
      - name: customer_id
        entity: {type: foreign, name: customer}
      - name: ordered_at
        granularity: day
        dimension: time
      - name: status
        dimension: categorical
        description: paid, open or cancelled.
      - name: amount
        description: Value of the order in euros.

  - name: customers
    description: One row per customer.
    semantic_model: true
    path: data/customers.csv
    columns:
      - name: customer_id
        entity: {type: primary, name: customer}
      - name: country
        dimension: categorical
      - name: segment
        dimension: categorical
"""

_METRICS: Final = """\
# A metric is a business number, defined once. Try:
#   kpilayer query -m revenue,orders,average_order -g metric_time__month
#   kpilayer query -m revenue -g customer__country
metrics:
  - name: revenue
    label: Revenue
    description: Value of all orders that were not cancelled.
    model: orders
    agg: sum
    expr: CAST(amount AS DECIMAL(12, 2)) # a CSV file has no exact types, money needs one
    filter: "{{ not_cancelled() }}" # a macro of macros/filters.sql
    unit: EUR

  - name: orders
    label: Orders
    description: Number of orders that were not cancelled.
    model: orders
    agg: count
    filter: "{{ not_cancelled() }}"

  - name: average_order
    label: Average order value
    description: Revenue per order.
    type: ratio
    numerator: revenue
    denominator: orders
    unit: EUR

  - name: paid_revenue
    label: Paid revenue
    description: Revenue of orders that are paid.
    input_metric: revenue # the same number, narrowed: no formula is written twice
    filter: "{{ Dimension('order__status') }} = 'paid'"
    unit: EUR
"""

_MACROS: Final = """\
{# A macro is text used in several places. Definitions call it by its name. #}
{% macro not_cancelled() %}{{ Dimension('order__status') }} <> 'cancelled'{% endmacro %}
"""

_ORDERS: Final = """\
order_id,customer_id,ordered_at,status,amount
1,1,2026-01-05,paid,120.00
2,2,2026-01-17,paid,80.50
3,3,2026-01-28,cancelled,45.00
4,1,2026-02-03,paid,60.00
5,4,2026-02-14,paid,210.00
6,2,2026-02-20,open,99.90
7,5,2026-03-02,paid,35.00
8,3,2026-03-11,paid,150.25
9,,2026-03-19,open,20.00
10,4,2026-03-30,paid,75.00
"""

_CUSTOMERS: Final = """\
customer_id,country,segment
1,DE,business
2,FR,private
3,DE,private
4,IT,business
5,FR,business
"""

_IGNORED: Final = """\
# Made by kpilayer, and made again at any time.
.kpilayer/
target/
"""


def starter_files(name: str) -> Mapping[str, str]:
    """Text by path for a project of this name."""
    return {
        "kpilayer.yml": _PROJECT.format(name=name),
        "models/shop.yml": _MODELS,
        "metrics/sales.yml": _METRICS,
        "macros/filters.sql": _MACROS,
        "data/orders.csv": _ORDERS,
        "data/customers.csv": _CUSTOMERS,
        ".gitignore": _IGNORED,
    }
