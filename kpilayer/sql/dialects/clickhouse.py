"""ClickHouse: its aggregates, periods, time zones and settings; words are in ``clickhouse_words``.

What decides numbers is said in the statement itself, by a SETTINGS clause, so that an answer does
not depend on the session: SQL that is run elsewhere gives the same.
"""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.grain import is_date, split
from kpilayer.sql.dialects.capabilities import Capabilities, Periods
from kpilayer.sql.dialects.clickhouse_finish import finished
from kpilayer.sql.dialects.clickhouse_types import as_date, as_time, whole, widened
from kpilayer.sql.dialects.clickhouse_words import WORDS
from kpilayer.sql.dialects.spellings import (
    call,
    double,
    from_its_beginning,
    in_calendar_years,
)

#: Missing rows of joins and sums of nothing are NULL, dates reach before 1970, types stay strict.
SETTINGS: Final = MappingProxyType(
    {
        "join_use_nulls": "1",
        "aggregate_functions_null_for_empty": "1",
        "group_by_use_nulls": "1",
        "cast_keep_nullable": "1",
        "prefer_column_name_to_alias": "1",
        "enable_positional_arguments": "1",
        "enable_extended_results_for_datetime_functions": "1",
        "use_variant_as_common_type": "0",
        "count_distinct_implementation": "'uniqExact'",
        "optimize_multiif_to_if": "0",  # `if` has no decimals of different scales; CASE has
        "session_timezone": "'UTC'",
    }
)

# ------------------------------------------------------------------------------------------- times

_STARTS: Final = {
    "second": "toStartOfSecond",
    "millisecond": "toStartOfMillisecond",
    "minute": "toStartOfMinute",
    "hour": "toStartOfHour",
    "week": "toMonday",
    "month": "toStartOfMonth",
    "quarter": "toStartOfQuarter",
    "year": "toStartOfYear",
}
_PARTS: Final = {
    "year": "toYear",
    "quarter": "toQuarter",
    "month": "toMonth",
    "week": "toISOWeek",
    "day": "toDayOfMonth",
    "dow": "toDayOfWeek",
    "doy": "toDayOfYear",
}


def _started(grain: str, value: exp.Expr) -> exp.Expr:
    """The start of a standard period; a microsecond is all that is kept of a time."""
    value = as_date(value) if is_date(grain) else as_time(value)
    return call(_STARTS[grain], value) if grain in _STARTS else value


def _trunc(unit: str, value: exp.Expr) -> exp.Expr:
    shifted = split(unit)[1] != 0
    tree = from_its_beginning(unit, as_date(value) if shifted else value, _plus, _started)
    inner = tree.this if isinstance(tree, exp.Cast) else tree
    return as_date(inner) if unit == "day" else inner


def _part(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = in_calendar_years(part, value, _plus)
    return call("toInt32", call(_PARTS[base], moved))


def _plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
    return call(f"add{of.capitalize()}s", _whole_range(value), exp.Literal.number(count))


def _whole_range(value: exp.Expr) -> exp.Expr:
    """A time that can be moved out of the years of the type DATE, which begins in 1970 anew."""
    return value if isinstance(value, (exp.Cast, exp.Anonymous)) else as_time(value)


def _moved(unit: str, count: int, value: exp.Expr) -> exp.Expr:
    is_fine = split(unit)[0] not in ("day", "month")
    return _plus(as_time(value) if is_fine else value, count, unit)


#: The unit that periods are counted in, and how many one has.
_STEPS: Final = {"week": ("day", 7), "quarter": ("month", 3), "year": ("month", 12)}


def _counted(periods: Periods) -> exp.Select:
    """Periods as the first one moved by 0, 1, 2, ..; none where the bounds are NULL."""
    kind = as_date if is_date(periods.unit) else as_time
    first, last = kind(periods.first), kind(periods.last)
    base, _ = split(periods.unit)
    unit, size = _STEPS.get(base, (base, 1))
    apart = call("dateDiff", exp.Literal.string(unit), first.copy(), last)
    known = call("ifNull", apart, exp.Literal.number(-1))
    end = exp.Add(this=known, expression=exp.Literal.number(1))
    steps = call("range", exp.Literal.number(0), end, exp.Literal.number(size))
    value = call(f"add{unit.capitalize()}s", first, call("arrayJoin", steps))
    select = exp.Select(expressions=[exp.alias_(value, periods.column, copy=False)])
    if periods.bounds is not None:
        select.set("from_", exp.From(this=periods.bounds))
    return select


def _local(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    """The time that clocks in a zone show, by way of its text: a TIMESTAMP without a zone.

    ``fromUTCTimestamp`` does so too; its counterpart takes a wrong offset near changes of clocks.
    """
    value = as_time(value)
    zone = exp.Literal.string(shown or "UTC")
    if stored == "UTC":
        return call("fromUTCTimestamp", value, zone) if zone.name != "UTC" else value
    if stored:
        value = as_time(call("toString", value))
        value.append("expressions", exp.Literal.string(stored))
    return as_time(call("toString", value, zone))


# -------------------------------------------------------------------------------------- aggregates


def _over_several(function: str, value: exp.Expr) -> exp.Expr:
    """A sample's spread is NULL where it has one row; ClickHouse divides by zero."""
    several = exp.GT(this=exp.Count(this=value.copy()), expression=exp.Literal.number(1))
    return exp.Case(ifs=[exp.If(this=several, true=call(function, double(value)))])


def _percentile(value: exp.Expr, fraction: float, discrete: bool) -> exp.Expr:
    """Interpolated by ClickHouse; a value of the data is picked out of all, in order."""
    if not discrete:
        function = f"quantileExactInclusive({fraction!r})"
        return call(function, double(value))
    a, b = Decimal(repr(fraction)).as_integer_ratio()
    every = call("arraySort", call("groupArray", value))
    reached = exp.Mul(this=exp.Count(this=value.copy()), expression=exp.Literal.number(a))
    upwards = exp.Add(this=reached, expression=exp.Literal.number(b - 1))
    place = call("intDiv", upwards, exp.Literal.number(b))
    return call("arrayElementOrNull", every, call("greatest", place, exp.Literal.number(1)))


CLICKHOUSE: Final = Capabilities(
    "clickhouse",
    True,
    trunc=_trunc,
    part=_part,
    moved=_moved,
    periods=_counted,
    local=_local,
    aggregates=MappingProxyType(
        {
            "sum": lambda value: exp.Sum(this=widened(value)),
            "average": lambda value: exp.Avg(this=widened(value)),
            # Unsigned numbers have no type in common with negative ones.
            "count": lambda value: whole(exp.Count(this=value)),
            "sum_boolean": lambda value: whole(exp.Count(this=value)),
            # COUNT(DISTINCT ..) is approximate where a setting says so.
            "count_distinct": lambda value: whole(call("uniqExact", value)),
            "approx_count_distinct": lambda value: whole(call("uniq", value)),
            "total_count": lambda value: whole(exp.Sum(this=value)),
            "stddev": lambda value: _over_several("stddevSampStable", value),
            "variance": lambda value: _over_several("varSampStable", value),
        }
    ),
    words=WORDS,
    percentile=_percentile,
    correlates_joins=False,
    settings=SETTINGS,
    finished=finished,
)
