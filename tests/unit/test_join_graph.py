"""Which column a name means (language.md P1, P2, P4), and why a name means nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kpilayer import Project
from kpilayer.address import parse
from kpilayer.join_graph import JoinGraph, Reached, Unreached

MODELS = """
models:
  - name: order_lines
    semantic_model: true
    agg_time_dimension: order__ordered_at
    columns:
      - {name: line_id, entity: primary}
      - {name: order_id, entity: {type: foreign, name: order}}
      - {name: product_id, entity: {type: foreign, name: product}}
      - {name: note, dimension: categorical}
    metrics:
      - {name: line_amount, agg: sum, expr: amount}
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: buyer_id, entity: {type: foreign, name: buyer, to: user}}
      - {name: seller_id, entity: {type: foreign, name: seller, to: user}}
      - {name: ordered_at, granularity: day, dimension: {type: time}}
      - {name: status, dimension: categorical}
    metrics:
      - {name: orders, agg: count}
  - name: users
    semantic_model: true
    columns:
      - {name: user_id, entity: {type: primary, name: user}}
      - {name: city_id, entity: {type: foreign, name: city}}
      - {name: country, dimension: categorical}
  - name: cities
    semantic_model: true
    columns:
      - {name: city_id, entity: {type: primary, name: city}}
      - {name: mayor_id, entity: {type: foreign, name: mayor, to: user}}
      - {name: name, dimension: categorical}
  - name: products
    semantic_model: true
    columns:
      - {name: product_id, entity: {type: primary, name: product}}
      - {name: status, dimension: categorical}
  - name: employees
    semantic_model: true
    columns:
      - {name: employee_id, entity: {type: primary, name: employee}}
      - {name: manager_id, entity: {type: foreign, name: manager, to: employee}}
      - {name: grade, dimension: categorical}
    metrics:
      - {name: headcount, agg: count}
  - name: stores
    semantic_model: true
    columns:
      - {name: store_id, entity: {type: primary, name: store}}
      - {name: region, dimension: categorical}
"""


@pytest.fixture
def graph(define: Callable[..., Project]) -> JoinGraph:
    project = define(MODELS)
    assert [str(i) for i in project.check() if i.severity == "error"] == []
    return JoinGraph(project.catalog)


def reached(graph: JoinGraph, model: str, name: str) -> tuple[list[str], str]:
    """The models on the way, and where the name ends."""
    found = graph.reach(model, parse(name))
    assert isinstance(found, Reached), found
    return [step.right for step in found.path], f"{found.model}.{found.element.name}"


def refused(graph: JoinGraph, model: str, name: str) -> Unreached:
    found = graph.reach(model, parse(name))
    assert isinstance(found, Unreached), found
    return found


def test_a_models_own_dimension_is_named_by_its_primary_entity(graph: JoinGraph) -> None:
    assert reached(graph, "orders", "order__status") == ([], "orders.status")


def test_a_bare_word_is_an_entity_of_the_model(graph: JoinGraph) -> None:
    assert reached(graph, "orders", "buyer") == ([], "orders.buyer")


def test_a_bare_word_is_never_the_end_of_a_path(graph: JoinGraph) -> None:
    assert refused(graph, "orders", "city").code in ("no-join-path", "unknown-dimension")
    assert refused(graph, "orders", "status").code == "unknown-dimension"


def test_roles_of_one_entity_lead_to_one_model_by_different_keys(graph: JoinGraph) -> None:
    assert reached(graph, "orders", "buyer__country") == (["users"], "users.country")
    buyer, seller = (graph.reach("orders", parse(f"{r}__country")) for r in ("buyer", "seller"))
    assert isinstance(buyer, Reached)
    assert isinstance(seller, Reached)
    assert buyer.path != seller.path


def test_the_home_entity_is_ambiguous_where_two_roles_lead_to_it(graph: JoinGraph) -> None:
    issue = refused(graph, "orders", "user__country")
    assert issue.code == "ambiguous-join"
    assert "orders → users" in issue.message


def test_paths_go_up_over_several_models(graph: JoinGraph) -> None:
    path = (["orders", "users", "cities"], "cities.name")
    assert reached(graph, "order_lines", "order__buyer__city__name") == path
    assert reached(graph, "order_lines", "buyer__city__name") == path


def test_a_full_path_beats_a_suffix(graph: JoinGraph) -> None:
    assert reached(graph, "order_lines", "product__status") == (["products"], "products.status")
    assert reached(graph, "order_lines", "order__status") == (["orders"], "orders.status")


def test_a_self_join_is_a_role(graph: JoinGraph) -> None:
    assert reached(graph, "employees", "manager__grade") == (["employees"], "employees.grade")
    assert reached(graph, "employees", "employee__grade") == ([], "employees.grade")


def test_the_many_side_is_refused_by_name(graph: JoinGraph) -> None:
    issue = refused(graph, "orders", "line_id__note")
    assert issue.code == "fan-out-join"
    assert "order_lines" in issue.message


def test_a_dimension_without_a_path_says_where_it_is(graph: JoinGraph) -> None:
    issue = refused(graph, "orders", "store__region")
    assert issue.code == "no-join-path"
    assert issue.hint == "give `orders` a foreign entity `store`"


def test_a_misspelt_dimension_is_suggested_in_full(graph: JoinGraph) -> None:
    issue = refused(graph, "order_lines", "order__statsu")
    assert issue.code == "unknown-dimension"
    assert issue.hint == "did you mean `order__status`?"


def test_an_entity_at_the_end_of_a_path_is_a_group_by(graph: JoinGraph) -> None:
    assert reached(graph, "orders", "buyer__city") == (["users"], "users.city")


def test_circles_of_joins_end(graph: JoinGraph) -> None:
    lengths = [len(path) for path in graph.paths("order_lines")]
    assert max(lengths) <= 5
    assert len(lengths) < 50


def dense(size: int) -> str:
    """Models of which each has a key of every other one."""
    lines = ["models:"]
    for own in range(size):
        lines += [f"  - name: m{own}", "    semantic_model: true", "    columns:"]
        lines += [f"      - {{name: k{own}, entity: {{type: primary, name: e{own}}}}}"]
        lines += [
            f"      - {{name: f{other}, entity: {{type: foreign, name: e{other}}}}}"
            for other in range(size)
            if other != own
        ]
        lines += [f"      - {{name: x{own}, dimension: categorical}}", "    metrics:"]
        lines += [f"      - {{name: me{own}, agg: count}}"]
    return "\n".join(lines)


@pytest.fixture
def dense_graph(define: Callable[..., Project]) -> JoinGraph:
    return JoinGraph(define(dense(14)).catalog)


def test_a_name_is_found_without_trying_every_path(dense_graph: JoinGraph) -> None:
    assert reached(dense_graph, "m0", "e3__x3") == (["m3"], "m3.x3")
    in_full = "e1__e2__e4__e5__e3__x3"
    assert reached(dense_graph, "m0", in_full) == (["m1", "m2", "m4", "m5", "m3"], "m3.x3")
    assert not dense_graph._paths, "paths were listed for a name"
    assert refused(dense_graph, "m0", "e3__nothing").code == "unknown-dimension"


def test_lists_show_the_shortest_paths_where_there_are_very_many(dense_graph: JoinGraph) -> None:
    addresses = {r.address for r in dense_graph.groupable("m0")}
    assert {r for r in addresses if r.endswith("x3")} == {"e3__x3"}
    assert {f"e{n}__x{n}" for n in range(14)} <= addresses
    assert len(dense_graph.paths("m0")) == 13


def test_what_too_many_paths_may_lead_to_asks_for_the_path(
    define: Callable[..., Project],
) -> None:
    # Five floors of ten models; each has the keys of all models of the next floor: 10^4 paths.
    lines = ["models:"]
    for floor in range(5):
        for n in range(10):
            lines += [f"  - name: m{floor}_{n}", "    semantic_model: true", "    columns:"]
            lines += [f"      - {{name: kk, entity: {{type: primary, name: e{floor}_{n}}}}}"]
            ups = range(10 if floor < 4 else 0)
            key = "      - {{name: f{0}, entity: {{type: foreign, name: e{1}_{0}}}}}"
            lines += [key.format(up, floor + 1) for up in ups]
            lines += ["      - {name: xx, dimension: categorical}"]
    lines += ["  - name: top", "    semantic_model: true", "    columns:"]
    lines += ["      - {name: kk, entity: {type: primary, name: top}}"]
    lines += [f"      - {{name: f{n}, entity: {{type: foreign, name: e0_{n}}}}}" for n in range(10)]
    graph = JoinGraph(define("\n".join(lines)).catalog)
    issue = refused(graph, "top", "e4_7__xx")
    assert (issue.code, issue.hint) == ("too-large", "name its path in full")
    in_full = "e0_1__e1_2__e2_3__e3_4__e4_7__xx"
    assert reached(graph, "top", in_full)[1] == "m4_7.xx"
    assert "e0_0__e1_0__e2_0__e3_0__e4_7__xx" in {r.address for r in graph.groupable("top")}


VIRTUAL = """
models:
  - name: orders
    semantic_model: true
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
    metrics:
      - {name: orders, agg: count}
  - name: visits
    semantic_model: true
    columns:
      - {name: visit_id, entity: {type: primary, name: visit}}
  - name: customers
    semantic_model: true
    primary_entity: customer
    columns:
      - {name: segment, dimension: categorical}
"""


def test_a_primary_entity_without_a_column_is_said_to_have_none(
    define: Callable[..., Project],
) -> None:
    graph = JoinGraph(define(VIRTUAL).catalog)
    issue = refused(graph, "orders", "customer__segment")
    assert issue.code == "no-join-path"
    assert "`customers` has `customer` only as its `primary_entity`" in issue.message
    assert issue.hint == "declare the entity `customer` of `customers` with its column"
    other = refused(graph, "visits", "customer__segment")
    assert other.hint == f"{issue.hint}, and give `visits` a foreign entity `customer`"
