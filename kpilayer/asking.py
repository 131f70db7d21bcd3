"""A question as a caller writes it, with Jinja, to the question that is compiled."""

from __future__ import annotations

from collections.abc import Sequence

from kpilayer.calendar import zone_problem
from kpilayer.errors import Issue, Location, QueryError
from kpilayer.expr import quote_of
from kpilayer.identity import Identity
from kpilayer.load.question import render_group_by, render_where
from kpilayer.plan.query import Condition, Query
from kpilayer.warehouse.profiles import Target

#: One word, several, or none.
Words = str | Sequence[str] | None


def words(value: Words) -> tuple[str, ...]:
    """What a caller gave as one text or as a list of texts."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def question(
    dialect: str,
    metrics: Words,
    group_by: Words = None,
    where: Words = None,
    *,
    start: object = None,
    end: object = None,
    exact: bool = False,
    order_by: Words = None,
    limit: int | None = None,
) -> Query:
    """The question that these words are, in the ``dialect`` in which conditions are written.

    Raises:
        QueryError: a group-by or a condition cannot be rendered.
    """
    quote = quote_of(dialect)
    groups, bad_groups = render_group_by(words(group_by), quote)
    conditions, bad_conditions = render_where(words(where), quote)
    if bad_groups or bad_conditions:
        raise QueryError([*bad_groups, *bad_conditions])
    asked = zip(conditions, words(where), strict=True)
    return Query(
        words(metrics),
        groups,
        tuple(Condition(sql, text) for sql, text in asked),
        None if start is None else str(start),
        None if end is None else str(end),
        exact,
        words(order_by),
        limit,
    )


def shown_in(identity: Identity, timezone: str | None) -> Identity:
    """Definitions whose instants are shown in a zone, where one is asked for.

    Raises:
        QueryError: there is no such zone.
    """
    if timezone is None:
        return identity
    if (problem := zone_problem(timezone)) is not None:
        place = Location("timezone", 1, 1, max(1, len(timezone)), timezone)
        raise QueryError(Issue("bad-value", problem[0], place, problem[1]))
    return identity.shown_in(timezone)


def dialect_to_run(dialect: object, target: Target) -> str:
    """The dialect of SQL that runs on a target: its own.

    Raises:
        QueryError: another one was asked for, which would mean something else there.
    """
    spoken = target.dialect
    if str(dialect or spoken).lower() != spoken:
        message = f"the target speaks {spoken}: SQL for {dialect} cannot run on it"
        raise QueryError(Issue("bad-value", message, hint="print it with `compile`"))
    return spoken
