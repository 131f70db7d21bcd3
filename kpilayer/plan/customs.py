"""Custom periods of dates, which only a time spine knows (reference A.13).

A date of a spine, or of a group, has the period that the spine has on its row. Where such periods
are counted, those before and after a date are the runs of equal values in the order of the dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.calendar import Calendar, Custom
from kpilayer.columns import TimedColumn, resolver
from kpilayer.conditions import bind_condition
from kpilayer.formula.tree import Home
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.keys import period
from kpilayer.plan.nodes import (
    Column,
    Derived,
    Filter,
    Match,
    Read,
    Source,
)
from kpilayer.plan.rows import qualified, spine_of, with_spine
from kpilayer.plan.scope import Builder


@dataclass(slots=True)
class Dated:
    """What group-bys and conditions on the time are at a date, the first of a period of ``unit``.

    Collects the spines that tell its custom periods; ``joined`` puts them beside the dates.
    """

    graph: JoinGraph
    at: exp.Expr
    unit: str
    spines: dict[str, Custom] = field(default_factory=dict)

    def period(self, column: TimedColumn) -> exp.Expr:
        """The period, or date part, that a group-by is."""
        if column.custom is not None:
            return self.value(column)
        return period(column, self.at.copy(), self.unit)

    def value(self, column: TimedColumn) -> exp.Expr:
        """What a condition cuts or compares: the date, or its custom period."""
        if column.custom is None:
            return self.at.copy()
        alias = f"metric_time___{column.custom.spine}"  # no path is called so
        self.spines.setdefault(alias, column.custom)
        return qualified(self.graph.catalog.snippet(column.custom.column).tree, alias)

    def meets(self, home: Home, text: str) -> exp.Expr:
        """A condition on the time of a metric."""
        tree, resolve = self.graph.catalog.snippet(text).tree, resolver(self.graph, *home)
        return bind_condition(tree, lambda name: replace(resolve(name), zones=None), self.value)

    def joined(self, source: Source) -> Source:
        """The dates with the spines that their periods are from."""
        catalog = self.graph.catalog
        for alias, custom in self.spines.items():
            based = catalog.calendar.based(custom)
            day = self.at.copy() if based == self.unit else expr.trunc(based, self.at.copy())
            source = with_spine(catalog, source, alias, custom, day)
        return source


def units_of(calendar: Calendar, columns: Iterable[TimedColumn]) -> list[str]:
    """The units that dates must tell for the periods of some columns; a date part has none."""
    found = (c.unit if c.custom is None else calendar.based(c.custom) for c in columns)
    return [unit for unit in found if unit is not None]


def earlier_dates(builder: Builder, custom: Custom, count: int) -> Derived:
    """Each date of a spine, and the one in the same place of the period so many before.

    A period that is longer than the earlier one has dates without such a date.
    """
    return _pairs(builder, custom, count, False)


def later_dates(builder: Builder, custom: Custom, count: int) -> Derived:
    """Each date of a spine, and the one in the same place of the period so many later.

    Dates that a shorter period has not are its last one: none is lost, none counts twice (X1).
    """
    return _pairs(builder, custom, count, True)


def _pairs(builder: Builder, custom: Custom, count: int, forward: bool) -> Derived:
    wanted = ("moved", custom, count, forward)
    known = builder.spines.get(wanted)
    if isinstance(known, Derived):
        return known
    placed = _placed(builder, custom)
    date, way = custom.grain, "later" if forward else "earlier"
    there = Read(placed, f"{placed.name}_{way}")

    def here_and_there(name: str) -> tuple[exp.Expr, exp.Expr]:
        return exp.column(name, table=placed.name), exp.column(name, table=there.alias)

    (number, number_there), (place, place_there) = map(here_and_there, (_NUMBER, _PLACE))
    moved = (exp.Add if forward else exp.Sub)(this=number, expression=exp.Literal.number(count))
    if forward:
        _, last = here_and_there(_DATES)
        over = exp.If(this=exp.GT(this=place.copy(), expression=last), true=last.copy())
        place = exp.Case(ifs=[over], default=place)
    same = exp.And(
        this=exp.EQ(this=number_there, expression=moved),
        expression=exp.EQ(this=place_there, expression=place),
    )
    at, at_there = here_and_there(date)
    found = Derived(
        builder.name(f"{custom.name}s_{way}"),
        Match(Read(placed), there, same),
        (Column(date, at), Column(f"{way}_{date}", at_there)),
        (date,),
    )
    builder.spines[wanted] = found
    return found


_NUMBER: Final = "period_number"
_PLACE: Final = "place_in_period"
_DATES: Final = "dates_in_period"


def _placed(builder: Builder, custom: Custom) -> Derived:
    """Dates with the number of their period, their place in it, and how many dates it has."""
    wanted = ("placed", custom)
    known = builder.spines.get(wanted)
    if isinstance(known, Derived):
        return known
    catalog, date = builder.graph.catalog, custom.grain
    day = qualified(catalog.snippet(custom.key).tree, custom.spine)
    value = qualified(catalog.snippet(custom.column).tree, custom.spine)
    scan = spine_of(catalog, custom, custom.spine)
    has_period = exp.Not(this=exp.Is(this=value, expression=exp.Null()))
    before = exp.Lag(this=value.copy(), offset=exp.Literal.number(1))
    goes_on = exp.EQ(this=value.copy(), expression=_over(before, day))
    is_same = exp.If(this=goes_on, true=exp.Literal.number(0))
    begins = exp.Case(ifs=[is_same], default=exp.Literal.number(1))
    stem = f"{custom.name}_{date}s"
    started = Derived(
        builder.name(stem),
        Filter(scan, has_period),
        (Column(date, day), Column("begins_period", begins)),
        (date,),
    )
    at, first = (exp.column(name, table=started.name) for name in (date, "begins_period"))
    numbered = Derived(
        builder.name(f"{stem}_numbered"),
        Read(started),
        (Column(date, at), Column(_NUMBER, _over(exp.Sum(this=first), at))),
        (date,),
    )
    at, number = (exp.column(name, table=numbered.name) for name in (date, _NUMBER))
    placed = Derived(
        builder.name(f"{stem}_placed"),
        Read(numbered),
        (
            Column(date, at),
            Column(_NUMBER, number),
            Column(_PLACE, _over(exp.RowNumber(), at, number)),
            Column(_DATES, _over(exp.Count(this=exp.Star()), None, number)),
        ),
        (date,),
    )
    builder.spines[wanted] = placed
    return placed


def _over(function: exp.Expr, order: exp.Expr | None, *by: exp.Expr) -> exp.Window:
    """A function over dates in order, or over all of those that are together."""
    first = [exp.Ordered(this=order.copy(), desc=False, nulls_first=False)] if order else []
    return exp.Window(
        this=function,
        partition_by=[part.copy() for part in by],
        order=exp.Order(expressions=first) if first else None,
    )
