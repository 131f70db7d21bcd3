"""What holds of every history: laws of the verdict, tried on made-up observations."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kpilayer.kpi.attainment import attainment_of
from kpilayer.kpi.confirmation import Confirm, Times
from kpilayer.kpi.episodes import episodes
from kpilayer.kpi.health import Attainment, Clock, Exclusion, Health, Observation
from kpilayer.kpi.ranges import LEVELS, Bounds, Override, Range, Relative
from kpilayer.kpi.verdict import evaluate_health

FIRST = date(2026, 1, 1)
DAYS = 24
LAW = settings(deadline=None, max_examples=150)

NUMBERS = st.one_of(
    st.integers(-20, 20).map(float), st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: x / 7)
)
VALUES = st.one_of(NUMBERS, NUMBERS, NUMBERS, st.sampled_from([None, math.nan, math.inf]))


@st.composite
def observations(draw: st.DrawFn, values: st.SearchStrategy[float | None] = VALUES) -> Observation:
    day = FIRST + timedelta(days=draw(st.integers(0, DAYS - 1)))
    lag = draw(st.sampled_from([None, None, -12, 0, 24]))
    ends = datetime.combine(day + timedelta(days=1), datetime.min.time())
    return Observation(
        day,
        draw(values),
        denominator=draw(st.sampled_from([None, 4.0, 5.0, 100.0])),
        watermark=None if lag is None else ends + timedelta(hours=lag),
        revision=draw(st.integers(1, 3)),
        source_error=draw(st.sampled_from([False, False, False, True])),
    )


HISTORIES = st.lists(
    observations(), max_size=40, unique_by=lambda seen: (seen.period_start, seen.revision)
)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    """Bounds in order: critical min, healthy min, healthy max, critical max, some left out."""
    a, b, c, d = sorted(draw(st.lists(NUMBERS, min_size=4, max_size=4)))
    has_min, has_max = draw(st.booleans()), draw(st.booleans())
    has_low, has_high = draw(st.booleans()), draw(st.booleans())
    healthy = Bounds(b if has_min else None, c if has_max else None)
    critical = Bounds(a if has_min and has_low else None, d if has_max and has_high else None)
    return Range(healthy, critical)


RELATIVES = st.builds(
    Relative,
    st.sampled_from(["previous", "year_ago", "trailing", "seasonal"]),
    st.sampled_from(["pct", "abs", "mad"]),
    ranges(),
    st.integers(2, 4),
    st.sampled_from(["status", "warning_only"]),
)
TIMES = st.sampled_from([Times(1, 1), Times(2, 2), Times(2, 3), Times(3, 5)])
EXCLUSIONS = st.integers(0, DAYS).map(
    lambda n: Exclusion(FIRST + timedelta(days=n), FIRST + timedelta(days=n + 1))
)


@st.composite
def healths(draw: st.DrawFn) -> Health:
    static = draw(st.one_of(st.none(), ranges()))
    relative = draw(RELATIVES if static is None else st.one_of(st.none(), RELATIVES))
    weekend = draw(st.one_of(st.none(), ranges()))
    overrides = () if weekend is None else (Override(weekend, weekdays=("saturday", "sunday")),)
    return Health(
        "daily",
        static,
        relative,
        overrides=overrides,
        exclusions=tuple(draw(st.lists(EXCLUSIONS, max_size=1))),
        confirm=Confirm(draw(TIMES), draw(TIMES)),
        min_denominator=draw(st.sampled_from([None, None, 5.0])),
        no_data=draw(st.sampled_from(["bad", "ignore", "ok"])),
        early=draw(st.booleans()),
        grace=timedelta(days=draw(st.sampled_from([0, 2]))),
    )


CLOCKS = st.integers(0, 24 * (DAYS + 4)).map(
    lambda hours: Clock(datetime(2026, 1, 1) + timedelta(hours=hours))
)


@LAW
@given(healths(), HISTORIES, CLOCKS)
def test_each_period_has_one_verdict_in_order_without_a_gap(
    health: Health, seen: list[Observation], clock: Clock
) -> None:
    starts = [v.period_start for v in evaluate_health(health, seen, clock)]
    begun = [s.period_start for s in seen if s.period_start <= clock.now.date()]
    count = (clock.now.date() - min(begun)).days + 1 if begun else 0
    assert starts == [min(begun) + timedelta(days=n) for n in range(count)]


@LAW
@given(healths(), HISTORIES, CLOCKS, st.randoms())
def test_the_order_of_observations_makes_no_difference(
    health: Health, seen: list[Observation], clock: Clock, chance: object
) -> None:
    shuffled = list(seen)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    # by their texts, as NaN is not equal to itself
    assert repr(evaluate_health(health, shuffled, clock)) == repr(
        evaluate_health(health, seen, clock)
    )


@LAW
@given(healths(), HISTORIES, CLOCKS)
def test_what_is_missing_or_open_is_never_healthy(
    health: Health, seen: list[Observation], clock: Clock
) -> None:
    latest = {s.period_start: s for s in sorted(seen, key=lambda s: s.revision)}
    for verdict in evaluate_health(health, seen, clock):
        if verdict.status != "healthy":
            continue
        shown = latest[verdict.period_start]
        ends = datetime.combine(verdict.period_start + timedelta(days=1), datetime.min.time())
        assert shown.value is not None and math.isfinite(shown.value)
        if "early" not in verdict.reasons:
            assert clock.now >= ends
            assert shown.watermark is None or shown.watermark >= ends
            assert not shown.source_error
        assert verdict.raw == "healthy" or "unconfirmed" in verdict.reasons


@LAW
@given(healths(), HISTORIES, CLOCKS, st.integers(1, 30))
def test_only_healthy_counts_as_healthy(
    health: Health, seen: list[Observation], clock: Clock, window: int
) -> None:
    verdicts = evaluate_health(health, seen, clock)
    found = attainment_of(verdicts, Attainment(0.9, window))
    closed = [v for v in verdicts if v.status != "pending"][-window:]
    assert found.healthy == sum(v.status == "healthy" for v in closed)
    assert found.healthy <= found.judged <= len(closed) <= window
    assert found.share is None or 0 <= found.share <= 1
    assert found.coverage is None or 0 <= found.coverage <= 1


@LAW
@given(healths(), HISTORIES, observations(), CLOCKS)
def test_a_later_observation_changes_no_earlier_verdict(
    health: Health, seen: list[Observation], later: Observation, clock: Clock
) -> None:
    """Whether it is of a new period or a revision of a known one: what precedes it stays."""
    assume(all((s.period_start, s.revision) != (later.period_start, later.revision) for s in seen))
    assume(any(s.period_start < later.period_start for s in seen))
    before = evaluate_health(health, seen, clock)
    after = evaluate_health(health, [*seen, later], clock)
    earlier = [repr(v) for v in before if v.period_start < later.period_start]
    assert [repr(v) for v in after if v.period_start < later.period_start] == earlier


@st.composite
def tightened(draw: st.DrawFn) -> tuple[Range, Range]:
    """A range, and one whose bounds are further in."""
    a, b, c, d = sorted(draw(st.lists(NUMBERS, min_size=4, max_size=4)))
    inwards = [draw(st.sampled_from([0.0, 0.0, 0.1, 0.4])) for _ in range(3)]
    b2, c2 = b + (c - b) * inwards[0], c - (c - b) * inwards[1]
    a2, d2 = a + (b - a) * inwards[2], d - (d - c) * inwards[2]
    assume(b2 <= c2 and a2 <= b2 and c2 <= d2)
    wide = Range(Bounds(b, c), Bounds(a, draw(st.sampled_from([d, None]))))
    return wide, Range(Bounds(b2, c2), Bounds(a2, d2))


@LAW
@given(healths(), tightened(), HISTORIES, CLOCKS, st.booleans())
def test_tightening_a_range_never_makes_a_verdict_better(
    health: Health,
    both: tuple[Range, Range],
    seen: list[Observation],
    clock: Clock,
    of_differences: bool,
) -> None:
    wide, narrow = both
    if of_differences and health.relative is not None:
        loose = replace(health, relative=replace(health.relative, range=wide))
        tight = replace(health, relative=replace(health.relative, range=narrow))
    else:
        loose, tight = replace(health, range=wide), replace(health, range=narrow)
    for was, now in zip(
        evaluate_health(loose, seen, clock), evaluate_health(tight, seen, clock), strict=True
    ):
        if was.is_judged:
            assert now.is_judged
            assert LEVELS.index(now.raw or "healthy") >= LEVELS.index(was.raw or "healthy")


@LAW
@given(healths(), tightened(), st.lists(NUMBERS.filter(math.isfinite), min_size=1, max_size=DAYS))
def test_tightening_a_static_range_never_makes_a_status_better(
    health: Health, both: tuple[Range, Range], values: list[float]
) -> None:
    """With confirmation, too, where a static range alone decides."""
    seen = [Observation(FIRST + timedelta(days=n), value) for n, value in enumerate(values)]
    alone = Health("daily", both[0], confirm=health.confirm)
    clock = Clock(datetime(2026, 3, 1))
    for was, now in zip(
        evaluate_health(alone, seen, clock),
        evaluate_health(replace(alone, range=both[1]), seen, clock),
        strict=True,
    ):
        if was.is_judged:
            assert LEVELS.index(now.status) >= LEVELS.index(was.status)  # type: ignore[arg-type]


@LAW
@given(ranges(), st.data())
def test_a_history_within_the_range_is_healthy_only(static: Range, data: st.DataObject) -> None:
    inside = st.floats(
        static.healthy.min, static.healthy.max, allow_nan=False, allow_infinity=False
    )
    values = data.draw(st.lists(inside, min_size=1, max_size=DAYS))
    seen = [Observation(FIRST + timedelta(days=n), value) for n, value in enumerate(values)]
    clock = Clock(datetime.combine(FIRST + timedelta(days=len(values)), datetime.min.time()))
    *closed, running = evaluate_health(Health("daily", static), seen, clock)
    assert {v.status for v in closed} == {"healthy"}
    assert (running.status, running.reasons) == ("pending", ("running",))
    assert episodes(closed) == ()
    assert attainment_of(closed, Attainment(1, len(values))).share == 1
    assert all(v.distance is None or v.distance >= 0 for v in closed)


@LAW
@given(healths(), HISTORIES, CLOCKS)
def test_episodes_follow_each_other_and_hold_all_levels_outside(
    health: Health, seen: list[Observation], clock: Clock
) -> None:
    verdicts = evaluate_health(health, seen, clock)
    found = episodes(verdicts)
    for earlier, later in pairwise(found):
        assert earlier.closed is not None and earlier.closed <= later.opened
        assert (earlier.closed == later.opened) == (earlier.ended in ("escalation", "easing"))
        assert (later.began == "open") == (earlier.ended == "recovery")
    outside = [v for v in verdicts if v.status in ("warning", "breach")]
    assert sum(episode.periods for episode in found) == len(outside)
