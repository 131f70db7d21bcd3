"""The laws by which queries are rewritten to their normal form, in one table.

Each law keeps the rows of every query that it rewrites, in every database that satisfies the facts;
its docstring says which, with an example. `normal` applies them, from the innermost query outwards,
until none applies. Laws of expressions are the constructors of `term.py` and `times.py`; laws of
aggregates are in `groups.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from kpilayer.proof import laws_of_groups as groups
from kpilayer.proof import laws_of_joins as joins
from kpilayer.proof import laws_of_nesting as nesting
from kpilayer.proof import laws_of_stacks as stacks
from kpilayer.proof import laws_of_windows as turns
from kpilayer.proof.laws_of_joins import Context
from kpilayer.proof.query import Left, Limited, Query, Select, Source, Union, Unreadable
from kpilayer.proof.term import Term, conjuncts, rewrite

_MOST_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class Law:
    """A law by its name; what it says is the first line of the function's docstring."""

    name: str
    rewrite: Callable[[Select, Context], Query | None]

    @property
    def says(self) -> str:
        """The law in words."""
        return (self.rewrite.__doc__ or "").split("\n")[0]


LAWS: Final = (
    Law("a plain query in FROM is opened", nesting.opened),
    Law("a filter on groups is HAVING", nesting.filtered_groups),
    Law("HAVING on keys is WHERE", nesting.having_on_keys),
    Law("a filter on stacked rows is one on each arm", nesting.filtered_union),
    Law("stacked rows are computed with arm by arm", nesting.spread),
    Law("an aggregate of nothing is NULL", stacks.nothing),
    Law("stacked groups under MAX are joined to their keys", stacks.side_by_side),
    Law("IN without NULLs is EXISTS", joins.membership),
    Law("a left join that is filtered is an inner join", joins.filtered_left),
    Law("a left join along a foreign key is an inner join", joins.referring_left),
    Law("a left join that keeps the unmatched is NOT EXISTS", joins.anti_join),
    Law("an unused left join is nothing", joins.unused_left),
    Law("an unused join along a foreign key is nothing", joins.unused_inner),
    Law("groups joined on their keys are groups", groups.joined_groups),
    Law("a join with distinct keys is EXISTS", groups.distinct_join),
    Law("a lookup by key is a left join", groups.looked_up),
    Law("EXISTS on a key is a join", joins.existence_on_key),
    Law("an unused join under DISTINCT is EXISTS", joins.unused_in_set),
    Law("COUNT(DISTINCT key) counts rows", joins.distinct_key),
    Law("DISTINCT of a key is nothing", joins.distinct_rows),
    Law("a filter on joined groups is HAVING", groups.filtered_source),
    Law("groups are counted by a key", groups.counted_groups),
    Law("an aggregate of what belongs to a row is a left join", groups.asked_groups),
    Law("a filter on what windows start anew for is WHERE", turns.parts_chosen),
    Law("windows need no part that is constant", turns.constant_parts),
    Law("windows in plain words", turns.plain_windows),
    Law("the first in an order is the least", turns.first_is_least),
    Law("groups need no key that is constant", groups.constant_keys),
    Law("groups need no key that another key says", groups.dependent_keys),
    Law("what no aggregate counts is filtered", groups.counted_rows),
    Law("sums of sums are sums", nesting.regrouped),
)


def normal(query: Query, context: Context, used: dict[str, None]) -> Query:
    """The query's normal form; ``used`` gets the names of the laws that it took."""
    match query:
        case Limited():
            return replace(query, query=normal(query.query, context, used))
        case Union():
            arms: list[Query] = []
            for arm in query.arms:
                found = normal(arm, context, used)
                arms += found.arms if isinstance(found, Union) else (found,)
            stacked = nesting.merged(Union(tuple(arms)), context)
            if stacked != Union(tuple(arms)):
                used["stacked rows of one table are its rows under either filter"] = None
                return normal(stacked, context, used)
            return stacked
    select = _inside(query, context, used)
    for _ in range(_MOST_STEPS):
        for law in LAWS:
            changed = law.rewrite(select, context)
            if changed is not None and changed != select:
                used[law.name] = None
                if not isinstance(changed, Select):
                    return normal(changed, context, used)
                select = _inside(changed, context, used)
                break
        else:
            return select
    raise Unreadable("laws that do not end")


def _inside(query: Select, context: Context, used: dict[str, None]) -> Select:
    """The query with those it reads, and those in its conditions, in their normal forms."""

    def change(term: Term) -> Term | None:
        if term.op in ("exists", "scalar", "in") and isinstance(
            term.data, Select | Union | Limited
        ):
            inner = term.data
            if term.op == "exists" and isinstance(inner, Select) and inner.keys is None:
                inner = replace(inner, outputs=())
            found = normal(inner, context, used)
            return term if found == inner else Term(term.op, term.args, found, term.type)
        return None

    terms: Select = rewrite(replace(query, inner=(), left=()), change)
    terms = replace(
        terms,
        inner=query.inner,
        left=tuple(Left(j.source, rewrite(j.on, change)) for j in query.left),
        where=tuple(dict.fromkeys(c for w in terms.where for c in conjuncts(w))),
    )
    for source in terms.sources:
        if source.query is None:
            continue
        pruned = _pruned(terms, source)
        found = normal(pruned, context, used)
        if found != source.query:
            terms = nesting.with_source(terms, source, found, context)
    return terms


def _pruned(query: Select, source: Source) -> Query:
    """The query behind a source without the columns that nothing reads."""
    assert source.query is not None
    read = {
        t.data[1]
        for part in (query.outputs, query.where, query.keys or (), query.having, query.qualify)
        for t in _columns(part)
        if t.data[0] == source.number
    } | {t.data[1] for j in query.left for t in _columns(j.on) if t.data[0] == source.number}
    inner = source.query
    if isinstance(inner, Select):
        kept = tuple(o for o in inner.outputs if o[0] in read)
        return replace(inner, outputs=kept or inner.outputs[:1])
    if isinstance(inner, Union) and all(isinstance(arm, Select) for arm in inner.arms):
        at = [i for i, (name, _) in enumerate(inner.outputs) if name in read] or [0]
        return Union(
            tuple(
                replace(arm, outputs=tuple(arm.outputs[i] for i in at))
                for arm in inner.arms
                if isinstance(arm, Select)
            )
        )
    return inner


def _columns(part: object) -> list[Term]:
    found: list[Term] = []

    def note(term: Term) -> Term | None:
        if term.op == "col":
            found.append(term)
        return None

    rewrite(part, note)
    return found
