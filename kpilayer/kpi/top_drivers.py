"""What moved the KPIs that are not healthy, in a line for each: the two largest contributions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, TypeAlias

from kpilayer.errors import QueryError
from kpilayer.identity import Identity
from kpilayer.kpi.driver_tree import DriverTree, Node, driver_tree
from kpilayer.kpi.measuring import Values, last_day, measured
from kpilayer.kpi.moved import attributed, largest, rows_of
from kpilayer.kpi.observing import Ask
from kpilayer.kpi.period_names import name_of
from kpilayer.kpi.periods import periods_of
from kpilayer.kpi.shown import scale_of
from kpilayer.kpi.standing import Standing
from kpilayer.model.kpi import Cadence

_SHOWN: Final = 2
_BAD: Final = frozenset({"warning", "breach"})
_Asked: TypeAlias = tuple[DriverTree, tuple[date, date]]


def top_drivers(standings: Iterable[Standing], identity: Identity, ask: Ask) -> dict[str, str]:
    """For each KPI that is in warning or breach, what moved it against the period before.

    One question for each cadence and set of conditions. A KPI whose drivers say nothing, or cannot
    be asked, has no line: this is beside its status, and no part of it.
    """
    by_cadence: dict[Cadence, list[_Asked]] = defaultdict(list)
    for one in standings:
        asked = _asked(one, identity)
        if asked is not None:
            by_cadence[one.kpi.cadence].append(asked)
    found: dict[str, str] = {}
    for cadence, trees in by_cadence.items():
        try:
            found |= _lines(trees, cadence, identity, ask)
        except QueryError:
            for alone in trees:
                try:
                    found |= _lines([alone], cadence, identity, ask)
                except QueryError:
                    continue
    return found


def _asked(one: Standing, identity: Identity) -> _Asked | None:
    current = one.current
    if one.segment or one.status not in _BAD or current is None:
        return None
    before = periods_of(one.kpi.cadence, identity.catalog.calendar).before(current.period_start)
    try:
        tree = driver_tree(one.kpi, identity)
    except QueryError:
        return None
    return (tree, (before, current.period_start)) if before and tree.root.children else None


def _lines(
    trees: Sequence[_Asked], cadence: Cadence, identity: Identity, ask: Ask
) -> dict[str, str]:
    calendar = identity.catalog.calendar
    periods = periods_of(cadence, calendar)
    nodes: dict[tuple[str, tuple[str, ...]], Node] = {}
    for tree, _ in trees:
        for node in tree.nodes.values():
            alike = (node.metric, node.where)
            nodes.setdefault(alike, Node(f"{len(nodes)}", node.metric, node.where))
    first = min(ends[0] for _, ends in trees)
    last = last_day(periods, max(ends[1] for _, ends in trees))
    values = measured(nodes.values(), cadence, calendar, first, last, ask)
    found = {}
    for tree, ends in trees:
        own = {n.name: values[nodes[n.metric, n.where].name] for n in tree.nodes.values()}
        told = _line(tree, own, ends, identity)
        if told:
            found[tree.kpi.name] = f"drivers vs {name_of(ends[0], cadence, calendar)}: {told}"
    return found


def _line(
    tree: DriverTree, values: Mapping[str, Values], ends: tuple[date, date], identity: Identity
) -> str:
    periods = periods_of(tree.kpi.cadence, identity.catalog.calendar)
    found = attributed(tree, values, ends, periods, "shapley")
    rows = rows_of(tree, values, ends, periods, found)
    form = identity.catalog.metric(tree.root.metric).format or ""
    scale = scale_of(form, [rows[0].before, rows[0].after])
    told = [f"{r.name} {scale.difference(r.contribution)}" for r in largest(rows, _SHOWN)]
    if told and found.adds_up is False:
        told.append("which do not add up")
    return ", ".join(told)
