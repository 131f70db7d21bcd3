"""The KPI library on the example company: what is defined runs, and agrees with SQL by hand."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import Project
from kpilayer.demo.data import TABLES, build
from tests.unit.test_demo_over_time import OF_A_TIME

ROOT = Path(__file__).parents[2]

NAMES = (
    "new_mrr", "expansion_mrr", "churned_mrr", "revenue", "gross_margin", "ebitda_margin",
    "profit_margin", "roi", "burn_rate", "activation_rate", "feature_adoption", "time_to_value",
    "core_action", "cac", "roas", "cost_per_lead", "leads", "lead_capture_rate",
    "organic_traffic", "brand_search", "win_rate", "avg_deal_size", "sales_cycle",
    "meetings_booked", "upsell_opps", "cross_sell_rate", "nps", "first_response_time",
    "resolution_time", "resolution_rate", "fcr", "csat", "escalation_rate", "ticket_volume",
    "utilization", "realization", "deploy_frequency", "incident_count", "mttr", "velocity",
    "cycle_time", "defect_rate", "throughput", "market_share", "engagement", "training_hours",
    "innovation_rate", "resurrected_users",
    "mrr", "revenue_growth", "runway", "rule_of_40", "ar_days", "wau", "mau", "dau_mau",
    "return_rate_30d", "nrr", "churn_rate", "cart_abandonment", "ltv", "ltv_cac", "lead_to_mql",
    "pipeline_value", "pipeline_coverage", "lead_to_demo", "demo_to_trial", "at_risk_accounts",
    "save_rate", "retention_rate", "client_retention", "revenue_per_employee",
)  # fmt: skip
#: The library's KPIs, and under which name the example defines them.
DEFINED = {
    **{name: name for name in NAMES},
    "new_signups": "signups",
}
#: What has a value in periods only: nobody was a customer before the first, and no quota holds
#: after the last.
OF_A_PERIOD = {"churn_rate", "retention_rate", "quota_of_the_quarter"}
HELPERS = {
    *("discount_rate", "return_rate", "reopen_rate", "survey_response_rate"),
    *("payback_months", "new_customers"),
}


@pytest.fixture(scope="module")
def company() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        build(connection, 0.4)
        yield connection


@pytest.fixture(scope="module")
def project(company: duckdb.DuckDBPyConnection) -> Project:
    return Project.load(ROOT, connection=company)


def test_the_library_has_73_kpis_and_each_is_defined(project: Project) -> None:
    names = {metric.name for metric in project.metrics}
    assert len(DEFINED) == 73
    assert set(DEFINED.values()) <= names
    assert names >= HELPERS


def test_the_project_has_no_problems(project: Project) -> None:
    assert list(project.check()) == []


def test_definitions_are_complete(project: Project) -> None:
    for metric in project.metrics:
        assert metric.label and metric.description, metric.name
        assert metric.unit and metric.format and metric.group, metric.name


# ----------------------------------------------------------------------------------- they all run

Series = dict[str, dict[Any, Any]]


@pytest.fixture(scope="module")
def by_month(project: Project) -> Series:
    """Each metric by month, asked with eleven others."""
    found: Series = {}
    for names in _groups(project):
        result = project.query(names, group_by=["metric_time__month"])
        for row in result.rows():
            for name, value in zip(names, row[1:], strict=True):
                found.setdefault(name, {})[row[0]] = value
    return found


@pytest.fixture(scope="module")
def in_total(project: Project) -> dict[str, Any]:
    """Each metric over everything, but for those that look back in time."""
    found: dict[str, Any] = dict.fromkeys(OF_A_TIME)
    for names in _groups(project, without=OF_A_TIME):
        (row,) = project.query(names).rows()
        found |= dict(zip(names, row, strict=True))
    return found


def _groups(project: Project, without: Collection[str] = ()) -> list[list[str]]:
    names = [metric.name for metric in project.metrics if metric.name not in without]
    return [names[start : start + 12] for start in range(0, len(names), 12)]


def test_every_metric_has_a_number_in_total_and_in_some_months(
    project: Project, by_month: Series, in_total: dict[str, Any]
) -> None:
    for metric in project.metrics:
        if metric.name not in OF_A_TIME | OF_A_PERIOD:
            assert in_total[metric.name] is not None, metric.name
        months = [value for value in by_month[metric.name].values() if value is not None]
        assert len(months) >= 3, metric.name


# ---------------------------------------------------------------------------- they agree with SQL
# `PER(x)` is the month of x, or one date for everything. A ratio is written as its two halves.

REVENUE = "SELECT PER(recognised_on), sum(amount) FROM revenue_lines GROUP BY 1"
SPEND = "SELECT PER(spent_on), sum(amount) FROM marketing_spend GROUP BY 1"
LEADS = "SELECT PER(created_at), count(DISTINCT lower(email)) FROM leads GROUP BY 1"
WON = (
    "SELECT PER(closed_at), count(*) FROM opportunities WHERE closed_at IS NOT NULL"
    " AND stage = 'won' GROUP BY 1"
)
CLOSED = "SELECT PER(closed_at), count(*) FROM opportunities WHERE closed_at IS NOT NULL GROUP BY 1"
TICKETS = "SELECT PER(opened_at), count(*) FROM tickets GROUP BY 1"
ACTIVE = "SELECT PER(happened_at), count(DISTINCT user_id) FROM product_events GROUP BY 1"
LEDGER = (
    "SELECT PER(posted_on), -sum(amount) FROM gl_entries JOIN ledger_accounts"
    " USING (ledger_account_id) WHERE account_class NOT IN ('asset', 'liability', 'equity'{more})"
    " GROUP BY 1"
)
CUSTOMERS = (
    "SELECT PER(snapshot_on), count(DISTINCT account_id) FROM subscription_snapshots"
    " WHERE plan_id NOT IN (6, 7) GROUP BY 1"
)
HEADS = (
    "SELECT PER(snapshot_on), count(*) / count(DISTINCT snapshot_on) FROM headcount_snapshots"
    " GROUP BY 1"
)
ANSWERS = "SELECT PER(answered_at), count(*) FROM survey_answers WHERE type = '{}' GROUP BY 1"

REFERENCES: dict[str, str | tuple[str, str]] = {
    "revenue": REVENUE,
    "base_revenue": REVENUE.replace("GROUP", "WHERE type = 'base' GROUP"),
    "upsell_revenue": REVENUE.replace("GROUP", "WHERE type = 'upsell' GROUP"),
    "cross_sell_revenue": REVENUE.replace("GROUP", "WHERE type = 'cross_sell' GROUP"),
    "discount_rate": (
        "SELECT PER(recognised_on), sum(list_amount - amount) FROM revenue_lines GROUP BY 1",
        "SELECT PER(recognised_on), sum(list_amount) FROM revenue_lines GROUP BY 1",
    ),
    "gross_margin": (
        """
        SELECT PER(on_day), sum(amount) FROM (
          SELECT recognised_on AS on_day, amount FROM revenue_lines
          UNION ALL SELECT incurred_on, -amount FROM cogs_lines
        ) GROUP BY 1""",
        REVENUE,
    ),
    "ebitda_margin": (LEDGER.format(more=", 'depreciation', 'interest'"), REVENUE),
    "profit_margin": (LEDGER.format(more=""), REVENUE),
    "innovation_rate": (
        """
        SELECT PER(recognised_on), sum(amount) FROM revenue_lines JOIN products USING (product_id)
        WHERE recognised_on < launched_on + INTERVAL 24 MONTH GROUP BY 1""",
        REVENUE,
    ),
    "market_share": (REVENUE, "SELECT PER(month_on), sum(amount) FROM market_size GROUP BY 1"),
    "burn_rate": (
        "SELECT PER(booked_on), sum(amount) FROM cash_movements WHERE direction = 'out' GROUP BY 1"
    ),
    "net_burn": "SELECT PER(on_day), sum(outflow - inflow) FROM cash_balances GROUP BY 1",
    "roi": (
        "SELECT PER(started_on), sum(gain - cost) FROM initiatives GROUP BY 1",
        "SELECT PER(started_on), sum(cost) FROM initiatives WHERE gain IS NOT NULL GROUP BY 1",
    ),
    "realization": (
        """
        SELECT PER(issued_at), sum(coalesce((
          SELECT sum(payments.amount) FROM payments
          WHERE payments.invoice_id = invoices.invoice_id), 0))
        FROM invoices WHERE status <> 'void' AND is_services GROUP BY 1""",
        "SELECT PER(issued_at), sum(amount) FROM invoices WHERE status <> 'void' AND is_services"
        " GROUP BY 1",
    ),
    "active_customers": CUSTOMERS,
    "revenue_per_customer": (REVENUE, CUSTOMERS),
    "cac_fully_loaded": (
        """
        SELECT PER(on_day), sum(amount) FROM (
          SELECT spent_on AS on_day, amount FROM marketing_spend
          UNION ALL SELECT booked_on, amount FROM cash_movements
          WHERE category = 'payroll' AND department = 'sales'
        ) GROUP BY 1""",
        "SELECT PER(moved_on), count(DISTINCT account_id) FROM mrr_movements WHERE type = 'new'"
        " GROUP BY 1",
    ),
    "visitors": "SELECT PER(started_at), count(DISTINCT visitor_id) FROM web_sessions GROUP BY 1",
    "organic_traffic": (
        "SELECT PER(started_at), count(*) FROM web_sessions WHERE channel = 'organic' GROUP BY 1"
    ),
    "brand_search": (
        "SELECT PER(searched_on), sum(impressions) FROM search_console"
        " WHERE query IN ('acme cloud', 'acme cloud login', 'acme cloud pricing', 'acme reports')"
        " GROUP BY 1"
    ),
    "leads": LEADS,
    "lead_capture_rate": (
        LEADS,
        "SELECT PER(started_at), count(DISTINCT visitor_id) FROM web_sessions GROUP BY 1",
    ),
    "cost_per_lead": (SPEND, LEADS),
    "roas": (
        "SELECT PER(credited_on), sum(revenue) FROM attribution JOIN channels USING (channel)"
        " WHERE medium = 'paid' GROUP BY 1",
        "SELECT PER(spent_on), sum(amount) FROM marketing_spend JOIN channels USING (channel)"
        " WHERE medium = 'paid' GROUP BY 1",
    ),
    "return_rate": (
        "SELECT PER(ordered_at), count(returned_on) FROM orders WHERE returned_on IS NOT NULL"
        " GROUP BY 1",
        "SELECT PER(ordered_at), count(*) FROM orders GROUP BY 1",
    ),
    "win_rate": (WON, CLOSED),
    "avg_deal_size": (
        "SELECT PER(closed_at), sum(amount) FROM opportunities WHERE stage = 'won' GROUP BY 1",
        WON,
    ),
    "sales_cycle": (
        "SELECT PER(closed_at), median(CAST(closed_at AS DATE) - CAST(created_at AS DATE))"
        " FROM opportunities WHERE stage = 'won' GROUP BY 1"
    ),
    "meetings_booked": (
        "SELECT PER(happened_at), count(*) FROM activities"
        " WHERE type NOT IN ('call', 'email') AND status = 'held' GROUP BY 1"
    ),
    "upsell_opps": (
        "SELECT PER(created_at), count(*) FROM opportunities WHERE type = 'upsell' GROUP BY 1"
    ),
    "cross_sell_rate": (
        WON.replace("GROUP", "AND type = 'cross_sell' GROUP"),
        CLOSED.replace("GROUP", "AND type = 'cross_sell' GROUP"),
    ),
    "quota_attainment": (
        "SELECT PER(closed_at), sum(amount) FROM opportunities WHERE stage = 'won' GROUP BY 1",
        "SELECT PER(month_on), sum(amount) FROM quotas GROUP BY 1",
    ),
    "first_response_time": (
        "SELECT PER(opened_at), median(first_reply_minutes) / 60.0 FROM tickets GROUP BY 1"
    ),
    "resolution_time": (
        "SELECT PER(opened_at), median(datediff('second', opened_at, resolved_at)) / 3600.0"
        " FROM tickets GROUP BY 1"
    ),
    "resolution_rate": (
        "SELECT PER(opened_at), count(*) FROM tickets WHERE resolved_at <= sla_due_at GROUP BY 1",
        TICKETS,
    ),
    "fcr": (
        """
        SELECT PER(resolved_at), count(*) FROM tickets
        WHERE resolved_at IS NOT NULL AND (reopened_at - resolved_at <= INTERVAL 7 DAY) IS NOT TRUE
          AND 1 = (SELECT count(*) FROM ticket_contacts WHERE direction = 'to_customer'
            AND ticket_contacts.ticket_id = tickets.ticket_id)
        GROUP BY 1""",
        "SELECT PER(resolved_at), count(*) FROM tickets WHERE resolved_at IS NOT NULL GROUP BY 1",
    ),
    "escalation_rate": (
        "SELECT PER(opened_at), count(escalated_at) FROM tickets WHERE escalated_at IS NOT NULL"
        " GROUP BY 1",
        TICKETS,
    ),
    "reopen_rate": (
        "SELECT PER(opened_at), count(reopened_at) FROM tickets WHERE reopened_at IS NOT NULL"
        " GROUP BY 1",
        "SELECT PER(opened_at), count(resolved_at) FROM tickets WHERE resolved_at IS NOT NULL"
        " GROUP BY 1",
    ),
    "ticket_volume": (TICKETS.replace("count(*)", "count(*) * 1000.0"), CUSTOMERS),
    "survey_response_rate": (
        "SELECT PER(answered_at), count(*) FROM survey_answers GROUP BY 1",
        "SELECT PER(sent_at), count(*) FROM surveys GROUP BY 1",
    ),
    "nps": (
        """
        SELECT PER(answered_at), sum(CASE WHEN score > 8 THEN 100 WHEN score < 7 THEN -100 ELSE 0 END)
        FROM survey_answers WHERE type = 'nps' GROUP BY 1""",
        ANSWERS.format("nps"),
    ),
    "csat": (
        ANSWERS.format("csat").replace("GROUP", "AND score IN (4, 5) GROUP"),
        ANSWERS.format("csat"),
    ),
    "engagement": (
        "SELECT PER(answered_at), avg(score) FROM survey_answers WHERE type = 'engagement' GROUP BY 1"
    ),
    "average_headcount": HEADS,
    "training_hours": ("SELECT PER(held_on), sum(hours) FROM training GROUP BY 1", HEADS),
    "utilization": (
        "SELECT PER(worked_on), sum(hours) FROM timesheets WHERE is_billable GROUP BY 1",
        "SELECT PER(on_day), 8 * count(*) FROM capacity"
        " WHERE absence IS NULL OR absence = 'sick' GROUP BY 1",
    ),
    "deploy_frequency": (
        "SELECT PER(deployed_at), count(*) FROM deployments"
        " WHERE environment = 'production' AND status IN ('succeeded', 'rolled_back') GROUP BY 1",
        "SELECT PER(on_day), count(*) FROM calendar_days WHERE isodow(on_day) < 6"
        " AND strftime(on_day, '%m-%d') NOT IN ('01-01', '05-01', '12-25', '12-26') GROUP BY 1",
    ),
    "incident_count": (
        "SELECT PER(started_at), count(*) FROM incidents WHERE severity IN (1, 2) GROUP BY 1"
    ),
    "mttr": (
        "SELECT PER(started_at), avg(datediff('second', started_at, restored_at)) / 3600.0"
        " FROM incidents GROUP BY 1"
    ),
    "velocity": (
        """
        SELECT PER(sprints.started_on), sum(points) FROM work_items JOIN sprints USING (sprint_id)
        WHERE done_at IS NOT NULL GROUP BY 1""",
        "SELECT PER(started_on), count(*) FROM sprint_members JOIN sprints USING (sprint_id)"
        " GROUP BY 1",
    ),
    "throughput": (
        "SELECT PER(done_at), count(*) FROM work_items WHERE done_at IS NOT NULL GROUP BY 1"
    ),
    "cycle_time": (
        "SELECT PER(done_at), median(datediff('second', started_at, done_at)) / 86400.0"
        " FROM work_items WHERE done_at IS NOT NULL GROUP BY 1"
    ),
    "defect_rate": (
        "SELECT PER(found_at), count(*) FROM defects GROUP BY 1",
        "SELECT PER(done_at), count(*) FROM work_items WHERE done_at IS NOT NULL GROUP BY 1",
    ),
    "feature_adoption": (
        "SELECT PER(happened_at), count(DISTINCT user_id) FROM feature_events"
        " WHERE feature = 'automation' GROUP BY 1",
        ACTIVE,
    ),
    "resurrected_users": (
        """
        SELECT PER(happened_at), count(DISTINCT user_id) FROM product_events AS now
        WHERE EXISTS (
            SELECT 1 FROM product_events AS old WHERE old.user_id = now.user_id
              AND CAST(old.happened_at AS DATE) < CAST(now.happened_at AS DATE) - 28)
          AND NOT EXISTS (
            SELECT 1 FROM product_events AS old WHERE old.user_id = now.user_id
              AND CAST(old.happened_at AS DATE) < CAST(now.happened_at AS DATE)
              AND CAST(old.happened_at AS DATE) >= CAST(now.happened_at AS DATE) - 28)
        GROUP BY 1"""
    ),
    "minutes_to_value": (
        """
        SELECT PER(signed_up_at), median(datediff('second', signed_up_at, first_at)) / 60.0
        FROM users
        JOIN (SELECT user_id, min(happened_at) AS first_at FROM value_events GROUP BY user_id)
          USING (user_id)
        GROUP BY 1"""
    ),
}


def test_there_are_references_for_most_of_the_library() -> None:
    assert len(REFERENCES) >= 50


def reference(connection: duckdb.DuckDBPyConnection, name: str, by: str) -> dict[Any, Any]:
    """The answer of the hand-written SQL, by month, or at one date for everything."""
    parts = REFERENCES[name] if isinstance(REFERENCES[name], tuple) else (REFERENCES[name],)
    halves = [re.sub(r"PER\(([\w.]+)\)", by, str(part)) for part in parts]
    if len(halves) == 2:
        over, under = (f"({half}) AS {as_}(period, {as_})" for half, as_ in zip(halves, "ab"))  # noqa: B905
        sql = f"SELECT period, a / nullif(b, 0) FROM {over} FULL JOIN {under} USING (period)"
    else:
        (sql,) = halves
    return {
        period: value for period, value in connection.execute(sql).fetchall() if value is not None
    }


def same(value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return value is wanted
    return math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("name", REFERENCES)
def test_by_month_it_is_what_sql_by_hand_says(
    name: str, by_month: Series, company: duckdb.DuckDBPyConnection
) -> None:
    wanted = reference(company, name, r"CAST(date_trunc('month', \1) AS DATE)")
    found = {month: value for month, value in by_month[name].items() if value is not None}
    assert len(wanted) >= 8
    assert set(found) == set(wanted)
    for month, value in found.items():
        assert same(value, wanted[month]), f"{month}: {value!r} is not {wanted[month]!r}"


@pytest.mark.parametrize("name", REFERENCES)
def test_in_total_it_is_what_sql_by_hand_says(
    name: str, in_total: dict[str, Any], company: duckdb.DuckDBPyConnection
) -> None:
    (wanted,) = reference(company, name, "DATE '2024-01-01'").values()
    assert same(in_total[name], wanted), f"{in_total[name]!r} is not {wanted!r}"


# ---------------------------------------------------------------------------------- they join up


def test_every_table_has_a_model(project: Project) -> None:
    assert {model.name for model in project.models} >= set(TABLES)


@pytest.mark.parametrize(
    ("names", "group_by"),
    [
        (["revenue", "cogs", "gross_margin"], ["product__family"]),
        (["revenue", "tickets_opened", "invoiced_revenue"], ["account__segment"]),
        (["market_share", "revenue"], ["region__name"]),
        (["roas", "leads", "web_visits", "marketing_spend"], ["channel"]),
        (["leads", "attributed_revenue"], ["channel__medium"]),
        (["roi"], ["initiative__name"]),
        (["win_rate", "quota"], ["employee__team"]),
        (["csat"], ["ticket__priority"]),
        (["nps"], ["account__segment"]),
        (["velocity"], ["sprint__team"]),
        (["utilization"], ["consultant__level"]),
        (["training_hours"], ["employee__department"]),
        (["feature_users", "active_users"], ["user__role"]),
        (["net_income"], ["ledger_account__name"]),
    ],
    ids=lambda value: "+".join(value),
)
def test_groups_are_reached_by_every_metric_in_the_question(
    names: list[str], group_by: list[str], project: Project
) -> None:
    rows = project.query(names, group_by=group_by).rows()
    assert len(rows) > 1
    for index in range(1, len(names) + 1):
        assert any(row[index] is not None for row in rows)


def test_revenue_is_what_was_invoiced(project: Project) -> None:
    rows = project.query(["revenue", "invoiced_revenue"], group_by=["metric_time__month"]).rows()
    assert len(rows) == 30
    assert all(recognised == invoiced for _, recognised, invoiced in rows)


def test_the_ledger_balances(project: Project) -> None:
    assert project.query(["ledger_balance"]).rows()[0][0] == 0
