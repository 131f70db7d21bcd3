"""A warehouse without an adapter is reached by an object that has the methods of a connection."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from kpilayer import WarehouseError
from kpilayer.warehouse.connect import wrap
from tests.conftest import Define

MODEL = """
models:
  - {name: sales, semantic_model: true, primary_entity: sale}
metrics:
  - {name: revenue, model: sales, agg: sum, expr: amount}
"""


class Recorded:
    """Answers every query alike, and keeps what it was asked."""

    dialect = "bigquery"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, sql: str) -> pa.Table:
        self.asked.append(sql)
        return pa.table({"revenue": [7]})

    def describe(self, select_sql: str) -> tuple[Any, ...]:
        return ()

    def describe_relation(self, parts: tuple[str, ...]) -> None:
        return None

    def execute(self, sql: str) -> None:
        raise AssertionError

    def progress(self) -> None:
        return None

    def cancel(self) -> None:
        return None

    def close(self) -> None:
        return None


def test_a_question_is_run_in_the_dialect_that_it_names(define: Define) -> None:
    own = Recorded()
    assert define(MODEL, connection=own).query("revenue").rows() == [(7,)]
    [sql] = own.asked
    assert "SUM(sales.amount)" in sql


def test_an_object_without_these_methods_is_none() -> None:
    with pytest.raises(WarehouseError, match="is not one that kpilayer can use"):
        wrap(object())
