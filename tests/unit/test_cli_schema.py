"""`kpilayer schema`: what it prints, and that setting an editor up loses nothing of anybody's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from kpilayer.cli.jsonc import CannotMerge, merged, value_of
from kpilayer.cli.main import cli
from kpilayer.cli.schema import KINDS, as_text
from kpilayer.schema import FILES, schema_of

OURS = {
    "./.kpilayer/schema/definitions.json": [
        "models/**/*.yml",
        "models/**/*.yaml",
        "metrics/**/*.yml",
        "metrics/**/*.yaml",
    ],
    "./.kpilayer/schema/project.json": ["kpilayer.yml"],
    "./.kpilayer/schema/lock.json": ["kpilayer.lock"],
    "./.kpilayer/schema/profiles.json": ["profiles.yml"],
}


def run(*args: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["schema", *args])
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "kpilayer.yml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(project: Path, text: str) -> Path:
    path = project / ".vscode/settings.json"
    path.parent.mkdir()
    path.write_bytes(text.encode())
    return path


# ------------------------------------------------------------------------------------------ printing


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_printed_as_json(kind: str) -> None:
    assert json.loads(run(kind).stdout) == schema_of(kind)


def test_without_a_kind_any_file_is_meant() -> None:
    assert json.loads(run().stdout)["title"] == "kpilayer"


def test_every_kind_can_be_named() -> None:
    assert set(KINDS) == set(FILES)
    assert "'metric' is not one of" in run("metric", exit_code=2).stderr


# --------------------------------------------------------------------------------------- installing


def test_schemas_and_settings_are_written_and_named(project: Path) -> None:
    result = run("--install")
    names = [
        *(f".kpilayer/schema/{kind}.json" for kind in KINDS if kind != "kpilayer"),
        *(".vscode/settings.json", ".vscode/extensions.json"),
    ]
    assert sorted(result.stdout.splitlines()) == sorted(names)
    for kind in ("project", "definitions", "lock", "profiles"):
        text = (project / f".kpilayer/schema/{kind}.json").read_text(encoding="utf-8")
        assert text == as_text(schema_of(kind))
    assert json.loads((project / ".vscode/settings.json").read_text()) == {"yaml.schemas": OURS}
    extensions = json.loads((project / ".vscode/extensions.json").read_text())
    assert extensions == {"recommendations": ["redhat.vscode-yaml"]}


def test_every_schema_that_settings_name_is_there(project: Path) -> None:
    run("--install")
    for path in json.loads((project / ".vscode/settings.json").read_text())["yaml.schemas"]:
        assert (project / path).is_file()


def test_the_second_time_nothing_is_written(project: Path) -> None:
    run("--install")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in project.rglob("*") if p.is_file()}
    result = run("--install")
    assert result.stdout == ""
    assert "up to date" in result.stderr
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in project.rglob("*") if p.is_file()}
    assert after == before


def test_it_works_from_a_folder_inside_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "models").mkdir()
    monkeypatch.chdir(project / "models")
    run("--install")
    assert (project / ".vscode/settings.json").is_file()
    assert not (project / "models/.vscode").exists()


def test_the_folders_of_the_project_are_mapped(project: Path) -> None:
    (project / "kpilayer.yml").write_text(
        "name: shop\nmodel-paths: [semantic, ./more]\nmetric-paths: [semantic]\n"
    )
    run("--install")
    found = json.loads((project / ".vscode/settings.json").read_text())["yaml.schemas"]
    assert found["./.kpilayer/schema/definitions.json"] == [
        *("semantic/**/*.yml", "semantic/**/*.yaml", "more/**/*.yml", "more/**/*.yaml")
    ]


def test_other_editors_get_the_schemas_alone(project: Path) -> None:
    run("--install", "--editor", "none")
    assert (project / ".kpilayer/schema/definitions.json").is_file()
    assert not (project / ".vscode").exists()


def test_settings_keep_their_comments_and_get_ours(project: Path) -> None:
    path = settings(
        project,
        '{\n  // how wide\n  "editor.rulers": [100], /* no more */\n  "yaml.schemas": {\n'
        '    "https://example.com/ci.json": "ci.yml", // the pipeline\n  },\n}\n',
    )
    run("--install")
    assert path.read_text() == (
        '{\n  // how wide\n  "editor.rulers": [100], /* no more */\n  "yaml.schemas": {\n'
        '    "https://example.com/ci.json": "ci.yml", // the pipeline\n'
        '    "./.kpilayer/schema/definitions.json": [\n'
        '      "models/**/*.yml",\n      "models/**/*.yaml",\n'
        '      "metrics/**/*.yml",\n      "metrics/**/*.yaml"\n    ],\n'
        '    "./.kpilayer/schema/project.json": [\n      "kpilayer.yml"\n    ],\n'
        '    "./.kpilayer/schema/lock.json": [\n      "kpilayer.lock"\n    ],\n'
        '    "./.kpilayer/schema/profiles.json": [\n      "profiles.yml"\n    ]\n'
        "  },\n}\n"
    )


def test_files_that_somebody_mapped_to_our_schema_stay_mapped(project: Path) -> None:
    key = "./.kpilayer/schema/definitions.json"
    path = settings(project, json.dumps({"yaml.schemas": {key: ["legacy/*.yml"]}}))
    run("--install")
    assert json.loads(path.read_text())["yaml.schemas"][key] == ["legacy/*.yml", *OURS[key]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1,, }', "line 1"),
        ('{\n"a": 1\n"b": 2}', "line 3"),
        ("[1]", "another value"),
        ('{"yaml.schemas": []}', "`yaml.schemas` has another value"),
        ('{"yaml.schemas": {"./.kpilayer/schema/lock.json": "*.lock"}}', "another value"),
        ('{"a": 1, "a": 2}', "`a` twice"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1} x', "not JSON"),
        ('{"a": 1', "not JSON"),
        ('{"a": /* 1}', "not JSON"),
        ("{\xff}", "not JSON"),
    ],
)
def test_settings_that_cannot_be_merged_are_left_alone(project: Path, text: str, why: str) -> None:
    path = settings(project, text)
    result = run("--install", exit_code=1)
    assert path.read_text(encoding="utf-8") == text
    assert why in result.stderr
    shown = result.stdout[result.stdout.index("{") : result.stdout.rindex("}") + 1]
    assert '"yaml.schemas"' in shown
    assert (project / ".vscode/extensions.json").is_file(), "the rest is done"


def test_settings_in_another_encoding_are_left_alone(project: Path) -> None:
    path = settings(project, "")
    path.write_bytes(b'{"a": "\xff"}')
    assert "not UTF-8" in run("--install", exit_code=1).stderr
    assert path.read_bytes() == b'{"a": "\xff"}'


def test_an_extension_that_the_team_declined_is_not_recommended(project: Path) -> None:
    text = '{"unwantedRecommendations": ["redhat.vscode-yaml"]}'
    path = project / ".vscode/extensions.json"
    path.parent.mkdir()
    path.write_text(text)
    run("--install")
    assert path.read_text() == text


def test_there_has_to_be_a_project(tmp_path: Path) -> None:
    assert "error[no-project]" in CliRunner().invoke(
        cli, ["-C", str(tmp_path), "schema", "--install"]
    ).stderr  # fmt: skip
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------------- modeline


@pytest.mark.parametrize(
    ("file", "leads_to"),
    [
        ("kpilayer.yml", ".kpilayer/schema/project.json"),
        ("kpilayer.lock", ".kpilayer/schema/lock.json"),
        ("models/orders.yml", "../.kpilayer/schema/definitions.json"),
        ("models/sales/orders.yml", "../../.kpilayer/schema/definitions.json"),
    ],
)
def test_a_modeline_leads_from_the_file_to_its_schema(
    project: Path, file: str, leads_to: str
) -> None:
    run("--install")
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    assert run("--modeline", file).stdout == f"# yaml-language-server: $schema={leads_to}\n"
    assert ((project / file).parent / leads_to).is_file()


def test_a_modeline_without_schemas_says_how_to_get_them(project: Path) -> None:
    assert "kpilayer schema --install" in run("--modeline", "models/orders.yml").stderr


def test_one_thing_at_a_time(project: Path) -> None:
    assert "Either" in run("--install", "--modeline", "kpilayer.yml", exit_code=2).stderr


# ------------------------------------------------------------------------------- JSON with comments


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", '{\n    "b": [\n        1\n    ]\n}\n'),
        ("// nothing yet", '// nothing yet\n{\n    "b": [\n        1\n    ]\n}\n'),
        ("{}", '{\n    "b": [\n        1\n    ]\n}'),
        ("{ // mine\n}", '{ // mine\n    "b": [\n        1\n    ]\n}'),
        ('{"a": 1}', '{"a": 1,\n    "b": [\n        1\n    ]\n}'),
        ('{\n\t"a": 1 // one\n}\n', '{\n\t"a": 1, // one\n\t"b": [\n\t\t1\n\t]\n}\n'),
        ('{\n  "b": []\n}', '{\n  "b": [\n      1\n  ]\n}'),
        ('{\n  "b": [2, 1]\n}', '{\n  "b": [2, 1]\n}'),
        ('{"b": [0, ], }', '{"b": [0,\n    1\n ], }'),
        ('{\r\n  "a": 1\r\n}', '{\r\n  "a": 1,\r\n  "b": [\r\n    1\r\n  ]\r\n}'),
        ('\ufeff{"b": [1]}', '\ufeff{"b": [1]}'),
        ('{"a": "// no, } comment"}', '{"a": "// no, } comment",\n    "b": [\n        1\n    ]\n}'),
    ],
)
def test_what_is_missing_is_inserted(text: str, result: str) -> None:
    assert merged(text, {"b": [1]}) == result


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES, max_size=4)


def commented(value: Any, data: st.DataObject) -> str:
    """JSON with comments and commas wherever they may stand."""
    blank = data.draw(st.sampled_from(["", " ", "\n", "// x {\n", "/* [1, */", "\t\n  "]))
    if not isinstance(value, (dict, list)) or not value:
        return f"{blank}{json.dumps(value)}"
    entries = (
        [f"{blank}{json.dumps(k)}:{commented(v, data)}" for k, v in value.items()]
        if isinstance(value, dict)
        else [commented(v, data) for v in value]
    )
    comma = data.draw(st.sampled_from(["", ","]))
    inside = ",".join(entries) + comma + blank
    return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]"


@given(before=MAPPINGS, additions=MAPPINGS, data=st.data())
def test_nothing_is_lost_and_everything_added(
    before: dict[str, Any], additions: dict[str, Any], data: st.DataObject
) -> None:
    text = commented(before, data)
    assert value_of(text) == before
    try:
        made = merged(text, additions)
    except CannotMerge:
        assert before.keys() & additions.keys(), "only what is there can be in the way"
        return
    rest = iter(made)
    assert all(letter in rest for letter in text), "the text is only added to"
    found = value_of(made)
    assert found.keys() == before.keys() | additions.keys()
    for key in additions.keys() - before.keys():
        assert found[key] == additions[key]
    for key in before.keys() - additions.keys():
        assert found[key] == before[key]
    assert merged(made, additions) == made


@pytest.mark.parametrize(
    "name", [".vscode", ".vscode/settings.json", ".vscode/extensions.json", ".kpilayer"]
)
@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_written_through_a_link_out_of_the_project(
    name: str, is_there: bool, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("home") / "other"
    if is_there:
        outside.write_text("{}") if name.endswith("json") else outside.mkdir()
    before = sorted(outside.parent.rglob("*"))
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).symlink_to(outside)
    result = run("--install", exit_code=2)
    assert "error[unreadable-file]: a link leads out of the project, to `" in result.stderr
    assert sorted(outside.parent.rglob("*")) == before
    assert not outside.is_file() or outside.read_text() == "{}"
    assert not list((project / ".kpilayer").glob("schema/*"))  # nor what is safe by itself


def test_a_link_that_stays_in_the_project_is_written_through(project: Path) -> None:
    (project / "shared").mkdir()
    (project / ".vscode").symlink_to("shared")
    run("--install")
    assert (project / ".vscode").is_symlink()
    assert (project / "shared" / "settings.json").is_file()


def test_a_project_that_is_itself_behind_a_link_is_written(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = tmp_path_factory.mktemp("ways") / "project"
    way.symlink_to(project)
    monkeypatch.chdir(way)
    run("--install")
    assert (project / ".kpilayer/schema/lock.json").is_file()
