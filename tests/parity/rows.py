"""Rows for the parity project: the same on every run, with NULLs, gaps, month ends and duplicates."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import duckdb

FIRST: Final = dt.date(2024, 1, 1)
LAST: Final = dt.date(2024, 4, 30)
SPINE: Final = (dt.date(2023, 12, 1), dt.date(2024, 5, 31))
CUSTOMERS: Final = 14

TABLES: Final = {
    "orders": "order_id INTEGER, customer_id INTEGER, store_code VARCHAR, ordered_on DATE, shipped_on DATE, amount DECIMAL(10, 2), quantity INTEGER, is_gift BOOLEAN, status VARCHAR, promo VARCHAR",
    "customers": "customer_id INTEGER, region_id INTEGER, segment VARCHAR, signed_up_on DATE, is_vip BOOLEAN, points INTEGER",
    "regions": "region_id INTEGER, continent_id INTEGER, country VARCHAR, opened_on DATE",
    "continents": "continent_id INTEGER, title VARCHAR",
    "stores": "store_id INTEGER, store_code VARCHAR, city VARCHAR",
    "store_days": "store_code VARCHAR, ds DATE, weather VARCHAR",
    "visits": "visit_id INTEGER, customer_id INTEGER, visited_at TIMESTAMP, channel VARCHAR, campaign VARCHAR, seconds INTEGER",
    "balances": "account_id INTEGER, customer_id INTEGER, branch_id INTEGER, snapshot_on DATE, balance DECIMAL(12, 2), currency VARCHAR",
    "customer_tiers": "customer_id INTEGER, tier VARCHAR, valid_from DATE, valid_to DATE",
    "archive": "happened_on DATE, amount INTEGER",
    "days": "ds DATE, sprint DATE, retail_month_start DATE",
    "hours": "ts TIMESTAMP",
}


def build(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes every table in the schema `main`."""
    made = dict(_rows(random.Random(20240229)))
    assert made.keys() == TABLES.keys()
    for name, columns in TABLES.items():
        connection.execute(f"CREATE TABLE main.{name} ({columns})")
        for rows in batched(made[name], 500):
            marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
            values = [value for row in rows for value in row]
            connection.execute(f"INSERT INTO main.{name} VALUES {marks}", values)


def batched(rows: list[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in pieces: one statement for each is a hundred times faster than one a row."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _rows(dice: random.Random) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    yield "orders", list(_orders(dice))
    yield "customers", list(_customers(dice))
    yield (
        "regions",
        [
            (1, 1, "DE", dt.date(2023, 1, 5)),
            (2, 1, "FR", dt.date(2023, 7, 1)),
            (3, 2, "US", None),
            (4, None, None, dt.date(2023, 7, 31)),
        ],
    )
    yield "continents", [(1, "Europe"), (2, "America")]
    yield "stores", [(1, "b1", "Bonn"), (2, "p1", "Paris"), (3, "p2", "Paris"), (4, "x9", None)]
    weather = ("sun", "rain", "rain", None)
    yield (
        "store_days",
        [
            (store, day, dice.choice(weather))
            for store in ("b1", "p1", "p2")
            for day in _days(FIRST, LAST)
            if dice.random() < 0.8
        ],
    )
    yield "visits", list(_visits(dice))
    yield "balances", list(_balances(dice))
    yield "customer_tiers", list(_tiers(dice))
    yield (
        "archive",
        [(dt.date(1998, 6, 1), 100), (dt.date(1999, 12, 31), 10), (dt.date(2024, 2, 1), 1)],
    )
    yield "days", [(day, _sprint(day), _retail_month(day)) for day in _days(*SPINE)]
    start = dt.datetime.combine(SPINE[0], dt.time())
    hours = ((SPINE[1] - SPINE[0]).days + 1) * 24
    yield "hours", [(start + dt.timedelta(hours=h),) for h in range(hours)]


def _orders(dice: random.Random) -> Iterator[tuple[Any, ...]]:
    days = [d for d in _days(FIRST, LAST) if dice.random() < 0.75]
    days += [d for d in _days(FIRST, LAST) if (d + dt.timedelta(1)).day <= 2 or d.day >= 28]
    for number in range(1, 261):
        day = dice.choice(days)
        customer = (
            None if dice.random() < 0.06 else dice.randint(1, CUSTOMERS + 1)
        )  # one has no row
        store = dice.choice(("b1", "p1", "p2", "zz", None))
        late = dice.choice((0, 1, 3, 10, 31))
        shipped = None if dice.random() < 0.2 else min(day + dt.timedelta(late), LAST)
        amount = (
            None
            if dice.random() < 0.08
            else Decimal(dice.choice((1000, 4999, 5000, 5001, dice.randint(100, 9999)))) / 100
        )
        quantity = None if dice.random() < 0.08 else dice.randint(0, 6)
        gift = dice.choice((True, False, False, None))
        status = dice.choice(("completed", "completed", "cancelled", "open", None))
        yield (
            number,
            customer,
            store,
            day,
            shipped,
            amount,
            quantity,
            gift,
            status,
            dice.choice(("spring", "vip", None)),
        )


def _customers(dice: random.Random) -> Iterator[tuple[Any, ...]]:
    for number in range(1, CUSTOMERS + 1):
        region = dice.choice((1, 1, 2, 3, 4, 9, None))
        segment = dice.choice(("smb", "large", "consumer", None))
        signed = None if number % 7 == 0 else FIRST + dt.timedelta(dice.randint(-20, 110))
        yield (
            number,
            region,
            segment,
            signed,
            dice.choice((True, False, None)),
            dice.choice((None, 0, 10, 25, 40)),
        )


def _visits(dice: random.Random) -> Iterator[tuple[Any, ...]]:
    number = 0
    for day in _days(FIRST, LAST):
        # One visit of a customer a day, at most: of two at one time, either may be the latest.
        for customer in dice.sample([*range(1, CUSTOMERS + 1), None], dice.randint(0, 4)):
            number += 1
            moment = dt.datetime.combine(day, dt.time(dice.randint(0, 23), dice.randint(0, 59)))
            channel = dice.choice(("search", "mail", "direct", None))
            yield (
                number,
                customer,
                moment,
                channel,
                dice.choice(("spring", "vip", None)),
                dice.choice((None, 5, 60, 600)),
            )


def _balances(dice: random.Random) -> Iterator[tuple[Any, ...]]:
    for account in range(1, 9):
        customer = dice.choice((None, dice.randint(1, CUSTOMERS)))
        branch = dice.choice((1, 2, None)) if account > 2 else None
        ends = LAST if account % 3 else dt.date(2024, 3, 17)
        for day in _days(FIRST, ends):
            if day.day in (1, 15, 29, 31) or dice.random() < 0.1:
                balance = (
                    None if dice.random() < 0.05 else Decimal(dice.randint(-5000, 90000)) / 100
                )
                yield account, customer, branch, day, balance, ("EUR", "USD", None)[account % 3]


def _tiers(dice: random.Random) -> Iterator[tuple[Any, ...]]:
    for customer in range(1, CUSTOMERS):
        start = FIRST + dt.timedelta(dice.choice((-30, 0, 5)))
        for tier in dice.sample(("basic", "gold", None), dice.randint(1, 3)):
            end = start + dt.timedelta(dice.randint(10, 60))
            last = dice.random() < 0.3
            yield customer, tier, start, None if last else end
            if last:
                break
            start = end + dt.timedelta(dice.choice((0, 0, 9)))


def _days(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + dt.timedelta(n) for n in range((last - first).days + 1)]


def _sprint(day: dt.date) -> dt.date:
    """Two weeks from a Wednesday."""
    start = dt.date(2023, 11, 29)
    return start + dt.timedelta((day - start).days // 14 * 14)


def _retail_month(day: dt.date) -> dt.date:
    """A month that begins on the 26th of the one before."""
    month = day if day.day >= 26 else day.replace(day=1) - dt.timedelta(1)
    return month.replace(day=26)
