"""What moved a KPI between two periods: its tree, with the numbers of both, taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Final

from kpilayer.kpi.attribution import Attribution, Method, TreeNode
from kpilayer.kpi.driver_tree import DriverTree, Node, Op, opening_of
from kpilayer.kpi.exact import Number, exact, told, total
from kpilayer.kpi.measuring import Values, between
from kpilayer.kpi.periods import Periods
from kpilayer.kpi.tree import chained
from kpilayer.kpi.variation import within_normal_variation

#: How many earlier values tell what is normal.
LEAST_HISTORY: Final = 13


@dataclass(frozen=True, slots=True)
class DriverRow:
    """A number of the tree: its own values, and what it did to the KPI.

    Rows come from the root down, each before its children; ``depth`` is 0 for the root, ``parent``
    the node above, None for the root. A number that several nodes share has one row in full, with
    all that it did, and then rows that are ``repeated`` and say nothing more.

    ``contribution`` is in units of the KPI, ``share`` a fraction of its change, None where that is
    0 or nothing can be computed. Of a flow into a stock (``is_flow``), ``after`` is the whole flow
    between the two periods, ``before`` None, and the contribution the flow itself. ``adds_up`` is
    False where a formula misses the measured values by more than its tolerance, ``residual`` by how
    much that moved the KPI.
    """

    name: str
    metric: str
    depth: int
    parent: str | None
    op: Op | None
    before: float | None
    after: float | None
    contribution: float | None = None
    share: float | None = None
    residual: float | None = None
    adds_up: bool = True
    carried: bool = False
    is_flow: bool = False
    is_leaf: bool = False
    repeated: bool = False


def attributed(
    tree: DriverTree,
    values: Mapping[str, Values],
    ends: tuple[date, date],
    periods: Periods,
    method: Method,
) -> Attribution:
    """The change of the root between two periods, taken apart down to the leaves.

    Raises:
        QueryError: ``bad-drivers`` for more drivers of one node than the method takes, ``cycle``
            for nodes that are computed from each other.
    """
    first: dict[str, Number | None] = {}
    second: dict[str, Number | None] = {}
    for node in tree.nodes.values():
        pair = _ends(node, values[node.name], ends, periods)
        first[node.name], second[node.name] = pair
        if node.op == "rollforward":
            opening = values[node.name].get(min(ends))
            first[opening_of(node.name)] = second[opening_of(node.name)] = opening
    return chained(
        {node.name: node.formula for node in tree.nodes.values() if node.children},
        first,
        second,
        method,
        root=tree.root.name,
        carried=[node.name for node in tree.leaves if node.carried],
        tolerance={node.name: node.tolerance for node in tree.nodes.values()},
    )


def _ends(
    node: Node, values: Values, ends: tuple[date, date], periods: Periods
) -> tuple[Number | None, Number | None]:
    """Both values of a node; of a flow 0 and all that flowed, so that it moves by what it is."""
    if not node.is_flow:
        return values.get(ends[0]), values.get(ends[1])
    flowed = _flowed(node, values, ends, periods)
    return (0, flowed) if ends[0] <= ends[1] else (flowed, 0)


def _flowed(node: Node, values: Values, ends: tuple[date, date], periods: Periods) -> Number | None:
    """What flowed after the earlier period, up to the end of the later one."""
    found = [values.get(start) for start in between(periods, min(ends), max(ends))[1:]]
    numbers = [exact(value) for value in found if value is not None]
    if (len(numbers) < len(found) and not node.is_sum) or not numbers:
        return None
    fractions = [number for number in numbers if isinstance(number, Fraction)]
    return total(fractions) if len(fractions) == len(numbers) else float("nan")


def rows_of(
    tree: DriverTree,
    values: Mapping[str, Values],
    ends: tuple[date, date],
    periods: Periods,
    found: Attribution | None,
) -> tuple[DriverRow, ...]:
    """The tree as rows, from the root down; of children, what is carried comes last."""
    numbers = {one.name: one for one in found.nodes} if found is not None else {}
    rows = []
    seen: set[str] = set()
    for name, parent, depth in _walk(tree):
        node = tree.nodes[name]
        row = _row(node, parent, depth, values[name], ends, periods)
        if name in seen:
            rows.append(replace(row, repeated=True))
            continue
        seen.add(name)
        rows.append(_with_numbers(row, numbers[name]) if name in numbers else row)
    return tuple(rows)


def _walk(tree: DriverTree) -> Iterator[tuple[str, str | None, int]]:
    """Every place of a node in the tree; below the second place of one, nothing more."""
    pending: list[tuple[str, str | None, int]] = [(tree.root.name, None, 0)]
    seen: set[str] = set()
    while pending:
        name, parent, depth = pending.pop()
        yield name, parent, depth
        if name not in seen:
            children = sorted(tree.nodes[name].children, key=lambda c: tree.nodes[c].carried)
            pending += [(child, name, depth + 1) for child in reversed(children)]
        seen.add(name)


def _row(
    node: Node,
    parent: str | None,
    depth: int,
    values: Values,
    ends: tuple[date, date],
    periods: Periods,
) -> DriverRow:
    before, after = values.get(ends[0]), values.get(ends[1])
    if node.is_flow:
        before, after = None, _flowed(node, values, ends, periods)
    return DriverRow(
        node.name,
        node.metric,
        depth,
        parent,
        node.op,
        _shown(before),
        _shown(after),
        carried=node.carried,
        is_flow=node.is_flow,
        is_leaf=not node.children,
    )


def _with_numbers(row: DriverRow, node: TreeNode) -> DriverRow:
    return replace(
        row,
        contribution=node.contribution,
        share=node.share,
        residual=node.residual,
        adds_up=node.adds_up,
    )


def is_normal(values: Values, ends: tuple[date, date], periods: Periods) -> bool | None:
    """Whether a change to the next period is smaller than the usual ones; None where nobody knows.

    It needs 13 earlier values, and is about neighbours: a change over a year has no usual size.
    """
    if periods.before(ends[1]) != ends[0]:
        return None
    earlier = [start for start in values if start <= ends[0]]
    if not earlier:
        return None
    history = [values.get(start) for start in between(periods, min(earlier), ends[0])]
    change = _change(values, ends)
    if change is None or sum(value is not None for value in history) < LEAST_HISTORY:
        return None
    return within_normal_variation(history, change)


def _change(values: Values, ends: tuple[date, date]) -> float | None:
    first, second = (exact(values.get(end)) for end in ends)
    if isinstance(first, Fraction) and isinstance(second, Fraction):
        return float(second - first)
    return None


def _shown(value: Number | None) -> float | None:
    return told(exact(value))


def largest(rows: Sequence[DriverRow], count: int) -> tuple[DriverRow, ...]:
    """The leaves that moved the KPI most, either way; what is carried is no lever, and left out."""
    moved = [r for r in rows if r.is_leaf and not r.repeated and not r.carried and r.contribution]
    return tuple(sorted(moved, key=lambda r: -abs(r.contribution or 0))[:count])
