"""Whom a definition reaches: everything that reads it, shows it, and who answers for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kpilayer.change.edits import Subject
from kpilayer.change.reach import NOBODY, Reach, Users, owner
from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.lineage import elements
from kpilayer.model.definitions import Key
from kpilayer.selection.dependencies import Dependencies, reachable
from kpilayer.selection.versions import Side


@dataclass(frozen=True, slots=True)
class Reached:
    """A metric or model that reads a definition, directly or through others; what shows it."""

    kind: str
    name: str
    direct: bool
    owner: str | None
    reach: Reach


@dataclass(frozen=True, slots=True)
class Impact:
    """Whom a definition reaches. ``own`` is what shows the definition itself."""

    subject: Subject
    owner: str | None
    own: Reach
    readers: tuple[Reached, ...]

    @property
    def reach(self) -> Reach:
        """What shows it, or anything that reads it."""
        found = self.own
        for reader in self.readers:
            found = found.merged(reader.reach)
        return found

    @property
    def owners(self) -> tuple[str, ...]:
        """The groups that own it, or anything that reads it."""
        named = (self.owner, *(reader.owner for reader in self.readers))
        return tuple(sorted({name for name in named if name}))


def impact(side: Side, name: str) -> Impact:
    """Whom a metric, a model or a dimension (`orders.status`) reaches.

    Where a metric and a model have one name, `model:orders` is the model.

    Raises:
        QueryError: there is no definition of this name.
    """
    subject = _subject(side, name)
    users = Users(side.catalog)
    readers = tuple(
        Reached(kind, reader, direct, owner(side.catalog, (kind, reader)), users.of((kind, reader)))
        for (kind, reader), direct in _readers(side, subject)
    )
    return Impact(subject, owner(side.catalog, subject), users.of(subject) or NOBODY, readers)


def _subject(side: Side, name: str) -> Subject:
    catalog = side.catalog
    kind, _, rest = name.partition(":")
    kind, name = (kind, rest) if kind in ("metric", "model") and rest else ("", name)
    if name in catalog.metrics and kind != "model":
        return "metric", name
    model, _, part = name.partition(".")
    if part and model in catalog.models:
        if catalog.models[model].dimension(part) is not None:
            return "dimension", name
        if catalog.models[model].entity(part) is not None:
            return "entity", name
    if (name in catalog.models or name in catalog.queries) and kind != "metric":
        return "model", name
    parts = (f"{m.name}.{d.name}" for m in catalog.models.values() for d in m.dimensions)
    hint = did_you_mean(name, [*catalog.metrics, *catalog.models, *catalog.queries, *parts])
    message = f"there is no metric, model or dimension `{name}`"
    raise QueryError(Issue("unknown-metric", message, hint=hint))


def _readers(side: Side, subject: Subject) -> Iterator[tuple[Key, bool]]:
    """What reads a definition, the direct ones first."""
    edges = Dependencies(side.identity.graph).downstream
    kind, name = subject
    if kind in ("dimension", "entity"):
        model = name.partition(".")[0]
        below = reachable(edges, [("model", model)]) if ("model", model) in edges else set()
        start = [key for key in below if key[0] == "metric" and _uses(side, key[1], name)]
        direct = {key for key in start if not any(key in edges.get(k, ()) for k in start)}
    else:
        key: Key = ("metric", name) if kind == "metric" else ("model", name)
        start = [key]
        direct = set(edges.get(key, ()))
    found = reachable(edges, start) - ({("metric", name), ("model", name)})
    for key in sorted(found, key=lambda k: (k not in direct, k)):
        yield key, key in direct


def _uses(side: Side, metric: str, part: str) -> bool:
    if metric not in side.catalog.metrics:
        return False
    return part in {f"{m}.{n}" for m, n in elements(side.identity.graph, metric)}
