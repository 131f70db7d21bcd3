"""From sqlglot's expressions to terms: one function for each kind of node, in a table.

What is not in the table is a function of which nothing is known, or cannot be read at all. A node
with an argument that its reader does not know is not read either.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from sqlglot import exp

from kpilayer.proof import aggregates, functions
from kpilayer.proof.aggregates import EXACT, Scope, only
from kpilayer.proof.query import Unreadable
from kpilayer.proof.term import (
    FALSE,
    NULL,
    NUMBERS,
    TIMES,
    TRUE,
    WRITTEN,
    Term,
    add,
    as_real,
    case,
    coalesce,
    conjunction,
    disjunction,
    function,
    is_literal,
    is_null,
    is_true,
    multiply,
    negation,
    number,
    same_value,
    subterms,
    text,
)
from kpilayer.proof.times import compare, date_part, read_time, shifted, truncated

#: Dialects in which texts that differ in case or trailing blanks may be equal.
LOOSE_TEXT: Final = frozenset({"mysql", "tsql", "fabric", "singlestore", "doris", "starrocks"})
#: Dialects in which LIKE knows case, and a dialect's dates are dates.
_STRICT_LIKE: Final = frozenset(
    {"duckdb", "postgres", "snowflake", "bigquery", "spark", "databricks", "trino", "presto"}
)


def read(node: exp.Expr, scope: Scope) -> Term:
    """The term that an expression is; raises Unreadable where there is none."""
    for kind in type(node).__mro__:
        reader = _READ.get(kind)
        if reader is not None:
            return reader(node, scope)
    return _opaque(node, scope)


def compared(op: str, a: Term, b: Term, dialect: str) -> Term:
    """A comparison; of texts as an unknown one where a dialect may fold them."""
    if "text" in (a.type, b.type) and dialect in LOOSE_TEXT:
        args = sorted((a, b), key=lambda t: t.text) if op == "eq" else [a, b]
        return function(f"folded_{op}", *args, type_="bool")
    return compare(op, a, b)


def _comparison(op: str, flipped: bool = False, negated: bool = False) -> Any:
    def reader(node: exp.Expr, scope: Scope) -> Term:
        only(node, "this", "expression")
        if op == "eq" and scope.dialect not in LOOSE_TEXT:
            found = functions.among(node, scope)
            if found is not None:
                return found
            prefix = functions.by_letters(node, scope)
            if prefix is not None:
                return negation(prefix) if negated else prefix
        a, b = read(node.this, scope), read(node.expression, scope)
        term = compared(op, b, a, scope.dialect) if flipped else compared(op, a, b, scope.dialect)
        return negation(term) if negated else term

    return reader


def _literal(node: exp.Expr, scope: Scope) -> Term:
    if node.is_string:
        return text(str(node.this))
    digits = str(node.this)
    try:
        value = Fraction(digits)
    except ValueError:
        raise Unreadable(digits) from None
    if not digits.isdigit() and value.denominator == 1 and scope.dialect not in EXACT:
        return function(f"decimal:{digits}", type_="real")  # `* 1.0` there gives other digits
    return number(value, "int" if digits.isdigit() else "real")


def _not(node: exp.Expr, scope: Scope) -> Term:
    return negation(read(node.this, scope))


def _is(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression", "negate")
    value, asked = read(node.this, scope), node.expression
    if isinstance(asked, exp.Null):
        found = is_null(value)
    elif isinstance(asked, exp.Boolean):
        found = is_true(value if asked.this else negation(value))
    else:
        raise Unreadable("IS")
    return negation(found) if node.args.get("negate") else found


def _between(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "low", "high")
    value, low, high = (read(node.args[k], scope) for k in ("this", "low", "high"))
    of = scope.dialect
    return conjunction(compared("le", low, value, of), compared("le", value, high, of))


def _in(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expressions", "query")
    value = read(node.this, scope)
    if node.args.get("query") is not None:
        query = scope.subquery(node.args["query"])
        folded = value.type == "text" and scope.dialect in LOOSE_TEXT
        if len(query.outputs) != 1 or folded:
            raise Unreadable("IN")
        return Term("in", (value,), query, "bool")
    parts = [compared("eq", value, read(e, scope), scope.dialect) for e in node.expressions]
    return disjunction(*parts)


def _exists(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this")
    return Term("exists", (), scope.subquery(node.this), "bool")


def _scalar(node: exp.Expr, scope: Scope) -> Term:
    query = scope.subquery(node)
    if len(query.outputs) != 1:
        raise Unreadable("scalar subquery")
    return Term("scalar", (), query, query.outputs[0][1].type)


def _case(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "ifs", "default")
    of = read(node.this, scope) if node.this else None
    parts: list[Term] = []
    for branch in node.args["ifs"]:
        only(branch, "this", "true")
        condition = read(branch.this, scope)
        parts.append(condition if of is None else compared("eq", of, condition, scope.dialect))
        parts.append(read(branch.args["true"], scope))
    default = node.args.get("default")
    return case(*parts, read(default, scope) if default is not None else NULL)


def _if(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "true", "false")
    other = node.args.get("false")
    last = NULL if other is None else read(other, scope)
    return case(read(node.this, scope), read(node.args["true"], scope), last)


def _coalesce(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expressions", "is_nvl", "is_null")
    return coalesce(*(read(e, scope) for e in (node.this, *node.expressions)))


def _nullif(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression")
    a, b = read(node.this, scope), read(node.expression, scope)
    return case(compared("eq", a, b, scope.dialect), NULL, a)


def _extreme(greatest: bool) -> Callable[[exp.Expr, Scope], Term]:
    def reader(node: exp.Expr, scope: Scope) -> Term:
        only(node, "this", "expressions", "ignore_nulls")
        args = [read(e, scope) for e in (node.this, *node.expressions)]
        if any(a.type not in (*NUMBERS, *TIMES) for a in args) or len(args) > 5:
            return _opaque(node, scope)
        best = args[0]
        for other in args[1:]:
            either = (other, best) if greatest else (best, other)
            wins = compare("lt", *either)  # the best so far is beaten by nothing less
            if node.args.get("ignore_nulls"):
                best = case(is_null(other), best, is_null(best), other, wins, best, other)
            else:
                nulls = disjunction(is_null(best), is_null(other))
                best = case(nulls, NULL, wins, best, other)
        return best

    return reader


def _add(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression")
    sign = -1 if isinstance(node, exp.Sub) else 1
    if isinstance(node.expression, exp.Interval):
        return _moved(read(node.this, scope), node.expression, sign, scope)
    a, b = read(node.this, scope), read(node.expression, scope)
    if a.type in NUMBERS and b.type in NUMBERS:
        return add(a, b if sign == 1 else multiply(number(-1), b))
    whole = b.op == "lit" and b.type == "int" and scope.dialect in ("duckdb", "postgres")
    if a.type == b.type == "date" and sign == -1 and scope.dialect in ("duckdb", "postgres"):
        return functions.days_between(a, b)
    if a.type == "date" and whole:
        return shifted(a, sign * int(b.data), "day")
    return function(node.key, a, b)


def _moved(term: Term, interval: exp.Expr, sign: int, scope: Scope) -> Term:
    only(interval, "this", "unit")
    count, unit = interval.this, interval.args.get("unit")
    if count is None or not isinstance(unit, exp.Var):
        raise Unreadable("interval")
    digits, name = str(count.this).strip(), unit.name.lower().rstrip("s")
    known = isinstance(count, exp.Literal) and digits.lstrip("-").isdigit()
    if not known or term.type not in TIMES:
        return function(f"moved:{sign}:{name}", term, read(count, scope))
    return shifted(term, sign * int(digits), name)


def _multiply(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression")
    a, b = read(node.this, scope), read(node.expression, scope)
    if a.type in NUMBERS and b.type in NUMBERS:
        return multiply(a, b)
    return function("mul", *sorted((a, b), key=lambda t: t.text))


def _negative(node: exp.Expr, scope: Scope) -> Term:
    value = read(node.this, scope)
    return multiply(number(-1), value) if value.type in NUMBERS else function("neg", value)


def _divide(node: exp.Expr, scope: Scope) -> Term:
    """A division of reals; of integers, in dialects whose `/` cuts them, an unknown function."""
    only(node, "this", "expression", "typed", "safe")
    a, b = read(node.this, scope), read(node.expression, scope)
    safe = bool(node.args.get("safe"))
    if a.type not in NUMBERS or b.type not in NUMBERS:
        return function(f"div_{safe}", a, b)
    if node.args.get("typed") and "real" not in (a.type, b.type):
        return function(f"div_{safe}", a, b, type_="int" if a.type == b.type == "int" else "number")
    is_double = any(t.op == "cast" and t.type == "real" for t in (a, b))
    short = is_literal(b) and b.data and a.type == "int" and (10**6 / Fraction(b.data)) % 1 == 0
    if (
        scope.dialect not in EXACT
        and not is_double
        and not (short and scope.dialect == "snowflake")
    ):
        return function(f"div_{safe}", a, b, type_="real")
    if is_literal(b) and b.data:
        return multiply(a, number(1 / Fraction(b.data), "real"))
    return Term("div", (as_real(a), as_real(b)), safe, "real")


def _cast(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "to", "safe")
    value, to = read(node.this, scope), node.args["to"]
    wanted = type_name(to, scope.dialect)
    if to.expressions and wanted in TIMES:
        wanted = "any"
    attempt = "try_" if isinstance(node, exp.TryCast) or node.args.get("safe") else ""
    if value == NULL:
        return NULL
    if is_literal(value) and value.type == "text" and wanted in TIMES:
        moment = read_time(str(value.data), wanted)
        if moment is not None:
            return moment
    if value.type in TIMES and wanted == "date":
        return truncated("day", value)
    if value.type in TIMES and wanted == "timestamp":
        return Term("cast", (value,), type="timestamp") if value.type == "date" else value
    if value.type in NUMBERS and to.is_type("double"):
        whole = value.op in ("lit", "cast") or value.type != "real"
        return as_real(value) if whole else Term("cast", (value,), type="real")
    if value.type == "int" and to.is_type("bigint", "int128"):
        return value
    if to.is_type("bigint", "int128") and _is_whole(value):
        return Term("cast", (value,), type="int")
    if value.type == "bool" and to.is_type("int", "bigint", "smallint", "tinyint"):
        return case(value, number(1), negation(value), number(0), NULL)
    if value.type == "text" and to.is_type("text", "varchar") and not to.expressions:
        return value
    name = f"{attempt}cast:{to.sql(scope.dialect)}"
    if wanted in (*NUMBERS, *TIMES, "bool"):
        return function(name, value, type_=wanted)
    return _shown(name, [value], wanted, scope)


def _is_whole(term: Term) -> bool:
    """Whether a number is a sum of integers, which some dialects call a decimal."""
    if term.op == "agg" and term.data in ("sum", "sum_distinct"):
        return all(v.type in ("int", "null") for a in term.args for v in _values(a))
    return term.type == "int" or (term.op in ("add", "mul") and all(map(_is_whole, term.args)))


def _values(term: Term) -> tuple[Term, ...]:
    return (*term.args[1::2], term.args[-1]) if term.op == "case" else (term,)


def type_name(type_: exp.DataType, dialect: str) -> str:
    """What a type is to the prover: int, real, bool, text, date, timestamp, or any other.

    >>> type_name(exp.DataType.build("DECIMAL(10, 2)"), "duckdb")
    'real'
    """
    kind = type_.this
    if dialect == "sqlite":  # any value may stand in any column; dates are texts
        return "number" if type_.is_type(*exp.DataType.NUMERIC_TYPES) else "any"
    if dialect in ("tsql", "fabric") and kind == exp.DataType.Type.DATETIME:
        return "any"  # which rounds to a third of a hundredth of a second
    if type_.args.get("nested") or not isinstance(kind, exp.DataType.Type):
        return "any"
    if kind in exp.DataType.INTEGER_TYPES:
        return "int"
    if kind in exp.DataType.REAL_TYPES:
        return "real"
    if kind in (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR):
        return "text"
    return {
        exp.DataType.Type.BOOLEAN: "bool",
        exp.DataType.Type.DATE: "date",
        exp.DataType.Type.DATE32: "date",
        exp.DataType.Type.TIMESTAMP: "timestamp",
        exp.DataType.Type.TIMESTAMPNTZ: "timestamp",
        exp.DataType.Type.DATETIME: "timestamp",
    }.get(kind, "any")


def _trunc(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "unit", "input_type_preserved")
    value, unit = read(node.this, scope), functions.week_of(node.args["unit"])
    if value.type in TIMES and unit in ("day", "month", "quarter", "year"):
        return truncated(unit, value)
    return function(f"trunc:{unit}", value, type_=value.type if value.type in TIMES else "any")


def _part(node: exp.Expr, scope: Scope) -> Term:
    if isinstance(node, exp.Extract):
        only(node, "this", "expression")
        part, value = node.this.name.lower(), read(node.expression, scope)
    else:
        only(node, "this")
        part, value = node.key, read(node.this, scope)
    if value.type in TIMES and part in ("year", "quarter", "month", "day"):
        return date_part(part, value)
    whole = part in ("dow", "isodow", "doy", "week", "hour", "minute")
    return function(f"part:{part}", value, type_="int" if whole else "any")


def _as_day(node: exp.Expr, scope: Scope) -> Term:
    """What a dialect wraps around an argument that it takes to be a date."""
    value = read(node.this, scope)
    known = value.type in TIMES and not any(node.args.get(k) for k in ("format", "safe"))
    return truncated("day", value) if known else _opaque(node, scope)


def _like(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression")
    value, pattern = read(node.this, scope), read(node.expression, scope)
    words = str(pattern.data) if is_literal(pattern) and pattern.type == "text" else "\\"
    exact = scope.dialect in _STRICT_LIKE and value.type == "text" and not set(words) & {"\\", "_"}
    if exact and "%" not in words:
        return compare("eq", value, pattern)
    if exact and words.endswith("%") and "%" not in words[:-1]:
        return functions.starts_with(value, words[:-1])
    return function("like", value, pattern, type_="bool")


def _starts_with(node: exp.Expr, scope: Scope) -> Term:
    only(node, "this", "expression")
    parts = (read(node.this, scope), read(node.expression, scope))
    return function("startswith", *parts, type_="bool")


_ROWS: Final = ("scalar", "exists", "in", "window")
_STRICT_TYPES: Final = {
    "upper": "text", "lower": "text", "length": "int", "trim": "text",
}  # fmt: skip
_UNKNOWN: Final = (
    exp.AggFunc, exp.Query, exp.UDTF, exp.Lambda, exp.Interval, exp.Placeholder, exp.Parameter,
    exp.Distinct, exp.Star, exp.Alias, exp.Dot, exp.Window, exp.Columns,
    exp.ExplodingGenerateSeries, exp.GenerateSeries, exp.Explode,
)  # fmt: skip


def _opaque(node: exp.Expr, scope: Scope) -> Term:
    """A function by its name; what is no expression inside it is part of the name."""
    known = isinstance(node, exp.Func | exp.Binary | exp.Unary) and not isinstance(node, _UNKNOWN)
    if not known:
        raise Unreadable(node.key)
    name, args = node.key, []
    for key, value in node.args.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, exp.Var | exp.DataType | exp.Identifier):
                name += f":{key}={part.sql(scope.dialect).lower()}"
            elif isinstance(part, exp.Expr):
                name += f":{key}"
                args.append(read(part, scope))
            elif part not in (None, False):
                name += f":{key}={part!s}"
    if isinstance(node, exp.Anonymous) and not args:
        raise Unreadable("a function of nothing")
    same = functions.again(name.lower(), args)
    if same is not None:
        return same
    type_ = _type_of(node, args)
    if type_ in (*NUMBERS, "bool"):
        return function(name.lower(), *args, type_=type_)
    return _shown(name.lower(), args, type_, scope)


def _shown(name: str, args: list[Term], type_: str, scope: Scope) -> Term:
    """A function that may show how exact a number is: 1.50 and 1.5 are one number, two texts.

    Such numbers have to be made in the same way of what is stored.
    """
    if not any(a.type in ("real", "number") for a in args):
        return function(name, *args, type_=type_)
    columns = {t for a in args for t in subterms(a) if t.op == "col" or t.op in _ROWS}
    if any(t.op in _ROWS or not scope.is_stored(t) for t in columns):
        raise Unreadable("how a number is written")
    return function(WRITTEN + name, *args, type_=type_)


def _type_of(node: exp.Expr, args: list[Term]) -> str:
    if isinstance(node, exp.Predicate):
        return "bool"
    if isinstance(node, exp.Round | exp.Abs | exp.Floor | exp.Ceil) and args[0].type in NUMBERS:
        return "real" if args[0].type == "real" else "number"
    return _STRICT_TYPES.get(node.key, "any")


_READ: Final[dict[type, Callable[[Any, Scope], Term]]] = {
    exp.Paren: lambda n, s: read(n.this, s),
    exp.Column: lambda n, s: s.column(n),
    exp.Literal: _literal,
    exp.Boolean: lambda n, s: TRUE if n.this else FALSE,
    exp.Null: lambda n, s: NULL,
    exp.And: lambda n, s: conjunction(read(n.this, s), read(n.expression, s)),
    exp.Or: lambda n, s: disjunction(read(n.this, s), read(n.expression, s)),
    exp.Not: _not,
    exp.EQ: _comparison("eq"),
    exp.NEQ: _comparison("eq", negated=True),
    exp.LT: _comparison("lt"),
    exp.LTE: _comparison("le"),
    exp.GT: _comparison("lt", flipped=True),
    exp.GTE: _comparison("le", flipped=True),
    exp.NullSafeEQ: lambda n, s: same_value(read(n.this, s), read(n.expression, s)),
    exp.NullSafeNEQ: lambda n, s: negation(same_value(read(n.this, s), read(n.expression, s))),
    exp.Is: _is,
    exp.Between: _between,
    exp.In: _in,
    exp.Exists: _exists,
    exp.Subquery: _scalar,
    exp.Case: _case,
    exp.If: _if,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Greatest: _extreme(greatest=True),
    exp.Least: _extreme(greatest=False),
    exp.Add: _add,
    exp.Sub: _add,
    exp.Mul: _multiply,
    exp.Neg: _negative,
    exp.Div: _divide,
    exp.Cast: _cast,
    exp.TimestampTrunc: _trunc,
    exp.DateTrunc: _trunc,
    exp.Extract: _part,
    exp.TsOrDsToDate: _as_day,
    exp.Year: _part,
    exp.Month: _part,
    exp.Quarter: _part,
    exp.Like: _like,
    exp.StartsWith: _starts_with,
    exp.AggFunc: aggregates.plain_aggregate,
    exp.CountIf: aggregates.count_if,
    exp.PercentileCont: aggregates.percentile,
    exp.PercentileDisc: aggregates.percentile,
    exp.WithinGroup: aggregates.percentile,
    exp.Filter: aggregates.filtered,
    exp.Window: aggregates.window,
    **functions.READ,
}
