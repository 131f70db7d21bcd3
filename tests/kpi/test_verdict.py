"""The verdict about one period: the first thing that matches decides, each beside its near miss."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

import kpilayer
from kpilayer.kpi.confirmation import Confirm, Times
from kpilayer.kpi.health import Clock, Exclusion, Health, Observation
from kpilayer.kpi.periods import Periods
from kpilayer.kpi.ranges import Bounds, Override, Range, Relative
from kpilayer.kpi.verdict import Verdict, evaluate_health

MARGIN = Range(healthy=Bounds(min=0.72), critical=Bounds(min=0.68))
AT_ONCE = Confirm(warning=Times(1, 1), breach=Times(1, 1))
MONTHLY = Health("monthly", MARGIN, grace=timedelta(days=3), confirm=AT_ONCE)
MAY, APRIL = date(2026, 5, 1), date(2026, 4, 1)
JUNE = datetime(2026, 6, 1)
LONG_AFTER = datetime(2026, 6, 20)


def may(
    value: float | None = 0.74,
    *,
    health: Health = MONTHLY,
    now: datetime = LONG_AFTER,
    watermark: datetime | None = JUNE,
    denominator: float | None = None,
    source_error: bool = False,
) -> Verdict:
    """The verdict of May 2026, the first period that was observed."""
    seen = Observation(
        MAY, value, denominator=denominator, watermark=watermark, source_error=source_error
    )
    return evaluate_health(health, [seen], Clock(now))[0]


def months(
    *values: float | None, health: Health = MONTHLY, first: date = date(2026, 1, 1)
) -> tuple[Verdict, ...]:
    """Verdicts of consecutive months, judged when all of them are closed."""
    seen, start = [], first
    for value in values:
        seen.append(Observation(start, value))
        start = Periods("month").end(start)
    now = datetime.combine(start, datetime.min.time()) + timedelta(days=10)
    return evaluate_health(health, seen, Clock(now))[: len(values)]


def told(verdict: Verdict) -> tuple[str, ...]:
    return (verdict.status, *verdict.reasons)


# ------------------------------------------------------------------------------- first match wins


def test_a_running_period_is_pending_whatever_its_value() -> None:
    last_moment = JUNE - timedelta(microseconds=1)
    assert told(may(0.10, now=last_moment, watermark=None)) == ("pending", "running")
    assert may(0.10, now=last_moment).raw is None


def test_a_period_is_over_with_the_first_moment_after_it() -> None:
    assert told(may(0.74, now=JUNE)) == ("healthy",)


def test_sources_behind_are_waited_for_within_grace() -> None:
    behind = JUNE - timedelta(seconds=1)
    in_grace = JUNE + timedelta(days=3) - timedelta(seconds=1)
    assert told(may(now=in_grace, watermark=behind)) == ("pending", "sources_behind")


def test_sources_behind_are_stale_when_grace_is_over() -> None:
    behind = JUNE - timedelta(seconds=1)
    assert told(may(now=JUNE + timedelta(days=3), watermark=behind)) == ("stale", "sources_behind")


def test_sources_that_reach_the_end_of_the_period_are_complete() -> None:
    assert told(may(now=JUNE + timedelta(hours=1), watermark=JUNE)) == ("healthy",)


def test_without_a_watermark_grace_is_waited_for() -> None:
    before, over = JUNE + timedelta(days=3, seconds=-1), JUNE + timedelta(days=3)
    assert told(may(now=before, watermark=None)) == ("pending", "grace")
    assert told(may(now=over, watermark=None)) == ("healthy",)


def test_a_source_error_is_stale_even_where_the_watermark_is_fine() -> None:
    assert told(may(source_error=True)) == ("stale", "source_error")
    assert told(may(source_error=False)) == ("healthy",)


def test_sources_behind_are_told_before_a_source_error() -> None:
    behind = JUNE - timedelta(days=1)
    assert told(may(watermark=behind, source_error=True)) == ("stale", "sources_behind")


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), float("-inf")])
def test_no_value_is_pending_within_grace_and_no_data_after_it(nothing: float | None) -> None:
    before, over = JUNE + timedelta(days=3, seconds=-1), JUNE + timedelta(days=3)
    assert told(may(nothing, now=before)) == ("pending", "grace")
    assert told(may(nothing, now=over)) == ("no_data", "no_value")
    assert may(nothing, now=over).value is None


def test_zero_is_a_value() -> None:
    assert told(may(0.0)) == ("breach", "below_critical")


def test_a_source_error_is_told_before_a_missing_value() -> None:
    assert told(may(None, source_error=True)) == ("stale", "source_error")


def test_few_cases_say_nothing() -> None:
    enough = replace(MONTHLY, min_denominator=500)
    assert told(may(0.1, health=enough, denominator=499)) == ("no_data", "low_volume")
    assert told(may(0.1, health=enough, denominator=500)) == ("breach", "below_critical")
    assert told(may(0.1, health=enough, denominator=None)) == ("no_data", "no_denominator")


def test_a_missing_value_is_told_before_few_cases() -> None:
    enough = replace(MONTHLY, min_denominator=500)
    assert told(may(None, health=enough, denominator=3)) == ("no_data", "no_value")


def test_few_cases_are_told_before_a_short_history() -> None:
    growth = Relative("previous", "pct", Range(Bounds(min=0.0)))
    health = Health("monthly", relative=growth, min_denominator=10)
    assert told(may(1.0, health=health, denominator=9)) == ("no_data", "low_volume")
    assert told(may(1.0, health=health, denominator=10)) == ("warming_up", "history")


def test_a_static_range_needs_no_history() -> None:
    assert told(may(0.74)) == ("healthy",)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.73, ("healthy",)),
        (0.72, ("healthy",)),
        (0.7199, ("warning", "below_healthy")),
        (0.68, ("warning", "below_healthy")),
        (0.6799, ("breach", "below_critical")),
    ],
)
def test_a_range_is_inclusive_at_its_bounds(value: float, expected: tuple[str, ...]) -> None:
    assert told(may(value)) == expected


def test_the_last_bit_of_a_sum_is_no_breach() -> None:
    assert 0.1 + 0.7 < 0.8
    assert told(may(0.1 + 0.7, health=Health("monthly", Range(Bounds(min=0.8))))) == ("healthy",)


def test_decimals_of_a_warehouse_are_values() -> None:
    verdict = may(Decimal("0.72"))  # type: ignore[arg-type]
    assert (verdict.status, verdict.value) == ("healthy", 0.72)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3.0, ("healthy",)),
        (8.0, ("healthy",)),
        (8.1, ("warning", "above_healthy")),
        (900.0, ("warning", "above_healthy")),
        (2.9, ("warning", "below_healthy")),
        (0.9, ("breach", "below_critical")),
    ],
)
def test_a_side_without_critical_bound_never_breaches(
    value: float, expected: tuple[str, ...]
) -> None:
    ltv_cac = Range(healthy=Bounds(min=3, max=8), critical=Bounds(min=1))
    assert told(may(value, health=Health("monthly", ltv_cac, confirm=AT_ONCE))) == expected


# ------------------------------------------------------------------------------------- exclusions


def test_a_period_with_an_excluded_day_is_not_judged() -> None:
    out = Exclusion(date(2026, 5, 31), date(2026, 6, 2), "migration")
    verdict = may(0.1, health=replace(MONTHLY, exclusions=(out,)))
    assert (verdict.status, verdict.raw, verdict.note) == ("excluded", None, "migration")


@pytest.mark.parametrize(
    "out",
    [
        Exclusion(date(2026, 6, 1), date(2026, 6, 2)),
        Exclusion(date(2026, 4, 1), date(2026, 4, 30)),
    ],
)
def test_days_beside_a_period_do_not_exclude_it(out: Exclusion) -> None:
    assert may(0.1, health=replace(MONTHLY, exclusions=(out,))).status == "breach"


def test_an_excluded_period_that_runs_is_pending_and_is_never_stale() -> None:
    health = replace(MONTHLY, exclusions=(Exclusion(MAY, MAY),))
    assert may(health=health, now=JUNE - timedelta(days=1)).status == "pending"
    assert may(health=health, watermark=datetime(2026, 5, 3)).status == "excluded"


def test_an_excluded_value_is_no_baseline() -> None:
    growth = Relative("previous", "pct", Range(Bounds(min=0.0)))
    out = Exclusion(date(2026, 2, 3), date(2026, 2, 3))
    health = Health("monthly", relative=growth, exclusions=(out,))
    assert [told(v) for v in months(10, 90, 11, 12, health=health)] == [
        ("warming_up", "history"),
        ("excluded", "excluded"),
        ("no_data", "no_baseline"),
        ("healthy",),
    ]


# ------------------------------------------------------------------------------ gaps and the clock


def test_periods_that_nobody_observed_have_a_verdict() -> None:
    seen = [Observation(date(2026, 1, 1), 0.8), Observation(date(2026, 3, 1), 0.8)]
    verdicts = evaluate_health(MONTHLY, seen, Clock(datetime(2026, 5, 2)))
    assert [(v.period_start.month, *told(v)) for v in verdicts] == [
        (1, "healthy"),
        (2, "no_data", "no_observation"),
        (3, "healthy"),
        (4, "pending", "grace"),
        (5, "pending", "running"),
    ]


def test_periods_that_have_not_begun_are_left_out() -> None:
    seen = [Observation(APRIL, 0.8), Observation(MAY, 0.1), Observation(date(2026, 6, 1), 0.1)]
    verdicts = evaluate_health(MONTHLY, seen, Clock(datetime(2026, 5, 20)))
    assert [told(v) for v in verdicts] == [("healthy",), ("pending", "running")]


def test_nothing_observed_is_no_verdict() -> None:
    assert evaluate_health(MONTHLY, [], Clock(LONG_AFTER)) == ()


def test_days_that_begin_no_period_are_refused() -> None:
    with pytest.raises(ValueError, match="no period begins on 2026-05-02"):
        evaluate_health(MONTHLY, [Observation(date(2026, 5, 2), 1.0)], Clock(LONG_AFTER))


def test_times_with_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock(datetime(2026, 6, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="time zone"):
        Observation(MAY, 1.0, watermark=datetime(2026, 6, 1, tzinfo=UTC))


def test_period_starts_of_a_warehouse_may_be_timestamps() -> None:
    seen = [Observation(datetime(2026, 5, 1), 0.8)]
    assert evaluate_health(MONTHLY, seen, Clock(LONG_AFTER))[0].period_start == MAY


def test_weeks_of_the_project_are_judged_by_its_calendar() -> None:
    seen = [Observation(date(2026, 5, 3), 0.8)]  # a Sunday
    health = replace(MONTHLY, cadence="weekly")
    clock = Clock(datetime(2026, 5, 10))
    verdicts = evaluate_health(health, seen, clock, Periods("week_sunday"))
    assert [v.period_start for v in verdicts] == [date(2026, 5, 3), date(2026, 5, 10)]


# -------------------------------------------------------------------------------------- overrides


def test_an_override_holds_in_its_months_and_says_why() -> None:
    holidays = Range(healthy=Bounds(min=0.6), critical=Bounds(min=0.5))
    health = replace(MONTHLY, overrides=(Override(holidays, months=(8, 12), reason="holidays"),))
    july, august, september = months(0.65, 0.65, 0.65, health=health, first=date(2026, 7, 1))
    assert [v.status for v in (july, august, september)] == ["breach", "healthy", "breach"]
    assert (august.range, august.note) == (holidays, "holidays")
    assert (july.range, july.note) == (MARGIN, "")


# ------------------------------------------------------------------------------------------ early

INCIDENTS = Health(
    "monthly", Range(Bounds(max=5), Bounds(max=8)), early=True, confirm=AT_ONCE, grace=timedelta(3)
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, ("pending", "running")),
        (6, ("warning", "above_healthy", "early")),
        (8, ("warning", "above_healthy", "early")),
        (9, ("breach", "above_critical", "early")),
    ],
)
def test_what_can_only_grow_is_judged_as_soon_as_it_is_too_much(
    value: float, expected: tuple[str, ...]
) -> None:
    in_may = datetime(2026, 5, 12)
    assert told(may(value, health=INCIDENTS, now=in_may, watermark=in_may)) == expected


def test_too_much_stays_too_much_while_sources_are_behind() -> None:
    behind = JUNE - timedelta(days=1)
    assert may(9, health=INCIDENTS, watermark=behind).status == "breach"
    assert may(5, health=INCIDENTS, watermark=behind).status == "stale"


def test_too_little_so_far_is_waited_for() -> None:
    health = replace(INCIDENTS, range=Range(Bounds(min=3, max=5), Bounds(min=1, max=8)))
    assert told(may(0, health=health, now=datetime(2026, 5, 12))) == ("pending", "running")


def test_too_much_of_an_excluded_or_hardly_known_period_is_not_told_early() -> None:
    in_may = datetime(2026, 5, 12)
    excluded = replace(INCIDENTS, exclusions=(Exclusion(MAY, MAY),))
    assert may(9, health=excluded, now=in_may).status == "pending"
    assert may(9, health=excluded).status == "excluded"
    enough = replace(INCIDENTS, min_denominator=100)
    assert may(9, health=enough, now=in_may, denominator=99).status == "pending"
    assert may(9, health=enough, now=in_may, denominator=100).status == "breach"


def test_without_early_too_much_waits_for_the_end() -> None:
    health = replace(INCIDENTS, early=False)
    assert told(may(9, health=health, now=datetime(2026, 5, 12))) == ("pending", "running")


# ------------------------------------------------------------------------- confirmation and reports


def test_a_first_warning_is_told_as_unconfirmed() -> None:
    health = replace(MONTHLY, confirm=Confirm())
    verdicts = months(0.8, 0.7, 0.8, 0.7, 0.8, 0.8, 0.7, health=health)
    assert [v.raw for v in verdicts][1::2] == ["warning", "warning", "healthy"]
    assert [told(v) for v in verdicts] == [
        ("healthy",),
        ("healthy", "below_healthy", "unconfirmed"),
        ("healthy",),
        ("warning", "below_healthy"),
        ("healthy",),
        ("healthy",),
        ("healthy", "below_healthy", "unconfirmed"),
    ]


def test_gaps_are_skipped_by_confirmation() -> None:
    health = replace(MONTHLY, confirm=Confirm())
    verdicts = months(0.8, 0.7, None, None, None, 0.7, health=health)
    assert [v.status for v in verdicts[2:]] == ["no_data", "no_data", "no_data", "warning"]


def test_how_long_a_value_is_outside_goes_on_over_gaps() -> None:
    verdicts = months(0.8, 0.7, None, 0.6, 0.8, 0.7)
    january, february, march, april, may_, june = verdicts
    assert (january.outside_since, january.outside_periods) == (None, 0)
    assert (february.outside_since, february.outside_periods) == (date(2026, 2, 1), 1)
    assert (march.outside_since, march.outside_periods) == (date(2026, 2, 1), 1)
    assert (april.outside_since, april.outside_periods) == (date(2026, 2, 1), 2)
    assert (may_.outside_since, may_.outside_periods) == (None, 0)
    assert (june.outside_since, june.outside_periods) == (date(2026, 6, 1), 1)


def test_streaks_count_consecutive_periods_and_gaps_do_not_end_them() -> None:
    verdicts = months(0.8, 0.8, None, None, 0.8, 0.7, None, 0.7)
    assert [v.streak for v in verdicts] == [1, 2, 1, 2, 3, 1, 1, 2]


def test_the_last_change_is_that_of_a_level() -> None:
    verdicts = months(0.8, 0.8, 0.7, None, 0.7, 0.8)
    changed = [v.last_change.month if v.last_change else None for v in verdicts]
    assert changed == [None, None, 3, 3, 3, 6]


def test_distance_is_told_in_usual_changes() -> None:
    """Changes before June: +1, -2, +1, -3; median -0.5, distances 1.5, 1.5, 1.5, 2.5; MAD 1.5."""
    health = Health("monthly", Range(Bounds(min=5)))
    verdicts = months(10, 11, 9, 10, 7, 8, health=health)
    assert verdicts[-1].distance == pytest.approx((8 - 5) / 1.5)
    assert verdicts[1].distance is None  # no change is known
    assert verdicts[4].distance is None  # changes +1, -2, +1: most are equal, MAD 0


def test_distance_is_negative_outside_and_counts_the_nearest_bound() -> None:
    health = Health("monthly", Range(Bounds(min=5, max=9)))
    verdicts = months(10, 11, 9, 10, 7, 12, health=health)
    assert verdicts[-1].distance == pytest.approx((9 - 12) / 1.5)


def test_distance_of_a_difference_is_told_in_the_value_s_unit() -> None:
    drop = Relative("previous", "pct", Range(Bounds(min=-0.5)))
    verdicts = months(10, 11, 9, 10, 7, 8, health=Health("monthly", relative=drop))
    assert verdicts[-1].expected == 7
    assert verdicts[-1].distance == pytest.approx((8 - 3.5) / 1.5)


# -------------------------------------------------------------------------------------- revisions


def test_the_highest_revision_is_judged_and_a_flip_is_told() -> None:
    seen = [Observation(MAY, 0.60, revision=2), Observation(MAY, 0.74, revision=1)]
    verdict = evaluate_health(MONTHLY, seen, Clock(LONG_AFTER))[0]
    assert told(verdict) == ("breach", "below_critical", "restated")
    assert (verdict.value, verdict.restated_from, verdict.revision) == (0.60, "healthy", 2)


def test_a_flip_to_the_better_is_told_too() -> None:
    seen = [Observation(MAY, 0.60), Observation(MAY, 0.74, revision=2)]
    verdict = evaluate_health(MONTHLY, seen, Clock(LONG_AFTER))[0]
    assert (*told(verdict), verdict.restated_from) == ("healthy", "restated", "breach")


def test_a_revision_within_the_same_level_is_not_told() -> None:
    seen = [Observation(MAY, 0.75), Observation(MAY, 0.74, revision=2)]
    verdict = evaluate_health(MONTHLY, seen, Clock(LONG_AFTER))[0]
    assert (*told(verdict), verdict.restated_from) == ("healthy", None)


def test_a_flip_is_told_against_the_revision_just_before() -> None:
    seen = [Observation(MAY, v, revision=n) for n, v in enumerate([0.74, 0.70, 0.69], start=1)]
    verdict = evaluate_health(MONTHLY, seen, Clock(LONG_AFTER))[0]
    assert (*told(verdict), verdict.restated_from) == ("warning", "below_healthy", None)


def test_data_that_came_late_restate_nothing() -> None:
    seen = [Observation(MAY, None), Observation(MAY, 0.60, revision=2)]
    assert told(evaluate_health(MONTHLY, seen, Clock(LONG_AFTER))[0]) == (
        "breach",
        "below_critical",
    )


def test_a_value_that_is_taken_back_is_told() -> None:
    seen = [Observation(MAY, 0.74), Observation(MAY, None, revision=2)]
    verdict = evaluate_health(MONTHLY, seen, Clock(LONG_AFTER))[0]
    assert (*told(verdict), verdict.restated_from) == ("no_data", "no_value", "restated", "healthy")


def test_one_revision_with_two_contents_is_refused() -> None:
    with pytest.raises(ValueError, match="revision 1 of 2026-05-01 is there twice"):
        evaluate_health(MONTHLY, [Observation(MAY, 1), Observation(MAY, 2)], Clock(LONG_AFTER))
    twice = [Observation(MAY, 0.8), Observation(MAY, 0.8)]
    assert len(evaluate_health(MONTHLY, twice, Clock(JUNE + timedelta(days=5)))) == 2


def test_health_without_any_range_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing says what is healthy"):
        Health("monthly")


def test_it_is_offered_by_the_package() -> None:
    assert kpilayer.evaluate_health is evaluate_health
