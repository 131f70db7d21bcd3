"""Redshift: printed, and parsed by independent grammars; no test executes it.

Its grammar is PostgreSQL's of long ago: no FILTER, no rows from GENERATE_SERIES, no
IS NOT DISTINCT FROM, and percentiles that cannot stand beside each other.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects.capabilities import Capabilities, Periods
from kpilayer.sql.dialects.intervals import date_trunc, plus
from kpilayer.sql.dialects.printed import (
    as_date,
    concatenated,
    counted,
    dateadd,
    datediff,
    days_between,
    no_weeks,
    refusing,
    same_or_both_null,
)
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    counted_substring,
    double,
    in_calendar_years,
    refused,
)
from kpilayer.sql.reserved import BEYOND

_NUMBER: Final = exp.Literal.number
_DIGITS: Final = 6  # a million periods: 2,700 years of days
_DIGIT: Final = "(SELECT 0 AS i" + "".join(f" UNION ALL SELECT {i}" for i in range(1, 10)) + ")"
_PERIODS: Final = f"""
SELECT :period AS period
FROM bounds
CROSS JOIN (
  SELECT {" + ".join(f"{10**k} * d{k}.i" for k in range(_DIGITS))} AS n
  FROM {" CROSS JOIN ".join(f"{_DIGIT} AS d{k}" for k in range(_DIGITS))}
) AS numbers
WHERE :n <= :count
"""
_counted: Final = counted(_PERIODS, "redshift")


def _periods(spine: Periods) -> exp.Select:
    """Numbers from digits; a range of more periods than there are numbers is an error."""
    select = _counted(spine)
    where = select.args["where"].this
    too_long = exp.GT(this=where.expression.copy(), expression=_NUMBER(10**_DIGITS - 1))
    said = exp.DPipe(
        this=exp.Literal.string("more periods than a million: "),
        expression=exp.cast(where.expression.copy(), TYPE.TEXT),
        safe=True,
    )
    value = select.expressions[0]
    error = exp.cast(said, value.this.to.this, copy=False)
    value.set("this", exp.Case(ifs=[exp.If(this=too_long, true=error)], default=value.this))
    return select


_PARTS: Final = {"dayofyear": "doy", "weekofyear": "week"}


def _part(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = in_calendar_years(part, value, plus)
    return _part_of("isodow" if base == "dow" else base, moved)


def _part_of(part: str, value: exp.Expr) -> exp.Expr:
    if part in ("isodow", "dayofweekiso"):  # Monday is 1
        day = exp.Add(
            this=call("DATE_PART", exp.Literal.string("dow"), value), expression=_NUMBER(6)
        )
        after = exp.Add(this=exp.Mod(this=exp.Paren(this=day), expression=_NUMBER(7)),
                        expression=_NUMBER(1))  # fmt: skip
        return exp.cast(exp.Paren(this=after), TYPE.INT, copy=False)
    word = {"dayofweek": "dow", "weekday": "dow", **_PARTS}.get(part, part)
    if word in ("isoyear", "millisecond", "microsecond"):
        what = f"EXTRACT({part} ..)"
        return refused(what, "is not proven on redshift", "use parts of the guide")(value)
    cut = call("DATE_PART", exp.Literal.string(word), value)
    return double(cut) if word == "epoch" else exp.cast(cut, TYPE.BIGINT, copy=False)


def _local(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    """AT TIME ZONE of instants; local times are converted by name."""
    if stored and shown:
        names = (exp.Literal.string(zone) for zone in (stored, shown))
        return call("CONVERT_TIMEZONE", *names, exp.cast(value, TYPE.TIMESTAMP, copy=False))
    return exp.AtTimeZone(
        this=exp.paren(value, copy=False), zone=exp.Literal.string(shown or stored)
    )


def _filtered(tree: exp.Expr) -> exp.Expr:
    return refused("FILTER", "is not known to redshift", "use CASE inside the aggregate")(tree)


def _days(start: exp.Expr, end: exp.Expr) -> exp.Expr:
    return datediff("day", start, end)


REDSHIFT: Final = Capabilities(
    "redshift",
    False,
    trunc=date_trunc,
    part=_part,
    moved=lambda unit, count, value: dateadd(value, count, unit),
    periods=_periods,
    local=_local,
    aggregates=MappingProxyType(
        {
            "average": lambda value: exp.Avg(this=double(value)),
            "stddev": lambda value: double(call("STDDEV_SAMP", value)),
            "variance": lambda value: double(call("VAR_SAMP", value)),
        }
    ),
    words=MappingProxyType(
        {
            exp.Concat: concatenated,
            exp.DateDiff: no_weeks(
                "redshift",
                lambda t: (
                    datediff(
                        str(t.args.get("unit") or "day"), as_date(t.expression), as_date(t.this)
                    )
                    if str(t.args.get("unit") or "day").lower()
                    in ("day", "month", "quarter", "year")
                    else datediff(str(t.args["unit"]), t.expression, t.this)
                ),
            ),
            exp.Extract: lambda tree: _part_of(tree.name.lower(), tree.expression),
            exp.Filter: _filtered,
            exp.NullSafeEQ: same_or_both_null,
            exp.Sub: lambda tree: days_between(tree, _days),
            exp.Substring: counted_substring,
            **refusing("redshift"),
        }
    ),
    asks_types=True,
    correlates_joins=False,
    max_identifier=127,
    finished=lambda tree: tree.transform(
        lambda n: same_or_both_null(n) if isinstance(n, exp.NullSafeEQ) else n, copy=False
    ),
    reserved=BEYOND["redshift"],
)
