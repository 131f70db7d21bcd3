"""What is switched on: `enabled` of a definition, of its model, or of its folder.

dbt reads YAML 1.1, in which `no` and `off` are booleans; kpilayer's reader leaves them text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from kpilayer.model.definitions import Kind

#: Whether a project has definitions of a kind in a file, where they say nothing.
ByFolder = Callable[[Kind, str], bool]

#: https://yaml.org/type/bool.html without `y` and `n`, which PyYAML reads as text.
_WORDS: Final[Mapping[str, bool]] = MappingProxyType(
    {
        spelt: meaning
        for word, meaning in (
            *(("true", True), ("yes", True), ("on", True)),
            *(("false", False), ("no", False), ("off", False)),
        )
        for spelt in (word, word.capitalize(), word.upper())
    }
)


def truth(value: object) -> bool | None:
    """A boolean, or a word that is one in YAML 1.1; None for anything else.

    >>> truth(True), truth("Off"), truth("n"), truth(0)
    (True, False, None, None)
    """
    if isinstance(value, bool):
        return value
    return _WORDS.get(value) if isinstance(value, str) else None


def is_on(entry: Mapping[str, Any], kind: Kind, path: str, by_folder: ByFolder) -> bool:
    """Whether a definition in a file is there; what it says itself wins over its folder.

    `enabled` may still hold Jinja or nonsense: such a definition counts as there.
    """
    said = _enabled(entry.get("config"))
    return by_folder(kind, path) if said is None else truth(said) is not False


def is_semantic(model: Mapping[str, Any], path: str, by_folder: ByFolder) -> bool:
    """Whether the semantic part of an entry of `models:` is there, unless it says nothing of one.

    The model, its `semantic_model:` and the folder can each switch it off.
    """
    switch = model.get("semantic_model")
    if truth(switch) is False:
        return False
    said = [_enabled(model.get("config"))]
    if isinstance(switch, dict):
        said += [switch.get("enabled"), _enabled(switch.get("config"))]
    if any(truth(value) is False for value in said):
        return False
    configured = any(value is not None for value in (said[0], said[-1]))
    return configured or by_folder("model", path)


def _enabled(config: object) -> object:
    return config.get("enabled") if isinstance(config, dict) else None
