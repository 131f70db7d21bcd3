"""Versions of a metric, each over the rows of its days, as one formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from kpilayer import snippets
from kpilayer.address import METRIC_TIME
from kpilayer.columns import own_grain
from kpilayer.formula.times import homes
from kpilayer.formula.tree import Atom, Compute, Formula, Shaped
from kpilayer.grain import truncate
from kpilayer.join_graph import JoinGraph
from kpilayer.model.metric import Metric
from kpilayer.versions import name_of

#: A version's name and the conditions on its days to its formula.
Version = Callable[[str, tuple[str, ...]], Formula]
#: How the numbers of two spans of time become one: what adds up or is the least or greatest of
#: both does so for any span. Of anything else there is one number at a time.
ADDED: Final = "COALESCE(former + newer, former, newer)"
LEAST: Final = "CASE WHEN former IS NULL OR newer < former THEN newer ELSE former END"
GREATEST: Final = "CASE WHEN former IS NULL OR newer > former THEN newer ELSE former END"
_EITHER: Final = "COALESCE(newer, former)"


def stitched_formula(
    graph: JoinGraph,
    metric: Metric,
    stands: tuple[tuple[date, str], ...],
    time: str | None,
    formula_of: Version,
) -> Formula:
    """Versions of a metric, each over the rows of its days; rows without a date are of the newest.

    ``stands`` are the last days and names of versions whose numbers stand, newest first. What fills
    gaps in the result stays outside of both.
    """
    own = [own_grain(graph, *home) for home in homes(graph.catalog, metric.name, time)]
    calendar = graph.catalog.calendar
    period = calendar.coarsest(["day", *(g for g in own if g is not None)])
    at, unit = f"{METRIC_TIME}__{period}", calendar.unit(period) or period
    quote = snippets.quote_of(graph.catalog.dialect)

    def version(name: str, after: date | None, until: date | None) -> Formula:
        held = [f"({quote}{at}{quote} > {_day(after, unit)}"] if after else []
        if held:
            held[0] += f" OR {quote}{at}{quote} IS NULL)" if until is None else ")"
        held += [f"{quote}{at}{quote} <= {_day(until, unit)}"] if until else []
        return formula_of(name, tuple(held))

    oldest_first = stands[::-1]
    (until, name), *later = oldest_first
    whole = version(name, None, until)
    ends = [*(day for day, _ in later), None]
    names = [*(name for _, name in later), name_of(metric.name, metric.version)]
    for end, name in zip(ends, names, strict=True):
        whole = _one_after_another(whole, version(name, until, end), until)
        until = end or until
    return whole


def _day(day: date | None, unit: str) -> str:
    assert day is not None, "a version that stands has a last day"
    first = truncate(datetime(day.year, day.month, day.day), unit)
    return f"CAST('{first.date().isoformat()}' AS DATE)"


def _one_after_another(former: Formula, newer: Formula, until: date) -> Formula:
    if isinstance(newer, Shaped) and newer.rule in ("spined", "filled"):
        assert isinstance(former, Shaped), "versions have the same layers"
        inner = _one_after_another(former.inputs[0][1], newer.inputs[0][1], until)
        shown = tuple(c for c in newer.conditions if c in former.conditions)  # not the versions'
        return replace(newer, inputs=(("", inner),), conditions=shown)
    inputs = (("former", former), ("newer", newer))
    return Compute(_joined(former, newer), inputs, until)


def _joined(former: Formula, newer: Formula) -> str:
    """How the numbers of two versions become one."""
    if isinstance(former, Compute) and former.until is not None:
        known = former.text if isinstance(newer, Atom) else _EITHER
        return known if known == _joined(newer, newer) else _EITHER
    aggs = {a.agg if isinstance(a, Atom) else "" for a in (former, newer)}
    if aggs <= {"sum", "count", "sum_boolean"}:
        return ADDED
    return {"min": LEAST, "max": GREATEST}.get(aggs.pop(), _EITHER) if len(aggs) == 1 else _EITHER


def is_of_one_version(tree: Compute) -> bool:
    """Whether a number of several versions means something only where all rows are of one."""
    return tree.until is not None and tree.text == _EITHER
