"""Semi-additive metrics: the rows of the first or last date of each period and entity (T6).

Other group-bys take no part in choosing the date, as in dbt; NULL entities are kept (X8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from kpilayer import expr
from kpilayer.columns import TimedColumn, resolve_property
from kpilayer.formula import Atom, Formula, Shaped
from kpilayer.plan.keys import Key, is_of_home_time
from kpilayer.plan.kinds.aggregated import keys_over, own_conditions, rows_of, shown_over
from kpilayer.plan.naming import branch_name
from kpilayer.plan.nodes import Aggregate, Column, Derived, Measure, Read
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder, Scope


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Aggregate:
    """One row per group of the rows at the chosen dates."""
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    rule = shaped[0]
    together = {columns[leaf]: leaf.inputs[0][1] for leaf in shaped}
    atom = next(iter(together.values()))
    assert isinstance(atom, Atom), "a balance is an aggregation of rows"
    home = (atom.model, atom.time)
    reader = builder.reader((atom.model, atom.time))
    keys = keys_over(builder, reader, home, scope)
    held = [*shown_over(builder, reader, home, scope), *own_conditions(atom, reader)]
    found = {(what, name): resolve_property(builder.graph, *home, what, name)
             for what, _, name in rule.names}  # fmt: skip
    dates = [c for (what, _), c in found.items() if what == "over"]
    date = dates[0]
    assert isinstance(date, TimedColumn), "checked with the definition"
    element = date.reached.element
    time = expr.trunc(date.unit or "day", reader.local(date))
    per = [
        reader.value(c.reached)
        for (what, _), c in found.items()
        if what == "per" and isinstance(c, TimedColumn)
    ]

    def is_of_date(key: Key) -> bool:
        column = key.column(home)
        if column.asked.is_metric_time or is_of_home_time(builder.graph, key, home):
            own = builder.graph.catalog.models[atom.model].dimension(atom.time or "")
            return own == element
        return column.reached.element == element and not column.reached.path

    per += [c.value.copy() for c, k in zip(keys, scope.keys, strict=True) if is_of_date(k)]
    choose = exp.Max if dict(rule.settings)["window_agg"] == "max" else exp.Min
    edge = exp.Window(this=choose(this=time.copy()), partition_by=per)
    stem = branch_name(atom.model, [k.name for k in keys])
    values = [
        Column(f"{name}_value", reader.value_of(a))
        for name, a in together.items()
        if isinstance(a, Atom)
    ]
    dated = Derived(
        builder.name(f"{atom.model}_dated"),
        rows_of(builder, reader, home, scope, held),
        (*keys, *values, Column("date_of_row", time), Column("date_of_balance", edge)),
    )

    def column(name: str) -> exp.Expr:
        return exp.column(name, table=dated.name)

    chosen = exp.EQ(this=column("date_of_row"), expression=column("date_of_balance"))
    measures = tuple(
        Measure(
            name,
            a.agg,
            column(f"{name}_value"),
            percentile=a.percentile,
            discrete=a.discrete,
            needs_rows=not keys and a.agg in ("count", "sum_boolean"),
        )
        for name, a in together.items()
        if isinstance(a, Atom)
    )
    own = tuple(Column(k.name, column(k.name)) for k in keys)
    return Aggregate(builder.name(stem), filtered(Read(dated), [chosen]), own, measures)
