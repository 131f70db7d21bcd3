"""SQLite for the tests of engines: a file, tables of the same rows, and what it is known not to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

_ZONES: Final = "unsupported-in-dialect: SQLite knows no time zones by name"
_WIDE: Final = "a sum of more than 64 bits is an `integer overflow`, and decimals have 15 digits"
_LATE: Final = "dates end with the year 9999, and a window reaches beyond it"
_EXPORTS: Final = "unsupported-in-dialect: a table that SQLite makes of a query has no types"
_COMBINED: Final = "test_models_combined_equal_each_alone"

GAPS: Final[dict[str, str]] = {
    "test_a_cast_tells_how_a_time_is_stored": _ZONES,
    "test_a_dimension_may_have_a_zone_of_its_own": _ZONES,
    "test_a_question_may_ask_for_another_zone": _ZONES,
    "test_a_time_stored_in_a_zone_with_summer_time_is_moved": _ZONES,
    **{
        f"test_buckets_are_those_of_the_reporting_zone[{column}-{zone}]": _ZONES
        for column in ("in_utc", "instant")
        for zone in ("Europe/Berlin", "America/Havana", "Asia/Kolkata")
    },
    "test_far_from_changes_of_clocks_a_bound_is_compared_as_it_is_stored": _ZONES,
    "test_filters_in_definitions_follow_the_zone_that_a_question_asks_for": _ZONES,
    "test_literals_are_local_times": _ZONES,
    "test_rules_about_time_follow_the_reporting_zone": _ZONES,
    "test_start_and_end_are_local_days": _ZONES,
    "test_the_session_of_the_warehouse_takes_no_part": _ZONES,
    "test_two_instants_in_the_repeated_hour_are_in_one_bucket": _ZONES,
    "test_weeks_and_fiscal_years_are_those_of_the_reporting_zone": _ZONES,
    "test_versions_are_chosen_by_instants_in_whatever_zone_they_are_stored": _ZONES,
    "test_the_zone_of_a_version_is_part_of_what_is_grouped_by": _ZONES,
    "test_versions_of_days_are_chosen_by_the_day_of_the_reporting_zone": _ZONES,
    "test_a_partition_of_days_meets_the_day_of_the_reporting_zone": _ZONES,
    "test_rows_hold_at_days_of_the_reporting_zone": _ZONES,
    **dict.fromkeys(
        (
            "test_each_export_is_the_table_or_view_that_it_declares",
            "test_an_export_replaces_the_one_before",
            "test_a_view_with_other_columns_is_made_anew",
            "test_only_the_exports_that_are_named_are_made",
            "test_nothing_is_made_in_a_dry_run",
            "test_a_failed_table_leaves_the_old_one",
        ),
        _EXPORTS,
    ),
    **dict.fromkeys(
        (
            f"{_COMBINED}[hugeness sales]",
            f"{_COMBINED}[sales hugeness digits]",
            f"{_COMBINED}[visits hugeness sales]",
            f"{_COMBINED}[digits visitors sold]",
            f"{_COMBINED}[shop_count digits visits]",
            f"{_COMBINED}[sold sales visits visitors shop_count hugeness digits]",
        ),
        _WIDE,
    ),
    "test_a_window_holds_the_rows_counted_one_by_one[last_4-span0]": _LATE,
    "test_a_window_holds_the_rows_counted_one_by_one[last_4-span1]": _LATE,
    "test_not_a_number_lies_in_no_bounds": "SQLite stores NULL in the place of NaN",
}


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """An empty database in a file of its own."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # nothing of it outlives the test
        connection.execute("PRAGMA journal_mode = MEMORY")
        yield connection


def load(connection: sqlite3.Connection, name: str, rows: pa.Table) -> None:
    """A table of these rows, in the place of what was there."""
    columns = ", ".join(f"{_quoted(field.name)} {_type(field.type)}" for field in rows.schema)
    table = _quoted(name)
    connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(f"CREATE TABLE {table} ({columns})")
    places = ", ".join("?" * rows.num_columns)
    values = zip(
        *([_stored(v) for v in column.to_pylist()] for column in rows.columns), strict=True
    )
    connection.executemany(f"INSERT INTO {table} VALUES ({places})", list(values))
    connection.commit()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP"
    names: list[tuple[Any, str]] = [
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_int64, "BIGINT"),
        (pa.types.is_integer, "INTEGER"),
        (pa.types.is_floating, "DOUBLE"),
        (pa.types.is_date, "DATE"),
    ]
    return next((word for test, word in names if test(kind)), "TEXT")


def _stored(value: Any) -> Any:
    """Dates and times as text, decimals as the nearest double."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
