"""The rows of an answer in one scope: metrics, and beside them what they are compared with."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from kpilayer.plan.bound import BoundQuery
from kpilayer.plan.compare import Named, change, growth
from kpilayer.plan.fill import filled
from kpilayer.plan.frame import beside
from kpilayer.plan.having import unshown
from kpilayer.plan.nodes import Column, Combine, Derived, Group, Read
from kpilayer.plan.scope import Builder, Scope, named


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
        group = filled(builder, query.metrics, group, scope, query.where)
    extra = [*priors]
    if query.unshown:
        trees = tuple((unshown(name), tree) for name, tree in query.unshown)
        extra.append(_values(builder, trees, scope))
    if extra:
        group = beside(builder, group, extra)
    changes = query.compared or query.fill
    return _completed(builder, query, group, scope) if changes else group


def _values(builder: Builder, trees: Named, scope: Scope) -> Group:
    framed = builder.frame(builder, trees, scope)
    return named(builder, framed.group, scope, list(trees), framed.values)


def _completed(builder: Builder, query: BoundQuery, group: Group, scope: Scope) -> Derived:
    """The rows with what is computed from current and earlier values."""

    def column(name: str) -> exp.Expr:
        value = exp.column(name, table=group.name)
        if not query.fill:
            return value
        return exp.Coalesce(this=value, expressions=[exp.Literal.number(0)])

    keys = tuple(k.name for k in scope.keys)
    columns = [Column(name, exp.column(name, table=group.name)) for name in keys]
    for name, _ in query.metrics:
        columns.append(Column(name, column(name)))
        for one in query.compared:
            prior = f"{name}__{one.label}"
            columns.append(Column(prior, column(prior)))
            both = column(name), column(prior)
            columns.append(Column(f"{prior}_change", change(*both)))
            columns.append(Column(f"{prior}_growth", growth(*(c.copy() for c in both))))
    columns += [Column(unshown(n), column(unshown(n))) for n, _ in query.unshown]
    return Derived(builder.name(f"{group.name}_complete"), Read(group), tuple(columns), keys)
