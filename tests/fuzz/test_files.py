"""No text, file or folder stops the reader, and none takes it long."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from kpilayer import Project
from kpilayer.errors import ConfigError, Issue
from kpilayer.load.lock_file import read_lock
from kpilayer.load.reader import read_yaml
from kpilayer.warehouse.profiles import find_target
from tests.fuzz.corpus_yaml import BYTES, TEXTS
from tests.fuzz.share import NIGHTLY, some
from tests.fuzz.targets import SHOP, lock, yaml_text

#: The large ones take seconds each.
SHORT = [name for name in TEXTS if NIGHTLY or len(TEXTS[name]) < 30_000]
SECONDS = 8  # of processor time, for the slowest machine


def quick(run: Callable[[], object]) -> object:
    began = time.process_time()
    result = run()
    assert time.process_time() - began < SECONDS
    return result


@pytest.mark.parametrize("name", SHORT)
def test_a_text_gives_data_or_issues(name: str, tmp_path: Path) -> None:
    text = TEXTS[name]
    document, issues = quick(lambda: read_yaml("m.yml", text))  # type: ignore[misc]
    assert document is not None or issues
    assert len("".join(map(str, issues))) < 30_000_000
    if len(text) < 200_000:
        data = text.encode("utf-8", "surrogatepass")
        quick(lambda: yaml_text(data))
        quick(lambda: lock(data))
    assert not list(Path("/tmp").glob("kpilayer-pwned*"))


@pytest.mark.parametrize("name", some([*SHORT, *BYTES], 4))
def test_a_project_with_such_a_file_is_checked(name: str, tmp_path: Path) -> None:
    data = BYTES[name] if name in BYTES else TEXTS[name].encode("utf-8", "surrogatepass")
    found = quick(lambda: project(tmp_path, {"models/odd.yml": data}).check())
    assert isinstance(found, tuple)
    for issue in found[:100]:
        assert str(issue)


@pytest.mark.parametrize("name", some(BYTES, 3))
@pytest.mark.parametrize(
    "file", ["kpilayer.yml", "kpilayer.lock", "profiles.yml", "macros/m.sql", "models/m.sql"]
)
def test_bytes_that_are_no_text_are_told(name: str, file: str, tmp_path: Path) -> None:
    try:
        loaded = quick(lambda: project(tmp_path, {file: BYTES[name]}))
        assert isinstance(loaded, Project)
        loaded.check()
    except ConfigError as error:
        assert file == "kpilayer.yml" and error.issues
    if file == "profiles.yml":
        with pytest.raises(ConfigError):
            find_target(
                project_dir=tmp_path,
                project_name="x",
                profile="x",
                profiles_dir=tmp_path,
                environ={},
            )


def project(root: Path, files: dict[str, bytes]) -> Project:
    texts = {"kpilayer.yml": b"name: shop\n", "models/shop.yml": SHOP.encode(), **files}
    for name, data in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return Project.load(root, connection=duckdb.connect(":memory:"))


def errors(loaded: Project) -> list[Issue]:
    return [i for i in loaded.check() if i.severity == "error"]


def test_every_equal_key_is_told() -> None:
    document, issues = read_yaml("m.yml", "a: 1\n" * 5_000)
    assert document is not None and len(issues) == 4_999


# ----------------------------------------------------------------------------------- file system


def test_a_folder_of_odd_files_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    loaded = project(tmp_path, {"models/sub/a.yml": b""})
    models = tmp_path / "models"
    (models / "loop").symlink_to(models)
    (models / "self.yml").symlink_to("self.yml")
    (models / "gone.yml").symlink_to("nowhere.yml")
    (models / "zero.yml").symlink_to("/dev/zero")
    (models / "input.sql").symlink_to("/dev/stdin")
    (models / "folder.yml").mkdir()
    os.mkfifo(models / "pipe.yml")
    os.mkfifo(models / "pipe.sql")
    (models / "a\nb.yml").write_text("models: 1")
    (models / "-rf.yml").write_text("models: 1")
    (models / "é\u202e.yml").write_text("models: 1")
    Path(os.fsdecode(os.fsencode(models) + b"/\xff\xfe.yml")).write_text("models: 2")
    loaded = quick(lambda: Project.load(tmp_path, connection=duckdb.connect()))  # type: ignore[assignment]
    told = {Path(i.location.path).name: i.code for i in errors(loaded) if i.location}
    for name in ("self.yml", "gone.yml", "zero.yml", "input.sql", "pipe.yml", "pipe.sql"):
        assert told[name] == "unreadable-file", name
    assert told["a\nb.yml"] == told["-rf.yml"] == "bad-value"
    assert "revenue" in loaded.catalog.metrics


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yml"
    secret.write_text("models: s3cret\n")
    (tmp_path / "shop").mkdir()
    project(tmp_path / "shop", {})
    (tmp_path / "shop" / "models" / "secret.yml").symlink_to(secret)
    (tmp_path / "shop" / "models" / "secret.sql").symlink_to(secret)
    (tmp_path / "shop" / "macros").mkdir()
    (tmp_path / "shop" / "macros" / "secret.sql").symlink_to(secret)
    loaded = Project.load(tmp_path / "shop", connection=duckdb.connect())
    assert [(i.code, i.location.path) for i in errors(loaded) if i.location] == [
        ("unreadable-file", "macros/secret.sql"),
        ("unreadable-file", "models/secret.sql"),
        ("unreadable-file", "models/secret.yml"),
    ]
    assert "s3cret" not in "".join(map(str, loaded.check()))


def test_a_link_inside_the_project_is_followed(tmp_path: Path) -> None:
    loaded = project(tmp_path, {"shared/more.yml": b"models: 1\n"})
    (tmp_path / "models" / "more.yml").symlink_to(tmp_path / "shared" / "more.yml")
    loaded = Project.load(tmp_path, connection=duckdb.connect())
    assert [str(i.location.path) for i in errors(loaded) if i.location] == ["models/more.yml"]


@pytest.mark.parametrize(
    "file",
    ["models/big.yml", "models/big.sql", "macros/big.sql", "kpilayer.lock", "models/big.yml.jinja"],
)
def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path, file: str) -> None:
    project(tmp_path, {file: b""})
    with (tmp_path / file).open("wb") as big:
        big.truncate(50_000_000_000)  # sparse: no disk is used
    loaded = quick(lambda: Project.load(tmp_path, connection=duckdb.connect()))
    assert isinstance(loaded, Project)
    assert [(i.code, i.location.path) for i in errors(loaded) if i.location] == [
        ("too-large", file)
    ]


@pytest.mark.parametrize("file", ["kpilayer.yml", "profiles.yml"])
def test_nor_is_a_configuration_without_end(tmp_path: Path, file: str) -> None:
    project(tmp_path, {})
    (tmp_path / "kpilayer.yml").write_text("name: shop\nprofile: shop\n")
    with (tmp_path / file).open("wb") as big:
        big.truncate(50_000_000_000)
    with pytest.raises(ConfigError, match="too-large"):
        Project.load(tmp_path, profiles_dir=tmp_path)


@pytest.mark.parametrize("key", ["model-paths", "metric-paths", "macro-paths"])
@pytest.mark.parametrize(
    "folder",
    ["a" * 5_000, "loop", "a\nb", "/", "..", "../..", "models/shop.yml", "~", "$HOME", "", "."],
)
def test_folders_that_are_none_are_told_or_empty(tmp_path: Path, key: str, folder: str) -> None:
    project(tmp_path, {})
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "kpilayer.yml").write_text(
        f'name: shop\n{key}: ["{folder}"]\n'.replace("a\nb", "a\\nb")
    )
    Project.load(tmp_path, connection=duckdb.connect()).check()


@pytest.mark.parametrize("path", ["\0", "a" * 5_000, "loop", "\ud800", "a\nb", "kpilayer.yml"])
def test_a_project_folder_that_is_none_is_told(tmp_path: Path, path: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match="no-project"):
        Project.load(tmp_path / path)


def test_a_lock_with_nothing_in_it_is_told() -> None:
    for text in ("", "[]", "1", "relations: 1", "{dialect: 1, relations: {a: {columns: {b: 1}}}}"):
        found, issues = read_lock(text)
        assert found is None and issues
