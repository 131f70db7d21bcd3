"""What a question needs that this version can load, check and identify, but not compute.

Each is refused by name when a question is bound: leaving it out would give another number than the
definition says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kpilayer.catalog import Catalog
from kpilayer.formula import Atom, Formula, atoms
from kpilayer.join_graph import Reached
from kpilayer.model.semantic_model import Model


def in_formula(tree: Formula) -> Iterator[str]:
    """What a metric's formula holds that cannot be computed."""
    yield from dict.fromkeys(r for atom in atoms(tree) for r in _of_atom(atom))


def _of_atom(atom: Atom) -> Iterator[str]:
    if atom.agg == "approx_percentile":
        yield "approximate percentiles"


def in_model(model: Model) -> Iterator[str]:
    """What the rows of a model need whenever they are read."""
    if model.row_access is not None:
        yield f"row access (`row_access` of `{model.name}`)"


def in_columns(catalog: Catalog, columns: Iterable[Reached]) -> Iterator[str]:
    """What the joins to columns, and the columns, need."""
    for reached in columns:
        for step in reached.path:
            yield from in_model(catalog.models[step.right])
