"""What is true of SQL and metrics, rule by rule: what makes a number the metric, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpilayer import Project
from kpilayer.drift.search import Finding

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def acme() -> Project:
    return Project.load(ROOT)


def _found(acme: Project, folder: Path, sql: str, dialect: str = "duckdb") -> list[Finding]:
    file = folder / "report.sql"
    file.write_text(sql, encoding="utf-8")
    return list(acme.drift([str(file)], dialect=dialect).findings)


def _told(acme: Project, folder: Path, sql: str, dialect: str = "duckdb") -> list[tuple[str, str]]:
    """Metrics and verdicts, `exact` and `equivalent` as one word."""
    found = _found(acme, folder, sql, dialect)
    same = {"exact": "same", "equivalent": "same"}
    return [(f.metric, same.get(f.verdict, f.verdict)) for f in found]


def test_all_values_that_a_description_lists_are_those_of_a_column() -> None:
    from kpilayer.drift.tables import values_in

    assert values_in("hot, cold; at times warm or mild.") == ("hot", "cold", "warm", "mild")
    assert values_in("in or out; the sum is above zero.") == ("in", "out")
    assert values_in("Who did it, where known.") == ()


def test_values_left_out_are_those_that_are_not_listed(acme: Project, tmp_path: Path) -> None:
    rest = "'discovery', 'demo', 'proposal', 'negotiation'"
    sql = f"SELECT count(*) AS closed FROM opportunities WHERE stage NOT IN ({rest})"
    assert _told(acme, tmp_path, sql) == [("closed_deals", "same")]


def test_an_average_is_one_over_rows_that_have_the_value(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT avg(case when resolved_at <= sla_due_at then 1 when resolved_at > sla_due_at then 0 end) AS resolution_rate FROM tickets"
    assert _told(acme, tmp_path, sql) == [("resolution_rate", "conflicting")]


def test_an_average_of_numbers_that_are_not_said_to_miss_is_one_over_all_rows(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT avg(amount - tax) v FROM invoices WHERE status <> 'void' AND amount >= 0"
    found = _found(acme, tmp_path, sql)
    assert [(f.metric, f.verdict) for f in found] == [("average_invoice_value", "equivalent")]
    assert found[0].note == "where no `amount` and no `tax` is missing"


def test_a_count_of_values_that_nothing_is_said_of_may_be_one_of_rows(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT count(first_reply_minutes) AS tickets_opened FROM tickets"
    assert _told(acme, tmp_path, sql) == [("tickets_opened", "possible")]
    sql = "SELECT count(user_id) AS events FROM product_events"
    assert _told(acme, tmp_path, sql) == [("events", "conflicting")]


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("invoiced_revenue", "conflicting"),  # what is open is left out
        ("paid_invoiced_revenue", "same"),  # a slice that is called so
        ("paid", "same"),
        ("invoiced", "possible"),
        ("cash_collected", None),  # another number, which the layer does not have
    ],
)
def test_a_filter_on_what_a_metric_filters_itself_is_a_slice_where_the_name_says_it(
    acme: Project, tmp_path: Path, name: str, verdict: str | None
) -> None:
    sql = (
        f"SELECT sum(amount - tax) FILTER (WHERE status = 'paid') AS {name}, count(*) FROM invoices"
    )
    told = {m: v for m, v in _told(acme, tmp_path, sql) if m == "invoiced_revenue"}
    assert told.get("invoiced_revenue") == verdict


def test_rows_counted_under_the_name_of_a_sum_are_a_conflict(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT count(*) AS billable_hours FROM timesheets WHERE is_billable"
    assert _told(acme, tmp_path, sql) == [("billable_hours", "conflicting")]


def test_a_sum_over_all_values_of_a_list_is_the_sum_of_its_parts(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT account_id, sum(delta) AS v FROM mrr_movements GROUP BY 1"
    assert _told(acme, tmp_path, sql) == [("net_new_mrr", "same")]
    sql = "SELECT sum(delta) AS net_new_mrr FROM mrr_movements WHERE type IN ('new', 'churn')"
    assert _told(acme, tmp_path, sql) == [("net_new_mrr", "conflicting")]


def test_a_mean_of_other_rows_is_not_taken_for_one_that_has_another_name(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT avg(score) AS happiness FROM survey_answers WHERE type = 'csat'"
    assert _told(acme, tmp_path, sql) == []


def test_a_sum_is_not_taken_for_a_ratio_of_a_like_name(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT sum(amount) AS market FROM market_size"
    assert _told(acme, tmp_path, sql) == [("market_sales", "same")]


def test_a_number_by_the_month_of_another_table_is_told_by_another_date(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT date_trunc('month', i.due_on) AS {}, sum(p.amount) AS payments_received FROM payments p JOIN invoices i USING (invoice_id) GROUP BY 1"
    assert _told(acme, tmp_path, sql.format("month")) == [("payments_received", "conflicting")]
    assert _told(acme, tmp_path, sql.format("cohort")) == [("payments_received", "same")]


def test_the_last_day_of_each_month_may_be_asked_for_by_a_subquery(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT s.snapshot_on, sum(s.balance) AS receivables FROM receivable_snapshots s WHERE s.snapshot_on = (SELECT max(t.snapshot_on) FROM receivable_snapshots t WHERE date_trunc('year', t.snapshot_on) = date_trunc('year', s.snapshot_on)) GROUP BY 1"
    assert _told(acme, tmp_path, sql) == [("receivables", "same")]
    sql = "SELECT sum(s.balance) AS receivables FROM receivable_snapshots s WHERE s.snapshot_on = (SELECT max(t.snapshot_on) FROM receivable_snapshots t WHERE t.account_id = s.account_id)"
    assert _told(acme, tmp_path, sql) == [("receivables", "possible")]


def test_a_median_under_the_name_of_a_mean_is_a_conflict(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT median(amount) AS avg_deal_size FROM opportunities WHERE stage = 'won'"
    assert _told(acme, tmp_path, sql) == [("avg_deal_size", "conflicting")]


def test_the_same_things_counted_in_another_table_are_a_conflict_under_the_name(
    acme: Project, tmp_path: Path
) -> None:
    sql = (
        "SELECT count(DISTINCT user_id) AS feature_users FROM product_events WHERE name = 'export'"
    )
    assert _told(acme, tmp_path, sql) == [("exports_users", "same")]
    sql = "SELECT count(DISTINCT account_id) AS new_customers FROM subscriptions"
    assert _told(acme, tmp_path, sql) == [("new_customers", "conflicting")]


def test_a_count_of_all_rows_without_a_name_may_only_be_the_metric(
    acme: Project, tmp_path: Path
) -> None:
    assert _told(acme, tmp_path, "SELECT count(*) AS n FROM deployments") == [
        ("production_deploys", "possible")
    ]


def test_another_unit_is_told(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT median(first_reply_minutes) AS first_response_time FROM tickets"
    found = _found(acme, tmp_path, sql)
    assert [(f.verdict, f.why) for f in found] == [("conflicting", ("times 60",))]


#: SQL that looks like the metric of its column's name, and is another number.
NOT_QUITE = [
    "SELECT sum(CAST(amount AS INTEGER)) AS burn_rate FROM cash_movements WHERE direction = 'out'",
    "SELECT sum(amount) AS burn_rate FROM cash_movements TABLESAMPLE 5% WHERE direction = 'out'",
    "SELECT count(*) AS feature_users FROM (SELECT user_id FROM feature_events GROUP BY 1 HAVING count(*) > 5)",
    "SELECT count(*) AS active_users FROM (SELECT DISTINCT user_id FROM product_events)",
    "SELECT sum(s) AS discounts FROM (SELECT type, sum(discount) s FROM revenue_lines GROUP BY 1 HAVING sum(discount) > 10)",
    "SELECT sum(s) AS discounts FROM (SELECT product_id, sum(discount) s FROM revenue_lines GROUP BY 1 ORDER BY 2 DESC LIMIT 3)",
    "SELECT sum(s) AS discounts FROM (SELECT product_id, sum(discount) s FROM revenue_lines GROUP BY 1 QUALIFY rank() OVER (ORDER BY sum(discount) DESC) < 3)",
    "SELECT approx_quantile(date_diff('day', issued_at, paid_on), 0.5) AS days_to_pay FROM invoices WHERE status = 'paid' AND amount >= 0",
    "SELECT count(lead_id) AS meetings_booked FROM activities WHERE status = 'held' AND type IN ('demo', 'meeting')",
]  # fmt: skip


@pytest.mark.parametrize("sql", NOT_QUITE)
def test_what_is_nearly_the_metric_is_never_told_to_be_it(
    acme: Project, tmp_path: Path, sql: str
) -> None:
    assert {verdict for _, verdict in _told(acme, tmp_path, sql)} <= {"conflicting", "possible"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(user_id) AS v FROM (SELECT user_id FROM product_events GROUP BY user_id)",
        "SELECT sum(n) AS hours_worked FROM (SELECT project_id, sum(hours) n FROM timesheets GROUP BY 1 HAVING count(*) > 0)",
        "SELECT sum(amount * CASE WHEN direction = 'out' THEN 1 ELSE -1 END) AS v FROM cash_movements",
    ],
)
def test_what_leaves_no_group_out_is_the_metric(acme: Project, tmp_path: Path, sql: str) -> None:
    assert {verdict for _, verdict in _told(acme, tmp_path, sql)} == {"same"}


@pytest.mark.parametrize(
    ("metric", "sql"),
    [
        ("void_rate", "SELECT 1 - count(*) FILTER (WHERE status IN ('paid', 'open')) / count(*) AS void_rate FROM invoices WHERE amount >= 0"),
        ("invoices_issued", "SELECT count(*) AS invoices FROM invoices WHERE amount >= 0 AND (status ILIKE 'paid' OR status LIKE 'open' OR status ILIKE 'void')"),
    ],
)  # fmt: skip
def test_what_is_left_of_all_rows_is_a_part_of_them(
    acme: Project, tmp_path: Path, metric: str, sql: str
) -> None:
    assert _told(acme, tmp_path, sql) == [(metric, "same")]


#: Statements of all kinds, some of them broken.
ODD = [
    "", ";", "-- nothing", "{{ broken", "{% if %} SELECT 1", "{{ ref() }}", "DROP TABLE tickets", "EXPLAIN SELECT 1",
    "INSERT INTO t SELECT sum(hours) AS hours_worked FROM timesheets",
    "CREATE TABLE t AS WITH q AS (SELECT 1 AS x) SELECT sum(hours) AS hours_worked FROM timesheets, q",
    "MERGE INTO t USING (SELECT account_id, sum(amount) a FROM invoices GROUP BY 1) s ON t.id = s.account_id WHEN MATCHED THEN UPDATE SET a = s.a",
    "{% for t in ['base', 'upsell'] %} SELECT sum(amount) AS {{ t }} FROM revenue_lines WHERE type = '{{ t }}' {% if not loop.last %} UNION ALL {% endif %}{% endfor %}",
    "BEGIN; SELECT count(*) FROM tickets; UPDATE t SET x = (SELECT sum(amount) FROM invoices); COMMIT",
    "WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT sum(x) FROM a",
    "SELECT sum(f.value:amount::NUMBER) FROM raw, LATERAL FLATTEN(input => raw.v) f",
    "SELECT approx_quantiles(amount, 0)[OFFSET(50)] FROM invoices", "SELECT percentile_cont() WITHIN GROUP (ORDER BY a) FROM t",
    "SELECT sum(amount) / 0, 1e400 * sum(amount), sum(amount) / (count(*) - count(*)) FROM invoices",
    "SELECT sum(amount) FROM invoices PIVOT (sum(amount) FOR status IN ('paid', 'void'))",
    "SELECT sum(amount) AS revenue FROM revenue_lines WHERE " + " OR ".join(f"account_id = {n}" for n in range(400)),
]  # fmt: skip


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "snowflake", "bigquery"])
def test_no_statement_is_too_odd(acme: Project, tmp_path: Path, dialect: str) -> None:
    for number, sql in enumerate(ODD):
        (tmp_path / f"odd{number}.sql").write_text(sql, encoding="utf-8")
    found = acme.drift([str(tmp_path)], dialect=dialect)
    assert found.to_sarif()
    assert "hours_worked" in {f.metric for f in found.findings}


def test_a_join_that_is_no_lookup_is_told_by_its_table(acme: Project, tmp_path: Path) -> None:
    sql = (
        "SELECT SUM(i.amount - i.tax) AS invoiced_revenue FROM invoices i "
        "JOIN invoice_lines l ON l.invoice_id = i.invoice_id WHERE i.status <> 'void'"
    )
    (found,) = _found(acme, tmp_path, sql)
    assert found.why == (
        "a row of `invoices` counts once for each row of `invoice_lines`",
        "only rows that `invoice_lines` has one for",
    )
    assert found.hint == "use the view `billing_monthly`"


# ----------------------------------------------------------------------------- rules about time

ROLLING = (
    "SELECT d.on_day, count(DISTINCT e.user_id) AS mau FROM calendar_days d "
    "LEFT JOIN product_events e ON {range} GROUP BY d.on_day"
)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ("e.happened_at::date > d.on_day - 28 AND e.happened_at::date <= d.on_day", "same"),
        ("e.happened_at::date BETWEEN d.on_day - 27 AND d.on_day", "same"),
        (
            "e.happened_at >= d.on_day - INTERVAL 27 DAY AND e.happened_at < d.on_day + INTERVAL 1 DAY",
            "same",
        ),
        ("e.happened_at::date BETWEEN d.on_day - 28 AND d.on_day", "conflicting"),
    ],
)
def test_a_join_by_a_range_beside_a_calendar_is_a_rolling_window(
    acme: Project, tmp_path: Path, days: str, told: str
) -> None:
    assert _told(acme, tmp_path, ROLLING.format(range=days)) == [("mau", told)]


def test_the_length_of_another_window_is_told(acme: Project, tmp_path: Path) -> None:
    days = "e.happened_at::date BETWEEN d.on_day - 29 AND d.on_day"
    (found,) = _found(acme, tmp_path, ROLLING.format(range=days))
    assert found.why == ("over 30 days instead of over 28 days",)


def test_a_window_that_leaves_out_the_day_itself_is_not_taken_for_one_with_it(
    acme: Project, tmp_path: Path
) -> None:
    days = "e.happened_at::date >= d.on_day - 28 AND e.happened_at::date < d.on_day"
    assert _told(acme, tmp_path, ROLLING.format(range=days)) == [("mau", "possible")]


@pytest.mark.parametrize(
    ("more", "group", "told"),
    [
        ("", "d.on_day", "same"),
        ("WHERE d.on_day >= DATE '2026-01-01'", "d.on_day", "same"),  # of days that are shown
        ("AND d.is_working_day", "d.on_day", "possible"),
        ("WHERE d.is_working_day", "d.on_day", "possible"),
        ("WHERE e.happened_at >= TIMESTAMP '2026-01-01'", "d.on_day", "possible"),  # cut off
        ("", "date_trunc('week', d.on_day)", "possible"),  # of seven ranges together
        ("", "1 + 1", "possible"),  # of all days together
    ],
)
def test_a_list_of_dates_says_nothing_but_which_days_are_shown(
    acme: Project, tmp_path: Path, more: str, group: str, told: str
) -> None:
    sql = (
        f"SELECT {group} AS t, count(DISTINCT e.user_id) AS mau FROM calendar_days d LEFT JOIN product_events e "
        f"ON e.happened_at::date BETWEEN d.on_day - 27 AND d.on_day {more} GROUP BY {group}"
    )
    assert _told(acme, tmp_path, sql) == [("mau", told)]


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("d.on_day = t.worked_on", "same"),
        ("d.on_day = t.worked_on AND d.is_working_day", "possible"),
        ("d.is_working_day = t.is_billable", "conflicting"),  # many days for each row
    ],
)
def test_a_calendar_is_looked_up_by_its_day_alone(
    acme: Project, tmp_path: Path, on: str, told: str
) -> None:
    sql = f"SELECT sum(t.hours) AS hours_worked FROM timesheets t JOIN calendar_days d ON {on}"
    assert _told(acme, tmp_path, sql) == [("hours_worked", told)]


def test_a_level_of_last_year_is_found_behind_lag(acme: Project, tmp_path: Path) -> None:
    sql = (
        "WITH m AS (SELECT date_trunc('{unit}', recognised_on) t, sum(amount) x FROM revenue_lines GROUP BY 1) "
        "SELECT t, x / lag(x, {count}) OVER (ORDER BY t) - 1 AS revenue_growth FROM m"
    )
    assert _told(acme, tmp_path, sql.format(unit="month", count=12)) == [("revenue_growth", "same")]
    assert _told(acme, tmp_path, sql.format(unit="quarter", count=4)) == [
        ("revenue_growth", "same")
    ]
    (found,) = _found(acme, tmp_path, sql.format(unit="month", count=6))
    assert (found.verdict, found.why) == ("conflicting", ("6 months ago instead of 12 months ago",))


@pytest.mark.parametrize(("back", "told"), [(11, "same"), (12, "conflicting")])
def test_sums_over_rows_of_months_are_rolling_windows(
    acme: Project, tmp_path: Path, back: int, told: str
) -> None:
    sql = (
        "SELECT date_trunc('month', recognised_on) m, sum(sum(amount)) OVER (ORDER BY "
        f"date_trunc('month', recognised_on) ROWS {back} PRECEDING) AS revenue_of_12_months "
        "FROM revenue_lines GROUP BY 1"
    )
    assert _told(acme, tmp_path, sql) == [("revenue_of_12_months", told)]


BY_MONTH = "SELECT {key} AS t, {more}sum(amount) AS x FROM revenue_lines GROUP BY ALL"
CUT = "date_trunc('month', recognised_on)"


@pytest.mark.parametrize(
    ("key", "more", "value", "told"),
    [
        (CUT, "", "lag(x, 12) OVER (ORDER BY t)", "same"),
        (CUT, "", "lag(x, 12, NULL) OVER (ORDER BY t)", "same"),
        (CUT, "type, ", "lag(x, 12) OVER (PARTITION BY type ORDER BY t)", "same"),
        ("strftime(recognised_on, '%Y-%m')", "", "lag(x, 12) OVER (ORDER BY t)", "same"),
        (CUT, "", "lag(x, 12) OVER (ORDER BY t DESC)", "possible"),  # of the year after
        (CUT, "", "lag(x, 12, 1) OVER (ORDER BY t)", "possible"),  # a growth in the first year
        (CUT, "", "lag(x, 6 + 6) OVER (ORDER BY t)", "possible"),  # not computed
        (CUT, "type, ", "lag(x, 12) OVER (ORDER BY t)", "possible"),  # of another type
        (CUT, "type, ", "lag(x, 12) OVER (PARTITION BY account_id ORDER BY t)", "possible"),
        (CUT, "", "lag(x, 12) OVER (PARTITION BY year(t) ORDER BY t)", "possible"),
        ("strftime(recognised_on, '%m')", "", "lag(x, 12) OVER (ORDER BY t)", "possible"),
        ("strftime(recognised_on, '%Y-%m-%d')", "", "lag(x, 12) OVER (ORDER BY t)", "possible"),
        ("CAST(year(recognised_on) AS INTEGER)", "", "lag(x, 365) OVER (ORDER BY t)", "possible"),
    ],
)
def test_a_level_of_last_year_is_the_one_so_many_periods_before_in_the_same_groups(
    acme: Project, tmp_path: Path, key: str, more: str, value: str, told: str
) -> None:
    groups = BY_MONTH.format(key=key, more=more)
    sql = f"WITH m AS ({groups}) SELECT t, x / {value} - 1 AS revenue_growth FROM m"
    assert _told(acme, tmp_path, sql) == [("revenue_growth", told)]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("ORDER BY m ROWS 11 PRECEDING", ["same"]),
        ("ORDER BY m ROWS BETWEEN 11 PRECEDING AND CURRENT ROW", ["same"]),
        ("ORDER BY m DESC ROWS 11 PRECEDING", []),
        ("ORDER BY m ROWS BETWEEN 11 PRECEDING AND 1 FOLLOWING", []),
        ("ORDER BY m ROWS BETWEEN 11 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW", []),
        ("PARTITION BY year(m) ORDER BY m ROWS 11 PRECEDING", []),
        ("ORDER BY m ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", ["conflicting"]),
        ("ORDER BY m ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", []),
    ],
)
def test_a_rolling_window_ends_with_the_period_itself(
    acme: Project, tmp_path: Path, rows: str, told: list[str]
) -> None:
    sql = (
        "WITH r AS (SELECT date_trunc('month', recognised_on) AS m, sum(amount) AS x FROM revenue_lines GROUP BY 1) "
        f"SELECT m, sum(x) OVER ({rows}) AS revenue_of_12_months FROM r"
    )
    assert [verdict for _, verdict in _told(acme, tmp_path, sql)] == told


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("m, r AS {} FROM w WHERE m >= DATE '2025-01-01'", "same"),  # windows that are shown
        ("sum(r) AS {} FROM w", "conflicting"),  # months that are in twelve windows
        ("year(m) AS y, sum(r) AS {} FROM w GROUP BY 1", "conflicting"),
    ],
)
def test_rolling_windows_do_not_add_up(acme: Project, tmp_path: Path, sql: str, told: str) -> None:
    window = "sum(sum(amount)) OVER (ORDER BY date_trunc('month', recognised_on) ROWS 11 PRECEDING)"
    rows = f"SELECT date_trunc('month', recognised_on) AS m, {window} AS r FROM revenue_lines"
    shown = sql.format("revenue_of_12_months")
    sql = f"WITH w AS ({rows} GROUP BY 1) SELECT {shown}"
    assert [verdict for _, verdict in _told(acme, tmp_path, sql)] == [told]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("type <> 'base'", "same"),
        ("recognised_on < DATE '2026-01-01'", "same"),
        ("recognised_on >= DATE '2025-01-01'", "possible"),  # the first months have fewer before
    ],
)
def test_windows_over_rows_from_a_day_on_are_shorter_at_first(
    acme: Project, tmp_path: Path, asked: str, told: str
) -> None:
    sql = (
        "SELECT date_trunc('month', recognised_on) m, sum(sum(amount)) OVER (ORDER BY date_trunc('month', "
        f"recognised_on) ROWS 11 PRECEDING) AS revenue_of_12_months FROM revenue_lines WHERE {asked} GROUP BY 1"
    )
    assert _told(acme, tmp_path, sql) == [("revenue_of_12_months", told)]


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ("s.ended_on IS NULL OR s.ended_on > d.day", "same"),
        ("coalesce(s.ended_on, DATE '9999-12-31') > d.day", "same"),
        ("s.ended_on IS NULL OR s.ended_on >= d.day", "possible"),  # one day more
        ("s.ended_on > d.day", "possible"),  # not those that still run
    ],
)
def test_rows_that_hold_at_the_days_of_a_list_are_those_that_are_active(
    acme: Project, tmp_path: Path, ends: str, told: str
) -> None:
    sql = (
        "WITH d AS (SELECT unnest(generate_series(DATE '2024-01-31', DATE '2026-06-30', INTERVAL 1 MONTH)) AS day) "
        "SELECT d.day, count(DISTINCT s.account_id) AS customers FROM d JOIN subscriptions s "
        f"ON s.started_on <= d.day AND ({ends}) JOIN plans p USING (plan_id) "
        "WHERE p.fee_type = 'recurring' GROUP BY 1"
    )
    assert {verdict for _, verdict in _told(acme, tmp_path, sql)} == {told}


def test_the_last_row_of_each_account_in_a_month_is_its_level(
    acme: Project, tmp_path: Path
) -> None:
    sql = (
        "SELECT date_trunc('month', on_day) m, sum(closing) AS cash FROM (SELECT * FROM cash_balances QUALIFY "
        "row_number() OVER (PARTITION BY bank_account, date_trunc('month', on_day) ORDER BY on_day {way}) = 1) GROUP BY 1"
    )
    assert _told(acme, tmp_path, sql.format(way="DESC")) == [("cash", "same")]
    assert _told(acme, tmp_path, sql.format(way="ASC")) == [("cash", "possible")]


OF_MONTHS = "PARTITION BY bank_account, date_trunc('month', on_day) ORDER BY on_day DESC"
BY_MONTH_OF_DAYS = "date_trunc('month', on_day)"


@pytest.mark.parametrize(
    ("asked", "cut", "told"),
    [
        (f"row_number() OVER ({OF_MONTHS}) = 1", BY_MONTH_OF_DAYS, "same"),
        (f"1 = row_number() OVER ({OF_MONTHS})", BY_MONTH_OF_DAYS, "same"),
        ("rank() OVER (ORDER BY on_day DESC) = 1", "year(on_day)", "same"),
        ("on_day = max(on_day) OVER (PARTITION BY year(on_day))", "year(on_day)", "same"),
        (f"row_number() OVER ({OF_MONTHS}) = 2", BY_MONTH_OF_DAYS, "possible"),  # the day before
        (f"row_number() OVER ({OF_MONTHS}) <= 3", BY_MONTH_OF_DAYS, "possible"),  # three days
        (f"row_number() OVER ({OF_MONTHS}) <> 1", BY_MONTH_OF_DAYS, "possible"),
        ("rank() OVER (ORDER BY on_day DESC) = 2", "year(on_day)", "possible"),
        ("rank() OVER (ORDER BY on_day DESC, bank_account) = 1", "year(on_day)", "possible"),
        ("rank() OVER (ORDER BY closing DESC) = 1", "year(on_day)", "possible"),  # the largest
        ("on_day = max(on_day) OVER () - 1", "year(on_day)", "possible"),
        ("on_day <> max(on_day) OVER ()", "year(on_day)", "possible"),
        (f"row_number() OVER ({OF_MONTHS}) = 1", "year(on_day)", "possible"),  # of twelve months
        (f"row_number() OVER ({OF_MONTHS}) = 1", "month(on_day)", "possible"),  # of all Januaries
    ],
)
def test_a_level_is_asked_for_by_the_last_rows_of_the_period_that_is_shown(
    acme: Project, tmp_path: Path, asked: str, cut: str, told: str
) -> None:
    sql = f"SELECT {cut} AS t, sum(closing) AS cash FROM (SELECT * FROM cash_balances QUALIFY {asked}) GROUP BY 1"
    assert _told(acme, tmp_path, sql) == [("cash", told)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("on_day IN (SELECT max(on_day) FROM cash_balances)", "same"),
        ("on_day IN (SELECT max(on_day) FROM cash_balances GROUP BY year(on_day))", "possible"),
        ("on_day IN (SELECT max(booked_on) FROM cash_movements)", "possible"),
        ("on_day < (SELECT max(on_day) FROM cash_balances)", "possible"),
        ("closing = (SELECT max(closing) FROM cash_balances)", "possible"),
    ],
)
def test_a_level_in_total_is_one_of_the_last_day_of_all(
    acme: Project, tmp_path: Path, asked: str, told: str
) -> None:
    sql = f"SELECT sum(closing) AS cash FROM cash_balances WHERE {asked}"
    assert _told(acme, tmp_path, sql) == [("cash", told)]


def test_levels_of_months_are_not_added_up_to_one_of_a_year(acme: Project, tmp_path: Path) -> None:
    sql = (
        "WITH l AS (SELECT date_trunc('month', on_day) m, sum(closing) AS c FROM (SELECT * FROM cash_balances QUALIFY "
        f"row_number() OVER ({OF_MONTHS}) = 1) GROUP BY 1) SELECT year(m) AS y, sum(c) AS cash FROM l GROUP BY 1"
    )
    assert ("cash", "same") not in _told(acme, tmp_path, sql)


@pytest.mark.parametrize(("period", "told"), [("month", "same"), ("year", "conflicting")])
def test_the_last_row_of_things_that_come_and_go_is_no_level(
    acme: Project, tmp_path: Path, period: str, told: str
) -> None:
    """An invoice that was paid in May has its last row in April."""
    cut = f"date_trunc('{period}', snapshot_on)"
    sql = (
        f"SELECT {cut} AS t, sum(balance) AS receivables FROM (SELECT * FROM receivable_snapshots QUALIFY "
        f"row_number() OVER (PARTITION BY invoice_id, {cut} ORDER BY snapshot_on DESC) = 1) GROUP BY 1"
    )
    assert _told(acme, tmp_path, sql) == [("receivables", told)]


def test_a_window_over_all_rows_of_distinct_keys_is_a_group_by(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT DISTINCT priority, median(first_reply_minutes / 60) OVER (PARTITION BY priority) AS first_response_time FROM tickets"
    assert _told(acme, tmp_path, sql) == [("first_response_time", "same")]
    sql = sql.replace("DISTINCT ", "")  # a row for each ticket
    assert _told(acme, tmp_path, sql) == []


@pytest.mark.parametrize(
    "more", ["LIMIT 1", "QUALIFY row_number() OVER (ORDER BY priority) = 1", "LIMIT 10 OFFSET 1"]
)
def test_some_groups_of_a_window_over_distinct_keys_are_not_read(
    acme: Project, tmp_path: Path, more: str
) -> None:
    sql = f"SELECT DISTINCT priority, count(*) OVER (PARTITION BY priority) AS tickets_opened FROM tickets {more}"
    assert ("tickets_opened", "same") not in _told(acme, tmp_path, sql)


def test_parts_of_a_ratio_that_are_told_by_other_dates_are_none_of_it(
    acme: Project, tmp_path: Path
) -> None:
    sql = (
        "WITH o AS (SELECT date_trunc('month', ordered_at) m, count(*) n FROM orders GROUP BY 1), "
        "r AS (SELECT date_trunc('month', returned_on) m, count(*) n FROM orders WHERE returned_on IS NOT NULL GROUP BY 1) "
        "SELECT o.m, coalesce(r.n, 0) / o.n AS return_rate FROM o LEFT JOIN r USING (m)"
    )
    (found,) = _found(acme, tmp_path, sql)
    assert (found.metric, found.verdict) == ("return_rate", "conflicting")
    assert found.why == ("count of `orders` by `returned_on`, not by `ordered_at`",)


# ------------------------------------------------------------------ what descriptions and names say


def test_a_description_says_which_columns_name_a_row(acme: Project, tmp_path: Path) -> None:
    sql = (
        "SELECT sum(t.hours) AS hours_worked FROM timesheets t "
        "LEFT JOIN capacity k ON k.consultant_id = t.consultant_id AND k.on_day = t.worked_on"
    )
    assert _told(acme, tmp_path, sql) == [("hours_worked", "same")]  # "per consultant and weekday"
    sql = sql.partition(" AND")[0]
    assert _told(acme, tmp_path, sql) == [("hours_worked", "conflicting")]


def test_a_condition_inside_the_aggregate_is_no_slice_under_the_metrics_own_name(
    acme: Project, tmp_path: Path
) -> None:
    inside = "SELECT sum(CASE WHEN category <> 'tax' THEN amount END) AS {name} FROM cash_movements WHERE direction = 'out'"
    assert _told(acme, tmp_path, inside.format(name="burn_rate")) == [("burn_rate", "conflicting")]
    outside = "SELECT sum(amount) AS burn_rate FROM cash_movements WHERE direction = 'out' AND category <> 'tax'"
    assert _told(acme, tmp_path, outside) == [("burn_rate", "same")]


def test_a_date_beside_one_that_is_aggregated_is_no_slice_of_time(
    acme: Project, tmp_path: Path
) -> None:
    sql = (
        "SELECT count(*) AS signups FROM users u JOIN (SELECT user_id, min(happened_at) AS first_at FROM product_events "
        "GROUP BY user_id) e ON e.user_id = u.user_id WHERE e.first_at <= u.signed_up_at + INTERVAL 14 DAY"
    )
    assert ("signups", "same") not in _told(acme, tmp_path, sql)


def test_a_label_that_a_case_gives_is_the_condition_that_gives_it(
    acme: Project, tmp_path: Path
) -> None:
    sql = (
        "SELECT count(*) AS promoters FROM (SELECT CASE WHEN score >= 9 THEN 'promoter' WHEN score <= 6 "
        "THEN 'detractor' END AS kind, type FROM survey_answers) WHERE kind = '{kind}' AND type = 'nps'"
    )
    assert _told(acme, tmp_path, sql.format(kind="promoter")) == [("promoters", "same")]
    assert ("promoters", "same") not in _told(acme, tmp_path, sql.format(kind="detractor"))


def test_words_of_one_stem_are_alike_and_less_than_the_same_word() -> None:
    from kpilayer.drift.names import likeness, words_of

    escalation = [words_of("escalation_rate")]
    assert likeness(words_of("escalation_rate"), escalation) == 1
    assert 0.8 < likeness(words_of("escalated_rate"), escalation) < 1
    assert likeness(words_of("avg_deal_size"), [words_of("average_deal_size")]) == 1
    assert likeness(words_of("payments"), escalation) == 0


def test_initials_are_a_name() -> None:
    from kpilayer.drift.names import likeness, words_of

    assert likeness(words_of("dso"), [words_of("Days sales outstanding")]) == 1
    assert likeness(words_of("ds"), [words_of("Days sales outstanding")]) == 0


def test_a_thing_that_a_key_names_beside_a_value_asked_for_has_one_row(
    acme: Project, tmp_path: Path
) -> None:
    sql = (
        "SELECT count(*) AS mqls FROM lead_stages WHERE stage = 'mql'"  # one row per lead and stage
    )
    assert _told(acme, tmp_path, sql) == [("qualified_leads", "same")]
    sql = "SELECT count(*) AS mqls FROM lead_stages WHERE stage IN ('mql', 'sql')"
    assert ("qualified_leads", "same") not in _told(acme, tmp_path, sql)


@pytest.mark.parametrize(
    ("dialect", "ratio"),
    [
        ("snowflake", "div0null(count_if(escalated_at IS NOT NULL), count(*))"),
        ("snowflake", "div0(count(escalated_at), count(*))"),
        ("snowflake", "zeroifnull(count(escalated_at)) / nullifzero(count(*))"),
        ("bigquery", "ieee_divide(count(escalated_at), count(*))"),
        ("bigquery", "if(count(*) = 0, null, count(escalated_at) / count(*))"),
        ("duckdb", "CASE WHEN count(*) > 0 THEN count(escalated_at) / count(*) ELSE 0 END"),
        ("snowflake", "sum(nvl2(escalated_at, 1, 0)) / count(*)"),
    ],
)
def test_guards_against_nothing_are_no_difference(
    acme: Project, tmp_path: Path, dialect: str, ratio: str
) -> None:
    sql = f"SELECT {ratio} AS escalation_rate FROM tickets"
    assert _told(acme, tmp_path, sql, dialect) == [("escalation_rate", "same")]


def test_a_guard_that_is_none_is_a_difference(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT CASE WHEN count(*) > 9 THEN count(escalated_at) / count(*) END AS escalation_rate FROM tickets"
    assert ("escalation_rate", "same") not in _told(acme, tmp_path, sql)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("CASE WHEN sum(list_amount) > 0 THEN sum(discount) / sum(list_amount) END", "same"),
        ("CASE WHEN sum(list_amount) = 0 THEN 0 ELSE sum(discount) / sum(list_amount) END", "same"),
        ("CASE WHEN sum(discount) = 0 THEN 0 ELSE sum(discount) / sum(list_amount) END", "same"),
        ("CASE WHEN count(*) > 0 THEN sum(discount) / sum(list_amount) END", "same"),
        ("CASE WHEN sum(discount) IS NULL THEN 0 ELSE sum(discount) / sum(list_amount) END", "same"),
        ("CASE WHEN sum(discount) > 0 THEN sum(discount) / sum(list_amount) ELSE 0 END", "possible"),
        ("CASE WHEN sum(amount) > 0 THEN sum(discount) / sum(list_amount) END", "possible"),
        ("CASE WHEN sum(amount) IS NULL THEN 0 ELSE sum(discount) / sum(list_amount) END", "possible"),
        ("if(sum(list_amount) = 0 OR sum(amount) = 0, 0, sum(discount) / sum(list_amount))", "possible"),
        ("CASE WHEN count(*) FILTER (WHERE type = 'base') > 0 THEN sum(discount) / sum(list_amount) END", "possible"),
    ],
)  # fmt: skip
def test_a_guard_tests_what_the_rest_divides_by_or_whether_there_are_rows(
    acme: Project, tmp_path: Path, value: str, told: str
) -> None:
    sql = f"SELECT {value} AS discount_rate FROM revenue_lines"
    assert _told(acme, tmp_path, sql) == [("discount_rate", told)]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("CASE WHEN count(*) = 0 THEN NULL ELSE sum(delta) END", "same"),
        ("CASE WHEN sum(delta) <> 0 THEN sum(delta) ELSE 0 END", "same"),
        ("CASE WHEN sum(delta) > 0 THEN sum(delta) ELSE 0 END", "possible"),
        ("CASE WHEN sum(delta) <= 0 THEN 0 ELSE sum(delta) END", "possible"),
        ("greatest(sum(delta), 0)", "possible"),
    ],
)
def test_a_sum_that_is_cut_off_at_zero_is_another_one(
    acme: Project, tmp_path: Path, value: str, told: str
) -> None:
    sql = f"SELECT account_id, {value} AS net_new_mrr FROM mrr_movements GROUP BY 1"
    assert _told(acme, tmp_path, sql) == [("net_new_mrr", told)]


def test_the_mean_of_ratios_is_no_ratio_of_sums(acme: Project, tmp_path: Path) -> None:
    sql = (
        "SELECT avg(rate) AS escalation_rate FROM (SELECT priority, count(escalated_at) / count(*) AS rate "
        "FROM tickets GROUP BY priority)"
    )
    assert _told(acme, tmp_path, sql) == [("escalation_rate", "conflicting")]


def test_different_users_of_days_do_not_add_up(acme: Project, tmp_path: Path) -> None:
    sql = (
        "SELECT sum(n) AS active_users FROM (SELECT happened_at::date d, count(DISTINCT user_id) n "
        "FROM product_events GROUP BY 1)"
    )
    assert _told(acme, tmp_path, sql) == [("active_users", "conflicting")]


def test_joins_that_lead_on_to_another_table_are_run_as_they_stand(
    acme: Project, tmp_path: Path
) -> None:
    sql = (
        "SELECT avg(i.amount - i.tax) AS average_invoice_value FROM invoices i JOIN accounts a USING (account_id) "
        "JOIN regions r ON r.region_id = a.region_id WHERE i.status <> 'void' AND r.currency_zone = 'EUR'"
    )
    (found,) = _found(acme, tmp_path, sql)
    assert (found.verdict, found.method) == ("conflicting", "rows")  # credit notes are in it
    assert found.example is not None


@pytest.mark.parametrize(
    "key", ["ordered_at + INTERVAL 9 HOUR", "ordered_at AT TIME ZONE 'Asia/Tokyo'"]
)
def test_periods_of_a_time_that_is_moved_are_others(
    acme: Project, tmp_path: Path, key: str
) -> None:
    sql = f"SELECT date_trunc('month', {key}) m, count(*) AS shop_orders FROM orders GROUP BY 1"
    (found,) = _found(acme, tmp_path, sql)
    assert found.verdict == "possible" and "a time that is moved" in found.note
    sql = "SELECT date_trunc('month', ordered_at) + INTERVAL 1 MONTH m, count(*) AS shop_orders FROM orders GROUP BY 1"
    assert _told(acme, tmp_path, sql) == [("shop_orders", "same")]


def test_groups_that_leave_values_out_are_others(acme: Project, tmp_path: Path) -> None:
    sql = (
        "SELECT a.region_id, sum(i.amount - i.tax) AS invoiced_revenue FROM invoices i LEFT JOIN accounts a "
        "ON a.account_id = i.account_id{more} WHERE i.status <> 'void' GROUP BY 1"
    )
    assert _told(acme, tmp_path, sql.format(more="")) == [("invoiced_revenue", "same")]
    (found,) = _found(acme, tmp_path, sql.format(more=" AND a.region_id > 3"))
    assert found.verdict == "possible"
    assert found.note == "groups of `accounts` only where region_id > 3"


@pytest.mark.parametrize(
    "value",
    ["quantile_disc(first_reply_minutes / 60, 0.5)", "median(DISTINCT first_reply_minutes / 60)"],
)
def test_another_median_is_told(acme: Project, tmp_path: Path, value: str) -> None:
    found = _told(acme, tmp_path, f"SELECT {value} AS first_response_time FROM tickets")
    assert [metric for metric, _ in found] == ["first_response_time"]
    assert found[0][1] != "same"


def test_a_running_total_is_told(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT d, sum(sum(hours)) OVER (ORDER BY d) AS hours_worked FROM (SELECT worked_on d, hours FROM timesheets) GROUP BY 1"
    (found,) = _found(acme, tmp_path, sql)
    assert (found.verdict, found.why) == (
        "conflicting",
        ("all time so far instead of one period",),
    )


def test_an_average_per_thing_is_no_number_of_things(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT sum(amount) / count(DISTINCT visitor_id) AS avg_order_value FROM orders"
    assert ("shop_orders", "conflicting") not in _told(acme, tmp_path, sql)


# ------------------------------------------------------------ what was aggregated for each thing

FIRST_REPORTS = (
    "WITH f AS (SELECT user_id, min(happened_at) AS at FROM product_events WHERE name = 'report_created' "
    "GROUP BY user_id) SELECT {what} FROM users u LEFT JOIN f USING (user_id)"
)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("count(*) FILTER (WHERE date_diff('day', u.signed_up_at, f.at) <= 7) AS activated_users", "same"),
        ("sum(CASE WHEN date_diff('day', u.signed_up_at, f.at) <= 7 THEN 1 ELSE 0 END) AS activated_users", "same"),
        ("avg(CASE WHEN date_diff('day', u.signed_up_at, f.at) <= 7 THEN 1.0 ELSE 0 END) AS activation_rate", "same"),
        ("median(date_diff('day', u.signed_up_at, f.at)) AS time_to_value", "same"),
        ("count(*) FILTER (WHERE date_diff('day', u.signed_up_at, f.at) <= 14) AS activated_users", "conflicting"),
        ("count(*) AS signups", "same"),
    ],
)  # fmt: skip
def test_what_is_joined_by_the_key_of_its_groups_is_told_of_each_row(
    acme: Project, tmp_path: Path, what: str, told: str
) -> None:
    assert [v for _, v in _told(acme, tmp_path, FIRST_REPORTS.format(what=what))] == [told]


PAID = "WITH h AS (SELECT {keys}, sum(amount) AS n FROM payments GROUP BY ALL) SELECT sum(h.n) AS payments_received FROM {rows}"


@pytest.mark.parametrize(
    ("keys", "rows", "told"),
    [
        ("invoice_id", "invoices i LEFT JOIN h USING (invoice_id)", ["same"]),
        ("invoice_id", "h JOIN invoices i USING (invoice_id)", ["same"]),
        ("invoice_id", "(SELECT i.*, h.n FROM invoices i LEFT JOIN h USING (invoice_id)) AS h", ["same"]),
        ("account_id", "accounts a LEFT JOIN h USING (account_id) WHERE a.segment = 'smb'", ["same"]),  # a slice
        ("invoice_id", "invoices i LEFT JOIN h USING (invoice_id) WHERE i.amount > 9", ["conflicting"]),
        ("invoice_id", "invoices i LEFT JOIN h ON h.invoice_id = i.invoice_id AND i.amount > 9", ["conflicting"]),
        ("invoice_id", "invoices i JOIN h ON h.invoice_id = i.invoice_id AND i.amount > 9", ["conflicting"]),
        ("account_id", "users u LEFT JOIN h ON h.account_id = u.account_id", ["conflicting"]),  # many users
        ("account_id", "users u JOIN h ON h.account_id = u.account_id", ["conflicting"]),
        ("account_id", "h JOIN users u ON h.account_id = u.account_id", ["conflicting"]),
        ("account_id", "accounts a JOIN users u USING (account_id) LEFT JOIN h USING (account_id)", ["conflicting"]),
        ("account_id, invoice_id", "h JOIN (SELECT account_id, role FROM users GROUP BY ALL) u USING (account_id)", []),
        ("account_id", "h, (SELECT role FROM users GROUP BY ALL) u", []),
        ("account_id", "(SELECT u.user_id, h.n FROM users u JOIN h USING (account_id)) AS h", []),
        ("account_id", "(SELECT DISTINCT n FROM h) AS h", []),
    ],
)  # fmt: skip
def test_sums_of_groups_are_sums_of_rows_where_each_group_counts_once(
    acme: Project, tmp_path: Path, keys: str, rows: str, told: list[str]
) -> None:
    found = _told(acme, tmp_path, PAID.format(keys=keys, rows=rows))
    assert [verdict for _, verdict in found] == told


def test_groups_that_rows_look_up_lose_those_without_a_key(acme: Project, tmp_path: Path) -> None:
    """Internal work has no project: of 58,009 hours of the example, 43,746 have one."""
    sql = (
        "WITH h AS (SELECT project_id, sum(hours) AS n FROM timesheets GROUP BY 1) "
        "SELECT sum(h.n) AS hours_worked FROM projects p LEFT JOIN h ON h.project_id = p.project_id"
    )
    (found,) = _found(acme, tmp_path, sql)
    assert found.why == ("rows without `project_id` are lost by the join with `projects`",)


def test_subtotals_beside_groups_are_not_added_up_with_them(acme: Project, tmp_path: Path) -> None:
    rows = "SELECT type, sum(discount) AS s FROM revenue_lines GROUP BY {}"
    sql = f"SELECT sum(s) AS discounts FROM ({rows})"
    assert _told(acme, tmp_path, sql.format("type")) == [("discounts", "same")]
    assert _told(acme, tmp_path, sql.format("ROLLUP (type)")) == []
    assert _told(acme, tmp_path, sql.format("GROUPING SETS ((type), ())")) == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("invoices i LEFT JOIN (SELECT DISTINCT account_id FROM users) u USING (account_id)", ["same"]),
        ("invoices i LEFT JOIN (SELECT account_id, role FROM users GROUP BY ALL) u USING (account_id)", []),
        ("invoices i, (SELECT role FROM users GROUP BY ALL) u", []),
        ("invoices i, (SELECT count(*) AS n FROM users) u", ["same"]),
    ],
)  # fmt: skip
def test_rows_beside_groups_count_once_where_each_has_one_group(
    acme: Project, tmp_path: Path, rows: str, told: list[str]
) -> None:
    sql = f"SELECT sum(i.amount) AS credit_sales FROM {rows} WHERE i.status <> 'void'"
    assert [verdict for _, verdict in _told(acme, tmp_path, sql)] == told


OF_TWO = (
    "WITH r AS (SELECT date_trunc('{unit}', recognised_on) AS m, sum(amount) AS x FROM revenue_lines l GROUP BY 1), "
    "c AS (SELECT date_trunc('month', incurred_on) AS m{more}, sum(amount) AS y FROM cogs_lines GROUP BY ALL) "
    "SELECT r.m, (r.x - c.y) / r.x AS gross_margin FROM r {join}"
)


@pytest.mark.parametrize(
    ("unit", "more", "join", "told"),
    [
        ("month", "", "JOIN c ON c.m = r.m", "same"),
        ("month", "", "FULL JOIN c USING (m)", "same"),
        ("month", "", ", c WHERE c.m = r.m", "same"),
        ("month", "", "JOIN c ON c.m = r.m - INTERVAL 1 YEAR", "possible"),
        ("month", "", "CROSS JOIN c", "possible"),
        ("year", "", "JOIN c ON date_trunc('year', c.m) = r.m", "possible"),
        ("month", ", type", "JOIN c ON c.m = r.m", "possible"),
        ("month", "", ", (SELECT sum(amount) AS y FROM cogs_lines) AS c", "conflicting"),
    ],
)
def test_parts_of_a_formula_are_of_the_same_groups(
    acme: Project, tmp_path: Path, unit: str, more: str, join: str, told: str
) -> None:
    sql = OF_TWO.format(unit=unit, more=more, join=join)
    assert _told(acme, tmp_path, sql) == [("gross_margin", told)]


def test_a_part_beside_a_total_of_all_is_another_number(acme: Project, tmp_path: Path) -> None:
    sql = (
        "SELECT date_trunc('month', ordered_at) AS m, count(*) FILTER (WHERE returned_on IS NOT NULL) / "
        "{} AS return_rate FROM orders GROUP BY 1"
    )
    assert _told(acme, tmp_path, sql.format("count(*)")) == [("return_rate", "same")]
    (found,) = _found(acme, tmp_path, sql.format("(SELECT count(*) FROM orders)"))
    assert (found.metric, found.verdict) == ("return_rate", "conflicting")
    assert "totals of other groups instead of one period" in found.why


def test_things_that_are_left_out_beside_others_leave_the_verdict_open(
    acme: Project, tmp_path: Path
) -> None:
    what = "count(*) FILTER (WHERE date_diff('day', u.signed_up_at, f.at) <= 7) AS activated_users"
    sql = FIRST_REPORTS.format(what=what)
    assert _told(acme, tmp_path, f"{sql} WHERE u.user_id > 5") == [("activated_users", "possible")]
    repeated = sql.replace("FROM users u", "FROM users u JOIN product_events e USING (user_id)")
    assert _told(acme, tmp_path, repeated) == []


@pytest.mark.parametrize(
    ("day", "told"), [("max(snapshot_on)", ["same"]), ("min(snapshot_on)", [])]
)
def test_the_last_day_of_each_period_may_be_asked_for_by_a_join(
    acme: Project, tmp_path: Path, day: str, told: list[str]
) -> None:
    sql = (
        f"WITH d AS (SELECT date_trunc('year', snapshot_on) AS y, {day} AS snapshot_on FROM receivable_snapshots "
        "GROUP BY 1) SELECT d.y, sum(r.balance) AS receivables FROM d JOIN receivable_snapshots r USING (snapshot_on) GROUP BY 1"
    )
    assert [verdict for _, verdict in _told(acme, tmp_path, sql)] == told


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("b.t = a.t - INTERVAL 1 YEAR", "same"),
        ("b.t + INTERVAL 12 MONTH = a.t", "same"),
        ("b.t = a.t - INTERVAL 6 MONTH", "conflicting"),
        ("b.t = a.t + INTERVAL 1 YEAR", "conflicting"),  # of the year after
        ("b.t < a.t", "possible"),
    ],
)
def test_a_join_with_the_same_groups_of_an_earlier_period_is_a_level_of_then(
    acme: Project, tmp_path: Path, by: str, told: str
) -> None:
    groups = BY_MONTH.format(key=CUT, more="")
    sql = f"WITH m AS ({groups}) SELECT a.t, a.x / b.x - 1 AS revenue_growth FROM m a JOIN m b ON {by}"
    assert _told(acme, tmp_path, sql) == [("revenue_growth", told)]


@pytest.mark.parametrize("join", ["m a, m b", "m a JOIN m b ON a.t <> b.t"])
def test_two_uses_of_the_same_groups_are_two(acme: Project, tmp_path: Path, join: str) -> None:
    groups = f"SELECT {CUT} AS t, sum(discount) AS d, sum(list_amount) AS x FROM revenue_lines GROUP BY 1"
    sql = f"WITH m AS ({groups}) SELECT a.t, a.d / b.x AS discount_rate FROM {join}"
    assert _told(acme, tmp_path, sql) == [("discount_rate", "possible")]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("i LEFT JOIN p USING (account_id)", ["same"]),
        ("i FULL JOIN p USING (account_id)", ["same"]),
        ("i JOIN p USING (account_id)", []),  # accounts without a payment are lost
        ("p LEFT JOIN i USING (account_id)", []),
    ],
)
def test_groups_that_are_joined_keep_those_without_others(
    acme: Project, tmp_path: Path, rows: str, told: list[str]
) -> None:
    sql = (
        "WITH i AS (SELECT account_id, sum(amount) AS x FROM invoices WHERE status <> 'void' GROUP BY 1), "
        "p AS (SELECT account_id, sum(amount) AS y FROM payments GROUP BY 1) "
        f"SELECT sum(i.x) AS credit_sales FROM {rows}"
    )
    assert [verdict for _, verdict in _told(acme, tmp_path, sql)] == told


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "same"),
        (" AND r.m > DATE '2026-03-01'", "conflicting"),  # none is returned before
        (" AND r.n > 5", "possible"),
        (" AND r.m <> o.m", "possible"),
    ],
)
def test_further_conditions_of_an_outer_join_leave_parts_out(
    acme: Project, tmp_path: Path, more: str, told: str
) -> None:
    sql = (
        "WITH o AS (SELECT date_trunc('month', ordered_at) m, count(*) n FROM orders GROUP BY 1), "
        "r AS (SELECT date_trunc('month', ordered_at) m, count(*) n FROM orders WHERE returned_on IS NOT NULL GROUP BY 1) "
        f"SELECT o.m, coalesce(r.n, 0) / o.n AS return_rate FROM o LEFT JOIN r ON r.m = o.m{more}"
    )
    assert _told(acme, tmp_path, sql) == [("return_rate", told)]


def test_a_share_of_itself_is_no_share(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT avg(CASE WHEN escalated_at IS NOT NULL THEN 1 {}END) AS escalation_rate FROM tickets"
    assert _told(acme, tmp_path, sql.format("ELSE 0 ")) == [("escalation_rate", "same")]
    assert ("escalation_rate", "same") not in _told(acme, tmp_path, sql.format(""))


#: Some of a table's rows, or some rows several times, in ways that people write.
NOT_ALL = [
    "payments USING SAMPLE 10%",
    "(SELECT * FROM payments OFFSET 100)",
    "(SELECT DISTINCT ON (account_id) * FROM payments ORDER BY account_id, paid_on)",
    "(SELECT DISTINCT account_id, amount FROM payments)",
    "payments ANTI JOIN invoices USING (invoice_id)",
    "payments SEMI JOIN (SELECT * FROM invoices WHERE amount > 9) USING (invoice_id)",
    "(SELECT p.amount FROM payments p FULL JOIN users u ON u.account_id = p.account_id)",
    "(SELECT p.amount FROM payments p JOIN (VALUES ('card')) v(m) ON v.m = p.method)",
    "(SELECT p.amount FROM payments p JOIN (SELECT unnest(['card', 'cash']) AS m) v ON v.m = p.method)",
    "(SELECT * FROM payments QUALIFY row_number() OVER (PARTITION BY payment_id ORDER BY paid_on) = 2)",
    "(SELECT * FROM (SELECT account_id, sum(amount) AS amount FROM payments GROUP BY 1) ORDER BY 2 LIMIT 3)",
    "(SELECT amount FROM payments UNION SELECT amount FROM payments)",
    "payments WHERE 1 = 2",
]  # fmt: skip


@pytest.mark.parametrize("rows", NOT_ALL)
def test_some_rows_of_a_table_are_never_told_to_be_all(
    acme: Project, tmp_path: Path, rows: str
) -> None:
    sql = f"SELECT sum(amount) AS payments_received FROM {rows}"
    assert ("payments_received", "same") not in _told(acme, tmp_path, sql)


def test_a_row_of_each_key_is_all_rows(acme: Project, tmp_path: Path) -> None:
    number = "row_number() OVER (PARTITION BY payment_id ORDER BY loaded_at)"
    sql = f"SELECT sum(amount) AS payments_received FROM (SELECT *, {number} AS n FROM payments) WHERE n "
    assert _told(acme, tmp_path, f"{sql} = 1") == [("payments_received", "same")]
    assert _told(acme, tmp_path, f"{sql} < 2") == [("payments_received", "same")]


def test_a_right_join_keeps_the_rows_of_its_right_side(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT count(*) AS tickets_opened FROM {} ON a.account_id = t.account_id"
    told = _told(acme, tmp_path, sql.format("accounts a RIGHT JOIN tickets t"))
    assert told == [("tickets_opened", "same")]
    told = _told(acme, tmp_path, sql.format("tickets t RIGHT JOIN accounts a"))
    assert told == [("tickets_opened", "conflicting")]  # one of each account without a ticket


def test_a_subquery_at_one_aggregate_says_nothing_of_others(acme: Project, tmp_path: Path) -> None:
    asked = "EXISTS (SELECT 1 FROM invoices i WHERE i.invoice_id = p.invoice_id AND i.amount > 9)"
    sql = f"SELECT sum(amount) FILTER (WHERE {asked}) AS large, sum(amount) AS payments_received FROM payments p"
    assert ("payments_received", "same") in _told(acme, tmp_path, sql)
    sql = f"SELECT avg(CASE WHEN {asked} THEN 1 ELSE 0 END) AS n, sum(amount) AS payments_received FROM payments p"
    assert ("payments_received", "same") in _told(acme, tmp_path, sql)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("round(count(escalated_at) / count(*), 3)", "same"),
        ("round(100.0 * count(escalated_at) / count(*))", "same"),  # percent
        ("CAST(count(escalated_at) / count(*) AS DECIMAL(9, 4))", "same"),
        ("CAST(count(escalated_at) AS INTEGER) / count(*)", "same"),
        ("round(count(escalated_at) / count(*))", "possible"),  # 0
        ("CAST(count(escalated_at) / count(*) AS INTEGER)", "possible"),
        ("count(escalated_at) // count(*)", "possible"),
    ],
)
def test_a_share_without_decimals_is_none(
    acme: Project, tmp_path: Path, value: str, told: str
) -> None:
    sql = f"SELECT {value} AS escalation_rate FROM tickets"
    assert _told(acme, tmp_path, sql) == [("escalation_rate", told)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("status IS DISTINCT FROM 'void'", "same"),
        ("coalesce(status, 'open') <> 'void'", "same"),
        ("status IS NOT DISTINCT FROM 'void'", "conflicting"),
        ("NOT (status = 'void' AND amount > 100)", "conflicting"),
    ],
)
def test_a_test_that_minds_null_is_another_spelling_where_all_values_are_known(
    acme: Project, tmp_path: Path, asked: str, told: str
) -> None:
    sql = f"SELECT sum(amount) AS credit_sales FROM invoices WHERE {asked}"
    assert _told(acme, tmp_path, sql) == [("credit_sales", told)]


# ------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("runway_months", "runway"),
        ("p90_resolution_h", "p90_resolution"),
        ("last_12_months", "last_12_months"),
        ("days", "days"),
        ("time to value in days", "time to value"),
    ],
)
def test_a_unit_of_time_at_the_end_of_a_name_is_no_part_of_it(name: str, bare: str) -> None:
    from kpilayer.drift.names import without_unit

    assert without_unit(name) == bare


def test_a_level_within_a_ratio_is_the_one_of_its_last_day(acme: Project, tmp_path: Path) -> None:
    sql = (
        "WITH c AS (SELECT date_trunc('month', on_day) m, sum(closing) AS cash FROM (SELECT * FROM cash_balances "
        "QUALIFY row_number() OVER (PARTITION BY bank_account, date_trunc('month', on_day) ORDER BY on_day DESC) = 1) "
        "GROUP BY 1), b AS (SELECT date_trunc('month', booked_on) m, "
        "sum(CASE WHEN direction = 'out' THEN amount ELSE -amount END) AS burn FROM cash_movements GROUP BY 1), "
        "r AS (SELECT m, sum(burn) OVER (ORDER BY m ROWS {n} PRECEDING) AS burn FROM b) "
        "SELECT c.m, CASE WHEN r.burn > 0 THEN {months} * c.cash / r.burn END AS runway FROM c JOIN r ON r.m = c.m"
    )
    assert ("runway", "same") in _told(acme, tmp_path, sql.format(n=2, months=3))
    assert ("runway", "conflicting") in _told(acme, tmp_path, sql.format(n=5, months=6))
