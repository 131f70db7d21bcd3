"""What names in a SELECT mean: columns of tables, and of queries that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from kpilayer.drift.rows import NotRead, Relation, Source

if TYPE_CHECKING:
    from kpilayer.drift.reader import Reader

_UNKNOWN: Final = "?"


class Scope:
    """The names of one SELECT, its rows, and the groups that it reads."""

    def __init__(self, reader: Reader, tree: exp.Select, ctes: Mapping[str, Relation]) -> None:
        self.reader, self.tree, self.ctes = reader, tree, ctes
        self.scopes: dict[str, dict[str, exp.Expr] | Source] = {}
        self.sources: list[Source] = []
        self.where: list[exp.Expr] = []
        self.grouped: list[Relation] = []
        self.beside: dict[int, list[exp.Expr]] = {}
        """The conditions of outer joins with groups."""
        self.whole: set[int] = set()
        """The groups that are joined so that all of both sides stay."""
        self.having: list[exp.Expr] = []
        self.same: list[tuple[exp.Expr, exp.Expr]] = []
        """Values that joins and conditions make equal in each row."""
        self.aliases: dict[str, exp.Expr] = {}
        self.resolving: set[str] = set()

    def _column(self, column: exp.Column) -> exp.Expr:
        name, of = column.name.lower(), column.table.lower()
        if of:
            if of not in self.scopes:
                raise NotRead(f"`{of}.{name}` is of no table that is read")
            return self._from(self.scopes[of], name)
        having = [s for s in self.scopes.values() if self._has(s, name)]
        if having:
            return self._from(having[0], name)
        if name in self.aliases and name not in self.resolving and not self._is_own(name):
            self.resolving.add(name)
            try:
                return self.value(self.aliases[name])
            finally:
                self.resolving.discard(name)
        open_ = [
            s for s in self.scopes.values()
            if isinstance(s, Source) and s.table not in self.reader.tables
        ]  # fmt: skip
        if len(open_) == 1:
            return self._from(open_[0], name)
        return made_column(name, _UNKNOWN)

    def _is_own(self, name: str) -> bool:
        """Whether a name is a column's that an output has, too: `SUM(amount) AS amount`."""
        columns = self.aliases[name].find_all(exp.Column)
        return any(c.name.lower() == name and not c.table for c in columns)

    def value(self, tree: exp.Expr) -> exp.Expr:
        """An expression over the tables' columns and aggregates."""
        raise NotImplementedError

    def _has(self, scope: dict[str, exp.Expr] | Source, name: str) -> bool:
        if isinstance(scope, Source):
            return name in self.reader.tables.get(scope.table, ())
        return name in scope

    def _from(self, scope: dict[str, exp.Expr] | Source, name: str) -> exp.Expr:
        if isinstance(scope, Source):
            return made_column(name, scope.name)
        if name not in scope:
            raise NotRead(f"there is no column `{name}`")
        return scope[name].copy()


def made_column(name: str, of: str) -> exp.Column:
    """A column of a source."""
    return exp.Column(this=exp.to_identifier(name), table=exp.Identifier(this=of, quoted=True))
