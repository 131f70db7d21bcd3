"""Conditions over group-by names to conditions over columns.

A comparison of a truncated time with a literal becomes a range on the raw column: the literal is
moved to the start of its period (language.md Q3), and the warehouse can skip what is out of range.

    TRUNC('month', t) >= '2026-01-15'   →   t >= DATE '2026-01-01'     and a notice
    TRUNC('month', t) = '2026-02-01'    →   t >= DATE '2026-02-01' AND t < DATE '2026-03-01'

In lists and in IS DISTINCT FROM, only the literals are moved. Where the time is shown in another
zone than it is stored in, the bound is moved into the stored zone; where a clock is changed around
the bound, the time shown is compared instead. A custom granularity is an ordinary value.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import Final

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.columns import TimedColumn
from kpilayer.errors import Problem

_MIRROR: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}

_TYPE: Final = exp.DataType.Type  # as members: sqlglot would parse a name each time
_DATES: Final = (_TYPE.DATE, _TYPE.TIMESTAMP, _TYPE.TIMESTAMPNTZ, _TYPE.DATETIME)
_LISTS: Final = (exp.In, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Case)

Resolve = Callable[[str], TimedColumn]
Value = Callable[[TimedColumn], exp.Expr]
Report = Callable[[Problem], None]


def literal_problems(tree: exp.Expr, resolve: Resolve) -> tuple[Problem, ...]:
    """Literals that are no dates where dates are compared, and notices on those that are moved."""
    found: list[Problem] = []
    bind_condition(tree, resolve, lambda _: exp.column("value", table="row"), found.append)
    return tuple(dict.fromkeys(found))


def bind_condition(
    tree: exp.Expr, resolve: Resolve, value: Value, report: Report = lambda _: None
) -> exp.Expr:
    """A copy of a condition over columns: ``value`` gives the raw SQL of what ``resolve`` finds.

    What ``literal_problems`` tells goes to ``report``.
    """
    holder = exp.Paren(this=tree.copy())
    for node in [n for n in expr.nodes(holder) if isinstance(n, (*_MIRROR, exp.Between))]:
        bound = _period_comparison(node, resolve, value, report)
        if bound is not None:
            node.replace(bound)
    for node in [n for n in expr.nodes(holder) if isinstance(n, _LISTS)]:
        _move_literals(node, resolve, report)
    for column in [c for c in expr.columns(holder) if not c.table]:
        tree = timed(resolve(column.name), value)
        column.replace(tree if _stands_bare(tree, column.parent) else _operand(tree))
    result: exp.Expr = holder.this
    return result


def with_moved_literals(
    tree: exp.Expr, column_of: Callable[[str], TimedColumn | None], report: Report
) -> exp.Expr:
    """A copy of a condition over values at their grains, its literals moved as in other conditions.

    ``column_of`` tells which names are times.
    """
    holder = exp.Paren(this=tree.copy())
    for node in expr.nodes(holder):
        if isinstance(node, (*_MIRROR, exp.Between, *_LISTS)):
            _move_literals(node, column_of, report)
    result: exp.Expr = holder.this
    return result


def timed(column: TimedColumn, value: Value) -> exp.Expr:
    """A column at its grain, or its date part, or as it is; a custom granularity is a value."""
    if column.part is not None:
        return expr.part(column.part, moved(column, value(column)))
    tree = value(column)
    return expr.trunc(column.unit, moved(column, tree)) if column.unit else tree


def moved(column: TimedColumn, raw: exp.Expr) -> exp.Expr:
    """A time in its reporting zone, before it is truncated."""
    zones = column.zones
    if zones is None or not zones.moves:
        return raw
    return expr.local(zones.stored, zones.shown, raw)


def moment(when: datetime, is_day: bool) -> exp.Expr:
    """A literal DATE, or TIMESTAMP."""
    if is_day and when.time() == time():
        return exp.cast(exp.Literal.string(when.date().isoformat()), _TYPE.DATE)
    return exp.cast(exp.Literal.string(when.isoformat(sep=" ")), _TYPE.TIMESTAMP)


def bound(
    kind: type[exp.Expr], column: TimedColumn, value: Value, when: datetime, is_day: bool
) -> exp.Expr:
    """A comparison of a time with a literal, on the raw column wherever that means the same."""
    zones = column.zones
    if zones is None or not zones.moves:
        return compared(kind, value(column), when, is_day)
    literal = moment(when, False)  # a DATE would be taken for an instant by some
    if zones.is_steady(when):
        literal = expr.local(zones.shown, zones.stored, literal)
        return kind(this=_operand(value(column)), expression=literal)
    return kind(this=_operand(moved(column, value(column))), expression=literal)


def compared(kind: type[exp.Expr], value: exp.Expr, when: datetime, is_day: bool) -> exp.Expr:
    """A comparison of a local time with a literal."""
    return kind(this=_operand(value), expression=moment(when, is_day))


def between(
    column: TimedColumn,
    value: Value,
    lower: datetime | None,
    upper: datetime | None,
    is_day: bool = True,
) -> exp.Expr | None:
    """``lower <= time < upper``, as far as there are bounds."""
    parts: list[exp.Expr] = []
    if lower is not None:
        parts.append(bound(exp.GTE, column, value, lower, is_day))
    if upper is not None:
        parts.append(bound(exp.LT, column, value, upper, is_day))
    return all_of(parts)


def all_of(parts: list[exp.Expr]) -> exp.Expr | None:
    """The AND of conditions; None where there are none."""
    return _joined(exp.And, parts)


def any_of(parts: list[exp.Expr]) -> exp.Expr | None:
    """The OR of conditions; None where there are none."""
    return _joined(exp.Or, parts)


def _joined(kind: type[exp.Expr], parts: list[exp.Expr]) -> exp.Expr | None:
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0].copy()
    tree = None
    for part in parts:
        operand = part.copy()
        if isinstance(operand, exp.Connector) and type(operand) is not kind:
            operand = exp.Paren(this=operand)
        tree = operand if tree is None else kind(this=tree, expression=operand)
    assert tree is not None, "there is at least one part"
    return tree


def _stands_bare(tree: exp.Expr, parent: exp.Expr | None) -> bool:
    """A predicate binds tighter than NOT, AND and OR: it needs no parentheses below them."""
    is_predicate = isinstance(tree, exp.Predicate) and not isinstance(tree, exp.Connector)
    return is_predicate and isinstance(parent, (exp.Not, exp.And, exp.Or, exp.If, exp.Paren))


def _operand(tree: exp.Expr) -> exp.Expr:
    binds_weakly = isinstance(tree, (exp.Binary, exp.Unary, exp.Predicate, exp.Interval))
    return exp.Paren(this=tree) if binds_weakly and not isinstance(tree, exp.Paren) else tree


def _period_comparison(
    node: exp.Expr, resolve: Resolve, value: Value, report: Report
) -> exp.Expr | None:
    """The comparison of a truncated time with literals as a range; None for anything else."""
    kind, name, literals = _sides(node)
    if name is None or any(text is None for text in literals):
        return None
    column = resolve(name.name)
    if column.unit is None:
        return None
    starts: list[datetime] = []
    for text in literals:
        start = _start(text or "", column, column.unit, report)
        if start is None:
            return None
        starts.append(start)
    if node.args.get("symmetric"):
        starts.sort()
    return _range(kind, column, value, starts)


def _move_literals(
    node: exp.Expr, resolve: Callable[[str], TimedColumn | None], report: Report
) -> None:
    """Literals in a list or CASE beside a truncated time become starts of periods."""
    whens = [when.this for when in node.args.get("ifs") or ()]
    others = [node.args.get(side) for side in ("expression", "low", "high")]
    sides = (node.this, *others, *node.expressions, *whens)
    operands = [side for side in sides if side is not None]
    names = [name for side in operands if (name := _name(side)) is not None]
    column = resolve(names[0].name) if len(names) == 1 else None
    if column is None or column.unit is None:
        return
    for operand in operands:
        text = _literal(operand)
        start = None if text is None else _start(text, column, column.unit, report)
        if start is not None:
            operand.replace(moment(start, grain.is_date(column.unit)))


def _start(text: str, column: TimedColumn, unit: str, report: Report) -> datetime | None:
    """The first instant of the period that a literal names; None, reported, where it is no time."""
    parsed = grain.parse_moment(text)
    if parsed is None:
        message = f"`{text}` is not a date or time: {column.asked.base} is compared with ISO dates"
        report(Problem("bad-value", message, word=text))
        return None
    start = grain.truncate(parsed[0], unit)
    if start != parsed[0]:
        first = start.date() if grain.is_date(unit) else start
        message = f"`{text}` was moved to the start of its {column.grain}, {first}"
        report(Problem("truncated-literal", message, word=text, severity="notice"))
    return start


def _range(
    kind: type[exp.Expr], column: TimedColumn, value: Value, starts: list[datetime]
) -> exp.Expr:
    unit = column.unit
    assert unit is not None, "only periods of a unit are ranges"
    first, last, is_day = starts[0], starts[-1], grain.is_date(unit)
    after = grain.next_period(last, unit)
    match kind:
        case exp.GTE:
            tree = between(column, value, first, None, is_day)
        case exp.LT:
            tree = between(column, value, None, first, is_day)
        case exp.GT:
            tree = between(column, value, grain.next_period(first, unit), None, is_day)
        case exp.LTE:
            tree = between(column, value, None, after, is_day)
        case exp.NEQ:
            before = bound(exp.LT, column, value, first, is_day)
            tree = any_of([before, bound(exp.GTE, column, value, after, is_day)])
        case _:
            tree = between(column, value, first, after, is_day)
    assert tree is not None, "every comparison has a bound"
    return exp.Paren(this=tree) if isinstance(tree, exp.Connector) else tree


def _sides(
    node: exp.Expr,
) -> tuple[type[exp.Expr], exp.Column | None, list[str | None]]:
    """The comparison's kind with the name on the left, the name, and the literals."""
    if isinstance(node, exp.Between):
        literals = [_literal(node.args["low"]), _literal(node.args["high"])]
        return exp.Between, _name(node.this), literals
    if (name := _name(node.this)) is not None:
        return type(node), name, [_literal(node.expression)]
    if (name := _name(node.expression)) is not None:
        return _MIRROR[type(node)], name, [_literal(node.this)]
    return type(node), None, []


def _name(tree: exp.Expr) -> exp.Column | None:
    """A group-by name, also in parentheses."""
    bare = tree.unnest()
    return bare if isinstance(bare, exp.Column) and not bare.table else None


def _literal(tree: exp.Expr) -> str | None:
    """The text of a string literal, also as DATE '..' or TIMESTAMP '..', or in parentheses."""
    tree = tree.unnest()
    if isinstance(tree, exp.Cast) and tree.to.is_type(*_DATES):
        tree = tree.this
    return str(tree.name) if isinstance(tree, exp.Literal) and tree.is_string else None
