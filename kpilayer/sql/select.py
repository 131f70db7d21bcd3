"""A plan to one SELECT of named CTEs: a function per node; what differs per dialect is a table.

Every column is qualified, names are quoted where a dialect needs it, and equal plans give equal
bytes. Rows are ordered with NULLs last both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from kpilayer.catalog import REF, RELATION_META
from kpilayer.errors import Issue, listing
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
from kpilayer.sql.spelling import Spelling
from kpilayer.sql.trees import (
    and_where,
    both,
    is_column,
    name_all,
    named,
    nested,
    selected,
    table_as,
    with_ctes,
)
from kpilayer.sql.types import Types


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
    select = selected([exp.Star()], generator.table(relation, "relation"))
    return quoted(with_ctes(select, [(s.name, generator.subquery(s)) for s in subqueries]))


def in_words(tree: exp.Expr, dialect: str) -> exp.Expr:
    """A copy of an expression with all that a dialect says differently in its words."""
    return _generator(dialect, "", (), "").spelling.of(tree)


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
    return _Generator(Spelling(spoken, told), schema, names, folder, rows)


@dataclass(frozen=True, slots=True)
class _Generator:
    """Node to SELECT, for one dialect and schema; ``queries`` names SQL models.

    ``visible`` names the rows of models that a role sees; None where all are.
    """

    spelling: Spelling
    schema: str
    queries: Mapping[str, str]
    folder: str
    visible: Mapping[str, str] | None = None

    @property
    def dialect(self) -> Capabilities:
        return self.spelling.dialect

    def plan(self, plan: Plan) -> exp.Select:
        select, ctes = self.sort(plan.root)
        models = [(subquery.name, self.subquery(subquery)) for subquery in plan.subqueries]
        shown = [(v.name, self.shown(v)) for v in plan.visible or ()]
        return quoted(with_ctes(select, [*models, *shown, *ctes]))

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
            name_all(select)
        if keys:
            order: exp.Expr = exp.Order(expressions=keys)
            write = self.dialect.words.get(exp.Order)
            select.set("order", order if write is None else write(order))
        return (select if node.limit is None else select.limit(node.limit, copy=False)), ctes

    def _sorted(self, node: Project, name: str) -> exp.Expr:
        """A column of the result, or what it is, where its name would be that of another one."""
        if self.dialect.orders_by_tables and name in columns_of(node.input):
            value = next(c.value for c in node.columns if c.name == name)
            if not is_column(value, name):
                return exp.Paren(this=self.spelling.of(value))
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
        is_group = all(is_column(c.value, c.name) for c in node.columns)
        if is_group and not isinstance(top, Spine | Levels):
            self.define_inputs(top, ctes)
            select = self.group(top, [c.name for c in node.columns])
            assert isinstance(select, exp.Select), "only levels are no single SELECT"
            if apart:
                name = "answer" if "answer" not in ctes else top.name
                ctes[name] = select
                shown: list[exp.Expr] = [exp.column(c.name, table=name) for c in node.columns]
                select = selected(shown, table_as(name))
            return select, list(ctes.items())
        self.define(top, ctes)
        return selected(self._computed(node.columns, Read(top)), table_as(top.name)), list(
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
            if is_column(c.value, c.name)
            else named(self.spelling.of(c.value, source), c.name)
            for c in columns
        ]

    def _side_by_side(self, wanted: tuple[Column, ...], top: Combine) -> exp.Select:
        """Branches of one row each: their columns stand beside each other."""
        columns = self._computed(wanted, Read(top))
        for column in (c for value in columns for c in value.find_all(exp.Column)):
            column.set("table", exp.to_identifier(owner(top, column.name).name))
        first, *rest = (table_as(branch.name) for branch in top.branches)
        select = selected(columns, first)
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
                columns.append(named(missing, name))
        return selected(columns, table_as(here.name))

    def _typed_null(self, branch: Group, column: str) -> exp.Expr:
        """A NULL of a column's type, without knowing the type: the value of no rows."""
        none = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
        value = self._only_value(branch, column, branch.name)
        select = selected([value], table_as(branch.name))
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
            columns[name] = named(self._only_value(node, name, node.stacked), name)
        select = selected([columns[name] for name in wanted or columns], table_as(node.stacked))
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
        first, last = (self.spelling.of(end, *sources) for end in (node.first, node.last))
        bounds = table_as(node.bounds.name) if node.bounds is not None else None
        return self.dialect.periods(Periods(first, last, node.grain, node.column, bounds))

    def aggregate(self, node: Aggregate, wanted: list[str] | None = None) -> exp.Select:
        columns: dict[str, exp.Expr] = {}
        for key in node.keys:
            columns[key.name] = named(self.spelling.of(key.value, node.input), key.name)
        for measure in node.measures:
            columns[measure.name] = named(self.spelling.measure(measure, node.input), measure.name)
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
                select.set("from_", exp.From(this=table_as(node.group.name, node.known_as)))
            case Match():
                self.read(select, node.left)
                right = table_as(node.right.group.name, node.right.known_as)
                select.append("joins", self._match(node, right))
            case Join():
                self.read(select, node.left)
                right = self.scan(node.right)
                condition = self.spelling.of(join_condition(node), node, are_times=True)
                join = exp.Join(this=right, side="LEFT", on=condition)
                if not (self.dialect.nests_joins and nested(select, join)):
                    select.append("joins", join)
            case Filter():
                self.read(select, node.input)
                and_where(select, self.spelling.of(node.condition, node.input))
            case SemiJoin():
                self.read(select, node.input)
                and_where(select, self.semi_join(node))
            case Distinct():
                inner = exp.Select(
                    expressions=[
                        named(self.spelling.of(c.value, node.input), c.name) for c in node.columns
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
        on, condition = (self.spelling.of(tree, node.input, node.match) for tree in trees)
        if node.keeps_unmatched:
            one = named(exp.Literal.number(1), "one")
            row = exp.Subquery(
                this=exp.Select(expressions=[one]),
                alias=exp.TableAlias(this=exp.to_identifier("one_row")),
            )
            first = exp.Join(this=select.args["from_"].this, side="LEFT", on=on)
            select.set("joins", [first, *(select.args.get("joins") or ())])
            select.set("from_", exp.From(this=row))
        else:
            condition = both(on, condition)
        select.set("where", exp.Where(this=condition))
        found = exp.Exists(this=select)
        return exp.Not(this=found) if node.none else found

    def _exists_or_none(self, node: SemiJoin) -> exp.Expr:
        """Some match meets the condition; or there is none, and NULLs in its place meet it."""
        on, condition = self.spelling.of(node.on), self.spelling.of(node.condition)

        def exists(where: exp.Expr) -> exp.Expr:
            select = exp.Select(expressions=[exp.Literal.number(1)])
            self.read(select, node.match)
            select.set("where", exp.Where(this=where))
            return exp.Exists(this=select)

        matched = aliases(node.match)
        nulls = node.condition.copy().transform(
            lambda n: exp.null() if isinstance(n, exp.Column) and n.table in matched else n
        )
        missing = both(exp.Not(this=exists(on.copy())), self.spelling.of(nulls))
        return exp.Paren(this=exp.Or(this=exists(both(on, condition)), expression=missing))

    def _match(self, node: Match, right: exp.Table) -> exp.Join:
        if node.on is None or node.on == exp.true():
            return exp.Join(this=right, kind="CROSS")
        side = "LEFT" if node.keeps_left else ""
        return exp.Join(this=right, side=side, on=self.spelling.of(node.on, node, are_times=True))

    def scan(self, node: Scan) -> exp.Table:
        """The table that rows are read from, or what a role sees of it."""
        if node.rows_of is None or self.visible is None:
            return self.table(node.relation, node.alias)
        return table_as(self.visible[node.rows_of], node.alias)

    def table(self, relation: Relation, alias: str | None = None) -> exp.Table:
        made = self._table(relation, alias)
        made.meta[RELATION_META] = relation
        return made

    def _table(self, relation: Relation, alias: str | None) -> exp.Table:
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
        tree = self.spelling.of(node.tree)
        assert isinstance(tree, exp.Query), "what is spelled stays what it is"
        reads = dict(node.reads)
        read = {name: self.table(relation) for name, relation in reads.items()}
        keep_apart(tree, {table.name.lower() for table in read.values() if not table.db})
        for table in list(tree.find_all(exp.Table)):
            if table.db == REF:
                name = table.name.lower()
                table.replace(self.table(reads[name], table.alias or name))
        return tree


def check_verified(dialect: str) -> Iterator[Issue]:
    """An issue where no test has executed a dialect's SQL."""
    if dialect not in VERIFIED:
        message = f"SQL for {dialect} has not been executed by kpilayer's tests"
        hint = (
            f"verified dialects: {listing(list(VERIFIED))}; `--unverified` prints it all the same"
        )
        yield Issue("unverified-dialect", message, hint=hint)
