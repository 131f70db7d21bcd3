"""The questions that `query.py` asks, in the words of kpilayer and, where it can, of MetricFlow.

Each has a text in `sql/<data>/<name>.sql`, written by hand as an analyst would, with the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Words = tuple[str, ...]
#: What a question is an example of, for the goals: metrics of one fact, or windows of time.
Kind = Literal["", "shared", "trailing"]


@dataclass(frozen=True)
class Question:
    """One question; its words are MetricFlow's too, unless it says why not."""

    name: str
    metrics: Words
    group_by: Words = ()
    where: Words = ()
    start: str | None = None
    end: str | None = None
    order_by: Words = ()
    limit: int | None = None
    kind: Kind = ""
    not_in_metricflow: str = ""


_YEAR: Final = ("2025-01-01", "2025-12-31")
_JUNE: Final = ("2025-06-01", "2025-06-30")
_MONTH_AND_SEGMENT: Final = ("metric_time__month", "customer__segment")

#: TPC-H, its dates 28 years later.
TPCH: Final = (
    Question(
        "pricing_summary",
        (
            "quantity",
            "list_price",
            "revenue",
            "charged",
            "average_quantity",
            "average_price",
            "average_discount",
            "order_lines",
        ),
        ("line__return_flag", "line__line_status"),
        ("{{ TimeDimension('line__shipped_on', 'day') }} <= '2026-09-02'",),
    ),
    Question(
        "top_orders",
        ("revenue",),
        ("sales_order", "sales_order__ordered_on__day", "sales_order__ship_priority"),
        (
            "{{ Dimension('customer__segment', entity_path=['sales_order']) }} = 'BUILDING'",
            "{{ TimeDimension('sales_order__ordered_on', 'day') }} < '2023-03-15'",
            "{{ TimeDimension('line__shipped_on', 'day') }} > '2023-03-15'",
        ),
        order_by=("-revenue", "sales_order__ordered_on__day"),
        limit=10,
    ),
    Question(
        "local_suppliers",
        ("revenue",),
        ("supplier__nation__nation_name",),
        (
            "{{ Dimension('region__region_name', entity_path=['supplier', 'nation']) }} = 'ASIA'",
            "{{ Entity('nation', entity_path=['supplier']) }}"
            " = {{ Entity('nation', entity_path=['sales_order', 'customer']) }}",
            "{{ TimeDimension('sales_order__ordered_on', 'day') }} >= '2022-01-01'",
            "{{ TimeDimension('sales_order__ordered_on', 'day') }} < '2023-01-01'",
        ),
        not_in_metricflow="it joins over two hops at most",
    ),
    Question(
        "discounts_given",
        ("discounts_given",),
        where=(
            "{{ TimeDimension('line__shipped_on', 'day') }} >= '2022-01-01'",
            "{{ TimeDimension('line__shipped_on', 'day') }} < '2023-01-01'",
            "{{ Dimension('line__discount') }} BETWEEN 0.05 AND 0.07",
            "{{ Dimension('line__line_quantity') }} < 24",
        ),
    ),
    Question(
        "market_share",
        ("brazilian_share",),
        ("sales_order__ordered_on__extract_year",),
        (
            "{{ Dimension('sales_order__customer__nation__region__region_name') }} = 'AMERICA'",
            "{{ TimeDimension('sales_order__ordered_on', 'day') }}"
            " BETWEEN '2023-01-01' AND '2024-12-31'",
            "{{ Dimension('part__part_type') }} = 'ECONOMY ANODIZED STEEL'",
        ),
        not_in_metricflow="it joins over two hops at most",
    ),
    Question(
        "product_profit",
        ("profit",),
        ("supplier__nation__nation_name", "sales_order__ordered_on__extract_year"),
        ("{{ Dimension('part__part_name') }} LIKE '%green%'",),
        not_in_metricflow="it aggregates no values of two joined tables",
    ),
    Question(
        "late_modes",
        ("high_priority_lines", "low_priority_lines"),
        ("line__ship_mode",),
        (
            "{{ Dimension('line__ship_mode') }} IN ('MAIL', 'SHIP')",
            "{{ Dimension('line__is_late') }}",
            "{{ Dimension('line__is_sent_in_time') }}",
            "{{ TimeDimension('line__received_on', 'day') }} >= '2022-01-01'",
            "{{ TimeDimension('line__received_on', 'day') }} < '2023-01-01'",
        ),
        kind="shared",
    ),
    Question(
        "promotion_share",
        ("promotion_percentage",),
        where=(
            "{{ TimeDimension('line__shipped_on', 'day') }} >= '2023-09-01'",
            "{{ TimeDimension('line__shipped_on', 'day') }} < '2023-10-01'",
        ),
        kind="shared",
    ),
    Question(
        "order_board",
        (
            "orders",
            "order_value",
            "average_order_value",
            "buyers",
            "urgent_orders",
            "urgent_share",
            "fulfilled_value",
        ),
        _MONTH_AND_SEGMENT,
        kind="shared",
    ),
    Question(
        "late_deliveries",
        ("late_lines", "late_share"),
        ("metric_time__month", "line__ship_mode"),
        kind="shared",
    ),
    Question(
        "shipped_and_ordered",
        ("orders", "order_value", "revenue", "revenue_per_order"),
        ("metric_time__month",),
    ),
    Question(
        "shipped_by_segment",
        ("orders", "order_value", "revenue", "revenue_per_order"),
        _MONTH_AND_SEGMENT,
        not_in_metricflow="it has no name that leads both facts to the customer",
    ),
    Question(
        "variety",
        ("products_sold", "suppliers_selling"),
        ("metric_time__quarter", "supplier__nation__nation_name"),
    ),
    Question(
        "trailing_revenue",
        ("revenue_7_days", "revenue_28_days"),
        ("metric_time__day", "line__ship_mode"),
        (),
        *_YEAR,
        kind="trailing",
    ),
    Question(
        "trailing_buyers",
        ("buyers_28_days",),
        ("metric_time__day", "customer__segment"),
        (),
        *_YEAR,
        kind="trailing",
    ),
    Question(
        "trailing_by_supplier",
        ("revenue_28_days",),
        ("metric_time__day", "supplier"),
        (),
        *_JUNE,
        kind="trailing",
    ),
    Question(
        "revenue_to_date",
        ("revenue_to_date",),
        ("metric_time__day", "supplier__nation__nation_name"),
        (),
        *_JUNE,
        kind="trailing",
    ),
    Question(
        "month_to_date",
        ("revenue_mtd",),
        ("metric_time__day", "line__ship_mode"),
        (),
        *_YEAR,
        kind="trailing",
    ),
    Question(
        "prior_year",
        ("order_value", "order_value_prior_year", "order_value_growth"),
        _MONTH_AND_SEGMENT,
        (),
        "2023-01-01",
        "2025-12-31",
    ),
    Question(
        "median_customer",
        ("median_customer_value",),
        ("customer__segment",),
        (),
        "2023-01-01",
        "2023-12-31",
        not_in_metricflow="it aggregates no metric per entity",
    ),
    Question("reorders", ("reorder_rate",), ("metric_time__month",)),
)

#: The example company.
COMPANY: Final = (
    Question(
        "website",
        ("web_visits", "visitors", "organic_traffic", "bounce_rate"),
        ("metric_time__week", "channel__medium"),
        kind="shared",
    ),
    Question(
        "invoicing",
        (
            "invoiced_revenue",
            "services_share",
            "enterprise_share",
            "euro_zone_revenue",
            "average_invoice_value",
            "void_rate",
        ),
        ("metric_time__month", "account__owner_team"),
        kind="shared",
    ),
    Question(
        "marketing",
        (
            "marketing_spend",
            "leads",
            "cost_per_lead",
            "lead_capture_rate",
            "qualified_leads",
            "roas",
        ),
        ("metric_time__month",),
    ),
    Question(
        "selling",
        ("opportunities_created", "won_amount", "win_rate", "avg_deal_size"),
        ("metric_time__month", "account__segment"),
        kind="shared",
    ),
)

QUESTIONS: Final = {"tpch": TPCH, "company": COMPANY}
