"""Rows of the last time, by which levels are told: of all time, or of each period.

A condition says so only where it asks for the last time itself: `row_number() .. = 1` by a time
that is ordered DESC, `day = max(day)`, or `day IN (SELECT max(day) ..)`. Anything else about a rank
or a last value is not understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlglot import exp

from kpilayer.drift.rows import LAST, LASTS, LATEST, RANK
from kpilayer.drift.spelling import key, plain
from kpilayer.drift.windows import step_of

#: Says that the last row is one of each thing, of which some may have none at the last time.
EACH: Final = "each"
#: Periods that lie within others.
_WITHIN: Final = {
    "day": {"week", "month", "quarter", "year"}, "week": set(), "month": {"quarter", "year"},
    "quarter": {"year"}, "year": set(),
}  # fmt: skip


def asked_last(tree: exp.Expr) -> exp.Expr:
    """The condition that a time is the last one, for the comparisons that say so."""
    if not isinstance(tree, exp.EQ):
        return tree
    for one, other in ((tree.this, tree.expression), (tree.expression, tree.this)):
        told = other.unnest()
        name = told.name if isinstance(told, exp.Anonymous) else ""
        is_first = name == RANK and isinstance(one, exp.Literal) and one.name == "1"
        if is_first or (name == LATEST and key(_uncast(one)) == key(told.expressions[0])):
            return exp.Anonymous(this=LAST, expressions=told.expressions)
    return tree


def period_of(keys: Sequence[exp.Expr], time: exp.Expr) -> str | None:
    """The period of a time that keys together tell, "" of none; None for keys of something else."""
    parts: set[str] = set()
    for node in map(plain, keys):
        if {key(c) for c in node.find_all(exp.Column)} != {key(time)}:
            return None
        match node:
            case exp.Extract():
                parts.add(f"{node.name.lower()} of")
            case exp.Year() | exp.Quarter() | exp.Month():
                parts.add(f"{node.key} of")
            case _:
                parts.add(step_of(node) or ("day" if isinstance(node, exp.Column) else "?"))
    for unit in ("month", "quarter"):
        if {"year of", f"{unit} of"} <= parts:
            return unit if parts <= {"year of", "quarter of", f"{unit} of"} else None
    if parts == {"year of"}:
        return "year"
    found = parts - {"year of"}
    return found.pop() if len(found) == 1 and found <= _WITHIN.keys() else "" if not parts else None


def of_groups(condition: exp.Expr, groups: Iterable[exp.Expr]) -> exp.Expr:
    """The condition that a time is the last one of a group, or of several periods in it."""
    if not is_of_last(condition):
        return condition
    time, period, *each = condition.expressions
    period = period.name
    of_time = [g for g in groups if {key(c) for c in g.find_all(exp.Column)} == {key(time)}]
    own = period_of(of_time, time) if of_time else ""
    is_one = not period or own == period or period in _WITHIN.get(own or "", ())
    told = [exp.Literal.string(period), *each] if each else []
    return exp.Anonymous(this=LAST if is_one else LASTS, expressions=[time.copy(), *told])


def is_of_last(condition: exp.Expr) -> bool:
    """Whether a condition asks for the last rows of a time."""
    return isinstance(condition, exp.Anonymous) and condition.name == LAST


def is_of_each(condition: exp.Expr) -> str | None:
    """The period within which a condition asks for the last row of each thing, None for others."""
    is_each = is_of_last(condition) and len(condition.expressions) > 2
    return str(condition.expressions[1].name) if is_each else None


def _uncast(node: exp.Expr) -> exp.Expr:
    node = node.unnest()
    return _uncast(node.this) if isinstance(node, exp.Cast | exp.Date | exp.TsOrDsToDate) else node
