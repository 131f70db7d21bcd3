"""Where a KPI moved: the dimensions, and values of them, that were not to be expected."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from kpilayer.errors import Issue, QueryError
from kpilayer.identity import Identity
from kpilayer.kpi.by_segment import asked_by
from kpilayer.kpi.driver_tree import DriverTree, kind_of
from kpilayer.kpi.exact import Number, exact, is_close, total
from kpilayer.kpi.measuring import Values
from kpilayer.kpi.observing import Ask
from kpilayer.kpi.periods import Periods
from kpilayer.kpi.segments import MovedSegments, segments_that_moved

#: A dimension with more values than these is a list of things, and no way to look at them.
MOST_ELEMENTS: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """What the segment finder says, and which dimensions it left out, each with the reason."""

    moved: MovedSegments
    left_out: Mapping[str, str]


def found_in(
    tree: DriverTree,
    values: Values,
    dimensions: Sequence[str],
    identity: Identity,
    periods: Periods,
    ends: tuple[date, date],
    ask: Ask,
) -> Found:
    """The segments that moved more than the others, the earlier period being what was expected.

    Raises:
        QueryError: ``bad-drivers`` for a KPI that is no sum over segments.
    """
    metric = tree.root.metric
    kind = kind_of(metric, identity)
    if kind not in ("additive", "semi_additive"):
        message = f"`{metric}` is no sum over segments: there are no segments to find"
        hint = "`by` one dimension tells rate and mix of a quotient"
        raise QueryError(Issue("bad-drivers", message, hint=hint))
    sides: tuple[dict[str, dict[Hashable, Number | None]], ...] = ({}, {})
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(dimensions):
        try:
            cells = asked_by((metric,), name, tree, identity.catalog.calendar, periods, ends, ask)
        except QueryError as error:
            left_out[name] = error.issues[0].message
            continue
        pairs: list[dict[Hashable, Number | None]] = [
            {s: row[metric] for s, row in cells[end].items()} for end in ends
        ]
        if why := _unfit(pairs, values, ends):
            left_out[name] = why
            continue
        if any(pairs == [side[other] for side in sides] for other in sides[0]):
            continue  # the same dimension on another way
        for side, pair in zip(sides, pairs, strict=True):
            side[name] = pair
    if not sides[0]:
        message = f"no dimension of `{metric}` can be looked into"
        reasons = "; ".join(f"`{name}`: {why}" for name, why in left_out.items())
        raise QueryError(Issue("bad-drivers", message, hint=reasons or None))
    moved = segments_that_moved(sides[1], sides[0])
    below = dict.fromkeys(moved.left_out, "a value of it is below 0, or all of them are")
    return Found(moved, {**left_out, **below})


def _unfit(
    pairs: Sequence[Mapping[Hashable, Number | None]], values: Values, ends: tuple[date, date]
) -> str:
    if len({segment for pair in pairs for segment in pair}) > MOST_ELEMENTS:
        return f"it has more than {MOST_ELEMENTS} values"
    for pair, end in zip(pairs, ends, strict=True):
        whole = exact(values.get(end))
        numbers = [exact(0 if value is None else value) for value in pair.values()]
        added = total(number for number in numbers if isinstance(number, Fraction))
        if isinstance(whole, Fraction) and not is_close(added, whole, 1e-9):
            return "its segments do not add up to the whole"
    return ""
