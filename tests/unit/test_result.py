"""Result: the same values in every shape."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from kpilayer.errors import Issue, KpilayerError
from kpilayer.warehouse.result import Result

SQL = "SELECT 1"
HUGE = 170141183460469231731687303715884105727  # 2**127 - 1: 39 digits, DuckDB's largest HUGEINT


def result(**columns: pa.Array) -> Result:
    return Result.from_table(pa.table(columns), sql=SQL)


def one(values: list[Any], kind: pa.DataType) -> list[Any]:
    return [row[0] for row in result(x=pa.array(values, kind)).rows()]


def test_whole_decimals_become_integers() -> None:
    values = one([Decimal(12345678901234567890), None, Decimal(-1)], pa.decimal128(38, 0))
    assert values == [12345678901234567890, None, -1]
    assert [type(v) for v in values] == [int, type(None), int]


def test_whole_decimals_of_any_size_become_integers() -> None:
    assert one([Decimal(HUGE)], pa.decimal256(76, 0)) == [HUGE]


def test_other_decimals_stay_exact_to_the_last_digit() -> None:
    values = one([Decimal("0.10"), Decimal("123456789012345678901234567890.12")],
                 pa.decimal128(38, 2))  # fmt: skip
    assert values == [Decimal("0.10"), Decimal("123456789012345678901234567890.12")]
    assert str(values[0]) == "0.10"


def test_times_are_plain_python_values() -> None:
    assert one([dt.date(2026, 2, 28)], pa.date32()) == [dt.date(2026, 2, 28)]
    moment = dt.datetime(2026, 2, 28, 23, 59, 59, 999999)
    assert one([moment], pa.timestamp("us")) == [moment]
    [zoned] = one([moment], pa.timestamp("us", tz="UTC"))
    assert zoned == moment.replace(tzinfo=dt.UTC)
    assert zoned.utcoffset() == dt.timedelta(0)


def test_nanoseconds_are_cut_to_microseconds() -> None:
    [moment] = one([1_000_000_001], pa.timestamp("ns"))
    assert type(moment) is dt.datetime
    assert moment == dt.datetime(1970, 1, 1, 0, 0, 1)
    assert one([1_500], pa.time64("ns")) == [dt.time(0, 0, 0, 1)]


def test_booleans_text_and_null_stay_as_they_are() -> None:
    assert one([True, False, None], pa.bool_()) == [True, False, None]
    assert one(["ä→😀", "", None], pa.string()) == ["ä→😀", "", None]


def test_rows_keep_their_order_over_several_chunks() -> None:
    table = pa.table({"a": pa.chunked_array([[1, 2], [], [3]]), "b": ["x", "y", "z"]})
    answer = Result.from_table(table, sql=SQL)
    assert answer.rows() == [(1, "x"), (2, "y"), (3, "z")]
    assert list(answer) == answer.rows()
    assert len(answer) == 3
    assert answer.columns == ("a", "b")


def test_empty_results_have_columns_and_no_rows() -> None:
    answer = result(revenue=pa.array([], pa.decimal128(38, 2)))
    assert (answer.columns, answer.rows(), len(answer)) == (("revenue",), [], 0)
    assert answer.to_arrow().schema.field("revenue").type == pa.decimal128(38, 2)
    assert "0 rows" in answer._repr_html_()


def test_two_columns_of_one_name_are_both_kept() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert Result.from_table(table, sql=SQL).rows() == [(1, 2)]


def test_arrow_stream_is_read_by_pyarrow_and_duckdb() -> None:
    import duckdb

    answer = result(x=pa.array([1, 2], pa.int64()))
    assert pa.table(answer) == answer.to_arrow()
    with duckdb.connect() as connection:
        assert connection.execute("SELECT sum(x) FROM answer").fetchall() == [(3,)]


def test_pandas_gets_the_same_values() -> None:
    pytest.importorskip("pandas", reason="pip install 'kpilayer[pandas]'")
    frame = result(
        x=pa.array([Decimal("0.10"), None], pa.decimal128(38, 2)), y=pa.array(["a", "b"])
    ).to_pandas()
    assert list(frame.columns) == ["x", "y"]
    assert frame["x"][0] == Decimal("0.10")
    assert frame["y"].tolist() == ["a", "b"]


def test_polars_gets_the_same_values() -> None:
    polars = pytest.importorskip("polars", reason="pip install 'kpilayer[polars]'")
    frame = result(
        x=pa.array([Decimal("0.10")], pa.decimal128(38, 2)),
        wide=pa.array([Decimal(HUGE)], pa.decimal256(76, 1)),
    ).to_polars()
    assert type(frame) is polars.DataFrame
    assert frame.rows() == [(Decimal("0.10"), f"{HUGE}.0")]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_missing_library_names_the_extra(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = result(x=pa.array([1]))  # before: pyarrow itself looks for pandas, once
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError) as raised:
        getattr(answer, f"to_{library}")()
    assert isinstance(raised.value, KpilayerError)
    assert f"pip install 'kpilayer[{library}]'" in str(raised.value)


def test_html_is_escaped_and_tells_what_the_numbers_are() -> None:
    answer = Result.from_table(
        pa.table({"<b>": ["<script>alert('x')</script>", None], "n": [1, 2]}),
        sql=SQL,
        fingerprints={"revenue": "f1:0123456789abcdef"},
        notices=[Issue("truncated-literal", "a & b", severity="notice")],
        overlapping=True,
    )
    shown = answer._repr_html_()
    assert "<script>" not in shown
    assert "<th>&lt;b&gt;</th>" in shown
    assert "<td></td>" in shown
    assert "2 rows" in shown
    assert "revenue <code>f1:0123456789abcdef</code>" in shown
    assert "groups overlap" in shown
    assert "notice: a &amp; b" in shown


def test_html_shows_fifty_rows_and_counts_all() -> None:
    shown = result(x=pa.array(range(1234)))._repr_html_()
    assert shown.count("<tr>") == 51
    assert "1,234 rows, the first 50 shown" in shown


def test_fingerprints_cannot_be_changed() -> None:
    marks = {"revenue": "f1:0"}
    answer = Result.from_table(pa.table({"x": [1]}), sql=SQL, fingerprints=marks)
    marks["revenue"] = "f1:1"
    assert answer.fingerprints["revenue"] == "f1:0"
    with pytest.raises(TypeError):
        answer.fingerprints["revenue"] = "f1:2"  # type: ignore[index]
    assert (answer.sql, answer.notices, answer.overlapping) == (SQL, (), False)
