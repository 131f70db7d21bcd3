"""A plan to one SELECT of named CTEs: a function per node; what differs per dialect is a table.

Every column is qualified, names are quoted where a dialect needs it, and equal plans give equal
bytes. Rows are ordered with NULLs last both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import UnsupportedError

from kpilayer import expr
from kpilayer.catalog import REF
from kpilayer.errors import Issue, QueryError, listing
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Derived,
    Distinct,
    Filter,
    Group,
    Join,
    Levels,
    Match,
    Measure,
    Plan,
    Project,
    Read,
    Scan,
    SemiJoin,
    Sort,
    Source,
    Spine,
    Subquery,
    Visible,
    agg_of,
    aliases,
    columns_of,
    groups_below,
    join_condition,
    keys_of,
    owner,
    values_of,
)
from kpilayer.relation import Relation
from kpilayer.sql.dialects import VERIFIED, capabilities
from kpilayer.sql.dialects.capabilities import Capabilities, Periods
from kpilayer.sql.dialects.spellings import AGGREGATES
from kpilayer.sql.files import read_files
from kpilayer.sql.lower import lower
from kpilayer.sql.names import check_lengths, exactly, keep_apart, quoted
from kpilayer.sql.types import Types, keeping


def generate(
    plan: Plan, dialect: str, schema: str, folder: str = "", types: Types | None = None
) -> exp.Select:
    """The SELECT that answers a plan. ``schema`` is where models without a relation are.

    Paths of files stay as they are written, or are taken from ``folder``, where that is given.
    ``types`` tells the types of columns, for dialects whose words depend on them.

    Raises:
        QueryError: `unsupported-in-dialect`, `identifier-too-long`.
    """
    spoken = capabilities(dialect)
    generator = _generator(dialect, schema, plan.subqueries, folder, plan.visible, types)
    tree = generator.plan(lower(plan, spoken))
    check_lengths(tree, spoken)
    return tree


def read_all(
    relation: Relation,
    subqueries: tuple[Subquery, ...],
    dialect: str,
    schema: str,
    folder: str = "",
) -> exp.Select:
    """The SELECT of every column of a relation; ``subqueries`` are the SQL models that it needs."""
    generator = _generator(dialect, schema, subqueries, folder)
    select = _select([exp.Star()], generator.table(relation, "relation"))
    return quoted(_with(select, [(s.name, generator.subquery(s)) for s in subqueries]))


def in_words(tree: exp.Expr, dialect: str) -> exp.Expr:
    """A copy of an expression with all that a dialect says differently in its words."""
    return _generator(dialect, "", (), "").spelled(tree)


def to_sql(tree: exp.Select, dialect: str) -> str:
    """The text of a SELECT, laid out for reading. Printing uses the tree up: it is rewritten.

    Raises:
        QueryError: `unsupported-in-dialect`, where sqlglot knows that it is.
    """
    spoken = capabilities(dialect)
    if spoken.order_is_a_setting:
        _order_in_words(tree)
    if spoken.finished is not None:
        spoken.finished(tree)
    if spoken.settings:
        tree.set("settings", [_setting(*pair) for pair in spoken.settings.items()])
    try:
        writer = _writer(dialect)
        return writer.generate(tree, copy=False, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        message = f"{dialect} cannot express this query: {error}"
        raise QueryError(Issue("unsupported-in-dialect", message)) from error


def _order_in_words(tree: exp.Select) -> None:
    """Every ORDER BY with its direction and place of NULLs, also in windows and percentiles.

    sqlglot leaves out what is DuckDB's default, but `default_order` and `default_null_order` of a
    session change that. It writes `with_fill`, ClickHouse's, behind a key as it is.
    """
    for key in expr.nodes(tree):
        if isinstance(key, exp.Ordered):
            key.set("desc", bool(key.args.get("desc")))
            if not key.args.get("nulls_first"):
                key.set("with_fill", exp.var("NULLS LAST"))


def _setting(name: str, value: str) -> exp.Expr:
    return exp.EQ(this=exp.var(name), expression=exp.var(value))


@cache
def _writer(dialect: str) -> Dialect:
    return Dialect.get_or_raise(dialect)


def _generator(
    dialect: str,
    schema: str,
    subqueries: tuple[Subquery, ...],
    folder: str,
    shown: tuple[Visible, ...] | None = None,
    types: Types | None = None,
) -> _Generator:
    names = {s.query: s.name for s in subqueries}
    rows = None if shown is None else {v.model: v.name for v in shown}
    spoken = capabilities(dialect)
    told = (types or Types()) if spoken.asks_types else None
    return _Generator(spoken, schema, names, folder, rows, told)


@dataclass(frozen=True, slots=True)
class _Generator:
    """Node to SELECT, for one dialect and schema; ``queries`` names SQL models.

    ``visible`` names the rows of models that a role sees; None where all are.
    """

    dialect: Capabilities
    schema: str
    queries: Mapping[str, str]
    folder: str
    visible: Mapping[str, str] | None = None
    types: Types | None = None

    def plan(self, plan: Plan) -> exp.Select:
        select, ctes = self.sort(plan.root)
        models = [(subquery.name, self.subquery(subquery)) for subquery in plan.subqueries]
        shown = [(v.name, self.shown(v)) for v in plan.visible or ()]
        return quoted(_with(select, [*models, *shown, *ctes]))

    def shown(self, visible: Visible) -> exp.Select:
        """The rows that a role sees, with all of their columns."""
        every = exp.Column(this=exp.Star(), table=exp.to_identifier(visible.alias))
        select = exp.Select(expressions=[every])
        self.read(select, visible.source)
        return select

    # ---------------------------------------------------------------------------- result and groups

    def sort(self, node: Sort) -> tuple[exp.Select, list[tuple[str, exp.Query]]]:
        apart = bool(node.by) and self.dialect.orders_by_tables
        select, ctes = self.project(node.input, apart=apart)
        keys = [
            exp.Ordered(this=self._sorted(node.input, name), desc=descending, nulls_first=False)
            for name, descending in node.by
        ]
        if keys and not self.dialect.orders_by_columns:
            _named_all(select)
        if keys:
            order: exp.Expr = exp.Order(expressions=keys)
            write = self.dialect.words.get(exp.Order)
            select.set("order", order if write is None else write(order))
        return (select if node.limit is None else select.limit(node.limit, copy=False)), ctes

    def _sorted(self, node: Project, name: str) -> exp.Expr:
        """A column of the result, or what it is, where its name would be that of another one."""
        if self.dialect.orders_by_tables and name in columns_of(node.input):
            value = next(c.value for c in node.columns if c.name == name)
            if not _is_column(value, name):
                return exp.Paren(this=self.spelled(value))
        return exp.Column(this=exactly(name))

    def project(
        self, node: Project, *, apart: bool = False
    ) -> tuple[exp.Select, list[tuple[str, exp.Query]]]:
        """Columns over a group; where nothing is computed, the group itself is the result.

        With ``apart``, every column of the result is one of the table that it is read from.
        """
        ctes: dict[str, exp.Query] = {}
        top = node.input
        if isinstance(top, Combine) and not keys_of(top):
            for branch in top.branches:
                self.define(branch, ctes)
            return self._side_by_side(node.columns, top), list(ctes.items())
        is_group = all(_is_column(c.value, c.name) for c in node.columns)
        if is_group and not isinstance(top, Spine | Levels):
            self.define_inputs(top, ctes)
            select = self.group(top, [c.name for c in node.columns])
            assert isinstance(select, exp.Select), "only levels are no single SELECT"
            if apart:
                name = "answer" if "answer" not in ctes else top.name
                ctes[name] = select
                shown: list[exp.Expr] = [exp.column(c.name, table=name) for c in node.columns]
                select = _select(shown, _table(name))
            return select, list(ctes.items())
        self.define(top, ctes)
        return _select(self._computed(node.columns, Read(top)), _table(top.name)), list(
            ctes.items()
        )

    def define(self, group: Group, ctes: dict[str, exp.Query]) -> None:
        """Makes a group a CTE, after all that it stands on; each once."""
        if group.name not in ctes:
            self.define_inputs(group, ctes)
            ctes[group.name] = self.group(group)

    def define_inputs(self, group: Group, ctes: dict[str, exp.Query]) -> None:
        for below in groups_below(group):
            self.define(below, ctes)
        if isinstance(group, Combine) and keys_of(group):
            ctes[group.stacked] = self.stacked(group)

    def group(self, group: Group, wanted: list[str] | None = None) -> exp.Query:
        match group:
            case Aggregate():
                return self.aggregate(group, wanted)
            case Combine() if not keys_of(group):
                own = tuple(Column(n, exp.column(n, table=group.name)) for n in columns_of(group))
                return self._side_by_side(own, group)
            case Combine():
                return self.combined(group, wanted)
            case Derived():
                return self.derived(group, wanted)
            case Spine():
                return self.spine(group)
            case Levels():
                return self.levels(group)

    def _computed(self, columns: tuple[Column, ...], source: Source) -> list[exp.Expr]:
        return [
            c.value.copy()
            if _is_column(c.value, c.name)
            else _named(self.spelled(c.value, source), c.name)
            for c in columns
        ]

    def _side_by_side(self, wanted: tuple[Column, ...], top: Combine) -> exp.Select:
        """Branches of one row each: their columns stand beside each other."""
        columns = self._computed(wanted, Read(top))
        for column in (c for value in columns for c in value.find_all(exp.Column)):
            column.set("table", exp.to_identifier(owner(top, column.name).name))
        first, *rest = (_table(branch.name) for branch in top.branches)
        select = _select(columns, first)
        for table in rest:
            select.append("joins", exp.Join(this=table, kind="CROSS"))
        return select

    def stacked(self, node: Combine) -> exp.Query:
        """All branches' rows under each other, NULL where a branch has no such value."""
        arms = [self._arm(node, index) for index in range(len(node.branches))]
        tree: exp.Query = arms[0]
        for arm in arms[1:]:
            tree = exp.Union(this=tree, expression=arm, distinct=False)
        return tree

    def _arm(self, node: Combine, index: int) -> exp.Select:
        here = node.branches[index]
        columns: list[exp.Expr] = [exp.column(k, table=here.name) for k in keys_of(here)]
        for position, branch in enumerate(node.branches):
            for name in values_of(branch):
                if branch is here:
                    columns.append(exp.column(name, table=here.name))
                    continue
                # Types settle pairwise, from the first arm on: it must say the type of what the
                # second arm does not have either (untyped NULLs would become text or integers).
                typed = index == 0 and position > 1
                missing = self._typed_null(branch, name) if typed else exp.null()
                columns.append(_named(missing, name))
        return _select(columns, _table(here.name))

    def _typed_null(self, branch: Group, column: str) -> exp.Expr:
        """A NULL of a column's type, without knowing the type: the value of no rows."""
        none = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
        value = self._only_value(branch, column, branch.name)
        select = _select([value], _table(branch.name))
        select.set("where", exp.Where(this=none))
        return exp.Subquery(this=select)

    def _only_value(self, group: Group, column: str, table: str) -> exp.Expr:
        """The one value that is not NULL; PostgreSQL has no MAX of booleans."""
        kind = "any_value" if agg_of(group, column) == "any_value" else "max"
        spell = self.dialect.aggregates.get(kind) or AGGREGATES[kind]
        return spell(exp.column(column, table=table))

    def combined(self, node: Combine, wanted: list[str] | None = None) -> exp.Select:
        """One row per group. MAX picks the one value that is there; SUM would widen its type."""
        keys = keys_of(node)
        columns: dict[str, exp.Expr] = {k: exp.column(k, table=node.stacked) for k in keys}
        for name in values_of(node):
            columns[name] = _named(self._only_value(node, name, node.stacked), name)
        select = _select([columns[name] for name in wanted or columns], _table(node.stacked))
        select.set("group", exp.Group(expressions=[columns[k].copy() for k in keys]))
        return select

    def derived(self, node: Derived, wanted: list[str] | None = None) -> exp.Select:
        kept = [c for c in node.columns if wanted is None or c.name in wanted]
        order = {name: place for place, name in enumerate(wanted or [c.name for c in kept])}
        kept.sort(key=lambda c: order[c.name])
        select = exp.Select(expressions=self._computed(tuple(kept), node.input))
        self.read(select, node.input)
        return select

    def levels(self, node: Levels) -> exp.Query:
        """The arms under each other; the first says the types of all."""
        tree: exp.Query = self.derived(node.arms[0])
        for arm in node.arms[1:]:
            tree = exp.Union(this=tree, expression=self.derived(arm), distinct=False)
        return tree

    def spine(self, node: Spine) -> exp.Select:
        """Every period, counted up from the first; the ends are first instants of periods."""
        sources = (Read(node.bounds),) if node.bounds is not None else ()
        first, last = (self.spelled(end, *sources) for end in (node.first, node.last))
        bounds = _table(node.bounds.name) if node.bounds is not None else None
        return self.dialect.periods(Periods(first, last, node.grain, node.column, bounds))

    def aggregate(self, node: Aggregate, wanted: list[str] | None = None) -> exp.Select:
        columns: dict[str, exp.Expr] = {}
        for key in node.keys:
            columns[key.name] = _named(self.spelled(key.value, node.input), key.name)
        for measure in node.measures:
            columns[measure.name] = _named(self.measure(measure, node.input), measure.name)
        select = exp.Select(expressions=[columns[name] for name in wanted or columns])
        self.read(select, node.input)
        if node.keys:
            keys = [columns[key.name].this.copy() for key in node.keys]
            select.set("group", exp.Group(expressions=keys))
        return select

    # ----------------------------------------------------------------------------------------- rows

    def read(self, select: exp.Select, node: Source) -> None:
        """Gives a SELECT its FROM, joins and WHERE."""
        match node:
            case Scan():
                select.set("from_", exp.From(this=self.scan(node)))
            case Read():
                select.set("from_", exp.From(this=_table(node.group.name, node.known_as)))
            case Match():
                self.read(select, node.left)
                right = _table(node.right.group.name, node.right.known_as)
                select.append("joins", self._match(node, right))
            case Join():
                self.read(select, node.left)
                right = self.scan(node.right)
                condition = self.spelled(join_condition(node), node, are_times=True)
                join = exp.Join(this=right, side="LEFT", on=condition)
                if not (self.dialect.nests_joins and _nested(select, join)):
                    select.append("joins", join)
            case Filter():
                self.read(select, node.input)
                _and_where(select, self.spelled(node.condition, node.input))
            case SemiJoin():
                self.read(select, node.input)
                _and_where(select, self.semi_join(node))
            case Distinct():
                inner = exp.Select(
                    expressions=[
                        _named(self.spelled(c.value, node.input), c.name) for c in node.columns
                    ],
                    distinct=exp.Distinct(),
                )
                self.read(inner, node.input)
                name = exp.TableAlias(this=exp.to_identifier(node.alias))
                select.set("from_", exp.From(this=exp.Subquery(this=inner, alias=name)))

    def semi_join(self, node: SemiJoin) -> exp.Expr:
        """EXISTS over the rows that match; over a left join of one row, where that may be NULLs."""
        if node.keeps_unmatched and not self.dialect.correlates_joins:
            either = self._exists_or_none(node)
            return exp.Not(this=either) if node.none else either
        select = exp.Select(expressions=[exp.Literal.number(1)])
        self.read(select, node.match)
        trees = (node.on, node.condition)
        on, condition = (self.spelled(tree, node.input, node.match) for tree in trees)
        if node.keeps_unmatched:
            one = _named(exp.Literal.number(1), "one")
            row = exp.Subquery(
                this=exp.Select(expressions=[one]),
                alias=exp.TableAlias(this=exp.to_identifier("one_row")),
            )
            first = exp.Join(this=select.args["from_"].this, side="LEFT", on=on)
            select.set("joins", [first, *(select.args.get("joins") or ())])
            select.set("from_", exp.From(this=row))
        else:
            condition = _both(on, condition)
        select.set("where", exp.Where(this=condition))
        found = exp.Exists(this=select)
        return exp.Not(this=found) if node.none else found

    def _exists_or_none(self, node: SemiJoin) -> exp.Expr:
        """Some match meets the condition; or there is none, and NULLs in its place meet it."""
        on, condition = self.spelled(node.on), self.spelled(node.condition)

        def exists(where: exp.Expr) -> exp.Expr:
            select = exp.Select(expressions=[exp.Literal.number(1)])
            self.read(select, node.match)
            select.set("where", exp.Where(this=where))
            return exp.Exists(this=select)

        matched = aliases(node.match)
        nulls = node.condition.copy().transform(
            lambda n: exp.null() if isinstance(n, exp.Column) and n.table in matched else n
        )
        missing = _both(exp.Not(this=exists(on.copy())), self.spelled(nulls))
        return exp.Paren(this=exp.Or(this=exists(_both(on, condition)), expression=missing))

    def _match(self, node: Match, right: exp.Table) -> exp.Join:
        if node.on is None or node.on == exp.true():
            return exp.Join(this=right, kind="CROSS")
        side = "LEFT" if node.keeps_left else ""
        return exp.Join(this=right, side=side, on=self.spelled(node.on, node, are_times=True))

    def scan(self, node: Scan) -> exp.Table:
        """The table that rows are read from, or what a role sees of it."""
        if node.rows_of is None or self.visible is None:
            return self.table(node.relation, node.alias)
        return _table(self.visible[node.rows_of], node.alias)

    def table(self, relation: Relation, alias: str | None = None) -> exp.Table:
        name = exp.TableAlias(this=exp.to_identifier(alias)) if alias else None
        match relation.kind:
            case "query":
                return exp.Table(this=exp.to_identifier(self.queries[relation.query]), alias=name)
            case "file":
                return exp.Table(this=read_files(relation, self.dialect, self.folder), alias=name)
        parts = relation.parts
        if len(parts) == 1 and self.schema:
            parts = (self.schema, *parts)
        catalog, db, this = (None, None, *parts)[-3:]
        names = (None if n is None else exactly(n) for n in (this, db, catalog))
        named = None if alias == this else name  # a table is known by its own name without help
        return exp.Table(**dict(zip(("this", "db", "catalog"), names, strict=True)), alias=named)

    def subquery(self, node: Subquery) -> exp.Query:
        tree = self.spelled(node.tree)
        assert isinstance(tree, exp.Query), "what is spelled stays what it is"
        reads = dict(node.reads)
        read = {name: self.table(relation) for name, relation in reads.items()}
        keep_apart(tree, {table.name.lower() for table in read.values() if not table.db})
        for table in list(tree.find_all(exp.Table)):
            if table.db == REF:
                name = table.name.lower()
                table.replace(self.table(reads[name], table.alias or name))
        return tree

    # ---------------------------------------------------------------------------------- expressions

    def spelled(self, tree: exp.Expr, *sources: Source, are_times: bool = False) -> exp.Expr:
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
        value = self.spelled(measure.value, source)
        condition = None
        if measure.condition is not None:
            condition = self.spelled(measure.condition, source)
        counts_rows = measure.agg == "count" and isinstance(value, exp.Literal)
        counts_values = measure.agg in ("count", "sum_boolean") and not counts_rows
        if measure.needs_rows and counts_values and condition is not None:
            return self._counted(measure.agg, value, condition)
        if measure.agg == "sum_boolean":
            condition, value = _both(condition, value), exp.Literal.number(1)
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
            one = exp.If(this=self.spelled(measure.condition, source), true=exp.Literal.number(1))
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


# Trees from nodes, where sqlglot's builders would parse or copy what they are given.


def _select(columns: list[exp.Expr], table: exp.Table) -> exp.Select:
    return exp.Select(expressions=columns, from_=exp.From(this=table))


def _with(select: exp.Select, ctes: list[tuple[str, exp.Query]]) -> exp.Select:
    if ctes:
        named = [
            exp.CTE(this=query, alias=exp.TableAlias(this=exp.to_identifier(name)))
            for name, query in ctes
        ]
        select.set("with_", exp.With(expressions=named))
    return select


def _named_all(select: exp.Select) -> None:
    """An alias for every column of the result: ORDER BY looks at these before the tables."""
    named = [c if isinstance(c, exp.Alias) else _named(c, c.name) for c in select.expressions]
    select.set("expressions", named)


def _table(name: str, known_as: str | None = None) -> exp.Table:
    alias = exp.TableAlias(this=exp.to_identifier(known_as)) if known_as else None
    return exp.Table(this=exp.to_identifier(name), alias=alias)


def _named(value: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(value, name, copy=False)


def _operand(tree: exp.Expr) -> exp.Expr:
    is_weak = isinstance(tree, (exp.Binary, exp.Unary, exp.Predicate))
    return exp.Paren(this=tree) if is_weak and not isinstance(tree, exp.Paren) else tree


def _both(condition: exp.Expr | None, value: exp.Expr) -> exp.Expr:
    if condition is None:
        return value
    sides = [exp.Paren(this=s) if isinstance(s, exp.Or) else s for s in (condition, value)]
    return exp.And(this=sides[0], expression=sides[1])


def _nested(select: exp.Select, join: exp.Join) -> bool:
    """Puts a join beside the one joined table that it depends on: `a LEFT JOIN (b LEFT JOIN c)`.

    The rows are the same, as what joins is never true of the NULLs of a missing row.
    """
    own = join.this.alias_or_name
    needed = {c.table for c in join.args["on"].find_all(exp.Column)} - {own}
    pending = list(select.args.get("joins") or ())
    while pending:
        before = pending.pop()
        table = before.this.this if isinstance(before.this, exp.Subquery) else before.this
        if needed == {table.alias_or_name} and before.side == "LEFT":
            if table is before.this:
                before.set("this", exp.Subquery(this=table))
            table.append("joins", join)
            return True
        pending += table.args.get("joins") or ()
    return False


def _and_where(select: exp.Select, condition: exp.Expr) -> None:
    before = select.args.get("where")
    select.set("where", exp.Where(this=_both(before.this if before else None, condition)))


def _is_column(tree: exp.Expr, name: str) -> bool:
    return isinstance(tree, exp.Column) and tree.name == name


def check_verified(dialect: str) -> Iterator[Issue]:
    """An issue where no test has executed a dialect's SQL."""
    if dialect not in VERIFIED:
        message = f"SQL for {dialect} has not been executed by kpilayer's tests"
        hint = (
            f"verified dialects: {listing(list(VERIFIED))}; `--unverified` prints it all the same"
        )
        yield Issue("unverified-dialect", message, hint=hint)
