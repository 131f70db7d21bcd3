"""Reaching to the many side: each row counts once per group (language.md P1-P4, P6).

The truth is hand-written SQL with correlated subqueries, which never join rows.
"""

from __future__ import annotations

from typing import Any

import pytest

from kpilayer import Project, QueryError

SHOP = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
  - name: order_lines
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: order_line}}
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: product_id, entity: {type: foreign, name: product}}
      - {name: size, dimension: categorical}
      - {name: quantity, dimension: categorical}
    derived_semantics:
      dimensions:
        - {name: kind, type: categorical, expr: "'line'"}
  - name: parcels
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: parcel}}
      - {name: line_id, entity: {type: foreign, name: order_line}}
      - {name: carrier, dimension: categorical}
  - name: payments
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: payment}}
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: refund_of, entity: {type: foreign, name: refunded, to: order}}
      - {name: method, dimension: categorical}
  - name: products
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: product}}
      - {name: colour, dimension: categorical}
  - name: customers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: country, dimension: categorical}
metrics:
  - {name: orders, model: orders, agg: count}
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: average_order, model: orders, agg: average, expr: amount}
  - {name: middle_order, model: orders, agg: median, expr: amount}
  - {name: buyers, model: orders, agg: count_distinct, expr: customer_id}
  - {name: open_revenue, input_metric: revenue, filter: "{{ Dimension('order__status') }} = 'open'"}
  - {name: large_orders, input_metric: orders, filter: "{{ Dimension('order_line__size') }} = 'L'"}
  - {name: large_revenue, input_metric: revenue, filter: "{{ Dimension('order_line__size') }} = 'L'"}
  - {name: open_share, type: ratio, numerator: open_revenue, denominator: revenue}
  - {name: large_share, type: ratio, numerator: large_revenue, denominator: revenue}
  - {name: lines, model: order_lines, agg: count}
  - {name: customers, model: customers, agg: count}
"""
ROWS = {
    "orders": """SELECT * FROM (VALUES
        (1, 1, DATE '2024-01-01', 'open', 10), (2, 1, DATE '2024-01-02', 'done', 10),
        (3, 2, DATE '2024-02-01', 'open', 7), (4, NULL, DATE '2024-02-01', NULL, NULL),
        (5, 3, NULL, 'done', 1)
        ) AS t(id, customer_id, ordered_on, status, amount)""",
    "order_lines": """SELECT * FROM (VALUES
        (11, 1, 100, 'L', 1), (12, 1, 100, 'L', 2), (13, 1, 200, 'S', 3), (14, 2, 100, 'L', 4),
        (15, 2, NULL, NULL, 5), (16, 3, 300, 'S', 6), (17, NULL, 200, 'L', 7)
        ) AS t(id, order_id, product_id, size, quantity)""",
    "parcels": """SELECT * FROM (VALUES
        (1, 11, 'dhl'), (2, 11, 'ups'), (3, 13, 'dhl'), (4, 14, 'dhl'), (5, 16, NULL)
        ) AS t(id, line_id, carrier)""",
    "payments": """SELECT * FROM (VALUES
        (1, 1, NULL, 'card'), (2, 1, NULL, 'cash'), (3, 2, 1, 'card'), (4, 3, 3, 'cash')
        ) AS t(id, order_id, refund_of, method)""",
    "products": "SELECT * FROM (VALUES (100, 'red'), (200, 'blue')) AS t(id, colour)",
    "customers": "SELECT * FROM (VALUES (1, 'DE'), (2, 'FR'), (4, 'IT')) AS t(id, country)",
}
#: Every pair of an order and what stands in its group, orders without a line with NULL.
SIZES = (
    """(SELECT DISTINCT o.*, l.size FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id)"""
)


@pytest.fixture
def shop(engine: Any) -> Project:
    found: Project = engine.project(SHOP, tables=ROWS)
    assert [str(i) for i in found.check() if i.severity == "error"] == []
    return found


def ask(project: Project, metrics: Any, group_by: Any = None, where: Any = None) -> Any:
    return [tuple(map(_plain, r)) for r in project.query(metrics, group_by, where).rows()]


def _plain(value: Any) -> Any:
    return int(value) if type(value).__name__ == "Decimal" and value == int(value) else value


def groups(engine: Any, key: str, value: str, where: str = "TRUE") -> Any:
    """For each value that the lines of any order have: a subquery over orders that have it."""
    return engine.rows(
        f"""SELECT k.{key}, (SELECT {value} FROM orders o WHERE {where} AND (
                EXISTS (SELECT 1 FROM order_lines l LEFT JOIN products p ON p.id = l.product_id
                        WHERE l.order_id = o.id AND {key} IS NOT DISTINCT FROM k.{key})
                OR (k.{key} IS NULL AND NOT EXISTS
                    (SELECT 1 FROM order_lines l WHERE l.order_id = o.id))))
            FROM (SELECT DISTINCT {key} FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
                  LEFT JOIN products p ON p.id = l.product_id WHERE {where}) k
            ORDER BY 1 NULLS LAST"""
    )


# ----------------------------------------------------------------------------------- P3: groups


@pytest.mark.statement("P3")
@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("orders", "COUNT(*)"),
        ("revenue", "SUM(amount)"),
        ("buyers", "COUNT(DISTINCT customer_id)"),
        ("average_order", "AVG(CAST(amount AS DOUBLE PRECISION))"),
        ("middle_order", "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY amount)"),
    ],
)
@pytest.mark.parametrize(
    ("address", "key"), [("order_line__size", "size"), ("product__colour", "colour")]
)
def test_a_row_counts_once_in_each_group_of_its_many_side(
    shop: Project, engine: Any, metric: str, value: str, address: str, key: str
) -> None:
    found = ask(shop, metric, address)
    truth = groups(engine, key, value)
    assert [r[0] for r in found] == [r[0] for r in truth]
    assert [r[1] for r in found] == pytest.approx([r[1] for r in truth])


@pytest.mark.statement("P3")
def test_two_lines_in_one_group_are_one_order(shop: Project) -> None:
    # L: orders 1, 2; S: orders 1, 3; NULL: order 2 by a line without size, 4 and 5 without lines.
    assert ask(shop, ["orders", "revenue"], "order_line__size") == [
        ("L", 2, 20),
        ("S", 2, 17),
        (None, 3, 11),
    ]


@pytest.mark.statement("P3")
def test_equal_rows_with_different_keys_are_different(shop: Project) -> None:
    """Orders 1 and 2 have the same amount: it counts twice."""
    assert ask(shop, "revenue", "order_line__size", "order_line__size = 'L'") == [("L", 20)]


@pytest.mark.statement("P3")
def test_conditional_aggregations_keep_their_conditions(shop: Project) -> None:
    found = ask(shop, ["revenue", "open_revenue", "open_share"], "order_line__size")
    assert found == [("L", 20, 10, 0.5), ("S", 17, 17, 1.0), (None, 11, None, None)]


@pytest.mark.statement("P3")
def test_the_result_says_that_groups_overlap(shop: Project) -> None:
    result = shop.query("revenue", ["order_line__size", "order__status"])
    assert result.overlapping
    assert [n.code for n in result.notices] == ["overlapping-groups"]
    assert "`order_line__size`" in result.notices[0].message
    plain = shop.query("revenue", "order__status")
    assert not plain.overlapping and not plain.notices


@pytest.mark.statement("P3")
def test_groups_of_two_many_sides_are_pairs(shop: Project, engine: Any) -> None:
    truth = engine.rows(
        """SELECT size, method, COUNT(*), SUM(amount) FROM (
             SELECT DISTINCT o.id, o.amount, l.size, p.method FROM orders o
             LEFT JOIN order_lines l ON l.order_id = o.id
             LEFT JOIN payments p ON p.order_id = o.id) t
           GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2 NULLS LAST"""
    )
    names = ["order_line__size", "order__payment__method"]
    assert ask(shop, ["orders", "revenue"], names) == truth


@pytest.mark.statement("P3")
def test_groups_two_steps_down(shop: Project) -> None:
    # dhl: lines 11, 13 of order 1, 14 of order 2; ups: order 1; NULL: the others and lines without.
    assert ask(shop, "orders", "parcel__carrier") == [("dhl", 2), ("ups", 1), (None, 5)]


@pytest.mark.statement("P3")
def test_customers_by_what_their_orders_hold(shop: Project) -> None:
    # red: customer 1; blue: 1; NULL: 1 (line 15), 2 (a product that is not there), 4 (no order).
    assert ask(shop, "customers", "product__colour") == [("blue", 1), ("red", 1), (None, 3)]


@pytest.mark.statement("P3")
def test_a_missing_row_of_the_many_side_has_no_values(shop: Project) -> None:
    assert ask(shop, "orders", "order_line__kind") == [("line", 3), (None, 2)]


@pytest.mark.statement("P3")
def test_a_model_without_a_primary_key_is_refused(define: Any) -> None:
    text = SHOP.replace(
        "{name: id, entity: {type: primary, name: order}}",
        "{name: id, entity: {type: unique, name: order}}",
    )
    with pytest.raises(QueryError, match="no-primary-key"):
        define(text).compile("orders", "order_line__size")


@pytest.mark.statement("P3")
def test_a_composite_primary_key_tells_rows_apart(engine: Any) -> None:
    project = engine.project(
        """
        models:
          - name: seats
            semantic_model: true
            derived_semantics:
              entities: [{name: seat, type: primary, columns: [hall, number]}]
          - name: tickets
            semantic_model: true
            columns:
              - {name: id, entity: {type: primary, name: ticket}}
              - {name: day, dimension: {type: categorical, name: sold_for}}
            derived_semantics:
              entities: [{name: seat, type: foreign, columns: [hall, number]}]
        metrics:
          - {name: seats, model: seats, agg: count}
          - {name: worth, model: seats, agg: sum, expr: price}
        """,
        tables={
            "seats": "SELECT * FROM (VALUES ('A', 1, 5), ('A', 2, 5), ('B', 1, 5)) AS t(hall, number, price)",
            "tickets": """SELECT * FROM (VALUES (1, 'A', 1, 'mon'), (2, 'A', 1, 'mon'), (3, 'A', 2, 'mon'),
                (4, 'A', NULL, 'tue')) AS t(id, hall, number, day)""",
        },
    )
    found = ask(project, ["seats", "worth"], "ticket__sold_for")
    assert found == [("mon", 2, 10), (None, 1, 5)]


@pytest.mark.statement("P3")
def test_fan_out_can_be_forbidden(define: Any) -> None:
    project = define(SHOP, files={"kpilayer.yml": "name: shop\nfanout: refuse\n"})
    codes = {i.code for i in project.check() if i.severity == "error"}
    assert codes == {"fan-out-join"}  # large_orders and others filter by lines
    plain = "\n".join(line for line in SHOP.splitlines() if "large_" not in line)
    project = define(plain, files={"kpilayer.yml": "name: shop\nfanout: refuse\n"})
    for asked in ({"group_by": "order_line__size"}, {"where": "order_line__size = 'L'"}):
        with pytest.raises(QueryError, match="fan-out-join"):
            project.compile("orders", **asked)


# ---------------------------------------------------------------------------------- P1, P2: paths


@pytest.mark.statement("P1")
def test_up_and_then_down_is_no_path(shop: Project) -> None:
    """Payments and lines have nothing to do with each other but their order."""
    with pytest.raises(QueryError, match="no-join-path"):
        shop.compile("lines", "payment__method")
    with pytest.raises(QueryError, match="no-join-path"):
        shop.compile("lines", "order__payment__method")


@pytest.mark.statement("P2")
def test_two_ways_down_are_named_and_each_can_be_asked_for(shop: Project, engine: Any) -> None:
    with pytest.raises(QueryError, match="ambiguous-join") as refused:
        shop.compile("orders", "payment__method")
    [issue] = refused.value.issues
    assert "`order__payment__method` (orders → payments)" in issue.message
    assert "`refunded__payment__method` (orders → payments)" in issue.message
    assert ask(shop, "orders", "order__payment__method") == [("card", 2), ("cash", 2), (None, 2)]
    assert ask(shop, "orders", "refunded__payment__method") == [("card", 1), ("cash", 1), (None, 3)]
    both = ["order__payment__method", "refunded__payment__method"]
    truth = engine.rows(
        """SELECT p.method, r.method, COUNT(DISTINCT o.id) FROM orders o
           LEFT JOIN payments p ON p.order_id = o.id LEFT JOIN payments r ON r.refund_of = o.id
           GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2 NULLS LAST"""
    )
    assert ask(shop, "orders", both) == truth


PREFERENCES = """
models:
  - name: orders
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: first_line, entity: {type: foreign, name: first_line, to: order_line}}
  - name: order_lines
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: order_line}}
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: size, dimension: categorical}
metrics:
  - {name: orders, model: orders, agg: count}
"""


@pytest.mark.statement("P2")
def test_a_path_up_comes_before_one_down_unless_that_is_given_in_full(engine: Any) -> None:
    project = engine.project(
        PREFERENCES,
        tables={
            "orders": "SELECT * FROM (VALUES (1, 11), (2, NULL)) AS t(id, first_line)",
            "order_lines": "SELECT * FROM (VALUES (11, 1, 'L'), (12, 1, 'S'), (13, 2, 'S')) AS t(id, order_id, size)",
        },
    )
    first = [("L", 1), (None, 1)]
    assert ask(project, "orders", "first_line__size") == first
    assert ask(project, "orders", "order_line__size") == first
    assert not project.query("orders", "order_line__size").overlapping
    assert ask(project, "orders", "order__order_line__size") == [("L", 1), ("S", 2)]


@pytest.mark.statement("P2")
@pytest.mark.statement("P4")
def test_a_name_is_resolved_for_each_metric(shop: Project) -> None:
    """One name works from both sides: its model's own for lines, down for orders."""
    found = ask(shop, ["lines", "orders"], "order_line__size")
    assert found == [("L", 4, 2), ("S", 2, 2), (None, 1, 3)]


BRIDGE = """
models:
  - name: transfers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: transfer}}
      - {name: account_id, entity: {type: foreign, name: account}}
  - name: accounts
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: account}}
      - {name: branch, dimension: categorical}
  - name: holders
    semantic_model: true
    bridge: true
    primary_entity: holder
    columns:
      - {name: account_id, entity: {type: foreign, name: account}}
      - {name: person_id, entity: {type: foreign, name: person}}
      - {name: role, dimension: categorical}
  - name: people
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: person}}
      - {name: city, dimension: categorical}
metrics:
  - {name: transferred, model: transfers, agg: sum, expr: amount}
  - {name: accounts, model: accounts, agg: count}
"""
BRIDGE_ROWS = {
    "transfers": """SELECT * FROM (VALUES (1, 10, 5), (2, 10, 5), (3, 20, 3), (4, 30, 2), (5, NULL, 1)
        ) AS t(id, account_id, amount)""",
    "accounts": "SELECT * FROM (VALUES (10, 'north'), (20, 'north'), (30, 'south')) AS t(id, branch)",
    "holders": """SELECT * FROM (VALUES (10, 1, 'owner'), (10, 2, 'owner'), (10, 3, 'proxy'),
        (20, 1, 'owner'), (NULL, 3, 'owner')) AS t(account_id, person_id, role)""",
    "people": "SELECT * FROM (VALUES (1, 'Ulm'), (2, 'Ulm'), (3, 'Rom')) AS t(id, city)",
}


@pytest.mark.statement("P1")
def test_a_bridge_is_crossed_between_many_and_many(engine: Any) -> None:
    project = engine.project(BRIDGE, tables=BRIDGE_ROWS)
    assert [str(i) for i in project.check() if i.severity == "error"] == []
    # Ulm holds accounts 10 (twice, by 1 and 2) and 20; Rom 10; nobody 30 and the one without.
    assert ask(project, "transferred", "person__city") == [("Rom", 10), ("Ulm", 13), (None, 3)]
    assert ask(project, "transferred", "holder__role") == [("owner", 13), ("proxy", 10), (None, 3)]
    assert ask(project, "accounts", "person__city") == [("Rom", 1), ("Ulm", 2), (None, 1)]
    assert ask(project, "transferred", where="person__city = 'Ulm'") == [(13,)]
    assert project.query("transferred", "person__city").overlapping


@pytest.mark.statement("P2")
def test_a_bridge_is_entered_by_the_role_that_is_named(engine: Any) -> None:
    roles = "{name: payer_id, entity: {type: foreign, name: payer, to: account}}\n"
    roles += "      - {name: payee_id, entity: {type: foreign, name: payee, to: account}}"
    own = "{name: account_id, entity: {type: foreign, name: account}}"
    rows = (
        "SELECT * FROM (VALUES (1, 10, 20, 5), (2, 20, 30, 3)) AS t(id, payer_id, payee_id, amount)"
    )
    project = engine.project(
        BRIDGE.replace(own, roles, 1), tables=BRIDGE_ROWS | {"transfers": rows}
    )
    by_payer = ask(project, "transferred", "payer__holder__role")
    assert by_payer == [("owner", 8), ("proxy", 5)]  # 10 has both, 20 an owner
    assert ask(project, "transferred", "payee__holder__role") == [("owner", 5), (None, 3)]
    assert ask(project, "transferred", where="payee__holder__person__city = 'Ulm'") == [(5,)]
    with pytest.raises(QueryError, match=r"`payee__holder__role`.* or `payer__holder__role`"):
        project.compile("transferred", "holder__role")


@pytest.mark.statement("P1")
def test_only_a_bridge_is_crossed(engine: Any) -> None:
    project = engine.project(BRIDGE.replace("    bridge: true\n", ""), tables=BRIDGE_ROWS)
    with pytest.raises(QueryError, match="no-join-path"):
        project.compile("transferred", "person__city")
    assert ask(project, "accounts", "person__city") == [("Rom", 1), ("Ulm", 2), (None, 1)]


# -------------------------------------------------------------------------------------- P6: filters

TESTS = [
    ("order_line__size = 'L'", "l.size = 'L'"),
    ("NOT order_line__size = 'L'", "NOT l.size = 'L'"),
    ("order_line__size <> 'L' AND order_line__quantity > 3", "l.size <> 'L' AND l.quantity > 3"),
    ("order_line__size = 'L' AND order_line__quantity > 3", "l.size = 'L' AND l.quantity > 3"),
    ("order_line__size IS NULL", "l.size IS NULL"),
    ("order_line__size IS NULL OR order_line__quantity > 5", "l.size IS NULL OR l.quantity > 5"),
    ("order_line__kind IS NULL", "l.id IS NULL"),
    ("product__colour = 'red'", "p.colour = 'red'"),
    ("product__colour IS NULL AND order_line__size = 'S'", "p.colour IS NULL AND l.size = 'S'"),
    ("order_line__size = 'S' OR order__status = 'done'", "l.size = 'S' OR o.status = 'done'"),
    ("order_line__size = 'S' AND order__status = 'open'", "l.size = 'S' AND o.status = 'open'"),
    ("COALESCE(order_line__size, 'L') = 'L'", "COALESCE(l.size, 'L') = 'L'"),
]


def exists(test: str) -> str:
    return f"""SELECT COUNT(*), SUM(amount) FROM orders o WHERE EXISTS (
        SELECT 1 FROM (SELECT 1 AS one) AS r LEFT JOIN order_lines l ON l.order_id = o.id
        LEFT JOIN products p ON p.id = l.product_id WHERE {test})"""


@pytest.mark.statement("P6")
@pytest.mark.parametrize(("where", "test"), TESTS)
def test_predicates_are_tested_together_on_one_row(
    shop: Project, engine: Any, where: str, test: str
) -> None:
    [(count, total)] = engine.rows(exists(test))
    assert ask(shop, ["orders", "revenue"], where=where) == [(count or None, total)]
    in_list = [part.strip() for part in where.split(" AND ")]
    assert ask(shop, ["orders", "revenue"], where=in_list) == [(count or None, total)]


@pytest.mark.statement("P6")
def test_a_not_negates_the_row_test(shop: Project) -> None:
    """Orders with a line that is not L: 1 by line 13, 3 by line 16; not 2, 4, 5."""
    assert ask(shop, "orders", where="NOT order_line__size = 'L'") == [(2,)]


@pytest.mark.statement("P6")
def test_predicates_on_two_many_sides_are_tested_apart(shop: Project, engine: Any) -> None:
    where = ["order_line__size = 'S'", "order__payment__method = 'cash'"]
    truth = engine.rows(
        """SELECT COUNT(*) FROM orders o
           WHERE EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.size = 'S')
             AND EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id AND p.method = 'cash')"""
    )
    assert ask(shop, "orders", where=where) == truth == [(2,)]
    with pytest.raises(QueryError, match="fan-out-join"):
        shop.compile("orders", where=" OR ".join(where))


@pytest.mark.statement("P6")
def test_predicates_along_one_way_down_are_tested_on_one_chain(shop: Project) -> None:
    """Order 1 has an L line sent by ups, and an S line sent by dhl: only that S and dhl is one."""
    assert ask(shop, "orders", where="order_line__size = 'S' AND parcel__carrier = 'ups'") == [
        (None,)
    ]
    assert ask(shop, "orders", where="order_line__size = 'S' AND parcel__carrier = 'dhl'") == [(1,)]


@pytest.mark.statement("P6")
def test_a_model_that_is_also_grouped_by_is_restricted_instead(shop: Project, engine: Any) -> None:
    assert ask(shop, "orders", "order_line__size", "order_line__size = 'L'") == [("L", 2)]
    assert ask(shop, "orders", "order_line__size", "order_line__quantity > 3") == [
        ("L", 1),
        ("S", 1),
        (None, 1),
    ]
    assert ask(shop, "orders", "product__colour", "order_line__size = 'S'") == [
        ("blue", 1),
        (None, 1),
    ]
    unmatched = ask(shop, "orders", "order_line__size", "order_line__quantity IS NULL")
    assert unmatched == [(None, 2)]


@pytest.mark.statement("P6")
def test_a_model_further_down_is_tested_for_the_joined_row(shop: Project) -> None:
    """Of the lines that were sent by dhl: 11 (L), 13 (S), 14 (L)."""
    found = ask(shop, "orders", "order_line__size", "parcel__carrier = 'dhl'")
    assert found == [("L", 2), ("S", 1)]


@pytest.mark.statement("P6")
def test_a_filtered_metric_beside_an_unfiltered_one(shop: Project) -> None:
    found = ask(shop, ["orders", "large_orders", "large_share"])
    assert found == [(5, 2, 20 / 28)]
    by_status = ask(shop, ["orders", "large_orders"], "order__status")
    assert by_status == [("done", 2, 1), ("open", 2, 1), (None, 1, None)]
    by_size = ask(shop, ["orders", "large_orders"], "order_line__size")
    assert by_size == [("L", 2, 2), ("S", 2, None), (None, 3, None)]
    assert ask(shop, "large_orders", where="order_line__quantity > 3") == [(1,)]


@pytest.mark.statement("P6")
def test_a_metric_whose_rows_were_tested_says_so(shop: Project) -> None:
    result = shop.query(["orders", "large_orders"])
    assert [n.code for n in result.notices] == ["matched-rows"]
    assert "`large_orders`" in result.notices[0].message
    assert not result.overlapping


@pytest.mark.statement("P6")
def test_a_version_is_tested_at_the_time_of_the_row(engine: Any) -> None:
    """Down to rows that hold for a time: those that held when the metric's row happened."""
    project = engine.project(
        """
        models:
          - name: teams
            semantic_model: true
            agg_time_dimension: founded_on
            columns:
              - {name: id, entity: {type: primary, name: team}}
              - {name: founded_on, granularity: day, dimension: time}
          - name: members
            semantic_model: true
            columns:
              - {name: person, entity: {type: natural, name: member}}
              - {name: team_id, entity: {type: foreign, name: team}}
              - {name: grade, dimension: categorical}
              - name: since
                granularity: day
                dimension: {type: time, validity_params: {is_start: true}}
              - name: until
                granularity: day
                dimension: {type: time, validity_params: {is_end: true}}
        metrics:
          - {name: teams, model: teams, agg: count}
        """,
        tables={
            "teams": "SELECT * FROM (VALUES (1, DATE '2024-01-01'), (2, DATE '2024-06-01')) AS t(id, founded_on)",
            "members": """SELECT * FROM (VALUES
                (7, 1, 'new', DATE '2023-01-01', DATE '2024-02-01'), (7, 2, 'old', DATE '2024-02-01', NULL),
                (8, 1, 'new', DATE '2024-05-01', NULL), (9, 2, 'new', DATE '2023-01-01', DATE '2024-06-01')
                ) AS t(person, team_id, grade, since, until)""",
        },
    )
    assert ask(project, "teams", "member__grade") == [("new", 1), ("old", 1)]
    assert ask(project, "teams", where="member__grade = 'new'") == [(1,)]
    assert ask(project, "teams", where="member__grade IS NULL OR member__grade = 'old'") == [(1,)]


@pytest.mark.statement("P6")
@pytest.mark.parametrize(
    "where",
    [
        "none(order_line__size = 'L')",
        "none('order_line__size = ''L''')",
        "NONE({{ Dimension('order_line__size') }} = 'L')",
    ],
)
def test_none_asks_for_no_match(shop: Project, engine: Any, where: str) -> None:
    truth = engine.rows(
        """SELECT COUNT(*), SUM(amount) FROM orders o WHERE NOT EXISTS (
           SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.size = 'L')"""
    )
    assert ask(shop, ["orders", "revenue"], where=where) == truth == [(3, 8)]


@pytest.mark.statement("P6")
def test_none_is_about_all_rows_also_where_they_are_grouped_by(shop: Project) -> None:
    found = ask(shop, "orders", "order_line__size", "none(order_line__quantity = 1)")
    # Without order 1: order 2 has L and NULL, order 3 S, orders 4 and 5 nothing.
    assert found == [("L", 1), ("S", 1), (None, 3)]


@pytest.mark.statement("P6")
def test_none_and_some_can_be_asked_together(shop: Project) -> None:
    where = ["order_line__size = 'L'", "none(order_line__size = 'S')"]
    assert ask(shop, "orders", where=where) == [(1,)]
    assert ask(shop, "orders", where=" AND ".join(where)) == [(1,)]


@pytest.mark.statement("P6")
@pytest.mark.parametrize(
    "where",
    ["none(order_line__size = 'L') OR order__status = 'open'", "none(order__status = 'open')"],
)
def test_none_in_a_wrong_place_is_refused(shop: Project, where: str) -> None:
    with pytest.raises(QueryError, match="bad-value"):
        shop.compile("orders", where=where)
