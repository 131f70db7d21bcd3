"""Formulas of driver trees: text to arithmetic over names, and what it says of numbers.

A formula is `+ - * /`, parentheses, numbers, unary minus, `nullif(x, 0)` and `coalesce(x, 0)` over
the names of drivers. Nothing else can be taken apart into contributions, so nothing else is read.
As everywhere in the layer, division is true division, and no value where its denominator is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final, TypeAlias, assert_never

from sqlglot import exp, parse_one

from kpilayer.errors import Problem, QueryError
from kpilayer.expr import function_name
from kpilayer.kpi.exact import Value, exact
from kpilayer.proof.texts import issue_of
from kpilayer.snippets import parse
from kpilayer.vocabulary import aim

MAX_PARTS: Final = 300  # of one formula: names, numbers, operators, parentheses
_MOST_SHOWN: Final = 60  # characters of what is refused
_READS: Final = (
    "a formula of drivers has `+`, `-`, `*`, `/`, numbers, names, `nullif(x, 0)` and "
    "`coalesce(x, 0)`"
)


@dataclass(frozen=True, slots=True)
class Constant:
    """A number written in the formula."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Driver:
    """A name in the formula."""

    name: str


@dataclass(frozen=True, slots=True)
class Sum:
    """``left + right``; a difference is the sum with the negative."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negative:
    """``-of``."""

    of: Node


@dataclass(frozen=True, slots=True)
class Product:
    """``left * right``."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Quotient:
    """``left / right``; no value where ``right`` is 0."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class NoZero:
    """``nullif(of, 0)``."""

    of: Node


@dataclass(frozen=True, slots=True)
class Filled:
    """``coalesce(of, 0)``."""

    of: Node


Node: TypeAlias = Constant | Driver | Sum | Negative | Product | Quotient | NoZero | Filled


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula as written, as a tree, and the names in it, each once, as they come."""

    text: str
    tree: Node
    drivers: tuple[str, ...]


def read_formula(text: str, argument: str = "formula") -> Formula:
    """The formula that a text is; ``argument`` is what people call the text.

    >>> read_formula("(revenue - cogs) / revenue").drivers
    ('revenue', 'cogs')

    Raises:
        QueryError: ``bad-sql`` and its like for a text that is no expression, ``bad-drivers`` for
            one that is more than a formula of drivers.
    """
    found = _read(text)
    if isinstance(found, Formula):
        return found
    raise QueryError(issue_of(problem, text, argument) for problem in found)


@lru_cache(maxsize=2_000)
def _read(text: str) -> Formula | tuple[Problem, ...]:
    errors = tuple(p for p in parse(text, "duckdb").problems if p.severity == "error")
    if errors:
        return errors
    source = parse_one(text, dialect="duckdb")
    parts = sum(1 for _ in source.walk())
    if parts > MAX_PARTS:
        message = f"the formula has {parts} parts; at most {MAX_PARTS} are read"
        return (Problem("bad-drivers", message, 0, len(text), hint="make inner nodes of parts"),)
    problems: list[Problem] = []
    tree = _node(source, source, text, problems)
    if problems:
        return tuple(problems)
    drivers = tuple(dict.fromkeys(names_in(tree)))
    if not drivers:
        return (Problem("bad-drivers", "the formula names no driver", 0, max(1, len(text))),)
    return Formula(text, tree, drivers)


_OPERATORS: Final[dict[type[exp.Expr], type[Sum] | type[Product] | type[Quotient]]] = {
    exp.Add: Sum,
    exp.Mul: Product,
    exp.Div: Quotient,
}


def _node(part: exp.Expr, source: exp.Expr, text: str, problems: list[Problem]) -> Node:
    """The tree of a part; where it has none, what is wrong is added to ``problems``."""

    def inner(tree: exp.Expr) -> Node:
        return _node(tree, source, text, problems)

    operator = _OPERATORS.get(type(part))
    if operator is not None:
        return operator(inner(part.this), inner(part.expression))
    match part:
        case exp.Paren():
            return inner(part.this)
        case exp.Sub():
            return Sum(inner(part.this), Negative(inner(part.expression)))
        case exp.Neg():
            return Negative(inner(part.this))
        case exp.Column() if not part.table:
            return Driver(part.name)
        case exp.Literal() if not part.is_string:
            number = exact(Decimal(part.name))
            if isinstance(number, Fraction):
                return Constant(number)
        case exp.Nullif() if _is_zero(part.expression):
            return NoZero(inner(part.this))
        case exp.Coalesce() if len(part.expressions) == 1 and _is_zero(part.expressions[0]):
            return Filled(inner(part.this))
        case _:
            pass
    message = f"{_called(part)} cannot be taken apart into contributions"
    problems.append(Problem("bad-drivers", message, *aim(part, source, text), hint=_READS))
    return Constant(Fraction(0))


def _is_zero(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Literal) and not tree.is_string and float(tree.name) == 0


def _called(part: exp.Expr) -> str:
    written = str(part.sql(dialect="duckdb"))
    return f"`{written}`" if len(written) <= _MOST_SHOWN else f"`{function_name(part)}`"


def names_in(tree: Node) -> Iterator[str]:
    """The names of drivers in a tree, as they come, as often as they stand there."""
    match tree:
        case Constant():
            return
        case Driver(name):
            yield name
        case Sum(left, right) | Product(left, right) | Quotient(left, right):
            yield from names_in(left)
            yield from names_in(right)
        case Negative(of) | NoZero(of) | Filled(of):
            yield from names_in(of)
        case _:
            assert_never(tree)


def names_filled(tree: Node) -> frozenset[str]:
    """The drivers that stand in ``coalesce(x, 0)`` only: no value of theirs is the same as 0."""
    filled, bare = set(), set()
    pending: list[Node] = [tree]
    while pending:
        match pending.pop():
            case Filled(Driver(name)):
                filled.add(name)
            case Driver(name):
                bare.add(name)
            case Sum(left, right) | Product(left, right) | Quotient(left, right):
                pending += [left, right]
            case Negative(of) | NoZero(of) | Filled(of):
                pending.append(of)
            case Constant():
                pass
    return frozenset(filled - bare)


def value_of(tree: Node, values: Mapping[str, Value]) -> Value:
    """What the formula gives for these values, or why it gives none."""
    match tree:
        case Constant(number):
            return number
        case Driver(name):
            return values[name]
        case Negative(of):
            inner = value_of(of, values)
            return -inner if isinstance(inner, Fraction) else inner
        case NoZero(of):
            inner = value_of(of, values)
            return "zero_denominator" if inner == 0 else inner
        case Filled(of):
            inner = value_of(of, values)
            return Fraction(0) if inner in ("no_value", "zero_denominator") else inner
        case Sum(left, right) | Product(left, right) | Quotient(left, right):
            first = value_of(left, values)
            if not isinstance(first, Fraction):
                return first
            second = value_of(right, values)
            if not isinstance(second, Fraction):
                return second
            if isinstance(tree, Sum):
                return first + second
            if isinstance(tree, Product):
                return first * second
            return first / second if second else "zero_denominator"
        case _:
            assert_never(tree)


def slope_of(tree: Node, name: str, values: Mapping[str, Value]) -> Value:
    """The partial derivative by a driver at these values: what a small move of it would do.

    Where ``coalesce(x, 0)`` puts its 0, nothing moves: the slope is 0.
    """
    match tree:
        case Constant():
            return Fraction(0)
        case Driver(other):
            return Fraction(other == name)
        case Negative(of):
            inner = slope_of(of, name, values)
            return -inner if isinstance(inner, Fraction) else inner
        case NoZero(of):
            here = value_of(tree, values)
            return slope_of(of, name, values) if isinstance(here, Fraction) else here
        case Filled(of):
            here = value_of(of, values)
            return slope_of(of, name, values) if isinstance(here, Fraction) else Fraction(0)
        case Sum(left, right) | Product(left, right) | Quotient(left, right):
            found = [value_of(left, values), value_of(right, values)]
            found += [slope_of(left, name, values), slope_of(right, name, values)]
            numbers = [number for number in found if isinstance(number, Fraction)]
            if len(numbers) < len(found):
                return next(number for number in found if not isinstance(number, Fraction))
            f, g, df, dg = numbers
            if isinstance(tree, Sum):
                return df + dg
            if isinstance(tree, Product):
                return df * g + f * dg
            return (df * g - f * dg) / g**2 if g else "zero_denominator"
        case _:
            assert_never(tree)


@dataclass(frozen=True, slots=True)
class Powers:
    """A formula that is ``factor`` times drivers, each to a whole power."""

    factor: Fraction
    exponents: Mapping[str, int]


def powers_of(tree: Node) -> Powers | None:
    """The formula as a product of powers, for values above 0; None where it adds.

    >>> dict(powers_of(read_formula("2 * price * volume / price / days").tree).exponents)
    {'price': 0, 'volume': 1, 'days': -1}
    """
    match tree:
        case Constant(number):
            return Powers(number, {}) if number else None
        case Driver(name):
            return Powers(Fraction(1), {name: 1})
        case Negative(of):
            inner = powers_of(of)
            return Powers(-inner.factor, inner.exponents) if inner else None
        case NoZero(of) | Filled(of):  # of what is above 0: that itself
            return powers_of(of)
        case Product(left, right) | Quotient(left, right):
            first, second = powers_of(left), powers_of(right)
            if first is None or second is None:
                return None
            sign = 1 if isinstance(tree, Product) else -1
            exponents = dict(first.exponents)
            for name, exponent in second.exponents.items():
                exponents[name] = exponents.get(name, 0) + sign * exponent
            return Powers(first.factor * second.factor**sign, exponents)
        case Sum():
            return None
        case _:
            assert_never(tree)
