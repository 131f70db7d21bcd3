"""A bound question: every name at its column, every formula with its conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kpilayer.formula.tree import Formula, Home
from kpilayer.plan import compare, overlap
from kpilayer.plan.compare import Comparison
from kpilayer.plan.distinct import ends
from kpilayer.plan.having import Having
from kpilayer.plan.keys import Key
from kpilayer.plan.levels import LEVEL
from kpilayer.plan.ranges import Range
from kpilayer.plan.top import BoundTop
from kpilayer.plan.values import Values


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A question whose every name is known to resolve; its conditions are in the formulas.

    ``unshown`` metrics are computed for conditions on the answer, and make no rows.
    """

    metrics: tuple[tuple[str, Formula], ...]
    keys: tuple[Key, ...]
    ranges: tuple[tuple[Home, Range], ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None
    unshown: tuple[tuple[str, Formula], ...] = ()
    compared: tuple[Comparison, ...] = ()
    prior_rows: bool = False
    having: tuple[Having, ...] = ()
    totals: tuple[tuple[Key, ...], ...] = ()
    top: BoundTop | None = None
    fill: bool = False
    where: tuple[str, ...] = ()
    components: Mapping[str, str] = field(default_factory=dict)
    """Which of the metrics' columns are no metrics, but what another one is rolled up from."""
    values: Values | None = None
    """What it is answered from where no metric is asked for."""

    @property
    def asked(self) -> tuple[tuple[str, Formula], ...]:
        """The metrics without what they are rolled up from."""
        return tuple(named for named in self.metrics if named[0] not in self.components)

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns of the answer beside its group-bys, in order."""
        each = ((name, *compare.columns(name, self.compared)) for name, _ in self.metrics)
        return tuple(column for columns in each for column in columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the answer, group-bys first."""
        if self.values is not None and self.values.ends:
            return ends(self.keys[0].name)
        level = (LEVEL,) if self.totals else ()
        return (*(k.name for k in self.keys), *level, *self.shown)

    @property
    def is_plain(self) -> bool:
        """Whether the metrics are all that is asked for."""
        return not (self.compared or self.having or self.totals or self.top or self.fill)

    @property
    def read(self) -> tuple[str, ...]:
        """The metrics that the answer depends on."""
        ranked = (self.top.by,) if self.top is not None else ()
        return tuple(dict.fromkeys(name for name, _ in (*self.asked, *self.unshown, *ranked)))

    @property
    def parts(self) -> Iterator[tuple[Key, ...]]:
        """The group-bys of every part of the answer beside its rows: totals, and what is left."""
        yield from self.totals
        for kept in (self.keys, *self.totals):
            if self.top is not None and self.top.other is not None and self.top.of in kept:
                yield tuple(key for key in kept if key != self.top.of)

    @property
    def overlapping(self) -> bool:
        """Whether a row can stand in several groups, which then do not add up."""
        paths = (column.reached.path for key in self.keys for _, column in key.at)
        return bool(overlap.many_parts(paths))
