"""SQL elsewhere beside the example company's metrics: what is the same, and what is different."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kpilayer import Project
from kpilayer.drift.search import Finding

ROOT = Path(__file__).parents[2]
DAY = __import__("datetime").date(2026, 6, 1)


@pytest.fixture(scope="module")
def acme() -> Project:
    return Project.load(ROOT)


def _found(acme: Project, folder: Path, sql: str, dialect: str = "duckdb") -> list[Finding]:
    file = folder / "report.sql"
    file.write_text(sql, encoding="utf-8")
    return list(acme.drift([str(file)], dialect=dialect, today=DAY).findings)


#: SQL that computes a metric as it is defined, in a spelling of its own.
SAME = [
    ("duckdb", "invoiced_revenue", "SELECT sum(amount) - sum(tax) v FROM invoices WHERE status NOT IN ('void')"),
    ("duckdb", "invoiced_revenue", "SELECT sum(coalesce(amount, 0) - tax) v FROM invoices WHERE 1 = 1 AND lower(status) <> 'void'"),
    ("duckdb", "invoiced_revenue", "SELECT sum(amount - tax) v FROM invoices WHERE status IN ('paid', 'open')"),
    ("postgres", "tickets_opened", "SELECT d::date, count(t.ticket_id) v FROM generate_series('2024-01-01'::date, '2024-12-01', '1 month') d LEFT JOIN tickets t ON date_trunc('month', t.opened_at) = d GROUP BY 1"),
    ("bigquery", "mrr", "SELECT DATE_TRUNC(snapshot_on, MONTH) m, SUM(mrr) v FROM core.subscription_snapshots JOIN core.plans USING (plan_id) WHERE fee_type = 'recurring' GROUP BY m"),
    ("postgres", "mrr", "SELECT sum(s.mrr) v FROM subscription_snapshots s WHERE EXISTS (SELECT 1 FROM plans p WHERE p.plan_id = s.plan_id AND p.fee_type <> 'one_time') AND snapshot_on = (SELECT max(snapshot_on) FROM subscription_snapshots)"),
    ("snowflake", "win_rate", "SELECT DIV0(COUNT_IF(stage = 'won'), COUNT_IF(stage IN ('won', 'lost'))) AS v FROM opportunities"),
    ("snowflake", "days_to_pay", "SELECT MEDIAN(DATEDIFF('day', issued_at, paid_on)) AS v FROM invoices WHERE status = 'paid' AND amount >= 0"),
    ("postgres", "nps", "SELECT 100.0 * (count(*) FILTER (WHERE score > 8) - count(*) FILTER (WHERE score < 7)) / count(*) v FROM survey_answers WHERE type = 'nps'"),
    ("duckdb", "new_customers", "SELECT count(*) v FROM (SELECT DISTINCT account_id FROM mrr_movements WHERE type = 'new')"),
    ("duckdb", "average_daily_users", "SELECT avg(n) v FROM (SELECT happened_at::date d, count(DISTINCT user_id) n FROM product_events GROUP BY 1)"),
    ("duckdb", "net_burn", "SELECT sum(CASE WHEN direction = 'out' THEN amount ELSE -amount END) v FROM cash_movements"),
    ("bigquery", "bounce_rate", "SELECT COUNT(pages = 1 OR NULL) / COUNT(*) AS v FROM core.web_sessions"),
    ("duckdb", "invoiced_revenue", "SELECT sum(n) v FROM (SELECT account_id, sum(amount - tax) n FROM invoices WHERE status <> 'void' GROUP BY 1)"),
    ("snowflake", "invoiced_revenue", "WITH i AS (SELECT * FROM invoices QUALIFY ROW_NUMBER() OVER (PARTITION BY invoice_id ORDER BY issued_at DESC) = 1) SELECT SUM(amount - tax) AS v FROM i WHERE status <> 'void'"),
    ("duckdb", "payments_received", "SELECT sum(p.amount) v FROM payments p JOIN invoices i USING (invoice_id) WHERE i.status <> 'void'"),
    ("postgres", "market_share", "SELECT (SELECT sum(amount) FROM revenue_lines) / (SELECT sum(amount) FROM market_size) v"),
    ("duckdb", "events_per_user", "WITH u AS (SELECT user_id, count(*) n FROM product_events WHERE user_id IS NOT NULL GROUP BY 1) SELECT avg(n) v FROM u"),
]  # fmt: skip

#: SQL under a metric's name that is another number, and a word of why.
DIFFERENT = [
    ("duckdb", "invoiced_revenue", "SELECT sum(amount) AS invoiced_revenue FROM invoices WHERE status <> 'void'", "tax"),
    ("duckdb", "revenue", "SELECT sum(amount) AS revenue FROM revenue_lines WHERE amount > 0", "only where"),
    ("duckdb", "tickets_opened", "SELECT count(*) AS tickets FROM tickets t JOIN ticket_contacts c USING (ticket_id)", "ticket_contacts"),
    ("duckdb", "cash", "SELECT date_trunc('month', on_day), sum(closing) AS cash FROM cash_balances GROUP BY 1", "level"),
    ("bigquery", "active_users", "SELECT APPROX_COUNT_DISTINCT(user_id) AS mau FROM core.product_events", "approx"),
    ("duckdb", "csat", "SELECT avg(score) AS csat FROM survey_answers WHERE type = 'csat'", "score"),
    ("postgres", "leavers", "SELECT extract(year FROM hired_on), count(*) AS leavers FROM employees WHERE left_on IS NOT NULL GROUP BY 1", "hired_on"),
    ("snowflake", "new_mrr", "SELECT SUM(delta) AS new_mrr FROM mrr_movements WHERE type IN ('new', 'expansion')", "expansion"),
    ("duckdb", "mrr", "SELECT sum(mrr) AS mrr FROM subscription_snapshots s JOIN plans p USING (plan_id) WHERE p.fee_type = 'recurring' AND extract(year FROM snapshot_on) = 2024", "level"),
    ("postgres", "average_headcount", "SELECT count(*) / count(DISTINCT snapshot_on) AS average_headcount FROM headcount_snapshots", "formula"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "metric", "sql"), SAME)
def test_the_same_number_in_another_spelling_is_the_metric(
    acme: Project, tmp_path: Path, dialect: str, metric: str, sql: str
) -> None:
    found = _found(acme, tmp_path, sql, dialect)
    assert [(f.metric, f.verdict in ("exact", "equivalent")) for f in found] == [(metric, True)]


@pytest.mark.parametrize(("dialect", "metric", "sql", "why"), DIFFERENT)
def test_another_number_under_its_name_is_a_conflict_that_says_why(
    acme: Project, tmp_path: Path, dialect: str, metric: str, sql: str, why: str
) -> None:
    found = _found(acme, tmp_path, sql, dialect)
    assert [(f.metric, f.verdict) for f in found] == [(metric, "conflicting")]
    assert why in " ".join(found[0].why)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT max(amount) AS largest FROM invoices",
        "SELECT count(*) AS row_count FROM tickets",
        "SELECT account_id, amount FROM invoices",
        "SELECT count(*) AS documents FROM invoices WHERE status <> 'void'",
        "SELECT avg(case when paid_on > due_on then 1 else 0 end) AS late_share FROM invoices",
        "SELECT sum(x) AS revenue FROM other_table",
    ],
)
def test_what_computes_no_metric_is_not_told(acme: Project, tmp_path: Path, sql: str) -> None:
    assert _found(acme, tmp_path, sql) == []


def test_a_finding_is_at_the_line_of_its_column(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT 1;\n\nSELECT segment,\n       sum(amount) AS revenue\nFROM revenue_lines JOIN accounts USING (account_id)\nWHERE amount > 0\nGROUP BY 1\n"
    assert [f.location.line for f in _found(acme, tmp_path, sql)] == [4]


def test_a_condition_on_groups_is_not_lost(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT sum(n) AS invoiced_revenue FROM (SELECT account_id, sum(amount - tax) n FROM invoices WHERE status <> 'void' GROUP BY 1) WHERE n > 100"
    assert [f.verdict for f in _found(acme, tmp_path, sql)] == ["possible"]


def test_what_cannot_be_read_is_told_and_stops_nothing(acme: Project, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELEC nonsense FROM (", encoding="utf-8")
    (tmp_path / "b.sql").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "c.json").write_text("{", encoding="utf-8")
    (tmp_path / "d.sql").write_text("SELECT sum(delta) v FROM mrr_movements WHERE type = 'new'")
    found = acme.drift([str(tmp_path)])
    assert sorted({Path(i.location.path).name for i in found.issues if i.location}) == [
        "a.sql", "b.sql", "c.json",
    ]  # fmt: skip
    assert [f.metric for f in found.findings] == ["new_mrr"]


def test_models_of_dbt_are_rendered_and_refs_expanded(acme: Project, tmp_path: Path) -> None:
    (tmp_path / "stg_bills.sql").write_text(
        "{{ config(materialized='view') }}\nselect account_id, amount - tax as net, status\n"
        "from {{ source('core', 'invoices') }}\n"
        "{% if is_incremental() %} where issued_at > (select max(issued_at) from {{ this }}) {% endif %}"
    )
    (tmp_path / "fct_bills.sql").write_text(
        "select\n  sum(net) as net_billed\nfrom {{ ref('stg_bills') }}\nwhere status != 'void'"
    )
    found = acme.drift([str(tmp_path)]).findings
    assert [(f.metric, f.verdict, f.location.line) for f in found] == [
        ("invoiced_revenue", "exact", 2)
    ]


def test_queries_of_a_log_count_once_for_each_shape(acme: Project, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    rows = [
        {"query_text": f"SELECT sum(delta) v FROM mrr_movements WHERE type = 'new' AND moved_on > '{d}'", "user_name": u}
        for d, u in (("2024-01-01", "ann"), ("2024-02-01", "bob"))
    ]  # fmt: skip
    log.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = acme.drift([str(log)]).findings
    assert [(f.metric, f.runs, f.users) for f in found] == [("new_mrr", 2, ("ann", "bob"))]


def test_exports_of_metabase_and_superset_are_read(acme: Project, tmp_path: Path) -> None:
    sql = "SELECT sum(hours) AS worked FROM timesheets"
    card = {"name": "Hours", "dataset_query": {"native": {"query": sql}}}
    dataset = {
        "table_name": "invoices",
        "metrics": [{"metric_name": "revenue", "expression": "SUM(amount - tax)"}],
    }
    (tmp_path / "cards.json").write_text(json.dumps([card, dataset]), encoding="utf-8")
    found = acme.drift([str(tmp_path / "cards.json")]).findings
    assert {(f.of, f.metric, f.verdict) for f in found} == {
        ("Hours", "hours_worked", "exact"),
        ("invoices", "invoiced_revenue", "conflicting"),
    }


def test_only_new_drift_fails_beside_a_baseline(acme: Project, tmp_path: Path) -> None:
    file, base = tmp_path / "r.sql", tmp_path / "drift.yml"
    file.write_text("SELECT sum(amount) AS revenue FROM revenue_lines WHERE amount > 0")
    before = acme.drift([str(file)])
    before.write_baseline(base)
    file.write_text("-- moved\n\nSELECT sum(amount) AS revenue FROM revenue_lines WHERE amount > 0")
    after = acme.drift([str(file)], baseline=str(base))
    assert before.fails and not after.fails
    assert [f.state for f in after.findings] == ["known"]
    file.write_text("SELECT 1")
    gone = acme.drift([str(file)], baseline=str(base))
    assert [(i.code, i.severity) for i in gone.issues] == [("stale-baseline", "notice")]


@pytest.mark.parametrize(
    ("comment", "fails", "codes"),
    [
        ('-- kpilayer: ignore drift-conflict reason="agreed" until=2026-12-31', False, []),
        ("-- kpilayer: ignore drift-conflict", True, ["bad-ignore"]),
        ('-- kpilayer: ignore drift-conflict reason="agreed" until=2025-12-31', True, ["bad-ignore"]),
        ('-- kpilayer: ignore drift-same reason="agreed"', True, ["bad-ignore"]),
    ],
)  # fmt: skip
def test_a_comment_ignores_with_a_reason_and_an_end(
    acme: Project, tmp_path: Path, comment: str, fails: bool, codes: list[str]
) -> None:
    file = tmp_path / "r.sql"
    file.write_text(
        f"SELECT\n  {comment}\n  sum(amount) AS revenue\nFROM revenue_lines WHERE amount > 0"
    )
    found = acme.drift([str(file)], today=DAY)
    assert found.fails is fails
    assert [issue.code for issue in found.issues] == codes


def test_one_number_under_two_names_in_the_layer_is_told(acme: Project) -> None:
    told = [i.message for i in acme.drift().issues if i.severity == "warning"]
    assert told == ["`payback_months` is `spend_per_new_mrr` under another name"]


def test_a_folder_that_is_not_there_is_an_error(acme: Project) -> None:
    from kpilayer.errors import ConfigError

    with pytest.raises(ConfigError, match="neither a file nor a folder"):
        acme.drift(["nowhere/at/all"])


def test_sarif_and_junit_hold_every_finding(acme: Project, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    file = tmp_path / "r.sql"
    file.write_text("SELECT sum(amount) AS revenue FROM revenue_lines WHERE amount > 0")
    found = acme.drift([str(file)])
    results = json.loads(found.to_sarif())["runs"][0]["results"]
    suite = ElementTree.fromstring(found.to_junit())[0]
    assert [r["ruleId"] for r in results] == ["drift-conflict"]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert found.to_annotations().startswith("::error title=drift-conflict")


def test_an_entry_of_the_baseline_that_no_longer_occurs_is_told(
    acme: Project, tmp_path: Path
) -> None:
    (tmp_path / "report.sql").write_text("SELECT 1 AS one", encoding="utf-8")
    known = "known:\n- {id: d0, path: report.sql, column: revenue, metric: revenue}\n"
    (tmp_path / "drift.yml").write_text(known, encoding="utf-8")
    found = acme.drift([str(tmp_path / "report.sql")], baseline=str(tmp_path / "drift.yml"))
    assert "`revenue` of report.sql (`revenue`) no longer occurs" in found.to_text()


# -------------------------------------------------------------------- what cannot be read is told


def _messages(acme: Project, folder: Path) -> list[tuple[int, str]]:
    issues = acme.drift([str(folder)]).issues
    return [(issue.location.line, issue.message) for issue in issues if issue.location]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("log.csv", "a,b\n1,2\n", (1, "no row has a column of a query")),
        ("log.csv", "", (1, "there are no rows in it")),
        ("log.csv", 'query\n"select 1\n', (1, "it cannot be read: unexpected end of data")),
        ("log.jsonl", '{"query": "select 1"}\nnot json\n', (2, "line 2 is no JSON object")),
        ("log.jsonl", '{"query": "select 1"}\n[1]\n', (2, "line 2 is no JSON object")),
    ],
)
def test_logs_without_queries_and_broken_lines_are_told(
    acme: Project, tmp_path: Path, name: str, text: str, told: tuple[int, str]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    [(line, message)] = _messages(acme, tmp_path)
    assert (line, message[: len(told[1])]) == told


def test_a_broken_line_of_a_log_leaves_the_others(acme: Project, tmp_path: Path) -> None:
    good = json.dumps({"query": "SELECT sum(hours) AS hours_worked FROM timesheets"})
    (tmp_path / "log.jsonl").write_text(f"broken\n{good}\n", encoding="utf-8")
    found = acme.drift([str(tmp_path)])
    assert [(f.metric, f.location.line) for f in found.findings] == [("hours_worked", 2)]


def test_a_broken_statement_leaves_the_others_and_is_told_by_its_line(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT sum(hours) AS hours_worked FROM timesheets;\n\nSELECT sum( FROM t;\nSELECT 1;"
    (tmp_path / "report.sql").write_text(sql, encoding="utf-8")
    assert [f.metric for f in acme.drift([str(tmp_path)]).findings] == ["hours_worked"]
    [(line, message)] = _messages(acme, tmp_path)
    assert line == 3 and message.startswith("a query is not read: ")
    assert "<" not in message and "sqlglot" not in message


def test_a_column_that_is_not_understood_is_told_where_it_is_called_like_a_metric(
    acme: Project, tmp_path: Path
) -> None:
    sql = "SELECT {} AS hours_worked FROM timesheets"
    (tmp_path / "a.sql").write_text(sql.format("list_aggregate(list(hours), 'sum') + t.x"))
    [(_, message)] = _messages(acme, tmp_path)
    assert message == (
        "`hours_worked`, called like `hours_worked` is not read: `t.x` is of no table that is read"
    )


@pytest.mark.parametrize(
    "where",
    [
        "WHERE {{created}} [[AND kind = {{kind}}]]",
        "WHERE is_billable [[AND {{created}}]]",
        "[[WHERE kind = {{kind}}]]",
    ],
)
def test_filters_of_metabase_that_nobody_has_set_leave_no_row_out(
    acme: Project, tmp_path: Path, where: str
) -> None:
    sql = f"SELECT sum(hours) AS hours_worked FROM timesheets {where}"
    card = {"name": "Hours", "dataset_query": {"native": {"query": sql}}}
    (tmp_path / "cards.json").write_text(json.dumps([card]), encoding="utf-8")
    found = acme.drift([str(tmp_path)])
    assert found.issues == ()
    (finding,) = found.findings
    assert finding.metric == "hours_worked" and finding.verdict in ("exact", "equivalent")
