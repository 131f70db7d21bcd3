"""The governed metrics in the same normal form as SQL elsewhere, and what they may be cut by.

Each aggregation of a metric is compiled as a question would be, and read as other SQL is; the
formula over them is arithmetic. What is not read so (conversions, running totals) has no measure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from sqlglot import exp

from kpilayer.change.bench import Bench, Question
from kpilayer.drift.arithmetic import quotient
from kpilayer.drift.measure import Measure, Total
from kpilayer.drift.names import Words, words_of
from kpilayer.drift.rows import NotRead
from kpilayer.drift.tables import Tables
from kpilayer.drift.totals import measure
from kpilayer.drift.windows import ACTIVE, ago, both, over, span
from kpilayer.errors import QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Atom, Compute, Formula, atoms
from kpilayer.identity import Identity
from kpilayer.model.metric import Metric, SimpleMetric

_ATOM: Final = "kpilayer_atom_"
#: Medians: interpolated, one of the values, estimated, or of different values.
_MIDDLE: Final = re.compile(r"(approx_)?percentile(_disc)? 0\.5(_distinct)?")
_BUILT: Final = frozenset({"approx_percentile"})
#: Rules that only say where there is no row, or what stands for it.
_SEEN_THROUGH: Final = frozenset({"spined", "filled"})
LEVEL: Final = "level"


@dataclass(frozen=True, slots=True)
class Governed:
    """A metric: what it computes, the columns that are its time, and the words for it."""

    name: str
    measure: Measure | None
    times: frozenset[str]
    bases: frozenset[str]
    words: tuple[Words, ...]
    family: str
    definition: Metric
    parts: tuple[Measure, ...] = ()
    part_times: tuple[frozenset[str], ...] = ()
    """The columns that are the time of each part."""

    def times_of(self, total: Total) -> frozenset[str]:
        """The columns by which parts are told that add up the same."""
        found: set[str] = set()
        for part, times in zip(self.parts, self.part_times, strict=True):
            if any(_adds(t) == _adds(total) for t in part.totals.values()):
                found |= times
        return frozenset(found)

    @property
    def is_active(self) -> bool:
        """Whether rows count at dates at which they hold."""
        return self.measure is not None and any(
            t.rule == ACTIVE for t in self.measure.totals.values()
        )

    @property
    def is_hidden(self) -> bool:
        """Whether it only serves other metrics."""
        return bool(self.definition.hidden)


@dataclass(frozen=True)
class Layer(Tables):
    """What SQL elsewhere is compared with."""

    _atoms: dict[Atom, Measure | None] = field(default_factory=dict, compare=False)

    @cached_property
    def metrics(self) -> tuple[Governed, ...]:
        """Every metric."""
        return tuple(map(self._governed, self.catalog.metrics.values()))

    def has_metric_called(self, words: Words) -> bool:
        """Whether a metric is called exactly so."""
        return any(words.all == known.all for m in self.metrics for known in m.words)

    # ---------------------------------------------------------------------------------- metrics

    def _governed(self, metric: Metric) -> Governed:
        graph = self.side.identity.graph
        tree = formula(graph, metric.name)
        try:
            found = self._measure(tree, metric.name)
        except NotRead:
            found = None
        below = atoms(tree)
        times: set[str] = set()
        parts: list[tuple[Measure, frozenset[str]]] = []
        for atom in below:
            own = self._times_of(atom)
            times |= own
            one = self._of_atom(atom)
            if one is not None:
                parts.append((one, own))
        bases = {t.base for one, _ in parts for t in one.totals.values()}
        families = {family(a.agg) for a in below}
        names = [metric.name, metric.label or "", *(metric.synonyms or ())]
        return Governed(
            metric.name,
            found,
            frozenset(times),
            frozenset(bases),
            tuple(dict.fromkeys(w for n in names if (w := words_of(n)).all)),
            families.pop() if len(below) == 1 and len(families) == 1 else "",
            metric,
            tuple(one for one, _ in parts),
            tuple(own for _, own in parts),
        )

    def _times_of(self, atom: Atom) -> frozenset[str]:
        """The columns that are an atom's time."""
        dimension = self.catalog.models[atom.model].dimension(atom.time) if atom.time else None
        return (
            frozenset()
            if dimension is None
            else frozenset(self._columns(atom.model, dimension.sql))
        )

    def _measure(self, tree: Formula, name: str) -> Measure | None:
        if isinstance(tree, Atom):
            return self._of_atom(tree)
        inputs = {role: self._measure(inner, "") for role, inner in tree.inputs}
        if isinstance(tree, Compute):
            if any(found is None for found in inputs.values()):
                return None
            text = self.catalog.snippet(tree.text).tree

            def symbol(node: exp.Expr) -> Measure | None:
                return inputs.get(node.name) if isinstance(node, exp.Column) else None

            return quotient(text, symbol)
        inner = next(iter(inputs.values()))
        if inner is None:
            return None
        match tree.rule:
            case "semi_additive":
                return inner.changed(lambda total: replace(total, rule=LEVEL))
            case "cumulative":
                length = dict(tree.settings).get("window") or "all"
                return inner.changed(lambda total: _ruled(total, over(_span(length))))
            case "offset" if "offset_window" in dict(tree.settings):
                length = dict(tree.settings)["offset_window"]
                return inner.changed(lambda total: _ruled(total, ago(_span(length))))
            case "active":
                return inner.changed(lambda total: replace(total, rule=ACTIVE))
            case rule if rule in _SEEN_THROUGH:
                return inner
            case "nested" if name:
                return self._compiled(self._bench, name)
        return None

    def _of_atom(self, atom: Atom) -> Measure | None:
        if atom not in self._atoms:
            name = self._atom_names.get(atom)
            try:
                found = None if name is None else self._compiled(self._bench, name)
            except NotRead:
                found = None
            self._atoms[atom] = found
        return self._atoms[atom]

    def _compiled(self, bench: Bench, name: str) -> Measure | None:
        try:
            tree = bench.sql(bench.base, name, Question("in total"))
        except QueryError:
            return None
        reader = self.reader()
        outputs = list(reader.outputs(tree))
        if len(outputs) != 1:
            return None
        return measure(outputs[0].value, outputs[0].aggregates, self.known)

    @cached_property
    def _atom_names(self) -> Mapping[Atom, str]:
        graph = self.side.identity.graph
        found = (a for name in self.catalog.metrics for a in atoms(formula(graph, name)))
        used = [a for a in dict.fromkeys(found) if a.agg not in _BUILT]
        return {atom: f"{_ATOM}{number}" for number, atom in enumerate(used)}

    @cached_property
    def _bench(self) -> Bench:
        graph = self.side.identity.graph
        made = {
            name: SimpleMetric(
                name=name,
                model=atom.model,
                agg=atom.agg,
                expr=atom.value,
                filter=atom.conditions,
                percentile=atom.percentile,
                percentile_type="discrete" if atom.discrete else None,
                agg_time_dimension=atom.time,
            )
            for atom, name in self._atom_names.items()
        }
        catalog = replace(self.catalog, metrics={**self.catalog.metrics, **made})
        side = replace(self.side, identity=Identity(replace(graph, catalog=catalog)))
        return Bench(side, side)


def _ruled(total: Total, rule: str) -> Total:
    return replace(total, rule=both(total.rule, rule))


def _span(window: str) -> str:
    """A window of a metric, "3 month", in one spelling; "all" of none."""
    count, _, unit = window.partition(" ")
    return span(int(count), unit) if count.isdigit() else window


def _adds(total: Total) -> tuple[str, str, str]:
    """What is aggregated, whatever the conditions are."""
    return total.function, total.value, total.base


def family(aggregation: str) -> str:
    """The name of functions that people take for each other."""
    if aggregation in ("average", "avg", "median") or _MIDDLE.fullmatch(aggregation):
        return "middle"
    if aggregation.startswith(("count", "approx_count", "sum_boolean")):
        return "count"
    return aggregation.removesuffix(" distinct").removesuffix("_distinct")


def family_of(total: Total) -> str:
    """Which functions an aggregation may be taken for."""
    return family(total.function)
