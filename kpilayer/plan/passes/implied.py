"""Conditions that other conditions imply: what is known of a row is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from sqlglot import exp

from kpilayer.conditions import all_of, any_of
from kpilayer.expr import conjuncts
from kpilayer.plan.nodes import Aggregate, Filter, Join, Match, Measure, Plan, SemiJoin, Source
from kpilayer.plan.passes.walk import on_aggregates, reading

Implies = Callable[[exp.Expr, exp.Expr], bool]

#: Of longer lists, which every pair would be compared of, nothing is dropped.
_MOST: Final = 30


def drop_implied_conditions(plan: Plan) -> Plan:
    """Drops a condition that another one implies, and from a measure what holds for all rows.

    ``SUM(CASE WHEN s IN ('a', 'b') THEN x END) .. WHERE s = 'a' OR s IN ('a', 'b')`` →
    ``SUM(x) .. WHERE s IN ('a', 'b')``
    """

    def simpler(aggregate: Aggregate) -> Aggregate:
        source = _simplified(aggregate.input)
        known = _known(source)
        is_grouped = bool(aggregate.keys)
        measures = tuple(_without(m, known, is_grouped) for m in aggregate.measures)
        if measures == aggregate.measures:
            return reading(aggregate, source)
        return replace(aggregate, input=source, measures=measures)

    return on_aggregates(plan, simpler)


def _simplified(source: Source) -> Source:
    match source:
        case Filter():
            below, condition = _simplified(source.input), _of(conjuncts(source.condition))
            is_same = below is source.input and condition == source.condition
            return source if is_same else replace(source, input=below, condition=condition)
        case SemiJoin():
            below = _simplified(source.input)
            return source if below is source.input else replace(source, input=below)
        case _:
            return source


def _known(source: Source) -> tuple[exp.Expr, ...]:
    """What is true of every row; a filter that only saves reading may become a wider one."""
    match source:
        case Filter():
            own = () if source.saves_reading else conjuncts(source.condition)
            return (*own, *_known(source.input))
        case SemiJoin():
            return _known(source.input)
        case Join() | Match():
            return _known(source.left)
        case _:
            return ()


def _without(measure: Measure, known: Sequence[exp.Expr], is_grouped: bool) -> Measure:
    """A measure without what is known of its rows: a group without any is not there."""
    if measure.condition is None:
        return measure
    own = conjuncts(measure.condition)
    rest = [p for p in own if not any(implies(k, p) for k in known)]
    if not rest:
        needs_rows = measure.needs_rows and not is_grouped
        return replace(measure, condition=None, needs_rows=needs_rows)
    condition = _of(rest)
    return measure if condition == measure.condition else replace(measure, condition=condition)


def _of(parts: Sequence[exp.Expr]) -> exp.Expr:
    """The AND of conditions, as short as it is known to be."""
    condition = all_of(_strongest([_shorter(part) for part in parts], implies))
    assert condition is not None, "of several conditions, one is not implied by the others"
    return condition


def _shorter(part: exp.Expr) -> exp.Expr:
    if not isinstance(part, exp.Or):
        return part
    sides = disjuncts(part)
    kept = _strongest(sides, lambda one, other: implies(other, one))
    either = any_of(kept)
    return part if either is None or len(kept) == len(sides) else either


def _strongest(parts: Sequence[exp.Expr], tells: Implies) -> list[exp.Expr]:
    """The parts that no other one tells; of two that tell each other, the first."""
    if len(parts) > _MOST:
        return [*parts]
    return [
        part
        for place, part in enumerate(parts)
        if not any(
            tells(other, part) and (at < place or not tells(part, other))
            for at, other in enumerate(parts)
            if at != place
        )
    ]


def implies(one: exp.Expr, other: exp.Expr) -> bool:
    """Whether a condition is surely true of every row of which another one is."""
    one, other = one.unnest(), other.unnest()
    if one == other:
        return True
    if isinstance(one, exp.Or):
        return all(implies(side, other) for side in disjuncts(one))
    if isinstance(other, exp.And):
        return all(implies(one, part) for part in conjuncts(other))
    if isinstance(one, exp.And) and any(implies(part, other) for part in conjuncts(one)):
        return True
    if isinstance(other, exp.Or):
        return any(implies(one, side) for side in disjuncts(other))
    few, many = _values(one), _values(other)
    return few is not None and many is not None and few[0] == many[0] and few[1] <= many[1]


def disjuncts(tree: exp.Expr) -> list[exp.Expr]:
    """The conditions that a condition is the OR of."""
    found: list[exp.Expr] = []
    pending = [tree]
    while pending:
        part = pending.pop().unnest()
        if isinstance(part, exp.Or):
            pending += [part.expression, part.this]
        else:
            found.append(part)
    return found


def _values(tree: exp.Expr) -> tuple[exp.Expr, frozenset[tuple[bool, str]]] | None:
    """What is compared, and the texts or whole numbers that it must be one of.

    Kinds are not mixed: a list of both would be compared as another type than one of its values.
    """
    match tree:
        case exp.EQ():
            values = [tree.expression]
        case exp.In() if tree.expressions:
            values = tree.expressions
        case _:
            return None
    texts = [v.is_string for v in values]
    whole = [isinstance(v, exp.Literal) and v.name.isdecimal() for v in values]
    if not all(texts) and not (all(whole) and not any(texts)):
        return None
    return tree.this, frozenset((all(texts), v.name) for v in values)
