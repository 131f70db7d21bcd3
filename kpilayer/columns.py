"""A group-by name to a column of a metric: where it is, at which grain, or which date part.

Group-bys, filters and fingerprints all ask here, so a name means the same in each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kpilayer import address
from kpilayer.address import METRIC_TIME, Address, FilterMetric
from kpilayer.calendar import Calendar, Custom
from kpilayer.errors import did_you_mean, listing, nearest
from kpilayer.join_graph import JoinGraph, Reached, Unreached
from kpilayer.many_side import reach
from kpilayer.model.semantic_model import Dimension, Entity
from kpilayer.snippets import column_text
from kpilayer.zones import Zones, zones


@dataclass(frozen=True, slots=True)
class TimedColumn:
    """A column that a name means. ``grain`` is None where it is no time, or a part is asked.

    ``grain`` is what the project calls it; ``unit`` and ``part`` say what it is (``grain.py``).
    A ``custom`` granularity has no unit: its periods are values of a time spine.
    """

    asked: Address
    reached: Reached
    grain: str | None
    part: str | None
    unit: str | None = None
    custom: Custom | None = None
    zones: Zones | None = None
    """How its values are moved between time zones, where they are."""

    @property
    def meaning(self) -> tuple[str, str, str]:
        """What several metrics must agree on: a dimension of a model, or an entity."""
        if self.asked.is_metric_time:
            return ("time", METRIC_TIME, "")
        element = self.reached.element
        if address.filter_metric(element.name) is not None:
            return ("metric", element.name, "")
        if isinstance(element, Entity):
            return ("entity", element.target, "")
        if not self.asked.entities:
            return ("conformed", self.asked.name, "")
        return ("dimension", self.reached.model, element.name)


def resolve_name(
    graph: JoinGraph, model: str, time: str | None, name: str, metric_time_grain: str | None = None
) -> TimedColumn | Unreached:
    """What a name means for a metric of ``model`` whose time dimension is ``time``.

    A time dimension without a grain has its own one; `metric_time` has ``metric_time_grain``
    where that is given.
    """
    if (metric := address.filter_metric(name)) is not None:
        return _value_of_metric(graph, model, time, metric, name)
    asked, calendar = address.parse(name), graph.catalog.calendar
    if asked.is_metric_time:
        if asked.grain is not None and asked.grain not in calendar.grains:
            return _not_a_grain(calendar, asked.grain)
        reached = time_column(graph, model, time)
    elif METRIC_TIME in asked.entities:
        return _not_a_grain(calendar, asked.name)
    else:
        asked, reached = _reach(graph, model, name, asked)
    if isinstance(reached, Unreached):
        return _perhaps_a_grain(graph, model, asked) or reached
    if (problem := _unusable(graph, model, time, asked, reached)) is not None:
        return problem
    own = reached.element.granularity if isinstance(reached.element, Dimension) else None
    if own is None:
        if asked.grain or asked.part:
            message = (
                f"`{asked.base}` is not a time dimension: it has no `{asked.grain or asked.part}`"
            )
            return Unreached("unknown-grain", message, f"ask for `{asked.base}`")
        return TimedColumn(asked, reached, None, None)
    if asked.part is not None:
        if not calendar.tells_part(own, asked.part):
            message = f"`{asked.base}` has one value per {own}: its `{asked.part}` is not known"
            return Unreached("grain-too-fine", message)
        return _timed(graph, asked, reached, None)
    wanted = asked.grain or (metric_time_grain if asked.is_metric_time else None) or own
    if not calendar.tells(own, wanted):
        return _too_fine(calendar, model, asked, own, wanted)
    return _timed(graph, asked, reached, wanted)


def _reach(
    graph: JoinGraph, model: str, name: str, asked: Address
) -> tuple[Address, Reached | Unreached]:
    """What an address means; a project's own grain may also be the name of something else.

    `order__ordered_at__fiscal_year` ends in a grain where `order__ordered_at` is a time.
    """
    reached = _conformed(graph, model, asked) or reach(graph, model, asked)
    own_grains = graph.catalog.calendar.own_grains
    if asked.name not in own_grains:
        return asked, reached
    timed = address.parse(name, own_grains)
    time = _conformed(graph, model, timed) or reach(graph, model, timed)
    if not _is_time(time):
        return asked, reached
    if isinstance(reached, Reached):
        message = f"`{asked.base}` can be the {asked.name} of `{timed.base}`, and a dimension of "
        message += f"`{reached.model}`"
        hint = "give the dimension, or the grain, another name"
        return asked, Unreached("ambiguous-join", message, hint)
    return timed, time


def _timed(graph: JoinGraph, asked: Address, reached: Reached, name: str | None) -> TimedColumn:
    """A time dimension at a grain, or its date part where no grain is named."""
    assert isinstance(reached.element, Dimension), "only a dimension is a time"
    calendar = graph.catalog.calendar
    return TimedColumn(
        asked,
        reached,
        name,
        None if asked.part is None else calendar.part(asked.part),
        None if name is None else calendar.unit(name),
        None if name is None else calendar.custom(name),
        zones(graph.catalog, reached.model, reached.element),
    )


def _too_fine(calendar: Calendar, model: str, asked: Address, own: str, wanted: str) -> Unreached:
    custom = calendar.custom(wanted)
    if custom is not None:
        message = f"`{asked.base}` of `{model}` has the grain {own}: the time spine "
        message += f"`{custom.spine}` of {wanted} has one row per {custom.grain}"
        return Unreached("grain-too-fine", message, f"ask for `{asked.base}__{own}` or coarser")
    message = f"`{asked.base}` of `{model}` has the grain {own}: {wanted} is finer"
    if not calendar.is_finer(wanted, own):
        message = f"`{asked.base}` of `{model}` has the grain {own}, which {wanted} cuts"
    return Unreached("grain-too-fine", message, f"ask for `{asked.base}__{own}` or coarser")


def _conformed(graph: JoinGraph, model: str, asked: Address) -> Reached | Unreached | None:
    """The one address of a conformed dimension that a model reaches many-to-one."""
    conformed = graph.catalog.conformed.get(asked.name) if not asked.entities else None
    if conformed is None:
        return None
    found: dict[tuple[object, ...], tuple[str, Reached]] = {}
    doubtful: Unreached | None = None
    for text in conformed.from_:
        reached = graph.reach(model, address.parse(text))
        if isinstance(reached, Reached):
            found.setdefault((reached.path, reached.model, reached.element.name), (text, reached))
        elif reached.code in ("ambiguous-join", "too-large"):
            doubtful = reached
    if doubtful is not None:
        return doubtful
    if len(found) == 1:
        return next(iter(found.values()))[1]
    texts = [text for text, _ in found.values()] or list(conformed.from_)
    if found:
        message = f"`{asked.name}` of `{model}` can be " + " or ".join(f"`{t}`" for t in texts)
        return Unreached("ambiguous-join", message, "group by one of them by its own name")
    message = f"`{asked.name}` is {' or '.join(f'`{t}`' for t in texts)}, none of which `{model}` "
    return Unreached(
        "no-join-path", f"{message}reaches many-to-one", "group by a dimension in full"
    )


def _unusable(
    graph: JoinGraph, model: str, time: str | None, asked: Address, reached: Reached
) -> Unreached | None:
    """Why a column that a name means is no single value of a row, if it is none."""
    element = reached.element
    if isinstance(element, Entity) and element.columns:
        names = ", ".join(f"`{part}`" for part in element.columns)
        message = (
            f"`{asked.base}` is a composite key of {len(element.columns)} parts, not one column"
        )
        return Unreached(
            "composite-key", message, f"name the dimensions that are its parts: {names}"
        )
    versions = graph.versioned(reached.path)
    if versions is not None and isinstance(time_column(graph, model, time), Unreached):
        message = f"`{asked.base}` changes over time, and metrics of `{model}` have no time to say "
        message += f"which version in `{versions}` holds"
        return Unreached("no-time-dimension", message, f"give `{model}` an `agg_time_dimension`")
    return None


def _value_of_metric(
    graph: JoinGraph, model: str, time: str | None, metric: FilterMetric, name: str
) -> TimedColumn | Unreached:
    """The value that a metric has for the entity of a row, as a dimension of the row."""
    known = graph.catalog.metrics
    if metric.name not in known:
        message = f"there is no metric `{metric.name}`"
        return Unreached("unknown-metric", message, did_you_mean(metric.name, known))
    for per in metric.per:
        found = resolve_name(graph, model, time, per)
        if isinstance(found, Unreached):
            return found
        if any(step.kind != "up" for step in found.reached.path):
            message = f"one row of `{model}` has many of `{per}`: `{name}` would have many values"
            return Unreached("fan-out-join", message)
    element = Dimension.model_construct(
        name=name, type="categorical", expr=column_text(name), granularity=None
    )
    asked = Address(metric.per, metric.name)
    return TimedColumn(asked, Reached((), model, element, ()), None, None)


def resolve_property(
    graph: JoinGraph, model: str, time: str | None, purpose: str, name: str
) -> TimedColumn | Unreached:
    """What a name of a rule means: ``entity`` and ``per`` are group-by names.

    The date that a balance is taken ``over`` and properties that must stay ``constant`` may be the
    model's own dimensions, without an entity, as in dbt.
    """
    own = graph.catalog.models[model].dimension(name) if purpose in ("over", "constant") else None
    if own is None:
        return resolve_name(graph, model, time, name)
    return _timed(graph, address.parse(name), Reached((), model, own, ()), own.granularity)


def resolver(graph: JoinGraph, model: str, time: str | None) -> Callable[[str], TimedColumn]:
    """``resolve_name`` for names that were checked to resolve."""

    def resolve(name: str) -> TimedColumn:
        found = resolve_name(graph, model, time, name)
        assert isinstance(found, TimedColumn), f"`{name}` was checked to resolve"
        return found

    return resolve


def time_column(graph: JoinGraph, model: str, time: str | None) -> Reached | Unreached:
    """The column that is `metric_time`: the model's own, or at the end of a many-to-one path."""
    if time is None:
        message = f"`{model}` has no `agg_time_dimension`: its metrics have no `metric_time`"
        return Unreached("no-time-dimension", message, "query it without time")
    definition = graph.catalog.models[model]
    own = definition.dimension(time)
    if own is not None:
        return Reached((), model, own, definition.own_names[:1])
    reached = graph.reach(model, address.parse(time))
    versions = graph.versioned(reached.path) if isinstance(reached, Reached) else None
    if versions is not None:
        message = f"`{time}` depends on the version in `{versions}` that holds at that time"
        return Unreached("bad-value", message, "name a time dimension that does not change")
    if isinstance(reached, Reached) and not (
        isinstance(reached.element, Dimension) and reached.element.type == "time"
    ):
        return Unreached("bad-value", f"`{time}` is not a time dimension")
    return reached


def own_grain(graph: JoinGraph, model: str, time: str | None) -> str | None:
    """The declared grain of a metric's time dimension."""
    reached = time_column(graph, model, time)
    if isinstance(reached, Reached) and isinstance(reached.element, Dimension):
        return reached.element.granularity
    return None


def _not_a_grain(calendar: Calendar, word: str) -> Unreached:
    known = [*calendar.grains, *(f"extract_{part}" for part in calendar.parts)]
    near = nearest(word, known, most=1)
    hint = f"did you mean `{near[0]}`?" if near else f"grains: {listing(calendar.grains, most=16)}"
    return Unreached("unknown-grain", f"`{word}` is not a time grain or date part", hint)


def _perhaps_a_grain(graph: JoinGraph, model: str, asked: Address) -> Unreached | None:
    """`order__ordered_at__fortnight`: everything but the last word is a time dimension."""
    if not asked.entities:
        return None
    shorter = graph.reach(model, Address(asked.entities[:-1], asked.entities[-1]))
    return _not_a_grain(graph.catalog.calendar, asked.name) if _is_time(shorter) else None


def _is_time(reached: Reached | Unreached) -> bool:
    return (
        isinstance(reached, Reached)
        and isinstance(reached.element, Dimension)
        and reached.element.type == "time"
    )
