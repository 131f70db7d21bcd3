"""Plan nodes: how a question is answered, before any dialect.

Frozen values that compare with ``==``. Their constructors refuse what would give a wrong number, so
a bad plan cannot be built. Expressions are sqlglot trees in which every column is qualified by the
alias of a scan (below an Aggregate) or by the name of a node (above one); trees are never changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from kpilayer.expr import columns
from kpilayer.relation import Relation


@dataclass(frozen=True, slots=True)
class Scan:
    """The rows of a relation, known as ``alias``."""

    relation: Relation
    alias: str


@dataclass(frozen=True, slots=True)
class Join:
    """Each row of ``left`` once, with the columns of the matching row of ``right``, or NULLs."""

    left: Source
    right: Scan
    left_key: exp.Expr
    right_key: exp.Expr
    right_key_is_unique: bool

    def __post_init__(self) -> None:
        assert self.right_key_is_unique, f"joining `{self.right.alias}` could repeat rows"
        assert self.right.alias not in aliases(self.left), f"`{self.right.alias}` is joined twice"


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows of ``input`` for which ``condition`` is true."""

    input: Source
    condition: exp.Expr

    def __post_init__(self) -> None:
        _only_from(self.condition, self.input)


Source = Scan | Join | Filter


@dataclass(frozen=True, slots=True)
class Column:
    """A named expression."""

    name: str
    value: exp.Expr


@dataclass(frozen=True, slots=True)
class Measure:
    """An aggregation of ``value`` over the rows that pass ``condition``.

    ``needs_rows``: NULL rather than 0 where no row passes (counts; see reference A.7).
    """

    name: str
    agg: str
    value: exp.Expr
    condition: exp.Expr | None = None
    percentile: float | None = None
    discrete: bool = False
    needs_rows: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One row per group of ``input``; a single row where there are no keys."""

    name: str
    input: Source
    keys: tuple[Column, ...]
    measures: tuple[Measure, ...]

    def __post_init__(self) -> None:
        for column in self.keys:
            _only_from(column.value, self.input)
        for measure in self.measures:
            _only_from(measure.value, self.input)
            if measure.condition is not None:
                _only_from(measure.condition, self.input)
        names = columns_of(self)
        assert len(set(names)) == len(names), f"`{self.name}` has two columns of one name"


@dataclass(frozen=True, slots=True)
class Combine:
    """One row per group that any branch has; NULL keys are equal, missing values are NULL."""

    name: str
    branches: tuple[Aggregate, ...]

    def __post_init__(self) -> None:
        first = [k.name for k in self.branches[0].keys]
        for branch in self.branches[1:]:
            assert [k.name for k in branch.keys] == first, "branches have different keys"
        names = columns_of(self)
        assert len(set(names)) == len(names), "branches share a column's name"


@dataclass(frozen=True, slots=True)
class Project:
    """The rows of ``input`` with these columns."""

    input: Aggregate | Combine
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    """The rows of ``input`` ordered by columns (name, descending), NULLs last, cut at ``limit``."""

    input: Project
    by: tuple[tuple[str, bool], ...]
    limit: int | None = None

    def __post_init__(self) -> None:
        known = {c.name for c in self.input.columns}
        assert all(name in known for name, _ in self.by), "sorted by what is not projected"


@dataclass(frozen=True, slots=True)
class Subquery:
    """A SQL model that the plan reads, as ``name``; ``reads`` tells what its refs stand for."""

    name: str
    query: str
    tree: exp.Query
    reads: tuple[tuple[str, Relation], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole answer: SQL models first, in an order in which each reads only earlier ones."""

    root: Sort
    subqueries: tuple[Subquery, ...] = ()


Node = Scan | Join | Filter | Aggregate | Combine | Project | Sort


def aliases(source: Source) -> tuple[str, ...]:
    """The aliases of the scans below a source."""
    match source:
        case Scan():
            return (source.alias,)
        case Join():
            return (*aliases(source.left), source.right.alias)
        case Filter():
            return aliases(source.input)


def columns_of(node: Aggregate | Combine) -> tuple[str, ...]:
    """The names of a node's columns, keys first."""
    if isinstance(node, Aggregate):
        return (*(k.name for k in node.keys), *(m.name for m in node.measures))
    keys = tuple(k.name for k in node.branches[0].keys)
    return (*keys, *(m.name for b in node.branches for m in b.measures))


def branches(node: Aggregate | Combine) -> tuple[Aggregate, ...]:
    """The aggregates that a node is made of."""
    return (node,) if isinstance(node, Aggregate) else node.branches


def scans(source: Source) -> Iterator[Scan]:
    """The scans below a source."""
    match source:
        case Scan():
            yield source
        case Join():
            yield from scans(source.left)
            yield source.right
        case Filter():
            yield from scans(source.input)


def _only_from(tree: exp.Expr, source: Source) -> None:
    known = aliases(source)
    for column in columns(tree):
        assert column.table in known, f"column `{column.sql()}` comes from no scan below"
