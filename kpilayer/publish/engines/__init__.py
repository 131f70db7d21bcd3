"""All that differs between the databases into which views are published, as a table."""

from __future__ import annotations

from typing import Final

from kpilayer.errors import Issue, QueryError, listing
from kpilayer.publish.engines.duckdb import DUCKDB
from kpilayer.publish.engines.engine import Engine
from kpilayer.publish.engines.mysql import MYSQL
from kpilayer.publish.engines.postgres import POSTGRES
from kpilayer.publish.engines.sqlite import SQLITE

ENGINES: Final[dict[str, Engine]] = {one.dialect: one for one in (DUCKDB, MYSQL, POSTGRES, SQLITE)}

__all__ = ["ENGINES", "Engine", "engine_of"]


def engine_of(dialect: str) -> Engine:
    """How views get into a database of this dialect.

    Raises:
        QueryError: `unsupported-in-dialect`, where no test has published there.
    """
    if dialect not in ENGINES:
        message = f"publishing views has not been tried on {dialect}"
        hint = f"it is on {listing(sorted(ENGINES))}; `kpilayer export dbt` writes dbt models"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))
    return ENGINES[dialect]
