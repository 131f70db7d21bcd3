"""What a name means for a model when paths to the many side count too (language.md P1-P4).

A path goes down (one-to-many) from the model, then up (many-to-one), then across models that are
bridges between many and many. Up and then down is no path: it would join rows that have nothing to
do with each other but a common parent.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

from kpilayer.address import Address
from kpilayer.join_graph import (
    MAX_STEPS,
    MOST_TRIED,
    JoinGraph,
    Reached,
    Step,
    Unreached,
    ambiguous,
)
from kpilayer.model.semantic_model import Dimension, Entity, Model

Path = tuple[Step, ...]


def reach(graph: JoinGraph, model: str, address: Address) -> Reached | Unreached:
    """The one column that an address means for a model, on whichever side, or why there is none.

    A path given in full comes first, then the model's own columns, then the shortest path up, down,
    across (P2). Of several in the first of these kinds that has any, none is chosen.
    """
    key = (model, address)
    known = graph.known_on_any_side.get(key)
    if known is None:
        known = graph.known_on_any_side[key] = _reach(graph, model, address)
    return known


def _reach(graph: JoinGraph, model: str, address: Address) -> Reached | Unreached:
    upward = graph.reach(model, address)
    words = address.entities
    if not words or (isinstance(upward, Reached) and _in_full(upward.path) == words):
        return upward
    settled = isinstance(upward, Reached) or upward.code in ("ambiguous-join", "too-large")
    if settled and len(words) < 2:
        return upward  # a short form of a path down does not come before another kind
    for crossing in (False, True):
        found = _nearest(graph, model, address, crossing=crossing, in_full=settled)
        if isinstance(found, Unreached):
            return upward if settled else found
        if found:
            return _chosen(graph, model, address, found)
    if settled or isinstance(upward, Reached):
        return upward
    return _why_not(graph, model, address, upward)


def _chosen(
    graph: JoinGraph, model: str, address: Address, found: list[Reached]
) -> Reached | Unreached:
    if graph.catalog.definitions.config.fanout == "refuse":
        below = found[0].path[0].right
        message = f"`{address.base}` is on the many side of `{model}`: one row of `{model}` has "
        message += f"many of `{below}`, and would be counted once for each"
        way = f"define the metric on `{below}`, or use a dimension that `{model}` reaches"
        return Unreached("fan-out-join", message, way)
    return found[0] if len(found) == 1 else ambiguous(model, address, found)


def _why_not(graph: JoinGraph, model: str, address: Address, why: Unreached) -> Unreached:
    """Why there is no path on any side, where there is none up."""
    if why.code != "fan-out-join":
        return why
    named = [
        f"{home.own_names[0]}__{address.name}"
        for home in (graph.catalog.models[name] for name in graph.having(address.name))
        if home.own_names and address.entities[-1] not in home.own_names
    ]
    message = f"`{address.base}` is not a dimension of `{model}`"
    hint = f"did you mean `{named[0]}`?" if named else None
    return Unreached("unknown-dimension", message, hint)


def _nearest(
    graph: JoinGraph, model: str, address: Address, *, crossing: bool, in_full: bool
) -> list[Reached] | Unreached:
    """What an address means at the end of the shortest paths that use the many side."""
    words = address.entities
    ends = {
        name
        for name, own in graph.having(address.name).items()
        if words[-1] in own or any(step.via == words[-1] for step in graph.into(name))
    }
    far = _distances(graph, ends)
    if model not in far:
        return []
    tried = 0
    for length in range(1, MAX_STEPS + 1):
        found: dict[tuple[Path, str], Reached] = {}
        for path in _paths(graph, model, far, length, crossing=crossing):
            tried += 1
            if tried > MOST_TRIED:
                message = f"more than {MOST_TRIED:,} join paths from `{model}` may lead to "
                message += f"`{address.base}`"
                return Unreached("too-large", message, "name its path in full")
            if path[-1].right not in ends or not _uses(path, crossing=crossing):
                continue
            home = graph.catalog.models[path[-1].right]
            if (_in_full(path) != words) if in_full else not _is_named(path, home, words):
                continue
            for element in _elements(home, address.name):
                reached = Reached(path, home.name, element, _in_full(path))
                found.setdefault((path, element.sql), reached)
        if found:
            whole = [r for r in found.values() if r.prefix == words]
            return whole or list(found.values())
    return []


def _uses(path: Path, *, crossing: bool) -> bool:
    kinds = {step.kind for step in path}
    return "across" in kinds if crossing else "down" in kinds


def _elements(home: Model, name: str) -> Iterator[Dimension | Entity]:
    dimension, entity = home.dimension(name), home.entity(name)
    if dimension is not None:
        yield dimension
    if entity is not None:
        yield entity


def _in_full(path: Path) -> tuple[str, ...]:
    return tuple(word for step in path for word in step.words)


def _is_named(path: Path, home: Model, words: tuple[str, ...]) -> bool:
    """Whether words are those of a path or of its last steps; keys may be left out on the way down.

    The last step may bear any name of the model where it ends.
    """
    options = [dict.fromkeys([step.words, (step.via,)]) for step in path]
    options[-1] |= dict.fromkeys(
        (*step[:-1], own) for step in options[-1] for own in home.own_names
    )
    spelled = (sum(choice, ()) for choice in product(*options))
    return any(found[-len(words) :] == words for found in spelled)


# ---------------------------------------------------------------------------------- paths and steps


def _paths(
    graph: JoinGraph, model: str, far: dict[str, int], length: int, *, crossing: bool
) -> Iterator[Path]:
    """Paths of a length: down, up, and across where that is asked; no model twice."""
    pending: list[Path] = [()]
    while pending:
        path = pending.pop()
        here = path[-1].right if path else model
        if _length(path) == length:
            yield path
        seen = {model, *(step.right for step in path)}
        for step in _onward(graph, here, path, crossing=crossing):
            longer = (*path, step)
            near = far.get(step.right, 2 * MAX_STEPS) // (2 if crossing else 1)
            if step.right not in seen and _length(longer) + near <= length:
                pending.append(longer)


def _onward(graph: JoinGraph, here: str, path: Path, *, crossing: bool) -> Iterator[Step]:
    kinds = [step.kind for step in path]
    across = "across" in kinds
    if all(kind == "down" for kind in kinds):
        yield from down(graph, here)
    if not across or kinds[-1] == "across":
        for step in graph.steps(here):
            if not path or step.via != path[-1].onto:
                yield step
    if crossing and (not across or kinds[-1] == "up"):
        yield from _across(graph, here)


def _length(path: Path) -> int:
    """The number of steps; into a bridge and out of it is one."""
    halves = sum(1 for one, other in pairwise(path) if one.kind == "across" != other.kind)
    return len(path) - halves


def down(graph: JoinGraph, model: str) -> Iterator[Step]:
    """The one-to-many joins that leave a model: those that enter it, the other way."""
    for step in graph.into(model):
        # A version holds at the time of the many side's rows, which are not the metric's.
        if step.left != model and step.key.type != "natural":
            child = graph.catalog.models[step.left]
            yield Step(
                model,
                child.own_names[0] if child.own_names else step.via,
                child.name,
                step.via,
                step.key,
                step.entity,
                tuple((theirs, ours) for ours, theirs in step.on),
                "down",
                step.onto,
            )


def _across(graph: JoinGraph, model: str) -> Iterator[Step]:
    """The joins from a model into bridges, on an entity that both have."""
    here = graph.catalog.models[model]
    for bridge in graph.catalog.models.values():
        if not bridge.bridge or bridge.name == model or (bridge.validity and here.validity):
            continue
        for entity in here.entities:
            for key in bridge.entities:
                ours, theirs = here.key(entity), bridge.key(key)
                if key.target == entity.target and not key.is_unique and len(ours) == len(theirs):
                    via = bridge.own_names[0] if bridge.own_names else key.name
                    on = tuple(zip(ours, theirs, strict=True))
                    place = (model, via, bridge.name, key.name, entity, key, on)
                    yield Step(*place, "across", entity.name)


def _distances(graph: JoinGraph, ends: set[str]) -> dict[str, int]:
    """The fewest steps from each model to one of the ends, in any direction."""
    far = dict.fromkeys(ends, 0)
    front = list(ends)
    while front:
        here = front.pop(0)
        if far[here] == 2 * MAX_STEPS:  # both halves of the steps across
            continue
        beside = [s.left for s in graph.into(here)] + [s.right for s in graph.steps(here)]
        beside += graph.bridged(here)
        for model in beside:
            if model not in far:
                far[model] = far[here] + 1
                front.append(model)
    return far
