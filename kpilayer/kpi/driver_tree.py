"""The driver tree of a KPI: which metrics it is made of, and how, down to the leaves.

A name in `drivers` is a metric where there is one, and else a KPI with its own conditions. What it
is made of is said by `nodes` of the KPI whose drivers name it, else by its own `drivers` where it
is a KPI. Conditions of a KPI hold for all that it is made of. A KPI that says nothing, on a ratio
of two plain metrics, is made of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from kpilayer.errors import Issue, Location, QueryError, did_you_mean
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Atom, Formula, Shaped
from kpilayer.identity import Identity
from kpilayer.kpi.attribution import TOLERANCE
from kpilayer.kpi.formulas import Formula as Arithmetic
from kpilayer.kpi.formulas import read_formula
from kpilayer.model.kpi import Drivers, Kpi
from kpilayer.model.metric import RatioMetric
from kpilayer.rollup import Kind, roll_up

Op = Literal["sum", "difference", "product", "ratio", "formula", "rollforward"]


@dataclass(frozen=True, slots=True)
class Node:
    """A number in a tree: which metric under which conditions, and what it is made of.

    ``formula`` is arithmetic over the names of ``children``, "" of a leaf; a stock's is that of its
    opening and its flows. ``is_flow`` marks what flows into a stock, or is a part of such a flow:
    it moves the stock by itself and not by its change. ``carried`` marks values of earlier periods,
    ``is_sum`` sums of rows, which are 0 where there are none.
    """

    name: str
    metric: str
    where: tuple[str, ...] = ()
    op: Op | None = None
    formula: str = ""
    children: tuple[str, ...] = ()
    tolerance: float = TOLERANCE
    is_flow: bool = False
    carried: bool = False
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class DriverTree:
    """A KPI and all that it is made of; every node is there before its children."""

    kpi: Kpi
    nodes: Mapping[str, Node]
    mix_by: str | None = None

    @property
    def root(self) -> Node:
        """The KPI itself."""
        return self.nodes[self.kpi.name]

    @property
    def leaves(self) -> Iterator[Node]:
        """What is made of nothing else."""
        return (node for node in self.nodes.values() if not node.children)

    def parents(self, name: str) -> tuple[str, ...]:
        """The nodes that a name is a part of."""
        return tuple(n.name for n in self.nodes.values() if name in n.children)


def opening_of(stock: str) -> str:
    """The name of what a stock begins with, in its formula."""
    return f"opening of {stock}"


def driver_tree(kpi: Kpi, identity: Identity) -> DriverTree:
    """The tree of a KPI; of one without drivers it alone.

    Raises:
        QueryError: ``unknown-kpi`` for a name that is neither metric nor KPI; ``bad-drivers`` where
            a formula is more than arithmetic, or one name stands for two different numbers.
    """
    building = _Building(identity, {one.name: one for one in identity.catalog.definitions.kpis})
    own = kpi.drivers or _of_ratio(kpi, identity)
    building.add(Node(kpi.name, kpi.metric, kpi.where), own, kpi, ("drivers",))
    if building.issues:
        raise QueryError(building.issues)
    return DriverTree(kpi, building.nodes, own.mix_by if own is not None else None)


def names_of(drivers: Drivers) -> tuple[str, ...]:
    """What drivers name, those of a formula, too.

    Raises:
        QueryError: the formula cannot be read.
    """
    if drivers.op == "formula":
        return _arithmetic(drivers).drivers
    ratio = tuple(n for n in (drivers.numerator, drivers.denominator) if n is not None)
    return tuple(dict.fromkeys((*drivers.terms, *drivers.factors, *ratio)))


def is_earlier(tree: Formula) -> bool:
    """Whether all of a metric's rows are those of an earlier period."""
    if isinstance(tree, Atom):
        return False
    if isinstance(tree, Shaped) and tree.rule == "offset":
        return True
    return bool(tree.inputs) and all(is_earlier(inner) for _, inner in tree.inputs)


def kind_of(metric: str, identity: Identity) -> Kind:
    """How the numbers of groups of a metric become that of all of them."""
    return roll_up(identity.catalog, metric, formula(identity.graph, metric)).kind


def _of_ratio(kpi: Kpi, identity: Identity) -> Drivers | None:
    metric = identity.catalog.metrics.get(kpi.metric)
    if not isinstance(metric, RatioMetric) or metric.filter:
        return None
    sides = metric.numerator, metric.denominator
    if any(s.filter or s.offset_window or s.offset_to_grain or s.group_by for s in sides):
        return None
    names = [side.name for side in sides]
    if names[0] == names[1] or kpi.name in names:
        return None
    return Drivers(op="ratio", numerator=names[0], denominator=names[1])


@dataclass
class _Building:
    identity: Identity
    kpis: Mapping[str, Kpi]
    nodes: dict[str, Node] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def add(self, node: Node, drivers: Drivers | None, scope: Kpi, steps: tuple[str, ...]) -> None:
        """A node, and below it all that it is made of; ``scope`` is whose `nodes` count."""
        known = self.nodes.get(node.name)
        if known is not None:
            self._refuse_another(known, node, scope, steps)
            return
        self.nodes[node.name] = node
        if drivers is None or not self._goes_on(node, drivers):
            return
        try:
            names = names_of(drivers)
            text = self._formula(node.name, drivers)
        except QueryError as error:
            place = self._place(scope, *steps, "expr")
            self.issues += (replace(issue, location=place) for issue in error.issues)
            return
        flows = node.is_flow or drivers.op == "rollforward"
        self.nodes[node.name] = replace(
            node,
            op=drivers.op,
            formula=text,
            children=names,
            tolerance=drivers.tolerance,
        )
        for name in names:
            self._child(name, node, flows, scope, steps)

    def _goes_on(self, node: Node, drivers: Drivers) -> bool:
        """A flow is taken apart into flows only: a product of two has no change to share out."""
        return not node.is_flow or drivers.op in ("sum", "difference")

    def _child(
        self, name: str, parent: Node, flows: bool, scope: Kpi, steps: tuple[str, ...]
    ) -> None:
        catalog, kpi = self.identity.catalog, self.kpis.get(name)
        if catalog.has_metric(name):
            metric, where = name, parent.where
            if kpi is not None and (kpi.metric != name or kpi.where):
                kpi = None  # a contract on something else
        elif kpi is not None:
            metric, where = kpi.metric, tuple(dict.fromkeys((*parent.where, *kpi.where)))
        else:
            hint = did_you_mean(name, [*self.kpis, *catalog.metrics])
            message = f"there is no KPI or metric `{name}`"
            self.issues.append(Issue("unknown-kpi", message, self._place(scope, *steps), hint))
            return
        carried = is_earlier(formula(self.identity.graph, metric))
        is_sum = kind_of(metric, self.identity) == "additive"
        node = Node(name, metric, where, is_flow=flows, carried=carried, is_sum=is_sum)
        if name in scope.nodes:
            self.add(node, scope.nodes[name], scope, ("nodes", name))
        elif kpi is not None and kpi.drivers is not None:
            self.add(node, kpi.drivers, kpi, ("drivers",))
        else:
            self.add(node, None, scope, steps)

    def _refuse_another(self, known: Node, node: Node, scope: Kpi, steps: tuple[str, ...]) -> None:
        """One name, one number: under other conditions, or as a flow, it would be a second one."""
        if (known.metric, known.where, known.is_flow) == (node.metric, node.where, node.is_flow):
            return
        both = "a flow and the change of a number"
        if known.is_flow == node.is_flow:
            both = "two numbers, under different conditions"
        message = f"`{node.name}` stands for {both} in the tree of drivers"
        place = self._place(scope, *steps)
        hint = "give one of them a metric of its own"
        self.issues.append(Issue("bad-drivers", message, place, hint))

    def _formula(self, name: str, drivers: Drivers) -> str:
        match drivers.op:
            case "formula":
                return drivers.expr or ""
            case "product":
                return " * ".join(map(_quoted, drivers.factors))
            case "ratio":
                assert drivers.numerator and drivers.denominator, "checked when decoded"
                return f"{_quoted(drivers.numerator)} / {_quoted(drivers.denominator)}"
        terms = [f"{factor!r} * {self._term(term)}" for term, factor in drivers.terms.items()]
        if drivers.op == "rollforward":
            terms.insert(0, _quoted(opening_of(name)))
        return " + ".join(terms)

    def _term(self, name: str) -> str:
        """A term; what is a sum of rows is 0 where there are none."""
        kpi, catalog = self.kpis.get(name), self.identity.catalog
        metric = name if kpi is None or catalog.has_metric(name) else kpi.metric
        is_sum = catalog.has_metric(metric) and kind_of(metric, self.identity) == "additive"
        return f"coalesce({_quoted(name)}, 0)" if is_sum else _quoted(name)

    def _place(self, scope: Kpi, *steps: str) -> Location | None:
        return self.identity.catalog.definitions.at("kpi", scope.name, *steps)


def _arithmetic(drivers: Drivers) -> Arithmetic:
    return read_formula(drivers.expr or "", argument="expr")


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
