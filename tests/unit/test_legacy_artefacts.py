"""What dbt and MetricFlow made of one project, and the project itself: one native form.

The JSON in ``legacy/`` was written by dbt-core 1.11 (`dbt parse` of semantic.yml), by MetricFlow
0.213 from that (it turns measures into metrics), and by dbt-core 1.12 (of latest_dbt_1_12.yml).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kpilayer.errors import Issue
from kpilayer.load.dbt import artefacts as dbt_artefacts
from kpilayer.load.dbt.artefacts import is_manifest, is_semantic_manifest, read_artefact
from kpilayer.load.dbt.forms import native_documents
from kpilayer.load.document import Document
from kpilayer.load.moved import Moved
from kpilayer.load.reader import read_yaml, read_yaml_documents
from kpilayer.model.metric import KINDS
from kpilayer.model.semantic_model import Model
from kpilayer.model.time_spine import TimeSpine
from kpilayer.model.usage import Exposure, SavedQuery

HERE = Path(__file__).parent / "legacy"
DBT, METRICFLOW = "semantic_manifest_dbt_1_11.json", "semantic_manifest_metricflow_0_213.json"
MANIFEST = "manifest_dbt_1_11.json"


def artefact(name: str, text: str | None = None) -> Document:
    document, issues = read_artefact(name, text or (HERE / name).read_text(encoding="utf-8"))
    assert document is not None and issues == ()
    return document


def native(document: Document) -> dict[str, Any]:
    issues = list[Issue]()
    (page,) = native_documents([document], issues)
    assert issues == []
    assert isinstance(page.data, dict)
    return page.data


def written() -> dict[str, Any]:
    document, _ = read_yaml("semantic.yml", (HERE / "semantic.yml").read_text(encoding="utf-8"))
    assert document is not None
    return native(document)


def latest(name: str = "latest.yml") -> dict[str, Any]:
    document, _ = read_yaml(name, (HERE / name).read_text(encoding="utf-8"))
    assert document is not None
    data = document.data
    assert isinstance(data, dict)
    assert native_documents([document], []) == [document]
    inside = []
    for model in data["models"]:
        name = model.get("name")
        if isinstance(switch := model.get("semantic_model"), dict):
            name = switch["name"]
        for metric in model.get("metrics", []):
            is_simple = metric.get("type", "simple") == "simple"
            inside.append({"model": name, **metric} if is_simple else metric)
    return {**data, "metrics": inside + data.get("metrics", [])}


#: What says nothing about the number: dbt fills some of it in by itself.
_WORDS = ("label", "description", "config", "hidden")


def metrics(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Metrics by name, as typed values, without the words around them."""
    found = {}
    for entry in data["metrics"]:
        value = KINDS[entry.get("type", "simple")].model_validate(entry).model_dump()
        found[entry["name"]] = {k: v for k, v in value.items() if k not in _WORDS}
    return found


def models(data: dict[str, Any]) -> list[Model]:
    found = [Model.model_validate(m) for m in data["models"] if "time_spine" not in m]
    return [m.model_copy(update={"relation": None, "config": None}) for m in found]


@pytest.mark.parametrize("name", [DBT, MANIFEST])
def test_what_dbt_parsed_is_what_is_written(name: str) -> None:
    assert metrics(native(artefact(name))) == metrics(written())
    assert models(native(artefact(name))) == models(written())


def test_metricflow_makes_the_same_metrics_of_measures() -> None:
    """Their names, hidden ones included, their inputs, filters and flags."""
    theirs, ours = metrics(native(artefact(METRICFLOW))), metrics(native(artefact(DBT)))
    assert theirs.keys() == ours.keys()
    rewritten = {"large_orders", "order_count", "median_amount", "visit_count_fill_nulls_with_0"}
    assert {n for n in ours if theirs[n] != ours[n]} == rewritten
    assert theirs["large_orders"]["expr"] == "CASE WHEN is_large THEN 1 ELSE 0 END"
    assert (theirs["order_count"]["agg"], theirs["order_count"]["expr"]) == ("sum", "1")
    assert (theirs["median_amount"]["agg"], theirs["median_amount"]["percentile"]) == (
        "percentile",
        0.5,
    )


def test_the_latest_form_says_the_same_as_the_legacy_one() -> None:
    assert metrics(latest()) == metrics(written())


def test_what_dbt_1_12_makes_of_the_latest_form_is_what_is_written() -> None:
    """But for `fill_nulls_with`, which dbt-core 1.12.6 loses (dbt-core #13037)."""
    theirs = metrics(native(artefact("semantic_manifest_dbt_1_12.json")))
    ours = metrics(latest("latest_dbt_1_12.yml"))
    assert ours["filled"].pop("fill_nulls_with") == 0
    assert theirs["filled"].pop("fill_nulls_with") is None
    times = {"orders": "ordered_at", "visits": "visited_at"}
    for metric in ours.values():
        if metric.get("model"):
            metric["agg_time_dimension"] = times[metric["model"]]  # dbt writes the default out
    assert theirs == ours


def test_documents_of_metricflow_say_the_same_as_the_lists() -> None:
    document, _ = read_yaml("semantic.yml", (HERE / "semantic.yml").read_text(encoding="utf-8"))
    assert document is not None and isinstance(document.data, dict)
    single = [{"semantic_model": m} for m in document.data["semantic_models"]]
    single += [{"metric": m} for m in document.data["metrics"]]
    single += [{"saved_query": q} for q in document.data["saved_queries"]]
    text = "\n---\n".join(json.dumps(one) for one in single)
    documents, _ = read_yaml_documents("all.yml", text)
    issues = list[Issue]()
    pages = native_documents(documents, issues)
    assert issues == []
    merged: dict[str, list[Any]] = {}
    for page in pages:
        assert isinstance(page.data, dict)
        for key, value in page.data.items():
            merged.setdefault(key, []).extend(value)
    assert metrics(merged) == metrics(written())
    assert merged["saved_queries"] == written()["saved_queries"]


def test_hidden_metrics_stay_hidden() -> None:
    for name in (DBT, METRICFLOW):
        hidden = [m["name"] for m in native(artefact(name))["metrics"] if m.get("hidden")]
        assert hidden == [
            "buyers_fill_nulls_with_0_join_to_timespine",
            "visit_count_fill_nulls_with_0",
        ]


@pytest.mark.parametrize("name", [DBT, METRICFLOW, MANIFEST])
def test_the_time_spine_is_read(name: str) -> None:
    (spine,) = [m for m in native(artefact(name))["models"] if "time_spine" in m]
    assert spine["relation"] == "dev.main.time_spine"
    value = TimeSpine.model_validate(spine)
    assert value.granularity == "day"
    assert [g.name for g in value.time_spine.custom_granularities] == ["fiscal_year"]


def test_a_saved_query_of_the_manifest_is_the_one_that_is_written() -> None:
    (theirs,) = native(artefact(MANIFEST))["saved_queries"]
    (ours,) = written()["saved_queries"]
    assert theirs["exports"][0]["config"].pop("database") == "dev"
    assert SavedQuery.model_validate(theirs) == SavedQuery.model_validate(ours)


def test_an_exposure_of_the_manifest_is_the_one_that_is_written() -> None:
    (theirs,) = native(artefact(MANIFEST))["exposures"]
    (ours,) = written()["exposures"]
    assert Exposure.model_validate(theirs) == Exposure.model_validate(ours)


def test_the_two_artefacts_are_told_apart() -> None:
    data = {name: artefact(name).data for name in (DBT, METRICFLOW, MANIFEST)}
    assert [is_semantic_manifest(data[n]) for n in data] == [True, True, False]
    assert [is_manifest(data[n]) for n in data] == [False, False, True]
    assert not is_manifest({"nodes": 1}) and not is_semantic_manifest([])


def test_keys_of_a_later_dbt_are_warnings() -> None:
    data = json.loads((HERE / DBT).read_text(encoding="utf-8"))
    data["metrics"][0]["type_params"]["forecast"] = "linear"
    data["metrics"][0]["type_params"]["nothing"] = None
    issues = list[Issue]()
    native_documents([artefact("a.json", json.dumps(data))], issues)
    assert [(i.severity, i.code) for i in issues] == [("warning", "unknown-field")]
    assert "`forecast`" in issues[0].message


# -- places


def test_places_in_an_artefact_are_found_when_they_are_needed() -> None:
    document = artefact(DBT)
    (page,) = native_documents([document], [])
    assert isinstance(page, Moved)
    place = page.at(("metrics", 0, "expr"))
    assert place.text is not None and place.text[place.column - 1 :].startswith('"amount"')


def test_an_artefact_too_large_for_places_has_those_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dbt_artefacts, "MAX_CHARACTERS", 10)
    (page,) = native_documents([artefact(DBT)], [])
    assert str(page.at(("metrics", 0, "expr"))) == f"{DBT}:1:1"
    assert page.at(("metrics", 0, "expr")).text is None


def test_a_broken_artefact_is_an_issue() -> None:
    document, (issue,) = read_artefact("a.json", '{"metrics": [1,\n 2')
    assert document is None
    assert (issue.code, str(issue.location)) == ("bad-manifest", "a.json:2:3")


def test_a_bottomless_artefact_is_an_issue() -> None:
    document, (issue,) = read_artefact("a.json", "[" * 200_000)
    assert document is None
    assert issue.code == "bad-manifest"


def test_a_definition_nested_too_deep_is_an_issue() -> None:
    data = {"semantic_models": [], "project_configuration": {}, "metrics": [{"name": "it"}]}
    text = json.dumps(data).replace('"it"', "[" * 80 + "]" * 80)
    issues = list[Issue]()
    (page,) = native_documents([artefact("a.json", text)], issues)
    assert page.data == {}
    assert [i.code for i in issues] == ["too-large"]


def test_an_endless_number_is_an_issue() -> None:
    document, (issue,) = read_artefact("a.json", "9" * 5000)
    assert document is None
    assert issue.code == "bad-manifest"


def test_text_that_yaml_cannot_hold_leaves_the_place_of_the_file() -> None:
    text = (HERE / DBT).read_text(encoding="utf-8").replace("Money", "\\ud83d\\ude00")
    (page,) = native_documents([artefact("a.json", text)], [])
    assert page.at(("metrics", 0, "expr")).path == "a.json"
