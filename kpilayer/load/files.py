"""A project's folder to its texts: which files there are, read as UTF-8, in one fixed order.

And the way back: nothing is written through a link that leads out of the project.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kpilayer.errors import ConfigError, Issue, Location

PROJECT_FILE: Final = "kpilayer.yml"
DBT_FILE: Final = "dbt_project.yml"
MAX_BYTES: Final = 40_000_000  # of one file: as many as the characters that the reader takes
MAX_JSON_BYTES: Final = 500_000_000  # of what dbt wrote, with all that it installed
MAX_SQL_BYTES: Final = 1_000_000  # of a SQL model, macro file or template
_YAML: Final = (".yml", ".yaml")
_TEMPLATES: Final = (".yml.jinja", ".yaml.jinja")


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts by path relative to the project, in the order of paths, by what they are."""

    yaml: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    sql: dict[str, str] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    """Markdown, which holds dbt's `{% docs %}` blocks."""
    artefacts: list[str] = field(default_factory=list)
    """JSON files that the project names; their texts are large, and not read here."""
    unread: list[str] = field(default_factory=list)
    """SQL that another tool renders."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where to look: paths relative to ``root``, which lie in it or in one of ``inside``.

    ``apart`` are folders that are no part of the project wherever they lie; of those in
    ``rendered_elsewhere``, SQL is not read. ``places`` says where a folder is named.
    """

    root: Path
    models: tuple[str, ...]
    metrics: tuple[str, ...]
    macros: tuple[str, ...]
    inside: tuple[Path, ...] = ()
    apart: tuple[Path, ...] = ()
    rendered_elsewhere: tuple[Path, ...] = ()
    places: Mapping[str, Location] = field(default_factory=dict)


def find_root(start: Path) -> Path:
    """The nearest folder, from ``start`` upwards, that holds kpilayer.yml or dbt_project.yml.

    Raises:
        ConfigError: `no-project`, when there is none.
        FileNotFoundError: the current folder is gone.
    """
    try:
        start = start.resolve()
        if not start.is_dir():
            raise ConfigError(Issue("no-project", f"there is no folder `{start}`"))
        for folder in (start, *start.parents):
            if any((folder / name).is_file() for name in (PROJECT_FILE, DBT_FILE)):
                return folder
    except FileNotFoundError:  # the current folder is gone
        raise
    except _NO_PATH as error:
        message = f"the folder cannot be read: {_why(error)}"
        raise ConfigError(Issue("no-project", message)) from None
    message = f"no {PROJECT_FILE} in `{start}` or any folder above it"
    raise ConfigError(Issue("no-project", message, hint="start one with `kpilayer init`"))


def find_above(start: Path, name: str) -> Path | None:
    """The nearest folder, from ``start`` upwards, with a file of this name."""
    return next((f for f in (start, *start.parents) if (f / name).is_file()), None)


def shown_from(root: Path, path: Path) -> str:
    """A path as messages show it: relative to the project, with `..` where it lies outside."""
    return Path(os.path.relpath(path.parent.resolve() / path.name, root.resolve())).as_posix()


#: What a path that no file can have raises: a NUL in it, a link to itself, too many letters.
_NO_PATH: Final = (OSError, RuntimeError, ValueError)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def read_text(path: Path, shown: str, most: int = MAX_BYTES) -> tuple[str | None, Issue | None]:
    """A file of at most so many bytes as text, or why it cannot be read.

    ``shown`` is its path in messages.
    """
    try:
        if path.exists() and not path.is_file():
            return None, Issue("unreadable-file", "is not a regular file", Location(shown))
        with path.open("rb") as file:
            data = file.read(most + 1)  # not its size: a file may be sparse, or grow
    except _NO_PATH as error:
        return None, Issue("unreadable-file", f"cannot be read: {_why(error)}", Location(shown))
    if len(data) > most:
        message = f"the file has more than {most:,} bytes"
        return None, Issue("too-large", message, Location(shown))
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        place = Location(shown, line, column)
        return None, Issue("unreadable-file", message, place, "save the file as UTF-8")


def read_texts(folders: Folders) -> tuple[Texts, list[Issue]]:
    """All files of a project. Hidden ones are left out; links to folders are not followed."""
    texts = Texts()
    issues: list[Issue] = []
    texts.artefacts.extend(f for f in dict.fromkeys(folders.models) if f.endswith(".json"))
    models = tuple(f for f in folders.models if not f.endswith(".json"))
    elsewhere = [f.resolve() for f in folders.rendered_elsewhere]
    for shown in _walk(folders, (*models, *folders.metrics), issues):
        if shown.endswith(_TEMPLATES):
            _read(folders, shown, texts.templates, issues)
        elif shown.endswith(_YAML):
            _read(folders, shown, texts.yaml, issues)
    for shown in _walk(folders, models, issues):
        if shown.endswith(".sql") and any(_lies_in(folders, shown, f) for f in elsewhere):
            texts.unread.append(shown)
        elif shown.endswith(".sql"):
            _read(folders, shown, texts.sql, issues)
        elif shown.endswith(".md"):
            _read(folders, shown, texts.notes, [])  # a note that cannot be read breaks nothing
    for shown in _walk(folders, folders.macros, issues):
        if shown.endswith((".sql", ".jinja")):
            _read(folders, shown, texts.macros, issues)
        elif shown.endswith(".md"):
            _read(folders, shown, texts.notes, [])
    return texts, issues


def _walk(folders: Folders, names: tuple[str, ...], issues: list[Issue]) -> list[str]:
    found: set[str] = set()
    root = folders.root.resolve()
    allowed = (root, *(f.resolve() for f in folders.inside))
    apart = {f.resolve() for f in folders.apart}
    for name in names:
        place = folders.places.get(name, Location(PROJECT_FILE))
        try:
            folder = (root / name).resolve()
            stands = folder.exists() and not folder.is_dir()
        except _NO_PATH as error:
            message = f"`{name[:60]}` is not a folder: {_why(error)}"
            issues.append(Issue("bad-value", message[:200], place))
            continue
        if not any(folder.is_relative_to(one) for one in allowed):
            message = f"folder `{name}` lies outside the project"
            issues.append(Issue("bad-value", message, place))
            continue
        if stands:
            issues.append(Issue("unreadable-file", f"`{name}` is not a folder", Location(name)))
        for parent, inner, files in os.walk(folder, onerror=lambda e: _unread(e, root, issues)):
            here = Path(parent)
            inner[:] = [d for d in inner if not d.startswith(".") and here / d not in apart]
            found.update(shown_from(root, here / f) for f in files if not f.startswith("."))
    return sorted(found)


def _lies_in(folders: Folders, shown: str, folder: Path) -> bool:
    return Path(os.path.normpath(folders.root.resolve() / shown)).is_relative_to(folder)


def _unread(error: OSError, root: Path, issues: list[Issue]) -> None:
    """A folder that is there and cannot be listed: what it defines would be missing silently."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return
    shown = shown_from(root, Path(str(error.filename)))
    issues.append(Issue("unreadable-file", f"cannot be read: {error.strerror}", Location(shown)))


def _read(folders: Folders, shown: str, into: dict[str, str], issues: list[Issue]) -> None:
    most = MAX_BYTES if shown.endswith(_YAML) else MAX_SQL_BYTES
    text, issue = None, _outside(folders, shown)
    if issue is None:
        text, issue = read_text(folders.root / shown, shown, most)
    if issue is not None:
        issues.append(issue)
    if text is not None:
        into[shown] = text


def _outside(folders: Folders, shown: str) -> Issue | None:
    """A link out of the project: its text would be shown to whoever reads the messages."""
    try:
        path = (folders.root / shown).resolve()
        inside = any(path.is_relative_to(f.resolve()) for f in (folders.root, *folders.inside))
    except _NO_PATH as error:
        return Issue("unreadable-file", f"cannot be read: {_why(error)}", Location(shown))
    if inside:
        return None
    what = "is a link to a file outside the project"
    return Issue("unreadable-file", what, Location(shown), "copy the file into the project")


# ------------------------------------------------------------------------------------------ writing


def inside(root: Path, name: str) -> Path:
    """Where a file or folder of the project lies once links are followed; it need not be there.

    Raises:
        ConfigError: `unreadable-file`, when a link leads out of the project.
    """
    try:
        real = (root / name).resolve()
        if real.is_relative_to(root.resolve()):
            return real
        what = f"a link leads out of the project, to `{real}`"
    except _NO_PATH as error:
        what = f"cannot be written: {_why(error)}"
    hint = "kpilayer writes inside the project: take the link away"
    raise ConfigError(Issue("unreadable-file", what, Location(name), hint))


def write_inside(root: Path, name: str, text: str) -> None:
    """Writes a file of the project, whole or not at all; a link inside the project stays one.

    Raises:
        ConfigError: as ``inside``.
        OSError: it cannot be written; what was there is as it was.
    """
    real = inside(root, name)
    real.parent.mkdir(parents=True, exist_ok=True)
    beside = real.with_name(f".{real.name}.{os.getpid()}.part")
    file = beside.open("x", encoding="utf-8", newline="\n")
    try:
        with file:
            file.write(text)
        if real.exists():
            shutil.copymode(real, beside)
        beside.replace(real)
    finally:
        beside.unlink(missing_ok=True)
