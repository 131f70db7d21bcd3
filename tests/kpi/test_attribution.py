"""attribute: numbers worked by hand, and what must hold of any formula."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import kpilayer
from kpilayer import Attribution, QueryError, attribute

BEFORE = {"customers": 1000, "arpc": 50}
AFTER = {"customers": 1100, "arpc": 48}


def amounts(found: Attribution) -> dict[str, float]:
    assert found.status == "ok", found.detail
    return {row.name: row.contribution for row in found.contributions}


# ----------------------------------------------------------------------------------- worked numbers


def test_two_factors_share_by_the_midpoint_rule() -> None:
    found = attribute("customers * arpc", BEFORE, AFTER)
    assert (found.before, found.after, found.change) == (50_000, 52_800, 2_800)
    assert amounts(found) == {"customers": 100 * (50 + 48) / 2, "arpc": -2 * (1000 + 1100) / 2}
    assert [row.share for row in found.contributions] == [1.75, -0.75]


def test_shapley_is_the_mean_of_both_orders() -> None:
    """Customers first: +5,000 and -2,200; ARPC first: +4,800 and -2,000."""
    found = amounts(attribute("customers * arpc", BEFORE, AFTER))
    assert found == {"customers": (5000 + 4800) / 2, "arpc": (-2200 - 2000) / 2}


def test_lmdi_shares_by_logarithms() -> None:
    found = attribute("customers * arpc", BEFORE, AFTER, method="lmdi")
    mean = 2800 / math.log(52_800 / 50_000)
    assert found.method == "lmdi"
    assert amounts(found) == pytest.approx(
        {"customers": mean * math.log(1.1), "arpc": mean * math.log(0.96)}, rel=1e-12
    )
    assert amounts(found) == pytest.approx({"customers": 4897.73, "arpc": -2097.73}, abs=0.005)


def test_a_ratio_shares_by_means_of_the_inverse() -> None:
    found = attribute("n / d", {"n": 30, "d": 100}, {"n": 42, "d": 120})
    by_hand = {"n": 12 * (1 / 100 + 1 / 120) / 2, "d": -(30 + 42) / 2 * 20 / (100 * 120)}
    assert amounts(found) == pytest.approx(by_hand, rel=1e-12)


def test_each_term_of_a_sum_contributes_its_own_change() -> None:
    found = attribute(
        "new + old - lost", {"new": 5, "old": 7, "lost": 2}, {"new": 6, "old": 4, "lost": 9}
    )
    assert amounts(found) == {"new": 1, "old": -3, "lost": -7}


def test_ltv_to_cac_falls_by_spend_and_churn() -> None:
    found = attribute(
        "(arpa * margin / churn) / (spend / new_customers)",
        {"arpa": 100, "margin": 0.80, "churn": 0.025, "spend": 90_000, "new_customers": 300},
        {"arpa": 104, "margin": 0.78, "churn": 0.030, "spend": 120_000, "new_customers": 320},
    )
    assert (round(found.before or 0, 2), round(found.after or 0, 2)) == (10.67, 7.21)
    assert {name: round(amount, 2) for name, amount in amounts(found).items()} == {
        "arpa": 0.35,
        "margin": -0.23,
        "churn": -1.62,
        "spend": -2.54,
        "new_customers": 0.58,
    }


def test_a_driver_that_stands_twice_is_one_driver() -> None:
    """Revenue 200 to 250, COGS 50 to 100: with revenue first 0.75 to 0.8 to 0.6, else 0.5 to 0.6."""
    found = attribute(
        "(revenue - cogs) / revenue", {"revenue": 200, "cogs": 50}, {"revenue": 250, "cogs": 100}
    )
    assert amounts(found) == pytest.approx(
        {"revenue": (0.05 + 0.10) / 2, "cogs": (-0.2 - 0.25) / 2}
    )


def test_extreme_moves_of_a_ratio_cancel_out_and_are_told() -> None:
    before, after = {"n": 5, "d": 10}, {"n": 50, "d": 400}
    found = attribute("n / d", before, after)
    assert found.change == -0.375
    assert amounts(found) == pytest.approx({"n": 2.31, "d": -2.68}, abs=0.005)
    assert found.offset == pytest.approx((2.30625 + 2.68125) / 0.375)
    assert found.warning == (
        "contributions cancel out: without their signs they are 13.3 times the change; `lmdi` "
        "makes smaller terms"
    )
    smaller = attribute("n / d", before, after, "lmdi")
    assert amounts(smaller) == pytest.approx({"n": 0.62, "d": -1.00}, abs=0.005)
    assert smaller.warning is not None and "lmdi" not in smaller.warning


def test_small_offsets_are_not_warned_of() -> None:
    found = attribute("customers * arpc", BEFORE, AFTER)
    assert (found.offset, found.warning) == (2.5, None)


def test_contributions_stay_visible_where_the_whole_has_not_moved() -> None:
    found = attribute("a * b", {"a": 2, "b": 3}, {"a": 3, "b": 2})
    assert (found.change, found.offset) == (0, None)
    assert amounts(found) == {"a": 2.5, "b": -2.5}
    assert [row.share for row in found.contributions] == [None, None]
    assert found.warning is not None and "there is no change" in found.warning


def test_nothing_moved_is_no_warning() -> None:
    found = attribute("a * b", {"a": 2, "b": 3}, {"a": 2, "b": 3})
    assert (found.change, found.offset, found.warning) == (0, None, None)


def test_decimals_are_what_people_read() -> None:
    """In binary 0.1 + 0.2 is not 0.3."""
    found = attribute("a + b", {"a": 0.1, "b": 0}, {"a": 0.1, "b": 0.2})
    assert (found.before, found.after, found.change) == (0.1, 0.3, 0.2)
    assert amounts(
        attribute("a * b", {"a": Decimal("0.1"), "b": 3}, {"a": Decimal("0.3"), "b": 3})
    ) == {
        "a": 0.6,
        "b": 0,
    }


# ---------------------------------------------------------------------------- values that are there


def test_a_measured_value_leaves_a_residual() -> None:
    found = attribute("customers * arpc", BEFORE, AFTER, measured=(50_100, 53_000))
    assert (found.before, found.after, found.change) == (50_100, 53_000, 2_900)
    assert (sum(amounts(found).values()), found.residual, found.adds_up) == (2_800, 100, True)


def test_a_residual_beyond_the_tolerance_does_not_add_up() -> None:
    assert attribute("a", {"a": 100}, {"a": 200}, measured=(100, 201)).adds_up is True
    assert attribute("a", {"a": 100}, {"a": 200}, measured=(100, 202)).adds_up is False
    narrow = attribute("a", {"a": 100}, {"a": 200}, measured=(100, 201), tolerance=0.001)
    assert narrow.adds_up is False


def test_a_formula_alone_has_no_residual() -> None:
    found = attribute("a * b * c", {"a": 0.1, "b": 0.7, "c": 3}, {"a": 0.3, "b": 0.9, "c": 7})
    assert (found.residual, found.adds_up) == (0, True)


def test_other_metrics_beside_the_drivers_are_left_alone() -> None:
    found = attribute("a", {"a": 1, "other": None}, {"a": 2})
    assert amounts(found) == {"a": 1}


# ------------------------------------------------------------------------------------- no number


@pytest.mark.parametrize(
    ("formula", "before", "after", "reason", "detail"),
    [
        ("a * b", {"a": 1, "b": None}, {"a": 1, "b": 1}, "no_value", "`b` has no value before"),
        ("a * b", {"a": 1, "b": 1}, {"a": None, "b": 1}, "no_value", "`a` has no value after"),
        ("a / b", {"a": 1, "b": 1}, {"a": 1, "b": 0}, "zero_denominator", "`a / b` divides by 0 after"),
        ("a / nullif(b, 0)", {"a": 1, "b": 0}, {"a": 1, "b": 1}, "zero_denominator", "divides by 0"),
        ("a / (b - 0.3)", {"a": 1, "b": 0.3}, {"a": 1, "b": 1}, "zero_denominator", "divides by 0"),
        ("a", {"a": math.nan}, {"a": 1}, "not_finite", "`a` has no finite value before"),
        ("a", {"a": 1}, {"a": -math.inf}, "not_finite", "`a` has no finite value after"),
        ("a", {"a": Decimal("NaN")}, {"a": 1}, "not_finite", "no finite value"),
        ("a * b", {"a": 1e200, "b": 1e200}, {"a": 1, "b": 1}, "not_finite", "too large"),
        ("a / (b - c)", {"a": 1, "b": 2, "c": 1}, {"a": 1, "b": 4, "c": 2}, "zero_denominator", "only some"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_has_a_reason_and_no_number(
    formula: str, before: Any, after: Any, reason: str, detail: str
) -> None:
    found = attribute(formula, before, after)
    assert (found.status, found.reason) == ("undefined", reason)
    assert detail in found.detail
    numbers = (found.before, found.after, found.change, found.residual, found.offset)
    assert numbers == (None,) * 5
    assert found.contributions == () and found.adds_up is None


def test_a_missing_measured_value_has_a_reason_and_no_number() -> None:
    found = attribute("a", {"a": 1}, {"a": 2}, measured=(1, None))
    assert (found.status, found.reason, found.change) == ("undefined", "no_value", None)


def test_coalesce_gives_no_value_the_contribution_of_zero() -> None:
    found = attribute("a + coalesce(b, 0)", {"a": 1, "b": None}, {"a": 1, "b": 4})
    assert amounts(found) == {"a": 0, "b": 4}
    assert found.contributions[1].before is None


@pytest.mark.parametrize(
    ("formula", "before", "after"),
    [
        ("a + b", {"a": 1, "b": 1}, {"a": 2, "b": 2}),
        ("a * (1 - b)", {"a": 1, "b": 0.5}, {"a": 2, "b": 0.2}),
        ("a * b", {"a": 0, "b": 1}, {"a": 2, "b": 2}),
        ("a / b", {"a": 1, "b": 1}, {"a": -2, "b": 2}),
    ],
)
def test_lmdi_is_undefined_where_it_does_not_apply_and_nothing_takes_its_place(
    formula: str, before: Any, after: Any
) -> None:
    found = attribute(formula, before, after, "lmdi")
    assert (found.method, found.status) == ("lmdi", "undefined")
    assert (found.reason, found.contributions) == ("method_not_applicable", ())


def test_lmdi_names_the_drivers_that_are_not_above_zero() -> None:
    found = attribute("a * b", {"a": 0, "b": 1}, {"a": 2, "b": 2}, "lmdi")
    assert found.detail == "`lmdi` needs values above 0; `a` has others"


def test_lmdi_knows_powers_and_factors() -> None:
    """-2 * a * a / b from -2 to -16: ln 8 = 2 ln 4 - ln 2, so a has twice -14 * 2/3."""
    found = attribute("-2 * a * a / b", {"a": 1, "b": 1}, {"a": 4, "b": 2}, "lmdi")
    assert found.change == -14
    assert amounts(found) == pytest.approx({"a": -14 * 4 / 3, "b": 14 / 3}, rel=1e-12)


def test_lmdi_of_very_large_values_has_no_number() -> None:
    found = attribute("a * b", {"a": 1e200, "b": 1e200}, {"a": 1, "b": 1}, "lmdi")
    assert (found.status, found.reason) == ("undefined", "not_finite")


# --------------------------------------------------------------------------------------- refused


def test_ten_drivers_are_taken_apart_and_eleven_are_refused() -> None:
    ten = dict.fromkeys("abcdefghij", 1)
    found = attribute(" * ".join(ten), ten, {**ten, "a": 3})
    assert amounts(found)["a"] == 2
    eleven = {**ten, "k": 1}
    with pytest.raises(QueryError, match="has 11 drivers; `shapley` takes at most 10 apart"):
        attribute(" * ".join(eleven), eleven, eleven)
    assert attribute(" * ".join(eleven), eleven, {**eleven, "k": 3}, "lmdi").change == 2


def test_an_unknown_method_is_refused_with_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean `shapley`"):
        attribute("a", {"a": 1}, {"a": 1}, "shapely")  # type: ignore[arg-type]


def test_attribute_is_a_public_name() -> None:
    assert kpilayer.attribute is attribute


# ----------------------------------------------------------------------------- what always holds

NAMES = "abcd"
numbers = st.one_of(
    st.integers(-50, 50), st.decimals(-50, 50, places=2), st.floats(-1e6, 1e6, width=32)
)
positive = st.floats(1e-3, 1e6)
leaves = st.sampled_from(NAMES) | st.sampled_from(["2", "0.5"])
formulas = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | inner.map(lambda text: f"-{text}" if text[0] != "-" else text)
    ),
    max_leaves=7,
).filter(lambda text: any(name in text for name in NAMES))
values = st.fixed_dictionaries(dict.fromkeys(NAMES, numbers))
above_zero = st.fixed_dictionaries(dict.fromkeys(NAMES, positive))
products = st.lists(st.sampled_from(["*", "/"]), min_size=3, max_size=3).map(
    lambda signs: "".join(f"{name} {sign} " for name, sign in zip("abc", signs, strict=True)) + "d"
)


def size(found: Attribution) -> float:
    return math.fsum(abs(row.contribution) for row in found.contributions)


def by_orders(formula: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Each driver's mean step over all orders, the formula computed by Python."""
    names = [name for name in NAMES if name in formula]
    source = formula.replace("2", "F(2)").replace("0.5", "F('0.5')")
    old, new = ({n: Fraction(repr(float(v))) for n, v in side.items()} for side in (before, after))
    steps = dict.fromkeys(names, Fraction(0))
    orders = list(permutations(names))
    for order in orders:
        state = dict(old)
        for name in order:
            was = eval(source, {"F": Fraction}, state)
            state[name] = new[name]
            steps[name] += eval(source, {"F": Fraction}, state) - was
    return {name: float(step / len(orders)) for name, step in steps.items()}


@given(formulas, values, values)
def test_contributions_are_the_mean_over_all_orders(
    formula: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    try:
        expected = by_orders(formula, before, after)
    except ZeroDivisionError:
        assert attribute(formula, before, after).reason == "zero_denominator"
        return
    found = attribute(formula, before, after)
    assert amounts(found) == pytest.approx(expected, rel=1e-12, abs=0)


@given(formulas, values, values)
def test_contributions_add_up_to_the_change(
    formula: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = attribute(formula, before, after)
    assume(found.status == "ok")
    assert found.change is not None and found.before is not None and found.after is not None
    added = math.fsum(amounts(found).values())
    assert added == pytest.approx(found.change, rel=1e-9, abs=1e-12 * size(found))
    assert found.change == pytest.approx(
        found.after - found.before, abs=1e-9 * max(abs(found.before), abs(found.after), 1e-300)
    )


@given(formulas, values, values)
def test_contributions_change_sign_when_periods_are_swapped(
    formula: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    there, back = attribute(formula, before, after), attribute(formula, after, before)
    assert there.status == back.status
    if there.status == "ok":
        assert amounts(back) == {name: -amount for name, amount in amounts(there).items()}


@given(formulas, values, values, st.sampled_from(NAMES))
def test_a_driver_that_has_not_moved_contributes_nothing(
    formula: str, before: dict[str, Any], after: dict[str, Any], name: str
) -> None:
    found = attribute(formula, before, {**after, name: before[name]})
    assume(found.status == "ok" and name in formula)
    assert amounts(found)[name] == 0


@given(values, values)
def test_a_driver_without_influence_contributes_nothing(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert amounts(attribute("a * b + c - c + 0 * d", before, after))["c"] == 0
    assert amounts(attribute("a * b + c - c + 0 * d", before, after))["d"] == 0


@given(values, values)
def test_drivers_that_move_alike_in_alike_places_have_equal_shares(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    alike = ({**side, "b": side["a"]} for side in (before, after))
    found = amounts(attribute("c * (a + b) * a * b", *alike))
    assert found["a"] == found["b"]


@given(products, above_zero, above_zero)
def test_lmdi_adds_up_and_changes_sign_when_periods_are_swapped(
    formula: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    there, back = (attribute(formula, *p, "lmdi") for p in ((before, after), (after, before)))
    assert there.change is not None
    added = math.fsum(amounts(there).values())
    assert added == pytest.approx(there.change, rel=1e-9, abs=1e-12 * size(there))
    swapped = {name: -amount for name, amount in amounts(back).items()}
    assert amounts(there) == pytest.approx(swapped, rel=1e-9, abs=1e-12 * size(there))


@given(products, above_zero, above_zero)
def test_lmdi_shares_follow_logarithms_of_moves(
    formula: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """What two factors contribute is in the proportion of their logarithms, whatever the rest."""
    found = amounts(attribute(formula, before, after, "lmdi"))
    sign = {"a": 1.0}
    for name, operator in zip("bcd", formula.split()[1::2], strict=True):
        sign[name] = 1.0 if operator == "*" else -1.0
    moves = {n: sign[n] * (math.log(after[n]) - math.log(before[n])) for n in NAMES}
    for name in "bcd":
        scale = 1e-9 * max(map(abs, found.values())) * max(map(abs, moves.values()))
        assert math.isclose(found["a"] * moves[name], found[name] * moves["a"], abs_tol=scale)
