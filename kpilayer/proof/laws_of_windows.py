"""Laws of windows, and of the first row in an order."""

from __future__ import annotations

from dataclasses import replace

from kpilayer.proof.laws_of_joins import Context
from kpilayer.proof.normal import determines, never_null, optional_sources, partition_of
from kpilayer.proof.query import Select
from kpilayer.proof.term import (
    NUMBERS,
    TIMES,
    Term,
    conjuncts,
    is_literal,
    number,
    rewrite,
    subterms,
    terms_of,
)

_ROWS = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
_RUNNING = ("", "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW")


def plain_windows(query: Select, context: Context) -> Select | None:
    """A window says nothing of its order that makes no difference, and looks back, not ahead.

    `LEAD(x) OVER (ORDER BY id DESC)` is `LAG(x) OVER (ORDER BY id)`; along a key,
    `SUM(x) OVER (ORDER BY id)` is that of `ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW`
    """
    optional = optional_sources(query) | context.optional

    def change(term: Term) -> Term | None:
        if term.op != "window":
            return None
        name, arguments, parts, ways, frame = term.data
        order = term.args[arguments + parts :]
        if name == "lead" and not frame:
            name, ways = "lag", tuple((not down, not nulls) for down, nulls in ways)
        ways = tuple(
            (down, nulls and not never_null(key, optional))
            for (down, nulls), key in zip(ways, order, strict=True)
        )
        running = order and name.startswith("agg:") and frame in _RUNNING
        if running and determines(query, (*partition_of(term), *order)):
            frame = _ROWS
        data = (name, arguments, parts, ways, frame)
        return None if data == term.data else Term("window", term.args, data, term.type)

    outputs, qualify = rewrite((query.outputs, query.qualify), change)
    changed = replace(query, outputs=outputs, qualify=qualify)
    return None if changed == query else changed


def parts_chosen(query: Select, context: Context) -> Select | None:
    """What is asked of a row for which windows start anew is asked before they are computed.

    `SELECT k FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY x) = 1 AND k > 1` is
    `SELECT k FROM t WHERE k > 1 QUALIFY ..`
    """
    own = [
        t for part in (query.outputs, query.qualify) for o in terms_of(part) for t in subterms(o)
    ]
    found = [set(partition_of(t)) for t in own if t.op == "window"]
    flat = tuple(c for q in query.qualify for c in conjuncts(q))
    shared = set.intersection(*found) if found else set()
    moved = tuple(c for c in flat if _is_of(c, shared))
    if not moved or query.keys is not None:
        return None
    kept = tuple(c for c in flat if c not in moved)
    return replace(query, where=(*query.where, *moved), qualify=kept)


def _is_of(term: Term, known: set[Term]) -> bool:
    """Whether a condition is made of certain terms alone."""
    if term in known or is_literal(term):
        return True
    simple = term.op in ("and", "or", "not", "eq", "lt", "le", "null", "same", "case", "add", "mul")
    return simple and all(_is_of(a, known) for a in term.args)


def constant_parts(query: Select, context: Context) -> Select | None:
    """A window need not start anew for what the filter holds constant.

    `WHERE k = 1 QUALIFY ROW_NUMBER() OVER (PARTITION BY k, j ORDER BY x) = 1` is one of j alone
    """
    held = {a for c in query.where if c.op == "eq" for a in c.args if any(map(is_literal, c.args))}

    def change(term: Term) -> Term | None:
        if term.op != "window":
            return None
        name, arguments, parts, ways, frame = term.data
        kept = tuple(p for p in partition_of(term) if p not in held)
        if len(kept) == parts:
            return None
        args = (*term.args[:arguments], *kept, *term.args[arguments + parts :])
        return Term("window", args, (name, arguments, len(kept), ways, frame), term.type)

    outputs, qualify = rewrite((query.outputs, query.qualify), change)
    changed = replace(query, outputs=outputs, qualify=qualify)
    return None if changed == query else changed


def first_is_least(query: Select, context: Context) -> Select | None:
    """The first row in the order of a value has the least value.

    `SELECT k, x FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY x) = 1` is
    `SELECT k, MIN(x) FROM t GROUP BY k`
    """
    if query.keys is not None or len(query.qualify) != 1 or query.qualify[0].op != "eq":
        return None
    sides = query.qualify[0].args
    window = next((a for a in sides if a.op == "window"), None)
    if window is None or number(1) not in sides or window.data[0] != "rownumber":
        return None
    keys, order = partition_of(window), window.args[window.data[1] + window.data[2] :]
    if not keys or not order or any(is_literal(t) for t in (*keys, order[0])):
        return None
    if order[0].type not in (*NUMBERS, *TIMES):  # texts may tie and differ
        return None
    down, nulls_first = window.data[3][0]
    if nulls_first and not never_null(order[0], optional_sources(query) | context.optional):
        return None
    least = Term("agg", (order[0],), "max" if down else "min", order[0].type)

    def change(term: Term) -> Term | None:
        if term in keys:
            return term
        return least if term == order[0] else None

    if not all(_is_of_rows(t, (*keys, order[0])) for _, t in query.outputs):
        return None
    outputs = rewrite(query.outputs, change)
    return replace(query, outputs=outputs, keys=keys, qualify=())


def _is_of_rows(term: Term, known: tuple[Term, ...]) -> bool:
    """Whether a term reads a row through certain terms alone."""
    if term in known:
        return True
    if term.op in ("col", "matched", "window", "scalar", "exists", "in"):
        return False
    return all(_is_of_rows(a, known) for a in term.args)
