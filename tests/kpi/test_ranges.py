"""Bounds, ranges, overrides and confirmation as values."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from kpilayer.calendar import Calendar
from kpilayer.kpi.confirmation import Confirm, Times, confirmed, times
from kpilayer.kpi.health import Attainment, Exclusion
from kpilayer.kpi.periods import Periods, periods_of
from kpilayer.kpi.ranges import (
    Bounds,
    Level,
    Override,
    Range,
    Relative,
    TargetPath,
    applied,
    place,
    room,
)
from kpilayer.kpi.robust import mad, theil_sen

ANY = Range(Bounds(min=1))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Bounds(2, 1), "min 2 is above max 1"),
        (lambda: Bounds(min=float("nan")), "must be a number"),
        (lambda: Range(Bounds(min=1), Bounds(min=2)), "critical min lies inside"),
        (lambda: Range(Bounds(max=2), Bounds(max=1)), "critical max lies inside"),
        (lambda: Range(Bounds(min=1), Bounds(max=9)), "critical max lies inside"),
        (lambda: Override(months=(1,)), "needs a range"),
        (lambda: Override(ANY), "needs months, days or weekdays"),
        (lambda: Override(ANY, months=(13,)), "months are 1 to 12, not 13"),
        (lambda: Override(ANY, weekdays=("mon",)), "`mon` is no day of the week"),
        (lambda: Relative("trailing", "mad", ANY, history=1), "must be 2 or more"),
        (lambda: Relative("target_path", "abs", ANY), "`path` belongs to `target_path`"),
        (lambda: TargetPath(1, date(2026, 1, 1), 2, date(2026, 1, 1)), "is not after"),
        (lambda: times("two of three"), "does not say how often"),
        (lambda: times("3 of 2"), "`3 of 2`"),
        (lambda: times(0), "`0 of 0`"),
        (lambda: Exclusion(date(2026, 1, 2), date(2026, 1, 1)), "before it starts"),
        (lambda: Attainment(1.5, 12), "a share from 0 to 1"),
        (lambda: Attainment(0.9, 0), "1 period or more"),
        (lambda: Periods("hour"), "days or longer, not `hour`"),
        (lambda: Periods("month", (date(2026, 2, 1), date(2026, 1, 1))), "in order"),
    ],
)
def test_values_without_meaning_are_refused(wrong, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=says):
        wrong()


def test_equal_bounds_and_ranges_are_allowed() -> None:
    assert place(1, Range(Bounds(1, 1), Bounds(1, 1))) == ("healthy", None)
    assert place(2, Range(Bounds(1, 1), Bounds(1, 1))) == ("breach", "above_critical")


def test_without_bounds_everything_is_healthy() -> None:
    assert place(-1e300, Range(Bounds())) == ("healthy", None)


@pytest.mark.parametrize(
    ("value", "bounds", "left"),
    [
        (5, Bounds(3, 9), 2),
        (8, Bounds(3, 9), 1),
        (10, Bounds(3, 9), -1),
        (1, Bounds(min=3), -2),
        (1, Bounds(), None),
    ],
)
def test_room_is_to_the_nearest_bound(value: float, bounds: Bounds, left: float | None) -> None:
    assert room(value, bounds) == left


# -------------------------------------------------------------------------------------- overrides


@pytest.mark.parametrize(
    ("override", "holds"),
    [
        (Override(ANY, months=(5,)), True),
        (Override(ANY, months=(4, 6)), False),
        (Override(ANY, start=date(2026, 5, 4)), True),
        (Override(ANY, start=date(2026, 5, 5)), False),
        (Override(ANY, end=date(2026, 5, 4)), True),
        (Override(ANY, end=date(2026, 5, 3)), False),
        (Override(ANY, weekdays=("monday",)), True),
        (Override(ANY, weekdays=("tuesday",)), False),
        (Override(ANY, months=(5,), weekdays=("tuesday",)), False),
    ],
)
def test_overrides_are_about_periods_that_begin_in_them(override: Override, holds: bool) -> None:
    assert override.holds(date(2026, 5, 4)) is holds  # a Monday


def test_the_first_override_that_has_a_range_counts() -> None:
    first, second = Range(Bounds(min=2)), Range(Bounds(min=3))
    growth = Relative("previous", "pct", ANY)
    overrides = (
        Override(first, months=(5,), reason="one"),
        Override(second, growth, months=(5,), reason="two"),
    )
    found = applied(ANY, None, overrides, date(2026, 5, 1))
    assert (found.range, found.relative, found.note) == (first, growth, "one; two")
    assert applied(ANY, None, overrides, date(2026, 6, 1)).range == ANY


# ----------------------------------------------------------------------------------- confirmation

H: Level = "healthy"
W: Level = "warning"
B: Level = "breach"


@pytest.mark.parametrize(
    ("earlier", "raw", "status"),
    [
        ([], W, H),
        ([W], W, W),
        ([W, H], W, W),
        ([W, H, H], W, H),
        ([W, W, W], H, H),
        ([], B, B),
        ([B], W, W),
        ([B, H, H], W, H),
    ],
)
def test_two_of_three_warnings_and_one_breach_by_default(
    earlier: list[Level], raw: Level, status: Level
) -> None:
    assert confirmed(Confirm(), earlier, raw) == status


@pytest.mark.parametrize(
    ("earlier", "raw", "status"),
    [
        ([], B, H),
        ([B], B, B),
        ([B, H], B, W),
        ([W], B, W),
        ([H, H], B, H),
        ([B, B], W, W),
        ([B, B], H, H),
    ],
)
def test_a_breach_twice_in_a_row_is_a_warning_before(
    earlier: list[Level], raw: Level, status: Level
) -> None:
    assert confirmed(Confirm(breach=Times(2, 2)), earlier, raw) == status


# ---------------------------------------------------------------------------------------- periods


def test_periods_end_where_the_next_begins() -> None:
    assert Periods("month").end(date(2026, 2, 1)) == date(2026, 3, 1)
    assert Periods("week").end(date(2026, 12, 28)) == date(2027, 1, 4)
    assert periods_of("yearly", Calendar(fiscal_year_start="april")).holding(
        date(2026, 2, 1)
    ) == date(2025, 4, 1)


def test_a_year_before_is_by_name_or_by_52_weeks() -> None:
    assert Periods("quarter").year_before(date(2026, 4, 1)) == date(2025, 4, 1)
    assert Periods("week").year_before(date(2026, 5, 4)) == date(2025, 5, 5)
    assert Periods("month").year_before(date(1, 5, 1)) is None
    assert Periods("day").before(date.min) is None


def test_weeks_of_a_season_have_one_number() -> None:
    week = Periods("week")
    assert week.season(date(2026, 1, 5)) == 2
    assert week.season(date(2026, 12, 28)) == week.season(date(2026, 12, 21)) == 52  # 53 and 52
    assert Periods("year").season(date(2026, 1, 1)) == Periods("year").season(date(2025, 1, 1))


def test_periods_of_a_spine_are_known_by_their_starts() -> None:
    """Three periods of 4, 4 and 5 weeks, twice; the last start ends the last one."""
    starts = [date(2026, 1, 5)]
    for weeks in (4, 4, 5, 4, 4, 5):
        starts.append(date.fromordinal(starts[-1].toordinal() + 7 * weeks))
    spine = Periods("month", tuple(starts))
    assert spine.end(starts[2]) == starts[3] == date(2026, 4, 6)
    assert spine.holding(date(2026, 4, 5)) == starts[2]
    assert (spine.holding(date(2026, 1, 4)), spine.holding(starts[-1])) == (None, None)
    assert (spine.before(starts[0]), spine.before(starts[1])) == (None, starts[0])
    assert spine.year_before(starts[3]) is None
    assert list(spine.until(starts[4], datetime(2030, 1, 1))) == starts[4:6]


# ------------------------------------------------------------------------------------- statistics


def test_mad_is_the_median_of_distances() -> None:
    """3, 5, 8, 100: median 6.5, distances 3.5, 1.5, 1.5, 93.5, their median 2.5."""
    assert mad([100, 3, 8, 5]) == 2.5


def test_one_wild_point_does_not_turn_the_line() -> None:
    assert theil_sen([(0, 1), (1, 3), (2, 5), (3, 7), (4, -500)]) == (2.0, 1.0)
    assert theil_sen([(1, 1), (1, 2)]) is None
