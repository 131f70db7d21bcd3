"""The last rewrite of a statement for ClickHouse: what depends on where an expression stands."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects.spellings import call

_PREDICATES: Final = (
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In),
    *(exp.Between, exp.Like, exp.ILike, exp.Exists, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Escape),
)
_CONDITIONS: Final = (
    *(exp.And, exp.Or, exp.Not, exp.Where, exp.Having, exp.Join, exp.Qualify, exp.Is, exp.Paren),
)


def finished(tree: exp.Expr) -> exp.Expr:
    """Comparisons become booleans where they are values, columns keep their names in joins."""
    for node in list(tree.find_all(*_PREDICATES)):
        if _is_value(node):
            hole = exp.Placeholder()
            node.replace(hole)
            hole.replace(call("toBool", node))
    for select in list(tree.find_all(exp.Select)):
        if select.args.get("joins"):
            _name_columns(select)
    _order_by_place(tree)
    return tree


def _name_columns(select: exp.Expr) -> None:
    """Beside a join, a column that both sides have would keep its table in its name."""
    for column in select.args["expressions"]:
        if isinstance(column, exp.Column) and column.table and not column.is_star:
            name = exp.to_identifier(column.name, quoted=column.this.args.get("quoted"))
            column.replace(exp.Alias(this=column.copy(), alias=name))


def _is_value(node: exp.Expr) -> bool:
    """Whether a comparison's value goes further than into a condition."""
    inner, outer = node, node.parent
    while isinstance(outer, exp.Paren):
        inner, outer = outer, outer.parent
    if outer is None or isinstance(outer, (*_CONDITIONS, exp.Escape)):
        return False
    if isinstance(outer, exp.If):
        return outer.this is not inner
    return not (isinstance(outer, exp.Anonymous) and outer.name == "if")


def _order_by_place(tree: exp.Expr) -> None:
    """A name in ORDER BY would be the column of a table, where one has it."""
    order = tree.args.get("order")
    if order is None:
        return
    places = {e.alias_or_name: n for n, e in enumerate(tree.args["expressions"], 1)}
    for key in order.expressions:
        if isinstance(key.this, exp.Column) and not key.this.table and key.this.name in places:
            key.set("this", exp.Literal.number(places[key.this.name]))
