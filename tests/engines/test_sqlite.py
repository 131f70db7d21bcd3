"""SQLite: what its adapter gives, and what its untyped values make of numbers and times."""

from __future__ import annotations

import datetime as dt
import sqlite3
import statistics
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kpilayer import Project, QueryError, WarehouseError
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.profiles import Target

DEFINITIONS = """
models:
  - name: sales
    semantic_model: true
    agg_time_dimension: sold_at
    columns:
      - {name: sale_id, entity: {type: primary, name: sale}}
      - {name: sold_at, granularity: second, dimension: time}
      - {name: paid, dimension: categorical}
metrics:
  - {name: revenue, model: sales, agg: sum, expr: amount}
  - {name: net, model: sales, agg: sum, expr: amount - tax}
  - {name: sold, model: sales, agg: count}
  - {name: spread, model: sales, agg: stddev, expr: amount}
"""
SALES = """
CREATE TABLE sales (sale_id INTEGER PRIMARY KEY, sold_at TIMESTAMP, due_on DATE, paid BOOLEAN,
    amount DECIMAL(12, 2), tax DECIMAL(12, 2), huge BIGINT);
INSERT INTO sales VALUES
    (1, '2026-01-31 23:59:59.999999', '2026-03-01', 1, 0.10, 0.05, 9223372036854775807),
    (2, '2026-02-01 00:00:00', '2026-02-01', 0, 0.20, 0.05, 1),
    (3, '2026-02-01T10:00:00', '2026-02-03', 1, 100, 19, 1);
"""


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.executescript(SALES)
    yield connection
    connection.close()


def project(folder: Path, connection: object, definitions: str = DEFINITIONS) -> Project:
    (folder / "kpilayer.yml").write_text("name: shop\n")
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "sales.yml").write_text(definitions)
    return Project.load(folder, connection=connection)


def target(**settings: object) -> Target:
    return Target("shop", "dev", "sqlite", "sqlite", "main", settings, None)


# ----------------------------------------------------------------------------------------- answers


def test_values_have_the_types_that_columns_are_declared_with(
    raw: sqlite3.Connection, tmp_path: Path
) -> None:
    shop = project(tmp_path, raw)
    found = shop.query(["revenue", "sold"], ["metric_time__month", "sale__paid"]).rows()
    january, february = dt.date(2026, 1, 1), dt.date(2026, 2, 1)
    assert found == [
        (january, True, Decimal("0.10"), 1),
        (february, False, Decimal("0.20"), 1),
        (february, True, Decimal("100.00"), 1),
    ]
    assert [type(value) for value in found[0]] == [dt.date, bool, Decimal, int]


def test_sums_of_decimals_are_compared_as_they_are_written(
    raw: sqlite3.Connection, tmp_path: Path
) -> None:
    """0.1 + 0.2 is 0.30000000000000004 as doubles."""
    shop = project(tmp_path, raw)
    early = "{{ TimeDimension('metric_time', 'hour') }} < '2026-02-01 10:00:00'"
    question: dict[str, Any] = {"group_by": "metric_time__year", "where": early}
    year = dt.date(2026, 1, 1)
    assert shop.query("revenue", **question, having="revenue = 0.3").rows() == [
        (year, Decimal("0.30"))
    ]
    assert shop.query("revenue", **question, having="revenue > 0.3").rows() == []


def test_the_last_microsecond_of_a_month_is_in_that_month(
    raw: sqlite3.Connection, tmp_path: Path
) -> None:
    """SQLite's own functions count milliseconds, and round this one up to February."""
    shop = project(tmp_path, raw)
    for grain, first in (("day", dt.date(2026, 1, 31)), ("month", dt.date(2026, 1, 1))):
        assert shop.query("sold", f"metric_time__{grain}").rows()[0] == (first, 1)


def test_times_with_a_t_fall_into_their_day(raw: sqlite3.Connection, tmp_path: Path) -> None:
    shop = project(tmp_path, raw)
    assert shop.query("sold", start="2026-02-01", end="2026-02-01").rows() == [(2,)]


def test_arithmetic_on_dates_counts_days(raw: sqlite3.Connection, tmp_path: Path) -> None:
    """'2026-03-01' - '2026-02-01' is 0 as SQLite reads it: the years."""
    metrics = DEFINITIONS + (
        "  - {name: days, model: sales, agg: max, expr: due_on - CAST(sold_at AS DATE)}\n"
        "  - {name: reminded, model: sales, agg: max, expr: due_on + 14}\n"
    )
    found = project(tmp_path, raw, metrics).query(["days", "reminded"]).rows()
    assert found == [(29, dt.date(2026, 3, 15))]


def test_a_standard_deviation_is_that_of_the_sample(
    raw: sqlite3.Connection, tmp_path: Path
) -> None:
    [(found,)] = project(tmp_path, raw).query("spread").rows()
    assert found == pytest.approx(statistics.stdev([0.1, 0.2, 100]), rel=1e-12)


def test_a_sum_beyond_64_bits_fails_and_is_no_number(
    raw: sqlite3.Connection, tmp_path: Path
) -> None:
    metrics = DEFINITIONS + "  - {name: huge, model: sales, agg: sum, expr: huge}\n"
    with pytest.raises(WarehouseError, match="integer overflow"):
        project(tmp_path, raw, metrics).query("huge")


def test_what_has_no_equal_is_refused_by_name(raw: sqlite3.Connection, tmp_path: Path) -> None:
    for expression, said in (
        ("TRY_CAST(amount AS INTEGER)", "TRY_CAST"),
        ("ROUND(amount, sale_id)", "ROUND to a number of digits that is computed"),
        ("EXTRACT(epoch FROM sold_at - due_on)", "the time between two timestamps"),
    ):
        metrics = DEFINITIONS + f"  - {{name: odd, model: sales, agg: sum, expr: '{expression}'}}\n"
        with pytest.raises((QueryError, WarehouseError)) as error:
            project(tmp_path, raw, metrics).query("odd")
        assert error.value.issues[0].code == "unsupported-in-dialect"
        assert said in error.value.issues[0].message


def test_time_zones_are_refused(raw: sqlite3.Connection, tmp_path: Path) -> None:
    zoned = """
models:
  - name: sales
    semantic_model: true
    primary_entity: sale
    agg_time_dimension: sold
    derived_semantics:
      dimensions:
        - {name: sold, type: time, granularity: second, timezone: UTC,
           expr: CAST(sold_at AS TIMESTAMP)}
metrics:
  - {name: sold_items, model: sales, agg: count}
"""
    shop = project(tmp_path, raw, zoned)
    with pytest.raises(QueryError, match="no time zones"):
        shop.query("sold_items", "metric_time__day", timezone="Asia/Tokyo")


# ----------------------------------------------------------------------------------------- adapter


@pytest.fixture
def opened(raw: sqlite3.Connection, tmp_path: Path) -> Iterator[Connection]:
    connection = connect(target(path="shop.db"), project_dir=tmp_path)
    yield connection
    connection.close()


def test_a_target_is_read_only_unless_something_is_made(opened: Connection, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="readonly"):
        opened.execute("DELETE FROM sales")
    writing = connect(target(path="shop.db"), project_dir=tmp_path, read_only=False)
    writing.execute("DELETE FROM sales; CREATE TABLE other (x INTEGER)")
    assert writing.run("SELECT count(*) AS n FROM sales").to_pylist() == [{"n": 0}]
    writing.close()


def test_statements_happen_together_or_not_at_all(raw: sqlite3.Connection) -> None:
    connection = wrap(raw)
    with pytest.raises(WarehouseError):
        connection.execute("DELETE FROM sales; SELECT nothing_there")
    assert connection.run("SELECT count(*) AS n FROM sales").to_pylist() == [{"n": 3}]


def test_dbts_keys_name_a_file_for_each_schema(raw: sqlite3.Connection, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "etl.db") as other:
        other.execute("CREATE TABLE plans (x INTEGER)")
    (tmp_path / "more").mkdir()
    sqlite3.connect(tmp_path / "more" / "crm.db").execute("CREATE TABLE leads (x INTEGER)")
    settings = {"schemas_and_paths": {"main": "shop.db", "etl": "etl.db"}}
    connection = connect(target(**settings, schema_directory="more"), project_dir=tmp_path)
    for table in ("main.sales", "etl.plans", "crm.leads"):
        assert connection.describe_relation(tuple(table.split("."))) is not None
    assert connection.describe_relation(("nowhere", "sales")) is None
    connection.close()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="there is no file") as error:
        connect(target(path="gone.db"), project_dir=tmp_path)
    assert "gone.db" in str(error.value)
    assert not (tmp_path / "gone.db").exists()


def test_columns_and_keys_are_described(raw: sqlite3.Connection) -> None:
    raw.execute("CREATE UNIQUE INDEX by_time ON sales (sold_at, due_on)")
    raw.execute("CREATE UNIQUE INDEX some ON sales (amount) WHERE paid")
    found = wrap(raw).describe_relation(("sales",))
    assert found is not None
    assert [(c.name, c.type) for c in found.columns][:3] == [
        ("sale_id", "INTEGER"),
        ("sold_at", "TIMESTAMP"),
        ("due_on", "DATE"),
    ]
    assert found.keys == (("sale_id",), ("sold_at", "due_on"))
    columns = wrap(raw).describe("SELECT due_on AS day, amount * 2 AS twice FROM sales")
    assert (columns[0].name, columns[0].type) == ("day", "DATE")


def test_a_users_connection_is_as_it_was(raw: sqlite3.Connection, tmp_path: Path) -> None:
    raw.row_factory = sqlite3.Row
    raw.text_factory = bytes
    raw.execute("UPDATE sales SET amount = 5 WHERE sale_id = 3")  # its transaction is open
    shop = project(tmp_path, raw)
    assert shop.query("revenue").rows() == [(Decimal("5.30"),)]
    assert (raw.in_transaction, raw.row_factory, raw.text_factory) == (True, sqlite3.Row, bytes)
    raw.rollback()
    assert shop.query("revenue").rows() == [(Decimal("100.30"),)]


def test_an_error_points_at_its_word(raw: sqlite3.Connection) -> None:
    with pytest.raises(WarehouseError) as error:
        wrap(raw).run("SELECT\n  missing_column FROM sales")
    place = error.value.issues[0].location
    assert place is not None
    assert (place.line, place.column, place.length) == (2, 3, len("missing_column"))
