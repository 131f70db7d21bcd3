"""Selections on the command line: what `list`, `compile` and `check` make of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from kpilayer import Project
from kpilayer.cli.main import cli

DEFINITIONS = """
models:
  - name: sales
    semantic_model: true
    relation: shop.sales
    agg_time_dimension: sold_at
    columns:
      - {name: sale_id, entity: {type: primary, name: sale}}
      - {name: sold_at, granularity: day, dimension: {type: time}}
      - {name: shop, dimension: {type: categorical}}
  - name: stores
    semantic_model: true
    relation: shop.stores
    columns:
      - {name: store_id, entity: {type: primary, name: store}}
metrics:
  - {name: revenue, model: sales, agg: sum, expr: amount, config: {tags: [board]}}
  - {name: sold, model: sales, agg: count, config: {tags: [board]}}
  - {name: secret, model: sales, agg: count, hidden: true}
  - {name: store_count, model: stores, agg: count}
"""
REVENUE = """\
SELECT
  SUM(sales.amount) AS revenue
FROM shop.sales
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "shop"
    (root / "models").mkdir(parents=True)
    (root / "kpilayer.yml").write_text("name: shop\n")
    (root / "models" / "shop.yml").write_text(DEFINITIONS)
    monkeypatch.chdir(root)
    monkeypatch.delenv("KPILAYER_FORMAT", raising=False)
    return root


def run(*args: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [*args, "--no-progress"])
    assert result.exit_code == exit_code, result.output
    return result


def listed(*args: str) -> list[str]:
    return [line.split(",")[0] for line in run("list", *args).stdout.splitlines()[1:]]


# -------------------------------------------------------------------------------------------- list


def test_list_shows_what_is_selected(shop: Path) -> None:
    assert listed("-s", "tag:board") == ["revenue", "sold"]
    assert listed("-s", "revenue", "-s", "store_count") == ["revenue", "store_count"]
    assert listed("--exclude", "tag:board") == ["store_count"]
    assert listed("models", "-s", "+revenue") == ["sales"]
    assert listed("--select", "model:sales", "--all") == ["revenue", "secret", "sold"]


def test_an_empty_selection_warns_and_exits_0(shop: Path) -> None:
    result = run("list", "-s", "tag:bord")
    assert result.stdout.splitlines()[1:] == []
    assert result.stderr == (
        "warning: `tag:bord` matches nothing; did you mean `board`?\n"
        "warning: the selection holds no metrics\n"
    )
    assert run("compile", "tag:bord", "-q").output == ""


def test_only_hidden_metrics_selected_says_how_to_see_them(shop: Path) -> None:
    assert "`--all`" in run("list", "-s", "secret").stderr
    assert listed("-s", "secret", "--all") == ["secret"]


@pytest.mark.parametrize(
    "args", [("list", "-s", "revenu"), ("compile", "revenu"), ("check", "revenu")]
)
def test_an_unknown_name_exits_2_with_a_caret(args: tuple[str, ...], shop: Path) -> None:
    assert run(*args, exit_code=2).stderr == (
        "select:1:1: error[unknown-metric]: there is no metric or semantic model `revenu`\n"
        "1 | revenu\n"
        "  | ^^^^^^\n"
        "  = help: did you mean `revenue`?\n"
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("list", "dimensions", "-s", "revenue"), "use `-m`"),
        (("list", "-m", "revenue"), "use `-s`"),
        (("compile", "revenue", "-m", "sold"), "SELECT, each by itself, or with `-m`, together"),
        (("check", "--state", "git:main"), "`--state` is what `state:modified` compares with"),
        (("check", "state:new"), "`--state git:main`"),
        (("check", "state:new", "--state", "nowhere"), "in `nowhere`"),
    ],
)
def test_what_cannot_be_combined_exits_2(args: tuple[str, ...], said: str, shop: Path) -> None:
    assert said in run(*args, exit_code=2).stderr


def test_state_compares_with_a_folder_from_where_one_is(shop: Path) -> None:
    other = shop.parent / "other"
    (other / "models").mkdir(parents=True)
    (other / "kpilayer.yml").write_text("name: shop\n")
    (other / "models" / "shop.yml").write_text(DEFINITIONS.replace("expr: amount", "expr: paid"))
    assert listed("-s", "state:modified.meaning", "--state", "../other") == ["revenue"]


# ----------------------------------------------------------------------------------------- compile


def without_headings(text: str) -> str:
    return "".join(t for t in text.splitlines(keepends=True) if not t.startswith("-- kpilayer"))


def test_compile_prints_each_selected_metric_as_a_script(shop: Path) -> None:
    text = run("compile", "revenue", "sold").stdout
    sold = run("compile", "-m", "sold").stdout
    assert text.endswith(f"-- sold\n{sold.removesuffix(chr(10))};\n")
    first = text.partition("-- sold\n")[0]
    assert without_headings(first) == "-- revenue\n" + REVENUE.removesuffix("\n") + ";\n"


def test_compile_asks_the_same_of_each_metric(shop: Path) -> None:
    text = run("compile", "tag:board", "-g", "sale__shop", "--dialect", "postgres").stdout
    assert text.count("GROUP BY") == 2


def test_compile_into_a_folder_writes_a_file_per_metric(shop: Path) -> None:
    result = run("compile", "tag:board", "-o", "out/sql")
    assert (result.stdout, result.stderr) == ("", "2 files written to out/sql\n")
    assert sorted(p.name for p in Path("out/sql").iterdir()) == ["revenue.sql", "sold.sql"]
    assert without_headings(Path("out/sql/revenue.sql").read_text()) == REVENUE
    assert not Path("target").exists()


def test_compile_into_a_file_writes_the_script(shop: Path) -> None:
    run("compile", "tag:board", "-o", "board.sql")
    assert Path("board.sql").read_text() == run("compile", "tag:board").stdout


def test_compile_into_a_folder_that_is_a_file_exits_2(shop: Path) -> None:
    Path("taken").write_text("mine")
    assert "`taken` is not a folder" in run("compile", "revenue", "-o", "taken", exit_code=2).stderr
    assert Path("taken").read_text() == "mine"


def test_compile_as_json_names_each_metric(shop: Path) -> None:
    found = json.loads(run("compile", "tag:board", "-f", "json").stdout)
    assert [r["metric"] for r in found["results"]] == ["revenue", "sold"]
    assert without_headings(found["results"][0]["text"]) == REVENUE.rstrip("\n")
    assert found["results"][0]["columns"] == ["revenue"]
    assert found["schema"] == "kpilayer/compile@1"


def test_compile_prints_the_stage_of_each_metric(shop: Path) -> None:
    text = run("compile", "revenue", "--stage", "plan").stdout
    assert text.startswith("-- revenue\n")
    assert "Scan" in text
    assert ";" not in text


def test_compile_of_what_some_metrics_cannot_answer_prints_nothing(shop: Path) -> None:
    result = run("compile", "*", "-g", "sale__shop", exit_code=2)
    assert result.stdout == ""
    assert "`sale__shop`" in result.stderr


# ------------------------------------------------------------------------------------------- check


def test_check_reports_what_is_selected_and_says_so(shop: Path) -> None:
    path = shop / "models" / "shop.yml"
    path.write_text(DEFINITIONS.replace("model: stores, agg: count", "model: stores, agg: cout"))
    result = run("check", "tag:board")
    assert result.stdout == "" or "unlocked-relation" in result.stdout
    assert result.stderr.startswith(
        "2 metrics, 1 model, selected or read by what is selected: no problems"
    ) or result.stderr.startswith(
        "2 metrics, 1 model, selected or read by what is selected: 1 notice"
    )
    assert "bad-value" in run("check", "store_count", exit_code=1).stdout
    assert "bad-value" in run("check", exit_code=1).stdout


def test_check_as_json_counts_what_is_selected(shop: Path) -> None:
    summary = json.loads(run("check", "revenue", "-f", "json").stdout)["summary"]
    assert (summary["metrics"], summary["models"], summary["errors"]) == (1, 1, 0)


# -------------------------------------------------------------------------------------- completion


def completed(*args: str, begun: str) -> list[str]:
    found = ShellComplete(cli, {}, "kpilayer", "_KPILAYER_COMPLETE")
    return [item.value for item in found.get_completions(list(args), begun)]


def test_names_are_completed_from_what_was_compiled(shop: Path) -> None:
    assert completed("compile", begun="re") == []
    run("compile")
    assert completed("compile", begun="re") == ["revenue"]
    assert completed("check", begun="+s") == ["+secret", "+sold", "+store_count"]
    assert completed("list", "-s", begun="revenue,st") == ["revenue,store_count"]
    assert completed("-C", str(shop.parent), "compile", begun="re") == []


def test_completion_imports_nothing_heavy(shop: Path) -> None:
    run("compile")
    code = (
        "import sys; from kpilayer.cli.main import main\ntry: main([])\nexcept SystemExit: pass\n"
    )
    code += "print(sorted({'sqlglot', 'pydantic', 'duckdb', 'jinja2'} & set(sys.modules)))"
    env = {
        **os.environ,
        "_KPILAYER_COMPLETE": "zsh_complete",
        "COMP_WORDS": "kpilayer compile re",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60
    )
    assert done.stdout.splitlines() == ["plain", "revenue", "_", "[]"], done.stderr


# ------------------------------------------------------------------------------------------- speed


def large(folder: Path, count: int) -> Project:
    (folder / "models").mkdir(parents=True)
    (folder / "kpilayer.yml").write_text("name: large\n")
    more = "".join(
        f"  - {{name: m{n}, model: sales, agg: sum, expr: a{n}}}\n" for n in range(count)
    )
    (folder / "models" / "large.yml").write_text(DEFINITIONS + more)
    return Project.load(folder)


def seconds_per_metric(project: Project, names: Any) -> float:
    started = time.process_time()
    for name in names:
        project.prepare([name])
    return (time.process_time() - started) / len(names)


def test_compiling_one_of_many_metrics_costs_what_one_of_few_does(tmp_path: Path) -> None:
    few, many = large(tmp_path / "few", 50), large(tmp_path / "many", 1_500)
    sample = [f"m{n}" for n in range(50)]
    for project in (few, many):
        project.prepare(["revenue"])  # what is made once
    fast = min(seconds_per_metric(few, sample) for _ in range(3))
    assert min(seconds_per_metric(many, sample) for _ in range(3)) < 3 * fast
