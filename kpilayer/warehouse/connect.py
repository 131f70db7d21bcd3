"""The way to a warehouse: from a target, or from an open connection.

Adapters, and with them drivers, are imported when they are used.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

from kpilayer.warehouse.connection import Connection, connection_failed
from kpilayer.warehouse.limits import limits_of, tried_again
from kpilayer.warehouse.profiles import Target

_METHODS: Final = (
    *("dialect", "run", "describe", "describe_relation", "execute", "progress", "cancel", "close"),
)


def connect(target: Target, *, project_dir: Path, read_only: bool = True) -> Connection:
    """An open connection to a target; a failure that may pass is tried again, as the target says.

    Raises:
        ConfigError: ``bad-profile``, where a limit of the target is none.
        WarehouseError: ``missing-driver``, naming the extra to install; ``connection-failed``,
            naming host, port, user and database, never a password; also for a type of warehouse
            that SQL can be compiled for but that cannot be run on yet.
    """
    retries = limits_of(target).retries
    return tried_again(
        lambda: _connect(target, project_dir=project_dir, read_only=read_only), retries, time.sleep
    )


def _connect(target: Target, *, project_dir: Path, read_only: bool) -> Connection:
    match target.type:
        case "clickhouse" | "chdb":
            from kpilayer.warehouse import clickhouse

            return clickhouse.connect(target, project_dir=project_dir, read_only=read_only)
        case "duckdb" | "motherduck":
            from kpilayer.warehouse import duckdb

            return duckdb.connect(target, project_dir=project_dir, read_only=read_only)
        case "mariadb" | "mysql":
            from kpilayer.warehouse import mysql

            return mysql.connect(target, read_only=read_only)
        case "postgres" | "postgresql":
            from kpilayer.warehouse import postgres

            return postgres.connect(target, read_only=read_only)
        case "spark":
            from kpilayer.warehouse import spark

            return spark.connect(target)
        case "sqlite":
            from kpilayer.warehouse import sqlite

            return sqlite.connect(target, project_dir=project_dir, read_only=read_only)
        case _:
            raise connection_failed(
                f"kpilayer compiles SQL for `{target.type}`, but cannot run it there yet",
                hint="use `kpilayer compile` and run the SQL yourself, or choose a target of type "
                "`duckdb`, `clickhouse`, `mysql`, `postgres`, `spark` or `sqlite`",
            )


def wrap(connection: object) -> Connection:
    """A driver's open connection as a :class:`Connection`; its owner closes it.

    Drivers are DuckDB, psycopg, sqlite3, PyMySQL, chDB, clickhouse-connect and PySpark.
    An object with the methods of :class:`Connection` is one, for a warehouse that has no adapter.
    Session settings that matter (the time zone, Spark's ANSI mode) are set for each query and put
    back after it.

    Raises:
        WarehouseError: ``connection-failed`` for any other kind of connection.
    """
    if _is_a(connection, "duckdb", "DuckDBPyConnection"):
        from kpilayer.warehouse import duckdb

        return duckdb.wrap(connection)
    drivers = (
        ("chdb.state.sqlitelike", "Connection"),
        ("chdb.session.state", "Session"),
        ("clickhouse_connect.driver.client", "Client"),
    )
    if any(_is_a(connection, *driver) for driver in drivers):
        from kpilayer.warehouse import clickhouse

        return clickhouse.wrap(connection)
    if _is_a(connection, "psycopg", "Connection"):
        from kpilayer.warehouse import postgres

        return postgres.wrap(connection)
    if _is_a(connection, "pymysql.connections", "Connection"):
        from kpilayer.warehouse import mysql

        return mysql.wrap(connection)
    sessions = ("pyspark.sql.session", "pyspark.sql.connect.session")
    if any(_is_a(connection, module, "SparkSession") for module in sessions):
        from kpilayer.warehouse import spark

        return spark.wrap(connection)
    if _is_a(connection, "sqlite3", "Connection"):
        from kpilayer.warehouse import sqlite

        return sqlite.wrap(connection)
    if all(hasattr(connection, method) for method in _METHODS):
        own: Connection = connection  # type: ignore[assignment]
        return own
    kind = f"{type(connection).__module__}.{type(connection).__qualname__}"
    raise connection_failed(
        f"a connection of type `{kind}` is not one that kpilayer can use",
        hint="pass an open connection of `duckdb`, `psycopg` (version 3, not asynchronous), "
        "`sqlite3`, `pymysql`, `chdb` or `clickhouse_connect`, or a `SparkSession`",
    )


def _is_a(value: object, module: str, name: str) -> bool:
    """Whether ``value`` is an instance of a driver's class, without importing the driver."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))
