"""What SQL computes, told from its rows: the types that readers give and comparisons take."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

#: Stands in expressions for an aggregate of the list beside them.
AGGREGATE = "KPI_AGGREGATE"
#: Says of a time that it is the last one: of all rows, or of the period that is named beside it.
LAST = "KPI_LAST"
#: Stands for the last value of a time.
LATEST = "KPI_LATEST"
#: Stands for the number of a row by a time, of which 1 is the last.
RANK = "KPI_RANK"
#: Says of a time that it is the last one of its period, where groups are of several of these.
LASTS = "KPI_LASTS"
#: Stand for what is not understood.
NOT_READ = frozenset({"KPI_WINDOW", "KPI_SUBQUERY", "KPI_UNREAD", LATEST, RANK, LASTS})
#: Rows that are made of nothing, such as dates: each value once.
GENERATED = "generated rows"
#: Says that only some rows are read.
SAMPLE = "KPI_SAMPLE"
#: Counts the different values of a key, and one more where it is NULL.
COUNT_GROUPS = "count of groups"


@dataclass(frozen=True, slots=True)
class Source:
    """A table among the rows that are read, by a name of its own there.

    ``on`` are the conditions of an outer join; those of others are conditions on the rows.
    """

    name: str
    table: str
    on: tuple[exp.Expr, ...] = ()
    is_outer: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation over rows of tables that meet all conditions.

    ``per`` are the keys of the groups within which ``inner`` was aggregated before, where ``value``
    is made of such values; ``inner`` are the aggregates below it.
    """

    function: str
    value: exp.Expr | None
    where: tuple[exp.Expr, ...]
    sources: tuple[Source, ...]
    per: tuple[exp.Expr, ...] = ()
    inner: tuple[Aggregate, ...] = ()
    rows_of: str = ""
    """Of a count of rows, the table that its argument is a column of."""
    own: tuple[exp.Expr, ...] = ()
    """Those of the conditions that stand at the aggregate itself."""
    by: tuple[exp.Expr, ...] = ()
    """The keys of the groups that it is of."""
    rule: str = ""
    """One about time, such as the sum over a window (``windows.py``)."""
    found: tuple[exp.Expr, ...] = ()
    """The conditions by which rows look its groups up."""
    is_beside: bool = False
    """Whether its groups stand beside rows, or totals of them, and may do so several times."""


@dataclass(frozen=True, slots=True)
class Output:
    """A column of an answer: an expression over aggregates, and the keys of its groups."""

    name: str
    value: exp.Expr
    aggregates: tuple[Aggregate, ...]
    keys: tuple[exp.Expr, ...]
    line: int = 0
    column: int = 0
    periods: tuple[exp.Expr, ...] = ()
    """What stands beside it and is called a month, a date or the like."""


@dataclass(slots=True)
class Relation:
    """What a SELECT gives to those that read it.

    Without ``keys``, its rows are those of ``sources`` that meet ``where``; with them, there is one
    for each group. ``outputs`` are its columns by name, over sources and aggregates.
    """

    outputs: dict[str, exp.Expr] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    where: list[exp.Expr] = field(default_factory=list)
    keys: tuple[exp.Expr, ...] | None = None
    is_cut: bool = False
    is_generated: bool = False
    having: list[exp.Expr] = field(default_factory=list)
    """Conditions on groups, in words."""
    same: list[tuple[exp.Expr, exp.Expr]] = field(default_factory=list)
    """Values that are equal in each row."""


class NotRead(Exception):
    """SQL that is not understood; the message says what of it."""


def is_unread(node: exp.Expr) -> bool:
    """Whether a column as a whole is not understood."""
    return isinstance(node, exp.Anonymous) and node.name == "KPI_UNREAD"


def aggregate_number(node: exp.Expr) -> int | None:
    """Which aggregate an expression stands for."""
    if isinstance(node, exp.Anonymous) and node.name == AGGREGATE:
        return int(node.expressions[0].name)
    return None


def numbers_in(node: exp.Expr) -> list[int]:
    """The aggregates that an expression is made of, in order of use."""
    found = (aggregate_number(part) for part in node.find_all(exp.Anonymous))
    return list(dict.fromkeys(n for n in found if n is not None))


def stand_in(number: int) -> exp.Anonymous:
    """The expression that stands for an aggregate."""
    return exp.Anonymous(this=AGGREGATE, expressions=[exp.Literal.number(number)])
