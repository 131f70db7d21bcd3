"""A column elsewhere: what it measures, how it is cut, and the times that it is told by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from sqlglot import exp

from kpilayer.drift.joins import is_calendar
from kpilayer.drift.layer import LEVEL, Governed, Layer, family
from kpilayer.drift.levels import is_of_each, is_of_last
from kpilayer.drift.measure import Measure, Total
from kpilayer.drift.names import Words, is_of_a_check, without_unit, words_of
from kpilayer.drift.nulls import not_null
from kpilayer.drift.rows import NOT_READ, SAMPLE, Output, numbers_in
from kpilayer.drift.spelling import key, plain, unnumbered
from kpilayer.drift.totals import measure
from kpilayer.drift.windows import unit_of_text

#: What makes periods of times, and what moves a time before that.
_CUTS: Final = (
    *(exp.TimestampTrunc, exp.DateTrunc, exp.DatetimeTrunc, exp.Cast, exp.Extract, exp.Date),
    *(exp.Year, exp.Month, exp.Quarter, exp.Week, exp.LastDay, exp.TimeToStr, exp.ToChar),
)
_MOVES: Final = (
    *(exp.Add, exp.Sub, exp.DateAdd, exp.DateSub, exp.TimestampAdd, exp.TimestampSub),
    *(exp.AtTimeZone, exp.ConvertTimezone, exp.TsOrDsAdd, exp.DatetimeAdd, exp.DatetimeSub),
)


@dataclass(frozen=True)
class Site:
    """A column of SQL elsewhere that aggregates: its measure, its groups, and the words for it."""

    output: Output
    measure: Measure
    layer: Layer

    @cached_property
    def words(self) -> Words:
        """What its name says beside what its expression does."""
        columns = {c for t in self.measure.totals.values() for c in t.columns}
        known = {w for c in columns for w in words_of(c.partition(".")[2]).all}
        found = words_of(self.output.name)
        bare = without_unit(self.output.name)
        if bare != self.output.name and not self.layer.has_metric_called(found):
            found = words_of(bare)
        # A name made of columns and functions is a tool's: "sum:amount:ok".
        return words_of(self.output.name, known) if _is_made(self.output.name) else found

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables whose rows it is of."""
        return frozenset(total.base for total in leaves(self.measure))

    @cached_property
    def functions(self) -> frozenset[str]:
        """The functions of its aggregates, as they are written."""
        used = numbers_in(self.output.value)
        return frozenset(self.output.aggregates[n].function for n in used)

    @cached_property
    def conditions(self) -> Mapping[str, exp.Expr]:
        """The conditions that all of its totals share."""
        found: dict[str, exp.Expr] | None = None
        for total in leaves(self.measure):
            own = dict(total.where)
            found = own if found is None else {k: v for k, v in found.items() if k in own}
        return found or {}

    @cached_property
    def slices(self) -> dict[str, exp.Expr]:
        """Shared conditions on what metrics may be cut by, times among them."""
        return {k: c for k, c in self.conditions.items() if self._is_slice(c)}

    def _is_slice(self, condition: exp.Expr) -> bool:
        tables = {c.partition(".")[0] for c in columns_of(condition)}
        joined = {t for total in leaves(self.measure) for t in (total.base, *total.tables)}
        if not tables <= joined or not (tables or condition.find(exp.Anonymous)):
            return False  # of groups that stand beside, or of no rows at all
        tested = not_null(condition)
        if tested is not None and key(condition) not in self.layer.dimensions:
            shown = {c for k in self.output.keys for c in columns_of(k)}
            if not columns_of(tested) <= self.layer.times | shown:
                return False

        def cut(node: exp.Expr) -> exp.Expr:
            return exp.true() if key(node) in self.layer.dimensions else node

        left = condition.copy().transform(cut)
        if left.find(exp.Column) is not None:
            columns = {key(c) for c in left.find_all(exp.Column)}
            if not columns <= self.layer.times:
                return False
        for node in left.find_all(exp.Anonymous):
            told = node.expressions[0].name if node.expressions else ""
            if node.name == "KPI_OF" and not self._is_extreme(told, condition):
                return False
        names = {n.name for n in left.find_all(exp.Anonymous)}
        return not names & {*NOT_READ, SAMPLE, "KPI_HAS"}

    def _is_extreme(self, told: str, condition: exp.Expr) -> bool:
        """Whether an aggregate is the first or last of the times that a condition cuts."""
        function, _, of = told.partition(";")[0].rstrip(")").partition("(")
        is_known = of.partition("#")[0].partition(".")[0] in self.layer.tables
        is_own = unnumbered(of) in columns_of(condition)
        return function in ("max", "min") and (is_own or not is_known)

    @cached_property
    def inside(self) -> frozenset[str]:
        """Columns that conditions at aggregates ask for, and none of the query's own."""
        used = [self.output.aggregates[n] for n in numbers_in(self.output.value)]
        outer = {c for made in used for w in made.where if w not in made.own for c in columns_of(w)}
        asked = {c for w in wheres(self.measure).values() for c in columns_of(w)}
        return frozenset(asked - outer)

    def as_levels(self, times: frozenset[str]) -> Measure:
        """Its measure with totals of rows that are the last of some times as levels over time."""

        def level(total: Total) -> Total:
            held = {
                k: c
                for k, c in total.where.items()
                if not (is_of_last(c) and columns_of(c) <= times and self._is_level(c))
            }
            return (
                total if len(held) == len(total.where) else replace(total, where=held, rule=LEVEL)
            )

        return self.measure.changed(level)

    def _is_level(self, condition: exp.Expr) -> bool:
        """Whether the last row of each thing is of the last time: each has rows at all times."""
        period = is_of_each(condition)
        steps = {self.layer.steps.get(c) for c in columns_of(condition)}
        return period is None or steps == {period} or columns_of(condition) <= self.layer.grids

    @cached_property
    def axis(self) -> frozenset[str]:
        """The columns of time that it is grouped or cut by."""
        found = {c for k in self.output.keys for c in columns_of(k)}
        for condition in self.conditions.values():
            if isinstance(condition, exp.EQ | exp.LT | exp.LTE | exp.GT | exp.GTE | exp.In):
                columns = columns_of(condition)
                if len(columns) == 1:
                    found |= columns
        return frozenset(found & self.layer.times)

    @cached_property
    def moments(self) -> frozenset[str]:
        """The columns of time that have one value in each of its groups."""
        tests = [c.this for c in self.conditions.values() if _is_pinned(c)]
        found = {c for node in (*self.output.keys, *tests) for c in self._pinned(plain(node))}
        units: dict[str, set[str]] = {}
        for group in self.output.keys:
            node = plain(group)
            if isinstance(node, exp.Extract | exp.Year | exp.Month | exp.Week | exp.Quarter):
                unit = (node.name if isinstance(node, exp.Extract) else node.key).lower()
                for column in columns_of(node):
                    units.setdefault(column, set()).add(unit)
        found |= {
            c
            for c, u in units.items()
            if self.layer.steps.get(c) == "month" and {"year", "month"} <= u
        }
        for condition in filter(is_of_last, self.conditions.values()):
            found |= columns_of(condition) if self._is_level(condition) else set()
        return frozenset(found & self.layer.times)

    def _pinned(self, node: exp.Expr) -> set[str]:
        """The columns of time that one value of an expression leaves one value."""
        while isinstance(node, exp.Cast | exp.Date | exp.TsOrDsToDate):
            node = node.this
        if isinstance(node, exp.Column):
            return columns_of(node)
        unit = ""
        if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            unit = node.text("unit").lower().partition("(")[0]
        elif isinstance(node, exp.LastDay):
            unit = "month"
        elif isinstance(node, exp.TimeToStr | exp.ToChar):
            unit = unit_of_text(node.text("format"))
        return {c for c in columns_of(node) if unit and self.layer.steps.get(c) == unit}

    @property
    def other_groups(self) -> str:
        """Why its groups are not those of a dimension: a time is moved, or some values left out."""
        for group in self.output.keys:
            for node in group.find_all(*_CUTS):
                inner = node.this
                if inner.find(*_MOVES) is not None and columns_of(inner) & self.layer.times:
                    return f"grouped by a time that is moved, `{shown_key(inner)}`"
        tables = {c.table for k in self.output.keys for c in k.find_all(exp.Column)}
        used = [self.output.aggregates[n] for n in numbers_in(self.output.value)]
        for source in {s for made in used for s in made.sources if s.is_outer and s.name in tables}:
            for condition in source.on:
                if {c.table for c in condition.find_all(exp.Column)} == {source.name}:
                    return f"groups of `{source.table}` only where {shown_key(condition)}"
        return ""

    @property
    def is_of_a_check(self) -> bool:
        """Whether its name says that data is checked."""
        return is_of_a_check(self.output.name)


def shown_key(node: exp.Expr) -> str:
    """An expression over columns as people write it."""

    def bare(part: exp.Expr) -> exp.Expr:
        return exp.column(part.name) if isinstance(part, exp.Column) else part

    return node.copy().transform(bare).sql("duckdb")


def _is_pinned(condition: exp.Expr) -> bool:
    """Whether a condition leaves one value of its left side."""
    return isinstance(condition, exp.EQ) and condition.expression.find(exp.Column) is None


def _is_made(name: str) -> bool:
    return any(mark in name for mark in (":", "(", "_ok", "__")) or name.startswith(
        ("sum_", "cnt_", "avg_")
    )


def columns_of(node: exp.Expr) -> set[str]:
    """The columns of tables in an expression."""
    return {key(c).split("#")[0] if "#" not in key(c) else _plain_name(key(c))
            for c in node.find_all(exp.Column)}  # fmt: skip


def _plain_name(text: str) -> str:
    table, _, column = text.partition(".")
    return f"{table.split('#')[0]}.{column}"


def leaves(found: Measure) -> list[Total]:
    """The totals of a measure, those within nested ones too."""
    leaves: list[Total] = []
    for total in found.totals.values():
        leaves += total.inner or (total,)
    return leaves


def site_of(output: Output, layer: Layer) -> Site:
    """What a column computes, in the terms of the layer."""
    return Site(output, measure(output.value, output.aggregates, layer.known), layer)


def other_time(site: Site, metric: Governed) -> str:
    """Why a column of equal measure is not the metric: it is told by another date."""
    for base in {t.base for t in leaves(site.measure)}:
        axis = {c for c in site.axis if c.startswith(f"{base}.")}
        own = {c for c in metric.times if c.startswith(f"{base}.")}
        if axis and own and not axis & own:
            return f"by `{_short(axis)}`, not by `{_short(own)}`"
    for total in leaves(site.measure):
        own = {c for c in total.by & site.layer.times if c.startswith(f"{total.base}.")}
        times = metric.times_of(total)
        if own and times and not own & times:
            return f"{_counted(total)} by `{_short(own)}`, not by `{_short(times)}`"
    told = {c for p in site.output.periods for c in columns_of(p)} & site.layer.times
    other = {c for c in told if not is_calendar(c.partition(".")[0])}
    told_by = {c for total in leaves(site.measure) for c in total.by}
    if other and metric.times and not (other | site.axis | told_by) & metric.times:
        return f"by `{_short(other)}`, not by `{_short(metric.times)}`"
    return ""


def _counted(total: Total) -> str:
    """What a total is of, in a few words."""
    return f"{total.function.replace('_', ' ')} of `{total.base}`"


def _short(columns: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(c.partition(".")[2] for c in columns))


def wheres(found: Measure) -> dict[str, exp.Expr]:
    """All conditions of a measure by their texts."""
    return {k: v for t in leaves(found) for k, v in t.where.items()}


def is_middle(site: Site, metric: Governed) -> bool:
    """Whether a mean stands for a median, or the other way round."""
    return metric.family == "middle" and any(family(f) == "middle" for f in site.functions)
