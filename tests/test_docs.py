"""The documentation is fresh, complete and true: what it shows is executed."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args

import click
import pytest

import kpilayer
from kpilayer import Project
from kpilayer.cli.main import COMMANDS, cli
from kpilayer.codes import CODES
from kpilayer.grain import GRAINS, PARTS
from kpilayer.load.known import NOT_YET
from kpilayer.model import (
    config,
    metric,
    metric_parts,
    names,
    semantic_model,
    source,
    time_spine,
    usage,
)
from kpilayer.model.field_docs import field_docs
from kpilayer.snippets import DIALECTS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def _module(name: str) -> ModuleType:
    """A script of docs/, which is not a package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


examples, generate = _module("examples"), _module("generate")

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
GENERATED = list(generate.pages())
WITH_EXAMPLES = [
    page for page in DOCS.rglob("*.md") if examples.starts_in(page.read_text(encoding="utf-8"))
]
KINDS = [
    kind
    for home in (config, metric, metric_parts, names, semantic_model, source, time_spine, usage)
    for kind in vars(home).values()
    if isinstance(kind, type) and issubclass(kind, names.Definition)
    if kind.__module__ == home.__name__ and kind is not names.Definition
]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------- executed


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=_name)
def test_examples_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    if examples.starts_in(page.read_text(encoding="utf-8")) == "demo":
        examples.build_demo(folder)
    else:
        folder.mkdir()
    assert examples.difference(page, examples.run(page, folder)) == ""
    for project in folder.rglob("kpilayer.yml"):
        assert [i for i in Project.load(project.parent).check() if i.severity == "error"] == []


def test_guide_and_semantics_have_examples() -> None:
    assert {_name(page) for page in WITH_EXAMPLES} >= {"docs/guide.md", "docs/semantics.md"}


def test_every_definition_in_the_guide_is_a_file_of_its_project() -> None:
    for block in examples.blocks(_text("guide.md")):
        if block.language == "yaml":
            assert re.match(r"# (from )?[\w./-]+\.yml(\.jinja)?\n", block.text), block.text


# ------------------------------------------------------------------------------------------- fresh


@pytest.mark.parametrize("page", GENERATED, ids=_name)
def test_generated_parts_are_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert generate.refreshed(text) == text, "run `python docs/generate.py`"


def test_every_generated_part_is_used() -> None:
    used = {
        part
        for page in GENERATED
        for part in re.findall(r"<!-- generated: ([\w-]+) -->", page.read_text(encoding="utf-8"))
    }
    assert used == set(generate.PARTS)


# ---------------------------------------------------------------------------------------- complete


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = _text("reference/cli.md")
    assert f"## kpilayer {name}\n" in text
    page = text.split(f"## kpilayer {name}\n")[1].split("\n## ")[0]
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    inner = command.commands if isinstance(command, click.Group) else {}
    for one in inner:
        assert f"## kpilayer {name} {one}\n" in text
        page += text.split(f"## kpilayer {name} {one}\n")[1].split("\n## ")[0]
    for parameter in (p for one in (command, *inner.values()) for p in one.params):
        for flag in parameter.opts if isinstance(parameter, click.Option) else ():
            assert re.search(
                rf"(?<![\w-]){re.escape(flag)}(?![\w-])", page + text.split("\n## ")[1]
            )


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_documented(code: str) -> None:
    assert f"\n## {code}\n" in _text("reference/errors.md")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_key_is_documented(kind: type) -> None:
    text = _text("reference/definitions.md")
    for name, info in kind.model_fields.items():
        key = info.alias or name
        assert f"| `{key}` |" in text
        assert name in field_docs(kind) or name == "type", (
            f"`{key}` of {kind.__name__} has no docstring"
        )


def test_every_aggregation_and_type_of_metric_is_documented() -> None:
    reference, semantics = _text("reference/definitions.md"), _text("semantics.md")
    for agg in get_args(metric_parts.Aggregation):
        assert f"`{agg}`" in semantics and f"`{agg}`" in _text("reference/dialects.md")
        assert f"`{agg}`" in _text("guide.md")
    for kind in metric.KINDS:
        assert kind == "sql" or f"| `type` | `{kind}`" in reference
    for keys in NOT_YET.values():
        for key in keys:
            assert f"`{key}`" in reference


def test_every_grain_part_and_dialect_is_documented() -> None:
    text = _text("reference/dialects.md")
    for word in (*GRAINS, *(f"extract_{part}" for part in PARTS), *DIALECTS):
        assert f"`{word}`" in text


@pytest.mark.parametrize("name", kpilayer.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    text = _text("reference/python.md")
    assert f"## {name}\n" in text or f"`kpilayer.{name}`" in text


@pytest.mark.parametrize("code", sorted(set(re.findall(r"\[([\w-]+)\]\([^)]*errors\.md#", "\n".join(
    page.read_text(encoding="utf-8") for page in PAGES)))))  # fmt: skip
def test_codes_that_pages_name_exist(code: str) -> None:
    assert code in CODES


# ------------------------------------------------------------------------------------------- links


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {generate.anchor(title) for title in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_internal_links_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in _anchors(target.read_text(encoding="utf-8")), f"{link} has no heading"
