"""Snowflake: printed, and parsed by independent grammars; no test executes it.

Weeks are those of ISO 8601, whatever WEEK_START of the session. A time without a zone is a
TIMESTAMP_NTZ.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.grain import is_date
from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.dialects.printed import (
    as_date,
    concatenated,
    counted,
    dateadd,
    datediff,
    days_between,
    no_weeks,
    refusing,
)
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    counted_substring,
    double,
    from_its_beginning,
    in_calendar_years,
    percentile,
    refused,
)
from kpilayer.sql.reserved import BEYOND

_NUMBER: Final = exp.Literal.number
_PERIODS: Final = """
SELECT :period AS period
FROM bounds
CROSS JOIN LATERAL (
  SELECT CAST(counted.value AS INT) AS n
  FROM TABLE(FLATTEN(INPUT => ARRAY_GENERATE_RANGE(0, :count + 1))) AS counted
) AS numbers
"""


def _plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
    return dateadd(value, count, of)


def _naive(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, TYPE.TIMESTAMPNTZ, copy=False)


def _started(grain: str, value: exp.Expr) -> exp.Expr:
    if grain == "week":
        back = exp.Sub(this=_NUMBER(1), expression=call("DAYOFWEEKISO", value.copy()))
        return dateadd(as_date(value), back, "day")
    value = as_date(value) if is_date(grain) else _naive(value)
    return call("DATE_TRUNC", exp.Literal.string(grain.upper()), value)


def _trunc(unit: str, value: exp.Expr) -> exp.Expr:
    return from_its_beginning(unit, value, _plus, _started)


_PARTS: Final = {"week": "WEEKISO", "dow": "DAYOFWEEKISO", "isodow": "DAYOFWEEKISO"} | {
    **dict.fromkeys(("doy", "dayofyear"), "DAYOFYEAR"),
    **dict.fromkeys(("weekofyear", "weekiso"), "WEEKISO"),
    **dict.fromkeys(("isoyear", "yearofweekiso"), "YEAROFWEEKISO"),
    "dayofweekiso": "DAYOFWEEKISO",
}


def _part(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = in_calendar_years(part, value, _plus)
    return call(_PARTS.get(base, base.upper()), moved)


def _authors_part(tree: exp.Expr) -> exp.Expr:
    part, value = tree.name.lower(), tree.expression
    if part in ("dow", "dayofweek", "weekday"):  # Sunday is 0, whatever WEEK_START
        return call("MOD", call("DAYOFWEEKISO", value), _NUMBER(7))
    if part == "epoch":
        micros = call("DATE_PART", exp.var("EPOCH_MICROSECOND"), _naive(value))
        return exp.Paren(this=exp.Div(this=double(micros), expression=_NUMBER(1_000_000)))
    if part in ("millisecond", "microsecond"):
        return refused(f"EXTRACT({part} ..)", "is not proven on snowflake", "use SECOND")(tree)
    return call(_PARTS.get(part, part.upper()), value)


def _truncated(tree: exp.Expr) -> exp.Expr:
    unit = str(tree.args["unit"].name).lower()
    return _naive(_started(unit, tree.this))


def _moved(unit: str, count: int, value: exp.Expr) -> exp.Expr:
    return dateadd(_naive(value), count, unit)


def _local(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    names = [exp.Literal.string(zone) for zone in (stored, shown) if zone]
    if not shown:
        why = "as an instant depends on the session's TIMEZONE on snowflake"
        hint = "store times in UTC"
        return refused("a local time", why, hint)(value)
    return _naive(call("CONVERT_TIMEZONE", *names, _naive(value) if stored else value))


def _extreme(tree: exp.Expr) -> exp.Expr:
    return call(f"{type(tree).__name__.upper()}_IGNORE_NULLS", tree.this, *tree.expressions)


def _days(start: exp.Expr, end: exp.Expr) -> exp.Expr:
    return datediff("day", start, end)


SNOWFLAKE: Final = Capabilities(
    "snowflake",
    False,
    trunc=_trunc,
    part=_part,
    moved=_moved,
    periods=counted(_PERIODS, "snowflake"),
    local=_local,
    aggregates=MappingProxyType(
        {
            "average": lambda value: exp.Avg(this=double(value)),
            "stddev": lambda value: call("STDDEV_SAMP", double(value)),
            "variance": lambda value: call("VAR_SAMP", double(value)),
        }
    ),
    words=MappingProxyType(
        {
            exp.Concat: concatenated,
            exp.DateDiff: no_weeks(
                "snowflake",
                lambda t: datediff(str(t.args.get("unit") or "day"), t.expression, t.this),
            ),
            exp.DateTrunc: _truncated,
            exp.Extract: _authors_part,
            exp.Greatest: _extreme,
            exp.Least: _extreme,
            exp.Sub: lambda tree: days_between(tree, _days),
            exp.Substring: counted_substring,
            exp.TimestampTrunc: _truncated,
            **refusing("snowflake"),
        }
    ),
    percentile=percentile,
    asks_types=True,
    max_identifier=255,
    reserved=BEYOND["snowflake"],
    folds_up=True,
)
