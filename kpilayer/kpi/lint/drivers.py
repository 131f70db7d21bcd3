"""Rules about driver trees: what may be added up, and who has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms, inner_rule
from kpilayer.kpi.lint.ground import Advice, Ground
from kpilayer.model.definitions import Steps
from kpilayer.model.kpi import Drivers, Kpi


def kpi_no_tree(ground: Ground) -> Iterator[Advice]:
    """North stars of which nobody says what they are made of.

    Checks:
        A KPI of `kind: north_star` has drivers.
    Why:
        Why it moved is asked every month; without a tree, everybody has a story.
    Instead:
        Give `drivers`, down to numbers that somebody owns.
    """
    for kpi in ground.current:
        if kpi.kind == "north_star" and kpi.drivers is None:
            yield ground.of(kpi, "a north star has a tree of drivers", "warning", "drivers")


def kpi_mixed_units(ground: Ground) -> Iterator[Advice]:
    """Sums of numbers of different units.

    Checks:
        The units of all terms of a sum, difference or roll-forward, and that of the KPI's metric.
    Why:
        Customers and euros add up to nothing.
    Instead:
        Use `product` or `formula`, or bring them to one unit.
    """
    for kpi, drivers, steps in _sums(ground):
        units = {
            unit
            for name in (*drivers.terms, *([kpi.metric] if steps == ("drivers",) else ()))
            if (unit := _unit(ground, name)) is not None
        }
        if len(units) > 1:
            told = f"it adds up numbers of different units: {', '.join(sorted(units))}"
            yield ground.of(kpi, told, "error", *steps, "terms")


def kpi_distinct_added(ground: Ground) -> Iterator[Advice]:
    """Sums of counts of different things, which may share some.

    Checks:
        Terms that are distinct counts.
    Why:
        Who uses both features is counted twice.
    Instead:
        Count them together, or show the parts beside the total.
    """
    for kpi, drivers, steps in _sums(ground):
        counts = [name for name in drivers.terms if _is_distinct(ground, name)]
        if len(counts) > 1:
            told = f"counts of different things do not add up: {', '.join(counts)}"
            yield ground.of(kpi, told, "error", *steps, "terms")


def kpi_flows_to_stock(ground: Ground) -> Iterator[Advice]:
    """Flows that are added up to a level.

    Checks:
        A sum or difference for a metric that is a level over time, of terms that are none.
    Why:
        New, expansion and churned MRR add up to the change of MRR, not to MRR.
    Instead:
        Use `op: rollforward`.
    """
    for kpi in ground.current:
        drivers = kpi.drivers
        if drivers is None or drivers.op not in ("sum", "difference"):
            continue
        flows = [name for name in drivers.terms if not _is_level(ground, name)]
        if _is_level(ground, kpi.metric) and flows:
            told = f"flows add up to the change of a level, not to it: {', '.join(flows)}"
            yield ground.of(kpi, told, "error", "drivers", "op", hint="use `op: rollforward`")


def _sums(ground: Ground) -> Iterator[tuple[Kpi, Drivers, Steps]]:
    """Drivers that are added up, with where they stand."""
    for kpi in ground.current:
        held: Mapping[Steps, Drivers | None] = {
            ("drivers",): kpi.drivers,
            **{("nodes", name): drivers for name, drivers in kpi.nodes.items()},
        }
        for steps, drivers in held.items():
            if drivers is not None and drivers.op in ("sum", "difference", "rollforward"):
                yield kpi, drivers, steps


def _metric_of(ground: Ground, name: str) -> str | None:
    """The metric of a name, which may be a KPI's."""
    if name in ground.catalog.metrics:
        return name
    kpi = ground.kpis.get(name)
    return kpi.metric if kpi is not None and kpi.metric in ground.catalog.metrics else None


def _unit(ground: Ground, name: str) -> str | None:
    metric = _metric_of(ground, name)
    return None if metric is None else ground.catalog.metrics[metric].unit


def _is_distinct(ground: Ground, name: str) -> bool:
    metric = _metric_of(ground, name)
    if metric is None:
        return False
    tree = formula(ground.identity.graph, metric)
    below = atoms(tree)
    return len(below) == 1 and below[0].agg == "count_distinct"


def _is_level(ground: Ground, name: str) -> bool:
    metric = _metric_of(ground, name)
    if metric is None:
        return False
    return inner_rule(formula(ground.identity.graph, metric)) in ("semi_additive", "active")
