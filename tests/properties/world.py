"""The definitions that the property tests ask: as YAML, and again for the brute force."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from tests.properties.brute_force import (
    Both,
    Compare,
    Condition,
    Either,
    Formula,
    Hop,
    IsNull,
    IsTrue,
    Item,
    Metric,
    Not,
    Place,
    Row,
    Total,
    World,
    divided,
)

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
    "orders": {
        "order_id": "INTEGER",
        "buyer_id": "INTEGER",
        "payer_id": "INTEGER",
        "sku": "VARCHAR",
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
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: buyer_id, entity: {type: foreign, name: buyer, to: customer}}
      - {name: payer_id, entity: {type: foreign, name: payer, to: customer}}
      - {name: sku, entity: {type: foreign, name: product}}
      - {name: ordered_at, granularity: second, dimension: time}
      - {name: shipped_on, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
      - {name: is_gift, dimension: categorical}
    derived_semantics:
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
  - name: margin
    type: derived
    expr: revenue - fees
    input_metrics: [revenue, fees]
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
"""

# ------------------------------------------------------------------------------------------- places


def column(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


def _and(left: bool | None, right: bool | None) -> bool | None:
    return False if False in (left, right) else None if None in (left, right) else True


def _or(left: bool | None, right: bool | None) -> bool | None:
    return True if True in (left, right) else None if None in (left, right) else False


def _above(value: Any, bound: Any) -> bool | None:
    return None if value is None else bool(value > bound)


def _is(value: Any, other: Any) -> bool | None:
    return None if value is None else bool(value == other)


_REGION = Hop("region_id", "regions", "region_id")
_PAYER = Hop("customer_id", "customers", "customer_id")


def _customer(hops: tuple[Hop, ...], prefix: str) -> dict[str, Place]:
    return {
        f"{prefix}__segment": Place(hops, column("segment")),
        f"{prefix}__is_vip": Place(hops, column("is_vip")),
        f"{prefix}__joined": Place(hops, column("joined"), "month"),
        f"{prefix}__tier": Place(hops, lambda r: r["segment"] or "none"),
        f"{prefix}__source": Place(hops, lambda r: "crm"),
        f"{prefix}__is_loyal": Place(hops, lambda r: _and(r["is_vip"], _is(r["segment"], "a"))),
        f"{prefix}__region": Place(hops, column("region_id")),
        f"{prefix}__region__zone": Place((*hops, _REGION), column("zone")),
    }


def _order(hops: tuple[Hop, ...]) -> dict[str, Place]:
    product = (*hops, Hop("sku", "products", "sku"))
    return {
        "order__status": Place(hops, column("status")),
        "order__is_gift": Place(hops, column("is_gift")),
        "order__ordered_at": Place(hops, column("ordered_at"), "second"),
        "order__shipped_on": Place(hops, column("shipped_on"), "day"),
        "order__is_large": Place(hops, lambda r: _above(r["amount"], 5)),
        "order__one": Place(hops, lambda r: 1),
        "order__buyer": Place(hops, column("buyer_id")),
        "product__category": Place(product, column("category")),
        "product__is_dear": Place(product, lambda r: _above(r["price"], 1)),
        "order": Place((), column("order_id")),
        **_customer((*hops, Hop("buyer_id", "customers", "customer_id")), "buyer"),
        **_customer((*hops, Hop("payer_id", "customers", "customer_id")), "payer"),
    }


PLACES: Final[dict[str, dict[str, Place]]] = {
    "orders": {**_order(()), "product": Place((), column("sku"))},
    "payments": {
        **_order((Hop("order_id", "orders", "order_id"),)),
        **_customer((_PAYER,), "customer"),
        "region__zone": Place((_PAYER, _REGION), column("zone")),
        "payment__method": Place((), column("method")),
        "payment__paid_on": Place((), column("paid_on"), "day"),
        "customer": Place((), column("customer_id")),
    },
    "customers": {
        **{k: p for k, p in _customer((), "customer").items() if p.hops == ()},
        "region__zone": Place((_REGION,), column("zone")),
        "region": Place((), column("region_id")),
        "customer": Place((), column("customer_id")),
    },
}

# ------------------------------------------------------------------------------------------ metrics


def _orders(agg: str, value: Any = 1, *keep: Condition, time: str = "ordered_at") -> Total:
    read = column(value) if isinstance(value, str) else value if callable(value) else lambda r: 1
    return Total("orders", agg, read, keep, f"order__{time}")


def _payments(agg: str, value: Any = 1, *keep: Condition) -> Total:
    read = column(value) if isinstance(value, str) else lambda r: 1
    return Total("payments", agg, read, keep, "payment__paid_on")


def _customers(agg: str, value: Any = 1) -> Total:
    read = column(value) if isinstance(value, str) else lambda r: 1
    return Total("customers", agg, read, (), "customer__joined")


def _net(row: Row) -> float | None:
    if row["amount"] is None or row["qty"] is None:
        return None
    return float(row["amount"]) - row["qty"] / 4


_DONE = Compare(Item("order__status"), "=", ("done",))
_GIFT = IsTrue(Item("order__is_gift"))
_REVENUE = _orders("sum", "amount")
_FEES = _payments("sum", "fee")
_ORDERS = _orders("count")
_OPEN = _orders("count", 1, Not(_DONE))
_MARGIN = Formula((_REVENUE, _FEES), lambda a, b: a - b)


def _margin_rate(margin: Any, gross: Any, cost: Any) -> float | None:
    share = divided(margin, gross)
    return None if share is None else share - cost / 2


def _ratio(numerator: Metric, denominator: Metric) -> Formula:
    return Formula((numerator, denominator), divided)


METRIC_MEANINGS: Final[dict[str, Metric]] = {
    "revenue": _REVENUE,
    "order_count": _ORDERS,
    "status_count": _orders("count", "status"),
    "quantity": _orders("sum", "qty"),
    "buyers": _orders("count_distinct", "buyer_id"),
    "average_amount": _orders("average", "amount"),
    "middle_quantity": _orders("median", "qty"),
    "smallest": _orders("min", "amount"),
    "last_shipped": _orders("max", "shipped_on"),
    "gifts": _orders("sum_boolean", "is_gift"),
    "shipped_revenue": _orders("sum", "amount", time="shipped_on"),
    "net": _orders("sum", _net),
    "done_revenue": _orders("sum", "amount", _DONE),
    "open_orders": _OPEN,
    "dear_buyers": _orders(
        "count_distinct",
        "buyer_id",
        Either(IsTrue(Item("product__is_dear")), IsNull(Item("product__category"))),
    ),
    "vip_gifts": _orders(
        "sum_boolean",
        lambda r: _or(r["is_gift"], _above(r["qty"], 2)),
        IsTrue(Item("buyer__is_vip")),
        Not(Both(Compare(Item("payer__segment"), "=", ("a",)), _GIFT)),
    ),
    "northern_revenue": _orders(
        "sum",
        "amount",
        Either(
            Compare(Item("buyer__region__zone"), "=", ("north",)),
            Compare(Item("payer__region__zone"), "in", ("north", "south")),
        ),
    ),
    "later_revenue": _orders(
        "sum", "amount", Compare(Item("metric_time", "month"), ">", (date(2024, 2, 10),))
    ),
    "paid": _payments("sum", "value"),
    "fees": _FEES,
    "payment_count": _payments("count"),
    "card_fees": _payments("sum", "fee", Compare(Item("payment__method"), "!=", ("cash",))),
    "customer_count": _customers("count"),
    "vips": _customers("sum_boolean", "is_vip"),
    "average_order": _ratio(_REVENUE, _ORDERS),
    "done_share": _ratio(_orders("sum", "amount", _DONE), _REVENUE),
    "done_share_alias": _ratio(_orders("sum", "amount", _DONE), _REVENUE),
    "fee_rate": _ratio(_FEES, _REVENUE),
    "margin": _MARGIN,
    "margin_rate": Formula((_MARGIN, _REVENUE, _FEES), _margin_rate),
    "gift_margin": Formula(
        (
            _orders("sum", "amount", _GIFT),
            Formula(
                (_orders("sum", "amount", _GIFT), _payments("sum", "fee", _GIFT)),
                lambda a, b: a - b,
            ),
            _payments("sum", "fee", Compare(Item("payment__method"), "=", ("card",)), _GIFT),
        ),
        lambda gross, rest, cost: gross - (rest - cost) * 2,
    ),
    "open_share": _ratio(_OPEN, _ORDERS),
    "orders_per_customer": _ratio(_ORDERS, _customers("count")),
}

WORLD: Final = World(PLACES, METRIC_MEANINGS)
