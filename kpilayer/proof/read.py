"""From sqlglot's queries to the normal form: names resolved, queries inside others opened.

What is not understood raises `Unreadable`: a proof rests on nothing that was skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from kpilayer.proof import expressions
from kpilayer.proof.aggregates import only
from kpilayer.proof.facts import Facts
from kpilayer.proof.given import GIVEN, Given
from kpilayer.proof.grouping_sets import by_sets
from kpilayer.proof.normal import as_plain, never_null, source_of, with_rows_for
from kpilayer.proof.query import Left, Limited, Query, Select, Source, Union, Unreadable, windows
from kpilayer.proof.term import (
    NULL,
    Term,
    case,
    conjunction,
    conjuncts,
    equal,
    is_literal,
    negation,
    number,
    rewrite,
    same_value,
    subterms,
)
from kpilayer.proof.times import compare

_CASE_SENSITIVE: Final = frozenset({"postgres", "redshift", "snowflake", "clickhouse"})
_MOST_SOURCES: Final = 60


@dataclass(slots=True)
class Item:
    """One item of FROM: its name, and its columns; all of them, or those that are asked for."""

    alias: str
    columns: dict[str, Term]
    open: Source | None = None


@dataclass(slots=True)
class From:
    """What FROM and its joins come to."""

    inner: list[Source] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    where: list[Term] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    merged: dict[str, Term] = field(default_factory=dict)


@dataclass(slots=True)
class Reader:
    """Reads the queries of one statement; sources get ascending numbers."""

    facts: Facts
    dialect: str
    given: Mapping[str, Given] = field(default_factory=dict)
    count: int = 0
    optional: set[int] = field(default_factory=set)
    stored: set[int] = field(default_factory=set)

    def number(self) -> int:
        """The next source's number."""
        self.count += 1
        if self.count > _MOST_SOURCES * 100:
            raise Unreadable("too many tables")
        return self.count

    def name(self, identifier: exp.Expr) -> str:
        """A name as it is compared: in lower case, where quotes do not keep it apart."""
        text = identifier.name
        quoted = isinstance(identifier, exp.Identifier) and identifier.quoted
        if quoted and self.dialect in _CASE_SENSITIVE and text != text.lower():
            return f'"{text}"'
        return text.lower()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where names of one SELECT mean something; outer queries are asked last."""

    reader: Reader
    tables: From
    ctes: dict[str, Callable[[], Query]]
    outer: Scope | None = None
    aliases: dict[str, exp.Expr] = field(default_factory=dict)
    clause: str = ""
    expanding: tuple[str, ...] = ()

    @property
    def dialect(self) -> str:
        """The dialect that is read."""
        return self.reader.dialect

    def read(self, node: exp.Expr) -> Term:
        """The term of an expression."""
        return expressions.read(node, self)

    def is_stored(self, column: Term) -> bool:
        """Whether a column is one of a table."""
        return column.data[0] in self.reader.stored

    def subquery(self, node: exp.Expr) -> Query:
        """A query inside an expression, which may read columns of this one."""
        return read_query(node, self.reader, self.ctes, self)

    def column(self, node: exp.Column) -> Term:
        """The term that a name means."""
        only(node, "this", "table")
        if isinstance(node.this, exp.Star):
            raise Unreadable("star")
        name = self.reader.name(node.this)
        found = self._own(name, self.reader.name(node.args["table"]) if node.table else "")
        alias = None if node.table else self.aliases.get(name)
        if alias is not None and name not in self.expanding:
            inside = node.find_ancestor(exp.AggFunc) is not None and found is not None
            if found is None or self._differs(found, alias, name, inside):
                deeper = Scope(
                    self.reader, self.tables, self.ctes, self.outer, self.aliases,
                    self.clause, (*self.expanding, name),
                )  # fmt: skip
                return expressions.read(alias, deeper)
        if found is not None:
            return found
        return self._outside(node, name)

    def _outside(self, node: exp.Column, name: str) -> Term:
        """A column of the query around this one, in which its outputs' names mean nothing."""
        if self.outer is None:
            raise Unreadable(f"column {name}")
        table = self.reader.name(node.args["table"]) if node.table else ""
        found = self.outer._own(name, table)
        return self.outer._outside(node, name) if found is None else found

    def _differs(self, found: Term, alias: exp.Expr, name: str, inside: bool) -> bool:
        """Raises where a name may be a column or an output and dialects disagree on which."""
        if (self.clause in ("where", "select") or inside) and self.dialect != "clickhouse":
            return False
        plain = isinstance(alias, exp.Column) and self.reader.name(alias.this) == name
        if plain:
            return False
        raise Unreadable(f"{name} is a column and an output")

    def _own(self, name: str, table: str) -> Term | None:
        items = [i for i in self.tables.items if not table or i.alias == table]
        if not table and name in self.tables.merged:
            return self.tables.merged[name]
        found = [i.columns[name] for i in items if name in i.columns]
        unknown = [i.open for i in items if i.open is not None and name not in i.columns]
        if len(found) + len(unknown) > 1:
            raise Unreadable(f"{name} is ambiguous")
        if found:
            return found[0]
        if not unknown:
            return None
        if not table and (self.outer is not None or name in self.aliases):
            raise Unreadable(f"{name} of an unknown table")
        assert unknown[0] is not None
        return unknown[0].column(name)


def read_query(
    node: exp.Expr, reader: Reader, ctes: dict[str, Callable[[], Query]], outer: Scope | None = None
) -> Query:
    """The normal form of a query."""
    if reader.dialect == "oracle":  # in which '' is NULL, and a date has a time
        raise Unreadable("oracle")
    ctes = _with(node, reader, ctes)
    if isinstance(node, exp.Subquery):
        only(node, "this", "alias", "with_", "order", "limit", "offset")
        inner = read_query(node.this, reader, ctes, outer)
        return _limited(node, inner, reader)
    if isinstance(node, exp.Union):
        only(node, "this", "expression", "distinct", "with_", "order", "limit", "offset")
        return _limited(node, _union(node, reader, ctes, outer), reader)
    if isinstance(node, exp.Intersect | exp.Except) and node.args.get("distinct"):
        only(node, "this", "expression", "distinct", "with_")
        return _overlap(node, reader, ctes, outer)
    if not isinstance(node, exp.Select):
        raise Unreadable(node.key)
    stacked = by_sets(node)
    if stacked is not None:
        return read_query(stacked, reader, ctes, outer)
    return _limited(node, _select(node, reader, ctes, outer), reader)


def _with(
    node: exp.Expr, reader: Reader, ctes: dict[str, Callable[[], Query]]
) -> dict[str, Callable[[], Query]]:
    clause = node.args.get("with_")
    if clause is None:
        return ctes
    only(clause, "expressions")
    known = dict(ctes)
    for cte in clause.expressions:
        only(cte, "this", "alias", "materialized")
        only(cte.args["alias"], "this", "columns")
        names = [reader.name(c) for c in cte.args["alias"].columns]
        before = dict(known)

        def opened(
            body: exp.Expr = cte.this,
            before: dict[str, Callable[[], Query]] = before,
            names: list[str] = names,
        ) -> Query:
            return _renamed(read_query(body, reader, before), names)

        known[reader.name(cte.args["alias"].this)] = opened
    return known


def _renamed(query: Query, names: list[str]) -> Query:
    if not names:
        return query
    plain = as_plain(query, 0) if not isinstance(query, Select) else query
    if not isinstance(query, Select) or len(names) != len(plain.outputs):
        raise Unreadable("column names")
    terms = (term for _, term in query.outputs)
    return Select(
        query.inner, query.left, query.where, tuple(zip(names, terms, strict=True)),
        query.keys, query.having, query.qualify,
    )  # fmt: skip


def _union(
    node: exp.Union, reader: Reader, ctes: dict[str, Callable[[], Query]], outer: Scope | None
) -> Query:
    arms: list[Query] = []
    for side in (node.this, node.expression):
        arm = read_query(side, reader, ctes, outer)
        arms += arm.arms if isinstance(arm, Union) else (arm,)
    if len({len(arm.outputs) for arm in arms}) != 1:
        raise Unreadable("union of different columns")
    if not node.args.get("distinct"):
        return Union(tuple(arms))
    return _distinct(Union(tuple(arms)), reader)


def _overlap(
    node: exp.SetOperation,
    reader: Reader,
    ctes: dict[str, Callable[[], Query]],
    outer: Scope | None,
) -> Query:
    """INTERSECT and EXCEPT: different rows of one side that are, or are not, on the other."""
    sides = [read_query(side, reader, ctes, outer) for side in (node.this, node.expression)]
    if len(sides[0].outputs) != len(sides[1].outputs) or reader.dialect in expressions.LOOSE_TEXT:
        raise Unreadable("rows of different columns")
    left, right = (as_plain(side, reader.number()) for side in sides)
    alike = [
        equal(x, y)
        if never_null(x, reader.optional) and never_null(y, reader.optional)
        else same_value(x, y)
        for (_, x), (_, y) in zip(left.outputs, right.outputs, strict=True)
    ]
    if any(x.type != y.type for (_, x), (_, y) in zip(left.outputs, right.outputs, strict=True)):
        raise Unreadable("columns of different types")
    found = Term("exists", (), replace(right, where=(*right.where, *alike), outputs=()), "bool")
    condition = found if isinstance(node, exp.Intersect) else negation(found)
    return _distinct(replace(left, where=(*left.where, condition)), reader)


def _distinct(query: Query, reader: Reader) -> Select:
    """The different rows of a query: its groups by all columns."""
    is_plain = isinstance(query, Select) and query.keys is None and not windows(query)
    rows = query if is_plain else as_plain(query, reader.number())
    assert isinstance(rows, Select)
    keys = tuple(term for _, term in rows.outputs)
    return Select(rows.inner, rows.left, rows.where, rows.outputs, keys)


def _limited(node: exp.Expr, query: Query, reader: Reader) -> Query:
    """The query cut at its LIMIT; without one its order has no part in what its rows are."""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if limit is None and offset is None:
        return query
    if limit is not None:
        if not isinstance(limit, exp.Limit):
            raise Unreadable("limit")
        only(limit, "expression")
    counts = [None if n is None else n.expression for n in (limit, offset)]
    if any(c is not None and not isinstance(c, exp.Literal) for c in counts):
        raise Unreadable("limit")
    limits = [None if c is None else int(c.this) for c in counts]
    order = node.args.get("order")
    names = [name for name, _ in query.outputs]
    found: list[tuple[int, bool, bool]] = []
    for key in [] if order is None else order.expressions:
        only(key, "this", "desc", "nulls_first")
        of = key.this
        if isinstance(of, exp.Literal) and not of.is_string:
            position = int(of.this) - 1
        elif isinstance(of, exp.Column) and not of.table and reader.name(of.this) in names:
            position = names.index(reader.name(of.this))
        else:
            raise Unreadable("order by what is not shown")
        found.append((position, bool(key.args.get("desc")), bool(key.args.get("nulls_first"))))
    return Limited(query, tuple(found), limits[0], limits[1] or 0)


# FROM.


def _item(node: exp.Expr, scope: Scope) -> From:
    """One item of FROM as a FROM of its own; a query in it is opened where it is a plain one."""
    reader = scope.reader
    if isinstance(node, exp.Table):
        only(node, "this", "db", "catalog", "alias")
        alias = node.args.get("alias")
        name = reader.name(alias.this if alias is not None else node.this)
        cte = None if node.db else scope.ctes.get(reader.name(node.this))
        if not isinstance(node.this, exp.Identifier) or (alias is not None and alias.columns):
            raise Unreadable("table")
        if cte is None:
            return _table(node, name, reader)
        query = cte()
    elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
        only(node, "this", "joins")
        bare = node.this.copy()
        bare.set("joins", None)
        tables = _item(bare, scope)
        for join in (*(node.this.args.get("joins") or ()), *(node.args.get("joins") or ())):
            _joined(tables, join, scope)
        if tables.merged:
            raise Unreadable("USING in parentheses")
        return tables
    elif isinstance(node, exp.Subquery):
        only(node, "this", "alias", "with_", "order", "limit", "offset")
        alias = node.args.get("alias")
        name = "" if alias is None else reader.name(alias.this)
        names = [] if alias is None else [reader.name(c) for c in alias.columns]
        query = _renamed(read_query(node, reader, scope.ctes), names)
    else:
        raise Unreadable(node.key)
    if len({n for n, _ in query.outputs}) != len(query.outputs):
        raise Unreadable("two columns of one name")
    if isinstance(query, Select) and query.keys is None and not windows(query):
        item = Item(name, dict(query.outputs))
        return From(list(query.inner), list(query.left), list(query.where), [item])
    source = source_of(query, reader.number())
    return From([source], items=[_whole(name, source)])


def _table(node: exp.Table, alias: str, reader: Reader) -> From:
    own = None if node.db else reader.given.get(reader.name(node.this))
    if own is not None:
        number, table = reader.number(), GIVEN + reader.name(node.this)
        source = Source(number, table, None, own.columns, own.keys, groups=own.groups)
        if own.columns is None:
            return From([source], items=[Item(alias, {}, source)])
        return From([source], items=[_whole(alias, source)])
    known = reader.facts.table(node)
    name = ".".join(reader.name(part) for part in node.parts)
    if known is None:
        source = Source(reader.number(), name)
        reader.stored.add(source.number)
        return From([source], items=[Item(alias, {}, source)])
    columns = tuple(
        (c.name.lower(), expressions.type_name(c.type, reader.dialect), c.nullable)
        for c in known.columns
    )
    if len({c[0] for c in columns}) < len(columns):
        raise Unreadable("two columns that differ in case")
    source = Source(
        reader.number(),
        name,
        None,
        columns,
        tuple(tuple(c.lower() for c in key) for key in known.keys),
        tuple(
            (
                tuple(c.lower() for c in r.columns),
                r.table.lower(),
                tuple(c.lower() for c in r.target),
            )
            for r in known.references
        ),
    )
    reader.stored.add(source.number)
    return From([source], items=[_whole(alias, source)])


def _whole(alias: str, source: Source) -> Item:
    assert source.columns is not None
    return Item(alias, {c[0]: _of(source, c[0]) for c in source.columns})


def _of(source: Source, name: str) -> Term:
    term = source.column(name)
    assert term is not None, "the name is one of the source's columns"
    return term


def _joined(tables: From, node: exp.Join, scope: Scope) -> None:
    """FROM with one more join; `tables` is changed."""
    only(node, "this", "on", "using", "side", "kind")
    side, kind = str(node.args.get("side") or ""), str(node.args.get("kind") or "")
    if kind not in ("", "INNER", "CROSS", "OUTER", "SEMI", "ANTI") or side == "FULL":
        raise Unreadable("join")
    new = _item(node.this, scope)
    if {i.alias for i in new.items} & {i.alias for i in tables.items}:
        raise Unreadable("two tables of one name")
    if side == "RIGHT":
        if len(tables.items) > 1 or kind in ("SEMI", "ANTI"):
            raise Unreadable("right join of several")
        tables.inner, new.inner = new.inner, tables.inner
        tables.left, new.left = new.left, tables.left
        tables.where, new.where = new.where, tables.where
        both = Scope(scope.reader, From(items=[*tables.items, *new.items]), scope.ctes, scope.outer)
        _left(tables, new, _condition(node, both, tables, new), tables.items, scope.reader)
        tables.items += new.items
        return
    both = Scope(
        scope.reader,
        From(items=[*tables.items, *new.items], merged=tables.merged),
        scope.ctes,
        scope.outer,
    )
    on = _condition(node, both, tables, new)
    if kind in ("SEMI", "ANTI"):
        query = Select(tuple(new.inner), tuple(new.left), (*new.where, *conjuncts(on)), ())
        exists = Term("exists", (), query, "bool")
        tables.where.append(exists if kind == "SEMI" else negation(exists))
        return
    if side == "LEFT":
        _left(tables, new, on, new.items, scope.reader)
    elif side not in ("", "LEFT"):
        raise Unreadable("join")
    else:
        tables.inner += new.inner
        tables.left += new.left
        tables.where += [*new.where, *conjuncts(positive(on, scope.reader.number))]
    tables.items += new.items
    if len(tables.inner) + len(tables.left) > _MOST_SOURCES:
        raise Unreadable("too many tables")


def _condition(node: exp.Join, both: Scope, tables: From, new: From) -> Term:
    on = node.args.get("on")
    parts = [] if on is None else [expressions.read(on, both)]
    for identifier in node.args.get("using") or []:
        name = both.reader.name(identifier)
        sides = [
            tables.merged.get(name)
            or Scope(both.reader, From(items=tables.items), {}).column(
                exp.column(identifier.copy())
            ),
            Scope(both.reader, From(items=new.items), {}).column(exp.column(identifier.copy())),
        ]
        parts.append(expressions.compared("eq", sides[0], sides[1], both.dialect))
        if node.args.get("side") == "RIGHT":
            raise Unreadable("using")
        tables.merged[name] = sides[0]
    return conjunction(*parts)


def _left(tables: From, new: From, on: Term, shown: list[Item], reader: Reader) -> None:
    """A left join; a query on its right is one source, or a single table with a condition."""
    if len(new.inner) == 1 and not new.left:
        source = new.inner[0]
        on = conjunction(on, *new.where)
        matched = Term("matched", (), (source.number,), "bool")
        for item in shown:
            item.columns = {
                name: term if term.op == "col" else case(matched, term, NULL)
                for name, term in item.columns.items()
            }
        tables.left.append(Left(source, on))
        reader.optional.add(source.number)
        return
    names = [(f"{i.alias}.{n}", t) for i in shown for n, t in i.columns.items()]
    if any(i.open is not None for i in shown):
        raise Unreadable("left join of a query over an unknown table")
    query = Select(tuple(new.inner), tuple(new.left), tuple(new.where), tuple(names))
    source = source_of(query, reader.number())
    columns = {t: _of(source, n) for n, t in names}
    for item in shown:
        item.columns = {n: columns[t] for n, t in item.columns.items()}
    tables.left.append(Left(source, rewrite(on, columns.get)))
    reader.optional.add(source.number)


# SELECT.

_CLAUSES: Final = (
    *("expressions", "from_", "joins", "where", "group", "having", "qualify", "distinct"),
    *("with_", "order", "limit", "offset", "laterals"),
)


def _select(
    node: exp.Select, reader: Reader, ctes: dict[str, Callable[[], Query]], outer: Scope | None
) -> Query:
    only(node, *_CLAUSES)
    if node.args.get("laterals"):
        raise Unreadable("lateral")
    tables = From()
    scope = Scope(reader, tables, ctes, outer)
    if node.args.get("from_") is not None:
        first = _item(node.args["from_"].this, scope)
        tables.inner, tables.left, tables.where = first.inner, first.left, first.where
        tables.items = first.items
    for join in node.args.get("joins") or []:
        _joined(tables, join, scope)
    aliases = {
        reader.name(e.args["alias"]): e.this for e in node.expressions if isinstance(e, exp.Alias)
    }

    def clause(name: str) -> Scope:
        return Scope(reader, tables, ctes, outer, aliases, name)

    where = list(tables.where)
    if node.args.get("where") is not None:
        where += conjuncts(
            positive(expressions.read(node.args["where"].this, clause("where")), reader.number)
        )
    outputs = _outputs(node, clause("select"), tables)
    having = _filter(node.args.get("having"), clause("having"))
    qualify = _filter(node.args.get("qualify"), clause("qualify"))
    keys = _keys(node, clause("group"), outputs)
    aggregated = any(_aggregates(t) for _, t in outputs) or any(
        map(_aggregates, (*having, *qualify))
    )
    if keys is None and (aggregated or node.args.get("having") is not None):
        keys = ()
    query: Select = Select(
        tuple(tables.inner), tuple(tables.left), tuple(where), tuple(outputs), keys, having, qualify
    )
    if any(_aggregates(t) for t in where) or any(
        t.op == "window" for w in where for t in subterms(w)
    ):
        raise Unreadable("aggregate in WHERE")
    if query.keys is not None:
        query = with_rows_for(query, reader.number) if windows(query) else query
    distinct = node.args.get("distinct")
    if distinct is None:
        return query
    only(distinct, "on")
    if distinct.args.get("on") is not None:
        return _first_of_each(node, query, clause("order"))
    return _distinct(query, reader)


def _first_of_each(node: exp.Select, query: Query, scope: Scope) -> Query:
    """DISTINCT ON: the first row, in the order, of each."""
    limited = any(node.args.get(k) for k in ("limit", "offset"))
    if not isinstance(query, Select) or query.keys is not None or query.qualify or limited:
        raise Unreadable("DISTINCT ON")
    on, order = node.args["distinct"].args["on"], node.args.get("order")
    parts = on.expressions if isinstance(on, exp.Tuple) else [on]
    leading = [] if order is None else [key.this for key in order.expressions[: len(parts)]]
    if order is not None and {e.sql() for e in leading} != {e.sql() for e in parts}:
        raise Unreadable("DISTINCT ON")
    made = exp.Window(
        this=exp.RowNumber(),
        partition_by=[e.copy() for e in parts],
        order=None if order is None else exp.Order(expressions=order.expressions[len(parts) :]),
    )
    first = equal(expressions.read(made, scope), number(1))
    return replace(query, qualify=(first,))


def _filter(node: exp.Expr | None, scope: Scope) -> tuple[Term, ...]:
    return () if node is None else conjuncts(expressions.read(node.this, scope))


def _outputs(node: exp.Select, scope: Scope, tables: From) -> list[tuple[str, Term]]:
    found: list[tuple[str, Term]] = []
    for e in node.expressions:
        star = e if isinstance(e, exp.Star) else e.this if isinstance(e, exp.Column) else None
        if isinstance(star, exp.Star):
            only(star)
            table = scope.reader.name(e.args["table"]) if isinstance(e, exp.Column) else ""
            items = [i for i in tables.items if table in ("", i.alias)]
            if (tables.merged and not table) or not items or any(i.open for i in items):
                raise Unreadable("star")
            found += [pair for i in items for pair in i.columns.items()]
            continue
        bare = e.this if isinstance(e, exp.Alias) else e
        name = scope.reader.name(e.args["alias"]) if isinstance(e, exp.Alias) else ""
        if not name and isinstance(e, exp.Column):
            name = scope.reader.name(e.this)
        own = Scope(
            scope.reader, scope.tables, scope.ctes, scope.outer,
            scope.aliases, "select", (name,) if name else (),
        )  # fmt: skip
        found.append((name or f"?{len(found)}", expressions.read(bare, own)))
    return found


def _keys(
    node: exp.Select, scope: Scope, outputs: list[tuple[str, Term]]
) -> tuple[Term, ...] | None:
    group = node.args.get("group")
    if group is None:
        return None
    only(group, "expressions", "all")
    found: list[Term] = []
    if group.args.get("all"):
        found += [t for _, t in outputs if not _aggregates(t)]
    for e in group.expressions:
        if isinstance(e, exp.Literal) and not e.is_string:
            found.append(outputs[int(e.this) - 1][1])
        elif isinstance(e, exp.Tuple | exp.Subquery):
            raise Unreadable("group by a tuple")
        else:
            found.append(expressions.read(e, scope))
    if not found:
        raise Unreadable("group by nothing")
    varying = tuple({t: None for t in found if not is_literal(t)})
    return varying or (found[0],)


def _aggregates(term: Term) -> bool:
    """Whether a term is an aggregate of its own query's rows, or holds one."""
    return term.op == "agg" or any(_aggregates(a) for a in term.args)


def positive(condition: Term, fresh: Callable[[], int]) -> Term:
    """A filter in which membership is existence: what is NULL passes as little as what is false."""

    def change(term: Term) -> Term | None:
        if term.op == "in":
            return as_exists(term, fresh)
        return None if term.op in ("and", "or") else term

    changed: Term = rewrite(condition, change)
    return changed


def as_exists(term: Term, fresh: Callable[[], int]) -> Term:
    """``x IN (SELECT y ..)`` as ``EXISTS (SELECT .. WHERE y = x)``: true where it is true."""
    assert isinstance(term.data, Select | Union | Limited)
    plain = as_plain(term.data, fresh())
    on = compare("eq", term.args[0], plain.outputs[0][1])
    inner = Select(plain.inner, plain.left, (*plain.where, on), ())
    return Term("exists", (), inner, "bool")
