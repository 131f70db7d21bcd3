"""Names and snippets in definitions that mean nothing, each at its place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kpilayer import snippets
from kpilayer.address import filter_metric
from kpilayer.aggregates import decompose
from kpilayer.calendar import Calendar, Custom
from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.grain import FISCAL
from kpilayer.model.definitions import Definitions, Kind, Steps
from kpilayer.model.metric import (
    CumulativeMetric,
    DerivedMetric,
    InputMetric,
    Metric,
    SimpleMetric,
    SqlMetric,
)
from kpilayer.model.semantic_model import ColumnDimension, Dimension, Model
from kpilayer.relation import split_relation
from kpilayer.snippets import column_text


def snippet_issues(
    definitions: Definitions, kind: Kind, name: str, steps: Steps, text: str
) -> Iterator[Issue]:
    """What is wrong with a snippet of a definition, at its place in the file."""
    for problem in snippets.parse(text, definitions.config.dialect).problems:
        word = text[problem.offset : problem.offset + problem.length]
        place = definitions.within(kind, name, steps, problem.offset, problem.length, word)
        yield Issue(problem.code, problem.message, place, problem.hint, problem.severity)


# ------------------------------------------------------------------------------------------- models


def model_issues(definitions: Definitions, model: Model) -> Iterator[Issue]:
    """What is wrong with a semantic model by itself."""

    def issue(code: str, message: str, *steps: str | int, hint: str | None = None) -> Issue:
        return Issue(code, message, definitions.at("model", model.name, *steps), hint)

    yield from _source_issues(definitions, model)
    yield from _repeated_names(definitions, model)
    primary = [e for e in model.entities if e.type == "primary"]
    if len(primary) > 1:
        names = listing([e.name for e in primary])
        message = f"model `{model.name}` has several primary entities: {names}"
        yield issue("bad-value", message, hint="declare all but one as `unique`")
    if primary and model.primary_entity:
        message = f"model `{model.name}` has both `primary_entity` and primary entity "
        message += f"`{primary[0].name}`"
        yield issue("bad-value", message, "primary_entity", hint="keep one of them")
    if model.dimensions and not model.own_names:
        message = f"model `{model.name}` has dimensions, but no primary or unique entity to name "
        message += "them by"
        hint = "declare its key as an entity, or set `primary_entity`"
        yield issue("missing-field", message, "name", hint=hint)
    yield from _validity_issues(definitions, model)
    yield from _time_issues(definitions, model, model.agg_time_dimension, "model", model.name)
    yield from _zone_issues(definitions, model)
    if model.row_access is not None:
        text, at = model.row_access.filter, ("row_access", "filter")
        yield from snippet_issues(definitions, "model", model.name, at, text)
    for index, entity in enumerate(model.derived_semantics.entities):
        steps: Steps = ("derived_semantics", "entities", index)
        if entity.expr:
            place = (*steps, "expr")
            yield from snippet_issues(definitions, "model", model.name, place, entity.expr)
        for number, part in enumerate(entity.columns):
            place = (*steps, "columns", number)
            yield from snippet_issues(definitions, "model", model.name, place, part)
    for index, dimension in enumerate(model.derived_semantics.dimensions):
        if dimension.expr:
            steps = ("derived_semantics", "dimensions", index, "expr")
            yield from snippet_issues(definitions, "model", model.name, steps, dimension.expr)


def _zone_issues(definitions: Definitions, model: Model) -> Iterator[Issue]:
    """A zone to show a time in needs the zone of the stored value; only times have one."""
    placed: list[tuple[Steps, ColumnDimension | Dimension]] = []
    for index, column in enumerate(model.columns):
        if column.dimension is not None:
            placed.append((("columns", index, "dimension"), column.dimension))
    for index, derived in enumerate(model.derived_semantics.dimensions):
        placed.append((("derived_semantics", "dimensions", index), derived))
    for steps, dimension in placed:
        key = "timezone" if dimension.timezone else "report_timezone"
        if dimension.timezone is None and dimension.report_timezone is None:
            continue
        place = definitions.at("model", model.name, *steps, key)
        if dimension.type != "time":
            yield Issue("bad-value", f"`{key}` belongs to time dimensions", place)
        elif dimension.timezone is None:
            message = "`report_timezone` needs `timezone`: without it, nothing is an instant"
            hint = "add the zone of the stored value, as `timezone: UTC`"
            yield Issue("missing-field", message, place, hint)


def _validity_issues(definitions: Definitions, model: Model) -> Iterator[Issue]:
    """A slowly changing dimension has a natural key, and one start and one end (reference A.7)."""
    ends = [d.validity_params for d in model.dimensions if d.validity_params is not None]
    place = definitions.at("model", model.name, "name")
    natural = [e for e in model.entities if e.type == "natural"]
    if ends:
        starts, stops = sum(e.is_start for e in ends), sum(e.is_end for e in ends)
        if (starts, stops) != (1, 1):
            message = f"model `{model.name}` has {starts} starts and {stops} ends of validity; it "
            message += "needs one of each"
            yield Issue("bad-value", message, place)
        if not natural:
            message = f"model `{model.name}` has `validity_params`, but no `natural` entity"
            hint = "its key repeats over time: declare the entity as `natural`"
            yield Issue("missing-field", message, place, hint)
        unique = next((e for e in model.entities if e.is_unique), None)
        if unique is not None:
            message = f"model `{model.name}` has `validity_params` and the {unique.type} entity "
            message += f"`{unique.name}`: a key that has several versions is not unique"
            yield Issue("bad-value", message, place, "declare it as `natural`")
    elif natural:
        message = (
            f"entity `{natural[0].name}` of model `{model.name}` is natural, but no dimension "
        )
        message += "says from when to when a row holds"
        hint = "add `validity_params` to two time dimensions, or declare it `primary`"
        yield Issue("missing-field", message, place, hint)


def _source_issues(definitions: Definitions, model: Model) -> Iterator[Issue]:
    """A relation is a name of at most three parts, and the only thing that says where rows are."""
    place = definitions.at("model", model.name, "relation" if model.relation else "path")
    if model.relation is not None:
        parts = split_relation(model.relation, definitions.config.dialect)
        if not 1 <= len(parts) <= 3 or not all(parts):
            message = f"`{model.relation}` is not the name of a table: `schema.table` is expected"
            yield Issue("bad-value", message, place)
    if model.path is not None and not model.path.strip():
        yield Issue("bad-value", f"the `path` of model `{model.name}` is empty", place)
    query = definitions.queries.get(model.name)
    if query is not None and (model.relation or model.path):
        message = f"model `{model.name}` has a `{'relation' if model.relation else 'path'}`, and "
        message += f"there is a SQL model of its name, {query.path}"
        yield Issue("bad-value", message, place, "keep one of the two")


def _repeated_names(definitions: Definitions, model: Model) -> Iterator[Issue]:
    for kind, names in (
        ("entities", [e.name for e in model.entities]),
        ("dimensions", [d.name for d in model.dimensions]),
    ):
        for name in dict.fromkeys(n for n in names if names.count(n) > 1):
            message = f"model `{model.name}` has two {kind} named `{name}`"
            place = definitions.at("model", model.name, "name")
            yield Issue("duplicate-name", message, place)


def _time_issues(
    definitions: Definitions, model: Model, time: str | None, kind: Kind, name: str
) -> Iterator[Issue]:
    """A time dimension must exist and be one; a path to another model is checked when bound."""
    if time is None or "__" in time:
        return
    dimension = model.dimension(time)
    place = definitions.at(kind, name, "agg_time_dimension")
    times = [d.name for d in model.dimensions if d.type == "time"]
    if dimension is None:
        hint = did_you_mean(time, times) or (
            f"time dimensions: {listing(times)}" if times else None
        )
        message = f"model `{model.name}` has no dimension `{time}`"
        yield Issue("unknown-dimension", message, place, hint)
    elif dimension.type != "time":
        message = f"dimension `{time}` of model `{model.name}` is not a time dimension"
        yield Issue("bad-value", message, place, did_you_mean(time, times))


# ------------------------------------------------------------------------------------------ metrics


#: The keys of each kind under which its inputs stand.
_INPUT_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "simple": ("input_metric",),
    "sql": (),
    "ratio": ("numerator", "denominator"),
    "derived": ("input_metrics",),
    "cumulative": ("input_metric",),
    "conversion": ("base_metric", "conversion_metric"),
    "nested": ("input_metric",),
    "share": ("input_metric",),
    "funnel": ("steps",),
}


def calendar_of(definitions: Definitions) -> tuple[Calendar, list[Issue]]:
    """The project's calendar, and names of grains that mean two things."""
    config, issues = definitions.config, list[Issue]()
    customs: dict[str, Custom] = {}
    for spine in definitions.time_spines:
        key = column_text(spine.time_spine.standard_granularity_column)
        for index, custom in enumerate(spine.time_spine.custom_granularities):
            name = custom.name
            steps = ("time_spine", "custom_granularities", index, "name")
            place = definitions.at("time_spine", spine.name, *steps)
            if name in config.week_starts or name in customs:
                other = (
                    f"time spine `{customs[name].spine}`" if name in customs else "`week_starts`"
                )
                message = f"the grain `{name}` of time spine `{spine.name}` is also one of {other}"
                issues.append(Issue("duplicate-name", message, place))
                continue
            if name in FISCAL:
                message = f"`{name}` is what time spine `{spine.name}` says, not the fiscal "
                message += "calendar of kpilayer.yml"
                issues.append(Issue("custom-grain", message, place, severity="notice"))
            customs[name] = Custom(name, spine.name, spine.granularity, key, custom.column)
    calendar = Calendar(
        config.week_start,
        tuple(config.week_starts.items()),
        config.fiscal_year_start,
        config.fiscal_year_named_by,
        tuple(customs.values()),
    )
    return calendar, issues


def metric_issues(
    definitions: Definitions,
    metric: Metric,
    models: Mapping[str, Model],
    metrics: Mapping[str, Metric],
    calendar: Calendar,
) -> list[Issue]:
    """What is wrong with a metric by itself and with the names that it refers to."""
    issues: list[Issue] = []

    def check(text: str, *steps: str | int) -> None:
        issues.extend(snippet_issues(definitions, "metric", metric.name, steps, text))

    def check_filter(text: str, *steps: str | int) -> None:
        check(text, *steps)
        issues.extend(_filter_metrics(definitions, metric, steps, text, metrics))

    for index, condition in enumerate(metric.filter):
        check_filter(condition, "filter", index)
    for place, used in input_places(metric):
        for index, condition in enumerate(used.filter):
            check_filter(condition, *place, "filter", index)
        if used.name not in metrics and not definitions.may_exist("metric", used.name):
            where = definitions.at("metric", metric.name, *place, "name")
            message = f"there is no metric `{used.name}`"
            issues.append(Issue("unknown-metric", message, where, did_you_mean(used.name, metrics)))
    issues += _grain_issues(definitions, metric, calendar)
    issues += _input_clashes(definitions, metric)
    if isinstance(metric, DerivedMetric):
        check(metric.expr, "expr")
        issues += _unknown_inputs(definitions, metric)
    if isinstance(metric, SqlMetric):
        for problem in decompose(metric.sql, definitions.config.dialect).problems:
            args = (("sql",), problem.offset, problem.length, problem.word)
            where = definitions.within("metric", metric.name, *args)
            issues.append(Issue(problem.code, problem.message, where, problem.hint))
        issues += _home_issues(definitions, metric, models)
    if isinstance(metric, SimpleMetric) and metric.model is not None:
        if metric.expr is not None:
            check(metric.expr, "expr")
        issues += _home_issues(definitions, metric, models)
    return issues


def _grain_issues(definitions: Definitions, metric: Metric, calendar: Calendar) -> Iterator[Issue]:
    """Names of grains that the project does not have, or that only a time spine knows."""
    lost = not definitions.all_read or any(kind == "time_spine" for kind, _ in definitions.broken)
    named: list[tuple[Steps, str | None]] = [(("time_granularity",), metric.time_granularity)]
    if isinstance(metric, CumulativeMetric):
        named.append((("grain_to_date",), metric.grain_to_date))
    for place, used in input_places(metric):
        named.append(((*place, "offset_to_grain"), used.offset_to_grain))
        named.append(((*place, "offset_window"), used.offset_window))
    for steps, text in named:
        name = text.split(" ")[-1] if text else None
        if name is None or (calendar.custom(name) and steps[-1] == "offset_window"):
            continue
        where = definitions.at("metric", metric.name, *steps)
        if calendar.custom(name):
            message = f"`{steps[-1]}` of `{metric.name}` is a grain of the calendar, and `{name}` "
            message += "is a custom granularity"
            yield Issue("unknown-grain", message, where)
        elif calendar.unit(name) is None and not (lost and steps[-1] == "offset_window"):
            known = [g for g in calendar.grains if calendar.unit(g)]
            hint = did_you_mean(name, known) or f"grains: {listing(known, most=16)}"
            yield Issue("unknown-grain", f"`{name}` is not a time grain", where, hint)


def input_places(metric: Metric) -> Iterator[tuple[Steps, InputMetric]]:
    """Each input of a metric with the path of keys to it."""
    for key in _INPUT_KEYS[metric.type]:
        value: Any = getattr(metric, key)
        if isinstance(value, InputMetric):
            yield (key,), value
        elif value is not None:
            for index, used in enumerate(value):
                yield (key, index), used


def _filter_metrics(
    definitions: Definitions,
    metric: Metric,
    steps: Steps,
    text: str,
    metrics: Mapping[str, Metric],
) -> Iterator[Issue]:
    """`{{ Metric('orders', ['customer']) }}` names a metric."""
    for name in snippets.parse(text, definitions.config.dialect).names:
        wanted = filter_metric(name.name)
        if wanted is None or wanted.name in metrics:
            continue
        if not definitions.may_exist("metric", wanted.name):
            size = len(wanted.name)
            place = definitions.within("metric", metric.name, steps, 0, size, wanted.name)
            message = f"there is no metric `{wanted.name}`"
            yield Issue("unknown-metric", message, place, did_you_mean(wanted.name, metrics))


def metrics_read(definitions: Definitions, metric: Metric) -> tuple[str, ...]:
    """The metrics that one is computed from, those in its filters included, each once."""
    conditions = [*metric.filter, *(c for i in metric.inputs for c in i.filter)]
    names = (n for c in conditions for n in snippets.parse(c, definitions.config.dialect).names)
    filtered = (filter_metric(n.name) for n in names)
    found = (*(i.name for i in metric.inputs), *(f.name for f in filtered if f is not None))
    return tuple(dict.fromkeys(found))


def _input_clashes(definitions: Definitions, metric: Metric) -> Iterator[Issue]:
    """Two inputs known by one name would be one column in the expression."""
    if not isinstance(metric, DerivedMetric):
        return
    seen: set[str] = set()
    for place, used in input_places(metric):
        if used.known_as in seen:
            message = f"two inputs of `{metric.name}` are known as `{used.known_as}`"
            where = definitions.at("metric", metric.name, *place)
            yield Issue("duplicate-name", message, where, "give one of them an `alias`")
        seen.add(used.known_as)


def _unknown_inputs(definitions: Definitions, metric: DerivedMetric) -> Iterator[Issue]:
    known = {i.known_as for i in metric.inputs}
    for name in snippets.parse(metric.expr, definitions.config.dialect).names:
        if name.name.lower() not in known:
            place = definitions.within(
                "metric", metric.name, ("expr",), name.offset, name.length, name.name
            )
            hint = did_you_mean(name.name, known) or f"inputs: {listing(list(known))}"
            message = f"`{name.name}` is not an input of `{metric.name}`"
            yield Issue("unknown-input", message, place, hint)


def _home_issues(
    definitions: Definitions, metric: SimpleMetric | SqlMetric, models: Mapping[str, Model]
) -> Iterator[Issue]:
    assert metric.model is not None, "a simple metric that is no variant has a model"
    model = models.get(metric.model)
    if model is not None:
        yield from _time_issues(
            definitions, model, metric.agg_time_dimension, "metric", metric.name
        )
    elif not definitions.may_exist("model", metric.model):
        message = f"there is no semantic model `{metric.model}`"
        place = definitions.at("metric", metric.name, "model")
        yield Issue("unknown-model", message, place, did_you_mean(metric.model, models))


def circles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Each circle of a graph once, in the order in which a walk from the first name meets them."""
    done: set[str] = set()
    found: list[list[str]] = []
    for start in edges:
        trail: list[str] = []
        stack: list[Iterator[str]] = [iter((start,))]
        while stack:
            name = next(stack[-1], None)
            if name is None:
                stack.pop()
                if trail:
                    done.add(trail.pop())
            elif name in trail:
                found.append(trail[trail.index(name) :])
            elif name not in done:
                trail.append(name)
                stack.append(iter(edges.get(name, ())))
    return found
