"""What a part of a plan is built for: group-bys, the time shown, and names that are free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from kpilayer.formula import Formula, Home
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.keys import Key
from kpilayer.plan.nodes import Group
from kpilayer.plan.ranges import Range
from kpilayer.plan.window import Window


@dataclass(frozen=True, slots=True)
class Scope:
    """What the values of a frame are grouped by, and which rows and times they are of.

    ``rolling``: atoms are taken over the rows of a window that ends at the first key's period.
    ``moved``: rows count as if they were so much later. ``shown`` hold for that later time.
    """

    keys: tuple[Key, ...]
    spans: tuple[tuple[Home, Range], ...] = ()
    rolling: Window | None = None
    moved: tuple[tuple[int, str], ...] = ()
    shown: tuple[str, ...] = ()

    def span(self, home: Home) -> Range:
        """The range of the time shown; without bounds where none was asked."""
        return dict(self.spans).get(home, Range(None, None))


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
    spines: dict[tuple[object, ...], Group] = field(default_factory=dict)

    def name(self, wanted: str) -> str:
        """A name for a group that nothing else in the statement has."""
        name = wanted
        while name in self.taken:
            name = f"{name}_"
        self.taken.add(name)
        return name
