"""Shapley: the change shared out as the mean over all orders in which drivers could have moved.

c_j = sum over S without j of |S|! (n - |S| - 1)! / n! * [f(S and j moved) - f(S moved)], which adds
up exactly, changes sign when the periods are swapped, gives equal shares to equal moves and nothing
to what has not moved (Shapley, "A value for n-person games", 1953). Two factors: the midpoint rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import factorial
from typing import Final

from kpilayer.kpi.effect import Effect, Unknown
from kpilayer.kpi.exact import Value, total
from kpilayer.kpi.formulas import Formula, Node, slope_of, value_of

#: Drivers of one formula: each more doubles the work.
MOST_DRIVERS: Final = 10
_BETWEEN: Final = "the formula has no value where only some of its drivers have moved"


def shapley(
    formula: Formula, before: Mapping[str, Value], after: Mapping[str, Value]
) -> dict[str, Effect] | Unknown:
    """The effect of each driver, exactly; unknown where some mixture of the periods has no value.

    Only what has moved is put into all orders: the rest has no effect in any of them.
    """
    moved = tuple(name for name in formula.drivers if before[name] != after[name])
    found = _mixtures(lambda values: value_of(formula.tree, values), moved, before, after)
    if isinstance(found, Unknown):
        return found
    effects = {}
    for name in formula.drivers:
        if name in moved:
            amount = _share(found, 1 << moved.index(name), len(moved))
            effects[name] = Effect(amount, _per_unit(amount, before[name], after[name]))
        else:
            slope = _mean_slope(formula.tree, name, moved, before, after)
            effects[name] = Effect(Fraction(0), slope)
    return effects


def _mixtures(
    of: Callable[[Mapping[str, Value]], Value],
    moved: tuple[str, ...],
    before: Mapping[str, Value],
    after: Mapping[str, Value],
) -> list[Fraction] | Unknown:
    """A value for each set of drivers that have moved; bit i of the index is driver i."""
    values = []
    for chosen in range(1 << len(moved)):
        switched = {name: after[name] for i, name in enumerate(moved) if chosen >> i & 1}
        value = of({**before, **switched})
        if not isinstance(value, Fraction):
            return Unknown(value, _BETWEEN)
        values.append(value)
    return values


def _share(values: list[Fraction], bit: int, count: int) -> Fraction:
    """What a driver adds, on average over all orders."""
    by_size = [Fraction(0)] * count
    for chosen, value in enumerate(values):
        if not chosen & bit:
            by_size[chosen.bit_count()] += values[chosen | bit] - value
    return total(_weight(size, count) * added for size, added in enumerate(by_size))


def _weight(size: int, count: int) -> Fraction:
    """The share of orders in which exactly these ``size`` others come before a driver."""
    return Fraction(factorial(size) * factorial(count - size - 1), factorial(count))


def _per_unit(amount: Fraction, before: Value, after: Value) -> Value:
    if isinstance(before, Fraction) and isinstance(after, Fraction):
        return amount / (after - before)
    return "no_value"  # from no value to 0 there is an effect, and no distance


def _mean_slope(
    tree: Node,
    name: str,
    moved: tuple[str, ...],
    before: Mapping[str, Value],
    after: Mapping[str, Value],
) -> Value:
    """What a unit of a driver that has not moved would have added: the limit of small moves."""
    slopes = _mixtures(lambda values: slope_of(tree, name, values), moved, before, after)
    if isinstance(slopes, Unknown):
        return slopes.reason
    count = len(moved) + 1
    return total(_weight(chosen.bit_count(), count) * s for chosen, s in enumerate(slopes))
