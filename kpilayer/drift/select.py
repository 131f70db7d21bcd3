"""A SELECT: its rows, the groups that it reads, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlglot import exp

from kpilayer.drift.again import again
from kpilayer.drift.aggregates import is_measured
from kpilayer.drift.joins import is_calendar
from kpilayer.drift.rows import (
    GENERATED,
    SAMPLE,
    NotRead,
    Relation,
    Source,
    aggregate_number,
    numbers_in,
)
from kpilayer.drift.spelling import conjuncts, is_literal, key
from kpilayer.drift.values import Values


class Select(Values):
    """One SELECT being read."""

    def read(self) -> Relation:
        """What it gives to those that read it."""
        tree = self.tree = _grouped(self.tree)
        from_ = tree.args.get("from_")
        if from_ is not None:
            self._add(from_.this, None)
        for join in tree.args.get("joins") or ():
            self._add(join.this, join)
        if tree.args.get("laterals") or tree.args.get("pivots"):
            raise NotRead("lateral and pivoted rows are not looked into")
        if _makes_rows(tree):
            return Relation(is_generated=True)
        self._sampled(tree)
        where = tree.args.get("where")
        if where is not None:
            self._filter(conjuncts(self.value(where.this)))
        for projection in tree.selects:
            if isinstance(projection, exp.Alias):
                self.aliases.setdefault(projection.alias.lower(), projection.this)
        keys = self.keys()
        outputs = {name: self.of_one_group(value) for name, value in self._outputs()}
        if keys is None and any(map(is_measured, self._own(tree))):
            keys = ()
        distinct = tree.args.get("distinct")
        if keys is None and distinct and not distinct.args.get("on"):
            keys = tuple(value for value in outputs.values() if not numbers_in(value))
        if keys is None and self.grouped:
            inner = [k for g in self.grouped for k in (g.keys or ())]
            keys = tuple({key(k): k for k in inner}.values())
        having = [*self.having, *self._of_groups()] if keys is not None else []
        if keys is None and tree.args.get("qualify") is not None:
            self.where += conjuncts(self.value(tree.args["qualify"].this))
        cut = keys is None and self._is_cut()
        self._set_beside(outputs.values())
        return Relation(outputs, self.sources, self.where, keys, cut, having=having, same=self.same)

    def _is_cut(self) -> bool:
        """Whether some rows are left out by their number, or all but one of some that are alike."""
        distinct = self.tree.args.get("distinct")
        is_on = isinstance(distinct, exp.Distinct) and distinct.args.get("on") is not None
        return is_on or any(self.tree.args.get(k) is not None for k in ("limit", "offset"))

    def _set_beside(self, outputs: Iterable[exp.Expr]) -> None:
        """Tell of aggregates that their groups stand beside rows, or are given with totals."""
        group = self.tree.args.get("group")
        kinds = ("rollup", "cube", "grouping_sets", "totals")
        is_total = group is not None and (
            any(group.args.get(k) for k in kinds)
            or any(
                isinstance(g, exp.Rollup | exp.Cube | exp.GroupingSets) for g in group.expressions
            )
        )
        is_wide = group is None and bool(self.grouped and self.sources)
        if is_total or is_wide or (self.grouped and self.tree.args.get("distinct")):
            for number in {n for value in outputs for n in numbers_in(value)}:
                made = self.reader.aggregates[number]
                self.reader.aggregates[number] = replace(made, is_beside=True)

    def _of_groups(self) -> Iterator[exp.Expr]:
        """Conditions that leave out groups, in words."""
        for clause in ("having", "qualify"):
            if self.tree.args.get(clause) is not None:
                for condition in conjuncts(self.value(self.tree.args[clause].this)):
                    if not self._holds_for_groups(condition):
                        yield self._told(condition)
        if self._is_cut() and (self.keys() or self.grouped or self.tree.args.get("distinct")):
            yield exp.Anonymous(this="KPI_WINDOW", expressions=[exp.Literal.string("some groups")])

    def _holds_for_groups(self, condition: exp.Expr) -> bool:
        """Whether each group meets a condition, as there are rows in it."""
        if not isinstance(condition, exp.GT | exp.GTE) or not is_literal(condition.expression):
            return False
        number = aggregate_number(condition.this)
        least = "0" if isinstance(condition, exp.GT) else "1"
        is_count = number is not None and self.reader.aggregates[number].function == "count"
        counted = self.reader.aggregates[number] if is_count and number is not None else None
        return counted is not None and counted.value is None and condition.expression.name == least

    def _own(self, tree: exp.Select) -> Iterator[exp.Expr]:
        """Parts of the SELECT itself in which an aggregate makes it one of groups."""
        yield from tree.selects
        for clause in ("having", "order", "qualify"):
            if tree.args.get(clause) is not None:
                yield tree.args[clause]

    def _outputs(self) -> Iterator[tuple[str, exp.Expr]]:
        number = 0
        for projection in self.tree.selects:
            if projection.is_star:
                yield from self._star(projection)
                continue
            number += 1
            name = projection.alias_or_name.lower() or f"_col_{number}"
            try:
                yield name, self.value(projection.unalias())
            except NotRead as reason:
                told = exp.Literal.string(str(reason))
                yield name, exp.Anonymous(this="KPI_UNREAD", expressions=[told])

    def _star(self, projection: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
        of = projection.table.lower() if isinstance(projection, exp.Column) else ""
        star = projection.this if isinstance(projection, exp.Column) else projection
        left_out = {e.name.lower() for e in star.args.get("except_") or ()}
        for alias, scope in self.scopes.items():
            if of and alias != of:
                continue
            names = scope if isinstance(scope, dict) else self.reader.tables.get(scope.table, ())
            for name in names:
                if name.lower() not in left_out:
                    yield name.lower(), self._from(scope, name.lower())

    def _add(self, node: exp.Expr, join: exp.Join | None) -> None:
        alias = node.alias_or_name.lower()
        kinds = [] if join is None else [join.text(k).upper() for k in ("kind", "method")]
        if {"SEMI", "ANTI", "ASOF", "NATURAL", "POSITIONAL"} & {*kinds}:
            raise NotRead(f"a join of kind {' '.join(filter(None, kinds))} is not looked into")
        side = "" if join is None else join.text("side").upper()
        is_outer = join is not None and join.text("side").upper() == "LEFT"
        before = len(self.sources)
        match node:
            case exp.Table():
                relation = self._named(node)
                self._sampled(node)
            case exp.Subquery():
                relation = renamed(self.reader.relation(node, self.ctes), node)
            case exp.Unnest() | exp.Lateral():
                relation = self.reader.source(GENERATED)
            case _:
                raise NotRead(f"rows of {node.key} are not looked into")
        if isinstance(relation, Relation) and self._is_of_dates(relation):
            relation = self.reader.source(GENERATED)
        if isinstance(relation, Relation) and relation.is_generated:
            relation = self.reader.source(GENERATED)
        if isinstance(relation, Relation) and relation.is_cut:
            raise NotRead("some rows of a query, by LIMIT, are not looked into")
        if isinstance(relation, Source):
            self.scopes[alias or relation.table] = relation
            self.sources.append(relation)
        else:
            self.scopes[alias or f"_{len(self.scopes)}"] = relation.outputs
            self.same += relation.same
            if relation.keys is None:
                self.sources += relation.sources
            else:
                self.grouped.append(relation)
                self.having += relation.having
        inner_where = (
            relation.where if isinstance(relation, Relation) and relation.keys is None else []
        )
        on = [*self._on(join, alias)] if join is not None else []
        on = [c for c in on if not self.is_earlier(c)]
        self.equate(on)
        if side in ("RIGHT", "FULL") and self.sources:
            self._keep(side, before, relation, on)
            return
        if is_outer and len(self.sources) > before:
            held = (*self.sources[before].on, *on, *inner_where)
            self.sources[before] = replace(self.sources[before], on=held, is_outer=True)
            if isinstance(relation, Source):
                self.scopes[alias or relation.table] = self.sources[before]
        elif is_outer and isinstance(relation, Relation) and self._is_looked_up(relation, on):
            self.grouped.remove(relation)
            for number in {n for v in relation.outputs.values() for n in numbers_in(v)}:
                made = self.reader.aggregates[number]
                self.reader.aggregates[number] = replace(made, found=tuple(on))
        elif is_outer and isinstance(relation, Relation):
            self.beside[id(relation)] = on
            self.narrow_outer(relation, on)
        elif not is_outer:
            if side == "FULL" and isinstance(relation, Relation):
                self.whole.add(id(relation))
            self.where += inner_where
            self._filter(on)

    def _keep(
        self, side: str, before: int, relation: Relation | Source, on: list[exp.Expr]
    ) -> None:
        """`a RIGHT JOIN b` as `b LEFT JOIN a`, where both are tables."""
        is_two = isinstance(relation, Source) and before == 1 and not self.grouped
        if side == "FULL" or not is_two or self.where or self.sources[0].on:
            raise NotRead(f"rows of a {side} JOIN are not looked into")
        one, other = self.sources
        outer = replace(one, on=tuple(on), is_outer=True)
        self.scopes = {a: outer if s is one else s for a, s in self.scopes.items()}
        self.sources[:] = [other, outer]

    def _is_looked_up(self, relation: Relation, on: list[exp.Expr]) -> bool:
        """Whether a row has one group at most: its keys equal something of these, and no more."""
        keys = {key(k) for k in relation.keys or ()}
        found = [self._looks_up(condition, keys) for condition in on]
        has_values = any(map(numbers_in, relation.outputs.values()))
        return has_values and bool(keys) and keys == set(found)

    def _looks_up(self, condition: exp.Expr, keys: set[str]) -> str:
        """The key of groups that a condition makes equal to something of the rows; "" for none."""
        names = {source.name for source in self.sources}
        sides = [condition.this, condition.expression] if isinstance(condition, exp.EQ) else []
        for one, other in (sides, sides[::-1]) if sides else ():
            of = {c.table for c in other.find_all(exp.Column)}
            if key(one) in keys and of and of <= names:
                return key(one)
        return ""

    def _is_of_dates(self, relation: Relation) -> bool:
        """Whether groups of a calendar are told by their first or last days: a list of dates."""
        numbers = {n for value in relation.outputs.values() for n in numbers_in(value)}
        functions = {self.reader.aggregates[n].function for n in numbers}
        is_calendars = all(is_calendar(s.table) for s in relation.sources)
        return bool(relation.sources) and is_calendars and functions in ({"max"}, {"min"})

    def _sampled(self, node: exp.Expr) -> None:
        sample = node.args.get("sample")
        if sample is not None:
            told = exp.Literal.string(sample.sql())
            self.where.append(exp.Anonymous(this=SAMPLE, expressions=[told]))

    def _named(self, node: exp.Table) -> Relation | Source:
        if not isinstance(node.this, exp.Identifier):
            return self.reader.source(GENERATED)
        name = node.name.lower()
        if not node.db and name in self.ctes:
            found = self.ctes[name]
            return (
                self.reader.source(GENERATED) if found.is_generated else again(found, self.reader)
            )
        if name in self.reader.named:
            return self.reader.relation(self.reader.named[name].copy(), {})
        return self.reader.source(name)

    def _on(self, join: exp.Join, alias: str) -> Iterator[exp.Expr]:
        if join.args.get("on") is not None:
            yield from conjuncts(self.value(join.args["on"]))
        for name in join.args.get("using") or ():
            word = name.name.lower()
            here = self._from(self.scopes[alias], word)
            others = [s for a, s in self.scopes.items() if a != alias and self._has(s, word)]
            if others:
                yield from conjuncts(
                    exp.EQ(this=self._from(others[0], word), expression=here.copy())
                )

    def _filter(self, conditions: Iterable[exp.Expr]) -> None:
        """Conditions on the rows; those on keys of groups hold for the rows that made them."""
        conditions = [*conditions]
        conditions = [self.of_last(c) or c for c in conditions]
        conditions = [c for c in conditions if not self.is_earlier(c)]
        self.equate(conditions)
        for condition in conditions:
            if numbers_in(condition):
                condition = self._told(condition)
                (self.where if self.sources else self.having).append(condition)
            elif not self.grouped or (self.sources and not _is_of(condition, self.grouped)):
                self.where.append(condition)
            else:
                self._narrow(condition)

    def _narrow(self, condition: exp.Expr) -> None:
        """A condition on keys of groups, pushed into their aggregates."""
        for relation in self.grouped:
            self.narrow(relation, condition)


def _grouped(tree: exp.Select) -> exp.Select:
    """`SELECT DISTINCT k, f(x) OVER (PARTITION BY k)` as `SELECT k, f(x) .. GROUP BY k`."""
    windows = [s.unalias() for s in tree.selects if isinstance(s.unalias(), exp.Window)]
    left_out = [k for k in ("group", "qualify", "limit", "offset", "having") if tree.args.get(k)]
    if not tree.args.get("distinct") or left_out or not windows:
        return tree
    parts = [{p.sql() for p in w.args.get("partition_by") or ()} for w in windows]
    others = {s.unalias().sql() for s in tree.selects} - {w.sql() for w in windows}
    is_plain = not any(w.args.get("order") or w.args.get("spec") for w in windows)
    if not is_plain or any(part != parts[0] for part in parts) or others != parts[0]:
        return tree
    made = tree.copy()
    made.set("distinct", None)
    for projection in made.selects:
        window = projection.unalias()
        if isinstance(window, exp.Window):
            window.replace(window.this)
    keys = [p.copy() for p in windows[0].args.get("partition_by") or ()]
    made.set("group", exp.Group(expressions=keys))
    return made


def _makes_rows(tree: exp.Select) -> bool:
    """Whether a SELECT makes rows of nothing: `SELECT UNNEST(GENERATE_SERIES(..))`."""
    if tree.args.get("from_") is not None:
        return False
    return any(s.find(exp.Unnest, exp.Explode, exp.GenerateSeries) for s in tree.selects)


def _is_of(condition: exp.Expr, grouped: list[Relation]) -> bool:
    """Whether a condition is about keys of groups alone."""
    tables = {column.table for column in condition.find_all(exp.Column)}
    return bool(tables) and any(tables <= {s.name for s in g.sources} for g in grouped)


def renamed(found: Relation, named: exp.Expr) -> Relation:
    """A relation under the names of columns that stand beside its alias."""
    names = [n.name.lower() for n in named.args["alias"].columns] if named.args.get("alias") else []
    if names and len(names) == len(found.outputs):
        outputs = dict(zip(names, found.outputs.values(), strict=True))
        return replace(found, outputs=outputs)
    return found
