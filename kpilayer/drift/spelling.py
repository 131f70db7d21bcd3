"""One spelling of each expression over rows: what differs in writing only becomes one text.

``plain`` rewrites a tree; ``key`` is its text, which no dialect takes part in. Arithmetic is a sum
of products, so that operands may stand in any order. Columns are those of a relation, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from sqlglot import exp

#: Sums of products: the factors of each term, sorted, and how often it counts.
Sum = dict[tuple[str, ...], Fraction]

_NEGATED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.LT: exp.GTE, exp.GTE: exp.LT, exp.GT: exp.LTE,
    exp.LTE: exp.GT,
}  # fmt: skip
_MIRRORED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.EQ: exp.EQ, exp.NEQ: exp.NEQ, exp.LT: exp.GT, exp.GT: exp.LT, exp.LTE: exp.GTE,
    exp.GTE: exp.LTE,
}  # fmt: skip
_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg)
#: Types to which a number is cast and stays what it is.
NUMBERS: Final = frozenset({*exp.DataType.NUMERIC_TYPES})
_WHOLE: Final = frozenset({*exp.DataType.INTEGER_TYPES})
_TEXTS: Final = frozenset({*exp.DataType.TEXT_TYPES})
_DATED: Final = (exp.Column, exp.Anonymous)
_TIMES: Final = frozenset({*exp.DataType.TEMPORAL_TYPES})


def plain(tree: exp.Expr) -> exp.Expr:
    """The expression in one spelling; the tree that is given stays as it is."""
    return tree.copy().transform(_bare, copy=False).transform(_step, copy=False)


def _bare(node: exp.Expr) -> exp.Expr:
    """Without what only groups, or says the type of a literal."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Coalesce) and len(node.expressions) == 1:
        other, parent = node.expressions[0], node.parent
        if isinstance(other, exp.Boolean) and not other.this:
            return inner_of(node)
        if isinstance(parent, exp.EQ | exp.NEQ) and isinstance(other, exp.Literal):
            if other != parent.expression:
                return inner_of(node)
    if isinstance(node, exp.Is) and isinstance(node.this, exp.Cast):
        return _bare(
            exp.Is(this=node.this.this, expression=node.expression, negate=node.args.get("negate"))
        )
    if isinstance(node, exp.Is) and node.args.get("negate"):
        return exp.Not(this=exp.Is(this=node.this, expression=node.expression))
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
        return node.this if node.this.is_string and node.to.this in _TIMES | _TEXTS else node
    if isinstance(node, exp.Date | exp.TsOrDsToDate) and isinstance(node.this, _DATED):
        return exp.Cast(this=node.this, to=exp.DataType.build("date"))
    if isinstance(node, exp.DateStrToDate | exp.Date) and isinstance(node.this, exp.Literal):
        return node.this
    return node


def _step(node: exp.Expr) -> exp.Expr:
    """From the leaves' parents up is not needed: each rule looks at what stands below it."""
    match node:
        case exp.Paren():
            return _step(node.this)
        case exp.Not():
            return negated(node.this)
        case exp.Between():
            low = exp.GTE(this=node.this.copy(), expression=node.args["low"])
            return exp.And(
                this=low, expression=exp.LTE(this=node.this, expression=node.args["high"])
            )
        case exp.If() if not (isinstance(node.parent, exp.Case) and node.arg_key == "ifs"):
            return exp.Case(ifs=[exp.If(this=node.this, true=node.args["true"])],
                            default=node.args.get("false"))  # fmt: skip
        case exp.In() if len(node.expressions) == 1 and not node.args.get("query"):
            return exp.EQ(this=node.this, expression=node.expressions[0])
        case exp.Like() | exp.ILike() if _is_word(node.expression):
            if isinstance(node, exp.Like):
                return exp.EQ(this=node.this, expression=node.expression)
            word = exp.Literal.string(node.expression.name.lower())
            return exp.EQ(this=exp.Lower(this=node.this), expression=word)
        case exp.EQ() | exp.NEQ() if isinstance(_either(node), exp.Boolean):
            value, other = _either(node), _other(node)
            truth = bool(value.this) == isinstance(node, exp.EQ)
            return other if truth else negated(other)
        case exp.Is() if isinstance(node.expression, exp.Boolean):
            return node.this if node.expression.this else negated(node.this)
        case _ if type(node) in _MIRRORED and _belongs_right(node):
            return _MIRRORED[type(node)](this=node.expression, expression=node.this)
    return node


def inner_of(node: exp.Expr) -> exp.Expr:
    """What a node of one argument stands around."""
    found: exp.Expr = node.this
    return found.unnest()


def _is_word(node: exp.Expr) -> bool:
    """Whether a pattern is a text without wildcards."""
    return isinstance(node, exp.Literal) and not set(node.name) & set("%_\\")


def _either(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node.this, exp.Boolean) else node.expression


def _other(node: exp.Expr) -> exp.Expr:
    found: exp.Expr = node.expression if isinstance(node.this, exp.Boolean) else node.this
    return found


def _belongs_right(node: exp.Expr) -> bool:
    """Whether the left side of a comparison is what people write on the right."""
    left, right = (side.find(exp.Column) is not None for side in (node.this, node.expression))
    return (right and not left) or (left and right and key(node.this) > key(node.expression))


def negated(node: exp.Expr) -> exp.Expr:
    """What is true where the expression is false."""
    node = _bare(node.unnest())
    match node:
        case exp.Not():
            return inner_of(node)
        case exp.And():
            return exp.Or(this=negated(node.this), expression=negated(node.expression))
        case exp.Or():
            return exp.And(this=negated(node.this), expression=negated(node.expression))
        case exp.Is() if isinstance(node.expression, exp.Boolean):
            return negated(node.this) if node.expression.this else node.this
        case exp.Boolean():
            return exp.Boolean(this=not node.this)
        case exp.In() if len(node.expressions) == 1 and not node.args.get("query"):
            return exp.NEQ(this=node.this, expression=node.expressions[0])
    other = _NEGATED.get(type(node))
    return (
        exp.Not(this=node) if other is None else other(this=node.this, expression=node.expression)
    )


def conjuncts(tree: exp.Expr | None) -> Iterator[exp.Expr]:
    """The parts of a condition that all have to hold, each in one spelling."""
    if tree is None:
        return
    pending = [plain(tree)]
    while pending:
        node = pending.pop().unnest()
        if isinstance(node, exp.And):
            pending += [node.expression, node.this]
        elif isinstance(node, exp.Or) and (found := as_list(node)) is not None:
            yield found
        elif not _is_always(node):
            yield node


def _is_always(node: exp.Expr) -> bool:
    """Whether a condition holds for every row: TRUE, `1 = 1`, or `1 <= 2`."""
    sides = [node.this, node.expression] if isinstance(node, exp.Binary) else []
    if sides and all(isinstance(side, exp.Literal) and not side.is_string for side in sides):
        one, other = (Fraction(side.name) for side in sides)
        is_less = isinstance(node, exp.LT | exp.LTE) and one < other
        return is_less or (isinstance(node, exp.EQ | exp.LTE) and one == other)
    if isinstance(node, exp.EQ) and isinstance(node.this, exp.Literal):
        return bool(node.this == node.expression)
    return isinstance(node, exp.Boolean) and bool(node.this)


def as_list(node: exp.Or) -> exp.In | None:
    """`a = 1 OR a = 2` as `a IN (1, 2)`."""
    columns: dict[str, exp.Expr] = {}
    values: list[exp.Expr] = []
    for part in node.flatten():
        part = part.unnest()
        found = list_of(part)
        if found is None or not isinstance(part, exp.EQ | exp.In):
            return None
        columns[key(found[0])] = found[0]
        values += found[1]
    return exp.In(this=columns.popitem()[1], expressions=values) if len(columns) == 1 else None


def list_of(node: exp.Expr) -> tuple[exp.Expr, list[exp.Expr]] | None:
    """The expression and the literals of `a = 1`, `a <> 1`, `a IN (1, 2)` or its opposite."""
    node = node.this if isinstance(node, exp.Not) else node
    match node:
        case exp.EQ() | exp.NEQ() if is_literal(node.expression):
            return node.this, [node.expression]
        case exp.In() if node.expressions and all(map(is_literal, node.expressions)):
            return node.this, list(node.expressions)
    return None


def keeps_number(node: exp.Cast) -> bool:
    """Whether a cast leaves a number as it is, but for its type: it cuts off no fraction."""
    scale = node.to.expressions[1:] if node.to.expressions else []
    is_cut = bool(node.to.expressions) and (not scale or scale[0].name == "0")
    is_decimal = node.to.this in (exp.DataType.Type.DECIMAL, exp.DataType.Type.BIGDECIMAL)
    return node.to.this in NUMBERS - _WHOLE and not (is_decimal and is_cut)


def is_literal(node: exp.Expr) -> bool:
    """Whether it is a number or a text."""
    return isinstance(node, exp.Literal) or (
        isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)
    )


# -------------------------------------------------------------------------------------------- texts


def key(node: exp.Expr | None) -> str:
    """The text of an expression in one spelling: equal texts mean the same."""
    if node is None:
        return ""
    node = node.unnest()
    if isinstance(node, _ARITHMETIC):
        return text_of(sum_of(node))
    match node:
        case exp.Column():
            return f"{node.table}.{node.name}".lower()
        case exp.Literal():
            return repr(node.name) if node.is_string else _number(Fraction(node.name))
        case exp.Cast() if keeps_number(node):
            return key(node.this)
        case exp.And() | exp.Or():
            return f"{node.key}({', '.join(sorted({key(part) for part in node.flatten()}))})"
        case exp.In() if not node.args.get("query"):
            return f"in({key(node.this)}: {', '.join(sorted(map(key, node.expressions)))})"
        case exp.Identifier() | exp.Var():
            return node.name.lower()
        case exp.DataType():
            return str(node.this)
        case exp.DateDiff() | exp.TimestampDiff() | exp.DatetimeDiff() | exp.TsOrDsDiff():
            unit = node.text("unit").lower().rstrip("s") or "day"
            sides = [_time_of(side, unit) for side in (node.this, node.expression)]
            if isinstance(node, exp.TimestampDiff) and unit != "second":
                unit = f"whole {unit}"
            return f"{unit}s({sides[1]} to {sides[0]})"
        case exp.TimestampTrunc() | exp.DateTrunc():
            return f"trunc({node.text('unit').lower()}, {key(node.this)})"
    parts = [_argument(node.args[name]) for name in sorted(node.args) if _counts(name, node)]
    return (
        f"{node.name.lower() if isinstance(node, exp.Anonymous) else node.key}({', '.join(parts)})"
    )


def _time_of(node: exp.Expr, unit: str) -> str:
    """A side of a difference in whole units: days have no time of day."""
    node = node.unnest()
    if unit == "day" and isinstance(node, exp.Cast) and node.to.this in _TIMES:
        return _time_of(node.this, unit)
    if unit == "day" and isinstance(node, exp.Date | exp.TsOrDsToDate):
        return _time_of(node.this, unit)
    return key(node)


#: Arguments that say how a dialect writes or computes, not what is meant.
NOT_MEANT: Final = frozenset({"big_int", "typed", "safe", "date_part_boundary", "zero_on_all_null"})


def _counts(name: str, node: exp.Expr) -> bool:
    value = node.args[name]
    is_name = isinstance(node, exp.Anonymous) and name == "this"
    return name not in NOT_MEANT and not is_name and value not in (None, False, [])


def _argument(value: object) -> str:
    match value:
        case exp.Expr():
            return key(value)
        case list():
            return "[" + ", ".join(map(_argument, value)) + "]"
    return str(value).lower()


def sum_of(node: exp.Expr, symbol: Callable[[exp.Expr], str] = key) -> Sum:
    """Arithmetic as a sum of products of what is no arithmetic."""
    node = node.unnest()
    match node:
        case exp.Literal() if not node.is_string:
            return {(): Fraction(node.name)} if Fraction(node.name) else {}
        case exp.Cast() if keeps_number(node):
            return sum_of(node.this, symbol)
        case exp.Neg():
            return scaled(sum_of(node.this, symbol), Fraction(-1))
        case exp.Add():
            return added(sum_of(node.this, symbol), sum_of(node.expression, symbol))
        case exp.Sub() if _is_date(node.this) and _is_date(node.expression):
            days = (_time_of(node.expression, "day"), _time_of(node.this, "day"))
            return {(f"days({days[0]} to {days[1]})",): Fraction(1)}
        case exp.DateDiff() | exp.TimestampDiff() | exp.DatetimeDiff() if _is_second(node):
            sides = (f"seconds of {_seconds(s)}" for s in (node.this, node.expression))
            later, earlier = sides
            return {(later,): Fraction(1), (earlier,): Fraction(-1)}
        case exp.Sub():
            return added(
                sum_of(node.this, symbol), scaled(sum_of(node.expression, symbol), Fraction(-1))
            )
        case exp.Mul():
            return multiplied(sum_of(node.this, symbol), sum_of(node.expression, symbol))
        case exp.Div():
            below = sum_of(node.expression, symbol)
            if set(below) == {()}:
                return scaled(sum_of(node.this, symbol), 1 / below[()])
            above = sum_of(node.this, symbol)
            return {(f"div({text_of(above)}, {text_of(below)})",): Fraction(1)}
        case exp.Extract() if _is_epoch_of_difference(node):
            inside = node.expression.unnest()  # the seconds of a difference are that of seconds
            return {
                (f"seconds of {_seconds(inside.this)}",): Fraction(1),
                (f"seconds of {_seconds(inside.expression)}",): Fraction(-1),
            }
        case exp.Extract() if node.name.lower() in ("epoch", "epoch_second"):
            return {(f"seconds of {_seconds(node.expression)}",): Fraction(1)}
        case exp.UnixSeconds() | exp.TimeToUnix() if isinstance(node.this.unnest(), exp.Sub):
            inside = node.this.unnest()
            return {
                (f"seconds of {_seconds(inside.this)}",): Fraction(1),
                (f"seconds of {_seconds(inside.expression)}",): Fraction(-1),
            }
        case exp.UnixSeconds() | exp.TimeToUnix():
            return {(f"seconds of {_seconds(node.this)}",): Fraction(1)}
    return {(symbol(node),): Fraction(1)}


def _is_epoch_of_difference(node: exp.Extract) -> bool:
    inside = node.expression.unnest()
    return node.name.lower() == "epoch" and isinstance(inside, exp.Sub)


def _is_second(node: exp.Expr) -> bool:
    return node.text("unit").lower().rstrip("s") == "second"


def _seconds(node: exp.Expr) -> str:
    node = node.unnest()
    is_cast = isinstance(node, exp.Cast) and node.to.this in _TIMES - {exp.DataType.Type.DATE}
    return key(node.this if is_cast else node)


def _is_date(node: exp.Expr) -> bool:
    """Whether an operand is a day: cast to one, or a column that looks like one."""
    node = node.unnest()
    if isinstance(node, exp.Cast):
        return bool(node.to.this == exp.DataType.Type.DATE)
    return isinstance(node, exp.Column) and node.name.lower().endswith(("_on", "_date", "_day"))


def added(a: Sum, b: Sum) -> Sum:
    """The sum of two."""
    found = {k: a.get(k, Fraction(0)) + b.get(k, Fraction(0)) for k in (*a, *b)}
    return {k: v for k, v in found.items() if v}


def scaled(a: Sum, factor: Fraction) -> Sum:
    """So many times as much."""
    return {k: v * factor for k, v in a.items() if v * factor}


def multiplied(a: Sum, b: Sum) -> Sum:
    """The product of two."""
    found: Sum = {}
    for one, x in a.items():
        for other, y in b.items():
            factors = tuple(sorted((*one, *other)))
            found[factors] = found.get(factors, Fraction(0)) + x * y
    return {k: v for k, v in found.items() if v}


def text_of(terms: Sum) -> str:
    """A sum of products as text, its terms in order."""
    parts = []
    for factors, count in sorted(terms.items()):
        shown = [*([] if count == 1 and factors else [_number(count)]), *factors]
        parts.append("*".join(shown))
    return parts[0] if len(parts) == 1 else f"sum({' + '.join(parts)})" if parts else "0"


def _number(value: Fraction) -> str:
    return str(value)


def columns_in(trees: Sequence[exp.Expr]) -> list[exp.Column]:
    """The columns in some expressions."""
    return [column for tree in trees for column in tree.find_all(exp.Column)]


def unnumbered(text: str) -> str:
    """A text without the numbers that tell tables of one name apart."""
    return "".join(
        part if i == 0 else part.lstrip("0123456789") for i, part in enumerate(text.split("#"))
    )
