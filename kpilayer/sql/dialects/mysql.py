"""MySQL and MariaDB: one text runs on both, so what only one of them has is not used.

Neither has booleans of its own (TRUE is 1), percentiles, FULL JOIN or NULLS LAST. Text is compared
by the collation of its column.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.dialects.intervals import moved
from kpilayer.sql.dialects.mysql_times import local, part, periods, trunc
from kpilayer.sql.dialects.mysql_words import WORDS
from kpilayer.sql.dialects.spellings import call, distinct_count, double


def _average(value: exp.Expr) -> exp.Expr:
    """AVG has only four digits more than what it averages, as STDDEV_SAMP on MariaDB."""
    return exp.Div(
        this=double(exp.Sum(this=value)),
        expression=exp.Count(this=value.copy()),
        typed=False,
        safe=False,
    )


MYSQL: Final = Capabilities(
    "mysql",
    True,
    trunc=trunc,
    part=part,
    moved=moved,
    periods=periods,
    local=local,
    aggregates=MappingProxyType(
        {
            "average": _average,
            "stddev": lambda value: call("STDDEV_SAMP", double(value)),
            "variance": lambda value: call("VAR_SAMP", double(value)),
            # An exact count is a correct approximation; neither has a sketch of its own.
            "approx_count_distinct": distinct_count,
        }
    ),
    words=WORDS,
    orders_by_tables=True,
    asks_types=True,
    max_identifier=64,
)
