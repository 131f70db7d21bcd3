"""Atoms over the same rows: one scan, conditional aggregations where their filters differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlglot import exp

from kpilayer import expr
from kpilayer.columns import TimedColumn, own_grain
from kpilayer.conditions import all_of, any_of, timed
from kpilayer.formula.tree import Atom, Formula, Home
from kpilayer.grain import is_finer, split
from kpilayer.plan.customs import later_dates
from kpilayer.plan.fan_out import Test, beside_tests, measured_once, once_per_group, semi_joined
from kpilayer.plan.keys import is_of_home_time
from kpilayer.plan.naming import branch_name
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Match,
    Measure,
    Read,
    Source,
    keys_of,
    repeats,
    values_of,
)
from kpilayer.plan.overlap import Joined, conditions_on_many, many_parts
from kpilayer.plan.rows import (
    Change,
    Reader,
    as_local,
    bound_to,
    filtered,
    groupable,
    in_range,
    joined,
)
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.window import Move


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Aggregate:
    """One row per group of the rows that any of the atoms keeps."""
    together = [leaf for leaf in leaves if isinstance(leaf, Atom)]
    home = (together[0].model, together[0].time)
    reader = builder.reader(home)
    keys = keys_over(builder, reader, home, scope)
    apart = conditions_on_many(builder.graph, together[0])  # the same of all atoms
    plain, tests = beside_tests(together[0], apart, joined_many(home, scope), reader)
    only_saves = scope.saves_reading and any(
        is_of_home_time(builder.graph, k, home) for k in scope.keys
    )
    within = list(_range_over(builder, reader, home, scope))
    common = [*([] if only_saves else within), *_conditions_over(builder, reader, home, scope)]
    common += [*plain, *reader.told_later()]
    own = [tuple(own_conditions(atom, reader, apart)) for atom in together]
    shared = [c for c in own[0] if all(c in conditions for conditions in own[1:])]
    apart_from = [tuple(c for c in conditions if c not in shared) for conditions in own]
    rests = [all_of([*conditions]) for conditions in apart_from]
    values = [reader.value_of(atom) for atom in together]
    held = [*common, *shared]
    if len(together) > 1 and all(rest is not None for rest in rests):
        held += [_any_met(apart_from)]
    measures = tuple(
        measured(atom, columns[atom], value, rest, is_grouped=bool(keys))
        for atom, value, rest in zip(together, values, rests, strict=True)
    )
    name = builder.name(branch_name(home[0], [k.name for k in keys]))
    source = rows_of(builder, reader, home, scope, held)
    if only_saves:
        source = filtered(source, within, saves_reading=True)
    for test in tests:
        source = semi_joined(source, test)
    if repeats(source):
        source, keys, measures = measured_once(source, keys, measures, reader)
    return Aggregate(name, source, keys, measures)


def measured(
    atom: Atom,
    name: str,
    value: exp.Expr,
    condition: exp.Expr | None = None,
    *,
    is_grouped: bool,
) -> Measure:
    """The aggregation of an atom over the value of its rows."""
    needs_rows = _needs_rows(atom, condition is not None, is_grouped)
    return Measure(name, atom.agg, value, condition, atom.percentile, atom.discrete, needs_rows)


def _any_met(rests: Sequence[tuple[exp.Expr, ...]]) -> exp.Expr:
    """Whether a row meets all conditions of any: `a` for `a OR (a AND b)`."""
    kept = {frozenset(rest): rest for rest in reversed(rests)}
    wide = [rest for own, rest in reversed(kept.items()) if not any(o < own for o in kept)]
    either = any_of([part for rest in wide if (part := all_of([*rest])) is not None])
    assert either is not None, "every metric here has a condition"
    return either


def joined_many(home: Home, scope: Scope) -> Joined:
    """The many side that the rows of a scope are joined with: by its group-bys, or their members.

    Members that are left out are those of a joined row, and so conditions are about this one, too.
    """
    return many_parts(k.column(home).reached.path for k in scope.told)


def keys_over(builder: Builder, reader: Reader, home: Home, scope: Scope) -> tuple[Column, ...]:
    """The group-bys of a scope over the rows of a reader."""
    own = own_grain(builder.graph, *home)

    def key(column: TimedColumn, is_time: bool) -> exp.Expr:
        if not is_time or not scope.moved:
            return groupable(timed(column, reader.column))
        local, value = as_local(reader, partial(_moved, builder, reader, scope.moved, own))
        return groupable(timed(local(column), value))

    return tuple(
        Column(k.name, key(k.column(home), is_of_home_time(builder.graph, k, home)))
        for k in scope.keys
    )


def rows_of(
    builder: Builder, reader: Reader, home: Home, scope: Scope, held: list[exp.Expr]
) -> Source:
    """The rows of a reader that meet conditions, without members that a scope leaves out."""
    if scope.without is None:
        return filtered(joined(reader), held)
    key, members = scope.without
    here = keys_over(builder, reader, home, replace(scope, keys=(key,)))[0].value
    (name,) = keys_of(members)
    there = Read(members, f"{members.name}_left_out")
    same = exp.NullSafeEQ(this=expr.operand(here), expression=exp.column(name, table=there.alias))
    left_out = exp.column(values_of(members)[0], table=there.alias)
    source = Match(joined(reader), there, same, keeps_left=True)
    return filtered(source, [*held, exp.Is(this=left_out, expression=exp.Null())])


def shown_over(builder: Builder, reader: Reader, home: Home, scope: Scope) -> Iterator[exp.Expr]:
    """The conditions on the time shown that a scope puts on rows."""
    yield from _range_over(builder, reader, home, scope)
    yield from _conditions_over(builder, reader, home, scope)


def _range_over(builder: Builder, reader: Reader, home: Home, scope: Scope) -> Iterator[exp.Expr]:
    if home in dict(scope.spans):
        yield from in_range(scope.span(home), home, reader, _later(builder, reader, home, scope))


def _conditions_over(
    builder: Builder, reader: Reader, home: Home, scope: Scope
) -> Iterator[exp.Expr]:
    shown = _later(builder, reader, home, scope)
    for text in scope.shown:
        tree = builder.graph.catalog.snippet(text).tree
        yield from expr.conjuncts(bound_to(tree, home, reader, shown))


def _later(builder: Builder, reader: Reader, home: Home, scope: Scope) -> Change | None:
    own = own_grain(builder.graph, *home)
    return partial(_moved, builder, reader, scope.moved, own) if scope.moved else None


def own_conditions(
    atom: Atom, reader: Reader, apart: Collection[exp.Expr] = ()
) -> Iterator[exp.Expr]:
    """The conditions of an atom over the columns of its rows, one by one, without some."""
    for text in atom.conditions:
        for tree in expr.conjuncts(reader.graph.catalog.snippet(text).tree):
            if tree not in apart:
                yield from expr.conjuncts(bound_to(tree, (atom.model, atom.time), reader))


def conditions_over(atom: Atom, reader: Reader, scope: Scope) -> tuple[list[exp.Expr], list[Test]]:
    """The conditions of an atom over the columns of its rows, and those on the many side (P6)."""
    apart = conditions_on_many(reader.graph, atom)
    joined = joined_many((atom.model, atom.time), scope)
    plain, tests = beside_tests(atom, apart, joined, reader)
    return [*own_conditions(atom, reader, apart), *plain], tests


def counted(
    source: Source,
    tests: Sequence[Test],
    keys: tuple[Column, ...],
    values: tuple[Column, ...],
    reader: Reader,
) -> tuple[Source, tuple[Column, ...], tuple[Column, ...]]:
    """The rows that pass tests, each once in every group, with its keys and values (P3)."""
    for test in tests:
        source = semi_joined(source, test)
    if not repeats(source):
        return source, keys, values
    return once_per_group(source, keys, values, reader)


def _moved(
    builder: Builder,
    reader: Reader,
    moves: tuple[Move, ...],
    own: str | None,
    value: exp.Expr,
) -> exp.Expr:
    """A time as it is shown: whole periods later, so that no day is counted twice or lost (X1).

    ``own``: its declared grain. A month that is moved by days is moved from its first one.
    """
    calendar = builder.graph.catalog.calendar
    customs = {move: calendar.custom(move.unit) for move in moves}
    if own is not None and any(is_finer(m.unit, own) for m in moves if customs[m] is None):
        value = expr.trunc(own, value)
    for move in reversed(moves):  # the innermost offset is that of the rows themselves
        custom = customs[move]
        if custom is not None:
            dates = later_dates(builder, custom, move.count)
            value = reader.later(dates, expr.trunc(calendar.based(custom), value))
            continue
        is_exact = split(move.unit)[0] in expr.FIXED_UNITS or not move.whole
        value = value if is_exact else expr.trunc(move.unit, value)
        value = expr.move(value, move.count, move.unit)
    return value


def _needs_rows(atom: Atom, is_filtered: bool, is_grouped: bool) -> bool:
    """Whether zero rows must give NULL and not 0, as a metric without rows in a group does.

    A count is NULL over no rows everywhere; a distinct count is 0 over no rows at all, and NULL in
    a group that exists only for another metric (reference A.7, section C).
    """
    if atom.agg in ("count", "sum_boolean"):
        return is_filtered or not is_grouped
    return atom.agg in ("count_distinct", "approx_count_distinct") and is_filtered and is_grouped
