"""Driver trees: a change at the root, carried down through every formula to the leaves.

What a child does to its parent is a multiplier times the change of the child. Multipliers are
multiplied along a path and added over paths, so a leaf that several nodes share has one number, and
children that cancel each other out stay visible below a parent that has not moved.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.kpi.attribution import (
    TOLERANCE,
    Attribution,
    Method,
    TreeNode,
    bridge,
    computed_ends,
    effects_of,
    missing_values,
    too_many,
    undefined,
    unknown_method,
)
from kpilayer.kpi.effect import Effect, Unknown
from kpilayer.kpi.exact import Number, Value, exact, is_close, rounded, share, told, total
from kpilayer.kpi.formulas import Formula, names_filled
from kpilayer.kpi.lmdi import lmdi
from kpilayer.kpi.shape import Shape, shape_of


def chained(
    tree: Mapping[str, str],
    before: Mapping[str, Number | None],
    after: Mapping[str, Number | None],
    method: Method = "shapley",
    *,
    root: str | None = None,
    carried: Collection[str] = (),
    tolerance: float | Mapping[str, float] = TOLERANCE,
) -> Attribution:
    """What each leaf of a tree contributed to the change of its root.

    ``tree`` holds a formula for each inner node; names without one are leaves, whose values both
    mappings hold. A value of an inner node in both mappings is taken as measured: what its formula
    misses is its residual, with a row of its own. The root is the node that no formula names, or
    ``root``. Leaves come as formulas name them from left to right; ``carried`` ones, which the last
    period left behind, come last. ``tolerance`` is one for all nodes, or one by node.

    >>> tree = {"net": "won - lost", "lost": "customers * churn_rate"}
    >>> bridge = chained(tree, {"won": 30, "customers": 200, "churn_rate": 0.125},
    ...                  {"won": 55, "customers": 400, "churn_rate": 0.125})
    >>> bridge.change, [(c.name, c.contribution) for c in bridge.contributions]
    (0.0, [('won', 25.0), ('customers', -25.0), ('churn_rate', 0.0)])

    Raises:
        QueryError: ``bad-drivers`` where a formula, the root or a name is not as said, or a value
            is missing; ``cycle`` for nodes that are computed from each other; ``bad-value`` for a
            method that is none; ``bad-sql`` and its like for a text that is no expression.
    """
    shape = shape_of(tree, root)
    issues = unknown_method(method) + missing_values(shape.leaves, before, after)
    issues += _half_measured(shape, before, after) + _not_leaves(carried, shape)
    for name, formula in shape.formulas.items():
        issues += too_many(formula, method, f"`{name}`")
    if issues:
        raise QueryError(issues)
    given = {n: (exact(before[n]), exact(after[n])) for n in shape.names if n in before}
    steps = _steps(shape, given, method)
    if isinstance(steps, Unknown):
        return undefined(method, steps)
    reach = _reach(shape, steps)
    if isinstance(reach, Unknown):
        return undefined(method, reach)
    spared = tolerance if isinstance(tolerance, Mapping) else dict.fromkeys(shape.names, tolerance)
    rows = {n: _row(n, given, steps, reach[n], spared.get(n, TOLERANCE)) for n in shape.names}
    top = rows[shape.root]
    return bridge(
        method,
        top.ends,
        {name: (*given[name], rows[name].amount) for name in shape.leaves},
        total(row.residual for row in rows.values()),
        all(row.adds_up for row in rows.values()),
        steadier=method == "shapley" and _are_products(shape, steps),
        carried=frozenset(carried),
        nodes=tuple(_told(row, shape, given, top.amount) for row in rows.values()),
    )


def _half_measured(
    shape: Shape, before: Mapping[str, Number | None], after: Mapping[str, Number | None]
) -> list[Issue]:
    return [
        Issue("bad-drivers", f"`{name}` is measured in one of the two periods: in both, or in none")
        for name in shape.formulas
        if (name in before) != (name in after)
    ]


def _not_leaves(carried: Collection[str], shape: Shape) -> list[Issue]:
    return [
        Issue(
            "bad-drivers",
            f"`{name}` is said to be carried, and is no leaf of the tree",
            hint=did_you_mean(name, shape.leaves),
        )
        for name in carried
        if name not in shape.leaves
    ]


@dataclass(frozen=True, slots=True)
class _Step:
    """An inner node: what its formula gives, and what its children do to it."""

    before: Mapping[str, Value]
    after: Mapping[str, Value]
    computed: tuple[Fraction, Fraction]
    effects: Mapping[str, Effect]


def _steps(
    shape: Shape, given: Mapping[str, tuple[Value, Value]], method: Method
) -> dict[str, _Step] | Unknown:
    """Every inner node, children first; unknown where one of them has no value or effects."""
    steps: dict[str, _Step] = {}
    for name in reversed(shape.names):
        formula = shape.formulas.get(name)
        if formula is None:
            continue
        first, second = (_inputs(formula, given, steps, period) for period in (0, 1))
        ends = computed_ends(formula, first, second)
        if isinstance(ends, Unknown):
            return Unknown(ends.reason, f"in `{name}`, {ends.detail}")
        effects = effects_of(formula, first, second, method)
        if isinstance(effects, Unknown):
            return Unknown(effects.reason, f"in `{name}`, {effects.detail}")
        steps[name] = _Step(first, second, ends, effects)
        for value in given.get(name, ()):
            if not isinstance(value, Fraction):
                return Unknown(value, f"`{name}` has no value in one of the periods")
    return steps


def _inputs(
    formula: Formula,
    given: Mapping[str, tuple[Value, Value]],
    steps: Mapping[str, _Step],
    period: int,
) -> dict[str, Value]:
    """The values of a node's children, measured if they are; 0 for none where it is filled so."""
    filled = names_filled(formula.tree)
    values: dict[str, Value] = {}
    for name in formula.drivers:
        value = given[name][period] if name in given else steps[name].computed[period]
        values[name] = Fraction(0) if value == "no_value" and name in filled else value
    return values


def _reach(shape: Shape, steps: Mapping[str, _Step]) -> dict[str, Fraction] | Unknown:
    """How much the root moves for a unit of each node, over all paths; parents come first."""
    reach = dict.fromkeys(shape.names, Fraction(0))
    reach[shape.root] = Fraction(1)
    for parent, name in ((p, n) for p in shape.names if p in steps for n in steps[p].effects):
        multiplier = steps[parent].effects[name].multiplier
        if not isinstance(multiplier, Fraction):
            return Unknown(multiplier, f"in `{parent}`, `{name}` has no value to move from")
        reach[name] += reach[parent] * multiplier
    return reach


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    ends: tuple[Fraction, Fraction]
    multiplier: Fraction
    amount: Fraction
    residual: Fraction
    adds_up: bool


def _row(
    name: str,
    given: Mapping[str, tuple[Value, Value]],
    steps: Mapping[str, _Step],
    multiplier: Fraction,
    tolerance: float,
) -> _Row:
    computed = steps[name].computed if name in steps else None
    first, second = (
        value if isinstance(value, Fraction) else Fraction(0)
        for value in given.get(name, computed or ())
    )
    residual, adds_up = Fraction(0), True
    if computed is not None:
        residual = multiplier * ((second - first) - (computed[1] - computed[0]))
        pairs = ((first, computed[0]), (second, computed[1]))
        adds_up = all(is_close(measured, found, tolerance) for measured, found in pairs)
    amount = multiplier * (second - first)
    return _Row(name, (first, second), multiplier, amount, residual, adds_up)


def _are_products(shape: Shape, steps: Mapping[str, _Step]) -> bool:
    """Whether `lmdi` could take every node apart."""
    return all(
        isinstance(lmdi(shape.formulas[name], step.before, step.after), dict)
        for name, step in steps.items()
    )


def _told(
    row: _Row, shape: Shape, given: Mapping[str, tuple[Value, Value]], change: Fraction
) -> TreeNode:
    first, second = given.get(row.name, row.ends)
    formula = shape.formulas.get(row.name)
    return TreeNode(
        row.name,
        formula.drivers if formula else (),
        told(first),
        told(second),
        rounded(row.ends[1] - row.ends[0]),
        rounded(row.multiplier),
        rounded(row.amount),
        share(row.amount, change),
        rounded(row.residual),
        row.adds_up,
    )
