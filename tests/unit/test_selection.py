"""Selections: what the grammar says, what each part stands for, and what is compared by state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from kpilayer import ConfigError, DefinitionError, Project, QueryError
from kpilayer.catalog import Catalog
from kpilayer.selection import versions
from kpilayer.selection.grammar import ALL, METHODS, globbed, parse
from kpilayer.selection.state import State, definition_digest
from kpilayer.zones import storage_of

#: orders ← order_summary (SQL) ; orders → customers → regions ; visits stands alone.
MODELS = """
models:
  - name: orders
    semantic_model: true
    relation: shop.orders
    agg_time_dimension: ordered_at
    config: {tags: [core]}
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_at, granularity: day, dimension: {type: time}}
      - {name: status, dimension: {type: categorical}}
  - name: customers
    semantic_model: true
    relation: shop.customers
    columns:
      - {name: customer_id, entity: {type: primary, name: customer}}
      - {name: region_id, entity: {type: foreign, name: region}}
      - {name: segment, dimension: {type: categorical}}
  - name: regions
    semantic_model: true
    relation: shop.regions
    columns:
      - {name: region_id, entity: {type: primary, name: region}}
      - {name: continent, dimension: {type: categorical}}
  - name: order_summary
    semantic_model: true
    columns:
      - {name: day_id, entity: {type: primary, name: day_of_sale}}
"""
SUMMARY = "SELECT ordered_at AS day_id, COUNT(*) AS orders FROM {{ ref('orders') }} GROUP BY 1\n"
METRICS = """
metrics:
  - name: revenue
    model: orders
    agg: sum
    expr: amount
    status: certified
    config: {tags: [board, finance], group: finance}
  - name: orders
    model: orders
    agg: count
    config: {tags: [board], meta: {owner: sales-lead@example.com}}
  - name: eu_revenue
    input_metric: revenue
    filter: "{{ Dimension('region__continent') }} = 'EU'"
    config: {meta: {owner: {name: Sales, email: [sales@example.com]}}}
  - name: aov
    type: ratio
    numerator: revenue
    denominator: orders
    config: {tags: [board], group: finance}
  - name: aov_of_business
    type: derived
    expr: aov * 2
    input_metrics: [{name: aov, filter: "{{ Dimension('customer__segment') }} = 'b2b'"}]
"""
EXTRA = """
metrics:
  - name: summary_rows
    model: order_summary
    agg: count
"""
FILES = {
    "kpilayer.yml": "name: shop\n",
    "models/shop.yml": MODELS,
    "models/order_summary.sql": SUMMARY,
    "metrics/sales.yml": METRICS,
    "metrics/ops/summary.yml": EXTRA,
}


def write(root: Path, files: dict[str, str] | None = None, **more: str) -> Path:
    for name, text in {**(FILES if files is None else files), **more}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.load(write(tmp_path_factory.mktemp("shop")))
    assert [i for i in project.check() if i.severity == "error"] == []
    return project


def metrics(project: Project, select: Any, exclude: Any = None, **more: Any) -> list[str]:
    return list(project.select(select, exclude, **more).metrics)


def models(project: Project, select: Any, **more: Any) -> list[str]:
    return list(project.select(select, kinds=("model",), **more).models)


def said(project: Project, select: Any, exclude: Any = None, **more: Any) -> str:
    with pytest.raises((QueryError, ConfigError, DefinitionError)) as caught:
        project.select(select, exclude, **more)
    return str(caught.value)


# ------------------------------------------------------------------------------- names and methods


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("revenue", "revenue"),
        ("REVENUE", "revenue"),
        ("*revenue*", "eu_revenue revenue"),
        ("a?v*", "aov aov_of_business"),
        ("metric:aov", "aov"),
        ("tag:board", "aov orders revenue"),
        ("tag:fin*", "revenue"),
        ("group:finance", "aov revenue"),
        ("owner:sales-lead@example.com", "orders"),
        ("owner:sales@example.com", "eu_revenue"),
        ("owner:Sales", "eu_revenue"),
        ("owner:finance", "aov revenue"),
        ("path:metrics/ops", "summary_rows"),
        ("path:./metrics/ops/", "summary_rows"),
        ("path:metrics/sales.yml", "aov aov_of_business eu_revenue orders revenue"),
        ("path:*/summary.yml", "summary_rows"),
        ("path:metrics/s", ""),
        ("type:ratio", "aov"),
        ("type:simple", "eu_revenue orders revenue summary_rows"),
        ("status:certified", "revenue"),
        ("model:orders", "eu_revenue orders revenue"),
        ("model:order_summary", "summary_rows"),
    ],
)
def test_a_part_stands_for(shop: Project, select: str, expected: str) -> None:
    assert metrics(shop, select) == expected.split()


def test_without_a_selection_everything_is_selected(shop: Project) -> None:
    assert metrics(shop, None) == sorted(
        ["revenue", "orders", "eu_revenue", "aov", "aov_of_business", "summary_rows"]
    )
    assert models(shop, None) == ["customers", "order_summary", "orders", "regions"]


def test_an_empty_selection_selects_nothing(shop: Project) -> None:
    found = shop.select("")
    assert found.metrics == ()
    assert found.doubts == ("the selection holds no metrics",)


def test_spaces_unite_commas_intersect_and_exclude_takes_away(shop: Project) -> None:
    assert metrics(shop, "aov tag:finance") == ["aov", "revenue"]
    assert metrics(shop, ["aov", "tag:finance aov"]) == ["aov", "revenue"]
    assert metrics(shop, "tag:board,type:simple") == ["orders", "revenue"]
    assert metrics(shop, "tag:board,type:simple,group:finance") == ["revenue"]
    assert metrics(shop, "tag:board", "group:finance") == ["orders"]
    assert metrics(shop, None, "tag:board path:metrics/ops") == ["aov_of_business", "eu_revenue"]


def test_a_name_of_a_metric_and_a_model_is_that_of_the_wanted_kind(shop: Project) -> None:
    assert metrics(shop, "orders") == ["orders"]
    assert models(shop, "orders") == ["orders"]
    both = shop.select("orders", kinds=("metric", "model"))
    assert (both.metrics, both.models) == (("orders",), ("orders",))


# --------------------------------------------------------------------------------------- lineage


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("+aov", "aov orders revenue"),
        ("+aov_of_business", "aov aov_of_business orders revenue"),
        ("1+aov_of_business", "aov aov_of_business"),
        ("0+aov_of_business", "aov_of_business"),
        ("revenue+", "aov aov_of_business eu_revenue revenue"),
        ("revenue+1", "aov eu_revenue revenue"),
        ("+aov+", "aov aov_of_business orders revenue"),
        ("@eu_revenue", "eu_revenue revenue"),
        ("@orders", "aov aov_of_business orders revenue"),
        ("customers+", "aov_of_business eu_revenue"),
        ("regions+", "eu_revenue"),
        ("order_summary+", "summary_rows"),
        ("model:orders+1", "aov eu_revenue orders revenue"),
        ("model:orders+2", "aov aov_of_business eu_revenue orders revenue summary_rows"),
        ("+tag:finance,eu_revenue", ""),
    ],
)
def test_signs_follow_what_is_read_and_what_reads(
    shop: Project, select: str, expected: str
) -> None:
    assert metrics(shop, select) == expected.split()


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("+revenue", "orders"),
        ("+eu_revenue", "customers orders regions"),
        ("1+eu_revenue", "customers regions"),
        ("+aov_of_business", "customers orders"),
        ("+summary_rows", "order_summary orders"),
        ("1+summary_rows", "order_summary"),
        ("+order_summary", "order_summary orders"),
        ("model:orders+", "order_summary orders"),
        ("tag:core", "orders"),
        ("path:models/order_summary.sql", "order_summary"),
    ],
)
def test_models_are_upstream_of_metrics_through_filters_joins_and_sql(
    shop: Project, select: str, expected: str
) -> None:
    assert models(shop, select) == expected.split()


def test_a_selection_knows_all_that_it_reads(shop: Project) -> None:
    assert shop.select("aov").reads == {
        ("metric", "aov"),
        ("metric", "revenue"),
        ("metric", "orders"),
        ("model", "orders"),
    }


# ---------------------------------------------------------------------------------------- doubts


def test_a_value_that_nothing_has_is_told_with_what_is_near(shop: Project) -> None:
    assert shop.select("tag:bord revenue").doubts == (
        "`tag:bord` matches nothing; did you mean `board`?",
    )
    assert shop.select("type:simpel").doubts == (
        "`type:simpel` matches nothing; did you mean `simple`?",
        "the selection holds no metrics",
    )
    assert shop.select("*nothing*").doubts[0] == "`*nothing*` matches nothing"


def test_a_selection_of_the_other_kind_says_how_to_go_on(shop: Project) -> None:
    assert shop.select("customers").doubts == (
        "the selection holds no metrics, only `customers`; a sign selects what is computed from "
        "it: `m+`",
    )
    assert shop.select("aov", kinds=("model",)).doubts == (
        "the selection holds no models, only `aov`; a sign selects what it reads: `+m`",
    )


# ---------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("select", "message", "caret"),
    [
        ("tag:", "`tag:` has no value", "^^^^"),
        ("aov tag:", "`tag:` has no value", "    ^^^^"),
        ("aov,,revenue", "nothing stands beside this comma", "    ^"),
        ("aov, revenue", "nothing stands beside this comma", "   ^"),
        (",aov", "nothing stands beside this comma", "^"),
        ("aov +", "`+` names nothing", "    ^"),
        ("@", "`@` names nothing", "^"),
        ("2+", "`2+` names nothing", "^^"),
        ("++aov", "`++aov` has a sign too many", "^^^^^"),
        ("@aov+", "`@` takes everything up and down already", "^^^^^"),
        ("aov foo:bar", "`foo:` is not a way to select", "    ^^^^^^^"),
        ("tga:board", "did you mean `tag`?", "^^^^^^^^^"),
        ("kpi:growth", "`kpi:` selects what a KPI is made of", "^^^^^^^^^^"),
        ("state:changed", "`changed` is not a state", "^^^^^^^^^^^^^"),
        ("state:new", "`state:new` compares with another version", "^^^^^^^^^"),
        ("revenu", "there is no metric or semantic model `revenu`", "^^^^^^"),
        ("model:order", "there is no semantic model `order`", "^^^^^^^^^^^"),
        ("metric:customers", "there is no metric `customers`", "^^^^^^^^^^^^^^^^"),
    ],
)
def test_a_fault_is_named_with_a_caret_under_it(
    shop: Project, select: str, message: str, caret: str
) -> None:
    text = said(shop, select)
    assert message in text
    lines = text.splitlines()
    assert f"1 | {select}" in lines
    assert lines[lines.index(f"1 | {select}") + 1] == f"  | {caret}"


def test_all_faults_are_told_at_once_where_they_were_given(shop: Project) -> None:
    text = said(shop, "revenu tag:", "orderz")
    assert "select:1:1: error[unknown-metric]" in text
    assert "select:1:8: error[bad-value]" in text
    assert "exclude:1:1: error[unknown-metric]" in text
    assert "did you mean `orders`" in text


def test_every_method_is_either_selected_by_or_refused_by_name(shop: Project) -> None:
    for method in METHODS:
        if method == "kpi":
            assert "not-supported-yet" in said(shop, "kpi:*")
        elif method != "state":
            assert shop.select(f"{method}:*").metrics


# ----------------------------------------------------------------------------------- hostile input


def test_a_selection_that_is_too_long_is_refused(shop: Project) -> None:
    assert "has 100,001 characters" in said(shop, "a" * 100_001)
    assert "this part has 1,001 characters" in said(shop, "a" * 1_001)
    assert "has 1,001 globs" in said(shop, "a*b " * 1_001)


@pytest.mark.parametrize(
    "select",
    [
        "*a" * 500,
        "*" * 1_000,
        "?*" * 500,
        " ".join(["*a*b*c*d*"] * 9_000),
        " ".join(f"*{n}*" for n in range(11_000)),
        "+" * 1_000,
        "," * 1_000,
        "9" * 990 + "+aov",
        "aov+" + "9" * 990,
        " ".join(f"nothing_{n}" for n in range(6_000)),
        ",".join(["aov"] * 20_000),
        " ".join(["@orders"] * 12_000),
        "tag:" + "[" * 900,
        "path:" + "../" * 300,
        "a\x00b \x1b[31m \n\t\u2028",
    ],
)
def test_hostile_selections_end_soon_and_in_words(shop: Project, select: str) -> None:
    started = time.perf_counter()
    try:
        shop.select(select, exclude=select)
    except QueryError as error:
        assert len(error.issues) < 2_100
    assert time.perf_counter() - started < 5


def test_no_glob_is_tried_more_often_than_it_has_stretches() -> None:
    text = "a" * 5_000
    started = time.perf_counter()
    assert globbed("*a" * 500 + "b").fullmatch(text) is None
    assert globbed("a*" * 500).fullmatch(text)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*ab*ab", "abxab", True),
        ("*ab*ab", "ab", False),
        ("a*a", "a", False),
        ("a**c", "abc", True),
        ("?", "ab", False),
        ("a.c", "abc", False),
        ("*b?d*", "abcd", True),
    ],
)
def test_globs_have_stars_and_question_marks_and_nothing_else(
    pattern: str, text: str, fits: bool
) -> None:
    assert bool(globbed(pattern).fullmatch(text)) is fits


def test_a_depth_of_many_digits_is_all() -> None:
    union, issues = parse(["123+aov+999999999999"], "select")
    assert issues == []
    assert [(p.up, p.down) for (p,) in union] == [(123, ALL)]


# ----------------------------------------------------------------------------------------- check


BROKEN = (
    MODELS
    + """
  - name: visits
    semantic_model: true
    relation: shop.visits
    columns:
      - {name: visit_id, entity: {type: primary, name: visit}}
    metrics:
      - name: visits_seen
        agg: count
      - name: visits_wrong
        agg: count
        filter: "{{ Dimension('visit__nowhere') }} = 1"
    derived_semantics:
      dimensions:
        - {name: odd, type: categorical, expr: "1 +"}
"""
)


def test_check_tells_what_concerns_the_selection_and_what_it_reads(tmp_path: Path) -> None:
    more = """
metrics:
  - name: lost
    model: orders
    agg: count
    filter: "{{ Dimension('order__nothing') }} = 1"
  - name: twice_lost
    type: derived
    expr: lost * 2
    input_metrics: [lost]
  - name: broken
    model: orders
    agg: summ
"""
    write(tmp_path, **{"models/shop.yml": BROKEN, "metrics/more.yml": more})
    project = Project.load(tmp_path)

    def codes(select: str) -> list[tuple[str, int]]:
        chosen = project.select(select, kinds=("metric", "model"))
        found = [i for i in project.check(chosen) if i.severity == "error" and i.location]
        return [(i.location.path, i.location.line) for i in found if i.location]

    lines = BROKEN.splitlines()
    wrong = ("models/shop.yml", 1 + next(n for n, t in enumerate(lines) if "nowhere" in t))
    odd = ("models/shop.yml", 1 + next(n for n, t in enumerate(lines) if "1 +" in t))
    lost, broken = ("metrics/more.yml", 6), ("metrics/more.yml", 13)
    assert codes("revenue") == []
    assert codes("lost") == [lost]
    assert codes("twice_lost") == [lost]
    assert codes("broken") == [broken]
    assert codes("visits_wrong") == [wrong, odd]
    assert codes("visits_seen") == [odd]
    assert codes("visits") == [odd]
    assert set(codes("*")) == {lost, broken, wrong, odd}


def test_check_always_tells_what_belongs_to_no_definition(tmp_path: Path) -> None:
    write(tmp_path, **{"metrics/torn.yml": "metrics: [\n", "metrics/what.yml": "wat: 1\n"})
    project = Project.load(tmp_path)
    found = project.check(project.select("revenue", kinds=("metric", "model")))
    assert {i.location.path for i in found if i.location} == {
        "metrics/torn.yml",
        "metrics/what.yml",
    }


def test_a_name_that_a_torn_file_may_hold_is_not_called_unknown(tmp_path: Path) -> None:
    project = Project.load(write(tmp_path, **{"metrics/torn.yml": "metrics: [\n"}))
    assert metrics(project, "hidden_in_the_torn_file") == []


def test_the_second_of_two_definitions_is_told_with_the_first(tmp_path: Path) -> None:
    again = "metrics:\n  - {name: other, model: orders, agg: count}\n"
    again += "  - {name: revenue, model: orders, agg: count}\n"
    project = Project.load(write(tmp_path, **{"metrics/zz.yml": again}))
    found = project.check(project.select("revenue", kinds=("metric", "model")))
    assert "duplicate-name" in [i.code for i in found]
    found = project.check(project.select("orders", kinds=("metric", "model")))
    assert "duplicate-name" not in [i.code for i in found]


# ----------------------------------------------------------------------------------------- state

CHANGED = (
    METRICS.replace("expr: amount", "expr: amount - discount")  # revenue: field and meaning
    .replace("config: {tags: [board], meta:", "config: {tags: [new], meta:")  # orders: field
    .replace("numerator: revenue", "numerator: {name: revenue}")  # aov: spelling only
)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    more = EXTRA + "  - {name: fresh, model: orders, agg: count}\n"
    files = {**FILES, "metrics/sales.yml": CHANGED, "metrics/ops/summary.yml": more}
    return Project.load(write(tmp_path_factory.mktemp("changed"), files))


NEW = ["fresh"]
MEANING = ["aov", "aov_of_business", "eu_revenue", "revenue"]
MODIFIED = ["aov", "aov_of_business", "eu_revenue", "orders", "revenue"]


def states(project: Project, state: str) -> list[list[str]]:
    words = ("state:new", "state:modified", "state:modified.meaning")
    return [metrics(project, word, state=state) for word in words]


def test_changes_since_a_project_folder(shop: Project, changed: Project) -> None:
    assert states(changed, str(shop.root)) == [NEW, MODIFIED, MEANING]
    assert states(shop, str(shop.root)) == [[], [], []]
    assert metrics(changed, "state:modified,tag:board", state=shop.root) == ["aov", "revenue"]


def test_a_model_is_compared_by_what_it_offers(shop: Project, tmp_path: Path) -> None:
    text = MODELS.replace("status, dimension", "state, dimension").replace("[core]", "[base]")
    text = text.replace("name: regions", "name: regions\n    description: Where.")
    project = Project.load(write(tmp_path, **{"models/shop.yml": text}))
    assert models(project, "state:modified", state=shop.root) == ["orders", "regions"]
    assert models(project, "state:modified.meaning", state=shop.root) == ["orders"]
    assert metrics(project, "state:modified.meaning", state=shop.root) == []


def with_digests(project: Project) -> Path:
    """The folder that compiling leaves, with the digests of definitions in its manifest."""
    path = project.write_compiled()
    manifest = json.loads(path.read_text())
    for metric in project.catalog.definitions.metrics:
        manifest["metrics"][metric.name]["definition"] = definition_digest(metric)
    path.write_text(json.dumps(manifest))
    return path


def test_changes_since_a_manifest(changed: Project, tmp_path: Path) -> None:
    manifest = with_digests(Project.load(write(tmp_path / "old")))
    copied = shutil.copytree(manifest.parent, tmp_path / "baseline")
    for folder in (manifest.parent, manifest.parent.parent, copied):
        assert states(changed, str(folder)) == [NEW, MODIFIED, MEANING]


def test_a_manifest_without_definitions_still_tells_what_is_new_or_means_otherwise(
    changed: Project, tmp_path: Path
) -> None:
    path = with_digests(Project.load(write(tmp_path)))
    manifest = json.loads(path.read_text())
    for entry in manifest["metrics"].values():
        del entry["definition"]
    path.write_text(json.dumps(manifest))
    assert metrics(changed, "state:new", state=path.parent) == NEW
    assert metrics(changed, "state:modified.meaning", state=path.parent) == MEANING
    assert "does not hold the definitions" in said(changed, "state:modified", state=path.parent)


def test_models_are_not_new_where_only_metrics_were_written_down(
    shop: Project, tmp_path: Path
) -> None:
    path = with_digests(Project.load(write(tmp_path)))
    manifest = json.loads(path.read_text())
    manifest.pop("models", None)
    path.write_text(json.dumps(manifest))
    found = shop.select("state:new", state=path.parent, kinds=("model",))
    assert found.models == ()
    assert "holds no semantic models to compare with" in found.doubts[0]


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "kpilayer/manifest@9"}', "[" * 99_999])
def test_a_manifest_that_is_none_is_refused(shop: Project, text: str, tmp_path: Path) -> None:
    folder = write(tmp_path, {"target/kpilayer/manifest.json": text}) / "target" / "kpilayer"
    assert "manifest.json`" in said(shop, "state:new", state=folder)


def test_a_manifest_of_dbt_is_not_ours(shop: Project, tmp_path: Path) -> None:
    write(tmp_path, {"manifest.json": '{"metadata": {}, "metrics": {}}'})
    assert "nor a manifest of kpilayer" in said(shop, "state:new", state=tmp_path)


def test_a_state_that_is_not_there_is_named(shop: Project, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    assert f"in `{missing}`" in said(shop, "state:new", state=missing)


def test_a_state_that_does_not_compile_is_told_at_its_own_place(
    shop: Project, tmp_path: Path
) -> None:
    write(tmp_path, **{"metrics/sales.yml": "metrics:\n  - {name: lone, model: none, agg: sum}\n"})
    text = said(shop, "state:new", state=tmp_path)
    assert f"the state `{tmp_path}` does not compile" in text
    assert f"{tmp_path}:metrics/sales.yml:2:25: error[unknown-model]" in text
    write(tmp_path, **{"kpilayer.yml": "nam: shop\n"})
    assert f"{tmp_path}:kpilayer.yml:1:1" in said(shop, "state:new", state=tmp_path)


def test_a_project_with_errors_is_compared_by_its_fields(shop: Project, tmp_path: Path) -> None:
    text = METRICS.replace("expr: amount", "expr: amount +")
    project = Project.load(write(tmp_path, **{"metrics/sales.yml": text}))
    assert metrics(project, "state:modified", state=shop.root) == ["revenue"]


def test_variables_of_the_command_hold_for_the_state_too(tmp_path: Path) -> None:
    text = METRICS.replace("'EU'", "'{{ var('continent') }}'")
    write(tmp_path, **{"metrics/sales.yml": text})
    project = Project.load(tmp_path, vars={"continent": "EU"})
    assert states(project, str(tmp_path)) == [[], [], []]


# ------------------------------------------------------------------------------------------- git


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Analyst", "-c", "user.email=analyst@example.com"]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *who, "-c", "init.defaultBranch=main", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=env)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the shop in a folder of it, committed on main and changed since."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed: apt install git")
    root = write(tmp_path / "repository" / "analytics")
    git(root.parent, "init")
    git(root.parent, "add", ".")
    git(root.parent, "commit", "-m", "Sell things")
    write(root, {"metrics/sales.yml": CHANGED})
    return root


def test_changes_since_a_commit_leave_the_checkout_alone(repository: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in repository.parent.rglob("*")}
    project = Project.load(repository)
    assert states(project, "git:main") == [[], MODIFIED, MEANING]
    assert states(project, "git:HEAD") == [[], MODIFIED, MEANING]
    assert {p: p.stat().st_mtime_ns for p in repository.parent.rglob("*")} == before


def test_no_hook_and_no_filter_of_the_repository_runs(repository: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (repository.parent / ".gitattributes").write_text("*.yml filter=spy\n")
    git(repository.parent, "config", "filter.spy.smudge", f"touch {ran}; cat")
    git(repository.parent, "config", "core.fsmonitor", f"touch {ran}")
    assert metrics(Project.load(repository), "state:modified", state="git:main") == MODIFIED
    assert not ran.exists()


def test_the_variables_of_a_git_hook_do_not_lead_astray(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert metrics(Project.load(repository), "state:modified", state="git:main") == MODIFIED


@pytest.mark.parametrize("ref", ["mian", "", "-h", "--output=x", "main:analytics", "a\x00b", "a b"])
def test_a_reference_that_is_none_is_named(repository: Path, ref: str) -> None:
    text = said(Project.load(repository), "state:new", state=f"git:{ref}")
    assert "there is no git reference" in text or "names no reference" in text
    assert ref != "mian" or "did you mean `main`?" in text


def test_a_folder_without_a_repository_is_named(shop: Project) -> None:
    assert f"`{shop.root}` is not in a git repository" in said(shop, "state:new", state="git:main")


def test_a_commit_before_the_project_is_named(repository: Path) -> None:
    (repository.parent / "later").mkdir()
    later = write(repository.parent / "later")
    text = said(Project.load(later), "state:new", state="git:main")
    assert "there is no kpilayer.yml at `git:main`" in text


def test_a_commit_that_does_not_compile_is_told_at_its_own_place(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "wrong")
    write(repository, {"metrics/sales.yml": METRICS.replace("agg: sum", "agg: summ")})
    git(repository, "commit", "-a", "-m", "Break it")
    write(repository)
    text = said(Project.load(repository), "state:new", state="git:wrong")
    assert "the state `git:wrong` does not compile" in text
    assert "wrong:metrics/sales.yml:5:10: error[bad-value]" in text


LOCKED = """
dialect: duckdb
relations:
  shop.orders:
    columns:
      ordered_at: {type: TIMESTAMP WITH TIME ZONE}
"""


def test_the_types_of_a_commit_are_those_of_its_own_lock(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoned = MODELS.replace("dimension: {type: time}", "dimension: {type: time, timezone: UTC}")
    write(repository, {"models/shop.yml": zoned, "kpilayer.lock": LOCKED})
    git(repository, "add", ".")
    git(repository, "commit", "-m", "Lock types")
    write(repository, {"kpilayer.lock": LOCKED.replace("WITH TIME ZONE", "")})
    stored: dict[str, str | None] = {}

    def state_of(catalog: Catalog, identity: Any, shown: str) -> State:
        ordered = catalog.models["orders"].dimension("ordered_at")
        assert ordered is not None
        stored[shown] = storage_of(catalog, "orders", ordered)
        return kept(catalog, identity, shown)

    kept = versions.state_of
    monkeypatch.setattr(versions, "state_of", state_of)
    assert states(Project.load(repository), "git:HEAD") == [[], [], []]
    assert stored == {"git:HEAD": "instant"}


def test_a_lock_of_a_commit_that_cannot_be_read_is_told_at_its_own_place(repository: Path) -> None:
    write(repository, {"kpilayer.lock": "dialect: [duckdb\n"})
    git(repository, "add", ".")
    git(repository, "commit", "-m", "Tear the lock")
    (repository / "kpilayer.lock").unlink()
    assert "HEAD:kpilayer.lock:" in said(Project.load(repository), "state:new", state="git:HEAD")


def test_without_git_it_is_said(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.load(repository)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs the program git" in said(project, "state:new", state="git:main")


def test_links_and_files_of_other_kinds_are_left_out(repository: Path, tmp_path: Path) -> None:
    (repository / "metrics" / "linked.yml").symlink_to(tmp_path / "elsewhere.yml")
    (repository / "metrics" / "large.parquet").write_bytes(b"0" * 1_000)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "Link")
    (repository / "metrics" / "linked.yml").unlink()
    assert states(Project.load(repository), "git:main") == [[], [], []]


def test_a_dbt_project_around_the_folder_is_read_at_the_commit_too(repository: Path) -> None:
    dbt = repository.parent
    (dbt / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\n")
    write(dbt, {"models/shop.yml": MODELS, "models/metrics.yml": METRICS})
    write(dbt / "layer", {"kpilayer.yml": "name: layer\ndbt_project: ..\n"})
    git(dbt, "add", ".")
    git(dbt, "commit", "-m", "Use dbt")
    write(dbt, {"models/metrics.yml": CHANGED})
    (dbt / "target").mkdir()
    project = Project.load(dbt / "layer")
    assert states(project, "git:main") == [[], MODIFIED, MEANING]


def test_packages_that_no_commit_holds_are_those_of_the_checkout(repository: Path) -> None:
    files = {
        "dbt_project.yml": "name: shop\n",
        "kpilayer.yml": "name: shop\n",
        "metrics/sales.yml": METRICS.replace("expr: amount", "expr: \"{{ money.net('amount') }}\""),
    }
    write(repository, files)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "Use a macro of a package")
    package = repository / "dbt_packages" / "money"
    (package / "macros").mkdir(parents=True)
    (package / "dbt_project.yml").write_text("name: money\n")
    (package / "macros" / "net.sql").write_text(
        "{% macro net(column) %}{{ column }} / 1.19{% endmacro %}"
    )
    project = Project.load(repository)
    assert states(project, "git:main") == [[], [], []]
    assert sorted(f.name for f in package.rglob("*")) == ["dbt_project.yml", "macros", "net.sql"]


def test_a_submodule_that_is_left_out_is_named(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "shared"
    other.mkdir()
    git(other, "init")
    more = "metrics: [{name: shared_orders, model: orders, agg: count}]\n"
    (other / "more.yml").write_text(more)
    git(other, "add", ".")
    git(other, "commit", "-m", "Share")
    allowed = ("-c", "protocol.file.allow=always")
    for place in ("metrics/shared", "tools"):
        git(repository, *allowed, "submodule", "add", str(other), place)
    git(repository, "commit", "-a", "-m", "Use what is shared")
    project = Project.load(repository)
    chosen = project.select("state:new", state="git:HEAD")
    assert chosen.metrics == ("shared_orders",)
    assert chosen.doubts == ("the git submodule `metrics/shared` is left out of `git:HEAD`",)
    plain = METRICS + "  - {name: twice, type: derived, expr: 2 * shared_orders, "
    write(repository, {"metrics/sales.yml": plain + "input_metrics: [shared_orders]}\n"})
    git(repository, "commit", "-a", "-m", "Read what is shared")
    text = said(Project.load(repository), "state:new", state="git:HEAD")
    assert "does not compile\n  = help: the git submodule `metrics/shared` is left out" in text


@pytest.mark.parametrize("ref", ["HEAD", "main"])
def test_a_repository_without_commits_is_told_so(tmp_path: Path, ref: str) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed: apt install git")
    root = write(tmp_path / "new")
    git(root, "init")
    text = said(Project.load(root), "state:new", state=f"git:{ref}")
    assert "there is no commit yet to compare with" in text
    assert "shallow" not in text
