"""Names in KPIs and objectives, and ranges that can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kpilayer.check.context import Context
from kpilayer.check.names import Where, filter_issues, may_be_broken
from kpilayer.columns import resolve_name
from kpilayer.errors import Issue, Location, did_you_mean
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.join_graph import Unreached
from kpilayer.model.definitions import Steps
from kpilayer.model.kpi import Bounds, Drivers, Health, Kpi, Relative
from kpilayer.references import snippet_issues


def kpis_resolve(context: Context) -> Iterator[Issue]:
    """KPIs and objectives that name metrics or KPIs which do not exist.

    Checks:
        The metric of a KPI, the KPI that it supports or is replaced by, its drivers, influences
        and guardrails, and what key results measure.
    Why:
        A contract on nothing is never broken.
    Instead:
        Use the suggested name.
    """
    definitions = context.catalog.definitions
    kpis = {kpi.name: kpi for kpi in definitions.kpis}
    for kpi in definitions.kpis:
        for word, name, steps in _named(kpi):
            if not _exists(context, word, name, kpis):
                is_key = "terms" in steps[-2:-1] or "nodes" in steps[-2:-1]
                at = definitions.at_key if is_key else definitions.at
                yield _unknown(context, word, name, at("kpi", kpi.name, *steps), kpis)
        for drivers, steps in _formulas(kpi):
            yield from _in_formula(context, kpi, drivers, (*steps, "expr"), kpis)
    for okr in definitions.okrs:
        named: list[tuple[str, str | None, Steps]] = []
        for index, result in enumerate(okr.key_results):
            named += [
                ("kpi", result.kpi, ("key_results", index, "kpi")),
                ("metric", result.metric, ("key_results", index, "metric")),
            ]
        if okr.triggered_by is not None:
            named.append(("kpi", okr.triggered_by.kpi, ("triggered_by", "kpi")))
        for word, found, steps in named:
            if found is not None and not _exists(context, word, found, kpis):
                yield _unknown(context, word, found, definitions.at("okr", okr.name, *steps), kpis)


def _named(kpi: Kpi) -> Iterator[tuple[str, str, Steps]]:
    """What a KPI names: a metric, a KPI, or either (``node``)."""
    yield "metric", kpi.metric, ("metric",)
    for key in ("supports", "replaced_by"):
        name = getattr(kpi, key)
        if name is not None:
            yield "kpi", name, (key,)
    if kpi.drivers is not None:
        for name, steps in _of_drivers(kpi.drivers):
            yield "node", name, ("drivers", *steps)
    for node, drivers in kpi.nodes.items():
        yield "node", node, ("nodes", node)
        for name, steps in _of_drivers(drivers):
            yield "node", name, ("nodes", node, *steps)
    beside = [("influences", n, i.kpi, i.metric) for n, i in enumerate(kpi.influences)]
    beside += [("guardrails", n, g.kpi, g.metric) for n, g in enumerate(kpi.guardrails)]
    for key, index, of_kpi, of_metric in beside:
        if of_kpi is not None:
            yield "kpi", of_kpi, (key, index, "kpi")
        if of_metric is not None:
            yield "metric", of_metric, (key, index, "metric")


def _of_drivers(drivers: Drivers) -> Iterator[tuple[str, Steps]]:
    for name in drivers.terms:
        yield name, ("terms", name)
    for index, name in enumerate(drivers.factors):
        yield name, ("factors", index)
    for key in ("numerator", "denominator"):
        name = getattr(drivers, key)
        if name is not None:
            yield name, (key,)


def _exists(context: Context, word: str, name: str, kpis: Mapping[str, Kpi]) -> bool:
    definitions = context.catalog.definitions
    is_kpi = name in kpis or definitions.may_exist("kpi", name)
    is_metric = context.catalog.has_metric(name) or definitions.may_exist("metric", name)
    return {"kpi": is_kpi, "metric": is_metric}.get(word, is_kpi or is_metric)


def _formulas(kpi: Kpi) -> Iterator[tuple[str, Steps]]:
    """The formulas of its drivers, and of those of its nodes."""
    if kpi.drivers is not None and kpi.drivers.expr:
        yield kpi.drivers.expr, ("drivers",)
    for node, drivers in kpi.nodes.items():
        if drivers.expr:
            yield drivers.expr, ("nodes", node)


def _in_formula(
    context: Context, kpi: Kpi, text: str, steps: Steps, kpis: Mapping[str, Kpi]
) -> Iterator[Issue]:
    """What a formula names, where it is one."""
    definitions = context.catalog.definitions
    yield from snippet_issues(definitions, "kpi", kpi.name, steps, text)
    for name in context.catalog.snippet(text).names:
        if not _exists(context, "node", name.name.lower(), kpis):
            args = (steps, name.offset, name.length, name.name)
            place = definitions.within("kpi", kpi.name, *args)
            yield _unknown(context, "node", name.name, place, kpis)


def _unknown(
    context: Context, word: str, name: str, place: Location | None, kpis: Mapping[str, Kpi]
) -> Issue:
    if word == "metric":
        hint = did_you_mean(name, context.catalog.metrics)
        return Issue("unknown-metric", f"there is no metric `{name}`", place, hint)
    known = [*kpis, *(context.catalog.metrics if word == "node" else ())]
    message = f"there is no KPI {'or metric ' if word == 'node' else ''}`{name}`"
    return Issue("unknown-kpi", message, place, did_you_mean(name, known))


def kpis_can_be_asked(context: Context) -> Iterator[Issue]:
    """KPIs that could not be computed as they are to be judged.

    Checks:
        The conditions in `where`, and the dimension in `health.by` and `drivers.mix_by`, for every
        semantic model that the metric reads.
    Why:
        It would be found out only when `kpilayer health` asks the warehouse.
    Instead:
        Name a dimension that the metric can be grouped by.
    """
    definitions = context.catalog.definitions
    for kpi in definitions.kpis:
        if not context.catalog.has_metric(kpi.metric):
            continue
        for index, text in enumerate(kpi.where):
            yield from snippet_issues(definitions, "kpi", kpi.name, ("where", index), text)
        where = Where("kpi", kpi.name, ("where",))
        yield from filter_issues(context, where, kpi.where, kpi.metric, kpi.metric)
        by, mix = kpi.health.by, kpi.drivers.mix_by if kpi.drivers is not None else None
        if by is not None:
            yield from _dimension(context, kpi, by.dimension, ("health", "by", "dimension"))
        if mix is not None:
            yield from _dimension(context, kpi, mix, ("drivers", "mix_by"))


def _dimension(context: Context, kpi: Kpi, name: str, steps: Steps) -> Iterator[Issue]:
    place = context.catalog.definitions.at("kpi", kpi.name, *steps)
    for atom in atoms(formula(context.graph, kpi.metric)):
        found = resolve_name(context.graph, atom.model, atom.time, name)
        if isinstance(found, Unreached) and not may_be_broken(context, found):
            yield Issue(found.code, f"{found.message} (for kpi `{kpi.name}`)", place, found.hint)
            return


def kpi_ranges_hold(context: Context) -> Iterator[Issue]:
    """Ranges in which no number is, and bounds that say the opposite of the direction.

    Checks:
        `min` above `max`, a critical range that does not hold the healthy one, and a KPI of which
        more is better that has no smallest healthy value; overrides and segments, too. Objectives
        that end before they start, key results that lead away from their direction, and targets of
        one name.
    Why:
        Such a KPI is never healthy, or never in breach.
    Instead:
        Let the critical range be the wider one.
    """
    yield from _objectives(context)
    for kpi in context.catalog.definitions.kpis:
        for message, steps in _wrong_ranges(kpi):
            place = context.catalog.definitions.at("kpi", kpi.name, "health", *steps)
            yield Issue("bad-range", f"kpi `{kpi.name}`: {message}", place)


def _objectives(context: Context) -> Iterator[Issue]:
    """Objectives whose dates or directions contradict themselves, and targets of one name."""
    definitions = context.catalog.definitions
    for okr in definitions.okrs:
        if okr.ends < okr.starts:
            place = definitions.at("okr", okr.name, "ends")
            yield Issue("bad-range", f"okr `{okr.name}` ends before it starts", place)
        for index, result in enumerate(okr.key_results):
            rises = result.target > result.baseline
            is_told = result.direction is not None and result.target != result.baseline
            if is_told and rises is not (result.direction == "higher"):
                place = definitions.at("okr", okr.name, "key_results", index, "target")
                message = f"okr `{okr.name}`: {result.direction} is better, but the target is "
                message += "higher" if rises else "lower"
                yield Issue("bad-range", f"{message} than the baseline", place)
    for kpi in definitions.kpis:
        names = [target.name for target in kpi.targets]
        for index, name in enumerate(names):
            if name in names[:index]:
                place = definitions.at("kpi", kpi.name, "targets", index, "name")
                yield Issue("duplicate-name", f"kpi `{kpi.name}` has two targets `{name}`", place)


def _wrong_ranges(kpi: Kpi) -> Iterator[tuple[str, Steps]]:
    health = kpi.health
    yield from _of_pair(health.healthy, health.critical, ())
    yield from _of_relative(health.relative, ("relative",))
    for index, override in enumerate(health.overrides):
        yield from _of_pair(override.healthy, override.critical, ("overrides", index))
        yield from _of_relative(override.relative, ("overrides", index, "relative"))
        if not (override.months or override.weekdays or override.from_ or override.to):
            yield (
                "an override says when: `months`, `weekdays`, or `from` and `to`",
                (
                    "overrides",
                    index,
                ),
            )
    for value, bounds in (health.by.overrides if health.by is not None else {}).items():
        yield from _of_pair(bounds.healthy, bounds.critical, ("by", "overrides", value))
    yield from _of_direction(kpi, health)


def _of_relative(relative: Relative | None, steps: Steps) -> Iterator[tuple[str, Steps]]:
    if relative is not None:
        yield from _of_pair(relative.healthy, relative.critical, steps)


def _of_pair(
    healthy: Bounds | None, critical: Bounds | None, steps: Steps
) -> Iterator[tuple[str, Steps]]:
    for key, bounds in (("healthy", healthy), ("critical", critical)):
        if bounds is None:
            continue
        if bounds.min is None and bounds.max is None:
            yield f"`{key}` has neither `min` nor `max`", (*steps, key)
        elif bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
            yield f"`min` {bounds.min:g} is above `max` {bounds.max:g}", (*steps, key, "min")
    if healthy is None or critical is None:
        return
    if critical.min is not None and (healthy.min is None or critical.min > healthy.min):
        yield f"critical `min` {critical.min:g} leaves healthy values out", (
            *steps, "critical", "min",
        )  # fmt: skip
    if critical.max is not None and (healthy.max is None or critical.max < healthy.max):
        yield f"critical `max` {critical.max:g} leaves healthy values out", (
            *steps, "critical", "max",
        )  # fmt: skip


def _of_direction(kpi: Kpi, health: Health) -> Iterator[tuple[str, Steps]]:
    healthy = health.healthy
    if healthy is None or (healthy.min is None and healthy.max is None):
        return
    if kpi.direction == "higher" and healthy.min is None:
        yield "more is better, but `healthy` has no `min`", ("healthy",)
    if kpi.direction == "lower" and healthy.max is None:
        yield "less is better, but `healthy` has no `max`", ("healthy",)


def kpis_form_a_tree(context: Context) -> Iterator[Issue]:
    """KPIs that support each other in a circle.

    Checks:
        `supports`, from each KPI upwards.
    Why:
        The tree is printed from the north star down; a circle has no top.
    Instead:
        Leave out the edge that leads back.
    """
    above = {kpi.name: kpi.supports for kpi in context.catalog.definitions.kpis}
    told: set[str] = set()
    for name in above:
        trail: list[str] = []
        at: str | None = name
        while at is not None and at in above and at not in trail:
            trail.append(at)
            at = above[at]
        if at in trail and at not in told:
            circle = trail[trail.index(at) :]
            told |= set(circle)
            place: Location | None = context.catalog.definitions.at("kpi", at, "supports")
            yield Issue("kpi-cycle", f"KPIs support each other: {' > '.join([*circle, at])}", place)
