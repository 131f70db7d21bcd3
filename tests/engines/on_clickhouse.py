"""ClickHouse in this process, by chDB: a database of its own for each test."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.conftest import _missing

_LAST = "no date is later than 9999-12-31, and this test has a window that ends after it"
GAPS: dict[str, str] = {
    "test_days_between_dates_and_later_ones_are_computed_from_columns": "Illegal types Date32 and "
    "Date32 of arguments of function minus: `DATE_DIFF('day', a, b)` is computed",
    "test_a_window_holds_the_rows_counted_one_by_one[last_4-span0]": _LAST,
    "test_a_window_holds_the_rows_counted_one_by_one[last_4-span1]": _LAST,
}


@cache
def _kept() -> Any:
    """A connection that is never closed, so that the engine of the process starts once."""
    import chdb

    return chdb.connect(":memory:")


@contextmanager
def opened(folder: Path) -> Iterator[Any]:
    try:
        import chdb
    except ImportError:
        _missing("chDB is not installed: pip install 'kpilayer[chdb]'")
    name = f"test_{uuid.uuid4().hex[:12]}"
    _kept()
    connection = chdb.connect(":memory:")  # a process has one engine, with a database for each test
    connection.query(f"CREATE DATABASE {name}")
    connection.query(f"USE {name}")
    try:
        yield connection
    finally:
        connection.query(f"DROP DATABASE {name} SYNC")
        connection.close()


def load(connection: Any, name: str, rows: pa.Table) -> None:
    """Arrow's bytes become the table's rows; every column may be NULL."""
    columns = ", ".join(f"{_quoted(f.name)} Nullable({_kind(f.type)})" for f in rows.schema)
    connection.query(f"DROP TABLE IF EXISTS {_quoted(name)} SYNC")
    connection.query(f"CREATE TABLE {_quoted(name)} ({columns}) ENGINE = Memory")
    if rows.num_rows:
        values = zip(*(map(_literal, c.to_pylist()) for c in rows.columns), strict=True)
        every = ", ".join(f"({', '.join(row)})" for row in values)
        connection.query(f"INSERT INTO {_quoted(name)} VALUES {every}")


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return str(value)
    text = str(value)
    return "'" + re.sub(r"\+00:00$", "", text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"Decimal({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "DateTime64(6, 'UTC')" if kind.tz else "DateTime64(6)"
    names = {
        pa.bool_(): "Bool",
        pa.int8(): "Int8",
        pa.int16(): "Int16",
        pa.int32(): "Int32",
        pa.int64(): "Int64",
        pa.uint64(): "UInt64",
        pa.float32(): "Float32",
        pa.float64(): "Float64",
        pa.date32(): "Date32",
        pa.string(): "String",
        pa.null(): "Int32",
    }
    return names[kind]
