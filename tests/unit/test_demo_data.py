"""The example company's data: the same everywhere, consistent between tables, and believable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from kpilayer.demo.data import TABLES, build

KEYS = {
    "regions": "region_id",
    "plans": "plan_id",
    "accounts": "account_id",
    "mrr_movements": "movement_id",
    "subscriptions": "subscription_id",
    "users": "user_id",
    "product_events": "event_id",
    "marketing_spend": "spend_id",
    "consultants": "consultant_id",
    "projects": "project_id",
    "timesheets": "entry_id",
    "invoices": "invoice_id",
    "channels": "channel_id",
    "products": "product_id",
    "calendar_days": "day_id",
    "employees": "employee_id",
    "headcount_snapshots": "snapshot_id",
    "search_console": "search_id",
    "web_sessions": "session_id",
    "leads": "lead_id",
    "lead_stages": "lead_stage_id",
    "opportunities": "opportunity_id",
    "opportunity_snapshots": "snapshot_id",
    "quotas": "quota_id",
    "activities": "activity_id",
    "trials": "trial_id",
    "attribution": "attribution_id",
    "carts": "cart_id",
    "orders": "order_id",
    "payments": "payment_id",
    "receivable_snapshots": "snapshot_id",
    "revenue_lines": "line_id",
    "cogs_lines": "cogs_id",
    "cash_movements": "cash_id",
    "cash_balances": "balance_id",
    "ledger_accounts": "ledger_account_id",
    "gl_entries": "gl_entry_id",
    "initiatives": "initiative_id",
    "market_size": "market_id",
    "subscription_snapshots": "snapshot_id",
    "account_health_snapshots": "snapshot_id",
    "feature_events": "feature_event_id",
    "value_events": "value_event_id",
    "tickets": "ticket_id",
    "ticket_contacts": "contact_id",
    "surveys": "survey_id",
    "survey_answers": "answer_id",
    "capacity": "capacity_id",
    "training": "training_id",
    "deployments": "deployment_id",
    "incidents": "incident_id",
    "sprints": "sprint_id",
    "sprint_members": "sprint_member_id",
    "work_items": "item_id",
    "defects": "defect_id",
}
FIRST_TABLES = TABLES[: TABLES.index("invoices") + 1]
# Lists, and tables with a row for each day or month whatever the size of the company.
OF_ONE_SIZE = {
    *("regions", "plans", "channels", "products", "calendar_days", "ledger_accounts", "sprints"),
    *("search_console", "market_size", "cash_balances", "cogs_lines"),
}
PLAIN_TYPES = {"BIGINT", "INTEGER", "VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN", "DOUBLE"}

# Written down once: the same on DuckDB 1.5 and 2.0. A deliberate change of the data changes it.
# The numbers of the README and the guide come from the first tables.
FIRST_AT_A_TWENTIETH = "cad38e848f55b68e2b2eb5aac0e24ee3be2e0235ac76ff75b02bf6abe33c478d"
OTHERS_AT_A_TWENTIETH = "16e387a1c92728fd36188203aa6985f47cd85f8188ee775e64d23e0ceca91d01"


@pytest.fixture(scope="module")
def company() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        build(connection)
        yield connection


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def content(**settings: str | int | bool) -> tuple[str, str]:
    """Hashes over every value of the first and of the other tables, rows in order of their keys."""
    first, others = hashlib.sha256(), hashlib.sha256()
    with duckdb.connect() as connection:
        for name, value in settings.items():
            connection.execute(f"SET {name} = '{value}'")
        build(connection, scale=0.05)
        for table in TABLES:
            found = connection.execute(f"SELECT * FROM {table} ORDER BY {KEYS[table]}")
            columns = [column[0] for column in found.description or []]
            digest = first if table in FIRST_TABLES else others
            digest.update(repr((table, columns, found.fetchall())).encode())
    return first.hexdigest(), others.hexdigest()


def test_two_builds_have_the_same_content_whatever_the_session_is_set_to() -> None:
    assert (
        content(threads=1)
        == content(threads=2)
        == content(threads=2, preserve_insertion_order=False, default_null_order="nulls_first")
    )


def test_content_is_the_one_written_down() -> None:
    assert content() == (FIRST_AT_A_TWENTIETH, OTHERS_AT_A_TWENTIETH)


def test_building_again_replaces_the_tables_and_leaves_nothing_else_behind() -> None:
    with duckdb.connect() as connection:
        heard: list[str] = []
        first = build(connection, scale=0.02, progress=heard.append)
        assert build(connection, scale=0.02) == first
        assert tuple(heard) == tuple(first) == TABLES
        found = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        assert {name for (name,) in found} == set(TABLES)
        assert one(connection, "SELECT count(*) FROM duckdb_functions() WHERE NOT internal") == 0
        for table, rows in first.items():
            assert one(connection, f"SELECT count(*) FROM {table}") == rows


def test_facts_grow_with_the_scale() -> None:
    with duckdb.connect() as connection:
        small = build(connection, scale=0.1)
        large = build(connection, scale=0.4)
    for table in set(TABLES) - OF_ONE_SIZE:
        assert 2.8 < large[table] / small[table] < 5.3, table


def test_some_tables_are_made_with_what_they_are_made_from_and_are_the_same() -> None:
    with duckdb.connect() as connection:
        some = build(connection, scale=0.02, tables=["quotas"])
        alone = connection.execute("SELECT * FROM quotas").fetchall()
        assert tuple(some) == ("consultants", "employees", "headcount_snapshots", "quotas")
        build(connection, scale=0.02)
        assert connection.execute("SELECT * FROM quotas").fetchall() == alone


@pytest.mark.parametrize("table", ["attribution", "gl_entries", "survey_answers", "work_items"])
def test_any_table_can_be_made_in_an_empty_database(table: str) -> None:
    with duckdb.connect() as connection:
        assert table in build(connection, scale=0.001, tables=[table])


def test_a_table_that_there_is_not_is_refused() -> None:
    with duckdb.connect() as connection, pytest.raises(ValueError, match="no table sales"):
        build(connection, tables=["sales"])


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_positive_number_is_refused(scale: float) -> None:
    with duckdb.connect() as connection, pytest.raises(ValueError, match="above zero"):
        build(connection, scale=scale)


def test_a_tiny_scale_still_makes_every_table() -> None:
    with duckdb.connect() as connection:
        assert set(build(connection, scale=0.0001)) == set(TABLES)


def test_columns_have_types_that_postgresql_has_too(company: duckdb.DuckDBPyConnection) -> None:
    columns = company.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    ).fetchall()
    assert {table for table, _, _ in columns} == set(TABLES)
    for table, name, kind in columns:
        assert name == name.lower()
        assert kind in PLAIN_TYPES or kind.startswith("DECIMAL("), (table, name, kind)


@pytest.mark.parametrize(("table", "key"), KEYS.items())
def test_keys_number_the_rows(company: duckdb.DuckDBPyConnection, table: str, key: str) -> None:
    rows = one(company, f"SELECT count(*) FROM {table}")
    found = one(company, f"SELECT count(DISTINCT {key}), min({key}), max({key}) FROM {table}")
    assert found == (rows, 1, rows)


@pytest.mark.parametrize(
    ("table", "key", "home"),
    [
        ("mrr_movements", "account_id", "accounts"),
        ("mrr_movements", "plan_id", "plans"),
        ("subscriptions", "account_id", "accounts"),
        ("subscriptions", "plan_id", "plans"),
        ("users", "account_id", "accounts"),
        ("projects", "account_id", "accounts"),
        ("timesheets", "consultant_id", "consultants"),
        ("headcount_snapshots", "employee_id", "employees"),
        ("web_sessions", "channel", "channels"),
        ("marketing_spend", "channel", "channels"),
        ("attribution", "channel", "channels"),
        ("attribution", "movement_id", "mrr_movements"),
        ("leads", "channel", "channels"),
        ("lead_stages", "lead_id", "leads"),
        ("opportunity_snapshots", "opportunity_id", "opportunities"),
        ("trials", "lead_id", "leads"),
        ("orders", "cart_id", "carts"),
        ("payments", "invoice_id", "invoices"),
        ("revenue_lines", "invoice_id", "invoices"),
        ("revenue_lines", "product_id", "products"),
        ("gl_entries", "ledger_account_id", "ledger_accounts"),
        ("market_size", "region_id", "regions"),
        ("subscription_snapshots", "subscription_id", "subscriptions"),
        ("account_health_snapshots", "account_id", "accounts"),
        ("feature_events", "event_id", "product_events"),
        ("value_events", "user_id", "users"),
        ("ticket_contacts", "ticket_id", "tickets"),
        ("survey_answers", "survey_id", "surveys"),
        ("capacity", "consultant_id", "consultants"),
        ("training", "employee_id", "employees"),
        ("sprint_members", "sprint_id", "sprints"),
        ("sprint_members", "employee_id", "employees"),
    ],
)
def test_these_rows_all_find_their_home(
    company: duckdb.DuckDBPyConnection, table: str, key: str, home: str
) -> None:
    lost = f"SELECT count(*) FROM {table} ANTI JOIN {home} USING ({key})"
    assert one(company, lost) == 0


@pytest.mark.parametrize(
    ("table", "key", "home", "can_be_unknown"),
    [
        ("accounts", "region_id", "regions", False),
        ("timesheets", "project_id", "projects", False),
        ("invoices", "account_id", "accounts", True),
        ("product_events", "user_id", "users", True),
        ("web_sessions", "user_id", "users", False),
        ("leads", "account_id", "accounts", False),
        ("opportunities", "lead_id", "leads", False),
        ("cogs_lines", "product_id", "products", False),
        ("tickets", "user_id", "users", True),
        ("incidents", "deployment_id", "deployments", False),
        ("work_items", "sprint_id", "sprints", False),
        ("defects", "item_id", "work_items", False),
    ],
)
def test_some_rows_have_no_home(
    company: duckdb.DuckDBPyConnection, table: str, key: str, home: str, can_be_unknown: bool
) -> None:
    missing, unknown = one(
        company,
        f"SELECT count(*) FILTER (WHERE {key} IS NULL), count({key})"
        f" FROM {table} ANTI JOIN {home} USING ({key})",
    )
    assert missing > 0
    assert (unknown > 0) is can_be_unknown


def test_everything_happens_within_the_range(company: duckdb.DuckDBPyConnection) -> None:
    times = company.execute(
        "SELECT table_name, column_name FROM duckdb_columns()"
        " WHERE NOT internal AND data_type IN ('DATE', 'TIMESTAMP')"
        " AND column_name NOT IN ('due_on', 'sla_due_at', 'expected_close_on')"  # may be to come
        " AND column_name NOT IN ('launched_on', 'hired_on')"  # may be long ago
    ).fetchall()
    assert len(times) == 71
    for table, column in times:
        outside = f"{column} < DATE '2024-01-01' OR {column} >= DATE '2026-07-01'"
        assert one(company, f"SELECT count(*) FROM {table} WHERE {outside}") == 0, (table, column)


def test_every_customer_starts_once_before_anything_else_changes(
    company: duckdb.DuckDBPyConnection,
) -> None:
    odd = """
      SELECT count(*) FROM (
        SELECT account_id FROM mrr_movements GROUP BY account_id
        HAVING count(*) FILTER (WHERE type = 'new') <> 1
          OR min(moved_on) FILTER (WHERE type = 'new') <> min(moved_on)
          OR count(DISTINCT moved_on) FILTER (WHERE type = 'churn') > 1
          OR max(moved_on) FILTER (WHERE type = 'churn') < max(moved_on)
      )"""
    assert one(company, odd) == 0
    wrong_sign = (
        "SELECT count(*) FROM mrr_movements WHERE (type IN ('new', 'expansion')) <> (delta > 0)"
    )
    assert one(company, wrong_sign) == 0


def test_mrr_of_running_subscriptions_is_the_sum_of_all_movements(
    company: duckdb.DuckDBPyConnection,
) -> None:
    moved = one(company, "SELECT sum(delta) FROM mrr_movements")
    running = one(
        company,
        "SELECT sum(mrr) FROM subscriptions, plans WHERE subscriptions.plan_id = plans.plan_id"
        " AND fee_type = 'recurring' AND ended_on IS NULL",
    )
    assert moved == running > 0


def test_churn_takes_away_exactly_what_the_ended_subscriptions_paid(
    company: duckdb.DuckDBPyConnection,
) -> None:
    lost = company.execute(
        "SELECT account_id, plan_id, moved_on, -delta FROM mrr_movements WHERE type = 'churn'"
        " ORDER BY ALL"
    ).fetchall()
    ended = company.execute(
        "SELECT account_id, plan_id, ended_on, mrr FROM subscriptions"
        " WHERE ended_on IS NOT NULL AND plan_id <= 5 ORDER BY ALL"
    ).fetchall()
    assert lost == ended


def test_software_invoices_of_a_month_bill_the_mrr_of_its_first_morning(
    company: duckdb.DuckDBPyConnection,
) -> None:
    billed = one(
        company,
        "SELECT sum(amount - tax) FROM invoices SEMI JOIN accounts USING (account_id)"
        " WHERE NOT is_services AND amount > 0"
        " AND CAST(issued_at AS DATE) = DATE '2025-10-01'",
    )
    assert billed == one(
        company, "SELECT sum(delta) FROM mrr_movements WHERE moved_on < DATE '2025-10-01'"
    )


def test_time_and_materials_are_billed_at_the_agreed_rates(
    company: duckdb.DuckDBPyConnection,
) -> None:
    # Bills are rounded once per project and month, so cents may differ, by half of one each.
    worked, bills = one(
        company,
        """
        SELECT sum(hours * rate), count(DISTINCT (project_id, last_day(worked_on)))
        FROM timesheets JOIN projects USING (project_id)
        WHERE is_billable AND account_id IN (
          SELECT account_id FROM projects GROUP BY account_id
          HAVING bool_and(type = 'time_and_materials')
        )""",
    )
    billed = one(
        company,
        """
        SELECT sum(amount - tax) FROM invoices
        WHERE is_services AND amount > 0 AND CAST(issued_at AS DATE) = last_day(issued_at)
          AND account_id IN (
            SELECT account_id FROM projects GROUP BY account_id
            HAVING bool_and(type = 'time_and_materials')
          )
          AND (account_id, CAST(issued_at AS DATE)) NOT IN (
            SELECT account_id, started_on FROM subscriptions WHERE plan_id IN (6, 7)
          )""",
    )
    assert abs(worked - billed) <= bills * 0.005


def test_invoices_are_paid_open_or_void_as_their_payment_says(
    company: duckdb.DuckDBPyConnection,
) -> None:
    odd = """
      SELECT count(*) FROM invoices
      WHERE (status = 'paid') <> (paid_on IS NOT NULL)
        OR status NOT IN ('paid', 'open', 'void')
        OR paid_on < CAST(issued_at AS DATE)
        OR due_on <= CAST(issued_at AS DATE)
        OR abs(tax) > abs(amount)"""
    assert one(company, odd) == 0
    kinds = """
      SELECT
        count(*) FILTER (WHERE status = 'void'),
        count(*) FILTER (WHERE status = 'open'),
        count(*) FILTER (WHERE amount < 0),
        count(*) FILTER (WHERE paid_on > due_on)
      FROM invoices"""
    assert min(one(company, kinds)) > 100


def test_nothing_happens_before_its_beginning(company: duckdb.DuckDBPyConnection) -> None:
    early = """
      SELECT
        (SELECT count(*) FROM product_events JOIN users USING (user_id)
         WHERE happened_at < signed_up_at),
        (SELECT count(*) FROM users JOIN accounts USING (account_id)
         WHERE signed_up_at < created_on),
        (SELECT count(*) FROM timesheets JOIN projects USING (project_id)
         WHERE worked_on < started_on)"""
    assert one(company, early) == (0, 0, 0)


def test_a_few_rows_arrive_late(company: duckdb.DuckDBPyConnection) -> None:
    late = """
      SELECT avg(CAST(moment < latest_before AS INTEGER)) FROM (
        SELECT CAST(happened_at AS DATE) AS moment,
          max(CAST(happened_at AS DATE)) OVER (ORDER BY event_id) AS latest_before
        FROM product_events
      )"""
    assert 0.001 < one(company, late) < 0.01


def test_weekends_and_december_are_quiet(company: duckdb.DuckDBPyConnection) -> None:
    working, weekend = one(
        company,
        "SELECT count(*) FILTER (WHERE isodow(happened_at) <= 5) / 5,"
        " count(*) FILTER (WHERE isodow(happened_at) > 5) / 2 FROM product_events",
    )
    assert weekend < working / 4
    november, december = one(
        company,
        "SELECT count(*) FILTER (WHERE month(created_on) = 11),"
        " count(*) FILTER (WHERE month(created_on) = 12) FROM accounts",
    )
    assert december < november
    assert one(company, "SELECT count(*) FROM timesheets WHERE isodow(worked_on) > 5") == 0


def test_the_business_grows_from_year_to_year(company: duckdb.DuckDBPyConnection) -> None:
    first_halves = """
      SELECT sum(amount - tax) FROM invoices
      WHERE status <> 'void' AND month(issued_at) <= 6
      GROUP BY year(issued_at) ORDER BY year(issued_at)"""
    then, later, latest = (amount for (amount,) in company.execute(first_halves).fetchall())
    assert then < later < latest


@pytest.mark.parametrize(
    ("number", "sql", "low", "high"),
    [
        (
            "billable utilisation",
            "SELECT sum(hours) FILTER (WHERE is_billable) / sum(hours) FROM timesheets",
            0.65,
            0.80,
        ),
        (
            "customer acquisition cost",
            "SELECT (SELECT sum(amount) FROM marketing_spend) / count(DISTINCT account_id)"
            " FROM mrr_movements WHERE type = 'new'",
            2000,
            4000,
        ),
        (
            "churned and contracted part of new MRR",
            "SELECT -sum(delta) FILTER (WHERE type IN ('churn', 'contraction'))"
            " / sum(delta) FILTER (WHERE type = 'new') FROM mrr_movements",
            0.05,
            0.40,
        ),
        (
            "void rate",
            "SELECT avg(CAST(status = 'void' AS INTEGER)) FROM invoices WHERE amount >= 0",
            0.02,
            0.03,
        ),
        (
            "paid share",
            "SELECT sum(amount - tax) FILTER (WHERE status = 'paid') / sum(amount - tax)"
            " FROM invoices WHERE status <> 'void'",
            0.85,
            0.97,
        ),
        (
            "services margin",
            "SELECT 1 - (SELECT sum(hours * hourly_cost)"
            " FROM timesheets JOIN consultants USING (consultant_id)) / sum(amount - tax)"
            " FROM invoices WHERE is_services AND status <> 'void'",
            0.20,
            0.35,
        ),
        (
            "activation rate",
            "SELECT count(*) / (SELECT count(*) FROM users) FROM users SEMI JOIN product_events"
            " ON users.user_id = product_events.user_id AND name = 'report_created'"
            " AND CAST(happened_at AS DATE) <= CAST(signed_up_at AS DATE) + 7",
            0.30,
            0.50,
        ),
    ],
)
def test_numbers_are_believable(
    company: duckdb.DuckDBPyConnection, number: str, sql: str, low: float, high: float
) -> None:
    assert low < one(company, sql) < high, number
