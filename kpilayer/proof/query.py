"""What a query is, whatever its spelling: the normal form that laws rewrite and proofs compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kpilayer.proof.term import Term, column, subterms, terms_of


class Unreadable(Exception):
    """A query holds something of which the prover knows no meaning."""


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that a query reads, numbered: a table's, or another query's.

    ``columns`` holds name, type and whether NULL may stand there; None where they are not known.
    A ``key`` is unique among rows without NULL in it, one of ``groups`` among all rows. A reference
    is columns, table, its columns.
    """

    number: int
    table: str = ""
    query: Query | None = None
    columns: tuple[tuple[str, str, bool], ...] | None = None
    keys: tuple[tuple[str, ...], ...] = ()
    references: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()

    def column(self, name: str) -> Term | None:
        """The column of this name; None where there is none."""
        if self.columns is None:
            return column(self.number, name)
        found = next((c for c in self.columns if c[0] == name), None)
        return None if found is None else column(self.number, *found)


@dataclass(frozen=True, slots=True)
class Left:
    """A source that adds rows where ``on`` is true, and a row of NULLs where it is for none."""

    source: Source
    on: Term


@dataclass(frozen=True, slots=True)
class Select:
    """Rows: the product of ``inner``, each of ``left`` beside it, where ``where`` is true.

    ``keys`` is None where each row is an answer; () where all rows are one group. ``having`` and
    ``outputs`` are over keys and aggregates then. ``qualify`` is asked after windows are computed.
    """

    inner: tuple[Source, ...]
    left: tuple[Left, ...]
    where: tuple[Term, ...]
    outputs: tuple[tuple[str, Term], ...]
    keys: tuple[Term, ...] | None = None
    having: tuple[Term, ...] = ()
    qualify: tuple[Term, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """All sources, inner ones first."""
        return (*self.inner, *(join.source for join in self.left))

    @property
    def is_set(self) -> bool:
        """Whether repeated rows change nothing: groups without aggregates that count them."""
        kinds = ("min", "max", "count_distinct", "sum_distinct", "avg_distinct")
        aggregates = (t.data for t in within(self) if t.op == "agg")
        return self.keys is not None and all(kind in kinds for kind in aggregates)


@dataclass(frozen=True, slots=True)
class Union:
    """All rows of all arms; columns by position, names of the first."""

    arms: tuple[Query, ...]

    @property
    def outputs(self) -> tuple[tuple[str, Term], ...]:
        """The first arm's outputs."""
        return self.arms[0].outputs


@dataclass(frozen=True, slots=True)
class Limited:
    """The first rows in an order: of columns, by position, with whether down and NULLs first."""

    query: Query
    order: tuple[tuple[int, bool, bool], ...]
    limit: int | None
    offset: int

    @property
    def outputs(self) -> tuple[tuple[str, Term], ...]:
        """The outputs of the query that is cut."""
        return self.query.outputs


Query = Select | Union | Limited


def within(query: Select, *parts: str) -> Iterator[Term]:
    """The terms of a SELECT's outputs and conditions, not those of the queries it reads."""
    for part in parts or ("outputs", "having", "qualify", "where", "keys"):
        for outermost in terms_of(getattr(query, part)):
            yield from subterms(outermost)


def windows(query: Select) -> bool:
    """Whether a SELECT computes over several of its rows without grouping them."""
    return bool(query.qualify) or any(t.op == "window" for t in within(query, "outputs"))
