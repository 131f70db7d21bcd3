"""A relation that is to be published: its SQL, columns with types, comments and rights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from kpilayer.catalog import Catalog
from kpilayer.publish.shapes import Kind, Role
from kpilayer.rollup import RollUp


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type as the database spells it, and how its values are rolled up.

    ``roll_up`` is SQL over the relation's columns; None where values must not be aggregated.
    """

    name: str
    type: str
    role: Role
    metric: str = ""
    group_by: str = ""
    additivity: str = ""
    roll_up: str | None = None
    fingerprint: str = ""
    description: str = ""
    unit: str = ""
    visible_to: str = ""
    """The groups that see its values, where they are masked."""


@dataclass(frozen=True, slots=True)
class Filling:
    """How a table gets its rows again: those of ``sql``, in place of those from ``since`` on.

    ``time`` is the column of time, ``since`` a literal that it is compared with; without them, all.
    """

    sql: str
    time: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A view or table as it is to be.

    ``sql`` is the query that it holds; ``stands_on`` names relations of the same schema that it
    reads. ``view`` is the definition that it comes from, and empty for the catalogue's own.
    """

    name: str
    kind: Kind
    sql: str
    columns: tuple[Column, ...]
    comment: str
    fingerprint: str
    view: str = ""
    grain: str = ""
    level: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    stands_on: tuple[str, ...] = ()
    is_table: bool = False
    is_guarded: bool = False
    """Whether who reads decides which rows there are."""
    filling: Filling | None = None
    fingerprints: dict[str, str] = field(default_factory=dict)


def metric_comment(catalog: Catalog, column: Column) -> str:
    """What a column of a metric says of itself.

    >>> roll_up_words("ratio", "SUM(a) / SUM(b)")
    '[ratio] Roll up with SUM(a) / SUM(b)'
    """
    metric = catalog.metric(column.metric)
    words = [f"{metric.label or metric.name}."]
    if metric.description:
        words.append(_sentence(metric.description))
    if metric.unit:
        words.append(f"In {metric.unit}.")
    words.append(roll_up_words(column.additivity, column.roll_up))
    return " ".join(words)


def roll_up_words(additivity: str, roll_up: str | None) -> str:
    """How values of a column become one of coarser groups."""
    if roll_up is None:
        return f"[{additivity}] Do not aggregate: right for the groups of this view alone."
    return f"[{additivity}] Roll up with {roll_up}"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def roll_up_text(found: RollUp, dialect: str) -> str | None:
    """The expression that rolls a metric up, in the words of a dialect."""
    return None if found.value is None else found.value.sql(dialect=dialect)


def in_order(names: Sequence[str], before: Sequence[str]) -> list[str]:
    """Columns in the order in which they were published, new ones behind them.

    Where one is gone, the order is anew.

    >>> in_order(["a", "new", "b"], ["b", "a"]), in_order(["a", "b"], ["b", "gone", "a"])
    (['b', 'a', 'new'], ['a', 'b'])
    """
    if not set(before) <= set(names):
        return list(names)
    return [*before, *(name for name in names if name not in before)]


def text(value: str) -> exp.Expr:
    """A text as a literal."""
    return exp.Literal.string(value)
