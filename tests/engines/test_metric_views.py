"""Metric views on Spark: each measure is the number that a question gives, and that SQL by hand does.

Tables and hand-written SQL are those of a DuckDB beside Spark.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from kpilayer import Project
from kpilayer.demo.data import TABLES, build
from kpilayer.interop.metric_view import MetricViews
from kpilayer.interop.metric_view_text import MetricView
from kpilayer.warehouse.connect import wrap
from kpilayer.warehouse.result import Result
from tests.conftest import Define
from tests.engines import on_spark
from tests.engines.conftest import NIGHTLY
from tests.engines.test_demo_metrics import ROOT, same

SHOP = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_at, granularity: second, dimension: {type: time}}
      - {name: shipped_on, granularity: day, dimension: {type: time}}
      - {name: status, dimension: categorical}
  - name: customers
    semantic_model: true
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: region, dimension: categorical}
    derived_semantics:
      dimensions:
        - {name: tier, type: categorical, expr: "COALESCE(tier, 'none')"}
metrics:
  - {name: everything, model: orders, agg: count}
  - {name: paid_amounts, model: orders, agg: count, expr: amount, filter: "order__status = 'paid'"}
  - {name: revenue, model: orders, agg: sum, expr: amount, filter: "order__status <> 'void'"}
  - {name: paid, model: orders, agg: sum, expr: amount, filter: "order__status = 'paid'"}
  - {name: average_amount, model: orders, agg: average, expr: amount}
  - {name: buyers, model: orders, agg: count_distinct, expr: customer_id}
  - name: eu_buyers
    model: orders
    agg: count_distinct
    expr: customer_id
    filter: "{{ Dimension('customer__region') }} = 'EU'"
  - {name: unranked, model: orders, agg: count, filter: "customer__tier = 'none'"}
  - {name: is_paid, model: orders, agg: sum_boolean, expr: status = 'paid'}
  - {name: smallest, model: orders, agg: min, expr: amount}
  - {name: latest, model: orders, agg: max, expr: ordered_at}
  - {name: middle, model: orders, agg: median, expr: amount}
  - {name: high, model: orders, agg: percentile, percentile: 0.9, expr: amount}
  - {name: spread, model: orders, agg: stddev, expr: amount}
  - {name: paid_or_zero, model: orders, agg: sum, expr: amount, filter: "order__status = 'paid'",
     fill_nulls_with: 0}
  - {name: paid_share, type: ratio, numerator: paid, denominator: revenue}
  - {name: unpaid, type: derived, expr: "revenue - COALESCE(paid, 0)",
     input_metrics: [revenue, paid]}
  - {name: per_paid, type: derived, expr: everything / paid_amounts,
     input_metrics: [everything, paid_amounts]}
  - {name: per_buyer, model: orders, sql: "SUM(amount) / COUNT(DISTINCT customer_id)"}
  - {name: shipped, model: orders, agg: sum, expr: amount, agg_time_dimension: shipped_on}
"""

TABLES_OF_SHOP = {
    "orders": """
        SELECT * FROM (VALUES
            (1, 10, TIMESTAMP '2026-01-03 10:00:00', DATE '2026-01-05', 'paid', 10.50),
            (2, 10, TIMESTAMP '2026-01-31 23:59:59', DATE '2026-02-01', 'open', 20.25),
            (3, 11, TIMESTAMP '2026-02-01 00:00:00', NULL, 'void', 5.00),
            (4, 12, TIMESTAMP '2026-02-10 12:00:00', DATE '2026-02-28', 'paid', NULL),
            (5, NULL, TIMESTAMP '2026-03-01 08:00:00', DATE '2026-03-02', 'open', 7.75),
            (6, 99, NULL, DATE '2026-03-02', 'paid', 4.00),
            (7, 11, TIMESTAMP '2026-03-30 08:00:00', NULL, NULL, 3.00),
            (8, 12, TIMESTAMP '2026-04-02 08:00:00', NULL, 'void', 9.00)
        ) AS o (order_id, customer_id, ordered_at, shipped_on, status, amount)""",
    "customers": """
        SELECT * FROM (VALUES (10, 'EU', 'gold'), (11, 'US', NULL), (12, NULL, 'gold'))
        AS c (customer_id, region, tier)""",
}

#: The same numbers in words of DuckDB, over orders beside their customers.
BY_HAND = {
    "everything": "NULLIF(count(*), 0)",
    "paid_amounts": "CASE WHEN count(*) FILTER (WHERE status = 'paid') > 0 "
    "THEN count(amount) FILTER (WHERE status = 'paid') END",
    "revenue": "sum(amount) FILTER (WHERE status <> 'void')",
    "paid": "sum(amount) FILTER (WHERE status = 'paid')",
    "average_amount": "avg(amount)",
    "buyers": "count(DISTINCT o.customer_id)",
    "eu_buyers": "NULLIF(count(DISTINCT o.customer_id) FILTER (WHERE region = 'EU'), 0)",
    "unranked": "NULLIF(count(*) FILTER (WHERE c.customer_id IS NOT NULL AND tier IS NULL), 0)",
    "is_paid": "count(*) FILTER (WHERE status = 'paid')",
    "smallest": "min(amount)",
    "latest": "max(ordered_at)",
    "middle": "median(amount::DOUBLE)",
    "high": "quantile_cont(amount::DOUBLE, 0.9)",
    "spread": "stddev_samp(amount)",
    "paid_or_zero": "coalesce(sum(amount) FILTER (WHERE status = 'paid'), 0)",
    "paid_share": "sum(amount) FILTER (WHERE status = 'paid')::DOUBLE "
    "/ NULLIF(sum(amount) FILTER (WHERE status <> 'void'), 0)",
    "unpaid": "sum(amount) FILTER (WHERE status <> 'void') "
    "- coalesce(sum(amount) FILTER (WHERE status = 'paid'), 0)",
    "per_paid": "count(*)::DOUBLE / NULLIF(count(amount) FILTER (WHERE status = 'paid'), 0)",
    "per_buyer": "sum(amount)::DOUBLE / NULLIF(count(DISTINCT o.customer_id), 0)",
    "shipped": "sum(amount)",
}

#: By which columns of the view, which group-bys, and which words of DuckDB.
LEVELS = {
    "total": ((), (), ()),
    "region": (("region",), ("customer__region",), ("region",)),
    "tier": (
        ("tier",),
        ("customer__tier",),
        ("CASE WHEN c.customer_id IS NOT NULL THEN coalesce(tier, 'none') END",),
    ),
    "month": (
        ("ordered_at__month",),
        ("order__ordered_at__month",),
        ("date_trunc('month', ordered_at)::DATE",),
    ),
    "status and quarter": (
        ("status", "shipped_on__quarter"),
        ("order__status", "order__shipped_on__quarter"),
        ("status", "date_trunc('quarter', shipped_on)::DATE"),
    ),
}


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with on_spark.opened() as session:
        yield session


@contextmanager
def tables(
    session: Any, selects: dict[str, str], folder: Path, schema: str = "kpi"
) -> Iterator[Any]:
    """The tables on Spark, and the DuckDB that has them, too."""
    with duckdb.connect(":memory:") as beside:
        beside.execute("SET TimeZone = 'UTC'")
        for name, select in selects.items():
            beside.execute(f"CREATE TABLE {name} AS {select}")
        rows = {name: beside.sql(f"FROM {name}").to_arrow_table() for name in selects}
        with on_spark.schema(session, schema, rows, folder):
            yield beside


def made(session: Any, project: Project, **chosen: Any) -> MetricViews:
    """The metric views of a project, which are there now."""
    views = project.export_spark(**chosen)
    for view in views.views:
        for statement in view.statements:
            wrap(session).execute(statement)
    return views


def read(
    session: Any, view: MetricView, columns: Sequence[str], metrics: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Measures of a view by some of its columns, in order of these."""
    measures = [f"MEASURE(`{name}`) AS `{name}`" for name in metrics]
    keys = [f"`{name}`" for name in columns]
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    order = f" ORDER BY {', '.join(f'{key} NULLS LAST' for key in keys)}" if keys else ""
    sql = f"SELECT {', '.join([*keys, *measures])} FROM {view.name}{group}{order}"
    return Result.from_table(wrap(session).run(sql), sql=sql).rows()


def equal(found: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]]) -> None:
    assert len(found) == len(expected) > 0
    for row, wanted in zip(found, expected, strict=True):
        assert all(map(same, row, wanted)), f"{row} is not {wanted}"


def with_values(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows by one column without those in which nothing has a value: a view has more of them."""
    return [row for row in rows if any(value is not None for value in row[1:])]


# ------------------------------------------------------------------------------- every aggregation


@pytest.fixture(scope="module")
def shop(
    session: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Project, MetricView]]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "kpilayer.yml").write_text("name: shop\n")
    (folder / "models").mkdir()
    (folder / "models" / "shop.yml").write_text(SHOP)
    with tables(session, TABLES_OF_SHOP, folder, "shop") as beside:
        project = Project.load(folder, connection=session)
        (view,) = made(session, project).views
        yield beside, project, view


@pytest.mark.parametrize("level", LEVELS)
def test_each_measure_is_the_answer_of_a_question_and_of_sql_by_hand(
    session: Any, shop: tuple[Any, Project, MetricView], level: str
) -> None:
    beside, project, view = shop
    columns, group_by, words = LEVELS[level]
    names = list(BY_HAND)
    found = read(session, view, columns, names)
    equal(found, project.query(names, group_by=group_by).rows())
    keys = [f"{word} AS key_{number}" for number, word in enumerate(words)]
    chosen = ", ".join([*keys, *(f"{BY_HAND[name]} AS {name}" for name in names)])
    by = "GROUP BY ALL ORDER BY ALL NULLS LAST" if words else ""
    sql = f"SELECT {chosen} FROM orders o LEFT JOIN customers c USING (customer_id) {by}"
    equal(found, Result.from_table(beside.sql(sql).to_arrow_table(), sql=sql).rows())


def test_every_metric_of_the_shop_is_a_measure(shop: tuple[Any, Project, MetricView]) -> None:
    _, project, view = shop
    assert {one.name for one in view.measures} == set(BY_HAND) == {m.name for m in project.metrics}


def test_a_measure_over_its_own_time_is_the_metric_by_metric_time(
    session: Any, shop: tuple[Any, Project, MetricView]
) -> None:
    _, project, view = shop
    times = {one.name: one.times for one in view.measures}
    assert (times["shipped"], times["revenue"]) == (("shipped_on",), ("ordered_at",))
    for name in ("shipped", "revenue"):
        found = read(session, view, [f"{times[name][0]}__month"], [name])
        expected = project.query(name, group_by="metric_time__month").rows()
        equal(with_values(found), with_values(expected))


def test_groups_without_a_row_that_counts_are_null_as_beside_other_metrics(
    session: Any, shop: tuple[Any, Project, MetricView]
) -> None:
    _, _, view = shop
    found = read(session, view, ["status"], ["paid", "paid_amounts", "paid_or_zero", "eu_buyers"])
    assert {row[0]: row[1:] for row in found}["void"] == (None, None, 0, None)


def test_conditions_of_a_query_choose_the_rows_that_count(
    session: Any, shop: tuple[Any, Project, MetricView]
) -> None:
    _, project, view = shop
    sql = f"SELECT MEASURE(per_buyer), MEASURE(unpaid) FROM {view.name} WHERE region = 'EU'"
    expected = project.query(["per_buyer", "unpaid"], where="customer__region = 'EU'").rows()
    equal(Result.from_table(wrap(session).run(sql), sql=sql).rows(), expected)


def test_no_rows_at_all_are_null_where_a_question_knows_that_nothing_is_grouped(
    session: Any, shop: tuple[Any, Project, MetricView]
) -> None:
    _, project, view = shop
    names = ["everything", "buyers", "eu_buyers", "paid_or_zero"]
    measures = ", ".join(f"MEASURE({name})" for name in names)
    sql = f"SELECT {measures} FROM {view.name} WHERE status = 'lost'"
    assert Result.from_table(wrap(session).run(sql), sql=sql).rows() == [(None, 0, None, 0)]
    assert project.query(names, where="order__status = 'lost'").rows() == [(None, 0, 0, 0)]


# ------------------------------------------------------------------------------------ what rows are

VISITS = """
models:
  - name: visits
    semantic_model: true
    agg_time_dimension: at
    columns:
      - {name: visit_id, entity: {type: primary, name: visit}}
      - {name: at, granularity: second,
         dimension: {type: time, timezone: UTC, report_timezone: Europe/Berlin}}
metrics:
  - {name: precise, model: visits, agg: sum, expr: "worth * 1.1234567890123456789"}
  - {name: number, model: visits, agg: max, expr: CAST(word AS INTEGER)}
  - {name: late, model: visits, agg: count, filter: "visit__at >= '2026-02-01 00:30:00'"}
"""
ROWS_OF_VISITS = """
    SELECT 1 AS visit_id, TIMESTAMPTZ '2026-01-31 22:30:00Z' AS at,
           1.123456789012345678::DECIMAL(38, 18) AS worth, '12' AS word
    UNION ALL SELECT 2, TIMESTAMPTZ '2026-01-31 23:30:00Z', 2, '7'
    UNION ALL SELECT 3, TIMESTAMPTZ '2026-03-31 22:30:00Z', 3, '9'"""
OTHER_SETTINGS = {
    "spark.sql.session.timeZone": "Asia/Tokyo",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.decimalOperations.allowPrecisionLoss": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
}


def test_what_a_session_is_set_to_that_reads_changes_no_number(
    session: Any, define: Define, tmp_path: Path
) -> None:
    """The month of Berlin, of instants: 23:30 in January, half past midnight in February, April."""
    with tables(session, {"visits": ROWS_OF_VISITS}, tmp_path):
        define(VISITS, connection=session).lock()
        project = Project.load(tmp_path, connection=session)
        (view,) = made(session, project).views
        sql = "SELECT at__month, MEASURE(precise) p, MEASURE(number) n, MEASURE(late) l "
        sql += f"FROM {view.name} GROUP BY at__month ORDER BY at__month"
        names = ["precise", "number", "late"]
        expected = project.query(names, group_by="visit__at__month").rows()
        before = {name: session.conf.get(name) for name in OTHER_SETTINGS}
        try:
            for name, value in OTHER_SETTINGS.items():
                session.conf.set(name, value)
            found = [tuple(row) for row in session.sql(sql).collect()]
        finally:
            for name, value in before.items():
                session.conf.set(name, value)
        assert found == expected
        assert [str(row[0]) for row in found] == ["2026-01-01", "2026-02-01", "2026-04-01"]
        assert [row[2:] for row in found] == [(12, None), (7, 1), (9, 1)]


LEDGER = """
models:
  - name: order
    relation: entries
    semantic_model: true
    agg_time_dimension: on_day
    columns:
      - {name: entry_id, entity: {type: primary, name: entry}}
      - {name: account_id, entity: {type: foreign, name: account}}
      - {name: on_day, granularity: day, dimension: {type: time}}
      - {name: select, dimension: categorical}
      - {name: word, dimension: categorical}
  - name: levels
    semantic_model: true
    columns:
      - {name: account_id, entity: {type: natural, name: account}}
      - {name: level, dimension: categorical}
      - {name: since, granularity: day,
         dimension: {type: time, validity_params: {is_start: true}}}
      - {name: until, granularity: day,
         dimension: {type: time, validity_params: {is_end: true}}}
metrics:
  - {name: value, model: order, agg: sum, expr: value}
  - {name: of_gold, model: order, agg: sum, expr: value, filter: "account__level = 'gold'"}
  - {name: of_large, model: order, agg: count, filter: "{{ Metric('value', ['account']) }} > 10"}
  - {name: a_word, model: order, agg: any_value, expr: word}
  - {name: is_odd, type: derived, expr: "CASE WHEN a_word = 'it''s $$; $' THEN 1 ELSE 0 END",
     input_metrics: [a_word]}
"""


def test_versions_sql_models_metrics_in_filters_and_odd_names(
    session: Any, define: Define, tmp_path: Path
) -> None:
    """Account 1 turns gold on the 10th; account 2 has no version; only account 1 has more than 10."""
    selects = {
        "entries": """
            SELECT * FROM (VALUES
                (1, 1, DATE '2026-01-05', 'a', 'it''s $$; $', 4), (2, 1, '2026-01-10', 'b', 'x', 9),
                (3, 2, '2026-01-20', 'a', 'x', 2), (4, NULL, '2026-02-01', NULL, 'x', 1)
            ) AS e (entry_id, account_id, on_day, "select", word, value)""",
        "changes": """
            SELECT * FROM (VALUES (1, DATE '2026-01-01', 'basic'), (1, '2026-01-10', 'gold'))
            AS c (account_id, since, level)""",
    }
    model = """
        WITH all_of_them AS (SELECT * FROM {{ source('shop', 'changes') }})
        SELECT *, LEAD(since) OVER (PARTITION BY account_id ORDER BY since) AS until
        FROM all_of_them"""
    sources = "sources: [{name: shop, schema: kpi, tables: [{name: changes}]}]\n"
    files = {"models/levels.sql": model, "models/sources.yml": sources}
    with tables(session, selects, tmp_path):
        define(LEDGER, files=files, connection=session).lock()
        project = Project.load(tmp_path, connection=session)
        (view,) = made(session, project).views
        names = [one.name for one in view.measures]
        assert names == ["a_word", "is_odd", "of_gold", "of_large", "value"]
        assert (view.name, view.rows) == ("order_metrics", "order_rows")
        for columns, group_by in (
            ([], []),
            (["select"], ["entry__select"]),
            (["level", "on_day__month"], ["account__level", "entry__on_day__month"]),
        ):
            found = read(session, view, columns, names)
            equal(found, project.query(names, group_by=group_by).rows())
        assert found[0][2:] == ("it's $$; $", 1, None, 1, 4)
        assert read(session, view, [], ["of_gold", "of_large"]) == [(9, 2)]


def test_metrics_over_parquet_files_are_read_from_the_project(
    session: Any, define: Define, tmp_path: Path
) -> None:
    from pyarrow import parquet

    definitions = """
    models:
      - {name: trips, semantic_model: true, path: trips/*.parquet, primary_entity: trip,
         columns: [{name: kind, dimension: categorical}]}
    metrics: [{name: trips_made, model: trips, agg: count}]
    """
    (tmp_path / "trips").mkdir()
    parquet.write_table(pa.table({"kind": ["a", "a", "b"]}), tmp_path / "trips" / "one.parquet")
    with tables(session, {}, tmp_path / "trips"):
        (view,) = made(session, define(definitions, connection=session)).views
        assert read(session, view, ["kind"], ["trips_made"]) == [("a", 2), ("b", 1)]


def test_views_are_replaced_by_those_of_changed_definitions(
    session: Any, define: Define, tmp_path: Path
) -> None:
    with tables(session, TABLES_OF_SHOP, tmp_path):
        made(session, define(SHOP, connection=session))
        changed = SHOP.replace("order__status <> 'void'", "order__status = 'open'")
        (view,) = made(session, define(changed, connection=session)).views
        assert str(read(session, view, [], ["revenue"])[0][0]) == "28.00"


# ------------------------------------------------------------------------------------ of the nights


@pytest.mark.skipif(not NIGHTLY, reason="the shell of Spark takes half a minute")
def test_a_script_is_run_by_the_shell_of_spark(define: Define, tmp_path: Path) -> None:
    import pyspark

    definitions = """
    models:
      - {name: words, relation: kpi.words, semantic_model: true, primary_entity: word,
         columns: [{name: word, dimension: categorical}]}
    metrics:
      - {name: counted, model: words, agg: count, filter: "word__word <> 'it''s; -- $$'"}
    """
    before = (
        "CREATE SCHEMA kpi;\nCREATE VIEW kpi.words AS SELECT EXPLODE(ARRAY('a', 'b')) AS word;\n"
    )
    after = "SELECT 'found', MEASURE(counted) FROM words_metrics;\n"
    (view,) = define(definitions, connection=duckdb.connect()).export_spark().views
    script = tmp_path / "views.sql"
    script.write_text(before + "USE kpi;\n" + view.text + after)
    home = Path(pyspark.__file__).parent
    settings = {"catalogImplementation": "in-memory", "warehouse.dir": (tmp_path / "w").as_posix()}
    options = [f"--conf=spark.sql.{name}={value}" for name, value in settings.items()]
    done = subprocess.run(
        [str(home / "bin" / "spark-sql"), "--master=local[1]", *options, "-f", str(script)],
        env={**os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "found\t2" in done.stdout, done.stderr


@pytest.mark.skipif(not NIGHTLY, reason="the whole company takes minutes on Spark")
def test_every_measure_of_the_company_is_the_answer_of_a_question(
    session: Any, tmp_path: Path
) -> None:
    """In total, by month, and by its first and its last dimension of words."""
    with duckdb.connect(":memory:") as company:
        build(company, 0.01)
        rows = {name: company.sql(f"FROM {name}").to_arrow_table() for name in TABLES}
    with on_spark.schema(session, "kpi", rows, tmp_path):
        project = Project.load(ROOT, connection=session)
        views = made(session, project)
        assert len(views.views) > 40
        for view in views.views:
            names = [one.name for one in view.measures]
            known = {d.name for d in project.dimensions(names) if d.type == "categorical"}
            words = [([c], [asked]) for c, asked in view.dimensions if asked in known]
            months = [([c], [asked]) for c, asked in view.dimensions if c.endswith("__month")]
            levels = [([], []), *words[:1], *words[1:][-1:], *months[:1]]
            for columns, group_by in levels:
                found = read(session, view, columns, names)
                expected = project.query(names, group_by=group_by).rows()
                if columns:
                    found, expected = with_values(found), with_values(expected)
                equal(found, expected)
