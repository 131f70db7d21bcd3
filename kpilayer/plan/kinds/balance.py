"""Semi-additive metrics: the rows of the first or last date of each period and entity (T6).

Other group-bys take no part in choosing the date, as in dbt; NULL entities are kept (X8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from kpilayer import expr
from kpilayer.columns import TimedColumn, resolve_property
from kpilayer.formula.tree import Atom, Formula, Shaped
from kpilayer.plan.keys import Key, is_of_home_time
from kpilayer.plan.kinds.aggregated import (
    conditions_over,
    counted,
    keys_over,
    measured,
    rows_of,
    shown_over,
)
from kpilayer.plan.naming import branch_name
from kpilayer.plan.nodes import Aggregate, Column, Derived, Read
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder, Scope


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Aggregate:
    """One row per group of the rows at the chosen dates."""
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    rule = shaped[0]
    together = {columns[leaf]: leaf.inputs[0][1] for leaf in shaped}
    atoms = {name: tree for name, tree in together.items() if isinstance(tree, Atom)}
    atom = next(iter(atoms.values()))
    home = (atom.model, atom.time)
    reader = builder.reader((atom.model, atom.time))
    keys = keys_over(builder, reader, home, scope)
    conditions, tests = conditions_over(atom, reader, scope)
    held = [*shown_over(builder, reader, home, scope), *conditions]
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

    stem = branch_name(atom.model, [k.name for k in keys])
    values = [Column(scope.apart(f"{name}_value"), reader.value_of(a)) for name, a in atoms.items()]
    dated_at = Column(scope.apart("date_of_row"), time)
    groups = [Column(f"balance_of_{number}", value) for number, value in enumerate(per, start=1)]
    rows = rows_of(builder, reader, home, scope, held)
    rows, keys, read = counted(rows, tests, keys, (*values, dated_at, *groups), reader)
    known = {c.name: c.value for c in read}
    together_with = [known[c.name] for c in groups]
    together_with += [
        c.value.copy() for c, k in zip(keys, scope.keys, strict=True) if is_of_date(k)
    ]
    choose = exp.Max if dict(rule.settings)["window_agg"] == "max" else exp.Min
    edge = exp.Window(this=choose(this=known[dated_at.name].copy()), partition_by=together_with)
    shown = (Column(c.name, known[c.name]) for c in (*values, dated_at))
    of_balance = Column(scope.apart("date_of_balance"), edge)
    dated = Derived(builder.name(f"{atom.model}_dated"), rows, (*keys, *shown, of_balance))

    def column(name: str) -> exp.Expr:
        return exp.column(name, table=dated.name)

    chosen = exp.EQ(this=column(dated_at.name), expression=column(of_balance.name))
    measures = tuple(
        measured(a, name, column(value.name), is_grouped=bool(keys))
        for (name, a), value in zip(atoms.items(), values, strict=True)
    )
    own = tuple(Column(k.name, column(k.name)) for k in keys)
    return Aggregate(builder.name(stem), filtered(Read(dated), [chosen]), own, measures)
