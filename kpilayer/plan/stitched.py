"""Questions about metrics of several versions (decision 3): which one holds, and where none does.

What adds up is added up over the days of all versions. A ratio or a distinct count has no meaning
over rows of two versions: it is answered by periods that lie on one side of the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from kpilayer import grain
from kpilayer.errors import Issue
from kpilayer.formula.stitched import is_of_one_version
from kpilayer.formula.tree import Atom, Compute, Formula, Home, Shaped, atoms, rules
from kpilayer.join_graph import JoinGraph
from kpilayer.model.metric import Metric
from kpilayer.plan.keys import Key, asked_place, is_of_home_time, keeps
from kpilayer.plan.ranges import Range
from kpilayer.versions import spans

#: Rules that change neither the rows nor the times that a number is of.
_ALIKE = ("filled", "spined")
#: Rules that find rows one by one, or take those of another time.
_OF_ROWS = ("conversion", "funnel", "semi_additive", "active")


def settled(tree: Formula, spans: Sequence[tuple[Home, Range]]) -> Formula:
    """A formula without the versions of which the range asked has no day."""
    if isinstance(tree, Atom):
        return tree
    if isinstance(tree, Shaped) and tree.rule not in (*_ALIKE, "regrouped", "nested"):
        return tree  # what it reads may be of another time
    inputs = tuple((name, settled(inner, spans)) for name, inner in tree.inputs)
    is_of_its_time = set(rules(tree)) <= set(_ALIKE)
    if isinstance(tree, Compute) and tree.until is not None and is_of_its_time:
        known = dict(spans)
        asked = [known.get((a.model, a.time)) for a in atoms(tree)]
        change = _next(tree.until)
        if all(span is not None and _ends_before(span, change) for span in asked):
            return inputs[0][1]
        if all(s is not None and s.lower is not None and s.lower >= change for s in asked):
            return inputs[1][1]
    return replace(tree, inputs=inputs)


def _ends_before(span: Range, change: datetime) -> bool:
    if span.upper is None:
        return False
    return span.upper < change or (span.upper == change and not span.upper_is_inclusive)


def _next(day: date) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(days=1)


def mixed(
    graph: JoinGraph, name: str, tree: Formula, keys: Sequence[Key], above: str = ""
) -> Iterator[tuple[str, str, str | None]]:
    """Why a metric would mix versions in one number, if it would: code, message and hint."""
    if isinstance(tree, Atom):
        return
    if isinstance(tree, Compute) and tree.until is not None:
        moved = above or next((r for r in rules(tree) if r not in _ALIKE), "")
        if above in _OF_ROWS:
            message = f"`{name}` needs rows of one definition, and reads a metric that changes "
            message += f"after {tree.until}"
            yield "mixed-versions", message, "name a version of the input, as `metric@2`"
            return
        if is_of_one_version(tree) and (moved or not _is_split(graph, tree, keys)):
            message = f"`{name}` has another definition up to {tree.until} than after it: "
            message += "one number over both would mean nothing"
            hint = "ask by a time grain whose periods end there, for a range on one side of it, or "
            hint += "for one version, as `metric@1`"
            yield "mixed-versions", message, hint
            return
    kept = keys
    if isinstance(tree, Shaped) and tree.rule == "regrouped":
        kept = [k for k in keys if keeps(tree, k.asked, graph.catalog.calendar.own_grains)]
    here = tree.rule if isinstance(tree, Shaped) else above
    if here in (*_ALIKE, "regrouped", "nested"):
        here = above
    for _, inner in tree.inputs:
        yield from mixed(graph, name, inner, kept, here)


def _is_split(graph: JoinGraph, tree: Compute, keys: Sequence[Key]) -> bool:
    """Whether a group-by keeps the days up to a change apart from those after it."""
    assert tree.until is not None, "only a change splits"
    change = _next(tree.until)
    homes = dict.fromkeys((a.model, a.time) for a in atoms(tree))
    for key in keys:
        at = dict(key.at)
        if not all(home in at and is_of_home_time(graph, key, home) for home in homes):
            continue
        column = next(iter(at.values()))
        if column.part is None and column.unit is not None:
            if grain.truncate(change, column.unit) == change:
                return True
    return False


def notices(metric: Metric) -> Iterator[Issue]:
    """That a metric is stitched of versions, and which holds when."""
    text = spans(metric)
    if text:
        place = asked_place("metrics", metric.name)
        message = f"`{metric.name}` is {text}"
        yield Issue("stitched-versions", message, place, severity="notice")
