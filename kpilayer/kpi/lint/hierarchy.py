"""Rules about KPIs together: how many there are, what they support, and what guards them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from kpilayer.errors import QueryError
from kpilayer.kpi.driver_tree import names_of
from kpilayer.kpi.lint.ground import Advice, Ground
from kpilayer.model.definitions import Steps
from kpilayer.model.kpi import Drivers, Kpi

_MANY, _TOO_MANY = 5, 9
_RANK: Final = {"operational": 0, "supporting": 1, "north_star": 2}
_OFTEN: Final = {
    name: rank for rank, name in enumerate(("daily", "weekly", "monthly", "quarterly", "yearly"))
}


def kpi_no_lever(ground: Ground) -> Iterator[Advice]:
    """KPIs of which nobody says how to move them.

    Checks:
        Drivers, influences, or KPIs that support it; operational KPIs are exempt.
    Why:
        "Revenue has to rise" is no plan.
    Instead:
        Name what it is made of, or what moves it.
    """
    supported = {kpi.supports for kpi in ground.kpis.values()}
    for kpi in ground.current:
        has_lever = kpi.drivers or kpi.influences or kpi.name in supported
        if kpi.kind != "operational" and not has_lever:
            yield ground.of(kpi, "how would anybody move it? It has no driver", "warning")


def kpi_orphan(ground: Ground) -> Iterator[Advice]:
    """KPIs that lead to no north star.

    Checks:
        A path of `supports` and drivers up to a KPI of `kind: north_star`.
    Why:
        What supports nothing is somebody's favourite number.
    Instead:
        Say what it `supports`, or let it be a metric.
    """
    above = _above(ground.kpis)
    for kpi in ground.current:
        if kpi.kind != "north_star" and not _leads(kpi.name, above, ground.kpis):
            yield ground.of(kpi, "it leads to no north star", "warning", "supports")


def _above(kpis: Mapping[str, Kpi]) -> dict[str, set[str]]:
    """The KPIs that each one supports, or is a part of."""
    found: dict[str, set[str]] = defaultdict(set)
    for kpi in kpis.values():
        if kpi.supports is not None:
            found[kpi.name].add(kpi.supports)
        for drivers in (kpi.drivers, *kpi.nodes.values()):
            for part in parts_of(drivers) if drivers is not None else ():
                found[part].add(kpi.name)
    return found


def parts_of(drivers: Drivers) -> tuple[str, ...]:
    """What drivers name; of a formula that cannot be read nothing."""
    try:
        return names_of(drivers)
    except QueryError:
        return ()


def _leads(name: str, above: Mapping[str, set[str]], kpis: Mapping[str, Kpi]) -> bool:
    seen: set[str] = set()
    pending = [name]
    while pending:
        at = pending.pop()
        if at in seen:
            return True  # a circle is told by `kpi-cycle`
        seen.add(at)
        if at in kpis and kpis[at].kind == "north_star":
            return True
        pending += above.get(at, ())
    return False


def kpi_north_stars(ground: Ground) -> Iterator[Advice]:
    """More than one north star.

    Checks:
        One KPI of `kind: north_star` for each `scope`.
    Why:
        Two stars are two directions.
    Instead:
        Let one be supporting, or give them the `scope` of their products.
    """
    first: dict[str, str] = {}
    for kpi in ground.current:
        if kpi.kind == "north_star":
            other = first.setdefault(kpi.scope or "", kpi.name)
            if other != kpi.name:
                where = f" of `{kpi.scope}`" if kpi.scope else ""
                yield ground.of(kpi, f"`{other}` is the north star{where} already", "error", "kind")


def kpi_sprawl(ground: Ground) -> Iterator[Advice]:
    """More KPIs than somebody can watch.

    Checks:
        Live KPIs of one group in one function: more than five, an error beyond nine.
    Why:
        Twenty KPIs watch nothing.
    Instead:
        Keep three to five; the others stay metrics.
    """
    held: dict[tuple[str, str], list[Kpi]] = defaultdict(list)
    for kpi in ground.live:
        held[kpi.function, kpi.owner.group or ""].append(kpi)
    for (function, group), each in held.items():
        if len(each) > _MANY:
            who = f" of `{group}`" if group else ""
            yield ground.of(
                each[_MANY],
                f"{len(each)} KPIs in `{function}`{who}: keep three to five",
                "error" if len(each) > _TOO_MANY else "warning",
            )


def kpi_blind(ground: Ground) -> Iterator[Advice]:
    """Teams that have metrics, and no KPI.

    Checks:
        Groups of the project that own metrics: one of these, or of the group, is under a KPI.
    Why:
        Many numbers are looked at, and nobody has said when one of them is bad.
    Instead:
        Choose the one that the team acts on, and give it a range and a consequence.
    """
    definitions = ground.catalog.definitions
    owned: dict[str, int] = defaultdict(int)
    for metric in definitions.metrics:
        if metric.config.group and metric.status != "deprecated":
            owned[metric.config.group] += 1
    seeing: set[str | None] = set()
    for kpi in ground.current:
        metric_of = ground.catalog.metrics.get(kpi.metric)
        seeing |= {kpi.function, kpi.owner.group}
        seeing |= {metric_of.config.group} if metric_of is not None else set()
    for group in definitions.groups:
        count = owned[group.name]
        if count and group.name not in seeing:
            told = f"{count} metric{'s' if count > 1 else ''} and no KPI: it runs blind"
            place = definitions.at("group", group.name, "name")
            yield Advice(group.name, told, "warning", place)


def kpi_below_its_own(ground: Ground) -> Iterator[Advice]:
    """A KPI that supports one of a lower kind, or is reported less often than what it supports.

    Checks:
        Operational supports supporting, supporting a north star; an operational KPI is reported
        as often as what it supports.
    Why:
        What is below shows first what will happen above.
    Instead:
        Turn the edge around, or report it more often.
    """
    for kpi in ground.current:
        upper = ground.kpis.get(kpi.supports or "")
        if upper is None:
            continue
        if _RANK[kpi.kind] > _RANK[upper.kind]:
            told = (
                f"a {kpi.kind.replace('_', ' ')} KPI supports the {upper.kind} one `{upper.name}`"
            )
            yield ground.of(kpi, told, "error", "supports")
        elif kpi.kind == "operational" and _OFTEN[kpi.cadence] > _OFTEN[upper.cadence]:
            told = f"it is reported {kpi.cadence}, and what it supports {upper.cadence}"
            yield ground.of(kpi, told, "warning", "cadence")


def kpi_no_guardrail(ground: Ground) -> Iterator[Advice]:
    """KPIs that may be improved at the cost of something else, unseen.

    Checks:
        KPIs of which more, or less, is better have a guardrail; `direction: range` guards itself.
    Why:
        Whatever is rewarded alone is gamed: calls are closed, not solved.
    Instead:
        Name what would break if somebody gamed it, or say in `guardrail_exempt` why nothing does.
    """
    for kpi in ground.current:
        if kpi.direction != "range" and not kpi.guardrails and not kpi.guardrail_exempt:
            told = "it has no guardrail: what would break if somebody gamed it?"
            yield ground.of(kpi, told, "warning", "guardrails")


def kpi_weak_guardrail(ground: Ground) -> Iterator[Advice]:
    """Guardrails that cannot fire.

    Checks:
        A guardrail is not the KPI itself; a metric has a `healthy` range beside it.
    Why:
        A rail without a height holds nobody.
    Instead:
        Name a KPI, which has a range of its own, or give the metric one.
    """
    for kpi in ground.current:
        for index, rail in enumerate(kpi.guardrails):
            if rail.kpi == kpi.name:
                yield ground.of(kpi, "it is its own guardrail", "warning", "guardrails", index)
            elif rail.metric is not None and rail.healthy is None:
                told = f"the guardrail `{rail.metric}` has no `healthy` range"
                yield ground.of(kpi, told, "warning", "guardrails", index)


def kpi_deprecated_in_use(ground: Ground) -> Iterator[Advice]:
    """Deprecated KPIs that others still rest on, or that never end.

    Checks:
        What a live KPI supports or is guarded by, and what a key result measures, is not
        deprecated; a deprecated KPI has a `sunset`.
    Why:
        It goes away, and with it what rests on it.
    Instead:
        Use what replaces it.
    """
    old = {k.name: k for k in ground.kpis.values() if k.status == "deprecated"}
    for kpi in ground.live:
        named: list[tuple[str | None, Steps]] = [(kpi.supports, ("supports",))]
        named += [(rail.kpi, ("guardrails", n)) for n, rail in enumerate(kpi.guardrails)]
        for name, steps in named:
            if name in old:
                yield ground.of(kpi, _deprecated(old[name]), "error", *steps)
    for okr in ground.okrs:
        for index, result in enumerate(okr.key_results):
            if result.kpi in old:
                told = _deprecated(old[result.kpi])
                yield ground.of_okr(okr, told, "error", "key_results", index, "kpi")
    for kpi in old.values():
        if kpi.sunset is None:
            yield ground.of(kpi, "it is deprecated and has no `sunset`", "warning", "status")


def _deprecated(kpi: Kpi) -> str:
    instead = f"; `{kpi.replaced_by}` replaces it" if kpi.replaced_by else ""
    return f"`{kpi.name}` is deprecated{instead}"
