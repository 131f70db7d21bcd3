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
