"""KPIs of the example company that look back, or at a moment, or follow people: SQL by hand agrees.

Each statement gives one row for each month and its value. It is written from the description of the
metric, and uses what the metric does not, where the tables allow it: snapshots for intervals, dates
of two months for offsets, EXISTS for conversions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import Project, QueryError
from kpilayer.demo.data import build

ROOT = Path(__file__).parents[2]

#: Metrics that look back in time, so that they have no value without one.
OF_A_TIME = {
    *("retained_mrr_of_an_account", "retained_mrr", "nrr", "revenue_growth", "rule_of_40"),
    *("net_burn_of_3_months", "runway", "wau", "mau", "dau_mau", "won_in_the_quarter"),
    *("pipeline_coverage", "revenue_of_12_months", "headcount_of_12_months"),
    "revenue_per_employee",
}


@pytest.fixture(scope="module")
def company() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        build(connection, 0.4)
        connection.execute(
            "CREATE VIEW months AS SELECT DISTINCT"
            " CAST(date_trunc('month', on_day) AS DATE) AS month, last_day(on_day) AS month_end"
            " FROM calendar_days"
        )
        yield connection


@pytest.fixture(scope="module")
def project(company: duckdb.DuckDBPyConnection) -> Project:
    return Project.load(ROOT, connection=company)


#: The customers at the end of each month, and of the month before, by the snapshots.
KEPT = """
  SELECT months.month, count(DISTINCT here.account_id) AS customers,
    coalesce((
      SELECT count(DISTINCT account_id) FROM subscription_snapshots
      WHERE plan_id NOT IN (6, 7) AND snapshot_on = months.month - 1), 0) AS customers_before,
    (SELECT count(DISTINCT account_id) FROM mrr_movements
     WHERE type = 'churn' AND moved_on BETWEEN months.month AND months.month_end) AS lost
  FROM months
  JOIN subscription_snapshots AS here ON snapshot_on = month_end AND plan_id NOT IN (6, 7)
  GROUP BY ALL"""
#: Invoices for software per account that had one.
PER_ACCOUNT = """
  SELECT month, sum(net) / count(*) FILTER (WHERE net > 0) AS per_account
  FROM (
    SELECT CAST(date_trunc('month', issued_at) AS DATE) AS month, account_id,
      sum(CASE WHEN is_services THEN 0 ELSE amount - tax END) AS net
    FROM invoices WHERE status <> 'void' AND account_id IS NOT NULL GROUP BY ALL)
  GROUP BY month"""
ACQUIRED = """
  SELECT month,
    (SELECT sum(amount) FROM marketing_spend WHERE spent_on BETWEEN month AND month_end)
    / nullif((SELECT count(DISTINCT account_id) FROM mrr_movements
      WHERE type = 'new' AND moved_on BETWEEN month AND month_end), 0) AS cac
  FROM months"""
YEARS = """
  SELECT month,
    (SELECT sum(amount) FROM revenue_lines WHERE recognised_on BETWEEN month AND month_end) AS now,
    (SELECT sum(amount) FROM revenue_lines
     WHERE year(recognised_on) = year(month) - 1 AND month(recognised_on) = month(month)) AS before
  FROM months"""
PROFIT = """
  SELECT month, (SELECT -sum(amount) FROM gl_entries JOIN ledger_accounts USING (ledger_account_id)
    WHERE account_class NOT IN ('asset', 'liability', 'equity')
      AND posted_on BETWEEN month AND month_end) AS profit
  FROM months"""
#: Distinct users of the last days of each month.
LATELY = """
  SELECT month, count(DISTINCT user_id) AS users FROM months
  JOIN product_events ON CAST(happened_at AS DATE) BETWEEN month_end - {} AND month_end
  GROUP BY month"""
DAILY = """
  SELECT CAST(date_trunc('month', on_day) AS DATE) AS month, avg(users) AS users
  FROM (
    SELECT CAST(happened_at AS DATE) AS on_day, count(DISTINCT user_id) AS users
    FROM product_events GROUP BY 1)
  GROUP BY 1"""
LEADS = """
  SELECT CAST(date_trunc('month', created_at) AS DATE),
    nullif(count(DISTINCT lower(email)) FILTER (WHERE EXISTS (SELECT 1 FROM {table} AS later
      WHERE later.lead_id = leads.lead_id AND {which} AND later.{at} >= leads.created_at
        AND later.{at} < leads.created_at + INTERVAL 30 DAY)), 0) / count(DISTINCT lower(email))
  FROM leads GROUP BY 1"""
SUNDAYS = """
  SELECT month, sum(amount) {which} AS amount FROM months JOIN opportunity_snapshots
    ON snapshot_on = (SELECT max(snapshot_on) FROM opportunity_snapshots WHERE snapshot_on <= month_end)
  GROUP BY month"""
THIS_QUARTER = SUNDAYS.format(
    which="FILTER (WHERE (year(expected_close_on), quarter(expected_close_on))"
    " = (year(snapshot_on), quarter(snapshot_on)))"
)
QUARTERS = """
  SELECT month,
    (SELECT sum(amount) FROM quotas
     WHERE (year(month_on), quarter(month_on)) = (year(month), quarter(month))) AS quota,
    coalesce((SELECT sum(amount) FROM opportunities WHERE stage = 'won'
      AND CAST(closed_at AS DATE) <= month_end
      AND (year(closed_at), quarter(closed_at)) = (year(month), quarter(month))), 0) AS won
  FROM months"""

REFERENCES = {
    "mrr": """
      SELECT CAST(date_trunc('month', snapshot_on) AS DATE), sum(mrr) FROM subscription_snapshots
      WHERE plan_id NOT IN (6, 7) GROUP BY 1""",
    "customers": f"SELECT month, customers FROM ({KEPT})",
    "customers_at_start": f"SELECT month, customers_before FROM ({KEPT})",
    "customer_months": f"SELECT month, customers_before FROM ({KEPT})",
    "churn_rate": f"SELECT month, lost / nullif(customers_before, 0) FROM ({KEPT})",
    "retention_rate": f"SELECT month, 1 - lost / nullif(customers_before, 0) FROM ({KEPT})",
    "nrr": """
      WITH held AS (
        SELECT CAST(date_trunc('month', snapshot_on) AS DATE) AS month, account_id, sum(mrr) AS mrr
        FROM subscription_snapshots WHERE plan_id NOT IN (6, 7) GROUP BY ALL)
      SELECT CAST(old.month + INTERVAL 12 MONTH AS DATE) AS month,
        sum(coalesce(held.mrr, 0)) / sum(old.mrr)
      FROM held AS old LEFT JOIN held
        ON held.account_id = old.account_id
        AND held.month = CAST(old.month + INTERVAL 12 MONTH AS DATE)
      WHERE old.month < DATE '2025-07-01'
      GROUP BY 1""",
    "ltv": f"""
      SELECT month, per_account * customers_before / nullif(lost, 0)
      FROM ({KEPT}) JOIN ({PER_ACCOUNT}) USING (month)""",
    "ltv_cac": f"""
      SELECT month, per_account * customers_before / nullif(lost, 0) / cac
      FROM ({KEPT}) JOIN ({PER_ACCOUNT}) USING (month) JOIN ({ACQUIRED}) USING (month)""",
    "revenue_growth": f"SELECT month, now / before - 1 FROM ({YEARS})",
    "rule_of_40": f"""
      SELECT month, now / before - 1 + profit / now FROM ({YEARS}) JOIN ({PROFIT}) USING (month)""",
    "cash": """
      SELECT month, sum(closing) FROM months JOIN cash_balances ON on_day = month_end
      GROUP BY month""",
    "runway": """
      SELECT month, cash / (burn / 3) FROM (
        SELECT month,
          (SELECT sum(closing) FROM cash_balances WHERE on_day = month_end) AS cash,
          (SELECT sum(outflow - inflow) FROM cash_balances
           WHERE on_day BETWEEN CAST(month - INTERVAL 2 MONTH AS DATE) AND month_end) AS burn
        FROM months)
      WHERE burn > 0""",
    "ar_days": """
      SELECT month,
        (SELECT sum(balance) FROM receivable_snapshots WHERE snapshot_on = month_end)
        / (SELECT sum(amount) FROM invoices
           WHERE status <> 'void' AND CAST(issued_at AS DATE) BETWEEN month AND month_end)
        * (month_end - month + 1)
      FROM months""",
    "wau": LATELY.format(6),
    "mau": LATELY.format(27),
    "dau_mau": f"""
      SELECT month, daily.users / monthly.users
      FROM ({DAILY}) AS daily JOIN ({LATELY.format(27)}) AS monthly USING (month)""",
    "return_rate_30d": """
      SELECT CAST(date_trunc('month', signed_up_at) AS DATE),
        nullif(count(*) FILTER (WHERE EXISTS (
          SELECT 1 FROM product_events AS later WHERE later.user_id = users.user_id
            AND CAST(happened_at AS DATE) - CAST(signed_up_at AS DATE) BETWEEN 28 AND 32)), 0)
        / count(*)
      FROM users GROUP BY 1""",
    "lead_to_mql": LEADS.format(table="lead_stages", which="stage = 'mql'", at="entered_at"),
    "lead_to_demo": LEADS.format(
        table="activities", which="type = 'demo' AND status = 'held'", at="happened_at"
    ),
    "demo_to_trial": """
      SELECT CAST(date_trunc('month', happened_at) AS DATE),
        nullif(count(*) FILTER (WHERE EXISTS (
          SELECT 1 FROM trials WHERE trials.lead_id = activities.lead_id
            AND started_at >= happened_at AND started_at < happened_at + INTERVAL 14 DAY)), 0)
        / count(*)
      FROM activities WHERE type = 'demo' AND status = 'held' GROUP BY 1""",
    "cart_abandonment": """
      SELECT CAST(date_trunc('month', created_at) AS DATE),
        count(*) FILTER (WHERE NOT EXISTS (
          SELECT 1 FROM orders WHERE orders.cart_id = carts.cart_id
            AND ordered_at >= created_at AND ordered_at < created_at + INTERVAL 24 HOUR))
        / count(*)
      FROM carts WHERE items > 0 GROUP BY 1""",
    "pipeline_value": SUNDAYS.format(which=""),
    "pipeline_coverage": f"""
      SELECT month, amount / (quota - won)
      FROM ({THIS_QUARTER}) JOIN ({QUARTERS}) USING (month) WHERE quota > won""",
    "at_risk_accounts": """
      SELECT month, count(*) FILTER (WHERE score < 50) FROM months JOIN account_health_snapshots
        ON snapshot_on = (
          SELECT max(snapshot_on) FROM account_health_snapshots WHERE snapshot_on <= month_end)
      GROUP BY month""",
    "save_rate": """
      SELECT CAST(date_trunc('month', snapshot_on) AS DATE),
        nullif(count(DISTINCT account_id) FILTER (WHERE EXISTS (
          SELECT 1 FROM account_health_snapshots AS later
          WHERE later.account_id = sick.account_id
            AND later.snapshot_on - sick.snapshot_on BETWEEN 90 AND 96)), 0)
        / count(DISTINCT account_id)
      FROM account_health_snapshots AS sick WHERE score < 50 GROUP BY 1""",
    "client_retention": """
      SELECT CAST(date_trunc('month', started_on) AS DATE),
        nullif(count(DISTINCT account_id) FILTER (WHERE EXISTS (
          SELECT 1 FROM projects AS later
          WHERE later.account_id = projects.account_id AND later.started_on > projects.started_on
            AND later.started_on < projects.started_on + INTERVAL 12 MONTH)), 0)
        / count(DISTINCT account_id)
      FROM projects GROUP BY 1""",
    "revenue_per_employee": """
      SELECT month,
        (SELECT sum(amount) FROM revenue_lines
         WHERE recognised_on > last_day(CAST(month_end - INTERVAL 12 MONTH AS DATE))
           AND recognised_on <= month_end)
        / (SELECT count(*) / count(DISTINCT snapshot_on) FROM headcount_snapshots
           WHERE snapshot_on > last_day(CAST(month_end - INTERVAL 12 MONTH AS DATE))
             AND snapshot_on <= month_end)
      FROM months""",
}


@pytest.mark.parametrize("name", REFERENCES)
def test_by_month_it_is_what_sql_by_hand_says(
    name: str, project: Project, company: duckdb.DuckDBPyConnection
) -> None:
    wanted = known(company.execute(REFERENCES[name]).fetchall())
    found = known(project.query([name], group_by=["metric_time__month"]).rows())
    assert len(wanted) >= 8
    assert set(found) == set(wanted)
    for month, value in found.items():
        assert math.isclose(value, wanted[month], rel_tol=1e-9, abs_tol=1e-9), (
            f"{month}: {value!r} is not {wanted[month]!r}"
        )


def known(rows: list[tuple[Any, ...]]) -> dict[date, Any]:
    """The months that have a value."""
    return {month: value for month, value in rows if value is not None}


def test_what_looks_back_asks_for_a_time(project: Project) -> None:
    refused = set()
    for metric in project.metrics:
        try:
            project.prepare([metric.name])
        except QueryError as error:
            assert {issue.code for issue in error.issues} == {"needs-time"}
            refused.add(metric.name)
    assert refused == OF_A_TIME


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("mrr", "SELECT sum(mrr) FROM subscription_snapshots WHERE plan_id < 6"
         " AND snapshot_on = DATE '2026-06-30'"),
        ("customers", "SELECT count(DISTINCT account_id) FROM subscriptions WHERE plan_id < 6"
         " AND ended_on IS NULL"),
        ("cash", "SELECT sum(closing) FROM cash_balances WHERE on_day = DATE '2026-06-30'"),
        ("lead_to_mql", "SELECT count(DISTINCT lower(email)) FILTER (WHERE EXISTS ("
         "SELECT 1 FROM lead_stages AS s WHERE s.lead_id = leads.lead_id AND stage = 'mql'"
         " AND entered_at < created_at + INTERVAL 30 DAY)) / count(DISTINCT lower(email)) FROM leads"),
    ],
)  # fmt: skip
def test_without_a_time_a_balance_is_the_last_one_and_a_rate_is_of_everyone(
    name: str, sql: str, project: Project, company: duckdb.DuckDBPyConnection
) -> None:
    (found,), (wanted,) = project.query([name]).rows()[0], company.execute(sql).fetchall()[0]
    assert math.isclose(found, wanted, rel_tol=1e-9)


def test_over_a_quarter_a_balance_is_that_of_its_last_day(project: Project) -> None:
    months = dict(project.query(["mrr"], group_by=["metric_time__month"]).rows())
    quarters = dict(project.query(["mrr"], group_by=["metric_time__quarter"]).rows())
    assert quarters == {first: months[date(first.year, first.month + 2, 1)] for first in quarters}


def test_days_outstanding_know_their_days_in_groups_that_the_calendar_does_not_have(
    project: Project, company: duckdb.DuckDBPyConnection
) -> None:
    rows = project.query(
        ["ar_days"],
        group_by=["account__segment"],
        where=["metric_time__month = '2026-06-01'"],
    ).rows()
    sold = company.execute(
        "SELECT segment, sum(amount) FROM invoices LEFT JOIN accounts USING (account_id)"
        " WHERE status <> 'void' AND issued_at >= DATE '2026-06-01' GROUP BY 1"
    ).fetchall()
    owed = company.execute(
        "SELECT segment, sum(balance) FROM receivable_snapshots"
        " LEFT JOIN accounts USING (account_id) WHERE snapshot_on = DATE '2026-06-30' GROUP BY 1"
    ).fetchall()
    wanted = {segment: float(value) / float(dict(sold)[segment]) * 30 for segment, value in owed}
    assert {segment: pytest.approx(value) for segment, value in wanted.items()} == dict(rows)
