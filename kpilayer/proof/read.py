"""From sqlglot's queries to the normal form: names resolved, queries inside others opened.

What is not understood raises `Unreadable`: a proof rests on nothing that was skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sqlglot import exp

from kpilayer.proof import expressions
from kpilayer.proof.aggregates import only
from kpilayer.proof.facts import Facts
from kpilayer.proof.given import Given
from kpilayer.proof.grouping_sets import by_sets
from kpilayer.proof.normal import as_plain, never_null, with_rows_for
from kpilayer.proof.query import Limited, Query, Select, Union, Unreadable, windows
from kpilayer.proof.read_from import item, joined, positive, renamed
from kpilayer.proof.scope import Ctes, From, Reader, Scope
from kpilayer.proof.term import (
    Term,
    conjuncts,
    equal,
    is_literal,
    negation,
    number,
    same_value,
    subterms,
)


def reader_of(facts: Facts, dialect: str, given: Mapping[str, Given] | None = None) -> Reader:
    """A reader of the queries of one statement."""
    return Reader(facts, dialect, read_query, given or {})


def read_query(node: exp.Expr, reader: Reader, ctes: Ctes, outer: Scope | None = None) -> Query:
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


def _with(node: exp.Expr, reader: Reader, ctes: Ctes) -> Ctes:
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
            before: Ctes = before,
            names: list[str] = names,
        ) -> Query:
            return renamed(read_query(body, reader, before), names)

        known[reader.name(cte.args["alias"].this)] = opened
    return known


def _union(node: exp.Union, reader: Reader, ctes: Ctes, outer: Scope | None) -> Query:
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
    ctes: Ctes,
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


# SELECT.

_CLAUSES: Final = (
    *("expressions", "from_", "joins", "where", "group", "having", "qualify", "distinct"),
    *("with_", "order", "limit", "offset", "laterals"),
)


def _select(node: exp.Select, reader: Reader, ctes: Ctes, outer: Scope | None) -> Query:
    only(node, *_CLAUSES)
    if node.args.get("laterals"):
        raise Unreadable("lateral")
    tables = From()
    scope = Scope(reader, tables, ctes, outer)
    if node.args.get("from_") is not None:
        first = item(node.args["from_"].this, scope)
        tables.inner, tables.left, tables.where = first.inner, first.left, first.where
        tables.items = first.items
    for join in node.args.get("joins") or []:
        joined(tables, join, scope)
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
