"""The rows of one model for a plan: its scan, the joins that its columns need, and conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.address import METRIC_TIME, Address, FilterMetric, filter_metric
from kpilayer.calendar import Custom
from kpilayer.catalog import Catalog
from kpilayer.columns import TimedColumn, resolver, time_column
from kpilayer.conditions import Value, all_of, bind_condition, bound, compared, moved, timed
from kpilayer.formula.tree import Atom, Home
from kpilayer.join_graph import JoinGraph, Reached, Step
from kpilayer.model.semantic_model import Dimension
from kpilayer.plan.naming import scan_alias
from kpilayer.plan.nodes import Filter, Group, Join, Match, Read, Scan, Source, keys_of, values_of
from kpilayer.plan.ranges import Range
from kpilayer.snippets import shown
from kpilayer.zones import Frame, frame_of, framed, interval

Change = Callable[[exp.Expr], exp.Expr]
_LATER: Final = "_later"


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A group with a metric's values by entity, and the value over its columns."""

    group: Group
    value: exp.Expr


MetricValues = Callable[[FilterMetric, Home], MetricValue]


@dataclass(slots=True)
class Reader:
    """Collects the joins that the columns of one scan need."""

    model: str
    graph: JoinGraph
    time: str | None
    metric_values: MetricValues | None = None
    """Builds the group with the values of a metric that a filter names."""
    paths: dict[tuple[Step, ...], None] = field(default_factory=dict)
    metrics: dict[FilterMetric, MetricValue] = field(default_factory=dict)
    spines: dict[str, tuple[Custom, exp.Expr]] = field(default_factory=dict)
    """Time spines by the alias of their scan, each with the date that it is joined on."""
    moves: dict[str, tuple[Group, exp.Expr]] = field(default_factory=dict)
    """Groups that tell a later date, by alias, each with the date that it moves."""

    def value(self, reached: Reached) -> exp.Expr:
        """The SQL of a column, qualified by the alias of its scan."""
        if self.graph.versioned(reached.path):
            self.read(self._when().path)
        self.read(reached.path)
        return self.at(reached.element.sql, reached.path)

    def read(self, path: tuple[Step, ...]) -> None:
        """Takes in the joins of a path."""
        for length in range(1, len(path) + 1):
            self.paths.setdefault(path[:length])

    def value_of(self, atom: Atom) -> exp.Expr:
        """The value of an atom's row; names of other models in it are joined."""
        if not atom.reaches:
            return self.sql(atom.value, ())
        resolve = resolver(self.graph, atom.model, atom.time)
        tree = self.graph.catalog.snippet(atom.value).tree

        def column(name: str) -> exp.Expr:
            if name not in atom.reaches:
                return exp.column(exp.to_identifier(name, quoted=True), table=self.alias(()))
            found = resolve(name)
            is_cut = found.asked.grain or found.asked.part
            return timed(found, self.column) if is_cut else self.value(found.reached)

        return expr.replace_names(tree, column)

    def column(self, column: TimedColumn) -> exp.Expr:
        """The SQL of what a name means, before it is truncated or moved to another zone."""
        if column.custom is None:
            return self.value(column.reached)
        return self.period(column, column.custom, self.local(column))

    def period(
        self, column: TimedColumn, custom: Custom, at: exp.Expr, called: str = ""
    ) -> exp.Expr:
        """The custom period of a date that is made of a column."""
        alias = f"{self.alias(column.reached.path)}__{column.reached.element.name}{called}"
        alias = f"{alias}___{custom.spine}"  # no path is called so
        day = expr.trunc(self.graph.catalog.calendar.based(custom), at)
        self.spines.setdefault(alias, (custom, day))
        return qualified(self.graph.catalog.snippet(custom.column).tree, alias)

    def told_later(self) -> Iterator[exp.Expr]:
        """That a later date is one that the spine has: there are no values of others."""
        for alias, (custom, _) in self.spines.items():
            if alias.endswith(f"{_LATER}___{custom.spine}"):
                key = qualified(self.graph.catalog.snippet(custom.key).tree, alias)
                yield exp.Not(this=exp.Is(this=key, expression=exp.Null()))

    def later(self, dates: Group, at: exp.Expr) -> exp.Expr:
        """What ``dates`` have beside a date: its value for the date that is their key."""
        (value,) = values_of(dates)
        alias = dates.name if not self.moves else f"{dates.name}_{len(self.moves) + 1}"
        known = next((a for a, known in self.moves.items() if known == (dates, at)), alias)
        self.moves.setdefault(known, (dates, at))
        return exp.column(value, table=known)

    def local(self, column: TimedColumn) -> exp.Expr:
        """The SQL of a time in its reporting zone."""
        return moved(column, self.value(column.reached))

    def at(self, text: str, path: tuple[Step, ...]) -> exp.Expr:
        """A snippet over the model at the end of a path; NULL where the path leads to no row.

        A constant or `COALESCE(country, '?')` belongs to a row: it is no value of a missing one.
        Whether there is a row is asked by the key that joins it, equal to ours: DuckDB 2.0 fails to
        plan `CASE WHEN key IS NOT NULL` over a left join in some filters with an OR.
        """
        value = self.sql(text, path)
        if not path or expr.is_null_of_nulls(value):
            return value
        pairs = self.on(path)
        sure = [pair for pair in pairs if expr.is_null_of_nulls(pair[1])][:1]
        same = ((expr.operand(left), expr.operand(right)) for left, right in sure or pairs)
        found = all_of([exp.EQ(this=left, expression=right) for left, right in same])
        return exp.Case(ifs=[exp.If(this=found, true=value)])

    def on(self, path: tuple[Step, ...]) -> list[tuple[exp.Expr, exp.Expr]]:
        """What must be equal where the last model of a path is joined: keys, then partitions."""
        pairs = [(self.at(left, path[:-1]), self.sql(right, path)) for left, right in path[-1].on]
        for pair in self.graph.partitions(path):
            left, right = self.at(pair.left.sql, path[: pair.at]), self.sql(pair.right.sql, path)
            ours, theirs = (path[pair.at].left, pair.left), (path[-1].right, pair.right)
            frame, catalog = self._frame(ours, theirs), self.graph.catalog
            left = framed(catalog, frame, ours, left, pair.grain)
            right = framed(catalog, frame, theirs, right, pair.grain)
            pairs.append((left, right))
        return pairs

    def valid(self, path: tuple[Step, ...]) -> exp.Expr | None:
        """When the row at the end of a path holds, at the time of the metric's row (A.7: SCD-2).

        From its start on, and until before its end; NULL: still.
        """
        ends = self.graph.catalog.models[path[-1].right].validity
        if ends is None:
            return None
        when = self._when()
        element = when.element
        assert isinstance(element, Dimension) and element.granularity, "checked with the question"
        catalog, versions = self.graph.catalog, path[-1].right
        raw, own = self.at(element.sql, when.path), (when.model, element)

        def beside(end: Dimension) -> tuple[exp.Expr, exp.Expr]:
            frame, other = self._frame(own, (versions, end)), (versions, end)
            now = framed(catalog, frame, own, raw, element.granularity)
            return now, framed(catalog, frame, other, self.sql(end.sql, path), None)

        (since, start), (until, end) = map(beside, ends)
        still = exp.Is(this=end.copy(), expression=exp.Null())
        over = exp.Or(this=exp.LT(this=until.copy(), expression=end), expression=still)
        return exp.And(this=exp.GTE(this=since, expression=start), expression=exp.Paren(this=over))

    def held(self) -> tuple[exp.Expr, exp.Expr]:
        """From when and until when a row holds, as they are shown (T5)."""
        catalog, active = self.graph.catalog, self.graph.catalog.models[self.model].active
        assert active is not None, "asked of rows that hold over an interval"

        def shown_at(text: str, dimension: Dimension | None) -> exp.Expr:
            raw = self.sql(text, ())
            own = None if dimension is None else (self.model, dimension)
            return raw if own is None else framed(catalog, "shown", own, raw, None)

        first, last = interval(catalog, self.model)
        return shown_at(active.from_, first), shown_at(active.to, last)

    def _frame(self, *times: tuple[str, Dimension]) -> Frame:
        frame = frame_of(self.graph.catalog, times)
        assert frame is not None, "checked when the query was bound"
        return frame

    def _when(self) -> Reached:
        reached = time_column(self.graph, self.model, self.time)
        assert isinstance(reached, Reached), "checked when the query was bound"
        return reached

    def sql(self, text: str, path: tuple[Step, ...]) -> exp.Expr:
        """A snippet over the model at the end of a path."""
        metric = filter_metric(shown(text))
        if metric is not None:
            return self.metric(metric)
        return qualified(self.graph.catalog.snippet(text).tree, self.alias(path))

    def metric(self, metric: FilterMetric) -> exp.Expr:
        """The value that a metric has for the entities of a row."""
        if metric not in self.metrics:
            assert self.metric_values is not None, "only rows of a question are filtered by metrics"
            self.metrics[metric] = self.metric_values(metric, (self.model, self.time))
        resolve = resolver(self.graph, self.model, self.time)
        for per in metric.per:
            self.read(resolve(per).reached.path)
        return self.metrics[metric].value.copy()

    def alias(self, path: tuple[Step, ...]) -> str:
        """The name of the scan at the end of a path."""
        return scan_alias(self.graph, self.model, path)


def depends_on_time(graph: JoinGraph, atom: Atom, paths: Iterable[tuple[Step, ...]]) -> bool:
    """Whether a version is chosen by an atom's own time, so that others cannot share its scan."""
    resolve = resolver(graph, atom.model, atom.time)
    named = (n.name for text in atom.conditions for n in graph.catalog.snippet(text).names)
    read = (*paths, *(resolve(name).reached.path for name in named))
    return any(graph.versioned(path) for path in read)


def groupable(tree: exp.Expr) -> exp.Expr:
    """A constant as a key must not read as the position of a column."""
    if tree.find(exp.Column) is not None:
        return tree
    return exp.Case(ifs=[exp.If(this=exp.true(), true=tree)])


def bound_to(tree: exp.Expr, home: Home, reader: Reader, change: Change | None = None) -> exp.Expr:
    """A condition over the columns of a scan, each column changed."""
    resolve = resolver(reader.graph, *home)
    if change is None:
        return bind_condition(tree, resolve, reader.column)
    local, value = as_local(reader, change)
    return bind_condition(tree, lambda name: local(resolve(name)), value)


def as_local(reader: Reader, change: Change) -> tuple[Callable[[TimedColumn], TimedColumn], Value]:
    """Columns whose values are local times already, and those values, changed."""
    known: dict[Address, TimedColumn] = {}

    def local(column: TimedColumn) -> TimedColumn:
        bare = replace(column, zones=None)
        known[bare.asked] = column
        return bare

    def value(bare: TimedColumn) -> exp.Expr:
        at = change(reader.local(known[bare.asked]))
        return at if bare.custom is None else reader.period(bare, bare.custom, at, _LATER)

    return local, value


def in_range(
    span: Range, home: Home, reader: Reader, change: Change | None = None
) -> list[exp.Expr]:
    """The conditions that a range of time is, on the raw time column, changed."""
    time = resolver(reader.graph, *home)(METRIC_TIME)
    if change is not None:
        return within(span, change(reader.local(time)))
    return [bound(kind, time, reader.column, when, True) for kind, when in _bounds(span)]


def time_of(reader: Reader, home: Home) -> exp.Expr:
    """The time of an atom's rows, in its reporting zone."""
    return reader.local(resolver(reader.graph, *home)(METRIC_TIME))


def within(span: Range, value: exp.Expr) -> list[exp.Expr]:
    """The conditions that a range of time is on a local time."""
    return [compared(kind, value.copy(), when, True) for kind, when in _bounds(span)]


def _bounds(span: Range) -> Iterator[tuple[type[exp.Expr], datetime]]:
    if span.lower is not None:
        yield exp.GTE, span.lower
    if span.upper is not None:
        yield exp.LTE if span.upper_is_inclusive else exp.LT, span.upper


def scan(graph: JoinGraph, model: str, alias: str) -> Scan:
    """The rows of a model, where it has row access those that the caller sees."""
    has_access = graph.catalog.models[model].row_access is not None
    return Scan(graph.catalog.relation(model), alias, model if has_access else None)


def joined(reader: Reader) -> Source:
    """The scan of the model with every join that its columns need, the nearest first."""
    catalog = reader.graph.catalog
    source: Source = scan(reader.graph, reader.model, reader.alias(()))
    versioned = reader.graph.versioned
    # What says when a row happened comes before what depends on it.
    for path in sorted(reader.paths, key=lambda p: (bool(versioned(p)), len(p), reader.alias(p))):
        source = join(source, path, reader)
    resolve = resolver(reader.graph, reader.model, reader.time)
    for found in reader.metrics.values():
        # By the names of the metric's own groups, which tell the grain of a time.
        same = [
            exp.EQ(
                this=expr.operand(timed(resolve(key), reader.column)),
                expression=exp.column(key, table=found.group.name),
            )
            for key in keys_of(found.group)
        ]
        source = Match(source, Read(found.group), all_of([*same]), keeps_left=True)
    for alias, (dates, at) in reader.moves.items():
        (key,) = keys_of(dates)
        moved_on = exp.EQ(this=at, expression=exp.column(key, table=alias))
        there = Read(dates, alias if alias != dates.name else None)
        source = Match(source, there, moved_on)
    for alias, (custom, day) in reader.spines.items():
        source = with_spine(catalog, source, alias, custom, day)
    return source


def with_spine(catalog: Catalog, source: Source, alias: str, custom: Custom, day: exp.Expr) -> Join:
    """A source with the row of the time spine that tells the custom period of a date."""
    key = qualified(catalog.snippet(custom.key).tree, alias)
    spine = spine_of(catalog, custom, alias)
    return Join(source, spine, ((day, key),), right_key_is_unique=True)  # one row per period


def spine_of(catalog: Catalog, custom: Custom, alias: str) -> Scan:
    """The dates of the time spine that has a custom granularity; everybody sees them all."""
    return Scan(catalog.spine_relation(catalog.spine(custom.spine)), alias)


def join(source: Source, path: tuple[Step, ...], reader: Reader) -> Join:
    """A source with the last join of a path."""
    step, valid = path[-1], reader.valid(path)
    return Join(
        source,
        scan(reader.graph, step.right, reader.alias(path)),
        tuple(reader.on(path)),
        right_key_is_unique=step.key.is_unique or (step.kind == "up" and valid is not None),
        valid=valid,
        repeats=step.kind != "up",
    )


def filtered(source: Source, conditions: list[exp.Expr], *, saves_reading: bool = False) -> Source:
    """The rows that meet every condition, each condition once."""
    unique = list(dict.fromkeys(c for whole in conditions for c in expr.conjuncts(whole)))
    condition = all_of(unique)
    return Filter(source, condition, saves_reading) if condition is not None else source


def qualified(tree: exp.Expr, table: str) -> exp.Expr:
    """A copy of a snippet whose columns carry the alias of their scan."""
    copy = tree.unnest().copy()
    for column in expr.columns(copy):
        column.set("table", exp.to_identifier(table, quoted=False))
    return copy
