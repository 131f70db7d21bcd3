"""dbt's legacy lists and MetricFlow's documents, in the native form: the rules one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kpilayer.errors import Issue
from kpilayer.load.dbt.forms import native_documents
from kpilayer.load.document import Document
from kpilayer.load.moved import Moved
from kpilayer.load.reader import read_yaml_documents

ORDERS = """
semantic_models:
  - name: orders
    model: ref('orders')
    entities: [{name: order_id, type: primary}]
    measures:
      - {name: revenue, agg: sum, expr: amount}
      - {name: buyers, agg: count_distinct, expr: buyer_id, agg_time_dimension: paid_at}
"""


def read(*texts: str) -> tuple[list[Document | Moved], list[Issue]]:
    documents, issues = [], list[Issue]()
    for number, text in enumerate(texts):
        found, problems = read_yaml_documents(f"{number}.yml", text)
        documents += found
        issues += problems
    return native_documents(documents, issues), issues


def native(*texts: str) -> dict[str, Any]:
    """The native lists of a project without problems."""
    pages, issues = read(*texts)
    assert issues == []
    merged: dict[str, Any] = {}
    for page in pages:
        assert isinstance(page.data, dict)
        for key, value in page.data.items():
            merged.setdefault(key, []).extend(value)
    return merged


def metrics(*texts: str) -> dict[str, dict[str, Any]]:
    return {m["name"]: m for m in native(*texts)["metrics"]}


def model(text: str) -> dict[str, Any]:
    (only,) = native(f"semantic_models:\n  - {text}")["models"]
    return dict(only)


# -- what stays as it is


def test_a_native_document_is_returned_itself() -> None:
    documents, _ = read_yaml_documents(
        "m.yml", "models: [{name: a}]\nmetrics: [{name: b, agg: sum}]"
    )
    (page,) = native_documents(documents, [])
    assert page is documents[0]


@pytest.mark.parametrize("text", ["", "5", "[1, 2]", "saved_queries: [{name: q}]", "models: 3"])
def test_what_holds_no_legacy_form_is_native(text: str) -> None:
    documents, _ = read_yaml_documents("m.yml", text)
    assert native_documents(documents, [])[0] is documents[0]


def test_one_file_may_mix_native_and_legacy_metrics() -> None:
    found = native(
        ORDERS + "metrics:\n"
        "  - {name: mine, model: orders, agg: max, expr: amount}\n"
        "  - {name: theirs, type: simple, type_params: {measure: revenue}}\n"
    )
    assert found["metrics"] == [
        {"name": "mine", "model": "orders", "agg": "max", "expr": "amount"},
        {"name": "theirs", "type": "simple", "model": "orders", "agg": "sum", "expr": "amount"},
    ]


def test_other_keys_of_a_file_stay() -> None:
    found = native(ORDERS + "groups: [{name: finance}]\nsaved_queries: [{name: q}]")
    assert found["groups"] == [{"name": "finance"}]
    assert found["saved_queries"] == [{"name": "q"}]


# -- semantic models (A.2)


def test_entities_and_dimensions_become_derived_semantics() -> None:
    assert model("""name: orders
    label: Orders
    description: One row per order.
    model: ref('fct_orders')
    defaults: {agg_time_dimension: ordered_at}
    primary_entity: order
    entities: [{name: buyer, type: FOREIGN, expr: buyer_id, role: x}]
    dimensions:
      - {name: ordered_at, type: time, type_params: {time_granularity: DAY}}
      - {name: status, type: categorical, expr: upper(status), label: Status}
    """) == {
        "name": "orders",
        "label": "Orders",
        "description": "One row per order.",
        "semantic_model": True,
        "ref": "fct_orders",
        "primary_entity": "order",
        "agg_time_dimension": "ordered_at",
        "derived_semantics": {
            "entities": [{"name": "buyer", "type": "foreign", "expr": "buyer_id"}],
            "dimensions": [
                {"name": "ordered_at", "type": "time", "granularity": "day"},
                {
                    "name": "status",
                    "type": "categorical",
                    "expr": "upper(status)",
                    "label": "Status",
                },
            ],
        },
    }


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("ref('fct_orders')", {"ref": "fct_orders"}),
        ('ref("fct_orders")', {"ref": "fct_orders"}),
        ("ref('Finance', 'fct_orders')", {"ref": "finance.fct_orders"}),
        ("ref('finance', 'orders', v=2)", {"ref": "finance.orders.v2"}),
        ("ref('fct_orders', v=2)", {"ref": "fct_orders.v2"}),
        ("ref('fct_orders', version='2')", {"ref": "fct_orders.v2"}),
        ("{{ ref('fct_orders') }}", {"ref": "fct_orders"}),
        ("ref('orders')", {}),
        ("source('raw', 'orders')", {"relation": "{{ source('raw', 'orders') }}"}),
        ("{{ var('table') }}", {"relation": "{{ var('table') }}"}),
    ],
)
def test_model_leads_to_a_dbt_model(text: str, where: dict[str, str]) -> None:
    found = model(f"{{name: orders, model: {json.dumps(text)}}}")
    assert found == {"name": "orders", "semantic_model": True, **where}


@pytest.mark.parametrize(
    ("relation", "text"),
    [
        ({"schema_name": "shop", "alias": "orders"}, "shop.orders"),
        ({"database": "db", "schema_name": "shop", "alias": "orders"}, "db.shop.orders"),
        ({"schema_name": "my shop", "alias": "order"}, '"my shop"."order"'),
        ({"alias": "orders", "relation_name": '"db"."main"."orders"'}, "db.main.orders"),
        ({"alias": "orders", "relation_name": '"DB"."main"."orders"'}, '"DB".main.orders'),
        ({"alias": "orders", "relation_name": "DB.main.orders"}, "DB.main.orders"),
        (
            {"alias": "orders", "relation_name": "`my-proj`.`shop`.`orders`"},
            '"my-proj".shop.orders',
        ),
        ({"alias": "orders", "relation_name": '"a""b"."orders"'}, '"a""b".orders'),
    ],
)
def test_a_node_relation_is_quoted_only_where_it_must_be(
    relation: dict[str, str], text: str
) -> None:
    found = model(f"{{name: orders, node_relation: {json.dumps(relation)}}}")
    assert (found["relation"], found["ref"]) == (text, relation["alias"])


def test_validity_and_partitions_are_kept() -> None:
    found = model("""name: prices
    model: ref('prices')
    dimensions:
      - name: valid_from
        type: time
        is_partition: true
        type_params: {time_granularity: day, validity_params: {is_start: true}}
    """)
    assert found["derived_semantics"]["dimensions"] == [
        {
            "name": "valid_from",
            "type": "time",
            "is_partition": True,
            "granularity": "day",
            "validity_params": {"is_start": True},
        }
    ]


def test_meta_of_a_model_comes_down_to_its_elements() -> None:
    found = model("""name: orders
    model: ref('orders')
    config: {meta: {team: sales, pii: false}}
    dimensions: [{name: mail, type: categorical, config: {meta: {pii: true}}}]
    """)
    (mail,) = found["derived_semantics"]["dimensions"]
    assert mail["config"] == {"meta": {"team": "sales", "pii": True}}


def test_keys_of_the_native_form_are_welcome_in_a_legacy_model() -> None:
    found = model("{name: orders, relation: shop.orders, bridge: true}")
    assert found == {
        "name": "orders",
        "semantic_model": True,
        "relation": "shop.orders",
        "bridge": True,
    }


# -- measures (A.2, A.5)


def measured(measure: str) -> dict[str, Any]:
    """The metric that is a measure, without what all of them have."""
    text = (
        f"semantic_models:\n  - name: orders\n    model: ref('orders')\n    measures: [{measure}]\n"
    )
    text += "metrics: [{name: it, type: simple, type_params: {measure: m1}}]"
    found = metrics(text)["it"]
    return {k: v for k, v in found.items() if k not in ("name", "type", "model")}


@pytest.mark.parametrize("agg", ["sum_boolean", "median", "SUM", "average"])
def test_an_aggregation_is_not_rewritten(agg: str) -> None:
    assert measured(f"{{name: m1, agg: {agg}, expr: x}}") == {"agg": agg.lower(), "expr": "x"}


def test_the_value_of_a_measure_is_the_column_of_its_name() -> None:
    assert measured("{name: M1, agg: sum}") == {"agg": "sum", "expr": "m1"}


@pytest.mark.parametrize(
    ("params", "native_keys"),
    [
        ("percentile: 0.9", {"percentile": 0.9}),
        (
            "percentile: 0.9, use_discrete_percentile: true",
            {"percentile": 0.9, "percentile_type": "discrete"},
        ),
        (
            "percentile: 0.9, use_approximate_percentile: true",
            {"percentile": 0.9, "percentile_type": "approx_continuous"},
        ),
        (
            "percentile: 0.9, use_approximate_percentile: true, use_discrete_percentile: true",
            {"percentile": 0.9, "percentile_type": "approx_discrete"},
        ),
    ],
)
def test_agg_params_become_percentile_and_its_type(
    params: str, native_keys: dict[str, object]
) -> None:
    found = measured(f"{{name: m1, agg: percentile, expr: x, agg_params: {{{params}}}}}")
    assert found == {"agg": "percentile", "expr": "x", **native_keys}


def test_a_median_may_say_that_it_is_the_percentile_one_half() -> None:
    assert measured("{name: m1, agg: median, agg_params: {percentile: 0.5}}")["agg"] == "median"


def test_an_approximate_median_is_a_percentile() -> None:
    found = measured("{name: m1, agg: median, agg_params: {use_approximate_percentile: true}}")
    assert found["agg"] == "percentile"
    assert (found["percentile"], found["percentile_type"]) == (0.5, "approx_continuous")


def test_the_first_date_counts_unless_the_last_is_chosen() -> None:
    found = measured("{name: m1, agg: sum, non_additive_dimension: {name: day}}")
    assert found["non_additive_dimension"] == {"name": "day", "window_agg": "min"}
    found = measured(
        "{name: m1, agg: sum, non_additive_dimension: "
        "{name: day, window_choice: MAX, window_groupings: [account]}}"
    )
    assert found["non_additive_dimension"] == {
        "name": "day",
        "window_agg": "max",
        "group_by": ["account"],
    }


def test_create_metric_makes_a_public_metric() -> None:
    found = metrics("""semantic_models:
  - name: orders
    model: ref('orders')
    measures:
      - {name: Sales, agg: sum, expr: amount, create_metric: true, description: All of it,
         create_metric_display_name: Total sales, config: {meta: {tier: 1}}}
      - {name: other, agg: sum}
    """)
    assert found == {
        "sales": {
            "name": "sales",
            "type": "simple",
            "label": "Total sales",
            "description": "All of it",
            "model": "orders",
            "agg": "sum",
            "expr": "amount",
            "config": {"meta": {"tier": 1}},
        }
    }


def test_create_metric_yields_to_a_simple_metric_of_that_name() -> None:
    text = ORDERS.replace("expr: amount", "expr: amount, create_metric: true")
    found = native(text, "metrics: [{name: Revenue, model: orders, agg: max, expr: amount}]")
    assert found["metrics"] == [
        {"name": "Revenue", "model": "orders", "agg": "max", "expr": "amount"}
    ]


def test_a_disabled_model_creates_no_metrics() -> None:
    text = ORDERS.replace("expr: amount", "expr: amount, create_metric: true")
    text = text.replace("model: ref", "config: {enabled: false}\n    model: ref")
    assert "metrics" not in native(text)


def test_measures_of_a_native_model_are_measures() -> None:
    found = native(
        "models:\n"
        "  - {name: orders, semantic_model: true, columns: [], measures: [{name: amount, agg: sum}]}\n"
        "metrics: [{name: total, type: simple, type_params: {measure: amount}}]"
    )
    assert found["models"] == [{"name": "orders", "semantic_model": True, "columns": []}]
    assert found["metrics"] == [
        {"name": "total", "type": "simple", "model": "orders", "agg": "sum", "expr": "amount"}
    ]


def test_measures_belong_to_the_name_that_the_semantic_model_has() -> None:
    found = native(
        "models:\n"
        "  - {name: fct, semantic_model: {name: orders}, measures: [{name: amount, agg: sum,"
        " create_metric: true}]}"
    )
    assert found["metrics"][0]["model"] == "orders"


# -- metrics (A.3, A.5)


def test_the_filter_of_an_input_stands_in_front_of_the_metrics_own() -> None:
    found = metrics(
        ORDERS,
        "metrics: [{name: it, type: simple, filter: [b, c], "
        "type_params: {measure: {name: revenue, filter: a}}}]",
    )
    assert found["it"]["filter"] == ["a", "b", "c"]


def test_one_filter_stays_as_it_is_written() -> None:
    found = metrics(
        ORDERS,
        "metrics:\n"
        "- {name: it, type: simple, filter: a, type_params: {measure: revenue}}\n"
        "- {name: that, type: simple, type_params: {measure: {name: revenue, filter: [a]}}}",
    )
    assert (found["it"]["filter"], found["that"]["filter"]) == ("a", ["a"])


def test_filling_and_joining_come_from_the_input() -> None:
    found = metrics(
        ORDERS,
        "metrics: [{name: it, type: SIMPLE, time_granularity: MONTH, type_params: "
        "{measure: {name: Buyers, fill_nulls_with: 0, join_to_timespine: true}}}]",
    )
    assert found["it"] == {
        "name": "it",
        "type": "simple",
        "time_granularity": "month",
        "model": "orders",
        "agg": "count_distinct",
        "expr": "buyer_id",
        "agg_time_dimension": "paid_at",
        "fill_nulls_with": 0,
        "join_to_timespine": True,
    }


def test_a_measure_beside_aggregation_params_adds_its_filter_and_flags() -> None:
    text = """metrics:
  - name: it
    type: simple
    filter: b
    type_params:
      metric_aggregation_params: {semantic_model: orders, agg: sum}
      expr: amount
      measure: {name: revenue, filter: a, fill_nulls_with: 0, join_to_timespine: true}
    """
    it = metrics(text)["it"]
    assert (it["model"], it["agg"], it["expr"]) == ("orders", "sum", "amount")
    assert (it["filter"], it["fill_nulls_with"], it["join_to_timespine"]) == (["a", "b"], 0, True)
    # MetricFlow has copied the filter of the measure to the metric.
    assert metrics(text.replace("filter: b", "filter: [a, b]"))["it"]["filter"] == ["a", "b"]
    assert metrics(text.replace("filter: b", "label: b"))["it"]["filter"] == ["a"]


def test_a_metric_without_measures_says_all_itself() -> None:
    found = metrics("""metrics:
  - name: it
    type: simple
    type_params:
      metric_aggregation_params: {semantic_model: orders, agg: sum, agg_time_dimension: day}
      expr: amount
      fill_nulls_with: 1
      is_private: true
    """)
    assert found["it"] == {
        "name": "it",
        "type": "simple",
        "model": "orders",
        "agg": "sum",
        "expr": "amount",
        "agg_time_dimension": "day",
        "fill_nulls_with": 1,
        "hidden": True,
    }


def test_meta_and_tags_beside_a_metric_belong_to_its_config() -> None:
    found = metrics(
        ORDERS,
        "metrics: [{name: it, type: simple, type_params: {measure: revenue}, tags: [board],"
        " meta: {a: 1}, config: {group: finance, meta: {b: 2}}}]",
    )
    assert found["it"]["config"] == {
        "group": "finance",
        "meta": {"a": 1, "b": 2},
        "tags": ["board"],
    }


def test_ratio_and_derived_metrics_lose_only_their_wrapping() -> None:
    found = metrics("""metrics:
  - name: aov
    type: ratio
    type_params:
      numerator: {name: revenue, filter: a, alias: net}
      denominator: orders
  - name: growth
    type: derived
    type_params:
      expr: revenue - prev
      metrics: [revenue, {name: revenue, alias: prev, offset_window: 1 month, offset_to_grain: DAY}]
    """)
    assert found["aov"] == {
        "name": "aov",
        "type": "ratio",
        "numerator": {"name": "revenue", "filter": "a", "alias": "net"},
        "denominator": "orders",
    }
    assert found["growth"] == {
        "name": "growth",
        "type": "derived",
        "expr": "revenue - prev",
        "input_metrics": [
            "revenue",
            {
                "name": "revenue",
                "alias": "prev",
                "offset_window": "1 month",
                "offset_to_grain": "day",
            },
        ],
    }


CUMULATIVE = "metrics: [{name: it, type: cumulative, type_params: {%s}}]"


def test_a_cumulative_metric_stands_on_a_hidden_metric_made_for_it() -> None:
    found = metrics(ORDERS, CUMULATIVE % "measure: revenue, window: 28 days")
    assert found == {
        "it": {"name": "it", "type": "cumulative", "window": "28 days", "input_metric": "revenue"},
        "revenue": {
            "name": "revenue",
            "type": "simple",
            "model": "orders",
            "agg": "sum",
            "expr": "amount",
            "hidden": True,
        },
    }


def test_a_cumulative_metric_stands_on_the_simple_metric_that_is_its_measure() -> None:
    found = metrics(
        ORDERS,
        CUMULATIVE % "measure: revenue, cumulative_type_params: {grain_to_date: MONTH}",
        "metrics: [{name: sales, type: simple, type_params: {measure: revenue}}]",
    )
    assert found["it"] == {
        "name": "it",
        "type": "cumulative",
        "grain_to_date": "month",
        "input_metric": "sales",
    }
    assert found.keys() == {"it", "sales"}


@pytest.mark.parametrize(
    "other",
    [
        "filter: a, type_params: {measure: revenue}",
        "type_params: {measure: {name: revenue, filter: a}}",
        "type_params: {measure: {name: revenue, fill_nulls_with: 0}}",
        "time_granularity: month, type_params: {measure: revenue}",
        "config: {enabled: false}, type_params: {measure: revenue}",
    ],
)
def test_a_metric_that_says_more_than_its_measure_is_not_taken_for_it(other: str) -> None:
    found = metrics(
        ORDERS,
        CUMULATIVE % "measure: revenue",
        f"metrics: [{{name: sales, type: simple, {other}}}]",
    )
    assert found["it"]["input_metric"] == "revenue"
    assert found["revenue"]["hidden"] is True


def test_a_hidden_metric_is_named_after_what_it_adds() -> None:
    use = "measure: {name: revenue, fill_nulls_with: %s, join_to_timespine: true, filter: a}"
    found = metrics(ORDERS, CUMULATIVE % (use % 0))
    name = "revenue_fill_nulls_with_0_join_to_timespine"
    assert found["it"]["input_metric"] == {"name": name, "filter": "a"}
    assert (found[name]["fill_nulls_with"], found[name]["join_to_timespine"]) == (0, True)
    assert "filter" not in found[name]
    assert "revenue_fill_nulls_with_neg_5_join_to_timespine" in metrics(
        ORDERS, CUMULATIVE % (use % -5)
    )


def test_a_hidden_metric_takes_no_name_that_is_taken() -> None:
    found = metrics(
        ORDERS,
        CUMULATIVE % "measure: revenue",
        "metrics: [{name: revenue, model: orders, agg: max, expr: amount}]",
    )
    assert found["it"]["input_metric"] == "revenue_1"
    assert found["revenue_1"]["agg"] == "sum"


def test_one_hidden_metric_serves_all_that_need_it() -> None:
    text = CUMULATIVE % "measure: buyers"
    found = metrics(ORDERS, text, text.replace("name: it", "name: that"))
    assert found.keys() == {"it", "that", "buyers"}


def test_a_cumulative_metric_may_name_a_metric() -> None:
    found = metrics(CUMULATIVE % "cumulative_type_params: {metric: sales, period_agg: LAST}")
    assert found["it"] == {
        "name": "it",
        "type": "cumulative",
        "period_agg": "last",
        "input_metric": "sales",
    }


def test_a_conversion_metric_stands_on_two_metrics() -> None:
    found = metrics(
        ORDERS,
        """metrics:
  - name: it
    type: conversion
    type_params:
      conversion_type_params:
        base_measure: {name: buyers, filter: a}
        conversion_metric: sales
        entity: buyer
        calculation: CONVERSIONS
        window: 7 days
        constant_properties: [{base_property: a, conversion_property: b}]
    """,
    )
    assert found["it"] == {
        "name": "it",
        "type": "conversion",
        "entity": "buyer",
        "constant_properties": [{"base_property": "a", "conversion_property": "b"}],
        "calculation": "conversions",
        "window": "7 days",
        "base_metric": {"name": "buyers", "filter": "a"},
        "conversion_metric": "sales",
    }


def test_strings_with_jinja_are_passed_on() -> None:
    condition = "{{ Dimension('order_id__Status') }} = '{{ var('S') }}'"
    found = metrics(
        ORDERS.replace("expr: amount", 'expr: "{{ NET }}"'),
        f'metrics: [{{name: it, type: simple, filter: "{condition}", '
        'type_params: {measure: {name: revenue, filter: "{{ F }}"}}}]',
    )
    assert found["it"]["filter"] == ["{{ F }}", condition]
    assert found["it"]["expr"] == "{{ NET }}"


# -- MetricFlow's documents (A.1, A.4)


def test_documents_with_one_key_each_are_read() -> None:
    found = native("""semantic_model:
  name: orders
  node_relation: {schema_name: shop, alias: fct_orders}
  measures: [{name: revenue, agg: sum, expr: amount}]
---
metric:
  name: sales
  type: simple
  type_params: {measure: {name: revenue}}
---
saved_query:
  name: by_month
  query_params: {metrics: [sales], group_by: ["TimeDimension('metric_time', 'month')"]}
---
mf_config_schema: whatever
project_configuration:
  time_spines:
    - node_relation: {schema_name: shop, alias: days}
      primary_column: {name: ds, time_granularity: DAY}
      custom_granularities: [{name: fiscal_year}]
""")
    assert found == {
        "models": [
            {
                "name": "orders",
                "semantic_model": True,
                "relation": "shop.fct_orders",
                "ref": "fct_orders",
            },
            {
                "name": "days",
                "relation": "shop.days",
                "ref": "days",
                "time_spine": {
                    "standard_granularity_column": "ds",
                    "custom_granularities": [{"name": "fiscal_year"}],
                },
                "columns": [{"name": "ds", "granularity": "day"}],
            },
        ],
        "metrics": [
            {"name": "sales", "type": "simple", "model": "orders", "agg": "sum", "expr": "amount"}
        ],
        "saved_queries": [
            {
                "name": "by_month",
                "query_params": {
                    "metrics": ["sales"],
                    "group_by": ["TimeDimension('metric_time', 'month')"],
                },
            }
        ],
    }


def test_an_old_time_spine_is_read_where_its_grain_has_no_other() -> None:
    old = "{location: shop.%s, column_name: ds, grain: %s}"
    text = f"""project_configuration:
  time_spine_table_configurations: [{old % ("days", "day")}, {old % ("hours", "HOUR")}]
  time_spines:
    - node_relation: {{schema_name: shop, alias: all_days}}
      primary_column: {{name: ds, time_granularity: day}}
"""
    found = native(text)["models"]
    assert [(m["name"], m["relation"], m["columns"]) for m in found] == [
        ("all_days", "shop.all_days", [{"name": "ds", "granularity": "day"}]),
        ("hours", "shop.hours", [{"name": "ds", "granularity": "hour"}]),
    ]
