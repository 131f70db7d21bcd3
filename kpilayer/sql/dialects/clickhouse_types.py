"""Numbers, types and lists as authors mean them, in ClickHouse's words.

Types of columns are not known here. Where a word depends on them, ``toTypeName`` tells: it is a
constant to ClickHouse, which then reads only the branch that fits.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.sql.dialects.spellings import TYPE, call, double, operand, refused

#: Zero of the widest decimal type, where a constant zero would be taken out of a sum.
NOTHING_WIDE: Final = call(
    "materialize", call("toDecimal256", exp.Literal.number(0), exp.Literal.number(0))
)
_WHOLE: Final = frozenset(
    {TYPE.TINYINT, TYPE.SMALLINT, TYPE.INT, TYPE.BIGINT, TYPE.INT128, TYPE.UBIGINT, TYPE.UINT}
)
_TEXTS: Final = frozenset({TYPE.TEXT, TYPE.VARCHAR, TYPE.CHAR})
_FLOATS: Final = frozenset({TYPE.DOUBLE, TYPE.FLOAT})
_MOST_DIGITS: Final = 38
ENDLESS: Final = "9999-12-31 23:59:59.999999"  # later than the last DATE begins


def as_date(value: exp.Expr) -> exp.Expr:
    """A DATE of all years; ClickHouse's own DATE begins in 1970."""
    return value if is_call(value, "toDate32") else call("toDate32", value)


def as_time(value: exp.Expr) -> exp.Expr:
    """A TIMESTAMP with microseconds."""
    if is_call(value, "toDateTime64") and len(value.expressions) == 2:
        return value
    return call("toDateTime64", value, exp.Literal.number(6))


def whole(value: exp.Expr) -> exp.Expr:
    """A count as a number with a sign."""
    return call("toInt64", value)


def is_call(tree: exp.Expr, *names: str) -> bool:
    """Whether a tree is a call of one of these functions."""
    return isinstance(tree, exp.Anonymous) and tree.name in names


def _of_type(value: exp.Expr, pattern: str) -> exp.Expr:
    kind = call("toTypeName", value.copy())
    return exp.Like(this=kind, expression=exp.Literal.string(f"%{pattern}%"))


def _either(condition: exp.Expr, yes: exp.Expr, no: exp.Expr) -> exp.Expr:
    return call("if", condition, yes, no)


def number(count: int) -> exp.Expr:
    """A whole number."""
    return exp.Literal.number(count)


# ------------------------------------------------------------------------------- numbers and types


def literal(tree: exp.Expr) -> exp.Expr:
    """1.5 is a decimal, as in DuckDB, and not a double; long whole numbers stay exact."""
    text = tree.name
    if tree.is_string or not text.replace(".", "", 1).isdigit():
        return tree
    before, point, after = text.partition(".")
    if len(before.lstrip("0")) + len(after) > _MOST_DIGITS:
        return tree
    if point:
        return call("toDecimal128", exp.Literal.string(text), number(len(after)))
    return call("toInt128", exp.Literal.string(text)) if len(text) > 18 else tree


def _written(tree: exp.Expr) -> exp.Expr | None:
    """The literal that a decimal was written as; None for anything else."""
    if is_call(tree, "toDecimal128") and tree.expressions[0].is_string:
        return exp.Literal.number(tree.expressions[0].name)
    return None


def cast(tree: exp.Expr) -> exp.Expr:
    """Casts round, halves of decimals away from zero and of doubles to even, as in DuckDB."""
    value, kind = tree.this, tree.args["to"]
    match kind.this:
        case TYPE.DATE:
            is_endless = value.is_string and value.name == "infinity"
            return as_time(exp.Literal.string(ENDLESS)) if is_endless else as_date(value)
        case TYPE.TIMESTAMP | TYPE.TIMESTAMPNTZ | TYPE.DATETIME:
            return as_time(value)
        case TYPE.TIMESTAMPTZ:
            return call("toDateTime64", value, number(6), exp.Literal.string("UTC"))
        case TYPE.DECIMAL:
            if not kind.expressions:
                kind.set("expressions", [exp.DataTypeParam(this=number(n)) for n in (18, 3)])
            scale = kind.expressions[1].this if len(kind.expressions) > 1 else number(0)
            if not value.is_int:
                # From text, too; DECIMAL(p, s) itself would cut digits off.
                exact = call("toDecimal256", value, number(30))
                tree.set("this", call("round", exact, scale.copy()))
            return tree
        case TYPE.TIME | TYPE.INTERVAL:
            return refused(
                f"CAST(.. AS {kind.sql()})", "has no such type on clickhouse", "cut out its parts"
            )(tree)
        case _ if kind.this in _WHOLE and isinstance(value, (exp.AggFunc, exp.Window)):
            tree.set("this", call("round", value))
        case _ if kind.this in _WHOLE and not is_text(value) and not value.is_int:
            plain = exp.Cast(this=value.copy(), to=kind.copy())
            tree.set("this", call("round", value))
            return _either(_of_type(value, "String"), plain, tree)
        case _ if kind.this in _TEXTS:
            return _as_text(tree)
    return tree


def _as_text(tree: exp.Expr) -> exp.Expr:
    """Text of a number or time as it would be printed; of times without zeros at the end."""
    value = tree.this
    if is_text(value):
        return tree
    is_time = _of_type(value, "DateTime64")
    without = call("replaceRegexpOne", tree.copy(), *map(exp.Literal.string, (r"\.?0+$", "")))
    return _either(is_time, without, tree)


def is_text(tree: exp.Expr) -> bool:
    """Whether a value is surely a text."""
    if isinstance(tree, exp.Cast):
        return tree.args["to"].this in _TEXTS
    if isinstance(tree, exp.Paren):
        return is_text(tree.this)
    named = ("lowerUTF8", "upperUTF8", "substringUTF8", "concat")
    return tree.is_string or isinstance(tree, (exp.Trim, exp.DPipe)) or is_call(tree, *named)


def _is_double(tree: exp.Expr) -> bool:
    if isinstance(tree, exp.Cast):
        return tree.args["to"].this in _FLOATS
    if isinstance(tree, (exp.Paren, exp.Neg)):
        return _is_double(tree.this)
    if isinstance(tree, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        return _is_double(tree.this) or _is_double(tree.expression)
    return isinstance(tree, exp.Avg)


def is_constant(tree: exp.Expr) -> bool:
    """Whether a number has no scale, or there is no number, to agree with others about."""
    if isinstance(tree, exp.Neg):
        return is_constant(tree.this)
    return isinstance(tree, (exp.Literal, exp.Null, exp.Boolean)) or tree.is_string


def _in_common(branches: list[exp.Expr]) -> list[exp.Expr]:
    """Branches of one value in types that have one in common: all doubles where one is."""
    if any(map(_is_double, branches)):
        return [_as_double(b) for b in branches]
    other = next((b for b in branches if not is_constant(b) and _written(b) is None), None)
    if other is None:
        return branches
    return [_as_its_sibling(b, other) for b in branches]


def _as_double(branch: exp.Expr) -> exp.Expr:
    if is_constant(branch) or _is_double(branch):
        return branch
    return _written(branch) or double(branch)


def _as_its_sibling(branch: exp.Expr, other: exp.Expr) -> exp.Expr:
    """A decimal constant as a double where the value beside it is one."""
    literal = _written(branch)
    if literal is None:
        return branch
    scale = branch.expressions[1].name
    names = [exp.Literal.string(n) for n in ("Float64", f"Decimal({_MOST_DIGITS}, {scale})")]
    chosen = _either(_of_type(other, "Float"), *names)
    return call("CAST", exp.Literal.string(literal.name), chosen)


def case(tree: exp.Expr) -> exp.Expr:
    """Branches with a type in common."""
    ifs, default = tree.args["ifs"], tree.args.get("default")
    values = _in_common([i.args["true"] for i in ifs] + ([default] if default else []))
    for branch, value in zip(ifs, values, strict=False):
        branch.set("true", value)
    if default:
        tree.set("default", values[-1])
    return tree


def if_as_case(tree: exp.Expr) -> exp.Expr:
    """IF(a, b, c) as CASE; a WHEN stays part of its CASE."""
    branch = exp.If(this=tree.this, true=tree.args["true"])
    return case(exp.Case(ifs=[branch], default=tree.args.get("false")))


def coalesce(tree: exp.Expr) -> exp.Expr:
    """COALESCE has no decimals of different scales; CASE has."""
    values = _in_common([tree.this, *tree.expressions])
    if sum(not is_constant(v) for v in values) < 2 or all(map(is_text, values[1:])):
        return exp.Coalesce(this=values[0], expressions=values[1:])
    ifs = [
        exp.If(this=exp.Not(this=exp.Is(this=operand(v.copy()), expression=exp.null())), true=v)
        for v in values[:-1]
    ]
    return exp.Case(ifs=ifs, default=values[-1])


def greatest_or_least(tree: exp.Expr) -> exp.Expr:
    """Values with a type in common."""
    first, *rest = _in_common([tree.this, *tree.expressions])
    tree.set("this", first)
    tree.set("expressions", rest)
    return tree


def rounded(tree: exp.Expr) -> exp.Expr:
    """Halves away from zero: ClickHouse rounds doubles to even."""
    value, digits = tree.this, tree.args.get("decimals")
    rest = [digits] if digits is not None else []
    exact = call("round", call("toDecimal256", value.copy(), number(20)), *rest)
    again = call("CAST", exact, call("toTypeName", value.copy()))
    plain = call("round", value, *(r.copy() for r in rest))
    return _either(_of_type(value, "Float"), again, plain)


def mod(tree: exp.Expr) -> exp.Expr:
    """Decimals of different scales would be divided as if they had one."""
    left, right = operand(tree.this), operand(tree.expression)

    def with_scale_of(value: exp.Expr, other: exp.Expr) -> exp.Expr:
        if value.is_int and other.is_int:
            return value
        nothing = exp.Mul(this=other.copy(), expression=number(0))
        return exp.Paren(this=exp.Add(this=value, expression=nothing))

    one = left if right.is_int else with_scale_of(left, right)
    return exp.Mod(this=one, expression=with_scale_of(right.copy(), left))


def whole_division(tree: exp.Expr) -> exp.Expr:
    """Of whole numbers alone: for other ones, bitOr is an error."""
    sides = (call("bitOr", side, number(0)) for side in (tree.this, tree.expression))
    return call("intDiv", *sides)


def among(tree: exp.Expr) -> exp.Expr:
    """A list with NULL: ClickHouse takes it for a value that is not there."""
    if tree.args.get("query") is not None:
        return tree
    tree.set("expressions", [_written(e) or e for e in tree.expressions])
    known = [e for e in tree.expressions if not isinstance(e, exp.Null)]
    if not all(isinstance(e.this if isinstance(e, exp.Neg) else e, exp.Literal) for e in known):
        found: exp.Expr = exp.EQ(this=operand(tree.this.copy()), expression=operand(known[0]))
        for one in known[1:]:
            other = exp.EQ(this=operand(tree.this.copy()), expression=operand(one))
            found = exp.Or(this=found, expression=other)
    elif len(known) == len(tree.expressions):
        return tree
    else:
        found = exp.In(this=tree.this, expressions=known) if known else exp.null()
    if len(known) < len(tree.expressions):
        found = exp.Or(this=found, expression=exp.null())
    return exp.Paren(this=found)


def negated(tree: exp.Expr) -> exp.Expr:
    """NOT IN (SELECT ..) is true in ClickHouse where a row is NULL."""
    inner = tree.this.unnest()
    if isinstance(inner, exp.In) and inner.args.get("query") is not None:
        message = "`NOT IN (SELECT ..)` means something else on clickhouse where a row is NULL"
        hint = "use NOT EXISTS (SELECT ..)"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))
    return tree


def widened(value: exp.Expr) -> exp.Expr:
    """Integers and decimals so wide that no sum overflows, which ClickHouse would not tell.

    A constant would be taken out of the sum again, so it is one that the planner does not see.
    """
    return exp.Add(this=operand(value), expression=NOTHING_WIDE.copy())


def aggregated(tree: exp.Expr) -> exp.Expr:
    """A sum or average of a SQL model or a window."""
    if not isinstance(tree.this, exp.Distinct):
        tree.set("this", widened(tree.this))
    return tree
