"""The segments in which an additive number moved more than was to be expected.

Adtributor (Bhagwan et al., "Adtributor: revenue debugging in advertising systems", NSDI 2014): an
element explains EP = (actual - expected) / (change of the whole), and surprises by how far its
share q of the actual whole is from its share p of the expected one:

    surprise = 1/2 * (p * ln(2p / (p + q)) + q * ln(2q / (p + q)))

Of each dimension the most surprising elements that explain more than 10 % are taken until they
explain 67 %; dimensions that get there are ranked by the surprise of these elements.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

from kpilayer.errors import Issue, QueryError
from kpilayer.kpi.attribution import TOLERANCE, Status
from kpilayer.kpi.exact import Number, Reason, exact, is_close, rounded, total

#: A measure by dimension, then by element; None, and an element that is not there, are 0.
ByDimension: TypeAlias = Mapping[str, Mapping[Hashable, Number | None]]

ELEMENT_EXPLAINS: Final = 0.10
DIMENSION_EXPLAINS: Final = 0.67
MOST_DIMENSIONS: Final = 3

_Elements: TypeAlias = Mapping[Hashable, Fraction]
_NONE: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class MovedElement:
    """An element that moved: ``explained`` is its part of the whole change, as a fraction."""

    element: Hashable
    expected: float
    actual: float
    change: float
    explained: float
    surprise: float


@dataclass(frozen=True, slots=True)
class MovedDimension:
    """A dimension whose few elements explain the change, and how surprising they are together."""

    dimension: str
    explained: float
    surprise: float
    elements: tuple[MovedElement, ...]


@dataclass(frozen=True, slots=True)
class MovedSegments:
    """Where the change is: the most surprising dimension first; none where it is everywhere.

    ``left_out`` are dimensions with elements below 0, which are no shares of the whole. Where
    ``status`` is ``undefined`` there are no numbers; ``reason`` and ``detail`` say why.
    """

    status: Status = "ok"
    expected: float | None = None
    actual: float | None = None
    change: float | None = None
    dimensions: tuple[MovedDimension, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: Reason | None = None
    detail: str = ""


def segments_that_moved(
    actual: ByDimension,
    expected: ByDimension,
    *,
    element_explains: float = ELEMENT_EXPLAINS,
    dimension_explains: float = DIMENSION_EXPLAINS,
    most: int = MOST_DIMENSIONS,
    tolerance: float = TOLERANCE,
) -> MovedSegments:
    """The dimensions, and elements of them, that explain why a number is not as expected.

    Both mappings hold an additive measure by dimension and element; ``expected`` may be an earlier
    period. Every dimension adds up to the same whole. Ratios do not: ``rate_and_mix`` is for them.

    >>> actual = {"region": {"eu": 60, "us": 100}, "device": {"app": 79, "web": 81}}
    >>> expected = {"region": {"eu": 100, "us": 100}, "device": {"app": 99, "web": 101}}
    >>> found = segments_that_moved(actual, expected)
    >>> [(d.dimension, [e.element for e in d.elements]) for d in found.dimensions]
    [('region', ['eu']), ('device', ['app', 'web'])]

    Raises:
        QueryError: ``bad-drivers`` where the mappings have other dimensions, none at all, or
            dimensions that add up to different wholes.
    """
    issues = _other_dimensions(actual, expected)
    if issues:
        raise QueryError(issues)
    numbers: dict[str, tuple[_Elements, _Elements]] = {}
    for name in actual:
        pair = _elements(expected[name]), _elements(actual[name])
        if pair[0] is None or pair[1] is None:
            return _undefined("not_finite", f"a value of `{name}` is not finite")
        numbers[name] = (pair[0], pair[1])
    wholes = {n: (total(f.values()), total(a.values())) for n, (f, a) in numbers.items()}
    issues = _different_wholes(wholes, tolerance)
    if issues:
        raise QueryError(issues)
    first, second = next(iter(wholes.values()))
    if first == second:
        return _undefined("no_change", "the number is as expected")
    if any(not side for pair in wholes.values() for side in pair):
        return _undefined("zero_denominator", "elements have no shares of a whole that is 0")
    shared = {n: pair for n, pair in numbers.items() if _have_shares(pair, wholes[n])}
    found = [
        _dimension(name, pair, wholes[name], element_explains, dimension_explains)
        for name, pair in shared.items()
    ]
    ranked = sorted((one for one in found if one), key=lambda one: -one.surprise)
    left_out = tuple(name for name in numbers if name not in shared)
    ends = (rounded(first), rounded(second), rounded(second - first))
    return MovedSegments("ok", *ends, tuple(ranked[:most]), left_out)


def _undefined(reason: Reason, detail: str) -> MovedSegments:
    return MovedSegments("undefined", reason=reason, detail=detail)


def _other_dimensions(actual: ByDimension, expected: ByDimension) -> list[Issue]:
    if not actual and not expected:
        return [Issue("bad-drivers", "there is no dimension to look into")]
    apart = [
        (name, "actual" if name in actual else "expected")
        for name in (*actual, *expected)
        if (name in actual) != (name in expected)
    ]
    return [Issue("bad-drivers", f"dimension `{n}` is in `{side}` only") for n, side in apart]


def _elements(values: Mapping[Hashable, Number | None]) -> _Elements | None:
    """The numbers of a dimension, no value as 0; None where one is not finite."""
    found = {}
    for element, value in values.items():
        number = exact(0 if value is None else value)
        if not isinstance(number, Fraction):
            return None
        found[element] = number
    return found


def _different_wholes(
    wholes: Mapping[str, tuple[Fraction, Fraction]], tolerance: float
) -> list[Issue]:
    """An issue for each dimension that does not add up to what the first one does."""
    (first, of_first), *others = wholes.items()
    issues = []
    for name, of_other in others:
        for side, left, right in zip(("expected", "actual"), of_first, of_other, strict=True):
            if not is_close(left, right, tolerance):
                sums = f"{rounded(left):g}, and `{name}` to {rounded(right):g}"
                message = f"`{first}` adds up to {sums} ({side})"
                hint = "a measure that is not additive, or rows in no element or in several"
                issues.append(Issue("bad-drivers", message, hint=hint))
    return issues


def _have_shares(pair: tuple[_Elements, _Elements], whole: tuple[Fraction, Fraction]) -> bool:
    return all(
        value / side >= 0
        for elements, side in zip(pair, whole, strict=True)
        for value in elements.values()
    )


def _dimension(
    name: str,
    pair: tuple[_Elements, _Elements],
    whole: tuple[Fraction, Fraction],
    element_explains: float,
    dimension_explains: float,
) -> MovedDimension | None:
    """The few elements that explain the change; None where no few do."""
    if whole[0] == whole[1]:
        return None
    rows = [
        _element(element, pair[0].get(element, _NONE), pair[1].get(element, _NONE), whole)
        for element in dict.fromkeys((*pair[0], *pair[1]))
    ]
    taken: list[MovedElement] = []
    for row in sorted(rows, key=lambda row: (-row.surprise, -abs(row.change))):
        if row.explained > element_explains:
            taken.append(row)
            explained = math.fsum(one.explained for one in taken)
            if explained > dimension_explains:
                surprise = math.fsum(one.surprise for one in taken)
                return MovedDimension(name, explained, surprise, tuple(taken))
    return None


def _element(
    element: Hashable, expected: Fraction, actual: Fraction, whole: tuple[Fraction, Fraction]
) -> MovedElement:
    change = actual - expected
    return MovedElement(
        element,
        rounded(expected),
        rounded(actual),
        rounded(change),
        rounded(change / (whole[1] - whole[0])),
        _surprise(rounded(expected / whole[0]), rounded(actual / whole[1])),
    )


def _surprise(p: float, q: float) -> float:
    """How far two shares are apart: 0 where they are equal, and where a share is 0, its limit."""
    return sum(share * math.log(2 * share / (p + q)) for share in (p, q) if share) / 2
