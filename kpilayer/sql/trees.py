"""Trees from parts, where sqlglot's builders would parse or copy what they are given."""

from __future__ import annotations

from sqlglot import exp


def selected(columns: list[exp.Expr], table: exp.Table) -> exp.Select:
    """A SELECT of columns from a table."""
    return exp.Select(expressions=columns, from_=exp.From(this=table))


def with_ctes(select: exp.Select, ctes: list[tuple[str, exp.Query]]) -> exp.Select:
    """The SELECT behind named queries."""
    if ctes:
        queries = [
            exp.CTE(this=query, alias=exp.TableAlias(this=exp.to_identifier(name)))
            for name, query in ctes
        ]
        select.set("with_", exp.With(expressions=queries))
    return select


def name_all(select: exp.Select) -> None:
    """An alias for every column of the result: ORDER BY looks at these before the tables."""
    columns = [c if isinstance(c, exp.Alias) else named(c, c.name) for c in select.expressions]
    select.set("expressions", columns)


def table_as(name: str, known_as: str | None = None) -> exp.Table:
    """A table or named query, by another name where one is given."""
    alias = exp.TableAlias(this=exp.to_identifier(known_as)) if known_as else None
    return exp.Table(this=exp.to_identifier(name), alias=alias)


def named(value: exp.Expr, name: str) -> exp.Expr:
    """A column of a result with its name."""
    return exp.alias_(value, name, copy=False)


def both(condition: exp.Expr | None, value: exp.Expr) -> exp.Expr:
    """Two conditions that hold together; the first may be missing."""
    if condition is None:
        return value
    sides = [exp.Paren(this=s) if isinstance(s, exp.Or) else s for s in (condition, value)]
    return exp.And(this=sides[0], expression=sides[1])


def nested(select: exp.Select, join: exp.Join) -> bool:
    """Puts a join beside the one joined table that it depends on: `a LEFT JOIN (b LEFT JOIN c)`.

    The rows are the same, as what joins is never true of the NULLs of a missing row.
    """
    own = join.this.alias_or_name
    needed = {c.table for c in join.args["on"].find_all(exp.Column)} - {own}
    pending = list(select.args.get("joins") or ())
    while pending:
        before = pending.pop()
        table = before.this.this if isinstance(before.this, exp.Subquery) else before.this
        if needed == {table.alias_or_name} and before.side == "LEFT":
            if table is before.this:
                before.set("this", exp.Subquery(this=table))
            table.append("joins", join)
            return True
        pending += table.args.get("joins") or ()
    return False


def and_where(select: exp.Select, condition: exp.Expr) -> None:
    """Adds a condition to WHERE."""
    before = select.args.get("where")
    select.set("where", exp.Where(this=both(before.this if before else None, condition)))


def is_column(tree: exp.Expr, name: str) -> bool:
    """Whether an expression is a column of this name."""
    return isinstance(tree, exp.Column) and tree.name == name
