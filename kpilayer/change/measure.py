"""Metrics whose numbers may have changed, asked of the data on both sides."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from kpilayer.access import EVERYTHING
from kpilayer.change.diff import Change, ChangeSet
from kpilayer.change.levels import Cells, Kind, Level, Run, Shape, kind_of, roll_up_of
from kpilayer.change.periods import Window, closed, ending_with, unit_of
from kpilayer.change.rules import at_least
from kpilayer.change.sample import sample_of, sampled
from kpilayer.change.side_by_side import counts, extended, slices, taken_over, weakest
from kpilayer.change.tell import Asked, Sides, Told, tell
from kpilayer.change.values import MetricValues, Values, ValuesAsked
from kpilayer.errors import Issue, KpilayerError, QueryError, WarehouseError
from kpilayer.formula.times import default_grain
from kpilayer.identity import Identity
from kpilayer.model.metric import SimpleMetric
from kpilayer.plan.query import Condition, Query
from kpilayer.sql.compiled import Compiled, compile_query

OnStep = Callable[[str, int, int], object]
_AT_ONCE: Final = 20  # metrics of one question
#: Groups of one answer: more are not read, and the slice is given up.
_MOST_GROUPS: Final = 50_000
_ROWS: Final = "kpilayer_rows_"
_UNREACHABLE: Final = frozenset({"connection-failed", "missing-driver"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where questions are asked: how, in which SQL, and where tables without a schema are."""

    run: Run
    dialect: str
    schema: str


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric to ask for: its names, and in which shape and way both sides are asked."""

    was: str
    name: str
    shape: Shape
    kind: Kind
    one_scan: bool
    note: str = ""


class _NotInSlices(Exception):
    """A question has no answer by slices that could be told."""


def wanted(changes: ChangeSet) -> tuple[Change, ...]:
    """The metrics that are on both sides, and not known to give the same numbers."""
    base, head = changes.base.catalog.metrics, changes.head.catalog.metrics
    return tuple(
        change
        for change in changes.changes
        if change.kind == "metric"
        and at_least(change.level, "unproven")
        and change.name in head
        and (change.was or change.name) in base
        and change.fingerprints[0] != change.fingerprints[1]
        and (change.evidence is None or change.evidence.answer != "equivalent")
    )


def measure(
    changes: ChangeSet, asked: ValuesAsked, target: Target, on_step: OnStep | None = None
) -> Values:
    """How much the numbers of a change set's metrics change on the data of a target.

    A metric that cannot be asked for is listed with the reason, and the others go on.

    Raises:
        QueryError: nothing can be asked so: a grain that there is not, a sample without a hash.
        WarehouseError: the warehouse cannot be reached.
    """
    began = time.perf_counter()
    work = _Work(changes, asked, target, on_step or (lambda *_: None))
    found = work.values()
    scans = [one.scans for one in found.values() if not one.problem]
    cost = {
        "queries": work.queries,
        "seconds": round(time.perf_counter() - began, 3),
        "query_seconds": round(work.seconds, 3),
        "scans": {n: scans.count(n) for n in (1, 2) if n in scans},
        "failed": sum(bool(one.problem) for one in found.values()),
    }
    return Values(found, cost, work.warehouse_failed)


@dataclass
class _Work:
    """One measurement of a change set."""

    changes: ChangeSet
    asked: ValuesAsked
    target: Target
    on_step: OnStep
    queries: int = 0
    seconds: float = 0.0
    warehouse_failed: bool = False
    base: Identity = field(init=False)
    head: Identity = field(init=False)

    def __post_init__(self) -> None:
        self.base, self.head = self.changes.base.identity, self.changes.head.identity
        if self.asked.sample is not None:
            dialect = self.target.dialect
            self.base = sampled(self.base, self.asked.sample_by, dialect)
            self.head = sampled(self.head, self.asked.sample_by, dialect)
        unit_of(self.head.catalog.calendar, self.asked.grain)

    def values(self) -> dict[str, MetricValues]:
        """What was found of each metric, by its name in the head."""
        found: dict[str, MetricValues] = {}
        groups: dict[object, list[_Metric]] = {}
        for change in wanted(self.changes):
            try:
                metric = self._planned(change)
            except KpilayerError as error:
                found[change.name] = MetricValues(problem=error.issues[0].message)
                continue
            key = (metric.shape, metric.kind, metric.one_scan, self._sampled_by(metric))
            groups.setdefault(key, []).append(metric)
        pending = [
            group[n : n + _AT_ONCE]
            for group in groups.values()
            for n in range(0, len(group), _AT_ONCE)
        ]
        count = sum(map(len, pending))
        for group in pending:
            self.on_step(group[0].name, len(found), max(count, 1))
            found |= self._of_group(group)
        return found

    # ------------------------------------------------------------------------------- planning

    def _planned(self, change: Change) -> _Metric:
        was, name = change.was or change.name, change.name
        grain = self._grain(was, name)
        shown = slices(self.base, was, self.head, name)
        both = taken_over(self.base, was, self.head)
        prints = [self._prints(i, n, shown) for i, n in ((self.base, was), (self.head, name))]
        if None in prints:
            shown = ()
        one_scan = both is not None and (not shown or prints[0] == prints[1])
        kind = weakest(
            kind_of(roll_up_of(identity, metric))
            for identity, metric in ((self.base, was), (self.head, name))
        )
        return _Metric(was, name, Shape(grain, shown), kind, one_scan)  # type: ignore[arg-type]

    def _grain(self, was: str, name: str) -> str | None:
        """The grain that periods are shown by; None where a side has no time."""
        own = [default_grain(self.base.graph, was), default_grain(self.head.graph, name)]
        known = [grain for grain in own if grain is not None]
        if len(known) < len(own):
            return None
        found = self.head.catalog.calendar.coarsest([self.asked.grain, *known])
        unit_of(self.head.catalog.calendar, found)
        return found

    def _prints(
        self, identity: Identity, metric: str, shown: tuple[str, ...]
    ) -> tuple[str | None, ...] | None:
        """The fingerprints of group-bys; None where they cannot be asked for, or groups overlap."""
        if not shown:
            return ()
        try:
            compiled = self._compiled(Query((metric,), shown), identity)
        except QueryError:
            return None
        if compiled.overlapping:
            return None
        return tuple(compiled.fingerprints.get(column) for column in compiled.columns[: len(shown)])

    def _sampled_by(self, metric: _Metric) -> Condition | None:
        if self.asked.sample is None:
            return None
        before = sample_of(self.base, [metric.was], self.asked.sample)
        after = sample_of(self.head, [metric.name], self.asked.sample)
        if before != after:
            message = f"`{metric.name}` has rows of another kind now: no sample is of both sides"
            raise QueryError(Issue("unsound-question", message))
        return after

    # --------------------------------------------------------------------------------- asking

    def _of_group(self, group: Sequence[_Metric]) -> dict[str, MetricValues]:
        """The values of metrics by one question; of each by itself where that is not answered."""
        try:
            return self._answered(group)
        except (QueryError, _NotInSlices) as error:
            if len(group) == 1:
                return self._by_less(group[0], error)
        except WarehouseError as error:
            if any(issue.code in _UNREACHABLE for issue in error.issues):
                raise
            if len(group) == 1:
                self.warehouse_failed = True
                problem = error.issues[0].message
                return {group[0].name: MetricValues(problem=problem, refused=True)}
        return {name: values for one in group for name, values in self._of_group([one]).items()}

    def _by_less(self, metric: _Metric, error: Exception) -> dict[str, MetricValues]:
        """A metric without slices; where that is not answered either, without periods."""
        why = error.issues[0].message if isinstance(error, QueryError) else str(error)
        if metric.shape.slices:
            note = f"not by {' and '.join(metric.shape.slices)}: {why}"
            less = replace(metric, shape=Shape(metric.shape.grain), note=note)
            return self._of_group([less])
        if metric.shape.grain is not None:
            note = f"over all time, not by {metric.shape.grain}: {why}"
            return self._of_group([replace(metric, shape=Shape(), note=note)])
        return {metric.name: MetricValues(problem=why)}

    def _answered(self, group: Sequence[_Metric]) -> dict[str, MetricValues]:
        first = group[0]
        sides = self._sides(group)
        window = self._window(first.shape.grain)
        cells = self._cells(first, sides, window)
        try:
            if window is not None and _is_empty(cells, sides):
                last = self._last_with_data(first, sides, window)
                if last is not None:
                    window = last
                    _close(cells)
                    cells = self._cells(first, sides, window)
            return {
                metric.name: self._told(metric, cells, sides, n, window)
                for n, metric in enumerate(group)
            }
        finally:
            _close(cells)

    def _told(
        self, metric: _Metric, cells: Sequence[Cells], sides: Sides, n: int, window: Window | None
    ) -> MetricValues:
        before, after = (
            self.base.catalog.metrics[metric.was],
            self.head.catalog.metrics[metric.name],
        )
        notes = filter(None, (metric.note, window.note if window is not None else ""))
        told = Told(before, after, (self.base, self.head), tuple(notes), self.asked)
        return tell(told, cells, sides, n)

    def _sides(self, group: Sequence[_Metric]) -> Sides:
        """What is asked of which project: one question, or one of each side."""
        if not group[0].one_scan:
            return Sides(
                _with_counts(self.base, [m.was for m in group]),
                _with_counts(self.head, [m.name for m in group]),
            )
        identity, names = self.head, []
        for metric in group:
            both = taken_over(self.base, metric.was, identity)
            assert both is not None, "it could be taken over alone"
            identity, name = both
            names.append(name)
        asked = _with_counts(identity, [*names, *(m.name for m in group)])
        width = len(group)
        before = replace(asked, metrics=asked.metrics[:width], rows=asked.rows[:width])
        after = replace(asked, metrics=asked.metrics[width:], rows=asked.rows[width:])
        return Sides(before, after, one_scan=True)

    def _cells(self, metric: _Metric, sides: Sides, window: Window | None) -> list[Cells]:
        """The answers of each question: one, or one of each side."""
        found = []
        for identity, metrics in sides.questions:
            answers = {}
            for level in metric.shape.asked(metric.kind):
                answer = self._level(
                    metric, identity, metrics, level, window, len(sides.before.metrics)
                )
                if answer is not None:
                    answers[level] = answer
            roll_ups = {name: roll_up_of(identity, name) for name in metrics}
            found.append(Cells(metric.shape, roll_ups, answers))
        return found

    def _level(
        self,
        metric: _Metric,
        identity: Identity,
        metrics: tuple[str, ...],
        level: Level,
        window: Window | None,
        width: int,
    ) -> tuple[Compiled, object] | None:
        """The answer at a level; None where only periods have a value, of one metric."""
        query = Query(
            metrics,
            metric.shape.groups(level),
            where=tuple(filter(None, (self._sampled_by(metric),))),
            start=window.start if window is not None else None,
            end=window.end if window is not None else None,
            components=level == "cells",
            limit=_MOST_GROUPS + 1
            if metric.shape.slices and level in ("cells", "slices")
            else None,
        )
        try:
            compiled = self._compiled(query, identity)
        except QueryError as error:
            needs = any(issue.code == "needs-time" for issue in error.issues)
            if needs and width == 1 and metric.shape.grain and level in ("total", "slices"):
                return None
            raise
        table = self._run(compiled)
        if query.limit is not None and table.num_rows > _MOST_GROUPS:  # type: ignore[attr-defined]
            raise _NotInSlices(f"it has more than {_MOST_GROUPS:,} groups")
        return compiled, table

    def _compiled(self, query: Query, identity: Identity) -> Compiled:
        target = self.target
        return compile_query(query, identity, target.dialect, target.schema, role=EVERYTHING)

    def _run(self, compiled: Compiled) -> object:
        began = time.perf_counter()
        self.queries += 1
        try:
            return self.target.run(compiled)
        finally:
            self.seconds += time.perf_counter() - began

    # ---------------------------------------------------------------------------------- periods

    def _window(self, grain: str | None) -> Window | None:
        if grain is None:
            return None
        today = self.asked.as_of or date.today()
        return closed(today, self.asked.periods, unit_of(self.head.catalog.calendar, grain))

    def _last_with_data(self, metric: _Metric, sides: Sides, window: Window) -> Window | None:
        """The last closed periods in which there are rows; None where there are none at all."""
        grain = metric.shape.grain
        assert grain is not None, "a window is of periods"
        column = f"metric_time__{grain}"
        latest: set[date] = set()
        for identity, metrics in sides.questions:
            counted = tuple(name for name in metrics if name in sides.counts) or metrics
            query = Query(
                counted,
                (column,),
                where=tuple(filter(None, (self._sampled_by(metric),))),
                end=window.end,
                order_by=(f"-{column}",),
                limit=self.asked.periods,
            )
            compiled = self._compiled(query, identity)
            answered = Cells(Shape(grain), {}, {"periods": (compiled, self._run(compiled))})
            latest |= {key[0] for key in answered.values("periods", ()) if key[0] is not None}
        return ending_with(latest, self.asked.periods, unit_of(self.head.catalog.calendar, grain))


def _with_counts(identity: Identity, metrics: Sequence[str]) -> Asked:
    """A project with counts of the rows of metrics, each count once."""
    known: list[SimpleMetric] = []
    rows = []
    for metric in metrics:
        own = counts(identity, metric)
        known += [count for count in own if count not in known]
        rows.append(tuple(f"{_ROWS}{known.index(count)}" for count in own))
    names = [f"{_ROWS}{n}" for n in range(len(known))]
    named = {n: c.model_copy(update={"name": n}) for n, c in zip(names, known, strict=True)}
    return Asked(extended(identity, named), tuple(metrics), tuple(rows))


def _is_empty(cells: Sequence[Cells], sides: Sides) -> bool:
    """Whether no row of any metric is in the answers."""
    for one, (_, metrics) in zip(cells, sides.questions, strict=True):
        level: Level = "cells" if "cells" in one.answers else "periods"
        counted = [name for name in metrics if name in sides.counts]
        if any(value for row in one.values(level, counted).values() for value in row):
            return False
    return True


def _close(cells: Sequence[Cells]) -> None:
    for one in cells:
        one.close()
