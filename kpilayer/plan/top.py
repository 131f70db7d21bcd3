"""The best members of a group-by (Q8), ranked over the whole range; the rest is computed anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from kpilayer.columns import TimedColumn
from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.formula.tree import Formula, rules
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.compare import Named
from kpilayer.plan.keys import Key, asked_place, is_of_home_time
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Derived,
    Group,
    Match,
    Measure,
    Read,
    columns_of,
    keys_of,
    values_of,
)
from kpilayer.plan.query import Top
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder, Scope, filled, named

#: Rules that can be computed again from the rows of some members only.
_REPEATABLE: Final = frozenset(
    {"cumulative", "offset", "semi_additive", "spined", "filled", "nested", "regrouped"}
)
#: Of these, rules whose values at a time are not those of its rows.
_ABOUT_TIME: Final = frozenset({"cumulative", "offset", "spined"})


@dataclass(frozen=True, slots=True)
class BoundTop:
    """The first ``n`` members of a group-by, by a metric; ``other`` names the rest."""

    n: int
    by: tuple[str, Formula]
    descending: bool
    of: Key
    other: str | None


@dataclass(frozen=True, slots=True)
class Members:
    """All members of a group-by in order, and the first of them."""

    ranked: Derived
    chosen: Derived


def metric_of(top: Top | None, metrics: Sequence[str]) -> str | None:
    """The metric that members are ranked by: the first of the question where none is named."""
    if top is None:
        return None
    first = metrics[0] if metrics else None
    return first if top.by is None else top.by.strip().lower().removeprefix("-")


def bind_top(
    top: Top,
    graph: JoinGraph,
    keys: Sequence[Key],
    metrics: Named,
    every: Named,
    earlier: Named,
    issues: list[Issue],
) -> BoundTop | None:
    """What `top` asks for; None, and why in issues, where it has no meaning."""
    wrong = len(issues)
    by = metric_of(top, [name for name, _ in metrics])
    ranked = next(((name, tree) for name, tree in every if name == by), None)
    if ranked is None:
        hint = did_you_mean(by or "", [name for name, _ in metrics])
        message = f"`{by}` is no metric, and members are ranked by one in total"
        issues.append(Issue("bad-top", message, asked_place("top", top.by or ""), hint))
    if top.n < 1:
        message = f"`top` is {top.n}: it counts members, from 1 up"
        issues.append(Issue("bad-top", message, asked_place("top", str(top.n))))
    of = _ranked_key(top, keys, issues)
    for name, tree in (*metrics, *earlier) if top.other is not None else ():
        is_time = of is not None and any(is_of_home_time(graph, of, h) for h, _ in of.at)
        known = _REPEATABLE - _ABOUT_TIME if is_time else _REPEATABLE
        if set(rules(tree)) - known:
            message = f"`{name}` cannot be computed for what is left over by this version"
            hint = "leave out `other`, or ask without this metric"
            issues.append(Issue("not-supported-yet", message, asked_place("top", name), hint))
    if len(issues) > wrong or ranked is None or of is None:
        return None
    descending = top.by is None or top.by.strip().startswith("-")
    return BoundTop(top.n, ranked, descending, of, top.other)


def _ranked_key(top: Top, keys: Sequence[Key], issues: list[Issue]) -> Key | None:
    words = {word: key for key in keys for word in (key.asked, key.name)}
    if top.of is not None:
        key = words.get(top.of.strip().lower())
        if key is None:
            message = f"`{top.of}` is no group-by of the question: its members have no rows"
            hint = did_you_mean(top.of, words) or f"group-bys: {listing([k.name for k in keys])}"
            issues.append(Issue("bad-top", message, asked_place("top", top.of), hint))
        return key
    members = [k for k in keys if not _is_time(k.at[0][1])]
    if len(members) != 1:
        message = "`top` ranks the members of one group-by, and does not say which"
        hint = f"say `of`, one of {listing([k.name for k in keys])}" if keys else "group by one"
        issues.append(Issue("bad-top", message, hint=hint))
        return None
    return members[0]


def _is_time(column: TimedColumn) -> bool:
    return column.grain is not None or column.part is not None


def members(builder: Builder, top: BoundTop, rows: Group, scope: Scope) -> Members:
    """The members that ``rows`` have, in order of the metric in total.

    NULL is a member. Of two that are equal, the first by name comes first; no value comes last.
    """
    over = replace(scope, keys=(top.of,))
    name, tree = over.apart(top.by[0]), top.by[1]
    framed = builder.frame(builder, [(name, tree)], over)
    group = named(builder, framed.group, over, [(name, tree)], framed.values)
    of = top.of.name
    seen = Aggregate(
        builder.name(f"{rows.name}_members"),
        Read(rows),
        (Column(of, exp.column(of, table=rows.name)),),
        (),
    )
    member = exp.column(of, table=seen.name)
    same = exp.NullSafeEQ(this=member.copy(), expression=exp.column(of, table=group.name))
    source = Match(Read(seen), Read(group), same, keeps_left=True)
    value = filled(tree, exp.column(name, table=group.name))
    order = [*_nulls_last(value, top.descending), *_nulls_last(member, False)]
    place = exp.Window(this=exp.RowNumber(), order=exp.Order(expressions=order))
    placed = Column(over.apart("place"), place)
    ranked = Derived(builder.name("ranked"), source, (Column(of, member.copy()), placed), (of,))
    first = exp.LTE(this=_place(ranked), expression=exp.Literal.number(top.n))
    columns = tuple(Column(n, exp.column(n, table=ranked.name)) for n in columns_of(ranked))
    chosen = Derived(builder.name(f"top_{top.n}"), filtered(Read(ranked), [first]), columns, (of,))
    return Members(ranked, chosen)


def _place(ranked: Derived) -> exp.Expr:
    """The place of a member in the order."""
    (name,) = values_of(ranked)
    return exp.column(name, table=ranked.name)


def _nulls_last(value: exp.Expr, descending: bool) -> list[exp.Expr]:
    """Keys of an order, NULLs last whatever a session's settings say."""
    is_null = exp.Is(this=value.copy(), expression=exp.Null())
    missing = exp.Case(
        ifs=[exp.If(this=is_null, true=exp.Literal.number(1))], default=exp.Literal.number(0)
    )
    return [
        exp.Ordered(this=missing, desc=False, nulls_first=False),
        exp.Ordered(this=value.copy(), desc=descending, nulls_first=False),
    ]


def kept(builder: Builder, group: Group, of: Key, found: Members) -> Derived:
    """The rows of the best members."""
    same = exp.NullSafeEQ(
        this=exp.column(of.name, table=group.name),
        expression=exp.column(of.name, table=found.chosen.name),
    )
    columns = tuple(Column(n, exp.column(n, table=group.name)) for n in columns_of(group))
    source = Match(Read(group), Read(found.chosen), same)
    return Derived(builder.name(f"{group.name}_of_top"), source, columns, keys_of(group))


def if_any_left(builder: Builder, group: Group, found: Members, n: int) -> Group:
    """What is left over: no row, not even for a total or a gap, where nothing is."""
    beyond = exp.GT(this=_place(found.ranked), expression=exp.Literal.number(n))
    number = Measure("members_left", "count", exp.Literal.number(1))
    left = Aggregate(
        builder.name("left_over"), filtered(Read(found.ranked), [beyond]), (), (number,)
    )
    some = exp.GT(this=exp.column(number.name, table=left.name), expression=exp.Literal.number(0))
    columns = tuple(Column(n, exp.column(n, table=group.name)) for n in columns_of(group))
    source = filtered(Match(Read(group), Read(left), None), [some])
    return Derived(builder.name(f"{group.name}_left_over"), source, columns, keys_of(group))
