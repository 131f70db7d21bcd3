"""Where names lead from a model, and what is read there, row by row.

A lookup never removes or repeats a row: no match is a NULL (language.md P1 to P5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from kpilayer.model.semantic_model import Dimension, Entity, Model
from tests.oracle import snippets
from tests.oracle.aggregate import Undetermined
from tests.oracle.names import Item
from tests.oracle.time import GRAINS, as_moment, truncate

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
Value = Any
MOST_STEPS = 4


class Unanswerable(Exception):
    """The question has no answer by the language, or none that this evaluator gives."""


@dataclass(frozen=True)
class Step:
    """From a row to the rows of another model with the same key."""

    left: str
    entity: str
    right: str
    key: str
    is_up: bool = True


@dataclass(frozen=True)
class Place:
    """The end of a path: a dimension or entity of a model."""

    path: tuple[Step, ...]
    model: str
    element: str
    is_entity: bool

    @property
    def is_many(self) -> bool:
        """Whether a row may have several values there."""
        return any(not step.is_up for step in self.path)

    @property
    def down(self) -> tuple[Step, ...]:
        """The part of the path that leads to the many side: up to its last step that repeats."""
        last = max((i for i, step in enumerate(self.path) if not step.is_up), default=-1)
        return self.path[: last + 1]


@dataclass
class Joins:
    """The models of a project and the rows of a database, with what was looked up so far."""

    models: Mapping[str, Model]
    tables: Tables
    _places: dict[tuple[str, tuple[str, ...], str], Place | Unanswerable] = field(
        default_factory=dict
    )
    _known_ups: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    _index: dict[tuple[str, str], dict[Any, list[Row]]] = field(default_factory=dict)
    _values: dict[tuple[int, Place, datetime | None], Value] = field(default_factory=dict)

    def over(self, tables: Tables) -> Joins:
        """The same models over other rows."""
        return Joins(self.models, tables, self._places, self._known_ups)

    # ------------------------------------------------------------------------------------- paths

    def place(self, model: str, entities: tuple[str, ...], name: str) -> Place:
        """Where a name leads from a model: its own, else up by the shortest path, else down."""
        key = (model, entities, name)
        if key not in self._places:
            try:
                self._places[key] = self._find(*key)
            except Unanswerable as why:
                self._places[key] = why
        found = self._places[key]
        if isinstance(found, Unanswerable):
            raise found
        return found

    def _find(self, model: str, entities: tuple[str, ...], name: str) -> Place:
        for paths in self._classes(model):
            found: list[tuple[bool, Place]] = []
            for path, words in paths:
                for place, prefix in self._elements(model, path, words):
                    if place.element != name:
                        continue
                    if entities == prefix or (entities and prefix[-len(entities) :] == entities):
                        is_own = not path or prefix[-1] == path[-1].entity
                        found.append((is_own, place))
            if found:
                best = [p for is_own, p in found if is_own] or [p for _, p in found]
                distinct = {(p.path, p.model, self._sql(p)): p for p in best}
                if len(distinct) > 1:
                    raise Unanswerable(f"`{name}` is ambiguous from `{model}`")
                return next(iter(distinct.values()))
        raise Unanswerable(f"no path from `{model}` to `{'__'.join((*entities, name))}`")

    def _classes(self, model: str) -> Iterator[list[tuple[tuple[Step, ...], tuple[str, ...]]]]:
        """Paths in order of preference: none, up by length, down by length."""
        yield [((), ())]
        layer: list[tuple[tuple[Step, ...], tuple[str, ...]]] = [((), ())]
        for _ in range(MOST_STEPS):
            layer = [
                ((*path, step), (*words, step.entity))
                for path, words in layer
                for step in self._ups(path[-1].right if path else model)
                if step.right not in {model, *(s.right for s in path)} and not _back(path, step)
            ]
            yield layer
        layer = [((), ())]
        for _ in range(3):
            layer = [
                ((*path, step), (*words, step.entity))
                for path, words in layer
                for step in self._onward(path, path[-1].right if path else model)
                if step.right not in {model, *(s.right for s in path)}
            ]
            yield [(p, w) for p, w in layer if not p[0].is_up]
        yield from self._crossings(model)

    def _crossings(self, model: str) -> Iterator[list[tuple[tuple[Step, ...], tuple[str, ...]]]]:
        """Paths across a bridge by length; into it and out of it is one step (P1)."""
        found: list[tuple[tuple[Step, ...], tuple[str, ...]]] = [((), ())]
        crossed: list[tuple[int, tuple[Step, ...], tuple[str, ...]]] = []
        for _ in range(MOST_STEPS):
            longer = []
            for path, words in found:
                here = path[-1].right if path else model
                seen = {model, *(s.right for s in path)}
                was = next((s for s in path if self._is_across(s)), None)
                for step in [] if was else self._across(here):
                    own = self.models[step.right].own_names[0]
                    longer.append(((*path, step), (*words, step.entity, own)))
                for step in self._ups(here):
                    if not (path and step.entity == path[-1].key):
                        longer.append(((*path, step), (*words, step.entity)))
                for step in self._downs(here) if all(not s.is_up for s in path) else ():
                    if not was:
                        longer.append(((*path, step), (*words, step.entity)))
                longer = [(p, w) for p, w in longer if p[-1].right not in seen or p[:-1] != path]
            found = longer
            for path, words in found:
                at = next((i for i, s in enumerate(path) if self._is_across(s)), None)
                if at is not None:
                    crossed.append((len(path) - (at < len(path) - 1), path, words))
        for size in range(1, MOST_STEPS):
            yield [(path, words) for length, path, words in crossed if length == size]

    def _is_across(self, step: Step) -> bool:
        key = self.models[step.left].entity(step.entity)
        return not step.is_up and key is not None and not key.is_unique

    def _across(self, model: str) -> Iterator[Step]:
        """Steps into a bridge, on an entity that both have."""
        for bridge in self.models.values():
            if bridge.bridge and bridge.name != model:
                for entity in self.models[model].entities:
                    for key in bridge.entities:
                        if key.target == entity.target and not key.is_unique:
                            yield Step(model, entity.name, bridge.name, key.name, is_up=False)

    def _onward(self, path: tuple[Step, ...], model: str) -> Iterator[Step]:
        """Steps down, and once down, steps up."""
        if not path or not path[-1].is_up:
            yield from self._downs(model)
        if path and not path[0].is_up:
            yield from (s for s in self._ups(model) if not _back(path, s))

    def _ups(self, model: str) -> tuple[Step, ...]:
        if model not in self._known_ups:
            self._known_ups[model] = tuple(self._leading_up(model))
        return self._known_ups[model]

    def _leading_up(self, model: str) -> Iterator[Step]:
        for entity in self.models[model].entities:
            for other in self.models.values():
                for key in other.entities:
                    if key.name != entity.target or not (key.is_unique or key.type == "natural"):
                        continue
                    if other.name != model:
                        yield Step(model, entity.name, other.name, key.name)

    def _downs(self, model: str) -> Iterator[Step]:
        for other in self.models.values():
            for step in self._ups(other.name):
                if step.right == model and other.own_names:
                    yield Step(model, step.key, other.name, step.entity, is_up=False)

    def _elements(
        self, model: str, path: tuple[Step, ...], words: tuple[str, ...]
    ) -> Iterator[tuple[Place, tuple[str, ...]]]:
        """What stands at a path's end, under each name that it has there."""
        end = self.models[path[-1].right if path else model]
        if not path:
            for entity in end.entities:
                yield Place((), end.name, entity.name, True), ()
            prefixes = [(n,) for n in end.own_names]
        else:
            prefixes = [words, *((*words[:-1], n) for n in end.own_names)]
        for prefix in dict.fromkeys(prefixes):
            for dimension in end.dimensions:
                yield Place(path, end.name, dimension.name, False), prefix
            for entity in end.entities:
                if not path or not path[-1].is_up or entity.name != path[-1].key:
                    if prefix != (entity.name,) and not end.dimension(entity.name):
                        yield Place(path, end.name, entity.name, True), prefix

    def _sql(self, place: Place) -> str:
        return self.element(place).sql

    def element(self, place: Place) -> Dimension | Entity:
        """The definition of what stands at a place."""
        model = self.models[place.model]
        found = model.entity(place.element) if place.is_entity else model.dimension(place.element)
        assert found is not None, place
        return found

    # -------------------------------------------------------------------------------------- rows

    def cell(self, row: Row, sql: str) -> Value:
        """The value of an expression over the columns of one row."""
        if sql.startswith("\0"):  # a column as it is spelled, which is no expression
            return row[sql[1:]]
        node = snippets.parse(sql)
        return row[node.text] if node.kind == "name" else snippets.evaluate(node, row.__getitem__)

    def key(self, model: str, name: str, row: Row) -> Value:
        """An entity's value; of a composite key, a tuple of its parts, None where one is (P5)."""
        entity = self.models[model].entity(name)
        assert entity is not None, name
        if not entity.columns:
            return self.cell(row, entity.sql)
        parts = []
        for part in entity.columns:
            own = self.models[model].dimension(part)
            parts.append(self.cell(row, own.sql if own else part))
        return None if None in parts else tuple(parts)

    def follow(self, row: Row, step: Step, when: datetime | None) -> list[Row]:
        """The rows of the other model that a step leads to; ``when`` is the fact's own time."""
        value = self.key(step.left, step.entity, row)
        if value is None:
            return []
        index = self._index.get((step.right, step.key))
        if index is None:
            index = self._index[step.right, step.key] = {}
            for other in self.tables[step.right]:
                index.setdefault(self.key(step.right, step.key, other), []).append(other)
        return [r for r in index.get(value, []) if self._agree(row, step, r, when)]

    def _agree(self, row: Row, step: Step, other: Row, when: datetime | None) -> bool:
        left, right = self.models[step.left], self.models[step.right]
        for dimension in right.dimensions:
            edge = dimension.validity_params
            if edge is not None:
                limit = self.cell(other, dimension.sql)
                if edge.is_start and not (when and limit and as_moment(limit) <= when):
                    return False
                if edge.is_end and not (when and (limit is None or when < as_moment(limit))):
                    return False
            same = left.dimension(dimension.name)
            if dimension.is_partition and same is not None and same.is_partition:
                ends = self.cell(row, same.sql), self.cell(other, dimension.sql)
                if None in ends or not _same_partition(ends, same, dimension):
                    return False
        return True

    def read(self, row: Row, place: Place, when: datetime | None) -> Value:
        """The value at a place up from a row, NULL where there is no row."""
        known = (id(row), place, when)
        if known not in self._values:
            here: Row | None = row
            for step in place.path:
                found = self.follow(here, step, when) if here is not None else []
                if len(found) > 1:
                    raise Undetermined(f"`{step.right}` has several rows of one key")
                here = found[0] if found else None
            self._values[known] = None if here is None else self.at_end(here, place)
        return self._values[known]

    def joined(self, row: Row, path: tuple[Step, ...], when: datetime | None) -> list[Row | None]:
        """The rows on the many side of a row; one of NULLs where there is none."""
        here = [row]
        for step in path:
            onward = self.follow if step.is_up else self._below
            here = [r for one in here for r in onward(one, step, when)]
        return [*here] or [None]

    def _below(self, row: Row, step: Step, when: datetime | None) -> list[Row]:
        up = Step(step.right, step.key, step.left, step.entity)
        return [
            r
            for r in self.tables[step.right]
            if any(row is found for found in self.follow(r, up, when))
        ]

    def at_end(self, row: Row, place: Place) -> Value:
        """The value of a place's element in a row of its own model."""
        if place.is_entity:
            return self.key(place.model, place.element, row)
        return self.cell(row, self.element(place).sql)

    def grain(self, place: Place) -> str | None:
        """The declared grain of a time dimension."""
        element = self.element(place)
        return element.granularity if isinstance(element, Dimension) else None

    def place_of(self, model: str, item: Item) -> Place:
        return self.place(model, item.entities, item.name)


def _back(path: tuple[Step, ...], step: Step) -> bool:
    """Going on by the key through which a model was entered leads nowhere new."""
    return bool(path) and path[-1].is_up and step.entity == path[-1].key


def _same_partition(ends: tuple[date, date], left: Dimension, right: Dimension) -> bool:
    if left.granularity is None or right.granularity is None:
        return bool(ends[0] == ends[1])
    grain = min(left.granularity, right.granularity, key=GRAINS.index)
    one, other = (truncate(as_moment(end), grain) for end in ends)
    return one == other
