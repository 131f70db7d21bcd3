"""What rules look at."""

from __future__ import annotations

from dataclasses import dataclass

from kpilayer.catalog import Catalog
from kpilayer.join_graph import JoinGraph
from kpilayer.model.lock import Lock


@dataclass(frozen=True, slots=True)
class Context:
    """A resolved project, and the columns and types of its relations where they are locked."""

    graph: JoinGraph
    lock: Lock | None

    @property
    def catalog(self) -> Catalog:
        """The resolved definitions."""
        return self.graph.catalog
