"""What authors write, in BigQuery's words, where its word of that name gives another value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.sql import types
from kpilayer.sql.dialects.capabilities import SpellOne
from kpilayer.sql.dialects.spellings import (
    TYPE,
    call,
    counted_substring,
    double,
    is_to,
    operand,
    refused,
)

_TIMES: Final = (TYPE.TIMESTAMP, TYPE.TIMESTAMPNTZ, TYPE.DATETIME)
_WHOLE: Final = (TYPE.TINYINT, TYPE.SMALLINT, TYPE.INT, TYPE.BIGINT)
_TEXTS: Final = (TYPE.CHAR, TYPE.VARCHAR, TYPE.TEXT)
_NUMBER: Final = exp.Literal.number
_TEXT: Final = exp.Literal.string


def as_date(value: exp.Expr) -> exp.Expr:
    """A value as a DATE, in UTC where it is an instant."""
    return value if is_to(value, TYPE.DATE) else exp.cast(value, TYPE.DATE, copy=False)


def as_time(value: exp.Expr) -> exp.Expr:
    """A value as a DATETIME, in UTC where it is an instant."""
    known = isinstance(value, exp.Anonymous) and value.name.startswith("DATETIME")
    return value if known or is_to(value, *_TIMES) else exp.cast(value, TYPE.DATETIME, copy=False)


# ----------------------------------------------------------------------------------------- numbers


def _literal(tree: exp.Expr) -> exp.Expr:
    """1.5 is a decimal, as in DuckDB, and not a double; long whole numbers stay exact."""
    text = tree.name
    if tree.is_string or not text.replace(".", "", 1).isdigit():
        return tree
    before, point, after = text.partition(".")
    before = before.lstrip("0")
    if not point and len(before) <= 18:
        return tree
    if len(before) > 38 or len(after) > 38:
        return tree
    kind = "NUMERIC" if len(before) <= 29 and len(after) <= 9 else "BIGNUMERIC"
    return exp.var(f"{kind} '{text}'")


def _rounded_to_even(value: exp.Expr) -> exp.Expr:
    """Halves of doubles to even, as DuckDB rounds them where it casts."""
    half = exp.EQ(
        this=exp.Abs(
            this=exp.Sub(this=operand(value.copy()), expression=call("TRUNC", value.copy()))
        ),
        expression=_NUMBER("0.5"),
    )
    two = exp.Mul(
        this=_NUMBER(2),
        expression=call("ROUND", call("IEEE_DIVIDE", value.copy(), _NUMBER(2))),
    )
    return exp.If(this=half, true=two, false=value)


def _cast(tree: exp.Expr) -> exp.Expr:
    value, to = tree.this, tree.args["to"]
    kind = types.kind_of(value)
    match to.this:
        case TYPE.DATE if value.is_string and value.name == "infinity":
            return exp.cast(_TEXT("9999-12-31 23:59:59.999999"), TYPE.DATETIME)  # past every date
        case TYPE.DATE if kind == types.TEXT:  # also of a time, of which it is the day
            return exp.cast(exp.cast(value, TYPE.DATETIME, copy=False), TYPE.DATE, copy=False)
        case TYPE.TIME | TYPE.INTERVAL:
            return refused("CAST", "gives no value of this type on bigquery", "cast to text")(tree)
        case TYPE.DECIMAL:
            return _decimal(tree)
        case TYPE.INT128:
            tree.set("to", exp.DataType.build("BIGNUMERIC(38)", dialect="bigquery"))
        case TYPE.FLOAT | TYPE.DOUBLE if kind == types.BOOLEAN:
            tree.set("this", exp.cast(value, TYPE.BIGINT, copy=False))
        case _ if to.this in _TEXTS:
            tree.set("to", exp.DataType(this=TYPE.TEXT))  # a length would cut the text
            if kind is not None and kind.name == "decimal":
                return call("FORMAT", _TEXT(f"%.{kind.scale}f"), value)
        case _ if to.this in _WHOLE and kind == types.DOUBLE:
            tree.set("this", _rounded_to_even(value))
    return tree


def _decimal(tree: exp.Expr) -> exp.Expr:
    """NUMERIC where the digits fit, else BIGNUMERIC; DECIMAL alone is DECIMAL(18, 3)."""
    sizes = [int(size.name) for size in tree.args["to"].expressions] or [18, 3]
    precision, scale = (*sizes, 0)[:2]
    name = "NUMERIC" if scale <= 9 and precision - scale <= 29 else "BIGNUMERIC"
    exact = exp.Cast(this=tree.this, to=exp.DataType.build(name, dialect="bigquery"))
    return call("ROUND", exact, _NUMBER(scale))


def _mod(tree: exp.Expr) -> exp.Expr:
    """What is left of a division; MOD takes no doubles."""
    left, right = tree.this, tree.expression
    if types.DOUBLE not in (types.kind_of(left), types.kind_of(right)):
        return tree
    times = exp.Mul(
        this=operand(right.copy()),
        expression=call("TRUNC", call("IEEE_DIVIDE", left.copy(), right.copy())),
    )
    return exp.Paren(this=exp.Sub(this=operand(left), expression=times))


def _rounded(tree: exp.Expr) -> exp.Expr:
    """A whole number stays one."""
    digits = tree.args.get("decimals")
    is_whole = types.kind_of(tree.this) == types.INTEGER
    if not is_whole:
        return tree
    return exp.cast(tree, TYPE.BIGINT) if isinstance(digits, exp.Neg) else tree.this


_NUMBERS: Final = ("integer", "decimal", "double")


def _compared(tree: exp.Expr) -> exp.Expr:
    """A number that is written as a text, beside a number."""
    for side, other in (("this", "expression"), ("expression", "this")):
        kind = types.kind_of(tree.args[other])
        if tree.args[side].is_string and kind is not None and kind.name in _NUMBERS:
            to = TYPE.BIGINT if kind == types.INTEGER else TYPE.DOUBLE
            tree.set(side, exp.cast(tree.args[side], to, copy=False))
    return tree


def _extreme(tree: exp.Expr) -> exp.Expr:
    """The greatest or least of what is not NULL; BigQuery gives NULL where one of them is."""
    values = [tree.this, *tree.expressions]
    sure = [value for value in values if isinstance(value, (exp.Literal, exp.Var))]

    def held(place: int) -> exp.Expr:
        value: exp.Expr = values[place]
        if value in sure:
            return value.copy()
        others = sure[:1] or values[place + 1 :] + values[:place]
        return exp.Coalesce(this=value.copy(), expressions=[o.copy() for o in others])

    return call(type(tree).__name__.upper(), *(held(n) for n in range(len(values))))


# -------------------------------------------------------------------------------------------- text


def _as_text(value: exp.Expr) -> exp.Expr:
    if value.is_string or types.kind_of(value) == types.TEXT:
        return value
    return _cast(types.keeping(exp.cast(value, TYPE.TEXT, copy=False), value))


def _joined(tree: exp.Expr) -> exp.Expr:
    tree.set("this", _as_text(tree.this))
    tree.set("expression", _as_text(tree.expression))
    return tree


def _concatenated(tree: exp.Expr) -> exp.Expr:
    """NULL is no text, rather than no result."""
    texts = [_as_text(part) for part in tree.expressions]
    none = _TEXT("")
    return call(
        "CONCAT",
        *(t if t.is_string else exp.Coalesce(this=t, expressions=[none.copy()]) for t in texts),
    )


def _substring(tree: exp.Expr) -> exp.Expr:
    """BigQuery takes a start of 0 for the first letter, and one before it as well."""
    counted = counted_substring(tree)
    given = (counted.args.get(arg) for arg in ("start", "length"))
    return call("SUBSTR", counted.this, *(value for value in given if value is not None))


def _pattern(tree: exp.Expr) -> exp.Expr:
    """A backslash in a pattern is a letter like others, and ILIKE compares small letters."""
    pattern, slash = tree.expression, "\\"
    if pattern.is_string:
        pattern = _TEXT(pattern.name.replace(slash, slash * 2))
    else:
        pattern = call("REPLACE", pattern, _TEXT(slash), _TEXT(slash * 2))
    value = tree.this
    if isinstance(tree, exp.ILike):
        value, pattern = exp.Lower(this=value), exp.Lower(this=pattern)
    return exp.Like(**{**tree.args, "this": value, "expression": pattern})


def _escaped(tree: exp.Expr) -> exp.Expr:
    """A pattern that says which letter escapes; in BigQuery's that is a backslash."""
    like, letter = tree.this, tree.expression
    pattern = like.expression
    if not pattern.is_string or not letter.is_string or len(letter.name) > 1:
        return refused("ESCAPE", "has to stand in the text of the pattern", "write it out")(tree)
    text, out = iter(pattern.name), ""
    for at in text:
        if letter.name and at == letter.name:
            at = next(text, "")
            out += "\\" + at if at in "%_\\" else at
        else:
            out += "\\\\" if at == "\\" else at
    value: exp.Expr = like.this
    found: exp.Expr = _TEXT(out)
    if isinstance(like, exp.ILike):
        value, found = exp.Lower(this=value), exp.Lower(this=found)
    return exp.Like(**{**like.args, "this": value, "expression": found})


# ------------------------------------------------------------------------------------------- times

_PARTS: Final = {
    **dict.fromkeys(("doy", "dayofyear"), "DAYOFYEAR"),
    **dict.fromkeys(("week", "weekofyear"), "ISOWEEK"),
    **dict.fromkeys(("isoyear", "yearofweekiso"), "ISOYEAR"),
    **{n: n.upper() for n in ("year", "quarter", "month", "day", "hour", "minute", "second")},
}


def part_of(part: str, value: exp.Expr) -> exp.Expr:
    """A part of a date or time, as DuckDB counts it; BigQuery's Sunday is 1."""
    if part in _PARTS:
        fine = part in ("hour", "minute", "second")
        return exp.Extract(this=exp.var(_PARTS[part]), expression=as_time(value) if fine else value)
    days = exp.Extract(this=exp.var("DAYOFWEEK"), expression=value)
    match part:
        case "dow" | "dayofweek" | "weekday":
            return exp.Paren(this=exp.Sub(this=days, expression=_NUMBER(1)))
        case "isodow" | "dayofweekiso":
            before = call("MOD", exp.Add(this=days, expression=_NUMBER(5)), _NUMBER(7))
            return exp.Paren(this=exp.Add(this=before, expression=_NUMBER(1)))
        case "epoch":
            micros = double(call("UNIX_MICROS", exp.cast(value, TYPE.TIMESTAMPTZ, copy=False)))
            return exp.Paren(this=exp.Div(this=micros, expression=_NUMBER(1_000_000), typed=False))
        case "microsecond" | "millisecond":
            size = 1_000_000 if part == "microsecond" else 1_000
            seconds = exp.Extract(this=exp.var("SECOND"), expression=as_time(value))
            rest = exp.Extract(this=exp.var(part.upper()), expression=as_time(value.copy()))
            whole = exp.Mul(this=seconds, expression=_NUMBER(size))
            return exp.Paren(this=exp.Add(this=whole, expression=rest))
    what = f"EXTRACT({part} ..)"
    return refused(what, "is not known to bigquery", "use parts of the guide")(value)


def _date_part(tree: exp.Expr) -> exp.Expr:
    return part_of(tree.name.lower(), tree.expression)


def _truncated(tree: exp.Expr) -> exp.Expr:
    """A time, as DATE_TRUNC gives in DuckDB, of weeks from Monday."""
    unit = str(tree.args["unit"].name).lower()
    words = {"week": "ISOWEEK", "microsecond": ""}
    word = words.get(unit, unit.upper())
    return call("DATETIME_TRUNC", as_time(tree.this), exp.var(word)) if word else as_time(tree.this)


def _difference(tree: exp.Expr) -> exp.Expr:
    """How often a unit of time begins between two times."""
    unit = str(tree.args.get("unit") or "day").lower()
    later, earlier = tree.this, tree.expression
    if unit == "week":
        hint = "use DATE_DIFF('day', a, b) / 7"
        return refused("DATE_DIFF", "in weeks is not proven there", hint)(tree)
    if unit in ("day", "month", "quarter", "year"):
        return call("DATE_DIFF", as_date(later), as_date(earlier), exp.var(unit.upper()))
    return call("DATETIME_DIFF", as_time(later), as_time(earlier), exp.var(unit.upper()))


def _minus(tree: exp.Expr) -> exp.Expr:
    """Days between two dates; BigQuery's difference is an interval."""
    left, right = tree.this, tree.expression
    if types.kind_of(right) == types.DATE or is_to(right, TYPE.DATE):
        return call("DATE_DIFF", as_date(left), as_date(right), exp.var("DAY"))
    return tree


def _following(tree: exp.Expr) -> exp.Expr:
    """LEAD and LAG with a value where there is no row: BigQuery's has to be a constant."""
    default = tree.this.args.get("default") if isinstance(tree.this, (exp.Lag, exp.Lead)) else None
    if default is None:
        return tree
    tree.this.set("default", None)
    return exp.Coalesce(this=tree, expressions=[default])


WORDS: Final[Mapping[type[exp.Expr], SpellOne]] = MappingProxyType(
    {
        **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _compared),
        exp.Cast: _cast,
        exp.Concat: _concatenated,
        exp.DPipe: _joined,
        exp.DateDiff: _difference,
        exp.DateTrunc: _truncated,
        exp.Escape: _escaped,
        exp.Extract: _date_part,
        exp.Greatest: _extreme,
        exp.ILike: _pattern,
        exp.Least: _extreme,
        exp.Like: _pattern,
        exp.Literal: _literal,
        exp.Mod: _mod,
        exp.Round: _rounded,
        exp.SimilarTo: refused("SIMILAR TO", "is not known to bigquery", "use LIKE"),
        exp.Sub: _minus,
        exp.Substring: _substring,
        exp.TimestampTrunc: _truncated,
        exp.TryCast: refused("TRY_CAST", "reads other texts as numbers there", "use CAST"),
        exp.Window: _following,
    }
)
