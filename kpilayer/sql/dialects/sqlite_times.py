"""Times on SQLite: text in one form, `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS[.ffffff]`.

Its functions count milliseconds and drop what is finer, so the fraction of a second is carried as
text, and dates and whole seconds are all that they compute with.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.grain import is_date, split
from kpilayer.sql import types
from kpilayer.sql.dialects.capabilities import Periods
from kpilayer.sql.dialects.spellings import TYPE, call, in_calendar_years
from kpilayer.sql.types import kind_of, noted

_text = exp.Literal.string
_number = exp.Literal.number

#: What functions of SQLite give a date, and what a text of date and time.
DATE: Final = "DATE"
DATETIME: Final = "DATETIME"
#: Notes on trees: the day of a time that was moved; that a literal is a time.
_DAY: Final = "day"
TIME: Final = "time"


def is_call(tree: exp.Expr, *names: str) -> bool:
    """Whether a tree is a call of one of these functions."""
    return isinstance(tree, exp.Anonymous) and tree.name in names


def date(value: exp.Expr, *modifiers: str) -> exp.Expr:
    """The day of a time, moved: `DATE(x, 'start of month')`.

    Only what begins a period reads the day as it is; all else would round the last millisecond up.
    """
    words = [_text(word) for word in modifiers]
    if is_call(value, DATE):
        return noted(call(DATE, *value.expressions, *words), types.DATE)
    if modifiers and not modifiers[0].startswith("start of"):
        value = day_of(value)
    return noted(call(DATE, value, *words), types.DATE)


def is_day(value: exp.Expr) -> bool:
    """Whether a value is known to be a date, and no time."""
    return is_call(value, DATE) or kind_of(value) == types.DATE


def day_of(value: exp.Expr) -> exp.Expr:
    """The day of a time as text."""
    return value if is_day(value) else noted(call(DATE, value), types.DATE)


def timestamp(value: exp.Expr) -> exp.Expr:
    """A time with its fraction of a second: 19 characters are date and time, the rest is that."""
    return _with_fraction(call(DATETIME, value), value)


def _with_fraction(seconds: exp.Expr, value: exp.Expr) -> exp.Expr:
    if is_day(value) or written_as(value) is not None:
        return seconds
    rest = call("SUBSTR", value.copy(), _number(20))
    return exp.paren(exp.DPipe(this=seconds, expression=rest), copy=False)


def written_as(value: exp.Expr) -> str | None:
    """The text of a literal; None for what is none."""
    return str(value.name) if isinstance(value, exp.Literal) and value.is_string else None


# ----------------------------------------------------------------------------------- what plans say


def trunc(unit: str, value: exp.Expr) -> exp.Expr:
    """The first instant of a period; a date from days on."""
    base, first = split(unit)
    if is_date(unit):
        value = value.meta.get(_DAY) or value
    match base:
        case "day":
            return value if is_day(value) and not isinstance(value, exp.Column) else date(value)
        case "week":
            return date(value, "-6 days", f"weekday {(first + 1) % 7}")
        case "month":
            return date(value, "start of month")
        case "quarter":
            since = exp.Mod(
                this=exp.paren(exp.Add(this=_cut("%m", value), expression=_number(11 - first))),
                expression=_number(3),
            )
            back = _joined(_text("-"), exp.paren(since, copy=False), _text(" months"))
            started = date(value, "start of month")
            return noted(call(DATE, *started.expressions, back), types.DATE)
        case "year":
            moves = (f"-{first} months", "start of year", f"+{first} months") if first else ()
            return date(value, "start of month", *moves) if moves else date(value, "start of year")
        case "hour":
            return call("STRFTIME", _text("%Y-%m-%d %H:00:00"), value)
        case "minute":
            return call("STRFTIME", _text("%Y-%m-%d %H:%M:00"), value)
        case "second":
            return call(DATETIME, value)
        case "millisecond":
            return _to_milliseconds(value)
    return timestamp(value)


def _to_milliseconds(value: exp.Expr) -> exp.Expr:
    cut = call("SUBSTR", value.copy(), _number(20), _number(4))
    whole = exp.In(this=cut.copy(), expressions=[_text(""), _text(".000")])
    rest = exp.DPipe(this=cut, expression=_text("000"))
    fraction = exp.Case(ifs=[exp.If(this=whole, true=_text(""))], default=rest)
    return exp.paren(exp.DPipe(this=call(DATETIME, value), expression=fraction), copy=False)


#: A date part that STRFTIME knows.
_PARTS: Final = {
    "year": "%Y",
    "month": "%m",
    "day": "%d",
    "hour": "%H",
    "minute": "%M",
    "second": "%S",
    "doy": "%j",
    "dayofyear": "%j",
}


def part(name: str, value: exp.Expr) -> exp.Expr:
    """A date part as an integer; Monday is 1."""
    base, moved = in_calendar_years(name, value, _months_of)
    if base == "dow":
        base = "isodow"
    return cut_out(base, moved) or exp.null()


def _months_of(value: exp.Expr, count: int, _: str) -> exp.Expr:
    """The month so many months away, as its first day: enough for the parts of fiscal years."""
    return date(value, "start of month", f"{count:+} months")


def cut_out(name: str, value: exp.Expr) -> exp.Expr | None:
    """A part of a time as DuckDB's EXTRACT gives it; None for one that it does not know."""
    if name in _PARTS:
        return _cut(_PARTS[name], value)
    days = day_of(value)
    match name:
        case "quarter":
            return _whole(_cut("%m", value), plus=2, by=3)
        case "week" | "weekofyear":
            thursday = date(value, "-3 days", "weekday 4")
            return _whole(_cut("%j", thursday), plus=6, by=7)
        case "isoyear":
            return _cut("%Y", date(value, "-3 days", "weekday 4"))
        case "dow" | "dayofweek" | "weekday":
            return _cut("%w", days)
        case "isodow" | "dayofweekiso":
            monday = exp.paren(exp.Add(this=_cut("%w", days), expression=_number(6)), copy=False)
            rest = exp.paren(exp.Mod(this=monday, expression=_number(7)), copy=False)
            return exp.paren(exp.Add(this=rest, expression=_number(1)), copy=False)
        case "epoch":
            seconds = _cut("%s", call(DATETIME, value))
            return exp.paren(exp.Add(this=seconds, expression=_fraction(value)), copy=False)
        case "millisecond" | "microsecond":
            factor = _number(1000 if name == "millisecond" else 1000000)
            seconds = exp.Add(this=_cut("%S", value), expression=_fraction(value))
            scaled = exp.Mul(this=exp.paren(seconds, copy=False), expression=factor)
            rounded = call("ROUND", scaled, _number(3 if name == "millisecond" else 0))
            return exp.cast(rounded, TYPE.BIGINT, copy=False)
    return None


def days_between(end: exp.Expr, start: exp.Expr) -> exp.Expr:
    """How many midnights lie between two times."""
    later, earlier = (call("JULIANDAY", day_of(value)) for value in (end, start))
    return exp.cast(exp.Sub(this=later, expression=earlier), TYPE.BIGINT, copy=False)


def cut_out_seconds(value: exp.Expr) -> exp.Expr:
    """Whole seconds since 1970."""
    return _cut("%s", call(DATETIME, value))


def _fraction(value: exp.Expr) -> exp.Expr:
    """The fraction of a second, 0.0 without one."""
    digits = _joined(_text("0"), call("SUBSTR", value.copy(), _number(20)))
    return exp.cast(exp.paren(digits, copy=False), TYPE.DOUBLE, copy=False)


def _cut(form: str, value: exp.Expr) -> exp.Expr:
    return exp.cast(call("STRFTIME", _text(form), value), TYPE.BIGINT, copy=False)


def _whole(value: exp.Expr, *, plus: int, by: int) -> exp.Expr:
    """(value + plus) / by in whole numbers."""
    moved = exp.paren(exp.Add(this=value, expression=_number(plus)), copy=False)
    return exp.paren(exp.Div(this=moved, expression=_number(by), typed=True), copy=False)


def _joined(*parts: exp.Expr) -> exp.Expr:
    tree, *rest = parts
    for one in rest:
        tree = exp.DPipe(this=tree, expression=one)
    return tree


_STEPS: Final = {"week": (7, "day"), "quarter": (3, "month"), "year": (12, "month")}


def moved(unit: str, count: int, value: exp.Expr) -> exp.Expr:
    """A time so many units later, as a timestamp; a day that a month has not is its last one."""
    base, _ = split(unit)
    times, step = _STEPS.get(base, (1, base))
    if step in ("millisecond", "microsecond"):
        message = f"sqlite does not add {step}s to a time"
        hint = "times are added up in whole seconds there"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))
    if step in ("day", "month") and is_day(value):
        return noted(_moved_date(step, count * times, value), types.DATE)
    tree = _moved(f"{count * times:+} {step}s", step, count * times, value)
    if step in ("day", "month"):
        tree.meta[_DAY] = _moved_date(step, count * times, value.copy())
    return tree


def _moved(word: str, step: str, count: int, value: exp.Expr) -> exp.Expr:
    if step != "month":
        seconds = value if is_day(value) else call(DATETIME, value)
        return _with_fraction(call(DATETIME, seconds, _text(word)), value.copy())
    time_of_day = call("SUBSTR", timestamp(value.copy()).unnest(), _number(11))
    return exp.paren(_joined(_months_later(value, count), time_of_day), copy=False)


def _months_later(value: exp.Expr, count: int) -> exp.Expr:
    """The day so many months later, or the last one of that month."""
    there = date(value.copy(), f"{count:+} months")
    last = date(value, "start of month", f"{count + 1:+} months", "-1 days")
    return call("MIN", there, last)


def _moved_date(step: str, count: int, value: exp.Expr) -> exp.Expr:
    """The day of a time so many days or months later."""
    if step == "month":
        return _months_later(value, count)
    return date(value, f"{count:+} days")


def periods(periods: Periods) -> exp.Select:
    """A recursive CTE that counts up from the first period."""
    base, _ = split(periods.unit)
    times, step = _STEPS.get(base, (1, base))
    known = exp.column(periods.column, table="periods")
    word = DATE if is_date(periods.unit) else DATETIME
    first, last = (
        end if word == DATE and is_day(end) else call(word, end)
        for end in (periods.first, periods.last)
    )
    begin = exp.Select(expressions=[exp.alias_(first, periods.column, copy=False)])
    following = exp.Select(expressions=[call(word, known, _text(f"+{times} {step}s"))])
    following.set("from_", exp.From(this=exp.to_table("periods")))
    if periods.bounds is not None:
        begin.set("from_", exp.From(this=periods.bounds))
        following.set("joins", [exp.Join(this=periods.bounds.copy(), kind="CROSS")])
    begin.set("where", exp.Where(this=exp.LTE(this=first.copy(), expression=last)))
    earlier = exp.LT(this=known.copy(), expression=last.copy())
    following.set("where", exp.Where(this=earlier))
    counted = exp.Union(this=begin, expression=following, distinct=False)
    name = exp.TableAlias(this=exp.to_identifier("periods"))
    select = exp.Select(expressions=[known.copy()])
    select.set("from_", exp.From(this=exp.to_table("periods")))
    with_ = exp.With(expressions=[exp.CTE(this=counted, alias=name)], recursive=True)
    select.set("with_", with_)
    return select


# -------------------------------------------------------------------------------- what people write


def day_literal(text: str) -> str:
    """A date or time that somebody wrote, in the one form.

    >>> day_literal("2026-1-5"), day_literal("2026-01-05T10:30"), day_literal("infinity")
    ('2026-01-05', '2026-01-05 10:30:00', 'infinity')
    """
    if text.strip().lower() == "infinity":
        return "infinity"  # later than any date, as a text
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        day, _, rest = text.strip().partition(" ")
        parts = day.split("-")
        if len(parts) != 3 or not all(p.isdigit() for p in parts):
            return text
        padded = f"{parts[0]:0>4}-{parts[1]:0>2}-{parts[2]:0>2}" + (f" {rest}" if rest else "")
        return padded if padded == text.strip() else day_literal(padded)
    is_day = len(text.strip()) <= 10
    return found.date().isoformat() if is_day else found.replace(tzinfo=None).isoformat(sep=" ")


def written(text: str, *, is_date: bool) -> exp.Expr:
    """A literal that is a date or a time."""
    found = day_literal(text)
    literal = _text(found[:10] if is_date else found)
    literal.meta[TIME] = True
    return noted(literal, types.DATE if is_date else types.TIMESTAMP)
