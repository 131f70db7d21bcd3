"""dbt accepts the projects, and understands of them what expected.yml says."""

from __future__ import annotations

from typing import Any

from tests.dbt.conftest import Dbt, Outcome, Run, visible


def test_dbt_builds_every_project(dbt: Dbt, project: str, run: Run) -> None:
    built = run(dbt, project, "build")
    assert built.code == 0, built.said


def test_dbt_understands_what_we_expect(
    dbt: Dbt, project: str, expected: dict[str, Any], run: Run
) -> None:
    _compare(run(dbt, project, "build"), dbt, project, expected)


def test_the_latest_dbt_parses_every_project(latest_dbt: Dbt, project: str, run: Run) -> None:
    parsed = run(latest_dbt, project, "parse")
    assert parsed.code == 0, parsed.said


def test_the_latest_dbt_understands_what_we_expect(
    latest_dbt: Dbt, project: str, expected: dict[str, Any], run: Run
) -> None:
    _compare(run(latest_dbt, project, "parse"), latest_dbt, project, expected)


def _compare(outcome: Outcome, dbt: Dbt, project: str, expected: dict[str, Any]) -> None:
    def seen(kind: str, names: Any) -> set[str]:
        return visible(dbt, project, kind, names)

    assert outcome.code == 0, outcome.said
    semantic, manifest = outcome.semantic_manifest, outcome.manifest
    assert {m["name"]: _model(m) for m in semantic["semantic_models"]} == {
        name: {"primary_entity": None, **expected["semantic_models"][name]}
        for name in seen("semantic_models", expected["semantic_models"])
    }
    types = {name: kind for kind, names in expected["metrics"].items() for name in names}
    metrics = {m["name"]: m for m in manifest["metrics"].values()}
    assert {name: m["type"] for name, m in metrics.items()} == {
        name: types[name] for name in seen("metrics", types)
    }
    private = {n for n, m in metrics.items() if m["type_params"].get("is_private")}
    assert private == seen("metrics", expected.get("hidden", ()))
    assert {s["node_relation"]["alias"]: _spine(s) for s in _spines(semantic)} == expected[
        "time_spines"
    ]
    assert {q["name"]: _saved_query(q) for q in semantic["saved_queries"]} == {
        name: expected["saved_queries"][name]
        for name in seen("saved_queries", expected["saved_queries"])
    }
    exposures = {e["name"] for e in manifest["exposures"].values()}
    assert exposures == seen("exposures", expected["exposures"])
    assert {g["name"] for g in manifest["groups"].values()} == set(expected["groups"])


def _model(model: dict[str, Any]) -> dict[str, Any]:
    return {
        "primary_entity": model["primary_entity"],
        "entities": {e["name"]: e["type"] for e in model["entities"]},
        "dimensions": {
            d["name"]: d["type_params"]["time_granularity"] if d["type"] == "time" else d["type"]
            for d in model["dimensions"]
        },
    }


def _spines(semantic: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = semantic["project_configuration"]["time_spines"]
    return found


def _spine(spine: dict[str, Any]) -> dict[str, Any]:
    return {
        "granularity": spine["primary_column"]["time_granularity"],
        "column": spine["primary_column"]["name"],
        "custom": {c["name"]: c["column_name"] or c["name"] for c in spine["custom_granularities"]},
    }


def _saved_query(query: dict[str, Any]) -> dict[str, Any]:
    return {
        "metrics": query["query_params"]["metrics"],
        "exports": [e["name"] for e in query["exports"]],
    }
