"""Dialects that no test executes: sqlglot's own spelling, printed only on request."""

from __future__ import annotations

from sqlglot import exp

from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.dialects.intervals import moved, periods_of_series
from kpilayer.sql.dialects.spellings import (
    from_its_beginning,
    in_calendar_years,
    no_zones,
    percentile,
)


def unverified(dialect: str) -> Capabilities:
    """What sqlglot writes for a dialect."""
    return Capabilities(
        dialect,
        False,
        trunc=_portable_trunc,
        part=_portable_part,
        moved=moved,
        periods=periods_of_series,
        local=no_zones(dialect),
        percentile=percentile,
    )


def _portable_trunc(unit: str, value: exp.Expr) -> exp.Expr:
    def trunc(grain: str, value: exp.Expr) -> exp.Expr:
        return exp.TimestampTrunc(this=value, unit=exp.var(grain.upper()))

    return from_its_beginning(unit, value, _portable_plus, trunc)


def _portable_plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
    number = exp.Literal.number(abs(count))
    signed = number if count > 0 else exp.Neg(this=number)
    return exp.DateAdd(this=value, expression=signed, unit=exp.var(of))


def _portable_part(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = in_calendar_years(part, value, _portable_plus)
    unit = {"dow": "DAYOFWEEKISO", "doy": "DAYOFYEAR"}.get(base, base.upper())
    return exp.Extract(this=exp.var(unit), expression=moved)
