"""Views show the same numbers in every session: times with a zone are read in UTC.

kpilayer's own sessions run in UTC. A tool that reads a view brings a session of its own, whose zone
would cut instants into other days; so what is an instant is turned into UTC in the view's text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.plan.nodes import Plan, Scan, Subquery, walk
from kpilayer.relation import Relation
from kpilayer.sql.compiled import Compiled
from kpilayer.sql.types import Declared


def is_instant(type_: str | None, dialect: str) -> bool:
    """Whether values of a type are shown in the zone of the session.

    >>> is_instant("timestamp with time zone", "postgres"), is_instant("timestamp", "postgres")
    (True, False)
    >>> is_instant("timestamp", "mysql"), is_instant("datetime", "mysql")
    (True, False)
    """
    word = (type_ or "").lower()
    if dialect == "mysql":
        return word.startswith("timestamp")
    return "with time zone" in word or word.startswith(("timestamptz", "timetz"))


def in_utc(
    declared: Declared, dialect: str, finish: Callable[[exp.Select], None]
) -> Callable[[exp.Select, Plan], None]:
    """What turns columns with a zone into UTC in the tree of a view, and then finishes it."""

    def finished(tree: exp.Select, plan: Plan) -> None:
        _in_utc(tree, plan, declared, dialect)
        _check_words(tree)
        finish(tree)

    return finished


def _in_utc(tree: exp.Select, plan: Plan, declared: Declared, dialect: str) -> None:
    relations: dict[str, set[Relation]] = {}
    for node in _nodes(plan):
        if isinstance(node, Scan):
            relations.setdefault(node.alias, set()).add(node.relation)
    names = {subquery.name for subquery in plan.subqueries}
    written = {id(n) for cte in tree.ctes if cte.alias in names for n in cte.walk()}
    found = []
    for column in tree.find_all(exp.Column):
        if id(column) in written or isinstance(column.parent, exp.AtTimeZone):
            continue
        read = relations.get(column.table, ())
        instants = {is_instant(declared(one, column.name), dialect) for one in read}
        if len(instants) > 1:
            message = f"`{column.sql()}` is a time with a zone in one table, and none in another"
            hint = "give one of the two models another name"
            raise QueryError(Issue("session-time-zone", message, hint=hint))
        if instants == {True}:
            found.append(column)
    for column in found:
        column.replace(_utc(column.copy(), dialect))


def _nodes(plan: Plan) -> Iterator[object]:
    yield from walk(plan.root)
    for shown in plan.visible or ():
        yield from walk(shown.source)


def _utc(column: exp.Expr, dialect: str) -> exp.Expr:
    if dialect != "mysql":
        return exp.AtTimeZone(this=column, zone=exp.Literal.string("UTC"))
    # A view may not name the session's zone; seconds since 1970 are of no zone.
    seconds = exp.Anonymous(this="UNIX_TIMESTAMP", expressions=[column])
    start = exp.cast(exp.Literal.string("1970-01-01"), "DATETIME")
    return exp.DateAdd(this=start, expression=seconds, unit=exp.var("SECOND"))


def _check_words(tree: exp.Select) -> None:
    """Nothing, where no word asks for the clock or the zone of whoever reads.

    Raises:
        QueryError: `session-time-zone`.
    """
    words: list[exp.Expr] = [node for node in tree.walk() if isinstance(node, _OF_READER)]
    words += [n for n in tree.find_all(exp.Anonymous) if n.name.upper() in ("NOW", "TODAY")]
    words += [
        cast
        for cast in tree.find_all(exp.Cast)
        if cast.to.this in _WITH_ZONE and not isinstance(cast.parent, exp.AtTimeZone)
    ]
    issues = []
    for text in dict.fromkeys(word.sql() for word in words):
        message = f"`{text}` depends on the time zone of whoever reads the view"
        hint = "compare times without a zone: they are in UTC"
        issues.append(Issue("session-time-zone", message, hint=hint))
    if issues:
        raise QueryError(issues)


_OF_READER = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentDatetime)
_WITH_ZONE = (exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ)


def check(compiled: Compiled, declared: Declared) -> None:
    """Nothing, where no SQL model of a question cuts instants in the zone of the session.

    Raises:
        QueryError: `session-time-zone`, for each column of each model.
    """
    issues = [
        issue
        for subquery in compiled.planned.subqueries
        for issue in _of_query(subquery, declared, compiled.dialect)
    ]
    if issues:
        raise QueryError(list(dict.fromkeys(issues)))


def _of_query(subquery: Subquery, declared: Declared, dialect: str) -> Iterator[Issue]:
    for column in subquery.tree.find_all(exp.Column):
        if isinstance(column.parent, exp.AtTimeZone) or _is_passed_on(column):
            continue
        for _, relation in subquery.reads:
            if is_instant(declared(relation, column.name), dialect):
                message = f"the SQL model `{subquery.query}` computes with `{column.name}` of "
                message += f"`{relation.key}`, in the time zone of whoever reads the view"
                hint = f"write `{column.name} AT TIME ZONE 'UTC'`, or the zone that is meant"
                yield Issue("session-time-zone", message, hint=hint)


def _is_passed_on(column: exp.Column) -> bool:
    """Whether a column is selected as it is, perhaps under another name."""
    parent = column.parent
    if isinstance(parent, exp.Alias):
        parent = parent.parent
    return isinstance(parent, exp.Select)
