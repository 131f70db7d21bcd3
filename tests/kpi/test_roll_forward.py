"""roll_forward: a stock and its flows."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpilayer import QueryError, roll_forward

SIGNS = {"new": 1, "expansion": 1, "contraction": -1, "churned": -1}
FLOWS = {"new": 120, "expansion": 40, "contraction": 10, "churned": 50}


def test_a_flow_contributes_itself_with_its_sign() -> None:
    found = roll_forward(1000, FLOWS, SIGNS, 1100)
    assert (found.before, found.after, found.change, found.computed) == (1000, 1100, 100, 1100)
    assert {flow.name: flow.contribution for flow in found.flows} == {
        "new": 120, "expansion": 40, "contraction": -10, "churned": -50,
    }  # fmt: skip
    assert [flow.share for flow in found.flows] == [1.2, 0.4, -0.1, -0.5]
    assert (found.residual, found.adds_up) == (0, True)


def test_what_flows_do_not_explain_is_a_residual() -> None:
    found = roll_forward(1000, FLOWS, SIGNS, 1130)
    assert (found.computed, found.residual, found.adds_up) == (1100, 30, False)


def test_the_tolerance_is_a_share_of_the_larger_one_and_inclusive() -> None:
    assert roll_forward(1000, {}, {}, 995).adds_up is True
    assert roll_forward(1000, {}, {}, 994).adds_up is False
    assert roll_forward(1000, {}, {}, 994, tolerance=0.01).adds_up is True


def test_a_stock_that_ends_where_it_began_has_no_shares() -> None:
    found = roll_forward(10, {"won": 2, "lost": 2}, {"won": 1, "lost": -1}, 10)
    assert [flow.contribution for flow in found.flows] == [2, -2]
    assert [flow.share for flow in found.flows] == [None, None]


@pytest.mark.parametrize(
    ("opening", "flow", "closing", "reason", "detail"),
    [
        (None, 1, 1, "no_value", "the opening stock has no value"),
        (1, None, 1, "no_value", "flow `won` has no value"),
        (1, 1, None, "no_value", "the closing stock has no value"),
        (1, math.inf, 1, "not_finite", "flow `won` has no finite value"),
        (1.7e308, 1.7e308, 1, "not_finite", "too large"),
    ],
)
def test_without_a_value_there_is_no_number(
    opening: Any, flow: Any, closing: Any, reason: str, detail: str
) -> None:
    found = roll_forward(opening, {"won": flow}, {"won": 1}, closing)
    assert (found.status, found.reason, found.change, found.flows) == (
        "undefined",
        reason,
        None,
        (),
    )
    assert detail in found.detail


def test_flows_and_signs_have_the_same_names() -> None:
    with pytest.raises(QueryError) as caught:
        roll_forward(1, {"won": 1, "lst": 1}, {"won": 2, "lost": -1}, 1)
    assert [issue.message for issue in caught.value.issues] == [
        "the sign of `won` is 2: 1 or -1",
        "flow `lst` has no sign: 1 or -1",
        "`lost` has a sign and no value",
    ]
    assert caught.value.issues[2].hint == "did you mean `lst`?"


amount = st.floats(-1e9, 1e9)


@given(amount, st.lists(amount, min_size=4, max_size=4), amount)
def test_flows_and_residual_add_up_to_the_change(
    opening: float, flows: list[float], closing: float
) -> None:
    found = roll_forward(opening, dict(zip(SIGNS, flows, strict=True)), SIGNS, closing)
    assert found.change is not None and found.residual is not None
    parts = [*(flow.contribution for flow in found.flows), found.residual]
    size = math.fsum(map(abs, parts))
    assert math.fsum(parts) == pytest.approx(found.change, rel=1e-9, abs=1e-12 * size)
