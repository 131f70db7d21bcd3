"""Random questions on random small databases: DuckDB's answers equal those of the brute force."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from kpilayer import Project
from tests.properties.brute_force import (
    GRAINS,
    Both,
    Compare,
    Condition,
    Either,
    Formula,
    IsNull,
    IsTrue,
    Item,
    Metric,
    Not,
    Place,
    Question,
    Row,
    Total,
)
from tests.properties.world import METRIC_MEANINGS, METRICS, MODELS, PLACES, TABLES, WORLD

# --------------------------------------------------------------------------------------------- data

#: Edges of periods: ends of days, months and years, leap days, weeks over the end of a year.
MOMENTS = [
    datetime(2023, 12, 31, 23, 59, 59, 999999),
    datetime(2024, 1, 1),
    datetime(2024, 2, 29, 12, 30, 15, 250000),
    datetime(2024, 2, 29, 23, 59, 59, 500000),
    datetime(2024, 3, 1),
    datetime(2024, 3, 31, 12),
    datetime(2024, 12, 29, 9, 30),
    datetime(2024, 12, 30),
    datetime(2025, 1, 1, 0, 0, 1),
]
DAYS = sorted({m.date() for m in MOMENTS})
KEYS = st.one_of(st.none(), st.integers(1, 4))  # 4 is in no lookup table at times


def texts(*values: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([*values, None])


COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "region_id": KEYS,
    "zone": texts("north", "south"),
    "segment": texts("a", "b", "none"),
    "is_vip": st.sampled_from([True, False, None]),
    "is_gift": st.sampled_from([True, False, None]),
    "joined": st.sampled_from([*DAYS, None]),
    "category": texts("x", "y"),
    "price": st.sampled_from([Decimal("0.999"), Decimal("1.001"), None]),
    "buyer_id": KEYS,
    "payer_id": KEYS,
    "customer_id": KEYS,
    "order_id": KEYS,
    "sku": texts("p1", "p2", "p3"),
    "ordered_at": st.sampled_from([*MOMENTS, None]),
    "shipped_on": st.sampled_from([*DAYS, None]),
    "paid_on": st.sampled_from([*DAYS, None]),
    "status": texts("done", "open", ""),
    "method": texts("card", "cash"),
    "amount": st.sampled_from([Decimal(t) for t in ("-3.10", "0.00", "0.01", "5.01", "7.25")])
    | st.none(),
    "qty": st.integers(-2, 4) | st.none(),
    "fee": st.integers(-3, 3) | st.none(),
    "value": st.sampled_from([-1.5, 0.0, 0.25, 8.0, None]),
}
PRIMARY = {
    "regions": "region_id",
    "customers": "customer_id",
    "products": "sku",
    "orders": "order_id",
    "payments": "payment_id",
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for table, columns in TABLES.items():
        key = PRIMARY[table]
        most = 7 if table in ("orders", "payments") else 3
        count = draw(st.integers(0, most))
        keys: list[Any] = list(range(1, count + 1))
        if table == "products":
            keys = [f"p{k}" for k in keys]
        if keys and draw(st.integers(0, 3)) == 0:
            keys[-1] = None  # a row that nothing leads to
        found[table] = [
            {name: k if name == key else draw(COLUMNS[name]) for name in columns} for k in keys
        ]
    return found


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def fill(connection: duckdb.DuckDBPyConnection, database: dict[str, list[Row]]) -> None:
    statements = []
    for table, rows in database.items():
        statements.append(f"DELETE FROM {table}")
        if rows:
            lines = ", ".join(f"({', '.join(map(literal, r.values()))})" for r in rows)
            statements.append(f"INSERT INTO {table} VALUES {lines}")
    connection.execute("; ".join(statements))


# ---------------------------------------------------------------------------------------- questions


def totals(metric: Metric) -> Iterator[Total]:
    if isinstance(metric, Total):
        yield metric
    else:
        assert isinstance(metric, Formula)
        for inner in metric.inputs:
            yield from totals(inner)


def own_grain(total: Total) -> str:
    grain = WORLD.place(total, "metric_time").grain
    assert grain is not None
    return grain


PARTS = ["year", "quarter", "month", "week", "day", "dow", "doy"]
NEEDS = {"year": "year", "quarter": "quarter", "month": "month", "week": "week"}


def timed(draw: st.DrawFn, name: str, coarsest: str, *, with_parts: bool = True) -> Item:
    """A time at a grain or part that its data have."""
    fits = [g for g in GRAINS if g != "minute" and GRAINS.index(g) >= GRAINS.index(coarsest)]
    parts = [p for p in PARTS if GRAINS.index(NEEDS.get(p, "day")) >= GRAINS.index(coarsest)]
    if with_parts and draw(st.integers(0, 3)) == 0:
        return Item(name, part=draw(st.sampled_from(parts)))
    return Item(name, grain=draw(st.sampled_from(fits)))


def item(draw: st.DrawFn, names: dict[str, Place], time: str, *, with_parts: bool = True) -> Item:
    name = draw(st.sampled_from(["metric_time", "metric_time", *sorted(names)]))
    if name == "metric_time":
        return timed(draw, name, time, with_parts=with_parts)
    place = names[name]
    if place.grain is not None:
        return timed(draw, name, place.grain, with_parts=with_parts)
    return Item(name)


OPERATORS = ["=", "!=", "<", "<=", ">", ">="]
LITERALS: dict[str, list[Any]] = {
    "status": ["done", "open", ""],
    "segment": ["a", "none"],
    "tier": ["a", "none"],
    "source": ["crm", "erp"],
    "category": ["x"],
    "zone": ["north", "south"],
    "method": ["card"],
    "region": [1, 4],
    "buyer": [1, 2],
    "customer": [2, 4],
    "order": [1, 3],
    "one": [1, 2],
    "product": ["p1", "p2"],
}


@st.composite
def conditions(draw: st.DrawFn, names: dict[str, Place], time: str, depth: int = 2) -> Condition:
    kind = draw(st.sampled_from(["leaf", "leaf", "not", "and", "or"])) if depth else "leaf"
    if kind == "not":
        return Not(draw(conditions(names, time, depth - 1)))
    if kind in ("and", "or"):
        pair = (draw(conditions(names, time, depth - 1)), draw(conditions(names, time, depth - 1)))
        return Both(*pair) if kind == "and" else Either(*pair)
    what = item(draw, names, time)
    if draw(st.integers(0, 4)) == 0:
        return IsNull(what)
    last = what.name.split("__")[-1]
    if last.startswith("is_"):
        return IsTrue(what)
    choices: list[Any] = LITERALS.get(last, [])
    if what.part is not None:
        choices = [1, 2, 12, 53, 366, 2024]
    elif what.grain is not None:
        choices = MOMENTS if what.grain in ("second", "hour") else [*DAYS, date(2024, 2, 10)]
    operator = draw(st.sampled_from([*OPERATORS, "in", "between"]))
    count = {"in": 3, "between": 2}.get(operator, 1)
    return Compare(what, operator, tuple(draw(st.sampled_from(choices)) for _ in range(count)))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    metrics = draw(
        st.lists(st.sampled_from(sorted(METRIC_MEANINGS)), min_size=1, max_size=4, unique=True)
    )
    asked = [t for name in metrics for t in totals(METRIC_MEANINGS[name])]
    first, *rest = (PLACES[t.table] for t in asked)
    names = {name: place for name, place in first.items() if all(name in r for r in rest)}
    time = max((own_grain(t) for t in asked), key=GRAINS.index)
    groups = tuple(
        dict.fromkeys(
            item(draw, names, time) for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3])))
        )
    )
    where = tuple(
        draw(conditions(names, time)) for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2])))
    )
    moments = st.none() | st.none() | st.sampled_from(DAYS) | st.sampled_from(MOMENTS)
    start, end = draw(moments), draw(moments)
    if start is not None and end is not None and str(start)[:10] > str(end)[:10]:
        start, end = end, start
    if isinstance(start, datetime) or isinstance(end, datetime):
        end = None  # an empty range is an error; a mixed one is tested by hand
    width = len(groups) + len(metrics)
    order = draw(st.lists(st.integers(0, width - 1), max_size=2, unique=True))
    # Averages that are equal on paper need not be the last digit long in floating point.
    exact = [i for i in order if i < len(groups) or _is_exact(metrics[i - len(groups)])]
    by = tuple((i, draw(st.booleans())) for i in exact)
    limit = draw(st.sampled_from([None, None, None, 0, 1, 2]))
    cut = draw(st.booleans()) and (start is not None or end is not None)
    return Question(tuple(metrics), groups, where, start, end, cut, by, limit)


def _is_exact(metric: str) -> bool:
    meaning = METRIC_MEANINGS[metric]
    return (
        isinstance(meaning, Total) and meaning.agg not in ("average", "median") and metric != "net"
    )


# ---------------------------------------------------------------------------------------- as words


def name_of(what: Item) -> str:
    if what.part is not None:
        return f"{what.name}__extract_{what.part}"
    return f"{what.name}__{what.grain}" if what.grain else what.name


def sql_of(condition: Condition) -> str:
    """SQL with exactly the parentheses that precedence needs."""
    match condition:
        case IsNull(what):
            return f"{name_of(what)} IS NULL"
        case IsTrue(what):
            return name_of(what)
        case Not(inner):
            text = sql_of(inner)
            return f"NOT ({text})" if isinstance(inner, (Both, Either)) else f"NOT {text}"
        case Both(left, right):
            sides = [
                f"({sql_of(s)})" if isinstance(s, Either) else sql_of(s) for s in (left, right)
            ]
            return " AND ".join(sides)
        case Either(left, right):
            return f"{sql_of(left)} OR {sql_of(right)}"
        case Compare(what, "in", literals):
            return f"{name_of(what)} IN ({', '.join(map(literal, literals))})"
        case Compare(what, "between", (low, high)):
            return f"{name_of(what)} BETWEEN {literal(low)} AND {literal(high)}"
        case Compare(what, operator, (value,)):
            if len(str(value)) % 2:  # either way round
                mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
                return f"{literal(value)} {mirrored} {name_of(what)}"
            return f"{name_of(what)} {operator} {literal(value)}"
    raise AssertionError(condition)


# -------------------------------------------------------------------------------------------- tests


class Shop:
    """One connection and one loaded project for all examples, and the types seen so far.

    No dataclass: Hypothesis would print it whole.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, project: Project) -> None:
        self.connection = connection
        self.project = project
        self.types: dict[str, str] = {}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    root = make_project(tmp_path_factory.mktemp("shop"))
    connection = duckdb.connect(":memory:")
    for table, columns in TABLES.items():
        connection.execute(f"CREATE TABLE {table} ({', '.join(map(' '.join, columns.items()))})")
    project = Project.load(root, connection=connection)
    assert [i for i in project.check() if i.severity != "notice"] == []
    return Shop(connection, project)


def make_project(root: Path) -> Path:
    (root / "kpilayer.yml").write_text("name: shop\n")
    (root / "models").mkdir()
    (root / "metrics").mkdir()
    (root / "models" / "shop.yml").write_text(MODELS)
    (root / "metrics" / "shop.yml").write_text(METRICS)
    return root


@given(database=tables(), question=questions())
def test_answers_equal_the_brute_force(
    shop: Shop, database: dict[str, list[Row]], question: Question
) -> None:
    fill(shop.connection, database)
    columns = [*map(name_of, question.group_by), *question.metrics]
    result = shop.project.query(
        question.metrics,
        [name_of(g) for g in question.group_by],
        [sql_of(c) for c in question.where],
        start=question.start,
        end=question.end,
        exact=question.exact,
        order_by=[f"{'-' if down else ''}{columns[i]}" for i, down in question.order_by],
        limit=question.limit,
    )
    note(result.sql)
    expected = WORLD.answer(database, question)
    event(f"{len(question.group_by)} group-bys, {len(question.metrics)} metrics")
    assert list(result.columns) == columns
    assert_rows_equal(result.rows(), expected)
    for name in columns:
        found = str(result.to_arrow().schema.field(name).type)
        assert shop.types.setdefault(name, found) == found, f"`{name}` changed its type"


def assert_rows_equal(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    assert len(found) == len(expected), f"{found} is not {expected}"
    for one, other in zip(found, expected, strict=True):
        assert all(map(is_same, one, other)), f"{found} is not {expected}"


def is_same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return isinstance(found, float) and math.isclose(
            found, expected, rel_tol=1e-9, abs_tol=1e-9
        )
    if isinstance(expected, Decimal):
        return isinstance(found, Decimal) and str(found) == str(expected)
    return type(found) is type(expected) and bool(found == expected)
