"""The last rewrite of a statement for T-SQL, which has conditions, but no values of them."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects.spellings import TYPE, operand

_NUMBER: Final = exp.Literal.number
_PREDICATES: Final = (
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In),
    *(exp.Between, exp.Like, exp.Exists, exp.NullSafeEQ, exp.NullSafeNEQ),
)
_OPERATORS: Final = (exp.And, exp.Or, exp.Not)


def finished(tree: exp.Expr) -> exp.Expr:
    """Bits become conditions where they are asked, and conditions bits where they are values."""
    nodes: list[exp.Expr] = list(tree.find_all(exp.Boolean, *_PREDICATES))
    for node in nodes:
        is_literal = isinstance(node, exp.Boolean)
        if is_literal and not (isinstance(node.parent, exp.Is)) and not _is_asked(node):
            node.replace(exp.cast(_NUMBER(int(node.this)), TYPE.BIT))
        elif not is_literal and not _is_asked(node):
            hole = exp.Placeholder()
            node.replace(hole)
            hole.replace(_as_bit(node))
    for node in _slots(tree):
        inner = node.unnest()
        if isinstance(inner, exp.Boolean):
            sides = (_NUMBER(1), _NUMBER(int(inner.this)))
            node.replace(exp.EQ(this=sides[0], expression=sides[1]))
        elif not isinstance(inner, _PREDICATES):
            node.replace(exp.EQ(this=operand(node.copy()), expression=_NUMBER(1)))
    for window in list(tree.find_all(exp.Window)):
        _order(window)
    return tree


def _as_bit(node: exp.Expr) -> exp.Expr:
    """1, 0, or NULL where nobody knows."""
    no = exp.Not(this=exp.Paren(this=node.copy()))
    ifs = [exp.If(this=node, true=_NUMBER(1)), exp.If(this=no, true=_NUMBER(0))]
    return exp.cast(exp.Case(ifs=ifs), TYPE.BIT, copy=False)


def _is_asked(node: exp.Expr) -> bool:
    """Whether a node stands where a condition does."""
    inner, outer = node, node.parent
    while isinstance(outer, exp.Paren):
        inner, outer = outer, outer.parent
    if isinstance(outer, (exp.Where, exp.Having, *_OPERATORS)):
        return True
    if isinstance(outer, exp.Join):
        return outer.args.get("on") is inner
    if isinstance(outer, exp.If):
        return outer.this is inner
    return False


def _slots(tree: exp.Expr) -> list[exp.Expr]:
    """Every expression that stands where a condition does."""
    found: list[exp.Expr] = []
    for node in tree.find_all(exp.Where, exp.Having, exp.Join, exp.If, *_OPERATORS):
        match node:
            case exp.Join():
                found += [node.args["on"]] if node.args.get("on") is not None else []
            case exp.And() | exp.Or():
                found += [node.this, node.expression]
            case _:
                found.append(node.this)
    return [node for node in found if not isinstance(node.unnest(), _OPERATORS)]


def _order(window: exp.Expr) -> None:
    """NULLS LAST upwards, or FIRST downwards, by a key of its own; numbers in no order need one."""
    order = window.args.get("order")
    if order is None:
        if isinstance(window.this, exp.RowNumber):
            one = exp.Subquery(this=exp.Select(expressions=[exp.null()]))
            window.set("order", exp.Order(expressions=[exp.Ordered(this=one, nulls_first=True)]))
        return
    keys: list[exp.Expr] = []
    for key in order.expressions:
        descending, first = bool(key.args.get("desc")), key.args.get("nulls_first")
        if first is not None and bool(first) is descending:
            null = exp.Is(this=operand(key.this.copy()), expression=exp.null())
            rank = exp.Case(
                ifs=[exp.If(this=null, true=_NUMBER(int(not first)))],
                default=_NUMBER(int(bool(first))),
            )
            keys.append(exp.Ordered(this=rank, nulls_first=True))
        keys.append(exp.Ordered(this=key.this, desc=descending, nulls_first=not descending))
    order.set("expressions", keys)
