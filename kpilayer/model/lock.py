"""What kpilayer.lock records: columns, types, nullability and keys of each relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class LockedColumn:
    """A column as the warehouse describes it; ``type`` is in the warehouse's spelling."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class LockedRelation:
    """A table, file or SQL model: columns in order, and the keys that the warehouse enforces."""

    columns: tuple[LockedColumn, ...]
    keys: tuple[tuple[str, ...], ...] = ()

    def column(self, name: str) -> LockedColumn | None:
        """The column of this name, whatever its case."""
        wanted = name.lower()
        return next((c for c in self.columns if c.name.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Lock:
    """All relations by the text that names them (see ``Catalog.relation_key``)."""

    dialect: str
    relations: Mapping[str, LockedRelation] = field(default_factory=lambda: MappingProxyType({}))
