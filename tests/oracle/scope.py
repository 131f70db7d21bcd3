"""What a metric is asked for: groups, conditions, the dates shown, and how time is moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from tests.oracle.joins import Unanswerable
from tests.oracle.names import Condition, Item
from tests.oracle.time import (
    GRAINS,
    add,
    after,
    as_moment,
    coarsest,
    finest,
    is_finer,
    length,
    truncate,
)


@dataclass(frozen=True)
class Bounds:
    """`start` and `end` as asked, inclusive, and the finest grain of `metric_time` asked (Q5)."""

    start: date | datetime | None = None
    end: date | datetime | None = None
    exact: bool = False
    unit: str | None = None
    ago: str | None = None
    """The span of equal length before (`prior_period`), or the same one so much earlier (Q6)."""

    def within(self, own: str) -> tuple[datetime | None, datetime | None]:
        """The first instant and the first one after, for a metric whose time has this grain."""
        low, high = self._asked(own)
        if self.ago is None or low is None or high is None:
            return low, high
        if self.ago != "prior_period":
            count, grain = length(self.ago)
            if all(truncate(t, "month") == t for t in (low, high)):  # whole months stay whole
                return add(low, -count, grain), add(high, -count, grain)
            tick = timedelta(microseconds=1)
            return add(low, -count, grain), add(high - tick, -count, grain) + tick
        if is_finer("week", own) and {truncate(t, own) for t in (low, high)} == {low, high}:
            months = (high.year - low.year) * 12 + high.month - low.month
            return add(low, -months, "month"), low
        return low - (high - low), low

    def _asked(self, own: str) -> tuple[datetime | None, datetime | None]:
        unit = self.unit or own
        low = high = None
        if self.start is not None:
            low = as_moment(self.start)
            low = low if self.exact else truncate(low, unit)
        if self.end is not None:
            end, whole = as_moment(self.end), not isinstance(self.end, datetime)
            if self.exact:
                high = add(end, 1, "day") if whole else end + timedelta(microseconds=1)
            else:
                high = after(end, coarsest(unit, "day") if whole else unit)
        return low, high

    def hold(self, moment: datetime | None, own: str) -> bool:
        low, high = self.within(own)
        if low is None and high is None:
            return True
        if moment is None:
            return False
        return (low is None or low <= moment) and (high is None or moment < high)


@dataclass(frozen=True)
class Shift:
    """An offset of an input: the value of another period is shown at this one."""

    window: str | None = None
    to_grain: str | None = None

    def source(
        self, start: datetime, end: datetime, asked: str, base: str
    ) -> tuple[datetime, datetime]:
        """Where the value shown for ``start <= t < end``, of the grain ``asked``, comes from.

        At a grain coarser than the offset's, whole periods move (X1, decisions 14); else the value
        is that of the period so much earlier. An offset to a grain is the value of the same-sized
        period at its start, and by weeks or coarser than it, of its first day (A.10).
        """
        if self.window is not None:
            count, grain = length(self.window)
            if is_finer(grain, asked) and not (asked == "week" and grain == "day"):
                if asked == "week":
                    raise Unanswerable("weeks do not move by parts of them")
                return add(start, -count, grain), add(end, -count, grain)
            if asked == "week" and grain not in ("week", "day"):
                raise Unanswerable("weeks have no calendar offset")
            moved = add(start, -count, grain)
            return moved, add(moved, 7, "day") if asked == "week" else after(moved, asked)
        assert self.to_grain is not None
        first = truncate(start, self.to_grain)
        if asked == "week" or is_finer(self.to_grain, asked):
            return first, after(first, base)
        return first, after(first, asked)

    def is_coarser(self, grain: str | None, asked: str) -> bool:
        """Whether rows are moved by whole periods that a condition looks into."""
        if self.window is None or self.moves_periods(asked):
            return False
        unit = length(self.window)[1]
        return is_finer("week", unit) and (grain is None or is_finer(grain, unit))

    def later(self, moment: datetime) -> datetime:
        """Where a row that is moved by a window is shown: by whole months, where it is months."""
        assert self.window is not None
        count, grain = length(self.window)
        return add(truncate(moment, grain) if is_finer("week", grain) else moment, count, grain)

    def moves_periods(self, asked: str) -> bool:
        """Whether it leads from a period to a period, rather than to a stretch of time."""
        if self.window is not None:
            return not is_finer(length(self.window)[1], asked)
        return asked != "week" and not is_finer(str(self.to_grain), asked)


@dataclass(frozen=True)
class Scope:
    """What is asked of a metric.

    ``shown`` are conditions on the output: their `metric_time` is the date shown. Below an offset,
    further conditions belong to the metric that is moved (``moved``: the date before the move), and
    below a cumulative metric to the rows that are accumulated, with their own time.
    """

    keys: tuple[Item, ...] = ()
    shown: tuple[Condition, ...] = ()
    moved: tuple[Condition, ...] = ()
    bounds: Bounds = Bounds()
    shifts: tuple[Shift, ...] = ()
    without: tuple[Item, tuple[Any, ...]] | None = None
    """A group-by, and its members whose rows do not count: for what is left over (Q8)."""

    def narrowed(self, conditions: Iterable[Condition]) -> Scope:
        """With more conditions, which belong to the dates that are shown, or moved."""
        more = tuple(conditions)
        if len(self.shifts) > 1 and any(c.is_timed for c in more):
            raise Unanswerable("a condition on time between two offsets")
        if self.shifts:
            return replace(self, moved=(*self.moved, *more))
        return replace(self, shown=(*self.shown, *more))

    def shifted(self, shift: Shift) -> Scope:
        """For an input that is moved in time."""
        if not self.times:
            raise Unanswerable("an offset without `metric_time`")
        if any(c.is_timed for c in self.moved):
            raise Unanswerable("a condition on time between two offsets")
        asked = self.finest_time
        if any(k.part for k in self.times):
            raise Unanswerable("an offset by date parts")
        grains = {k.grain for k in self.times}
        if "week" in grains and len(grains & {"month", "quarter", "year"}) and asked == "week":
            raise Unanswerable("an offset by weeks and months at once")
        if any(s.moves_periods(asked) != shift.moves_periods(asked) for s in self.shifts):
            raise Unanswerable("offsets of periods and of parts of them, nested")
        for condition in self.shown:
            for item in condition.items():
                if isinstance(item, Item) and item.is_time and shift.is_coarser(item.grain, asked):
                    raise Unanswerable("a condition on time finer than what rows are moved by")
        return replace(self, shifts=(*self.shifts, shift))

    @property
    def moves_rows(self) -> bool:
        """Whether each row is shown at a time of its own, and not with its whole period."""
        asked = self.finest_time
        return all(s.window is not None and not s.moves_periods(asked) for s in self.shifts)

    @property
    def times(self) -> tuple[Item, ...]:
        return tuple(k for k in self.keys if k.is_time)

    @property
    def finest_time(self) -> str:
        """The finest grain of `metric_time` among the groups; a date part needs days."""
        return finest(*(k.grain or "day" for k in self.times))

    def source(self, start: datetime, base: str) -> tuple[datetime, datetime]:
        """Where the value shown for a period comes from, after all offsets."""
        asked = self.finest_time
        low, high = start, after(start, asked)
        for shift in self.shifts:
            if shift.moves_periods(asked) or shift.to_grain:
                low, high = shift.source(low, after(low, asked), asked, base)
            else:
                low, high = shift.source(low, high, asked, base)
        return low, high


def base_of(own: str, scope: Scope) -> str:
    """The grain at which a spine has a date: the metric's own, days at the finest unless asked."""
    base = coarsest(own, "day")
    asked = [k.grain for k in scope.times if k.grain]
    return finest(base, *asked) if asked else base


__all__ = ["GRAINS", "Bounds", "Scope", "Shift", "base_of"]
