"""Grouping and filtering by the many side, against correlated subqueries over random rows (P3, P6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpilayer import Project

MODELS = """
models:
  - name: orders
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: status, dimension: categorical}
  - name: order_lines
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: order_line}}
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: size, dimension: categorical}
      - {name: quantity, dimension: categorical}
metrics:
  - {name: orders, model: orders, agg: count}
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: open_revenue, input_metric: revenue, filter: "{{ Dimension('order__status') }} = 'a'"}
  - {name: large_orders, input_metric: orders, filter: "{{ Dimension('order_line__size') }} = 'L'"}
"""
#: Conditions as they are asked, and over an order `o` and one of its lines `l`, or NULLs.
CONDITIONS = {
    "order_line__size = 'L'": "l.size = 'L'",
    "NOT order_line__size = 'L'": "NOT l.size = 'L'",
    "order_line__size IS NULL": "l.size IS NULL",
    "order_line__quantity > 1": "l.quantity > 1",
    "order_line__quantity IS NULL OR order_line__size = 'S'": "l.quantity IS NULL OR l.size = 'S'",
    "order__status = 'a' OR order_line__size = 'L'": "o.status = 'a' OR l.size = 'L'",
}
small = st.one_of(st.none(), st.integers(1, 3))
orders = st.lists(st.tuples(st.sampled_from(["a", "b", None]), small), max_size=5)
lines = st.lists(st.tuples(small, st.sampled_from(["L", "S", None]), small), max_size=8)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Any]]:
    folder: Path = tmp_path_factory.mktemp("many_side")
    (folder / "models").mkdir()
    (folder / "kpilayer.yml").write_text("name: shop\n", encoding="utf-8")
    (folder / "models" / "shop.yml").write_text(MODELS, encoding="utf-8")
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE orders (id INT, status VARCHAR, amount INT)")
        connection.execute(
            "CREATE TABLE order_lines (id INT, order_id INT, size VARCHAR, quantity INT)"
        )
        yield Project.load(folder, connection=connection), connection


def fill(connection: Any, of_orders: Any, of_lines: Any) -> None:
    connection.execute("DELETE FROM orders; DELETE FROM order_lines")
    for number, row in enumerate(of_orders, start=1):
        connection.execute("INSERT INTO orders VALUES (?, ?, ?)", [number, *row])
    for number, row in enumerate(of_lines, start=1):
        connection.execute("INSERT INTO order_lines VALUES (?, ?, ?, ?)", [number, *row])


#: Whether an order belongs to a size: it has such a line, or none at all where that is NULL.
BELONGS = """EXISTS (SELECT 1 FROM (SELECT 1) AS one_row LEFT JOIN order_lines l ON l.order_id = o.id
    WHERE l.size IS NOT DISTINCT FROM k.size AND ({condition}))"""
TESTED = """EXISTS (SELECT 1 FROM (SELECT 1) AS one_row LEFT JOIN order_lines l ON l.order_id = o.id
    WHERE {condition})"""
SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.statement("P3")
@pytest.mark.statement("P6")
@SETTINGS
@given(orders, lines, st.sampled_from([None, *CONDITIONS]))
def test_each_order_counts_once_in_each_group(
    shop: tuple[Project, Any], of_orders: Any, of_lines: Any, where: str | None
) -> None:
    project, connection = shop
    fill(connection, of_orders, of_lines)
    belongs = BELONGS.format(condition=CONDITIONS.get(where or "", "TRUE"))
    truth = connection.execute(
        f"""SELECT * FROM (SELECT k.status, k.size,
              (SELECT NULLIF(COUNT(*), 0) FROM orders o
               WHERE o.status IS NOT DISTINCT FROM k.status AND {belongs}) AS orders,
              (SELECT SUM(o.amount) FROM orders o
               WHERE o.status IS NOT DISTINCT FROM k.status AND {belongs}) AS revenue,
              (SELECT SUM(o.amount) FROM orders o WHERE o.status = 'a'
               AND o.status IS NOT DISTINCT FROM k.status AND {belongs}) AS open_revenue
            FROM (SELECT * FROM (SELECT DISTINCT status FROM orders) CROSS JOIN
                  (SELECT DISTINCT size FROM order_lines UNION SELECT NULL)) k)
            WHERE orders IS NOT NULL ORDER BY 1 NULLS LAST, 2 NULLS LAST"""
    ).fetchall()
    asked = ["orders", "revenue", "open_revenue"]
    found = project.query(asked, ["order__status", "order_line__size"], where)
    assert found.rows() == truth
    assert found.overlapping


@pytest.mark.statement("P6")
@SETTINGS
@given(orders, lines, st.sampled_from([*CONDITIONS]), st.sampled_from([None, *CONDITIONS]))
def test_conditions_are_tested_on_one_line(
    shop: tuple[Project, Any], of_orders: Any, of_lines: Any, one: str, other: str | None
) -> None:
    project, connection = shop
    fill(connection, of_orders, of_lines)
    held = [one] if other is None else [one, other]
    condition = " AND ".join(f"({CONDITIONS[text]})" for text in held)
    passes = TESTED.format(condition=condition)
    large = TESTED.format(condition=f"{condition} AND l.size = 'L'")
    truth = connection.execute(
        f"""SELECT status, COUNT(*), SUM(amount), NULLIF(COUNT(*) FILTER (WHERE {large}), 0)
            FROM orders o WHERE {passes} GROUP BY 1 ORDER BY 1 NULLS LAST"""
    ).fetchall()
    found = project.query(["orders", "revenue", "large_orders"], "order__status", held).rows()
    assert found == truth
    without = project.query("orders", "order__status", f"none({one})").rows()
    test = CONDITIONS[one]
    none = f"""SELECT status, COUNT(*) FROM orders o WHERE NOT EXISTS (
        SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND ({test})) GROUP BY 1
        ORDER BY 1 NULLS LAST"""
    assert without == connection.execute(none).fetchall()


@pytest.mark.statement("P3")
@SETTINGS
@given(orders, lines)
def test_distinct_rows_of_the_groups_add_up_to_the_total(
    shop: tuple[Project, Any], of_orders: Any, of_lines: Any
) -> None:
    """With the order itself as a further group-by, each appears in its groups with its own value."""
    project, connection = shop
    fill(connection, of_orders, of_lines)
    rows = project.query(["orders", "revenue"], ["order", "order_line__size"]).rows()
    once = {order: (count, amount) for order, _, count, amount in rows}
    assert len({(order, *value) for order, _, *value in rows}) == len(once)
    total = [(sum(c for c, _ in once.values()), [a for _, a in once.values() if a is not None])]
    [(count, amount)] = project.query(["orders", "revenue"]).rows()
    assert (count or 0, amount) == (total[0][0], sum(total[0][1]) if total[0][1] else None)
