"""Facts about columns are counted many at a time, and are the same as one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb
import pytest

from kpilayer.propose import measure as module
from kpilayer.propose.measure import Table, measure
from kpilayer.warehouse.duckdb import DuckDB, wrap


@dataclass
class Counting:
    """A connection that remembers what was asked."""

    inner: DuckDB
    asked: list[str] = field(default_factory=list)

    def run(self, sql: str) -> Any:
        self.asked.append(sql)
        return self.inner.run(sql)

    def describe(self, sql: str) -> Any:
        return self.inner.describe(sql)


@pytest.fixture
def wide() -> Counting:
    """Column n has n % 4 distinct values in 12 rows; with it a time, a list and a gap."""
    raw = duckdb.connect(":memory:")
    columns = ", ".join(f"i % {1 + n % 4} AS c{n}" for n in range(1000))
    other = "TIMESTAMP '2026-01-01 05:00:00' AS at, [i] AS many, nullif(i, 3) AS gap"
    raw.execute(f"CREATE TABLE wide AS SELECT {columns}, {other} FROM range(12) AS r(i)")
    return Counting(wrap(raw))


TABLE = Table("wide", ("relation", "main.wide"), "wide")


def test_a_thousand_columns_are_counted_in_a_few_queries(wide: Counting) -> None:
    facts = measure(wide, TABLE)  # type: ignore[arg-type]
    assert len(wide.asked) <= 12
    assert [c.distinct for c in facts.columns[:1000]] == [1 + n % 4 for n in range(1000)]
    at, many, gap = facts.columns[1000:]
    assert (at.granularity, at.filled, at.distinct) == ("hour", 12, 1)
    assert (many.kind, many.filled, many.distinct) == ("other", 12, 0)
    assert (gap.filled, gap.distinct) == (11, 11)


def test_columns_of_a_long_table_are_counted_one_by_one(
    wide: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = measure(wide, TABLE)  # type: ignore[arg-type]
    wide.asked.clear()
    monkeypatch.setattr(module, "MOST_VALUES", 1)
    assert measure(wide, TABLE) == together  # type: ignore[arg-type]
    assert len(wide.asked) == 1 + 1003
