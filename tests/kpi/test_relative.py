"""What values are compared with; the numbers are worked by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pytest

from kpilayer.kpi.confirmation import Confirm, Times
from kpilayer.kpi.health import Clock, Health, Observation
from kpilayer.kpi.periods import Cadence, Periods, periods_of
from kpilayer.kpi.ranges import Bounds, Override, Range, Relative, TargetPath
from kpilayer.kpi.seasonal import seasonal_band
from kpilayer.kpi.series import series_of
from kpilayer.kpi.verdict import Verdict, evaluate_health

AT_ONCE = Confirm(Times(1, 1), Times(1, 1))
MRR = Relative("previous", "pct", Range(Bounds(min=0.0), Bounds(min=-0.02)))
STARTS: dict[Cadence, date] = {
    "daily": date(2026, 1, 5),
    "weekly": date(2026, 1, 5),
    "monthly": date(2025, 1, 1),
    "yearly": date(2010, 1, 1),
}


def judged(
    health: Health, values: Sequence[float | None], periods: Periods | None = None
) -> tuple[Verdict, ...]:
    """Verdicts of consecutive periods, all of them closed."""
    periods = periods or periods_of(health.cadence)
    seen, start = [], STARTS[health.cadence]
    for value in values:
        seen.append(Observation(start, value))
        start = periods.end(start)
    now = datetime.combine(start, datetime.min.time()) + timedelta(hours=1)
    return evaluate_health(health, seen, Clock(now))[: len(values)]


def last(health: Health, *values: float | None) -> Verdict:
    return judged(health, values)[-1]


def told(verdict: Verdict) -> tuple[str, ...]:
    return (verdict.status, *verdict.reasons)


def monthly(relative: Relative, static: Range | None = None) -> Health:
    return Health("monthly", static, relative, confirm=AT_ONCE)


# --------------------------------------------------------------------------------------- previous


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (500, 500, ("healthy",)),
        (500, 499, ("warning", "relative_below_healthy")),
        (500, 490, ("warning", "relative_below_healthy")),
        (500, 489, ("breach", "relative_below_critical")),
        (0.3, 0.294, ("warning", "relative_below_healthy")),  # -2% and some bits
        (-100, -101, ("warning", "relative_below_healthy")),  # -1% of the size of a loss
        (-100, -99, ("healthy",)),
    ],
)
def test_a_change_is_a_share_of_the_period_before(
    before: float, now: float, expected: tuple[str, ...]
) -> None:
    verdict = last(monthly(MRR), before, now)
    assert (*told(verdict), verdict.expected) == (*expected, before)


def test_one_period_before_is_needed() -> None:
    first, second = judged(monthly(MRR), [500, 500])
    assert (told(first), told(second)) == (("warming_up", "history"), ("healthy",))


def test_a_gap_before_leaves_nothing_to_compare_with() -> None:
    assert told(last(monthly(MRR), 500, None, 500)) == ("no_data", "no_baseline")


def test_a_share_of_nothing_is_no_number() -> None:
    assert told(last(monthly(MRR), 0, 5)) == ("no_data", "no_baseline")
    assert told(last(monthly(MRR), 0, 0)) == ("healthy",)


def test_absolute_differences_are_in_the_value_s_unit() -> None:
    health = monthly(Relative("previous", "abs", Range(Bounds(min=-3, max=3), Bounds(max=10))))
    assert told(last(health, 0, 3)) == ("healthy",)
    assert told(last(health, 0, 4)) == ("warning", "relative_above_healthy")
    assert told(last(health, 0, 11)) == ("breach", "relative_above_critical")


def test_mad_of_changes_expects_the_usual_change() -> None:
    """Changes 10, 12, 8, 10, 13: median 10, distances 0, 2, 2, 0, 3, MAD 2, one sigma 2.9652."""
    usual = Relative("previous", "mad", Range(Bounds(min=-2, max=2)), history=5)
    series = [100, 110, 122, 130, 140, 153]
    near = last(monthly(usual), *series, 153 + 10 + 5.93)
    assert (near.status, near.expected) == ("healthy", 163)
    assert told(last(monthly(usual), *series, 153 + 10 + 5.94))[0] == "warning"
    assert told(last(monthly(usual), *series[1:], 160)) == ("warming_up", "history")


# --------------------------------------------------------------------------------- a year, a trail


def test_a_year_ago_needs_a_year() -> None:
    health = monthly(Relative("year_ago", "pct", Range(Bounds(min=-0.1), Bounds(min=-0.2))))
    verdicts = judged(health, [200.0] * 12 + [180.0, 179.0, 159.0])
    assert {told(v) for v in verdicts[:12]} == {("warming_up", "history")}
    assert [v.status for v in verdicts[12:]] == ["healthy", "warning", "breach"]


def test_a_gap_a_year_ago_is_no_warm_up() -> None:
    health = monthly(Relative("year_ago", "pct", Range(Bounds(min=-0.1))))
    verdicts = judged(health, [200.0, None, *[200.0] * 12])
    assert (told(verdicts[12]), told(verdicts[13])) == (("healthy",), ("no_data", "no_baseline"))


def test_days_of_a_year_ago_are_the_same_day_of_the_week() -> None:
    health = Health("daily", relative=Relative("year_ago", "abs", Range(Bounds(min=0, max=0))))
    weekly = [10.0, 20, 30, 40, 50, 5, 1]
    verdicts = judged(health, weekly * 53)
    assert {v.status for v in verdicts[:364]} == {"warming_up"}
    assert {v.status for v in verdicts[364:]} == {"healthy"}


def test_a_trail_tells_median_and_mad() -> None:
    """10, 12, 11, 13, 9: median 11, distances 1, 1, 0, 2, 2, MAD 1; 3.5 sigma are 5.1891."""
    trail = Relative("trailing", "mad", Range(Bounds(-3.5, 3.5), Bounds(-5, 5)), history=5)
    health = Health("weekly", relative=trail, confirm=AT_ONCE)
    verdict = last(health, 10, 12, 11, 13, 9, 16.18)
    assert (verdict.status, verdict.expected) == ("healthy", 11)
    assert last(health, 10, 12, 11, 13, 9, 16.19).status == "warning"
    assert last(health, 10, 12, 11, 13, 9, 11 - 7.42).status == "breach"  # 5 sigma are 7.413
    assert last(health, 12, 11, 13, 9, 11).status == "warming_up"


def test_what_never_moved_has_no_scale() -> None:
    health = monthly(Relative("trailing", "mad", Range(Bounds(-3, 3)), history=3))
    assert told(last(health, 7, 7, 7, 7)) == ("healthy",)
    assert told(last(health, 7, 7, 7, 8)) == ("no_data", "no_baseline")


def test_a_target_path_is_a_straight_line_by_date() -> None:
    """From 100 at the end of 2024 to 136.5 a year later: 0.1 a day, 103.1 after January."""
    path = TargetPath(100, date(2024, 12, 31), 136.5, date(2025, 12, 31))
    relative = Relative("target_path", "abs", Range(Bounds(min=0), Bounds(min=-1)), path=path)
    january, february = judged(monthly(relative), [103.1, 104.0])
    assert (january.status, january.expected) == ("healthy", pytest.approx(103.1))
    assert (february.status, february.expected) == ("breach", pytest.approx(105.9))


def test_a_target_stays_after_its_date_and_is_none_before_the_path() -> None:
    path = TargetPath(0, date(2025, 2, 1), 10, date(2025, 3, 1))
    relative = Relative("target_path", "abs", Range(Bounds(min=0)), path=path)
    verdicts = judged(monthly(relative), [9.0, 9.7, 9.0, 10.0])
    assert [v.status for v in verdicts] == ["warming_up", "healthy", "warning", "healthy"]
    assert [v.expected for v in verdicts] == [None, pytest.approx(10 * 27 / 28), 10, 10]


# ------------------------------------------------------------------------------ both, and only warn


FLOOR = Range(Bounds(min=400), Bounds(min=300))


def test_the_worse_of_both_ranges_counts() -> None:
    assert told(last(monthly(MRR, FLOOR), 500, 500)) == ("healthy",)
    assert told(last(monthly(MRR, FLOOR), 350, 350)) == ("warning", "below_healthy")
    reasons = ("breach", "below_healthy", "relative_below_critical")
    assert told(last(monthly(MRR, FLOOR), 500, 350)) == reasons
    assert told(last(monthly(MRR, FLOOR), 200, 199))[0] == "breach"


def test_what_only_warns_never_breaches() -> None:
    only = Relative(MRR.to, MRR.measure, MRR.range, enforce="warning_only")
    verdict = last(monthly(only), 500, 5)
    assert told(verdict) == ("warning", "relative_below_critical")
    assert last(monthly(only, FLOOR), 500, 5).status == "breach"


def test_a_static_range_does_not_wait_for_what_only_warns() -> None:
    only = Relative(MRR.to, MRR.measure, MRR.range, enforce="warning_only")
    assert told(last(monthly(only, FLOOR), 500)) == ("healthy", "relative_history")
    assert told(last(monthly(MRR, FLOOR), 500)) == ("warming_up", "history")
    assert told(last(monthly(MRR, FLOOR), 299)) == ("breach", "below_critical", "relative_history")


def test_an_override_may_have_a_difference_of_its_own() -> None:
    january = Relative("previous", "pct", Range(Bounds(min=-0.01), Bounds(min=-0.03)))
    health = Health(
        "monthly",
        relative=MRR,
        overrides=(Override(relative=january, months=(1,), reason="renewals"),),
        confirm=AT_ONCE,
    )
    verdicts = judged(health, [1000.0] * 12 + [990.0, 980.1])
    assert [v.status for v in verdicts[11:]] == ["healthy", "healthy", "warning"]
    assert (verdicts[12].note, verdicts[12].relative) == ("renewals", january)


# ---------------------------------------------------------------------------------------- seasons


def test_a_band_is_the_median_of_the_season_moved_by_recent_residuals() -> None:
    """Years 100, 100, 110, 99 with two points.

    Base (110 + 99) / 2 = 104.5. Residuals: 110 to 100 is 7/70, 99 to 105 is -4/70; their median is
    1.5/70 and their MAD 5.5/70. Expected 104.5 x 71.5/70; scale 104.5 x 1.4826 x 5.5/70.
    """
    years = [(date(2020 + n, 1, 1), value) for n, value in enumerate([100.0, 100, 110, 99])]
    band = seasonal_band(series_of(Periods("year"), years), date(2024, 1, 1), points=2)
    assert band is not None
    assert band.expected == pytest.approx(106.7392857)
    assert band.scale == pytest.approx(12.1732050)


def test_a_season_needs_eight_like_periods() -> None:
    weekly = [100.0, 200, 300, 400, 500, 50, 10]
    relative = Relative("seasonal", "pct", Range(Bounds(-0.1, 0.1)))
    verdicts = judged(Health("daily", relative=relative), weekly * 9)
    assert {v.status for v in verdicts[:56]} == {"warming_up"}
    assert [v.expected for v in verdicts[56:]] == weekly
    assert {v.status for v in verdicts[56:]} == {"healthy"}


def test_a_season_is_found_under_noise() -> None:
    """Days with a weekly pattern, a trend and noise: alarms are rare, and a drop of 30% is seen."""
    alarms, seen, runs = 0, 0, 12
    statistics = Relative(
        "seasonal", "mad", Range(Bounds(-3.5, 3.5), Bounds(-5, 5)), enforce="warning_only"
    )
    health = Health("daily", relative=statistics)
    for run in range(runs):
        chance = random.Random(run)
        days = [_day(chance, n) for n in range(420)]
        quiet = judged(health, days)
        alarms += sum(v.status == "warning" for v in quiet[56:])
        for n in range(400, 405):
            days[n] *= 0.7
        seen += any(v.status != "healthy" for v in judged(health, days)[400:405])
    assert seen == runs
    assert alarms / runs < 2


def _day(chance: random.Random, n: int) -> float:
    pattern = (1.0, 1.1, 1.15, 1.1, 0.95, 0.5, 0.4)[n % 7]
    noise = chance.gauss(0, 1) / (sum(chance.gauss(0, 1) ** 2 for _ in range(4)) / 4) ** 0.5
    return 1000 * pattern * (1 + 0.0005 * n) * (1 + 0.03 * noise)
