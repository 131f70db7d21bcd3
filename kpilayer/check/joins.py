"""Entities of several models that cannot be joined as they are declared."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.check.context import Context
from kpilayer.errors import Issue


def composite_keys_pair(context: Context) -> Iterator[Issue]:
    """Keys of one entity with different numbers of parts.

    Checks:
        `columns` of each entity, against the models in which the entity is unique.
    Why:
        The sides of a join pair by position; a part without a partner would join too many rows.
    Instead:
        Give the entity as many parts as its home model has.
    """
    for model in context.catalog.models.values():
        for entity in model.entities:
            for home, key in context.graph.homes(entity.target):
                ours, theirs = len(model.key(entity)), len(home.key(key))
                if home is model or ours == theirs:
                    continue
                message = f"entity `{entity.name}` of `{model.name}` has {_parts(ours)}, and "
                message += (
                    f"`{key.name}` of `{home.name}` has {_parts(theirs)}: they cannot be joined"
                )
                names = [e.name for e in model.derived_semantics.entities]
                at = (
                    ("derived_semantics", "entities", names.index(entity.name))
                    if (entity.name in names)
                    else ("name",)
                )
                place = context.catalog.definitions.at("model", model.name, *at)
                hint = "the parts of both sides pair by position"
                yield Issue("composite-key", message, place, hint)


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"
