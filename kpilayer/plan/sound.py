"""Parts of an answer beside its rows: whether totals and what is left over have a meaning in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kpilayer.errors import Issue, listing
from kpilayer.formula.tree import Formula
from kpilayer.join_graph import JoinGraph
from kpilayer.plan import overlap
from kpilayer.plan.answerable import unanswerable
from kpilayer.plan.bound import BoundQuery
from kpilayer.plan.compare import compared_unit
from kpilayer.plan.keys import Key
from kpilayer.plan.overlap import overlapping


def unsound(graph: JoinGraph, bound: BoundQuery) -> Iterator[Issue]:
    """Combinations that have no meaning, each with the nearest that has one."""
    closed = list(_not_the_whole(graph, bound))
    if closed:
        yield from closed
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
        shown = (*bound.metrics, *bound.unshown)  # an earlier value counts the rows of its metric
        yield from _of_many(graph, shown, keys, f"in the part by {level}")
    if bound.top is not None:
        yield from _of_many(graph, [bound.top.by], (bound.top.of,), "to rank by it in total")
        for issue in unanswerable(graph, [bound.top.by], (bound.top.of,), bound.ranges):
            message = f"{issue.message} (to rank by it in total)"
            yield Issue(issue.code, message, issue.location, issue.hint)


def _not_the_whole(graph: JoinGraph, bound: BoundQuery) -> Iterator[Issue]:
    """Parts that leave out a group-by whose groups overlap, which no metric may that is closed."""
    metrics = [*bound.asked, *([bound.top.by] if bound.top is not None else [])]
    closed = {n: tree for n, tree in metrics if not graph.catalog.metric(n).overlapping}
    left_out = {"totals": [k for kept in bound.totals for k in bound.keys if k not in kept]}
    left_out |= {"top": [bound.top.of] if bound.top is not None else []}
    for what, keys in left_out.items():
        found = {name: many[0] for name, t in closed.items() if (many := overlapping(t, keys))}
        if not found:
            continue
        key = next(iter(found.values())).asked
        message = (
            f"`{what}` of groups that overlap: a row counts in several of `{key}`, and a part "
        )
        message += "and the rest are not the whole"
        hint = "group by what a row has one of, or ask for the total by itself; if it is understood"
        hint += f" that groups overlap, say `overlapping: true` at {listing(list(found))}"
        yield Issue("unsound-question", message, hint=hint)


def _of_many(
    graph: JoinGraph, metrics: Iterable[tuple[str, Formula]], keys: Sequence[Key], where: str
) -> Iterator[Issue]:
    for name, tree in metrics:
        for issue in overlap.issues(graph, name, tree, keys):
            if issue.severity == "error":
                message = f"{issue.message} ({where})"
                yield Issue(issue.code, message, issue.location, issue.hint)
