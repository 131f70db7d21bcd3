"""kpilayer.lock: its text to a :class:`Lock` and back, the same bytes for the same columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from kpilayer.errors import ConfigError, Issue, Location
from kpilayer.load.files import inside, read_text
from kpilayer.load.reader import read_yaml
from kpilayer.model.lock import Lock, LockedColumn, LockedRelation

LOCK_FILE: Final = "kpilayer.lock"
_HEAD: Final = "# Written by `kpilayer lock`, from the warehouse's own description. Commit it.\n"


def write_lock(lock: Lock) -> str:
    """A lock as YAML, relations in order of name, columns in their own."""
    relations = {
        key: {
            "columns": {c.name: _column(c) for c in relation.columns},
            **({"keys": [list(k) for k in sorted(relation.keys)]} if relation.keys else {}),
        }
        for key, relation in sorted(lock.relations.items())
    }
    data = {"dialect": lock.dialect, "relations": relations}
    return _HEAD + yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=100)


def _column(column: LockedColumn) -> dict[str, Any]:
    return {"type": column.type} | ({} if column.nullable else {"nullable": False})


def lock_in(root: Path) -> tuple[Lock | None, list[Issue]]:
    """The lock of a project, if it has one, and what is wrong with the file."""
    try:
        if not inside(root, LOCK_FILE).exists():
            return None, []
    except ConfigError as error:
        return None, list(error.issues)
    text, issue = read_text(root / LOCK_FILE, LOCK_FILE)
    if text is None:
        return None, [issue] if issue else []
    return read_lock(text)


def read_lock(text: str) -> tuple[Lock | None, list[Issue]]:
    """The lock that a text holds, or None and why it cannot be used."""
    document, issues = read_yaml(LOCK_FILE, text)
    if document is None or issues:
        return None, list(issues)
    try:
        return _lock(document.data), []
    except (AttributeError, KeyError, TypeError, ValueError):
        message = f"{LOCK_FILE} is not what `kpilayer lock` writes"
        hint = "run `kpilayer lock` again"
        return None, [Issue("bad-value", message, Location(LOCK_FILE), hint)]


def _lock(data: Any) -> Lock:
    relations = {
        str(key): LockedRelation(
            tuple(
                LockedColumn(str(name), str(column["type"]), bool(column.get("nullable", True)))
                for name, column in relation["columns"].items()
            ),
            tuple(tuple(str(c) for c in key) for key in relation.get("keys", ())),
        )
        for key, relation in (data["relations"] or {}).items()
    }
    return Lock(str(data["dialect"]), relations)
