"""Rules about time: rolling windows, earlier periods, and rows that hold at a date.

SQL says them in two ways. A window function runs over the groups of a query, as in
`LAG(x, 12) OVER (ORDER BY month)`; a join by a range beside a list of dates has each row once for
each date that it counts at. A rule is a text, equal for equal rules of metrics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from kpilayer.drift.joins import is_calendar
from kpilayer.drift.nulls import not_null
from kpilayer.drift.rows import GENERATED, Aggregate, Source
from kpilayer.drift.spelling import is_literal, key, plain, unnumbered

ACTIVE: Final = "active"
#: Of rows beside dates by ranges that are not understood.
UNREAD: Final = "beside dates"
#: Of totals beside such of single groups, and of groups beside other ones.
IN_TOTAL: Final = "in total"
APART: Final = "of other groups"
#: A time in units that add up: months, or days.
_UNITS: Final = {
    "day": (1, "day"), "week": (7, "day"), "month": (1, "month"), "quarter": (3, "month"),
    "year": (12, "month"),
}  # fmt: skip
#: What stands for years and for months where times are written as texts.
_YEARS: Final = frozenset({"%Y", "%y", "YYYY", "YY", "yyyy", "yy"})
_MONTHS: Final = frozenset({"%m", "%-m", "%b", "%B", "MM", "Mon", "MON", "Month", "MONTH"})
_MOVED: Final = (
    exp.Add, exp.Sub, exp.DateAdd, exp.DateSub, exp.TimestampAdd, exp.TimestampSub,
)  # fmt: skip
_MIRRORED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.LT: exp.GT, exp.GT: exp.LT, exp.LTE: exp.GTE, exp.GTE: exp.LTE, exp.EQ: exp.EQ,
}  # fmt: skip


def span(count: int, unit: str) -> str:
    """A length of time in one spelling: "12 month" for a year; "" for a unit that is not known."""
    times, base = _UNITS.get(_unit(unit), (0, ""))
    return f"{count * times} {base}" if times and count > 0 else ""


def over(length: str) -> str:
    """The rule of a value over a time up to the date shown; "" of a single day."""
    return "" if length == "1 day" else f"over {length}"


def ago(length: str) -> str:
    """The rule of a value of an earlier time."""
    return f"{length} ago"


def both(inner: str, outer: str) -> str:
    """Two rules, one after the other."""
    return ", ".join(filter(None, (inner, outer)))


# ------------------------------------------------------------------------------ window functions


@dataclass(frozen=True, slots=True)
class Run:
    """What a window function does to a value of groups: a rule, and by what it divides."""

    value: exp.Expr
    rule: str
    parts: int = 1


def run_of(window: exp.Window, named: Mapping[str, exp.Window], moment: exp.Expr) -> Run | None:
    """The rule of a window function over groups of periods, or None for another one.

    ``moment`` is the value by which the window is ordered, over tables' columns.
    """
    given = named.get(window.alias.lower(), window) if window.alias else window
    unit = step_of(moment)
    function, spec = window.this, given.args.get("spec") or window.args.get("spec")
    if isinstance(function, exp.Lag):
        length = span(_offset(function), unit)
        return Run(function.this, ago(length)) if length and not spec else None
    if not isinstance(function, exp.Sum | exp.Avg):
        return None
    is_to_here = spec is None or spec.args.get("end") in (None, "CURRENT ROW")
    if not is_to_here or (spec is not None and spec.args.get("exclude")):
        return None
    if spec is None or spec.args.get("start") == "UNBOUNDED":
        is_sum = isinstance(function, exp.Sum)
        return Run(function.this, over("all")) if is_sum else None
    start, kind = spec.args.get("start"), str(spec.args.get("kind") or "").upper()
    is_back = str(spec.args.get("start_side") or "").upper() == "PRECEDING"
    if kind != "ROWS" or not is_back or not isinstance(start, exp.Literal) or not start.is_int:
        return None
    count = int(start.name) + 1
    length = span(count, unit)
    parts = count if isinstance(function, exp.Avg) else 1
    return Run(function.this, over(length), parts) if length else None


def _offset(lag: exp.Lag) -> int:
    """How many rows back a LAG looks; 0 where that is not told, or a value stands for none."""
    offset, default = lag.args.get("offset"), lag.args.get("default")
    if default is not None and not isinstance(default, exp.Null):
        return 0
    if offset is None:
        return 1
    return int(offset.name) if isinstance(offset, exp.Literal) and offset.is_int else 0


def step_of(node: exp.Expr) -> str:
    """How far groups of a key are apart: the unit of a date that is cut, "day" of another."""
    bare = plain(node)
    match bare:
        case exp.TimestampTrunc() | exp.DateTrunc():
            return _unit(bare.text("unit"))
        case exp.LastDay():
            return "month"
        case exp.Cast() if bare.to.this not in exp.DataType.TEMPORAL_TYPES:
            return ""
        case exp.Cast() | exp.Date() | exp.TsOrDsToDate():
            is_day = not isinstance(bare, exp.Cast) or bare.to.this == exp.DataType.Type.DATE
            return step_of(bare.this) or ("day" if is_day else "")
        case exp.TimeToStr() | exp.ToChar():
            return unit_of_text(bare.text("format"))
        case exp.Add() | exp.Sub() | exp.DateAdd() | exp.DateSub():
            return step_of(bare.this)
    return ""


def is_of_period(group: exp.Expr, moment: exp.Expr) -> bool:
    """Whether a key of groups is the period that a moment tells, by its first or last day, say."""
    unit = step_of(group)
    own, told = ({key(c) for c in node.find_all(exp.Column)} for node in (group, moment))
    return bool(unit) and unit == step_of(moment) and own == told


def unit_of_text(told: str) -> str:
    """The unit of times that are written so: "month" of a month and its year, "" of others."""
    parts = frozenset(re.findall(r"%-?[A-Za-z]|[A-Za-z]+", told))
    return "month" if len(parts) == 2 and parts & _YEARS and parts & _MONTHS else ""


def _unit(text: str) -> str:
    word = text.lower().partition("(")[0].removeprefix("iso")
    return word.removesuffix("s")


# ------------------------------------------------------------------------- joins beside a calendar


@dataclass(frozen=True, slots=True)
class _Bound:
    """A date of rows beside a date that is shown: ``kind`` compares, ``by`` moves what is shown."""

    kind: type[exp.Expr]
    column: exp.Column
    is_date: bool
    by: int
    unit: str
    or_none: bool = False


def beside_dates(
    value: exp.Expr | None,
    where: list[exp.Expr],
    made: Aggregate,
    dates: frozenset[str],
    spans: frozenset[tuple[str, str, bool]],
) -> tuple[list[exp.Expr], Aggregate, str]:
    """Conditions and rows without a list of dates by whose ranges rows are joined, and the rule.

    ``value`` is what is aggregated. ``dates`` are columns that are dates, ``spans`` the columns
    between which rows hold, each with whether they hold on the last day itself. What is given comes
    back where there is no such list.
    """
    for shown in made.sources:
        if shown.table != GENERATED and not is_calendar(shown.table):
            continue
        held = [*where, *(c for s in made.sources for c in s.on)]
        of = [c for c in held if shown.name in _tables(c) and len(_tables(c)) > 1]
        bounds = [_bound(c, shown.name, dates) for c in of]
        known = [b for b in bounds if b is not None]
        is_one = bool(of) and len(known) == len(of) and len({b.column.table for b in known}) == 1
        rows = next((s for s in made.sources if is_one and s.name == known[0].column.table), None)
        rule = None if rows is None else _rule(known, spans)
        if rows is None or rule is None:
            is_range = any(not isinstance(c, exp.EQ) for c in of)
            if is_range:
                return where, made, UNREAD
            continue
        gone = {key(c) for c in of}
        left = [c for c in held if key(c) not in gone]
        if _asks_more(shown.name, [*left, *made.by], of) or _is_cut(left, known):
            return where, made, UNREAD
        is_valued = value is not None and shown.name in _tables(value)
        if is_valued or (rule and not _is_each_shown(shown, [*made.by, *left], of)):
            return where, made, UNREAD
        kept = [s for s in made.sources if s is not shown]
        sources = tuple(_without(s, gone, is_outer=s.is_outer and s is not rows) for s in kept)
        time = known[0].column
        by = tuple(_dated(k, shown.name, time) for k in made.by)
        left = [_dated(c, shown.name, time) for c in where if key(c) not in gone]
        return left, replace(made, sources=sources, by=by), rule
    return where, made, ""


def _asks_more(shown: str, trees: list[exp.Expr], of: list[exp.Expr]) -> bool:
    """Whether other columns of a list of dates are used than those by which rows are joined."""

    def columns(nodes: list[exp.Expr]) -> set[str]:
        return {c.name for n in nodes for c in n.find_all(exp.Column) if c.table == shown}

    return not columns(trees) <= columns(of)


def _is_each_shown(shown: Source, trees: list[exp.Expr], of: list[exp.Expr]) -> bool:
    """Whether there is a group for each date, so that no range is one of several dates."""
    tested = [c.this for c in trees if isinstance(c, exp.EQ) and is_literal(c.expression)]
    bare = [t for t in map(_uncast, (*trees, *tested)) if _tables(t) == {shown.name}]
    used = {key(node) for c in of for node in c.find_all(exp.LastDay)}
    is_made = shown.table == GENERATED and any(key(t) in used for t in bare)
    return is_made or any(isinstance(t, exp.Column) for t in bare)


def _uncast(node: exp.Expr) -> exp.Expr:
    node = node.unnest()
    return _uncast(node.this) if isinstance(node, exp.Cast | exp.Date | exp.TsOrDsToDate) else node


def _is_cut(held: list[exp.Expr], known: list[_Bound]) -> bool:
    """Whether rows before some time are left out, so that the first ranges are shorter."""
    return any(is_from(c, b.column) for c in held for b in known)


def is_from(condition: exp.Expr, moment: exp.Expr) -> bool:
    """Whether a condition leaves out times before one, so that the first windows are shorter."""
    if isinstance(condition, exp.LT | exp.LTE) or not_null(condition) is not None:
        return False
    columns = {key(c) for c in moment.find_all(exp.Column)}
    return bool(columns & {key(c) for c in condition.find_all(exp.Column)})


def _without(source: Source, gone: set[str], *, is_outer: bool) -> Source:
    on = tuple(c for c in source.on if key(c) not in gone)
    return replace(source, on=on, is_outer=is_outer)


def _rule(bounds: list[_Bound], spans: frozenset[tuple[str, str, bool]]) -> str | None:
    """The rule that bounds together say; None for one that is not understood."""
    upper = [b for b in bounds if _is_until(b)]
    columns = {key(b.column) for b in bounds}
    if len(columns) == 1:
        lengths = [length for b in bounds if (length := _back(b)) is not None]
        if any(b.kind is exp.EQ and _back(b) is not None for b in bounds):
            return ""  # of that day alone
        if len(lengths) + len(upper) != len(bounds):
            return None
        if not upper or not lengths:
            return None
        units = {unit for _, unit in lengths}
        return over(span(min(lengths)[0], units.pop())) if len(units) == 1 else None
    for begin, end, is_inclusive in spans:
        starts = [b for b in bounds if unnumbered(key(b.column)) == begin and _is_until(b)]
        ends = [b for b in bounds if unnumbered(key(b.column)) == end]
        kinds = {b.kind for b in ends}
        wanted = {exp.GTE} if is_inclusive else {exp.GT}
        is_open = all(b.or_none and not b.by for b in ends)
        if starts and ends and len(starts) + len(ends) == len(bounds) and is_open:
            return ACTIVE if kinds == wanted else None
    return None


def _is_until(bound: _Bound) -> bool:
    """Whether it lets rows in up to the date shown, and that day itself."""
    if bound.kind is exp.LTE:
        return bound.is_date and not bound.by
    return bound.kind is exp.LT and bound.by == 1 and bound.unit == "day"


def _back(bound: _Bound) -> tuple[int, str] | None:
    """How far back from the date shown it reaches, that day itself among them."""
    if bound.kind is exp.EQ:
        return (1, "day") if not bound.by and bound.is_date else None
    if bound.kind not in (exp.GT, exp.GTE) or bound.by > 0:
        return None
    times, unit = _UNITS.get(bound.unit, (0, ""))
    is_in = bound.kind is exp.GTE or not bound.is_date
    if unit == "day":
        return -bound.by * times + int(is_in), "day"
    return (-bound.by * times, "month") if unit and bound.by else None


def _bound(condition: exp.Expr, shown: str, dates: frozenset[str]) -> _Bound | None:
    bare = condition.unnest()
    if isinstance(bare, exp.Or):
        return _or_none(bare, shown, dates)
    if type(bare) not in _MIRRORED:
        return None
    kind, one, other = type(bare), bare.this, bare.expression
    if shown in _tables(one):
        kind, one, other = _MIRRORED[kind], other, one
    moved = _moved(other)
    value, or_none = _open(one.unnest())
    is_date = isinstance(value, exp.Cast | exp.Date | exp.TsOrDsToDate)
    while isinstance(value, exp.Cast | exp.Date | exp.TsOrDsToDate):
        value = value.this
    if not isinstance(value, exp.Column) or moved is None or shown in _tables(value):
        return None
    is_date = is_date or unnumbered(key(value)) in dates
    return _Bound(kind, value, is_date, moved[0], moved[1], or_none)


def _or_none(either: exp.Or, shown: str, dates: frozenset[str]) -> _Bound | None:
    """`ended_on IS NULL OR ended_on > day`."""
    parts = [part.unnest() for part in either.flatten()]
    empty = [p for p in parts if isinstance(p, exp.Is) and isinstance(p.expression, exp.Null)]
    others = [p for p in parts if p not in empty]
    if len(empty) != 1 or len(others) != 1:
        return None
    found = _bound(others[0], shown, dates)
    same = found is not None and key(found.column) == key(empty[0].this)
    return replace(found, or_none=True) if found is not None and same else None


def _open(value: exp.Expr) -> tuple[exp.Expr, bool]:
    """A column that a far day or the present stands for where it is NULL."""
    if isinstance(value, exp.Coalesce) and len(value.expressions) == 1:
        other = value.expressions[0]
        is_far = other.find(exp.Column) is None
        return value.this.unnest(), is_far
    return value, False


def _moved(node: exp.Expr) -> tuple[int, str] | None:
    """By how much a date that is shown is moved; its own column, cast or not, by 0 days."""
    base, count, unit = moved_from(node)
    return (count, unit) if isinstance(_uncast(base), exp.Column | exp.LastDay) else None


def moved_from(node: exp.Expr) -> tuple[exp.Expr, int, str]:
    """The time that is moved, and by how much of a unit; by 0 days where nothing is understood."""
    bare = node.unnest()
    while isinstance(bare, exp.Cast | exp.Date | exp.TsOrDsToDate):
        bare = bare.this.unnest()
    if not isinstance(bare, _MOVED):
        return node.unnest(), 0, "day"
    length = bare.expression.unnest()
    unit = bare.text("unit") or "day"
    if isinstance(length, exp.Interval):
        unit, length = length.text("unit") or "day", length.this
    sign = -1 if isinstance(bare, exp.Sub | exp.DateSub | exp.TimestampSub) else 1
    if isinstance(length, exp.Neg):
        sign, length = -sign, length.this
    is_told = isinstance(length, exp.Literal) and length.name.isdigit()
    if not is_told or moved_from(bare.this)[1]:
        return node.unnest(), 0, "day"
    return bare.this.unnest(), sign * int(length.name), _unit(unit)


def _dated(tree: exp.Expr, shown: str, time: exp.Column) -> exp.Expr:
    """With the time of the rows in the place of the date that is shown."""

    def step(node: exp.Expr) -> exp.Expr:
        return time.copy() if isinstance(node, exp.Column) and node.table == shown else node

    return tree.transform(step)


def _tables(node: exp.Expr) -> set[str]:
    return {c.table for c in node.find_all(exp.Column)}
