"""The change of a KPI by the values of a dimension.

Of a quotient, each segment's rate and the mixture are told apart (`mix.py`); of what adds up, each
segment's change. Whether segments add up is not believed but looked at: their sums are compared
with the whole, and what is counted in several of them is a row of its own, or a refusal.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final, Literal, TypeAlias

from kpilayer.address import metric_column
from kpilayer.calendar import Calendar
from kpilayer.identity import Identity
from kpilayer.kpi.attribution import Status
from kpilayer.kpi.driver_tree import DriverTree, kind_of
from kpilayer.kpi.effect import Unknown
from kpilayer.kpi.exact import Number, Reason, Value, exact, is_close, rounded, share, total
from kpilayer.kpi.formulas import Node as Arithmetic
from kpilayer.kpi.formulas import NoZero, Quotient, names_in, read_formula, value_of
from kpilayer.kpi.measuring import Values, last_day, number_in
from kpilayer.kpi.mix import rate_and_mix
from kpilayer.kpi.observing import Ask, day_of, grain_of
from kpilayer.kpi.periods import Periods
from kpilayer.rollup import Kind

#: Kinds of metrics whose segments may have rows in common, and are shown with an overlap.
_ADDED: Final[frozenset[Kind]] = frozenset({"additive", "semi_additive", "distinct"})
#: Kinds that may be sums of sums: of them, only what adds up on the data is shown.
_COMPUTED: Final[frozenset[Kind]] = frozenset({"derived"})
#: How far sums of segments may be from the whole, as a fraction: what floating point leaves over.
_SUMS: Final = 1e-9

SegmentStatus: TypeAlias = Literal["both", "new", "lost", "overlap", "not explained"]
#: Values of metrics by segment, for each of both periods.
Cells: TypeAlias = Mapping[date, Mapping[str | None, Mapping[str, Number | None]]]
_Pairs: TypeAlias = dict[Hashable, tuple[Number | None, Number | None]]


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """What a segment did to the change of the KPI.

    ``segment`` is None for rows without a value of the dimension. ``rate`` and ``mix`` add up to
    ``contribution``, in units of the KPI, and are None where the KPI is no quotient; ``before`` and
    ``after`` are the segment's own values, None where it is not there. The row of status `overlap`
    is what several segments have in common, `not explained` what they leave open.
    """

    segment: str | None
    status: SegmentStatus
    before: float | None
    after: float | None
    contribution: float
    share: float | None
    rate: float | None = None
    mix: float | None = None


@dataclass(frozen=True, slots=True)
class BySegment:
    """The change of a KPI by a dimension: rows add up to it, the largest first.

    Where ``status`` is ``undefined`` there are no rows; ``reason`` and ``detail`` say why.
    """

    dimension: str
    kind: Literal["rate_and_mix", "sum"]
    status: Status = "ok"
    rate: float | None = None
    mix: float | None = None
    rows: tuple[SegmentRow, ...] = ()
    reason: Reason | None = None
    detail: str = ""


def asked_by(
    metrics: Sequence[str],
    dimension: str,
    tree: DriverTree,
    calendar: Calendar,
    periods: Periods,
    ends: tuple[date, date],
    ask: Ask,
) -> Cells:
    """Values of metrics by segment, under the KPI's conditions, in each of both periods.

    Raises:
        QueryError: they cannot be grouped by that dimension.
    """
    kpi = tree.kpi
    column = f"metric_time__{grain_of(kpi.cadence, calendar)}"
    first, last = min(ends), last_day(periods, max(ends))
    rows = ask(tuple(metrics), (column, dimension), kpi.where, first, last)
    found: dict[date, dict[str | None, dict[str, Number | None]]] = {end: {} for end in ends}
    for row in rows:
        if row[column] is None or day_of(row[column]) not in found:
            continue
        values = {name: number_in(row[metric_column(name)]) for name in metrics}
        found[day_of(row[column])][_segment(row[dimension])] = values
    return found


def by_segment(
    tree: DriverTree,
    values: Mapping[str, Values],
    dimension: str,
    identity: Identity,
    periods: Periods,
    ends: tuple[date, date],
    ask: Ask,
) -> BySegment:
    """The change of the root by a dimension.

    Raises:
        QueryError: the KPI cannot be grouped by that dimension.
    """
    calendar, root = identity.catalog.calendar, tree.root
    sides = _quotient(tree)
    if sides is not None:
        metrics = {name: tree.nodes[name].metric for side in sides for name in names_in(side)}
        cells = asked_by(
            tuple(dict.fromkeys(metrics.values())), dimension, tree, calendar, periods, ends, ask
        )
        return _rates(tree, values, dimension, sides, metrics, cells, ends)
    kind = kind_of(root.metric, identity)
    if kind not in _ADDED | _COMPUTED:
        why = f"`{root.metric}` does not add up over segments, and is no quotient of what does"
        return _undefined(dimension, "sum", Unknown("method_not_applicable", why))
    cells = asked_by((root.metric,), dimension, tree, calendar, periods, ends, ask)
    return _sums(tree, values, dimension, kind, cells, ends)


def _segment(value: Any) -> str | None:
    return None if value is None else str(value)


def _quotient(tree: DriverTree) -> tuple[Arithmetic, Arithmetic] | None:
    """What stands above and below, where the root is a quotient of metrics without conditions."""
    if not tree.root.formula or tree.root.op == "rollforward":
        return None
    whole = read_formula(tree.root.formula).tree
    if not isinstance(whole, Quotient):
        return None
    below = whole.right.of if isinstance(whole.right, NoZero) else whole.right
    named = {*names_in(whole.left), *names_in(below)}
    if not all(tree.nodes[name].where == tree.root.where for name in named):
        return None
    return (whole.left, below) if any(names_in(below)) else None


# ------------------------------------------------------------------------------------- rate and mix


def _rates(
    tree: DriverTree,
    values: Mapping[str, Values],
    dimension: str,
    sides: tuple[Arithmetic, Arithmetic],
    metrics: Mapping[str, str],
    cells: Cells,
    ends: tuple[date, date],
) -> BySegment:
    pairs: list[_Pairs] = []
    for end in ends:
        whole = {name: _filled(values[name].get(end)) for name in metrics}
        parts = {
            segment: {name: _filled(row[metric]) for name, metric in metrics.items()}
            for segment, row in cells[end].items()
        }
        found = _pairs(tree, sides, whole, parts)
        if isinstance(found, Unknown):
            return _undefined(dimension, "rate_and_mix", found)
        pairs.append(found)
    told = rate_and_mix(pairs[0], pairs[1])
    if told.status == "undefined":
        assert told.reason is not None, "what is undefined has a reason"
        return _undefined(dimension, "rate_and_mix", Unknown(told.reason, told.detail))
    first, second = (exact(values[tree.root.name].get(end)) for end in ends)
    if not isinstance(first, Fraction) or not isinstance(second, Fraction):
        return _undefined(dimension, "rate_and_mix", Unknown("no_value", "the KPI has no value"))
    change, explained = second - first, exact(told.change)
    assert isinstance(explained, Fraction), "a change that is told is a number"
    rows = [
        SegmentRow(
            None if one.segment is None else str(one.segment), one.status, one.before, one.after,
            one.contribution, share(_exactly(one.contribution), change), one.rate, one.mix,
        )
        for one in told.rows
    ]  # fmt: skip
    rows = [*_largest_first(rows), *_left_over("not explained", change - explained, change)]
    return BySegment(dimension, "rate_and_mix", "ok", told.rate, told.mix, tuple(rows))


def _pairs(
    tree: DriverTree,
    sides: tuple[Arithmetic, Arithmetic],
    whole: Mapping[str, Value],
    parts: Mapping[str | None, Mapping[str, Value]],
) -> _Pairs | Unknown:
    """Both sides of each segment; unknown where segments do not add up to the whole."""
    found: dict[str | None, list[Fraction]] = {segment: [] for segment in parts}
    for side, word in zip(sides, ("numerator", "denominator"), strict=True):
        for segment, row in parts.items():
            value = value_of(side, row)
            if not isinstance(value, Fraction):
                return Unknown(value, f"the {word} of `{segment}` has no value")
            found[segment].append(value)
        all_of_it = value_of(side, whole)
        if not isinstance(all_of_it, Fraction):
            return Unknown(all_of_it, f"the {word} has no value")
        added = total(pair[-1] for pair in found.values())
        if not is_close(added, all_of_it, _SUMS):
            detail = (
                f"the {word} of all is {rounded(all_of_it):,.6g}, and those of segments add up to "
                f"{rounded(added):,.6g}: they overlap, or are no sums"
            )
            return Unknown("method_not_applicable", detail)
    for segment, (above, below) in found.items():
        if above and not below:
            whose = "rows without a value of it have" if segment is None else f"`{segment}` has"
            return Unknown("zero_denominator", f"{whose} a numerator, and the denominator 0")
    return {segment: (above, below) for segment, (above, below) in found.items()}


def _filled(value: Number | None) -> Value:
    return Fraction(0) if value is None else exact(value)


# --------------------------------------------------------------------------------------------- sums


def _sums(
    tree: DriverTree,
    values: Mapping[str, Values],
    dimension: str,
    kind: Kind,
    cells: Cells,
    ends: tuple[date, date],
) -> BySegment:
    metric = tree.root.metric
    wholes = [exact(values[tree.root.name].get(end)) for end in ends]
    numbers = [whole for whole in wholes if isinstance(whole, Fraction)]
    if len(numbers) < 2:
        return _undefined(dimension, "sum", Unknown("no_value", "the KPI has no value"))
    sides = [{segment: exact(row[metric]) for segment, row in cells[end].items()} for end in ends]
    present = [{s: v for s, v in side.items() if isinstance(v, Fraction)} for side in sides]
    added = [total(side.values()) for side in present]
    agrees = all(is_close(a, n, _SUMS) for a, n in zip(added, numbers, strict=True))
    if kind in _COMPUTED and not agrees:
        why = f"`{metric}` does not add up over segments"
        return _undefined(dimension, "sum", Unknown("method_not_applicable", why))
    change = numbers[1] - numbers[0]
    rows = [
        _sum_row(segment, present[0].get(segment), present[1].get(segment), change)
        for segment in dict.fromkeys((*present[0], *present[1]))
    ]
    left = change - (added[1] - added[0])
    has_overlap = not agrees and kind != "semi_additive"  # of a level, a segment may end early
    status: SegmentStatus = "overlap" if has_overlap else "not explained"
    return BySegment(
        dimension, "sum", rows=(*_largest_first(rows), *_left_over(status, left, change))
    )


def _sum_row(
    segment: str | None, before: Fraction | None, after: Fraction | None, change: Fraction
) -> SegmentRow:
    moved = (after or Fraction(0)) - (before or Fraction(0))
    status: SegmentStatus = "new" if before is None else "lost" if after is None else "both"
    first, second = (None if end is None else rounded(end) for end in (before, after))
    return SegmentRow(segment, status, first, second, rounded(moved), share(moved, change))


def _left_over(status: SegmentStatus, left: Fraction, change: Fraction) -> tuple[SegmentRow, ...]:
    if status == "not explained" and abs(rounded(left)) <= _SUMS * abs(rounded(change)):
        return ()
    return (SegmentRow(None, status, None, None, rounded(left), share(left, change)),)


def _largest_first(rows: Iterable[SegmentRow]) -> list[SegmentRow]:
    return sorted(rows, key=lambda row: (-abs(row.contribution), row.segment or ""))


def _exactly(value: float) -> Fraction:
    found = exact(value)
    return found if isinstance(found, Fraction) else Fraction(0)


def _undefined(dimension: str, kind: Literal["rate_and_mix", "sum"], why: Unknown) -> BySegment:
    return BySegment(dimension, kind, "undefined", reason=why.reason, detail=why.detail)
