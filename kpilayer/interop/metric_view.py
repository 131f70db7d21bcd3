"""Metrics as metric views of Spark 4.2 and later: `CREATE VIEW .. WITH METRICS LANGUAGE YAML`.

A metric view aggregates its measures by whatever columns a query asks for, so that the number is
right at every level. Two views are made for each semantic model: an ordinary one with its rows,
joins and all that is computed for a row, and the metric view over it. Spark keeps the time zone
that an ordinary view was made in, and can read one that has a WITH; with a SELECT inside of a
metric view it does neither (4.2.1, 4.3.0).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kpilayer.columns import TimedColumn, resolve_name, time_column
from kpilayer.errors import Issue, QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.identity import Identity
from kpilayer.interop.metric_view_text import Measure, MetricView, written
from kpilayer.join_graph import Reached
from kpilayer.model.semantic_model import Dimension
from kpilayer.plan.naming import apart
from kpilayer.plan.query import Query
from kpilayer.publish.readers import masks_of
from kpilayer.sql.creation import replaced
from kpilayer.sql.model_view import CompiledView, compile_view

#: To which periods times are cut, beside their own grain.
_GRAINS: Final = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A metric or dimension that no view has, the models that it is about, and why not."""

    kind: Literal["metric", "dimension"]
    name: str
    models: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class MetricViews:
    """Metric views, one for each semantic model, what is in none of them, and warnings."""

    views: tuple[MetricView, ...]
    left_out: tuple[LeftOut, ...]
    notices: tuple[Issue, ...]


def metric_views(
    identity: Identity, metrics: Sequence[str], schema: str, folder: str, joins: int
) -> MetricViews:
    """The metric views of these metrics, with dimensions that are at most ``joins`` joins away.

    Tables and views without a schema of their own are in ``schema``, files are below ``folder``.

    Raises:
        QueryError: ``unsupported-in-dialect``, where none of the metrics can be a measure.
    """
    project = _Project(identity, schema, folder, joins)
    left_out: list[LeftOut] = []
    notices: list[Issue] = []
    views = []
    for model, names in _by_model(project, metrics, left_out).items():
        if kept := _of_versions(project, model, names, left_out):
            view, found = _view(project, model, kept, left_out)
            views.append(view)
            notices += found
    if left_out and not views:
        raise QueryError([_refusal(one) for one in left_out])
    return MetricViews(tuple(views), tuple(left_out), tuple(dict.fromkeys(notices)))


def _refusal(left: LeftOut) -> Issue:
    return Issue("unsupported-in-dialect", f"`{left.name}` is no measure of Spark: {left.reason}")


@dataclass(frozen=True, slots=True)
class _Project:
    """Definitions, where tables and files are, and how far dimensions may be."""

    identity: Identity
    schema: str
    folder: str
    joins: int

    def compiled(
        self, metrics: Sequence[str], named: Mapping[str, str] | None = None
    ) -> CompiledView:
        """Metrics of a model over its rows, with dimensions by group-by."""
        query = Query(tuple(metrics), tuple(named or ()))
        return compile_view(query, self.identity, "spark", self.schema, self.folder, named)

    def place(self, model: str, kind: str) -> tuple[str, ...]:
        """Where a view of a model goes: `orders_metrics`, and `orders_rows`."""
        return tuple(part for part in (self.schema, f"{model}_{kind}") if part)

    def times(self, metrics: Sequence[str]) -> tuple[str | None, ...]:
        """The time dimensions of metrics, each once."""
        trees = (formula(self.identity.graph, name) for name in metrics)
        return tuple(dict.fromkeys(atom.time for tree in trees for atom in atoms(tree)))


# ------------------------------------------------------------------------------------------ metrics


def _by_model(
    project: _Project, metrics: Sequence[str], left_out: list[LeftOut]
) -> dict[str, list[str]]:
    """The metrics that can be measures, by the model whose rows they aggregate."""
    found: dict[str, list[str]] = {}
    for name in metrics:
        read = atoms(formula(project.identity.graph, name))
        models = tuple(dict.fromkeys(atom.model for atom in read))
        try:
            project.compiled([name])
        except QueryError as error:
            left_out.append(LeftOut("metric", name, models, _reason(error)))
            continue
        why = _is_taken(project, models[0])
        if masks_of(project.identity, name):
            why = "it is masked, and who reads a metric view sees all values"
        if why is not None:
            left_out.append(LeftOut("metric", name, models, why))
        else:
            found.setdefault(models[0], []).append(name)
    return found


def _reason(error: QueryError) -> str:
    return " ".join(error.issues[0].message.split())


def _is_taken(project: _Project, model: str) -> str | None:
    """Why the views of a model cannot have their names."""
    places = [project.place(model, kind) for kind in ("rows", "metrics")]
    read = (replaced(parts, project.identity.catalog, project.schema) for parts in places)
    found = next((relation for relation in read if relation is not None), None)
    if found is None:
        return None
    return f"its view would take the place of `{found.key}`, which the project reads"


def _of_versions(
    project: _Project, model: str, names: list[str], left_out: list[LeftOut]
) -> list[str]:
    """The metrics that can share rows.

    A row has the version of another that held at the time of the metric: in a view, one alone.
    """
    if len(project.times(names)) < 2:
        return names
    versioned = [name for name in names if project.compiled([name]).by_version]
    why = f"it needs the versions that held at its time, and metrics of `{model}` have several"
    left_out += (LeftOut("metric", name, (model,), why) for name in versioned)
    return [name for name in names if name not in versioned]


# --------------------------------------------------------------------------------------- dimensions


@dataclass(frozen=True, slots=True)
class _GroupBy:
    """What a model's rows can be grouped by; a time also cut to longer periods."""

    reached: Reached
    grain: str | None = None

    @property
    def asked(self) -> str:
        """As a question names it."""
        return "__".join([self.reached.address, *([self.grain] if self.grain else [])])


def _view(
    project: _Project, model: str, metrics: list[str], left_out: list[LeftOut]
) -> tuple[MetricView, tuple[Issue, ...]]:
    """The view of a model; group-bys that it cannot have are left out one by one."""
    near, far = _group_bys(project, model, metrics)
    doubtful = {one.asked: _doubt(project, one, metrics) for one in near}
    kept = [one for one in near if doubtful[one.asked] is None]
    try:
        compiled = project.compiled(metrics, _named(kept, metrics))
    except QueryError:
        doubtful |= {one.asked: _problem(project, one, metrics) for one in kept}
        kept = [one for one in kept if doubtful[one.asked] is None]
        compiled = project.compiled(metrics, _named(kept, metrics))
    found = [(asked, why) for asked, why in doubtful.items() if why is not None]
    left_out += (LeftOut("dimension", asked, (model,), why) for asked, why in found)
    named = _named(kept, metrics)
    gone = [f"{one.kind} {one.name}: {one.reason}" for one in left_out if model in one.models]
    if far:
        gone.append(f"dimensions more than {project.joins} joins away: {far}")
    places = project.place(model, "metrics"), project.place(model, "rows")
    measures = _measures(project, model, compiled, kept, named)
    return written(model, places, named, measures, compiled.rows, gone), compiled.notices


def _group_bys(project: _Project, model: str, metrics: Sequence[str]) -> tuple[list[_GroupBy], int]:
    """The group-bys of a model's rows, and how many are too many joins away."""
    graph, times = project.identity.graph, project.times(metrics)
    near: list[_GroupBy] = []
    far = 0
    for reached in graph.groupable(model):
        column = resolve_name(graph, model, times[0], reached.address)
        if isinstance(column, TimedColumn) and not _is_same(column.reached, reached):
            continue  # the name is that of another column
        if len(reached.path) > project.joins:
            far += 1
            continue
        near.append(_GroupBy(reached))
        if not reached.path or reached.address in times:
            near += (_GroupBy(reached, grain) for grain in _grains(project, reached))
    return near, far


def _is_same(one: Reached, other: Reached) -> bool:
    return (one.path, one.model, one.element) == (other.path, other.model, other.element)


def _grains(project: _Project, reached: Reached) -> list[str]:
    """The standard grains that are coarser than that of a time."""
    element, calendar = reached.element, project.identity.catalog.calendar
    own = element.granularity if isinstance(element, Dimension) else None
    if own is None:
        return []
    return [g for g in _GRAINS if calendar.is_finer(own, g) and calendar.tells(own, g)]


def _doubt(project: _Project, group_by: _GroupBy, metrics: Sequence[str]) -> str | None:
    """Why a group-by cannot be a column beside these metrics, where that is plain."""
    if group_by.asked in metrics:
        return "a metric is called so"
    versioned = project.identity.graph.versioned(group_by.reached.path)
    if versioned is not None and len(project.times(metrics)) > 1:
        return f"metrics have several times, at which other versions of `{versioned}` hold"
    return None


def _problem(project: _Project, group_by: _GroupBy, metrics: Sequence[str]) -> str | None:
    """Why a group-by cannot be a column, from trying it alone."""
    try:
        project.compiled(metrics[:1], _named([group_by], metrics))
    except QueryError as error:
        return _reason(error)
    return None


def _named(group_bys: Sequence[_GroupBy], metrics: Sequence[str]) -> dict[str, str]:
    """Columns for group-bys: the last part of the name, where nothing else is called so."""
    many = Counter(one.reached.element.name for one in group_bys if one.grain is None)
    found: dict[str, str] = {}
    for one in group_bys:
        own = one.reached.element.name
        is_clear = many[own] == 1 and own not in metrics
        short = "__".join([own, *([one.grain] if one.grain else [])])
        found[one.asked] = apart(short if is_clear else one.asked, {*found.values(), *metrics})
    return found


# ----------------------------------------------------------------------------------------- measures


def _measures(
    project: _Project,
    model: str,
    compiled: CompiledView,
    group_bys: Sequence[_GroupBy],
    named: Mapping[str, str],
) -> Iterator[Measure]:
    """The metrics as expressions, with the columns that are their times."""
    graph = project.identity.graph
    for name, text in compiled.measures:
        found = [time_column(graph, model, time) for time in project.times([name])]
        times = (
            named[one.asked]
            for one in group_bys
            for time in found
            if one.grain is None and isinstance(time, Reached) and _is_same(one.reached, time)
        )
        yield Measure(name, text, project.identity.metric(name), tuple(times))
