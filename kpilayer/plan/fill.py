"""Gaps of an answer filled (Q9): a row for each period of the range and each group that is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from kpilayer.errors import Issue
from kpilayer.formula.times import is_of_time
from kpilayer.formula.tree import Home
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.compare import Named
from kpilayer.plan.keys import Key, asked_place, conditioned, is_of_home_time, keyed
from kpilayer.plan.kinds.gaps import periods
from kpilayer.plan.nodes import Aggregate, Column, Combine, Derived, Group, Match, Read, Source
from kpilayer.plan.query import Query
from kpilayer.plan.scope import Builder, Scope


def fill_issues(
    query: Query, graph: JoinGraph, metrics: Named, keys: Sequence[Key], where: tuple[str, ...]
) -> Iterator[Issue]:
    """What stands against filling the gaps of an answer."""
    if query.fill != 0:
        message = f"`fill` is {query.fill}: gaps are filled with 0"
        yield Issue("bad-fill", message, asked_place("fill", str(query.fill)))
    homes = _homes(graph, metrics, keys)
    times = [{k.name for k in keys if is_of_home_time(graph, k, home)} for home in homes]
    if any(own != times[0] for own in times[1:]):
        message = (
            "the metrics are grouped by times that are not the own time of each: none has gaps"
        )
        yield Issue("bad-fill", message, hint="group by `metric_time`")
    for key in keys:
        if any(c.custom is not None for _, c in key.at):
            message = f"gaps of `{key.name}` cannot be filled by this version"
            yield Issue("not-supported-yet", message, asked_place("fill", str(query.fill)))
    for condition in where:
        if any(times) and is_of_time(graph, condition, homes) is None:
            message = f"`{condition}` is about time and rows: it says of no period if it is shown"
            hint = "write two conditions, each about one of them"
            yield Issue("mixed-condition", message, asked_place("where", condition), hint)


def filled(
    builder: Builder, metrics: Named, group: Group, scope: Scope, where: tuple[str, ...]
) -> Group:
    """The rows of a group, and one without values for each period and group that has none."""
    homes = _homes(builder.graph, metrics, scope.keys)
    times = [k for k in scope.keys if is_of_home_time(builder.graph, k, homes[0])]
    if not times:
        return group
    shown = tuple(c for c in where if is_of_time(builder.graph, c, homes) is True)
    spines = [periods(builder, home, times, scope, shown) for home in homes]
    spines = list({spine.name: spine for spine in spines}.values())
    dates = spines[0]
    if len(spines) > 1:
        dates = Combine(builder.name("periods"), tuple(spines), builder.name("stacked"))
    source: Source = Read(dates)
    rest = [k.name for k in scope.keys if k not in times]
    seen = Aggregate(
        builder.name(f"{group.name}_seen"),
        Read(group),
        tuple(Column(name, exp.column(name, table=group.name)) for name in rest),
        (),
    )
    if rest:
        source = Match(source, Read(seen), exp.true())
    columns = tuple(
        Column(k.name, exp.column(k.name, table=dates.name if k in times else seen.name))
        for k in scope.keys
    )
    names = tuple(k.name for k in scope.keys)
    grid = Derived(builder.name(f"{group.name}_periods"), source, columns, names)
    return Combine(builder.name(f"{group.name}_filled"), (group, grid), builder.name("stacked"))


def _homes(graph: JoinGraph, metrics: Named, keys: Sequence[Key]) -> list[Home]:
    """Whose rows all of the group-bys group; an input that keeps fewer makes no rows of its own."""
    own_grains = graph.catalog.calendar.own_grains
    found: dict[Home, None] = {}
    for _, tree in metrics:
        kept = [set(keyed(tree, key.asked, own_grains)) for key in keys]
        found |= {home: None for home in conditioned(tree) if all(home in some for some in kept)}
    return list(found)
