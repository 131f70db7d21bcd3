"""The ladder of proof for a column that differs from a metric in its normal form.

The normal form decides what is the same. Where it differs, rows have to show that: a difference
that no trial shows is none until it is proved, and then the column is the metric after all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from kpilayer.drift.compare import Match, Verdict
from kpilayer.drift.layer import LEVEL, Layer
from kpilayer.drift.measure import Measure, Total
from kpilayer.drift.rows import NOT_READ
from kpilayer.drift.site import leaves
from kpilayer.drift.spelling import Sum, key
from kpilayer.drift.windows import APART, UNREAD
from kpilayer.proof.prove import prove
from kpilayer.proof.refute import refute
from kpilayer.proof.verdict import Example

if TYPE_CHECKING:
    from kpilayer.drift.search import Search

DIALECT: Final = "duckdb"
_PERCENTILE: Final = re.compile(r"percentile(_disc)? ([\d.]+)")
#: Functions that tell the time, by names that sqlglot does not know.
_CLOCKS: Final = frozenset({"now", "today", "sysdate", "getdate", "statement_timestamp"})
_FUNCTIONS: Final[dict[str, type[exp.Expr]]] = {"min": exp.Min, "max": exp.Max, "avg": exp.Avg}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verdict, what decided it, and rows that show a difference."""

    verdict: Verdict
    method: str
    why: tuple[str, ...] = ()
    example: Example | None = None


def weighed(found: Match, layer: Layer, search: Search) -> Evidence:
    """The verdict about a column, after rows and proofs have had their say."""
    compared = found.found
    if found.verdict != "conflicting":
        return Evidence(found.verdict, "normal form")
    mine, metric = found.site.measure, compared.metric.measure
    doubt = _doubt(found, layer)
    if doubt:
        return Evidence("possible", "none", (doubt, *compared.why))
    if compared.is_settled:
        sure: Verdict = "conflicting" if compared.likeness >= 1 else "possible"
        return Evidence(sure, "filter", compared.why)
    if compared.is_only_time or metric is None:
        return Evidence("conflicting", "time" if metric is not None else "rule", compared.why)
    told = {node.name for node in found.site.output.value.find_all(exp.Anonymous)}
    if told & NOT_READ:
        return Evidence("possible", "none", compared.why)
    sliced = [c for c in found.site.slices.values() if not _is_join(c)]
    theirs = metric.where(sliced, layer.known, mine.totals.values())
    totals = (*theirs.totals.values(), *mine.totals.values())
    if any(t.rule and t.rule != LEVEL for t in totals):
        return Evidence("conflicting", "rule", compared.why)
    if mine.but_for_nulls(layer.known).equals(theirs.but_for_nulls(layer.known)):
        return Evidence("possible", "none", compared.why)
    one, other = as_query(mine), as_query(theirs)
    unknown = _unknown_function(mine)
    if unknown:
        return Evidence("possible", "none", (f"nothing is known of the function `{unknown}`",))
    if _is_unread(mine):
        return Evidence("possible", "none", compared.why)
    if one is None or other is None:
        return Evidence(_without_rows(mine, theirs), "normal form", compared.why)
    tried = refute(one, other, layer.facts, DIALECT, trials=search.trials, seed=search.seed)
    if tried.example is not None:
        sure = "possible" if _is_any_count(found) else "conflicting"
        return Evidence(sure, "rows", compared.why, tried.example)
    if compared.is_late:
        return Evidence("conflicting", "time", compared.why)
    if tried.untested or any(t.rule for t in theirs.totals.values()):
        return Evidence(_without_rows(mine, theirs), "normal form", compared.why)
    if search.prove and prove(one, other, layer.facts, DIALECT) is not None:
        return Evidence("equivalent", "proof")
    return Evidence("possible", "none", compared.why)


def _without_rows(mine: Measure, theirs: Measure) -> Verdict:
    """Without rows, only levels over time, estimates, fan-outs and cut quotients are sure."""
    is_level = mine.equals(theirs.changed(lambda t: replace(t, rule="")))
    estimates = {t.function.startswith("approx") for m in (mine, theirs) for t in leaves(m)}
    is_repeated = any(t.repeats for t in leaves(mine))
    parts = (f for s in (mine.above, mine.below) for factors in s for f in factors)
    is_cut = any(part.startswith("div(") for part in parts if part not in mine.totals)
    is_again = theirs.is_ratio and any(
        t.function == "avg" and t.inner for t in mine.totals.values()
    )
    sure = is_level or len(estimates) > 1 or is_repeated or is_cut or is_again
    sure = sure or any(map(_adds_distinct, mine.totals.values())) or _asks_otherwise(mine, theirs)
    return "conflicting" if sure else "possible"


def _asks_otherwise(mine: Measure, theirs: Measure) -> bool:
    """Whether both aggregate the same values of each thing, and ask something else of them."""

    def below(measure: Measure) -> set[tuple[str, str, frozenset[str]]]:
        nested = (t for t in measure.totals.values() if t.inner and t.per)
        return {(t.function, t.base, frozenset(i.key for i in t.inner)) for t in nested}

    return bool(below(mine)) and below(mine) == below(theirs)


def _adds_distinct(total: Total) -> bool:
    """Whether numbers of different things, which some groups share, are added up."""
    functions = {t.function for t in total.inner}
    return total.function == "sum" and functions == {"count_distinct"}


def _is_any_count(found: Match) -> bool:
    """Whether all rows of a table are counted, and no name says that a metric is meant."""
    totals = found.site.measure.totals.values()
    is_bare = all(t.function == "count" and not t.where and not t.repeats for t in totals)
    return is_bare and not found.site.words.telling and not found.site.measure.is_composite


def _doubt(found: Match, layer: Layer) -> str:
    """Why nobody can say, from the SQL alone, that it is another number."""
    metric = found.found.metric.measure
    mine = found.site.measure
    is_cut = any(t.inner and t.where for t in mine.totals.values())
    if metric is not None and is_cut and _of_all(mine).equals(_of_all(metric)):
        return "some of the things are left out of which something was aggregated"
    for total in leaves(mine):
        joined = (c for join in total.joins for c in join.on)
        conditions = [*total.where.values(), *joined, *found.site.slices.values()]
        if UNREAD in total.rule or any(map(_is_range, conditions)):
            return "a join by a range is not understood"
        if APART in total.rule:
            return "totals of different groups stand beside each other"
        if any(isinstance(c, exp.EQ) and key(c.left) == key(c.right) for c in conditions):
            return "a table that is joined with itself is not understood"
        levels = () if metric is None else metric.totals.values()
        if total.function != "count" or total.repeats or metric is None:
            continue
        named = {t.value for t in metric.totals.values() if t.function == "count_distinct"}
        if named and named <= layer.known.names and total.base == next(iter(levels)).base:
            return "each row may be another one"
    return ""


def _of_all(measure: Measure) -> Measure:
    """With values of all things where some are left out of which something was aggregated."""
    return measure.changed(lambda total: replace(total, where={}) if total.inner else total)


def _is_join(condition: exp.Expr) -> bool:
    return len({c.table for c in condition.find_all(exp.Column)}) > 1


def _is_range(condition: exp.Expr) -> bool:
    """Whether columns of two tables are compared otherwise than by being equal."""
    compared = condition.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
    return any(_is_join(c) or _is_of_aggregate(c) for c in compared)


def _is_of_aggregate(condition: exp.Expr) -> bool:
    """Whether a column is compared with an aggregate, which stands there in words."""
    told = any(node.name == "KPI_OF" for node in condition.find_all(exp.Anonymous))
    return told and condition.find(exp.Column) is not None


# ---------------------------------------------------------------------------------------- in SQL


def as_query(measure: Measure) -> exp.Query | None:
    """A measure as a query of one number, or None where a part of it has no SQL of its own."""
    above, below = _sum(measure.above, measure), _sum(measure.below, measure)
    if above is None or below is None:
        return None
    value: exp.Expr = above
    if measure.below != {(): Fraction(1)}:
        zero = exp.Literal.number(0)
        value = exp.Div(
            this=exp.Paren(this=above), expression=exp.Nullif(this=below, expression=zero)
        )
    return exp.Select(expressions=[exp.alias_(value, "value")])


def _sum(terms: Sum, measure: Measure) -> exp.Expr | None:
    found: exp.Expr | None = None
    for factors, count in sorted(terms.items()):
        product: exp.Expr = _number(count)
        for factor in factors:
            total = measure.totals.get(factor)
            query = None if total is None else _total(total)
            if query is None:
                return None
            product = exp.Mul(this=product, expression=query)
        found = product if found is None else exp.Add(this=found, expression=product)
    return exp.Paren(this=found) if found is not None else exp.Literal.number(0)


def _number(value: Fraction) -> exp.Expr:
    whole = exp.Literal.number(abs(value.numerator))
    shown: exp.Expr = exp.Neg(this=whole) if value < 0 else whole
    if value.denominator == 1:
        return shown
    cast = exp.Cast(this=shown, to=exp.DataType.build("double"))
    return exp.Paren(this=exp.Div(this=cast, expression=exp.Literal.number(value.denominator)))


def _total(total: Total) -> exp.Expr | None:
    if total.inner or total.per or not total.base or not total.scale or _is_told(total):
        return None
    value: exp.Expr
    tree = exp.Star() if total.tree is None else total.tree.copy()
    match total.function:
        case "sum":
            value = exp.Coalesce(this=exp.Sum(this=tree), expressions=[exp.Literal.number(0)])
        case "count":
            value = exp.Count(this=tree)
        case "count_distinct":
            value = exp.Count(this=exp.Distinct(expressions=[tree]))
        case "percentile 0.5":
            value = exp.Median(this=tree)
        case name if (found := _PERCENTILE.fullmatch(name)) is not None:
            at = exp.Literal.number(found[2])
            order = exp.Order(expressions=[exp.Ordered(this=tree)])
            kind = exp.PercentileDisc if found[1] else exp.PercentileCont
            value = exp.WithinGroup(this=kind(this=at), expression=order)
        case name if name in _FUNCTIONS:
            value = _FUNCTIONS[name](this=tree)
        case _:
            return None
    query = exp.Select(expressions=[value]).from_(exp.Table(this=_name(total.base)))
    for join in total.joins:
        on = exp.and_(*(c.copy() for c in join.on)) if join.on else exp.true()
        node = exp.Join(this=exp.Table(this=_name(join.table)), on=on)
        if join.is_outer:
            node.set("side", "LEFT")
        query.append("joins", node)
    if total.where:
        query.set("where", exp.Where(this=exp.and_(*(c.copy() for c in total.where.values()))))
    if total.scale == 1:
        return exp.Subquery(this=query)
    scale = exp.Cast(this=exp.Paren(this=_number(total.scale)), to=exp.DataType.build("double"))
    return exp.Paren(this=exp.Div(this=exp.Subquery(this=query), expression=scale))


def _name(table: str) -> exp.Identifier:
    return exp.to_identifier(table, quoted=True)


def _is_unread(measure: Measure) -> bool:
    """Whether something of it is not understood: a window, or a subquery."""
    trees = [tree for t in leaves(measure) for tree in (t.tree, *t.where.values())]
    names = {n.name for t in trees if t is not None for n in t.find_all(exp.Anonymous)}
    return bool(names & NOT_READ)


def _is_told(total: Total) -> bool:
    """Whether conditions stand in it that are only words here."""
    return any(name.startswith("KPI_") for name in _functions(total))


def _unknown_function(measure: Measure) -> str:
    """A function of one's own in what a column adds up."""
    names = (n for t in measure.totals.values() for n in _functions(t))
    return next((n for n in names if not n.startswith("KPI_") and n.lower() not in _CLOCKS), "")


def _functions(total: Total) -> Iterator[str]:
    """Functions that SQL itself does not have."""
    for tree in (*total.where.values(), *([total.tree] if total.tree is not None else [])):
        yield from (node.name for node in tree.find_all(exp.Anonymous))
