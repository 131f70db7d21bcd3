"""dbt's target/semantic_manifest.json and target/manifest.json as definitions of a project.

Both hold dbt's legacy form as dbt (1.9 to 1.12) understood it, under other top-level keys: the
semantic manifest has lists, the manifest has mappings by unique id, and time spines on its nodes.

Issues: ``yaml-syntax``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from kpilayer.errors import Issue, Location
from kpilayer.load.dbt.reading import BOOKKEEPING, Parts, Reading, joined
from kpilayer.load.document import Document, YamlPath
from kpilayer.load.moved import Built, Part
from kpilayer.load.reader import MAX_CHARACTERS, MAX_NESTING, read_yaml

TOO_DEEP: Final = f"nested deeper than {MAX_NESTING} levels"
_DEFINED: Final = ("semantic_models", "metrics", "saved_queries", "exposures")
_T = TypeVar("_T")


def is_semantic_manifest(data: object) -> bool:
    """Whether the data are those of semantic_manifest.json."""
    keys = {"semantic_models", "metrics", "project_configuration"}
    return isinstance(data, dict) and keys <= data.keys()


def is_manifest(data: object) -> bool:
    """Whether the data are those of manifest.json."""
    if not isinstance(data, dict) or not isinstance(data.get("metadata"), dict):
        return False
    return isinstance(data.get("nodes"), dict) and "dbt_schema_version" in data["metadata"]


def read_artefact(path: str, text: str) -> tuple[Document | None, tuple[Issue, ...]]:
    """A JSON text as a document. Its places are looked for when they are first needed.

    A text too large for the YAML reader has no places but the file's.
    """
    text = text.removeprefix("\ufeff")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1]
        place = Location(path, error.lineno, error.colno, 1, line)
        return None, (Issue("bad-manifest", f"not JSON: {error.msg.lower()}", place),)
    except ValueError:
        message = "a number has more digits than are read"
        return None, (Issue("bad-manifest", message, Location(path)),)
    except RecursionError:
        return None, (Issue("bad-manifest", TOO_DEEP, Location(path)),)
    if len(text) > MAX_CHARACTERS:
        return Document(path, (), data, {}, {}), ()

    nowhere = Document(path, (), data, {}, {})

    @cache
    def read() -> Document:
        return read_yaml(path, text)[0] or nowhere

    keys, values = _Later(lambda: read().keys), _Later(lambda: read().values)
    return Document(path, tuple(text.split("\n")), data, keys, values), ()


@dataclass(frozen=True, slots=True)
class _Later(Mapping[YamlPath, _T]):
    """A mapping that is made when it is first asked."""

    make: Callable[[], Mapping[YamlPath, _T]]

    def __getitem__(self, path: YamlPath) -> _T:
        return self.make()[path]

    def __iter__(self) -> Iterator[YamlPath]:
        return iter(self.make())

    def __len__(self) -> int:
        return len(self.make())


# ------------------------------------------------------------------------------- what they define


@dataclass(frozen=True, slots=True)
class Contents:
    """The definitions of an artefact. Null and empty values are left out."""

    semantic_models: list[Part]
    metrics: list[Part]
    saved_queries: list[Part | Built]
    exposures: list[Part | Built]
    time_spines: list[Part]


_CONFIG: Final = ("enabled", "group", "meta", "tags")
_EXPORT: Final[dict[object, str]] = {"schema_name": "schema"}
_EXPOSURE: Final = ("name", "type", "label", "description", "url", "maturity", "owner", "tags")


def is_too_deep(data: dict[str, Any]) -> bool:
    """Whether what an artefact defines is nested deeper than a file may be."""
    nodes = data.get("nodes")
    spines = [n.get("time_spine") for n in _dicts(nodes)]
    read = [data.get(key) for key in (*_DEFINED, "project_configuration")]
    return any(_is_deeper(value, MAX_NESTING) for value in (*read, *spines))


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from (inner for inner in value.values() if isinstance(inner, dict))


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(i, levels - 1) for i in inner)


def contents(document: Document, reading: Reading) -> Contents:
    """What a document that is one of the two artefacts defines."""
    root = Part(document.data, document, ())
    found = {key: [_without_empty(p) for p in _entries(root, key, reading)] for key in _DEFINED}
    spines = []
    if isinstance(nodes := root.value.get("nodes"), dict):
        home = root.part("nodes")
        spines = [
            _spine(home.part(key))
            for key, node in nodes.items()
            if isinstance(node, dict) and isinstance(node.get("time_spine"), dict)
        ]
    return Contents(
        [_without_bookkeeping(p) for p in found["semantic_models"]],
        [_without_bookkeeping(p) for p in found["metrics"]],
        [_saved_query(p) for p in found["saved_queries"]],
        [_exposure(p) for p in found["exposures"]],
        spines,
    )


def _entries(root: Part, key: str, reading: Reading) -> list[Part]:
    """Entries of a list, or of a mapping by unique id."""
    value = root.value.get(key)
    if value is None:
        return []
    home = root.part(key)
    if isinstance(value, dict):
        parts = [home.part(name) for name in value]
    else:
        parts = reading.entries(home, "mappings")
    for part in parts:
        if not isinstance(part.value, dict):
            reading.report("bad-value", f"an entry of `{key}` is a mapping", part)
    return [p for p in parts if isinstance(p.value, dict)]


def _without_empty(part: Part) -> Part:
    return part._replace(value=_pruned(part.value, 0))


def _without_bookkeeping(part: Part) -> Part:
    kept = {key: value for key, value in part.value.items() if key not in BOOKKEEPING}
    return part._replace(value=kept)


def _pruned(value: Any, depth: int) -> Any:
    if depth > MAX_NESTING:
        return value
    if isinstance(value, list):
        return [_pruned(inner, depth + 1) for inner in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, inner in value.items():
        if key == "config" and isinstance(inner, dict):
            # Any further configuration is dbt's own; `enabled` is true, or it would not be here.
            inner = {k: inner[k] for k in _CONFIG if k in inner and inner[k] is not True} or (
                inner if depth > 0 and "export_as" in inner else None
            )
        if key != "meta":
            inner = _pruned(inner, depth + 1)
        if inner is not None and inner not in ("", [], {}):
            kept[key] = inner
    return kept


def _saved_query(part: Part) -> Part | Built:
    parts: Parts = {k: part.part(k) for k in part.value if k not in BOOKKEEPING and k != "group"}
    query = parts.get("query_params")
    if isinstance(query, Part) and isinstance(query.value, dict):
        inner: Parts = {k: query.part(k) for k in query.value if k != "where"}
        where = joined(query, query.part("where")) if "where" in query.value else None
        parts["query_params"] = Built(query, inner | ({} if where is None else {"where": where}))
    exports = parts.get("exports")
    if isinstance(exports, Part) and isinstance(exports.value, list):
        listed = [_export(exports.part(n)) for n in range(len(exports.value))]
        parts["exports"] = Built(exports, listed)
    settings = part.value.get("config")
    if isinstance(settings, dict) and settings.get("tags"):
        parts.pop("tags", None)  # the manifest says them twice
    return Built(part, parts)


def _export(part: Part) -> Part | Built:
    if not isinstance(part.value, dict):
        return part
    parts: Parts = {k: part.part(k) for k in part.value if k not in BOOKKEEPING}
    given = parts.get("config")
    if isinstance(given, Part) and isinstance(given.value, dict):
        renamed: Parts = {_EXPORT.get(k) or k: given.part(k) for k in given.value}
        parts["config"] = Built(given, renamed)
    return Built(part, parts)


def _exposure(part: Part) -> Built:
    """An exposure; what it depends on stands in it by unique id, and by name beside."""
    value = part.value
    parts: Parts = {key: part.part(key) for key in _EXPOSURE if key in value}
    depends: list[Part | Built] = []
    for key, function in (("refs", "ref"), ("sources", "source"), ("metrics", "metric")):
        listed = value.get(key)
        for index, entry in enumerate(listed if isinstance(listed, list) else ()):
            names = list(_reference(entry))
            if names:
                text = f"{function}({', '.join(names)})"
                depends.append(part.made(text, key, index))
    if depends:
        parts["depends_on"] = Built(part, depends)
    for key in ("config", "meta"):
        if key in value:
            parts[key] = part.part(key)
    return Built(part, parts)


def _reference(entry: Any) -> Iterator[str]:
    """The arguments of a `ref`, `source` or `metric`, as dbt's versions write it."""
    if isinstance(entry, dict):
        for key in ("package", "name"):
            if entry.get(key) is not None:
                yield f"'{entry[key]}'"
        if entry.get("version") is not None:
            yield f"v={entry['version']}"
    elif isinstance(entry, list):
        yield from (f"'{name}'" for name in entry)


def _spine(part: Part) -> Part:
    """A node with a time spine, as the semantic manifest says it."""
    node = part.value
    spine, columns = node["time_spine"], node.get("columns")
    name = spine.get("standard_granularity_column")
    column = columns.get(name) if isinstance(columns, dict) and isinstance(name, str) else None
    grain = column.get("granularity") if isinstance(column, dict) else None
    primary = {"name": name, "time_granularity": grain}
    relation = {
        "alias": node.get("alias") or node.get("name"),
        "schema_name": node.get("schema"),
        "database": node.get("database"),
        "relation_name": node.get("relation_name"),
    }
    found = {
        "node_relation": relation,
        "primary_column": primary,
        "custom_granularities": spine.get("custom_granularities"),
    }
    return part.made(_pruned(found, 0))
