"""A project's folder to its texts: which files there are, read as UTF-8, in one fixed order."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kpilayer.errors import ConfigError, Issue, Location

PROJECT_FILE: Final = "kpilayer.yml"
_YAML: Final = (".yml", ".yaml")
_TEMPLATES: Final = (".yml.jinja", ".yaml.jinja")


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts by path relative to the project, in the order of paths, by what they are."""

    yaml: dict[str, str]
    templates: dict[str, str]
    sql: dict[str, str]
    macros: dict[str, str]


def find_root(start: Path) -> Path:
    """The nearest folder, from ``start`` upwards, that holds kpilayer.yml.

    Raises:
        ConfigError: `no-project`, when there is none.
    """
    start = start.resolve()
    if not start.is_dir():
        raise ConfigError(Issue("no-project", f"there is no folder `{start}`"))
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    message = f"no {PROJECT_FILE} in `{start}` or any folder above it"
    raise ConfigError(Issue("no-project", message, hint="start one with `kpilayer init`"))


def read_text(path: Path, shown: str) -> tuple[str | None, Issue | None]:
    """A file as text, or why it cannot be read; ``shown`` is its path in messages."""
    if path.exists() and not path.is_file():
        return None, Issue("unreadable-file", "is not a regular file", Location(shown))
    try:
        data = path.read_bytes()
    except OSError as error:
        return None, Issue("unreadable-file", f"cannot be read: {error.strerror}", Location(shown))
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        place = Location(shown, line, column)
        return None, Issue("unreadable-file", message, place, "save the file as UTF-8")


def read_texts(
    root: Path,
    model_paths: Iterable[str],
    metric_paths: Iterable[str],
    macro_paths: Iterable[str],
) -> tuple[Texts, list[Issue]]:
    """All files of a project. Hidden ones are left out; links to folders are not followed."""
    texts = Texts({}, {}, {}, {})
    issues: list[Issue] = []
    model_folders, metric_folders = tuple(model_paths), tuple(metric_paths)
    for shown in _walk(root, (*model_folders, *metric_folders), issues):
        if shown.endswith(_TEMPLATES):
            _read(root, shown, texts.templates, issues)
        elif shown.endswith(_YAML):
            _read(root, shown, texts.yaml, issues)
    for shown in _walk(root, model_folders, issues):
        if shown.endswith(".sql"):
            _read(root, shown, texts.sql, issues)
    for shown in _walk(root, tuple(macro_paths), issues):
        if shown.endswith((".sql", ".jinja")):
            _read(root, shown, texts.macros, issues)
    return texts, issues


def _walk(root: Path, folders: tuple[str, ...], issues: list[Issue]) -> list[str]:
    found: set[str] = set()
    for name in folders:
        folder = (root / name).resolve()
        if not folder.is_relative_to(root.resolve()):
            message = f"folder `{name}` lies outside the project"
            issues.append(Issue("bad-value", message, Location(PROJECT_FILE)))
            continue
        if folder.exists() and not folder.is_dir():
            issues.append(Issue("unreadable-file", f"`{name}` is not a folder", Location(name)))
        for parent, inner, files in os.walk(folder, onerror=lambda e: _unread(e, root, issues)):
            inner[:] = [d for d in inner if not d.startswith(".")]
            for file in files:
                if not file.startswith("."):
                    found.add((Path(parent) / file).relative_to(root.resolve()).as_posix())
    return sorted(found)


def _unread(error: OSError, root: Path, issues: list[Issue]) -> None:
    """A folder that is there and cannot be listed: what it defines would be missing silently."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return
    path = Path(str(error.filename))
    shown = (
        path.relative_to(root.resolve()).as_posix()
        if path.is_relative_to(root.resolve())
        else str(path)
    )
    issues.append(Issue("unreadable-file", f"cannot be read: {error.strerror}", Location(shown)))


def _read(root: Path, shown: str, into: dict[str, str], issues: list[Issue]) -> None:
    text, issue = read_text(root / shown, shown)
    if issue is not None:
        issues.append(issue)
    if text is not None:
        into[shown] = text
