"""A document whose data was rearranged, and where each of its parts stands in the text.

Other forms of the definition language are translated into the native one as plain data. A value
that moves keeps its place: a native path leads back to the file and path where it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kpilayer.errors import Location
from kpilayer.load.document import Document, YamlPath


class Part(NamedTuple):
    """A value, and where it stands. A made value has the place of what it was made from."""

    value: Any
    document: Document
    path: YamlPath

    def part(self, key: str | int) -> Part:
        """The entry of a mapping or list."""
        return Part(self.value[key], self.document, (*self.path, key))

    def made(self, value: object, *steps: str | int) -> Part:
        """Another value at the same place, or at a path below it."""
        return Part(value, self.document, (*self.path, *steps))

    def at(self) -> Location:
        """The place of the value."""
        return self.document.at(self.path)

    def at_key(self) -> Location:
        """The place of its key."""
        return self.document.at_key(self.path)


class Built(NamedTuple):
    """A mapping or list put together from parts that stand anywhere; ``home`` is shown for it.

    ``broken``: what is wrong with it has been reported.
    """

    home: Part
    parts: Mapping[str, Part | Built] | list[Part | Built]
    broken: bool = False


Spot = tuple[Document, YamlPath]


@dataclass(frozen=True, slots=True)
class Moved:
    """Rearranged data of ``document``; answers for native paths as a :class:`Document` does.

    The longest prefix of a native path that ``moved`` knows is replaced, the rest appended. Paths
    in ``broken`` lead to entries about which everything has been said already.
    """

    document: Document
    data: object
    moved: Mapping[YamlPath, Spot]
    broken: frozenset[YamlPath] = frozenset()

    @property
    def path(self) -> str:
        """The file."""
        return self.document.path

    def at_key(self, path: YamlPath) -> Location:
        """The place of a key, or of the nearest thing around it that has one."""
        document, original = self._original(path)
        return document.at_key(original)

    def at(self, path: YamlPath) -> Location:
        """The place of a value, or of the nearest thing around it that has one."""
        document, original = self._original(path)
        return document.at(original)

    def within(
        self, path: YamlPath, offset: int, length: int, needle: str | None = None
    ) -> Location:
        """A place inside a string; see :meth:`Document.within`."""
        document, original = self._original(path)
        return document.within(original, offset, length, needle)

    def has(self, path: YamlPath) -> bool:
        """Whether a value stands there in the text."""
        document, original = self._original(path)
        return document.has(original)

    def written(self, path: YamlPath) -> object:
        """The value as it is written; see :meth:`Document.written`."""
        document, original = self._original(path)
        return document.written(original)

    def is_broken(self, path: YamlPath) -> bool:
        """Whether the entry could not be translated, and its problems are reported."""
        return path in self.broken

    def _original(self, path: YamlPath) -> Spot:
        for end in range(len(path), 0, -1):
            spot = self.moved.get(path[:end])
            if spot is not None:
                return spot[0], (*spot[1], *path[end:])
        return self.document, path


def moved_document(document: Document, parts: Mapping[str, Part | Built]) -> Moved:
    """A document of these top-level parts."""
    moved: dict[YamlPath, Spot] = {}
    broken: set[YamlPath] = set()
    root = (document, ())
    data = {key: _settle(part, (key,), root, moved, broken) for key, part in parts.items()}
    return Moved(document, data, moved, frozenset(broken))


def _settle(
    part: Part | Built,
    path: YamlPath,
    around: Spot,
    moved: dict[YamlPath, Spot],
    broken: set[YamlPath],
) -> Any:
    """The plain data of a part that stands at ``path`` from now on; records where it stood.

    ``around`` is the spot of the mapping or list that holds it: what did not move in relation to
    that needs no record.
    """
    if isinstance(part, Part):
        value, document, original = part
        if document is not around[0] or original != (*around[1], path[-1]):
            moved[path] = (document, original)
        return value
    _, document, original = part.home
    if document is not around[0] or original != (*around[1], path[-1]):
        moved[path] = (document, original)
    if part.broken:
        broken.add(path)
    here = (document, original)
    if isinstance(part.parts, list):
        return [_settle(p, (*path, n), here, moved, broken) for n, p in enumerate(part.parts)]
    return {key: _settle(p, (*path, key), here, moved, broken) for key, p in part.parts.items()}
