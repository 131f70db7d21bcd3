"""How much numbers change, on every engine: the truth is SQL written by hand."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from kpilayer.change.values import MetricValues, Values, ValuesAsked
from kpilayer.errors import QueryError
from tests.engines.conftest import Engine

MODEL = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
"""
METRICS = """
metrics:
  - name: revenue
    model: orders
    agg: sum
    expr: amount
    filter: "{{ Dimension('order__status') }} = 'completed'"
  - name: orders_placed
    model: orders
    agg: count
  - name: buyers
    model: orders
    agg: count_distinct
    expr: customer_id
    filter: "{{ Dimension('order__status') }} = 'completed'"
  - name: order_value
    type: ratio
    numerator: revenue
    denominator: orders_placed
"""
#: 2,000 orders from March to June 2026; some without a status; those of 5 days in June come last.
ORDERS = """
SELECT i AS id, i % 37 AS customer_id,
       CAST(CASE WHEN i % 100 = 99 THEN '2026-06-0' || CAST(1 + i % 5 AS VARCHAR)
                 ELSE '2026-0' || CAST(3 + i % 3 AS VARCHAR) || '-1' || CAST(i % 10 AS VARCHAR)
            END AS DATE) AS ordered_at,
       CASE WHEN i % 7 = 0 THEN NULL WHEN i % 400 = 1 THEN 'lost' WHEN i % 3 = 0 THEN 'shipped'
            ELSE 'completed' END AS status,
       CAST(i % 90 AS DECIMAL(12, 2)) / 4 AS amount
FROM (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n AS i FROM digits a, digits b, digits c, digits d) t
WHERE i < 2000
"""
DIGITS = " UNION ALL ".join(f"SELECT {n} AS n" for n in range(10))
LOOSER = ("= 'completed'", "IN ('completed', 'shipped')")
ASKED = ValuesAsked(as_of=date(2026, 6, 20))
MONTHS = "EXTRACT(MONTH FROM ordered_at)"
CLOSED = "ordered_at < DATE '2026-06-01'"

Change = Callable[..., Values]


@pytest.fixture
def change(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Change:
    """The values of a change of definitions: pairs of a text and what stands there instead."""

    engine.tables({"digits": DIGITS, "orders": ORDERS})

    def values(*edits: tuple[str, str], asked: ValuesAsked = ASKED, more: str = "") -> Values:
        before = MODEL + METRICS + more
        after = before
        for old, new in edits:
            assert old in after
            after = after.replace(old, new)
        base = tmp_path_factory.mktemp("base")
        (base / "kpilayer.yml").write_text("name: shop\n", encoding="utf-8")
        (base / "models").mkdir()
        (base / "models" / "d.yml").write_text(textwrap.dedent(before), encoding="utf-8")
        project = engine.project(after)
        found = project.diff(str(base), values=asked).review.values
        assert found is not None
        return found

    return values


def _periods(found: MetricValues) -> list[tuple[str, Any, Any]]:
    return [(p.label, p.pair.before, p.pair.after) for p in found.periods if p.pair is not None]


def _truth(engine: Engine, value: str, before: str, after: str) -> list[tuple[str, Any, Any]]:
    """The value of each closed month, in SQL with a condition for each side."""
    sides = []
    for condition in (before, after):
        sql = f"SELECT {MONTHS}, {value} FROM orders WHERE {CLOSED} AND {condition} GROUP BY 1"
        sides.append({int(month): found for month, found in engine.rows(sql)})
    months = sorted({*sides[0], *sides[1]})
    return [(f"2026-{m:02}", sides[0].get(m), sides[1].get(m)) for m in months]


def _same(found: list[tuple[str, Any, Any]], truth: list[tuple[str, Any, Any]]) -> None:
    assert [label for label, *_ in found] == [label for label, *_ in truth]
    for (_, *values), (_, *wanted) in zip(found, truth, strict=True):
        for value, number in zip(values, wanted, strict=True):
            assert (value is None) == (number is None)
            assert value is None or float(value) == pytest.approx(float(number), rel=1e-9)


COMPLETED, EITHER = "status = 'completed'", "status IN ('completed', 'shipped')"


def test_a_filter_that_is_loosened_is_attributed_to_the_values_that_came(
    engine: Engine, change: Change
) -> None:
    values = change(LOOSER)
    found = values.metrics["revenue"]
    _same(_periods(found), _truth(engine, "SUM(amount)", COMPLETED, EITHER))
    ((shipped,),) = engine.rows(
        f"SELECT SUM(amount) FROM orders WHERE {CLOSED} AND status = 'shipped'"
    )
    assert found.total is not None and found.total.delta is not None
    assert float(found.total.delta) == pytest.approx(float(shipped), rel=1e-9)
    assert found.slices[0].label == "status = 'shipped'"
    assert found.slices[0].pair is not None and found.slices[0].pair.before is None
    assert float(found.slices[0].pair.after) == pytest.approx(float(shipped), rel=1e-9)
    assert found.scans == 1
    assert found.attribution.startswith("status = 'shipped' +")


def test_the_open_period_never_counts(engine: Engine, change: Change) -> None:
    assert engine.name and [p.label for p in change(LOOSER).metrics["revenue"].periods] == [
        "2026-03",
        "2026-04",
        "2026-05",
    ]


def test_a_distinct_count_is_asked_for_at_each_level(engine: Engine, change: Change) -> None:
    found = change(LOOSER).metrics["buyers"]
    buyers = "COUNT(DISTINCT customer_id)"
    _same(_periods(found), _truth(engine, buyers, COMPLETED, EITHER))
    total = [
        engine.rows(f"SELECT {buyers} FROM orders WHERE {CLOSED} AND {condition}")[0][0]
        for condition in (COMPLETED, EITHER)
    ]
    assert found.total is not None
    assert [found.total.before, found.total.after] == total


def test_a_ratio_is_computed_again_for_the_total(engine: Engine, change: Change) -> None:
    edit = ("denominator: orders_placed", "denominator: buyers")
    values = change(edit)
    found = values.metrics["order_value"]
    revenue = f"SUM(CASE WHEN {COMPLETED} THEN amount END)"
    buyers = f"COUNT(DISTINCT CASE WHEN {COMPLETED} THEN customer_id END)"
    ((before, after),) = engine.rows(
        f"SELECT {revenue} / CAST(COUNT(*) AS DECIMAL(18, 6)), "
        f"{revenue} / CAST({buyers} AS DECIMAL(18, 6)) FROM orders WHERE {CLOSED}"
    )
    assert found.total is not None
    assert float(found.total.before) == pytest.approx(float(before), rel=1e-5)
    assert float(found.total.after) == pytest.approx(float(after), rel=1e-5)


def test_slices_without_a_value_are_one_slice(engine: Engine, change: Change) -> None:
    edit = ("= 'completed'\"\n  - name: orders_placed", 'IS NULL"\n  - name: orders_placed')
    found = change(edit).metrics["revenue"]
    shown = {part.label: part.pair for part in found.slices}
    ((nothing,),) = engine.rows(f"SELECT SUM(amount) FROM orders WHERE {CLOSED} AND status IS NULL")
    pair = shown["status is NULL"]
    assert pair is not None and pair.before is None
    assert float(pair.after) == pytest.approx(float(nothing), rel=1e-9)


def test_a_model_that_reads_another_table_is_asked_for_by_itself(
    engine: Engine, change: Change
) -> None:
    engine.tables({"returned": "SELECT 1 AS id, 1 AS customer_id, DATE '2026-04-05' AS ordered_at, "
                               "'completed' AS status, CAST(3 AS DECIMAL(12, 2)) AS amount"})  # fmt: skip
    values = change(("    agg_time", "    relation: returned\n    agg_time"))
    found = values.metrics["revenue"]
    truth = _truth(engine, "SUM(amount)", COMPLETED, "1 = 0")
    assert found.scans == 2
    _same(_periods(found), [(m, v, 3 if m == "2026-04" else None) for m, v, _ in truth])


def test_a_renamed_metric_is_compared_with_what_it_was(engine: Engine, change: Change) -> None:
    more = """
  - name: cash
    model: orders
    agg: sum
    expr: amount
    filter: "{{ Dimension('order__status') }} = 'shipped'"
"""
    edits = (
        ("- name: cash", "- name: money\n    renamed_from: cash"),
        ("= 'shipped'", "IN ('completed', 'shipped')"),
    )
    found = change(*edits, more=more).metrics["money"]
    _same(_periods(found), _truth(engine, "SUM(amount)", "status = 'shipped'", EITHER))


def test_few_rows_are_shown_together_only(engine: Engine, change: Change) -> None:
    edit = ("= 'completed'\"\n  - name: orders_placed", "<> 'x'\"\n  - name: orders_placed")
    values = change(edit)
    found = values.metrics["revenue"]
    ((lost,),) = engine.rows(f"SELECT COUNT(*) FROM orders WHERE {CLOSED} AND status = 'lost'")
    assert 0 < lost < 10
    for shown in (
        values.as_json("revenue"),
        *values.as_text("revenue"),
        *values.as_markdown("revenue"),
    ):
        assert "lost" not in str(shown)
    assert [part.label for part in found.slices if part.is_rest] == ["other (small groups)"]
    asked = replace(ASKED, min_rows=lost)
    assert "status = 'lost'" in str(change(edit, asked=asked).as_json("revenue"))


def test_a_sample_has_the_same_keys_on_every_engine(engine: Engine, change: Change) -> None:
    asked = replace(ASKED, sample=0.25, sample_by="customer")
    if engine.name == "sqlite":
        with pytest.raises(QueryError, match="no MD5"):
            change(LOOSER, asked=asked)
        return
    from hashlib import md5

    found = change(LOOSER, asked=asked).metrics["revenue"]
    chosen = [n for n in range(37) if md5(str(n).encode()).hexdigest()[:4] < "4000"]
    assert 0 < len(chosen) < 37
    condition = f"customer_id IN ({', '.join(map(str, chosen))})"
    truth = _truth(
        engine, "SUM(amount)", f"{COMPLETED} AND {condition}", f"{EITHER} AND {condition}"
    )
    _same(_periods(found), truth)
    assert found.effect.startswith("≈ ")
