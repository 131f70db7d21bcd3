"""A column beside the metrics: which it is, or which one it was meant to be, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from sqlglot import exp

from kpilayer.drift.conditions import disjoint
from kpilayer.drift.layer import LEVEL, Governed, Layer, family_of
from kpilayer.drift.measure import Measure, Total
from kpilayer.drift.names import likeness, words_of
from kpilayer.drift.nulls import not_null
from kpilayer.drift.reasons import function_of, reasons, shown
from kpilayer.drift.rows import GENERATED
from kpilayer.drift.site import Site, columns_of, is_middle, leaves, other_time, wheres
from kpilayer.drift.spelling import key, list_of

Verdict = Literal["exact", "equivalent", "conflicting", "possible"]
_PART: Final = 0.6
_SAME: Final = 1.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A column beside one metric: whether it is that, and what is different."""

    metric: Governed
    is_same: bool
    is_sliced: bool
    why: tuple[str, ...]
    likeness: float
    shape: bool
    is_only_time: bool = False
    note: str = ""
    extra: int = 0
    is_narrower: bool = False
    is_disjoint: bool = False
    is_late: bool = False
    is_far: bool = False
    """Whether it only has the metric's name, and no table of it."""
    is_unsure: bool = False
    """Whether it is the metric only where columns are never NULL of which nothing is said."""
    is_settled: bool = False
    """Whether rows cannot show the difference: it is one of what is meant."""


def compared(site: Site, metric: Governed, layer: Layer) -> Compared | None:
    """A column beside a metric, or None where they are not about the same rows."""
    mine, wanted = site.measure, metric.measure
    bases = {t.base for t in mine.totals.values()}
    if not bases & metric.bases:
        return _of_other_rows(site, metric)
    if wanted is None:
        return _of_a_rule(site, metric, layer)
    like = likeness(site.words, metric.words)
    sliced = wanted.where(site.slices.values(), layer.known, leaves(mine))
    is_moment = bool(metric.times & site.moments)
    if is_moment:
        sliced = sliced.changed(lambda total: _at_one_time(total, metric.times))
    if metric.is_active and _tests_an_end(site, metric, layer):
        sliced = sliced.changed(lambda total: replace(total, rule=""))
    shape = _shape(mine) == _shape(wanted) and _bare(mine).equals(_bare(wanted))
    note = ""
    is_same = not sliced.is_empty and mine.equals(sliced)
    is_same = is_same or _is_sum_of(mine, sliced, layer)
    if not is_same:
        levels = site.as_levels(metric.times)
        others = [c for k, c in site.slices.items() if k in wheres(levels)]
        is_same = levels.equals(wanted.where(others, layer.known, leaves(mine)))
    if not is_same and wanted.is_composite and not sliced.is_empty:
        for factor in (100, 1000):
            if mine.is_times(sliced, factor) or sliced.is_times(mine, factor):
                is_same, note = True, f"times {factor}" if factor != 100 else "in percent"
    is_same = is_same and sliced.above != sliced.below  # a slice in which a share is always 1
    is_sliced = is_same and not (mine.equals(wanted) or _is_sum_of(mine, wanted, layer))
    extra = len(site.slices) if is_sliced else 0
    lost = _lost(site, metric)
    if is_same and lost:
        return Compared(metric, False, is_sliced, (lost,), like, True, True, extra=extra)
    cut = _cut_again(site, wanted, layer) if is_sliced else ()
    if cut and not _names_values(site, metric, cut):
        return None
    if cut and like and not site.words.telling - _telling(metric):
        narrow = tuple(f"only where {shown(c)}" for c in cut)
        return Compared(metric, False, is_sliced, narrow, like, True, extra=extra, is_settled=True)
    if is_same:
        late = "" if metric.is_active else other_time(site, metric)
        if late:
            return Compared(metric, False, is_sliced, (late,), like, True, True, extra=extra)
        note = ", ".join(filter(None, (note, *_presumed(site, mine, sliced))))
        unsure = not mine.presumed_beside(sliced) <= layer.known.presumed | layer.known.names
        if other_groups := site.other_groups or _listed(site, layer):
            note, unsure = other_groups, True
        return Compared(
            metric, True, is_sliced, (), like, True, note=note, extra=extra, is_unsure=unsure
        )
    why = reasons(site, metric, sliced)
    own, other = wheres(mine), wheres(sliced)
    has_other_rule = _has_rule(mine) != _has_rule(sliced)
    return Compared(
        metric, False, False, why, like, shape,
        is_narrower=set(other) < set(own), is_disjoint=disjoint(own, wheres(wanted)),
        extra=len(set(own) ^ set(other)) + has_other_rule, is_late=bool(other_time(site, metric)),
    )  # fmt: skip


def _is_sum_of(mine: Measure, wanted: Measure, layer: Layer) -> bool:
    """Whether both are equal where totals are those of all values of a list."""
    parts = ({(t.function, t.value, t.base) for t in m.totals.values()} for m in (mine, wanted))
    if wanted.is_empty or len({frozenset(p) for p in parts}) > 1:
        return False
    lists = {
        key(found[0])
        for total in (*mine.totals.values(), *wanted.totals.values())
        for condition in total.where.values()
        if (found := list_of(condition)) is not None
    }
    domains = {c: v for c, v in layer.known.domains.items() if c in lists}
    return mine.by_value(domains).equals(wanted.by_value(domains))


def _of_other_rows(site: Site, metric: Governed) -> Compared | None:
    """A column of a metric's name that counts rows of a table joined to the metric's own."""
    totals = leaves(site.measure)
    like = likeness(site.words, metric.words)
    if metric.measure is None or like < _SAME or site.measure.is_composite:
        return None
    assert metric.measure is not None, "compared with one"
    is_joined = any(t.tables & metric.bases for t in totals)
    if not is_joined and not _things(totals) & _things(leaves(metric.measure)):
        return None
    why = tuple(f"rows of `{t.base}` instead of `{', '.join(metric.bases)}`" for t in totals)
    far = not is_joined
    return Compared(metric, False, False, why, like, False, extra=len(totals), is_far=far)


def _things(totals: list[Total]) -> set[str]:
    """The columns of which different values are counted, wherever they stand."""
    return {t.value.partition(".")[2] for t in totals if t.function == "count_distinct"} - {""}


def _cut_again(site: Site, wanted: Measure, layer: Layer) -> tuple[exp.Expr, ...]:
    """Conditions that narrow what a metric's own conditions are about, or leave rows out unseen.

    They cut no slice: under the metric's name, the number is of fewer rows than it says.
    """
    shown_ = {c for k in site.output.keys for c in columns_of(k)}
    own = {c for w in wheres(wanted).values() for c in columns_of(w)} - layer.times
    found = []
    for text, condition in wheres(site.measure).items():
        columns = columns_of(condition)
        tested = not_null(condition)
        is_unseen = tested is not None and columns <= layer.known.missing - layer.times
        is_inside = bool(columns) and columns <= site.inside - layer.times
        is_cut = bool(columns & own) or is_unseen or is_inside
        if text not in wheres(wanted) and not columns & shown_ and is_cut:
            found.append(condition)
    return tuple(found)


def _names_values(site: Site, metric: Governed, conditions: tuple[exp.Expr, ...]) -> bool:
    """Whether a name is a metric's, but for the values that conditions ask for."""
    values = [v.name for c in conditions for v in c.find_all(exp.Literal)]
    return site.words.telling <= _telling(metric).union(*(words_of(v).all for v in values))


def _telling(metric: Governed) -> frozenset[str]:
    return frozenset().union(*(w.telling for w in metric.words))


def _presumed(site: Site, mine: Measure, sliced: Measure) -> Iterator[str]:
    """What nothing says, and two equal measures rest on."""
    filled = sorted(c.partition(".")[2] for c in mine.presumed_beside(sliced))
    if filled:
        yield f"where {' and '.join(f'no `{c}`' for c in filled)} is missing"
    found = {(t, c) for total in leaves(mine) for t, c in total.finds}
    for table, column in sorted(found):
        yield f"where each `{column.partition('.')[2]}` has a row in `{table}`"


def _listed(site: Site, layer: Layer) -> str:
    """Why nobody can say that rows are all of them: they are joined with a list of values."""
    found = {(t, c) for total in leaves(site.measure) for t, c in total.finds}
    of_lists = {c for t, c in found if t == GENERATED}
    listed = {c.partition(".")[2] for c in of_lists if not any(time in c for time in layer.times)}
    return f"only where `{min(listed)}` is in a list" if listed else ""


def _shown(site: Site) -> set[str]:
    """The tables of columns that a query groups by."""
    return {c.partition(".")[0] for k in site.output.keys for c in columns_of(k)}


def _lost(site: Site, metric: Governed) -> str:
    """Why a column of equal measure is not the metric: an inner join loses rows."""
    shown = _shown(site)
    for total in leaves(site.measure):
        for table, column in total.loses:
            if table not in shown:
                return (
                    f"rows without `{column.partition('.')[2]}` are lost by the join with `{table}`"
                )
    return ""


def _of_a_rule(site: Site, metric: Governed, layer: Layer) -> Compared | None:
    """A column beside a metric whose rule is not read: it has at least to be made of its parts."""
    like = likeness(site.words, metric.words, site.tables)
    if like < _SAME:
        return None
    beside = leaves(site.measure)
    parts = [p.where(site.slices.values(), layer.known, beside) for p in metric.parts]
    wanted = {t.key for p in parts for t in p.totals.values()}
    others = [t for t in leaves(site.measure) if t.key not in wanted]
    if not others:
        return None
    why = tuple(f"{function_of(t)} of `{t.base}` is no part of it" for t in others[:1])
    return Compared(metric, False, False, why, like, False, extra=len(others))


def _has_rule(found: Measure) -> bool:
    """Whether a rule about time holds for some of it."""
    return any(t.rule for t in leaves(found))


def _bare(found: Measure) -> Measure:
    return found.changed(lambda total: replace(total, where={}, rule=""))


def _tests_an_end(site: Site, metric: Governed, layer: Layer) -> bool:
    """Whether it counts what holds at a time: its conditions test the end of it."""
    for model in layer.catalog.models.values():
        if model.active is not None:
            for condition in site.conditions.values():
                ends = {c.partition(".")[2] for c in columns_of(condition)}
                if str(model.active.to or "").lower() in ends:
                    return True
    return False


def _at_one_time(total: Total, times: frozenset[str]) -> Total | None:
    if total.function == "count_distinct" and total.value in times:
        return None
    return replace(total, rule="") if total.rule == LEVEL else total


def _shape(found: Measure) -> tuple[object, ...]:
    """What is aggregated, whatever the conditions are."""
    parts = {
        (t.function, t.value if not t.inner else "", t.base, bool(t.per))
        for t in found.totals.values()
    }
    return (found.is_composite, *sorted(map(str, parts)))


# ------------------------------------------------------------------------------------- all metrics


@dataclass(frozen=True, slots=True)
class Match:
    """The verdict about a column: the metric that it is, or was meant to be."""

    site: Site
    verdict: Verdict
    found: Compared


def match(site: Site, layer: Layer) -> Match | None:
    """The metric that a column computes, well or not; None where it computes none."""
    if not site.measure.totals or site.is_of_a_check:
        return None
    pairs = [
        c for m in layer.metrics if not m.is_hidden and (c := compared(site, m, layer)) is not None
    ]
    same = [c for c in pairs if c.is_same]
    named = [c for c in pairs if not c.is_same and not (c.is_far and same) and _is_meant(site, c)]
    best = min(same, key=lambda c: (-c.likeness, c.is_sliced, c.extra), default=None)
    rival = min(
        named,
        key=lambda c: (not c.is_only_time, -round(c.likeness, 1), not c.shape, c.extra),
        default=None,
    )
    if best is not None:
        beaten = rival is not None and _is_beaten(best, rival)
        if not beaten:
            if best.is_unsure:
                return Match(site, "possible", replace(best, why=(best.note,)))
            exact = site.measure.above == (best.metric.measure or site.measure).above
            return Match(site, "exact" if exact and not best.note else "equivalent", best)
    return None if rival is None else Match(site, "conflicting", rival)


def _is_beaten(best: Compared, rival: Compared) -> bool:
    """Whether a name says that another metric was meant than the one that it equals."""
    if rival.likeness <= best.likeness:
        return False
    if rival.likeness >= _SAME:
        return best.is_sliced or not (rival.is_only_time or rival.shape)
    return best.likeness == 0 and rival.likeness >= _PART


def _is_meant(site: Site, found: Compared) -> bool:
    """Whether a column that differs from a metric was meant to be that one."""
    metric, mine = found.metric, site.measure
    if metric.measure is None:
        return True
    is_nameless = not site.words.telling
    if found.is_settled:
        return True
    if found.is_only_time:
        return is_nameless or found.likeness > 0
    if found.is_disjoint and found.likeness < _SAME:
        return False
    if _adds_up_again(mine, metric) and (is_nameless or found.likeness > 0):
        return True
    families = {family_of(t) for t in leaves(mine)} & {family_of(t) for t in leaves(metric.measure)}
    if found.likeness >= _SAME:
        is_called_so = any(site.words.all == words.all for words in metric.words)
        if mine.is_ratio and not metric.measure.is_ratio and not is_middle(site, metric):
            if not is_called_so:  # an average per order is no number of orders
                return False
        is_median = _functions(mine) == {"percentile 0.5"} and metric.measure.is_ratio
        is_mean = metric.measure.is_ratio and "avg" in site.functions
        is_like = is_median or is_mean or _counts_instead(mine, metric.measure)
        return bool(families) or is_middle(site, metric) or is_like
    is_other = mine.is_composite != metric.measure.is_composite
    is_other = is_other or mine.is_ratio != metric.measure.is_ratio
    if is_other and not is_middle(site, metric):
        return False
    if found.likeness >= _PART:
        if not (families or is_middle(site, metric)):
            return False
        shortest = min((w.telling for w in metric.words if w.telling), key=len)
        narrower = site.words.telling > shortest
        return not (narrower and found.is_narrower)
    if is_middle(site, metric) and _same_columns(mine, metric.measure):
        more = set(wheres(metric.measure)) - set(wheres(mine))
        return is_nameless or found.likeness > 0 or not more
    if _same_columns(mine, metric.measure) and _functions(mine) == _functions(metric.measure):
        return (
            (is_nameless and not mine.is_composite)
            or found.likeness > 0
            or (found.shape and is_nameless)
        )
    return is_nameless and found.shape


def _adds_up_again(mine: Measure, metric: Governed) -> bool:
    """Whether values of groups, which do not add up, are added up."""
    assert metric.measure is not None, "compared with one"
    for total in mine.totals.values():
        if total.inner and total.function == "sum":
            inner = {(t.function, t.value, t.base) for t in total.inner}
            if inner == {(t.function, t.value, t.base) for t in metric.measure.totals.values()}:
                return True
    return False


def _counts_instead(one: Measure, other: Measure) -> bool:
    """Whether rows that meet the same conditions are counted instead of summed up, or so."""
    is_like = _functions(one) | _functions(other) <= {"sum", "count", "count_distinct"}
    return is_like and set(wheres(one)) == set(wheres(other))


def _functions(found: Measure) -> set[str]:
    return {t.function for t in found.totals.values()}


def _same_columns(one: Measure, other: Measure) -> bool:
    mine = {c for t in one.totals.values() for c in t.columns}
    return bool(mine) and mine == {c for t in other.totals.values() for c in t.columns}
