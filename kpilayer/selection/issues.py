"""Which problems belong to which definitions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from kpilayer.errors import Issue, Location
from kpilayer.model.definitions import Definitions, Key
from kpilayer.model.semantic_model import Model

Starts = Mapping[str, Sequence[tuple[int, int, Key]]]


def concerning(
    issues: Iterable[Issue], keys: AbstractSet[Key], definitions: Definitions
) -> tuple[Issue, ...]:
    """The issues of these definitions, and those of none: a file that cannot be read, the lock."""
    starts = _starts(definitions)
    queries = {query.path: name for name, query in definitions.queries.items()}

    def owners(place: Location | None) -> Iterator[Key]:
        if place is not None and place.path in queries:
            yield ("model", queries[place.path])
        elif place is not None:
            yield from _owners(starts.get(place.path, ()), place)

    def is_ours(issue: Issue) -> bool:
        found = set(owners(issue.location))
        if not found:
            return True
        found.update(key for _, place in issue.see for key in owners(place))
        return bool(found & keys)

    return tuple(filter(is_ours, issues))


def _starts(definitions: Definitions) -> Starts:
    """By file: line, column and key of each definition, and of each field of a model.

    A model's fields begin anew after the metrics that stand inside it.
    """
    found: dict[str, set[tuple[int, int, Key]]] = {}
    for key, place in definitions.places.items():
        fields = [(), *((field,) for field in Model.model_fields)] if key[0] == "model" else [()]
        for steps in fields:
            at = place.text.at_key((*place.steps, *steps))
            found.setdefault(at.path, set()).add((at.line, at.column, key))
    return {path: sorted(starts) for path, starts in found.items()}


def _owners(starts: Sequence[tuple[int, int, Key]], place: Location) -> Iterator[Key]:
    """The last definition that begins at or above a place and is indented no further.

    Of a loop in a template, all that it makes begin on one line.
    """
    index = bisect_right(starts, place.line, key=lambda start: start[0]) - 1
    while index >= 0 and starts[index][1] > place.column:
        index -= 1
    if index >= 0:
        line = starts[index][0]
        yield from (key for at, column, key in starts if at == line and column <= place.column)
