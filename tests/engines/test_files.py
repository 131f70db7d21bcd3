"""Models over files on DuckDB: globs, Hive partitions, and how many of the files are read.

The files hold 240 rows, with 1.50 each; numbers are counted from how they were made.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import DefinitionError, Project, QueryError, WarehouseError
from tests.conftest import Define

SALES = """
models:
  - name: sales
    semantic_model: true
    path: data/sales/**/*.parquet
    agg_time_dimension: sold_on
    columns:
      - {name: id, entity: {name: sale, type: primary}}
      - {name: customer, entity: foreign}
      - {name: day, granularity: day, dimension: {name: sold_on, type: time}}
  - name: visits
    semantic_model: true
    path: data/visits/*/*/*.parquet
    hive_partitioning: true
    agg_time_dimension: came_in
    columns:
      - {name: id, entity: {name: visit, type: primary}}
      - {name: customer, entity: foreign}
      - {name: year, dimension: {name: in_year, type: categorical}}
    derived_semantics:
      dimensions:
        - {name: came_in, type: time, granularity: month, expr: "make_date(year, month, 1)"}
  - name: customers
    semantic_model: true
    path: data/customers.parquet
    columns:
      - {name: customer, entity: primary}
      - {name: region, dimension: categorical}
metrics:
  - {name: revenue, model: sales, agg: sum, expr: v}
  - {name: visits, model: visits, agg: sum, expr: v}
  - {name: revenue_of_3_days, type: cumulative, input_metric: revenue, window: 3 days}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sales in 12 files, one a day from 2025-12-30 to 2026-01-10; visits in 12, by year and month."""
    data = tmp_path / "data"
    data.mkdir()
    with duckdb.connect() as made:
        made.execute(f"""
        COPY (SELECT range AS id, DATE '2025-12-30' + (range % 12)::INT AS day,
            range // 12 % 3 AS customer, 1.50 AS v FROM range(240))
        TO '{data}/sales' (FORMAT parquet, PARTITION_BY (day));
        COPY (SELECT range AS id, 2024 + range % 3 AS year, 1 + range % 4 AS month,
            range // 12 % 3 AS customer, 1.50 AS v FROM range(240))
        TO '{data}/visits' (FORMAT parquet, PARTITION_BY (year, month));
        COPY (SELECT range AS customer, 'r' || range AS region FROM range(3))
        TO '{data}/customers.parquet'""")
    return tmp_path


@pytest.fixture
def shop(folder: Path, define: Define) -> Project:
    return define(SALES)


def files_read(project: Project, folder: Path, **question: Any) -> tuple[int, int]:
    """Of how many files with partitions a question's answer read how many."""
    sql = project.prepare(**question).running_in(folder.as_posix())
    with duckdb.connect() as connection:
        [(_, plan)] = connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {sql}").fetchall()
    found = re.findall(r"(\d+)/(\d+)", json.dumps(json.loads(plan)))
    [(read, of)] = {(int(one), int(other)) for one, other in found if other == "12"}
    return read, of


def test_a_folder_of_a_partition_is_a_column(shop: Project) -> None:
    days = shop.query("revenue", "metric_time__day").rows()
    assert len(days) == 12
    assert {value for _, value in days} == {D("30.00")}
    assert shop.query("visits", "visit__in_year").rows() == [
        (2024, D("120.00")), (2025, D("120.00")), (2026, D("120.00")),
    ]  # fmt: skip


def test_a_condition_on_a_partition_leaves_files_unread(shop: Project, folder: Path) -> None:
    asked = {"metrics": ["revenue"], "where": "sale__sold_on = DATE '2026-01-03'"}
    assert shop.query(**asked).rows() == [(D("30.00"),)]
    assert files_read(shop, folder, **asked) == (1, 12)
    asked = {"metrics": ["visits"], "where": "visit__in_year IN (2024, 2026)"}
    assert shop.query(**asked).rows() == [(D("240.00"),)]
    assert files_read(shop, folder, **asked) == (8, 12)


def test_a_range_of_a_time_that_is_a_partition_leaves_files_unread(
    shop: Project, folder: Path
) -> None:
    asked: dict[str, Any] = {"metrics": ["revenue"], "start": "2026-01-03", "end": "2026-01-05"}
    assert shop.query(**asked).rows() == [(D("90.00"),)]
    assert files_read(shop, folder, **asked) == (3, 12)
    by_month = asked | {"group_by": ["metric_time__month"]}
    assert shop.query(**by_month).rows()[0][1] == D("300.00")  # the whole month: 1 to 10 January
    assert files_read(shop, folder, **by_month) == (10, 12)


def test_a_range_of_a_time_made_of_partitions_leaves_files_unread(
    shop: Project, folder: Path
) -> None:
    asked: dict[str, Any] = {"metrics": ["visits"], "start": "2025-02-01", "end": "2025-03-31"}
    assert shop.query(**asked).rows() == [(D("60.00"),)]
    assert files_read(shop, folder, **asked) == (2, 12)


def test_through_a_join_files_stay_unread(shop: Project, folder: Path) -> None:
    asked: dict[str, Any] = {
        "metrics": ["revenue"],
        "group_by": ["customer__region"],
        "start": "2026-01-03",
        "end": "2026-01-03",
    }
    # 20 rows of that day, 7 of customers 0 and 1, 6 of customer 2
    assert shop.query(**asked).rows() == [("r0", D("10.50")), ("r1", D("10.50")), ("r2", D("9.00"))]
    assert files_read(shop, folder, **asked) == (1, 12)


def test_a_window_reads_the_files_of_its_days(shop: Project, folder: Path) -> None:
    asked: dict[str, Any] = {
        "metrics": ["revenue_of_3_days"],
        "group_by": ["metric_time__day"],
        "start": "2026-01-05",
        "end": "2026-01-05",
    }
    assert [value for _, value in shop.query(**asked).rows()] == [D("90.00")]
    assert files_read(shop, folder, **asked) == (3, 12)


def test_without_partitions_folders_are_no_columns(folder: Path, define: Define) -> None:
    shop = define(SALES.replace("hive_partitioning: true", "hive_partitioning: false"))
    with pytest.raises(WarehouseError, match='"year"'):
        shop.query("visits", "visit__in_year")


@pytest.mark.parametrize(
    "name", ["o'clock", "a b", "[draft]", "what?", "50% *", "semi;colon", 'say "x"', "ä→😀"]
)
def test_a_project_may_lie_in_a_folder_of_any_name(name: str, folder: Path, define: Define) -> None:
    beside = folder / "data" / "sales" / "day=2026-01-03"
    root = folder / name
    root.mkdir()
    (folder / "data").rename(root / "data")
    decoy = folder / "d" / "data" / "sales"  # which the pattern `[draft]` would match
    decoy.mkdir(parents=True)
    assert not beside.exists()
    (root / "kpilayer.yml").write_text("name: shop\n")
    (root / "models").mkdir()
    (root / "models" / "sales.yml").write_text(SALES)
    assert Project.load(root).query("revenue", "customer__region").rows() == [
        ("r0", D("126.00")), ("r1", D("126.00")), ("r2", D("108.00")),
    ]  # fmt: skip


def test_a_quote_in_a_path_stays_in_it(folder: Path, define: Define) -> None:
    (folder / "data" / "customers.parquet").rename(folder / "data" / "it's (1).parquet")
    shop = define(SALES.replace("data/customers.parquet", "data/it's (1).parquet"))
    assert len(shop.query("revenue", "customer__region").rows()) == 3
    shop = define(SALES.replace("data/customers.parquet", '"x\'), (SELECT 1) --.parquet"'))
    with pytest.raises(WarehouseError, match="no-such-file"):
        shop.query("revenue", "customer__region")


@pytest.mark.parametrize("path", ["data/gone/**/*.parquet", "data/gone.csv", "data/[g]one.json"])
def test_a_path_without_files_is_named(path: str, folder: Path, define: Define) -> None:
    shop = define(SALES.replace("data/sales/**/*.parquet", path))
    with pytest.raises(WarehouseError) as raised:
        shop.query("revenue")
    assert str(raised.value) == (
        f"error[no-such-file]: no file matches `{folder.as_posix()}/{path}`\n"
        "  = help: `path` of a model starts at the folder of kpilayer.yml"
    )
    steps = {check.name: check for check in shop.debug()}
    assert not steps[path].ok
    assert steps[path].detail.startswith("no file matches")


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_partitions_of_other_files_are_columns_too(kind: str, folder: Path, define: Define) -> None:
    with duckdb.connect() as made:
        made.execute(f"""
        COPY (SELECT * FROM read_parquet('{folder}/data/sales/**/*.parquet'))
        TO '{folder}/data/other' (FORMAT {kind}, PARTITION_BY (day))""")
    shop = define(SALES.replace("data/sales/**/*.parquet", f"data/other/*/*.{kind}"))
    asked: dict[str, Any] = {"metrics": ["revenue"], "start": "2026-01-03", "end": "2026-01-05"}
    assert [float(value) for (value,) in shop.query(**asked).rows()] == [90.0]
    assert files_read(shop, folder, **asked) == (3, 12)


def test_files_with_different_columns_are_matched_by_name(folder: Path, define: Define) -> None:
    with duckdb.connect() as made:
        made.execute(f"""
        COPY (SELECT 500 AS id, 0 AS customer, 100.00 AS v) TO '{folder}/data/new_a.parquet';
        COPY (SELECT 7.00 AS v, 501 AS id, 1 AS customer, 'x' AS more)
        TO '{folder}/data/new_b.parquet'""")
    text = """
models:
  - name: sales
    semantic_model: true
    path: data/new_*.parquet
    union_by_name: true
    primary_entity: sale
    columns: [{name: more, dimension: categorical}]
metrics:
  - {name: revenue, model: sales, agg: sum, expr: v}
"""
    assert define(text).query("revenue", "sale__more").rows() == [
        ("x", D("7.00")), (None, D("100.00")),
    ]  # fmt: skip


def test_how_files_are_read_is_part_of_the_definition(folder: Path, define: Define) -> None:
    [one] = define(SALES).query("visits").fingerprints.values()
    [same] = define(SALES).query("visits").fingerprints.values()
    changed = SALES.replace(
        "hive_partitioning: true", "hive_partitioning: true\n    union_by_name: true"
    )
    [other] = define(changed).query("visits").fingerprints.values()
    assert one == same != other


@pytest.mark.parametrize("key", ["hive_partitioning", "union_by_name"])
def test_a_table_has_no_partitions_of_files(key: str, define: Define) -> None:
    shop = define(SALES.replace("path: data/customers.parquet", f"relation: c\n    {key}: true"))
    assert any(
        issue.code == "bad-value" and f"`{key}` says how files are read" in issue.message
        for issue in shop.check()
    )


@pytest.mark.parametrize("dialect", ["postgres", "mysql", "clickhouse", "sqlite"])
def test_an_engine_that_reads_no_files_says_so(dialect: str, folder: Path, define: Define) -> None:
    with pytest.raises(QueryError, match="does not read files: `path: data/visits") as raised:
        define(SALES).compile("visits", dialect=dialect)
    assert raised.value.issues[0].code == "unsupported-in-dialect"


# ---------------------------------------------------------------------------------- dbt-duckdb's way

MODEL = """
models:
  - name: visits
    semantic_model: true
    primary_entity: visit
    columns:
      - {name: year, dimension: {name: in_year, type: categorical}}
metrics:
  - {name: visits, model: visits, agg: sum, expr: v}
"""
SQL = {"models/visits.sql": "SELECT * FROM {{ source('lake', 'visits') }} WHERE visits.month <= 2"}


@pytest.mark.parametrize(
    "source",
    [
        "{name: lake, meta: {external_location: 'data/{name}/*/*/*.parquet'}, tables: [{name: visits}]}",
        "{name: lake, config: {meta: {external_location: 'data/{name}/*/*/*.parquet'}}, tables: [{name: visits}]}",
        "{name: lake, tables: [{name: visits, meta: {external_location: 'data/visits/**/*.parquet'}}]}",
        "{name: lake, meta: {external_location: nowhere.parquet}, tables: [{name: visits, config: {meta: "
        "{external_location: \"read_parquet('data/{identifier}/**/*.parquet', hive_partitioning=1)\"}}}]}",
        "{name: lake, tables: [{name: visits, identifier: v, meta: {owner: '{{ nobody() }}', "
        "external_location: \"'data/{name}/**/*.parquet'\"}}]}",
    ],
)  # fmt: skip
def test_a_source_may_be_files(source: str, folder: Path, define: Define) -> None:
    shop = define(f"sources:\n  - {source}\n{MODEL}", files=SQL)
    assert [i for i in shop.check() if i.severity == "error"] == []
    assert shop.query("visits", "visit__in_year").rows() == [
        (2024, D("60.00")), (2025, D("60.00")), (2026, D("60.00")),
    ]  # fmt: skip
    asked: dict[str, Any] = {"metrics": ["visits"], "where": "visit__in_year = 2025"}
    assert files_read(shop, folder, **asked) == (2, 12)  # of month 1 and 2: the model's own filter


def test_where_a_source_lies_is_no_part_of_the_definition(folder: Path, define: Define) -> None:
    where = (
        "sources:\n  - {name: lake, tables: [{name: visits, meta: {external_location: '%s'}}]}\n"
    )
    found = [
        define(where % place + MODEL, files=SQL).query("visits").fingerprints["visits"]
        for place in ("data/visits/**/*.parquet", "data/visits/*/*/*.parquet")
    ]
    assert found[0] == found[1]


def test_metric_tests_give_rows_for_a_source_of_files(folder: Path, define: Define) -> None:
    text = MODEL.replace(
        "expr: v}",
        """expr: v, metric_tests: [{name: first_months, given: {lake.visits: [{year: 2025, month: 1, v: 2},
        {year: 2025, month: 3, v: 8}]}, expect: [{visits: 2}]}]}""",
    )
    source = "sources:\n  - {name: lake, tables: [{name: visits, meta: {external_location: gone.csv}}]}\n"
    [outcome] = define(source + text, files=SQL).test()
    assert (outcome.name, outcome.status) == ("first_months", "passed"), outcome


@pytest.mark.parametrize(
    "location",
    [
        "read_parquet(['a.parquet', 'b.parquet'])",
        "read_parquet(getenv('HOME'))",
        "sniff_csv('a.csv')",
        "read_csv('a.csv', delim = getenv('X'))",
        "read_csv('a.csv') UNION SELECT 1",
        "read_csv('a.csv'",
    ],
)
def test_a_source_that_is_more_than_files_is_refused(
    location: str, folder: Path, define: Define
) -> None:
    text = json.dumps(location)
    source = f"sources:\n  - {{name: lake, tables: [{{name: visits, meta: {{external_location: {text}}}}}]}}\n"
    shop = define(source + MODEL, files=SQL)
    [issue] = [i for i in shop.check() if i.severity == "error"]
    assert issue.code == "bad-value"
    assert "`lake.visits` is no path and no function over one" in issue.message
    with pytest.raises((DefinitionError, QueryError)):
        shop.query("visits")
