"""Parts of an answer beside its rows: whether totals and what is left over have a meaning in it."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.errors import Issue
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.answerable import unanswerable
from kpilayer.plan.bound import BoundQuery
from kpilayer.plan.compare import compared_unit


def unsound(graph: JoinGraph, bound: BoundQuery) -> Iterator[Issue]:
    """Combinations that have no meaning, each with the nearest that has one."""
    if bound.overlapping and (bound.totals or bound.top is not None):
        what = "totals" if bound.totals else "top"
        message = f"`{what}` of groups that overlap: a row counts in several of them, and a part"
        message += " and the rest are not the whole"
        hint = "group by what a row has one of, or ask for the total by itself"
        yield Issue("unsound-question", message, hint=hint)
        return
    if bound.having and bound.top is not None and bound.top.other is not None:
        message = "`having` takes rows away, and `other` would hold them or not: both are wrong"
        hint = "filter rows by `where`, or leave out `other`"
        yield Issue("unsound-question", message, hint=hint)
        return
    moved = [one for one in bound.compared if one.spans is None]
    for keys in bound.parts:
        level = ", ".join(f"`{k.name}`" for k in keys) or "nothing"
        unit = compared_unit(graph, bound.keys)
        if moved and compared_unit(graph, keys) != unit:
            message = f"each {unit} is compared with another, and a part by {level} is of no {unit}"
            hint = "keep the time in every level, or leave it out and give `start` and `end`"
            yield Issue("unsound-question", message, hint=hint)
            continue
        earlier = (named for one in moved for named in one.metrics)
        trees = [*bound.metrics, *bound.unshown, *earlier]
        for issue in unanswerable(graph, trees, keys, bound.ranges):
            message = f"{issue.message} (in the part by {level})"
            yield Issue(issue.code, message, issue.location, issue.hint)
    if bound.top is not None:
        for issue in unanswerable(graph, [bound.top.by], (bound.top.of,), bound.ranges):
            message = f"{issue.message} (to rank by it in total)"
            yield Issue(issue.code, message, issue.location, issue.hint)
