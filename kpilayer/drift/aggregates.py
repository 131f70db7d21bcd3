"""Aggregates of a SELECT: over rows, over groups that it reads, and over the keys of those."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from sqlglot import exp

from kpilayer.drift.functions import Split, is_aggregate, split
from kpilayer.drift.groups import Groups
from kpilayer.drift.joins import lookups_of
from kpilayer.drift.rows import (
    COUNT_GROUPS,
    Aggregate,
    NotRead,
    Source,
    aggregate_number,
    numbers_in,
    stand_in,
)
from kpilayer.drift.scope import made_column
from kpilayer.drift.spelling import conjuncts, inner_of, is_literal, key, plain

_INSENSITIVE: Final = frozenset({"count_distinct", "min", "max"})
_ADDS_UP: Final = frozenset({"sum", "count"})
_AGAIN: Final = {"sum": _ADDS_UP, "max": frozenset({"max"}), "min": frozenset({"min"})}


class Aggregates(Groups):
    """The aggregates of one SELECT."""

    def _aggregate(self, tree: exp.Expr) -> exp.Expr:
        parts = split(tree)
        if parts is None:
            raise NotRead(f"{tree.key} is not looked into")
        value = None if parts.value is None else self.value(parts.value)
        asked = [c for w in parts.where for c in conjuncts(self.value(w))]
        on_groups = [c for c in asked if numbers_in(c)]
        if on_groups and not self.having:
            one = exp.Literal.number(1) if value is None else value
            value = exp.Case(ifs=[exp.If(this=exp.and_(*on_groups), true=one)])
            asked = [c for c in asked if not numbers_in(c)]
        if value is not None and numbers_in(value) and not self.grouped:
            return self._of_attributes(parts, value, asked)
        held = [self._told(c) for c in asked]
        held += self.having
        if not self.grouped or (self.sources and not (value is not None and numbers_in(value))):
            if not all(map(self.is_one, self.grouped)) and parts.function not in _INSENSITIVE:
                raise NotRead("groups that stand beside rows several times are not looked into")
            rows_of = ""
            if isinstance(value, exp.Column):
                rows_of = value.table
            sources, where = self._with_distinct(parts.function)
            made = Aggregate(
                parts.function,
                value,
                (*where, *held),
                sources,
                rows_of=rows_of,
                own=tuple(held),
                by=self.keys() or (),
            )
            return self.reader.add(made)
        return self._again_aggregated(parts, value, held)

    def _of_attributes(self, parts: Split, value: exp.Expr, held: list[exp.Expr]) -> exp.Expr:
        """An aggregate over rows of what was aggregated for each of them before."""
        if parts.function == "sum" and self._is_linear(value):
            return self._where(value, held)
        inner = tuple(_of_found(self.reader.aggregates[n]) for n in numbers_in(value))
        rows = self.sources[0] if self.sources else None
        keys = self.reader.keys.get(rows.table, ()) if rows is not None else ()
        if rows is None or not keys or len(keys[0]) != 1:
            raise NotRead("values of groups beside rows without a key are not looked into")
        found = lookups_of(
            rows.name, self.where, {s.name: s for s in self.sources}, self.reader.keys
        )
        if len(found) < len(self.sources) - 1:
            raise NotRead("values of groups beside rows that are repeated are not looked into")
        per = (made_column(keys[0][0], rows.name),)
        where = tuple(w for w in (*self.where, *held))
        by = self.keys() or ()
        return self.reader.add(
            Aggregate(parts.function, value, where, tuple(self.sources), per, inner, by=by)
        )

    def _with_distinct(self, function: str) -> tuple[tuple[Source, ...], list[exp.Expr]]:
        """The rows, and those of DISTINCT rows beside them, whose copies make no difference."""
        sources, where = list(self.sources), list(self.where)
        if function not in _INSENSITIVE:
            return tuple(sources), where
        for group in self.grouped:
            first, *others = group.sources or (None,)
            if first is None or any(map(numbers_in, group.outputs.values())):
                continue
            on = self.beside.get(id(group))
            if on is None:
                sources += group.sources
                where += group.where
            elif not others:
                sources.append(replace(first, on=(*first.on, *on, *group.where), is_outer=True))
        return tuple(sources), where

    def _again_aggregated(
        self, parts: Split, value: exp.Expr | None, held: list[exp.Expr]
    ) -> exp.Expr:
        """An aggregate over groups: of their values, or of their keys."""
        if value is None or not numbers_in(value):
            return self._of_keys(parts, value, held)
        per = [k for g in self.grouped for k in (g.keys or ())]
        if not all(self.is_counted_once(self.reader.aggregates[n]) for n in numbers_in(value)):
            raise NotRead("groups that stand beside each other several times are not looked into")
        if not all(map(self.is_kept, numbers_in(value))):
            raise NotRead("groups that a join with others may lose are not looked into")
        if parts.function == "sum":
            value, held = _narrowed(value, held)
            is_of_rows = not any(list(w.find_all(exp.Anonymous)) for w in held)
            if is_of_rows and self._is_linear(value):
                return self._where(value, held)
            flagged = self._flagged(value, per) if is_of_rows else None
            if flagged is not None:
                return self._where(flagged, held)
        if parts.function == "avg" and not held and len(self.grouped) == 1:
            outer = {key(k) for k in self.keys() or ()}
            left = [k for k in per if key(k) not in outer]
            if len(left) == 1 and self._is_linear(value):
                counted = self._of_keys(Split("count"), None, [])
                above = self._where(value, [])
                return exp.Div(this=exp.Paren(this=above), expression=counted)
        number = aggregate_number(_without_fill(value))
        if number is not None and not held:
            inner = self.reader.aggregates[number]
            is_plain = not inner.per and not inner.rule
            if inner.function in _AGAIN.get(parts.function, ()) and is_plain:
                return stand_in(number)
        inner_ = tuple(self.reader.aggregates[n] for n in numbers_in(value))
        return self.reader.add(
            Aggregate(
                parts.function, value, tuple(held), (), tuple(per), inner_, by=self.keys() or ()
            )
        )

    def _where(self, value: exp.Expr, held: list[exp.Expr]) -> exp.Expr:
        """Sums of groups under conditions on their keys: those of the rows that meet them."""

        def step(node: exp.Expr) -> exp.Expr:
            number = aggregate_number(node)
            if number is None:
                return node
            made = self.reader.aggregates[number]
            more = (*made.found, *self.where, *held, *self.beside_of(made))
            where = (*made.where, *self.in_terms_of(made, more))
            rows_of = made.rows_of or (made.sources[0].name if made.sources else "")
            sources = (*made.sources, *self.sources)
            by = self.by_own(made)
            return self.reader.add(
                replace(made, where=where, sources=sources, rows_of=rows_of, by=by, found=())
            )

        return value.copy().transform(step)

    def _flagged(self, value: exp.Expr, per: list[exp.Expr]) -> exp.Expr | None:
        """How many groups have a flag, `SUM(MAX(CASE WHEN .. THEN 1 ELSE 0 END))`, by their key."""
        number = aggregate_number(_without_fill(value))
        made = self.reader.aggregates[number] if number is not None else None
        outer = {key(k) for k in self.keys() or ()}
        left = [k for k in per if key(k) not in outer]
        if made is None or made.function != "max" or made.per or made.rule or len(left) != 1:
            return None
        flag, tested = _narrowed(plain(made.value) if made.value is not None else exp.Null(), [])
        if not tested or flag.name != "1":
            return None
        where = (*made.where, *tested)
        return self.reader.add(
            replace(
                made, function="count_distinct", value=left[0], where=where, by=self.by_own(made)
            )
        )

    def _is_linear(self, value: exp.Expr) -> bool:
        """Whether sums of it over groups are what it is over all rows."""
        value = _without_fill(value)
        number = aggregate_number(value)
        if number is not None:
            inner = self.reader.aggregates[number]
            return inner.function in _ADDS_UP and not inner.per and not inner.rule
        match value:
            case exp.Add() | exp.Sub():
                return self._is_linear(value.this) and self._is_linear(value.expression)
            case exp.Neg() | exp.Round():
                return self._is_linear(value.this)
            case exp.Mul() | exp.Div() if is_literal(value.expression):
                return self._is_linear(value.this)
            case exp.Mul() if is_literal(value.this):
                return self._is_linear(value.expression)
        return False

    def _of_keys(self, parts: Split, value: exp.Expr | None, held: list[exp.Expr]) -> exp.Expr:
        """A count of groups is a count of different keys, or of rows that a key names."""
        if len(self.grouped) != 1:
            raise NotRead("groups that are joined and counted are not looked into")
        group = self.grouped[0]
        keys = group.keys or ()
        sources, where = tuple(group.sources), (*group.where, *held)
        row = next((s for s in sources if self._names_rows(s, keys)), None)
        if row is not None and all(s is row or s.is_outer for s in sources):
            alone = (replace(row, on=(), is_outer=False),)
            used = {c.table for w in where for c in w.find_all(exp.Column)} - {row.name}
            kept = alone if not used else sources
            by = self.keys() or ()
            return self.reader.add(
                Aggregate(parts.function, value, where, kept, rows_of=row.name, by=by)
            )
        by = self.keys() or ()
        outer = set(map(key, by))
        left = [k for k in keys if key(k) not in outer]
        counts_rows = parts.function == "count" and value is None
        if counts_rows and len(left) == 1:
            return self.reader.add(Aggregate(COUNT_GROUPS, left[0], where, sources, by=by))
        if parts.function == "count" and value is not None and [key(value)] == [*map(key, left)]:
            return self.reader.add(Aggregate("count_distinct", value, where, sources, by=by))
        if parts.function == "count_distinct" and value is not None:
            return self.reader.add(Aggregate("count_distinct", value, where, sources, by=by))
        per = keys
        return self.reader.add(Aggregate(parts.function, value, where, sources, per=per, by=by))

    def _names_rows(self, source: Source, keys: tuple[exp.Expr, ...]) -> bool:
        bare = {k.name for k in keys if isinstance(k, exp.Column) and k.table == source.name}
        return any(set(unique) <= bare for unique in self.reader.keys.get(source.table, ()))

    def _told(self, condition: exp.Expr) -> exp.Expr:
        """A condition with aggregates in words, since their numbers mean nothing elsewhere."""

        def step(node: exp.Expr) -> exp.Expr:
            number = aggregate_number(node)
            if number is None:
                return node
            text = described(self.reader.aggregates[number])
            return exp.Anonymous(this="KPI_OF", expressions=[exp.Literal.string(text)])

        return condition.copy().transform(step)

    def keys(self) -> tuple[exp.Expr, ...] | None:
        """What the SELECT groups by, or None."""
        group = self.tree.args.get("group")
        if group is None:
            return None
        selects = self.tree.selects
        if group.args.get("all"):
            return tuple(
                self.value(s.unalias()) for s in selects if not any(map(is_measured, (s,)))
            )
        found: list[exp.Expr] = []
        nodes = [*group.expressions]
        for kind in ("rollup", "cube", "grouping_sets"):
            for more in group.args.get(kind) or ():
                nodes += [e for part in more.expressions for e in _flat(part)]
        for node in nodes:
            if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets):
                found += [self.value(e) for part in node.expressions for e in _flat(part)]
            elif isinstance(node, exp.Literal) and node.is_int:
                at = int(node.name) - 1
                if at < len(selects):
                    found.append(self.value(selects[at].unalias()))
            else:
                found.append(self.value(node))
        return tuple(found)


def _of_found(made: Aggregate) -> Aggregate:
    """An aggregate of groups that are looked up, without tests that their keys are there."""
    tests = {key(exp.Not(this=exp.Is(this=k.copy(), expression=exp.Null()))) for k in made.by}
    return replace(made, where=tuple(w for w in made.where if key(w) not in tests))


def _narrowed(value: exp.Expr, held: list[exp.Expr]) -> tuple[exp.Expr, list[exp.Expr]]:
    """What `CASE WHEN .. THEN value END` adds up, with its condition among the others."""
    bare = value.unnest()
    case = (
        exp.Case(ifs=[bare], default=bare.args.get("false")) if isinstance(bare, exp.If) else bare
    )
    if not isinstance(case, exp.Case) or case.this is not None or len(case.args["ifs"]) != 1:
        return value, held
    default, branch = case.args.get("default"), case.args["ifs"][0]
    is_nothing = default is None or isinstance(default, exp.Null) or default.name == "0"
    if not is_nothing or numbers_in(branch.this):
        return value, held
    return branch.args["true"], [*held, *conjuncts(branch.this)]


def described(made: Aggregate) -> str:
    """An aggregate in words: equal words, equal values."""
    tables = " ".join(sorted(source.table for source in made.sources))
    parts = [f"{made.function}({key(made.value)})", *sorted(map(key, made.where)), tables]
    parts += [key(k) for k in made.per] + [described(inner) for inner in made.inner]
    return re.sub(r"#\d+", "", "; ".join(parts))


def _flat(node: exp.Expr) -> list[exp.Expr]:
    node = node.unnest()
    return list(node.expressions) if isinstance(node, exp.Tuple) else [node]


def is_measured(tree: exp.Expr) -> bool:
    """Whether an aggregate stands in it, outside of windows and subqueries."""
    if isinstance(tree, exp.Window | exp.Query):
        return isinstance(tree, exp.Window) and any(
            is_measured(a) for part in tree.this.args.values() for a in _each(part)
        )
    return is_aggregate(tree) or any(
        is_measured(a) for part in tree.args.values() for a in _each(part)
    )


def _each(part: object) -> list[exp.Expr]:
    found = part if isinstance(part, list) else [part]
    return [node for node in found if isinstance(node, exp.Expr)]


def _without_fill(value: exp.Expr) -> exp.Expr:
    value = value.unnest()
    if isinstance(value, exp.Coalesce) and len(value.expressions) == 1:
        if value.expressions[0].name == "0":
            return inner_of(value)
    return value
