"""FROM and its joins: inner and left sources, conditions, and the names that they offer."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from kpilayer.proof import expressions
from kpilayer.proof.aggregates import only
from kpilayer.proof.given import GIVEN
from kpilayer.proof.normal import as_plain, source_of
from kpilayer.proof.query import Left, Limited, Query, Select, Source, Union, Unreadable, windows
from kpilayer.proof.scope import MOST_SOURCES, From, Item, Reader, Scope
from kpilayer.proof.term import NULL, Term, case, conjunction, conjuncts, negation, rewrite
from kpilayer.proof.times import compare


def item(node: exp.Expr, scope: Scope) -> From:
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
        tables = item(bare, scope)
        for join in (*(node.this.args.get("joins") or ()), *(node.args.get("joins") or ())):
            joined(tables, join, scope)
        if tables.merged:
            raise Unreadable("USING in parentheses")
        return tables
    elif isinstance(node, exp.Subquery):
        only(node, "this", "alias", "with_", "order", "limit", "offset")
        alias = node.args.get("alias")
        name = "" if alias is None else reader.name(alias.this)
        names = [] if alias is None else [reader.name(c) for c in alias.columns]
        query = renamed(reader.query(node, reader, scope.ctes, None), names)
    else:
        raise Unreadable(node.key)
    if len({n for n, _ in query.outputs}) != len(query.outputs):
        raise Unreadable("two columns of one name")
    if isinstance(query, Select) and query.keys is None and not windows(query):
        shown = Item(name, dict(query.outputs))
        return From(list(query.inner), list(query.left), list(query.where), [shown])
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


def joined(tables: From, node: exp.Join, scope: Scope) -> None:
    """FROM with one more join; `tables` is changed."""
    only(node, "this", "on", "using", "side", "kind")
    side, kind = str(node.args.get("side") or ""), str(node.args.get("kind") or "")
    if kind not in ("", "INNER", "CROSS", "OUTER", "SEMI", "ANTI") or side == "FULL":
        raise Unreadable("join")
    new = item(node.this, scope)
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
    if len(tables.inner) + len(tables.left) > MOST_SOURCES:
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


def renamed(query: Query, names: list[str]) -> Query:
    """The query under other names of columns."""
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
