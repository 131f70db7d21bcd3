"""What dbt wrote into target/: where `ref` and `source` lead, and the types of columns.

Only JSON is read, and of it only what says where tables are; dbt is never run or imported. The
schema of manifest.json is dbt's, v9 (dbt 1.5) to v12 (dbt 1.8 to 1.12); later ones are read with a
warning. See https://schemas.getdbt.com/dbt/manifest/v12.json.

Issues: ``bad-manifest``, ``unreadable-file``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from kpilayer.errors import Issue, Location
from kpilayer.load.files import MAX_JSON_BYTES, read_text
from kpilayer.model.lock import LockedColumn, LockedRelation
from kpilayer.model.source import with_names
from kpilayer.snippets import quote_of

OLDEST: Final = 9
NEWEST: Final = 12
PARSE: Final = "run `dbt parse`"

#: A dbt adapter to the SQL dialect that it speaks, where the two have different words.
_SPEAKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fabricspark": "spark", "glue": "spark", "greenplum": "postgres", "impala": "hive",
        "motherduck": "duckdb", "sqlserver": "tsql", "synapse": "tsql", "vertica": "postgres",
    }
)  # fmt: skip
_SAME: Final = frozenset(
    (
        *("athena", "bigquery", "clickhouse", "databricks", "doris", "dremio", "drill"),
        *("duckdb", "exasol", "fabric", "hive", "materialize", "mysql", "oracle", "postgres"),
        *("presto", "redshift", "risingwave", "snowflake", "spark", "sqlite", "starrocks"),
        *("teradata", "trino"),
    )
)
_VERSION: Final = re.compile(r"/manifest/v([0-9]{1,4})(?:\.json)?$")
_BUILT: Final = ("model", "seed", "snapshot")
_CLOSE: Final[Mapping[str, str]] = MappingProxyType({'"': '"', "`": "`", "[": "]"})
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


@dataclass(frozen=True, slots=True)
class DbtManifest:
    """Where dbt builds what it builds.

    Keys of ``refs`` are lower-case model names: `orders`, and for versions and packages also
    `orders.v2`, `finance.orders`, `finance.orders.v2`. Values are relations, each part in quotes
    where the adapter quotes it. ``unbuilt`` holds names that lead nowhere, and why.
    """

    path: str
    adapter_type: str
    refs: Mapping[str, str]
    sources: Mapping[tuple[str, str], str]
    files: Mapping[tuple[str, str], str]
    unbuilt: Mapping[str, str]
    named: Mapping[str, str]
    """The name for `ref` of each relation, as dbt writes it: without a version for the latest one,
    and without its package unless `ref` would then lead elsewhere."""


def dialect_of(adapter: str) -> str | None:
    """The SQL dialect of a dbt adapter; None for one that is not known.

    >>> dialect_of("sqlserver"), dialect_of("snowflake"), dialect_of("parrot")
    ('tsql', 'snowflake', None)
    """
    return _SPEAKS.get(adapter, adapter if adapter in _SAME else None)


def quoted(part: str, quote: str) -> str:
    """A name in the quotes of a dialect, which start with ``quote``.

    >>> quoted("a]b", "["), quoted("x", "`")
    ('[a]]b]', '`x`')
    """
    close = _CLOSE.get(quote, quote)
    return f"{quote}{part.replace(close, close * 2)}{close}"


# ----------------------------------------------------------------------------------------- reading


def read_json(path: Path, shown: str) -> tuple[Any, Issue | None]:
    """The value that a JSON file holds, or why it cannot be read."""
    text, issue = read_text(path, shown, MAX_JSON_BYTES)
    if text is None:
        return None, issue
    try:
        return json.loads(text), None
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        why = getattr(error, "msg", None) or "it is nested too deeply"
        message = f"it is not JSON: {why[:1].lower()}{why[1:]}"
        hint = f"dbt writes it anew: {PARSE}"
        return None, Issue("bad-manifest", message, Location(shown, line), hint)


def read_manifest(
    path: Path, shown: str, dialect: str | None = None
) -> tuple[DbtManifest | None, list[Issue]]:
    """Dbt's manifest.json, or None and why not; ``quote`` is that of the dialect of the relations.

    By default relations are in the quotes that the adapter's own dialect has.
    """
    data, issue = read_json(path, shown)
    if issue is not None:
        return None, [issue]
    try:
        return _manifest(data, shown, dialect)
    except (AttributeError, KeyError, TypeError, ValueError):
        message = "it is not a manifest.json that dbt has written"
        return None, [Issue("bad-manifest", message, Location(shown), f"{PARSE} again")]


def _manifest(
    data: dict[str, Any], shown: str, dialect: str | None
) -> tuple[DbtManifest | None, list[Issue]]:
    metadata = data["metadata"]
    found = _VERSION.search(str(metadata.get("dbt_schema_version")))
    version = int(found[1]) if found else 0
    issues: list[Issue] = []
    if version < OLDEST:
        given = f"version {version}" if version else "no version"
        message = f"its format has {given}; versions {OLDEST} to {NEWEST} are read"
        hint = "run `dbt parse` with dbt 1.5 or later"
        return None, [Issue("bad-manifest", message, Location(shown), hint)]
    if version > NEWEST:
        message = f"its format is version {version}, later than {NEWEST}, the last that is known"
        issues.append(
            Issue(
                "bad-manifest",
                message,
                Location(shown),
                "it is read all the same; compare a number with dbt's",
                "warning",
            )
        )
    own = str(metadata.get("project_name") or "")
    adapter = str(metadata.get("adapter_type") or "")
    quote = quote_of(dialect or dialect_of(adapter) or "duckdb")
    nodes = [n for n in data["nodes"].values() if n.get("resource_type") in _BUILT]
    refs: dict[str, str] = {}
    unbuilt: dict[str, str] = {}
    named: dict[str, str] = {}
    # The project's own models last: they win over a package's of the same name, as in dbt.
    for node in sorted(nodes, key=lambda n: (n.get("package_name") == own, n.get("unique_id", ""))):
        place = _relation(node, quote)
        for name in _names(node):
            if place is None:
                unbuilt[name] = "is ephemeral: dbt makes no table of it"
            else:
                refs[name] = place
    for node in nodes:
        if node.get("relation_name"):
            *_, name = _names(node, packages=False)
            whole = f"{str(node.get('package_name') or '').lower()}.{name}"
            is_short = refs.get(name) == refs.get(whole, refs.get(name))
            named[str(node["relation_name"])] = name if is_short else whole
    for node in _disabled(data):
        for name in _names(node):
            unbuilt.setdefault(name, "is disabled in dbt")
    sources = {
        (str(n["source_name"]), str(n["name"])): place
        for n in (data.get("sources") or {}).values()
        if (place := _relation(n, quote)) is not None
    }
    files = {
        (str(n["source_name"]), str(n["name"])): place
        for n in (data.get("sources") or {}).values()
        if (place := _files(n)) is not None
    }
    left = {name: why for name, why in unbuilt.items() if name not in refs}
    return DbtManifest(shown, adapter, refs, sources, files, left, named), issues


def _disabled(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for nodes in (data.get("disabled") or {}).values():
        yield from (n for n in nodes if n.get("resource_type") in _BUILT)


def _names(node: dict[str, Any], *, packages: bool = True) -> list[str]:
    """Every name that `ref` can use for a node, in lower case; with its package last."""
    name, version = str(node["name"]).lower(), node.get("version")
    names = [] if version is None else [f"{name}.v{version}"]
    if version is None or version == node.get("latest_version"):
        names.append(name)
    package = str(node.get("package_name") or "").lower() if packages else ""
    return [*names, *(f"{package}.{n}" for n in names if package)]


def _files(node: dict[str, Any]) -> str | None:
    """The files of a source that dbt-duckdb reads from files."""
    config = node.get("config") or {}
    told = (config.get("meta"), node.get("meta"), node.get("source_meta"))
    locations = (m.get("external_location") for m in told if isinstance(m, dict))
    location = next((text for text in locations if isinstance(text, str) and text), None)
    if location is None:
        return None
    keys = ("name", "identifier", "schema", "database", "source_name")
    return with_names(location, {key: str(node.get(key) or "") for key in keys})


def _relation(node: dict[str, Any], quote: str) -> str | None:
    """Where a node's rows are; None for one without a table of its own."""
    if (node.get("config") or {}).get("materialized") == "ephemeral":
        return None
    text = node.get("relation_name")
    if not text:
        alias = node.get("alias") or node.get("identifier") or node["name"]
        parts = [(str(p), True) for p in (node.get("database"), node.get("schema"), alias) if p]
    else:
        parts = list(_parts(str(text)))
    return ".".join(
        quoted(part, quote) if in_quotes or not _WORD.fullmatch(part) else part
        for part, in_quotes in parts
    )


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a relation as an adapter writes it, and whether each stood in quotes."""
    rest = text.strip()
    while rest:
        close = _CLOSE.get(rest[0])
        if close is None:
            part, _, rest = rest.partition(".")
            yield part, False
            continue
        at = 1
        while at < len(rest) and (rest[at] != close or rest[at + 1 : at + 2] == close):
            at += 2 if rest[at] == close else 1
        yield rest[1:at].replace(close * 2, close), True
        rest = rest[at + 1 :].removeprefix(".")


# -------------------------------------------------------------------- artefacts as a project's file


def made_for(
    manifest: DbtManifest, schema: str, others: Sequence[tuple[str, str]]
) -> tuple[str, str] | None:
    """Another target, with its schema, in which dbt builds by this manifest; None where in this.

    By default dbt builds in the target's schema, or in `<schema>_<custom schema>`. What a project
    builds elsewhere by a rule of its own says nothing.
    """
    found = ([part for part, _ in _parts(text)] for text in manifest.refs.values())
    there = {parts[-2].lower() for parts in found if len(parts) > 1}

    def builds_in(name: str) -> bool:
        return any(s == name.lower() or s.startswith(f"{name.lower()}_") for s in there)

    if not schema or builds_in(schema):
        return None
    return next(((name, other) for name, other in others if builds_in(other)), None)


def with_ref_names(data: Any, named: Mapping[str, str]) -> Any:
    """An artefact of dbt whose semantic models stand on names for `ref`, not on aliases.

    dbt writes the table's alias there, which YAML does not name: one definition would be two. The
    semantic manifest has a list of semantic models, the manifest a mapping by unique id.
    """
    models = data.get("semantic_models") if isinstance(data, dict) else None
    if isinstance(models, list):
        return {**data, "semantic_models": [_renamed(model, named) for model in models]}
    if isinstance(models, dict):
        renamed = {key: _renamed(model, named) for key, model in models.items()}
        return {**data, "semantic_models": renamed}
    return data


def _renamed(model: Any, named: Mapping[str, str]) -> Any:
    place = model.get("node_relation") if isinstance(model, dict) else None
    if not isinstance(place, dict):
        return model
    name = named.get(str(place.get("relation_name")))
    return model if name is None else {**model, "node_relation": {**place, "alias": name}}


# --------------------------------------------------------------------------------- columns, by dbt


def read_catalog(
    path: Path, shown: str
) -> tuple[Mapping[tuple[str, ...], LockedRelation], list[Issue]]:
    """Columns and types of dbt's catalog.json by database, schema and name, in lower case.

    dbt records no keys, and not whether a column may be NULL.
    """
    data, issue = read_json(path, shown)
    if issue is not None:
        return {}, [issue]
    found: dict[tuple[str, ...], LockedRelation] = {}
    try:
        for node in (*data["nodes"].values(), *data["sources"].values()):
            place = node["metadata"]
            columns = sorted(node["columns"].values(), key=lambda c: int(c.get("index") or 0))
            key = tuple(str(place.get(k) or "").lower() for k in ("database", "schema", "name"))
            locked = (LockedColumn(str(c["name"]), str(c["type"])) for c in columns)
            found[key] = LockedRelation(tuple(locked))
    except (AttributeError, KeyError, TypeError, ValueError):
        message = "it is not a catalog.json that dbt has written"
        hint = "run `dbt docs generate`"
        return {}, [Issue("bad-manifest", message, Location(shown), hint)]
    return found, []
