"""rate_and_mix and price_volume_mix: segments or their mixture."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpilayer import price_volume_mix, rate_and_mix

#: Gross profit and revenue by line: services make 30 % of 10, then 35 % of 20.
MARGIN = {"software": (72, 90), "services": (3, 10)}
MARGIN_AFTER = {"software": (64, 80), "services": (7, 20)}


def test_a_margin_falls_by_mix_though_its_segments_get_better() -> None:
    found = rate_and_mix(MARGIN, MARGIN_AFTER)
    assert (found.before, found.after, found.change) == (0.75, 0.71, -0.04)
    assert (found.rate, found.mix) == (0.0075, -0.0475)
    software, services = found.rows
    assert (software.rate, software.mix) == (0, pytest.approx(-0.1 * (0.8 - 0.73)))
    assert services.rate == pytest.approx((0.1 + 0.2) / 2 * (0.35 - 0.30))
    assert services.mix == pytest.approx(0.1 * (0.325 - 0.73))
    assert (services.before, services.after) == (0.30, 0.35)
    assert (services.before_weight, services.after_weight) == (0.1, 0.2)
    assert services.share == pytest.approx((0.0075 - 0.0405) / -0.04)


def test_a_new_segment_is_all_mixture() -> None:
    found = rate_and_mix({"old": (50, 100)}, {"old": (50, 100), "new": (20, 100)})
    old, new = found.rows
    assert (new.status, new.before, new.after, new.rate) == ("new", None, 0.2, 0)
    assert new.mix == pytest.approx(0.5 * (0.2 - (0.5 + 0.35) / 2))
    assert (old.status, old.rate) == ("both", 0)
    assert old.mix == pytest.approx(-0.5 * (0.5 - 0.425))


def test_a_lost_segment_is_all_mixture() -> None:
    found = rate_and_mix({"old": (50, 100), "gone": (20, 100)}, {"old": (60, 100)})
    old, gone = found.rows
    assert (gone.status, gone.before, gone.after, gone.rate) == ("lost", 0.2, None, 0)
    assert gone.mix == pytest.approx(-0.5 * (0.2 - (0.35 + 0.6) / 2))
    assert old.rate == pytest.approx(0.75 * 0.1)


@pytest.mark.parametrize("nothing", [(0, 0), (None, None), (None, 0), (0, None)])
def test_a_segment_that_has_nothing_is_not_there(nothing: Any) -> None:
    before, after = {"a": (1, 2), "b": (3, 4)}, {"a": (1, 2)}
    assert rate_and_mix(before, {**after, "b": nothing}) == rate_and_mix(before, after)
    assert len(rate_and_mix({**after, "b": nothing}, {**after, "b": nothing}).rows) == 1


@pytest.mark.parametrize(
    ("before", "reason", "detail"),
    [
        ({"a": (1, 2), "b": (1, 0)}, "zero_denominator", "`b` has the denominator 0 before"),
        (
            {"a": (1, 2), "b": (1, None)},
            "no_value",
            "segment `b` lacks one of its two values before",
        ),
        ({"a": (1, 2), "b": (1, math.nan)}, "not_finite", "`b`"),
        ({"a": (1, 2), "b": (1, -2)}, "zero_denominator", "denominators add up to 0 before"),
        ({}, "zero_denominator", "denominators add up to 0 before"),
        ({"a": (1e308, 1e-308)}, "not_finite", "too large"),
    ],
)
def test_what_cannot_be_computed_has_a_reason_and_no_number(
    before: Any, reason: str, detail: str
) -> None:
    found = rate_and_mix(before, {"a": (1, 2)})
    assert (found.status, found.reason, found.change, found.rows) == ("undefined", reason, None, ())
    assert detail in found.detail


def test_revenue_moves_by_volume_price_and_mix() -> None:
    """200 at a mean of 15 become 240 at 13; `b` costs 22 instead of 20 and sells less."""
    found = price_volume_mix(
        {"a": (100, 1000), "b": (100, 2000)}, {"a": (180, 1800), "b": (60, 1320)}
    )
    assert (found.before, found.after, found.change) == (3000, 3120, 120)
    assert found.volume == 40 * 14
    assert found.price == pytest.approx(220 * 0.375 * 2)
    assert found.mix == pytest.approx(220 * (0.25 * (10 - 14) - 0.25 * (21 - 14)))
    a, b = found.rows
    assert (a.before, a.after, b.before, b.after) == (10, 10, 20, 22)
    assert (a.rate, b.rate) == (0, pytest.approx(165))


def test_without_other_shares_and_prices_all_is_volume() -> None:
    found = price_volume_mix({"a": (10, 50), "b": (30, 30)}, {"a": (20, 100), "b": (60, 60)})
    assert (found.volume, found.price, found.mix) == (80, 0, 0)


def test_a_new_product_is_mixture_at_its_own_price() -> None:
    found = price_volume_mix({"a": (10, 100)}, {"a": (10, 100), "b": (10, 300)})
    row = found.rows[1]
    assert (row.status, row.before, row.after, row.rate) == ("new", None, 30, 0)
    assert row.mix == pytest.approx(15 * 0.5 * (30 - (10 + 20) / 2))


def test_sold_nothing_has_no_prices() -> None:
    found = price_volume_mix({"a": (10, 100)}, {"a": (0, 100)})
    assert (found.status, found.reason, found.volume) == ("undefined", "zero_denominator", None)
    assert price_volume_mix({"a": (10, 100)}, {}).reason == "zero_denominator"


pair = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
segments = st.dictionaries(st.sampled_from("abcde"), pair, min_size=1)


@given(segments, segments)
def test_rate_and_mix_add_up_to_the_change_of_the_ratio(before: Any, after: Any) -> None:
    found = rate_and_mix(before, after)
    ends = [sum(n for n, _ in s.values()) / sum(d for _, d in s.values()) for s in (before, after)]
    parts = [part for row in found.rows for part in (row.rate, row.mix)]
    size = max([abs(part) for part in parts] + [abs(end) for end in ends])
    assert math.fsum(parts) == pytest.approx(ends[1] - ends[0], rel=1e-9, abs=1e-9 * size)
    assert found.rate is not None and found.mix is not None
    assert found.rate + found.mix == pytest.approx(found.change, rel=1e-9, abs=1e-9 * size)
    for row in found.rows:
        assert row.contribution == pytest.approx(row.rate + row.mix, abs=1e-9 * size)


@given(segments, segments)
def test_only_segments_of_both_periods_have_a_rate(before: Any, after: Any) -> None:
    for row in rate_and_mix(before, after).rows:
        present = (row.segment in before, row.segment in after)
        assert {"both": (True, True), "new": (False, True), "lost": (True, False)}[
            row.status
        ] == present
        assert row.status == "both" or row.rate == 0


@given(segments, segments)
def test_rate_and_mix_change_sign_when_periods_are_swapped(before: Any, after: Any) -> None:
    there, back = rate_and_mix(before, after), rate_and_mix(after, before)
    assert {row.segment: (row.rate, row.mix) for row in there.rows} == {
        row.segment: (-row.rate, -row.mix) for row in back.rows
    }


@given(segments, segments)
def test_volume_price_and_mix_add_up_to_the_change_of_the_amount(before: Any, after: Any) -> None:
    flip = [{name: (q, amount) for name, (amount, q) in side.items()} for side in (before, after)]
    found = price_volume_mix(*flip)
    ends = [math.fsum(amount for _, amount in side.values()) for side in flip]
    assert found.volume is not None and found.price is not None and found.mix is not None
    parts = [found.volume, found.price, found.mix]
    size = max(abs(n) for n in (*parts, *ends))
    assert math.fsum(parts) == pytest.approx(ends[1] - ends[0], rel=1e-9, abs=1e-9 * size)
    assert math.fsum(row.rate for row in found.rows) == pytest.approx(
        found.price, abs=1e-9 * max([size, *(abs(row.rate) for row in found.rows)])
    )
