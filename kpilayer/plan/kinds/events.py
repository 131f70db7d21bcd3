"""Events of an entity that are followed by other events of it: what conversions and funnels share.

Each event is a row with its entity, its time, properties that must stay the same, and a number that
tells it apart from others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlglot import exp

from kpilayer import expr, grain
from kpilayer.columns import TimedColumn, own_grain, resolve_property
from kpilayer.conditions import timed
from kpilayer.formula import Atom, Formula, Shaped
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.kinds.aggregated import keys_over, own_conditions, shown_over
from kpilayer.plan.nodes import Column, Derived
from kpilayer.plan.rows import filtered, joined, time_of
from kpilayer.plan.scope import Builder, Scope
from kpilayer.plan.window import length

ENTITY, TIME, NUMBER, VALUE = "event_entity", "event_time", "event_number", "event_value"


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
    scope: Scope | None,
    unit: str,
    entity: str,
    same: Sequence[str] = (),
) -> Derived:
    """The events of an atom; with the group-bys and the range of a scope, where one is given."""
    home = (atom.model, atom.time)
    reader = builder.reader((atom.model, atom.time))

    def value(purpose: str, name: str) -> exp.Expr:
        column = resolve_property(builder.graph, *home, purpose, name)
        assert isinstance(column, TimedColumn), "checked with the definition"
        return timed(column, reader.column)

    keys = keys_over(builder, reader, home, scope) if scope is not None else ()
    held = list(shown_over(builder, reader, home, scope)) if scope is not None else []
    held += own_conditions(atom, reader)
    columns = (
        *keys,
        Column(ENTITY, value("entity", entity)),
        *(Column(same_column(i), value("constant", name)) for i, name in enumerate(same)),
        Column(TIME, expr.trunc(unit, time_of(reader, home))),
        Column(NUMBER, exp.Window(this=exp.RowNumber())),
        Column(VALUE, reader.value_of(atom)),
    )
    name = builder.name(f"{atom.model}_events")
    return Derived(name, filtered(joined(reader), held), columns)


def same_column(index: int) -> str:
    """The name of a property that must stay the same."""
    return f"event_property_{index + 1}"


def follows(
    base: Callable[[str], exp.Expr], later: Callable[[str], exp.Expr], same: int
) -> list[exp.Expr]:
    """The conditions under which an event belongs to the same entity, with the same properties."""
    names = [ENTITY, *(same_column(i) for i in range(same))]
    return [exp.EQ(this=base(name), expression=later(name)) for name in names]


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
