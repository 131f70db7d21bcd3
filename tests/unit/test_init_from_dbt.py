"""`kpilayer init --from-dbt` and `kpilayer lock --from-dbt`: dbt's own files are only read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kpilayer import Project
from kpilayer.cli.main import cli

MODELS = """\
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: day, dimension: {type: time}}
metrics:
  - {name: revenue, type: simple, model: orders, agg: sum, expr: amount}
"""


@pytest.fixture
def dbt(tmp_path: Path) -> Path:
    folder = tmp_path / "dbt"
    (folder / "models").mkdir(parents=True)
    (folder / "target").mkdir()
    (folder / "dbt_project.yml").write_text("name: Shop\n")
    (folder / "models/orders.yml").write_text(MODELS)
    schema = "https://schemas.getdbt.com/dbt/manifest/v12.json"
    node = {
        "name": "orders", "resource_type": "model", "unique_id": "model.shop.orders",
        "relation_name": '"dev"."marts"."orders"',
    }  # fmt: skip
    manifest = {
        "metadata": {"dbt_schema_version": schema, "adapter_type": "duckdb"},
        "nodes": {"model.shop.orders": node},
    }
    (folder / "target/manifest.json").write_text(json.dumps(manifest))
    return folder


def catalog(folder: Path, **columns: str) -> None:
    entry = {
        "metadata": {"database": "dev", "schema": "marts", "name": "orders", "type": "TABLE"},
        "columns": {
            name: {"name": name, "type": type_, "index": index}
            for index, (name, type_) in enumerate(columns.items())
        },
    }
    data = {"nodes": {"model.shop.orders": entry}, "sources": {}}
    (folder / "target/catalog.json").write_text(json.dumps(data))


def run(*args: Any, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(a) for a in args])
    assert result.exit_code == exit_code, result.output
    return result


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ------------------------------------------------------------------------------------------- init


def test_it_adds_one_file_to_the_dbt_project(dbt: Path) -> None:
    before = tree(dbt)
    result = run("init", "--from-dbt", dbt)
    assert result.stdout == f"{dbt / 'kpilayer.yml'}\n"
    assert {k: v for k, v in tree(dbt).items() if k != "kpilayer.yml"} == before
    assert "found 1 semantic model, 1 metric" in result.stderr
    assert Project.load(dbt).name == "shop"
    run("-C", dbt, "check")


def test_the_file_of_the_project_may_be_named_itself(dbt: Path) -> None:
    run("init", "--from-dbt", dbt / "dbt_project.yml")
    assert (dbt / "kpilayer.yml").is_file()


def test_in_a_folder_of_its_own_it_points_at_the_dbt_project(dbt: Path, tmp_path: Path) -> None:
    before = tree(dbt)
    run("init", tmp_path / "kpis", "--from-dbt", dbt)
    assert tree(dbt) == before
    assert list(tree(tmp_path / "kpis")) == ["kpilayer.yml"]
    assert "dbt_project: ../dbt\n" in (tmp_path / "kpis/kpilayer.yml").read_text()
    assert "FROM dev.marts.orders" in Project.load(tmp_path / "kpis").compile("revenue")


def test_the_definitions_mean_the_same_with_and_without_it(dbt: Path, tmp_path: Path) -> None:
    alone = Project.load(dbt).metrics[0].fingerprint
    run("init", tmp_path / "kpis", "--from-dbt", dbt)
    run("init", "--from-dbt", dbt)
    assert Project.load(dbt).metrics[0].fingerprint == alone
    assert Project.load(tmp_path / "kpis").metrics[0].fingerprint == alone


def test_the_commands_that_are_printed_next_work(dbt: Path) -> None:
    said = run("init", "--from-dbt", dbt).stderr
    lines = [line.split() for line in said.splitlines() if line.startswith("  kpilayer ")]
    assert [line[3:] for line in lines] == [["check"], ["query", "-m", "revenue"]]
    run(*lines[0][1:])
    run("-C", dbt, "compile", "-m", "revenue")


def test_an_own_kpilayer_yml_is_never_written_over(dbt: Path) -> None:
    (dbt / "kpilayer.yml").write_text("name: mine\n")
    run("init", "--from-dbt", dbt, exit_code=2)
    assert (dbt / "kpilayer.yml").read_text() == "name: mine\n"


def test_what_is_not_covered_is_counted(dbt: Path) -> None:
    (dbt / "models/more.yml").write_text("metrics: [{name: x1, tpye: simple}, {name: y1}]\n")
    said = run("init", "--from-dbt", dbt).stderr
    assert "not covered: " in said
    assert "`kpilayer check` shows where" in said


def test_a_folder_without_a_dbt_project_is_refused(tmp_path: Path) -> None:
    assert "no dbt_project.yml" in run("init", "--from-dbt", tmp_path, exit_code=2).stderr
    assert tree(tmp_path) == {}


def test_the_example_is_not_mixed_into_a_dbt_project(dbt: Path) -> None:
    before = tree(dbt)
    assert f"kpilayer init --from-dbt {dbt}" in run("init", dbt, exit_code=2).stderr
    assert tree(dbt) == before


def test_the_two_ways_to_begin_exclude_each_other(dbt: Path) -> None:
    run("init", "--from-dbt", dbt, "--from", "a.csv", exit_code=2)


# ------------------------------------------------------------------------------------------- lock


def test_the_lock_takes_columns_of_dbts_catalog_without_a_connection(dbt: Path) -> None:
    catalog(dbt, order_id="BIGINT", ordered_at="DATE", amount="DECIMAL(12,2)")
    (dbt / "kpilayer.yml").write_text("name: shop\n")
    said = run("-C", dbt, "lock", "--from-dbt").stderr
    assert "kpilayer.lock written: 1 added" in said
    lock = Project.load(dbt).lock_file
    assert lock is not None
    ((key, relation),) = lock.relations.items()
    assert key == "dev.marts.orders" or key == "orders"
    assert [(c.name, c.type) for c in relation.columns] == [
        ("order_id", "BIGINT"),
        ("ordered_at", "DATE"),
        ("amount", "DECIMAL(12,2)"),
    ]
    assert Project.load(dbt).check() == ()
    run("-C", dbt, "lock", "--from-dbt", "--check")


def test_check_finds_a_column_that_the_catalog_lacks(dbt: Path) -> None:
    catalog(dbt, order_id="BIGINT", ordered_at="DATE", amuont="DECIMAL(12,2)")
    run("-C", dbt, "lock", "--from-dbt", dbt / "target/catalog.json")
    assert [i.code for i in Project.load(dbt).check()] == ["unknown-column"]


def test_a_model_that_is_not_in_the_catalog_is_named(dbt: Path) -> None:
    catalog(dbt, order_id="BIGINT", ordered_at="DATE", amount="INTEGER")
    more = MODELS.split("metrics:")[0].replace("name: orders", "name: users, relation: a.users")
    more = more.replace("- name: users, relation: a.users", "- name: users\n    relation: a.users")
    (dbt / "models/more.yml").write_text(more.replace("name: order}", "name: user}"))
    assert "1 relation not in dbt's catalog: a.users" in run("-C", dbt, "lock", "--from-dbt").stderr


@pytest.mark.parametrize("text", [None, "{}", '{"nodes": {}, "sources": {}}'])
def test_a_catalog_that_is_of_no_use_changes_nothing(dbt: Path, text: str | None) -> None:
    if text is not None:
        (dbt / "target/catalog.json").write_text(text)
    run("-C", dbt, "lock", "--from-dbt", exit_code=2)
    assert not (dbt / "kpilayer.lock").exists()


def test_init_does_not_write_through_a_link_to_nowhere(dbt: Path, tmp_path: Path) -> None:
    (dbt / "kpilayer.yml").symlink_to(tmp_path / "elsewhere.yml")
    result = run("init", "--from-dbt", dbt, exit_code=2)
    assert "already has `kpilayer.yml`" in result.stderr
    assert not (tmp_path / "elsewhere.yml").exists()
