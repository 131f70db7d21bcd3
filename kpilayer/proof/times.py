"""Dates and times in comparisons: what is asked of a period is asked of the instants in it."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final

from kpilayer.proof.term import (
    NUMBERS,
    TIMES,
    Term,
    at_most,
    conjunction,
    equal,
    function,
    is_literal,
    less,
    number,
)

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
UNITS: Final = ("day", *_MONTHS)
EPOCH: Final = date(1970, 1, 1)


def time_literal(value: date | datetime) -> Term:
    """A date, or an instant of no zone."""
    return Term("lit", data=value, type="timestamp" if isinstance(value, datetime) else "date")


def read_time(text: str, type_: str) -> Term | None:
    """The date or instant that a text is where a value of that type is wanted."""
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return time_literal(day if type_ == "date" else datetime(day.year, day.month, day.day))
        if type_ == "timestamp" and _TIME.fullmatch(text):
            return time_literal(datetime.fromisoformat(text))
    except ValueError:
        return None
    return None


def truncated(unit: str, term: Term) -> Term:
    """The first day of the period that a date or instant is in.

    >>> from kpilayer.proof.term import column
    >>> at = column(1, "at", "timestamp")
    >>> truncated("month", truncated("day", at)) == truncated("month", at)
    True
    """
    if is_literal(term) and term.type in TIMES:
        return time_literal(_floor(unit, _day(term)))
    if term.op == "trunc" and UNITS.index(str(term.data)) <= UNITS.index(unit):
        term = term.args[0]
    if unit == "day" and term.type == "date":
        return term
    return Term("trunc", (term,), unit, "date")


def date_part(part: str, term: Term) -> Term:
    """A number that a date has: its year, month, ..; the time of its day does not matter."""
    if term.op == "trunc" and term.data == "day":
        term = term.args[0]
    return Term("part", (term,), part, "int")


def shifted(term: Term, count: int, unit: str) -> Term:
    """A date or instant, so many units later."""
    if unit in _MONTHS or unit in ("month",):
        if is_literal(term):
            moved = _later(_day(term), count * _MONTHS[unit])
            if moved is not None and _is_midnight(term):
                return time_literal(moved)
        return function(f"add_{unit}", term, number(count), type_="timestamp")
    if unit in ("day", "week"):
        days = count * (7 if unit == "week" else 1)
        if is_literal(term):
            return time_literal(term.data + timedelta(days=days))
        return Term("shift", (term,), days, term.type)
    return function(f"add_{unit}", term, number(count), type_="timestamp")


def compare(op: str, a: Term, b: Term) -> Term:
    """``a = b``, ``a < b`` or ``a <= b``; a period beside a constant as a range of instants.

    >>> from kpilayer.proof.term import column
    >>> year = date_part("year", column(1, "at", "date"))
    >>> compare("eq", year, number(2024)).op
    'and'
    """
    if a.op == "lit" and a.type == "text" and b.type in TIMES:
        a = read_time(str(a.data), b.type) or a
    if b.op == "lit" and b.type == "text" and a.type in TIMES:
        b = read_time(str(b.data), a.type) or b
    a, b = _year_as_date(a, b), _year_as_date(b, a)
    if a.op == "trunc" and _bound(b) is not None:
        return _period_beside(op, a, b)
    if b.op == "trunc" and _bound(a) is not None:
        return _beside_period(op, a, b)
    return {"eq": equal, "lt": less, "le": at_most}[op](a, b)


def _year_as_date(a: Term, b: Term) -> Term:
    """A year, or the number it is compared with, as the first day of the year."""
    for here, there in ((a, b), (b, a)):
        whole = there.op == "lit" and there.type == "int" and isinstance(there.data, Fraction)
        if here.op == "part" and here.data == "year" and whole and 1 < int(there.data) < 9000:
            if here is a:
                return truncated("year", a.args[0])
            return time_literal(date(int(a.data), 1, 1))
    return a


def _period_beside(op: str, period: Term, bound: Term) -> Term:
    """The range in which the period of an instant is the bound, before it, or not after it."""
    unit, at, day = str(period.data), period.args[0], _bound(bound)
    assert day is not None
    first = _floor(unit, day)
    after = time_literal(_next(unit, first))
    if op == "le":
        return less(at, after)
    if op == "lt":
        return less(at, time_literal(day) if first == day else after)
    if first == day:
        return conjunction(at_most(time_literal(day), at), less(at, after))
    return equal(period, bound)


def _beside_period(op: str, bound: Term, period: Term) -> Term:
    unit, at, day = str(period.data), period.args[0], _bound(bound)
    assert day is not None
    first = _floor(unit, day)
    after = time_literal(_next(unit, first))
    if op == "lt":
        return at_most(after, at)
    if op == "le":
        return at_most(time_literal(day) if first == day else after, at)
    return _period_beside(op, period, bound)


def _bound(term: Term) -> date | None:
    """The day that a constant is the start of."""
    if not is_literal(term) or term.type not in TIMES or not _is_midnight(term):
        return None
    day = _day(term)
    return day if 1 < day.year < 9000 else None


def _is_midnight(term: Term) -> bool:
    value = term.data
    return not isinstance(value, datetime) or value.time() == datetime.min.time()


def _day(term: Term) -> date:
    value = term.data
    assert isinstance(value, date)
    return date(value.year, value.month, value.day)


def _floor(unit: str, day: date) -> date:
    if unit == "day":
        return day
    months = _MONTHS[unit]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _next(unit: str, first: date) -> date:
    if unit == "day":
        return first + timedelta(days=1)
    moved = _later(first, _MONTHS[unit])
    assert moved is not None, "the first day of a month has a counterpart in every month"
    return moved


def _later(day: date, months: int) -> date | None:
    """The same day so many months later; None where that month is shorter, or out of range."""
    total = day.year * 12 + day.month - 1 + months
    try:
        return date(total // 12, total % 12 + 1, day.day)
    except ValueError:
        return None


def as_number(value: date | datetime) -> int:
    """Days since 1970 of a date, microseconds of an instant."""
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return (value - EPOCH).days


__all__ = ["NUMBERS", "as_number", "compare", "date_part", "read_time", "shifted", "truncated"]
