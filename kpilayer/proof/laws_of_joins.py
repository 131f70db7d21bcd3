"""Laws of joins, subqueries as conditions, and repeated rows. Each gives another form, or None.

All are of bags: they keep how often a row stands in an answer, unless the query does not ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from kpilayer.proof.normal import (
    determines,
    never_null,
    optional_sources,
    unique_match,
)
from kpilayer.proof.polynomials import TooLarge
from kpilayer.proof.query import Left, Select, Source, windows
from kpilayer.proof.read_from import as_exists
from kpilayer.proof.solver import Solver, Unsolvable
from kpilayer.proof.term import (
    FALSE,
    NULL,
    TRUE,
    Term,
    case,
    conjunction,
    conjuncts,
    is_null,
    negation,
    number,
    rewrite,
    sources,
    subterms,
)


@dataclass(slots=True)
class Context:
    """What laws may ask; ``assumed`` is what they took for granted."""

    solver: Solver | None
    fresh: Callable[[], int]
    optional: set[int]
    assumed: dict[str, None] = field(default_factory=dict)

    def implied(self, conditions: Iterable[Term], goal: Term, facts: Iterable[Term] = ()) -> bool:
        """Whether a condition is true wherever others are; ``facts`` are true in every row."""
        known = conjunction(*conditions)
        if self.solver is None:
            return goal in conjuncts(known)
        try:
            solver = self.solver
            always = [solver.holds(f) for f in facts]
            return solver.valid(solver.holds(goal), [solver.holds(known), *always])
        except (Unsolvable, TooLarge):
            return False

    def key(self, source: Source) -> None:
        """Notes that keys of a table were relied on."""
        if source.table:
            self.assumed[f"keys of {source.table} are unique"] = None


def not_null(term: Term) -> Term:
    """``IS NOT NULL``."""
    return negation(is_null(term))


def matched(source: Source) -> Term:
    """Whether a left-joined source has a row here."""
    return Term("matched", (), (source.number,), "bool")


def renumbered(value: Any, source: Source, fresh: int) -> Any:
    """The same of a source with another number; its columns are never of an unmatched row."""

    def change(term: Term) -> Term | None:
        if term.op == "col" and term.data[0] == source.number:
            return replace(term, data=(fresh, *term.data[1:]))
        if term.op == "matched" and term.data[0] == source.number:
            return TRUE
        return None

    return rewrite(value, change)


def used(query: Select, *, besides: Left | None = None, where: bool = True) -> set[int]:
    """The sources that outputs, groups, filters and joins read."""
    parts = [query.outputs, query.keys or (), query.having, query.qualify]
    if where:
        parts.append(query.where)
    found = {n for part in parts for n in sources(part)}
    return found | {n for j in query.left if j is not besides for n in sources(j.on)}


def _as_inner(query: Select, join: Left, context: Context) -> Select:
    """The query with a left join made an inner one."""
    fresh = context.fresh()
    rest = replace(query, left=tuple(j for j in query.left if j is not join))
    select, on = renumbered((rest, join.on), join.source, fresh)
    whole: Select = select
    return replace(
        whole,
        inner=(*whole.inner, replace(join.source, number=fresh)),
        where=(*(c for w in whole.where for c in conjuncts(w)), *conjuncts(on)),
    )


def filtered_left(query: Select, context: Context) -> Select | None:
    """A left join whose unmatched rows a filter drops is an inner join.

    `a LEFT JOIN b ON p WHERE b.x > 1` is `a JOIN b ON p WHERE b.x > 1`
    """
    for join in query.left:
        if context.implied(query.where, matched(join.source)):
            return _as_inner(query, join, context)
        if _rejects_nulls(query.where, join.source.number):
            return _as_inner(query, join, context)
    return None


def _rejects_nulls(where: tuple[Term, ...], source: int) -> bool:
    """Whether a comparison with a column of the source must be true."""
    return any(
        c.op in ("eq", "lt", "le") and any(a.op == "col" and a.data[0] == source for a in c.args)
        for c in where
    )


def referring_left(query: Select, context: Context) -> Select | None:
    """A left join along a foreign key that is never NULL is an inner join.

    `orders LEFT JOIN stores ON orders.store_id = stores.id`: each order has its store
    """
    for join in query.left:
        columns = _reference(query, join.source, conjuncts(join.on), context)
        if columns is not None and all(never_null(c) for c in columns):
            return _as_inner(query, join, context)
    return None


def _reference(
    query: Select, target: Source, conditions: tuple[Term, ...], context: Context
) -> tuple[Term, ...] | None:
    """The columns of an inner source that refer to a table, where conditions say just that."""
    if not target.table or not conditions:
        return None
    for source in query.inner:
        for columns, table, keys in source.references:
            if table != target.table or source is target:
                continue
            own = [source.column(name) for name in columns]
            theirs = [target.column(name) for name in keys]
            pairs = zip(own, theirs, strict=True)
            wanted = {
                Term("eq", tuple(sorted((a, b), key=lambda t: t.text)), type="bool")
                for a, b in pairs
                if a is not None and b is not None
            }
            if (
                wanted == set(conditions)
                and len(wanted) == len(columns)
                and tuple(keys) in target.keys
            ):
                context.assumed[f"{source.table} refers to {table}"] = None
                return tuple(c for c in own if c is not None)
    return None


def unused_left(query: Select, context: Context) -> Select | None:
    """A left join that finds at most one row, and whose columns nothing reads, is nothing.

    `SELECT a.x FROM a LEFT JOIN b ON a.b_id = b.id` is `SELECT x FROM a`
    """
    for join in query.left:
        if join.source.number in used(query, besides=join):
            continue
        if query.is_set or unique_match(join):
            context.key(join.source)
            return replace(query, left=tuple(j for j in query.left if j is not join))
    return None


def unused_inner(query: Select, context: Context) -> Select | None:
    """A join along a foreign key, whose columns nothing reads, asks that the key is not NULL.

    `SELECT o.x FROM o JOIN s ON o.s_id = s.id` is `SELECT x FROM o WHERE s_id IS NOT NULL`
    """
    for source in query.inner:
        if source.number in used(query, where=False) or len(query.inner) < 2:
            continue
        own = tuple(c for c in query.where if source.number in sources(c))
        columns = _reference(query, source, own, context)
        if columns is None:
            continue
        present = [negation(is_null(c)) for c in columns if not never_null(c)]
        return replace(
            query,
            inner=tuple(s for s in query.inner if s is not source),
            where=(*(c for c in query.where if c not in own), *present),
        )
    return None


def anti_join(query: Select, context: Context) -> Select | None:
    """A left join of which a filter keeps the unmatched rows asks that none exists.

    `a LEFT JOIN b ON p WHERE b.id IS NULL`, where b.id is never NULL, is
    `a WHERE NOT EXISTS (SELECT FROM b WHERE p)`
    """
    for join in query.left:
        missing = negation(matched(join.source))
        on = negation(conjunction(matched(join.source), negation(join.on)))
        if not context.implied(query.where, missing, [on]):
            continue
        fresh = context.fresh()
        rest = replace(query, left=tuple(j for j in query.left if j is not join))

        def absent(term: Term, own: int = join.source.number) -> Term | None:
            if term.op == "col" and term.data[0] == own:
                return NULL
            return FALSE if term.op == "matched" and term.data[0] == own else None

        changed: Select = rewrite(rest, absent)
        on = renumbered(join.on, join.source, fresh)
        inside = Select((replace(join.source, number=fresh),), (), conjuncts(on), ())
        where = tuple(c for w in changed.where for c in conjuncts(w))
        return replace(changed, where=(*where, negation(Term("exists", (), inside, "bool"))))
    return None


def existence_on_key(query: Select, context: Context) -> Select | None:
    """EXISTS of what there is at most one of is an inner join.

    `a WHERE EXISTS (SELECT FROM b WHERE b.id = a.b_id AND q)` is `a JOIN b ON b.id = a.b_id AND q`
    """
    for condition in query.where:
        inside = condition.data if condition.op == "exists" else None
        if not isinstance(inside, Select) or inside.keys is not None or windows(inside):
            continue
        if inside.left or not inside.inner or not determines(inside, ()):
            continue
        for source in inside.inner:
            context.key(source)
        inner, own = inside.inner, inside.where
        for source in inside.inner:  # which may stand in another copy of the condition
            fresh = context.fresh()
            own = renumbered(own, source, fresh)
            inner = tuple(replace(s, number=fresh) if s is source else s for s in inner)
        where = (*(c for c in query.where if c is not condition), *own)
        return replace(query, inner=(*query.inner, *inner), where=where)
    return None


def unused_in_set(query: Select, context: Context) -> Select | None:
    """Where repeated rows do not count, a join of which nothing is read asks that a row exists.

    `SELECT DISTINCT a.id FROM a JOIN b ON p` is `SELECT DISTINCT id FROM a WHERE EXISTS (b, p)`
    """
    if not query.is_set:
        return None
    read = used(query, where=False)
    for source in query.inner:
        if source.number in read or len(query.inner) < 2:
            continue
        component = _connected(query, source, read)
        numbers = {s.number for s in component}
        own = tuple(c for c in query.where if sources(c) & numbers)
        inside = Select(component, (), own, ())
        if len(component) == len(query.inner) or determines(inside, ()):
            continue
        return replace(
            query,
            inner=tuple(s for s in query.inner if s.number not in numbers),
            where=(*(c for c in query.where if c not in own), Term("exists", (), inside, "bool")),
        )
    return None


def _connected(query: Select, source: Source, read: set[int]) -> tuple[Source, ...]:
    """The unread sources that conditions connect with one."""
    numbers = {source.number}
    unread = {s.number for s in query.inner} - read
    while True:
        touched = [sources(c) & unread for c in query.where if sources(c) & numbers]
        larger = numbers.union(*touched)
        if larger == numbers:
            return tuple(s for s in query.inner if s.number in numbers)
        numbers = larger


def distinct_key(query: Select, context: Context) -> Select | None:
    """COUNT(DISTINCT k), where k says which row it is, counts rows.

    `SELECT COUNT(DISTINCT o.id) FROM o` is `SELECT COUNT(*) FROM o`
    """

    def change(term: Term) -> Term | None:
        if term.op != "agg" or term.data != "count_distinct":
            return None
        (value,) = term.args
        condition = TRUE
        if value.op == "case" and len(value.args) == 3 and value.args[2] == NULL:
            condition, value = value.args[:2]
        present = never_null(value, context.optional | optional_sources(query))
        if value.op != "col" or not present or not determines(query, (value,)):
            return None
        for source in query.sources:
            context.key(source)
        return Term("agg", (case(condition, number(1), NULL),), "count", "int")

    outputs, having = rewrite((query.outputs, query.having), change)
    if (outputs, having) == (query.outputs, query.having):
        return None
    return replace(query, outputs=outputs, having=having)


def distinct_rows(query: Select, context: Context) -> Select | None:
    """Groups of which each is one row are the rows.

    `SELECT DISTINCT id, x FROM o` is `SELECT id, x FROM o`
    """
    if (
        not query.keys
        or query.having
        or any(t.op == "agg" for _, term in query.outputs for t in subterms(term))
    ):
        return None
    if not all(term in query.keys for _, term in query.outputs):
        return None
    if not determines(query, query.keys):
        return None
    for source in query.sources:
        context.key(source)
    return replace(query, keys=None)


def membership(query: Select, context: Context) -> Select | None:
    """IN of a subquery is EXISTS where neither side may be NULL, under NOT too.

    `x NOT IN (SELECT y FROM b)`, with x and y never NULL, is
    `NOT EXISTS (SELECT FROM b WHERE y = x)`
    """
    optional = optional_sources(query)

    def change(term: Term) -> Term | None:
        if term.op != "in" or not never_null(term.args[0], context.optional | optional):
            return None
        inner = term.data
        inside = optional_sources(inner) if isinstance(inner, Select) else set()
        if not isinstance(inner, Select):
            return None
        shown = inner.outputs[0][1]
        present = not_null(shown) in inner.where if inner.keys is None else False
        if not never_null(shown, inside) and not present:
            return None
        return as_exists(term, context.fresh)

    changed: Select = rewrite(query, change)
    return None if changed == query else changed
