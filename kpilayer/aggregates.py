"""Aggregate expressions, `SUM(amount) / COUNT(DISTINCT buyer_id)`, as atoms and arithmetic.

Each aggregate becomes an aggregation of one value per row, and the rest an expression over their
names. `FILTER (WHERE c)` is a value that is NULL where `c` is not true, as SQL defines it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlglot import exp

from kpilayer import expr, snippets
from kpilayer.errors import Problem


@dataclass(frozen=True, slots=True)
class Part:
    """One aggregate: how, over which value of a row, and a name for it."""

    name: str
    agg: str
    value: str
    percentile: float | None = None
    discrete: bool = False


@dataclass(frozen=True, slots=True)
class Aggregates:
    """An expression over the names of its aggregates; what is wrong leaves it without parts."""

    text: str
    parts: tuple[Part, ...]
    problems: tuple[Problem, ...] = ()


_PLAIN: Final[dict[type[exp.Expr], str]] = {
    exp.Sum: "sum",
    exp.Min: "min",
    exp.Max: "max",
    exp.Avg: "average",
    exp.Median: "median",
    exp.Count: "count",
    exp.CountIf: "sum_boolean",
    exp.ApproxDistinct: "approx_count_distinct",
    exp.Stddev: "stddev",
    exp.StddevSamp: "stddev",
    exp.Variance: "variance",
    exp.AnyValue: "any_value",
}
_PERCENTILES: Final[dict[type[exp.Expr], bool]] = {
    exp.PercentileCont: False,
    exp.PercentileDisc: True,
    exp.Quantile: False,
}
_KNOWN: Final = "SUM, COUNT, AVG, MIN, MAX, MEDIAN, PERCENTILE_CONT, STDDEV, VARIANCE, ANY_VALUE"


@lru_cache(maxsize=10_000)
def decompose(text: str, dialect: str) -> Aggregates:
    """The aggregates of an expression, and what is computed from them."""
    problems = snippets.syntax_problems(text, dialect)
    if problems:
        return Aggregates("", (), problems)
    tree = snippets.parse_aggregates(text, dialect)
    holder = exp.Paren(this=tree)
    found: dict[tuple[object, ...], Part] = {}
    wrong: list[Problem] = []
    for node in _outermost(holder):
        part = _part(node, dialect, found, wrong)
        if part is not None:
            node.replace(exp.column(exp.to_identifier(part.name, quoted=True)))
    window = holder.find(exp.Window)
    if window is not None:
        word = expr.function_name(window.this)
        message = "a window function cannot stand here: `sql` is arithmetic over aggregates"
        wrong.append(Problem("not-an-expression", message, word=word))
    names = {part.name for part in found.values()}
    if not found and not wrong:
        message = "the expression has no aggregate: `sql` is arithmetic over aggregates"
        wrong.append(Problem("not-an-expression", message, 0, len(text), hint=f"known: {_KNOWN}"))
    loose = [c for c in expr.columns(holder) if c.name not in names]
    for column in [] if wrong else loose:
        message = f"`{column.name}` stands outside an aggregate: it has a value for each row"
        wrong.append(Problem("not-an-expression", message, word=column.name))
    if wrong:
        return Aggregates("", (), tuple(wrong))
    outer = str(holder.this.sql(dialect))
    problems = tuple(p for p in snippets.parse(outer, dialect).problems if p.severity == "error")
    for part in found.values():
        inner = snippets.parse(part.value, dialect).problems
        problems += tuple(p for p in inner if p.severity == "error")
    if problems:
        first = problems[0]
        where = Problem(first.code, first.message, 0, len(text), hint=first.hint)
        return Aggregates("", (), (where,))
    return Aggregates(outer, tuple(found.values()))


def _outermost(holder: exp.Expr) -> list[exp.Expr]:
    """The aggregates of a tree with their FILTER and WITHIN GROUP, none inside another."""
    found: list[exp.Expr] = []
    pending = [holder]
    while pending:
        node = pending.pop()
        if isinstance(node, exp.Window):
            continue  # what is no scalar expression is refused with the rest
        if isinstance(node, (exp.AggFunc, exp.Filter, exp.WithinGroup)):
            found.append(node)
        else:
            pending += reversed(list(node.iter_expressions()))
    return found


def _part(
    node: exp.Expr,
    dialect: str,
    found: dict[tuple[object, ...], Part],
    wrong: list[Problem],
) -> Part | None:
    """The part that an aggregate is, from memory where the same one stands there twice."""
    condition = None
    inner = node
    if isinstance(inner, exp.Filter):
        condition = inner.expression.this
        inner = inner.this
    read = _read(inner)
    if read is None:
        word = expr.function_name(inner.this if isinstance(inner, exp.WithinGroup) else inner)
        message = f"`{inner.sql(dialect)}` is no aggregation that a metric can have"
        wrong.append(Problem("not-an-expression", message, word=word, hint=f"known: {_KNOWN}"))
        return None
    agg, value, percentile, discrete = read
    if value.find(exp.AggFunc, exp.Window) is not None:
        message = f"`{inner.sql(dialect)}` aggregates an aggregate"
        hint = "use a metric of `type: nested` for values per entity"
        wrong.append(Problem("aggregate-in-expression", message, hint=hint))
        return None
    if condition is not None:
        value = exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())])
    text = str(value.sql(dialect))
    key = (agg, text, percentile, discrete)
    if key not in found:
        name = _called(agg, value, {p.name for p in found.values()})
        found[key] = Part(name, agg, text, percentile, discrete)
    return found[key]


def _called(agg: str, value: exp.Expr, taken: set[str]) -> str:
    """A name that says what is aggregated: `sum_amount`."""
    columns = [c.name.lower() for c in expr.columns(value)]
    plain = columns[0] if len(columns) == 1 and columns[0].isidentifier() else "rows"
    name = f"{agg}_{plain}"
    while name in taken:
        name = f"{name}_"
    return name


_Read = tuple[str, exp.Expr, float | None, bool]


def _read(node: exp.Expr) -> _Read | None:
    if isinstance(node, exp.WithinGroup):
        return _within_group(node)
    if isinstance(node, exp.Quantile):
        fraction = _fraction(node.args.get("quantile"))
        return None if fraction is None else ("percentile", node.this, fraction, False)
    agg = _PLAIN.get(type(node))
    if agg is None:
        return None
    return _COUNTS[type(node)](node) if type(node) in _COUNTS else (agg, node.this, None, False)


def _count(node: exp.Expr) -> _Read | None:
    value = node.this
    if isinstance(value, exp.Distinct):
        return (
            ("count_distinct", value.expressions[0], None, False)
            if (len(value.expressions) == 1)
            else None
        )
    if node.args.get("expressions"):
        return None
    counted = exp.Literal.number(1) if value is None or isinstance(value, exp.Star) else value
    return "count", counted, None, False


def _of_all(agg: str) -> Callable[[exp.Expr], _Read | None]:
    def read(node: exp.Expr) -> _Read | None:
        return None if isinstance(node.this, exp.Distinct) else (agg, node.this, None, False)

    return read


_COUNTS: Final[dict[type[exp.Expr], Callable[[exp.Expr], _Read | None]]] = {
    exp.Count: _count,
    exp.Sum: _of_all("sum"),
    exp.Avg: _of_all("average"),
}


def _within_group(node: exp.WithinGroup) -> _Read | None:
    kind, order = node.this, node.expression
    discrete = _PERCENTILES.get(type(kind))
    keys = order.expressions if isinstance(order, exp.Order) else []
    fraction = _fraction(kind.this)
    if discrete is None or fraction is None or len(keys) != 1 or keys[0].args.get("desc"):
        return None
    return "percentile", keys[0].this, fraction, discrete


def _fraction(tree: exp.Expr | None) -> float | None:
    if not isinstance(tree, exp.Literal) or tree.is_string:
        return None
    number = float(tree.name)
    return number if 0 < number < 1 else None
