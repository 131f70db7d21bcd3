"""A question, and its answer as rows in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from tests.oracle import extras, names, snippets
from tests.oracle.atoms import Answer, Group
from tests.oracle.extras import Top
from tests.oracle.kinds import World
from tests.oracle.names import Condition, Item
from tests.oracle.scope import Bounds, Scope
from tests.oracle.time import coarsest, finest, start_weeks

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
    compare: tuple[str, ...] = ()
    compare_rows: str = "current"
    top: Top | None = None
    fill: int | None = None


def columns(world: World, query: Query) -> tuple[str, ...]:
    """The names of the output columns: as asked, with the grain added (Q2)."""
    keys = tuple(_column(world, query, text) for text in query.group_by)
    level = ["_level"] if query.totals else []
    return (*keys, *level, *(name for m in query.metrics for name in _values(query, m)))


def _values(query: Query, metric: str) -> Iterator[str]:
    """A metric's own column, and those of its earlier values (Q6)."""
    yield metric
    for compared in query.compare:
        prior = f"{metric}__{extras.label(compared)}"
        yield from (prior, f"{prior}_change", f"{prior}_growth")


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
    start_weeks(world.week_start)
    bare = _bare(world, query)
    keys = tuple(names.group_by(text, bare) for text in query.group_by)
    grains = [k.grain for k in keys if k.is_time and k.grain]
    unit = finest(*grains) if grains else None
    bounds = Bounds(query.start, query.end, query.exact, unit)
    world.bounds = bounds
    where = tuple(names.condition(text, bare) for text in query.where)
    asked = Asked(world, query, keys, where, columns(world, query))
    scope = Scope(keys, bounds=bounds)
    levels = [tuple(range(len(keys)))]
    levels += [tuple(i for i in levels[0] if query.group_by[i] in kept) for kept in query.totals]
    lines = [line for at in levels for line in asked.level(at, scope)]
    if query.top is not None:
        lines = asked.best(lines, levels, scope, query.top)
    return ordered(lines, asked.shown, query)


@dataclass(frozen=True)
class Asked:
    """A question over the rows of a database; ``shown``: the names of its columns."""

    world: World
    query: Query
    keys: tuple[Item, ...]
    where: tuple[Condition, ...]
    shown: tuple[str, ...]

    def level(self, at: Sequence[int], scope: Scope, instead: Mapping[int, str] = {}) -> list[Line]:
        """The rows of the group-bys at some positions; ``instead``: what others are called."""
        scope = replace(scope, keys=tuple(self.keys[i] for i in at))
        made = []
        for group, values in self.groups(scope).items():
            key = [group[at.index(i)] if i in at else instead.get(i) for i in range(len(self.keys))]
            own = ",".join(self.shown[i] for i in range(len(self.keys)) if i in {*at, *instead})
            made.append((*key, *([own] if self.query.totals else []), *values))
        return [line for line in made if _has(self.query, self.shown, line)]

    def groups(self, scope: Scope) -> dict[Group, Line]:
        """The values of each group: gaps are filled, then earlier values added."""
        world, query = self.world, self.query
        current = [world.answer(name, scope.narrowed(self.where)) for name in query.metrics]
        prior = [
            [extras.earlier(world, name, scope, self.where, c) for c in query.compare]
            for name in query.metrics
        ]
        groups = dict.fromkeys(group for one in current for group in one.rows)
        if query.compare_rows == "all":
            groups |= dict.fromkeys(g for each in prior for one in each for g in one.rows)
        if query.fill is not None:
            found = extras.periods(world, query.metrics, scope, self.where)
            groups |= dict.fromkeys(extras.gaps(list(groups), found, len(scope.keys)))

        def at(answer: Answer, group: Group) -> Value:
            value = answer.at(group)
            return query.fill if value is None else value

        made: dict[Group, Line] = {}
        for group in groups:
            line: list[Value] = []
            for one, each in zip(current, prior, strict=True):
                now = at(one, group)
                line.append(now)
                for before in (at(p, group) for p in each):
                    line += [before, extras.change(now, before), extras.growth(now, before)]
            made[group] = tuple(line)
        return made

    def best(
        self, lines: list[Line], levels: list[tuple[int, ...]], scope: Scope, top: Top
    ) -> list[Line]:
        """The rows of the best members in each level that has them, and what is left over (Q8)."""
        of = self.query.group_by.index(top.of)
        level = {at: ",".join(self.shown[i] for i in at) for at in levels}
        with_members = [level[at] for at in levels if of in at]

        def is_of(line: Line, kept: Sequence[str]) -> bool:
            return not self.query.totals or line[len(self.keys)] in kept

        rows = [line for line in lines if is_of(line, with_members[:1])]
        seen = dict.fromkeys(line[of] for line in rows)
        whole = scope.narrowed(self.where)
        members = extras.ranked(self.world, top, self.keys[of], whole, list(seen))
        chosen = members[: top.n]
        kept = [row for row in lines if not is_of(row, with_members) or row[of] in chosen]
        if top.other is None:
            return kept
        kept = [(*line[:of], extras.as_text(line[of]), *line[of + 1 :]) for line in kept]
        rest = replace(scope, without=(self.keys[of], tuple(chosen)))
        for at in levels if len(members) > len(chosen) else []:
            if of in at:
                kept += self.level([i for i in at if i != of], rest, {of: top.other})
        return kept


def _has(query: Query, shown: Sequence[str], line: Line) -> bool:
    """Whether a row meets `having`: conditions over what is shown (Q4)."""
    read = dict(zip(shown, line, strict=True)).__getitem__
    return all(snippets.evaluate(snippets.parse(text), read) is True for text in query.having)


def ordered(lines: list[Line], shown: Sequence[str], query: Query) -> list[Line]:
    """NULLs last both ways; the remaining group-bys break ties (Q10)."""
    asked = [(shown.index(text.removeprefix("-")), text.startswith("-")) for text in query.order_by]
    by = [*asked, *((i, False) for i in range(len(query.group_by)))]
    by += [(i, True) for i, name in enumerate(shown) if name == "_level"]
    if query.top is not None and query.top.other is not None:  # a member may be called the same
        by += [(i, False) for i in range(len(query.group_by), len(shown))]
    for position, descending in reversed(by):
        known = [line for line in lines if line[position] is not None]
        known.sort(key=lambda line: line[position], reverse=descending)
        lines = known + [line for line in lines if line[position] is None]
    return lines if query.limit is None else lines[: query.limit]


__all__ = ["Query", "Top", "answer", "columns"]
