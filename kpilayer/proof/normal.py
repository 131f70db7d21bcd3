"""What normal forms tell of themselves: which columns are never NULL, which say which row it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from kpilayer.proof.query import Left, Limited, Query, Select, Source, Union, Unreadable
from kpilayer.proof.term import Term, column, common_type, is_literal, number, rewrite, subterms

#: NULL only where an argument is: given values, they give a value.
_TOTAL = ("add", "mul", "cast", "trunc", "part", "shift", "eq", "lt", "le", "and", "or", "not")


def never_null(term: Term, optional: Collection[int] = ()) -> bool:
    """Whether a term has a value in every row; ``optional`` are the sources that may not match."""
    match term.op:
        case "lit":
            return term.type != "null"
        case "col":
            source, _, nullable = term.data
            return not nullable and source not in optional
        case "agg":
            return str(term.data).startswith("count")
        case "case":
            return all(never_null(v, optional) for v in (*term.args[1::2], term.args[-1]))
        case "matched" | "null" | "exists" | "same" | "truth":
            return True
        case "window":
            return term.data[0] in ("rownumber", "rank", "denserank", "agg:count")
    return term.op in _TOTAL and all(never_null(a, optional) for a in term.args)


def optional_sources(query: Select) -> set[int]:
    """The sources whose columns are NULL where nothing matched."""
    return {join.source.number for join in query.left}


def as_plain(query: Query, fresh: int) -> Select:
    """The query as a SELECT without groups and windows, which others can be merged with."""
    if isinstance(query, Select) and query.keys is None and not _has_windows(query):
        return query
    source = source_of(query, fresh)
    assert source.columns is not None
    outputs = tuple((c[0], column(fresh, *c)) for c in source.columns)
    return Select((source,), (), (), outputs)


def source_of(query: Query, fresh: int) -> Source:
    """A query as a source of another, with what is known of its columns and keys."""
    names = [name for name, _ in query.outputs]
    if len(set(names)) < len(names):
        raise Unreadable("two columns of one name")
    types = [term.type for _, term in query.outputs]
    nullable = [True] * len(names)
    keys: tuple[tuple[str, ...], ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    match query:
        case Select():
            optional = optional_sources(query)
            nullable = [not never_null(t, optional) for _, t in query.outputs]
            keys = _keys_of(query)
            groups = keys if query.keys else ()
        case Union():
            inner = [source_of(_named(arm, names), fresh) for arm in query.arms]
            shown = [source.columns or () for source in inner]
            nullable = [any(c[i][2] for c in shown) for i in range(len(names))]
            types = [
                common_type(*(arm.outputs[i][1] for arm in query.arms)) for i in range(len(names))
            ]
        case Limited():
            inside = source_of(query.query, fresh)
            return replace(inside, query=query)
    columns = tuple(zip(names, types, nullable, strict=True))
    return Source(fresh, "", query, columns, keys, groups=groups)


def _named(query: Query, names: list[str]) -> Query:
    """An arm with the names of the first."""
    if isinstance(query, Select):
        terms = (t for _, t in query.outputs)
        return Select(
            query.inner, query.left, query.where, tuple(zip(names, terms, strict=True)),
            query.keys, query.having, query.qualify,
        )  # fmt: skip
    return query


def _keys_of(query: Select) -> tuple[tuple[str, ...], ...]:
    """Sets of outputs that no two rows share."""
    shown = {term: name for name, term in reversed(query.outputs)}
    if query.keys is not None:
        if all(key in shown for key in query.keys):
            return (tuple(shown[key] for key in query.keys),)
        return ()
    found: list[tuple[str, ...]] = []
    for condition in query.qualify:
        if condition.op != "eq" or condition.args[0] != number(1):
            if condition.op != "eq" or condition.args[1] != number(1):
                continue
        window = next((a for a in condition.args if a.op == "window"), None)
        if window is not None and window.data[0] == "rownumber":
            parts = partition_of(window)
            if all(p in shown for p in parts):
                found.append(tuple(shown[p] for p in parts))
    for source in query.sources:
        for key in source.keys:
            terms = [source.column(name) for name in key]
            if all(t in shown for t in terms) and determines(query, [t for t in terms if t]):
                found.append(tuple(shown[t] for t in terms if t is not None))
    return tuple(dict.fromkeys(found))


def partition_of(window: Term) -> tuple[Term, ...]:
    """What a window function starts anew for."""
    _, arguments, parts, _, _ = window.data
    return window.args[arguments : arguments + parts]


def determines(query: Select, terms: Iterable[Term]) -> bool:
    """Whether rows of FROM and WHERE with equal values of these terms are one row.

    From columns to columns by equations, and by keys to all columns of a source; NULL is no key.
    """
    optional = optional_sources(query)
    own = {source.number for source in query.sources}
    terms = tuple(terms)
    bound = {term for term in terms if never_null(term, optional)}
    equations = [c for c in query.where if c.op == "eq"]
    reached: set[int] = set()
    while True:
        size = (len(bound), len(reached))
        for equation in equations:
            _bind(equation, bound, own)
        for source in query.inner:
            grouped = any(_has(source, key, {*bound, *terms}) for key in source.groups)
            if source.number not in reached and (grouped or _keyed(source, bound)):
                reached.add(source.number)
        for join in query.left:
            if join.source.number not in reached and unique_match(join, bound):
                reached.add(join.source.number)
        bound |= {
            column(s.number, *c)
            for s in query.inner
            if s.number in reached
            for c in s.columns or ()
        }
        if len(reached) == len(query.sources):
            return True
        if (len(bound), len(reached)) == size:
            return False


def _bind(equation: Term, bound: set[Term], own: Collection[int]) -> None:
    """Adds what an equation says is known where its other side is."""
    a, b = equation.args
    for here, there in ((a, b), (b, a)):
        if _is_bound(here, bound, own) and there.op == "col":
            bound.add(there)


def _is_bound(term: Term, bound: Collection[Term], own: Collection[int] = ()) -> bool:
    """Whether a term has one value where those that are bound have.

    Columns of an outer query, which are none of one's ``own``, have one value.
    """
    if term in bound or is_literal(term):
        return True
    leaves = [t for t in subterms(term) if t.op in ("col", "matched", "exists", "scalar", "window")]
    return all(t in bound or (t.op == "col" and own and t.data[0] not in own) for t in leaves)


def _keyed(source: Source, bound: Collection[Term]) -> bool:
    return any(_has(source, key, bound) for key in source.keys)


def _has(source: Source, key: tuple[str, ...], bound: Collection[Term]) -> bool:
    return all(source.column(name) in bound for name in key)


def unique_match(join: Left, bound: Collection[Term] | None = None) -> bool:
    """Whether a left join finds at most one row: its condition equates a key with what is known.

    Without ``bound``, all other sources' columns are known.
    """
    own = join.source.number
    equated: set[Term] = set()
    for condition in join.on.args if join.on.op == "and" else (join.on,):
        if condition.op != "eq":
            continue
        for here, there in (condition.args, condition.args[::-1]):
            foreign = all(t.data[0] != own for t in subterms(there) if t.op in ("col", "matched"))
            known = foreign if bound is None else foreign and _is_bound(there, bound)
            if here.op == "col" and here.data[0] == own and known:
                equated.add(here)
    return _keyed(join.source, equated)


def with_rows_for(query: Select, fresh: Callable[[], int]) -> Select:
    """Windows over groups, as windows over the rows of a query that groups."""
    assert query.keys is not None
    wanted: dict[Term, str] = {key: f"key{i}" for i, key in enumerate(query.keys)}

    def collect(term: Term) -> Term | None:
        if term.op == "agg" and term not in wanted:
            wanted[term] = f"aggregate{len(wanted)}"
        return term if term in wanted else None

    rewrite((query.outputs, query.qualify), collect)
    groups = Select(
        query.inner, query.left, query.where,
        tuple((name, term) for term, name in wanted.items()), query.keys, query.having,
    )  # fmt: skip
    source = source_of(groups, fresh())
    columns = {term: source.column(name) for term, name in wanted.items()}
    own = {s.number for s in query.sources}
    outputs, qualify = rewrite((query.outputs, query.qualify), columns.get)
    left_over = Select((source,), (), (), outputs, None, (), qualify)
    for _, term in left_over.outputs:
        if any(t.op == "col" and t.data[0] in own for t in subterms(term)):
            raise Unreadable("a column that is not grouped")
    return left_over


def _has_windows(query: Select) -> bool:
    return bool(query.qualify) or any(
        t.op == "window" for _, term in query.outputs for t in subterms(term)
    )
