"""All measures of a project, and the simple metrics that stand for them (reference_semantics A.5).

A cumulative or conversion metric over a measure gets the simple metric that is that measure, or a
hidden one made for it.

Issues: ``unknown-measure``, ``duplicate-name`` and those of ``reading``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.load.dbt.measure import Measure
from kpilayer.load.dbt.reading import Fields, Parts, Reading, joined
from kpilayer.load.moved import Built, Part

INPUT_MEASURE: Final = frozenset(
    {"name", "filter", "alias", "join_to_timespine", "fill_nulls_with"}
)

_Key = tuple[str, int | None, bool]  # measure, fill_nulls_with, join_to_timespine


@dataclass(slots=True)
class Measures:
    """All measures of a project, and which metrics stand for them."""

    by_name: dict[str, Measure]
    taken: dict[str, object]
    """Every name of a metric, with its type."""
    same: dict[_Key, str] = field(default_factory=dict)
    """The metric that is a measure, used in this way."""
    created: list[tuple[Measure, Built]] = field(default_factory=list)
    """Metrics that nobody wrote, beside the measure that each one is."""


@dataclass(slots=True)
class Use:
    """The use of a measure by a metric."""

    measure: Measure
    place: Part
    filter: Part | None = None
    fill: Part | None = None
    join: bool = False

    @property
    def key(self) -> _Key:
        """What makes two uses the same; filters stay outside."""
        return self.measure.name, None if self.fill is None else self.fill.value, self.join

    @property
    def flags(self) -> Parts:
        """What the use adds to the measure."""
        parts: Parts = {} if self.fill is None else {"fill_nulls_with": self.fill}
        if self.join:
            parts["join_to_timespine"] = self.place.made(True, "join_to_timespine")
        return parts


def collected(measures: Iterable[Measure], reading: Reading, taken: dict[str, object]) -> Measures:
    """Measures by name, which is unique over the project."""
    found: dict[str, Measure] = {}
    for measure in measures:
        first = found.setdefault(measure.name, measure)
        if first is not measure:
            message = f"there are two measures named `{measure.name}`"
            see = (("first defined here", first.part.made(None, "name").at()),)
            place = measure.part.made(None, "name").at()
            reading.issues.append(Issue("duplicate-name", message, place, see=see))
            reading.errors += 1
    return Measures(found, taken)


def create_metrics(measures: Measures, reading: Reading) -> None:
    """The metrics of measures with `create_metric: true`, where nobody wrote one of that name."""
    for measure in measures.by_name.values():
        if not measure.creates_metric:
            continue
        other = measures.taken.get(measure.name)
        if measure.name not in measures.taken:
            _create(measures, measure, measure.name, {}, hidden=False)
            measures.taken[measure.name] = "simple"
            measures.same.setdefault((measure.name, None, False), measure.name)
        elif other != "simple":
            message = f"`create_metric` would make a second metric named `{measure.name}`"
            hint = f"there is a {other} metric of that name"
            reading.report("duplicate-name", message, measure.fields["create_metric"], hint)


def measure_used(part: Part, measures: Measures, reading: Reading) -> Use | None:
    """The use of a measure: its name, or a mapping; None where that is reported."""
    found: Fields | None = {"name": part}
    if not isinstance(part.value, str):
        found = reading.fields(part, INPUT_MEASURE, "`measure`" if _is_one(part) else "an input")
        if found is None or not reading.needs(found, ("name",), "the input", part):
            return None
    assert found is not None, "a name alone is a mapping with a name"
    name = reading.name(found["name"])
    if name is None:
        return None
    measure = measures.by_name.get(name)
    if measure is None:
        _unknown(found["name"], name, measures, reading)
        return None
    fill = found.get("fill_nulls_with")
    if fill is not None and type(fill.value) is not int:
        reading.report("bad-value", "`fill_nulls_with` takes a whole number", fill)
        fill = None
    join = reading.flag(found.get("join_to_timespine"))
    if measure.broken:
        reading.errors += 1  # reported at the measure
        return None
    return Use(measure, part, found.get("filter"), fill, join)


def _is_one(part: Part) -> bool:
    return bool(part.path) and part.path[-1] == "measure"


def _unknown(part: Part, name: str, measures: Measures, reading: Reading) -> None:
    message = f"`{name}` is not a measure"
    hint = did_you_mean(name, measures.by_name)
    if "{{" in name:
        message = "the name of a measure cannot hold Jinja: it is needed before that is rendered"
    elif name in measures.taken:
        hint = f"`{name}` is a metric; here stands a measure of a semantic model"
    elif hint is None:
        known = listing(tuple(measures.by_name))
        hint = f"measures: {known}" if known else "no semantic model has measures"
    reading.report("unknown-measure", message, part, hint)


def input_of(part: Part, key: str, measures: Measures, reading: Reading) -> Parts:
    """A measure as an input: the simple metric that it is, with the input's filter."""
    given = measure_used(part, measures, reading)
    if given is None:
        return {}
    name = measures.same.get(given.key) or _hidden(given, measures)
    conditions = joined(part, given.filter)
    if conditions is None:
        return {key: part.made(name)}
    where = part if isinstance(part.value, str) else part.part("name")
    return {key: Built(part, {"name": where.made(name), "filter": conditions})}


def _hidden(given: Use, measures: Measures) -> str:
    """The name of a new metric that only others use."""
    measure, fill, join = given.key
    name = measure
    if fill is not None:
        name += f"_fill_nulls_with_{fill if fill >= 0 else f'neg_{-fill}'}"
    if join:
        name += "_join_to_timespine"
    free = (name if n == 0 else f"{name}_{n}" for n in count())
    name = next(n for n in free if n not in measures.taken)
    _create(measures, given.measure, name, given.flags, hidden=True)
    measures.taken[name] = "simple"
    measures.same[given.key] = name
    return name


def _create(measures: Measures, measure: Measure, name: str, flags: Parts, *, hidden: bool) -> None:
    part = measure.part
    parts: Parts = {"name": part.made(name, "name"), "type": part.made("simple", "type")}
    label = measure.fields.get("create_metric_display_name") or measure.fields.get("label")
    if label is not None:
        parts["label"] = label
    if "description" in measure.fields:
        parts["description"] = measure.fields["description"]
    parts |= measure.of_metric | flags
    if hidden:
        parts["hidden"] = part.made(True, "hidden")
    if measure.config is not None:
        parts["config"] = measure.config
    measures.created.append((measure, Built(part, parts, measure.broken)))
