"""DuckDB."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects.capabilities import Capabilities, Periods
from kpilayer.sql.dialects.duckdb_files import READERS, read
from kpilayer.sql.dialects.intervals import (
    at_time_zones,
    date_trunc,
    extract,
    moved,
    periods_of,
    series,
)
from kpilayer.sql.dialects.spellings import call, double, percentile


def _sketched_percentile(value: exp.Expr, fraction: float, discrete: bool) -> exp.Expr:
    """DuckDB's sketch interpolates: what has to be a value of the data is found exactly."""
    if discrete:
        return percentile(value, fraction, discrete)
    return call("APPROX_QUANTILE", double(value), exp.Literal.number(repr(fraction)))


def _unnested(periods: Periods) -> exp.Select:
    return periods_of(periods, call("UNNEST", series(periods)))


DUCKDB: Final = Capabilities(
    "duckdb",
    True,
    trunc=date_trunc,
    part=extract,
    moved=moved,
    periods=_unnested,
    local=at_time_zones,
    percentile=percentile,
    approx_percentile=_sketched_percentile,
    nests_joins=True,
    order_is_a_setting=True,
    files=read,
    file_kinds=tuple(READERS),
)
