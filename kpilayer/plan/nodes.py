"""Plan nodes: how a question is answered, before any dialect.

Frozen values that compare with ``==``. Their constructors refuse what would give a wrong number, so
a bad plan cannot be built. Expressions are sqlglot trees in which every column is qualified by the
alias of a scan or read below it (in a source), or by the name of a group (above one); trees are
never changed. A *group* has a name and columns: it is a CTE of the statement. A *source* gives
rows to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from kpilayer.conditions import all_of
from kpilayer.expr import columns, operand
from kpilayer.relation import Relation


@dataclass(frozen=True, slots=True)
class Column:
    """A named expression."""

    name: str
    value: exp.Expr


# -------------------------------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class Scan:
    """The rows of a relation, known as ``alias``.

    ``rows_of``: only those that a role sees of this model (``Plan.visible``).
    """

    relation: Relation
    alias: str
    rows_of: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of a group, known by its name or as ``known_as``."""

    group: Group
    known_as: str | None = None

    @property
    def alias(self) -> str:
        """The name that its columns carry."""
        return self.known_as or self.group.name


@dataclass(frozen=True, slots=True)
class Join:
    """Each row of ``left`` once, with the columns of the matching row of ``right``, or NULLs.

    ``on`` pairs what must be equal, left and right. ``valid`` says which of several versions of the
    right row holds. With ``repeats``, a row of ``left`` comes once for each match: only a Distinct
    can make a number of that.
    """

    left: Source
    right: Scan
    on: tuple[tuple[exp.Expr, exp.Expr], ...]
    right_key_is_unique: bool
    valid: exp.Expr | None = None
    repeats: bool = False

    def __post_init__(self) -> None:
        one = self.right_key_is_unique or self.repeats
        assert one, f"joining `{self.right.alias}` could repeat rows"
        assert self.right.alias not in aliases(self.left), f"`{self.right.alias}` is joined twice"
        assert self.on, f"`{self.right.alias}` is joined on nothing"
        for _, right in self.on:
            _only_from(right, self.right)


@dataclass(frozen=True, slots=True)
class Match:
    """Rows of ``left`` beside those of a group for which ``on`` is true.

    Rows repeat on purpose: a row counts for every period whose window holds it. Without ``on``, the
    group has one row. ``keeps_left``: rows of ``left`` without a match stay, with NULLs.
    """

    left: Source
    right: Read
    on: exp.Expr | None
    keeps_left: bool = False

    def __post_init__(self) -> None:
        assert self.right.alias not in aliases(self.left), f"`{self.right.alias}` is joined twice"
        if self.on is None:
            assert not keys_of(self.right.group), f"`{self.right.alias}` may have many rows"
            return
        known = (*aliases(self.left), self.right.alias)
        for column in columns(self.on):
            assert column.table in known, f"column `{column.sql()}` comes from no scan below"


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows of ``input`` for which ``condition`` is true.

    ``saves_reading``: nobody above uses one of the others, so more rows would change nothing.
    """

    input: Source
    condition: exp.Expr
    saves_reading: bool = False

    def __post_init__(self) -> None:
        _only_from(self.condition, self.input)


@dataclass(frozen=True, slots=True)
class SemiJoin:
    """The rows of ``input`` for which some row of ``match`` meets ``condition``.

    ``on`` says which rows match. Where none does and ``keeps_unmatched``, one row of NULLs is
    tested instead, as after a left join. With ``none``, the rows for which no match meets it.
    """

    input: Source
    match: Scan | Join
    on: exp.Expr
    condition: exp.Expr
    keeps_unmatched: bool
    none: bool = False

    def __post_init__(self) -> None:
        _only_from(self.on, self.input, self.match)
        _only_from(self.condition, self.input, self.match)


@dataclass(frozen=True, slots=True)
class Distinct:
    """Each different row of ``columns`` once, known as ``alias``."""

    input: Source
    alias: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        for column in self.columns:
            _only_from(column.value, self.input)
        names = [c.name for c in self.columns]
        assert len(set(names)) == len(names), f"`{self.alias}` has two columns of one name"


Source = Scan | Read | Join | Match | Filter | SemiJoin | Distinct


# --------------------------------------------------------------------------------------- groups


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
        _once(self)


@dataclass(frozen=True, slots=True)
class Combine:
    """One row per group that any branch has; NULL keys are equal, missing values are NULL.

    ``stacked`` names the rows of all branches under each other.
    """

    name: str
    branches: tuple[Group, ...]
    stacked: str = "stacked"

    def __post_init__(self) -> None:
        first = keys_of(self.branches[0])
        for branch in self.branches[1:]:
            assert keys_of(branch) == first, "branches have different keys"
        names = columns_of(self)
        assert len(set(names)) == len(names), "branches share a column's name"


@dataclass(frozen=True, slots=True)
class Derived:
    """The rows of ``input`` with these columns, computed or as they are; windows are allowed.

    ``keys`` name those columns that tell its rows apart, none where they may repeat.
    """

    name: str
    input: Source
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for column in self.columns:
            _only_from(column.value, self.input)
        _once(self)


@dataclass(frozen=True, slots=True)
class Spine:
    """Every period of ``grain`` from the one of ``first`` to the one of ``last``, as ``column``.

    Both are dates: literals, or columns of ``bounds``, a group of one row; NULL makes it empty.
    """

    name: str
    column: str
    grain: str
    first: exp.Expr
    last: exp.Expr
    bounds: Aggregate | None = None

    def __post_init__(self) -> None:
        known = {self.bounds.name} if self.bounds else set()
        for column in (*columns(self.first), *columns(self.last)):
            assert column.table in known, f"column `{column.sql()}` is no bound"


@dataclass(frozen=True, slots=True)
class Levels:
    """The rows of every arm under each other: the answer, then its totals, or what is left over.

    An arm says NULL for a column that its level has not; the first one has them all.
    """

    name: str
    arms: tuple[Derived, ...]

    def __post_init__(self) -> None:
        first = [c.name for c in self.arms[0].columns]
        for arm in self.arms[1:]:
            assert [c.name for c in arm.columns] == first, "levels have different columns"


Group = Aggregate | Combine | Derived | Spine | Levels


# --------------------------------------------------------------------------------------- result


@dataclass(frozen=True, slots=True)
class Project:
    """The rows of ``input`` with these columns."""

    input: Group
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
class Visible:
    """The rows of a model that a role sees: those of ``source`` known as ``alias``.

    ``attributes`` of the role decide it; where one is ``missing``, there is no row.
    """

    name: str
    model: str
    source: Source
    alias: str
    attributes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole answer: SQL models first, in an order in which each reads only earlier ones.

    ``visible`` has the rows of every model with row access; None where all rows are seen.
    """

    root: Sort
    subqueries: tuple[Subquery, ...] = ()
    visible: tuple[Visible, ...] | None = None


Node = Source | Group | Project | Sort


# ---------------------------------------------------------------------------------------- looks


def aliases(source: Source) -> tuple[str, ...]:
    """The aliases of the scans and reads below a source."""
    match source:
        case Scan() | Read():
            return (source.alias,)
        case Join() | Match():
            return (*aliases(source.left), source.right.alias)
        case Filter() | SemiJoin():
            return aliases(source.input)
        case Distinct():
            return (source.alias,)


def repeats(source: Source) -> bool:
    """Whether a row of the scan on the left can come several times."""
    match source:
        case Scan() | Read() | Distinct():
            return False
        case Join():
            return source.repeats or repeats(source.left)
        case Match():
            return repeats(source.left)
        case Filter() | SemiJoin():
            return repeats(source.input)


def join_condition(join: Join) -> exp.Expr:
    """What joins two rows: every pair is equal, and the version holds."""
    parts: list[exp.Expr] = [
        exp.EQ(this=operand(left.copy()), expression=operand(right.copy()))
        for left, right in join.on
    ]
    if join.valid is not None:
        parts.append(join.valid)
    condition = all_of(parts)
    assert condition is not None, "a join has at least one pair"
    return condition


def keys_of(group: Group) -> tuple[str, ...]:
    """The names of the columns that tell a group's rows apart."""
    match group:
        case Aggregate():
            return tuple(k.name for k in group.keys)
        case Combine():
            return keys_of(group.branches[0])
        case Derived():
            return group.keys
        case Spine():
            return (group.column,)
        case Levels():
            return group.arms[0].keys


def values_of(group: Group) -> tuple[str, ...]:
    """The names of a group's other columns."""
    match group:
        case Aggregate():
            return tuple(m.name for m in group.measures)
        case Combine():
            return tuple(v for branch in group.branches for v in values_of(branch))
        case Derived():
            return tuple(c.name for c in group.columns if c.name not in group.keys)
        case Spine():
            return ()
        case Levels():
            return values_of(group.arms[0])


def columns_of(group: Group) -> tuple[str, ...]:
    """The names of a group's columns, keys first."""
    return (*keys_of(group), *values_of(group))


def owner(group: Combine, column: str) -> Group:
    """The branch that a value of a combination comes from."""
    return next(b for b in group.branches if column in values_of(b))


def agg_of(group: Group, column: str) -> str | None:
    """The aggregation that a column is, where it is one."""
    match group:
        case Aggregate():
            return next((m.agg for m in group.measures if m.name == column), None)
        case Combine():
            return agg_of(owner(group, column), column) if column not in keys_of(group) else None
        case Derived():
            value = next(c.value for c in group.columns if c.name == column)
            below = {r.alias: r.group for r in walk(group.input) if isinstance(r, Read)}
            read = below.get(value.table) if isinstance(value, exp.Column) else None
            return agg_of(read, value.name) if read is not None else None
        case Levels():
            return agg_of(group.arms[0], column)
        case Spine():
            return None


def inputs(node: Node) -> tuple[Node, ...]:
    """The nodes that a node stands on."""
    match node:
        case Scan():
            return ()
        case Read():
            return (node.group,)
        case Join() | Match():
            return (node.left, node.right)
        case Combine():
            return node.branches
        case Levels():
            return node.arms
        case Spine():
            return (node.bounds,) if node.bounds else ()
        case SemiJoin():
            return (node.input, node.match)
        case Filter() | Distinct() | Aggregate() | Derived() | Project() | Sort():
            return (node.input,)


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, each before its inputs; what two nodes share comes twice."""
    yield node
    for inner in inputs(node):
        yield from walk(inner)


def groups_below(group: Group) -> tuple[Group, ...]:
    """The groups that a group reads itself, in order; arms of levels are parts of it."""
    found: list[Group] = []
    arms = group.arms if isinstance(group, Levels) else (group,)
    pending: list[Node] = [node for arm in arms for node in inputs(arm)]
    while pending:
        node = pending.pop(0)
        if isinstance(node, (Aggregate, Combine, Derived, Spine, Levels)):
            found.append(node)
        else:
            pending = [*inputs(node), *pending]
    return tuple(found)


def _only_from(tree: exp.Expr, *sources: Source) -> None:
    known = {alias: names for source in sources for alias, names in _tables(source)}
    for column in columns(tree):
        assert column.table in known, f"column `{column.sql()}` comes from no scan below"
        names = known[column.table]
        assert names is None or column.name in names, f"`{column.sql()}` is no column"


def _tables(source: Source) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """Each alias below a source, with its columns where they are known."""
    match source:
        case Scan():
            yield source.alias, None
        case Read():
            yield source.alias, columns_of(source.group)
        case Join() | Match():
            yield from _tables(source.left)
            yield from _tables(source.right)
        case Filter() | SemiJoin():
            yield from _tables(source.input)
        case Distinct():
            yield source.alias, tuple(c.name for c in source.columns)


def _once(group: Aggregate | Derived) -> None:
    assert not repeats(group.input), f"`{group.name}` would count rows several times"
    names = columns_of(group)
    assert len(set(names)) == len(names), f"`{group.name}` has two columns of one name"
