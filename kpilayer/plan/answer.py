"""The rows of an answer in one scope: metrics, and beside them what they are compared with."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from kpilayer.formula.tree import Formula, inner_rule
from kpilayer.plan import fill
from kpilayer.plan.bound import BoundQuery
from kpilayer.plan.compare import Named, change, growth
from kpilayer.plan.frame import beside
from kpilayer.plan.having import unshown
from kpilayer.plan.nodes import Column, Combine, Derived, Group, Read
from kpilayer.plan.scope import Builder, Scope, filled, named


def answer(builder: Builder, query: BoundQuery, scope: Scope) -> Group:
    """A group with the group-bys of a scope, and a column for each metric and comparison.

    Its rows are those of the question's metrics: what stands beside them adds none.
    """
    group = _values(builder, query.metrics, scope)
    priors = [
        _values(
            builder, one.metrics, scope if one.spans is None else replace(scope, spans=one.spans)
        )
        for one in query.compared
    ]
    if query.prior_rows:
        stacked = builder.name("stacked") if scope.keys else ""
        group = Combine(builder.name("with_prior"), (group, *priors), stacked)
        priors = []
    if query.fill:
        group = fill.filled(builder, query.metrics, group, scope, query.where)
    extra = [*priors]
    if query.unshown:
        trees = tuple((unshown(name), tree) for name, tree in query.unshown)
        extra.append(_values(builder, trees, scope))
    if extra:
        group = beside(builder, group, extra)
    filling = any(inner_rule(tree) == "filled" for _, tree in query.unshown)
    changes = query.compared or query.fill or filling
    return _completed(builder, query, group, scope) if changes else group


def _values(builder: Builder, trees: Named, scope: Scope) -> Group:
    framed = builder.frame(builder, trees, scope)
    return named(builder, framed.group, scope, list(trees), framed.values)


def _completed(builder: Builder, query: BoundQuery, group: Group, scope: Scope) -> Derived:
    """The rows with what is computed from current and earlier values."""

    def column(name: str, tree: Formula) -> exp.Expr:
        value = filled(tree, exp.column(name, table=group.name))
        return exp.Coalesce(this=value, expressions=[_zero()]) if query.fill else value

    keys = tuple(k.name for k in scope.keys)
    columns = [Column(name, exp.column(name, table=group.name)) for name in keys]
    for name, tree in query.metrics:
        now = column(name, tree)
        columns.append(Column(name, now))
        for one in query.compared:
            prior = f"{name}__{one.label}"
            before = column(prior, dict(one.metrics)[prior])
            columns.append(Column(prior, before))
            columns.append(Column(f"{prior}_change", change(now.copy(), before.copy())))
            columns.append(Column(f"{prior}_growth", growth(now.copy(), before.copy())))
    columns += [Column(unshown(n), column(unshown(n), tree)) for n, tree in query.unshown]
    return Derived(builder.name(f"{group.name}_complete"), Read(group), tuple(columns), keys)


def _zero() -> exp.Expr:
    return exp.Literal.number(0)
