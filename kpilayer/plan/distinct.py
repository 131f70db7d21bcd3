"""The plan of a question without metrics: the values of its group-bys, or their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from kpilayer import expr
from kpilayer.columns import TimedColumn
from kpilayer.conditions import all_of, bind_condition, timed
from kpilayer.plan.keys import Key, period
from kpilayer.plan.naming import branch_name
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Derived,
    Group,
    Levels,
    Match,
    Measure,
    Read,
    SemiJoin,
    columns_of,
    keys_of,
)
from kpilayer.plan.rows import filtered, groupable, joined, qualified, scan
from kpilayer.plan.scope import Builder
from kpilayer.plan.spines import spine
from kpilayer.plan.values import Path, Values, column_of, spine_grain


def ends(name: str) -> tuple[str, str]:
    """The columns of the first and last value of a group-by."""
    return f"{name}__min", f"{name}__max"


def values(builder: Builder, keys: Sequence[Key], asked: Values) -> Group:
    """The different values of group-bys together, every row's, or the first and last one."""
    parts: list[Group] = []
    if asked.model is not None:
        parts.append(_of_rows(builder, [k for k in keys if not k.is_metric_time], asked))
    times = [k for k in keys if k.is_metric_time]
    if times:
        parts.append(_of_time(builder, times, asked))
    group = parts[0]
    if len(parts) > 1:
        columns = tuple(
            Column(name, exp.column(name, table=part.name))
            for part in parts
            for name in columns_of(part)
        )
        own = (*keys_of(parts[0]), *keys_of(parts[1])) if asked.distinct else ()
        source = Match(Read(parts[0]), Read(parts[1]), exp.true())
        group = Derived(builder.name("values_by_time"), source, columns, own)
    if not asked.ends:
        return group
    (key,) = keys
    first, last = ends(key.name)
    value = exp.column(key.name, table=group.name)
    measures = (Measure(first, "min", value), Measure(last, "max", value.copy()))
    return Aggregate(builder.name("ends"), Read(group), (), measures)


def _of_rows(builder: Builder, keys: Sequence[Key], asked: Values) -> Group:
    assert asked.model is not None, "rows are those of a model"
    arms = [_arm(builder, keys, asked, path) for path in ((), *asked.unmatched)]
    name = builder.name(branch_name(asked.model, [k.name for k in keys]))
    names = tuple(k.name for k in keys)
    if len(arms) == 1:
        arm = arms[0]
        if not asked.distinct:
            return Derived(name, arm.input, arm.columns)
        own = tuple(Column(c.name, groupable(c.value)) for c in arm.columns)
        return Aggregate(name, arm.input, own, ())
    rows = Levels(builder.name(f"{asked.model}_rows"), tuple(arms))
    columns = tuple(Column(n, exp.column(n, table=rows.name)) for n in names)
    if not asked.distinct:
        return Derived(name, Read(rows), columns)
    return Aggregate(name, Read(rows), columns, ())


def _arm(builder: Builder, keys: Sequence[Key], asked: Values, path: Path) -> Derived:
    """The rows of the model; or those at the end of a path that no row before it refers to."""
    model = path[-1].right if path else asked.model
    assert model is not None, "rows are those of a model"
    reader = builder.reader((model, None))

    def value(column: TimedColumn) -> exp.Expr:
        if column.reached.path[: len(path)] != path:
            return exp.null()  # what is below has no row here
        rest = replace(column.reached, path=column.reached.path[len(path) :])
        return reader.column(replace(column, reached=rest))

    columns = []
    for key in keys:
        column = key.at[0][1]
        missing = column.reached.path[: len(path)] != path
        own = exp.null() if missing else timed(column, value)
        columns.append(Column(key.name, own))
    held = []
    for text in asked.rows:
        tree = builder.graph.catalog.snippet(text).tree
        held.append(
            bind_condition(
                tree,
                lambda n: column_of(builder.graph, asked.model, n),
                value,
            )
        )
    source = joined(reader)
    if path:
        step = path[-1]
        below = scan(builder.graph, step.left, f"{step.left}_below")
        snippet = builder.graph.catalog.snippet
        pairs: list[exp.Expr] = [
            exp.EQ(
                this=expr.operand(qualified(snippet(left).tree, below.alias)),
                expression=expr.operand(reader.sql(right, ())),
            )
            for left, right in step.on
        ]
        same = all_of(pairs)
        assert same is not None, "a join has at least one pair"
        source = SemiJoin(source, below, same, exp.true(), keeps_unmatched=False, none=True)
    return Derived("arm", filtered(source, held), tuple(columns))


def _of_time(builder: Builder, keys: Sequence[Key], asked: Values) -> Group:
    unit = spine_grain(asked.times, [k.asked for k in keys], builder.graph)
    whole = spine(builder, ("", None), unit, asked.span)
    (column,) = keys_of(whole)
    at = exp.column(column, table=whole.name)
    held = []
    for text in asked.times:
        tree = builder.graph.catalog.snippet(text).tree
        held.append(
            bind_condition(tree, lambda n: column_of(builder.graph, None, n), lambda _: at.copy())
        )
    own = tuple(Column(k.name, period(k.at[0][1], at.copy(), unit)) for k in keys)
    return Aggregate(builder.name("periods"), filtered(Read(whole), held), own, ())
