"""What PostgreSQL makes of the text of a view, as people write it: no casts of texts, lists."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

_COMPARED: Final = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Like, exp.ILike, exp.In)


def as_written(tree: exp.Expr) -> exp.Expr:
    """The tree with `x = ANY (ARRAY['a'])` as `x IN ('a')`, and without casts of texts to text.

    Casts are left out where they change nothing: of string constants, and of what is compared with
    texts, which PostgreSQL writes at columns of a bounded length.
    """
    return tree.transform(_without_cast).transform(_as_list)


def unwrapped(tree: exp.Expr) -> exp.Expr:
    """The tree without parentheses around the joins of a FROM, as DuckDB writes views."""
    for select in tree.find_all(exp.Select):
        from_ = select.args.get("from_") or exp.From()
        wrapped = from_.this
        while isinstance(wrapped, exp.Subquery) and isinstance(wrapped.this, exp.Table):
            table = wrapped.this
            joins = [*(table.args.get("joins") or ()), *(wrapped.args.get("joins") or ())]
            table.set("joins", None)
            from_.set("this", table)
            select.set("joins", [*joins, *(select.args.get("joins") or ())])
            wrapped = from_.this
    return tree


def _without_cast(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Cast) or not node.to.is_type(*exp.DataType.TEXT_TYPES):
        return node
    value = node.this.unnest()
    is_text = isinstance(value, exp.Literal) and value.is_string
    return value if is_text or isinstance(node.parent, _COMPARED) else node


def _as_list(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.EQ | exp.NEQ):
        return node
    members = _members(node.expression, "any" if isinstance(node, exp.EQ) else "all")
    if members is None:
        return node
    found = exp.In(this=node.this, expressions=members)
    return found if isinstance(node, exp.EQ) else exp.Not(this=found)


def _members(node: exp.Expr, word: str) -> list[exp.Expr] | None:
    """The members of `ANY (ARRAY[..])`, or of ALL; None where it is something else."""
    if isinstance(node, exp.Any) and word == "any":
        value = node.this
    elif isinstance(node, exp.Anonymous) and node.name.lower() == word:
        value = node.expressions[0] if len(node.expressions) == 1 else exp.Null()
    else:
        return None
    value = value.unnest()
    while isinstance(value, exp.Cast):
        value = value.this.unnest()
    return list(value.expressions) if isinstance(value, exp.Array) else None
