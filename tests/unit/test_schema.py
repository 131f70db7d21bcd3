"""The JSON Schemas: what kpilayer accepts they accept, and what it refuses at sight they refuse.

Truth is the loader: files of this repository, the broken files of `tests/messages`, and values that
the types are asked about one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from kpilayer.cli.schema import as_text
from kpilayer.load.dbt.forms import _LEGACY_KEYS
from kpilayer.load.decode import _LISTS, _SWITCH
from kpilayer.load.known import IGNORED, NOT_YET
from kpilayer.load.lock_file import write_lock
from kpilayer.load.reader import read_yaml_documents
from kpilayer.model.config import ProjectConfig
from kpilayer.model.field_docs import field_docs
from kpilayer.model.lock import Lock, LockedColumn, LockedRelation
from kpilayer.model.metric import KINDS
from kpilayer.model.names import Definition
from kpilayer.model.semantic_model import Model
from kpilayer.model.source import Source
from kpilayer.model.usage import Exposure, Group, SavedQuery
from kpilayer.schema import FILES, schema_of
from kpilayer.snippets import DIALECTS
from kpilayer.warehouse.postgres import _PARAMETERS

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = {kind: schema_of(kind) for kind in FILES}
VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}


def documents(path: Path) -> list[Any]:
    """The documents of a YAML file as kpilayer reads them."""
    found, _ = read_yaml_documents(str(path), path.read_text(encoding="utf-8"))
    return [document.data for document in found]


def read(text: str) -> Any:
    found, issues = read_yaml_documents("text.yml", text)
    assert not issues
    return found[0].data


def complaints(kind: str, data: Any) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in VALIDATORS[kind].iter_errors(data)]


# ---------------------------------------------------------------------------------------- well made


@pytest.mark.parametrize("kind", FILES)
def test_a_schema_is_a_schema_of_2020_12(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])
    assert SCHEMAS[kind]["$schema"].endswith("2020-12/schema")


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from parts(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from parts(inner)


@pytest.mark.parametrize("kind", FILES)
def test_references_lead_somewhere_and_nothing_is_unused(kind: str) -> None:
    used = {part["$ref"] for part in parts(SCHEMAS[kind]) if isinstance(part.get("$ref"), str)}
    assert used == {f"#/$defs/{name}" for name in SCHEMAS[kind].get("$defs", {})}


@pytest.mark.parametrize("kind", FILES)
def test_patterns_mean_the_same_in_an_editor(kind: str) -> None:
    """JSON Schema has the patterns of ECMAScript, which lack what Python adds."""
    for part in parts(SCHEMAS[kind]):
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            assert not re.search(r"\\[AZ]|\(\?P|\(\?[a-z]|\(\?<", pattern), pattern


def test_titles_are_short() -> None:
    for part in parts(SCHEMAS["kpilayer"]):
        if isinstance(part.get("title"), str):
            assert len(part["title"]) <= 25


def test_every_field_of_every_type_explains_itself() -> None:
    defs = SCHEMAS["definitions"]["$defs"]
    for kind in (*KINDS.values(), Model, SavedQuery, Exposure, Group):
        for key, info in kind.model_fields.items():
            schema = defs[kind.__name__]["properties"][info.alias or key]
            assert schema["description"], f"{kind.__name__}.{key}"
            if key not in ("type", "config"):
                assert schema["description"] == field_docs(kind)[key]


def test_defaults_of_types_are_those_of_the_schema() -> None:
    assert SCHEMAS["project"]["properties"]["dialect"]["default"] == "duckdb"
    metric = SCHEMAS["definitions"]["$defs"]["SimpleMetric"]["properties"]
    assert metric["hidden"]["default"] is False
    assert metric["version"]["default"] == 1
    assert "default" not in metric["label"]


def test_aggregations_types_and_dialects_are_completed() -> None:
    defs = SCHEMAS["definitions"]["$defs"]
    assert "approx_count_distinct" in defs["SimpleMetric"]["properties"]["agg"]["anyOf"][0]["enum"]
    assert defs["NativeMetric"]["properties"]["type"]["enum"] == list(KINDS)
    assert SCHEMAS["project"]["properties"]["dialect"]["enum"] == list(DIALECTS)


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind != "kpilayer"])
def test_published_schemas_are_fresh(kind: str) -> None:
    text = (ROOT / f"docs/schema/{kind}.json").read_text(encoding="utf-8")
    assert text == as_text(SCHEMAS[kind]), "run `python docs/generate.py`"


def test_only_schemas_are_published() -> None:
    published = {path.stem for path in (ROOT / "docs/schema").iterdir()}
    assert published == set(FILES) - {"kpilayer"}


# ------------------------------------------------------------------------------------------ accepts


WRITTEN = sorted(
    path
    for folder in ("models", "metrics", "tests/real", "tests/messages/shop", "tests/dbt")
    for path in (ROOT / folder).rglob("*.yml")
    if path.relative_to(ROOT).parts[0] in ("models", "metrics")
    or {"models", "metrics"} & set(path.relative_to(ROOT / folder).parts)
)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_definitions_of_this_repository_are_accepted(path: Path) -> None:
    for data in documents(path):
        assert complaints("definitions", data) == []
        assert complaints("kpilayer", data) == []


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("project", "**/kpilayer.yml"),
        ("profiles", "tests/**/profiles.yml"),
        ("lock", "**/kpilayer.lock"),
    ],
)
def test_other_files_of_this_repository_are_accepted(kind: str, pattern: str) -> None:
    paths = [p for p in ROOT.glob(pattern) if not p.relative_to(ROOT).parts[0].startswith(".")]
    assert paths
    for path in paths:
        for data in documents(path):
            assert complaints(kind, data) == []
            assert complaints("kpilayer", data) == []


def test_every_yaml_file_of_the_example_is_checked() -> None:
    example = {*(ROOT / "models").rglob("*.yml"), *(ROOT / "metrics").rglob("*.yml")}
    assert example <= set(WRITTEN)
    assert len(example) >= 5


def test_what_init_writes_is_accepted() -> None:
    from kpilayer.cli.starter import starter_files

    files = starter_files("shop")
    assert complaints("project", read(files["kpilayer.yml"])) == []
    assert complaints("definitions", read(files["models/shop.yml"])) == []
    assert complaints("definitions", read(files["metrics/sales.yml"])) == []


def test_a_lock_that_is_written_is_accepted() -> None:
    columns = (LockedColumn("id", "BIGINT", nullable=False), LockedColumn("at", "DATE"))
    for relations in ({}, {"orders": LockedRelation(columns, (("id",), ("id", "at")))}):
        data = read(write_lock(Lock("duckdb", relations)))
        assert complaints("lock", data) == []
        assert complaints("kpilayer", data) == []


ACCEPTED = {
    "an empty file": "",
    "an empty list": "metrics:",
    "a metric over a model": "metrics: [{name: margin, model: orders, agg: sum, expr: a - b}]",
    "an aggregation in capitals": "metrics: [{name: margin, model: orders, agg: SUM}]",
    "a number as an expression": "metrics: [{name: rows, model: orders, agg: count, expr: 1}]",
    "conditions as one text": "metrics: [{name: paid, input_metric: orders, filter: a = 1}]",
    "conditions as a list": "metrics: [{name: paid, input_metric: orders, filter: [a = 1, b]}]",
    "an input with a filter": "metrics: [{name: paid, input_metric: {name: orders, filter: a}}]",
    "group, tags and meta beside config": "metrics: [{name: paid, input_metric: orders, group: g, "
    "tags: x, meta: {owner: x}}]",
    "tags as a list": "metrics: [{name: paid, input_metric: orders, config: {tags: [a, b]}}]",
    "Jinja for a number": "metrics: [{name: p_of, model: orders, agg: percentile, "
    "percentile: \"{{ var('p') }}\"}]",
    "Jinja for a flag": "metrics: [{name: paid, input_metric: orders, hidden: \"{{ var('h') }}\"}]",
    "Jinja for a choice": "metrics: [{name: paid, model: orders, agg: \"{{ var('agg') }}\"}]",
    "Jinja in a name": "metrics: [{name: \"paid_{{ var('x') }}\", input_metric: orders}]",
    "Jinja for a length": "metrics: [{name: trail, type: cumulative, input_metric: a, "
    "window: \"{{ var('days') }} days\"}]",
    "an aggregate expression": "metrics: [{name: margin, model: orders, sql: SUM(a) / COUNT(b)}]",
    "a window and an empty grain": "metrics: [{name: trail, type: cumulative, input_metric: a, "
    "window: 28 days, grain_to_date: null}]",
    "a metric inside a model": "models: [{name: orders, semantic_model: true, "
    "metrics: [{name: rows, agg: count}]}]",
    "words for roles": "models: [{name: orders, semantic_model: true, columns: [{name: order_id, "
    "entity: primary}, {name: status, dimension: categorical}, {name: day_of, granularity: day, "
    "dimension: time}]}]",
    "an ordinary model of dbt": "models: [{name: stg_orders, whatever: 1, columns: [{name: a, "
    "anything: true}], config: {materialized: table}}]",
    "a model that is switched off": "models: [{name: orders, semantic_model: {enabled: false}, "
    "columns: [{name: a, entity: primary, anything: 1}]}]",
    "settings of dbt's adapters": "models: [{name: orders, semantic_model: true, "
    "config: {materialized: table, cluster_by: [a], group: finance}}]",
    "dbt's properties of a semantic model": "models: [{name: orders, semantic_model: true, "
    "access: public, latest_version: 1, tests: [unique], columns: [{name: a, data_tests: [unique], "
    "data_type: int, quote: true}]}]",
    "a time spine": "models: [{name: days, time_spine: {standard_granularity_column: day_of}, "
    "columns: [{name: day_of, granularity: day}]}]",
    "a time spine that is a semantic model": "models: [{name: days, semantic_model: true, "
    "time_spine: {standard_granularity_column: day_of}, columns: [{name: day_of, "
    "granularity: day, entity: primary}]}]",
    "dbt's other lists": "version: 2\nseeds: [{name: x}]\nunit_tests: []\nanchors: {a: 1}",
    "a source with anything else": "sources: [{name: raw, schema: s, loader: x, tables: [{name: t, "
    "freshness: {}}]}]",
    "a source with nothing under config": "sources: [{name: raw, config: , tables: [{name: t, "
    "config: }]}]",
    "an owner with a chat": "groups: [{name: finance, owner: {name: F, chat: '#finance'}}]",
    "one address": "groups: [{name: finance, owner: {email: a@example.com}}]",
    "a saved query": "saved_queries: [{name: monthly, tags: x, query_params: {metrics: a, "
    "group_by: metric_time__month, where: a = 1, order_by: [-a], limit: 3}, "
    "exports: [{name: e, config: {export_as: table, schema: s}}], config: {cache: {enabled: true}}}]",
    "legacy: a measure by name": "metrics: [{name: revenue, type: simple, label: R, "
    "type_params: {measure: revenue}}]",
    "legacy: words in capitals": "semantic_models: [{name: orders, model: ref('o'), entities: "
    "[{name: order, type: PRIMARY}], dimensions: [{name: at, type: TIME, type_params: "
    "{time_granularity: DAY}}], measures: [{name: revenue, agg: SUM}]}]",
    "legacy: empty keys": "semantic_models: [{name: orders, model: ref('o'), description: , "
    "defaults: , measures: [{name: revenue, agg: sum, expr: , agg_params: }]}]",
    "legacy: aggregation without a measure": "metrics: [{name: revenue, type: simple, type_params: "
    "{metric_aggregation_params: {semantic_model: orders, agg: sum}, expr: amount}}]",
    "legacy: a conversion": "metrics: [{name: buys, type: conversion, type_params: "
    "{conversion_type_params: {entity: user, base_measure: {name: visits}, "
    "conversion_measure: buys, window: 7 days}}}]",
    "legacy: measures of a native model": "models: [{name: orders, semantic_model: true, "
    "measures: [{name: revenue, agg: sum, create_metric: true}]}]",
    "MetricFlow: a semantic model": "semantic_model: {name: orders, node_relation: "
    "{schema_name: s, alias: orders}, entities: [{name: order, type: primary, role: x}]}",
    "MetricFlow: a metric": "metric: {name: revenue, type: simple, type_params: {measure: r}}",
    "MetricFlow: time spines": "project_configuration: {time_spines: [{node_relation: {alias: d, "
    "schema_name: s}, primary_column: {name: ds, time_granularity: day}}]}",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_spellings_that_kpilayer_reads_are_accepted(text: str) -> None:
    assert complaints("definitions", read(text)) == []


# ------------------------------------------------------------------------------------------ refuses


REFUSED = {
    "a list at the top": "[{name: margin}]",
    "an unknown list": "modles: []",
    "a list that is none": "metrics: {margin: {model: orders}}",
    "an entry that is a word": "metrics: [margin]",
    "an unknown key of a metric": "metrics: [{name: margin, modell: orders, agg: sum}]",
    "an unknown key of an input": "metrics: [{name: rate, type: ratio, numerator: {name: a, "
    "filer: x}, denominator: b}]",
    "a key of another kind of metric": "metrics: [{name: rate, type: ratio, numerator: a, "
    "denominator: b, agg: sum}]",
    "an unknown aggregation": "metrics: [{name: margin, model: orders, agg: summ}]",
    "an unknown kind of metric": "metrics: [{name: margin, type: rato}]",
    "a percentile of 95": "metrics: [{name: margin, model: orders, agg: percentile, "
    "percentile: 95}]",
    "a percentile of a maximum": "metrics: [{name: margin, model: orders, agg: max, "
    "percentile: 0.5}]",
    "no percentile": "metrics: [{name: margin, model: orders, agg: percentile}]",
    "a variant with an aggregation": "metrics: [{name: paid, input_metric: revenue, agg: sum}]",
    "a list for a name": "metrics: [{name: paid, model: [orders], agg: sum}]",
    "an unknown status": "metrics: [{name: paid, input_metric: a, status: live}]",
    "a word for a flag": "metrics: [{name: paid, input_metric: a, hidden: maybe}]",
    "a word for a list": "metrics: [{name: paid, input_metric: a, synonyms: spend}]",
    "a number for a text": "metrics: [{name: paid, input_metric: a, label: 2026}]",
    "a metric without a name": "metrics: [{model: orders, agg: sum}]",
    "a metric without a model": "metrics: [{name: margin, agg: sum}]",
    "a metric without an aggregation": "metrics: [{name: margin, model: orders}]",
    "a ratio without a denominator": "metrics: [{name: margin, type: ratio, numerator: a}]",
    "a name with spaces": "metrics: [{name: gross margin, model: orders, agg: sum}]",
    "a name with two underscores": "metrics: [{name: gross__margin, model: orders, agg: sum}]",
    "a name that is taken": "metrics: [{name: month, model: orders, agg: sum}]",
    "a length without a space": "metrics: [{name: trail, type: cumulative, input_metric: a, "
    "window: 28d}]",
    "a length of nothing": "metrics: [{name: trail, type: cumulative, input_metric: a, "
    "window: 0 days}]",
    "a window and a grain": "metrics: [{name: trail, type: cumulative, input_metric: a, "
    "window: 28 days, grain_to_date: month}]",
    "two offsets": "metrics: [{name: growth, type: derived, expr: a, input_metrics: [{name: a, "
    "offset_window: 1 month, offset_to_grain: month}]}]",
    "a funnel of one step": "metrics: [{name: path, type: funnel, entity: user, steps: [a]}]",
    "a switch that is a word": "models: [{name: visits, semantic_model: yes}]",
    "an unknown key of a model": "models: [{name: visits, semantic_model: true, colums: []}]",
    "an unknown key of a column": "models: [{name: visits, semantic_model: true, columns: "
    "[{name: page, dimention: categorical}]}]",
    "an unknown key of an entity": "models: [{name: visits, semantic_model: true, columns: "
    "[{name: visit_id, entity: {type: primary, nam: visit}}]}]",
    "an unknown role": "models: [{name: visits, semantic_model: true, columns: "
    "[{name: visit_id, entity: primry}]}]",
    "a column that is a word": "models: [{name: visits, semantic_model: true, columns: [a]}]",
    "a time dimension without a grain": "models: [{name: visits, semantic_model: true, columns: "
    "[{name: at, dimension: time}]}]",
    "entities without the switch": "models: [{name: sites, columns: [{name: a, entity: primary}]}]",
    "a relation and a path": "models: [{name: a1, semantic_model: true, relation: a, path: b}]",
    "a spine without its column": "models: [{name: days, time_spine: {}, columns: []}]",
    "a kind of exposure that is none": "exposures: [{name: board, type: dashbord}]",
    "a saved query without a question": "saved_queries: [{name: monthly}]",
    "what is for a later version": "scorecards: []",
    "legacy: an unknown parameter": "metrics: [{name: revenue, type: simple, type_params: "
    "{mesure: revenue}}]",
    "legacy: no parameter": "metrics: [{name: revenue, type: ratio, type_params: {}}]",
    "legacy: an unknown kind": "metrics: [{name: revenue, type: nested, type_params: {}}]",
    "legacy: a key of the native form": "metrics: [{name: revenue, type: simple, agg: sum, "
    "type_params: {measure: revenue}}]",
    "legacy: an unknown key of a measure": "semantic_models: [{name: orders, model: ref('o'), "
    "measures: [{name: revenue, agg: sum, exp: x}]}]",
    "legacy: a time dimension without a grain": "semantic_models: [{name: orders, model: ref('o'), "
    "dimensions: [{name: at, type: time}]}]",
    "legacy: a flag that is a word": "semantic_models: [{name: orders, model: ref('o'), "
    "measures: [{name: revenue, agg: sum, create_metric: yes}]}]",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_kpilayer_refuses_at_sight_is_refused(text: str) -> None:
    assert complaints("definitions", read(text))
    assert complaints("kpilayer", read(text))


@pytest.mark.parametrize(
    "text",
    [
        "{name: shop, model_paths: [models]}",
        "{name: shop, timezone: berlin}",
        "{name: shop, week_start: today}",
        "{name: shop, fiscal_year_start: 4}",
        "{name: shop, dialect: duckdbb}",
        "{name: my shop}",
        "{name: shop, model-paths: models}",
        "[name]",
    ],
)
def test_a_project_file_that_kpilayer_refuses_is_refused(text: str) -> None:
    assert complaints("project", read(text))


@pytest.mark.parametrize("text", ["shop: {target: dev}", "shop: {outputs: {dev: {schema: a}}}"])
def test_profiles_that_kpilayer_refuses_are_refused(text: str) -> None:
    assert complaints("profiles", read(text))


# ------------------------------------------------------------------------------------- the loader


#: Codes that say what a schema can see; the others need other files, SQL or data.
VISIBLE = {"unknown-field", "bad-value", "missing-field", "bad-name"}
#: Complaints of these codes that no schema can make, by a part of their text.
BEYOND = (
    "has dimensions, but no primary or unique entity",  # any column may be one
    "is a reserved name",  # of a column that is a dimension
    "is not the name of a table",
    "is not a time dimension",
    "needs `name`",  # of a project, which a dbt project beside it may give
)


def broken_files() -> Iterator[tuple[str, str, str, str]]:
    """Each file of the literate tests, its text, and the issues that are told of its project."""
    block = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$|^## [^\n]*$", re.M | re.S)
    for page in sorted((ROOT / "tests/messages").glob("*.md")):
        files: dict[str, str] = {}
        for found in block.finditer(page.read_text(encoding="utf-8")):
            if found["info"] is None:
                files = {}
            elif found["info"] == "text":
                for path, text in files.items():
                    yield page.stem, path, text, found["body"]
            elif found["info"].startswith("yaml "):
                files[found["info"].removeprefix("yaml ")] = found["body"]


def test_broken_files_of_the_messages_are_refused_for_what_is_visible() -> None:
    checked = 0
    for page, path, text, issues in broken_files():
        told = re.findall(rf"^{re.escape(path)}:\d+:\d+: error\[([\w-]+)\]: (.*)$", issues, re.M)
        visible = [m for code, m in told if code in VISIBLE and not any(b in m for b in BEYOND)]
        found, problems = read_yaml_documents(path, text)
        kinds = {"kpilayer.yml": "project", "profiles.yml": "profiles"}
        folder = path.split("/")[0]
        kind = "definitions" if folder in ("models", "metrics") else kinds.get(path)
        if kind is None or problems or not path.endswith(".yml"):
            continue
        wrong = [c for document in found for c in complaints(kind, document.data)]
        if visible:
            checked += 1
            assert wrong, f"{page}: {path}: {visible}"
        elif not told:
            assert not wrong, f"{page}: {path}: {wrong}"
    assert checked >= 8


# ---------------------------------------------------------------------------------------- the types

#: A valid definition of each type: where it stands in a file, and what it says.
SPECIMENS: dict[type[Definition], tuple[str, dict[str, Any]]] = {
    KINDS["simple"]: ("metrics", {"name": "margin", "model": "orders", "agg": "sum"}),
    KINDS["sql"]: (
        "metrics",
        {"name": "margin", "type": "sql", "model": "orders", "sql": "SUM(a)"},
    ),
    KINDS["ratio"]: (
        "metrics",
        {"name": "rate", "type": "ratio", "numerator": "a", "denominator": "b"},
    ),
    KINDS["derived"]: (
        "metrics",
        {"name": "sum_of", "type": "derived", "expr": "a", "input_metrics": ["a"]},
    ),
    KINDS["cumulative"]: ("metrics", {"name": "all_of", "type": "cumulative", "input_metric": "a"}),
    KINDS["conversion"]: (
        "metrics",
        {
            "name": "buys",
            "type": "conversion",
            "entity": "user",
            "base_metric": "a",
            "conversion_metric": "b",
        },
    ),
    KINDS["nested"]: (
        "metrics",
        {"name": "mean", "type": "nested", "agg": "average", "input_metric": "a", "per": ["user"]},
    ),
    KINDS["share"]: ("metrics", {"name": "part", "type": "share", "input_metric": "a"}),
    KINDS["funnel"]: (
        "metrics",
        {"name": "path", "type": "funnel", "entity": "user", "steps": ["a", "b"]},
    ),
    Model: ("models", {"name": "orders", "semantic_model": True}),
    SavedQuery: ("saved_queries", {"name": "monthly", "query_params": {"metrics": ["a"]}}),
    Exposure: ("exposures", {"name": "board", "type": "dashboard"}),
    Group: ("groups", {"name": "finance"}),
    Source: ("sources", {"name": "raw"}),
    ProjectConfig: ("", {"name": "shop"}),
}
#: Keys that decoding takes away before the types see them, or changes.
DECODED = {"semantic_model", "type", "config", "version", "dialect"}

WORDS = [
    *("word", "two words", "a = 1", "Margin", "day", "month", "sum", "SUM", "28 days", "1 month"),
    *(
        "7 fortnights",
        "30d",
        "0 days",
        "primary",
        "time",
        "table",
        "2026-01-31",
        "7",
        "0.5",
        "true",
    ),
    *("first", "period_end", "spine", "a" * 80, "x__y", "1st", "certified", "dashboard", "UTC"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 100),
    st.sampled_from([0.5, 1.5]),
    st.sampled_from(WORDS),
)
KEYS = st.sampled_from(
    [
        *("name", "type", "filter", "alias", "expr", "agg", "granularity", "offset_window", "to"),
        *("is_start", "from", "metric", "tolerance", "version", "until", "by", "date", "config"),
        *("fingerprint", "export_as", "group_by", "window_agg", "entity", "dimension", "columns"),
        *("email", "enabled", "limit", "metrics", "between", "dimensions", "entities", "where"),
        *("base_property", "conversion_property", "meta", "given", "query", "never_negative"),
        *("monotone", "sums_to"),
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)


def is_accepted(kind: type[Definition], data: dict[str, Any]) -> bool:
    try:
        kind.model_validate(data)
    except ValidationError:
        return False
    return True


def file_of(kind: type[Definition], data: dict[str, Any]) -> tuple[str, Any]:
    key, _ = SPECIMENS[kind]
    return ("definitions", {key: [data]}) if key else ("project", data)


@pytest.mark.parametrize("kind", SPECIMENS, ids=lambda kind: kind.__name__)
def test_specimens_are_valid(kind: type[Definition]) -> None:
    assert is_accepted(kind, SPECIMENS[kind][1])
    assert complaints(*file_of(kind, SPECIMENS[kind][1])) == []


def is_loose(value: Any) -> bool:
    """Whether pydantic reads it as something else: 1 as true, true as 1, a number as a date."""
    if isinstance(value, list):
        return any(is_loose(inner) for inner in value)
    if isinstance(value, dict):
        return any(is_loose(inner) for inner in value.values())
    return isinstance(value, (bool, int, float))


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_what_the_types_accept_the_schema_accepts(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(SPECIMENS)))
    keys = {info.alias or key: info for key, info in kind.model_fields.items()}
    key = data.draw(st.sampled_from(sorted(set(keys) - DECODED)))
    value = data.draw(VALUES)
    changed = {**SPECIMENS[kind][1], key: value}
    if is_accepted(kind, changed):
        assert complaints(*file_of(kind, changed)) == [] or is_loose(value)


#: One value of each sort, for each field of each type.
ONE_OF_EACH: list[Any] = [
    *(
        None,
        True,
        7,
        0.5,
        "word",
        "two words",
        "28 days",
        "0 days",
        "month",
        "7",
        "x__y",
        "{{ x }}",
    ),
    *([], ["word"], [7], [None], [["word"]], {}, {"name": "word"}, {"nam": "word"}, {"type": "x"}),
    *([{"name": "word"}], [{"nam": "word"}], {"name": "word", "filter": {}}, {"a": [{"b": 1}]}),
    *({"name": "word", "alias": "no name"}, {"enabled": 3}, {"email": 3}, "2026-01-31"),
]


@pytest.mark.parametrize("kind", SPECIMENS, ids=lambda kind: kind.__name__)
def test_types_and_schema_agree_on_every_field(kind: type[Definition]) -> None:
    differ = []
    for name, info in kind.model_fields.items():
        key = info.alias or name
        for value in ONE_OF_EACH:
            if key in DECODED or value == "{{ x }}":
                continue
            changed = {**SPECIMENS[kind][1], key: value}
            by_types = is_accepted(kind, changed)
            by_schema = complaints(*file_of(kind, changed)) == []
            if by_types != by_schema and not (by_types and is_loose(value)):
                differ.append((key, value))
    assert differ == []


# ---------------------------------------------------------------------------------------- the tables


def test_every_key_that_decoding_knows_is_in_the_schema() -> None:
    schema = SCHEMAS["definitions"]
    top = schema["properties"]
    assert set(top) == set(_LISTS) | set(_LEGACY_KEYS)
    for key in IGNORED["file"]:
        assert complaints("definitions", {key: [{"anything": 1}]}) == []
    for key in NOT_YET["file"]:
        assert complaints("definitions", {key: []})
    switch = schema["$defs"]["Model"]["properties"]["semantic_model"]
    assert set(switch["properties"]) == set(_SWITCH)


@pytest.mark.parametrize("place", ["model", "column", "dimension"])
def test_what_decoding_passes_over_is_accepted(place: str) -> None:
    for key in IGNORED[place]:
        model: dict[str, Any] = {"name": "orders", "semantic_model": True}
        column: dict[str, Any] = {"name": "status", "dimension": {"type": "categorical"}}
        {"model": model, "column": column, "dimension": column["dimension"]}[place][key] = "x"
        assert complaints("definitions", {"models": [{**model, "columns": [column]}]}) == []


def test_profiles_name_every_setting_that_kpilayer_reads() -> None:
    known = SCHEMAS["profiles"]["$defs"]["Target"]["properties"]
    for spellings in _PARAMETERS.values():
        assert set(spellings) <= set(known)
