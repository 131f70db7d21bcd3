"""Everything that differs between warehouses, a file for each dialect.

A dialect is *verified* when the engine tests execute it. The others are printed only on request,
most of them in sqlglot's spelling as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kpilayer.sql.dialects.bigquery import BIGQUERY
from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.dialects.clickhouse import CLICKHOUSE
from kpilayer.sql.dialects.duckdb import DUCKDB
from kpilayer.sql.dialects.mysql import MYSQL
from kpilayer.sql.dialects.postgres import POSTGRES
from kpilayer.sql.dialects.redshift import REDSHIFT
from kpilayer.sql.dialects.snowflake import SNOWFLAKE
from kpilayer.sql.dialects.spark import SPARK
from kpilayer.sql.dialects.sqlite import SQLITE
from kpilayer.sql.dialects.trino import TRINO
from kpilayer.sql.dialects.tsql import TSQL
from kpilayer.sql.dialects.unverified import unverified

#: Spark's words; Databricks' own engine has not executed them.
_DATABRICKS: Final = replace(SPARK, name="databricks", is_verified=False)
_KNOWN: Final = {
    known.name: known
    for known in (
        *(BIGQUERY, CLICKHOUSE, _DATABRICKS, DUCKDB, MYSQL, POSTGRES, SPARK, SQLITE),
        *(REDSHIFT, SNOWFLAKE, TRINO, TSQL),  # parsed by the tests, and never executed
    )
}

VERIFIED: Final = tuple(sorted(name for name, known in _KNOWN.items() if known.is_verified))


def capabilities(dialect: str) -> Capabilities:
    """What is known of a dialect; for one that no test executes, sqlglot's own spelling."""
    return _KNOWN.get(dialect) or unverified(dialect)
