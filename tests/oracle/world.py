"""The tables and semantic models that random questions are about, and metrics that stay the same."""

from __future__ import annotations

from typing import Final

#: Columns of each table, in order, with their types.
TABLES: Final[dict[str, dict[str, str]]] = {
    "regions": {"region_id": "INTEGER", "zone": "VARCHAR"},
    "customers": {
        "customer_id": "INTEGER",
        "region_id": "INTEGER",
        "segment": "VARCHAR",
        "is_vip": "BOOLEAN",
        "joined": "DATE",
    },
    "products": {"sku": "VARCHAR", "category": "VARCHAR", "price": "DECIMAL(8,3)"},
    "levels": {
        "customer_id": "INTEGER",
        "level": "VARCHAR",
        "valid_from": "TIMESTAMP",
        "valid_to": "TIMESTAMP",
    },
    "shelves": {"sku": "VARCHAR", "depot": "INTEGER", "height": "VARCHAR"},
    "carriers": {"carrier_id": "INTEGER", "shipped_on": "DATE", "truck": "VARCHAR"},
    "clubs": {"club_id": "INTEGER", "title": "VARCHAR"},
    "memberships": {"customer_id": "INTEGER", "club_id": "INTEGER", "role": "VARCHAR"},
    "orders": {
        "order_id": "INTEGER",
        "buyer_id": "INTEGER",
        "payer_id": "INTEGER",
        "sku": "VARCHAR",
        "depot": "INTEGER",
        "carrier_id": "INTEGER",
        "ordered_at": "TIMESTAMP",
        "shipped_on": "DATE",
        "status": "VARCHAR",
        "amount": "DECIMAL(10,2)",
        "qty": "INTEGER",
        "is_gift": "BOOLEAN",
    },
    "payments": {
        "payment_id": "INTEGER",
        "customer_id": "INTEGER",
        "order_id": "INTEGER",
        "paid_on": "DATE",
        "method": "VARCHAR",
        "fee": "INTEGER",
        "value": "DOUBLE",
    },
    "visits": {"customer_id": "INTEGER", "visited_at": "TIMESTAMP", "page": "VARCHAR"},
    "signups": {"customer_id": "INTEGER", "signed_on": "DATE", "page": "VARCHAR"},
    "balances": {
        "account_id": "INTEGER",
        "region_id": "INTEGER",
        "taken_on": "DATE",
        "amount": "INTEGER",
    },
    "contracts": {
        "contract_id": "INTEGER",
        "region_id": "INTEGER",
        "starts_on": "DATE",
        "ends_on": "DATE",
        "fee": "INTEGER",
    },
    "calendar": {"day_on": "DATE"},
}

#: The column that is unique in each table, where there is one.
PRIMARY: Final[dict[str, str]] = {
    "regions": "region_id",
    "customers": "customer_id",
    "products": "sku",
    "clubs": "club_id",
    "orders": "order_id",
    "payments": "payment_id",
    "contracts": "contract_id",
}

MODELS: Final = """
models:
  - name: regions
    semantic_model: true
    columns:
      - {name: region_id, entity: {type: primary, name: region}}
      - {name: zone, dimension: categorical}
  - name: customers
    semantic_model: true
    agg_time_dimension: joined
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: region_id, entity: {type: foreign, name: region}}
      - {name: segment, dimension: categorical}
      - {name: is_vip, dimension: categorical}
      - {name: joined, granularity: month, dimension: time}
    derived_semantics:
      dimensions:
        - {name: tier, type: categorical, expr: "COALESCE(segment, 'none')"}
        - {name: source, type: categorical, expr: "'crm'"}
        - {name: is_loyal, type: categorical, expr: "is_vip AND segment = 'a'"}
  - name: products
    semantic_model: true
    columns:
      - {name: sku, entity: {type: primary, name: product}}
      - {name: category, dimension: categorical}
    derived_semantics:
      dimensions:
        - {name: is_dear, type: categorical, expr: price > 1}
  - name: levels
    semantic_model: true
    columns:
      - {name: customer_id, entity: {type: natural, name: loyalty}}
      - {name: level, dimension: categorical}
      - name: valid_from
        granularity: second
        dimension: {type: time, validity_params: {is_start: true}}
      - name: valid_to
        granularity: second
        dimension: {type: time, validity_params: {is_end: true}}
  - name: shelves
    semantic_model: true
    columns:
      - {name: height, dimension: categorical}
    derived_semantics:
      entities: [{name: shelf, type: primary, columns: [sku, depot]}]
  - name: carriers
    semantic_model: true
    columns:
      - {name: carrier_id, entity: {type: unique, name: carrier}}
      - {name: shipped_on, granularity: day, dimension: {type: time, is_partition: true}}
      - {name: truck, dimension: categorical}
  - name: clubs
    semantic_model: true
    columns:
      - {name: club_id, entity: {type: primary, name: club}}
      - {name: title, dimension: categorical}
  - name: memberships
    semantic_model: true
    primary_entity: membership
    bridge: true
    columns:
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: club_id, entity: {type: foreign, name: club}}
      - {name: role, dimension: categorical}
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: buyer_id, entity: {type: foreign, name: buyer, to: customer}}
      - {name: payer_id, entity: {type: foreign, name: payer, to: customer}}
      - {name: sku, entity: {type: foreign, name: product}}
      - {name: carrier_id, entity: {type: foreign, name: carrier}}
      - {name: ordered_at, granularity: second, dimension: time}
      - {name: shipped_on, granularity: day, dimension: {type: time, is_partition: true}}
      - {name: status, dimension: categorical}
      - {name: is_gift, dimension: categorical}
    derived_semantics:
      entities:
        - {name: shelf, type: foreign, columns: [sku, depot]}
        - {name: loyalty, type: foreign, expr: buyer_id}
      dimensions:
        - {name: is_large, type: categorical, expr: amount > 5}
        - {name: one, type: categorical, expr: 1}
  - name: payments
    semantic_model: true
    agg_time_dimension: paid_on
    columns:
      - {name: payment_id, entity: {type: primary, name: payment}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: paid_on, granularity: day, dimension: time}
      - {name: method, dimension: categorical}
  - name: visits
    semantic_model: true
    agg_time_dimension: visited_at
    primary_entity: visit
    columns:
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: visited_at, granularity: second, dimension: time}
      - {name: page, dimension: categorical}
  - name: signups
    semantic_model: true
    agg_time_dimension: signed_on
    primary_entity: signup
    columns:
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: signed_on, granularity: day, dimension: time}
      - {name: page, dimension: categorical}
  - name: balances
    semantic_model: true
    agg_time_dimension: taken_on
    primary_entity: balance
    columns:
      - {name: account_id, entity: {type: foreign, name: account}}
      - {name: region_id, entity: {type: foreign, name: region}}
      - {name: taken_on, granularity: day, dimension: time}
  - name: contracts
    semantic_model: true
    agg_time_dimension: starts_on
    active: {from: starts_on, to: ends_on}
    columns:
      - {name: contract_id, entity: {type: primary, name: contract}}
      - {name: region_id, entity: {type: foreign, name: region}}
      - {name: starts_on, granularity: day, dimension: time}
"""

SPINE: Final = """
  - name: calendar
    time_spine: {standard_granularity_column: day_on}
    columns: [{name: day_on, granularity: day}]
"""

METRICS: Final = """
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: order_count, model: orders, agg: count}
  - {name: status_count, model: orders, agg: count, expr: status}
  - {name: quantity, model: orders, agg: sum, expr: qty}
  - {name: buyers, model: orders, agg: count_distinct, expr: buyer_id}
  - {name: average_amount, model: orders, agg: average, expr: amount}
  - {name: middle_quantity, model: orders, agg: median, expr: qty}
  - {name: smallest, model: orders, agg: min, expr: amount}
  - {name: last_shipped, model: orders, agg: max, expr: shipped_on}
  - {name: gifts, model: orders, agg: sum_boolean, expr: is_gift}
  - {name: shipped_revenue, model: orders, agg: sum, expr: amount, agg_time_dimension: shipped_on}
  - {name: net, model: orders, agg: sum, expr: amount - qty / 4}
  - name: done_revenue
    input_metric: revenue
    filter: "{{ Dimension('order__status') }} = 'done'"
  - name: open_orders
    model: orders
    agg: count
    filter: "NOT {{ Dimension('order__status') }} = 'done'"
  - name: dear_buyers
    input_metric: buyers
    filter: "{{ Dimension('product__is_dear') }} OR {{ Dimension('product__category') }} IS NULL"
  - name: vip_gifts
    model: orders
    agg: sum_boolean
    expr: is_gift OR qty > 2
    filter:
      - "{{ Dimension('buyer__is_vip') }}"
      - "NOT ({{ Dimension('payer__segment') }} = 'a' AND {{ Dimension('order__is_gift') }})"
  - name: northern_revenue
    input_metric: revenue
    filter: "{{ Dimension('buyer__region__zone') }} = 'north'
      OR {{ Dimension('payer__region__zone') }} IN ('north', 'south')"
  - name: later_revenue
    input_metric: revenue
    filter: "{{ TimeDimension('metric_time', 'month') }} > '2024-02-10'"
  - {name: paid, model: payments, agg: sum, expr: value}
  - {name: fees, model: payments, agg: sum, expr: fee}
  - {name: payment_count, model: payments, agg: count, expr: "1"}
  - name: card_fees
    input_metric: fees
    filter: "{{ Dimension('payment__method') }} <> 'cash'"
  - {name: customer_count, model: customers, agg: count}
  - {name: vips, model: customers, agg: sum_boolean, expr: is_vip}
  - {name: average_order, type: ratio, numerator: revenue, denominator: order_count}
  - name: done_share
    type: ratio
    numerator: {name: revenue, filter: "{{ Dimension('order__status') }} = 'done'"}
    denominator: revenue
  - name: done_share_alias
    type: ratio
    numerator: {name: revenue, alias: done, filter: "{{ Dimension('order__status') }} = 'done'"}
    denominator: {name: revenue, alias: everything}
  - {name: fee_rate, type: ratio, numerator: fees, denominator: revenue}
  - {name: margin, type: derived, expr: revenue - fees, input_metrics: [revenue, fees]}
  - name: margin_rate
    type: derived
    expr: margin / gross - cost / 2
    input_metrics: [margin, {name: revenue, alias: gross}, {name: fees, alias: cost}]
  - name: gift_margin
    type: derived
    expr: gross - (rest - cost) * 2
    filter: "{{ Dimension('order__is_gift') }}"
    input_metrics:
      - {name: revenue, alias: gross}
      - {name: margin, alias: rest}
      - {name: fees, alias: cost, filter: "{{ Dimension('payment__method') }} = 'card'"}
  - {name: open_share, type: ratio, numerator: open_orders, denominator: order_count}
  - {name: orders_per_customer, type: ratio, numerator: order_count, denominator: customer_count}
  - {name: visit_count, model: visits, agg: count}
  - {name: visitors, model: visits, agg: count_distinct, expr: customer_id}
  - {name: signup_count, model: signups, agg: count}
  - {name: balance, model: balances, agg: sum, expr: amount}
"""

#: What may be grouped or filtered by, and literals to compare with: where it leads is found out.
NAMES: Final[dict[str, tuple[object, ...]]] = {
    "order": (1, 3),
    "customer": (2, 4),
    "product": ("p1", "p2"),
    "region": (1, 4),
    "order__buyer": (1, 2),
    "buyer__region": (1, 4),
    "order__status": ("done", "open", ""),
    "order__is_gift": (),
    "order__is_large": (),
    "order__one": (1, 2),
    "order__ordered_at": (),
    "order__shipped_on": (),
    "product__category": ("x",),
    "product__is_dear": (),
    "buyer__segment": ("a", "none"),
    "buyer__tier": ("a", "none"),
    "buyer__source": ("crm", "erp"),
    "buyer__is_vip": (),
    "buyer__is_loyal": (),
    "buyer__joined": (),
    "payer__segment": ("a", "b"),
    "payer__is_loyal": (),
    "payer__joined": (),
    "buyer__region__zone": ("north", "south"),
    "payer__region__zone": ("north",),
    "customer__segment": ("a", "none"),
    "customer__tier": ("a", "none"),
    "customer__is_loyal": (),
    "customer__joined": (),
    "region__zone": ("north", "south"),
    "payment__method": ("card",),
    "payment__paid_on": (),
    "loyalty__level": ("gold", "iron"),
    "shelf__height": ("top", "low"),
    "carrier__truck": ("red", "blue"),
    "visit__page": ("home", "buy"),
    "signup__page": ("home", "buy"),
    "club__title": ("chess", "golf"),
    "membership__role": ("chair", "guest"),
    "buyer__membership__role": ("chair", "guest"),
    "payer__membership__club__title": ("chess", "golf"),
    "account": (1, 2),
    "contract": (1, 2),
}
