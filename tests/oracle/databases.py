"""Random small databases: edges of periods, NULLs, keys that lead nowhere, empty tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.oracle.joins import Row
from tests.oracle.world import PRIMARY, TABLES

#: Edges of periods: ends of days, months and years, leap days, weeks over the end of a year.
EDGES = (
    datetime(2023, 12, 31, 23, 59, 59, 999999),
    datetime(2024, 1, 1),
    datetime(2024, 1, 31, 6),
    datetime(2024, 2, 28),
    datetime(2024, 2, 29, 12, 30, 15, 250000),
    datetime(2024, 2, 29, 23, 59, 59, 500000),
    datetime(2024, 3, 1),
    datetime(2024, 3, 30, 1),
    datetime(2024, 3, 31, 12),
    datetime(2024, 12, 29, 9, 30),
    datetime(2024, 12, 30),
    datetime(2025, 1, 1, 0, 0, 1),
)
#: Few days: so that rows meet.
NEAR = tuple(
    datetime(2024, 2, 27) + timedelta(days=d, hours=h) for d in range(6) for h in (0, 9, 23)
)


def _value(random: Random, column: str, moments: Sequence[datetime]) -> Any:
    moment = random.choice(moments)
    if random.random() < 0.12:
        return None
    choices: dict[str, Sequence[Any]] = {
        "zone": ("north", "south"),
        "segment": ("a", "b", "none"),
        "is_vip": (True, False),
        "is_gift": (True, False),
        "category": ("x", "y"),
        "price": (Decimal("0.999"), Decimal("1.001")),
        "sku": ("p1", "p2", "p3"),
        "depot": (1, 2),
        "height": ("top", "low"),
        "truck": ("red", "blue"),
        "level": ("gold", "iron"),
        "status": ("done", "open", ""),
        "title": ("chess", "golf"),
        "role": ("chair", "guest"),
        "method": ("card", "cash"),
        "page": ("home", "buy"),
        "amount": tuple(Decimal(t) for t in ("-3.10", "0.00", "0.01", "5.01", "99999999.99")),
        "qty": (-2, 0, 1, 3, 2_147_483_647),
        "fee": (-3, 0, 1, 2, 3),
        "value": (-1.5, 0.0, 0.25, 8.0),
        "account_id": (1, 2),
    }
    if column in choices:
        return random.choice(choices[column])
    kind = next(columns[column] for columns in TABLES.values() if column in columns)
    if kind == "TIMESTAMP":
        return moment
    return moment.date() if kind == "DATE" else random.randint(1, 4)


def database(random: Random) -> dict[str, list[Row]]:
    """A few rows for each table; keys are unique, and some lead nowhere."""
    moments = random.choice((EDGES, NEAR, NEAR))
    found: dict[str, list[Row]] = {}
    for table, columns in TABLES.items():
        facts = table in ("orders", "payments", "visits", "signups", "balances", "contracts")
        count = random.randint(0, 7 if facts else 3)
        if random.random() < 0.06:
            count = 0
        rows = [{c: _value(random, c, moments) for c in columns} for _ in range(count)]
        key = PRIMARY.get(table)
        for number, row in enumerate(rows, 1):
            if key is not None:
                row[key] = f"p{number}" if key == "sku" else number
        if key is not None and rows and random.random() < 0.2:
            rows[-1][key] = None  # a row that nothing leads to
        found[table] = rows
    for row in found["balances"]:
        row["amount"] = random.choice((-3, 0, 5, 70, None))
    found["levels"] = _histories(random, moments)
    found["shelves"] = _distinct(found["shelves"], ("sku", "depot"))
    found["carriers"] = _distinct(found["carriers"], ("carrier_id", "shipped_on"))
    found["contracts"] = [_ending(random, row) for row in found["contracts"]]
    found["calendar"] = _calendar(random, moments)
    return found


def _histories(random: Random, moments: Sequence[datetime]) -> list[Row]:
    """Of each customer, states one after another, with gaps."""
    rows: list[Row] = []
    for customer in range(1, 4):
        edges = sorted({random.choice(moments) for _ in range(random.randint(0, 4))})
        for start, end in zip(edges[:-1:2], edges[1::2], strict=False):
            level = random.choice(("gold", "iron"))
            last = end if end != edges[-1] or random.random() < 0.5 else None
            rows.append(
                {"customer_id": customer, "level": level, "valid_from": start, "valid_to": last}
            )
    return rows


def _distinct(rows: list[Row], key: tuple[str, ...]) -> list[Row]:
    return list({tuple(row[k] for k in key): row for row in rows}.values())


def _ending(random: Random, row: Row) -> Row:
    start = row["starts_on"]
    if start is None or random.random() < 0.3:
        return {**row, "ends_on": None}
    return {**row, "ends_on": start + timedelta(days=random.choice((0, 1, 2, 31, 60)))}


def _calendar(random: Random, moments: Sequence[datetime]) -> list[Row]:
    """A declared spine, at times too short for the data."""
    first = min(moments).date() - timedelta(days=random.choice((0, 3, 35)))
    last = max(moments).date() + timedelta(days=random.choice((-2, 0, 3, 35)))
    return [{"day_on": first + timedelta(days=n)} for n in range((last - first).days + 1)]


def literal(value: Any) -> str:
    """A value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
