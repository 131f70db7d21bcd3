"""Names in filters and paths that mean nothing for the metrics that use them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kpilayer.address import FilterMetric, filter_metric
from kpilayer.check.context import Context
from kpilayer.columns import own_grain, resolve_name, resolver, time_column
from kpilayer.conditions import literal_problems
from kpilayer.errors import Issue, Location
from kpilayer.formula.build import formula
from kpilayer.formula.times import default_grain, grained
from kpilayer.formula.tree import atoms
from kpilayer.join_graph import Unreached
from kpilayer.model.definitions import Kind, Steps
from kpilayer.references import input_places


def filters_resolve(context: Context) -> Iterator[Issue]:
    """Names in filters that a metric cannot be filtered by.

    Checks:
        Each name of each filter, for every semantic model that the metric reads.
    Why:
        A filter goes down to all inputs; one that an input cannot apply would leave its rows in.
    Instead:
        Filter by a dimension that every input reaches, or filter the one input that has it.
    """
    for metric in context.catalog.definable:
        where = Where("metric", metric.name, ("filter",))
        if metric.filter:
            yield from filter_issues(context, where, metric.filter, metric.name, metric.name)
        for place, used in input_places(metric):
            if used.filter:
                inside = Where("metric", metric.name, (*place, "filter"))
                yield from filter_issues(context, inside, used.filter, used.name, metric.name)


@dataclass(frozen=True, slots=True)
class Where:
    """The place of filters: a definition, and the keys that lead to them."""

    kind: Kind
    name: str
    steps: Steps

    def word(self, context: Context, word: str, offset: int, length: int) -> Location | None:
        """The place of a word in one of them."""
        definitions = context.catalog.definitions
        return definitions.within(self.kind, self.name, self.steps, offset, length, word)


def filter_issues(
    context: Context, where: Where, texts: tuple[str, ...], filtered: str, own: str
) -> Iterator[Issue]:
    """What is wrong with conditions on a metric; ``own`` is the metric that people see there."""
    whole = formula(context.graph, filtered)
    homes = {(a.model, a.time): a.metric for a in atoms(whole)}
    unit = default_grain(context.graph, filtered)
    for index, text in enumerate(texts):
        place = replace(where, steps=(*where.steps, index))
        yield from _filter(context, place, text, homes, own)
        timed = grained(context.graph, text, unit)
        yield from _literals(context, place, timed, homes)


def _filter(
    context: Context,
    where: Where,
    text: str,
    homes: dict[tuple[str, str | None], str],
    own: str,
) -> Iterator[Issue]:
    snippet = context.catalog.snippet(text)
    for name in snippet.names:
        meanings: dict[tuple[str, str, str], str] = {}
        for (model, time), used in homes.items():
            found = resolve_name(context.graph, model, time, name.name)
            if not isinstance(found, Unreached):
                meanings.setdefault(found.meaning, used)
                continue
            if may_be_broken(context, found):
                continue
            wanted = filter_metric(name.name)
            if wanted is not None:
                yield from _filter_metric(context, where, wanted, model)
                continue
            code, message, hint = found.code, found.message, found.hint
            places = context.graph.names(model).get(name.name.lower(), ())
            if code == "unknown-dimension" and "__" not in name.name and places:
                code = "bare-column"
                message = f"`{name.name}` is a bare column; a filter names dimensions"
                hint = f"write `{{{{ Dimension('{places[0].address}') }}}}`"
            if used != own:
                message = f"{message} (for its input `{used}`)"
            place = where.word(context, name.name, name.offset, name.length)
            yield Issue(code, message, place, hint)
        if len(meanings) > 1:
            (_, *first), (_, *second) = list(meanings)[:2]
            one, other = list(meanings.values())[:2]
            message = f"`{name.name}` is `{'.'.join(first)}` for `{one}`, and "
            message += f"`{'.'.join(second)}` for `{other}`"
            hint = "filter each input by its own dimension"
            place = where.word(context, name.name, name.offset, name.length)
            yield Issue("ambiguous-join", message, place, hint)


def _literals(
    context: Context, where: Where, text: str, homes: dict[tuple[str, str | None], str]
) -> Iterator[Issue]:
    """Literals in a filter whose names resolve: dates that are none, and those that are moved."""
    snippet = context.catalog.snippet(text)
    for home in homes:
        found = [resolve_name(context.graph, *home, name.name) for name in snippet.names]
        if any(isinstance(f, Unreached) for f in found):
            continue
        for problem in literal_problems(snippet.tree, resolver(context.graph, *home)):
            word = problem.word or ""
            place = where.word(context, word, 0, len(word))
            yield Issue(problem.code, problem.message, place, problem.hint, problem.severity)


def _filter_metric(
    context: Context, where: Where, wanted: FilterMetric, model: str
) -> Iterator[Issue]:
    """`{{ Metric('orders', ['customer']) }}`: both sides have the entities."""
    inner = atoms(formula(context.graph, wanted.name))
    homes = dict.fromkeys([(model, None), *((a.model, a.time) for a in inner)])
    for name in wanted.per:
        for home in homes:
            found = resolve_name(context.graph, *home, name)
            if isinstance(found, Unreached) and not may_be_broken(context, found):
                place = where.word(context, name, 0, len(name))
                yield Issue(found.code, found.message, place, found.hint)


def may_be_broken(context: Context, why: Unreached) -> bool:
    """Whether a name may be that of a model with problems of its own, which are reported."""
    definitions = context.catalog.definitions
    lost = not definitions.all_read or any(kind == "model" for kind, _ in definitions.broken)
    return lost and why.code in ("unknown-dimension", "no-join-path")


def default_grains_fit(context: Context) -> Iterator[Issue]:
    """Default grains that are finer than the metric's time.

    Checks:
        `time_granularity` of each metric, against the time dimensions of its rows.
    Why:
        A month cannot be cut into days that nobody recorded.
    Instead:
        Name the grain of the time dimension, or a coarser one.
    """
    for metric in context.catalog.definable:
        unit = metric.time_granularity
        for atom in atoms(formula(context.graph, metric.name)) if unit is not None else ():
            own = own_grain(context.graph, atom.model, atom.time)
            if (
                unit is not None
                and own is not None
                and not context.catalog.calendar.tells(own, unit)
            ):
                message = f"`{metric.name}` has the grain {unit}, and `{atom.time}` of "
                message += f"`{atom.model}` has one value per {own}"
                at = context.catalog.definitions.at
                place = at("metric", metric.name, "time_granularity")
                yield Issue("grain-too-fine", message, place, f"use {own} or a coarser grain")
                break


def time_paths_resolve(context: Context) -> Iterator[Issue]:
    """Time dimensions of other models that cannot be reached.

    Checks:
        `agg_time_dimension: order__ordered_at`, for models and metrics.
    Why:
        Without the path, nothing says when the rows happened.
    Instead:
        Name a time dimension at the end of a many-to-one path.
    """
    definitions = context.catalog.definitions
    for model in context.catalog.models.values():
        if model.agg_time_dimension and "__" in model.agg_time_dimension:
            found = time_column(context.graph, model.name, model.agg_time_dimension)
            if isinstance(found, Unreached) and not may_be_broken(context, found):
                place = definitions.at("model", model.name, "agg_time_dimension")
                yield Issue(found.code, found.message, place, found.hint)
    for metric in context.catalog.definable:
        time = getattr(metric, "agg_time_dimension", None)
        if time is None or (metric.inputs == () and "__" not in time):
            continue
        for atom in atoms(formula(context.graph, metric.name)):
            found = time_column(context.graph, atom.model, time)
            if isinstance(found, Unreached) and not may_be_broken(context, found):
                place = definitions.at("metric", metric.name, "agg_time_dimension")
                yield Issue(found.code, found.message, place, found.hint)
