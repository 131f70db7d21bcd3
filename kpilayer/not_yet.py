"""What a question needs that this version can load, check and identify, but not compute.

Each is refused by name when a question is bound: leaving it out would give another number than the
definition says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kpilayer.catalog import Catalog
from kpilayer.join_graph import Reached
from kpilayer.model.semantic_model import Model


def in_model(model: Model) -> Iterator[str]:
    """What the rows of a model need whenever they are read."""
    if model.row_access is not None:
        yield f"row access (`row_access` of `{model.name}`)"


def in_columns(catalog: Catalog, columns: Iterable[Reached]) -> Iterator[str]:
    """What the joins to columns, and the columns, need."""
    for reached in columns:
        for step in reached.path:
            yield from in_model(catalog.models[step.right])
