"""Which relations the views of a project are: their names, questions and columns.

A relation has one row for each group of one level, so what a tool adds up is what its own grain
allows. Metrics that can be rolled up from columns stand in a view of all group-bys (`fixed`);
others in a view for each level (`level`), where nothing is left to be added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Literal

from kpilayer.access import READER
from kpilayer.address import METRIC_TIME, metric_column
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError, Severity
from kpilayer.formula.build import formula
from kpilayer.grain import GRAINS
from kpilayer.identity import Identity, fingerprint
from kpilayer.model.metric import Metric
from kpilayer.model.view import ALL_TIME, View
from kpilayer.plan.query import Condition, Query
from kpilayer.rollup import RollUp, roll_up
from kpilayer.sql.compiled import Compiled, compile_query

Kind = Literal["fixed", "level", "rollup", "values", "catalog", "stored"]
Role = Literal["level", "time", "dimension", "metric", "component", "text"]
#: What is published beside the views of a project.
RESERVED: Final = frozenset(
    {"kpi_values", "kpi_catalog", "kpi_columns", "kpi_freshness", "kpi_published"}
    | {"kpi_targets", "kpi_ranges"}
    | {"kpi_published_metrics", "kpi_published_columns", "kpi_published_sources"}
)
#: A question to its SQL, in the dialect of the views.
Ask = Callable[[Query], Compiled]
_LEAVES_OUT: Final = frozenset({"not-supported-yet", "unsupported-in-dialect"})
#: What another grain, or none, may be the answer to.
_COARSER: Final = frozenset({"grain-too-fine", "no-time-dimension"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation; ``asked`` is its name in the answer that the relation holds."""

    name: str
    role: Role
    asked: str = ""
    metric: str = ""
    group_by: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A relation that is to be: the rows of a question, one for each group of its level.

    ``level`` holds the names of the columns that the groups are of, without time.
    """

    name: str
    kind: Kind
    view: View
    grain: str
    level: tuple[str, ...]
    columns: tuple[Column, ...]
    compiled: Compiled
    query: Query
    roll_ups: dict[str, RollUp] = field(default_factory=dict)
    """How metrics are rolled up from this relation's columns, by column."""
    is_declared: bool = True

    @property
    def has_time(self) -> bool:
        """Whether it has a row for each period."""
        return self.grain != ALL_TIME

    @property
    def fingerprint(self) -> str:
        """What its columns mean: metrics, group-bys and conditions."""
        named = [
            (c.name, c.role, self.compiled.fingerprints.get(c.asked, c.asked)) for c in self.columns
        ]
        prints = sorted(self.compiled.fingerprints.items())
        return fingerprint([named, prints, self.grain, list(self.view.where)])


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes of a project, and why metrics have none."""

    shapes: tuple[Shape, ...]
    left_out: tuple[Issue, ...]


def shapes(identity: Identity, dialect: str, schema: str, *, unverified: bool = False) -> Shapes:
    """Every relation of declared views, and of default ones, in order.

    Raises:
        QueryError: what is wrong with any declared view, at once.
    """
    catalog = identity.catalog
    ask = partial(
        compile_query,
        identity=identity,
        dialect=dialect,
        schema=schema,
        unverified=unverified,
        role=READER,
    )
    found: list[Shape] = []
    issues: list[Issue] = []
    left_out: list[Issue] = []
    for view in catalog.definitions.views:
        try:
            found += _of_view(view, identity, ask)
        except QueryError as error:
            issues += _at_view(catalog, view, error.issues)
    if catalog.definitions.config.publish.default_views:
        shown = {name for view in catalog.definitions.views for name in view.metrics}
        taken = {shape.name for shape in found} | {v.name for v in catalog.definitions.views}
        for name, metric in sorted(catalog.metrics.items()):
            if metric.hidden or name in shown or name in taken:
                continue
            try:
                found.append(_default(metric, identity, ask))
            except QueryError as error:
                left_out += [_left_out(name, issue) for issue in error.issues]
    issues += _names_twice(found)
    issues += _names_taken(found)
    if issues:
        raise QueryError(issues)
    return Shapes(tuple(found), tuple(left_out))


def _left_out(metric: str, issue: Issue) -> Issue:
    message = f"`{metric}` has no view: {issue.message}"
    severity: Severity = "notice" if issue.code in _LEAVES_OUT else "warning"
    return replace(issue, message=message, location=None, severity=severity)


def _at_view(catalog: Catalog, view: View, issues: Iterable[Issue]) -> Iterator[Issue]:
    place = catalog.definitions.at("view", view.name, "name")
    for issue in issues:
        yield replace(issue, message=f"view `{view.name}`: {issue.message}", location=place)


def _names_taken(found: Sequence[Shape]) -> Iterator[Issue]:
    for name in sorted({shape.name for shape in found} & RESERVED):
        message = f"`{name}` is what kpilayer itself publishes"
        hint = "give the view another name"
        if not any(shape.is_declared for shape in found if shape.name == name):
            hint = f"declare a view of another name that shows the metric `{name}`"
        yield Issue("bad-view", message, hint=hint)


def _names_twice(found: Sequence[Shape]) -> Iterator[Issue]:
    names = [shape.name for shape in found]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        of = " and ".join(f"`{s.view.name}`" for s in found if s.name == name)
        message = f"two views would be called `{name}`: those of {of}"
        yield Issue("duplicate-name", message, hint="give one of them another name")


# ------------------------------------------------------------------------------------ default views


def _default(metric: Metric, identity: Identity, ask: Ask) -> Shape:
    """A metric by its own grain, else by month, else by the grain of its time, else in total."""
    own = metric.time_granularity
    grains = dict.fromkeys([*([own] if own else []), "month", "", ALL_TIME])
    first: QueryError | None = None
    for grain in grains:
        view = View(name=metric.name, metrics=(metric.name,), grain=grain or "month")
        try:
            asked = METRIC_TIME if grain == "" else _time(grain)
            shape = _shape(view, view.metrics, (), asked, identity, ask)
        except QueryError as error:
            first = first or error
            if any(i.code not in _COARSER for i in error.issues):
                raise
            continue
        if grain == "":
            shape = replace(shape, grain=_grain_of(shape))
        return replace(shape, name=metric.name, is_declared=False)
    assert first is not None, "something was tried"
    raise first


def _time(grain: str) -> str | None:
    return None if grain == ALL_TIME else f"{METRIC_TIME}__{grain}"


def _grain_of(shape: Shape) -> str:
    asked = shape.columns[0].asked
    return asked.removeprefix(f"{METRIC_TIME}__") if "__" in asked else "day"


# ----------------------------------------------------------------------------------- declared views


def _of_view(view: View, identity: Identity, ask: Ask) -> Iterator[Shape]:
    every = tuple(one.name for one in view.dimensions)
    time = _time(view.grain)
    whole = _shape(view, view.metrics, every, time, identity, ask)
    if not every:
        yield replace(whole, name=view.name)
        if view.all_time:
            yield _all_time(view, (), identity, ask)
        return
    fixed = tuple(name for name in view.metrics if _stands_alone(whole, name))
    if fixed:
        shape = _shape(view, fixed, every, time, identity, ask)
        yield replace(shape, name=view.name, kind="fixed")
    for level in _levels(view, every, is_whole=len(fixed) == len(view.metrics)):
        is_full = len(level) == len(every)
        shape = whole if is_full else _shape(view, view.metrics, level, time, identity, ask)
        yield replace(shape, name=level_name(view.name, shape.level), kind="level")
        if view.all_time:
            yield _all_time(view, level, identity, ask)


def _all_time(view: View, level: tuple[str, ...], identity: Identity, ask: Ask) -> Shape:
    shape = _shape(view, view.metrics, level, None, identity, ask)
    stem = level_name(view.name, shape.level) if view.dimensions else view.name
    return replace(shape, name=f"{stem}__all_time", kind="level", grain=ALL_TIME)


def _stands_alone(shape: Shape, metric: str) -> bool:
    """Whether a metric can be rolled up from a relation's columns over all of its groups."""
    return metric_column(metric) in shape.roll_ups


def _levels(view: View, every: tuple[str, ...], *, is_whole: bool) -> tuple[tuple[str, ...], ...]:
    """The group-bys that each view of a level keeps."""
    if view.levels is not None:
        order = {name: n for n, name in enumerate(every)}
        return tuple(tuple(sorted(level, key=order.__getitem__)) for level in view.levels)
    if is_whole and not (view.rollup or view.all_time):
        return ()
    alone = tuple((name,) for name in every) if len(every) > 1 else ()
    return (every, *alone, ())


def level_name(view: str, level: Sequence[str]) -> str:
    """The name of the view of one level.

    >>> level_name("orders_monthly", ["region", "channel"])
    'orders_monthly__by_region_channel'
    >>> level_name("orders_monthly", [])
    'orders_monthly__total'
    """
    return f"{view}__by_{'_'.join(level)}" if level else f"{view}__total"


# ------------------------------------------------------------------------------------ one question


def _shape(
    view: View,
    metrics: tuple[str, ...],
    level: tuple[str, ...],
    time: str | None,
    identity: Identity,
    ask: Ask,
) -> Shape:
    """The relation of one level.

    Raises:
        QueryError: everything that is wrong with its question; `overlapping-groups`.
    """
    where = tuple(Condition(text, text) for text in view.where)
    query = Query(
        metrics,
        (*((time,) if time else ()), *level),
        where,
        components=view.expose_components,
    )
    compiled = ask(query)
    columns = _columns(view, level, compiled, metrics, has_time=time is not None)
    found = {} if compiled.overlapping else _roll_ups(view, metrics, identity, time, columns)
    grain = view.grain if time else ALL_TIME
    names = tuple(c.name for c in columns if c.role == "dimension")
    kind: Kind = "fixed" if len(found) == len(metrics) else "level"
    return Shape(view.name, kind, view, grain, names, columns, compiled, query, found)


def _roll_ups(
    view: View,
    metrics: tuple[str, ...],
    identity: Identity,
    time: str | None,
    columns: Sequence[Column],
) -> dict[str, RollUp]:
    """How each metric is rolled up over all groups, where it can be from columns that are there."""
    found = {}
    shown = {column.asked for column in columns}
    for name in metrics:
        column = metric_column(name)
        known = roll_up(identity.catalog, column, formula(identity.graph, name))
        needed = {n for n, _ in known.components} if known.components else set()
        if known.value is not None and (known.over_time or time is None) and needed <= shown:
            found[column] = known
    return found


def _columns(
    view: View,
    level: tuple[str, ...],
    compiled: Compiled,
    metrics: tuple[str, ...],
    *,
    has_time: bool,
) -> tuple[Column, ...]:
    asked = list(compiled.columns)
    keys, rest = asked[: len(level) + has_time], asked[len(level) + has_time :]
    found = [Column(METRIC_TIME, "time", keys.pop(0), group_by=METRIC_TIME)] if has_time else []
    names = dimension_names(view, set(rest))
    found += [
        Column(names[name], "dimension", key, group_by=name)
        for name, key in zip(level, keys, strict=True)
    ]
    owner = ""
    of = {metric_column(name): name for name in metrics}
    for name in rest:
        owner = of.get(name, owner)
        role: Role = "metric" if name in of else "component"
        found.append(Column(name, role, name, metric=owner))
    return tuple(found)


def dimension_names(view: View, taken: set[str]) -> dict[str, str]:
    """The column of each group-by of a view: as declared, else the last part where that is free."""
    short = {one.name: one.as_name or _short(one.name) for one in view.dimensions}
    given = list(short.values())
    return {
        name: word
        if (word not in taken and word != METRIC_TIME and given.count(word) == 1)
        else name
        for name, word in short.items()
    }


def _short(name: str) -> str:
    """The last part of a group-by; a grain keeps what it is of.

    >>> _short("customer__region"), _short("customer__created_at__month")
    ('region', 'created_at_month')
    """
    *before, last = name.split("__")
    return f"{before[-1]}_{last}" if last in GRAINS and before else last
