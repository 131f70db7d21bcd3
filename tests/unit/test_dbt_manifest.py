"""dbt's JSON: where `ref` and `source` lead, in which dialect, and which columns tables have."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from kpilayer.load.dbt.manifest import (
    DbtManifest,
    dialect_of,
    read_catalog,
    read_manifest,
    with_ref_names,
)
from kpilayer.load.dbt.relation import short_name

SCHEMA = "https://schemas.getdbt.com/dbt/manifest/v{}.json"


def node(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "resource_type": "model",
        "package_name": "shop",
        "unique_id": f"model.shop.{name}",
        "database": "dev",
        "schema": "marts",
        "alias": name,
        "relation_name": f'"dev"."marts"."{name}"',
        "config": {"materialized": "table"},
        **more,
    }


def manifest(*nodes: dict[str, Any], version: object = 12, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "dbt_schema_version": SCHEMA.format(version),
            "adapter_type": "duckdb",
            "project_name": "shop",
            **more.pop("metadata", {}),
        },
        "nodes": {f"{n['unique_id']}.{i}": n for i, n in enumerate(nodes)},
        "sources": {},
        "disabled": {},
        **more,
    }


def read(tmp_path: Path, data: object, dialect: str | None = None) -> DbtManifest:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    found, issues = read_manifest(path, "target/manifest.json", dialect)
    assert found is not None and not issues, issues
    return found


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="utf-8")
    found, issues = read_manifest(path, "target/manifest.json")
    assert found is None
    (issue,) = issues
    assert issue.code == "bad-manifest"
    return str(issue)


# ------------------------------------------------------------------------------------------- refs


@pytest.mark.parametrize("kind", ["model", "seed", "snapshot"])
def test_models_seeds_and_snapshots_lead_to_their_relations(tmp_path: Path, kind: str) -> None:
    found = read(tmp_path, manifest(node("orders", resource_type=kind)))
    assert found.refs["orders"] == '"dev"."marts"."orders"'
    assert found.refs["shop.orders"] == '"dev"."marts"."orders"'


def test_tests_and_operations_are_no_refs(tmp_path: Path) -> None:
    found = read(tmp_path, manifest(node("not_null", resource_type="test")))
    assert dict(found.refs) == {}


def test_the_alias_is_where_the_rows_are(tmp_path: Path) -> None:
    moved = node("orders", alias="fct_orders", relation_name=None)
    assert read(tmp_path, manifest(moved)).refs["orders"] == '"dev"."marts"."fct_orders"'


def test_the_latest_version_has_the_bare_name(tmp_path: Path) -> None:
    versions = [
        node("orders", version=v, latest_version=2, relation_name=f'"m"."orders_v{v}"')
        for v in (1, 2, 3)
    ]
    refs = read(tmp_path, manifest(*versions)).refs
    assert refs["orders"] == refs["orders.v2"] == refs["shop.orders"] == '"m"."orders_v2"'
    assert (refs["orders.v1"], refs["shop.orders.v3"]) == ('"m"."orders_v1"', '"m"."orders_v3"')


def test_the_projects_own_model_wins_over_a_packages(tmp_path: Path) -> None:
    own = node("days", unique_id="model.shop.days")
    theirs = node("days", package_name="zoo", unique_id="model.zoo.days", relation_name='"z"."d"')
    for nodes in ((own, theirs), (theirs, own)):
        refs = read(tmp_path, manifest(*nodes)).refs
        assert refs["days"] == '"dev"."marts"."days"'
        assert refs["zoo.days"] == '"z"."d"'


def test_ephemeral_and_disabled_models_lead_nowhere_and_say_why(tmp_path: Path) -> None:
    ephemeral = node("steps", config={"materialized": "ephemeral"}, relation_name=None)
    off = node("old")
    found = read(tmp_path, manifest(ephemeral, disabled={"model.shop.old": [off]}))
    assert dict(found.refs) == {}
    assert "ephemeral" in found.unbuilt["steps"]
    assert "disabled" in found.unbuilt["old"]


def test_a_disabled_twin_does_not_hide_a_model(tmp_path: Path) -> None:
    found = read(tmp_path, manifest(node("a"), disabled={"model.x.a": [node("a")]}))
    assert "a" in found.refs and "a" not in found.unbuilt


def test_sources_lead_to_their_tables(tmp_path: Path) -> None:
    sources = {
        "source.shop.raw.orders": {
            "source_name": "raw", "name": "orders", "identifier": "Orders 1", "database": "lake",
            "schema": "landing", "relation_name": None,
        },
        "source.shop.raw.users": {
            "source_name": "raw", "name": "users", "relation_name": '"lake"."landing"."users"',
        },
    }  # fmt: skip
    found = read(tmp_path, manifest(sources=sources))
    assert dict(found.sources) == {
        ("raw", "orders"): '"lake"."landing"."Orders 1"',
        ("raw", "users"): '"lake"."landing"."users"',
    }


@pytest.mark.parametrize(
    ("adapter", "relation", "expected"),
    [
        ("snowflake", "DEV.MARTS.ORDERS", "DEV.MARTS.ORDERS"),
        ("bigquery", "`my-project`.`marts`.`orders`", "`my-project`.`marts`.`orders`"),
        ("sqlserver", '"dev"."marts"."orders"', '"dev"."marts"."orders"'),
        ("databricks", "`dev`.`marts`.`a``b`", "`dev`.`marts`.`a``b`"),
        ("trino", "my-catalog.marts.orders", '"my-catalog".marts.orders'),
        ("postgres", '"dev"."a.b"."say ""hi"""', '"dev"."a.b"."say ""hi"""'),
    ],
)
def test_relations_are_in_the_quotes_of_the_adapter(
    tmp_path: Path, adapter: str, relation: str, expected: str
) -> None:
    data = manifest(node("orders", relation_name=relation), metadata={"adapter_type": adapter})
    assert read(tmp_path, data).refs["orders"] == expected


def test_relations_are_in_the_quotes_of_another_dialect_on_request(tmp_path: Path) -> None:
    data = manifest(
        node("orders", relation_name="`p`.`d`.`t`"), metadata={"adapter_type": "bigquery"}
    )
    assert read(tmp_path, data, "duckdb").refs["orders"] == '"p"."d"."t"'


# -------------------------------------------------------------------------------------- what it is


@pytest.mark.parametrize("version", [9, 10, 11, 12])
def test_formats_from_dbt_1_5_on_are_read(tmp_path: Path, version: int) -> None:
    assert "a" in read(tmp_path, manifest(node("a"), version=version)).refs


def test_an_older_format_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, json.dumps(manifest(version=8)))
    assert "version 8; versions 9 to 12 are read" in said
    assert "dbt 1.5 or later" in said


def test_a_later_format_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest(node("a"), version=20)), encoding="utf-8")
    found, (issue,) = read_manifest(path, "target/manifest.json")
    assert found is not None and "a" in found.refs
    assert (issue.code, issue.severity) == ("bad-manifest", "warning")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '{"metadata": {}}', '{"metadata": 3}', "[" * 100_000]
)
def test_what_is_no_manifest_is_refused_with_the_way_out(tmp_path: Path, text: str) -> None:
    assert "dbt parse" in refused(tmp_path, text)


@pytest.mark.parametrize("part", ["nodes", "sources", "disabled"])
@pytest.mark.parametrize("value", [3, "x", [1], {"a": 3}, {"a": {}}, {"a": [3]}])
def test_a_damaged_manifest_is_an_issue_and_no_fault(
    tmp_path: Path, part: str, value: object
) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**manifest(node("a")), part: value}), encoding="utf-8")
    found, issues = read_manifest(path, "target/manifest.json")
    assert found is not None or [i.code for i in issues] == ["bad-manifest"]


def test_a_missing_manifest_is_unreadable(tmp_path: Path) -> None:
    found, (issue,) = read_manifest(tmp_path / "none.json", "target/none.json")
    assert found is None
    assert issue.code == "unreadable-file"


def test_fifty_megabytes_are_read_in_seconds(tmp_path: Path) -> None:
    body = "select 1 as x -- " + "x" * 20_000
    nodes = {
        f"model.shop.m{i}": node(f"m{i}", unique_id=f"model.shop.m{i}", raw_code=body)
        for i in range(2_500)
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**manifest(), "nodes": nodes}), encoding="utf-8")
    assert path.stat().st_size > 50_000_000
    began = time.monotonic()
    found, issues = read_manifest(path, "target/manifest.json")
    assert time.monotonic() - began < 20
    assert found is not None and not issues
    assert len(found.refs) == 5_000  # each by its name, and with its package


@pytest.mark.parametrize(
    ("adapter", "dialect"),
    [("duckdb", "duckdb"), ("athena", "athena"), ("synapse", "tsql"), ("sqlserver", "tsql"),
     ("glue", "spark"), ("redshift", "redshift"), ("databricks", "databricks"), ("parrot", None),
     ("", None)],
)  # fmt: skip
def test_adapters_speak_dialects(adapter: str, dialect: str | None) -> None:
    assert dialect_of(adapter) == dialect


def test_every_dialect_of_an_adapter_is_one_that_can_be_parsed() -> None:
    from kpilayer.load.dbt import manifest as dbt_manifest
    from kpilayer.snippets import DIALECTS

    for adapter in (*dbt_manifest._SAME, *dbt_manifest._SPEAKS):
        assert dialect_of(adapter) in DIALECTS, adapter


# ------------------------------------------------------------------------------------- the artefact


def test_the_catalog_gives_columns_in_their_order(tmp_path: Path) -> None:
    entry = {
        "metadata": {"type": "BASE TABLE", "database": "DEV", "schema": "Marts", "name": "ORDERS"},
        "columns": {
            "B": {"type": "TEXT", "index": 2, "name": "B"},
            "A": {"type": "NUMBER", "index": 1, "name": "A"},
        },
    }
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps({"nodes": {"model.shop.orders": entry}, "sources": {}}))
    found, issues = read_catalog(path, "target/catalog.json")
    assert not issues
    (relation,) = found.values()
    assert list(found) == [("dev", "marts", "orders")]
    assert [(c.name, c.type) for c in relation.columns] == [("A", "NUMBER"), ("B", "TEXT")]


@pytest.mark.parametrize("text", ["{}", "[]", '{"nodes": {"a": 3}, "sources": {}}'])
def test_what_is_no_catalog_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(text)
    found, (issue,) = read_catalog(path, "target/catalog.json")
    assert not found
    assert "dbt docs generate" in str(issue)


# ------------------------------------------------------------------------------- names of relations


def orders_of_two_packages(tmp_path: Path) -> DbtManifest:
    place = '"dev"."finance"."orders"'
    ids = {"package_name": "finance", "unique_id": "model.finance.orders", "relation_name": place}
    only = {"package_name": "finance", "unique_id": "model.finance.fees"}
    return read(tmp_path, manifest(node("orders"), node("orders", **ids), node("fees", **only)))


def test_a_relation_is_named_with_its_package_only_where_the_bare_name_leads_elsewhere(
    tmp_path: Path,
) -> None:
    assert orders_of_two_packages(tmp_path).named == {
        '"dev"."marts"."orders"': "orders",
        '"dev"."finance"."orders"': "finance.orders",
        '"dev"."marts"."fees"': "fees",
    }


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("shop.orders", "orders"),
        ("finance.orders", "finance.orders"),
        ("finance.fees", "fees"),
        ("orders", "orders"),
        ("orders.v2", "orders.v2"),
        ("other.orders", "other.orders"),
    ],
)
def test_a_package_stays_in_a_name_where_it_makes_a_difference(
    tmp_path: Path, name: str, short: str
) -> None:
    assert short_name(name, None, orders_of_two_packages(tmp_path)) == short


@pytest.mark.parametrize("as_mapping", [True, False])
def test_semantic_models_of_both_artefacts_stand_on_names_for_ref(as_mapping: bool) -> None:
    place = {"alias": "fct", "relation_name": "a.fct"}
    model = {"name": "m", "node_relation": place}
    data = {"semantic_models": {"semantic_model.shop.m": model} if as_mapping else [model]}
    renamed = {"name": "m", "node_relation": {**place, "alias": "orders.v1"}}
    expected = {"semantic_model.shop.m": renamed} if as_mapping else [renamed]
    assert with_ref_names(data, {"a.fct": "orders.v1"}) == {"semantic_models": expected}
