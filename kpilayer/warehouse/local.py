"""A small DuckDB in memory over answers that are here already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kpilayer.warehouse.connection import missing_driver
from kpilayer.warehouse.duckdb import DuckDB

if TYPE_CHECKING:
    import pyarrow as pa


def database_of(tables: Mapping[str, pa.Table]) -> DuckDB:
    """A database that holds these tables and nothing else, and reads no file.

    Raises:
        WarehouseError: ``missing-driver``.
    """
    try:
        import duckdb
    except ImportError:
        raise missing_driver("duckdb", "duckdb") from None
    raw = duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": "false"})
    for name, table in tables.items():
        raw.register("given", table)
        raw.execute(f'CREATE TABLE "{name}" AS SELECT * FROM given')
        raw.unregister("given")
    return DuckDB(raw, setup=("SET TimeZone = 'UTC'",), owned=True)
