"""A question: what is asked, as plain text, before any name is looked up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over group-by names, and the text that was asked, with Jinja, for messages."""

    sql: str
    asked: str


@dataclass(frozen=True, slots=True)
class Query:
    """Metrics by group-bys, for the rows that meet every condition of ``where``.

    ``start`` and ``end`` are inclusive ISO dates or times, widened to whole periods of the smallest
    queried grain unless ``exact``. ``order_by`` names output columns, ``-`` in front descending.
    """

    metrics: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    start: str | None = None
    end: str | None = None
    exact: bool = False
    order_by: tuple[str, ...] = ()
    limit: int | None = None
