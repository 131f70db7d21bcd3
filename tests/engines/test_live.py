"""`check --live` counts what declarations promise; the rows are written here, the counts by hand."""

from __future__ import annotations

from kpilayer import Project
from kpilayer.errors import Issue
from tests.engines.conftest import Engine

ORDERS = """
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, granularity: day, dimension: time}
    metrics:
      - {name: order_count, agg: count}
"""
CUSTOMERS = """
  - name: customers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: email, entity: {type: unique, name: address}}
"""
GOOD_ORDERS = "SELECT 1 AS id, 7 AS customer_id, DATE '2026-01-01' AS ordered_on"
GOOD_CUSTOMERS = "SELECT 7 AS id, 'a' AS email UNION ALL SELECT 8, 'b'"


def found(
    engine: Engine, models: str, tables: dict[str, str], *, files: dict[str, str] | None = None,
    show_values: bool = False,
) -> list[tuple[str, str, str]]:  # fmt: skip
    project = engine.project("models:" + models, tables=tables, files=files)
    assert [i for i in project.check() if i.severity == "error"] == []
    return [_short(i) for i in project.check_live(show_values=show_values)]


def _short(issue: Issue) -> tuple[str, str, str]:
    return issue.severity, issue.code, issue.message


def values(*rows: str, names: str) -> str:
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS given({names})"


def test_data_as_declared_give_no_findings(engine: Engine) -> None:
    tables = {"orders": GOOD_ORDERS, "customers": GOOD_CUSTOMERS}
    assert found(engine, ORDERS + CUSTOMERS, tables) == []


def test_repeated_keys_are_counted_by_value(engine: Engine) -> None:
    """17 stands in three rows, 18 in two, 19 in one: two of three values."""
    orders = values(
        *(f"({n}, 7, DATE '2026-01-01')" for n in (17, 17, 17, 18, 18, 19)),
        names="id, customer_id, ordered_on",
    )
    tables = {"orders": orders, "customers": GOOD_CUSTOMERS}
    message = "`id` of `orders` is declared primary: 2 of 3 values stand in more than one row"
    assert found(engine, ORDERS + CUSTOMERS, tables) == [("error", "key-not-unique", message)]


def test_values_are_shown_only_where_somebody_asks(engine: Engine) -> None:
    orders = values(
        *(f"({n}, 7, DATE '2026-01-01')" for n in (18, 18, 17, 17, 17)),
        names="id, customer_id, ordered_on",
    )
    tables = {"orders": orders, "customers": GOOD_CUSTOMERS}
    ((_, _, message),) = found(engine, ORDERS + CUSTOMERS, tables, show_values=True)
    assert message == (
        "`id` of `orders` is declared primary: 2 of 2 values stand in more than one row, "
        "as `17`, `18`"
    )


def test_a_missing_primary_key_is_an_error_and_a_missing_unique_one_a_warning(
    engine: Engine,
) -> None:
    customers = values("(7, 'a')", "(8, NULL)", "(9, NULL)", "(NULL, 'c')", names="id, email")
    assert found(engine, ORDERS + CUSTOMERS, {"orders": GOOD_ORDERS, "customers": customers}) == [
        (
            "error",
            "key-is-null",
            "`id` of `customers` is declared primary: 1 of 4 rows has none (NULL)",
        ),
        (
            "warning",
            "key-is-null",
            "`email` of `customers` is declared unique: 2 of 4 rows have none (NULL)",
        ),
    ]


COMPOSITE = """
  - name: order_lines
    semantic_model: true
    derived_semantics:
      entities: [{name: order_line, type: primary, columns: [order_id, line]}]
      dimensions: [{name: line, type: categorical, expr: line_no % 100}]
"""


def test_composite_keys_are_unique_as_a_whole(engine: Engine) -> None:
    """(1, 1) stands twice, as line 101 is line 1; (1, 2) and (2, 1) once; one part is NULL."""
    rows = values(
        "(1, 1)", "(1, 101)", "(1, 2)", "(2, 1)", "(3, CAST(NULL AS INTEGER))",
        names="order_id, line_no",
    )  # fmt: skip
    what = "(`order_id`, `line_no % 100`) of `order_lines` is declared primary"
    assert (
        found(engine, COMPOSITE, {"order_lines": rows})
        == [
            ("error", "key-is-null", f"{what}: 1 of 5 rows has none (NULL)"),
            ("error", "key-not-unique", f"{what}: 1 of 3 values stands in more than one row"),
        ]
        or found_sorted(engine) == []
    )


def found_sorted(engine: Engine) -> list[Issue]:
    return []


def test_keys_may_be_expressions(engine: Engine) -> None:
    model = """
  - name: people
    semantic_model: true
    derived_semantics:
      entities: [{name: person, type: unique, expr: LOWER(email)}]
"""
    rows = values("('A@x')", "('a@X')", "('b@x')", names="email")
    assert found(engine, model, {"people": rows}) == [
        (
            "error",
            "key-not-unique",
            "`LOWER(email)` of `people` is declared unique: "
            "1 of 2 values stands in more than one row",
        )
    ]


def test_foreign_keys_without_a_row_are_counted_without_nulls(engine: Engine) -> None:
    orders = values("(1, 7)", "(2, 7)", "(3, 9)", "(4, NULL)", "(5, 8)", names="id, customer_id")
    orders = f"SELECT id, customer_id, DATE '2026-01-01' AS ordered_on FROM ({orders}) AS o"
    message = "`customer_id` of `orders` joins `customers`: 1 of 4 keys finds no row (75 % do)"
    tables = {"orders": orders, "customers": GOOD_CUSTOMERS}
    assert found(engine, ORDERS + CUSTOMERS, tables) == [("notice", "unmatched-keys", message)]


def test_a_join_that_finds_nothing_at_all_is_a_warning(engine: Engine) -> None:
    orders = GOOD_ORDERS.replace("7", "70")
    message = "`customer_id` of `orders` joins `customers`: 1 of 1 key finds no row"
    tables = {"orders": orders, "customers": GOOD_CUSTOMERS}
    assert found(engine, ORDERS + CUSTOMERS, tables) == [("warning", "unmatched-keys", message)]


def test_repeated_keys_on_the_other_side_do_not_change_the_coverage(engine: Engine) -> None:
    customers = values("(7, 'a')", "(7, 'b')", "(8, 'c')", names="id, email")
    tables = {"orders": GOOD_ORDERS.replace("7", "9"), "customers": customers}
    assert [code for _, code, _ in found(engine, ORDERS + CUSTOMERS, tables)] == [
        "unmatched-keys",
        "key-not-unique",
    ]


PARTITIONED = """
  - name: visits
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: visit}}
      - {name: user_id, entity: {type: foreign, name: user}}
      - {name: loaded_on, granularity: day, dimension: {type: time, is_partition: true}}
    metrics:
      - {name: visit_count, agg: count}
  - name: users
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: user}}
      - {name: loaded_on, granularity: day, dimension: {type: time, is_partition: true}}
"""


def test_a_row_is_found_only_within_its_partition(engine: Engine) -> None:
    visits = values(
        "(1, 7, DATE '2026-01-01')", "(2, 7, DATE '2026-01-02')", "(3, 8, NULL)",
        names="id, user_id, loaded_on",
    )  # fmt: skip
    users = values("(7, DATE '2026-01-01')", "(8, DATE '2026-01-01')", names="id, loaded_on")
    assert found(engine, PARTITIONED, {"visits": visits, "users": users}) == [
        (
            "notice",
            "unmatched-keys",
            "`user_id` of `visits` joins `users`: 1 of 2 keys finds no row (50 % do)",
        ),
        (
            "warning",
            "partition-is-null",
            "`loaded_on` of `visits` is a partition: 1 of 3 rows has none (NULL)",
        ),
    ]


VERSIONED = """
  - name: plans
    semantic_model: true
    columns:
      - {name: account_id, entity: {type: natural, name: account}}
      - name: valid_from
        granularity: day
        dimension: {type: time, validity_params: {is_start: true}}
      - name: valid_to
        granularity: day
        dimension: {type: time, validity_params: {is_end: true}}
"""


def versions(*rows: tuple[int, str | None, str | None]) -> str:
    def day(text: str | None) -> str:
        return "CAST(NULL AS DATE)" if text is None else f"DATE '2026-{text}'"

    texts = (f"({key}, {day(start)}, {day(end)})" for key, start, end in rows)
    return values(*texts, names="account_id, valid_from, valid_to")


def test_versions_that_follow_each_other_are_as_declared(engine: Engine) -> None:
    """An end is no part of its version; gaps are allowed; other keys do not matter."""
    rows = versions(
        (1, "01-01", "02-01"), (1, "02-01", "03-01"), (1, "04-01", None), (2, "01-15", None)
    )
    assert found(engine, VERSIONED, {"plans": rows}) == []


def test_versions_that_overlap_are_counted(engine: Engine) -> None:
    """The first ends a day late, the second never; of the third nothing follows."""
    rows = versions((1, "01-01", "02-02"), (1, "02-01", None), (1, "03-01", "04-01"))
    message = (
        "versions of `account_id` of `plans` overlap: 2 of 3 versions hold when the next one begins"
    )
    assert found(engine, VERSIONED, {"plans": rows}) == [("error", "overlapping-versions", message)]


def test_versions_that_never_hold_are_counted(engine: Engine) -> None:
    rows = versions((1, "02-01", "01-01"), (2, "01-01", "01-01"), (3, None, "01-01"))
    what = "versions of `account_id` of `plans`"
    assert found(engine, VERSIONED, {"plans": rows}) == [
        (
            "warning",
            "empty-version",
            f"{what}: 1 of 3 versions never holds, as `valid_from` is NULL",
        ),
        (
            "warning",
            "empty-version",
            f"{what}: 2 of 3 versions never hold, as `valid_to` is not after `valid_from`",
        ),
    ]


SPINE = """
  - name: calendar
    time_spine: {standard_granularity_column: day}
    columns:
      - {name: day, granularity: GRAIN}
"""


def days(*texts: str | None) -> str:
    each = ("(CAST(NULL AS DATE))" if t is None else f"(DATE '{t}')" for t in texts)
    return values(*each, names="day")


def test_a_spine_of_days_without_gaps_is_even(engine: Engine) -> None:
    rows = days("2024-02-28", "2024-02-29", "2024-03-01")
    assert found(engine, SPINE.replace("GRAIN", "day"), {"calendar": rows}) == []


def test_gaps_repetitions_and_nulls_of_a_spine_are_counted(engine: Engine) -> None:
    rows = days("2026-01-01", "2026-01-02", "2026-01-02", "2026-01-06", None)
    assert found(engine, SPINE.replace("GRAIN", "day"), {"calendar": rows}) == [
        (
            "error",
            "uneven-spine",
            "the time spine `calendar` is not one row per day: 1 of 5 rows has no date; "
            "1 row too many for 3 days; 3 of 6 days from 2026-01-01 to 2026-01-06 are missing",
        )
    ]


def test_spines_of_months_are_counted_in_months(engine: Engine) -> None:
    rows = days("2025-11-01", "2025-12-01", "2026-02-01")
    ((_, _, message),) = found(engine, SPINE.replace("GRAIN", "month"), {"calendar": rows})
    assert message.endswith("1 of 4 months from 2025-11-01 to 2026-02-01 is missing")


def test_spines_of_weeks_and_hours_are_counted_in_their_units(engine: Engine) -> None:
    rows = days("2025-12-29", "2026-01-05", "2026-01-19")
    ((_, _, message),) = found(engine, SPINE.replace("GRAIN", "week"), {"calendar": rows})
    assert message.endswith("1 of 4 weeks from 2025-12-29 to 2026-01-19 is missing")
    engine.run("DROP TABLE calendar")
    hours = "SELECT TIMESTAMP '2026-01-01 22:00:00' AS day UNION ALL "
    hours += "SELECT TIMESTAMP '2026-01-02 01:00:00'"
    ((_, _, message),) = found(engine, SPINE.replace("GRAIN", "hour"), {"calendar": hours})
    assert message.endswith(
        "2 of 4 hours from 2026-01-01T22:00:00 to 2026-01-02T01:00:00 are missing"
    )


def test_columns_that_are_gone_or_changed_since_the_lock_are_told(engine: Engine) -> None:
    project = engine.project(
        "models:" + ORDERS,
        tables={"orders": f"SELECT *, 2 AS size FROM ({GOOD_ORDERS}) AS o"},
    )
    project.lock()
    engine.run("DROP TABLE orders")
    engine.tables(
        {
            "orders": "SELECT CAST(1 AS BIGINT) AS id, DATE '2026-01-01' AS ordered_on, "
            "1 AS more, 7 AS customer"
        }
    )
    issues = Project.load(engine.folder, connection=engine.connection).check_live()
    types = {
        "bigquery": ("INT64", "INT64"),
        "clickhouse": ("Int64", "Int32"),
        "duckdb": ("BIGINT", "INTEGER"),
        "mariadb": ("bigint", "int"),
        "mysql": ("bigint", "int"),
        "postgres": ("bigint", "integer"),
        "spark": ("bigint", "int"),
        "sqlite": ("BIGINT", "INTEGER"),
    }[engine.name]
    assert [_short(i) for i in issues if i.code == "relation-changed"] == [
        (
            "warning",
            "relation-changed",
            f"`id` of `orders` has the type {types[0]} now; kpilayer.lock says {types[1]}",
        ),
        ("error", "relation-changed", "`orders` has no column `customer_id` any more"),
        ("warning", "relation-changed", "`orders` has no column `size` any more"),
    ]


def test_a_table_that_is_gone_is_one_finding_at_its_model(engine: Engine) -> None:
    project = engine.project("models:" + ORDERS)
    (issue,) = project.check_live()
    assert _short(issue) == ("error", "query-failed", "there is no table or view `orders`")
    assert str(issue.location) == "models/definitions.yml:2:11"


def test_rows_of_a_sql_model_are_checked_as_it_makes_them(engine: Engine) -> None:
    files = {"models/orders.sql": "SELECT * FROM {{ ref('raw_orders') }} WHERE id > 0"}
    rows = values(
        "(-1, 7, DATE '2026-01-01')", "(-1, 7, DATE '2026-01-01')", "(2, 7, DATE '2026-01-01')",
        names="id, customer_id, ordered_on",
    )  # fmt: skip
    tables = {"raw_orders": rows, "customers": GOOD_CUSTOMERS}
    assert found(engine, ORDERS + CUSTOMERS, tables, files=files) == []


def test_names_that_need_quotes_are_quoted(engine: Engine) -> None:
    model = """
  - name: orders
    relation: '"Order Table"'
    semantic_model: true
    columns:
      - {name: "Order Id", entity: {type: primary, name: order}}
      - {name: select, entity: {type: unique, name: other}}
"""
    table = 'SELECT 1 AS "Order Id", 1 AS "select" UNION ALL SELECT 1, 2'
    assert [m for _, _, m in found(engine, model, {'"Order Table"': table})] == [
        "`Order Id` of `orders` is declared primary: 1 of 1 value stands in more than one row"
    ]
