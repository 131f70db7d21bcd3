"""Contracts: what must hold for the numbers of a metric, asked of the target's data.

Every number comes from a question that is compiled as any other is, so contracts hold on every
dialect. No value is no violation: NULL is neither negative nor out of bounds, and breaks no row of
rising values. Two metrics that reconcile, however, must both have a value or differ from nothing:
there, no value counts as 0.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Context, Decimal, localcontext
from functools import partial
from itertools import pairwise
from typing import Final, Protocol, TypeVar

from kpilayer import grain
from kpilayer.errors import Issue, KpilayerError, QueryError
from kpilayer.formula.times import default_grain
from kpilayer.identity import Identity
from kpilayer.model.metric_parts import Contracts
from kpilayer.plan.query import Query
from kpilayer.verify.compare import TOLERANCE, same_number
from kpilayer.verify.outcome import Outcome, Status, of_issues

T = TypeVar("T")
Number = int | float | Decimal
#: Period (None: rows without a date) and value.
Series = Sequence[tuple[object, Number | None]]
_SHOWN: Final = 3


class Ask(Protocol):
    """Gives the rows that answer a question, from the target's data."""

    def __call__(self, query: Query) -> Sequence[tuple[object, ...]]:
        """The rows of the answer, group-bys first."""
        ...


def run(identity: Identity, metrics: Iterable[str], ask: Ask) -> Iterator[Outcome]:
    """The outcome of every contract of these metrics, in order."""
    for metric in metrics:
        agreed = identity.catalog.metrics[metric].contracts
        if agreed is None:
            continue
        numbers = _Numbers(identity, metric, ask)
        for key, check in _checks(agreed, numbers):
            began = time.perf_counter()
            try:
                message = check()
                status: Status = "failed" if message else "passed"
                outcome = Outcome("contract", metric, key, status, message)
            except KpilayerError as error:
                outcome = of_issues("contract", metric, key, error.issues)
            place = identity.catalog.definitions.at("metric", metric, "contracts", key)
            yield replace(outcome, location=place, seconds=time.perf_counter() - began)


def _checks(agreed: Contracts, numbers: _Numbers) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each contract by its key, with what finds why it does not hold; empty where it does."""
    if agreed.never_negative:
        yield "never_negative", lambda: _within(numbers, 0, None)
    if agreed.monotone:
        down = agreed.monotone == "decreasing"
        yield "monotone", lambda: _monotone(numbers, down)
    if agreed.between is not None:
        low, high = agreed.between
        yield "between", lambda: _within(numbers, low, high)
    if agreed.sums_to is not None:
        dimension = agreed.sums_to["dimension"]
        yield "sums_to", lambda: _sums_to(numbers, dimension)
    if agreed.reconciles_with is not None:
        other, tolerance = agreed.reconciles_with.metric, agreed.reconciles_with.tolerance
        yield "reconciles_with", lambda: _reconciles(numbers, other, tolerance)


@dataclass(frozen=True)
class _Numbers:
    """The numbers of one metric, each asked for once."""

    identity: Identity
    metric: str
    ask: Ask
    _known: dict[tuple[str, ...], Series] = field(default_factory=dict)

    @property
    def grain(self) -> str | None:
        """The grain of its time where a question names none; None without time."""
        return default_grain(self.identity.graph, self.metric)

    @property
    def needs_time(self) -> bool:
        """Whether it has no value over everything, only one for each period."""
        return self.grain is not None and _unless_needs_time(partial(self.by, "")) is None

    def total(self) -> Number | None:
        """Its value over everything."""
        return self.by("")[0][1]

    def by(self, *groups: str) -> Series:
        """Its value by group-bys, the first of which is told; over everything, it is one row."""
        groups = tuple(filter(None, groups))
        if groups not in self._known:
            rows = self.ask(Query((self.metric,), groups, order_by=groups))
            values = [_number(row[-1], self.metric) for row in rows]
            periods = [row[0] if groups else "" for row in rows]
            self._known[groups] = list(zip(periods, values, strict=True))
        return self._known[groups]

    def over_time(self, *groups: str) -> Series:
        """Its value in each period of its default grain; empty for a metric without time."""
        return () if self.grain is None else self.by(f"metric_time__{self.grain}", *groups)


def _unless_needs_time(ask: Callable[[], T]) -> T | None:
    """What is asked, or None where only periods have a value: of a growth, or of a window."""
    try:
        return ask()
    except QueryError as error:
        if any(issue.code != "needs-time" for issue in error.issues):
            raise
        return None


def _number(value: object, metric: str) -> Number | None:
    if value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool)):
        return value
    message = f"`{metric}` is no number, which its contract needs"
    raise QueryError(Issue("type-mismatch", message))


# --------------------------------------------------------------------------------- single contracts


def _within(numbers: _Numbers, low: Number | None, high: Number | None) -> str:
    """Why a metric leaves its bounds, in total or in a period. NaN lies in none."""

    def is_outside(value: Number) -> bool:
        above = low is None or value >= low
        return not (above and (high is None or value <= high))

    found = []
    total = None if numbers.needs_time else numbers.total()
    bounds = "below 0" if high is None else f"outside {_shown(low)} to {_shown(high)}"
    if total is not None and is_outside(total):
        found.append(f"{_shown(total)} in total")
    series = numbers.over_time()
    outside = [
        (period, value) for period, value in series if value is not None and is_outside(value)
    ]
    if outside:
        number = _of(len(outside), len(series), numbers.grain)
        found.append(f"in {number}, as {_examples(outside, numbers.grain)}")
    return f"`{numbers.metric}` is {bounds}: {'; '.join(found)}" if found else ""


def _monotone(numbers: _Numbers, down: bool) -> str:
    """Where a metric falls, or rises, along its time. A period without value is passed over."""
    unit = numbers.grain
    rows = [(period, value) for period, value in numbers.over_time() if period is not None]
    if unit is None:
        message = (
            f"`{numbers.metric}` has no time along which it could {'fall' if down else 'rise'}"
        )
        raise QueryError(Issue("no-time-dimension", message))
    known = [(period, value) for period, value in rows if value is not None]
    broken = []
    for (_, before), (period, value) in pairwise(known):
        if not (value <= before if down else value >= before):
            broken.append((period, before, value))
    if not broken:
        return ""
    verb = "rises" if down else "falls"
    number = _of(len(broken), len(rows), unit)
    examples = ", ".join(
        f"{_period(period, unit)} ({_shown(before)} to {_shown(value)})"
        for period, before, value in broken[:_SHOWN]
    )
    return f"`{numbers.metric}` {verb} in {number}, as {examples}{_more(len(broken))}"


def _sums_to(numbers: _Numbers, dimension: str) -> str:
    """Why the parts by a dimension are not the total; rows without a value of it are a part.

    A metric that has values in periods only is the sum of its parts in each of them.
    """
    if numbers.needs_time:
        wholes, series = numbers.over_time(), numbers.over_time(dimension)
    else:
        wholes, series = numbers.by(""), numbers.by(dimension)
    parts: dict[object, list[Number]] = {period: [] for period, _ in wholes}
    for period, value in series:
        if value is not None:
            parts.setdefault(period if numbers.needs_time else "", []).append(value)
    totals = dict(wholes)
    apart = []
    for period, known in parts.items():
        total = totals.get(period)
        if not _add_up(known, total or 0):
            apart.append((period, _sum(known), total))
    if not apart:
        return ""
    what = f"parts of `{numbers.metric}` by `{dimension}`"
    period, added, total = apart[0]
    sums = f"{_shown(added)}, and the total is {_shown(total)}"
    if not numbers.needs_time:
        distance = _shown(_minus(added, total or 0))
        return f"the {len(series):,} {what} add up to {sums}: {distance} apart"
    share = _of(len(apart), len(parts), numbers.grain)
    first = _period(period, numbers.grain or "")
    return f"{what} do not add up in {share}, as {first}: {sums}"


def _add_up(parts: Sequence[Number], whole: Number) -> bool:
    added = _sum(parts)
    is_equal = same_number(added, whole)
    if is_equal or not any(isinstance(value, float) for value in (*parts, whole)):
        return is_equal
    size = max(sum(abs(float(value)) for value in parts), abs(float(whole)))
    return abs(float(added) - float(whole)) <= TOLERANCE * size


def _reconciles(numbers: _Numbers, other: str, tolerance: float) -> str:
    """Where a metric differs from another by more than a share of the other."""
    graph = numbers.identity.graph
    grains = [default_grain(graph, name) for name in (numbers.metric, other)]
    units = [unit for unit in grains if unit is not None]
    unit = graph.catalog.calendar.coarsest(units) if len(units) == 2 else None
    found = []
    for group in ("", f"metric_time__{unit}") if unit else ("",):
        groups = (group,) if group else ()
        query = Query((numbers.metric, other), groups, order_by=groups)
        asked = partial(numbers.ask, query)
        rows = asked() if group or not unit else _unless_needs_time(asked)
        pairs = [
            (row[0], _number(row[-2], numbers.metric), _number(row[-1], other))
            for row in rows or ()
        ]
        apart = [(p, a, b) for p, a, b in pairs if _are_apart(a or 0, b or 0, tolerance)]
        if not apart:
            continue
        examples = ", ".join(
            f"{_period(period, unit or '') + ': ' if group else ''}{_shown(a)} and {_shown(b)}"
            for period, a, b in apart[:_SHOWN]
        )
        where = f"in {_of(len(apart), len(pairs), unit)}, as " if group else "in total, "
        found.append(f"{where}{examples}{_more(len(apart))}")
    if not found:
        return ""
    allowed = f" by more than {tolerance * 100:.6g} %" if tolerance else ""
    return f"`{numbers.metric}` differs from `{other}`{allowed}: {'; '.join(found)}"


def _are_apart(one: Number, other: Number, tolerance: float) -> bool:
    if same_number(one, other):
        return False
    if isinstance(one, float) or isinstance(other, float):
        return not abs(float(one) - float(other)) <= tolerance * abs(float(other))
    with localcontext(Context(prec=200)):
        return abs(Decimal(one) - Decimal(other)) > Decimal(repr(tolerance)) * abs(Decimal(other))


# ------------------------------------------------------------------------------------------ numbers


def _sum(values: Sequence[Number]) -> Number:
    """Exact for whole numbers and decimals, and without the error of the order for the others."""
    if any(isinstance(value, float) for value in values):
        return math.fsum(float(value) for value in values)
    with localcontext(Context(prec=200)):
        return sum((Decimal(value) for value in values), start=Decimal(0))


def _minus(one: Number, other: Number) -> Number:
    if isinstance(one, float) or isinstance(other, float):
        return float(one) - float(other)
    with localcontext(Context(prec=200)):
        return Decimal(one) - Decimal(other)


def _shown(value: Number | None) -> str:
    match value:
        case None:
            return "no value"
        case Decimal():
            return f"{value:,f}" if value.is_finite() else str(value)
        case float() if math.isfinite(value):
            return f"{value:,.10g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


# ------------------------------------------------------------------------------------------ wording


def _of(number: int, all_of_them: int, unit: str | None) -> str:
    return f"{number:,} of {all_of_them:,} {unit}s"


def _examples(found: Sequence[tuple[object, Number | None]], unit: str | None) -> str:
    shown = (f"{_period(period, unit or '')} ({_shown(value)})" for period, value in found[:_SHOWN])
    return ", ".join(shown) + _more(len(found))


def _more(number: int) -> str:
    return f" and {number - _SHOWN:,} more" if number > _SHOWN else ""


def _period(value: object, unit: str) -> str:
    """A period by its first day, as results show it."""
    if value is None:
        return "without a date"
    if isinstance(value, datetime) and unit and grain.is_date(unit):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
