"""MariaDB, as a copy of the tables in a database of its own, dropped after the test.

Columns are compared by the letter, as on DuckDB: the server's default collation folds case. What is
MySQL's own stands in `on_mysql.py`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from tests.conftest import _missing

_LAST_DAY: Final = "four days after 9999-12-31 is an error: the last date there"
#: What is known not to be the same, by the name of a test, with the reason; on MySQL too.
GAPS: Mapping[str, str] = {
    "test_not_a_number_lies_in_no_bounds": "a DOUBLE holds no NaN there",
    "test_the_session_of_the_warehouse_takes_no_part": "the test runs its SQL on DuckDB; see "
    "test_mariadb.py",
    "test_a_window_holds_the_rows_counted_one_by_one[last_4-span0]": _LAST_DAY,
    "test_a_window_holds_the_rows_counted_one_by_one[last_4-span1]": _LAST_DAY,
    "test_far_from_changes_of_clocks_a_bound_is_compared_as_it_is_stored": "the test reads the SQL "
    "of AT TIME ZONE",
}
#: Without types of columns, the server's own text of a boolean or a time, and its own arithmetic.
DIFFERS: Mapping[str, str] = {
    "CAST(ok AS VARCHAR)": "TRUE is 1",
    "CONCAT(ok, d)": "TRUE is 1",
    "s || ok": "TRUE is 1",
    "CAST(t AS VARCHAR)": "a DATETIME(6) shows all six digits",
}
#: A question that takes hours, of tables that each server has.
LONG: Final = "SELECT COUNT(*) AS n FROM " + ", ".join(
    f"information_schema.collations AS {letter}" for letter in "abcdef"
)
_ROWS: Final = 2_000  # in one INSERT


@dataclass(frozen=True)
class Server:
    """Where a server is and what it has words of its own for."""

    name: str
    variable: str
    """Of the environment, with its URL: `mysql://user:password@host:port`."""
    default: str
    collation: str
    storage: str
    """Of tables that a test makes and drops."""
    zones: str
    """How it is given its tables of time zones."""

    def parameters(self) -> dict[str, Any]:
        """PyMySQL's parameters of the URL."""
        url = urlsplit(os.environ.get(self.variable) or self.default)
        return {
            "host": url.hostname or "127.0.0.1",
            "port": url.port or 3306,
            "user": unquote(url.username or "root"),
            "password": unquote(url.password or ""),
        }

    @contextmanager
    def opened(self, folder: Path | None = None) -> Iterator[Any]:
        try:
            import pymysql
        except ImportError:
            _missing("pymysql is not installed: pip install 'kpilayer[mysql]'")
        try:
            connection = pymysql.connect(**self.parameters(), connect_timeout=5, autocommit=True)
        except pymysql.Error as error:
            way = f"set {self.variable} to {self.default} or another"
            _missing(f"no {self.name} server; {way} ({error})")
        database = f"kpilayer_test_{uuid.uuid4().hex[:12]}"
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT CONVERT_TZ('2024-01-01', '+00:00', 'Europe/Berlin')")
            if cursor.fetchone() == (None,):
                _missing(f"{self.name} has no time zones: {self.zones}")
            cursor.execute(f"CREATE DATABASE {database} COLLATE {self.collation}")
            try:
                cursor.execute(f"USE {database}")
                yield connection
            finally:
                cursor.execute(f"DROP DATABASE {database}")

    def load(self, connection: Any, name: str, rows: pa.Table) -> None:
        columns = ", ".join(f"{_name(f.name)} {_type(f.type)}" for f in rows.schema)
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute(f"DROP TABLE IF EXISTS {_name(name)}")
            cursor.execute(f"CREATE TABLE {_name(name)} ({columns}) ENGINE = {self.storage}")
            holes = ", ".join(["%s"] * len(rows.schema))
            insert = f"INSERT INTO {_name(name)} VALUES ({holes})"
            values = [_values(column) for column in rows.columns]
            lines = list(zip(*values, strict=True))
            for start in range(0, len(lines), _ROWS):
                cursor.executemany(insert, lines[start : start + _ROWS])


MARIADB: Final = Server(
    "MariaDB",
    "KPILAYER_TEST_MARIADB",
    default="mysql://root@127.0.0.1:3306",
    collation="utf8mb4_nopad_bin",
    storage="Aria TRANSACTIONAL = 0",
    zones="mariadb-tzinfo-to-sql /usr/share/zoneinfo | mariadb mysql",
)
opened = MARIADB.opened
load = MARIADB.load


def _values(column: Any) -> list[Any]:
    values = column.to_pylist()
    if pa.types.is_floating(column.type):  # as text, which loses no digit
        return [None if value is None else repr(value) for value in values]
    if pa.types.is_timestamp(column.type) and column.type.tz:
        return [None if value is None else value.replace(tzinfo=None) for value in values]
    return values


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    if pa.types.is_integer(kind):
        return "INT" if kind.bit_width <= 32 else "BIGINT"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_float32(kind):
        return "FLOAT"
    if pa.types.is_floating(kind):
        return "DOUBLE"
    if pa.types.is_date(kind):
        return "DATE"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP(6) NULL" if kind.tz else "DATETIME(6)"
    return "LONGTEXT"
