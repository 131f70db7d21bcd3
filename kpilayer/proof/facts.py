"""What is known of tables: types, NULLs, keys and references. Proofs rest on nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``type`` as the queries' dialect has it."""

    name: str
    type: exp.DataType
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: values of columns, where none is NULL, stand in those of another table."""

    columns: tuple[str, ...]
    table: str
    target: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table's columns in order, its keys (no two rows are alike in one), and its references.

    ``name`` is as queries write it, dots between its parts. A key in which a column may be NULL is
    unique among rows without NULLs in it.
    """

    name: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of this name, whatever its case."""
        wanted = name.lower()
        return next((c for c in self.columns if c.name.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """Tables by their names in lower case, and keys of those whose columns nobody has told."""

    tables: Mapping[str, Table] = field(default_factory=lambda: MappingProxyType({}))
    keys: Mapping[str, tuple[tuple[str, ...], ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def table(self, node: exp.Table) -> Table | None:
        """What is known of a table that a query reads."""
        return self.tables.get(".".join(part.name for part in node.parts).lower())
