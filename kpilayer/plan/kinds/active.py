"""Rows that hold over an interval: those that hold at the end, start or every day of a period (T5).

The time of such a metric is the spine's date, not a date of the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from kpilayer import expr
from kpilayer.columns import TimedColumn, resolver
from kpilayer.conditions import all_of, bind_condition
from kpilayer.formula import Atom, Formula, Shaped, is_of_time
from kpilayer.plan.keys import is_home_time, is_of_home_time, period
from kpilayer.plan.kinds.aggregated import keys_over, own_conditions
from kpilayer.plan.kinds.cumulative import base_grain
from kpilayer.plan.naming import branch_name
from kpilayer.plan.nodes import Aggregate, Column, Derived, Group, Match, Measure, Read
from kpilayer.plan.rows import filtered, joined
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.spines import conditions_grains, spine


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Aggregate:
    """One row per period and group in which a row holds at the chosen dates."""
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    rule = shaped[0]
    together = {columns[leaf]: leaf.inputs[0][1] for leaf in shaped}
    atoms = {name: tree for name, tree in together.items() if isinstance(tree, Atom)}
    atom = next(iter(atoms.values()))
    home = (atom.model, atom.time)
    reader = builder.reader((atom.model, atom.time))
    times = [k for k in scope.keys if is_of_home_time(builder.graph, k, home)]
    wanted = [unit for k in times if (unit := k.column(home).unit) is not None]
    catalog = builder.graph.catalog
    told = (*scope.shown, *rule.conditions)
    conditions = [c for c in told if is_of_time(builder.graph, c, [home])]
    base = base_grain(
        builder.graph, home, [*wanted, *conditions_grains(builder.graph, conditions, home)]
    )
    whole = spine(builder, home, base, scope.span(home), conditions)
    periods = {k.name: k.column(home) for k in times}
    dates = _chosen(builder, whole, base, periods, dict(rule.settings)["as_of"])
    active = builder.graph.catalog.models[atom.model].active
    assert active is not None, "checked with the definition"
    at = exp.column("date_held", table=dates.name)
    start = expr.trunc(base, reader.sql(active.from_, ()))
    end = expr.trunc(base, reader.sql(active.to, ()))
    still = (exp.GTE if active.to_inclusive else exp.GT)(this=end, expression=at.copy())
    open_ended = exp.Is(this=reader.sql(active.to, ()), expression=exp.Null())
    held: list[exp.Expr] = [
        exp.LTE(this=start, expression=at),
        exp.Paren(this=exp.Or(this=open_ended, expression=still)),
    ]
    rest = tuple(k for k in scope.keys if k not in times)
    inner = Scope(rest)
    own = {c.name: c for c in keys_over(builder, reader, home, inner)}
    values = {name: reader.value_of(a) for name, a in atoms.items()}
    resolve = resolver(builder.graph, *home)
    moment = exp.column("date_held", table=dates.name)

    def value(column: TimedColumn) -> exp.Expr:
        is_time = is_home_time(builder.graph, column, home)
        return moment.copy() if is_time else reader.value(column.reached)

    for text in told:
        if text not in conditions:  # about the date and the row at once
            held.append(bind_condition(catalog.snippet(text).tree, resolve, value))
    kept = list(own_conditions(atom, reader))
    rows = filtered(joined(reader), kept)
    source = Match(rows, Read(dates), all_of([*held]))
    keys = tuple(
        own.get(k.name) or Column(k.name, exp.column(k.name, table=dates.name)) for k in scope.keys
    )
    measures = tuple(
        Measure(
            name,
            a.agg,
            values[name],
            percentile=a.percentile,
            discrete=a.discrete,
            needs_rows=not keys and a.agg in ("count", "sum_boolean"),
        )
        for name, a in atoms.items()
    )
    stem = branch_name(f"{atom.model}_held", [k.name for k in keys])
    return Aggregate(builder.name(stem), source, keys, measures)


def _chosen(
    builder: Builder, whole: Group, base: str, times: Mapping[str, TimedColumn], as_of: str
) -> Group:
    """The dates at which rows must hold, each with the periods that it stands for."""
    at = exp.column(base, table=whole.name)
    keys = tuple(Column(name, period(c, at.copy(), base)) for name, c in times.items())
    if as_of == "every_day":
        columns = (*keys, Column("date_held", at))
        return Derived(builder.name(f"{whole.name}_held"), Read(whole), columns)
    agg = "max" if as_of == "period_end" else "min"
    name = builder.name(f"{whole.name}_{'last' if agg == 'max' else 'first'}")
    return Aggregate(name, Read(whole), keys, (Measure("date_held", agg, at),))
