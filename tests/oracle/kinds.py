"""What each kind of metric is, in terms of other metrics and of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kpilayer.model.definitions import Definitions
from kpilayer.model.metric import (
    ConversionMetric,
    CumulativeMetric,
    DerivedMetric,
    FunnelMetric,
    Metric,
    NestedMetric,
    RatioMetric,
    ShareMetric,
    SimpleMetric,
    SqlMetric,
)
from kpilayer.model.metric_parts import InputMetric
from tests.oracle import conversion, names, snippets
from tests.oracle.aggregate import aggregate
from tests.oracle.atoms import Answer, Atom, Group, Rows
from tests.oracle.cumulative import cumulative
from tests.oracle.joins import Joins, Place, Row, Tables, Unanswerable
from tests.oracle.names import Condition, Item, MetricItem
from tests.oracle.scope import Scope, Shift
from tests.oracle.time import as_moment, coarsest, is_finer

Value = Any


@dataclass
class World:
    """The definitions of a project over the rows of a database."""

    metrics: Mapping[str, Metric]
    joins: Joins
    spines: tuple[tuple[str, str, str], ...] = ()  # table, column, grain
    week_start: str = "monday"
    _items: dict[tuple[str, str | None], Item | MetricItem] = field(default_factory=dict)
    _atoms: dict[str, Atom] = field(default_factory=dict)
    _asked: dict[Any, Answer] = field(default_factory=dict)
    bounds: Any = None

    @classmethod
    def of(cls, definitions: Definitions, tables: Tables) -> World:
        """The evaluator's view of loaded definitions; it reads only what people wrote."""
        models = {m.name: m for m in definitions.models if m.semantic_model}
        spines = tuple(
            (s.name, s.time_spine.standard_granularity_column, s.granularity)
            for s in definitions.time_spines
        )
        return cls(
            {m.name: m for m in definitions.metrics},
            Joins(models, tables),
            spines,
            definitions.config.week_start,
        )

    def over(self, tables: Tables) -> World:
        """The same definitions over other rows."""
        joins = self.joins.over(tables)
        return World(self.metrics, joins, self.spines, self.week_start, self._items, self._atoms)

    # ------------------------------------------------------------------------------------- names

    def item(self, name: str, bare: str | None = None) -> Item | MetricItem:
        key = (name, bare)
        if key not in self._items:
            self._items[key] = names.item(name, bare)
        return self._items[key]

    def name(self, name: str, bare: str | None = None) -> Item:
        found = self.item(name, bare)
        assert isinstance(found, Item), name
        return found

    def time_place(self, atom: Atom) -> Place | None:
        """The column that is `metric_time`: the model's own, or at the end of a path up."""
        if atom.time is None:
            return None
        if self.joins.models[atom.model].dimension(atom.time) is not None:
            return Place((), atom.model, atom.time, False)
        return self.joins.place_of(atom.model, names.group_by(atom.time))

    def default_grain(self, name: str) -> str | None:
        """The grain of a bare `metric_time`: the metric's own, else of its rows, days at least."""
        metric = self.metrics[name]
        if metric.time_granularity is not None:
            return metric.time_granularity
        grains = [coarsest("day", own) for own in self._grains(name) if own]
        return coarsest(*grains) if grains else None

    def _grains(self, name: str, time: str | None = None) -> Iterable[str | None]:
        """The grain of the time of each model below a metric."""
        metric = self.metrics[name]
        if isinstance(metric, SimpleMetric | SqlMetric):
            time = time or metric.agg_time_dimension
            if metric.model is not None:
                time = time or self._model_time(metric.model)
                yield self.own(Atom(name, metric.model, "", "", time, ()))
                return
        for used in metric.inputs:
            yield from self._grains(used.name, time)

    def own(self, atom: Atom) -> str | None:
        place = self.time_place(atom)
        return self.joins.grain(place) if place else None

    def atoms(self, name: str) -> Iterable[Atom]:
        """The simple metrics below a metric."""
        metric = self.metrics[name]
        if isinstance(metric, SimpleMetric | SqlMetric):
            yield self.atom(name)
        else:
            for used in metric.inputs:
                yield from self.atoms(used.name)

    def conditions(self, metric: str, texts: Iterable[str]) -> tuple[Condition, ...]:
        """Filters of a metric; a bare `metric_time` in them has the metric's grain."""
        held = tuple(texts)
        made = tuple(names.condition(text) for text in held)
        if not any(name.lower() == names.METRIC_TIME for c in made for name in c.node.names()):
            return made
        bare = self.default_grain(metric)
        return tuple(replace(c, bare=bare) for c in made)

    def declared_dates(self, base: str) -> set[Any] | None:
        """The dates of the declared spine, as fine as a grain; None where none is declared."""
        fitting = [s for s in self.spines if not is_finer(base, s[2])]
        if not self.spines:
            return None
        if not fitting:
            raise Unanswerable("no spine is so fine")
        table, column, _ = fitting[0]
        values = (row[column] for row in self.joins.tables[table])
        return {as_moment(v) for v in values if v is not None}

    # -------------------------------------------------------------------------------------- atoms

    def atom(self, name: str) -> Atom:
        """A simple metric; a variant is the metric that it narrows, with more conditions."""
        if name not in self._atoms:
            self._atoms[name] = self._atom(name)
        return self._atoms[name]

    def _atom(self, name: str) -> Atom:
        metric = self.metrics[name]
        own = self.conditions(name, metric.filter)
        if isinstance(metric, SqlMetric):
            time = metric.agg_time_dimension or self._model_time(metric.model)
            return Atom(name, metric.model, "sql", "1", time, own, sql=metric.sql)
        assert isinstance(metric, SimpleMetric)
        if metric.input_metric is not None:
            used = metric.input_metric
            if used.offset_window or used.offset_to_grain or used.group_by is not None:
                raise Unanswerable("a variant of another time or group")
            below = self.atom(used.name)
            more = (*own, *self.conditions(used.name, used.filter))
            atom = replace(below, name=name, conditions=(*below.conditions, *more))
        else:
            assert metric.model is not None and metric.agg is not None
            kind = metric.percentile_type or ""
            if kind.startswith("approx_") or metric.agg == "approx_count_distinct":
                raise Unanswerable("approximate")
            atom = Atom(
                name,
                metric.model,
                metric.agg,
                metric.value,
                self._model_time(metric.model),
                own,
                metric.percentile,
                kind == "discrete",
                as_of=metric.as_of,
            )
        changes: dict[str, Any] = {}
        if metric.agg_time_dimension is not None:
            changes["time"] = metric.agg_time_dimension
        if metric.non_additive_dimension is not None:
            changes["balance"] = metric.non_additive_dimension
        if metric.join_to_timespine:
            changes["spine"] = "grid" if metric.join_to_timespine == "grid" else "dates"
        if metric.fill_nulls_with is not None:
            changes["fill"] = metric.fill_nulls_with
        return replace(atom, **changes)

    def _model_time(self, model: str) -> str | None:
        return self.joins.models[model].agg_time_dimension

    def metric_of(self, rows: Rows, asked: MetricItem, row: Row) -> Value:
        """`Metric('orders', ['customer'])` for a row: the metric of its entity, of all time."""
        keys = tuple(self.name(p) for p in asked.per)
        scope = Scope(keys, bounds=self.bounds) if asked.in_range else Scope(keys)
        known = (asked.metric, scope)
        if known not in self._asked:
            self._asked[known] = self.answer(asked.metric, scope)
        group = tuple(rows.read(row, None, k) for k in keys)
        answer = self._asked[known]
        return answer.absent(group) if None in group else answer.at(group)

    # -------------------------------------------------------------------------------------- kinds

    def used(self, used: InputMetric, scope: Scope) -> Answer:
        """An input: narrowed, moved in time, or by fewer of the group-bys.

        Conditions on its time hold for the time at which it is shown, others before it is moved
        (A.10).
        """
        conditions = self.conditions(used.name, used.filter)
        if used.offset_window is not None or used.offset_to_grain is not None:
            shift = Shift(used.offset_window, used.offset_to_grain)
            scope = self.moved(used.name, scope, shift, conditions)
        else:
            scope = scope.narrowed(conditions)
        if used.group_by is None:
            return self.answer(used.name, scope)
        return self.regrouped(used.name, scope, used.group_by)

    def moved(
        self, name: str, scope: Scope, shift: Shift, conditions: Iterable[Condition]
    ) -> Scope:
        """A scope in which a metric is moved in time, under conditions on it."""
        timed = tuple(c for c in conditions if self.is_timed(name, c))
        asked = {Rows(self, atom, scope).scope.keys for atom in self.atoms(name)}
        if len(asked) > 1:
            raise Unanswerable("an offset by what is the time of some of its rows")
        moved = replace(scope, keys=asked.pop()).narrowed(timed).shifted(shift)
        return moved.narrowed(c for c in conditions if c not in timed)

    def is_timed(self, name: str, condition: Condition) -> bool:
        """Whether a condition speaks of the time of a metric's rows, by whatever name."""
        rows = [Rows(self, atom, Scope()) for atom in self.atoms(name)]
        items = [i for i in condition.items() if isinstance(i, Item)]
        return any(r.as_time(i).is_time for r in rows for i in items)

    def regrouped(self, name: str, scope: Scope, kept: tuple[str, ...]) -> Answer:
        """A metric by some of the group-bys, repeated on the others: it makes no groups itself."""
        at = [i for i, key in enumerate(scope.keys) if any(names.keeps(k, key) for k in kept)]
        if scope.shifts and not any(scope.keys[i].is_time for i in at):
            raise Unanswerable("an offset without `metric_time`")
        left = scope.without
        if left is not None and not any(names.keeps(k, left[0]) for k in kept):
            left = None
        whole = self.answer(
            name, replace(scope, keys=tuple(scope.keys[i] for i in at), without=left)
        )

        def repeated(group: Group) -> Value:
            return whole.at(tuple(group[i] for i in at))

        if len(at) == len(scope.keys) and left == scope.without:
            return whole
        return Answer({}, repeated, repeats=True)

    def answer(self, name: str, scope: Scope) -> Answer:
        """A metric by group.

        Raises:
            Unanswerable: it has no answer for this question.
            Undetermined: more than one answer is right.
        """
        metric = self.metrics[name]
        if isinstance(metric, SimpleMetric | SqlMetric):
            return Rows(self, self.atom(name), scope).answer()
        match metric:
            case CumulativeMetric():
                return self._cumulative(metric, scope)
            case ConversionMetric():
                return conversion.converted(self, metric, scope)
            case FunnelMetric():
                return conversion.funnel(self, metric, scope)
        inside = scope.narrowed(self.conditions(name, metric.filter))
        match metric:
            case RatioMetric(numerator=one, denominator=other):
                sides = [("numerator", self.used(one, inside)),
                         ("denominator", self.used(other, inside))]  # fmt: skip
                return combined(snippets.parse("numerator / denominator"), sides)
            case DerivedMetric():
                inputs = [(i.known_as, self.used(i, inside)) for i in metric.input_metrics]
                return combined(snippets.parse(metric.expr), inputs)
            case ShareMetric():
                whole = metric.input_metric.model_copy(update={"group_by": metric.within})
                pair = [("part", self.used(metric.input_metric, inside)),
                        ("whole", self.used(whole, inside))]  # fmt: skip
                return combined(snippets.parse("part / whole"), pair)
            case NestedMetric():
                return self._nested(metric, inside)
        raise AssertionError(metric)

    def _cumulative(self, metric: CumulativeMetric, scope: Scope) -> Answer:
        used = metric.input_metric
        if not isinstance(self.metrics[used.name], SimpleMetric):
            raise Unanswerable("a cumulative metric of what is not simple")
        if used.offset_window or used.offset_to_grain or used.group_by is not None:
            raise Unanswerable("a cumulative metric of another time or group")
        scope = scope.narrowed(self.conditions(metric.name, metric.filter))
        rows = Rows(self, self.atom(used.name), scope)
        return cumulative(rows, metric, self.conditions(used.name, used.filter))

    def _nested(self, metric: NestedMetric, scope: Scope) -> Answer:
        """Per inner group a value, then over them; a NULL entity drops out."""
        per = [self.name(p) for p in metric.per]
        bare = self.default_grain(metric.input_metric.name)
        per = [replace(p, grain=bare) if p.is_time and not (p.grain or p.part) else p for p in per]
        keys = tuple(dict.fromkeys((*scope.keys, *per)))
        inner = self.used(metric.input_metric, replace(scope, keys=keys))
        entities = [keys.index(p) for p in per if self._is_entity(metric.input_metric.name, p)]
        groups: dict[Group, list[Value]] = {} if scope.keys else {(): []}
        for group, value in inner.rows.items():
            if all(group[i] is not None for i in entities):
                groups.setdefault(group[: len(scope.keys)], []).append(value)
        values = {
            group: aggregate(
                metric.agg,
                found,
                percentile=metric.percentile,
                discrete=metric.percentile_type == "discrete",
                is_grouped=bool(scope.keys),
            )
            for group, found in groups.items()
        }
        return Answer(values)

    def _is_entity(self, name: str, item: Item) -> bool:
        if item.is_time:
            return False
        atom = next(iter(self.atoms(name)))
        return self.joins.place_of(atom.model, item).is_entity


def combined(node: snippets.Node, inputs: list[tuple[str, Answer]]) -> Answer:
    """An expression over inputs: a row where any of them has one.

    Elsewhere it is NULL, whatever it would make of nothing; unless all its inputs only repeat.
    """

    def value(group: Group) -> Value:
        values = {name: answer.at(group) for name, answer in inputs}
        return snippets.evaluate(node, values.__getitem__)

    groups = dict.fromkeys(group for _, answer in inputs for group in answer.rows)
    made = {group: value(group) for group in groups}
    if all(answer.repeats for _, answer in inputs):
        return Answer(made, value, repeats=True)
    return Answer(made)
