"""Whether the driver trees of KPIs hold: by how much formulas miss what is measured, by period."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from kpilayer.errors import QueryError
from kpilayer.identity import Identity
from kpilayer.kpi.driver_tree import driver_tree
from kpilayer.kpi.measuring import last_day, measured, steps_back
from kpilayer.kpi.moved import attributed
from kpilayer.kpi.observing import Asking
from kpilayer.kpi.periods import Periods, periods_of
from kpilayer.model.kpi import Kpi

#: How many of the last closed periods are looked at.
LOOKED_AT = 6


def misses(kpis: Iterable[Kpi], identity: Identity, asking: Asking) -> dict[str, float]:
    """The largest miss of each KPI's formulas in its last six closed periods.

    A part of the larger of the measured values; 0 where all formulas hold within their tolerances.
    KPIs without a tree, and those that cannot be asked or told by their drivers, are not in it.

    Raises:
        WarehouseError: the warehouse cannot be reached, or refuses the SQL.
    """
    found = {}
    for kpi in kpis:
        try:
            miss = _miss(kpi, identity, asking)
        except QueryError:
            continue
        if miss is not None:
            found[kpi.name] = miss
    return found


def _miss(kpi: Kpi, identity: Identity, asking: Asking) -> float | None:
    tree = driver_tree(kpi, identity)
    if not tree.root.children:
        return None
    calendar = identity.catalog.calendar
    periods = periods_of(kpi.cadence, calendar)
    last = _last_closed(kpi, asking, periods)
    if last is None:
        return None
    first = steps_back(periods, last, LOOKED_AT)
    nodes = tree.nodes.values()
    values = measured(nodes, kpi.cadence, calendar, first, last_day(periods, last), asking.ask)
    found: list[float] = []
    end = last
    for _ in range(LOOKED_AT):
        start = periods.before(end)
        if start is None or start < first:
            break
        told = attributed(tree, values, (start, end), periods, "shapley")
        if told.status == "ok" and told.before is not None and told.after is not None:
            size = max(abs(told.before), abs(told.after)) or 1.0
            found.append(0.0 if told.adds_up else abs(told.residual or 0.0) / size)
        end = start
    return max(found, default=None)


def _last_closed(kpi: Kpi, asking: Asking, periods: Periods) -> date | None:
    """The last period that has ended and whose data are there."""
    until = asking.today + timedelta(days=1)
    mark = asking.mark(kpi)
    if mark is not None:
        until = min(until, mark.date())
    running = periods.holding(until)
    return None if running is None else periods.before(running)
