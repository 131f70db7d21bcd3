"""The baseline of known drift, a file that `kpilayer drift --write-baseline` makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from kpilayer.errors import ConfigError, Issue, Location

_HEAD: Final = (
    "# Drift that is known, by `kpilayer drift --write-baseline`: only what is new fails.\n"
)
_KEYS: Final = ("id", "path", "column", "metric")


def read_baseline(path: Path) -> list[dict[str, str]]:
    """The entries of a baseline.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Issue("unreadable-file", f"`{path}` cannot be read: {error}")) from error
    except yaml.YAMLError as error:
        message = f"`{path}` is not well-formed YAML"
        raise ConfigError(Issue("yaml-syntax", message, Location(str(path)))) from error
    entries = data.get("known") if isinstance(data, Mapping) else None
    if data is None or entries is None:
        return []
    if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
        message = "a baseline holds `known:`, a list of entries with id, path, column and metric"
        raise ConfigError(Issue("bad-value", message, Location(str(path))))
    return [{key: str(entry[key]) for key in _KEYS} for entry in entries]


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, Mapping) and all(key in entry for key in _KEYS)


def write_baseline(path: Path, entries: Iterable[Mapping[str, str]]) -> None:
    """A baseline of entries, in order."""
    rows = [{key: entry[key] for key in _KEYS} for entry in entries]
    text = yaml.safe_dump({"known": rows}, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(_HEAD + text, encoding="utf-8", newline="\n")
