"""Attainment and episodes of given verdicts."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from kpilayer.kpi.attainment import AttainmentResult, attainment_of
from kpilayer.kpi.episodes import Episode, episodes
from kpilayer.kpi.health import Attainment, Clock, Health, NoData, Observation
from kpilayer.kpi.ranges import Bounds, Level, Range
from kpilayer.kpi.verdict import Status, Verdict, evaluate_health

LEVELS: dict[str, Status] = {
    "h": "healthy",
    "w": "warning",
    "b": "breach",
    "n": "no_data",
    "s": "stale",
    "p": "pending",
    "x": "excluded",
    "u": "warming_up",
}


def verdicts(letters: str, *reasons: str) -> list[Verdict]:
    """A verdict a year, by the first letter of its status (u: warming up, x: excluded)."""
    found = []
    for at, letter in enumerate(letters):
        status = LEVELS[letter]
        raw: Level | None = (
            status if status in ("healthy", "warning", "breach") else None  # type: ignore[assignment]
        )
        why = reasons if status in ("no_data", "stale") else ()
        found.append(Verdict(date(2000 + at, 1, 1), 1.0, raw, status, why))
    return found


def attained(
    letters: str, *reasons: str, objective: float = 0.9, window: int = 10
) -> AttainmentResult:
    return attainment_of(verdicts(letters, *reasons), Attainment(objective, window))


def test_ten_of_twelve_months_are_83_percent() -> None:
    found = attained("hhhhwhhhhbhh", objective=0.95, window=12)
    assert (found.healthy, found.judged, found.reliable) == (10, 12, True)
    assert found.share == pytest.approx(0.8333, abs=1e-4)
    assert found.budget_left == pytest.approx(0.05 * 12 - 2)
    assert found.coverage == 1


def test_only_the_window_counts_and_pending_periods_are_left_aside() -> None:
    found = attained("bbbb" + "hhhhhhhhhw" + "pp")
    assert (found.healthy, found.judged) == (9, 10)
    assert found.budget_left == pytest.approx(0)


def test_missing_periods_are_not_judged_and_lower_the_coverage() -> None:
    found = attained("hhhhhhhhns")
    assert (found.healthy, found.judged, found.share) == (8, 8, 1)
    assert (found.coverage, found.reliable) == (0.8, True)
    assert (attained("hhhhhhhnns").coverage, attained("hhhhhhhnns").reliable) == (0.7, False)


def test_missing_periods_that_count_as_bad_are_judged() -> None:
    found = attained("hhhhhhhhns", "no_value", "counts_as_bad")
    assert (found.healthy, found.judged, found.coverage) == (8, 10, 1)
    assert found.budget_left == pytest.approx(1 - 2)


def test_accepted_and_excluded_periods_were_not_to_be_judged() -> None:
    found = attained("hhhhhhhnnx", "no_value", "accepted")
    assert (found.healthy, found.judged, found.coverage, found.reliable) == (7, 7, 1, True)


def test_a_young_kpi_is_not_reliable() -> None:
    assert attained("hhh").share == 1
    assert (attained("hhh").coverage, attained("hhh").reliable) == (0.3, False)
    assert attained("uuuuuuuhhh").reliable is False


def test_nothing_judged_has_no_share() -> None:
    assert (attained("").share, attained("pp").share, attained("x" * 10).coverage) == (None,) * 3
    assert attained("x" * 10).reliable is False


@pytest.mark.parametrize(
    ("policy", "judged", "healthy"), [("bad", 2, 1), ("ignore", 1, 1), ("ok", 1, 1)]
)
def test_the_policy_of_a_kpi_reaches_its_attainment(
    policy: NoData, judged: int, healthy: int
) -> None:
    health = Health("monthly", Range(Bounds(min=1)), no_data=policy)
    seen = [Observation(date(2026, 1, 1), 1.0), Observation(date(2026, 2, 1), None)]
    found = evaluate_health(health, seen, Clock(datetime(2026, 3, 1)))
    result = attainment_of(found, Attainment(0.5, 2))
    assert (found[1].status, result.judged, result.healthy) == ("no_data", judged, healthy)
    assert result.coverage == (0.5 if policy == "ignore" else 1)


# --------------------------------------------------------------------------------------- episodes


def told(letters: str) -> list[tuple[str, int, int | None, str, str | None, int]]:
    return [
        (
            e.level[0],
            e.opened.year - 2000,
            e.closed.year - 2000 if e.closed else None,
            e.began,
            e.ended,
            e.periods,
        )
        for e in episodes(verdicts(letters))
    ]


def test_a_healthy_kpi_has_no_episodes() -> None:
    assert episodes(verdicts("uhhnxhp")) == ()


def test_an_episode_opens_escalates_eases_and_recovers() -> None:
    assert told("hwwbbbwh") == [
        ("w", 1, 3, "open", "escalation", 2),
        ("b", 3, 6, "escalation", "easing", 3),
        ("w", 6, 7, "easing", "recovery", 1),
    ]


def test_an_episode_lasts_until_a_level_ends_it() -> None:
    assert told("hbnsxb") == [("b", 1, None, "open", None, 2)]
    assert told("hbnp") == [("b", 1, None, "open", None, 1)]


def test_a_kpi_that_is_bad_from_its_start_opens_an_episode() -> None:
    assert episodes(verdicts("b")) == (Episode("breach", date(2000, 1, 1), None, "open"),)


def test_each_return_is_an_episode_of_its_own() -> None:
    assert [e[:3] for e in told("whwnh")] == [("w", 0, 1), ("w", 2, 4)]
