"""Segments of a ratio or an amount: how much of a change is theirs, how much is their mixture.

With a segment's rate r = N / D, its weight w = D / sum of D, and the rate R of all segments:

    rate_i = mean(w) * (r1 - r0)                 the segment itself got better or worse
    mix_i  = (w1 - w0) * (mean(r) - mean(R))     it has more or less of the whole

The means are over the two periods, so the parts change sign when these are swapped. They add up to
the change of R whatever the sign of N. A new or lost segment takes its rate from the period in
which it is there: it is all mixture.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from kpilayer.kpi.attribution import Status
from kpilayer.kpi.effect import TOO_LARGE, Unknown
from kpilayer.kpi.exact import Number, Reason, exact, rounded, share, total

Presence: TypeAlias = Literal["both", "new", "lost"]
#: Numerator and denominator, or quantity and amount, of each segment.
Segments: TypeAlias = Mapping[Hashable, tuple[Number | None, Number | None]]


@dataclass(frozen=True, slots=True)
class MixRow:
    """One segment: its rates, its weights as fractions of the whole, and its two parts.

    ``before`` and ``after`` are its rates (`price_volume_mix`: prices), None where it is not there.
    ``rate``, ``mix`` and their sum ``contribution`` are in units of what changed; ``share`` is that
    sum as a fraction of the change, None where that is 0.
    """

    segment: Hashable
    status: Presence
    before: float | None
    after: float | None
    before_weight: float
    after_weight: float
    rate: float
    mix: float
    contribution: float
    share: float | None


@dataclass(frozen=True, slots=True)
class RateAndMix:
    """The change of a ratio over all segments: ``change = rate + mix``, each a sum of rows.

    Where ``status`` is ``undefined`` there are no numbers; ``reason`` and ``detail`` say why.
    """

    status: Status = "ok"
    before: float | None = None
    after: float | None = None
    change: float | None = None
    rate: float | None = None
    mix: float | None = None
    rows: tuple[MixRow, ...] = ()
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PriceVolumeMix:
    """The change of an amount: ``change = volume + price + mix``, price and mix sums of rows.

    Where ``status`` is ``undefined`` there are no numbers; ``reason`` and ``detail`` say why.
    """

    status: Status = "ok"
    before: float | None = None
    after: float | None = None
    change: float | None = None
    volume: float | None = None
    price: float | None = None
    mix: float | None = None
    rows: tuple[MixRow, ...] = ()
    reason: Reason | None = None
    detail: str = ""


def rate_and_mix(before: Segments, after: Segments) -> RateAndMix:
    """How much of a ratio's change is that of its segments, how much that of their weights.

    Both mappings hold a numerator and a denominator for each segment. One that has neither (0 or
    None) in a period is not there then. A denominator of 0 below a numerator has no rate: the
    change cannot be shared out.

    >>> told = rate_and_mix({"goods": (72, 90), "services": (3, 10)},
    ...                     {"goods": (64, 80), "services": (7, 20)})
    >>> told.change, told.rate, told.mix
    (-0.04, 0.0075, -0.0475)
    """
    parts = _parts(before, after)
    if isinstance(parts, Unknown):
        return RateAndMix("undefined", reason=parts.reason, detail=parts.detail)
    change = parts.after_rate - parts.before_rate
    rows = tuple(_row(one, Fraction(1), change) for one in parts.segments)
    told = RateAndMix(
        "ok",
        rounded(parts.before_rate),
        rounded(parts.after_rate),
        rounded(change),
        rounded(total(one.rate for one in parts.segments)),
        rounded(total(one.mix for one in parts.segments)),
        rows,
    )
    if _has_infinity(told.before, told.after, told.change, told.rate, told.mix):
        return RateAndMix("undefined", reason=TOO_LARGE.reason, detail=TOO_LARGE.detail)
    return told


def price_volume_mix(before: Segments, after: Segments) -> PriceVolumeMix:
    """How much of an amount's change is more or less sold, other prices, and another assortment.

    Both mappings hold a quantity and an amount for each segment; quantities must be of one unit.
    With all quantities Q and the mean price P = amount / Q, volume is the change of Q at the mean
    of both P; price and mix are rate and mix of P (see the module) at the mean of both Q.

    >>> told = price_volume_mix({"a": (100, 1000), "b": (100, 2000)},
    ...                         {"a": (180, 1800), "b": (60, 1320)})
    >>> told.change, told.volume, told.price, told.mix
    (120.0, 560.0, 165.0, -605.0)
    """
    parts = _parts(_flipped(before), _flipped(after))
    if isinstance(parts, Unknown):
        return PriceVolumeMix("undefined", reason=parts.reason, detail=parts.detail)
    quantity = (parts.before_whole + parts.after_whole) / 2
    amounts = parts.before_rate * parts.before_whole, parts.after_rate * parts.after_whole
    change = amounts[1] - amounts[0]
    mean_price = (parts.before_rate + parts.after_rate) / 2
    rows = tuple(_row(one, quantity, change) for one in parts.segments)
    told = PriceVolumeMix(
        "ok",
        rounded(amounts[0]),
        rounded(amounts[1]),
        rounded(change),
        rounded((parts.after_whole - parts.before_whole) * mean_price),
        rounded(quantity * total(one.rate for one in parts.segments)),
        rounded(quantity * total(one.mix for one in parts.segments)),
        rows,
    )
    if _has_infinity(told.before, told.after, told.change, told.volume, told.price, told.mix):
        return PriceVolumeMix("undefined", reason=TOO_LARGE.reason, detail=TOO_LARGE.detail)
    return told


def _flipped(segments: Segments) -> Segments:
    return {name: (amount, quantity) for name, (quantity, amount) in segments.items()}


_Pair: TypeAlias = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class _Part:
    """A segment: rates, or None where it is not there, weights, and the two parts of the change."""

    segment: Hashable
    rates: tuple[Fraction | None, Fraction | None]
    weights: _Pair
    rate: Fraction
    mix: Fraction


@dataclass(frozen=True, slots=True)
class _Parts:
    before_whole: Fraction
    after_whole: Fraction
    before_rate: Fraction
    after_rate: Fraction
    segments: tuple[_Part, ...]


def _parts(before: Segments, after: Segments) -> _Parts | Unknown:
    first, second = _present(before, "before"), _present(after, "after")
    if isinstance(first, Unknown):
        return first
    if isinstance(second, Unknown):
        return second
    wholes = [total(d for _, d in pairs.values()) for pairs in (first, second)]
    for whole, word in zip(wholes, ("before", "after"), strict=True):
        if not whole:
            return Unknown("zero_denominator", f"denominators add up to 0 {word}")
    d0, d1 = wholes
    r0 = total(n for n, _ in first.values()) / d0
    r1 = total(n for n, _ in second.values()) / d1
    segments = tuple(
        _part(name, (first.get(name), second.get(name)), (d0, d1), (r0 + r1) / 2)
        for name in dict.fromkeys((*first, *second))
    )
    return _Parts(d0, d1, r0, r1, segments)


def _part(
    segment: Hashable,
    pairs: tuple[_Pair | None, _Pair | None],
    wholes: _Pair,
    mean_of_all: Fraction,
) -> _Part:
    first, second = (pair[0] / pair[1] if pair else None for pair in pairs)
    weights = [pair[1] / d if pair else Fraction(0) for pair, d in zip(pairs, wholes, strict=True)]
    r0, r1 = (second if first is None else first), (first if second is None else second)
    assert r0 is not None and r1 is not None, "a segment is there in one of the periods"
    rate = (weights[0] + weights[1]) / 2 * (r1 - r0)
    mix = (weights[1] - weights[0]) * ((r0 + r1) / 2 - mean_of_all)
    return _Part(segment, (first, second), (weights[0], weights[1]), rate, mix)


def _present(segments: Segments, word: str) -> dict[Hashable, _Pair] | Unknown:
    """The segments that are there in a period; unknown where one of them has no rate."""
    found: dict[Hashable, _Pair] = {}
    for name, pair in segments.items():
        numerator, denominator = map(exact, pair)
        if all(value in ("no_value", 0) for value in (numerator, denominator)):
            continue
        for value in (numerator, denominator):
            if not isinstance(value, Fraction):
                return Unknown(value, f"segment `{name}` lacks one of its two values {word}")
        assert isinstance(numerator, Fraction) and isinstance(denominator, Fraction)
        if not denominator:
            return Unknown("zero_denominator", f"segment `{name}` has the denominator 0 {word}")
        found[name] = (numerator, denominator)
    return found


def _row(one: _Part, scale: Fraction, change: Fraction) -> MixRow:
    """The row of a segment; its parts are ``scale`` times those of the rate."""
    first, second = (None if rate is None else rounded(rate) for rate in one.rates)
    both = scale * (one.rate + one.mix)
    return MixRow(
        one.segment,
        "new" if first is None else "lost" if second is None else "both",
        first,
        second,
        rounded(one.weights[0]),
        rounded(one.weights[1]),
        rounded(scale * one.rate),
        rounded(scale * one.mix),
        rounded(both),
        share(both, change),
    )


def _has_infinity(*numbers: float | None) -> bool:
    return any(number is not None and math.isinf(number) for number in numbers)
