"""The facts of the KPI library in the raw tables of the example company, as a user would map them."""

from __future__ import annotations

#: By fact: the table, and the columns that are called otherwise or made of others.
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "subscriptions": (
        "subscription_snapshots",
        {
            "snapshot_date": "snapshot_on",
            "fee_type": "(SELECT plans.fee_type FROM plans WHERE plans.plan_id = source.plan_id)",
        },
    ),
    "mrr_movements": ("mrr_movements", {"date": "moved_on"}),
    "revenue_lines": ("revenue_lines", {"date": "recognised_on"}),
    "products": ("products", {}),
    "cogs_lines": ("cogs_lines", {"date": "incurred_on"}),
    "gl_entries": (
        "gl_entries",
        {
            "date": "posted_on",
            "account_class": "(SELECT accounts.account_class FROM ledger_accounts AS accounts"
            " WHERE accounts.ledger_account_id = source.ledger_account_id)",
        },
    ),
    "initiatives": ("initiatives", {"date": "started_on"}),
    "cash_movements": ("cash_movements", {"date": "booked_on"}),
    "cash_balances": ("cash_balances", {"date": "on_day", "balance": "closing"}),
    "invoices": (
        "invoices",
        {
            "issued_on": "CAST(issued_at AS DATE)",
            "paid_amount": "COALESCE((SELECT SUM(payments.amount) FROM payments"
            " WHERE payments.invoice_id = source.invoice_id), 0)",
        },
    ),
    "payments": ("payments", {}),
    "calendar": ("calendar_days", {"date": "on_day"}),
    "sessions": (
        "product_events",
        {
            "started_at": "happened_at",
            "previous_at": "LAG(happened_at) OVER (PARTITION BY user_id ORDER BY happened_at)",
        },
    ),
    "users": (
        "users",
        {
            "first_value_at": "(SELECT MIN(moments.happened_at) FROM value_events AS moments"
            " WHERE moments.user_id = source.user_id)",
        },
    ),
    "onboardings": (
        "product_events",
        {
            "completed_at": "happened_at",
            "user_id": "CASE WHEN name = 'report_created' THEN user_id END",
        },
    ),
    "feature_events": (
        "feature_events",
        {"used_at": "happened_at", "is_in_focus": "feature = 'automation'"},
    ),
    "core_events": (
        "product_events",
        {"quantity": "CASE WHEN name = 'report_created' THEN quantity END"},
    ),
    "carts": ("carts", {"has_items": "items > 0"}),
    "orders": ("orders", {"is_returned": "returned_on IS NOT NULL"}),
    "spend": ("marketing_spend", {"date": "spent_on", "is_ad": "channel IN ('search', 'social')"}),
    "attribution": (
        "attribution",
        {"date": "credited_on", "is_ad": "channel IN ('search', 'social')"},
    ),
    "leads": ("leads", {}),
    "lead_stages": ("lead_stages", {}),
    "web_sessions": ("web_sessions", {}),
    "search_terms": ("search_console", {"date": "searched_on", "is_brand": "query LIKE '%acme%'"}),
    "opportunities": ("opportunities", {}),
    "opportunity_snapshots": ("opportunity_snapshots", {"date": "snapshot_on"}),
    "quotas": ("quotas", {"date": "CAST(DATE_TRUNC('quarter', month_on) AS DATE)"}),
    "activities": ("activities", {}),
    "trials": ("trials", {}),
    "account_health": (
        "account_health_snapshots",
        {"date": "snapshot_on", "is_at_risk": "score < 50"},
    ),
    "surveys": ("surveys", {}),
    "survey_answers": ("survey_answers", {}),
    "tickets": (
        "tickets",
        {
            "first_reply_hours": "first_reply_minutes / 60.0",
            "is_in_time": "resolved_at <= sla_due_at",
            "is_escalated": "escalated_at IS NOT NULL",
            "replies": "(SELECT COUNT(*) FROM ticket_contacts AS contacts"
            " WHERE contacts.ticket_id = source.ticket_id AND contacts.direction = 'to_customer')",
        },
    ),
    "timesheets": ("timesheets", {}),
    "capacity": ("capacity", {"date": "on_day"}),
    "engagements": ("projects", {"client_id": "account_id"}),
    "headcount": ("headcount_snapshots", {"date": "snapshot_on"}),
    "deployments": ("deployments", {}),
    "incidents": ("incidents", {}),
    "work_items": (
        "work_items",
        {
            "sprint_on": "(SELECT sprints.started_on FROM sprints"
            " WHERE sprints.sprint_id = source.sprint_id)",
        },
    ),
    "sprint_members": (
        "sprint_members",
        {
            "sprint_on": "(SELECT sprints.started_on FROM sprints"
            " WHERE sprints.sprint_id = source.sprint_id)",
        },
    ),
    "defects": ("defects", {}),
    "market_size": ("market_size", {"date": "month_on"}),
    "training": ("training", {}),
}

PLACES = {fact: table for fact, (table, _) in TABLES.items()} | {
    f"{fact}.{column}": sql
    for fact, (_, columns) in TABLES.items()
    for column, sql in columns.items()
}
