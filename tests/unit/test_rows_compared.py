"""When a value of an answer is the one that was expected."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from kpilayer.verify.compare import differences, same

NAN = float("nan")


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (None, None),
        (1, 1),
        (1, Decimal("1.00")),
        (1.5, Decimal("1.50")),
        (10**30, Decimal(10**30)),
        (0.1, 0.1 + 1e-12),
        (NAN, NAN),
        (float("inf"), float("inf")),
        (True, True),
        ("2026-01-01", date(2026, 1, 1)),
        ("2026-01-01", datetime(2026, 1, 1)),
        ("2026-01-01T10:30:00", datetime(2026, 1, 1, 10, 30)),
        ("2026-01-01 10:30", datetime(2026, 1, 1, 10, 30)),
        ("a", "a"),
    ],
)
def test_equal_values_are_the_same(expected: object, actual: object) -> None:
    assert same(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (None, 0),
        (0, None),
        (1, True),
        (False, 0),
        ("1", 1.0),
        (10**30, Decimal(10**30 + 1)),
        (0.0, 1e-12),
        (1.0, 1.0 + 1e-8),
        (NAN, 1.0),
        (1, NAN),
        (float("inf"), 1e308),
        ("2026-01-01", datetime(2026, 1, 1, 0, 0, 1)),
        ("2026-01-02", date(2026, 1, 1)),
        ("soon", date(2026, 1, 1)),
        ("a", "A"),
        (1, "1"),
    ],
)
def test_different_values_are_not(expected: object, actual: object) -> None:
    assert not same(expected, actual)


def test_equal_rows_are_matched_once_each() -> None:
    (found,) = differences([("a",), ("a",)], [("a",)], in_order=False)
    assert (found.row, found.expected, found.actual) == (2, ("a",), None)


def test_a_row_stands_beside_the_one_that_shares_its_first_columns() -> None:
    """`(a, 1)` shares a cell with both; the key comes first."""
    found = differences([("a", 1), ("b", 2)], [("b", 1), ("a", 3)], in_order=False)
    assert [(d.expected, d.actual, d.cells) for d in found] == [
        (("a", 1), ("a", 3), (1,)),
        (("b", 2), ("b", 1), (1,)),
    ]


def test_rows_that_share_nothing_are_missing_and_too_many() -> None:
    found = differences([("a", 1), ("b", 2)], [("c", 3), ("d", 4)], in_order=False)
    assert [(d.expected, d.actual) for d in found] == [
        (("a", 1), None),
        (("b", 2), None),
        (None, ("c", 3)),
        (None, ("d", 4)),
    ]


def test_one_row_beside_one_row_is_compared_cell_by_cell() -> None:
    (found,) = differences([(1, 2)], [(3, 4)], in_order=False)
    assert found.cells == (0, 1)
