"""Expressions in a dialect's words: semantic functions, aggregations, and all that differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from kpilayer import expr
from kpilayer.plan.nodes import Measure, Source
from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.dialects.spellings import AGGREGATES
from kpilayer.sql.trees import both
from kpilayer.sql.types import Types, keeping


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a dialect writes expressions; ``types`` where its words depend on those of operands."""

    dialect: Capabilities
    types: Types | None = None

    def of(self, tree: exp.Expr, *sources: Source, are_times: bool = False) -> exp.Expr:
        """A copy with semantic functions, and all that means something else, in its words.

        Its columns are those of ``sources``; ``are_times``: what is earlier or later is a time.
        """
        holder = exp.Paren(this=tree.copy())
        if self.types is not None:
            self.types.note(holder, *sources, are_times=are_times)
        for node in reversed(expr.nodes(holder)):  # what is inside comes first
            write = self._spelling(node)
            if write is not None:
                hole = exp.Placeholder()
                node.replace(hole)
                written = write(node)
                hole.replace(written if self.types is None else keeping(written, node))
        result: exp.Expr = holder.this
        return result

    def _spelling(self, node: exp.Expr) -> Callable[[exp.Expr], exp.Expr] | None:
        if isinstance(node, exp.Anonymous) and node.name == expr.LOCAL:
            stored, shown, time = node.expressions
            return lambda _: self.dialect.local(stored.name, shown.name, time)
        if isinstance(node, exp.Anonymous) and node.name in (expr.TRUNC, expr.PART):
            unit, value = node.expressions
            write = self.dialect.trunc if node.name == expr.TRUNC else self.dialect.part
            return lambda _: write(unit.name, value)
        if isinstance(node, exp.Anonymous) and node.name == expr.MOVE:
            unit, count, value = node.expressions
            signed = -int(count.name) if isinstance(count, exp.Neg) else int(count.name)
            return lambda _: self.dialect.moved(unit.name, signed, value)
        if isinstance(node.parent, exp.Escape):
            return None  # its pattern says how it is to be read
        if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
            return None  # a WHEN of it
        return self.dialect.words.get(type(node))

    def measure(self, measure: Measure, source: Source) -> exp.Expr:
        """An aggregation with its condition inside, so that measures can share a scan."""
        value = self.of(measure.value, source)
        condition = None
        if measure.condition is not None:
            condition = self.of(measure.condition, source)
        counts_rows = measure.agg == "count" and isinstance(value, exp.Literal)
        counts_values = measure.agg in ("count", "sum_boolean") and not counts_rows
        if measure.needs_rows and counts_values and condition is not None:
            return self._counted(measure.agg, value, condition)
        if measure.agg == "sum_boolean":
            condition, value = both(condition, value), exp.Literal.number(1)
        if counts_rows and condition is None:
            value = exp.Star()
        elif condition is not None:
            chosen = exp.Case(ifs=[exp.If(this=condition, true=value)])
            value = chosen if self.types is None else keeping(chosen, value)
        result = self._aggregated(measure, value)
        if not measure.needs_rows:
            return result
        if counts_rows:
            return exp.Nullif(this=result, expression=exp.Literal.number(0))
        passing: exp.Expr = exp.Star()
        if measure.condition is not None:
            one = exp.If(this=self.of(measure.condition, source), true=exp.Literal.number(1))
            passing = exp.Case(ifs=[one])
        some = exp.GT(this=exp.Count(this=passing), expression=exp.Literal.number(0))
        return exp.Case(ifs=[exp.If(this=some, true=result)])

    def _counted(self, agg: str, value: exp.Expr, condition: exp.Expr) -> exp.Expr:
        """A count of values, 1 for each and 0 for a row that has none: NULL where no row passes."""
        zero, one = exp.Literal.number(0), exp.Literal.number(1)
        if agg == "count":
            counts = exp.If(this=exp.Is(this=_operand(value), expression=exp.Null()), true=zero)
            each = exp.Case(ifs=[counts], default=one)
        else:
            each = exp.Case(ifs=[exp.If(this=value, true=one)], default=zero)
        passing = exp.Case(ifs=[exp.If(this=condition, true=each)])
        spell = self.dialect.aggregates.get("total_count") or AGGREGATES["total_count"]
        return spell(passing)

    def _aggregated(self, measure: Measure, value: exp.Expr) -> exp.Expr:
        if measure.agg in ("median", "percentile", "approx_percentile"):
            # An exact percentile is a correct approximation, where a dialect has no sketch.
            spell_percentile = self.dialect.percentile
            if measure.agg == "approx_percentile":
                spell_percentile = self.dialect.approx_percentile or spell_percentile
            assert spell_percentile is not None, "percentiles that a dialect lacks are ranked"
            return spell_percentile(value, measure.percentile or 0.5, measure.discrete)
        spell = self.dialect.aggregates.get(measure.agg) or AGGREGATES[measure.agg]
        return spell(value)


def _operand(tree: exp.Expr) -> exp.Expr:
    is_weak = isinstance(tree, (exp.Binary, exp.Unary, exp.Predicate))
    return exp.Paren(this=tree) if is_weak and not isinstance(tree, exp.Paren) else tree
