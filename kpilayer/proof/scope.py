"""What names mean in a query that is read: items of FROM, outputs, and queries around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from kpilayer.proof import expressions
from kpilayer.proof.aggregates import only
from kpilayer.proof.facts import Facts
from kpilayer.proof.given import Given
from kpilayer.proof.query import Left, Query, Source, Unreadable
from kpilayer.proof.term import Term

#: Names of WITH; each use reads the query anew, as tables of its own.
Ctes = Mapping[str, Callable[[], Query]]
MOST_SOURCES: Final = 60
_CASE_SENSITIVE: Final = frozenset({"postgres", "redshift", "snowflake", "clickhouse"})


@dataclass(slots=True)
class Item:
    """One item of FROM: its name, and its columns; all of them, or those that are asked for."""

    alias: str
    columns: dict[str, Term]
    open: Source | None = None


@dataclass(slots=True)
class From:
    """What FROM and its joins come to."""

    inner: list[Source] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    where: list[Term] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    merged: dict[str, Term] = field(default_factory=dict)


@dataclass(slots=True)
class Reader:
    """Reads the queries of one statement; sources get ascending numbers."""

    facts: Facts
    dialect: str
    query: Callable[[exp.Expr, Reader, Ctes, Scope | None], Query]
    given: Mapping[str, Given] = field(default_factory=dict)
    count: int = 0
    optional: set[int] = field(default_factory=set)
    stored: set[int] = field(default_factory=set)

    def number(self) -> int:
        """The next source's number."""
        self.count += 1
        if self.count > MOST_SOURCES * 100:
            raise Unreadable("too many tables")
        return self.count

    def name(self, identifier: exp.Expr) -> str:
        """A name as it is compared: in lower case, where quotes do not keep it apart."""
        text = identifier.name
        quoted = isinstance(identifier, exp.Identifier) and identifier.quoted
        if quoted and self.dialect in _CASE_SENSITIVE and text != text.lower():
            return f'"{text}"'
        return text.lower()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where names of one SELECT mean something; outer queries are asked last."""

    reader: Reader
    tables: From
    ctes: Ctes
    outer: Scope | None = None
    aliases: dict[str, exp.Expr] = field(default_factory=dict)
    clause: str = ""
    expanding: tuple[str, ...] = ()

    @property
    def dialect(self) -> str:
        """The dialect that is read."""
        return self.reader.dialect

    def read(self, node: exp.Expr) -> Term:
        """The term of an expression."""
        return expressions.read(node, self)

    def is_stored(self, column: Term) -> bool:
        """Whether a column is one of a table."""
        return column.data[0] in self.reader.stored

    def subquery(self, node: exp.Expr) -> Query:
        """A query inside an expression, which may read columns of this one."""
        return self.reader.query(node, self.reader, self.ctes, self)

    def column(self, node: exp.Column) -> Term:
        """The term that a name means."""
        only(node, "this", "table")
        if isinstance(node.this, exp.Star):
            raise Unreadable("star")
        name = self.reader.name(node.this)
        found = self._own(name, self.reader.name(node.args["table"]) if node.table else "")
        alias = None if node.table else self.aliases.get(name)
        if alias is not None and name not in self.expanding:
            inside = node.find_ancestor(exp.AggFunc) is not None and found is not None
            if found is None or self._differs(found, alias, name, inside):
                deeper = Scope(
                    self.reader, self.tables, self.ctes, self.outer, self.aliases,
                    self.clause, (*self.expanding, name),
                )  # fmt: skip
                return expressions.read(alias, deeper)
        if found is not None:
            return found
        return self._outside(node, name)

    def _outside(self, node: exp.Column, name: str) -> Term:
        """A column of the query around this one, in which its outputs' names mean nothing."""
        if self.outer is None:
            raise Unreadable(f"column {name}")
        table = self.reader.name(node.args["table"]) if node.table else ""
        found = self.outer._own(name, table)
        return self.outer._outside(node, name) if found is None else found

    def _differs(self, found: Term, alias: exp.Expr, name: str, inside: bool) -> bool:
        """Raises where a name may be a column or an output and dialects disagree on which."""
        if (self.clause in ("where", "select") or inside) and self.dialect != "clickhouse":
            return False
        plain = isinstance(alias, exp.Column) and self.reader.name(alias.this) == name
        if plain:
            return False
        raise Unreadable(f"{name} is a column and an output")

    def _own(self, name: str, table: str) -> Term | None:
        items = [i for i in self.tables.items if not table or i.alias == table]
        if not table and name in self.tables.merged:
            return self.tables.merged[name]
        found = [i.columns[name] for i in items if name in i.columns]
        unknown = [i.open for i in items if i.open is not None and name not in i.columns]
        if len(found) + len(unknown) > 1:
            raise Unreadable(f"{name} is ambiguous")
        if found:
            return found[0]
        if not unknown:
            return None
        if not table and (self.outer is not None or name in self.aliases):
            raise Unreadable(f"{name} of an unknown table")
        assert unknown[0] is not None
        return unknown[0].column(name)
