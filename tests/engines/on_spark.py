"""Spark in this process: one session for all tests, with the tables of a test as temporary views.

A query takes some tenths of a second, so only the tests of `SUBSET` run on Spark, and all of them
where KPILAYER_NIGHTLY is 1.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from tests.conftest import _missing

_WIDE: Final = "a sum of whole numbers beyond 64 bits is an `overflow`"
_COMBINED: Final = "test_models_combined_equal_each_alone"

GAPS: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            f"{_COMBINED}[hugeness sales]",
            f"{_COMBINED}[sales hugeness digits]",
            f"{_COMBINED}[visits hugeness sales]",
            f"{_COMBINED}[sold sales visits visitors shop_count hugeness digits]",
        ),
        _WIDE,
    ),
    "test_far_from_changes_of_clocks_a_bound_is_compared_as_it_is_stored": "the test reads the SQL "
    "of AT TIME ZONE",
}

#: What runs on Spark with every commit: a few questions of each kind.
SUBSET: Final[frozenset[str]] = frozenset(
    {
        "test_every_aggregation_in_one_scan",
        "test_filtered_variant_beside_groups_without_its_rows_is_null",
        "test_group_by_boolean_keeps_three_groups",
        "test_percentiles_by_definition[0.07]",
        "test_every_date_part_is_an_integer",
        "test_every_function_means_the_same_in_a_dimension",
        "test_days_between_dates_and_later_ones_are_computed_from_columns",
        "test_models_combined_equal_each_alone[hugeness sales]",
        "test_models_combine_on_two_keys_of_which_both_are_null",
        "test_combined_types_are_kept_where_a_branch_has_no_rows",
        "test_names_that_need_quotes",
        "test_views_of_a_live_database_are_read_as_they_stand_there",
        "test_sql_models_with_names_that_clash_with_ours",
        "test_result_text_is_exact",
        "test_formulas_with_division_by_zero",
        "test_parts_of_a_key_pair_by_position_and_a_null_part_joins_nothing",
        "test_a_row_meets_the_version_that_held_at_its_time",
        "test_a_window_holds_the_rows_counted_one_by_one[last_4-span0]",
        "test_rows_count_while_they_hold",
        "test_a_balance_is_that_of_the_last_date_of_each_period",
        "test_filters_on_both_sides_of_a_conversion_apply",
        "test_a_fiscal_year_is_named_by_its_end_or_start",
        "test_the_custom_period_before_is_the_one_before_in_time",
        "test_ratios_counts_and_distinct_counts_are_compared_as_they_are",
        "test_a_row_counts_once_in_each_group_of_its_many_side",
        "test_none_asks_for_no_match",
        "test_nested_values_count_a_row_once_in_each_group",
        "test_shares_of_overlapping_groups_exceed_the_whole_together",
        "test_a_role_sees_its_own_rows",
        "test_buckets_are_those_of_the_reporting_zone",
        "test_a_time_stored_in_a_zone_with_summer_time_is_moved",
        "test_all_of_it_together",
        "test_columns_that_are_gone_or_changed_since_the_lock_are_told",
    }
)

#: Small queries over one thread: no time goes into threads, plans that adapt and compiled code.
_SETTINGS: Final = {
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.warehouse.dir": (Path(tempfile.gettempdir()) / "kpilayer-spark").as_posix(),
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.ui.retainedExecutions": "1",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


_views: Final[set[str]] = set()


@contextmanager
def opened(folder: Path | None = None) -> Iterator[Any]:
    """The session, without any views before and after."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        _missing("PySpark is not installed: pip install 'kpilayer[spark]'")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        _missing("Spark needs Java 17: apt-get install openjdk-17-jre-headless")
    session = _session()
    try:
        yield session
    finally:
        while _views:
            session.sql(f"DROP VIEW IF EXISTS {_quoted(_views.pop())}")


@cache
def _session() -> Any:
    from kpilayer.warehouse.profiles import Target
    from kpilayer.warehouse.spark import connect

    parameters = {
        **_SETTINGS,
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(connect_port()),
    }
    settings = {"method": "session", "master": "local[1]", "server_side_parameters": parameters}
    return connect(Target("tests", "spark", "spark", "spark", None, settings, None))._session


@cache
def connect_port() -> int:
    """Where the session answers as a Spark Connect server, too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def load(session: Any, name: str, rows: pa.Table) -> None:
    """A view of these rows; Spark has no unsigned numbers, and no type that holds only NULLs."""
    fields = [field.with_type(_kind(field.type)) for field in rows.schema]
    session.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")  # what a time without a zone is
    view = session.createDataFrame(rows.cast(pa.schema(fields)))
    session.conf.unset("spark.sql.timestampType")
    view.createOrReplaceTempView(_quoted(name))
    _views.add(name)


@contextmanager
def schema(session: Any, name: str, tables: Mapping[str, pa.Table], folder: Path) -> Iterator[None]:
    """The session in a schema of tables, which views that last can read as well."""
    before = session.catalog.currentDatabase()
    session.sql(f"CREATE SCHEMA {_quoted(name)} LOCATION '{folder.as_posix()}'")
    session.sql(f"USE {_quoted(name)}")
    try:
        for table, rows in tables.items():
            fields = [field.with_type(_kind(field.type)) for field in rows.schema]
            path = folder / f"{table}.parquet"
            parquet.write_table(rows.cast(pa.schema(fields)), path)
            made = f"CREATE TABLE {_quoted(table)} USING parquet LOCATION '{path.as_posix()}'"
            session.sql(made)
        yield
    finally:
        session.sql(f"USE {_quoted(before)}")
        session.sql(f"DROP SCHEMA {_quoted(name)} CASCADE")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _kind(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_unsigned_integer(kind):
        return pa.int64() if kind.bit_width < 64 else pa.decimal128(20, 0)
    return pa.int32() if pa.types.is_null(kind) else kind
