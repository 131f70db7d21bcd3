"""The pace of key results, worked by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from kpilayer.kpi.health import Clock
from kpilayer.kpi.pace import KeyResult, LikePeriod, Pace, Point, okr_pace

#: 90 days, 1 January to 31 March 2026.
START, END = date(2026, 1, 1), date(2026, 3, 31)
#: After 30 of them: a third.
THIRD = Clock(datetime(2026, 1, 31))


def like(before: float, year: int) -> LikePeriod:
    """90 days of which the first third had a share of the total of 200."""
    starts = date(year, 7, 1)
    points = (
        Point(starts + timedelta(days=29), 200 * before),
        Point(starts + timedelta(days=30), 200 * (1 - before)),
    )
    return LikePeriod(starts, starts + timedelta(days=89), points)


#: Back-loaded: a quarter of the total in the first third. The fifth is too long ago to count.
LIKE = [like(0.2, 2025), like(0.25, 2024), like(0.3, 2023), like(0.25, 2022), like(1.0, 2021)]


def summed(value: float, clock: Clock = THIRD, **options: object) -> Pace:
    result = KeyResult(0, 120, START, END, adds_up=True, **options)  # type: ignore[arg-type]
    points = [Point(date(2026, 1, 10), value / 2), Point(date(2026, 1, 20), value / 2)]
    return okr_pace(result, points, clock, LIKE)


def level(*values: tuple[int, float], clock: Clock | None = None, **options: object) -> Pace:
    """NRR from 0.94 to 1.04, with values by days since the start."""
    result = KeyResult(0.94, 1.04, START, END, **options)  # type: ignore[arg-type]
    points = [Point(START + timedelta(days=day), value) for day, value in values]
    return okr_pace(result, points, clock or Clock(datetime(2026, 3, 15)))


@pytest.mark.parametrize(
    ("value", "projected", "committed", "stretch"),
    [
        (30, 120, "on_track", "on_track"),
        (29, 116, "at_risk", "on_track"),
        (21, 84, "at_risk", "on_track"),
        (20, 80, "off_track", "at_risk"),
        (15, 60, "off_track", "at_risk"),
        (14, 56, "off_track", "off_track"),  # 0.467 is below 0.7 x 0.7
    ],
)
def test_sums_are_projected_by_the_share_of_like_periods(
    value: float, projected: float, committed: str, stretch: str
) -> None:
    pace = summed(value)
    assert pace.expected_share == pytest.approx(0.25)
    assert pace.projected == pytest.approx(projected)
    assert pace.projected_progress == pytest.approx(projected / 120)
    assert (pace.status, summed(value, ambition="stretch").status) == (committed, stretch)
    assert pace.is_linear is False


def test_without_like_periods_the_share_is_that_of_days() -> None:
    result = KeyResult(0, 120, START, END, adds_up=True)
    pace = okr_pace(result, [Point(START, 30)], THIRD)
    assert (pace.is_linear, pace.expected_share) == (True, pytest.approx(1 / 3))
    assert (pace.projected, pace.status) == (pytest.approx(90), "at_risk")


def test_where_nothing_is_expected_yet_nothing_is_projected() -> None:
    result = KeyResult(0, 120, START, END, adds_up=True)
    pace = okr_pace(result, [Point(START, 30)], THIRD, [like(0.0, 2025)])
    assert (pace.projected, pace.status, pace.progress) == (None, "no_data", 0.25)


def test_a_sum_that_grew_to_its_target_is_achieved_at_once() -> None:
    assert summed(120).status == "achieved"
    assert summed(119).status == "on_track"


def test_a_sum_that_is_to_stay_low_is_not_achieved_before_the_end() -> None:
    result = KeyResult(90, 30, START, END, adds_up=True)
    few = [Point(START, 10)]
    assert okr_pace(result, few, THIRD).status == "on_track"  # 30 by the end
    assert okr_pace(result, [Point(START, 29)], THIRD).status == "off_track"  # 87 by the end
    assert okr_pace(result, few, Clock(datetime(2026, 4, 1))).status == "achieved"


def test_the_score_of_a_sum_that_is_to_stay_low_is_that_of_where_it_leads() -> None:
    """20 after a third lead to 60, half of the way from 90 to 30."""
    result = KeyResult(90, 30, START, END, adds_up=True)
    pace = okr_pace(result, [Point(START, 20)], THIRD)
    assert (pace.progress, pace.score) == (pytest.approx(70 / 60), pytest.approx(0.5))


def test_levels_follow_the_line_from_the_baseline() -> None:
    """0.02 in 30 days from 0.94: 0.94 + 0.02 x 89 / 30 = 0.99933, progress 0.59333."""
    pace = level((30, 0.96), (60, 0.98))
    assert pace.projected == pytest.approx(0.9993333)
    assert pace.projected_progress == pytest.approx(0.5933333)
    assert (pace.low, pace.high) == (pytest.approx(pace.projected), pytest.approx(pace.projected))
    assert (pace.progress, pace.score) == (pytest.approx(0.4), pytest.approx(0.4))
    assert pace.status == "off_track"
    assert level((30, 0.96), (60, 0.98), ambition="stretch").status == "at_risk"
    assert level((30, 0.96), (60, 0.98), expected=0.59).status == "on_track"


def test_the_spread_of_levels_is_1_4826_mad() -> None:
    """Values 0, 12, 18, 33 at days 0, 10, 20, 30 on the way to 100.

    Slopes 1.2, 0.9, 1.1, 0.6, 1.05, 1.5: median 1.075. Left over: 0, 1.25, -3.5, 0.75; the
    intercept is their median 0.375. Distances from it 0.375, 0.875, 3.875, 0.375: MAD 0.625.
    """
    result = KeyResult(0, 100, START, END)
    points = [Point(START + timedelta(days=d), v) for d, v in ((10, 12), (20, 18), (30, 33))]
    pace = okr_pace(result, points, Clock(datetime(2026, 2, 1)))
    assert pace.projected == pytest.approx(0.375 + 1.075 * 89)
    assert pace.high is not None and pace.low is not None
    assert pace.high - pace.low == pytest.approx(2 * 1.4826 * 0.625)


def test_lower_targets_are_progress_downwards() -> None:
    result = KeyResult(4, 1, START, END)
    points = [Point(START + timedelta(days=30), 3), Point(START + timedelta(days=60), 2)]
    pace = okr_pace(result, points, Clock(datetime(2026, 3, 15)))
    assert pace.progress == pytest.approx(2 / 3)
    assert pace.projected == pytest.approx(4 - 89 / 30)
    assert pace.status == "at_risk"


def test_a_level_that_reached_its_target_early_is_on_track_and_not_achieved() -> None:
    assert level((30, 1.05), (60, 1.05)).status == "on_track"


def test_scores_are_within_0_and_1() -> None:
    assert (level((60, 1.20)).score, level((60, 0.80)).score) == (1, 0)
    assert level((60, 0.80)).progress == pytest.approx(-1.4)


def test_nothing_has_started_before_the_start() -> None:
    before = Clock(datetime(2025, 12, 31, 23, 59))
    assert level((0, 0.95), clock=before).status == "not_started"
    assert level((0, 0.95), clock=Clock(datetime(2026, 1, 1))).status != "not_started"


def test_without_points_there_is_no_pace() -> None:
    assert level().status == "no_data"
    assert level((-5, 0.95), (90, 1.04)).status == "no_data"
    assert level(clock=Clock(datetime(2026, 5, 1))).status == "no_data"


@pytest.mark.parametrize(
    ("value", "ambition", "status"),
    [
        (1.04, "committed", "achieved"),
        (1.03, "committed", "missed"),
        (1.01, "stretch", "achieved"),
        (1.009, "stretch", "missed"),
    ],
)
def test_when_the_time_is_over_it_is_achieved_or_missed(
    value: float, ambition: str, status: str
) -> None:
    last_moment, over = Clock(datetime(2026, 3, 31, 23, 59)), Clock(datetime(2026, 4, 1))
    assert level((80, value), clock=over, ambition=ambition).status == status
    assert level((80, value), clock=last_moment, ambition=ambition).status not in (
        "achieved",
        "missed",
    )


def test_points_that_are_not_known_yet_do_not_count() -> None:
    assert level((20, 0.95), (80, 1.04), clock=Clock(datetime(2026, 2, 1))).value == 0.95


def test_a_result_without_a_way_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no way to go"):
        KeyResult(1, 1, START, END)
    with pytest.raises(ValueError, match="before it starts"):
        KeyResult(1, 2, END, START)
