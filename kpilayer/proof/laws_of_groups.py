"""Laws of joins between groups: of groups by the same keys, and with keys that exist."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations

from kpilayer.proof.aligned import depends_on_group, in_sources_of, selects
from kpilayer.proof.laws_of_joins import Context, matched
from kpilayer.proof.laws_of_nesting import with_source
from kpilayer.proof.normal import determines, never_null, optional_sources, source_of
from kpilayer.proof.query import Left, Select, Source, windows
from kpilayer.proof.term import (
    NULL,
    TRUE,
    Term,
    case,
    conjunction,
    conjuncts,
    disjunction,
    equal,
    is_literal,
    is_null,
    less,
    negation,
    number,
    rewrite,
    sources,
    subterms,
    terms_of,
)


def joined_groups(query: Select, context: Context) -> Select | None:
    """Groups of one FROM, joined on all of their keys, are its groups with both's aggregates.

    `(SELECT k, SUM(x) FROM t GROUP BY k) JOIN (SELECT k, COUNT(*) FROM t GROUP BY k) USING (k)`
    is `SELECT k, SUM(x), COUNT(*) FROM t GROUP BY k`, where k is never NULL
    """
    for one in query.inner:
        for two in query.sources:
            if one is two or not _is_groups(one) or not _is_groups(two):
                continue
            join = next((j for j in query.left if j.source is two), None)
            both = _together(one, two)
            if both is None:
                continue
            wanted = {equal(a, b) for a, b in both.keys}
            given = set(query.where if join is None else conjuncts(join.on))
            if not wanted <= given or (join is not None and wanted != given):
                continue
            if join is not None and not all(never_null(k) for k in both.terms):
                continue
            return _merged(query, one, two, both, join, context)
    return None


@dataclass(frozen=True, slots=True)
class _Both:
    """Two groupings of one FROM, the second in the sources of the first, and columns of keys."""

    first: Select
    second: Select
    keys: tuple[tuple[Term, Term], ...]
    terms: tuple[Term, ...]


def _is_groups(source: Source) -> bool:
    query = source.query
    if not isinstance(query, Select) or query.keys is None or query.left or windows(query):
        return False
    return not any(s.query for s in query.inner) and depends_on_group(query)


def _together(one: Source, two: Source) -> _Both | None:
    first, second = one.query, two.query
    assert isinstance(first, Select) and isinstance(second, Select)
    if first.keys is None or second.keys is None or len(first.inner) != len(second.inner):
        return None
    for order in list(permutations(first.inner))[:6]:
        if [s.table for s in order] != [s.table for s in second.inner]:
            continue
        pairs = {s.number: t for s, t in zip(second.inner, order, strict=True)}
        moved = in_sources_of(second, pairs, first)
        assert moved.keys is not None
        if set(moved.keys) != set(first.keys) or bool(first.keys) != bool(moved.keys):
            continue
        shown = [{t: n for n, t in q.outputs} for q in (first, moved)]
        if not all(key in names for key in first.keys for names in shown):
            continue
        columns = [(one.column(shown[0][key]), two.column(shown[1][key])) for key in first.keys]
        keys = tuple((a, b) for a, b in columns if a is not None and b is not None)
        return _Both(first, moved, keys, first.keys)
    return None


def _merged(
    query: Select, one: Source, two: Source, both: _Both, join: Left | None, context: Context
) -> Select:
    ours, theirs = conjunction(*both.first.where), conjunction(*both.second.where)
    filters = (TRUE, TRUE) if ours == theirs else (ours, theirs)
    sides = [
        rewrite((q.outputs, q.having), partial(_under, condition=condition))
        for q, condition in zip((both.first, both.second), filters, strict=True)
    ]
    present = [
        conjunction(
            *side[1], *(() if not both.terms or c == TRUE else (less(number(0), _count(c)),))
        )
        for side, c in zip(sides, filters, strict=True)
    ]
    names = [f"first {n}" for n, _ in sides[0][0]], [f"second {n}" for n, _ in sides[1][0]]
    seconds = [t if join is None else case(present[1], t, NULL) for _, t in sides[1][0]]
    outputs = (
        *zip(names[0], (t for _, t in sides[0][0]), strict=True),
        *zip(names[1], seconds, strict=True),
        *((("present", Term("truth", (present[1],), type="bool")),) if join is not None else ()),
    )
    kept = [negation(is_null(k)) for k in both.terms if not never_null(k)]
    groups = replace(
        both.first,
        where=(*conjuncts(disjunction(ours, theirs)), *kept),
        having=(*conjuncts(present[0]), *(conjuncts(present[1]) if join is None else ())),
        outputs=outputs,
    )
    source = source_of(groups, context.fresh())

    def change(term: Term) -> Term | None:
        for old, own in ((one, "first"), (two, "second")):
            if term.op == "col" and term.data[0] == old.number:
                return source.column(f"{own} {term.data[1]}")
        if term.op == "matched" and term.data == (two.number,):
            return source.column("present")
        return None

    wanted = {equal(a, b) for a, b in both.keys}
    rest = replace(
        query,
        inner=tuple(s for s in query.inner if s is not one and s is not two),
        left=tuple(j for j in query.left if j is not join),
        where=tuple(c for c in query.where if c not in wanted),
    )
    changed: Select = rewrite(rest, change)
    return replace(changed, inner=(*changed.inner, source))


def _under(term: Term, condition: Term) -> Term | None:
    """An aggregate over the rows that meet one more condition."""
    if term.op != "agg" or condition == TRUE:
        return term if term.op == "agg" else None
    value = term.args[0]
    if value.op == "case" and len(value.args) == 3 and value.args[2] == NULL:
        condition, value = conjunction(condition, value.args[0]), value.args[1]
    return Term("agg", (case(condition, value, NULL),), term.data, term.type)


def _count(condition: Term) -> Term:
    return Term("agg", (case(condition, number(1), NULL),), "count", "int")


def distinct_join(query: Select, context: Context) -> Select | None:
    """A join with different keys, on all of them, asks that the key exists.

    `a JOIN (SELECT DISTINCT k FROM b) AS d ON d.k = a.k` is `a WHERE EXISTS (FROM b WHERE k = a.k)`
    """
    for source in query.inner:
        inside = source.query
        if not isinstance(inside, Select) or not inside.keys or inside.having or windows(inside):
            continue
        shown = {term: name for name, term in inside.outputs}
        if set(shown) != set(inside.keys) or len(query.inner) < 2:
            continue
        if any(t.op == "agg" for term in shown for t in subterms(term)):
            continue
        equated: dict[Term, Term] = {}
        used: set[Term] = set()
        for condition in query.where:
            if condition.op != "eq":
                continue
            for here, there in (condition.args, condition.args[::-1]):
                own = here.op == "col" and here.data[0] == source.number and here not in equated
                if own and not sources(there) & {source.number, *optional_sources(query)}:
                    equated[here] = there
                    used.add(condition)
        columns = {source.column(name): term for term, name in shown.items()}
        if set(columns) != set(equated) or any(equated[c].type != c.type for c in equated):
            continue
        keys = tuple(equal(columns[c], there) for c, there in equated.items())
        exists = Term(
            "exists", (), Select(inside.inner, inside.left, (*inside.where, *keys), ()), "bool"
        )
        rest = replace(
            query,
            inner=tuple(s for s in query.inner if s is not source),
            where=tuple(c for c in query.where if c not in used),
        )
        changed: Select = rewrite(rest, equated.get)
        where = tuple(c for w in changed.where for c in conjuncts(w))
        return replace(changed, where=(*where, exists))
    return None


def looked_up(query: Select, context: Context) -> Select | None:
    """A subquery that finds at most one row by its key is a left join.

    `SELECT (SELECT s.name FROM s WHERE s.id = o.s_id) FROM o` is
    `SELECT s.name FROM o LEFT JOIN s ON s.id = o.s_id`
    """
    for term in (t for _, o in query.outputs for t in subterms(o) if t.op == "scalar"):
        inside = term.data
        if not isinstance(inside, Select) or inside.keys is not None or windows(inside):
            continue
        if inside.left or len(inside.inner) != 1 or not determines(inside, ()):
            continue
        if not query.inner or any(
            t.op in ("agg", "window") for t in subterms(inside.outputs[0][1])
        ):
            continue
        context.key(inside.inner[0])
        source = replace(inside.inner[0], number=context.fresh())
        context.optional.add(source.number)
        old = inside.inner[0].number

        def own(t: Term, old: int = old, source: Source = source) -> Term | None:
            return source.column(t.data[1]) if t.op == "col" and t.data[0] == old else None

        found: Term = rewrite(inside.outputs[0][1], own)
        on = conjunction(*rewrite(inside.where, own))
        value = found if found.op == "col" and found.data[0] == source.number else case(
            matched(source), found, NULL
        )  # fmt: skip
        changed: Select = rewrite(query, {term: value}.get)
        return replace(changed, left=(*changed.left, Left(source, on)))
    return None


def constant_keys(query: Select, context: Context) -> Select | None:
    """Rows need not be grouped by what the filter holds constant; without a row there is no group.

    `SELECT SUM(x) FROM t WHERE k = 1 GROUP BY k` is `.. WHERE k = 1 HAVING COUNT(*) > 0`
    """
    if not query.keys or windows(query) or not depends_on_group(query):
        return None
    held = {
        here: there
        for c in query.where
        if c.op == "eq"
        for here, there in (c.args, c.args[::-1])
        if here in query.keys and is_literal(there) and here.type == there.type
    }
    held |= {key: key for key in query.keys if is_literal(key)}
    if not held:
        return None

    def change(term: Term) -> Term | None:
        return term if term.op == "agg" else held.get(term)

    outputs, having = rewrite((query.outputs, query.having), change)
    keys = tuple(k for k in query.keys if k not in held)
    there = () if keys else (less(number(0), _count(TRUE)),)
    return replace(query, outputs=outputs, having=(*having, *there), keys=keys)


def filtered_source(query: Select, context: Context) -> Select | None:
    """A filter on groups that are joined to others is one on the groups.

    `t JOIN (SELECT k, SUM(x) AS s FROM u GROUP BY k) AS g ON .. WHERE g.s > 1` is
    `t JOIN (SELECT k, SUM(x) AS s FROM u GROUP BY k HAVING SUM(x) > 1) AS g ON ..`
    """
    for source in query.inner:
        inside = source.query
        if not isinstance(inside, Select) or inside.keys is None or windows(inside):
            continue
        own = tuple(c for c in query.where if sources(c) == {source.number} and not _asks(c))
        if not own:
            continue
        pairs = ((source.column(name), term) for name, term in inside.outputs)
        columns = {column: term for column, term in pairs if column is not None}
        moved = tuple(c for o in rewrite(own, columns.get) for c in conjuncts(o))
        rest = replace(query, where=tuple(c for c in query.where if c not in own))
        filtered = replace(inside, having=(*inside.having, *moved))
        return with_source(rest, source, filtered, context)
    return None


def _asks(condition: Term) -> bool:
    return any(t.op in ("exists", "scalar", "in") for t in subterms(condition))


def counted_groups(query: Select, context: Context) -> Select | None:
    """Groups are counted by the key that they have besides those of the outer query.

    `SELECT k, COUNT(j) FROM (SELECT k, j FROM t GROUP BY k, j) GROUP BY k` is
    `SELECT k, COUNT(DISTINCT j) FROM t GROUP BY k`
    """
    if query.keys is None or len(query.inner) != 1 or query.left or windows(query):
        return None
    source = query.inner[0]
    inside = source.query
    if not isinstance(inside, Select) or not inside.keys or inside.having or windows(inside):
        return None
    if query.where or any(t.op == "agg" for _, o in inside.outputs for t in subterms(o)):
        return None
    pairs = {source.column(name): term for name, term in inside.outputs}
    columns = {column: term for column, term in pairs.items() if column is not None}
    outer = {columns.get(key) for key in query.keys}
    others = [key for key in inside.keys if key not in outer]
    if len(others) != 1 or None in outer or not outer <= set(inside.keys):
        return None
    other = others[0]
    there = negation(is_null(other))
    present = never_null(other, optional_sources(inside)) or context.implied(inside.where, there)

    def change(term: Term) -> Term | None:
        if term.op != "agg":
            return columns.get(term)
        value = rewrite(term.args[0], columns.get)
        if term.data == "count":
            asked = value.args[0] if value.op == "case" else TRUE
            if present or there in conjuncts(asked):
                return Term("agg", (case(asked, other, NULL),), "count_distinct", "int")
        if term.data == "count_distinct" or term.data in ("min", "max"):
            return Term("agg", (value,), term.data, term.type)
        return Term("none")

    outputs, having, keys = rewrite((query.outputs, query.having, query.keys), change)
    if any(
        t.op == "none" for part in (outputs, having) for o in terms_of(part) for t in subterms(o)
    ):
        return None
    return replace(inside, outputs=outputs, having=having, keys=keys)


def asked_groups(query: Select, context: Context) -> Select | None:
    """An aggregate of the rows that belong to a row is a left join to groups.

    `SELECT (SELECT SUM(o.x) FROM o WHERE o.c_id = c.id) FROM c` is
    `c LEFT JOIN (SELECT c_id, SUM(x) AS s FROM o GROUP BY c_id) AS g ON g.c_id = c.id`
    """
    terms = [t for part in (query.outputs, query.where) for o in terms_of(part) for t in _own(o)]
    for term in terms:
        inside = term.data
        if term.op != "scalar" or not isinstance(inside, Select) or inside.keys != ():
            continue
        if inside.having or windows(inside) or not query.inner:
            continue
        if any(term in subterms(join.on) for join in query.left):
            continue
        own = {s.number for s in inside.sources}
        free = sources(inside) - own - _deeper(inside)
        if not free or not free <= {s.number for s in query.sources}:
            continue
        asked = tuple(c for c in inside.where if sources(c) & free)
        sides = [_sides(c, own) for c in asked]
        rest = replace(inside, where=tuple(c for c in inside.where if c not in asked))
        if None in sides or sources(rest) & free:
            continue
        keys = tuple(dict.fromkeys(pair[0] for pair in sides if pair is not None))
        outputs = (*((f"key{i}", k) for i, k in enumerate(keys)), ("value", inside.outputs[0][1]))
        groups = source_of(replace(rest, keys=keys, outputs=outputs), context.fresh())
        context.optional.add(groups.number)
        columns = {key: groups.column(f"key{i}") for i, key in enumerate(keys)}
        on = [equal(columns[p[0]] or p[0], p[1]) for p in sides if p is not None]
        value = groups.column("value")
        empty = rewrite(inside.outputs[0][1], _of_nothing)
        if value is None or any(t.op == "col" for t in subterms(empty)):
            continue
        found = value if empty == NULL else case(matched(groups), value, empty)
        changed: Select = rewrite(query, {term: found}.get)
        where = tuple(c for w in changed.where for c in conjuncts(w))
        return replace(changed, where=where, left=(*changed.left, Left(groups, conjunction(*on))))
    return None


def _own(term: Term) -> list[Term]:
    """The parts of a term that are of its own query, not of those that it asks."""
    found = [term]
    for part in term.args:
        found += _own(part)
    return found


def _deeper(query: Select) -> set[int]:
    """The sources of the queries that a query reads or asks."""
    inner = [s.query for s in query.sources if s.query is not None]
    asked = [
        t.data for o in terms_of(query) for t in subterms(o) if t.op in ("exists", "scalar", "in")
    ]
    return {s.number for q in (*inner, *asked) for select in selects(q) for s in select.sources}


def _sides(condition: Term, own: set[int]) -> tuple[Term, Term] | None:
    """What is of its own query, and what is not, on the sides of an equation."""
    if condition.op != "eq" or _asks(condition):
        return None
    for here, there in (condition.args, condition.args[::-1]):
        if sources(here) and sources(here) <= own and not sources(there) & own:
            return (here, there) if here.type == there.type else None
    return None


def _of_nothing(term: Term) -> Term | None:
    if term.op != "agg":
        return None
    return number(0) if str(term.data).startswith("count") else NULL


def dependent_keys(query: Select, context: Context) -> Select | None:
    """Rows need not be grouped by what a key that they are grouped by says already.

    `SELECT s.id, s.name, SUM(x) FROM s JOIN t ON .. GROUP BY s.id, s.name` is
    `SELECT s.id, MAX(s.name), SUM(x) .. GROUP BY s.id`
    """
    if not query.keys or len(query.keys) < 2 or windows(query) or not depends_on_group(query):
        return None
    optional = optional_sources(query) | context.optional
    for source in query.inner:
        if source.number in optional:
            continue
        own = [k for k in query.keys if k.op == "col" and k.data[0] == source.number]
        for key in source.keys:
            columns = [source.column(name) for name in key]
            if not all(c is not None and c in own and never_null(c) for c in columns):
                continue
            said = [k for k in own if k not in columns]
            if not said:
                continue
            context.key(source)
            largest = {k: Term("agg", (k,), "max", k.type) for k in said}

            def change(term: Term, largest: dict[Term, Term] = largest) -> Term | None:
                return term if term.op == "agg" else largest.get(term)

            outputs, having = rewrite((query.outputs, query.having), change)
            keys = tuple(k for k in query.keys if k not in said)
            return replace(query, outputs=outputs, having=having, keys=keys)
    return None


def counted_rows(query: Select, context: Context) -> Select | None:
    """What all aggregates of all rows leave out is a filter.

    `SELECT COUNT(x) FROM t` is `SELECT COUNT(*) FROM t WHERE x IS NOT NULL`
    """
    if query.keys != () or windows(query):
        return None
    parts = (*terms_of(query.outputs), *terms_of(query.having))
    found = {t for o in parts for t in _own(o) if t.op == "agg"}
    values = [t.args[0] for t in found]
    if not found or not all(
        v.op == "case" and len(v.args) == 3 and v.args[2] == NULL for v in values
    ):
        return None
    if len({v.args[0] for v in values}) != 1 or _asks(values[0].args[0]):
        return None
    bare = {t: Term("agg", (t.args[0].args[1],), t.data, t.type) for t in found}
    outputs, having = rewrite((query.outputs, query.having), bare.get)
    return replace(
        query, outputs=outputs, having=having, where=(*query.where, *conjuncts(values[0].args[0]))
    )
