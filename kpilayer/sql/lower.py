"""What a dialect lacks, said by what it has: rewrites of a plan before it is generated.

A percentile without an aggregate of its own is found by rank, in the same scan as the measures
beside it: rows are numbered by value within their group, and those at its place are added. Where
there is no variance, each row's deviation from the mean of its group is computed before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from sqlglot import exp

from kpilayer.plan.nodes import Aggregate, Column, Derived, Measure, Plan, Read, columns_of, walk
from kpilayer.plan.passes.walk import on_aggregates
from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.dialects.spellings import double

_PERCENTILES: Final = ("median", "percentile", "approx_percentile")


def lower(plan: Plan, dialect: Capabilities) -> Plan:
    """The plan in terms that a dialect has words for; every row and value stays."""
    is_whole = dialect.percentile is not None and dialect.picks_percentiles
    if is_whole and not dialect.centres_deviations:
        return plan
    taken = {node.name for node in walk(plan.root) if isinstance(node, (Aggregate, Derived))}

    def change(aggregate: Aggregate) -> Aggregate:
        if not any(needs_ranks(m, dialect) for m in aggregate.measures):
            return aggregate
        return _ranked(aggregate, dialect, _apart(f"{aggregate.name}_ranked", taken))

    return on_aggregates(plan, change)


def needs_ranks(measure: Measure, dialect: Capabilities) -> bool:
    """Whether a measure is no aggregate of the dialect, but one over rows that were prepared."""
    return _is_ranked(measure, dialect) or _is_centred(measure, dialect)


def _is_centred(measure: Measure, dialect: Capabilities) -> bool:
    return dialect.centres_deviations and measure.agg in ("stddev", "variance")


def _is_ranked(measure: Measure, dialect: Capabilities) -> bool:
    if dialect.percentile is not None and (dialect.picks_percentiles or not measure.discrete):
        return False
    if measure.agg == "approx_percentile" and dialect.approx_percentile is not None:
        return False
    return measure.agg in _PERCENTILES


def _apart(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _ranked(aggregate: Aggregate, dialect: Capabilities, name: str) -> Aggregate:
    """The aggregate over its rows with their values, numbered where a percentile needs it."""
    taken = set(columns_of(aggregate))
    columns = list(aggregate.keys)
    measures = []
    for measure in aggregate.measures:
        value = Column(_apart(f"{measure.name}_value", taken), measure.value)
        if _is_ranked(measure, dialect):
            place, count = (_apart(f"{measure.name}_{word}", taken) for word in ("place", "count"))
            columns += _numbered(aggregate, measure, value.name, place, count)
            found = _at_place(measure, *(exp.column(n, table=name) for n in
                                         (value.name, place, count)))  # fmt: skip
            measures.append(found)
            continue
        if _is_centred(measure, dialect):
            deviation = Column(value.name, _deviation(aggregate, measure))
            columns.append(deviation)
            read = exp.column(value.name, table=name)
            measures.append(Measure(measure.name, measure.agg, read, needs_rows=measure.needs_rows))
            continue
        held = None
        if measure.condition is not None:
            one, none = exp.Literal.number(1), exp.Literal.number(0)
            flag = exp.Case(ifs=[exp.If(this=measure.condition.copy(), true=one)], default=none)
            held = Column(_apart(f"{measure.name}_held", taken), flag)
        columns += [value, *([held] if held else [])]
        measures.append(_of_columns(measure, name, value.name, held.name if held else None))
    ranked = Derived(name, aggregate.input, tuple(columns))
    keys = tuple(Column(k.name, exp.column(k.name, table=name)) for k in aggregate.keys)
    return Aggregate(aggregate.name, Read(ranked), keys, tuple(measures))


def _of_columns(measure: Measure, table: str, value: str, held: str | None) -> Measure:
    """The same measure of a value and a condition that are columns of a group."""
    counts_rows = measure.agg == "count" and isinstance(measure.value, exp.Literal)
    read: exp.Expr = measure.value if counts_rows else exp.column(value, table=table)
    condition = None
    if held is not None:
        column = exp.column(held, table=table)
        condition = exp.EQ(this=column, expression=exp.Literal.number(1))
    return replace(measure, value=read, condition=condition)


def _numbered(
    aggregate: Aggregate, measure: Measure, value: str, place: str, count: str
) -> Iterator[Column]:
    """Of each row: its value, its place among those of its group, and how many these are."""
    shown = _shown(measure)
    yield Column(value, shown)
    group = [key.value.copy() for key in aggregate.keys]
    one, none = exp.Literal.number(1), exp.Literal.number(0)
    is_null = exp.Is(this=exp.paren(shown.copy(), copy=False), expression=exp.null())
    nulls = exp.Case(ifs=[exp.If(this=is_null, true=one)], default=none)
    order = exp.Order(expressions=[exp.Ordered(this=key) for key in (nulls, shown.copy())])
    number = exp.Window(this=exp.RowNumber(), partition_by=group, order=order)
    yield Column(place, number)
    of_group = [key.copy() for key in group]
    yield Column(count, exp.Window(this=exp.Count(this=shown.copy()), partition_by=of_group))


def _deviation(aggregate: Aggregate, measure: Measure) -> exp.Expr:
    """How far each value is from the mean of its group."""
    shown = _shown(measure)
    group = [key.value.copy() for key in aggregate.keys]
    mean = exp.Window(this=exp.Avg(this=shown.copy()), partition_by=group)
    return exp.Sub(this=exp.paren(shown, copy=False), expression=mean)


def _shown(measure: Measure) -> exp.Expr:
    """The value of a row that counts, else NULL."""
    shown = measure.value.copy()
    if measure.condition is None:
        return shown
    return exp.Case(ifs=[exp.If(this=measure.condition.copy(), true=shown)])


def _at_place(measure: Measure, value: exp.Expr, place: exp.Expr, count: exp.Expr) -> Measure:
    """A percentile as a sum or maximum over rows with a place, in whole numbers up to the weight.

    With the fraction as a / b, row k of n stands (k - 1) b - a (n - 1) off the place that is
    interpolated, in units of 1 / b: rows less than b off count by how near they are (Hyndman and
    Fan 1996, definition 7). The discrete one is the first row with at least a / b of all rows.
    """
    fraction = Decimal(repr(measure.percentile if measure.percentile is not None else 0.5))
    a, b = fraction.as_integer_ratio()
    whole, part = exp.Literal.number(b), exp.Literal.number(a)
    before = exp.paren(exp.Sub(this=place, expression=exp.Literal.number(1)), copy=False)
    if measure.discrete:
        reached = exp.GTE(this=_times(place, whole), expression=_times(count, part))
        not_yet = exp.LT(this=_times(before, whole), expression=_times(count, part))
        is_first = exp.And(this=reached, expression=not_yet)
        return Measure(measure.name, "any_value", value, is_first)
    last = exp.paren(exp.Sub(this=count, expression=exp.Literal.number(1)), copy=False)
    off = exp.Abs(this=exp.Sub(this=_times(before, whole), expression=_times(last, part)))
    near = exp.paren(exp.Sub(this=whole.copy(), expression=off), copy=False)
    weight = exp.Div(this=double(near), expression=whole.copy(), typed=False, safe=False)
    weighed = exp.Mul(this=double(value), expression=exp.paren(weight, copy=False))
    is_near = exp.LT(this=off.copy(), expression=whole.copy())
    return Measure(measure.name, "sum", weighed, is_near)


def _times(value: exp.Expr, number: exp.Expr) -> exp.Expr:
    return exp.Mul(this=value.copy(), expression=number.copy())
