"""CODEOWNERS from the groups that own definitions: a code host asks them for a review.

The file only routes. Who has to agree to what is judged from the base (``policy.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from kpilayer.catalog import Catalog
from kpilayer.change.reach import group_of

BEGIN: Final = "# kpilayer: begin (written by `kpilayer export codeowners`)"
END: Final = "# kpilayer: end"
#: Who has agreed to what; it counts once it stands in the base.
_APPROVALS: Final = "approvals.yml"


def codeowners(catalog: Catalog, prefix: str) -> str:
    """The lines of CODEOWNERS: each file of definitions with the teams whose definitions it holds.

    approvals.yml is everybody's. ``prefix`` is the project's folder in the repository. Groups
    without a ``handle`` are left out.
    """
    lines = [f"{_pattern(prefix, path)} {' '.join(handles)}" for path, handles in _owned(catalog)]
    return "\n".join([BEGIN, *lines, END]) + "\n"


def merged(text: str, block: str) -> str:
    """A CODEOWNERS file with our block in place of the one that it has, else at its end."""
    start, end = text.find(BEGIN), text.find(END)
    if start < 0 or end < start:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return text + gap + block
    rest = text[end + len(END) :].removeprefix("\n")
    return text[:start] + block + rest


def _owned(catalog: Catalog) -> Iterator[tuple[str, tuple[str, ...]]]:
    definitions = catalog.definitions
    found: dict[str, set[str]] = {}
    for metric in definitions.metrics:
        _add(found, catalog, "metric", metric.name, metric.config.group)
    for model in definitions.models:
        _add(found, catalog, "model", model.name, model.config.group)
        query = definitions.queries.get(model.name)
        group = group_of(catalog, model.config.group) if model.config.group else None
        if query is not None and group is not None and group.handle:
            found.setdefault(query.path, set()).add(group.handle)
    for view in definitions.views:
        _add(found, catalog, "view", view.name, view.config.group)
    everybody = {group.handle for group in definitions.groups if group.handle}
    if everybody:
        found[_APPROVALS] = everybody
    for path in sorted(found):
        yield path, tuple(sorted(found[path]))


def _add(
    found: dict[str, set[str]], catalog: Catalog, kind: str, name: str, owner: str | None
) -> None:
    place = catalog.definitions.at(kind, name, "name")  # type: ignore[arg-type]
    group = group_of(catalog, owner) if owner else None
    if place is not None and group is not None and group.handle:
        found.setdefault(place.path, set()).add(group.handle)


def _pattern(prefix: str, path: str) -> str:
    """A path as CODEOWNERS has it: from the repository's root, blanks escaped.

    Of a name that would be a pattern, or a comment, the folder.
    """
    place = PurePosixPath(prefix, path)
    while any(sign in place.name for sign in "*?[]#!\\\n\r\t"):
        place = place.parent
    folder = "/" if str(place) != str(PurePosixPath(prefix, path)) and str(place) != "." else ""
    return "/" + str(place).replace(" ", "\\ ").removeprefix(".") + folder
