"""PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.dialects.intervals import (
    at_time_zones,
    date_trunc,
    extract,
    moved,
    periods_of_series,
)
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    distinct_count,
    double,
    percentile,
    percentile_at,
    refused,
)


def _first_of_sorted(value: exp.Expr) -> exp.Expr:
    """PostgreSQL has no MIN of booleans, and ANY_VALUE only since 16."""
    order = exp.Order(this=value, expressions=[exp.Ordered(this=value.copy(), nulls_first=False)])
    array = exp.Paren(this=exp.ArrayAgg(this=order))
    return exp.Bracket(this=array, expressions=[exp.Literal.number(1)], offset=1)


def _percentile_from_below(value: exp.Expr, fraction: float, discrete: bool) -> exp.Expr:
    """PostgreSQL multiplies doubles: 0.07 of 100 rows is 7.000000000000001, so the eighth."""
    if not discrete or fraction.as_integer_ratio()[1] <= 1024:
        return percentile(value, fraction, discrete)
    written = exp.Literal.number(repr(fraction))
    below = exp.Sub(this=written, expression=exp.Literal.number("1e-15"))
    return percentile_at(value, below, discrete)


def _rounded(tree: exp.Expr) -> exp.Expr:
    """Halves away from zero: PostgreSQL rounds doubles to even, and not at all to digits."""
    tree.set("this", exp.cast(tree.this, TYPE.DECIMAL, copy=False))
    return tree


def _substring(tree: exp.Expr) -> exp.Expr:
    """A negative start counts from the end."""
    start = tree.args.get("start")
    if start is None or (isinstance(start, exp.Literal) and not start.is_string):
        return tree
    length = exp.Length(this=tree.this.copy())
    offset = exp.Add(this=length, expression=exp.Literal.number(1))
    if isinstance(start, exp.Neg) and isinstance(start.this, exp.Literal):
        from_end: exp.Expr = exp.Sub(this=offset, expression=start.this)
    else:
        is_negative = exp.LT(this=exp.paren(start.copy()), expression=exp.Literal.number(0))
        counted = exp.Add(this=offset, expression=exp.paren(start.copy()))
        from_end = exp.Case(ifs=[exp.If(this=is_negative, true=counted)], default=start)
    tree.set("start", from_end)
    return tree


def _concatenated(tree: exp.Expr) -> exp.Expr:
    """PostgreSQL's CONCAT writes booleans as t and f; a cast writes true and false."""
    parts = [p if p.is_string else exp.cast(p, TYPE.TEXT, copy=False) for p in tree.expressions]
    tree.set("expressions", parts)
    return tree


def _pattern(tree: exp.Expr) -> exp.Expr:
    """A backslash in a pattern is a letter like others, unless ESCAPE says so."""
    pattern = tree.expression
    if pattern.is_string and "\\" not in pattern.name:
        return tree
    return exp.Escape(this=tree, expression=exp.Literal.string(""))


def _date_part(tree: exp.Expr) -> exp.Expr:
    """Date parts are whole numbers, an epoch is a double; PostgreSQL has NUMERIC for both."""
    part = tree.name.lower()
    if part == "epoch":
        return double(tree)
    if not part.isidentifier():  # in a SQL model; snippets have passed a closed list
        return tree
    names = {"weekday": "dow", "dayofweek": "dow", "dayofyear": "doy", "weekofyear": "week"}
    tree.set("this", exp.var(names.get(part, part).upper()))
    has_fraction = part.startswith(("second", "milli"))
    whole = exp.Floor(this=tree) if has_fraction else tree
    return exp.cast(whole, TYPE.BIGINT, copy=False)


def _without_zone(tree: exp.Expr) -> exp.Expr:
    """PostgreSQL truncates a DATE to an instant with a zone; adding nothing makes a TIMESTAMP."""
    value = tree.this
    plain = exp.Paren(this=value) if isinstance(value, (exp.Binary, exp.Unary)) else value
    nothing = exp.Interval(this=exp.Literal.string("0"), unit=exp.var("DAY"))
    tree.set("this", exp.Add(this=plain, expression=nothing))
    return tree


POSTGRES: Final = Capabilities(
    "postgres",
    True,
    trunc=date_trunc,
    part=extract,
    moved=moved,
    periods=periods_of_series,
    local=at_time_zones,
    aggregates=MappingProxyType(
        {
            # NUMERIC averages carry 16 digits or more; every engine gives a double (Q11).
            "average": lambda value: double(exp.Avg(this=value)),
            "stddev": lambda value: double(call("STDDEV_SAMP", value)),
            "variance": lambda value: double(call("VAR_SAMP", value)),
            # An exact count is a correct approximation; PostgreSQL has no sketch of its own.
            "approx_count_distinct": distinct_count,
            "any_value": _first_of_sorted,
        }
    ),
    words=MappingProxyType(
        {
            exp.Round: _rounded,
            exp.Substring: _substring,
            exp.Concat: _concatenated,
            exp.Like: _pattern,
            exp.ILike: _pattern,
            exp.Extract: _date_part,
            exp.TimestampTrunc: _without_zone,
            exp.DateTrunc: _without_zone,
            exp.SimilarTo: refused("SIMILAR TO", "is not a regular expression there", "use LIKE"),
            exp.TryCast: refused("TRY_CAST", "is not known to postgres", "use CAST"),
        }
    ),
    percentile=_percentile_from_below,
    max_identifier=63,
)
