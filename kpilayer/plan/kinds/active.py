"""Rows that hold over an interval: those that hold at the end, start or every day of a period (T5).

The time of such a metric is the spine's date, not a date of the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.columns import TimedColumn, resolver
from kpilayer.conditions import all_of, bind_condition
from kpilayer.formula.times import is_of_time
from kpilayer.formula.tree import Atom, Formula, Shaped
from kpilayer.plan.customs import Dated, units_of
from kpilayer.plan.keys import is_home_time, is_of_home_time
from kpilayer.plan.kinds.aggregated import conditions_over, counted, keys_over, measured
from kpilayer.plan.kinds.cumulative import base_grain
from kpilayer.plan.naming import branch_name
from kpilayer.plan.nodes import Aggregate, Column, Derived, Group, Match, Measure, Read, Source
from kpilayer.plan.rows import filtered, joined
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.spines import conditions_grains, spine

_DATE: Final = "date_held"  # stands beside periods only, which have other names


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
    catalog = builder.graph.catalog
    wanted = units_of(catalog.calendar, [k.column(home) for k in times])
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
    at = exp.column(_DATE, table=dates.name)
    rest = tuple(k for k in scope.keys if k not in times)
    inner = Scope(rest)
    grouped = keys_over(builder, reader, home, inner)
    resolve = resolver(builder.graph, *home)
    mixed = [text for text in told if text not in conditions]  # about the date and the row at once
    named = (resolve(n.name) for text in mixed for n in catalog.snippet(text).names)
    own_columns = [c for c in named if not is_home_time(builder.graph, c, home)]
    since, to = reader.held()
    of_row = [
        Column("held_from", since),
        Column("held_to", to),
        *(Column(name, reader.value_of(a)) for name, a in atoms.items()),
        *(Column("held_with", reader.column(c)) for c in own_columns),
    ]
    kept, tests = conditions_over(atom, reader, inner)
    rows = filtered(joined(reader), kept)
    rows, grouped, read = counted(rows, tests, grouped, tuple(of_row), reader)
    own = {c.name: c for c in grouped}
    start, until, *rest_of_row = [c.value for c in read]
    values = dict(zip(atoms, rest_of_row, strict=False))
    beside = list(zip(own_columns, rest_of_row[len(atoms) :], strict=True))
    end = expr.trunc(base, until)
    still = (exp.GTE if active.to_inclusive else exp.GT)(this=end, expression=at.copy())
    open_ended = exp.Is(this=until.copy(), expression=exp.Null())
    held: list[exp.Expr] = [
        exp.LTE(this=expr.trunc(base, start), expression=at),
        exp.Paren(this=exp.Or(this=open_ended, expression=still)),
    ]

    dated = Dated(builder.graph, at, base)

    def value(column: TimedColumn) -> exp.Expr:
        found = next((found for c, found in beside if c == column), None)
        return dated.value(column) if found is None else found.copy()

    both = [bind_condition(catalog.snippet(text).tree, resolve, value) for text in mixed]
    held += [] if dated.spines else both
    source: Source = Match(rows, Read(dates), all_of([*held]))
    source = filtered(dated.joined(source), both) if dated.spines else source
    keys = tuple(
        own.get(k.name) or Column(k.name, exp.column(k.name, table=dates.name)) for k in scope.keys
    )
    measures = tuple(
        measured(a, name, values[name], is_grouped=bool(keys)) for name, a in atoms.items()
    )
    stem = branch_name(f"{atom.model}_held", [k.name for k in keys])
    return Aggregate(builder.name(stem), source, keys, measures)


def _chosen(
    builder: Builder, whole: Group, base: str, times: Mapping[str, TimedColumn], as_of: str
) -> Group:
    """The dates at which rows must hold, each with the periods that it stands for."""
    at = exp.column(base, table=whole.name)
    dated = Dated(builder.graph, at, base)
    keys = tuple(Column(name, dated.period(c)) for name, c in times.items())
    source = dated.joined(Read(whole))
    if as_of == "every_day":
        columns = (*keys, Column(_DATE, at))
        return Derived(builder.name(f"{whole.name}_held"), source, columns)
    agg = "max" if as_of == "period_end" else "min"
    name = builder.name(f"{whole.name}_{'last' if agg == 'max' else 'first'}")
    return Aggregate(name, source, keys, (Measure(_DATE, agg, at),))
