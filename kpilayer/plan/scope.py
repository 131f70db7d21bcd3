"""What a part of a plan is built for: group-bys, the time shown, and names that are free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from kpilayer.address import FilterMetric
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Formula, Home, Shaped
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.keys import Key, group_by, keyed
from kpilayer.plan.naming import apart
from kpilayer.plan.nodes import Column, Derived, Group, Read, columns_of
from kpilayer.plan.ranges import Range
from kpilayer.plan.rows import MetricValue, Reader
from kpilayer.plan.window import Move, Window


@dataclass(frozen=True, slots=True)
class Scope:
    """What the values of a frame are grouped by, and which rows and times they are of.

    ``rolling``: atoms are taken over the rows of a window that ends at the first key's period.
    ``moved``: rows count as if they were so much later. ``shown`` hold for that later time.
    ``without``: rows whose member of a group-by is in a group of members do not count.
    ``saves_reading``: values outside of the spans would not be used, so they are only a saving.
    """

    keys: tuple[Key, ...]
    spans: tuple[tuple[Home, Range], ...] = ()
    rolling: Window | None = None
    moved: tuple[Move, ...] = ()
    shown: tuple[str, ...] = ()
    without: tuple[Key, Group] | None = None
    saves_reading: bool = False

    def span(self, home: Home) -> Range:
        """The range of the time shown; without bounds where none was asked."""
        return dict(self.spans).get(home, Range(None, None))

    @property
    def told(self) -> tuple[Key, ...]:
        """What rows are told apart by: group-bys, and that whose members are left out."""
        return (*self.keys, *([self.without[0]] if self.without is not None else []))

    def apart(self, name: str) -> str:
        """A name for a column beside the group-bys, none of which has it."""
        return apart(name, [key.name for key in self.keys])


@dataclass(frozen=True, slots=True)
class Frame:
    """A group with a column for each key, and the value of each formula over its columns."""

    group: Group
    values: Mapping[Formula, exp.Expr]


@dataclass(slots=True)
class Builder:
    """The graph and the names in use, shared by everything that builds one plan.

    ``frame`` answers formulas in a scope; kinds call it for what they are made of.
    """

    graph: JoinGraph
    frame: Callable[[Builder, Sequence[tuple[str, Formula]], Scope], Frame]
    taken: set[str]
    spans: tuple[tuple[Home, Range], ...] = ()
    spines: dict[tuple[object, ...], Group] = field(default_factory=dict)
    values: dict[FilterMetric, MetricValue] = field(default_factory=dict)

    def name(self, wanted: str) -> str:
        """A name for a group that nothing else in the statement has."""
        name = wanted
        while name in self.taken:
            name = f"{name}_"
        self.taken.add(name)
        return name

    def reader(self, home: Home) -> Reader:
        """What collects the joins of the rows of an atom."""
        return Reader(home[0], self.graph, home[1], self._values_of)

    def _values_of(self, metric: FilterMetric, home: Home) -> MetricValue:
        """A metric by entity: of all time, or of the range of the question."""
        if metric not in self.values:
            tree = formula(self.graph, metric.name)
            keys = tuple(group_by(self.graph, per, keyed(tree, per)) for per in metric.per)
            spans = self.spans if metric.within_query_time else ()
            scope = Scope(keys, spans)
            column = scope.apart(metric.name)
            framed = self.frame(self, [(column, tree)], scope)
            group = named(self, framed.group, scope, [(column, tree)], framed.values)
            value = filled(tree, exp.column(column, table=group.name))
            self.values[metric] = MetricValue(group, value)
        return self.values[metric]


def named(
    builder: Builder,
    group: Group,
    scope: Scope,
    trees: Sequence[tuple[str, Formula]],
    values: Mapping[Formula, exp.Expr],
) -> Group:
    """A frame's group with a column of its own for every formula."""
    wanted = tuple(Column(name, values[tree]) for name, tree in trees)
    keys = tuple(k.name for k in scope.keys)
    if are_columns(wanted) and set(columns_of(group)) == {*keys, *(c.name for c in wanted)}:
        return group
    own = tuple(Column(k, exp.column(k, table=group.name)) for k in keys)
    return Derived(builder.name(f"{group.name}_values"), Read(group), (*own, *wanted), keys)


def are_columns(values: tuple[Column, ...]) -> bool:
    """Whether nothing is computed: each value is a column of its own name."""
    return all(isinstance(c.value, exp.Column) and c.value.name == c.name for c in values)


def filled(tree: Formula, value: exp.Expr) -> exp.Expr:
    """A value with what its metric says in place of NULL (X2), where it says something."""
    if not isinstance(tree, Shaped) or tree.rule != "filled":
        return value
    text = dict(tree.settings)["value"]
    number = exp.Literal.number(text.removeprefix("-"))
    filling = exp.Neg(this=number) if text.startswith("-") else number
    return exp.Coalesce(this=value, expressions=[filling])
