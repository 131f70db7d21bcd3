"""Data in dbt's legacy forms that cannot be meant: each problem is said once, at its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def problems(*texts: str) -> list[str]:
    return [f"{i.severity} {i.code}: {i.message}" for i in read(*texts)[1]]


# -- problems


@pytest.mark.parametrize(
    "params", ["expr: a, metrics: [{name: a}]", "numerator: a, denominator: b"]
)
@pytest.mark.parametrize("flag", ["fill_nulls_with: 0", "join_to_timespine: yes"])
def test_flags_of_simple_metrics_are_an_error_on_others(params: str, flag: str) -> None:
    kind = "derived" if "expr" in params else "ratio"
    text = f"metrics: [{{name: it, type: {kind}, type_params: {{{params}, {flag}}}}}]"
    name = flag.partition(":")[0]
    assert problems(text) == [f"error bad-value: `{name}` belongs to simple metrics"]


def test_a_flag_that_is_off_says_nothing_on_other_metrics() -> None:
    params = "numerator: a, denominator: b, join_to_timespine: no"
    assert problems(f"metrics: [{{name: it, type: ratio, type_params: {{{params}}}}}]") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("semantic_models: 5", "`semantic_models` is a list of semantic models"),
        ("semantic_models: [5]", "a semantic model is a mapping"),
        ("semantic_model: [a]", "`semantic_model` is a mapping"),
        ("semantic_models: [{name: [a], model: ref('b')}]", "`name` takes a name"),
        (
            "semantic_models: [{name: a, model: orders}]",
            "`model` of a semantic model is `ref('name')`",
        ),
        (
            "semantic_models: [{name: a, model: ref('b'), entities: x}]",
            "`entities` is a list of entities",
        ),
        (
            "semantic_models: [{name: a, model: ref('b'), dimensions: [x]}]",
            "a dimension is a mapping",
        ),
        (
            "semantic_models: [{name: a, model: ref('b'), measures: [{name: m1, agg: summ}]}]",
            "`agg` cannot be `summ`",
        ),
        ("metrics: [{name: a, type: simple, type_params: 5}]", "`type_params` is a mapping"),
        ("metrics: [{name: a, type: sum, type_params: {}}]", "`sum` is not a type of metric"),
        (
            "metrics: [{name: a, type: derived, type_params: {expr: x, metrics: y}}]",
            "`metrics` is a list of metrics",
        ),
    ],
)
def test_a_wrong_shape_is_said_once(text: str, said: str) -> None:
    assert problems(text) == [f"error bad-value: {said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("semantic_models: [{name: a}]", "semantic model `a` needs `model`"),
        ("metrics: [{name: a, type: simple, type_params: {}}]", "metric `a` needs `measure`"),
        (
            "metrics: [{name: a, type: derived, type_params: {expr: x}}]",
            "metric `a` needs `metrics`",
        ),
        ("metrics: [{name: a, type_params: {}}]", "metric `a` needs `type`"),
        (
            "semantic_models: [{name: a, model: ref('b'), measures: [{name: m1}]}]",
            "a measure needs `agg`",
        ),
        (
            "semantic_models: [{name: a, model: ref('b'), dimensions: [{name: d1, type: time}]}]",
            "time dimension `d1` does not say how fine it is",
        ),
    ],
)
def test_what_is_missing_is_said_once(text: str, said: str) -> None:
    assert problems(text) == [f"error missing-field: {said}"]


@pytest.mark.parametrize(
    "text",
    [
        "semantic_models: [{name: a, model: ref('b'), defualts: {}}]",
        "semantic_models: [{name: a, model: ref('b'), defaults: {agg_time: x}}]",
        "semantic_models: [{name: a, model: ref('b'), entities: [{name: e1, type: primary, exp: x}]}]",
        "semantic_models: [{name: a, model: ref('b'), dimensions: [{name: d1, type: categorical, typ: x}]}]",
        "semantic_models: [{name: a, model: ref('b'), measures: [{name: m1, agg: sum, exp: x}]}]",
        "metrics: [{name: a, type: derived, type_params: {exprs: x, expr: x, metrics: []}}]",
        "metrics: [{name: a, type: derived, lable: x, type_params: {expr: x, metrics: []}}]",
        "metrics: [{name: a, type: ratio, type_params: {numerator: {name: x, alia: y}, denominator: z}}]",
        "metrics: [{name: a, type: simple, agg: sum, type_params: {metric_aggregation_params: {semantic_model: o, agg: sum}}}]",
        "project_configuration: {time_spine: []}",
    ],
)
def test_no_unknown_key_vanishes(text: str) -> None:
    (issue,) = read(text)[1]
    assert issue.code == "unknown-field"


def test_an_unknown_measure_is_named_with_the_nearest() -> None:
    (issue,) = read(ORDERS, "metrics: [{name: it, type: simple, type_params: {measure: revnue}}]")[
        1
    ]
    assert (issue.code, issue.message) == ("unknown-measure", "`revnue` is not a measure")
    assert issue.hint == "did you mean `revenue`?"


def test_a_metric_where_a_measure_belongs_is_told_apart() -> None:
    (issue,) = read(
        ORDERS,
        "metrics: [{name: zz, model: orders, agg: sum}, "
        "{name: it, type: cumulative, type_params: {measure: zz}}]",
    )[1]
    assert issue.hint == "`zz` is a metric; here stands a measure of a semantic model"


def test_a_measure_defined_twice_is_shown_with_the_first() -> None:
    (issue,) = read(
        ORDERS, ORDERS.replace("buyers", "payers").replace("- name: orders", "- name: two")
    )[1]
    assert (issue.code, issue.message) == (
        "duplicate-name",
        "there are two measures named `revenue`",
    )
    assert str(issue.location) == "1.yml:7:16"
    assert [str(place) for _, place in issue.see] == ["0.yml:7:16"]


def test_a_broken_measure_is_reported_once_however_often_it_is_used() -> None:
    use = "metrics: [{name: %s, type: simple, type_params: {measure: revenue}}]"
    said = problems(ORDERS.replace("agg: sum", "agg: summe"), use % "one", use % "two")
    assert said == ["error bad-value: `agg` cannot be `summe`"]


def test_what_a_type_does_not_use_is_a_warning() -> None:
    said = problems(
        ORDERS,
        "metrics: [{name: it, type: simple, type_params: {measure: revenue, window: 7 days}}]",
    )
    assert said == ["warning unknown-field: a simple metric does not use `window`"]


def test_an_expression_beside_a_measure_is_a_warning() -> None:
    said = problems(
        ORDERS, "metrics: [{name: it, type: simple, type_params: {measure: revenue, expr: x}}]"
    )
    assert said == [
        "warning bad-value: `expr` beside `measure` has no effect: the measure's own is used"
    ]


def test_a_median_that_is_another_percentile_is_refused() -> None:
    text = "{name: m1, agg: median, agg_params: {percentile: 0.9}}"
    said = problems(f"semantic_models: [{{name: o, model: ref('o'), measures: [{text}]}}]")
    assert said == [
        "error bad-value: a median is the continuous percentile 0.5; `agg_params` says something else"
    ]


def test_a_count_says_what_it_counts() -> None:
    said = problems(
        "semantic_models: [{name: o, model: ref('o'), measures: [{name: rows, agg: count}]}]"
    )
    assert said == ["error missing-field: measure `rows` with `agg: count` needs `expr`"]


def test_create_metric_cannot_take_the_name_of_another_kind_of_metric() -> None:
    text = ORDERS.replace("expr: amount", "expr: amount, create_metric: true")
    said = problems(text, "metrics: [{name: revenue, type: ratio, numerator: x, denominator: y}]")
    assert said == [
        "error duplicate-name: `create_metric` would make a second metric named `revenue`"
    ]


# -- places


def places(text: str, *more: str) -> list[str]:
    return [str(issue.location) for issue in read(text, *more)[1]]


def test_a_typing_error_in_the_name_of_a_measure_is_pointed_at() -> None:
    text = """metrics:
  - name: it
    type: simple
    type_params:
      measure:
        name: revnue
"""
    (issue,) = read(text, ORDERS)[1]
    assert str(issue.location) == "0.yml:6:15"
    assert issue.location is not None and issue.location.length == len("revnue")


def test_an_unknown_key_is_pointed_at() -> None:
    assert places("semantic_models:\n  - name: o\n    model: ref('o')\n    defualts: {}") == [
        "0.yml:4:5"
    ]


def test_values_of_a_metric_stand_where_they_were_written() -> None:
    metrics = """metrics:
  - name: first
    model: orders
    agg: sum
  - name: it
    type: simple
    filter: "{{ b }} > 1"
    type_params:
      measure: {name: revenue, filter: "{{ a }} = 2", fill_nulls_with: 0}
"""
    page = read(metrics, ORDERS)[0][0]
    where = {
        ("metrics", 0, "agg"): "0.yml:4:10",
        ("metrics", 1): "0.yml:5:5",
        ("metrics", 1, "name"): "0.yml:5:11",
        ("metrics", 1, "filter", 0): "0.yml:9:40",
        ("metrics", 1, "filter", 1): "0.yml:7:13",
        ("metrics", 1, "fill_nulls_with"): "0.yml:9:72",
        ("metrics", 1, "agg"): "1.yml:7:30",
        ("metrics", 1, "expr"): "1.yml:7:41",
        ("metrics", 1, "model"): "1.yml:3:11",
    }
    assert {path: str(page.at(path)) for path in where} == where


def test_a_word_inside_a_moved_string_is_found() -> None:
    metrics = (
        'metrics: [{name: it, type: simple, filter: "b = 1",\n'
        '  type_params: {measure: {name: revenue, filter: "abc = 2"}}}]'
    )
    page = read(metrics, ORDERS)[0][0]
    assert str(page.within(("metrics", 0, "filter", 0), 1, 2)) == "0.yml:2:52"
    assert str(page.within(("metrics", 0, "filter", 1), 4, 1)) == "0.yml:1:49"


def test_a_created_metric_stands_where_its_measure_does() -> None:
    text = ORDERS.replace("expr: amount", "expr: amount, create_metric: true")
    page = read(text, "metrics: [{name: it, type: cumulative, type_params: {measure: buyers}}]")[0]
    assert str(page[0].at(("metrics", 0))) == "0.yml:7:9"
    assert str(page[0].at(("metrics", 0, "expr"))) == "0.yml:7:41"
    assert str(page[0].at(("metrics", 1, "name"))) == "0.yml:8:16"


def test_what_was_made_stands_at_what_it_was_made_from() -> None:
    page = read(ORDERS + "metrics: [{name: it, type: cumulative, type_params: {measure: buyers}}]")[
        0
    ][0]
    assert page.has(("metrics", 0, "type"))
    assert not page.has(("metrics", 1, "hidden"))
    assert str(page.at(("metrics", 1, "hidden"))) == "0.yml:8:9"
    assert str(page.at_key(("models", 0, "semantic_model"))) == "0.yml:3:5"


def test_dimensions_keep_their_places() -> None:
    text = """semantic_models:
  - name: orders
    model: ref('fct')
    defaults:
      agg_time_dimension: day
    dimensions:
      - name: day
        type: time
        type_params:
          time_granularity: DAY
"""
    page = read(text)[0][0]
    where = {
        ("models", 0, "ref"): "0.yml:3:12",
        ("models", 0, "agg_time_dimension"): "0.yml:5:27",
        ("models", 0, "derived_semantics", "dimensions", 0, "granularity"): "0.yml:10:29",
        ("models", 0, "derived_semantics", "dimensions", 0, "name"): "0.yml:7:15",
        ("models", 0, "derived_semantics", "dimensions"): "0.yml:7:7",
    }
    assert {path: str(page.at(path)) for path in where} == where


def test_the_second_document_of_a_text_has_its_own_places() -> None:
    text = "semantic_model: {name: a, model: ref('a')}\n---\nmetric: {name: it, type: simple, type_params: {measure: zz}}"
    assert places(text) == ["0.yml:3:57"]


def test_an_entry_with_problems_is_marked_as_broken() -> None:
    page = read("metrics: [{name: it, type: simple, type_params: {measure: zz}}]")[0][0]
    assert page.is_broken(("metrics", 0))
    assert not page.is_broken(("metrics", 1))


# -- anything at all

_WORDS = (
    "a orders revenue sum percentile median count simple ratio derived cumulative conversion time "
    "ref('x') {{x}} shop.orders"
)
_KEYS = (
    "name type model type_params measure measures entities dimensions agg agg_params percentile "
    "filter numerator denominator metrics expr config meta cumulative_type_params window metric "
    "conversion_type_params metric_aggregation_params non_additive_dimension defaults entity "
    "node_relation alias relation_name location time_spines time_spine_table_configurations "
    "primary_column where_filters base_measure conversion_measure fill_nulls_with create_metric "
    "join_to_timespine semantic_model columns time_spine where query_params exports refs sources "
    "tags depends_on group zzz"
)
_TOP_KEYS = (
    "semantic_models metrics saved_queries exposures models semantic_model metric saved_query "
    "project_configuration mf_config_schema nodes"
)
_LEAF = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", *_WORDS.split()])
_KEY, _TOP = st.sampled_from(_KEYS.split()), st.sampled_from(_TOP_KEYS.split())
_VALUE = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_KEY, inner, max_size=4),
    max_leaves=8,
)
_ENTRY = st.dictionaries(_KEY, _VALUE, max_size=5)
_FILE = st.dictionaries(_TOP, _VALUE | st.lists(_ENTRY, max_size=3) | _ENTRY, max_size=4)
_MANIFEST = {"metadata": {"dbt_schema_version": "v12"}, "nodes": {}}


@settings(max_examples=200, deadline=None)
@given(st.lists(_FILE, max_size=2), st.booleans())
def test_any_data_is_translated_or_reported(values: list[dict[str, Any]], manifest: bool) -> None:
    documents, issues = [], list[Issue]()
    for number, value in enumerate(values):
        text = json.dumps(_MANIFEST | value if manifest else value)
        documents += read_yaml_documents(f"{number}.yml", text)[0]
    for page in native_documents(documents, issues):
        assert page.at(("metrics", 0, "name")) is not None
    assert all(issue.location for issue in issues)
