"""What a formula of drivers may hold, and what it says of numbers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from kpilayer import QueryError
from kpilayer.kpi.exact import exact, rounded, share
from kpilayer.kpi.formulas import powers_of, read_formula, slope_of, value_of


def value(text: str, **values: Any) -> Any:
    return value_of(read_formula(text).tree, {name: exact(v) for name, v in values.items()})


def slope(text: str, name: str, **values: Any) -> Any:
    return slope_of(read_formula(text).tree, name, {n: exact(v) for n, v in values.items()})


def codes(text: str) -> list[str]:
    with pytest.raises(QueryError) as caught:
        read_formula(text)
    return [issue.code for issue in caught.value.issues]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 3", 14),
        ("(a + b) * 3", 18),
        ("a - b - 1", -3),
        ("a / b", Fraction(1, 2)),
        ("-a", -2),
        ("- - a", 2),
        ("1e2 * a", 200),
        (".5 * a", 1),
        ('"order" * a', 14),
        ("coalesce(none, 0) + a", 2),
        ("ifnull(none, 0) + a", 2),
        ("coalesce(a / zero, 0)", 0),
        ("a / nullif(b, 0)", Fraction(1, 2)),
        ("a / zero", "zero_denominator"),
        ("a / nullif(zero, 0)", "zero_denominator"),
        ("a * none", "no_value"),
        ("a / (b - 4)", "zero_denominator"),
        ("a /* of customers */ + b", 6),
    ],
)
def test_a_formula_gives_what_it_gives_by_hand(text: str, expected: object) -> None:
    assert value(text, a=2, b=4, order=7, zero=0, none=None) == expected


def test_names_are_those_of_the_text_once_each_as_they_come() -> None:
    assert read_formula("(revenue - cogs) / revenue").drivers == ("revenue", "cogs")


@pytest.mark.parametrize(
    "text",
    [
        *("a > b", "abs(a)", "a ^ 2", "a % b", "a // b", "'x' * a", "null * a", "true * a"),
        *("case when a then b end", "cast(a as int)", "a::double", "coalesce(a, b)"),
        *("coalesce(a, 0, 0)", "nullif(a, 1)", "a is null", "not a", "current_date", "[a]"),
        *("1 + 1", "1e999 * a", "1e-9999 * a", "round(a)", "my_function(a)", "a[1]"),
        *(" + ".join(["a"] * 200), "'0' * a", "coalesce(a, '0')"),
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    assert codes(text) == ["bad-drivers"] * len(codes(text))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad-sql"),
        ("a +", "bad-sql"),
        ("(" * 90 + "a" + ")" * 90, "bad-sql"),
        ("a; b", "several-statements"),
        ("(select 1)", "not-an-expression"),
        ("orders.a", "not-an-expression"),
        ("sum(a)", "aggregate-in-expression"),
    ],
)
def test_what_is_no_expression_has_the_code_that_it_has_elsewhere(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_every_part_that_is_refused_is_told_at_its_place() -> None:
    with pytest.raises(QueryError) as caught:
        read_formula("abs(a) + b *\n sqrt(c)", argument="tree")
    places = [str(issue.location) for issue in caught.value.issues]
    assert places == ["tree:1:1", "tree:2:2"]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("a * b", "a", 4),
        ("a + b", "a", 1),
        ("a - b", "b", -1),
        ("a / b", "a", Fraction(1, 4)),
        ("a / b", "b", Fraction(-2, 16)),
        ("a * a * a", "a", 12),
        ("b", "a", 0),
        ("nullif(a, 0) * b", "a", 4),
        ("coalesce(a, 0) * b", "a", 4),
        ("coalesce(a / zero, 0) + b", "a", 0),
        ("a / zero", "a", "zero_denominator"),
    ],
)
def test_a_slope_is_the_derivative(text: str, name: str, expected: object) -> None:
    assert slope(text, name, a=2, b=4, zero=0) == expected


def test_products_have_powers_and_sums_have_none() -> None:
    found = powers_of(read_formula("-2 * a * (a / b) / nullif(c, 0) * coalesce(b, 0)").tree)
    assert found is not None
    assert (found.factor, dict(found.exponents)) == (-2, {"a": 2, "b": 0, "c": -1})
    assert powers_of(read_formula("a * (b + c)").tree) is None
    assert powers_of(read_formula("0 * a").tree) is None


def test_numbers_are_those_that_people_read() -> None:
    assert exact(0.1) == exact(Decimal("0.1")) == Fraction(1, 10)
    assert [exact(n) for n in (3, -2.5, 1e300)] == [3, Fraction(-5, 2), Fraction(10) ** 300]
    assert exact(Decimal("1e999999999")) == exact(Decimal("1e-999999999")) == "not_finite"
    assert exact(Decimal(0).scaleb(-900)) == 0


def test_very_large_numbers_are_infinite_and_have_no_shares() -> None:
    assert rounded(Fraction(-(10**400))) == float("-inf")
    assert share(Fraction(10**300), Fraction(1, 10**300)) is None
    assert share(Fraction(1), Fraction(0)) is None
