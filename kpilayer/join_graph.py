"""Paths between semantic models, and which column a name means for a metric (language.md P1-P4).

A step goes from a model to one whose row its entity identifies: many-to-one, so no row is repeated.
What is reached only against that direction is refused by name: it would count rows several times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kpilayer.address import Address
from kpilayer.catalog import Catalog
from kpilayer.errors import did_you_mean, listing, nearest
from kpilayer.model.semantic_model import Dimension, Entity, Model

MAX_STEPS: Final = 5


@dataclass(frozen=True, slots=True)
class Step:
    """A many-to-one join: the left entity's key equals a unique key of the right model."""

    left: str
    via: str
    right: str
    onto: str
    entity: Entity = field(compare=False)
    key: Entity = field(compare=False)


@dataclass(frozen=True, slots=True)
class Reached:
    """A dimension or entity at the end of a path; without steps it is the model's own."""

    path: tuple[Step, ...]
    model: str
    element: Dimension | Entity
    prefix: tuple[str, ...]

    @property
    def address(self) -> str:
        """Its full name from the model where the path begins."""
        return "__".join((*self.prefix, self.element.name))


@dataclass(frozen=True, slots=True)
class Unreached:
    """Why a name means nothing, or nothing certain, for a model."""

    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True)
class JoinGraph:
    """Join paths of a catalog, found on demand and kept."""

    catalog: Catalog
    _homes: dict[str, tuple[tuple[Model, Entity], ...]] = field(default_factory=dict, compare=False)
    _paths: dict[str, tuple[tuple[Step, ...], ...]] = field(default_factory=dict, compare=False)
    _names: dict[str, dict[str, tuple[Reached, ...]]] = field(default_factory=dict, compare=False)

    def homes(self, entity: str) -> tuple[tuple[Model, Entity], ...]:
        """The models in which an entity is unique: one row per value, or per value and time."""
        if not self._homes:
            found: dict[str, list[tuple[Model, Entity]]] = {}
            for model in self.catalog.models.values():
                for key in model.entities:
                    if key.is_unique or key.type == "natural":
                        found.setdefault(key.name, []).append((model, key))
            self._homes.update({name: tuple(homes) for name, homes in found.items()})
        return self._homes.get(entity, ())

    def steps(self, model: str) -> Iterator[Step]:
        """The many-to-one joins that leave a model."""
        for entity in self.catalog.models[model].entities:
            for home, key in self.homes(entity.target):
                if home.name != model or entity.name != key.name:
                    yield Step(model, entity.name, home.name, key.name, entity, key)

    def paths(self, model: str) -> tuple[tuple[Step, ...], ...]:
        """Every path up from a model, shortest first; no model twice, but for a self-join."""
        known = self._paths.get(model)
        if known is not None:
            return known
        found: list[tuple[Step, ...]] = []
        queue: deque[tuple[Step, ...]] = deque([()])
        while queue:
            path = queue.popleft()
            here = path[-1].right if path else model
            seen = {model, *(step.right for step in path)}
            for step in self.steps(here):
                # Going on by the key through which a model was entered leads nowhere new.
                if path and step.via == path[-1].onto:
                    continue
                if step.right in seen and step.right != step.left:
                    continue
                found.append((*path, step))
                if len(path) + 1 < MAX_STEPS:
                    queue.append((*path, step))
        self._paths[model] = tuple(found)
        return self._paths[model]

    def names(self, model: str) -> dict[str, tuple[Reached, ...]]:
        """What can be reached from a model by its last name, nearest first."""
        known = self._names.get(model)
        if known is not None:
            return known
        found: dict[str, list[Reached]] = {}
        for reached in (*_own(self.catalog.models[model]), *self._upwards(model)):
            found.setdefault(reached.element.name, []).append(reached)
        self._names[model] = {name: tuple(things) for name, things in found.items()}
        return self._names[model]

    def _upwards(self, model: str) -> Iterator[Reached]:
        for path in self.paths(model):
            home = self.catalog.models[path[-1].right]
            prefix = tuple(step.via for step in path)
            aliases = dict.fromkeys((prefix, *((*prefix[:-1], name) for name in home.own_names)))
            # The joining key's own value is known without the join.
            entities = [e for e in home.entities if e != path[-1].key]
            elements: list[Dimension | Entity] = [*home.dimensions, *entities]
            for alias in aliases:
                for element in elements:
                    yield Reached(path, home.name, element, alias)

    def reach(self, model: str, address: Address) -> Reached | Unreached:
        """The one column that an address means for a model, or why there is none."""
        words = address.entities
        candidates = [
            r
            for r in self.names(model).get(address.name, ())
            if _is_suffix(words, r.prefix)
            and (words or (isinstance(r.element, Entity) and not r.prefix))  # never a bare suffix
        ]
        if not candidates:
            return self._why_not(model, address)
        # A full path beats a suffix, then the shorter path wins.
        best = min(_rank(r, words) for r in candidates)
        # A column may be entity and dimension; two columns of one name are two things.
        columns: dict[tuple[tuple[Step, ...], str, str], Reached] = {}
        for reached in candidates:
            if _rank(reached, words) == best:
                columns.setdefault((reached.path, reached.model, reached.element.sql), reached)
        if len(columns) == 1:
            return next(iter(columns.values()))
        return _ambiguous(model, address, list(columns.values()))

    def groupable(self, model: str) -> tuple[Reached, ...]:
        """Everything that a model's metrics can be grouped by, each column once, nearest first."""
        found: dict[tuple[tuple[Step, ...], str, str, str], Reached] = {}
        for things in self.names(model).values():
            for reached in things:
                key = (reached.path, reached.model, reached.element.name, _kind(reached.element))
                found.setdefault(key, reached)
        return tuple(sorted(found.values(), key=lambda r: (len(r.path), r.address)))

    def _why_not(self, model: str, address: Address) -> Unreached:
        below = [m for m in self._homes_of(address) if self._looks_down(model, m)]
        if below:
            message = (
                f"`{address.base}` is on the many side of `{model}`: one row of `{model}` has "
            )
            message += f"many of `{below[0]}`, and would be counted once for each"
            way = f"define the metric on `{below[0]}`, or use a dimension that `{model}` reaches"
            return Unreached("fan-out-join", message, way)
        homes = self._homes_of(address)
        if homes:
            message = f"there is no join path from `{model}` to `{address.base}`, which is in "
            message += f"`{homes[0]}`"
            entity = self.catalog.models[homes[0]].own_names
            name = entity[0] if entity else address.name
            way = f"give `{model}` a foreign entity `{name}`"
            return Unreached("no-join-path", message, way)
        known = [r.address for r in self.groupable(model)]
        hint = did_you_mean(address.base, known)
        if hint is None:  # the name alone may be right, behind another entity
            same = nearest(address.name, self.names(model))
            places = [r.address for name in same for r in self.names(model)[name]]
            hint = f"did you mean `{places[0]}`?" if places else None
        if hint is None and known:
            hint = f"dimensions: {listing(known)}"
        return Unreached(
            "unknown-dimension", f"`{address.base}` is not a dimension of `{model}`", hint
        )

    def _homes_of(self, address: Address) -> list[str]:
        """Models that have what an address names, wherever they are."""
        models = self.catalog.models.values()
        if not address.entities:
            return [m.name for m in models if m.entity(address.name)]
        return [
            m.name
            for m in models
            if (m.dimension(address.name) or m.entity(address.name))
            and address.entities[-1] in (*m.own_names, *(e.name for e in m.entities))
        ]

    def _looks_down(self, model: str, other: str) -> bool:
        return any(path[-1].right == model for path in self.paths(other))


def _own(model: Model) -> Iterator[Reached]:
    """A model's own names; of a column that is dimension and entity, the dimension is first."""
    names = model.own_names
    for dimension in model.dimensions:
        for name in names:
            yield Reached((), model.name, dimension, (name,))
    for entity in model.entities:
        yield Reached((), model.name, entity, ())
        for name in names:
            if name != entity.name:
                yield Reached((), model.name, entity, (name,))


def _is_suffix(words: tuple[str, ...], prefix: tuple[str, ...]) -> bool:
    return len(words) <= len(prefix) and prefix[len(prefix) - len(words) :] == words


def _rank(reached: Reached, words: tuple[str, ...]) -> tuple[bool, int, bool]:
    """Spelled out beats a suffix, then length; a path's own entities beat its home's name."""
    is_by_home = bool(reached.path) and reached.prefix != tuple(s.via for s in reached.path)
    return (reached.prefix != words, len(reached.path), is_by_home)


def _kind(element: Dimension | Entity) -> str:
    return "entity" if isinstance(element, Entity) else "dimension"


def _ambiguous(model: str, address: Address, columns: list[Reached]) -> Unreached:
    def spelled(reached: Reached) -> str:
        steps = " → ".join((model, *(s.right for s in reached.path)))
        return f"`{in_full(reached)}` ({steps})"

    def in_full(reached: Reached) -> str:
        return "__".join((*(step.via for step in reached.path), reached.element.name))

    ways = " or ".join(sorted(spelled(r) for r in columns))
    message = f"`{address.base}` can mean {ways}"
    names = {in_full(r) for r in columns}
    hint = "name one of the paths in full" if len(names) == len(columns) else None
    hint = hint or "give one of the two dimensions, or entities, another name"
    return Unreached("ambiguous-join", message, hint)
