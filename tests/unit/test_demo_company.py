"""The example company adds up: control totals between its tables, and the ways of real data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from kpilayer.demo.data import build

SCALES = (1.0, 0.03)


@pytest.fixture(scope="module", params=SCALES)
def sized(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        build(connection, request.param)
        yield connection


@pytest.fixture(scope="module")
def company() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        build(connection)
        yield connection


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


# ---------------------------------------------------------------------------------- control totals


def test_the_entries_of_every_journal_add_up_to_zero(sized: duckdb.DuckDBPyConnection) -> None:
    journals, odd = one(
        sized,
        "SELECT count(*), count(*) FILTER (WHERE total <> 0 OR entries < 2) FROM ("
        "SELECT sum(amount) AS total, count(*) AS entries FROM gl_entries"
        " GROUP BY journal_id, posted_on)",
    )
    assert journals > 100 and odd == 0


def test_the_ledger_holds_the_cash_of_every_evening(sized: duckdb.DuckDBPyConnection) -> None:
    days, odd = one(
        sized,
        """
        WITH booked AS (
          SELECT on_day, sum(coalesce(amount, 0)) OVER (ORDER BY on_day) AS cash
          FROM calendar_days
          LEFT JOIN (
            SELECT posted_on, sum(amount) AS amount FROM gl_entries
            WHERE ledger_account_id = 1 GROUP BY posted_on
          ) ON posted_on = on_day
        )
        SELECT count(*), count(*) FILTER (WHERE cash <> closing)
        FROM booked
        JOIN (SELECT on_day, sum(closing) AS closing FROM cash_balances GROUP BY on_day)
          USING (on_day)""",
    )
    assert (days, odd) == (912, 0)


def test_cash_balances_are_the_opening_and_the_movements_of_the_day(
    sized: duckdb.DuckDBPyConnection,
) -> None:
    odd = """
      WITH moved AS (
        SELECT booked_on AS on_day, bank_account,
          sum(CASE WHEN direction = 'in' THEN amount ELSE -amount END) AS net
        FROM cash_movements GROUP BY ALL
      ),
      chained AS (
        SELECT *, lag(closing) OVER (PARTITION BY bank_account ORDER BY on_day) AS before
        FROM cash_balances LEFT JOIN moved USING (on_day, bank_account)
      )
      SELECT count(*) FROM chained
      WHERE opening + coalesce(net, 0) <> closing
        OR opening + inflow - outflow <> closing
        OR before <> opening"""
    assert one(sized, odd) == 0


def test_invoices_less_payments_are_the_receivables(sized: duckdb.DuckDBPyConnection) -> None:
    months = sized.execute(
        """
        SELECT
          month_end,
          (SELECT coalesce(sum(amount), 0) FROM invoices
           WHERE status <> 'void' AND CAST(issued_at AS DATE) <= month_end)
          - (SELECT coalesce(sum(amount), 0) FROM payments WHERE paid_on <= month_end) AS open,
          (SELECT coalesce(sum(balance), 0) FROM receivable_snapshots
           WHERE snapshot_on = month_end) AS snapshot,
          (SELECT coalesce(sum(amount), 0) FROM gl_entries
           WHERE ledger_account_id = 2 AND posted_on <= month_end) AS ledger
        FROM (SELECT DISTINCT last_day(on_day) AS month_end FROM calendar_days)
        ORDER BY month_end"""
    ).fetchall()
    assert len(months) == 30
    for month_end, still_open, snapshot, ledger in months:
        assert still_open == snapshot == ledger, month_end


def test_paid_invoices_are_paid_to_the_cent_on_their_day(sized: duckdb.DuckDBPyConnection) -> None:
    odd = """
      SELECT count(*) FROM invoices
      LEFT JOIN (
        SELECT invoice_id, sum(amount) AS paid, max(paid_on) AS last_on
        FROM payments GROUP BY invoice_id
      ) AS received USING (invoice_id)
      WHERE CASE status
        WHEN 'paid' THEN paid IS DISTINCT FROM amount OR last_on <> paid_on
        WHEN 'open' THEN paid >= amount
        ELSE paid IS NOT NULL
      END"""
    assert one(sized, odd) == 0


def test_mrr_rolls_forward_from_month_to_month(sized: duckdb.DuckDBPyConnection) -> None:
    by_account = """
      WITH held AS (
        SELECT snapshot_on, account_id, sum(mrr) AS mrr
        FROM subscription_snapshots WHERE plan_id <= 5 GROUP BY ALL
      ),
      moved AS (
        SELECT last_day(moved_on) AS month_end, account_id, sum(delta) AS delta
        FROM mrr_movements GROUP BY ALL
      ),
      everyone AS (
        SELECT month_end, account_id
        FROM (SELECT DISTINCT last_day(on_day) AS month_end FROM calendar_days), accounts
      ),
      rolled AS (
        SELECT
          everyone.month_end,
          everyone.account_id,
          coalesce(held.mrr, 0) AS closing,
          coalesce(delta, 0) AS delta,
          lag(coalesce(held.mrr, 0), 1, 0.00)
            OVER (PARTITION BY everyone.account_id ORDER BY everyone.month_end) AS opening
        FROM everyone
        LEFT JOIN held ON snapshot_on = everyone.month_end AND held.account_id = everyone.account_id
        LEFT JOIN moved
          ON moved.month_end = everyone.month_end AND moved.account_id = everyone.account_id
      )
      SELECT count(*) FILTER (WHERE closing > 0), count(*) FILTER (WHERE opening + delta <> closing)
      FROM rolled"""
    rows, odd = one(sized, by_account)
    assert rows > 50 and odd == 0


def test_snapshots_hold_the_subscriptions_that_run(sized: duckdb.DuckDBPyConnection) -> None:
    odd = """
      SELECT count(*) FROM (
        SELECT month_end, subscription_id FROM subscriptions
        JOIN (SELECT DISTINCT last_day(on_day) AS month_end FROM calendar_days)
          ON started_on <= month_end AND (ended_on IS NULL OR ended_on > month_end)
      ) AS running
      FULL JOIN subscription_snapshots AS taken
        ON taken.snapshot_on = month_end AND taken.subscription_id = running.subscription_id
      WHERE running.subscription_id IS NULL OR taken.subscription_id IS NULL OR mrr <= 0"""
    assert one(sized, odd) == 0


def test_revenue_of_an_invoice_is_the_invoice_without_tax(sized: duckdb.DuckDBPyConnection) -> None:
    odd = """
      SELECT count(*) FROM invoices
      LEFT JOIN (
        SELECT invoice_id, sum(amount) AS recognised, max(recognised_on) AS recognised_on
        FROM revenue_lines GROUP BY invoice_id
      ) AS lines USING (invoice_id)
      WHERE CASE WHEN status = 'void' THEN recognised IS NOT NULL
        ELSE recognised IS DISTINCT FROM amount - tax
          OR recognised_on <> last_day(CAST(issued_at AS DATE)) END"""
    assert one(sized, odd) == 0
    assert (
        one(sized, "SELECT count(*) FROM revenue_lines WHERE list_amount - discount <> amount") == 0
    )


def test_the_ledger_has_the_revenue_and_its_cost_of_every_month(
    sized: duckdb.DuckDBPyConnection,
) -> None:
    months = sized.execute(
        """
        SELECT
          month_end,
          (SELECT -sum(amount) FROM gl_entries
           WHERE ledger_account_id IN (7, 8) AND last_day(posted_on) = month_end),
          (SELECT sum(amount) FROM revenue_lines WHERE recognised_on = month_end),
          (SELECT sum(amount) FROM gl_entries
           WHERE ledger_account_id IN (9, 10) AND last_day(posted_on) = month_end),
          (SELECT sum(amount) FROM cogs_lines WHERE incurred_on = month_end)
        FROM (SELECT DISTINCT last_day(on_day) AS month_end FROM calendar_days)"""
    ).fetchall()
    assert len(months) == 30
    for month_end, ledger_revenue, revenue, ledger_cost, cost in months:
        assert ledger_revenue == revenue, month_end
        assert ledger_cost == cost, month_end


def test_touches_share_the_first_year_of_each_new_customer(
    sized: duckdb.DuckDBPyConnection,
) -> None:
    odd = """
      SELECT count(*) FROM mrr_movements
      FULL JOIN (
        SELECT movement_id, sum(revenue) AS revenue, min(position) AS first, max(position) AS last,
          count(*) AS touches, max(touched_on) AS touched_on
        FROM attribution GROUP BY movement_id
      ) AS shared USING (movement_id)
      WHERE (type = 'new' OR revenue IS NOT NULL) AND (
        type <> 'new' OR revenue IS DISTINCT FROM delta * 12
        OR first <> 1 OR last <> touches OR touched_on > moved_on)"""
    assert one(sized, odd) == 0


def test_snapshots_hold_the_opportunities_that_are_open(sized: duckdb.DuckDBPyConnection) -> None:
    odd = """
      SELECT count(*) FROM (
        SELECT on_day, opportunity_id FROM opportunities
        JOIN calendar_days ON isodow(on_day) = 7 AND CAST(created_at AS DATE) <= on_day
          AND (closed_at IS NULL OR CAST(closed_at AS DATE) > on_day)
      ) AS open
      FULL JOIN opportunity_snapshots AS taken
        ON taken.snapshot_on = on_day AND taken.opportunity_id = open.opportunity_id
      WHERE open.opportunity_id IS NULL OR taken.opportunity_id IS NULL"""
    assert one(sized, odd) == 0


def test_headcount_snapshots_hold_who_works_here(sized: duckdb.DuckDBPyConnection) -> None:
    odd = """
      SELECT count(*) FROM (
        SELECT DISTINCT last_day(on_day) AS month_end FROM calendar_days
      ) AS months
      JOIN employees ON employees.hired_on <= month_end
        AND (left_on IS NULL OR left_on > month_end)
      FULL JOIN headcount_snapshots AS taken
        ON taken.snapshot_on = month_end AND taken.employee_id = employees.employee_id
      WHERE months.month_end IS NULL OR taken.snapshot_id IS NULL
        OR taken.hired_on <> employees.hired_on"""
    assert one(sized, odd) == 0


# -------------------------------------------------------------------------------------- real data


def test_cash_never_runs_out(company: duckdb.DuckDBPyConnection) -> None:
    assert one(company, "SELECT min(closing) FROM cash_balances") > 0


def test_won_opportunities_are_sales_of_the_same_day(company: duckdb.DuckDBPyConnection) -> None:
    odd = """
      SELECT count(*) FROM opportunities AS won
      WHERE stage = 'won' AND NOT EXISTS (
        SELECT 1 FROM mrr_movements AS sold
        WHERE sold.account_id = won.account_id AND sold.delta * 12 = won.amount
          AND sold.moved_on = CAST(won.closed_at AS DATE))"""
    assert one(company, odd) == 0


@pytest.mark.parametrize(
    ("table", "earlier", "later"),
    [
        ("opportunities", "created_at", "closed_at"),
        ("tickets", "opened_at", "first_replied_at"),
        ("tickets", "first_replied_at", "resolved_at"),
        ("tickets", "resolved_at", "reopened_at"),
        ("work_items", "created_at", "started_at"),
        ("work_items", "started_at", "done_at"),
        ("incidents", "started_at", "restored_at"),
        ("defects", "found_at", "fixed_at"),
        ("employees", "hired_on", "left_on"),
        ("web_sessions", "started_at", "loaded_at"),
        ("leads", "created_at", "loaded_at"),
        ("payments", "paid_on", "loaded_at"),
        ("orders JOIN carts USING (cart_id)", "created_at", "ordered_at"),
        ("lead_stages JOIN leads USING (lead_id)", "created_at", "entered_at"),
        ("survey_answers JOIN surveys USING (survey_id)", "sent_at", "answered_at"),
        ("value_events JOIN users USING (user_id)", "signed_up_at", "happened_at"),
        (
            "payments JOIN invoices USING (invoice_id)",
            "CAST(issued_at AS DATE)",
            "payments.paid_on",
        ),
        ("leads JOIN accounts USING (account_id)", "CAST(created_at AS DATE)", "created_on"),
    ],
)
def test_nothing_ends_before_it_begins(
    company: duckdb.DuckDBPyConnection, table: str, earlier: str, later: str
) -> None:
    assert one(company, f"SELECT count({later}) FROM {table}") > 0
    assert one(company, f"SELECT count(*) FROM {table} WHERE {later} < {earlier}") == 0


@pytest.mark.parametrize("table", ["web_sessions", "leads", "payments", "feature_events"])
def test_one_row_in_a_hundred_arrives_days_late(
    company: duckdb.DuckDBPyConnection, table: str
) -> None:
    moment = {"web_sessions": "started_at", "leads": "created_at", "payments": "paid_on"}.get(
        table, "happened_at"
    )
    share = f"SELECT avg(CAST(loaded_at > {moment} + INTERVAL 23 HOUR AS INTEGER)) FROM {table}"
    assert 0.003 < one(company, share) < 0.03


def test_first_replies_are_counted_in_business_minutes(company: duckdb.DuckDBPyConnection) -> None:
    """A minute at a time, over the business hours of the weekdays between the two moments."""
    asked = company.execute(
        "SELECT opened_at, first_replied_at, first_reply_minutes FROM tickets"
        " WHERE first_replied_at IS NOT NULL ORDER BY md5(ticket_id::VARCHAR) LIMIT 40"
    ).fetchall()
    for opened, replied, minutes in asked:
        counted = one(
            company,
            f"""
            SELECT count(*) FROM range(
              date_trunc('minute', TIMESTAMP '{opened}'), date_trunc('minute', TIMESTAMP '{replied}'),
              INTERVAL 1 MINUTE) AS ticks(tick)
            WHERE isodow(tick) <= 5 AND hour(tick) BETWEEN 8 AND 17""",
        )
        assert counted == minutes, (opened, replied)


def test_people_work_when_people_work(company: duckdb.DuckDBPyConnection) -> None:
    for table, moment in (("activities", "happened_at"), ("tickets", "first_replied_at")):
        odd = f"SELECT count(*) FROM {table} WHERE hour({moment}) NOT BETWEEN 7 AND 18"
        assert one(company, odd) == 0, table
    assert one(company, "SELECT count(*) FROM tickets WHERE isodow(first_replied_at) > 5") == 0
    assert one(company, "SELECT count(*) FROM activities WHERE isodow(happened_at) > 5") < 10


def test_customers_in_bad_health_leave_more_often(company: duckdb.DuckDBPyConnection) -> None:
    well, unwell = company.execute(
        """
        SELECT avg(CAST(EXISTS (
          SELECT 1 FROM mrr_movements AS left_
          WHERE type = 'churn' AND left_.account_id = taken.account_id
            AND moved_on BETWEEN snapshot_on AND snapshot_on + 90) AS INTEGER)) AS left_then
        FROM account_health_snapshots AS taken
        WHERE snapshot_on < DATE '2026-04-01' GROUP BY score < 50 ORDER BY score < 50"""
    ).fetchall()
    assert unwell[0] > 3 * well[0] > 0


def test_people_keep_to_the_time_they_are_employed(company: duckdb.DuckDBPyConnection) -> None:
    for table, moment in (
        ("tickets", "opened_at"),
        ("activities", "happened_at"),
        ("opportunities", "created_at"),
        ("training", "held_on"),
    ):
        odd = f"""
          SELECT count(*) FROM {table} JOIN employees USING (employee_id)
          WHERE CAST({moment} AS DATE) < hired_on OR CAST({moment} AS DATE) >= left_on"""
        assert one(company, odd) == 0, table


def test_sprint_work_is_done_by_members_of_the_sprint(company: duckdb.DuckDBPyConnection) -> None:
    odd = "SELECT count(employee_id) FROM work_items ANTI JOIN sprint_members USING (sprint_id, employee_id)"
    assert one(company, odd) == 0


@pytest.mark.parametrize(
    ("number", "sql", "low", "high"),
    [
        (
            "win rate",
            "SELECT count(*) FILTER (WHERE stage = 'won') / count(closed_at) FROM opportunities",
            0.25,
            0.45,
        ),
        (
            "leads that are written twice",
            "SELECT 1 - count(DISTINCT lower(email)) / count(email) FROM leads",
            0.01,
            0.10,
        ),
        (
            "leads that reach mql within 30 days",
            "SELECT count(*) FILTER (WHERE entered_at <= created_at + INTERVAL 30 DAY)"
            " / (SELECT count(*) FROM leads)"
            " FROM lead_stages JOIN leads USING (lead_id) WHERE stage = 'mql'",
            0.20,
            0.45,
        ),
        (
            "part of the leads that reach mql later than that",
            "SELECT avg(CAST(entered_at > created_at + INTERVAL 30 DAY AS INTEGER))"
            " FROM lead_stages JOIN leads USING (lead_id) WHERE stage = 'mql'",
            0.05,
            0.40,
        ),
        (
            "carts with an order within a day",
            "SELECT count(*) FILTER (WHERE ordered_at <= created_at + INTERVAL 24 HOUR)"
            " / (SELECT count(*) FROM carts WHERE items > 0)"
            " FROM orders JOIN carts USING (cart_id)",
            0.15,
            0.35,
        ),
        (
            "gross margin of 2026",
            "SELECT 1 - (SELECT sum(amount) FROM cogs_lines WHERE incurred_on >= '2026-01-01')"
            " / sum(amount) FROM revenue_lines WHERE recognised_on >= '2026-01-01'",
            0.50,
            0.75,
        ),
        (
            "staff that left",
            "SELECT count(left_on) / count(*) FROM employees",
            0.03,
            0.25,
        ),
        (
            "market share",
            "SELECT (SELECT sum(amount) FROM revenue_lines) / sum(amount) FROM market_size",
            0.001,
            0.02,
        ),
    ],
)
def test_more_numbers_are_believable(
    company: duckdb.DuckDBPyConnection, number: str, sql: str, low: float, high: float
) -> None:
    assert low < one(company, sql) < high, number
