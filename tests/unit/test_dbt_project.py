"""A dbt project is read where it lies: its folders, macros, packages, docs, manifest, artefacts."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import Project
from kpilayer.errors import ConfigError, Issue
from kpilayer.load import meter
from kpilayer.load.dbt.docs import doc_blocks
from kpilayer.load.dbt.project import read_dbt_project
from kpilayer.load.macros import Dbt
from kpilayer.load.template import TargetInfo, Templates

DBT = "name: shop\nprofile: shop\n"
PROFILES = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}\n"
MODELS = """
    version: 2
    models:
      - name: orders
        description: "{{ doc('orders') }}"
        semantic_model: true
        config: {materialized: table, meta: {owner: finance}}
        agg_time_dimension: ordered_at
        columns:
          - {name: order_id, entity: {type: primary, name: order}, data_tests: [unique, not_null]}
          - {name: ordered_at, granularity: day, dimension: {type: time}}
          - {name: status, dimension: {type: categorical}}
    metrics:
      - {name: revenue, type: simple, model: orders, agg: sum, expr: amount}
    """
FILES = {
    "dbt_project.yml": DBT,
    "profiles.yml": PROFILES,
    "models/marts/orders.yml": MODELS,
    "models/marts/orders.sql": "{{ config(materialized='table') }} select {% if %} broken {{",
    "models/docs.md": "{% docs orders %}One row per order.{% enddocs %}",
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def manifest(adapter: str = "duckdb", version: int = 12, **models: str | None) -> str:
    """A manifest.json of these models: relation by name, None for an ephemeral one."""
    schema = f"https://schemas.getdbt.com/dbt/manifest/v{version}.json"
    nodes = {
        f"model.shop.{name}": {
            "name": name, "resource_type": "model", "package_name": "shop",
            "unique_id": f"model.shop.{name}", "relation_name": relation,
            "config": {"materialized": "table" if relation else "ephemeral"},
        }
        for name, relation in models.items()
    }  # fmt: skip
    metadata = {
        "dbt_schema_version": schema, "adapter_type": adapter, "project_name": "shop",
    }  # fmt: skip
    return json.dumps({"metadata": metadata, "nodes": nodes, "sources": {}, "disabled": {}})


def shop(folder: Path, **files: str) -> Path:
    """The dbt project above; keywords replace files: `dbt_project_yml`."""
    return write(folder, {**FILES, **files})


def found(project: Project, severity: str = "error") -> list[Issue]:
    return [i for i in project.check() if i.severity == severity]


def warnings(folder: Path) -> list[str]:
    return [f"{i.code}: {i.message}" for i in found(Project.load(folder), "warning")]


def sql_of(folder: Path, metric: str = "revenue", **options: Any) -> str:
    return Project.load(folder, **options).compile(metric)


# --------------------------------------------------------------------------------- the project file


def test_a_dbt_project_works_as_it_lies(tmp_path: Path) -> None:
    shop(tmp_path, **{"target/manifest.json": manifest(orders='"shop"."marts"."orders"')})
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE SCHEMA marts")
        connection.execute(
            "CREATE TABLE marts.orders AS SELECT 1 AS order_id, DATE '2026-01-02' AS ordered_at, "
            "'paid' AS status, 12.50 AS amount"
        )
    before = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    for folder in (tmp_path, tmp_path / "models", tmp_path / "models/marts"):
        project = Project.load(folder)
        assert project.name == "shop"
        assert found(project) == found(project, "warning") == []
        assert [float(row[0]) for row in project.query("revenue").rows()] == [12.5]
    assert project.describe("orders")["description"] == "One row per order."
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == before


def test_folders_variables_and_target_path_are_dbts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "dbt_project.yml": """
                name: My_Shop
                model-paths: [marts]
                macro-paths: [helpers]
                target-path: "{{ env_var('NOWHERE', 'out') }}"
                vars:
                  paid: open
                  My_Shop: {paid: paid}
                  other: {paid: wrong}
                seeds: {+enabled: "{{ anything.goes() }}"}
                """,
            "marts/orders.yml": MODELS.replace("expr: amount", "expr: \"{{ net('amount') }}\"")
            .replace("agg: sum", "agg: sum, filter: \"{{ Dimension('order__status') }} = "
                     "'{{ var('paid') }}'\""),
            "helpers/money.sql": "{% macro net(x) %}{{ x }} / 1.19{% endmacro %}",
            "out/manifest.json": manifest(orders="marts.orders"),
            "models/other.yml": "models: 3",
        },
    )  # fmt: skip
    project = Project.load(tmp_path)
    assert project.name == "my_shop"
    assert found(project) == []
    sql = project.compile("revenue")
    assert "FROM marts.orders" in sql
    assert "1.19" in sql
    assert "status = 'paid'" in sql
    assert "'open'" in Project.load(tmp_path, vars={"paid": "open"}).compile("revenue")


def test_kpilayer_yml_wins_key_by_key(tmp_path: Path) -> None:
    shop(
        tmp_path,
        **{
            "dbt_project.yml": DBT + "vars: {a: 1, b: 1}\n",
            "kpilayer.yml": "name: kpis\nvars: {b: 2}\n",
            "metrics/more.yml": "metrics: [{name: twice, type: derived, expr: revenue * 2, "
            "input_metrics: [revenue]}]",
            "target/manifest.json": manifest(orders="marts.orders"),
        },
    )
    project = Project.load(tmp_path)
    assert (project.name, project.config.profile) == ("kpis", "shop")
    assert found(project) == []
    assert {m.name for m in project.metrics} == {"revenue", "twice"}


def test_a_folder_beside_names_the_dbt_project(tmp_path: Path) -> None:
    shop(tmp_path / "dbt", **{"target/manifest.json": manifest(orders="marts.orders")})
    write(
        tmp_path / "kpis",
        {
            "kpilayer.yml": "name: kpis\ndbt_project: ../dbt\n",
            "metrics/more.yml": "metrics: [{name: twice, type: derived, expr: revenue * 2, "
            "input_metrics: [revenue]}]",
        },
    )
    project = Project.load(tmp_path / "kpis")
    assert found(project) == []
    assert {m.name for m in project.metrics} == {"revenue", "twice"}
    assert project.target.path == tmp_path / "dbt/profiles.yml"
    (tmp_path / "dbt/models/marts/orders.yml").write_text("metrics: [{name: x}]")
    place = found(Project.load(tmp_path / "kpis"))[0].location
    assert place is not None and place.path == "../dbt/models/marts/orders.yml"


def test_other_folders_outside_stay_out(tmp_path: Path) -> None:
    write(tmp_path, {"secret/m.yml": "metrics: []", "p/kpilayer.yml": "model-paths: [../secret]"})
    (tmp_path / "p/kpilayer.yml").write_text("name: shop\nmodel-paths: [../secret]\n")
    (issue,) = found(Project.load(tmp_path / "p"))
    assert "lies outside the project" in issue.message


def test_a_named_dbt_project_must_be_there(tmp_path: Path) -> None:
    write(tmp_path, {"kpilayer.yml": "name: kpis\ndbt_project: ../nowhere\n"})
    with pytest.raises(ConfigError, match=r"no dbt_project\.yml in"):
        Project.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing-field"),
        ("version: 2\n", "missing-field"),
        ("name: [a]\n", "bad-value"),
        ("name: shop\nmodel-paths: {a: b}\n", "bad-value"),
        ("name: shop\nvars: [a]\n", "bad-value"),
        ("name: shop\nprofile: \"{{ env_var('NOT_SET_ANYWHERE') }}\"\n", "missing-env-var"),
        ("name: shop\n  x: y\n", "yaml-syntax"),
    ],
)
def test_what_cannot_be_read_of_dbt_project_is_said(tmp_path: Path, text: str, code: str) -> None:
    write(tmp_path, {"dbt_project.yml": text})
    with pytest.raises(ConfigError) as error:
        Project.load(tmp_path)
    assert code in [i.code for i in error.value.issues]


def test_old_words_of_dbt_project_are_known(tmp_path: Path) -> None:
    write(
        tmp_path, {"dbt_project.yml": "name: a\nsource-paths: [src]\nmodules-path: dbt_modules\n"}
    )
    dbt = read_dbt_project(tmp_path, tmp_path, {})
    assert (dbt.model_paths, dbt.packages_path) == (("src",), "dbt_modules")


def test_folders_of_packages_and_of_target_are_no_part_of_the_project(tmp_path: Path) -> None:
    shop(
        tmp_path,
        **{
            "dbt_project.yml": DBT + "model-paths: ['.']\nmacro-paths: [macros]\n",
            "dbt_packages/zoo/models/x.yml": "metrics: 3",
            "target/run/x.yml": "metrics: 3",
            "target/manifest.json": manifest(orders="marts.orders"),
        },
    )
    (tmp_path / "profiles.yml").unlink()
    (tmp_path / "dbt_project.yml").write_text("name: shop\nmodel-paths: ['.']\n")
    bad = [str(i) for i in found(Project.load(tmp_path)) if "dbt_project.yml" not in str(i)]
    assert bad == []


# ------------------------------------------------------------------------------------------- macros


def templates(
    files: Mapping[str, str],
    packages: Mapping[str, Mapping[str, str]] | None = None,
    adapter: str = "duckdb",
    **more: Any,
) -> Templates:
    lazily = {n: (lambda f=f: f) for n, f in (packages or {}).items()}
    dbt = Dbt("shop", adapter, more.pop("docs", {}), lazily, more.pop("search_order", {}))
    return Templates(
        macros=files, variables={}, target=TargetInfo("dev", "main", "duckdb"), dbt=dbt
    )


def render(made: Templates, text: str) -> str:
    rendered, issues = made.render(text, lambda line, word: _place(line, text))
    assert not issues, issues
    return rendered


def fails(made: Templates, text: str) -> Issue:
    rendered, issues = made.render(text, lambda line, word: _place(line, text))
    assert rendered == text and len(issues) == 1
    return issues[0]


def _place(line: int, text: str) -> Any:
    from kpilayer.errors import Location

    return Location("m.yml", line, 1, 1, text)


UTILS = {
    "dbt_packages/utils/macros/a.sql": """
{% macro cents(x) %}{{ return(adapter.dispatch('cents', 'utils')(x)) }}{% endmacro %}
{% macro default__cents(x) %}{{ x }} / {{ hundred() }}{% endmacro %}
{% macro bigquery__cents(x) %}SAFE_DIVIDE({{ x }}, {{ hundred() }}){% endmacro %}
{% macro hundred() %}100{% endmacro %}
{% macro names() %}noise {{ return(['a', 'b']) }} noise{% endmacro %}
{% macro uses_project() %}{{ own() }}{% endmacro %}
{% macro broken(x) %}{{ x | }}{% endmacro %}
{% macro reads() %}{% include 'etc' %}{% endmacro %}
{% macro asks() %}{{ run_query('select 1') }}{% endmacro %}
{% test positive(model) %}{{ 1 | }}{% endtest %}
{% materialization thing, default %}{{ this | }}{% endmaterialization %}
""",
}
OWN = {
    "macros/own.sql": """
{% macro own() %}mine{% endmacro %}
{% macro hundred() %}1{% endmacro %}
{% macro ref(x) %}overridden{% endmacro %}
{% snapshot s %}{{ x | }}{% endsnapshot %}
{% test t(model) %}select {{ model }}{% endtest %}
{% materialization m, adapter='duckdb' %}{{ return({'relations': []}) }}{% endmaterialization %}
{% docs d %}it's {{ not jinja {% enddocs %}
""",
}


def test_macros_of_a_package_are_called_by_its_name() -> None:
    made = templates(OWN, {"utils": UTILS})
    assert made.issues == ()
    assert render(made, "{{ utils.cents('amount') }}") == "amount / 100"
    assert render(made, "{{ shop.own() }}") == "mine"


def test_in_a_package_its_own_macros_come_first_then_the_projects() -> None:
    made = templates(OWN, {"utils": UTILS})
    assert render(made, "{{ utils.cents('a') }} {{ hundred() }}") == "a / 100 1"
    assert render(made, "{{ utils.uses_project() }}") == "mine"


def test_dispatch_picks_the_version_of_the_definitions_dialect() -> None:
    for adapter, expected in (
        ("bigquery", "SAFE_DIVIDE(a, 100)"),
        ("snowflake", "a / 100"),
    ):
        assert (
            render(templates(OWN, {"utils": UTILS}, adapter), "{{ utils.cents('a') }}") == expected
        )


def test_dispatch_falls_back_to_the_parent_adapter_and_the_projects_version_wins() -> None:
    own = {"macros/o.sql": "{% macro postgres__cents(x) %}PG {{ x }}{% endmacro %}"}
    assert render(templates(own, {"utils": UTILS}, "redshift"), "{{ utils.cents('a') }}") == "PG a"
    order = {"utils": ("utils", "shop")}
    made = templates(own, {"utils": UTILS}, "redshift", search_order=order)
    assert render(made, "{{ utils.cents('a') }}") == "a / 100"


def test_a_dispatching_macro_of_the_project_works() -> None:
    files = {
        "macros/a.sql": "{% macro net(x) %}{{ return(adapter.dispatch('net')(x)) }}{% endmacro %}"
        "{% macro default__net(x) %}d{% endmacro %}{% macro duckdb__net(x) %}duck{% endmacro %}"
    }
    assert render(templates(files), "{{ net(1) }}") == "duck"
    assert render(templates(files, adapter="trino"), "{{ net(1) }}") == "d"
    assert (
        "no version of `gross`"
        in fails(templates(files), "{{ adapter.dispatch('gross')() }}").message
    )


def test_return_gives_a_value_and_drops_what_was_written() -> None:
    made = templates(OWN, {"utils": UTILS})
    text = "{% for n in utils.names() %}<{{ n }}>{% endfor %}"
    assert render(made, text) == "<a><b>"
    assert "inside a macro" in fails(made, "{{ return(1) }}").message


def test_a_macro_that_cannot_run_here_is_an_error_only_where_it_is_used() -> None:
    made = templates(OWN, {"utils": UTILS})
    render(made, "{{ utils.hundred() }}")
    assert fails(made, "{{ utils.broken(1) }}").code == "jinja-error"
    issue = fails(made, "{{ utils.reads() }}")
    assert issue.code == "jinja-sandbox"
    assert issue.location is not None and issue.location.path == "dbt_packages/utils/macros/a.sql"
    assert fails(made, "{{ utils.asks() }}").message == "unknown name `run_query`"


def test_a_package_is_read_when_it_is_named() -> None:
    def unread() -> Mapping[str, str]:
        raise AssertionError("nobody named it")

    dbt = Dbt("shop", packages={"heavy": unread})
    made = Templates(macros={}, variables={}, target=TargetInfo("", "", ""), dbt=dbt)
    assert render(made, "{{ 'heavy' }}") == "heavy"
    with pytest.raises(AssertionError, match="nobody"):
        made.render("{{ heavy.x() }}", lambda line, word: _place(line, ""))


def test_reading_a_package_does_not_use_up_a_templates_time() -> None:
    def slow() -> Mapping[str, str]:
        time.sleep(meter.MAX_SECONDS + 0.2)
        return UTILS

    dbt = Dbt("shop", packages={"utils": slow})
    made = Templates(macros={}, variables={}, target=TargetInfo("", "", ""), dbt=dbt)
    assert render(made, "{{ utils.hundred() }}") == "100"


@pytest.mark.parametrize(
    "text",
    [
        "{{ adapter }}", "{{ adapter.execute('x') }}", "{{ adapter.dispatch.run }}",
        "{{ adapter.dispatch('own').name }}", "{{ adapter.__class__ }}", "{{ adapter['dispatch'] }}",
        "{{ utils }}", "{{ utils.find }}", "{{ utils.find('x') }}", "{{ utils.name }}",
        "{{ utils['cents'] }}", "{{ utils() }}", "{{ doc.run }}", "{{ config.get('x') }}",
        "{{ return.run }}", "{{ target.password }}", "{{ graph.nodes }}", "{{ modules.os }}",
        "{{ [utils]|map(attribute='find')|list }}", "{{ utils.cents }}", "{{ this.schema }}",
        "{{ adapter.dispatch(utils) }}", "{{ adapter.dispatch('cents', 'none')() }}",
    ],
)  # fmt: skip
def test_nothing_else_of_dbt_is_within_reach(text: str) -> None:
    issue = fails(templates(OWN, {"utils": UTILS}), text)
    assert issue.code in ("jinja-error", "jinja-sandbox")


def test_a_returned_value_is_counted_like_any_other() -> None:
    files = {
        "macros/a.sql": "{% macro grow(n) %}{% if n > 0 %}{{ return(grow(n - 1) * 2) }}{% endif %}"
        "{{ return(['x']) }}{% endmacro %}{% macro again() %}{{ return(again()) }}{% endmacro %}"
    }
    assert fails(templates(files), "{{ grow(40) }}").code == "jinja-limit"
    assert fails(templates(files), "{{ again() }}").code == "jinja-limit"


def test_packages_of_a_project_are_found_on_disk(tmp_path: Path) -> None:
    expr = "expr: \"{{ utils.cents('amount') }}\""
    shop(
        tmp_path,
        **{
            "dbt_project.yml": DBT + "packages-install-path: vendor\n",
            "models/marts/orders.yml": MODELS.replace("expr: amount", expr),
            "vendor/utils/dbt_project.yml": "name: utils\nmacro-paths: [m]\n",
            "vendor/utils/m/a.sql": next(iter(UTILS.values())),
            "target/manifest.json": manifest(orders="marts.orders"),
        },
    )
    assert found(Project.load(tmp_path)) == []
    assert "100" in sql_of(tmp_path)


# --------------------------------------------------------------------------------------------- docs


def test_docs_are_read_and_an_unknown_one_is_a_warning(tmp_path: Path) -> None:
    text = MODELS.replace("doc('orders')", "doc('ordres')")
    shop(
        tmp_path,
        **{
            "models/marts/orders.yml": text,
            "target/manifest.json": manifest(orders="marts.orders"),
        },
    )
    project = Project.load(tmp_path)
    assert found(project) == []
    (issue,) = found(project, "warning")
    assert issue.code == "unknown-doc"
    assert issue.location is not None and issue.location.path == "models/marts/orders.yml"
    assert project.describe("orders")["description"] == "[doc('ordres')]"


def test_blocks_are_cut_out_as_text() -> None:
    notes = {
        "a.md": "# x {{ y\n{%- docs one -%} {{ not.jinja }} {%- enddocs -%}\n{% docs two %}2",
        "b.md": "{% docs one %}later{% enddocs %}{% docs three %}3{% enddocs %}",
    }
    assert doc_blocks(notes) == {"one": "{{ not.jinja }}", "three": "3"}


def test_many_tags_without_an_end_take_no_time() -> None:
    assert doc_blocks({"a.md": "{% docs x " * 50_000 + "{% docs" + " " * 100_000}) == {}


# ----------------------------------------------------------------------------- where models are built


def test_a_ref_leads_where_the_manifest_says(tmp_path: Path) -> None:
    shop(tmp_path, **{"target/manifest.json": manifest(orders='"shop"."finance"."fct_orders"')})
    assert "FROM shop.finance.fct_orders" in sql_of(tmp_path)


def test_a_model_that_the_manifest_lacks_is_an_error_with_the_reason(tmp_path: Path) -> None:
    shop(tmp_path, **{"target/manifest.json": manifest(ordes="a.b")})
    (issue,) = found(Project.load(tmp_path))
    assert issue.code == "unknown-ref"
    assert "models/marts/orders.sql is newer than the manifest" in str(issue)
    (tmp_path / "models/marts/orders.sql").unlink()
    assert "did you mean `ordes`?" in str(found(Project.load(tmp_path))[0])
    (tmp_path / "target/manifest.json").write_text(manifest(orders=None))
    assert "is ephemeral" in found(Project.load(tmp_path))[0].message


def test_an_unreadable_manifest_is_an_error_of_check(tmp_path: Path) -> None:
    shop(tmp_path, **{"target/manifest.json": "{"})
    assert [i.code for i in found(Project.load(tmp_path))] == ["bad-manifest"]


def test_a_named_manifest_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"kpilayer.yml": "name: shop\ndbt_manifest: nowhere.json\n"})
    assert [i.code for i in found(Project.load(tmp_path))] == ["unreadable-file"]


def test_without_a_manifest_places_are_guesses_and_said_to_be(tmp_path: Path) -> None:
    shop(
        tmp_path,
        **{"models/marts/orders.yml": MODELS.replace("materialized: table", "schema: finance")},
    )
    said = warnings(tmp_path)
    assert [w.split(":")[0] for w in said] == ["no-manifest", "no-manifest"]
    assert any("expressions are read as duckdb" in w for w in said)
    assert any("dbt builds `orders` somewhere else, by its `schema`" in w for w in said)
    assert "FROM main.orders" in sql_of(tmp_path)


def test_a_project_without_need_of_dbts_models_hears_nothing_of_a_manifest(tmp_path: Path) -> None:
    relation = MODELS.replace("agg_time_dimension", "relation: a.b\n        agg_time_dimension")
    shop(tmp_path, **{"models/marts/orders.yml": relation})
    assert warnings(tmp_path) == []


def test_definitions_are_in_the_dialect_of_the_adapter(tmp_path: Path) -> None:
    text = MODELS.replace("expr: amount", 'expr: "`amount` + 1"')
    place = manifest("bigquery", orders="`p-1`.`d`.`orders`")
    shop(tmp_path, **{"models/marts/orders.yml": text, "target/manifest.json": place})
    project = Project.load(tmp_path, dialect="bigquery")
    assert project.config.dialect == "bigquery"
    assert found(project) == []
    (tmp_path / "kpilayer.yml").write_text("name: shop\ndialect: duckdb\n")
    assert Project.load(tmp_path).config.dialect == "duckdb"
    assert [i.code for i in found(Project.load(tmp_path))] != []


def test_an_adapter_that_is_not_known_is_read_as_duckdb_with_a_warning(tmp_path: Path) -> None:
    shop(tmp_path, **{"target/manifest.json": manifest("parrot", orders="a.b")})
    project = Project.load(tmp_path)
    assert project.config.dialect == "duckdb"
    assert ["`parrot`" in i.message for i in found(project, "warning")] == [True]


def test_sources_of_yaml_lead_to_their_tables(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "kpilayer.yml": "name: shop\n",
            "models/raw.yml": """
                sources:
                  - name: raw
                    schema: landing
                    database: lake
                    loader: anything
                    freshness: {warn_after: {count: 1, period: day}}
                    tables:
                      - {name: orders, identifier: "Orders 1", columns: [{name: a}]}
                      - {name: gone, config: {enabled: false}}
                  - {name: crm, tables: [{name: users}]}
                """,
        },
    )
    project = Project.load(tmp_path)
    assert found(project) == []
    assert dict(project.catalog.definitions.sources) == {
        ("raw", "orders"): '"lake"."landing"."Orders 1"',
        ("crm", "users"): '"crm"."users"',
    }


# ------------------------------------------------------------------------------ one file as project

SEMANTIC = {
    "semantic_models": [
        {
            "name": "orders", "defaults": {"agg_time_dimension": "ordered_at"},
            "node_relation": {
                "alias": "orders", "schema_name": "marts", "database": "shop",
                "relation_name": '"shop"."marts"."orders"',
            },
            "primary_entity": None, "label": None,
            "entities": [{"name": "order", "type": "primary", "expr": "order_id"}],
            "dimensions": [
                {"name": "ordered_at", "type": "time", "expr": None,
                 "type_params": {"time_granularity": "day", "validity_params": None}}
            ],
            "measures": [
                {"name": "revenue", "agg": "sum", "expr": "amount", "create_metric": True}
            ],
        }
    ],
    "metrics": [],
    "saved_queries": [],
    "project_configuration": {"time_spines": [], "time_spine_table_configurations": []},
}  # fmt: skip


def test_a_semantic_manifest_alone_is_a_project(tmp_path: Path) -> None:
    write(tmp_path, {"semantic_manifest.json": json.dumps(SEMANTIC)})
    project = Project.load(tmp_path / "semantic_manifest.json")
    assert project.name == "project"
    assert found(project) == []
    assert "SUM(orders.amount)" in project.compile("revenue", "metric_time__month")
    assert "FROM shop.marts.orders" in project.compile("revenue")


def test_a_semantic_manifest_in_a_dbt_project_has_its_name_and_profile(tmp_path: Path) -> None:
    shop(
        tmp_path,
        **{
            "target/semantic_manifest.json": json.dumps(SEMANTIC),
            "target/manifest.json": manifest("postgres", orders="a.b"),
        },
    )
    project = Project.load(tmp_path / "target/semantic_manifest.json")
    assert (project.name, project.config.profile, project.config.dialect) == (
        "shop",
        "shop",
        "postgres",
    )
    assert found(project) == []


def test_a_json_file_may_be_one_of_the_model_paths(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "kpilayer.yml": "name: kpis\nmodel-paths: [dbt/semantic_manifest.json]\n",
            "dbt/semantic_manifest.json": json.dumps(SEMANTIC),
            "metrics/more.yml": "metrics: [{name: twice, type: derived, expr: revenue * 2, "
            "input_metrics: [revenue]}]",
        },
    )
    project = Project.load(tmp_path)
    assert found(project) == []
    assert {m.name for m in project.metrics} >= {"revenue", "twice"}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_a_json_file_that_is_none_is_an_issue(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"semantic_manifest.json": text})
    codes = [i.code for i in found(Project.load(tmp_path / "semantic_manifest.json"))]
    assert codes == ["bad-manifest"]


def test_a_file_that_is_not_there_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        Project.load(tmp_path / "semantic_manifest.json")


def test_yaml_and_dbts_json_of_it_have_one_fingerprint(tmp_path: Path) -> None:
    relation = '"shop"."marts"."fct_orders"'  # an alias that YAML does not name
    legacy = """
        semantic_models:
          - name: orders
            model: ref('orders')
            defaults: {agg_time_dimension: ordered_at}
            entities: [{name: order, type: primary, expr: order_id}]
            dimensions:
              - {name: ordered_at, type: time, type_params: {time_granularity: day}}
            measures: [{name: revenue, agg: sum, expr: amount, create_metric: true}]
        """
    semantic = json.loads(json.dumps(SEMANTIC))
    semantic["semantic_models"][0]["node_relation"] |= {
        "alias": "fct_orders",
        "relation_name": relation,
    }
    shop(
        tmp_path,
        **{
            "models/marts/orders.yml": legacy,
            "target/manifest.json": manifest(orders=relation),
            "target/semantic_manifest.json": json.dumps(semantic),
        },
    )
    whole = json.loads(manifest(orders=relation))
    models = {"semantic_model.shop.orders": semantic["semantic_models"][0]}
    whole |= {"semantic_models": models, "metrics": {}}
    (tmp_path / "target/manifest.json").write_text(json.dumps(whole))
    yaml = Project.load(tmp_path)
    for name in ("semantic_manifest.json", "manifest.json"):
        of_json = Project.load(tmp_path / "target" / name)
        assert found(yaml) == found(of_json) == []
        assert yaml.metrics[0].fingerprint == of_json.metrics[0].fingerprint
        assert yaml.compile("revenue") == of_json.compile("revenue")


TWO_ORDERS = """
    semantic_models:
      - name: sales
        model: ref('PACKAGE', 'orders')
        entities: [{name: order, type: primary, expr: order_id}]
        measures: [{name: revenue, agg: sum, expr: amount, create_metric: true}]
    """


def test_a_model_of_a_package_is_not_the_projects_own_of_that_name(tmp_path: Path) -> None:
    whole = json.loads(manifest(orders="own.orders"))
    node = whole["nodes"]["model.shop.orders"]
    ids = {"package_name": "finance", "unique_id": "model.finance.orders"}
    whole["nodes"]["model.finance.orders"] = {**node, **ids, "relation_name": "theirs.orders"}
    files = {"target/manifest.json": json.dumps(whole)}
    shop(tmp_path, **files, **{"models/marts/orders.yml": TWO_ORDERS.replace("PACKAGE", "finance")})
    assert found(Project.load(tmp_path)) == []
    assert "FROM theirs.orders" in sql_of(tmp_path)
    shop(tmp_path, **files, **{"models/marts/orders.yml": TWO_ORDERS.replace("PACKAGE", "shop")})
    assert "FROM own.orders" in sql_of(tmp_path)


def test_the_projects_own_name_in_a_ref_changes_no_fingerprint(tmp_path: Path) -> None:
    def loaded(text: str) -> Project:
        return Project.load(shop(tmp_path, **{"models/marts/orders.yml": text}))

    own, bare = TWO_ORDERS.replace("PACKAGE", "shop"), TWO_ORDERS.replace("'PACKAGE', ", "")
    assert loaded(own).metrics[0].fingerprint == loaded(bare).metrics[0].fingerprint


def test_without_a_manifest_a_model_of_a_package_is_looked_for_with_a_warning(
    tmp_path: Path,
) -> None:
    text = TWO_ORDERS.replace("PACKAGE", "finance")
    shop(tmp_path, **{"models/marts/orders.yml": text})
    assert "FROM main.orders" in sql_of(tmp_path)
    assert any(w.startswith("no-manifest") for w in warnings(tmp_path))


def test_without_a_manifest_a_version_is_looked_for_under_dbts_default_name(tmp_path: Path) -> None:
    legacy = """
        semantic_models:
          - {name: old, model: "ref('orders', v=1)", entities: [{name: order, type: primary}],
             measures: [{name: revenue, agg: sum, create_metric: true}]}
        """
    shop(tmp_path, **{"models/marts/orders.yml": legacy})
    assert "FROM main.orders_v1" in sql_of(tmp_path)


def test_macros_of_dbt_itself_are_not_there_and_said_not_to_be() -> None:
    hint = fails(templates({}), "{{ dbt.date_trunc('day', 'x') }}").hint
    assert hint is not None and "macros of dbt itself are not available" in hint


TWO_TARGETS = """
    shop:
      target: dev
      outputs:
        dev: {type: duckdb, path: ":memory:", schema: dev}
        prod: {type: duckdb, path: ":memory:", schema: prod}
"""


def test_a_manifest_of_another_target_is_told_with_every_answer(tmp_path: Path) -> None:
    files = {
        "dbt_project.yml": DBT,
        "profiles.yml": TWO_TARGETS,
        "models/orders.yml": MODELS,
        "target/manifest.json": manifest(orders='"shop"."dev"."orders"'),
    }
    write(tmp_path, files)
    assert "bad-manifest" not in {i.code for i in Project.load(tmp_path).prepare("revenue").notices}
    (notice, *_) = Project.load(tmp_path, target="prod").prepare("revenue").notices
    assert notice.message == (
        "the manifest was made for target `dev` (schema `dev`): rows are read there, "
        "and not from `prod` (schema `prod`)"
    )
    assert notice.hint == "run `dbt parse --target prod`"


def test_a_dbt_project_without_profiles_can_be_checked_and_compiled_but_not_queried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KPILAYER_PROFILES_DIR", "DBT_PROFILES_DIR"):
        monkeypatch.delenv(name, raising=False)
    write(tmp_path, {"dbt_project.yml": DBT, "models/orders.yml": MODELS})
    project = Project.load(tmp_path)
    assert "bad-profile" in {i.code for i in project.check() if i.severity == "warning"}
    assert "FROM orders" in project.compile("revenue")
    with pytest.raises(ConfigError, match="there is no profiles"):
        project.query("revenue")
    with pytest.raises(ConfigError, match="there is no profiles"):
        Project.load(tmp_path, target="prod")


def test_a_secret_of_the_environment_is_no_value_of_the_project_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_ENV_SECRET_FOLDER", "hunter22")
    text = "name: shop\nmodel-paths: [\"{{ env_var('DBT_ENV_SECRET_FOLDER') }}\"]\n"
    with pytest.raises(ConfigError) as caught:
        Project.load(shop(tmp_path, **{"dbt_project.yml": text}))
    (issue,) = caught.value.issues
    assert (issue.code, issue.location and issue.location.path) == (
        "jinja-sandbox",
        "dbt_project.yml",
    )
    assert "hunter22" not in str(issue)


def test_a_folder_outside_the_project_is_told_in_the_file_that_names_it(tmp_path: Path) -> None:
    text = DBT + "model-paths: [/etc, ../..]\n"
    root = shop(tmp_path / "shop", **{"dbt_project.yml": text})
    outside = [i for i in Project.load(root).check() if "outside the project" in i.message]
    assert [str(i.location) for i in outside] == ["dbt_project.yml:1:1"] * 2
    (root / "kpilayer.yml").write_text("name: shop\nmetric-paths: [metrics, /usr]\n")
    outside = [i for i in Project.load(root).check() if "outside the project" in i.message]
    assert sorted(str(i.location) for i in outside) == [
        "dbt_project.yml:1:1",
        "dbt_project.yml:1:1",
        "kpilayer.yml:2:25",
    ]
