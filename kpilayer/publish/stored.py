"""Views whose rows are kept in tables: filled anew, or from the last periods on.

A view of the name reads the table beside it, `name__stored`, so that readers, comments, rights and
masks are those of a view however its rows come. A range of time says which periods a question
shows and nothing else, so the last periods alone are the same rows as in the whole answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from sqlglot import exp

from kpilayer import grain
from kpilayer.address import METRIC_TIME
from kpilayer.errors import Issue, QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Atom, Formula, Shaped
from kpilayer.identity import Identity
from kpilayer.model.view import View
from kpilayer.plan.answerable import metrics_named
from kpilayer.plan.window import moved
from kpilayer.publish.relations import Filling, Relation
from kpilayer.publish.shapes import Shape
from kpilayer.sql.names import quoted
from kpilayer.sql.printing import to_sql

SUFFIX: Final = "__stored"
#: The shortest and the longest that units are, in days.
_DAYS: Final = {
    "year": (365.0, 366.0),
    "quarter": (90.0, 92.0),
    "month": (28.0, 31.0),
    "week": (7.0, 7.0),
    "day": (1.0, 1.0),
    "hour": (1 / 24, 1 / 24),
}


def check(shape: Shape, identity: Identity, *, is_masked: bool) -> None:
    """Nothing, where the rows of a view can be kept.

    Raises:
        QueryError: `bad-view`, where who reads decides on rows, or later rows change old periods.
    """
    issues = []
    if shape.compiled.planned.visible:
        models = ", ".join(f"`{one.model}`" for one in shape.compiled.planned.visible)
        message = f"who reads decides which rows of {models} there are: they cannot be kept"
        issues.append(Issue("bad-view", message, hint="leave out `materialized`"))
    publishing = identity.catalog.definitions.config.publish
    if is_masked and publishing.security == "invoker":
        message = "who reads with rights of their own would read masked values in its table"
        issues.append(Issue("bad-view", message, hint="leave out `materialized`"))
    if shape.view.materialized == "incremental":
        issues += _incremental(shape, identity)
    if issues:
        raise QueryError(issues)


def _incremental(shape: Shape, identity: Identity) -> Iterator[Issue]:
    view, calendar = shape.view, identity.catalog.calendar
    if calendar.custom(view.grain) is not None or shape.grain != view.grain:
        message = f"rows by `{shape.grain}` cannot be built by period"
        yield Issue("bad-view", message, hint="write `materialized: table`")
        return
    for name in view.metrics:
        tree = formula(identity.graph, name, view.where)
        if _spans_periods(tree, view.grain) or metrics_named(identity.graph, tree, ()):
            message = f"`{name}` depends on rows of other periods, so that its old ones change"
            yield Issue("bad-view", message, hint="write `materialized: table`")
        for window in _windows(tree):
            if not window or view.late is None or _is_shorter(view.late, window):
                until = f"so much later: {window}" if window else "at any time later"
                message = f"`{name}` counts what happens {until}, which changes old periods"
                hint = f"write `late: {window}` or longer" if window else "`materialized: table`"
                yield Issue("bad-view", message, hint=hint)


def _spans_periods(tree: Formula, period: str) -> bool:
    """Whether a part of a formula is of several periods: a share of all, an input by the year."""
    if isinstance(tree, Atom):
        return False
    if isinstance(tree, Shaped) and tree.rule == "regrouped":
        kept = dict(tree.settings)["group_by"].split()
        if not {METRIC_TIME, f"{METRIC_TIME}__{period}"} & {*kept}:
            return True
    return any(_spans_periods(inner, period) for _, inner in tree.inputs)


def _windows(tree: Formula) -> Iterator[str]:
    """The windows in which something may still happen to an earlier row; empty without end."""
    if isinstance(tree, Atom):
        return
    if isinstance(tree, Shaped) and tree.rule in ("conversion", "funnel"):
        yield dict(tree.settings).get("window", "")
    for _, inner in tree.inputs:
        yield from _windows(inner)


def _is_shorter(late: str, window: str) -> bool:
    same = late.split(" ")[1] == window.split(" ")[1]
    if same:
        return int(late.split(" ")[0]) < int(window.split(" ")[0])
    return _days(late, longest=False) < _days(window, longest=True)


def _days(length: str, *, longest: bool) -> float:
    """A length of time in days, at the least or at the most.

    >>> _days("2 week", longest=False), _days("1 month", longest=True)
    (14.0, 31.0)
    """
    number, unit = length.split(" ")
    return int(number) * _DAYS.get(unit, (1 / 1440, 1 / 24))[longest]


def since(view: View, newest: object, filled: object, unit: str) -> str | None:
    """The first period that is computed again, as an ISO date or time.

    That is the last one in the table, or the one in which it was filled, if that is earlier: rows
    of a spine, and of data with a date to come, lie beyond what was known then. A day more allows
    for zones in which it was yesterday still.

    >>> view = View(name="xx", metrics=["yy"], late="40 days", materialized="incremental")
    >>> since(view, date(2026, 3, 1), "2026-05-20 10:00:00", "month")
    '2026-01-01'
    >>> since(view, date(2026, 12, 1), "2026-05-20 10:00:00", "month")
    '2026-04-01'
    """
    last, at = _moment(newest), _moment(filled)
    if last is None or at is None:
        return None
    last = min(last, moved(at, -1, "day"))
    first = grain.truncate(_earlier(last, view.late) if view.late else last, unit)
    return first.date().isoformat() if grain.is_date(unit) else first.isoformat(sep=" ")


def _moment(value: object) -> datetime | None:
    match value:
        case datetime():
            return value.replace(tzinfo=None)
        case date():
            return datetime(value.year, value.month, value.day)
        case str():
            return datetime.fromisoformat(value)
    return None


def _earlier(moment: datetime, length: str) -> datetime:
    number, unit = length.split(" ")
    return moved(moment, -int(number), unit)


def over(
    table: Relation,
    view: Relation,
    named: Callable[[str], exp.Table],
    dialect: str,
    finish: Callable[[exp.Select], None],
) -> Relation:
    """The view that reads a table, with what is masked for its readers."""
    shown = [exp.column(column.name, table="stored") for column in view.columns]
    there = named(table.name)
    there.set("alias", exp.TableAlias(this=exp.to_identifier("stored")))
    select = exp.Select(expressions=shown).from_(there, copy=False)
    finish(select)
    sql = to_sql(quoted(select), dialect)
    return replace(view, sql=sql, stands_on=(table.name,), is_table=False)


def beside(view: Relation, filling: Filling, sql: str) -> Relation:
    """The table that keeps the rows of a view."""
    return replace(
        view,
        name=f"{view.name}{SUFFIX}",
        kind="stored",
        sql=sql,
        comment=f"Rows of `{view.name}`, which is to be read. | kpilayer={view.fingerprint}",
        is_table=True,
        grants=(),
        filling=filling,
    )
