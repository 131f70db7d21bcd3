"""The labelled pairs are right, by running them: no prover is asked here.

A pair called different has rows on which DuckDB answers differently. A pair called equivalent
agrees on an empty database and on random ones that keep its keys. Pairs of other dialects are
only parsed in theirs.
"""

from __future__ import annotations

import datetime as dt
import math
import random
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from sqlglot import exp

LABELLED = Path(__file__).parent / "labelled"
DATABASES = 20
#: Values that any column may take, beside what its queries name; a database takes two of each.
COMMON: dict[str, tuple[Any, ...]] = {
    "words": ("north", "North", "south", "paid", "open", "x", ""),
    "numbers": (0, 1, 2, 3),
    "days": tuple(dt.date(2023, 12, 25) + dt.timedelta(days=n) for n in (7, 37, 38, 67, 375)),
}

Pair = dict[str, Any]
Rows = list[tuple[Any, ...]]


def _pairs() -> list[Pair]:
    files = sorted(LABELLED.glob("*.yml"))
    read = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    return [pair for content in read for pair in content.get("pairs", ())]


def _laws() -> list[dict[str, Any]]:
    return list(yaml.safe_load((LABELLED / "laws.yml").read_text(encoding="utf-8"))["laws"])


PAIRS = _pairs()


def _of(label: str) -> list[Any]:
    chosen = [p for p in PAIRS if p["label"] == label and p["dialect"] == "duckdb"]
    return [pytest.param(pair, id=pair["name"]) for pair in chosen]


@pytest.mark.parametrize("pair", _of("different"))
def test_a_pair_called_different_answers_differently_on_its_rows(pair: Pair) -> None:
    for ieee in (True, False):
        database = _database(pair, ieee)
        if pair["rows"].strip():
            database.execute(pair["rows"])
        before, after = _answers(database, pair)
        assert not _same_bag(before, after), f"both give {before}"


@pytest.mark.parametrize("pair", _of("equivalent"))
def test_a_pair_called_equivalent_agrees_on_random_databases(pair: Pair) -> None:
    seen = 0
    for seed in range(DATABASES):
        database = _database(pair, ieee=seed % 2 == 0)
        rows = 0 if seed == 0 else 3 + 2 * (seed % 8)
        _fill(database, pair, random.Random(f"{pair['name']} {seed}"), rows)
        before, after = _answers(database, pair)
        seen += any(value is not None and value != 0 for row in before for value in row)
        assert _same_bag(before, after), f"seed {seed}: {before} and {after}"
    assert seen > 2, f"only {seen} databases give an answer with anything in it"


@pytest.mark.parametrize("pair", [pytest.param(pair, id=pair["name"]) for pair in PAIRS])
def test_a_pair_is_complete_and_parses_in_its_dialect(pair: Pair) -> None:
    assert {"name", "dialect", "schema", "before", "after", "label", "why"} <= pair.keys()
    assert pair["label"] in ("equivalent", "different")
    assert ("rows" in pair) == (pair["label"] == "different")
    assert ("law" in pair) != ("topic" in pair)
    sides = [sqlglot.parse_one(pair[side], dialect=pair["dialect"]) for side in ("before", "after")]
    before, after = (side.named_selects for side in sides)
    assert before == after, "columns have the same names on both sides"


def test_names_of_pairs_are_not_given_twice() -> None:
    assert [name for name, n in Counter(pair["name"] for pair in PAIRS).items() if n > 1] == []


def test_each_law_has_an_equivalent_pair_and_a_near_miss() -> None:
    labels = {(pair["law"], pair["label"]) for pair in PAIRS if "law" in pair}
    assert labels == {(law["name"], way) for law in _laws() for way in ("equivalent", "different")}


def test_the_set_is_large_and_balanced() -> None:
    assert len(PAIRS) >= 140
    for part in (PAIRS, [pair for pair in PAIRS if "topic" in pair]):
        share = sum(pair["label"] == "equivalent" for pair in part) / len(part)
        assert 0.42 <= share <= 0.58


# ---------------------------------------------------------------------------------- answers


def _database(pair: Pair, ieee: bool) -> duckdb.DuckDBPyConnection:
    """An empty database with the pair's tables; labels hold whether x/0 is NULL or infinite."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"SET ieee_floating_point_ops = {str(ieee).lower()}")
    database.execute(pair["schema"])
    return database


def _answers(database: duckdb.DuckDBPyConnection, pair: Pair) -> tuple[Rows, Rows]:
    return (
        database.execute(pair["before"]).fetchall(),
        database.execute(pair["after"]).fetchall(),
    )


def _same_bag(left: Rows, right: Rows) -> bool:
    if len(left) != len(right):
        return False
    ordered = [sorted((_plain(row) for row in rows), key=_order) for rows in (left, right)]
    pairs = zip(*ordered, strict=True)
    return all(len(a) == len(b) and all(map(_same, a, b)) for a, b in pairs)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_plain_value(value) for value in row)


def _plain_value(value: Any) -> Any:
    match value:
        case dt.datetime():
            return value.replace(tzinfo=None)
        case dt.date():
            return dt.datetime.combine(value, dt.time())
        case bool() | int() | float() | Decimal():
            return float(value)
        case _:
            return value


def _order(row: tuple[Any, ...]) -> list[tuple[str, str]]:
    return [(type(v).__name__, f"{v:.6g}" if isinstance(v, float) else str(v)) for v in row]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        both_missing = math.isnan(a) and math.isnan(b)
        return both_missing or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return bool(a == b)


# -------------------------------------------------------------------------------- random rows


def _fill(
    database: duckdb.DuckDBPyConnection, pair: Pair, chance: random.Random, rows: int
) -> None:
    """Puts up to so many rows into each table, parents first; what a constraint refuses is left out."""
    literals = _literals(pair)
    for kind, common in COMMON.items():
        literals[kind] += chance.sample(common, 2)
    for table in _tables(pair):
        columns = database.execute(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE table_name = ? ORDER BY column_index",
            [table],
        ).fetchall()
        parents = _parents(database, table)
        for _ in range(rows):
            row = [
                _value(chance, kind, nullable, parents.get(name), literals)
                for name, kind, nullable in columns
            ]
            try:
                marks = ", ".join("?" for _ in row)
                database.execute(f"INSERT INTO {table} VALUES ({marks})", row)
            except duckdb.ConstraintException:
                continue


def _tables(pair: Pair) -> list[str]:
    """Tables that the queries read and those they refer to, parents first as the schema has them."""
    made = re.findall(r"CREATE TABLE (\w+) (.*)", pair["schema"])
    wanted = set(re.findall(r"\w+", f"{pair['before']} {pair['after']}"))
    for name, columns in reversed(made):
        if name in wanted:
            wanted |= set(re.findall(r"REFERENCES (\w+)", columns))
    return [name for name, _ in made if name in wanted]


def _parents(database: duckdb.DuckDBPyConnection, table: str) -> dict[str, list[Any]]:
    """Values that the foreign keys of a table may take, by column."""
    keys = database.execute(
        "SELECT constraint_column_names[1], referenced_table, referenced_column_names[1] "
        "FROM duckdb_constraints() WHERE table_name = ? AND constraint_type = 'FOREIGN KEY'",
        [table],
    ).fetchall()
    return {
        column: [row[0] for row in database.execute(f"SELECT {key} FROM {parent}").fetchall()]
        for column, parent, key in keys
    }


def _literals(pair: Pair) -> dict[str, list[Any]]:
    """Words, numbers and dates that the queries name, with neighbours of numbers and dates."""
    words: list[Any] = []
    numbers: list[Any] = []
    days: list[Any] = []
    for side in ("before", "after"):
        for literal in sqlglot.parse_one(pair[side], dialect=pair["dialect"]).find_all(exp.Literal):
            text = str(literal.this)
            if re.fullmatch(r"[12]\d{3}-\d\d-\d\d( .*)?", text):
                day = dt.date.fromisoformat(text[:10])
                days += [day + dt.timedelta(days=n) for n in (-29, -1, 0, 1, 29)]
            elif literal.is_string:
                words += [text, text.replace("%", "").replace("_", "q")]
            elif "." not in text:
                numbers += [int(text), int(text) + 1]
    return {"words": words, "numbers": numbers, "days": days}


def _value(
    chance: random.Random,
    kind: str,
    nullable: bool,
    parents: list[Any] | None,
    literals: dict[str, list[Any]],
) -> Any:
    if nullable and chance.random() < 0.2:
        return None
    if parents is not None:
        return chance.choice(parents) if parents else None
    number, day = chance.choice(literals["numbers"]), chance.choice(literals["days"])
    match re.sub(r"\(.*", "", kind):
        case "INTEGER" | "BIGINT":
            return chance.choice((number, chance.randint(0, 9)))
        case "DECIMAL":
            return Decimal(chance.choice((number * 100, chance.randint(-500, 9000)))) / 100
        case "DOUBLE":
            return chance.randint(-40, 400) / 4
        case "BOOLEAN":
            return chance.random() < 0.5
        case "DATE":
            return day
        case "TIMESTAMP":
            clock = dt.time(*chance.choice(((0, 0), (0, 0, 1), (12, 30), (23, 59, 59))))
            return dt.datetime.combine(day, clock)
        case "VARCHAR":
            return chance.choice(literals["words"])
    raise AssertionError(f"no values of the type {kind}")
