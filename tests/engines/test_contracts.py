"""Contracts are checked on data; rows are written here, and what breaks is worked out by hand."""

from __future__ import annotations

import pytest

from kpilayer.verify.outcome import Outcome
from tests.engines.conftest import Engine

DEFINITIONS = """
models:
  - name: bookings
    semantic_model: true
    agg_time_dimension: booked_on
    columns:
      - {{name: id, entity: {{type: primary, name: booking}}}}
      - {{name: booked_on, granularity: day, dimension: time}}
      - {{name: kind, dimension: categorical}}
    metrics:
      - {{name: other, agg: sum, expr: other, {time}}}
      - {{name: started, agg: max, expr: booked_on}}
      - name: booked
        agg: {agg}
        expr: amount
        {time}
        contracts: {{{contract}}}
  - name: counts
    semantic_model: true
    columns:
      - {{name: id, entity: {{type: primary, name: counted}}}}
    metrics:
      - {{name: counted, agg: sum, expr: amount}}
"""


def check(
    engine: Engine,
    contract: str,
    rows: str,
    *,
    agg: str = "sum",
    monthly: bool = False,
    kind: str = "INTEGER",
) -> Outcome:
    """The outcome of one contract on rows of (date, kind, amount, other)."""
    table = f"""
        SELECT ROW_NUMBER() OVER () AS id, CAST(d AS DATE) AS booked_on, kind,
               CAST(amount AS {kind}) AS amount, CAST(other AS {kind}) AS other
        FROM (VALUES {rows}) AS given(d, kind, amount, other)"""
    time = "time_granularity: month" if monthly else "label: plain"
    definitions = DEFINITIONS.format(contract=contract, agg=agg, time=time)
    tables = {"bookings": table, "counts": "SELECT 1 AS id, 5 AS amount"}
    project = engine.project(definitions, tables=tables)
    assert [i for i in project.check() if i.severity == "error"] == []
    (found,) = project.test()
    assert found.kind == "contract"
    return found


def test_a_negative_day_breaks_never_negative_although_the_total_is_positive(
    engine: Engine,
) -> None:
    rows = "('2026-01-01', 'a', 5, 0), ('2026-01-02', 'a', -2, 0), ('2026-01-02', 'b', 1, 0)"
    found = check(engine, "never_negative: true", rows)
    assert (found.status, found.name) == ("failed", "never_negative")
    assert found.message == "`booked` is below 0: in 1 of 2 days, as 2026-01-02 (-1)"
    assert str(found.location).startswith("models/definitions.yml:")


def test_no_value_is_not_negative(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', NULL, 0), ('2026-01-02', 'a', 0, 0), (NULL, 'a', 1, 0)"
    assert check(engine, "never_negative: true", rows).status == "passed"


def test_rows_without_a_date_count_as_well(engine: Engine) -> None:
    found = check(engine, "never_negative: true", "(NULL, 'a', -1, 0), ('2026-01-01', 'a', 3, 0)")
    assert found.message == "`booked` is below 0: in 1 of 2 days, as without a date (-1)"


def test_bounds_are_inclusive_and_hold_for_the_total_too(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 1, 0), ('2026-01-02', 'a', 3, 0), ('2026-02-02', 'a', 2, 0)"
    assert check(engine, "between: [1, 6]", rows).status == "passed"


def test_values_out_of_bounds_are_counted_and_the_first_ones_named(engine: Engine) -> None:
    rows = ", ".join(f"('2026-01-0{day}', 'a', {day}, 0)" for day in range(1, 7))
    found = check(engine, "between: [0.5, 2]", rows)
    assert found.message == (
        "`booked` is outside 0.5 to 2: 21 in total; in 4 of 6 days, as 2026-01-03 (3), "
        "2026-01-04 (4), 2026-01-05 (5) and 1 more"
    )


def test_values_are_those_of_the_default_grain(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 5, 0), ('2026-01-20', 'a', -2, 0)"
    assert check(engine, "never_negative: true", rows, monthly=True).status == "passed"


def test_not_a_number_lies_in_no_bounds(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 'NaN', '0')"
    found = check(engine, "between: [0, 1]", rows, kind="DOUBLE PRECISION")
    assert found.message == (
        "`booked` is outside 0 to 1: nan in total; in 1 of 1 days, as 2026-01-01 (nan)"
    )


def test_rising_values_may_stay_the_same_and_be_missing(engine: Engine) -> None:
    rows = (
        "('2026-01-01', 'a', 1, 0), ('2026-01-02', 'a', NULL, 0), ('2026-01-03', 'a', 1, 0), "
        "('2026-01-05', 'a', 2, 0), (NULL, 'a', 0, 0)"
    )
    assert check(engine, "monotone: increasing", rows).status == "passed"


def test_a_fall_is_found_across_a_period_without_value(engine: Engine) -> None:
    rows = (
        "('2026-01-01', 'a', 3, 0), ('2026-01-02', 'a', NULL, 0), ('2026-01-03', 'a', 1, 0), "
        "('2026-01-04', 'a', 4, 0)"
    )
    found = check(engine, "monotone: true", rows)
    assert found.message == "`booked` falls in 1 of 4 days, as 2026-01-03 (3 to 1)"


def test_falling_values_may_not_rise(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 3, 0), ('2026-01-03', 'a', 1, 0), ('2026-01-04', 'a', 4, 0)"
    found = check(engine, "monotone: decreasing", rows)
    assert found.message == "`booked` rises in 1 of 3 days, as 2026-01-04 (1 to 4)"


def test_parts_of_a_sum_add_up_also_those_without_a_value(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 3, 0), ('2026-01-01', NULL, 4, 0), ('2026-01-02', 'b', 1, 0)"
    contract = "sums_to: {dimension: booking__kind}"
    assert check(engine, contract, rows).status == "passed"


def test_parts_of_an_average_do_not_add_up(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 3, 0), ('2026-01-01', NULL, 4, 0), ('2026-01-02', 'a', 1, 0)"
    contract = "sums_to: {dimension: booking__kind}"
    found = check(engine, contract, rows, agg="max")
    assert found.message == (
        "the 2 parts of `booked` by `booking__kind` add up to 7, and the total is 4: 3 apart"
    )


def test_parts_of_nothing_are_nothing(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', NULL, 0)"
    contract = "sums_to: {dimension: booking__kind}"
    assert check(engine, contract, rows).status == "passed"


def test_decimals_add_up_exactly(engine: Engine) -> None:
    rows = ", ".join(f"('2026-01-01', 'k{n}', 0.1, 0)" for n in range(10))
    contract = "sums_to: {dimension: booking__kind}"
    assert check(engine, contract, rows, kind="DECIMAL(20, 4)").status == "passed"


def test_floating_point_parts_may_differ_by_a_billionth(engine: Engine) -> None:
    rows = ", ".join(f"('2026-01-01', 'k{n}', 0.1, 0)" for n in range(10))
    rows += ", ('2026-01-01', 'big', 1e10, 0), ('2026-01-01', 'small', -1e10, 0)"
    contract = "sums_to: {dimension: booking__kind}"
    assert check(engine, contract, rows, kind="DOUBLE PRECISION").status == "passed"


@pytest.mark.parametrize(("tolerance", "status"), [("0", "failed"), ("0.1", "passed")])
def test_two_metrics_reconcile_within_a_share_of_the_other(
    engine: Engine, tolerance: str, status: str
) -> None:
    rows = "('2026-01-01', 'a', 11, 10), ('2026-01-02', 'a', 18, 20)"
    contract = f"reconciles_with: {{metric: other, tolerance: {tolerance}}}"
    assert check(engine, contract, rows).status == status


def test_periods_that_cancel_out_do_not_reconcile(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 11, 10), ('2026-01-02', 'a', 9, 10), ('2026-02-02', 'a', 1, 1)"
    found = check(engine, "reconciles_with: {metric: other}", rows)
    assert found.message == (
        "`booked` differs from `other`: in 2 of 3 days, as 2026-01-01: 11 and 10, "
        "2026-01-02: 9 and 10"
    )


def test_metrics_reconcile_by_the_coarser_of_their_grains(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 11, 10), ('2026-01-02', 'a', 9, 10)"
    contract = "reconciles_with: {metric: other}"
    assert check(engine, contract, rows, monthly=True).status == "passed"


def test_no_value_beside_a_value_does_not_reconcile_unless_it_is_0(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', NULL, 5), ('2026-01-02', 'a', NULL, 0), ('2026-01-03', 'a', 7, 7)"
    found = check(engine, "reconciles_with: {metric: other, tolerance: 0.5}", rows)
    assert found.message == (
        "`booked` differs from `other` by more than 50 %: in 1 of 3 days, as 2026-01-01: "
        "no value and 5"
    )


def test_a_metric_without_time_reconciles_in_total(engine: Engine) -> None:
    rows = "('2026-01-01', 'a', 3, 0), ('2026-01-02', 'a', 2, 0)"
    assert check(engine, "reconciles_with: {metric: counted}", rows).status == "passed"
    engine.run("DROP TABLE bookings")
    engine.run("DROP TABLE counts")
    found = check(engine, "reconciles_with: {metric: counted}", rows.replace("3", "1"))
    assert found.message == "`booked` differs from `counted`: in total, 3 and 5"


def test_a_metric_that_is_no_number_has_no_bounds(engine: Engine) -> None:
    found = check(engine, "reconciles_with: {metric: started}", "('2026-01-01', 'a', 1, 0)")
    assert found.status == "error"
    assert found.message == "`started` is no number, which its contract needs"


RUNNING = """
models:
  - name: bookings
    semantic_model: true
    agg_time_dimension: booked_on
    columns:
      - {name: id, entity: {type: primary, name: booking}}
      - {name: booked_on, granularity: day, dimension: time}
      - {name: kind, dimension: categorical}
    metrics:
      - {name: booked, agg: sum, expr: amount}
      - {name: most, agg: max, expr: amount}
      - name: running
        type: cumulative
        input_metric: INPUT
        window: 2 days
        contracts: {CONTRACT}
"""
WINDOWS = """
    SELECT 1 AS id, DATE '2026-01-01' AS booked_on, 'a' AS kind, 3 AS amount
    UNION ALL SELECT 2, DATE '2026-01-02', 'b', -4 UNION ALL SELECT 3, DATE '2026-01-03', 'a', 5
"""


@pytest.mark.parametrize(
    ("measure", "contract", "message"),
    [
        ("booked", "sums_to: {dimension: booking__kind}", ""),
        (
            "most",
            "sums_to: {dimension: booking__kind}",
            "parts of `running` by `booking__kind` do not add up in 2 of 3 days, as 2026-01-02: "
            "-1, and the total is 3",
        ),
        (
            "booked",
            "never_negative: true",
            "`running` is below 0: in 1 of 3 days, as 2026-01-02 (-1)",
        ),
        ("booked", "between: [-1, 3]", ""),
        (
            "booked",
            "monotone: true",
            "`running` falls in 1 of 3 days, as 2026-01-02 (3 to -1)",
        ),
        (
            "booked",
            "reconciles_with: {metric: booked}",
            "`running` differs from `booked`: in 2 of 3 days, as 2026-01-02: -1 and -4, "
            "2026-01-03: 1 and 5",
        ),
    ],
)
def test_a_metric_that_has_values_in_periods_only_keeps_its_contracts_there(
    engine: Engine, measure: str, contract: str, message: str
) -> None:
    """Sums over two days are 3, -1 and 1; the largest amounts 3, 3 and 5."""
    definitions = RUNNING.replace("INPUT", measure).replace("CONTRACT", contract)
    (found,) = engine.project(definitions, tables={"bookings": WINDOWS}).test()
    assert (found.message, found.status) == (message, "failed" if message else "passed")
