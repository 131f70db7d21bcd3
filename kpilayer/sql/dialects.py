"""Everything that differs between warehouses, as tables and small functions.

A dialect is *verified* when the engine tests execute it. The others use sqlglot's spelling as it
is, and are printed only on request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.grain import is_date, split

#: Types as members: sqlglot would parse a name each time.
TYPE: Final = exp.DataType.Type

Spell = Callable[[str, exp.Expr], exp.Expr]
#: First and last time and unit to the rows of every time from one to the other.
SpellSeries = Callable[[exp.Expr, exp.Expr, str], exp.Expr]
#: A time, a number of days or months, and which.
Plus = Callable[[exp.Expr, int, str], exp.Expr]
#: The zone stored in, the zone shown in (empty for an instant) and the time.
SpellLocal = Callable[[str, str, exp.Expr], exp.Expr]
#: Value and measure's percentile to the aggregate.
SpellAgg = Callable[[exp.Expr], exp.Expr]
SpellPercentile = Callable[[exp.Expr, float, bool], exp.Expr]


def nulls_last(column: exp.Column, descending: bool) -> exp.Expr:
    """A key of ORDER BY, NULLs last both ways."""
    return exp.Ordered(this=column, desc=descending, nulls_first=False)


def _nulls_last_in_words(column: exp.Column, descending: bool) -> exp.Expr:
    """DuckDB's own order of NULLs is a setting of the session: the SQL must not rely on it."""
    name = _in_duckdb(column.name, bool(column.this.args.get("quoted")))
    return exp.Var(this=f"{name}{' DESC' if descending else ''} NULLS LAST")


@cache
def _in_duckdb(name: str, quoted: bool) -> str:
    return str(exp.to_identifier(name, quoted=quoted).sql("duckdb"))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """How a dialect spells what differs. ``max_identifier`` is in bytes, None without a limit.

    ``words`` rewrite what a caller or author wrote, where the dialect's word of that name gives
    another value. ``nests_joins``: chains of left joins are faster from their far end on.
    """

    name: str
    is_verified: bool
    trunc: Spell
    part: Spell
    series: SpellSeries
    local: SpellLocal
    aggregates: Mapping[str, SpellAgg] = field(default_factory=dict)
    words: Mapping[type[exp.Expr], SpellAgg] = field(default_factory=dict)
    percentile: SpellPercentile | None = None
    approx_percentile: SpellPercentile | None = None
    file_readers: Mapping[str, str] = field(default_factory=dict)
    ordered: Callable[[exp.Column, bool], exp.Expr] = nulls_last
    max_identifier: int | None = None
    nests_joins: bool = False


def capabilities(dialect: str) -> Capabilities:
    """What is known of a dialect; for one that no test executes, sqlglot's own spelling."""
    known = _VERIFIED.get(dialect)
    return known or Capabilities(
        dialect, False, _portable_trunc, _portable_part, _series_of_rows, _no_zones(dialect)
    )


# --------------------------------------------------------------------------------- shared spellings


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A function call, spelled as given."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def double(tree: exp.Expr) -> exp.Expr:
    """A value as a double."""
    return exp.cast(tree, TYPE.DOUBLE, copy=False)


def _distinct_count(value: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.Distinct(expressions=[value]))


#: How rows become a number, where a dialect says nothing else. `count` and `sum_boolean` count what
#: is not NULL: the value given to them is made so before.
AGGREGATES: Final[Mapping[str, SpellAgg]] = MappingProxyType(
    {
        "sum": lambda value: exp.Sum(this=value),
        "min": lambda value: exp.Min(this=value),
        "max": lambda value: exp.Max(this=value),
        # Of counts: their sum, still a whole number and not a wider type.
        "total_count": lambda value: exp.cast(exp.Sum(this=value), TYPE.BIGINT, copy=False),
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
    return _percentile(value, exp.Literal.number(repr(fraction)), discrete)


def _percentile(value: exp.Expr, fraction: exp.Expr, discrete: bool) -> exp.Expr:
    kind = exp.PercentileDisc if discrete else exp.PercentileCont
    inner = value if discrete else double(value)
    order = exp.Order(expressions=[exp.Ordered(this=inner, nulls_first=False)])
    return exp.WithinGroup(this=kind(this=fraction), expression=order)


def _date_trunc(unit: str, value: exp.Expr) -> exp.Expr:
    return _from_its_beginning(unit, value, _plus, _plain_trunc)


def _plain_trunc(grain: str, value: exp.Expr) -> exp.Expr:
    return call("DATE_TRUNC", exp.Literal.string(grain), value)


def _from_its_beginning(unit: str, value: exp.Expr, plus: Plus, trunc: Spell) -> exp.Expr:
    """A week from Sunday is that of the Monday after it, moved back; quarters, years likewise."""
    base, first = split(unit)
    count, of = (7 - first, "DAY") if base == "week" else (-first, "MONTH")
    if first:
        value = plus(trunc(base, plus(value, count, of)), -count, of)
    else:
        value = value if unit == "day" else trunc(base, value)
    return exp.cast(value, TYPE.DATE, copy=False) if is_date(unit) else value


def _extract(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = _in_calendar_years(part, value, _plus)
    unit = {"dow": "ISODOW"}.get(base, base.upper())
    extracted = exp.Extract(this=exp.var(unit), expression=moved)
    return exp.cast(extracted, TYPE.INT, copy=False)


def _in_calendar_years(part: str, value: exp.Expr, plus: Plus) -> tuple[str, exp.Expr]:
    """The part of a fiscal year is that of a calendar year, of a time moved by months.

    `year_april_end` is the year in which a year from April ends, `year_april` that of its start.
    """
    start = part.removesuffix("_end")
    base, first = split(start)
    count = 12 - first if start != part else -first
    return base, plus(value, count, "MONTH") if first else value


def _plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
    """A time moved by days or months; the day stays within its month."""
    kind = exp.Add if count > 0 else exp.Sub
    span = exp.Interval(this=exp.Literal.string(str(abs(count))), unit=exp.var(of))
    return kind(this=_operand(value), expression=span)


def _operand(value: exp.Expr) -> exp.Expr:
    weak = isinstance(value, (exp.Binary, exp.Unary, exp.AtTimeZone))
    return exp.Paren(this=value) if weak and not isinstance(value, exp.Paren) else value


def _at_time_zones(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
    """The local time of an instant, and the instant of a local time: AT TIME ZONE does both."""
    for zone in (z for z in (stored, shown) if z):
        operand = value if isinstance(value, exp.AtTimeZone) else _operand(value)
        value = exp.AtTimeZone(this=operand, zone=exp.Literal.string(zone))
    return value


def _portable_trunc(unit: str, value: exp.Expr) -> exp.Expr:
    def trunc(grain: str, value: exp.Expr) -> exp.Expr:
        return exp.TimestampTrunc(this=value, unit=exp.var(grain.upper()))

    return _from_its_beginning(unit, value, _portable_plus, trunc)


def _portable_plus(value: exp.Expr, count: int, of: str) -> exp.Expr:
    number = exp.Literal.number(abs(count))
    signed = number if count > 0 else exp.Neg(this=number)
    return exp.DateAdd(this=value, expression=signed, unit=exp.var(of))


def _portable_part(part: str, value: exp.Expr) -> exp.Expr:
    base, moved = _in_calendar_years(part, value, _portable_plus)
    unit = {"dow": "DAYOFWEEKISO", "doy": "DAYOFYEAR"}.get(base, base.upper())
    return exp.Extract(this=exp.var(unit), expression=moved)


def _no_zones(dialect: str) -> SpellLocal:
    def refuse(stored: str, shown: str, value: exp.Expr) -> exp.Expr:
        message = f"moving a time between zones has not been executed on {dialect}"
        hint = "time dimensions with a `timezone` are computed on duckdb and postgres"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))

    return refuse


def moved(unit: str, count: exp.Expr, value: exp.Expr) -> exp.Expr:
    """A time so many units later, or earlier where the count is negative."""
    kind = exp.Sub if isinstance(count, exp.Neg) else exp.Add
    number = count.this if isinstance(count, exp.Neg) else count
    by = exp.Interval(this=exp.Literal.string(number.name), unit=exp.var(unit.upper()))
    plain = exp.Paren(this=value) if isinstance(value, (exp.Binary, exp.Unary)) else value
    return kind(this=plain, expression=by)


_STEPS: Final = {"week": ("7", "DAY"), "quarter": ("3", "MONTH")}


def _series(first: exp.Expr, last: exp.Expr, unit: str) -> exp.Expr:
    base, _ = split(unit)
    count, word = _STEPS.get(base, ("1", base.upper()))
    step = exp.Interval(this=exp.Literal.string(count), unit=exp.var(word))
    ends = (exp.cast(end, TYPE.TIMESTAMP, copy=False) for end in (first, last))
    return call("GENERATE_SERIES", *ends, step)


def _series_of_rows(first: exp.Expr, last: exp.Expr, unit: str) -> exp.Expr:
    return _series(first, last, unit)


def _unnested_series(first: exp.Expr, last: exp.Expr, unit: str) -> exp.Expr:
    return call("UNNEST", _series(first, last, unit))


# ----------------------------------------------------------------------------------------- dialects


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
    return _percentile(value, below, discrete)


def _sketched_percentile(value: exp.Expr, fraction: float, discrete: bool) -> exp.Expr:
    """DuckDB's sketch interpolates: what has to be a value of the data is found exactly."""
    if discrete:
        return percentile(value, fraction, discrete)
    return call("APPROX_QUANTILE", double(value), exp.Literal.number(repr(fraction)))


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


def _refused(word: str, why: str, instead: str) -> SpellAgg:
    def refuse(tree: exp.Expr) -> exp.Expr:
        message = f"`{word}` {why}: `{tree.sql()}`"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=instead))

    return refuse


_DUCKDB: Final = Capabilities(
    "duckdb",
    True,
    trunc=_date_trunc,
    part=_extract,
    series=_unnested_series,
    local=_at_time_zones,
    aggregates=MappingProxyType({}),
    approx_percentile=_sketched_percentile,
    ordered=_nulls_last_in_words,
    nests_joins=True,
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
    series=_series_of_rows,
    local=_at_time_zones,
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
            exp.SimilarTo: _refused("SIMILAR TO", "is not a regular expression there", "use LIKE"),
            exp.TryCast: _refused("TRY_CAST", "is not known to postgres", "use CAST"),
        }
    ),
    percentile=_percentile_from_below,
    max_identifier=63,
)

_VERIFIED: Final[dict[str, Capabilities]] = {"duckdb": _DUCKDB, "postgres": _POSTGRES}

VERIFIED: Final = tuple(sorted(_VERIFIED))
