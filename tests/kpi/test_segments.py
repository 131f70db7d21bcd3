"""segments_that_moved: where a number is not as expected."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpilayer import QueryError, segments_that_moved
from kpilayer.kpi.variation import within_normal_variation

#: 100 were expected and 50 came: each centre lost its half, mobile lost less than that.
EXPECTED = {
    "centre": {"x": 94, "y": 6},
    "device": {"pc": 50, "mobile": 25, "tablet": 25},
}
ACTUAL = {
    "centre": {"x": 47, "y": 3},
    "device": {"pc": 24, "mobile": 14, "tablet": 12},
}


def surprise(p: float, q: float) -> float:
    middle = (p + q) / 2
    return 0.5 * (p * math.log(p / middle) + q * math.log(q / middle))


def test_an_element_is_told_with_what_it_explains_and_how_surprising_it_is() -> None:
    found = segments_that_moved(
        {"region": {"eu": 60, "us": 100}}, {"region": {"eu": 100, "us": 100}}
    )
    assert (found.expected, found.actual, found.change) == (200, 160, -40)
    (region,) = found.dimensions
    (eu,) = region.elements
    assert (eu.element, eu.expected, eu.actual, eu.change, eu.explained) == ("eu", 100, 60, -40, 1)
    assert eu.surprise == pytest.approx(surprise(100 / 200, 60 / 160), rel=1e-12)
    assert (region.explained, region.surprise) == (1, eu.surprise)


def test_dimensions_are_ranked_by_surprise() -> None:
    found = segments_that_moved(ACTUAL, EXPECTED)
    assert [d.dimension for d in found.dimensions] == ["device", "centre"]
    device = found.dimensions[0]
    assert [e.element for e in device.elements] == ["mobile", "pc"]
    assert device.explained == pytest.approx((11 + 26) / 50)
    assert device.surprise == pytest.approx(surprise(0.5, 0.48) + surprise(0.25, 0.28), rel=1e-9)
    assert found.dimensions[1].surprise == 0


def test_small_elements_are_not_taken() -> None:
    """Ten elements that lose 10 % of the change each: none explains more than that."""
    expected = {"shop": dict.fromkeys(range(10), 10)}
    actual = {"shop": dict.fromkeys(range(10), 9)}
    assert segments_that_moved(actual, expected).dimensions == ()
    found = segments_that_moved(actual, expected, element_explains=0.09)
    assert len(found.dimensions[0].elements) == 7


def test_elements_are_taken_until_they_explain_enough() -> None:
    """The most surprising ones explain 40 % and 35 % of -100; 75 % is above 67 %."""
    expected = {"shop": {"a": 100, "b": 100, "c": 800}}
    actual = {"shop": {"a": 60, "b": 65, "c": 775}}
    (shop,) = segments_that_moved(actual, expected).dimensions
    assert [e.element for e in shop.elements] == ["a", "b"]
    assert shop.explained == pytest.approx(0.75)
    (whole,) = segments_that_moved(actual, expected, dimension_explains=0.8).dimensions
    assert [e.element for e in whole.elements] == ["a", "b", "c"]


def test_only_the_first_dimensions_are_told() -> None:
    many = {f"d{i}": {"a": 60, "b": 100} for i in range(5)}
    before = {f"d{i}": {"a": 100, "b": 100} for i in range(5)}
    assert [d.dimension for d in segments_that_moved(many, before).dimensions] == ["d0", "d1", "d2"]
    assert len(segments_that_moved(many, before, most=5).dimensions) == 5


def test_elements_that_move_the_other_way_explain_nothing() -> None:
    expected = {"region": {"eu": 100, "us": 100}}
    (region,) = segments_that_moved({"region": {"eu": 40, "us": 120}}, expected).dimensions
    assert [e.element for e in region.elements] == ["eu"]
    assert region.explained == 1.5


def test_an_element_that_is_not_there_and_no_value_are_zero() -> None:
    expected = {"region": {"eu": 100, None: 50, "us": None}}
    found = segments_that_moved({"region": {"eu": 100, "asia": 10}}, expected)
    (region,) = found.dimensions
    assert [e.element for e in region.elements] == [None]
    assert region.elements[0].surprise == pytest.approx(50 / 150 * math.log(2) / 2)


def test_dimensions_with_elements_below_zero_are_left_out() -> None:
    expected = {"region": {"eu": 100, "us": 100}, "kind": {"sale": 210, "refund": -10}}
    actual = {"region": {"eu": 60, "us": 100}, "kind": {"sale": 180, "refund": -20}}
    found = segments_that_moved(actual, expected)
    assert [d.dimension for d in found.dimensions] == ["region"]
    assert found.left_out == ("kind",)


@pytest.mark.parametrize(
    ("actual", "expected", "reason"),
    [
        ({"a": 10, "b": 5}, {"a": 5, "b": 10}, "no_change"),
        ({"a": 10}, {"a": 0}, "zero_denominator"),
        ({"a": 0}, {"a": 10}, "zero_denominator"),
        ({"a": math.nan}, {"a": 10}, "not_finite"),
    ],
)
def test_what_cannot_be_told_has_a_reason_and_no_number(
    actual: Any, expected: Any, reason: str
) -> None:
    found = segments_that_moved({"d": actual}, {"d": expected})
    assert (found.status, found.reason, found.change) == ("undefined", reason, None)


def test_dimensions_that_add_up_to_different_wholes_are_refused() -> None:
    """A customer with two plans is counted twice by plan."""
    with pytest.raises(QueryError, match="`region` adds up to 100, and `plan` to 120") as caught:
        segments_that_moved(
            {"region": {"eu": 80}, "plan": {"a": 60, "b": 20}},
            {"region": {"eu": 100}, "plan": {"a": 60, "b": 60}},
        )
    assert [issue.code for issue in caught.value.issues] == ["bad-drivers"]


def test_both_sides_have_the_same_dimensions() -> None:
    with pytest.raises(QueryError, match=r"(?s)`a` is in `actual` only.*`b` is in `expected` only"):
        segments_that_moved({"a": {1: 1}}, {"b": {1: 1}})
    with pytest.raises(QueryError, match="no dimension"):
        segments_that_moved({}, {})


counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 1000), min_size=1)


@given(counts, counts)
def test_what_is_told_explains_enough_with_elements_that_count(actual: Any, expected: Any) -> None:
    found = segments_that_moved({"d": actual}, {"d": expected})
    for dimension in found.dimensions:
        assert dimension.explained > 0.67
        assert all(element.explained > 0.10 for element in dimension.elements)
        assert all(element.surprise >= -1e-12 for element in dimension.elements)
        order = [element.surprise for element in dimension.elements]
        assert order == sorted(order, reverse=True)


# ------------------------------------------------------------------------------ normal variation


def test_a_change_below_one_mad_of_changes_is_normal() -> None:
    """Changes 4, -3, 2, -5: median -0.5, distances 4.5, 2.5, 2.5, 4.5, their median 3.5."""
    history = [100, 104, 101, 103, 98]
    assert within_normal_variation(history, 3.4)
    assert within_normal_variation(history, -3.4)
    assert not within_normal_variation(history, 3.5)


def test_gaps_of_a_history_make_no_changes() -> None:
    assert within_normal_variation([100, 104, None, 101, 103, 98], 1.9) is True
    assert within_normal_variation([100, None, 200, None, 300], 0) is False


def test_without_history_nothing_is_normal() -> None:
    assert not within_normal_variation([], 0)
    assert not within_normal_variation([5], 0)
    assert not within_normal_variation([5, 6, 7, 8], 0)


def test_a_change_that_is_no_number_is_not_normal() -> None:
    assert not within_normal_variation([1, 5, 2, 9], math.nan)
