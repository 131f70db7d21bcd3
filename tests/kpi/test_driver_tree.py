"""chained: the change of a root, carried down to its leaves."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kpilayer
from kpilayer import Attribution, QueryError, attribute, chained

REVENUE = {
    "revenue": "customers * arpc",
    "customers": "previous_customers - churned_customers + new_customers",
    "new_customers": "visitors * capture_rate * conversion_rate",
    "arpc": "base + upsell + cross_sell",
}
BEFORE = {
    "previous_customers": 1000, "churned_customers": 40,
    "visitors": 10_000, "capture_rate": 0.1, "conversion_rate": 0.20,
    "base": 40, "upsell": 8, "cross_sell": 2,
}  # fmt: skip
AFTER = {
    "previous_customers": 1160, "churned_customers": 70,
    "visitors": 11_500, "capture_rate": 0.1, "conversion_rate": 0.18,
    "base": 41, "upsell": 7, "cross_sell": 3.5,
}  # fmt: skip


def amounts(found: Attribution) -> dict[str, float]:
    assert found.status == "ok", found.detail
    return {row.name: row.contribution for row in found.contributions}


def test_a_revenue_tree_adds_up_over_all_leaves() -> None:
    """1,160 customers at 50 become 1,297 at 51.5; one customer is 50.75, one of ARPC 1,228.5."""
    found = chained(REVENUE, BEFORE, AFTER)
    assert (found.before, found.after, found.change) == (58_000, 66_795.5, 8_795.5)
    assert amounts(found) == {
        "previous_customers": 8_120,
        "churned_customers": -1_522.5,
        "visitors": 1_446.375,
        "capture_rate": 0,
        "conversion_rate": -1_091.125,
        "base": 1_228.5,
        "upsell": -1_228.5,
        "cross_sell": 1_842.75,
    }
    assert (found.residual, found.adds_up) == (0, True)


def test_nodes_have_multipliers_over_their_paths() -> None:
    found = {node.name: node for node in chained(REVENUE, BEFORE, AFTER).nodes}
    assert next(iter(found)) == "revenue"
    assert found["revenue"].multiplier == 1
    assert found["customers"].multiplier == (50 + 51.5) / 2
    assert found["arpc"].multiplier == (1160 + 1297) / 2
    assert found["new_customers"].contribution == pytest.approx(1_446.375 - 1_091.125)
    assert found["customers"].children == (
        "previous_customers", "churned_customers", "new_customers",
    )  # fmt: skip
    assert found["base"].children == ()


def test_carried_leaves_come_last_and_are_marked() -> None:
    found = chained(REVENUE, BEFORE, AFTER, carried=["previous_customers"])
    assert [row.name for row in found.contributions if row.carried] == ["previous_customers"]
    assert found.contributions[-1].name == "previous_customers"
    assert found.contributions[0].name == "churned_customers"


def test_offsetting_children_stay_visible_below_a_parent_that_has_not_moved() -> None:
    tree = {"revenue": "customers * arpc", "customers": "leads - churned"}
    found = chained(
        tree, {"leads": 300, "churned": 200, "arpc": 50}, {"leads": 350, "churned": 250, "arpc": 50}
    )
    assert found.change == 0
    assert amounts(found) == {"leads": 2_500, "churned": -2_500, "arpc": 0}


def test_a_driver_that_has_not_moved_carries_its_children_by_its_slope() -> None:
    """A ratio with both denominators: 1/2 * (1/100 + 1/200) for the numerator's parts."""
    tree = {"rate": "n / d", "n": "won + kept"}
    found = chained(tree, {"won": 10, "kept": 20, "d": 100}, {"won": 16, "kept": 14, "d": 200})
    m = (1 / 100 + 1 / 200) / 2
    by_hand = {"won": 6 * m, "kept": -6 * m, "d": -30 * 100 / (100 * 200)}
    assert amounts(found) == pytest.approx(by_hand, rel=1e-12)


def test_a_denominator_that_has_not_moved_carries_its_children() -> None:
    tree = {"rate": "n / d", "d": "open + closed"}
    found = chained(tree, {"n": 30, "open": 60, "closed": 40}, {"n": 50, "open": 70, "closed": 30})
    m = -(30 + 50) / 2 / (100 * 100)
    assert amounts(found) == pytest.approx({"n": 0.2, "open": 10 * m, "closed": -10 * m}, rel=1e-12)


def test_what_a_shared_leaf_does_is_added_over_its_paths() -> None:
    """Volume moves revenue by the mean price, 11, and cost by the mean unit cost, 6."""
    tree = {"profit": "revenue - cost", "revenue": "price * volume", "cost": "unit_cost * volume"}
    found = chained(
        tree,
        {"price": 10, "volume": 100, "unit_cost": 6},
        {"price": 12, "volume": 120, "unit_cost": 6},
    )
    assert found.change == 320
    assert [row.name for row in found.contributions] == ["price", "volume", "unit_cost"]
    assert amounts(found) == {"price": 220, "volume": 20 * (11 - 6), "unit_cost": 0}


def test_a_measured_node_has_a_residual_of_its_own() -> None:
    """Revenue was 1,000 and 1,150 in the ledger; price times volume makes 1,000 and 1,100."""
    tree = {"profit": "revenue - cost", "revenue": "price * volume"}
    found = chained(
        tree,
        {"price": 10, "volume": 100, "cost": 600, "revenue": 1000},
        {"price": 11, "volume": 100, "cost": 600, "revenue": 1150},
    )
    assert found.change == 150
    assert amounts(found) == {"price": 100, "volume": 0, "cost": 0}
    assert (found.residual, found.adds_up) == (50, False)
    residuals = {node.name: (node.residual, node.adds_up) for node in found.nodes}
    assert residuals["revenue"] == (50, False)
    assert residuals["profit"] == residuals["price"] == (0, True)


def test_what_the_root_does_not_reach_is_left_out() -> None:
    tree = {"profit": "revenue - cost", "margin": "profit / revenue"}
    found = chained(tree, {"revenue": 10, "cost": 4}, {"revenue": 12, "cost": 4}, root="profit")
    assert [node.name for node in found.nodes if node.children] == ["profit"]
    assert amounts(found) == {"revenue": 2, "cost": 0}


def test_coalesce_counts_a_leaf_without_a_value_as_zero() -> None:
    tree = {"revenue": "customers * arpc", "customers": "kept + coalesce(won, 0)"}
    found = chained(tree, {"kept": 10, "won": None, "arpc": 5}, {"kept": 10, "won": 3, "arpc": 5})
    assert amounts(found) == {"kept": 0, "won": 15, "arpc": 0}
    assert found.contributions[1].before is None


@pytest.mark.parametrize(
    ("before", "after", "reason", "detail"),
    [
        ({"a": 1, "b": 0, "c": 1}, {"a": 1, "b": 1, "c": 1}, "zero_denominator", "in `rate`, `a / b` divides by 0 before"),
        ({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": None}, "no_value", "in `top`, `c` has no value after"),
        ({"a": 1, "b": 1, "c": 1, "rate": None}, {"a": 1, "b": 1, "c": 1, "rate": 1}, "no_value", "`rate` has no value"),
    ],
)  # fmt: skip
def test_a_node_that_cannot_be_computed_is_named(
    before: Any, after: Any, reason: str, detail: str
) -> None:
    found = chained({"top": "rate * c", "rate": "a / b"}, before, after)
    assert (found.status, found.reason, found.nodes) == ("undefined", reason, ())
    assert detail in found.detail


def test_lmdi_leaves_are_independent_of_nesting() -> None:
    before = {"arpa": 100, "margin": 0.8, "churn": 0.025, "spend": 90_000, "new": 300}
    after = {"arpa": 104, "margin": 0.78, "churn": 0.030, "spend": 120_000, "new": 320}
    nested = {"ratio": "ltv / cac", "ltv": "arpa * margin / churn", "cac": "spend / new"}
    flat = attribute("(arpa * margin / churn) / (spend / new)", before, after, "lmdi")
    found = chained(nested, before, after, "lmdi")
    assert found.method == "lmdi"
    assert amounts(found) == pytest.approx(amounts(flat), rel=1e-12)


def test_lmdi_carries_children_of_a_node_that_has_not_moved() -> None:
    """The node stays at 12: what its children do cancels out, at L(y) / L(12) = y for each."""
    tree = {"revenue": "customers * arpc", "customers": "leads * rate"}
    found = chained(
        tree, {"leads": 24, "rate": 0.5, "arpc": 5}, {"leads": 48, "rate": 0.25, "arpc": 5}, "lmdi"
    )
    assert found.change == 0
    assert amounts(found) == pytest.approx(
        {"leads": 60 * math.log(2), "rate": -60 * math.log(2), "arpc": 0}, rel=1e-12
    )


def test_lmdi_is_undefined_where_one_node_adds() -> None:
    found = chained(REVENUE, BEFORE, AFTER, "lmdi")
    assert (found.status, found.reason) == ("undefined", "method_not_applicable")
    assert "`customers`" in found.detail or "`arpc`" in found.detail


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": "b", "b": "a"}, "`a` → `b` → `a`"),
        ({"a": "x + b", "b": "c", "c": "b * 2"}, "`b` → `c` → `b`"),
        ({"a": "a + 1"}, "`a` → `a`"),
        ({"a": "b", "c": "d"}, "more than one root: `a`, `c`"),
        ({}, "the tree has no formula"),
        ({"a": "abs(b)", "c": "d >"}, r"(?s)a:1:1.*c:1:3"),
    ],
)
def test_a_tree_that_is_none_is_refused(tree: dict[str, str], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        chained(tree, {}, {})


def test_many_drivers_are_refused_for_each_node_alone() -> None:
    names = [f"x{i}" for i in range(11)]
    ones, twos = dict.fromkeys(names, 1), dict.fromkeys(names, 2)
    nested = {"a": f"b + {' + '.join(names[:9])}", "b": " + ".join(names[9:])}
    assert chained(nested, ones, twos).change == 11
    with pytest.raises(QueryError, match="`a` has 11 drivers"):
        chained({"a": " + ".join(names)}, ones, twos)


def test_a_deep_tree_is_read() -> None:
    tree = {f"n{i}": f"n{i + 1} + 1" for i in range(3000)}
    assert amounts(chained(tree, {"n3000": 0}, {"n3000": 5})) == {"n3000": 5}


def test_chained_is_a_public_name() -> None:
    assert kpilayer.chained is chained


leaf = st.integers(1, 1000) | st.floats(0.001, 1e6)
states = st.fixed_dictionaries(dict.fromkeys("abcdef", leaf))
trees = st.tuples(*[st.sampled_from("+-*/") for _ in range(5)]).map(
    lambda s: {
        "root": f"x {s[0]} y",
        "x": f"a {s[1]} b {s[2]} c",
        "y": f"d {s[3]} z",
        "z": f"a {s[4]} e + f",
    }
)


@given(trees, states, states)
def test_leaves_add_up_to_the_change_of_the_root(
    tree: dict[str, str], before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = chained(tree, before, after)
    if found.status == "undefined":
        assert found.reason == "zero_denominator"
        return
    size = math.fsum(abs(amount) for amount in amounts(found).values())
    assert found.change is not None
    added = math.fsum(amounts(found).values())
    assert added == pytest.approx(found.change, rel=1e-9, abs=1e-12 * size)


@given(trees, states, states)
def test_a_tree_changes_sign_when_periods_are_swapped(
    tree: dict[str, str], before: dict[str, Any], after: dict[str, Any]
) -> None:
    there, back = chained(tree, before, after), chained(tree, after, before)
    assert there.status == back.status
    if there.status == "ok":
        assert amounts(back) == {name: -amount for name, amount in amounts(there).items()}


@given(trees, states, states, st.floats(0.1, 10), st.floats(0.1, 10))
def test_measured_nodes_and_leaves_add_up_with_the_residual(
    tree: dict[str, str], before: dict[str, Any], after: dict[str, Any], n: float, m: float
) -> None:
    found = chained(tree, {**before, "x": n, "z": m}, {**after, "x": m, "z": n})
    if found.status == "undefined":
        return
    assert found.change is not None and found.residual is not None
    parts = [*amounts(found).values(), found.residual]
    inner = [node.residual for node in found.nodes]
    size = math.fsum(map(abs, [*parts, *inner]))
    assert math.fsum(parts) == pytest.approx(found.change, rel=1e-9, abs=1e-12 * size)


@given(st.sampled_from(["a * b", "a / b", "a * b / c", "a + b * c"]), states, states)
def test_a_tree_of_one_node_is_its_formula(
    formula: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    tree = chained({"root": formula}, before, after)
    assert tree.contributions == attribute(formula, before, after).contributions


def test_a_child_without_a_value_has_nothing_to_move_from() -> None:
    """The node is 0, then 6; what `a` did to it is no multiple of a distance from nowhere."""
    found = chained({"top": "coalesce(a * b, 0)"}, {"a": None, "b": 3}, {"a": 2, "b": 3})
    assert (found.status, found.reason) == ("undefined", "no_value")
    assert found.detail == "in `top`, `a` has no value to move from"
    alone = attribute("coalesce(a * b, 0)", {"a": None, "b": 3}, {"a": 2, "b": 3})
    assert amounts(alone) == {"a": 6, "b": 0}
