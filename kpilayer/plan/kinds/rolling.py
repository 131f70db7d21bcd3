"""Atoms over a window of time: for each period of the spine, the rows that count there.

Rows are first aggregated per period of the spine and group, as far as the aggregation allows; those
are then joined to every period whose window holds them. A period without rows in its window is not
there (reference A.9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.conditions import all_of
from kpilayer.formula.tree import Atom, Formula
from kpilayer.plan.fan_out import Test
from kpilayer.plan.kinds.aggregated import conditions_over, counted, keys_over, measured, rows_of
from kpilayer.plan.kinds.running import RUNNING, collapsed, distinct_so_far, distinct_within, so_far
from kpilayer.plan.naming import apart, branch_name
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Derived,
    Group,
    Match,
    Measure,
    Read,
    Source,
    keys_of,
    values_of,
)
from kpilayer.plan.ranges import Range
from kpilayer.plan.rows import Reader, filtered, in_range
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.spines import spine
from kpilayer.plan.window import Window


@dataclass(frozen=True, slots=True)
class _Parts:
    """An aggregation as one of partial results: what each is, and how they come together."""

    inner: tuple[str, ...]
    outer: tuple[str, ...]


#: Of the others, every row is needed, or every distinct value.
_PARTS: Final[Mapping[str, _Parts]] = {
    "sum": _Parts(("sum",), ("sum",)),
    "count": _Parts(("count",), ("total_count",)),
    "sum_boolean": _Parts(("sum_boolean",), ("total_count",)),
    "min": _Parts(("min",), ("min",)),
    "max": _Parts(("max",), ("max",)),
    "any_value": _Parts(("any_value",), ("any_value",)),
    "average": _Parts(("sum", "count"), ("sum", "total_count")),
}
_DISTINCT: Final = frozenset({"count_distinct", "approx_count_distinct"})


def reading(atom: Atom) -> object:
    """What atoms must have in common to share the rows that are joined to the spine."""
    return "parts" if atom.agg in _PARTS else (atom.agg in _DISTINCT, atom.value)


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Group:
    """One row per period of the spine and group; the period is the scope's first key."""
    together = [leaf for leaf in leaves if isinstance(leaf, Atom)]
    window = scope.rolling
    assert window is not None, "only a rolling scope is built here"
    if together[0].agg in _PARTS:
        return _of_parts(builder, together, columns, scope, window)
    return _of_rows(builder, together, columns, scope, window)


def _of_parts(
    builder: Builder,
    together: list[Atom],
    columns: Mapping[Formula, str],
    scope: Scope,
    window: Window,
) -> Group:
    rows = _rows(builder, together[0], scope, window)
    values = tuple(Column(columns[atom], rows.reader.value_of(atom)) for atom in together)
    is_running = window.is_all_time and all(
        part in RUNNING for atom in together for part in _PARTS[atom.agg].outer
    )
    span = scope.span((together[0].model, together[0].time))
    if is_running:
        rows = _since_start(rows, span)
    source, keys, values = _read(builder, together[0], scope, rows, values)
    taken = [*columns.values(), *(k.name for k in scope.keys)]
    named = {atom: (columns[atom], apart(f"{columns[atom]}_rows", taken)) for atom in together}
    inner = tuple(
        Measure(name, agg, value.value.copy())
        for atom, value in zip(together, values, strict=True)
        for name, agg in zip(named[atom], _PARTS[atom.agg].inner, strict=False)
    )
    name = builder.name(branch_name(rows.reader.model, [k.name for k in keys]))
    days = Aggregate(name, source, keys, inner)
    outer = tuple(
        Measure(name, agg, exp.column(name, days.name))
        for atom in together
        for name, agg in zip(named[atom], _PARTS[atom.agg].outer, strict=False)
    )
    rolled: Group
    if is_running:
        rolled = so_far(builder, days, outer, _dates(builder, together[0], scope, window), span)
    else:
        rolled = _rolled(builder, together[0], days, outer, scope, window)
    averages = dict(named[atom] for atom in together if atom.agg == "average")
    return _averaged(builder, rolled, averages, list(columns.values())) if averages else rolled


def _averaged(
    builder: Builder, rolled: Group, averages: Mapping[str, str], wanted: list[str]
) -> Derived:
    """Averages as a sum over a count, whose column each has in ``averages``."""

    def value(name: str) -> exp.Expr:
        column = exp.column(name, table=rolled.name)
        if name not in averages:
            return column
        return expr.ratio(column, exp.column(averages[name], table=rolled.name))

    keys = keys_of(rolled)
    names = [*keys, *(name for name in values_of(rolled) if name in wanted)]
    made = tuple(Column(name, value(name)) for name in names)
    return Derived(builder.name(f"{rolled.name}_on_average"), Read(rolled), made, keys)


def _of_rows(
    builder: Builder,
    together: list[Atom],
    columns: Mapping[Formula, str],
    scope: Scope,
    window: Window,
) -> Group:
    """Aggregations that need each row, or each distinct value of a period.

    Of all time, each distinct value counts from its first time on.
    """
    first = together[0]
    span = scope.span((first.model, first.time))
    is_exact = all(atom.agg == "count_distinct" for atom in together)
    is_running = is_exact and window.is_all_time
    found = _rows(builder, first, scope, window)
    found = _since_start(found, span) if is_running else found
    value = Column(scope.apart("value"), found.reader.value_of(first))
    source, keys, (value,) = _read(builder, first, scope, found, (value,))
    stem = branch_name(found.reader.model, [k.name for k in keys])
    names = [columns[atom] for atom in together]
    if is_running:
        time, *others = keys
        since = Measure(time.name, "min", time.value)
        firsts = Aggregate(builder.name(f"{stem}_first"), source, (*others, value), (since,))
        return distinct_so_far(builder, firsts, names, _dates(builder, first, scope, window), span)
    rows: Group
    if first.agg in _DISTINCT:
        rows = Aggregate(builder.name(f"{stem}_distinct"), source, (*keys, value), ())
        if is_exact and window.is_constant and window.length is not None:
            dates = _dates(builder, first, scope, window)
            return distinct_within(
                builder, rows, names, dates, window.length, window.base, _called(window)
            )
    else:
        rows = Derived(builder.name(f"{stem}_rows"), source, (*keys, value))
    read = exp.column(value.name, table=rows.name)
    measures = tuple(measured(a, columns[a], read.copy(), is_grouped=True) for a in together)
    return _rolled(builder, first, rows, measures, scope, window)


def _since_start(rows: _Rows, span: Range) -> _Rows:
    """Rows with all that was before a range at its start; those without a time never count."""
    time, *others = rows.keys
    has_time = exp.Not(this=exp.Is(this=time.value.copy(), expression=exp.Null()))
    held = (*rows.held, *rows.within, *([has_time] if span.upper is None else []))
    keys = (Column(time.name, collapsed(time.value, span)), *others)
    return replace(rows, keys=keys, held=held, within=())


def _dates(builder: Builder, atom: Atom, scope: Scope, window: Window) -> Group:
    """The periods at which values are shown."""
    home = (atom.model, atom.time)
    return spine(builder, home, window.base, scope.span(home), scope.shown)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with their period and groups as keys, what they meet, and when they can count."""

    reader: Reader
    keys: tuple[Column, ...]
    held: tuple[exp.Expr, ...]
    tests: tuple[Test, ...]
    within: tuple[exp.Expr, ...]


def _rows(builder: Builder, atom: Atom, scope: Scope, window: Window) -> _Rows:
    home = (atom.model, atom.time)
    reader = builder.reader((atom.model, atom.time))
    keys = keys_over(builder, reader, home, scope)
    held, tests = conditions_over(atom, reader, scope)
    span = scope.span(home)
    lower = window.earliest(span.lower) if span.lower is not None else None
    reach = Range(lower, span.upper, span.upper_is_inclusive)
    return _Rows(reader, keys, tuple(held), tuple(tests), tuple(in_range(reach, home, reader)))


def _read(
    builder: Builder, atom: Atom, scope: Scope, rows: _Rows, values: tuple[Column, ...]
) -> tuple[Source, tuple[Column, ...], tuple[Column, ...]]:
    """The rows with their keys and values, each once in every group."""
    source = rows_of(builder, rows.reader, (atom.model, atom.time), scope, [*rows.held])
    source = filtered(source, [*rows.within], saves_reading=True)
    return counted(source, rows.tests, rows.keys, values, rows.reader)


def _rolled(
    builder: Builder,
    atom: Atom,
    rows: Group,
    measures: tuple[Measure, ...],
    scope: Scope,
    window: Window,
) -> Aggregate:
    """Each period beside the rows of its window, aggregated."""
    first, *others = (k.name for k in scope.keys)
    time = exp.column(first, table=rows.name)
    dates = _dates(builder, atom, scope, window)
    at = exp.column(window.base, table=dates.name)
    held = window.holds(time, at)
    keys = [Column(first, at.copy())]
    if window.per_rows:
        own = Aggregate(
            builder.name(f"{rows.name}_seen"),
            Match(Read(rows), Read(dates), exp.EQ(this=time.copy(), expression=at.copy())),
            tuple(Column(k, exp.column(k, table=rows.name)) for k in (first, *others)),
            (),
        )
        at = exp.column(first, table=own.name)
        held = window.holds(time, at)
        held += [
            exp.NullSafeEQ(
                this=exp.column(k, table=rows.name), expression=exp.column(k, table=own.name)
            )
            for k in others
        ]
        keys, dates = [Column(first, at.copy())], own
    keys += [
        Column(k, exp.column(k, table=dates.name if window.per_rows else rows.name)) for k in others
    ]
    source = Match(Read(dates), Read(rows), all_of(held))
    name = builder.name(f"{rows.name}_{_called(window)}")
    return Aggregate(name, source, tuple(keys), measures)


def _called(window: Window) -> str:
    if window.length is not None:
        return f"last_{window.length[0]}_{window.length[1]}s"
    return f"{window.to_date}_to_date" if window.to_date is not None else "so_far"
