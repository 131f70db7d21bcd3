"""A project's text files in one JSON file, which `kpilayer compile` leaves beside its manifest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kpilayer.errors import ConfigError, Issue
from kpilayer.load.approvals import APPROVALS_FILE
from kpilayer.load.files import DBT_FILE, PROJECT_FILE, read_text, read_texts
from kpilayer.load.layout import Layout
from kpilayer.load.lock_file import LOCK_FILE

SNAPSHOT: Final = "project.json"
_SCHEMA: Final = "kpilayer/project@1"


def snapshot(layout: Layout) -> str:
    """The project's files as JSON, by path; those outside of its folder are left out."""
    texts, _ = read_texts(layout.folders)
    kinds = (texts.yaml, texts.templates, texts.sql, texts.macros, texts.notes)
    found = {path: text for kind in kinds for path, text in kind.items()}
    for name in (PROJECT_FILE, DBT_FILE, LOCK_FILE, APPROVALS_FILE):
        if (layout.root / name).is_file():
            text, _ = read_text(layout.root / name, name)
            found |= {} if text is None else {name: text}
    files = {path: found[path] for path in sorted(found) if not path.startswith(("..", "/"))}
    told = {"schema": _SCHEMA, "files": files}
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


@contextmanager
def restored(path: Path) -> Iterator[Path]:
    """A folder with the files of a snapshot.

    Raises:
        ConfigError: it is not there, or not one that this version writes.
    """
    files = _files(path)
    with tempfile.TemporaryDirectory(prefix="kpilayer-") as name:
        top = Path(name).resolve()
        for shown, text in files.items():
            try:
                file = (top / shown).resolve()
                if not file.is_relative_to(top):
                    raise _unusable(path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8", newline="")
            except (OSError, ValueError) as error:  # no name of a file, no text
                raise _unusable(path) from error
        yield top


def _files(path: Path) -> dict[str, str]:
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"`{path.parent}` has no {SNAPSHOT}, which holds the definitions"
        hint = "compile it again, or compare with a reference of git"
        raise ConfigError(Issue("bad-value", message, None, hint)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path) from error
    files = told.get("files") if isinstance(told, dict) and told.get("schema") == _SCHEMA else None
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise _unusable(path)
    return files


def _unusable(path: Path) -> ConfigError:
    message = f"`{path}` is not what this version of kpilayer writes"
    return ConfigError(Issue("bad-value", message, None, "compile it again"))
