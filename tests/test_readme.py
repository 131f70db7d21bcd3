"""The README does what it says: its commands are run, its definitions loaded, its names exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from kpilayer import Project

ROOT = Path(__file__).parent.parent


def _module(name: str) -> ModuleType:
    """A script of docs/, which is not a package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


examples = _module("examples")
README = ROOT / "README.md"


def test_commands_print_what_the_readme_shows(tmp_path: Path) -> None:
    folder = examples.build_demo(tmp_path / "project")
    assert examples.difference(README, examples.run(README, folder)) == ""
    assert [i for i in Project.load(folder).check() if i.severity == "error"] == []


def test_every_yaml_block_says_which_file_it_is() -> None:
    for block in examples.blocks(README.read_text(encoding="utf-8")):
        if block.language == "yaml":
            assert re.match(r"# (from )?[\w./-]+\.yml(\.jinja)?\n", block.text)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_commands_that_install_name_what_exists(page: str) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    )
    text = (ROOT / page).read_text(encoding="utf-8")
    named = [command for block in examples.blocks(text) if block.language == "console"
             for command, _ in examples.commands(block.text)]  # fmt: skip
    assert named
    for command in named:
        words = shlex.split(command)
        if words[0] == "make":
            assert words[1] in targets
        if words[:2] == ["pip", "install"]:
            assert set(re.findall(r"\[(.+)\]", words[2])) <= extras
    for target in re.findall(r"`make ([\w-]+)`", text):
        assert target in targets


def test_the_set_up_is_two_commands() -> None:
    text = README.read_text(encoding="utf-8")
    assert "`make demo`" in text and "`make test`" in text
    assert "`--scale 1`" in text


def test_a_command_with_other_output_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one\ntwo\n$ printf 'a\\nb\\nc\\n'\na\n...\nc\n```\n")
    shown = examples.difference(page, examples.run(page, tmp_path))
    changed = [line for line in shown.splitlines() if re.match(r"[-+]\w", line)]
    assert changed == ["-two", "+one"]
