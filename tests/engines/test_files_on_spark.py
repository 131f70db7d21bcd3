"""Models over Parquet files on Spark: globs, Hive partitions, and which partitions are read.

The files are those of test_files.py: 240 rows of 1.50 each.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import Project, QueryError, WarehouseError
from tests.conftest import Define
from tests.engines import on_spark
from tests.engines.test_files import SALES as ON_DUCKDB
from tests.engines.test_files import folder as folder

SALES = ON_DUCKDB.replace("**/*.parquet", "**/*.parquet\n    hive_partitioning: true")


@pytest.fixture
def session() -> Iterator[Any]:
    with on_spark.opened() as session:
        yield session


@pytest.fixture
def shop(folder: Path, define: Define, session: Any) -> Project:
    return define(SALES, connection=session)


def partitions_read(session: Any, project: Project, folder: Path, **question: Any) -> str:
    """What a question's plan says of the partitions that it reads."""
    sql = project.prepare(**question).running_in(folder.as_posix())
    [(plan,)] = session.sql(f"EXPLAIN {sql}").collect()
    [found] = [p for p in str(plan).split("PartitionFilters: ")[1:] if not p.startswith("[]")]
    return found.partition("], PushedFilters")[0]


@pytest.mark.parametrize(
    "question",
    [
        {"metrics": ["revenue"], "group_by": ["metric_time__day"]},
        {"metrics": ["visits"], "group_by": ["visit__in_year"]},
        {"metrics": ["revenue", "visits"], "group_by": ["customer__region"]},
        {"metrics": ["revenue_of_3_days"], "group_by": ["metric_time__day"]},
        {"metrics": ["visits"], "group_by": ["metric_time__month"], "start": "2025-01-01"},
    ],
    ids=str,
)
def test_the_same_files_give_the_same_numbers_on_duckdb_and_spark(
    shop: Project, define: Define, question: dict[str, Any]
) -> None:
    found = shop.query(**question).rows()
    assert len(found) > 1
    assert found == define(SALES).query(**question).rows()


def test_a_condition_on_a_partition_reaches_the_scan(
    shop: Project, folder: Path, session: Any
) -> None:
    asked: dict[str, Any] = {"metrics": ["revenue"], "start": "2026-01-03", "end": "2026-01-05"}
    assert shop.query(**asked).rows() == [(D("90.00"),)]
    read = partitions_read(session, shop, folder, **asked)
    assert "(day#" in read and ">= 2026-01-03)" in read
    asked = {"metrics": ["visits"], "where": "visit__in_year IN (2024, 2026)"}
    assert shop.query(**asked).rows() == [(D("240.00"),)]
    assert "year#" in partitions_read(session, shop, folder, **asked)


def test_an_empty_partition_is_null(folder: Path, define: Define, session: Any) -> None:
    unknown = folder / "data" / "visits" / "year=__HIVE_DEFAULT_PARTITION__" / "month=1"
    (folder / "data" / "visits" / "year=2024" / "month=1").rename(unknown.parent.with_name("tmp"))
    unknown.parent.mkdir()
    (folder / "data" / "visits" / "tmp").rename(unknown)
    rows = define(SALES, connection=session).query("visits", "visit__in_year").rows()
    assert rows == define(SALES).query("visits", "visit__in_year").rows()
    assert rows[-1] == (None, D("30.00"))


def test_without_partitions_folders_are_no_columns(
    folder: Path, define: Define, session: Any
) -> None:
    text = """
models:
  - name: visits
    semantic_model: true
    path: data/visits/**/*.parquet
    hive_partitioning: false
    primary_entity: visit
    columns: [{name: year, dimension: {name: in_year, type: categorical}}]
metrics:
  - {name: visits, model: visits, agg: sum, expr: v}
"""
    project = define(text, connection=session)
    assert project.query("visits").rows() == [(D("360.00"),)]
    with pytest.raises(WarehouseError, match="`year`"):
        project.query("visits", "visit__in_year")


def test_a_partition_named_in_the_path_is_a_column_too(
    folder: Path, define: Define, session: Any
) -> None:
    text = SALES.replace("visits/*/*/*", "visits/year=2025/*/*")
    rows = define(text, connection=session).query("visits", "visit__in_year").rows()
    assert rows == define(text).query("visits", "visit__in_year").rows() == [(2025, D("120.00"))]


def test_files_with_other_columns_are_matched_by_name(
    folder: Path, define: Define, session: Any
) -> None:
    with duckdb.connect() as made:
        made.execute(f"""
        COPY (SELECT 500 AS id, 0 AS customer, 100.00 AS v) TO '{folder}/data/new_a.parquet';
        COPY (SELECT 7.00 AS v, 501 AS id, 1 AS customer, 'x' AS more)
        TO '{folder}/data/new_b.parquet'""")
    text = """
models:
  - name: sales
    semantic_model: true
    path: data/new_?.parquet
    union_by_name: true
    primary_entity: sale
    columns: [{name: more, dimension: categorical}]
metrics:
  - {name: revenue, model: sales, agg: sum, expr: v}
"""
    assert define(text, connection=session).query("revenue", "sale__more").rows() == [
        ("x", D("7.00")), (None, D("100.00")),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a b", "[draft]", "{x,y}", "back`tick", "it's", "50%20", "ä→"])
def test_a_project_may_lie_in_a_folder_of_any_name(name: str, folder: Path, session: Any) -> None:
    root = folder / name
    root.mkdir()
    (folder / "data").rename(root / "data")
    (root / "kpilayer.yml").write_text("name: shop\n")
    (root / "models").mkdir()
    (root / "models" / "sales.yml").write_text(SALES)
    project = Project.load(root, connection=session)
    assert project.query("revenue", "customer__region").rows() == [
        ("r0", D("126.00")), ("r1", D("126.00")), ("r2", D("108.00")),
    ]  # fmt: skip


def test_a_brace_in_a_path_is_a_letter(folder: Path, define: Define, session: Any) -> None:
    (folder / "data" / "customers.parquet").rename(folder / "data" / "{a,b}.parquet")
    text = SALES.replace("data/customers.parquet", '"data/{a,b}.parquet"')
    rows = define(text, connection=session).query("revenue", "customer__region").rows()
    assert len(rows) == 3


def test_a_path_without_files_is_named(folder: Path, define: Define, session: Any) -> None:
    text = SALES.replace("data/visits/*/*", "data/gone/*/*")
    with pytest.raises(WarehouseError) as raised:
        define(text, connection=session).query("visits")
    assert str(raised.value) == (
        f"error[no-such-file]: no file matches `{folder.as_posix()}/data/gone/*/*/*.parquet`\n"
        "  = help: `path` of a model starts at the folder of kpilayer.yml"
    )


@pytest.mark.parametrize(
    ("path", "key", "message"),
    [
        ("data/sales.csv", "", "spark reads files of these kinds: `parquet`"),
        ("data/**/*.parquet", "", "`\\*\\*` needs to know whether folders"),
        ("data/_new/*.parquet", "", "names that start with `_` or `.` are skipped"),
        ("data/.old=1/*.parquet", "", "names that start with `_` or `.` are skipped"),
        ("data/[_a]*.parquet", "", "names that start with `_` or `.` are skipped"),
        ("data/**/x/*.parquet", "hive_partitioning: true", "before the name of the file"),
        ("data/*/**/*.parquet", "hive_partitioning: true", "before the name of the file"),
    ],
)
def test_what_spark_would_read_otherwise_is_refused(
    path: str, key: str, message: str, define: Define
) -> None:
    text = ON_DUCKDB.replace("path: data/sales/**/*.parquet", f"path: {path}\n    {key}")
    with pytest.raises(QueryError, match=message) as raised:
        define(text).compile("revenue", dialect="spark")
    assert raised.value.issues[0].code == "unsupported-in-dialect"
