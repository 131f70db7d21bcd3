"""Many values to one: the aggregations, as dbt and SQL mean them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

Value = Any


class Undetermined(Exception):
    """More than one answer is right."""


def aggregate(
    agg: str,
    values: Iterable[Value],
    *,
    percentile: float | None = None,
    discrete: bool = False,
    is_grouped: bool = True,
) -> Value:
    """One number of the values of a group's rows, NULLs among them.

    A count over no rows is NULL; a distinct count is 0 without a group-by, and NULL with one
    (reference_semantics A.7).
    """
    rows = list(values)
    known = [v for v in rows if v is not None]
    match agg:
        case "count":
            return len(known) if rows else None
        case "sum_boolean":
            return sum(1 for v in known if v) if rows else None
        case "count_distinct":
            return len(set(known)) if rows or not is_grouped else None
    if not known:
        return None
    match agg:
        case "sum":
            return total(known)
        case "min":
            return min(known)
        case "max":
            return max(known)
        case "average":
            return math.fsum(float(v) for v in known) / len(known)
        case "median":
            return _continuous(known, 0.5)
        case "percentile":
            assert percentile is not None
            return _discrete(known, percentile) if discrete else _continuous(known, percentile)
        case "stddev" | "variance":
            return _spread(known, agg)
        case "any_value":
            if len(set(known)) > 1:
                raise Undetermined("any_value of several values")
            return known[0]
    raise AssertionError(agg)


def total(known: Sequence[Value]) -> Value:
    """The sum: integers and decimals exact, floats rounded once."""
    if any(isinstance(v, float) for v in known):
        return math.fsum(float(v) for v in known)
    if any(isinstance(v, Decimal) for v in known):
        return sum(known, Decimal(0))
    return sum(int(v) for v in known)


def _continuous(known: list[Value], share: float) -> float:
    """SQL's PERCENTILE_CONT: linear between the two nearest ranks."""
    ordered = sorted(float(v) for v in known)
    rank = share * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def _discrete(known: list[Value], share: float) -> Value:
    """SQL's PERCENTILE_DISC: the first value whose cumulative share reaches the percentile."""
    ordered = sorted(known)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-12) - 1)]


def _spread(known: list[Value], agg: str) -> float | None:
    """The sample's, as STDDEV and VARIANCE of SQL; one value has none."""
    if len(known) < 2:
        return None
    values = [Decimal(v) if not isinstance(v, float) else Decimal(repr(v)) for v in known]
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return float(variance) if agg == "variance" else float(variance.sqrt())
