"""Laws of stacked rows: groups of several kinds under each other, put side by side again."""

from __future__ import annotations

from dataclasses import replace

from kpilayer.proof.aligned import depends_on_group
from kpilayer.proof.laws_of_joins import Context
from kpilayer.proof.normal import source_of
from kpilayer.proof.query import Left, Select, Source, Union, windows
from kpilayer.proof.term import (
    FALSE,
    NULL,
    Term,
    conjunction,
    conjuncts,
    number,
    rewrite,
    same_value,
    subterms,
)

#: Aggregates that give the only value that there is.
_OF_ONE = ("max", "min", "sum")


def side_by_side(query: Select, context: Context) -> Select | None:
    """Groups under each other, of which the greatest value is taken by key, are joined to all keys.

    `SELECT k, MAX(a), MAX(b) FROM (SELECT k, SUM(x) AS a, NULL AS b FROM t GROUP BY k UNION ALL ..)
    GROUP BY k` is `all keys LEFT JOIN (SELECT k, SUM(x) AS a FROM t GROUP BY k) LEFT JOIN ..`
    """
    if not query.keys or len(query.inner) != 1 or query.left or query.where or windows(query):
        return None
    source = query.inner[0]
    if not isinstance(source.query, Union) or not depends_on_group(query):
        return None
    names = [name for name, _ in source.query.outputs]
    keys = [k.data[1] for k in query.keys if k.op == "col" and k.data[0] == source.number]
    arms = [_with_names(arm, names) for arm in source.query.arms if isinstance(arm, Select)]
    if len(keys) != len(query.keys) or len(arms) != len(source.query.arms):
        return None
    if not all(_is_keyed(arm, keys) for arm in arms):
        return None
    homes = _homes(query, source, arms)
    if homes is None:
        return None
    return _joined(query, source, arms, keys, homes, context)


def _with_names(arm: Select, names: list[str]) -> Select:
    terms = (term for _, term in arm.outputs)
    return replace(arm, outputs=tuple(zip(names, terms, strict=True)))


def _is_keyed(arm: Select, keys: list[str]) -> bool:
    """Whether a SELECT's rows are groups, one for each value of these columns, NULL too."""
    shown = dict(arm.outputs)
    return arm.keys is not None and set(arm.keys) == {shown[k] for k in keys} and not windows(arm)


def _homes(query: Select, source: Source, arms: list[Select]) -> dict[Term, tuple[int, str]] | None:
    """In which arm the only values of each aggregate are; None where they are in several."""
    found: dict[Term, tuple[int, str]] = {}
    terms = [t for part in (query.outputs, query.having) for o in _outer(part) for t in subterms(o)]
    for term in terms:
        if term.op != "agg":
            continue
        value = term.args[0]
        if term.data not in _OF_ONE or value.op != "col" or value.data[0] != source.number:
            return None
        name = value.data[1]
        own = [at for at, arm in enumerate(arms) if dict(arm.outputs)[name] != NULL]
        if len(own) != 1:
            return None
        found[term] = (own[0], name)
    return found or None


def _outer(part: tuple[object, ...]) -> list[Term]:
    pairs = [p[1] if isinstance(p, tuple) else p for p in part]
    return [p for p in pairs if isinstance(p, Term)]


def _joined(
    query: Select,
    source: Source,
    arms: list[Select],
    keys: list[str],
    homes: dict[Term, tuple[int, str]],
    context: Context,
) -> Select:
    shown = [tuple(o for o in arm.outputs if o[0] in keys) for arm in arms]
    union = Union(tuple(replace(a, outputs=o) for a, o in zip(arms, shown, strict=True)))
    stack = source_of(union, context.fresh())
    columns = [(k, stack.column(k)) for k in keys]
    terms = tuple((k, c) for k, c in columns if c is not None)
    every = source_of(Select((stack,), (), (), terms, tuple(c for _, c in terms)), context.fresh())
    lefts: list[Left] = []
    joined: dict[int, Source] = {}
    for at in sorted({at for at, _ in homes.values()}):
        mine = source_of(arms[at], context.fresh())
        context.optional.add(mine.number)
        pairs = [(every.column(k), mine.column(k)) for k in keys]
        on = conjunction(*(same_value(a, b) for a, b in pairs if a is not None and b is not None))
        lefts.append(Left(mine, on))
        joined[at] = mine
    values: dict[Term, Term] = {}
    for term, (at, name) in homes.items():
        column = joined[at].column(name)
        assert column is not None, "the arm has the column"
        values[term] = column
    for k in keys:
        old, new = source.column(k), every.column(k)
        assert old is not None and new is not None, "both have the key"
        values[old] = new
    outputs, having = rewrite((query.outputs, query.having), values.get)
    where = tuple(c for h in having for c in conjuncts(h))
    return Select((every,), tuple(lefts), where, outputs)


def nothing(query: Select, context: Context) -> Select | None:
    """An aggregate of no rows, as a value, is NULL, and a count 0.

    `SELECT (SELECT MAX(x) FROM t WHERE FALSE)` is `SELECT NULL`
    """

    def change(term: Term) -> Term | None:
        inside = term.data if term.op == "scalar" else None
        if not isinstance(inside, Select) or inside.keys != () or inside.having:
            return None
        if FALSE not in inside.where or windows(inside):
            return None
        changed: Term = rewrite(inside.outputs[0][1], _of_nothing)
        return changed if not any(t.op == "col" for t in subterms(changed)) else None

    changed: Select = rewrite(query, change)
    return None if changed == query else changed


def _of_nothing(term: Term) -> Term | None:
    if term.op != "agg":
        return None
    return number(0) if str(term.data).startswith("count") else NULL
