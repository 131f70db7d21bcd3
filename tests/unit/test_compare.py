"""Two answers are equal where they say the same, whatever types their engines chose."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from kpilayer.interop.compare import Answer, difference


def compared(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> str | None:
    columns = ("day", "amount")
    return difference(Answer.of(columns, ours), Answer.of(columns, theirs), ["day"])


DAY = dt.date(2024, 2, 29)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((DAY, 1), (dt.datetime(2024, 2, 29), Decimal("1.00"))),
        ((DAY, 0.1 + 0.2), (DAY, Decimal("0.3"))),
        ((None, None), (None, None)),
        ((DAY, float("nan")), (DAY, float("nan"))),
        ((1, 5), (Decimal(1), 5.0)),
    ],
)
def test_types_of_an_engine_do_not_matter(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert compared([one], [other]) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((DAY, 0), (DAY, None)),
        ((DAY, 1.0), (DAY, 1.00000001)),
        ((None, 1), (DAY, 1)),
        ((DAY, 1), (dt.datetime(2024, 2, 29, 1), 1)),
        ((DAY, float("inf")), (DAY, None)),
    ],
)
def test_values_do(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert compared([one], [other]) is not None


def test_order_does_not_matter_and_repeated_rows_do() -> None:
    assert compared([(DAY, 1), (None, 2)], [(None, 2), (DAY, 1)]) is None
    assert compared([(DAY, 1), (DAY, 1)], [(DAY, 1)]) is not None


def test_columns_are_matched_by_name() -> None:
    ours = Answer.of(("day", "amount"), [(DAY, 1)])
    assert difference(ours, Answer.of(("AMOUNT", "day"), [(1, DAY)]), ["day"]) is None
    said = difference(ours, Answer.of(("day", "total"), [(DAY, 1)]), ["day"])
    assert said == "columns day, amount and day, total"


def test_a_few_differences_are_shown_and_the_rest_counted() -> None:
    said = compared([(n, 0) for n in range(5)], [(n, 1) for n in range(5)])
    assert said is not None
    assert said.splitlines() == [
        "5 of 5 rows",
        "day 0: 0 and 1",
        "day 1: 0 and 1",
        "day 2: 0 and 1",
        "and 2 more",
    ]
