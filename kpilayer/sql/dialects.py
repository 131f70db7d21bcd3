"""Everything that differs between warehouses, as tables and small functions.

A dialect is *verified* when the engine tests execute it. The others use sqlglot's spelling as it
is, and are printed only on request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.grain import is_date

Spell = Callable[[str, exp.Expr], exp.Expr]
#: Value and measure's percentile to the aggregate.
SpellAgg = Callable[[exp.Expr], exp.Expr]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """How a dialect spells what differs. ``max_identifier`` is in bytes, None without a limit."""

    name: str
    is_verified: bool
    trunc: Spell
    part: Spell
    aggregates: Mapping[str, SpellAgg] = field(default_factory=dict)
    file_readers: Mapping[str, str] = field(default_factory=dict)
    max_identifier: int | None = None


def capabilities(dialect: str) -> Capabilities:
    """What is known of a dialect; for one that no test executes, sqlglot's own spelling."""
    return _VERIFIED.get(dialect) or Capabilities(dialect, False, _portable_trunc, _portable_part)


# --------------------------------------------------------------------------------- shared spellings


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A function call, spelled as given."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def double(tree: exp.Expr) -> exp.Expr:
    """A value as a double."""
    return exp.cast(tree, "double", copy=False)


def _distinct_count(value: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.Distinct(expressions=[value]))


#: How rows become a number, where a dialect says nothing else. `count` and `sum_boolean` count what
#: is not NULL: the value given to them is made so before.
AGGREGATES: Final[Mapping[str, SpellAgg]] = MappingProxyType(
    {
        "sum": lambda value: exp.Sum(this=value),
        "min": lambda value: exp.Min(this=value),
        "max": lambda value: exp.Max(this=value),
        "average": lambda value: exp.Avg(this=value),
        "count": lambda value: exp.Count(this=value),
        "sum_boolean": lambda value: exp.Count(this=value),
        "count_distinct": _distinct_count,
        "approx_count_distinct": lambda value: exp.ApproxDistinct(this=value),
        "stddev": lambda value: call("STDDEV_SAMP", value),
        "variance": lambda value: call("VAR_SAMP", value),
        # The smallest value: any would do, and this one is the same on every engine.
        "any_value": lambda value: exp.Min(this=value),
    }
)


def percentile(value: exp.Expr, fraction: float, discrete: bool) -> exp.Expr:
    """An exact percentile: a value of the data, or interpolated between two as a double."""
    kind = exp.PercentileDisc if discrete else exp.PercentileCont
    inner = value if discrete else double(value)
    order = exp.Order(expressions=[exp.Ordered(this=inner, nulls_first=False)])
    return exp.WithinGroup(this=kind(this=exp.Literal.number(repr(fraction))), expression=order)


def _date_trunc(grain: str, value: exp.Expr) -> exp.Expr:
    truncated = call("DATE_TRUNC", exp.Literal.string(grain), value)
    return exp.cast(truncated, "date", copy=False) if is_date(grain) else truncated


def _extract(part: str, value: exp.Expr) -> exp.Expr:
    unit = {"dow": "ISODOW"}.get(part, part.upper())
    extracted = exp.Extract(this=exp.var(unit), expression=value)
    return exp.cast(extracted, "int", copy=False)


def _portable_trunc(grain: str, value: exp.Expr) -> exp.Expr:
    truncated = exp.TimestampTrunc(this=value, unit=exp.var(grain.upper()))
    return exp.cast(truncated, "date", copy=False) if is_date(grain) else truncated


def _portable_part(part: str, value: exp.Expr) -> exp.Expr:
    unit = {"dow": "DAYOFWEEKISO", "doy": "DAYOFYEAR"}.get(part, part.upper())
    return exp.Extract(this=exp.var(unit), expression=value)


# ----------------------------------------------------------------------------------------- dialects


def _first_of_sorted(value: exp.Expr) -> exp.Expr:
    """PostgreSQL has no MIN of booleans, and ANY_VALUE only since 16."""
    order = exp.Order(this=value, expressions=[exp.Ordered(this=value.copy(), nulls_first=False)])
    array = exp.Paren(this=exp.ArrayAgg(this=order))
    return exp.Bracket(this=array, expressions=[exp.Literal.number(1)], offset=1)


_DUCKDB: Final = Capabilities(
    "duckdb",
    True,
    trunc=_date_trunc,
    part=_extract,
    aggregates=MappingProxyType({}),
    file_readers=MappingProxyType(
        {
            "parquet": "READ_PARQUET",
            "csv": "READ_CSV",
            "tsv": "READ_CSV",
            "json": "READ_JSON",
            "jsonl": "READ_JSON",
            "ndjson": "READ_JSON",
        }
    ),
)

_POSTGRES: Final = Capabilities(
    "postgres",
    True,
    trunc=_date_trunc,
    part=_extract,
    aggregates=MappingProxyType(
        {
            # NUMERIC averages carry 16 digits or more; every engine gives a double (Q11).
            "average": lambda value: double(exp.Avg(this=value)),
            "stddev": lambda value: double(call("STDDEV_SAMP", value)),
            "variance": lambda value: double(call("VAR_SAMP", value)),
            # An exact count is a correct approximation; PostgreSQL has no sketch of its own.
            "approx_count_distinct": _distinct_count,
            "any_value": _first_of_sorted,
        }
    ),
    max_identifier=63,
)

_VERIFIED: Final[dict[str, Capabilities]] = {"duckdb": _DUCKDB, "postgres": _POSTGRES}

VERIFIED: Final = tuple(sorted(_VERIFIED))
