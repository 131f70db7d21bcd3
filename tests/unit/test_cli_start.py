"""The commands to begin with: what `init` and `demo` write, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from kpilayer.cli.main import cli
from kpilayer.demo import project_files
from kpilayer.errors import ConfigError
from kpilayer.model.names import _NAME


def run(*args: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == exit_code, result.output
    return result


def tree(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and ".kpilayer" not in file.parts
    }


# -------------------------------------------------------------------------------------------- init


def test_init_writes_a_project_and_names_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "my-shop"
    result = run("init", str(folder))
    assert sorted(result.stdout.splitlines()) == sorted(str(folder / f) for f in tree(folder))
    assert set(tree(folder)) == {
        ".gitignore",
        "kpilayer.yml",
        "models/shop.yml",
        "metrics/sales.yml",
        "macros/filters.sql",
        "data/orders.csv",
        "data/customers.csv",
    }
    assert "check" in result.stderr


def test_init_is_for_the_present_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "kpilayer.yml" in run("init").stdout
    assert (tmp_path / "kpilayer.yml").is_file()


def test_init_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "kpilayer.yml").write_text("name: mine\n")
    before = tree(tmp_path)
    result = run("init", str(tmp_path), exit_code=2)
    assert "error[folder-not-empty]" in result.stderr
    assert "`kpilayer.yml`" in result.stderr
    assert tree(tmp_path) == before


def test_init_refuses_a_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert "is a file" in run("init", str(tmp_path / "taken"), exit_code=2).stderr


def test_init_leaves_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    (tmp_path / "README.md").write_text("mine\n")
    run("init", str(tmp_path))
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert (tmp_path / "kpilayer.yml").is_file()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("shop", "shop"), ("My Shop", "my_shop"), ("2026-kpis", "kpis"), ("x", "shop"), ("é", "shop")],
)
def test_init_names_the_project_after_its_folder(folder: str, name: str, tmp_path: Path) -> None:
    run("init", str(tmp_path / folder))
    text = (tmp_path / folder / "kpilayer.yml").read_text()
    assert f"\nname: {name}\n" in text
    assert _NAME.match(name)


def test_init_says_nothing_with_q(tmp_path: Path) -> None:
    assert run("init", str(tmp_path / "shop"), "-q").stderr == ""


# -------------------------------------------------------------------------------------------- demo


def test_example_is_copied_whole(tmp_path: Path) -> None:
    new = project_files.copy(tmp_path / "acme")
    home = project_files.source()
    assert {file.parts[0] for file in new} == set(project_files.PARTS)
    for file in new:
        assert (tmp_path / "acme" / file).read_bytes() == (home / file).read_bytes()


def test_example_is_not_copied_onto_itself() -> None:
    assert project_files.copy(project_files.source()) == ()


def test_unchanged_copy_is_used_again(tmp_path: Path) -> None:
    project_files.copy(tmp_path)
    (tmp_path / "notes.md").write_text("")
    assert project_files.copy(tmp_path) == ()


def test_changed_copy_is_refused(tmp_path: Path) -> None:
    project_files.copy(tmp_path)
    (tmp_path / "kpilayer.yml").write_text("name: mine\n")
    with pytest.raises(ConfigError, match=r"folder-not-empty.*changed `kpilayer\.yml`"):
        project_files.copy(tmp_path)


def test_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is in use"):
        project_files.copy(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "notes.txt"]


def test_demo_in_a_used_folder_exits_2(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "error[folder-not-empty]" in run("demo", str(tmp_path), exit_code=2).stderr


@pytest.mark.parametrize("scale", ["0", "-1", "many", "nan", "inf", "-inf", "1e400"])
def test_demo_of_no_size_exits_2_and_copies_nothing(scale: str, tmp_path: Path) -> None:
    result = run("demo", str(tmp_path / "new"), "--scale", scale, exit_code=2)
    assert "Invalid value for '--scale'" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["init", "demo"])
def test_folder_inside_a_file_exits_2(command: str, tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("mine")
    result = run(command, str(tmp_path / "afile" / "x"), exit_code=2)
    assert "error[unreadable-file]" in result.stderr
    assert "Not a directory" in result.stderr


def test_database_that_duckdb_cannot_write_is_no_fault_of_ours(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_args: object) -> None:
        raise duckdb.IOException("IO Error: Permission denied")

    monkeypatch.setattr(project_files, "build", refuse)
    with pytest.raises(ConfigError, match="Permission denied"):
        project_files.build_database(tmp_path, 0.01)


def test_database_is_built_beside_and_then_renamed(tmp_path: Path) -> None:
    heard: list[str] = []
    rows = project_files.build_database(tmp_path, 0.01, heard.append)
    assert list((tmp_path / ".kpilayer").iterdir()) == [tmp_path / project_files.DATABASE]
    assert heard == list(rows)
    with duckdb.connect(str(tmp_path / project_files.DATABASE), read_only=True) as connection:
        found = connection.execute("SELECT count(*) FROM invoices").fetchone()
    assert found == (rows["invoices"],)


def test_interrupted_build_leaves_the_old_database(tmp_path: Path) -> None:
    database = tmp_path / project_files.DATABASE
    database.parent.mkdir()
    database.write_bytes(b"old")

    def interrupt(_table: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project_files.build_database(tmp_path, 0.01, interrupt)
    assert list(database.parent.iterdir()) == [database]
    assert database.read_bytes() == b"old"


def test_init_does_not_write_into_a_folder_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shop" / "models").symlink_to(tmp_path / "elsewhere")
    result = run("init", str(tmp_path / "shop"), exit_code=2)
    assert "a link leads out of the project" in result.stderr
    assert not list((tmp_path / "elsewhere").iterdir())
    assert not (tmp_path / "shop" / "kpilayer.yml").exists()
