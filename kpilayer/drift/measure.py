"""What a column computes, in a normal form: a quotient of sums of totals.

A *total* is one aggregation over rows of one table: lookups that keep each row once are followed
and forgotten, CASE inside of sums and FILTER are conditions, averages are sums over counts, and
constants stand outside. Sums of no rows are taken for 0, and keys of rows are never NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Final

from sqlglot import exp

from kpilayer.drift.conditions import pruned
from kpilayer.drift.joins import Join, Keys
from kpilayer.drift.nulls import not_null
from kpilayer.drift.spelling import (
    Sum,
    added,
    key,
    multiplied,
    scaled,
)

#: Longer lists are not looked at value by value.
_MOST_VALUES: Final = 16
ONE: Final[Sum] = {(): Fraction(1)}


@dataclass(frozen=True)
class Total:
    """One aggregation over the rows of a table; ``repeats`` are tables whose rows multiply them.

    ``value`` is the text of what is aggregated ("" for rows), ``tree`` the same as a tree. ``rule``
    is one about time under which a metric takes it, such as the last of a period.
    """

    function: str
    value: str
    tree: exp.Expr | None
    where: Mapping[str, exp.Expr]
    base: str
    lookups: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()
    per: tuple[str, ...] = ()
    inner: tuple[Total, ...] = ()
    rule: str = ""
    joins: tuple[Join, ...] = ()
    tables: frozenset[str] = frozenset()
    """All tables that are joined."""
    strict: frozenset[str] = frozenset()
    """Columns that are not NULL in rows that count."""
    scale: Fraction = Fraction(1)
    """How many times the value ``tree`` is; 0 where the tree is not only that."""
    loses: tuple[tuple[str, str], ...] = ()
    """Tables whose inner join leaves out rows that miss a column."""
    finds: tuple[tuple[str, str], ...] = ()
    """Tables in which an inner join is presumed to find a row for each value of a column."""
    presumes: frozenset[str] = frozenset()
    """Columns that are taken for never NULL, since nothing says that they may be."""
    adds: frozenset[str] = frozenset()
    """Columns of which a NULL takes the other parts of a sum along."""
    by: frozenset[str] = frozenset()
    """The columns by which the groups are made that it is of."""

    @cached_property
    def key(self) -> str:
        """Equal for totals of equal meaning."""
        parts = [f"{self.function}({self.value}) of {self.base}", *sorted(self.where)]
        parts += [f"beside {t}" for t in self.lookups] + [f"repeated by {t}" for t in self.repeats]
        parts += [f"per {p}" for p in self.per] + ([self.rule] if self.rule else [])
        return "; ".join(parts)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns that are aggregated."""
        found = {key(c) for c in self.tree.find_all(exp.Column)} if self.tree is not None else set()
        return frozenset(found.union(*(t.columns for t in self.inner)))


@dataclass(frozen=True)
class Measure:
    """A quotient of sums of products of totals, known by their keys."""

    above: Sum
    below: Sum = field(default_factory=lambda: dict(ONE))
    totals: Mapping[str, Total] = field(default_factory=dict)

    def equals(self, other: Measure) -> bool:
        """Whether both are the same number whatever the totals are."""
        return multiplied(self.above, other.below) == multiplied(other.above, self.below)

    def is_times(self, other: Measure, factor: int | Fraction) -> bool:
        """Whether it is so many times the other one."""
        return replace(other, above=scaled(other.above, Fraction(factor))).equals(self)

    def by_value(self, domains: Mapping[str, frozenset[str]]) -> Measure:
        """The measure with each total over a list of values as the sum over each of them.

        ``domains`` are columns of which a total without a condition is one over all these values.
        """
        found: dict[str, Measure] = {}
        for name, total in self.totals.items():
            parts = (
                _by_value(_over_all(total, domains))
                if total.function in ("sum", "count")
                else (total,)
            )
            sums: Sum = {(part.key,): Fraction(1) for part in parts}
            found[name] = Measure(sums, totals={part.key: part for part in parts})

        def spelled(terms: Sum) -> Sum:
            spread: Sum = {}
            for factors, count in terms.items():
                product: Sum = {(): count}
                for factor in factors:
                    own: Sum = {(factor,): Fraction(1)}
                    own = found[factor].above if factor in found else own
                    product = multiplied(product, own)
                spread = added(spread, product)
            return spread

        totals = {k: t for m in found.values() for k, t in m.totals.items()}
        return Measure(spelled(self.above), spelled(self.below), totals)

    @cached_property
    def presumes(self) -> frozenset[str]:
        """Columns that are taken for never NULL."""
        return frozenset().union(*(t.presumes for t in self.totals.values()))

    def presumed_beside(self, other: Measure) -> frozenset[str]:
        """Columns that have to be filled, for two measures of one form to be one number."""
        mine, theirs = (
            frozenset().union(*(t.adds for t in m.totals.values())) for m in (self, other)
        )
        return (self.presumes ^ other.presumes) | (mine ^ theirs)

    @property
    def is_empty(self) -> bool:
        """Whether it has no value, or the same for all rows."""
        return not self.totals or not self.below or not self.above

    @cached_property
    def is_composite(self) -> bool:
        """Whether it is more than one total times a constant."""
        return len(self.totals) != 1 or self.below != ONE or any(len(f) != 1 for f in self.above)

    @property
    def is_ratio(self) -> bool:
        """Whether something is divided by totals."""
        return any(self.below)

    def changed(self, change: Callable[[Total], Total | None]) -> Measure:
        """The measure with other totals in their places; None stands for 1."""
        new = {name: change(total) for name, total in self.totals.items()}

        def moved(terms: Sum) -> Sum:
            found: Sum = {}
            for factors, count in terms.items():
                named: list[str] = []
                for f in factors:
                    total = new.get(f)
                    if f not in new:
                        named.append(f)
                    elif total is not None:
                        named.append(total.key)
                found = added(found, {tuple(sorted(named)): count})
            return found

        totals = {t.key: t for t in new.values() if t is not None}
        return Measure(moved(self.above), moved(self.below), totals)

    def where(
        self, conditions: Iterable[exp.Expr], facts: Known, beside: Iterable[Total] = ()
    ) -> Measure:
        """The measure of rows that meet further conditions.

        ``beside`` are totals that look up the tables of these conditions.
        """
        others = tuple(beside)
        more = tuple(conditions)
        if not more:
            return self

        def narrowed(total: Total) -> Total:
            inner = tuple(narrowed(t) for t in total.inner)
            if total.inner:
                value = total.value
                for old, new in zip(total.inner, inner, strict=True):
                    value = value.replace(old.key, new.key)
                return replace(total, inner=inner, value=value)
            held = pruned([*total.where.values(), *more], facts.domains, facts.whole)
            where = needed(total.function, total.tree, held, facts, total.base, total.strict)
            return _looked_up(replace(total, where=where), others)

        return self.changed(narrowed).without_empty()

    def but_for_nulls(self, facts: Known) -> Measure:
        """The measure without conditions that columns are not NULL which may never be so."""

        def told(condition: exp.Expr) -> bool:
            tested = not_null(condition)
            return tested is None or bool(
                {key(c) for c in tested.find_all(exp.Column)} & facts.missing
            )

        return self.changed(
            lambda total: replace(total, where={k: c for k, c in total.where.items() if told(c)})
        )

    def without_empty(self) -> Measure:
        """The measure without totals of no row, such as those of values of an empty list."""
        none = {k for k, t in self.totals.items() if any(map(is_never, t.where.values()))}
        above = {f: n for f, n in self.above.items() if not none & set(f)}
        below = {f: n for f, n in self.below.items() if not none & set(f)}
        return Measure(above, below, {k: t for k, t in self.totals.items() if k not in none})


def _looked_up(total: Total, others: tuple[Total, ...]) -> Total:
    """With the lookups of other totals of these rows for tables that its conditions name."""
    read = {c.table for w in total.where.values() for c in w.find_all(exp.Column)} - {total.base}
    had = {text.partition(" ")[0] for text in total.lookups}
    for other in others:
        if other.base == total.base:
            new = [t for t in other.lookups if t.partition(" ")[0] in read - had]
            had_joins = {j.table for j in total.joins} | set(other.repeats)
            joins = [j for j in other.joins if new and j.table not in had_joins]
            had |= {text.partition(" ")[0] for text in new}
            lookups = tuple(sorted((*total.lookups, *new)))
            total = replace(total, lookups=lookups, joins=(*total.joins, *joins))
    return total


def is_never(condition: exp.Expr) -> bool:
    """Whether no row meets a condition: a list without values."""
    is_list = isinstance(condition, exp.In) and not condition.args.get("query")
    return is_list and not condition.expressions


def _over_all(total: Total, domains: Mapping[str, frozenset[str]]) -> Total:
    """A total that asks for all values of columns of its own table of which it asks for none."""
    asked = {key(c) for w in total.where.values() for c in w.find_all(exp.Column)}
    found = dict(total.where)
    for column, values in domains.items():
        table, _, name = column.partition(".")
        if table == total.base and column not in asked and not total.inner:
            value = exp.column(name, table=table, quoted=True)
            listed: list[exp.Expr] = [exp.Literal.string(v.strip("'")) for v in sorted(values)]
            condition = exp.In(this=value, expressions=listed)
            found[key(condition)] = condition
    return replace(total, where=found)


def _by_value(total: Total) -> tuple[Total, ...]:
    lists = [
        k for k, c in total.where.items()
        if isinstance(c, exp.In) and 0 < len(c.expressions) <= _MOST_VALUES
    ]  # fmt: skip
    if not lists or total.inner:
        return (total,)
    name = lists[0]
    held = {k: c for k, c in total.where.items() if k != name}
    listed = total.where[name]
    found: list[Total] = []
    for value in listed.expressions:
        one = exp.EQ(this=listed.this.copy(), expression=value.copy())
        found += _by_value(replace(total, where={**held, key(one): one}))
    return tuple(found)


@dataclass(frozen=True)
class Known:
    """What is known of tables: keys, all values that a column has, and columns never NULL."""

    keys: Keys
    domains: Mapping[str, frozenset[str]] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()
    booleans: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    spans: frozenset[tuple[str, str, bool]] = frozenset()
    """Columns between which rows hold, and whether they do so on the last day itself."""
    whole: frozenset[str] = frozenset()
    presumed: frozenset[str] = frozenset()
    """Numbers of which nothing says that they may be NULL; an average is one over all rows."""
    names: frozenset[str] = frozenset()
    """The same of columns that name things; a count of them is one of rows."""

    @cached_property
    def presuming(self) -> Known:
        """The same, with what is presumed taken for known."""
        return replace(self, filled=self.filled | self.presumed)


def needed(
    function: str,
    value: exp.Expr | None,
    where: Iterable[exp.Expr],
    known: Known,
    base: str,
    more: frozenset[str] = frozenset(),
) -> dict[str, exp.Expr]:
    """Conditions that say more than that what is aggregated, or a key, is not NULL."""
    strict = {key(c) for c in value.find_all(exp.Column)} if value is not None else set()
    if value is not None and value.find(exp.Coalesce, exp.Case) is not None:
        strict = set()
    strict |= more
    never = {f"{base}.{k[0]}" for k in known.keys.get(base, ()) if len(k) == 1} | known.filled
    found: dict[str, exp.Expr] = {}
    for condition in where:
        tested = not_null(condition)
        if tested is None or not (key(tested) in strict or key(tested) in never):
            found[key(condition)] = condition
    return found
