"""Simple metrics, also as other kinds need them: rows, the dates they count for, groups, values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kpilayer.model.metric_parts import NonAdditiveDimension
from tests.oracle import many, snippets
from tests.oracle.aggregate import aggregate
from tests.oracle.joins import Place, Row, Step, Unanswerable
from tests.oracle.names import METRIC_TIME, Condition, Item, MetricItem, moved
from tests.oracle.scope import Scope, base_of
from tests.oracle.spine import dates_of, with_spine
from tests.oracle.time import as_moment, finest, is_finer, part, shown, truncate

if TYPE_CHECKING:
    from tests.oracle.kinds import World

Value = Any
Group = tuple[Value, ...]


@dataclass(frozen=True)
class Atom:
    """A simple metric with what its variants add."""

    name: str
    model: str
    agg: str
    value: str
    time: str | None
    conditions: tuple[Condition, ...]
    percentile: float | None = None
    discrete: bool = False
    balance: NonAdditiveDimension | None = None
    as_of: str | None = None
    spine: str | None = None
    fill: int | None = None
    sql: str | None = None


#: Of each path down, the row that a row is read with, or None where there is none.
Joined = Mapping[tuple[Step, ...], Row | None]


@dataclass(frozen=True)
class Counted:
    """A row, the date that it counts for before offsets, and the date that is shown.

    ``joined``: the rows of the many side with which it counts, once for each group (P3).
    """

    row: Row
    date: datetime | None
    shown: datetime | None
    joined: tuple[Joined, ...] = ({},)


@dataclass
class Answer:
    """Values by group, and what a group has that is not there."""

    rows: dict[Group, Value]
    absent: Callable[[Group], Value] = lambda group: None
    repeats: bool = False
    """Whether it makes no groups itself, but has values in those of others."""

    def at(self, group: Group) -> Value:
        return self.rows[group] if group in self.rows else self.absent(group)


class Rows:
    """The rows of one atom under a scope."""

    def __init__(self, world: World, atom: Atom, scope: Scope) -> None:
        self.world, self.atom = world, atom
        self.time = world.time_place(atom)
        self.joined: Joined = {}  # what names on the many side are read from
        self.own = (world.joins.grain(self.time) or "day") if self.time else None

        self.scope = replace(scope, keys=tuple(map(self.as_time, scope.keys)))

    def as_time(self, item: Item) -> Item:
        """The metric's own time dimension, by its own name, is its `metric_time` (A.8, A.9)."""
        if item.is_time or self.time is None:
            return item
        if self.world.joins.models[self.atom.model].active is not None:
            return item  # only `metric_time` is the date at which a row holds (T5)
        if self.world.joins.place_of(self.atom.model, item) != self.time:
            return item
        return Item((), METRIC_TIME, item.grain or (None if item.part else self.own), item.part)

    def is_only_time(self, condition: Condition) -> bool:
        """Whether a condition speaks of the metric's time and nothing else."""
        items = list(condition.items())
        return bool(items) and all(isinstance(i, Item) and self.as_time(i).is_time for i in items)

    # -------------------------------------------------------------------------- values of a row

    def own_time(self, row: Row) -> datetime | None:
        """The row's raw time."""
        if self.time is None:
            return None
        value = self.world.joins.read(row, self.time, None)
        return None if value is None else as_moment(value)

    def fact_time(self, row: Row) -> datetime | None:
        """The time at which slowly changing lookups are read: at the base grain."""
        moment = self.own_time(row)
        return None if moment is None else truncate(moment, self.own or "day")

    def read(self, row: Row, when: datetime | None, item: Item) -> Value:
        """A row's value of a group-by name, where `metric_time` is ``when``."""
        item = self.as_time(item)
        if item.is_time:
            if self.own is None:
                raise Unanswerable(f"`{self.atom.model}` has no time")
            return self.as_asked(when, item, self.own)
        place = self.world.joins.place_of(self.atom.model, item)
        if place.is_many:
            value = many.read(self, place)
        else:
            value = self.world.joins.read(row, place, self.fact_time(row))
        grain = self.world.joins.grain(place)
        if grain is None:
            if item.grain or item.part:
                raise Unanswerable(f"`{item.base}` is no time")
            return value
        return self.as_asked(None if value is None else as_moment(value), item, grain)

    def as_asked(self, moment: datetime | None, item: Item, own: str) -> Value:
        grain = item.grain or own
        if item.part is None and is_finer(grain, own):
            raise Unanswerable(f"`{item.base}` is not so fine")
        if moment is None:
            return None
        if item.part is not None:
            return part(truncate(moment, own), item.part)
        return shown(truncate(moment, grain), grain)

    def holds(self, condition: Condition, row: Row, when: datetime | None) -> bool:
        """Whether a condition is true for a row that counts for ``when``."""
        if condition.node.kind == "none":
            raise Unanswerable("the many side, where rows are not plain")

        def read(name: str) -> Value:
            found = self.world.item(name, condition.bare)
            if isinstance(found, MetricItem):
                return self.world.metric_of(self, found, row)
            return self.read(row, when, found)

        def move(name: str, literal: Value) -> Value:
            found = self.world.item(name, condition.bare)
            return literal if isinstance(found, MetricItem) else moved(literal, self.unit(found))

        return snippets.evaluate(condition.node, read, move) is True

    def unit(self, item: Item) -> str | None:
        """The grain of a name, None where it is no time or a part of one."""
        if item.part is not None:
            return None
        if item.is_time:
            return item.grain or self.own
        place = self.world.joins.place_of(self.atom.model, item)
        own = self.world.joins.grain(place)
        return (item.grain or own) if own else None

    # -------------------------------------------------------------------------- rows that count

    def passing(self) -> list[Row]:
        """The rows that the metric's own conditions keep, by their own time."""
        return [
            row
            for row in self.world.joins.tables[self.atom.model]
            if all(
                self.holds(c, row, self.own_time(row))
                for c in self.atom.conditions
                if not many.is_many(self, c)
            )
        ]

    def counted(self, inner: tuple[Condition, ...] = ()) -> Iterator[Counted]:
        """The rows of a plain aggregation; ``inner``: further conditions on their own time."""
        many.refuse(self)
        if self.atom.as_of is not None:
            yield from self.active()
            return
        for row in self.passing():
            moment = self.own_time(row)
            if all(self.holds(c, row, moment) for c in inner):
                for where in self.shown_at(moment):
                    if self.kept(row, moment, where):
                        yield from many.counted(self, Counted(row, moment, where))

    def kept(self, row: Row, date: datetime | None, where: datetime | None) -> bool:
        scope = self.scope
        shown = scope.shown
        if scope.shifts and not scope.moves_rows:  # which periods are shown is known
            shown = tuple(c for c in shown if not self.is_only_time(c))
        elif self.own is not None and not scope.bounds.hold(where, self.own):
            return False
        if self.is_left_out(row, where):
            return False
        return all(
            self.holds(c, row, date) for c in scope.moved if not many.is_many(self, c)
        ) and all(self.holds(c, row, where) for c in shown if not many.is_many(self, c))

    def is_left_out(self, row: Row, where: datetime | None) -> bool:
        """Whether a row belongs to a member that is not among what is left over (Q8)."""
        if self.scope.without is None:
            return False
        item, members = self.scope.without
        return self.read(row, where, item) in members

    def shown_at(self, date: datetime | None) -> list[datetime | None]:
        """The dates at which a date's rows are shown: another one under an offset, or several."""
        if not self.scope.shifts:
            return [date]
        if date is None:
            return []
        date = truncate(date, self.own or "day")
        if self.scope.moves_rows:
            where = date
            for shift in reversed(self.scope.shifts):
                where = shift.later(where)
            period = truncate(where, self.scope.finest_time)
            return [where] if period in self.starts else []
        return [start for start, low, high in self.moves if low <= date < high]

    @property
    def starts(self) -> frozenset[datetime]:
        """Where the periods shown begin."""
        if not hasattr(self, "_starts"):
            self._starts = frozenset(start for start, _, _ in self.moves)
        return self._starts

    def dated_by(self, scope: Scope, timed: Iterable[Condition]) -> str:
        """The grain of a spine's dates: days, or what is finer in a group-by or condition on time."""
        units = (self.unit(i) for c in timed for i in c.items() if isinstance(i, Item))
        return finest(base_of(self.own or "day", scope), *(unit for unit in units if unit))

    @property
    def moves(self) -> list[tuple[datetime, datetime, datetime]]:
        """Each period shown, with the first instant of where it comes from and the first after.

        A period is shown where one of its dates meets the conditions on time; of what was as a
        period of the offset began, where its first one does (A.10).
        """
        if not hasattr(self, "_moves"):
            asked = self.scope.finest_time
            base = base_of(self.own or "day", self.scope)
            timed = [c for c in self.scope.shown if self.is_only_time(c)]
            days = dates_of(self, self.dated_by(self.scope, timed))
            days = [d for d in days if all(self.holds(c, {}, d) for c in timed)]
            began = self.scope.shifts[0].to_grain
            if began is not None and (asked == "week" or is_finer(began, asked)):
                days = [d for d in days if truncate(d, asked) == d]
            starts = dict.fromkeys(truncate(day, asked) for day in days)
            self._moves = [(s, *self.scope.source(s, base)) for s in starts]
        return self._moves

    def active(self) -> Iterator[Counted]:
        """Rows that hold over an interval, on each date that `as_of` picks (T5)."""
        model = self.world.joins.models[self.atom.model]
        interval = model.active
        assert interval is not None and self.own is not None
        if self.scope.shifts:
            raise Unanswerable("an offset of rows that hold over an interval")
        conditions = (*self.atom.conditions, *self.scope.shown)
        if any(many.is_many(self, c) for c in conditions):
            raise Unanswerable("the many side of rows that hold over an interval")
        timed = [c for c in conditions if self.is_only_time(c)]
        base = self.dated_by(self.scope, timed)
        dates = [d for d in dates_of(self, base) if all(self.holds(c, {}, d) for c in timed)]
        if self.atom.as_of != "every_day":
            last = self.atom.as_of == "period_end"
            chosen: dict[Group, datetime] = {}
            for date in dates:
                period = tuple(self.read({}, date, k) for k in self.scope.times)
                if last or period not in chosen:
                    chosen[period] = date
            dates = list(chosen.values())
        for row in self.world.joins.tables[self.atom.model]:
            start = self.world.joins.cell(row, interval.from_)
            end = self.world.joins.cell(row, interval.to)
            for date in dates:
                day = truncate(date, base)
                if start is None or truncate(as_moment(start), base) > day:
                    continue
                if end is not None:
                    close = truncate(as_moment(end), base)
                    if day > close or (day == close and not interval.to_inclusive):
                        continue
                own = all(self.holds(c, row, date) for c in self.atom.conditions)
                if own and self.kept(row, date, date):
                    yield Counted(row, date, date)

    # ------------------------------------------------------------------------ groups and values

    def group(self, counted: Counted) -> Group:
        """The one group of a row."""
        return tuple(self.read(counted.row, counted.shown, k) for k in self.scope.keys)

    def groups(self, counted: Counted) -> Iterator[Group]:
        """Each group of a row once: several where it is grouped by the many side."""
        found: dict[Group, None] = {}
        for self.joined in counted.joined:
            found[self.group(counted)] = None
        self.joined = {}
        yield from found

    def grouped(self, rows: Iterable[Counted]) -> dict[Group, list[Counted]]:
        groups: dict[Group, list[Counted]] = {}
        for counted in rows:
            for group in self.groups(counted):
                groups.setdefault(group, []).append(counted)
        if not self.scope.keys:
            groups.setdefault((), [])
        return groups

    def value(self, rows: Iterable[Row], is_grouped: bool = True) -> Value:
        """The metric over some rows."""
        atom = self.atom
        if atom.sql is not None:
            return self.expression(list(rows), is_grouped)
        return aggregate(
            atom.agg,
            [self.world.joins.cell(row, atom.value) for row in rows],
            percentile=atom.percentile,
            discrete=atom.discrete,
            is_grouped=is_grouped,
        )

    def expression(self, rows: list[Row], is_grouped: bool) -> Value:
        """A `sql:` metric: its aggregates over the rows, then what it makes of them."""
        known = {"SUM": "sum", "MIN": "min", "MAX": "max", "AVG": "average", "COUNT": "count",
                 "MEDIAN": "median", "COUNT DISTINCT": "count_distinct"}  # fmt: skip

        def read_in(row: Row) -> Callable[[str], Value]:
            def read(name: str) -> Value:
                if "__" in name:
                    return self.read(row, self.own_time(row), self.world.name(name))
                return row[name]

            return read

        def solve(node: snippets.Node) -> snippets.Node:
            if node.kind != "aggregate":
                parts = tuple(solve(p) for p in node.parts)
                return snippets.Node(node.kind, node.text, parts)
            value, *condition = node.parts
            held = [
                r
                for r in rows
                if not condition or snippets.evaluate(condition[0], read_in(r)) is True
            ]
            values = [snippets.evaluate(value, read_in(r)) for r in held]
            found = aggregate(known[str(node.text)], values, is_grouped=is_grouped)
            if found is None and rows and str(node.text).startswith("COUNT"):
                found = 0
            return snippets.Node("literal", found)

        return snippets.evaluate(solve(snippets.parse(str(self.atom.sql))), lambda name: None)

    def balanced(self, rows: list[Counted]) -> list[Counted]:
        """Of a semi-additive metric: the rows of the first or last date (T6, X8)."""
        balance = self.atom.balance
        if balance is None:
            return rows
        joins, model = self.world.joins, self.atom.model
        place = Place((), model, balance.name, False)
        is_time = self.time == place
        grain = joins.grain(place) or "day"
        keys = [
            k
            for k in self.scope.keys
            if (k.is_time and is_time) or (not k.is_time and joins.place_of(model, k) == place)
        ]

        def period(counted: Counted) -> Group:
            entities = (joins.key(model, e, counted.row) for e in balance.group_by)
            return (*entities, *(self.read(counted.row, counted.shown, k) for k in keys))

        def date(counted: Counted) -> datetime | None:
            value = joins.at_end(counted.row, place)
            return None if value is None else truncate(as_moment(value), grain)

        edges: dict[Group, datetime] = {}
        pick = max if balance.window_agg == "max" else min
        for counted in rows:
            when = date(counted)
            if when is not None:
                edges[period(counted)] = pick(when, edges.get(period(counted), when))
        return [c for c in rows if date(c) is not None and edges[period(c)] == date(c)]

    def answer(self) -> Answer:
        """The metric by group, with its spine and its filling."""
        groups = self.grouped(self.balanced(list(self.counted())))
        is_grouped = bool(self.scope.keys)
        values = {g: self.value([c.row for c in rows], is_grouped) for g, rows in groups.items()}
        return self.layered(values, self.scope)

    def layered(self, values: dict[Group, Value], scope: Scope) -> Answer:
        """`join_to_timespine`, then `fill_nulls_with`."""
        if self.atom.spine is not None and scope.times:
            values = with_spine(self, values, scope)
        if self.atom.fill is None:
            return Answer(values)
        fill = self.atom.fill
        return Answer({g: fill if v is None else v for g, v in values.items()}, lambda g: fill)
