"""LMDI-I, additive: the change of a product shared out by logarithms.

For y = k * x1^e1 * x2^e2 .., c_j = L(y1, y0) * e_j * ln(x1_j / x0_j) with the logarithmic mean
L(a, b) = (a - b) / (ln a - ln b), L(a, a) = a (Ang, "LMDI decomposition approach: a guide for
implementation", Energy Policy 86, 2015). Adds up exactly, and nesting changes nothing. Zeros and
negative numbers have no logarithm: they are refused, never replaced by small numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from kpilayer.errors import listing
from kpilayer.kpi.effect import TOO_LARGE, Effect, Unknown
from kpilayer.kpi.exact import Value
from kpilayer.kpi.formulas import Formula, Powers, powers_of


def lmdi(
    formula: Formula, before: Mapping[str, Value], after: Mapping[str, Value]
) -> dict[str, Effect] | Unknown:
    """The effect of each driver of a product or ratio of positive numbers; else why not."""
    powers = powers_of(formula.tree)
    if powers is None:
        detail = "`lmdi` takes products and ratios apart, and the formula is neither"
        return Unknown("method_not_applicable", detail)
    first, second = _positive(formula, before), _positive(formula, after)
    if first is None or second is None:
        low = [n for n in formula.drivers if not _is_positive(before[n], after[n])]
        detail = f"`lmdi` needs values above 0; {listing(low)} has others"
        return Unknown("method_not_applicable", detail)
    try:
        mean = _log_mean(_product(powers, second), _product(powers, first))
    except OverflowError:
        return TOO_LARGE
    effects = {}
    for name in formula.drivers:
        x0, x1 = first[name], second[name]
        weight = powers.factor * powers.exponents[name] * Fraction(mean)
        amount = weight * Fraction(_log_ratio(x1, x0))
        effects[name] = Effect(amount, weight / Fraction(_log_mean(x1, x0)))
    return effects


def _positive(formula: Formula, values: Mapping[str, Value]) -> dict[str, Fraction] | None:
    kept = {n: v for n in formula.drivers if isinstance(v := values[n], Fraction) and v > 0}
    return kept if len(kept) == len(formula.drivers) else None


def _is_positive(*values: Value) -> bool:
    return all(isinstance(value, Fraction) and value > 0 for value in values)


def _product(powers: Powers, values: Mapping[str, Fraction]) -> Fraction:
    """The value without the factor, which may be negative."""
    return math.prod((values[n] ** e for n, e in powers.exponents.items()), start=Fraction(1))


def _log_mean(a: Fraction, b: Fraction) -> float:
    """The logarithmic mean of two positive numbers, precise where they are close."""
    return float(a) if a == b else float(a - b) / _log_ratio(a, b)


def _log_ratio(a: Fraction, b: Fraction) -> float:
    """The logarithm of a / b, precise where it is close to 0."""
    if Fraction(1, 2) < a / b < 2:
        return math.log1p(float((a - b) / b))
    return _log(a) - _log(b)


def _log(value: Fraction) -> float:
    return math.log(value.numerator) - math.log(value.denominator)
