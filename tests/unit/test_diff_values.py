"""By how much numbers change: what is asked, what is told, and what is kept back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import kpilayer.change.measure as measuring
from kpilayer import Project
from kpilayer.change.numbers import Bound, Pair, amount, crossed, percent
from kpilayer.change.periods import closed, ending_with
from kpilayer.change.sample import read_share
from kpilayer.change.tell import small_groups
from kpilayer.change.values import MetricValues, Values, ValuesAsked
from kpilayer.cli.main import cli
from kpilayer.errors import QueryError, WarehouseError

DEFINITIONS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
      - {name: channel, dimension: categorical}
    metrics:
      - {name: revenue, agg: sum, expr: amount, filter: "{{ Dimension('order__status') }} = 'paid'"}
      - {name: placed, agg: count}
      - {name: buyers, agg: approx_count_distinct, expr: customer_id}
  - name: rates
    semantic_model: true
    primary_entity: rate
    columns:
      - {name: kind, dimension: categorical}
    metrics:
      - {name: best_rate, agg: max, expr: rate}
metrics:
  - {name: paid_share, type: ratio, numerator: revenue, denominator: placed,
     contracts: {between: [0, 1]}}
  - {name: growth, type: derived, expr: revenue - before,
     input_metrics: [revenue, {name: revenue, alias: before, offset_window: 1 month}]}
"""
#: 60 orders a month from January to April 2026 and 3 in May: half are paid, each of 2.
ORDERS = """
SELECT i AS id, i % 11 AS customer_id,
       CASE WHEN i < 240 THEN make_date(2026, 1 + i // 60, 1 + i % 28)
            ELSE DATE '2026-05-02' END AS ordered_at,
       CASE WHEN i % 2 = 0 THEN 'paid' WHEN i % 120 = 1 THEN '<b>|`@you`' ELSE 'open' END AS status,
       CASE WHEN i % 3 = 0 THEN 'web' END AS channel,
       CAST(2 AS DECIMAL(10, 2)) AS amount
FROM range(243) AS t(i)
"""
RATES = "SELECT 'a' AS kind, 0.5 AS rate UNION ALL SELECT 'b', 0.25"
ASKED = ValuesAsked(as_of=date(2026, 5, 10), periods=4)
LOOSER = ("= 'paid'", "IN ('paid', 'open')")

Change = Callable[..., Any]


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """The difference that edits make, with values; ``asked`` None for the project and its base."""

    def diff(
        *edits: tuple[str, str], asked: ValuesAsked | None = ASKED, of: str = DEFINITIONS
    ) -> Any:
        after = of
        for old, new in edits:
            assert old in after
            after = after.replace(old, new)
        connection = duckdb.connect()
        connection.execute(f"CREATE TABLE orders AS {ORDERS}")
        connection.execute(f"CREATE TABLE rates AS {RATES}")
        for name, text in (("base", of), ("head", after)):
            folder = tmp_path / name
            (folder / "models").mkdir(parents=True, exist_ok=True)
            (folder / "kpilayer.yml").write_text("name: shop\n", encoding="utf-8")
            (folder / "models" / "d.yml").write_text(text, encoding="utf-8")
        project = Project.load(tmp_path / "head", connection=connection)
        if asked is None:
            return project, str(tmp_path / "base"), connection
        return project.diff(str(tmp_path / "base"), values=asked)

    return diff


def _values(found: Any) -> Values:
    values = found.review.values
    assert isinstance(values, Values)
    return values


# -------------------------------------------------------------------------------------- what is told


def test_effects_stand_in_the_first_lines(change: Change) -> None:
    found = change(LOOSER)
    # Of 60 orders a month, 30 are paid; of the others, 29 or 30 are open.
    assert "`revenue` +98.3 %" in found.to_markdown().split("\n\n")[1]
    assert "revenue +98.3 %" in str(found)
    told = {c["name"]: c["values"] for c in found.as_json()["changes"]}
    assert told["revenue"]["total"] == {
        "before": "240.00", "after": "476.00", "delta": "236.00",
        "share": pytest.approx(236 / 240), "same": False, "fill_only": False,
    }  # fmt: skip
    assert told["revenue"]["periods_changed"] == 4


def test_one_question_is_one_scan_for_all_metrics_of_a_kind(change: Change) -> None:
    project, base, connection = change(LOOSER, asked=None)
    seen: list[str] = []
    diff = project.diff(base)
    target = measuring.Target(
        lambda compiled: (seen.append(compiled.sql), connection.sql(compiled.sql).to_arrow_table())[
            1
        ],
        "duckdb",
        "",
    )
    values = measuring.measure(diff.review.changes, ASKED, target)
    assert set(values.metrics) == {"revenue", "paid_share", "growth"}
    both = [sql for sql in seen if "kpilayer_before_1" in sql and "metric_time__month" in sql]
    assert len(re.findall(r"from orders\b", both[0].lower())) == 1, "the table is read once"
    assert values.cost["queries"] == len(seen)


def test_a_metric_that_is_only_there_by_period_has_no_total(change: Change) -> None:
    found = _values(change(LOOSER)).metrics["growth"]
    assert found.total is None
    # 30 paid orders in each month; 29, 30, 29 and 30 open ones; each of 2.
    assert [(p.label, p.pair.before, p.pair.after) for p in found.periods if p.pair] == [
        ("2026-02", 0, 2),
        ("2026-03", 0, -2),
        ("2026-04", 0, 2),
    ]
    assert any("no total" in note for note in found.notes)


def test_a_metric_without_time_has_a_total_only(change: Change) -> None:
    found = _values(change(("agg: max", "agg: min"))).metrics["best_rate"]
    assert found.periods == ()
    assert found.total is not None
    assert (found.total.before, found.total.after) == (Decimal("0.50"), Decimal("0.25"))
    assert found.effect == "\u221250.0 %"


def test_a_new_unit_is_said_beside_the_numbers(change: Change) -> None:
    unit = ("expr: amount,", "expr: amount, unit: EUR,")
    assert "revenue" not in _values(change(unit)).metrics, "the digits are proved to be the same"
    found = _values(change(unit, LOOSER)).metrics["revenue"]
    assert found.effect == "+98.3 %"
    assert "the unit was not said, and is EUR" in found.notes


def test_estimates_within_a_few_percent_are_no_difference(change: Change) -> None:
    edit = ("expr: customer_id}", "expr: customer_id + 0}")
    assert _values(change(edit)).metrics["buyers"].effect == "no difference"


def test_promises_that_numbers_newly_break_are_told(change: Change) -> None:
    values = _values(change(LOOSER))
    # 2 * 30 / 60 is 1, which is within; twice as much is not.
    assert values.metrics["paid_share"].crossed[0].left == 4
    assert "4 periods leave between 0 and 1" in "\n".join(values.as_text("paid_share"))


def test_without_rows_in_the_window_the_last_periods_count(change: Change) -> None:
    found = _values(change(LOOSER, asked=replace(ASKED, as_of=date(2031, 1, 1), periods=2)))
    revenue = found.metrics["revenue"]
    assert [part.label for part in revenue.periods] == ["2026-04", "2026-05"]
    assert any("the last that the data have" in note for note in revenue.notes)


def test_what_is_wrong_with_one_metric_is_its_own(change: Change) -> None:
    found = change(LOOSER, ("expr: rate}", "expr: rat}"))
    values = _values(found)
    assert "rat" in values.metrics["best_rate"].problem
    assert values.metrics["revenue"].effect == "+98.3 %"
    assert values.warehouse_failed
    assert values.cost["failed"] == 1
    assert "values were not found" in str(found)
    # An engine may quote values of rows in its errors: no comment does.
    problem = "Could not convert string 'ann@example.com'"
    quoting = replace(values, metrics={"best_rate": MetricValues(problem=problem, refused=True)})
    assert "\n".join(quoting.as_markdown("best_rate")).strip() == (
        "Values were not found: the warehouse refuses the question."
    )


def test_a_warehouse_that_cannot_be_reached_is_an_error(change: Change) -> None:
    project, base, _ = change(LOOSER, asked=None)
    elsewhere = replace(project.target, profile="shop", settings={"path": "nowhere/x.duckdb"})
    with pytest.raises(WarehouseError):
        replace(project, connection=None, target=elsewhere).diff(base, values=ASKED)


def test_what_is_the_same_is_not_asked_for(change: Change) -> None:
    values = _values(change(("name: revenue, agg", "name: revenue, label: Revenue, agg")))
    assert values.metrics == {}
    assert values.cost["queries"] == 0


def test_nothing_that_data_hold_is_markdown(change: Change) -> None:
    asked = replace(ASKED, min_rows=1)
    found = change(("= 'paid'", "<> 'open'"), asked=asked)
    shown = "\n".join(_values(found).as_markdown("revenue"))
    assert "status = '&lt;b&gt;\\|\\`@\u200byou\\`'" in shown.replace("\\_", "_")
    assert "<b>" not in shown


def test_changes_of_models_are_asked_for_on_each_side(change: Change) -> None:
    of = DEFINITIONS.replace("order__status') }} = 'paid'", "order__state') }} = 'paid'")
    of = of.replace("metrics:\n      - {name: revenue", "derived_semantics:\n      dimensions:\n"
                    "        - {name: state, type: categorical, expr: status}\n"
                    "    metrics:\n      - {name: revenue")  # fmt: skip
    values = _values(change(("expr: status}", "expr: \"COALESCE(channel, 'paid')\"}"), of=of))
    revenue = values.metrics["revenue"]
    assert revenue.scans == 2
    # 160 of 240 orders have no channel.
    assert revenue.total is not None
    assert (revenue.total.before, revenue.total.after) == (240, 320)


def test_a_metric_of_the_base_keeps_its_meaning_or_is_not_taken_over(change: Change) -> None:
    of = DEFINITIONS.replace("{name: revenue, agg", "{name: revenue, version: 2, previous: "
                             "[{version: 1, until: 2026-02-28, restate: false, expr: amount * 3}], agg")  # fmt: skip
    revenue = _values(change(LOOSER, of=of)).metrics["revenue"]
    assert revenue.scans == 2
    # January and February count three times: 30 paid orders of 2 a month.
    assert revenue.total is not None and revenue.total.before == 2 * 180 + 2 * 60


# --------------------------------------------------------------------------------------- the command


def test_the_command_says_by_how_much(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    project, base, connection = change(LOOSER, asked=None)
    file = project.root / ".kpilayer" / "shop.duckdb"
    file.parent.mkdir()
    connection.execute(f"ATTACH '{file}' AS shop")
    for table in ("orders", "rates"):
        connection.execute(f"CREATE TABLE shop.{table} AS FROM {table}")
    connection.close()
    monkeypatch.chdir(project.root)
    flags = ["--values", "--as-of", "2026-05-10", "--periods", "4"]
    shown = CliRunner().invoke(cli, ["diff", base, *flags])
    assert "revenue  +98.3 %" in shown.stdout, shown.output
    assert shown.exit_code in (0, 1)
    told = json.loads(CliRunner().invoke(cli, ["diff", base, *flags, "-f", "json"]).stdout)
    assert told["summary"]["cost"]["scans"] == {"1": 3}
    refused = CliRunner().invoke(cli, ["diff", base, *flags, "--sample", "two"])
    assert refused.exit_code == 2
    refused = CliRunner().invoke(cli, ["diff", base, *flags, "--grain", "hour"])
    assert refused.exit_code == 2
    models = project.root / "models" / "d.yml"
    models.write_text(models.read_text().replace("expr: amount,", "expr: amountt,"), "utf-8")
    failed = CliRunner().invoke(cli, ["diff", base, *flags])
    assert failed.exit_code == 3
    assert "values were not found" in failed.stdout


# --------------------------------------------------------------------------------- numbers and groups


def test_values_are_compared_as_exactly_as_they_are() -> None:
    assert not Pair(Decimal("0.1"), Decimal("0.10000000001")).same
    assert Pair(0.3, 0.1 + 0.2).same
    assert Pair(math.nan, math.nan).same
    assert Pair(100, 102, estimated=True).same
    assert not Pair(100, 104, estimated=True).same
    assert not Pair(100, 102).same
    assert Pair(None, None).same


def test_no_value_that_becomes_0_is_no_amount() -> None:
    pair = Pair(None, 0)
    assert pair.is_fill and pair.delta == 0
    assert pair.shown == "NULL → 0 (fill only)"
    assert not Pair(None, 5).is_fill


def test_amounts_are_said_for_people() -> None:
    assert [amount(n) for n in (94_123_456, -12_345, 0.25, 9_999, True)] == [
        "94.1 M", "\u221212.3 k", "0.25", "9,999", "True",
    ]  # fmt: skip
    assert percent(-0.00002) == "\u22120.002 %"


def test_bounds_are_crossed_in_both_directions() -> None:
    bound = Bound("between 0 and 1", 0, 1)
    pairs = [Pair(0.5, 2), Pair(3, 1), Pair(None, 5), Pair(0, 1)]
    (found,) = crossed([bound], pairs)
    assert (found.left, found.returned) == (2, 1)
    assert (
        found.shown == "2 periods leave between 0 and 1; 1 period is within again: between 0 and 1"
    )


def test_windows_end_before_the_open_period() -> None:
    window = closed(date(2026, 1, 1), 13, "month")
    assert (window.start, window.end) == ("2024-12-01", "2025-12-31")
    assert closed(date(2026, 6, 15), 1, "week").start == "2026-06-08"
    last = ending_with([date(2020, 2, 1), date(2019, 11, 1)], 1, "month")
    assert last is not None and (last.start, last.end) == ("2020-02-01", "2020-02-29")


def test_shares_are_percents_or_parts_of_one() -> None:
    assert read_share("1%") == read_share("0.01") == 0.01
    for wrong in ("two", "0", "100%", "-1%", "nan"):
        with pytest.raises(ValueError, match=r"."):
            read_share(wrong)


def test_engines_without_the_hash_refuse_samples(change: Change) -> None:
    project, base, _ = change(LOOSER, asked=None)
    changes = project.diff(base).review.changes
    target = measuring.Target(lambda compiled: pytest.fail("nothing is asked"), "sqlite", "")
    with pytest.raises(QueryError, match="no MD5"):
        measuring.measure(changes, replace(ASKED, sample=0.1), target)


@given(
    st.dictionaries(
        st.integers(0, 50).map(lambda n: (n,)),
        st.tuples(st.integers(0, 30), st.integers(0, 30)),
        max_size=12,
    ),
    st.integers(1, 20),
)
def test_groups_that_are_shown_alone_or_together_have_enough_rows(
    counts: dict[tuple[int], tuple[int, int]], least: int
) -> None:
    together = small_groups(counts, least)
    alone = [key for key in counts if key not in together]
    assert all(n == 0 or n >= least for key in alone for n in counts[key])
    sums = [sum(counts[key][side] for key in together) for side in (0, 1)]
    assert not alone or all(n == 0 or n >= least for n in sums)
