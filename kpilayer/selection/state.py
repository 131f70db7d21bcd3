"""What a project was, and what has changed since: `state:new`, `modified`, `modified.meaning`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from kpilayer.catalog import Catalog
from kpilayer.errors import ConfigError, Issue
from kpilayer.identity import Identity, fingerprint
from kpilayer.join_graph import Reached
from kpilayer.model.definitions import Key
from kpilayer.model.metric import Metric
from kpilayer.model.semantic_model import Dimension, Model

#: What `kpilayer compile` writes, inside a project.
FOLDER: Final = Path("target") / "kpilayer"
MANIFEST: Final = "manifest.json"
SCHEMA: Final = "kpilayer/manifest@1"


@dataclass(frozen=True)
class State:
    """Definitions at some time, by digests of what is written and of what it means.

    A digest of ``definitions`` is None where it was not written down; ``meaning`` is None where
    there was none, as in a project with errors. ``doubts`` are sentences on what it lacks.
    """

    shown: str
    definitions: Mapping[Key, str | None]
    meaning: Callable[[Key], str | None]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changes:
    """The definitions of now beside those of before."""

    now: State
    before: State

    def holds(self, state: str, key: Key) -> bool:
        """Whether a definition is new, modified in any field, or modified in what it means.

        Raises:
            ConfigError: the state does not hold what has to be compared.
        """
        if key not in self.before.definitions:
            return state == "new" and (key[0] == "metric" or self.knows_models)
        match state:
            case "new":
                return False
            case "modified.meaning":
                return self._means_otherwise(key)
        return self._reads_otherwise(key) or self._means_otherwise(key)

    @cached_property
    def knows_models(self) -> bool:
        """Whether semantic models were written down before; without, none of them is new."""
        return any(kind == "model" for kind, _ in self.before.definitions)

    def _reads_otherwise(self, key: Key) -> bool:
        then = self.before.definitions[key]
        if then is None:
            message = f"`{self.before.shown}` does not hold the definitions, only what they mean"
            hint = "compile it again, compare with `git:REF`, or select `state:modified.meaning`"
            raise ConfigError(Issue("bad-value", message, None, hint))
        return self.now.definitions.get(key) != then

    def _means_otherwise(self, key: Key) -> bool:
        now = self.now.meaning(key)
        return now is not None and now != self.before.meaning(key)


def definition_digest(definition: Metric | Model) -> str:
    """A digest of every field that is written; those at their default take no part."""
    values = definition.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def model_fingerprint(identity: Identity, name: str) -> str:
    """What the rows of a model offer: its dimensions and entities by name, and its time."""
    model = identity.catalog.models[name]
    form = {
        "time": model.agg_time_dimension,
        "dimensions": {d.name: _column(identity, model, d) for d in model.dimensions},
        "entities": {
            e.name: [e.type, e.target, identity.column(Reached((), name, e, ()))]
            for e in model.entities
        },
    }
    return fingerprint(form)


def _column(identity: Identity, model: Model, dimension: Dimension) -> list[str]:
    return [dimension.type, identity.column(Reached((), model.name, dimension, ()))]


def state_of(catalog: Catalog, identity: Identity | None, shown: str) -> State:
    """The state of a loaded project; ``identity`` is None where its definitions have errors."""
    found: dict[Key, str | None] = {}
    for metric in catalog.definitions.metrics:
        found["metric", metric.name] = definition_digest(metric)
    for model in catalog.definitions.models:
        found["model", model.name] = definition_digest(model)

    def meaning(key: Key) -> str | None:
        kind, name = key
        if identity is None:
            return None
        if kind == "metric":
            return identity.metric(name) if name in catalog.metrics else None
        return model_fingerprint(identity, name) if name in catalog.models else None

    return State(shown, found, meaning)


def manifest_in(folder: Path) -> Path | None:
    """The manifest of a folder that `kpilayer compile` wrote, or that holds such a folder."""
    below = (folder, folder / FOLDER.name, folder / FOLDER)
    return next((f / MANIFEST for f in below if _is_ours(f / MANIFEST)), None)


def _is_ours(path: Path) -> bool:
    """Whether a file is a manifest, and not dbt's of the same name."""
    return path.is_file() and (path.parent.name == FOLDER.name or _schema(path) == SCHEMA)


def _schema(path: Path) -> object:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found.get("schema") if isinstance(found, dict) else None


def read_manifest(path: Path, shown: str) -> State:
    """The state that a manifest holds.

    Raises:
        ConfigError: it is not a manifest of kpilayer that this version reads.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "not JSON"
        raise ConfigError(Issue("unreadable-file", f"`{path}` cannot be read: {reason}")) from error
    metrics = data.get("metrics") if isinstance(data, dict) else None
    if not isinstance(metrics, dict) or data.get("schema") != SCHEMA:
        message = f"`{path}` is not a manifest that this version of kpilayer writes"
        raise ConfigError(Issue("bad-value", message, None, "compile it again"))
    models = data.get("models")
    entries = {
        **_entries("metric", metrics.items()),
        **_entries("model", models.items() if isinstance(models, dict) else ()),
    }
    return State(
        shown,
        {key: _text(entry, "definition") for key, entry in entries.items()},
        lambda key: _text(entries.get(key, {}), "fingerprint"),
    )


def _entries(kind: Any, items: Iterable[tuple[str, Any]]) -> dict[Key, dict[str, Any]]:
    return {(kind, name): entry for name, entry in items if isinstance(entry, dict)}


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) else None
