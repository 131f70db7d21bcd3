"""A question as a caller writes it, with Jinja, to the question that is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypedDict

from kpilayer.arguments import Words, words
from kpilayer.calendar import zone_problem
from kpilayer.errors import Issue, Location, QueryError, did_you_mean, listing
from kpilayer.identity import Identity
from kpilayer.load.question import render_group_by, render_where
from kpilayer.model.definitions import Definitions
from kpilayer.model.usage import SavedQuery
from kpilayer.plan.keys import asked_place
from kpilayer.plan.query import Condition, Query, Top
from kpilayer.snippets import quote_of
from kpilayer.warehouse.profiles import Target

_TOP: Final = ("n", "by", "of", "other")


class Asked(TypedDict, total=False):
    """What a question can say beside metrics, group-bys and conditions on rows."""

    saved_query: str | None
    start: object
    end: object
    exact: bool
    having: Words
    compare: Words
    compare_rows: str
    totals: Sequence[Words] | None
    top: Mapping[str, Any] | int | None
    fill: int | None
    components: bool
    order_by: Words
    limit: int | None
    min_max: bool
    distinct: bool


def question(
    definitions: Definitions,
    metrics: Words = None,
    group_by: Words = None,
    where: Words = None,
    *,
    saved_query: str | None = None,
    start: object = None,
    end: object = None,
    exact: bool = False,
    having: Words = None,
    compare: Words = None,
    compare_rows: str = "current",
    totals: Sequence[Words] | None = None,
    top: Mapping[str, Any] | int | None = None,
    fill: int | None = None,
    components: bool = False,
    order_by: Words = None,
    limit: int | None = None,
    min_max: bool = False,
    distinct: bool = True,
) -> Query:
    """The question that arguments ask, `{{ .. }}` in them rendered.

    With ``saved_query``, its metrics and group-bys are asked for; ``where`` is added to its own
    conditions, ``order_by`` and ``limit`` replace its own.

    Raises:
        QueryError: a template cannot be rendered, or there is no such saved query.
    """
    quote = quote_of(definitions.config.dialect)
    groups, issues = render_group_by(words(group_by), quote)
    found = list(issues)
    conditions: dict[str, tuple[Condition, ...]] = {}
    for argument, texts in (("where", words(where)), ("having", words(having))):
        rendered, issues = render_where(texts, quote)
        found += issues
        pairs = zip(rendered, texts, strict=True)
        conditions[argument] = tuple(Condition(sql, text, argument) for sql, text in pairs)
    levels = []
    for level in totals or ():
        kept, issues = render_group_by(words(level), quote)
        found += issues
        levels.append(kept)
    if found:
        raise QueryError(found)
    asked = Query(
        words(metrics),
        groups,
        conditions["where"],
        None if start is None else str(start),
        None if end is None else str(end),
        exact,
        words(order_by),
        limit,
        conditions["having"],
        words(compare),
        compare_rows,
        tuple(levels),
        _top(top),
        fill,
        components,
        min_max,
        distinct,
    )
    return asked if saved_query is None else _saved(definitions, saved_query, asked)


def saved(definitions: Definitions, name: str) -> SavedQuery:
    """A saved query by name.

    Raises:
        QueryError: `unknown-saved-query`.
    """
    known = {one.name: one for one in definitions.saved_queries}
    found = known.get(name.strip().lower())
    if found is None:
        hint = did_you_mean(name, known)
        if hint is None and known:
            hint = f"saved queries: {listing(sorted(known))}"
        message = f"there is no saved query `{name}`"
        raise QueryError(
            Issue("unknown-saved-query", message, asked_place("saved_query", name), hint)
        )
    return found


def _saved(definitions: Definitions, name: str, asked: Query) -> Query:
    own = saved(definitions, name).query_params
    if asked.metrics or asked.group_by:
        message = f"the saved query `{name}` says what is computed: it takes no other metrics"
        message += " and group-bys"
        hint = "leave them out, or ask without `saved_query`"
        raise QueryError(Issue("bad-saved-query", message, asked_place("saved_query", name), hint))
    where = tuple(Condition(sql, sql) for sql in own.where)
    return replace(
        asked,
        metrics=own.metrics,
        group_by=own.group_by,
        where=(*where, *asked.where),
        order_by=asked.order_by or own.order_by,
        limit=own.limit if asked.limit is None else asked.limit,
    )


def _top(top: Mapping[str, Any] | int | None) -> Top | None:
    """The best members, as a number or as `{n: 3, by: -revenue, of: customer__name}`."""
    if top is None or isinstance(top, int):
        return None if top is None else Top(top)
    unknown = [key for key in top if key not in _TOP]
    if unknown or "n" not in top:
        message = f"`top` has no `{unknown[0]}`" if unknown else "`top` needs `n`, a whole number"
        hint = "write {n: 3, by: -revenue, of: customer__name, other: other}"
        raise QueryError(Issue("bad-top", message, hint=hint))
    return Top(**top)


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
