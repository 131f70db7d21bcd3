"""`join_to_timespine`: a row for every period, also where there is no value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.columns import TimedColumn, resolve_name, resolver
from kpilayer.conditions import all_of, bind_condition
from kpilayer.formula.times import is_of_time
from kpilayer.formula.tree import Formula, Home, Shaped, atoms
from kpilayer.plan.customs import Dated, units_of
from kpilayer.plan.keys import Key, is_home_time, is_of_home_time
from kpilayer.plan.kinds.cumulative import base_grain
from kpilayer.plan.nodes import Aggregate, Column, Derived, Group, Match, Read, Source, keys_of
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder, Scope, named
from kpilayer.plan.spines import spine


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Group:
    """The rows of the input, and one for each period of the spine that has none.

    `dates`: without a group; conditions on groups, which such a row cannot meet, hold for it too.
    `grid`: one for each group that the input has.
    """
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    first, settings = shaped[0], dict(shaped[0].settings)
    times = _times(builder, first, scope)
    trees = [
        (columns[leaf], leaf.inputs[0][1]) for leaf in shaped if not times or not _counts(leaf)
    ]
    framed = builder.frame(builder, trees or [(columns[first], first.inputs[0][1])], scope)
    group = framed.group
    home = next((a.model, a.time) for a in atoms(first))
    counted = [Column(columns[leaf], exp.Literal.number(1)) for leaf in shaped if _counts(leaf)]
    if not times:
        return named(builder, group, scope, trees, framed.values)
    on_time = [c for c in first.conditions if is_of_time(builder.graph, c, [home])]
    dates = periods(builder, home, times, scope, (*scope.shown, *on_time))
    rest = [k for k in scope.keys if k not in times]
    outer: Source = Read(dates)
    groups: Aggregate | None = None
    if settings["mode"] == "grid" and rest:
        seen = tuple(Column(k.name, exp.column(k.name, table=group.name)) for k in rest)
        groups = Aggregate(builder.name(f"{group.name}_groups"), Read(group), seen, ())
        outer = Match(outer, Read(groups), exp.true())
    same = list(same_periods(times, home, group, dates))
    if groups is not None:
        same += [
            exp.NullSafeEQ(
                this=exp.column(k.name, table=group.name),
                expression=exp.column(k.name, table=groups.name),
            )
            for k in rest
        ]

    def key(k: Key) -> exp.Expr:
        table = dates if k in times else groups or group
        return exp.column(k.name, table=table.name)

    held = _on_groups(builder, first, home, [(k, key(k)) for k in scope.keys], on_time)
    source = filtered(Match(outer, Read(group), all_of(same), keeps_left=True), held)

    made = [Column(k.name, key(k)) for k in scope.keys]
    made += [Column(name, framed.values[tree]) for name, tree in trees]
    name = builder.name(f"{group.name}_without_gaps")
    return Derived(name, source, (*made, *counted), tuple(k.name for k in scope.keys))


def _times(builder: Builder, leaf: Shaped, scope: Scope) -> list[Key]:
    home = next((a.model, a.time) for a in atoms(leaf))
    return [k for k in scope.keys if is_of_home_time(builder.graph, k, home)]


def _counts(leaf: Shaped) -> bool:
    """Whether it only tells that there is a row."""
    return "counted" in dict(leaf.settings)


def periods(
    builder: Builder, home: Home, times: Sequence[Key], scope: Scope, shown: Sequence[str]
) -> Group:
    """The asked periods of the spine: pairs of them where several grains are asked."""
    found = [k.column(home) for k in times]
    units = units_of(builder.graph.catalog.calendar, found)
    finest = grain.finest(units) if units else "day"
    nests = all(c.unit is not None and grain.nests(finest, c.unit) for c in found)
    finest = finest if nests else base_grain(builder.graph, home, units)
    whole = spine(builder, home, finest, scope.span(home), shown)
    (column,) = keys_of(whole)
    at = exp.column(column, table=whole.name)
    if len(times) == 1 and times[0].name == column:
        return whole
    dated = Dated(builder.graph, at, finest)
    keys = tuple(Column(k.name, dated.period(k.column(home))) for k in times)
    return Aggregate(builder.name(f"{whole.name}_asked"), dated.joined(Read(whole)), keys, ())


def same_periods(
    times: Sequence[Key], home: Home, group: Group, dates: Group
) -> Iterator[exp.Expr]:
    """That a row of a group is of the asked periods; dates of no custom period are together."""
    for key in times:
        is_custom = key.column(home).custom is not None
        yield (exp.NullSafeEQ if is_custom else exp.EQ)(
            this=exp.column(key.name, table=group.name),
            expression=exp.column(key.name, table=dates.name),
        )


def _on_groups(
    builder: Builder,
    leaf: Shaped,
    home: Home,
    keys: Sequence[tuple[Key, exp.Expr]],
    on_time: Sequence[str],
) -> list[exp.Expr]:
    """The conditions from outside that are about group-bys of the question, and not time alone."""
    found = []
    catalog = builder.graph.catalog
    for text in leaf.conditions:
        if text in on_time:
            continue
        if any(expr.is_none(node) for node in expr.nodes(catalog.snippet(text).tree)):
            continue  # about rows of the many side, which a period without rows has none of
        names = [n.name for n in catalog.snippet(text).names]
        known = {name: _key_of(builder, home, name, keys) for name in names}
        if names and all(value is not None for value in known.values()):
            found.append(_over(builder, text, home, known))
    return found


def _over(
    builder: Builder, text: str, home: Home, known: Mapping[str, exp.Expr | None]
) -> exp.Expr:
    """A condition over group-bys, which are at the grains that it names."""
    resolve = resolver(builder.graph, *home)
    by_column = [(resolve(name), value) for name, value in known.items()]

    def value(column: TimedColumn) -> exp.Expr:
        found = next(v for c, v in by_column if c == column)
        assert found is not None, "every name was found"
        return found.copy()

    return bind_condition(builder.graph.catalog.snippet(text).tree, resolve, value)


def _key_of(
    builder: Builder, home: Home, name: str, keys: Sequence[tuple[Key, exp.Expr]]
) -> exp.Expr | None:
    """The group-by that a name of a condition is, at the same grain."""
    column = resolve_name(builder.graph, *home, name)
    if not isinstance(column, TimedColumn):
        return None
    for key, value in keys:
        own = key.column(home)
        same = own.reached.path == column.reached.path and own.meaning == column.meaning
        same = same or (
            is_home_time(builder.graph, own, home) and is_home_time(builder.graph, column, home)
        )
        if (
            same
            and (own.unit, own.custom) == (column.unit, column.custom)
            and (own.part or column.part) is None
        ):
            return value
    return None
