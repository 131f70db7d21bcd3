"""The last rewrite of a statement for BigQuery: what it asks of joins and of windows."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from kpilayer.sql.dialects.spellings import TYPE, operand

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def finished(tree: exp.Expr) -> exp.Expr:
    """Every outer join has an equality of both sides, which BigQuery needs and cannot find else."""
    for join in list(tree.find_all(exp.Join)):
        on = join.args.get("on")
        if on is None:
            continue
        for same in list(on.find_all(exp.NullSafeEQ)):
            same.replace(_same_or_both_null(same))
        if join.side == "LEFT":
            _give_equality(join)
    for compared in list(tree.find_all(*_COMPARISONS)):
        if isinstance(compared.this.unnest(), exp.Null) or isinstance(
            compared.expression.unnest(), exp.Null
        ):
            compared.replace(exp.cast(exp.null(), TYPE.BOOLEAN))  # NULL itself has no type
    for select in list(tree.find_all(exp.Select)):
        _windows_over_groups(select)
    for select in list(tree.find_all(exp.Select)):
        _group_by_place(select)
    for window in list(tree.find_all(exp.Window)):
        order = window.args.get("order")
        if order is not None:
            order.set("expressions", [key for e in order.expressions for key in _in_window(e)])
    return tree


_OUTSIDE: Final = ("expressions", "having", "qualify", "order")
_INSIDE: Final = ("from_", "joins", "where", "group")


def _windows_over_groups(select: exp.Expr) -> None:
    """Windows over what rows are grouped by, where that is computed: groups first, then windows.

    BigQuery knows an expression of GROUP BY again as a whole column of the answer only.
    """
    group = select.args.get("group")
    if group is None or all(isinstance(key, exp.Column) for key in group.expressions):
        return
    if not any(value.find(exp.Window) for value in select.args["expressions"]):
        return
    inner: dict[str, exp.Expr] = {f"key_{n}": key for n, key in enumerate(group.expressions, 1)}
    for outside in _OUTSIDE:
        value = select.args.get(outside)
        for tree in value if isinstance(value, list) else [value] if value else []:
            _take_out(tree, inner)
    columns = [exp.alias_(value.copy(), name) for name, value in inner.items()]
    grouped = exp.Select(expressions=columns)
    for arg in _INSIDE:
        grouped.set(arg, select.args.get(arg))
        select.set(arg, None)
    table = exp.TableAlias(this=exp.to_identifier(_GROUPED))
    select.set("from_", exp.From(this=exp.Subquery(this=grouped, alias=table)))
    having = select.args.get("having")
    if having is not None:
        select.set("having", None)
        select.set("where", exp.Where(this=having.this))


_GROUPED: Final = "grouped"


def _take_out(tree: exp.Expr, inner: dict[str, exp.Expr]) -> None:
    """Replaces what is grouped by, and aggregates, by columns of the groups."""
    name = next((name for name, value in inner.items() if value == tree), None)
    is_window = isinstance(tree.parent, exp.Window) and tree.arg_key == "this"
    if name is None and isinstance(tree, exp.AggFunc) and not is_window:
        name = f"value_{len(inner)}"
        inner[name] = tree.copy()
    if name is not None:
        column = exp.column(name, table=_GROUPED)
        is_named = isinstance(tree.parent, exp.Select) and isinstance(tree, exp.Column)
        tree.replace(exp.alias_(column, tree.name) if is_named else column)
        return
    for child in list(tree.iter_expressions()):
        _take_out(child, inner)


def _group_by_place(select: exp.Expr) -> None:
    """A name in GROUP BY would be that of a column of the answer, even before a point."""
    group = select.args.get("group")
    if group is None:
        return
    values = [e.unalias() for e in select.args["expressions"]]
    keys = group.expressions
    group.set(
        "expressions",
        [exp.Literal.number(values.index(key) + 1) if key in values else key for key in keys],
    )


def _in_window(key: exp.Expr) -> list[exp.Expr]:
    """NULLS LAST upwards, or NULLS FIRST downwards, by a key of its own: windows may not say it."""
    descending, first = bool(key.args.get("desc")), key.args.get("nulls_first")
    plain = exp.Ordered(this=key.this, desc=descending, nulls_first=not descending)
    if first is None or bool(first) is not descending:
        return [plain]
    is_null = exp.Is(this=operand(key.this.copy()), expression=exp.null())
    return [exp.Ordered(this=is_null, desc=bool(first), nulls_first=not first), plain]


def _same_or_both_null(same: exp.Expr) -> exp.Expr:
    """BigQuery finds the equality in this form of IS NOT DISTINCT FROM."""
    left, right = operand(same.this), operand(same.expression)
    equal = exp.EQ(this=left, expression=right)
    nulls = (exp.Is(this=side.copy(), expression=exp.null()) for side in (left, right))
    both = exp.Paren(this=exp.And(this=next(nulls), expression=next(nulls)))
    return exp.Paren(this=exp.Or(this=equal, expression=both))


def _give_equality(join: exp.Join) -> None:
    """A join by range alone: where the range holds, neither end is NULL, and both are not."""
    own = join.this.alias_or_name
    on = join.args["on"]
    conditions = list(on.flatten()) if isinstance(on, exp.And) else [on]
    if any(_is_equality(c, own) for c in conditions):
        return
    for condition in conditions:
        if not isinstance(condition, (exp.LT, exp.LTE, exp.GT, exp.GTE)):
            continue
        sides = (condition.this, condition.expression)
        read = [_tables(side) for side in sides]
        if {own} in read and all(
            tables and (tables == {own} or own not in tables) for tables in read
        ):
            known = (
                exp.Paren(this=exp.Is(this=operand(s.copy()), expression=exp.null())) for s in sides
            )
            equal = exp.EQ(this=next(known), expression=next(known))
            join.set("on", exp.And(this=equal, expression=on))
            return


def _is_equality(condition: exp.Expr, own: str) -> bool:
    inner = condition.unnest()
    if isinstance(inner, exp.Or):
        inner = inner.this
    if not isinstance(inner, exp.EQ):
        return False
    left, right = _tables(inner.this), _tables(inner.expression)
    return bool(left and right) and ((left == {own}) is not (right == {own}))


def _tables(tree: exp.Expr) -> set[str]:
    return {column.table for column in tree.find_all(exp.Column)}
