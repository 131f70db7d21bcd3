"""Conformed dimensions that mean nothing, or not one thing."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.address import parse
from kpilayer.check.context import Context
from kpilayer.check.types import family_at
from kpilayer.errors import Issue, did_you_mean
from kpilayer.join_graph import Reached
from kpilayer.model.semantic_model import ConformedDimension, Dimension


def conformed_dimensions_agree(context: Context) -> Iterator[Issue]:
    """Conformed dimensions whose addresses lead nowhere, or to values that cannot be compared.

    Checks:
        Each address of `from`, by the name of a model's own entity; their types, as declared and,
        where kpilayer.lock knows them, in the warehouse; the name, against entities.
    Why:
        Rows of several metrics meet by this value: text and numbers would not meet, or by accident.
    Instead:
        Correct the address, or cast in the dimension's `expr`.
    """
    definitions = context.catalog.definitions
    entities = {e.name for m in context.catalog.models.values() for e in m.entities}
    for conformed in definitions.conformed_dimensions:
        place = definitions.at("conformed_dimension", conformed.name, "name")
        if conformed.name in entities:
            message = f"`{conformed.name}` is an entity as well: a bare word would mean both"
            yield Issue(
                "duplicate-name", message, place, "give the conformed dimension another name"
            )
        yield from _addresses(context, conformed)


def _addresses(context: Context, conformed: ConformedDimension) -> Iterator[Issue]:
    definitions, first = context.catalog.definitions, None
    for index, text in enumerate(conformed.from_):
        place = definitions.at("conformed_dimension", conformed.name, "from", index)
        found = _home(context, text)
        if found is None:
            if definitions.all_read and not any(kind == "model" for kind, _ in definitions.broken):
                models = context.catalog.models.values()
                known = [
                    f"{n}__{d.name}" for m in models for n in m.own_names for d in m.dimensions
                ]
                message = f"`{text}` is not a dimension of any model, by the entity of its own"
                hint = did_you_mean(text, known)
                yield Issue("unknown-dimension", message, place, hint)
            continue
        kind = _kind(context, found)
        first = first or (text, kind)
        for one, other in zip(first[1], kind, strict=True):
            if one is not None and other is not None and one != other:
                message = (
                    f"`{text}` is {other}, and `{first[0]}` is {one}: they are not one dimension"
                )
                yield Issue("type-mismatch", message, place, "cast one of them in its `expr`")
                break


def _home(context: Context, text: str) -> Reached | None:
    """The dimension that an address names: in its own model, else from any that reaches it."""
    asked = parse(text)
    models = sorted(
        context.catalog.models.values(), key=lambda m: asked.entities[:1] != m.own_names[:1]
    )
    for model in models:
        if asked.entities:
            found = context.graph.reach(model.name, asked)
            if isinstance(found, Reached) and isinstance(found.element, Dimension):
                return found
    return None


def _kind(context: Context, found: Reached) -> tuple[str | None, ...]:
    element = found.element
    assert isinstance(element, Dimension), "only dimensions are looked for"
    unit = f"a time by {element.granularity}" if element.type == "time" else "categorical"
    family = family_at(context, found.model, element.sql)
    return unit, f"a {family}" if family else None
