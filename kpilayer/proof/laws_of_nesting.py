"""Laws of queries inside queries: opened, filtered, grouped again, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kpilayer.proof.aligned import depends_on_group, in_sources_of
from kpilayer.proof.laws_of_joins import Context, matched
from kpilayer.proof.normal import source_of
from kpilayer.proof.query import Left, Query, Select, Source, Union, windows
from kpilayer.proof.term import (
    NULL,
    Term,
    case,
    conjunction,
    conjuncts,
    disjunction,
    is_literal,
    rewrite,
    sources,
    subterms,
    terms_of,
)


def opened(query: Select, context: Context) -> Select | None:
    """Rows of a query without groups, windows and limits are rows of what it reads.

    `SELECT x FROM (SELECT a AS x FROM t WHERE p)` is `SELECT a FROM t WHERE p`
    """
    for source in query.inner:
        inside = source.query
        if not isinstance(inside, Select) or inside.keys is not None or windows(inside):
            continue
        rest = replace(query, inner=tuple(s for s in query.inner if s is not source))
        outer: Select = rewrite(rest, _columns_of(source, inside.outputs).get)
        return replace(
            outer,
            inner=(*outer.inner, *inside.inner),
            left=(*inside.left, *outer.left),
            where=(*inside.where, *(c for w in outer.where for c in conjuncts(w))),
        )
    for join in query.left:
        inside = join.source.query
        if not isinstance(inside, Select) or inside.keys is not None or windows(inside):
            continue
        if len(inside.inner) == 1 and not inside.left:
            return _opened_left(query, join, inside, context)
    return None


def _columns_of(source: Source, outputs: Sequence[tuple[str, Term]]) -> dict[Term, Term]:
    """What stands for each column of a source."""
    pairs = [(source.column(name), term) for name, term in outputs]
    return {column: term for column, term in pairs if column is not None}


def _opened_left(query: Select, join: Left, inside: Select, context: Context) -> Select:
    """A left join of a query over one source, as one of the source."""
    source = inside.inner[0]
    context.optional.add(source.number)
    own = (join.source.number,)
    shown = {
        column: term if term.op == "col" else case(matched(source), term, NULL)
        for column, term in _columns_of(join.source, inside.outputs).items()
    }

    def change(term: Term) -> Term | None:
        if term.op == "matched" and term.data == own:
            return matched(source)
        return shown.get(term)

    bare = _columns_of(join.source, inside.outputs)
    on = conjunction(rewrite(join.on, bare.get), *inside.where)
    rest = replace(query, left=())
    outer: Select = rewrite(rest, change)
    left = tuple(
        Left(source, on) if j is join else Left(j.source, rewrite(j.on, change)) for j in query.left
    )
    return replace(outer, left=left)


def filtered_groups(query: Select, context: Context) -> Select | None:
    """A filter on groups is HAVING; one on windows is QUALIFY.

    `SELECT k, s FROM (SELECT k, SUM(x) AS s FROM t GROUP BY k) WHERE s > 1` is
    `SELECT k, SUM(x) FROM t GROUP BY k HAVING SUM(x) > 1`
    """
    if len(query.inner) != 1 or query.left or query.keys is not None or windows(query):
        return None
    source = query.inner[0]
    inside = source.query
    if not isinstance(inside, Select):
        return None
    outer = rewrite((query.where, query.outputs), _columns_of(source, inside.outputs).get)
    where = tuple(c for w in outer[0] for c in conjuncts(w))
    if windows(inside):
        return replace(inside, qualify=(*inside.qualify, *where), outputs=outer[1])
    return replace(inside, having=(*inside.having, *where), outputs=outer[1])


def having_on_keys(query: Select, context: Context) -> Select | None:
    """HAVING over keys alone chooses rows as WHERE does.

    `GROUP BY k HAVING k = 1` is `WHERE k = 1 GROUP BY k`
    """
    if not query.keys or not depends_on_group(query):
        return None
    flat = tuple(c for h in query.having for c in conjuncts(h))
    moved = tuple(c for c in flat if not any(t.op == "agg" for t in subterms(c)))
    if not moved:
        return None
    kept = tuple(c for c in flat if c not in moved)
    return replace(query, where=(*query.where, *moved), having=kept)


# Groups of groups.


def regrouped(query: Select, context: Context) -> Select | None:
    """Sums of sums are sums, of counts counts; the least of the least is the least.

    `SELECT SUM(s) FROM (SELECT k, SUM(x) AS s FROM t GROUP BY k)` is `SELECT SUM(x) FROM t`
    """
    if query.keys is None or windows(query):
        return None
    for source in query.sources:
        arms = source.query.arms if isinstance(source.query, Union) else (source.query,)
        if not all(isinstance(arm, Select) and not windows(arm) for arm in arms):
            continue
        groups = [arm for arm in arms if isinstance(arm, Select) and arm.keys is not None]
        if not groups or any(not arm.keys or arm.having for arm in groups):
            continue
        if any(not depends_on_group(arm) for arm in groups):
            continue
        asked = _asked_of(query, source)
        if asked is None or not all(_gives(arm, source, asked) for arm in groups):
            continue
        rows = tuple(_ungrouped(arm) for arm in arms if isinstance(arm, Select))
        return with_source(query, source, rows[0] if len(rows) == 1 else Union(rows), context)
    return None


def _asked_of(query: Select, source: Source) -> dict[str, set[str]] | None:
    """How a query's aggregates read each column of a source; None where repeated rows would count.

    What stands outside of aggregates is asked as "value".
    """
    found: dict[str, set[str]] = {}

    def note(term: Term, how: str) -> None:
        for inner in subterms(term):
            if inner.op == "col" and inner.data[0] == source.number:
                found.setdefault(inner.data[1], set()).add(how)

    for part in (query.where, query.keys or (), tuple(j.on for j in query.left)):
        for term in terms_of(part):
            note(term, "value")
    pending = [*terms_of(query.outputs), *terms_of(query.having)]
    while pending:
        term = pending.pop()
        if term.op != "agg":
            if term.op == "col":
                note(term, "value")
            pending += term.args
        elif term.data in ("min", "max"):
            note(term, str(term.data) if term.args[0].op == "col" else "value")
        elif str(term.data).endswith("_distinct"):
            note(term, "value")
        elif term.data != "sum" or not _is_sum(term.args[0], source, note):
            return None
    return found


def _is_sum(term: Term, source: Source, note: object) -> bool:
    """Whether a value is a column of the source, 0 or NULL, by a choice that reads no sums."""
    assert callable(note)
    if term.op == "col" and term.data[0] == source.number:
        note(term, "sum")
        return True
    if term == NULL or (is_literal(term) and term.data == 0):
        return True
    if term.op != "case":
        return False
    conditions, values = term.args[:-1:2], (*term.args[1::2], term.args[-1])
    column = values[0]
    if len(values) == 2 and conditions[0].op == "not":  # COALESCE(s, 0)
        if conditions[0].args[0].op == "null" and conditions[0].args[0].args[0] == column:
            return column.op == "col" and all(_is_sum(v, source, note) for v in values)
    for condition in conditions:
        note(condition, "value")
    return all(_is_sum(v, source, note) for v in values)


def _gives(arm: Select, source: Source, asked: dict[str, set[str]]) -> bool:
    """Whether what is asked of groups can be asked of their rows as well."""
    names = [name for name, _ in source.query.outputs] if source.query is not None else []
    for name, (_, term) in zip(names, arm.outputs, strict=True):
        for how in asked.get(name, ()):
            whole = not any(t.op == "agg" for t in subterms(term))
            if how == "sum":
                zero = term == NULL or (is_literal(term) and term.data == 0)
                if not zero and not (term.op == "agg" and term.data in ("sum", "count")):
                    return False
            elif how == "value" and not whole:
                return False
            elif how in ("min", "max") and not whole:
                if term.op != "agg" or term.data != how:
                    return False
    return True


def _ungrouped(arm: Select) -> Select:
    """The rows of groups, each with what it adds to its group's outputs."""
    if arm.keys is None:
        return arm
    return replace(arm, keys=None, outputs=tuple((n, _share(t)) for n, t in arm.outputs))


def _share(term: Term) -> Term:
    """What a row adds; outputs that nothing reads are NULL."""
    if term.op == "agg" and term.data in ("sum", "min", "max"):
        return term.args[0]
    if term.op == "agg" and term.data == "count":
        value = term.args[0]
        counted = Term("lit", data=0, type="int") if value == NULL else value
        if value.op == "case":
            zero = Term("lit", data=value.args[1].data * 0, type="int")
            counted = case(value.args[0], value.args[1], zero)
        return counted
    return NULL if any(t.op == "agg" for t in subterms(term)) else term


def with_source(query: Select, old: Source, rows: Query, context: Context) -> Select:
    """The query with other rows behind one of its sources."""
    new = source_of(rows, context.fresh())
    if old.number in context.optional:
        context.optional.add(new.number)

    def change(term: Term) -> Term | None:
        if term.op == "col" and term.data[0] == old.number:
            return new.column(term.data[1])
        if term.op == "matched" and term.data == (old.number,):
            return matched(new)
        return None

    changed: Select = rewrite(replace(query, inner=(), left=()), change)
    return replace(
        changed,
        inner=tuple(new if s is old else s for s in query.inner),
        left=tuple(
            Left(new if j.source is old else j.source, rewrite(j.on, change)) for j in query.left
        ),
    )


# UNION ALL.


def filtered_union(query: Select, context: Context) -> Select | None:
    """A filter on stacked rows is one on each arm.

    `SELECT .. FROM (a UNION ALL b) WHERE p` is `SELECT .. FROM (a WHERE p UNION ALL b WHERE p)`
    """
    for source in query.inner:
        if not isinstance(source.query, Union):
            continue
        own = tuple(c for c in query.where if sources(c) == {source.number})
        arms = source.query.arms
        plain = all(isinstance(a, Select) and not windows(a) and a.keys != () for a in arms)
        if not own or not plain:
            continue
        names = [name for name, _ in source.query.outputs]
        filtered = tuple(_filtered(arm, own, source, names) for arm in arms)
        rest = replace(query, where=tuple(c for c in query.where if c not in own))
        return with_source(rest, source, Union(filtered), context)
    return None


def _filtered(arm: Query, conditions: tuple[Term, ...], source: Source, names: list[str]) -> Select:
    assert isinstance(arm, Select)
    outputs = [(name, term) for name, (_, term) in zip(names, arm.outputs, strict=True)]
    moved = rewrite(conditions, _columns_of(source, outputs).get)
    flat = tuple(c for m in moved for c in conjuncts(m))
    if arm.keys is None:
        return replace(arm, where=(*arm.where, *flat))
    return replace(arm, having=(*arm.having, *flat))


def spread(query: Select, context: Context) -> Query | None:
    """What is done with each row of stacked rows is done in each arm.

    `SELECT f(x) FROM (a UNION ALL b)` is `SELECT f(x) FROM a UNION ALL SELECT f(x) FROM b`
    """
    if len(query.inner) != 1 or query.left or query.keys is not None or windows(query):
        return None
    source = query.inner[0]
    if not isinstance(source.query, Union) or query.where:
        return None
    names = [name for name, _ in source.query.outputs]
    arms: list[Query] = []
    for arm in source.query.arms:
        if not isinstance(arm, Select):
            return None
        columns = _columns_of(source, list(zip(names, (t for _, t in arm.outputs), strict=True)))
        arms.append(replace(arm, outputs=rewrite(query.outputs, columns.get)))
    return Union(tuple(arms))


def merged(union: Union, context: Context) -> Query:
    """Stacked rows of one FROM under filters of which never both are true are rows under either.

    `SELECT x FROM t WHERE p UNION ALL SELECT x FROM t WHERE NOT p` is `.. WHERE p OR NOT p`
    """
    arms = list(union.arms)
    at = 0
    while at < len(arms):
        for other in range(at + 1, len(arms)):
            both = _merged(arms[at], arms[other], context)
            if both is not None:
                arms[at] = both
                del arms[other]
                break
        else:
            at += 1
    return arms[0] if len(arms) == 1 else Union(tuple(arms))


def _merged(a: Query, b: Query, context: Context) -> Select | None:
    if not isinstance(a, Select) or not isinstance(b, Select):
        return None
    if a.keys is not None or b.keys is not None or windows(a) or windows(b):
        return None
    same = [s.table for s in a.inner] == [s.table for s in b.inner]
    if not same or a.left or b.left or any(s.query for s in (*a.inner, *b.inner)):
        return None
    if not a.inner:
        return None
    pairs = {s.number: t for s, t in zip(b.inner, a.inner, strict=True)}
    b = in_sources_of(b, pairs, a)
    ours, theirs = conjunction(*a.where), conjunction(*b.where)
    never = Term("lit", data=False, type="bool")
    if context.solver is None or not context.implied((ours, theirs), never):
        return None
    outputs = tuple(
        (name, x if x == y else case(ours, x, y))
        for (name, x), (_, y) in zip(a.outputs, b.outputs, strict=True)
    )
    if any(t.type == "any" and t.op == "case" for _, t in outputs):
        return None
    return replace(a, where=conjuncts(disjunction(ours, theirs)), outputs=outputs)
