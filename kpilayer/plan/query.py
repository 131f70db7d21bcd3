"""A question: what is asked, as plain text, before any name is looked up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over names, and the text that was asked, with Jinja, for messages.

    ``argument`` is that of the question that it stands in.
    """

    sql: str
    asked: str
    argument: str = "where"


@dataclass(frozen=True, slots=True)
class Top:
    """The ``n`` members of a group-by, ``of``, that have the most of a metric, ``by``.

    ``by`` begins with ``-`` where the largest come first. ``other`` names the rest, as one group.
    """

    n: int
    by: str | None = None
    of: str | None = None
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Metrics by group-bys, for the rows that meet every condition of ``where``.

    ``start`` and ``end`` are inclusive ISO dates or times, widened to whole periods of the smallest
    queried grain unless ``exact``. ``order_by`` names output columns, ``-`` in front descending.
    ``compare`` adds earlier values: `prior_period`, `prior_year` or a length of time. ``totals``
    adds rows, each level being the group-bys that it keeps. ``components`` adds the columns from
    which metrics are computed again for coarser groups. Without metrics, a question is about
    the values that its group-bys have.
    """

    metrics: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    start: str | None = None
    end: str | None = None
    exact: bool = False
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    having: tuple[Condition, ...] = ()
    compare: tuple[str, ...] = ()
    compare_rows: str = "current"
    totals: tuple[tuple[str, ...], ...] = ()
    top: Top | None = None
    fill: int | None = None
    components: bool = False
    min_max: bool = False
    distinct: bool = True
