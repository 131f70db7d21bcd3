"""A question, and its answer as rows in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tests.oracle import names, snippets
from tests.oracle.kinds import World
from tests.oracle.scope import Bounds, Scope
from tests.oracle.time import coarsest, finest

Value = Any
Line = tuple[Value, ...]


@dataclass(frozen=True)
class Query:
    """What is asked, as in `Project.query`; ``order_by`` names output columns, `-` descending.

    ``totals``: the group-bys that each further level keeps, whose rows are computed anew (Q7).
    """

    metrics: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    start: date | datetime | None = None
    end: date | datetime | None = None
    exact: bool = False
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    having: tuple[str, ...] = ()
    totals: tuple[tuple[str, ...], ...] = ()


def columns(world: World, query: Query) -> tuple[str, ...]:
    """The names of the output columns: as asked, with the grain added (Q2)."""
    keys = tuple(_column(world, query, text) for text in query.group_by)
    return (*keys, *(["_level"] if query.totals else []), *query.metrics)


def _column(world: World, query: Query, text: str) -> str:
    item = names.group_by(text, _bare(world, query))
    if item.part is not None:
        return f"{item.base}__extract_{item.part}"
    if item.grain is not None:
        return f"{item.base}__{item.grain}"
    atom = next(iter(world.atoms(query.metrics[0])))
    grain = world.joins.grain(world.joins.place_of(atom.model, item))
    return f"{item.base}__{grain}" if grain else item.base


def _bare(world: World, query: Query) -> str | None:
    """The grain of `metric_time` without one: the coarsest default of the metrics."""
    grains = [grain for m in query.metrics if (grain := world.default_grain(m)) is not None]
    return coarsest(*grains) if grains else None


def answer(world: World, query: Query) -> list[Line]:
    """The rows of the answer, in order.

    Raises:
        Unanswerable: the language refuses the question, or this evaluator does not know it.
        Undetermined: more than one answer is right.
    """
    bare = _bare(world, query)
    keys = tuple(names.group_by(text, bare) for text in query.group_by)
    grains = [k.grain for k in keys if k.is_time and k.grain]
    unit = finest(*grains) if grains else None
    bounds = Bounds(query.start, query.end, query.exact, unit)
    world.bounds = bounds
    where = tuple(names.condition(text, bare) for text in query.where)
    shown = columns(world, query)
    lines: list[Line] = []
    for kept in ((*query.group_by,), *query.totals):
        at = [i for i, text in enumerate(query.group_by) if text in kept]
        scope = Scope(tuple(keys[i] for i in at), bounds=bounds).narrowed(where)
        found = [world.answer(name, scope) for name in query.metrics]
        level = (",".join(shown[i] for i in at),) if query.totals else ()
        for group in dict.fromkeys(group for one in found for group in one.rows):
            key = [group[at.index(i)] if i in at else None for i in range(len(keys))]
            lines.append((*key, *level, *(one.at(group) for one in found)))
    return ordered([line for line in lines if _has(query, shown, line)], shown, query)


def _has(query: Query, shown: Sequence[str], line: Line) -> bool:
    """Whether a row meets `having`: conditions over what is shown (Q4)."""
    read = dict(zip(shown, line, strict=True)).__getitem__
    return all(snippets.evaluate(snippets.parse(text), read) is True for text in query.having)


def ordered(lines: list[Line], shown: Sequence[str], query: Query) -> list[Line]:
    """NULLs last both ways; the remaining group-bys break ties (Q10)."""
    asked = [(shown.index(text.removeprefix("-")), text.startswith("-")) for text in query.order_by]
    by = [*asked, *((i, False) for i in range(len(query.group_by)))]
    for position, descending in reversed(by):
        known = [line for line in lines if line[position] is not None]
        known.sort(key=lambda line: line[position], reverse=descending)
        lines = known + [line for line in lines if line[position] is None]
    return lines if query.limit is None else lines[: query.limit]


__all__ = ["Query", "answer", "columns"]
