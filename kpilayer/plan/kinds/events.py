"""Events of an entity that are followed by other events of it: what conversions and funnels share.

Each event is a row with its entity, its time, properties that must stay the same, and a number that
tells it apart from others. In groups that overlap it is a row of each, with the same number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.columns import TimedColumn, own_grain, resolve_property
from kpilayer.conditions import all_of, timed
from kpilayer.formula.tree import Atom, Formula, Home, Shaped
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.fan_out import primary_key
from kpilayer.plan.kinds.aggregated import (
    conditions_over,
    counted,
    joined_many,
    keys_over,
    shown_over,
)
from kpilayer.plan.nodes import Column, Derived
from kpilayer.plan.ranges import Range
from kpilayer.plan.rows import filtered, joined, time_of
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.window import length

ENTITY, TIME, NUMBER, VALUE = "event_entity", "event_time", "event_number", "event_value"
SHOWN, MOMENT = "event_shown", "event_moment"
Spans = tuple[tuple[Home, Range], ...]


@dataclass(frozen=True, slots=True)
class Events:
    """Events as the rows of a group: the group-bys of a scope, and columns apart from these.

    ``tells_shown``: some are not in the range of the scope, and a column says which are.
    ``tells_moment``: a column has the time that is compared at a coarser grain.
    """

    group: Derived
    scope: Scope
    tells_shown: bool = False
    tells_moment: bool = False

    def column(self, name: str) -> exp.Expr:
        """What is known of an event."""
        return exp.column(self.scope.apart(name), table=self.group.name)

    @property
    def keys(self) -> tuple[Column, ...]:
        """The group-bys of an event."""
        names = (key.name for key in self.scope.keys)
        return tuple(Column(name, exp.column(name, table=self.group.name)) for name in names)


def atom_of(tree: Formula) -> Atom:
    """The atom below what fills gaps."""
    while isinstance(tree, Shaped) and tree.rule in ("filled", "spined"):
        tree = tree.inputs[0][1]
    assert isinstance(tree, Atom), "checked when the question was bound"
    return tree


def common_grain(graph: JoinGraph, atoms: Iterable[Atom]) -> str:
    """The grain at which times are compared: the coarsest of the events' own (reference A.11)."""
    grains = [own_grain(graph, a.model, a.time) or "day" for a in atoms]
    return grain.coarsest([graph.catalog.calendar.unit(name) or name for name in grains])


def events(
    builder: Builder,
    atom: Atom,
    scope: Scope,
    unit: str,
    entity: str,
    same: Sequence[str] = (),
    among: Spans | None = None,
) -> Events:
    """The events of an atom, with the group-bys and in the range of a scope.

    ``among``: with those in this wider range, and 1 in `event_shown` for those of the scope's; and
    with their own times, which tell those apart that are at once by ``unit``.
    """
    home = (atom.model, atom.time)
    reader = builder.reader((atom.model, atom.time))

    def value(purpose: str, name: str) -> exp.Expr:
        column = resolve_property(builder.graph, *home, purpose, name)
        assert isinstance(column, TimedColumn), "checked with the definition"
        return timed(column, reader.column)

    keys = keys_over(builder, reader, home, scope)
    held = list(shown_over(builder, reader, home, scope))
    shown = all_of(held) if among is not None else None
    own = own_grain(builder.graph, *home)
    is_coarser = among is not None and own is not None and grain.is_finer(own, unit)
    if among is not None:
        held = list(shown_over(builder, reader, home, replace(scope, spans=among, shown=())))
    conditions, tests = conditions_over(atom, reader, scope)
    values = [
        Column(ENTITY, value("entity", entity)),
        *(Column(same_column(i), value("constant", name)) for i, name in enumerate(same)),
        Column(TIME, expr.trunc(unit, time_of(reader, home))),
        *([Column(MOMENT, time_of(reader, home))] if is_coarser else []),
        *([] if shown is None else [Column(SHOWN, _one_where(shown))]),
        Column(VALUE, reader.value_of(atom)),
    ]
    identity: list[Column] = []
    if in_several_groups(home, scope):
        parts = enumerate(primary_key(reader).values(), start=1)
        identity = [Column(f"event_key_{number}", part) for number, part in parts]
    rows = filtered(joined(reader), [*held, *conditions])
    rows, keys, read = counted(rows, tests, keys, (*identity, *values), reader)
    number = exp.Window(this=exp.RowNumber())
    if identity:
        order = [_first(column.value) for column in read[: len(identity)]]
        number = exp.Window(this=exp.DenseRank(), order=exp.Order(expressions=order))
    *before, counted_value = read[len(identity) :]
    known = (*before, Column(NUMBER, number), counted_value)
    told = (Column(scope.apart(column.name), column.value) for column in known)
    group = Derived(builder.name(f"{atom.model}_events"), rows, (*keys, *told))
    return Events(group, scope, shown is not None, is_coarser)


def _one_where(condition: exp.Expr) -> exp.Expr:
    is_so = exp.If(this=condition, true=exp.Literal.number(1))
    return exp.Case(ifs=[is_so], default=exp.Literal.number(0))


def in_several_groups(home: Home, scope: Scope) -> bool:
    """Whether an event can stand in several groups of a scope (P3)."""
    return bool(joined_many(home, scope))


def _first(value: exp.Expr) -> exp.Ordered:
    return exp.Ordered(this=value, desc=False, nulls_first=False)


def same_column(index: int) -> str:
    """The name of a property that must stay the same."""
    return f"event_property_{index + 1}"


def follows(base: Events, later: Events, same: int) -> list[exp.Expr]:
    """The conditions under which an event belongs to the same entity, with the same properties."""
    names = [ENTITY, *(same_column(i) for i in range(same))]
    return [exp.EQ(this=base.column(name), expression=later.column(name)) for name in names]


def within_window(
    base: exp.Expr, later: exp.Expr, window: str | None, *, inclusive: bool = False
) -> list[exp.Expr]:
    """Whether a later event is less than a window after the base; at most, where inclusive."""
    if window is None:
        return []
    count, unit = length(window)
    edge = expr.move(later, -count, unit)
    kind = exp.GTE if inclusive else exp.GT
    return [kind(this=base, expression=edge)]
