"""The command line from end to end: the starter project and the example company on DuckDB."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

import kpilayer.cli
from kpilayer import artefacts
from kpilayer.cli.main import cli
from kpilayer.demo import project_files

pytest.importorskip("kpilayer.project")

SCHEMA = json.loads(Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text())


def run(*args: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run("init", str(tmp_path / "shop"))
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def test_starter_project_has_no_problems(shop: Path) -> None:
    result = run("check")
    assert "error" not in result.output
    assert result.stderr.startswith("4 metrics, 2 models: ")


def test_starter_project_answers_at_once(shop: Path) -> None:
    # By hand from data/orders.csv, cancelled orders left out.
    result = run("query", "-m", "revenue,orders", "-g", "metric_time__month")
    assert result.stdout.splitlines() == [
        "metric_time__month,revenue,orders",
        "2026-01-01,200.50,2",
        "2026-02-01,369.90,3",
        "2026-03-01,280.25,4",
    ]


def test_starter_project_joins_without_losing_rows(shop: Path) -> None:
    # The order without a customer stays, in a group of its own.
    result = run("query", "-m", "paid_revenue,orders", "-g", "customer__country", "-f", "csv")
    assert result.stdout.splitlines()[1:] == [
        "DE,330.25,3",
        "FR,115.50,3",
        "IT,285.00,2",
        ",,1",
    ]


def test_project_is_found_from_a_folder_inside(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop / "models")
    assert "200.50" in run("query", "-m", "revenue", "-g", "metric_time__month").stdout


@pytest.mark.parametrize(
    "args",
    [
        ("check",),
        *(("list", kind) for kind in ("metrics", "models", "dimensions", "entities")),
        ("list", "dimensions", "-m", "revenue"),
        ("show", "revenue"),
        ("show", "orders"),
        ("show", "customer__country"),
        ("compile", "-m", "revenue"),
        ("compile", "-m", "revenue", "--stage", "plan"),
        ("compile", "-m", "revenue", "--stage", "ast"),
        ("compile",),
        ("query", "-m", "average_order", "-g", "customer__segment"),
        ("debug",),
        ("lock",),
    ],
    ids=" ".join,
)
def test_envelopes_of_a_real_project_fit_the_schema(args: tuple[str, ...], shop: Path) -> None:
    found = json.loads(run(*args, "-f", "json").stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert found["ok"] is True
    assert found["results"] or args[0] == "check"


@pytest.mark.parametrize("name", ["revenue", "average_order", "customers", "customer__country"])
def test_show_makes_a_card_of_everything(name: str, shop: Path) -> None:
    text = run("show", name).stdout
    assert text.startswith(name)
    assert "{" not in text.replace("{{", "")


def test_compile_without_a_query_writes_files(shop: Path) -> None:
    run("compile")
    assert (shop / "target" / "kpilayer" / "manifest.json").is_file()


@pytest.mark.parametrize("place", ["target", "target/kpilayer"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_compile_into_what_is_no_folder_exits_2(place: str, kind: str, shop: Path) -> None:
    path = shop / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine") if kind == "file" else path.symlink_to("nowhere")
    result = run("compile", exit_code=2)
    assert f"error[unreadable-file]: `{path}` cannot" in result.stderr
    assert "Not a directory" in result.stderr
    assert not list(shop.rglob(".kpilayer-*"))


def test_compile_replaces_the_folder_behind_a_link(shop: Path) -> None:
    (shop / "elsewhere").mkdir()
    (shop / "target").mkdir()
    (shop / "target" / "kpilayer").symlink_to(shop / "elsewhere")
    run("compile")
    assert (shop / "elsewhere" / "manifest.json").is_file()
    assert (shop / "target" / "kpilayer").is_symlink()
    assert not list(shop.rglob(".kpilayer-*"))


def test_files_may_be_written_by_many_at_once(tmp_path: Path) -> None:
    files = [artefacts.CompiledFile(f"duckdb/{n}.sql", "SELECT 1\n") for n in range(5)]

    def again(_number: int) -> None:
        for _ in range(20):
            artefacts.write(tmp_path, files)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(again, range(8)))
    assert [p.name for p in (tmp_path / "target").iterdir()] == ["kpilayer"]
    assert len(list((tmp_path / "target" / "kpilayer" / "duckdb").iterdir())) == 5


def test_lock_is_fresh_after_lock(shop: Path) -> None:
    run("lock", "--check", exit_code=1)
    assert not (shop / "kpilayer.lock").exists()
    run("lock")
    run("lock", "--check")
    assert "no problems" in run("check").stderr


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("query", "-m", "revnue"), "unknown-metric"),
        (("query",), "no-metrics"),
        (("query", "-m", "revenue", "-g", "customer__city"), "unknown-dimension"),
        (("query", "-m", "revenue", "--limit", "-1"), "bad-limit"),
        (("query", "-m", "revenue", "--start", "soon"), "bad-time-range"),
        (("compile", "-m", "revenue", "--order-by", "-nothing"), "bad-order-by"),
        (("list", "dimensions", "-m", "revnue"), "unknown-metric"),
        (("check", "-t", "nowhere"), "bad-profile"),
        (("check", "-C", "/"), "no-project"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_impossible_questions_exit_2_with_their_code(args, code: str, shop: Path) -> None:
    assert f"error[{code}]" in run(*args, exit_code=2).stderr


def test_sql_that_fails_exits_3(shop: Path) -> None:
    (shop / "data" / "orders.csv").unlink()
    assert "error[" in run("query", "-m", "revenue", exit_code=3).stderr


def test_wrong_definition_is_found_by_check_and_stops_a_query(shop: Path) -> None:
    file = shop / "metrics" / "sales.yml"
    file.write_text(file.read_text().replace("denominator:", "denominatr:"))
    result = run("check", exit_code=1)
    assert "error[unknown-field]" in result.stdout
    assert "did you mean `denominator`?" in result.stdout
    assert "error[unknown-field]" in run("query", "-m", "average_order", exit_code=2).stderr


def test_demo_shows_command_sql_and_table_of_each_question(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    result = run("demo", str(folder), "--scale", "0.02")
    for title, _ in project_files.TOUR:
        assert title in result.stdout
    assert result.stdout.count("$ kpilayer query ") == len(project_files.TOUR)
    assert result.stdout.count("SELECT") >= len(project_files.TOUR)
    assert "files of the example project copied" in result.stderr
    assert (folder / ".kpilayer" / "acme.duckdb").is_file()
    again = run("demo", str(folder), "--scale", "0.02")
    assert again.stdout == result.stdout


@pytest.mark.parametrize("place", ["target", "target/kpilayer"])
def test_compile_writes_nothing_through_a_link_out_of_the_project(
    place: str, shop: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    (outside / "kpilayer").mkdir(parents=True)
    (outside / "kpilayer" / "mine.txt").write_text("mine")
    (shop / place).parent.mkdir(exist_ok=True)
    (shop / place).symlink_to(outside)
    result = run("compile", exit_code=2)
    assert "error[unreadable-file]: a link leads out of the project" in result.stderr
    assert [f.name for f in sorted(outside.rglob("*"))] == ["kpilayer", "mine.txt"]


@pytest.mark.parametrize("is_there", [True, False])
def test_lock_neither_reads_nor_writes_through_a_link_out_of_the_project(
    is_there: bool, shop: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "private.yml"
    if is_there:
        outside.write_text("password: [hunter22\n")
    (shop / "kpilayer.lock").symlink_to(outside)
    for command in ("lock", "check"):
        result = run(command, exit_code=2 if command == "lock" else 1)
        assert "kpilayer.lock:1:1: error[unreadable-file]: a link leads out" in result.output
        assert "hunter22" not in result.output
    assert not is_there or outside.read_text() == "password: [hunter22\n"
    assert outside.exists() == is_there


def test_lock_is_written_through_a_link_that_stays_in_the_project(shop: Path) -> None:
    (shop / "locks").mkdir()
    (shop / "kpilayer.lock").symlink_to("locks/shop.lock")
    run("lock")
    assert (shop / "kpilayer.lock").is_symlink()
    assert (shop / "locks" / "shop.lock").read_text().startswith("# Written by `kpilayer lock`")
    assert [f.name for f in (shop / "locks").iterdir()] == ["shop.lock"]
