"""Windows of cumulative metrics on every engine, beside a count of every row by hand.

The spine has holes and a last day of the calendar; days, groups and values are NULL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from kpilayer import Project

D = dt.date
ROWS: list[tuple[dt.date | None, str | None, int | None, str | None]] = [
    (D(2025, 1, 3), "a", 1, "x"),
    (D(2025, 1, 3), "a", 2, "x"),
    (D(2025, 1, 5), None, 4, "x"),
    (D(2025, 1, 6), "a", 8, "y"),
    (D(2025, 1, 10), "a", None, None),
    (D(2025, 1, 12), "b", None, None),
    (D(2025, 1, 13), "a", -8, "x"),
    (D(2025, 1, 13), None, 16, "y"),
    (D(2025, 1, 20), "a", 32, "x"),
    (D(9999, 12, 31), "b", 64, "z"),
    (None, "a", 128, "w"),
]
DAYS = [
    D(2024, 12, 31),
    *(D(2025, 1, n) for n in range(2, 26) if n not in (6, 14, 15)),
    D(9999, 12, 31),
]


def table(columns: str, kinds: list[str], rows: list[Any]) -> str:
    def cell(value: object, kind: str) -> str:
        return f"CAST({'NULL' if value is None else repr(str(value))} AS {kind})"

    lines = ",\n".join(
        f"({', '.join(cell(v, k) for v, k in zip(row, kinds, strict=True))})" for row in rows
    )
    return f"SELECT * FROM (VALUES {lines}) AS t({columns})"


SALES = table("sold_on, shop, amount, buyer", ["DATE", "TEXT", "BIGINT", "TEXT"], ROWS)
SPINE = table("day", ["DATE"], [(day,) for day in DAYS])
MODEL = """
models:
  - name: sales
    semantic_model: true
    primary_entity: sale
    agg_time_dimension: sold_on
    columns:
      - {name: sold_on, granularity: day, dimension: time}
      - {name: shop, dimension: categorical}
  - name: days
    time_spine: {standard_granularity_column: day}
    columns:
      - {name: day, granularity: day}
metrics:
  - {name: total, model: sales, agg: sum, expr: amount}
  - {name: lowest, model: sales, agg: min, expr: amount}
  - {name: mean, model: sales, agg: average, expr: amount}
  - {name: sales_count, model: sales, agg: count, expr: amount}
  - {name: buyers, model: sales, agg: count_distinct, expr: buyer}
  - {name: middle, model: sales, agg: median, expr: amount}
"""
WINDOWS = {"so_far": "", "last_4": "    window: 4 days\n", "to_date": "    grain_to_date: month\n"}
BASES: dict[str, Callable[[list[Any]], object]] = {
    "total": lambda rows: sum(a for *_, a, _ in rows if a is not None) if _known(rows) else None,
    "lowest": lambda rows: min(_known(rows), default=None),
    "mean": lambda rows: sum(_known(rows)) / len(_known(rows)) if _known(rows) else None,
    "sales_count": lambda rows: len(_known(rows)),
    "buyers": lambda rows: len({b for *_, b in rows if b is not None}),
    "middle": lambda rows: _middle(sorted(_known(rows))),
}


def _known(rows: list[Any]) -> list[int]:
    return [amount for _, _, amount, _ in rows if amount is not None]


def _middle(numbers: list[int]) -> float | None:
    half = len(numbers) // 2
    if not numbers:
        return None
    return numbers[half] if len(numbers) % 2 else (numbers[half - 1] + numbers[half]) / 2


def counts(name: str, row: dt.date, day: dt.date) -> bool:
    if name == "last_4":
        return row > day - dt.timedelta(days=4)
    return name == "so_far" or (row.year, row.month) == (day.year, day.month)


def expected(
    base: str, window: str, grouped: bool, first: dt.date | None, last: dt.date | None
) -> set[tuple[Any, ...]]:
    found = set()
    for day in DAYS:
        if (first and day < first) or (last and day > last):
            continue
        rows = [r for r in ROWS if r[0] is not None and r[0] <= day and counts(window, r[0], day)]
        for shop in {r[1] for r in rows} if grouped else {"all"}:
            held = [r for r in rows if not grouped or r[1] == shop]
            if held:
                key = (day, shop) if grouped else (day,)
                found.add((*key, BASES[base](held)))
    return found


@pytest.mark.parametrize(
    "span", [(None, None), (D(2025, 1, 7), None), (D(2025, 1, 7), D(2025, 1, 20))]
)
@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_holds_the_rows_counted_one_by_one(engine: Any, window: str, span: Any) -> None:
    metrics = "".join(
        f"  - name: {base}_{window}\n    type: cumulative\n    input_metric: {base}\n{WINDOWS[window]}"
        for base in BASES
    )
    project: Project = engine.project(MODEL + metrics, tables={"sales": SALES, "days": SPINE})
    first, last = span
    ends = {k: str(v) for k, v in (("start", first), ("end", last)) if v is not None}
    for base in BASES:
        for keys in (["metric_time__day"], ["metric_time__day", "sale__shop"]):
            rows = project.query(f"{base}_{window}", keys, **ends).rows()
            numbers = {(*r[:-1], r[-1] if r[-1] is None else float(r[-1])) for r in rows}
            assert len(numbers) == len(rows), (base, keys)
            assert numbers == expected(base, window, len(keys) == 2, first, last), (base, keys)


def test_a_window_shorter_than_the_periods_of_the_data_is_each_of_them(engine: Any) -> None:
    """Of months, two days are the month itself; forty are the month and the one before."""
    text = """
models:
  - name: sales
    semantic_model: true
    primary_entity: sale
    agg_time_dimension: in_month
    columns: [{name: in_month, granularity: month, dimension: time}]
metrics:
  - {name: buyers, model: sales, agg: count_distinct, expr: buyer}
  - {name: amount, model: sales, agg: sum, expr: amount}
  - {name: buyers_now, type: cumulative, input_metric: buyers, window: 2 days}
  - {name: amount_now, type: cumulative, input_metric: amount, window: 2 days}
  - {name: buyers_lately, type: cumulative, input_metric: buyers, window: 40 days}
  - {name: amount_lately, type: cumulative, input_metric: amount, window: 40 days}
"""
    rows = [(D(2025, 1, 1), 1, "x"), (D(2025, 2, 1), 2, "y"), (D(2025, 3, 1), 4, "y")]
    sales = table("in_month, amount, buyer", ["DATE", "BIGINT", "TEXT"], rows)
    shop = engine.project(text, tables={"sales": sales})
    names = ["buyers_now", "amount_now", "buyers_lately", "amount_lately"]
    assert shop.query(names, "metric_time__month").rows() == [
        (D(2025, 1, 1), 1, 1, 1, 1),
        (D(2025, 2, 1), 1, 2, 2, 3),
        (D(2025, 3, 1), 1, 4, 1, 6),
    ]
