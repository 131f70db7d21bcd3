"""A question: what is asked, as plain text, before any name is looked up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """Metrics by group-bys. ``where`` holds SQL conditions over group-by names, all of which hold.

    ``start`` and ``end`` are inclusive ISO dates or times, widened to whole periods of the smallest
    queried grain unless ``exact``. ``order_by`` names output columns, ``-`` in front descending.
    """

    metrics: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    exact: bool = False
    order_by: tuple[str, ...] = ()
    limit: int | None = None
