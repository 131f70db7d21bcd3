"""Windows as running totals: what changes at a day holds until the next change.

Rows are read once and summed in order of time, and the spine meets each group's last change: no
day is joined to all the days of its window. All-time windows add up what came; distinct counts over
the last days add the values that start to count and subtract those that end, in whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.conditions import all_of, moment
from kpilayer.plan.naming import apart
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Derived,
    Filter,
    Group,
    Match,
    Measure,
    Read,
    Source,
    keys_of,
)
from kpilayer.plan.ranges import Range
from kpilayer.plan.scope import Builder

_BIGINT: Final = exp.DataType.Type.BIGINT

#: How partial results of earlier days come together with today's; none of them subtracts.
RUNNING: Final[Mapping[str, type[exp.Expr]]] = {
    "sum": exp.Sum,
    "total_count": exp.Sum,
    "min": exp.Min,
    "max": exp.Max,
}


def collapsed(time: exp.Expr, span: Range) -> exp.Expr:
    """A time as it counts in a range: everything before its start counts from there on."""
    if span.lower is None:
        return time
    start = moment(span.lower, True)
    before = exp.LT(this=time.copy(), expression=start)
    return exp.Case(ifs=[exp.If(this=before, true=start.copy())], default=time.copy())


def so_far(
    builder: Builder, days: Group, measures: Sequence[Measure], dates: Group, span: Range
) -> Derived:
    """Each period of ``dates`` with the totals of all ``days`` until then.

    The first key of ``days`` is its time. ``measures`` say how its values come together.
    """
    time, *others = keys_of(days)
    totals = [
        Column(m.name, _whole(m, _over(RUNNING[m.agg](this=m.value.copy()), days, time, others)))
        for m in measures
    ]
    running = _until_next(builder, days, time, others, totals, span)
    return _held(builder, running, f"{days.name}_so_far", dates, [m.name for m in measures])


def distinct_so_far(
    builder: Builder, values: Aggregate, names: Sequence[str], dates: Group, span: Range
) -> Derived:
    """Each period with the number of different values until then: each is new once.

    The last key of ``values`` is the value, its measure the time at which it is new. A NULL counts
    nothing, but its group is there.
    """
    *others, value = keys_of(values)
    (first,) = (m.name for m in values.measures)
    counted = exp.column(value, table=values.name)
    new = Aggregate(
        builder.name(f"{values.name}_by_day"),
        Read(values),
        tuple(Column(k, exp.column(k, table=values.name)) for k in (first, *others)),
        tuple(Measure(name, "count", counted.copy()) for name in names),
    )
    totals = [Measure(n, "total_count", exp.column(n, table=new.name)) for n in names]
    return so_far(builder, new, totals, dates, span)


def distinct_within(
    builder: Builder,
    values: Aggregate,
    names: Sequence[str],
    dates: Group,
    window: tuple[int, str],
    base: str,
    called: str,
) -> Derived:
    """Each period with the number of different values of the last ``window``, of constant length.

    A value counts from its time on, until the window has passed or it comes again. The first key of
    ``values`` is the time, the last one the value.
    """
    time, *others, value = keys_of(values)
    again_at, value_of = apart("again", (time, *others)), apart("value", (time, *others))
    at, counted = (exp.column(name, table=values.name) for name in (time, value))
    passed = expr.trunc(base, expr.move(at.copy(), *window))
    again = exp.Window(
        this=exp.Lead(this=at.copy(), offset=exp.Literal.number(1), default=passed.copy()),
        partition_by=[exp.column(k, table=values.name) for k in (*others, value)],
        order=_by(at),
    )
    spans = Derived(
        builder.name(f"{values.name}_spans"),
        Read(values),
        (
            *(Column(k, exp.column(k, table=values.name)) for k in (time, *others)),
            Column(again_at, again),
            Column(value_of, counted),
        ),
    )

    def count(kind: str, what: str) -> str:
        return apart(f"{kind}_{what}", (time, *others))

    def changes(when: exp.Expr, kind: str) -> Aggregate:
        groups = (Column(k, exp.column(k, table=spans.name)) for k in others)
        return Aggregate(
            builder.name(f"{values.name}_{kind}"),
            Read(spans),
            (Column(time, when), *groups),
            (
                Measure(count(kind, "rows"), "count", exp.Literal.number(1)),
                Measure(count(kind, "values"), "count", exp.column(value_of, table=spans.name)),
            ),
        )

    begins, comes_again = (exp.column(name, table=spans.name) for name in (time, again_at))
    over = expr.trunc(base, expr.move(begins.copy(), *window))
    sooner = exp.If(this=exp.LT(this=comes_again, expression=over), true=comes_again.copy())
    until = exp.Case(ifs=[sooner], default=over.copy())
    begin, end = changes(begins, "starting"), changes(until, "ending")
    both = Combine(builder.name(f"{values.name}_changes"), (begin, end), builder.name("changes"))

    def net(what: str) -> exp.Expr:
        come, gone = (
            exp.Coalesce(
                this=exp.column(count(kind, what), table=both.name),
                expressions=[exp.Literal.number(0)],
            )
            for kind in ("starting", "ending")
        )
        change = exp.Sum(this=exp.Sub(this=come, expression=gone))
        return exp.cast(_over(change, both, time, others), _BIGINT, copy=False)

    present = apart("rows_within", (time, *others, *names))
    totals = [Column(present, net("rows")), *(Column(name, net("values")) for name in names)]
    running = _until_next(builder, both, time, others, totals, Range(None, None))
    some = exp.GT(this=exp.column(present, table=running.name), expression=exp.Literal.number(0))
    return _held(builder, running, f"{values.name}_{called}", dates, names, some)


def _until_next(
    builder: Builder,
    days: Group,
    time: str,
    others: Sequence[str],
    totals: Sequence[Column],
    span: Range,
) -> Derived:
    """Totals at each day that changes them, and the day at which the next one does."""
    at = exp.column(time, table=days.name)
    end = (
        moment(span.upper, True)
        if span.upper is not None and not span.upper_is_inclusive
        else (exp.cast(exp.Literal.string("infinity"), exp.DataType.Type.DATE, copy=False))
    )
    following = exp.Lead(this=at.copy(), offset=exp.Literal.number(1), default=end)
    keys = (time, *others)
    until = apart("until", [*keys, *(c.name for c in totals)])
    return Derived(
        builder.name(f"{days.name}_running"),
        Read(days),
        (
            *(Column(k, exp.column(k, table=days.name)) for k in keys),
            *totals,
            Column(until, _over(following, days, time, others)),
        ),
        keys,
    )


def _held(
    builder: Builder,
    running: Derived,
    name: str,
    dates: Group,
    values: Sequence[str],
    condition: exp.Expr | None = None,
) -> Derived:
    """Each period with the totals that hold at it."""
    time, *others = running.keys
    (unit,) = keys_of(dates)
    at = exp.column(unit, table=dates.name)
    since = exp.column(time, table=running.name)
    until = exp.column(running.columns[-1].name, table=running.name)
    holds = all_of([exp.LTE(this=since, expression=at), exp.GT(this=until, expression=at.copy())])
    source: Source = Match(Read(dates), Read(running), holds)
    source = source if condition is None else Filter(source, condition)
    kept = [Column(n, exp.column(n, table=running.name)) for n in (*others, *values)]
    return Derived(builder.name(name), source, (Column(time, at.copy()), *kept), (time, *others))


def _whole(measure: Measure, total: exp.Expr) -> exp.Expr:
    is_count = measure.agg == "total_count"
    return exp.cast(total, _BIGINT, copy=False) if is_count else total


def _over(function: exp.Expr, group: Group, time: str, others: Sequence[str]) -> exp.Expr:
    """A function over the days of each group, in order."""
    return exp.Window(
        this=function,
        partition_by=[exp.column(k, table=group.name) for k in others],
        order=_by(exp.column(time, table=group.name)),
    )


def _by(time: exp.Expr) -> exp.Order:
    return exp.Order(expressions=[exp.Ordered(this=time.copy(), desc=False, nulls_first=False)])
