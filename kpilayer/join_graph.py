"""Paths between semantic models, and which column a name means for a metric (language.md P1-P4).

A step goes from a model to one whose row its entity identifies: many-to-one, so no row is repeated.
What is reached only against that direction is refused by name: it would count rows several times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from kpilayer import grain
from kpilayer.address import Address
from kpilayer.catalog import Catalog
from kpilayer.errors import did_you_mean, listing, nearest
from kpilayer.model.semantic_model import Dimension, Entity, Model

MAX_STEPS: Final = 5
MOST_PATHS: Final = 500  # that lists show from one model
MOST_TRIED: Final = 5_000  # to find what one name means


@dataclass(frozen=True, slots=True)
class Step:
    """A join of two models on an entity: ``onto`` of the right one, ``by`` of the left one.

    Up is many-to-one: the left entity's key, called ``via``, equals a unique key of the right
    model. Down goes the other way, and across into a bridge, both of which are known by the right
    model's own name. ``on`` pairs the parts of the two keys, as SQL over the left and right model.
    """

    left: str
    via: str
    right: str
    onto: str
    entity: Entity = field(compare=False)
    key: Entity = field(compare=False)
    on: tuple[tuple[str, str], ...] = field(compare=False)
    kind: Literal["up", "down", "across"] = "up"
    by: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """What names the step in a path that is given in full."""
        key = self.by if self.kind == "across" else self.onto
        return (self.via,) if self.kind == "up" or key == self.via else (key, self.via)


Wanted = AbstractSet[Step]


@dataclass(frozen=True, slots=True)
class Partition:
    """Dimensions that must be equal where models are joined, truncated to ``grain`` if it is time.

    ``left`` is of the model that stands ``at`` so many steps on a path, ``right`` of the last one.
    """

    at: int
    left: Dimension
    right: Dimension
    grain: str | None


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
    _leaving: dict[str, tuple[Step, ...]] = field(default_factory=dict, compare=False)
    _entering: dict[str, tuple[Step, ...]] = field(default_factory=dict, compare=False)
    _holders: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict, compare=False)
    _paths: dict[str, tuple[tuple[Step, ...], ...]] = field(default_factory=dict, compare=False)
    _names: dict[str, dict[str, tuple[Reached, ...]]] = field(default_factory=dict, compare=False)
    _reached: dict[tuple[str, Address], Reached | Unreached] = field(
        default_factory=dict, compare=False
    )

    known_on_any_side: dict[tuple[str, Address], Reached | Unreached] = field(
        default_factory=dict, compare=False
    )

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

    def steps(self, model: str) -> tuple[Step, ...]:
        """The many-to-one joins that leave a model."""
        if model not in self._leaving:
            left = self.catalog.models[model]
            self._leaving[model] = tuple(
                Step(
                    model,
                    entity.name,
                    home.name,
                    key.name,
                    entity,
                    key,
                    _pairs(left, entity, home, key),
                )
                for entity in left.entities
                for home, key in self.homes(entity.target)
                if (home.name != model or entity.name != key.name)
                and not (left.validity and home.validity)
                and len(left.key(entity)) == len(home.key(key))
            )
        return self._leaving[model]

    def partitions(self, path: tuple[Step, ...]) -> tuple[Partition, ...]:
        """On which columns the last model of a path must agree with those before it.

        Each partition of the last model is paired with that of its name in the nearest model before
        it that has one (reference A.7: fewest links).
        """
        before = [step.left for step in path]
        found: list[Partition] = []
        for dimension in self.catalog.models[path[-1].right].partitions:
            for length in range(len(before) - 1, -1, -1):
                model = self.catalog.models[before[length]]
                own = next((d for d in model.partitions if d.name == dimension.name), None)
                if own is not None:
                    grains: list[str] = [d.granularity for d in (own, dimension) if d.granularity]
                    unit = grain.coarsest(grains) if len(grains) == 2 else None
                    found.append(Partition(length, own, dimension, unit))
                    break
        return tuple(found)

    def versioned(self, path: tuple[Step, ...]) -> str | None:
        """A model on a path that keeps versions of its rows, the first of them."""
        models = (step.right for step in path)
        return next((name for name in models if self.catalog.models[name].validity), None)

    def into(self, model: str) -> tuple[Step, ...]:
        """The many-to-one joins that enter a model."""
        if not self._entering:
            found: dict[str, list[Step]] = {name: [] for name in self.catalog.models}
            for name in self.catalog.models:
                for step in self.steps(name):
                    found[step.right].append(step)
            self._entering.update({name: tuple(steps) for name, steps in found.items()})
        return self._entering[model]

    def bridged(self, model: str) -> tuple[str, ...]:
        """The models that have an entity of a bridge, where the model is one."""
        bridge = self.catalog.models[model]
        keys = {e.target for e in bridge.entities} if bridge.bridge else set()
        models = self.catalog.models.values() if keys else ()
        return tuple(m.name for m in models if any(e.target in keys for e in m.entities))

    def having(self, name: str) -> dict[str, tuple[str, ...]]:
        """The models with a dimension or entity of a name, each with its own names."""
        if not self._holders:
            for model in self.catalog.models.values():
                own = model.own_names
                elements: list[Dimension | Entity] = [*model.dimensions, *model.entities]
                for element in elements:
                    self._holders.setdefault(element.name, {})[model.name] = own
        return self._holders.get(name, {})

    def paths(self, model: str) -> tuple[tuple[Step, ...], ...]:
        """The paths up from a model, shortest first; no model twice, but for a self-join.

        All of them up to `MOST_PATHS`; where there are more, the shortest to each model.
        """
        known = self._paths.get(model)
        if known is not None:
            return known
        found: list[tuple[Step, ...]] = []
        nearest: dict[str, int] = {}  # steps to each model
        queue: deque[tuple[Step, ...]] = deque([()])
        while queue:
            path = queue.popleft()
            for step in self._onward(model, path):
                if len(found) >= MOST_PATHS and step.right in nearest:
                    continue
                nearest.setdefault(step.right, len(path) + 1)
                found.append((*path, step))
                if len(path) + 1 < MAX_STEPS:
                    queue.append((*path, step))
        if len(found) >= MOST_PATHS:
            found = [path for path in found if len(path) == nearest[path[-1].right]]
        self._paths[model] = tuple(found)
        return self._paths[model]

    def _onward(self, model: str, path: tuple[Step, ...]) -> Iterator[Step]:
        """The steps by which a path from a model goes on."""
        here = path[-1].right if path else model
        seen = {model, *(step.right for step in path)}
        for step in self.steps(here):
            # Going on by the key through which a model was entered leads nowhere new.
            if path and step.via == path[-1].onto:
                continue
            if step.right not in seen or step.right == step.left:
                yield step

    def names(self, model: str) -> dict[str, tuple[Reached, ...]]:
        """What can be reached from a model by its last name, nearest first."""
        known = self._names.get(model)
        if known is not None:
            return known
        found: dict[str, list[Reached]] = {}
        upwards = (r for path in self.paths(model) for r in self._elements(path))
        for reached in (*_own(self.catalog.models[model]), *upwards):
            found.setdefault(reached.element.name, []).append(reached)
        self._names[model] = {name: tuple(things) for name, things in found.items()}
        return self._names[model]

    def _elements(self, path: tuple[Step, ...]) -> Iterator[Reached]:
        """What stands at the end of a path, by the path's entities and by its own model's."""
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
        key = (model, address)
        if key not in self._reached:
            self._reached[key] = self._reach(model, address)
        return self._reached[key]

    def _reach(self, model: str, address: Address) -> Reached | Unreached:
        found = self._nearest(model, address)
        if isinstance(found, Unreached):
            return found
        if not found:
            return self._why_not(model, address)
        # A column may be entity and dimension; two columns of one name are two things.
        columns: dict[tuple[tuple[Step, ...], str, str], Reached] = {}
        for reached in found:
            columns.setdefault((reached.path, reached.model, reached.element.sql), reached)
        if len(columns) == 1:
            return next(iter(columns.values()))
        return ambiguous(model, address, list(columns.values()))

    def _nearest(self, model: str, address: Address) -> list[Reached] | Unreached:
        """What an address can mean: the model's own, or at the end of the shortest paths.

        An address has the words of a whole path, or of the last steps of a longer one. A bare word
        is the model's own entity.
        """
        words = address.entities
        own = [
            r
            for r in _own(self.catalog.models[model])
            if r.element.name == address.name and r.prefix == words
        ]
        if own or not words:
            return own
        wanted: list[Wanted] = []
        for length, last in enumerate(islice(self._toward(model, address), MAX_STEPS), start=1):
            wanted.insert(0, last)
            if length < len(words):
                continue
            found = self._at_the_end(model, address, wanted)
            if found is None:
                message = f"more than {MOST_TRIED:,} join paths from `{model}` may lead to "
                hint = "name its path in full"
                return Unreached("too-large", f"{message}`{address.base}`", hint)
            if found:
                # A path's own entities beat the name of the model where it ends.
                return [r for r in found if r.prefix[-1] == r.path[-1].via] or found
        return []

    def _toward(self, model: str, address: Address) -> Iterator[Wanted]:
        """The last steps to what an address names, the last but one, and so on without end.

        They keep the search from going where nothing is to be found.
        """
        ends = self.having(address.name)
        words = list(address.entities)
        last = words.pop()
        steps = {s for end, own in ends.items() for s in self.into(end)
                 if s.via == last or last in own}  # fmt: skip
        while True:
            # A path does not come back to where it begins, but for a self-join there.
            steps = {s for s in steps if s.right != model or s.left == model}
            yield steps
            word = words.pop() if words else None
            before = {s for left in {s.left for s in steps} for s in self.into(left)}
            steps = {s for s in before if word in (None, s.via)}

    def _at_the_end(
        self, model: str, address: Address, wanted: list[Wanted]
    ) -> list[Reached] | None:
        """What stands under an address at the ends of paths made of ``wanted`` steps, in order.

        None when more than `MOST_TRIED` paths are on the way there.
        """
        paths: list[tuple[Step, ...]] = [()]
        for steps in wanted:
            onward = ((*p, s) for p in paths for s in self._onward(model, p) if s in steps)
            paths = list(islice(onward, MOST_TRIED + 1))
            if len(paths) > MOST_TRIED:
                return None
        return [
            reached
            for path in paths
            for reached in self._elements(path)
            if reached.element.name == address.name and reached.prefix[-1] == address.entities[-1]
        ]

    def groupable(self, model: str) -> tuple[Reached, ...]:
        """Everything that a model's metrics can be grouped by, each column once, nearest first."""
        found: dict[tuple[tuple[Step, ...], str, str, str], Reached] = {}
        for things in self.names(model).values():
            for reached in things:
                key = (reached.path, reached.model, reached.element.name, _kind(reached.element))
                if not (isinstance(reached.element, Entity) and reached.element.columns):
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
            home = self.catalog.models[homes[0]]
            name = home.own_names[0] if home.own_names else address.name
            way = f"give `{model}` a foreign entity `{name}`"
            if address.entities[-1:] == (home.primary_entity,) and not home.entity(name):
                message += f"; `{home.name}` has `{name}` only as its `primary_entity`, which is "
                message += "a name without a key column"
                has_it = any(e.target == name for e in self.catalog.models[model].entities)
                also = "" if has_it else f", and {way}"
                way = f"declare the entity `{name}` of `{home.name}` with its column{also}"
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


def _pairs(left: Model, entity: Entity, home: Model, key: Entity) -> tuple[tuple[str, str], ...]:
    return tuple(zip(left.key(entity), home.key(key), strict=False))


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


def _kind(element: Dimension | Entity) -> str:
    return "entity" if isinstance(element, Entity) else "dimension"


def many_part(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """A path up to its last step to the many side; empty where every step is many-to-one."""
    lengths = [length for length, step in enumerate(path, start=1) if step.kind != "up"]
    return path[: lengths[-1]] if lengths else ()


def ambiguous(model: str, address: Address, columns: list[Reached]) -> Unreached:
    """Why none of several columns is chosen: their paths, and how each is named."""

    def spelled(reached: Reached) -> str:
        steps = " → ".join((model, *(s.right for s in reached.path)))
        return f"`{in_full(reached)}` ({steps})"

    def in_full(reached: Reached) -> str:
        words = (word for step in reached.path for word in step.words)
        return "__".join((*words, reached.element.name))

    ways = " or ".join(sorted(spelled(r) for r in columns))
    message = f"`{address.base}` can mean {ways}"
    names = {in_full(r) for r in columns}
    hint = "name one of the paths in full" if len(names) == len(columns) else None
    hint = hint or "give one of the two dimensions, or entities, another name"
    return Unreached("ambiguous-join", message, hint)
