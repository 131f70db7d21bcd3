"""What moved a KPI, from rows in a database: every contribution is worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kpilayer import KpilayerError, Project, QueryError
from kpilayer.explaining import DriverReport
from tests.kpi.moving import derived, kpi, level, project, rows_of, summed

APRIL, MAY = "2026-04", "2026-05"
#: Customers 1000 to 1100, each paying 50, then 48.
REVENUE = {
    APRIL: {"customers": 1000, "arpc": 50},
    MAY: {"customers": 1100, "arpc": 48},
}
PRODUCT = "drivers: {op: product, factors: [customers, arpc]}"


def _revenue(folder: Path, rest: str = PRODUCT, values: Any = None) -> Project:
    metrics = summed("customers", "arpc") + derived(
        "revenue", "customers * arpc", "customers", "arpc"
    )
    return project(folder, metrics, kpi("revenue", rest), rows_of(values or REVENUE))


def _moved(report: DriverReport) -> Mapping[str, float | None]:
    return {row.name: row.contribution for row in report.leaves}


def test_each_driver_has_what_it_added_on_average_over_all_orders(tmp_path: Path) -> None:
    found = _revenue(tmp_path).drivers("revenue", MAY)
    assert _moved(found) == {"customers": 4900.0, "arpc": -2100.0}
    assert (found.root.before, found.root.after, found.change) == (50_000.0, 52_800.0, 2_800.0)
    assert (found.residual, found.adds_up, found.method) == (0.0, True, "shapley")
    assert [(r.name, r.before, r.after, r.depth) for r in found.rows] == [
        ("revenue", 50_000.0, 52_800.0, 0), ("customers", 1000.0, 1100.0, 1), ("arpc", 50.0, 48.0, 1)
    ]  # fmt: skip


def test_lmdi_is_used_where_it_is_asked_for(tmp_path: Path) -> None:
    found = _revenue(tmp_path).drivers("revenue", MAY, method="lmdi")
    assert found.method == "lmdi"
    told = {name: round(moved or 0, 2) for name, moved in _moved(found).items()}
    assert told == {"customers": 4897.73, "arpc": -2097.73}


def test_lmdi_is_refused_with_the_reason_where_something_is_added(tmp_path: Path) -> None:
    metrics = summed("won", "lost") + derived("net", "won - lost", "won", "lost")
    drivers = "drivers: {op: difference, terms: {won: 1, lost: -1}}"
    rows = rows_of({APRIL: {"won": 9, "lost": 4}, MAY: {"won": 12, "lost": 5}})
    shop = project(tmp_path, metrics, kpi("net", drivers), rows)
    found = shop.drivers("net", MAY, method="lmdi")
    assert (found.status, found.reason, found.fails) == ("undefined", "method_not_applicable", True)
    assert [row.contribution for row in found.rows] == [None, None, None]
    assert "no contributions: in `net`, `lmdi` takes products and ratios apart" in found.to_text()
    assert _moved(shop.drivers("net", MAY)) == {"won": 3.0, "lost": -1.0}


def test_periods_that_are_swapped_swap_every_sign(tmp_path: Path) -> None:
    shop = _revenue(tmp_path)
    there, back = shop.drivers("revenue", MAY, APRIL), shop.drivers("revenue", APRIL, MAY)
    assert _moved(back) == {name: -(moved or 0) for name, moved in _moved(there).items()}
    assert back.change == -2800.0


# ------------------------------------------------------------------------------------------- stocks

STOCK = """drivers:
  op: rollforward
  terms: {new: 1, expanded: 1, churned: -1}"""
#: 1000, and 120 new, 50 churned; then 30 new, 40 more and 10 churned.
FLOWS = {
    "2026-03": {"mrr": 1000, "new": 77, "churned": 1},
    APRIL: {"mrr": 1070, "new": 120, "churned": 50},
    MAY: {"mrr": 1130, "new": 30, "expanded": 40, "churned": 10},
}


def _stock(folder: Path, values: Any = None) -> Project:
    metrics = level("mrr") + summed("new", "expanded", "churned")
    return project(folder, metrics, kpi("mrr", STOCK), rows_of(values or FLOWS))


def test_what_a_flow_does_to_a_stock_is_the_flow_and_not_its_change(tmp_path: Path) -> None:
    found = _stock(tmp_path).drivers("mrr", MAY)
    assert _moved(found) == {"new": 30.0, "expanded": 40.0, "churned": -10.0}
    assert (found.change, found.residual, found.adds_up) == (60.0, 0.0, True)
    assert [row.is_flow for row in found.rows] == [False, True, True, True]


def test_flows_without_a_row_are_nothing_and_no_gap(tmp_path: Path) -> None:
    found = _stock(tmp_path).drivers("mrr", APRIL)
    assert _moved(found) == {"new": 120.0, "expanded": 0.0, "churned": -50.0}
    assert found.status == "ok" and found.residual == 0.0


def test_flows_of_all_periods_in_between_are_added_up(tmp_path: Path) -> None:
    shop = _stock(tmp_path)
    there, back = shop.drivers("mrr", MAY, "2026-03"), shop.drivers("mrr", "2026-03", MAY)
    assert _moved(there) == {"new": 150.0, "expanded": 40.0, "churned": -60.0}
    assert _moved(back) == {"new": -150.0, "expanded": -40.0, "churned": 60.0}
    assert (there.change, there.residual, back.residual) == (130.0, 0.0, 0.0)


def test_a_stock_without_an_opening_has_no_contributions(tmp_path: Path) -> None:
    found = _stock(tmp_path).drivers("mrr", "2026-03")
    assert (found.status, found.reason) == ("undefined", "no_value")
    assert "`opening of mrr` has no value" in found.detail


def test_what_flows_do_not_explain_is_a_row_of_its_own_and_fails(tmp_path: Path) -> None:
    found = _stock(tmp_path, {**FLOWS, MAY: {"mrr": 1150, "new": 30, "churned": 10}}).drivers(
        "mrr", MAY
    )
    assert (found.change, found.residual, found.adds_up, found.fails) == (80.0, 60.0, False, True)
    text = found.to_text()
    assert "does not add up: mrr, beyond the tolerance" in text
    assert "not explained" in text and "+60" in text


def test_the_tolerance_of_a_contract_is_its_own(tmp_path: Path) -> None:
    values = {APRIL: {"mrr": 1000}, MAY: {"mrr": 1030, "new": 20}}
    metrics = level("mrr") + summed("new")
    drivers = "drivers: {op: rollforward, terms: {new: 1}, tolerance: 1%}"
    found = project(tmp_path, metrics, kpi("mrr", drivers), rows_of(values)).drivers("mrr", MAY)
    assert (found.residual, found.adds_up) == (10.0, True)  # 10 of 1030 is 0.97 %


# ------------------------------------------------------------------------------------------- chains


def test_a_tree_is_taken_apart_down_to_its_leaves(tmp_path: Path) -> None:
    """profit = revenue - cost; revenue = customers * arpc, where cost moves by -500."""
    metrics = summed("customers", "arpc", "cost")
    metrics += derived("revenue", "customers * arpc", "customers", "arpc")
    metrics += derived("profit", "revenue - cost", "revenue", "cost")
    contract = kpi(
        "profit",
        """drivers: {op: formula, expr: revenue - cost}
nodes: {revenue: {op: product, factors: [customers, arpc]}}""",
    )
    values = {APRIL: {**REVENUE[APRIL], "cost": 9000}, MAY: {**REVENUE[MAY], "cost": 9500}}
    found = project(tmp_path, metrics, contract, rows_of(values)).drivers("profit", MAY)
    assert _moved(found) == {"customers": 4900.0, "arpc": -2100.0, "cost": -500.0}
    assert [(r.name, r.depth, r.parent) for r in found.rows] == [
        ("profit", 0, None), ("revenue", 1, "profit"), ("customers", 2, "revenue"),
        ("arpc", 2, "revenue"), ("cost", 1, "profit"),
    ]  # fmt: skip


def test_a_driver_that_is_a_kpi_brings_its_own_drivers(tmp_path: Path) -> None:
    metrics = summed("customers", "arpc", "cost")
    metrics += derived("revenue", "customers * arpc", "customers", "arpc")
    metrics += derived("profit", "revenue - cost", "revenue", "cost")
    contracts = kpi("profit", "drivers: {op: difference, terms: {revenue: 1, cost: -1}}")
    contracts += kpi("revenue", PRODUCT, kind="supporting", cadence="daily")
    values = {APRIL: {**REVENUE[APRIL], "cost": 9000}, MAY: {**REVENUE[MAY], "cost": 9500}}
    found = project(tmp_path, metrics, contracts, rows_of(values)).drivers("profit", MAY)
    assert _moved(found) == {"customers": 4900.0, "arpc": -2100.0, "cost": -500.0}


def test_a_leaf_that_two_nodes_share_is_counted_once_with_all_that_it_did(tmp_path: Path) -> None:
    """total = a + b with a = n * x, b = n * y: n from 2 to 4, x = 10, y = 5."""
    metrics = summed("nn", "xx", "yy") + derived("aa", "nn * xx", "nn", "xx")
    metrics += derived("bb", "nn * yy", "nn", "yy") + derived("total", "aa + bb", "aa", "bb")
    contract = kpi(
        "total",
        """drivers: {op: sum, terms: {aa: 1, bb: 1}}
nodes: {aa: {op: product, factors: [nn, xx]}, bb: {op: product, factors: [nn, yy]}}""",
    )
    values = {APRIL: {"nn": 2, "xx": 10, "yy": 5}, MAY: {"nn": 4, "xx": 10, "yy": 5}}
    found = project(tmp_path, metrics, contract, rows_of(values)).drivers("total", MAY)
    assert _moved(found) == {"nn": 30.0, "xx": 0.0, "yy": 0.0}
    assert [(r.name, r.repeated) for r in found.rows if r.name == "nn"] == [
        ("nn", False),
        ("nn", True),
    ]
    assert found.to_text().count("as above") == 1


def test_what_an_earlier_period_left_behind_is_carried_and_comes_last(tmp_path: Path) -> None:
    metrics = (
        level("customers")
        + summed("won", "lost")
        + (
            "  - name: customers_before\n    type: derived\n    expr: customers\n"
            "    input_metrics: [{name: customers, offset_window: 1 month}]\n"
        )
    )
    drivers = "drivers: {op: formula, expr: customers_before + won - lost}"
    values = {
        "2026-03": {"customers": 100},
        APRIL: {"customers": 120, "won": 30, "lost": 10},
        MAY: {"customers": 125, "won": 15, "lost": 10},
    }
    contract = kpi("customer_base", drivers, "customers")
    found = project(tmp_path, metrics, contract, rows_of(values)).drivers("customer_base", MAY)
    assert [(r.name, r.contribution, r.carried) for r in found.leaves] == [
        ("won", -15.0, False), ("lost", 0.0, False), ("customers_before", 20.0, True),
    ]  # fmt: skip
    assert [row.name for row in found.rows][-1] == "customers_before"


def test_a_flow_is_taken_apart_into_flows_only(tmp_path: Path) -> None:
    """What came is bought plus found; what was bought is a product, which no flow is shared by."""
    metrics = level("stock") + summed("found", "orders", "size")
    metrics += derived("bought", "orders * size", "orders", "size")
    metrics += derived("came", "bought + coalesce(found, 0)", "bought", "found")
    contract = kpi(
        "stock",
        """drivers: {op: rollforward, terms: {came: 1}}
nodes: {came: {op: sum, terms: {bought: 1, found: 1}}, bought: {op: product, factors: [orders, size]}}""",
    )
    values = {
        APRIL: {"stock": 10, "orders": 9, "size": 9},
        MAY: {"stock": 33, "orders": 2, "size": 10, "found": 3},
    }
    found = project(tmp_path, metrics, contract, rows_of(values)).drivers("stock", MAY)
    assert _moved(found) == {"bought": 20.0, "found": 3.0}
    assert found.residual == 0.0


# --------------------------------------------------------------------------------- what has no value


def test_a_period_without_a_value_has_a_reason_and_no_numbers(tmp_path: Path) -> None:
    found = _revenue(tmp_path).drivers("revenue", "2026-06")
    assert (found.status, found.reason, found.change) == ("undefined", "no_value", None)
    assert found.fails and found.parts == ()
    assert "has no value after" in found.to_text()


def test_a_denominator_of_zero_has_a_reason_and_no_numbers(tmp_path: Path) -> None:
    metrics = (
        summed("won", "asked")
        + "  - {name: rate, type: ratio, numerator: won, denominator: asked}\n"
    )
    values = {APRIL: {"won": 1, "asked": 4}, MAY: {"won": 1, "asked": 0}}
    found = project(tmp_path, metrics, kpi("rate"), rows_of(values)).drivers("rate", MAY)
    assert (found.status, found.reason) == ("undefined", "zero_denominator")


def test_a_ratio_of_two_metrics_needs_no_drivers(tmp_path: Path) -> None:
    """1/4 to 3/6: won +2 * (1/4 + 1/6) / 2, asked -(1 + 3) / 2 * 2 / 24."""
    metrics = (
        summed("won", "asked")
        + "  - {name: rate, type: ratio, numerator: won, denominator: asked}\n"
    )
    values = {APRIL: {"won": 1, "asked": 4}, MAY: {"won": 3, "asked": 6}}
    found = project(tmp_path, metrics, kpi("rate"), rows_of(values)).drivers("rate", MAY)
    assert _moved(found) == {"won": pytest.approx(5 / 12), "asked": pytest.approx(-1 / 6)}


def test_contributions_that_cancel_out_are_told(tmp_path: Path) -> None:
    """5/10 to 50/400: +2.3125 and -2.6875 for a change of -0.375."""
    metrics = (
        summed("won", "asked")
        + "  - {name: rate, type: ratio, numerator: won, denominator: asked}\n"
    )
    values = {APRIL: {"won": 5, "asked": 10}, MAY: {"won": 50, "asked": 400}}
    found = project(tmp_path, metrics, kpi("rate"), rows_of(values)).drivers("rate", MAY)
    assert _moved(found) == {"won": 2.30625, "asked": -2.68125}
    assert found.warning is not None and "13.3 times the change; `lmdi`" in found.warning


# ---------------------------------------------------------------------------------- what is asked


def test_a_tree_is_one_question_and_other_conditions_are_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = _revenue(tmp_path)
    asked: list[tuple[str, ...]] = []
    own = Project.query

    def query(self: Project, metrics: Any, *rest: Any, **more: Any) -> Any:
        asked.append(tuple(metrics))
        return own(self, metrics, *rest, **more)

    monkeypatch.setattr(Project, "query", query)
    shop.drivers("revenue", MAY)
    assert asked == [("revenue", "customers", "arpc")]


def test_conditions_of_a_kpi_hold_for_all_that_it_is_made_of(tmp_path: Path) -> None:
    metrics = summed("won", "lost") + derived("net", "won - lost", "won", "lost")
    where = """where: "{{ Dimension('fact__segment') }} = 'eu'"
drivers: {op: difference, terms: {won: 1, lost: -1}}"""
    rows = [
        (1, "2026-04-01", "won", "eu", "", 10, None), (2, "2026-04-01", "won", "us", "", 500, None),
        (3, "2026-04-01", "lost", "eu", "", 4, None), (4, "2026-05-01", "won", "eu", "", 13, None),
        (5, "2026-05-01", "lost", "eu", "", 6, None), (6, "2026-05-01", "lost", "us", "", 900, None),
    ]  # fmt: skip
    found = project(tmp_path, metrics, kpi("net", where), rows).drivers("net", MAY)
    assert _moved(found) == {"won": 3.0, "lost": -2.0}


def test_parts_that_are_kpis_with_conditions_are_questions_of_their_own(tmp_path: Path) -> None:
    contracts = kpi("all_of_it", "drivers: {op: sum, terms: {of_eu: 1, of_us: 1}}", "amount")
    for segment in ("eu", "us"):
        where = f"""where: "{{{{ Dimension('fact__segment') }}}} = '{segment}'\""""
        contracts += kpi(f"of_{segment}", where, "amount", kind="supporting")
    rows = [
        (1, "2026-04-01", "x", "eu", "", 10, None), (2, "2026-04-01", "x", "us", "", 500, None),
        (3, "2026-05-01", "x", "eu", "", 13, None), (4, "2026-05-01", "x", "us", "", 450, None),
    ]  # fmt: skip
    found = project(tmp_path, "", contracts, rows).drivers("all_of_it", MAY)
    assert _moved(found) == {"of_eu": 3.0, "of_us": -50.0}
    assert found.residual == 0.0


def test_one_name_is_one_number(tmp_path: Path) -> None:
    """`new` flows into the stock, and its change moves what is beside it: two numbers."""
    metrics = level("mrr") + summed("new", "other") + derived("both", "mrr + new", "mrr", "new")
    contract = kpi(
        "both",
        """drivers: {op: sum, terms: {mrr: 1, new: 1}}
nodes: {mrr: {op: rollforward, terms: {new: 1}}}""",
    )
    shop = project(tmp_path, metrics, contract, rows_of(FLOWS))
    with pytest.raises(QueryError, match="`new` stands for a flow and the change of a number"):
        shop.drivers("both", MAY)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("drivers: {expr: 'customers * arcp'}", "there is no KPI or metric `arcp`"),
        ("drivers: {expr: 'round(customers)'}", "cannot be taken apart into contributions"),
        ("drivers: {expr: 'revenue * 2'}", "nodes are computed from each other"),
        ("", "`revenue` says nothing of what it is made of"),
    ],
)
def test_a_tree_that_cannot_be_read_is_told(tmp_path: Path, rest: str, message: str) -> None:
    with pytest.raises(KpilayerError, match=message.replace("(", r"\(")):
        _revenue(tmp_path, rest).drivers("revenue", MAY)


# ----------------------------------------------------------------------------------------- periods


def test_by_default_the_last_month_that_has_ended_is_told_against_the_one_before(
    tmp_path: Path,
) -> None:
    shop = _revenue(tmp_path)
    of = {
        day: shop.drivers("revenue", as_of=date.fromisoformat(day)).period.name
        for day in ("2026-05-30", "2026-05-31", "2026-06-15")
    }
    assert of == {"2026-05-30": APRIL, "2026-05-31": MAY, "2026-06-15": MAY}


def test_a_period_is_told_against_a_year_ago_or_any_other(tmp_path: Path) -> None:
    shop = _revenue(tmp_path, values={**REVENUE, "2025-05": {"customers": 10, "arpc": 48}})
    assert _moved(shop.drivers("revenue", MAY, "year_ago")) == {"customers": 52_320.0, "arpc": 0.0}
    assert shop.drivers("revenue", MAY, "2025-05").against.name == "2025-05"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"period": "2026-W21"}, "`2026-W21` is no period of a monthly KPI"),
        ({"period": MAY, "against": MAY}, "`2026-05` is not another period"),
        ({"method": "shaply"}, "`shaply` is not a method of attribution"),
        ({"by": "fact__sgment"}, "`fact__sgment` is not a dimension"),
    ],
)
def test_what_cannot_be_asked_is_told(tmp_path: Path, asked: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        _revenue(tmp_path).drivers("revenue", **asked)
    with pytest.raises(QueryError, match="there is no KPI `revnue`"):
        _revenue(tmp_path).drivers("revnue")


def test_a_month_that_runs_or_whose_data_end_early_is_noted(tmp_path: Path) -> None:
    shop = _revenue(tmp_path)
    early = shop.drivers("revenue", MAY, as_of=date(2026, 5, 30))
    late = shop.drivers("revenue", MAY, as_of=date(2026, 6, 30))
    assert early.notes == ("2026-05 has not ended",)
    assert late.notes == ("2026-05 may not be complete: data reach to 2026-05-28",)


def test_a_small_change_is_within_normal_variation_where_13_values_say_so(tmp_path: Path) -> None:
    """Changes of +10 and -10 in turn: their median distance from their median is 10."""
    months = [f"{2025 + at // 12}-{at % 12 + 1:02}" for at in range(17)]  # until 2026-05

    def told(last: float, since: int) -> bool | None:
        values = {m: {"customers": 100 + 10 * (at % 2), "arpc": 1} for at, m in enumerate(months)}
        values[MAY] = {"customers": last, "arpc": 1}
        folder = tmp_path / f"{last}-{since}"
        shop = _revenue(folder, values={m: values[m] for m in months[since:]})
        return shop.drivers("revenue", MAY).is_normal

    assert [told(119, 1), told(121, 1), told(119, 4)] == [True, False, None]


def test_influences_rank_changes_beside_later_changes_and_contribute_nothing(
    tmp_path: Path,
) -> None:
    """The KPI does a month later what the influence does; turned around where it says so."""
    steps = [3, -1, 4, -2, 5, -9, 2, 6, -5, 8, -7, 9]
    level_of = [50 + sum(steps[:at]) for at in range(len(steps) + 1)]
    months = [f"{2025 + at // 12}-{at % 12 + 1:02}" for at in range(4, 17)]
    values: dict[str, dict[str, float]] = {
        m: {"visits": v} for m, v in zip(months, level_of, strict=True)
    }
    for at, month in enumerate(months[1:]):
        values[month]["sales"] = 1000 + 2 * level_of[at]
    influences = "influences: [{metric: visits, lag: 4w}, {metric: visits, lag: 1d, sign: '-'}]"
    shop = project(tmp_path, summed("visits", "sales"), kpi("sales", influences), rows_of(values))
    first, second = shop.drivers("sales", MAY).influences
    assert (first.lag, first.correlation, first.n, first.expected) == (1, 1.0, 11, "+")
    assert (second.lag, second.n, second.expected) == (0, 11, "-")
    assert second.correlation is not None and -1 < second.correlation < 1
    assert (
        "rank correlation of changes +1.00 (n = 11), said to be +"
        in shop.drivers("sales", MAY).to_text()
    )


def test_an_influence_with_few_values_has_a_count_and_no_number(tmp_path: Path) -> None:
    values = {APRIL: {"visits": 1, "sales": 2}, MAY: {"visits": 2, "sales": 1}}
    shop = project(
        tmp_path,
        summed("visits", "sales"),
        kpi("sales", "influences: [{metric: visits}]"),
        rows_of(values),
    )
    (row,) = shop.drivers("sales", MAY).influences
    assert (row.correlation, row.n) == (None, 1)


# ---------------------------------------------------------------------------------------- segments

MARGIN = derived("margin", "(sales - cost) / sales", "sales", "cost")
#: 90 of goods at 80 %, 10 of services at 30 %; then 80 at 80 % and 20 at 35 %.
MIX = [
    (1, "2026-04-01", "sales", "goods", "x", 90, None), (2, "2026-04-01", "cost", "goods", "x", 18, None),
    (3, "2026-04-01", "sales", "services", "x", 10, None), (4, "2026-04-01", "cost", "services", "x", 7, None),
    (5, "2026-05-01", "sales", "goods", "x", 80, None), (6, "2026-05-01", "cost", "goods", "x", 16, None),
    (7, "2026-05-01", "sales", "services", "x", 20, None), (8, "2026-05-01", "cost", "services", "x", 13, None),
]  # fmt: skip


def _margin(folder: Path, rows: Any = MIX, rest: str = "") -> Project:
    drivers = f"drivers: {{op: formula, expr: (sales - cost) / sales{rest}}}"
    return project(folder, summed("sales", "cost") + MARGIN, kpi("margin", drivers), rows)


def test_a_quotient_is_told_apart_into_rates_and_mixture(tmp_path: Path) -> None:
    """75 % to 71 %: services got better by 5 points, and are twice as many."""
    shop = _margin(tmp_path, rest=", mix_by: fact__segment")
    for found in (shop.drivers("margin", MAY), shop.drivers("margin", MAY, by="fact__segment")):
        (table,) = found.segments
        assert (table.kind, table.rate, table.mix) == ("rate_and_mix", 0.0075, -0.0475)
        assert {(r.segment, r.before, r.after, r.rate, r.status) for r in table.rows} == {
            ("goods", 0.8, 0.8, 0.0, "both"), ("services", 0.3, 0.35, 0.0075, "both"),
        }  # fmt: skip
    assert "by fact__segment: rate +0.007500, mix -0.047500" in found.to_text()


def test_segments_that_come_and_go_are_all_mixture(tmp_path: Path) -> None:
    rows = [row for row in MIX if row[0] not in (3, 4, 5, 6)]
    (table,) = _margin(tmp_path, rows).drivers("margin", MAY, by="fact__segment").segments
    told = {(r.segment, r.status, r.rate) for r in table.rows}
    assert told == {("goods", "lost", 0.0), ("services", "new", 0.0)}
    assert table.mix == pytest.approx(0.35 - 0.8)


def test_the_change_of_a_sum_is_that_of_its_segments(tmp_path: Path) -> None:
    shop = project(
        tmp_path,
        summed("sales"),
        kpi("sales"),
        [*MIX, (9, "2026-05-02", "sales", None, "x", 5, None)],
    )
    (table,) = shop.drivers("sales", MAY, by="fact__segment").segments
    assert [(r.segment, r.contribution, r.status) for r in table.rows] == [
        ("goods", -10.0, "both"), ("services", 10.0, "both"), (None, 5.0, "new"),
    ]  # fmt: skip


VISITS = [
    (1, "2026-04-01", "visit", "web", "x", 0, 1), (2, "2026-04-01", "visit", "app", "x", 0, 2),
    (3, "2026-05-01", "visit", "web", "x", 0, 1), (4, "2026-05-01", "visit", "app", "x", 0, 1),
    (5, "2026-05-01", "visit", "app", "x", 0, 2), (6, "2026-05-01", "sales", "app", "x", 9, None),
    (7, "2026-04-01", "sales", "app", "x", 3, None),
]  # fmt: skip


def test_what_is_counted_in_two_segments_is_an_overlap(tmp_path: Path) -> None:
    """Two people in both months; in May one of them is on the web and in the app."""
    shop = project(tmp_path, "", kpi("people"), VISITS)
    (table,) = shop.drivers("people", MAY, by="fact__segment").segments
    assert [(r.segment, r.contribution, r.status) for r in table.rows] == [
        ("app", 1.0, "both"), ("web", 0.0, "both"), (None, -1.0, "overlap"),
    ]  # fmt: skip
    (alone,) = shop.drivers("people", MAY, by="fact__place").segments
    assert [(r.segment, r.contribution, r.status) for r in alone.rows] == [("x", 0.0, "both")]


def test_a_quotient_of_what_overlaps_is_refused_and_one_of_what_does_not_is_told(
    tmp_path: Path,
) -> None:
    ratio = "  - {name: per_head, type: ratio, numerator: sales, denominator: people}\n"
    shop = project(tmp_path, summed("sales") + ratio, kpi("per_head"), VISITS)
    segments, places = (
        shop.drivers("per_head", MAY, by=f"fact__{d}").segments[0] for d in ("segment", "place")
    )
    assert (segments.status, segments.reason, segments.rows) == (
        "undefined",
        "method_not_applicable",
        (),
    )
    assert "the denominator of all is 2, and those of segments add up to 3" in segments.detail
    assert (places.status, places.rate, places.mix) == ("ok", 3.0, 0.0)


def test_a_median_has_no_segments(tmp_path: Path) -> None:
    median = "  - {name: middle, model: facts, agg: median, expr: amount}\n"
    (table,) = (
        project(tmp_path, median, kpi("middle"), MIX)
        .drivers("middle", MAY, by="fact__segment")
        .segments
    )
    assert table.status == "undefined" and "`middle` does not add up over segments" in table.detail


def test_rows_without_a_denominator_are_told_by_the_name_of_what_they_lack(tmp_path: Path) -> None:
    rows = [*MIX, (9, "2026-04-02", "cost", None, "x", 1, None)]
    (table,) = _margin(tmp_path, rows).drivers("margin", MAY, by="fact__segment").segments
    assert table.detail == "rows without a value of it have a numerator, and the denominator 0"


#: Sales of 200 become 160: all of it in the segment eu, half of it in each place.
MOVED = [
    (1, "2026-04-01", "sales", "eu", "a", 50, None), (2, "2026-04-01", "sales", "eu", "b", 50, None),
    (3, "2026-04-01", "sales", "us", "a", 50, None), (4, "2026-04-01", "sales", "us", "b", 50, None),
    (5, "2026-05-01", "sales", "eu", "a", 30, None), (6, "2026-05-01", "sales", "eu", "b", 30, None),
    (7, "2026-05-01", "sales", "us", "a", 50, None), (8, "2026-05-01", "sales", "us", "b", 50, None),
]  # fmt: skip


@pytest.mark.parametrize("asked", [{"find": True}, {"by": ["fact__place", "fact__segment"]}])
def test_the_segments_that_moved_more_than_others_are_found(tmp_path: Path, asked: Any) -> None:
    found = project(tmp_path, summed("sales"), kpi("sales"), MOVED).drivers("sales", MAY, **asked)
    assert found.found is not None
    first, *others = found.found.moved.dimensions
    assert (first.dimension, [(e.element, e.change) for e in first.elements]) == (
        "fact__segment",
        [("eu", -40.0)],
    )
    assert {one.dimension for one in others} <= {"fact__place", "fact__name"}
    assert "fact__segment: eu -40 (100%)" in found.to_text()


def test_what_is_no_sum_has_no_segments_to_find(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="`margin` is no sum over segments"):
        _margin(tmp_path).drivers("margin", MAY, find=True)


# ------------------------------------------------------------------------------------------ health


def _judged(folder: Path, values: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """What health says of a KPI that breaches below 52,000, and of how many questions."""
    metrics = summed("customers", "arpc") + derived(
        "revenue", "customers * arpc", "customers", "arpc"
    )
    bounds = "{min: 52000}, critical: {min: 52000}}"
    contracts = kpi("revenue", PRODUCT) + kpi("sales", PRODUCT, "revenue", kind="supporting")
    shop = project(folder, metrics, contracts.replace("{min: 0}}", bounds), rows_of(values))
    asked: list[object] = []
    own = Project.query

    def query(self: Project, *rest: Any, **more: Any) -> Any:
        asked.append(rest)
        return own(self, *rest, **more)

    monkeypatch.setattr(Project, "query", query)
    return shop.health(as_of=date(2026, 6, 10)).to_text(), len(asked)


def test_health_names_the_largest_drivers_of_what_is_not_healthy_in_one_question_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customers of May a month before: two KPIs in breach, one more question for both."""
    june = {"2026-06": {"customers": 1, "arpc": 1}}
    text, asked = _judged(
        tmp_path / "bad", {APRIL: REVENUE[MAY], MAY: REVENUE[APRIL], **june}, monkeypatch
    )
    assert text.count("drivers vs 2026-04: customers -4,900, arpc +2,100\n") == 2
    assert asked == 2
    text, asked = _judged(tmp_path / "good", {**REVENUE, **june}, monkeypatch)
    assert "drivers vs" not in text and asked == 1


def test_a_level_of_which_a_segment_ends_early_still_adds_up(tmp_path: Path) -> None:
    """In May `a` was counted on the 10th only: on the last day there is nothing of it."""
    rows = [
        (1, "2026-04-30", "mrr", "a", "x", 10, None), (2, "2026-04-30", "mrr", "b", "x", 20, None),
        (3, "2026-05-10", "mrr", "a", "x", 99, None), (4, "2026-05-31", "mrr", "b", "x", 25, None),
    ]  # fmt: skip
    shop = project(tmp_path, level("mrr"), kpi("mrr"), rows)
    found = shop.drivers("mrr", MAY, by="fact__segment")
    (table,) = found.segments
    assert found.change == -5.0
    assert [(r.segment, r.contribution, r.status) for r in table.rows] == [
        ("a", -10.0, "lost"), ("b", 5.0, "both"),
    ]  # fmt: skip


def test_where_segments_are_all_that_was_asked_and_cannot_be_told_it_fails(tmp_path: Path) -> None:
    median = "  - {name: middle, model: facts, agg: median, expr: amount}\n"
    shop = project(tmp_path, median, kpi("middle"), MIX)
    assert shop.drivers("middle", MAY, by="fact__segment").fails
