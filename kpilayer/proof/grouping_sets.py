"""GROUPING SETS and ROLLUP as the stacked groups that they stand for."""

from __future__ import annotations

from sqlglot import exp

from kpilayer.proof.query import Unreadable


def by_sets(select: exp.Select) -> exp.Query | None:
    """A UNION ALL of a SELECT for each set of its GROUP BY; None where it has one set.

    A column that a set lacks is NULL in the outputs, but for what aggregates read.
    """
    group = select.args.get("group")
    inside = [] if group is None else group.expressions
    if not any(isinstance(e, exp.GroupingSets | exp.Rollup | exp.Cube) for e in inside):
        return None
    plain = len(inside) == 1 and not any(select.args.get(k) for k in _NOT_WITH)
    if not plain or isinstance(inside[0], exp.Cube):
        raise Unreadable("grouping sets")
    parts = [_members(e) for e in inside[0].expressions]
    if isinstance(inside[0], exp.Rollup):
        sets = [[m for p in parts[:n] for m in p] for n in range(len(parts), -1, -1)]
    else:
        sets = parts
    every = list({m.sql(): m for members in sets for m in members}.values())
    if not all(isinstance(m, exp.Column) for m in every):
        raise Unreadable("grouping sets of expressions")
    arms = [_grouped(select, members, every) for members in sets]
    found: exp.Query = arms[0]
    for arm in arms[1:]:
        found = exp.Union(this=found, expression=arm, distinct=False)
    return found


_NOT_WITH = ("having", "qualify", "distinct", "order", "limit", "offset", "with_")


def _members(part: exp.Expr) -> list[exp.Expr]:
    if isinstance(part, exp.Tuple):
        return list(part.expressions)
    return [part.unnest()]


def _grouped(select: exp.Select, members: list[exp.Expr], every: list[exp.Expr]) -> exp.Select:
    """The SELECT over one set; without members all rows are one group, even where there is none."""
    made = select.copy()
    group = exp.Group(expressions=[m.copy() for m in members]) if members else None
    made.set("group", group)
    missing = {m.sql() for m in every} - {m.sql() for m in members}
    bare = {m.name for m in every if m.sql() in missing}
    aggregated = False
    for output in made.expressions:
        aggregated = aggregated or output.find(exp.AggFunc) is not None
        for column in list(output.find_all(exp.Column)):
            if column.name not in bare or column.find_ancestor(exp.AggFunc) is not None:
                continue
            if column.sql() not in missing or isinstance(column.parent, exp.Window):
                raise Unreadable("grouping sets")
            if column is output:
                output.replace(exp.alias_(exp.null(), column.name))
            else:
                column.replace(exp.null())
    if output_has(made, exp.Window, exp.Grouping, exp.Query) or not (members or aggregated):
        raise Unreadable("grouping sets")
    return made


def output_has(select: exp.Select, *kinds: type[exp.Expr]) -> bool:
    """Whether an output holds a node of these kinds."""
    return any(e.find(*kinds) is not None for e in select.expressions)
