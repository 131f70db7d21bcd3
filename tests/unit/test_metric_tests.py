"""Metric tests run on the rows that they give, and on no others."""

from __future__ import annotations

from typing import Any

import pytest

from kpilayer import Project
from kpilayer.plan import answerable
from kpilayer.verify.outcome import Difference, Outcome
from tests.conftest import Define

MODELS = """
models:
  - name: orders
    semantic_model: true
    relation: sales.order_lines
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
  - name: customers
    semantic_model: true
    path: data/customers.csv
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: country, dimension: categorical}
"""
METRICS = """
metrics:
  - {name: order_count, model: orders, agg: count}
  - name: revenue
    model: orders
    agg: sum
    expr: amount
    filter: "{{ Dimension('order__status') }} <> 'cancelled'"
    metric_tests:
"""


@pytest.fixture
def run(define: Define) -> Any:
    """Runs one metric test of `revenue`, written as YAML."""

    def outcome(test: str, *, files: dict[str, str] | None = None, models: str = MODELS) -> Outcome:
        lines = "\n".join(f"        {line}" for line in test.strip().splitlines())
        metrics = f"{METRICS}      - name: a test\n{lines}\n"
        project = define(models, files={"metrics/m.yml": metrics, **(files or {})})
        problems = [i for i in project.check() if i.severity == "error"]
        assert not problems
        (found,) = project.test()
        return found

    return outcome


def test_rows_that_come_out_as_expected_pass(run: Any) -> None:
    found = run("""
given:
  orders:
    - {id: 1, amount: 10, status: paid}
    - {id: 2, amount: 5, status: cancelled}
    - {id: 3, amount: 2.5, status: open}
expect: [{revenue: 12.5}]""")
    assert (found.kind, found.metric, found.name) == ("metric_test", "revenue", "a test")
    assert (found.status, found.message, found.differences) == ("passed", "", ())
    assert str(found.location) == "metrics/m.yml:10:15"


def test_a_cell_that_differs_is_named_with_both_values(run: Any) -> None:
    found = run("""
given: {orders: [{id: 1, amount: 10, status: paid}, {id: 2, amount: 1, status: open}]}
query: {group_by: order__status}
expect:
  - {order__status: open, revenue: 1}
  - {order__status: paid, revenue: 11}""")
    assert found.status == "failed"
    assert found.message == "1 of 2 rows differs"
    assert found.columns == ("order__status", "revenue")
    assert found.differences == (Difference(2, ("paid", 11), ("paid", 10), (1,)),)


def test_missing_rows_and_rows_too_many_are_told_apart(run: Any) -> None:
    found = run("""
given: {orders: [{id: 1, amount: 10, status: paid}, {id: 2, amount: 1, status: open}]}
query: {group_by: order__status}
expect:
  - {order__status: paid, revenue: 10}
  - {order__status: lost, revenue: 3}
  - {order__status: sent, revenue: 4}""")
    assert found.message == "3 of 3 rows differ: 3 expected, 2 in the answer"
    assert found.differences == (
        Difference(2, ("lost", 3), None),
        Difference(3, ("sent", 4), None),
        Difference(1, None, ("open", 1)),
    )


def test_rows_may_come_in_any_order_unless_the_question_orders_them(run: Any) -> None:
    given = "given: {orders: [{amount: 1, status: a}, {amount: 2, status: b}]}\n"
    expect = "expect: [{order__status: b, revenue: 2}, {order__status: a, revenue: 1}]"
    assert run(given + "query: {group_by: order__status}\n" + expect).status == "passed"
    upward = run(given + "query: {group_by: order__status, order_by: revenue}\n" + expect)
    assert [d.cells for d in upward.differences] == [(0, 1), (0, 1)]
    downward = run(given + "query: {group_by: order__status, order_by: -revenue}\n" + expect)
    assert downward.status == "passed"


def test_joined_models_are_given_rows_too_and_others_are_empty(run: Any) -> None:
    rows = (
        "orders: [{customer_id: 7, amount: 1, status: x}, {customer_id: 8, amount: 2, status: x}]"
    )
    query = "query: {group_by: customer__country}\n"
    joined = run(
        f"given: {{{rows}, customers: [{{id: 7, country: DE}}]}}\n{query}"
        "expect: [{customer__country: DE, revenue: 1}, {customer__country: null, revenue: 2}]"
    )
    assert joined.status == "passed"
    alone = run(f"given: {{{rows}}}\n{query}expect: [{{customer__country: null, revenue: 3}}]")
    assert alone.status == "passed"


def test_without_rows_a_sum_is_null_and_a_group_is_not_there(run: Any) -> None:
    assert run("expect: [{revenue: null}]").status == "passed"
    assert run("query: {group_by: metric_time}\nexpect: []").status == "passed"
    assert run("expect: [{revenue: 0}]").differences == (Difference(1, (0,), (None,), (0,)),)


def test_time_is_asked_for_and_compared_as_text(run: Any) -> None:
    found = run("""
given:
  orders:
    - {ordered_at: 2026-01-31, amount: 1, status: x}
    - {ordered_at: 2026-02-01T23:59:59, amount: 2, status: x}
    - {ordered_at: 2026-03-01, amount: 4, status: x}
    - {amount: 8, status: x}
query:
  group_by: ["TimeDimension('metric_time', 'month')"]
  start: 2026-01-01
  end: 2026-02-10
expect:
  - {metric_time__month: 2026-01-01, revenue: 1}
  - {metric_time__month: 2026-02-01, revenue: 2}""")
    assert found.differences == ()
    assert found.status == "passed"


def test_a_group_by_may_be_named_as_it_was_asked(run: Any) -> None:
    found = run("""
given: {orders: [{ordered_at: 2026-01-31, amount: 1, status: x}]}
query: {group_by: metric_time}
expect: [{Metric_Time: 2026-01-31, REVENUE: 1}]""")
    assert found.status == "passed"


def test_only_the_columns_that_are_expected_are_compared(run: Any) -> None:
    found = run("""
given: {orders: [{amount: 1, status: x}, {amount: 2, status: y}]}
query: {group_by: order__status, metrics: order_count}
expect: [{order_count: 1}, {order_count: 1}]""")
    assert found.status == "passed"


def test_conditions_of_the_question_are_those_of_the_language(run: Any) -> None:
    found = run("""
given: {orders: [{amount: 1, status: x}, {amount: 2, status: y}]}
query: {where: "{{ Dimension('order__status') }} = 'y'"}
expect: [{revenue: 2}]""")
    assert found.status == "passed"


def test_floating_point_numbers_may_differ_by_a_billionth(run: Any) -> None:
    given = "given: {orders: [{amount: 0.1, status: x}, {amount: 0.2, status: x}]}\n"
    assert run(given + "expect: [{revenue: 0.3}]").status == "passed"
    assert run(given + "expect: [{revenue: 0.3000001}]").status == "failed"


LOCK = """
dialect: postgres
relations:
  sales.order_lines:
    columns:
      id: {type: bigint}
      customer_id: {type: bigint}
      ordered_at: {type: timestamp without time zone}
      status: {type: character varying(20)}
      amount: {type: "numeric(14,2)"}
  data/customers.csv:
    columns:
      id: {type: bigint}
      country: {type: text}
"""


def test_types_are_those_of_the_lock(run: Any) -> None:
    """A DECIMAL keeps its two digits: 0.1 + 0.2 is 0.3 there, and 0.305 becomes 0.31."""
    found = run(
        "given: {orders: [{amount: 0.305, status: x}, {amount: 0.1, status: x}]}\n"
        "expect: [{revenue: 0.41}]",
        files={"kpilayer.lock": LOCK},
    )
    assert found.status == "passed"


def test_a_column_that_the_lock_does_not_know_is_an_error(run: Any) -> None:
    found = run(
        "given: {orders: [{amuont: 1, status: x}]}\nexpect: [{revenue: 1}]",
        files={"kpilayer.lock": LOCK},
    )
    assert found.status == "error"
    (issue,) = found.issues
    assert issue.code == "unknown-column"
    assert issue.message == "`orders` has no column `amuont`, which a row of `given` has"
    assert issue.hint == "did you mean `amount`?"


def test_what_is_not_there_is_an_error_that_suggests_what_is(run: Any) -> None:
    given = run("given: {order: [{id: 1}]}\nexpect: [{revenue: 1}]")
    assert given.status == "error"
    assert given.message == "no definition reads `order`, which has rows in `given`"
    assert given.issues[0].hint == "did you mean `orders`?"
    expected = run("expect: [{revenu: 1}]")
    assert expected.message == "`expect` names `revenu`, which is not in the answer"
    group = run("query: {group_by: order__staus}\nexpect: []")
    assert [i.code for i in group.issues] == ["unknown-dimension"]


def test_each_expected_row_names_the_same_columns(run: Any) -> None:
    found = run(
        "query: {group_by: order__status}\nexpect: [{order__status: a, revenue: 1}, {revenue: 2}]"
    )
    assert found.message == "row 2 of `expect` does not name `order__status`, which others do"


def test_expected_rows_name_something(run: Any) -> None:
    assert run("expect: [{}]").message == "the rows of `expect` name no column"


def test_a_value_that_its_column_cannot_hold_is_an_error(run: Any) -> None:
    found = run(
        "given: {orders: [{amount: ten, status: x}]}\nexpect: [{revenue: 1}]",
        files={"kpilayer.lock": LOCK},
    )
    assert found.status == "error"
    assert "ten" in found.message


# ------------------------------------------------------------------------------- where rows come from

SQL_MODEL = {
    "models/orders.sql": """
        WITH sums AS (SELECT id, SUM(amount) AS amount FROM {{ ref('lines') }} GROUP BY id)
        SELECT r.id, r.customer_id, r.ordered_at, r.status, s.amount
        FROM {{ source('raw', 'orders') }} AS r JOIN sums AS s ON s.id = r.id
    """
}


def test_a_sql_model_is_computed_from_what_it_reads(run: Any) -> None:
    found = run(
        "given:\n"
        "  lines: [{id: 1, amount: 2}, {id: 1, amount: 3}, {id: 2, amount: 100}]\n"
        "  raw.orders: [{id: 1, status: x}, {id: 2, status: cancelled}]\n"
        "expect: [{revenue: 5}]",
        models=MODELS.replace("    relation: sales.order_lines\n", ""),
        files=SQL_MODEL,
    )
    assert (found.status, found.message) == ("passed", "")


def test_rows_of_a_sql_model_may_be_given_themselves(run: Any) -> None:
    found = run(
        "given: {orders: [{id: 1, amount: 2, status: x}]}\nexpect: [{revenue: 2}]",
        models=MODELS.replace("    relation: sales.order_lines\n", ""),
        files=SQL_MODEL,
    )
    assert (found.status, found.message) == ("passed", "")


def test_two_models_of_one_table_share_its_rows(run: Any) -> None:
    models = (
        MODELS
        + """
  - name: shipments
    semantic_model: true
    relation: Sales.Order_Lines
    columns:
      - {name: id, entity: {type: primary, name: shipment}}
    metrics:
      - {name: shipped, agg: sum, expr: pieces}
"""
    )
    found = run(
        "given: {shipments: [{id: 1, amount: 2, pieces: 3, status: x}]}\n"
        "query: {metrics: shipped}\nexpect: [{revenue: 2, shipped: 3}]",
        models=models,
    )
    assert (found.status, found.message) == ("passed", "")
    both = run(
        "given: {shipments: [{id: 1}], orders: [{id: 1}]}\nexpect: [{revenue: 2}]", models=models
    )
    assert both.message == "`shipments` and `orders` are the same rows: give one of them"


SPINE = """
  - name: calendar
    relation: shared.calendar
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
"""
RUNNING = """
metrics:
  - {name: order_count, model: orders, agg: count}
  - name: orders_so_far
    type: cumulative
    input_metric: order_count
    metric_tests:
"""


@pytest.mark.parametrize("spine", ["", SPINE])
def test_gaps_are_filled_from_the_given_spine_or_a_generated_one(
    define: Define, spine: str
) -> None:
    tests = """
      - name: without a spine
        given: {orders: [{id: 1, ordered_at: 2026-01-01}, {id: 2, ordered_at: 2026-01-03}]}
        query: {group_by: metric_time, order_by: metric_time}
        expect:
          - {metric_time: 2026-01-01, orders_so_far: 1}
          - {metric_time: 2026-01-02, orders_so_far: 1}
          - {metric_time: 2026-01-03, orders_so_far: 2}
"""
    if spine:
        tests += """
      - name: with a spine
        given:
          orders: [{id: 1, ordered_at: 2026-01-01}, {id: 2, ordered_at: 2026-01-03}]
          calendar: [{day: 2026-01-02}, {day: 2026-01-04}]
        query: {group_by: metric_time, order_by: metric_time}
        expect:
          - {metric_time: 2026-01-02, orders_so_far: 1}
          - {metric_time: 2026-01-04, orders_so_far: 2}
"""
    project = define(MODELS + spine, files={"metrics/m.yml": RUNNING + tests})
    assert [(o.status, o.differences) for o in project.test() if not o.ok] == []


def test_nothing_but_the_given_rows_is_read(run: Any, tmp_path: Any) -> None:
    (tmp_path / "secret.csv").write_text("amount,status\n1,x\n", encoding="utf-8")
    found = run(
        "expect: [{revenue: 1}]",
        models=MODELS.replace("    relation: sales.order_lines\n", ""),
        files={"models/orders.sql": f"SELECT * FROM read_csv('{tmp_path}/secret.csv')"},
    )
    assert found.status == "error"
    assert "secret.csv" in found.message


def test_names_of_tables_may_be_any(define: Define) -> None:
    project = define("""
models:
  - name: orders
    semantic_model: true
    relation: '"My DB"."select"."Order.Lines"'
    columns:
      - {name: Order Id, entity: {type: primary, name: order}}
    metrics:
      - name: revenue
        agg: sum
        expr: '"Total Amount"'
        metric_tests:
          - name: quoted
            given: {orders: [{"Order Id": 1, "Total Amount": 4}]}
            expect: [{revenue: 4}]
""")
    assert [o.status for o in project.test()] == ["passed"]


def test_metric_tests_need_no_connection(tmp_path: Any) -> None:
    (tmp_path / "kpilayer.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(
        "shop: {target: dev, outputs: {dev: {type: snowflake, account: none, schema: s}}}"
    )
    (tmp_path / "models").mkdir()
    test = "      - {name: none, expect: [{revenue: null}]}\n"
    (tmp_path / "models" / "m.yml").write_text(MODELS)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "m.yml").write_text(METRICS + test)
    assert [o.status for o in Project.load(tmp_path).test()] == ["passed"]


def without_tides(graph: object, name: str, tree: object, keys: object) -> list[object]:
    """A kind that this version cannot compute, whichever these are."""
    message = f"`{name}` needs tides, which this version cannot compute"
    return [("not-supported-yet", message, None)] if name == "around" else []


def test_what_cannot_be_computed_yet_is_skipped(
    define: Define, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = (
        METRICS.replace("    metric_tests:\n", "")
        + """
  - name: around
    input_metric: revenue
    metric_tests: [{name: later, expect: []}]
"""
    )
    monkeypatch.setattr(answerable, "_reasons", without_tides)
    found = define(MODELS, files={"metrics/m.yml": metrics}).test("around")
    assert [(o.metric, o.status) for o in found] == [("around", "skipped")]
    assert "needs tides" in found[0].message


def test_the_selection_says_whose_tests_run(define: Define) -> None:
    test = "      - {name: none, expect: [{revenue: null}]}\n"
    project = define(MODELS, files={"metrics/m.yml": METRICS + test})
    assert [o.metric for o in project.test("revenue")] == ["revenue"]
    assert project.test("order_count") == ()
    assert project.test(kinds=["contract"]) == ()


def test_names_and_values_never_become_sql(define: Define) -> None:
    project = define("""
models:
  - name: orders
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: 'a"; DROP SCHEMA given CASCADE; --', dimension: {type: categorical, name: odd}}
    metrics:
      - name: order_count
        agg: count
        metric_tests:
          - name: odd
            given:
              orders:
                - {id: 1, 'a"; DROP SCHEMA given CASCADE; --': "'); DROP SCHEMA given CASCADE; --"}
            query: {group_by: order__odd}
            expect: [{order__odd: "'); DROP SCHEMA given CASCADE; --", order_count: 1}]
""")
    assert [(o.status, o.message) for o in project.test()] == [("passed", "")]


@pytest.mark.parametrize(
    ("written", "code", "message"),
    [
        ("contracts: {between: [2, 1]}", "bad-value", "lowest and the highest"),
        ("contracts: {sums_to: {}}", "missing-field", "names a `dimension`"),
        ("contracts: {sums_to: {dimension: order__staus}}", "unknown-dimension", "order__staus"),
        ("contracts: {reconciles_with: {metric: revnue}}", "unknown-metric", "`revnue`"),
        ("contracts: {never_negativ: true}", "unknown-field", "never_negativ"),
        ("metric_tests: [{name: x}]", "missing-field", "needs `expect`"),
        ("metric_tests: [{name: x, expect: [], query: {metrics: y}}]", "unknown-metric", "`y`"),
        ("metric_tests: [{name: x, expect: [], query: {groupby: y}}]", "unknown-field", "groupby"),
        ("metric_tests: [{name: x, expect: [], given: [1]}]", "bad-value", "given"),
    ],
)
def test_what_is_wrong_with_a_test_is_found_by_check(
    define: Define, written: str, code: str, message: str
) -> None:
    metrics = METRICS.replace("    metric_tests:", f"    {written}")
    issues = define(MODELS, files={"metrics/m.yml": metrics}).check()
    (issue,) = [i for i in issues if i.severity == "error"]
    assert issue.code == code
    assert message in issue.message
    assert issue.location is not None and issue.location.path == "metrics/m.yml"


def test_monotone_needs_a_time(define: Define) -> None:
    metrics = METRICS.replace("    metric_tests:", "    contracts: {monotone: true}")
    models = MODELS.replace("    agg_time_dimension: ordered_at\n", "")
    issues = define(models, files={"metrics/m.yml": metrics}).check()
    assert [i.code for i in issues if i.severity == "error"] == ["no-time-dimension"]
