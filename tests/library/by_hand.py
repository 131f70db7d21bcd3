"""Every KPI of the library as SQL by hand over the raw tables of the example company, by month.

Most are those by which the example's own metrics are held. Here are the KPIs that the library
defines otherwise, each from its formula in words and, where the tables allow it, from other rows
than the definition reads.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import duckdb

from tests.unit.test_demo_library import REFERENCES as BY_PERIOD
from tests.unit.test_demo_over_time import ACQUIRED, KEPT
from tests.unit.test_demo_over_time import REFERENCES as BY_MONTH

#: A view of every month of the calendar, which statements of the example read.
MONTHS = (
    "CREATE VIEW months AS SELECT DISTINCT"
    " CAST(date_trunc('month', on_day) AS DATE) AS month, last_day(on_day) AS month_end"
    " FROM calendar_days"
)
#: A quiet period of these is 0, and not missing.
ZEROS = {
    *("new_mrr", "expansion_mrr", "churned_mrr", "upsell_opps", "resurrected_users"),
    *("incident_count", "win_rate", "cross_sell_rate", "feature_adoption", "return_rate"),
    *("resolution_rate", "fcr", "csat", "escalation_rate", "defect_rate", "deploy_frequency"),
    *("roas", "survey_response_rate", "training_hours", "velocity", "innovation_rate"),
    "reopen_rate",
}
_MOVED = "SELECT PER(moved_on), {} FROM mrr_movements WHERE type {} GROUP BY 1"
_SPENT = "SELECT PER(spent_on), sum(amount) FROM marketing_spend GROUP BY 1"
_WON = _MOVED.format("count(DISTINCT account_id)", "= 'new'")
_RESOLVED = "SELECT PER(resolved_at), {} FROM tickets WHERE resolved_at IS NOT NULL{} GROUP BY 1"
#: MRR for each customer at the ends of months, from changes and not from snapshots.
_PER_ACCOUNT = """
  SELECT month,
    (SELECT sum(delta) FROM mrr_movements WHERE moved_on <= month_end)
    / nullif((SELECT count(*) FROM (
        SELECT account_id FROM mrr_movements WHERE moved_on <= month_end
        GROUP BY account_id HAVING sum(delta) > 0)), 0) AS arpa
  FROM months"""
_LIFE = f"""
  SELECT month, arpa * customers_before / nullif(lost, 0) AS ltv, arpa
  FROM ({KEPT}) JOIN ({_PER_ACCOUNT}) USING (month)"""
_MARGIN = """
  SELECT month, (sold - cost) / sold AS margin FROM (
    SELECT month,
      (SELECT sum(amount) FROM revenue_lines WHERE recognised_on BETWEEN month AND month_end) AS sold,
      (SELECT sum(amount) FROM cogs_lines WHERE incurred_on BETWEEN month AND month_end) AS cost
    FROM months)"""

STATEMENTS: dict[str, str | tuple[str, str]] = {
    **BY_PERIOD,
    **BY_MONTH,
    "new_mrr": _MOVED.format("sum(delta)", "= 'new'"),
    "expansion_mrr": _MOVED.format("sum(delta)", "= 'expansion'"),
    "churned_mrr": _MOVED.format("sum(-delta)", "NOT IN ('new', 'expansion')"),
    "new_customers": _WON,
    "new_signups": "SELECT PER(signed_up_at), count(*) FROM users GROUP BY 1",
    "time_to_value": BY_PERIOD["minutes_to_value"],
    "activation_rate": """
      SELECT CAST(date_trunc('month', signed_up_at) AS DATE),
        nullif(count(*) FILTER (WHERE EXISTS (
          SELECT 1 FROM product_events AS later
          WHERE later.user_id = users.user_id AND later.name = 'report_created'
            AND happened_at >= signed_up_at AND happened_at < signed_up_at + INTERVAL 7 DAY)), 0)
        / count(*)
      FROM users GROUP BY 1""",
    "core_action": "SELECT PER(happened_at), sum(quantity) FROM product_events"
    " WHERE name = 'report_created' GROUP BY 1",
    "cac": (_SPENT, _WON),
    "ltv": f"SELECT month, ltv FROM ({_LIFE})",
    "ltv_cac": f"SELECT month, ltv / cac FROM ({_LIFE}) JOIN ({ACQUIRED}) USING (month)",
    "ltv_gross_margin": f"SELECT month, ltv * margin FROM ({_LIFE}) JOIN ({_MARGIN}) USING (month)",
    "payback_months": f"""
      SELECT month, cac / (arpa * margin)
      FROM ({_LIFE}) JOIN ({ACQUIRED}) USING (month) JOIN ({_MARGIN}) USING (month)""",
    "reopen_rate": (
        _RESOLVED.format("count(*)", " AND reopened_at IS NOT NULL"),
        _RESOLVED.format("count(*)", ""),
    ),
}


def wanted(company: duckdb.DuckDBPyConnection, name: str) -> dict[date, Any]:
    """The value of each month that has one, as SQL by hand has it."""
    statement = STATEMENTS[name]
    if isinstance(statement, str):
        found = _rows(company, statement)
        if name in ZEROS:
            return {month: found.get(month, 0) for month in _months(company)}
        return found
    above, below = (_rows(company, half) for half in statement)
    return {
        month: float(above.get(month, 0)) / float(value)
        for month, value in below.items()
        if (month in above or name in ZEROS) and value
    }


def _rows(company: duckdb.DuckDBPyConnection, statement: str) -> dict[date, Any]:
    sql = re.sub(r"PER\((.*?)\)", r"CAST(date_trunc('month', \1) AS DATE)", statement)
    return {month: value for month, value in company.execute(sql).fetchall() if value is not None}


def _months(company: duckdb.DuckDBPyConnection) -> list[date]:
    return [month for (month,) in company.execute("SELECT month FROM months").fetchall()]
