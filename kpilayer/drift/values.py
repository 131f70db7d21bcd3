"""Expressions of a SELECT over columns of tables: subqueries, windows and aggregates."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from kpilayer.drift.aggregates import Aggregates
from kpilayer.drift.functions import is_aggregate
from kpilayer.drift.levels import EACH, asked_last, period_of
from kpilayer.drift.rows import (
    LAST,
    LATEST,
    RANK,
    NotRead,
    Relation,
    Source,
    aggregate_number,
    numbers_in,
)
from kpilayer.drift.scope import made_column
from kpilayer.drift.spelling import conjuncts, key
from kpilayer.drift.windows import UNREAD, both, is_from, is_of_period, run_of


class Values(Aggregates):
    """The values of one SELECT."""

    def value(self, tree: exp.Expr) -> exp.Expr:
        """An expression over the tables' columns and aggregates."""
        while isinstance(tree, exp.Paren):
            tree = tree.this
        if isinstance(tree, exp.Column):
            return self._column(tree)
        if isinstance(tree, exp.Window):
            if self._numbers_one(tree):
                return exp.Literal.number(1)
            last = self._is_last(tree)
            if last is not None:
                return last
            run = self._run(tree)
            if run is not None:
                return run
            return exp.Anonymous(this="KPI_WINDOW", expressions=[exp.Literal.string(tree.sql())])
        if isinstance(tree, exp.Subquery | exp.Exists) or tree.args.get("query") is not None:
            return self._semi_joined(tree) or self._subquery(tree)
        if is_aggregate(tree):
            return self._aggregate(tree)
        made: exp.Expr = type(tree)()  # a copy of the whole at each level would take long
        for name, argument in tree.args.items():
            if isinstance(argument, exp.Expr):
                made.set(name, self.value(argument))
            elif isinstance(argument, list):
                listed = [self.value(a) if isinstance(a, exp.Expr) else a for a in argument]
                made.set(name, listed)
            else:
                made.set(name, argument)
        return asked_last(made)

    def _numbers_one(self, tree: exp.Window) -> bool:
        """Whether rows are numbered within keys of themselves, so that each is the first."""
        if not isinstance(tree.this, exp.RowNumber | exp.Rank | exp.DenseRank):
            return False
        parts = [self.value(p) for p in tree.args.get("partition_by") or ()]
        return any(self._names_rows(source, tuple(parts)) for source in self.sources)

    def _run(self, tree: exp.Window) -> exp.Expr | None:
        """A window function over groups of periods, as their aggregates under a rule."""
        named = {w.this.name.lower(): w for w in self.tree.args.get("windows") or ()}
        given = named.get(tree.alias.lower(), tree) if tree.alias else tree
        order = given.args.get("order")
        parts = [self.value(p) for p in given.args.get("partition_by") or ()]
        if order is None or len(order.expressions) != 1 or order.expressions[0].args.get("desc"):
            return None
        moment = self.value(order.expressions[0].this)
        run = run_of(tree, named, moment) if self._are_periods(moment, parts) else None
        if run is None:
            return None
        value = self.value(run.value)
        is_lag = isinstance(tree.this, exp.Lag)
        if not numbers_in(value) or not (is_lag or self._is_linear(value)):
            return None

        def step(node: exp.Expr) -> exp.Expr:
            number = aggregate_number(node)
            if number is None:
                return node
            made = self.reader.aggregates[number]
            is_cut = not is_lag and any(is_from(w, moment) for w in made.where)
            rule = UNREAD if is_cut else both(made.rule, run.rule)
            return self.reader.add(replace(made, rule=rule))

        found: exp.Expr = exp.Paren(this=value.copy().transform(step))
        if run.parts > 1:
            found = exp.Div(this=found, expression=exp.Literal.number(run.parts))
        return found

    def _are_periods(self, moment: exp.Expr, parts: list[exp.Expr]) -> bool:
        """Whether groups are those of a time, and of the parts of a window within which it runs."""
        own = self.keys()
        groups = [k for g in self.grouped for k in g.keys or ()] if own is None else [*own]
        within = {self.one(p) for p in parts}
        times = {k for k in map(self.one, groups) if k == self.one(moment)}
        if not times:  # the last day of a month, say, of groups of months
            is_moment = {self.one(k) for k in groups if is_of_period(k, moment)}
            times = is_moment if len(is_moment) == 1 else set()
        return (
            bool(times) and not times & within and {self.one(k) for k in groups} == times | within
        )

    def _is_last(self, tree: exp.Window) -> exp.Expr | None:
        """The last value of a column over all rows, or the rank of a row by it."""
        order = tree.args.get("order")
        of: exp.Expr | None = None
        if isinstance(tree.this, exp.Max) and order is None:
            of = tree.this.this
        elif isinstance(tree.this, exp.Rank | exp.DenseRank | exp.RowNumber) and order is not None:
            is_alone = isinstance(tree.this, exp.RowNumber) or len(order.expressions) == 1
            is_back = bool(order.expressions[0].args.get("desc")) and is_alone
            of = order.expressions[0].this if is_back else None
        if not isinstance(of, exp.Column) or tree.args.get("spec"):
            return None
        value = self.value(of)
        within = [self.value(p) for p in tree.args.get("partition_by") or ()]
        named = [part for part in within if isinstance(part, exp.Column)]
        if isinstance(tree.this, exp.RowNumber) and not any(
            self._names_rows(source, (value, *named)) for source in self.sources
        ):
            return None
        if isinstance(tree.this, exp.RowNumber):  # each thing's last row, of those at one time
            within = [part for part in within if part not in named]
        period = period_of(within, value)
        if period is None:
            return None
        name = LATEST if isinstance(tree.this, exp.Max) else RANK
        told = [value, exp.Literal.string(period)]
        if isinstance(tree.this, exp.RowNumber) and named:
            told.append(exp.Literal.string(EACH))
        return exp.Anonymous(this=name, expressions=told)

    def _semi_joined(self, tree: exp.Expr) -> exp.Expr | None:
        """`x IN (SELECT key ..)` or EXISTS as a lookup, where the rows found are one at most."""
        query = tree.args.get("query") or tree.this
        query = query.this if isinstance(query, exp.Subquery) else query
        if not isinstance(query, exp.Select) or not _is_asked_of_all(tree):
            return None
        joined = query.copy()
        if any(joined.args.get(k) for k in ("group", "joins", "having", "limit", "with_")):
            return None
        from_, where = joined.args.get("from_"), joined.args.get("where")
        if from_ is None or not isinstance(from_.this, exp.Table) or self.grouped:
            return None
        if from_.this.name.lower() in self.ctes or from_.this.name.lower() in self.reader.named:
            return None
        source = self.reader.source(from_.this.name.lower())
        inner = type(self)(self.reader, joined, self.ctes)
        inner.scopes = {**self.scopes, from_.this.alias_or_name.lower(): source}
        held = [] if where is None else [*conjuncts(inner._first(where.this, source))]
        if isinstance(tree, exp.In):
            value = inner._first(joined.selects[0].unalias(), source)
            held += conjuncts(exp.EQ(this=self.value(tree.this), expression=value))
        columns = {
            c.name for h in held if isinstance(h, exp.EQ) for c in (h.this, h.expression)
            if isinstance(c, exp.Column) and c.table == source.name
        }  # fmt: skip
        if not any(set(k) <= columns for k in self.reader.keys.get(source.table, ())):
            return None
        self.sources.append(source)
        self.where += held
        return exp.true()

    def _first(self, tree: exp.Expr, source: Source) -> exp.Expr:
        """An expression in which names of a subquery's own table go before others."""

        def step(node: exp.Expr) -> exp.Expr:
            if (
                isinstance(node, exp.Column)
                and not node.table
                and self._has(source, node.name.lower())
            ):
                return made_column(node.name.lower(), source.name)
            if isinstance(node, exp.Column) and node.table.lower() in self.scopes:
                return self._column(node)
            return node

        return tree.copy().transform(step)

    def _subquery(self, tree: exp.Expr) -> exp.Expr:
        if isinstance(tree, exp.Subquery):
            last = self._last_of_period(tree)
            if last is not None:
                return last
            try:
                found = self.reader.relation(tree, self.ctes)
            except NotRead:  # it reads the rows around it
                found = Relation()
            if found.keys == () and len(found.outputs) == 1:
                return next(iter(found.outputs.values()))
        period = self._last_of_list(tree) if isinstance(tree, exp.In) else None
        if period is not None:
            told = [self.value(tree.this), exp.Literal.string(period)]
            return exp.Anonymous(this=LAST, expressions=told)
        return exp.Anonymous(this="KPI_SUBQUERY", expressions=[exp.Literal.string(tree.sql())])

    def _last_of_period(self, tree: exp.Subquery) -> exp.Expr | None:
        """The last value of the column that it is compared with, in the same period."""
        query, parent = tree.this, tree.parent
        if not isinstance(query, exp.Select) or not isinstance(parent, exp.EQ):
            return None
        beside = parent.expression if parent.this is tree else parent.this
        used = {k for k, v in query.args.items() if v} - {"expressions", "from_", "where"}
        last, where = query.selects[0].unalias(), query.args.get("where")
        if used or where is None or not isinstance(beside, exp.Column):
            return None
        held = list(conjuncts(where.this))
        table, name = query.args["from_"].this, beside.name.lower()
        source = self.scopes.get(beside.table.lower()) if beside.table else None
        is_own = isinstance(source, Source) and table.name.lower() == source.table
        is_last = isinstance(last, exp.Max) and last.this.name.lower() == name
        if not (is_own and is_last and len(held) == 1 and isinstance(held[0], exp.EQ)):
            return None
        sides = [held[0].this.copy(), held[0].expression.copy()]
        tables = {c.table.lower() for side in sides for c in side.find_all(exp.Column)}
        for column in [c for side in sides for c in side.find_all(exp.Column)]:
            column.set("table", None)
        is_period = key(sides[0]) == key(sides[1]) and not isinstance(sides[0], exp.Column)
        named = {c.name.lower() for side in sides for c in side.find_all(exp.Column)}
        is_correlated = tables == {table.alias_or_name.lower(), beside.table.lower()}
        if not (is_period and is_correlated and named == {name}):
            return None
        value = self.value(beside)
        period = period_of([_over(value, sides[0])], value)
        told = [value, exp.Literal.string(period or "")]
        return exp.Anonymous(this=LATEST, expressions=told) if period else None

    def _last_of_list(self, tree: exp.In) -> str | None:
        """The period of which a column has to be the last one, "" for all time; None for others."""
        query = tree.args["query"]
        query = query.this if isinstance(query, exp.Subquery) else query
        if not isinstance(query, exp.Select) or not isinstance(tree.this, exp.Column):
            return None
        used = {k for k, v in query.args.items() if v} - {"expressions", "from_", "group"}
        last, value = query.selects[0].unalias(), self.value(tree.this)
        is_last = isinstance(last, exp.Max) and last.this.name.lower() == tree.this.name.lower()
        if used or not is_last or "from_" not in query.args or not isinstance(value, exp.Column):
            return None
        table = next((s.table for s in self.sources if s.name == value.table), "")
        if query.args["from_"].this.name.lower() != table:
            return None
        group = query.args.get("group")
        parts = [] if group is None else [_over(value, g) for g in group.expressions]
        return period_of(parts, value)


def _over(value: exp.Expr, tree: exp.Expr) -> exp.Expr:
    """An expression of a subquery over a column outside, where it is of that column alone."""

    def step(node: exp.Expr) -> exp.Expr:
        is_it = isinstance(node, exp.Column) and node.name.lower() == value.name
        return value.copy() if is_it else node

    return tree.copy().transform(step)


def _is_asked_of_all(tree: exp.Expr) -> bool:
    """Whether a condition has to hold for all rows: a part of WHERE, or of the ON of a join."""
    above = tree.parent
    while isinstance(above, exp.And | exp.Paren):
        above = above.parent
    if isinstance(above, exp.Where):
        return isinstance(above.parent, exp.Select)
    return isinstance(above, exp.Join) and not above.side
